# SPDX-License-Identifier: LGPL-2.1-or-later

"""Where the library's results come under an asyncio loop that iterates no main context.

Each such loop gets a context of its own, in which nothing but the library's
results and deadlines comes, and which the loop iterates when it is woken up.
"""

import contextlib
import ctypes
import threading
import weakref

from gi.repository import Gio, GLib

from . import native

# A source that only ever becomes ready when it is told to gives a time so far away.
_NEVER = GLib.MAXINT

_homes = weakref.WeakKeyDictionary()  # loop: a weak reference to its _Home
_NOTHING_TO_DO = contextlib.nullcontext()


def iterates_default(loop):
    """Whether the loop iterates this thread's default main context: PyGObject's, or one of ours."""
    context = getattr(loop, '_context', None)
    if not isinstance(context, GLib.MainContext):
        return False
    return hash(context) == (native.get_thread_default() or native.default_context())


def home_of(loop):
    """A context manager: what is called within has its results come where `loop` sees to them."""
    if iterates_default(loop):
        return _NOTHING_TO_DO
    home = _homes.get(loop, _nothing)()
    if home is None:
        home = _Home(loop)
        _homes[loop] = weakref.ref(home)
    return home


class _Home:
    """It is the loop's reader, and nobody else's: when the loop is closed, it goes, and the context.

    What is still on its way there may hold the loop, and would never be fetched.
    """

    def __init__(self, loop):
        self.loop = weakref.ref(loop)
        # Its descriptor becomes readable whoever adds something, and though nobody owns it.
        self.context = GLib.MainContext.new_with_flags(GLib.MainContextFlags.OWNERLESS_POLLING)
        self.address = hash(self.context)
        self.timer = _nothing  # weakly: it holds the loop, for which this is kept
        self.timeout = ctypes.c_int()
        self.fds = (native.PollFD * 8)()
        self.query()
        loop.add_reader(self.fds[0].fd, self.iterate)

    def __enter__(self):
        native.push_thread_default(self.address)

    def __exit__(self, *_):
        native.pop_thread_default(self.address)

    def query(self):
        """When the context wants to be iterated next."""
        priority = ctypes.c_int()
        native.context_prepare(self.address, ctypes.byref(priority))
        native.context_query(self.address, priority, ctypes.byref(self.timeout), self.fds,
                             len(self.fds))
        return self.timeout.value

    def iterate(self):
        timer, self.timer = self.timer(), _nothing
        if timer is not None:
            timer.cancel()
        with self:
            milliseconds = 0
            while milliseconds == 0:
                native.context_iteration(self.address, False)
                milliseconds = self.query()
        loop = self.loop()
        if 0 < milliseconds < _NEVER and loop is not None:
            self.timer = weakref.ref(loop.call_later(milliseconds / 1000, self.iterate))


def _nothing():
    """What a dead reference gives."""


# GIO binds its network monitor, for good, to the context that is the thread default when a socket
# client first needs it. In one of ours the application would never hear of a change.

_singletons_made = False


def make_singletons():
    """To be called before anything may run in a context of ours: makes them for the default one."""
    global _singletons_made
    if _singletons_made:
        return
    if native.get_thread_default() is None:
        Gio.NetworkMonitor.get_default()
    else:
        # A new thread has the default context, whoever owns that. Two of them do no harm.
        thread = threading.Thread(target=Gio.NetworkMonitor.get_default, name='smartasync')
        thread.start()
        thread.join()
    _singletons_made = True
