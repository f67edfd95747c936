/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A lock: what ends a flight but its result, what outlives it, who may not wait,
 * and the options of the functions that it runs. */

#include "lock-scene.h"

static void
resume_and_ask (Scene *scene, SmartCall *call, const char *key, Caller **asked)
{
  smart_call_enter (call);
  *asked = caller_start (scene, VIA_ASYNC, key);
  smart_call_leave (call);
}

/* The body of a flight that was reset goes on, and asks again: that is no
 * recursion, and what it knows of its flight must still be there. */
static void
body_outlives_reset (void)
{
  g_auto (Scene) scene;
  Held *old, *new;
  Caller *first, *again;

  scene_init (&scene, BODY_ASYNC);
  first = caller_start (&scene, VIA_ASYNC, "k");
  old = scene_next (&scene);
  smart_lock_reset (scene.lock);
  caller_fails (first, G_IO_ERROR, G_IO_ERROR_CANCELLED);

  resume_and_ask (&scene, old->call, "k", &again);
  new = scene_next (&scene);
  held_return (new, 2);
  caller_gets (again, 2);
  held_return (old, 1);
  scene_assert_idle (&scene);
}

/* What a flight began and did not wait for is no part of it when it has landed. */
static void
call_outlives_flight (void)
{
  g_auto (Scene) scene;
  Held *flight, *child, *new;
  Caller *first, *again;
  g_autoptr (SmartFuture) future = NULL;

  scene_init (&scene, BODY_ASYNC);
  first = caller_start (&scene, VIA_ASYNC, "k");
  flight = scene_next (&scene);
  smart_call_enter (flight->call);
  smart_context_push_mode (SMART_MODE_ASYNC);
  future = smart_async_func_callv (scene.func, NULL, NULL, 0, NULL);
  smart_context_pop_mode ();
  smart_call_leave (flight->call);
  child = scene_next (&scene);

  /* Until then it is. */
  resume_and_ask (&scene, child->call, "k", &again);
  caller_fails (again, SMART_ERROR, SMART_ERROR_RECURSION);
  held_return (flight, 1);
  caller_gets (first, 1);

  resume_and_ask (&scene, child->call, "k", &again);
  new = scene_next (&scene);
  held_return (new, 2);
  caller_gets (again, 2);
  held_return (child, 3);
  g_assert_cmpint (smart_future_get_int (future, NULL), ==, 3);
  g_assert_cmpuint (smart_lock_get_n_flights (scene.lock), ==, 0);
}

/* Nobody but the flight holds the lock. */
static void
dropped_lock (void)
{
  g_auto (Scene) scene;
  SmartLock *lock = smart_lock_new ();
  gpointer watched = lock;
  g_autoptr (SmartFuture) future = NULL;

  scene_init (&scene, BODY_ASYNC);
  g_object_add_weak_pointer (G_OBJECT (lock), &watched);
  smart_context_push_mode (SMART_MODE_ASYNC);
  future = smart_lock_run_once (lock, NULL, scene.func, NULL, NULL, 0, NULL);
  smart_context_pop_mode ();
  g_object_unref (lock);
  g_assert_nonnull (watched);

  held_return (scene_next (&scene), 5);
  g_assert_cmpint (smart_future_get_int (future, NULL), ==, 5);
  g_assert_null (watched);
}

/* To drop the future is not to leave. */
static void
dropped_future (void)
{
  g_auto (Scene) scene;
  SmartFuture *future;
  Held *held;
  Caller *other;

  scene_init (&scene, BODY_ASYNC);
  smart_context_push_mode (SMART_MODE_ASYNC);
  future = smart_lock_run_once (scene.lock, "k", scene.func, NULL, NULL, 0, NULL);
  smart_context_pop_mode ();
  g_object_unref (future);
  held = scene_next (&scene);
  g_assert_cmpuint (smart_lock_get_n_waiters (scene.lock), ==, 1);
  g_assert_false (held_is_cancelled (held));

  other = caller_start (&scene, VIA_THREAD, "k");
  scene_wait_for_waiters (&scene, 2);
  held_return (held, 1);
  caller_gets (other, 1);
  scene_assert_idle (&scene);
}

