# SPDX-License-Identifier: LGPL-2.1-or-later

"""What the tests in Python share.

A test is a function with a name that says what it shows:

    @test('/contract/D1.a')
    def plain(): …

    main()

It runs on the main thread and on one of its own, and passes if it returns and nothing else
failed meanwhile: what is raised in a callback, in another thread, in a task that nobody looks at
or in a finaliser fails it as well. PyGObject, threading and asyncio only print those.

No test sleeps to wait for something: it waits at a gate, or iterates until something holds. Both
are bounded, and fail the test at their bound.
"""

import argparse
import asyncio
import contextlib
import faulthandler
import gc
import logging
import os
import subprocess
import sys
import threading
import time
import traceback
import warnings

import gi

gi.require_version('SmartAsync', '1.0')
from gi.repository import Gio, GLib, SmartAsync

# How long anything may take that is expected to happen, on a machine that does much else.
DEADLINE = 20

# How long a test may take in all; whoever needs more, says so.
TEST_DEADLINE = 60

THOROUGH = 'SMART_TEST_THOROUGH' in os.environ


# What failed where nobody could catch it

class Strays:
    """The exceptions that nobody but a hook has seen."""

    def __init__(self):
        self.lock = threading.Lock()
        self.seen = []

    def add(self, origin, error):
        with self.lock:
            self.seen.append((origin, error))

    def take(self):
        with self.lock:
            seen, self.seen = self.seen, []
        return seen

    def check(self):
        """Raises what was seen, as soon as somebody asks."""
        seen = self.take()
        if seen:
            origin, error = seen[0]
            raise AssertionError(f'{len(seen)} exceptions were only printed; the first one, in '
                                 f'{origin}: {error!r}') from error


strays = Strays()


class AsyncioHandler(logging.Handler):
    """asyncio logs what a task or a callback raised that nobody looks at."""

    def emit(self, record):
        error = record.exc_info[1] if record.exc_info else None
        strays.add('asyncio', error or AssertionError(record.getMessage()))


def catch_strays():
    def on_exception(_, error, __):
        strays.add('a callback', error)

    def on_unraisable(unraisable):
        what = f'{unraisable.err_msg or "finaliser"} {unraisable.object!r}'
        strays.add(what, unraisable.exc_value or AssertionError(what))

    def on_thread_exception(args):
        if args.exc_type is not SystemExit:
            strays.add(f'thread {args.thread}', args.exc_value)

    sys.excepthook = on_exception
    sys.unraisablehook = on_unraisable
    threading.excepthook = on_thread_exception
    logging.getLogger('asyncio').addHandler(AsyncioHandler(logging.ERROR))
    # "coroutine was never awaited", and what is left open.
    warnings.simplefilter('error', RuntimeWarning)
    warnings.simplefilter('error', ResourceWarning)


@contextlib.contextmanager
def expect_strays(kind, count=1):
    """What is within must have `count` exceptions of this kind printed, and no other one."""
    strays.check()
    yield
    seen = strays.take()
    forget_last_exception()
    wrong = [error for _, error in seen if not isinstance(error, kind)]
    assert not wrong and len(seen) == count, seen


def forget_last_exception():
    """PyErr_Print() keeps the exception, and all that its frames hold, alive for a debugger."""
    for name in ('last_exc', 'last_type', 'last_value', 'last_traceback'):
        if hasattr(sys, name):
            delattr(sys, name)


# Waiting

def get_deadline(seconds=DEADLINE):
    return time.monotonic() + seconds


class Gate:
    """Closed at first; once open, open for good."""

    def __init__(self):
        self.changed = threading.Condition()
        self.is_open = False
        self.n_waiting = 0

    def open(self):
        with self.changed:
            self.is_open = True
            self.changed.notify_all()

    def wait(self):
        with self.changed:
            self.n_waiting += 1
            self.changed.notify_all()
            try:
                assert self.changed.wait_for(lambda: self.is_open, DEADLINE), 'nobody opened the gate'
            finally:
                self.n_waiting -= 1

    def wait_for_waiters(self, n):
        with self.changed:
            assert self.changed.wait_for(lambda: self.n_waiting >= n, DEADLINE), \
                f'{self.n_waiting} of {n} came to the gate'


class Counter:
    """Counts, from any thread."""

    def __init__(self):
        self.changed = threading.Condition()
        self.value = 0
        self.highest = 0

    def add(self, n=1):
        with self.changed:
            self.value += n
            self.highest = max(self.highest, self.value)
            self.changed.notify_all()
            return self.value

    def wait_for(self, n):
        with self.changed:
            assert self.changed.wait_for(lambda: self.value >= n, DEADLINE), \
                f'it was {self.value}, never {n}'


