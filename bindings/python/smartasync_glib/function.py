# SPDX-License-Identifier: LGPL-2.1-or-later

"""What `smartasync` makes of a function."""

import asyncio
import functools
import inspect
from types import CoroutineType, MethodType

import _smartasync_glib as native
from _smartasync_glib import context_is_async, has_current_call, new_func, run_work
from gi.repository import Gio, GLib, GObject, SmartAsync

from . import (calls, cancellation, detect, driver, errors, interrupt, loops, under_asyncio,
               values)
from .detect import GLIB, SYNC, find_context
from .future import RawFuture
from .loops import run_coroutine
from .work import Work

OPTIONS = {'executor', 'timeout', 'max_concurrency', 'abandon_on_cancel', 'context', 'name',
           'cancellable', 'inherit_cancellable', 'priority', 'thread_safe_source'}


def smartasync(function):
    """Makes a function that can be called in any context.

    As a decorator, or inline around a function that one did not write. In a sync context a call
    gives the value, in an async one something to await, whether `function` is a plain one or a
    coroutine function. Of a coroutine object, it gives the value or the awaitable at once.
    """
    if isinstance(function, SmartFunction):
        return function
    if isinstance(function, classmethod):
        return make_function(function.__func__, binding=_bind_class)
    if isinstance(function, staticmethod):
        return make_function(function.__func__, binding=_bind_nothing)
    if type(function) is CoroutineType:
        return CoroutineFunction(_give_back)(function)
    return make_function(function)


async def _give_back(coroutine):
    return await coroutine


def make_function(function, binding=None, **options):
    from . import pairs

    if isinstance(function, SmartAsync.AsyncFunc):
        kind = pairs.LibraryFunction
    elif pairs.is_introspected(function):
        kind = pairs.PairFunction
    elif not callable(function):
        raise TypeError(f'smartasync() takes a callable, not {function!r}')
    elif _is_async_generator(function):
        raise TypeError(f'{function!r} is an async generator: there is no one value to give')
    elif is_coroutine_function(function):
        kind = CoroutineFunction
    else:
        kind = PlainFunction
    return kind(function, options, binding)


def _unwrap_partial(function):
    while isinstance(function, functools.partial):
        function = function.func
    return function


def is_coroutine_function(function):
    function = _unwrap_partial(function)
    return (inspect.iscoroutinefunction(function)
            or inspect.iscoroutinefunction(getattr(function, '__call__', None)))


def _is_async_generator(function):
    function = _unwrap_partial(function)
    return (inspect.isasyncgenfunction(function)
            or inspect.isasyncgenfunction(getattr(function, '__call__', None)))


# Methods

def _bind_instance(function, instance, owner):
    if instance is None:
        return function
    function._is_method = True
    return BoundFunction(function, instance)


def _bind_class(function, instance, owner):
    return BoundFunction(function, owner)


def _bind_nothing(function, instance, owner):
    return function


