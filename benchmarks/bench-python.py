#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Measures Python beside plain asyncio, asgiref and anyio.

Each row's two sides are measured in turn in this process: a round is one
measurement of ours and one of the peer's, the other way round every second
time. The median of the rounds' ratios counts.
"""

import argparse
import asyncio
import functools
import json
import os
import statistics
import sys
import threading
import time

import gi

gi.require_version('SmartAsync', '1.0')
from gi.repository import GLib, Gio, SmartAsync

try:
    import anyio.to_thread
except ImportError:
    anyio = None
try:
    from asgiref.sync import async_to_sync, sync_to_async
except ImportError:
    async_to_sync = sync_to_async = None
try:
    from gi.events import GLibEventLoop
except ImportError:
    GLibEventLoop = None

MIN_ROUNDS = 7

# A round's side runs at least this long, so that the clock does not show.
MIN_SIDE = 0.02

smartasync = SmartAsync.smartasync
loop = asyncio.new_event_loop()


# What is called

def nothing():
    return None


@functools.wraps(nothing)
def wrapped(*args, **kwargs):
    return nothing(*args, **kwargs)


async def at_once():
    return None


async def suspends_once():
    await asyncio.sleep(0)


smart_nothing = smartasync(nothing)
smart_at_once = smartasync(at_once)
smart_suspends_once = smartasync(suspends_once)
N_AT_ONCE = 1000


class Original:
    """What the Python original does where there is no loop and the function is a plain one."""

    def __init__(self):
        self.loops = {}

    @property
    def current(self):
        try:
            asyncio.get_running_loop()
            return None
        except RuntimeError:
            pass
        ident = threading.get_ident()
        found = self.loops.get(ident)
        if found is None or found.is_closed():
            found = self.loops[ident] = asyncio.new_event_loop()
        return found

    def wrap(self, function):
        is_coroutine = asyncio.iscoroutinefunction(function)

        @functools.wraps(function)
        def call(*args, **kwargs):
            running = self.current
            match (running is None, is_coroutine):
                case (False, False):
                    return function(*args, **kwargs)
                case (False, True):
                    return running.run_until_complete(function(*args, **kwargs))
        return call


original_nothing = Original().wrap(nothing)


# The sides: each takes how often to do it, and gives the seconds that it took

def side(function):
    """Of something that is called."""
    def run(n):
        begin = time.perf_counter()
        for _ in range(n):
            function()
        return time.perf_counter() - begin
    return run


def under_loop(function):
    """Of something that is awaited, one after the other."""
    async def repeat(n):
        begin = time.perf_counter()
        for _ in range(n):
            await function()
        return time.perf_counter() - begin
    return lambda n: loop.run_until_complete(repeat(n))


def all_at_once(function):
    async def gather(n):
        begin = time.perf_counter()
        for _ in range(n):
            await asyncio.gather(*[function() for _ in range(N_AT_ONCE)])
        return time.perf_counter() - begin
    return lambda n: loop.run_until_complete(gather(n))


def make_glib_side():
    glib_loop = GLibEventLoop(GLib.MainContext.new())
    return side(lambda: glib_loop.run_until_complete(suspends_once()))


def make_rows():
    """(what, the peer, our side, the peer's side, the ratio to reach, pinned to one core)"""
    never = 'Python: sync call of an async def that never suspends'
    yield (never, 'asyncio, a reused loop', side(smart_at_once),
           side(lambda: loop.run_until_complete(at_once())), 0.25, True)
    if async_to_sync is not None:
        peer = async_to_sync(at_once)
        yield never, 'asgiref async_to_sync', side(smart_at_once), side(peer), 0.005, True

    once = 'Python: sync call of an async def that suspends once'
    yield (once, 'asyncio, a reused loop', side(smart_suspends_once),
           side(lambda: loop.run_until_complete(suspends_once())), 2.0, True)
    if GLibEventLoop is not None:
        yield once, 'GLibEventLoop', side(smart_suspends_once), make_glib_side(), 0.25, True

    offloaded = {'asyncio.to_thread': lambda: asyncio.to_thread(nothing)}
    if sync_to_async is not None:
        offloaded['asgiref sync_to_async'] = sync_to_async(nothing, thread_sensitive=False)
    if anyio is not None:
        offloaded['anyio to_thread.run_sync'] = lambda: anyio.to_thread.run_sync(nothing)
    for name, peer in offloaded.items():
        for pinned in (True, False):
            where = 'one core' if pinned else 'all cores'
            yield (f'Python: offloaded def, one at a time, {where}', name,
                   under_loop(smart_nothing), under_loop(peer), 1.0, pinned)
            yield (f'Python: offloaded def, {N_AT_ONCE} at once, {where}', name,
                   all_at_once(smart_nothing), all_at_once(peer), 1.0, pinned)

    yield ('Python: sync call of a def', 'a plain call through functools.wraps',
           side(smart_nothing), side(wrapped), 8.0, True)
    yield ('Python: sync call of a def', 'the Python original', side(smart_nothing),
           side(original_nothing), 0.9, True)

    file = Gio.File.new_for_path(__file__)
    load = smartasync(file.load_contents)
    yield ('Python: sync call of a GIO pair, a small file', 'its blocking function',
           side(lambda: load(None)), side(lambda: file.load_contents(None)), 0, True)


# Measuring

def set_place(pinned, cores):
    wanted = {max(cores)} if pinned else cores
    for task in os.listdir('/proc/self/task'):
        try:
            os.sched_setaffinity(int(task), wanted)
        except ProcessLookupError:
            pass


def calibrate(run):
    """Until it is warm, and how often it has to run for a round."""
    n, took = 1, run(1)
    while took < MIN_SIDE:
        n *= 8 if took < MIN_SIDE / 16 else 2
        took = run(n)
    return n


def measure(ours, peer, rounds):
    n_ours, n_peer = calibrate(ours), calibrate(peer)
    times = []
    for i in range(rounds):
        if i % 2:
            theirs = peer(n_peer) / n_peer
            times.append((ours(n_ours) / n_ours, theirs))
        else:
            own = ours(n_ours) / n_ours
            times.append((own, peer(n_peer) / n_peer))
    ratios = sorted(own / theirs for own, theirs in times)
    quarter = len(ratios) // 4
    return (statistics.median(own for own, _ in times),
            statistics.median(theirs for _, theirs in times),
            statistics.median(ratios),
            (ratios[-1 - quarter] - ratios[quarter]) / statistics.median(ratios))


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('-r', '--rounds', type=int, default=MIN_ROUNDS)
    parser.add_argument('-m', '--match', default='', help='only rows with this in their name')
    parser.add_argument('-p', '--peer', default='', help='only rows beside this')
    parser.add_argument('-j', '--json', help='write the rows to this file')
    options = parser.parse_args()

    cores = os.sched_getaffinity(0)
    rows = []
    for what, name, ours, peer, target, pinned in make_rows():
        if options.match not in f'{what}: {name}' or options.peer not in name:
            continue
        set_place(pinned, cores)
        own, theirs, ratio, spread = measure(ours, peer, max(options.rounds, MIN_ROUNDS))
        rows.append({'what': what, 'peer': name, 'ours_ns': own * 1e9, 'peer_ns': theirs * 1e9,
                     'ratio': ratio, 'target': target, 'spread': spread})
        verdict = '' if not target else f'{"reached" if ratio <= target else "missed ":8} {target:g}'
        print(f'{what:58} {name:38} {own * 1e6:10.2f} µs {theirs * 1e6:10.2f} µs '
              f'{ratio:8.4f} ±{spread * 100:3.0f} % {verdict}', flush=True)
    set_place(False, cores)

    with_target = [row for row in rows if row['target']]
    n_reached = sum(row['ratio'] <= row['target'] for row in with_target)
    print(f'{n_reached} of {len(with_target)} targets reached')
    if options.json:
        with open(options.json, 'w', encoding='utf-8') as file:
            json.dump({'rows': rows}, file, indent=1)


sys.exit(main())
