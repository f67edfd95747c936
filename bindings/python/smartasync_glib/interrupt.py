# SPDX-License-Identifier: LGPL-2.1-or-later

"""Ctrl-C ends what the main thread waits for in the library.

Python runs signal handlers between its own instructions only. So while the main
thread is in the library, signals are written to a descriptor that its waits
watch, and which has Python's code run. What a handler raises in a body is the
body's. Elsewhere it would be raised into the library, where nobody catches it:
there it is kept, ends the wait, and is raised afterwards.

Nor is it raised into asyncio's code or ours while a loop of ours runs: a step
that is due, or a result, would be lost, and what waits for it go on for ever.
The task is cancelled instead, as asyncio.run() does.
"""

import asyncio
import os
import signal
import sys
import threading
from _signal import getsignal as _getsignal, signal as _signal
from asyncio import _get_running_loop

import _smartasync_glib as native
from gi.repository import SmartAsync

_main = threading.main_thread().ident
_get_ident = threading.get_ident


class _Pipe:
    """What signals are written to."""

    def __init__(self):
        self.reading, self.writing = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self.hooked = False

    def hook(self):
        """On the main thread."""
        SmartAsync.set_interrupt_hook(self.reading, _check)
        self.hooked = True

    def empty(self):
        try:
            os.read(self.reading, 4096)
        except BlockingIOError:
            pass


_entries = set()    # the code that C calls, and that does not catch what is raised in its own frame
_protected = set()  # our own code that is only called where everything is caught


def entry(function):
    """A decorator of what C calls to run a body: what the body raises is seen to."""
    _entries.add(function.__code__)
    return function


def protected(function):
    """A decorator of our own part of a body."""
    _protected.add(function.__code__)
    return function


def _is_in_body(frame):
    called = None
    while frame is not None and frame.f_code is not call.__code__:
        if frame.f_code in _entries:
            return _is_caught(called)
        called, frame = frame, frame.f_back
    # A body that blocks is called from C, which catches everything.
    return frame is not None and native.is_caller(frame) and _is_caught(called)


def _is_caught(called):
    return called is not None and (called.f_code in _protected or not _is_ours(called))


def _is_ours(frame):
    return frame.f_globals.get('__name__', '').startswith('smartasync_glib.')


class _Relay:
    """Stands in for the handler of SIGINT."""

    def __init__(self, handler):
        self.handler = handler
        self.raised = None
        self.wakeup_fd = -1  # what was in use before

    def __call__(self, number, frame):
        try:
            self.handler(number, frame)
        except BaseException as error:
            if _is_in_body(frame):
                raise
            self.raised = error
        else:
            self.look_at_task()

    def look_at_task(self):
        """The handler of asyncio.run() cancels the task, which cannot be told while it waits here."""
        if self.raised is None and has_to_cancel(_get_current_task()):
            self.raised = asyncio.CancelledError()


# Module signal makes enumerations of what these take and give, which is dearer than all the rest.
_SIGINT = int(signal.SIGINT)

# Whose code comes between a loop and what it runs
_NOT_USERS = sys.stdlib_module_names | {'gi', 'smartasync_glib'}


def _is_in_users_code(frame, outermost):
    """Whether a part of `frame` is neither ours nor asyncio's, up to that code."""
    while frame is not None and frame.f_code is not outermost:
        if frame.f_globals.get('__name__', '').partition('.')[0] not in _NOT_USERS:
            return True
        frame = frame.f_back
    return False


class LoopRelay:
    """Stands in for the handler of SIGINT while a loop runs on the main thread."""

    def __init__(self, task, outermost):
        self.task = task
        self.outermost = outermost  # the code that runs the loop
        self.raised = None
        self.handler = _getsignal(_SIGINT)
        if callable(self.handler):
            _signal(_SIGINT, self)

    def __call__(self, number, frame):
        try:
            self.handler(number, frame)
        except BaseException as error:
            # The second one is for a task that does not end.
            if (self.task is None or self.raised is not None
                    or _is_in_users_code(frame, self.outermost)):
                raise
            self.raised = error
            self.task.cancel()

    def end(self):
        # A body may have taken it for the handler to put back.
        self.task = None
        if _getsignal(_SIGINT) is self:
            _signal(_SIGINT, self.handler)


def _get_current_task():
    return None if _get_running_loop() is None else asyncio.current_task()


def has_to_cancel(task):
    """Whether the task has been cancelled, and has not been told yet."""
    return getattr(task, '_must_cancel', False)


def check():
    """To be called in a body, before what may last: raises what is kept."""
    if _relay is not None and _relay.raised is not None and _get_ident() == _main:
        error, _relay.raised = _relay.raised, None
        raise error


native.set_hooks(check=check)

_pipe = _Pipe()
_relay = None


def _check(*_):
    # The handler has run by now: Python does that where a function begins.
    _pipe.empty()
    return _relay is not None and _relay.raised is not None


def _renew():
    """In a forked child: what its parent is told is not for it."""
    global _pipe
    for descriptor in (_pipe.reading, _pipe.writing):
        os.close(descriptor)
    _pipe = _Pipe()


os.register_at_fork(after_in_child=_renew)


def call(function, *args):
    """Calls a function of the library's that may wait."""
    relay = _begin()
    try:
        # What came before the descriptor was set nothing tells the library of.
        if relay is None or relay.raised is None:
            return function(*args)
    finally:
        # What is raised holds this frame; and what these hold in C, the collector does not see.
        function = args = None
        if relay is not None:
            _end(relay)


def _begin():
    global _relay

    if _get_ident() != _main or _relay is not None:
        return None
    handler = signal.getsignal(signal.SIGINT)
    if not callable(handler):
        return None
    if not _pipe.hooked:
        _pipe.hook()
    relay = _relay = _Relay(handler)
    signal.signal(signal.SIGINT, relay)
    relay.look_at_task()
    relay.wakeup_fd = signal.set_wakeup_fd(_pipe.writing, warn_on_full_buffer=False)
    return relay


def _end(relay):
    global _relay

    signal.set_wakeup_fd(relay.wakeup_fd)
    if signal.getsignal(signal.SIGINT) is relay:
        signal.signal(signal.SIGINT, relay.handler)
    _relay = None
    if relay.raised is not None:
        raise relay.raised
