// SPDX-License-Identifier: LGPL-2.1-or-later

// The contract's section W: workers and executors. What runs there is C.

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import GObject from 'gi://GObject';
import SmartAsync from 'gi://SmartAsync?version=1.0';
import SmartFixture from 'gi://SmartFixture?version=1.0';
import System from 'system';

import * as h from './harness.js';
import {assert, assertEqual, contract} from './harness.js';

const {AsyncFunc, Executor} = SmartAsync;
const {Act, Gate, Inner, Thing, Threads} = SmartFixture;

const threadsOf = probe => new Set(h.sightsOf(probe).map(sight => sight.thread));
const argsOf = probe => h.sightsOf(probe).map(sight => sight.arg);
const range = n => Array.from({length: n}, (_, i) => i);

// Threads that an earlier run has left would make it easy.
function forgetIdleWorkers() {
    SmartAsync.async_reset();
    h.waitFor(() => h.stat('threads') === 0);
}

// W1

const OWN_TIME = 5;

contract('W1.a', () => h.assertWithin(20 * OWN_TIME, () => {
    const N = 100;
    forgetIdleWorkers();
    const all = new Gate();
    const [inner, ofInner] = h.makeProbe(h.BLOCKING, {gate: new Gate(), msec: OWN_TIME});
    const [outer, probe] = h.makeProbe(h.BLOCKING, {gate: all, inner, how: Inner.OFFLOADED});
    const begun = h.clock();
    const futures = range(N).map(i => h.begin(outer, [i]));
    assert(probe.wait_begun(N), `only ${probe.get_n_begun()} came to run`);
    assertEqual(ofInner.get_n_begun(), 0);
    all.open();
    assert(probe.wait_ended(N));
    const took = h.clock() - begun;
    futures.forEach((future, i) => assertEqual(h.wait(future), i));
    return took;
}));

contract('W1.b', () => h.assertWithin(20 * OWN_TIME, () => {
    const N = 40;
    forgetIdleWorkers();
    let [func] = h.makeProbe(h.BLOCKING, {gate: new Gate(), msec: OWN_TIME});
    for (let i = 1; i < N; i++)
        [func] = h.makeProbe(h.BLOCKING, {inner: func, how: Inner.OFFLOADED});
    const begun = h.clock();
    const future = h.begin(func, [7]);
    assertEqual(h.wait(future), 7);
    return h.clock() - begun;
}));

// W2

contract('W2.a', () => h.assertWithin(10, () => {
    forgetIdleWorkers();
    const gate = new Gate();
    const [sleeper] = h.makeProbe(h.BLOCKING, {gate});
    const [short, probe] = h.makeProbe(h.BLOCKING);
    const futures = range(30).map(() => h.begin(sleeper));
    const called = GLib.get_monotonic_time();
    futures.push(h.begin(short));
    assert(probe.wait_begun(1));
    gate.open();
    futures.forEach(future => h.wait(future));
    return (h.sightsOf(probe)[0].begun - called) / 1000;
}));

contract('W2.b', () => h.inLoop(async () => {
    const file = Gio.File.new_for_path('/proc/self/comm');
    const load = () => new Promise((resolve, reject) => {
        const begun = h.clock();
        file.load_contents_async(null, (_, result) => {
            try {
                file.load_contents_finish(result);
                resolve(h.clock() - begun);
            } catch (error) {
                reject(error);
            }
        });
    });
    let best = Infinity;
    for (let i = 0; i < 5 && best > 10; i++) {
        const alone = await load();
        const gate = new Gate();
        const [sleeper, probe] = h.makeProbe(h.BLOCKING, {gate});
        const futures = range(100).map(() => h.call(sleeper));
        assert(probe.wait_begun(100));
        const beside = await load();
        gate.open();
        await Promise.all(futures.map(future => h.settled(future)));
        best = Math.min(best, beside - alone);
    }
    assert(best <= 10, `slowed by ${best} ms`);
}));

// W3

