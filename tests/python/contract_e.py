#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The contract's section E: errors, cancellation, deadlines."""

import asyncio
import gc
import select
import signal
import subprocess
import sys
import threading
import time
import traceback

import cells
import harness
from cells import BLOCKING_KINDS, CALLERS, KINDS, PYTHON_KINDS, each_cell
from harness import (Counter, Gate, Home, best_of_five, expect, expect_error, expect_smart_error,
                     run_asyncio, run_python, start_thread, test)

from gi.repository import Gio, GLib, GObject, SmartAsync

smartasync = SmartAsync.smartasync
Func = SmartAsync.AsyncFunc
Call = SmartAsync.Call
CANCELLED = Gio.IOErrorEnum.CANCELLED
TIMED_OUT = Gio.IOErrorEnum.TIMED_OUT
NOT_RETURNED = SmartAsync.Error.NOT_RETURNED
get_ident = threading.get_ident


def raise_not_found(*_):
    raise GLib.Error.new_literal(Gio.io_error_quark(), 'Grüße', Gio.IOErrorEnum.NOT_FOUND)


def make_cancelled():
    cancellable = Gio.Cancellable()
    cancellable.cancel()
    return cancellable


def assert_none_is_current():
    assert Call.get_current() is None
    assert Gio.Cancellable.get_current() is None


# E1: errors arrive as they were

@test('/contract/E1.a')
def errors_stay():
    for name, make, caller in each_cell():
        error = expect_error(caller, make(raise_not_found), 1, code=Gio.IOErrorEnum.NOT_FOUND)
        assert error.message == 'Grüße', (name, error)
    missing = Gio.File.new_for_path('/nonexistent')
    for caller in CALLERS.values():
        expect_error(caller, smartasync(missing.load_contents), None,
                     code=Gio.IOErrorEnum.NOT_FOUND)


class Oops(Exception):
    pass


@test('/contract/E1.b')
def same_exception():
    for name, make, caller in each_cell(PYTHON_KINDS):
        raised = []

        def act(n):
            raised.append(Oops(n))
            raise raised[0]

        caught = expect(Oops, caller, make(act), 7)
        assert caught is raised[0], name
        assert caught.args == (7,) and len(raised) == 1, name


@test('/contract/E1.c')
def with_traceback():
    def deep_in_the_body(n):
        raise Oops(n)

    for name, make, caller in each_cell(PYTHON_KINDS):
        caught = expect(Oops, caller, make(deep_in_the_body), 7)
        frames = [frame.name for frame in traceback.extract_tb(caught.__traceback__)]
        assert frames[-1] == 'deep_in_the_body', (name, frames)
        # And the caller's own are before it.
        assert frames[0] == 'expect', (name, frames)


# E2: cancellation

@test('/contract/E2.a')
def cancelled_before():
    for name, make, caller in each_cell():
        function = make(lambda n: n).options(cancellable=make_cancelled())
        expect_error(caller, function, 7, code=CANCELLED)
        expect_error(function.sync, 7, code=CANCELLED)


@test('/contract/E2.b')
def cancelled_never_starts():
    begun = []
    for name, make, caller in each_cell():
        function = make(lambda n: begun.append(n) or n).options(cancellable=make_cancelled())
        expect_error(caller, function, 7, code=CANCELLED)
        assert not begun, name


@test('/contract/E2.c')
def cancelled_while_queued():
    for name, make in KINDS.items():
        if name == 'at-once':
            continue
        if name in BLOCKING_KINDS:
            gate = Gate()

            def hold(n):
                if n == 1:
                    gate.wait()
        else:
            def hold(n):
                pass
        begun = []
        home = Home()
        cancellable = Gio.Cancellable()
        limited = make(lambda n: begun.append(n) or hold(n) or n).options(max_concurrency=1)

        def begin():
            return limited(1), limited.options(cancellable=cancellable)(2)

        first, second = home.call(begin)
        cancellable.cancel()
        if name in BLOCKING_KINDS:
            gate.open()
        expect_error(home.settle, second, code=CANCELLED)
        assert home.settle(first) == 1
        assert begun == [1], (name, begun)


