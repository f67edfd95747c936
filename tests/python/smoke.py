#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later

"""By plain introspection: functions of every kind, called in a sync and in an
async context, on the main thread and on another one."""

import itertools
import sys
import threading
import traceback

import gi

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


SCENARIOS = [detection, values_in_s, values_in_a, errors_in_s, errors_in_a, cancellation,
             continuations_in_s, continuations_in_a, wait_in_s]


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
