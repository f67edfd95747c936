// SPDX-License-Identifier: LGPL-2.1-or-later

// The contract's section D: which context am I in?

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import SmartAsync from 'gi://SmartAsync?version=1.0';
import SmartFixture from 'gi://SmartFixture?version=1.0';

import * as h from './harness.js';
import {assert, assertEqual, assertMatch, contract} from './harness.js';

const {AsyncFunc, Mode} = SmartAsync;
const isAsync = SmartAsync.context_is_async;
const describe = SmartAsync.context_describe;

// A function that returns what it finds out about itself.
function seeing(make = AsyncFunc.new) {
    const sights = [];
    const func = make(call => {
        sights.push({isAsync: isAsync(), description: describe(), thread: h.thread()});
        call.return_int(42);
    });
    func.set_name('seeing');
    return [func, sights];
}

// D1

contract('D1.a', () => {
    assert(!isAsync());
    // And smart calls go by it: the value is there.
    assertEqual(SmartAsync.smartasync(async () => 7)(), 7);
});

contract('D1.b', () => {
    assertMatch(SmartFixture.describe_on_thread(), /^sync/);
    h.inLoop(() => assertMatch(SmartFixture.describe_on_thread(), /^sync/));
    h.withMode(Mode.ASYNC, () => assertMatch(SmartFixture.describe_on_thread(), /^sync/));
});

contract('D1.c', () => {
    const [func, probe] = h.makeProbe(h.BLOCKING);
    h.inLoop(() => h.settled(h.call(func)));
    const [sight] = h.sightsOf(probe);
    assert(sight.thread !== h.mainThread, 'it was not offloaded');
    assert(!sight['is-async']);
});

contract('D1.d', () => {
    const [func, probe] = h.makeProbe(h.BLOCKING);
    const [inJavaScript, sights] = seeing(AsyncFunc.new_blocking);
    const smart = SmartAsync.smartasync(() => isAsync());

    const callAll = () => {
        assertEqual(h.callSync(func), 42);
        assertEqual(h.callSync(inJavaScript), 42);
        assertEqual(smart.sync(), false);
    };
    callAll();
    h.inLoop(() => {
        assert(isAsync());
        callAll();
        assert(isAsync());
    });
    for (const sight of h.sightsOf(probe)) {
        assertEqual(sight.thread, h.mainThread);
        assert(!sight['is-async']);
    }
    assertEqual(sights.length, 2);
    assert(sights.every(sight => !sight.isAsync));
});

// D2

contract('D2.a', () => h.inLoop(async () => {
    assert(await h.inCallback(isAsync, GLib.idle_source_new()));
    assert(await h.inCallback(isAsync, GLib.timeout_source_new(1)));
}));

// Of input: a child's output, as GIO watches it. Of D-Bus: a signal on a connection.
contract('D2.a/input', () => h.inLoop(async () => {
    const child = Gio.Subprocess.new(['echo', 'text'], Gio.SubprocessFlags.STDOUT_PIPE);
    const source = child.get_stdout_pipe().create_source(null);
    assert(await h.inCallback(isAsync, source));
    child.wait(null);
}));

// Here, because nothing else holds it while a signal is on its way, and with it the callback.
let bus;

contract('D2.a/signal', () => h.inLoop(async () => {
    bus = Gio.bus_get_sync(Gio.BusType.SESSION, null);
    const seen = new Promise(resolve => {
        const id = bus.signal_subscribe(null, 'org.example.Test', 'Seen', null, null,
            Gio.DBusSignalFlags.NONE, () => {
                bus.signal_unsubscribe(id);
                resolve(isAsync());
            });
    });
    bus.emit_signal(null, '/', 'org.example.Test', 'Seen', null);
    assertEqual(await seen, true);
}));

function runApplication(flags) {
    const seen = {};
    const application = new Gio.Application({flags: flags | Gio.ApplicationFlags.NON_UNIQUE});
    const see = (name, result) => () => {
        seen[name] = {isAsync: isAsync(), description: describe()};
        return result;
    };
    application.connect('handle-local-options', see('handle-local-options', -1));
    application.connect('startup', see('startup'));
    application.connect('activate', see('activate'));
    application.connect('command-line', see('command-line', 0));
    application.connect('shutdown', see('shutdown'));
    assertEqual(application.run(['test']), 0);
    return seen;
}

contract('D2.b', () => {
    const activated = runApplication(Gio.ApplicationFlags.FLAGS_NONE);
    const commanded = runApplication(Gio.ApplicationFlags.HANDLES_COMMAND_LINE);
    for (const name of ['handle-local-options', 'startup', 'activate', 'shutdown'])
        assertEqual(activated[name]?.isAsync, true, name);
    for (const name of ['handle-local-options', 'startup', 'command-line', 'shutdown'])
        assertEqual(commanded[name]?.isAsync, true, name);
    assert(!isAsync());
});

