# SPDX-License-Identifier: LGPL-2.1-or-later

"""A thread's own asyncio loops, in which sync callers have coroutines run.

Such a loop is asyncio's, but for the place where it waits: there it iterates a
GMainContext of its own as well. So what is asyncio's, GIO's and the library's
settles in it alike, with every release of PyGObject. As for PyGObject's
GLibEventLoop, the context is its `_context`, by which Gio's awaitables know it;
but there is nothing to set up and to tear down for each run, which is what
makes GLibEventLoop take ten times as long as asyncio for a short one.

Little of it is made before it is needed, and on a worker mostly nothing is: a
coroutine is driven without the loop as long as it awaits nothing but the
library's futures, and then the context alone is iterated. It is the running
loop all the same; once there is something that it has to do, it takes over.

A thread keeps its loops, one for each depth of nested sync calls; they are closed
when Python clears what it knows of the thread. Those that Python has not started
share some.
"""

import asyncio
import collections.abc
import os
import selectors
import signal
import threading
import time
import types
import weakref
from asyncio import _get_running_loop, _set_running_loop
from asyncio.tasks import _enter_task, _leave_task, current_task

import _smartasync_glib as native
from _smartasync_glib import run_coroutine  # noqa: F401: what this module is for
from gi.repository import Gio, GLib

from . import errors, interrupt
from .cancellation import Watch
from .homes import make_singletons

# So many iterations a loop is given for what a body leaves behind. What is not
# done by then goes on at this thread's next sync call.
MAX_DRAIN = 16

# So many idle ones are kept for threads that Python has not started.
MAX_SHARED = 8

# So long, in seconds, a body that has taken too long may take to end.
GRACE = 0.02

# So long, in milliseconds, it waits until it looks again whether it may iterate its caller's context.
LOOK = 10

# What has to be iterated for a future: see smart_future_begin_wait().
HERE, AT_CALLER, FOR_CALLER = range(3)

_NOTHING = object()


class Deadline:
    """When a run has to be over, and what it cancels then."""

    __slots__ = ('time', 'cancellable', 'passed')

    def __init__(self, seconds):
        self.time = time.monotonic() + seconds
        self.cancellable = Gio.Cancellable()
        self.passed = False


class _Selector(selectors.BaseSelector):
    """Waits for the sources of a GMainContext, and for file descriptors once there are any."""

    def __init__(self, context):
        self._context = context
        self._files = None  # a selector of the kernel's
        self.may_wait = None  # to be called before it waits, which it does not where that says no
        self.wait_for_root = None  # waits in another way, or says that it has not

    # File descriptors

    def _get_files(self):
        if self._files is None:
            self._files = selectors.EpollSelector()
        return self._files

    def register(self, fileobj, events, data=None):
        return self._get_files().register(fileobj, events, data)

    def unregister(self, fileobj):
        return self._get_files().unregister(fileobj)

    def modify(self, fileobj, events, data=None):
        return self._get_files().modify(fileobj, events, data)

    def get_map(self):
        return self._get_files().get_map()

    def count_files(self):
        return len(self._files.get_map()) if self._files is not None else 0

    def close(self):
        self.may_wait = self.wait_for_root = None
        if self._files is not None:
            self._files.close()

    # Waiting

    def select(self, timeout=None):
        if (timeout is not None and timeout <= 0) or not self.may_wait():
            native.iterate(self._context, False)
        elif timeout is not None or not self.wait_for_root():
            self.wait(-1 if timeout is None else _to_milliseconds(timeout))
        return self._files.select(0) if self._files is not None else ()

    def wait(self, milliseconds=-1):
        if milliseconds < 0 and self._files is None:
            native.iterate(self._context, True)
        else:
            native.iterate_with(self._context, milliseconds, self.get_descriptor())

    def get_descriptor(self):
        return -1 if self._files is None else self._files.fileno()


def _to_milliseconds(seconds):
    return min(int(seconds * 1000) + 1, GLib.MAXINT)


