# SPDX-License-Identifier: LGPL-2.1-or-later

"""Smart calls under a running asyncio loop: coroutines."""

import asyncio
import contextlib
import types

from gi.repository import GObject, SmartAsync

from . import detect, errors
from .future import watch
from .homes import home_of
from .work import Work, fail, finish


_RESOLVED = SmartAsync.FutureStatus.RESOLVED


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


# Coroutines, in the caller's own task

async def call_coroutine(function, args, kwargs):
    """Runs a coroutine function in this task, as a call of the library's."""
    loop = detect.get_asyncio_loop()
    if loop is None:
        return await function._begin(args, kwargs)
    if function._runs_elsewhere:
        return await call_in_library(function, args, kwargs)

    work = Work(function._function, args, kwargs, plain=True)
    work.granted = loop.create_future()
    with home_of(loop):
        future = function._start(work)
    if work.call is None:
        await _wait_for_turn(loop, work, future)
    try:
        return await _run_here(loop, work, future)
    finally:
        work.call = None


async def _wait_for_turn(loop, work, future):
    """Until it has been begun, or refused."""
    def on_settled(_):
        if not work.granted.done():
            work.granted.set_result(None)

    settled = watch(future, loop)
    settled.add_done_callback(on_settled)
    try:
        await work.granted
    except asyncio.CancelledError:
        future.cancel()
        future._forget_error()
        raise
    finally:
        settled.cancel()
    if work.call is None:
        future.result()


async def _run_here(loop, work, future):
    call = work.call
    frame = detect.Frame(detect.COROUTINE_BODY, None, loop)
    frame.call = hash(call)
    previous = detect.top.get()
    detect.top.set(frame)
    cancellation = _Cancellation(call, future, loop)
    try:
        value = await within_call(call, work.function(*work.args, **work.kwargs), cancellation)
    except BaseException as error:
        call.return_none()
        if cancellation.end():
            # What comes of a call that was cancelled, or took too long, is that.
            with errors.because_of(error):
                future.result()
        raise
    finally:
        detect.top.set(previous)
    call.return_none()
    if cancellation.end():
        future.result()
    return value


class _Cancellation:
    """A call and the task that runs it: each is cancelled with the other."""

    def __init__(self, call, future, loop):
        self.call = call
        self.future = future
        self.loop = loop
        self.task = asyncio.current_task()
        self.handler = 0
        self.by_task = False
        self.by_cancellable = False

    def watch(self):
        """It suspends for the first time."""
        cancellable = self.call.get_cancellable()
        self.handler = GObject.Object.connect(cancellable, 'cancelled', self.on_cancelled)
        if cancellable.is_cancelled():
            self.on_cancelled()

    def on_cancelled(self, *_):
        # In the thread that cancels.
        if not self.by_task:
            with contextlib.suppress(RuntimeError):  # the loop is closed
                self.loop.call_soon_threadsafe(self.cancel_task)

    def cancel_task(self):
        if self.handler and not self.by_task and not self.by_cancellable:
            self.by_cancellable = True
            self.task.cancel()

    def cancel_call(self):
        """The task was cancelled."""
        if not self.by_cancellable:
            self.by_task = True
            self.future.cancel()

    def end(self):
        """Whether its cancellable, or its deadline, has ended it."""
        if self.handler:
            GObject.Object.disconnect(self.call.get_cancellable(), self.handler)
            self.handler = 0
        if self.by_cancellable:
            self.task.uncancel()
        if not self.by_cancellable and not self.by_task:
            return self.future.done() and self.future.get_status() != _RESOLVED
        return self.by_cancellable


@types.coroutine
def within_call(call, coroutine, cancellation=None):
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
        if cancellation is not None:
            if not cancellation.handler:
                cancellation.watch()
            elif cancellation.by_cancellable:
                # It goes on all the same: without us.
                cancellation.loop.create_task(_go_on(call, coroutine, yielded))
                raise asyncio.CancelledError
        try:
            step, value = coroutine.send, (yield yielded)
        except GeneratorExit:
            coroutine.close()
            raise
        except BaseException as error:
            if cancellation is not None and isinstance(error, asyncio.CancelledError):
                cancellation.cancel_call()
            step, value = coroutine.throw, error


async def _go_on(call, coroutine, yielded):
    """The rest of a coroutine that has yielded this."""
    try:
        await _wait_for(yielded)
    except BaseException as error:
        coroutine = _throw(coroutine, error)
    await within_call(call, coroutine)


@types.coroutine
def _wait_for(yielded):
    yield yielded


class _throw:
    """A coroutine whose first step raises."""

    def __init__(self, coroutine, error):
        self.coroutine = coroutine
        self.error = error
        self.throw = coroutine.throw
        self.close = coroutine.close

    def send(self, value):
        error, self.error = self.error, None
        return self.coroutine.throw(error) if error is not None else self.coroutine.send(value)


# Coroutines, in a task of their own: a lock's flights

async def _run_within(call, coroutine):
    return await within_call(call, coroutine)


def begin_task(loop, call, work):
    """The asynchronous body of a coroutine function, where asyncio runs: a task."""
    coroutine = work.begin()
    task = work.context.run(loop.create_task, _run_within(call, coroutine))
    cancellable = call.get_cancellable()

    def on_cancelled(_):
        with contextlib.suppress(RuntimeError):
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


def begin_here(call, work):
    """Its turn has come: the caller's own task goes on with it."""
    work.call = call
    if not work.granted.done():
        work.granted.set_result(None)
