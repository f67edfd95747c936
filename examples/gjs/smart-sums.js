#!/usr/bin/env -S gjs -m
// SPDX-License-Identifier: LGPL-2.1-or-later

// smart-sums FOLDER RESULTS: the SHA-256 of every regular file below FOLDER
// (symbolic links are not followed), by a blocking and by an asynchronous
// function, each called from plain code and from inside a running main loop.
// Each run writes a file in RESULTS, in sha256sum's format, and one line of
// figures to standard output.

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import SmartAsync from 'gi://SmartAsync?version=1.0';
import SmartSums from 'gi://SmartSums?version=1.0';
import System from 'system';

// Hashing this much takes the loop a quarter of a millisecond.
const CHUNK_SIZE = 64 * 1024;

// GIO's own pool has ten threads: more would only queue.
const MAX_IN_FLIGHT = 16;

// The author's side: the SHA-256 of a file, as an asynchronous function. The
// blocking one is SmartSums' own, in C: in the loop it runs on a worker, and
// JavaScript cannot run there.

const readBytes = SmartAsync.wrap(Gio.InputStream, 'read_bytes');

const hashAsynchronous = SmartAsync.smartasync(async file => {
    const checksum = GLib.Checksum.new(GLib.ChecksumType.SHA256);
    const stream = await SmartAsync.of(file).read();
    let chunk;
    while ((chunk = await readBytes.call(stream, CHUNK_SIZE)).get_size() > 0)
        checksum.update(chunk.toArray());
    return checksum.get_string();
});

const hashBlocking = SmartAsync.smartasync(SmartSums.hash_blocking_func());

// The caller's side, the same in both contexts: in a sync context a call gives the
// sum, inside the loop a promise of it, and smartcontinuation() takes either.

class Run {
    constructor(hash, files, title) {
        Object.assign(this, {hash, files, title, results: [], begun: 0, inFlight: 0});
        this.loop = null;  // in a sync context
        this.ticks = this.lastTick = this.longestGap = this.lastProgress = 0;
    }

    callForFiles() {
        while (this.begun < this.files.length && this.inFlight < MAX_IN_FLIGHT) {
            this.callForFile(this.begun++);
            this.showProgress();
        }
        if (this.inFlight === 0)
            this.loop?.quit();
    }

    callForFile(i) {
        const settle = result => {
            this.inFlight--;
            this.results[i] = result;
        };
        this.inFlight++;
        try {
            SmartAsync.smartcontinuation(this.hash(this.files[i]), sum => settle({sum}))
                ?.catch(error => settle({error}))
                .then(() => this.callForFiles());
        } catch (error) {
            settle({error});
        }
    }

    callInLoop() {
        this.loop = new GLib.MainLoop(null, false);
        const tick = GLib.timeout_add(GLib.PRIORITY_DEFAULT, 1, () => this.onTick());
        this.lastTick = GLib.get_monotonic_time();
        GLib.idle_add(GLib.PRIORITY_DEFAULT_IDLE, () => this.callForFiles());
        this.loop.run();
        this.noteGap();
        GLib.source_remove(tick);
    }

    onTick() {
        this.ticks++;
        this.noteGap();
        return GLib.SOURCE_CONTINUE;
    }

    noteGap() {
        const now = GLib.get_monotonic_time();
        this.longestGap = Math.max(this.longestGap, now - this.lastTick);
        this.lastTick = now;
    }

    showProgress() {
        const now = GLib.get_monotonic_time();
        if (now - this.lastProgress < 100000)
            return;
        showOnTerminal(`\r${this.title}: ${this.begun - this.inFlight} of ${this.files.length}\x1b[K`);
        this.lastProgress = now;
    }
}

const terminal = GLib.log_writer_supports_color(2)
    ? Gio.File.new_for_path('/dev/stderr').append_to(Gio.FileCreateFlags.NONE, null)
    : null;

function showOnTerminal(text) {
    terminal?.write_all(new TextEncoder().encode(text), null);
}

function* listFiles(folder, complain) {
    try {
        const children = folder.enumerate_children('standard::name,standard::type',
            Gio.FileQueryInfoFlags.NOFOLLOW_SYMLINKS, null);
        for (let info; (info = children.next_file(null));) {
            if (info.get_file_type() === Gio.FileType.DIRECTORY)
                yield* listFiles(children.get_child(info), complain);
            else if (info.get_file_type() === Gio.FileType.REGULAR)
                yield children.get_child(info);
        }
    } catch (error) {
        complain(folder, error);
    }
}

// A file name is bytes, of any encoding, and JavaScript has no string for
// them. Here it is a string of one character for each byte, as unescape()
// makes it from a URI: such strings also sort like the bytes.
function pathOf(file) {
    return unescape(file.get_uri().slice('file://'.length));
}

// Like sha256sum: a name that would break the line is escaped, and the line says so.
function lineOf(sum, file) {
    const path = pathOf(file);
    const name = path.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('\r', '\\r');
    return `${name === path ? '' : '\\'}${sum}  ${name}\n`;
}

function runOnce(hash, inLoop, files, complain, results) {
    const context = inLoop ? 'async' : 'sync';
    const kind = hash === hashBlocking ? 'blocking' : 'asynchronous';
    const run = new Run(hash, files, `JavaScript, ${context}, ${kind}`);
    System.gc();  // what the runs before left would stall this one
    const begin = GLib.get_monotonic_time();
    if (inLoop)
        run.callInLoop();
    else
        run.callForFiles();
    const seconds = (GLib.get_monotonic_time() - begin) / 1e6;
    showOnTerminal('\r\x1b[K');

    const lines = [];
    run.results.forEach(({sum, error}, i) => {
        if (error)
            complain(files[i], error);
        else
            lines.push(lineOf(sum, files[i]));
    });
    GLib.file_set_contents(GLib.build_filenamev([results, `${context}-${kind}`]),
        Uint8Array.from(lines.join(''), character => character.charCodeAt(0)));

    const loop = inLoop ? [run.ticks, (run.longestGap / 1e3).toFixed(1)] : ['-', '-'];
    print(['JavaScript', context, kind, lines.length, seconds.toFixed(3), ...loop].join('\t'));
}

function main(folder, results) {
    const unreadable = new Set();

    // Says what is wrong with a file once, however many runs stumble over it.
    function complain(file, error) {
        if (!unreadable.has(file.get_uri()))
            printerr(`smart-sums: ${file.get_parse_name()}: ${error.message}`);
        unreadable.add(file.get_uri());
    }

    const files = [...listFiles(Gio.File.new_for_commandline_arg(folder), complain)];
    const paths = new Map(files.map(file => [file, pathOf(file)]));
    files.sort((a, b) => paths.get(a) < paths.get(b) ? -1 : 1);

    for (const inLoop of [false, true]) {
        for (const hash of [hashBlocking, hashAsynchronous])
            runOnce(hash, inLoop, files, complain, results);
    }

    return unreadable.size > 0 ? 1 : 0;
}

if (ARGV.length !== 2) {
    printerr('Usage: smart-sums FOLDER RESULTS');
    System.exit(2);
}
System.exit(main(...ARGV));
