#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The contract's section Z: nothing is left behind, and the process ends in any state."""

import collections
import functools
import gc
import importlib
import random
import time

import harness
from harness import THOROUGH, count_fds, count_threads, get_stat, run_python, test

from gi.repository import GLib, GObject, SmartAsync

# Z1: every scenario, again and again

MODULES = ['contract_d', 'contract_m', 'contract_c', 'contract_e', 'contract_f', 'contract_l',
           'contract_w', 'contract_x', 'contract_b']

# Those with large counts run once, and those in processes of their own leave nothing here.
ONCE = {'freed_with_thread', 'thousand', 'released_at_home', 'no_false_alarm', 'eight_threads'}
IN_PROCESSES = {'plain', 'pop_too_many', 'sync_of_blocking_makes_nothing', 'fork_and_call',
                'fork_and_offload', 'nothing_at_load', 'inherited_is_abandoned', 'singletons_stay',
                'second_is_ignored', 'second_is_critical', 'interrupted', 'exits_in_flight',
                'prints_by_itself'}
# They last for as long as idle workers stay.
SLOW = {'idle_workers_end', 'executor_of_one_keeps_thread'}

# As the contract has it; or three times, and only what does not take long, for as long as a run by
# the way may take.
N_ROUNDS, SECONDS = (1000, 5) if THOROUGH else (3, 0)
LONGEST, IN_ALL = (3600, 36000) if THOROUGH else (0.5, 15)
AT_LEAST = 30


@functools.cache
def list_scenarios():
    """The tests of the other sections."""
    mine = list(harness._tests)
    for module in MODULES:
        importlib.import_module(module)
    scenarios = [case for case in harness._tests if case not in mine]
    harness._tests[:] = mine
    return scenarios


class Left:
    """What the process holds."""

    def __init__(self):
        gc.collect()
        harness.forget_last_exception()
        gc.collect()
        self.objects = collections.Counter(
            type(each).__name__ for each in gc.get_objects()
            if isinstance(each, GObject.Object) and not isinstance(each, type))
        self.fds = count_fds()
        self.threads = count_threads() - get_stat('threads')
        self.contexts = get_stat('contexts')
        self.inboxes = get_stat('inboxes')

    def more_than(self, before, kind):
        now, then = getattr(self, kind), getattr(before, kind)
        return now - then if kind == 'objects' else max(0, now - then)


def run_often(case, rounds, seconds):
    _, thread, function, _ = case
    end = time.monotonic() + seconds
    for number in range(rounds):
        harness._call(thread, function)
        if number >= 2 and time.monotonic() > end:
            break


KINDS = ('objects', 'fds', 'threads', 'contexts', 'inboxes')


def compare(case, rounds):
    """What the scenario leaves when it has run before: {kind: how much}."""
    settle()
    before = Left()
    run_often(case, rounds, SECONDS)
    settle()
    after = wait_for_less(before)
    return {kind: after.more_than(before, kind) for kind in KINDS}


def is_for_here(case):
    name = case[2].__name__
    return name not in IN_PROCESSES and (THOROUGH or name not in SLOW | ONCE)


def look_at(case):
    """What the scenario leaves, or None if that is not for now."""
    try:
        # What is made once and kept is not counted.
        warming = time.monotonic()
        harness._call(case[1], case[2])
        if time.monotonic() - warming > LONGEST:
            return None
        return compare(case, 1 if case[2].__name__ in ONCE else N_ROUNDS)
    except AssertionError as error:
        # Whether it passes is shown by its own test.
        print(f'# {case[0]}: {error}')
        return None


@functools.cache
def find_leaks():
    """{kind: [what each scenario has left of it]}, found once for all four clauses."""
    seed = random.randrange(2 ** 32)
    print(f'# seed {seed}', flush=True)
    cases = [case for case in list_scenarios() if is_for_here(case)]
    random.Random(seed).shuffle(cases)
    found = collections.defaultdict(list)
    begun, n_seen = time.monotonic(), 0
    for case in cases:
        if time.monotonic() - begun > IN_ALL:
            break
        left = look_at(case)
        n_seen += left is not None
        for kind, more in (left or {}).items():
            if more:
                found[kind].append(f'{case[0]}: {more}')
    print(f'# {n_seen} of {len(cases)} scenarios', flush=True)
    assert n_seen >= AT_LEAST
    return found


def settle():
    """What is on its way here arrives."""
    context = GLib.MainContext.default()
    for _ in range(10):
        while context.pending():
            context.iteration(False)
    SmartAsync.reset_smartasync_cache()


def wait_for_less(before):
    """Threads that were joined, or that let go of a context, may be on their way out."""
    deadline = harness.get_deadline(2)
    while True:
        after = Left()
        if not any(after.more_than(before, kind) for kind in KINDS) or time.monotonic() > deadline:
            return after
        settle()


