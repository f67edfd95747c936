#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later

"""What else smart functions and futures do as others of their kind, and what they refuse at once."""

import copy
import pickle

import harness
from harness import expect, test

from gi.repository import SmartAsync

smartasync = SmartAsync.smartasync
Future = SmartAsync.Future


class Thing:
    def __init__(self, number):
        self.number = number

    @smartasync
    def get(self):
        return self.number

    @smartasync
    @classmethod
    def get_class(cls):
        return cls


@test('/python/functions/methods-are-copied')
def methods_are_copied():
    # As those of Python are: a deep copy and a pickle have a copy of the object.
    thing = Thing(7)
    by_pickle = lambda method: pickle.loads(pickle.dumps(method))
    for make, is_new in (copy.copy, False), (copy.deepcopy, True), (by_pickle, True):
        copied = make(thing.get)
        assert copied() == copied.sync() == 7
        assert (copied.__self__ is not thing) is is_new and type(copied.__self__) is Thing
        assert (copied == thing.get) is not is_new
        assert make(Thing.get_class)() is Thing
    # What has options of its own has no name to be found by.
    derived = thing.get.options(timeout=harness.DEADLINE)
    assert copy.copy(derived) == derived
    assert copy.deepcopy(derived).__func__ is derived.__func__
    expect(pickle.PicklingError, pickle.dumps, derived)


if __name__ == '__main__':
    harness.main()
