#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The contract's section F: futures, await, continuations."""

import asyncio
import gc
import threading
import time
import weakref

import cells
import harness
from harness import (Counter, Gate, Home, expect, expect_error, on_threads, run_asyncio,
                     start_thread, test)

from gi.repository import Gio, GLib, GObject, SmartAsync

smartasync = SmartAsync.smartasync
smartawait = SmartAsync.smartawait
smartcontinuation = SmartAsync.smartcontinuation
Func = SmartAsync.AsyncFunc
Future = SmartAsync.Future
PENDING = SmartAsync.FutureStatus.PENDING
CANCELLED = Gio.IOErrorEnum.CANCELLED
NOT_FOUND = Gio.IOErrorEnum.NOT_FOUND
get_ident = threading.get_ident


def make_error(message='no', code=NOT_FOUND):
    return GLib.Error.new_literal(Gio.io_error_quark(), message, code)


def resolved(value):
    return Future.new_for_value(value)


def rejected(message='no'):
    return Future.new_for_error(make_error(message))


# F1: settles once

@test('/contract/F1.a')
def settles_once():
    future = Future.new(None)
    assert future.get_status() == PENDING
    assert future.resolve(7)
    assert not future.resolve(8)
    assert not future.reject(make_error())
    future.cancel()
    assert future.get_int() == 7

    future = Future.new(None)
    assert future.reject(make_error('first'))
    assert not future.reject(make_error('second')) and not future.resolve(7)
    assert expect_error(future.get_value, code=NOT_FOUND).message == 'first'

    future = Future.new(None)
    future.cancel()
    assert not future.resolve(7)
    expect_error(future.get_value, code=CANCELLED)


@test('/contract/F1.b')
def one_of_eight_wins():
    for _ in range(50):
        future = Future.new(None)
        ready = threading.Barrier(8)

        def settle(i):
            ready.wait(harness.DEADLINE)
            return future.resolve(i) if i % 2 else future.reject(make_error(str(i)))

        won = on_threads(8, settle)
        assert won.count(True) == 1
        winner = won.index(True)
        if winner % 2:
            assert future.get_int() == winner
        else:
            assert expect_error(future.get_value).message == str(winner)


def wait_in_many_ways(future):
    """What everybody sees who waits for it, by threads, loops and callbacks."""
    home = Home()
    seen = []

    def wait(_):
        return future.wait(-1, None)[1]

    async def in_loop():
        return await future

    threads = [start_thread(wait, i) for i in range(4)]
    loops = [start_thread(run_asyncio, in_loop) for _ in range(2)]
    with home.pushed():
        future.wait_async(None, lambda future, result: seen.append(future.wait_finish(result)[1]))
    return home, seen, threads + loops


@test('/contract/F1.c')
def all_see_the_same():
    future = Future.new(None)
    home, seen, threads = wait_in_many_ways(future)
    future.resolve('Grüße')
    assert [thread.join() for thread in threads] == ['Grüße'] * 6
    home.until(lambda: seen)
    assert seen == ['Grüße']

    future = Future.new(None)
    error = make_error('Grüße')
    waiting = [start_thread(expect_error, future.wait, -1, None) for _ in range(4)]
    future.reject(error)
    for thread in waiting:
        caught = thread.join()
        assert caught.matches(Gio.io_error_quark(), NOT_FOUND) and caught.message == 'Grüße'


@test('/contract/F1.d')
def each_has_its_own():
    # A boxed value is copied; an object, and what is Python's, is shared by reference.
    rectangle = GLib.Bytes.new(b'Grusz')
    future = resolved(GObject.Value(GLib.Bytes, rectangle))
    one, other = future.get_value()[1], future.get_value()[1]
    assert one.get_data() == other.get_data() == b'Grusz'
    assert one is not other

    strings = resolved(GObject.Value(GObject.TYPE_STRV, ['a', 'b']))
    mine = strings.get_value()[1]
    mine.append('c')
    assert strings.get_value()[1] == ['a', 'b']

    thing = Gio.SimpleAction.new('thing', None)
    n_before = thing.__grefcount__
    future = resolved(GObject.Value(Gio.SimpleAction, thing))
    assert future.get_object() is thing
    del future
    gc.collect()
    assert thing.__grefcount__ == n_before


# F2: await

