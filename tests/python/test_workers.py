#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later

"""What Python knows of a worker, from one body to the next."""

import contextvars
import threading

import harness
from harness import Home, test

from gi.repository import SmartAsync

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


if __name__ == '__main__':
    harness.main()
