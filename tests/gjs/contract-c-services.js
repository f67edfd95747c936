// SPDX-License-Identifier: LGPL-2.1-or-later

// The contract's C7, and what of C4 needs a connection: services that a body
// talks to. They are a process of their own.

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import Soup from 'gi://Soup?version=3.0';
import SmartAsync from 'gi://SmartAsync?version=1.0';
import SmartFixture from 'gi://SmartFixture?version=1.0';

import * as h from './harness.js';
import {startServices} from './services-client.js';
import {assert, assertEqual, contract} from './harness.js';

const {AsyncFunc, Executor, MainContextPolicy, smartasync} = SmartAsync;
const PATH = '/org/example/SmartTest';
const INTERFACE = 'org.example.SmartTest';

const {services, stop} = startServices();

const decode = bytes => new TextDecoder().decode(bytes.toArray?.() ?? bytes);

// Bodies, each in two forms: with raw callbacks, which a private context is
// enough for, and an async function.

function returning(call, act) {
    return (source, result) => {
        try {
            act(source, result);
        } catch (error) {
            call.return_error(error);
        }
    };
}

const [file, fileStream] = Gio.File.new_tmp('smart-gjs-XXXXXX');
fileStream.output_stream.write_all(new TextEncoder().encode('Grüße'), null);
fileStream.close(null);

const loadRaw = AsyncFunc.new(call => {
    file.load_contents_async(call.get_cancellable(), returning(call, (_, result) =>
        call.return_string(decode(file.load_contents_finish(result)[1]))));
});

const communicateRaw = AsyncFunc.new(call => {
    const child = Gio.Subprocess.new(['cat'],
        Gio.SubprocessFlags.STDIN_PIPE | Gio.SubprocessFlags.STDOUT_PIPE);
    child.communicate_utf8_async('Grüße', call.get_cancellable(), returning(call, (_, result) =>
        call.return_string(child.communicate_utf8_finish(result)[1])));
});

const connectRaw = AsyncFunc.new(call => {
    const cancellable = call.get_cancellable();
    const bytes = new GLib.Bytes(new TextEncoder().encode('Grüße'));
    new Gio.SocketClient().connect_to_host_async('127.0.0.1', services.port, cancellable,
        returning(call, (client, connected) => {
            const connection = client.connect_to_host_finish(connected);
            connection.output_stream.write_bytes_async(bytes, GLib.PRIORITY_DEFAULT, cancellable,
                returning(call, (output, written) => {
                    output.write_bytes_finish(written);
                    connection.input_stream.read_bytes_async(64, GLib.PRIORITY_DEFAULT, cancellable,
                        returning(call, (input, read) => {
                            const text = decode(input.read_bytes_finish(read));
                            connection.close(null);
                            call.return_string(text);
                        }));
                }));
        }));
});

const session = Gio.bus_get_sync(Gio.BusType.SESSION, null);

const pingRaw = AsyncFunc.new(call => {
    session.call(services.name, PATH, INTERFACE, 'Ping', new GLib.Variant('(s)', ['Grüße']),
        new GLib.VariantType('(s)'), Gio.DBusCallFlags.NONE, -1, call.get_cancellable(),
        returning(call, (_, result) =>
            call.return_string(session.call_finish(result).deepUnpack()[0])));
});

function makeMessage(uri) {
    const message = Soup.Message.new('GET', uri);
    message.connect('accept-certificate', () => true);
    return message;
}

function requestRaw(uri, keep = null) {
    return AsyncFunc.new(call => {
        const soup = keep ?? new Soup.Session();
        const message = makeMessage(uri);
        soup.send_and_read_async(message, GLib.PRIORITY_DEFAULT, call.get_cancellable(),
            returning(call, (_, result) => {
                const text = decode(soup.send_and_read_finish(result));
                call.port = message.get_response_headers().get_one('X-Client-Port');
                const version = uri.startsWith('https') ? Soup.HTTPVersion.HTTP_2_0 : Soup.HTTPVersion.HTTP_1_1;
                assertEqual(message.get_http_version(), version, 'HTTP version');
                call.return_string(keep ? message.get_response_headers().get_one('X-Client-Port') : text);
            }));
    });
}

