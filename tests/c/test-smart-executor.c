/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Executors: their properties, and their ends. */

#include "smart-test.h"

#include <smartasync-glib/smartasync-glib.h>

static void
return_body (SmartCall *call, gpointer data)
{
  smart_call_return_boolean (call, TRUE);
}

static void
assert_call (SmartAsyncFunc *func)
{
  g_autoptr (GError) error = NULL;

  smart_async_func_call_sync (func, NULL, NULL, 0, NULL, NULL, &error);
  g_assert_no_error (error);
}

/* Takes @executor. */
static SmartAsyncFunc *
func_in (SmartExecutor *executor, gboolean blocking)
{
  SmartAsyncFunc *func = blocking ? smart_async_func_new_blocking (return_body, NULL, NULL)
                                  : smart_async_func_new (return_body, NULL, NULL);

  smart_async_func_set_executor (func, executor);
  g_object_unref (executor);

  return func;
}

/* Properties */

static void
has_properties (void)
{
  g_autoptr (SmartExecutor) pool = smart_executor_new_pool ("some", 3);
  g_autoptr (SmartExecutor) loop = smart_executor_new_loop (NULL);
  g_autoptr (SmartExecutor) context = smart_executor_new_for_context (NULL);
  g_autofree char *name = NULL;
  guint max_threads, max_pending;

  g_object_get (pool, "name", &name, "max-threads", &max_threads, "max-pending", &max_pending,
                NULL);
  g_assert_cmpstr (name, ==, "some");
  g_assert_cmpstr (smart_executor_get_name (pool), ==, "some");
  g_assert_cmpuint (max_threads, ==, 3);
  g_assert_cmpuint (max_pending, ==, 0);
  g_assert_nonnull (smart_executor_get_name (loop));
  g_assert_cmpuint (smart_executor_get_max_threads (loop), ==, 1);
  g_assert_cmpuint (smart_executor_get_max_threads (context), ==, 0);

  g_object_set (pool, "max-pending", 5, NULL);
  g_assert_cmpuint (smart_executor_get_max_pending (pool), ==, 5);

  g_assert_null (smart_executor_get_context (pool));
  g_assert_true (smart_executor_get_context (context) == g_main_context_default ());
  g_assert_nonnull (smart_executor_get_context (loop));
  g_assert_true (smart_executor_get_context (loop) == smart_executor_get_context (loop));
}

static void
starts_nothing_unused (void)
{
  guint n_threads = smart_test_count_threads ();
  guint n_fds = smart_test_count_fds ();

  for (int i = 0; i < 10; i++)
    {
      g_autoptr (SmartExecutor) pool = smart_executor_new_pool ("unused", 2);
      g_autoptr (SmartExecutor) loop = smart_executor_new_loop ("unused");

      g_assert_cmpuint (smart_test_count_threads (), <=, n_threads);
      g_assert_cmpuint (smart_test_count_fds (), <=, n_fds);
    }
}

/* Ends */

/* Without what GIO starts once, and keeps. */
static guint
count_own_threads (void)
{
  g_autoptr (SmartAsyncFunc) func = smart_async_func_new (return_body, NULL, NULL);

  assert_call (func);

  return smart_test_count_threads ();
}

static guint
used_loop (guint i)
{
  g_autoptr (SmartExecutor) loop = smart_executor_new_loop ("ended");

  /* Its thread is started; most times it has not come to its loop yet. */
  g_assert_nonnull (smart_executor_get_context (loop));

  return i;
}

static gboolean
fds_are_few (gpointer n)
{
  return smart_test_count_fds () <= *(guint *) n;
}

static void
ends_its_loop (void)
{
  guint n_threads, n_fds;

  n_threads = count_own_threads ();
  used_loop (0);
  smart_test_wait_for_threads (n_threads);
  n_fds = smart_test_count_fds ();
  for (guint i = 0; i < 200; i++)
    used_loop (i);
  smart_test_wait_for_threads (n_threads);
  smart_test_wait_until (fds_are_few, &n_fds);
}

static void
ends_its_threads (void)
{
  guint n_threads = count_own_threads ();

  for (guint i = 0; i < 50; i++)
    for (int kind = 0; kind < 6; kind++)
      {
        SmartExecutor *executor = kind % 3 == 2 ? smart_executor_new_loop ("ended")
                                                : smart_executor_new_pool ("ended", kind % 3 + 1);
        g_autoptr (SmartAsyncFunc) func = func_in (executor, kind < 3);

        assert_call (func);
      }
  smart_test_wait_for_threads (n_threads);
}

