/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* For code that does not know whether it has a value or what will become one. */

#include <smartasync-glib/smart-await.h>

#include "smart-context-private.h"
#include "smart-future-private.h"
#include "smart-i18n-private.h"
#include "smart-value-private.h"

/* The future that @value is, or NULL. */
static SmartFuture *
get_future (const GValue *value)
{
  GObject *object;

  if (value == NULL || !G_VALUE_HOLDS_OBJECT (value))
    return NULL;

  object = g_value_get_object (value);
  return SMART_IS_FUTURE (object) ? SMART_FUTURE (object) : NULL;
}

/* Goes down from one future to the next that it gives. */
typedef struct
{
  SmartListener base;
  SmartOutcome *innermost; /* a reference: settles with the last one's value */
} AwaitListener;

static void await_outcome (SmartOutcome *outcome, SmartOutcome *innermost);

static void
await_told (SmartParcel *parcel, gboolean run)
{
  AwaitListener *listener = (AwaitListener *) parcel;
  SmartListener *base = &listener->base;
  SmartFuture *next = smart_outcome_peek_error (base->outcome) == NULL
                          ? get_future (smart_outcome_peek (base->outcome))
                          : NULL;

  if (next != NULL && smart_future_get_outcome (next) == listener->innermost)
    smart_outcome_settle (listener->innermost, NULL,
                          g_error_new_literal (SMART_ERROR, SMART_ERROR_WOULD_DEADLOCK,
                                               _ ("A future was to wait for itself")),
                          NULL);
  else if (next != NULL)
    await_outcome (smart_future_get_outcome (next), listener->innermost);
  else
    smart_outcome_settle_like (listener->innermost, base->outcome);

  smart_outcome_unref (listener->innermost);
  smart_listener_clear (base);
  g_free (listener);
}

static void
await_outcome (SmartOutcome *outcome, SmartOutcome *innermost)
{
  AwaitListener *listener = g_new0 (AwaitListener, 1);

  listener->base.parcel.deliver = await_told;
  listener->innermost = smart_outcome_ref (innermost);
  smart_outcome_adopt_home (innermost, outcome);
  smart_outcome_depend (innermost, outcome);
  smart_outcome_need (innermost, outcome);
  smart_outcome_listen (outcome, &listener->base);
}

/* In a sync context: down to the value, here. */
static SmartFuture *
await_here (SmartFuture *future, GCancellable *cancellable)
{
  SmartFuture *current = g_object_ref (future);

  for (;;)
    {
      SmartOutcome *outcome = smart_future_get_outcome (current);
      SmartFuture *next;
      GError *error = NULL;

      if (!smart_future_wait (current, -1, cancellable, NULL, &error))
        {
          g_object_unref (current);
          return smart_future_new_for_error (error);
        }

      next = get_future (smart_outcome_peek (outcome));
      if (next == NULL)
        return current;

      g_object_ref (next);
      g_object_unref (current);
      current = next;
    }
}

/**
 * smart_await:
 * @value: (nullable): a value, a future, or a future of a future
 * @cancellable: (nullable): ends the wait
 *
 * Gives what @value is or will become: the value itself or, however deep the
 * futures are nested, the innermost one's. In a sync context this waits, as
 * [method@SmartAsync.Future.wait] does, and what it returns has settled; in an
 * async context it returns at once.
 *
 * To cancel the future returned cancels what it waits for; @cancellable only
 * ends the wait. May be called from any thread.
 *
 * Returns: (transfer full): a future
 *
 * Since: 1.0
 */
SmartFuture *
smart_await (const GValue *value, GCancellable *cancellable)
{
  SmartFuture *future = get_future (value);
  SmartOutcome *innermost;
  SmartFuture *result;

  g_return_val_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable), NULL);

  if (future == NULL)
    return smart_future_new_for_value (value != NULL && G_IS_VALUE (value) ? value : NULL);

  if (!smart_context_is_async ())
    return await_here (future, cancellable);

  innermost = smart_outcome_new (cancellable, TRUE);
  result = smart_future_new_for_outcome (innermost);
  if (cancellable != NULL)
    smart_outcome_abandon_on_cancel (innermost);
  await_outcome (smart_future_get_outcome (future), innermost);
  smart_outcome_unref (innermost);

  return result;
}

/**
 * smart_continuation:
 * @value: (nullable): a value, a future, or a future of a future
 * @continuation: (scope notified) (closure user_data) (destroy destroy): what to do
 *   with the value
 * @user_data: what to give it
 * @destroy: (nullable): frees @user_data
 *
 * Applies @continuation to what @value is or will become. If it is there it is
 * applied at once, before this returns; else when it comes, in the context that
 * this was called in, as [method@SmartAsync.Future.then] does. An error skips
 * it, and reaches the future returned. May be called from any thread.
 *
 * Returns: (transfer full): what @continuation gives
 *
 * Since: 1.0
 */
SmartFuture *
smart_continuation (const GValue *value,
                    SmartContinuation continuation,
                    gpointer user_data,
                    GDestroyNotify destroy)
{
  SmartFuture *future, *result;

  g_return_val_if_fail (continuation != NULL, NULL);

  future = smart_await (value, NULL);
  result = smart_future_then_at_once (future, continuation, user_data, destroy);
  g_object_unref (future);

  return result;
}
