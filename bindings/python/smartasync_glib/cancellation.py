# SPDX-License-Identifier: LGPL-2.1-or-later

"""A cancellable cancels the task that runs its call, and the task the call."""

import asyncio
import contextlib
import weakref

import _smartasync_glib as native
from gi.repository import Gio, GObject, SmartAsync

from . import interrupt, scopes

_RESOLVED = SmartAsync.FutureStatus.RESOLVED

_watches = weakref.WeakKeyDictionary()  # task: its watches, the outermost first


@contextlib.contextmanager
def linked(outer, inner):
    """`inner` is cancelled when `outer` is, which may be None."""
    if outer is None:
        yield
        return
    handler = GObject.Object.connect(outer, 'cancelled', lambda _: inner.cancel())
    if outer.is_cancelled():
        inner.cancel()
    try:
        yield
    finally:
        GObject.Object.disconnect(outer, handler)


class Borrowed:
    """A cancellable that somebody holds, or none, by its address: most often nobody needs more."""

    __slots__ = ('address', 'get')

    def __init__(self, address, get):
        self.address = address
        self.get = get  # PyGObject's object for it

    def is_cancelled(self):
        return native.is_cancelled(self.address)

    def connect_wakeup(self, context):
        """Has the context woken up when it is cancelled."""
        return native.connect_wakeup(self.address, context)

    def disconnect(self, handler):
        native.disconnect(self.address, handler)


NO_CANCELLABLE = Borrowed(0, lambda: None)
native.set_hooks(no_cancellable=NO_CANCELLABLE)


def borrow_current():
    """That of the body which this is part of."""
    return Borrowed(native.current_cancellable(), Gio.Cancellable.get_current)


def borrow(address):
    """That of the call whose body this is part of, at this address."""
    return Borrowed(address, lambda: SmartAsync.Call._get_current().get_cancellable())


class Echo:
    """A cancellable that is cancelled when another one is, but not before begin() is called.

    Some of GIO's functions, such as Gio.Subprocess.wait_async(), miss what is cancelled while they
    begin: what they are given must not be.
    """

    __slots__ = ('cancellable', 'outer', 'handler')

    def __init__(self, outer):
        self.cancellable = None if outer is None else Gio.Cancellable()
        self.outer = outer
        self.handler = 0

    def begin(self):
        if self.outer is None:
            return
        cancellable = self.cancellable
        self.handler = GObject.Object.connect(self.outer, 'cancelled',
                                              lambda _: cancellable.cancel())
        if self.outer.is_cancelled():
            cancellable.cancel()

    def end(self):
        outer, self.outer = self.outer, None
        if self.handler:
            GObject.Object.disconnect(outer, self.handler)
            self.handler = 0


def is_task_cancelled(task):
    """Whether a call that the task runs is cancelled, and the task about to be."""
    return any(watch.is_cancelled() and not watch.has_cancelled
               for watch in _watches.get(task, ()))


class Watch:
    """Cancels a task when a cancellable is."""

    def __init__(self, cancellable, loop, task, outermost=False):
        self.cancellable = cancellable
        self.loop = loop
        self.task = task
        self.handler = 0
        self.has_cancelled = False
        watches = _watches.setdefault(task, [])
        watches.insert(0 if outermost else len(watches), self)

    def begin(self):
        if self.cancellable is None:
            return
        self.handler = GObject.Object.connect(self.cancellable, 'cancelled', self.on_cancelled)
        if self.cancellable.is_cancelled():
            self.on_cancelled()

    def on_cancelled(self, *_):
        # In the thread that cancels.
        with contextlib.suppress(RuntimeError):  # the loop is closed
            self.loop.call_soon_threadsafe(self.cancel_task)

    def cancel_task(self):
        if not self.handler or self.has_cancelled:
            return
        # What an outer call of this task's is cancelled for is the outer one's affair.
        watches = _watches.get(self.task, ())
        outer = watches[:watches.index(self)]
        if not any(watch.is_cancelled() for watch in outer):
            self.has_cancelled = True
            self.task.cancel()

    def is_cancelled(self):
        return self.cancellable is not None and self.cancellable.is_cancelled()

    def end(self):
        if self.handler:
            GObject.Object.disconnect(self.cancellable, self.handler)
            self.handler = 0
        watches = _watches.get(self.task)
        if watches is not None and self in watches:
            watches.remove(self)
            if not watches:
                del _watches[self.task]


class CallWatch(Watch):
    """The same of a call, which is also cancelled when its task is."""

    def __init__(self, call, future, loop):
        super().__init__(call.get_cancellable(), loop, asyncio.current_task())
        self.future = future
        self.by_task = False
        # Requests that it has been told of, as in what clears up after one; not what is to come.
        self.n_before = self.task.cancelling() - interrupt.has_to_cancel(self.task)

    def cancel_task(self):
        if not self.by_task:
            super().cancel_task()

    def cancel_call(self, coroutine):
        """The task was cancelled: whether the call, whose coroutine this is, is then, too."""
        if self.has_cancelled:
            return True
        n_own = scopes.count_own_cancellations(self.task, coroutine)
        if self.task.cancelling() - self.n_before <= n_own:
            return False
        self.by_task = True
        self.future.cancel()
        return True

    def end(self):
        """Whether the call was cancelled, or took too long: not its task."""
        super().end()
        if self.has_cancelled:
            self.task.uncancel()
            return True
        return not self.by_task and self.future.done() and self.future.get_status() != _RESOLVED
