/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Every place where the library makes a thread wait, and how it does. */

#include "smart-future-private.h"

#include "smart-context-private.h"
#include "smart-i18n-private.h"
#include "smart-offload-private.h"
#include "smart-value-private.h"
#include "smart-wait-private.h"

/* How often one who waits for what another thread iterates looks whether it
 * still does. */
#define TAKE_OVER_USEC (10 * G_TIME_SPAN_MILLISECOND)

/* What this thread owns, as far as that can be known. */
static void
find_owned (SmartWait *wait, SmartOutcome *outcome)
{
  GMainContext *context = g_main_context_get_thread_default ();
  GSource *source = g_main_current_source ();
  GMainContext *home = NULL;

  if (context == NULL)
    context = g_main_context_default ();
  wait->owned[0] = g_main_context_is_owner (context) ? context : NULL;
  wait->owned[1] = source != NULL ? g_source_get_context (source) : NULL;
  wait->owned[2] = NULL;

  if (outcome == NULL)
    return;

  g_mutex_lock (&outcome->lock);
  if (outcome->home != NULL)
    home = g_main_context_ref (outcome->home);
  g_mutex_unlock (&outcome->lock);

  if (home != NULL)
    {
      /* It is compared only, and the outcome keeps it as long as it matters. */
      if (g_main_context_is_owner (home))
        wait->owned[2] = home;
      g_main_context_unref (home);
    }
}

/* A callback that is dispatched while the thread waits has nothing to do with
 * the call that waits: it must not see that call's cancellable as the current
 * one. And while a worker waits, another one may run. Fails if the wait would
 * never end. */
gboolean
smart_wait_begin (SmartWait *wait,
                  SmartOutcome *outcome,
                  GMainContext *context,
                  gint64 deadline,
                  gboolean runs_it,
                  GError **error)
{
  wait->thread = smart_thread_get ();
  wait->outcome = outcome;
  wait->context = context;
  wait->has_deadline = deadline >= 0;
  wait->runs_it = runs_it;
  find_owned (wait, runs_it ? NULL : outcome);

  if (!smart_wait_graph_enter (wait, error))
    return FALSE;

  wait->hidden = smart_hide_cancellables ();
  if (wait->thread->is_worker)
    smart_offload_begin_wait ();

  return TRUE;
}

void
smart_wait_end (SmartWait *wait)
{
  if (wait->thread->is_worker)
    smart_offload_end_wait ();
  smart_show_cancellables (wait->hidden);
  smart_wait_graph_leave (wait);
}

/* Who cannot be told why a wait was refused gets it as the result. */
static void
refuse (SmartOutcome *outcome, GError *error, GError **refused)
{
  if (refused != NULL)
    g_propagate_error (refused, error);
  else
    smart_outcome_settle (outcome, NULL, error, NULL);
}

static void
wake (GCancellable *cancellable, gpointer data)
{
  SmartOutcome *outcome = data;

  g_mutex_lock (&outcome->lock);
  if (outcome->n_blocked > 0)
    g_cond_broadcast (&outcome->settled);
  if (outcome->poller != NULL)
    g_main_context_wakeup (outcome->poller);
  g_mutex_unlock (&outcome->lock);
}

static void
unref_outcome (gpointer data, GClosure *closure)
{
  smart_outcome_unref (data);
}

static gulong
watch_cancellable (SmartOutcome *outcome, GCancellable *cancellable)
{
  if (cancellable == NULL)
    return 0;

  return g_signal_connect_data (cancellable, "cancelled", G_CALLBACK (wake),
                                smart_outcome_ref (outcome), unref_outcome, 0);
}

static gboolean
is_over (SmartOutcome *outcome, gint64 deadline, GCancellable *cancellable)
{
  return !smart_outcome_is_pending (outcome) || g_cancellable_is_cancelled (cancellable) ||
         (deadline >= 0 && g_get_monotonic_time () >= deadline);
}

/* Blocks this thread until @outcome has settled, @deadline (monotonic time, µs;
 * -1: none) has passed or @cancellable is cancelled. Returns whether it has
 * settled. */
gboolean
smart_outcome_block (SmartOutcome *outcome,
                     gint64 deadline,
                     GCancellable *cancellable,
                     GError **refused)
{
  SmartWait wait;
  gulong id;
  GError *error = NULL;

  if (is_over (outcome, deadline, cancellable))
    return !smart_outcome_is_pending (outcome);

  if (!smart_wait_begin (&wait, outcome, NULL, deadline, FALSE, &error))
    {
      refuse (outcome, error, refused);
      return !smart_outcome_is_pending (outcome);
    }
  id = watch_cancellable (outcome, cancellable);

  g_mutex_lock (&outcome->lock);
  outcome->n_blocked++;
  while (!is_over (outcome, deadline, cancellable))
    {
      if (deadline >= 0)
        g_cond_wait_until (&outcome->settled, &outcome->lock, deadline);
      else
        g_cond_wait (&outcome->settled, &outcome->lock);
    }
  outcome->n_blocked--;
  g_mutex_unlock (&outcome->lock);

  if (id != 0)
    g_signal_handler_disconnect (cancellable, id);
  smart_wait_end (&wait);

  return !smart_outcome_is_pending (outcome);
}

