#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Ctrl-C while the binding's own code runs, where nobody would catch what is raised."""

import contextlib
import signal
import types
from unittest import mock

import harness
from harness import expect, test

import _smartasync_glib as native
from gi.repository import Gio, SmartAsync
from smartasync_glib import driver, interrupt, work

smartasync = SmartAsync.smartasync


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
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with mock.patch.object(module, name, own):
            yield
    finally:
        signal.signal(signal.SIGINT, handler)
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

    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        expect(KeyboardInterrupt, by_library(body))
    finally:
        signal.signal(signal.SIGINT, handler)
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


if __name__ == '__main__':
    harness.main()
