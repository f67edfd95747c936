# SPDX-License-Identifier: LGPL-2.1-or-later

"""Exceptions that cross the C library: the same object goes in and comes out.

A GLib.Error goes as it is. Any other exception goes as a GError of a domain of
its own, whose code is a key to the outcome that has it. That is kept by the
futures that the error may come to, and by nobody else: PyGObject makes of a
GError no more than domain, code and message, and tells nobody when it is freed.
"""

import asyncio
import collections
import contextlib
import itertools
import sys
import weakref

import _smartasync_glib as native
from _smartasync_glib import Outcome
from gi.repository import Gio, GLib, SmartAsync

DOMAIN = 'smartasync-python-exception-quark'
GLib.quark_from_string(DOMAIN)  # GLib knows it from now on
_IO = GLib.quark_to_string(Gio.io_error_quark())


def report(error):
    """Tells of an exception that nobody else will see, as PyGObject does of those in callbacks."""
    sys.excepthook(type(error), error, error.__traceback__)


native.set_hooks(report=report)


# What bodies have raised that take a SmartCall. Nobody knows their futures here, so for a while these
# are kept in case that somebody asks.
_recent = collections.deque(maxlen=32)
_keys = itertools.count(1)
_outcomes = weakref.WeakValueDictionary()  # key: Outcome


class translated:
    """A GLib.Error that is raised within comes out as the exception that it stands for.

    It may be that of one of the outcomes, or of those in the list `told` by then. The exception keeps
    what it was raised in, and because of. This is no generator: no StopIteration comes out of one.
    """

    __slots__ = ('outcomes', 'told')

    def __init__(self, *outcomes, told=()):
        self.outcomes = outcomes
        self.told = told

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        if not isinstance(error, GLib.Error):
            return False
        found = from_gerror(error, *self.outcomes, *self.told)
        if found is error:
            return False
        context = found.__context__
        try:
            raise found
        finally:
            found.__context__ = context
            # It has this frame now: that is not to have it.
            del self, error, traceback, found, context


def to_gerror(error, outcome):
    """What stands for the exception in C, as long as somebody holds the outcome."""
    if isinstance(error, GLib.Error) and _has_place_in_c(error):
        message = _make_printable(error.message)
        return error if message == error.message else GLib.Error(message, error.domain, error.code)
    if isinstance(error, asyncio.CancelledError):
        return make_cancelled()
    key = next(_keys) & 0x7fffffff
    _outcomes[key] = outcome
    return GLib.Error(_make_printable(f'{type(error).__name__}: {_describe(error)}'), DOMAIN, key)


def _has_place_in_c(error):
    """Whether its domain and its code are such as C has, and not what somebody has made up."""
    return (isinstance(error.message, str) and isinstance(error.code, int)
            and GLib.MININT <= error.code <= GLib.MAXINT and isinstance(error.domain, str)
            and error.domain == _make_printable(error.domain) != ''
            and GLib.quark_try_string(error.domain) != 0)


def _describe(error):
    try:
        return str(error)
    except BaseException:
        return '<unprintable>'


def _make_printable(text):
    """With nothing that a string of C's cannot hold: a lone surrogate, which stands for a byte of a
    file's name, or a NUL."""
    return text.encode('utf-8', 'backslashreplace').decode().replace('\0', '\\x00')


def from_gerror(error, *outcomes):
    """The exception that a GLib.Error of the library's stands for."""
    for outcome in outcomes:
        outcome.unseen = False
    if error.domain == DOMAIN:
        outcome = _outcomes.get(error.code)
        if outcome is not None and outcome.error is not None:
            outcome.unseen = False
            with contextlib.suppress(ValueError):
                _recent.remove(outcome)
            return outcome.error
    for outcome in outcomes:
        own = outcome.error
        if (isinstance(own, GLib.Error) and _has_place_in_c(own)
                and (own.domain, own.code, _make_printable(own.message)) == (
                    error.domain, error.code, error.message)):
            return own
    return error


def keep(outcome):
    """For a while, for those who may ask."""
    _recent.append(outcome)


def reset():
    """Nobody asks for what has been kept for a while."""
    _recent.clear()


def unbox(value):
    """What `value` stands for, if it is the outcome that those who waited for a flight share."""
    return value.value if isinstance(value, Outcome) else value


def make_outcome(error):
    """One of somebody who has nothing but an exception."""
    if not isinstance(error, BaseException):
        raise TypeError(f'error is to be an exception, not {error!r}')
    outcome = Outcome()
    outcome.reject(error)
    return outcome


@contextlib.contextmanager
def because_of(cause):
    """What is raised within has `cause` as its cause."""
    try:
        yield
    except BaseException as error:
        raise error from cause


# Errors of GIO's

def make_cancelled():
    return GLib.Error(_translate('The operation was cancelled'), _IO,
                      int(Gio.IOErrorEnum.CANCELLED))


def make_timed_out():
    return GLib.Error(_translate('The operation timed out'), _IO, int(Gio.IOErrorEnum.TIMED_OUT))


def _translate(message):
    """What the library itself says in this case."""
    return GLib.dgettext('smartasync-glib', message)


def is_cancelled(error):
    return isinstance(error, GLib.Error) and (error.domain, error.code) == (
        _IO, int(Gio.IOErrorEnum.CANCELLED))


# The library's own

def make_would_deadlock(awaited, loop):
    return GLib.Error(f'The wait would never end: {awaited!r} needs {loop!r}, which waits here',
                      GLib.quark_to_string(SmartAsync.error_quark()),
                      int(SmartAsync.Error.WOULD_DEADLOCK))
