// SPDX-License-Identifier: LGPL-2.1-or-later

// The contract's section F: futures, await, continuation.

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import GObject from 'gi://GObject';
import SmartAsync from 'gi://SmartAsync?version=1.0';
import SmartFixture from 'gi://SmartFixture?version=1.0';
import System from 'system';

import * as h from './harness.js';
import {assert, assertEqual, contract} from './harness.js';

const {Future, smartasync, smartawait, smartcontinuation} = SmartAsync;
const {Act, Gate} = SmartFixture;

function ioError(message = 'Grüße') {
    return new GLib.Error(Gio.IOErrorEnum, Gio.IOErrorEnum.NOT_FOUND, message);
}

// A future that is settled by hand.
function pending() {
    return Future.new(null);
}

function futureOf(number) {
    return Future.new_for_value(h.int(number));
}

// F1

contract('F1.a', () => {
    const future = pending();
    assertEqual(future.resolve(h.int(1)), true);
    assertEqual(future.resolve(h.int(2)), false);
    assertEqual(future.reject(ioError()), false);
    assertEqual(future.get_int(), 1);

    const rejected = pending();
    assertEqual(rejected.reject(ioError()), true);
    assertEqual(rejected.resolve(h.int(2)), false);
    h.assertThrows(h.NOT_FOUND, () => rejected.get_int());
});

contract('F1.c', () => h.inLoop(async () => {
    const future = pending();
    const waiters = [];
    for (let i = 0; i < 10; i++)
        waiters.push(h.settled(future), future.then(value => value), (async () => await future)());
    future.resolve(h.int(7));
    waiters.push(h.settled(future), future.then(value => value));
    h.assertList(await Promise.all(waiters), waiters.map(() => 7));

    const failing = pending();
    const failures = [];
    for (let i = 0; i < 10; i++)
        failures.push(h.settled(failing), failing.then(value => value));
    failing.reject(ioError());
    for (const error of await Promise.all(failures.map(failure => h.assertRejects(h.NOT_FOUND, failure))))
        assertEqual(error.message, 'Grüße');
}));

contract('F1.d', () => {
    // A GValue has a copy of what it holds: to change one leaves the others.
    const future = pending();
    future.resolve(h.makeValue(GObject.TYPE_STRING, 'Grüße'));
    const values = [1, 2, 3].map(() => h.valueOf(future));
    h.assertList(values, ['Grüße', 'Grüße', 'Grüße']);

    // Errors are each waiter's own, too.
    const rejected = Future.new_for_error(ioError());
    const errors = [1, 2, 3].map(() => h.assertThrows(h.NOT_FOUND, () => rejected.get_int()));
    assertEqual(new Set(errors).size, 3, 'errors');
    assert(errors.every(error => error.message === 'Grüße'));

    // A variant, which cannot be changed, and an object are references of their own.
    const thing = SmartFixture.Thing.new(1);
    const held = pending();
    held.resolve(thing);
    assert(h.valueOf(held) === thing && h.valueOf(held) === thing);
});

// F2

contract('F2.a', () => {
    assertEqual(h.valueOf(SmartAsync.await(h.int(7), null)), 7);
    assertEqual(smartawait(7), 7);
    assertEqual(h.inLoop(() => smartawait(7)), 7);
});

contract('F2.b', () => {
    assertEqual(h.valueOf(SmartAsync.await(futureOf(7), null)), 7);
    assertEqual(smartawait(futureOf(7)), 7);
    assertEqual(h.inLoop(() => smartawait(futureOf(7))), 7);

    // One that comes later.
    const [func] = h.makeProbe(h.ASYNC);
    assertEqual(smartawait(h.begin(func, [7])), 7);
    assertEqual(h.inLoop(() => smartawait(h.call(func, [7]))), 7);
    h.assertThrows(h.NOT_FOUND, () => smartawait(Future.new_for_error(ioError())));
    h.inLoop(() => h.assertRejects(h.NOT_FOUND, smartawait(Future.new_for_error(ioError()))));
});

// A future of a future of a future.
function nested(innermost) {
    return Future.new_for_value(Future.new_for_value(innermost));
}

