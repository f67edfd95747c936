# SPDX-License-Identifier: LGPL-2.1-or-later

"""What travels through the C library for a call of a Python function.

The function's SmartAsyncFunc has one body for all of its calls, and a call's
single argument is its Work: what to call, and where to put what came of it. C
holds it until it releases the call, which it does where the call was made; so
that is where the arguments go, too. Whoever waits holds the Outcome.
"""

import asyncio
import contextvars
import weakref
from types import CoroutineType

from gi.repository import SmartAsync

from . import detect, errors, interrupt, loops, native, raw, values, workers
from .cancellation import borrow_from

get_current = SmartAsync.Call._get_current


class Work:
    __slots__ = ('function', 'args', 'kwargs', 'context', 'outcome', 'plain', 'waiters',
                 'call', 'granted', 'deadline')

    def __init__(self, function, args, kwargs, plain=False, waiter=None):
        self.function = function
        self.args = args
        self.kwargs = kwargs
        self.context = contextvars.copy_context()
        self.outcome = errors.Outcome()
        self.plain = plain   # nobody in C looks at its value
        self.waiters = None  # of a lock's flight: they share its outcome, see lock.py
        self.call = None     # of a task that runs itself: see under_asyncio.py
        self.granted = None
        self.deadline = None
        if waiter is not None:
            waiter.work, self.waiters = self, waiter.others

    @interrupt.protected
    def begin(self, call):
        """What the function returns, called in the caller's context variables."""
        return self.context.run(self._call, detect.COROUTINE_BODY, weakref.ref(call))

    @interrupt.protected
    def run(self, call):
        """What comes of it in the end, for a body that blocks."""
        return self.context.run(self._call_and_finish, call)

    def clear(self):
        """The body is over, and its caller is here: what was for it goes, though C has it for longer.

        An asyncio loop may have ended when C lets go of it; and might be held by it, by an argument.
        """
        self.function = self.args = self.kwargs = self.context = self.call = self.granted = None

    def _call(self, kind, owner):
        frame = detect.Frame(kind, None, detect.get_asyncio_loop())
        frame.owner = owner
        detect.top.set(frame)
        interrupt.check()
        return self.function(*self.args, **self.kwargs)

    def _call_and_finish(self, call):
        result = self._call(detect.BLOCKING_BODY, None)
        if type(result) is CoroutineType:
            result = loops.run_coroutine(result, borrow_from(call), self.deadline)
        return result


def get_work(call):
    """Of the call at this address."""
    return native.value_dup_boxed(native.call_get_args(call))


def take_outcome(work):
    """It is for those who wait: C, which holds the work, is not to hold the error with it.

    The error's frames may hold the call, and the collector does not see C.
    """
    outcome, work.outcome = work.outcome, None
    return outcome


def finish(call, work, value):
    """The body has returned this."""
    outcome = take_outcome(work)
    outcome.resolve(value)
    if work.waiters is not None:
        call._return_value(values.box(outcome))
    elif work.plain or value is None:
        call._return_none()
    else:
        call._return_value(values.to_gvalue(value))


def fail(call, work, error):
    """The body has raised this."""
    outcome = take_outcome(work)
    outcome.reject(error)
    if work.waiters is not None:
        for told in tuple(work.waiters.values()):
            told.append(outcome)
    outcome.unseen = not (work.plain or isinstance(error, asyncio.CancelledError)
                          or errors.is_cancelled(error))
    call.return_error(errors.to_gerror(error, outcome))


@raw.Body
@interrupt.entry
def run_blocking(call, _):
    """The blocking body of every Python function."""
    workers.enter()
    work = get_work(call)
    try:
        value = work.run(call)
    except BaseException as error:
        fail(get_current(), work, error)
    else:
        if work.plain and work.waiters is None:
            take_outcome(work).resolve(value)
            native.call_return_none(call)
        else:
            finish(get_current(), work, value)
