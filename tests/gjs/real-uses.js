// SPDX-License-Identifier: LGPL-2.1-or-later

// What applications do: a GTK 4 window, a download, D-Bus calls and signals.
// Each function is written once, and called from a script and from a loop.

import Gdk from 'gi://Gdk?version=4.0';
import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import GObject from 'gi://GObject';
import Gtk from 'gi://Gtk?version=4.0';
import Soup from 'gi://Soup?version=3.0';
import SmartAsync from 'gi://SmartAsync?version=1.0';
import SmartFixture from 'gi://SmartFixture?version=1.0';

import * as h from './harness.js';
import {startServices} from './services-client.js';
import {assert, assertEqual, test} from './harness.js';

const {SmartLock, smartasync} = SmartAsync;
const {Gate} = SmartFixture;
const {services, stop} = startServices();

Gtk.init();

/* A window */

// Shows a window, has act(window) do its work, and closes it.
function inWindow(act) {
    const application = new Gtk.Application({flags: Gio.ApplicationFlags.NON_UNIQUE});
    let outcome = null;
    application.connect('activate', () => {
        const window = new Gtk.ApplicationWindow({application, title: 'Smart', default_width: 200});
        act(window)
            .then(value => (outcome = {value}), error => (outcome = {error}))
            .finally(() => window.close());
        window.present();
    });
    assertEqual(application.run([]), 0);
    if (outcome.error)
        throw outcome.error;
    return outcome.value;
}

test('/gjs/real/gtk/stays-alive', () => inWindow(async window => {
    // A click calls a blocking function: its body is on a worker, and frames go on.
    const gate = new Gate();
    const [load, probe] = h.makeProbe(h.BLOCKING, {gate});
    const button = new Gtk.Button({label: 'Load'});
    window.set_child(button);
    const clicked = new Promise(resolve => button.connect('clicked', () =>
        resolve(smartasync(load)('loaded'))));
    button.emit('clicked');
    await h.until(() => probe.get_n_begun() === 1, 'the body');
    let frames = 0;
    window.add_tick_callback(() => {
        frames++;
        return GLib.SOURCE_CONTINUE;
    });
    await h.until(() => frames > 3, 'frames');
    gate.open();
    button.set_label(await clicked);
    assertEqual(button.get_label(), 'loaded');
    assert(h.sightsOf(probe)[0].thread !== h.mainThread);
}));

test('/gjs/real/gtk/progress', () => inWindow(async window => {
    const bar = new Gtk.ProgressBar();
    window.set_child(bar);
    const gate = new Gate();
    const [load] = h.makeProbe(h.BLOCKING, {act: SmartFixture.Act.PROGRESS, gate});
    const future = h.call(load, [7]);
    future.bind_property('progress', bar, 'fraction', GObject.BindingFlags.DEFAULT);
    const result = future.then(value => value);
    gate.open();
    assertEqual(await result, 7);
    assertEqual(bar.get_fraction(), 1);
}));

test('/gjs/real/gtk/one-load', () => inWindow(async window => {
    const lock = new SmartLock();
    const gate = new Gate();
    const [load, probe] = h.makeProbe(h.BLOCKING, {gate});
    const button = new Gtk.Button({label: 'Load'});
    window.set_child(button);
    const results = [];
    button.connect('clicked', () => lock.run_once('data', smartasync(load), 7).then(
        value => results.push(value), error => results.push(error)));
    for (let i = 0; i < 10; i++)
        button.emit('clicked');
    assertEqual(lock.n_waiters, 10);
    gate.open();
    await h.until(() => results.length === 10, 'ten results');
    assert(results.every(result => result === 7));
    assertEqual(probe.get_n_begun(), 1);
}));

test('/gjs/real/gtk/widget', () => inWindow(async window => {
    // A blocking function is not offloaded with a widget; one in JavaScript stays here.
    const [func, probe] = h.makeProbe(h.BLOCKING);
    await h.assertRejects('WRONG_THREAD', h.settled(h.call(func, [], null, window)));
    assertEqual(probe.get_n_begun(), 0);
    const title = smartasync(() => [window.get_title(), h.thread()]);
    h.assertList(await title(), ['Smart', h.mainThread]);
}));

test('/gjs/real/gtk/clipboard', () => {
    // GDK's pairs need the default context's events, also in a script.
    const clipboard = Gdk.Display.get_default().get_clipboard();
    clipboard.set_content(Gdk.ContentProvider.new_for_value('Grüße'));
    const smart = SmartAsync.of(clipboard);
    assertEqual(smart.read_text(null), 'Grüße');
    assertEqual(inWindow(() => smart.read_text(null)), 'Grüße');
    assertEqual(inWindow(async () => h.inCallback(() => smart.read_text.sync(null))), 'Grüße');
});

