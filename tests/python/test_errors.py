#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Exceptions that are hard to carry through C, and what is left of one when it has been seen."""

import functools
import gc
import os
import weakref

import harness
from cells import PYTHON_KINDS, each_cell
from harness import Home, expect, expect_error, expect_strays, strays, test

from gi.repository import Gio, GLib, SmartAsync

smartasync = SmartAsync.smartasync


class Oops(Exception):
    pass


class Mute(Exception):
    """Nobody can print it."""

    def __str__(self):
        raise ZeroDivisionError('in __str__')


class Renamed(GLib.Error):
    pass


NAME = os.fsdecode(b'caf\xe9.txt')  # has a lone surrogate
IO = GLib.quark_to_string(Gio.io_error_quark())

# What makes each
HARD = {
    'surrogate': lambda: ValueError(f'cannot parse {NAME}'),
    'NUL': lambda: ValueError('a\0b'),
    'mute': Mute,
    'stop': lambda: StopIteration(7),
    'GError with a surrogate': lambda: GLib.Error(NAME, IO, 1),
    'GError with a NUL': lambda: GLib.Error('a\0b', IO, 1),
    'GError with a code of 41 bits': lambda: GLib.Error('text', IO, 1 << 40),
    'GError with a domain that is none': lambda: GLib.Error('text', NAME, 1),
    'GError without a message': lambda: GLib.Error(None, IO, 1),
    'a subtype of it': lambda: Renamed('text', IO, 1),
}


def each_raising(kinds=PYTHON_KINDS):
    """(what it is called, a function that raises, what it has raised, the caller) of each."""
    for what, make_error in HARD.items():
        for name, make, caller in each_cell(kinds):
            if what == 'stop' and not name.startswith('def'):
                continue  # no coroutine raises that
            raised = []

            def act(_, make_error=make_error, raised=raised):
                raised.append(make_error())
                raise raised[-1]

            yield f'{what}: {name}', make(act), raised, caller


# Whatever it is, the same one arrives

def is_same(name, raised, function, *args):
    caught = expect(Exception, function, *args)
    if isinstance(raised[-1], StopIteration) and type(caught) is RuntimeError:
        caught = caught.__cause__  # a coroutine has awaited it
        assert 'in-sync' not in name and 'in-glib' not in name, name
    assert caught is raised[-1], name


@test('/python/errors/hard/called')
def hard_called():
    for name, function, raised, caller in each_raising():
        is_same(name, raised, caller, function, 7)


@test('/python/errors/hard/by-way-of-the-library')
def hard_in_library():
    for name, function, raised, caller in each_raising():
        for options in {'max_concurrency': 2}, {'timeout': harness.DEADLINE}:
            is_same(f'{name} {options}', raised, caller, function.options(**options), 7)


@test('/python/errors/hard/once')
def hard_once():
    lock = SmartAsync.Lock()
    for name, function, raised, caller in each_raising():
        is_same(name, raised, caller, lock.run_once, function, 7)


@test('/python/errors/chained')
def chained():
    # Whatever way it takes: why it was raised, and what was being seen to, it still says.
    def fail(_):
        try:
            raise KeyError
        except KeyError as error:
            if is_because:
                raise Oops from error
            raise Oops

    for is_because in True, False:
        for name, make, caller in each_cell(PYTHON_KINDS):
            for options in {}, {'max_concurrency': 2}:
                error = expect(Oops, caller, make(fail).options(**options), 7)
                assert type(error.__context__) is KeyError, (name, options)
                assert error.__cause__ is (error.__context__ if is_because else None), name
                assert error.__suppress_context__ is is_because, name


@test('/python/errors/hard/raw')
def hard_raw():
    for name, make_error in HARD.items():
        raised = []

        def body(call):
            raised.append(make_error())
            raise raised[-1]

        for new in SmartAsync.AsyncFunc.new, SmartAsync.AsyncFunc.new_blocking:
            error = expect(Exception, new(body).call_sync)
            # A GError it is to these, of which nobody here keeps the exception.
            assert error is raised[-1] or isinstance(error, GLib.Error), (name, error, new)


@test('/python/errors/hard/by-hand')
def hard_by_hand():
    for name, make_error in HARD.items():
        error, future = make_error(), SmartAsync.Future.new(None)
        assert future.reject(error) and future.exception() is error, name
        assert SmartAsync.Future.new_for_error(error).exception() is error, name


@test('/python/errors/hard/in-c')
def hard_in_c():
    # What C sees is a text, with the domain and the code if there are any.
    def see(error):
        future = SmartAsync.Future.new(None)
        future.reject(error)
        future._sources = ()
        return expect(GLib.Error, SmartAsync.Future.__mro__[1].get_value, future)

    assert see(HARD['surrogate']()).message == r'ValueError: cannot parse caf\udce9.txt'
    assert see(Mute()).message == 'Mute: <unprintable>'
    error = see(HARD['GError with a surrogate']())
    assert (error.message, error.domain, error.code) == (r'caf\udce9.txt', IO, 1)


