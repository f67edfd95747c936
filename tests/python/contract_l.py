#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The contract's section L: one execution for all who ask at once."""

import asyncio
import gc
import weakref

import cells
import harness
from cells import ASYNC_CALLERS, CALLERS
from harness import (Counter, Gate, Home, expect_error, expect_smart_error, on_threads,
                     run_asyncio, start_thread, test, until)

from gi.repository import Gio, GLib, GObject, SmartAsync

smartasync = SmartAsync.smartasync
SmartLock = SmartAsync.SmartLock
CANCELLED = Gio.IOErrorEnum.CANCELLED
RECURSION = SmartAsync.Error.RECURSION


class Scene:
    """A lock, and a function that ends when n wait for it, or when its gate is open."""

    def __init__(self, n=None):
        self.lock = SmartLock()
        self.n = n
        self.gate = Gate()
        self.executions = Counter()
        self.cancellables = []
        self.inside = Gate()

    def is_over(self):
        if self.n is None:
            return self.gate.is_open
        return self.lock.get_n_waiters() >= self.n

    def begin(self):
        self.cancellables.append(Gio.Cancellable.get_current())
        self.executions.add()
        self.inside.open()

    def make_blocking(self):
        @smartasync
        def blocking(result=7):
            self.begin()
            harness.wait_until(lambda: self.is_over() or self.cancellables[-1].is_cancelled())
            return [result]
        return blocking

    def make_later(self):
        @smartasync
        async def later(result=7):
            self.begin()
            await until(self.is_over)
            return [result]
        return later

    def make_all(self):
        return self.make_blocking(), self.make_later()


def each_scene(n=None):
    """A scene and its function, for functions of both kinds."""
    for kind in ('make_blocking', 'make_later'):
        scene = Scene(n)
        yield scene, getattr(scene, kind)()


def call_from_loop(scene, function, n, loop='asyncio'):
    async def in_loop():
        return await asyncio.gather(*[scene.lock.run_once(function) for _ in range(n)])
    return run_asyncio(in_loop, loop=loop)


def call_from_glib(scene, function, n):
    home = Home()
    tasks = home.call(lambda: [scene.lock.run_once(function) for _ in range(n)])
    return [home.settle(task) for task in tasks]


def call_from_threads(scene, function, n):
    return on_threads(n, lambda _: scene.lock.run_once(function))


def call_mixed(scene, function, n):
    """Threads in a sync context, asyncio's loops and GLib's, all at once."""
    each = n // 4
    callers = [start_thread(call_from_threads, scene, function, each),
               start_thread(call_from_loop, scene, function, each),
               start_thread(call_from_loop, scene, function, each, 'uvloop' if 'uvloop' in
                            harness.LOOPS else 'asyncio')]
    results = call_from_glib(scene, function, n - 3 * each)
    for caller in callers:
        results += caller.join()
    return results


def assert_one_flight(call, n):
    for scene, function in each_scene(n):
        results = call(scene, function, n)
        assert results == [[7]] * n
        assert scene.executions.value == 1
        assert scene.lock.get_n_flights() == scene.lock.get_n_waiters() == 0


# L1: together

@test('/contract/L1.a')
def one_thread():
    assert_one_flight(call_from_glib, 20)
    for loop in harness.LOOPS:
        assert_one_flight(lambda *args: call_from_loop(*args, loop=loop), 20)


@test('/contract/L1.b')
def many_threads():
    assert_one_flight(call_from_threads, 20)


@test('/contract/L1.c')
def mixed():
    assert_one_flight(call_mixed, 20)


@test('/contract/L1.d')
def one_execution():
    for scene, function in each_scene(40):
        call_mixed(scene, function, 40)
        assert scene.executions.value == 1
        assert scene.lock.get_n_executions() == 1


