# SPDX-License-Identifier: LGPL-2.1-or-later

"""Smart calls under a running asyncio loop: coroutines."""

import asyncio
import collections.abc
import types
import weakref
from asyncio import _get_running_loop

import _smartasync_glib as native
from gi.repository import GLib

from . import detect, errors, interrupt
from .cancellation import CallWatch, Watch, is_task_cancelled
from .future import Settling
from .homes import home_of, iterates_default, within
from .loops import may_wait_outside, wait_outside
from .work import Work, fail, finish


async def settle(loop, begin, abandon):
    """What the future that `begin(home)` starts comes to. Cancelled, it waits for its end all the same."""
    home = home_of(loop)
    future = begin(home)
    if may_wait_outside(loop, future):
        await wait_outside(future)
    cancelled = None
    while not future.done():
        try:
            settling = Settling(future, loop, home or home_of(loop))
            home = None  # what waits there is not to hold it
            await settling
        except asyncio.CancelledError as error:
            future.cancel()
            if abandon:
                raise
            cancelled = error
        except GLib.Error:
            # The wait is refused: nobody is left to whom the call matters.
            future.cancel()
            future._forget_error()
            if cancelled is not None:
                raise cancelled
            raise
    if cancelled is not None:
        future._forget_error()
        raise cancelled
    try:
        return future.result()
    except GLib.Error as error:
        if errors.is_cancelled(error) and is_task_cancelled(asyncio.current_task()):
            # Whoever is cancelled hears that, and not what comes of it.
            raise asyncio.CancelledError from error
        raise


def call_inline(call, *args, **kwargs):
    """Waits where nobody else would come to run it: in a loop on the pool's own thread."""
    try:
        return call(*args, **kwargs)
    except GLib.Error as error:
        # As in settle(). Nobody watches the cancellable in a coroutine's first step.
        if errors.is_cancelled(error) and (native.is_cancelled(native.current_cancellable())
                                           or is_task_cancelled(asyncio.current_task())):
            raise asyncio.CancelledError from error
        raise


async def call_in_library(function, args, kwargs):
    """Has the library call it, and awaits the result."""
    loop = detect.get_asyncio_loop()
    if loop is None:
        return await function._begin(args, kwargs)
    if native.runs_inline(function._get_func()):
        return call_inline(function._call_sync, args, kwargs)
    return await settle(loop, lambda home: function._begin_raw(args, kwargs, home), function._abandons)


# In a callback of GLib's, where PyGObject's loop runs, nobody awaits

_started = set()  # tasks, until they are done


def is_in_callback(loop):
    """Whether this is a source's callback: not a task, and not one of the loop's own callbacks.

    Or a GApplication's activate and the like, which its run() calls by itself.
    """
    if asyncio.current_task(loop) is not None or not iterates_default(loop):
        return False
    if native.main_depth() == 0:
        return True
    source = GLib.main_current_source()
    own = getattr(loop, '_selector', None)
    return source is not None and all(
        other is None or hash(source) != hash(other)
        for other in (getattr(own, '_source', None), getattr(loop, '_idle_source', None)))


def start(loop, coroutine):
    """A task of the loop's, which keeps itself alive."""
    task = loop.create_task(coroutine)
    _started.add(task)
    task.add_done_callback(_started.discard)
    return task


# Coroutines, in the caller's own task

async def call_coroutine(function, args, kwargs):
    """Runs a coroutine function in this task, as a call of the library's."""
    loop = detect.get_asyncio_loop()
    if loop is None:
        return await function._begin(args, kwargs)
    if function._runs_elsewhere:
        here = function._get_function_here()
        if here is None:
            return await call_in_library(function, args, kwargs)
        function = here

    work = Work(function._function, args, kwargs, plain=True)
    work.granted = loop.create_future()
    with within(home_of(loop)):
        # C calls back in it, where nobody would catch what a signal's handler raises.
        future = interrupt.call(function._start, work)
    try:
        if work.call is None:
            await _wait_for_turn(loop, work, future)
        return await _run_here(loop, work, future)
    finally:
        work.clear()


async def _wait_for_turn(loop, work, future):
    """Until it has been begun, or refused."""
    def on_settled(_):
        if not granted.done():
            granted.set_result(None)

    granted = work.granted
    settling = Settling(future, loop, home_of(loop))
    settling.waiter.add_done_callback(on_settled)
    if settling.loop is not None:
        loop.add_settling(granted, future)
    try:
        await granted
    except (asyncio.CancelledError, GLib.Error):
        future.cancel()
        future._forget_error()
        raise
    finally:
        if settling.loop is not None:
            loop.remove_settling(granted)
        settling.end()
    if work.call is None:
        future.result()


