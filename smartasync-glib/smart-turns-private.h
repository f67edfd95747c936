/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "smart-call-private.h"

G_BEGIN_DECLS

struct _SmartTurns
{
  GMutex     lock;
  GPtrArray *holders; /* lock: the outcomes of those who have a turn; references */
  GQueue     waiting; /* lock: of Turn */
  GQueue     granted; /* lock: of Turn: they hold one, and were not told yet */
  gboolean   granting; /* lock: a thread tells them */
};

void     smart_turns_init    (SmartTurns *turns);
void     smart_turns_clear   (SmartTurns *turns);
gboolean smart_turns_take    (SmartTurns *turns,
                              SmartCall  *call);
gboolean smart_turns_wait    (SmartTurns *turns,
                              SmartCall  *call);
void     smart_turns_release (SmartTurns   *turns,
                              SmartOutcome *outcome);
GPtrArray *
         smart_turns_pin_holders (SmartTurns *turns);
GPtrArray *
         smart_turns_pin_queue (SmartTurns *turns);

G_END_DECLS
