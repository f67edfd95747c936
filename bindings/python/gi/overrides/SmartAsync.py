# SPDX-License-Identifier: LGPL-2.1-or-later

"""What Python adds to the library. The modules of smartasync_glib do it."""

import asyncio

from gi.repository import GLib

from ..module import get_introspection_module
from ..overrides import override

SmartAsync = get_introspection_module('SmartAsync')

__all__ = []


class AsyncFunc(SmartAsync.AsyncFunc):
    _callv = SmartAsync.AsyncFunc.callv

    @staticmethod
    def new_dual(begin, begin_data, body, *body_data):
        # PyGObject takes the first function's data as a tuple only.
        if not isinstance(begin_data, tuple):
            begin_data = (begin_data,)
        return SmartAsync.AsyncFunc.new_dual(begin, begin_data, body, *body_data)


AsyncFunc = override(AsyncFunc)
__all__.append('AsyncFunc')


class Future(SmartAsync.Future):
    """Awaitable under every loop, and with the names that asyncio's futures have."""

    _outcome = None

    def __await__(self):
        return future.await_future(self)

    __iter__ = None

    def _wait_quietly(self, callback):
        """The callback comes in this context once it is settled."""
        super().wait_async(None, callback)

    def _forget_error(self):
        """Somebody has seen its error, or does not want to."""
        if self._outcome is not None:
            self._outcome.unseen = False

    def done(self):
        return self.get_status() != SmartAsync.FutureStatus.PENDING

    def cancelled(self):
        return self.done() and errors.is_cancelled(self.exception())

    def result(self):
        """Its value; raises its error, or asyncio.InvalidStateError while there is none."""
        if not self.done():
            raise asyncio.InvalidStateError('the future is pending')
        return self.get_value()[1]

    def exception(self):
        """Its error, or None."""
        try:
            self.result()
        except asyncio.InvalidStateError:
            if not self.done():
                raise
        except BaseException as error:
            return error
        return None

    def get_value(self):
        try:
            found = super().get_value()
        except GLib.Error as error:
            raise self._translate(error) from None
        outcome = self._outcome
        if outcome is not None and outcome.done and outcome.error is None:
            return (found[0], outcome.value)
        return (found[0], lock.unbox(found[1]))

    def _translate(self, error):
        return errors.from_gerror(error, self._outcome)

    def add_done_callback(self, callback, *, context=None):
        """Has callback(future) called in this context once it is settled."""
        import contextvars
        context = context or contextvars.copy_context()
        self._forget_error()
        super().wait_async(None, lambda *_: context.run(callback, self))


Future = override(Future)
__all__.append('Future')


class Lock(SmartAsync.Lock):
    """`run_once(f, *args, **kwargs)`, and by key: `lock["user:42"].run_once(f, *args, **kwargs)`."""

    _run_once = SmartAsync.Lock.run_once

    def run_once(self, first, /, *args, **kwargs):
        if first is None or isinstance(first, str):
            return super().run_once(first, *args, **kwargs)
        return lock.Flights(self, None).run_once(first, *args, **kwargs)

    def __getitem__(self, key):
        return lock.Flights(self, key)


SmartLock = Lock = override(Lock)
__all__ += ['Lock', 'SmartLock']

from smartasync_glib import detect, errors, function, future, helpers, lock, loops  # noqa: E402
from smartasync_glib.function import smartasync  # noqa: E402
from smartasync_glib.helpers import smartawait, smartcontinuation  # noqa: E402

context_is_async = is_async_context = detect.is_async_context
context_describe = detect.describe
context_push_mode = detect.push_mode
context_pop_mode = detect.pop_mode
set_sync, set_async = detect.set_sync, detect.set_async
sync_mode, async_mode = detect.sync_mode, detect.async_mode
__all__ += ['smartasync', 'context_is_async', 'is_async_context', 'context_describe',
            'context_push_mode', 'context_pop_mode', 'set_sync', 'set_async', 'sync_mode',
            'async_mode', 'reset_smartasync_cache', 'sleep', 'smartawait', 'smartcontinuation']


def reset_smartasync_cache():
    """Closes what the library keeps for this thread's next calls."""
    loops.reset()
    SmartAsync.async_reset()


@smartasync
async def sleep(seconds):
    """Waits so many seconds, under every loop."""
    if detect.get_asyncio_loop() is not None:
        await asyncio.sleep(seconds)
        return
    until = SmartAsync.Future.new(None)

    def on_timeout(*_):
        until.resolve(None)
        return GLib.SOURCE_REMOVE

    source = GLib.timeout_source_new(max(0, int(seconds * 1000)))
    source.set_callback(on_timeout)
    source.attach(GLib.MainContext.ref_thread_default())
    try:
        await until
    finally:
        source.destroy()
