/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Asynchronous bodies: started in the caller's context or, for a sync caller,
 * run to their end by iterating a context. */

#include "smart-async-func-private.h"
#include "smart-context-pool-private.h"

/* Starts @call (taken) in @home, a context of the caller's, and returns. */
void
smart_begin (SmartAsyncFunc *func, SmartCall *call, SmartOutcome *outcome, GMainContext *home)
{
  GMainContext *current = g_main_context_get_thread_default ();
  gboolean push = home != (current != NULL ? current : g_main_context_default ()) &&
                  g_main_context_is_owner (home);

  smart_call_set_context (call, home);
  if (func->timeout > 0)
    smart_outcome_set_deadline (outcome, home, func->timeout);

  if (push)
    g_main_context_push_thread_default (home);
  smart_call_begin (call);
  if (push)
    g_main_context_pop_thread_default (home);

  smart_outcome_set_home (outcome, home);
  g_object_unref (call);
}

/* Runs @call (taken) to its end in @context, which this thread owns. */
static void
run_in (SmartAsyncFunc *func, SmartCall *call, SmartOutcome *outcome, GMainContext *context)
{
  smart_call_set_context (call, context);
  if (func->timeout > 0)
    smart_outcome_set_deadline (outcome, context, func->timeout);

  smart_call_begin (call);
  g_object_unref (call);

  /* Settled in its begin: nothing is iterated, nothing polls. */
  if (smart_outcome_is_pending (outcome))
    smart_outcome_iterate (outcome, context, -1, NULL);
}

/* The caller's own context is iterated; if another thread is about that, the
 * body begins here, and this thread blocks until it is done. */
static void
run_in_current (SmartAsyncFunc *func, SmartCall *call, SmartOutcome *outcome)
{
  GMainContext *context = g_main_context_ref_thread_default ();

  if (g_main_context_acquire (context))
    {
      run_in (func, call, outcome, context);
      g_main_context_release (context);
    }
  else
    {
      gint64 deadline = -1;

      if (func->timeout > 0)
        deadline = g_get_monotonic_time () + func->timeout * G_TIME_SPAN_MILLISECOND;

      smart_call_set_context (call, context);
      smart_call_begin (call);
      g_object_unref (call);
      if (!smart_outcome_block (outcome, deadline, NULL))
        smart_outcome_settle_timed_out (outcome);
    }

  g_main_context_unref (context);
}

/* Runs @call (taken) to its end for a sync caller. */
void
smart_run (SmartAsyncFunc *func, SmartCall *call, SmartOutcome *outcome)
{
  SmartThread *thread;
  GMainContext *context;

  if (func->policy == SMART_MAIN_CONTEXT_CURRENT)
    {
      run_in_current (func, call, outcome);
      return;
    }

  thread = smart_thread_get ();
  context = smart_context_pool_borrow (thread);
  run_in (func, call, outcome, context);
  smart_context_pool_give_back (thread);
}
