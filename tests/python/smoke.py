#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later

"""By plain introspection: functions of every kind, called in a sync and in an
async context, on the main thread and on another one; executors, the lock, and
what is done with futures. The functions that SMART_DEFINE_…() makes are in
tests/examples/thing.py."""

import itertools
import sys
import threading
import traceback

import gi

# No override, where one is installed or in the tree.
sys.modules['gi.overrides.SmartAsync'] = None

gi.require_version('SmartAsync', '1.0')
gi.require_version('SmartFixture', '1.0')
from gi.repository import Gio, GLib, GObject, SmartAsync, SmartFixture

NOT_FOUND = Gio.IOErrorEnum.NOT_FOUND
CANCELLED = Gio.IOErrorEnum.CANCELLED
RESOLVED = SmartAsync.FutureStatus.RESOLVED
Kind = SmartAsync.AsyncFuncKind


def value(gtype, contents):
    return GObject.Value(gtype, contents)


THING = Gio.SimpleAction.new('thing', None)
VARIANT = GLib.Variant('(si)', ('v', 7))

# The type's name in a call's methods, the argument, what it is when it comes back.
VALUES = [
    ('boolean', True, True),
    ('int', -5, -5),
    ('uint', value(GObject.TYPE_UINT, 2**32 - 1), 2**32 - 1),
    ('int64', value(GObject.TYPE_INT64, -2**63), -2**63),
    ('uint64', value(GObject.TYPE_UINT64, 2**64 - 1), 2**64 - 1),
    ('double', 0.1, 0.1),
    ('string', 'Grüße', 'Grüße'),
    # None itself crashes PyGObject 3.42: here it is a value with a type.
    ('string', value(GObject.TYPE_STRING, None), None),
    ('object', value(Gio.SimpleAction, None), None),
    ('variant', value(GObject.TYPE_VARIANT, None), None),
    ('object', THING, THING),
    ('variant', value(GObject.TYPE_VARIANT, VARIANT), VARIANT),
]


# Functions that return their argument, of Python's of each kind, and the same in C.

def echo(call, name):
    getattr(call, f'return_{name}')(getattr(call, f'get_{name}')(0))


def echo_later(call, name):
    def on_timeout():
        echo(call, name)
        return GLib.SOURCE_REMOVE

    call.add_timeout(1, on_timeout)


def make_echoes(name):
    return [
        SmartAsync.AsyncFunc.new(echo, name),
        SmartAsync.AsyncFunc.new(echo_later, name),
        SmartAsync.AsyncFunc.new_blocking(echo, name),
        SmartFixture.echo_new(Kind.DUAL),
        SmartFixture.echo_new(Kind.ASYNC),
        SmartFixture.echo_new(Kind.BLOCKING),
    ]


ECHOES = make_echoes('int')
EXPECTATIONS = [(func, argument, expected) for name, argument, expected in VALUES
                for func in make_echoes(name)]


def fail(call):
    call.return_error(GLib.Error.new_literal(Gio.io_error_quark(), 'Grüße', NOT_FOUND))


FAILURES = [
    SmartAsync.AsyncFunc.new(fail),
    SmartAsync.AsyncFunc.new_blocking(fail),
    SmartFixture.fail_new(Kind.DUAL),
    SmartFixture.fail_new(Kind.ASYNC),
    SmartFixture.fail_new(Kind.BLOCKING),
]


# PyGObject prints what a callback raises, and goes on: here it ends the loop, and is raised again.

def in_loop(begin):
    main = threading.current_thread() is threading.main_thread()
    context = GLib.MainContext.default() if main else GLib.MainContext.new()
    if not main:
        context.push_thread_default()
    loop = GLib.MainLoop.new(context, False)
    outcome = []

    def end(error=None):
        outcome.append(error)
        loop.quit()

    def guarded(function):
        def call(*args):
            try:
                return function(*args)
            except BaseException as error:
                end(error)
        return call

    def on_idle(*_):
        guarded(begin)(guarded, end)
        return GLib.SOURCE_REMOVE

    def on_deadline(*_):
        end(AssertionError('it took too long'))
        return GLib.SOURCE_REMOVE

    deadline = GLib.timeout_source_new(10000)
    deadline.set_callback(on_deadline)
    deadline.attach(context)
    idle = GLib.idle_source_new()
    idle.set_callback(on_idle)
    idle.attach(context)
    loop.run()
    deadline.destroy()
    if not main:
        context.pop_thread_default()
    if outcome[0] is not None:
        raise outcome[0]


def expect_error(function, code):
    try:
        function()
    except GLib.Error as error:
        assert error.matches(Gio.io_error_quark(), code), error
        return error.message
    raise AssertionError('there was no error')


# The scenarios

def detection():
    assert not SmartAsync.context_is_async(), SmartAsync.context_describe()

    def begin(_, end):
        assert SmartAsync.context_is_async(), SmartAsync.context_describe()
        end()

    in_loop(begin)


def values_in_s():
    for func, argument, expected in EXPECTATIONS:
        ok, result = func.call_sync(None, [argument], None)
        assert ok and result == expected, (func, result, expected)
        future = func.callv(None, [argument], None)
        assert future.get_status() == RESOLVED
        ok, result = future.get_value()
        assert ok and result == expected, (func, result, expected)


