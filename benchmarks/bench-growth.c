/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Rows in which the peer is the library itself, with less to do: what a call
 * costs must not depend on how many there are. And the same growth beside that
 * of GTask.
 */

#include "bench.h"

#include <malloc.h>

#define FEW       10
#define MANY      100000
#define MANY_KEYS 1000
#define THREADS   256
#define BY_THREAD 2000
#define MAX_BYTES 600
#define CALLS     1000

/* --- Calls in flight: all are begun, then all are returned, then all are
 * called back --- */

typedef struct
{
  GPtrArray *begun; /* SmartCalls or GTasks */
  guint pending;
  gboolean done;
} Flights;

static void
one_done (Flights *flights)
{
  flights->done = --flights->pending == 0;
}

static void
keep_call (SmartCall *call, gpointer user_data)
{
  Flights *flights = user_data;

  g_ptr_array_add (flights->begun, g_object_ref (call));
}

static void
call_ready (GObject *source, GAsyncResult *result, gpointer user_data)
{
  if (!smart_async_func_call_finish (SMART_ASYNC_FUNC (source), result, NULL, NULL))
    g_error ("a call went wrong");
  one_done (user_data);
}

static void
task_ready (GObject *source, GAsyncResult *result, gpointer user_data)
{
  if (!g_task_propagate_boolean (G_TASK (result), NULL))
    g_error ("a task went wrong");
  one_done (user_data);
}

/* A call's share of so many at once; so often that MANY are made in all. */
static gint64
in_flight (guint n_at_once, gboolean tasks)
{
  GMainContext *context = bench_enter_loop ();
  Flights flights = { .begun = g_ptr_array_new_full (n_at_once, g_object_unref) };
  g_autoptr (SmartAsyncFunc) func = smart_async_func_new (keep_call, &flights, NULL);
  gint64 start = bench_now ();
  gint64 took;

  for (guint round = 0; round < MANY / n_at_once; round++)
    {
      flights.pending = n_at_once;
      flights.done = FALSE;
      for (guint i = 0; i < n_at_once; i++)
        {
          if (tasks)
            g_ptr_array_add (flights.begun, g_task_new (NULL, NULL, task_ready, &flights));
          else
            smart_async_func_call_async (func, NULL, NULL, 0, NULL, call_ready, &flights);
        }
      for (guint i = 0; i < n_at_once; i++)
        {
          if (tasks)
            g_task_return_boolean (g_ptr_array_index (flights.begun, i), TRUE);
          else
            smart_call_return_none (g_ptr_array_index (flights.begun, i));
        }
      g_ptr_array_set_size (flights.begun, 0);
      bench_iterate (context, &flights.done);
    }
  took = bench_now () - start;
  bench_leave_loop (context);
  g_ptr_array_unref (flights.begun);

  return took / MANY;
}

static gint64
many_in_flight (guint n)
{
  return in_flight (MANY, FALSE);
}

static gint64
few_in_flight (guint n)
{
  return in_flight (FEW, FALSE);
}

/* In thousandths: by how much a call, or a task, gets dearer. */
static gint64
growth_of_calls (guint n)
{
  return in_flight (MANY, FALSE) * 1000 / in_flight (FEW, FALSE);
}

static gint64
growth_of_tasks (guint n)
{
  return in_flight (MANY, TRUE) * 1000 / in_flight (FEW, TRUE);
}

/* --- Memory --- */

/* Before 2.76, GLib had an allocator of its own for objects, which keeps what the
 * first round has taken. */
static gsize
bytes_of_object (GType type)
{
  GTypeQuery query = { 0 };

  if (glib_check_version (2, 76, 0) == NULL)
    return 0;

  g_type_query (type, &query);
  return query.instance_size;
}

static void
return_none (SmartCall *call, gpointer user_data)
{
  smart_call_return_none (call);
}

/* What each of MANY calls takes while it is in flight. */
static gint64
bytes_in_flight (guint n)
{
  GMainContext *context = bench_enter_loop ();
  Flights flights = { .begun = g_ptr_array_new_full (MANY, g_object_unref), .pending = MANY };
  g_autoptr (SmartAsyncFunc) func = smart_async_func_new (keep_call, &flights, NULL);
  gsize before = mallinfo2 ().uordblks;
  gsize after;

  for (guint i = 0; i < MANY; i++)
    smart_async_func_call_async (func, NULL, NULL, 0, NULL, call_ready, &flights);
  after = mallinfo2 ().uordblks;

  for (guint i = 0; i < MANY; i++)
    smart_call_return_none (g_ptr_array_index (flights.begun, i));
  g_ptr_array_unref (flights.begun);
  bench_iterate (context, &flights.done);
  bench_leave_loop (context);

  return (after - before) / MANY + bytes_of_object (SMART_TYPE_CALL);
}

