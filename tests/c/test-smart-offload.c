/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The shared pool: which threads it uses, how it grows, and how it shrinks. */

#include "smart-test.h"

#include <smartasync-glib/smart-offload-private.h>
#include <smartasync-glib/smart-thread-private.h>
#include <smartasync-glib/smartasync-glib.h>

#define BASE_THREADS 8
#define MAX_TICKETS  4
#define N_BLOCKED    60
#define N_BATCH      1000
#define MAX_TRIES    1000

/* About as long as somebody looks out for them. */
#define MIN_SHORT_USEC 12
#define MAX_SHORT_USEC 24
#define N_SHORT        10000

/* Calls begun in a loop, whose bodies gather at a gate. */
typedef struct
{
  SmartAsyncFunc *func;
  SmartTestGate gate;
  guint n_calls;
  guint n_begun;
  guint n_back;
  int n_settled; /* atomic: in whatever thread */
} Crowd;

static void
crowd_init (Crowd *crowd, SmartBody body, guint n_calls)
{
  *crowd = (Crowd) { .n_calls = n_calls };
  smart_test_gate_init (&crowd->gate);
  crowd->func = smart_async_func_new_blocking (body, crowd, NULL);
}

static void
crowd_clear (Crowd *crowd)
{
  g_clear_object (&crowd->func);
  smart_test_gate_clear (&crowd->gate);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Crowd, crowd_clear)

static void
crowd_ready (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Crowd *crowd = user_data;
  g_autoptr (GError) error = NULL;

  smart_async_func_call_finish (crowd->func, result, NULL, &error);
  g_assert_no_error (error);
  crowd->n_back++;
}

static void
crowd_call (Crowd *crowd)
{
  crowd->n_begun++;
  smart_async_func_call_async (crowd->func, NULL, NULL, 0, NULL, crowd_ready, crowd);
}

static void
crowd_call_all (gpointer data)
{
  Crowd *crowd = data;

  while (crowd->n_begun < crowd->n_calls)
    crowd_call (crowd);
}

static gboolean
crowd_is_back (gpointer data)
{
  Crowd *crowd = data;

  return crowd->n_back == crowd->n_calls;
}

static void
empty_body (SmartCall *call, gpointer user_data)
{
  smart_call_return_none (call);
}

static void
gate_body (SmartCall *call, gpointer user_data)
{
  smart_test_gate_wait (&((Crowd *) user_data)->gate);
  smart_call_return_none (call);
}

static SmartOffloadStats
get_stats (void)
{
  SmartOffloadStats stats;

  smart_offload_get_stats (&stats);

  return stats;
}

static gboolean
is_at_rest (gpointer unused)
{
  SmartOffloadStats stats = get_stats ();

  return stats.n_tickets == 0 && stats.n_queued == 0 && stats.n_idle == stats.n_threads;
}

static gboolean
no_thread_is_left (gpointer unused)
{
  return get_stats ().n_threads == 0;
}

/* Idle threads that an earlier test has left would be used first. */
static void
start_cold (void)
{
  smart_test_wait_until (is_at_rest, NULL);
  smart_async_reset ();
  smart_test_wait_until (no_thread_is_left, NULL);
}

/* A worker is like a thread that was just started. */
static void
look_around_body (SmartCall *call, gpointer user_data)
{
  g_assert_null (g_main_context_get_thread_default ());
  g_assert_cmpint (g_main_depth (), ==, 0);
  g_assert_false (smart_context_is_async ());
  g_assert_null (smart_call_get_context (call));
  g_assert_true (smart_call_get_current () == call);
  smart_call_return_none (call);
}

static void
worker_is_bare (void)
{
  g_auto (Crowd) crowd;

  crowd_init (&crowd, look_around_body, 20);
  smart_test_in_loop (crowd_call_all, crowd_is_back, &crowd);
}

