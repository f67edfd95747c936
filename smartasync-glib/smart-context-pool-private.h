/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "smart-inbox-private.h"
#include "smart-thread-private.h"

G_BEGIN_DECLS

/* How a call and its outcome hold a main context. One of the pool's is not kept:
 * it goes with its thread, and what is left in it is freed then. Such a source may
 * well be who holds the call. Nor is one kept that a call only waits in, to begin:
 * whoever made it may drop it. Each user has a lock for it, or needs none. */
typedef struct
{
  GMainContext *context; /* nullable; a reference, unless there is a keeper */
  gpointer      keeper;  /* nullable: a reference to a SmartPlace or, with its lowest
                            bit set, a use of a SmartInbox */
} SmartHome;

void          smart_home_set               (SmartHome       *home,
                                            GMainContext    *context);
void          smart_home_set_weak          (SmartHome       *home,
                                            SmartInbox      *inbox);
GMainContext *smart_home_peek              (const SmartHome *home);
gboolean      smart_home_is_owned          (const SmartHome *home);
void          smart_home_copy              (SmartHome       *home,
                                            const SmartHome *other);
void          smart_home_clear             (SmartHome       *home);
gboolean      smart_home_is_weak           (const SmartHome *home);
gboolean      smart_home_is_here           (const SmartHome *home);
GMainContext *smart_home_ref_context       (const SmartHome *home);
void          smart_home_destroy_source    (SmartHome       *home,
                                            GSource         *source);

GMainContext *smart_context_pool_borrow    (SmartThread *thread);
void          smart_context_pool_give_back (SmartThread *thread);
void          smart_context_pool_discard   (SmartThread *thread);
void          smart_context_pool_drain     (GMainContext *context);
void          smart_context_pool_make_singletons (void);
void          smart_context_pool_clear     (SmartThread *thread);
GMainContext *smart_context_pool_new_sink  (void);
void          smart_context_pool_forget    (SmartThread *thread);
void          smart_context_pool_reset     (void);
guint         smart_context_pool_n_alive   (void);
guint64       smart_context_pool_n_created (void);

G_END_DECLS
