#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later

"""smart-sums FOLDER RESULTS: the SHA-256 of every regular file below FOLDER
(symbolic links are not followed), by a blocking and by an asynchronous
function, each called from plain code and from inside a running main loop.
Each run writes a file in RESULTS, in sha256sum's format, and one line of
figures to standard output."""

import os
import sys

import gi

gi.require_version('SmartAsync', '1.0')
from gi.repository import Gio, GLib, GObject, SmartAsync

# Hashing this much takes the loop a quarter of a millisecond.
CHUNK_SIZE = 64 * 1024

# GIO's own pool has ten threads: more would only queue.
MAX_IN_FLIGHT = 16


# The author's side: the SHA-256 of a file, as a blocking function …

def hash_blocking(call):
    cancellable = call.get_cancellable()
    checksum = GLib.Checksum.new(GLib.ChecksumType.SHA256)
    try:
        stream = call.get_object(0).read(cancellable)
        while chunk := stream.read_bytes(CHUNK_SIZE, cancellable).get_data():
            checksum.update(chunk)
        call.return_string(checksum.get_string())
    except GLib.Error as error:
        call.return_error(error)


# … and as an asynchronous one, one callback a step.

def hash_asynchronous(call):
    cancellable = call.get_cancellable()
    checksum = GLib.Checksum.new(GLib.ChecksumType.SHA256)

    def on_opened(file, result):
        try:
            read_chunk(file.read_finish(result))
        except GLib.Error as error:
            call.return_error(error)

    def read_chunk(stream):
        stream.read_bytes_async(CHUNK_SIZE, GLib.PRIORITY_DEFAULT, cancellable, on_chunk_read)

    def on_chunk_read(stream, result):
        try:
            chunk = stream.read_bytes_finish(result).get_data()
        except GLib.Error as error:
            call.return_error(error)
            return
        if chunk:
            checksum.update(chunk)
            read_chunk(stream)
        else:
            call.return_string(checksum.get_string())

    call.get_object(0).read_async(GLib.PRIORITY_DEFAULT, cancellable, on_opened)


# The caller's side, the same in both contexts. In a sync context each future
# comes back settled; inside the loop most are pending, and the rest is called
# as they settle.

class Run:
    def __init__(self, func, files, title):
        self.func = func
        self.files = files
        self.futures = []
        self.in_flight = 0
        self.title = title
        self.loop = None  # in a sync context
        self.ticks = 0
        self.last_tick = self.longest_gap = 0
        self.last_progress = 0

    def call_for_files(self):
        while len(self.futures) < len(self.files) and self.in_flight < MAX_IN_FLIGHT:
            file = GObject.Value(Gio.File, self.files[len(self.futures)])
            future = self.func.callv(None, [file], None)
            self.futures.append(future)
            if future.get_status() == SmartAsync.FutureStatus.PENDING:
                self.in_flight += 1
                future.wait_async(None, self.on_settled)
            self.show_progress()
        if self.in_flight == 0 and self.loop:
            self.loop.quit()

    def on_settled(self, future, result):
        self.in_flight -= 1
        self.call_for_files()

    def call_in_loop(self):
        self.loop = GLib.MainLoop()
        tick = GLib.timeout_add(1, self.on_tick)
        self.last_tick = GLib.get_monotonic_time()
        GLib.idle_add(self.call_for_files)
        self.loop.run()
        self.note_gap()
        GLib.source_remove(tick)

    def on_tick(self):
        self.ticks += 1
        self.note_gap()
        return GLib.SOURCE_CONTINUE

    def note_gap(self):
        now = GLib.get_monotonic_time()
        self.longest_gap = max(self.longest_gap, now - self.last_tick)
        self.last_tick = now

    def show_progress(self):
        now = GLib.get_monotonic_time()
        if now - self.last_progress > 100000 and sys.stderr.isatty():
            done = len(self.futures) - self.in_flight
            print(f'\r{self.title}: {done} of {len(self.files)}\033[K', end='', file=sys.stderr, flush=True)
            self.last_progress = now


def list_files(folder, complain):
    try:
        children = folder.enumerate_children('standard::name,standard::type',
                                             Gio.FileQueryInfoFlags.NOFOLLOW_SYMLINKS, None)
        while info := children.next_file(None):
            if info.get_file_type() == Gio.FileType.DIRECTORY:
                yield from list_files(children.get_child(info), complain)
            elif info.get_file_type() == Gio.FileType.REGULAR:
                yield children.get_child(info)
    except GLib.Error as error:
        complain(folder, error)


def line(checksum, file):
    """Like sha256sum: a name that would break the line is escaped, and the line says so."""
    path = os.fsencode(file.get_path())
    name = path.replace(b'\\', b'\\\\').replace(b'\n', b'\\n').replace(b'\r', b'\\r')
    return (b'\\' if name != path else b'') + checksum.encode() + b'  ' + name + b'\n'


def run_once(func, in_loop, files, complain, results):
    context, function = 'async' if in_loop else 'sync', func.get_name().removeprefix('hash_')
    run = Run(func, files, f'Python, {context}, {function}')
    begin = GLib.get_monotonic_time()
    run.call_in_loop() if in_loop else run.call_for_files()
    seconds = (GLib.get_monotonic_time() - begin) / 1e6
    if sys.stderr.isatty():
        print('\r\033[K', end='', file=sys.stderr, flush=True)

    lines = []
    for file, future in zip(files, run.futures):
        try:
            lines.append(line(future.get_string(), file))
        except GLib.Error as error:
            complain(file, error)
    with open(os.path.join(results, f'{context}-{function}'), 'wb') as stream:
        stream.writelines(lines)

    loop = (run.ticks, f'{run.longest_gap / 1e3:.1f}') if in_loop else ('-', '-')
    print('Python', context, function, len(lines), f'{seconds:.3f}', *loop, sep='\t', flush=True)


def main(folder, results):
    unreadable = {}

    def complain(file, error):
        """Says what is wrong with a file once, however many runs stumble over it."""
        if unreadable.setdefault(file.get_uri(), error) is error:
            print(f'smart-sums: {file.get_parse_name()}: {error.message}', file=sys.stderr)

    blocking = SmartAsync.AsyncFunc.new_blocking(hash_blocking)
    asynchronous = SmartAsync.AsyncFunc.new(hash_asynchronous)
    for func in (blocking, asynchronous):
        func.set_name('hash_blocking' if func is blocking else 'hash_asynchronous')
        func.set_signature(GObject.TYPE_STRING, [Gio.File.__gtype__])

    files = sorted(list_files(Gio.File.new_for_commandline_arg(folder), complain),
                   key=lambda file: os.fsencode(file.get_path()))
    for in_loop in (False, True):
        for func in (blocking, asynchronous):
            run_once(func, in_loop, files, complain, results)

    return 1 if unreadable else 0


if __name__ == '__main__':
    if len(sys.argv) != 3:
        sys.exit('Usage: smart-sums FOLDER RESULTS')
    sys.exit(main(*sys.argv[1:]))