/* Bodies that block elsewhere make it grow, by as much as is needed. */
static void
block_all (gpointer data)
{
  Crowd *crowd = data;
  SmartOffloadStats stats;

  crowd_call_all (crowd);
  smart_test_gate_wait_for_waiters (&crowd->gate, crowd->n_calls);

  stats = get_stats ();
  g_assert_cmpuint (stats.n_tickets, <=, MAX_TICKETS);
  g_assert_cmpuint (stats.n_threads - stats.n_idle, >=, N_BLOCKED - MAX_TICKETS);
  g_assert_cmpuint (stats.n_queued, ==, 0);
  g_assert_cmpuint (stats.n_waiting, ==, 0);
  smart_test_gate_open (&crowd->gate);
}

static void
grows_when_stuck (void)
{
  g_auto (Crowd) crowd;

  start_cold ();
  crowd_init (&crowd, gate_body, N_BLOCKED);
  smart_test_in_loop (block_all, crowd_is_back, &crowd);
  smart_test_wait_until (is_at_rest, NULL);
}

/* GTask's pool lends four threads, and no more. */
static void
call_one_by_one (gpointer data)
{
  Crowd *crowd = data;

  for (guint i = 1; i <= crowd->n_calls; i++)
    {
      crowd_call (crowd);
      smart_test_gate_wait_for_waiters (&crowd->gate, i);
      g_assert_cmpuint (get_stats ().n_tickets, <=, MAX_TICKETS);
    }
  g_assert_cmpuint (get_stats ().n_tickets, ==, MAX_TICKETS);
  smart_test_gate_open (&crowd->gate);
}

static void
borrows_four_threads (void)
{
  g_auto (Crowd) crowd;

  start_cold ();
  crowd_init (&crowd, gate_body, 20);
  smart_test_in_loop (call_one_by_one, crowd_is_back, &crowd);
}

/* One at a time, it needs no more than a few. */
static void
call_next (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Crowd *crowd = user_data;

  crowd->n_back++;
  if (crowd->n_begun == crowd->n_calls)
    return;
  crowd->n_begun++;
  smart_async_func_call_async (crowd->func, NULL, NULL, 0, NULL, call_next, crowd);
}

static void
call_first (gpointer data)
{
  Crowd *crowd = data;

  crowd->n_begun++;
  smart_async_func_call_async (crowd->func, NULL, NULL, 0, NULL, call_next, crowd);
}

static void
does_not_grow_when_it_moves (void)
{
  g_auto (Crowd) crowd;
  SmartOffloadStats before, after;

  smart_test_wait_until (is_at_rest, NULL);
  crowd_init (&crowd, empty_body, smart_test_scale (2000, 100));
  before = get_stats ();
  smart_test_in_loop (call_first, crowd_is_back, &crowd);
  after = get_stats ();

  g_assert_cmpuint (after.n_begun - before.n_begun, ==, crowd.n_calls);
  g_assert_cmpuint (after.n_threads, <=, before.n_threads + BASE_THREADS);
}

/* A worker's own calls take no ticket. */
static void
nested_body (SmartCall *call, gpointer user_data)
{
  SmartAsyncFunc *inner = user_data;
  SmartOffloadStats before, after;

  before = get_stats ();
  for (guint i = 0; i < 20; i++)
    {
      g_autoptr (SmartFuture) future = NULL;

      smart_context_push_mode (SMART_MODE_ASYNC);
      future = smart_async_func_call (inner, NULL, NULL, G_TYPE_INVALID);
      smart_context_pop_mode ();
      g_assert_true (smart_future_wait (future, -1, NULL, NULL, NULL));
    }
  after = get_stats ();
  g_assert_cmpuint (after.n_tickets_issued, ==, before.n_tickets_issued);
  smart_call_return_none (call);
}

static void
no_ticket_from_worker (void)
{
  g_autoptr (SmartAsyncFunc) inner = smart_async_func_new_blocking (empty_body, NULL, NULL);
  Crowd crowd = { .n_calls = 1 };

  smart_test_wait_until (is_at_rest, NULL);
  crowd.func = smart_async_func_new_blocking (nested_body, inner, NULL);
  smart_test_in_loop (crowd_call_all, crowd_is_back, &crowd);
  g_object_unref (crowd.func);
}

/* A worker that waits in the library is counted as such. */
static void
waiting_body (SmartCall *call, gpointer user_data)
{
  SmartFuture *future = user_data;

  g_assert_true (smart_future_wait (future, -1, NULL, NULL, NULL));
  smart_call_return_none (call);
}

