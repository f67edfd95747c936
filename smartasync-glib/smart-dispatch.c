/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The table at the centre, and nothing else:
 *
 *   the caller is in | asynchronous function      | blocking function
 *   -----------------+----------------------------+--------------------------
 *   a sync context   | run it to the end here     | call it directly
 *   an async context | start it here, return      | offload it to a worker
 *
 * A dual function takes the direct cell of its row. An executor runs whatever it
 * is given, in both rows. A function with a limit waits for its turn first. */

#include "smart-async-func-private.h"
#include "smart-executor-private.h"
#include "smart-i18n-private.h"
#include "smart-offload-private.h"

/* A blocking body that the caller may have to leave behind cannot run in the
 * caller's thread. */
static gboolean
needs_worker (SmartAsyncFunc *func)
{
  return func->offload && (func->timeout > 0 || func->abandon_on_cancel);
}

/* A widget must not leave its thread, and a worker is another one. */
static gboolean
is_bound_to_thread (SmartAsyncFunc *func, GObject *source)
{
  static GType widget_type = G_TYPE_INVALID; /* atomic */
  GType type;

  if (source == NULL || func->thread_safe_source)
    return FALSE;

  type = (GType) g_atomic_pointer_get (&widget_type);
  if (type == G_TYPE_INVALID)
    {
      type = g_type_from_name ("GtkWidget");
      if (type == G_TYPE_INVALID)
        return FALSE;
      g_atomic_pointer_set (&widget_type, type);
    }

  return g_type_is_a (G_OBJECT_TYPE (source), type);
}

/* A body that stays in its thread, in a source of its own. What is more urgent
 * goes first. */
static gboolean
run_at_home (gpointer data)
{
  SmartCall *call = g_object_ref (data);

  smart_call_set_context (call, g_source_get_context (g_main_current_source ()));
  if (smart_call_may_run (call))
    smart_call_run_blocking (call);

  return G_SOURCE_REMOVE;
}

/* Takes @call, in any thread. If its context ends before it has run, it is
 * dropped, which settles it. */
static void
run_at_home_later (SmartCall *call, GMainContext *home)
{
  GSource *source = g_idle_source_new ();

  smart_outcome_set_weak_home (smart_call_get_outcome (call), smart_call_get_inbox (call));
  g_source_set_static_name (source, "smartasync blocking body");
  g_source_set_callback (source, run_at_home, call, g_object_unref);
  g_source_attach (source, home);
  g_source_unref (source);
}

/* Where a call in an async context, which is in @home, runs. Takes @call. */
static void
place (SmartCall *call, GMainContext *home)
{
  SmartAsyncFunc *func = smart_call_get_func (call);

  if (func->executor != NULL)
    smart_executor_submit (func->executor, call);
  else if (smart_call_is_blocking (call) && func->offload)
    smart_offload (call);
  else if (smart_call_is_blocking (call))
    run_at_home_later (call, home);
  else
    smart_begin (call, home);
}

static void
placed_at_home (SmartParcel *parcel, gboolean run)
{
  SmartCall *call = smart_call_of_parcel (parcel);

  /* Without its context it is dropped, which ends its turn and settles it. */
  if (!run)
    g_object_unref (call);
  else if (smart_call_may_run (call))
    place (call, smart_inbox_get_context (smart_call_get_inbox (call)));
}

/* Whether @call, which waits for its turn, will be placed in its own context. */
gboolean
smart_dispatch_is_at_home (SmartCall *call)
{
  SmartAsyncFunc *func = smart_call_get_func (call);

  return func->executor == NULL && !(smart_call_is_blocking (call) && func->offload);
}

/* Its turn has come: places @call (taken), from any thread. If its executor has
 * no room, it does not need the turn. */
gboolean
smart_place_later (SmartCall *call)
{
  SmartAsyncFunc *func = smart_call_get_func (call);
  GError *error = NULL;

  if (func->executor != NULL)
    {
      if (smart_executor_offer (func->executor, call, &error))
        return TRUE;

      smart_call_forget_turn (call);
      smart_executor_refuse (call, error);
      return FALSE;
    }

  if (!smart_dispatch_is_at_home (call))
    smart_offload (call);
  else
    smart_call_push (call, smart_call_get_inbox (call), placed_at_home);

  return TRUE;
}

/* Takes @call, and returns at once. */
static void
dispatch_async (SmartAsyncFunc *func,
                SmartCall *call,
                SmartOutcome *outcome,
                GMainContext *home,
                gboolean is_flight)
{
  gboolean elsewhere = func->executor != NULL || smart_call_is_blocking (call);

  /* What runs elsewhere is released at home, and what has to wait for its turn comes
   * there; meanwhile neither keeps the context. */
  if (elsewhere || func->max_concurrency > 0)
    smart_call_set_inbox (call, smart_inbox_get (home, func->priority));
  if (elsewhere)
    {
      smart_outcome_set_back_to (outcome, home, is_flight);
      if (func->priority > G_PRIORITY_DEFAULT)
        smart_outcome_set_progress_inbox (outcome, smart_inbox_get (home, G_PRIORITY_DEFAULT));
    }

  if (func->timeout > 0)
    smart_outcome_set_deadline (outcome, home, func->timeout);

  if (func->max_concurrency == 0 || smart_turns_take (&func->turns, call))
    place (call, home);
}

