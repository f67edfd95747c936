#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Runs what a page of the documentation shows: its blocks of Python, one after the other, as if they
were one program. A block that raises, or that lets something be raised where nobody looks, fails."""

import os
import re
import sys
import tempfile
import traceback
import warnings

BLOCK = re.compile(r'^```python\n(.*?)^```$', re.M | re.S)


def main(page):
    with open(page, encoding='utf-8') as file:
        text = file.read()
    blocks = list(BLOCK.finditer(text))
    assert blocks, 'the page shows nothing'
    strays = []
    sys.excepthook = lambda _, error, __: strays.append(error)
    sys.unraisablehook = lambda unraisable: strays.append(unraisable.exc_value)
    warnings.simplefilter('error', RuntimeWarning)

    failed = False
    namespace = {'__name__': '__main__'}
    print(f'1..{len(blocks)}')
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        with open('hello.txt', 'w', encoding='utf-8') as file:
            file.write('hello\n')
        for number, block in enumerate(blocks, 1):
            line = text.count('\n', 0, block.start(1))
            try:
                exec(compile('\n' * line + block[1], page, 'exec'), namespace)
                if strays:
                    raise strays[0]
                print(f'ok {number} line {line + 1}', flush=True)
            except BaseException:
                failed = True
                strays.clear()
                print(f'not ok {number} line {line + 1}', flush=True)
                traceback.print_exc()
        os.chdir('/')
    return failed


if __name__ == '__main__':
    sys.exit(main(os.path.abspath(sys.argv[1])))