/* To cancel it is. */
static void
cancelled_future (void)
{
  g_auto (Scene) scene;
  g_autoptr (SmartFuture) one = NULL;
  g_autoptr (SmartFuture) two = NULL;
  g_autoptr (GError) error = NULL;
  Held *held;

  scene_init (&scene, BODY_ASYNC);
  smart_context_push_mode (SMART_MODE_ASYNC);
  one = smart_lock_run_once (scene.lock, "k", scene.func, NULL, NULL, 0, NULL);
  two = smart_lock_run_once (scene.lock, "k", scene.func, NULL, NULL, 0, NULL);
  smart_context_pop_mode ();
  held = scene_next (&scene);

  smart_future_cancel (one);
  g_assert_false (smart_future_get_value (one, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_cmpint (smart_future_get_status (two), ==, SMART_FUTURE_PENDING);
  g_assert_false (held_is_cancelled (held));
  smart_future_cancel (two);
  g_assert_true (held_is_cancelled (held));
  held_return (held, 1);
  scene_assert_idle (&scene);
}

/* This very thread would have to iterate for it. */
static void
join_own_thread (void)
{
  g_auto (Scene) scene;
  g_autoptr (GError) error = NULL;
  Held *held;
  Caller *first;

  scene_init (&scene, BODY_ASYNC);
  g_assert_true (g_main_context_acquire (scene.context));
  first = caller_start (&scene, VIA_ASYNC, "k");
  held = scene_next (&scene);
  g_assert_false (
      smart_lock_run_once_sync (scene.lock, "k", scene.func, NULL, NULL, 0, NULL, NULL, &error));
  g_assert_error (error, SMART_ERROR, SMART_ERROR_WOULD_DEADLOCK);
  g_main_context_release (scene.context);

  /* Who was refused does not count, and the flight goes on. */
  g_assert_cmpuint (smart_lock_get_n_waiters (scene.lock), ==, 1);
  g_assert_false (held_is_cancelled (held));
  held_return (held, 1);
  caller_gets (first, 1);
  scene_assert_idle (&scene);
}

/* Likewise: it does, for the flight, and this is in a source that it dispatches. */
static gboolean
join_in_source (gpointer data)
{
  Scene *scene = data;
  Held *held = scene_next (scene);
  g_autoptr (GError) error = NULL;

  g_assert_false (
      smart_lock_run_once_sync (scene->lock, "k", scene->func, NULL, NULL, 0, NULL, NULL, &error));
  g_assert_error (error, SMART_ERROR, SMART_ERROR_WOULD_DEADLOCK);
  g_assert_cmpuint (smart_lock_get_n_waiters (scene->lock), ==, 1);
  held_return (held, 1);

  return G_SOURCE_REMOVE;
}

static void
join_inside_first (void)
{
  g_auto (Scene) scene;
  g_auto (GValue) value = G_VALUE_INIT;
  g_autoptr (GError) error = NULL;
  g_autoptr (GSource) source = g_idle_source_new ();

  scene_init (&scene, BODY_ASYNC);
  smart_async_func_set_main_context_policy (scene.func, SMART_MAIN_CONTEXT_CURRENT);
  g_source_set_callback (source, join_in_source, &scene, NULL);
  g_source_attach (source, scene.context);
  g_assert_true (
      smart_lock_run_once_sync (scene.lock, "k", scene.func, NULL, NULL, 0, NULL, &value, &error));
  g_assert_no_error (error);
  g_assert_cmpint (g_value_get_int (&value), ==, 1);
  scene_assert_idle (&scene);
}

static void
body_drop (SmartCall *call, gpointer data)
{
}

static void
body_int (SmartCall *call, gpointer data)
{
  smart_call_return_int (call, 42);
}

static void
run_and_fail (SmartLock *lock, SmartAsyncFunc *func, GQuark domain, int code)
{
  g_autoptr (GError) error = NULL;
  g_auto (GValue) value = G_VALUE_INIT;

  g_assert_false (smart_lock_run_once_sync (lock, "k", func, NULL, NULL, 0, NULL, &value, &error));
  g_assert_error (error, domain, code);
  g_assert_true (G_VALUE_HOLDS_BOOLEAN (&value));
  g_assert_cmpuint (smart_lock_get_n_flights (lock), ==, 0);
  g_assert_cmpuint (smart_lock_get_n_waiters (lock), ==, 0);
}

static void
run_and_get (SmartLock *lock, SmartAsyncFunc *func)
{
  g_autoptr (GError) error = NULL;
  g_auto (GValue) value = G_VALUE_INIT;

  g_assert_true (smart_lock_run_once_sync (lock, "k", func, NULL, NULL, 0, NULL, &value, &error));
  g_assert_no_error (error);
  g_assert_cmpint (g_value_get_int (&value), ==, 42);
}

/* It lands without a body, or without a result; the key is free each time. */
static void
no_result (void)
{
  const GType params[] = { G_TYPE_INT };
  g_autoptr (SmartLock) lock = smart_lock_new ();
  g_autoptr (SmartAsyncFunc) drops = smart_async_func_new (body_drop, NULL, NULL);
  g_autoptr (SmartAsyncFunc) drops_blocking = smart_async_func_new_blocking (body_drop, NULL, NULL);
  g_autoptr (SmartAsyncFunc) wants = smart_async_func_new (body_int, NULL, NULL);
  g_autoptr (SmartAsyncFunc) bare = g_object_new (SMART_TYPE_ASYNC_FUNC, NULL);
  g_autoptr (SmartAsyncFunc) works = smart_async_func_new (body_int, NULL, NULL);

  smart_async_func_set_signature (wants, G_TYPE_INT, params, 1);
  run_and_fail (lock, drops, SMART_ERROR, SMART_ERROR_NOT_RETURNED);
  run_and_fail (lock, drops_blocking, SMART_ERROR, SMART_ERROR_NOT_RETURNED);
  run_and_fail (lock, wants, SMART_ERROR, SMART_ERROR_INVALID_ARGUMENTS);
  run_and_fail (lock, bare, SMART_ERROR, SMART_ERROR_INVALID_ARGUMENTS);
  run_and_get (lock, works);
  g_assert_cmpuint (smart_lock_get_n_calls (lock), ==, 5);
}

static gboolean
was_cancelled (gpointer held)
{
  return held_is_cancelled (held);
}

/* The deadline is the flight's: all who wait hear of it. */
static void
deadline (void)
{
  g_auto (Scene) scene;
  Held *held;
  Caller *first, *other;

  scene_init (&scene, BODY_BLOCKING);
  smart_async_func_set_timeout (scene.func, (guint) (smart_test_bound (G_TIME_SPAN_SECOND) / 1000));
  first = caller_start (&scene, VIA_THREAD, "k");
  held = scene_next (&scene);
  other = caller_start (&scene, VIA_THREAD, "k");
  scene_wait_for_waiters (&scene, 2);
  caller_fails (first, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  caller_fails (other, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  /* Those who wait are told first. */
  smart_test_wait_until (was_cancelled, held);
  scene_assert_idle (&scene);
  held_return (held, 1);
}

/* A pool, a loop, and a function with a limit. */
static void
places (void)
{
  g_autoptr (SmartLock) lock = smart_lock_new ();
  g_autoptr (SmartExecutor) pool = smart_executor_new_pool ("pool", 1);
  g_autoptr (SmartExecutor) loop = smart_executor_new_loop ("loop");
  g_autoptr (SmartAsyncFunc) in_pool = smart_async_func_new_blocking (body_int, NULL, NULL);
  g_autoptr (SmartAsyncFunc) in_loop = smart_async_func_new (body_int, NULL, NULL);
  g_autoptr (SmartAsyncFunc) limited = smart_async_func_new (body_int, NULL, NULL);

  smart_async_func_set_executor (in_pool, pool);
  smart_async_func_set_executor (in_loop, loop);
  smart_async_func_set_max_concurrency (limited, 1);
  for (guint n = 0; n < 20; n++)
    {
      run_and_get (lock, in_pool);
      run_and_get (lock, in_loop);
      run_and_get (lock, limited);
    }
  g_assert_cmpuint (smart_lock_get_n_executions (lock), ==, 60);
}

/* A flight that waits for a turn and that nobody waits for never begins. */
static void
cancelled_in_queue (void)
{
  g_auto (Scene) scene;
  Held *held;
  Caller *one, *two, *three;

  scene_init (&scene, BODY_BLOCKING);
  smart_async_func_set_max_concurrency (scene.func, 1);
  one = caller_start (&scene, VIA_ASYNC, "one");
  held = scene_next (&scene);
  two = caller_start (&scene, VIA_ASYNC, "two");
  three = caller_start (&scene, VIA_THREAD, "two");
  scene_wait_for_waiters (&scene, 3);
  caller_cancel (two);
  caller_fails (two, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_cmpuint (smart_lock_get_n_flights (scene.lock), ==, 2);
  caller_cancel (three);
  caller_fails (three, G_IO_ERROR, G_IO_ERROR_CANCELLED);

  held_return (held, 1);
  caller_gets (one, 1);
  g_assert_cmpint (scene.n_begun, ==, 1);
}

static void
body_nested (SmartCall *call, gpointer data)
{
  Scene *scene = data;
  g_autoptr (SmartFuture) inner =
      smart_lock_run_once (scene->lock, "inner", scene->func, NULL, NULL, 0, NULL);

  smart_call_return_future (call, inner);
}

/* Who asks in a body leaves when that is cancelled. */
static void
inherited (void)
{
  g_auto (Scene) scene;
  g_autoptr (SmartAsyncFunc) outer = NULL;
  g_autoptr (SmartFuture) future = NULL;
  Held *held;

  scene_init (&scene, BODY_ASYNC);
  outer = smart_async_func_new (body_nested, &scene, NULL);
  smart_context_push_mode (SMART_MODE_ASYNC);
  g_main_context_acquire (scene.context);
  future = smart_async_func_callv (outer, NULL, NULL, 0, NULL);
  g_main_context_release (scene.context);
  smart_context_pop_mode ();
  held = scene_next (&scene);
  g_assert_cmpuint (smart_lock_get_n_waiters (scene.lock), ==, 1);

  smart_future_cancel (future);
  g_assert_cmpuint (smart_lock_get_n_waiters (scene.lock), ==, 0);
  g_assert_true (held_is_cancelled (held));
  held_return (held, 1);
}

/* A function that a lock has run is as immutable as one that was called. */
static void
immutable (gconstpointer data)
{
  g_autoptr (SmartLock) lock = smart_lock_new ();
  g_autoptr (SmartAsyncFunc) func = smart_async_func_new (body_int, NULL, NULL);

  smart_async_func_set_timeout (func, 1000);
  run_and_get (lock, func);
  smart_test_expect_critical ("*was called*", smart_async_func_set_timeout (func, 1));
}

/* Several threads call one blocking function through one key, each in a context of its own:
 * they join flights that are being made, and such as have just settled. */

#define N_JOINERS 4

typedef struct
{
  SmartLock *lock;
  SmartAsyncFunc *func;
  gboolean may_leave; /* then he has an outcome of his own */
  guint n_calls;
  guint n_back;
} Joiner;

static void
one_body (SmartCall *call, gpointer data)
{
  smart_call_return_uint (call, 1);
}

static void
joiner_ready (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Joiner *joiner = user_data;
  g_auto (GValue) value = G_VALUE_INIT;
  g_autoptr (GError) error = NULL;

  g_assert_true (smart_lock_run_once_finish (joiner->lock, result, &value, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (g_value_get_uint (&value), ==, 1);
  joiner->n_back++;
}

static gpointer
join_often (gpointer data)
{
  Joiner *joiner = data;
  g_autoptr (GMainContext) context = g_main_context_new ();
  g_autoptr (GCancellable) cancellable = joiner->may_leave ? g_cancellable_new () : NULL;

  g_main_context_push_thread_default (context);
  for (guint n = 0; n < joiner->n_calls; n++)
    {
      smart_lock_run_once_async (joiner->lock, "one", joiner->func, NULL, NULL, 0, cancellable,
                                 joiner_ready, joiner);
      while (joiner->n_back == n)
        g_main_context_iteration (context, TRUE);
    }
  g_main_context_pop_thread_default (context);

  return NULL;
}

static void
joined_while_made (void)
{
  g_autoptr (SmartLock) lock = smart_lock_new ();
  g_autoptr (SmartAsyncFunc) func = smart_async_func_new_blocking (one_body, NULL, NULL);
  Joiner joiners[N_JOINERS];
  GThread *threads[N_JOINERS];

  for (guint i = 0; i < N_JOINERS; i++)
    {
      joiners[i] = (Joiner) { lock, func, i % 2 == 0, smart_test_scale (10000, 500) };
      threads[i] = g_thread_new ("joiner", join_often, &joiners[i]);
    }
  for (guint i = 0; i < N_JOINERS; i++)
    {
      g_thread_join (threads[i]);
      g_assert_cmpuint (joiners[i].n_back, ==, joiners[i].n_calls);
    }

  g_assert_cmpuint (smart_lock_get_n_flights (lock), ==, 0);
  g_assert_cmpuint (smart_lock_get_n_waiters (lock), ==, 0);
}

int
main (int argc, char **argv)
{
  smart_test_init (&argc, &argv);

  smart_test_add ("/lock/body-outlives-reset", body_outlives_reset);
  smart_test_add ("/lock/call-outlives-flight", call_outlives_flight);
  smart_test_add ("/lock/dropped-lock", dropped_lock);
  smart_test_add ("/lock/dropped-future", dropped_future);
  smart_test_add ("/lock/cancelled-future", cancelled_future);
  smart_test_add ("/lock/join-own-thread", join_own_thread);
  smart_test_add ("/lock/join-inside-first", join_inside_first);
  smart_test_add ("/lock/no-result", no_result);
  smart_test_add ("/lock/deadline", deadline);
  smart_test_add ("/lock/places", places);
  smart_test_add ("/lock/cancelled-in-queue", cancelled_in_queue);
  smart_test_add ("/lock/inherited", inherited);
  smart_test_add ("/lock/joined-while-made", joined_while_made);
  smart_test_add_subprocess ("/lock/immutable", NULL, immutable, NULL);

  return g_test_run ();
}
