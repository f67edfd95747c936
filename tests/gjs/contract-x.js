// SPDX-License-Identifier: LGPL-2.1-or-later

// The contract's sections X, deadlocks are refused, and B, bad input.

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import GObject from 'gi://GObject';
import SmartAsync from 'gi://SmartAsync?version=1.0';
import SmartFixture from 'gi://SmartFixture?version=1.0';

import * as h from './harness.js';
import {assert, assertEqual, assertMatch, contract} from './harness.js';

const {AsyncFunc, Future, smartasync} = SmartAsync;
const {Gate, Inner, Threads} = SmartFixture;
const range = n => Array.from({length: n}, (_, i) => i);

// X1: in a callback of the default context, a call whose home that is.
function waitAtHome(check) {
    h.inLoop(async () => {
        const gate = new Gate();
        const [func] = h.makeProbe(h.ASYNC, {gate, name: 'at-home'});
        const future = h.call(func, [7]);
        const begun = h.clock();
        const error = await h.inCallback(() =>
            h.assertThrows('WOULD_DEADLOCK', () => future.wait(-1, null)));
        assert(h.clock() - begun < 1000, 'not at once');
        await check(error, future, gate);
        gate.open();
        await h.settled(future);
    });
}

contract('X1.a', () => {
    waitAtHome(() => {});
    h.inLoop(async () => {
        // In the body of another call; in a promise job.
        const [func] = h.makeProbe(h.ASYNC);
        const future = h.call(func);
        h.assertThrows('WOULD_DEADLOCK', () => future.wait(-1, null));
        const all = Future.allv([future]);
        h.assertThrows('WOULD_DEADLOCK', () => all.wait(-1, null));
        await null;
        h.assertThrows('WOULD_DEADLOCK', () => future.wait(-1, null));
        // With a deadline it is legal.
        h.assertThrows(h.TIMED_OUT, () => future.wait(1000, null));
        await h.settled(future);
    });
});

contract('X1.b', () => waitAtHome(error => {
    assertMatch(error.message, /at-home/);
    const context = SmartFixture.context_id(null).toString(16);
    assertMatch(error.message, new RegExp(`0x${context}`));
}));

contract('X1.c', () => waitAtHome(async (error, future, gate) => {
    assert(h.isPending(future));
    gate.open();
    assertEqual(await h.settled(future), 7);
}));

// X2: rings of bodies on workers, each of which waits for the next one's call.

function runRing(n, closed = true) {
    const all = new Gate();
    const members = range(n).map(i => h.makeProbe(h.BLOCKING, {gate: all, name: `member-${i}`}));
    const futures = members.map(([func], i) => h.begin(func, [i]));
    members.forEach(([, probe], i) => {
        if (closed || i + 1 < n)
            probe.set_waited(futures[(i + 1) % n]);
    });
    all.open();
    futures.forEach((future, i) => assertEqual(h.wait(future), i));
    members.forEach(([, probe]) => probe.set_waited(null));

    const refused = members.filter(([, probe]) => {
        try {
            return !probe.check();
        } catch (error) {
            h.assertError(error, 'WOULD_DEADLOCK');
            range(n).forEach(i => assertMatch(error.message, new RegExp(`member-${i}`)));
            return true;
        }
    });
    assertEqual(refused.length, closed ? 1 : 0, 'how many were refused');
}

contract('X2.a', () => {
    runRing(2, false);
    range(50).forEach(() => runRing(2));
});

contract('X2.b', () => {
    runRing(5, false);
    range(50).forEach(() => runRing(5));
});

