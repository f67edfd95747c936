/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The contract's section Z: nothing is left behind. What the other sections do is
 * done over and over here, by kinds, and then everything is counted. */

#include "smart-test.h"

#include <smartasync-glib/smartasync-glib.h>

#include <malloc.h>

#define MANY             1000
#define LONG_ENOUGH_USEC (5 * G_USEC_PER_SEC)

/* What the caches of the C library, and of threads, may differ by. In 2,000 times,
 * one of our smallest objects left behind each time is more. */
#define MEMORY_TOLERANCE (200 * 1024)

static int n_alive;           /* atomic: of the objects that are watched */
static GMainContext *context; /* the scenario's own, its thread's default */
static guint n_back;          /* callbacks that came */

static void
object_gone (gpointer data, GObject *where_it_was)
{
  g_atomic_int_add (&n_alive, -1);
}

static gpointer
watched (gpointer object)
{
  g_atomic_int_inc (&n_alive);
  g_object_weak_ref (object, object_gone, NULL);

  return object;
}

static gboolean
is_back (gpointer n)
{
  return n_back >= GPOINTER_TO_UINT (n);
}

static void
iterate_until_back (guint n)
{
  smart_test_iterate_until (context, is_back, GUINT_TO_POINTER (n));
}

/* Bodies */

static void
return_body (SmartCall *call, gpointer data)
{
  watched (call);
  smart_call_report_progress (call, 0.5);
  smart_call_return_object (call, watched (g_object_new (G_TYPE_OBJECT, NULL)));
}

static gboolean
return_now (gpointer call)
{
  smart_call_return_object (call, watched (g_object_new (G_TYPE_OBJECT, NULL)));
  return G_SOURCE_REMOVE;
}

static void
later_body (SmartCall *call, gpointer data)
{
  watched (call);
  smart_call_add_timeout (call, 0, return_now, g_object_ref (call), g_object_unref);
}

static void
fail_body (SmartCall *call, gpointer data)
{
  watched (call);
  smart_call_return_new_error_literal (call, G_IO_ERROR, G_IO_ERROR_EXISTS, "no");
}

static void
drop_body (SmartCall *call, gpointer data)
{
  watched (call);
}

/* Ends when it is cancelled. */

static gboolean
cancelled_now (GCancellable *cancellable, gpointer call)
{
  smart_call_return_error_if_cancelled (call);
  return G_SOURCE_REMOVE;
}

static void
heeding_body (SmartCall *call, gpointer data)
{
  g_autoptr (GSource) source = g_cancellable_source_new (smart_call_get_cancellable (call));

  watched (call);
  g_source_set_callback (source, G_SOURCE_FUNC (cancelled_now), g_object_ref (call),
                         g_object_unref);
  g_source_attach (source, smart_call_get_context (call));
}

/* Leaves a source behind, that holds the call. */
static gboolean
never (gpointer call)
{
  g_assert_not_reached ();
  return G_SOURCE_REMOVE;
}

static void
leaving_body (SmartCall *call, gpointer data)
{
  watched (call);
  smart_call_add_timeout (call, 3600 * 1000, never, g_object_ref (call), g_object_unref);
}

/* Calling */

static void
ready (GObject *func, GAsyncResult *result, gpointer data)
{
  g_auto (GValue) value = G_VALUE_INIT;

  smart_async_func_call_finish (SMART_ASYNC_FUNC (func), result, &value, NULL);
  n_back++;
}

static void
waited (GObject *future, GAsyncResult *result, gpointer data)
{
  g_auto (GValue) value = G_VALUE_INIT;

  smart_future_wait_finish (SMART_FUTURE (future), result, &value, NULL);
  n_back++;
}

static SmartAsyncFunc *
func_new (SmartBody body, gboolean blocking)
{
  return watched (blocking ? smart_async_func_new_blocking (body, NULL, NULL)
                           : smart_async_func_new (body, NULL, NULL));
}

