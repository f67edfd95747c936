/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Rows of callers in an async context: the loop's thread calls, the result
 * comes back in the loop's context.
 */

#include "bench.h"

#define IN_FLIGHT 1000

typedef struct
{
  SmartAsyncFunc *func; /* NULL: the peer's side */
  guint pending;
  guint sum;
  gboolean done;
} Batch;

typedef void (*StartOne) (Batch *batch, int number);

static void
settle_one (Batch *batch, int result)
{
  batch->sum += (guint) result;
  batch->done = --batch->pending == 0;
}

/* N times so many calls in flight at a time; gives the time for N of them. */
static gint64
run_batches (StartOne start_one, SmartAsyncFunc *func, guint in_flight, guint n)
{
  GMainContext *context = bench_enter_loop ();
  gint64 start = bench_now ();
  gint64 took;

  for (guint i = 0; i < n; i++)
    {
      Batch batch = { .func = func, .pending = in_flight };

      for (guint k = 1; k <= in_flight; k++)
        start_one (&batch, (int) k);
      bench_iterate (context, &batch.done);
      if (batch.sum != in_flight * (in_flight + 1) / 2)
        g_error ("a call went wrong");
    }
  took = bench_now () - start;
  bench_leave_loop (context);

  return took / in_flight;
}

/* --- With the library --- */

static void
echo_body (SmartCall *call, gpointer user_data)
{
  smart_call_return_int (call, smart_call_get_int (call, 0));
}

static void
call_ready (GObject *source, GAsyncResult *async_result, gpointer user_data)
{
  Batch *batch = user_data;
  g_auto (GValue) result = G_VALUE_INIT;

  smart_async_func_call_finish (batch->func, async_result, &result, NULL);
  settle_one (batch, g_value_get_int (&result));
}

static void
start_call (Batch *batch, int number)
{
  GValue arg = G_VALUE_INIT;

  g_value_init (&arg, G_TYPE_INT);
  g_value_set_int (&arg, number);
  smart_async_func_call_async (batch->func, NULL, &arg, 1, NULL, call_ready, batch);
}

static gint64
run_calls (SmartAsyncFunc *func, guint in_flight, guint n)
{
  gint64 took = run_batches (start_call, func, in_flight, n);

  g_object_unref (func);

  return took;
}

static gint64
async_at_once (guint n)
{
  return run_calls (smart_async_func_new (echo_body, NULL, NULL), 1, n);
}

static gint64
offload_one (guint n)
{
  return run_calls (smart_async_func_new_blocking (echo_body, NULL, NULL), 1, n);
}

static gint64
offload_many (guint n)
{
  return run_calls (smart_async_func_new_blocking (echo_body, NULL, NULL), IN_FLIGHT, n);
}

/* --- With GTask --- */

static void
task_ready (GObject *source, GAsyncResult *result, gpointer user_data)
{
  settle_one (user_data, (int) g_task_propagate_int (G_TASK (result), NULL));
}

static void
start_task_at_once (Batch *batch, int number)
{
  g_autoptr (GTask) task = g_task_new (NULL, NULL, task_ready, batch);

  g_task_return_int (task, number);
}

static void
echo_in_thread (GTask *task, gpointer source, gpointer task_data, GCancellable *cancellable)
{
  g_task_return_int (task, GPOINTER_TO_INT (task_data));
}

static void
start_task_in_thread (Batch *batch, int number)
{
  g_autoptr (GTask) task = g_task_new (NULL, NULL, task_ready, batch);

  g_task_set_task_data (task, GINT_TO_POINTER (number), NULL);
  g_task_run_in_thread (task, echo_in_thread);
}

static gint64
at_once_peer (guint n)
{
  return run_batches (start_task_at_once, NULL, 1, n);
}

static gint64
thread_one_peer (guint n)
{
  return run_batches (start_task_in_thread, NULL, 1, n);
}

static gint64
thread_many_peer (guint n)
{
  return run_batches (start_task_in_thread, NULL, IN_FLIGHT, n);
}

const BenchRow bench_async_rows[] = {
  { "A + async, settled in the body", "GTask made, returned, called back", async_at_once,
    at_once_peer, 1.0, 0, BENCH_ONE_CORE, NULL, TRUE },
  { "A + blocking, one at a time", "g_task_run_in_thread", offload_one, thread_one_peer, 1.1, 0,
    BENCH_BOTH },
  { "A + blocking, 1,000 in flight, a call", "g_task_run_in_thread", offload_many, thread_many_peer,
    0.25, 10, BENCH_BOTH },
  { NULL },
};
