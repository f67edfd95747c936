#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The contract's section W: workers and executors."""

import asyncio
import contextvars
import functools
import gc
import threading
import time

import cells
import harness
from cells import ASYNC_CALLERS, BLOCKING_KINDS, CALLERS, KINDS
from harness import (Counter, Gate, Home, best_of_five, expect_error, get_stat, on_threads,
                     run_asyncio, run_python, start_thread, test, until)

from gi.repository import Gio, GLib, SmartAsync

smartasync = SmartAsync.smartasync
Executor = SmartAsync.Executor
BUSY = Gio.IOErrorEnum.BUSY
get_ident = threading.get_ident

# How long a body lasts that does nothing else: what W1 speaks of.
OWN_TIME = 0.005


def settle_all(home, tasks):
    return [home.settle(task) for task in tasks]


# W1: work that waits for work

def measure_starvation():
    inside = Counter()
    never = threading.Event()

    @smartasync
    def inner(n):
        assert inside.value == 100
        return n

    @smartasync
    async def inner_call(n):
        # A coroutine, so that the inner body is offloaded for a worker as well.
        return await inner(n)

    @smartasync
    def outer(n):
        inside.add()
        never.wait(OWN_TIME)
        inside.wait_for(100)
        return inner_call(n)

    home = Home()
    begun = time.monotonic()
    tasks = home.call(lambda: [outer(n) for n in range(100)])
    home.until(lambda: all(map(harness.is_done, tasks)))
    lasted = time.monotonic() - begun
    assert settle_all(home, tasks) == list(range(100))
    return lasted


@test('/contract/W1.a')
def starvation():
    best_of_five(measure_starvation, 20 * OWN_TIME)


def measure_chain():
    never = threading.Event()

    @smartasync
    def link(n):
        if n == 0:
            never.wait(OWN_TIME)
            return 0
        return next_link(n - 1) + 1

    @smartasync
    async def next_link(n):
        return await link(n)

    home = Home()
    begun = time.monotonic()
    assert home.run(link, 40) == 40
    return time.monotonic() - begun


@test('/contract/W1.b')
def chain():
    best_of_five(measure_chain, 20 * OWN_TIME)


# W2: neighbours

def measure_behind_sleepers():
    gate = Gate()
    started = []

    @smartasync
    def sleeper():
        gate.wait()

    @smartasync
    def short():
        started.append(time.monotonic())
        gate.open()

    def begin():
        tasks = [sleeper() for _ in range(30)]
        began.append(time.monotonic())
        return [*tasks, short()]

    home, began = Home(), []
    settle_all(home, home.call(begin))
    return started[0] - began[0]


@test('/contract/W2.a')
def behind_sleepers():
    best_of_five(measure_behind_sleepers, 0.01)


def measure_beside_sleepers():
    home = Home()
    gate = Gate()
    inside = Counter()
    file = Gio.File.new_for_path(__file__)

    @smartasync
    def sleeper():
        inside.add()
        gate.wait()

    def load():
        loaded = []
        begun = time.monotonic()
        with home.pushed():
            file.load_contents_async(None, lambda file, result: loaded.append(
                file.load_contents_finish(result)))
        home.until(lambda: loaded)
        return time.monotonic() - begun

    alone = load()
    tasks = home.call(lambda: [sleeper() for _ in range(100)])
    inside.wait_for(100)
    beside = load()
    gate.open()
    settle_all(home, tasks)
    return beside - alone


@test('/contract/W2.b')
def beside_sleepers():
    best_of_five(measure_beside_sleepers, 0.01)


# W3: turns

@test('/contract/W3.a')
def never_more():
    for kind, make in KINDS.items():
        inside = Counter()

        @smartasync
        async def later():
            inside.add()
            await SmartAsync.sleep(0.001)
            inside.add(-1)

        def act(_):
            inside.add()
            threading.Event().wait(0.001)
            inside.add(-1)
            return 7

        # In an asynchronous body, what is counted must span its suspension.
        function = (make(act) if kind in BLOCKING_KINDS else later).options(max_concurrency=3)
        arguments = (7,) if kind in BLOCKING_KINDS else ()

        async def in_loop():
            await asyncio.gather(*[function(*arguments) for _ in range(20)])

        threads = [start_thread(lambda: [function(*arguments) for _ in range(5)])
                   for _ in range(4)] + [start_thread(run_asyncio, in_loop)]
        home = Home()
        settle_all(home, home.call(lambda: [function(*arguments) for _ in range(20)]))
        for thread in threads:
            thread.join()
        assert 1 < inside.highest <= 3, (kind, inside.highest)
        assert inside.value == 0