async def _run_here(loop, work, future):
    call = work.call
    frame = detect.Frame(detect.COROUTINE_BODY, None, loop)
    frame.call = call
    frame.owner = weakref.ref(call)
    previous = detect.top.get()
    detect.top.set(frame)
    watch_ = CallWatch(call, future, loop)
    try:
        value = await within_call(call, work.function(*work.args, **work.kwargs), watch_)
    except BaseException as error:
        call._return_none()
        if watch_.end():
            # What comes of a call that was cancelled, or took too long, is that.
            with errors.because_of(error):
                future.result()
        raise
    finally:
        detect.top.set(previous)
    call._return_none()
    if watch_.end():
        future.result()
    return value


@types.coroutine
def within_call(call, coroutine, watch_=None):
    """Runs `coroutine`, with `call` as the current one in each of its steps."""
    step, value, thrown = coroutine.send, None, None
    loop = _get_running_loop()
    while True:
        factories = _enter(loop, call)
        try:
            yielded = step(value)
        except StopIteration as stop:
            return stop.value
        finally:
            _leave(loop, call, *factories)
        if watch_ is not None:
            if not watch_.handler:
                watch_.begin()
            elif watch_.has_cancelled and thrown is not None:
                # It goes on all the same: without us.
                watch_.loop.create_task(_go_on(call, coroutine, yielded))
                raise thrown
        try:
            step, value = coroutine.send, (yield yielded)
        except GeneratorExit:
            coroutine.close()
            raise
        except BaseException as error:
            if (watch_ is not None and isinstance(error, asyncio.CancelledError)
                    and watch_.cancel_call(coroutine)):
                thrown = error
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


# The tasks that a body makes: they belong to its call while it runs

class _TaskFactory:
    """Makes the tasks of a loop while a body is in one of its steps."""

    __slots__ = ('call', 'base')

    def __init__(self, call, base):
        self.call = weakref.ref(call)
        self.base = base  # the loop's own, or None

    def __call__(self, loop, coroutine, **options):
        return (self.base or _make_task)(loop, _Child(loop, self.call, coroutine), **options)


def _make_task(loop, coroutine, **options):
    return asyncio.Task(coroutine, loop=loop, **options)


class _Child(collections.abc.Coroutine):
    """A coroutine with the call that its task belongs to as the current one in each of its steps."""

    __slots__ = ('_loop', '_call', '_coroutine', '__weakref__')

    def __init__(self, loop, call, coroutine):
        self._loop = loop
        self._call = call
        self._coroutine = coroutine

    def send(self, value):
        return self._step(self._coroutine.send, value)

    def throw(self, *error):
        return self._step(self._coroutine.throw, *error)

    def close(self):
        self._coroutine.close()

    def _step(self, step, *args):
        call = self._call()
        if call is None:
            return step(*args)
        factories = _enter(self._loop, call)
        try:
            return step(*args)
        finally:
            _leave(self._loop, call, *factories)

    def __await__(self):
        return self._coroutine.__await__()

    def __getattr__(self, name):
        # It is shown as what it runs.
        return getattr(self._coroutine, name)

    def __repr__(self):
        return repr(self._coroutine)


def _enter(loop, call):
    outer = loop.get_task_factory()
    own = _TaskFactory(call, outer.base if type(outer) is _TaskFactory else outer)
    call.enter()
    loop.set_task_factory(own)
    return outer, own


def _leave(loop, call, outer, own):
    # A body may have given the loop another one.
    if loop.get_task_factory() is own:
        loop.set_task_factory(outer)
    call.leave()


def _create_apart(loop, coroutine):
    """A task that does not belong to the call which it is made in."""
    factory = loop.get_task_factory()
    if type(factory) is not _TaskFactory:
        return loop.create_task(coroutine)
    loop.set_task_factory(factory.base)
    try:
        return loop.create_task(coroutine)
    finally:
        loop.set_task_factory(factory)


# Coroutines, in a task of their own: a lock's flights

async def _run_within(call, coroutine):
    return await within_call(call, coroutine)


def begin_task(loop, call, work):
    """The asynchronous body of a coroutine function, where asyncio runs: a task."""
    coroutine = work.begin(call)
    task = work.context.run(_create_apart, loop, _run_within(call, coroutine))
    watch_ = Watch(call.get_cancellable(), loop, task)

    def on_done(task):
        watch_.end()
        if task.cancelled():
            fail(call, work, asyncio.CancelledError())
        elif task.exception() is not None:
            fail(call, work, task.exception())
        else:
            finish(call, work, task.result())

    task.add_done_callback(on_done)
    watch_.begin()


def begin_here(call, work):
    """Its turn has come: the caller's own task goes on with it."""
    work.call = call
    if not work.granted.done():
        work.granted.set_result(None)
