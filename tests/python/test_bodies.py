#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later

"""What coroutines find around them: all of asyncio where a loop runs them, and where a sync caller
has them run; and GLib alone in its callbacks."""

import asyncio
import contextlib
import gc
import sys
import time
import weakref
from threading import get_ident
from unittest import mock

import gi

import harness
from cells import ASYNCIO_CALLERS, CALLERS
from harness import Home, expect, expect_error, expect_strays, run_asyncio, start_thread, test

from gi.repository import Gio, GLib, SmartAsync
from smartasync_glib import loops

smartasync = SmartAsync.smartasync

# Each has asyncio: the body's thread has nothing else, or a loop that GLib has no part in.
WITH_ASYNCIO = {'in-sync': CALLERS['in-sync'],
                'in-library': lambda function, *args: function.options(
                    cancellable=Gio.Cancellable())(*args),
                'in-time': lambda function, *args: function.options(timeout=harness.DEADLINE)(*args),
                'on-worker': lambda function, *args: smartasync(lambda: function(*args)).options(
                    abandon_on_cancel=True)(),
                **ASYNCIO_CALLERS}


# asyncio

@smartasync
async def sees_itself():
    task, loop = asyncio.current_task(), asyncio.get_running_loop()
    assert isinstance(task, asyncio.Future) and task in asyncio.all_tasks()
    assert task.get_loop() is loop and loop.is_running() and not task.done()
    await asyncio.sleep(0.001)
    assert asyncio.current_task() is task and asyncio.get_running_loop() is loop
    return 7


@smartasync
async def is_timed():
    began = asyncio.get_running_loop().time()
    try:
        async with asyncio.timeout(0.01):
            await asyncio.sleep(harness.DEADLINE)
        raise AssertionError('there was no timeout')
    except TimeoutError:
        assert asyncio.get_running_loop().time() - began < harness.DEADLINE
    async with asyncio.timeout(harness.DEADLINE) as timeout:
        await asyncio.sleep(0.001)
    assert not timeout.expired()
    return 7


@smartasync
async def offloaded(gate):
    return await smartasync(gate.wait)()


@smartasync
async def goes_on():
    """What asyncio cancels within a call does not cancel the call, nor what it has begun."""
    gate = harness.Gate()
    own = Gio.Cancellable.get_current()
    begun = asyncio.ensure_future(offloaded(gate))
    await harness.until(lambda: gate.n_waiting)
    for fail in (is_late, is_in_failing_group, has_late_one, is_late_in_manager, is_late_in_stack,
                 is_late_in_generator):
        await fail()
        assert own is None or not own.is_cancelled(), fail
        await SmartAsync.sleep(0.001)
    gate.open()
    await begun
    return 7


async def is_late():
    try:
        async with asyncio.timeout(0.001):
            await SmartAsync.sleep(harness.DEADLINE)
    except TimeoutError:
        return
    raise AssertionError('there was no timeout')


async def is_in_failing_group():
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(fail_later())
            await SmartAsync.sleep(harness.DEADLINE)
    except ExceptionGroup as group:
        assert group.subgroup(LookupError) is not None
        return
    raise AssertionError('the group did not fail')


async def fail_later():
    await SmartAsync.sleep(0.001)
    raise LookupError


@contextlib.asynccontextmanager
async def limited():
    async with asyncio.timeout(0.001):
        yield


async def is_late_in_manager():
    with contextlib.suppress(TimeoutError):
        async with limited():
            await SmartAsync.sleep(harness.DEADLINE)


async def is_late_in_stack():
    with contextlib.suppress(TimeoutError):
        async with contextlib.AsyncExitStack() as stack:
            await stack.enter_async_context(limited())
            await stack.enter_async_context(asyncio.timeout(harness.DEADLINE))
            await SmartAsync.sleep(harness.DEADLINE)


async def is_late_in_generator():
    async def numbers():
        async with asyncio.timeout(0.001):
            await SmartAsync.sleep(harness.DEADLINE)
            yield 7

    with contextlib.suppress(TimeoutError):
        async for _ in numbers():
            pass


@smartasync
async def has_late_one():
    # In a call of its own: for either call it is within.
    await is_late()