contract('D2.c', () => {
    const seen = runApplication(Gio.ApplicationFlags.FLAGS_NONE);
    for (const name of ['handle-local-options', 'shutdown'])
        assertMatch(seen[name].description, /owned, not dispatching/);
});

contract('D2.d', () => {
    const folder = GLib.path_get_dirname(GLib.filename_from_uri(import.meta.url)[0]);
    const [, bytes] = GLib.file_get_contents(`${folder}/../../docs/context-rule.md`);
    const page = new TextDecoder().decode(bytes);
    assertMatch(page, /handle-local-options/);
    assertMatch(page, /shutdown/);
    assertMatch(page, /_sync\b/);
});

contract('D2.e', () => {
    const context = GLib.MainContext.new();
    context.push_thread_default();
    const pushed = isAsync();
    context.pop_thread_default();
    assert(pushed);
    assert(!isAsync());
});

contract('D2.f', () => {
    const [func, sights] = seeing();
    assertEqual(h.callSync(func), 42);
    assertEqual(sights[0].isAsync, true);
    assertEqual(SmartAsync.smartasync(async () => isAsync())(), true);
    const [inC, probe] = h.makeProbe(h.ASYNC);
    h.callSync(inC);
    assertEqual(h.sightsOf(probe)[0]['is-async'], true);
    assert(!isAsync());
});

// A loop on a context that nobody pushed: what func() sees there, and the
// context of the callback that it is given.
function inUnpushedLoop(func) {
    const context = GLib.MainContext.new();
    let over = false;
    let seen = null;
    const source = GLib.idle_source_new();
    source.set_callback(() => {
        func(result => {
            const current = GLib.main_current_source();
            seen = {
                result,
                context: SmartFixture.context_id(current.get_context()),
                thread: h.thread(),
            };
            over = true;
        });
        return GLib.SOURCE_REMOVE;
    });
    source.attach(context);
    h.iterateUntil(() => over, context, 'the result');
    return {...seen, home: SmartFixture.context_id(context)};
}

contract('D2.g', () => {
    let seen = null;
    inUnpushedLoop(done => {
        seen = {isAsync: isAsync(), pushed: SmartFixture.thread_default_id()};
        const idle = GLib.idle_source_new();
        idle.set_callback(() => {
            done();
            return GLib.SOURCE_REMOVE;
        });
        idle.attach(GLib.main_current_source().get_context());
    });
    assertEqual(seen.isAsync, true);
    assertEqual(seen.pushed, 0);
});

contract('D2.h', () => {
    const [offloaded, probe] = h.makeProbe(h.BLOCKING);
    const [begun, other] = h.makeProbe(h.ASYNC, {atOnce: true});
    for (const func of [offloaded, begun]) {
        const seen = inUnpushedLoop(done => func.call_async(null, [], null,
            (source, result) => done(source.call_finish(result)[1])));
        assertEqual(seen.result, 42);
        assertEqual(seen.context, seen.home, 'the context of the result');
        assertEqual(seen.thread, h.mainThread);
        if (func === begun)
            assertEqual(h.sightsOf(other)[0]['thread-default'], seen.home, 'what the body is given');
    }
    assert(h.sightsOf(probe)[0].thread !== h.mainThread);
});

// D3

contract('D3.a', () => {
    const [func, probe] = h.makeProbe(h.BLOCKING);
    const smart = SmartAsync.smartasync(async () => 7);

    // In a loop, SYNC: the value at once, in this thread; AUTO in it is the loop's.
    h.inLoop(() => {
        assert(isAsync());
        h.withMode(Mode.SYNC, () => {
            assert(!isAsync());
            assertEqual(h.valueOf(h.call(func)), 42);
            assertEqual(smart(), 7);
            h.withMode(Mode.AUTO, () => assert(isAsync()));
        });
        assert(isAsync());
    });
    assertEqual(h.sightsOf(probe)[0].thread, h.mainThread);

    // In plain code, ASYNC: it is offloaded, and a promise comes back.
    const [future, promise] = h.withMode(Mode.ASYNC, () => {
        assert(isAsync());
        return [h.call(func), smart()];
    });
    assert(promise instanceof Promise);
    assertEqual(h.inLoop(async () => await h.settled(future) + await promise), 49);
    assert(h.sightsOf(probe)[1].thread !== h.mainThread);
}, {circles: true});

contract('D3.b', () => {
    h.withMode(Mode.SYNC, () => {
        assertEqual(h.inLoop(isAsync), true, 'below plain code');
        assert(!isAsync());
    });
    h.inLoop(() => h.withMode(Mode.SYNC, () => {
        assertEqual(h.inLoop(isAsync), true, 'in a nested loop');
        assert(!isAsync());
    }));
    h.withMode(Mode.ASYNC, () => h.withMode(Mode.SYNC, () => {
        // A promise job that a nested loop dispatches is unrelated, too.
        assertEqual(h.inLoop(async () => {
            await null;
            return isAsync();
        }), true);
    }));
});

