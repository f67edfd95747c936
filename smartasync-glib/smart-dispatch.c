/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The table at the centre, and nothing else:
 *
 *   the caller is in | asynchronous function      | blocking function
 *   -----------------+----------------------------+--------------------------
 *   a sync context   | run it to the end here     | call it directly
 *   an async context | start it here, return      | offload it to a worker
 *
 * A dual function takes the direct cell of its row. */

#include "smart-async-func-private.h"
#include "smart-offload-private.h"

/* A blocking body that the caller may have to leave behind cannot run in the
 * caller's thread. */
static gboolean
needs_worker (SmartAsyncFunc *func)
{
  return func->timeout > 0 || func->abandon_on_cancel;
}

/* Makes one call of @func, whose result goes to @outcome. For a caller in an
 * async context, @home is where he is; for one in a sync context @home is NULL,
 * and @outcome has settled when this returns. */
void
smart_dispatch (SmartAsyncFunc *func,
                SmartOutcome *outcome,
                GMainContext *home,
                GObject *source,
                const GValue *args,
                guint n_args)
{
  const SmartBodies *bodies = func->bodies;
  gboolean async = home != NULL;
  gboolean blocking;
  SmartCall *call;
  GError *error = NULL;

  if (!smart_async_func_check_args (func, args, n_args, &error))
    {
      smart_outcome_settle (outcome, NULL, error, NULL);
      return;
    }

  if (smart_outcome_is_cancelled (outcome))
    {
      smart_outcome_settle_cancelled (outcome);
      return;
    }

  blocking = bodies->begin == NULL || (!async && bodies->body != NULL);
  if (blocking)
    call = smart_call_new (func, bodies->body, bodies->body_data, outcome);
  else
    call = smart_call_new (func, bodies->begin, bodies->begin_data, outcome);
  smart_call_set_args (call, source, args, n_args);

  if (func->abandon_on_cancel)
    smart_outcome_abandon_on_cancel (outcome);

  if (async && blocking)
    smart_offload (func, call, outcome, home);
  else if (async)
    smart_begin (func, call, outcome, home);
  else if (!blocking)
    smart_run (func, call, outcome);
  else if (needs_worker (func))
    smart_offload_and_wait (func, call, outcome);
  else
    smart_call_run_directly (call, outcome);
}
