# SPDX-License-Identifier: LGPL-2.1-or-later

"""Bodies that take a SmartCall: what they raise becomes the call's error."""

import atexit
import contextvars
import functools

import _smartasync_glib as native

from . import errors, interrupt

# An idle worker may end while Python does.
atexit.register(native.leave_threads)


_running = {}  # call: whether such a body, which is running, has settled it


def note_returned(call):
    if hash(call) in _running:
        _running[hash(call)] = True


def guard(body):
    """`body`, whose exceptions reach the caller, where PyGObject would only print them."""
    if body is None:
        return None

    @interrupt.entry
    @functools.wraps(body)
    def guarded(call, *args):
        _running[hash(call)] = False
        try:
            interrupt.check()
            if native.enter():
                # What it sets there is not for the next one, which finds the same thread's.
                contextvars.Context().run(body, call, *args)
            else:
                body(call, *args)
        except BaseException as error:
            if _running[hash(call)]:
                # Its caller hears nothing of it any more.
                errors.report(error)
                return
            outcome = errors.make_outcome(error)
            errors.keep(outcome)
            call._return_error(errors.to_gerror(error, outcome))
        finally:
            del _running[hash(call)]
    return guarded
