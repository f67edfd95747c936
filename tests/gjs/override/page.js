// SPDX-License-Identifier: LGPL-2.1-or-later

// The snippets of a page: each is a program of its own, that prints what the block
// of text after it says.

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';

import {assert, assertEqual, run} from './tap.js';

const SNIPPET = /^```javascript\n([^]*?)^```\n\n```text\n([^]*?)^```$/gm;

const [page] = ARGV;
const [, contents] = Gio.File.new_for_path(page).load_contents(null);
const text = new TextDecoder().decode(contents);
const snippets = [...text.matchAll(SNIPPET)].map(([, program, output]) => [program, output]);
assert(snippets.length >= 6, 'there are too few snippets');
assertEqual(snippets.length, text.match(/^```javascript$/gm).length);

function runSnippet(program, output) {
    const folder = GLib.Dir.make_tmp('smartasync-page-XXXXXX');
    const path = GLib.build_filenamev([folder, 'snippet.js']);
    GLib.file_set_contents(path, program);
    try {
        const process = Gio.Subprocess.new(['gjs', '-m', path],
            Gio.SubprocessFlags.STDOUT_PIPE | Gio.SubprocessFlags.STDERR_MERGE);
        const [, printed] = process.communicate_utf8(null, null);
        assertEqual(printed, output);
        assert(process.get_successful());
    } finally {
        GLib.unlink(path);
        GLib.rmdir(folder);
    }
}

run('page', Object.fromEntries(snippets.map(([program, output], i) =>
    [`snippet-${i + 1}`, () => runSnippet(program, output)])));
