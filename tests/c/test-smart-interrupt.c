/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The interrupt hook: what ends a wait, in each place where a thread waits. */

#include "smart-test.h"

#include <smartasync-glib/smartasync-glib.h>

#include <unistd.h>

typedef struct
{
  int fds[2];
  GThread *thread; /* the one that has the hook */
  int n_checked;   /* atomic */
  gboolean answer;
  gboolean freed;
  SmartTestGate inside;  /* a body runs */
  SmartTestGate release; /* a blocking body may end */
  SmartTestGate over;    /* it has */
  SmartCall *kept;       /* of an asynchronous body that does nothing */
  int saw_cancel;        /* atomic */
  gint64 written_at;
} Hooked;

static gboolean
check (gpointer data)
{
  Hooked *hooked = data;
  char byte;

  g_assert_true (g_thread_self () == hooked->thread);
  g_assert_cmpint (read (hooked->fds[0], &byte, 1), ==, 1);
  g_atomic_int_inc (&hooked->n_checked);

  return hooked->answer;
}

static void
freed (gpointer data)
{
  ((Hooked *) data)->freed = TRUE;
}

static void
hooked_init (Hooked *hooked)
{
  *hooked = (Hooked) { .answer = TRUE, .thread = g_thread_self () };
  g_assert_cmpint (pipe (hooked->fds), ==, 0);
  smart_test_gate_init (&hooked->inside);
  smart_test_gate_init (&hooked->release);
  smart_test_gate_init (&hooked->over);
  smart_set_interrupt_hook (hooked->fds[0], check, hooked, freed);
}

static void
hooked_clear (Hooked *hooked)
{
  smart_set_interrupt_hook (-1, NULL, NULL, NULL);
  g_assert_true (hooked->freed);
  g_clear_object (&hooked->kept);
  smart_test_gate_clear (&hooked->inside);
  smart_test_gate_clear (&hooked->release);
  smart_test_gate_clear (&hooked->over);
  close (hooked->fds[0]);
  close (hooked->fds[1]);
}

static void
interrupt_now (Hooked *hooked)
{
  hooked->written_at = g_get_monotonic_time ();
  g_assert_cmpint (write (hooked->fds[1], "x", 1), ==, 1);
}

static gpointer
interrupter_main (gpointer data)
{
  Hooked *hooked = data;

  smart_test_gate_wait (&hooked->inside);
  interrupt_now (hooked);

  return NULL;
}

static void
begin_and_ignore (SmartCall *call, gpointer data)
{
  Hooked *hooked = data;

  hooked->kept = g_object_ref (call);
  smart_test_gate_open (&hooked->inside);
}

static void
block_and_ignore (SmartCall *call, gpointer data)
{
  Hooked *hooked = data;

  smart_test_gate_open (&hooked->inside);
  smart_test_gate_wait (&hooked->release);
  if (g_cancellable_is_cancelled (smart_call_get_cancellable (call)))
    g_atomic_int_set (&hooked->saw_cancel, TRUE);
  smart_call_return_none (call);
  smart_test_gate_open (&hooked->over);
}

static void
assert_interrupted (Hooked *hooked, const GError *error)
{
  gint64 took = g_get_monotonic_time () - hooked->written_at;

  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_cmpint (g_atomic_int_get (&hooked->n_checked), ==, 1);
  g_assert_cmpint (took, <, smart_test_bound (100 * G_TIME_SPAN_MILLISECOND));
}

/* A sync call whose body ignores it: it is left behind. */
static void
call_interrupted (Hooked *hooked, SmartAsyncFunc *func)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  GThread *interrupter = g_thread_new ("interrupter", interrupter_main, hooked);

  g_assert_false (smart_async_func_call_sync (func, NULL, NULL, 0, cancellable, NULL, &error));
  assert_interrupted (hooked, error);
  g_assert_false (g_cancellable_is_cancelled (cancellable));
  g_thread_join (interrupter);
}

static void
test_async (void)
{
  g_autoptr (SmartAsyncFunc) func = NULL;
  Hooked hooked;

  hooked_init (&hooked);
  func = smart_async_func_new (begin_and_ignore, &hooked, NULL);
  call_interrupted (&hooked, func);
  g_assert_true (g_cancellable_is_cancelled (smart_call_get_cancellable (hooked.kept)));
  hooked_clear (&hooked);
}

