/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <smartasync-glib/smart-error.h>

G_BEGIN_DECLS

const char *smart_gettext (const char *message) G_GNUC_FORMAT (1);

#define _(message) smart_gettext (message)

G_END_DECLS
