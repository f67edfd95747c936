/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct _SmartLineage SmartLineage;

SmartLineage *smart_lineage_new         (SmartLineage  *above,
                                         gconstpointer  what,
                                         gboolean       is_flight);
SmartLineage *smart_lineage_ref      (SmartLineage  *lineage);
void          smart_lineage_unref    (SmartLineage  *lineage);
void          smart_lineage_end      (SmartLineage  *lineage);
gboolean      smart_lineage_contains (SmartLineage  *lineage,
                                      gconstpointer  what);

gboolean      smart_lineage_find_flight (SmartLineage  *lineage,
                                         gboolean    (* matches) (gconstpointer what,
                                                                  gconstpointer data),
                                         gconstpointer  data);

G_END_DECLS
