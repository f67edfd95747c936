/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <smartasync-glib/smart-types.h>

G_BEGIN_DECLS

#define SMART_TYPE_EXECUTOR (smart_executor_get_type ())

SMART_AVAILABLE_IN_1_0
G_DECLARE_FINAL_TYPE (SmartExecutor, smart_executor, SMART, EXECUTOR, GObject)

SMART_AVAILABLE_IN_1_0
SmartExecutor *smart_executor_new_pool        (const char    *name,
                                               guint          max_threads);
SMART_AVAILABLE_IN_1_0
SmartExecutor *smart_executor_new_for_context (GMainContext  *context);
SMART_AVAILABLE_IN_1_0
SmartExecutor *smart_executor_new_loop        (const char    *name);

SMART_AVAILABLE_IN_1_0
const char    *smart_executor_get_name        (SmartExecutor *executor);
SMART_AVAILABLE_IN_1_0
guint          smart_executor_get_max_threads (SmartExecutor *executor);
SMART_AVAILABLE_IN_1_0
guint          smart_executor_get_max_pending (SmartExecutor *executor);
SMART_AVAILABLE_IN_1_0
void           smart_executor_set_max_pending (SmartExecutor *executor,
                                               guint          max_pending);
SMART_AVAILABLE_IN_1_0
GMainContext  *smart_executor_get_context     (SmartExecutor *executor);
SMART_AVAILABLE_IN_1_0
gboolean       smart_executor_has_thread      (SmartExecutor *executor);
SMART_AVAILABLE_IN_1_0
void           smart_executor_close           (SmartExecutor *executor);

G_END_DECLS
