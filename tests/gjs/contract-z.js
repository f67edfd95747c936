// SPDX-License-Identifier: LGPL-2.1-or-later

// contract-z FILE…: the contract's section Z. Z1 has the scenarios of the files
// given run again and again, each file in a process of its own, that tells what
// is left; Z2 has processes end in every state.

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';

import * as h from './harness.js';
import {assert, contract} from './harness.js';

// Z1

const reports = [];

function start(file) {
    const launcher = new Gio.SubprocessLauncher({flags: Gio.SubprocessFlags.STDOUT_PIPE});
    launcher.setenv('SMART_TEST_LEAKS', '1', true);
    return [file, launcher.spawnv(['gjs', '-m', file])];
}

function report([file, child]) {
    const [, out] = child.communicate_utf8(null, null);
    const line = out.split('\n').find(text => text.startsWith('['));
    const end = child.get_if_exited() ? `status ${child.get_exit_status()}` : `signal ${child.get_term_sig()}`;
    assert(child.get_successful() && line, `${file} did not come to its end (${end}):\n${out}`);
    return JSON.parse(line);
}

// The first of the four has them run.
function leavesNone(what) {
    if (reports.length === 0)
        reports.push(...ARGV.map(start).flatMap(report));
    const bad = reports.flatMap(({name, problems, grown}) => [
        ...grown.filter(([kind]) => kind === what).map(([, n]) => `${name} leaves ${n} ${what}`),
        ...problems.map(problem => `${name}: ${problem}`),
    ]);
    assert(reports.length > 0, 'no scenario was run');
    assert(bad.length === 0, bad.join('\n'));
}

const seconds = GLib.getenv('SMART_TEST_THOROUGH') !== null ? 3600 : 400;
contract('Z1.a', () => leavesNone('objects'), {seconds});
contract('Z1.b', () => leavesNone('fds'), {seconds});
contract('Z1.c', () => leavesNone('threads'), {seconds});
contract('Z1.d', () => leavesNone('sources'), {seconds});

// Z2: each state is one of a process of its own, under fatal warnings, which must
// end with success and say nothing.

const PROLOGUE = `
    import Gio from 'gi://Gio';
    import GLib from 'gi://GLib';
    import SmartAsync from 'gi://SmartAsync?version=1.0';
    import SmartFixture from 'gi://SmartFixture?version=1.0';
    import System from 'system';
    const {AsyncFunc, AsyncFuncKind, smartasync} = SmartAsync;
    const {Act, Gate, Probe} = SmartFixture;
    function makeProbe(kind, gate = null) {
        const probe = Probe.new(Act.ECHO);
        probe.set_gate(gate);
        return [probe.make(kind), probe];
    }
    function callAsync(func, cancellable = null) {
        func.call_async(null, [], cancellable, () => {});
    }
    function inLoop(func) {
        const loop = new GLib.MainLoop(null, false);
        GLib.idle_add(GLib.PRIORITY_DEFAULT, () => {
            func(loop);
            return GLib.SOURCE_REMOVE;
        });
        loop.run();
    }
    const later = AsyncFunc.new(call => call.add_timeout(1, () => {
        call.return_int(42);
        return GLib.SOURCE_REMOVE;
    }));
    const never = smartasync(() => new Promise(() => {}), {kind: 'async'});
    const exit = () => System.exit(0);
`;

