/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A typed sync call of a pair that somebody else wrote. */

#include <smartasync-glib/smartasync-glib.h>

#include "smart-test.h"

/* A pair: double_async () gives twice its number, from an idle source of the thread default. */

static gboolean
return_double (gpointer data)
{
  GTask *task = data;
  int number = GPOINTER_TO_INT (g_task_get_task_data (task));

  if (!g_task_return_error_if_cancelled (task))
    g_task_return_int (task, 2 * number);
  return G_SOURCE_REMOVE;
}

static void
double_async (int number, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer data)
{
  g_autoptr (GTask) task = g_task_new (NULL, cancellable, callback, data);
  g_autoptr (GSource) source = g_idle_source_new ();

  g_task_set_task_data (task, GINT_TO_POINTER (number), NULL);
  g_source_set_callback (source, return_double, g_object_ref (task), g_object_unref);
  g_source_attach (source, g_task_get_context (task));
}

static int
double_finish (GAsyncResult *result, GError **error)
{
  return g_task_propagate_int (G_TASK (result), error);
}

/* The same, without any delay: the callback comes before the function returns. */
static void
double_at_once (int number, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer data)
{
  g_autoptr (GTask) task = g_task_new (NULL, cancellable, NULL, NULL);

  g_task_return_int (task, 2 * number);
  callback (NULL, G_ASYNC_RESULT (task), data);
}

typedef struct
{
  GTask *task;
  GAsyncReadyCallback callback;
  gpointer data;
} Elsewhere;

static gpointer
call_elsewhere (gpointer data)
{
  Elsewhere *elsewhere = data;

  g_task_return_int (elsewhere->task, 8);
  elsewhere->callback (NULL, G_ASYNC_RESULT (elsewhere->task), elsewhere->data);
  g_object_unref (elsewhere->task);
  g_free (elsewhere);
  return NULL;
}

/* The same, with its callback on another thread. */
static void
double_elsewhere (GThread **thread,
                  GCancellable *cancellable,
                  GAsyncReadyCallback callback,
                  gpointer data)
{
  Elsewhere *elsewhere = g_new0 (Elsewhere, 1);

  elsewhere->task = g_task_new (NULL, cancellable, NULL, NULL);
  elsewhere->callback = callback;
  elsewhere->data = data;
  *thread = g_thread_new ("elsewhere", call_elsewhere, elsewhere);
}

static void
assert_doubled (GAsyncResult *result, int expected)
{
  g_autoptr (GError) error = NULL;

  g_assert_true (G_IS_ASYNC_RESULT (result));
  g_assert_cmpint (double_finish (result, &error), ==, expected);
  g_assert_no_error (error);
}

static void
double_in_loop (gpointer data)
{
  g_autoptr (GAsyncResult) result = smart_sync (double_async, 4, NULL);

  assert_doubled (result, 8);
}

static void
test_macro (void)
{
  double_in_loop (NULL);
  smart_test_in_loop (double_in_loop, NULL, NULL);
}

static void
test_at_once (void)
{
  for (guint i = 0; i < 3; i++)
    {
      g_autoptr (GAsyncResult) result = smart_sync (double_at_once, 4, NULL);

      assert_doubled (result, 8);
    }
}

static void
test_elsewhere (void)
{
  for (guint i = 0; i < 100; i++)
    {
      GThread *thread;
      g_autoptr (GAsyncResult) result = smart_sync (double_elsewhere, &thread, NULL);

      assert_doubled (result, 8);
      g_thread_join (thread);
    }
}

/* The result is the caller's, and the only reference that is left. */
static void
test_ownership (void)
{
  GAsyncResult *result = smart_sync (double_at_once, 4, NULL);
  gpointer alive = result;

  g_object_add_weak_pointer (G_OBJECT (result), &alive);
  g_object_unref (result);
  g_assert_null (alive);
}

static void
test_cancelled (void)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;

  g_cancellable_cancel (cancellable);
  result = smart_sync (double_async, 4, cancellable);
  g_assert_cmpint (double_finish (result, &error), ==, -1);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

