/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <gio/gio.h>
#include <string.h>

G_BEGIN_DECLS

void        smart_value_copy               (GValue         *dest,
                                            const GValue   *src);
void        smart_value_clear              (GValue         *value);
void        smart_value_put                (GValue         *dest,
                                            const GValue   *src);
void        smart_value_put_moved          (GValue         *dest,
                                            GValue         *src);
void        smart_value_put_failed         (GValue         *dest);
gboolean    smart_value_is_of_type         (const GValue   *value,
                                            GType           type);
const char *smart_value_type_name          (const GValue   *value);
gboolean    smart_value_convert_number     (const GValue   *value,
                                            GType           type,
                                            GValue         *converted);
void        smart_value_init_owned_pointer (GValue         *value,
                                            gpointer        pointer,
                                            GDestroyNotify  destroy);
void        smart_value_disown_pointer     (GValue         *value);

G_END_DECLS
