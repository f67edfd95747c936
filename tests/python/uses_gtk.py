#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later

"""A GTK 4 window, with and without asyncio. Needs a display."""

import asyncio
import threading
import time
import warnings
from pathlib import Path

import gi

import harness
from harness import expect_strays, test, until

gi.require_version('Gdk', '4.0')
gi.require_version('Gtk', '4.0')
from gi.repository import Gdk, Gio, GLib, Gtk, SmartAsync

smartasync = SmartAsync.smartasync


@smartasync
def count_words(text, gate):
    """What takes long, and must not keep the window from drawing."""
    assert threading.current_thread() is not threading.main_thread()
    if gate is not None:
        gate.wait()
    return len(text.split())


class Window(Gtk.ApplicationWindow):
    def __init__(self, **properties):
        super().__init__(**properties)
        self.button = Gtk.Button(label='Count')
        self.label = Gtk.Label()
        box = Gtk.Box()
        box.append(self.button)
        box.append(self.label)
        self.set_child(box)
        self.button.connect('clicked', self.on_clicked)
        self.lock = SmartAsync.SmartLock()
        self.n_loads = 0
        self.history = []
        self.gate = None  # to be opened before counting ends

    @smartasync
    async def load(self):
        self.n_loads += 1
        file = Gio.File.new_for_path(__file__)
        ok, contents, _ = await smartasync(file.load_contents)(None)
        await SmartAsync.sleep(0.01)
        return bytes(contents).decode()

    # Connected as it is: it starts by itself, and nobody has to keep what it returns.
    @smartasync
    async def on_clicked(self, button):
        assert Gtk.Widget.get_root(button) is self
        button.set_sensitive(False)
        text = await self.lock.run_once(self.load)
        n = await count_words(text, self.gate)
        assert threading.current_thread() is threading.main_thread()
        self.label.set_label(f'{n} words')
        self.history.append(n)
        button.set_sensitive(True)


class Application(Gtk.Application):
    """Runs `scenario` with a window, and ends when that is over."""

    def __init__(self, scenario):
        super().__init__(flags=Gio.ApplicationFlags.NON_UNIQUE)
        self.scenario = scenario
        self.error = None
        self.over = False

    def do_activate(self):
        self.window = Window(application=self)
        self.window.present()
        GLib.timeout_add_seconds(harness.DEADLINE, self.end, AssertionError('it took too long'))
        self.run_scenario()

    @smartasync
    async def run_scenario(self):
        try:
            await self.scenario(self.window)
            self.end(None)
        except BaseException as error:
            self.end(error)

    def end(self, error):
        if not self.over:
            self.over = True
            self.error = error
            self.window.destroy()
            self.quit()
        return GLib.SOURCE_REMOVE


def run(scenario):
    application = Application(scenario)
    assert application.run([]) == 0
    assert application.over
    if application.error is not None:
        raise application.error


EXPECTED = len(Path(__file__).read_text(encoding='utf-8').split())


def emit_clicked(window):
    """As GTK does it: in a callback, where no task is at work."""
    # A loop of PyGObject's that has short timers leaves no time for idle sources of their own priority.
    GLib.idle_add(lambda: window.button.emit('clicked') and GLib.SOURCE_REMOVE,
                  priority=GLib.PRIORITY_DEFAULT)


async def click(window):
    def on_tick():
        ticks.append(1)
        if len(ticks) > 3:
            window.gate.open()
        return True

    # The loop goes on meanwhile, or this never ends.
    ticks, window.gate = [], harness.Gate()
    timer = GLib.timeout_add(1, on_tick)
    n = len(window.history)
    emit_clicked(window)
    await until(lambda: len(window.history) > n and window.button.get_sensitive())
    assert window.label.get_label() == f'{EXPECTED} words'
    GLib.source_remove(timer)


async def click_often(window):
    for _ in range(10):
        emit_clicked(window)
    await until(lambda: len(window.history) == 10)
    assert window.history == [EXPECTED] * 10
    assert window.n_loads == 1, window.n_loads


async def cancel(window):
    task = window.load()
    task.cancel()
    try:
        await task
    except (GLib.Error, asyncio.CancelledError):
        return
    raise AssertionError('it was not cancelled')


@test('/python/uses/gtk/click', main_only=True)
def window_without_asyncio():
    run(click)


@test('/python/uses/gtk/click-often', main_only=True)
def one_load_for_ten_clicks():
    run(click_often)


@test('/python/uses/gtk/cancel', main_only=True)
def cancel_without_asyncio():
    run(cancel)


@test('/python/uses/gtk/exception', main_only=True)
def exception_is_reported():
    class Oops(Exception):
        pass

    async def scenario(window):
        @smartasync
        async def on_notify(*_):
            await SmartAsync.sleep(0.001)
            raise Oops()

        window.connect('notify::title', on_notify)
        window.set_title('new')
        deadline = harness.get_deadline()
        while not harness.strays.seen and time.monotonic() < deadline:
            await SmartAsync.sleep(0.001)

    with expect_strays(Oops):
        run(scenario)


@test('/python/uses/gtk/needs-asyncio', main_only=True)
def asyncio_is_missed():
    async def scenario(window):
        try:
            await asyncio.sleep(0.01)
        except RuntimeError as error:
            # It says what to do, where something can be done.
            assert 'asyncio' in str(error) and 'PyGObject' in str(error) \
                or 'gi.events' in str(error), error
        else:
            raise AssertionError('asyncio.sleep() worked without asyncio')

    run(scenario)


@test('/python/uses/gtk/clipboard', main_only=True)
def clipboard_from_a_script():
    """A sync call of Gdk's functions iterates the default context, where all of GTK waits."""
    Gtk.init()
    clipboard, n = Gdk.Display.get_default().get_clipboard(), harness.Counter()
    clipboard.set_content(Gdk.ContentProvider.new_for_value('Grüße'))
    read = smartasync(clipboard.read_text_async)
    ticking = GLib.timeout_add(0, lambda: n.add() > 0)
    assert read(None) == 'Grüße' and n.value > 0
    GLib.source_remove(ticking)

    async def scenario(window):
        assert await read(None) == 'Grüße'

    run(scenario)


async def with_asyncio(window):
    # All of asyncio is there, and all of ours.
    await asyncio.sleep(0.001)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(window.load()) for _ in range(3)]
    assert len({task.result() for task in tasks}) == 1
    async with asyncio.timeout(harness.DEADLINE):
        await click(window)


def run_with_asyncio(scenario):
    """The application within a GLib loop for asyncio."""
    from gi.events import GLibEventLoopPolicy
    with warnings.catch_warnings():
        # CPython 3.14 has no other way that PyGObject knows.
        warnings.simplefilter('ignore', DeprecationWarning)
        asyncio.set_event_loop_policy(GLibEventLoopPolicy())
        try:
            run(scenario)
        finally:
            asyncio.set_event_loop_policy(None)


@test('/python/uses/gtk/asyncio', main_only=True)
def window_with_asyncio():
    if 'glib' in harness.LOOPS:
        run_with_asyncio(with_asyncio)
        return

    # PyGObject has no asyncio for GLib here: on a worker it is the thread's own.
    @smartasync
    async def of_asyncio(n):
        await asyncio.sleep(0.001)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(asyncio.sleep(0, i)) for i in range(n)]
        return sum(task.result() for task in tasks)

    @smartasync
    def on_worker(n):
        return of_asyncio(n)

    async def scenario(window):
        assert await on_worker(4) == 6
        await click(window)

    run(scenario)


if __name__ == '__main__':
    harness.main()
