# SPDX-License-Identifier: LGPL-2.1-or-later

"""The few C functions that every call needs, without PyGObject's price.

PyGObject takes 80 to 230 ns for a function without arguments, and a smart call
of an ordinary function may cost no more than a few of Python's own calls.
ctypes takes 40 to 50. Each is one that neither blocks nor calls back, so the
interpreter's lock is kept.
"""

import ctypes

from gi.repository import SmartAsync


def _load():
    try:
        from gi.importer import repository
        names = repository.get_shared_library('SmartAsync')
    except (ImportError, AttributeError):
        names = None
    for name in (names or 'libsmartasync-glib-1.0.so.0').split(','):
        if 'smartasync' in name:
            # The typelib has loaded it already.
            return ctypes.PyDLL(name)
    raise ImportError('the library that the typelib SmartAsync is for is not loaded')


def _bind(name, restype, *argtypes):
    function = getattr(_library, name)
    function.restype = restype
    function.argtypes = argtypes
    return function


_library = _load()

# Whether C's rule finds an async context.
context_is_async = _bind('smart_context_is_async', ctypes.c_int)

# Whether it does so because of a mode or a blocking body.
context_is_explicit = _bind('smart_context_is_explicit', ctypes.c_int)

# What identifies the call whose body this is; None in none.
current_call = _bind('smart_call_get_current', ctypes.c_void_p)

# The cancellable of a call, and the one that is current: addresses.
call_get_cancellable = _bind('smart_call_get_cancellable', ctypes.c_void_p, ctypes.c_void_p)
current_cancellable = _bind('g_cancellable_get_current', ctypes.c_void_p)
is_cancelled = _bind('g_cancellable_is_cancelled', ctypes.c_int, ctypes.c_void_p)

# How many sources are being dispatched, one within the other.
main_depth = _bind('g_main_depth', ctypes.c_int)

# These take the address of a GMainContext, which is what hash() gives.
push_thread_default = _bind('g_main_context_push_thread_default', None, ctypes.c_void_p)
pop_thread_default = _bind('g_main_context_pop_thread_default', None, ctypes.c_void_p)
get_thread_default = _bind('g_main_context_get_thread_default', ctypes.c_void_p)
default_context = _bind('g_main_context_default', ctypes.c_void_p)
context_is_owner = _bind('g_main_context_is_owner', ctypes.c_int, ctypes.c_void_p)
context_wakeup = _bind('g_main_context_wakeup', None, ctypes.c_void_p)

# Whom the workers' monitor has to thank for not starting threads that would wait for the
# interpreter's lock, too.
set_interpreted = _bind('smart_async_func_set_interpreted', None, ctypes.c_void_p)
interpreter_entered = _bind('smart_interpreter_entered', None)
interpreter_keep = _bind('smart_interpreter_keep', ctypes.c_int, ctypes.c_void_p)

# To make a function of C's callbacks, and PyGObject's object for it.
func_new = _bind('smart_async_func_new', ctypes.c_void_p, *[ctypes.c_void_p] * 3)
func_new_blocking = _bind('smart_async_func_new_blocking', ctypes.c_void_p, *[ctypes.c_void_p] * 3)
func_new_dual = _bind('smart_async_func_new_dual', ctypes.c_void_p, *[ctypes.c_void_p] * 6)
value_take_object = _bind('g_value_take_object', None, ctypes.c_void_p, ctypes.c_void_p)

# A call whose future nobody sees: see raw.py. To begin one neither blocks nor calls back; and to give
# up the interpreter's lock would hand it to the worker that is woken up, call by call.
func_callv = _bind('smart_async_func_callv', ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p,
                   ctypes.c_void_p, ctypes.c_uint, ctypes.c_void_p)
call_return_none = _bind('smart_call_return_none', None, ctypes.c_void_p)
call_get_args = _bind('smart_call_get_args', ctypes.c_void_p, ctypes.c_void_p)
value_dup_boxed = _bind('g_value_dup_boxed', ctypes.py_object, ctypes.c_void_p)
future_get_status = _bind('smart_future_get_status', ctypes.c_int, ctypes.c_void_p)
future_wait_async = _bind('smart_future_wait_async', None, ctypes.c_void_p, ctypes.c_void_p,
                          ctypes.c_void_p, ctypes.c_size_t)
type_from_name = _bind('g_type_from_name', ctypes.c_size_t, ctypes.c_char_p)

# Iterating one, in its steps. What may call back gives up the interpreter's lock.
context_query = _bind('g_main_context_query', ctypes.c_int, ctypes.c_void_p, ctypes.c_int,
                      ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int)
# Connecting C functions, which need no interpreter.
signal_connect_data = _bind('g_signal_connect_data', ctypes.c_ulong, ctypes.c_void_p, ctypes.c_char_p,
                            ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int)
signal_handler_disconnect = _bind('g_signal_handler_disconnect', None, ctypes.c_void_p,
                                  ctypes.c_ulong)
context_ref = _bind('g_main_context_ref', ctypes.c_void_p, ctypes.c_void_p)
_wakeup_address, _unref_address = (ctypes.cast(getattr(_library, name), ctypes.c_void_p)
                                   for name in ('g_main_context_wakeup', 'g_main_context_unref'))
_CONNECT_SWAPPED = 2


def connect_wakeup(cancellable, context):
    """Has the context woken up when the cancellable is cancelled, in whichever thread."""
    return signal_connect_data(cancellable, b'cancelled', _wakeup_address, context_ref(context),
                               _unref_address, _CONNECT_SWAPPED)


_library = ctypes.CDLL(_library._name)
context_prepare = _bind('g_main_context_prepare', ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
context_check = _bind('g_main_context_check', ctypes.c_int, ctypes.c_void_p, ctypes.c_int,
                      ctypes.c_void_p, ctypes.c_int)
context_dispatch = _bind('g_main_context_dispatch', None, ctypes.c_void_p)
context_iteration = _bind('g_main_context_iteration', ctypes.c_int, ctypes.c_void_p, ctypes.c_int)

func_call_sync = _bind('smart_async_func_call_sync', ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p,
                       ctypes.c_void_p, ctypes.c_uint, ctypes.c_void_p, ctypes.c_void_p,
                       ctypes.c_void_p)
future_cancel = _bind('smart_future_cancel', None, ctypes.c_void_p)
future_get_value = _bind('smart_future_get_value', ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p,
                         ctypes.c_void_p)
object_unref = _bind('g_object_unref', None, ctypes.c_void_p)
error_free = _bind('g_error_free', None, ctypes.c_void_p)


class Error(ctypes.Structure):
    _fields_ = [('domain', ctypes.c_uint32), ('code', ctypes.c_int), ('message', ctypes.c_char_p)]


class Value(ctypes.Structure):
    """A GValue."""

    _fields_ = [('type', ctypes.c_size_t), ('pointer', ctypes.c_void_p), ('more', ctypes.c_uint64)]


class PollFD(ctypes.Structure):
    _fields_ = [('fd', ctypes.c_int), ('events', ctypes.c_ushort), ('revents', ctypes.c_ushort)]
