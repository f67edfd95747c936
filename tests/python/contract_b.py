#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The contract's section B: bad input."""

import re

import gi

import cells
import harness
from cells import CALLERS
from harness import Home, expect, expect_smart_error, test

gi.require_version('SmartFixture', '1.0')
from gi.repository import GObject, SmartAsync, SmartFixture

smartasync = SmartAsync.smartasync
INVALID = SmartAsync.Error.INVALID_ARGUMENTS
KINDS = [SmartAsync.AsyncFuncKind.ASYNC, SmartAsync.AsyncFuncKind.BLOCKING,
         SmartAsync.AsyncFuncKind.DUAL]


def make_raw(begun, result='return_int', value=7):
    """Functions of every kind with a signature: a string and an int give an int."""
    def body(call):
        begun.append(call.get_n_args())
        getattr(call, result)(value)

    for func in (SmartAsync.AsyncFunc.new(body), SmartAsync.AsyncFunc.new_blocking(body),
                 SmartAsync.AsyncFunc.new_dual(body, (), body)):
        func.set_name('checked')
        func.set_signature(GObject.TYPE_INT, [GObject.TYPE_STRING, GObject.TYPE_INT])
        yield func


def refusals(func, *arguments):
    """The errors that it gives for these, called in every way and everywhere."""
    values = list(arguments)
    yield expect_smart_error(func.call_sync, None, values, None, code=INVALID)
    yield expect_smart_error(func.callv(None, values, None).get_value, code=INVALID)
    yield expect_smart_error(Home().run, func.callv, None, values, None, code=INVALID)
    for caller in CALLERS.values():
        yield expect_smart_error(caller, smartasync(func), *arguments, code=INVALID)


@test('/contract/B1.a')
def wrong_number():
    begun = []
    for func in make_raw(begun):
        for arguments in ((), ('a',), ('a', 1, 2)):
            for error in refusals(func, *arguments):
                assert 'checked' in error.message and '2' in error.message \
                    and str(len(arguments)) in error.message, error.message
        assert func.call_sync(None, ['a', 1], None)[1] == 7
    assert begun == [2] * 3


@test('/contract/B1.b')
def wrong_types():
    begun = []
    for func in make_raw(begun):
        for error in refusals(func, 1.5, 1):
            assert 'gchararray' in error.message and 'gdouble' in error.message, error.message
    assert not begun


@test('/contract/B1.c')
def wrong_result():
    begun = []
    for func in make_raw(begun, 'return_string', 'text'):
        for error in refusals(func, 'a', 1):
            for word in ('checked', 'gint', 'gchararray'):
                assert word in error.message, error.message
    assert begun


@test('/contract/B1.d')
def before_the_body():
    begun = []
    for func in make_raw(begun):
        list(refusals(func))
        list(refusals(func, True, True))
    assert not begun


def echoes():
    for kind in KINDS:
        yield smartasync(SmartFixture.echo_new(kind))


class Unknown:
    pass


@test('/contract/B3.a')
def no_value_can_hold_it():
    for kind in KINDS:
        func = SmartFixture.echo_new(kind)
        func.set_signature(GObject.TYPE_INT, [GObject.TYPE_INT])
        echo = smartasync(func)
        for caller in CALLERS.values():
            for value in (2 ** 100, Unknown(), [1]):
                error = expect(TypeError, caller, echo, value)
                assert re.search('argument', str(error)), error
                assert re.search(r'\b[01]\b', str(error)), error
            assert caller(echo, 7) == 7

    # By the plain API: what no argument can be.
    func = SmartFixture.echo_new(SmartAsync.AsyncFuncKind.BLOCKING)
    expect(TypeError, func.call_sync, None, 7, None)


def assert_arrive(*values):
    for caller in CALLERS.values():
        for value in values:
            # Through a decorated function, as the same object; of a number, an equal one will do.
            for make in cells.PYTHON_KINDS.values():
                result = caller(make(lambda argument: argument), value)
                assert result is value or (type(result) is int and result == value)
            # Through a function in C.
            for echo in echoes():
                result = caller(echo, value)
                assert result == value and type(result) is type(value), (value, result)


@test('/contract/B3.b')
def none_arrives():
    assert_arrive(None)


@test('/contract/B3.c')
def big_integers_arrive():
    assert_arrive(2 ** 31 - 1, 2 ** 31, -2 ** 31, 2 ** 32 + 1, 2 ** 53 + 1, -2 ** 63, 2 ** 63 - 1,
                  2 ** 64 - 1, 2 ** 100, -2 ** 100)


@test('/contract/B3.d')
def lists_and_dicts_arrive():
    assert_arrive([], {}, [1, 'a', None, [2.5]], {'a': 1, 2: [None]}, ('a', 1), {1, 2})


if __name__ == '__main__':
    harness.main()
