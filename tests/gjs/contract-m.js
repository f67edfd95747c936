// SPDX-License-Identifier: LGPL-2.1-or-later

// The contract's section M: the matrix.

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import GObject from 'gi://GObject';
import SmartAsync from 'gi://SmartAsync?version=1.0';
import SmartFixture from 'gi://SmartFixture?version=1.0';

import * as h from './harness.js';
import {assert, assertEqual, contract} from './harness.js';

const {AsyncFunc, smartasync} = SmartAsync;
const {Gate, Inner} = SmartFixture;

// Functions that return their argument plus one, of each kind that there is.
const later = smartasync(async x => {
    await h.timer(1);
    return x + 1;
});
const direct = smartasync(x => x + 1);

function raw(func) {
    return AsyncFunc.new(call => {
        call.add_timeout(1, () => {
            call.return_int(func(call.get_int(0)));
            return GLib.SOURCE_REMOVE;
        });
    });
}
const rawLater = raw(x => x + 1);

const [echoAsync] = h.makeProbe(h.ASYNC);
const [echoBlocking] = h.makeProbe(h.BLOCKING);
const [echoDual] = h.makeProbe(h.DUAL);

// M1, M2: in a sync context

contract('M1.a', () => {
    assertEqual(later(1), 2);
    assertEqual(h.callSync(rawLater, [1]), 2);
    assertEqual(h.valueOf(h.call(rawLater, [1])), 2);
    assertEqual(h.valueOf(h.call(echoAsync, [5])), 5);
    assertEqual(smartasync(echoAsync)(5), 5);
    assertEqual(SmartAsync.of(Gio.File.new_for_path('/proc/self/comm')).load_contents(null)[0], true);
});

contract('M2.a', () => {
    const threads = [];
    const where = smartasync(x => {
        threads.push(h.thread());
        return x;
    });
    const [func, probe] = h.makeProbe(h.BLOCKING);
    assertEqual(where(3), 3);
    assertEqual(h.valueOf(h.call(func, [3])), 3);
    assertEqual(smartasync(func)(3), 3);
    threads.push(...h.sightsOf(probe).map(sight => sight.thread));
    assertEqual(threads.length, 3);
    assert(threads.every(thread => thread === h.mainThread));
});

contract('M2.b', () => {
    SmartAsync.async_reset();
    const [func] = h.makeProbe(h.BLOCKING);
    const smart = smartasync(func);
    const look = () => [SmartFixture.count_threads(), SmartFixture.count_fds(),
        h.stat('contexts-created'), h.stat('threads-created'), h.stat('tickets-issued')];
    h.waitFor(() => h.stat('threads') === 0);
    const before = look();
    for (let i = 0; i < 100; i++) {
        direct(i);
        h.callSync(func, [i]);
        h.valueOf(h.call(func, [i]));
        smart(i);
    }
    // Others may end meanwhile.
    assert(look().every((n, i) => n <= before[i]), `${look()}, and it was ${before}`);
});

// Those that have to wait elsewhere: where their body ran, and what came back.
function runsElsewhere(setUp) {
    const [func, probe] = h.makeProbe(h.BLOCKING);
    setUp(func);
    assertEqual(h.valueOf(h.call(func, [5])), 5);
    assertEqual(h.callSync(func, [6]), 6);
    const threads = h.sightsOf(probe).map(sight => sight.thread);
    assertEqual(threads.length, 2);
    assert(threads.every(thread => thread !== h.mainThread), 'it ran on the caller\'s thread');
    assert(h.sightsOf(probe).every(sight => !sight['is-async']));
}

contract('M2.c', () => runsElsewhere(func =>
    func.set_executor(SmartAsync.Executor.new_pool('elsewhere', 1))));
contract('M2.d', () => runsElsewhere(func => func.set_timeout(10000)));
contract('M2.e', () => runsElsewhere(func => func.set_abandon_on_cancel(true)));

contract('M2.f', () => {
    const gate = new Gate();
    const [func, probe] = h.makeProbe(h.BLOCKING, {gate});
    func.set_max_concurrency(1);
    // Another thread has the one turn: the caller here waits for it.
    const threads = SmartFixture.Threads.new_callers(func, 1, 1, null);
    assert(probe.wait_begun(1));
    const opener = SmartFixture.Threads.new_opener(gate, 1);
    assertEqual(h.callSync(func, [5]), 5);
    opener.join();
    threads.join();
    const sights = h.sightsOf(probe);
    assertEqual(sights.length, 2);
    assertEqual(probe.get_most_inside(), 1);
    assert(sights[1].begun >= sights[0].ended, 'it did not wait for its turn');
});

