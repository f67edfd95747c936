// SPDX-License-Identifier: LGPL-2.1-or-later

// What the override adds, form by form, in a sync and in an async context.

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import GObject from 'gi://GObject';
import SmartAsync from 'gi://SmartAsync?version=1.0';
import SmartFixture from 'gi://SmartFixture?version=1.0';

import {assert, assertEqual, assertRejects, assertThrows, inCallback, inLoop, run} from './tap.js';

const {AsyncFunc, AsyncFuncKind, MainContextPolicy, smartasync, smartawait, smartcontinuation} = SmartAsync;

const isGio = code => error => error.matches(Gio.io_error_quark(), code);
const isSmart = code => error => error instanceof GLib.Error &&
    error.matches(SmartAsync.Error, SmartAsync.Error[code]);
const isTypeError = error => error instanceof TypeError;

const add = smartasync((a, b) => a + b);
const addLater = smartasync(async (a, b) => {
    await inCallback();
    return a + b;
});
const file = Gio.File.new_for_path(import.meta.url.slice('file://'.length));
const missing = Gio.File.new_for_path('/nonexistent/file');

// Every value that JavaScript has, but for symbols.
const VALUES = [
    null, undefined, true, 0, -0, 1.5, NaN, Infinity, 2 ** 53, -(2 ** 31), '', 'Grüße', '\0', '\ud800', '😀',
    5n, 2n ** 62n, 2n ** 80n, [], [1, [2]], {}, {a: {b: 1}}, new Map(), new Date(0), /x/, () => 1, Gio.File,
    new Uint8Array([1, 2]), new Error('x'), file, GObject.TYPE_INT,
];

class Own extends Error {}

class Counter {
    constructor(n) {
        this.n = n;
    }

    count(by) {
        this.n += by;
        return this.n;
    }

    async countLater(by) {
        await inCallback();
        return this.count(by);
    }
}
const countUnbound = smartasync(Counter.prototype.count);
smartasync(Counter, 'count');
smartasync(Counter, 'countLater');

const Thing = GObject.registerClass(class extends GObject.Object {
    about() {
        return [this, SmartAsync.Call.get_current().get_source_object()];
    }
});
Thing.prototype.about = smartasync(Thing.prototype.about);

