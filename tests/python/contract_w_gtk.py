#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The contract's W9: widgets stay on their thread; and Z1 for that. Needs a display."""

import threading

import gi

import harness
import leaks
from harness import Home, expect_smart_error, run_asyncio, test

gi.require_version('Gtk', '4.0')
from gi.repository import Gtk, SmartAsync

smartasync = SmartAsync.smartasync
WRONG_THREAD = SmartAsync.Error.WRONG_THREAD


class Label(Gtk.Label):
    begun = []

    @smartasync
    def blocking(self):
        self.begun.append(threading.get_ident())
        return self.get_label()

    @smartasync
    async def later(self):
        await SmartAsync.sleep(0.001)
        return self.get_label()


def make_raw(**properties):
    func = SmartAsync.AsyncFunc.new_blocking(
        lambda call: call.return_string(call.get_source_object().get_label()))
    for name, value in properties.items():
        func.set_property(name, value)
    return func


# GTK is for the main thread only.

@test('/contract/W9.a', main_only=True)
def widget_is_not_offloaded():
    label = Label(label='Grüße')
    label.begun.clear()
    expect_smart_error(Home().run, label.blocking, code=WRONG_THREAD)
    expect_smart_error(Home().run, make_raw().callv, label, [], None, code=WRONG_THREAD)

    async def in_loop():
        return await label.blocking()

    for loop in harness.LOOPS:
        expect_smart_error(lambda: run_asyncio(in_loop, loop=loop), code=WRONG_THREAD)
    assert not label.begun
    # Here it may run, and what is asynchronous may everywhere.
    assert label.blocking() == 'Grüße' and Home().run(label.later) == 'Grüße'
    assert label.begun == [threading.get_ident()]


@test('/contract/W9.b', main_only=True)
def unless_thread_safe():
    label = Label(label='Grüße')
    label.begun.clear()
    assert Home().run(label.blocking.options(thread_safe_source=True)) == 'Grüße'
    assert label.begun[0] != threading.get_ident()
    raw = make_raw(thread_safe_source=True)
    assert Home().run(raw.callv, label, [], None) == 'Grüße'


WIDGETS = list(harness._tests)
leaks.add_tests(lambda: WIDGETS, '/widgets')


if __name__ == '__main__':
    harness.main()
