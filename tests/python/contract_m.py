#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The contract's section M: the matrix of callers and functions."""

import asyncio
import functools
import inspect
import math
import os
import tempfile
import threading
import time

import cells
import harness
from cells import (ASYNC_CALLERS, ASYNC_KINDS, ASYNCIO_CALLERS, BLOCKING_KINDS, CALLERS, KINDS,
                   each_cell)
from harness import Gate, Home, on_threads, run_asyncio, run_python, start_thread, test

from gi.repository import Gio, GLib, GObject, SmartAsync

smartasync = SmartAsync.smartasync
get_ident = threading.get_ident


def double(n):
    return 2 * n


# M1, M2: a sync caller

@test('/contract/M1.a')
def sync_of_async():
    for name, make in ASYNC_KINDS.items():
        threads = []
        function = make(lambda n: threads.append(get_ident()) or double(n))
        result = function(21)
        assert type(result) is int and result == 42, (name, result)
        assert threads == [get_ident()], name


@test('/contract/M2.a')
def sync_of_blocking_thread():
    for name, make in BLOCKING_KINDS.items():
        threads = []
        function = make(lambda n: threads.append(get_ident()) or double(n))
        result = function(21)
        assert type(result) is int and result == 42, (name, result)
        assert threads == [get_ident()], name


MAKES_NOTHING = '''
import ctypes, threading, sys
import harness, cells
from harness import count_fds, count_threads, get_stat, start_thread
from gi.repository import GLib, SmartAsync

def body(n):
    return n + count_fds() * 1000 + count_threads() * 1000000

def look():
    GLib.MainContext.default()
    # From the first function on that it makes for C, libffi keeps a descriptor of its own.
    ctypes.CFUNCTYPE(None)(print)
    for make in cells.BLOCKING_KINDS.values():
        function = make(body)
        before = body(7)
        assert function(7) == before and function.sync(7) == before and body(7) == before
    for name in ('contexts-created', 'threads-created', 'tickets-issued'):
        assert get_stat(name) == 0, name

if sys.argv[1] == 'main':
    look()
else:
    start_thread(look).join()
'''


@test('/contract/M2.b')
def sync_of_blocking_makes_nothing():
    run_python(MAKES_NOTHING, 'main' if harness.on_main_thread() else 'thread')


def assert_on_worker(**options):
    for name, make in BLOCKING_KINDS.items():
        threads = []
        function = make(lambda n: threads.append(get_ident()) or double(n)).options(**options)
        assert function(21) == 42, name
        assert len(threads) == 1 and threads[0] != get_ident(), name


@test('/contract/M2.c')
def sync_of_blocking_with_executor():
    assert_on_worker(executor=SmartAsync.Executor.new_pool('test', 2))


@test('/contract/M2.d')
def sync_of_blocking_with_timeout():
    assert_on_worker(timeout=harness.DEADLINE)


@test('/contract/M2.e')
def sync_of_blocking_abandoned():
    assert_on_worker(abandon_on_cancel=True)


@test('/contract/M2.f')
def sync_of_blocking_without_turn():
    gate, begun = Gate(), Gate()
    n_inside = harness.Counter()

    def body(n):
        n_inside.add()
        begun.open()
        if n == 1:
            gate.wait()
        n_inside.add(-1)
        return n

    function = cells.make_def(body).options(max_concurrency=1)
    first = start_thread(function, 1)
    begun.wait()
    second = start_thread(function, 2)
    harness.wait_until(lambda: 'body' in SmartAsync.async_dump_waits()
                       or 'blocking' in SmartAsync.async_dump_waits())
    gate.open()
    assert (first.join(), second.join()) == (1, 2)
    assert n_inside.highest == 1


# M3: an async caller, an asynchronous function

@test('/contract/M3.a')
def async_begins_here():
    home = Home()
    begun = []

    @smartasync
    async def function():
        begun.append((get_ident(), home.context.is_owner()))
        await SmartAsync.sleep(0.001)
        return 7

    def begin():
        task = function()
        assert begun == [(get_ident(), True)], begun
        return task

    assert home.run(begin) == 7


