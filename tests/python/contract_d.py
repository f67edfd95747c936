#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The contract's section D: in which context is the caller?"""

import asyncio
import os
import re
import threading
from pathlib import Path

import harness
from harness import Home, run_asyncio, run_python, start_thread, test
from services import make_bus_pair

from gi.repository import Gio, GLib, SmartAsync

smartasync = SmartAsync.smartasync
is_async = SmartAsync.is_async_context


def assert_sync():
    assert not is_async(), SmartAsync.context_describe()
    assert not SmartAsync.context_is_async(), SmartAsync.context_describe()


def assert_async():
    assert is_async(), SmartAsync.context_describe()
    assert SmartAsync.context_is_async(), SmartAsync.context_describe()


@smartasync
def look_blocking():
    return is_async(), SmartAsync.context_is_async(), threading.get_ident()


@smartasync
async def look():
    first = is_async()
    await SmartAsync.sleep(0.001)
    assert is_async() == first
    return first


def look_raw(call):
    call.return_boolean(SmartAsync.context_is_async())


# D1: plain code

@test('/contract/D1.a')
def plain():
    assert_sync()
    # And as the top level of a script, without any harness.
    run_python('import gi; gi.require_version("SmartAsync", "1.0")\n'
               'from gi.repository import SmartAsync\n'
               'assert not SmartAsync.is_async_context()\n'
               'assert not SmartAsync.context_is_async()')


@test('/contract/D1.b')
def thread_just_started():
    start_thread(assert_sync).join()
    # The thread that starts it may be where it likes.
    Home().call(lambda: start_thread(assert_sync).join())

    async def in_loop():
        start_thread(assert_sync).join()
    run_asyncio(in_loop)


@test('/contract/D1.c')
def worker():
    python, c, thread = Home().run(look_blocking)
    assert not python and not c and thread != threading.get_ident()

    async def in_loop():
        return await look_blocking()
    python, c, thread = run_asyncio(in_loop)
    assert not python and not c and thread != threading.get_ident()


@test('/contract/D1.d')
def blocking_body():
    here = threading.get_ident()
    assert look_blocking() == (False, False, here)
    assert Home().call(look_blocking.sync) == (False, False, here)
    raw = SmartAsync.AsyncFunc.new_blocking(look_raw)
    assert tuple(Home().call(raw.call_sync, None, [], None)) == (True, False)

    async def in_loop():
        return look_blocking.sync()
    for loop in harness.LOOPS:
        assert run_asyncio(in_loop, loop=loop) == (False, False, here)


# D2: where a loop is at work, or a context is owned

@test('/contract/D2.a')
def source_callbacks():
    home = Home()
    seen = []

    def look_once(name):
        assert_async()
        seen.append(name)
        return GLib.SOURCE_REMOVE

    home.attach(GLib.idle_source_new(), lambda: look_once('idle'))
    home.attach(GLib.timeout_source_new(1), lambda: look_once('timeout'))
    home.until(lambda: len(seen) == 2)
    assert_sync()

    # What watches a descriptor is attached to the default context.
    main = Home(GLib.MainContext.default())
    reader, writer = os.pipe()
    os.write(writer, b'x')
    GLib.io_add_watch(reader, GLib.PRIORITY_DEFAULT, GLib.IOCondition.IN,
                      lambda *_: look_once('io'))
    main.until(lambda: 'io' in seen)
    os.close(reader)
    os.close(writer)

    one, other = make_bus_pair()
    with home.pushed():
        number = one.signal_subscribe(None, 'org.example.Test', 'Signalled', None, None,
                                      Gio.DBusSignalFlags.NONE, lambda *_: look_once('signal'))
    other.emit_signal(None, '/org/example', 'org.example.Test', 'Signalled', None)
    home.until(lambda: 'signal' in seen)
    one.signal_unsubscribe(number)
    home.drain()
    one.close_sync(None)
    assert_sync()


class Application(Gio.Application):
    """Notes what it sees in each of its virtual functions."""

    def __init__(self, flags):
        super().__init__(application_id=None, flags=flags | Gio.ApplicationFlags.NON_UNIQUE)
        self.seen = {}

    def look(self, name):
        assert_async()
        self.seen[name] = SmartAsync.context_describe()

    def do_handle_local_options(self, options):
        self.look('handle-local-options')
        return -1

    def do_startup(self):
        self.look('startup')
        Gio.Application.do_startup(self)

    def do_activate(self):
        self.look('activate')

    def do_command_line(self, command_line):
        self.look('command-line')
        return 0

    def do_shutdown(self):
        self.look('shutdown')
        Gio.Application.do_shutdown(self)


