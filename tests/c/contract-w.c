/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The contract's section W: what concerns the shared pool. */

#include "smart-test.h"

#include <smartasync-glib/smartasync-glib.h>

#include <stdlib.h>

#define MSEC G_TIME_SPAN_MILLISECOND

/* A body is in a sync context, where a call would be made directly. */
static SmartFuture *
call_offloaded (SmartAsyncFunc *func, int arg)
{
  SmartFuture *future;

  smart_context_push_mode (SMART_MODE_ASYNC);
  future = smart_async_func_call (func, NULL, NULL, G_TYPE_INT, arg, G_TYPE_INVALID);
  smart_context_pop_mode ();

  return future;
}

static int
wait_for_int (SmartFuture *future)
{
  g_autoptr (GError) error = NULL;
  g_auto (GValue) value = G_VALUE_INIT;

  smart_future_wait (future, smart_test_bound (SMART_TEST_DEADLINE_USEC), NULL, &value, &error);
  g_assert_no_error (error);

  return g_value_get_int (&value);
}

/* One measurement: calls begun in a loop, and how many of them came back. */
typedef struct
{
  SmartAsyncFunc *outer;
  SmartAsyncFunc *inner;
  SmartTestGate gate; /* nobody opens it before the end is near */
  GMutex lock;
  GCond moved;    /* with lock */
  guint n_inside; /* lock */
  guint n_back;   /* of the loop's thread */
  gint64 start;
  gint64 end;
} Run;

/* Threads that an earlier run has left would make it easy. Where starting one
 * takes many times as long, the bounds are not for that.
 */
static void
forget_idle_workers (void)
{
#ifndef __SANITIZE_ADDRESS__
  if (smart_test_scale (1, 0) == 0)
    return;
  smart_async_reset ();
  smart_test_wait_for_stat ("threads", 0);
#endif
}

static void
run_init (Run *run, SmartBody outer, SmartBody inner)
{
  forget_idle_workers ();
  *run = (Run) { .n_back = 0 };
  run->outer = smart_async_func_new_blocking (outer, run, NULL);
  run->inner = smart_async_func_new_blocking (inner, run, NULL);
  smart_test_gate_init (&run->gate);
  g_mutex_init (&run->lock);
  g_cond_init (&run->moved);
}

static gboolean
only_reference_is_left (gpointer object)
{
  return g_atomic_int_get ((int *) &((GObject *) object)->ref_count) == 1;
}

/* A body's own calls were made on a worker, and are released where the
 * worker's results go: in the default context.
 */
static gboolean
run_is_released (gpointer data)
{
  Run *run = data;

  g_main_context_iteration (NULL, FALSE);

  return only_reference_is_left (run->outer) && only_reference_is_left (run->inner);
}

static void
run_clear (Run *run)
{
  smart_test_wait_until (run_is_released, run);
  g_assert_finalize_object (run->outer);
  g_assert_finalize_object (run->inner);
  smart_test_gate_clear (&run->gate);
  g_mutex_clear (&run->lock);
  g_cond_clear (&run->moved);
}

static void
run_enter (Run *run)
{
  g_mutex_lock (&run->lock);
  run->n_inside++;
  g_cond_broadcast (&run->moved);
  g_mutex_unlock (&run->lock);
}

static void
run_wait_for_inside (Run *run, guint n)
{
  gint64 deadline = g_get_monotonic_time () + smart_test_bound (SMART_TEST_DEADLINE_USEC);

  g_mutex_lock (&run->lock);
  while (run->n_inside < n)
    if (!g_cond_wait_until (&run->moved, &run->lock, deadline))
      g_error ("only %u of %u bodies came to run", run->n_inside, n);
  g_mutex_unlock (&run->lock);
}

static void
run_back (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Run *run = user_data;
  g_auto (GValue) value = G_VALUE_INIT;
  g_autoptr (GError) error = NULL;

  smart_async_func_call_finish (SMART_ASYNC_FUNC (source), result, &value, &error);
  g_assert_no_error (error);
  run->n_back++;
  run->end = g_get_monotonic_time ();
}

static void
run_call (Run *run, SmartAsyncFunc *func, int arg)
{
  GValue value = G_VALUE_INIT;

  g_value_init (&value, G_TYPE_INT);
  g_value_set_int (&value, arg);
  smart_async_func_call_async (func, NULL, &value, 1, NULL, run_back, run);
}

/* W1: starvation */

#define N_OUTER  100
#define N_LINKS  40
#define OWN_TIME (5 * MSEC)

