# SPDX-License-Identifier: LGPL-2.1-or-later

"""Where the library's results come under an asyncio loop that iterates no main context.

Each such loop gets a context of its own, in which nothing but the library's
results and deadlines comes, and which the loop iterates when it is woken up.
"""

import contextlib
import threading
import weakref

import _smartasync_glib as native
from gi.repository import Gio, GLib

# A source that only ever becomes ready when it is told to gives a time so far away.
_NEVER = GLib.MAXINT

_homes = weakref.WeakKeyDictionary()  # loop: a weak reference to its _Home


def iterates_default(loop):
    """Whether the loop iterates this thread's default main context: PyGObject's, or one of ours."""
    return native.is_thread_default(getattr(loop, '_context', None))


def home_of(loop):
    """The main context where results come that `loop` is to see to; None: where they come anyway."""
    if iterates_default(loop):
        return None
    home = _homes.get(loop, _nothing)()
    if home is None:
        home = _Home(loop)
        _homes[loop] = weakref.ref(home)
    return home.context


@contextlib.contextmanager
def within(home):
    """What is called within has its results come in that context."""
    if home is None:
        yield
        return
    native.push_thread_default(home)
    try:
        yield
    finally:
        native.leave_home(home)


class _Home:
    """It is the loop's reader, and nobody else's: when the loop is closed, it goes, and the context.

    What is still on its way there may hold the loop, and would never be fetched.
    """

    def __init__(self, loop):
        self.loop = weakref.ref(loop)
        # Its descriptor becomes readable whoever adds something, and though nobody owns it.
        self.context = GLib.MainContext.new_with_flags(GLib.MainContextFlags.OWNERLESS_POLLING)
        self.timer = _nothing  # weakly: it holds the loop, for which this is kept
        _, descriptor = native.query(self.context)
        loop.add_reader(descriptor, self.iterate)

    def iterate(self):
        timer, self.timer = self.timer(), _nothing
        if timer is not None:
            timer.cancel()
        native.push_thread_default(self.context)
        try:
            milliseconds = 0
            while milliseconds == 0:
                native.iterate(self.context, False)
                milliseconds, _ = native.query(self.context)
        except BaseException:
            # A signal's handler has raised: what is left comes when the loop goes on.
            native.wake_up(self.context)
            raise
        finally:
            native.pop_thread_default(self.context)
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
    if not native.has_own_default():
        Gio.NetworkMonitor.get_default()
    else:
        # A new thread has the default context, whoever owns that. Two of them do no harm.
        thread = threading.Thread(target=Gio.NetworkMonitor.get_default, name='smartasync')
        thread.start()
        thread.join()
    _singletons_made = True