@test('/contract/F2.a')
def await_plain():
    assert smartawait(7) == 7
    # By the plain API: a future that has it.
    for await_ in getattr(SmartAsync, 'await'), SmartAsync.await_:
        assert await_(7, None).get_int() == 7
    assert SmartAsync.await_([7]).result() == [7]


@test('/contract/F2.b')
def await_future():
    pending = Future.new(None)
    thread = start_thread(pending.resolve, 7)
    assert smartawait(pending) == 7
    thread.join()
    assert SmartAsync.await_(pending).get_int() == 7
    assert smartawait(resolved(7)) == 7
    expect_error(smartawait, rejected(), code=NOT_FOUND)


def nest(value, depth=3):
    for _ in range(depth):
        value = resolved(GObject.Value(Future, value)) if isinstance(value, Future) \
            else resolved(value)
    return value


@test('/contract/F2.c')
def await_nested():
    assert smartawait(nest(7)) == 7
    assert smartawait(nest(7, 4)) == 7
    inner = Future.new(None)
    outer = nest(inner, 2)
    thread = start_thread(inner.resolve, 7)
    assert smartawait(outer) == 7
    thread.join()


async def coroutine(result):
    await SmartAsync.sleep(0.001)
    return result


async def ready(result):
    return result


def awaited(make):
    """What `smartawait` makes of it everywhere; `make` makes it anew each time."""
    async def in_loop():
        return await smartawait(make())

    results = [smartawait(make())]
    results.append(Home().run(lambda: smartawait(make())))
    for loop in harness.LOOPS:
        results.append(run_asyncio(in_loop, loop=loop))
    return results


def assert_all(results, expected):
    assert results and all(result == expected and type(result) is type(expected)
                           for result in results), results


@test('/contract/F2.d')
def await_values():
    for value in (7, 'x', None, [1, 2], {'a': 1}, object, 2 ** 100, print):
        assert_all(awaited(lambda: value), value)


@test('/contract/F2.e')
def await_coroutines():
    assert_all(awaited(lambda: coroutine(7)), 7)
    assert_all(awaited(lambda: ready([7])), [7])

    async def fail():
        await SmartAsync.sleep(0.001)
        raise KeyError('x')
    expect(KeyError, smartawait, fail())


@test('/contract/F2.f')
def await_coroutines_of_coroutines():
    assert_all(awaited(lambda: coroutine(coroutine(7))), 7)
    assert_all(awaited(lambda: ready(coroutine(ready(7)))), 7)
    assert_all(awaited(lambda: coroutine(resolved(7))), 7)


@test('/contract/F2.g')
def await_futures():
    assert_all(awaited(lambda: resolved(7)), 7)
    assert_all(awaited(lambda: nest(7)), 7)

    def begin():
        future = Future.new(None)
        start_thread(future.resolve, 7)
        return future
    assert_all(awaited(begin), 7)
    assert_all(awaited(lambda: cells.make_later(lambda n: n)(7)), 7)


@test('/contract/F2.h')
def await_in_sync():
    # The value, not something to wait for.
    for made in (7, ready(7), coroutine(coroutine(7)), resolved(7), nest(7)):
        result = smartawait(made)
        assert type(result) is int and result == 7
    # Whatever keeps it from finding out by itself.
    with SmartAsync.sync_mode():
        assert smartawait(coroutine(7)) == 7
    assert Home().call(lambda: in_sync_mode()) == 7


def in_sync_mode():
    with SmartAsync.sync_mode():
        return smartawait(coroutine(7))


# F3: continuation

def double(value):
    return value * 2


@test('/contract/F3.a')
def continue_value():
    threads = []

    def note(value):
        threads.append(get_ident())
        return value * 2

    assert smartcontinuation(21, note) == 42
    assert threads == [get_ident()]
    # At once, in an async context as well.
    home = Home()
    applied = home.call(lambda: (smartcontinuation(21, note), len(threads)))
    assert applied[1] == 2
    result = applied[0]
    assert (result if result == 42 else home.settle(result)) == 42


@test('/contract/F3.b')
def continue_pending():
    home = Home()
    pending = Future.new(None)
    seen = []

    def note(value):
        seen.append(value)
        return value * 2

    result = home.call(lambda: smartcontinuation(pending, note))
    assert not seen
    start_thread(pending.resolve, 21).join()
    assert home.settle(result) == 42 and seen == [21]

    async def in_loop():
        future = Future.new(None)
        seen.clear()
        task = asyncio.ensure_future(smartcontinuation(future, note))
        await asyncio.sleep(0)
        assert not seen
        await asyncio.to_thread(future.resolve, 21)
        return await task

    for loop in harness.LOOPS:
        assert run_asyncio(in_loop, loop=loop) == 42 and seen == [21]