def run_applications():
    seen = {}
    for flags in (Gio.ApplicationFlags.FLAGS_NONE, Gio.ApplicationFlags.HANDLES_COMMAND_LINE):
        application = Application(flags)
        assert application.run(['test']) == 0
        seen.update(application.seen)
    return seen


@test('/contract/D2.b', main_only=True)
def application():
    seen = run_applications()
    assert sorted(seen) == ['activate', 'command-line', 'handle-local-options', 'shutdown', 'startup']
    assert_sync()


@test('/contract/D2.c', main_only=True)
def application_described():
    seen = run_applications()
    for name in ('handle-local-options', 'shutdown'):
        assert 'owned, not dispatching' in seen[name], seen


class Caller(Application):
    """Calls what the documentation says to call at the end."""

    def do_shutdown(self):
        self.seen['shutdown'] = look.sync(), look_blocking.sync()[0]
        Gio.Application.do_shutdown(self)


@test('/contract/D2.d', main_only=True)
def application_documented():
    page = Path(__file__).parents[2] / 'docs' / 'context-rule.md'
    text = ' '.join(page.read_text(encoding='utf-8').split())
    assert re.search(r'In `handle-local-options` and `shutdown`[^#]*call_sync', text)
    # Which is what works there.
    caller = Caller(Gio.ApplicationFlags.FLAGS_NONE)
    assert caller.run(['test']) == 0
    assert caller.seen['shutdown'] == (True, False)


@test('/contract/D2.e')
def owned_thread_default():
    context = GLib.MainContext.new()
    context.push_thread_default()
    try:
        assert_async()
    finally:
        context.pop_thread_default()
    assert_sync()


@test('/contract/D2.f')
def body_run_for_sync_caller():
    assert look() is True
    ok, seen = SmartAsync.AsyncFunc.new(look_raw).call_sync(None, [], None)
    assert ok and seen


@test('/contract/D2.g')
def loop_not_pushed():
    context = GLib.MainContext.new()
    seen = []
    source = GLib.idle_source_new()
    source.set_callback(lambda *_: seen.append(assert_async()))
    source.attach(context)
    while not seen:
        context.iteration(True)
    assert_sync()


@test('/contract/D2.h')
def results_come_there():
    context = GLib.MainContext.new()
    seen = []

    def on_settled(_):
        assert GLib.main_depth() == 1
        assert context.is_owner()
        seen.append(threading.get_ident())

    def begin(*_):
        for function in (look, look_blocking):
            function().add_done_callback(on_settled)
        return GLib.SOURCE_REMOVE

    source = GLib.idle_source_new()
    source.set_callback(begin)
    source.attach(context)
    alarm = GLib.timeout_source_new(harness.DEADLINE * 1000)
    alarm.set_callback(lambda *_: seen.append('late'))
    alarm.attach(context)
    while len(seen) < 2:
        context.iteration(True)
    alarm.destroy()
    assert seen == [threading.get_ident()] * 2


# D3: modes

class CMode:
    """C's way to say it, as a context manager."""

    def __init__(self, mode):
        self.mode = mode

    def __enter__(self):
        SmartAsync.context_push_mode(self.mode)

    def __exit__(self, *_):
        SmartAsync.context_pop_mode()


def c_sync():
    return CMode(SmartAsync.Mode.SYNC)


def c_async():
    return CMode(SmartAsync.Mode.ASYNC)


MODES = [(SmartAsync.sync_mode, SmartAsync.async_mode), (c_sync, c_async)]


@test('/contract/D3.a')
def mode_wins():
    def in_callback():
        for sync_mode, _ in MODES:
            assert is_async()
            with sync_mode():
                assert not is_async()
                assert look_blocking()[2] == threading.get_ident()
            assert is_async()

    home = Home()
    for _, async_mode in MODES:
        with async_mode():
            assert is_async()
        assert not is_async()
    home.call(in_callback)

    # As a switch, until it is turned back.
    SmartAsync.set_async()
    try:
        assert is_async()
        SmartAsync.set_sync()
        assert not is_async()
    finally:
        SmartAsync.set_sync(False)
    assert not is_async()
    home.call(assert_async)


