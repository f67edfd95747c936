// SPDX-License-Identifier: LGPL-2.1-or-later

// What the contract's tests in GJS share. A test is a function; it runs at the
// script's top level, a sync context, and what it returns is not looked at.
// inLoop() and inCallback() give it an async one.
//
// GJS prints an exception that a callback throws, and goes on. So everything
// that is logged as a warning or worse fails the test that runs; what is
// expected is to be taken by expectLogged() or expectCritical().
//
// Each test has a bounded time: a thread in C ends the process after that.

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import GObject from 'gi://GObject';
import SmartAsync from 'gi://SmartAsync?version=1.0';
import SmartFixture from 'gi://SmartFixture?version=1.0';
import System from 'system';

const {AsyncFuncKind, FutureStatus} = SmartAsync;
const {Act, Gate, Inner, Probe} = SmartFixture;

export const {ASYNC, BLOCKING, DUAL} = AsyncFuncKind;
export const CANCELLED = Gio.IOErrorEnum.CANCELLED;
export const TIMED_OUT = Gio.IOErrorEnum.TIMED_OUT;
export const NOT_FOUND = Gio.IOErrorEnum.NOT_FOUND;

// How long anything may take that is expected to happen, in seconds.
const DEADLINE = 10;
const TEST_DEADLINE = 30;

// Whether contract-z.js looks for leaks.
const LEAKS = GLib.getenv('SMART_TEST_LEAKS') !== null;
if (LEAKS) {
    SmartFixture.watch_objects();
    // GLib's own pool keeps idle threads for a while, and they their contexts.
    GLib.ThreadPool.set_max_unused_threads(0);
}

// Assertions

export function assert(condition, message = 'assertion failed') {
    if (!condition)
        throw new Error(message);
}

export function assertEqual(actual, expected, what = 'value') {
    if (!Object.is(actual, expected))
        throw new Error(`${what}: ${show(actual)}, not ${show(expected)}`);
}

export function assertList(actual, expected, what = 'list') {
    assertEqual(JSON.stringify(actual), JSON.stringify(expected), what);
}

export function assertMatch(text, pattern) {
    if (!pattern.test(text))
        throw new Error(`“${text}” does not match ${pattern}`);
}

function show(thing) {
    return typeof thing === 'string' ? `“${thing}”` : String(thing);
}

// That the error has this code; of a numeric code the domain is Gio's, else SmartAsync's.
export function assertError(error, code) {
    const [domain, number] = typeof code === 'string'
        ? [SmartAsync.Error, SmartAsync.Error[code]]
        : [Gio.IOErrorEnum, code];
    if (!(error instanceof GLib.Error) || !error.matches(domain, number))
        throw new Error(`another error than ${code}: ${error}\n${error?.stack ?? ''}`);
    return error;
}

export function assertThrows(code, func) {
    let value;
    try {
        value = func();
    } catch (error) {
        return assertError(error, code);
    }
    throw new Error(`nothing was thrown, but ${show(value)} returned`);
}

export async function assertRejects(code, promise) {
    let value;
    try {
        value = await promise;
    } catch (error) {
        return assertError(error, code);
    }
    throw new Error(`not rejected, but ${show(value)}`);
}

// Contexts

// Runs func, which may be async, in the callback of a source of the default
// context, and that context until func's promise has settled.
export function inLoop(func) {
    const loop = new GLib.MainLoop(null, false);
    let outcome = null;

    function settle(how) {
        outcome = how;
        loop.quit();
    }

    GLib.idle_add(GLib.PRIORITY_DEFAULT, () => {
        try {
            const result = func();
            if (typeof result?.then === 'function')
                result.then(value => settle({value}), error => settle({error}));
            else
                settle({value: result});
        } catch (error) {
            settle({error});
        }
        return GLib.SOURCE_REMOVE;
    });
    // The loop may quit before it runs, in a callback that is run before.
    if (outcome === null)
        loop.run();
    if ('error' in outcome)
        throw outcome.error;
    return outcome.value;
}

// A promise that is settled by a callback: of an idle source, of a timer.
export function idle() {
    return new Promise(resolve => GLib.idle_add(GLib.PRIORITY_DEFAULT, () => {
        resolve();
        return GLib.SOURCE_REMOVE;
    }));
}

export function timer(msec) {
    return new Promise(resolve => GLib.timeout_add(GLib.PRIORITY_DEFAULT, msec, () => {
        resolve();
        return GLib.SOURCE_REMOVE;
    }));
}

// A promise that does not settle before it is released; what waits for one that never can, the
// collector takes.
export function unsettled() {
    let release;
    const promise = new Promise(resolve => (release = resolve));
    return {promise, release};
}