contract('D3.c', () => {
    const [blocking, ofBlocking] = seeing(AsyncFunc.new_blocking);
    const [begun, ofBegun] = seeing();
    const [inC, probe] = h.makeProbe(h.BLOCKING);

    h.withMode(Mode.ASYNC, () => {
        h.callSync(blocking);
        h.callSync(inC);
        assertEqual(SmartAsync.smartasync(() => isAsync()).sync(), false);
    });
    h.withMode(Mode.SYNC, () => {
        h.callSync(begun);
        assertEqual(SmartAsync.smartasync(async () => isAsync())(), true);
    });
    assertEqual(ofBlocking[0].isAsync, false);
    assertEqual(h.sightsOf(probe)[0]['is-async'], false);
    assertEqual(ofBegun[0].isAsync, true);
});

contract('D3.d', () => {
    const [func, probe] = h.makeProbe(h.BLOCKING);
    h.inLoop(() => h.withMode(Mode.ASYNC, () => h.settled(h.call(func))));
    const [sight] = h.sightsOf(probe);
    assert(sight.thread !== h.mainThread);
    assert(!sight['is-async']);
});

contract('D3.e', () => {
    const seen = [];
    const see = () => seen.push(isAsync());
    h.withMode(Mode.ASYNC, () => {
        see();
        h.withMode(Mode.SYNC, () => {
            see();
            h.withMode(Mode.ASYNC, see);
            h.withMode(Mode.AUTO, see);
            see();
        });
        see();
    });
    see();
    h.assertList(seen, [true, false, true, false, false, true, false]);
});

contract('D3.f', () => {
    const pop = () => h.expectCritical('*smart_context_pop_mode*', SmartAsync.context_pop_mode);
    pop();
    SmartAsync.context_push_mode(Mode.ASYNC);
    SmartAsync.context_pop_mode();
    pop();
    // The mode is the caller's: there is none of the body's own to pop.
    const func = AsyncFunc.new_blocking(call => {
        pop();
        call.return_int(42);
    });
    h.withMode(Mode.ASYNC, () => {
        h.callSync(func);
        assert(isAsync());
    });
    assert(!isAsync());
});

// D4

contract('D4.a', () => {
    const [blocking, sights] = seeing(AsyncFunc.new_blocking);
    blocking.set_name('the-blocking-one');
    h.callSync(blocking);
    const context = GLib.MainContext.new();
    context.push_thread_default();
    const owned = describe();
    context.pop_thread_default();
    assertMatch(owned, /owned, not dispatching/);
    assertMatch(sights[0].description, /the-blocking-one/);

    const reasons = [
        describe(),
        h.withMode(Mode.SYNC, describe),
        h.withMode(Mode.ASYNC, describe),
        owned,
        h.inLoop(describe),
        sights[0].description,
    ];
    assertEqual(new Set(reasons).size, reasons.length, 'different reasons');
    for (const reason of reasons)
        assertMatch(reason, /^(sync|async): [^\n]+$/);
});

contract('D4.b', () => h.inLoop(async () => {
    const named = GLib.idle_source_new();
    named.set_name('a source of a certain name');
    assertMatch(await h.inCallback(describe, named), /^async.*a source of a certain name/);
    assert(!(await h.inCallback(describe)).includes('(null)'));
    // The source that runs promise jobs has one, too.
    await null;
    assertMatch(describe(), /^async.*Promise/i);
}));

// D5

contract('D5.b', () => {
    assertEqual(h.inLoop(async () => {
        await null;
        return isAsync();
    }), true);
    assertEqual(h.inLoop(() => h.idle().then(() => h.idle()).then(() => isAsync())), true);
    // A smart call there gives a promise.
    assertEqual(h.inLoop(async () => {
        await null;
        return SmartAsync.smartasync(async () => 7)() instanceof Promise;
    }), true);
    // A mode in the job wins.
    assertEqual(h.inLoop(async () => {
        await null;
        return h.withMode(Mode.SYNC, isAsync);
    }), false);
});

contract('D5.c', () => h.inLoop(async () => {
    for (const source of [GLib.idle_source_new(), GLib.timeout_source_new(1)])
        assertEqual(await h.inCallback(isAsync, source), true);
    const [promise] = await h.inCallback(() => [SmartAsync.smartasync(async () => 7)()]);
    assert(promise instanceof Promise);
    assertEqual(await promise, 7);
}));

contract('D5.d', () => {
    // The rest of a script after its top-level await is a promise job, in which
    // no other one would run: so this is a script of its own.
    assertEqual(h.runScript(`
        import SmartAsync from 'gi://SmartAsync?version=1.0';
        print(SmartAsync.context_is_async());
        await null;
        print(SmartAsync.context_is_async());
        print(SmartAsync.AsyncFunc.new(call => call.return_int(7)).callv(null, [], null).get_int());
    `), 'false\nfalse\n7\n');
    assert(!isAsync());
});

h.run();
