// SPDX-License-Identifier: LGPL-2.1-or-later

// A module that waits at its top level: GJS iterates the default context itself
// then. It is a script all the same.

import Gio from 'gi://Gio';
import SmartAsync from 'gi://SmartAsync?version=1.0';

import {assert, assertEqual, assertThrows, inCallback, runAtTopLevel} from './tap.js';

const {smartasync} = SmartAsync;
const file = Gio.File.new_for_path('/proc/self/status');
const later = smartasync(async value => {
    await inCallback();
    return value;
});

const seen = {atFirst: SmartAsync.context_is_async()};
await inCallback(() => {
    seen.inCallback = SmartAsync.context_is_async();
});
seen.afterAwait = SmartAsync.context_is_async();
seen.describe = SmartAsync.context_describe();
seen.value = smartasync(() => 5)();
seen.pair = SmartAsync.of(file).load_contents(null);
let refused = null;
try {
    later(5);
} catch (error) {
    refused = error;
}
// As the message says.
let awaitedInVain = null;
try {
    await later(5);
} catch (error) {
    awaitedInVain = error;
}
seen.aio = await later.aio(6);

async function continued() {
    await inCallback();
    return [SmartAsync.context_is_async(), later(7)];
}
const [asyncInFunction, promise] = await continued();
seen.promise = await promise;

await runAtTopLevel('top-level', {
    detection() {
        assertEqual(seen.atFirst, false);
        assertEqual(seen.inCallback, true);
        assertEqual(seen.afterAwait, false);
        assert(seen.describe.startsWith('sync: '), seen.describe);
        assertEqual(asyncInFunction, true);
    },

    values() {
        assertEqual(seen.value, 5);
        assert(seen.pair[1] instanceof Uint8Array);
        assertEqual(seen.aio, 6);
        assertEqual(seen.promise, 7);
    },

    refusal() {
        assertThrows(error => error.matches(SmartAsync.Error, SmartAsync.Error.WOULD_DEADLOCK), () => {
            throw refused;
        });
        assert(refused.message.includes('await its aio()'), refused.message);
        assert(!refused.message.includes('await it,'), refused.message);
        assertEqual(awaitedInVain?.message, refused.message);
    },
});
