/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "cells.h"

typedef struct
{
  Cell cell;
  SmartAsyncFunc *func;
  GCancellable *cancellable;
  CellResult *result;
  GMainContext *context;
  gint64 begun;
  gboolean in_call;
  gboolean done;
} CellRun;

typedef struct
{
  SmartBody act;
  gpointer data;
} Act;

typedef struct
{
  Act *act;
  SmartCall *call;
} Errand;

static void
act_now (SmartCall *call, gpointer data)
{
  Act *act = data;

  act->act (call, act->data);
}

static void
errand_free (gpointer data)
{
  Errand *errand = data;

  g_object_unref (errand->call);
  g_free (errand);
}

static Errand *
errand_new (SmartCall *call, Act *act)
{
  Errand *errand = g_new0 (Errand, 1);

  errand->act = act;
  errand->call = g_object_ref (call);
  return errand;
}

static gboolean
run_errand (gpointer data)
{
  Errand *errand = data;

  act_now (errand->call, errand->act);
  return G_SOURCE_REMOVE;
}

static void
act_later (SmartCall *call, gpointer data)
{
  smart_call_add_timeout (call, 0, run_errand, errand_new (call, data), errand_free);
}

static gpointer
run_errand_elsewhere (gpointer data)
{
  run_errand (data);
  errand_free (data);
  return NULL;
}

static void
act_elsewhere (SmartCall *call, gpointer data)
{
  g_thread_unref (g_thread_new ("elsewhere", run_errand_elsewhere, errand_new (call, data)));
}

/**
 * kind_func_new:
 *
 * Returns: (transfer full): a function that calls @act as @kind says, "the-function" by name
 */
SmartAsyncFunc *
kind_func_new (Kind kind, SmartBody body, gpointer data)
{
  Act *act = g_new0 (Act, 1);
  SmartAsyncFunc *func;

  act->act = body;
  act->data = data;
  switch (kind)
    {
    case KIND_AT_ONCE:
      func = smart_async_func_new (act_now, act, g_free);
      break;
    case KIND_LATER:
      func = smart_async_func_new (act_later, act, g_free);
      break;
    case KIND_ELSEWHERE:
      func = smart_async_func_new (act_elsewhere, act, g_free);
      break;
    case KIND_BLOCKING:
      func = smart_async_func_new_blocking (act_now, act, g_free);
      break;
    case KIND_DUAL:
      func = smart_async_func_new_dual (act_now, act, NULL, act_now, act, g_free);
      break;
    case N_KINDS:
    default:
      g_assert_not_reached ();
    }
  smart_async_func_set_name (func, "the-function");

  return func;
}

/**
 * cell_waits:
 *
 * Returns: whether the caller gets the result directly
 */
gboolean
cell_waits (Cell cell)
{
  return cell == CELL_S_SYNC || cell == CELL_S_SMART || cell == CELL_A_SYNC;
}

void
cell_result_clear (CellResult *result)
{
  if (G_IS_VALUE (&result->value))
    g_value_unset (&result->value);
  g_clear_error (&result->error);
}

/* The result is there. */
static void
cell_done (CellRun *run)
{
  GSource *source = g_main_current_source ();

  run->result->thread = g_thread_self ();
  run->result->in_call = run->in_call;
  run->result->in_context = source != NULL && g_source_get_context (source) == run->context;
  run->result->usec = g_get_monotonic_time () - run->begun;
  run->done = TRUE;
}

static void
on_called (GObject *object, GAsyncResult *res, gpointer data)
{
  CellRun *run = data;

  g_assert_true (object == G_OBJECT (run->func));
  run->result->ok =
      smart_async_func_call_finish (run->func, res, &run->result->value, &run->result->error);
  cell_done (run);
}

static void
on_waited (GObject *object, GAsyncResult *res, gpointer data)
{
  CellRun *run = data;

  run->result->ok = smart_future_wait_finish (SMART_FUTURE (object), res, &run->result->value,
                                              &run->result->error);
  cell_done (run);
}

