/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "smart-fixture-follower.h"

struct _SmartFixtureFollower
{
  GObject parent_instance;

  int n_alive; /* atomic */
};

G_DEFINE_TYPE (SmartFixtureFollower, smart_fixture_follower, G_TYPE_OBJECT)

static void
smart_fixture_follower_class_init (SmartFixtureFollowerClass *class)
{
}

static void
smart_fixture_follower_init (SmartFixtureFollower *follower)
{
}

SmartFixtureFollower *
smart_fixture_follower_new (void)
{
  return g_object_new (SMART_FIXTURE_TYPE_FOLLOWER, NULL);
}

static void
object_ended (gpointer data, GObject *was)
{
  SmartFixtureFollower *follower = data;

  g_atomic_int_add (&follower->n_alive, -1);
  g_object_unref (follower);
}

/**
 * smart_fixture_follower_follow:
 * @object: what is counted until it is disposed of
 */
void
smart_fixture_follower_follow (SmartFixtureFollower *follower, GObject *object)
{
  g_atomic_int_inc (&follower->n_alive);
  g_object_weak_ref (object, object_ended, g_object_ref (follower));
}

guint
smart_fixture_follower_get_n_alive (SmartFixtureFollower *follower)
{
  return (guint) g_atomic_int_get (&follower->n_alive);
}