function limited(n, options = {}) {
    const gate = new Gate();
    const [func, probe] = h.makeProbe(options.kind ?? h.BLOCKING, {gate, ...options});
    func.set_max_concurrency(n);
    return {gate, func, probe};
}

contract('W3.a', () => {
    for (const kind of [h.BLOCKING, h.ASYNC, h.DUAL]) {
        const {gate, func, probe} = limited(3, {kind});
        h.inLoop(async () => {
            const futures = range(20).map(i => h.call(func, [i]));
            assert(probe.wait_begun(3));
            await h.idle();
            assertEqual(probe.get_n_begun(), 3);
            gate.open();
            h.assertList(await Promise.all(futures.map(future => h.settled(future))), range(20));
        });
        assertEqual(probe.get_most_inside(), 3);
    }
});

contract('W3.b', () => {
    for (const kind of [h.BLOCKING, h.ASYNC]) {
        const {gate, func, probe} = limited(1, {kind});
        h.inLoop(async () => {
            const futures = range(20).map(i => h.call(func, [i]));
            gate.open();
            await Promise.all(futures.map(future => h.settled(future)));
        });
        h.assertList(argsOf(probe), range(20));
    }
});

contract('W3.c', () => {
    forgetIdleWorkers();
    const {gate, func, probe} = limited(1);
    const futures = range(50).map(i => h.begin(func, [i]));
    assert(probe.wait_begun(1));
    // One worker has the turn, and none waits for one.
    assert(h.stat('threads') + h.stat('tickets') <= 2,
        `${h.stat('threads')} threads, ${h.stat('tickets')} tickets`);
    assertEqual(h.stat('waiting'), 0);
    gate.open();
    futures.forEach((future, i) => assertEqual(h.wait(future), i));
});

contract('W3.d', () => {
    const {gate, func, probe} = limited(1);
    const holder = Threads.new_callers(func, 1, 1, null);
    assert(probe.wait_begun(1));
    const waiters = Threads.new_callers(func, 3, 1, null);
    const opener = Threads.new_opener(gate, 4);
    // This thread, too.
    assertEqual(h.callSync(func, [7]), 7);
    [opener, holder, waiters].forEach(threads => threads.join());
    assert(probe.wait_ended(5));
    assertEqual(probe.get_most_inside(), 1);
});

contract('W3.e', () => {
    for (const how of [Inner.SYNC, Inner.SMART, Inner.OFFLOADED]) {
        const {gate, func, probe} = limited(1);
        gate.open();
        // Three bodies call the function itself, the fourth returns.
        probe.set_inner(func, how, 3);
        const future = h.begin(func, [7]);
        assertEqual(h.wait(future), 7);
        assertEqual(probe.get_most_inside(), 4);
        probe.set_inner(null, how, 0);
        assertEqual(h.callSync(func, [8]), 8);
    }
    // Through another function.
    const {gate, func, probe} = limited(1);
    gate.open();
    const [between] = h.makeProbe(h.BLOCKING, {inner: func, how: Inner.OFFLOADED});
    probe.set_inner(between, Inner.OFFLOADED, 2);
    assertEqual(h.wait(h.begin(func, [7])), 7);
    assertEqual(probe.get_most_inside(), 3);
    probe.set_inner(null, Inner.SYNC, 0);
});

// W4

contract('W4.a', () => {
    const executor = Executor.new_pool('one', 1);
    const [func, probe] = h.makeProbe(h.BLOCKING);
    func.set_executor(executor);
    const futures = range(20).map(i => h.begin(func, [i]));
    assertEqual(h.callSync(func, [20]), 20);
    Threads.new_callers(func, 3, 5, null).join();
    futures.forEach((future, i) => assertEqual(h.wait(future), i));
    assertEqual(threadsOf(probe).size, 1);
    assert(!threadsOf(probe).has(h.mainThread));
});

