#!/usr/bin/env -S gjs -m
// SPDX-License-Identifier: LGPL-2.1-or-later

// smart-window: a window that stays alive while it loads.
//
// The load is an async function, for JavaScript cannot run on a worker: it works
// in small pieces, and lets the loop go on in between. One lock makes one load of
// ten clicks; the bar is bound to the progress of what each click waits for; to
// cancel makes all of them leave, and so ends the load.

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import GObject from 'gi://GObject';
import Gtk from 'gi://Gtk?version=4.0';
import Pango from 'gi://Pango';
import SmartAsync from 'gi://SmartAsync?version=1.0';
import System from 'system';

const CHUNK = new Uint8Array(64 * 1024);
const N_CHUNKS = 8192;

// The author's side: the SHA-256 of 512 MiB of zeros.

function nextIdle() {
    return new Promise(resolve => GLib.idle_add(GLib.PRIORITY_DEFAULT_IDLE, () => {
        resolve();
        return GLib.SOURCE_REMOVE;
    }));
}

const load = SmartAsync.smartasync(async () => {
    const call = SmartAsync.Call.get_current();
    const checksum = GLib.Checksum.new(GLib.ChecksumType.SHA256);
    for (let i = 1; i <= N_CHUNKS; i++) {
        checksum.update(CHUNK);
        // Some 2 ms of work.
        if (i % 8 === 0) {
            call.report_progress(i / N_CHUNKS);
            await nextIdle();
            call.get_cancellable().set_error_if_cancelled();
        }
    }
    return checksum.get_string();
});

// The window

const Window = GObject.registerClass(class Window extends Gtk.ApplicationWindow {
    constructor(application) {
        super({application, title: 'Smart Window', default_width: 420, default_height: 260});
        this.lock = new SmartAsync.SmartLock();
        this.cancellable = new Gio.Cancellable();
        this.told = [0, 0];  // calls and executions of the lock, when the last load was over
        this.nFrames = 0;

        this.bar = new Gtk.ProgressBar({show_text: true});
        this.label = new Gtk.Label({
            label: 'Click as often as you like.', vexpand: true, wrap: true, wrap_mode: Pango.WrapMode.CHAR,
        });
        const box = new Gtk.Box({
            orientation: Gtk.Orientation.VERTICAL, spacing: 12,
            margin_top: 12, margin_bottom: 12, margin_start: 12, margin_end: 12,
        });
        [new Gtk.Spinner({spinning: true}), this.bar, this.label, this.makeButtons()].forEach(
            widget => box.append(widget));
        this.set_child(box);
        this.add_tick_callback(() => {
            this.nFrames++;
            return GLib.SOURCE_CONTINUE;
        });
    }

    makeButtons() {
        const box = new Gtk.Box({spacing: 12, homogeneous: true});
        const handlers = {Load: () => this.onLoadClicked(), Cancel: () => this.onCancelClicked()};
        for (const [label, handler] of Object.entries(handlers)) {
            const button = new Gtk.Button({label});
            button.connect('clicked', handler);
            box.append(button);
        }
        return box;
    }

    async onLoadClicked() {
        const future = this.lock.run_once(null, load.func, null, [], this.cancellable);
        future.bind_property('progress', this.bar, 'fraction', GObject.BindingFlags.DEFAULT);
        this.label.set_text('Loading …');
        const outcome = await future.catch(error => error);
        // The last of those who waited tells what became of it.
        if (this.lock.n_waiters === 0 && this.lock.n_calls > this.told[0])
            this.showOutcome(outcome);
    }

    onCancelClicked() {
        this.cancellable.cancel();
        this.cancellable = new Gio.Cancellable();
    }

    showOutcome(outcome) {
        const counts = [this.lock.n_calls, this.lock.n_executions];
        const [nClicks, nLoads] = counts.map((now, i) => now - this.told[i]);
        const cancelled = outcome instanceof GLib.Error;
        this.label.set_text(`${cancelled ? outcome.message : outcome}\nClicks: ${nClicks}, loads: ${nLoads}`);
        print(`${cancelled ? 'cancelled' : outcome} clicks=${nClicks} loads=${nLoads} frames=${this.nFrames}`);
        this.told = counts;
        this.nFrames = 0;
    }
});

const application = new Gtk.Application({
    application_id: 'org.example.SmartWindow',
    flags: Gio.ApplicationFlags.NON_UNIQUE,
});
const quit = new Gio.SimpleAction({name: 'quit'});
quit.connect('activate', () => application.quit());
application.add_action(quit);
application.set_accels_for_action('app.quit', ['<Control>q']);
application.connect('activate', () => new Window(application).present());
System.exit(application.run([System.programInvocationName, ...ARGV]));