static SmartFuture *
begin (SmartAsyncFunc *func, GCancellable *cancellable)
{
  g_autoptr (GObject) source = watched (g_object_new (G_TYPE_OBJECT, NULL));
  SmartFuture *future;

  smart_context_push_mode (SMART_MODE_ASYNC);
  future = smart_async_func_call (func, source, cancellable, G_TYPE_STRING, "some", G_TYPE_INVALID);
  smart_context_pop_mode ();

  return watched (future);
}

static void
begin_with_callback (SmartAsyncFunc *func, GCancellable *cancellable)
{
  g_autoptr (GObject) source = watched (g_object_new (G_TYPE_OBJECT, NULL));

  smart_async_func_call_async (func, source, NULL, 0, cancellable, ready, NULL);
}

static void
call_and_wait (SmartAsyncFunc *func)
{
  g_autoptr (GObject) source = watched (g_object_new (G_TYPE_OBJECT, NULL));
  g_auto (GValue) value = G_VALUE_INIT;

  smart_async_func_call_sync (func, source, NULL, 0, NULL, &value, NULL);
}

/* The scenarios; each once */

static const SmartBody bodies[] = { return_body, later_body, fail_body, drop_body };

static void
sync_calls (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (bodies); i++)
    {
      g_autoptr (SmartAsyncFunc) func = func_new (bodies[i], FALSE);
      g_autoptr (SmartFuture) future = NULL;

      call_and_wait (func);
      smart_context_push_mode (SMART_MODE_SYNC);
      future = watched (smart_async_func_call (func, NULL, NULL, G_TYPE_INVALID));
      smart_context_pop_mode ();
    }
}

static void
blocking_calls (void)
{
  g_autoptr (SmartAsyncFunc) func = func_new (return_body, TRUE);
  g_autoptr (SmartAsyncFunc) failing = func_new (fail_body, TRUE);

  call_and_wait (func);
  call_and_wait (failing);
  begin_with_callback (func, NULL);
  begin_with_callback (failing, NULL);
  g_object_unref (begin (func, NULL));
  iterate_until_back (2);
}

static void
async_calls (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (bodies); i++)
    {
      g_autoptr (SmartAsyncFunc) func = func_new (bodies[i], FALSE);
      g_autoptr (SmartFuture) future = begin (func, NULL);

      smart_future_wait_async (future, NULL, waited, NULL);
      begin_with_callback (func, NULL);
    }
  iterate_until_back (2 * G_N_ELEMENTS (bodies));
}

static void
cancelled_calls (void)
{
  g_autoptr (GCancellable) cancellable = watched (g_cancellable_new ());
  g_autoptr (SmartAsyncFunc) func = func_new (heeding_body, FALSE);
  g_autoptr (SmartAsyncFunc) worker = func_new (return_body, TRUE);
  g_autoptr (SmartFuture) future = begin (func, NULL);

  begin_with_callback (func, cancellable);
  begin_with_callback (worker, cancellable);
  smart_future_wait_async (future, cancellable, waited, NULL);
  g_cancellable_cancel (cancellable);
  smart_future_wait_async (future, NULL, waited, NULL);
  smart_future_cancel (future);
  iterate_until_back (4);
}

static void
timed_calls (void)
{
  g_autoptr (SmartAsyncFunc) func = func_new (return_body, TRUE);
  g_autoptr (SmartAsyncFunc) late = func_new (heeding_body, FALSE);

  smart_async_func_set_timeout (func, 60000);
  smart_async_func_set_timeout (late, 1);
  call_and_wait (func);
  begin_with_callback (func, NULL);
  begin_with_callback (late, NULL);
  iterate_until_back (2);
}

