# SPDX-License-Identifier: LGPL-2.1-or-later

"""What is left behind by a scenario: found by having it run again and again.

A scenario that has run before leaves nothing more. If it seems to, it runs many times more: what is
then left each time, or every few times, is a leak, and what is made once and kept is none.
"""

import asyncio
import collections
import functools
import gc
import os
import threading
import time
import types

import harness
from harness import THOROUGH, get_stat, test

from gi.repository import GLib, GObject, SmartAsync

# As the contract has it; or as often as a run by the way may take, with the run before that, and
# only once what takes long.
N_ROUNDS, SECONDS = (1000, 5) if THOROUGH else (2, 3600)
LONG = SECONDS if THOROUGH else 0.1

# To be sure: so often, and so many left are no coincidence.
N_MORE = 10
FEW = 3

# The figures that each of the clauses is about.
CLAUSES = {'a': ['objects', 'strays'], 'b': ['fds'], 'c': ['threads'],
           'd': ['contexts', 'inboxes', 'sources']}

# Of these, one that is left is suspicious. Of all others, such as lists, there are caches.
_OURS = (GObject.Object, GLib.MainContext, GLib.Source, asyncio.Future, asyncio.AbstractEventLoop,
         types.CoroutineType)


def _is_ours(kind):
    return issubclass(kind, _OURS) or kind.__module__.startswith('smartasync_glib')


def _count_objects():
    """How many there are of each type, but for those that there were at first."""
    return collections.Counter(type(each) for each in gc.get_objects()
                               if not isinstance(each, type))


def _count_threads():
    """Without those of pools, which come and go as they like: GLib's, and the library's own."""
    n = 0
    for thread in os.listdir('/proc/self/task'):
        try:
            with open(f'/proc/self/task/{thread}/comm', encoding='utf-8') as name:
                n += not name.read().startswith('pool')
        except (FileNotFoundError, ProcessLookupError):
            pass  # it has ended
    return n - get_stat('threads')


def _forget_foreign_threads():
    """Before 3.13, Python keeps what it has of a thread that it has not started."""
    for ident, thread in list(threading._active.items()):
        if isinstance(thread, threading._DummyThread):
            del threading._active[ident]


def next_source_id():
    """The numbers of the default context's sources only ever rise."""
    source = GLib.idle_source_new()
    number = source.attach(None)
    source.destroy()
    return number


class Left:
    """What the process holds."""

    def __init__(self, since):
        gc.collect()
        harness.forget_last_exception()
        _forget_foreign_threads()
        gc.collect()
        self.objects = _count_objects()
        context = GLib.MainContext.default()
        self.figures = {
            'fds': harness.count_fds(),
            'threads': _count_threads(),
            'contexts': get_stat('contexts'),
            'inboxes': get_stat('inboxes'),
            'sources': sum(context.find_source_by_id(number) is not None
                           for number in range(since, next_source_id())),
        }

    def more_than(self, before, few, many):
        """{figure: how much more}; of objects that are nothing special, it takes `many`."""
        more = {name: n - before.figures[name] for name, n in self.figures.items()
                if n - before.figures[name] >= few}
        objects = {kind.__name__: n - before.objects[kind] for kind, n in self.objects.items()
                   if n - before.objects[kind] >= (few if _is_ours(kind) else many)}
        return {**more, 'objects': objects} if objects else more


def _settle():
    """What is on its way here arrives."""
    context = GLib.MainContext.default()
    for _ in range(10):
        while context.pending():
            context.iteration(False)
    SmartAsync.reset_smartasync_cache()


def _run_often(case, rounds, seconds):
    """How often it ran: so often, or for so long if that is three times at least."""
    _, thread, function, _ = case
    end = time.monotonic() + seconds
    for number in range(1, rounds + 1):
        harness._call(thread, function)
        if number >= 3 and time.monotonic() > end:
            break
    return number


def _run_and_compare(case, rounds, seconds, few, share):
    """What there is more of afterwards."""
    _settle()
    since = next_source_id()
    before = Left(since)
    n = _run_often(case, rounds, seconds)
    # Threads that were joined, or that let go of a context, may be on their way out.
    deadline = harness.get_deadline(2)
    while True:
        _settle()
        more = Left(since).more_than(before, few, max(few + 1, n * share))
        if not more or time.monotonic() > deadline:
            return more


def _look(case, rounds, seconds):
    # What is made once and kept is not counted.
    begun = time.monotonic()
    harness._call(case[1], case[2])
    if time.monotonic() - begun > LONG:
        rounds = 1
    more = _run_and_compare(case, rounds, seconds, 1, 1)
    if more:
        more = _run_and_compare(case, max(N_MORE, rounds), seconds, FEW, 0.5)
    return more


def look_at(case, rounds=N_ROUNDS, seconds=SECONDS):
    """What the scenario leaves: {figure: how much}; None if it fails, which is for its own test to show."""
    more = None
    for _ in range(2):
        try:
            more = _look(case, rounds, seconds)
        except Exception as error:
            print(f'# {case[0]}: {error!r}', flush=True)
        strays = [error for _, error in harness.strays.take() if isinstance(error, ResourceWarning)]
        if strays:
            return {**(more or {}), 'strays': strays}
        if more is not None:
            break
    return more


def add_tests(list_cases, rest=''):
    """The clauses of Z1 for these scenarios: what they leave is found once for all of the clauses."""
    @functools.cache
    def find():
        """{scenario: what it leaves, or None}."""
        gc.collect()
        gc.freeze()  # what is there is not looked at each time
        return {case[0]: look_at(case) for case in list_cases()}

    def leaves_none(figures):
        seen = {name: more for name, more in find().items() if more is not None}
        found = [f'{name}: {figure} {more[figure]}' for name, more in seen.items()
                 for figure in figures if figure in more]
        assert not found, found
        # Some measure times, which others may spoil.
        assert len(seen) >= 0.95 * len(find()), len(seen)

    for clause, figures in CLAUSES.items():
        test(f'/contract/Z1.{clause}{rest}',
             seconds=36000 if THOROUGH else 450)(functools.partial(leaves_none, figures))