@test('/contract/F3.c')
def continue_in_its_context():
    home = Home()
    pending = Future.new(None)
    threads = []

    def note(value):
        threads.append((get_ident(), home.context.is_owner()))
        return value

    result = home.call(lambda: smartcontinuation(pending, note))
    start_thread(pending.resolve, 7).join()
    assert not threads
    assert home.settle(result) == 7
    assert threads == [(get_ident(), True)]


@test('/contract/F3.d')
def continue_with_error():
    def fail(_):
        raise KeyError('x')

    def never(_):
        raise AssertionError('applied to an error')

    expect(KeyError, smartcontinuation, 7, fail)
    expect_error(smartcontinuation, rejected(), never, code=NOT_FOUND)
    expect(KeyError, smartcontinuation, coroutine(7), fail)

    async def applied(make, function):
        return await smartcontinuation(make(), function)

    for loop in harness.LOOPS:
        expect(KeyError, run_asyncio, applied, lambda: coroutine(7), fail)
        expect_error(run_asyncio, applied, rejected, never, code=NOT_FOUND)
    expect(KeyError, Home().run, lambda: smartcontinuation(coroutine(7), fail))
    pending = Future.new(None)
    home = Home()
    result = home.call(lambda: smartcontinuation(pending, never))
    pending.reject(make_error())
    expect_error(home.settle, result, code=NOT_FOUND)


@test('/contract/F3.e')
def coroutine_is_run_first():
    order = []

    async def first():
        await SmartAsync.sleep(0.001)
        order.append('coroutine')
        return 21

    def second(value):
        order.append('function')
        return value * 2

    assert smartcontinuation(first(), second) == 42
    assert order == ['coroutine', 'function']


@test('/contract/F3.f')
def extra_arguments():
    def function(value, a, b=0, *, key=None, on_done=None):
        return value, a, b, key, on_done

    expected = (7, 1, 2, 'k', 3)
    assert smartcontinuation(7, function, 1, b=2, key='k', on_done=3) == expected
    assert smartcontinuation(coroutine(7), function, 1, 2, key='k', on_done=3) == expected

    async def in_loop():
        return await smartcontinuation(coroutine(7), function, 1, b=2, key='k', on_done=3)

    for loop in harness.LOOPS:
        assert run_asyncio(in_loop, loop=loop) == expected


# F4: what one makes of futures

def begin_pending(home):
    """A call in flight that is settled by what is returned with it."""
    calls = []
    func = Func.new(lambda call: calls.append(call))
    future = home.call(func.callv, None, [], None)
    return future, calls


@test('/contract/F4.a')
def then():
    home = Home()
    future, calls = begin_pending(home)
    seen = []

    def on_settled(call, settled):
        seen.append(get_ident())
        assert settled == future
        call.return_int(settled.get_int() * 2)

    child = home.call(future.then, on_settled)
    calls.pop().return_int(21)
    assert home.settle(child) == 42 and seen == [get_ident()]
    # An error passes by.
    never = rejected().then(lambda call, _: seen.append('applied'))
    expect_error(never.wait, -1, None, code=NOT_FOUND)
    assert seen == [get_ident()]


@test('/contract/F4.b')
def catch():
    home = Home()

    def recover(call, settled):
        assert expect_error(settled.get_value, code=NOT_FOUND).message == 'Grüße'
        call.return_int(7)

    assert home.settle(home.call(rejected('Grüße').catch, recover)) == 7
    # A value passes by.
    assert home.settle(home.call(resolved(8).catch, recover)) == 8


@test('/contract/F4.c')
def finally_():
    home = Home()
    seen = []

    def conclude(call, settled):
        seen.append(settled.get_status())
        call.return_none()

    assert home.settle(home.call(resolved(8).finally_, conclude)) == 8
    expect_error(home.settle, home.call(rejected().finally_, conclude), code=NOT_FOUND)
    assert seen == [SmartAsync.FutureStatus.RESOLVED, SmartAsync.FutureStatus.REJECTED]

    def fail(call, settled):
        call.return_error(make_error('in finally'))

    error = expect_error(home.settle, home.call(resolved(8).finally_, fail), code=NOT_FOUND)
    assert error.message == 'in finally'