// M3: asynchronous, in an async context

contract('M3.a', () => h.inLoop(async () => {
    let begun = false;
    const func = smartasync(async () => {
        begun = true;
        await null;
    });
    const promise = func();
    assert(begun, 'it has not begun when the call returns');
    await promise;

    const [inC, probe] = h.makeProbe(h.ASYNC);
    const future = h.call(inC);
    assertEqual(probe.get_n_begun(), 1);
    const [sight] = h.sightsOf(probe);
    assertEqual(sight.context, SmartFixture.context_id(null));
    assertEqual(sight.thread, h.mainThread);
    await h.settled(future);
}));

contract('M3.b', () => h.inLoop(async () => {
    const gate = new Gate();
    const [func, probe] = h.makeProbe(h.ASYNC, {gate});
    const future = h.call(func, [5]);
    const promise = smartasync(func)(6);
    assert(h.isPending(future));
    assert(promise instanceof Promise);
    assertEqual(probe.get_n_ended(), 0);
    gate.open();
    assertEqual(await h.settled(future), 5);
    assertEqual(await promise, 6);
}));

contract('M3.c', () => {
    const context = GLib.MainContext.new();
    let seen = null;
    const [func] = h.makeProbe(h.ASYNC);
    context.push_thread_default();
    func.call_async(null, [5], null, (source, result) => {
        seen = [source.call_finish(result)[1], h.thread(),
            SmartFixture.context_id(GLib.main_current_source().get_context())];
    });
    h.iterateUntil(() => seen !== null, context);
    context.pop_thread_default();
    h.assertList(seen, [5, h.mainThread, SmartFixture.context_id(context)]);
    // And a promise's, in the default one.
    assertEqual(h.inLoop(async () => {
        await later(1);
        return SmartFixture.context_id(GLib.main_current_source().get_context());
    }), SmartFixture.context_id(null));
});

contract('M3.d', () => h.inLoop(async () => {
    const [atOnce] = h.makeProbe(h.ASYNC, {atOnce: true});
    const order = [];
    const done = new Promise(resolve => atOnce.call_async(null, [5], null, () => {
        order.push('callback');
        resolve();
    }));
    order.push('returned');
    await done;
    h.assertList(order, ['returned', 'callback']);

    const sequence = [];
    const promise = smartasync(async () => 5)().then(() => sequence.push('job'));
    sequence.push('returned');
    await promise;
    h.assertList(sequence, ['returned', 'job']);
}));

contract('M3.e', () => h.inLoop(async () => {
    // On the executor's thread.
    const executor = SmartAsync.Executor.new_loop('home');
    const [homed, ofHome] = h.makeProbe(h.ASYNC);
    homed.set_executor(executor);
    assertEqual(await h.settled(h.call(homed, [5])), 5);
    assert(h.sightsOf(ofHome)[0].thread !== h.mainThread);
    assertEqual(h.sightsOf(ofHome)[0].context, SmartFixture.context_id(executor.get_context()));

    // When there is a free turn.
    const gate = new Gate();
    const [limited, ofTurns] = h.makeProbe(h.ASYNC, {gate});
    limited.set_max_concurrency(1);
    const futures = [h.call(limited, [1]), h.call(limited, [2])];
    assertEqual(ofTurns.get_n_begun(), 1);
    gate.open();
    h.assertList(await Promise.all(futures.map(future => h.settled(future))), [1, 2]);
    assertEqual(ofTurns.get_most_inside(), 1);
}));

// M4: blocking, in an async context

contract('M4.a', () => h.inLoop(async () => {
    const gate = new Gate();
    const [func, probe] = h.makeProbe(h.BLOCKING, {gate});
    const future = h.call(func, [5]);
    const promise = smartasync(func)(6);
    assert(h.isPending(future));
    assert(promise instanceof Promise);
    assert(probe.wait_begun(2));
    gate.open();
    assertEqual(await h.settled(future), 5);
    assertEqual(await promise, 6);
}));

contract('M4.b', () => {
    const [func, probe] = h.makeProbe(h.BLOCKING);
    assertEqual(h.inLoop(() => smartasync(func)(5)), 5);
    assert(h.sightsOf(probe)[0].thread !== h.mainThread);
});

