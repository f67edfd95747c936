/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "smart-fixture-thing.h"

struct _SmartFixtureThing
{
  GObject parent_instance;

  int number;
};

G_DEFINE_TYPE (SmartFixtureThing, smart_fixture_thing, G_TYPE_OBJECT)

static struct
{
  GThread *home;   /* atomic: where they are to end */
  int n_alive;     /* atomic */
  int n_elsewhere; /* atomic */
} things;

static void
smart_fixture_thing_finalize (GObject *object)
{
  if (g_atomic_pointer_get (&things.home) != g_thread_self ())
    g_atomic_int_inc (&things.n_elsewhere);
  g_atomic_int_add (&things.n_alive, -1);
  G_OBJECT_CLASS (smart_fixture_thing_parent_class)->finalize (object);
}

static void
smart_fixture_thing_class_init (SmartFixtureThingClass *class)
{
  G_OBJECT_CLASS (class)->finalize = smart_fixture_thing_finalize;
}

static void
smart_fixture_thing_init (SmartFixtureThing *thing)
{
  g_atomic_int_inc (&things.n_alive);
}

SmartFixtureThing *
smart_fixture_thing_new (int number)
{
  SmartFixtureThing *thing = g_object_new (SMART_FIXTURE_TYPE_THING, NULL);

  thing->number = number;
  return thing;
}

int
smart_fixture_thing_get_number (SmartFixtureThing *thing)
{
  return thing->number;
}

/**
 * smart_fixture_thing_expect_here:
 *
 * From now on, all are to end on the thread that calls this.
 */
void
smart_fixture_thing_expect_here (void)
{
  g_atomic_pointer_set (&things.home, g_thread_self ());
  g_atomic_int_set (&things.n_elsewhere, 0);
}

guint
smart_fixture_thing_get_n_alive (void)
{
  return (guint) g_atomic_int_get (&things.n_alive);
}

/**
 * smart_fixture_thing_get_n_elsewhere:
 *
 * Returns: how many ended on another thread
 */
guint
smart_fixture_thing_get_n_elsewhere (void)
{
  return (guint) g_atomic_int_get (&things.n_elsewhere);
}
