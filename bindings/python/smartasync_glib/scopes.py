# SPDX-License-Identifier: LGPL-2.1-or-later

"""What of asyncio's own cancels the task that it is part of, and takes that back when it ends.

asyncio.timeout() and asyncio.TaskGroup do. Nothing tells who has asked for a cancellation, so
whether one of them has is looked up on the stacks of the frames that wait. What is not asyncio's
own is not known here.
"""

import asyncio
import contextlib
import gc
import types

_SCOPES = (asyncio.Timeout, asyncio.TaskGroup)
# Within these there may be others.
_STACKS = (contextlib.AsyncExitStack,)
_GENERATORS = (contextlib._AsyncGeneratorContextManager,)
_MANAGERS = _SCOPES + _STACKS + _GENERATORS

# Where a group waits for its tasks, which is off the stack of the frame that has entered it then.
_EXITS = {getattr(asyncio.TaskGroup, name).__code__ for name in ('__aexit__', '_aexit')
          if hasattr(asyncio.TaskGroup, name)}


def count_own_cancellations(task, coroutine):
    """How many of the requests to cancel the task come from what the coroutine has entered."""
    scopes, frames = {}, [coroutine]
    for frame in frames:
        for manager in _find_entered(frame):
            if isinstance(manager, _SCOPES):
                scopes[id(manager)] = manager
            elif isinstance(manager, _GENERATORS):
                frames.append(manager.gen)
        # What waits in it has a frame, too; of a variable that has one, the task is another.
        frames.extend(held for held in gc.get_referents(frame)
                      if hasattr(type(held), 'throw') or hasattr(type(held), 'athrow')
                      if not any(held is other for other in frames))
    return sum(_has_cancelled(scope, task) for scope in scopes.values())


def _find_entered(frame):
    """The managers that the frame is within. Nothing of what is merely held there is called."""
    is_exit = type(frame) is types.CoroutineType and frame.cr_code in _EXITS
    before = None
    for held in gc.get_referents(frame):
        if type(held) is types.MethodType and issubclass(type(held.__self__), _MANAGERS):
            # On the stack before Python 3.14.
            if held.__func__ is type(held.__self__).__aexit__:
                yield from _with_those_within(held.__self__)
        elif issubclass(type(held), _MANAGERS):
            # Since then the function, and next to it the manager.
            if is_exit or before is type(held).__aexit__:
                yield from _with_those_within(held)
        before = held


def _with_those_within(manager):
    yield manager
    if isinstance(manager, _STACKS):
        for _, exit_ in manager._exit_callbacks:
            if type(exit_) is types.MethodType and issubclass(type(exit_.__self__), _MANAGERS):
                yield from _with_those_within(exit_.__self__)


def _has_cancelled(scope, task):
    if isinstance(scope, asyncio.TaskGroup):
        # Before Python 3.13 a group takes it back before it waits for its tasks, and does not say so.
        return scope._parent_task is task and scope._parent_cancel_requested
    return scope._task is task and scope._state.value == 'expiring'