static void
echo_body (SmartCall *call, gpointer user_data)
{
  smart_call_return_int (call, smart_call_get_int (call, 0));
}

static void
inner_body (SmartCall *call, gpointer user_data)
{
  Run *run = user_data;

  g_mutex_lock (&run->lock);
  g_assert_cmpuint (run->n_inside, ==, N_OUTER);
  g_mutex_unlock (&run->lock);
  echo_body (call, NULL);
}

static void
outer_body (SmartCall *call, gpointer user_data)
{
  Run *run = user_data;
  int number = smart_call_get_int (call, 0);
  g_autoptr (SmartFuture) future = NULL;

  run_enter (run);
  smart_test_gate_wait_for (&run->gate, OWN_TIME);
  run_wait_for_inside (run, N_OUTER);

  future = call_offloaded (run->inner, number);
  g_assert_cmpint (wait_for_int (future), ==, number);
  smart_call_return_int (call, number);
}

static void
outer_begin (gpointer data)
{
  Run *run = data;

  run->start = g_get_monotonic_time ();
  for (int i = 0; i < N_OUTER; i++)
    run_call (run, run->outer, i);
}

static gboolean
all_outer_are_back (gpointer data)
{
  return ((Run *) data)->n_back == N_OUTER;
}

static gint64
measure_starvation (gpointer data)
{
  Run run;

  run_init (&run, outer_body, inner_body);
  smart_test_in_loop (outer_begin, all_outer_are_back, &run);
  run_clear (&run);

  return run.end - run.start;
}

static void
starvation (void)
{
  smart_test_best_of_five (measure_starvation, 20 * OWN_TIME, NULL);
}

/* All links are inside at the end, each on a thread of its own. */
static void
link_body (SmartCall *call, gpointer user_data)
{
  Run *run = user_data;
  int left = smart_call_get_int (call, 0);

  run_enter (run);
  if (left > 1)
    {
      g_autoptr (SmartFuture) future = call_offloaded (run->outer, left - 1);

      smart_call_return_int (call, 1 + wait_for_int (future));
    }
  else
    {
      run_wait_for_inside (run, N_LINKS);
      smart_call_return_int (call, 1);
    }
}

static void
chain_ready (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Run *run = user_data;
  g_auto (GValue) value = G_VALUE_INIT;
  g_autoptr (GError) error = NULL;

  smart_async_func_call_finish (run->outer, result, &value, &error);
  g_assert_no_error (error);
  g_assert_cmpint (g_value_get_int (&value), ==, N_LINKS);
  run->n_back++;
  run->end = g_get_monotonic_time ();
}

static void
chain_begin (gpointer data)
{
  Run *run = data;
  GValue value = G_VALUE_INIT;

  g_value_init (&value, G_TYPE_INT);
  g_value_set_int (&value, N_LINKS);
  run->start = g_get_monotonic_time ();
  smart_async_func_call_async (run->outer, NULL, &value, 1, NULL, chain_ready, run);
}

static gboolean
one_is_back (gpointer data)
{
  return ((Run *) data)->n_back == 1;
}

static gint64
measure_chain (gpointer data)
{
  Run run;

  run_init (&run, link_body, echo_body);
  smart_test_in_loop (chain_begin, one_is_back, &run);
  run_clear (&run);

  return run.end - run.start;
}

static void
chain (void)
{
  smart_test_best_of_five (measure_chain, 20 * OWN_TIME, NULL);
}

/* W2: sleepers */

#define N_SLEEPERS   30
#define N_NEIGHBOURS 100

static void
sleeper_body (SmartCall *call, gpointer user_data)
{
  Run *run = user_data;

  run_enter (run);
  smart_test_gate_wait (&run->gate);
  smart_call_return_int (call, 0);
}

static void
short_body (SmartCall *call, gpointer user_data)
{
  Run *run = user_data;

  run->end = g_get_monotonic_time ();
  smart_test_gate_open (&run->gate);
  smart_call_return_int (call, 0);
}

static void
sleepers_back (GObject *source, GAsyncResult *result, gpointer user_data)
{
  ((Run *) user_data)->n_back++;
}

static void
behind_sleepers_begin (gpointer data)
{
  Run *run = data;

  for (guint i = 0; i < N_SLEEPERS; i++)
    smart_async_func_call_async (run->outer, NULL, NULL, 0, NULL, sleepers_back, run);
  run->start = g_get_monotonic_time ();
  smart_async_func_call_async (run->inner, NULL, NULL, 0, NULL, sleepers_back, run);
}

