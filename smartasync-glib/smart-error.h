/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <smartasync-glib/smart-types.h>

G_BEGIN_DECLS

/**
 * SmartError:
 * @SMART_ERROR_WOULD_DEADLOCK: the wait could never have ended
 * @SMART_ERROR_RECURSION: a flight asked for itself
 * @SMART_ERROR_NOT_RETURNED: a body ended, or dropped its call, without a result
 * @SMART_ERROR_INVALID_ARGUMENTS: arguments, or a result, that the signature does not allow
 * @SMART_ERROR_WRONG_THREAD: it would have run on a thread where it must not
 * @SMART_ERROR_CLOSED: the place where it was to run is gone
 *
 * The errors that the library itself makes. Cancellation is
 * %G_IO_ERROR_CANCELLED, a deadline %G_IO_ERROR_TIMED_OUT, a full queue
 * %G_IO_ERROR_BUSY; what a body returns arrives unchanged.
 *
 * Since: 1.0
 */
typedef enum
{
  SMART_ERROR_WOULD_DEADLOCK,
  SMART_ERROR_RECURSION,
  SMART_ERROR_NOT_RETURNED,
  SMART_ERROR_INVALID_ARGUMENTS,
  SMART_ERROR_WRONG_THREAD,
  SMART_ERROR_CLOSED
} SmartError;

#define SMART_ERROR (smart_error_quark ())

SMART_AVAILABLE_IN_1_0
GQuark smart_error_quark (void);

G_END_DECLS
