#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Functions of GIO's and of other libraries: which are found, what they take and what they give."""

import functools
import importlib
import os
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import gi

import harness
from cells import CALLERS
from harness import Home, expect_error, run_python, test

from gi.repository import Gio, GLib, SmartAsync
from smartasync_glib import pairs

smartasync = SmartAsync.smartasync
PRIVATE = SmartAsync.MainContextPolicy.PRIVATE


# Which

def list_asynchronous():
    """(the name, the function) of each of GIO's that has a callback, and whose result another fetches."""
    with warnings.catch_warnings():
        # Some of them have another home by now.
        warnings.simplefilter('ignore', DeprecationWarning)
        owners = [what for what in (getattr(Gio, name) for name in dir(Gio)) if isinstance(what, type)]
    methods = [getattr(owner, name, None) for owner in owners for base in owner.__mro__
               for name, what in vars(base).items()
               if isinstance(getattr(what, '__func__', what), gi._gi.FunctionInfo)]
    functions = {f'{info.get_container().get_name()}.{info.get_name()}': info for info in methods
                 if isinstance(info, gi._gi.FunctionInfo) and info.get_namespace() == 'Gio'}
    for name, info in functions.items():
        takes = [argument.get_name() for argument in info.get_arguments()]
        if 'callback' in takes and f'{name.removesuffix("_async")}_finish' in functions:
            yield name, info


@test('/python/pairs/all-of-gio', main_only=True)
def all_are_found():
    found = dict(list_asynchronous())
    assert len(found) >= 110, sorted(found)
    for name, info in found.items():
        function = smartasync(info)
        assert isinstance(function, pairs.PairFunction), name
        assert function.__name__ == f'Gio.{name.removesuffix("_async")}', (name, function.__name__)
    # The one whose name is not its finish function's, and one that makes an object.
    for info in (Gio.File.replace_contents_bytes_async, Gio.DBusProxy.new, Gio.DBusProxy.new_sync):
        assert isinstance(smartasync(info), pairs.PairFunction), info
    n_dual = sum(smartasync(info)._pair.blocking is not None for info in found.values())
    assert n_dual >= 85, n_dual


@test('/python/pairs/not-a-pair', main_only=True)
def others_are_not():
    # Nothing fetches what these come to, or nothing is called back: plain functions.
    for info in (Gio.File.new_for_path, Gio.File.get_path, Gio.Task.new, Gio.bus_own_name):
        assert not isinstance(smartasync(info), pairs.PairFunction), info
    assert smartasync(Gio.File.new_for_path)('/x').get_path() == '/x'


# What they take

@test('/python/pairs/arguments')
def arguments():
    load = smartasync(Gio.File.load_contents)
    query = smartasync(Gio.File.query_info)
    none = Gio.FileQueryInfoFlags.NONE
    file = Gio.File.new_for_path(__file__)
    for caller in CALLERS.values():
        size = Path(__file__).stat().st_size
        # The blocking one's, with an io_priority or without, by position and by name.
        for args, kwargs in [(('standard::size', none, None), {}),
                             (('standard::size', none), {}),
                             (('standard::size', none, GLib.PRIORITY_LOW, None), {}),
                             (('standard::size', none), {'io_priority': GLib.PRIORITY_LOW}),
                             (('standard::size',), {'flags': none, 'cancellable': None}),
                             ((), {'attributes': 'standard::size', 'flags': none})]:
            info = caller(functools.partial(query, file, *args, **kwargs))
            assert info.get_size() == size, (args, kwargs)
        cancelled = Gio.Cancellable()
        cancelled.cancel()
        expect_error(caller, functools.partial(load, file, cancellable=cancelled),
                     code=Gio.IOErrorEnum.CANCELLED)
        expect_error(caller, load, file, cancelled, code=Gio.IOErrorEnum.CANCELLED)
        for wrong in [functools.partial(load, file, None, None), functools.partial(load),
                      functools.partial(load, file, etag=None),
                      functools.partial(load, file, None, cancellable=None)]:
            harness.expect(TypeError, caller, wrong)


# What they give