static gboolean
sleepers_are_back (gpointer data)
{
  return ((Run *) data)->n_back == N_SLEEPERS + 1;
}

static gint64
measure_behind_sleepers (gpointer data)
{
  Run run;

  run_init (&run, sleeper_body, short_body);
  smart_test_in_loop (behind_sleepers_begin, sleepers_are_back, &run);
  run_clear (&run);

  return run.end - run.start;
}

static void
behind_sleepers (void)
{
  smart_test_best_of_five (measure_behind_sleepers, 10 * MSEC, NULL);
}

typedef struct
{
  Run run;
  GFile *file;
  gint64 alone;
  gint64 beside;
  gboolean is_beside;
  gboolean over;
} Neighbours;

static void neighbours_load (Neighbours *neighbours);

static void
neighbours_loaded (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Neighbours *neighbours = user_data;
  Run *run = &neighbours->run;
  gint64 took = g_get_monotonic_time () - run->start;
  g_autofree char *contents = NULL;
  g_autoptr (GError) error = NULL;

  g_file_load_contents_finish (neighbours->file, result, &contents, NULL, NULL, &error);
  g_assert_no_error (error);
  if (neighbours->is_beside)
    {
      g_assert_cmpuint (run->n_back, ==, 0);
      neighbours->beside = took;
      smart_test_gate_open (&run->gate);
      return;
    }

  neighbours->alone = took;
  neighbours->is_beside = TRUE;
  /* One by one: each has the choice of all threads that there are. */
  for (guint i = 0; i < N_NEIGHBOURS; i++)
    {
      smart_async_func_call_async (run->outer, NULL, NULL, 0, NULL, sleepers_back, run);
      run_wait_for_inside (run, i + 1);
    }
  neighbours_load (neighbours);
}

static void
neighbours_load (Neighbours *neighbours)
{
  neighbours->run.start = g_get_monotonic_time ();
  g_file_load_contents_async (neighbours->file, NULL, neighbours_loaded, neighbours);
}

static void
neighbours_begin (gpointer data)
{
  neighbours_load (data);
}

static gboolean
neighbours_are_back (gpointer data)
{
  return ((Neighbours *) data)->run.n_back == N_NEIGHBOURS;
}

static gint64
measure_beside_sleepers (gpointer data)
{
  Neighbours neighbours = { .file = data };

  run_init (&neighbours.run, sleeper_body, echo_body);
  smart_test_in_loop (neighbours_begin, neighbours_are_back, &neighbours);
  run_clear (&neighbours.run);

  return neighbours.beside - neighbours.alone;
}

static void
beside_sleepers (void)
{
  g_autoptr (GFile) file = g_file_new_for_path ("/proc/self/comm");

  smart_test_best_of_five (measure_beside_sleepers, 10 * MSEC, file);
}

/* W6: where things are released. A payload counts its end by thread. */

static struct
{
  GThread *home; /* where they belong; NULL: anywhere */
  int n_alive;
  int n_elsewhere;
} payloads;

static void
payloads_expect (GThread *home)
{
  g_assert_cmpint (g_atomic_int_get (&payloads.n_alive), ==, 0);
  payloads.home = home;
  g_atomic_int_set (&payloads.n_elsewhere, 0);
}

static void
payload_begins (void)
{
  g_atomic_int_inc (&payloads.n_alive);
}

static void
payload_ends (void)
{
  if (payloads.home != NULL && payloads.home != g_thread_self ())
    g_atomic_int_inc (&payloads.n_elsewhere);
  g_atomic_int_add (&payloads.n_alive, -1);
}

/* A boxed one: its copies are references, or boxes of their own. */

typedef struct
{
  int ref_count;
  int number;
} Box;

static Box *
box_new (int number)
{
  Box *box = g_new (Box, 1);

  *box = (Box) { 1, number };
  payload_begins ();

  return box;
}

static gboolean box_copies_are_boxes;

static Box *
box_copy (Box *box)
{
  if (box_copies_are_boxes)
    return box_new (box->number);

  g_atomic_int_inc (&box->ref_count);

  return box;
}

static void
box_free (Box *box)
{
  if (!g_atomic_int_dec_and_test (&box->ref_count))
    return;
  payload_ends ();
  g_free (box);
}

GType box_get_type (void);
G_DEFINE_BOXED_TYPE (Box, box, box_copy, box_free)

/* And an object. */

typedef struct
{
  GObject parent_instance;
} Thing;

typedef GObjectClass ThingClass;

GType thing_get_type (void);
G_DEFINE_TYPE (Thing, thing, G_TYPE_OBJECT)

