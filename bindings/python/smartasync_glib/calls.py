# SPDX-License-Identifier: LGPL-2.1-or-later

"""SmartAsync.Call.get_current(), where a body was called without the library."""

from gi.repository import SmartAsync

from . import detect, native

_get_current_in_c = SmartAsync.Call.get_current


def get_current():
    """The call whose body this is part of, or None.

    A body that was called directly has had none made for it. It is made when it is asked for, and
    there is nobody whom its progress would interest.
    """
    if native.current_call() is not None:
        return _get_current_in_c()
    frame = detect.find_body()
    if frame is None:
        return None
    if frame.made is None:
        frame.made = _make()
    return frame.made


def _make():
    made = []
    func = SmartAsync.AsyncFunc._new(lambda call, *_: made.append(call))
    func.set_inherit_cancellable(False)
    with detect.in_c(True):
        func._callv(None, [], None)
    return made[0]
