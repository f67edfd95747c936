// SPDX-License-Identifier: LGPL-2.1-or-later

// The contract's section E: errors, cancellation, deadlines.

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import SmartAsync from 'gi://SmartAsync?version=1.0';
import SmartFixture from 'gi://SmartFixture?version=1.0';
import System from 'system';

import * as h from './harness.js';
import {assert, assertEqual, contract} from './harness.js';

const {AsyncFunc, Call, smartasync} = SmartAsync;
const {Act, Gate, Inner} = SmartFixture;
const KINDS = [h.ASYNC, h.BLOCKING, h.DUAL];

function cancellable(isCancelled = true) {
    const one = new Gio.Cancellable();
    if (isCancelled)
        one.cancel();
    return one;
}

// Runs func in each cell.
function inEveryCell(func) {
    for (const [name, cell] of Object.entries(h.CELLS)) {
        try {
            func(cell, name);
        } catch (error) {
            error.message += ` (${name})`;
            throw error;
        }
    }
}

// E1

function assertNotFound(error) {
    h.assertError(error, h.NOT_FOUND);
    assertEqual(error.message, 'Grüße');
    assertEqual(error.domain, Gio.io_error_quark());
}

contract('E1.a', () => {
    inEveryCell(cell => {
        for (const kind of KINDS) {
            const [func] = h.makeProbe(kind, {act: Act.FAIL});
            assertNotFound(h.assertThrows(h.NOT_FOUND, () => cell(func)));
        }
        // Returned by a body in JavaScript.
        const raw = AsyncFunc.new(call => call.return_new_error_literal(
            Gio.io_error_quark(), Gio.IOErrorEnum.NOT_FOUND, 'Grüße'));
        assertNotFound(h.assertThrows(h.NOT_FOUND, () => cell(raw)));
    });
    const [func] = h.makeProbe(h.BLOCKING, {act: Act.FAIL});
    const smart = smartasync(func);
    assertNotFound(h.assertThrows(h.NOT_FOUND, smart));
    assertNotFound(h.inLoop(() => h.assertRejects(h.NOT_FOUND, smart())));
    assertNotFound(h.assertThrows(h.NOT_FOUND, () => smart.sync()));
    assertNotFound(h.inLoop(() => h.assertRejects(h.NOT_FOUND, smart.aio())));
});

class OwnError extends Error {}

// The ways to call a smart function, each a function that gives what it throws.
const THROWN = {
    'S': func => caught(func),
    'S, .sync': func => caught(func.sync),
    'S, .aio': func => h.inLoop(() => rejected(() => func.aio())),
    'A': func => h.inLoop(() => rejected(func)),
    'A, .sync': func => h.inLoop(() => caught(func.sync)),
    'A, job': func => h.inLoop(async () => {
        await null;
        return rejected(func);
    }),
};

function caught(func) {
    try {
        func();
    } catch (error) {
        return error;
    }
    throw new Error('nothing was thrown');
}

async function rejected(func) {
    try {
        await func();
    } catch (error) {
        return error;
    }
    throw new Error('it was not rejected');
}

contract('E1.d', () => {
    const errors = [
        new OwnError('Grüße'),
        new TypeError('Grüße'),
        new GLib.Error(Gio.IOErrorEnum, Gio.IOErrorEnum.NOT_FOUND, 'Grüße'),
    ];
    for (const error of errors) {
        const {stack} = error;
        const funcs = {
            directly: smartasync(() => {
                throw error;
            }),
            atOnce: smartasync(async () => {
                throw error;
            }),
            later: smartasync(async () => {
                await h.idle();
                throw error;
            }),
        };
        for (const [kind, func] of Object.entries(funcs)) {
            for (const [name, how] of Object.entries(THROWN)) {
                const thrown = how(func);
                assert(thrown === error, `${kind}, ${name}: another error: ${thrown}`);
                assertEqual(thrown.stack, stack, `${kind}, ${name}: the stack`);
            }
        }
    }

    // And through a function in C that calls one in JavaScript.
    const error = new OwnError('Grüße');
    const inner = smartasync(() => {
        throw error;
    });
    const outer = smartasync(() => inner());
    assert(THROWN.S(outer) === error);
});

// E2

contract('E2.a', () => {
    const cancelled = cancellable();
    inEveryCell(cell => {
        for (const kind of KINDS)
            h.assertThrows(h.CANCELLED, () => cell(h.makeProbe(kind)[0], [], cancelled));
    });
    const smart = smartasync(async () => 7).options({cancellable: cancelled});
    h.assertThrows(h.CANCELLED, smart);
    h.inLoop(() => h.assertRejects(h.CANCELLED, smart()));
});

