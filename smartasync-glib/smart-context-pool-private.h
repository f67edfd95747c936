/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "smart-thread-private.h"

G_BEGIN_DECLS

GMainContext *smart_context_pool_borrow    (SmartThread *thread);
void          smart_context_pool_give_back (SmartThread *thread);
void          smart_context_pool_discard   (SmartThread *thread);
void          smart_context_pool_clear     (SmartThread *thread);
GMainContext *smart_context_pool_new_sink  (void);
void          smart_context_pool_forget    (SmartThread *thread);
void          smart_context_pool_reset     (void);
guint         smart_context_pool_n_alive   (void);
guint64       smart_context_pool_n_created (void);

G_END_DECLS
