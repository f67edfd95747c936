// SPDX-License-Identifier: LGPL-2.1-or-later

// Typical uses, which must compile.

import Gio from 'gi://Gio?version=2.0';
import SmartAsync from 'gi://SmartAsync?version=1.0';
import Unversioned from 'gi://SmartAsync';

// Whether two types are the same: an argument of true, or it does not compile.
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function same<A, B>(_: Same<A, B>): void {}

const {smartasync, smartawait, smartcontinuation} = SmartAsync;

const add = smartasync((a: number, b: number) => a + b);
const load = smartasync(async (path: string, cancellable: Gio.Cancellable | null = null) => {
    const [, contents] = await SmartAsync.of(Gio.File.new_for_path(path)).load_contents(cancellable);
    return contents.length;
});

// What does not depend on the context.
same<number, ReturnType<typeof add.sync>>(true);
same<Promise<number>, ReturnType<typeof add.aio>>(true);
same<number, ReturnType<typeof load.sync>>(true);
same<Promise<number>, ReturnType<typeof load.aio>>(true);

// What does.
same<number | Promise<number>, ReturnType<typeof add>>(true);

export async function main(): Promise<number> {
    const cancellable = new Gio.Cancellable();
    const three: number = await add(1, 2);
    const size: number = await load('/etc/hostname');
    const limited = load.options({timeout: 500, max_concurrency: 4, abandon_on_cancel: true, cancellable});
    const same_size: number = await limited.aio('/etc/hostname', cancellable);

    class Counter {
        constructor(public n: number) {}
        count(by: number): number {
            return this.n += by;
        }
    }
    const count = smartasync(Counter, 'count');
    const counted: number = count.call(new Counter(1), 2) as number;
    const bound = count.bind(new Counter(1));
    const bound_count: number = bound.sync(1);

    const file = SmartAsync.of(Gio.File.new_for_path('/etc/hostname'));
    const [, bytes] = file.load_contents.sync(null);
    const path: string | null = file.get_path();
    const [ok] = await SmartAsync.wrap(Gio.File, 'load_contents').call(file, null);
    const proxy: Gio.DBusProxy = await SmartAsync.of(Gio.DBusProxy).new_for_bus(
        1, 0, null, 'org.freedesktop.DBus', '/', 'org.freedesktop.DBus', null);
    const reply = await SmartAsync.wrap(proxy, 'call')('ListNames', null, 0, -1, null);
    reply.unpack();

    const lock = new SmartAsync.SmartLock();
    const once: number = await lock.run_once(load, '/etc/hostname');
    const keyed: number = await lock.run_once('key', add, 1, 2);
    lock.forget('key');

    const future = SmartAsync.Future.new_for_value('text');
    const text: string = await future;
    const length: number = await future.then(value => value.length);
    const awaited: string = await smartawait(Promise.resolve(future));
    const continued: number = await smartcontinuation(future, (value, factor: number) => value.length * factor, 2);

    const func = SmartAsync.AsyncFunc.new_blocking(call => call.return_value(call.get_value(0)));
    func.executor = SmartAsync.Executor.new_pool('pool', 2);
    const unknown_result: unknown = await smartasync(func)('anything');

    try {
        add.sync(1, 2);
    } catch (error) {
        if (error instanceof SmartAsync.Error && error.matches(SmartAsync.Error, SmartAsync.Error.WOULD_DEADLOCK))
            throw error;
    }
    Unversioned.reset();
    void [unknown_result, path, bytes, ok, bound_count, counted, same_size, size, keyed, once, awaited, text];
    return three + length + continued;
}