contract('W4.b', () => {
    const [func, probe] = h.makeProbe(h.BLOCKING);
    func.set_executor(Executor.new_pool('one', 1));
    const futures = range(50).map(i => h.begin(func, [i]));
    futures.forEach((future, i) => assertEqual(h.wait(future), i));
    h.assertList(argsOf(probe), range(50));
    assertEqual(probe.get_most_inside(), 1);
});

contract('W4.c', () => {
    const executor = Executor.new_loop('home');
    const [func, probe] = h.makeProbe(h.ASYNC);
    func.set_executor(executor);
    for (const cell of Object.values(h.CELLS))
        assertEqual(cell(func, [7]), 7);
    assertEqual(threadsOf(probe).size, 1);
    assert(!threadsOf(probe).has(h.mainThread));
    for (const sight of h.sightsOf(probe)) {
        assertEqual(sight.context, SmartFixture.context_id(executor.get_context()));
        assert(sight['is-async']);
    }
});

contract('W4.d', () => {
    const [func, probe] = h.makeProbe(h.ASYNC);
    func.set_executor(Executor.new_loop('home'));
    const callers = Threads.new_callers(func, 4, 5, null);
    assertEqual(h.callSync(func, [7]), 7);
    callers.join();
    assertEqual(callers.get_n_good(), 20);
    assertEqual(threadsOf(probe).size, 1);
    assert(probe.wait_ended(21));
});

contract('W4.e', () => {
    for (const kind of [h.ASYNC, h.BLOCKING]) {
        // Where another thread iterates it.
        const context = GLib.MainContext.new();
        const loop = Threads.new_loop(context);
        const [func, probe] = h.makeProbe(kind);
        func.set_executor(Executor.new_for_context(context));
        assertEqual(h.callSync(func, [7]), 7);
        assertEqual(h.inLoop(() => h.settled(h.call(func, [8]))), 8);
        h.assertList([...threadsOf(probe)], loop.get_ids().deepUnpack());
        loop.join();
    }
    // Where this one does: the default one.
    const [func, probe] = h.makeProbe(h.ASYNC);
    func.set_executor(Executor.new_for_context(GLib.MainContext.default()));
    const own = GLib.MainContext.new();
    own.push_thread_default();
    let result = null;
    func.call_async(null, [7], null, (source, res) => (result = source.call_finish(res)[1]));
    h.iterateUntil(() => probe.get_n_ended() === 1);
    assertEqual(result, null);
    h.iterateUntil(() => result !== null, own);
    own.pop_thread_default();
    assertEqual(result, 7);
    assertEqual(h.sightsOf(probe)[0].context, SmartFixture.context_id(null));
});

// W5

function fullQueue() {
    const gate = new Gate();
    const executor = Executor.new_pool('one', 1);
    executor.set_max_pending(2);
    const [func, probe] = h.makeProbe(h.BLOCKING, {gate});
    func.set_executor(executor);
    const futures = [h.begin(func, [0])];
    assert(probe.wait_begun(1));
    futures.push(h.begin(func, [1]), h.begin(func, [2]));
    return {gate, func, probe, futures};
}

contract('W5.a', () => {
    const {gate, func, probe, futures} = fullQueue();
    assertEqual(h.inLoop(() => h.assertRejects(Gio.IOErrorEnum.BUSY, h.settled(h.call(func, [3])))).code,
        Gio.IOErrorEnum.BUSY);
    h.assertThrows(Gio.IOErrorEnum.BUSY, () => h.callSync(func, [4]));
    assertEqual(probe.get_n_begun(), 1, 'how many had begun by then');
    gate.open();
    futures.forEach(future => h.wait(future));
});

contract('W5.b', () => {
    const {gate, func, probe, futures} = fullQueue();
    h.assertThrows(Gio.IOErrorEnum.BUSY, () => h.callSync(func, [3]));
    gate.open();
    futures.forEach((future, i) => assertEqual(h.wait(future), i));
    assertEqual(h.callSync(func, [4]), 4);
    h.assertList(argsOf(probe), [0, 1, 2, 4]);
});

