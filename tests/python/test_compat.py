#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Code written for genro-toolbox's smartasync, with one import line changed; and the eight bugs
that it had there."""

import asyncio
import gc
import inspect
import threading

import harness
from harness import Counter, count_fds, expect, on_threads, run_asyncio, test
from smartasync_glib.compat import (SmartLock, is_async_context, reset_smartasync_cache, set_async,
                                    set_sync, smartasync, smartawait, smartcontinuation)

from smartasync_glib.loops import MAX_SHARED

from gi.repository import SmartAsync


class Manager:
    """What one writes with it."""

    def __init__(self):
        self.lock = SmartLock()
        self.n_loads = 0

    @smartasync
    async def fetch(self, n=1, *, key='k', timeout=0):
        await asyncio.sleep(0.001)
        return n, key, timeout

    @smartasync
    def compute(self, n):
        return n * 2, threading.get_ident()

    async def load(self, key=None, **keywords):
        self.n_loads += 1
        await asyncio.sleep(0.001)
        return key, keywords

    @smartasync
    async def get(self, *args, **keywords):
        return await self.lock.run_once(self.load, *args, **keywords)


def in_loop(function, *args, **keywords):
    async def main():
        return await function(*args, **keywords)
    return run_asyncio(main)


@test('/python/compat/smartasync')
def decorated():
    manager = Manager()
    assert manager.fetch(2, key='x', timeout=3) == (2, 'x', 3)
    assert in_loop(manager.fetch, 2, key='x', timeout=3) == (2, 'x', 3)
    assert manager.compute(3) == (6, threading.get_ident())
    result, thread = in_loop(manager.compute, 3)
    assert result == 6 and thread != threading.get_ident()
    # Inline, too.
    assert smartasync(manager.load)(1) == (1, {})
    assert smartasync(len)('abc') == 3

    async def main():
        for coroutine in (manager.fetch(), manager.compute(1)):
            assert inspect.iscoroutine(coroutine)
            await coroutine
        return is_async_context()

    assert run_asyncio(main) is True and is_async_context() is False


@test('/python/compat/smartawait')
def awaits():
    # Coroutine functions, in every context.
    assert inspect.iscoroutinefunction(smartawait)
    assert inspect.iscoroutinefunction(SmartLock.run_once)

    async def seven():
        return 7

    async def nested():
        return seven()

    async def main():
        assert await smartawait(7) == 7
        assert await smartawait(seven()) == 7
        assert await smartawait(nested()) == 7
        assert await smartawait(Manager().fetch()) == (1, 'k', 0)
        return True

    assert run_asyncio(main) and smartasync(main)()


@test('/python/compat/smartcontinuation')
def continues():
    async def seven():
        await asyncio.sleep(0.001)
        return 7

    def double(value, factor=2, *, on_resolved=None, key=0):
        return value * factor, on_resolved, key

    assert smartcontinuation(7, double) == (14, None, 0)
    assert smartcontinuation(7, double, 3, key=1) == (21, None, 1)

    async def main():
        result = smartcontinuation(seven(), double, 3, key=1)
        assert inspect.isawaitable(result)
        assert smartcontinuation(7, double) == (14, None, 0)
        return await result

    assert run_asyncio(main) == (21, None, 1)


@test('/python/compat/lock')
def lock():
    manager = Manager()
    # Every keyword goes to the function.
    keywords = {'lock': 1, 'func': 2, 'timeout': 3, 'cancellable': 4, 'self_': 5}
    assert manager.get('x', **keywords) == ('x', keywords)
    assert manager.get(key='y', **keywords) == ('y', keywords)
    assert manager.n_loads == 2

    async def main():
        return await asyncio.gather(*[manager.get(1) for _ in range(10)])

    assert run_asyncio(main) == [(1, {})] * 10
    assert manager.n_loads == 3

    async def plain():
        return await manager.lock.run_once(lambda n: n + 1, 6)
    assert run_asyncio(plain) == 7
    assert smartasync(plain)() == 7


@test('/python/compat/modes')
def modes():
    def look():
        return is_async_context()

    async def main():
        assert look()
        set_sync()
        assert not look()
        set_sync(False)
        assert look(), 'set_sync(False) returns to detection'
        set_async()
        assert look()
        set_async(False)
        return look()

    assert run_asyncio(main) is True
    assert not look()
    set_async()
    assert look()
    set_async(False)
    assert not look(), 'set_async(False) returns to detection'
    set_sync(True)
    set_sync(False)
    assert not look()
    reset_smartasync_cache()
    assert Manager().fetch() == (1, 'k', 0)


# The eight bugs

@test('/python/compat/bugs/leader-cancelled')
def leader_is_cancelled():
    """… and the followers hang."""
    lock, n = SmartLock(), Counter()

    async def main():
        gate = asyncio.Event()

        async def work():
            n.add()
            await gate.wait()
            return 7

        leader = asyncio.create_task(lock.run_once(work))
        await harness.iterate()
        followers = [asyncio.create_task(lock.run_once(work)) for _ in range(3)]
        await harness.iterate()
        leader.cancel()
        await asyncio.wait([leader])
        assert leader.cancelled()
        gate.set()
        return await asyncio.gather(*followers)

    for loop in harness.LOOPS:
        n.value = 0
        assert run_asyncio(main, loop=loop) == [7] * 3
        assert n.value == 1


@test('/python/compat/bugs/follower-cancelled')
def follower_is_cancelled():
    """… and cancels its sibling."""
    lock = SmartLock()

    async def main():
        gate = asyncio.Event()

        async def work():
            await gate.wait()
            return 7

        tasks = [asyncio.create_task(lock.run_once(work)) for _ in range(3)]
        await harness.iterate()
        tasks[1].cancel()
        await asyncio.wait([tasks[1]])
        gate.set()
        return await asyncio.gather(tasks[0], tasks[2])

    for loop in harness.LOOPS:
        assert run_asyncio(main, loop=loop) == [7, 7]


class Oops(Exception):
    pass


@test('/python/compat/bugs/lone-failure')
def lone_leader_fails():
    """… and "exception was never retrieved" is logged, which the harness would see."""
    lock = SmartLock()

    async def work():
        await asyncio.sleep(0.001)
        raise Oops()

    async def main():
        await lock.run_once(work)

    for loop in harness.LOOPS:
        expect(Oops, lambda: run_asyncio(main, loop=loop))
    expect(Oops, smartasync(main))


@test('/python/compat/bugs/reentrant')
def reentrant():
    """… deadlocks."""
    lock = SmartLock()

    async def work():
        await asyncio.sleep(0.001)
        return await lock.run_once(work)

    async def main():
        return await lock.run_once(work)

    harness.expect_smart_error(run_asyncio, main, code=SmartAsync.Error.RECURSION)
    harness.expect_smart_error(smartasync(main), code=SmartAsync.Error.RECURSION)


@test('/python/compat/bugs/two-threads')
def shared_by_two_threads():
    """… raises "attached to a different loop"."""
    lock, n = SmartLock(), Counter()
    ready = threading.Barrier(4)

    async def work():
        n.add()
        for _ in range(20):
            await asyncio.sleep(0.001)
        return 7

    async def main():
        ready.wait(harness.DEADLINE)
        return await asyncio.gather(*[lock.run_once(work) for _ in range(3)])

    assert on_threads(4, lambda _: run_asyncio(main)) == [[7] * 3] * 4
    # Who was late, if anybody was, began another flight.
    assert n.value <= 2


@test('/python/compat/bugs/threads-leak')
def ended_threads():
    """50 of them leave 50 loops and 144 descriptors."""
    on_threads(2, lambda _: Manager().fetch())
    n_fds = count_fds()
    # Nor do they wait for the collector.
    gc.collect()
    gc.disable()
    try:
        for _ in range(5):
            on_threads(10, lambda _: Manager().fetch())
        harness.wait_until(lambda: count_fds() <= n_fds, 'descriptors were left')
    finally:
        gc.enable()


@test('/python/compat/bugs/workers-leak')
def idle_workers():
    """The library's threads have a few loops in common."""
    inside = Counter()

    @smartasync
    async def meet(n):
        inside.add()
        await harness.until(lambda: inside.value >= n)

    @smartasync
    def blocking(n):
        meet(n)

    async def main():
        inside.value = 0
        await asyncio.gather(*[blocking(20) for _ in range(20)])

    run_asyncio(main)
    gc.collect()
    reset_smartasync_cache()
    n_fds = count_fds()
    for _ in range(3):
        run_asyncio(main)
    # What the ended loop had for the library's results is the collector's.
    gc.collect()
    # Each has four descriptors.
    harness.wait_until(lambda: count_fds() <= n_fds + 4 * MAX_SHARED, 'loops were left')
    reset_smartasync_cache()
    harness.wait_until(lambda: count_fds() <= n_fds, 'descriptors were left')


@test('/python/compat/bugs/forced-sync')
def forced_sync_in_running_loop():
    """… fails."""
    async def main():
        set_sync()
        try:
            return Manager().fetch(7), Manager().compute(3)[0]
        finally:
            set_sync(False)

    for loop in harness.LOOPS:
        assert run_asyncio(main, loop=loop) == ((7, 'k', 0), 6)


@test('/python/compat/bugs/forced-async')
def forced_async_in_worker():
    """… leaks into it."""
    manager = Manager()

    @smartasync
    def on_worker():
        return is_async_context(), manager.fetch(7)

    async def main():
        set_async()
        try:
            return await on_worker()
        finally:
            set_async(False)

    for loop in harness.LOOPS:
        assert run_asyncio(main, loop=loop) == (False, (7, 'k', 0))


if __name__ == '__main__':
    harness.main()