const STATES = {
    'a/loaded': '',
    'a/types': 'SmartAsync.Future.$gtype; SmartAsync.AsyncFunc.$gtype; SmartAsync.Lock.$gtype;',
    'b/async': 'later.call_sync(null, [], null);',
    'b/blocking': 'makeProbe(AsyncFuncKind.BLOCKING)[0].call_sync(null, [], null);',
    'b/offload': 'inLoop(loop => makeProbe(AsyncFuncKind.BLOCKING)[0].call_async(null, [], null, () => loop.quit()));',
    'b/smart': 'smartasync(async () => 7)(); inLoop(loop => smartasync(async () => 7)().then(() => loop.quit()));',
    'b/reset': 'later.call_sync(null, [], null); SmartAsync.reset(); later.call_sync(null, [], null);',
    'b/threads': 'SmartFixture.Threads.new_callers(makeProbe(AsyncFuncKind.ASYNC)[0], 8, 10, null).join();',
    'b/top-level-await': 'await null; later.call_sync(null, [], null);',
    'c/pending': 'callAsync(makeProbe(AsyncFuncKind.ASYNC, new Gate())[0]);',
    'c/pending-promise': 'inLoop(loop => { never(); loop.quit(); });',
    'c/pending-in-loop': 'inLoop(loop => { callAsync(makeProbe(AsyncFuncKind.ASYNC, new Gate())[0]); loop.quit(); });',
    'c/undelivered': 'callAsync(AsyncFunc.new(call => call.return_int(7)));',
    'c/offloaded-undelivered': `
        const [func, probe] = makeProbe(AsyncFuncKind.BLOCKING);
        callAsync(func);
        probe.wait_ended(1);`,
    'c/workers-blocked': `
        const [func, probe] = makeProbe(AsyncFuncKind.BLOCKING, new Gate());
        for (let i = 0; i < 40; i++)
            callAsync(func);
        probe.wait_begun(40);`,
    'c/queued': `
        const [func, probe] = makeProbe(AsyncFuncKind.BLOCKING, new Gate());
        func.set_max_concurrency(1);
        for (let i = 0; i < 40; i++)
            callAsync(func);
        probe.wait_begun(1);`,
    'c/cancelled': `
        const cancellable = new Gio.Cancellable();
        const [func, probe] = makeProbe(AsyncFuncKind.BLOCKING, new Gate());
        callAsync(func, cancellable);
        probe.wait_begun(1);
        cancellable.cancel();`,
    'c/abandoned': `
        const [func] = makeProbe(AsyncFuncKind.BLOCKING, new Gate());
        func.set_timeout(1);
        try {
            func.call_sync(null, [], null);
        } catch {
        }`,
    'c/deadline': `
        const [func] = makeProbe(AsyncFuncKind.ASYNC, new Gate());
        func.set_timeout(60000);
        callAsync(func);`,
    'c/flight': `
        const lock = new SmartAsync.SmartLock();
        const [func] = makeProbe(AsyncFuncKind.BLOCKING, new Gate());
        inLoop(loop => {
            lock.run_once('key', func, null, [], null);
            lock.run_once('key', func, null, [], null);
            loop.quit();
        });`,
    'c/modes': 'SmartAsync.context_push_mode(SmartAsync.Mode.ASYNC); SmartAsync.context_push_mode(SmartAsync.Mode.SYNC);',
    'c/futures': `
        const future = SmartAsync.Future.new(new Gio.Cancellable());
        future.then(exit, exit);
        SmartAsync.Future.allv([future]);`,
    'c/executors': `
        const [func, probe] = makeProbe(AsyncFuncKind.BLOCKING, new Gate());
        for (const executor of [SmartAsync.Executor.new_pool('pool', 2), SmartAsync.Executor.new_loop('loop')]) {
            const other = makeProbe(AsyncFuncKind.BLOCKING, new Gate())[0];
            other.set_executor(executor);
            callAsync(other);
        }`,
    // But not in a promise job, where GJS itself goes on: see docs/rationales.md.
    'c/exit-in-private-context': 'AsyncFunc.new(call => call.add_timeout(1, exit)).call_sync(null, [], null);',
    'c/exit-in-continuation': 'inLoop(() => SmartAsync.continuation(later.callv(null, [], null), exit));',
    'c/exit-in-blocking-body': 'AsyncFunc.new_blocking(exit).call_sync(null, [], null);',
    'c/exit-in-async-body': 'AsyncFunc.new(exit).call_sync(null, [], null);',
    'c/exit-in-function': 'smartasync(exit)();',
    'c/exit-in-async-function': 'smartasync(async () => exit())();',
    'c/exit-in-loop': 'inLoop(() => smartasync(exit)());',
    'c/exit-in-loop-async': 'inLoop(() => smartasync(async () => exit())());',
    'c/exit-in-callback': 'inLoop(() => later.call_async(null, [], null, exit));',
    'c/exit-in-wait': 'inLoop(() => later.callv(null, [], null).wait_async(null, exit));',
    'c/exit-in-flight': 'new SmartAsync.SmartLock().run_once(smartasync(exit));',
    'c/exit-in-progress': `inLoop(() => AsyncFunc.new(call => {
        call.report_progress(0.5);
        call.add_timeout(5, () => {
            call.return_none();
            return GLib.SOURCE_REMOVE;
        });
    }).callv(null, [], null).connect('notify::progress', exit));`,
};

for (const [name, script] of Object.entries(STATES)) {
    contract(`Z2.${name}`, () => h.runScript(`${PROLOGUE}\n${script}`,
        {environment: {G_DEBUG: 'fatal-warnings'}}));
}

h.run([]);