contract('X2.c', () => {
    const setUps = [
        func => func.set_max_concurrency(1),
        func => func.set_executor(SmartAsync.Executor.new_pool('one', 1)),
    ];
    for (const setUp of setUps) {
        for (const kind of [h.BLOCKING, h.ASYNC]) {
            if (kind === h.ASYNC && setUp === setUps[1])
                continue;
            const gate = new Gate();
            const [left, ofLeft] = h.makeProbe(kind, {gate, name: 'left'});
            const [right, ofRight] = h.makeProbe(kind, {gate, name: 'right'});
            // The first body of each calls the other function; those called just return.
            ofLeft.set_inner(right, Inner.SYNC, 1);
            ofRight.set_inner(left, Inner.SYNC, 1);
            [left, right].forEach(setUp);
            const callers = [left, right].map(func => Threads.new_callers(func, 1, 1, null));
            assert(ofLeft.wait_begun(1) && ofRight.wait_begun(1));
            gate.open();
            const outcomes = callers.map(threads => {
                try {
                    threads.join();
                    return null;
                } catch (error) {
                    return error;
                }
            });
            const refused = [ofLeft, ofRight].map(probe => {
                try {
                    probe.check();
                    return null;
                } catch (error) {
                    return error;
                }
            });
            const errors = new Set([...outcomes, ...refused].filter(error => error !== null));
            assert(errors.size >= 1, 'nobody was refused');
            errors.forEach(error => h.assertError(error, 'WOULD_DEADLOCK'));
            [ofLeft, ofRight].forEach(probe => probe.set_inner(null, Inner.SYNC, 0));
        }
    }
});

// X3: trees, whose upper nodes are JavaScript's where this thread walks them.

let state = 0;
function random(n) {
    // A linear congruential generator: the seed is printed.
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor(state / 2 ** 32 * n);
}

const nodes = [
    AsyncFunc.new(call => {
        walk(call.get_uint(0));
        call.return_uint(1);
    }),
    AsyncFunc.new(call => {
        call.add_timeout(0, () => {
            call.enter();
            try {
                walk(call.get_uint(0));
                call.return_uint(1);
            } catch (error) {
                call.return_error(error);
            } finally {
                call.leave();
            }
            return GLib.SOURCE_REMOVE;
        });
    }),
    AsyncFunc.new_blocking(call => {
        walk(call.get_uint(0));
        call.return_uint(1);
    }),
];

function walk(depth) {
    if (depth === 0)
        return;
    if (depth <= 4) {
        const func = SmartFixture.tree_node(random(4));
        const args = [h.uint(random(2 ** 32)), h.uint(depth)];
        if (random(2) === 0 && func.kind === h.BLOCKING) {
            const future = h.begin(func, args);
            if (random(2) === 0) {
                try {
                    future.wait(100, null);
                } catch (error) {
                    h.assertError(error, h.TIMED_OUT);
                }
            }
            assertEqual(h.wait(future), 1);
        } else {
            assertEqual(h.callSync(func, args), 1);
        }
        return;
    }
    const func = nodes[random(nodes.length)];
    const args = [h.uint(depth - 1)];
    if (random(2) === 0)
        assertEqual(h.callSync(func, args), 1);
    else
        assertEqual(h.withMode(SmartAsync.Mode.SYNC, () => h.valueOf(h.call(func, args))), 1);
}

contract('X3.a', () => {
    const N = 10000;
    const seed = GLib.random_int();
    print(`# seed ${seed}`);
    state = seed;
    // Two threads of C's walk meanwhile.
    const walkers = Threads.new_walkers(2, N * 2 / 5, seed);
    h.inLoop(() => range(N / 10).forEach(() => walk(8)));
    range(N / 10).forEach(() => walk(8));
    walkers.join();
    assertEqual(walkers.get_n_good(), N * 4 / 5);
}, {seconds: 120, large: true});

contract('X3.b', () => range(4).forEach(i => runRing(i + 2)));

// X4

contract('X4.a', () => {
    const gate = new Gate();
    const [inner, ofInner] = h.makeProbe(h.BLOCKING, {gate, name: 'inner'});
    const [outer] = h.makeProbe(h.BLOCKING, {inner, how: Inner.OFFLOADED, name: 'outer'});
    const [lonely, ofLonely] = h.makeProbe(h.ASYNC, {gate, name: 'lonely'});
    outer.set_abandon_on_cancel(true);
    const threads = [outer, lonely].map(func => Threads.new_callers(func, 1, 1, null));
    assert(ofInner.wait_begun(1) && ofLonely.wait_begun(1));
    // A function may have the place where it was called in its name.
    const innerName = 'inner(?: \\([^)]*\\))?';
    const shows = [
        `thread \\d+ waits, for \\d+\\.\\d s[^\\n]*, for:\n  outer, running on thread \\d+\n    ${innerName}, running on thread \\d+\n`,
        `thread \\d+ waits, for \\d+\\.\\d s, for:\n  ${innerName}, running on thread \\d+\n`,
        'iterating main context 0x[0-9a-f]+, for:\n  lonely, in main context 0x[0-9a-f]+\n',
    ].map(pattern => new RegExp(pattern));
    h.waitFor(() => shows.every(pattern => pattern.test(SmartAsync.async_dump_waits())));
    gate.open();
    threads.forEach(one => one.join());
    assertEqual(SmartAsync.async_dump_waits(), '');
});

