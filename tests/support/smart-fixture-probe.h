/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "smart-fixture-gate.h"

G_BEGIN_DECLS

/**
 * SmartFixtureAct:
 * @SMART_FIXTURE_ACT_ECHO: returns the first argument; without one, the integer 42
 * @SMART_FIXTURE_ACT_NONE: returns nothing
 * @SMART_FIXTURE_ACT_FAIL: returns %G_IO_ERROR_NOT_FOUND, “Grüße”
 * @SMART_FIXTURE_ACT_FORGET: ends without returning
 * @SMART_FIXTURE_ACT_TWICE: returns the first argument twice
 * @SMART_FIXTURE_ACT_STRING: returns a string
 * @SMART_FIXTURE_ACT_THING: returns a new #SmartFixtureThing
 * @SMART_FIXTURE_ACT_PROGRESS: reports a hundred times, then as @SMART_FIXTURE_ACT_ECHO
 *
 * What a body does in the end.
 */
typedef enum
{
  SMART_FIXTURE_ACT_ECHO,
  SMART_FIXTURE_ACT_NONE,
  SMART_FIXTURE_ACT_FAIL,
  SMART_FIXTURE_ACT_FORGET,
  SMART_FIXTURE_ACT_TWICE,
  SMART_FIXTURE_ACT_STRING,
  SMART_FIXTURE_ACT_THING,
  SMART_FIXTURE_ACT_PROGRESS
} SmartFixtureAct;

/**
 * SmartFixtureInner:
 * @SMART_FIXTURE_INNER_SYNC: by smart_async_func_call_sync()
 * @SMART_FIXTURE_INNER_SMART: by the smart call, where the body is
 * @SMART_FIXTURE_INNER_OFFLOADED: by the smart call as in an async context
 *
 * How a body calls the inner function.
 */
typedef enum
{
  SMART_FIXTURE_INNER_SYNC,
  SMART_FIXTURE_INNER_SMART,
  SMART_FIXTURE_INNER_OFFLOADED
} SmartFixtureInner;

/* What bodies in C do, and what they saw. */

#define SMART_FIXTURE_TYPE_PROBE (smart_fixture_probe_get_type ())

G_DECLARE_FINAL_TYPE (SmartFixtureProbe, smart_fixture_probe, SMART_FIXTURE, PROBE, GObject)

SmartFixtureProbe *smart_fixture_probe_new             (SmartFixtureAct     act);
SmartAsyncFunc    *smart_fixture_probe_make            (SmartFixtureProbe  *probe,
                                                        SmartAsyncFuncKind  kind);

void               smart_fixture_probe_set_at_once     (SmartFixtureProbe  *probe,
                                                        gboolean            at_once);
void               smart_fixture_probe_set_gate        (SmartFixtureProbe  *probe,
                                                        SmartFixtureGate   *gate);
void               smart_fixture_probe_set_msec        (SmartFixtureProbe  *probe,
                                                        guint               msec);
void               smart_fixture_probe_set_heeds       (SmartFixtureProbe  *probe,
                                                        gboolean            heeds);
void               smart_fixture_probe_set_inner       (SmartFixtureProbe  *probe,
                                                        SmartAsyncFunc     *inner,
                                                        SmartFixtureInner   how,
                                                        guint               limit);
void               smart_fixture_probe_set_waited      (SmartFixtureProbe  *probe,
                                                        SmartFuture        *waited);

void               smart_fixture_probe_watch           (SmartFixtureProbe  *probe,
                                                        SmartFuture        *future);

guint              smart_fixture_probe_get_n_begun     (SmartFixtureProbe  *probe);
guint              smart_fixture_probe_get_n_ended     (SmartFixtureProbe  *probe);
guint              smart_fixture_probe_get_most_inside (SmartFixtureProbe  *probe);
GVariant          *smart_fixture_probe_get_sights      (SmartFixtureProbe  *probe);
gboolean           smart_fixture_probe_check           (SmartFixtureProbe  *probe,
                                                        GError            **error);
gboolean           smart_fixture_probe_wait_begun      (SmartFixtureProbe  *probe,
                                                        guint               n);
gboolean           smart_fixture_probe_wait_ended      (SmartFixtureProbe  *probe,
                                                        guint               n);
gboolean           smart_fixture_probe_wait_cancelled  (SmartFixtureProbe  *probe,
                                                        guint               n);

G_END_DECLS
