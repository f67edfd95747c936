#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The contract's section C: whose main context is iterated."""

import asyncio
import gc
import weakref

import cells
import harness
from cells import KINDS
from harness import (Counter, Gate, Home, count_fds, count_threads, expect_error, get_stat,
                     on_threads, run_asyncio, run_python, start_thread, test)

from gi.repository import Gio, GLib, SmartAsync

smartasync = SmartAsync.smartasync
CURRENT = SmartAsync.MainContextPolicy.CURRENT
Func = SmartAsync.AsyncFunc


def later(act):
    """An asynchronous function, by the plain API: `act` is given the call."""
    def begin(call):
        result = act(call)

        def on_timeout():
            call.return_int(result if isinstance(result, int) else 7)
            return GLib.SOURCE_REMOVE
        call.add_timeout(1, on_timeout)
    return Func.new(begin)


@smartasync
async def suspended():
    await SmartAsync.sleep(0.001)
    return 7


def call_sync(func):
    ok, result = func.call_sync(None, [], None)
    assert ok
    return result


# C1: a thread's own

@test('/contract/C1.a')
def same_context():
    contexts, loops = [], []

    def note(call):
        contexts.append(call.get_context())
        assert GLib.MainContext.get_thread_default() == call.get_context()

    def nested(call):
        note(call)
        call_sync(later(note))

    for _ in range(3):
        call_sync(later(nested))
    outer, inner = contexts[0], contexts[1]
    assert outer != inner
    assert contexts == [outer, inner] * 3
    assert outer != GLib.MainContext.default()
    assert start_thread(lambda: call_sync(later(note)) and contexts[-1] != outer).join()

    # What asyncio's own things need is kept likewise.
    @smartasync
    async def look():
        await SmartAsync.sleep(0.001)
        loops.append(asyncio.get_running_loop())

    for _ in range(3):
        look()
    assert loops[0] is loops[1] is loops[2]


@test('/contract/C1.b')
def none_for_blocking():
    def look():
        before = get_stat('contexts-created')
        for make in cells.BLOCKING_KINDS.values():
            assert make(lambda n: n)(7) == 7
        return get_stat('contexts-created') - before

    assert look() == 0
    assert start_thread(look).join() == 0


@test('/contract/C1.c', seconds=120)
def freed_with_thread():
    func = later(lambda call: 7)

    def use():
        assert call_sync(func) == 7
        assert suspended() == 7

    on_threads(4, lambda _: use())
    gc.collect()
    n_fds, n_contexts, n_threads = count_fds(), get_stat('contexts'), count_threads()
    for _ in range(100):
        on_threads(10, lambda _: use())
    gc.collect()
    # A thread that has been joined may still be on its way out.
    harness.wait_until(lambda: count_threads() <= n_threads)
    harness.wait_until(lambda: count_fds() <= n_fds, 'descriptors were left')
    harness.wait_until(lambda: get_stat('contexts') <= n_contexts, 'contexts were left')


# C2, C3: what else runs meanwhile

class Busy:
    """A source of the application's that is always ready."""

    def __init__(self, context, priority=GLib.PRIORITY_HIGH):
        self.n = 0
        self.source = GLib.idle_source_new()
        self.source.set_priority(priority)
        self.source.set_callback(self.on_ready)
        self.source.attach(context)

    def on_ready(self, *_):
        self.n += 1
        return GLib.SOURCE_CONTINUE


@test('/contract/C2.a')
def nothing_dispatched():
    busy = [Busy(GLib.MainContext.default())]
    own = GLib.MainContext.new()
    own.push_thread_default()
    busy.append(Busy(own))
    try:
        for name, make in KINDS.items():
            function = make(lambda n: n)
            assert function.sync(7) == 7
            for source in busy:
                assert source.n == 0, name
        assert call_sync(later(lambda call: 7)) == 7
        file = Gio.File.new_for_path(__file__)
        assert smartasync(file.load_contents).sync(None)[0]
        assert [source.n for source in busy] == [0, 0]
    finally:
        own.pop_thread_default()
        for source in busy:
            source.source.destroy()


