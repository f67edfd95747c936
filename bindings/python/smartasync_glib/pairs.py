# SPDX-License-Identifier: LGPL-2.1-or-later

"""Functions of the library's, and asynchronous functions of any introspected one.

Of the latter the introspection data has three, by their names: `foo_async` (or
`foo`, where there is no other), which takes a Gio.AsyncReadyCallback;
`foo_finish`; and mostly a blocking one, `foo` or `foo_sync`. With that one the
function is a dual one: a sync caller gets it called directly, which for a small
file takes a hundredth of the time that its asynchronous sister needs.

It takes the arguments of the blocking one; io_priority may be given or not.
"""

import importlib
import types

import _smartasync_glib as native
import gi
from gi.repository import GLib, GObject, SmartAsync

from . import detect, errors, interrupt, under_asyncio, values
from .cancellation import Echo
from .function import SmartFunction
from .homes import iterates_default, make_singletons, within
from .work import Work, fail, finish

# Their objects belong to the default context, and wait for what happens there.
NAMESPACES_OF_CURRENT = {'Gtk', 'Gdk', 'Adw', 'WebKit', 'WebKit2', 'Xdp'}

_loop_thread = None


def get_loop_thread():
    """Where such functions begin under an asyncio loop that iterates no context."""
    global _loop_thread
    if _loop_thread is None:
        make_singletons()
        _loop_thread = SmartAsync.Executor.new_loop('smartasync asyncio')
    return _loop_thread


class LibraryFunction(SmartFunction):
    """Of a SmartAsync.AsyncFunc."""

    _is_interpreted = False  # that is its maker's to say

    def __init__(self, func, options=None, binding=None):
        super().__init__(func, options, binding)
        self._elsewhere = None
        self._name()

    def _name(self):
        self.__name__ = self.__qualname__ = self._function.get_name() or 'AsyncFunc'

    def _make_func(self):
        if not self._options:
            return self._function
        return self._function.derivev([], [])

    def _set_options(self, func):
        if func is not self._function:
            super()._set_options(func)

    def _make_arguments(self, args, kwargs, waiter=None):
        if kwargs:
            raise TypeError(f'{self!r} takes no keyword arguments')
        return values.to_gvalues(args)

    def _get_func_here(self):
        """Where nobody iterates a context, it is begun on a thread of the library's."""
        func = self._get_func()
        loop = detect.get_asyncio_loop()
        if (loop is None or iterates_default(loop) or func.get_executor() is not None
                or func.get_kind() == SmartAsync.AsyncFuncKind.BLOCKING):
            return func
        if self._elsewhere is None:
            self._elsewhere = func.derivev([], [])
            self._elsewhere.set_executor(get_loop_thread())
        return self._elsewhere

    def _begin(self, args, kwargs, plain=False):
        arguments = self._make_arguments(args, kwargs)
        with detect.in_c(True):
            future = native.callv(self._get_func_here(), None, arguments,
                                  self._get_cancellable())
        if (values.find_boxed(arguments)
                and future.get_status() == SmartAsync.FutureStatus.REJECTED):
            self._check(arguments, future.exception())
        return future

    def _check(self, arguments, error):
        """A TypeError, if the signature refuses what no type of C's can hold."""
        boxed = values.find_boxed(arguments)
        if boxed and isinstance(error, GLib.Error) and error.matches(
                SmartAsync.error_quark(), SmartAsync.Error.INVALID_ARGUMENTS):
            value = arguments[boxed[0] - 1].get_value()
            raise TypeError(f'{self!r}: argument {boxed[0]} cannot be {value!r}: '
                            f'{error.message}') from error

    def _begin_raw(self, args, kwargs, home):
        with within(home):
            return self._begin(args, kwargs, True)

    def _call_sync(self, args, kwargs):
        arguments = self._make_arguments(args, kwargs)
        try:
            with detect.in_c(False), errors.translated():
                return interrupt.call(native.callv_sync, self._get_func(), None, arguments,
                                      self._cancellable)[1]
        except GLib.Error as error:
            self._check(arguments, error)
            raise

    def _call_aio(self, args, kwargs):
        return under_asyncio.call_in_library(self, args, kwargs)


# Introspected functions

def _split(function):
    """Its info, and the instance that it is bound to, if any."""
    if isinstance(function, types.MethodType) and isinstance(function.__func__,
                                                             gi._gi.FunctionInfo):
        return function.__func__, function.__self__
    if isinstance(function, gi._gi.FunctionInfo):
        return _split_info(function)
    return None, None


def _split_info(info):
    """Older releases of PyGObject have one type for both, and do not tell what it is bound to."""
    unbound = _find_attribute(info)
    instance = native.get_bound_to(info, unbound) if unbound is not info else None
    return (info, None) if instance is None else (unbound, instance)