contract('E2.b', () => {
    const cancelled = cancellable();
    inEveryCell(cell => {
        for (const kind of KINDS) {
            const [func, probe] = h.makeProbe(kind);
            h.assertThrows(h.CANCELLED, () => cell(func, [], cancelled));
            assertEqual(probe.get_n_begun(), 0);
        }
    });
    let n = 0;
    for (const func of [async () => ++n, () => ++n]) {
        const smart = smartasync(func).options({cancellable: cancelled});
        Object.values(THROWN).forEach(how => h.assertError(how(smart), h.CANCELLED));
    }
    assertEqual(n, 0);
});

contract('E2.c', () => h.inLoop(async () => {
    for (const setUp of [
        func => func.set_executor(SmartAsync.Executor.new_pool('one', 1)),
        func => func.set_max_concurrency(1),
    ]) {
        const gate = new Gate();
        const [func, probe] = h.makeProbe(h.BLOCKING, {gate});
        setUp(func);
        const first = h.call(func, [1]);
        assert(probe.wait_begun(1));
        const one = cancellable(false);
        const queued = h.call(func, [2], one);
        one.cancel();
        gate.open();
        await h.assertRejects(h.CANCELLED, h.settled(queued));
        assertEqual(await h.settled(first), 1);
        assertEqual(await h.settled(h.call(func, [3])), 3);
        h.assertList(h.sightsOf(probe).map(sight => sight.arg), [1, 3]);
    }
}));

contract('E2.d', () => h.inLoop(async () => {
    for (const kind of [h.ASYNC, h.BLOCKING]) {
        const gate = new Gate();
        const [func, probe] = h.makeProbe(kind, {gate, heeds: true});
        const one = cancellable(false);
        const future = h.call(func, [], one);
        assert(probe.wait_begun(1));
        assert(gate.wait_for_waiters(1));
        one.cancel();
        // It sees that although nobody iterates the caller's context.
        assert(probe.wait_cancelled(1));
        await h.assertRejects(h.CANCELLED, h.settled(future));
        assertEqual(h.sightsOf(probe)[0]['was-cancelled'], true);
    }

    // JavaScript's own.
    const one = cancellable(false);
    const seen = [];
    const smart = smartasync(async () => {
        const current = Gio.Cancellable.get_current() ?? Call.get_current().get_cancellable();
        current.connect(() => seen.push('cancelled'));
        await h.until(() => current.is_cancelled());
        return 7;
    }).options({cancellable: one});
    const promise = smart();
    one.cancel();
    h.assertList(seen, ['cancelled']);
    await h.assertRejects(h.CANCELLED, promise);
}));

contract('E2.d/late-pair', () => {
    const late = SmartAsync.wrap(SmartFixture, 'late');
    const victims = [cancellable(false), cancellable(false)];

    h.assertThrows(h.CANCELLED, () => late.sync(victims[0], victims[0]));
    h.inLoop(() => h.assertRejects(h.CANCELLED, late(victims[1], victims[1])));
});

contract('E2.e', () => h.inLoop(async () => {
    const gate = new Gate();
    const [func, probe] = h.makeProbe(h.BLOCKING, {gate});
    const one = cancellable(false);
    const future = h.call(func, [], one);
    assert(gate.wait_for_waiters(1));
    one.cancel();
    assert(probe.wait_cancelled(1));
    await h.idle();
    await h.timer(1);
    assert(h.isPending(future), 'the caller got it before the body ended');
    gate.open();
    await h.assertRejects(h.CANCELLED, h.settled(future));
    assert(probe.wait_ended(1));
}));

contract('E2.f', () => {
    const gate = new Gate();
    const [func, probe] = h.makeProbe(h.BLOCKING, {gate});
    func.set_abandon_on_cancel(true);
    h.inLoop(async () => {
        const one = cancellable(false);
        const future = h.call(func, [], one);
        assert(gate.wait_for_waiters(1));
        one.cancel();
        await h.assertRejects(h.CANCELLED, h.settled(future));
        assertEqual(probe.get_n_ended(), 0);
    });
    gate.open();
    assert(probe.wait_ended(1));
});

