/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Rows beside libdex, where it is there (Debian forky), and those that show
 * how GTask's pool behaves in the GLib that is there with it. */

#include "bench.h"

#include <libdex.h>

#define IN_FLIGHT 1000
#define BURST     30000

/* As in an application: libdex's scheduler has the default context. */
static gint64
start_dex (void)
{
  g_main_context_acquire (NULL);
  return bench_now ();
}

static gint64
end_dex (gint64 start)
{
  gint64 took = bench_now () - start;

  g_main_context_release (NULL);
  return took;
}

static void
iterate_until_settled (GMainContext *context, DexFuture *future)
{
  while (dex_future_is_pending (future))
    g_main_context_iteration (context, TRUE);
}

/* --- A future --- */

static gint64
future (guint n)
{
  g_auto (GValue) value = G_VALUE_INIT;
  gint64 start = bench_now ();

  g_value_init (&value, G_TYPE_INT);
  for (guint i = 0; i < n; i++)
    {
      SmartFuture *made = smart_future_new (NULL);

      g_value_set_int (&value, (int) i);
      smart_future_resolve (made, &value);
      g_object_unref (made);
    }

  return bench_now () - start;
}

static gint64
dex_promise (guint n)
{
  gint64 start = bench_now ();

  for (guint i = 0; i < n; i++)
    {
      DexPromise *made = dex_promise_new ();

      dex_promise_resolve_int (made, (int) i);
      dex_unref (made);
    }

  return bench_now () - start;
}

/* --- then, on a settled one, to its result --- */

static void
same (SmartCall *call, SmartFuture *settled, gpointer user_data)
{
  smart_call_return_int (call, smart_future_get_int (settled, NULL));
}

static gint64
then (guint n)
{
  g_auto (GValue) value = G_VALUE_INIT;
  g_autoptr (SmartFuture) settled = NULL;
  gint64 start;

  g_value_init (&value, G_TYPE_INT);
  g_value_set_int (&value, 7);
  settled = smart_future_new_for_value (&value);

  start = bench_now ();
  for (guint i = 0; i < n; i++)
    {
      SmartFuture *next = smart_future_then (settled, same, NULL, NULL);

      if (smart_future_get_int (next, NULL) != 7)
        g_error ("a continuation went wrong");
      g_object_unref (next);
    }

  return bench_now () - start;
}

static DexFuture *
dex_same (DexFuture *settled, gpointer user_data)
{
  return dex_future_new_for_int (dex_await_int (dex_ref (settled), NULL));
}

static gint64
dex_then (guint n)
{
  DexFuture *settled = dex_future_new_for_int (7);
  gint64 start = start_dex ();
  gint64 took;

  for (guint i = 0; i < n; i++)
    {
      DexFuture *next = dex_future_then (dex_ref (settled), dex_same, NULL, NULL);

      iterate_until_settled (NULL, next);
      if (g_value_get_int (dex_future_get_value (next, NULL)) != 7)
        g_error ("a continuation went wrong");
      dex_unref (next);
    }
  took = end_dex (start);
  dex_unref (settled);

  return took;
}

/* --- An asynchronous function that is done at once --- */

static void
one_body (SmartCall *call, gpointer user_data)
{
  smart_call_return_int (call, 1);
}

static void
one_ready (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_auto (GValue) value = G_VALUE_INIT;

  if (!smart_async_func_call_finish (SMART_ASYNC_FUNC (source), result, &value, NULL))
    g_error ("a call went wrong");
  (*(guint *) user_data)--;
}

/* In a context of its own: libdex's scheduler makes an iteration of the default
 * one dearer. */
static gint64
run_calls (SmartAsyncFunc *func, guint in_flight, guint n)
{
  GMainContext *context = bench_enter_loop ();
  gint64 start = bench_now ();
  gint64 took;

  for (guint i = 0; i < n; i++)
    {
      guint pending = in_flight;

      for (guint k = 0; k < in_flight; k++)
        smart_async_func_call_async (func, NULL, NULL, 0, NULL, one_ready, &pending);
      while (pending > 0)
        g_main_context_iteration (context, TRUE);
    }
  took = bench_now () - start;
  bench_leave_loop (context);
  g_object_unref (func);

  return took / in_flight;
}

static gint64
async_at_once (guint n)
{
  return run_calls (smart_async_func_new (one_body, NULL, NULL), 1, n);
}

static void
one_async (GObject *object,
           GCancellable *cancellable,
           GAsyncReadyCallback callback,
           gpointer user_data)
{
  g_autoptr (GTask) task = g_task_new (object, cancellable, callback, user_data);

  g_task_return_int (task, 1);
}

static int
one_finish (GObject *object, GAsyncResult *result, GError **error)
{
  return (int) g_task_propagate_int (G_TASK (result), error);
}