// How often a timer of 1 ms ticks until that is over.
async function countTicks(wait) {
    let ticks = 0;
    const timer = GLib.timeout_add(GLib.PRIORITY_DEFAULT, 1, () => {
        ticks++;
        return GLib.SOURCE_CONTINUE;
    });
    const begun = h.clock();
    await wait();
    GLib.source_remove(timer);
    assert(h.clock() - begun >= 199, 'it did not take its time');
    return ticks;
}

contract('M4.c', () => h.assertWithin(0, () => h.inLoop(async () => {
    // Half as often, at least, as where nothing runs; of too few one can tell nothing.
    const [func] = h.makeProbe(h.BLOCKING, {gate: new Gate(), msec: 200});
    const idle = await countTicks(() => new Promise(resolve => {
        GLib.timeout_add(GLib.PRIORITY_DEFAULT, 200, () => {
            resolve();
            return GLib.SOURCE_REMOVE;
        });
    }));
    const ticks = await countTicks(() => h.settled(h.call(func, [5])));
    return idle < 10 ? Infinity : Math.max(0, idle / 2 - ticks);
})));

contract('M4.d', () => {
    const context = GLib.MainContext.new();
    const [func, probe] = h.makeProbe(h.BLOCKING);
    let seen = null;
    context.push_thread_default();
    func.call_async(null, [5], null, (source, result) => {
        seen = [source.call_finish(result)[1], h.thread(),
            SmartFixture.context_id(GLib.main_current_source().get_context())];
    });
    h.iterateUntil(() => seen !== null, context);
    context.pop_thread_default();
    h.assertList(seen, [5, h.mainThread, SmartFixture.context_id(context)]);
    assert(h.sightsOf(probe)[0].thread !== h.mainThread);
});

contract('M4.e', () => {
    // A body in C is offloaded; one in JavaScript runs in a source of its own,
    // on this thread and not within the call.
    const [func, probe] = h.makeProbe(h.BLOCKING);
    const smart = smartasync(func);
    assertEqual(h.inLoop(() => smart(5)), 5);
    assertEqual(h.inLoop(() => smart.aio(6)), 6);
    for (const sight of h.sightsOf(probe))
        assert(sight.thread !== h.mainThread);

    const order = [];
    const inJavaScript = smartasync(() => {
        order.push(['body', h.thread(), SmartAsync.context_is_async()]);
        return 7;
    });
    assertEqual(h.inLoop(() => {
        const promise = inJavaScript();
        order.push('returned');
        return promise;
    }), 7);
    h.assertList(order, ['returned', ['body', h.mainThread, false]]);
});

// M5

contract('M5.a', () => {
    for (const func of [rawLater, echoAsync, echoBlocking, echoDual]) {
        for (const where of [run => run(), h.inLoop, run => h.withMode(SmartAsync.Mode.ASYNC, run)])
            assert([5, 6].includes(where(() => h.callSync(func, [5]))));
    }
    for (const func of [later, direct]) {
        for (const where of [run => run(), h.inLoop, run => h.withMode(SmartAsync.Mode.ASYNC, run)])
            assertEqual(where(() => func.sync(1)), 2);
    }
});

contract('M5.b', () => {
    const gate = new Gate();
    const funcs = [h.ASYNC, h.BLOCKING, h.DUAL].map(kind => h.makeProbe(kind, {gate})[0]);
    const results = [];
    const callAll = () => {
        for (const func of funcs) {
            func.call_async(null, [5], null, (source, result) =>
                results.push(source.call_finish(result)[1]));
        }
    };
    callAll();
    h.withMode(SmartAsync.Mode.SYNC, callAll);
    h.inLoop(callAll);
    assertEqual(results.length, 0, 'none has returned');
    gate.open();
    h.iterateUntil(() => results.length === 9);
    assert(results.every(result => result === 5));

    // .aio() likewise.
    const promise = later.aio(1);
    assert(promise instanceof Promise);
    assertEqual(h.inLoop(() => promise), 2);
});

// M6

contract('M6.a', () => {
    const named = smartasync(async function add(a, b) {
        return a + b;
    });
    assertEqual(named(1, 2), 3);
    assertEqual(h.inLoop(() => named(1, 2)), 3);
    assertEqual(later(1), 2);
    assertEqual(direct(1), 2);
});

const Thing = GObject.registerClass(class Thing extends GObject.Object {});
Thing.prototype.me = smartasync(async function () {
    await null;
    return this;
});

