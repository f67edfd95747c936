# SPDX-License-Identifier: LGPL-2.1-or-later

"""What Python adds to the library: the modules of smartasync_glib do it.

The classes keep their methods' signatures. What a body raises becomes its
call's error, and what a future has as its error is raised as the exception
that it was.
"""

import asyncio
import contextvars
import functools

import _smartasync_glib as native
from gi.repository import GLib

from ..module import get_introspection_module
from ..overrides import override

SmartAsync = get_introspection_module('SmartAsync')

__all__ = []


class Call(SmartAsync.Call):
    """A call in flight: what a body receives."""

    _get_current = SmartAsync.Call.get_current

    @staticmethod
    def get_current():
        return calls.get_current()

    _return_none = SmartAsync.Call.return_none
    _return_error = SmartAsync.Call.return_error
    _return_value = SmartAsync.Call.return_value

    def return_error(self, error):
        """Settles it with this exception, which the caller gets as it is."""
        outcome = errors.make_outcome(error)
        given = errors.to_gerror(error, outcome)
        if given.domain == errors.DOMAIN and given is not error:
            errors.keep(outcome)
        self._return_error(given)
        bodies.note_returned(self)

    def return_error_if_cancelled(self):
        is_cancelled = super().return_error_if_cancelled()
        if is_cancelled:
            bodies.note_returned(self)
        return is_cancelled


def _add_return(name):
    base = getattr(SmartAsync.Call, name)

    def return_(self, *args):
        base(self, *args)
        bodies.note_returned(self)

    return_.__name__ = name
    setattr(Call, name, return_)


for _name in ('none', 'boolean', 'int', 'uint', 'int64', 'uint64', 'double', 'string', 'object',
              'variant', 'value', 'new_error_literal', 'future'):
    _add_return(f'return_{_name}')

Call = override(Call)
__all__.append('Call')


class AsyncFunc(SmartAsync.AsyncFunc):
    """A function that can be called in any context. `smartasync()` makes them of Python's."""

    _new = SmartAsync.AsyncFunc.new
    _new_blocking = SmartAsync.AsyncFunc.new_blocking
    _new_dual = SmartAsync.AsyncFunc.new_dual

    @staticmethod
    def new(begin, *begin_data):
        return SmartAsync.AsyncFunc.new(bodies.guard(begin), *begin_data)

    @staticmethod
    def new_blocking(body, *body_data):
        return SmartAsync.AsyncFunc.new_blocking(bodies.guard(body), *body_data)

    @staticmethod
    def new_dual(begin, begin_data, body, *body_data):
        # PyGObject takes the first function's data as a tuple only.
        if not isinstance(begin_data, tuple):
            begin_data = (begin_data,)
        return SmartAsync.AsyncFunc.new_dual(bodies.guard(begin), begin_data, bodies.guard(body),
                                             *body_data)

    def callv(self, source=None, args=None, cancellable=None):
        with detect.in_c(detect.is_async_context()):
            return native.callv(self, source, values.to_gvalues(args), cancellable)

    def call_sync(self, source=None, args=None, cancellable=None):
        with errors.translated():
            return interrupt.call(native.callv_sync, self, source, values.to_gvalues(args),
                                  cancellable)

    def call_async(self, source=None, args=None, cancellable=None, callback=None, *user_data):
        native.callv_async(self, source, values.to_gvalues(args), cancellable, callback, user_data)

    def call_finish(self, async_result):
        with errors.translated():
            return super().call_finish(async_result)


AsyncFunc = override(AsyncFunc)
__all__.append('AsyncFunc')


_wait = SmartAsync.Future.wait
_get_value = SmartAsync.Future.get_value


def _check_callback(callback):
    if not callable(callback):
        raise TypeError(f'callback is to be callable, not {callback!r}')


def _make_result(future, result, cancellable):
    """What a wait for the future has come to, which C says by `result`, without an object of C's."""
    if cancellable.is_cancelled():
        try:
            _get_value(result)
        except GLib.Error as error:
            if errors.is_cancelled(error):
                return Future.new_for_error(errors.make_cancelled())
    return future


def _unboxed(result):
    """`result` is (True, value)."""
    value = errors.unbox(result[1])
    return result if value is result[1] else (result[0], value)


