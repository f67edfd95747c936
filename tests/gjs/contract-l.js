// SPDX-License-Identifier: LGPL-2.1-or-later

// The contract's section L: single flights. The lock's plain introspection with
// functions in C, and the idiomatic one with JavaScript's.

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import SmartAsync from 'gi://SmartAsync?version=1.0';
import SmartFixture from 'gi://SmartFixture?version=1.0';

import * as h from './harness.js';
import {assert, assertEqual, contract} from './harness.js';

const {AsyncFunc, Lock, SmartLock, smartasync} = SmartAsync;
const {Act, Gate} = SmartFixture;

// The flight's future, from whatever context, as in an async one.
function join(lock, func, {key = null, args = [], cancellable = null} = {}) {
    return h.withMode(SmartAsync.Mode.ASYNC, () => lock.run_once(key, func, null, args, cancellable));
}

function joinMany(n, lock, func, options) {
    return Array.from({length: n}, () => join(lock, func, options));
}

function countsOf(lock) {
    return {
        calls: lock.n_calls,
        executions: lock.n_executions,
        waiters: lock.n_waiters,
        flights: lock.n_flights,
    };
}

function assertCounts(lock, expected) {
    const counts = countsOf(lock);
    for (const [name, number] of Object.entries(expected))
        assertEqual(counts[name], number, `n-${name}`);
}

// Functions of each kind that are held at a gate.
function forHeld(check, options = {}) {
    for (const kind of [h.ASYNC, h.BLOCKING, h.DUAL]) {
        h.inLoop(async () => {
            const gate = new Gate();
            const [func, probe] = h.makeProbe(kind, {gate, ...options});
            await check({lock: Lock.new(), gate, func, probe});
        });
    }
}

// L1

contract('L1.a', () => {
    forHeld(async ({lock, gate, func, probe}) => {
        const futures = joinMany(10, lock, func, {args: [7]});
        assertEqual(lock.n_waiters, 10);
        gate.open();
        h.assertList(await Promise.all(futures.map(one => h.settled(one))), futures.map(() => 7));
        assertEqual(probe.get_n_begun(), 1);
    });

    // JavaScript's own function: each caller has a promise of his own.
    h.inLoop(async () => {
        const lock = new SmartLock();
        let n = 0;
        const load = smartasync(async x => {
            n++;
            await h.idle();
            return {x};
        });
        const promises = Array.from({length: 10}, () => lock.run_once(null, load, 7));
        assert(promises.every(promise => promise instanceof Promise));
        assertEqual(new Set(promises).size, 10);
        for (const result of await Promise.all(promises))
            assertEqual(result.x, 7);
        assertEqual(n, 1);
    });
}, {circles: true});

contract('L1.d', () => forHeld(async ({lock, gate, func, probe}) => {
    const futures = joinMany(10, lock, func);
    gate.open();
    await Promise.all(futures.map(future => h.settled(future)));
    assertEqual(probe.get_n_begun(), 1);
    assertCounts(lock, {calls: 10, executions: 1});
}));

contract('L1.e', () => {
    forHeld(async ({lock, gate, func}) => {
        const futures = joinMany(5, lock, func, {args: ['Grüße']});
        assertEqual(new Set(futures).size, 5, 'futures of their own');
        gate.open();
        const results = await Promise.all(futures.map(future => h.settled(future)));
        h.assertList(results, futures.map(() => 'Grüße'));
    });
    // An object: each has a reference.
    forHeld(async ({lock, gate, func}) => {
        const futures = joinMany(5, lock, func);
        gate.open();
        const things = await Promise.all(futures.map(future => h.settled(future)));
        assertEqual(new Set(things).size, 1);
        assertEqual(things[0].get_number(), 1);
    }, {act: Act.THING});
});

contract('L1.f', () => forHeld(async ({lock, gate, func, probe}) => {
    const futures = joinMany(1000, lock, func, {args: [7]});
    assertCounts(lock, {calls: 1000, waiters: 1000, flights: 1});
    gate.open();
    const results = await Promise.all(futures.map(future => h.settled(future)));
    assertEqual(results.length, 1000);
    assert(results.every(result => result === 7));
    assertEqual(probe.get_n_begun(), 1);
}));

