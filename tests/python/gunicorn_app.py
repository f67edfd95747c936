# SPDX-License-Identifier: LGPL-2.1-or-later

"""A WSGI application for gunicorn, whose handlers are plain functions: see uses_web.py."""

import asyncio
import json
import os
import threading

import gi

gi.require_version('SmartAsync', '1.0')
from gi.repository import SmartAsync

smartasync = SmartAsync.smartasync


@smartasync
async def later(n):
    await asyncio.sleep(0.001)
    return n


@smartasync
def blocking(n):
    return n, threading.get_ident()


@smartasync
async def offloading(n):
    result, thread = await blocking(n)
    assert thread != threading.get_ident()
    return result


def answer(n):
    return {'n': n, 'pid': os.getpid(), 'later': 2 * later(n), 'offloaded': 2 * offloading(n)}


def application(environ, start_response):
    body = json.dumps(answer(int(environ['PATH_INFO'][1:]))).encode()
    start_response('200 OK', [('Content-Type', 'application/json'),
                              ('Content-Length', str(len(body)))])
    return [body]


# Used before the fork, where the application is preloaded.
assert answer(1)['later'] == 2