@test('/contract/F4.d')
def all_of_them():
    pending = [Future.new(None) for _ in range(3)]
    together = Future.allv(pending)
    for future in pending[:2]:
        future.resolve(7)
    assert not harness.is_done(together)
    start_thread(pending[2].resolve, 8).join()
    together.wait(-1, None)
    assert together.get_status() == SmartAsync.FutureStatus.RESOLVED
    assert harness.is_done(Future.allv([]))
    expect_error(Future.allv([resolved(1), rejected()]).wait, -1, None, code=NOT_FOUND)


@test('/contract/F4.e')
def any_of_them():
    pending = [Future.new(None) for _ in range(3)]
    first = Future.anyv(pending)
    pending[0].reject(make_error())
    assert not harness.is_done(first)
    start_thread(pending[1].resolve, 7).join()
    assert first.wait(-1, None)[1] == 7
    expect_error(Future.anyv([rejected(), rejected()]).wait, -1, None, code=NOT_FOUND)
    harness.expect_smart_error(Future.anyv([]).wait, -1, None,
                               code=SmartAsync.Error.INVALID_ARGUMENTS)


@test('/contract/F4.f')
def race_of_them():
    pending = [Future.new(None) for _ in range(3)]
    first = Future.racev(pending)
    assert not harness.is_done(first)
    start_thread(pending[1].reject, make_error()).join()
    expect_error(first.wait, -1, None, code=NOT_FOUND)
    assert Future.racev([resolved(7), Future.new(None)]).wait(-1, None)[1] == 7


def begin_cancellable():
    """A call in flight, and its own cancellable."""
    cancellables = []

    @smartasync
    def blocking():
        own = Gio.Cancellable.get_current()
        cancellables.append(own)
        inside.open()
        harness.wait_until(own.is_cancelled)

    inside = Gate()
    raw = Func.new_blocking(lambda call: blocking.sync())
    future = Home().call(raw.callv, None, [], None)
    inside.wait()
    return future, cancellables[0]


@test('/contract/F4.g')
def losers_are_cancelled():
    future, cancellable = begin_cancellable()
    winner = Future.new(None)
    first = Future.racev([future, winner])
    assert not cancellable.is_cancelled()
    winner.resolve(7)
    assert first.wait(-1, None)[1] == 7
    assert cancellable.is_cancelled()
    expect_error(future.wait, -1, None, code=CANCELLED)


@test('/contract/F4.h')
def siblings_are_cancelled():
    future, cancellable = begin_cancellable()
    failing = Future.new(None)
    together = Future.allv([future, failing])
    failing.reject(make_error())
    expect_error(together.wait, -1, None, code=NOT_FOUND)
    assert cancellable.is_cancelled()
    expect_error(future.wait, -1, None, code=CANCELLED)


# F5: wait

@test('/contract/F5.a')
def wait_settled():
    assert tuple(resolved(7).wait(-1, None)) == (True, 7)
    assert tuple(resolved(7).wait(0, None)) == (True, 7)
    expect_error(rejected().wait, -1, None, code=NOT_FOUND)


@test('/contract/F5.b')
def wait_for_another_thread():
    for _ in range(20):
        future = Future.new(None)
        thread = start_thread(future.resolve, 7)
        assert tuple(future.wait(-1, None)) == (True, 7)
        assert thread.join()


@test('/contract/F5.c')
def wait_with_deadline():
    future = Future.new(None)

    def measure():
        begun = time.monotonic()
        expect_error(future.wait, 10000, None, code=Gio.IOErrorEnum.TIMED_OUT)
        lasted = time.monotonic() - begun
        assert lasted >= 0.0099
        return lasted - 0.01

    harness.best_of_five(measure, 0.05)
    assert not harness.is_done(future)


@test('/contract/F5.d')
def wait_with_cancellable():
    future = Future.new(None)
    cancellable = Gio.Cancellable()
    waiter = start_thread(lambda: expect_error(future.wait, -1, cancellable, code=CANCELLED))
    harness.wait_until(SmartAsync.async_dump_waits)
    cancellable.cancel()
    waiter.join()
    expect_error(future.wait, -1, cancellable, code=CANCELLED)
    # It is the wait that was cancelled.
    assert not harness.is_done(future)