static void
limited_calls (void)
{
  g_autoptr (GCancellable) cancellable = watched (g_cancellable_new ());
  g_autoptr (SmartAsyncFunc) func = func_new (later_body, FALSE);
  g_autoptr (SmartAsyncFunc) worker = func_new (return_body, TRUE);

  smart_async_func_set_max_concurrency (func, 1);
  smart_async_func_set_max_concurrency (worker, 1);
  for (guint i = 0; i < 3; i++)
    {
      begin_with_callback (func, i == 1 ? cancellable : NULL);
      begin_with_callback (worker, i == 1 ? cancellable : NULL);
    }
  g_cancellable_cancel (cancellable);
  iterate_until_back (6);
}

static SmartExecutor *
executor_new (guint i)
{
  switch (i)
    {
    case 0:
      return smart_executor_new_pool ("leak", 1);
    case 1:
      return smart_executor_new_loop ("leak");
    default:
      return smart_executor_new_for_context (context);
    }
}

/* An executor of its own each time, and one that is closed while calls wait. */
static void
executors (void)
{
  for (guint i = 0; i < 3; i++)
    {
      g_autoptr (SmartExecutor) executor = watched (executor_new (i));
      g_autoptr (SmartAsyncFunc) func = func_new (later_body, FALSE);
      g_autoptr (SmartAsyncFunc) blocking = func_new (return_body, TRUE);

      smart_async_func_set_executor (func, executor);
      smart_async_func_set_executor (blocking, executor);
      n_back = 0;
      begin_with_callback (func, NULL);
      begin_with_callback (blocking, NULL);
      iterate_until_back (2);
      call_and_wait (func);
      begin_with_callback (func, NULL);
      begin_with_callback (blocking, NULL);
      smart_executor_close (executor);
      iterate_until_back (4);
    }
}

static void
flight_landed (GObject *lock, GAsyncResult *result, gpointer data)
{
  g_auto (GValue) value = G_VALUE_INIT;

  smart_lock_run_once_finish (SMART_LOCK (lock), result, &value, NULL);
  n_back++;
}

static void
flights (void)
{
  g_autoptr (SmartLock) lock = watched (smart_lock_new ());
  g_autoptr (GCancellable) cancellable = watched (g_cancellable_new ());
  g_autoptr (SmartAsyncFunc) func = func_new (later_body, FALSE);
  g_autoptr (SmartAsyncFunc) worker = func_new (return_body, TRUE);
  g_auto (GValue) value = G_VALUE_INIT;

  for (guint i = 0; i < 3; i++)
    {
      smart_lock_run_once_async (lock, "a", func, NULL, NULL, 0, i == 1 ? cancellable : NULL,
                                 flight_landed, NULL);
      smart_lock_run_once_async (lock, "b", worker, NULL, NULL, 0, i == 0 ? cancellable : NULL,
                                 flight_landed, NULL);
      smart_lock_run_once_async (lock, "c", func, NULL, NULL, 0, NULL, flight_landed, NULL);
    }
  g_cancellable_cancel (cancellable);
  smart_lock_forget (lock, "b");
  smart_lock_run_once_sync (lock, "b", worker, NULL, NULL, 0, NULL, &value, NULL);
  smart_lock_run_once_async (lock, "d", worker, NULL, NULL, 0, NULL, flight_landed, NULL);
  smart_lock_reset (lock);
  iterate_until_back (10);
}

static void
pass_on (SmartCall *call, SmartFuture *settled, gpointer data)
{
  smart_call_return_future (call, settled);
}

