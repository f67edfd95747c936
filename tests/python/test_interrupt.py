#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Ctrl-C while the binding's own code runs, where nobody would catch what is raised."""

import _thread
import asyncio
import contextlib
import signal
import types
from unittest import mock

import harness
from harness import expect, test

import _smartasync_glib as native
from gi.repository import Gio, GLib, SmartAsync
from smartasync_glib import driver, interrupt, work
from smartasync_glib.future import Settling
from smartasync_glib.homes import home_of

smartasync = SmartAsync.smartasync


@contextlib.contextmanager
def default_handler():
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)


@contextlib.contextmanager
def interrupted_in(module, name):
    """A signal comes once in this function of the binding's, before it does anything."""
    def replacement(*args):
        if not seen:
            seen.append(1)
            signal.raise_signal(signal.SIGINT)
        return original(*args)

    seen, original = [], getattr(module, name)
    # It passes as one of the binding's own functions.
    own = types.FunctionType(replacement.__code__, {**globals(), '__name__': 'smartasync_glib.own'},
                             closure=replacement.__closure__)
    with default_handler(), mock.patch.object(module, name, own):
        yield
    assert seen


def by_library(function):
    """With an option, so that the library calls it."""
    return function.options(cancellable=Gio.Cancellable())


@smartasync
def blocking(begun):
    begun.append(1)
    return 7


@smartasync
async def never(begun):
    begun.append(1)
    await SmartAsync.Future.new(None)


@test('/python/interrupt/before-body', main_only=True)
def before_body():
    begun = []
    with interrupted_in(native, 'call_sync'):
        expect(KeyboardInterrupt, by_library(blocking), begun)
    # It may last, and nothing would end it.
    assert begun == []
    assert by_library(blocking)(begun) == 7


@test('/python/interrupt/before-coroutine', main_only=True)
def before_coroutine():
    # Where GLib drives it.
    function = never.options(context=SmartAsync.MainContextPolicy.CURRENT)
    with interrupted_in(driver, 'Driver'):
        expect(KeyboardInterrupt, function, [])


@test('/python/interrupt/after-body', main_only=True)
def after_body():
    begun = []
    with interrupted_in(work, 'take_outcome'):
        expect(KeyboardInterrupt, SmartAsync.Lock().run_once.sync, blocking, begun)
    assert begun == [1]


@test('/python/interrupt/in-body', main_only=True)
def in_body():
    went_on = []

    @smartasync
    def body():
        signal.raise_signal(signal.SIGINT)
        went_on.append(1)

    with default_handler():
        expect(KeyboardInterrupt, by_library(body))
    assert went_on == []


@test('/python/interrupt/before-wait', main_only=True)
def before_wait():
    # The library is told of signals, and this one has come before.
    real = signal.set_wakeup_fd

    def set_wakeup_fd(*args, **kwargs):
        signal.raise_signal(signal.SIGINT)
        return real(*args, **kwargs)

    with mock.patch.object(interrupt.signal, 'set_wakeup_fd', set_wakeup_fd):
        expect(KeyboardInterrupt, SmartAsync.Future.new(None).wait, -1, None)


def make_interrupt(context):
    """A source which has a signal come, and runs nothing in Python that would see it."""
    source = GLib.Timeout(GLib.MAXINT)
    source.set_priority(GLib.PRIORITY_DEFAULT)
    source.set_callback(_thread.interrupt_main, signal.SIGINT)
    source.attach(context)
    return source


async def settled_interrupted(seen):
    """C dispatches the signal, and then the results."""
    def settle():
        source.set_ready_time(0)
        for future in futures:
            future.resolve(7)

    loop = asyncio.get_running_loop()
    source = make_interrupt(home_of(loop) or loop._context)
    futures = [SmartAsync.Future.new(None) for _ in range(3)]
    # Once all are waited for.
    loop.call_soon(loop.call_soon, settle)
    try:
        seen.extend(await asyncio.gather(*map(SmartAsync.smartawait, futures)))
    except asyncio.CancelledError:
        seen.append('cancelled')
        raise


@test('/python/interrupt/before-result/own-loop', main_only=True)
def before_result_in_own_loop():
    seen = []
    with default_handler():
        expect(KeyboardInterrupt, smartasync(settled_interrupted), seen)
    assert seen == ['cancelled'], seen


@test('/python/interrupt/before-result/asyncio', main_only=True)
def before_result_under_asyncio():
    seen = []
    loop = asyncio.new_event_loop()
    task = loop.create_task(settled_interrupted(seen))
    with default_handler():
        expect(KeyboardInterrupt, loop.run_until_complete, task)
    # No result is lost.
    loop.run_until_complete(task)
    loop.close()
    assert seen == [7, 7, 7], seen


@test('/python/interrupt/before-result/asyncio-run', main_only=True)
def before_result_in_asyncio_run():
    seen = []
    with default_handler():
        expect(KeyboardInterrupt, asyncio.run, settled_interrupted(seen))
    assert seen == ['cancelled'], seen


@test('/python/interrupt/in-result', main_only=True)
def in_result():
    async def wait(future):
        asyncio.get_running_loop().call_soon(future.resolve, 7)
        return await future

    loop = asyncio.new_event_loop()
    task = loop.create_task(wait(SmartAsync.Future.new(None)))
    with interrupted_in(Settling, 'on_settled'):
        expect(KeyboardInterrupt, loop.run_until_complete, task)
    assert loop.run_until_complete(task) == 7
    loop.close()


@test('/python/interrupt/in-loop', main_only=True)
def in_loop():
    seen = []

    @smartasync
    async def body():
        try:
            await asyncio.sleep(harness.DEADLINE)
        except asyncio.CancelledError:
            seen.append('cancelled')
            raise

    # What is due is not lost, or nothing would ever end the body.
    with interrupted_in(asyncio.events.Handle, '_run'):
        expect(KeyboardInterrupt, body)

    # A body that returns all the same does not make it unheard.
    @smartasync
    async def stubborn():
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(harness.DEADLINE)
        seen.append('stubborn')

    with interrupted_in(asyncio.events.Handle, '_run'):
        expect(KeyboardInterrupt, stubborn)
    assert seen == ['cancelled', 'stubborn'], seen


@test('/python/interrupt/in-coroutine', main_only=True)
def in_coroutine():
    went_on = []

    @smartasync
    async def body():
        await asyncio.sleep(0)
        signal.raise_signal(signal.SIGINT)
        went_on.append(1)

    @smartasync
    async def slow():
        await asyncio.sleep(0.001)
        return 7

    with default_handler():
        # Its own, at once; and it is over then, for the loop's next run as well.
        expect(KeyboardInterrupt, body)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
        assert slow() == 7
    assert went_on == []


if __name__ == '__main__':
    harness.main()
