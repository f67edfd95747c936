#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Exceptions that are hard to carry through C, and what is left of one when it has been seen."""

import os

import cells
import harness
from cells import CALLERS, PYTHON_KINDS, each_cell
from harness import Home, expect, test

from gi.repository import Gio, GLib, SmartAsync

smartasync = SmartAsync.smartasync


class Mute(Exception):
    """Nobody can print it."""

    def __str__(self):
        raise ZeroDivisionError('in __str__')


class Renamed(GLib.Error):
    pass


NAME = os.fsdecode(b'caf\xe9.txt')  # has a lone surrogate
IO = GLib.quark_to_string(Gio.io_error_quark())

# What makes each
HARD = {
    'surrogate': lambda: ValueError(f'cannot parse {NAME}'),
    'NUL': lambda: ValueError('a\0b'),
    'mute': Mute,
    'GError with a surrogate': lambda: GLib.Error(NAME, IO, 1),
    'GError with a NUL': lambda: GLib.Error('a\0b', IO, 1),
    'GError with a code of 41 bits': lambda: GLib.Error('text', IO, 1 << 40),
    'GError with a domain that is none': lambda: GLib.Error('text', NAME, 1),
    'GError without a message': lambda: GLib.Error(None, IO, 1),
    'a subtype of it': lambda: Renamed('text', IO, 1),
}


def each_raising(kinds=PYTHON_KINDS):
    """(what it is called, a function that raises, what it has raised, the caller) of each."""
    for what, make_error in HARD.items():
        for name, make, caller in each_cell(kinds):
            raised = []

            def act(_, make_error=make_error, raised=raised):
                raised.append(make_error())
                raise raised[-1]

            yield f'{what}: {name}', make(act), raised, caller


# Whatever it is, the same one arrives

def is_same(name, raised, function, *args):
    assert expect(Exception, function, *args) is raised[-1], name


@test('/python/errors/hard/called')
def hard_called():
    for name, function, raised, caller in each_raising():
        is_same(name, raised, caller, function, 7)


@test('/python/errors/hard/by-way-of-the-library')
def hard_in_library():
    for name, function, raised, caller in each_raising():
        for options in {'max_concurrency': 2}, {'timeout': harness.DEADLINE}:
            is_same(f'{name} {options}', raised, caller, function.options(**options), 7)


@test('/python/errors/hard/once')
def hard_once():
    lock = SmartAsync.Lock()
    for name, function, raised, caller in each_raising():
        is_same(name, raised, caller, lock.run_once, function, 7)


@test('/python/errors/hard/raw')
def hard_raw():
    for name, make_error in HARD.items():
        raised = []

        def body(call):
            raised.append(make_error())
            raise raised[-1]

        for new in SmartAsync.AsyncFunc.new, SmartAsync.AsyncFunc.new_blocking:
            error = expect(Exception, new(body).call_sync)
            # A GError it is to these, of which nobody here keeps the exception.
            assert error is raised[-1] or isinstance(error, GLib.Error), (name, error, new)


@test('/python/errors/hard/by-hand')
def hard_by_hand():
    for name, make_error in HARD.items():
        error, future = make_error(), SmartAsync.Future.new(None)
        assert future.reject(error) and future.exception() is error, name
        assert SmartAsync.Future.new_for_error(error).exception() is error, name


@test('/python/errors/hard/in-c')
def hard_in_c():
    # What C sees is a text, with the domain and the code if there are any.
    def see(error):
        future = SmartAsync.Future.new(None)
        future.reject(error)
        future._sources = ()
        return expect(GLib.Error, SmartAsync.Future.__mro__[1].get_value, future)

    assert see(HARD['surrogate']()).message == r'ValueError: cannot parse caf\udce9.txt'
    assert see(Mute()).message == 'Mute: <unprintable>'
    error = see(HARD['GError with a surrogate']())
    assert (error.message, error.domain, error.code) == (r'caf\udce9.txt', IO, 1)


if __name__ == '__main__':
    harness.main()
