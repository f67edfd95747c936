/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <smartasync-glib/smart-types.h>

G_BEGIN_DECLS

SMART_AVAILABLE_IN_1_0
SmartAsyncFunc *smart_async_func_new_for_receivers (GObject     *begin,
                                                    GObject     *body);
SMART_AVAILABLE_IN_1_0
void            smart_async_func_bind_to_thread    (SmartAsyncFunc *func);
SMART_AVAILABLE_IN_1_0
void            smart_future_add_receiver          (SmartFuture *future,
                                                    GObject     *receiver);
SMART_AVAILABLE_IN_1_0
gboolean        smart_receiver_begin               (GObject       *receiver,
                                                    const char    *library,
                                                    const char    *symbol,
                                                    const GValue  *args,
                                                    guint          n_args,
                                                    GError       **error);
SMART_AVAILABLE_IN_1_0
const GValue   *smart_future_wait_value            (SmartFuture   *future,
                                                    gint64         timeout_usec,
                                                    GCancellable  *cancellable,
                                                    GError       **error);
SMART_AVAILABLE_IN_1_0
GError         *smart_exception_new                (const GValue *exception,
                                                    const char   *message);
SMART_AVAILABLE_IN_1_0
const GValue   *smart_exception_get_value          (const GError *error);

/**
 * SMART_EXCEPTION:
 *
 * The domain of an exception of another language, as [func@SmartAsync.exception_new]
 * makes them. Its code is always 0.
 *
 * Since: 1.0
 */
#define SMART_EXCEPTION (smart_exception_quark ())

SMART_AVAILABLE_IN_1_0
GQuark          smart_exception_quark              (void);

G_END_DECLS