static void
combinations (void)
{
  g_autoptr (SmartAsyncFunc) func = func_new (later_body, FALSE);
  g_autoptr (SmartAsyncFunc) failing = func_new (fail_body, TRUE);
  g_autoptr (SmartFuture) one = begin (func, NULL);
  g_autoptr (SmartFuture) other = begin (failing, NULL);
  g_autoptr (SmartFuture) by_hand = watched (smart_future_new (NULL));
  g_autoptr (SmartFuture) all = watched (smart_future_all (one, other, NULL));
  g_autoptr (SmartFuture) any = watched (smart_future_any (one, other, NULL));
  g_autoptr (SmartFuture) race = watched (smart_future_race (one, by_hand, NULL));
  g_autoptr (SmartFuture) timed = watched (smart_future_with_timeout (one, 60000));
  g_autoptr (SmartFuture) then = watched (smart_future_then (one, pass_on, NULL, NULL));
  g_autoptr (SmartFuture) caught = watched (smart_future_catch (other, pass_on, NULL, NULL));
  g_autoptr (SmartFuture) last = watched (smart_future_finally (then, pass_on, NULL, NULL));
  SmartFuture *futures[] = { all, any, race, timed, then, caught, last };

  for (guint i = 0; i < G_N_ELEMENTS (futures); i++)
    smart_future_wait_async (futures[i], NULL, waited, NULL);
  iterate_until_back (G_N_ELEMENTS (futures));
}

/* Dropped while they are pending. */
static void
dropped_futures (void)
{
  g_autoptr (SmartFuture) by_hand = watched (smart_future_new (NULL));
  g_autoptr (SmartFuture) other = watched (smart_future_new (NULL));
  g_autoptr (SmartFuture) all = watched (smart_future_all (by_hand, other, NULL));
  g_autoptr (SmartFuture) timed = watched (smart_future_with_timeout (all, 60000));
  g_autoptr (SmartFuture) then = watched (smart_future_then (timed, pass_on, NULL, NULL));
  GValue value = G_VALUE_INIT;
  g_autoptr (SmartFuture) awaited = NULL;

  g_value_init (&value, SMART_TYPE_FUTURE);
  g_value_set_object (&value, then);
  smart_context_push_mode (SMART_MODE_ASYNC);
  awaited = watched (smart_await (&value, NULL));
  smart_context_pop_mode ();
  g_value_unset (&value);
}

static gpointer
thread_main (gpointer data)
{
  g_autoptr (SmartAsyncFunc) leaving = func_new (leaving_body, FALSE);

  sync_calls ();
  smart_async_func_set_timeout (leaving, 1);
  call_and_wait (leaving);

  return NULL;
}

static void
threads (void)
{
  g_thread_join (g_thread_new ("leak", thread_main, NULL));
}

typedef struct
{
  const char *name;
  void (*run) (void);
} Scenario;

static const Scenario scenarios[] = {
  { "sync", sync_calls },           { "blocking", blocking_calls },
  { "async", async_calls },         { "cancelled", cancelled_calls },
  { "timed", timed_calls },         { "limited", limited_calls },
  { "executors", executors },       { "flights", flights },
  { "combinations", combinations }, { "dropped", dropped_futures },
  { "threads", threads },
};

/* Counting */

typedef struct
{
  guint n_fds;
  guint n_threads;
  gsize memory;
} Count;

/* What the rounds of a scenario show. All clauses look at the same ones. */
typedef struct
{
  Count first;
  Count last[2];
  guint n_sources[2];
} Finding;

static Finding findings[2][G_N_ELEMENTS (scenarios)]; /* on the main thread, and on another */
static gboolean found[2];

static gboolean
nothing_is_alive (gpointer unused)
{
  while (g_main_context_iteration (context, FALSE))
    ;

  return g_atomic_int_get (&n_alive) == 0;
}

/* Sources that were attached to the scenario's context, and are there. */
static guint
count_sources (void)
{
  g_autoptr (GSource) probe = g_idle_source_new ();
  guint last = g_source_attach (probe, context);
  guint n = 0;

  g_source_destroy (probe);
  for (guint id = 1; id < last; id++)
    if (g_main_context_find_source_by_id (context, id) != NULL)
      n++;

  return n;
}

static void
count (Count *counted)
{
  counted->n_fds = smart_test_count_fds ();
  counted->n_threads = smart_test_count_threads ();
  counted->memory = mallinfo2 ().uordblks;
}