static void
test_worker (void)
{
  g_autoptr (SmartAsyncFunc) func = NULL;
  Hooked hooked;

  hooked_init (&hooked);
  func = smart_async_func_new_blocking (block_and_ignore, &hooked, NULL);
  g_object_set (func, "abandon-on-cancel", TRUE, NULL);
  call_interrupted (&hooked, func);
  smart_test_gate_open (&hooked.release);
  smart_test_gate_wait (&hooked.over);
  g_assert_true (g_atomic_int_get (&hooked.saw_cancel));
  hooked_clear (&hooked);
}

static void
test_turn (void)
{
  g_autoptr (SmartAsyncFunc) func = NULL;
  g_autoptr (SmartFuture) first = NULL;
  Hooked hooked;

  hooked_init (&hooked);
  func = smart_async_func_new_blocking (block_and_ignore, &hooked, NULL);
  g_object_set (func, "max-concurrency", 1, NULL);
  smart_context_push_mode (SMART_MODE_ASYNC);
  first = smart_async_func_callv (func, NULL, NULL, 0, NULL);
  smart_context_pop_mode ();
  call_interrupted (&hooked, func);
  smart_test_gate_open (&hooked.release);
  g_assert_true (smart_future_wait (first, -1, NULL, NULL, NULL));
  hooked_clear (&hooked);
}

