# SPDX-License-Identifier: LGPL-2.1-or-later

"""Lines that must not pass a type checker, each marked with the kind of its error: see
contract_m_types.py. It is never run."""

import gi

gi.require_version('SmartAsync', '1.0')
from gi.repository import SmartAsync
from gi.repository.SmartAsync import smartasync


@smartasync
def load(path: str, limit: int = 0) -> bytes:
    return path.encode()[:limit]


@smartasync
async def fetch(url: str, *, retries: int = 3) -> bytes:
    return url.encode() * retries


class Store:
    @smartasync
    def load(self, path: str) -> bytes:
        return path.encode()


def add(n: int, m: int) -> int:
    return n + m


lock = SmartAsync.SmartLock()


async def main(store: Store, future: SmartAsync.Future[int]) -> None:
    # Arguments
    load(7)  # error: arg-type
    load()  # error: call-arg
    load.sync('a', limit='b')  # error: arg-type
    await fetch('a', retires=1)  # error: call-arg
    await store.load.aio(7)  # error from 3.12: arg-type
    # Results
    text: str = load.sync('a')  # error: assignment
    text = await fetch('a')  # error: assignment
    text = await future  # error: assignment
    # The form that the type has not
    await load('a')  # error: misc
    fetch('a') + b'b'  # error: operator
    # What there is not
    load.options(timeuot=3)  # error: call-arg
    load.options(max_concurrency='3')  # error: arg-type
    load.later('a')  # error: attr-defined
    SmartAsync.smartasinc(add)  # error: attr-defined
    # What takes a function and its arguments
    lock.run_once(load, 7)  # error: call-overload arg-type
    lock[42].run_once(load, 'a')  # error: index
    smartasync(7)  # error: call-overload
    future.resolve('a')  # error: arg-type
    future.reject('a')  # error: arg-type
    print(text)