@test('/contract/W3.b')
def first_come():
    gate, inside = Gate(), Gate()
    order = []

    def body(n):
        if n == 0:
            inside.open()
            gate.wait()
        order.append(n)
        return n

    function = cells.make_def(body).options(max_concurrency=1)
    home = Home()
    tasks = [home.call(function, 0)]
    inside.wait()
    tasks += [home.call(function, n) for n in range(1, 20)]
    gate.open()
    settle_all(home, tasks)
    assert order == list(range(20))


@test('/contract/W3.c')
def no_worker_waits_for_turn():
    gate, inside = Gate(), Gate()
    home = Home()
    function = cells.make_def(lambda n: (inside.open(), gate.wait(), n)[-1])
    limited = function.options(max_concurrency=1)
    tasks = [home.call(limited, 0)]
    inside.wait()
    before = harness.count_threads()
    tasks += home.call(lambda: [limited(n) for n in range(1, 50)])
    home.call(lambda: None)
    # 49 wait for their turn, and no thread does.
    assert harness.count_threads() <= before + 1
    gate.open()
    assert settle_all(home, tasks) == list(range(50))


@test('/contract/W3.d')
def sync_caller_waits_for_turn():
    for caller_waits in ('def', 'later'):
        gate, inside = Gate(), Gate()
        begun = []

        @smartasync
        def blocking(n):
            begun.append(n)
            if n == 1:
                inside.open()
                gate.wait()
            return n

        @smartasync
        async def later(n):
            begun.append(n)
            if n == 1:
                inside.open()
                await until(lambda: gate.is_open)
            return n

        function = (blocking if caller_waits == 'def' else later).options(max_concurrency=1)
        first = start_thread(function, 1)
        inside.wait()
        second = start_thread(function, 2)
        harness.wait_until(SmartAsync.async_dump_waits)
        assert begun == [1]
        gate.open()
        assert (first.join(), second.join()) == (1, 2) and begun == [1, 2]


@test('/contract/W3.e')
def descendants_run_in_its_slot():
    @smartasync
    def plain_between(n):
        return limited(n)

    @smartasync
    def body(n):
        return limited(n - 1) + plain_between(0) + 1 if n else 0

    limited = body.options(max_concurrency=1)

    @smartasync
    async def body_later(n):
        await SmartAsync.sleep(0.001)
        return await limited_later(n - 1) + 1 if n else 0

    limited_later = body_later.options(max_concurrency=1)
    for name, caller in CALLERS.items():
        assert caller(limited, 3) == 3, name
        assert caller(limited_later, 3) == 3, name


# W4: other places to run

def named(executor, make, act):
    return make(act).options(executor=executor)


@test('/contract/W4.a')
def pool_of_one_thread():
    for kind, make in BLOCKING_KINDS.items():
        threads = []
        one = named(Executor.new_pool('one', 1), make, lambda n: threads.append(get_ident()) or n)
        for caller in CALLERS.values():
            assert caller(one, 7) == 7
        on_threads(4, lambda n: one(n))
        assert len(threads) == len(CALLERS) + 4
        assert len(set(threads)) == 1 and threads[0] != get_ident(), kind


@test('/contract/W4.b')
def pool_of_one_in_order():
    order = []
    one = named(Executor.new_pool('one', 1), cells.make_def, lambda n: order.append(n) or n)
    home = Home()
    tasks = home.call(lambda: [one(n) for n in range(100)])
    assert settle_all(home, tasks) == order == list(range(100))

    async def in_loop():
        return await asyncio.gather(*[one(n) for n in range(100)])

    for loop in harness.LOOPS:
        order.clear()
        assert run_asyncio(in_loop, loop=loop) == order == list(range(100))


@test('/contract/W4.c')
def loop_executor():
    executor = Executor.new_loop('home')
    threads = []

    @smartasync
    async def body():
        threads.append(get_ident())
        assert GLib.MainContext.get_thread_default() == executor.get_context()
        await SmartAsync.sleep(0.001)
        threads.append(get_ident())
        return 7

    there = body.options(executor=executor)
    for name, caller in CALLERS.items():
        assert caller(there) == 7, name
        assert len(set(threads)) == 1, name
    raw = cells.make_raw_async(lambda n: threads.append(get_ident()) or n)
    for name, caller in CALLERS.items():
        assert caller(raw.options(executor=executor), 7) == 7, name
    assert len(set(threads)) == 1 and threads[0] != get_ident()


