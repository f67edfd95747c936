/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "smart-future-private.h"

#include <smartasync-glib/smart-call.h>

G_BEGIN_DECLS

/* What g_object_new () makes, or a language's `new`, is a call of nothing: no
 * function may be used on it. */
#define SMART_IS_LIVE_CALL(call) (SMART_IS_CALL (call) && smart_call_get_outcome (call) != NULL)

SmartCall    *smart_call_new             (SmartAsyncFunc *func,
                                          SmartBody       body,
                                          gpointer        body_data,
                                          SmartOutcome   *outcome);
void          smart_call_set_args        (SmartCall      *call,
                                          GObject        *source,
                                          const GValue   *args,
                                          guint           n_args);
void          smart_call_set_context     (SmartCall      *call,
                                          GMainContext   *context);
void          smart_call_set_inbox       (SmartCall      *call,
                                          SmartInbox     *inbox);
void          smart_call_set_lenient     (SmartCall      *call);

void          smart_call_begin           (SmartCall      *call);
void          smart_call_run_directly    (SmartCall      *call,
                                          SmartOutcome   *outcome);
void          smart_call_run_blocking    (SmartCall      *call);
void          smart_call_release_at_home (SmartCall      *call);

SmartInbox   *smart_call_get_inbox       (SmartCall      *call);
SmartOutcome *smart_call_get_outcome     (SmartCall      *call);
const char   *smart_call_get_label       (SmartCall      *call);

/* smart-offload.c: its queue */
SmartCall    *smart_call_get_next        (SmartCall      *call);
void          smart_call_set_next        (SmartCall      *call,
                                          SmartCall      *next);

G_END_DECLS