def values_in_a():
    def begin(guarded, end):
        waiting = set()

        def settle(key, result, expected):
            assert result == (True, expected), (key, result, expected)
            waiting.remove(key)
            if not waiting:
                end()

        for n, (func, argument, expected) in enumerate(EXPECTATIONS):
            key = 2 * n
            waiting.update((key, key + 1))

            def on_called(func, result, key=key, expected=expected):
                settle(key, tuple(func.call_finish(result)), expected)

            def on_waited(future, result, key=key + 1, expected=expected):
                settle(key, tuple(future.wait_finish(result)), expected)

            func.call_async(None, [argument], None, guarded(on_called))
            func.callv(None, [argument], None).wait_async(None, guarded(on_waited))

    in_loop(begin)


def errors_in_s():
    for func in FAILURES:
        assert expect_error(lambda: func.call_sync(None, [], None), NOT_FOUND) == 'Grüße'
        future = func.callv(None, [], None)
        assert expect_error(future.get_value, NOT_FOUND) == 'Grüße'


def errors_in_a():
    def begin(guarded, end):
        waiting = set(range(2 * len(FAILURES)))

        def settle(key):
            waiting.remove(key)
            if not waiting:
                end()

        for n, func in enumerate(FAILURES):
            def on_called(func, result, key=2 * n):
                message = expect_error(lambda: func.call_finish(result), NOT_FOUND)
                assert message == 'Grüße'
                settle(key)

            def on_waited(future, result, key=2 * n + 1):
                message = expect_error(lambda: future.wait_finish(result), NOT_FOUND)
                assert message == 'Grüße'
                settle(key)

            func.call_async(None, [], None, guarded(on_called))
            func.callv(None, [], None).wait_async(None, guarded(on_waited))

    in_loop(begin)


def cancellation():
    cancellable = Gio.Cancellable()
    cancellable.cancel()
    for func in ECHOES:
        expect_error(lambda: func.call_sync(None, [1], cancellable), CANCELLED)
        expect_error(func.callv(None, [1], cancellable).get_value, CANCELLED)


def add_one(call, settled):
    call.return_int(settled.get_int() + 1)


def recover(call, settled):
    expect_error(settled.get_int, NOT_FOUND)
    call.return_int(5)


def conclude(call, settled):
    assert settled.get_status() == RESOLVED
    call.return_none()


def chain(future, failed):
    following = future.then(add_one).catch(recover).then(add_one)
    return following.finally_(conclude), 6 if failed else 3


def continuations_in_s():
    for func, failed in [(f, False) for f in ECHOES] + [(f, True) for f in FAILURES]:
        future, expected = chain(func.callv(None, [1], None), failed)
        assert future.get_int() == expected


def continuations_in_a():
    def begin(guarded, end):
        waiting = []

        for func, failed in [(f, False) for f in ECHOES] + [(f, True) for f in FAILURES]:
            future, expected = chain(func.callv(None, [1], None), failed)

            def on_waited(future, result, expected=expected):
                assert tuple(future.wait_finish(result)) == (True, expected)
                waiting.remove(future)
                if not waiting:
                    end()

            waiting.append(future)
            future.wait_async(None, guarded(on_waited))

    in_loop(begin)


def wait_in_s():
    future = SmartAsync.Future.new(None)
    thread = threading.Thread(target=lambda: future.resolve('Grüße'))
    thread.start()
    assert tuple(future.wait(-1, None)) == (True, 'Grüße')
    thread.join()


def plain():
    assert 'gi.overrides.SmartAsync' not in SmartAsync.AsyncFunc.__module__
    assert SmartAsync.AsyncFunc.__module__ == 'gi.repository.SmartAsync', SmartAsync.AsyncFunc.__module__


# Executors: what a function returns is the thread that it ran on.

def return_thread(call):
    call.return_string(str(threading.get_ident()))


def make_placed(executor, blocking):
    func = (SmartAsync.AsyncFunc.new_blocking if blocking else SmartAsync.AsyncFunc.new)(return_thread)
    func.props.executor = executor
    return func


def executors():
    here = str(threading.get_ident())

    pool = make_placed(SmartAsync.Executor.new_pool('pool', 1), True)
    loop = make_placed(SmartAsync.Executor.new_loop('loop'), False)
    assert pool.props.executor.props.max_threads == 1
    for func in (pool, loop):
        places = {func.callv(None, [], None).get_string() for _ in range(3)}
        assert len(places) == 1 and here not in places, places

    def begin(guarded, end):
        def on_called(func, result):
            ok, place = func.call_finish(result)
            assert ok and place != here
            end()

        pool.call_async(None, [], None, guarded(on_called))

    in_loop(begin)


def context_executor():
    context = GLib.MainContext.new()
    func = make_placed(SmartAsync.Executor.new_for_context(context), False)
    quitting = threading.Event()

    def run():
        while not quitting.is_set():
            context.iteration(True)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        ok, place = func.call_sync(None, [], None)
        assert ok and place == str(thread.ident)
    finally:
        quitting.set()
        context.wakeup()
        thread.join()