@test('/contract/M3.b')
def async_returns_early():
    for name, make in ASYNC_KINDS.items():
        if name == 'at-once':
            continue
        home = Home()
        function = make(double)

        def begin():
            task = function(21)
            assert not harness.is_done(task), name
            return task

        assert home.run(begin) == 42, name


@test('/contract/M3.c')
def async_calls_back_here():
    for name, make in KINDS.items():
        home = Home()
        threads = []
        function = make(double)

        def on_done(task):
            assert harness.get_result(task) == 42
            assert home.context.is_owner() and GLib.main_depth() == 1
            threads.append(get_ident())

        home.call(lambda: function(21).add_done_callback(on_done))
        home.until(lambda: threads)
        assert threads == [get_ident()], name


@test('/contract/M3.d')
def async_never_inside():
    for name, make in KINDS.items():
        home = Home()
        seen = []
        inside = []
        function = make(double)

        def begin():
            inside.append(True)
            function(21).add_done_callback(lambda _: seen.append(list(inside)))
            inside.pop()

        home.call(begin)
        home.until(lambda: seen)
        assert seen == [[]], name


@test('/contract/M3.e')
def async_begins_there():
    executor = SmartAsync.Executor.new_loop('there')
    threads = []

    @smartasync
    async def function():
        threads.append(get_ident())
        await SmartAsync.sleep(0.001)
        threads.append(get_ident())
        return 7

    assert Home().run(function.options(executor=executor)) == 7
    assert threads[0] == threads[1] != get_ident()

    # Or at its turn.
    home = Home()
    order = []

    @smartasync
    async def in_turn(n):
        order.append(f'begin {n}')
        await SmartAsync.sleep(0.001)
        order.append(f'end {n}')

    limited = in_turn.options(max_concurrency=1)
    tasks = home.call(lambda: [limited(1), limited(2)])
    for task in tasks:
        home.settle(task)
    assert order == ['begin 1', 'end 1', 'begin 2', 'end 2'], order


@test('/contract/M3.f')
def coroutine_under_asyncio():
    for loop in harness.LOOPS:
        begun = []

        def note(n):
            begun.append(n)
            return n

        async def in_loop():
            for name, make in KINDS.items():
                function = make(note)
                begun.clear()
                coroutine = function(7)
                assert inspect.iscoroutine(coroutine) and asyncio.iscoroutine(coroutine), name
                await harness.iterate()
                assert not begun, name
                assert await coroutine == 7
                assert begun == [7]
                assert await asyncio.create_task(function(8)) == 8
                assert await asyncio.gather(function(1), function(2)) == [1, 2]
                async with asyncio.TaskGroup() as group:
                    tasks = [group.create_task(function(n)) for n in range(3)]
                assert [task.result() for task in tasks] == [0, 1, 2]
                function(9).close()

        run_asyncio(in_loop, loop=loop)


# M4: an async caller, a blocking function

@test('/contract/M4.a')
def offload_returns_at_once():
    for name, make in BLOCKING_KINDS.items():
        home = Home()
        gate = Gate()
        function = make(lambda n: gate.wait() or n)

        def begin():
            # The body cannot end before this has returned.
            task = function(7)
            assert not harness.is_done(task), name
            return task

        task = home.call(begin)
        gate.open()
        assert home.settle(task) == 7, name


@test('/contract/M4.b')
def offload_other_thread():
    for name, make, caller in each_cell(BLOCKING_KINDS, ASYNC_CALLERS):
        threads = []
        function = make(lambda n: threads.append(get_ident()) or n)
        assert caller(function, 7) == 7, name
        assert len(threads) == 1 and threads[0] != get_ident(), name


def count_ticks_at_home(begin):
    """How often a timer of 1 ms ticks until that is over."""
    home, ticks = Home(), []
    timer = home.attach(GLib.timeout_source_new(1), lambda: ticks.append(1) or True)
    home.run(begin)
    timer.destroy()
    return len(ticks)


