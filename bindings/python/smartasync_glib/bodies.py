# SPDX-License-Identifier: LGPL-2.1-or-later

"""Bodies that take a SmartCall: what they raise becomes the call's error."""

import functools

from . import errors, interrupt, workers


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
            workers.run(body, call, *args)
        except BaseException as error:
            if _running[hash(call)]:
                # Its caller hears nothing of it any more.
                errors.report(error)
                return
            outcome = errors.make_outcome(error)
            errors.keep(outcome)
            call.return_error(errors.to_gerror(error, outcome))
        finally:
            del _running[hash(call)]
    return guarded