def wait_until(predicate, what='it never came to be', seconds=DEADLINE):
    """For what no condition tells of: a process' figures."""
    deadline = get_deadline(seconds)
    while not predicate():
        strays.check()
        assert time.monotonic() < deadline, what
        time.sleep(0.001)


async def until(predicate, what='it never came to be', seconds=DEADLINE):
    """The same in a coroutine, whose loop goes on."""
    deadline = get_deadline(seconds)
    while not predicate():
        strays.check()
        assert time.monotonic() < deadline, what
        await SmartAsync.sleep(0.001)


async def iterate(n=10):
    """Has the loop dispatch what is ready, and what becomes so by that."""
    for _ in range(n):
        await asyncio.sleep(0)


# Contexts and loops

class Home:
    """A context of this thread whose loop runs when it is told to.

    On the main thread it is the default context. Between calls nobody owns it, so that the
    thread is in a sync context there.
    """

    def __init__(self, context=None):
        if context is None:
            context = GLib.MainContext.default() if on_main_thread() else GLib.MainContext.new()
        self.context = context

    @contextlib.contextmanager
    def pushed(self):
        if self.context == GLib.MainContext.default():
            yield
            return
        self.context.push_thread_default()
        try:
            yield
        finally:
            self.context.pop_thread_default()

    def attach(self, source, function):
        """Has `function` called by `source`, until it returns False."""
        source.set_callback(lambda *_: function())
        source.attach(self.context)
        return source

    def until(self, predicate, what='it never came to be', seconds=DEADLINE):
        """Iterates until `predicate` holds, be it by what another thread does."""
        deadline = get_deadline(seconds)
        # Not all that it may look at wakes this context up.
        ticking = self.attach(GLib.timeout_source_new(5), lambda: GLib.SOURCE_CONTINUE)
        try:
            with self.pushed():
                while not predicate():
                    strays.check()
                    assert time.monotonic() < deadline, what
                    self.context.iteration(True)
            strays.check()
        finally:
            ticking.destroy()

    def call(self, function, *args):
        """What `function` returns, called by a source of this context."""
        outcome = []

        def on_idle(*_):
            try:
                outcome.append((function(*args), None))
            except BaseException as error:
                outcome.append((None, error))
            return GLib.SOURCE_REMOVE

        source = GLib.idle_source_new()
        source.set_priority(GLib.PRIORITY_DEFAULT)
        source.set_name('test')
        source.set_callback(on_idle)
        source.attach(self.context)
        self.until(lambda: outcome, 'the source was never dispatched')
        result, error = outcome.pop()
        if error is not None:
            try:
                raise error
            finally:
                del error
        return result

    def settle(self, awaitable):
        """What comes of what a smart call in this context has returned."""
        self.until(lambda: is_done(awaitable), 'it never settled')
        return get_result(awaitable)

    def drain(self):
        """What is on its way here arrives, such as a cancellation."""
        with self.pushed():
            for _ in range(20):
                if not self.context.iteration(False):
                    break

    def run(self, function, *args):
        """What comes of a smart call made in a callback here."""
        return self.settle(self.call(function, *args))


def is_done(awaitable):
    if isinstance(awaitable, SmartAsync.Future):
        return awaitable.get_status() != SmartAsync.FutureStatus.PENDING
    return awaitable.done()


def get_result(awaitable):
    if isinstance(awaitable, SmartAsync.Future):
        return awaitable.get_value()[1]
    return awaitable.result()


def on_main_thread():
    return threading.current_thread() is threading.main_thread()


def _make_glib_loop():
    import gi.events
    # A loop of PyGObject's for the thread's own context.
    return gi.events.GLibEventLoop(GLib.MainContext.ref_thread_default())


def _make_uvloop():
    import uvloop
    return uvloop.new_event_loop()


def list_loops():
    """The makers of asyncio's loops that there are here."""
    makers = {'asyncio': asyncio.new_event_loop}
    if gi.version_info >= (3, 50):
        makers['glib'] = _make_glib_loop
    with contextlib.suppress(ImportError):
        import uvloop  # noqa: F401: whether there is one
        makers['uvloop'] = _make_uvloop
    return makers


LOOPS = list_loops()


def run_asyncio(function, *args, loop='asyncio'):
    """What the coroutine function returns, run by an asyncio loop, in bounded time."""
    async def bounded():
        return await asyncio.wait_for(function(*args), DEADLINE)

    # A loop of PyGObject's iterates the context that is this thread's default.
    home = Home() if loop == 'glib' else None
    with home.pushed() if home else contextlib.nullcontext():
        with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
            return runner.run(bounded())


