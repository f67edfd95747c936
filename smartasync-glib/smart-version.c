/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <smartasync-glib/smart-version.h>

/**
 * smart_get_major_version:
 *
 * The major version of the library that the program runs with. May be called
 * from any thread.
 *
 * Returns: the major version
 *
 * Since: 1.0
 */
guint
smart_get_major_version (void)
{
  return SMART_MAJOR_VERSION;
}

/**
 * smart_get_minor_version:
 *
 * The minor version of the library that the program runs with. May be called
 * from any thread.
 *
 * Returns: the minor version
 *
 * Since: 1.0
 */
guint
smart_get_minor_version (void)
{
  return SMART_MINOR_VERSION;
}

/**
 * smart_get_micro_version:
 *
 * The micro version of the library that the program runs with. May be called
 * from any thread.
 *
 * Returns: the micro version
 *
 * Since: 1.0
 */
guint
smart_get_micro_version (void)
{
  return SMART_MICRO_VERSION;
}