/* The function's last reference is the one of a call that runs: the executor ends
 * in its own thread. */

typedef struct
{
  SmartTestGate begun;
  SmartTestGate gate;
  GWeakRef executor;
  int n_freed; /* atomic */
} Last;

static void
last_free (gpointer data)
{
  g_atomic_int_inc (&((Last *) data)->n_freed);
}

static void
last_body (SmartCall *call, gpointer data)
{
  Last *last = data;

  smart_test_gate_open (&last->begun);
  smart_test_gate_wait (&last->gate);
  smart_call_return_boolean (call, TRUE);
}

static gboolean
is_gone (gpointer data)
{
  Last *last = data;
  g_autoptr (GObject) executor = g_weak_ref_get (&last->executor);

  return executor == NULL && g_atomic_int_get (&last->n_freed) == 1;
}

static void
ends_in_its_own_thread (void)
{
  guint n_threads = count_own_threads ();

  for (guint i = 0; i < smart_test_scale (60, 12); i++)
    {
      SmartExecutor *executor = i % 3 == 2 ? smart_executor_new_loop ("last")
                                           : smart_executor_new_pool ("last", i % 3 + 1);
      Last last = { .n_freed = 0 };
      SmartAsyncFunc *func;
      GMainContext *context = g_main_context_new ();

      smart_test_gate_init (&last.begun);
      smart_test_gate_init (&last.gate);
      g_weak_ref_init (&last.executor, executor);
      func = smart_async_func_new_blocking (last_body, &last, last_free);
      smart_async_func_set_executor (func, executor);
      g_object_unref (executor);

      /* The caller's context goes before the body ends. */
      g_main_context_push_thread_default (context);
      smart_async_func_call_async (func, NULL, NULL, 0, NULL, NULL, NULL);
      g_main_context_pop_thread_default (context);
      g_object_unref (func);
      smart_test_gate_wait (&last.begun);
      g_main_context_unref (context);

      smart_test_gate_open (&last.gate);
      smart_test_wait_until (is_gone, &last);
      g_weak_ref_clear (&last.executor);
      smart_test_gate_clear (&last.begun);
      smart_test_gate_clear (&last.gate);
    }
  smart_test_wait_for_threads (n_threads);
}

/* Many threads share one, while they come and go. */

static gpointer
call_often (gpointer data)
{
  for (guint i = 0; i < smart_test_scale (300, 30); i++)
    assert_call (data);

  return NULL;
}

static void
is_shared (void)
{
  for (int kind = 0; kind < 6; kind++)
    {
      SmartExecutor *executor = kind % 3 == 2 ? smart_executor_new_loop ("shared")
                                              : smart_executor_new_pool ("shared", kind % 3 + 1);
      g_autoptr (SmartAsyncFunc) func = func_in (executor, kind < 3);
      GThread *threads[8];

      smart_async_func_set_max_concurrency (func, 3);
      for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
        threads[i] = g_thread_new ("caller", call_often, func);
      for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
        g_thread_join (threads[i]);
    }
}

/* Misuse */

static void
refuses_misuse (void)
{
  g_autoptr (SmartExecutor) pool = smart_executor_new_pool ("pool", 1);

  smart_test_expect_critical ("*max_threads > 0*",
                              g_assert_null (smart_executor_new_pool ("none", 0)));
  smart_test_expect_critical ("*max_pending <= G_MAXINT*",
                              smart_executor_set_max_pending (pool, G_MAXUINT));
  g_assert_cmpuint (smart_executor_get_max_pending (pool), ==, 0);
}

int
main (int argc, char **argv)
{
  smart_test_init (&argc, &argv);

  smart_test_add ("/executor/has-properties", has_properties);
  smart_test_add ("/executor/starts-nothing-unused", starts_nothing_unused);
  smart_test_add ("/executor/ends-its-loop", ends_its_loop);
  smart_test_add ("/executor/ends-its-threads", ends_its_threads);
  smart_test_add ("/executor/ends-in-its-own-thread", ends_in_its_own_thread);
  smart_test_add ("/executor/is-shared", is_shared);
  smart_test_add ("/executor/refuses-misuse", refuses_misuse);

  return g_test_run ();
}
