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
from gi.repository import Gio, GLib
from gi.repository.SmartAsync import smartasync

# Hashing this much takes the loop a quarter of a millisecond.
CHUNK_SIZE = 64 * 1024

# GIO's own pool has ten threads: more would only queue.
MAX_IN_FLIGHT = 16


# The author's side: the SHA-256 of a file, as a blocking function …

@smartasync
def hash_blocking(file):
    checksum = GLib.Checksum.new(GLib.ChecksumType.SHA256)
    stream = file.read(None)
    while chunk := stream.read_bytes(CHUNK_SIZE, None).get_data():
        checksum.update(chunk)
    return checksum.get_string()


# … and as an asynchronous one.

open_file = smartasync(Gio.File.read_async)
read_bytes = smartasync(Gio.InputStream.read_bytes_async)


@smartasync
async def hash_asynchronous(file):
    checksum = GLib.Checksum.new(GLib.ChecksumType.SHA256)
    stream = await open_file(file)
    while chunk := (await read_bytes(stream, CHUNK_SIZE)).get_data():
        checksum.update(chunk)
    return checksum.get_string()


# The caller's side. In a sync context each call gives the checksum; inside the
# loop it gives what is awaited.

class Run:
    def __init__(self, function, files, title):
        self.function = function
        self.files = files
        self.results = {}  # file: checksum, or error
        self.title = title
        self.ticks = 0
        self.last_tick = self.longest_gap = 0
        self.last_progress = 0

    def call_in_sync(self):
        for file in self.files:
            try:
                self.results[file] = self.function(file)
            except GLib.Error as error:
                self.results[file] = error
            self.show_progress()

    def call_in_loop(self):
        loop = GLib.MainLoop()
        waiting = iter(self.files)

        @smartasync
        async def call_one_after_the_other():
            for file in waiting:
                try:
                    self.results[file] = await self.function(file)
                except GLib.Error as error:
                    self.results[file] = error
                self.show_progress()

        @smartasync
        async def call_all():
            for some in [call_one_after_the_other() for _ in range(MAX_IN_FLIGHT)]:
                await some
            loop.quit()

        tick = GLib.timeout_add(1, self.on_tick)
        self.last_tick = GLib.get_monotonic_time()
        GLib.idle_add(lambda: call_all() and GLib.SOURCE_REMOVE)
        loop.run()
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
            print(f'\r{self.title}: {len(self.results)} of {len(self.files)}\033[K', end='',
                  file=sys.stderr, flush=True)
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


def run_once(function, in_loop, files, complain, results):
    context, name = 'async' if in_loop else 'sync', function.__name__.removeprefix('hash_')
    run = Run(function, files, f'Python, {context}, {name}')
    begin = GLib.get_monotonic_time()
    run.call_in_loop() if in_loop else run.call_in_sync()
    seconds = (GLib.get_monotonic_time() - begin) / 1e6
    if sys.stderr.isatty():
        print('\r\033[K', end='', file=sys.stderr, flush=True)

    lines = []
    for file in files:
        result = run.results[file]
        if isinstance(result, GLib.Error):
            complain(file, result)
        else:
            lines.append(line(result, file))
    with open(os.path.join(results, f'{context}-{name}'), 'wb') as stream:
        stream.writelines(lines)

    loop = (run.ticks, f'{run.longest_gap / 1e3:.1f}') if in_loop else ('-', '-')
    print('Python', context, name, len(lines), f'{seconds:.3f}', *loop, sep='\t', flush=True)


def main(folder, results):
    unreadable = {}

    def complain(file, error):
        """Says what is wrong with a file once, however many runs stumble over it."""
        if unreadable.setdefault(file.get_uri(), error) is error:
            print(f'smart-sums: {file.get_parse_name()}: {error.message}', file=sys.stderr)

    files = sorted(list_files(Gio.File.new_for_commandline_arg(folder), complain),
                   key=lambda file: os.fsencode(file.get_path()))
    for in_loop in (False, True):
        for function in (hash_blocking, hash_asynchronous):
            run_once(function, in_loop, files, complain, results)

    return 1 if unreadable else 0


if __name__ == '__main__':
    if len(sys.argv) != 3:
        sys.exit('Usage: smart-sums FOLDER RESULTS')
    sys.exit(main(*sys.argv[1:]))