static gboolean
ten_are_waiting (gpointer unused)
{
  return get_stats ().n_waiting == 10;
}

static gpointer
resolve_when_they_wait (gpointer future)
{
  smart_test_wait_until (ten_are_waiting, NULL);
  g_assert_true (smart_future_resolve (future, NULL));

  return NULL;
}

static void
counts_those_who_wait (void)
{
  g_autoptr (SmartFuture) future = smart_future_new (NULL);
  Crowd crowd = { .n_calls = 10 };
  GThread *thread;

  smart_test_wait_until (is_at_rest, NULL);
  g_assert_cmpuint (get_stats ().n_waiting, ==, 0);
  crowd.func = smart_async_func_new_blocking (waiting_body, future, NULL);

  thread = g_thread_new ("resolver", resolve_when_they_wait, future);
  smart_test_in_loop (crowd_call_all, crowd_is_back, &crowd);
  g_thread_join (thread);
  g_object_unref (crowd.func);
  smart_test_wait_until (is_at_rest, NULL);
  g_assert_cmpuint (get_stats ().n_waiting, ==, 0);
}

/* Results that are there are delivered in one iteration. */
static void
settled (SmartFuture *future, gpointer user_data)
{
  g_atomic_int_inc (&((Crowd *) user_data)->n_settled);
}

static void
waited (GObject *source, GAsyncResult *result, gpointer user_data)
{
  ((Crowd *) user_data)->n_back++;
}

static gboolean
batch_has_settled (gpointer data)
{
  Crowd *crowd = data;

  /* The last parcel is on its way when its worker is at rest. */
  return g_atomic_int_get (&crowd->n_settled) == (int) crowd->n_calls && is_at_rest (NULL);
}

static void
delivers_in_batches (void)
{
  g_auto (Crowd) crowd;
  g_autoptr (GMainContext) context = g_main_context_new ();

  crowd_init (&crowd, empty_body, N_BATCH);
  g_main_context_push_thread_default (context);
  for (guint i = 0; i < N_BATCH; i++)
    {
      g_autoptr (SmartFuture) future =
          smart_async_func_call (crowd.func, NULL, NULL, G_TYPE_INVALID);

      smart_future_wait_async (future, NULL, waited, &crowd);
      smart_future_add_notify (future, settled, &crowd, NULL);
    }

  smart_test_wait_until (batch_has_settled, &crowd);
  g_assert_cmpuint (crowd.n_back, ==, 0);
  g_main_context_iteration (context, FALSE);
  g_assert_cmpuint (crowd.n_back, ==, N_BATCH);

  while (g_main_context_iteration (context, FALSE))
    ;
  g_main_context_pop_thread_default (context);
}

/* Which SmartCalls the bodies have seen. */
typedef struct
{
  GObject *source; /* nullable */
  GMutex lock;
  GHashTable *seen; /* lock */
  guint n_back;
} Seen;

static void
seen_body (SmartCall *call, gpointer user_data)
{
  Seen *seen = user_data;

  g_mutex_lock (&seen->lock);
  g_hash_table_add (seen->seen, call);
  g_mutex_unlock (&seen->lock);
  smart_call_return_int (call, smart_call_get_int (call, 0) + 1);
}

static void
seen_ready (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Seen *seen = user_data;
  g_auto (GValue) value = G_VALUE_INIT;
  g_autoptr (GError) error = NULL;

  smart_async_func_call_finish (SMART_ASYNC_FUNC (source), result, &value, &error);
  g_assert_no_error (error);
  g_assert_cmpint (g_value_get_int (&value), ==, (int) ++seen->n_back);
}

static gboolean
all_seen_are_back (gpointer seen)
{
  return ((Seen *) seen)->n_back == N_BLOCKED;
}

static void
call_and_let_it_end (gpointer data)
{
  Seen *seen = data;
  g_autoptr (SmartAsyncFunc) func = smart_async_func_new_blocking (seen_body, seen, NULL);
  GValue arg = G_VALUE_INIT;

  g_value_init (&arg, G_TYPE_INT);
  for (int i = 0; i < N_BLOCKED; i++)
    {
      g_value_set_int (&arg, i);
      smart_async_func_call_async (func, seen->source, &arg, 1, NULL, seen_ready, seen);
      smart_test_wait_until (is_at_rest, NULL);
    }
}