contract('X4.b', () => h.runScript(`
    import SmartAsync from 'gi://SmartAsync?version=1.0';
    import SmartFixture from 'gi://SmartFixture?version=1.0';
    try {
        SmartAsync.Future.new(null).wait(300000, null);
    } catch {
    }
    const probe = SmartFixture.Probe.new(SmartFixture.Act.ECHO);
    probe.set_gate(new SmartFixture.Gate());
    const lonely = probe.make(SmartAsync.AsyncFuncKind.ASYNC);
    lonely.set_name('lonely');
    lonely.set_timeout(300);
    try {
        lonely.call_sync(null, [], null);
    } catch {
    }
`, {
    // Ten seconds are long for a test.
    environment: {SMARTASYNC_DEBUG: 'waits', SMARTASYNC_DEBUG_WAITS_MSEC: '50'},
    stderr: /takes long[^]*thread \d+ waits[^]*settled by hand[^]*takes long[^]*lonely/,
}));

// X5

contract('X5.a', () => {
    const func = smartasync(async () => {
        await h.idle();
        return 7;
    });
    h.inLoop(async () => {
        await null;
        h.assertThrows('WOULD_DEADLOCK', () => func.sync());
        h.withMode(SmartAsync.Mode.SYNC, () => h.assertThrows('WOULD_DEADLOCK', () => func()));
        // In what a job calls, and in a loop that it runs.
        h.assertThrows('WOULD_DEADLOCK', () => [1].map(() => func.sync()));
        let seen = null;
        GLib.idle_add(GLib.PRIORITY_DEFAULT, () => {
            try {
                func.sync();
            } catch (error) {
                seen = error;
            }
            return GLib.SOURCE_REMOVE;
        });
        h.iterateUntil(() => seen !== null);
        h.assertError(seen, 'WOULD_DEADLOCK');
    });
    // By the plain API, a mode and a lock, of one's own body and of a derived function.
    const raw = AsyncFunc.new(async call => {
        await h.idle();
        call.return_int(7);
    });
    h.inLoop(async () => {
        await null;
        for (const plain of [func.func, func.options({name: 'derived'}).func, func.func.derivev([], []), raw]) {
            const lock = new SmartAsync.Lock();
            const waits = [
                () => plain.call_sync(null, [], null),
                () => smartasync(plain).sync(),
                () => smartasync(plain, {name: 'optional'}).sync(),
                () => lock.run_once_sync('key', plain, null, [], null),
                () => h.withMode(SmartAsync.Mode.SYNC, () => plain.callv(null, [], null)),
                () => h.withMode(SmartAsync.Mode.SYNC, () => lock.run_once('key', plain, null, [], null)),
            ];
            waits.forEach(wait => h.assertThrows('WOULD_DEADLOCK', wait));
            // What does not wait is not refused.
            assertEqual(await plain.callv(null, [], null), 7);
            assertEqual(await lock.run_once('key', plain, null, [], null), 7);
        }
    });
    // In a body that has a context of its own no job runs, either; in one that has the caller's, they do.
    for (const policy of ['PRIVATE', 'CURRENT']) {
        const outer = AsyncFunc.new(call => call.return_int(func.sync() + raw.call_sync(null, [], null)[1]));
        outer.set_main_context_policy(SmartAsync.MainContextPolicy[policy]);
        for (const run of [wait => wait(), h.inLoop]) {
            if (policy === 'PRIVATE')
                h.assertThrows('WOULD_DEADLOCK', () => run(() => h.callSync(outer)));
            else
                assertEqual(run(() => h.callSync(outer)), 14);
        }
    }
    // The default context may be the thread default, too.
    const context = GLib.MainContext.default();
    assert(context.acquire());
    context.push_thread_default();
    try {
        assertEqual(func.sync(), 7);
        assertEqual(raw.call_sync(null, [], null)[1], 7);
    } finally {
        context.pop_thread_default();
        context.release();
    }
    // GJS's timers run the jobs within their own sources.
    h.inLoop(async () => {
        const refused = () => h.assertThrows('WOULD_DEADLOCK', () => func.sync());
        await new Promise(resolve => setTimeout(resolve, 1));
        refused();
        await new Promise(resolve => {
            const ticking = setInterval(() => {
                clearInterval(ticking);
                resolve();
            }, 1);
        });
        refused();
        await new Promise(resolve => setTimeout(() => Promise.resolve().then(refused).then(resolve), 1));
    });
    // In the callback of a source, a timer's among them, and at top level, it gives the value.
    assertEqual(func.sync(), 7);
    h.inLoop(async () => {
        assertEqual(await h.inCallback(() => func.sync()), 7);
        assertEqual(await new Promise(resolve => setTimeout(() => resolve(func.sync()), 1)), 7);
    });
});

