/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Rows of callers in a sync context, and of what takes no loop at all. */

#include "bench.h"

/* --- Which context am I in? --- */

static gint64
is_async (guint n)
{
  gint64 start = bench_now ();
  guint yes = 0;

  for (guint i = 0; i < n; i++)
    yes += smart_context_is_async ();
  g_assert (yes == 0);

  return bench_now () - start;
}

static gboolean
is_async_by_hand (void)
{
  GMainContext *context = g_main_context_get_thread_default ();

  return g_main_depth () > 0 ||
         g_main_context_is_owner (context != NULL ? context : g_main_context_default ());
}

static gint64
is_async_peer (guint n)
{
  gint64 start = bench_now ();
  guint yes = 0;

  for (guint i = 0; i < n; i++)
    yes += is_async_by_hand ();
  g_assert (yes == 0);

  return bench_now () - start;
}

/* --- A blocking function with two arguments --- */

static void
add_body (SmartCall *call, gpointer user_data)
{
  smart_call_return_int (call, smart_call_get_int (call, 0) + smart_call_get_int (call, 1));
}

static gint64
call_sync (SmartAsyncFunc *func, guint n)
{
  GValue args[2] = { G_VALUE_INIT, G_VALUE_INIT };
  gint64 start = bench_now ();

  g_value_init (&args[0], G_TYPE_INT);
  g_value_init (&args[1], G_TYPE_INT);
  g_value_set_int (&args[1], 1);

  for (guint i = 0; i < n; i++)
    {
      g_auto (GValue) result = G_VALUE_INIT;

      g_value_set_int (&args[0], (int) i);
      if (!smart_async_func_call_sync (func, NULL, args, 2, NULL, &result, NULL) ||
          g_value_get_int (&result) != (int) i + 1)
        g_error ("a call went wrong");
    }

  return bench_now () - start;
}

static gint64
sync_blocking (guint n)
{
  g_autoptr (SmartAsyncFunc) func = smart_async_func_new_blocking (add_body, NULL, NULL);

  return call_sync (func, n);
}

/* --- An asynchronous function, by hand: an add_async() made with GTask, and a sync wrapper --- */

typedef struct
{
  int first;
  int second;
} AddData;

static gboolean
add_idle_by_hand (gpointer user_data)
{
  GTask *task = user_data;
  AddData *data = g_task_get_task_data (task);

  g_task_return_int (task, data->first + data->second);

  return G_SOURCE_REMOVE;
}

static GTask *
add_task_new (int first, int second, GAsyncReadyCallback callback, gpointer user_data)
{
  GTask *task = g_task_new (NULL, NULL, callback, user_data);
  AddData *data = g_new (AddData, 1);

  *data = (AddData) { first, second };
  g_task_set_task_data (task, data, g_free);

  return task;
}

/* The data is not needed where the sum is there at once. */
static void
add_at_once_async (int first, int second, GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr (GTask) task = g_task_new (NULL, NULL, callback, user_data);

  g_task_return_int (task, first + second);
}

static void
add_idle_async (int first, int second, GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr (GTask) task = add_task_new (first, second, callback, user_data);
  g_autoptr (GSource) source = g_idle_source_new ();

  g_source_set_priority (source, G_PRIORITY_DEFAULT);
  g_source_set_callback (source, add_idle_by_hand, g_object_ref (task), g_object_unref);
  g_source_attach (source, g_main_context_get_thread_default ());
}

/* One thread for both sides, that returns what it is handed. */

typedef void (*Errand) (gpointer data);

typedef struct
{
  Errand errand;
  gpointer data;
} Parcel;

static GAsyncQueue *
helper_queue (void)
{
  static GAsyncQueue *queue = NULL;

  if (queue == NULL)
    queue = g_async_queue_new ();

  return queue;
}

static gpointer
helper_main (gpointer user_data)
{
  while (TRUE)
    {
      g_autofree Parcel *parcel = g_async_queue_pop (user_data);

      parcel->errand (parcel->data);
    }

  return NULL;
}

static void
run_errand (Errand errand, gpointer data)
{
  static GThread *helper = NULL;
  Parcel *parcel = g_new (Parcel, 1);

  if (helper == NULL)
    helper = g_thread_new ("helper", helper_main, helper_queue ());
  *parcel = (Parcel) { errand, data };
  g_async_queue_push (helper_queue (), parcel);
}

static void
add_errand_by_hand (gpointer data)
{
  add_idle_by_hand (data);
  g_object_unref (data);
}

static void
add_thread_async (int first, int second, GAsyncReadyCallback callback, gpointer user_data)
{
  run_errand (add_errand_by_hand, add_task_new (first, second, callback, user_data));
}

static void
keep_result (GObject *source, GAsyncResult *result, gpointer user_data)
{
  *(GAsyncResult **) user_data = g_object_ref (result);
}

typedef void (*AddAsync) (int, int, GAsyncReadyCallback, gpointer);

static int
add_sync_by_hand (AddAsync add_async, GMainContext *reused, int first, int second)
{
  g_autoptr (GMainContext) context =
      reused != NULL ? g_main_context_ref (reused) : g_main_context_new ();
  g_autoptr (GAsyncResult) result = NULL;

  g_main_context_push_thread_default (context);
  add_async (first, second, keep_result, &result);
  while (result == NULL)
    g_main_context_iteration (context, TRUE);
  g_main_context_pop_thread_default (context);

  return (int) g_task_propagate_int (G_TASK (result), NULL);
}

