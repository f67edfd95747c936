# SPDX-License-Identifier: LGPL-2.1-or-later

"""SmartLock.run_once() of Python's functions: see SmartAsync.Lock."""

import functools
import threading

import _smartasync_glib as native
from gi.repository import SmartAsync

from . import detect, errors, function, interrupt, under_asyncio, values
from .homes import within
from .work import Work


class Flights:
    """The functions of a lock under one key."""

    __slots__ = ('_lock', '_key')

    def __init__(self, lock, key):
        self._lock = lock
        self._key = key

    @property
    def run_once(self):
        return RunOnce(self._lock, self._key)

    def forget(self):
        """Has the next call execute, though one is in flight."""
        self._lock.forget(self._key)


class RunOnce:
    """Calls a function, or joins the call that is in flight.

    In a sync context it gives the value, in an async one something to await; `sync()` always waits
    and gives the value, `aio()` always gives a coroutine.
    """

    __slots__ = ('_lock', '_key')

    def __init__(self, lock, key):
        self._lock = lock
        self._key = key

    def __call__(self, func, /, *args, **kwargs):
        if self._key is None and (func is None or isinstance(func, str)):
            return self._call_plainly(func, *args, **kwargs)
        context, loop = detect.find_context()
        if context is detect.SYNC:
            return self.sync(func, *args, **kwargs)
        if context is detect.ASYNCIO:
            coroutine = self.aio(func, *args, **kwargs)
            return (under_asyncio.start(loop, coroutine) if under_asyncio.is_in_callback(loop)
                    else coroutine)
        waiter = _Waiter(self._lock, self._key)
        return self._begin(waiter, func, args, kwargs).finally_(lambda *_: waiter.leave())

    def sync(self, func, /, *args, **kwargs):
        """The same, waiting for the value in every context."""
        waiter = _Waiter(self._lock, self._key)
        try:
            with detect.in_c(False), errors.translated(told=waiter.told):
                result = interrupt.call(native.run_once_sync, self._lock, self._key,
                                        *_prepare(waiter, func, args, kwargs))
        finally:
            waiter.leave()
        return errors.unbox(result[1])

    async def aio(self, func, /, *args, **kwargs):
        """A coroutine that does the same, in every context."""
        def begin(home=None):
            with within(home):
                return self._begin(waiter, func, args, kwargs)

        loop = detect.get_asyncio_loop()
        if loop is not None and _runs_inline(func):
            return under_asyncio.call_inline(self.sync, func, *args, **kwargs)
        waiter = _Waiter(self._lock, self._key)
        try:
            return await (begin() if loop is None else under_asyncio.settle(loop, begin, True))
        finally:
            waiter.leave()

    def _begin(self, waiter, func, args, kwargs):
        try:
            with detect.in_c(True):
                flight = native.run_once(self._lock, self._key,
                                         *_prepare(waiter, func, args, kwargs))
        except BaseException:
            waiter.leave()
            raise
        flight._sources = waiter.told
        return flight

    def _call_plainly(self, key, func, source=None, args=None, cancellable=None):
        """The form that it has in C, where the key comes first."""
        with detect.in_c(detect.is_async_context()):
            return native.run_once(self._lock, key, func, source, values.to_gvalues(args),
                                   cancellable)


class _Waiter:
    """Who waits, and is told of the errors that flights come to meanwhile.

    They are told here, as C has no more than a key of an error: see errors.py.
    """

    __slots__ = ('told', 'others', 'work', '_place')

    def __init__(self, lock, key):
        self.told = []
        self.work = None  # of the flight, if it is this one's
        self._place = (hash(lock), key)
        with _mutex:
            self.others = _waiters.setdefault(self._place, {})
            self.others[id(self)] = self.told

    def leave(self):
        # C may have this longer than there is somebody who waits: see take_outcome() in work.py.
        self.told = ()
        if self.work is not None and self.work.outcome is None:
            self.work.clear()
        with _mutex:
            self.others.pop(id(self), None)
            if not self.others and _waiters.get(self._place) is self.others:
                del _waiters[self._place]


_mutex = threading.Lock()
_waiters = {}  # (lock, key): {waiter: what it is told}


def _prepare(waiter, func, args, kwargs):
    """What the library's methods take after the key."""
    if isinstance(func, function.BoundFunction):
        func, args = func.__func__, (func.__self__, *args)
    if isinstance(func, SmartAsync.AsyncFunc) or not callable(func):
        func = function.smartasync(func)
    if isinstance(func, function.SmartFunction):
        return (func._get_func(), func._get_source(args),
                func._make_arguments(args, kwargs, waiter), func._cancellable)
    kind = (function.CoroutineFunction if function.is_coroutine_function(func)
            else function.PlainFunction)
    name = getattr(func, '__qualname__', None) or type(func).__qualname__
    return _get_func(kind, name), None, [values.box(Work(func, args, kwargs, waiter=waiter))], None


def _runs_inline(func):
    """Whether this is a thread of the pool's in which it runs."""
    func = func.__func__ if isinstance(func, function.BoundFunction) else func
    if isinstance(func, function.SmartFunction):
        func = func._get_func()
    return isinstance(func, SmartAsync.AsyncFunc) and native.runs_inline(func)


@functools.lru_cache(maxsize=256)
def _get_func(kind, name):
    """What calls what nobody has decorated, and is of this name."""
    return kind(_run_once, {'name': name})._get_func()


def _run_once():
    """It is never called: what is comes with each call."""