@test('/contract/E2.d')
def body_sees_it():
    for caller_name, caller in CALLERS.items():
        inside, seen = Gate(), []
        cancellable = Gio.Cancellable()

        @smartasync
        def blocking():
            own = Gio.Cancellable.get_current()
            assert not own.is_cancelled()
            inside.open()
            # At once: this descriptor tells without polling.
            poll = select.poll()
            poll.register(own.get_fd(), select.POLLIN)
            assert poll.poll(harness.DEADLINE * 1000)
            own.release_fd()
            seen.append(own.is_cancelled())
            return 7

        canceller = start_thread(lambda: (inside.wait(), cancellable.cancel()))
        expect_error(caller, blocking.options(cancellable=cancellable), code=CANCELLED)
        canceller.join()
        assert seen == [True], (caller_name, seen)

        @smartasync
        async def later():
            inside.open()
            try:
                await SmartAsync.sleep(1000)
            except asyncio.CancelledError:
                seen.append(Gio.Cancellable.get_current().is_cancelled())
                raise

        inside, cancellable = Gate(), Gio.Cancellable()
        seen.clear()
        canceller = start_thread(lambda: (inside.wait(), cancellable.cancel()))
        expect_error(caller, later.options(cancellable=cancellable), code=CANCELLED)
        canceller.join()
        assert seen == [True], (caller_name, seen)


@test('/contract/E2.d/task')
def body_sees_tasks_cancellation():
    for loop in harness.LOOPS:
        seen = []

        async def in_loop():
            inside = asyncio.Event()
            running = asyncio.get_running_loop()

            @smartasync
            def blocking():
                own = Gio.Cancellable.get_current()
                running.call_soon_threadsafe(inside.set)
                harness.wait_until(own.is_cancelled)
                seen.append('blocking')

            @smartasync
            async def later():
                inside.set()
                own = Gio.Cancellable.get_current()
                try:
                    await SmartAsync.sleep(1000)
                finally:
                    seen.append('later' if own.is_cancelled() else 'missed')

            for function in (blocking, later):
                inside.clear()
                task = asyncio.create_task(function())
                await inside.wait()
                task.cancel()
                try:
                    await task
                    raise AssertionError('it was not cancelled')
                except asyncio.CancelledError:
                    assert task.cancelled()

        run_asyncio(in_loop, loop=loop)
        assert seen == ['blocking', 'later'], (loop, seen)


@test('/contract/E2.e')
def cancelled_when_body_ends():
    home = Home()
    for name, make in BLOCKING_KINDS.items():
        inside, gate, ended = Gate(), Gate(), []
        cancellable = Gio.Cancellable()
        function = make(lambda n: (inside.open(), gate.wait(), ended.append(n), n)[-1])
        task = home.call(function.options(cancellable=cancellable), 7)
        inside.wait()
        cancellable.cancel()
        # Whatever else is dispatched: it is not over.
        home.call(lambda: None)
        assert not harness.is_done(task) and not ended, name
        gate.open()
        expect_error(home.settle, task, code=CANCELLED)
        assert ended == [7], name

    async def in_loop():
        inside, gate, ended = Gate(), Gate(), []
        function = cells.make_def(lambda: (inside.open(), gate.wait(), ended.append(7)))
        task = asyncio.create_task(function())
        await asyncio.to_thread(inside.wait)
        task.cancel()
        await harness.iterate()
        assert not task.done()
        gate.open()
        await asyncio.wait([task])
        assert task.cancelled() and ended == [7]

    for loop in harness.LOOPS:
        run_asyncio(in_loop, loop=loop)