@test('/python/errors/exits')
def exits():
    # What ends a program is nothing that asyncio has to tell of, too.
    for kind in SystemExit, KeyboardInterrupt:
        async def leave():
            await SmartAsync.sleep(0.001)
            raise kind(3)

        for options in {}, {'timeout': harness.DEADLINE}, {'abandon_on_cancel': True}:
            error = expect(kind, smartasync(leave).options(**options))
            assert error.args == (3,), options
            del error
            gc.collect()
            strays.check()


# Who has seen an error is freed, and so is what its frames hold

class Argument:
    """What a function is called with."""


def read(future):
    expect(Oops, future.result)
    assert isinstance(future.exception(), Oops)


def finish(future, result, *data):
    assert data == ('data',)
    expect(Oops, future.wait_finish, result)


def finish_cancelled(future, result):
    expect_error(future.wait_finish, result, code=Gio.IOErrorEnum.CANCELLED)
    assert not future.done()


READERS = {
    'callback': lambda future: future.add_done_callback(read),
    'wait': lambda future: future.wait_async(None, finish, 'data'),
    'wait that may be cancelled': lambda future: future.wait_async(Gio.Cancellable(), finish, 'data'),
    'catch': lambda future: future.catch(lambda call, failed: (read(failed), call.return_none())),
    'both': lambda future: (future.add_done_callback(read), future.wait_async(None, finish, 'data')),
}


def begin(make, reader):
    """Calls what fails, and has that read: weakly, what it was called with, and the future."""
    def fail(_):
        raise Oops

    argument = Argument()
    future = make(fail)(argument)
    reader(future)
    return weakref.ref(argument), future.weak_ref()


def free(home, references):
    def is_freed():
        gc.collect()
        return not any(reference() for reference in references)

    home.until(is_freed, 'it was never freed')


@test('/python/errors/freed/called')
def called_is_freed():
    home = Home()
    for make in PYTHON_KINDS.values():
        for reader in READERS.values():
            references = home.call(begin, make, reader)
            free(home, references)


@test('/python/errors/freed/once')
def once_is_freed():
    home = Home()
    for make in PYTHON_KINDS.values():
        for reader in READERS.values():
            lock = SmartAsync.Lock()
            references = home.call(
                begin, lambda act, make=make, lock=lock: functools.partial(lock.run_once, make(act)),
                reader)
            free(home, references)


@test('/python/errors/freed/by-hand')
def by_hand_is_freed():
    home = Home()
    for reader in READERS.values():
        future = SmartAsync.Future.new(None)
        with home.pushed():
            reader(future)
        future.reject(Oops())
        references = [future.weak_ref()]
        del future
        free(home, references)


@test('/python/errors/wait/cancelled')
def wait_is_cancelled():
    # The wait is, and the future is not.
    home, cancellable = Home(), Gio.Cancellable()
    future, seen = SmartAsync.Future.new(None), []
    with home.pushed():
        future.wait_async(cancellable, lambda *args: (finish_cancelled(*args), seen.append(1)))
    cancellable.cancel()
    home.until(lambda: seen)
    # One that has failed by then is another matter.
    future.reject(Oops())
    with home.pushed():
        future.wait_async(None, lambda *args: (finish(*args), seen.append(2)), 'data')
    home.until(lambda: len(seen) == 2)


@test('/python/errors/caught')
def caught():
    # Nobody holds the futures: the exception comes as it was, and is seen to even if nobody reads it.
    home = Home()
    for make in PYTHON_KINDS.values():
        raised, seen = [], []

        def fail(_):
            raised.append(Oops())
            raise raised[0]

        def catch(call, failed):
            seen.append(failed.exception())
            call.return_none()

        def ignore(call, _):
            seen.append(None)
            call.return_none()

        home.call(lambda: make(fail)(7).catch(catch) and None)
        home.until(lambda: seen)
        assert seen == raised
        home.call(lambda: make(fail)(7).catch(ignore) and None)
        home.until(lambda: len(seen) == 2)
        home.drain()


@test('/python/errors/callback')
def callbacks():
    # What is none is refused at once; what one raises is printed, and the others are called.
    home, future, seen = Home(), SmartAsync.Future.new(None), []
    for callback in None, 'x':
        expect(TypeError, future.add_done_callback, callback)
        expect(TypeError, future.wait_async, None, callback)
        for go_on in future.then, future.catch, future.finally_:
            expect(TypeError, go_on, callback)
    with home.pushed():
        future.add_done_callback(lambda _: 1 / 0)
        future.add_done_callback(lambda done: seen.append(done.result()))
    with expect_strays(ZeroDivisionError):
        future.resolve(7)
        assert not seen
        home.drain()
        assert seen == [7]


if __name__ == '__main__':
    harness.main()
