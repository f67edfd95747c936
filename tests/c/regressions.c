/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The eight bugs of the Python original, each by its name. */

#include "lock-scene.h"

/* The lock's leader is cancelled and the followers hang. */
static void
cancelled_leader_hangs_followers (void)
{
  for (SceneBody body = 0; body < N_BODIES; body++)
    for (Via via = 0; via < N_VIAS; via++)
      {
        g_auto (Scene) scene;
        Held *held;
        Caller *leader, *followers[3];

        scene_init (&scene, body);
        leader = caller_start (&scene, VIA_ASYNC, NULL);
        held = scene_next (&scene);
        for (guint n = 0; n < 3; n++)
          followers[n] = caller_start (&scene, via, NULL);
        scene_wait_for_waiters (&scene, 4);
        caller_cancel (leader);
        caller_fails (leader, G_IO_ERROR, G_IO_ERROR_CANCELLED);
        held_return (held, 1);
        for (guint n = 0; n < 3; n++)
          caller_gets (followers[n], 1);
      }
}

/* One cancelled follower cancels its sibling. */
static void
cancelled_follower_cancels_sibling (void)
{
  for (SceneBody body = 0; body < N_BODIES; body++)
    for (Via via = 0; via < N_VIAS; via++)
      {
        g_auto (Scene) scene;
        Held *held;
        Caller *leader, *cancelled, *sibling;

        scene_init (&scene, body);
        leader = caller_start (&scene, VIA_ASYNC, NULL);
        held = scene_next (&scene);
        cancelled = caller_start (&scene, via, NULL);
        sibling = caller_start (&scene, via, NULL);
        scene_wait_for_waiters (&scene, 3);
        caller_cancel (cancelled);
        caller_fails (cancelled, G_IO_ERROR, G_IO_ERROR_CANCELLED);
        g_assert_false (caller_is_over (sibling));
        held_return (held, 1);
        caller_gets (sibling, 1);
        caller_gets (leader, 1);
      }
}

static void
body_fail (SmartCall *call, gpointer data)
{
  smart_call_return_new_error_literal (call, G_IO_ERROR, G_IO_ERROR_FAILED, "It failed");
}

static void
ask_and_drop (gpointer data)
{
  SmartLock *lock = data;
  g_autoptr (SmartAsyncFunc) async = smart_async_func_new (body_fail, NULL, NULL);
  g_autoptr (SmartAsyncFunc) blocking = smart_async_func_new_blocking (body_fail, NULL, NULL);

  g_object_unref (smart_lock_run_once (lock, "a", async, NULL, NULL, 0, NULL));
  g_object_unref (smart_lock_run_once (lock, "b", blocking, NULL, NULL, 0, NULL));
  smart_lock_run_once_async (lock, "c", async, NULL, NULL, 0, NULL, NULL, NULL);
}

static gboolean
nothing_is_under_way (gpointer data)
{
  return smart_lock_get_n_flights (data) == 0 && smart_lock_get_n_executions (data) == 3;
}

static gboolean
tick (gpointer unused)
{
  return G_SOURCE_CONTINUE;
}

/* A lone failing leader logs "exception was never retrieved": nothing is printed
 * here, and no message is logged. */
static void
lone_failing_leader_logs (gconstpointer data)
{
  g_autoptr (SmartLock) lock = smart_lock_new ();
  g_autoptr (GMainContext) context = g_main_context_new ();
  g_autoptr (GSource) ticker = g_timeout_source_new (1);

  /* The worker that lands the last flight tells no context of ours. */
  g_source_set_callback (ticker, tick, NULL, NULL);
  g_source_attach (ticker, smart_test_on_main_thread () ? NULL : context);
  g_main_context_push_thread_default (smart_test_on_main_thread () ? NULL : context);
  smart_test_invoke (smart_test_on_main_thread () ? NULL : context, ask_and_drop, lock);
  smart_test_iterate_until (NULL, nothing_is_under_way, lock);
  g_source_destroy (ticker);
  g_main_context_pop_thread_default (smart_test_on_main_thread () ? NULL : context);
}

typedef struct
{
  SmartLock *lock;
  SmartAsyncFunc *func;
  int n_begun;
} Reentrant;

static void
body_reenter (SmartCall *call, gpointer data)
{
  Reentrant *reentrant = data;
  GError *error = NULL;

  g_assert_cmpint (++reentrant->n_begun, ==, 1);
  g_assert_false (smart_lock_run_once_sync (reentrant->lock, NULL, reentrant->func, NULL, NULL, 0,
                                            NULL, NULL, &error));
  g_assert_error (error, SMART_ERROR, SMART_ERROR_RECURSION);
  smart_call_return_error (call, error);
}

/* A re-entrant run_once deadlocks. */
static void
reentrant_run_once_deadlocks (void)
{
  for (SceneBody body = 0; body < N_BODIES; body++)
    {
      Reentrant reentrant = { 0 };
      g_autoptr (GError) error = NULL;

      reentrant.lock = smart_lock_new ();
      reentrant.func = body == BODY_ASYNC
                           ? smart_async_func_new (body_reenter, &reentrant, NULL)
                           : smart_async_func_new_blocking (body_reenter, &reentrant, NULL);
      g_assert_false (smart_lock_run_once_sync (reentrant.lock, NULL, reentrant.func, NULL, NULL, 0,
                                                NULL, NULL, &error));
      g_assert_error (error, SMART_ERROR, SMART_ERROR_RECURSION);
      g_object_unref (reentrant.func);
      g_object_unref (reentrant.lock);
    }
}

/* A lock shared by two threads raises "attached to a different loop": whichever of
 * them made it or used it first. */