// W6

// Until the collector has let go of everything, and with it the library.
async function untilNoneIsAlive() {
    for (let i = 0; i < 500 && Thing.get_n_alive() > 0; i++) {
        System.gc();
        await h.timer(1);
    }
    assertEqual(Thing.get_n_alive(), 0, 'things alive');
}

contract('W6.a', () => h.inLoop(async () => {
    const N = 20000;
    Thing.expect_here();
    for (const kind of [h.BLOCKING, h.ASYNC]) {
        const [func] = h.makeProbe(kind, {act: Act.THING, atOnce: true});
        for (let n = 0; n < N / 2;) {
            const some = [];
            for (let i = 0; i < 100; i++, n++)
                some.push(h.settled(h.call(func, [Thing.new(n)], null, Thing.new(n))));
            await Promise.all(some);
            if (n % 1000 === 0)
                System.gc();
        }
    }
    await untilNoneIsAlive();
    assertEqual(Thing.get_n_elsewhere(), 0, 'how many were released elsewhere');
}), {seconds: 120, large: true});

contract('W6.b', () => h.inLoop(async () => {
    const gate = new Gate();
    const [func, probe] = h.makeProbe(h.BLOCKING, {act: Act.THING, gate});
    // Threads that begin calls in contexts of their own, and are gone.
    const leavers = Threads.new_leavers(func, 4, 5);
    leavers.join();
    assert(Thing.get_n_alive() > 0);
    gate.open();
    assert(probe.wait_ended(20));
    await untilNoneIsAlive();
}));

contract('W6.c', () => h.inLoop(async () => {
    const cancelled = new Gio.Cancellable();
    cancelled.cancel();
    for (const kind of [h.BLOCKING, h.ASYNC]) {
        const [func] = h.makeProbe(kind, {act: Act.THING});
        const [failing] = h.makeProbe(kind, {act: Act.FAIL});
        for (let i = 0; i < 100; i++) {
            // Dropped, cancelled, failed, taken.
            h.call(func, [Thing.new(i)], null, Thing.new(i));
            await h.settled(h.call(func, [Thing.new(i)], cancelled)).catch(() => {});
            await h.settled(h.call(failing, [Thing.new(i)])).catch(() => {});
            await h.settled(h.call(func, [Thing.new(i)]));
        }
    }
    await untilNoneIsAlive();
}));

async function untilFreed(follower, left = 0) {
    for (let i = 0; i < 200 && follower.get_n_alive() > left; i++) {
        System.gc();
        await h.timer(1);
    }
    assertEqual(follower.get_n_alive(), left, 'how many are alive');
}

contract('W6.d', () => h.inLoop(async () => {
    // The function's user data is the probe.
    const follower = SmartFixture.Follower.new();
    await (async () => {
        const [func, probe] = h.makeProbe(h.BLOCKING);
        follower.follow(probe);
        await h.settled(h.call(func));
    })();
    await untilFreed(follower);

    // A worker that runs an abandoned body holds it until that ends.
    const gate = new Gate();
    await (async () => {
        const [func, probe] = h.makeProbe(h.BLOCKING, {gate});
        func.set_abandon_on_cancel(true);
        follower.follow(probe);
        const cancellable = new Gio.Cancellable();
        const future = h.call(func, [], cancellable);
        assert(gate.wait_for_waiters(1));
        cancellable.cancel();
        await h.assertRejects(h.CANCELLED, h.settled(future));
    })();
    for (let i = 0; i < 20; i++) {
        System.gc();
        await h.timer(1);
    }
    assertEqual(follower.get_n_alive(), 1);
    assertEqual(gate.get_n_waiting(), 1);
    gate.open();
    await untilFreed(follower);
}));

// W7

