// SPDX-License-Identifier: LGPL-2.1-or-later

// Results come however busy the collector is. GJS before 1.81.90 drops callbacks in
// the pauses of an incremental collection, with a critical, which ends this program.

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import SmartAsync from 'gi://SmartAsync?version=1.0';
import SmartFixture from 'gi://SmartFixture?version=1.0';
import System from 'system';

import {assertEqual, inLoop, run} from './tap.js';

const {AsyncFunc, AsyncFuncKind, smartasync} = SmartAsync;

const N_ROUNDS = 150;

// Garbage of many kinds, some of which lives for a while.
let kept = [];
function litter() {
    for (let i = 0; i < 2000; i++)
        kept.push({list: new Array(20).fill(i), text: String(i)});
    if (kept.length > 60000)
        kept = [];
}

const file = SmartAsync.of(Gio.File.new_for_path('/proc/self/status'));
const functions = {
    async: smartasync(async value => {
        litter();
        await null;
        litter();
        return value;
    }),
    blocking: smartasync(value => {
        litter();
        return value;
    }),
    asyncInC: smartasync(SmartFixture.echo_new(AsyncFuncKind.ASYNC)),
    blockingInC: smartasync(SmartFixture.echo_new(AsyncFuncKind.BLOCKING)),
    boxed: smartasync(SmartFixture.echo_new(AsyncFuncKind.ASYNC)),
};
const lock = new SmartAsync.SmartLock();

async function work(call, check) {
    for (let i = 0; i < N_ROUNDS; i++) {
        check(await call(i), i);
        litter();
    }
}

const same = (actual, i) => assertEqual(actual, i);

run('garbage', {
    all() {
        inLoop(() => Promise.all([
            work(functions.async, same),
            work(functions.blocking, same),
            work(functions.asyncInC, same),
            work(functions.blockingInC, same),
            work(i => functions.boxed({list: [i]}), (result, i) => same(result.list[0], i)),
            work(i => lock.run_once(String(i), functions.async, [i]), (result, i) => same(result[0], i)),
            work(() => file.load_contents(null), ([ok]) => assertEqual(ok, true)),
            work(() => file.query_info('standard::*', Gio.FileQueryInfoFlags.NONE, null),
                info => assertEqual(info instanceof Gio.FileInfo, true)),
        ]));
    },

    inSync() {
        for (let i = 0; i < N_ROUNDS; i++) {
            same(functions.async(i), i);
            same(functions.blocking(i), i);
            same(functions.asyncInC(i), i);
            assertEqual(file.query_filesystem_info('*', null) instanceof Gio.FileInfo, true);
            litter();
        }
    },

    plain() {
        const func = AsyncFunc.new(call => {
            litter();
            call.return_value([call.get_int(0)]);
        });
        inLoop(() => work(i => new Promise((resolve, reject) => {
            func.call_async(null, [i], null, (source, result) => {
                try {
                    resolve(source.call_finish(result)[1][0]);
                } catch (error) {
                    reject(error);
                }
            });
        }), same));
        assertEqual(GLib.main_depth(), 0);
    },

    // Nothing in JavaScript but a timer's own callback knows the call.
    timers() {
        const func = AsyncFunc.new(call => call.add_timeout(20, () => {
            call.return_int(42);
            return GLib.SOURCE_REMOVE;
        }));
        inLoop(async () => {
            const future = func.callv(null, [], null);
            const id = GLib.timeout_add(GLib.PRIORITY_DEFAULT, 1, () => {
                System.gc();
                return GLib.SOURCE_CONTINUE;
            });
            try {
                assertEqual(await future, 42);
            } finally {
                GLib.Source.remove(id);
            }
        });
    },
});
