/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "smart-future-private.h"
#include "smart-lineage-private.h"

#include <smartasync-glib/smart-call.h>

G_BEGIN_DECLS

/* What g_object_new () makes, or a language's `new`, is a call of nothing: no
 * function may be used on it. */
#define SMART_IS_LIVE_CALL(call) (SMART_IS_CALL (call) && smart_call_get_outcome (call) != NULL)

SmartCall    *smart_call_new             (SmartAsyncFunc *func,
                                          gboolean        blocking,
                                          SmartOutcome   *outcome,
                                          SmartLineage  *flight);
SmartCall    *smart_call_new_continuation (SmartBody      body,
                                          gpointer        data,
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
void          smart_call_run_directly    (SmartCall      *call);
void          smart_call_run_blocking    (SmartCall      *call);
gboolean      smart_call_may_run         (SmartCall      *call);
void          smart_call_release         (SmartCall      *call);
void          smart_call_release_at_home (SmartCall      *call);
GObject      *smart_call_strip           (SmartCall      *call);

SmartInbox   *smart_call_get_inbox       (SmartCall      *call);
SmartOutcome *smart_call_get_outcome     (SmartCall      *call);
const char   *smart_call_get_label       (SmartCall      *call);
SmartAsyncFunc *
              smart_call_get_func        (SmartCall      *call);
gboolean      smart_call_is_blocking     (SmartCall      *call);
void          smart_call_end_unreturned  (SmartCall      *call);
SmartLineage *smart_call_get_lineage     (SmartCall      *call);
void          smart_call_set_deadline    (SmartCall      *call,
                                          gint64          deadline);
gint64        smart_call_get_deadline    (SmartCall      *call);

/* What the call of a pending outcome needs to go on. All are identities, once the
 * outcome's lock is free. */
typedef struct
{
  SmartThread *runner;     /* it runs there */
  int          runner_id;  /* valid if @runner is set */
  guint        runner_depth; /* likewise */
  SmartTurns  *turns;      /* it waits for its turn */
  gpointer     pool;       /* it waits for a thread */
} SmartCallNeeds;

void          smart_call_get_needs       (SmartCall      *call,
                                          SmartCallNeeds *needs);
void          smart_call_set_awaits_turn (SmartCall      *call,
                                          gboolean        awaits);
void          smart_call_set_pool        (SmartCall      *call,
                                          gpointer        pool);

void          smart_call_set_turn        (SmartCall      *call);
void          smart_call_forget_turn     (SmartCall      *call);
void          smart_call_drop_turn       (SmartCall      *call);

void          smart_call_push            (SmartCall      *call,
                                          SmartInbox     *inbox,
                                          void         (* deliver) (SmartParcel *parcel,
                                                                    gboolean     run));
SmartCall    *smart_call_of_parcel       (SmartParcel    *parcel);

/* smart-offload.c: its queue */
SmartCall    *smart_call_get_next        (SmartCall      *call);
void          smart_call_set_next        (SmartCall      *call,
                                          SmartCall      *next);

G_END_DECLS