contract('W7.a', () => {
    const gate = new Gate();
    const [func, probe] = h.makeProbe(h.BLOCKING, {gate});
    const futures = range(50).map(() => h.begin(func));
    assert(probe.wait_begun(50));
    // All but those that GTask's pool lends.
    assert(h.stat('threads') >= 46);
    gate.open();
    futures.forEach(future => h.wait(future));
    h.waitFor(() => h.stat('threads') === 0);
}, {large: true});

contract('W7.b', () => {
    const [func, probe] = h.makeProbe(h.BLOCKING);
    func.set_executor(Executor.new_pool('one', 1));
    assertEqual(h.callSync(func, [1]), 1);
    // Longer than those of the shared pool live.
    const [shared] = h.makeProbe(h.BLOCKING, {gate: new Gate(), msec: 1});
    range(10).map(() => h.begin(shared)).forEach(future => h.wait(future));
    h.waitFor(() => h.stat('threads') === 0);
    assertEqual(h.callSync(func, [2]), 2);
    assertEqual(threadsOf(probe).size, 1);
}, {large: true});

contract('W7.c', () => {
    const script = end => `
        import GLib from 'gi://GLib';
        import SmartAsync from 'gi://SmartAsync?version=1.0';
        import SmartFixture from 'gi://SmartFixture?version=1.0';
        import System from 'system';
        const probe = SmartFixture.Probe.new(SmartFixture.Act.ECHO);
        probe.set_gate(new SmartFixture.Gate());
        for (const kind of [SmartAsync.AsyncFuncKind.ASYNC, SmartAsync.AsyncFuncKind.BLOCKING]) {
            const func = probe.make(kind);
            for (let i = 0; i < 40; i++)
                func.call_async(null, [i], null, () => {});
        }
        if (!probe.wait_begun(80))
            System.exit(2);
        ${end}
    `;
    h.runScript(script(''));
    h.runScript(script('System.exit(0);'));
    h.runScript(script(`
        const loop = new GLib.MainLoop(null, false);
        GLib.timeout_add(GLib.PRIORITY_DEFAULT, 5, () => System.exit(0));
        loop.run();
    `));
});

// W9: no GTK is needed to have a class of that name.

const widget = new (GObject.registerClass({GTypeName: 'GtkWidget'}, class Widget extends GObject.Object {}))();

contract('W9.a', () => {
    const pool = Executor.new_pool('pool', 1);
    const make = (kind, setUp = () => {}) => {
        const [func, probe] = h.makeProbe(kind, {name: 'the-function'});
        setUp(func);
        return [func, probe];
    };
    const [blocking, ofBlocking] = make(h.BLOCKING);
    const [pooled, ofPooled] = make(h.BLOCKING, func => func.set_executor(pool));
    for (const refused of [
        () => h.inLoop(() => h.assertRejects('WRONG_THREAD', h.settled(h.call(blocking, [], null, widget)))),
        () => h.inLoop(() => h.assertRejects('WRONG_THREAD', h.settled(h.call(pooled, [], null, widget)))),
        () => h.assertThrows('WRONG_THREAD', () => h.callSync(pooled, [], null, widget)),
    ])
        h.assertMatch(refused().message, /GtkWidget/);
    assertEqual(ofBlocking.get_n_begun() + ofPooled.get_n_begun(), 0);

    // Where nothing leaves the thread, and where it is no widget.
    assertEqual(h.callSync(blocking, [], null, widget), 42);
    assertEqual(h.inLoop(() => h.settled(h.call(make(h.ASYNC)[0], [], null, widget))), 42);
    assertEqual(h.inLoop(() => h.settled(h.call(blocking, [], null, new Gio.SimpleAction({name: 'a'})))), 42);
});

contract('W9.b', () => {
    const [func, probe] = h.makeProbe(h.BLOCKING);
    func.set_thread_safe_source(true);
    assertEqual(h.inLoop(() => h.settled(h.call(func, [], null, widget))), 42);
    assert(h.sightsOf(probe)[0].thread !== h.mainThread);
    assertEqual(AsyncFunc.new(() => {}).get_thread_safe_source(), false);
});

h.run();