@test('/contract/E2.f')
def abandoned_at_once():
    for name, make in BLOCKING_KINDS.items():
        for caller_name, caller in CALLERS.items():
            inside, gate, ended = Gate(), Gate(), Gate()
            cancellable = Gio.Cancellable()
            function = make(lambda n: (inside.open(), gate.wait(), ended.open(), n)[-1])
            function = function.options(abandon_on_cancel=True, cancellable=cancellable)
            canceller = start_thread(lambda: (inside.wait(), cancellable.cancel()))
            # It returns although the body is still at the gate.
            expect_error(caller, function, 7, code=CANCELLED)
            canceller.join()
            assert not ended.is_open, (name, caller_name)
            gate.open()
            ended.wait()

    async def in_loop():
        inside, gate, ended = Gate(), Gate(), Gate()
        function = cells.make_def(lambda: (inside.open(), gate.wait(), ended.open()))
        task = asyncio.create_task(function.options(abandon_on_cancel=True)())
        await asyncio.to_thread(inside.wait)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        gate.open()
        await asyncio.to_thread(ended.wait)

    for loop in harness.LOOPS:
        run_asyncio(in_loop, loop=loop)


@test('/contract/E2.g')
def abandoned_keeps_place():
    home = Home()
    inside, gate = Gate(), Gate()
    n_inside = Counter()
    order = []

    def body(n):
        n_inside.add()
        order.append(n)
        if n == 1:
            inside.open()
            gate.wait()
        n_inside.add(-1)
        return n

    cancellable = Gio.Cancellable()
    function = cells.make_def(body).options(max_concurrency=1, abandon_on_cancel=True)
    first = home.call(function.options(cancellable=cancellable), 1)
    inside.wait()
    second = home.call(function, 2)
    cancellable.cancel()
    expect_error(home.settle, first, code=CANCELLED)
    home.call(lambda: None)
    assert order == [1] and not harness.is_done(second)
    gate.open()
    assert home.settle(second) == 2
    assert n_inside.highest == 1 and order == [1, 2]


# E3: whose call, whose cancellable

@test('/contract/E3.a')
def current_in_sync_part():
    for name, make, caller in each_cell():
        seen = []

        def look(n):
            seen.append((Call.get_current(), Gio.Cancellable.get_current()))
            return n

        function = make(look)
        caller(function.options(cancellable=Gio.Cancellable()), 7)
        call, current = seen.pop(0)
        assert isinstance(call, Call), name
        assert current is not None and current == call.get_cancellable(), name
        assert_none_is_current()

        # Also where nobody but the caller is there, who can cancel nothing.
        caller(function, 7)
        call, current = seen.pop(0)
        assert isinstance(call, Call), name
        assert current is None or current == call.get_cancellable(), name
        assert_none_is_current()


@test('/contract/E3.b')
def current_in_continuation():
    home = Home()
    seen = []

    def on_settled(call, settled):
        seen.append((call, Call.get_current(), Gio.Cancellable.get_current()))
        call.return_int(8)

    func = Func.new(lambda call: call.return_int(7))
    child = home.call(lambda: func.callv(None, [], None).then(on_settled))
    assert home.settle(child) == 8
    call, current, cancellable = seen[0]
    assert current == call and cancellable == call.get_cancellable()
    assert_none_is_current()


@test('/contract/E3.c')
def current_in_tasks():
    for name, caller in CALLERS.items():
        seen = []

        def note():
            seen.append((Call.get_current(), Gio.Cancellable.get_current()))

        async def child():
            note()
            await SmartAsync.sleep(0.001)
            note()

        @smartasync
        async def body():
            note()
            await SmartAsync.sleep(0.001)
            note()
            await child()
            # A task of asyncio's belongs to the call that made it.
            if isinstance(asyncio.get_running_loop(), asyncio.AbstractEventLoop):
                await asyncio.create_task(child())

        caller(body.options(cancellable=Gio.Cancellable()))
        assert len(seen) >= 4, name
        call, cancellable = seen[0]
        assert call is not None and cancellable is not None, name
        assert all(pair == (call, cancellable) for pair in seen), (name, seen)
        assert_none_is_current()

        # Also where a caller runs it that can cancel nothing; two of them are two.
        others = [call]
        for _ in range(2):
            seen.clear()
            caller(body)
            assert len(seen) >= 4 and seen[0][0] is not None, name
            assert all(pair == seen[0] for pair in seen), (name, seen)
            assert seen[0][0] not in others, name
            others.append(seen[0][0])
            assert_none_is_current()