class SmartFunction(native.Function):
    """A function that can be called in any context: see smartasync().

    `sync()` always waits and gives the value, `aio()` always gives a coroutine, and `options()`
    gives the same function with other options.
    """

    _is_interpreted = True  # its bodies are Python's

    def __init__(self, function, options=None, binding=None):
        functools.update_wrapper(self, function)
        self._function = function
        self._options = options or {}
        self._binding = binding or _bind_instance
        self._is_method = False  # known when it is first looked up in an instance
        self._own = []  # the library's function, once it is needed
        self._abandons = bool(self._options.get('abandon_on_cancel'))
        self._cancellable = self._options.get('cancellable')
        self._runs_elsewhere = (self._options.get('executor') is not None
                                or isinstance(self._options.get('context'), GLib.MainContext))

    def __get__(self, instance, owner=None):
        return self._binding(self, instance, owner)

    def __repr__(self):
        return f'<smartasync {getattr(self, "__qualname__", None) or self._function!r}>'

    def __reduce__(self):
        # By its name, as a function is pickled.
        return self.__qualname__

    def sync(self, /, *args, **kwargs):
        """Calls it and waits for the value, in every context."""
        return self._call_sync(args, kwargs)

    def aio(self, /, *args, **kwargs):
        """A coroutine that calls it, in every context."""
        return self._call_aio(args, kwargs)

    def options(self, **options):
        """The same function with other options.

        executor: the SmartAsync.Executor to run in; timeout: in seconds; max_concurrency: how many
        calls may run at once; abandon_on_cancel: whether a caller who is cancelled leaves at once;
        context: a SmartAsync.MainContextPolicy, or the GLib.MainContext to run in; name: in
        messages; cancellable: the Gio.Cancellable that cancels its calls; inherit_cancellable:
        whether calls without one take over that of the call they are made in; priority: of the
        source that brings results; thread_safe_source: whether a widget's method may be offloaded.
        """
        unknown = options.keys() - OPTIONS
        if unknown:
            raise TypeError(f'{sorted(unknown)[0]!r} is not an option; these are: '
                            f'{", ".join(sorted(OPTIONS))}')
        _check_options(options)
        derived = type(self)(self._function, {**self._options, **options}, self._binding)
        derived._is_method = self._is_method
        if options.keys() <= {'cancellable'}:
            derived._own = self._own  # the same calls count for its limit
        return derived

    # The table

    def _call(self, args, kwargs):
        context, loop = find_context()
        if context is SYNC:
            return self._call_sync(args, kwargs)
        if context is GLIB:
            return self._begin(args, kwargs)
        coroutine = self._call_aio(args, kwargs)
        if under_asyncio.is_in_callback(loop):
            return under_asyncio.start(loop, coroutine)
        return coroutine

    def _begin(self, args, kwargs, plain=False):
        """Starts it in the caller's main context: a SmartAsync.Future."""
        return self._start(Work(self._function, args, kwargs, plain))

    def _start(self, work):
        outcome = work.outcome
        with detect.in_c(True):
            future = native.callv(self._get_func(), self._get_source(work.args), [values.box(work)],
                                  self._get_cancellable())
        future._outcome = outcome
        return future

    def _begin_raw(self, args, kwargs, home):
        """The same for nobody but an asyncio loop: its result comes in that context."""
        return RawFuture(self._get_func(), self._get_source(args),
                         Work(self._function, args, kwargs, True), self._get_cancellable(), home)

    def _get_source(self, args):
        """Of a method, the object: the library knows which ones have to stay on their thread."""
        if self._is_method:
            instance = args[0] if args else None
        else:
            instance = self._function.__self__ if type(self._function) is MethodType else None
        return instance if isinstance(instance, GObject.Object) else None

    def _get_cancellable(self):
        if self._cancellable is None and self._options.get('inherit_cancellable', True):
            return calls.get_inherited()
        return self._cancellable

    def _make_arguments(self, args, kwargs, waiter=None):
        """What the library's function is called with."""
        return [values.box(Work(self._function, args, kwargs, waiter=waiter))]

    def _run_nested(self, args, kwargs):
        """Calls it in the body of another call, whose cancellable is its own as well."""
        cancellable = cancellation.borrow_current()
        if cancellable.is_cancelled():
            raise errors.make_cancelled()
        token = detect.enter_nested_body()
        try:
            result = self._function(*args, **kwargs)
            if type(result) is CoroutineType:
                result = run_coroutine(result, cancellable)
        except BaseException as error:
            if cancellable.is_cancelled() or isinstance(error, asyncio.CancelledError):
                raise errors.make_cancelled() from error
            raise
        finally:
            detect.top.reset(token)
        if cancellable.is_cancelled():
            raise errors.make_cancelled()
        return result

    def _may_run_nested(self):
        """Whether nothing but a call would come of calling it by way of the library, which waits."""
        return (self._direct and self._options.get('inherit_cancellable', True)
                and has_current_call() and not context_is_async())

    def _run_in_c(self, args, kwargs):
        """Calls it by way of the library, and waits."""
        work = Work(self._function, args, kwargs, plain=True)
        outcome = work.outcome
        with errors.translated(outcome):
            interrupt.call(native.call_sync, self._get_func(), self._get_source(args), work,
                           self._cancellable)
        return outcome.value

    # The library's function

    def _get_func(self):
        if not self._own:
            func = self._make_func()
            if self._is_interpreted:
                native.set_interpreted(func)
            self._set_options(func)
            self._own.append(func)
        return self._own[0]

    def _set_options(self, func):
        options = self._options
        func.set_name(options.get('name') or getattr(self, '__qualname__', None)
                      or repr(self._function))
        if options.get('executor') is not None:
            func.set_executor(options['executor'])
        if options.get('timeout'):
            func.set_timeout(max(1, round(options['timeout'] * 1000)))
        if options.get('max_concurrency'):
            func.set_max_concurrency(options['max_concurrency'])
        if options.get('abandon_on_cancel'):
            func.set_abandon_on_cancel(True)
        if not options.get('inherit_cancellable', True):
            func.set_inherit_cancellable(False)
        if options.get('priority') is not None:
            func.set_priority(options['priority'])
        if options.get('thread_safe_source'):
            func.set_thread_safe_source(True)
        context = options.get('context')
        if isinstance(context, GLib.MainContext):
            func.set_executor(SmartAsync.Executor.new_for_context(context))
        elif context is not None:
            func.set_main_context_policy(context)

    def _is_plain(self):
        """Whether no option asks for the library where the caller can run it himself."""
        return not any(self._options.get(name) for name in _ASK_FOR_LIBRARY)