run('override', {
    functions() {
        assertEqual(add(1, 2), 3);
        assertEqual(addLater(1, 2), 3);
        assertEqual(add.sync('a', 'b'), 'ab');
        inLoop(async () => {
            for (const func of [add, addLater, add.aio, addLater.aio]) {
                const promise = func(1, 2);
                assert(promise instanceof Promise);
                assertEqual(await promise, 3);
            }
            assertEqual(await inCallback(() => addLater.sync(1, 2)), 3);
            assertEqual(add.sync(1, 2), 3);
        });
        assertEqual(inLoop(() => addLater.aio(2, 2)), 4);
    },

    namesAndLengths() {
        function named(a, b) {
            return [a, b];
        }
        assertEqual(smartasync(named).name, 'named');
        assertEqual(smartasync(named).length, 2);
        assertEqual(smartasync(named).func.name, 'named');
        assertEqual(smartasync(named).func.kind, AsyncFuncKind.BLOCKING);
        assertEqual(addLater.func.kind, AsyncFuncKind.ASYNC);
        assertEqual(addLater.func.main_context_policy, MainContextPolicy.CURRENT);
    },

    methods() {
        const counter = new Counter(1);
        assertEqual(counter.count(1), 2);
        assertEqual(counter.count.sync(1), 3);
        assertEqual(counter.countLater(1), 4);
        assertEqual(counter.countLater.sync(1), 5);
        assertEqual(counter.count, counter.count);
        assertEqual(countUnbound.call(counter, 1), 6);
        assertEqual(countUnbound.sync.call(counter, 1), 7);
        assertEqual(countUnbound.bind(counter).sync(1), 8);
        assertEqual(countUnbound.bind(counter, 1)(), 9);
        inLoop(async () => assertEqual(await counter.countLater.aio(1), 10));
        assertThrows(isTypeError, () => smartasync(Counter, 'nothing'));

        const thing = new Thing();
        assert(thing.about().every(self => self === thing));
        inLoop(async () => assert((await thing.about()).every(self => self === thing)));
    },

    // Given to others, they keep their `this`, and the arguments that are bound.
    boundFunctions() {
        const counter = new Counter(1);
        const lock = new SmartAsync.SmartLock();
        const bound = () => [counter.count, counter.countLater, countUnbound.bind(counter)];
        const query = SmartAsync.wrap(Gio.File, 'query_info').bind(file);
        let n = 1;
        for (const func of bound()) {
            assertEqual(lock.run_once('key', func, 1), ++n);
            assertEqual(smartasync(func)(1), ++n);
            assertEqual(smartasync(func, {timeout: 60000})(1), ++n);
            assertEqual(lock.run_once(func.options({name: 'derived'}), 1), ++n);
        }
        inLoop(async () => {
            for (const func of bound()) {
                assertEqual(await lock.run_once('key', func, 1), ++n);
                assertEqual(await smartasync(func)(1), ++n);
            }
            assert(await lock.run_once(query, '*', 0, null) instanceof Gio.FileInfo);
        });
        assertEqual(lock.run_once(add.bind(null, 1), 2), 3);
        assertEqual(smartasync(add.bind(null, 1))(2), 3);
        assert(lock.run_once(query, '*', 0, null) instanceof Gio.FileInfo);
        assert(smartasync(SmartAsync.of(file).query_info)('*', 0, null) instanceof Gio.FileInfo);
    },

    // Plain functions that give promises.
    promisesOfPlainFunctions() {
        const later = smartasync(value => Promise.resolve(value));
        assertEqual(later(5), 5);
        inLoop(async () => assertEqual(await later(5), 5));
        assertEqual(smartasync(value => Promise.resolve(value), {kind: 'async'})(6), 6);
        assertThrows(isGio(Gio.IOErrorEnum.TIMED_OUT),
            () => smartasync(() => new Promise(() => {}), {timeout: 20})());
    },

    dual() {
        const both = smartasync(async () => {
            await inCallback();
            return 'async';
        }, {blocking: () => 'blocking'});
        assertEqual(both.func.kind, AsyncFuncKind.DUAL);
        assertEqual(both(), 'blocking');
        assertEqual(both.sync(), 'blocking');
        inLoop(async () => assertEqual(await both(), 'async'));
        assertEqual(inLoop(() => both.aio()), 'async');
    },

    // Not within the call, but in a source of its own, where smart calls wait.
    blockingInLoop() {
        inLoop(async () => {
            let source = null;
            const promise = smartasync(() => {
                source = GLib.main_current_source().get_name();
                assert(!SmartAsync.context_is_async());
                return addLater(1, 2);
            })();
            assertEqual(source, null);
            assertEqual(await promise, 3);
            assertEqual(source, 'smartasync blocking body');
        });
    },

    values() {
        const echo = smartasync(value => value);
        const echoLater = smartasync(async value => {
            await inCallback();
            return value;
        });
        const lock = new SmartAsync.SmartLock();
        const inC = smartasync(SmartFixture.echo_new(AsyncFuncKind.ASYNC));

        for (const value of VALUES) {
            assertEqual(echo(value), value);
            assertEqual(echoLater(value), value);
            assertEqual(lock.run_once(echo, value), value);
            assertEqual(SmartAsync.Future.new_for_value(value).get_value()[1], value);
            const raw = AsyncFunc.new_blocking(call => call.return_value(call.get_value(0)));
            if (typeof value !== 'bigint' && value !== undefined) {
                assertEqual(raw.call_sync(null, [value], null)[1], value);
                assertEqual(inC(value), value);
            }
        }
        inLoop(async () => {
            for (const value of VALUES) {
                assertEqual(await echo(value), value);
                assertEqual(await echoLater(value), value);
                assertEqual(await lock.run_once(echo, value), value);
            }
        });
    },

    // In C they are numbers.
    bigIntegersInC() {
        const inC = smartasync(SmartFixture.echo_new(AsyncFuncKind.BLOCKING));
        assertEqual(inC(5n), 5);
        assertEqual(inC(-(2n ** 53n) + 1n), -(2 ** 53) + 1);
        assertEqual(inC(2n ** 80n), 2n ** 80n);
    },

    whatNoValueHolds() {
        const forms = [add, addLater, smartasync(SmartFixture.echo_new(AsyncFuncKind.ASYNC))];
        for (const func of forms) {
            const error = assertThrows(isTypeError, () => func(1, Symbol('s')));
            assert(error.message.includes('argument 1'), error.message);
            inLoop(() => assertThrows(isTypeError, () => func(Symbol('s'))));
        }
        assertThrows(isTypeError, () => forms[2].func.callv(null, [Symbol('s')], null));
        for (const value of [null, 5, 'add', {}])
            assertThrows(isTypeError, () => smartasync(value));
        assertThrows(isTypeError, () => smartasync(() => 1, {time_out: 5}));
        assertThrows(isTypeError, () => smartasync(() => 1, {kind: 'dual'}));
    },

    // The same object, whatever it is, also through a lock.
    errors() {
        const thrown = [
            new RangeError('Grüße'),
            new Own('own'),
            new GLib.Error(Gio.io_error_quark(), Gio.IOErrorEnum.NOT_FOUND, 'no'),
        ];
        const lock = new SmartAsync.SmartLock();
        for (const error of thrown) {
            const {stack} = error;
            const same = caught => caught === error && caught.stack === stack;
            const fail = smartasync(() => {
                throw error;
            });
            const failLater = smartasync(async () => {
                await inCallback();
                throw error;
            });
            assertThrows(same, () => fail());
            assertThrows(same, () => failLater());
            inLoop(async () => {
                await assertRejects(same, fail());
                await assertRejects(same, failLater());
            });
            if (error instanceof GLib.Error)
                assertThrows(isGio(Gio.IOErrorEnum.NOT_FOUND), () => lock.run_once(fail));
            else
                assertThrows(same, () => lock.run_once(fail));
        }
        assertThrows(caught => caught === 5, () => smartasync(() => {
            throw 5;
        })());
    },

    // What another language sees of an Error.
    errorsInC() {
        const fail = smartasync(() => {
            throw new TypeError('no');
        });
        const future = fail.func.callv(null, [], null);
        assertThrows(error => error instanceof TypeError, () => future.get_value());
        assertThrows(error => error instanceof TypeError, () => future.get_int());
    },

    callersStack() {
        inLoop(async () => {
            async function whoAsks() {
                const [ok] = await SmartAsync.of(missing).load_contents(null);
                return ok;
            }
            const error = await assertRejects(isGio(Gio.IOErrorEnum.NOT_FOUND), whoAsks());
            assert(error.stack.includes('whoAsks'), error.stack);
            assert(!error.stack.includes('overrides/SmartAsync.js'), error.stack);
        });
    },

    cancellables() {
        const cancellable = new Gio.Cancellable();
        const own = smartasync(async c => {
            await inCallback();
            assert(c instanceof Gio.Cancellable);
            return c.is_cancelled();
        });
        assertEqual(own(new Gio.Cancellable()), false);
        inLoop(async () => {
            const promise = own(cancellable);
            cancellable.cancel();
            await assertRejects(isGio(Gio.IOErrorEnum.CANCELLED), promise);
            await assertRejects(isGio(Gio.IOErrorEnum.CANCELLED), add.options({cancellable})(1, 2));
        });
        let began = false;
        const never = smartasync(() => {
            began = true;
        });
        assertThrows(isGio(Gio.IOErrorEnum.CANCELLED), () => never(cancellable));
        assertThrows(isGio(Gio.IOErrorEnum.CANCELLED), () => SmartAsync.of(file).load_contents(cancellable));
        assert(!began);
    },

    options() {
        const limited = addLater.options({max_concurrency: 1, timeout: 60000, name: 'limited', abandonOnCancel: true});
        assertEqual(limited.func.max_concurrency, 1);
        assertEqual(limited.func.name, 'limited');
        assert(limited.func.abandon_on_cancel);
        assertEqual(addLater.func.timeout, 0);
        assertEqual(limited(1, 2), 3);
        inLoop(async () => {
            const sums = await Promise.all([1, 2, 3].map(n => limited(n, n)));
            assertEqual(sums.join(), '2,4,6');
        });
        const source = new GObject.Object();
        const about = smartasync(() => SmartAsync.Call.get_current().get_source_object());
        assertEqual(about.options({source})(), source);
    },

    // On no thread but its own.
    otherThreads() {
        const executors = [SmartAsync.Executor.new_pool('pool', 1), SmartAsync.Executor.new_loop('loop')];
        let ran = false;
        const body = call => {
            ran = true;
            call.return_none();
        };
        inLoop(async () => {
            await assertRejects(isSmart('WRONG_THREAD'), AsyncFunc.new_blocking(body).callv(null, [], null));
            await assertRejects(isSmart('WRONG_THREAD'), SmartAsync.run_blocking(body, null));
            for (const executor of executors) {
                for (const func of [add, addLater])
                    await assertRejects(isSmart('WRONG_THREAD'), func.options({executor})(1, 2));
            }
        });
        for (const executor of executors)
            assertThrows(isSmart('WRONG_THREAD'), () => add.options({executor})(1, 2));
        assert(!ran);
        assertThrows(isTypeError, () => SmartAsync.Future.new(null).add_notify(() => {}));
    },

    waitsInPromiseJobs() {
        inLoop(async () => {
            await inCallback();
            for (const wait of [
                () => addLater.sync(1, 2),
                () => new SmartAsync.SmartLock().run_once(smartasync(addLater)),
            ]) {
                SmartAsync.context_push_mode(SmartAsync.Mode.SYNC);
                try {
                    assertThrows(isSmart('WOULD_DEADLOCK'), wait);
                } finally {
                    SmartAsync.context_pop_mode();
                }
            }
            // In a loop that a job runs, no other job runs, either.
            const loop = new GLib.MainLoop(null, false);
            let error = null;
            GLib.idle_add(GLib.PRIORITY_DEFAULT, () => {
                error = assertThrows(isSmart('WOULD_DEADLOCK'), () => addLater.sync(1, 2));
                loop.quit();
                return GLib.SOURCE_REMOVE;
            });
            loop.run();
            assert(error !== null);

            assertEqual(add.sync(1, 2), 3);
            assert(SmartAsync.of(file).load_contents.sync(null)[0]);
            assert(SmartAsync.of(file).query_filesystem_info.sync('*', null) instanceof Gio.FileInfo);
            assertEqual(smartasync(SmartFixture.echo_new(AsyncFuncKind.ASYNC)).sync(5), 5);
        });
    },

    pairs() {
        const readers = [
            () => SmartAsync.of(file).load_contents(null),
            () => SmartAsync.of(file).load_contents_async(),
            () => SmartAsync.wrap(file, 'load_contents')(null),
            () => SmartAsync.wrap(Gio.File, 'load_contents').call(file, null),
            () => SmartAsync.wrap(Gio.File.prototype, 'load_contents').bind(file)(null),
        ];
        const check = ([ok, contents, etag]) => {
            assertEqual(ok, true);
            assert(new TextDecoder().decode(contents).includes('form by form'));
            assertEqual(typeof etag, 'string');
        };
        readers.forEach(read => check(read()));
        inLoop(() => Promise.all(readers.map(async read => {
            const promise = read();
            assert(promise instanceof Promise);
            check(await promise);
        })));

        // What is no pair is as it was, and no prototype has changed.
        assertEqual(SmartAsync.of(file).get_path(), file.get_path());
        assertThrows(isTypeError, () => SmartAsync.wrap(file, 'get_path'));
        assertThrows(isTypeError, () => SmartAsync.of({}));
        assertEqual(Gio.File.prototype._original_load_contents_async, undefined);
    },

    // GJS frees an array before C is done with it: what is written is a copy.
    bytes() {
        const SIZE = 1 << 18;
        // Little garbage: a collection that begins would drop the callbacks of older GJS.
        const all = new Uint8Array(SIZE).fill(65);
        const other = new Uint8Array(SIZE);
        const [written, stream] = Gio.File.new_tmp('smart-gjs-XXXXXX');
        stream.close(null);
        const data = n => all.subarray(0, n);
        const isAll = n => {
            const [, contents] = written.load_contents(null);
            return contents.length === n && contents.every(byte => byte === 65);
        };
        const into = (name, n) => {
            const output = SmartAsync.of(written.replace(null, false, Gio.FileCreateFlags.NONE, null));
            return smartcontinuation(output[name](data(n), null), done => {
                output.close.sync(null);
                assertEqual(String(done), name === 'write' ? `${n}` : `true,${n}`);
            });
        };
        const ways = {
            write: n => into('write', n),
            write_all: n => into('write_all', n),
            replace_contents: n => SmartAsync.of(written).replace_contents(data(n), null, false, 0, null),
        };
        for (const [name, write] of Object.entries(ways)) {
            for (const n of [1, 1000, SIZE]) {
                write(n);
                assert(isAll(n), name);
                inLoop(() => write(n));
                assert(isAll(n), name);
                inLoop(async () => {
                    const promise = write(n);
                    // Where it was, there is something else soon.
                    for (let i = 0; i < 10; i++)
                        GLib.compute_checksum_for_data(GLib.ChecksumType.MD5, other.subarray(0, n));
                    await promise;
                });
                assert(isAll(n), name);
            }
        }
        inLoop(() => SmartAsync.of(written).replace_contents('Grüße', null, false, 0, null));
        assertEqual(new TextDecoder().decode(written.load_contents(null)[1]), 'Grüße');
        inLoop(() => assertRejects(isTypeError, SmartAsync.of(Gio.MemoryOutputStream.new_resizable()).write_all({}, null)));
        written.delete(null);

        // A pipe takes less at a time.
        inLoop(async () => {
            const counter = Gio.Subprocess.new(['wc', '-c'],
                Gio.SubprocessFlags.STDIN_PIPE | Gio.SubprocessFlags.STDOUT_PIPE);
            const pipe = SmartAsync.of(counter.get_stdin_pipe());
            assertEqual((await pipe.write_all(data(SIZE), GLib.PRIORITY_DEFAULT, null))[1], SIZE);
            pipe.close(null);
            const bytes = await SmartAsync.of(counter.get_stdout_pipe()).read_bytes(100, null);
            assertEqual(Number(new TextDecoder().decode(bytes.toArray())), SIZE);
        });
    },

    // The arguments of the blocking form, with or without io_priority.
    priorities() {
        const read = SmartAsync.of(file).read;
        const bytes = SmartAsync.wrap(Gio.InputStream, 'read_bytes');
        const check = async stream => {
            assertEqual((await bytes.call(stream, 2, null)).get_size(), 2);
            assertEqual((await bytes.call(stream, 3)).get_size(), 3);
            assertEqual((await bytes.call(stream, 4, GLib.PRIORITY_LOW, null)).get_size(), 4);
            stream.close(null);
        };
        inLoop(async () => {
            await check(await read(null));
            await check(await read());
            await check(await read(GLib.PRIORITY_HIGH, null));
            await check(await SmartAsync.wrap(file, 'read', {io_priority: GLib.PRIORITY_LOW})());
        });
        assertEqual(bytes.call(read(null), 4, GLib.PRIORITY_LOW, null).get_size(), 4);
        assertEqual(read.sync(null) instanceof Gio.FileInputStream, true);
    },

    // Functions of a namespace, of a class, and constructors.
    statics() {
        const make = SmartAsync.wrap(Gio.Subprocess, 'communicate_utf8');
        const process = () => Gio.Subprocess.new(['echo', 'hello'], Gio.SubprocessFlags.STDOUT_PIPE);
        assertEqual(make.call(process(), null, null)[1], 'hello\n');
        inLoop(async () => assertEqual((await make.call(process(), null, null))[1], 'hello\n'));

        const noBus = `unix:path=/nonexistent/${GLib.random_int()}`;
        const connect = SmartAsync.of(Gio.DBusConnection).new_for_address;
        const flags = Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT;
        assertThrows(error => error instanceof GLib.Error, () => connect(noBus, flags, null, null));
        inLoop(() => assertRejects(error => error instanceof GLib.Error, connect(noBus, flags, null, null)));
        assertEqual(typeof SmartAsync.wrap(Gio, 'bus_get').aio, 'function');
        assertEqual(typeof SmartAsync.of(Gio).bus_get.sync, 'function');
        assertEqual(typeof SmartAsync.wrap(Gio.DBusProxy, 'new').sync, 'function');
    },

    // Nearly all that end in _finish are of a pair, and most have a blocking sibling.
    allOfGio() {
        const stems = (holder, klass) => Object.getOwnPropertyNames(holder)
            .filter(name => name.endsWith('_finish'))
            .map(name => [klass, name.slice(0, -'_finish'.length)]);
        const candidates = Object.getOwnPropertyNames(Gio)
            .filter(name => /^[A-Z][a-z]/.test(name) && name !== 'IOModule')
            .map(name => Gio[name])
            .filter(klass => typeof klass === 'function' && klass.$gtype && klass.prototype)
            .flatMap(klass => [...stems(klass.prototype, klass), ...stems(klass, klass)]);
        const found = candidates.flatMap(([klass, stem]) => {
            try {
                return [SmartAsync.wrap(klass, stem)];
            } catch (error) {
                return isTypeError(error) ? [] : [null];
            }
        });
        const dual = found.filter(smart => smart.func.kind === AsyncFuncKind.DUAL);
        assert(found.length >= 0.9 * candidates.length, `${found.length} of ${candidates.length}`);
        assert(dual.length >= 0.7 * found.length, `${dual.length} with a blocking sibling`);
    },

    awaiting() {
        const nested = SmartAsync.Future.new_for_value(SmartAsync.Future.new_for_value(5));
        const things = () => [5, Promise.resolve(5), Promise.resolve(Promise.resolve(5)), nested,
            Promise.resolve(nested), addLater.aio(2, 3)];
        for (const thing of things())
            assertEqual(smartawait(thing), 5);
        assertEqual(smartawait(null), null);
        inLoop(async () => {
            for (const thing of things()) {
                const promise = smartawait(thing);
                assert(promise instanceof Promise);
                assertEqual(await promise, 5);
            }
        });
        const error = new Error('x');
        assertThrows(caught => caught === error, () => smartawait(Promise.reject(error)));

        const cancellable = new Gio.Cancellable();
        GLib.idle_add(GLib.PRIORITY_DEFAULT, () => {
            cancellable.cancel();
            return GLib.SOURCE_REMOVE;
        });
        assertThrows(isGio(Gio.IOErrorEnum.CANCELLED), () => smartawait(new Promise(() => {}), cancellable));
    },

    continuing() {
        const times = (value, factor) => value * factor;
        assertEqual(smartcontinuation(5, times, 2), 10);
        assertEqual(smartcontinuation(Promise.resolve(5), times, 2), 10);
        assertEqual(smartcontinuation(addLater.aio(2, 3), addLater, 5), 10);
        for (const value of [5, Promise.resolve(5), SmartAsync.Future.new_for_value(5)])
            assertEqual(smartcontinuation(value, async (given, factor) => given * factor, 2), 10);
        assertEqual(smartcontinuation(5, SmartAsync.Future.new_for_value), 5);
        inLoop(async () => {
            assertEqual(smartcontinuation(5, times, 2), 10);
            const later = smartcontinuation(5, async (value, factor) => value * factor, 2);
            assert(later instanceof Promise);
            assertEqual(await later, 10);
            let applied = false;
            const settled = smartcontinuation(SmartAsync.Future.new_for_value(5), (value, factor) => {
                applied = true;
                return value * factor;
            }, 2);
            assert(applied);
            assertEqual(await settled, 10);
            assertEqual(await smartcontinuation(addLater(2, 3), times, 2), 10);
            const error = new Error('x');
            await assertRejects(caught => caught === error, smartcontinuation(Promise.reject(error), times));
        });
    },

    thenables() {
        inLoop(async () => {
            const future = SmartFixture.echo_new(AsyncFuncKind.ASYNC).callv(null, [5], null);
            assertEqual(future.get_status(), SmartAsync.FutureStatus.PENDING);
            assertEqual(await future, 5);
            assertEqual(await future.then(value => value + 1), 6);
            assertEqual(await future.finally(() => 7), 5);
            const failed = SmartFixture.fail_new(AsyncFuncKind.ASYNC).callv(null, [], null);
            assertEqual(await failed.catch(error => error.code), Gio.IOErrorEnum.NOT_FOUND);

            const manual = SmartAsync.Future.new(null);
            GLib.idle_add(GLib.PRIORITY_DEFAULT, () => {
                manual.resolve([1]);
                return GLib.SOURCE_REMOVE;
            });
            assertEqual((await manual)[0], 1);
            // A body may give one.
            assertEqual(await smartasync(() => SmartAsync.Future.new_for_value(8))(), 8);
        });
    },

    lock() {
        const lock = new SmartAsync.SmartLock();
        let executions = 0;
        async function plain(value) {
            executions++;
            await inCallback();
            return value;
        }
        assertEqual(lock.run_once(plain, 1), 1);
        inLoop(async () => {
            const results = await Promise.all([1, 2, 3].map(n => lock.run_once('key', plain, n)));
            assertEqual(results.join(), '1,1,1');
            await Promise.all(['a', 'b'].map(key => lock.run_once(key, smartasync(plain), key)));
        });
        assertEqual(executions, 4);
        assertEqual(Number(lock.n_calls), 6);
        assertThrows(isTypeError, () => lock.run_once('key'));

        const future = lock.run_once('key', SmartFixture.echo_new(AsyncFuncKind.ASYNC), null, [5], null);
        assertEqual(future.get_value()[1], 5);
    },

    // The plain API, with plain functions and values.
    plain() {
        const func = AsyncFunc.new(call => call.return_int(call.get_int(0) + 1));
        assertEqual(func.call_sync(null, [1], null)[1], 2);
        assertThrows(error => error.message === 'raw', () => AsyncFunc.new_blocking(() => {
            throw new Error('raw');
        }).call_sync(null, [], null));
        assertThrows(error => error.message === 'later', () => {
            const rejecting = AsyncFunc.new(async call => {
                await inCallback();
                throw new Error(call.get_string(0));
            });
            assertEqual(rejecting.main_context_policy, MainContextPolicy.CURRENT);
            rejecting.call_sync(null, ['later'], null);
        });
        inLoop(() => new Promise((resolve, reject) => {
            func.call_async(null, [1], null, (source, result) => {
                try {
                    assertEqual(source, func);
                    assertEqual(source.call_finish(result)[1], 2);
                    resolve();
                } catch (error) {
                    reject(error);
                }
            });
        }));
        assertThrows(isTypeError, () => AsyncFunc.new(null));
    },

    signatures() {
        const func = smartasync((a, b) => a + b);
        func.func.set_signature(GObject.TYPE_INT, [GObject.TYPE_INT, GObject.TYPE_INT]);
        assertEqual(func(1, 2), 3);
        assertThrows(isSmart('INVALID_ARGUMENTS'), () => func(1));
        assertThrows(isSmart('INVALID_ARGUMENTS'), () => func('1', '2'));
        assertThrows(isSmart('INVALID_ARGUMENTS'), () => func.options({name: 'derived'})('1', '2'));
    },
});
