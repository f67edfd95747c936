/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "smart-thread-private.h"

G_BEGIN_DECLS

SmartInterrupt *smart_interrupt_ref    (SmartInterrupt *interrupt);
void            smart_interrupt_unref  (SmartInterrupt *interrupt);
GSource        *smart_interrupt_attach (SmartInterrupt *interrupt,
                                        GMainContext   *context,
                                        gboolean       *interrupted);
gboolean        smart_interrupt_poll   (SmartInterrupt *interrupt);

G_END_DECLS