@test('/python/pairs/results')
def results():
    file = Gio.File.new_for_path(__file__)
    missing = Gio.File.new_for_path('/nowhere')
    none = Gio.FileQueryInfoFlags.NONE
    run = functools.partial(Gio.Subprocess.new, ['cat'],
                            Gio.SubprocessFlags.STDIN_PIPE | Gio.SubprocessFlags.STDOUT_PIPE)
    for name, caller in CALLERS.items():
        # Several: what PyGObject has for that, with their names.
        direct, result = file.load_contents(None), caller(smartasync(file.load_contents), None)
        assert isinstance(result, gi._gi.ResultTuple), (name, type(result))
        assert result == direct and repr(result) == repr(direct), name
        assert result.contents == direct.contents and result.etag_out == direct.etag_out, name
        result = caller(smartasync(run().communicate_utf8), 'Grüße', None)
        assert repr(result) == repr(run().communicate_utf8('Grüße', None)), (name, result)
        assert result.stdout_buf == 'Grüße' and result.stderr_buf is None
        # One: itself.
        info = caller(smartasync(file.query_info), 'standard::name', none, None)
        assert type(info) is Gio.FileInfo and info.get_name() == Path(__file__).name, name
        assert type(caller(smartasync(file.load_bytes), None)[0]) is GLib.Bytes, name
        process = run()
        process.force_exit()
        assert caller(smartasync(process.wait), None) is True, name
        # An error: what it raises.
        error = expect_error(caller, smartasync(missing.query_info), 'standard::name', none, None,
                             code=Gio.IOErrorEnum.NOT_FOUND)
        assert error.message == expect_error(missing.query_info, 'standard::name', none, None).message


# Where they run

# A function of GIO's, as if it were another library's.
GIR = '''<?xml version="1.0"?>
<repository version="1.2" xmlns="http://www.gtk.org/introspection/core/1.0"
            xmlns:c="http://www.gtk.org/introspection/c/1.0">
  <include name="Gio" version="2.0"/>
  <namespace name="{namespace}" version="0.0" shared-library="libgio-2.0.so.0">
    <function name="find_async" c:identifier="g_app_info_get_default_for_type_async">
      <return-value transfer-ownership="none"><type name="none"/></return-value>
      <parameters>
        <parameter name="type" transfer-ownership="none"><type name="utf8"/></parameter>
        <parameter name="uris" transfer-ownership="none"><type name="gboolean"/></parameter>
        <parameter name="cancellable" transfer-ownership="none" allow-none="1">
          <type name="Gio.Cancellable"/></parameter>
        <parameter name="callback" transfer-ownership="none" allow-none="1" scope="async" closure="4">
          <type name="Gio.AsyncReadyCallback"/></parameter>
        <parameter name="data" transfer-ownership="none" allow-none="1">
          <type name="gpointer"/></parameter>
      </parameters>
    </function>
    <function name="find_finish" c:identifier="g_app_info_get_default_for_type_finish" throws="1">
      <return-value transfer-ownership="full"><type name="Gio.AppInfo"/></return-value>
      <parameters>
        <parameter name="result" transfer-ownership="none"><type name="Gio.AsyncResult"/></parameter>
      </parameters>
    </function>
  </namespace>
</repository>
'''


def make_typelib(folder, namespace):
    """Of a library of that name, whose find() finds nothing, after a while."""
    source, typelib = (Path(folder) / f'{namespace}-0.0.{suffix}' for suffix in ('gir', 'typelib'))
    source.write_text(GIR.format(namespace=namespace), encoding='utf-8')
    subprocess.run(['g-ir-compiler', '-o', typelib, source], check=True)


def load_namespace(name):
    # What PyGObject has beside the real one does not go with this one.
    sys.modules[f'gi.overrides.{name}'] = None
    gi.require_version(name, '0.0')
    return importlib.import_module(f'gi.repository.{name}')


def iterates_callers_context(function):
    """Whether a sync call of it lets the sources of the caller's own context run."""
    home, n = Home(), harness.Counter()
    busy = home.attach(GLib.timeout_source_new(0), lambda: n.add() > 0)
    with home.pushed():
        expect_error(function.sync, 'x-smartasync/nothing', False, None,
                     code=Gio.IOErrorEnum.NOT_FOUND)
    busy.destroy()
    return n.value > 0


def look_at_policies():
    for name in OF_CURRENT:
        find = smartasync(load_namespace(name).find_async)
        assert iterates_callers_context(find), name
        assert not iterates_callers_context(find.options(context=PRIVATE)), name
    assert not iterates_callers_context(smartasync(load_namespace('Thing').find_async))


OF_CURRENT = ('Gtk', 'Gdk', 'Adw', 'WebKit', 'Xdp')

POLICIES = '''
import sys
import harness, test_pairs

if sys.argv[1] == 'main':
    test_pairs.look_at_policies()
else:
    harness.start_thread(test_pairs.look_at_policies).join()
'''


@test('/python/pairs/policy')
def policy():
    with tempfile.TemporaryDirectory() as folder:
        for name in (*OF_CURRENT, 'Thing'):
            make_typelib(folder, name)
        path = os.pathsep.join([folder, os.environ['GI_TYPELIB_PATH']])
        run_python(POLICIES, 'main' if harness.on_main_thread() else 'thread',
                   env={'GI_TYPELIB_PATH': path})


if __name__ == '__main__':
    harness.main()
