// SPDX-License-Identifier: LGPL-2.1-or-later

// bench-gjs.js [--json FILE] [--match TEXT] [--rounds N]
//
// Measures GJS beside GIO's functions as Gio._promisify() makes them. Each row's two
// sides are measured in turn in this process: a round is one measurement of ours and
// one of the peer's, the other way round every second time. The median of the rounds'
// ratios counts.

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import SmartAsync from 'gi://SmartAsync?version=1.0';
import System from 'system';

const MIN_ROUNDS = 7;

// A round's side runs at least this long, so that the clock does not show; in seconds.
const MIN_SIDE = 0.03;

// GJS before 1.81.90 may drop a callback in the middle of a collection, and who awaits it
// waits for ever: in seconds.
const DEADLINE = 5;

// What is called: a function of GIO's that goes to a thread, once.
const file = Gio.File.new_for_path('/proc/self/exe');
const QUERY = ['standard::size', Gio.FileQueryInfoFlags.NONE];

Gio._promisify(Gio.File.prototype, 'query_info_async');
const begin = Gio.File.prototype._original_query_info_async;

// The asynchronous form also for a sync caller: where GIO has a blocking one, of() takes that.
const asynchronous = SmartAsync.AsyncFunc.new(call => {
    begin.call(file, ...QUERY, GLib.PRIORITY_DEFAULT, call.get_cancellable(), (source, result) => {
        try {
            call.return_value(source.query_info_finish(result));
        } catch (error) {
            call.return_error(error);
        }
    });
});
const smart = SmartAsync.of(file);

// The sides: seconds for n calls.

function measureSync(call) {
    return n => {
        const begun = GLib.get_monotonic_time();
        for (let i = 0; i < n; i++)
            call();
        return (GLib.get_monotonic_time() - begun) / 1e6;
    };
}

function measureAwaited(call) {
    return n => {
        const loop = new GLib.MainLoop(null, false);
        const begun = GLib.get_monotonic_time();
        let failure = null;
        const end = error => {
            failure = error;
            loop.quit();
        };
        GLib.idle_add(GLib.PRIORITY_DEFAULT, () => {
            (async () => {
                for (let i = 0; i < n; i++)
                    await call();
            })().then(() => end(null), end);
            return GLib.SOURCE_REMOVE;
        });
        const deadline = GLib.timeout_add_seconds(GLib.PRIORITY_DEFAULT, DEADLINE, () => {
            end(new Error('a callback was dropped'));
            return GLib.SOURCE_CONTINUE;
        });
        loop.run();
        GLib.source_remove(deadline);
        if (failure)
            throw failure;
        return (GLib.get_monotonic_time() - begun) / 1e6;
    };
}

// Once more, where a callback was dropped.
function measureSide(side, n) {
    for (let attempt = 1; ; attempt++) {
        System.gc();
        try {
            return side(n) / n;
        } catch (error) {
            if (attempt === 3)
                throw error;
        }
    }
}

const promisified = measureAwaited(() => file.query_info_async(...QUERY, GLib.PRIORITY_DEFAULT, null));

const ROWS = [
    {
        what: 'GJS: sync call of an async GIO function',
        peer: 'promisified and awaited',
        ours: measureSync(() => asynchronous.call_sync(null, [], null)),
        theirs: promisified,
        target: 1.2,
    },
    {
        what: 'GJS: sync call of an async GIO function by its name',
        peer: 'promisified and awaited',
        ours: measureSync(() => smart.query_info(...QUERY, null)),
        theirs: promisified,
        target: null,
    },
    {
        what: 'GJS: async GIO function by its name, awaited',
        peer: 'promisified and awaited',
        ours: measureAwaited(() => smart.query_info(...QUERY, null)),
        theirs: promisified,
        target: null,
    },
];

// The rounds

function calibrate(side) {
    let n = 1;
    measureSide(side, n);
    for (;;) {
        const seconds = measureSide(side, n) * n;
        if (seconds >= MIN_SIDE)
            return n;
        n = seconds > MIN_SIDE / 100 ? Math.ceil(n * 1.2 * MIN_SIDE / seconds) : n * 10;
    }
}

function compare(a, b) {
    return a - b;
}

function median(numbers) {
    const sorted = [...numbers].sort(compare);
    const half = sorted.length >> 1;
    return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

function measure({what, peer, ours, theirs, target}, rounds) {
    const nOurs = calibrate(ours), nTheirs = calibrate(theirs);
    const sides = [() => measureSide(ours, nOurs), () => measureSide(theirs, nTheirs)];
    const pairs = Array.from({length: rounds}, (_, i) => {
        if (i % 2 === 0)
            return sides.map(side => side());
        const their = sides[1]();
        return [sides[0](), their];
    });
    const ratios = pairs.map(([our, their]) => our / their).sort(compare);
    const quarter = rounds >> 2;
    const ratio = median(ratios);
    return {
        what,
        peer,
        'ours_ns': median(pairs.map(([our]) => our)) * 1e9,
        'peer_ns': median(pairs.map(([, their]) => their)) * 1e9,
        ratio,
        target,
        spread: (ratios.at(-1 - quarter) - ratios[quarter]) / ratio,
    };
}

function show({what, peer, ratio, target, spread, ...times}) {
    const [our, their] = [times.ours_ns, times.peer_ns].map(ns => `${(ns / 1000).toFixed(2).padStart(10)} µs`);
    const verdict = target ? `${(ratio <= target ? 'reached' : 'missed').padEnd(8)} ${target}` : '';
    print(`${what.padEnd(58)} ${peer.padEnd(38)} ${our} ${their} ${ratio.toFixed(4).padStart(8)} ` +
        `±${(spread * 100).toFixed(0).padStart(3)} % ${verdict}`);
}

function readOptions(words) {
    const options = {json: null, match: '', rounds: MIN_ROUNDS};
    for (let i = 0; i < words.length; i += 2) {
        const name = words[i].replace(/^--/, '');
        if (!(name in options) || words[i + 1] === undefined)
            throw new Error(`usage: bench-gjs.js [--json FILE] [--match TEXT] [--rounds N], not ${words[i]}`);
        options[name] = words[i + 1];
    }
    return options;
}

const options = readOptions(ARGV);
const rounds = Math.max(Number(options.rounds), MIN_ROUNDS);
const rows = ROWS.filter(({what, peer}) => `${what}: ${peer}`.includes(options.match)).map(row => {
    const measured = measure(row, rounds);
    show(measured);
    return measured;
});
const targeted = rows.filter(({target}) => target);
print(`${targeted.filter(({ratio, target}) => ratio <= target).length} of ${targeted.length} targets reached`);
if (options.json)
    GLib.file_set_contents(options.json, JSON.stringify({rows}, null, 1));