contract('F2.c', () => {
    assertEqual(h.valueOf(SmartAsync.await(nested(futureOf(7)), null)), 7);
    assertEqual(smartawait(nested(futureOf(7))), 7);
    assertEqual(h.inLoop(() => smartawait(nested(futureOf(7)))), 7);
    const [func] = h.makeProbe(h.BLOCKING);
    assertEqual(smartawait(nested(h.begin(func, [7]))), 7);
    assertEqual(h.inLoop(async () => await nested(h.call(func, [7]))), 7);
});

contract('F2.i', () => {
    for (const value of [0, -1.5, '', 'Grüße', true, null, undefined]) {
        assertEqual(smartawait(value), value);
        assertEqual(h.inLoop(() => smartawait(value)), value);
    }
    const list = [1, {a: 2}];
    assert(smartawait(list) === list);
    assert(h.inLoop(() => smartawait(list)) === list);
});

contract('F2.j', () => {
    assertEqual(smartawait(Promise.resolve(7)), 7);
    assertEqual(smartawait(h.timer(1).then(() => 7)), 7);
    assertEqual(h.inLoop(() => smartawait(h.timer(1).then(() => 7))), 7);
    assert(h.inLoop(() => [smartawait(Promise.resolve(7))])[0] instanceof Promise);
    const error = new Error('rejected');
    let caught = null;
    try {
        smartawait(Promise.reject(error));
    } catch (thrown) {
        caught = thrown;
    }
    assert(caught === error);
});

contract('F2.k', () => {
    const make = () => Promise.resolve({then: resolve => resolve(Promise.resolve(7))});
    assertEqual(smartawait(make()), 7);
    assertEqual(h.inLoop(() => smartawait(make())), 7);
    // A promise of a future, of a promise's function.
    assertEqual(smartawait(Promise.resolve(futureOf(7))), 7);
    assertEqual(h.inLoop(() => smartawait(h.timer(1).then(() => futureOf(7)))), 7);
});

// F3

function addOne(call, settled) {
    call.return_int(settled.get_int() + 1);
}

contract('F3.a', () => {
    const check = () => {
        const future = SmartAsync.continuation(h.int(6), addOne);
        assertEqual(future.get_int(), 7);
        let applied = 0;
        const result = smartcontinuation(6, value => {
            applied++;
            return value + 1;
        });
        assertEqual(applied, 1, 'how often it was applied when the call returned');
        return result;
    };
    assertEqual(check(), 7);
    assertEqual(h.inLoop(check), 7);
});

contract('F3.b', () => h.inLoop(async () => {
    const future = pending();
    const order = [];
    const continued = SmartAsync.continuation(future, (call, settled) => {
        order.push('applied');
        addOne(call, settled);
    });
    const result = smartcontinuation(future, value => {
        order.push('applied');
        return value + 1;
    });
    await h.idle();
    h.assertList(order, []);
    future.resolve(h.int(6));
    assertEqual(await h.settled(continued), 7);
    assertEqual(await result, 7);
    h.assertList(order, ['applied', 'applied']);
    // Of a promise, with an async function.
    assertEqual(await smartcontinuation(h.timer(1).then(() => 6), async value => {
        await h.idle();
        return value + 1;
    }), 7);
}));

contract('F3.c', () => {
    const context = GLib.MainContext.new();
    const future = pending();
    let seen = null;
    context.push_thread_default();
    const continued = SmartAsync.continuation(future, call => {
        seen = [h.thread(), SmartFixture.context_id(GLib.main_current_source().get_context())];
        call.return_none();
    });
    context.pop_thread_default();
    SmartFixture.Threads.new_settler(future, 6).join();
    h.iterateUntil(() => seen !== null, context);
    h.assertList(seen, [h.mainThread, SmartFixture.context_id(context)]);
    assert(!h.isPending(continued));
});

contract('F3.d', () => {
    // In the value.
    h.assertThrows(h.NOT_FOUND, () => smartcontinuation(Future.new_for_error(ioError()), () => 7));
    h.inLoop(() => h.assertRejects(h.NOT_FOUND,
        smartcontinuation(Future.new_for_error(ioError()), () => 7)));
    h.assertThrows(h.NOT_FOUND, () =>
        SmartAsync.continuation(Future.new_for_error(ioError()), addOne).get_int());
    // In the function.
    const error = new Error('in the function');
    const fail = () => {
        throw error;
    };
    let caught = null;
    try {
        smartcontinuation(6, fail);
    } catch (thrown) {
        caught = thrown;
    }
    assert(caught === error);
    assertEqual(h.inLoop(() => smartcontinuation(h.timer(1), fail).catch(thrown => thrown === error)), true);
    h.assertThrows(h.NOT_FOUND, () => SmartAsync.continuation(h.int(6),
        call => call.return_error(ioError())).get_int());
});

