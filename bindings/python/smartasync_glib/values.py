# SPDX-License-Identifier: LGPL-2.1-or-later

"""Python's values and C's."""

from gi.repository import GLib, GObject

INT_MIN, INT_MAX = GLib.MININT, GLib.MAXINT
INT64_MIN, INT64_MAX = GLib.MININT64, GLib.MAXINT64
UINT64_MAX = GLib.MAXUINT64


def _box(value):
    """As a Python object, which is what C then sees, too."""
    boxed = GObject.Value()
    boxed.init(GObject.TYPE_PYOBJECT)
    boxed.set_value(value)
    return boxed


def _typed(gtype, value):
    boxed = GObject.Value()
    boxed.init(gtype)
    boxed.set_value(value)
    return boxed


def is_c_string(text):
    """Whether one of C's can hold it."""
    if '\0' in text:
        return False
    try:
        text.encode()
    except UnicodeEncodeError:  # a lone surrogate
        return False
    return True


def to_gvalue(value):
    """A GObject.Value with it, of the type that C expects of such a value.

    What no type of C's holds without loss, such as a big integer, a list or a
    dict, is held as a Python object and comes back as it was.
    """
    kind = type(value)
    if value is None:
        # PyGObject 3.42 crashes on None in an array of GValues.
        null = GObject.Value()
        null.init(GObject.TYPE_POINTER)
        return null
    if kind is bool:
        return _typed(GObject.TYPE_BOOLEAN, value)
    if kind is int:
        if INT_MIN <= value <= INT_MAX:
            return _typed(GObject.TYPE_INT, value)
        if INT64_MIN <= value <= INT64_MAX:
            return _typed(GObject.TYPE_INT64, value)
        if 0 <= value <= UINT64_MAX:
            return _typed(GObject.TYPE_UINT64, value)
        return _box(value)
    if kind is float:
        return _typed(GObject.TYPE_DOUBLE, value)
    if kind is str:
        return _typed(GObject.TYPE_STRING, value) if is_c_string(value) else _box(value)
    if isinstance(value, GObject.Value):
        return value
    if isinstance(value, GLib.Variant):
        return _typed(GObject.TYPE_VARIANT, value)
    gtype = getattr(value, '__gtype__', None)
    if gtype is not None and not isinstance(value, type):
        try:
            return _typed(gtype, value)
        except TypeError:
            pass
    return _box(value)


def box(value):
    """A GObject.Value with the very object, whatever it is."""
    return _box(value)


def to_gvalues(arguments):
    """The same of a list of arguments."""
    if not arguments:
        return arguments or []
    return [to_gvalue(argument) for argument in arguments]


def find_boxed(arguments):
    """The numbers, from 1, of those that no type of C's holds."""
    return [number for number, argument in enumerate(arguments, 1)
            if argument.g_type == GObject.TYPE_PYOBJECT]
