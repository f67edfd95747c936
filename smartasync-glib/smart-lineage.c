/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a call descends from, as far as that matters: the turns and the flights
 * that the calls above it hold. A call without any has none (NULL). */

#include "smart-lineage-private.h"

/* What a flight begins with, in memory that is all zero; g_free() frees it. */
void
smart_lineage_init (SmartLineage *flight)
{
  flight->ref_count = 1;
}

/* A call that has @above (nullable) is about to fly. Returns its reference, which is
 * the second one; nobody else can take any so far. */
SmartLineage *
smart_lineage_fly (SmartLineage *flight, SmartLineage *above)
{
  flight->above = above != NULL ? smart_lineage_ref (above) : NULL;
  flight->ref_count = 2;

  return flight;
}

SmartLineage *
smart_lineage_new_turn (SmartLineage *above, gconstpointer turn_of)
{
  SmartLineage *lineage = g_new0 (SmartLineage, 1);

  lineage->ref_count = 1;
  lineage->above = above != NULL ? smart_lineage_ref (above) : NULL;
  lineage->turn_of = turn_of;

  return lineage;
}

SmartLineage *
smart_lineage_ref (SmartLineage *lineage)
{
  g_atomic_int_inc (&lineage->ref_count);
  return lineage;
}

void
smart_lineage_unref (SmartLineage *lineage)
{
  while (lineage != NULL && g_atomic_int_dec_and_test (&lineage->ref_count))
    {
      SmartLineage *above = lineage->above;

      g_free (lineage);
      lineage = above;
    }
}

void
smart_lineage_end (SmartLineage *lineage)
{
  g_atomic_int_set (&lineage->ended, TRUE);
}

gboolean
smart_lineage_has_turn (SmartLineage *lineage, gconstpointer turn_of)
{
  for (; lineage != NULL; lineage = lineage->above)
    if (lineage->turn_of == turn_of && !smart_lineage_has_ended (lineage))
      return TRUE;

  return FALSE;
}

/* Whether it is part of a flight, not landed, that @matches. */
gboolean
smart_lineage_find_flight (SmartLineage *lineage,
                           gboolean (*matches) (SmartLineage *, gconstpointer),
                           gconstpointer data)
{
  for (; lineage != NULL; lineage = lineage->above)
    if (lineage->turn_of == NULL && !smart_lineage_has_ended (lineage) && matches (lineage, data))
      return TRUE;

  return FALSE;
}