@test('/contract/W4.d')
def loop_executor_is_shared():
    executor = Executor.new_loop('home')
    inside = Counter()
    threads = []

    @smartasync
    async def body(n):
        threads.append(get_ident())
        inside.add()
        # All of them are in flight there at once.
        await until(lambda: inside.value >= 8)
        return n

    there = body.options(executor=executor)
    assert on_threads(8, there) == list(range(8))
    assert len(set(threads)) == 1


@test('/contract/W4.e')
def context_executor():
    context = GLib.MainContext.new()
    loop = GLib.MainLoop.new(context, False)
    iterating = threading.Thread(target=loop.run)
    threads = []

    def note(n):
        threads.append(get_ident())
        return n

    for make in KINDS.values():
        function = named(Executor.new_for_context(context), make, note)
        # Called before anybody iterates it.
        home = Home()
        task = home.call(function, 7)
        home.call(lambda: None)
        if not iterating.ident:
            assert not threads
            iterating.start()
        assert home.settle(task) == 7
        for caller in CALLERS.values():
            assert caller(function, 8) == 8
    loop.quit()
    iterating.join(harness.DEADLINE)
    assert set(threads) == {iterating.ident}


# W5: full

def fill(executor, n):
    """One inside and n that wait, all in A."""
    gate, inside = Gate(), Gate()
    ended = []
    function = cells.make_def(lambda i: (inside.open(), gate.wait(), ended.append(i), i)[-1])
    function = function.options(executor=executor)
    home = Home()
    tasks = [home.call(function, 0)]
    inside.wait()
    tasks += [home.call(function, i) for i in range(1, n + 1)]
    return home, function, gate, tasks, ended


@test('/contract/W5.a')
def busy_past_it():
    executor = Executor.new_pool('small', 1)
    executor.set_max_pending(3)
    home, function, gate, tasks, ended = fill(executor, 3)
    for caller in CALLERS.values():
        expect_error(caller, function, 99, code=BUSY)
    gate.open()
    settle_all(home, tasks)
    assert 99 not in ended


@test('/contract/W5.b')
def nothing_lost_below():
    executor = Executor.new_pool('small', 1)
    executor.set_max_pending(3)
    for _ in range(10):
        home, function, gate, tasks, ended = fill(executor, 3)
        gate.open()
        assert settle_all(home, tasks) == [0, 1, 2, 3] == ended
    # From threads: each is either run or told.
    n_run, n_busy = Counter(), Counter()
    function = cells.make_def(lambda n: n_run.add()).options(executor=executor)

    def call(n):
        for _ in range(20):
            try:
                function(n)
            except GLib.Error as error:
                assert error.matches(Gio.io_error_quark(), BUSY)
                n_busy.add()

    on_threads(8, call)
    assert n_run.value + n_busy.value == 160 and n_run.value > 0


# W6: who frees what

class Tracked:
    """Notes on which thread it goes."""

    alive = Counter()

    def __init__(self, threads):
        self.threads = threads
        Tracked.alive.add()

    def __del__(self):
        Tracked.alive.add(-1)
        self.threads.append(get_ident())


class Source(Tracked):
    @smartasync
    def blocking(self, argument):
        return Tracked(argument.threads)


N_TRACKED = 20000


N_AT_ONCE = 200


def begin_some(threads):
    """Calls whose source, argument and result nobody else holds."""
    return [Source(threads).blocking(Tracked(threads)) for _ in range(N_AT_ONCE)]