// The same, as JavaScript is written.

const load = smartasync(async () => decode((await SmartAsync.of(file).load_contents(null))[1]));

const communicate = smartasync(async () => {
    const child = Gio.Subprocess.new(['cat'],
        Gio.SubprocessFlags.STDIN_PIPE | Gio.SubprocessFlags.STDOUT_PIPE);
    return (await SmartAsync.of(child).communicate_utf8('Grüße', null))[1];
});

const connect = smartasync(async () => {
    const connection = await SmartAsync.of(new Gio.SocketClient())
        .connect_to_host('127.0.0.1', services.port, null);
    const output = SmartAsync.of(connection.output_stream);
    await output.write_bytes(new GLib.Bytes(new TextEncoder().encode('Grüße')), null);
    const text = decode(await SmartAsync.of(connection.input_stream).read_bytes(64, null));
    connection.close(null);
    return text;
});

const ping = smartasync(async () => {
    const reply = await SmartAsync.of(session).call(services.name, PATH, INTERFACE, 'Ping',
        new GLib.Variant('(s)', ['Grüße']), new GLib.VariantType('(s)'), Gio.DBusCallFlags.NONE, -1, null);
    return reply.deepUnpack()[0];
});

const request = uri => smartasync(async () => decode(
    await SmartAsync.of(new Soup.Session()).send_and_read(makeMessage(uri), null)));

function inEveryCell(raw, smart) {
    for (const cell of Object.values(h.CELLS)) {
        assertEqual(cell(raw), 'Grüße');
        assertEqual(cell(raw), 'Grüße');
    }
    for (let i = 0; i < 2; i++) {
        assertEqual(smart(), 'Grüße');
        assertEqual(smart.sync(), 'Grüße');
        assertEqual(h.inLoop(smart), 'Grüße');
        assertEqual(h.inLoop(() => h.inCallback(() => smart.sync())), 'Grüße');
        assertEqual(h.inLoop(() => smart.aio()), 'Grüße');
    }
}

contract('C7.a', () => inEveryCell(loadRaw, load));
contract('C7.b', () => inEveryCell(communicateRaw, communicate));
contract('C7.c', () => inEveryCell(connectRaw, connect));
contract('C7.d', () => inEveryCell(pingRaw, ping));
contract('C7.e', () => inEveryCell(requestRaw(services.http), request(services.http)));
contract('C7.e/http2', () => inEveryCell(requestRaw(services.https), request(services.https)));

// What outlives a call. Its home is a loop executor, where only C can run, or
// the context that is current, for JavaScript too.

class InLoopExecutor {
    constructor() {
        this.home = SmartFixture.Home.new(session, services.name, services.https);
        this.executor = Executor.new_loop('home');
        this.requestFunc = this.#atHome(this.home.request());
        this.emitFunc = this.#atHome(this.home.emit());
    }

    #atHome(func) {
        func.set_executor(this.executor);
        return func;
    }

    waitForSignal() {
        // A home of its own needs nobody else.
        h.waitFor(() => this.home.get_n_emitted() > 0);
    }

    drop() {
        h.callSync(this.#atHome(this.home.drop()));
        assert(this.home.is_one_thread(), 'something came to another thread');
    }
}

