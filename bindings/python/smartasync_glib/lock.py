# SPDX-License-Identifier: LGPL-2.1-or-later

"""SmartLock.run_once() of Python's functions: see SmartAsync.Lock."""

from gi.repository import GLib, SmartAsync

from . import detect, errors, function, interrupt, under_asyncio, values
from .errors import Outcome
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
            return self._await(func, args, kwargs)
        return self._begin(func, args, kwargs).then(_unbox)

    def forget(self):
        """Has the next call execute, though one is in flight."""
        self._lock.forget(self._key)

    def _wait(self, func, args, kwargs):
        call = _Call(func, args, kwargs)
        with detect.in_c(False):
            try:
                result = interrupt.call(self._lock.run_once_sync, self._key, call.func, None,
                                        call.args, None)
            except GLib.Error as error:
                raise errors.from_gerror(error) from None
        return unbox(result[1] if isinstance(result, tuple) else result)

    async def _await(self, func, args, kwargs):
        loop = detect.get_asyncio_loop()
        return await under_asyncio.settle(loop, lambda: self._begin(func, args, kwargs), True)

    def _begin(self, func, args, kwargs):
        call = _Call(func, args, kwargs)
        with detect.in_c(True):
            return self._lock._run_once(self._key, call.func, None, call.args, None)


class _Call:
    """What a lock is given to call."""

    def __init__(self, func, args, kwargs):
        smart = function.smartasync(func) if not callable(func) else func
        if isinstance(smart, function.BoundFunction):
            smart, args = smart.__func__, (smart.__self__, *args)
        if isinstance(smart, SmartAsync.AsyncFunc):
            smart = function.smartasync(smart)
        if isinstance(smart, function.SmartFunction):
            self.func = smart._get_func()
            self.args = smart._make_arguments(args, kwargs, boxed=True)
            return
        self.func = (_get_coroutine_func() if function.is_coroutine_function(smart)
                     else _get_plain_func())
        self.args = [values.box(Work(smart, args, kwargs, boxed=True))]


_funcs = {}


def _get_coroutine_func():
    return _get_func('coroutine', lambda: function.CoroutineFunction(_call))


def _get_plain_func():
    return _get_func('plain', lambda: function.PlainFunction(_call))


def _get_func(kind, make):
    if kind not in _funcs:
        _funcs[kind] = make()._get_func()
    return _funcs[kind]


def _call():
    """Whatever a lock calls that nobody has decorated."""


def unbox(result):
    """What a flight came to: everyone who waited for it has the same outcome."""
    if not isinstance(result, Outcome):
        return result
    if result.error is not None:
        raise result.error
    return result.value


def _unbox(call, settled):
    try:
        value = settled.result()
    except BaseException as error:
        outcome = Outcome()
        outcome.reject(error)
        call.return_error(errors.to_gerror(error, outcome))
    else:
        call.return_value(values.to_gvalue(value))
