#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later

"""What Python knows of a worker, from one body to the next."""

import asyncio
import contextvars
import threading

import harness
from harness import Counter, Gate, Home, run_asyncio, start_thread, test, until, wait_until

from gi.repository import Gio, GLib, SmartAsync

smartasync = SmartAsync.smartasync


class Told:
    """Tells when it is freed."""

    def __init__(self, freed):
        self.freed = freed

    def __del__(self):
        self.freed.append(threading.get_ident())


@test('/python/workers/kept-and-freed')
def kept():
    local = threading.local()
    idents, freed = set(), []

    @smartasync
    def body():
        if not hasattr(local, 'told'):
            local.told = Told(freed)
            idents.add(threading.get_ident())
        return threading.get_ident()

    pool = SmartAsync.Executor.new_pool('kept', 1)
    function = body.options(executor=pool)
    home = Home()
    assert {home.run(function) for _ in range(10)} == idents and len(idents) == 1
    assert freed == []

    # With the thread it ends, on it.
    pool.close()
    harness.wait_until(lambda: freed, 'what the thread has kept was not freed')
    assert freed == list(idents)


@test('/python/workers/bare')
def bare():
    # A body does not see what an earlier one has set.
    variable = contextvars.ContextVar('variable', default=0)
    seen = []

    def body():
        seen.append(variable.get())
        variable.set(1)

    def raw_body(call):
        body()
        call.return_none()

    pool = SmartAsync.Executor.new_pool('bare', 1)
    raw = SmartAsync.AsyncFunc.new_blocking(raw_body)
    raw.set_executor(pool)
    home = Home()
    for function in (smartasync(raw), smartasync(body).options(executor=pool)):
        seen.clear()
        for _ in range(3):
            home.run(function)
        assert seen == [0] * 3
    pool.close()


AT_THE_END = '''
import atexit

@atexit.register
def late():
    # Registered before the library's own handler, it is called after that.
    for name, call in calls.items():
        try:
            print(name, call())
        except GLib.Error as error:
            assert error.matches(SmartAsync.error_quark(), SmartAsync.Error.CLOSED), error
            print(name, 'refused')

import harness
from gi.repository import GLib, SmartAsync

@SmartAsync.smartasync
def blocking():
    return 7

@SmartAsync.smartasync
async def later():
    await SmartAsync.sleep(0.001)
    return 7

@SmartAsync.smartasync
async def offloading():
    return await blocking()

calls = {'def': blocking, 'async-def': later, 'nested': offloading,
         'deadline': blocking.options(timeout=60),
         'pool': blocking.options(executor=SmartAsync.Executor.new_pool('pool', 1)),
         'loop': later.options(executor=SmartAsync.Executor.new_loop('loop')),
         'aio': lambda: harness.run_asyncio(blocking)}
'''


@test('/python/workers/at-the-end', main_only=True)
def at_the_end():
    # Nobody waits for a thread that Python stops.
    process = harness.run_python(AT_THE_END)
    assert process.stderr == '', process.stderr
    assert process.stdout.split('\n') == ['def 7', 'async-def 7', 'nested refused', 'deadline refused',
                                          'pool refused', 'loop refused', 'aio refused', '']


DROPPED_AT_THE_END = '''
import atexit, ctypes

@atexit.register
def late():
    func = native.new_func(None, print)
    address = ctypes.c_void_p(hash(func))
    objects.g_object_ref(address)
    del func
    # The last reference, on a thread that Python does not know.
    thread = ctypes.c_void_p(glib.g_thread_new(b'stranger', objects.g_object_unref, address))
    glib.g_thread_join(thread)
    print('joined')

glib, objects = ctypes.CDLL('libglib-2.0.so.0'), ctypes.CDLL('libgobject-2.0.so.0')
glib.g_thread_new.restype = ctypes.c_void_p

import _smartasync_glib as native
from gi.repository import SmartAsync
SmartAsync.smartasync
'''


@test('/python/workers/dropped-at-the-end', main_only=True)
def dropped_at_the_end():
    # Nor is a thread stopped only to drop what C holds of Python's.
    process = harness.run_python(DROPPED_AT_THE_END)
    assert process.stderr == '', process.stderr
    assert process.stdout == 'joined\n', process.stdout


# A coroutine on a pool's thread, which awaits what runs in that pool

def run_in_pool(n_threads, act, *args):
    """What `act(pool, …)` gives, a coroutine function on one of the pool's threads."""
    pool = SmartAsync.Executor.new_pool('own', n_threads)

    async def outer():
        return await act(pool, *args)

    function = smartasync(outer).options(executor=pool)
    result = start_thread(function).join(), run_asyncio(function), Home().run(function)
    pool.close()
    assert result[0] == result[1] == result[2], result
    return result[0]