// In a loop: runs func in the callback of a source, not in a promise job.
export function inCallback(func, source = GLib.idle_source_new()) {
    return new Promise((resolve, reject) => {
        source.set_callback(() => {
            try {
                resolve(func());
            } catch (error) {
                reject(error);
            }
            return GLib.SOURCE_REMOVE;
        });
        source.attach(null);
    });
}

// Iterates a context from here until something holds. Nothing but what is
// tested wakes it up, save the deadline.
export function iterateUntil(predicate, context = null, what = predicate) {
    let late = false;
    const deadline = GLib.timeout_source_new(DEADLINE * 1000);
    deadline.set_callback(() => {
        late = true;
        return GLib.SOURCE_REMOVE;
    });
    deadline.attach(context);
    const iterated = context ?? GLib.MainContext.default();
    // As a main loop does: or a worker of GIO's may dispatch between two iterations.
    iterated.acquire();
    try {
        while (!predicate() && !late)
            iterated.iteration(true);
    } finally {
        iterated.release();
        deadline.destroy();
    }
    assert(!late, `waited in vain for ${what}`);
}

// In a loop: a promise for when something holds that nothing tells of.
export async function until(predicate, what = predicate) {
    const end = GLib.get_monotonic_time() + DEADLINE * 1e6;
    while (!predicate()) {
        assert(GLib.get_monotonic_time() < end, `waited in vain for ${what}`);
        await timer(1);
    }
}

// Without iterating anything: until something holds that other threads do.
export function waitFor(predicate, what = predicate) {
    const end = GLib.get_monotonic_time() + DEADLINE * 1e6;
    while (!predicate()) {
        assert(GLib.get_monotonic_time() < end, `waited in vain for ${what}`);
        new Gate().wait(1, null);
    }
}

export function withMode(mode, func) {
    SmartAsync.context_push_mode(mode);
    try {
        return func();
    } finally {
        SmartAsync.context_pop_mode();
    }
}

// Values and calls

export function makeValue(type, contents) {
    const value = new GObject.Value();
    value.init(type);
    const setters = new Map([
        [GObject.TYPE_BOOLEAN, value.set_boolean],
        [GObject.TYPE_INT, value.set_int],
        [GObject.TYPE_UINT, value.set_uint],
        [GObject.TYPE_INT64, value.set_int64],
        [GObject.TYPE_UINT64, value.set_uint64],
        [GObject.TYPE_DOUBLE, value.set_double],
        [GObject.TYPE_STRING, value.set_string],
        [GObject.TYPE_VARIANT, value.set_variant],
        [GObject.TYPE_OBJECT, value.set_object],
    ]);
    setters.get(type).call(value, contents);
    return value;
}

export const int = number => makeValue(GObject.TYPE_INT, number);
export const uint = number => makeValue(GObject.TYPE_UINT, number);

// The value of a settled future, or its error thrown.
export function valueOf(future) {
    const [ok, value] = future.get_value();
    assert(ok, 'get_value() failed without an error');
    return value;
}

export function isPending(future) {
    return future.get_status() === FutureStatus.PENDING;
}

// The smart call's future, by plain introspection.
export function call(func, args = [], cancellable = null, source = null) {
    return func.callv(source, args, cancellable);
}

// The same, from whatever context, as in an async one.
export function begin(func, args = [], cancellable = null, source = null) {
    return withMode(SmartAsync.Mode.ASYNC, () => func.callv(source, args, cancellable));
}

export function callSync(func, args = [], cancellable = null, source = null) {
    const [ok, value] = func.call_sync(source, args, cancellable);
    assert(ok, 'call_sync() failed without an error');
    return value;
}

// The same through a lock.
export function callOnce(lock, func, key = null, args = []) {
    const [ok, value] = lock.run_once_sync(key, func, null, args, null);
    assert(ok, 'run_once_sync() failed without an error');
    return value;
}

// call_async() as a promise, and where its callback came.
export function callAsync(func, args = [], cancellable = null, source = null) {
    return new Promise((resolve, reject) => {
        func.call_async(source, args, cancellable, (origin, result) => {
            try {
                const [ok, value] = origin.call_finish(result);
                assert(ok, 'call_finish() failed without an error');
                resolve(value);
            } catch (error) {
                reject(error);
            }
        });
    });
}

// wait_async() as a promise.
export function settled(future, cancellable = null) {
    return new Promise((resolve, reject) => {
        future.wait_async(cancellable, (origin, result) => {
            try {
                const [ok, value] = origin.wait_finish(result);
                assert(ok, 'wait_finish() failed without an error');
                resolve(value);
            } catch (error) {
                reject(error);
            }
        });
    });
}

