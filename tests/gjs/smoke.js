// SPDX-License-Identifier: LGPL-2.1-or-later

// By plain introspection: functions of every kind, called in a sync and in an
// async context; executors, the lock, and what is done with futures. A blocking
// body that is offloaded is C: JavaScript cannot run on a worker. The functions
// that SMART_DEFINE_…() makes are in tests/examples/thing.js.

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import GObject from 'gi://GObject';
import SmartAsync from 'gi://SmartAsync?version=1.0';
import SmartFixture from 'gi://SmartFixture?version=1.0';
import System from 'system';

const {AsyncFunc, AsyncFuncKind, FutureStatus, MainContextPolicy} = SmartAsync;

function assert(condition, message) {
    if (!condition)
        throw new Error(`assertion failed: ${message}`);
}

function makeValue(type, contents) {
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

const thing = Gio.SimpleAction.new('thing', null);

// The type's name in a call's methods, the argument, what it is when it comes back.
const VALUES = [
    ['boolean', makeValue(GObject.TYPE_BOOLEAN, true), true],
    ['int', makeValue(GObject.TYPE_INT, -5), -5],
    ['uint', makeValue(GObject.TYPE_UINT, 4294967295), 4294967295],
    ['int64', makeValue(GObject.TYPE_INT64, -9007199254740991), -9007199254740991],
    ['uint64', makeValue(GObject.TYPE_UINT64, 9007199254740991), 9007199254740991],
    ['double', makeValue(GObject.TYPE_DOUBLE, 0.1), 0.1],
    ['string', makeValue(GObject.TYPE_STRING, 'Grüße'), 'Grüße'],
    ['string', makeValue(GObject.TYPE_STRING, null), null],
    ['object', makeValue(GObject.TYPE_OBJECT, thing), thing],
    ['variant', makeValue(GObject.TYPE_VARIANT, new GLib.Variant('i', 7)), 7],
];

function same(result, expected) {
    if (result instanceof GLib.Variant)
        return result.deepUnpack() === expected;
    return result === expected;
}

// Functions that return their argument, of JavaScript's of each kind, and the same in C.

function echo(call, name) {
    call[`return_${name}`](call[`get_${name}`](0));
}

function echoLater(call, name) {
    call.add_timeout(1, () => {
        echo(call, name);
        return GLib.SOURCE_REMOVE;
    });
}

// Promises settle from the default context.
function echoAsync(call, name) {
    (async () => {
        await null;
        echo(call, name);
    })();
}

function fail(call) {
    call.return_new_error_literal(Gio.io_error_quark(), Gio.IOErrorEnum.NOT_FOUND, 'Grüße');
}

function throwing(call) {
    try {
        Gio.File.new_for_path('/nonexistent/file').load_contents(null);
    } catch (error) {
        call.return_error(error);
    }
}

function makeCurrent(body) {
    const func = AsyncFunc.new(body);
    func.main_context_policy = MainContextPolicy.CURRENT;
    return func;
}

function makeEchoes(name) {
    return [
        AsyncFunc.new(call => echo(call, name)),
        AsyncFunc.new(call => echoLater(call, name)),
        makeCurrent(call => echoAsync(call, name)),
        SmartFixture.echo_new(AsyncFuncKind.ASYNC),
        SmartFixture.echo_new(AsyncFuncKind.BLOCKING),
        SmartFixture.echo_new(AsyncFuncKind.DUAL),
    ];
}

const ECHOES = makeEchoes('int');
const EXPECTATIONS = VALUES.flatMap(([name, argument, expected]) =>
    makeEchoes(name).map(func => [func, argument, expected]));
const FAILURES = [
    AsyncFunc.new(fail),
    AsyncFunc.new(throwing),
    SmartFixture.fail_new(AsyncFuncKind.ASYNC),
    SmartFixture.fail_new(AsyncFuncKind.BLOCKING),
    SmartFixture.fail_new(AsyncFuncKind.DUAL),
];

// GJS prints what a callback throws, and goes on: here it ends the loop, and is thrown again.

function inLoop(begin) {
    const loop = new GLib.MainLoop(null, false);
    let thrown = null;

    const end = error => {
        thrown ??= error ?? null;
        loop.quit();
    };
    const guarded = func => (...args) => {
        try {
            return func(...args);
        } catch (error) {
            end(error);
            return undefined;
        }
    };

    const deadline = GLib.timeout_add(GLib.PRIORITY_DEFAULT, 10000, () => {
        end(new Error('it took too long'));
        return GLib.SOURCE_CONTINUE;
    });
    GLib.idle_add(GLib.PRIORITY_DEFAULT, () => {
        guarded(begin)(guarded, end);
        return GLib.SOURCE_REMOVE;
    });
    loop.run();
    GLib.source_remove(deadline);
    if (thrown !== null)
        throw thrown;
}

function expectError(func, code = Gio.IOErrorEnum.NOT_FOUND) {
    try {
        func();
    } catch (error) {
        assert(error.matches(Gio.io_error_quark(), code), error);
        return;
    }
    throw new Error('there was no error');
}

// Counts what is to come, and ends the loop with the last.
function counter(n, end) {
    return () => {
        if (--n === 0)
            end();
    };
}

function isPlain() {
    try {
        return imports.overrides.SmartAsync === undefined;
    } catch {
        return true;
    }
}

const scenarios = {
    plain() {
        assert(isPlain(), 'there is an override');
    },

    detection() {
        assert(!SmartAsync.context_is_async(), SmartAsync.context_describe());
        inLoop((_, end) => {
            assert(SmartAsync.context_is_async(), SmartAsync.context_describe());
            end();
        });
    },

    valuesInS() {
        const blocking = VALUES.map(([name, argument, expected]) =>
            [AsyncFunc.new_blocking(call => echo(call, name)), argument, expected]);

        for (const [func, argument, expected] of [...EXPECTATIONS, ...blocking]) {
            const [ok, result] = func.call_sync(null, [argument], null);
            assert(ok && same(result, expected), `${result}, not ${expected}`);
            const future = func.callv(null, [argument], null);
            assert(future.get_status() === FutureStatus.RESOLVED, 'it has settled');
            const [got, value] = future.get_value();
            assert(got && same(value, expected), `${value}, not ${expected}`);
        }
    },

    valuesInA() {
        inLoop((guarded, end) => {
            const one = counter(2 * EXPECTATIONS.length, end);

            for (const [func, argument, expected] of EXPECTATIONS) {
                func.call_async(null, [argument], null, guarded((source, result) => {
                    const [ok, value] = source.call_finish(result);
                    assert(ok && same(value, expected), `${value}, not ${expected}`);
                    one();
                }));
                const future = func.callv(null, [argument], null);
                future.wait_async(null, guarded((source, result) => {
                    const [ok, value] = source.wait_finish(result);
                    assert(ok && same(value, expected), `${value}, not ${expected}`);
                    one();
                }));
            }
        });
    },

    errorsInS() {
        for (const func of FAILURES) {
            expectError(() => func.call_sync(null, [], null));
            expectError(() => func.callv(null, [], null).get_value());
        }
    },

    errorsInA() {
        inLoop((guarded, end) => {
            const one = counter(2 * FAILURES.length, end);

            for (const func of FAILURES) {
                func.call_async(null, [], null, guarded((source, result) => {
                    expectError(() => source.call_finish(result));
                    one();
                }));
                func.callv(null, [], null).wait_async(null, guarded((source, result) => {
                    expectError(() => source.wait_finish(result));
                    one();
                }));
            }
        });
    },

    cancellation() {
        const cancellable = new Gio.Cancellable();
        cancellable.cancel();
        for (const func of ECHOES) {
            expectError(() => func.call_sync(null, [makeValue(GObject.TYPE_INT, 1)], cancellable),
                Gio.IOErrorEnum.CANCELLED);
        }
    },

    continuations() {
        const one = makeValue(GObject.TYPE_INT, 1);
        const addOne = (call, settled) => call.return_int(settled.get_int() + 1);
        const recover = (call, settled) => {
            expectError(() => settled.get_int());
            call.return_int(5);
        };
        const conclude = call => call.return_none();
        const chain = future => future.then(addOne).catch(recover).then(addOne).finally(conclude);
        const expectations = [
            ...ECHOES.map(func => [func, 3]),
            ...FAILURES.map(func => [func, 6]),
        ];

        for (const [func, expected] of expectations)
            assert(chain(func.callv(null, [one], null)).get_int() === expected, expected);

        inLoop((guarded, end) => {
            const settled = counter(expectations.length, end);

            for (const [func, expected] of expectations) {
                chain(func.callv(null, [one], null)).wait_async(null, guarded((source, result) => {
                    const [ok, value] = source.wait_finish(result);
                    assert(ok && value === expected, `${value}, not ${expected}`);
                    settled();
                }));
            }
        });
    },

    executors() {
        const one = makeValue(GObject.TYPE_INT, 1);

        for (const [executor, kind] of [
            [SmartAsync.Executor.new_pool('pool', 1), AsyncFuncKind.BLOCKING],
            [SmartAsync.Executor.new_loop('loop'), AsyncFuncKind.ASYNC],
        ]) {
            const func = SmartFixture.echo_new(kind);
            func.executor = executor;
            assert(func.callv(null, [one], null).get_int() === 1, executor.name);
            inLoop((guarded, end) => {
                func.call_async(null, [one], null, guarded((source, result) => {
                    const [ok, value] = source.call_finish(result);
                    assert(ok && value === 1, executor.name);
                    end();
                }));
            });
        }

        // Where the context of this very thread is iterated, JavaScript can run.
        const func = AsyncFunc.new(call => echo(call, 'int'));
        func.executor = SmartAsync.Executor.new_for_context(null);
        assert(func.executor.get_context() !== null, 'context');
        inLoop((guarded, end) => {
            func.callv(null, [one], null).wait_async(null, guarded((source, result) => {
                assert(source.wait_finish(result)[1] === 1, 'at home');
                end();
            }));
        });
    },

    lockInS() {
        const lock = SmartAsync.Lock.new();
        const func = AsyncFunc.new(call => echo(call, 'int'));
        assert(lock.run_once('key', func, null, [makeValue(GObject.TYPE_INT, 7)], null).get_int() === 7, 'smart');
        const [ok, value] = lock.run_once_sync(null, func, null, [makeValue(GObject.TYPE_INT, 8)], null);
        assert(ok && value === 8, 'sync');
        assert(lock.n_calls === 2 && lock.n_executions === 2, 'counters');
        assert(lock.n_flights === 0 && lock.n_waiters === 0, 'no trace');
    },

    lockInA() {
        const lock = SmartAsync.Lock.new();
        const calls = [];
        const func = AsyncFunc.new(call => calls.push(call));

        inLoop((guarded, end) => {
            // Two of one key, one of another, one after it was forgotten.
            const futures = ['a', 'a', 'b', null].map(key => lock.run_once(key, func, null, [], null));
            assert(calls.length === 3 && lock.n_waiters === 4 && lock.n_flights === 3, 'joined');
            lock.forget('a');
            futures.push(lock.run_once('a', func, null, [], null));
            assert(calls.length === 4 && lock.n_executions === 4 && lock.n_flights === 4, 'forgotten');
            calls.splice(0).forEach((call, number) => call.return_int(number));

            const settled = counter(futures.length, guarded(() => {
                lock.run_once_async('a', func, null, [], null, guarded((source, result) => {
                    expectError(() => lock.run_once_finish(result), Gio.IOErrorEnum.CANCELLED);
                    calls.pop().return_none();
                    end();
                }));
                lock.reset();
            }));
            futures.forEach((future, n) => future.wait_async(null, guarded((source, result) => {
                const value = source.wait_finish(result)[1];
                assert(value === [0, 0, 1, 2, 3][n], `${n}: ${value}`);
                settled();
            })));
        });
    },

    combinations() {
        const {Future} = SmartAsync;
        const pending = Future.new(null);
        const one = Future.new_for_value(makeValue(GObject.TYPE_INT, 1));
        const failed = Future.new_for_error(GLib.Error.new_literal(
            Gio.io_error_quark(), Gio.IOErrorEnum.NOT_FOUND, 'no'));

        assert(Future.allv([one, one]).get_status() === FutureStatus.RESOLVED, 'all');
        expectError(() => Future.allv([one, failed]).get_value());
        assert(Future.anyv([failed, one]).get_int() === 1, 'any');
        assert(Future.racev([pending, one]).get_int() === 1, 'race');
        expectError(() => pending.get_value(), Gio.IOErrorEnum.CANCELLED);
        expectError(() => Future.new(null).with_timeout(1).wait(-1, null), Gio.IOErrorEnum.TIMED_OUT);
    },

    awaiting() {
        const {Future} = SmartAsync;
        const makeFuture = contents => Future.new_for_value(makeValue(GObject.TYPE_OBJECT, contents));
        const five = makeValue(GObject.TYPE_INT, 5);
        const nested = makeValue(GObject.TYPE_OBJECT, makeFuture(Future.new_for_value(five)));
        const addOne = (call, settled) => call.return_int(settled.get_int() + 1);

        assert(SmartAsync.await(nested, null).get_int() === 5, 'await');
        assert(SmartAsync.await(five, null).get_int() === 5, 'await a value');
        assert(SmartAsync.continuation(nested, addOne).get_int() === 6, 'continuation');
        assert(SmartAsync.continuation(five, addOne).get_int() === 6, 'continuation of a value');

        inLoop((guarded, end) => {
            const pending = Future.new(null);
            const following = SmartAsync.continuation(
                makeValue(GObject.TYPE_OBJECT, makeFuture(pending)), addOne);

            following.wait_async(null, guarded((source, result) => {
                assert(source.wait_finish(result)[1] === 6, 'continued');
                end();
            }));
            pending.resolve(five);
        });
    },

    progress() {
        const func = AsyncFunc.new(call => {
            call.report_progress(0.25);
            call.report_progress(0.5);
            call.add_timeout(1, () => {
                call.return_none();
                return GLib.SOURCE_REMOVE;
            });
        });

        inLoop((guarded, end) => {
            const seen = [];
            const future = func.callv(null, [], null);

            future.connect('notify::progress', guarded(() => seen.push(future.progress)));
            future.wait_async(null, guarded((source, result) => {
                source.wait_finish(result);
                assert(seen.at(-1) === 0.5 && future.progress === 0.5, seen);
                end();
            }));
        });
    },
};

let failed = 0;
let number = 0;
print(`1..${Object.keys(scenarios).length}`);
for (const [name, scenario] of Object.entries(scenarios)) {
    number++;
    try {
        scenario();
        print(`ok ${number} /gjs/smoke/${name}/main`);
    } catch (error) {
        failed = 1;
        print(`not ok ${number} /gjs/smoke/${name}/main`);
        logError(error);
    }
}
System.exit(failed);
