# SPDX-License-Identifier: LGPL-2.1-or-later

"""What travels through the C library for a call of a Python function.

The function's SmartAsyncFunc has one body for all of its calls, and a call's
single argument is its Work: what to call, and where to put what came of it. C
holds it until it releases the call, which it does where the call was made; so
that is where the arguments go, too. Whoever waits holds the Outcome.
"""

import asyncio
import weakref

import _smartasync_glib as native

from . import detect, errors, interrupt, loops, values
from .cancellation import borrow


class Work(native.Work):
    __slots__ = ()

    @interrupt.protected
    def begin(self, call):
        """What the function returns, called in the caller's context variables."""
        return self.context.run(self._call, weakref.ref(call))

    def _call(self, owner):
        frame = detect.Frame(detect.COROUTINE_BODY, None, detect.get_asyncio_loop())
        frame.owner = owner
        detect.top.set(frame)
        interrupt.check()
        return self.function(*self.args, **self.kwargs)


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
    call._return_error(errors.to_gerror(error, outcome))


@interrupt.protected
def _run_to_end(coroutine, cancellable, deadline):
    """What a body that blocks has given: its call has the cancellable at this address."""
    return loops.run_coroutine(coroutine, borrow(cancellable), deadline)


native.set_hooks(finish=finish, fail=fail, run_to_end=_run_to_end)