def get_ident():
    return threading.get_ident()


async def get_ident_later():
    loop = asyncio.get_running_loop()
    await SmartAsync.sleep(0.001)
    return threading.get_ident() if loop is asyncio.get_running_loop() else None


async def get_ident_of_task():
    return await asyncio.create_task(get_ident_later())


@test('/python/workers/own-pool')
def own_pool():
    async def call(pool, body, options):
        mine = threading.get_ident(), asyncio.get_running_loop()
        function = smartasync(body).options(executor=pool, **options)

        @smartasync
        async def call_it():
            return await function()

        idents = [await function(), await call_it(), *await asyncio.gather(function(), function()),
                  await asyncio.create_task(function.aio()), function.sync(),
                  await SmartAsync.SmartLock().run_once(function),
                  await SmartAsync.smartawait(function())]
        assert mine == (threading.get_ident(), asyncio.get_running_loop())
        return set(idents) == {mine[0]}

    for body in (get_ident, get_ident_later, get_ident_of_task):
        for options in ({}, {'timeout': 1000}, {'max_concurrency': 1},
                        {'abandon_on_cancel': True}):
            for n_threads in (1, 2):
                assert run_in_pool(n_threads, call, body, options), (body, options, n_threads)


@test('/python/workers/own-pool/not-from-elsewhere')
def not_own_pool():
    # What another pool runs, and what is called where that pool has no thread, goes there.
    async def call(pool):
        other = SmartAsync.Executor.new_pool('other', 1)
        idents = [await smartasync(body).options(executor=other)()
                  for body in (get_ident, get_ident_later)]
        other.close()
        return threading.get_ident() not in idents and idents[0] == idents[1]

    assert run_in_pool(1, call)


@test('/python/workers/own-pool/concurrent')
def concurrent():
    # In the loop's own task, what a coroutine waits for lets the loop go on.
    async def call(pool):
        first, second = asyncio.Event(), asyncio.Event()

        async def meet(mine, other):
            mine.set()
            await other.wait()
            return 7

        function = smartasync(meet).options(executor=pool)
        return await asyncio.gather(function(first, second), function(second, first))

    assert run_in_pool(1, call) == [7, 7]


@test('/python/workers/own-pool/threads')
def all_threads():
    # Each of the pool's threads has a coroutine that awaits a call of the pool's.
    pool = SmartAsync.Executor.new_pool('pair', 2)
    inside = Counter()
    function = smartasync(lambda n: n).options(executor=pool)

    async def outer(n):
        inside.add()
        inside.wait_for(2)
        return await function(n)

    async def main():
        return await asyncio.gather(*[smartasync(outer).options(executor=pool)(n)
                                      for n in range(2)])

    assert run_asyncio(main) == [0, 1]
    pool.close()


@test('/python/workers/own-pool/results')
def results():
    async def call(pool):
        def fail():
            raise KeyError(7)

        async def fail_later():
            await SmartAsync.sleep(0.001)
            raise KeyError(7)

        async def take_long():
            await SmartAsync.sleep(1000)

        seen = []
        for body in (fail, fail_later):
            try:
                await smartasync(body).options(executor=pool)()
            except KeyError as error:
                seen.append(error.args)
        try:
            await smartasync(take_long).options(executor=pool, timeout=0.01)()
        except GLib.Error as error:
            seen.append(error.code)
        return seen

    assert run_in_pool(1, call) == [(7,), (7,), Gio.IOErrorEnum.TIMED_OUT]


@test('/python/workers/own-pool/cancelled')
def cancelled():
    # Whoever is cancelled while such a call runs hears that.
    pool = SmartAsync.Executor.new_pool('own', 1)
    heard = []

    def block():
        inside.open()
        wait_until(Gio.Cancellable.get_current().is_cancelled)
        Gio.Cancellable.get_current().set_error_if_cancelled()

    async def block_later():
        inside.open()
        await SmartAsync.sleep(1000)

    for body in (block, block_later):
        inside = Gate()

        async def outer():
            try:
                await smartasync(body).options(executor=pool)()
            except asyncio.CancelledError:
                heard.append(body)
                raise

        async def main():
            task = asyncio.create_task(smartasync(outer).options(executor=pool).aio())
            await until(lambda: inside.is_open)
            task.cancel()
            await task

        try:
            run_asyncio(main)
            raise AssertionError('it was not cancelled')
        except asyncio.CancelledError:
            pass
    assert heard == [block, block_later]
    pool.close()


if __name__ == '__main__':
    harness.main()