static gboolean
do_nothing (gpointer unused)
{
  return G_SOURCE_CONTINUE;
}

static GSource *
attach_alarm (GMainContext *context, gint64 deadline)
{
  GSource *alarm = g_timeout_source_new (0);

  g_source_set_static_name (alarm, "smartasync wait");
  g_source_set_ready_time (alarm, deadline);
  g_source_set_callback (alarm, do_nothing, NULL, NULL);
  g_source_attach (alarm, context);

  return alarm;
}

/* The same, but iterates @context, which this thread owns, meanwhile. @runs_it:
 * for nothing but the body whose outcome it is. */
gboolean
smart_outcome_iterate (SmartOutcome *outcome,
                       GMainContext *context,
                       gint64 deadline,
                       GCancellable *cancellable,
                       gboolean runs_it,
                       GError **refused)
{
  SmartWait wait;
  GSource *alarm = NULL;
  GMainContext *outer;
  gulong id;
  GError *error = NULL;

  if (is_over (outcome, deadline, cancellable))
    return !smart_outcome_is_pending (outcome);

  if (!smart_wait_begin (&wait, outcome, context, deadline, runs_it, &error))
    {
      refuse (outcome, error, refused);
      return !smart_outcome_is_pending (outcome);
    }
  id = watch_cancellable (outcome, cancellable);
  if (deadline >= 0)
    alarm = attach_alarm (context, deadline);

  g_mutex_lock (&outcome->lock);
  outer = outcome->poller;
  outcome->poller = context;
  g_mutex_unlock (&outcome->lock);

  /* Who settles it elsewhere sets the status, then wakes the context up: to
   * find it pending and to sleep all the same is not possible. */
  while (!is_over (outcome, deadline, cancellable))
    g_main_context_iteration (context, TRUE);

  g_mutex_lock (&outcome->lock);
  outcome->poller = outer;
  g_mutex_unlock (&outcome->lock);

  if (alarm != NULL)
    {
      g_source_destroy (alarm);
      g_source_unref (alarm);
    }
  if (id != 0)
    g_signal_handler_disconnect (cancellable, id);
  smart_wait_end (&wait);

  return !smart_outcome_is_pending (outcome);
}

/* Iterates @home, or waits for the one who does. That one may stop at any time,
 * when what he waited for is there or his loop has ended, and tells nobody. */
static void
wait_at_home (SmartOutcome *outcome,
              GMainContext *home,
              gint64 deadline,
              GCancellable *cancellable,
              GError **refused)
{
  while (*refused == NULL && !is_over (outcome, deadline, cancellable))
    {
      if (g_main_context_acquire (home))
        {
          smart_outcome_iterate (outcome, home, deadline, cancellable, FALSE, refused);
          g_main_context_release (home);
        }
      else
        {
          gint64 look = g_get_monotonic_time () + TAKE_OVER_USEC;

          smart_outcome_block (outcome, deadline >= 0 ? MIN (deadline, look) : look, cancellable,
                               refused);
        }
    }
}

/* Waits in the way that lets @outcome settle. Returns FALSE where it never
 * could. */
gboolean
smart_outcome_wait (SmartOutcome *outcome,
                    gint64 deadline,
                    GCancellable *cancellable,
                    GError **error)
{
  GMainContext *current = g_main_context_ref_thread_default ();
  gboolean is_ours;
  GError *refused = NULL;

  g_mutex_lock (&outcome->lock);
  is_ours = outcome->home == current && outcome->home_thread == smart_thread_peek ();
  g_mutex_unlock (&outcome->lock);

  if (is_ours && !g_main_context_is_owner (current))
    wait_at_home (outcome, current, deadline, cancellable, &refused);
  else
    smart_outcome_block (outcome, deadline, cancellable, &refused);

  g_main_context_unref (current);
  if (refused == NULL)
    return TRUE;

  g_propagate_error (error, refused);
  return FALSE;
}

/**
 * smart_future_wait:
 * @future: a future
 * @timeout_usec: how long to wait at most, in microseconds; -1 for no deadline
 * @cancellable: (nullable): ends the wait; it does not cancel @future
 * @value: (out caller-allocates) (optional): where a copy of the value goes
 * @error: return location for an error
 *
 * Makes this thread wait until @future has settled.
 *
 * Where this thread began the asynchronous call, in its thread-default main
 * context, and nobody owns that, the context is acquired and iterated
 * meanwhile: so a call begun at the top level of a program can be waited for
 * before its main loop runs. Otherwise the thread blocks. A wait that could
 * never end, since the call goes on in a main context that this very thread
 * owns, is refused with %SMART_ERROR_WOULD_DEADLOCK; the future is as before.
 *
 * A wait that ends before @future has settled gives %G_IO_ERROR_TIMED_OUT or
 * %G_IO_ERROR_CANCELLED, and the future is as before. May be called from any
 * thread, by several at once. In a callback of a running main loop it stops
 * that loop; use [method@SmartAsync.Future.wait_async] there.
 *
 * Returns: %FALSE with @error set, if there is no value
 *
 * Since: 1.0
 */
