/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "smart-thread-private.h"

G_BEGIN_DECLS

/* Around every place where the library makes a thread wait. */
typedef struct
{
  SmartThread *thread;
  GSList      *hidden; /* the cancellables that were current */
} SmartWait;

void smart_wait_begin (SmartWait *wait);
void smart_wait_end   (SmartWait *wait);

G_END_DECLS
