// SPDX-License-Identifier: LGPL-2.1-or-later

// What the override does with what it should not be given: an error that says so, in
// both contexts, and neither a crash nor a call that never ends.

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import GObject from 'gi://GObject';
import SmartAsync from 'gi://SmartAsync?version=1.0';
import SmartFixture from 'gi://SmartFixture?version=1.0';
import cairo from 'cairo';

import {runScript} from '../harness.js';
import {assert, assertEqual, assertRejects, assertThrows, inLoop, run} from './tap.js';

const {of, smartasync, smartawait} = SmartAsync;
const file = Gio.File.new_for_path(import.meta.url.slice('file://'.length));

const isError = error => error instanceof Error;
const isTypeError = error => error instanceof TypeError;

// That it throws, says the test, and rejects with the same in a loop.
function assertFails(matches, func) {
    const thrown = assertThrows(matches, func);
    const rejected = inLoop(() => assertRejects(matches, (async () => {
        const value = await func();
        return value;
    })()));
    const say = error => error.message.replace(/0x[0-9a-f]+/g, '');
    assertEqual(say(rejected), say(thrown));
}

// What claims by its constructor to be of C, but is no instance, and what GJS has no GValue for.
const DISGUISED = [
    SmartAsync.of(file), new Proxy(new GLib.Bytes([1]), {}), Gio.File.prototype, GLib.Bytes.prototype,
    Object.create(Gio.FileInputStream.prototype), {constructor: Gio.File},
    {constructor: {$gtype: GObject.TYPE_INT}},
    Object('x'), Object(3), Object(false), new cairo.ImageSurface(cairo.Format.ARGB32, 2, 2),
    Object(Symbol('object')),
    {
        get constructor() {
            throw new Error('nobody knows');
        },
    },
];