def release_in_glib(threads, n):
    home = Home()
    for _ in range(n // N_AT_ONCE):
        tasks = home.call(begin_some, threads)
        home.until(lambda: all(map(harness.is_done, tasks)))
        tasks.clear()
    home.until(lambda: len(threads) == 3 * n, 'not all was released')


def release_in_asyncio(threads, n, loop):
    async def in_loop():
        for _ in range(n // N_AT_ONCE):
            await asyncio.gather(*begin_some(threads))
        await until(lambda: len(threads) >= 3 * n)

    run_asyncio(in_loop, loop=loop)


@test('/contract/W6.a', seconds=180)
def released_at_home():
    gc.collect()
    alive = Tracked.alive.value
    releases = {'glib': functools.partial(release_in_glib, n=N_TRACKED)}
    for loop in harness.LOOPS:
        releases[loop] = functools.partial(release_in_asyncio, n=N_TRACKED // 10, loop=loop)
    for name, release in releases.items():
        threads = []
        release(threads)
        elsewhere = sum(thread != get_ident() for thread in threads)
        assert elsewhere == 0, f'{name}: {elsewhere} of {len(threads)}'
        assert Tracked.alive.value == alive


@test('/contract/W6.b')
def released_where_dropped():
    inside, gate = Gate(), Gate()
    threads = []
    workers = []

    @smartasync
    def blocking(argument):
        workers.append(get_ident())
        inside.open()
        gate.wait()
        return None

    def begin():
        # This thread ends while its call is in flight.
        home = Home(GLib.MainContext.new())
        home.call(lambda: blocking(Tracked(threads)) and None)
        inside.wait()
        return get_ident()

    gone = start_thread(begin).join()
    gate.open()
    harness.wait_until(lambda: gc.collect() >= 0 and threads)
    assert threads == workers and threads[0] != gone


def list_plain_calls():
    """The forms that a call has in C, each with one argument."""
    func = SmartAsync.AsyncFunc.new_blocking(lambda call, *_: call.return_int(7))
    lock = SmartAsync.Lock()
    return [
        lambda argument: func.callv(None, [argument], None) and None,
        lambda argument: func.call_sync(None, [argument], None) and None,
        lambda argument: func.call_async(None, [argument], None, None),
        lambda argument: lock.run_once(None, func, None, [argument], None) and None,
        lambda argument: lock.run_once_sync(None, func, None, [argument], None) and None,
        lambda argument: lock.run_once_async(None, func, None, [argument], None, None),
    ]


@test('/contract/W6.c')
def nothing_leaks():
    threads = []
    gc.collect()
    before = Tracked.alive.value

    def fail(argument):
        raise KeyError('x')

    @smartasync
    def fails(argument):
        # What holds its frame is not to be held by it.
        call = SmartAsync.Call.get_current()
        fail((call, argument))

    @smartasync
    async def fails_later(argument):
        call = SmartAsync.Call.get_current()
        await SmartAsync.sleep(0.0001)
        fail((call, argument))

    @smartasync
    async def later(argument):
        await SmartAsync.sleep(0.0001)
        return Tracked(argument.threads)

    lock = SmartAsync.SmartLock()
    for caller in CALLERS.values():
        for _ in range(20):
            caller(Source(threads).blocking, Tracked(threads))
            caller(later, Tracked(threads))
            for function in (fails, fails_later):
                harness.expect(KeyError, caller, function, Tracked(threads))
            harness.expect(KeyError, caller, lock.run_once, fail, Tracked(threads))
    home = Home()
    for call in list_plain_calls():
        home.call(call, Tracked(threads))
    # Dropped in flight, and never looked at.
    home.call(lambda: [Source(threads).blocking(Tracked(threads)) for _ in range(100)] and None)
    home.until(lambda: gc.collect() >= 0 and Tracked.alive.value == before)


@test('/contract/W6.d')
def user_data_goes_with_function():
    threads = []
    home = Home()

    def make():
        return SmartAsync.AsyncFunc.new_blocking(lambda call, data: call.return_int(7),
                                                 Tracked(threads))

    func = make()
    assert home.run(func.callv, None, [], None) == 7
    gc.collect()
    assert not threads
    del func
    gc.collect()
    home.until(lambda: threads)
    assert threads == [get_ident()]

    # A worker holds it only while it runs an abandoned body.
    inside, gate = Gate(), Gate()

    def body(call, data):
        inside.open()
        gate.wait()
        call.return_int(7)

    cancellable = Gio.Cancellable()
    threads.clear()
    func = SmartAsync.AsyncFunc.new_blocking(body, Tracked(threads))
    func.set_abandon_on_cancel(True)
    future = home.call(func.callv, None, [], cancellable)
    inside.wait()
    cancellable.cancel()
    expect_error(home.settle, future, code=Gio.IOErrorEnum.CANCELLED)
    del func, future
    gc.collect()
    assert not threads
    gate.open()
    home.until(lambda: threads)


# W7: ends

@test('/contract/W7.a')
def idle_workers_end():
    home = Home()
    gate = Gate()
    function = cells.make_def(gate.wait)
    tasks = home.call(lambda: [function() for _ in range(20)])
    harness.wait_until(lambda: get_stat('threads') > 0)
    gate.open()
    settle_all(home, tasks)
    harness.wait_until(lambda: get_stat('threads') == 0, 'workers stay')


@test('/contract/W7.b')
def executor_of_one_keeps_thread():
    one = cells.make_def(get_ident).options(executor=Executor.new_pool('one', 1))
    first = one()
    # Longer than an idle worker of the shared pool stays.
    home = Home()
    home.run(cells.make_def(lambda: None))
    harness.wait_until(lambda: get_stat('threads') == 0)
    assert one() == first


EXIT = '''
import asyncio, sys, threading
import harness
from harness import Counter, Gate, Home, start_thread
from gi.repository import GLib, SmartAsync
smartasync = SmartAsync.smartasync
inside = Counter()

@smartasync
def blocking():
    inside.add()
    threading.Event().wait()

@smartasync
async def later():
    inside.add()
    await SmartAsync.sleep(1000)

def glib():
    global kept
    home = Home()
    kept = home.call(lambda: [blocking() for _ in range(20)] + [later() for _ in range(5)])
    inside.wait_for(25)

def asyncio_():
    async def in_loop():
        global kept
        kept = [asyncio.ensure_future(blocking.options(abandon_on_cancel=True)())
                for _ in range(20)]
        await harness.until(lambda: inside.value >= 20)
    asyncio.run(in_loop())

def executors():
    global kept
    home = Home()
    pool = blocking.options(executor=SmartAsync.Executor.new_pool('p', 2))
    loop = later.options(executor=SmartAsync.Executor.new_loop('l'))
    kept = home.call(lambda: [pool(), pool(), pool(), loop()])
    inside.wait_for(3)

function = {'glib': glib, 'asyncio': asyncio_, 'executors': executors}[sys.argv[1]]
if 'thread' in sys.argv:
    start_thread(function).join()
else:
    function()
if 'exit' in sys.argv:
    sys.exit(0)
'''


@test('/contract/W7.c')
def exits_in_flight():
    where = 'main' if harness.on_main_thread() else 'thread'
    for kind in ('glib', 'asyncio', 'executors'):
        for how in ('return', 'exit'):
            process = run_python(EXIT, kind, where, how, env={'G_DEBUG': 'fatal-warnings'})
            assert process.stderr == process.stdout == '', (kind, how, process.stderr)


# W8: contextvars

VARIABLE = contextvars.ContextVar('variable', default='unset')


@smartasync
def see_and_change():
    seen = VARIABLE.get()
    VARIABLE.set('changed on a worker')
    # A nested call sees this body's.
    return seen, see_nested()


@smartasync
async def see_nested():
    return VARIABLE.get(), await see_on_worker()


@smartasync
def see_on_worker():
    return VARIABLE.get()


def run_with_variable(call):
    def run():
        VARIABLE.set('the caller\'s')
        result = call()
        return result, VARIABLE.get()
    return contextvars.copy_context().run(run)


@test('/contract/W8.a')
def variables_reach_worker():
    nested = ('changed on a worker', 'changed on a worker')
    for name, caller in CALLERS.items():
        (seen, below), _ = run_with_variable(lambda: caller(see_and_change))
        assert seen == 'the caller\'s', (name, seen)
        assert below == nested, (name, below)
    for options in ({'executor': Executor.new_pool('p', 1)}, {'timeout': harness.DEADLINE}):
        function = see_and_change.options(**options)
        assert run_with_variable(function)[0] == ('the caller\'s', nested)


@test('/contract/W8.b')
def changes_do_not_leak_back():
    for name, caller in ASYNC_CALLERS.items():
        _, after = run_with_variable(lambda: caller(see_and_change))
        assert after == 'the caller\'s', (name, after)
    _, after = run_with_variable(see_and_change.options(timeout=harness.DEADLINE))
    assert after == 'the caller\'s'
    # Nor to the worker's next body.
    one = Executor.new_pool('one', 1)
    run_with_variable(see_and_change.options(executor=one))
    assert see_on_worker.options(executor=one)() == 'unset'


if __name__ == '__main__':
    harness.main()
