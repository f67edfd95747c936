/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <smartasync-glib/smartasync-glib.h>

G_BEGIN_DECLS

gboolean        smart_fixture_tree_walk (guint    seed,
                                         guint    depth,
                                         GError **error);
SmartAsyncFunc *smart_fixture_tree_node (guint    which);

G_END_DECLS