@test('/contract/E3.d')
def current_between_enter_and_leave():
    home = Home()
    seen = []

    def begin(call):
        def on_timeout():
            assert_none_is_current()
            call.enter()
            seen.append((call, Call.get_current(), Gio.Cancellable.get_current()))
            call.leave()
            assert_none_is_current()
            call.return_int(7)
            return GLib.SOURCE_REMOVE
        call.add_timeout(1, on_timeout)

    cancellable = Gio.Cancellable()
    future = home.call(Func.new(begin).callv, None, [], cancellable)
    assert home.settle(future) == 7
    call, current, own = seen.pop()
    assert current == call and own == call.get_cancellable()


@test('/contract/E3.e')
def current_is_the_calls():
    # Each of two that are in flight at once has its own, after every suspension.
    @smartasync
    async def body(expected):
        for _ in range(5):
            call = Call.get_current()
            assert calls.setdefault(expected, call) == call
            assert Gio.Cancellable.get_current() == call.get_cancellable()
            await SmartAsync.sleep(0.001)
        return expected

    async def both():
        return await asyncio.gather(body(1), body(2))

    for loop in harness.LOOPS:
        calls = {}
        assert run_asyncio(both, loop=loop) == [1, 2]
        assert calls.pop(1) != calls.pop(2)

    calls = {}
    home = Home()
    tasks = home.call(lambda: [body(1), body(2)])
    assert [home.settle(task) for task in tasks] == [1, 2]
    assert calls.pop(1) != calls.pop(2)


def call_nested(inner_make, inherit, caller, outers=('async def', 'def')):
    """What a nested call, made with no cancellable, makes of the outer one's cancellation."""
    seen = []

    def act(n):
        own = Gio.Cancellable.get_current()
        outer.cancel()
        seen.append(own is not None and own.is_cancelled())
        return n

    inner = inner_make(act)
    if not inherit:
        inner = inner.options(inherit_cancellable=False)
    outer = Gio.Cancellable()

    @smartasync
    async def body():
        await SmartAsync.sleep(0.001)
        # Its own end does not matter here.
        try:
            return await inner(7)
        except (GLib.Error, asyncio.CancelledError):
            return None

    @smartasync
    def blocking():
        try:
            return inner(7)
        except GLib.Error:
            return None

    for kind in outers:
        function = body if kind == 'async def' else blocking
        outer = Gio.Cancellable()
        try:
            caller(function.options(cancellable=outer))
            raise AssertionError('it was cancelled')
        except (GLib.Error, asyncio.CancelledError):
            pass
    return seen


@test('/contract/E3.f')
def nested_inherits():
    for name, make, caller in each_cell():
        assert call_nested(make, True, caller) == [True, True], name


@test('/contract/E3.g')
def nested_does_not_inherit():
    for name, make, caller in each_cell():
        # A coroutine that is cancelled cancels what it awaits, as ever: it is not asked before its
        # loop has a turn, which it has while another thread runs the inner one.
        at_once = make in (cells.make_at_once, cells.make_later)
        outers = ('async def', 'def') if at_once else ('def',)
        seen = call_nested(make, False, caller, outers)
        assert seen == [False] * len(outers), (name, seen)


@test('/contract/E3.h')
def unrelated_sees_neither():
    home = Home()
    looked = []

    def look():
        assert_none_is_current()
        looked.append(True)
        return GLib.SOURCE_CONTINUE

    source = home.attach(GLib.timeout_source_new(1), look)

    @smartasync
    async def body():
        n = len(looked)
        while len(looked) < n + 3:
            await SmartAsync.sleep(0.002)
            assert Call.get_current() is not None
        return 7

    # While a sync call iterates the application's context …
    with home.pushed():
        assert body.options(context=SmartAsync.MainContextPolicy.CURRENT).sync() == 7
    # … and beside one that is in flight.
    assert home.run(body) == 7
    source.destroy()


