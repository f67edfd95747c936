# SPDX-License-Identifier: LGPL-2.1-or-later

"""Exceptions that cross the C library: the same object goes in and comes out.

A GLib.Error goes as it is. Any other exception goes as a GError of a domain of
its own, whose code is the key under which its outcome is found again.
"""

import asyncio
import itertools
import sys
import weakref

from gi.repository import Gio, GLib

DOMAIN = 'smartasync-python-exception-quark'
_IO = GLib.quark_to_string(Gio.io_error_quark())

_keys = itertools.count(1)
_outcomes = weakref.WeakValueDictionary()  # key: Outcome


class Outcome:
    """What came of one call: a value, or an exception. Nobody reads it before it is there."""

    __slots__ = ('value', 'error', 'done', 'unseen', '__weakref__')

    def __init__(self):
        self.value = None
        self.error = None
        self.done = False
        self.unseen = False  # an error that is reported if nobody ever asks

    def resolve(self, value):
        self.value = value
        self.done = True

    def reject(self, error):
        self.error = error
        self.done = True

    def __del__(self):
        if self.unseen:
            report(self.error)


def report(error):
    """Tells of an exception that nobody else will see, as PyGObject does of those in callbacks."""
    sys.excepthook(type(error), error, error.__traceback__)


def make_cancelled(message='The operation was cancelled'):
    return GLib.Error(message, _IO, int(Gio.IOErrorEnum.CANCELLED))


def make_timed_out(message='The deadline has passed'):
    return GLib.Error(message, _IO, int(Gio.IOErrorEnum.TIMED_OUT))


def is_cancelled(error):
    return isinstance(error, GLib.Error) and error.matches(Gio.io_error_quark(),
                                                           Gio.IOErrorEnum.CANCELLED)


def to_gerror(error, outcome):
    """What stands for the exception in C."""
    if isinstance(error, GLib.Error) and GLib.quark_try_string(error.domain):
        return error
    if isinstance(error, asyncio.CancelledError):
        return make_cancelled()
    key = next(_keys)
    _outcomes[key] = outcome
    return GLib.Error(f'{type(error).__name__}: {error}', DOMAIN, key)


def from_gerror(error, outcome=None):
    """The exception that a GLib.Error of the library's stands for."""
    if error.domain == DOMAIN:
        found = _outcomes.get(error.code)
        if found is not None and found.error is not None:
            found.unseen = False
            return found.error
    elif outcome is not None and outcome.done and isinstance(outcome.error, GLib.Error):
        own = outcome.error
        if (own.domain, own.code, own.message) == (error.domain, error.code, error.message):
            outcome.unseen = False
            return own
    if outcome is not None:
        outcome.unseen = False
    return error