@test('/contract/L1.e')
def equal_results():
    # What is Python's is shared by reference, to all.
    for scene, function in each_scene(12):
        results = call_mixed(scene, function, 12)
        assert len(results) == 12 and all(result is results[0] for result in results)
    # What is a GValue's, and boxed, is copied for each.
    lock = SmartLock()
    strings = GObject.Value(GObject.TYPE_STRV, ['a', 'b'])

    def body(call):
        harness.wait_until(lambda: lock.get_n_waiters() == 4)
        call.return_value(strings)

    func = SmartAsync.AsyncFunc.new_blocking(body)
    results = on_threads(4, lambda _: lock.run_once_sync(None, func, None, [], None)[1])
    results[0].append('c')
    assert results[1:] == [['a', 'b']] * 3


@test('/contract/L1.f', seconds=120)
def thousand():
    for scene, function in each_scene(1000):
        results = call_from_loop(scene, function, 1000)
        assert results == [[7]] * 1000 and scene.executions.value == 1
    for scene, function in each_scene(1000):
        results = call_from_glib(scene, function, 1000)
        assert results == [[7]] * 1000 and scene.executions.value == 1


@test('/contract/L1.g')
def function_waits():
    for scene, function in each_scene(20):
        seen = []
        watch = scene.is_over
        scene.is_over = lambda: watch() and not seen.append(scene.lock.get_n_waiters())
        call_from_threads(scene, function, 20)
        assert seen and seen[-1] == 20, seen


# L2: not kept

@test('/contract/L2.a')
def executes_again():
    for name, caller in CALLERS.items():
        for scene, function in each_scene(1):
            for n in range(1, 4):
                assert caller(lambda: scene.lock.run_once(function, n)) == [n], name
                assert scene.executions.value == n


class Oops(Exception):
    pass


def make_failing(lock, n, raised):
    @smartasync
    def failing():
        harness.wait_until(lambda: lock.get_n_waiters() >= n)
        raised.append(Oops())
        raise raised[-1]
    return failing


@test('/contract/L2.b')
def error_is_shared():
    lock, raised = SmartLock(), []
    failing = make_failing(lock, 8, raised)

    async def in_loop():
        return await asyncio.gather(*[lock.run_once(failing) for _ in range(4)],
                                    return_exceptions=True)

    loop = start_thread(run_asyncio, in_loop)
    threads = [start_thread(harness.expect, Oops, lock.run_once, failing) for _ in range(4)]
    errors = loop.join() + [thread.join() for thread in threads]
    assert len(raised) == 1 and len(errors) == 8
    assert all(error is raised[0] for error in errors)


@test('/contract/L2.c')
def error_is_not_kept():
    lock, raised = SmartLock(), []
    failing = make_failing(lock, 1, raised)
    for caller in CALLERS.values():
        raised.clear()
        first = harness.expect(Oops, caller, lock.run_once, failing)
        assert first is raised[0]
        second = harness.expect(Oops, caller, lock.run_once, failing)
        assert second is raised[1] and second is not first
        assert caller(lambda: lock.run_once(lambda: 7)) == 7
    # Nor is it logged when nobody else waits: the harness would see it.


# L3: cancelled

@test('/contract/L3.a')
def waiter_leaves_alone():
    for scene, function in each_scene():
        first = start_thread(scene.lock.run_once, function)
        scene.inside.wait()

        async def in_loop():
            leaving = asyncio.create_task(scene.lock.run_once(function))
            staying = asyncio.create_task(scene.lock.run_once(function))
            await until(lambda: scene.lock.get_n_waiters() >= 3)
            leaving.cancel()
            await asyncio.wait([leaving])
            assert leaving.cancelled() and not staying.done()
            assert scene.lock.get_n_waiters() == 2
            assert not scene.cancellables[0].is_cancelled()
            scene.gate.open()
            return await staying

        assert run_asyncio(in_loop) == [7]
        assert first.join() == [7] and scene.executions.value == 1

    # With a cancellable of its own.
    for scene, function in each_scene():
        first = start_thread(scene.lock.run_once, function)
        scene.inside.wait()
        cancellable = Gio.Cancellable()
        leaving = start_thread(lambda: expect_error(
            scene.lock.run_once, function.options(cancellable=cancellable), code=CANCELLED))
        harness.wait_until(lambda: scene.lock.get_n_waiters() == 2)
        cancellable.cancel()
        leaving.join()
        assert not scene.cancellables[0].is_cancelled()
        scene.gate.open()
        assert first.join() == [7]


