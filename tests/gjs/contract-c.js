// SPDX-License-Identifier: LGPL-2.1-or-later

// The contract's section C: contexts. Its C7, which needs services to talk to,
// is in contract-c-services.js.

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import GObject from 'gi://GObject';
import SmartAsync from 'gi://SmartAsync?version=1.0';
import SmartFixture from 'gi://SmartFixture?version=1.0';
import System from 'system';

import * as h from './harness.js';
import {assert, assertEqual, contract} from './harness.js';

const {AsyncFunc, MainContextPolicy, smartasync} = SmartAsync;
const {Act} = SmartFixture;
const idOf = SmartFixture.context_id;
const own = SmartFixture.thread_default_id;

// An asynchronous function with a raw callback, that returns 7 a bit later.
function makeRaw(look = () => {}) {
    return AsyncFunc.new(call => {
        look(call);
        call.add_timeout(1, () => {
            call.return_int(7);
            return GLib.SOURCE_REMOVE;
        });
    });
}

// The ways to call one synchronously.
const SYNC_CELLS = ['S, call_sync', 'S, smart call', 'A, call_sync'].map(name => h.CELLS[name]);

// C1

contract('C1.a', () => {
    const DEPTH = 3;
    const contexts = [];
    let depth = 0;
    const func = AsyncFunc.new(call => {
        const id = idOf(call.get_context());
        assertEqual(own(), id);
        contexts[depth] ??= id;
        assertEqual(id, contexts[depth], `the context of depth ${depth}`);
        if (++depth < DEPTH)
            h.callSync(func);
        depth--;
        call.return_int(7);
    });
    for (let i = 0; i < 10; i++) {
        for (const cell of SYNC_CELLS)
            assertEqual(cell(func), 7);
    }
    assertEqual(new Set(contexts).size, DEPTH);
    assert(!contexts.includes(idOf(null)));

    // A body in C is given the same.
    const [inC, probe] = h.makeProbe(h.ASYNC);
    h.callSync(inC);
    assertEqual(h.sightsOf(probe)[0].context, contexts[0]);
});

contract('C1.b', () => {
    SmartAsync.async_reset();
    const before = [h.stat('contexts'), h.stat('contexts-created'), SmartFixture.count_fds()];
    const [inC] = h.makeProbe(h.BLOCKING);
    const direct = smartasync(() => 7);
    for (let i = 0; i < 10; i++) {
        h.callSync(inC);
        h.valueOf(h.call(inC));
        h.inLoop(() => h.callSync(inC));
        direct();
        direct.sync();
    }
    h.assertList([h.stat('contexts'), h.stat('contexts-created'), SmartFixture.count_fds()], before);
    h.callSync(makeRaw());
    assertEqual(h.stat('contexts'), before[0] + 1);
});

// C2, C3

// Calls func while the context has always something to do; how often that ran,
// before anybody but func iterated it.
function whileBusy(context, func) {
    let n = 0;
    // At the priority of what is waited for: it delays that, but does not starve it.
    const sources = [GLib.idle_source_new(), GLib.timeout_source_new(1)];
    sources[0].set_priority(GLib.PRIORITY_DEFAULT);
    for (const source of sources) {
        source.set_callback(() => {
            n++;
            return GLib.SOURCE_CONTINUE;
        });
        source.attach(context);
    }
    try {
        func();
        const seen = n;
        if (seen === 0)
            h.iterateUntil(() => n > 0, context, 'what would have run');
        return seen;
    } finally {
        sources.forEach(source => source.destroy());
    }
}

const ticking = AsyncFunc.new(call => {
    let left = 20;
    call.add_timeout(1, () => {
        if (--left > 0)
            return GLib.SOURCE_CONTINUE;
        call.return_int(7);
        return GLib.SOURCE_REMOVE;
    });
});

function callAllSync() {
    assertEqual(h.callSync(ticking), 7);
    for (const kind of [h.ASYNC, h.BLOCKING, h.DUAL])
        assertEqual(h.callSync(h.makeProbe(kind)[0]), 42);
    const file = SmartAsync.of(Gio.File.new_for_path('/proc/self/comm'));
    file.load_contents.sync(null);
    // A pair without a blocking sibling.
    SmartAsync.of(Gio.File.new_for_path('/proc/self')).enumerate_children
        .sync('standard::name', Gio.FileQueryInfoFlags.NONE, null).close(null);
}

