/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A pair that connects to its cancellable late, as some of GIO's do. */

#include "smart-test.h"

#include <smartasync-glib/smartasync-glib.h>

typedef struct
{
  SmartTestCallback meanwhile; /* what is done while the pair begins; nullable */
  SmartAsyncFunc *func;
  GCancellable *cancellable;
  SmartLock *lock;
  SmartFuture *future;
  GAsyncResult *result;
  SmartTestGate is_called; /* what the caller has is there */
  SmartTestGate is_told;   /* the caller has the result */
  GCancellable *given;     /* identity only: what the pair had; nullable */
  gboolean came_early;     /* it was cancelled while the pair began */
  int n_begun;             /* atomic */
  int n_cancelled;         /* atomic: pairs that noticed */
} Late;

static void
late_cancelled (GCancellable *cancellable, gpointer user_data)
{
  GTask *task = user_data;
  Late *late = g_task_get_task_data (task);

  g_signal_handlers_disconnect_by_data (cancellable, task);
  g_task_return_new_error (task, G_IO_ERROR, G_IO_ERROR_CANCELLED, "It was noticed");
  g_atomic_int_inc (&late->n_cancelled);
}

static void
unref_task (gpointer task, GClosure *closure)
{
  g_object_unref (task);
}

/* Ends when it is cancelled, if it notices. */
static void
late_async (Late *late, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer data)
{
  g_autoptr (GTask) task = g_task_new (NULL, cancellable, callback, data);

  g_task_set_task_data (task, late, NULL);
  late->given = cancellable;
  if (g_task_return_error_if_cancelled (task))
    return;

  g_atomic_int_inc (&late->n_begun);
  if (late->meanwhile != NULL)
    late->meanwhile (late);
  if (cancellable == NULL)
    {
      g_task_return_boolean (task, TRUE);
      return;
    }

  late->came_early = g_cancellable_is_cancelled (cancellable);
  g_signal_connect_data (cancellable, "cancelled", G_CALLBACK (late_cancelled), g_object_ref (task),
                         unref_task, 0);
}

