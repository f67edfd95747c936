#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The contract's section X: deadlocks are refused, and nothing else is."""

import asyncio
import random
import re
import time

import cells
import harness
from harness import (THOROUGH, Counter, Gate, Home, expect_error, expect_smart_error, run_asyncio,
                     run_python, start_thread, test)

from gi.repository import Gio, GLib, SmartAsync

smartasync = SmartAsync.smartasync
smartawait = SmartAsync.smartawait
sync_mode = SmartAsync.sync_mode
Func = SmartAsync.AsyncFunc
Future = SmartAsync.Future
WOULD_DEADLOCK = SmartAsync.Error.WOULD_DEADLOCK


def is_refusal(error):
    return isinstance(error, GLib.Error) and error.matches(SmartAsync.error_quark(),
                                                           WOULD_DEADLOCK)


def wait_here(awaitable):
    """A wait that blocks, wherever it is made."""
    if isinstance(awaitable, Future):
        return awaitable.wait(-1, None)[1]
    with sync_mode():
        return smartawait(awaitable)


# X1: one's own home

@smartasync
async def seven():
    await SmartAsync.sleep(0.001)
    return 7


def make_raw_seven():
    func = Func.new(cells.answer_later, lambda: 7)
    func.set_name('seven')
    return func


def begin_and_wait(begin):
    """(the refusal, what was begun), by a wait in the home of what was begun there."""
    awaitable = begin()
    error = expect_smart_error(wait_here, awaitable, code=WOULD_DEADLOCK)
    return error, awaitable


def begin_raw():
    return make_raw_seven().callv(None, [], None)


@test('/contract/X1.a')
def own_home():
    for begin in (begin_raw, seven):
        home = Home()
        begun = time.monotonic()
        _, awaitable = home.call(begin_and_wait, begin)
        # At once.
        assert time.monotonic() - begun < harness.DEADLINE / 2
        assert home.settle(awaitable) == 7

    # What depends on it likewise; a deadline makes it legal.
    home = Home()

    def depend():
        future = begin_raw()
        expect_smart_error(wait_here, Future.allv([future]), code=WOULD_DEADLOCK)
        expect_error(future.wait, 1000, None, code=Gio.IOErrorEnum.TIMED_OUT)
        return future
    assert home.settle(home.call(depend)) == 7

    async def in_loop():
        task = asyncio.create_task(seven())
        await asyncio.sleep(0)
        expect_smart_error(wait_here, task, code=WOULD_DEADLOCK)
        return await task

    for loop in harness.LOOPS:
        assert run_asyncio(in_loop, loop=loop) == 7


@test('/contract/X1.b')
def message_names_both():
    for begin in (begin_raw, seven):
        home = Home()
        error, awaitable = home.call(begin_and_wait, begin)
        assert 'seven' in error.message, error.message
        assert re.search('0x[0-9a-f]+|context', error.message), error.message
        assert home.settle(awaitable) == 7
    # The address of the very context.
    home = Home()
    error, future = home.call(begin_and_wait, begin_raw)
    assert f'{get_address(home.context):x}' in error.message, (error.message, get_address(home.context))
    home.settle(future)


def get_address(context):
    """The address that PyGObject prints for a boxed one."""
    return int(re.search(r'GMainContext at 0x([0-9a-f]+)', repr(context)).group(1), 16)


@test('/contract/X1.c')
def future_stays_alive():
    for begin in (begin_raw, seven):
        home = Home()
        _, awaitable = home.call(begin_and_wait, begin)
        assert not harness.is_done(awaitable)
        assert home.settle(awaitable) == 7


# X2: rings

def run_ring(n, closed, make):
    """n bodies on workers, each of which waits for the next one's call once all have begun."""
    members = []
    everybody = Gate()
    refused = []

    def body(i):
        everybody.wait()
        if closed or i + 1 < n:
            try:
                wait_here(members[(i + 1) % n])
            except GLib.Error as error:
                assert is_refusal(error), error
                refused.append(error.message)
        return i

    home = Home()
    members += home.call(lambda: [make(body, f'member-{i}')(i) for i in range(n)])
    everybody.open()
    # Exactly one is refused; all others then go on.
    assert [home.settle(member) for member in members] == list(range(n))
    assert len(refused) == (1 if closed else 0), refused
    if closed:
        for i in range(n):
            assert f'member-{i}' in refused[0], refused


def make_member(body, name):
    return smartasync(body).options(name=name)


def make_raw_member(body, name):
    func = Func.new_blocking(cells.answer, body)
    func.set_name(name)
    return lambda i: cells.call_raw(func, i)


def run_rings(n):
    for make in (make_member, make_raw_member):
        run_ring(n, False, make)
        for _ in range(20 if THOROUGH else 5):
            run_ring(n, True, make)


@test('/contract/X2.a')
def two_that_wait():
    run_rings(2)


@test('/contract/X2.b')
def ring_of_five():
    run_rings(5)


def run_slots(options, make):
    """Two functions, each of which holds what the other one needs."""
    inside = Counter()
    refused = []

    def act(n):
        # Only the first two, which are the outer ones, wait for each other.
        if inside.add() <= 2:
            inside.wait_for(2)
            try:
                functions[1 - n](1 - n)
            except GLib.Error as error:
                assert is_refusal(error), error
                refused.append(error.message)
        return n

    functions = [smartasync(make(act)).options(name=name, **options())
                 for name in ('left', 'right')]
    threads = [start_thread(functions[n], n) for n in range(2)]
    assert [thread.join() for thread in threads] == [0, 1]
    assert len(refused) == 1, refused
    functions.clear()


def plain_def(act):
    def blocking(n):
        return act(n)
    return blocking