@test('/contract/L3.b')
def first_leaves_alone():
    for loop in harness.LOOPS:
        for scene, function in each_scene():
            async def in_loop():
                first = asyncio.create_task(scene.lock.run_once(function))
                await until(lambda: scene.inside.is_open)
                followers = [asyncio.create_task(scene.lock.run_once(function)) for _ in range(3)]
                await until(lambda: scene.lock.get_n_waiters() >= 4)
                first.cancel()
                await asyncio.wait([first])
                assert first.cancelled()
                assert not scene.cancellables[0].is_cancelled()
                scene.gate.open()
                return await asyncio.gather(*followers)

            assert run_asyncio(in_loop, loop=loop) == [[7]] * 3, loop
            assert scene.executions.value == 1

    for scene, function in each_scene():
        home = Home()
        cancellable = Gio.Cancellable()
        first = home.call(lambda: scene.lock.run_once(function.options(cancellable=cancellable)))
        home.until(lambda: scene.inside.is_open)
        second = home.call(lambda: scene.lock.run_once(function))
        cancellable.cancel()
        expect_error(home.settle, first, code=CANCELLED)
        scene.gate.open()
        assert home.settle(second) == [7] and scene.executions.value == 1


@test('/contract/L3.c')
def first_in_sync_runs_to_end():
    for scene, function in each_scene():
        cancellable = Gio.Cancellable()
        ended = []

        def first():
            expect_error(scene.lock.run_once, function.options(cancellable=cancellable),
                         code=CANCELLED)
            ended.append(True)

        leading = start_thread(first)
        scene.inside.wait()
        following = start_thread(scene.lock.run_once, function)
        harness.wait_until(lambda: scene.lock.get_n_waiters() == 2)
        cancellable.cancel()
        # It is what runs the flight: it stays until that is over.
        assert not ended and scene.lock.get_n_flights() == 1
        scene.gate.open()
        assert following.join() == [7]
        leading.join()
        assert ended and scene.executions.value == 1


@test('/contract/L3.d')
def last_one_cancels_flight():
    for loop in harness.LOOPS:
        for scene, function in each_scene():
            async def in_loop():
                tasks = [asyncio.create_task(scene.lock.run_once(function)) for _ in range(3)]
                await until(lambda: scene.inside.is_open and scene.lock.get_n_waiters() == 3)
                for task in tasks[:2]:
                    task.cancel()
                await asyncio.wait(tasks[:2])
                assert not scene.cancellables[0].is_cancelled()
                tasks[2].cancel()
                await asyncio.wait(tasks[2:])
                await until(lambda: scene.cancellables[0].is_cancelled())
                scene.gate.open()

            run_asyncio(in_loop, loop=loop)
            harness.wait_until(lambda: scene.lock.get_n_flights() == 0)


# L4: a newcomer

def begin_flight(scene, function):
    """A flight that a thread waits for, until the gate opens."""
    def wait():
        try:
            return scene.lock.run_once(function)
        except GLib.Error as error:
            assert error.matches(Gio.io_error_quark(), CANCELLED), error
            return 'cancelled'
    thread = start_thread(wait)
    scene.executions.wait_for(1)
    return thread


def assert_new_flight(scene, function, old):
    """A newcomer starts one of its own while the old one is still in the air."""
    new = start_thread(scene.lock.run_once, function)
    scene.executions.wait_for(2)
    scene.gate.open()
    assert new.join() == [7]
    result = old.join()
    assert scene.executions.value == 2
    return result