def count_ticks_of_asyncio(loop, begin):
    async def in_loop():
        async def tick():
            while True:
                await asyncio.sleep(0.001)
                ticks.append(1)

        ticking = asyncio.create_task(tick())
        await begin()
        ticking.cancel()

    ticks = []
    run_asyncio(in_loop, loop=loop)
    return len(ticks)


@test('/contract/M4.c')
def offload_loop_goes_on():
    def body():
        # A blocking body that lasts 200 ms is what the clause speaks of.
        time.sleep(0.2)
        return 7

    def find_missing():
        # Of half of those where nothing runs; of too few one can tell nothing.
        n_idle, n_ticks = count(functools.partial(SmartAsync.sleep, 0.2)), count(function)
        return max(0, n_idle / 2 - n_ticks) if n_idle >= 10 else math.inf

    counts = [count_ticks_at_home,
              *(functools.partial(count_ticks_of_asyncio, loop) for loop in harness.LOOPS)]
    for make in BLOCKING_KINDS.values():
        function = make(body)
        for count in counts:
            # A busy machine may keep a timer from its ticks.
            harness.best_of_five(find_missing, 0)


@test('/contract/M4.d')
def offload_result_here():
    for name, make in BLOCKING_KINDS.items():
        home = Home()
        threads = []
        function = make(double)

        def on_done(_):
            assert home.context.is_owner()
            threads.append(get_ident())

        home.call(lambda: function(21).add_done_callback(on_done))
        home.until(lambda: threads)
        assert threads == [get_ident()]

        async def in_loop():
            running = asyncio.get_running_loop()
            assert await function(21) == 42
            assert asyncio.get_running_loop() is running
            assert get_ident() == threads[0]

        for loop in harness.LOOPS:
            run_asyncio(in_loop, loop=loop)


# M5: whatever the context

@test('/contract/M5.a')
def sync_always_blocks():
    for name, make in KINDS.items():
        function = make(double)
        assert function.sync(21) == 42, name
        assert Home().call(function.sync, 21) == 42, name

        async def in_loop():
            return function.sync(21)

        for loop in harness.LOOPS:
            assert run_asyncio(in_loop, loop=loop) == 42, (name, loop)

    raw = SmartAsync.AsyncFunc.new(cells.answer_later, double)
    argument = GObject.Value(GObject.TYPE_INT, 21)
    assert tuple(raw.call_sync(None, [argument], None)) == (True, 42)
    assert tuple(Home().call(raw.call_sync, None, [argument], None)) == (True, 42)


@test('/contract/M5.b')
def async_never_blocks():
    gate = Gate()
    home = Home()
    raw = SmartAsync.AsyncFunc.new_blocking(lambda call: (gate.wait(), call.return_int(7)))
    results = []

    def on_ready(func, result):
        results.append(func.call_finish(result)[1])

    # In a sync context …
    with home.pushed():
        raw.call_async(None, [], None, on_ready)
    # … and in an async one; and `.aio` begins nothing that would block.
    home.call(raw.call_async, None, [], None, on_ready)
    awaitable = cells.make_def(lambda: gate.wait() or 7).aio()
    assert inspect.isawaitable(awaitable)
    assert not results
    gate.open()
    home.until(lambda: len(results) == 2)
    assert results == [7, 7]

    async def in_loop():
        return await awaitable
    assert run_asyncio(in_loop) == 7


# M6: what can be decorated

class Thing(GObject.Object):
    """A GObject, so that it can be a source object, too."""

    def __init__(self, n):
        super().__init__()
        self.n = n

    @smartasync
    def blocking(self, m):
        return self.n * m

    @smartasync
    async def later(self, m):
        await SmartAsync.sleep(0.001)
        return self.n * m

    @smartasync
    @classmethod
    def class_blocking(cls, m):
        return cls, m

    @classmethod
    @smartasync
    def class_outside(cls, m):
        return cls, m

    @smartasync
    @classmethod
    async def class_later(cls, m):
        await SmartAsync.sleep(0.001)
        return cls, m

    @smartasync
    @staticmethod
    def static_blocking(m):
        return m

    @staticmethod
    @smartasync
    async def static_later(m):
        await SmartAsync.sleep(0.001)
        return m


