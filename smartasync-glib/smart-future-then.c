/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What happens after a future has settled: then, catch, finally. */

#include "smart-call-private.h"
#include "smart-context-private.h"

typedef enum
{
  ON_VALUE, /* then */
  ON_ERROR, /* catch */
  ON_BOTH   /* finally */
} When;

/* Owned by the outcome it listens to, then by who delivers it. */
typedef struct
{
  SmartListener base;
  When when;
  SmartContinuation continuation;
  gpointer user_data;
  GDestroyNotify destroy;
  SmartCall *call;     /* the continuation's; a reference */
  SmartOutcome *child; /* what its caller was given */
} ThenListener;

static void
run_continuation (SmartCall *call, gpointer data)
{
  ThenListener *listener = data;
  SmartFuture *settled = smart_outcome_ref_future (listener->base.outcome);

  listener->continuation (call, settled, listener->user_data);
  g_object_unref (settled);
}

/* What finally gives is what was there before, unless it failed. */
typedef struct
{
  SmartListener base;
  SmartOutcome *before;
  SmartOutcome *child;
} FinallyListener;

static void
finally_told (SmartParcel *parcel, gboolean run)
{
  FinallyListener *listener = (FinallyListener *) parcel;
  SmartListener *base = &listener->base;

  smart_outcome_settle_like (listener->child, smart_outcome_peek_error (base->outcome) != NULL
                                                  ? base->outcome
                                                  : listener->before);
  smart_outcome_unref (listener->child);
  smart_outcome_unref (listener->before);
  smart_listener_clear (base);
  g_free (listener);
}

static void
pass_through_finally (ThenListener *listener)
{
  FinallyListener *after = g_new0 (FinallyListener, 1);

  after->base.parcel.deliver = finally_told;
  after->before = smart_outcome_ref (listener->base.outcome);
  after->child = smart_outcome_ref (listener->child);
  smart_outcome_listen (smart_call_get_outcome (listener->call), &after->base);
}

static gboolean
applies (ThenListener *listener)
{
  gboolean failed = smart_outcome_peek_error (listener->base.outcome) != NULL;

  return listener->when == ON_BOTH || failed == (listener->when == ON_ERROR);
}

/* In the context it was attached in, which the call keeps from now on. Without that,
 * nothing is left but to free: then the call is dropped, and says so. */
static void
then_told (SmartParcel *parcel, gboolean run)
{
  ThenListener *listener = (ThenListener *) parcel;
  SmartListener *base = &listener->base;

  if (run && base->inbox != NULL)
    smart_call_set_context (listener->call, smart_inbox_get_context (base->inbox));

  if (run && smart_outcome_is_cancelled (smart_call_get_outcome (listener->call)))
    {
      smart_outcome_settle_cancelled (listener->child);
    }
  else if (run && applies (listener))
    {
      if (listener->when == ON_BOTH)
        pass_through_finally (listener);
      smart_call_begin (listener->call);
    }
  else if (run)
    {
      smart_outcome_settle_like (listener->child, base->outcome);
    }

  g_object_unref (listener->call);
  if (listener->destroy != NULL)
    listener->destroy (listener->user_data);
  smart_outcome_unref (listener->child);
  smart_listener_clear (base);
  g_free (listener);
}

