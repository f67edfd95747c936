#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later

"""A database whose connection belongs to one thread: sqlite3 on a pool of one."""

import asyncio
import functools
import sqlite3
import tempfile
import threading

import harness
from cells import CALLERS
from harness import Home, expect, on_threads, run_asyncio, test

from gi.repository import SmartAsync

smartasync = SmartAsync.smartasync


class Database:
    """sqlite3 refuses every thread but the one that connected."""

    def __init__(self, path):
        self.path = path
        self.executor = SmartAsync.Executor.new_pool('database', 1)
        self.threads = set()

    def run(self, function, *args):
        return smartasync(function).options(executor=self.executor)(*args)

    @functools.cached_property
    def connection(self):
        return sqlite3.connect(self.path, check_same_thread=True)

    def execute(self, sql, *values):
        return self.run(self._execute, sql, values)

    def _execute(self, sql, values):
        self.threads.add(threading.get_ident())
        with self.connection:
            return self.connection.execute(sql, values).fetchall()

    def transfer(self, n):
        return self.run(self._transfer, n)

    def _transfer(self, n):
        # Two steps, between which nobody else has a turn.
        with self.connection:
            (value,), = self._execute('SELECT value FROM counter', ())
            self.connection.execute('UPDATE counter SET value = ?', (value + n,))

    def close(self):
        return self.run(lambda: self.connection.close())


@test('/python/uses/sqlite/everywhere')
def everywhere():
    with tempfile.NamedTemporaryFile() as file:
        database = Database(file.name)
        database.execute('CREATE TABLE thing (name TEXT)')
        for name, caller in CALLERS.items():
            assert caller(database.execute, 'INSERT INTO thing VALUES (?)', name) == []
        rows = Home().run(database.execute, 'SELECT name FROM thing')
        assert [name for name, in rows] == list(CALLERS)
        assert len(database.threads) == 1 and threading.get_ident() not in database.threads
        for caller in CALLERS.values():
            expect(sqlite3.OperationalError, caller, database.execute, 'SELECT nonsense')
        database.close()


@test('/python/uses/sqlite/together')
def together():
    with tempfile.NamedTemporaryFile() as file:
        database = Database(file.name)
        database.execute('CREATE TABLE counter (value INTEGER)')
        database.execute('INSERT INTO counter VALUES (0)')

        async def in_loop():
            await asyncio.gather(*[database.transfer(1) for _ in range(50)])

        threads = [harness.start_thread(run_asyncio, in_loop) for _ in range(2)]
        on_threads(4, lambda _: [database.transfer(1) for _ in range(25)])
        for thread in threads:
            thread.join()
        assert database.execute('SELECT value FROM counter') == [(200,)]
        assert len(database.threads) == 1
        database.close()


if __name__ == '__main__':
    harness.main()