# Threads and processes

def start_thread(function, *args):
    """A thread; `join()` gives what the function returned, or raises what it raised."""
    return Thread(function, args)


class Thread:
    def __init__(self, function, args):
        self.outcome = None
        self.thread = threading.Thread(target=self.run, args=(function, args), daemon=True)
        self.thread.start()

    def run(self, function, args):
        try:
            self.outcome = (function(*args), None)
        except BaseException as error:
            self.outcome = (None, error)

    def join(self, seconds=DEADLINE):
        self.thread.join(seconds)
        assert not self.thread.is_alive(), 'the thread never ended'
        result, error = self.outcome
        self.outcome = None
        if error is not None:
            try:
                raise error
            finally:
                del error
        return result


def on_threads(n, function):
    """What n threads return that call `function` with their number."""
    threads = [start_thread(function, i) for i in range(n)]
    return [thread.join() for thread in threads]


def run_python(code, *args, env=None, expected=0, seconds=DEADLINE):
    """What a process of its own prints, which must end as expected."""
    here = os.path.dirname(os.path.abspath(__file__))
    environment = {**os.environ, 'PYTHONPATH': os.pathsep.join(
        [here, *filter(None, [os.environ.get('PYTHONPATH')])]), **(env or {})}
    process = subprocess.run([sys.executable, '-X', 'faulthandler', '-c', code, *args],
                             capture_output=True, text=True, timeout=seconds, env=environment)
    assert process.returncode == expected, (process.returncode, process.stdout, process.stderr)
    return process


def count_fds():
    return len(os.listdir('/proc/self/fd'))


def count_threads():
    return len(os.listdir('/proc/self/task'))


def get_stat(name):
    return SmartAsync.async_get_stats().lookup_value(name, None).unpack()


# Errors

def expect_error(function, *args, code=None, domain=None):
    """The GLib.Error that it must raise."""
    try:
        result = function(*args)
    except GLib.Error as error:
        if code is not None:
            assert error.matches(domain or Gio.io_error_quark(), code), error
        return error
    raise AssertionError(f'there was no error, but {result!r}')


def expect_smart_error(function, *args, code):
    return expect_error(function, *args, code=code, domain=SmartAsync.error_quark())


def expect(kind, function, *args):
    """The exception of this kind that it must raise."""
    try:
        result = function(*args)
    except kind as error:
        return error
    raise AssertionError(f'there was no {kind.__name__}, but {result!r}')


def best_of_five(measure, bound):
    """A bound that the contract gives, in seconds, is judged by the best of five."""
    seen = []
    for _ in range(5):
        seen.append(measure())
        if seen[-1] <= bound:
            return
    raise AssertionError(f'{min(seen):.4f} s is more than {bound} s')


# Running

_tests = []


def test(path, main_only=False, seconds=TEST_DEADLINE):
    """Has the function run under this name, and the thread's."""
    def add(function):
        threads = ['main'] if main_only else ['main', 'thread']
        for thread in threads:
            _tests.append((f'{path}/{thread}', thread, function, seconds))
        return function
    return add


def _call(thread, function):
    if thread == 'main':
        function()
    else:
        start_thread(function).join(None)


def run_test(name, thread, function, seconds):
    """Whether it passes; says on standard error why not."""
    strays.take()
    # Says where every thread is, and ends the process.
    faulthandler.dump_traceback_later(seconds, exit=True)
    try:
        _call(thread, function)
        gc.collect()
        strays.check()
        return True
    except BaseException as error:
        print(f'# {name}', file=sys.stderr)
        traceback.print_exception(error)
        sys.stderr.flush()
        if isinstance(error, (KeyboardInterrupt, SystemExit)) and thread == 'main':
            raise
        return False
    finally:
        faulthandler.cancel_dump_traceback_later()
        forget_last_exception()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('-l', '--list', action='store_true', help='name the cases')
    parser.add_argument('-p', '--prefix', help='only the cases whose names begin so')
    arguments, _ = parser.parse_known_args()
    chosen = [case for case in _tests if not arguments.prefix or case[0].startswith(arguments.prefix)]
    if arguments.list:
        print(*(name for name, *_ in chosen), sep='\n')
        return

    catch_strays()
    print(f'1..{len(chosen)}', flush=True)
    failed = False
    for number, (name, *case) in enumerate(chosen, 1):
        passed = run_test(name, *case)
        failed = failed or not passed
        print(f'{"ok" if passed else "not ok"} {number} {name}', flush=True)
    sys.exit(failed)
