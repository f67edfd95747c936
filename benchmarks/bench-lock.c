/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Rows of request coalescing. */

#include "bench.h"

#include <stdio.h>
#include <string.h>

#define N_WAITERS 1000
#define N_THREADS 1000
#define WORK_USEC 1000

/* --- Nobody else there: what the lock adds to a call --- */

static void
empty_body (SmartCall *call, gpointer user_data)
{
  smart_call_return_none (call);
}

static gint64
run_once_adds (guint n)
{
  g_autoptr (SmartAsyncFunc) func = smart_async_func_new_blocking (empty_body, NULL, NULL);
  g_autoptr (SmartLock) lock = smart_lock_new ();
  gint64 start, with, without;

  start = bench_now ();
  for (guint i = 0; i < n; i++)
    if (!smart_lock_run_once_sync (lock, "key", func, NULL, NULL, 0, NULL, NULL, NULL))
      g_error ("a call went wrong");
  with = bench_now () - start;

  start = bench_now ();
  for (guint i = 0; i < n; i++)
    if (!smart_async_func_call_sync (func, NULL, NULL, 0, NULL, NULL, NULL))
      g_error ("a call went wrong");
  without = bench_now () - start;

  return with - without;
}

/* Go's, in a process of its own that stays. */
static gint64
singleflight (guint n)
{
  static GSubprocess *peer = NULL;
  static GDataInputStream *answers = NULL;
  g_autofree char *question = g_strdup_printf ("%u\n", n);
  g_autofree char *answer = NULL;
  g_autoptr (GError) error = NULL;

  if (peer == NULL)
    {
      peer = g_subprocess_new (G_SUBPROCESS_FLAGS_STDIN_PIPE | G_SUBPROCESS_FLAGS_STDOUT_PIPE,
                               &error, g_getenv ("BENCH_SINGLEFLIGHT"), NULL);
      if (peer == NULL)
        g_error ("Go's program: %s", error->message);
      answers = g_data_input_stream_new (g_subprocess_get_stdout_pipe (peer));
    }

  if (!g_output_stream_write_all (g_subprocess_get_stdin_pipe (peer), question, strlen (question),
                                  NULL, NULL, &error) ||
      (answer = g_data_input_stream_read_line (answers, NULL, NULL, &error)) == NULL)
    g_error ("Go's program: %s", error != NULL ? error->message : "it has ended");

  return g_ascii_strtoll (answer, NULL, 10);
}

static gboolean
has_singleflight (void)
{
  return g_getenv ("BENCH_SINGLEFLIGHT") != NULL;
}

/* --- A thousand waiters on one flight, in one context --- */

typedef struct
{
  SmartLock *lock;
  SmartCall *call;
  guint pending;
  gboolean done;
} Crowd;

static void
one_done (Crowd *crowd)
{
  crowd->done = --crowd->pending == 0;
}

static void
keep_call (SmartCall *call, gpointer user_data)
{
  Crowd *crowd = user_data;

  crowd->call = g_object_ref (call);
}

static void
flight_ready (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_auto (GValue) value = G_VALUE_INIT;

  if (!smart_lock_run_once_finish (SMART_LOCK (source), result, &value, NULL) ||
      g_value_get_int (&value) != 1)
    g_error ("a flight went wrong");
  one_done (user_data);
}

static gint64
waiters (guint n)
{
  GMainContext *context = bench_enter_loop ();
  g_autoptr (SmartLock) lock = smart_lock_new ();
  Crowd crowd = { .lock = lock };
  g_autoptr (SmartAsyncFunc) func = smart_async_func_new (keep_call, &crowd, NULL);
  gint64 start = bench_now ();
  gint64 took;

  for (guint i = 0; i < n; i++)
    {
      crowd.pending = N_WAITERS;
      crowd.done = FALSE;
      for (guint k = 0; k < N_WAITERS; k++)
        smart_lock_run_once_async (lock, NULL, func, NULL, NULL, 0, NULL, flight_ready, &crowd);
      smart_call_return_int (crowd.call, 1);
      g_clear_object (&crowd.call);
      bench_iterate (context, &crowd.done);
    }
  took = bench_now () - start;
  bench_leave_loop (context);

  return took;
}

static void
task_ready (GObject *source, GAsyncResult *result, gpointer user_data)
{
  if (g_task_propagate_int (G_TASK (result), NULL) != 1)
    g_error ("a task went wrong");
  one_done (user_data);
}