static void
lock_of_two_threads_is_of_one_loop (void)
{
  for (SceneBody body = 0; body < N_BODIES; body++)
    {
      g_auto (Scene) scene;

      scene_init (&scene, body);
      for (int round = 0; round < 4; round++)
        {
          Held *held;
          Via via = round % 2 == 0 ? VIA_ASYNC : VIA_THREAD;
          Caller *one = caller_start (&scene, via, NULL);
          Caller *two;

          held = scene_next (&scene);
          two = caller_start (&scene, via == VIA_ASYNC ? VIA_THREAD : VIA_ASYNC, NULL);
          scene_wait_for_waiters (&scene, 2);
          held_return (held, round);
          caller_gets (one, round);
          caller_gets (two, round);
        }
    }
}

static gboolean
return_later (gpointer data)
{
  smart_call_return_int (data, 42);

  return G_SOURCE_REMOVE;
}

static void
body_later (SmartCall *call, gpointer data)
{
  smart_call_add_timeout (call, 0, return_later, g_object_ref (call), g_object_unref);
}

static gpointer
call_once (gpointer data)
{
  g_auto (GValue) value = G_VALUE_INIT;

  g_assert_true (smart_async_func_call_sync (data, NULL, NULL, 0, NULL, &value, NULL));
  g_assert_cmpint (g_value_get_int (&value), ==, 42);

  return NULL;
}

/* 50 ended threads leave 50 loops and 144 fds. */
static void
ended_threads_leave_loops (void)
{
  g_autoptr (SmartAsyncFunc) func = smart_async_func_new (body_later, NULL, NULL);
  GThread *threads[50];
  guint64 n_contexts, n_made;
  guint n_fds;

  g_thread_join (g_thread_new ("first", call_once, func));
  n_fds = smart_test_count_fds ();
  n_contexts = smart_test_stat ("contexts");
  n_made = smart_test_stat ("contexts-created");
  for (guint n = 0; n < G_N_ELEMENTS (threads); n++)
    threads[n] = g_thread_new ("one of fifty", call_once, func);
  for (guint n = 0; n < G_N_ELEMENTS (threads); n++)
    g_thread_join (threads[n]);

  g_assert_cmpuint (smart_test_stat ("contexts-created"), ==, n_made + G_N_ELEMENTS (threads));
  g_assert_cmpuint (smart_test_stat ("contexts"), ==, n_contexts);
  g_assert_cmpuint (smart_test_count_fds (), ==, n_fds);
}

static void
call_in_sync_mode (gpointer data)
{
  g_autoptr (SmartFuture) future = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_true (smart_context_is_async ());
  smart_context_push_mode (SMART_MODE_SYNC);
  g_assert_false (smart_context_is_async ());
  future = smart_async_func_callv (data, NULL, NULL, 0, NULL);
  smart_context_pop_mode ();
  g_assert_cmpint (smart_future_get_int (future, &error), ==, 42);
  g_assert_no_error (error);
}

/* Its forced sync mode fails inside a running loop. */
static void
forced_sync_fails_in_loop (void)
{
  g_autoptr (SmartAsyncFunc) func = smart_async_func_new (body_later, NULL, NULL);

  smart_test_in_loop (call_in_sync_mode, NULL, func);
}

static void
body_is_sync (SmartCall *call, gpointer data)
{
  g_autoptr (SmartFuture) inner = NULL;

  g_assert_true (g_thread_self () != data);
  g_assert_false (smart_context_is_async ());
  /* So what it calls is there when the call returns. */
  inner = smart_async_func_callv (*(SmartAsyncFunc **) smart_call_get_pointer (call, 0), NULL, NULL,
                                  0, NULL);
  smart_call_return_int (call, smart_future_get_int (inner, NULL));
}

/* Its forced async mode leaks into the worker. */
static void
forced_async_leaks_into_worker (void)
{
  g_autoptr (SmartAsyncFunc) inner = smart_async_func_new (body_later, NULL, NULL);
  g_autoptr (SmartAsyncFunc) func =
      smart_async_func_new_blocking (body_is_sync, g_thread_self (), NULL);
  g_autoptr (SmartFuture) future = NULL;
  g_autoptr (GError) error = NULL;
  SmartAsyncFunc *passed = inner;

  smart_context_push_mode (SMART_MODE_ASYNC);
  future = smart_async_func_call (func, NULL, NULL, G_TYPE_POINTER, &passed, G_TYPE_INVALID);
  smart_context_pop_mode ();
  g_assert_true (smart_future_wait (future, -1, NULL, NULL, &error));
  g_assert_no_error (error);
  g_assert_cmpint (smart_future_get_int (future, NULL), ==, 42);
}

int
main (int argc, char **argv)
{
  smart_test_init (&argc, &argv);

  smart_test_add ("/regressions/cancelled-leader-hangs-followers",
                  cancelled_leader_hangs_followers);
  smart_test_add ("/regressions/cancelled-follower-cancels-sibling",
                  cancelled_follower_cancels_sibling);
  smart_test_add_subprocess ("/regressions/lone-failing-leader-logs", NULL,
                             lone_failing_leader_logs, NULL);
  smart_test_add ("/regressions/reentrant-run-once-deadlocks", reentrant_run_once_deadlocks);
  smart_test_add ("/regressions/lock-of-two-threads-is-of-one-loop",
                  lock_of_two_threads_is_of_one_loop);
  smart_test_add ("/regressions/ended-threads-leave-loops", ended_threads_leave_loops);
  smart_test_add ("/regressions/forced-sync-fails-in-loop", forced_sync_fails_in_loop);
  smart_test_add ("/regressions/forced-async-leaks-into-worker", forced_async_leaks_into_worker);

  return g_test_run ();
}
