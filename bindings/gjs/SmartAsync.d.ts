// SPDX-License-Identifier: LGPL-2.1-or-later

// For TypeScript, beside the types of @girs: what SmartAsync is in GJS, the override
// included. Add this file to "include" or "files" of your tsconfig.json.

declare module 'gi://SmartAsync?version=1.0' {
    import type Gio from 'gi://Gio?version=2.0';
    import type GLib from 'gi://GLib?version=2.0';
    import type GObject from 'gi://GObject?version=2.0';

    namespace SmartAsync {
        // What comes of T: T itself in a sync context, a promise of it in an async one.
        type Smart<T> = T | Promise<T>;

        type AnyFunction = (...args: never[]) => unknown;

        /** A function that is called from any context. */
        interface SmartFunction<This, Args extends unknown[], Result> {
            /** In a sync context the value, in an async one a promise. */
            (this: This, ...args: Args): Smart<Result>;
            /** Waits, whatever the context. */
            sync(this: unknown, ...args: Args): Result;
            /** Never waits, whatever the context. */
            aio(this: unknown, ...args: Args): Promise<Result>;
            /** The same function with other options. */
            options(options: CallOptions): SmartFunction<This, Args, Result>;
            /** The same function, with its `this`. */
            bind(self: This): SmartFunction<void, Args, Result>;
            /** What the library calls. */
            readonly func: AsyncFunc;
        }

        interface FunctionOptions {
            name?: string;
            /** Milliseconds; 0 for no deadline. */
            timeout?: number;
            priority?: number;
            executor?: Executor | null;
            max_concurrency?: number;
            abandon_on_cancel?: boolean;
            inherit_cancellable?: boolean;
            main_context_policy?: MainContextPolicy;
            thread_safe_source?: boolean;
            offload?: boolean;
        }

        interface CallOptions extends FunctionOptions {
            /** Cancels the calls, where no argument is a cancellable. */
            cancellable?: Gio.Cancellable | null;
            /** The source object of the calls, where `this` is none. */
            source?: GObject.Object | null;
        }

        interface DefineOptions<Args extends unknown[], Result> extends CallOptions {
            /** What a function that is not declared `async` is: 'blocking', if not given. */
            kind?: 'async' | 'blocking';
            /** What serves sync callers, beside the asynchronous function. */
            blocking?: (...args: Args) => Awaited<Result>;
        }

        /** Makes a function that can be called from any context. */
        function smartasync<This, Args extends unknown[], Result>(
            fn: (this: This, ...args: Args) => Result,
            options?: DefineOptions<Args, Result>
        ): SmartFunction<This, Args, Awaited<Result>>;
        function smartasync(func: AsyncFunc, options?: CallOptions): SmartFunction<unknown, unknown[], unknown>;
        /** Makes a method one, so that `object.method.sync(…)` knows its object. */
        function smartasync<Instance extends object, Name extends string & keyof Instance>(
            klass: abstract new (...args: never[]) => Instance,
            name: Name,
            options?: CallOptions
        ): Instance[Name] extends (...args: infer Args) => infer Result
            ? SmartFunction<Instance, Args, Awaited<Result>>
            : never;

        // The names of the pairs of T, as of() and wrap() take them.
        type PairName<T> = {
            [Name in keyof T]: Name extends string
                ? `${Name}_finish` extends keyof T ? Name : never
                : never;
        }[keyof T];

        // With a blocking sibling its arguments and its result; else the finish function's result.
        type SmartPair<T, Name extends string> =
            T extends Record<`${Name}_sync`, (...args: infer Args) => infer Result>
                ? SmartFunction<unknown, Args, Result>
                : T extends Record<`${Name}_async`, AnyFunction> & Record<Name, (...args: infer Args) => infer Result>
                    ? SmartFunction<unknown, Args, Result>
                    : T extends Record<`${Name}_finish`, (...args: never[]) => infer Result>
                        ? SmartFunction<unknown, unknown[], Result>
                        : never;

        /** An object, a class or a namespace, with all of its pairs as smart functions. */
        type SmartObject<T> = {
            [Name in keyof T]: Name extends PairName<T> & string ? SmartPair<T, Name> : T[Name];
        };

        function of<T extends object>(object: T): SmartObject<T>;

        /** One pair of functions, such as `load_contents_async()` and `load_contents_finish()`. */
        function wrap<T extends object, Name extends PairName<T> & string>(
            container: T, name: Name, options?: CallOptions & {io_priority?: number}
        ): SmartPair<T, Name>;
        function wrap<T extends object, Name extends PairName<T> & string>(
            container: {prototype: T}, name: Name, options?: CallOptions & {io_priority?: number}
        ): SmartPair<T, Name>;

        /** What a value is or will become: in a sync context the value, in an async one a promise. */
        function smartawait<T>(value: T, cancellable?: Gio.Cancellable | null): Smart<Awaited<T>>;

        /** Applies a function to what a value is or will become. */
        function smartcontinuation<T, Args extends unknown[], Result>(
            value: T, fn: (value: Awaited<T>, ...args: Args) => Result, ...args: Args
        ): Smart<Awaited<Result>>;