/* A flight that runs elsewhere, begun by a sync caller. He waits for his own
 * outcome, and can leave it to the others. Takes @call, and returns at once. */
static void
dispatch_flight (SmartAsyncFunc *func, SmartCall *call, SmartOutcome *outcome)
{
  GError *error = NULL;

  if (func->timeout > 0 && !smart_executor_set_deadline (outcome, func->timeout, &error))
    {
      smart_executor_refuse (call, error);
      return;
    }

  smart_outcome_keep_spent (outcome);

  if (func->max_concurrency == 0 || smart_turns_take (&func->turns, call))
    place (call, NULL);
}

/* Whether every call that a sync caller makes of @func is run by him. */
gboolean
smart_dispatch_is_here (SmartAsyncFunc *func)
{
  return func->executor == NULL && !needs_worker (func);
}

/* Whether @call, made by a sync caller, runs in another thread. */
static gboolean
goes_elsewhere (SmartAsyncFunc *func, SmartCall *call)
{
  if (func->executor != NULL)
    return !smart_executor_is_here (func->executor);

  return smart_call_is_blocking (call) && needs_worker (func);
}

/* Takes @call, and returns when its outcome has settled. */
static void
dispatch_sync (SmartAsyncFunc *func, SmartCall *call)
{
  if (func->max_concurrency > 0 && !smart_turns_wait (&func->turns, call))
    {
      g_object_unref (call);
      return;
    }

  if (func->executor != NULL)
    {
      if (!smart_executor_run_inline (func->executor, call))
        smart_executor_submit_and_wait (func->executor, call);
    }
  else if (smart_call_is_blocking (call) && needs_worker (func))
    {
      smart_offload_and_wait (call);
    }
  else
    {
      smart_run_here (call);
    }
}

/* Fails before there is a call. Takes both. */
static void
fail (SmartOutcome *outcome, GError *error)
{
  smart_outcome_settle (outcome, NULL, error, NULL);
  smart_outcome_unref (outcome);
}

/* Makes one call of @func, whose result goes to @outcome (taken: whoever does not hold it
 * otherwise leaves it to the worker). For a caller in an async context, @home is where he
 * is; for one in a sync context @home is NULL, and @outcome has settled when this returns.
 * @flight (nullable) is what the call does for others, too; then it may be under way, for
 * a caller who waits for something else. */
void
smart_dispatch (SmartAsyncFunc *func,
                SmartOutcome *outcome,
                GMainContext *home,
                GObject *source,
                const GValue *args,
                guint n_args,
                SmartLineage *flight)
{
  const SmartBodies *bodies = func->bodies;
  gboolean async = home != NULL;
  gboolean blocking, leaves;
  SmartCall *call;
  GError *error = NULL;

  /* There are no bodies where this fails for that. */
  if (!smart_async_func_check_args (func, args, n_args, &error))
    {
      fail (outcome, error);
      return;
    }

  blocking = bodies->begin == NULL || (!async && bodies->body != NULL);
  leaves = func->executor != NULL ? smart_executor_is_pool (func->executor)
                                  : (async && func->offload) || needs_worker (func);

  if (leaves && blocking && is_bound_to_thread (func, source))
    {
      fail (outcome, g_error_new (SMART_ERROR, SMART_ERROR_WRONG_THREAD,
                                  _ ("%s would use a %s on another thread"),
                                  smart_async_func_get_label (func), G_OBJECT_TYPE_NAME (source)));
      return;
    }

  if (!blocking && bodies->shielded)
    smart_outcome_shield (outcome);

  if (smart_outcome_is_cancelled (outcome))
    {
      smart_outcome_settle_cancelled (outcome);
      smart_outcome_unref (outcome);
      return;
    }

  call = smart_call_new (func, blocking, outcome, flight);
  smart_call_set_args (call, source, args, n_args);
  if (func->timeout > 0)
    smart_call_set_deadline (call,
                             g_get_monotonic_time () + func->timeout * G_TIME_SPAN_MILLISECOND);

  if (func->abandon_on_cancel)
    smart_outcome_abandon_on_cancel (outcome);

  if (async)
    dispatch_async (func, call, outcome, home, flight != NULL);
  else if (flight != NULL && goes_elsewhere (func, call))
    dispatch_flight (func, call, outcome);
  else
    dispatch_sync (func, call);
}
