/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <smartasync-glib/smart-types.h>

G_BEGIN_DECLS

SMART_AVAILABLE_IN_1_0
void      smart_async_reset      (void);
SMART_AVAILABLE_IN_1_0
GVariant *smart_async_get_stats  (void);
SMART_AVAILABLE_IN_1_0
char     *smart_async_dump_waits (void);

SMART_AVAILABLE_IN_1_0
void      smart_set_interrupt_hook
                                 (int                  fd,
                                  SmartInterruptCheck  check,
                                  gpointer             user_data,
                                  GDestroyNotify       destroy);

G_END_DECLS
