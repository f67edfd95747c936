# SPDX-License-Identifier: LGPL-2.1-or-later

"""Which context is the caller in?

The rule is the library's, with one step more, for a language that has loops of
its own:

1. a mode that was pushed in this frame,
2. the body of a blocking function: sync,
3. a running asyncio loop, of whatever kind: async,
4. what the library says: async where a main context is dispatched or owned,
   sync otherwise.

Frames are kept in a context variable, so that each task has its own modes. One
holds only where it was made: in that thread, at that depth of GLib's
dispatching, in that call's body and under that asyncio loop. So a task of
another loop, a worker or a callback that a nested loop dispatches, all of which
may have inherited the variable, are not led astray.
"""

import contextlib
from asyncio import _get_running_loop

import _smartasync_glib as native
from _smartasync_glib import BLOCKING_BODY, Frame, top
from gi.repository import SmartAsync

# Where a smart call is made.
SYNC = 'sync'
ASYNCIO = 'asyncio'  # under a running asyncio loop
GLIB = 'glib'        # in a main context that is iterated, and no asyncio

# Kinds of frames; the modes are SmartAsync.Mode's.
MODE_AUTO = int(SmartAsync.Mode.AUTO)
MODE_SYNC = int(SmartAsync.Mode.SYNC)
MODE_ASYNC = int(SmartAsync.Mode.ASYNC)
_MODES = (MODE_AUTO, MODE_SYNC, MODE_ASYNC)
COROUTINE_BODY = 'coroutine body'


class LoopOfGLib:
    """What stands for asyncio's loop where GLib alone drives a coroutine: see driver.py."""


native.set_hooks(loop_of_glib=LoopOfGLib)


def get_asyncio_loop():
    """The asyncio loop that runs here, or None."""
    loop = _get_running_loop()
    return None if isinstance(loop, LoopOfGLib) else loop


def _judge(loop):
    """Whether it is async, and why."""
    frame = top.get()
    if frame is not None and frame.is_here():
        if frame.loop is not loop and loop is not None:
            return True, 'an asyncio loop runs'
        while frame is not None and frame.kind in _MODES:
            if frame.kind != MODE_AUTO:
                is_async = frame.kind == MODE_ASYNC
                return is_async, f'mode {"ASYNC" if is_async else "SYNC"} was pushed'
            # What is below AUTO does not count, but for the body that all of them are in.
            frame = _find_body(frame)
        if frame is not None and frame.kind == BLOCKING_BODY and frame.is_here():
            return False, 'in a blocking body'
        if frame is not None and frame.kind == COROUTINE_BODY and frame.is_here():
            return True, 'in a coroutine'
    if loop is not None and not native.context_is_explicit():
        return True, 'an asyncio loop runs'
    return native.context_is_async(), None


def _find_body(frame):
    while frame is not None and frame.kind in _MODES:
        frame = frame.below
    return frame


def find_body():
    """The frame of the body that this is part of, if it was called without the library."""
    frame = top.get()
    if frame is not None and not frame.is_here():
        return None
    body = _find_body(frame)
    if body is None:
        return _find_body_of_run(_get_running_loop())
    if body is native.PLAIN_BODY:
        body = Frame(BLOCKING_BODY)
        top.set(body)
    return body


def _find_body_of_run(loop):
    """That of a coroutine that a loop runs for a sync caller with nothing around him."""
    if not isinstance(loop, native.Loop) or not native.PLAIN_BODY.is_here():
        return None
    if loop.body is None:
        loop.body = Frame(COROUTINE_BODY, None, loop)
    return loop.body


def enter_coroutine():
    """Its frame, where a sync caller with something around him has one run."""
    return top.set(Frame(COROUTINE_BODY))


def enter_nested_body():
    """Its frame, where a body calls another function and C is in that body still."""
    frame = Frame(BLOCKING_BODY, None, get_asyncio_loop())
    frame.is_nested = True
    return top.set(frame)


def find_nested_body():
    """The frame of one that this is part of, or None."""
    frame = _find_body(top.get())
    return frame if frame is not None and frame.is_nested and frame.is_here() else None


def find_context():
    """SYNC, ASYNCIO or GLIB, and the asyncio loop that runs here, or None."""
    loop = get_asyncio_loop()
    is_async, _ = _judge(loop)
    if not is_async:
        return SYNC, loop
    return (GLIB if loop is None else ASYNCIO), loop


def is_async_context():
    """Whether a smart call made here would give something to await."""
    return _judge(get_asyncio_loop())[0]


def describe():
    """One line: which context, and why."""
    is_async, why = _judge(get_asyncio_loop())
    if why is None:
        return _describe_in_c()
    return f'{"async" if is_async else "sync"}: {why}'


_describe_in_c = SmartAsync.context_describe
_push_mode_in_c = SmartAsync.context_push_mode
_pop_mode_in_c = SmartAsync.context_pop_mode


# Modes

def push_mode(mode):
    """Overrides the detection for smart calls of this task, here, until pop_mode()."""
    if not isinstance(mode, int):
        raise TypeError(f'mode is a SmartAsync.Mode, not {mode!r}')
    if mode not in _MODES:
        raise ValueError(f'mode is a SmartAsync.Mode, of which none is {int(mode)}')
    below = top.get()
    if below is not None and not below.is_here():
        below = None
    top.set(Frame(int(mode), below, get_asyncio_loop()))


def pop_mode():
    """Ends what the last push_mode() in this frame began."""
    frame = top.get()
    if frame is None or frame.kind in (BLOCKING_BODY, COROUTINE_BODY) or not frame.is_here():
        _pop_mode_in_c()  # where nothing was pushed, that is a critical
        return
    top.set(frame.below)


@contextlib.contextmanager
def _mode(mode):
    token = top.set(Frame(mode, top.get(), get_asyncio_loop()))
    try:
        yield
    finally:
        top.reset(token)


def sync_mode():
    """A context manager: smart calls made in it wait."""
    return _mode(MODE_SYNC)


def async_mode():
    """A context manager: smart calls made in it give something to await."""
    return _mode(MODE_ASYNC)


def _set_mode(mode, on):
    frame = top.get()
    if frame is not None and frame.is_here() and frame.kind in (MODE_SYNC, MODE_ASYNC):
        frame = frame.below
    top.set(Frame(mode, frame, get_asyncio_loop()) if on else frame)


def set_sync(on=True):
    """From here on, in this task: smart calls wait; with False, it is detected again."""
    _set_mode(MODE_SYNC, on)


def set_async(on=True):
    """From here on, in this task: smart calls give something to await; with False, it is detected again."""
    _set_mode(MODE_ASYNC, on)


@contextlib.contextmanager
def in_c(is_async):
    """What is called within finds in C the context that was found in Python."""
    if native.context_is_async() == is_async:
        yield
        return
    _push_mode_in_c(SmartAsync.Mode.ASYNC if is_async else SmartAsync.Mode.SYNC)
    try:
        yield
    finally:
        _pop_mode_in_c()