@test('/contract/L4.a')
def not_a_cancelled_flight():
    gate = Gate()
    lock = SmartLock()
    executions = Counter()

    @smartasync
    def stubborn():
        executions.add()
        gate.wait()
        return 7

    async def in_loop():
        task = asyncio.create_task(lock.run_once(stubborn.options(abandon_on_cancel=True)))
        await until(lambda: executions.value >= 1)
        task.cancel()
        await asyncio.wait([task])
        newcomer = asyncio.create_task(lock.run_once(stubborn))
        await until(lambda: executions.value >= 2)
        gate.open()
        return await newcomer

    for loop in harness.LOOPS:
        gate.is_open, executions.value = False, 0
        assert run_asyncio(in_loop, loop=loop) == 7
        assert executions.value == 2


@test('/contract/L4.b')
def not_a_forgotten_flight():
    for scene, function in each_scene():
        old = begin_flight(scene, function)
        scene.lock.forget(None)
        assert assert_new_flight(scene, function, old) == [7]


@test('/contract/L4.c')
def not_a_reset_flight():
    for scene, function in each_scene():
        old = begin_flight(scene, function)
        scene.lock.reset()
        assert assert_new_flight(scene, function, old) == 'cancelled'


@test('/contract/L4.d')
def no_second_execution():
    for scene, function in each_scene():
        first = start_thread(scene.lock.run_once, function)
        scene.inside.wait()
        others = [start_thread(scene.lock.run_once, function) for _ in range(6)]
        harness.wait_until(lambda: scene.lock.get_n_waiters() == 7)
        scene.gate.open()
        assert [thread.join() for thread in [first, *others]] == [[7]] * 7
        assert scene.executions.value == 1
    # In a race with the flight's end there may be more flights, never two at once.
    lock, inside = SmartLock(), Counter()

    @smartasync
    def quick():
        inside.add()
        inside.add(-1)

    on_threads(8, lambda _: [lock.run_once(quick) for _ in range(200)])
    assert inside.highest == 1
    assert lock.get_n_calls() == 1600


# L5: keys

@test('/contract/L5.a')
def keys_are_independent():
    gate = Gate()
    inside = Counter()
    lock = SmartLock()

    @smartasync
    def blocking(key):
        inside.add()
        gate.wait()
        return key

    keys = ['user:42', 'user:43', 'Grüße']
    threads = [start_thread(lock[key].run_once, blocking, key) for key in keys for _ in range(3)]
    threads.append(start_thread(lock.run_once, blocking, None))
    # A waiter counts before the body has begun.
    harness.wait_until(lambda: lock.get_n_waiters() == 10 and inside.value >= 4)
    assert inside.value == lock.get_n_flights() == 4
    gate.open()
    assert [thread.join() for thread in threads] == [key for key in keys for _ in range(3)] + [None]

    # Every keyword reaches the function.
    @smartasync
    async def keywords(*args, **kwargs):
        return args, kwargs

    for name, caller in CALLERS.items():
        result = caller(lambda: lock['k'].run_once(keywords, 1, key=2, func=3, source=4, self=5,
                                                   cancellable=6))
        assert result == ((1,), {'key': 2, 'func': 3, 'source': 4, 'self': 5, 'cancellable': 6})


@test('/contract/L5.b')
def forget_a_key():
    for scene, function in each_scene():
        key = scene.lock['k']
        old = start_thread(key.run_once, function)
        scene.executions.wait_for(1)
        scene.lock.forget('other')
        joining = start_thread(key.run_once, function)
        harness.wait_until(lambda: scene.lock.get_n_waiters() == 2)
        scene.lock.forget('k')
        new = start_thread(key.run_once, function)
        scene.executions.wait_for(2)
        assert not scene.cancellables[0].is_cancelled()
        scene.gate.open()
        assert [thread.join() for thread in (old, joining, new)] == [[7]] * 3


