# SPDX-License-Identifier: LGPL-2.1-or-later

"""SmartLock.run_once() of Python's functions: see SmartAsync.Lock."""

from gi.repository import SmartAsync

from . import detect, errors, function, interrupt, under_asyncio, values
from .work import Work


class Flights:
    """The functions of a lock under one key."""

    __slots__ = ('_lock', '_key')

    def __init__(self, lock, key):
        self._lock = lock
        self._key = key

    def run_once(self, func, /, *args, **kwargs):
        """Calls `func`, or joins the call that is in flight.

        In a sync context it gives the value, in an async one something to await.
        """
        context = detect.find_context()
        if context is detect.SYNC:
            return self._wait(func, args, kwargs)
        if context is detect.ASYNCIO:
            loop = detect.get_asyncio_loop()
            coroutine = self._await(func, args, kwargs)
            return (under_asyncio.start(loop, coroutine) if under_asyncio.is_in_callback(loop)
                    else coroutine)
        flight = self._begin(func, args, kwargs)
        # All who wait for the flight share its outcome; what is its error is this future's, too.
        outcome = errors.Outcome()
        result = flight.then(lambda call, flight: _take(call, flight, outcome))
        result._outcome = outcome
        return result

    def forget(self):
        """Has the next call execute, though one is in flight."""
        self._lock.forget(self._key)

    def _wait(self, func, args, kwargs):
        with detect.in_c(False), errors.translated():
            result = interrupt.call(self._lock._run_once_sync, self._key,
                                    *_prepare(func, args, kwargs))
        return errors.unbox(result[1])

    async def _await(self, func, args, kwargs):
        loop = detect.get_asyncio_loop()
        return await under_asyncio.settle(loop, lambda: self._begin(func, args, kwargs), True)

    def _begin(self, func, args, kwargs):
        with detect.in_c(True):
            return self._lock._run_once(self._key, *_prepare(func, args, kwargs))


def convert(args):
    """The plain form's arguments, after the key: a function, a source, a list, a cancellable."""
    return [*args[:2], values.to_gvalues(args[2]), *args[3:]] if len(args) > 2 else args


def _prepare(func, args, kwargs):
    """What the library's methods take after the key."""
    if isinstance(func, function.BoundFunction):
        func, args = func.__func__, (func.__self__, *args)
    if isinstance(func, SmartAsync.AsyncFunc) or not callable(func):
        func = function.smartasync(func)
    if isinstance(func, function.SmartFunction):
        return (func._get_func(), func._get_source(args),
                func._make_arguments(args, kwargs, boxed=True), func._cancellable)
    kind = (function.CoroutineFunction if function.is_coroutine_function(func)
            else function.PlainFunction)
    return _get_func(kind), None, [values.box(Work(func, args, kwargs, boxed=True))], None


_funcs = {}  # kind: SmartAsync.AsyncFunc


def _get_func(kind):
    """What calls what nobody has decorated."""
    if kind not in _funcs:
        _funcs[kind] = kind(_run_once)._get_func()
    return _funcs[kind]


def _run_once():
    """It gives them its name."""


def _take(call, flight, outcome):
    try:
        value = flight.result()
    except BaseException as error:
        outcome.reject(error)
        outcome.unseen = True
        call.return_error(errors.to_gerror(error, outcome))
    else:
        outcome.resolve(value)
        call.return_value(values.to_gvalue(value))
