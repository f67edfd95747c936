# SPDX-License-Identifier: LGPL-2.1-or-later

"""Functions of the library's, and of introspected libraries."""

from gi.repository import GObject, SmartAsync

from . import detect, errors, interrupt, under_asyncio, values
from .function import SmartFunction
from .homes import iterates_default


def is_introspected(callable_):
    return False


class LibraryFunction(SmartFunction):
    """Of a SmartAsync.AsyncFunc."""

    def __init__(self, func, options=None, binding=None):
        super().__init__(func, options, binding)
        self.__name__ = self.__qualname__ = func.get_name() or 'AsyncFunc'
        self._elsewhere = None

    def _make_func(self):
        if not self._options:
            return self._function
        return self._function.derivev([], [])

    def _set_options(self, func):
        if self._options:
            super()._set_options(func)

    def _make_arguments(self, args, kwargs, boxed=False):
        if kwargs:
            raise TypeError(f'{self!r} takes no keyword arguments')
        return [values.to_gvalue(value) for value in args]

    def _begin(self, args, kwargs, plain=False):
        func = self._get_func()
        loop = detect.get_asyncio_loop()
        if loop is not None and not iterates_default(loop):
            func = self._get_func_elsewhere(func)
        with detect.in_c(True):
            return func._callv(None, self._make_arguments(args, kwargs), self._cancellable)

    def _get_func_elsewhere(self, func):
        """Where nobody iterates a context here, it is begun on a loop thread of the library's."""
        if func.get_kind() == SmartAsync.AsyncFuncKind.BLOCKING or func.get_executor() is not None:
            return func
        if self._elsewhere is None:
            self._elsewhere = func.derivev(['executor'],
                                           [GObject.Value(SmartAsync.Executor, get_loop_thread())])
        return self._elsewhere

    def _run_in_c(self, args, kwargs):
        with errors.translated():
            result = interrupt.call(self._get_func()._call_sync, None,
                                    self._make_arguments(args, kwargs), self._cancellable)
        return result[1]

    _call_sync = _run_in_c

    def _call_aio(self, args, kwargs):
        return under_asyncio.call_in_library(self, args, kwargs)

    _call_under_asyncio = _call_aio


class PairFunction(SmartFunction):
    pass


_loop_thread = None


def get_loop_thread():
    """The thread on which C and GIO functions begin under a loop that iterates no context."""
    global _loop_thread
    if _loop_thread is None:
        _loop_thread = SmartAsync.Executor.new_loop('smartasync asyncio')
    return _loop_thread
