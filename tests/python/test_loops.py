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
            await Settling(SmartAsync.Future.new_for_value(7), asyncio.get_running_loop())
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
    return Settling(future, asyncio.get_running_loop())


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


if __name__ == '__main__':
    harness.main()