class Slotted:
    __slots__ = ('n',)

    def __init__(self, n):
        self.n = n

    @smartasync
    def blocking(self, m):
        return self.n * m

    @smartasync
    async def later(self, m):
        await SmartAsync.sleep(0.001)
        return self.n * m


@test('/contract/M6.a')
def standalone():
    for name, make, caller in each_cell():
        assert caller(make(double), 21) == 42, name

    class Callable:
        def __call__(self, n):
            return 2 * n

    for caller in CALLERS.values():
        # Whatever can be called.
        assert caller(smartasync(Callable()), 21) == 42
        assert caller(smartasync(functools.partial(lambda a, b: a * b, 6)), 7) == 42
        assert caller(smartasync(functools.partial(cells.make_later(double), 21))) == 42
        assert caller(smartasync(str.upper), 'a') == 'A'


@test('/contract/M6.b')
def methods():
    thing = Thing(6)
    for caller in CALLERS.values():
        for function in (thing.blocking, thing.later):
            assert caller(function, 7) == 42
            assert caller(functools.partial(function, m=7)) == 42
        assert caller(functools.partial(Thing.later, thing), 7) == 42
    assert thing.later.sync(7) == 42
    assert thing.blocking.options(timeout=harness.DEADLINE)(7) == 42

    # By the plain API: the source object.
    raw = SmartAsync.AsyncFunc.new_blocking(
        lambda call: call.return_int(call.get_source_object().n))
    for home in (None, Home()):
        future = home.call(raw.callv, thing, [], None) if home else raw.callv(thing, [], None)
        assert (home.settle(future) if home else future.get_int()) == 6


@test('/contract/M6.c')
def wrap_in_one_line():
    file = Gio.File.new_for_path(__file__)
    expected = os.path.getsize(__file__)
    wrapped = [smartasync(Gio.File.load_contents), smartasync(Gio.File.load_contents_async)]
    bound = [smartasync(file.load_contents), smartasync(file.load_contents_async)]
    for caller in CALLERS.values():
        for function in wrapped:
            ok, contents, etag = caller(function, file, None)
            assert ok and len(contents) == expected and etag
        for function in bound:
            ok, contents, etag = caller(function, None)
            assert ok and len(contents) == expected and etag
        # A function of Python's that one did not write.
        assert caller(smartasync(os.path.getsize), __file__) == expected


@test('/contract/M6.d')
def class_methods():
    for caller in CALLERS.values():
        for owner in (Thing, Thing(6)):
            for function in (owner.class_blocking, owner.class_outside, owner.class_later):
                assert caller(function, 7) == (Thing, 7)


@test('/contract/M6.e')
def static_methods():
    for caller in CALLERS.values():
        for owner in (Thing, Thing(6)):
            for function in (owner.static_blocking, owner.static_later):
                assert caller(function, 7) == 7


@test('/contract/M6.f')
def slots():
    thing = Slotted(6)
    for caller in CALLERS.values():
        assert caller(thing.blocking, 7) == 42
        assert caller(thing.later, 7) == 42
    assert not hasattr(thing, '__dict__')


@test('/contract/M6.g')
def keywords_and_defaults():
    def blocking(a, b=2, *rest, timeout=3, **others):
        return a, b, rest, timeout, others

    async def later(a, b=2, *rest, timeout=3, **others):
        await SmartAsync.sleep(0.001)
        return a, b, rest, timeout, others

    for caller in CALLERS.values():
        for function in map(smartasync, (blocking, later)):
            assert caller(function, 1) == (1, 2, (), 3, {})
            assert caller(functools.partial(function, 1, 5, 6, timeout=4, self=7, func=8,
                                            executor=9, key=10, cancellable=11)) == \
                (1, 5, (6,), 4, {'self': 7, 'func': 8, 'executor': 9, 'key': 10,
                                 'cancellable': 11})
            assert caller(functools.partial(function, a=1)) == (1, 2, (), 3, {})