contract('X5.b', () => h.inLoop(async () => {
    await null;
    const file = SmartAsync.of(Gio.File.new_for_path('/proc/self/comm'));
    assertEqual(file.load_contents.sync(null)[0], true);
    // One that has no blocking sibling with the same arguments.
    const children = SmartAsync.of(Gio.File.new_for_path('/proc/self'));
    children.enumerate_children.sync('standard::name', Gio.FileQueryInfoFlags.NONE, null).close(null);
    for (const kind of [h.ASYNC, h.BLOCKING, h.DUAL]) {
        const [func] = h.makeProbe(kind);
        assertEqual(h.callSync(func, [7]), 7);
        assertEqual(smartasync(func).sync(7), 7);
    }
    // And a body in JavaScript that needs no promise job.
    assertEqual(smartasync(() => 7).sync(), 7);
}));

// B1

function signed(kind = h.BLOCKING, options = {}) {
    const [func, probe] = h.makeProbe(kind, {name: 'signed', ...options});
    func.set_signature(GObject.TYPE_INT, [GObject.TYPE_INT]);
    return [func, probe];
}

// In each cell and kind: refused, and what the message says.
function checkRefused(args, patterns, options = {}) {
    for (const cell of Object.values(h.CELLS)) {
        for (const kind of [h.BLOCKING, h.ASYNC, h.DUAL]) {
            const [func, probe] = signed(kind, options);
            const {message} = h.assertThrows('INVALID_ARGUMENTS', () => cell(func, args));
            patterns.forEach(pattern => assertMatch(message, pattern));
            if (!options.act)
                assertEqual(probe.get_n_begun(), 0);
        }
    }
}

contract('B1.a', () => {
    checkRefused([], [/signed/, /0/, /1/]);
    checkRefused([1, 2], [/signed/, /1/, /2/]);
});

contract('B1.b', () => {
    checkRefused(['Grüße'], [/gint/, /gchararray/]);
    checkRefused([SmartFixture.Thing.new(1)], [/gint/, /SmartFixtureThing/]);
});

contract('B1.c', () => {
    checkRefused([7], [/signed/, /gint/, /gchararray/], {act: SmartFixture.Act.STRING});
    // What fits is let through, and numbers are converted without loss.
    assertEqual(h.callSync(signed()[0], [7]), 7);
});

contract('B1.d', () => {
    // checkRefused() counts the bodies that began; JavaScript's likewise.
    checkRefused([], []);
    let n = 0;
    for (const make of [AsyncFunc.new, AsyncFunc.new_blocking]) {
        const func = make(call => call.return_int(++n));
        func.set_signature(GObject.TYPE_INT, [GObject.TYPE_INT]);
        for (const cell of Object.values(h.CELLS))
            h.assertThrows('INVALID_ARGUMENTS', () => cell(func, []));
    }
    assertEqual(n, 0);
});

// B2

let ran = 0;
function running(call) {
    ran++;
    call.return_int(7);
}
const raws = [AsyncFunc.new_blocking(running), AsyncFunc.new(running)];
const smarts = [smartasync(() => ++ran), smartasync(async () => ++ran)];
const executors = [SmartAsync.Executor.new_pool('pool', 2), SmartAsync.Executor.new_loop('loop')];