contract('E2.g', () => h.inLoop(async () => {
    const gate = new Gate();
    const [func, probe] = h.makeProbe(h.BLOCKING, {gate});
    func.set_abandon_on_cancel(true);
    func.set_max_concurrency(1);
    const one = cancellable(false);
    const abandoned = h.call(func, [1], one);
    assert(gate.wait_for_waiters(1));
    one.cancel();
    await h.assertRejects(h.CANCELLED, h.settled(abandoned));

    const next = h.call(func, [2]);
    await h.idle();
    await h.timer(1);
    assertEqual(probe.get_n_begun(), 1, 'how many have begun');
    gate.open();
    assertEqual(await h.settled(next), 2);
    assertEqual(probe.get_most_inside(), 1);
}));

// E3

// That the call is the current one, and its cancellable too.
function assertCurrent(call) {
    assert(Call.get_current() === call, `the current call is ${Call.get_current()}`);
    assert(Gio.Cancellable.get_current() === call.get_cancellable());
}

function assertNone() {
    assertEqual(Call.get_current(), null, 'the current call');
    assertEqual(Gio.Cancellable.get_current(), null, 'the current cancellable');
}

contract('E3.a', () => {
    const look = call => {
        assertCurrent(call);
        call.return_int(7);
    };
    for (const make of [AsyncFunc.new, AsyncFunc.new_blocking]) {
        for (const one of [null, cancellable(false)]) {
            assertEqual(h.callSync(make(look), [], one), 7);
            assertEqual(h.inLoop(() => h.callSync(make(look), [], one)), 7);
        }
    }
    const one = cancellable(false);
    for (const func of [() => Gio.Cancellable.get_current() !== null, async () => Gio.Cancellable.get_current() !== null])
        assertEqual(smartasync(func).options({cancellable: one})(), true);

    // On a worker.
    const [func, probe] = h.makeProbe(h.BLOCKING);
    h.inLoop(() => h.settled(h.call(func, [], one)));
    assert(h.sightsOf(probe).every(sight => sight['is-current'] && sight['is-cancellable-current']));
    assertNone();
});

contract('E3.b', () => h.inLoop(async () => {
    let of = null;
    const future = SmartAsync.continuation(h.call(h.makeProbe(h.ASYNC)[0]), (call, settled) => {
        assertCurrent(call);
        of = call;
        call.return_int(settled.get_int() + 1);
    });
    assertEqual(await h.settled(future), 43);
    assert(of instanceof Call);
    assertNone();
}));

contract('E3.d', () => h.inLoop(async () => {
    const gate = new Gate();
    const func = AsyncFunc.new(call => {
        h.idle().then(() => {
            assertNone();
            call.enter();
            assertCurrent(call);
            call.leave();
            assertNone();
            call.return_int(7);
        }).catch(error => call.return_error(error));
    });
    assertEqual(await h.settled(h.call(func, [], cancellable(false))), 7);
    gate.open();
}));

contract('E3.e', () => {
    const one = cancellable(false);
    const func = AsyncFunc.new(call => {
        assert(Call.get_current() === call);
        assert(Gio.Cancellable.get_current() === call.get_cancellable());
        // What reaches the caller's own reaches the call's.
        one.cancel();
        assert(Gio.Cancellable.get_current().is_cancelled());
        call.return_int(7);
    });
    h.assertThrows(h.CANCELLED, () => h.callSync(func, [], one));
    assertNone();
});

// Calls inner with no cancellable from a body of an outer call that is then cancelled.
async function cancelOuter(inner, probe) {
    const one = cancellable(false);
    let future = null;
    const outer = AsyncFunc.new(call => {
        future = inner.callv(null, [], null);
        call.return_future(future);
    });
    const outerFuture = h.call(outer, [], one);
    assert(probe.wait_begun(1));
    one.cancel();
    return [future, outerFuture];
}

contract('E3.f', () => {
    h.inLoop(async () => {
        for (const kind of [h.ASYNC, h.BLOCKING]) {
            const [inner, probe] = h.makeProbe(kind, {gate: new Gate(), heeds: true});
            const [future, outer] = await cancelOuter(inner, probe);
            await h.assertRejects(h.CANCELLED, h.settled(future));
            await h.assertRejects(h.CANCELLED, h.settled(outer));
            assertEqual(h.sightsOf(probe)[0]['was-cancelled'], true);
        }
    });
    // In C on a worker, and in a function of JavaScript.
    h.inLoop(async () => {
        const [inner, probe] = h.makeProbe(h.BLOCKING, {gate: new Gate(), heeds: true});
        const [outer] = h.makeProbe(h.BLOCKING, {inner, how: Inner.SYNC});
        const one = cancellable(false);
        const future = h.call(outer, [], one);
        assert(probe.wait_begun(1));
        one.cancel();
        await h.assertRejects(h.CANCELLED, h.settled(future));
        assertEqual(h.sightsOf(probe)[0]['was-cancelled'], true);
    });
    const one = cancellable(false);
    let began = false;
    const innerSmart = smartasync(async () => (began = true));
    const outerSmart = smartasync(async () => {
        one.cancel();
        return await innerSmart();
    }).options({cancellable: one});
    h.assertThrows(h.CANCELLED, outerSmart);
    assert(!began, 'it began though it inherits what is cancelled');
});

