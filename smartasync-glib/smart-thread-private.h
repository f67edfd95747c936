/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <smartasync-glib/smart-types.h>

G_BEGIN_DECLS

typedef struct _SmartFrame   SmartFrame;
typedef struct _SmartInbox   SmartInbox;
typedef struct _SmartInterrupt SmartInterrupt;
typedef struct _SmartOutcome SmartOutcome;
typedef struct _SmartThread  SmartThread;

/* What this library knows of one thread. Every field belongs to that thread:
 * there is nothing to lock. */
struct _SmartThread
{
  int           id;            /* the system's, for those who debug; immutable */
  SmartFrame   *top;           /* smart-context.c: the innermost frame */
  guint         n_bodies;      /* smart-context.c: of the frames, those on its stack */

  GPtrArray    *contexts;      /* smart-context-pool.c: one for each depth */
  guint         depth;         /* how many of them are in use */
  int           reset_serial;  /* the reset that it last heard of */

  SmartInbox   *inbox;         /* smart-inbox.c: the one used last */
  SmartOutcome *spare;         /* smart-future.c: one to use again */

  SmartInterrupt *interrupt;   /* smart-interrupt.c: what ends its waits */

  gpointer      pool;          /* smart-offload.c: the pool that it is of */
  gboolean      is_worker;     /* smart-offload.c: of the shared pool */
};

SmartThread *smart_thread_get  (void);
SmartThread *smart_thread_peek (void);

G_END_DECLS