gboolean
smart_future_wait (SmartFuture *future,
                   gint64 timeout_usec,
                   GCancellable *cancellable,
                   GValue *value,
                   GError **error)
{
  SmartOutcome *outcome;
  gint64 deadline = -1;
  gboolean success = FALSE;

  g_return_val_if_fail (SMART_IS_FUTURE (future), FALSE);
  g_return_val_if_fail (timeout_usec >= -1, FALSE);
  g_return_val_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable), FALSE);

  outcome = smart_outcome_ref (smart_future_get_outcome (future));

  if (smart_outcome_is_pending (outcome))
    {
      if (timeout_usec >= 0)
        deadline = g_get_monotonic_time () + MIN (timeout_usec, G_MAXINT64 / 2);

      if (!smart_outcome_wait (outcome, deadline, cancellable, error))
        {
          smart_value_put_failed (value);
          smart_outcome_unref (outcome);
          return FALSE;
        }
    }

  if (!smart_outcome_is_pending (outcome))
    {
      success = smart_outcome_get (outcome, value, error);
    }
  else
    {
      smart_value_put_failed (value);
      if (!g_cancellable_set_error_if_cancelled (cancellable, error))
        g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT, _ ("The wait timed out"));
    }

  smart_outcome_unref (outcome);
  return success;
}

/* A wait that can be cancelled has an outcome of its own. */
typedef struct
{
  SmartListener base;
  SmartOutcome *follower;
} FollowListener;

static void
follow_told (SmartListener *base, gboolean run)
{
  FollowListener *listener = (FollowListener *) base;

  smart_outcome_settle_like (listener->follower, base->outcome);
  smart_outcome_unref (listener->follower);
  smart_listener_clear (base);
  g_free (listener);
}

/* Has @follower settle, in the same thread, as @outcome does. */
void
smart_outcome_lead (SmartOutcome *outcome, SmartOutcome *follower)
{
  FollowListener *listener = g_new0 (FollowListener, 1);

  listener->base.told = follow_told;
  listener->follower = smart_outcome_ref (follower);
  smart_outcome_need (follower, outcome);
  smart_outcome_listen (outcome, &listener->base);
}

/**
 * smart_future_wait_async:
 * @future: a future
 * @cancellable: (nullable): ends the wait; it does not cancel @future
 * @callback: (scope async): called when the wait is over
 * @user_data: what to give it
 *
 * Waits without blocking. @callback comes in the context that
 * [method@SmartAsync.AsyncFunc.call_async] documents, never in this call.
 *
 * Since: 1.0
 */
void
smart_future_wait_async (SmartFuture *future,
                         GCancellable *cancellable,
                         GAsyncReadyCallback callback,
                         gpointer user_data)
{
  SmartOutcome *outcome;
  SmartInbox *inbox;

  g_return_if_fail (SMART_IS_FUTURE (future));
  g_return_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable));
  g_return_if_fail (callback != NULL);

  outcome = smart_outcome_ref (smart_future_get_outcome (future));
  inbox = smart_context_get_inbox (G_PRIORITY_DEFAULT);

  if (cancellable != NULL)
    {
      SmartOutcome *waiting = smart_outcome_new (cancellable, FALSE);

      smart_outcome_abandon_on_cancel (waiting);
      smart_outcome_lead (outcome, waiting);
      smart_outcome_unref (outcome);
      outcome = waiting;
    }

  smart_outcome_call_back (outcome, inbox, G_OBJECT (future), callback, user_data);
  smart_outcome_unref (outcome);
}

/**
 * smart_future_wait_finish:
 * @future: the future
 * @result: what the callback was given
 * @value: (out caller-allocates) (optional): where a copy of the value goes
 * @error: return location for an error
 *
 * Ends what [method@SmartAsync.Future.wait_async] began.
 *
 * Returns: %FALSE with @error set, if there is no value
 *
 * Since: 1.0
 */
gboolean
smart_future_wait_finish (SmartFuture *future, GAsyncResult *result, GValue *value, GError **error)
{
  g_return_val_if_fail (SMART_IS_FUTURE (future), FALSE);
  g_return_val_if_fail (SMART_IS_FUTURE (result), FALSE);

  return smart_outcome_get (smart_future_get_outcome (SMART_FUTURE (result)), value, error);
}