_ASK_FOR_LIBRARY = {'executor', 'timeout', 'max_concurrency', 'abandon_on_cancel', 'context',
                    'cancellable'}


def _check_options(options):
    limit = options.get('max_concurrency')
    if limit is not None and (type(limit) is not int or not 0 <= limit <= GLib.MAXUINT):
        raise TypeError(f'max_concurrency is a whole number, not {limit!r}')
    priority = options.get('priority')
    if priority is not None and (isinstance(priority, bool) or not isinstance(priority, int)
                                 or not GLib.MININT <= priority <= GLib.MAXINT):
        raise TypeError(f'priority is that of a source, a number, not {priority!r}')
    name = options.get('name')
    if name is not None and not (isinstance(name, str) and values.is_c_string(name)):
        raise TypeError(f'name is a string, not {name!r}')
    cancellable = options.get('cancellable')
    if cancellable is not None and not isinstance(cancellable, Gio.Cancellable):
        raise TypeError(f'cancellable is a Gio.Cancellable, not {cancellable!r}')
    timeout = options.get('timeout')
    if timeout is not None and (type(timeout) not in (int, float) or not 0 <= timeout < 4e6):
        raise TypeError(f'timeout is a number of seconds, not {timeout!r}')
    executor = options.get('executor')
    if executor is not None and not isinstance(executor, SmartAsync.Executor):
        raise TypeError(f'executor is a SmartAsync.Executor, not {executor!r}')
    context = options.get('context')
    if context is not None and not isinstance(context, (GLib.MainContext,
                                                        SmartAsync.MainContextPolicy)):
        raise TypeError('context is a SmartAsync.MainContextPolicy or a GLib.MainContext, '
                        f'not {context!r}')


class PlainFunction(SmartFunction):
    """Of a `def`: in an async context a worker runs it."""

    def __init__(self, function, options=None, binding=None):
        super().__init__(function, options, binding)
        self._direct = self._is_plain()

    def _call_sync(self, args, kwargs):
        if self._may_run_nested():
            return self._run_nested(args, kwargs)
        return self._run_in_c(args, kwargs)

    def _call_aio(self, args, kwargs):
        return under_asyncio.call_in_library(self, args, kwargs)

    def _make_func(self):
        return new_func(None, run_work)


def _get_cancellable_of_current_call():
    call = SmartAsync.Call.get_current() if has_current_call() else None
    return call.get_cancellable() if call is not None else None