// Blocks until the future settles, or fails after the deadline.
export function wait(future, cancellable = null) {
    const [ok, value] = future.wait(DEADLINE * 1e6, cancellable);
    assert(ok, 'wait() failed without an error');
    return value;
}

// Every way to call a function that has no thread of its own: each gives the
// value, or throws the call's error.
export const CELLS = {
    'S, call_sync': (func, ...rest) => callSync(func, ...rest),
    'S, smart call': (func, ...rest) => valueOf(call(func, ...rest)),
    'S, call_async': (func, ...rest) => {
        let outcome = null;
        callAsync(func, ...rest).then(value => (outcome = {value}), error => (outcome = {error}));
        iterateUntil(() => outcome !== null);
        if ('error' in outcome)
            throw outcome.error;
        return outcome.value;
    },
    'A, call_sync': (func, ...rest) => inLoop(() => callSync(func, ...rest)),
    'A, smart call': (func, ...rest) => inLoop(() => settled(call(func, ...rest))),
    'A, call_async': (func, ...rest) => inLoop(() => callAsync(func, ...rest)),
};

// A function in C, and the probe that its bodies are.
export function makeProbe(kind = BLOCKING, options = {}) {
    const probe = Probe.new(options.act ?? Act.ECHO);
    if (options.gate)
        probe.set_gate(options.gate);
    if (options.msec)
        probe.set_msec(options.msec);
    if (options.heeds)
        probe.set_heeds(true);
    if (options.atOnce)
        probe.set_at_once(true);
    if (options.inner)
        probe.set_inner(options.inner, options.how ?? Inner.SYNC, options.limit ?? 0);
    const func = probe.make(kind);
    func.set_name(options.name ?? 'probe');
    return [func, probe];
}

export function sightsOf(probe) {
    return probe.get_sights().recursiveUnpack();
}

// What the process holds

export function stat(name) {
    return SmartAsync.async_get_stats().recursiveUnpack()[name];
}

export const thread = () => SmartFixture.thread_id();
export const mainThread = thread();

// Time: only against a bound that the contract gives, the best of five. But not where leaks are looked
// for: there all the files run at once.
export function assertWithin(msec, measure) {
    let best = Infinity;
    for (let i = 0; i < 5 && best > msec; i++)
        best = Math.min(best, measure(), LEAKS ? 0 : Infinity);
    assert(best <= msec, `it took ${best} ms, and ${msec} are allowed`);
}

export function clock() {
    return GLib.get_monotonic_time() / 1000;
}

// Processes: a script that must end with success, and say nothing on stderr
// but what is expected.
export function runScript(text, {environment = {}, stderr = /^$/, status = 0, argv = []} = {}) {
    const launcher = new Gio.SubprocessLauncher({
        flags: Gio.SubprocessFlags.STDOUT_PIPE | Gio.SubprocessFlags.STDERR_PIPE,
    });
    for (const [name, value] of Object.entries({G_DEBUG: 'fatal-criticals', ...environment}))
        launcher.setenv(name, value, true);
    const [file, stream] = Gio.File.new_tmp('smart-gjs-XXXXXX.js');
    try {
        stream.output_stream.write_all(new TextEncoder().encode(text), null);
        stream.close(null);
        const child = launcher.spawnv(['timeout', '20', 'gjs', '-m', file.get_path(), ...argv]);
        const [, out, err] = child.communicate_utf8(null, null);
        const seen = child.get_if_exited() ? child.get_exit_status() : -child.get_term_sig();
        assert(seen === status && stderr.test(err), `status ${seen}\n${out}\n${err}`);
        return out;
    } finally {
        file.delete(null);
    }
}

// Tests

const tests = [];
const expected = [];

// The test that runs takes it that this is logged.
export function expectLogged(pattern) {
    expected.push(pattern);
}

// The function logs one critical of the library that matches the pattern.
export function expectCritical(pattern, func) {
    GLib.test_expect_message('SmartAsync', GLib.LogLevelFlags.LEVEL_CRITICAL, pattern);
    try {
        return func();
    } finally {
        GLib.test_assert_expected_messages_internal('test', 'harness.js', 0, 'expectCritical');
    }
}

// Options: seconds, how long it may take; large, its counts are large already;
// circles, it has functions whose bodies know what they are called with, which
// are circles through C that GJS's collector cannot see.
export function test(name, func, options = {}) {
    tests.push({name, func, ...options});
}

