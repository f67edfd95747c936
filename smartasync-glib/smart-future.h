/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <smartasync-glib/smart-types.h>

G_BEGIN_DECLS

#define SMART_TYPE_FUTURE (smart_future_get_type ())

SMART_AVAILABLE_IN_1_0
G_DECLARE_FINAL_TYPE (SmartFuture, smart_future, SMART, FUTURE, GObject)

SMART_AVAILABLE_IN_1_0
SmartFuture       *smart_future_new            (GCancellable         *cancellable);
SMART_AVAILABLE_IN_1_0
SmartFuture       *smart_future_new_for_value  (const GValue         *value);
SMART_AVAILABLE_IN_1_0
SmartFuture       *smart_future_new_for_error  (GError               *error);

SMART_AVAILABLE_IN_1_0
gboolean           smart_future_resolve        (SmartFuture          *future,
                                                const GValue         *value);
SMART_AVAILABLE_IN_1_0
gboolean           smart_future_reject         (SmartFuture          *future,
                                                GError               *error);
SMART_AVAILABLE_IN_1_0
void               smart_future_cancel         (SmartFuture          *future);

SMART_AVAILABLE_IN_1_0
SmartFutureStatus  smart_future_get_status     (SmartFuture          *future);
SMART_AVAILABLE_IN_1_0
char              *smart_future_dup_name       (SmartFuture          *future);
SMART_AVAILABLE_IN_1_0
void               smart_future_set_name       (SmartFuture          *future,
                                                const char           *name);
SMART_AVAILABLE_IN_1_0
double             smart_future_get_progress   (SmartFuture          *future);
SMART_AVAILABLE_IN_1_0
gboolean           smart_future_get_value      (SmartFuture          *future,
                                                GValue               *value,
                                                GError              **error);
SMART_AVAILABLE_IN_1_0
gboolean           smart_future_get_boolean    (SmartFuture          *future,
                                                GError              **error);
SMART_AVAILABLE_IN_1_0
int                smart_future_get_int        (SmartFuture          *future,
                                                GError              **error);
SMART_AVAILABLE_IN_1_0
guint              smart_future_get_uint       (SmartFuture          *future,
                                                GError              **error);
SMART_AVAILABLE_IN_1_0
gint64             smart_future_get_int64      (SmartFuture          *future,
                                                GError              **error);
SMART_AVAILABLE_IN_1_0
guint64            smart_future_get_uint64     (SmartFuture          *future,
                                                GError              **error);
SMART_AVAILABLE_IN_1_0
double             smart_future_get_double     (SmartFuture          *future,
                                                GError              **error);
SMART_AVAILABLE_IN_1_0
char              *smart_future_get_string     (SmartFuture          *future,
                                                GError              **error);
SMART_AVAILABLE_IN_1_0
gpointer           smart_future_get_object     (SmartFuture          *future,
                                                GError              **error);
SMART_AVAILABLE_IN_1_0
gpointer           smart_future_get_boxed      (SmartFuture          *future,
                                                GError              **error);
SMART_AVAILABLE_IN_1_0
GVariant          *smart_future_get_variant    (SmartFuture          *future,
                                                GError              **error);

SMART_AVAILABLE_IN_1_0
gboolean           smart_future_wait           (SmartFuture          *future,
                                                gint64                timeout_usec,
                                                GCancellable         *cancellable,
                                                GValue               *value,
                                                GError              **error);
#ifndef __GI_SCANNER__
/* Of smart_future_begin_wait(): what has to be iterated for the future. */
typedef enum
{
  SMART_WAIT_HERE,      /* nothing but the context that the thread iterates anyway */
  SMART_WAIT_AT_CALLER, /* the caller's context, too, which the thread owns now */
  SMART_WAIT_FOR_CALLER /* likewise, but another thread owns it: try again in a while */
} SmartWaitPlace;

SMART_AVAILABLE_IN_1_0
gpointer           smart_future_begin_wait     (SmartFuture          *future,
                                                GMainContext         *context,
                                                GMainContext         *caller,
                                                SmartWaitPlace       *place,
                                                GError              **error);
SMART_AVAILABLE_IN_1_0
void               smart_future_end_wait       (gpointer              wait);
#endif
SMART_AVAILABLE_IN_1_0
void               smart_future_wait_async     (SmartFuture          *future,
                                                GCancellable         *cancellable,
                                                GAsyncReadyCallback   callback,
                                                gpointer              user_data);
#ifndef __GI_SCANNER__ /* which takes it for the beginning of a pair */
SMART_AVAILABLE_IN_1_0
void               smart_future_watch          (SmartFuture          *future,
                                                GAsyncReadyCallback   callback,
                                                gpointer              user_data,
                                                GDestroyNotify        dropped);
#endif
SMART_AVAILABLE_IN_1_0
gboolean           smart_future_wait_finish    (SmartFuture          *future,
                                                GAsyncResult         *result,
                                                GValue               *value,
                                                GError              **error);

SMART_AVAILABLE_IN_1_0
SmartFuture       *smart_future_then           (SmartFuture          *future,
                                                SmartContinuation     continuation,
                                                gpointer              user_data,
                                                GDestroyNotify        destroy);
SMART_AVAILABLE_IN_1_0
SmartFuture       *smart_future_catch          (SmartFuture          *future,
                                                SmartContinuation     continuation,
                                                gpointer              user_data,
                                                GDestroyNotify        destroy);
SMART_AVAILABLE_IN_1_0
SmartFuture       *smart_future_finally        (SmartFuture          *future,
                                                SmartContinuation     continuation,
                                                gpointer              user_data,
                                                GDestroyNotify        destroy);
SMART_AVAILABLE_IN_1_0
SmartFuture       *smart_future_all            (SmartFuture          *first,
                                                ...) G_GNUC_NULL_TERMINATED;
SMART_AVAILABLE_IN_1_0
SmartFuture       *smart_future_allv           (SmartFuture         **futures,
                                                guint                 n_futures);
SMART_AVAILABLE_IN_1_0
SmartFuture       *smart_future_any            (SmartFuture          *first,
                                                ...) G_GNUC_NULL_TERMINATED;
SMART_AVAILABLE_IN_1_0
SmartFuture       *smart_future_anyv           (SmartFuture         **futures,
                                                guint                 n_futures);
SMART_AVAILABLE_IN_1_0
SmartFuture       *smart_future_race           (SmartFuture          *first,
                                                ...) G_GNUC_NULL_TERMINATED;
SMART_AVAILABLE_IN_1_0
SmartFuture       *smart_future_racev          (SmartFuture         **futures,
                                                guint                 n_futures);
SMART_AVAILABLE_IN_1_0
SmartFuture       *smart_future_with_timeout   (SmartFuture          *future,
                                                guint                 msec);
SMART_AVAILABLE_IN_1_0
void               smart_future_add_notify     (SmartFuture          *future,
                                                SmartNotify           notify,
                                                gpointer              user_data,
                                                GDestroyNotify        destroy);

G_END_DECLS