run('misuse', {
    // As GJS says it of the blocking sibling.
    argumentsOfPairs() {
        const output = () => of(Gio.MemoryOutputStream.new_resizable());
        const child = () => of(Gio.Subprocess.new(['true'], Gio.SubprocessFlags.STDIN_PIPE));
        const bytes = new GLib.Bytes(new Uint8Array(100));
        for (const wrong of ['hello there', {}, 5, null, file, new GLib.Variant('s', 'x')])
            assertFails(isError, () => output().write_bytes(wrong, null));
        for (const wrong of ['a string instead', null, file, bytes, Gio.InputStream.prototype])
            assertFails(isError, () => output().splice(wrong, Gio.OutputStreamSpliceFlags.NONE, null));
        for (const wrong of ['a string', file, bytes, {}, {constructor: Gio.Cancellable}])
            assertFails(isError, () => of(file).query_info('*', 0, wrong));
        for (const wrong of [['a'], {a: 1}, null, 5])
            assertFails(isError, () => of(file).query_info(wrong, 0, null));
        assertFails(isError, () => of(file).query_info('*', 2 ** 31, null));
        assertFails(isError, () => of(Gio).bus_get(77, null));
        assertFails(isError, () => child().communicate_utf8(5, null));
        assertFails(isError, () => child().communicate('AB', null));

        // And what is right is taken.
        inLoop(async () => {
            assertEqual(await output().write_bytes(bytes, null), 100);
            assertEqual(await output().write_bytes(new Uint8Array(7), null), 7);
            assertEqual(await output().splice(await of(file).read(null), 0, null) > 1000, true);
            assert(await of(file).query_info('*', Gio.FileQueryInfoFlags.NOFOLLOW_SYMLINKS) instanceof Gio.FileInfo);
        });
    },

    // The value itself comes back, through all that takes it to C.
    disguisedValues() {
        const lock = new SmartAsync.SmartLock();
        for (const value of DISGUISED) {
            const ways = [
                () => lock.run_once('key', async () => value),
                () => lock.run_once('key', () => value),
                () => lock.run_once('key', () => Promise.resolve(value)),
                () => lock.run_once('key', async given => given, value),
                () => SmartAsync.Future.new_for_value(value),
                () => smartasync(SmartFixture.echo_new(SmartAsync.AsyncFuncKind.ASYNC))(value),
                () => smartawait(Promise.resolve(value), new Gio.Cancellable()),
            ];
            for (const way of ways) {
                assert(smartawait(way()) === value, way);
                assert(inLoop(way) === value, way);
            }
        }
    },

    // What nothing holds is an error, and not a wait for ever.
    symbols() {
        const lock = new SmartAsync.SmartLock();
        const symbol = Symbol('s');
        const ways = [
            () => lock.run_once('key', async () => symbol),
            () => lock.run_once('key', () => Promise.resolve(symbol)),
            () => smartawait(Promise.resolve(symbol), new Gio.Cancellable()),
        ];
        for (const way of ways)
            assertFails(isTypeError, way);
    },

    // The first result counts; of the second the library says who gave it, where it is told of it.
    secondResults() {
        const again = settle => ({
            then(resolve, reject) {
                settle(resolve, reject);
            },
        });
        const bodies = [
            [(resolve, reject) => (resolve('first'), resolve('second'), reject(new Error('third'))), 2],
            [(resolve, reject) => (reject(new RangeError('first')), resolve('second')), 1],
        ];
        for (const [settle, n] of bodies) {
            const body = () => again(settle);
            const func = smartasync(body, {kind: 'async', name: 'twice'});
            const isFirst = error => error instanceof RangeError && error.message === 'first';
            const look = () => {
                for (let i = 0; i < n; i++) {
                    GLib.test_expect_message('SmartAsync', GLib.LogLevelFlags.LEVEL_CRITICAL,
                        'twice returned a result again; the first one counts');
                }
                return func();
            };
            if (n === 2) {
                assertEqual(look(), 'first');
                assertEqual(inLoop(look), 'first');
                assertEqual(inLoop(smartasync(body)), 'first');
            } else {
                assertThrows(isFirst, look);
                inLoop(() => assertRejects(isFirst, look()));
                inLoop(() => assertRejects(isFirst, smartasync(body)()));
            }
            GLib.test_assert_expected_messages_internal('test', 'misuse.js', 0, 'secondResults');
        }
    },

    // Calls in calls until the stack ends: the script fails by itself, and neither hangs nor exits.
    endOfStack() {
        for (const async of ['async', '']) {
            const out = runScript(`
                import SmartAsync from 'gi://SmartAsync?version=1.0';

                const down = SmartAsync.smartasync(${async} k => k === 0 ? 0 : 1 + down.sync(k - 1), {name: 'down'});
                try {
                    print('returned', down(100000));
                } catch (error) {
                    print('thrown');
                }
                print(down(10));
            `, {environment: {G_DEBUG: ''}, stderr: /too much recursion|^$/});
            assertEqual(out, 'thrown\n10\n');
        }
    },

    // A method of a class needs one of its objects.
    objectsOfPairs() {
        const load = SmartAsync.wrap(Gio.File, 'load_contents');
        const saysWhat = what => error => isTypeError(error) && error.message.includes('GFile') &&
            error.message.includes(what);
        const wrong = [[undefined, 'none'], [null, 'none'], [5, 'something else'], [{}, 'something else'],
            [new Gio.Cancellable(), 'GCancellable'], [Gio.File.prototype, 'something else'], [Gio.File, 'something']];
        const lock = new SmartAsync.SmartLock();
        for (const [self, what] of wrong) {
            assertFails(saysWhat(what), () => load.call(self, null));
            assertFails(saysWhat(what), () => load.options({timeout: 60000}).call(self, null));
        }
        assertFails(saysWhat('none'), () => load(null));
        assertFails(saysWhat('none'), () => lock.run_once(load, null));

        // One that of() has made is one.
        for (const read of [() => load.call(of(file), null), () => of(of(file)).load_contents(null)]) {
            assertEqual(read()[0], true);
            assertEqual(inLoop(read)[0], true);
        }
        const bytes = SmartAsync.wrap(Gio.FileInputStream, 'read_bytes');
        assertEqual(inLoop(() => bytes.call(Gio.MemoryInputStream.new_from_bytes(new GLib.Bytes([1, 2])), 2, null))
            .get_size(), 2);
    },

    // What C would take for another value, or for none.
    options() {
        const names = name => error => isTypeError(error) && error.message.includes(name);
        const refused = {
            timeout: [-5, NaN, Infinity, 2 ** 40, 'abc', {}, true],
            max_concurrency: [-1, NaN, 1.5, 2 ** 32, 'x', '2', [1]],
            maxConcurrency: [-1, Symbol('x')],
            priority: [2 ** 40, 0.5, NaN, {}, '1'],
            main_context_policy: [99, -1, 'PRIVATE'],
            abandon_on_cancel: [1, 'no', {}],
            inherit_cancellable: [0, ''],
            offload: [0, {}],
            name: [5, {}],
            executor: [5, {}, file, SmartAsync.Executor.prototype],
            cancellable: [5, {}, file],
            source: [5, {}, 'x'],
        };
        const func = smartasync(async () => 1);
        for (const [name, values] of Object.entries(refused)) {
            for (const value of values) {
                assertThrows(names(name), () => smartasync(() => 1, {[name]: value}));
                assertThrows(names(name), () => func.options({[name]: value}));
                assertThrows(names(name), () => SmartAsync.wrap(file, 'load_contents', {[name]: value}));
            }
        }
        assertThrows(names('blocking'), () => smartasync(async () => 1, {blocking: 5}));
        assertThrows(names('tiemout'), () => func.options({tiemout: 5}));

        // What is right is set, and null takes the executor off.
        const set = func.options({
            timeout: 0.5,
            max_concurrency: 2 ** 32 - 1,
            abandonOnCancel: true,
            name: 'set',
            priority: -100,
            executor: SmartAsync.Executor.new_loop('loop'),
            cancellable: null,
            source: undefined,
        }).func;
        assertEqual(set.timeout, 1);
        assertEqual(set.max_concurrency, 2 ** 32 - 1);
        assertEqual(set.abandon_on_cancel, true);
        assertEqual(set.priority, -100);
        const elsewhere = func.options({executor: SmartAsync.Executor.new_loop('loop')});
        assertFails(error => error instanceof GLib.Error, elsewhere);
        assertEqual(elsewhere.options({executor: undefined}).func.executor, elsewhere.func.executor);
        const here = elsewhere.options({executor: null});
        assertEqual(here.func.executor, null);
        assertEqual(here(), 1);
        assertEqual(inLoop(here), 1);
    },
});
