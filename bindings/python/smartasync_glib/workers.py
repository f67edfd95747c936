# SPDX-License-Identifier: LGPL-2.1-or-later

"""What Python knows of a worker is kept from one body to the next.

Where C calls into Python on a thread that Python has not started, Python makes
a thread state, with a stack, and frees it afterwards: for a short body that is
a third of all that an offloaded call costs. The library's workers tell when
they end, so theirs lasts that long.
"""

import atexit
import contextvars
import ctypes
import threading

from . import native

_LOCKED = 0  # PyGILState_STATE: whoever releases it goes on with the interpreter's lock


@ctypes.CFUNCTYPE(None)
def _on_ended():
    # What is kept is in use for this very call, at whose end it is freed.
    ctypes.pythonapi.PyGILState_Release(_LOCKED)


class _Local(threading.local):
    def __init__(self):
        self.is_kept = bool(native.interpreter_keep(_on_ended))
        if self.is_kept:
            ctypes.pythonapi.PyGILState_Ensure()


_local = _Local()

# An idle worker may end while Python does.
atexit.register(native.interpreter_keep, None)


def enter():
    """To be called where a body begins that a worker may run."""
    native.interpreter_entered()
    return _local.is_kept


def run(body, *args):
    """Calls such a body that has no context of its own."""
    if enter():
        # What it sets there is not for the next one.
        contextvars.Context().run(body, *args)
    else:
        body(*args)