contract('L1.g', () => h.inLoop(async () => {
    const lock = Lock.new();
    const func = AsyncFunc.new(call => {
        h.until(() => lock.n_waiters === 10).then(() => call.return_int(lock.n_waiters));
    });
    const futures = joinMany(10, lock, func);
    h.assertList(await Promise.all(futures.map(future => h.settled(future))), futures.map(() => 10));
}), {circles: true});

// L2

contract('L2.a', () => {
    const [func, probe] = h.makeProbe(h.BLOCKING);
    const lock = Lock.new();
    for (let i = 1; i <= 3; i++) {
        assertEqual(lock.run_once(null, func, null, [i], null).get_int(), i);
        assertEqual(probe.get_n_begun(), i);
    }
    forHeld(async ({lock: other, gate, func: held, probe: ofHeld}) => {
        gate.open();
        assertEqual(await h.settled(join(other, held, {args: [1]})), 1);
        assertEqual(await h.settled(join(other, held, {args: [2]})), 2);
        assertEqual(ofHeld.get_n_begun(), 2);
    });
});

contract('L2.b', () => {
    forHeld(async ({lock, gate, func, probe}) => {
        const futures = joinMany(5, lock, func);
        gate.open();
        for (const future of futures)
            await h.assertRejects(h.NOT_FOUND, h.settled(future));
        assertEqual(probe.get_n_begun(), 1);
    }, {act: Act.FAIL});
    h.inLoop(async () => {
        const lock = new SmartLock();
        const error = new Error('of the flight');
        const func = smartasync(async () => {
            await h.idle();
            throw error;
        });
        const promises = [1, 2, 3].map(() => lock.run_once(null, func));
        for (const thrown of await Promise.all(promises.map(promise => promise.catch(reason => reason))))
            assert(thrown === error);
    });
}, {circles: true});

contract('L2.c', () => {
    let fails = true;
    const func = smartasync(() => {
        if (fails)
            throw new Error('the first time');
        return 7;
    });
    const lock = new SmartLock();
    let caught = null;
    try {
        lock.run_once(null, func);
    } catch (error) {
        caught = error;
    }
    assertEqual(caught?.message, 'the first time');
    fails = false;
    assertEqual(lock.run_once(null, func), 7);
    h.inLoop(async () => {
        fails = true;
        await lock.run_once(null, func).then(() => assert(false), () => {});
        fails = false;
        assertEqual(await lock.run_once(null, func), 7);
    });
}, {circles: true});

// L3

contract('L3.a', () => forHeld(async ({lock, gate, func, probe}) => {
    const one = new Gio.Cancellable();
    const first = join(lock, func, {args: [7]});
    const leaving = join(lock, func, {args: [7], cancellable: one});
    const staying = join(lock, func, {args: [7]});
    one.cancel();
    await h.assertRejects(h.CANCELLED, h.settled(leaving));
    assertEqual(lock.n_waiters, 2);
    assert(h.isPending(first) && h.isPending(staying));
    gate.open();
    assertEqual(await h.settled(first), 7);
    assertEqual(await h.settled(staying), 7);
    assertEqual(h.sightsOf(probe)[0]['was-cancelled'], false);
}, {heeds: true}));

contract('L3.b', () => forHeld(async ({lock, gate, func, probe}) => {
    const one = new Gio.Cancellable();
    const first = join(lock, func, {args: [7], cancellable: one});
    const staying = joinMany(3, lock, func, {args: [7]});
    one.cancel();
    await h.assertRejects(h.CANCELLED, h.settled(first));
    assert(staying.every(h.isPending));
    gate.open();
    for (const future of staying)
        assertEqual(await h.settled(future), 7);
    assertEqual(probe.get_n_begun(), 1);
    assertEqual(h.sightsOf(probe)[0]['was-cancelled'], false);
}, {heeds: true}));

contract('L3.c', () => {
    // This thread, in S, is the first caller and runs the flight itself.
    const lock = Lock.new();
    const one = new Gio.Cancellable();
    const gate = new Gate();
    const [func, probe] = h.makeProbe(h.BLOCKING, {gate});
    const canceller = SmartFixture.Threads.new_canceller(one, probe, gate);
    h.assertThrows(h.CANCELLED, () => lock.run_once(null, func, null, [7], one).get_int());
    canceller.join();
    const [sight] = h.sightsOf(probe);
    assertEqual(sight.thread, h.mainThread);
    assert(sight.ended > 0, 'it was not run to its end');
});