static void
cell_begin (gpointer data)
{
  CellRun *run = data;
  g_autoptr (SmartFuture) future = NULL;

  run->begun = g_get_monotonic_time ();
  run->in_call = TRUE;
  switch (run->cell)
    {
    case CELL_S_SYNC:
    case CELL_A_SYNC:
      run->result->ok = smart_async_func_call_sync (run->func, NULL, NULL, 0, run->cancellable,
                                                    &run->result->value, &run->result->error);
      cell_done (run);
      break;

    case CELL_S_SMART:
      future = smart_async_func_call (run->func, NULL, run->cancellable, G_TYPE_INVALID);
      g_assert_cmpint (smart_future_get_status (future), !=, SMART_FUTURE_PENDING);
      run->result->ok = smart_future_get_value (future, &run->result->value, &run->result->error);
      cell_done (run);
      break;

    case CELL_A_SMART:
      future = smart_async_func_call (run->func, NULL, run->cancellable, G_TYPE_INVALID);
      smart_future_wait_async (future, NULL, on_waited, run);
      break;

    case CELL_S_ASYNC:
    case CELL_A_ASYNC:
      smart_async_func_call_async (run->func, NULL, NULL, 0, run->cancellable, on_called, run);
      break;

    case N_CELLS:
    default:
      g_assert_not_reached ();
    }
  run->in_call = FALSE;
}

static void
cell_begin_in_loop (gpointer data)
{
  CellRun *run = data;

  run->context = g_source_get_context (g_main_current_source ());
  cell_begin (run);
}

static gboolean
cell_is_done (gpointer data)
{
  CellRun *run = data;

  return run->done;
}

typedef struct
{
  SmartTestCallback func;
  gpointer data;
} Meanwhile;

static gpointer
run_meanwhile (gpointer data)
{
  Meanwhile *meanwhile = data;

  meanwhile->func (meanwhile->data);
  return NULL;
}

/**
 * cell_run:
 * @meanwhile: (nullable): runs on a thread of its own, beside the call
 *
 * Calls @func as @cell says, and waits for the result. What a cell that gives
 * its result by a callback promises in every case is checked here: it comes in
 * the caller's thread and context, and never inside the call.
 */
void
cell_run (Cell cell,
          SmartAsyncFunc *func,
          GCancellable *cancellable,
          SmartTestCallback meanwhile,
          gpointer data,
          CellResult *result)
{
  CellRun run = { cell, func, cancellable, result, NULL, 0, FALSE, FALSE };
  Meanwhile beside = { meanwhile, data };
  GThread *thread = NULL;

  if (meanwhile != NULL)
    thread = g_thread_new ("meanwhile", run_meanwhile, &beside);

  switch (cell)
    {
    case CELL_S_SYNC:
    case CELL_S_SMART:
      g_assert_false (smart_context_is_async ());
      cell_begin (&run);
      break;

    case CELL_S_ASYNC:
      g_assert_false (smart_context_is_async ());
      run.context = g_main_context_get_thread_default ();
      if (run.context == NULL)
        run.context = g_main_context_default ();
      cell_begin (&run);
      smart_test_iterate_until (run.context, cell_is_done, &run);
      break;

    case CELL_A_SYNC:
    case CELL_A_SMART:
    case CELL_A_ASYNC:
      smart_test_in_loop (cell_begin_in_loop, cell_is_done, &run);
      break;

    case N_CELLS:
    default:
      g_assert_not_reached ();
    }

  g_clear_pointer (&thread, g_thread_join);

  g_assert_true (run.done);
  g_assert_true (result->thread == g_thread_self ());
  g_assert_cmpint (result->ok, ==, result->error == NULL);
  g_assert_true (G_IS_VALUE (&result->value));
  if (!result->ok)
    {
      g_assert_true (G_VALUE_HOLDS_BOOLEAN (&result->value));
      g_assert_false (g_value_get_boolean (&result->value));
    }
  if (!cell_waits (cell))
    {
      g_assert_true (result->in_context);
      g_assert_false (result->in_call);
    }
}

void
cell_assert_int (Cell cell, SmartAsyncFunc *func, int expected)
{
  g_auto (CellResult) result = CELL_RESULT_INIT;

  cell_run (cell, func, NULL, NULL, NULL, &result);
  g_assert_no_error (result.error);
  g_assert_true (G_VALUE_HOLDS_INT (&result.value));
  g_assert_cmpint (g_value_get_int (&result.value), ==, expected);
}

void
cell_assert_error (Cell cell,
                   SmartAsyncFunc *func,
                   GCancellable *cancellable,
                   GQuark domain,
                   int code)
{
  g_auto (CellResult) result = CELL_RESULT_INIT;

  cell_run (cell, func, cancellable, NULL, NULL, &result);
  g_assert_error (result.error, domain, code);
}
