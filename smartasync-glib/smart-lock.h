/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <smartasync-glib/smart-types.h>

G_BEGIN_DECLS

#define SMART_TYPE_LOCK (smart_lock_get_type ())

SMART_AVAILABLE_IN_1_0
G_DECLARE_FINAL_TYPE (SmartLock, smart_lock, SMART, LOCK, GObject)

SMART_AVAILABLE_IN_1_0
SmartLock   *smart_lock_new              (void);

SMART_AVAILABLE_IN_1_0
SmartFuture *smart_lock_run_once         (SmartLock            *lock,
                                          const char           *key,
                                          SmartAsyncFunc       *func,
                                          GObject              *source,
                                          const GValue         *args,
                                          guint                 n_args,
                                          GCancellable         *cancellable);
SMART_AVAILABLE_IN_1_0
gboolean     smart_lock_run_once_sync    (SmartLock            *lock,
                                          const char           *key,
                                          SmartAsyncFunc       *func,
                                          GObject              *source,
                                          const GValue         *args,
                                          guint                 n_args,
                                          GCancellable         *cancellable,
                                          GValue               *result,
                                          GError              **error);
SMART_AVAILABLE_IN_1_0
void         smart_lock_run_once_async   (SmartLock            *lock,
                                          const char           *key,
                                          SmartAsyncFunc       *func,
                                          GObject              *source,
                                          const GValue         *args,
                                          guint                 n_args,
                                          GCancellable         *cancellable,
                                          GAsyncReadyCallback   callback,
                                          gpointer              user_data);
SMART_AVAILABLE_IN_1_0
gboolean     smart_lock_run_once_finish  (SmartLock            *lock,
                                          GAsyncResult         *async_result,
                                          GValue               *result,
                                          GError              **error);
SMART_AVAILABLE_IN_1_0
void         smart_lock_forget           (SmartLock            *lock,
                                          const char           *key);
SMART_AVAILABLE_IN_1_0
void         smart_lock_reset            (SmartLock            *lock);

SMART_AVAILABLE_IN_1_0
guint        smart_lock_get_n_flights    (SmartLock            *lock);
SMART_AVAILABLE_IN_1_0
guint        smart_lock_get_n_waiters    (SmartLock            *lock);
SMART_AVAILABLE_IN_1_0
guint64      smart_lock_get_n_calls      (SmartLock            *lock);
SMART_AVAILABLE_IN_1_0
guint64      smart_lock_get_n_executions (SmartLock            *lock);

G_END_DECLS
