# SPDX-License-Identifier: LGPL-2.1-or-later

"""Bodies that take a SmartCall: what they raise becomes the call's error."""

import functools

from . import errors, interrupt, workers


def guard(body):
    """`body`, whose exceptions reach the caller, where PyGObject would only print them."""
    if body is None:
        return None

    @interrupt.entry
    @functools.wraps(body)
    def guarded(call, *args):
        try:
            interrupt.check()
            workers.run(body, call, *args)
        except BaseException as error:
            outcome = errors.make_outcome(error)
            errors.keep(outcome)
            call.return_error(errors.to_gerror(error, outcome))
    return guarded