contract('B2.a', () => {
    ran = 0;
    for (const func of [...raws, ...smarts.map(smart => smart.func)]) {
        // On a worker, on a thread of somebody's.
        const [worker] = h.makeProbe(h.BLOCKING, {inner: func});
        h.inLoop(() => h.assertRejects('WRONG_THREAD', h.settled(h.call(worker))));
        h.assertThrows('WRONG_THREAD', () => Threads.new_callers(func, 1, 1, null).join());
    }
    // On an executor's threads, by a deadline's.
    for (const executor of executors) {
        for (const smart of smarts) {
            const there = smart.options({executor});
            h.assertThrows('WRONG_THREAD', () => there());
            h.inLoop(() => h.assertRejects('WRONG_THREAD', there()));
        }
        const raw = AsyncFunc.new_blocking(running);
        raw.set_executor(executor);
        h.assertThrows('WRONG_THREAD', () => h.callSync(raw));
        h.inLoop(() => h.assertRejects('WRONG_THREAD', h.settled(h.call(raw))));
    }
    // A continuation stays where it was attached.
    assertEqual(ran, 0);
    // And on this thread, all of them run.
    assertEqual(h.callSync(raws[0]), 7);
    assertEqual(smarts[0](), 2);
});

// B3

const echo = smartasync(async x => {
    await null;
    return x;
});
const echoDirectly = smartasync(x => x);

function echoes(value) {
    return [
        echo(value), echo.sync(value), h.inLoop(async () => [await echo(value)])[0],
        echoDirectly(value), echoDirectly.sync(value), h.inLoop(async () => [await echoDirectly(value)])[0],
    ];
}

contract('B3.a', () => {
    const [func, probe] = h.makeProbe(h.BLOCKING, {name: 'in-c'});
    const symbol = Symbol('of no type');
    const calls = [
        () => func.callv(null, [1, symbol], null),
        () => func.call_sync(null, [1, symbol], null),
        () => smartasync(func)(1, symbol),
        () => smartasync(func).sync(1, symbol),
    ];
    for (const attempt of calls) {
        for (const where of [run => run(), h.inLoop]) {
            let error = null;
            try {
                where(attempt);
            } catch (thrown) {
                error = thrown;
            }
            assert(error instanceof TypeError, `not a TypeError: ${error}`);
            assertMatch(error.message, /argument 1/i);
        }
    }
    assertEqual(probe.get_n_begun(), 0);
});

contract('B3.b', () => {
    for (const value of [null, undefined])
        echoes(value).forEach(result => assertEqual(result, value));
    // Through C.
    const [func] = h.makeProbe(h.BLOCKING);
    for (const cell of Object.values(h.CELLS))
        assertEqual(cell(func, [null]), null);
    assertEqual(smartasync(func)(null), null);
    assertEqual(SmartAsync.Future.new_for_value(null).get_value()[1], null);
});

contract('B3.c', () => {
    for (const value of [0, -1, 2 ** 31, 2 ** 32, 2 ** 53 - 1, -(2 ** 53 - 1), 0.1, 1e300, -0, NaN, Infinity,
        2n ** 62n, -(2n ** 63n), 2n ** 100n])
        echoes(value).forEach(result => assertEqual(result, value));
    const [func] = h.makeProbe(h.BLOCKING);
    for (const value of [2 ** 31, -(2 ** 31), 2 ** 53 - 1, 0.5])
        assertEqual(h.callSync(func, [value]), value);
    assertEqual(h.callSync(func, [2n ** 53n - 1n]), 2 ** 53 - 1);
});

contract('B3.d', () => {
    const list = [1, [2, 'Grüße'], {deep: null}];
    const dict = {a: 1, b: [2], [Symbol('s')]: 3};
    for (const value of [list, dict, new Map([[1, 2]]), new Uint8Array([1, 2]), () => 7, new Date(0)])
        echoes(value).forEach(result => assert(result === value, `another ${value}`));
    assertEqual(JSON.stringify(list), '[1,[2,"Grüße"],{"deep":null}]');
    assertEqual(dict.b[0], 2);
});

h.run();
