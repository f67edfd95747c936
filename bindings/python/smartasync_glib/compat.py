# SPDX-License-Identifier: LGPL-2.1-or-later

"""For programs written for genro-toolbox's smartasync: one line of imports changes.

    from smartasync_glib.compat import smartasync, smartawait, SmartLock

Here `smartawait()` and `SmartLock.run_once()` are coroutine functions, and every
keyword goes to the function. All else is SmartAsync's.
"""

import inspect

from gi.repository import SmartAsync

from . import detect
from .detect import is_async_context
from .function import smartasync

__all__ = ['smartasync', 'smartawait', 'smartcontinuation', 'SmartLock', 'reset_smartasync_cache',
           'is_async_context', 'set_sync', 'set_async']

reset_smartasync_cache = SmartAsync.reset_smartasync_cache


async def smartawait(value):
    """What `value` comes to, awaited as often as it takes."""
    while inspect.isawaitable(value):
        value = await value
    return value


def smartcontinuation(value, on_resolved, *args, **kwargs):
    """Applies `on_resolved(value, *args, **kwargs)`; of an awaitable, it gives a coroutine that does."""
    if not inspect.isawaitable(value):
        return on_resolved(value, *args, **kwargs)
    return _continue(value, on_resolved, args, kwargs)


async def _continue(value, on_resolved, args, kwargs):
    return on_resolved(await value, *args, **kwargs)


class SmartLock:
    """Shares one execution among those who ask for it at once."""

    __slots__ = ('_lock',)

    def __init__(self):
        self._lock = SmartAsync.Lock()

    async def run_once(self, coro_func, *args, **kwargs):
        """Calls `coro_func`, or awaits the call that is in flight."""
        return await self._lock.run_once.aio(coro_func, *args, **kwargs)

    def reset(self):
        """Those who wait are cancelled, and the next call executes."""
        self._lock.reset()


def set_sync(on=True):
    """Smart calls of this task wait; with False, it is detected again."""
    detect.set_sync(on)


def set_async(on=True):
    """Smart calls of this task give something to await; with False, it is detected again."""
    detect.set_async(on)