/* While their caller does not come back to his loop: those that have nothing to release
 * there serve again, the others wait for him. */
static void
calls_serve_again (void)
{
  g_autoptr (GObject) source = g_object_new (G_TYPE_OBJECT, NULL);

  for (int i = 0; i < 2; i++)
    {
      Seen seen = { .source = i == 0 ? NULL : source, .seen = g_hash_table_new (NULL, NULL) };

      /* Other threads would bring calls of earlier tests. */
      start_cold ();
      g_mutex_init (&seen.lock);
      smart_test_in_loop (call_and_let_it_end, all_seen_are_back, &seen);
      if (seen.source == NULL)
        g_assert_cmpuint (g_hash_table_size (seen.seen), <, N_BLOCKED / 2);
      else
        g_assert_cmpuint (g_hash_table_size (seen.seen), ==, N_BLOCKED);
      g_hash_table_unref (seen.seen);
      g_mutex_clear (&seen.lock);
    }
}

static void
gather_and_go (gpointer data)
{
  Crowd *crowd = data;

  crowd_call_all (crowd);
  smart_test_gate_wait_for_waiters (&crowd->gate, crowd->n_calls);
  smart_test_gate_open (&crowd->gate);
}

/* A reset sends idle threads home, and a later call starts new ones. */
static void
reset_ends_idle_threads (void)
{
  for (guint i = 0; i < 3; i++)
    {
      g_auto (Crowd) crowd;

      crowd_init (&crowd, gate_body, 20);
      smart_test_in_loop (gather_and_go, crowd_is_back, &crowd);
      smart_test_wait_until (is_at_rest, NULL);
      smart_async_reset ();
      smart_test_wait_until (no_thread_is_left, NULL);
    }
}

static int n_kept;  /* atomic: bodies whose thread is to tell */
static int n_ended; /* atomic: threads that have told */
static GPrivate is_kept = G_PRIVATE_INIT (NULL);

static void
count_ended (void)
{
  /* A body that runs here now is not kept for: nobody would be told any more. */
  g_assert_false (smart_interpreter_keep (count_ended));
  g_atomic_int_inc (&n_ended);
}

static void
keep_body (SmartCall *call, gpointer user_data)
{
  if (!g_private_get (&is_kept) && smart_interpreter_keep (count_ended))
    {
      g_private_set (&is_kept, GINT_TO_POINTER (TRUE));
      g_atomic_int_inc (&n_kept);
    }
  gate_body (call, user_data);
}

static gboolean
all_have_told (gpointer unused)
{
  return g_atomic_int_get (&n_ended) == g_atomic_int_get (&n_kept);
}

/* Whoever keeps something for a worker is told once when it ends, and not before. */
static void
tells_of_its_end (void)
{
  g_auto (Crowd) crowd;

  start_cold ();
  n_kept = n_ended = 0;
  crowd_init (&crowd, keep_body, 20);
  smart_test_in_loop (gather_and_go, crowd_is_back, &crowd);
  smart_test_wait_until (is_at_rest, NULL);
  /* Four may run in GTask's pool, whose threads keep nothing for the one body that each
   * has got: all twenty wait for each other. */
  g_assert_cmpint (g_atomic_int_get (&n_kept), >=, 20 - MAX_TICKETS);
  g_assert_cmpint (g_atomic_int_get (&n_ended), ==, 0);

  smart_async_reset ();
  smart_test_wait_until (no_thread_is_left, NULL);
  smart_test_wait_until (all_have_told, NULL);
}

static void
borrow_body (SmartCall *call, gpointer user_data)
{
  SmartThread *thread = smart_thread_get ();

  if (thread->pool == NULL && thread->ended == NULL)
    {
      gboolean kept = smart_interpreter_keep (count_ended);

      g_assert_cmpint (kept, ==, thread->has_run);
      g_atomic_int_add (&n_kept, kept);
    }
  smart_call_return_none (call);
}

