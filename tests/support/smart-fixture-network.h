/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

gboolean smart_fixture_network_enter  (void);
gboolean smart_fixture_network_change (void);

G_END_DECLS