@smartasync
async def has_groups():
    ended = []

    async def fail():
        await asyncio.sleep(0.001)
        raise LookupError

    async def be_cancelled():
        try:
            await asyncio.sleep(harness.DEADLINE)
        except asyncio.CancelledError:
            ended.append(True)
            raise

    try:
        async with asyncio.TaskGroup() as group:
            for coroutine in (fail(), be_cancelled(), be_cancelled()):
                group.create_task(coroutine)
        raise AssertionError('the group did not fail')
    except* LookupError as errors:
        assert len(errors.exceptions) == 1 and ended == [True] * 2
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(asyncio.sleep(0.001, n)) for n in range(7)]
    return len({task.result() for task in tasks})


class Manager:
    def __init__(self, seen):
        self.seen = seen

    async def __aenter__(self):
        await asyncio.sleep(0.001)
        self.seen.append('enter')
        return self

    async def __aexit__(self, kind, *_):
        await asyncio.sleep(0.001)
        self.seen.append('exit')
        return kind is LookupError


@smartasync
async def has_managers():
    seen = []
    async with Manager(seen), contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(Manager(seen))
        seen.append('inside')
        raise LookupError
    assert seen == ['enter', 'enter', 'inside', 'exit', 'exit']
    return 7


ended_generators = []


async def count():
    try:
        for n in range(100):
            yield n
            await asyncio.sleep(0)
    finally:
        await asyncio.sleep(0)
        ended_generators.append(True)


@smartasync
async def has_generators():
    ended_generators.clear()
    # One that is left half way, and lost, is ended by the loop, which has not run yet.
    generator = count()
    await anext(generator)
    del generator
    gc.collect()
    await harness.until(lambda: ended_generators)
    ended_generators.clear()
    assert sum([n async for n in count() if n < 4]) == 6 and ended_generators == [True]
    async with contextlib.aclosing(count()) as generator:
        async for n in generator:
            if n == 7:
                break
    assert ended_generators == [True] * 2
    return n


@smartasync
async def has_the_rest():
    queue, event, lock = asyncio.Queue(), asyncio.Event(), asyncio.Lock()

    async def produce():
        async with lock:
            await queue.put(7)
        event.set()

    task = asyncio.create_task(produce())
    await event.wait()
    await asyncio.wait_for(task, harness.DEADLINE)
    assert await asyncio.to_thread(len, 'abc') == 3
    process = await asyncio.create_subprocess_exec('cat', stdin=asyncio.subprocess.PIPE,
                                                   stdout=asyncio.subprocess.PIPE)
    assert await process.communicate(b'abc') == (b'abc', None) and process.returncode == 0
    return await queue.get()


def give_seven_everywhere(function):
    for name, caller in WITH_ASYNCIO.items():
        assert caller(function) == 7, name


@test('/python/bodies/asyncio/task')
def task_is_there():
    give_seven_everywhere(sees_itself)


@test('/python/bodies/asyncio/timeout')
def timeouts_work():
    give_seven_everywhere(is_timed)


@test('/python/bodies/asyncio/cancels-within')
def cancels_within():
    give_seven_everywhere(goes_on)


async def ends_cancelled(function):
    task = asyncio.create_task(function())
    await asyncio.wait([task])
    return task.cancelled()


@test('/python/bodies/asyncio/cancels-both')
def cancels_both():
    """Cancelled by its caller as well, the call is."""
    for loop in harness.LOOPS:
        seen = []

        @smartasync
        async def body():
            own = Gio.Cancellable.get_current()
            try:
                async with asyncio.timeout(0):
                    asyncio.get_running_loop().call_soon(asyncio.current_task().cancel)
                    await SmartAsync.sleep(harness.DEADLINE)
            finally:
                seen.append(own.is_cancelled())

        assert run_asyncio(ends_cancelled, body, loop=loop) and seen == [True], (loop, seen)


class Elusive:
    """Says nothing of itself, like a proxy whose object has gone."""

    def __getattribute__(self, _):
        raise ReferenceError

    __eq__ = __getattribute__
    __hash__ = None


@test('/python/bodies/asyncio/cancelled-without')
def cancelled_without():
    """What has cancelled the task is not the body's own, though the body has it in a variable."""
    for loop in harness.LOOPS:
        seen = []

        @smartasync
        async def body(_group, _timeout, _object):
            own = Gio.Cancellable.get_current()
            try:
                await SmartAsync.sleep(harness.DEADLINE)
            finally:
                seen.append(own.is_cancelled())

        async def in_failing_group():
            async with asyncio.TaskGroup() as group:
                group.create_task(fail_later())
                await body(group, None, Elusive())

        async def in_time():
            async with asyncio.timeout(0.001) as timeout:
                await body(None, timeout, Elusive())

        for run, error in ((in_failing_group, ExceptionGroup), (in_time, TimeoutError)):
            expect(error, lambda: run_asyncio(run, loop=loop))
        assert seen == [True, True], (loop, seen)