class _Run(collections.abc.Coroutine):
    """What the task of a run executes: a coroutine that has begun already."""

    __slots__ = ('loop', 'coroutine', 'context', 'first', 'awaited', '__weakref__')

    def send(self, value):
        if self.first is not _NOTHING:
            self.awaited, self.first = self.first, _NOTHING
            return self.awaited
        self.awaited = None
        self.awaited = self.context.run(self.coroutine.send, value)
        return self.awaited

    def throw(self, error, *more):
        awaited, self.awaited, self.first = self.awaited, None, _NOTHING
        if type(error) is RuntimeError:
            error = self.loop.explain(error, awaited)
        self.awaited = self.context.run(self.coroutine.throw, error, *more)
        return self.awaited

    def close(self):
        self.coroutine.close()

    def __await__(self):
        raise RuntimeError('this is for its task alone')

    def __repr__(self):
        return repr(self.coroutine)


def may_wait_outside(loop, future):
    """Whether wait_outside() can be awaited here."""
    return type(loop) is ThreadLoop and loop.drives_here() and not future.done()


@types.coroutine
def wait_outside(future):
    """Until it is settled, or until the loop is needed: mostly there is nothing that it would do."""
    yield native.Outside(future)


def _nothing(*_):
    pass


class ThreadLoop(native.Loop, asyncio.SelectorEventLoop):
    """See above."""

    def __init__(self):
        interrupt.call(make_singletons)  # which makes types of PyGObject's
        self._context = GLib.MainContext.new()
        super().__init__(_Selector(self._context))
        self._firstiter = self._asyncgen_firstiter_hook
        self._finalizer = self._asyncgen_finalizer_hook
        self._thread = threading.get_ident()
        self._is_main = self._thread == threading.main_thread().ident
        self._outer = None  # the loop that waits for this one to come to an end
        self._outer_task = None  # the task of that one which does
        self._task = None   # what runs meanwhile on the main thread
        self._run_here = None  # the _Run of its root task, while run_forever() runs that
        self._others = None  # its other tasks
        self._refusal = None  # of a wait
        self._settlings = {}  # asyncio's futures, each with the library's that settles it
        self._wakeup_fd = None  # what signals were written to before, while this loop waits for them
        self._selector.may_wait = self._may_wait
        self._selector.wait_for_root = self._wait_for_root

    # Waking it up: its context is, and only signals need what is written to

    _ssock = _csock = None

    def _make_self_pipe(self):
        """There is none as yet."""

    def _close_self_pipe(self):
        if self._csock is not None:
            super()._close_self_pipe()

    def _need_self_pipe(self):
        if self._csock is None:
            super()._make_self_pipe()

    def _write_to_self(self):
        context = self._context  # not to be freed meanwhile
        if context is not None:
            native.wake_up(context)

    def add_signal_handler(self, *args):
        self._need_self_pipe()
        return super().add_signal_handler(*args)

    # What it waits for, as the library is to know

    def create_task(self, coroutine, **options):
        task = super().create_task(coroutine, **options)
        if self._others is None:
            self._others = weakref.WeakSet()
        self._others.add(task)
        return task

    def _has_other_tasks(self):
        return self._others is not None and not all(task.done() for task in self._others)

    def add_settling(self, waiter, future):
        """While a task waits for `waiter`, it waits for that future of the library's."""
        self._settlings[waiter] = future

    def remove_settling(self, waiter):
        self._settlings.pop(waiter, None)

    def _wait_for_root(self):
        """Waits, where nothing can go on here but what the root task awaits: whether it has.

        That is as good as a wait of the library's: it is known, refused where it would never end,
        and what nobody else iterates, the caller's main context, is iterated.
        """
        run = self._run_here
        waiter = run.awaited if run is not None else None
        future = self._settlings.get(waiter) if waiter is not None else None
        if (future is None or self._has_other_tasks()
                or self._selector.count_files() > (self._csock is not None)):
            return False
        try:
            place = self._begin_known_wait(future)
            if place is None:
                # The task hears of it. What it waited for is as before.
                waiter.set_exception(self._refusal)
            elif place == AT_CALLER:
                self._wait_at_caller()
            else:
                self._selector.wait(LOOK if place == FOR_CALLER else -1)
        finally:
            self._refusal = None
            self._end_wait()
        return True

    def _begin_known_wait(self, future):
        """What has to be iterated for it, or None where it is refused."""
        try:
            return self._begin_wait(future)
        except GLib.Error as error:
            self._refusal = error
            return None

    def _wait_at_caller(self):
        self._poll_caller(self._selector.get_descriptor())
        native.iterate(self._context, False)
        try:
            # There no loop of asyncio's runs.
            _set_running_loop(None)
            self._iterate_caller()
        finally:
            _set_running_loop(self)

    # Running

    def run_within(self, coroutine, cancellable, deadline):
        """The same as _run(), where another loop runs already."""
        outer = _get_running_loop()
        outer_task = current_task(outer)
        if outer_task is not None:
            _leave_task(outer, outer_task)
        _set_running_loop(None)
        self._outer, self._outer_task = outer, outer_task
        try:
            return self._run(coroutine, cancellable, deadline)
        finally:
            self._outer = self._outer_task = None
            _set_running_loop(outer)
            if outer_task is not None:
                _enter_task(outer, outer_task)

    def _end_watch(self):
        watch, self._watch = self._watch, None
        if watch is not None:
            watch.end()

    def drives_here(self):
        """Whether this is the coroutine that is driven without the loop, which has nothing to do."""
        return self._root is not None and self._has_nothing_to_do() and current_task(self) is self._root

    def _has_nothing_to_do(self):
        return not (self._ready or self._scheduled or self._selector.count_files())

    def _wait_outside(self, task, future, cancellable):
        """Iterates the context until the future is settled, or the loop has something to do."""
        try:
            # To what is refused, or needs more than this, _wait_for_root() sees.
            if not self._has_other_tasks() and self._begin_known_wait(future) != HERE:
                return
            self._iterate_outside(task, future, cancellable)
        finally:
            self._refusal = None
            self._end_wait()
        if cancellable.is_cancelled() and self._watch is None:
            self._begin_watch(task, cancellable)

    def _iterate_outside(self, task, future, cancellable):
        handler = cancellable.connect_wakeup(self._context)
        _leave_task(self, task)
        try:
            native.wait(future, _nothing, None)  # where it is settled, the context is woken up
            while not (future.done() or cancellable.is_cancelled()) and self._has_nothing_to_do():
                native.iterate(self._context, True)
        finally:
            _enter_task(self, task)
            cancellable.disconnect(handler)

    def _begin_watch(self, task, cancellable):
        self._watch = Watch(cancellable.get(), self, task, outermost=True)
        self._watch.begin()

    def _go_on(self, task, coroutine, context, yielded, cancellable, deadline):
        self._spare = None
        run = self._spare_run
        run.coroutine, run.context, run.first = coroutine, context, yielded
        task._log_destroy_pending = True
        task.add_done_callback(self._on_done)
        callback, step_context = self._spare_step
        self._spare_run = self._spare_step = None
        self.call_soon(callback, context=step_context)

        self._run_here = run
        if self._is_main:
            self._task = task
        if self._watch is None and cancellable.address:
            self._begin_watch(task, cancellable)
        timer = None if deadline is None else self.call_at(deadline.time, self._on_deadline,
                                                           deadline, task)
        relay = interrupt.LoopRelay(task, _go_on_code) if self._is_main else None
        try:
            self.run_forever()
        except BaseException:
            if not task.done():
                # As asyncio.run() does: the body sees that it is cancelled.
                task.cancel()
                self.run_forever()
            # What the body itself has raised, such as SystemExit, comes both ways.
            if task.done() and not task.cancelled():
                task.exception()  # seen
            raise
        finally:
            self._task = self._run_here = None
            self._end_watch()
            if timer is not None:
                timer.cancel()
            if self._wakeup_fd is not None:
                signal.set_wakeup_fd(self._wakeup_fd)
                self._wakeup_fd = None
            if relay is not None:
                relay.end()
        if self._ready:
            self._drain()
        if relay is not None and relay.raised is not None:
            if task.done() and not task.cancelled():
                task.exception()  # seen
            raise relay.raised
        if deadline is not None and deadline.passed:
            if task.done() and not task.cancelled():
                task.exception()  # seen
            raise errors.make_timed_out()
        return task.result()

    def explain(self, error, awaited):
        """What asyncio refuses to await here may be what can never be done while this loop runs."""
        if not asyncio.isfuture(awaited):
            return error
        needed, loop = awaited.get_loop(), self
        while isinstance(loop, ThreadLoop):
            loop = loop._outer
            if loop is needed:
                # asyncio has left it as if somebody were about to await it.
                awaited._asyncio_future_blocking = False
                return errors.make_would_deadlock(awaited, needed)
        return error

    def _on_done(self, task):
        # What these end is over by now, and the next run is not to be stopped.
        if task.cancelled() or not isinstance(task.exception(), (KeyboardInterrupt, SystemExit)):
            self.stop()

    def _on_deadline(self, deadline, task):
        """The call is cancelled; the body gets a moment to end, and goes on without us if not."""
        deadline.passed = True
        deadline.cancellable.cancel()
        self.call_later(GRACE, self._on_grace_over, task)

    def _on_grace_over(self, task):
        if not task.done():
            task.remove_done_callback(self._on_done)
            self.stop()

    def _make_spare(self):
        """A task whose first step nobody has scheduled yet."""
        steps = []

        def keep(callback, *_, context=None):
            steps.append((callback, context))

        self._spare_run = run = _Run()
        run.loop = self
        run.coroutine = run.context = run.awaited = None
        self.call_soon = keep
        try:
            self._spare = asyncio.Task(self._spare_run, loop=self)
        finally:
            del self.call_soon
        self._spare_step = steps[0]
        self._spare._log_destroy_pending = False
        return self._spare

    def _may_wait(self):
        """Before it waits: whether there is nothing to do. From then on signals wake it up."""
        if self._is_main and self._wakeup_fd is None:
            self._need_self_pipe()
            self._wakeup_fd = signal.set_wakeup_fd(self._csock.fileno(), warn_on_full_buffer=False)
            # What came before.
            interrupt.check()
            self._look_at_outer_task()
        return not self._ready

    def _process_self_data(self, data):
        """Signals have come, and their handlers have run."""
        super()._process_self_data(data)
        self._look_at_outer_task()

    def _look_at_outer_task(self):
        """On Ctrl-C asyncio.run() cancels its task, which cannot be told as long as it waits here."""
        if self._task is not None and interrupt.has_to_cancel(self._outer_task):
            self._task.cancel()

    def _drain(self):
        """Lets what is ready go on for a while."""
        for _ in range(MAX_DRAIN):
            self.stop()
            self.run_forever()
            if not self._ready:
                break

    # Ending

    def end(self):
        """Closes it, with what is left in it."""
        if not self.is_closed() and not self.is_running():
            self.close()
            # The context, which has a descriptor, is not to wait for the collector.
            self._context = self._spare = self._spare_run = self._spare_step = None

    def is_clean(self):
        """Whether nothing is left in it, but for what only waits for others."""
        return self._has_nothing_to_do() and not (self._asyncgens or self._default_executor)


