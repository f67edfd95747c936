# SPDX-License-Identifier: LGPL-2.1-or-later

"""The library's methods that take an array of GValues, without PyGObject.

From 3.57 on it makes a copy of each value in such an array and never unsets it,
so that whatever a function is called with would be there for good.
"""

import ctypes
import itertools

from gi.repository import Gio, GObject, SmartAsync

from . import detect, errors, native

_keys = itertools.count(1)
_waiting = {}  # key: what to call, and with which data


@ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)
def _on_ready(source, result, key):
    callback, user_data = _waiting.pop(key)
    try:
        callback(_take(_ref(source)), _take(_ref(result)), *user_data)
    except BaseException as error:
        errors.report(error)


# Some of them wait, so each gives up the interpreter's lock.
_CALL = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint, ctypes.c_void_p]
_READY = [type(_on_ready), ctypes.c_size_t]
_KEY = [ctypes.c_void_p, ctypes.c_char_p]
_func_callv = native._bind('smart_async_func_callv', ctypes.c_void_p, *_CALL)
_func_call_async = native._bind('smart_async_func_call_async', None, *_CALL, *_READY)
_lock_run_once = native._bind('smart_lock_run_once', ctypes.c_void_p, *_KEY, *_CALL)
_lock_run_once_async = native._bind('smart_lock_run_once_async', None, *_KEY, *_CALL, *_READY)
_ref = native._bind('g_object_ref', ctypes.c_void_p, ctypes.c_void_p)
_get_value = SmartAsync.Future.get_value


def _take(address):
    """PyGObject's object for the reference that is given."""
    value = GObject.Value(GObject.Object)
    native.value_take_object(hash(value), address)
    return value.get_object()


def _get_address(name, gobject, kind):
    if gobject is None:
        return None
    if not isinstance(gobject, kind):
        raise TypeError(f'{name} is a {kind.__name__}, not {gobject!r}')
    # A subclass may have a hash of its own.
    return GObject.Object.__hash__(gobject)


def _make_call(func, source, args, cancellable):
    """The parameters that all of them have. C copies the values, which are borrowed."""
    array = (native.Value * len(args))()
    for i, value in enumerate(args):
        array[i] = native.Value.from_address(hash(value))
    return (_get_address('func', func, SmartAsync.AsyncFunc),
            _get_address('source', source, GObject.Object), ctypes.addressof(array), len(array),
            _get_address('cancellable', cancellable, Gio.Cancellable)), array


def _make_ready(callback, user_data):
    if callback is None:
        return type(_on_ready)(), 0
    if not callable(callback):
        raise TypeError(f'callback is to be callable, not {callback!r}')
    key = next(_keys)
    _waiting[key] = callback, user_data
    return _on_ready, key


def callv(func, source, args, cancellable):
    call, _array = _make_call(func, source, args, cancellable)
    return _take(_func_callv(*call))


def call_sync(func, source, args, cancellable):
    with detect.in_c(False):
        future = callv(func, source, args, cancellable)
    # What is raised holds this frame; and what these hold in C, the collector does not see.
    func = source = args = None
    return _get_value(future)


def call_async(func, source, args, cancellable, callback, *user_data):
    call, _array = _make_call(func, source, args, cancellable)
    _func_call_async(*call, *_make_ready(callback, user_data))


def _get_key(lock, key):
    if key is not None and not isinstance(key, str):
        raise TypeError(f'key is a string, not {key!r}')
    return GObject.Object.__hash__(lock), None if key is None else key.encode()


def run_once(lock, key, func, source, args, cancellable):
    call, _array = _make_call(func, source, args, cancellable)
    return _take(_lock_run_once(*_get_key(lock, key), *call))


def run_once_sync(lock, key, func, source, args, cancellable):
    with detect.in_c(False):
        future = run_once(lock, key, func, source, args, cancellable)
    func = source = args = None  # as above
    return _get_value(future)


def run_once_async(lock, key, func, source, args, cancellable, callback, *user_data):
    call, _array = _make_call(func, source, args, cancellable)
    _lock_run_once_async(*_get_key(lock, key), *call, *_make_ready(callback, user_data))