class CoroutineFunction(SmartFunction):
    """Of an `async def`."""

    def __init__(self, function, options=None, binding=None):
        super().__init__(function, options, binding)
        self._direct = self._is_plain()
        self._is_coroutine = True
        self._untimed = None
        self._here = None
        self._deadline = self._options.get('timeout')
        for name in ('executor', 'max_concurrency', 'abandon_on_cancel', 'context'):
            if self._options.get(name):
                self._deadline = None

    def _call_sync(self, args, kwargs):
        if self._direct and not has_current_call():
            return self._run_here(args, kwargs)
        if self._may_run_nested():
            return self._run_nested(args, kwargs)
        if self._deadline:
            return self._run_in_time(args, kwargs)
        return self._run_in_c(args, kwargs)

    def _run_here(self, args, kwargs):
        token = detect.enter_coroutine()
        try:
            return run_coroutine(self._function(*args, **kwargs))
        finally:
            detect.top.reset(token)

    def _run_in_time(self, args, kwargs):
        """The library would have a worker run what may have to be left behind: a loop need not."""
        if self._untimed is None:
            self._untimed = self.options(timeout=None)
        work = Work(self._function, args, kwargs, plain=True)
        work.deadline = deadline = loops.Deadline(self._deadline)
        outcome = work.outcome
        outer = self._get_cancellable() or _get_cancellable_of_current_call()
        try:
            with cancellation.linked(outer, deadline.cancellable), errors.translated(outcome):
                interrupt.call(native.call_sync, self._untimed._get_func(), self._get_source(args),
                               work, deadline.cancellable)
        except BaseException as error:
            if deadline.passed and not isinstance(error, KeyboardInterrupt):
                raise errors.make_timed_out() from error
            raise
        return outcome.value

    def _call_aio(self, args, kwargs):
        return under_asyncio.call_coroutine(self, args, kwargs)

    def _get_function_here(self):
        """On a thread of its own pool: the one that the loop there runs; None elsewhere.

        Not of one with a limit, for which all of its calls count.
        """
        if self._options.get('max_concurrency') or not native.runs_inline(self._get_func()):
            return None
        if self._here is None:
            self._here = self.options(executor=None)
        return self._here

    def _make_func(self):
        executor = self._options.get('executor')
        if executor is not None and executor.get_context() is None:
            # A pool's threads have no loop: there it is run to its end, by a loop of theirs.
            return new_func(None, run_work)
        if executor is not None or self._options.get('context') is not None:
            # Whoever iterates that context is to drive it there.
            return new_func(driver.begin_coroutine, None)
        return new_func(driver.begin_coroutine, run_work)


class BoundFunction(native.Method):
    """A smart function with its first argument, as a method."""

    __slots__ = ()

    def sync(self, /, *args, **kwargs):
        return self.__func__._call_sync((self.__self__, *args), kwargs)

    def aio(self, /, *args, **kwargs):
        return self.__func__._call_aio((self.__self__, *args), kwargs)

    def options(self, **options):
        return BoundFunction(self.__func__.options(**options), self.__self__)

    def __eq__(self, other):
        return (isinstance(other, BoundFunction) and self.__func__ is other.__func__
                and self.__self__ is other.__self__)

    def __hash__(self):
        return hash((self.__func__, id(self.__self__)))

    def __getattr__(self, name):
        return getattr(self.__func__, name)

    @property
    def __doc__(self):
        return self.__func__.__doc__

    @property
    def __signature__(self):
        signature = inspect.signature(self.__func__)
        return signature.replace(parameters=list(signature.parameters.values())[1:])

    def __reduce__(self):
        # By its name, as a method is copied and pickled; one with options of its own has none.
        name = getattr(self.__func__, '__name__', '')
        if getattr(self.__self__, name, None) == self:
            return getattr, (self.__self__, name)
        return BoundFunction, (self.__func__, self.__self__)

    def __repr__(self):
        return f'<bound {self.__func__!r} of {self.__self__!r}>'
