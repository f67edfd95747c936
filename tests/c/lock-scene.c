/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "lock-scene.h"

static void
held_free (Held *held)
{
  g_object_unref (held->call);
  smart_test_gate_clear (&held->gate);
  g_free (held);
}

static Held *
held_new (SmartCall *call, gboolean blocking)
{
  Held *held = g_new0 (Held, 1);

  held->call = g_object_ref (call);
  held->thread = g_thread_self ();
  held->blocking = blocking;
  held->error = -1;
  smart_test_gate_init (&held->gate);

  return held;
}

/* Takes @held. */
static void
held_end (Held *held)
{
  if (held->error >= 0)
    smart_call_return_new_error_literal (held->call, G_IO_ERROR, held->error, "As told");
  else if (held->object != NULL)
    smart_call_return_object (held->call, held->object);
  else
    smart_call_return_int (held->call, held->result);
  held_free (held);
}

static void
body_async (SmartCall *call, gpointer data)
{
  Scene *scene = data;

  g_atomic_int_inc (&scene->n_begun);
  g_async_queue_push (scene->executions, held_new (call, FALSE));
}

static void
body_blocking (SmartCall *call, gpointer data)
{
  Scene *scene = data;
  Held *held = held_new (call, TRUE);

  g_atomic_int_inc (&scene->n_begun);
  g_async_queue_push (scene->executions, held);
  smart_test_gate_wait (&held->gate);
  held_end (held);
}

void
scene_init (Scene *scene, SceneBody body)
{
  scene->lock = smart_lock_new ();
  scene->func = body == BODY_ASYNC ? smart_async_func_new (body_async, scene, NULL)
                                   : smart_async_func_new_blocking (body_blocking, scene, NULL);
  scene->executions = g_async_queue_new ();
  scene->n_begun = 0;

  scene->pushed = !smart_test_on_main_thread ();
  scene->context =
      scene->pushed ? g_main_context_new () : g_main_context_ref (g_main_context_default ());
  if (scene->pushed)
    g_main_context_push_thread_default (scene->context);
}

typedef struct
{
  GMainContext *context;
  GWeakRef *weak;
} Leftover;

/* A worker may be on its way here with the last of it. */
static gboolean
is_gone (gpointer data)
{
  Leftover *leftover = data;

  while (g_main_context_iteration (leftover->context, FALSE))
    ;

  return smart_test_is_gone (leftover->weak);
}

/**
 * scene_wait_until_gone:
 * @weak: a reference to an object which nobody should hold any more
 */
void
scene_wait_until_gone (Scene *scene, GWeakRef *weak)
{
  Leftover leftover = { scene->context, weak };

  smart_test_wait_until (is_gone, &leftover);
}

/**
 * scene_clear:
 *
 * Every execution was let go, and nothing holds the lock.
 */
void
scene_clear (Scene *scene)
{
  GWeakRef lock;

  g_assert_null (g_async_queue_try_pop (scene->executions));
  g_async_queue_unref (scene->executions);
  g_weak_ref_init (&lock, scene->lock);
  g_object_unref (scene->lock);
  g_object_unref (scene->func);
  scene_wait_until_gone (scene, &lock);
  g_weak_ref_clear (&lock);

  if (scene->pushed)
    g_main_context_pop_thread_default (scene->context);
  g_main_context_unref (scene->context);
}

/**
 * scene_next:
 *
 * Returns: an execution that has begun; held_return () ends it
 */
Held *
scene_next (Scene *scene)
{
  Held *held = g_async_queue_timeout_pop (scene->executions,
                                          (guint64) smart_test_bound (SMART_TEST_DEADLINE_USEC));

  g_assert_nonnull (held);

  return held;
}

typedef struct
{
  Scene *scene;
  guint n;
} ExpectedWaiters;

static gboolean
there_are_waiters (gpointer data)
{
  ExpectedWaiters *expected = data;

  return smart_lock_get_n_waiters (expected->scene->lock) == expected->n;
}

void
scene_wait_for_waiters (Scene *scene, guint n)
{
  ExpectedWaiters expected = { scene, n };

  smart_test_wait_until (there_are_waiters, &expected);
}

/**
 * scene_assert_idle:
 *
 * Nobody waits, and nothing is under way: at once, when the last caller is back.
 */
void
scene_assert_idle (Scene *scene)
{
  g_assert_cmpuint (smart_lock_get_n_waiters (scene->lock), ==, 0);
  g_assert_cmpuint (smart_lock_get_n_flights (scene->lock), ==, 0);
  g_assert_cmpuint (smart_lock_get_n_executions (scene->lock), ==,
                    (guint) g_atomic_int_get (&scene->n_begun));
}

