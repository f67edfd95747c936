/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Objects that a thread uses again: to make and to free a GObject costs more
 * than all else that a sync call does. Where the library drops what nobody else
 * has, the object is kept instead, as if new. */

#include "smart-spares-private.h"

/* How deep calls nest as a rule. */
#define MAX_SPARES 8

/* Whether @object, of which the caller drops a reference, can serve again. If
 * that is the last one, no other thread knows the object, unless by a weak
 * reference. That, a language's wrapper, a toggle reference, a binding, a frozen
 * notification: all of them are in its qdata. */
gboolean
smart_spares_may_keep (const SmartSpares *spares, GObject *object)
{
  return spares->n < MAX_SPARES && g_atomic_int_get ((int *) &object->ref_count) == 1 &&
         g_atomic_pointer_get (&object->qdata) == NULL;
}

/* Takes @object, which has been reset. */
void
smart_spares_keep (SmartSpares *spares, GObject *object)
{
  /* What was released with it may have taken the room. */
  if (spares->n == MAX_SPARES)
    {
      g_object_unref (object);
      return;
    }

  if (spares->objects == NULL)
    spares->objects = g_new (GObject *, MAX_SPARES);
  spares->objects[spares->n++] = object;
}

/* Nullable. */
gpointer
smart_spares_take (SmartSpares *spares)
{
  return spares->n > 0 ? spares->objects[--spares->n] : NULL;
}

void
smart_spares_clear (SmartSpares *spares)
{
  while (spares->n > 0)
    g_object_unref (smart_spares_take (spares));
  g_clear_pointer (&spares->objects, g_free);
}
