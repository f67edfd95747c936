/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

void   smart_fixture_watch_log       (void);
char **smart_fixture_take_complaints (void);
void   smart_fixture_watch_objects   (void);
int    smart_fixture_count_objects   (void);
void   smart_fixture_watch_time      (const char *what,
                                      guint       seconds);

G_END_DECLS