@test('/contract/E3.i')
def none_in_own_loop():
    seen = []

    def run_loop(*_):
        context = GLib.MainContext.new()
        loop = GLib.MainLoop.new(context, False)
        source = GLib.idle_source_new()
        source.set_callback(lambda *_: (seen.append(Call.get_current()), loop.quit()))
        source.attach(context)
        assert Call.get_current() is not None
        loop.run()
        return 7

    for name, make, caller in each_cell(callers={'in-sync': cells.call_in_sync,
                                                 'in-glib': cells.call_in_glib}):
        seen.clear()
        # One with a cancellable has a call in every cell.
        function = make(run_loop).options(cancellable=Gio.Cancellable())
        assert caller(function, 7) == 7
        assert seen == [None], name


# E4: deadlines

@test('/contract/E4.a')
def times_out_in_time():
    @smartasync
    async def later():
        await SmartAsync.sleep(1000)

    @smartasync
    def blocking():
        own = Gio.Cancellable.get_current()
        harness.wait_until(own.is_cancelled)

    for function in (later, blocking):
        for name, caller in CALLERS.items():
            # The loop is made and ended outside what is measured.
            def measure():
                lasted = []

                def on_called(begun):
                    lasted.append(time.monotonic() - begun - 0.02)

                timed(caller, function.options(timeout=0.02), on_called)
                return lasted[0]

            best_of_five(measure, 0.05)


def timed(caller, function, on_called):
    if caller is cells.call_in_sync:
        begun = time.monotonic()
        expect_error(function, code=TIMED_OUT)
        on_called(begun)
    elif caller is cells.call_in_glib:
        home = Home()
        begun = time.monotonic()
        expect_error(home.run, function, code=TIMED_OUT)
        on_called(begun)
        home.drain()
    else:
        async def in_loop():
            begun = time.monotonic()
            try:
                await function()
                raise AssertionError('it did not time out')
            except GLib.Error as error:
                assert error.matches(Gio.io_error_quark(), TIMED_OUT), error
            on_called(begun)
        run_asyncio(in_loop, loop=caller.args[0])


def expect_timeout_within(caller, function, begun, *args):
    """A body that a worker does not come to in time is never begun: then it has longer."""
    for timeout in (0.01, 0.05, 0.25, 1):
        expect_error(caller, function.options(timeout=timeout), *args, code=TIMED_OUT)
        if begun.is_open:
            return
    raise AssertionError('its body did not begin')


@test('/contract/E4.b')
def timed_out_is_cancelled():
    home = Home()
    for name, caller in {**CALLERS, 'in-glib': home.run}.items():
        begun, ended = Gate(), Gate()
        seen = []

        @smartasync
        async def later():
            try:
                await SmartAsync.sleep(1000)
            except asyncio.CancelledError:
                seen.append(Gio.Cancellable.get_current().is_cancelled())
                raise

        expect_error(caller, later.options(timeout=0.01), code=TIMED_OUT)
        # Whoever waits is told at once, the body when its loop has a turn.
        if name == 'in-glib':
            home.until(lambda: seen)

        @smartasync
        def blocking():
            begun.open()
            own = Gio.Cancellable.get_current()
            harness.wait_until(own.is_cancelled)
            seen.append(True)
            ended.open()

        expect_timeout_within(caller, blocking, begun)
        ended.wait()
        assert seen == [True, True], (name, seen)


@test('/contract/E4.c')
def timed_out_is_abandoned():
    for kind, make in BLOCKING_KINDS.items():
        for name, caller in CALLERS.items():
            begun, gate, ended = Gate(), Gate(), Gate()
            function = make(lambda n: (begun.open(), gate.wait(), ended.open(), n)[-1])
            expect_timeout_within(caller, function, begun, 7)
            assert not ended.is_open
            gate.open()
            ended.wait()