@test('/contract/F5.e')
def wait_from_eight_threads():
    future = Future.new(None)
    waiting = Counter()

    def wait():
        waiting.add()
        return future.wait(-1, None)[1]

    threads = [start_thread(wait) for _ in range(8)]
    waiting.wait_for(8)
    future.resolve('Grüße')
    assert [thread.join() for thread in threads] == ['Grüße'] * 8


@test('/contract/F5.f')
def wait_without_loop():
    gate = Gate()
    for func in (Func.new(cells.answer_later, lambda: 7),
                 Func.new_blocking(cells.answer, lambda: gate.wait() or 7)):
        gate.is_open = False
        with SmartAsync.async_mode(), _c_async():
            future = func.callv(None, [], None)
            assert not harness.is_done(future)
        gate.open()
        assert future.wait(-1, None)[1] == 7
        seen = []
        func.call_async(None, [], None, lambda func, result: seen.append(
            func.call_finish(result)[1]))
        home = Home(GLib.MainContext.default())
        home.until(lambda: seen)
        assert seen == [7]


class _c_async:
    def __enter__(self):
        SmartAsync.context_push_mode(SmartAsync.Mode.ASYNC)

    def __exit__(self, *_):
        SmartAsync.context_pop_mode()


# F6: awaitable everywhere

async def await_all_kinds():
    assert await resolved(7) == 7
    pending = Future.new(None)
    thread = start_thread(pending.resolve, 8)
    assert await pending == 8
    thread.join()
    try:
        await rejected()
        raise AssertionError('it was rejected')
    except GLib.Error as error:
        assert error.matches(Gio.io_error_quark(), NOT_FOUND)
    func = Func.new_blocking(lambda call: call.return_int(9))
    future = func.callv(None, [], None)
    assert await future == 9
    # As often as one likes, and by asyncio's own means.
    assert await future == 9
    assert await asyncio.wait_for(future, harness.DEADLINE) == 9
    assert await asyncio.gather(resolved(1), resolved(2)) == [1, 2]
    return True


@test('/contract/F6.a')
def awaitable_under_glib_loop():
    if 'glib' in harness.LOOPS:
        assert run_asyncio(await_all_kinds, loop='glib')

    # Under GLib without asyncio, likewise.
    @smartasync
    async def in_glib():
        assert await resolved(7) == 7
        pending = Future.new(None)
        thread = start_thread(pending.resolve, 8)
        result = await pending
        thread.join()
        return result

    assert Home().run(in_glib) == 8
    assert in_glib() == 8


@test('/contract/F6.b')
def awaitable_under_asyncio():
    for loop in harness.LOOPS:
        assert run_asyncio(await_all_kinds, loop=loop), loop


@test('/contract/F6.f')
def asynchronous_settle_under_asyncio():
    file = Gio.File.new_for_path(__file__)

    async def in_loop():
        for make in (cells.make_raw_async, cells.make_raw_blocking, cells.make_raw_dual):
            assert await make(lambda n: n)(7) == 7
        ok, contents, _ = await smartasync(file.load_contents)(None)
        assert ok and contents
        ok, contents, _ = await smartasync(file.load_contents_async)(None)
        assert ok and contents
        many = [smartasync(file.query_info)('standard::size', Gio.FileQueryInfoFlags.NONE,
                                            GLib.PRIORITY_DEFAULT, None) for _ in range(20)]
        infos = await asyncio.gather(*many)
        assert {info.get_size() for info in infos} == {len(contents)}

    for loop in harness.LOOPS:
        run_asyncio(in_loop, loop=loop)


# F7: progress

class Reports:
    """A call in flight that reports what it is told, and what was notified of it."""

    def __init__(self, home):
        self.home = home
        self.future, calls = begin_pending(home)
        self.call = calls.pop()
        self.seen = []
        self.future.connect('notify::progress', self.on_progress)
        self.future.wait_async(None, lambda *_: self.seen.append('callback')) \
            if home.context == GLib.MainContext.default() else \
            home.call(self.future.wait_async, None, lambda *_: self.seen.append('callback'))

    def on_progress(self, future, _):
        assert get_ident() == here() and self.home.context.is_owner()
        self.seen.append(future.get_progress())