// A scenario of the contract, under the clause that it shows.
export function contract(clause, func, options = {}) {
    test(`/contract/${clause}/main`, func, options);
}

// Promise jobs of a test that has ended may still throw.
function settleJobs() {
    let turns = 0;
    const context = GLib.MainContext.default();
    while (turns++ < 1000 && context.pending())
        context.iteration(false);
}

function takeComplaints() {
    const complaints = SmartFixture.take_complaints().filter(
        complaint => !expected.some(pattern => pattern.test(complaint)));
    expected.length = 0;
    return complaints;
}

function runOne({name, func, seconds = TEST_DEADLINE}, inside = func) {
    const problems = [];

    // A collection that is under way would drop the callbacks of older GJS.
    System.gc();
    SmartFixture.watch_time(name, seconds);
    try {
        inside();
        settleJobs();
    } catch (error) {
        problems.push(`${error}\n${error?.stack ?? ''}`);
    }
    problems.push(...takeComplaints());
    SmartFixture.watch_time(null, 0);
    return problems;
}

// Leaks: what the process has more of after a scenario was run again and again.

const THOROUGH = GLib.getenv('SMART_TEST_THOROUGH') !== null;
const ROUNDS = THOROUGH ? {least: 3, most: 1000, seconds: 5} : {least: 3, most: 10, seconds: 0.1};
// A scenario with large counts runs once, and leaves as many, if it leaves any.
const MANY = 100;

function count() {
    return {
        objects: SmartFixture.count_objects() + SmartFixture.Thing.get_n_alive(),
        fds: SmartFixture.count_fds(),
        threads: SmartFixture.count_own_threads(),
        sources: SmartFixture.count_sources(null),
    };
}

function grown(before) {
    return Object.entries(count())
        .filter(([what, n]) => n > before[what])
        .map(([what, n]) => [what, n - before[what]]);
}

// Lets go of all that nobody holds; the collector needs the loop for that.
function tidy(isTidy) {
    for (let i = 0; i < 100; i++) {
        SmartAsync.async_reset();
        System.gc();
        settleJobs();
        if (isTidy())
            return;
        new Gate().wait(5, null);
    }
}

// Returns how many times it was.
function repeat(func) {
    const end = GLib.get_monotonic_time() + ROUNDS.seconds * 1e6;
    let n = 0;
    while (n < ROUNDS.least || n < ROUNDS.most && GLib.get_monotonic_time() < end) {
        func();
        n++;
    }
    return n;
}

// What there is more of after that many rounds, and their problems.
function countLeft({func, large, circles, ...one}) {
    const before = count();
    let rounds = MANY;
    const problems = runOne({...one, seconds: 600}, () => {
        if (large)
            func();
        else
            rounds = repeat(func);
    });
    tidy(() => grown(before).length === 0);
    // Less than one a round is what the collector still sees on its stack.
    const left = grown(before).filter(([what, n]) => n >= rounds && !(circles && what === 'objects'));
    return [left, problems];
}

// A first round may make what stays. And what nobody holds the collector may see a while longer:
// what is left behind is so each time.
function lookForLeaks(one) {
    const problems = runOne(one);
    let last = null;
    tidy(() => {
        const now = JSON.stringify(count());
        const isSame = now === last;
        last = now;
        return isSame && stat('threads') === 0;
    });
    let left, more;
    for (let attempt = 0; attempt < 3; attempt++) {
        [left, more] = countLeft(one);
        problems.push(...more);
        if (left.length === 0)
            break;
    }
    return {name: one.name, problems, grown: left};
}

// Runs all; with arguments only those whose names contain one of them; with -l lists them.
export function run(argv = ARGV, cleanUp = () => {}) {
    if (ARGV[0] === '-l') {
        tests.forEach(({name}) => print(name));
        cleanUp();
        System.exit(0);
    }
    const chosen = tests.filter(({name}) => argv.length === 0 || argv.some(part => name.includes(part)));
    let failed = 0;

    SmartFixture.watch_log();
    if (LEAKS) {
        print(JSON.stringify(chosen.map(lookForLeaks)));
        cleanUp();
        System.exit(0);
    }
    print(`1..${chosen.length}`);
    chosen.forEach((one, index) => {
        const problems = runOne(one);
        print(`${problems.length > 0 ? 'not ok' : 'ok'} ${index + 1} ${one.name}`);
        for (const line of problems.join('\n').split('\n').filter(text => text !== ''))
            print(`# ${line}`);
        failed += problems.length > 0;
    });
    cleanUp();
    System.exit(failed > 0 || chosen.length === 0 ? 1 : 0);
}