/* A thread that is borrowed is kept from its second body on, and tells before it goes back. */
static void
keeps_what_is_borrowed (void)
{
  n_kept = n_ended = 0;
  for (guint i = 0; i < MAX_TRIES && g_atomic_int_get (&n_kept) == 0; i++)
    {
      g_auto (Crowd) crowd;

      start_cold ();
      crowd_init (&crowd, borrow_body, N_BATCH);
      smart_test_in_loop (crowd_call_all, crowd_is_back, &crowd);
    }
  g_assert_cmpint (g_atomic_int_get (&n_kept), >, 0);
  smart_test_wait_until (all_have_told, NULL);
}

/* Some end while it is looked out for them, some just when that stops, some after. */
static void
short_body (SmartCall *call, gpointer user_data)
{
  Crowd *crowd = user_data;
  gint64 until =
      g_get_monotonic_time () + MIN_SHORT_USEC + crowd->n_begun % (MAX_SHORT_USEC - MIN_SHORT_USEC);

  while (g_get_monotonic_time () < until)
    ;
  smart_call_return_none (call);
}

static void
one_after_the_other (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Crowd *crowd = user_data;

  crowd_ready (source, result, crowd);
  if (crowd->n_begun == crowd->n_calls)
    return;

  crowd->n_begun++;
  smart_async_func_call_async (crowd->func, NULL, NULL, 0, NULL, one_after_the_other, crowd);
}

static void
call_one (gpointer data)
{
  Crowd *crowd = data;

  crowd->n_begun++;
  smart_async_func_call_async (crowd->func, NULL, NULL, 0, NULL, one_after_the_other, crowd);
}

/* Nobody is woken up who looks out; but whoever has stopped is. */
static void
looks_out_for_results (void)
{
  g_auto (Crowd) crowd;

  crowd_init (&crowd, short_body, N_SHORT);
  smart_test_in_loop (call_one, crowd_is_back, &crowd);
}

/* The same in a sync caller's wait. */
static void
looks_out_in_waits (void)
{
  g_auto (Crowd) crowd;

  crowd_init (&crowd, short_body, N_SHORT);
  smart_async_func_set_timeout (crowd.func, SMART_TEST_DEADLINE_USEC / 1000);
  while (crowd.n_begun < crowd.n_calls)
    {
      g_autoptr (GError) error = NULL;

      crowd.n_begun++;
      smart_async_func_call_sync (crowd.func, NULL, NULL, 0, NULL, NULL, &error);
      g_assert_no_error (error);
    }
}

static gpointer
assert_apart (gpointer unused)
{
  g_assert_null (g_main_context_get_thread_default ());

  return NULL;
}

static void
runs_apart (void)
{
  g_autoptr (GMainContext) context = g_main_context_new ();

  g_main_context_push_thread_default (context);
  smart_offload_run_apart (assert_apart);
  g_main_context_pop_thread_default (context);
}

int
main (int argc, char *argv[])
{
  smart_test_init (&argc, &argv);

  smart_test_add ("/offload/bare-worker", worker_is_bare);
  smart_test_add ("/offload/grows", grows_when_stuck);
  smart_test_add ("/offload/tickets", borrows_four_threads);
  smart_test_add ("/offload/does-not-grow", does_not_grow_when_it_moves);
  smart_test_add ("/offload/no-ticket-from-worker", no_ticket_from_worker);
  smart_test_add ("/offload/waiting", counts_those_who_wait);
  smart_test_add ("/offload/batch", delivers_in_batches);
  smart_test_add ("/offload/calls-serve-again", calls_serve_again);
  smart_test_add ("/offload/reset", reset_ends_idle_threads);
  smart_test_add ("/offload/tells-of-its-end", tells_of_its_end);
  smart_test_add ("/offload/keeps-what-is-borrowed", keeps_what_is_borrowed);
  smart_test_add ("/offload/looks-out/loop", looks_out_for_results);
  smart_test_add ("/offload/looks-out/wait", looks_out_in_waits);
  smart_test_add ("/offload/apart", runs_apart);

  return g_test_run ();
}