static gint64
dex_pair (guint n)
{
  DexAsyncPairInfo info = DEX_ASYNC_PAIR_INFO_INT (one_async, one_finish);
  g_autoptr (GObject) object = g_object_new (G_TYPE_OBJECT, NULL);
  gint64 start = start_dex ();

  for (guint i = 0; i < n; i++)
    {
      DexFuture *pair = dex_async_pair_new (object, &info);

      iterate_until_settled (NULL, pair);
      if (g_value_get_int (dex_future_get_value (pair, NULL)) != 1)
        g_error ("a call went wrong");
      dex_unref (pair);
    }

  return end_dex (start);
}

/* --- Offloaded --- */

static gint64
offload_one (guint n)
{
  return run_calls (smart_async_func_new_blocking (one_body, NULL, NULL), 1, n);
}

static gint64
offload_many (guint n)
{
  return run_calls (smart_async_func_new_blocking (one_body, NULL, NULL), IN_FLIGHT, n);
}

static gint64
offload_burst (guint n)
{
  return run_calls (smart_async_func_new_blocking (one_body, NULL, NULL), BURST, n) * BURST;
}

static DexFuture *
one_in_thread (gpointer data)
{
  return dex_future_new_for_int (1);
}

static DexFuture *
submit (DexThreadPool *pool)
{
  return dex_thread_pool_submit (pool, "bench", one_in_thread, NULL, NULL);
}

static DexFuture *
spawn (DexThreadPool *unused)
{
  return dex_scheduler_spawn (dex_thread_pool_scheduler_get_default (), 0, one_in_thread, NULL,
                              NULL);
}

static DexFuture *
tell_main (DexFuture *settled, gpointer user_data)
{
  *(gboolean *) user_data = TRUE;
  return NULL;
}

static gint64
run_dex (DexFuture *(*start_one) (DexThreadPool *), guint n_threads, guint in_flight, guint n)
{
  DexThreadPool *pool = n_threads > 0 ? dex_thread_pool_new (n_threads) : NULL;
  DexFuture **futures = g_new (DexFuture *, in_flight);
  gint64 start = start_dex ();
  gint64 took;

  for (guint i = 0; i < n; i++)
    {
      gboolean done = FALSE;
      DexFuture *all;

      for (guint k = 0; k < in_flight; k++)
        futures[k] = start_one (pool);
      all = in_flight > 1 ? dex_future_allv (futures, in_flight) : dex_ref (futures[0]);
      all = dex_future_finally (all, tell_main, &done, NULL);
      while (!done)
        g_main_context_iteration (NULL, TRUE);
      dex_unref (all);
      for (guint k = 0; k < in_flight; k++)
        dex_unref (futures[k]);
    }
  took = end_dex (start);

  g_free (futures);
  if (pool != NULL)
    {
      dex_unref (dex_thread_pool_close (pool, DEX_THREAD_POOL_SHUTDOWN_DRAIN));
      dex_unref (pool);
    }

  return took / in_flight;
}

static gint64
dex_one (guint n)
{
  return run_dex (submit, 2, 1, n);
}

static gint64
dex_many (guint n)
{
  return run_dex (submit, 2, IN_FLIGHT, n);
}

static gint64
dex_fibers (guint n)
{
  return run_dex (spawn, 0, IN_FLIGHT, n);
}

static void
one_in_task (GTask *task, gpointer source, gpointer task_data, GCancellable *cancellable)
{
  g_task_return_int (task, 1);
}

static void
task_ready (GObject *source, GAsyncResult *result, gpointer user_data)
{
  if (g_task_propagate_int (G_TASK (result), NULL) != 1)
    g_error ("a task went wrong");
  (*(guint *) user_data)--;
}

static gint64
burst_peer (guint n)
{
  guint pending = BURST;
  gint64 start = bench_now ();

  for (guint k = 0; k < BURST; k++)
    {
      g_autoptr (GTask) task = g_task_new (NULL, NULL, task_ready, &pending);

      g_task_run_in_thread (task, one_in_task);
    }
  while (pending > 0)
    g_main_context_iteration (NULL, TRUE);

  return bench_now () - start;
}

void
bench_dex_init (void)
{
  dex_init ();
}

const BenchRow bench_dex_rows[] = {
  { "future made, resolved, freed", "DexPromise", future, dex_promise, 1.0, 0, BENCH_ONE_CORE },
  { "then on a settled future, to its result", "dex_future_then ()", then, dex_then, 1.0, 0,
    BENCH_ONE_CORE },
  { "A + async, settled in the body", "DexAsyncPair over a GTask", async_at_once, dex_pair, 0.5, 0,
    BENCH_ONE_CORE },
  { "A + blocking, one at a time", "DexThreadPool (2)", offload_one, dex_one, 1.1, 0, BENCH_BOTH },
  { "A + blocking, 1,000 in flight, a call", "DexThreadPool (2)", offload_many, dex_many, 0.5, 10,
    BENCH_BOTH },
  { "A + blocking, 1,000 in flight, a call, beside fibers", "fibers on DexThreadPoolScheduler",
    offload_many, dex_fibers, 1.1, 10, BENCH_BOTH },
  { "a burst of 30,000 empty offloads", "g_task_run_in_thread", offload_burst, burst_peer, 0.025, 1,
    BENCH_ALL_CORES },
  { NULL },
};