_go_on_code = ThreadLoop._go_on.__code__


class _Loops(native.Loops):
    """A thread's loops that are not in use.

    They are closed when the thread ends; the main thread's when the interpreter is cleared, after
    the builtins are gone.
    """

    def __init__(self):
        self.process = os.getpid()

    def take(self):
        return self.pop() or ThreadLoop()

    def reset(self):
        while loop := self.pop():
            loop.end()

    def __del__(self, getpid=os.getpid):
        if self.process == getpid():
            self.reset()
            return
        # What a parent's loops are registered for, in the kernel, is still the parent's: they
        # must not even be freed.
        while loop := self.pop():
            native.keep(loop)


class _SharedLoops(_Loops):
    """Those of all threads that Python has not started, such as the library's workers.

    What is Python's of such a thread lasts for one callback, and ends where nothing may be freed
    that takes the interpreter's lock: older releases of Python crash.
    """

    def take(self):
        loop = super().take()
        loop._thread = threading.get_ident()
        return loop

    def give_back(self, loop):
        if len(self) < MAX_SHARED and loop.is_clean():
            self.push(loop)
        else:
            loop.end()


_shared = _SharedLoops()


def _choose_loops():
    thread = threading._active.get(threading.get_ident())
    if thread is None or isinstance(thread, threading._DummyThread):
        return _shared
    return _Loops()


def reset():
    """Closes the loops that are not in use: this thread's, and those that threads share."""
    native.get_loops().reset()
    _shared.reset()


def _abandon():
    global _shared
    native.forget_loops()
    _shared = _SharedLoops()


os.register_at_fork(after_in_child=_abandon)


native.set_hooks(choose_loops=_choose_loops, own_loops=_Loops)
