/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The contract's section Z: the process ends in any state without a warning.
 * Each state is one of a process of its own, under G_DEBUG=fatal-warnings,
 * which must end with success and have said nothing. */

#include "smart-test.h"

#include <smartasync-glib/smartasync-glib.h>

#include <stdlib.h>

/* More than the shared pool's first threads and GTask's. */
#define N_MANY 40

/* What is alive at the end is left alone, as a program does that just ends. */
static SmartTestGate *
gate_new (void)
{
  SmartTestGate *gate = g_new0 (SmartTestGate, 1);

  smart_test_gate_init (gate);

  return gate;
}

static void
body_return (SmartCall *call, gpointer data)
{
  smart_call_return_int (call, 42);
}

static void
body_blocked (SmartCall *call, gpointer data)
{
  SmartTestGate *gate = data;

  smart_test_gate_wait (gate);
  smart_call_return_int (call, 42);
}

static void
body_pending (SmartCall *call, gpointer data)
{
  /* One that nobody will ever settle. */
  g_object_ref (call);
}

static gboolean
return_cb (gpointer data)
{
  smart_call_return_int (data, 42);

  return G_SOURCE_REMOVE;
}

static void
body_later (SmartCall *call, gpointer data)
{
  smart_call_add_timeout (call, 1, return_cb, g_object_ref (call), g_object_unref);
}

static gboolean
exit_cb (gpointer data)
{
  exit (0);
}

static void
body_exit (SmartCall *call, gpointer data)
{
  exit (0);
}

static void
body_exit_later (SmartCall *call, gpointer data)
{
  smart_call_add_timeout (call, 1, exit_cb, g_object_ref (call), g_object_unref);
}

static void
continuation_exit (SmartCall *call, SmartFuture *settled, gpointer data)
{
  exit (0);
}

static void
ready_nothing (GObject *source, GAsyncResult *result, gpointer data)
{
}

static void
ready_exit (GObject *source, GAsyncResult *result, gpointer data)
{
  exit (0);
}

static void
call_async (SmartAsyncFunc *func)
{
  smart_async_func_call_async (func, NULL, NULL, 0, NULL, ready_nothing, NULL);
}

static gboolean
is_settled (gpointer data)
{
  return smart_future_get_status (data) != SMART_FUTURE_PENDING;
}

/* Loaded */

static void
end_loaded (gconstpointer data)
{
}

static void
end_with_types (gconstpointer data)
{
  g_type_ensure (SMART_TYPE_ASYNC_FUNC);
  g_type_ensure (SMART_TYPE_CALL);
  g_type_ensure (SMART_TYPE_FUTURE);
}

/* Used */

static void
use_async (gconstpointer data)
{
  g_autoptr (SmartAsyncFunc) func = smart_async_func_new (body_later, NULL, NULL);
  g_autoptr (GError) error = NULL;

  g_assert_true (smart_async_func_call_sync (func, NULL, NULL, 0, NULL, NULL, &error));
  g_assert_no_error (error);
}

static void
use_blocking (gconstpointer data)
{
  g_autoptr (SmartAsyncFunc) func = smart_async_func_new_blocking (body_return, NULL, NULL);
  g_autoptr (GError) error = NULL;

  g_assert_true (smart_async_func_call_sync (func, NULL, NULL, 0, NULL, NULL, &error));
  g_assert_no_error (error);
}

static void
offload_cb (gpointer data)
{
  g_autoptr (SmartAsyncFunc) func = smart_async_func_new_blocking (body_return, NULL, NULL);

  *(SmartFuture **) data = smart_async_func_callv (func, NULL, NULL, 0, NULL);
}

static gboolean
held_is_settled (gpointer data)
{
  return is_settled (*(SmartFuture **) data);
}

static void
use_offload (gconstpointer data)
{
  g_autoptr (SmartFuture) future = NULL;

  smart_test_in_loop (offload_cb, held_is_settled, &future);
}

static void
use_and_reset (gconstpointer data)
{
  use_async (NULL);
  use_offload (NULL);
  smart_async_reset ();
}

static void
use_all (gconstpointer data)
{
  use_async (NULL);
  use_blocking (NULL);
  use_offload (NULL);
  use_and_reset (NULL);
  use_async (NULL);
}

static void
use_on_thread_cb (gpointer data)
{
  use_all (NULL);
}

static void
use_on_threads (gconstpointer data)
{
  for (guint n = 0; n < 8; n++)
    smart_test_on_thread (use_on_thread_cb, NULL);
}

/* Ended with something in flight */

static void
end_pending (gconstpointer data)
{
  SmartAsyncFunc *func = smart_async_func_new (body_pending, NULL, NULL);

  call_async (func);
}