/* Takes @held, by its body if it is one that blocks. */
static void
held_go (Held *held)
{
  if (held->blocking)
    smart_test_gate_open (&held->gate);
  else
    held_end (held);
}

void
held_return (Held *held, int result)
{
  held->result = result;
  held_go (held);
}

/**
 * held_return_object:
 * @object: (transfer full): what it returns
 */
void
held_return_object (Held *held, GObject *object)
{
  held->object = object;
  held_go (held);
}

void
held_fail (Held *held, int code)
{
  held->error = code;
  held_go (held);
}

gboolean
held_is_cancelled (Held *held)
{
  return g_cancellable_is_cancelled (smart_call_get_cancellable (held->call));
}

static void
caller_ready (GObject *source, GAsyncResult *result, gpointer data)
{
  Caller *caller = data;

  g_assert_true (source == G_OBJECT (caller->scene->lock));
  g_assert_true (g_main_context_is_owner (caller->scene->context));
  caller->ok =
      smart_lock_run_once_finish (caller->scene->lock, result, &caller->value, &caller->error);
  g_atomic_int_set (&caller->over, TRUE);
}

static gpointer
caller_main (gpointer data)
{
  Caller *caller = data;

  caller->ok =
      smart_lock_run_once_sync (caller->scene->lock, caller->key, caller->scene->func, NULL, NULL,
                                0, caller->cancellable, &caller->value, &caller->error);
  g_atomic_int_set (&caller->over, TRUE);
  g_main_context_wakeup (caller->scene->context);

  return NULL;
}

static Caller *
start (Scene *scene, Via via, const char *key, gboolean cancelled)
{
  Caller *caller = g_new0 (Caller, 1);

  caller->scene = scene;
  caller->key = key;
  caller->via = via;
  caller->cancellable = g_cancellable_new ();
  if (cancelled)
    g_cancellable_cancel (caller->cancellable);

  if (via == VIA_THREAD)
    {
      caller->thread = g_thread_new ("caller", caller_main, caller);
    }
  else
    {
      smart_lock_run_once_async (scene->lock, key, scene->func, NULL, NULL, 0, caller->cancellable,
                                 caller_ready, caller);
      g_assert_false (caller->over);
    }

  return caller;
}

/**
 * caller_start:
 *
 * Returns: one who has asked, or is about to on a thread of his own; caller_gets () or
 *   caller_fails () frees him
 */
Caller *
caller_start (Scene *scene, Via via, const char *key)
{
  return start (scene, via, key, FALSE);
}

/**
 * caller_start_cancelled:
 *
 * Returns: one who was cancelled before he asks
 */
Caller *
caller_start_cancelled (Scene *scene, Via via, const char *key)
{
  return start (scene, via, key, TRUE);
}

gboolean
caller_is_over (Caller *caller)
{
  return g_atomic_int_get (&caller->over);
}

void
caller_cancel (Caller *caller)
{
  g_cancellable_cancel (caller->cancellable);
}

/**
 * caller_wait:
 *
 * Until he is back.
 */
void
caller_wait (Caller *caller)
{
  smart_test_iterate_until_set (caller->scene->context, &caller->over);
  g_clear_pointer (&caller->thread, g_thread_join);
}

static void
caller_free (Caller *caller)
{
  g_value_unset (&caller->value);
  g_clear_error (&caller->error);
  g_object_unref (caller->cancellable);
  g_free (caller);
}

/**
 * caller_gets:
 * @caller: (transfer full): who gets @expected now
 */
void
caller_gets (Caller *caller, int expected)
{
  caller_wait (caller);
  g_assert_no_error (caller->error);
  g_assert_true (caller->ok);
  g_assert_cmpint (g_value_get_int (&caller->value), ==, expected);
  caller_free (caller);
}

/**
 * caller_gets_object:
 * @caller: (transfer full): who gets @expected now
 */
void
caller_gets_object (Caller *caller, GObject *expected)
{
  caller_wait (caller);
  g_assert_no_error (caller->error);
  g_assert_true (g_value_get_object (&caller->value) == expected);
  caller_free (caller);
}

/**
 * caller_fails:
 * @caller: (transfer full): who gets that error now
 */
void
caller_fails (Caller *caller, GQuark domain, int code)
{
  caller_wait (caller);
  g_assert_false (caller->ok);
  g_assert_error (caller->error, domain, code);
  caller_free (caller);
}