contract('L3.d', () => forHeld(async ({lock, func, probe}) => {
    const ones = [1, 2, 3].map(() => new Gio.Cancellable());
    const futures = ones.map(cancellable => join(lock, func, {cancellable}));
    assert(probe.wait_begun(1));
    for (const [i, one] of ones.entries()) {
        assertEqual(lock.n_waiters, 3 - i);
        one.cancel();
        await h.assertRejects(h.CANCELLED, h.settled(futures[i]));
    }
    assert(probe.wait_cancelled(1));
    await h.until(() => probe.get_n_ended() === 1);
    assertEqual(h.sightsOf(probe)[0]['was-cancelled'], true);
    await h.until(() => lock.n_flights === 0);
}, {heeds: true}));

// L4

// Ends a flight that is in the air by act(); a newcomer starts one of his own.
function newcomerAfter(act) {
    forHeld(async ({lock, gate, func, probe}) => {
        const one = new Gio.Cancellable();
        const old = join(lock, func, {key: 'key', args: [1], cancellable: one});
        assert(probe.wait_begun(1));
        act(lock, one);
        const newcomer = join(lock, func, {key: 'key', args: [2]});
        assertEqual(lock.n_executions, 2);
        gate.open();
        assertEqual(await h.settled(newcomer), 2);
        await h.settled(old).catch(() => {});
        h.assertList(h.sightsOf(probe).map(sight => sight.arg), [1, 2]);
    });
}

contract('L4.a', () => newcomerAfter((lock, one) => one.cancel()));
contract('L4.b', () => newcomerAfter(lock => lock.forget('key')));
contract('L4.c', () => newcomerAfter(lock => lock.reset()));

contract('L4.d', () => forHeld(async ({lock, gate, func, probe}) => {
    const futures = joinMany(3, lock, func);
    assert(probe.wait_begun(1));
    const one = new Gio.Cancellable();
    const leaving = join(lock, func, {cancellable: one});
    one.cancel();
    await h.assertRejects(h.CANCELLED, h.settled(leaving));
    futures.push(...joinMany(3, lock, func));
    gate.open();
    for (const future of futures)
        assertEqual(await h.settled(future), 42);
    assertEqual(probe.get_n_begun(), 1);
    assertEqual(lock.n_executions, 1);
}));

// L5

contract('L5.a', () => forHeld(async ({lock, gate, func, probe}) => {
    const futures = ['a', 'b', 'a', null].map((key, i) => join(lock, func, {key, args: [i]}));
    assertCounts(lock, {flights: 3, waiters: 4, executions: 3});
    gate.open();
    h.assertList(await Promise.all(futures.map(future => h.settled(future))), [0, 1, 0, 3]);
    assertEqual(probe.get_n_begun(), 3);
}));

contract('L5.b', () => forHeld(async ({lock, gate, func, probe}) => {
    const old = join(lock, func, {key: 'key', args: [1]});
    assert(probe.wait_begun(1));
    lock.forget('key');
    const next = join(lock, func, {key: 'key', args: [2]});
    assertEqual(lock.n_flights, 2);
    gate.open();
    assertEqual(await h.settled(old), 1);
    assertEqual(await h.settled(next), 2);
}));

contract('L5.c', () => {
    const lock = Lock.new();
    const [func] = h.makeProbe(h.BLOCKING);
    for (let i = 0; i < 1000; i++)
        lock.run_once(`key ${i}`, func, null, [i], null);
    assertCounts(lock, {flights: 0, waiters: 0, calls: 1000, executions: 1000});
    forHeld(async ({lock: other, gate, func: held}) => {
        const futures = ['a', 'b'].map(key => join(other, held, {key}));
        gate.open();
        await Promise.all(futures.map(future => h.settled(future)));
        assertCounts(other, {flights: 0, waiters: 0});
    });
});

// L6

contract('L6.a', () => forHeld(async ({lock, func, probe}) => {
    const futures = ['a', 'a', 'b', null].map(key => join(lock, func, {key}));
    assert(probe.wait_begun(3));
    lock.reset();
    for (const future of futures)
        await h.assertRejects(h.CANCELLED, h.settled(future));
}, {heeds: true}));

