# SPDX-License-Identifier: LGPL-2.1-or-later

"""Smart calls under a running asyncio loop: coroutines."""

import asyncio
import types

from gi.repository import GObject

from . import detect
from .future import watch
from .homes import home_of
from .work import fail, finish


async def settle(loop, begin, abandon):
    """What the future that `begin` starts comes to. Cancelled, it waits for its end all the same."""
    with home_of(loop):
        future = begin()
    cancelled = None
    while not future.done():
        try:
            await watch(future, loop)
        except asyncio.CancelledError as error:
            future.cancel()
            if abandon:
                raise
            cancelled = error
    if cancelled is not None:
        future._forget_error()
        raise cancelled
    return future.result()


async def call_in_library(function, args, kwargs):
    """Has the library call it, and awaits the result."""
    loop = detect.get_asyncio_loop()
    if loop is None:
        return await function._begin(args, kwargs)
    return await settle(loop, lambda: function._begin(args, kwargs, True), function._abandons)


async def call_coroutine(function, args, kwargs):
    """Runs a coroutine function in this task."""
    previous = detect.top.get()
    detect.top.set(detect.Frame(detect.COROUTINE_BODY, None, detect.get_asyncio_loop()))
    try:
        return await function(*args, **kwargs)
    finally:
        detect.top.set(previous)


@types.coroutine
def within_call(call, coroutine):
    """Runs `coroutine`, with `call` as the current one in each of its steps."""
    step, value = coroutine.send, None
    while True:
        call.enter()
        try:
            yielded = step(value)
        except StopIteration as stop:
            return stop.value
        finally:
            call.leave()
        try:
            step, value = coroutine.send, (yield yielded)
        except GeneratorExit:
            coroutine.close()
            raise
        except BaseException as error:
            step, value = coroutine.throw, error


def begin_task(loop, call, work):
    """The asynchronous body of a coroutine function, where asyncio runs: a task."""
    coroutine = work.begin()
    task = work.context.run(loop.create_task, within_call(call, coroutine))
    cancellable = call.get_cancellable()

    def on_cancelled(_):
        loop.call_soon_threadsafe(task.cancel)

    def on_done(task):
        if handler:
            GObject.Object.disconnect(cancellable, handler)
        if task.cancelled():
            fail(call, work, asyncio.CancelledError())
        elif task.exception() is not None:
            fail(call, work, task.exception())
        else:
            finish(call, work, task.result())

    handler = 0
    if cancellable is not None:
        handler = GObject.Object.connect(cancellable, 'cancelled', on_cancelled)
        if cancellable.is_cancelled():
            task.cancel()
    task.add_done_callback(on_done)