contract('C2.a', () => {
    assertEqual(whileBusy(null, callAllSync), 0);
    assertEqual(whileBusy(null, () => assertEqual(h.valueOf(h.call(ticking)), 7)), 0);
    h.inLoop(() => assertEqual(whileBusy(null, callAllSync), 0));
});

contract('C2.b', () => {
    // A raw callback in a body, GIO's own with a promise that nobody waits for.
    const raw = AsyncFunc.new(call => {
        Gio.File.new_for_path('/proc/self/comm').load_contents_async(null, (file, result) => {
            call.return_boolean(file.load_contents_finish(result)[0]);
        });
    });
    for (const cell of SYNC_CELLS.slice(0, 2))
        assertEqual(whileBusy(null, () => assertEqual(cell(raw), true)), 0);
    h.inLoop(() => assertEqual(whileBusy(null, () => assertEqual(h.callSync(raw), true)), 0));
});

contract('C2.c', () => {
    const seen = [];
    const func = smartasync(async () => {
        seen.push(own());
        await h.timer(5);
        return 7;
    });
    assert(whileBusy(null, () => assertEqual(func(), 7)) > 0);
    h.inLoop(() => assert(whileBusy(null, () => assertEqual(func.sync(), 7)) > 0));
    // One of the plain API, which returns through its call.
    const raw = AsyncFunc.new(async call => {
        seen.push(own(), idOf(call.get_context()));
        await h.timer(5);
        if (call.get_n_args() > 0)
            throw new Error(call.get_string(0));
        call.return_int(7);
    });
    for (const cell of SYNC_CELLS) {
        assert(whileBusy(null, () => assertEqual(cell(raw), 7)) > 0);
        let error = null;
        try {
            cell(raw, ['later']);
        } catch (thrown) {
            error = thrown;
        }
        assertEqual(error?.message, 'later');
    }
    assert(seen.every(id => id === 0 || id === idOf(null)), 'the body ran in another context');

    // A promise that no job would settle is refused, unless the call has returned before.
    async function delegated(call) {
        await h.timer(5);
        seen.push(call.get_n_args());
    }
    const before = seen.length;
    for (const cell of SYNC_CELLS) {
        h.assertThrows('WOULD_DEADLOCK', () => cell(AsyncFunc.new(call => delegated(call))));
        assertEqual(cell(AsyncFunc.new(call => {
            call.return_int(7);
            return delegated(call);
        })), 7);
    }
    h.iterateUntil(() => seen.length === before + 2 * SYNC_CELLS.length);
    const settling = () => AsyncFunc.new(call => delegated(call).then(() => call.return_int(7)));
    assertEqual(h.inLoop(() => h.settled(h.call(settling()))), 7);
    const current = settling();
    current.set_main_context_policy(MainContextPolicy.CURRENT);
    assertEqual(h.callSync(current), 7);
});

let ran = 0;
const counting = smartasync(async () => ++ran);
const countingAtHome = counting.options({executor: SmartAsync.Executor.new_loop('home')});

contract('C2.d', () => {
    const func = counting;
    ran = 0;
    const threads = SmartFixture.Threads.new_callers(func.func, 1, 1, null);
    h.assertThrows('WRONG_THREAD', () => threads.join());

    // Nor on a worker, or on an executor's thread.
    const [worker] = h.makeProbe(h.BLOCKING, {inner: func.func});
    h.inLoop(() => h.assertRejects('WRONG_THREAD', h.settled(h.call(worker))));
    h.assertThrows('WRONG_THREAD', () => countingAtHome());
    assertEqual(ran, 0);
    assertEqual(func(), 1);
});

function makeCurrent(look) {
    const func = makeRaw(look);
    func.set_main_context_policy(MainContextPolicy.CURRENT);
    return func;
}

function callUnderCurrent(context) {
    let seen = null;
    const func = makeCurrent(call => (seen = idOf(call.get_context())));
    const busy = whileBusy(context, () => assertEqual(h.callSync(func), 7));
    assertEqual(seen, idOf(context));
    return busy;
}