static SmartFuture *
attach (SmartFuture *future,
        When when,
        gboolean at_once,
        SmartContinuation continuation,
        gpointer user_data,
        GDestroyNotify destroy)
{
  SmartOutcome *outcome = smart_future_get_outcome (future);
  ThenListener *listener = g_new0 (ThenListener, 1);
  GMainContext *home = smart_context_ref_home ();
  SmartOutcome *own;
  SmartFuture *result;

  listener->base.parcel.deliver = then_told;
  listener->when = when;
  listener->continuation = continuation;
  listener->user_data = user_data;
  listener->destroy = destroy;
  listener->child = smart_outcome_new (NULL, TRUE);
  result = smart_future_new_for_outcome (listener->child);

  /* finally's own result is only looked at. It is cancelled with the child. */
  own = when == ON_BOTH ? smart_outcome_new (smart_outcome_get_cancellable (listener->child), FALSE)
                        : smart_outcome_ref (listener->child);
  listener->call = smart_call_new_continuation (run_continuation, listener, own);
  if (when == ON_BOTH)
    smart_call_set_lenient (listener->call);

  if (!smart_outcome_is_pending (outcome) && (at_once || !smart_context_is_async ()))
    {
      /* In a sync context there is nobody who would come back to it. */
      listener->base.outcome = smart_outcome_ref (outcome);
      smart_call_set_context (listener->call, home);
      then_told (&listener->base.parcel, TRUE);
    }
  else
    {
      listener->base.inbox = smart_inbox_get (home, G_PRIORITY_DEFAULT);
      smart_outcome_set_weak_home (listener->child, listener->base.inbox);
      smart_outcome_depend (listener->child, outcome);
      smart_outcome_need (listener->child, outcome);
      smart_outcome_listen (outcome, &listener->base);
    }

  g_main_context_unref (home);

  return result;
}

/* Like then, but does not wait for the next iteration if @future has settled. */
SmartFuture *
smart_future_then_at_once (SmartFuture *future,
                           SmartContinuation continuation,
                           gpointer user_data,
                           GDestroyNotify destroy)
{
  return attach (future, ON_VALUE, TRUE, continuation, user_data, destroy);
}

/**
 * smart_future_then:
 * @future: a future
 * @continuation: (scope notified) (closure user_data) (destroy destroy): what to do
 *   with the value
 * @user_data: what to give it
 * @destroy: (nullable): frees @user_data
 *
 * Applies @continuation to the value of @future when it is there. An error
 * skips it, and reaches the future returned.
 *
 * @continuation runs in the main context that this was called in (see
 * [method@SmartAsync.AsyncFunc.call_async]). If @future has settled it runs at
 * once in a sync context, and in the next iteration in an async one. In it,
 * its call is the current one.
 *
 * Returns: (transfer full): what @continuation gives
 *
 * Since: 1.0
 */
SmartFuture *
smart_future_then (SmartFuture *future,
                   SmartContinuation continuation,
                   gpointer user_data,
                   GDestroyNotify destroy)
{
  g_return_val_if_fail (SMART_IS_FUTURE (future), NULL);
  g_return_val_if_fail (continuation != NULL, NULL);

  return attach (future, ON_VALUE, FALSE, continuation, user_data, destroy);
}

/**
 * smart_future_catch:
 * @future: a future
 * @continuation: (scope notified) (closure user_data) (destroy destroy): what to do
 *   with the error
 * @user_data: what to give it
 * @destroy: (nullable): frees @user_data
 *
 * Applies @continuation when @future is rejected. A value skips it, and
 * reaches the future returned. It runs where that of
 * [method@SmartAsync.Future.then] would.
 *
 * Returns: (transfer full): what @continuation gives
 *
 * Since: 1.0
 */
SmartFuture *
smart_future_catch (SmartFuture *future,
                    SmartContinuation continuation,
                    gpointer user_data,
                    GDestroyNotify destroy)
{
  g_return_val_if_fail (SMART_IS_FUTURE (future), NULL);
  g_return_val_if_fail (continuation != NULL, NULL);

  return attach (future, ON_ERROR, FALSE, continuation, user_data, destroy);
}

/**
 * smart_future_finally:
 * @future: a future
 * @continuation: (scope notified) (closure user_data) (destroy destroy): what to do
 *   in any case
 * @user_data: what to give it
 * @destroy: (nullable): frees @user_data
 *
 * Applies @continuation when @future has settled. The future returned gives
 * what @future gave, unless @continuation returns an error; it need not return
 * at all. It runs where that of [method@SmartAsync.Future.then] would.
 *
 * Returns: (transfer full): what @future gives
 *
 * Since: 1.0
 */
SmartFuture *
smart_future_finally (SmartFuture *future,
                      SmartContinuation continuation,
                      gpointer user_data,
                      GDestroyNotify destroy)
{
  g_return_val_if_fail (SMART_IS_FUTURE (future), NULL);
  g_return_val_if_fail (continuation != NULL, NULL);

  return attach (future, ON_BOTH, FALSE, continuation, user_data, destroy);
}
