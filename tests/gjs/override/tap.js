// SPDX-License-Identifier: LGPL-2.1-or-later

// Runs tests, each at a script's top level or in a loop, and prints TAP. What
// GJS would only log, an exception in a callback or a rejection that nobody
// handles, it makes a critical of: and criticals end these programs.

import GLib from 'gi://GLib';
import System from 'system';

const DEADLINE_MSEC = 60000;

export function assert(condition, message = 'assertion failed') {
    if (!condition)
        throw new Error(message);
}

export function assertEqual(actual, expected) {
    if (!Object.is(actual, expected))
        throw new Error(`${String(actual)}, not ${String(expected)}`);
}

export function assertThrows(matches, func) {
    let value;
    try {
        value = func();
    } catch (error) {
        assert(matches(error), `another error: ${error}`);
        return error;
    }
    throw new Error(`nothing was thrown, but ${String(value)} returned`);
}

export async function assertRejects(matches, promise) {
    let value;
    try {
        value = await promise;
    } catch (error) {
        assert(matches(error), `another error: ${error}`);
        return error;
    }
    throw new Error(`not rejected, but ${String(value)}`);
}

// Runs func in the callback of a source, and a loop until what it returns has settled.
export function inLoop(func) {
    const loop = new GLib.MainLoop(null, false);
    let outcome = null;
    const settle = settled => {
        outcome = settled;
        loop.quit();
    };
    const deadline = GLib.timeout_add(GLib.PRIORITY_DEFAULT, DEADLINE_MSEC, () => {
        settle({error: new Error('it took too long')});
        return GLib.SOURCE_CONTINUE;
    });

    GLib.idle_add(GLib.PRIORITY_DEFAULT, () => {
        (async () => {
            const value = await func();
            return value;
        })().then(value => settle({value}), error => settle({error}));
        return GLib.SOURCE_REMOVE;
    });
    loop.run();
    GLib.source_remove(deadline);
    if ('error' in outcome)
        throw outcome.error;
    return outcome.value;
}

// A promise that the callback of a source settles with what func returns.
export function inCallback(func = () => undefined) {
    return new Promise((resolve, reject) => {
        GLib.idle_add(GLib.PRIORITY_DEFAULT, () => {
            try {
                resolve(func());
            } catch (error) {
                reject(error);
            }
            return GLib.SOURCE_REMOVE;
        });
    });
}

function report(number, path, error) {
    print(`${error === null ? 'ok' : 'not ok'} ${number} ${path}`);
    if (error !== null)
        logError(error);
}

export function run(prefix, tests) {
    let failed = 0;
    const entries = Object.entries(tests);
    print(`1..${entries.length}`);
    entries.forEach(([name, func], i) => {
        let error = null;
        try {
            func();
        } catch (thrown) {
            error = thrown;
            failed = 1;
        }
        report(i + 1, `/gjs/${prefix}/${name}/main`, error);
    });
    System.exit(failed);
}

// The same for a module that waits at its top level.
export async function runAtTopLevel(prefix, tests) {
    let failed = 0;
    let number = 0;
    print(`1..${Object.keys(tests).length}`);
    for (const [name, func] of Object.entries(tests)) {
        let error = null;
        try {
            await func();
        } catch (thrown) {
            error = thrown;
            failed = 1;
        }
        report(++number, `/gjs/${prefix}/${name}/main`, error);
    }
    System.exit(failed);
}