def plain_async_def(act):
    async def later(n):
        await SmartAsync.sleep(0.001)
        with sync_mode():
            return act(n)
    return later


@test('/contract/X2.c')
def slots():
    run_slots(lambda: {'max_concurrency': 1}, plain_def)
    run_slots(lambda: {'max_concurrency': 1}, plain_async_def)
    run_slots(lambda: {'executor': SmartAsync.Executor.new_pool('one', 1)}, plain_def)


# X3: nothing that could go on is refused

@smartasync
def blocking_node(rest):
    return 1 + visit(rest)


@smartasync
async def later_node(rest):
    await SmartAsync.sleep(0)
    return 1 + await visit_later(rest)


@smartasync
async def ready_node(rest):
    return 1 + await visit_later(rest)


limited_node = blocking_node.options(max_concurrency=2)
timed_node = blocking_node.options(timeout=1000)
pool_node = blocking_node.options(executor=SmartAsync.Executor.new_pool('tree', 3))

NODES = [blocking_node, later_node, ready_node, limited_node, timed_node, pool_node, 'deadline',
         'by hand']


def visit(rest):
    """Goes on in a sync context."""
    if not rest:
        return 0
    node, rest = NODES[rest[0]], rest[1:]
    if node == 'deadline':
        # A wait with a deadline adds no edge.
        future = Future.new_for_value(1)
        return future.wait(10 ** 9, None)[1] + visit(rest)
    if node == 'by hand':
        future = Future.new(None)
        thread = start_thread(future.resolve, 1)
        try:
            return future.wait(-1, None)[1] + visit(rest)
        finally:
            thread.join()
    return node(rest)


async def visit_later(rest):
    """Goes on in an async one."""
    if not rest:
        return 0
    node, rest = NODES[rest[0]], rest[1:]
    if isinstance(node, str):
        future = Future.new_for_value(1)
        return await future + await visit_later(rest)
    return await node(rest)


def make_tree(rng):
    tree = [rng.randrange(len(NODES)) for _ in range(rng.randint(6, 8))]
    # Three that each hold one of the pool's three threads and want a second would be stuck.
    pool, other = NODES.index(pool_node), NODES.index(blocking_node)
    first = tree.index(pool) if pool in tree else len(tree)
    return tree[:first + 1] + [other if node == pool else node for node in tree[first + 1:]]


def run_trees(n, seed):
    rng = random.Random(seed)
    home = Home()
    for number in range(n):
        tree = make_tree(rng)
        depth = len(tree)
        if number % 3 == 0:
            result = visit(tree)
        elif number % 3 == 1:
            result = home.run(ready_node, tree[1:])
        else:
            result = run_asyncio(visit_later, tree) if number % 60 == 2 else later_node(tree[1:])
        assert result == depth, (tree, result)
    return n


@test('/contract/X3.a', seconds=600 if THOROUGH else 120)
def no_false_alarm():
    seed = random.randrange(2 ** 32)
    print(f'# seed {seed}', flush=True)
    n = 10000 if THOROUGH else 900
    threads = [start_thread(run_trees, n // 3, seed + i) for i in range(3)]
    assert [thread.join(600) for thread in threads] == [n // 3] * 3


@test('/contract/X3.b')
def planted_is_found():
    seed = random.randrange(2 ** 32)
    print(f'# seed {seed}', flush=True)
    # Beside legal trees in other threads.
    threads = [start_thread(run_trees, 50, seed + i) for i in range(2)]
    for n in (2, 3, 4):
        run_ring(n, True, make_member)
    for thread in threads:
        thread.join()


# X4: what waits for what

@test('/contract/X4.a')
def dump_waits():
    inside, gate = Gate(), Gate()

    @smartasync
    def what_takes_long():
        inside.open()
        gate.wait()
        return 7

    assert 'what_takes_long' not in (SmartAsync.async_dump_waits() or '')
    waiting = start_thread(what_takes_long.options(timeout=1000))
    inside.wait()
    by_hand = Future.new(None)
    by_hand.set_name('by-hand')
    blocked = start_thread(by_hand.wait, -1, None)
    harness.wait_until(lambda: 'what_takes_long' in SmartAsync.async_dump_waits()
                       and 'by-hand' in SmartAsync.async_dump_waits())
    text = SmartAsync.async_dump_waits()
    assert re.search(r'thread', text), text
    assert re.search(r'\d+(\.\d+)? ?s', text), text
    gate.open()
    by_hand.resolve(7)
    assert waiting.join() == 7 and blocked.join()[1] == 7

    # A context is named where a wait iterates one.
    begun = Gate()
    kept = []

    def begin(call):
        kept.append(call)
        begun.open()

    func = Func.new(begin)
    func.set_name('what-is-iterated-for')
    iterating = start_thread(func.call_sync, None, [], None)
    begun.wait()
    harness.wait_until(lambda: 'what-is-iterated-for' in SmartAsync.async_dump_waits())
    assert 'context' in SmartAsync.async_dump_waits()
    kept.pop().return_int(7)
    iterating.join()


LONG = '''
import sys, threading
import harness
from harness import start_thread
from gi.repository import SmartAsync

@SmartAsync.smartasync
def what_takes_long():
    # Until it has been printed, which takes ten seconds.
    threading.Event().wait(11.5)

def run():
    what_takes_long.options(timeout=1000)()

if 'thread' in sys.argv:
    start_thread(run).join(60)
else:
    run()
'''


@test('/contract/X4.b')
def prints_by_itself():
    process = run_python(LONG, 'main' if harness.on_main_thread() else 'thread',
                         env={'SMARTASYNC_DEBUG': 'waits'}, seconds=60)
    assert 'what_takes_long' in process.stderr, process.stderr


if __name__ == '__main__':
    harness.main()