static gint64
add_peer (AddAsync add_async, gboolean reuse, guint n)
{
  g_autoptr (GMainContext) context = reuse ? g_main_context_new () : NULL;
  gint64 start = bench_now ();

  for (guint i = 0; i < n; i++)
    if (add_sync_by_hand (add_async, context, (int) i, 1) != (int) i + 1)
      g_error ("a call went wrong");

  return bench_now () - start;
}

static gint64
at_once_new_peer (guint n)
{
  return add_peer (add_at_once_async, FALSE, n);
}

static gint64
at_once_reused_peer (guint n)
{
  return add_peer (add_at_once_async, TRUE, n);
}

static gint64
idle_new_peer (guint n)
{
  return add_peer (add_idle_async, FALSE, n);
}

static gint64
idle_reused_peer (guint n)
{
  return add_peer (add_idle_async, TRUE, n);
}

static gint64
thread_reused_peer (guint n)
{
  return add_peer (add_thread_async, TRUE, n);
}

/* --- The same with the library --- */

static gint64
sync_at_once (guint n)
{
  g_autoptr (SmartAsyncFunc) func = smart_async_func_new (add_body, NULL, NULL);

  return call_sync (func, n);
}

static gboolean
add_idle (gpointer user_data)
{
  add_body (user_data, NULL);

  return G_SOURCE_REMOVE;
}

static void
add_idle_begin (SmartCall *call, gpointer user_data)
{
  g_autoptr (GSource) source = g_idle_source_new ();

  g_source_set_priority (source, G_PRIORITY_DEFAULT);
  g_source_set_callback (source, add_idle, g_object_ref (call), g_object_unref);
  g_source_attach (source, smart_call_get_context (call));
}

static gint64
sync_idle (guint n)
{
  g_autoptr (SmartAsyncFunc) func = smart_async_func_new (add_idle_begin, NULL, NULL);

  return call_sync (func, n);
}

static void
add_errand (gpointer data)
{
  add_body (data, NULL);
  g_object_unref (data);
}

static void
add_thread_begin (SmartCall *call, gpointer user_data)
{
  run_errand (add_errand, g_object_ref (call));
}

static gint64
sync_thread (guint n)
{
  g_autoptr (SmartAsyncFunc) func = smart_async_func_new (add_thread_begin, NULL, NULL);

  return call_sync (func, n);
}

/* An existing pair: nothing of the library's but the context and the wait. */
static gint64
sync_pair (guint n)
{
  gint64 start = bench_now ();

  for (guint i = 0; i < n; i++)
    {
      g_autoptr (GAsyncResult) result = smart_sync (add_idle_async, (int) i, 1);

      if (g_task_propagate_int (G_TASK (result), NULL) != (int) i + 1)
        g_error ("a call went wrong");
    }

  return bench_now () - start;
}

/* --- A GTask made, returned, called back after one iteration --- */

static gint64
task_peer (guint n)
{
  GMainContext *context = bench_enter_loop ();
  gint64 start = bench_now ();
  gint64 took;

  for (guint i = 0; i < n; i++)
    {
      g_autoptr (GAsyncResult) result = NULL;

      add_at_once_async ((int) i, 1, keep_result, &result);
      while (result == NULL)
        g_main_context_iteration (context, TRUE);
      if (g_task_propagate_int (G_TASK (result), NULL) != (int) i + 1)
        g_error ("a call went wrong");
    }
  took = bench_now () - start;
  bench_leave_loop (context);

  return took;
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
      g_autoptr (SmartFuture) settled = smart_future_new (NULL);

      g_value_set_int (&value, (int) i);
      smart_future_resolve (settled, &value);
      if (smart_future_get_int (settled, NULL) != (int) i)
        g_error ("a future went wrong");
    }

  return bench_now () - start;
}

#define REUSED "GTask by hand, GMainContext reused"
#define NEW    "GTask by hand, new GMainContext a call"

const BenchRow bench_sync_rows[] = {
  { "smart_context_is_async", "the plain rule by hand", is_async, is_async_peer, 1.25, 0,
    BENCH_ONE_CORE, NULL, TRUE },
  { "S + blocking, two ints", "GTask made, returned, called back", sync_blocking, task_peer, 0.3, 0,
    BENCH_ONE_CORE, NULL, TRUE },
  { "S + async, settled in the body", REUSED, sync_at_once, at_once_reused_peer, 0.4, 0,
    BENCH_ONE_CORE, NULL, TRUE },
  { "S + async, settled in the body, new context", NEW, sync_at_once, at_once_new_peer, 0.15, 0,
    BENCH_ONE_CORE, NULL, TRUE },
  { "S + async, settled by another source", REUSED, sync_idle, idle_reused_peer, 1.3, 0,
    BENCH_ONE_CORE, NULL, TRUE },
  { "S + async, settled by another source, new context", NEW, sync_idle, idle_new_peer, 0.4, 0,
    BENCH_ONE_CORE, NULL, TRUE },
  { "smart_sync () of a pair, settled by another source", REUSED, sync_pair, idle_reused_peer, 0, 0,
    BENCH_ONE_CORE, NULL, TRUE },
  { "S + async, settled by another thread", REUSED, sync_thread, thread_reused_peer, 1.1, 0,
    BENCH_BOTH },
  { "future made, resolved, read, freed", "GTask made, returned, called back", future, task_peer, 0,
    0, BENCH_ONE_CORE, NULL, TRUE },
  { NULL },
};