        /** Frees the contexts that this thread keeps. */
        function reset(): void;

        class Lock extends GObject.Object {
            constructor();
            static 'new'(): Lock;
            readonly n_flights: number;
            readonly n_waiters: number;
            readonly n_calls: number;
            readonly n_executions: number;
            /** Calls the function, unless a call with the same key is under way: then its result is shared. */
            run_once<Args extends unknown[], Result>(
                fn: SmartFunction<never, Args, Result> | ((...args: Args) => Result),
                ...args: Args
            ): Smart<Awaited<Result>>;
            run_once<Args extends unknown[], Result>(
                key: string | null,
                fn: SmartFunction<never, Args, Result> | ((...args: Args) => Result),
                ...args: Args
            ): Smart<Awaited<Result>>;
            forget(key: string | null): void;
            reset(): void;
        }

        const SmartLock: typeof Lock;
        type SmartLock = Lock;

        enum FutureStatus {PENDING, RESOLVED, REJECTED}
        enum MainContextPolicy {PRIVATE, CURRENT}
        enum Mode {AUTO, SYNC, ASYNC}
        enum AsyncFuncKind {ASYNC, BLOCKING, DUAL}

        class Error extends GLib.Error {
            static WOULD_DEADLOCK: number;
            static RECURSION: number;
            static NOT_RETURNED: number;
            static INVALID_ARGUMENTS: number;
            static WRONG_THREAD: number;
            static CLOSED: number;
        }

        class Future<T = unknown> extends GObject.Object implements PromiseLike<T> {
            static 'new'<T = unknown>(cancellable: Gio.Cancellable | null): Future<T>;
            static new_for_value<T>(value: T): Future<T>;
            static new_for_error(error: globalThis.Error): Future<never>;
            readonly status: FutureStatus;
            readonly progress: number;
            name: string | null;
            resolve(value: T): boolean;
            reject(error: globalThis.Error): boolean;
            cancel(): void;
            get_status(): FutureStatus;
            get_progress(): number;
            get_value(): [boolean, T];
            wait(timeout_usec: number, cancellable: Gio.Cancellable | null): [boolean, T];
            then<R = T, E = never>(
                onResolved?: ((value: T) => R | PromiseLike<R>) | null,
                onRejected?: ((error: unknown) => E | PromiseLike<E>) | null
            ): Promise<R | E>;
            catch<E = never>(onRejected?: ((error: unknown) => E | PromiseLike<E>) | null): Promise<T | E>;
            finally(onSettled?: (() => void) | null): Promise<T>;
            /** Throws: it would call in whatever thread settles the future. */
            add_notify(notify: never): never;
        }

        type Body = (call: Call) => unknown;

        class AsyncFunc extends GObject.Object {
            static 'new'(begin: Body): AsyncFunc;
            static new_blocking(body: Body): AsyncFunc;
            static new_dual(begin: Body, body: Body): AsyncFunc;
            name: string | null;
            readonly kind: AsyncFuncKind;
            priority: number;
            timeout: number;
            abandon_on_cancel: boolean;
            inherit_cancellable: boolean;
            main_context_policy: MainContextPolicy;
            executor: Executor | null;
            max_concurrency: number;
            thread_safe_source: boolean;
            offload: boolean;
            set_signature(return_type: GObject.GType, params: GObject.GType[]): void;
            callv(source: GObject.Object | null, args: unknown[] | null, cancellable: Gio.Cancellable | null): Future;
            call_sync(
                source: GObject.Object | null, args: unknown[] | null, cancellable: Gio.Cancellable | null
            ): [boolean, unknown];
        }

        class Call extends GObject.Object {
            static get_current(): Call | null;
            get_source_object(): GObject.Object | null;
            get_n_args(): number;
            get_value(index: number): unknown;
            get_cancellable(): Gio.Cancellable | null;
            get_context(): GLib.MainContext | null;
            return_value(value: unknown): void;
            return_none(): void;
            return_error(error: globalThis.Error): void;
            return_future(future: Future): void;
            report_progress(progress: number): void;
            add_timeout(msec: number, callback: () => boolean): number;
            enter(): void;
            leave(): void;
        }

        class Executor extends GObject.Object {
            static new_pool(name: string | null, max_threads: number): Executor;
            static new_for_context(context: GLib.MainContext | null): Executor;
            static new_loop(name: string | null): Executor;
            readonly name: string;
            readonly max_threads: number;
            max_pending: number;
        }

        function run_blocking(body: Body, cancellable?: Gio.Cancellable | null): Future;
        function context_is_async(): boolean;
        function context_describe(): string;
        function context_push_mode(mode: Mode): void;
        function context_pop_mode(): void;
        function async_reset(): void;
        function async_get_stats(): GLib.Variant;
        function async_dump_waits(): string;
    }

    export default SmartAsync;
}

declare module 'gi://SmartAsync' {
    import SmartAsync from 'gi://SmartAsync?version=1.0';

    export default SmartAsync;
}
