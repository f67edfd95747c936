// SPDX-License-Identifier: LGPL-2.1-or-later

// Usage: thing.js FILE WORD: the library in examples/c/thing, by its usual names.

import GLib from 'gi://GLib';
import Gio from 'gi://Gio';
import Thing from 'gi://Thing?version=1.0';
import System from 'system';

Gio._promisify(Thing.Book, 'load_async', 'load_finish');
Gio._promisify(Thing.Book.prototype, 'count_async', 'count_finish');

const [path, word] = System.programArgs;
const loop = GLib.MainLoop.new(null, false);

print('sync:', Thing.Book.load(path, 0, null).count(word, null));
print('smart:', Thing.Book.load_future(path, 0, null).get_object().count_future(word, null).get_int());
try {
    Thing.Book.load(path, 1, null);
} catch (error) {
    print('error:', GLib.quark_to_string(error.domain));
}
Thing.Book.load_async(path, 0, null)
    .then(book => book.count_async(word, null))
    .then(n => print('async:', n))
    .finally(() => loop.quit());
loop.run();