@test('/contract/E4.d')
def timed_out_at_its_loop():
    for name, caller in CALLERS.items():
        steps, threads = [], []

        @smartasync
        async def stubborn():
            threads.append(get_ident())
            # Keeps its loop for longer than the deadline, and looks at nothing.
            end = time.monotonic() + 0.03
            while time.monotonic() < end:
                pass
            steps.append('back')
            await SmartAsync.sleep(1000)
            steps.append('on')

        expect_error(caller, stubborn.options(timeout=0.01), code=TIMED_OUT)
        # An asynchronous body runs where the caller is, or in his loop.
        assert threads == [get_ident()] and steps == ['back'], (name, steps)


# E5: not on the thread that cancels

def cancel_elsewhere(cancellable):
    """Cancels on a thread of its own, whose number is returned."""
    def cancel():
        cancellable.cancel()
        return get_ident()
    return start_thread(cancel).join()


@test('/contract/E5.a')
def no_callback_where_cancelled():
    home = Home()
    threads = []

    def note(*_):
        threads.append(get_ident())

    @smartasync
    async def later():
        try:
            await SmartAsync.sleep(1000)
        finally:
            note()

    def begin_raw(call):
        calls.append(call)

    calls = []
    cancellable = Gio.Cancellable()

    def begin():
        task = later.options(cancellable=cancellable)()
        task.add_done_callback(note)
        future = Func.new(begin_raw).callv(None, [], cancellable)
        child = future.then(lambda call, _: call.return_int(1)).catch(
            lambda call, settled: (note(), call.return_int(2)))
        future.wait_async(None, note)
        return task, child

    task, child = home.call(begin)
    other = cancel_elsewhere(cancellable)
    calls.pop().return_int(7)
    expect_error(home.settle, task, code=CANCELLED)
    assert home.settle(child) == 2
    home.until(lambda: len(threads) >= 4)
    assert set(threads) == {get_ident()} and other != get_ident()


@test('/contract/E5.b')
def notify_where_cancelled():
    threads = []
    cancellable = Gio.Cancellable()
    future = SmartAsync.Future.new(cancellable)
    future.add_notify(lambda *_: threads.append(get_ident()))
    other = cancel_elsewhere(cancellable)
    assert threads == [other]


@test('/contract/E5.c')
def connected_where_cancelled():
    home = Home()
    threads = []
    cancellable = Gio.Cancellable()
    cancellable.connect(lambda *_: threads.append(get_ident()))
    task = home.call(cells.make_later(lambda n: n).options(cancellable=cancellable), 7)
    other = cancel_elsewhere(cancellable)
    assert threads == [other]
    expect_error(home.settle, task, code=CANCELLED)


@test('/contract/E5.d')
def no_disconnect_in_handler():
    # To disconnect in the handler would deadlock. What is settled from there is done with at once.
    home = Home()
    calls = []
    cancellable = Gio.Cancellable()
    func = Func.new(lambda call: calls.append(call))
    future = home.call(func.callv, None, [], cancellable)
    cancellable.connect(lambda *_: calls.pop().return_int(7))
    cancel_elsewhere(cancellable)
    expect_error(home.settle, future, code=CANCELLED)

    cancellable = Gio.Cancellable()
    by_hand = SmartAsync.Future.new(cancellable)
    handler = cancellable.connect(lambda *_: by_hand.resolve(7))
    cancel_elsewhere(cancellable)
    assert harness.is_done(by_hand)
    GObject.Object.disconnect(cancellable, handler)
    gc.collect()


# E6: never a hang

@test('/contract/E6.a')
def blocking_returns_unsettled():
    func = Func.new_blocking(lambda call: None)
    expect_smart_error(func.call_sync, None, [], None, code=NOT_RETURNED)
    expect_smart_error(func.callv(None, [], None).get_value, code=NOT_RETURNED)
    home = Home()
    expect_smart_error(home.run, func.callv, None, [], None, code=NOT_RETURNED)
    for name, caller in CALLERS.items():
        expect_smart_error(caller, smartasync(func), code=NOT_RETURNED)


