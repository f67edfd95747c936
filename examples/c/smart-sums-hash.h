/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <smartasync-glib/smartasync-glib.h>

G_BEGIN_DECLS

#define SMART_SUMS_EXPORT extern __attribute__ ((visibility ("default")))

SMART_SUMS_EXPORT
SmartAsyncFunc *smart_sums_hash_blocking_func     (void);
SMART_SUMS_EXPORT
SmartAsyncFunc *smart_sums_hash_asynchronous_func (void);

G_END_DECLS