contract('L6.b', () => forHeld(async ({lock, func, probe}) => {
    const future = join(lock, func);
    assert(probe.wait_begun(1));
    lock.reset();
    assert(probe.wait_cancelled(1));
    await h.assertRejects(h.CANCELLED, h.settled(future));
    await h.until(() => probe.get_n_ended() === 1);
}, {heeds: true}));

contract('L6.c', () => forHeld(async ({lock, gate, func, probe}) => {
    const old = join(lock, func, {args: [1]});
    assert(probe.wait_begun(1));
    lock.reset();
    const next = join(lock, func, {args: [2]});
    gate.open();
    assertEqual(await h.settled(next), 2);
    await h.assertRejects(h.CANCELLED, h.settled(old));
    await h.until(() => lock.n_flights === 0);
}));

// L7

contract('L7.a', () => {
    for (const make of [AsyncFunc.new, AsyncFunc.new_blocking]) {
        const lock = Lock.new();
        const func = make(call => {
            h.assertThrows('RECURSION', () => h.callOnce(lock, func));
            // Another key is not the flight's own.
            const [other] = h.makeProbe(h.BLOCKING);
            assertEqual(h.callOnce(lock, other, 'other'), 42);
            call.return_int(7);
        });
        assertEqual(h.callOnce(lock, func), 7);
    }
    // On a worker: C's own.
    const lock = Lock.new();
    const again = SmartFixture.once_new(lock, null);
    h.inLoop(() => h.assertRejects('RECURSION', h.settled(join(lock, again))));

    // Idiomatic.
    const own = new SmartLock();
    const blocking = smartasync(() => own.run_once(null, blocking));
    const begun = smartasync(async () => await own.run_once(null, begun));
    for (const func of [blocking, begun]) {
        h.assertThrows('RECURSION', () => own.run_once(null, func));
        h.inLoop(() => h.assertRejects('RECURSION', own.run_once(null, func)));
    }
}, {circles: true});

contract('L7.b', () => {
    const lock = Lock.new();
    const nested = AsyncFunc.new_blocking(call => {
        h.assertThrows('RECURSION', () => h.callOnce(lock, outer));
        call.return_int(7);
    });
    const between = AsyncFunc.new(call => call.return_int(h.callSync(nested)));
    const outer = AsyncFunc.new(call => call.return_int(h.callSync(between)));
    assertEqual(h.callOnce(lock, outer), 7);
    assertEqual(h.inLoop(() => h.callOnce(lock, outer)), 7);
    // Through C, on a worker.
    const again = SmartFixture.once_new(lock, null);
    const [middle] = h.makeProbe(h.BLOCKING, {inner: again});
    h.inLoop(() => h.assertRejects('RECURSION', h.settled(join(lock, middle))));
}, {circles: true});

contract('L7.c', () => h.inLoop(async () => {
    const lock = Lock.new();
    const [first] = h.makeProbe(h.ASYNC);
    const func = AsyncFunc.new(call => {
        const later = h.withMode(SmartAsync.Mode.ASYNC, () => first.callv(null, [7], null));
        const continued = SmartAsync.continuation(later, (inner, settled) => {
            try {
                lock.run_once(null, func, null, [], null).get_int();
                inner.return_int(0);
            } catch (error) {
                h.assertError(error, 'RECURSION');
                inner.return_int(settled.get_int());
            }
        });
        call.return_future(continued);
    });
    assertEqual(await h.settled(join(lock, func)), 7);
}), {circles: true});

contract('L7.d', () => h.inLoop(async () => {
    const lock = Lock.new();
    const func = AsyncFunc.new(call => {
        call.add_timeout(1, () => {
            call.enter();
            const future = lock.run_once(null, func, null, [], null);
            call.leave();
            h.settled(future).then(
                () => call.return_int(0),
                error => call.return_error(h.assertError(error, 'RECURSION')));
            return GLib.SOURCE_REMOVE;
        });
    });
    await h.assertRejects('RECURSION', h.settled(join(lock, func)));
}), {circles: true});

// L8

contract('L8.a', () => {
    const lock = Lock.new();
    for (const kind of [h.ASYNC, h.BLOCKING, h.DUAL]) {
        const [func] = h.makeProbe(kind);
        assertEqual(lock.run_once(null, func, null, [7], null).get_int(), 7);
        assertEqual(lock.run_once_sync(null, func, null, [7], null)[1], 7);
    }
    const own = new SmartLock();
    assertEqual(own.run_once(null, smartasync(() => 7)), 7);
    assertEqual(own.run_once('key', smartasync(async x => {
        await h.timer(1);
        return x;
    }), 7), 7);
});