@test('/contract/D3.b')
def mode_not_in_unrelated_callback():
    home = Home()
    for sync_mode, _ in MODES:
        seen = []

        def in_callback():
            seen.append(is_async())
            return GLib.SOURCE_REMOVE

        with sync_mode():
            home.attach(GLib.idle_source_new(), in_callback)
            home.until(lambda: seen)
            assert not is_async()
        assert seen == [True]


@test('/contract/D3.c')
def mode_not_in_body():
    for sync_mode, async_mode in MODES:
        with sync_mode():
            assert look() is True
        with async_mode():
            assert look_blocking.sync()[:2] == (False, False)
            assert look.sync() is True


@test('/contract/D3.d')
def mode_not_on_worker():
    home = Home()
    for _, async_mode in MODES:
        def begin():
            with async_mode():
                return look_blocking()
        python, c, thread = home.run(begin)
        assert not python and not c and thread != threading.get_ident()


@test('/contract/D3.e')
def modes_nest():
    for sync_mode, async_mode in MODES:
        with async_mode():
            with sync_mode():
                with async_mode():
                    assert is_async()
                assert not is_async()
            assert is_async()
        assert not is_async()


@test('/contract/D3.f')
def pop_too_many():
    process = run_python('import gi; gi.require_version("SmartAsync", "1.0")\n'
                         'from gi.repository import SmartAsync\n'
                         'SmartAsync.context_pop_mode()\n'
                         'assert not SmartAsync.is_async_context()\n'
                         'print("alive")', env={'G_DEBUG': ''})
    assert process.stdout == 'alive\n'
    assert 'CRITICAL' in process.stderr, process.stderr


@test('/contract/D3.g')
def modes_are_contextvars():
    async def with_mode(mode, expected, inside, leave):
        with mode():
            inside.set()
            await leave.wait()
            assert is_async() == expected
            # What a task starts begins with its own.
            assert await asyncio.create_task(ask()) == expected
        assert is_async()

    async def ask():
        return is_async()

    async def in_loop():
        leave = asyncio.Event()
        insides = [asyncio.Event(), asyncio.Event()]
        tasks = [asyncio.create_task(with_mode(SmartAsync.sync_mode, False, insides[0], leave)),
                 asyncio.create_task(with_mode(SmartAsync.async_mode, True, insides[1], leave))]
        for inside in insides:
            await inside.wait()
        # Both tasks are within their modes: nobody else is.
        assert is_async()
        leave.set()
        await asyncio.gather(*tasks)

    for loop in harness.LOOPS:
        run_asyncio(in_loop, loop=loop)


# D4: why?

@test('/contract/D4.a')
def describe_reason():
    describe = SmartAsync.context_describe
    reasons = [describe()]
    with c_sync():
        reasons.append(describe())
    with c_async():
        reasons.append(describe())
    body = smartasync(describe)
    reasons.append(body.sync())
    reasons.append(Home().call(describe))
    context = GLib.MainContext.new()
    context.push_thread_default()
    reasons.append(describe())
    context.pop_thread_default()
    for reason, word in zip(reasons, ['sync', 'sync', 'async', 'sync', 'async', 'async']):
        assert reason.startswith(word) and '\n' not in reason, reasons
    assert len(set(reasons)) == len(reasons), reasons


@test('/contract/D4.b')
def describe_source():
    home = Home()
    seen = []
    source = GLib.idle_source_new()
    source.set_name('what-it-is-called')
    home.attach(source, lambda: seen.append(SmartAsync.context_describe()))
    home.until(lambda: seen)
    assert 'what-it-is-called' in seen[0], seen


# D5: asyncio

@test('/contract/D5.a')
def running_asyncio():
    async def in_loop():
        assert is_async()
        with SmartAsync.sync_mode():
            assert not is_async()
            assert look_blocking()[0] is False
        assert is_async()
        assert look_blocking.sync()[0] is False
        assert await look() is True
        done = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(lambda: done.set_result(is_async()))
        assert await done
        assert not await asyncio.to_thread(is_async)

    for loop in harness.LOOPS:
        run_asyncio(in_loop, loop=loop)
        assert not is_async()


if __name__ == '__main__':
    harness.main()