@test('/contract/L5.c')
def no_trace_of_a_key():
    lock = SmartLock()

    class Result:
        pass

    @smartasync
    async def make():
        return Result()

    results = []
    for n in range(100):
        results.append(weakref.ref(lock[f'key {n}'].run_once(make)))
    gc.collect()
    assert lock.get_n_flights() == lock.get_n_waiters() == 0
    assert not any(result() for result in results)


# L6: reset

def begin_many(scene, function):
    """Threads and a loop that wait; all of them are cancelled when it is reset."""
    ended = []

    def wait():
        try:
            scene.lock.run_once(function)
        except GLib.Error as error:
            ended.append(error.matches(Gio.io_error_quark(), CANCELLED))

    async def in_loop():
        try:
            await scene.lock.run_once(function)
        except GLib.Error as error:
            ended.append(error.matches(Gio.io_error_quark(), CANCELLED))

    leading = start_thread(wait)
    scene.executions.wait_for(1)
    others = [start_thread(wait) for _ in range(2)] + [start_thread(run_asyncio, in_loop)]
    harness.wait_until(lambda: scene.lock.get_n_waiters() == 4)
    return leading, others, ended


@test('/contract/L6.a')
def reset_cancels_waiters():
    for scene, function in each_scene():
        leading, others, ended = begin_many(scene, function)
        scene.lock.reset()
        for thread in others:
            thread.join()
        assert ended[:3] == [True] * 3
        scene.gate.open()
        leading.join()
        assert ended == [True] * 4


@test('/contract/L6.b')
def reset_cancels_flights():
    for scene, function in each_scene():
        leading, others, _ = begin_many(scene, function)
        assert not scene.cancellables[0].is_cancelled()
        scene.lock.reset()
        assert scene.cancellables[0].is_cancelled()
        scene.gate.open()
        for thread in [leading, *others]:
            thread.join()


@test('/contract/L6.c')
def usable_at_once():
    for scene, function in each_scene():
        leading, others, _ = begin_many(scene, function)
        scene.lock.reset()
        assert scene.lock.run_once(lambda: 8) == 8
        scene.gate.open()
        assert scene.lock.run_once(function) == [7]
        for thread in [leading, *others]:
            thread.join()
        assert scene.lock.get_n_flights() == 0


# L7: recursion

@test('/contract/L7.a')
def recursion():
    lock = SmartLock()

    @smartasync
    def blocking():
        expect_smart_error(lock.run_once, blocking, code=RECURSION)
        # Another key is another flight.
        return lock['other'].run_once(lambda: 7)

    @smartasync
    async def later():
        try:
            await lock.run_once(later)
        except GLib.Error as error:
            assert error.matches(SmartAsync.error_quark(), RECURSION), error
            return 7
        raise AssertionError('it was not refused')

    for name, caller in CALLERS.items():
        for function in (blocking, later):
            assert caller(lambda: lock.run_once(function)) == 7, name


@test('/contract/L7.b')
def recursion_nested():
    lock = SmartLock()

    @smartasync
    def inner():
        expect_smart_error(lock['k'].run_once, inner, code=RECURSION)
        return 7

    @smartasync
    async def middle():
        await SmartAsync.sleep(0.001)
        return await inner()

    @smartasync
    def outer():
        return middle()

    for name, caller in CALLERS.items():
        for function in (inner, middle, outer):
            assert caller(lambda: lock['k'].run_once(function)) == 7, name


@test('/contract/L7.c')
def recursion_after_suspension():
    lock = SmartLock()

    async def ask():
        await SmartAsync.sleep(0.001)
        try:
            await lock.run_once(later)
        except GLib.Error as error:
            assert error.matches(SmartAsync.error_quark(), RECURSION), error
            return 7
        raise AssertionError('it was not refused')

    @smartasync
    async def later():
        await SmartAsync.sleep(0.001)
        assert await ask() == 7
        if not isinstance(asyncio.get_running_loop(), asyncio.AbstractEventLoop):
            return 7
        # A task of the flight's is of the flight.
        return await asyncio.create_task(ask())

    for name, caller in CALLERS.items():
        assert caller(lambda: lock.run_once(later)) == 7, name