contract('E3.g', () => h.inLoop(async () => {
    const gate = new Gate();
    const [inner, probe] = h.makeProbe(h.BLOCKING, {gate, heeds: true});
    inner.set_inherit_cancellable(false);
    const [future] = await cancelOuter(inner, probe);
    gate.open();
    assertEqual(await h.settled(future), 42);
    assertEqual(h.sightsOf(probe)[0]['was-cancelled'], false);

    const one = cancellable(false);
    const apart = smartasync(async () => 7).options({inherit_cancellable: false});
    let seen = null;
    const outer = smartasync(async () => {
        one.cancel();
        seen = await apart();
    }).options({cancellable: one});
    await h.assertRejects(h.CANCELLED, outer());
    await h.until(() => seen !== null);
    assertEqual(seen, 7);
}));

contract('E3.h', () => {
    // Under CURRENT, a callback of the application that the wait dispatches.
    let seen = 0;
    const func = AsyncFunc.new(call => {
        GLib.idle_add(GLib.PRIORITY_DEFAULT, () => {
            assertNone();
            seen++;
            call.return_int(7);
            return GLib.SOURCE_REMOVE;
        });
    });
    func.set_main_context_policy(SmartAsync.MainContextPolicy.CURRENT);
    const outer = AsyncFunc.new(call => {
        assertEqual(h.callSync(func, [], null), 7);
        assertCurrent(call);
        call.return_int(7);
    });
    outer.set_main_context_policy(SmartAsync.MainContextPolicy.CURRENT);
    assertEqual(h.callSync(outer, [], cancellable(false)), 7);
    assertEqual(seen, 1);

    // And a promise job.
    const smart = smartasync(async () => {
        await null;
        return 7;
    });
    const unrelated = h.withMode(SmartAsync.Mode.ASYNC, () => Promise.resolve().then(() => {
        seen++;
        assertNone();
    }));
    assertEqual(smart.options({cancellable: cancellable(false)})(), 7);
    h.inLoop(() => unrelated);
    assertEqual(seen, 2);
});

contract('E3.i', () => {
    const func = AsyncFunc.new_blocking(call => {
        assertCurrent(call);
        // A loop that the body runs itself.
        let seen = false;
        const context = GLib.MainContext.new();
        const source = GLib.idle_source_new();
        source.set_callback(() => {
            assertEqual(Call.get_current(), null);
            seen = true;
            return GLib.SOURCE_REMOVE;
        });
        source.attach(context);
        h.iterateUntil(() => seen, context);
        assertCurrent(call);
        call.return_int(7);
    });
    assertEqual(h.callSync(func), 7);
    assertEqual(h.inLoop(() => h.callSync(func)), 7);
});

// E4

const MSEC = 30;

function held(kind, heeds = false) {
    const gate = new Gate();
    const [func, probe] = h.makeProbe(kind, {gate, heeds});
    func.set_timeout(MSEC);
    return {gate, func, probe};
}

contract('E4.a', () => {
    for (const kind of KINDS) {
        inEveryCell(cell => h.assertWithin(MSEC + 50, () => {
            const {gate, func} = held(kind);
            const begun = h.clock();
            h.assertThrows(h.TIMED_OUT, () => cell(func));
            const took = h.clock() - begun;
            assert(took >= MSEC - 1, `too early: ${took} ms`);
            gate.open();
            return took;
        }));
    }
    const {promise, release} = h.unsettled();
    const smart = smartasync(async () => {
        await promise;
    }).options({timeout: MSEC});
    h.assertThrows(h.TIMED_OUT, smart);
    h.inLoop(() => h.assertRejects(h.TIMED_OUT, smart()));
    release();
});

