# SPDX-License-Identifier: LGPL-2.1-or-later

"""Typical uses, and what a type checker must make of each: see contract_m_types.py. It is never run."""

import asyncio
import sys
from collections.abc import Coroutine
from typing import List, Union

from typing_extensions import assert_type

import gi

gi.require_version('SmartAsync', '1.0')
from gi.repository import Gio, SmartAsync
from gi.repository.SmartAsync import smartasync


# Functions

@smartasync
def load(path: str, limit: int = 0) -> bytes:
    return path.encode()[:limit]


@smartasync
async def fetch(url: str, *, retries: int = 3) -> bytes:
    await SmartAsync.sleep(0.1)
    return url.encode() * retries


def in_sync() -> None:
    # It keeps the type that it was declared with …
    assert_type(load('a'), bytes)
    assert_type(load('a', limit=3), bytes)
    # … and these say which form is meant.
    assert_type(load.sync('a'), bytes)
    assert_type(fetch.sync('a', retries=1), bytes)
    assert_type(fetch.options(timeout=2.5).sync('a'), bytes)
    assert_type(load.__name__, str)


async def in_async() -> List[bytes]:
    assert_type(await fetch('a'), bytes)
    assert_type(await fetch.aio('a'), bytes)
    assert_type(await load.aio('a'), bytes)
    assert_type(await load.options(max_concurrency=3, abandon_on_cancel=True).aio('a'), bytes)
    task = asyncio.create_task(load.aio('a'))
    assert_type(await task, bytes)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(fetch(url)) for url in ('a', 'b')]
    both = await asyncio.gather(fetch('a'), load.aio('b'))
    assert_type(both[1], bytes)
    return [task.result() for task in tasks]


# Methods

class Store:
    limit = 3

    @smartasync
    def load(self, path: str) -> bytes:
        return load.sync(path, self.limit)

    @smartasync
    async def fetch(self, url: str) -> bytes:
        return await fetch(url)

    @classmethod
    @smartasync
    def open(cls, path: str) -> int:
        return cls.limit + len(path)

    @staticmethod
    @smartasync
    async def count(what: List[str]) -> int:
        return len(what)


def methods(store: Store) -> None:
    assert_type(store.load('a'), bytes)
    assert_type(store.fetch.sync('a'), bytes)
    assert_type(store.fetch.options(name='it').sync('a'), bytes)
    assert_type(Store.load.sync(store, 'a'), bytes)
    assert_type(Store.count.sync(['a']), int)
    if sys.version_info < (3, 12):
        assert_type(Store.open('a'), int)
        assert_type(Store.open.sync('a'), int)


async def async_methods(store: Store) -> None:
    assert_type(await store.fetch('a'), bytes)
    assert_type(await store.load.aio('a'), bytes)


# Inline, around what one did not write

def inline(file: Gio.File) -> None:
    assert_type(smartasync(len)('abc'), int)
    assert_type(smartasync(str.upper).sync('abc'), str)
    assert_type(smartasync(asyncio.sleep).sync(0.1), None)
    smartasync(file.load_contents)(None)
    smartasync(file.load_contents).options(cancellable=Gio.Cancellable())(None)


# Executors, contexts

pool = SmartAsync.Executor.new_pool('database', 1)
query = load.options(executor=pool, context=SmartAsync.MainContextPolicy.CURRENT)


def contexts() -> bool:
    with SmartAsync.sync_mode():
        assert_type(query('a'), bytes)
    with SmartAsync.async_mode():
        pass
    SmartAsync.set_sync()
    SmartAsync.set_async(False)
    return SmartAsync.is_async_context()


# The lock

lock = SmartAsync.SmartLock()


def with_lock() -> None:
    assert_type(lock.run_once(load, 'a', limit=3), bytes)
    assert_type(lock.run_once.sync(fetch, 'a'), bytes)
    assert_type(lock['user:42'].run_once.sync(fetch, 'a', retries=1), bytes)
    lock.forget('user:42')
    lock['user:42'].forget()
    lock.reset()
    assert_type(lock.get_n_waiters(), int)


async def with_lock_in_async() -> None:
    assert_type(await lock.run_once(fetch, 'a'), bytes)
    assert_type(await lock['user:42'].run_once(fetch, 'a', retries=1), bytes)
    assert_type(await lock.run_once.aio(load, 'a'), bytes)


# Futures

def futures() -> None:
    future: SmartAsync.Future[int] = SmartAsync.Future.new(None)
    future.resolve(7)
    assert_type(future.result(), int)
    assert_type(future.get_value()[1], int)
    assert_type(future.wait(1000, None)[1], int)
    assert_type(future.wait()[1], int)
    future.wait_async(None, lambda waited, result: print(waited.wait_finish(result)[1] + 1))
    assert_type(future.reject(ValueError('a')), bool)
    failed: SmartAsync.Future[int] = SmartAsync.Future.new_for_error(KeyError('a'))
    assert_type(failed.exception(), Union[BaseException, None])
    assert_type(SmartAsync.await_(failed), SmartAsync.Future[object])
    assert_type(SmartAsync.Future.new_for_value('a'), SmartAsync.Future[str])
    assert_type(SmartAsync.Future.racev([future]), SmartAsync.Future[int])
    assert_type(future.with_timeout(10), SmartAsync.Future[int])

    def on_settled(call: SmartAsync.Call, settled: SmartAsync.Future[int], factor: int) -> None:
        call.return_int(settled.result() * factor)

    assert_type(future.then(on_settled, 2), SmartAsync.Future[object])
    future.add_done_callback(lambda settled: print(settled.result() + 1))


async def await_futures(future: SmartAsync.Future[int]) -> None:
    assert_type(await future, int)
    assert_type(await asyncio.wait_for(future, 1), int)


# Helpers

def double(n: int, factor: int = 2) -> float:
    return n * factor


async def number() -> int:
    return 7


def helpers() -> None:
    assert_type(SmartAsync.smartawait.sync(number()), int)
    assert_type(SmartAsync.smartawait.sync('a'), str)
    assert_type(SmartAsync.smartcontinuation.sync(number(), double, factor=3), float)
    assert_type(SmartAsync.smartcontinuation(7, double), float)


async def helpers_in_async(future: SmartAsync.Future[int]) -> None:
    assert_type(await SmartAsync.smartawait(number()), int)
    assert_type(await SmartAsync.smartawait(future), int)
    assert_type(await SmartAsync.smartawait.aio('a'), str)
    assert_type(await SmartAsync.smartcontinuation(number(), double, 3), float)


# The plain API

def body(call: SmartAsync.Call, factor: int) -> None:
    if factor == 0:
        call.return_error(ZeroDivisionError('there is nothing to give'))
    call.return_int(call.get_int(0) * factor)


def plain() -> None:
    func = SmartAsync.AsyncFunc.new_blocking(body, 2)
    func.set_name('double')
    assert_type(func.call_sync(None, [21], None)[0], bool)
    assert_type(func.callv(), SmartAsync.Future[object])
    assert_type(func.callv(None, [21], Gio.Cancellable()).get_int(), int)
    assert_type(smartasync(func).sync(21), object)


def takes_coroutine(coroutine: Coroutine[object, object, int]) -> None:
    coroutine.close()


takes_coroutine(smartasync(number)())
