// SPDX-License-Identifier: LGPL-2.1-or-later

// As much of GLib, GObject and Gio as SmartAsync.d.ts and the uses need, where the
// types of @girs are not there.

declare module 'gi://GLib?version=2.0' {
    namespace GLib {
        class Error extends globalThis.Error {
            domain: number;
            code: number;
            matches(domain: number | object, code: number): boolean;
        }
        class MainContext {
            iteration(mayBlock: boolean): boolean;
        }
        class Variant {
            unpack(): unknown;
        }
    }
    export default GLib;
}

declare module 'gi://GObject?version=2.0' {
    namespace GObject {
        interface GType {
            readonly name: string;
        }
        class Object {
            notify(name: string): void;
        }
        const TYPE_STRING: GType;
    }
    export default GObject;
}

declare module 'gi://Gio?version=2.0' {
    import type GObject from 'gi://GObject?version=2.0';
    import type GLib from 'gi://GLib?version=2.0';

    namespace Gio {
        class Cancellable extends GObject.Object {
            constructor();
            cancel(): void;
        }
        interface AsyncResult {
            get_source_object(): GObject.Object | null;
        }
        type AsyncReadyCallback<A> = (source: A | null, result: AsyncResult) => void;
        interface File extends GObject.Object {
            get_path(): string | null;
            load_contents(cancellable: Cancellable | null): [boolean, Uint8Array, string];
            load_contents_async(cancellable: Cancellable | null, callback: AsyncReadyCallback<this> | null): void;
            load_contents_finish(result: AsyncResult): [boolean, Uint8Array, string];
        }
        const File: {
            prototype: File;
            new_for_path(path: string): File;
        };
        class DBusProxy extends GObject.Object {
            static new_for_bus(
                bus: number, flags: number, info: null, name: string, path: string, iface: string,
                cancellable: Cancellable | null, callback: AsyncReadyCallback<DBusProxy> | null
            ): void;
            static new_for_bus_finish(result: AsyncResult): DBusProxy;
            static new_for_bus_sync(
                bus: number, flags: number, info: null, name: string, path: string, iface: string,
                cancellable: Cancellable | null
            ): DBusProxy;
            call(
                method: string, parameters: GLib.Variant | null, flags: number, timeout: number,
                cancellable: Cancellable | null, callback: AsyncReadyCallback<this> | null
            ): void;
            call_finish(result: AsyncResult): GLib.Variant;
            call_sync(
                method: string, parameters: GLib.Variant | null, flags: number, timeout: number,
                cancellable: Cancellable | null
            ): GLib.Variant;
        }
    }
    export default Gio;
}