# The lock

def lock_in_s():
    lock = SmartAsync.Lock.new()
    func = SmartAsync.AsyncFunc.new_blocking(echo, 'int')
    assert lock.run_once('key', func, None, [7], None).get_int() == 7
    ok, result = lock.run_once_sync(None, func, None, [8], None)
    assert ok and result == 8
    assert (lock.props.n_calls, lock.props.n_executions, lock.props.n_flights, lock.props.n_waiters) == (2, 2, 0, 0)


def lock_in_a():
    lock = SmartAsync.Lock.new()
    calls = []
    func = SmartAsync.AsyncFunc.new(lambda call: calls.append(call))

    def begin(guarded, end):
        # Two of one key, one of another, one after it was forgotten.
        futures = [lock.run_once(key, func, None, [], None) for key in ('a', 'a', 'b', None)]
        assert (len(calls), lock.props.n_waiters, lock.props.n_flights) == (3, 4, 3)
        lock.forget('a')
        futures.append(lock.run_once('a', func, None, [], None))
        assert (len(calls), lock.props.n_executions, lock.props.n_flights) == (4, 4, 4)
        for number, call in enumerate(calls):
            call.return_int(number)
        calls.clear()
        results = []

        def on_waited(future, result):
            results.append((futures.index(future), future.wait_finish(result)[1]))
            if len(results) == len(futures):
                assert sorted(results) == [(0, 0), (1, 0), (2, 1), (3, 2), (4, 3)], results
                lock.run_once_async('a', func, None, [], None, guarded(on_reset))
                lock.reset()

        def on_reset(lock, result):
            expect_error(lambda: lock.run_once_finish(result), CANCELLED)
            calls.pop().return_none()
            end()

        for future in futures:
            future.wait_async(None, guarded(on_waited))

    in_loop(begin)


# What combines futures

def combinations():
    pending = SmartAsync.Future.new(None)
    one = SmartAsync.Future.new_for_value(1)
    failed = SmartAsync.Future.new_for_error(GLib.Error.new_literal(Gio.io_error_quark(), 'no', NOT_FOUND))

    assert SmartAsync.Future.allv([one, one]).get_status() == RESOLVED
    expect_error(SmartAsync.Future.allv([one, failed]).get_value, NOT_FOUND)
    assert SmartAsync.Future.anyv([failed, one]).get_int() == 1
    assert SmartAsync.Future.racev([pending, one]).get_int() == 1
    expect_error(pending.get_value, CANCELLED)

    late = SmartAsync.Future.new(None)
    expect_error(lambda: late.with_timeout(1).wait(-1, None), Gio.IOErrorEnum.TIMED_OUT)


def awaiting():
    future = SmartAsync.Future
    # No name of Python's, which has this word itself.
    smart_await = getattr(SmartAsync, 'await')
    inner = future.new_for_value(future.new_for_value(5))
    assert smart_await(inner, None).get_int() == 5
    assert smart_await(6, None).get_int() == 6
    assert SmartAsync.continuation(inner, add_one).get_int() == 6
    assert SmartAsync.continuation(41, add_one).get_int() == 42

    def begin(guarded, end):
        pending = future.new(None)
        following = SmartAsync.continuation(future.new_for_value(pending), add_one)

        def on_waited(_, result):
            assert tuple(following.wait_finish(result)) == (True, 2)
            end()

        following.wait_async(None, guarded(on_waited))
        pending.resolve(1)

    in_loop(begin)


def progress():
    def body(call):
        call.report_progress(0.25)
        call.report_progress(0.5)
        call.return_none()

    func = SmartAsync.AsyncFunc.new_blocking(body)

    def begin(guarded, end):
        seen = []
        future = func.callv(None, [], None)
        assert future.props.progress in (-1, 0.25, 0.5)

        def on_waited(future, result):
            future.wait_finish(result)
            assert seen[-1] == future.props.progress == 0.5, seen
            end()

        future.connect('notify::progress', guarded(lambda future, _: seen.append(future.props.progress)))
        future.wait_async(None, guarded(on_waited))

    in_loop(begin)


SCENARIOS = [plain, detection, values_in_s, values_in_a, errors_in_s, errors_in_a, cancellation,
             continuations_in_s, continuations_in_a, wait_in_s, executors, context_executor,
             lock_in_s, lock_in_a, combinations, awaiting, progress]


def on_main(scenario):
    scenario()


def on_thread(scenario):
    raised = []

    def run():
        try:
            scenario()
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if raised:
        raise raised[0]


def main():
    runs = list(itertools.product(SCENARIOS, (on_main, on_thread)))
    failed = False
    print(f'1..{len(runs)}')
    for number, (scenario, run) in enumerate(runs, 1):
        name = f'/python/smoke/{scenario.__name__}/{run.__name__[3:]}'
        try:
            run(scenario)
            print(f'ok {number} {name}', flush=True)
        except BaseException:
            failed = True
            print(f'not ok {number} {name}', flush=True)
            traceback.print_exc()
    sys.exit(failed)


main()
