# SPDX-License-Identifier: LGPL-2.1-or-later

"""What every call needs, without PyGObject's objects around it.

For a short call they would cost as much as all the rest: one of the SmartCall,
where the body is Python's own and takes none, and one of the future, where
nobody but an asyncio loop sees it.
"""

import ctypes
import itertools

from gi.repository import GLib, GObject, SmartAsync

from . import detect, errors, native

_PENDING, _RESOLVED, _REJECTED = range(3)

_OBJECT = native.type_from_name(b'PyObject')

_keys = itertools.count(1)
_waiting = {}  # key: what to call


@ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)
def _on_settled(source, result, key):
    _waiting.pop(key)()


_on_settled_address = ctypes.cast(_on_settled, ctypes.c_void_p)


def _get_address(gobject):
    # A subclass may have a hash of its own.
    return None if gobject is None else GObject.Object.__hash__(gobject)


# What C calls as a body, with the call's address.
Body = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)


def new_func(begin, block):
    """A function with these bodies, of which one may be None. They are never freed."""
    if begin is None:
        address = native.func_new_blocking(block, None, None)
    elif block is None:
        address = native.func_new(begin, None, None)
    else:
        address = native.func_new_dual(begin, None, None, block, None, None)
    value = GObject.Value(SmartAsync.AsyncFunc)
    native.value_take_object(hash(value), address)
    return value.get_object()


def _take_error(found):
    """Frees the GError that `found` points to: the GLib.Error that it is."""
    error = found.contents
    try:
        return GLib.Error(error.message.decode(), GLib.quark_to_string(error.domain), error.code)
    finally:
        native.error_free(found)


def call_sync(func, source, work, cancellable):
    """Has the library call it and wait. What comes of it is in the work's outcome."""
    argument = native.Value(_OBJECT, id(work))
    found = ctypes.POINTER(native.Error)()
    if not native.func_call_sync(hash(func), _get_address(source), ctypes.addressof(argument), 1,
                                 _get_address(cancellable), None, ctypes.addressof(found)):
        raise _take_error(found)


class RawFuture:
    __slots__ = ('_address', '_outcome', '_work')

    def __init__(self, func, source, work, cancellable):
        """Starts a call in the caller's context."""
        self._outcome = work.outcome
        self._work = work
        if native.context_is_async():
            self._address = self._start(func, source, work, cancellable)
        else:
            with detect.in_c(True):
                self._address = self._start(func, source, work, cancellable)

    @staticmethod
    def _start(func, source, work, cancellable):
        # It is copied, which takes a reference to what it points to.
        argument = native.Value(_OBJECT, id(work))
        return native.func_callv(hash(func), _get_address(source), ctypes.addressof(argument), 1,
                                 _get_address(cancellable))

    def __del__(self):
        native.object_unref(self._address)
        if self._outcome.done:
            self._work.clear()

    def done(self):
        return native.future_get_status(self._address) != _PENDING

    def cancel(self):
        native.future_cancel(self._address)

    def result(self):
        if native.future_get_status(self._address) == _RESOLVED:
            return self._outcome.value
        raise errors.from_gerror(self._get_error(), self._outcome)

    def _get_error(self):
        found = ctypes.POINTER(native.Error)()
        native.future_get_value(self._address, None, ctypes.byref(found))
        return _take_error(found)

    def _wait_quietly(self, callback):
        key = next(_keys)
        _waiting[key] = callback
        native.future_wait_async(self._address, None, _on_settled_address, key)

    def _forget_error(self):
        self._outcome.unseen = False
