/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "smart-async-func-private.h"

G_BEGIN_DECLS

typedef struct
{
  guint   n_threads;         /* alive, of our own */
  guint   n_idle;            /* of these */
  guint   n_waiting;         /* workers in one of the library's waits */
  guint   n_tickets;         /* GTasks that have not ended */
  guint   n_queued;          /* calls that wait for a worker */
  guint64 n_threads_created;
  guint64 n_tickets_issued;
  guint64 n_begun;           /* calls that a worker took */
} SmartOffloadStats;

void smart_offload            (SmartCall         *call);
void smart_offload_and_wait   (SmartCall         *call);
void smart_offload_run_apart  (GThreadFunc        function);
void smart_offload_begin_wait (void);
void smart_offload_end_wait   (void);
void smart_offload_reset      (void);
void smart_offload_forget_all (void);
void smart_offload_get_stats  (SmartOffloadStats *stats);

/* Pools of executors */

typedef struct _SmartPool SmartPool;

SmartPool *smart_pool_new     (const char *name,
                               guint       max_threads);
gboolean   smart_pool_submit  (SmartPool  *pool,
                               SmartCall  *call,
                               guint       max_pending);
void       smart_pool_close   (SmartPool  *pool);
SmartCall *smart_pool_empty   (SmartPool  *pool);
guint      smart_pool_get_max_threads (SmartPool *pool);

G_END_DECLS
