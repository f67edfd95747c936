# SPDX-License-Identifier: LGPL-2.1-or-later

# mypy: disable-error-code="misc"
# As in SmartAsync.pyi.

from collections.abc import Awaitable, Callable, Coroutine
from typing import TypeVar, overload

from gi.repository.SmartAsync import is_async_context as is_async_context
from gi.repository.SmartAsync import reset_smartasync_cache as reset_smartasync_cache
from gi.repository.SmartAsync import set_async as set_async
from gi.repository.SmartAsync import set_sync as set_sync
from gi.repository.SmartAsync import smartasync as smartasync
from typing_extensions import Concatenate, ParamSpec

_P = ParamSpec('_P')
_R = TypeVar('_R')
_T = TypeVar('_T')

__all__ = ['smartasync', 'smartawait', 'smartcontinuation', 'SmartLock', 'reset_smartasync_cache',
           'is_async_context', 'set_sync', 'set_async']

@overload
async def smartawait(value: Awaitable[_T]) -> _T: ...
@overload
async def smartawait(value: _T) -> _T: ...
@overload
def smartcontinuation(value: Awaitable[_T], on_resolved: Callable[Concatenate[_T, _P], _R],
                      *args: _P.args, **kwargs: _P.kwargs) -> Coroutine[object, object, _R]: ...
@overload
def smartcontinuation(value: _T, on_resolved: Callable[Concatenate[_T, _P], _R],
                      *args: _P.args, **kwargs: _P.kwargs) -> _R: ...

class SmartLock:
    @overload
    async def run_once(self, coro_func: Callable[_P, Coroutine[object, object, _T]],
                       *args: _P.args, **kwargs: _P.kwargs) -> _T: ...
    @overload
    async def run_once(self, coro_func: Callable[_P, _T], *args: _P.args,
                       **kwargs: _P.kwargs) -> _T: ...
    def reset(self) -> None: ...
