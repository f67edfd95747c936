# SPDX-License-Identifier: LGPL-2.1-or-later

"""SmartAsync.Call.get_current(), where a body was called without the library."""

import _smartasync_glib as native
from _smartasync_glib import has_current_call
from gi.repository import Gio, SmartAsync

from . import detect


def get_current():
    """The call whose body this is part of, or None.

    A body that was called directly has had none made for it. It is made when it is asked for, and
    there is nobody whom its progress would interest.
    """
    frame = detect.find_nested_body()
    if frame is None:
        if has_current_call():
            return SmartAsync.Call._get_current()
        call = get_owner()
        if call is not None:
            return call
        frame = detect.find_body()
        if frame is None:
            return None
    if frame.made is None:
        frame.made = _make()
    return frame.made


def get_owner():
    """The call of the body that has made the asyncio task which this is part of, or None."""
    frame = detect.top.get()
    if frame is None or frame.owner is None or detect.get_asyncio_loop() is not frame.loop:
        return None
    return frame.owner() if frame.loop is not None else None


def get_inherited():
    """The cancellable of that call, for a smart call that has none; in C's own calls C sees to it."""
    if has_current_call():
        return None
    owner = get_owner()
    return owner.get_cancellable() if owner is not None else None


def _make():
    made = []
    func = SmartAsync.AsyncFunc._new(lambda call, *_: made.append(call))
    func.set_inherit_cancellable(False)
    with detect.in_c(True):
        native.callv(func, None, [], Gio.Cancellable.get_current())
    return made.pop()  # what holds the list is held by the call