static gint64
waiters_peer (guint n)
{
  GMainContext *context = bench_enter_loop ();
  g_autoptr (GPtrArray) tasks = g_ptr_array_new_full (N_WAITERS, g_object_unref);
  Crowd crowd = { NULL };
  gint64 start = bench_now ();
  gint64 took;

  for (guint i = 0; i < n; i++)
    {
      crowd.pending = N_WAITERS;
      crowd.done = FALSE;
      for (guint k = 0; k < N_WAITERS; k++)
        g_ptr_array_add (tasks, g_task_new (NULL, NULL, task_ready, &crowd));
      for (guint k = 0; k < N_WAITERS; k++)
        g_task_return_int (g_ptr_array_index (tasks, k), 1);
      g_ptr_array_set_size (tasks, 0);
      bench_iterate (context, &crowd.done);
    }
  took = bench_now () - start;
  bench_leave_loop (context);

  return took;
}

/* --- A thousand threads on one key, and a function of a millisecond --- */

typedef struct
{
  SmartLock *smart;
  SmartAsyncFunc *func;

  GMutex lock;
  GCond landed;    /* with lock */
  gboolean flying; /* lock */
  guint flight;    /* lock: the number of the flight */
  int result;      /* lock */
} Key;

static void
work (void)
{
  GMutex lock;
  GCond never;
  gint64 until = g_get_monotonic_time () + WORK_USEC;

  g_mutex_init (&lock);
  g_cond_init (&never);
  g_mutex_lock (&lock);
  while (g_cond_wait_until (&never, &lock, until))
    ;
  g_mutex_unlock (&lock);
  g_cond_clear (&never);
  g_mutex_clear (&lock);
}

static void
work_body (SmartCall *call, gpointer user_data)
{
  work ();
  smart_call_return_int (call, 1);
}

static gpointer
run_once_thread (gpointer data)
{
  Key *key = data;
  g_auto (GValue) result = G_VALUE_INIT;

  if (!smart_lock_run_once_sync (key->smart, "key", key->func, NULL, NULL, 0, NULL, &result,
                                 NULL) ||
      g_value_get_int (&result) != 1)
    g_error ("a flight went wrong");

  return NULL;
}

static gpointer
by_hand_thread (gpointer data)
{
  Key *key = data;
  int result;

  g_mutex_lock (&key->lock);
  if (key->flying)
    {
      guint flight = key->flight;

      while (key->flying && key->flight == flight)
        g_cond_wait (&key->landed, &key->lock);
      result = key->result;
    }
  else
    {
      key->flying = TRUE;
      key->flight++;
      g_mutex_unlock (&key->lock);
      work ();
      g_mutex_lock (&key->lock);
      key->flying = FALSE;
      result = key->result = 1;
      g_cond_broadcast (&key->landed);
    }
  g_mutex_unlock (&key->lock);
  if (result != 1)
    g_error ("a flight went wrong");

  return NULL;
}

static gint64
run_threads (GThreadFunc function, Key *key)
{
  g_autofree GThread **threads = g_new (GThread *, N_THREADS);
  gint64 start = bench_now ();

  for (guint i = 0; i < N_THREADS; i++)
    threads[i] = g_thread_new ("bench", function, key);
  for (guint i = 0; i < N_THREADS; i++)
    g_thread_join (threads[i]);

  return bench_now () - start;
}

static gint64
threads (guint n)
{
  g_autoptr (SmartLock) lock = smart_lock_new ();
  g_autoptr (SmartAsyncFunc) func = smart_async_func_new_blocking (work_body, NULL, NULL);
  Key key = { .smart = lock, .func = func };

  return run_threads (run_once_thread, &key);
}

static gint64
threads_peer (guint n)
{
  Key key = { NULL };
  gint64 took;

  g_mutex_init (&key.lock);
  g_cond_init (&key.landed);
  took = run_threads (by_hand_thread, &key);
  g_mutex_clear (&key.lock);
  g_cond_clear (&key.landed);

  return took;
}

const BenchRow bench_lock_rows[] = {
  { "what run_once_sync adds to call_sync, nobody else there",
    "Go's singleflight, around an empty function", run_once_adds, singleflight, 1.2, 100000,
    BENCH_ONE_CORE, has_singleflight },
  { "1,000 waiters on one flight, in one context", "1,000 GTasks returned", waiters, waiters_peer,
    0.7, 0, BENCH_ONE_CORE, NULL, TRUE },
  { "1,000 threads on one key, a function of 1 ms", "a GMutex and a GCond by hand", threads,
    threads_peer, 1.2, 1, BENCH_ALL_CORES },
  { NULL },
};