static void
run_round (const Scenario *scenario)
{
  guint n = smart_test_scale (MANY, 50);
  gint64 until = g_get_monotonic_time () + LONG_ENOUGH_USEC;

  for (guint i = 0; i < n && g_get_monotonic_time () < until; i++)
    {
      n_back = 0;
      scenario->run ();
    }
  smart_test_wait_until (nothing_is_alive, NULL);
}

static gboolean
has_ended (const Count *first)
{
  return smart_test_count_fds () <= first->n_fds &&
         smart_test_count_threads () <= first->n_threads &&
         mallinfo2 ().uordblks < first->memory + MEMORY_TOLERANCE;
}

/* Threads that are to end take a while, and so does what they have yet to drop, such as
 * a call that was cancelled in their queue; whether they do the clauses tell. */
static void
wait_for_the_end (const Count *first)
{
  gint64 until = g_get_monotonic_time () + SMART_TEST_DEADLINE_USEC;

  while (!has_ended (first) && g_get_monotonic_time () < until)
    {
      smart_async_reset ();
      g_thread_yield ();
    }
}

/* Three rounds, of which the first is to show what is made once. */
static void
find (const Scenario *scenario, Finding *finding)
{
  g_test_message ("%s", scenario->name);
  context = g_main_context_new ();
  g_main_context_push_thread_default (context);

  run_round (scenario);
  count (&finding->first);
  for (guint round = 0; round < 2; round++)
    {
      run_round (scenario);
      finding->n_sources[round] = count_sources ();
      wait_for_the_end (&finding->first);
      count (&finding->last[round]);
    }

  g_main_context_pop_thread_default (context);
  g_main_context_unref (context);
}

static const Finding *
get_findings (void)
{
  guint here = smart_test_on_main_thread () ? 0 : 1;

  for (guint i = 0; i < G_N_ELEMENTS (scenarios) && !found[here]; i++)
    find (&scenarios[i], &findings[here][i]);
  found[here] = TRUE;

  return findings[here];
}

/* None of those that are watched: each round has waited for that. And no others. */
static void
no_object (void)
{
  const Finding *finding = get_findings ();

  for (guint i = 0; i < G_N_ELEMENTS (scenarios); i++, finding++)
    {
      g_test_message ("%s", scenarios[i].name);
      g_assert_cmpuint (finding->last[1].memory, <, finding->first.memory + MEMORY_TOLERANCE);
    }
}

static void
no_fd (void)
{
  const Finding *finding = get_findings ();

  for (guint i = 0; i < G_N_ELEMENTS (scenarios); i++, finding++)
    for (guint round = 0; round < 2; round++)
      {
        g_test_message ("%s", scenarios[i].name);
        g_assert_cmpuint (finding->last[round].n_fds, <=, finding->first.n_fds);
      }
}

static void
no_thread (void)
{
  const Finding *finding = get_findings ();

  for (guint i = 0; i < G_N_ELEMENTS (scenarios); i++, finding++)
    for (guint round = 0; round < 2; round++)
      {
        g_test_message ("%s", scenarios[i].name);
        g_assert_cmpuint (finding->last[round].n_threads, <=, finding->first.n_threads);
      }
}

/* But the one that delivers what comes back, as long as this thread keeps it. */
static void
no_source (void)
{
  const Finding *finding = get_findings ();

  for (guint i = 0; i < G_N_ELEMENTS (scenarios); i++, finding++)
    for (guint round = 0; round < 2; round++)
      {
        g_test_message ("%s", scenarios[i].name);
        g_assert_cmpuint (finding->n_sources[round], <=, 1);
      }
}

int
main (int argc, char **argv)
{
  smart_test_init (&argc, &argv);

  smart_test_add ("/contract/Z1.a", no_object);
  smart_test_add ("/contract/Z1.b", no_fd);
  smart_test_add ("/contract/Z1.c", no_thread);
  smart_test_add ("/contract/Z1.d", no_source);

  return g_test_run ();
}