static void
thing_finalize (GObject *object)
{
  payload_ends ();
  G_OBJECT_CLASS (thing_parent_class)->finalize (object);
}

static void
thing_class_init (ThingClass *class)
{
  class->finalize = thing_finalize;
}

static void
thing_init (Thing *thing)
{
  payload_begins ();
}

/* Calls, so many in flight, until all are done. */
typedef struct
{
  SmartAsyncFunc *func;
  GCancellable *cancellable;
  void (*call) (gpointer releases, const GValue *arg, GObject *source);
  int n_calls;
  int n_begun;
  int n_back;
  int in_flight;
  int n_ran; /* atomic: bodies */
  SmartLock *lock;
} Releases;

static void
box_body (SmartCall *call, gpointer user_data)
{
  Releases *releases = user_data;
  Box *box = smart_call_get_boxed (call, 0);

  if (releases != NULL)
    g_atomic_int_inc (&releases->n_ran);
  g_assert_nonnull (smart_call_get_source_object (call));
  smart_call_return_boxed (call, box_get_type (), box_new (box->number + 1));
}

static void
releases_begin_one (Releases *releases)
{
  g_auto (GValue) arg = G_VALUE_INIT;
  g_autoptr (GObject) source = g_object_new (thing_get_type (), NULL);

  g_value_init (&arg, box_get_type ());
  g_value_take_boxed (&arg, box_new (releases->n_begun++));
  releases->call (releases, &arg, source);
}

static void
releases_fill (gpointer data)
{
  Releases *releases = data;

  while (releases->n_begun < releases->n_calls &&
         releases->n_begun - releases->n_back < releases->in_flight)
    releases_begin_one (releases);
}

static void
releases_ready (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Releases *releases = user_data;
  g_auto (GValue) value = G_VALUE_INIT;
  g_autoptr (GError) error = NULL;

  if (smart_async_func_call_finish (SMART_ASYNC_FUNC (source), result, &value, &error))
    g_assert_cmpint (((Box *) g_value_get_boxed (&value))->number, >, 0);
  else
    g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);

  releases->n_back++;
  releases_fill (releases);
}

static void
releases_call (gpointer data, const GValue *arg, GObject *source)
{
  Releases *releases = data;

  smart_async_func_call_async (releases->func, source, arg, 1, releases->cancellable,
                               releases_ready, releases);
}

static void
releases_waited (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Releases *releases = user_data;
  g_auto (GValue) value = G_VALUE_INIT;

  smart_future_wait_finish (SMART_FUTURE (source), result, &value, NULL);
  g_assert_cmpint (((Box *) g_value_get_boxed (&value))->number, >, 0);
  releases->n_back++;
  releases_fill (releases);
}

static void
releases_call_future (gpointer data, const GValue *arg, GObject *source)
{
  Releases *releases = data;
  g_autoptr (SmartFuture) future =
      smart_async_func_callv (releases->func, source, arg, 1, releases->cancellable);

  smart_future_wait_async (future, NULL, releases_waited, releases);
}

/* Nobody is told of its end. */
static void
releases_call_and_drop (gpointer data, const GValue *arg, GObject *source)
{
  Releases *releases = data;

  g_object_unref (smart_async_func_callv (releases->func, source, arg, 1, releases->cancellable));
}

/* Nobody tells when a worker lets go of the last one. */
static gboolean
releases_are_over_or_wake (gpointer data)
{
  Releases *releases = data;

  if (releases->n_back < releases->n_calls)
    return FALSE;
  g_main_context_wakeup (g_main_context_get_thread_default ());

  return g_atomic_int_get (&payloads.n_alive) == 0;
}

static gboolean
bodies_are_over_or_wake (gpointer data)
{
  Releases *releases = data;

  g_main_context_wakeup (g_main_context_get_thread_default ());

  return g_atomic_int_get (&releases->n_ran) >= releases->n_calls &&
         g_atomic_int_get (&payloads.n_alive) == 0;
}

static void
releases_run (Releases *releases, SmartTestPredicate until)
{
  payloads_expect (g_thread_self ());
  smart_test_in_loop (releases_fill, until, releases);

  g_assert_cmpint (g_atomic_int_get (&payloads.n_elsewhere), ==, 0);
  g_assert_cmpint (g_atomic_int_get (&payloads.n_alive), ==, 0);
  g_assert_finalize_object (releases->func);
}

