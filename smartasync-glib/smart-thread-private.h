/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <smartasync-glib/smart-types.h>

G_BEGIN_DECLS

typedef struct _SmartFrame   SmartFrame;
typedef struct _SmartInbox   SmartInbox;
typedef struct _SmartInterrupt SmartInterrupt;
typedef struct _SmartOutcome SmartOutcome;
typedef struct _SmartPlace   SmartPlace;
typedef struct _SmartLead    SmartLead;
typedef struct _SmartThread  SmartThread;

/* What this library knows of one thread. Every field belongs to that thread:
 * there is nothing to lock. */
struct _SmartThread
{
  int           id;            /* the system's, for those who debug; immutable */
  SmartFrame   *top;           /* smart-context.c: the innermost frame */

  GPtrArray    *contexts;      /* smart-context-pool.c: of SmartPlace, one for each depth */
  guint         depth;         /* how many of them are in use */
  int           reset_serial;  /* the reset that it last heard of */

  SmartInbox   *inbox;         /* smart-inbox.c: the one used last */
  guint64       delivery;      /* smart-inbox.c: which parcel it is in the middle of; 0: none */
  guint64       n_deliveries;  /* smart-inbox.c: so far */
  SmartOutcome *spare;         /* smart-future.c: one to use again */

  SmartInterrupt *interrupt;   /* smart-interrupt.c: what ends its waits */
  SmartLead    *leads;         /* smart-lock.c: the flights that it runs, the innermost first */

  gpointer      pool;          /* smart-offload.c: the pool that it is of */
  gboolean      is_worker;     /* smart-offload.c: of the shared pool */
  GMainContext *loop;          /* smart-offload.c: where the calls go on that it has begun */
};

/* A sync caller who runs a flight, which others may wait for; on his stack. */
struct _SmartLead
{
  SmartLead    *outer;
  SmartOutcome *waiting; /* his own; not a reference */
  SmartOutcome *flight;  /* not a reference */
};

SmartThread *smart_thread_get  (void);
SmartThread *smart_thread_peek (void);

G_END_DECLS
