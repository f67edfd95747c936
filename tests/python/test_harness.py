#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The tests' own tools: what is broken is seen to be, whoever raises it."""

import functools
import itertools
import os
import subprocess
import sys
import time
from pathlib import Path

import harness
import leaks
from harness import Counter, Gate, Home, expect, run_python, start_thread, test

from gi.repository import GLib, SmartAsync

BROKEN = Path(__file__).parent / 'broken.py'


def list_cases():
    done = subprocess.run([sys.executable, BROKEN, '-l'], capture_output=True, text=True, check=True)
    return done.stdout.split()


def run_case(name):
    done = subprocess.run([sys.executable, BROKEN, '-p', name], capture_output=True, text=True,
                          timeout=harness.DEADLINE)
    assert done.returncode == 1, (name, done.returncode, done.stdout, done.stderr)
    assert done.stdout == f'1..1\nnot ok 1 {name}\n', (name, done.stdout, done.stderr)
    return done.stderr


def add_case(name):
    @test(f'/python/harness{name}', main_only=True)
    def fails():
        # And it says why.
        text = run_case(name)
        assert 'broken' in text or 'never awaited' in text, text


for case in list_cases():
    add_case(case)


@test('/python/harness/bounded')
def waits_are_bounded():
    home = Home()
    harness.DEADLINE = 0.05
    try:
        expect(AssertionError, Gate().wait)
        expect(AssertionError, Counter().wait_for, 1)
        expect(AssertionError, harness.wait_until, lambda: False, 'never', 0.05)
        expect(AssertionError, home.until, lambda: False, 'never', 0.05)
        expect(AssertionError, harness.run_asyncio, harness.until, lambda: False, 'never', 0.01)
    finally:
        harness.DEADLINE = 20


HANGS = '''
import threading
import harness
from harness import test

@test('/hangs', seconds=0.2)
def hangs():
    threading.Event().wait()

harness.main()
'''


@test('/python/harness/hang', main_only=True)
def a_hang_ends():
    begun = time.monotonic()
    process = run_python(HANGS, expected=1)
    assert time.monotonic() - begun < harness.DEADLINE
    # Where it hung.
    assert 'Timeout' in process.stderr and 'in hangs' in process.stderr, process.stderr
    assert 'ok' not in process.stdout


# What is left behind is seen to be

def leave_thread():
    gate = Gate()
    start_thread(gate.wait)
    gate.wait_for_waiters(1)
    return gate.open


def leave_call():
    """A coroutine in a context that nobody iterates any more."""
    home = Home(GLib.MainContext.new())
    future = home.call(SmartAsync.sleep, 1000)

    def end():
        future.cancel()
        home.drain()

    return end


# What leaves one of each kind, and gives what takes it away.
LEAVES = {
    'objects': lambda: SmartAsync.Future.new(None).cancel,
    'fds': lambda: open(os.devnull, 'rb').close,
    'threads': leave_thread,
    'inboxes': leave_call,
    'sources': lambda: functools.partial(GLib.source_remove,
                                         GLib.timeout_add_seconds(1000, lambda: None)),
}


def look_at(scenario):
    return leaks.look_at(('a scenario', 'main', scenario, harness.TEST_DEADLINE), rounds=2)


def add_leak(figure, leave):
    @test(f'/python/harness/leak/{figure}', main_only=True)
    def is_found():
        ends = []
        more = look_at(lambda: ends.append(leave()))
        assert figure in more, more
        for end in ends:
            end()
        # Not what is taken away again.
        more = look_at(lambda: leave()())
        assert not more, more


for case in LEAVES.items():
    add_leak(*case)


@test('/python/harness/leak/now-and-then', main_only=True)
def found_now_and_then():
    kept, numbers = [], itertools.count()
    assert 'objects' in look_at(lambda: next(numbers) % 2 and kept.append(LEAVES['objects']()))
    # What is made once and kept is none.
    kept.clear()
    assert not look_at(lambda: kept or kept.append(LEAVES['objects']()))


if __name__ == '__main__':
    harness.main()