# L8: everywhere

@test('/contract/L8.a')
def in_sync():
    lock = SmartLock()
    for make in cells.PYTHON_KINDS.values():
        assert lock.run_once(make(lambda n: n), 7) == 7

    # What is not decorated, as well.
    async def coroutine_function(n):
        await SmartAsync.sleep(0.001)
        return n

    assert lock.run_once(lambda n: n, 7) == 7
    assert lock.run_once(coroutine_function, 7) == 7
    assert isinstance(lock, SmartAsync.Lock)


@test('/contract/L8.b')
def in_async():
    lock = SmartLock()

    async def coroutine_function(n):
        await SmartAsync.sleep(0.001)
        return n

    for name, caller in ASYNC_CALLERS.items():
        for make in cells.KINDS.values():
            assert caller(lambda: lock.run_once(make(lambda n: n), 7)) == 7, name
        assert caller(lambda: lock.run_once(coroutine_function, 7)) == 7, name
        assert caller(lambda: lock.run_once(lambda n: n, 7)) == 7, name


@test('/contract/L8.c')
def serves_threads():
    assert_one_flight(call_from_threads, 8)


@test('/contract/L8.d')
def serves_loops():
    # Each thread has a loop of another kind; one lock for all.
    loops = [loop for loop in harness.LOOPS] * 2
    for scene, function in each_scene(3 * len(loops)):
        threads = [start_thread(call_from_loop, scene, function, 3, loop) for loop in loops]
        for thread in threads:
            assert thread.join() == [[7]] * 3
        assert scene.executions.value == 1
    # One after the other on one thread, each with a lifetime of its own.
    scene = Scene(1)
    for loop in loops:
        assert call_from_loop(scene, scene.make_later(), 1, loop) == [[7]]


@test('/contract/L8.e')
def serves_both():
    assert_one_flight(call_mixed, 16)
    # A sync call in an async context joins the flight of a thread's.
    for scene, function in each_scene():
        first = start_thread(scene.lock.run_once, function)
        scene.inside.wait()

        def join():
            with SmartAsync.sync_mode():
                return scene.lock.run_once(function)

        opener = start_thread(lambda: (harness.wait_until(
            lambda: scene.lock.get_n_waiters() == 2), scene.gate.open()))
        assert Home().call(join) == [7]
        assert first.join() == [7]
        opener.join()


# L9: figures

def figures(lock):
    return {'calls': lock.get_n_calls(), 'executions': lock.get_n_executions(),
            'waiters': lock.get_n_waiters(), 'flights': lock.get_n_flights()}


def follow_figures():
    """The lock's figures before, while five wait for two flights, and after."""
    lock, gate, inside = SmartLock(), Gate(), Counter()

    @smartasync
    def blocking():
        inside.add()
        gate.wait()

    seen = [figures(lock)]
    threads = [start_thread(lock['a'].run_once, blocking) for _ in range(3)]
    threads += [start_thread(lock['b'].run_once, blocking) for _ in range(2)]
    harness.wait_until(lambda: lock.get_n_waiters() == 5)
    inside.wait_for(2)
    seen.append(figures(lock))
    gate.open()
    for thread in threads:
        thread.join()
    seen.append(figures(lock))
    lock.run_once(lambda: 7)
    seen.append(figures(lock))
    return seen


@test('/contract/L9.a')
def n_calls():
    assert [each['calls'] for each in follow_figures()] == [0, 5, 5, 6]
    assert SmartLock().props.n_calls == 0


@test('/contract/L9.b')
def n_executions():
    assert [each['executions'] for each in follow_figures()] == [0, 2, 2, 3]


@test('/contract/L9.c')
def n_waiters():
    assert [each['waiters'] for each in follow_figures()] == [0, 5, 0, 0]


@test('/contract/L9.d')
def n_flights():
    assert [each['flights'] for each in follow_figures()] == [0, 2, 0, 0]


if __name__ == '__main__':
    harness.main()