@test('/python/bodies/asyncio/cancelled-before')
def cancelled_before():
    """What clears up after a cancellation has timeouts of its own."""
    for loop in harness.LOOPS:
        seen = []

        @smartasync
        async def clear_up():
            own = Gio.Cancellable.get_current()
            with contextlib.suppress(asyncio.CancelledError):  # as which 3.11 has the timeout
                await is_late()
            seen.append(own.is_cancelled())

        async def work():
            asyncio.get_running_loop().call_soon(asyncio.current_task().cancel)
            try:
                await asyncio.sleep(harness.DEADLINE)
            finally:
                await clear_up()

        assert run_asyncio(ends_cancelled, work, loop=loop) and seen == [False], (loop, seen)


@test('/python/bodies/asyncio/group')
def groups_work():
    give_seven_everywhere(has_groups)


@test('/python/bodies/asyncio/manager')
def managers_work():
    give_seven_everywhere(has_managers)


@test('/python/bodies/asyncio/generator')
def generators_work():
    give_seven_everywhere(has_generators)


@test('/python/bodies/asyncio/rest')
def the_rest_works():
    give_seven_everywhere(has_the_rest)


@test('/python/bodies/asyncio/at-once')
def no_loop_runs():
    """What never suspends is driven directly, and finds its task and its loop all the same."""
    async def body():
        assert asyncio.get_running_loop().is_running()
        assert asyncio.current_task().get_loop() is asyncio.get_running_loop()
        return await ready()

    async def ready():
        return 7

    runs, run_forever = [], loops.ThreadLoop.run_forever
    with mock.patch.object(loops.ThreadLoop, 'run_forever',
                           lambda self: runs.append(self) or run_forever(self)):
        assert smartasync(body)() == 7
        assert smartasync(body()) == 7
        expect(LookupError, smartasync(has_failed))
        assert runs == []
        # It would be seen.
        assert sees_itself() == 7 and runs != []


async def has_failed():
    raise LookupError


# Gio's own awaitables, in PyGObject 3.50 and newer

@test('/python/bodies/gio-awaitables')
def gio_awaitables():
    if gi.version_info < (3, 50):
        # An older one has no such thing: its methods want a callback.
        assert not hasattr(gi._gi, 'Async')
        return

    file = Gio.File.new_for_path(__file__)

    @smartasync
    async def load():
        ok, contents, _ = await file.load_contents_async(None)
        return len(contents)

    expected = len(file.load_contents(None).contents)
    callers = {name: CALLERS[name] for name in ('in-sync', 'in-glib', 'glib')}
    for name, caller in callers.items():
        assert caller(load) == expected, name


# GLib alone

async def nothing():
    pass


async def give_nothing(function):
    coroutine = nothing()
    try:
        await function(coroutine)
    finally:
        coroutine.close()


async def time_out():
    async with asyncio.timeout(1):
        await SmartAsync.sleep(0.001)


async def group():
    async with asyncio.TaskGroup():
        pass


async def lock_twice():
    lock = asyncio.Lock()
    await lock.acquire()
    await lock.acquire()


async def await_foreign():
    loop = asyncio.new_event_loop()
    try:
        await loop.create_future()
    finally:
        loop.close()


ASYNCIO_ALONE = {
    'sleep': lambda: asyncio.sleep(0.001),
    'task': lambda: give_nothing(asyncio.create_task),
    'gather': lambda: give_nothing(asyncio.gather),
    'wait_for': lambda: give_nothing(lambda it: asyncio.wait_for(it, 1)),
    'shield': lambda: give_nothing(asyncio.shield),
    'timeout': time_out,
    'group': group,
    'queue': lambda: asyncio.Queue().get(),
    'event': lambda: asyncio.Event().wait(),
    'lock': lock_twice,
    'to_thread': lambda: asyncio.to_thread(len, ''),
    'connection': lambda: asyncio.open_connection('127.0.0.1', 1),
    'process': lambda: asyncio.create_subprocess_exec('true'),
    'future': await_foreign,
}


@test('/python/bodies/glib/asyncio-is-missed')
def asyncio_is_missed():
    for name, make in ASYNCIO_ALONE.items():
        @smartasync
        async def body():
            await make()

        error = expect(RuntimeError, Home().run, body)
        said = ' '.join([str(error), *getattr(error, '__notes__', ())])
        assert 'needs asyncio' in said and 'SmartAsync.sleep()' in said, (name, said)
        assert 'gi.events' in said if gi.version_info >= (3, 50) else 'PyGObject' in said, said
        # What is not asyncio's goes on working.
        assert Home().run(smartasync(asyncio.sleep), 0) is None