static gboolean
late_finish (GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

static void
late_init (Late *late, SmartTestCallback meanwhile)
{
  const GType params[] = { G_TYPE_POINTER };

  *late = (Late) { .meanwhile = meanwhile };
  late->func = smart_async_func_new_for_pair (G_CALLBACK (late_async), G_CALLBACK (late_finish),
                                              G_TYPE_BOOLEAN, params, 1);
  late->cancellable = g_cancellable_new ();
  smart_test_gate_init (&late->is_called);
  smart_test_gate_init (&late->is_told);
}

static void
late_clear (Late *late)
{
  g_clear_object (&late->func);
  g_clear_object (&late->cancellable);
  g_clear_object (&late->lock);
  g_clear_object (&late->future);
  g_clear_object (&late->result);
  smart_test_gate_clear (&late->is_called);
  smart_test_gate_clear (&late->is_told);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Late, late_clear)

static void
run_on_loop (Late *late)
{
  g_autoptr (SmartExecutor) loop = smart_executor_new_loop ("late");

  smart_async_func_set_executor (late->func, loop);
}

static void
late_arg (Late *late, GValue *arg)
{
  g_value_init (arg, G_TYPE_POINTER);
  g_value_set_pointer (arg, late);
}

static void
call_future (gpointer data)
{
  Late *late = data;

  late->future =
      smart_async_func_call (late->func, NULL, NULL, G_TYPE_POINTER, late, G_TYPE_INVALID);
  smart_test_gate_open (&late->is_called);
}

static gboolean
is_settled (gpointer data)
{
  return smart_future_get_status (((Late *) data)->future) != SMART_FUTURE_PENDING;
}

static void
late_ready (GObject *source, GAsyncResult *result, gpointer data)
{
  Late *late = data;

  late->result = g_object_ref (result);
}

static void
call_async (gpointer data)
{
  Late *late = data;
  g_auto (GValue) arg = G_VALUE_INIT;

  late_arg (late, &arg);
  smart_async_func_call_async (late->func, NULL, &arg, 1, late->cancellable, late_ready, late);
}

static void
call_by_lock (gpointer data)
{
  Late *late = data;
  g_auto (GValue) arg = G_VALUE_INIT;

  late_arg (late, &arg);
  smart_lock_run_once_async (late->lock, NULL, late->func, NULL, &arg, 1, NULL, late_ready, late);
  smart_test_gate_open (&late->is_called);
}

static gboolean
is_ready (gpointer data)
{
  return ((Late *) data)->result != NULL;
}

static gboolean
was_noticed (gpointer data)
{
  return g_atomic_int_get (&((Late *) data)->n_cancelled) == 1;
}

static void
assert_noticed (Late *late)
{
  smart_test_wait_until (was_noticed, late);
  g_assert_cmpint (g_atomic_int_get (&late->n_begun), ==, 1);
  g_assert_false (late->came_early);
}

static gpointer
cancel_main (gpointer cancellable)
{
  g_cancellable_cancel (cancellable);
  return NULL;
}

static void
cancel_elsewhere (gpointer data)
{
  g_thread_join (g_thread_new ("cancel", cancel_main, ((Late *) data)->cancellable));
}

static void
cancelled_in_async_call (void)
{
  g_auto (Late) late = { 0 };
  g_autoptr (GError) error = NULL;

  late_init (&late, cancel_elsewhere);
  smart_test_in_loop (call_async, is_ready, &late);
  g_assert_false (smart_async_func_call_finish (late.func, late.result, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  assert_noticed (&late);
}

static void
assert_sync_call_is_cancelled (SmartAsyncFunc *func, Late *late)
{
  g_auto (GValue) arg = G_VALUE_INIT;
  g_autoptr (GError) error = NULL;

  late_arg (late, &arg);
  g_assert_false (
      smart_async_func_call_sync (func, NULL, &arg, 1, late->cancellable, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

static void
cancelled_in_sync_call (void)
{
  g_auto (Late) late = { 0 };

  late_init (&late, cancel_elsewhere);
  assert_sync_call_is_cancelled (late.func, &late);
  assert_noticed (&late);
}

static void
cancelled_in_derived (void)
{
  g_auto (Late) late = { 0 };
  g_autoptr (SmartAsyncFunc) derived = NULL;

  late_init (&late, cancel_elsewhere);
  derived = smart_async_func_derive (late.func, "name", "derived", NULL);
  assert_sync_call_is_cancelled (derived, &late);
  assert_noticed (&late);
}

static void
cancelled_before (void)
{
  g_auto (Late) late = { 0 };

  late_init (&late, NULL);
  g_cancellable_cancel (late.cancellable);
  assert_sync_call_is_cancelled (late.func, &late);
  g_assert_cmpint (late.n_begun, ==, 0);
}

/* When the call has begun, in the thread that cancels. */
static void
call_then_cancel (gpointer data)
{
  Late *late = data;

  call_async (late);
  g_assert_cmpint (late->n_begun, ==, 1);
  g_assert_cmpint (late->n_cancelled, ==, 0);
  cancel_elsewhere (late);
  g_assert_cmpint (late->n_cancelled, ==, 1);
}

static void
cancelled_after (void)
{
  g_auto (Late) late = { 0 };
  g_autoptr (GError) error = NULL;

  late_init (&late, NULL);
  smart_test_in_loop (call_then_cancel, is_ready, &late);
  g_assert_false (smart_async_func_call_finish (late.func, late.result, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

static void
cancel_future (gpointer data)
{
  Late *late = data;

  smart_test_gate_wait (&late->is_called);
  smart_future_cancel (late->future);
}

static void
cancelled_by_future (void)
{
  g_auto (Late) late = { 0 };

  late_init (&late, cancel_future);
  run_on_loop (&late);
  smart_test_in_loop (call_future, is_settled, &late);
  g_assert_false (smart_future_get_boolean (late.future, NULL));
  assert_noticed (&late);
}

static void
await_told (gpointer data)
{
  smart_test_gate_wait (&((Late *) data)->is_told);
}

/* Whether it has begun before. */
static gboolean
is_cancelled_by_deadline (guint msec)
{
  g_auto (Late) late = { 0 };
  g_autoptr (GError) error = NULL;

  late_init (&late, await_told);
  run_on_loop (&late);
  smart_async_func_set_timeout (late.func, msec);
  smart_test_in_loop (call_future, is_settled, &late);
  g_assert_false (smart_future_get_boolean (late.future, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  g_assert_cmpint (g_atomic_int_get (&late.n_cancelled), ==, 0);
  smart_test_gate_open (&late.is_told);
  if (g_atomic_int_get (&late.n_begun) == 0)
    return FALSE;

  assert_noticed (&late);
  return TRUE;
}

static void
cancelled_by_deadline (void)
{
  guint msec = 4;

  while (!is_cancelled_by_deadline (msec))
    {
      g_assert_cmpuint (msec, <, 10000);
      msec *= 2;
    }
}

static void
reset_lock (gpointer data)
{
  Late *late = data;

  smart_test_gate_wait (&late->is_called);
  smart_lock_reset (late->lock);
}

static void
cancelled_by_lock (void)
{
  g_auto (Late) late = { 0 };
  g_autoptr (GError) error = NULL;

  late_init (&late, reset_lock);
  late.lock = smart_lock_new ();
  run_on_loop (&late);
  smart_test_in_loop (call_by_lock, is_ready, &late);
  g_assert_false (smart_lock_run_once_finish (late.lock, late.result, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  assert_noticed (&late);
}

/* Who waits for its turn is told at once, although its body sees nothing yet. */

typedef struct
{
  Late running;
  Late waiting;
} Queue;

static void
fill_queue (gpointer data)
{
  Queue *queue = data;

  call_async (&queue->running);
  g_assert_cmpint (queue->running.n_begun, ==, 1);
  call_async (&queue->waiting);
  cancel_elsewhere (&queue->waiting);
}

static gboolean
is_queue_empty (gpointer data)
{
  Queue *queue = data;

  if (!is_ready (&queue->waiting))
    return FALSE;

  g_cancellable_cancel (queue->running.cancellable);
  return is_ready (&queue->running);
}

static void
cancelled_in_queue (gconstpointer abandon)
{
  Queue queue;
  g_autoptr (GError) error = NULL;

  late_init (&queue.running, NULL);
  late_init (&queue.waiting, NULL);
  g_set_object (&queue.waiting.func, queue.running.func);
  smart_async_func_set_max_concurrency (queue.running.func, 1);
  smart_async_func_set_abandon_on_cancel (queue.running.func, abandon != NULL);
  smart_test_in_loop (fill_queue, is_queue_empty, &queue);

  g_assert_false (
      smart_async_func_call_finish (queue.waiting.func, queue.waiting.result, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_cmpint (queue.waiting.n_begun, ==, 0);
  late_clear (&queue.running);
  late_clear (&queue.waiting);
}

/* Where nothing can cancel it, nothing is made. */
static void
without_cancellable (void)
{
  g_auto (Late) late = { 0 };
  g_auto (GValue) arg = G_VALUE_INIT;
  g_auto (GValue) value = G_VALUE_INIT;
  g_autoptr (GError) error = NULL;

  late_init (&late, NULL);
  late_arg (&late, &arg);
  g_assert_true (smart_async_func_call_sync (late.func, NULL, &arg, 1, NULL, &value, &error));
  g_assert_no_error (error);
  g_assert_true (g_value_get_boolean (&value));
  g_assert_null (late.given);
}

int
main (int argc, char **argv)
{
  smart_test_init (&argc, &argv);

  smart_test_add ("/async-func-pair/cancelled/async-call", cancelled_in_async_call);
  smart_test_add ("/async-func-pair/cancelled/sync-call", cancelled_in_sync_call);
  smart_test_add ("/async-func-pair/cancelled/derived", cancelled_in_derived);
  smart_test_add ("/async-func-pair/cancelled/before", cancelled_before);
  smart_test_add ("/async-func-pair/cancelled/after", cancelled_after);
  smart_test_add ("/async-func-pair/cancelled/by-future", cancelled_by_future);
  smart_test_add ("/async-func-pair/cancelled/by-deadline", cancelled_by_deadline);
  smart_test_add ("/async-func-pair/cancelled/by-lock", cancelled_by_lock);
  smart_test_add_data ("/async-func-pair/cancelled/in-queue", NULL, cancelled_in_queue);
  smart_test_add_data ("/async-func-pair/cancelled/in-queue/abandon", GINT_TO_POINTER (TRUE),
                       cancelled_in_queue);
  smart_test_add ("/async-func-pair/without-cancellable", without_cancellable);

  return g_test_run ();
}
