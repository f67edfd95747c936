#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Usage: thing.py FILE WORD: the library in examples/c/thing, by its usual names."""

import sys

import gi

gi.require_version('Thing', '1.0')
from gi.repository import GLib, Thing

loop = GLib.MainLoop()


def loaded(source, result, word):
    book = Thing.Book.load_finish(result)
    assert source is None
    book.count_async(word, None, counted, book)


def counted(source, result, book):
    assert source == book
    print('async:', book.count_finish(result))
    loop.quit()


path, word = sys.argv[1:]
print('sync:', Thing.Book.load(path, 0, None).count(word, None))
print('smart:', Thing.Book.load_future(path, 0, None).get_object().count_future(word, None).get_int())
try:
    Thing.Book.load(path, 1, None)
except GLib.Error as error:
    print('error:', error.domain)
Thing.Book.load_async(path, 0, None, loaded, word)
loop.run()
