#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Tests that must fail, each in a way that nobody could catch: test_harness.py sees to it."""

import asyncio
import threading

import harness
from harness import Home, run_asyncio, test

from gi.repository import GLib, SmartAsync


@test('/broken/assertion')
def assertion():
    assert False, 'broken'


@test('/broken/idle')
def in_idle_callback():
    home = Home()
    seen = []

    def on_idle():
        seen.append(True)
        assert False, 'broken'

    home.attach(GLib.idle_source_new(), on_idle)
    # As a test does that only looks at whether it was called.
    home.context.iteration(True)
    assert seen


@test('/broken/ready')
def in_ready_callback():
    home = Home()
    seen = []

    def on_ready(func, result):
        seen.append(True)
        assert False, 'broken'

    func = SmartAsync.AsyncFunc.new_blocking(lambda call: call.return_int(7))
    home.call(func.call_async, None, [], None, on_ready)
    home.until(lambda: seen)


@test('/broken/notify')
def in_notify():
    def notify(future, *_):
        assert False, 'broken'

    future = SmartAsync.Future.new(None)
    future.add_notify(notify)
    future.resolve(7)


@test('/broken/body')
def in_raw_body():
    def body(call):
        call.return_int(7)
        assert False, 'broken'

    SmartAsync.AsyncFunc.new_blocking(body).call_sync(None, [], None)


@test('/broken/thread')
def in_thread():
    def run():
        assert False, 'broken'

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()


@test('/broken/task')
def in_task():
    async def fail():
        assert False, 'broken'

    async def in_loop():
        task = asyncio.create_task(fail())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        del task
    run_asyncio(in_loop)


@test('/broken/call-soon')
def in_call_soon():
    def fail():
        assert False, 'broken'

    async def in_loop():
        asyncio.get_running_loop().call_soon(fail)
        await asyncio.sleep(0.001)
    run_asyncio(in_loop)


@test('/broken/never-awaited')
def never_awaited():
    async def coroutine():
        pass
    coroutine()


@test('/broken/finaliser')
def in_finaliser():
    class Thing:
        def __del__(self):
            assert False, 'broken'
    Thing()


@test('/broken/glib-task')
def in_glib_task():
    @SmartAsync.smartasync
    async def fail():
        await SmartAsync.sleep(0)
        seen.append(True)
        assert False, 'broken'

    seen = []
    home = Home()
    # Nobody looks at what comes of it.
    home.call(lambda: fail() and None)
    home.until(lambda: seen)
    for _ in range(3):
        home.call(lambda: None)


if __name__ == '__main__':
    harness.main()
