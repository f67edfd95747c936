/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "smart-i18n-private.h"

#include <libintl.h>

/**
 * smart_error_quark:
 *
 * The domain of [error@SmartAsync.Error]. May be called from any thread.
 *
 * Returns: the quark
 *
 * Since: 1.0
 */
/* clang-format off */
G_DEFINE_QUARK (smart-error-quark, smart_error)
/* clang-format on */

/* Messages of errors, in the user's language. */
const char *
smart_gettext (const char *message)
{
  static gsize bound = 0;

  if (g_once_init_enter (&bound))
    {
      bindtextdomain (GETTEXT_PACKAGE, SMART_LOCALE_DIR);
      bind_textdomain_codeset (GETTEXT_PACKAGE, "UTF-8");
      g_once_init_leave (&bound, 1);
    }

  return g_dgettext (GETTEXT_PACKAGE, message);
}
