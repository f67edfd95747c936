/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <smartasync-glib/smart-types.h>

G_BEGIN_DECLS

SMART_AVAILABLE_IN_1_0
SmartFuture *smart_await        (const GValue      *value,
                                 GCancellable      *cancellable);
SMART_AVAILABLE_IN_1_0
SmartFuture *smart_continuation (const GValue      *value,
                                 SmartContinuation  continuation,
                                 gpointer           user_data,
                                 GDestroyNotify     destroy);

G_END_DECLS