static void
released_at_home (void)
{
  Releases releases = { .call = releases_call, .in_flight = 200 };

  releases.n_calls = (int) smart_test_scale (20000, 500);
  releases.func = smart_async_func_new_blocking (box_body, &releases, NULL);
  releases_run (&releases, releases_are_over_or_wake);
}

/* One after the other: whoever ends a turn gives it on. */
static void
released_at_home_by_turns (void)
{
  Releases releases = { .call = releases_call, .in_flight = 50 };

  releases.n_calls = (int) smart_test_scale (5000, 500);
  releases.func = smart_async_func_new_blocking (box_body, &releases, NULL);
  smart_async_func_set_max_concurrency (releases.func, 1);
  releases_run (&releases, releases_are_over_or_wake);
}

static void
released_at_home_by_future (void)
{
  Releases releases = { .call = releases_call_future, .in_flight = 50 };

  releases.n_calls = (int) smart_test_scale (20000, 500);
  releases.func = smart_async_func_new_blocking (box_body, &releases, NULL);
  releases_run (&releases, releases_are_over_or_wake);
}

static void
released_at_home_though_dropped (void)
{
  Releases releases = { .call = releases_call_and_drop };

  releases.n_calls = releases.in_flight = (int) smart_test_scale (5000, 500);
  releases.func = smart_async_func_new_blocking (box_body, &releases, NULL);
  releases_run (&releases, bodies_are_over_or_wake);
}

/* Of a lock's flight all have the value: whoever has left it, or forgotten it. Some
 * come when it has landed already. */
static void
releases_call_flight (gpointer data, const GValue *arg, GObject *source)
{
  Releases *releases = data;
  g_autofree char *key = g_strdup_printf ("%d", releases->n_begun);

  for (guint i = 0; i < 3; i++)
    {
      g_autoptr (SmartFuture) future =
          smart_lock_run_once (releases->lock, key, releases->func, source, arg, 1, NULL);
      g_autoptr (SmartFuture) timed = smart_future_with_timeout (future, 60000);

      if (i == 1)
        smart_future_cancel (future);
    }
}

static void
released_at_home_by_flight (void)
{
  Releases releases = { .call = releases_call_flight };

  releases.lock = smart_lock_new ();
  releases.n_calls = releases.in_flight = (int) smart_test_scale (2000, 200);
  releases.func = smart_async_func_new_blocking (box_body, &releases, NULL);
  box_copies_are_boxes = TRUE;
  releases_run (&releases, bodies_are_over_or_wake);
  box_copies_are_boxes = FALSE;
  g_object_unref (releases.lock);
}

/* Cancelled before they begin, while they run, or not: every other one. */
static void
releases_call_and_cancel (gpointer data, const GValue *arg, GObject *source)
{
  Releases *releases = data;
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();

  smart_async_func_call_async (releases->func, source, arg, 1, cancellable, releases_ready,
                               releases);
  if (releases->n_begun % 2 == 0)
    g_cancellable_cancel (cancellable);
}

static void
released_at_home_though_cancelled (void)
{
  Releases releases = { .call = releases_call_and_cancel, .in_flight = 50 };

  releases.n_calls = (int) smart_test_scale (5000, 500);
  releases.func = smart_async_func_new_blocking (box_body, &releases, NULL);
  smart_async_func_set_abandon_on_cancel (releases.func, TRUE);
  releases_run (&releases, releases_are_over_or_wake);
}

/* An asynchronous body that has another thread return. */
static gpointer
returner_main (gpointer queue)
{
  gpointer call;

  while ((call = g_async_queue_pop (queue)) != queue)
    {
      box_body (call, NULL);
      g_object_unref (call);
    }

  return NULL;
}

static void
hand_over_begin (SmartCall *call, gpointer queue)
{
  g_async_queue_push (queue, g_object_ref (call));
}

static void
released_at_home_from_thread (void)
{
  Releases releases = { .call = releases_call, .in_flight = 50 };
  g_autoptr (GAsyncQueue) queue = g_async_queue_new ();
  GThread *returner = g_thread_new ("returner", returner_main, queue);

  releases.n_calls = (int) smart_test_scale (5000, 500);
  releases.func = smart_async_func_new (hand_over_begin, queue, NULL);
  releases_run (&releases, releases_are_over_or_wake);

  g_async_queue_push (queue, queue);
  g_thread_join (returner);
}

/* The caller's thread ends while its calls are running. */

#define N_ORPHANS 100

typedef struct
{
  SmartAsyncFunc *func;
  SmartTestGate gate;
} Orphans;