@test('/contract/M6.h')
def metadata():
    def blocking(a: int, b: str = 'x') -> float:
        """What it does."""
        return float(a)

    async def later(a: int, b: str = 'x') -> float:
        """What it does."""
        return float(a)

    for function in (blocking, later):
        decorated = smartasync(function)
        for name in ('__name__', '__qualname__', '__doc__', '__module__'):
            assert getattr(decorated, name) == getattr(function, name), name
        assert decorated.__wrapped__ is function
        assert inspect.signature(decorated) == inspect.signature(function)
    assert list(inspect.signature(Thing(1).later).parameters) == ['m']
    assert Thing(1).later.__name__ == 'later'


# M7, M8: one in another

@test('/contract/M7.a')
def nested_in_worker():
    threads = []

    @smartasync
    async def inner(n):
        threads.append(get_ident())
        await SmartAsync.sleep(0.001)
        return n + 1

    @smartasync
    def middle(n):
        threads.append(get_ident())
        # The value itself: a worker is a sync context.
        return inner(n) * 2

    @smartasync
    async def outer(n):
        result = await middle(n)
        return result + 1

    for caller in ASYNC_CALLERS.values():
        threads.clear()
        assert caller(outer, 4) == 11
        assert threads[0] == threads[1] != get_ident()


@smartasync
def deep_blocking(depth):
    return 1 + deep_later(depth - 1) if depth else 0


@smartasync
async def deep_later(depth):
    await SmartAsync.sleep(0.001)
    return 1 + await deep_blocking(depth - 1) if depth else 0


@test('/contract/M7.b')
def four_deep_sync():
    for depth in (4, 8):
        assert deep_blocking(depth) == depth
        assert deep_later(depth) == depth


@test('/contract/M7.c')
def four_deep_async():
    for caller in ASYNC_CALLERS.values():
        for depth in (4, 8):
            assert caller(deep_blocking, depth) == depth
            assert caller(deep_later, depth) == depth


@smartasync
def blocking_twice(n):
    return blocking_twice(n - 1) + 1 if n else 0


@smartasync
async def later_twice(n):
    await SmartAsync.sleep(0.001)
    return await later_twice(n - 1) + 1 if n else 0


@test('/contract/M8.a')
def same_kind_sync():
    assert blocking_twice(3) == 3
    assert later_twice(3) == 3


@test('/contract/M8.b')
def same_kind_async():
    for caller in ASYNC_CALLERS.values():
        assert caller(blocking_twice, 3) == 3
        assert caller(later_twice, 3) == 3


# M9: from many threads

@test('/contract/M9.a')
def eight_threads():
    for name, make in KINDS.items():
        function = make(double)
        ready = threading.Barrier(8)

        def call_it(i):
            ready.wait(harness.DEADLINE)
            for n in range(125):
                assert function(125 * i + n) == 2 * (125 * i + n), name
            return True

        assert on_threads(8, call_it) == [True] * 8

        def call_in_loop(i):
            # Each thread with 125 of them in flight.
            async def in_loop():
                calls = [function(125 * i + n) for n in range(125)]
                return await asyncio.gather(*calls)
            return run_asyncio(in_loop)

        for i, results in enumerate(on_threads(8, call_in_loop)):
            assert results == [2 * (125 * i + n) for n in range(125)], name


# M10: beside the smart call

@test('/contract/M10.a')
def has_sync():
    for name, make in KINDS.items():
        function = make(double)
        assert function.sync(21) == 42, name
    assert Thing(6).later.sync(7) == 42
    assert Thing.class_later.sync(7) == (Thing, 7)
    assert Thing.static_later.sync(7) == 7


@test('/contract/M10.b')
def has_aio():
    async def in_loop():
        for name, make in KINDS.items():
            assert await make(double).aio(21) == 42, name
        assert await Thing(6).later.aio(7) == 42
        assert await Thing(6).blocking.aio(7) == 42
        assert await Thing.class_later.aio(7) == (Thing, 7)
        assert await Thing.static_later.aio(7) == 7

    for loop in harness.LOOPS:
        run_asyncio(in_loop, loop=loop)


