#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later

"""What else smart functions and futures do as others of their kind, and what they refuse at once."""

import copy
import pickle

import harness
from cells import ASYNC_CALLERS, CALLERS
from harness import Gate, Home, expect, expect_error, expect_strays, test

from gi.repository import Gio, GLib, SmartAsync

smartasync = SmartAsync.smartasync
Future = SmartAsync.Future


class Thing:
    def __init__(self, number):
        self.number = number

    @smartasync
    def get(self):
        return self.number

    @smartasync
    @classmethod
    def get_class(cls):
        return cls


@test('/python/functions/methods-are-copied')
def methods_are_copied():
    # As those of Python are: a deep copy and a pickle have a copy of the object.
    thing = Thing(7)

    def by_pickle(method):
        return pickle.loads(pickle.dumps(method))

    for make, is_new in (copy.copy, False), (copy.deepcopy, True), (by_pickle, True):
        copied = make(thing.get)
        assert copied() == copied.sync() == 7
        assert (copied.__self__ is not thing) is is_new and type(copied.__self__) is Thing
        assert (copied == thing.get) is not is_new
        assert make(Thing.get_class)() is Thing
    # What has options of its own has no name to be found by.
    derived = thing.get.options(timeout=harness.DEADLINE)
    assert copy.copy(derived) == derived
    assert copy.deepcopy(derived).__func__ is derived.__func__
    expect(pickle.PicklingError, pickle.dumps, derived)


@test('/python/functions/continuation')
def continuation():
    # In a sync context it is the value, whatever the function is; nobody is left with a coroutine.
    async def add(value, more=1):
        await SmartAsync.sleep(0.001)
        return value + more

    for apply in SmartAsync.smartcontinuation, SmartAsync.smartcontinuation.sync:
        assert apply(3, add) == 4 and apply(3, add, more=3) == 6
        assert apply(add(3), add) == 5
        assert apply(3, smartasync(add)) == 4
    for caller in ASYNC_CALLERS.values():
        assert caller(SmartAsync.smartcontinuation, 3, add) == 4
        assert caller(SmartAsync.smartcontinuation, add(3), add) == 5
    # What can be awaited as it is stays so.
    future = Future.new_for_value(7)
    assert Home().call(SmartAsync.smartcontinuation, 3, lambda _: future) is future


@test('/python/functions/names')
def names():
    # Messages name what was called.
    lock = SmartAsync.Lock()

    def load():
        return lock['k'].run_once(load)

    async def fetch():
        return await lock['k'].run_once(fetch)

    class Loader:
        def __call__(self):
            return lock['k'].run_once(self)

    for function, name in (load, 'names.<locals>.load'), (fetch, 'names.<locals>.fetch'), \
            (Loader(), 'names.<locals>.Loader'):
        error = expect(GLib.Error, lock['k'].run_once, function)
        assert name in error.message and '_run_once' not in error.message, error


@test('/python/functions/deadline')
def deadlines():
    # It is the same, and says the same, however the function is called.
    gate = Gate()
    plain, later = smartasync(gate.wait), smartasync(SmartAsync.sleep)
    seen = set()
    for function, *args in (plain,), (later, harness.DEADLINE):
        timed = function.options(timeout=0.01)
        for caller in CALLERS.values():
            error = expect_error(caller, timed, *args, code=Gio.IOErrorEnum.TIMED_OUT)
            seen.add(error.message)
    gate.open()
    assert len(seen) == 1, seen


# What is refused

@test('/python/functions/modes')
def modes():
    for kind, mode in (ValueError, 7), (ValueError, -1), (TypeError, 'sync'), (TypeError, None):
        assert 'mode' in str(expect(kind, SmartAsync.context_push_mode, mode)), mode
    assert SmartAsync.context_describe().startswith('sync')
    for mode in SmartAsync.Mode.ASYNC, 2:
        SmartAsync.context_push_mode(mode)
        assert SmartAsync.is_async_context()
        SmartAsync.context_pop_mode()
    assert not SmartAsync.is_async_context()


@test('/python/functions/errors')
def errors():
    for wrong in None, 'x', 7, ValueError:
        future = Future.new(None)
        assert 'error' in str(expect(TypeError, future.reject, wrong)), wrong
        assert not future.done() and future.resolve(7)
        expect(TypeError, Future.new_for_error, wrong)
        # In a body, the call's error is that.
        func = SmartAsync.AsyncFunc.new_blocking(lambda call: call.return_error(wrong))
        expect(TypeError, func.call_sync)


@test('/python/functions/return-error')
def return_error():
    # Any exception, as what a body raises.
    for new in SmartAsync.AsyncFunc.new, SmartAsync.AsyncFunc.new_blocking:
        for error in ValueError('x'), ValueError('caf\udce9'), StopIteration():
            func = new(lambda call: call.return_error(error))
            assert expect(BaseException, func.call_sync) is error
            for caller in CALLERS.values():
                caught = expect(Exception, caller, smartasync(func))
                assert caught is error or caught.__cause__ is error  # a coroutine has awaited it
        # The second one counts as such.
        func = new(lambda call: (call.return_error(ValueError('first')), 1 / 0))
        with expect_strays(ZeroDivisionError):
            expect(ValueError, func.call_sync)


@test('/python/functions/futures')
def futures():
    future = Future.new_for_value(7)
    for combine in Future.allv, Future.anyv, Future.racev:
        for wrong in None, 7, 'x':
            error = expect(TypeError, combine, [future, wrong])
            assert 'futures[1]' in str(error), error
        expect(TypeError, combine, None)
        assert combine(each for each in [future]).done()


if __name__ == '__main__':
    harness.main()
