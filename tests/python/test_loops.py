#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The loops in which sync callers have coroutines run, and what they do without.

What is awaited on a thread that is not the main one is waited for without asyncio's loop, until
that has something to do: each test here gives it something then, and hangs if it is not done.
"""

import asyncio
import contextlib
import gc
import os
import weakref

import harness
from harness import Gate, Home, expect, expect_error, start_thread, test

import _smartasync_glib as native
from gi.repository import Gio, GLib, SmartAsync
from smartasync_glib.future import Settling
from smartasync_glib.homes import home_of

smartasync = SmartAsync.smartasync
Call = SmartAsync.Call


class Blocked:
    """A function that a worker runs until the gate is opened."""

    def __init__(self):
        self.inside, self.gate = Gate(), Gate()

    @smartasync
    def run(self):
        self.inside.open()
        self.gate.wait()
        return 7


@test('/python/loops/task-from-another-thread')
def poked():
    blocked = Blocked()

    async def open_gate():
        blocked.gate.open()

    def poke(loop):
        blocked.inside.wait()
        return asyncio.run_coroutine_threadsafe(open_gate(), loop).result(harness.DEADLINE)

    @smartasync
    async def body():
        thread = start_thread(poke, asyncio.get_running_loop())
        value = await blocked.run()
        thread.join()
        return value

    assert body() == 7


@test('/python/loops/task-from-a-source')
def source_makes_task():
    blocked = Blocked()

    async def open_gate():
        blocked.gate.open()

    @smartasync
    async def body():
        loop = asyncio.get_running_loop()
        source = GLib.idle_source_new()
        tasks = []
        source.set_callback(lambda *_: tasks.append(loop.create_task(open_gate())))
        source.attach(GLib.MainContext.ref_thread_default())
        return await blocked.run()

    assert body() == 7


@test('/python/loops/what-was-begun-before')
def begun_before():
    blocked = Blocked()

    async def open_gate():
        blocked.gate.open()

    @smartasync
    async def with_task():
        task = asyncio.create_task(open_gate())
        value = await blocked.run()
        await task
        return value

    @smartasync
    async def with_timer():
        asyncio.get_running_loop().call_later(0.001, blocked.gate.open)
        return await blocked.run()

    @smartasync
    async def with_reader():
        reading, writing = os.pipe()
        loop = asyncio.get_running_loop()
        loop.add_reader(reading, blocked.gate.open)
        thread = start_thread(lambda: (blocked.inside.wait(), os.write(writing, b'x')))
        try:
            return await blocked.run()
        finally:
            thread.join()
            loop.remove_reader(reading)
            os.close(reading)
            os.close(writing)

    for body in (with_task, with_timer, with_reader):
        blocked.inside, blocked.gate = Gate(), Gate()
        assert body() == 7, body


@test('/python/loops/future')
def future():
    made = SmartAsync.Future.new(None)

    @smartasync
    async def body():
        thread = start_thread(made.resolve, 7)
        value = await made
        thread.join()
        return value

    assert body() == 7


@test('/python/loops/cancelled')
def cancelled():
    @smartasync
    def until_cancelled(inside):
        # What it is called with inherits nothing: it is told by the coroutine that awaits it.
        gate = Gate()
        Gio.Cancellable.get_current().connect(gate.open)
        inside.open()
        gate.wait()

    @smartasync
    async def body(inside):
        try:
            await until_cancelled.options(inherit_cancellable=False)(inside)
        except asyncio.CancelledError:
            told.append(True)
            raise

    told = []
    # On its own it is given the cancellable; in the body of another call it inherits that.
    for function in (body, smartasync(lambda inside: body(inside))):
        inside, cancellable = Gate(), Gio.Cancellable()
        thread = start_thread(lambda: (inside.wait(), cancellable.cancel()))
        expect_error(function.options(cancellable=cancellable), inside,
                     code=Gio.IOErrorEnum.CANCELLED)
        thread.join()
    assert told == [True] * 2


@test('/python/loops/task-and-loop')
def looks_like_asyncio():
    blocked = Blocked()
    blocked.gate.open()

    @smartasync
    async def body():
        task, loop = asyncio.current_task(), asyncio.get_running_loop()
        await blocked.run()
        assert asyncio.current_task() is task
        assert asyncio.get_running_loop() is loop and loop.is_running()
        await asyncio.sleep(0)
        assert asyncio.current_task() is task
        assert asyncio.get_running_loop() is loop
        return await blocked.run()

    assert body() == 7


@test('/python/loops/descriptors')
def few_descriptors():
    seen = []

    @smartasync
    async def body():
        seen.append(harness.count_fds())

    def on_thread():
        before = harness.count_fds()
        body()
        return seen.pop() - before

    body()  # what the process needs once
    seen.clear()
    # That of its main context.
    assert start_thread(on_thread).join() <= 1


# A loop that does not iterate GLib's contexts

@test('/python/loops/settled-meanwhile')
def settled_meanwhile():
    # As if another thread had settled it after it was looked at: its news come from this very thread.
    async def wait():
        # A new context wakes itself up.
        for _ in range(2):
            await (await begin_to_wait(SmartAsync.Future.new_for_value(7)))
        return 7

    for loop in harness.LOOPS:
        assert harness.run_asyncio(wait, loop=loop) == 7


# What a loop leaves behind

def hold_loop(make_loop):
    """Has a worker run what holds an asyncio loop, to the end and beyond that loop's.

    Weak references to the loop and to a body that C had on the way there.
    """
    blocked, loop = Blocked(), make_loop()

    @smartasync
    def body(held):
        return blocked.run.sync()

    async def leave():
        task = asyncio.ensure_future(body.options(abandon_on_cancel=True)(loop))
        await harness.until(lambda: blocked.inside.is_open)
        task.cancel()
        await asyncio.wait([task])

    loop.run_until_complete(leave())
    loop.close()
    blocked.gate.open()
    return weakref.ref(loop), weakref.ref(body)


@test('/python/loops/closed')
def closed_takes_all_along():
    # What comes where it would have been fetched must not keep it, nor that place's descriptor.
    for name, make_loop in harness.LOOPS.items():
        home = Home()
        # PyGObject's iterates a context of the program's, which goes on: what is left comes there.
        with home.pushed() if name == 'glib' else contextlib.nullcontext():
            hold_loop(make_loop)  # what the process needs once
            n = harness.count_fds()
            references = hold_loop(make_loop)
            harness.wait_until(lambda: home.drain() is None and gc.collect() >= 0
                               and not any(each() for each in references)
                               and harness.count_fds() <= n, name)


@test('/python/loops/closed-while-waiting')
def closed_while_waiting():
    # Who can be told of nothing any more is not kept for that. The context of a loop of PyGObject's
    # is not the loop's own, and may be iterated by the next one.
    for make_loop in (loop for name, loop in harness.LOOPS.items() if name != 'glib'):
        for settle in (lambda _: None, lambda future: future.resolve(7)):
            loop, future = make_loop(), SmartAsync.Future.new(None)
            waiter = loop.run_until_complete(begin_to_wait(future))
            settle(future)
            loop.close()
            reference = weakref.ref(loop)
            del loop, waiter
            future.cancel()
            gc.collect()
            assert reference() is None


async def begin_to_wait(future):
    loop = asyncio.get_running_loop()
    return Settling(future, loop, home_of(loop))


@test('/python/loops/cancelled-as-it-ends')
def cancelled_as_it_ends():
    # A cancellation that comes too late leaves nothing in a context that nobody iterates any more.
    @smartasync
    async def body():
        await SmartAsync.sleep(0)
        Gio.Cancellable.get_current().cancel()

    def run():
        home = Home(GLib.MainContext.new())
        future = home.call(body.options(cancellable=Gio.Cancellable()))
        while not future.done():
            home.context.iteration(True)

    run()  # what the process needs once
    n = harness.count_fds()
    for _ in range(3):
        run()
    harness.wait_until(lambda: gc.collect() >= 0 and harness.count_fds() <= n)


@test('/python/loops/kept-error')
def kept_error():
    # An error that is kept does not keep the loops of the thread that it comes from.
    @smartasync
    async def fail():
        await asyncio.sleep(0)
        raise LookupError

    errors = []
    start_thread(expect, LookupError, fail).join()  # what the process needs once
    n = harness.count_fds()
    for _ in range(3):
        start_thread(lambda: errors.append(expect(LookupError, fail))).join()
    assert len(errors) == 3
    harness.wait_until(lambda: harness.count_fds() <= n)


# A call in the body of another one

@test('/python/loops/nested/call')
def nested_call():
    @smartasync
    def inner(seen):
        assert Call.get_current() is Call.get_current()
        seen.append((Call.get_current(), Gio.Cancellable.get_current()))

    @smartasync
    async def inner_later(seen):
        await asyncio.sleep(0)
        seen.append((Call.get_current(), Gio.Cancellable.get_current()))

    @smartasync
    def outer(function):
        own, cancellable = Call.get_current(), Gio.Cancellable.get_current()
        seen = []
        function(seen)
        assert Call.get_current() == own
        call, current = seen[0]
        assert call is not None and call != own
        assert not call.get_cancellable().is_cancelled()
        cancellable.cancel()
        assert call.get_cancellable().is_cancelled() and current.is_cancelled()
        return len(seen)

    for function in (inner, inner_later):
        expect_error(outer.options(cancellable=Gio.Cancellable()), function,
                     code=Gio.IOErrorEnum.CANCELLED)


@test('/python/loops/nested/never-begun')
def nested_in_cancelled():
    begun = []

    @smartasync
    def inner():
        begun.append(1)

    @smartasync
    async def inner_later():
        begun.append(1)

    @smartasync
    def outer(function):
        Gio.Cancellable.get_current().cancel()
        expect_error(function, code=Gio.IOErrorEnum.CANCELLED)

    for function in (inner, inner_later):
        expect_error(outer.options(cancellable=Gio.Cancellable()), function,
                     code=Gio.IOErrorEnum.CANCELLED)
    assert begun == []


@test('/python/loops/nested/error')
def nested_error():
    error = KeyError('mine')

    @smartasync
    def inner():
        raise error

    @smartasync
    async def inner_later():
        raise asyncio.CancelledError

    @smartasync
    def outer(function):
        return function()

    asked = outer.options(cancellable=Gio.Cancellable())
    assert expect(KeyError, asked, inner) is error
    expect_error(asked, inner_later, code=Gio.IOErrorEnum.CANCELLED)


@test('/python/loops/loop-within-home')
def loop_within_home():
    # Results are gathered while a home is iterated, but not those that a loop in there waits for.
    async def main():
        over = asyncio.get_running_loop().create_future()

        def on_idle(*_):
            context = GLib.MainContext.new()
            context.push_thread_default()
            loop = GLib.MainLoop.new(context, False)
            future = SmartAsync.Future.new(None)
            native.wait(future, loop.quit, None)
            future.resolve(7)
            loop.run()
            context.pop_thread_default()
            over.set_result(future.result())
            return GLib.SOURCE_REMOVE

        source = GLib.idle_source_new()
        source.set_callback(on_idle)
        source.attach(home_of(asyncio.get_running_loop()))
        return await asyncio.wait_for(over, harness.DEADLINE)

    assert asyncio.run(main()) == 7


# What the library knows of their waits

def find_in_dump(*names):
    """Waits until all of these are in the dump."""
    harness.wait_until(lambda: all(name in SmartAsync.async_dump_waits() for name in names),
                       f'{names} never came to be in the dump')


@smartasync
async def await_it(future):
    return await future


@test('/python/loops/waits/known')
def known_waits():
    # Run by another thread, and by this one.
    def look(name, wait, end):
        assert name not in SmartAsync.async_dump_waits()
        thread = start_thread(wait)
        find_in_dump(name, 'thread', 'context')
        end()
        assert thread.join() == 7
        harness.wait_until(lambda: name not in SmartAsync.async_dump_waits())

        def look_and_end():
            find_in_dump(name)
            end()

        thread = start_thread(look_and_end)
        assert wait() == 7
        thread.join()

    for await_ in (await_it, SmartAsync.smartawait):
        futures = [SmartAsync.Future.new(None) for _ in range(2)]
        for future in futures:
            future.set_name('the-future')
        waiting, ending = iter(futures), iter(futures)
        look('the-future', lambda: await_(next(waiting)), lambda: next(ending).resolve(7))

    blocked, other = [Blocked(), Blocked()], [Blocked(), Blocked()]
    waiting, ending = iter(blocked), iter(blocked)
    look('Blocked.run', smartasync(lambda: await_it(next(waiting).run.aio())),
         lambda: next(ending).gate.open())

    def end():
        current = next(ending)
        # It is another one's turn.
        find_in_dump('waiting for its turn')
        current.gate.open()
        holders.pop(0).join()

    @smartasync
    async def queue():
        current = next(waiting)
        limited = Blocked.run.options(max_concurrency=1)
        holders.append(start_thread(limited, current))
        current.inside.wait()
        return await limited(current)

    holders = []
    waiting, ending = iter(other), iter(other)
    look('waiting for its turn', queue, end)


@test('/python/loops/waits/refused')
def refused_waits():
    @smartasync
    async def later():
        await SmartAsync.sleep(0.001)
        return 7

    def begin(how):
        future = later()
        error = harness.expect_smart_error(how, future, code=SmartAsync.Error.WOULD_DEADLOCK)
        assert 'later' in error.message and 'context' in error.message, error.message
        return future

    @smartasync
    async def catch(future):
        # The coroutine hears of it where it waits, and can go on.
        try:
            return await future
        finally:
            await SmartAsync.sleep(0.001)

    @smartasync
    def block(future):
        return await_it(future)

    lock = SmartAsync.Lock()
    hows = [await_it.sync, catch.sync, block.sync, SmartAsync.smartawait.sync,
            lambda future: SmartAsync.smartcontinuation.sync(future, lambda value: value),
            lambda future: lock.run_once.sync(await_it, future)]
    for how in hows:
        home = Home()
        assert home.settle(home.call(begin, how)) == 7


@test('/python/loops/waits/ring')
def ring_of_coroutines():
    # Two functions, each of which holds what the other one needs.
    def make(n):
        async def hold():
            nonlocal n_refused
            if inside.add() > 2:
                return n
            await SmartAsync.sleep(0.001)
            inside.wait_for(2)
            try:
                return await functions[1 - n]()
            except GLib.Error as error:
                assert error.matches(SmartAsync.error_quark(), SmartAsync.Error.WOULD_DEADLOCK)
                n_refused += 1
                return 'refused'
        return hold

    for options in (lambda: {'max_concurrency': 1},
                    lambda: {'executor': SmartAsync.Executor.new_pool('one', 1)}):
        inside, n_refused = harness.Counter(), 0
        functions = [smartasync(make(n)).options(**options()) for n in range(2)]
        threads = [start_thread(function) for function in functions]
        results = [thread.join() for thread in threads]
        # The other one goes on.
        assert n_refused == 1 and 'refused' in results, (n_refused, results)


@test('/python/loops/waits/no-false-alarm')
def no_false_alarm():
    # What the future needs does not come. But there is something else to wait for.
    async def time_out(future):
        try:
            async with asyncio.timeout(0.001):
                await future
        except TimeoutError:
            return 'timed out'

    async def be_cancelled(future):
        root, loop = asyncio.current_task(), asyncio.get_running_loop()

        async def cancel():
            poked = loop.create_future()
            threads.append(start_thread(lambda: loop.call_soon_threadsafe(poked.set_result, None)))
            await poked
            root.cancel()

        task = loop.create_task(cancel())
        try:
            await future
        except asyncio.CancelledError:
            root.uncancel()
            await task
            return 'cancelled'

    async def by_hand(future):
        own = SmartAsync.Future.new(None)
        threads.append(start_thread(own.resolve, 'by hand'))
        return await own

    async def with_others(future):
        waiting = [asyncio.create_task(await_it.aio(future)) for _ in range(2)]
        own = asyncio.get_running_loop().run_in_executor(None, lambda: 'with others')
        try:
            return await own
        finally:
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)

    @smartasync
    async def later():
        await SmartAsync.sleep(0.001)
        return 7

    threads = []
    for body, result in ((time_out, 'timed out'), (be_cancelled, 'cancelled'),
                         (by_hand, 'by hand'), (with_others, 'with others')):
        for wait in (lambda: smartasync(body).sync(SmartAsync.Future.new(None)),
                     lambda: smartasync(body).sync(future)):
            def begin():
                nonlocal future
                future = later()
                seen = wait()
                assert seen == result, (seen, result)
                return future

            home, future = Home(), None
            future = home.call(begin)
            # To await it cancels it with the task, as asyncio does.
            home.until(future.done)
    for thread in threads:
        thread.join()


@smartasync
async def seven_later():
    await SmartAsync.sleep(0.001)
    return 7


def begin_at_top_level(function):
    with SmartAsync.async_mode():
        return function()


@test('/python/loops/waits/caller-iterated')
def iterates_caller():
    # As Future.wait() does, where nobody else iterates what the future needs.
    def answer(call):
        kept.append(call)
        call.add_timeout(1, lambda: (call.return_int(7), GLib.SOURCE_REMOVE)[1])

    @smartasync
    def block(future):
        return await_it(future)

    @smartasync
    async def at_once(future):
        await SmartAsync.sleep(0)
        return await await_it(future)

    async def in_asyncio(future):
        return await_it.sync(future)

    kept = []
    for begin in (seven_later, smartasync(SmartAsync.AsyncFunc.new(answer))):
        for how in (await_it, block, at_once, SmartAsync.smartawait,
                    lambda future: SmartAsync.smartcontinuation(future, lambda value: value),
                    lambda future: harness.run_asyncio(in_asyncio, future)):
            # The second one finds the loop of the first.
            assert how(begin_at_top_level(begin)) == 7
            assert how(begin_at_top_level(begin)) == 7
    kept.clear()


@test('/python/loops/waits/caller-iterated/context')
def context_of_caller():
    # What is dispatched there is in a callback of GLib's.
    seen = []

    def on_timeout():
        seen.append((SmartAsync.is_async_context(), asyncio._get_running_loop(),
                     GLib.MainContext.ref_thread_default() == GLib.MainContext.default(),
                     isinstance(seven_later(), SmartAsync.Future),
                     Gio.Cancellable.get_current()))
        return GLib.SOURCE_REMOVE

    home = Home(GLib.MainContext.default())
    home.attach(GLib.timeout_source_new(0), on_timeout)
    assert await_it(begin_at_top_level(seven_later)) == 7
    home.until(lambda: seen)
    home.drain()
    assert seen == [(True, None, True, True, None)], seen


@test('/python/loops/waits/caller-iterated/cancelled')
def cancelled_at_caller():
    # Cancelled meanwhile, it ends.
    def never(call):
        kept.append(call)

    def cancel():
        find_in_dump('never')
        cancellable.cancel()

    kept, cancellable = [], Gio.Cancellable()
    future = begin_at_top_level(smartasync(SmartAsync.AsyncFunc.new(never)))
    future.set_name('never')
    thread = start_thread(cancel)
    expect_error(await_it.options(cancellable=cancellable), future, code=Gio.IOErrorEnum.CANCELLED)
    thread.join()
    kept.pop().return_none()
    Home(GLib.MainContext.default()).drain()


@test('/python/loops/waits/caller-iterated/taken-over')
def taken_over():
    # Another thread has the context for a while, and stops without a word.
    def own():
        assert GLib.MainContext.default().acquire()
        owned.open()
        find_in_dump('seven_later')
        GLib.MainContext.default().release()

    owned = Gate()
    future = begin_at_top_level(seven_later)
    thread = start_thread(own)
    owned.wait()
    assert await_it(future) == 7
    thread.join()


if __name__ == '__main__':
    harness.main()
