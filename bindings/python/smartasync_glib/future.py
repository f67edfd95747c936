# SPDX-License-Identifier: LGPL-2.1-or-later

"""SmartFutures, awaited under any loop."""

import asyncio
from asyncio import _get_running_loop

import _smartasync_glib as native

from . import detect, errors
from .homes import home_of
from .loops import ThreadLoop, may_wait_outside, wait_outside


class RawFuture(native.Started):
    """A call in flight that nobody but an asyncio loop sees: it has no object of PyGObject's."""

    __slots__ = ()

    def result(self):
        error = self._get_error()
        if error is None:
            return self._outcome.value
        raise errors.from_gerror(error, self._outcome)

    def _forget_error(self):
        self._outcome.unseen = False


class Settling:
    """Has an asyncio future, `waiter`, done when another one is settled.

    That may come late, or never, and in the loop's own main context, which is not to hold the loop
    for it: so nobody is told once the wait has ended.
    """

    __slots__ = ('waiter', 'loop')

    def __init__(self, future, loop, home):
        self.waiter = loop.create_future()
        self.loop = loop if type(loop) is ThreadLoop else None
        if self.loop is not None:
            loop.add_settling(self.waiter, future)
        native.wait(future, self.on_settled, home)

    def on_settled(self):
        if self.waiter is not None and not self.waiter.done():
            self.waiter.set_result(None)

    def __await__(self):
        try:
            yield from self.waiter
        finally:
            self.end()

    def end(self):
        if self.loop is not None:
            self.loop.remove_settling(self.waiter)
        self.waiter = self.loop = None


def await_future(future):
    """What __await__ gives: waits for it under the loop that runs."""
    loop = _get_running_loop()
    if isinstance(loop, detect.LoopOfGLib):
        # Whoever is cancelled hears that, and not what comes of it.
        driver = loop.driver
        if not future.done() or (driver is not None and driver.is_cancelled()
                                 and not driver.has_cancelled):
            yield future
    elif loop is None:
        if not future.done():
            yield future
    else:
        if may_wait_outside(loop, future):
            yield from wait_outside(future)
        if not future.done():
            try:
                yield from Settling(future, loop, home_of(loop)).__await__()
            except asyncio.CancelledError:
                # As asyncio does with a future that a task waits for.
                future.cancel()
                raise
    return future.result()
