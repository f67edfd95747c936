// SPDX-License-Identifier: LGPL-2.1-or-later

// Tests that are broken on purpose, each in a place where GJS would go on.
// test-harness expects every one of them but the first to fail, and of each that
// leaves something behind that it is told what.

import GLib from 'gi://GLib';
import SmartAsync from 'gi://SmartAsync?version=1.0';
import SmartFixture from 'gi://SmartFixture?version=1.0';

import * as h from './harness.js';
import {assert, test} from './harness.js';

test('/broken/not', () => h.inLoop(async () => {
    assert(await SmartAsync.smartasync(async () => 7)() === 7);
}));

test('/broken/plain', () => assert(false));

test('/broken/in-loop', () => h.inLoop(() => assert(false)));

test('/broken/job', () => h.inLoop(async () => {
    await null;
    assert(false);
}));

test('/broken/callback', () => h.inLoop(async () => {
    GLib.idle_add(GLib.PRIORITY_DEFAULT, () => {
        assert(false);
        return GLib.SOURCE_REMOVE;
    });
    await h.timer(5);
}));

test('/broken/late-callback', () => {
    GLib.idle_add(GLib.PRIORITY_DEFAULT, () => {
        assert(false);
        return GLib.SOURCE_REMOVE;
    });
});

test('/broken/unhandled', () => h.inLoop(() => {
    (async () => {
        await null;
        assert(false);
    })();
}));

test('/broken/unhandled-later', () => h.inLoop(() => {
    h.timer(5).then(() => assert(false));
    return h.timer(10);
}));

test('/broken/result', () => h.inLoop(async () => {
    const [func] = h.makeProbe(h.BLOCKING);
    let back = false;
    func.call_async(null, [], null, () => {
        back = true;
        assert(false);
    });
    await h.until(() => back);
}));

test('/broken/signal', () => {
    const future = SmartAsync.Future.new(null);
    future.connect('notify::name', () => assert(false));
    future.set_name('name');
});

test('/broken/notify', () => h.inLoop(async () => {
    const [func] = h.makeProbe(h.ASYNC, {act: SmartFixture.Act.PROGRESS});
    const future = h.call(func);
    future.connect('notify::progress', () => assert(false));
    await h.settled(future);
}));

test('/broken/nothing-thrown', () => h.assertThrows(h.CANCELLED, () => {}));

test('/broken/other-error', () => h.assertThrows(h.CANCELLED, () => {
    throw new Error('another');
}));

test('/broken/warning', () => GLib.log_structured('test', GLib.LogLevelFlags.LEVEL_WARNING,
    {MESSAGE: 'something is wrong'}));

test('/broken/no-critical', () => h.expectCritical('*never*', () => {}));

test('/broken/hangs', () => new SmartFixture.Gate().wait(60000, null), {seconds: 1});

const kept = [];

test('/broken/leaves-nothing', () => kept.splice(0));

test('/broken/leaves-objects', () => kept.push(SmartAsync.Future.new(null)));

test('/broken/leaves-fds', () => kept.push(GLib.MainContext.new()));

test('/broken/leaves-threads', () => {
    const [func, probe] = h.makeProbe(h.BLOCKING, {gate: new SmartFixture.Gate()});
    func.set_executor(SmartAsync.Executor.new_pool('kept', 1));
    kept.push(h.begin(func));
    probe.wait_begun(1);
});

test('/broken/leaves-sources', () => GLib.timeout_add_seconds(GLib.PRIORITY_DEFAULT, 600, () => GLib.SOURCE_REMOVE));

h.run();