static gint64
max_bytes (guint n)
{
  return MAX_BYTES;
}

/* Of so many sync calls with four scalars, which need no more than a call object each. */
static gint64
allocations (guint n)
{
  g_autoptr (SmartAsyncFunc) func = smart_async_func_new_blocking (return_none, NULL, NULL);
  GValue args[4] = { G_VALUE_INIT };
  guint64 before;

  for (guint i = 0; i < G_N_ELEMENTS (args); i++)
    g_value_init (&args[i], G_TYPE_INT);

  before = bench_n_allocations;
  for (guint i = 0; i < CALLS; i++)
    smart_async_func_call_sync (func, NULL, args, G_N_ELEMENTS (args), NULL, NULL, NULL);

  return (gint64) (bench_n_allocations - before);
}

static gint64
one_each (guint n)
{
  return CALLS;
}

/* --- Keys --- */

static void
flight_ready (GObject *source, GAsyncResult *result, gpointer user_data)
{
  if (!smart_lock_run_once_finish (SMART_LOCK (source), result, NULL, NULL))
    g_error ("a flight went wrong");
  one_done (user_data);
}

static gint64
keys (guint n_keys)
{
  GMainContext *context = bench_enter_loop ();
  g_autoptr (SmartLock) lock = smart_lock_new ();
  Flights flights = { .begun = g_ptr_array_new_full (n_keys, g_object_unref) };
  g_autoptr (SmartAsyncFunc) func = smart_async_func_new (keep_call, &flights, NULL);
  g_auto (GStrv) names = g_new0 (char *, n_keys + 1);
  gint64 start;
  gint64 took;

  for (guint i = 0; i < n_keys; i++)
    names[i] = g_strdup_printf ("user:%u", i);

  start = bench_now ();
  for (guint round = 0; round < 20 * MANY_KEYS / n_keys; round++)
    {
      flights.pending = n_keys;
      flights.done = FALSE;
      for (guint i = 0; i < n_keys; i++)
        smart_lock_run_once_async (lock, names[i], func, NULL, NULL, 0, NULL, flight_ready,
                                   &flights);
      for (guint i = 0; i < n_keys; i++)
        smart_call_return_none (g_ptr_array_index (flights.begun, i));
      g_ptr_array_set_size (flights.begun, 0);
      bench_iterate (context, &flights.done);
    }
  took = bench_now () - start;
  bench_leave_loop (context);
  g_ptr_array_unref (flights.begun);

  return took / (20 * MANY_KEYS);
}

static gint64
many_keys (guint n)
{
  return keys (MANY_KEYS);
}

static gint64
one_key (guint n)
{
  return keys (1);
}

/* --- Threads --- */

static gpointer
caller_main (gpointer func)
{
  for (guint i = 0; i < BY_THREAD; i++)
    if (!smart_async_func_call_sync (func, NULL, NULL, 0, NULL, NULL, NULL))
      g_error ("a call went wrong");

  return NULL;
}

/* Starting the threads is no part of a call: who has many of them takes turns. */
static gint64
threads (guint n_threads)
{
  g_autoptr (SmartAsyncFunc) func = smart_async_func_new (return_none, NULL, NULL);
  g_autofree GThread **started = g_new (GThread *, n_threads);
  gint64 start = bench_now ();

  for (guint i = 0; i < n_threads; i++)
    started[i] = g_thread_new ("caller", caller_main, func);
  for (guint i = 0; i < n_threads; i++)
    g_thread_join (started[i]);

  return (bench_now () - start) / (n_threads * BY_THREAD);
}

static gint64
many_threads (guint n)
{
  return threads (THREADS);
}

static gint64
one_thread (guint n)
{
  return threads (1);
}

const BenchRow bench_growth_rows[] = {
  { "growth: 100,000 calls in flight, a call", "the same with 10 in flight", many_in_flight,
    few_in_flight, 1.8, 1, BENCH_ONE_CORE },
  { "growth from 10 to 100,000 in flight, in thousandths", "GTask's growth", growth_of_calls,
    growth_of_tasks, 1.0, 1, BENCH_ONE_CORE, NULL, FALSE, "" },
  { "memory of a call in flight, in bytes", "what it may take", bytes_in_flight, max_bytes, 1.0, 1,
    BENCH_ONE_CORE, NULL, FALSE, " B" },
  { "allocations of 1,000 sync calls with four ints", "a call object each", allocations, one_each,
    1.0, 1, BENCH_ONE_CORE, NULL, FALSE, "" },
  { "growth: 1,000 keys, a flight", "the same with one key", many_keys, one_key, 1.8, 1,
    BENCH_ONE_CORE },
  { "growth: 256 threads, a sync call", "the same with one thread", many_threads, one_thread, 1.8,
    1, BENCH_ONE_CORE },
  { NULL },
};
