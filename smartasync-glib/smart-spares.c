/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Objects that a thread uses again: to make and to free a GObject costs more
 * than all else that a sync call does. Where the library drops what nobody else
 * has, the object is kept instead, as if new. */

#include "smart-spares-private.h"

#include <string.h>

/* Sets @memory to zero, which is at hand. Where a compiler knows the size, it makes of a
 * memset () of so much a string instruction, which takes several times as long. */
void
smart_spares_wipe (gpointer memory, gsize size)
{
  memset (memory, 0, size);
}

/* Whether @object, of which the caller drops a reference, can serve again. If
 * that is the last one, no other thread knows the object, unless by a weak
 * reference. That, a language's wrapper, a toggle reference, a binding, a frozen
 * notification: all of them are in its qdata. */
gboolean
smart_spares_may_keep (const SmartSpares *spares, GObject *object)
{
  return spares->n < SMART_MAX_SPARES && g_atomic_int_get ((int *) &object->ref_count) == 1 &&
         g_atomic_pointer_get (&object->qdata) == NULL;
}

static void
look_at_data (GQuark key, gpointer data, gpointer has_others)
{
  static gsize notify_queue = 0;

  if (g_once_init_enter (&notify_queue))
    g_once_init_leave (&notify_queue, g_quark_from_static_string ("GObject-notify-queue"));

  if (key != notify_queue)
    *(gboolean *) has_others = TRUE;
}

/* The same in its dispose, on its way out of g_object_unref (): that has frozen its
 * notifications, and thaws them if the object comes back to life. */
gboolean
smart_spares_may_revive (const SmartSpares *spares, GObject *object)
{
  gboolean has_others = FALSE;

  if (spares->n == SMART_MAX_SPARES || g_atomic_int_get ((int *) &object->ref_count) != 1)
    return FALSE;

  g_datalist_foreach (&object->qdata, look_at_data, &has_others);
  return !has_others;
}

/* Takes @object, which has been reset. */
void
smart_spares_keep (SmartSpares *spares, GObject *object)
{
  /* What was released with it may have taken the room. */
  if (spares->n == SMART_MAX_SPARES)
    {
      g_object_unref (object);
      return;
    }

  if (spares->objects == NULL)
    spares->objects = g_new (GObject *, SMART_MAX_SPARES);
  spares->objects[spares->n++] = object;
}

/* Nullable. */
gpointer
smart_spares_take (SmartSpares *spares)
{
  while (spares->n > 0)
    {
      GObject *object = spares->objects[--spares->n];

      if (G_LIKELY (g_atomic_pointer_get (&object->qdata) == NULL))
        return object;
      /* Revived, but its user had frozen its notifications, too. */
      g_object_unref (object);
    }

  return NULL;
}

void
smart_spares_clear (SmartSpares *spares)
{
  while (spares->n > 0)
    g_object_unref (spares->objects[--spares->n]);
  g_clear_pointer (&spares->objects, g_free);
}
