#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later

"""A web client of asyncio's that shares a lock between tasks and threads, and web servers with
threads whose handlers call coroutine functions."""

import asyncio
import http.client
import os
import signal
import socketserver
import subprocess
import sys
import threading
import urllib.request
import wsgiref.simple_server
from pathlib import Path

import harness
from harness import DEADLINE, on_threads, run_asyncio, start_thread, test
from services import HttpServer, serve

from gi.repository import SmartAsync

smartasync = SmartAsync.smartasync


# The client

class Client:
    """Needs a token before anything else, once for all who ask meanwhile."""

    def __init__(self, port):
        self.port = port
        self.lock = SmartAsync.SmartLock()
        self.token = None
        self.n_tokens = 0

    async def get(self, path):
        """By asyncio's streams."""
        reader, writer = await asyncio.open_connection('127.0.0.1', self.port)
        writer.write(f'GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'.encode())
        await writer.drain()
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
        return answer.partition(b'\r\n\r\n')[2].decode()

    async def fetch_token(self):
        self.n_tokens += 1
        self.token = await self.get('/token')
        return self.token

    @smartasync
    async def fetch(self, path):
        token = self.token or await self.lock.run_once(self.fetch_token)
        assert token == '/token'
        return await self.get(path)


@test('/python/uses/web/client')
def client():
    with serve(HttpServer()) as port:
        for loop in harness.LOOPS:
            client = Client(port)

            async def in_loop():
                return await asyncio.gather(*[client.fetch(f'/{n}') for n in range(10)])

            assert run_asyncio(in_loop, loop=loop) == [f'/{n}' for n in range(10)]
            assert client.n_tokens == 1
        # From plain code.
        assert Client(port).fetch('/plain') == '/plain'


@test('/python/uses/web/shared')
def shared_between_tasks_and_threads():
    with serve(HttpServer()) as port:
        for _ in range(5):
            client = Client(port)
            ready = threading.Barrier(6)

            async def in_loop():
                ready.wait(DEADLINE)
                return await asyncio.gather(*[client.fetch(f'/{n}') for n in range(5)])

            def in_thread(n):
                ready.wait(DEADLINE)
                return client.fetch(f'/{n}')

            loops = [start_thread(run_asyncio, in_loop) for _ in range(2)]
            threads = on_threads(4, in_thread)
            assert threads == [f'/{n}' for n in range(4)]
            for loop in loops:
                assert loop.join() == [f'/{n}' for n in range(5)]
            # Who comes late may find the first flight over, but never two in the air.
            assert client.n_tokens == client.lock.get_n_executions()
            assert client.n_tokens <= 2


# wsgiref

@smartasync
async def look_up(n):
    await asyncio.sleep(0.001)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(asyncio.sleep(0, n)) for _ in range(2)]
    return sum(task.result() for task in tasks)


@smartasync
async def ready(n):
    return n


def application(environ, start_response):
    n = int(environ['PATH_INFO'][1:])
    body = f'{look_up(n)} {ready(n)}'.encode()
    start_response('200 OK', [('Content-Length', str(len(body)))])
    return [body]


class ThreadingServer(socketserver.ThreadingMixIn, wsgiref.simple_server.WSGIServer):
    daemon_threads = True


class QuietHandler(wsgiref.simple_server.WSGIRequestHandler):
    def log_message(self, *_):
        pass


def fetch_many(port, n):
    """n requests each by 8 threads."""
    def fetch(i):
        seen = []
        for number in range(n):
            url = f'http://127.0.0.1:{port}/{i * n + number}'
            with urllib.request.urlopen(url, timeout=DEADLINE) as answer:
                seen.append(answer.read().decode())
        return seen

    for i, seen in enumerate(on_threads(8, fetch)):
        assert seen == [f'{2 * (i * n + k)} {i * n + k}' for k in range(n)], seen


@test('/python/uses/web/wsgiref')
def threaded_wsgi():
    server = wsgiref.simple_server.make_server('127.0.0.1', 0, application, ThreadingServer,
                                               QuietHandler)
    with serve(server) as port:
        fetch_many(port, 10)
        n_fds, n_threads = harness.count_fds(), harness.count_threads()
        fetch_many(port, 10)
        # A thread for each request: none leaves its loop behind.
        harness.wait_until(lambda: harness.count_fds() <= n_fds + 3)
        harness.wait_until(lambda: harness.count_threads() <= n_threads)


# gunicorn

def run_gunicorn(*options):
    """It listens at a port that it says; its workers are forked."""
    here = Path(__file__).parent
    environment = {**os.environ, 'PYTHONPATH': os.pathsep.join(
        [str(here), *filter(None, [os.environ.get('PYTHONPATH')])])}
    return subprocess.Popen(
        [sys.executable, '-m', 'gunicorn', '--bind', '127.0.0.1:0', '--worker-class', 'gthread',
         '--workers', '2', '--threads', '4', '--graceful-timeout', '5', *options, 'gunicorn_app'],
        stderr=subprocess.PIPE, text=True, env=environment, cwd=here)


def find_port(process, lines):
    for line in process.stderr:
        lines.append(line)
        if 'Listening at' in line:
            return int(line.partition('127.0.0.1:')[2].split()[0])
    raise AssertionError(''.join(lines))


def get_json(port, path):
    import json
    connection = http.client.HTTPConnection('127.0.0.1', port, timeout=DEADLINE)
    try:
        connection.request('GET', path)
        answer = connection.getresponse()
        text = answer.read().decode()
        assert answer.status == 200, text
        return json.loads(text)
    finally:
        connection.close()


def use_gunicorn(*options):
    lines = []
    with run_gunicorn(*options) as process:
        alarm = threading.Timer(DEADLINE * 2, process.kill)
        alarm.start()
        try:
            port = find_port(process, lines)
            reader = start_thread(lambda: lines.extend(process.stderr))

            def fetch(i):
                return [get_json(port, f'/{100 * i + n}') for n in range(20)]

            pids = set()
            deadline = harness.get_deadline()
            # As long as it takes for both workers to have answered.
            while len(pids) < 2 and harness.get_deadline(0) < deadline:
                for answer in (answer for many in on_threads(8, fetch) for answer in many):
                    n = answer['n']
                    assert answer['later'] == answer['offloaded'] == 2 * n, answer
                    pids.add(answer['pid'])
            assert len(pids) == 2 and process.pid not in pids, pids
            process.send_signal(signal.SIGTERM)
            assert process.wait(DEADLINE) == 0
            reader.join()
        finally:
            alarm.cancel()
            process.kill()
    text = ''.join(lines)
    for word in ('CRITICAL', 'WARNING', 'Traceback', 'Worker exiting (pid: 0)', 'was terminated'):
        assert word not in text, text


@test('/python/uses/web/gunicorn', main_only=True, seconds=120)
def gunicorn():
    use_gunicorn()


@test('/python/uses/web/gunicorn-preloaded', main_only=True, seconds=120)
def gunicorn_preloaded():
    # The application is loaded, and calls, before the workers are forked.
    use_gunicorn('--preload')


if __name__ == '__main__':
    harness.main()
