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

  return g_test_run ();
}
