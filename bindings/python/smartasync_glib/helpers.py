# SPDX-License-Identifier: LGPL-2.1-or-later

"""smartawait() and smartcontinuation()."""

import asyncio
import inspect

from gi.repository import GLib, SmartAsync

from . import detect
from .function import CoroutineFunction, smartasync


@smartasync
async def smartawait(value):
    """What `value` comes to, awaited as often as it takes: in a sync context the innermost value.

    In an async context it is something to await, which gives the same.
    """
    return await _resolve(value)


class _Continuation(CoroutineFunction):
    """Of a value that is there, it does not wait."""

    def __call__(self, value, on_resolved, /, *args, **kwargs):
        if inspect.isawaitable(value):
            return super().__call__(value, on_resolved, *args, **kwargs)
        result = on_resolved(value, *args, **kwargs)
        if inspect.isawaitable(result) and _has_to_be_run(result):
            return smartawait(result)
        return result


def _has_to_be_run(awaitable):
    """Whether the caller is not one who awaits it as it is."""
    context, _ = detect.find_context()
    return context is detect.SYNC or (context is detect.GLIB and inspect.iscoroutine(awaitable))


@_Continuation
async def smartcontinuation(value, on_resolved, /, *args, **kwargs):
    """Applies `on_resolved(value, *args, **kwargs)`: at once to a value, later to an awaitable.

    In a sync context an awaitable is run first, and so is one that the function gives; what comes
    of it is returned.
    """
    return await _resolve(on_resolved(await _resolve(value), *args, **kwargs))


async def _resolve(value):
    while inspect.isawaitable(value):
        value = await value
    return value


@smartasync
async def sleep(seconds):
    """Waits so many seconds, under every loop."""
    if detect.get_asyncio_loop() is not None:
        await asyncio.sleep(seconds)
        return
    over = SmartAsync.Future.new(None)

    def on_timeout(*_):
        over.resolve(None)
        return GLib.SOURCE_REMOVE

    source = GLib.timeout_source_new(max(0, round(seconds * 1000)))
    source.set_callback(on_timeout)
    source.attach(GLib.MainContext.ref_thread_default())
    try:
        await over
    finally:
        source.destroy()