contract('E4.b', () => h.inLoop(async () => {
    for (const kind of [h.ASYNC, h.BLOCKING]) {
        let probe = null;
        // Again, where no worker came to it in time.
        while (!probe?.get_n_begun()) {
            const one = held(kind, true);
            probe = one.probe;
            await h.assertRejects(h.TIMED_OUT, h.settled(h.call(one.func)));
        }
        assert(probe.wait_cancelled(1));
    }
    let seen = false;
    const {promise, release} = h.unsettled();
    const smart = smartasync(async () => {
        const current = Gio.Cancellable.get_current() ?? Call.get_current().get_cancellable();
        current.connect(() => (seen = true));
        await promise;
    }).options({timeout: MSEC});
    await h.assertRejects(h.TIMED_OUT, smart());
    assert(seen, 'the body was not cancelled');
    release();
}));

contract('E4.c', () => {
    for (const cell of Object.values(h.CELLS)) {
        let probe = null;
        // Again, where no worker came to it in time.
        while (!probe?.get_n_begun()) {
            const one = held(h.BLOCKING);
            probe = one.probe;
            h.assertThrows(h.TIMED_OUT, () => cell(one.func));
            assertEqual(probe.get_n_ended(), 0, 'it goes on');
            one.gate.open();
        }
        assert(probe.wait_ended(1));
    }
});

contract('E4.d', () => {
    // One that blocks its loop for longer: the caller has it once it returns there.
    const executor = SmartAsync.Executor.new_loop('home');
    const [inner] = h.makeProbe(h.BLOCKING, {gate: new Gate(), msec: 3 * MSEC});
    inner.set_inherit_cancellable(false);
    const func = AsyncFunc.new(call => {
        call.add_timeout(0, () => {
            h.callSync(inner);
            return GLib.SOURCE_REMOVE;
        });
    });
    func.set_timeout(MSEC);
    for (const name of ['S, call_sync', 'S, smart call', 'A, smart call', 'A, call_async']) {
        const begun = h.clock();
        h.assertThrows(h.TIMED_OUT, () => h.CELLS[name](func));
        assert(h.clock() - begun >= 3 * MSEC - 5, name);
    }
    assert(executor !== null);
});

// E5

contract('E5.a', () => {
    // A thread in C cancels while this one's loop runs.
    const gate = new Gate();
    const threads = [];
    const [func, probe] = h.makeProbe(h.BLOCKING, {gate, heeds: true});
    const one = cancellable(false);
    h.inLoop(async () => {
        const outcomes = [h.callAsync(func, [], one), h.settled(h.call(func, [], one))].map(promise =>
            h.assertRejects(h.CANCELLED, promise.finally(() => threads.push(h.thread()))));
        assert(probe.wait_begun(2));
        const canceller = SmartFixture.Threads.new_canceller(one, null, null);
        canceller.join();
        assertEqual(threads.length, 0);
        await Promise.all(outcomes);
    });
    h.assertList(threads, [h.mainThread, h.mainThread]);
});

contract('E5.b', () => {
    // In JavaScript it would run on a thread where none may: refused at once.
    const future = SmartAsync.Future.new(null);
    let error = null;
    try {
        future.add_notify(() => {});
    } catch (thrown) {
        error = thrown;
    }
    assert(error !== null, 'add_notify() took a function');
    // C's is run there.
    const [, probe] = h.makeProbe();
    probe.watch(future);
    const settler = SmartFixture.Threads.new_settler(future, 7);
    settler.join();
    h.assertList(h.sightsOf(probe).map(sight => sight.thread), settler.get_ids().deepUnpack());
    assertEqual(future.get_int(), 7);
});

contract('E5.c', () => {
    const one = cancellable(false);
    const [func, probe] = h.makeProbe(h.BLOCKING, {gate: new Gate(), heeds: true});
    const threads = [];
    one.connect(() => threads.push(h.thread()));
    h.inLoop(async () => {
        const future = h.call(func, [], one);
        assert(probe.wait_begun(1));
        one.cancel();
        // The user's own ran, here and at once.
        h.assertList(threads, [h.mainThread]);
        await h.assertRejects(h.CANCELLED, h.settled(future));
    });
});

contract('E5.d', () => {
    // A disconnection in a handler would never return: so cancelling settled,
    // running and queued calls from a handler of the same one comes to an end.
    const one = cancellable(false);
    const inner = cancellable(false);
    const [func, probe] = h.makeProbe(h.BLOCKING, {gate: new Gate(), heeds: true});
    func.set_max_concurrency(1);
    h.inLoop(async () => {
        const futures = [h.call(func, [], one), h.call(func, [], one), h.call(func, [], inner)];
        futures.push(SmartAsync.Future.new(one));
        assert(probe.wait_begun(1));
        one.connect(() => inner.cancel());
        one.cancel();
        for (const future of futures)
            await h.assertRejects(h.CANCELLED, h.settled(future));
    });
});