def _find_attribute(info):
    """What the class, or the namespace, has under the info's name."""
    owner = importlib.import_module(f'gi.repository.{info.get_namespace()}')
    if info.get_container() is not None:
        owner = getattr(owner, info.get_container().get_name(), None)
    for part in getattr(owner, '__mro__', (owner,)):
        found = vars(part).get(info.__name__) if isinstance(part, type) else None
        if isinstance(found, gi._gi.FunctionInfo):
            return found
    return info


def _get_methods(container):
    return container.get_methods() if hasattr(container, 'get_methods') else ()


def is_introspected(function):
    """Whether it is one of three that belong together."""
    info, _ = _split(function)
    return info is not None and find_pair(info) is not None


# These have other names from PyGObject 3.52 on.

def _get_type(argument):
    return (getattr(argument, 'get_type_info', None) or argument.get_type)()


def _get_destroy(argument):
    return (getattr(argument, 'get_destroy_index', None) or argument.get_destroy)()


def _get_array_length(type_):
    return (getattr(type_, 'get_array_length_index', None) or type_.get_array_length)()


def _get_interface_name(argument):
    type_ = _get_type(argument)
    interface = type_.get_interface() if type_.get_tag_as_string() == 'interface' else None
    return interface and f'{interface.get_namespace()}.{interface.get_name()}'


def _takes_callback(info):
    return any(_get_interface_name(argument) == 'Gio.AsyncReadyCallback'
               for argument in info.get_arguments())


def _list_parameters(info):
    """The names of what PyGObject has one give."""
    arguments = info.get_arguments()
    hidden = set()
    for argument in arguments:
        type_ = _get_type(argument)
        if type_.get_tag_as_string() == 'array':
            hidden.add(_get_array_length(type_))
        hidden.add(_get_destroy(argument))
    return [argument.get_name() for i, argument in enumerate(arguments)
            if i not in hidden and int(argument.get_direction()) != _OUT]


_OUT = 1  # GIDirection


def _bind_constructor(info):
    """What makes an object takes its class as well, which one that is looked up there has."""
    if not info.is_constructor():
        return info
    module = importlib.import_module(f'gi.repository.{info.get_namespace()}')
    return getattr(getattr(module, info.get_container().get_name()), info.get_name())


class Pair:
    """The functions that belong together."""

    def __init__(self, begin, finish, blocking):
        self.begin = begin
        self.finish = _bind_constructor(finish)
        self.finishes_method = finish.is_method()
        self.blocking = blocking and _bind_constructor(blocking)  # or None
        self.is_method = begin.is_method()

        names = _list_parameters(begin)
        callback = next(argument.get_name() for argument in begin.get_arguments()
                        if _get_interface_name(argument) == 'Gio.AsyncReadyCallback')
        self.callback = callback
        self.begin_names = names[:names.index(callback)]
        self.names = _list_parameters(blocking) if blocking is not None else [
            name for name in self.begin_names if name != 'io_priority']
        # Where an io_priority may be given all the same: there comes a cancellable otherwise.
        self.priority_index = (self.begin_names.index('io_priority')
                               if 'io_priority' in self.begin_names
                               and 'io_priority' not in self.names else None)

        container = begin.get_container()
        owner = f'{container.get_name()}.' if container is not None else ''
        name = begin.get_name()
        self.name = f'{begin.get_namespace()}.{owner}{name.removesuffix("_async")}'
        self.is_current = begin.get_namespace() in NAMESPACES_OF_CURRENT

    def bind(self, args, kwargs):
        """What it is called with, by name."""
        args = list(args)
        given = dict(kwargs)
        i = self.priority_index
        if i is not None and len(args) > i and isinstance(args[i], int):
            given['io_priority'] = args.pop(i)
        if len(args) > len(self.names):
            raise TypeError(f'{self.name}() takes {len(self.names)} arguments, not {len(args)}: '
                            f'{", ".join(self.names)}')
        for name, value in zip(self.names, args):
            if name in given:
                raise TypeError(f'{self.name}() got two values for {name}')
            given[name] = value
        unknown = given.keys() - set(self.names) - set(self.begin_names)
        if unknown:
            raise TypeError(f'{self.name}() takes no {sorted(unknown)[0]}, but: '
                            f'{", ".join(self.names)}')
        return given

    def call_blocking(self, instance, given):
        given = {name: value for name, value in given.items() if name in self.names}
        return self.blocking(*self._get_self(instance), **given)

    def call_begin(self, instance, given, callback):
        given = {name: value for name, value in given.items() if name in self.begin_names}
        if 'io_priority' in self.begin_names:
            given.setdefault('io_priority', GLib.PRIORITY_DEFAULT)
        given[self.callback] = callback
        self.begin(*self._get_self(instance), **given)

    def call_finish(self, source, result):
        return self.finish(source, result) if self.finishes_method else self.finish(result)

    def _get_self(self, instance):
        return (instance,) if self.is_method else ()