contract('L8.b', () => h.inLoop(async () => {
    const lock = Lock.new();
    const gate = new Gate();
    const [func] = h.makeProbe(h.BLOCKING, {gate});
    const future = lock.run_once(null, func, null, [7], null);
    assert(h.isPending(future));
    gate.open();
    assertEqual(await h.settled(future), 7);
    const value = await new Promise((resolve, reject) =>
        lock.run_once_async(null, func, null, [8], null, (source, result) => {
            try {
                resolve(source.run_once_finish(result)[1]);
            } catch (error) {
                reject(error);
            }
        }));
    assertEqual(value, 8);
    const promise = new SmartLock().run_once(null, smartasync(async () => 7));
    assert(promise instanceof Promise);
    assertEqual(await promise, 7);
}));

contract('L8.d', () => {
    // Two loops of this thread, on contexts of their own.
    const lock = Lock.new();
    const gate = new Gate();
    const [func, probe] = h.makeProbe(h.BLOCKING, {gate});
    const seen = new Map();
    const contexts = [GLib.MainContext.new(), GLib.MainContext.new()];
    for (const context of contexts) {
        context.push_thread_default();
        lock.run_once_async(null, func, null, [7], null, (source, result) => seen.set(
            SmartFixture.context_id(GLib.main_current_source().get_context()),
            source.run_once_finish(result)[1]));
        context.pop_thread_default();
    }
    gate.open();
    for (const context of contexts) {
        const id = SmartFixture.context_id(context);
        h.iterateUntil(() => seen.has(id), context);
        assertEqual(seen.get(id), 7);
    }
    assertEqual(probe.get_n_begun(), 1);
});

contract('L8.e', () => {
    // A flight that was begun in A, and a caller in S who joins it; and in turn.
    const lock = Lock.new();
    const gate = new Gate();
    const [func, probe] = h.makeProbe(h.BLOCKING, {gate});
    const future = join(lock, func, {args: [7]});
    const opener = SmartFixture.Threads.new_opener(gate, 1);
    assertEqual(h.callOnce(lock, func), 7);
    opener.join();
    assertEqual(h.wait(future), 7);
    assertEqual(probe.get_n_begun(), 1);
    assertEqual(h.callOnce(lock, func), 42);
    assertEqual(h.inLoop(() => h.settled(join(lock, func, {args: [8]}))), 8);
    assertEqual(probe.get_n_begun(), 3);
});

// L9

contract('L9.a', () => forHeld(async ({lock, gate, func}) => {
    const futures = joinMany(3, lock, func);
    assertEqual(lock.n_calls, 3);
    gate.open();
    await Promise.all(futures.map(future => h.settled(future)));
    await h.settled(join(lock, func));
    assertEqual(lock.n_calls, 4);
    assertEqual(lock.get_n_calls(), 4);
}));

contract('L9.b', () => forHeld(async ({lock, gate, func}) => {
    const futures = joinMany(3, lock, func);
    assertEqual(lock.n_executions, 1);
    gate.open();
    await Promise.all(futures.map(future => h.settled(future)));
    await h.settled(join(lock, func));
    assertEqual(lock.n_executions, 2);
}));

contract('L9.c', () => forHeld(async ({lock, gate, func}) => {
    assertEqual(lock.n_waiters, 0);
    const futures = [];
    for (let i = 1; i <= 3; i++) {
        futures.push(join(lock, func));
        assertEqual(lock.n_waiters, i);
    }
    gate.open();
    await Promise.all(futures.map(future => h.settled(future)));
    assertEqual(lock.n_waiters, 0);
}));

contract('L9.d', () => forHeld(async ({lock, gate, func}) => {
    assertEqual(lock.n_flights, 0);
    const futures = ['a', 'b', 'a'].map(key => join(lock, func, {key}));
    assertEqual(lock.n_flights, 2);
    lock.forget('a');
    // Forgotten, it has not landed yet.
    assertEqual(lock.n_flights, 2);
    gate.open();
    await Promise.all(futures.map(future => h.settled(future)));
    assertEqual(lock.n_flights, 0);
}));

h.run();
