/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* Counts objects that it does not keep alive. */

#define SMART_FIXTURE_TYPE_FOLLOWER (smart_fixture_follower_get_type ())

G_DECLARE_FINAL_TYPE (SmartFixtureFollower, smart_fixture_follower, SMART_FIXTURE, FOLLOWER, GObject)

SmartFixtureFollower *smart_fixture_follower_new         (void);
void                  smart_fixture_follower_follow      (SmartFixtureFollower *follower,
                                                          GObject              *object);
guint                 smart_fixture_follower_get_n_alive (SmartFixtureFollower *follower);

G_END_DECLS