function underCurrent(check) {
    check(callUnderCurrent(null));
    h.inLoop(() => check(callUnderCurrent(null)));
    const context = GLib.MainContext.new();
    context.push_thread_default();
    check(callUnderCurrent(context));
    context.pop_thread_default();
}

contract('C3.a', () => {
    // callUnderCurrent() sees which it is; a smart call's likewise.
    underCurrent(() => {});
    const [func, probe] = h.makeProbe(h.ASYNC);
    func.set_main_context_policy(MainContextPolicy.CURRENT);
    assertEqual(h.valueOf(h.call(func)), 42);
    assertEqual(h.sightsOf(probe)[0].context, idOf(null));
});

contract('C3.b', () => underCurrent(busy => assert(busy > 0, 'its sources did not run')));

// C4

// A body that leaves an idle source behind, which runs so many times.
function leaving(times) {
    const left = {n: 0, source: null};
    const func = AsyncFunc.new(call => {
        left.source = GLib.idle_source_new();
        left.source.set_callback(() => ++left.n < times ? GLib.SOURCE_CONTINUE : GLib.SOURCE_REMOVE);
        left.source.attach(call.get_context());
        call.return_int(7);
    });
    return [func, left];
}

contract('C4.a', () => {
    for (const cell of SYNC_CELLS) {
        const [late, ofLate] = leaving(1);
        assertEqual(cell(late), 7);
        assertEqual(ofLate.n, 1);

        // One that never ends does not keep the caller.
        const [busy, ofBusy] = leaving(Infinity);
        assertEqual(cell(busy), 7);
        assert(ofBusy.n > 0 && ofBusy.n < 1000, `${ofBusy.n} iterations`);
        ofBusy.source.destroy();
    }
});

contract('C4.b', () => {
    for (const cell of SYNC_CELLS) {
        const [busy, left] = leaving(Infinity);
        assertEqual(cell(busy), 7);
        const before = left.n;
        assertEqual(h.callSync(makeRaw()), 7);
        assert(left.n > before, 'it did not go on');
        left.source.destroy();
    }
});

// C5

contract('C5.a', () => {
    const DEPTH = 3;
    let depth = 0;
    const func = AsyncFunc.new(call => {
        if (++depth < DEPTH)
            h.callSync(func);
        depth--;
        call.return_int(7);
    });
    // What the collector has not taken yet holds its call, and that its context.
    const count = () => {
        System.gc();
        return [h.stat('contexts'), SmartFixture.count_fds()];
    };
    const check = () => {
        SmartAsync.async_reset();
        const before = count();
        h.callSync(func);
        assertEqual(h.stat('contexts'), before[0] + DEPTH);
        SmartAsync.async_reset();
        h.assertList(count(), before);
        // Usable at once.
        assertEqual(h.callSync(func), 7);
        SmartAsync.reset();
        h.assertList(count(), before);
    };
    h.callSync(func);
    check();
    h.inLoop(check);
});

contract('C5.d', () => {
    const contexts = [];
    const func = AsyncFunc.new(call => {
        contexts.push(h.stat('contexts'));
        SmartAsync.async_reset();
        contexts.push(h.stat('contexts'));
        call.add_timeout(1, () => {
            SmartAsync.async_reset();
            call.return_int(7);
            return GLib.SOURCE_REMOVE;
        });
    });
    for (const cell of SYNC_CELLS)
        assertEqual(cell(func), 7);
    for (let i = 0; i < contexts.length; i += 2)
        assertEqual(contexts[i + 1], contexts[i]);

    // And a worker's call in flight goes on.
    const gate = new SmartFixture.Gate();
    const [held, probe] = h.makeProbe(h.BLOCKING, {gate});
    const future = h.begin(held, [5]);
    assert(probe.wait_begun(1));
    SmartAsync.async_reset();
    gate.open();
    assertEqual(h.wait(future), 5);
});

// C6

const cancelled = new Gio.Cancellable();
cancelled.cancel();