static void
orphan_body (SmartCall *call, gpointer user_data)
{
  Orphans *orphans = user_data;
  Box *box = smart_call_get_boxed (call, 0);

  smart_test_gate_wait (&orphans->gate);
  smart_call_return_boxed (call, box_get_type (), box_new (box->number + 1));
}

static void
orphan_ready (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_assert_not_reached ();
}

static gpointer
orphans_main (gpointer data)
{
  Orphans *orphans = data;
  g_autoptr (GMainContext) context = g_main_context_new ();

  g_main_context_push_thread_default (context);
  for (int i = 0; i < N_ORPHANS; i++)
    {
      g_auto (GValue) arg = G_VALUE_INIT;
      g_autoptr (GObject) source = g_object_new (thing_get_type (), NULL);

      g_value_init (&arg, box_get_type ());
      g_value_take_boxed (&arg, box_new (i));
      smart_async_func_call_async (orphans->func, source, &arg, 1, NULL, orphan_ready, NULL);
    }
  g_main_context_pop_thread_default (context);

  return NULL;
}

static gboolean
payloads_are_gone (gpointer data)
{
  return g_atomic_int_get (&payloads.n_alive) == 0;
}

static void
released_after_thread_end (void)
{
  Orphans orphans = { NULL };

  payloads_expect (NULL);
  smart_test_gate_init (&orphans.gate);
  orphans.func = smart_async_func_new_blocking (orphan_body, &orphans, NULL);

  g_thread_join (g_thread_new ("caller", orphans_main, &orphans));
  /* The bodies still use their arguments. */
  g_assert_cmpint (g_atomic_int_get (&payloads.n_alive), >=, 1);
  smart_test_gate_open (&orphans.gate);

  smart_test_wait_until (payloads_are_gone, NULL);
  smart_test_wait_until (only_reference_is_left, orphans.func);
  g_assert_finalize_object (orphans.func);
  smart_test_gate_clear (&orphans.gate);
}

/* A context that outlives its thread, and that nobody iterates: nothing goes
 * before it does, and nothing is left after it.
 */
static gpointer
abandoned_main (gpointer data)
{
  Orphans *orphans = data;
  g_autoptr (GMainContext) context = g_main_context_new ();
  g_auto (GValue) arg = G_VALUE_INIT;
  g_autoptr (GObject) source = g_object_new (thing_get_type (), NULL);

  g_main_context_push_thread_default (context);
  g_value_init (&arg, box_get_type ());
  g_value_take_boxed (&arg, box_new (1));
  smart_async_func_call_async (orphans->func, source, &arg, 1, NULL, orphan_ready, NULL);
  g_main_context_pop_thread_default (context);

  return g_steal_pointer (&context);
}

static void
released_with_context (void)
{
  Orphans orphans = { NULL };
  GMainContext *context;

  payloads_expect (NULL);
  smart_test_gate_init (&orphans.gate);
  orphans.func = smart_async_func_new_blocking (orphan_body, &orphans, NULL);

  context = g_thread_join (g_thread_new ("caller", abandoned_main, &orphans));
  smart_test_gate_open (&orphans.gate);
  g_main_context_unref (context);

  smart_test_wait_until (payloads_are_gone, NULL);
  smart_test_wait_until (only_reference_is_left, orphans.func);
  g_assert_finalize_object (orphans.func);
  smart_test_gate_clear (&orphans.gate);
}

/* A function's user data. */

typedef struct
{
  SmartTestGate entered;
  SmartTestGate gate;
  GCancellable *cancellable;
  GThread *home;
  int n_destroyed; /* atomic */
  int n_elsewhere; /* atomic */
  int n_calls;
  int n_begun;
  gboolean back;
} UserData;

static void
user_data_init (UserData *user_data)
{
  *user_data = (UserData) { .home = g_thread_self () };
  smart_test_gate_init (&user_data->entered);
  smart_test_gate_init (&user_data->gate);
}

static void
user_data_clear (UserData *user_data)
{
  smart_test_gate_clear (&user_data->entered);
  smart_test_gate_clear (&user_data->gate);
  g_clear_object (&user_data->cancellable);
}

static void
user_data_destroy (gpointer data)
{
  UserData *user_data = data;

  if (g_thread_self () != user_data->home)
    g_atomic_int_inc (&user_data->n_elsewhere);
  g_atomic_int_inc (&user_data->n_destroyed);
}

static void
empty_body (SmartCall *call, gpointer user_data)
{
  smart_call_return_none (call);
}

