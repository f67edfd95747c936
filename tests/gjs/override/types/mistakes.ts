// SPDX-License-Identifier: LGPL-2.1-or-later

// Every line that ends in a comment must not compile, and no other.

import Gio from 'gi://Gio?version=2.0';
import SmartAsync from 'gi://SmartAsync?version=1.0';

const add = SmartAsync.smartasync((a: number, b: number) => a + b);
const load = SmartAsync.smartasync(async (path: string) => path.length);
const file = SmartAsync.of(Gio.File.new_for_path('/etc/hostname'));
const lock = new SmartAsync.SmartLock();

add(1, 'two'); // an argument of another type
add.sync(1); // too few arguments
export const sum: number = add(1, 2); // it may be a promise
export const size: number = load.aio('/etc/hostname'); // it is a promise
export const text: string = load.sync('/etc/hostname'); // it is a number
load.options({time_out: 500}); // no such option
SmartAsync.smartasync('load'); // no function
file.load_contents.sync('/etc/hostname'); // no cancellable
SmartAsync.wrap(Gio.File.new_for_path('/'), 'get_path'); // no pair
lock.run_once('key', add, 1, 'two'); // an argument of another type, for a function
SmartAsync.Future.new_for_value(1).add_notify(() => {}); // it throws
SmartAsync.smartcontinuation(1, (value: number, factor: number) => value * factor, 'x'); // the extra argument's type
