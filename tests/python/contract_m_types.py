#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later

"""What mypy makes of the stubs, and of programs that use them."""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import harness
from harness import test

TOP = Path(__file__).resolve().parents[2]
BINDINGS = TOP / 'bindings' / 'python'
STUBS = sorted((BINDINGS / 'gi-stubs').rglob('*.pyi'))
TYPING = Path(__file__).resolve().parent / 'typing'

# "file.py:38: error: Argument … [arg-type]"
ERROR = re.compile(r'^(?P<file>[^:]+):(?P<line>\d+):(?:\d+:)? error: .*\[(?P<code>[a-z-]+)\]$')
MARK = re.compile(r'# error(?P<newer> from 3\.12)?: (?P<codes>[a-z -]+)$')


def run_mypy(*arguments, status=0):
    """What mypy prints of these, which know the stubs as they are installed."""
    environment = {**os.environ, 'PYTHONPATH': str(BINDINGS)}
    with tempfile.TemporaryDirectory() as cache:
        done = subprocess.run(
            ['mypy', '--strict', '--cache-dir', cache, '--no-error-summary', '--no-color-output',
             '--hide-error-context', '--python-executable', sys.executable, *map(str, arguments)],
            capture_output=True, text=True, env=environment, cwd=cache, timeout=harness.DEADLINE * 6)
    assert done.returncode == status, (done.returncode, done.stdout, done.stderr)
    return done.stdout


@test('/contract/M10.d', main_only=True, seconds=240)
def stubs_are_typed():
    assert run_mypy(*STUBS) == ''
    # Found beside the module that they describe, with its marker.
    assert (BINDINGS / 'gi-stubs' / 'py.typed').read_text() == 'partial\n'
    assert run_mypy('-c', 'from gi.repository.SmartAsync import smartasync\n'
                          'n: int = smartasync(len).sync("abc")') == ''


@test('/python/typing/no-any', main_only=True, seconds=240)
def nothing_is_any():
    stub = BINDINGS / 'gi-stubs' / 'repository' / 'SmartAsync.pyi'
    assert not re.search(r'\bAny\b|Incomplete', stub.read_text(encoding='utf-8'))
    assert run_mypy('--disallow-any-explicit', '--disallow-any-unimported',
                    '--disallow-any-decorated', stub) == ''


@test('/python/typing/uses', main_only=True, seconds=240)
def uses_pass():
    assert run_mypy(TYPING / 'uses.py') == ''
    # That mypy looks at all is shown by one that is wrong.
    text = (TYPING / 'uses.py').read_text(encoding='utf-8')
    wrong = text.replace('assert_type(await load.aio(\'a\'), bytes)',
                         'assert_type(await load.aio(\'a\'), str)', 1)
    assert wrong != text and 'assert-type' in run_mypy('-c', wrong, status=1)


def find_marks(path):
    """{line: the codes that one of must be said there}."""
    marks = {}
    for number, line in enumerate(path.read_text(encoding='utf-8').splitlines(), 1):
        match = MARK.search(line)
        if match and (not match['newer'] or sys.version_info >= (3, 12)):
            marks[number] = set(match['codes'].split())
    return marks


@test('/python/typing/misuses', main_only=True, seconds=240)
def misuses_fail():
    path = TYPING / 'misuses.py'
    marks = find_marks(path)
    assert len(marks) >= 10
    errors = {}
    for line in run_mypy(path, status=1).splitlines():
        match = ERROR.match(line)
        if match:
            errors.setdefault(int(match['line']), set()).add(match['code'])
    assert errors.keys() == marks.keys(), (sorted(errors.keys() ^ marks.keys()), errors)
    for number, codes in errors.items():
        assert codes & marks[number], (number, codes, marks[number])


# What the library has for those who write a language's layer.
FOR_THE_OVERRIDE = {'exception_get_value', 'exception_new', 'exception_quark', 'receiver_begin'}


def list_public(module):
    return {name for name in dir(module) if not name.startswith('_')}


@test('/python/typing/complete', main_only=True)
def stubs_are_complete():
    """What there is has a type, and what has a type is there."""
    from gi.repository import SmartAsync
    text = (BINDINGS / 'gi-stubs' / 'repository' / 'SmartAsync.pyi').read_text(encoding='utf-8')
    top = set(re.findall(r'^(?:def|class) (\w+)|^(\w+)(?: =|:)', text, re.M))
    typed = {name for pair in top for name in pair if name and not name.startswith('_')}
    missing = {name for name in typed if not hasattr(SmartAsync, name)}
    assert not missing, missing
    # What Python cannot say, and the class structures of GObject.
    untyped = {name for name in list_public(SmartAsync) if not name.endswith('Class')}
    untyped -= typed | {'await', 'continuation'} | FOR_THE_OVERRIDE
    assert not untyped, untyped
    for name in ('AsyncFunc', 'Call', 'Future', 'Executor', 'Lock'):
        body = re.search(rf'^class {name}\(.*?(?=^\S)', text, re.M | re.S)[0]
        methods = set(re.findall(r'^    def (\w+)', body, re.M))
        assert methods
        for method in methods:
            assert hasattr(getattr(SmartAsync, name), method), (name, method)
        for method, value in vars(getattr(SmartAsync, name)).items():
            if not method.startswith('_') and method not in ('derivev', 'props') and callable(value):
                assert method in methods, (name, method)


if __name__ == '__main__':
    harness.main()