class Future(SmartAsync.Future):
    """A value or an error, now or later.

    It is awaitable under every loop, and has the methods of asyncio's futures, too.
    """

    _outcome = None  # of a function of Python's
    _sources = ()    # the outcomes whose errors it may come to

    def __await__(self):
        return future.await_future(self)

    def _forget_error(self):
        """Somebody sees to its error, or it does not matter."""
        for outcome in self._get_outcomes():
            outcome.unseen = False

    def _get_outcomes(self):
        return self._sources if self._outcome is None else (self._outcome, *self._sources)

    def _make_child(self, child):
        """`child` may come to the same error: it keeps it, and sees to it."""
        child._sources = self._get_outcomes()
        self._forget_error()
        return child

    def _guard(self, continuation, has_seen=False):
        """The continuation, as a body. C has nothing of the future but its outcome, nor has this."""
        _check_callback(continuation)
        outcomes = self._get_outcomes()

        @functools.wraps(continuation)
        def continue_(call, settled, *data):
            if not settled._get_outcomes():
                settled._sources = outcomes
            if has_seen:
                settled._forget_error()
            return continuation(call, settled, *data)

        return bodies.guard(continue_)

    # As of asyncio's futures

    def done(self):
        return self.get_status() != SmartAsync.FutureStatus.PENDING

    def cancelled(self):
        return self.done() and errors.is_cancelled(self.exception())

    def result(self):
        """Its value; raises its error, or asyncio.InvalidStateError while there is neither."""
        status = self.get_status()
        if status == SmartAsync.FutureStatus.PENDING:
            raise asyncio.InvalidStateError('the future is pending')
        outcome = self._outcome
        if status == SmartAsync.FutureStatus.RESOLVED and outcome is not None:
            return outcome.value
        return self.get_value()[1]

    def exception(self):
        """Its error, or None; raises asyncio.InvalidStateError while it is pending."""
        if not self.done():
            raise asyncio.InvalidStateError('the future is pending')
        try:
            self.get_value()
        except BaseException as error:
            return error
        return None

    def add_done_callback(self, callback, *, context=None):
        """Has `callback(future)` called in this context when it is settled."""
        self._forget_error()
        _check_callback(callback)
        context = context or contextvars.copy_context()
        native.add_callback(self, functools.partial(context.run, callback, self))

    # What gives its value, or raises its error

    def get_value(self):
        with errors.translated(*self._get_outcomes()):
            return _unboxed(super().get_value())

    def wait(self, timeout_usec=-1, cancellable=None):
        with errors.translated(*self._get_outcomes()):
            # Unbound: the collector does not see what a bound function of PyGObject's is bound to.
            return _unboxed(interrupt.call(_wait, self, timeout_usec, cancellable))

    def wait_finish(self, result):
        with errors.translated(*self._get_outcomes()):
            return _unboxed(super().wait_finish(result))

    def wait_async(self, cancellable=None, callback=None, *user_data):
        _check_callback(callback)
        self._forget_error()
        # C's object for the result holds the future, which the collector does not see; and an error
        # that is read there has it in a frame. The future itself is a result just as well.
        if cancellable is None:
            native.add_callback(self, functools.partial(callback, self, self, *user_data))
            return

        def on_ready(_, result):
            result = _make_result(self, result, cancellable)
            callback(self, result, *user_data)

        super().wait_async(cancellable, on_ready)

    # What settles it

    @staticmethod
    def new_for_value(value):
        return SmartAsync.Future.new_for_value(values.to_gvalue(value))

    @staticmethod
    def new_for_error(error):
        outcome = errors.make_outcome(error)
        future = SmartAsync.Future.new_for_error(errors.to_gerror(error, outcome))
        future._sources = (outcome,)
        return future

    def resolve(self, value):
        return super().resolve(values.to_gvalue(value))

    def reject(self, error):
        outcome = errors.make_outcome(error)
        self._sources = (outcome, *self._sources)
        return super().reject(errors.to_gerror(error, outcome))

    # What goes on with it

    def then(self, continuation, *user_data):
        return self._make_child(super().then(self._guard(continuation), *user_data))

    def catch(self, continuation, *user_data):
        return self._make_child(super().catch(self._guard(continuation, True), *user_data))

    def finally_(self, continuation, *user_data):
        return self._make_child(super().finally_(self._guard(continuation), *user_data))

    def with_timeout(self, msec):
        return self._make_child(super().with_timeout(msec))

    @staticmethod
    def allv(futures):
        return _combine(SmartAsync.Future.allv, futures)

    @staticmethod
    def anyv(futures):
        return _combine(SmartAsync.Future.anyv, futures)

    @staticmethod
    def racev(futures):
        return _combine(SmartAsync.Future.racev, futures)