@test('/contract/C3.a')
def current_is_iterated():
    home = Home()

    def note(call):
        contexts.append(call.get_context())

    with home.pushed():
        contexts = []
        func = later(note)
        func.set_main_context_policy(CURRENT)
        assert call_sync(func) == 7
        assert contexts == [home.context]

    seen = []

    @smartasync
    async def look():
        seen.append(GLib.MainContext.ref_thread_default() == home.context)
        await SmartAsync.sleep(0.001)
        seen.append(home.context.is_owner())

    with home.pushed():
        look.options(context=CURRENT).sync()
    assert seen == [True, True]


@test('/contract/C3.b')
def current_runs_sources():
    home = Home()
    with home.pushed():
        # Not so busy that nobody else has a turn.
        busy = Busy(home.context, GLib.PRIORITY_DEFAULT)
        func = later(lambda call: 7)
        func.set_main_context_policy(CURRENT)
        assert call_sync(func) == 7
        assert busy.n > 0
        busy.n = 0
        assert suspended.options(context=CURRENT).sync() == 7
        assert busy.n > 0
        busy.source.destroy()


# C4: what is left over

class Left:
    """Something that a body leaves behind in its context."""

    def __init__(self, once):
        self.n = 0
        self.once = once
        self.source = GLib.idle_source_new()
        self.source.set_callback(self.on_ready)

    def on_ready(self, *_):
        self.n += 1
        return not self.once

    def body(self, call):
        self.source.attach(call.get_context())
        call.return_int(7)


@test('/contract/C4.a')
def left_is_drained():
    late, busy = Left(True), Left(False)
    assert call_sync(Func.new(late.body)) == 7
    assert late.n == 1
    assert call_sync(Func.new(busy.body)) == 7
    assert 0 < busy.n < 1000
    busy.source.destroy()

    # Of an async def: a task that it leaves behind.
    steps = []

    async def leftover():
        for n in range(3):
            steps.append(n)
            await asyncio.sleep(0)

    @smartasync
    async def leave():
        await SmartAsync.sleep(0.001)
        tasks.append(asyncio.create_task(leftover()))

    tasks = []
    leave()
    assert steps, 'the task never had a turn'
    tasks.pop().cancel()
    suspended()


@test('/contract/C4.b')
def left_goes_on():
    busy = Left(False)
    assert call_sync(Func.new(busy.body)) == 7
    n = busy.n
    assert call_sync(later(lambda call: 7)) == 7
    assert busy.n > n
    busy.source.destroy()

    # A task that waits for something of its own is there at the next call.
    steps = []

    @smartasync
    async def leave():
        gate = asyncio.Event()

        async def leftover():
            await gate.wait()
            steps.append('done')

        await SmartAsync.sleep(0.001)
        return asyncio.create_task(leftover()), gate

    @smartasync
    async def next_call(task, gate):
        gate.set()
        await task

    left = leave()
    assert not steps
    next_call(*left)
    assert steps == ['done']


# C5: reset

def leave_token(context):
    """Dies with the context that it is left in."""
    class Token:
        pass

    token = Token()
    source = GLib.timeout_source_new(1000 * 1000)
    source.set_callback(lambda *_, kept=token: True)
    source.attach(context)
    return weakref.ref(token)


def call_with_token(reset=None):
    tokens = []

    def leave(call):
        tokens.append(leave_token(call.get_context()))
        if reset is not None:
            reset(tokens[0])
    assert call_sync(later(leave)) == 7
    return tokens[0]


@test('/contract/C5.a')
def reset_frees_idle():
    for reset in (SmartAsync.async_reset, SmartAsync.reset_smartasync_cache):
        token = call_with_token()
        gc.collect()
        assert token() is not None
        reset()
        gc.collect()
        assert token() is None
    # And the loop that this thread kept.
    assert suspended() == 7
    n_fds = count_fds()
    SmartAsync.reset_smartasync_cache()
    gc.collect()
    assert count_fds() < n_fds
    assert suspended() == 7


def run_other(reset_again):
    """Another thread's context, across a reset here."""
    called, go_on, ended = Gate(), Gate(), Gate()
    tokens = []

    def other():
        tokens.append(call_with_token())
        called.open()
        go_on.wait()
        if reset_again:
            assert call_sync(later(lambda call: 7)) == 7
            gc.collect()
            assert tokens[0]() is None
            ended.wait()

    thread = start_thread(other)
    called.wait()
    SmartAsync.async_reset()
    gc.collect()
    assert tokens[0]() is not None
    go_on.open()
    ended.open()
    thread.join()
    gc.collect()
    harness.wait_until(lambda: tokens[0]() is None)