_pairs = {}  # (namespace, container, name): Pair or None


def find_pair(info):
    """The functions that belong together with this one, or None."""
    container = info.get_container()
    key = (info.get_namespace(), container and container.get_name(), info.get_name())
    if key not in _pairs:
        _pairs[key] = _find_pair(info, container)
    return _pairs[key]


def _find_pair(info, container):
    name = info.get_name()
    base = next((name.removesuffix(suffix) for suffix in ('_async', '_sync')
                 if name.endswith(suffix)), name)
    if container is not None:
        methods = {method.get_name(): method for method in _get_methods(container)}
        find = methods.get
    else:
        module = importlib.import_module(f'gi.repository.{info.get_namespace()}')

        def find(name):
            found = getattr(module, name, None)
            return found if isinstance(found, gi._gi.FunctionInfo) else None

    named, begin = find(base), find(f'{base}_async')
    if begin is None:
        begin = named
    # The one odd name in GIO is replace_contents_bytes_async().
    finish_ = find(f'{base}_finish') or find(f'{base.removesuffix("_bytes")}_finish')
    if begin is None or finish_ is None or not _takes_callback(begin):
        return None
    blocking = find(f'{base}_sync') or named
    if blocking is begin or (blocking is not None and _takes_callback(blocking)):
        blocking = None
    return Pair(begin, finish_, blocking)


class _PairWork(Work):
    """A call of one of them."""

    __slots__ = ('instance', 'given')

    @interrupt.protected
    def begin_in(self, call):
        pair = self.function
        echo = Echo(call.get_cancellable())

        def on_ready(source, result):
            echo.end()
            try:
                value = self.context.run(pair.call_finish, source, result)
            except BaseException as error:
                fail(call, self, error)
            else:
                finish(call, self, value)

        self.context.run(pair.call_begin, self.instance,
                         {**self.given, 'cancellable': echo.cancellable}, on_ready)
        echo.begin()

    @interrupt.protected
    def run_in(self, call):
        return self.context.run(self.function.call_blocking, self.instance,
                                {**self.given, 'cancellable': call.get_cancellable()})


@interrupt.entry
def _begin_pair(call, work):
    try:
        work.begin_in(call)
    except BaseException as error:
        fail(call, work, error)


@interrupt.entry
def _block_pair(call, work):
    try:
        value = work.run_in(call)
    except BaseException as error:
        fail(call, work, error)
    else:
        finish(call, work, value)


class PairFunction(LibraryFunction):
    """Of an introspected function."""

    _is_interpreted = True

    def __init__(self, function, options=None, binding=None):
        info, self._instance = _split(function)
        self._pair = find_pair(info)
        if self._pair.is_current:
            options = {'context': SmartAsync.MainContextPolicy.CURRENT, **(options or {})}
        super().__init__(function, options, binding)
        self._blocks = self._pair.blocking is not None and not any(
            self._options.get(name) for name in self._options if name not in ('name', 'context'))

    def _name(self):
        self.__name__ = self.__qualname__ = self._pair.name

    def _make_func(self):
        if self._pair.blocking is None:
            return native.new_func(_begin_pair, None)
        return native.new_func(_begin_pair, _block_pair)

    def _bind(self, args, kwargs):
        instance = self._instance
        if instance is None and self._pair.is_method:
            if not args:
                raise TypeError(f'{self._pair.name}() needs the object that it is a method of')
            instance, *args = args
        return instance, self._pair.bind(args, kwargs)

    def _make_work(self, args, kwargs, **how):
        work = _PairWork(self._pair, None, None, **how)
        work.instance, work.given = self._bind(args, kwargs)
        return work, work.given.get('cancellable') or self._get_cancellable()

    def _make_arguments(self, args, kwargs, waiter=None):
        return [values.box(self._make_work(args, kwargs, waiter=waiter)[0])]

    def _begin(self, args, kwargs, plain=False):
        work, cancellable = self._make_work(args, kwargs, plain=plain)
        outcome = work.outcome
        with detect.in_c(True):
            future = native.callv(self._get_func_here(), _get_source(work.instance),
                                  [values.box(work)], cancellable)
        future._outcome = outcome
        return future

    def _call_sync(self, args, kwargs):
        if self._blocks and not native.has_current_call():
            return self._pair.call_blocking(*self._bind(args, kwargs))
        work, cancellable = self._make_work(args, kwargs, plain=True)
        outcome = work.outcome
        with detect.in_c(False), errors.translated(outcome):
            interrupt.call(native.callv_sync, self._get_func(), _get_source(work.instance),
                           [values.box(work)], cancellable)
        return outcome.value


def _get_source(instance):
    return instance if isinstance(instance, GObject.Object) else None
