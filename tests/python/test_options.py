#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later

"""What options() takes, where the contract does not speak of it."""

import threading

import cells
import harness
from harness import Counter, Gate, Home, expect, expect_error, start_thread, test

from gi.repository import Gio, GLib, SmartAsync

smartasync = SmartAsync.smartasync
PRIORITIES = [GLib.PRIORITY_LOW, GLib.PRIORITY_DEFAULT, GLib.PRIORITY_HIGH]


@test('/python/options/name')
def name():
    for kind, make in cells.KINDS.items():
        gate = Gate()
        function = make(lambda: gate.wait() or 7).options(name='the name', max_concurrency=1)
        first = start_thread(function)
        gate.wait_for_waiters(1)
        # Who waits for the first one is told of by that name.
        second = start_thread(function)
        harness.wait_until(lambda: 'the name' in SmartAsync.async_dump_waits(), kind)
        gate.open()
        assert first.join() == second.join() == 7


@test('/python/options/priority')
def priority():
    """Of bodies in a context of one's own."""
    home, there, order = Home(), Home(GLib.MainContext.new()), []
    body = smartasync(order.append)

    def begin():
        return [body.options(context=there.context, priority=each)(each) for each in PRIORITIES]

    tasks = home.call(begin)
    there.until(lambda: len(order) == 3)
    assert order == sorted(PRIORITIES), order
    for task in tasks:
        home.settle(task)


@test('/python/options/priority-of-callbacks')
def priority_of_callbacks():
    """In the plain API; what waits for a future has the default one."""
    home, inside, gate = Home(), Gate(), Gate()
    pool, order = SmartAsync.Executor.new_pool('priority', 1), []

    def on_ready(func, result):
        assert func.call_finish(result)[1] == 7
        order.append(func.get_priority())

    def begin():
        for each in PRIORITIES:
            func = SmartAsync.AsyncFunc.new_blocking(lambda call: call.return_int(7))
            func.set_executor(pool)
            func.set_priority(each)
            func.call_async(None, [], None, on_ready)
        return smartasync(lambda: inside.open() or gate.wait()).options(executor=pool)()

    task = home.call(begin)
    # All have their results by now, and none is told of.
    inside.wait()
    home.until(lambda: len(order) == 3)
    gate.open()
    home.settle(task)
    assert order == sorted(PRIORITIES), order


@test('/python/options/context')
def context():
    there, over = Home(GLib.MainContext.new()), Gate()

    def iterate():
        there.until(lambda: over.is_open)
        return threading.get_ident()

    @smartasync
    def blocking():
        return threading.get_ident()

    @smartasync
    async def later():
        await SmartAsync.sleep(0.001)
        return threading.get_ident()

    thread = start_thread(iterate)
    seen = {caller(function.options(context=there.context))
            for function in (blocking, later) for caller in cells.CALLERS.values()}
    over.open()
    assert seen == {thread.join()}


@test('/python/options/one-limit')
def one_limit():
    """What differs in its cancellable alone is the same function."""
    n_inside, gate = Counter(), Gate()

    @smartasync
    def body():
        n_inside.add()
        gate.wait()
        n_inside.add(-1)

    limited = body.options(max_concurrency=2)
    threads = [start_thread(limited.options(cancellable=Gio.Cancellable())) for _ in range(6)]
    n_inside.wait_for(2)
    harness.wait_until(lambda: SmartAsync.async_dump_waits().count('one_limit') >= 4)
    gate.open()
    for thread in threads:
        thread.join()
    assert n_inside.highest == 2


@test('/python/options/added')
def added():
    # To those that it has; and the function itself stays as it is.
    gate, ended = Gate(), Gate()

    @smartasync
    def body():
        gate.wait()
        ended.open()
        return threading.get_ident()

    derived = body.options(timeout=0.01).options(abandon_on_cancel=True).options(name='n')
    expect_error(derived, code=Gio.IOErrorEnum.TIMED_OUT)
    assert not ended.is_open
    gate.open()
    ended.wait()
    assert body() == threading.get_ident()
    assert derived.options(timeout=harness.DEADLINE)() != threading.get_ident()


@test('/python/options/wrong')
def wrong():
    function = cells.make_def(lambda: 7)
    for options in ({'max_concurrency': -1}, {'max_concurrency': '3'}, {'max_concurrency': True},
                    {'timeout': -1}, {'timeout': '1'}, {'timeout': float('nan')},
                    {'max_concurrency': 1 << 32}, {'priority': 'high'}, {'priority': 1 << 31},
                    {'priority': True}, {'name': 5}, {'name': 'a\0b'}, {'name': '\udce9'},
                    {'cancellable': 'c'}, {'executor': 'pool'}, {'context': 'here'},
                    {'timeuot': 3}):
        error = expect(TypeError, lambda: function.options(**options))
        assert next(iter(options)) in str(error), error
    assert function() == 7
    # These are none.
    pending = SmartAsync.AsyncFunc.new_blocking(lambda call: call.return_int(7))
    for options in ({'max_concurrency': GLib.MAXUINT}, {'priority': GLib.PRIORITY_LOW},
                    {'priority': GLib.MININT}, {'name': 'Grüße'}, {'name': ''},
                    {'cancellable': Gio.Cancellable()}, {'timeout': None, 'name': None}):
        assert function.options(**options)() == 7, options
        assert smartasync(pending).options(**options)() == 7, options


if __name__ == '__main__':
    harness.main()
