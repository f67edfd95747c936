/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Running in this thread: asynchronous bodies are started in the caller's
 * context or, for a sync caller, run to their end by iterating a context;
 * blocking ones are called. */

#include "smart-async-func-private.h"
#include "smart-context-pool-private.h"
#include "smart-executor-private.h"

static gboolean
push_if_needed (GMainContext *context)
{
  GMainContext *current = g_main_context_get_thread_default ();

  if (context == (current != NULL ? current : g_main_context_default ()) ||
      !g_main_context_is_owner (context))
    return FALSE;

  g_main_context_push_thread_default (context);
  return TRUE;
}

/* Starts @call (taken) in @context, and returns. At the top level of a program nobody
 * owns that: then this thread does meanwhile, so that the body sees where it is. */
void
smart_begin (SmartCall *call, GMainContext *context)
{
  SmartOutcome *outcome = smart_outcome_ref (smart_call_get_outcome (call));
  gboolean acquired = g_main_depth () == 0 && g_main_context_acquire (context);
  gboolean pushed = push_if_needed (context);

  smart_call_set_context (call, context);
  smart_call_begin (call);
  if (pushed)
    g_main_context_pop_thread_default (context);
  if (acquired)
    g_main_context_release (context);

  smart_outcome_set_home (outcome, context);
  smart_call_release (call);
  smart_outcome_unref (outcome);
}

/* Runs @call (taken) to its end in @context, which this thread owns. */
static void
run_in (SmartCall *call, GMainContext *context)
{
  SmartOutcome *outcome = smart_outcome_ref (smart_call_get_outcome (call));
  guint timeout = smart_call_get_func (call)->timeout;

  smart_call_set_context (call, context);
  if (timeout > 0)
    smart_outcome_set_deadline (outcome, context, timeout);

  smart_call_begin (call);
  smart_call_release (call);

  /* Settled in its begin: nothing is iterated, nothing polls. */
  if (smart_outcome_is_pending (outcome))
    {
      /* If it is a lock's flight, a source dispatched here may ask to wait for it. */
      smart_outcome_set_home (outcome, context);
      smart_outcome_iterate (outcome, context, -1, NULL, TRUE, NULL);
    }
  smart_outcome_unref (outcome);
}

/* Begins @call (taken) here and waits, while another thread iterates @context, or
 * this one when that has stopped. */
static void
run_beside (SmartCall *call, GMainContext *context)
{
  SmartOutcome *outcome = smart_outcome_ref (smart_call_get_outcome (call));
  gint64 deadline = smart_call_get_deadline (call);
  GError *error = NULL;

  smart_call_set_context (call, context);
  smart_call_begin (call);
  g_object_unref (call);
  smart_outcome_set_home (outcome, context);
  if (!smart_outcome_wait (outcome, deadline, NULL, &error))
    smart_outcome_settle (outcome, NULL, error, NULL);
  else if (smart_outcome_is_pending (outcome))
    smart_outcome_settle_timed_out (outcome);
  smart_outcome_unref (outcome);
}

/* The caller's own context is iterated; if another thread is about that, the
 * body begins here, and this thread blocks until it is done. */
static void
run_in_current (SmartCall *call)
{
  GMainContext *context = g_main_context_ref_thread_default ();

  /* What will be refused must not take the context from the thread that needs it. */
  if (smart_async_func_may_run_here (smart_call_get_func (call)) &&
      g_main_context_acquire (context))
    {
      run_in (call, context);
      g_main_context_release (context);
    }
  else
    {
      run_beside (call, context);
    }

  g_main_context_unref (context);
}

/* Runs the asynchronous body of @call (taken) to its end for a sync caller. */
void
smart_run (SmartCall *call)
{
  SmartThread *thread;
  GMainContext *context;

  if (smart_call_get_func (call)->policy == SMART_MAIN_CONTEXT_CURRENT)
    {
      run_in_current (call);
      return;
    }

  thread = smart_thread_get ();
  context = smart_context_pool_borrow (thread);
  run_in (call, context);
  smart_context_pool_give_back (thread);
}

/* Nobody iterates for a deadline meanwhile: so another thread sees to it. The
 * body has to heed it, and what it returns later does not count. */
static void
run_blocking (SmartCall *call)
{
  guint timeout = smart_call_get_func (call)->timeout;
  GError *error = NULL;

  if (timeout > 0 && !smart_executor_set_deadline (smart_call_get_outcome (call), timeout, &error))
    smart_executor_refuse (call, error);
  else
    smart_call_run_directly (call);
}

/* Runs whichever body @call (taken) has to its end for a sync caller. */
void
smart_run_here (SmartCall *call)
{
  if (smart_call_is_blocking (call))
    run_blocking (call);
  else
    smart_run (call);
}

/* The same, in @context, which this thread owns. */
void
smart_run_here_in (SmartCall *call, GMainContext *context)
{
  gboolean pushed = push_if_needed (context);

  if (smart_call_is_blocking (call))
    run_blocking (call);
  else
    run_in (call, context);

  if (pushed)
    g_main_context_pop_thread_default (context);
}
