# SPDX-License-Identifier: LGPL-2.1-or-later

"""Drives coroutines where there is a GLib loop and no asyncio."""

import asyncio
import sys
from asyncio import _get_running_loop, _set_running_loop

import _smartasync_glib as native
import gi
from gi.repository import GLib, GObject, SmartAsync

from . import detect, errors, interrupt, under_asyncio
from .homes import within
from .work import fail, finish

_Async = getattr(gi._gi, 'Async', None)  # Gio's awaitables, in PyGObject 3.50 and newer

_ADVICE = ('needs asyncio, and GLib alone runs here; '
           + ('start the program with asyncio, by gi.events.GLibEventLoopPolicy'
              if gi.version_info >= (3, 50) else
              'PyGObject has asyncio for GLib from 3.50 on')
           + ', or use what the library has, such as SmartAsync.sleep()')


class LoopOfGLib(detect.LoopOfGLib):
    """What asyncio finds as its loop in a step of a coroutine that GLib drives.

    It is what PyGObject needs for Gio's awaitables. For anything else it says
    that there is no asyncio.
    """

    def __init__(self, context):
        self._context = context
        self.driver = None

    def call_soon(self, callback, *args, context=None):
        run_soon(self._context, lambda: context.run(callback, *args) if context else callback(*args))

    def call_exception_handler(self, details):
        if 'exception' in details:
            errors.report(details['exception'])

    def get_debug(self):
        return False

    def is_running(self):
        return True

    def see_to_generators(self, _=None):
        """Asynchronous ones, each of which has this called when it begins."""
        sys.set_asyncgen_hooks(self.see_to_generators, _Closer(self._context))

    def __getattr__(self, name):
        if name.startswith('__'):
            raise AttributeError(name)
        raise RuntimeError(f'asyncio ({name}) {_ADVICE}')


def _advise(error):
    """asyncio itself, as it finds no task, does not say why there is none."""
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    if (type(error) is RuntimeError and traceback is not None
            and traceback.tb_frame.f_globals.get('__package__') == 'asyncio'):
        note = f'asyncio {_ADVICE}'
        if note not in getattr(error, '__notes__', ()):
            error.add_note(note)


def run_soon(context, function):
    """Calls `function` in the next iteration of the context: the source that does."""
    def on_idle(*_):
        function()
        return GLib.SOURCE_REMOVE

    source = GLib.idle_source_new()
    source.set_priority(GLib.PRIORITY_DEFAULT)
    source.set_name('smartasync coroutine')
    source.set_callback(on_idle)
    source.attach(context)
    return source


class _Closer:
    """Closes the one generator that it is for, when that was left early: any thread may drop it.

    The generator has this for life, and waits in the context: it is not to hold that, too.
    """

    __slots__ = ('context',)

    def __init__(self, context):
        self.context = context

    def __call__(self, generator):
        context, self.context = self.context, None
        if not sys.is_finalizing():
            run_soon(context, lambda: _begin_to_close(generator))


def _begin_to_close(generator):
    from .function import smartasync

    # Its results come in that context, even where another one is this thread's default.
    context = GLib.main_current_source().get_context()
    with within(None if native.is_thread_default(context) else context):
        smartasync(_close)._begin((generator,), {})


async def _close(generator):
    await generator.aclose()


class Driver:
    """One coroutine. What it waits for keeps it alive."""

    def __init__(self, call, work, coroutine):
        self.call = call
        self.work = work
        self.coroutine = coroutine
        self.main_context = call.get_context()
        self.loop = LoopOfGLib(self.main_context)
        self.loop.driver = self
        self.waits_for = None
        self.handler = 0
        self.cancelling = None
        self.has_cancelled = False

    @interrupt.entry
    def step(self, error=None):
        """Runs it until it suspends or ends; whether it has ended."""
        outer = _get_running_loop()
        outer_hooks = sys.get_asyncgen_hooks()
        _set_running_loop(self.loop)
        self.loop.see_to_generators()
        try:
            if error is not None:
                yielded = self.work.context.run(self.coroutine.throw, error)
            else:
                yielded = self.work.context.run(self.coroutine.send, None)
        except StopIteration as stop:
            self.end()
            finish(self.call, self.work, stop.value)
        except BaseException as raised:
            self.end()
            _advise(raised)
            fail(self.call, self.work, raised)
        else:
            self.suspend(yielded)
            return False
        finally:
            _set_running_loop(outer)
            sys.set_asyncgen_hooks(*outer_hooks)
        return True

    def resume(self, error=None):
        """The same, after a suspension: in its call again."""
        self.waits_for = None
        # What it waited for may have been cancelled with it, and have told us first.
        if not self.has_cancelled and self.is_cancelled():
            self.has_cancelled = True
            error = asyncio.CancelledError()
        self.call.enter()
        try:
            has_ended = self.step(error)
        finally:
            self.call.leave()
        if has_ended:
            self.clear()

    def suspend(self, yielded):
        if not self.handler:
            self.watch_cancellable()
        if isinstance(yielded, SmartAsync.Future):
            self.waits_for = yielded
            native.wait(yielded, self.resume, None)
        elif yielded is None:
            run_soon(self.main_context, self.resume)
        elif _Async is not None and isinstance(yielded, _Async):
            self.waits_for = yielded
            yielded._asyncio_future_blocking = False
            yielded.add_done_callback(lambda _: self.resume(), context=self.work.context.copy())
        else:
            error = RuntimeError(f'{yielded!r} {_ADVICE}')
            run_soon(self.main_context, lambda: self.resume(error))
        self.cancel()

    # Cancellation: of the call's cancellable, from any thread

    def watch_cancellable(self):
        cancellable = self.call.get_cancellable()
        if cancellable is None:
            return
        self.handler = GObject.Object.connect(cancellable, 'cancelled', self.on_cancelled)
        if cancellable.is_cancelled():
            self.on_cancelled(cancellable)

    def on_cancelled(self, _):
        if self.cancelling is not None:  # twice, where it was cancelled as we began to watch
            self.cancelling.destroy()
        self.cancelling = run_soon(self.main_context, self.cancel)
        # Either end() sees the source, or this that it has been there: a context that nobody
        # iterates any more would keep all that the source holds, itself among it.
        if not self.handler:
            self.cancelling.destroy()

    def is_cancelled(self):
        cancellable = self.call.get_cancellable()
        return cancellable is not None and cancellable.is_cancelled()

    def cancel(self):
        """What it waits for ends early, and then it is told."""
        if (self.waits_for is not None and self.handler and not self.has_cancelled
                and self.is_cancelled()):
            self.waits_for.cancel()

    def end(self):
        self.loop.driver = None
        if self.handler:
            GObject.Object.disconnect(self.call.get_cancellable(), self.handler)
            self.handler = 0
            if self.cancelling is not None:
                self.cancelling.destroy()

    def clear(self):
        """What it has raised has frames that hold this: they are not to hold the call."""
        self.call = self.work = self.coroutine = None


@interrupt.entry
def begin_coroutine(call, work):
    """The asynchronous body of every coroutine function."""
    if work.granted is not None:
        under_asyncio.begin_here(call, work)
        return
    loop = detect.get_asyncio_loop()
    try:
        if loop is not None:
            under_asyncio.begin_task(loop, call, work)
            return
        coroutine = work.begin(call)
    except BaseException as error:
        fail(call, work, error)
        return
    driver = Driver(call, work, coroutine)
    call = work = coroutine = None
    if driver.step():
        driver.clear()
