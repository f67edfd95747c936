/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* An object that counts where its like end. */

#define SMART_FIXTURE_TYPE_THING (smart_fixture_thing_get_type ())

G_DECLARE_FINAL_TYPE (SmartFixtureThing, smart_fixture_thing, SMART_FIXTURE, THING, GObject)

SmartFixtureThing *smart_fixture_thing_new             (int                number);
int                smart_fixture_thing_get_number      (SmartFixtureThing *thing);
void               smart_fixture_thing_expect_here     (void);
guint              smart_fixture_thing_get_n_alive     (void);
guint              smart_fixture_thing_get_n_elsewhere (void);

G_END_DECLS
