/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <smartasync-glib/smartasync-glib.h>

G_BEGIN_DECLS

/*
 * Functions whose bodies are C, for languages whose own must not run on a
 * worker.
 */

SmartAsyncFunc *smart_fixture_echo_new  (SmartAsyncFuncKind kind);
SmartAsyncFunc *smart_fixture_fail_new  (SmartAsyncFuncKind kind);
SmartAsyncFunc *smart_fixture_once_new  (SmartLock         *lock,
                                         const char        *key);
char           *smart_fixture_describe  (const GValue      *value);

/* A pair that connects to its cancellable late, as some of GIO's do. */

void            smart_fixture_late_async  (GCancellable        *victim,
                                           GCancellable        *cancellable,
                                           GAsyncReadyCallback  callback,
                                           gpointer             user_data);
gboolean        smart_fixture_late_finish (GAsyncResult        *result,
                                           GError             **error);

/* What a language may have no way to ask for. */

guint64         smart_fixture_thread_id           (void);
guint64         smart_fixture_context_id          (GMainContext *context);
guint64         smart_fixture_thread_default_id   (void);
char           *smart_fixture_describe_on_thread  (void);
guint           smart_fixture_count_threads       (void);
guint           smart_fixture_count_own_threads   (void);
guint           smart_fixture_count_fds           (void);
guint           smart_fixture_count_sources       (GMainContext *context);

G_END_DECLS