static void
by_hand (gpointer data)
{
  GMainContext *before = g_main_context_get_thread_default ();
  SmartSyncCall call = SMART_SYNC_CALL_INIT;

  /* One after the other in the same place. */
  for (int i = 0; i < 3; i++)
    {
      g_autoptr (GAsyncResult) result = NULL;

      smart_sync_call_begin (&call);
      g_assert_true (g_main_context_get_thread_default () != before);
      double_async (i, NULL, smart_sync_call_ready, &call);
      result = smart_sync_call_wait (&call);
      g_assert_true (g_main_context_get_thread_default () == before);
      assert_doubled (result, 2 * i);
    }
  smart_sync_call_clear (&call);
}

static void
test_by_hand (void)
{
  by_hand (NULL);
  smart_test_in_loop (by_hand, NULL, NULL);
}

static gboolean
count_tick (gpointer data)
{
  (*(int *) data)++;
  return G_SOURCE_CONTINUE;
}

static void
with_policy (gpointer data)
{
  SmartMainContextPolicy policy = GPOINTER_TO_INT (data);
  GMainContext *before = g_main_context_get_thread_default ();
  g_autoptr (GSource) ticks = g_idle_source_new ();
  g_auto (SmartSyncCall) call = SMART_SYNC_CALL_INIT;
  g_autoptr (GAsyncResult) result = NULL;
  int n = 0;

  g_source_set_callback (ticks, count_tick, &n, NULL);
  g_source_attach (ticks, before);

  smart_sync_call_begin_full (&call, policy);
  double_async (4, NULL, smart_sync_call_ready, &call);
  result = smart_sync_call_wait (&call);
  assert_doubled (result, 8);
  g_assert_true (g_main_context_get_thread_default () == before);
  if (policy == SMART_MAIN_CONTEXT_CURRENT)
    g_assert_cmpint (n, >, 0);
  else
    g_assert_cmpint (n, ==, 0);
  g_source_destroy (ticks);
}

static void
test_policies (void)
{
  const SmartMainContextPolicy policies[] = { SMART_MAIN_CONTEXT_PRIVATE,
                                              SMART_MAIN_CONTEXT_CURRENT };

  for (guint i = 0; i < G_N_ELEMENTS (policies); i++)
    {
      with_policy (GINT_TO_POINTER (policies[i]));
      smart_test_in_loop (with_policy, NULL, GINT_TO_POINTER (policies[i]));
    }
}

/* Another thread owns the context, and gives it up. */
typedef struct
{
  SmartTestGate owned;
  SmartTestGate begun;
} Leaving;

static gpointer
own_for_a_while (gpointer data)
{
  Leaving *leaving = data;

  g_assert_true (g_main_context_acquire (NULL));
  smart_test_gate_open (&leaving->owned);
  smart_test_gate_wait (&leaving->begun);
  g_main_context_release (NULL);
  return NULL;
}

static void
test_owner_leaves (void)
{
  g_auto (SmartSyncCall) call = SMART_SYNC_CALL_INIT;
  g_autoptr (GAsyncResult) result = NULL;
  Leaving leaving;
  GThread *thread;

  smart_test_gate_init (&leaving.owned);
  smart_test_gate_init (&leaving.begun);
  thread = g_thread_new ("owner", own_for_a_while, &leaving);
  smart_test_gate_wait (&leaving.owned);

  smart_sync_call_begin_full (&call, SMART_MAIN_CONTEXT_CURRENT);
  double_async (4, NULL, smart_sync_call_ready, &call);
  smart_test_gate_open (&leaving.begun);
  result = smart_sync_call_wait (&call);
  assert_doubled (result, 8);
  g_assert_false (g_main_context_is_owner (NULL));

  g_thread_join (thread);
  smart_test_gate_clear (&leaving.owned);
  smart_test_gate_clear (&leaving.begun);
}

/* An early return between the call and the wait: the pair still knows the address, so it is awaited. */
static void
leave_early (int *n)
{
  g_auto (SmartSyncCall) call = SMART_SYNC_CALL_INIT;

  smart_sync_call_begin (&call);
  double_async (4, NULL, smart_sync_call_ready, &call);
  (*n)++;
}