contract('F3.f', () => {
    const add = (...numbers) => numbers.reduce((sum, number) => sum + number);
    assertEqual(smartcontinuation(1, add, 2, 3), 6);
    assertEqual(h.inLoop(() => smartcontinuation(futureOf(1), add, 2, 3)), 6);
    assertEqual(h.inLoop(() => smartcontinuation(h.timer(1).then(() => 1), add, 2, 3)), 6);
});

// F4

contract('F4.a', () => h.inLoop(async () => {
    assertEqual(await futureOf(6).then(value => value + 1), 7);
    assertEqual(await futureOf(6).then(async value => value + 1).then(value => value + 1), 8);
    const [func] = h.makeProbe(h.BLOCKING);
    assertEqual(await h.call(func, [6]).then(value => value + 1), 7);
    assertEqual(await Future.new_for_error(ioError()).then(() => 7, error => error.message), 'Grüße');
    // It never runs within the call, as with any promise.
    let inside = true;
    const promise = futureOf(6).then(() => assert(!inside));
    inside = false;
    await promise;
}));

contract('F4.b', () => h.inLoop(async () => {
    assertEqual(await Future.new_for_error(ioError()).catch(error => error.message), 'Grüße');
    assertEqual(await futureOf(6).catch(() => 7), 6);
    await h.assertRejects(h.NOT_FOUND, futureOf(6).catch(() => 7).then(() => {
        throw ioError();
    }));
}));

contract('F4.c', () => h.inLoop(async () => {
    let n = 0;
    assertEqual(await futureOf(6).finally(() => ++n), 6);
    await h.assertRejects(h.NOT_FOUND, Future.new_for_error(ioError()).finally(() => ++n));
    assertEqual(n, 2);
}));

contract('F4.d', () => h.inLoop(async () => {
    const futures = [pending(), futureOf(1), pending()];
    const all = Future.allv(futures);
    futures[0].resolve(h.int(2));
    await h.idle();
    assert(h.isPending(all));
    futures[2].resolve(h.int(3));
    await h.settled(all);
    await h.settled(Future.allv([]));
    // JavaScript's own takes them, too.
    h.assertList(await Promise.all(futures), [2, 1, 3]);
    await h.assertRejects(h.NOT_FOUND, h.settled(Future.allv([futureOf(1), Future.new_for_error(ioError())])));
}));

contract('F4.e', () => h.inLoop(async () => {
    const futures = [pending(), pending(), pending()];
    const any = Future.anyv(futures);
    futures[0].reject(ioError());
    await h.idle();
    assert(h.isPending(any));
    futures[2].resolve(h.int(7));
    assertEqual(await h.settled(any), 7);
    assertEqual(await Promise.any([Future.new_for_error(ioError()), futureOf(7)]), 7);
    await h.assertRejects(h.NOT_FOUND, h.settled(Future.anyv([Future.new_for_error(ioError())])));
    await h.assertRejects('INVALID_ARGUMENTS', h.settled(Future.anyv([])));
}));

contract('F4.f', () => h.inLoop(async () => {
    const futures = [pending(), pending()];
    const race = Future.racev(futures);
    futures[1].reject(ioError());
    await h.assertRejects(h.NOT_FOUND, h.settled(race));
    assertEqual(await h.settled(Future.racev([pending(), futureOf(7)])), 7);
    const loser = pending();
    assertEqual(await Promise.race([loser, futureOf(7)]), 7);
    // Who waits for a future owns it: this ends the wait.
    loser.resolve(h.int(6));
    await h.assertRejects('INVALID_ARGUMENTS', h.settled(Future.racev([])));
}));

// Two calls that are held; what happens to the second when the first has settled.
async function loserOf(combine, act) {
    const [quick] = h.makeProbe(h.BLOCKING, {act});
    const [held, probe] = h.makeProbe(h.BLOCKING, {gate: new Gate(), heeds: true});
    const loser = h.call(held);
    assert(probe.wait_begun(1));
    const combined = combine([loser, h.call(quick)]);
    await h.settled(combined).catch(() => {});
    assert(probe.wait_cancelled(1));
    await h.assertRejects(h.CANCELLED, h.settled(loser));
}

