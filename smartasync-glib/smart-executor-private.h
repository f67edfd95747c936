/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "smart-call-private.h"

#include <smartasync-glib/smart-executor.h>

G_BEGIN_DECLS

gboolean      smart_executor_offer             (SmartExecutor *executor,
                                                SmartCall     *call,
                                                GError       **error);
void          smart_executor_refuse            (SmartCall     *call,
                                                GError        *error);
GError       *smart_executor_new_closed_error  (void);
gboolean      smart_executor_watch             (SmartExecutor *executor,
                                                SmartOutcome  *outcome);
void          smart_executor_unwatch           (SmartExecutor *executor,
                                                SmartOutcome  *outcome);
void          smart_executor_submit            (SmartExecutor *executor,
                                                SmartCall     *call);
void          smart_executor_submit_and_wait   (SmartExecutor *executor,
                                                SmartCall     *call);
gboolean      smart_executor_is_here           (SmartExecutor *executor);
gboolean      smart_executor_run_inline        (SmartExecutor *executor,
                                                SmartCall     *call);
gboolean      smart_executor_is_pool           (SmartExecutor *executor);
gboolean      smart_executor_set_deadline      (SmartOutcome  *outcome,
                                                guint          msec,
                                                GError       **error);
void          smart_executor_forget_all        (void);

G_END_DECLS