static void
test_future (void)
{
  g_autoptr (SmartAsyncFunc) func = NULL;
  g_autoptr (SmartFuture) future = NULL;
  g_autoptr (GError) error = NULL;
  GThread *interrupter;
  Hooked hooked;

  hooked_init (&hooked);
  func = smart_async_func_new_blocking (block_and_ignore, &hooked, NULL);
  smart_context_push_mode (SMART_MODE_ASYNC);
  future = smart_async_func_callv (func, NULL, NULL, 0, NULL);
  smart_context_pop_mode ();
  interrupter = g_thread_new ("interrupter", interrupter_main, &hooked);

  g_assert_false (smart_future_wait (future, -1, NULL, NULL, &error));
  assert_interrupted (&hooked, error);
  g_clear_error (&error);
  smart_test_gate_open (&hooked.release);
  g_assert_false (smart_future_wait (future, -1, NULL, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_true (g_atomic_int_get (&hooked.saw_cancel));
  g_thread_join (interrupter);
  hooked_clear (&hooked);
}

/* Whoever was not interrupted goes on, and gets what it waits for. */
static void
test_false_alarm (void)
{
  g_autoptr (SmartFuture) future = smart_future_new (NULL);
  g_autoptr (GError) error = NULL;
  Hooked hooked;

  hooked_init (&hooked);
  hooked.answer = FALSE;
  interrupt_now (&hooked);
  g_assert_false (smart_future_wait (future, 1000, NULL, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  g_assert_cmpint (g_atomic_int_get (&hooked.n_checked), ==, 1);
  g_assert_cmpint (smart_future_get_status (future), ==, SMART_FUTURE_PENDING);
  hooked_clear (&hooked);
}

static gpointer
wait_main (gpointer data)
{
  g_autoptr (GError) error = NULL;

  g_assert_false (smart_future_wait (data, 1000, NULL, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);

  return NULL;
}

/* The hook is one thread's. */
static void
test_other_thread (void)
{
  g_autoptr (SmartFuture) future = smart_future_new (NULL);
  Hooked hooked;

  hooked_init (&hooked);
  interrupt_now (&hooked);
  g_thread_join (g_thread_new ("waiter", wait_main, future));
  g_assert_cmpint (g_atomic_int_get (&hooked.n_checked), ==, 0);
  hooked_clear (&hooked);
}

/* The first caller of a lock's flight is interrupted */

typedef enum
{
  RUN_ASYNC,  /* he iterates for its body */
  RUN_WITHIN, /* he runs its blocking body, which waits for an inner call */
  RUN_WORKER, /* a worker runs it */
  N_RUNS
} Run;

typedef struct
{
  Hooked hooked;
  Run run;
  SmartLock *lock;
  SmartAsyncFunc *inner;
  SmartAsyncFunc *func;
  int leader_is_back; /* atomic */
} Flown;

static void
fly_begin (SmartCall *call, gpointer data)
{
  begin_and_ignore (call, &((Flown *) data)->hooked);
}

static void
fly_within (SmartCall *call, gpointer data)
{
  Flown *flown = data;
  g_auto (GValue) value = G_VALUE_INIT;
  GError *error = NULL;

  if (smart_async_func_call_sync (flown->inner, NULL, NULL, 0, NULL, &value, &error))
    smart_call_return_value (call, &value);
  else
    smart_call_return_error (call, error);
}

static void
fly_on_worker (SmartCall *call, gpointer data)
{
  Flown *flown = data;

  smart_test_gate_open (&flown->hooked.inside);
  smart_test_gate_wait (&flown->hooked.release);
  smart_call_return_int (call, 7);
  smart_test_gate_open (&flown->hooked.over);
}

static gboolean
two_wait (gpointer data)
{
  return smart_lock_get_n_waiters (((Flown *) data)->lock) == 2;
}

static gboolean
one_waits (gpointer data)
{
  return smart_lock_get_n_waiters (((Flown *) data)->lock) == 1;
}

static gpointer
follower_main (gpointer data)
{
  Flown *flown = data;
  g_auto (GValue) value = G_VALUE_INIT;
  g_autoptr (GError) error = NULL;

  smart_test_gate_wait (&flown->hooked.inside);
  smart_lock_run_once_sync (flown->lock, "key", flown->func, NULL, NULL, 0, NULL, &value, &error);
  g_assert_no_error (error);
  g_assert_cmpint (g_value_get_int (&value), ==, 7);

  return NULL;
}

static gboolean
leader_is_back (gpointer data)
{
  return g_atomic_int_get (&((Flown *) data)->leader_is_back);
}

/* Interrupts the first caller when another one waits, and lands the flight when he
 * has left. */
static gpointer
tower_main (gpointer data)
{
  Flown *flown = data;

  smart_test_wait_until (two_wait, flown);
  interrupt_now (&flown->hooked);
  smart_test_wait_until (one_waits, flown);
  g_assert_cmpuint (smart_lock_get_n_flights (flown->lock), ==, 1);

  if (flown->run == RUN_WORKER)
    {
      smart_test_wait_until (leader_is_back, flown);
      smart_test_gate_open (&flown->hooked.release);
    }
  else
    {
      g_assert_false (leader_is_back (flown));
      g_assert_false (g_cancellable_is_cancelled (smart_call_get_cancellable (flown->hooked.kept)));
      smart_call_return_int (flown->hooked.kept, 7);
    }

  return NULL;
}

static void
flown_init (Flown *flown, Run run)
{
  *flown = (Flown) { .run = run, .lock = smart_lock_new () };
  hooked_init (&flown->hooked);
  flown->inner = smart_async_func_new (fly_begin, flown, NULL);
  if (run == RUN_ASYNC)
    flown->func = g_object_ref (flown->inner);
  else
    flown->func =
        smart_async_func_new_blocking (run == RUN_WITHIN ? fly_within : fly_on_worker, flown, NULL);
  if (run == RUN_WORKER)
    smart_async_func_set_abandon_on_cancel (flown->func, TRUE);
}

static gboolean
is_idle (gpointer data)
{
  return smart_lock_get_n_flights (((Flown *) data)->lock) == 0;
}

static void
flown_clear (Flown *flown)
{
  smart_test_wait_until (is_idle, flown);
  if (flown->run == RUN_WORKER)
    smart_test_gate_wait (&flown->hooked.over);
  g_object_unref (flown->inner);
  g_object_unref (flown->func);
  g_object_unref (flown->lock);
  hooked_clear (&flown->hooked);
}

static void
test_flight (void)
{
  for (Run run = 0; run < N_RUNS; run++)
    {
      g_autoptr (GError) error = NULL;
      Flown flown;
      GThread *follower, *tower;

      flown_init (&flown, run);
      follower = g_thread_new ("follower", follower_main, &flown);
      tower = g_thread_new ("tower", tower_main, &flown);
      g_assert_false (smart_lock_run_once_sync (flown.lock, "key", flown.func, NULL, NULL, 0, NULL,
                                                NULL, &error));
      g_atomic_int_set (&flown.leader_is_back, TRUE);
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
      g_assert_cmpint (g_atomic_int_get (&flown.hooked.n_checked), ==, 1);
      g_thread_join (follower);
      g_thread_join (tower);
      g_assert_cmpuint (smart_lock_get_n_executions (flown.lock), ==, 1);
      flown_clear (&flown);
    }
}

/* Nobody else waits: it ends at once. */
static void
test_flight_alone (void)
{
  for (Run run = 0; run < N_RUNS; run++)
    {
      g_autoptr (GError) error = NULL;
      Flown flown;
      GThread *interrupter;

      flown_init (&flown, run);
      interrupter = g_thread_new ("interrupter", interrupter_main, &flown.hooked);
      g_assert_false (smart_lock_run_once_sync (flown.lock, "key", flown.func, NULL, NULL, 0, NULL,
                                                NULL, &error));
      assert_interrupted (&flown.hooked, error);
      g_thread_join (interrupter);
      smart_test_gate_open (&flown.hooked.release);
      flown_clear (&flown);
    }
}

/* A wait of a SmartSyncCall: the call in whose body it is is cancelled */

static gboolean
end_task (GCancellable *cancellable, gpointer task)
{
  g_task_return_error_if_cancelled (task);
  return G_SOURCE_REMOVE;
}

static void
call_pair (SmartCall *call, Hooked *hooked, SmartMainContextPolicy policy)
{
  GCancellable *cancellable = smart_call_get_cancellable (call);
  g_auto (SmartSyncCall) sync_call = SMART_SYNC_CALL_INIT;
  g_autoptr (GSource) source = g_cancellable_source_new (cancellable);
  g_autoptr (GAsyncResult) result = NULL;
  GError *error = NULL;
  GTask *task;

  smart_sync_call_begin_full (&sync_call, policy);
  task = g_task_new (NULL, cancellable, smart_sync_call_ready, &sync_call);
  g_source_set_callback (source, G_SOURCE_FUNC (end_task), task, g_object_unref);
  g_source_attach (source, g_main_context_get_thread_default ());
  smart_test_gate_open (&hooked->inside);
  result = smart_sync_call_wait (&sync_call);
  g_task_propagate_boolean (G_TASK (result), &error);
  smart_call_return_error (call, error);
}

static void
pair_body (SmartCall *call, gpointer data)
{
  call_pair (call, data, SMART_MAIN_CONTEXT_PRIVATE);
}

static void
pair_body_in_current (SmartCall *call, gpointer data)
{
  call_pair (call, data, SMART_MAIN_CONTEXT_CURRENT);
}

static void
interrupt_pair (SmartBody body)
{
  g_autoptr (SmartAsyncFunc) func = NULL;
  g_autoptr (GError) error = NULL;
  Hooked hooked;
  GThread *interrupter;

  hooked_init (&hooked);
  func = smart_async_func_new_blocking (body, &hooked, NULL);
  interrupter = g_thread_new ("interrupter", interrupter_main, &hooked);
  g_assert_false (smart_async_func_call_sync (func, NULL, NULL, 0, NULL, NULL, &error));
  assert_interrupted (&hooked, error);
  g_thread_join (interrupter);
  hooked_clear (&hooked);
}

static void
test_sync_call (void)
{
  interrupt_pair (pair_body);
}

/* Another thread iterates: this one only blocks. */
typedef struct
{
  SmartTestGate owned;
  int over; /* atomic */
} Owner;

static gpointer
own_main (gpointer data)
{
  Owner *owner = data;

  g_assert_true (g_main_context_acquire (NULL));
  smart_test_gate_open (&owner->owned);
  while (!g_atomic_int_get (&owner->over))
    g_main_context_iteration (NULL, TRUE);
  g_main_context_release (NULL);
  return NULL;
}

static void
test_sync_call_elsewhere (void)
{
  Owner owner = { .over = FALSE };
  GThread *thread;

  smart_test_gate_init (&owner.owned);
  thread = g_thread_new ("owner", own_main, &owner);
  smart_test_gate_wait (&owner.owned);
  interrupt_pair (pair_body_in_current);
  g_atomic_int_set (&owner.over, TRUE);
  g_main_context_wakeup (NULL);
  g_thread_join (thread);
  smart_test_gate_clear (&owner.owned);
}

int
main (int argc, char **argv)
{
  smart_test_init (&argc, &argv);

  smart_test_add ("/interrupt/async", test_async);
  smart_test_add ("/interrupt/worker", test_worker);
  smart_test_add ("/interrupt/turn", test_turn);
  smart_test_add ("/interrupt/future", test_future);
  smart_test_add ("/interrupt/not", test_false_alarm);
  smart_test_add ("/interrupt/other-thread", test_other_thread);
  smart_test_add ("/interrupt/flight", test_flight);
  smart_test_add ("/interrupt/flight/alone", test_flight_alone);
  smart_test_add ("/interrupt/sync-call", test_sync_call);
  smart_test_add_main ("/interrupt/sync-call/elsewhere", test_sync_call_elsewhere);

  return g_test_run ();
}