@test('/contract/C5.b')
def others_free_at_borrow():
    run_other(True)


@test('/contract/C5.c')
def others_free_at_exit():
    run_other(False)


@test('/contract/C5.d')
def in_use_is_not_touched():
    def reset(token):
        SmartAsync.async_reset()
        SmartAsync.reset_smartasync_cache()
        start_thread(SmartAsync.async_reset).join()
        gc.collect()
        assert token() is not None
        assert call_sync(later(lambda call: 7)) == 7

    call_with_token(reset)

    @smartasync
    async def reset_in_the_middle():
        await SmartAsync.sleep(0.001)
        SmartAsync.reset_smartasync_cache()
        await SmartAsync.sleep(0.001)
        return suspended.sync() + 1

    assert reset_in_the_middle() == 8
    for loop in harness.LOOPS:
        assert run_asyncio(lambda: reset_in_the_middle(), loop=loop) == 8


def reset_beside_eight():
    busy = Counter()
    done = []

    def work(i):
        busy.add()
        for n in range(60):
            assert call_sync(later(lambda call: 7)) == 7
            assert suspended() == 7
            if n % 10 == 0:
                SmartAsync.async_reset()
        busy.add(-1)
        return i

    def reset():
        busy.wait_for(1)
        while not done:
            SmartAsync.async_reset()
            SmartAsync.reset_smartasync_cache()

    resetting = start_thread(reset)
    try:
        return on_threads(8, work)
    finally:
        done.append(True)
        resetting.join()


@test('/contract/C5.e')
def reset_loses_nothing():
    assert reset_beside_eight() == list(range(8))


@test('/contract/C5.f')
def reset_hangs_nothing():
    # That it ends in time is what is shown; and that everything goes on afterwards.
    reset_beside_eight()
    assert suspended() == 7
    assert Home().run(suspended) == 7


# C6: the thread-default context

def get_default():
    return GLib.MainContext.get_thread_default()


@test('/contract/C6.a')
def default_stays():
    before = get_default()
    for name, make in KINDS.items():
        make(lambda n: n)(7)
        assert get_default() == before, name
        home = Home()

        def in_callback():
            here = get_default()
            task = make(lambda n: n)(7)
            assert get_default() == here, name
            assert make(lambda n: n).sync(7) == 7
            assert get_default() == here, name
            return task

        home.run(in_callback)
        assert get_default() == before, name
    own = GLib.MainContext.new()
    own.push_thread_default()
    for make in KINDS.values():
        make(lambda n: n).sync(7)
        assert get_default() == own
    own.pop_thread_default()


@test('/contract/C6.b')
def default_stays_on_every_path():
    def fail(n):
        raise GLib.Error.new_literal(Gio.io_error_quark(), 'no', Gio.IOErrorEnum.NOT_FOUND)

    cancelled = Gio.Cancellable()
    cancelled.cancel()
    before = get_default()
    for name, make in KINDS.items():
        expect_error(make(fail), 7, code=Gio.IOErrorEnum.NOT_FOUND)
        assert get_default() == before, name
        expect_error(make(lambda n: n).options(cancellable=cancelled), 7,
                     code=Gio.IOErrorEnum.CANCELLED)
        assert get_default() == before, name
    expect_error(suspended_for_long.options(timeout=0.01), code=Gio.IOErrorEnum.TIMED_OUT)
    assert get_default() == before
    harness.expect(KeyError, raise_key_error)
    assert get_default() == before


@smartasync
async def suspended_for_long():
    await SmartAsync.sleep(1000)


@smartasync
async def raise_key_error():
    await SmartAsync.sleep(0.001)
    raise KeyError('x')


# C8: fork