@test('/contract/E6.b')
def asynchronous_drops():
    dropping = Func.new(lambda call: None)
    expect_smart_error(dropping.call_sync, None, [], None, code=NOT_RETURNED)
    expect_smart_error(Home().run, dropping.callv, None, [], None, code=NOT_RETURNED)
    # Later, too: with the source that held it.
    later = Func.new(lambda call: call.add_timeout(1, lambda: GLib.SOURCE_REMOVE))
    expect_smart_error(Home().run, later.callv, None, [], None, code=NOT_RETURNED)
    for name, caller in CALLERS.items():
        expect_smart_error(caller, smartasync(dropping), code=NOT_RETURNED)


@test('/contract/E6.c')
def dropped_after_cancelling():
    kept = []
    cancellable = Gio.Cancellable()
    future = Home().call(Func.new(lambda call: kept.append(call)).callv, None, [], cancellable)
    cancellable.cancel()
    kept.clear()
    gc.collect()
    expect_error(future.wait, -1, None, code=CANCELLED)


@test('/contract/E6.d')
def never_a_hang():
    # Whoever waits when the last reference goes is told.
    kept = []
    future = Home().call(Func.new(lambda call: kept.append(call)).callv, None, [], None)
    waiter = start_thread(lambda: expect_smart_error(future.wait, -1, None, code=NOT_RETURNED))
    harness.wait_until(lambda: SmartAsync.async_dump_waits())
    kept.clear()
    gc.collect()
    waiter.join()

    async def in_loop():
        return await future
    expect_smart_error(run_asyncio, in_loop, code=NOT_RETURNED)


class Rude(BaseException):
    pass


@test('/contract/E6.e')
def every_exception_arrives():
    for name, make, caller in each_cell():
        for kind in (ValueError, StopIteration, StopAsyncIteration, asyncio.InvalidStateError,
                     TimeoutError, Rude):
            def act(n):
                raise kind('x')

            try:
                caller(make(act), 7)
                raise AssertionError(f'{name}: there was no error')
            except kind:
                pass
            except RuntimeError as error:
                # What a coroutine makes of a StopIteration.
                assert kind in (StopIteration, StopAsyncIteration), (name, kind, error)
                assert 'raised Stop' in str(error), (name, error)


@test('/contract/E6.f')
def cycle_counts_at_collection():
    gc.disable()
    try:
        def begin(call):
            cycle = [call]
            cycle.append(cycle)

        future = Home().call(Func.new(begin).callv, None, [], None)
        assert not harness.is_done(future)
        gc.collect()
        expect_smart_error(future.wait, -1, None, code=NOT_RETURNED)
    finally:
        gc.enable()


TWICE = '''
import sys
from harness import Home, start_thread
from gi.repository import GLib, SmartAsync

def body(call):
    call.return_int(7)
    call.return_int(8)

def later(call):
    def on_timeout():
        body(call)
        return False
    call.add_timeout(1, on_timeout)

def run():
    for func in (SmartAsync.AsyncFunc.new(body), SmartAsync.AsyncFunc.new(later),
                 SmartAsync.AsyncFunc.new_blocking(body)):
        func.set_name('twice')
        assert tuple(func.call_sync(None, [], None)) == (True, 7)
        assert Home().run(func.callv, None, [], None) == 7

if 'thread' in sys.argv:
    start_thread(run).join()
else:
    run()
'''


def run_twice():
    process = run_python(TWICE, 'main' if harness.on_main_thread() else 'thread',
                         env={'G_DEBUG': ''})
    return [line for line in process.stderr.splitlines() if 'CRITICAL' in line]


@test('/contract/E6.g')
def second_is_ignored():
    run_twice()


@test('/contract/E6.h')
def second_is_critical():
    criticals = run_twice()
    assert len(criticals) == 6, criticals
    assert all('twice' in line for line in criticals), criticals


# E7: Ctrl-C

