/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "smart-thread-private.h"

G_BEGIN_DECLS

typedef struct _SmartWait SmartWait;

#define SMART_WAIT_N_OWNED 4

/* Without it only in benchmarks/wait-costs.c, which compares. */
#ifndef SMART_HAS_WAIT_GRAPH
#define SMART_HAS_WAIT_GRAPH TRUE
#endif

/* A thread that waits; on its stack. */
struct _SmartWait
{
  /* Immutable while it waits. */
  SmartThread  *thread;
  SmartOutcome *outcome;                    /* nullable: something outside the library */
  GMainContext *context;                    /* what it iterates meanwhile, or NULL */
  GMainContext *owned[SMART_WAIT_N_OWNED];  /* what it owns, as far as that is known */
  guint         depth;                      /* how many waits of its thread are around it */
  gboolean      has_deadline;
  gboolean      runs_it;                    /* it iterates for the body of @outcome itself */
  gint64        since;
  gint64        report_at;                  /* its thread's: to be reported then; -1: not */
  GSList       *hidden;                     /* the cancellables that were current */

  GList         link;                       /* the graph's lock */
};

/* smart-future-wait.c: around every place where the library makes a thread wait */
gboolean smart_wait_begin             (SmartWait     *wait,
                                       SmartOutcome  *outcome,
                                       GMainContext  *context,
                                       gint64         deadline,
                                       gboolean       runs_it,
                                       GError       **error);
void     smart_wait_end               (SmartWait     *wait);
gboolean smart_wait_may_be_interrupted (SmartThread  *thread);
void     smart_wait_report_if_long    (SmartWait     *wait);
GSource *smart_wait_attach_report     (SmartWait     *wait,
                                       GMainContext  *context);

/* smart-wait-graph.c */
gboolean smart_wait_graph_enter       (SmartWait     *wait,
                                       GError       **error);
void     smart_wait_graph_leave       (SmartWait     *wait);
gboolean smart_wait_graph_closes_ring (SmartOutcome  *outcome,
                                       SmartOutcome  *needed,
                                       GError       **error);
void     smart_wait_graph_forget_all  (void);

G_END_DECLS