FORK = '''
import os, sys, threading
import harness
from harness import Home, count_threads, get_stat, start_thread
import gi
from gi.repository import GLib, SmartAsync
smartasync = SmartAsync.smartasync

@smartasync
async def later(n):
    await SmartAsync.sleep(0.001)
    return n + 1

@smartasync
def blocking(n):
    return n + 1, threading.get_ident()

@smartasync
async def offloads(n):
    result, thread = await blocking(n)
    assert thread != threading.get_ident()
    return result

def use_sync():
    assert later(1) == 2
    assert blocking(1)[0] == 2

def use_offloaded():
    # A loop of its own: what was inherited of the default one may be anywhere.
    assert offloads(1) == 2
    home = Home(GLib.MainContext.new())
    result, thread = home.run(blocking, 1)
    assert result == 2 and thread != threading.get_ident()
    assert harness.run_asyncio(offloads, 1) == 2

def in_child(function):
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            function()
            status = 0
        except BaseException:
            import traceback
            traceback.print_exc()
        finally:
            os._exit(status)
    _, status = os.waitpid(pid, 0)
    assert status == 0, status

def wait_for_idle():
    # No other thread is in the library then.
    harness.wait_until(lambda: get_stat('threads') == get_stat('threads-idle'))

def run():
    if 'used' in sys.argv:
        use_sync()
        use_offloaded()
        wait_for_idle()
    in_child(use_sync if 'sync' in sys.argv else use_offloaded)
    in_child(lambda: in_child(use_offloaded))
    # And here all is as it was.
    use_sync()
    use_offloaded()
    wait_for_idle()
    in_child(use_offloaded)

if 'thread' in sys.argv:
    start_thread(run).join()
else:
    run()
'''


def run_fork(*args):
    where = 'main' if harness.on_main_thread() else 'thread'
    # CPython warns of a fork in a process with threads.
    run_python(FORK, where, *args, env={'PYTHONWARNINGS': 'ignore::DeprecationWarning'})


@test('/contract/C8.a')
def fork_and_call():
    run_fork('sync')
    run_fork('sync', 'used')


@test('/contract/C8.b')
def fork_and_offload():
    run_fork('offload')
    run_fork('offload', 'used')


@test('/contract/C8.c')
def nothing_at_load():
    # What PyGObject makes when it is imported is its own, and so is what libffi keeps open, which
    # ctypes uses.
    run_python('import ctypes, gi, os\n'
               'from gi.repository import GLib, GObject, Gio\n'
               'GLib.MainContext.default()\n'
               'count = lambda: (len(os.listdir("/proc/self/task")), len(os.listdir("/proc/self/fd")))\n'
               'before = count()\n'
               'gi.require_version("SmartAsync", "1.0")\n'
               'from gi.repository import SmartAsync\n'
               '@SmartAsync.smartasync\n'
               'def f(): return 7\n'
               'assert f() == 7\n'
               'SmartAsync.Future.new(None), SmartAsync.Lock()\n'
               'stats = SmartAsync.async_get_stats().unpack()\n'
               'assert stats["threads-created"] == stats["contexts-created"] == 0, stats\n'
               'assert count()[0] == before[0], (before, count())\n'
               # The hook for SIGINT may have a pipe of its own.
               'assert count()[1] <= before[1] + 2, (before, count())')


ABANDONED = '''
import os, sys, gc, weakref
import harness
from harness import Home, start_thread
from gi.repository import GLib, SmartAsync

finalised = []

class Kept:
    def __del__(self):
        finalised.append(os.getpid())

def run():
    home = Home(GLib.MainContext.new())
    func = SmartAsync.AsyncFunc.new(lambda call, kept: waiting.append(call), Kept())
    waiting = []
    future = home.call(func.callv, None, [], None)
    pid = os.fork()
    if pid == 0:
        # What the parent has in flight is neither settled nor freed here.
        ok = not finalised and future.get_status() == SmartAsync.FutureStatus.PENDING
        SmartAsync.async_reset()
        gc.collect()
        os._exit(0 if ok and not finalised else 1)
    assert os.waitpid(pid, 0)[1] == 0
    waiting.pop().return_int(7)
    home.until(lambda: harness.is_done(future))
    assert future.get_int() == 7

if 'thread' in sys.argv:
    start_thread(run).join()
else:
    run()
'''