contract('M6.b', () => {
    class Counter {
        constructor(start) {
            this.start = start;
        }
    }
    Counter.prototype.add = smartasync(async function (n) {
        await null;
        return this.start + n;
    });
    Counter.prototype.addDirectly = smartasync(function (n) {
        return this.start + n;
    });
    const counter = new Counter(5);
    assertEqual(counter.add(2), 7);
    assertEqual(counter.addDirectly(2), 7);
    assertEqual(h.inLoop(() => counter.add(2)), 7);
    assertEqual(h.inLoop(() => counter.addDirectly(2)), 7);

    // A GObject's own: it is the source object.
    const thing = new Thing();
    assert(thing.me() === thing);
    assert(h.inLoop(() => thing.me()) === thing);
    const [func, probe] = h.makeProbe(h.BLOCKING);
    h.callSync(func, [], null, thing);
    h.inLoop(() => h.settled(h.call(func, [], null, thing)));
    assert(h.sightsOf(probe).every(sight => sight['has-source']));
});

contract('M6.c', () => {
    const file = Gio.File.new_for_path('/proc/self/comm');
    const decode = bytes => new TextDecoder().decode(bytes).trim();
    const load = () => SmartAsync.of(file).load_contents(null);
    const [, expected] = file.load_contents(null);

    assertEqual(decode(load()[1]), decode(expected));
    assertEqual(h.inLoop(async () => decode((await load())[1])), decode(expected));

    // A constructor, and a static.
    const newProxy = SmartAsync.wrap(Gio.DBusProxy, 'new');
    const bus = Gio.bus_get_sync(Gio.BusType.SESSION, null);
    const make = () => newProxy(bus, Gio.DBusProxyFlags.NONE, null, 'org.freedesktop.DBus',
        '/org/freedesktop/DBus', 'org.freedesktop.DBus', null);
    assert(make() instanceof Gio.DBusProxy);
    assert(h.inLoop(make) instanceof Gio.DBusProxy);
    const get = SmartAsync.wrap(Gio, 'bus_get');
    assert(get(Gio.BusType.SESSION, null) === bus);
    assert(h.inLoop(() => get(Gio.BusType.SESSION, null)) === bus);
});

contract('M6.c/errors', () => {
    const proxy = SmartAsync.of(Gio.File.new_for_path('/nonexistent/file'));
    h.assertThrows(h.NOT_FOUND, () => proxy.load_contents(null));
    // With the caller's stack, in a callback and in an async function that goes on.
    const asked = () => h.assertRejects(h.NOT_FOUND, proxy.load_contents(null));
    for (const ask of [asked, () => h.idle().then(asked)]) {
        const {stack} = h.inLoop(ask);
        assert(stack.includes('asked@') && !stack.includes('overrides/SmartAsync.js'), stack);
    }
    const cancelled = new Gio.Cancellable();
    cancelled.cancel();
    h.assertThrows(h.CANCELLED, () => proxy.load_contents(cancelled));
    h.inLoop(() => h.assertRejects(h.CANCELLED, proxy.load_contents(cancelled)));
    // And nobody's prototype was changed.
    assertEqual(Gio.File.new_for_path('/proc/self/comm').load_contents(null)[0], true);
    assert(!('load_contents' in GObject.Object.prototype));
});

// M7: nested

// Blocking and asynchronous in turn; the innermost returns its argument.
function makeChain(depth) {
    let [func, probe] = h.makeProbe(h.ASYNC);
    const probes = [probe];
    for (let i = 1; i < depth; i++) {
        const kind = i % 2 === 1 ? h.BLOCKING : h.ASYNC;
        [func, probe] = h.makeProbe(kind, {inner: func, how: Inner.SMART});
        probes.unshift(probe);
    }
    return [func, probes];
}

contract('M7.a', () => {
    const [innermost, ofInnermost] = h.makeProbe(h.ASYNC);
    const [worker, ofWorker] = h.makeProbe(h.BLOCKING, {inner: innermost, how: Inner.SMART});
    const outer = smartasync(async x => await smartasync(worker)(x) + 1);

    assertEqual(h.inLoop(() => outer(5)), 6);
    const [ofBody] = h.sightsOf(ofWorker);
    assert(ofBody.thread !== h.mainThread);
    // The inner call got its value in the worker.
    assertEqual(h.sightsOf(ofInnermost)[0].thread, ofBody.thread);
});

contract('M7.b', () => {
    for (const depth of [4, 5]) {
        const [func, probes] = makeChain(depth);
        assertEqual(h.valueOf(h.call(func, [5])), 5);
        assertEqual(h.callSync(func, [5]), 5);
        assert(probes.every(probe => probe.wait_ended(2)));
    }
    // In JavaScript.
    const four = smartasync(async x => await later(x));
    const three = smartasync(x => four(x) + 1);
    const two = smartasync(async x => await three(x) + 1);
    const one = smartasync(x => two(x) + 1);
    assertEqual(one(1), 5);
});