INTERRUPTED = '''
import asyncio, sys, threading, time
import harness
from gi.repository import Gio, GLib, SmartAsync
smartasync = SmartAsync.smartasync

@smartasync
async def later():
    ready()
    await SmartAsync.sleep(1000)

@smartasync
def blocking():
    ready()
    gate.wait()

@smartasync
def blocking_here():
    ready()
    time.sleep(1000)

@smartasync
async def of_asyncio():
    ready()
    await asyncio.sleep(1000)

def raw(call):
    kept.append(call)
    ready()

def follow():
    lock = SmartAsync.Lock()
    thread = threading.Thread(target=lock.run_once, args=(blocking,), daemon=True)
    thread.start()
    harness.wait_until(lambda: lock.get_n_flights() == 1)
    return lock.run_once(blocking)

kept = []
gate = threading.Event()
WAITS = {
    'future': lambda: (ready(), SmartAsync.Future.new(None).wait(-1, None)),
    'async def': later,
    'asyncio': of_asyncio,
    'worker': blocking.options(timeout=1000),
    'executor': blocking.options(executor=SmartAsync.Executor.new_pool('p', 1)),
    'directly': blocking_here,
    'raw': lambda: SmartAsync.AsyncFunc.new(raw).call_sync(None, [], None),
    'smartawait': lambda: (ready(), SmartAsync.smartawait(SmartAsync.Future.new(None))),
    'lock': lambda: SmartAsync.Lock().run_once(later),
    'follower': follow,
    'forced': lambda: harness.Home().call(later.sync),
    'in asyncio': lambda: asyncio.run(in_loop()),
    'in asyncio, in C': lambda: asyncio.run(in_loop_in_c()),
}

async def in_loop():
    return later.sync()

async def in_loop_in_c():
    ready()
    return SmartAsync.Future.new(None).wait(-1, None)

def ready():
    print('ready', flush=True)

try:
    WAITS[sys.argv[1]]()
except KeyboardInterrupt:
    # The same clock as the one who sent it reads.
    print(time.monotonic(), flush=True)
    gate.set()
else:
    print('ended')
'''

WAITS = ['future', 'async def', 'asyncio', 'worker', 'executor', 'directly', 'raw', 'smartawait',
         'lock', 'follower', 'forced', 'in asyncio', 'in asyncio, in C']


def interrupt(wait):
    """How long after the signal KeyboardInterrupt came."""
    here = __file__.rpartition('/')[0]
    code = f'import sys; sys.path.insert(0, {here!r})\n{INTERRUPTED}'
    with subprocess.Popen([sys.executable, '-X', 'faulthandler', '-c', code, wait], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        alarm = threading.Timer(harness.DEADLINE, process.kill)
        alarm.start()
        try:
            assert process.stdout.readline() == 'ready\n', process.stderr.read()
            # It is about to wait; a signal that comes before it does must end the wait as well.
            sent = time.monotonic()
            process.send_signal(signal.SIGINT)
            line = process.stdout.readline()
            assert line and line != 'ended\n', (wait, line, process.stderr.read())
            return float(line) - sent
        finally:
            alarm.cancel()
            process.kill()


@test('/contract/E7.a', main_only=True, seconds=240)
def interrupted():
    for wait in WAITS:
        best_of_five(lambda: interrupt(wait), 0.1)


# E8: from another thread

@test('/contract/E8.a')
def returns_from_another_thread():
    home = Home()
    threads, callbacks = [], []

    def begin(call):
        def work():
            threads.append(get_ident())
            call.return_int(7)
        started.append(start_thread(work))

    started = []
    func = Func.new(begin)
    home.call(func.call_async, None, [], None,
              lambda func, result: callbacks.append((get_ident(), func.call_finish(result)[1])))
    home.until(lambda: callbacks)
    assert callbacks == [(get_ident(), 7)] and threads[0] != get_ident()
    started.pop().join()

    home.call(lambda: smartasync(func)().add_done_callback(
        lambda task: callbacks.append((get_ident(), harness.get_result(task)))))
    home.until(lambda: len(callbacks) == 2)
    assert callbacks[1] == (get_ident(), 7)
    started.pop().join()


if __name__ == '__main__':
    harness.main()