/* A download, into a file, with progress */

const download = smartasync(async (uri, file, onProgress) => {
    const session = new Soup.Session();
    const message = Soup.Message.new('GET', uri);
    const input = SmartAsync.of(await SmartAsync.of(session).send(message, null));
    const output = SmartAsync.of(await SmartAsync.of(file)
        .replace(null, false, Gio.FileCreateFlags.NONE, null));
    const total = message.get_response_headers().get_content_length();
    for (let done = 0; ;) {
        const bytes = await input.read_bytes(8192, null);
        if (bytes.get_size() === 0)
            break;
        await output.write_bytes(bytes, null);
        done += bytes.get_size();
        onProgress(done / total);
    }
    await output.close(null);
    return total;
});

function checkDownload(run) {
    const [file, stream] = Gio.File.new_tmp('smart-gjs-XXXXXX');
    stream.close(null);
    const progress = [];
    try {
        assertEqual(run(() => download(`${services.http}file`, file, done => progress.push(done))), 409600);
        assert(progress.length > 1 && progress[progress.length - 1] === 1);
        const [, bytes] = file.load_contents(null);
        assertEqual(bytes.length, 409600);
        assert(bytes.every(byte => byte === 7));
    } finally {
        file.delete(null);
    }
}

test('/gjs/real/soup/script', () => checkDownload(run => run()));
test('/gjs/real/soup/loop', () => checkDownload(h.inLoop));
test('/gjs/real/soup/window', () => checkDownload(run => inWindow(async () => run())));

test('/gjs/real/soup/refused', () => {
    // Nobody listens there.
    const get = smartasync(async () => SmartAsync.of(new Soup.Session())
        .send_and_read(Soup.Message.new('GET', 'http://127.0.0.1:1/'), null));
    h.assertThrows(Gio.IOErrorEnum.CONNECTION_REFUSED, get);
    h.inLoop(() => h.assertRejects(Gio.IOErrorEnum.CONNECTION_REFUSED, get()));
});

/* D-Bus */

const newProxy = SmartAsync.wrap(Gio.DBusProxy, 'new_for_bus');

const ping = smartasync(async text => {
    const proxy = await newProxy(Gio.BusType.SESSION, Gio.DBusProxyFlags.NONE, null, services.name,
        '/org/example/SmartTest', 'org.example.SmartTest', null);
    const reply = await SmartAsync.of(proxy).call('Ping', new GLib.Variant('(s)', [text]),
        Gio.DBusCallFlags.NONE, -1, null);
    return reply.deepUnpack()[0];
});

test('/gjs/real/dbus/call', () => {
    assertEqual(ping('Grüße'), 'Grüße');
    assertEqual(h.inLoop(() => ping('Grüße')), 'Grüße');
});

test('/gjs/real/dbus/signal', () => {
    // Made in a script, and still told of signals in the loop that runs later.
    const proxy = newProxy(Gio.BusType.SESSION, Gio.DBusProxyFlags.NONE, null, services.name,
        '/org/example/SmartTest', 'org.example.SmartTest', null);
    let emitted = 0;
    proxy.connect('g-signal', (_, sender, name) => {
        assertEqual(name, 'Emitted');
        emitted++;
    });
    const smart = SmartAsync.of(proxy);
    smart.call('Emit', null, Gio.DBusCallFlags.NONE, -1, null);
    h.inLoop(async () => {
        await smart.call('Emit', null, Gio.DBusCallFlags.NONE, -1, null);
        await h.until(() => emitted === 2, 'two signals');
    });
});

test('/gjs/real/dbus/error', () => {
    const proxy = SmartAsync.of(newProxy(Gio.BusType.SESSION, Gio.DBusProxyFlags.NONE, null, services.name,
        '/org/example/SmartTest', 'org.example.SmartTest', null));
    const call = () => proxy.call('Missing', null, Gio.DBusCallFlags.NONE, -1, null);
    const isUnknown = error => error instanceof GLib.Error &&
        error.matches(Gio.DBusError, Gio.DBusError.UNKNOWN_METHOD);
    let caught = null;
    try {
        call();
    } catch (error) {
        caught = error;
    }
    assert(isUnknown(caught), `${caught}`);
    assert(isUnknown(h.inLoop(() => call().catch(error => error))));
});

h.run(ARGV, stop);
