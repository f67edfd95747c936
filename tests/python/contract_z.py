#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The contract's section Z: nothing is left behind, and the process ends in any state."""

import contextlib
import importlib

import harness
import leaks
from harness import THOROUGH, run_python, test

# Z1: every scenario, again and again

MODULES = ['contract_d', 'contract_m', 'contract_c', 'contract_c_services', 'contract_e', 'contract_f',
           'contract_l', 'contract_w', 'contract_x', 'contract_b']

# Those with large counts, and those that last; only for a thorough run.
SLOW = {'freed_with_thread', 'thousand', 'released_at_home', 'no_false_alarm', 'eight_threads',
        'idle_workers_end', 'executor_of_one_keeps_thread'}
# They run in processes of their own, and leave nothing here.
IN_PROCESSES = {'plain', 'pop_too_many', 'sync_of_blocking_makes_nothing', 'fork_and_call',
                'fork_and_offload', 'nothing_at_load', 'inherited_is_abandoned', 'singletons_stay',
                'second_is_ignored', 'second_is_critical', 'interrupted', 'exits_in_flight',
                'prints_by_itself'}


def list_scenarios():
    """The tests of the other sections."""
    mine = list(harness._tests)
    for module in MODULES:
        with contextlib.suppress(ValueError):  # a namespace is not there
            importlib.import_module(module)
    scenarios = [case for case in harness._tests if case not in mine]
    harness._tests[:] = mine
    assert len(scenarios) > 400
    return [case for case in scenarios
            if THOROUGH or case[2].__name__ not in SLOW | IN_PROCESSES]


leaks.add_tests(list_scenarios)


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