static void
leave_with_result (void)
{
  g_auto (SmartSyncCall) call = SMART_SYNC_CALL_INIT;

  smart_sync_call_begin (&call);
  double_at_once (4, NULL, smart_sync_call_ready, &call);
}

static void
leave_unused (void)
{
  g_auto (SmartSyncCall) call = SMART_SYNC_CALL_INIT;

  g_assert_null (call.context);
}

static void
test_clear (void)
{
  GMainContext *before = g_main_context_get_thread_default ();
  int n = 0;

  leave_unused ();
  leave_early (&n);
  g_assert_cmpint (n, ==, 1);
  g_assert_true (g_main_context_get_thread_default () == before);
  leave_with_result ();
  g_assert_true (g_main_context_get_thread_default () == before);
  double_in_loop (NULL);
}

typedef struct
{
  GAsyncReadyCallback callback;
  gpointer data;
  guint depth;
} Nesting;

static void
nested_ready (GObject *object, GAsyncResult *result, gpointer data)
{
  Nesting *nesting = data;

  if (nesting->depth > 0)
    {
      Nesting inner = { NULL, NULL, nesting->depth - 1 };
      g_auto (SmartSyncCall) call = SMART_SYNC_CALL_INIT;
      g_autoptr (GAsyncResult) inner_result = NULL;

      smart_sync_call_begin (&call);
      inner.callback = smart_sync_call_ready;
      inner.data = &call;
      double_async (4, NULL, nested_ready, &inner);
      inner_result = smart_sync_call_wait (&call);
      assert_doubled (inner_result, 8);
    }
  nesting->callback (object, result, nesting->data);
}

static void
test_nested (void)
{
  g_auto (SmartSyncCall) call = SMART_SYNC_CALL_INIT;
  Nesting nesting = { smart_sync_call_ready, &call, 5 };
  g_autoptr (GAsyncResult) result = NULL;

  smart_sync_call_begin (&call);
  double_async (4, NULL, nested_ready, &nesting);
  result = smart_sync_call_wait (&call);
  assert_doubled (result, 8);
}

/* A call within another that was begun but not yet waited for. */
static void
test_interleaved (void)
{
  g_auto (SmartSyncCall) outer = SMART_SYNC_CALL_INIT;
  g_autoptr (GAsyncResult) result = NULL;

  smart_sync_call_begin (&outer);
  double_async (5, NULL, smart_sync_call_ready, &outer);
  double_in_loop (NULL);
  result = smart_sync_call_wait (&outer);
  assert_doubled (result, 10);
}

static void
test_no_context_left (void)
{
  guint64 n;

  smart_async_reset ();
  double_in_loop (NULL);
  n = smart_test_stat ("contexts");
  for (guint i = 0; i < 100; i++)
    {
      int unused = 0;

      leave_early (&unused);
      double_in_loop (NULL);
    }
  g_assert_cmpuint (smart_test_stat ("contexts"), <=, n);
}

int
main (int argc, char **argv)
{
  smart_test_init (&argc, &argv);

  smart_test_add ("/sync-call/macro", test_macro);
  smart_test_add ("/sync-call/at-once", test_at_once);
  smart_test_add ("/sync-call/elsewhere", test_elsewhere);
  smart_test_add ("/sync-call/ownership", test_ownership);
  smart_test_add ("/sync-call/cancelled", test_cancelled);
  smart_test_add ("/sync-call/by-hand", test_by_hand);
  smart_test_add ("/sync-call/policies", test_policies);
  smart_test_add_main ("/sync-call/owner-leaves", test_owner_leaves);
  smart_test_add ("/sync-call/clear", test_clear);
  smart_test_add ("/sync-call/nested", test_nested);
  smart_test_add ("/sync-call/interleaved", test_interleaved);
  smart_test_add ("/sync-call/no-context-left", test_no_context_left);

  return g_test_run ();
}
