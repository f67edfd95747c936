/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "smart-look-private.h"
#include "smart-spares-private.h"

#include <smartasync-glib/smart-types.h>

G_BEGIN_DECLS

typedef struct _SmartFrame   SmartFrame;
typedef struct _SmartInbox   SmartInbox;
typedef struct _SmartInterrupt SmartInterrupt;
typedef struct _SmartOutcome SmartOutcome;
typedef struct _SmartPlace   SmartPlace;
typedef struct _SmartLead    SmartLead;
typedef struct _SmartThread  SmartThread;
typedef struct _SmartWaiter  SmartWaiter;

/* What this library knows of one thread. Every field belongs to that thread:
 * there is nothing to lock. */
struct _SmartThread
{
  int           id;            /* the system's, for those who debug; immutable */
  SmartFrame   *top;           /* smart-context.c: the innermost frame */
  guint         n_bodies;      /* smart-context.c: of the frames, those on its stack */

  GPtrArray    *contexts;      /* smart-context-pool.c: of SmartPlace, one for each depth */
  guint         depth;         /* how many of them are in use */
  int           reset_serial;  /* the reset that it last heard of */

  SmartInbox   *inbox;         /* smart-inbox.c: the one used last */
  guint64       delivery;      /* smart-inbox.c: which parcel it is in the middle of; 0: none */
  guint64       n_deliveries;  /* smart-inbox.c: so far */
  SmartOutcome *spare;         /* smart-future.c: one to use again */
  gpointer      spare_flight;  /* smart-lock.c: likewise; memory */
  SmartSpares   spare_futures; /* smart-future.c: some to use again */
  SmartSpares   spare_calls;   /* smart-call.c: likewise */
  SmartSpares   spare_cancellables; /* smart-future-cancel.c: likewise */
  SmartFuture  *revived;       /* smart-future.c: one to drop later; a reference */

  SmartInterrupt *interrupt;   /* smart-interrupt.c: what ends its waits */
  SmartLead    *leads;         /* smart-lock.c: the flights that it runs, the innermost first */

  guint         n_waits;       /* smart-future-wait.c: in how many it is */
  SmartWaiter  *spare_waiter;  /* smart-future-wait.c: one to use again */

  gpointer      pool;          /* smart-offload.c: the pool that it is of */
  guint64       submitted_at;  /* smart-offload.c: n_deliveries when it last had a call for
                                  whatever worker; SMART_NOT_IN_A_ROW: it has waited since */
  gboolean      expects;       /* smart-offload.c: a worker that was awake, on another
                                  processor, took its last call at once; whoever waits for
                                  a result next clears it */
  SmartLook     look_out;      /* smart-inbox.c, smart-future-wait.c: for that */
  gboolean      is_worker;     /* smart-offload.c: of the shared pool */
  gboolean      has_run;       /* smart-offload.c: a call, since it came to the queue */
  gpointer      entering;      /* smart-offload.c: the pool that knows it waits for an interpreter */
  void        (*ended) (void); /* smart-offload.c: what an interpreter has called after its last body */
  GMainContext *loop;          /* smart-offload.c: where the calls go on that it has begun */
};

#define SMART_NOT_IN_A_ROW G_MAXUINT64

/* A sync caller who runs a flight, which others may wait for; on his stack. */
struct _SmartLead
{
  SmartLead    *outer;
  SmartOutcome *waiting; /* his own; not a reference */
  SmartOutcome *flight;  /* not a reference */
};

/* The record of this thread, or NULL. Read many times a call: a thread-local
 * variable takes a third of what g_private_get () does, which is left to free it. */
G_GNUC_INTERNAL extern _Thread_local SmartThread *smart_thread_current;

SmartThread *smart_thread_make         (void);
void         smart_thread_clear_spares (SmartThread *thread);

/* The record of this thread, if it has one. */
static inline SmartThread *
smart_thread_peek (void)
{
  return smart_thread_current;
}

static inline SmartThread *
smart_thread_get (void)
{
  SmartThread *thread = smart_thread_current;

  return G_LIKELY (thread != NULL) ? thread : smart_thread_make ();
}

G_END_DECLS
