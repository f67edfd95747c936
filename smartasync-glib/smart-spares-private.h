/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* What processors pass on to each other; on nearly all of them. */
#define SMART_CACHE_LINE 64

/* How deep calls nest as a rule. */
#define SMART_MAX_SPARES 8

/* Of one type. They belong to a thread: there is nothing to lock. Calls pass from one
 * thread to another by way of the shared pool, under its lock. */
typedef struct
{
  GObject **objects; /* references */
  guint     n;
} SmartSpares;

void     smart_spares_wipe       (gpointer     memory,
                                  gsize        size);
gboolean smart_spares_may_keep   (const SmartSpares *spares,
                                  GObject     *object);
gboolean smart_spares_may_revive (const SmartSpares *spares,
                                  GObject     *object);
void     smart_spares_keep       (SmartSpares *spares,
                                  GObject     *object);
gpointer smart_spares_take       (SmartSpares *spares);
void     smart_spares_clear      (SmartSpares *spares);

/* Has @size bytes on their way into the cache, to be written. It may be no memory at all:
 * then it does no harm. */
static inline void
smart_fetch (guintptr address, gsize size)
{
#ifdef __GNUC__
  for (gsize i = 0; i < size; i += SMART_CACHE_LINE)
    __builtin_prefetch ((const void *) (address + i), 1);
#endif
}

G_END_DECLS
