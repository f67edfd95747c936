/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <smartasync-glib/smart-types.h>

G_BEGIN_DECLS

#ifndef __GI_SCANNER__

typedef struct _SmartSyncCall SmartSyncCall;

/**
 * SmartSyncCall: (skip)
 *
 * One typed sync call of an existing pair of functions, `foo_async()` and
 * `foo_finish()`. Made on the stack; there is nothing to allocate.
 *
 * Since: 1.0
 */
struct _SmartSyncCall
{
  /*< private >*/
  GMainContext *context;
  GAsyncResult *result;
  gpointer      padding[5];
  guint         state;
};

#define SMART_SYNC_CALL_INIT { NULL, NULL, { NULL, NULL, NULL, NULL, NULL }, 0 }

SMART_AVAILABLE_IN_1_0
void          smart_sync_call_begin       (SmartSyncCall          *call);
SMART_AVAILABLE_IN_1_0
void          smart_sync_call_begin_full  (SmartSyncCall          *call,
                                           SmartMainContextPolicy  policy);
SMART_AVAILABLE_IN_1_0
void          smart_sync_call_ready       (GObject                *source,
                                           GAsyncResult           *result,
                                           gpointer                sync_call);
SMART_AVAILABLE_IN_1_0
GAsyncResult *smart_sync_call_wait        (SmartSyncCall          *call) G_GNUC_WARN_UNUSED_RESULT;
SMART_AVAILABLE_IN_1_0
void          smart_sync_call_clear       (SmartSyncCall          *call);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (SmartSyncCall, smart_sync_call_clear)

/**
 * smart_sync: (skip)
 * @begin_async: a function that starts something asynchronous
 * @...: its arguments, without the callback and the user data
 *
 * Calls @begin_async and waits, iterating a private main context, for the
 * result to give to its finish function.
 *
 * ```c
 * g_autoptr (GAsyncResult) result = smart_sync (g_file_load_bytes_async, file, cancellable);
 * bytes = g_file_load_bytes_finish (file, result, &etag, &error);
 * ```
 *
 * Returns: (transfer full): the result
 *
 * Since: 1.0
 */
#define smart_sync(begin_async, ...) \
  (G_GNUC_EXTENSION ({ \
    SmartSyncCall smart_sync_call_ = SMART_SYNC_CALL_INIT; \
    smart_sync_call_begin (&smart_sync_call_); \
    (begin_async) (__VA_ARGS__, smart_sync_call_ready, &smart_sync_call_); \
    smart_sync_call_wait (&smart_sync_call_); \
  }))

#endif /* __GI_SCANNER__ */

G_END_DECLS