contract('F4.g', () => h.inLoop(async () => {
    await loserOf(futures => Future.racev(futures), Act.ECHO);
    await loserOf(futures => Future.anyv(futures), Act.ECHO);
}));

contract('F4.h', () => h.inLoop(() => loserOf(futures => Future.allv(futures), Act.FAIL)));

// F5

contract('F5.a', () => {
    assertEqual(h.wait(futureOf(7)), 7);
    assertEqual(futureOf(7).wait(0, null)[1], 7);
    h.assertThrows(h.NOT_FOUND, () => h.wait(Future.new_for_error(ioError())));
    assertEqual(h.inLoop(() => h.wait(futureOf(7))), 7);
    assertEqual(h.inLoop(async () => {
        await null;
        return h.wait(futureOf(7));
    }), 7);
});

contract('F5.c', () => {
    for (const where of [func => func(), h.inLoop]) {
        h.assertWithin(80, () => {
            const begun = h.clock();
            where(() => h.assertThrows(h.TIMED_OUT, () => pending().wait(30000, null)));
            const took = h.clock() - begun;
            assert(took >= 29);
            return took;
        });
        where(() => h.assertThrows(h.TIMED_OUT, () => pending().wait(0, null)));
    }
    // with_timeout() needs no loop.
    const limited = pending().with_timeout(30);
    h.assertThrows(h.TIMED_OUT, () => h.wait(limited));
});

contract('F5.d', () => {
    const cancellable = new Gio.Cancellable();
    const future = pending();
    const canceller = SmartFixture.Threads.new_canceller(cancellable, null, null);
    h.assertThrows(h.CANCELLED, () => h.wait(future, cancellable));
    canceller.join();
    assert(h.isPending(future), 'only the wait ends');
    h.assertThrows(h.CANCELLED, () => h.wait(future, cancellable));
    h.inLoop(() => h.assertRejects(h.CANCELLED, h.settled(future, cancellable)));
});

contract('F5.f', () => {
    // No loop runs: the wait iterates for what was begun here.
    for (const kind of [h.ASYNC, h.BLOCKING, h.DUAL]) {
        const [func] = h.makeProbe(kind);
        let result = null;
        func.call_async(null, [7], null, (source, res) => (result = res));
        const future = h.begin(func, [8]);
        assertEqual(h.wait(future), 8);
        h.iterateUntil(() => result !== null);
        assertEqual(func.call_finish(result)[1], 7);
    }
    assertEqual(smartawait(smartasync(async () => {
        await h.timer(1);
        return 7;
    }).aio()), 7);
});

// F6

contract('F6.c', () => h.inLoop(async () => {
    assertEqual(await futureOf(7), 7);
    const [func] = h.makeProbe(h.BLOCKING);
    assertEqual(await h.call(func, [7]), 7);
    assertEqual(await h.call(h.makeProbe(h.ASYNC)[0], ['Grüße']), 'Grüße');
    await h.assertRejects(h.NOT_FOUND, (async () => await Future.new_for_error(ioError()))());
    assertEqual(await h.call(h.makeProbe(h.BLOCKING, {act: Act.NONE})[0]) ?? null, null);
    const future = pending();
    h.idle().then(() => future.resolve(h.int(7)));
    assertEqual(await future, 7);
}));

// F7

// The progress that a hundred reports leave, and when the end was told. The loop may
// be held up until a worker has made them all.
async function watchProgress(kind, isHeldUp) {
    const gate = new Gate();
    const [func, probe] = h.makeProbe(kind, {act: Act.PROGRESS, gate});
    const future = h.call(func, [7]);
    const seen = [];
    const threads = new Set();
    assertEqual(future.progress, -1);
    future.connect('notify::progress', () => {
        seen.push(future.progress);
        threads.add(h.thread());
    });
    const callback = h.settled(future).then(() => seen.push('settled'));
    gate.open();
    if (isHeldUp && kind === h.BLOCKING)
        assert(probe.wait_ended(1));
    await callback;
    await h.idle();
    await h.timer(1);
    return {seen, threads: [...threads]};
}

async function forBoth(check, isHeldUp = false) {
    for (const kind of [h.ASYNC, h.BLOCKING])
        check(await watchProgress(kind, isHeldUp));
}