static void
user_data_with_last_reference (void)
{
  UserData user_data;
  SmartAsyncFunc *func;
  SmartAsyncFunc *derived;

  user_data_init (&user_data);
  func = smart_async_func_new_blocking (empty_body, &user_data, user_data_destroy);
  g_assert_true (smart_async_func_call_sync (func, NULL, NULL, 0, NULL, NULL, NULL));
  g_assert_cmpint (user_data.n_destroyed, ==, 0);
  g_object_unref (func);
  g_assert_cmpint (user_data.n_destroyed, ==, 1);

  /* A derived one has the same bodies: the last of the two counts. */
  func = smart_async_func_new_blocking (empty_body, &user_data, user_data_destroy);
  derived = smart_async_func_derive (func, "priority", G_PRIORITY_LOW, NULL);
  g_object_unref (func);
  g_assert_cmpint (user_data.n_destroyed, ==, 1);
  g_object_unref (derived);
  g_assert_cmpint (user_data.n_destroyed, ==, 2);

  user_data_clear (&user_data);
}

/* A call in flight holds the last reference: it goes where the call ends. */
static void user_data_fill (gpointer data);

static void
user_data_ready (GObject *source, GAsyncResult *result, gpointer data)
{
  user_data_fill (data);
}

static void
user_data_fill (gpointer data)
{
  UserData *user_data = data;
  SmartAsyncFunc *func;

  if (user_data->n_begun == user_data->n_calls)
    return;
  user_data->n_begun++;
  func = smart_async_func_new_blocking (empty_body, user_data, user_data_destroy);
  smart_async_func_call_async (func, NULL, NULL, 0, NULL, user_data_ready, user_data);
  g_object_unref (func);
}

static gboolean
user_data_are_destroyed (gpointer data)
{
  UserData *user_data = data;

  return g_atomic_int_get (&user_data->n_destroyed) == user_data->n_calls;
}

static gboolean
user_data_are_destroyed_or_wake (gpointer data)
{
  UserData *user_data = data;

  if (user_data->n_begun == user_data->n_calls)
    g_main_context_wakeup (g_main_context_get_thread_default ());

  return user_data_are_destroyed (data);
}

static void
user_data_at_home (void)
{
  UserData user_data;

  user_data_init (&user_data);
  user_data.n_calls = (int) smart_test_scale (5000, 200);
  smart_test_in_loop (user_data_fill, user_data_are_destroyed_or_wake, &user_data);
  g_assert_cmpint (user_data.n_elsewhere, ==, 0);
  user_data_clear (&user_data);
}

/* The worker that runs an abandoned body keeps what the body uses. */
static void
abandoned_body (SmartCall *call, gpointer data)
{
  UserData *user_data = data;

  smart_test_gate_open (&user_data->entered);
  smart_test_gate_wait (&user_data->gate);
  g_assert_cmpint (g_atomic_int_get (&user_data->n_destroyed), ==, 0);
  smart_call_return_none (call);
}