class InCurrent {
    constructor() {
        this.soup = null;
        this.proxy = null;
        this.emitted = 0;
        this.requestFunc = this.#current(AsyncFunc.new(call => {
            this.soup ??= new Soup.Session();
            const message = makeMessage(services.https);
            this.soup.send_and_read_async(message, GLib.PRIORITY_DEFAULT, call.get_cancellable(),
                returning(call, (soup, result) => {
                    const text = decode(soup.send_and_read_finish(result));
                    assertEqual(message.get_http_version(), Soup.HTTPVersion.HTTP_2_0);
                    call.return_string(text);
                }));
        }));
        this.emitFunc = this.#current(AsyncFunc.new(call => {
            const emit = () => this.proxy.call('Emit', null, Gio.DBusCallFlags.NONE, -1,
                call.get_cancellable(), returning(call, (proxy, result) => {
                    proxy.call_finish(result);
                    call.return_none();
                }));
            if (this.proxy !== null) {
                emit();
                return;
            }
            Gio.DBusProxy.new(session, Gio.DBusProxyFlags.NONE, null, services.name, PATH, INTERFACE,
                call.get_cancellable(), returning(call, (_, result) => {
                    const proxy = Gio.DBusProxy.new_finish(result);
                    if (this.proxy === null) {
                        this.proxy = proxy;
                        proxy.connect('g-signal', () => {
                            assertEqual(h.thread(), h.mainThread);
                            this.emitted++;
                        });
                    }
                    emit();
                }));
        }));
    }

    #current(func) {
        func.set_main_context_policy(MainContextPolicy.CURRENT);
        return func;
    }

    waitForSignal() {
        h.iterateUntil(() => this.emitted > 0, null, 'a signal');
        this.emitted = 0;
    }

    drop() {
        this.soup?.abort();
        this.soup = null;
        this.proxy = null;
    }
}

// Where the calls come from; each a few times, of which the first makes the object.

const WHERES = {
    S: func => {
        for (let i = 0; i < 3; i++) {
            h.callSync(func);
            h.valueOf(h.call(func));
        }
    },
    A: func => h.inLoop(async () => {
        await h.settled(h.call(func));
        await Promise.all([1, 2, 3].map(() => h.settled(h.call(func))));
    }),
    nested: func => {
        const outers = [AsyncFunc.new, AsyncFunc.new_blocking].map(make => make(call => {
            h.callSync(func);
            call.return_none();
        }));
        outers[0].set_main_context_policy(MainContextPolicy.CURRENT);
        for (const outer of outers) {
            h.callSync(outer);
            h.inLoop(() => h.callSync(outer));
        }
    },
};

function runOutliving(homes, wheres, {requests = true, signals = true} = {}) {
    for (const Home of homes) {
        // Each of them makes the object once.
        for (const first of wheres) {
            const home = new Home();
            for (const name of [first, ...wheres.filter(other => other !== first)]) {
                if (requests)
                    WHERES[name](home.requestFunc);
                if (signals) {
                    WHERES[name](home.emitFunc);
                    home.waitForSignal();
                    // One that is emitted while no call is under way.
                    session.call(services.name, PATH, INTERFACE, 'Emit', null, null,
                        Gio.DBusCallFlags.NONE, -1, null, null);
                    home.waitForSignal();
                }
            }
            home.drop();
        }
    }
}

const HOMES = [InLoopExecutor, InCurrent];
const EVERYWHERE = ['S', 'A', 'nested'];

contract('C7.f', () => runOutliving(HOMES, EVERYWHERE, {signals: false}), {circles: true});
contract('C7.g', () => runOutliving(HOMES, EVERYWHERE, {requests: false}), {circles: true});
contract('C7.h', () => runOutliving([InLoopExecutor], EVERYWHERE));
contract('C7.i', () => runOutliving([InCurrent], EVERYWHERE), {circles: true});
contract('C7.j', () => runOutliving(HOMES, ['S']), {circles: true});
contract('C7.k', () => runOutliving(HOMES, ['A']), {circles: true});
contract('C7.l', () => runOutliving(HOMES, ['nested']), {circles: true});

// C4: a connection that is kept alive in the private context.

contract('C4.a/keep-alive', () => {
    const func = requestRaw(services.http, new Soup.Session());
    for (const name of ['S, call_sync', 'S, smart call', 'A, call_sync'])
        assert(Number(h.CELLS[name](func)) > 0);
});

contract('C4.b/keep-alive', () => {
    const func = requestRaw(services.http, new Soup.Session());
    const port = h.callSync(func);
    for (let i = 0; i < 5; i++) {
        assertEqual(h.valueOf(h.call(func)), port);
        assertEqual(h.inLoop(() => h.callSync(func)), port);
    }
});

h.run(ARGV, () => {
    stop();
    file.delete(null);
});