@test('/contract/C8.d')
def inherited_is_abandoned():
    run_python(ABANDONED, 'main' if harness.on_main_thread() else 'thread',
               env={'PYTHONWARNINGS': 'ignore::DeprecationWarning'})


# A child that ends in the ordinary way, of a parent whose loops are idle: they are woken up afterwards.
IDLE_LOOPS = '''
import asyncio, os, sys, threading
import harness
from harness import Gate, start_thread
from gi.repository import SmartAsync

@SmartAsync.smartasync
async def is_woken_up():
    return await asyncio.wait_for(asyncio.to_thread(lambda: 7), harness.DEADLINE)

def use_twice(forked):
    assert is_woken_up() == 7
    used.open()
    forked.wait()
    assert is_woken_up() == 7

forked, used = Gate(), Gate()
other = start_thread(use_twice, forked)
used.wait()
assert is_woken_up() == 7
pid = os.fork()
if pid == 0:
    sys.exit(is_woken_up() - 7)
assert os.waitpid(pid, 0)[1] == 0
forked.open()
other.join()
assert is_woken_up() == 7
'''


@test('/contract/C8.d', main_only=True)
def idle_loops_are_abandoned():
    run_python(IDLE_LOOPS, env={'PYTHONWARNINGS': 'ignore::DeprecationWarning'})


# C10: GIO's singletons

MONITOR = '''
import ctypes, fcntl, os, socket, struct, sys, threading
import harness
from harness import Home, start_thread
from services import LineServer, serve
from gi.repository import Gio, GLib, SmartAsync

CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
SIOCGIFFLAGS, SIOCSIFFLAGS, SIOCADDRT = 0x8913, 0x8914, 0x890b
IFF_UP = 1
libc = ctypes.CDLL(None, use_errno=True)

def enter_network():
    """A network of this process' own, with nothing but a loopback device."""
    if libc.unshare(CLONE_NEWNET) != 0:
        if libc.unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0:
            print('skip')
            sys.exit(0)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        request = fcntl.ioctl(s, SIOCGIFFLAGS, struct.pack('16sh14x', b'lo', 0))
        flags = struct.unpack('16sh14x', request)[1]
        fcntl.ioctl(s, SIOCSIFFLAGS, struct.pack('16sh14x', b'lo', flags | IFF_UP))

def add_route():
    name = ctypes.create_string_buffer(b'lo')
    address = struct.pack('=HH4s8x', socket.AF_INET, 0, bytes(4))
    # A struct rtentry.
    entry = struct.pack('@L16s16s16sHhLPhPLLH', 0, address, bytes(16), address, 1, 0, 0, 0, 0,
                        ctypes.addressof(name), 0, 0, 0)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        fcntl.ioctl(s, SIOCADDRT, entry)

@SmartAsync.smartasync
async def connect(port):
    client = Gio.SocketClient()
    connect = SmartAsync.smartasync(client.connect_to_host)
    connection = await connect('127.0.0.1', port, None)
    connection.close(None)
    Gio.NetworkMonitor.get_default()

def run():
    seen = []
    own = 'own-context' in sys.argv
    with serve(LineServer()) as port:
        if own:
            context = GLib.MainContext.new()
            context.push_thread_default()
        # A raw body, and an async def.
        connect.sync(port)
        if own:
            context.pop_thread_default()
    def on_changed(*_):
        assert GLib.MainContext.default().is_owner()
        seen.append(threading.get_ident())
    monitor = Gio.NetworkMonitor.get_default()
    assert type(monitor).__name__.endswith('Netlink'), monitor
    monitor.connect('network-changed', on_changed)
    add_route()
    Home(GLib.MainContext.default()).until(lambda: seen)

enter_network()
if 'thread' in sys.argv:
    start_thread(run).join()
else:
    run()
print('shown')
'''


@test('/contract/C10.a')
def singletons_stay():
    where = 'main' if harness.on_main_thread() else 'thread'
    for own in ((), ('own-context',)):
        process = run_python(MONITOR, where, *own, env={'GIO_USE_NETWORK_MONITOR': 'netlink',
                                                        'GIO_USE_PROXY_RESOLVER': 'dummy'})
        assert process.stdout == 'shown\n', 'a network of its own may not be made here'


if __name__ == '__main__':
    harness.main()
