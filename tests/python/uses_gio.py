#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later

"""A download by libsoup, and a process by GIO: the same function, called from everywhere."""

import asyncio
from unittest import mock

import harness
from cells import CALLERS
from harness import expect_error, on_threads, run_asyncio, start_thread, test
from services import serve_soup

from gi.repository import Gio, SmartAsync, Soup
from smartasync_glib import pairs

smartasync = SmartAsync.smartasync


class Downloader:
    """What one would write: it does not know who calls it."""

    def __init__(self, address):
        self.address = address
        self.cache = {}
        self.lock = SmartAsync.SmartLock()
        self.n_downloads = 0

    @smartasync
    async def fetch(self, path):
        self.n_downloads += 1
        session = Soup.Session()
        message = Soup.Message.new('GET', self.address + path)
        data = await smartasync(session.send_and_read)(message, None)
        if message.get_status() != Soup.Status.OK:
            raise FileNotFoundError(path)
        return data.get_data().decode()

    @smartasync
    async def get(self, path):
        if path not in self.cache:
            self.cache[path] = await self.lock[path].run_once(self.fetch, path)
        return self.cache[path]

    @smartasync
    async def get_all(self, paths):
        return [await self.get(path) for path in paths]


@test('/python/uses/soup/download')
def download():
    with serve_soup() as address:
        for name, caller in CALLERS.items():
            downloader = Downloader(address)
            assert caller(downloader.get_all, ['a', 'b', 'a']) == ['/a', '/b', '/a'], name
            assert downloader.n_downloads == 2


@test('/python/uses/soup/many')
def download_from_everywhere():
    with serve_soup() as address:
        downloader = Downloader(address)

        def in_thread(i):
            return downloader.get(f'{i % 2}')

        async def in_loop():
            return await asyncio.gather(*[downloader.get(f'{i % 2}') for i in range(6)])

        assert on_threads(6, in_thread) == ['/0', '/1'] * 3
        for loop in harness.LOOPS:
            assert run_asyncio(in_loop, loop=loop) == ['/0', '/1'] * 3


@test('/python/uses/soup/refused')
def nobody_answers():
    with serve_soup() as address:
        downloader = Downloader(address)
    for caller in CALLERS.values():
        expect_error(caller, downloader.get, 'a')


@smartasync
async def run_process(argv, text=None):
    process = Gio.Subprocess.new(argv, Gio.SubprocessFlags.STDIN_PIPE
                                 | Gio.SubprocessFlags.STDOUT_PIPE)
    _, out, _ = await smartasync(process.communicate_utf8)(text, None)
    return process.get_exit_status(), out


@test('/python/uses/subprocess/run')
def process():
    for name, caller in CALLERS.items():
        assert caller(run_process, ['cat'], 'Grüße') == (0, 'Grüße'), name
        assert caller(run_process, ['sh', '-c', 'echo out; exit 3']) == (3, 'out\n'), name


@test('/python/uses/subprocess/many')
def processes():
    async def in_loop():
        return await asyncio.gather(*[run_process(['echo', str(n)]) for n in range(8)])

    for loop in harness.LOOPS:
        assert run_asyncio(in_loop, loop=loop) == [(0, f'{n}\n') for n in range(8)]
    assert on_threads(4, lambda n: run_process(['echo', str(n)])) == \
        [(0, f'{n}\n') for n in range(4)]


@test('/python/uses/subprocess/cancel')
def cancelled_process():
    cancellable = Gio.Cancellable()

    @smartasync
    async def wait_for_ever():
        process = Gio.Subprocess.new(['cat'], Gio.SubprocessFlags.STDIN_PIPE)
        try:
            started.open()
            await smartasync(process.wait)(None)
        finally:
            # Whoever waited was cancelled; the process is ended here.
            process.force_exit()
            ended.append(True)

    for caller in CALLERS.values():
        started, ended = harness.Gate(), []
        cancellable = Gio.Cancellable()
        canceller = harness.start_thread(lambda: (started.wait(), cancellable.cancel()))
        expect_error(caller, wait_for_ever.options(cancellable=cancellable),
                     code=Gio.IOErrorEnum.CANCELLED)
        canceller.join()
        assert ended == [True]


@test('/python/uses/subprocess/cancel-while-it-begins')
def cancelled_beginning():
    # GIO itself misses a cancellation that comes while it begins to wait.
    def call_begin(self, *args):
        start_thread(cancellable.cancel).join()
        begun.append(self.name)
        original(self, *args)

    @smartasync
    async def wait_for_ever():
        process = Gio.Subprocess.new(['cat'], Gio.SubprocessFlags.STDIN_PIPE)
        try:
            await smartasync(process.wait)(None)
        finally:
            process.force_exit()

    original = pairs.Pair.call_begin
    with mock.patch.object(pairs.Pair, 'call_begin', call_begin):
        for caller in CALLERS.values():
            cancellable, begun = Gio.Cancellable(), []
            expect_error(caller, wait_for_ever.options(cancellable=cancellable),
                         code=Gio.IOErrorEnum.CANCELLED)
            assert begun == ['Gio.Subprocess.wait']


if __name__ == '__main__':
    harness.main()
