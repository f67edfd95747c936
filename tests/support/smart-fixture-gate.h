/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <smartasync-glib/smartasync-glib.h>

G_BEGIN_DECLS

/* Closed at first; once open, open for good. */

#define SMART_FIXTURE_TYPE_GATE (smart_fixture_gate_get_type ())

G_DECLARE_FINAL_TYPE (SmartFixtureGate, smart_fixture_gate, SMART_FIXTURE, GATE, GObject)

SmartFixtureGate *smart_fixture_gate_new              (void);
void              smart_fixture_gate_open             (SmartFixtureGate *gate);
gboolean          smart_fixture_gate_is_open          (SmartFixtureGate *gate);
guint             smart_fixture_gate_get_n_waiting    (SmartFixtureGate *gate);
gboolean          smart_fixture_gate_wait             (SmartFixtureGate *gate,
                                                       guint             msec,
                                                       GCancellable     *cancellable);
gboolean          smart_fixture_gate_wait_for_waiters (SmartFixtureGate *gate,
                                                       guint             n);
void              smart_fixture_gate_when_open        (SmartFixtureGate *gate,
                                                       GFunc             func,
                                                       gpointer          data);

G_END_DECLS
