#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later

"""What mypy makes of the stubs, and of programs that use them."""

import ast
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
STUBS = sorted(BINDINGS.rglob('*.pyi'))
STUB = BINDINGS / 'gi-stubs' / 'repository' / 'SmartAsync.pyi'
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
    assert (BINDINGS / 'smartasync_glib' / 'py.typed').read_text() == ''
    assert run_mypy('-c', 'from gi.repository.SmartAsync import smartasync\n'
                          'n: int = smartasync(len).sync("abc")') == ''
    assert run_mypy('-c', 'from smartasync_glib.compat import SmartLock, smartasync\n'
                          'async def main(lock: SmartLock) -> int:\n'
                          '    return await lock.run_once(smartasync(len), "abc")') == ''


@test('/python/typing/no-any', main_only=True, seconds=240)
def nothing_is_any():
    # But for the namespaces that are others'.
    others = BINDINGS / 'gi-stubs' / 'repository' / '__init__.pyi'
    own = [stub for stub in STUBS if stub != others]
    assert STUB in own and len(own) == len(STUBS) - 1
    for stub in own:
        assert not re.search(r'\bAny\b|Incomplete', stub.read_text(encoding='utf-8')), stub
    assert run_mypy('--disallow-any-explicit', '--disallow-any-unimported',
                    '--disallow-any-decorated', *own) == ''


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

CLASSES = ('AsyncFunc', 'Call', 'Future', 'Executor', 'Lock')


def list_public(module):
    return {name for name in dir(module) if not name.startswith('_')}


def parse(path):
    """{name: what the stub says of it}: of a class the same, of what is looked up its type."""
    def list_names(body):
        names = {}
        for node in body:
            if isinstance(node, ast.If):
                names.update(list_names(node.body))
            elif isinstance(node, ast.ClassDef):
                names[node.name] = list_names(node.body)
            elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                decorators = [ast.unparse(decorator) for decorator in node.decorator_list]
                is_looked_up = 'property' in decorators or node.name == '__getitem__'
                names[node.name] = node.returns if is_looked_up else None
            elif isinstance(node, ast.AnnAssign):
                names[node.target.id] = node.annotation
            elif isinstance(node, ast.Assign):
                names.update((target.id, node.value) for target in node.targets)
        return names

    return list_names(ast.parse(path.read_text(encoding='utf-8')).body)


def find_lacks(stub, thing, names, path):
    """What `thing` has not, though the stub says so, and what that has not that it gives."""
    lacks = []
    for name, what in names.items():
        if name.startswith('_') and name != '__getitem__':
            continue
        if not hasattr(thing, name):
            lacks.append(f'{path}.{name}')
            continue
        given = what.value if isinstance(what, ast.Subscript) else what
        if isinstance(given, ast.Name) and given.id.startswith('_'):
            found = getattr(thing, name)
            lacks += find_lacks(stub, found('key') if name == '__getitem__' else found,
                                stub[given.id], f'{path}.{name}')
    return lacks


def find_all_lacks(stub):
    """The same of the whole module."""
    from gi.repository import SmartAsync
    lacks = find_lacks(stub, SmartAsync, stub, 'SmartAsync')
    func = SmartAsync.AsyncFunc.new_blocking(lambda call: call.return_none())
    things = {name: getattr(SmartAsync, name) for name in CLASSES}
    things.update(Lock=SmartAsync.Lock(), _SmartFunction=SmartAsync.smartasync(len),
                  _SmartLibraryFunction=SmartAsync.smartasync(func))
    for name, thing in things.items():
        assert stub[name], name
        lacks += find_lacks(stub, thing, stub[name], name)
    return lacks


@test('/python/typing/complete', main_only=True)
def stubs_are_complete():
    """What there is has a type, and what has a type is there."""
    from gi.repository import SmartAsync
    stub = parse(STUB)
    lacks = find_all_lacks(stub)
    assert not lacks, lacks
    # What Python cannot say, and the class structures of GObject.
    untyped = {name for name in list_public(SmartAsync) if not name.endswith('Class')}
    untyped -= stub.keys() | {'await', 'continuation'} | FOR_THE_OVERRIDE
    assert not untyped, untyped
    for name in CLASSES:
        for method, value in vars(getattr(SmartAsync, name)).items():
            if not method.startswith('_') and method not in ('derivev', 'props') and callable(value):
                assert method in stub[name], (name, method)


@test('/python/typing/lacks', main_only=True)
def lacks_are_found():
    """What only the stub has, wherever that is."""
    stub = parse(STUB)
    for name in ('Lock', '_Key', '_RunOnce', '_SmartAwait', '_SmartContinuation', '_SmartFunction',
                 '_SmartLibraryFunction', 'Future'):
        added = {**stub, name: {**stub[name], 'lacking': None}}
        assert any(lack.endswith('.lacking') for lack in find_all_lacks(added)), name
    assert find_all_lacks({**stub, 'lacking': None}) == ['SmartAsync.lacking']
    from smartasync_glib import compat
    stub = parse(BINDINGS / 'smartasync_glib' / 'compat.pyi')
    assert find_lacks(stub, compat, stub, 'compat') == []
    assert ast.literal_eval(stub['__all__']) == compat.__all__


if __name__ == '__main__':
    harness.main()