// E6

contract('E6.a', () => {
    inEveryCell(cell => {
        const [func] = h.makeProbe(h.BLOCKING, {act: Act.FORGET});
        h.assertThrows('NOT_RETURNED', () => cell(func));
    });
    h.assertThrows('NOT_RETURNED', () => h.callSync(AsyncFunc.new_blocking(() => {})));
});

contract('E6.b', () => inEveryCell(cell => {
    for (const atOnce of [true, false]) {
        const [func] = h.makeProbe(h.ASYNC, {act: Act.FORGET, atOnce});
        h.assertThrows('NOT_RETURNED', () => cell(func));
    }
}));

contract('E6.c', () => inEveryCell(cell => {
    const one = cancellable(false);
    const gate = new Gate();
    const [func, probe] = h.makeProbe(h.ASYNC, {act: Act.FORGET, gate});
    const canceller = SmartFixture.Threads.new_canceller(one, probe, gate);
    h.assertThrows(h.CANCELLED, () => cell(func, [], one));
    canceller.join();
}));

contract('E6.d', () => {
    // Whatever a body forgets, its caller comes back: by a smart function, too.
    for (const func of [smartasync(() => {}), smartasync(async () => {})]) {
        assertEqual(func() ?? null, null);
        assertEqual(h.inLoop(() => func()) ?? null, null);
    }
    inEveryCell(cell => {
        for (const kind of KINDS)
            h.assertThrows('NOT_RETURNED', () => cell(h.makeProbe(kind, {act: Act.FORGET})[0]));
    });
});

contract('E6.e', () => {
    const bodies = [
        () => {
            throw new OwnError('thrown');
        },
        async () => {
            throw new OwnError('rejected at once');
        },
        async () => {
            await h.idle();
            throw new OwnError('rejected later');
        },
        () => Promise.reject(new OwnError('a promise')),
        // What is no Error can be thrown, too.
        () => {
            throw 'a string';
        },
        async () => {
            throw null;
        },
    ];
    for (const body of bodies) {
        const func = smartasync(body);
        for (const [name, how] of Object.entries(THROWN)) {
            const error = how(func);
            assert(error instanceof OwnError || error === 'a string' || error === null,
                `${name}: ${error}`);
        }
    }
});

contract('E6.f', () => {
    // Nobody but the collector sees that it was dropped.
    const func = AsyncFunc.new(() => {});
    h.inLoop(async () => {
        const future = h.call(func);
        for (let i = 0; i < 100 && h.isPending(future); i++) {
            System.gc();
            await h.timer(1);
        }
        await h.assertRejects('NOT_RETURNED', h.settled(future));
    });
    // And in a smart function whose promise does not settle, the deadline.
    const {promise, release} = h.unsettled();
    const smart = smartasync(async () => {
        await promise;
    }).options({timeout: 10});
    h.assertThrows(h.TIMED_OUT, smart);
    release();
});

contract('E6.g', () => {
    for (const kind of [h.ASYNC, h.BLOCKING]) {
        const [func] = h.makeProbe(kind, {act: Act.TWICE, name: 'the-second'});
        h.expectCritical('*the-second*', () => assertEqual(h.callSync(func, [5]), 5));
    }
    const raw = AsyncFunc.new(call => {
        call.return_int(1);
        call.return_int(2);
    });
    raw.set_name('raw');
    assertEqual(h.expectCritical('*raw*', () => h.callSync(raw)), 1);
});

contract('E6.h', () => {
    const raw = AsyncFunc.new_blocking(call => {
        call.return_int(1);
        call.return_new_error_literal(Gio.io_error_quark(), 1, 'late');
    });
    raw.set_name('returns-twice');
    h.expectCritical('*returns-twice*', () => assertEqual(h.callSync(raw), 1));
    h.inLoop(async () => {
        const [func, probe] = h.makeProbe(h.BLOCKING, {act: Act.TWICE, name: 'on-a-worker'});
        GLib.test_expect_message('SmartAsync', GLib.LogLevelFlags.LEVEL_CRITICAL, '*on-a-worker*');
        assertEqual(await h.settled(h.call(func, [5])), 5);
        assert(probe.wait_ended(1));
        GLib.test_assert_expected_messages_internal('test', 'contract-e.js', 0, 'E6.h');
    });
});

h.run();
