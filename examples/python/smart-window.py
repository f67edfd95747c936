#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""smart-window: a window that stays alive while it loads.

The load is an ordinary blocking function, which runs on a worker since the click
is handled inside a running loop. One lock makes one load of ten clicks; the bar
is bound to the progress of what each click waits for; to cancel makes all of
them leave, and so ends the load.
"""

import signal
import sys

import gi

gi.require_version("Gtk", "4.0")
gi.require_version("SmartAsync", "1.0")
from gi.repository import Gio, GLib, GObject, Gtk, Pango, SmartAsync  # noqa: E402

CHUNK = bytes(64 * 1024)
N_CHUNKS = 8192


# The author's side: the SHA-256 of 512 MiB of zeros.


def load(call):
    checksum = GLib.Checksum.new(GLib.ChecksumType.SHA256)
    for i in range(1, N_CHUNKS + 1):
        if call.return_error_if_cancelled():
            return
        checksum.update(CHUNK)
        call.report_progress(i / N_CHUNKS)
    call.return_string(checksum.get_string())


# The window


class Window(Gtk.ApplicationWindow):
    def __init__(self, application):
        super().__init__(application=application, title="Smart Window", default_width=420, default_height=260)
        self.load = SmartAsync.AsyncFunc.new_blocking(load)
        self.load.set_name("load")
        self.lock = SmartAsync.Lock()
        self.cancellable = Gio.Cancellable()
        self.told = (0, 0)  # calls and executions of the lock, when the last load was over
        self.n_frames = 0

        self.bar = Gtk.ProgressBar(show_text=True)
        self.label = Gtk.Label(label="Click as often as you like.", vexpand=True, wrap=True)
        self.label.set_wrap_mode(Pango.WrapMode.CHAR)
        spinner = Gtk.Spinner(spinning=True)

        box = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=12)
        for margin in ("top", "bottom", "start", "end"):
            box.set_property(f"margin-{margin}", 12)
        for widget in (spinner, self.bar, self.label, self.make_buttons()):
            box.append(widget)
        self.set_child(box)
        self.add_tick_callback(self.on_frame)

    def make_buttons(self):
        box = Gtk.Box(spacing=12, homogeneous=True)
        for text, handler in (("Load", self.on_load_clicked), ("Cancel", self.on_cancel_clicked)):
            button = Gtk.Button(label=text)
            button.connect("clicked", handler)
            box.append(button)
        return box

    def on_load_clicked(self, _button):
        future = self.lock.run_once(None, self.load, None, [], self.cancellable)
        future.bind_property("progress", self.bar, "fraction", GObject.BindingFlags.DEFAULT)
        self.label.set_text("Loading …")
        future.add_done_callback(self.on_loaded)

    def on_cancel_clicked(self, _button):
        self.cancellable.cancel()
        self.cancellable = Gio.Cancellable()

    def on_loaded(self, future):
        try:
            outcome = future.result()
        except GLib.Error as error:
            outcome = error
        # The last of those who waited tells what became of it.
        if self.lock.props.n_waiters == 0 and self.lock.props.n_calls > self.told[0]:
            self.show_outcome(outcome)

    def show_outcome(self, outcome):
        counts = (self.lock.props.n_calls, self.lock.props.n_executions)
        n_clicks, n_loads = (now - before for now, before in zip(counts, self.told))
        cancelled = isinstance(outcome, GLib.Error)
        self.label.set_text(f"{outcome.message if cancelled else outcome}\nClicks: {n_clicks}, loads: {n_loads}")
        print("cancelled" if cancelled else outcome, f"clicks={n_clicks}", f"loads={n_loads}",
              f"frames={self.n_frames}", flush=True)
        self.told = counts
        self.n_frames = 0

    def on_frame(self, _widget, _clock):
        self.n_frames += 1
        return GLib.SOURCE_CONTINUE


class Application(Gtk.Application):
    def __init__(self):
        super().__init__(application_id="org.example.SmartWindow", flags=Gio.ApplicationFlags.NON_UNIQUE)
        quit_action = Gio.SimpleAction(name="quit")
        quit_action.connect("activate", lambda *_: self.quit())
        self.add_action(quit_action)
        self.set_accels_for_action("app.quit", ["<Control>q"])

    def do_activate(self):
        Window(self).present()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    sys.exit(Application().run(sys.argv))
