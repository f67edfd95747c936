/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a call descends from, as far as that matters: the turns and the flights
 * that the calls above it hold. A call without any has none (NULL). */

#include "smart-lineage-private.h"

struct _SmartLineage
{
  gatomicrefcount ref_count;
  SmartLineage *above; /* immutable; a reference, nullable */
  gconstpointer what;  /* immutable; of a turn identity only, while it is held;
                          of a flight an atomic reference counted box, a reference */
  gboolean is_flight;  /* immutable */
  int ended;           /* atomic: it is not held any more */
};

/* @is_flight tells whether it is the mark of a flight or a function whose turn it is. */
SmartLineage *
smart_lineage_new (SmartLineage *above, gconstpointer what, gboolean is_flight)
{
  SmartLineage *lineage = g_new0 (SmartLineage, 1);

  g_atomic_ref_count_init (&lineage->ref_count);
  lineage->above = above != NULL ? smart_lineage_ref (above) : NULL;
  lineage->what = is_flight ? g_atomic_rc_box_acquire ((gpointer) what) : what;
  lineage->is_flight = is_flight;

  return lineage;
}

SmartLineage *
smart_lineage_ref (SmartLineage *lineage)
{
  g_atomic_ref_count_inc (&lineage->ref_count);
  return lineage;
}

void
smart_lineage_unref (SmartLineage *lineage)
{
  while (lineage != NULL && g_atomic_ref_count_dec (&lineage->ref_count))
    {
      SmartLineage *above = lineage->above;

      if (lineage->is_flight)
        g_atomic_rc_box_release ((gpointer) lineage->what);
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
smart_lineage_contains (SmartLineage *lineage, gconstpointer what)
{
  for (; lineage != NULL; lineage = lineage->above)
    if (lineage->what == what && !g_atomic_int_get (&lineage->ended))
      return TRUE;

  return FALSE;
}

/* Whether it is part of a flight whose mark @matches. */
gboolean
smart_lineage_find_flight (SmartLineage *lineage,
                           gboolean (*matches) (gconstpointer, gconstpointer),
                           gconstpointer data)
{
  for (; lineage != NULL; lineage = lineage->above)
    if (lineage->is_flight && matches (lineage->what, data))
      return TRUE;

  return FALSE;
}
