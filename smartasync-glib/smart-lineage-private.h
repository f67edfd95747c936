/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct _SmartLineage SmartLineage;

/* One thing that a call holds, and those below it are part of: a turn, or a flight,
 * which begins with it. */
struct _SmartLineage
{
  int              ref_count; /* atomic */
  int              ended;     /* atomic: it is not held any more */
  SmartLineage    *above;     /* a reference, nullable; immutable once a call has it */
  gconstpointer    turn_of;   /* immutable: whose turn it is, identity only, while it
                                 is held; NULL of a flight */
};

void          smart_lineage_init     (SmartLineage  *flight);
SmartLineage *smart_lineage_fly      (SmartLineage  *flight,
                                      SmartLineage  *above);
SmartLineage *smart_lineage_new_turn (SmartLineage  *above,
                                      gconstpointer  turn_of);
SmartLineage *smart_lineage_ref      (SmartLineage  *lineage);
void          smart_lineage_unref    (SmartLineage  *lineage);
void          smart_lineage_end      (SmartLineage  *lineage);
gboolean      smart_lineage_has_turn (SmartLineage  *lineage,
                                      gconstpointer  turn_of);

gboolean      smart_lineage_find_flight (SmartLineage  *lineage,
                                         gboolean    (* matches) (SmartLineage  *flight,
                                                                  gconstpointer  data),
                                         gconstpointer  data);

/* Whether nobody else has it. */
static inline gboolean
smart_lineage_is_last (SmartLineage *lineage)
{
  return g_atomic_int_get (&lineage->ref_count) == 1;
}

static inline gboolean
smart_lineage_has_ended (SmartLineage *lineage)
{
  return g_atomic_int_get (&lineage->ended);
}

G_END_DECLS