@test('/python/bodies/glib/kept')
def kept_alive():
    """Nobody keeps what the call returns, nor anything that it waits for."""
    ended, references = harness.Counter(), []
    home, gate = Home(), harness.Gate()

    @smartasync
    def on_worker():
        gate.wait()

    class Thing:
        @smartasync
        async def on_event(self):
            references.append(weakref.ref(self))
            await SmartAsync.sleep(0.001)
            await on_worker()
            await smartasync(Gio.File.new_for_path('/').query_info)('*', 0, None)
            ended.add()

    def on_idle():
        for _ in range(10):
            Thing().on_event()

    home.call(on_idle)
    gc.collect()
    assert all(reference() for reference in references) and len(references) == 10
    gate.open()
    home.until(lambda: gc.collect() >= 0 and ended.value == 10)
    home.until(lambda: gc.collect() >= 0 and not any(reference() for reference in references))


@test('/python/bodies/glib/reported')
def reported():
    """What nobody sees to is reported, once; what somebody does is not."""
    class Oops(Exception):
        pass

    @smartasync
    async def fail():
        await SmartAsync.sleep(0.001)
        raise Oops

    home = Home()
    with expect_strays(Oops):
        home.call(lambda: fail() and None)
        deadline = harness.get_deadline()
        with home.pushed():
            while not harness.strays.seen and time.monotonic() < deadline:
                home.context.iteration(False)
    seen = []
    home.call(lambda: fail().add_done_callback(lambda task: seen.append(task.exception())))
    home.until(lambda: seen)
    assert type(seen[0]) is Oops
    home.drain()


@test('/python/bodies/glib/generator')
def generator_is_closed():
    """An asynchronous generator that was left early is closed as under asyncio, on its thread."""
    home, closed, kept = Home(), [], []

    class Oops(Exception):
        pass

    async def count(error=None):
        try:
            for number in range(3):
                yield number
        finally:
            await SmartAsync.sleep(0.001)
            closed.append(get_ident())
            if error is not None:
                raise error

    @smartasync
    async def take_first(generator):
        async for number in generator:
            return number

    @smartasync
    async def keep(held=None):
        generator = count(held)
        await generator.__anext__()
        kept.append(generator)

    hooks = sys.get_asyncgen_hooks()
    for n_closed in 1, 2, 3:
        assert home.run(lambda: take_first(count())) == 0
        home.until(lambda: len(closed) == n_closed)
        assert sys.get_asyncgen_hooks() == hooks
    # Whoever drops it.
    home.run(keep)
    start_thread(kept.clear).join()
    home.until(lambda: len(closed) == 4)
    # A context that nobody iterates any more goes, with all that waits there.
    forsaken = Home(GLib.MainContext.new())
    held = Oops()
    for _ in range(2):
        forsaken.run(keep, held)
    kept.clear()
    held = weakref.ref(held)
    assert held() is not None
    del forsaken
    home.until(lambda: gc.collect() >= 0 and held() is None)
    assert len(closed) == 4
    # What closing it raises is reported.
    with expect_strays(Oops):
        assert home.run(lambda: take_first(count(Oops()))) == 0
        deadline = harness.get_deadline()
        with home.pushed():
            while not harness.strays.seen and time.monotonic() < deadline:
                home.context.iteration(True)
                gc.collect()
    assert closed == [get_ident()] * 5


@test('/python/bodies/glib/cancel')
def cancelled():
    """A task is told in what it awaits, and can see to that."""
    told = []

    @smartasync
    async def body(how):
        try:
            await SmartAsync.sleep(harness.DEADLINE)
        except asyncio.CancelledError:
            told.append(Gio.Cancellable.get_current().is_cancelled())
            await SmartAsync.sleep(0.001)
            raise

    home = Home()
    for cancel in (lambda task, _: task.cancel(),
                   lambda _, cancellable: start_thread(cancellable.cancel).join()):
        cancellable = Gio.Cancellable()
        task = home.call(body.options(cancellable=cancellable), 7)
        home.call(cancel, task, cancellable)
        expect_error(home.settle, task, code=Gio.IOErrorEnum.CANCELLED)
        assert task.cancelled() and task.done()
    assert told == [True] * 2


if __name__ == '__main__':
    harness.main()