def assert_none(*kinds):
    # The scenarios have threads of their own: here all that matters is what they left.
    left = [line for kind in kinds for line in find_leaks()[kind]]
    assert not left, left


LONG = 36000 if THOROUGH else 200


@test('/contract/Z1.a', seconds=LONG,
      todo='what comes where nobody iterates any more is not released')
def no_object():
    assert_none('objects')


@test('/contract/Z1.b', seconds=LONG,
      todo='what comes where nobody iterates any more is not released')
def no_fd():
    assert_none('fds')


@test('/contract/Z1.c', seconds=LONG)
def no_thread():
    assert_none('threads')


@test('/contract/Z1.d', seconds=LONG,
      todo='what comes where nobody iterates any more is not released')
def no_source():
    assert_none('contexts', 'inboxes')
    assert not GLib.MainContext.default().pending()


# Z2: in any state

PRELUDE = '''
import asyncio, os, sys, threading
import gi
gi.require_version('SmartAsync', '1.0')
from gi.repository import Gio, GLib, GObject, SmartAsync
smartasync = SmartAsync.smartasync

entered = threading.Semaphore(0)

@smartasync
def blocked():
    entered.release()
    threading.Event().wait()

@smartasync
def quick():
    return 7

@smartasync
async def pending():
    entered.release()
    await SmartAsync.sleep(1000)

@smartasync
async def later():
    await SmartAsync.sleep(0.001)
    return 7

def in_callback(function):
    """Calls it in a callback, and leaves the loop."""
    context = GLib.MainContext.new()
    result = []
    source = GLib.idle_source_new()
    source.set_callback(lambda *_: result.append(function()) and False)
    source.attach(context)
    while not result:
        context.iteration(True)
    # What it returned is kept to the end.
    kept.append((context, result))

kept = []

def run():
'''

STATES = {
    # (clause, what is run)
    'loaded': ('a', 'pass'),
    'types': ('a', 'SmartAsync.Future.new(None), SmartAsync.SmartLock(), SmartAsync.Executor.new_pool("p", 1)'),
    'sync': ('b', 'assert later() == 7 and quick() == 7'),
    'glib': ('b', 'in_callback(lambda: (later(), quick()))'),
    'asyncio': ('b', 'asyncio.run(later.aio()), asyncio.run(quick.aio())'),
    'reset': ('b', 'later(); SmartAsync.reset_smartasync_cache()'),
    'lock': ('b', 'SmartAsync.SmartLock().run_once(later)'),
    'threads': ('b', 'threads = [threading.Thread(target=later) for _ in range(8)]\n'
                     '    [t.start() for t in threads], [t.join() for t in threads]'),
    'gio': ('b', 'smartasync(Gio.File.new_for_path("/").query_info)("*", 0, 0, None)'),
    'pending': ('c', 'in_callback(pending); entered.acquire()'),
    'worker-blocked': ('c', 'in_callback(blocked); entered.acquire()'),
    'workers-blocked': ('c', 'in_callback(lambda: [blocked() for _ in range(40)])\n'
                             '    for _ in range(40): entered.acquire()'),
    'queued': ('c', 'in_callback(lambda: [blocked.options(max_concurrency=1)() for _ in range(9)])'),
    'future': ('c', 'kept.append(SmartAsync.Future.new(None))'),
    'thread-waits': ('c', 'threading.Thread(target=pending, daemon=True).start(); entered.acquire()'),
    'modes': ('c', 'SmartAsync.set_async(); SmartAsync.context_push_mode(SmartAsync.Mode.SYNC)'),
    'exit-in-blocking-body': ('c', 'smartasync(lambda: sys.exit(0))()'),
    'exit-in-callback': ('c', 'in_callback(lambda: os._exit(0))'),
    'lock-in-flight': ('c', 'lock = SmartAsync.SmartLock(); kept.append(lock)\n'
                            '    threading.Thread(target=lock.run_once, args=(blocked,), daemon=True).start()\n'
                            '    entered.acquire()'),
    'asyncio-left': ('c', 'loop = asyncio.new_event_loop()\n'
                          '    loop.run_until_complete(asyncio.wait([loop.create_task(pending.aio())], timeout=0.01))\n'
                          '    [t.cancel() for t in asyncio.all_tasks(loop)]\n'
                          '    loop.run_until_complete(asyncio.sleep(0.01)); loop.close()'),
}

END = '''
if 'thread' in sys.argv:
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
else:
    run()
'''


def add_state(name, clause, code):
    @test(f'/contract/Z2.{clause}/{name}')
    def end():
        where = 'main' if harness.on_main_thread() else 'thread'
        process = run_python(f'{PRELUDE}    {code}\n{END}', where,
                             env={'G_DEBUG': 'fatal-warnings'})
        assert process.stderr == process.stdout == '', process.stderr


for state, (clause, code) in STATES.items():
    add_state(state, clause, code)


if __name__ == '__main__':
    harness.main()