contract('M7.c', () => {
    for (const depth of [4, 5]) {
        const [func, probes] = makeChain(depth);
        assertEqual(h.inLoop(() => h.settled(h.call(func, [5]))), 5);
        assertEqual(h.inLoop(() => smartasync(func)(5)), 5);
        assert(probes.every(probe => probe.wait_ended(2)));
    }
    const three = smartasync(x => later(x) + 1);
    const two = smartasync(async x => await three(x) + 1);
    const one = smartasync(async x => await two(x) + 1);
    assertEqual(h.inLoop(() => one(1)), 5);
});

// M8

const factorial = smartasync(async n => n === 0 ? 1 : n * await factorial(n - 1));
const directFactorial = smartasync(n => n === 0 ? 1 : n * directFactorial(n - 1));

function makePairs() {
    return [h.ASYNC, h.BLOCKING, h.DUAL].map(kind => {
        const [inner] = h.makeProbe(kind);
        return h.makeProbe(kind, {inner, how: Inner.SMART})[0];
    });
}

contract('M8.a', () => {
    assertEqual(factorial(6), 720);
    assertEqual(directFactorial(6), 720);
    for (const func of makePairs())
        assertEqual(h.valueOf(h.call(func, [5])), 5);
});

contract('M8.b', () => {
    assertEqual(h.inLoop(() => factorial(6)), 720);
    assertEqual(h.inLoop(() => directFactorial(6)), 720);
    for (const func of makePairs())
        assertEqual(h.inLoop(() => h.settled(h.call(func, [5]))), 5);
});

// M10

contract('M10.a', () => {
    for (const func of [later, direct]) {
        assertEqual(func.sync(1), 2);
        assertEqual(h.inLoop(() => func.sync(1)), 2);
        assertEqual(h.inLoop(() => [func.sync(1)])[0], 2);
    }
    const {load_contents: load} = SmartAsync.of(Gio.File.new_for_path('/proc/self/comm'));
    assertEqual(h.inLoop(() => [load.sync(null)])[0][0], true);
});

contract('M10.b', () => {
    for (const func of [later, direct]) {
        const promise = func.aio(1);
        assert(promise instanceof Promise);
        assertEqual(h.inLoop(() => promise), 2);
        assertEqual(h.inLoop(() => func.aio(1)), 2);
    }
});

contract('M10.c', () => {
    // What they are does not depend on the mode, either.
    for (const mode of [SmartAsync.Mode.SYNC, SmartAsync.Mode.ASYNC]) {
        for (const func of [later, direct]) {
            h.withMode(mode, () => assertEqual(func.sync(1), 2));
            const promise = h.withMode(mode, () => func.aio(1));
            assert(promise instanceof Promise);
            assertEqual(h.inLoop(() => promise), 2);
        }
    }
});

// M11

contract('M11.a', () => {
    const [func, probe] = h.makeProbe(h.DUAL);
    assertEqual(h.valueOf(h.call(func, [5])), 5);
    const [sight] = h.sightsOf(probe);
    assert(!sight['is-async']);
    assertEqual(sight.thread, h.mainThread);
});

contract('M11.b', () => {
    const [func, probe] = h.makeProbe(h.DUAL);
    assertEqual(h.callSync(func, [5]), 5);
    assertEqual(h.inLoop(() => h.callSync(func, [5])), 5);
    for (const sight of h.sightsOf(probe)) {
        assert(!sight['is-async']);
        assertEqual(sight.thread, h.mainThread);
    }
});

contract('M11.c', () => {
    const [func, probe] = h.makeProbe(h.DUAL);
    assertEqual(h.inLoop(() => h.settled(h.call(func, [5]))), 5);
    const [sight] = h.sightsOf(probe);
    assert(sight['is-async']);
    assertEqual(sight.thread, h.mainThread);
});

contract('M11.d', () => {
    const [func, probe] = h.makeProbe(h.DUAL);
    assertEqual(h.inLoop(() => h.callAsync(func, [5])), 5);
    assertEqual(h.CELLS['S, call_async'](func, [5]), 5);
    for (const sight of h.sightsOf(probe)) {
        assertEqual(sight.thread, h.mainThread);
        assert(!sight.description.includes('blocking body'), sight.description);
    }
});

h.run();