@test('/contract/M10.c')
def types_do_not_depend():
    for name, make in KINDS.items():
        function = make(double)
        here = []

        def look():
            here.append(type(function.sync(21)))
            awaitable = function.aio(21)
            assert inspect.isawaitable(awaitable), name
            return awaitable

        async def settle(awaitable):
            return await awaitable

        async def in_loop():
            return await look()

        assert run_asyncio(settle, look()) == 42
        # Within a callback, what waits is an asynchronous function.
        assert Home().run(smartasync(in_loop)) == 42
        for loop in harness.LOOPS:
            assert run_asyncio(in_loop, loop=loop) == 42
        assert set(here) == {int}, name


async def give(value):
    await SmartAsync.sleep(0.001)
    return value


def bind_each():
    """What gives 42 and is called in both ways, beside the decorated functions."""
    lock = SmartAsync.SmartLock()
    run_once = lock.run_once
    for name, call in {'lock': run_once, 'key': lock['k'].run_once}.items():
        yield f'{name} def', call, (double, 21)
        yield f'{name} async def', call, (give, 42)
    yield 'await value', SmartAsync.smartawait, (42,)
    yield 'await coroutine', SmartAsync.smartawait, (give(give(42)),)
    yield 'continuation value', SmartAsync.smartcontinuation, (21, double)
    yield 'continuation coroutine', SmartAsync.smartcontinuation, (give(21), double)


@test('/contract/M10.a')
def helpers_have_sync():
    def assert_each():
        for name, function, args in bind_each():
            assert function.sync(*args) == 42, name

    async def in_loop():
        assert_each()

    assert_each()
    Home().call(assert_each)
    for loop in harness.LOOPS:
        run_asyncio(in_loop, loop=loop)


@test('/contract/M10.b')
def helpers_have_aio():
    async def await_each():
        for name, function, args in bind_each():
            coroutine = function.aio(*args)
            assert inspect.iscoroutine(coroutine), name
            assert await coroutine == 42, name

    smartasync(await_each)()
    Home().run(smartasync(await_each))
    for loop in harness.LOOPS:
        run_asyncio(await_each, loop=loop)


# M11: a dual function

def make_dual(seen):
    def begin(call):
        seen.append(('async', get_ident()))
        cells.answer_later(call, double)

    def body(call):
        seen.append(('blocking', get_ident()))
        cells.answer(call, double)

    return SmartAsync.AsyncFunc.new_dual(begin, (), body)


@test('/contract/M11.a')
def dual_sync():
    seen = []
    assert smartasync(make_dual(seen))(21) == 42
    assert seen == [('blocking', get_ident())]
    # And of GIO's own: no context is made for the blocking form.
    file = Gio.File.new_for_path(__file__)
    before = harness.get_stat('contexts-created')
    assert smartasync(file.load_contents)(None)[0]
    assert harness.get_stat('contexts-created') == before


@test('/contract/M11.b')
def dual_call_sync():
    seen = []
    dual = make_dual(seen)
    argument = GObject.Value(GObject.TYPE_INT, 21)
    assert tuple(Home().call(dual.call_sync, None, [argument], None)) == (True, 42)
    assert Home().call(smartasync(dual).sync, 21) == 42

    async def in_loop():
        return smartasync(dual).sync(21)
    assert run_asyncio(in_loop) == 42
    assert seen == [('blocking', get_ident())] * 3


@test('/contract/M11.c')
def dual_async():
    seen = []
    function = smartasync(make_dual(seen))
    for name, caller in ASYNC_CALLERS.items():
        seen.clear()
        assert caller(function, 21) == 42
        assert [kind for kind, _ in seen] == ['async'], name


@test('/contract/M11.d')
def dual_call_async():
    seen = []
    results = []
    home = Home()
    argument = GObject.Value(GObject.TYPE_INT, 21)

    def on_ready(func, result):
        results.append(func.call_finish(result)[1])

    with home.pushed():
        make_dual(seen).call_async(None, [argument], None, on_ready)
    home.until(lambda: results)
    assert results == [42] and seen == [('async', get_ident())]


if __name__ == '__main__':
    harness.main()