static void
end_pending_cb (gpointer data)
{
  SmartAsyncFunc *func = smart_async_func_new (body_pending, NULL, NULL);
  SmartFuture *future = smart_async_func_callv (func, NULL, NULL, 0, NULL);

  smart_future_then (future, continuation_exit, NULL, NULL);
  smart_future_wait_async (future, NULL, ready_exit, NULL);
}

static void
end_pending_in_loop (gconstpointer data)
{
  smart_test_in_loop (end_pending_cb, NULL, NULL);
}

static void
end_undelivered (gconstpointer data)
{
  /* Settled, but the loop that would say so never runs again. */
  call_async (smart_async_func_new (body_return, NULL, NULL));
}

static void
end_offloaded_undelivered (gconstpointer data)
{
  SmartAsyncFunc *func = smart_async_func_new_blocking (body_blocked, gate_new (), NULL);
  SmartFuture *future;

  smart_context_push_mode (SMART_MODE_ASYNC);
  future = smart_async_func_callv (func, NULL, NULL, 0, NULL);
  smart_context_pop_mode ();
  g_assert_false (is_settled (future));
}

static void
block_workers (guint n_bodies, guint n_inside)
{
  SmartTestGate *gate = gate_new ();
  SmartAsyncFunc *func = smart_async_func_new_blocking (body_blocked, gate, NULL);

  for (guint n = 0; n < n_bodies; n++)
    call_async (func);
  smart_test_gate_wait_for_waiters (gate, n_inside);
}

static void
end_worker_blocked (gconstpointer data)
{
  block_workers (1, 1);
}

static void
end_workers_blocked (gconstpointer data)
{
  block_workers (N_MANY, N_MANY);
}

static void
end_queued (gconstpointer data)
{
  block_workers (N_MANY, 1);
}

static void
end_cancelled (gconstpointer data)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  SmartTestGate *gate = gate_new ();
  SmartAsyncFunc *func = smart_async_func_new_blocking (body_blocked, gate, NULL);

  smart_async_func_call_async (func, NULL, NULL, 0, cancellable, ready_nothing, NULL);
  smart_test_gate_wait_for_waiters (gate, 1);
  g_cancellable_cancel (cancellable);
}

