# SPDX-License-Identifier: LGPL-2.1-or-later

"""The matrix: functions of every kind, and callers in every context.

Of the functions some are Python's own, decorated, and some take and return through a SmartCall.
Of the callers one is in a sync context and the others are in a callback or in a coroutine.
"""

import functools

from harness import LOOPS, Home, run_asyncio

from gi.repository import GLib, GObject, SmartAsync

smartasync = SmartAsync.smartasync


# Functions that do what `act` does, as a blocking one or an asynchronous one

def make_def(act):
    @smartasync
    def blocking(*args):
        return act(*args)
    return blocking


def make_at_once(act):
    @smartasync
    async def at_once(*args):
        return act(*args)
    return at_once


def make_later(act):
    @smartasync
    async def later(*args):
        await SmartAsync.sleep(0.001)
        return act(*args)
    return later


def get_arguments(call):
    return [call.get_int(i) for i in range(call.get_n_args())]


def answer(call, act):
    """Settles with what `act` makes of the call's integers."""
    try:
        call.return_int(act(*get_arguments(call)))
    except GLib.Error as error:
        call.return_error(error)


def answer_later(call, act):
    """The same, in a later callback."""
    try:
        settle, outcome = call.return_int, act(*get_arguments(call))
    except GLib.Error as error:
        settle, outcome = call.return_error, error

    def on_timeout():
        settle(outcome)
        return GLib.SOURCE_REMOVE

    call.add_timeout(1, on_timeout)


def make_raw_blocking(act):
    return smartasync(SmartAsync.AsyncFunc.new_blocking(answer, act))


def make_raw_async(act):
    return smartasync(SmartAsync.AsyncFunc.new(answer_later, act))


def make_raw_dual(act):
    return smartasync(SmartAsync.AsyncFunc.new_dual(answer_later, act, answer, act))


PYTHON_KINDS = {'def': make_def, 'at-once': make_at_once, 'later': make_later}
RAW_KINDS = {'raw-blocking': make_raw_blocking, 'raw-async': make_raw_async}
KINDS = {**PYTHON_KINDS, **RAW_KINDS}
BLOCKING_KINDS = {name: KINDS[name] for name in ('def', 'raw-blocking')}
ASYNC_KINDS = {name: KINDS[name] for name in ('at-once', 'later', 'raw-async')}


# Callers: each gives what comes of the smart call

def call_in_sync(function, *args):
    return function(*args)


def call_in_glib(function, *args):
    home = Home()
    try:
        return home.run(function, *args)
    finally:
        home.drain()


def call_in_asyncio(loop, function, *args):
    async def caller():
        return await function(*args)
    return run_asyncio(caller, loop=loop)


ASYNCIO_CALLERS = {loop: functools.partial(call_in_asyncio, loop) for loop in LOOPS}
ASYNC_CALLERS = {'in-glib': call_in_glib, **ASYNCIO_CALLERS}
CALLERS = {'in-sync': call_in_sync, **ASYNC_CALLERS}


def each_cell(kinds=KINDS, callers=CALLERS):
    """(what it is called, the maker of functions, the caller) of each."""
    for kind, make in kinds.items():
        for name, caller in callers.items():
            yield f'{kind} {name}', make, caller


def call_raw(func, *args, cancellable=None):
    """The plain API's smart call with integers."""
    return func.callv(None, [GObject.Value(GObject.TYPE_INT, n) for n in args], cancellable)
