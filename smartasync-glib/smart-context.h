/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <smartasync-glib/smart-types.h>

G_BEGIN_DECLS

SMART_AVAILABLE_IN_1_0
gboolean  smart_context_is_async  (void);
SMART_AVAILABLE_IN_1_0
gboolean  smart_context_is_explicit
                                  (void);
SMART_AVAILABLE_IN_1_0
gboolean  smart_context_is_bare   (void);
SMART_AVAILABLE_IN_1_0
SmartContextTraits
          smart_context_survey    (void);
SMART_AVAILABLE_IN_1_0
char     *smart_context_describe  (void);
SMART_AVAILABLE_IN_1_0
void      smart_context_push_mode (SmartMode mode);
SMART_AVAILABLE_IN_1_0
void      smart_context_pop_mode  (void);

G_END_DECLS