def here():
    return get_ident()


def report(values, settle):
    home = Home()
    reports = Reports(home)
    thread = get_ident()

    def work():
        assert get_ident() != thread
        for value in values:
            reports.call.report_progress(value)
        if settle:
            reports.call.return_int(7)

    start_thread(work).join()
    return home, reports


@test('/contract/F7.a')
def progress_is_notified():
    home, reports = report([0.5], False)
    assert reports.seen == []
    assert reports.future.get_progress() in (-1, 0.5)
    home.until(lambda: reports.seen)
    assert reports.seen == [0.5]
    for value in (0, 0.25, 1):
        start_thread(reports.call.report_progress, value).join()
        home.until(lambda: reports.seen[-1] == value)
    assert all(0 <= value <= 1 for value in reports.seen)
    reports.call.return_int(7)
    reports.call = None
    home.settle(reports.future)
    home.drain()


@test('/contract/F7.b')
def progress_is_coalesced():
    home, reports = report([n / 1000 for n in range(1000)], False)
    home.until(lambda: reports.seen)
    home.call(lambda: None)
    assert reports.seen == [0.999], reports.seen
    reports.call.return_int(7)
    reports.call = None
    home.settle(reports.future)
    home.drain()


@test('/contract/F7.c')
def last_progress_always():
    home, reports = report([0.1, 0.2, 0.7], True)
    home.until(lambda: 'callback' in reports.seen)
    assert 0.7 in reports.seen, reports.seen


@test('/contract/F7.d')
def progress_before_callbacks():
    home, reports = report([0.1, 0.7], True)
    home.until(lambda: 'callback' in reports.seen)
    assert reports.seen.index(0.7) < reports.seen.index('callback'), reports.seen


@test('/contract/F7.e')
def no_progress_after():
    home, reports = report([0.7], True)
    home.until(lambda: 'callback' in reports.seen)
    reports.call.report_progress(0.9)
    home.call(lambda: None)
    assert reports.seen == [0.7, 'callback'], reports.seen


# F8: dropped

@test('/contract/F8.a')
def dropped_is_freed():
    future = Future.new(None)
    watch = future.weak_ref(lambda: freed.append(True))
    freed = []
    del future
    gc.collect()
    assert freed == [True] and watch is not None

    home = Home()
    future, calls = begin_pending(home)
    child = future.then(lambda call, _: call.return_int(1))
    freed = []
    watches = [future.weak_ref(lambda: freed.append(1)), child.weak_ref(lambda: freed.append(2))]
    calls.clear()
    del future, child
    gc.collect()
    home.until(lambda: len(freed) == 2 or gc.collect() < 0)
    assert watches


@test('/contract/F8.b')
def dropped_does_not_cancel():
    home = Home()
    ended = []
    inside, gate = Gate(), Gate()

    @smartasync
    async def later():
        await SmartAsync.sleep(0.002)
        ended.append(Gio.Cancellable.get_current().is_cancelled())

    def blocking(call):
        inside.open()
        gate.wait()
        own = call.get_cancellable()
        ended.append(own is not None and own.is_cancelled())
        call.return_int(7)

    home.call(lambda: later() and None)
    home.call(lambda: Func.new_blocking(blocking).callv(None, [], None) and None)
    gc.collect()
    inside.wait()
    gate.open()
    home.until(lambda: len(ended) == 2)
    assert ended == [False, False]


@test('/contract/F8.c')
def no_cycle():
    home = Home()

    class Token:
        pass

    def begin_and_settle():
        token = Token()
        future, calls = begin_pending(home)
        # The continuation holds the future that holds it.
        child = home.call(future.then, lambda call, _, kept=(token, future): call.return_int(1))
        calls.pop().return_int(7)
        assert home.settle(child) == 1
        return weakref.ref(token)

    def drop():
        token = Token()
        future = Future.new(None)
        future.add_notify(lambda *_, kept=token: None)
        return weakref.ref(token)

    def task():
        token = Token()

        async def body(kept):
            await SmartAsync.sleep(0.001)
        assert home.run(smartasync(body), token) is None
        assert smartasync(body)(token) is None
        return weakref.ref(token)

    for make in (begin_and_settle, drop, task):
        left = make()
        home.call(lambda: None)
        gc.collect()
        assert left() is None, make.__name__


if __name__ == '__main__':
    harness.main()
