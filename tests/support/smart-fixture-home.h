/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <smartasync-glib/smartasync-glib.h>

G_BEGIN_DECLS

/* Objects that outlive a call, and functions in C that use them where they are
 * at home. */

#define SMART_FIXTURE_TYPE_HOME (smart_fixture_home_get_type ())

G_DECLARE_FINAL_TYPE (SmartFixtureHome, smart_fixture_home, SMART_FIXTURE, HOME, GObject)

SmartFixtureHome *smart_fixture_home_new              (GDBusConnection  *connection,
                                                       const char       *bus_name,
                                                       const char       *uri);
SmartAsyncFunc   *smart_fixture_home_request          (SmartFixtureHome *home);
SmartAsyncFunc   *smart_fixture_home_emit             (SmartFixtureHome *home);
SmartAsyncFunc   *smart_fixture_home_drop             (SmartFixtureHome *home);
guint             smart_fixture_home_get_n_emitted    (SmartFixtureHome *home);
gboolean          smart_fixture_home_is_one_thread    (SmartFixtureHome *home);

G_END_DECLS