// What a call may end with; each is given how it is called.
const EXITS = {
    'a value': cell => assertEqual(cell(makeRaw()), 7),
    'a value at once': cell => assertEqual(cell(AsyncFunc.new(call => call.return_int(7))), 7),
    'a value of a blocking body': cell => assertEqual(cell(h.makeProbe(h.BLOCKING)[0]), 42),
    'an error': cell => h.assertThrows(h.NOT_FOUND, () => cell(h.makeProbe(h.ASYNC, {act: Act.FAIL})[0])),
    'an error of a blocking body': cell =>
        h.assertThrows(h.NOT_FOUND, () => cell(h.makeProbe(h.BLOCKING, {act: Act.FAIL})[0])),
    'nothing': cell => h.assertThrows('NOT_RETURNED', () => cell(h.makeProbe(h.ASYNC, {act: Act.FORGET})[0])),
    'cancelled before': cell => h.assertThrows(h.CANCELLED, () => cell(makeRaw(), [], cancelled)),
    'a deadline': cell => {
        const [func] = h.makeProbe(h.ASYNC, {gate: new SmartFixture.Gate(), heeds: true});
        func.set_timeout(5);
        h.assertThrows(h.TIMED_OUT, () => cell(func));
    },
    'refused arguments': cell => {
        const func = makeRaw();
        func.set_signature(GObject.TYPE_INT, [GObject.TYPE_STRING]);
        h.assertThrows('INVALID_ARGUMENTS', () => cell(func, []));
    },
};

function checkExits(exits) {
    for (const [cellName, cell] of Object.entries(h.CELLS)) {
        for (const [name, exit] of exits) {
            const before = own();
            exit(cell);
            assertEqual(own(), before, `${name}, ${cellName}`);
        }
    }
}

contract('C6.a', () => {
    checkExits(Object.entries(EXITS).slice(0, 3));
    // And where one is pushed.
    const context = GLib.MainContext.new();
    context.push_thread_default();
    for (const name of ['a value', 'an error']) {
        EXITS[name](h.CELLS['S, call_sync']);
        assertEqual(own(), idOf(context));
    }
    context.pop_thread_default();
    const func = smartasync(async () => 7);
    assertEqual(func(), 7);
    assertEqual(own(), 0);
});

contract('C6.b', () => {
    checkExits(Object.entries(EXITS).slice(3));
    // A body that throws, of each kind.
    const error = new Error('thrown');
    for (const func of [smartasync(() => {
        throw error;
    }), smartasync(async () => {
        await null;
        throw error;
    })]) {
        let caught = null;
        try {
            func();
        } catch (thrown) {
            caught = thrown;
        }
        assert(caught === error);
        assertEqual(own(), 0);
    }
});

// C10: in a process of its own, with a network of its own.

contract('C10.a', () => h.runScript(`
    import Gio from 'gi://Gio';
    import GLib from 'gi://GLib';
    import SmartAsync from 'gi://SmartAsync?version=1.0';
    import SmartFixture from 'gi://SmartFixture?version=1.0';
import System from 'system';

    if (!SmartFixture.network_enter())
        throw new Error('there is no network of our own');
    const listener = new Gio.SocketListener();
    const port = listener.add_any_inet_port(null);
    const func = SmartAsync.AsyncFunc.new(call => {
        new Gio.SocketClient().connect_to_host_async('127.0.0.1', port, null, (client, result) => {
            client.connect_to_host_finish(result);
            call.return_int(7);
        });
    });
    if (func.call_sync(null, [], null)[1] !== 7)
        throw new Error('the body was not run');

    let changed = false;
    Gio.NetworkMonitor.get_default().connect('network-changed', () => (changed = true));
    if (!SmartFixture.network_change())
        throw new Error('the network does not change');
    let late = false;
    GLib.timeout_add(GLib.PRIORITY_DEFAULT, 10000, () => (late = true, GLib.SOURCE_REMOVE));
    while (!changed && !late)
        GLib.MainContext.default().iteration(true);
    if (late)
        throw new Error('the loop was not told of the change');
`, {environment: {GIO_USE_NETWORK_MONITOR: 'netlink', GIO_USE_PROXY_RESOLVER: 'dummy'}}));

h.run();