def _combine(combine, futures):
    futures = list(futures)
    for number, future in enumerate(futures):
        if not isinstance(future, Future):
            raise TypeError(f'futures[{number}] is to be a SmartAsync.Future, not {future!r}')
    combined = combine(futures)
    combined._sources = [outcome for future in futures for outcome in future._get_outcomes()]
    for future in futures:
        future._forget_error()
    return combined


def _add_getter(name):
    getter = getattr(SmartAsync.Future, name)

    def get(self):
        with errors.translated(*self._get_outcomes()):
            return getter(self)

    get.__name__ = name
    setattr(Future, name, get)


for _name in ('boolean', 'int', 'uint', 'int64', 'uint64', 'double', 'string', 'object',
              'variant'):
    _add_getter(f'get_{_name}')

Future = override(Future)
__all__.append('Future')


class Lock(SmartAsync.Lock):
    """Has concurrent calls of the same share one execution, and its result.

    `run_once(f, *args, **kwargs)`, and by key `lock['user:42'].run_once(f, *args, **kwargs)`, with
    any function: the value in a sync context, something to await in an async one.
    """

    def __getitem__(self, key):
        return lock.Flights(self, key)

    @property
    def run_once(self):
        return lock.RunOnce(self, None)

    def run_once_sync(self, key, func, source, args, cancellable):
        with errors.translated():
            return interrupt.call(native.run_once_sync, self, key, func, source,
                                  values.to_gvalues(args), cancellable)

    def run_once_async(self, key, func, source, args, cancellable, callback=None, *user_data):
        native.run_once_async(self, key, func, source, values.to_gvalues(args), cancellable,
                              callback, user_data)

    def run_once_finish(self, async_result):
        with errors.translated():
            return super().run_once_finish(async_result)


SmartLock = Lock = override(Lock)
__all__ += ['Lock', 'SmartLock']

# These look at the classes above.
from smartasync_glib import (bodies, calls, detect, errors, future, interrupt, lock,  # noqa: E402
                             loops, values)
from smartasync_glib.detect import (async_mode, is_async_context, set_async, set_sync,  # noqa: E402
                                    sync_mode)
from smartasync_glib.function import smartasync  # noqa: E402
from smartasync_glib.helpers import sleep, smartawait, smartcontinuation  # noqa: E402

__all__ += ['smartasync', 'smartawait', 'smartcontinuation', 'sleep', 'is_async_context',
            'set_sync', 'set_async', 'sync_mode', 'async_mode', 'reset_smartasync_cache']

context_is_async = detect.is_async_context
context_describe = detect.describe
context_push_mode = detect.push_mode
context_pop_mode = detect.pop_mode
__all__ += ['context_is_async', 'context_describe', 'context_push_mode', 'context_pop_mode']


def reset_smartasync_cache():
    """Frees what is kept for this thread's next calls: loops and contexts that are not in use.

    And the errors that nobody has asked for.
    """
    loops.reset()
    errors.reset()
    SmartAsync.async_reset()


def run_blocking(body, *args):
    """A one-off call of a blocking body; the cancellable comes last, after the body's data."""
    return SmartAsync.run_blocking(bodies.guard(body), *args)


# Releases of PyGObject differ in whether they leave it the name that is a keyword.
_await = getattr(SmartAsync, 'await', None) or getattr(SmartAsync, 'await_', None)


def await_(value, cancellable=None):
    return _await(values.to_gvalue(value), cancellable)


def continuation(value, function, *user_data):
    return SmartAsync.continuation(values.to_gvalue(value), bodies.guard(function), *user_data)


__all__ += ['run_blocking', 'await_', 'continuation']