static void
end_abandoned (gconstpointer data)
{
  SmartTestGate *gate = gate_new ();
  SmartAsyncFunc *func = smart_async_func_new_blocking (body_blocked, gate, NULL);
  g_autoptr (GError) error = NULL;

  smart_async_func_set_timeout (func, 1);
  g_assert_false (smart_async_func_call_sync (func, NULL, NULL, 0, NULL, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
}

static void
end_with_deadline (gconstpointer data)
{
  SmartAsyncFunc *func = smart_async_func_new (body_pending, NULL, NULL);

  smart_async_func_set_timeout (func, 60 * 1000);
  call_async (func);
}

static gpointer
wait_thread (gpointer data)
{
  smart_future_wait (data, -1, NULL, NULL, NULL);

  return NULL;
}

static gboolean
is_one_more_thread (gpointer data)
{
  return smart_test_count_threads () > *(guint *) data;
}

static void
end_with_waiter (gconstpointer data)
{
  SmartFuture *future = smart_future_new (NULL);
  guint n_threads = smart_test_count_threads ();

  g_thread_unref (g_thread_new ("waiter", wait_thread, g_object_ref (future)));
  smart_test_wait_until (is_one_more_thread, &n_threads);
}

typedef struct
{
  SmartAsyncFunc *func;
  SmartTestGate *inside;
} SyncThread;

static gpointer
sync_thread (gpointer data)
{
  SyncThread *thread = data;

  smart_async_func_call_sync (thread->func, NULL, NULL, 0, NULL, NULL, NULL);

  return NULL;
}

static void
body_tell_and_stay (SmartCall *call, gpointer data)
{
  g_object_ref (call);
  smart_test_gate_open (data);
}

static void
end_during_sync_call (gconstpointer data)
{
  SyncThread *thread = g_new0 (SyncThread, 1);

  thread->inside = gate_new ();
  thread->func = smart_async_func_new (body_tell_and_stay, thread->inside, NULL);
  g_thread_unref (g_thread_new ("caller", sync_thread, thread));
  smart_test_gate_wait (thread->inside);
}

static void
end_reset_while_busy (gconstpointer data)
{
  end_during_sync_call (NULL);
  end_workers_blocked (NULL);
  smart_async_reset ();
}

static void
end_with_modes (gconstpointer data)
{
  smart_context_push_mode (SMART_MODE_ASYNC);
  smart_context_push_mode (SMART_MODE_SYNC);
}

static void
end_with_futures (gconstpointer data)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  SmartFuture *future = smart_future_new (cancellable);
  g_autoptr (SmartFuture) resolved = smart_future_new_for_value (NULL);

  g_object_unref (smart_future_then (future, continuation_exit, NULL, NULL));
  smart_future_wait_async (resolved, NULL, ready_exit, NULL);
}

/* Ended from the inside */

static void
exit_in (SmartAsyncFunc *func)
{
  smart_async_func_call_sync (func, NULL, NULL, 0, NULL, NULL, NULL);
  g_assert_not_reached ();
}

static void
exit_in_blocking_body (gconstpointer data)
{
  exit_in (smart_async_func_new_blocking (body_exit, NULL, NULL));
}

static void
exit_in_begin (gconstpointer data)
{
  exit_in (smart_async_func_new (body_exit, NULL, NULL));
}

static void
exit_in_private_context (gconstpointer data)
{
  exit_in (smart_async_func_new (body_exit_later, NULL, NULL));
}

static void
body_nested_exit (SmartCall *call, gpointer data)
{
  exit_in (smart_async_func_new (body_exit_later, NULL, NULL));
}

static void
exit_in_nested (gconstpointer data)
{
  exit_in (smart_async_func_new_blocking (body_nested_exit, NULL, NULL));
}

static gboolean
never (gpointer data)
{
  return FALSE;
}

static void
call_and_wait_cb (gpointer data)
{
  call_async (data);
}

static void
exit_on_worker (gconstpointer data)
{
  smart_test_in_loop (call_and_wait_cb, never,
                      smart_async_func_new_blocking (body_exit, NULL, NULL));
}

static void
exit_in_nested_on_worker (gconstpointer data)
{
  smart_test_in_loop (call_and_wait_cb, never,
                      smart_async_func_new_blocking (body_nested_exit, NULL, NULL));
}

static void
call_exit_back_cb (gpointer data)
{
  smart_async_func_call_async (data, NULL, NULL, 0, NULL, ready_exit, NULL);
}

static void
exit_in_callback (gconstpointer data)
{
  smart_test_in_loop (call_exit_back_cb, never,
                      smart_async_func_new_blocking (body_return, NULL, NULL));
}

static void
then_exit_cb (gpointer data)
{
  g_autoptr (SmartFuture) future = smart_async_func_callv (data, NULL, NULL, 0, NULL);

  g_object_unref (smart_future_then (future, continuation_exit, NULL, NULL));
}

static void
exit_in_continuation (gconstpointer data)
{
  smart_test_in_loop (then_exit_cb, never, smart_async_func_new (body_later, NULL, NULL));
}

typedef struct
{
  const char *path;
  SmartTestDataFunc func;
} State;

static const State states[] = {
  { "/contract/Z2.a/loaded", end_loaded },
  { "/contract/Z2.a/types", end_with_types },
  { "/contract/Z2.b/async", use_async },
  { "/contract/Z2.b/blocking", use_blocking },
  { "/contract/Z2.b/offload", use_offload },
  { "/contract/Z2.b/reset", use_and_reset },
  { "/contract/Z2.b/all", use_all },
  { "/contract/Z2.b/threads", use_on_threads },
  { "/contract/Z2.c/pending", end_pending },
  { "/contract/Z2.c/pending-in-loop", end_pending_in_loop },
  { "/contract/Z2.c/undelivered", end_undelivered },
  { "/contract/Z2.c/offloaded-undelivered", end_offloaded_undelivered },
  { "/contract/Z2.c/worker-blocked", end_worker_blocked },
  { "/contract/Z2.c/workers-blocked", end_workers_blocked },
  { "/contract/Z2.c/queued", end_queued },
  { "/contract/Z2.c/cancelled", end_cancelled },
  { "/contract/Z2.c/abandoned", end_abandoned },
  { "/contract/Z2.c/deadline", end_with_deadline },
  { "/contract/Z2.c/waiter", end_with_waiter },
  { "/contract/Z2.c/sync-call", end_during_sync_call },
  { "/contract/Z2.c/reset-while-busy", end_reset_while_busy },
  { "/contract/Z2.c/modes", end_with_modes },
  { "/contract/Z2.c/futures", end_with_futures },
  { "/contract/Z2.c/exit-in-blocking-body", exit_in_blocking_body },
  { "/contract/Z2.c/exit-in-begin", exit_in_begin },
  { "/contract/Z2.c/exit-in-private-context", exit_in_private_context },
  { "/contract/Z2.c/exit-in-nested", exit_in_nested },
  { "/contract/Z2.c/exit-on-worker", exit_on_worker },
  { "/contract/Z2.c/exit-in-nested-on-worker", exit_in_nested_on_worker },
  { "/contract/Z2.c/exit-in-callback", exit_in_callback },
  { "/contract/Z2.c/exit-in-continuation", exit_in_continuation },
};

int
main (int argc, char **argv)
{
  smart_test_init (&argc, &argv);
  g_setenv ("G_DEBUG", "fatal-warnings", TRUE);

  for (guint n = 0; n < G_N_ELEMENTS (states); n++)
    smart_test_add_subprocess (states[n].path, NULL, states[n].func, NULL);

  return g_test_run ();
}