contract('F7.a', () => h.inLoop(() => forBoth(({seen, threads}) => {
    assert(seen.length > 1, 'no progress was seen');
    assert(seen.slice(0, -1).every(value => value >= 0 && value <= 1));
    h.assertList(threads, [h.mainThread]);
})));

contract('F7.b', () => h.inLoop(() => forBoth(({seen}) =>
    assert(seen.length < 20, `${seen.length} notifications of 101 reports`), true)));

contract('F7.c', () => h.inLoop(() => forBoth(({seen}) =>
    assertEqual(seen.filter(value => value !== 'settled').pop(), 1))));

contract('F7.d', () => h.inLoop(() => forBoth(({seen}) => {
    assert(seen.indexOf(1) >= 0);
    assert(seen.indexOf(1) < seen.indexOf('settled'));
})));

// One that settled before anybody waited for it, and of which nothing was delivered yet.
contract('F7.d/late', () => h.inLoop(async () => {
    const [func, probe] = h.makeProbe(h.BLOCKING, {act: Act.PROGRESS});
    const future = h.call(func);
    const seen = [];
    future.connect('notify::progress', () => seen.push(future.progress));
    assert(probe.wait_ended(1));
    h.waitFor(() => !h.isPending(future));
    assertEqual(seen.length, 0);
    await future;
    assertEqual(seen.at(-1), 1);
}));

contract('F7.e', () => h.inLoop(() => forBoth(({seen}) =>
    assertEqual(seen.indexOf('settled'), seen.length - 1))));

// F8

// Until the collector has taken all that nobody holds.
async function collected(predicate) {
    for (let i = 0; i < 200 && !predicate(); i++) {
        System.gc();
        await h.timer(1);
    }
    assert(predicate(), 'it was not freed');
}

contract('F8.a', () => h.inLoop(async () => {
    SmartFixture.Thing.expect_here();
    const before = SmartFixture.Thing.get_n_alive();
    const gate = new Gate();
    const [func, probe] = h.makeProbe(h.BLOCKING, {gate});
    for (let i = 0; i < 10; i++)
        h.call(func, [SmartFixture.Thing.new(i)], null, SmartFixture.Thing.new(i));
    assert(probe.wait_begun(10));
    gate.open();
    assert(probe.wait_ended(10));
    await collected(() => SmartFixture.Thing.get_n_alive() === before);

    const watched = SmartFixture.Follower.new();
    (() => {
        const future = pending();
        watched.follow(future);
    })();
    await collected(() => watched.get_n_alive() === 0);
}));

contract('F8.b', () => h.inLoop(async () => {
    const gate = new Gate();
    const [func, probe] = h.makeProbe(h.BLOCKING, {gate, heeds: true});
    const watched = SmartFixture.Follower.new();
    const cancellable = new Gio.Cancellable();
    (() => watched.follow(h.call(func, [1], cancellable)))();
    assert(probe.wait_begun(1));
    for (let i = 0; i < 20; i++) {
        System.gc();
        await h.timer(1);
    }
    assert(!cancellable.is_cancelled());
    gate.open();
    assert(probe.wait_ended(1));
    assertEqual(h.sightsOf(probe)[0]['was-cancelled'], false);
    await collected(() => watched.get_n_alive() === 0);
}));

// What hangs on a future: continuations, waiters, combinations.
function entangle(watched, cancellable) {
    const future = Future.new(cancellable);
    const combined = Future.allv([future, Future.anyv([future])]);
    for (const one of [future, combined]) {
        watched.follow(one);
        // Each knows the future that it waits for.
        one.then(() => one, () => one.get_status());
        one.finally(() => {}).catch(() => {});
        h.settled(one).catch(() => {});
        watched.follow(SmartAsync.continuation(one, (call, settled) => call.return_future(settled)));
        watched.follow(one.with_timeout(60000));
    }
}

contract('F8.c', () => h.inLoop(async () => {
    // Who waits for a future owns it: the end of the wait breaks the circle.
    const watched = SmartFixture.Follower.new();
    const cancellable = new Gio.Cancellable();
    for (let i = 0; i < 10; i++)
        entangle(watched, cancellable);
    const total = watched.get_n_alive();
    assert(total >= 60);
    cancellable.cancel();
    // The collector may still see the last one on its stack.
    await collected(() => watched.get_n_alive() <= total / 10);
}));

h.run();