static void
abandoned_ready (GObject *source, GAsyncResult *result, gpointer data)
{
  UserData *user_data = data;
  g_autoptr (GError) error = NULL;

  g_assert_false (smart_async_func_call_finish (SMART_ASYNC_FUNC (source), result, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  user_data->back = TRUE;
}

static void
abandoned_begin (gpointer data)
{
  UserData *user_data = data;
  g_autoptr (SmartAsyncFunc) func =
      smart_async_func_new_blocking (abandoned_body, user_data, user_data_destroy);

  smart_async_func_set_abandon_on_cancel (func, TRUE);
  smart_async_func_call_async (func, NULL, NULL, 0, user_data->cancellable, abandoned_ready,
                               user_data);
  smart_test_gate_wait (&user_data->entered);
  g_cancellable_cancel (user_data->cancellable);
}

/* The caller has his answer, the body goes on; then it may end. */
static gboolean
abandoned_is_released (gpointer data)
{
  UserData *user_data = data;

  if (!user_data->back)
    return FALSE;
  if (!smart_test_gate_is_open (&user_data->gate))
    {
      g_assert_cmpint (g_atomic_int_get (&user_data->n_destroyed), ==, 0);
      smart_test_gate_open (&user_data->gate);
    }
  g_main_context_wakeup (g_main_context_get_thread_default ());

  return user_data_are_destroyed (data);
}

static void
user_data_of_abandoned_body (void)
{
  UserData user_data;

  user_data_init (&user_data);
  user_data.n_calls = 1;
  user_data.cancellable = g_cancellable_new ();
  smart_test_in_loop (abandoned_begin, abandoned_is_released, &user_data);
  g_assert_cmpint (user_data.n_destroyed, ==, 1);
  user_data_clear (&user_data);
}

/* W7: the end of workers, and of the process */

#define N_WORKERS 50

static void
workers_begin (gpointer data)
{
  Run *run = data;

  for (int i = 0; i < N_WORKERS; i++)
    run_call (run, run->outer, i);
  run_wait_for_inside (run, N_WORKERS);
  /* All but those that GTask's pool lends. */
  g_assert_cmpuint (smart_test_stat ("threads"), >=, N_WORKERS - 4);
  smart_test_gate_open (&run->gate);
}

static gboolean
workers_are_back (gpointer data)
{
  return ((Run *) data)->n_back == N_WORKERS;
}

static gboolean
no_worker_is_left (gpointer data)
{
  return smart_test_stat ("threads") == 0;
}

static void
idle_workers_end (void)
{
  Run run;

  run_init (&run, sleeper_body, echo_body);
  smart_test_in_loop (workers_begin, workers_are_back, &run);
  run_clear (&run);

  smart_test_wait_until (no_worker_is_left, NULL);
  g_assert_cmpuint (smart_test_stat ("threads-idle"), ==, 0);
}

static SmartTestGate exit_gate;

static void
exit_sleeper_body (SmartCall *call, gpointer user_data)
{
  smart_test_gate_open (user_data);
  smart_test_gate_wait (&exit_gate);
  smart_call_return_none (call);
}

static void
exit_ready (GObject *source, GAsyncResult *result, gpointer user_data)
{
}

static void
exit_begin (gpointer data)
{
  SmartTestGate *entered = data;
  SmartAsyncFunc *sleeper = smart_async_func_new_blocking (exit_sleeper_body, entered, NULL);
  SmartAsyncFunc *busy = smart_async_func_new_blocking (empty_body, NULL, NULL);
  SmartAsyncFunc *async = smart_async_func_new (hand_over_begin, g_async_queue_new (), NULL);

  for (guint i = 0; i < 20; i++)
    {
      smart_async_func_call_async (sleeper, NULL, NULL, 0, NULL, exit_ready, NULL);
      smart_async_func_call_async (async, NULL, NULL, 0, NULL, exit_ready, NULL);
    }
  smart_test_gate_wait (entered);
  for (guint i = 0; i < 2000; i++)
    smart_async_func_call_async (busy, NULL, NULL, 0, NULL, exit_ready, NULL);
}

/* In a process of its own, that ends here: with bodies that sleep, bodies that
 * have not begun, results that nobody fetched, and calls that wait for a result.
 */
static void
exit_with_calls_in_flight (gconstpointer data)
{
  static SmartTestGate entered;

  smart_test_gate_init (&exit_gate);
  smart_test_gate_init (&entered);
  smart_test_in_loop (exit_begin, NULL, &entered);
  if (GPOINTER_TO_INT (data))
    exit (0);
}

int
main (int argc, char *argv[])
{
  smart_test_init (&argc, &argv);

  smart_test_add ("/contract/W1.a", starvation);
  smart_test_add ("/contract/W1.b", chain);
  smart_test_add ("/contract/W2.a", behind_sleepers);
  smart_test_add ("/contract/W2.b", beside_sleepers);

  smart_test_add ("/contract/W6.a", released_at_home);
  smart_test_add ("/contract/W6.a/turns", released_at_home_by_turns);
  smart_test_add ("/contract/W6.a/future", released_at_home_by_future);
  smart_test_add ("/contract/W6.a/dropped", released_at_home_though_dropped);
  smart_test_add ("/contract/W6.a/flight", released_at_home_by_flight);
  smart_test_add ("/contract/W6.a/cancelled", released_at_home_though_cancelled);
  smart_test_add ("/contract/W6.a/thread", released_at_home_from_thread);
  smart_test_add ("/contract/W6.b", released_after_thread_end);
  smart_test_add ("/contract/W6.c", released_with_context);
  smart_test_add ("/contract/W6.d/last-reference", user_data_with_last_reference);
  smart_test_add ("/contract/W6.d/in-flight", user_data_at_home);
  smart_test_add ("/contract/W6.d/abandoned", user_data_of_abandoned_body);

  smart_test_add ("/contract/W7.a", idle_workers_end);
  smart_test_add_subprocess ("/contract/W7.c/return", GINT_TO_POINTER (FALSE),
                             exit_with_calls_in_flight, NULL);
  smart_test_add_subprocess ("/contract/W7.c/exit", GINT_TO_POINTER (TRUE),
                             exit_with_calls_in_flight, NULL);

  return g_test_run ();
}
