/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The contract's section L: the lock. */

#include "lock-scene.h"

#include <string.h>

/* The combinations of a body, a first caller and others who join. */

typedef void (*Scenario) (Scene *scene, Via first, Via others);

static void
run_scenario (gconstpointer data)
{
  Scenario scenario = *(const Scenario *) data;

  for (SceneBody body = 0; body < N_BODIES; body++)
    for (Via first = 0; first < N_VIAS; first++)
      for (Via others = 0; others < N_VIAS; others++)
        {
          g_auto (Scene) scene;

          scene_init (&scene, body);
          scenario (&scene, first, others);
        }
}

static void
add_scenario (const char *path, const Scenario *scenario)
{
  smart_test_add_data (path, scenario, run_scenario);
}

#define add(clause, scenario) \
  G_STMT_START \
    { \
      static const Scenario scenario_ = (scenario); \
\
      add_scenario ("/contract/" clause, &scenario_); \
    } \
  G_STMT_END

/* A first caller, whose flight has begun. */
static Caller *
start_first (Scene *scene, Via via, const char *key, Held **held)
{
  Caller *first = caller_start (scene, via, key);

  *held = scene_next (scene);

  return first;
}

/* One more, who has joined. */
static Caller *
join (Scene *scene, Via via, const char *key)
{
  guint n = smart_lock_get_n_waiters (scene->lock);
  Caller *caller = caller_start (scene, via, key);

  scene_wait_for_waiters (scene, n + 1);

  return caller;
}

/* L1: many at once */

typedef enum
{
  ONE_THREAD,
  MANY_THREADS,
  MIXED,
  N_MODES
} Mode;

/* A crowd, and the function that waits until all of it is there. */
typedef struct
{
  SmartLock *lock;
  SmartAsyncFunc *func;
  GMainContext *context;
  guint n;
  int n_begun; /* atomic */
  int n_over;  /* atomic */
  GMutex mutex;
  GHashTable *seen; /* mutex: the memory of each one's result */
  GThread **threads;
} Crowd;

static gboolean
crowd_is_there (gpointer data)
{
  Crowd *crowd = data;

  return smart_lock_get_n_waiters (crowd->lock) == crowd->n;
}

static void
crowd_return (Crowd *crowd, SmartCall *call)
{
  smart_call_return_string (call, g_strdup ("the result"));
}

typedef struct
{
  Crowd *crowd;
  SmartCall *call;
} CrowdCheck;

static gboolean
crowd_check (gpointer data)
{
  CrowdCheck *check = data;

  if (!crowd_is_there (check->crowd))
    return G_SOURCE_CONTINUE;

  crowd_return (check->crowd, check->call);
  return G_SOURCE_REMOVE;
}

static void
crowd_check_free (gpointer data)
{
  CrowdCheck *check = data;

  g_object_unref (check->call);
  g_free (check);
}

static void
crowd_body_async (SmartCall *call, gpointer data)
{
  CrowdCheck *check = g_new0 (CrowdCheck, 1);
  Crowd *crowd = data;

  g_atomic_int_inc (&crowd->n_begun);
  check->crowd = crowd;
  check->call = g_object_ref (call);
  smart_call_add_timeout (call, 1, crowd_check, check, crowd_check_free);
}

static void
crowd_body_blocking (SmartCall *call, gpointer data)
{
  Crowd *crowd = data;

  g_atomic_int_inc (&crowd->n_begun);
  smart_test_wait_until (crowd_is_there, crowd);
  crowd_return (crowd, call);
}

/* One of the crowd has his result, which is his alone: it is kept until all have
 * theirs, so that no memory is used twice. */
static void
crowd_got (Crowd *crowd, gboolean ok, GValue *value, const GError *error)
{
  char *string;

  g_assert_no_error (error);
  g_assert_true (ok);
  g_assert_cmpstr (g_value_get_string (value), ==, "the result");
  string = (char *) g_value_get_string (value);
  g_mutex_lock (&crowd->mutex);
  g_assert_true (g_hash_table_add (crowd->seen, string));
  g_mutex_unlock (&crowd->mutex);
  memset (value, 0, sizeof (GValue));
  g_atomic_int_inc (&crowd->n_over);
  g_main_context_wakeup (crowd->context);
}

static void
crowd_ready (GObject *source, GAsyncResult *result, gpointer data)
{
  Crowd *crowd = data;
  GValue value = G_VALUE_INIT;
  GError *error = NULL;
  gboolean ok;

  ok = smart_lock_run_once_finish (SMART_LOCK (source), result, &value, &error);
  crowd_got (crowd, ok, &value, error);
}

static gpointer
crowd_thread (gpointer data)
{
  Crowd *crowd = data;
  GValue value = G_VALUE_INIT;
  GError *error = NULL;
  gboolean ok;

  ok = smart_lock_run_once_sync (crowd->lock, "key", crowd->func, NULL, NULL, 0, NULL, &value,
                                 &error);
  crowd_got (crowd, ok, &value, error);

  return NULL;
}

static gboolean
crowd_is_on_thread (Mode mode, guint n)
{
  return mode == MANY_THREADS || (mode == MIXED && n % 2 == 1);
}

static void
crowd_begin (Crowd *crowd, Mode mode)
{
  for (guint n = 0; n < crowd->n; n++)
    {
      if (crowd_is_on_thread (mode, n))
        crowd->threads[n] = g_thread_new ("one of many", crowd_thread, crowd);
      else
        smart_lock_run_once_async (crowd->lock, "key", crowd->func, NULL, NULL, 0, NULL,
                                   crowd_ready, crowd);
    }
}

static gboolean
crowd_is_over (gpointer data)
{
  Crowd *crowd = data;

  return (guint) g_atomic_int_get (&crowd->n_over) == crowd->n;
}

static void
crowd_run (Mode mode, SceneBody body, guint n)
{
  Crowd crowd = { 0 };

  crowd.lock = smart_lock_new ();
  crowd.func = body == BODY_ASYNC
                   ? smart_async_func_new (crowd_body_async, &crowd, NULL)
                   : smart_async_func_new_blocking (crowd_body_blocking, &crowd, NULL);
  crowd.n = n;
  crowd.threads = g_new0 (GThread *, n);
  crowd.seen = g_hash_table_new_full (NULL, NULL, g_free, NULL);
  g_mutex_init (&crowd.mutex);
  crowd.context = smart_test_on_main_thread () ? g_main_context_ref (g_main_context_default ())
                                               : g_main_context_new ();
  if (!smart_test_on_main_thread ())
    g_main_context_push_thread_default (crowd.context);

  crowd_begin (&crowd, mode);
  smart_test_iterate_until (crowd.context, crowd_is_over, &crowd);
  for (guint i = 0; i < n; i++)
    if (crowd.threads[i] != NULL)
      g_thread_join (crowd.threads[i]);

  g_assert_cmpint (crowd.n_begun, ==, 1);
  g_assert_cmpuint (smart_lock_get_n_executions (crowd.lock), ==, 1);
  g_assert_cmpuint (smart_lock_get_n_calls (crowd.lock), ==, n);
  g_assert_cmpuint (g_hash_table_size (crowd.seen), ==, n);

  if (!smart_test_on_main_thread ())
    g_main_context_pop_thread_default (crowd.context);
  g_main_context_unref (crowd.context);
  g_mutex_clear (&crowd.mutex);
  g_hash_table_unref (crowd.seen);
  g_free (crowd.threads);
  g_object_unref (crowd.func);
  g_object_unref (crowd.lock);
}

static void
crowd_run_bodies (Mode mode, guint n)
{
  for (SceneBody body = 0; body < N_BODIES; body++)
    crowd_run (mode, body, n);
}

static void
test_one_thread (void)
{
  crowd_run_bodies (ONE_THREAD, 100);
}

static void
test_many_threads (void)
{
  crowd_run_bodies (MANY_THREADS, 100);
}

static void
test_mixed (void)
{
  crowd_run_bodies (MIXED, 100);
}

static void
test_thousand (void)
{
  for (Mode mode = 0; mode < N_MODES; mode++)
    crowd_run_bodies (mode, smart_test_scale (1000, 60));
}

/* It is one execution however often it is tried, and nobody starts a second one
 * because he comes at the very moment of the first. */
static void
test_one_execution (void)
{
  for (guint round = 0; round < smart_test_scale (50, 5); round++)
    crowd_run_bodies (MIXED, 8);
}

static void
test_function_waits (void)
{
  for (guint n = 1; n < 10; n++)
    crowd_run_bodies (MIXED, n);
}

/* Each has a reference of his own to the one object, and nothing else has. */
static void
scenario_own_references (Scene *scene, Via first, Via others)
{
  Held *held;
  Caller *callers[3];
  GObject *object = g_object_new (G_TYPE_OBJECT, NULL);
  GWeakRef watched;

  g_weak_ref_init (&watched, object);
  callers[0] = start_first (scene, first, "k", &held);
  callers[1] = join (scene, others, "k");
  callers[2] = join (scene, others, "k");
  held_return_object (held, object);
  for (guint n = 0; n < 3; n++)
    {
      g_assert_false (smart_test_is_gone (&watched));
      caller_gets_object (callers[n], object);
    }
  scene_wait_until_gone (scene, &watched);
  g_weak_ref_clear (&watched);
}

static void
test_own_results (void)
{
  static const Scenario scenario = scenario_own_references;

  run_scenario (&scenario);
  crowd_run_bodies (MIXED, 20);
}

/* L2 */

static void
scenario_again (Scene *scene, Via first, Via others)
{
  for (int round = 1; round <= 3; round++)
    {
      Held *held;
      Caller *caller = start_first (scene, first, "k", &held);
      Caller *other = join (scene, others, "k");

      held_return (held, round);
      caller_gets (caller, round);
      caller_gets (other, round);
      g_assert_cmpuint (smart_lock_get_n_executions (scene->lock), ==, (guint) round);
      scene_assert_idle (scene);
    }
}

static void
scenario_error (Scene *scene, Via first, Via others)
{
  Held *held;
  Caller *callers[3];

  callers[0] = start_first (scene, first, "k", &held);
  callers[1] = join (scene, others, "k");
  callers[2] = join (scene, others, "k");
  held_fail (held, G_IO_ERROR_NOT_FOUND);
  for (guint n = 0; n < 3; n++)
    caller_fails (callers[n], G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
  g_assert_cmpint (scene->n_begun, ==, 1);
  scene_assert_idle (scene);
}

static void
scenario_error_not_kept (Scene *scene, Via first, Via others)
{
  Held *held;
  Caller *caller;

  scenario_error (scene, first, others);
  caller = start_first (scene, others, "k", &held);
  held_return (held, 7);
  caller_gets (caller, 7);
  g_assert_cmpint (scene->n_begun, ==, 2);
}

/* L3 */

static void
scenario_waiter_leaves (Scene *scene, Via first, Via others)
{
  Held *held;
  Caller *leader = start_first (scene, first, "k", &held);
  Caller *leaver = join (scene, others, "k");
  Caller *sibling = join (scene, others, "k");

  caller_cancel (leaver);
  caller_fails (leaver, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_cmpuint (smart_lock_get_n_waiters (scene->lock), ==, 2);
  g_assert_cmpuint (smart_lock_get_n_flights (scene->lock), ==, 1);
  g_assert_false (held_is_cancelled (held));
  g_assert_false (caller_is_over (leader));
  g_assert_false (caller_is_over (sibling));

  held_return (held, 1);
  caller_gets (leader, 1);
  caller_gets (sibling, 1);
  g_assert_cmpint (scene->n_begun, ==, 1);
  scene_assert_idle (scene);
}

static void
scenario_first_leaves (Scene *scene, Via first, Via others)
{
  Held *held;
  Caller *leader = start_first (scene, first, "k", &held);
  Caller *one = join (scene, others, "k");
  Caller *two = join (scene, others, "k");

  caller_cancel (leader);
  scene_wait_for_waiters (scene, 2);
  if (first == VIA_ASYNC)
    caller_fails (leader, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_false (held_is_cancelled (held));
  g_assert_cmpuint (smart_lock_get_n_flights (scene->lock), ==, 1);

  held_return (held, 2);
  caller_gets (one, 2);
  caller_gets (two, 2);
  if (first == VIA_THREAD)
    caller_fails (leader, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_cmpint (scene->n_begun, ==, 1);
  scene_assert_idle (scene);
}

static void
scenario_first_in_sync (Scene *scene, Via first, Via others)
{
  Held *held;
  Caller *leader = start_first (scene, VIA_THREAD, "k", &held);
  Caller *other = join (scene, others, "k");

  /* He runs it himself, and so to its end. */
  g_assert_true (held->thread == leader->thread);
  caller_cancel (leader);
  scene_wait_for_waiters (scene, 1);
  g_assert_false (caller_is_over (leader));
  g_assert_false (held_is_cancelled (held));

  held_return (held, 3);
  caller_gets (other, 3);
  caller_fails (leader, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_cmpint (scene->n_begun, ==, 1);
}

static void
scenario_last_leaves (Scene *scene, Via first, Via others)
{
  Held *held;
  Caller *leader = start_first (scene, first, "k", &held);
  Caller *other = join (scene, others, "k");
  Caller *last = join (scene, others, "k");

  caller_cancel (leader);
  scene_wait_for_waiters (scene, 2);
  g_assert_false (held_is_cancelled (held));
  caller_cancel (other);
  caller_fails (other, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_false (held_is_cancelled (held));
  caller_cancel (last);
  caller_fails (last, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_true (held_is_cancelled (held));

  held_return (held, 4);
  caller_fails (leader, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_cmpint (scene->n_begun, ==, 1);
}

/* L4 */

typedef void (*Closing) (Scene *scene, Caller *only);

static void
close_by_cancel (Scene *scene, Caller *only)
{
  caller_cancel (only);
}

static void
close_by_forget (Scene *scene, Caller *only)
{
  smart_lock_forget (scene->lock, "k");
}

static void
close_by_reset (Scene *scene, Caller *only)
{
  smart_lock_reset (scene->lock);
}

/* After @closing, a newcomer has a flight of his own, whichever ends first. */
static void
check_newcomer (Scene *scene, Via first, Via others, Closing closing, gboolean new_ends_first)
{
  Held *old, *new;
  Caller *leader = start_first (scene, first, "k", &old);
  Caller *newcomer, *joiner;
  gboolean forgotten = closing == close_by_forget;

  closing (scene, leader);
  g_assert_cmpint (held_is_cancelled (old), ==, !forgotten);
  newcomer = start_first (scene, others, "k", &new);
  joiner = caller_start (scene, first, "k");
  scene_wait_for_waiters (scene, forgotten ? 3 : 2);
  g_assert_cmpint (scene->n_begun, ==, 2);
  g_assert_false (held_is_cancelled (new));

  if (!new_ends_first)
    held_return (old, 1);
  held_return (new, 2);
  caller_gets (newcomer, 2);
  caller_gets (joiner, 2);
  if (new_ends_first)
    held_return (old, 1);
  if (forgotten)
    caller_gets (leader, 1);
  else
    caller_fails (leader, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_cmpint (scene->n_begun, ==, 2);
}

static void
scenario_not_cancelled (Scene *scene, Via first, Via others)
{
  check_newcomer (scene, first, others, close_by_cancel, FALSE);
}

static void
scenario_not_cancelled_late (Scene *scene, Via first, Via others)
{
  check_newcomer (scene, first, others, close_by_cancel, TRUE);
}

/* Whose body cancels itself has not landed, but is not joined any more. */
static void
scenario_cancelled_by_body (Scene *scene, Via first, Via others)
{
  Held *old, *new;
  Caller *leader = start_first (scene, first, "k", &old);
  Caller *newcomer;

  g_cancellable_cancel (smart_call_get_cancellable (old->call));
  newcomer = start_first (scene, others, "k", &new);
  held_return (old, 1);
  held_return (new, 2);
  caller_gets (newcomer, 2);
  caller_fails (leader, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_cmpint (scene->n_begun, ==, 2);
}

static void
scenario_not_forgotten (Scene *scene, Via first, Via others)
{
  check_newcomer (scene, first, others, close_by_forget, FALSE);
}

static void
scenario_not_forgotten_late (Scene *scene, Via first, Via others)
{
  check_newcomer (scene, first, others, close_by_forget, TRUE);
}

static void
scenario_not_reset (Scene *scene, Via first, Via others)
{
  check_newcomer (scene, first, others, close_by_reset, FALSE);
}

static void
scenario_not_reset_late (Scene *scene, Via first, Via others)
{
  check_newcomer (scene, first, others, close_by_reset, TRUE);
}

/* Whoever comes and goes: while one waits, it is the one execution. */
static void
scenario_one_while_live (Scene *scene, Via first, Via others)
{
  Held *held;
  Caller *leader = start_first (scene, first, "k", &held);
  Caller *stays = join (scene, others, "k");

  for (guint n = 0; n < 20; n++)
    {
      Caller *one = join (scene, n % 2 == 0 ? first : others, "k");

      caller_cancel (one);
      caller_fails (one, G_IO_ERROR, G_IO_ERROR_CANCELLED);
      if (n == 10)
        caller_cancel (leader);
    }
  g_assert_cmpint (scene->n_begun, ==, 1);
  g_assert_cmpuint (smart_lock_get_n_executions (scene->lock), ==, 1);
  g_assert_false (held_is_cancelled (held));

  held_return (held, 5);
  caller_gets (stays, 5);
  caller_fails (leader, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_cmpint (scene->n_begun, ==, 1);
  scene_assert_idle (scene);
}

/* L5 */

static void
scenario_keys (Scene *scene, Via first, Via others)
{
  static const char *const keys[] = { "a", "b", "", NULL };
  Held *held[4];
  Caller *leaders[4], *joiners[4];

  for (guint n = 0; n < 4; n++)
    leaders[n] = start_first (scene, first, keys[n], &held[n]);
  for (guint n = 0; n < 4; n++)
    joiners[n] = join (scene, others, keys[n]);
  g_assert_cmpuint (smart_lock_get_n_flights (scene->lock), ==, 4);
  g_assert_cmpint (scene->n_begun, ==, 4);

  for (guint n = 0; n < 4; n++)
    {
      held_return (held[n], (int) n);
      caller_gets (leaders[n], (int) n);
      caller_gets (joiners[n], (int) n);
      g_assert_cmpuint (smart_lock_get_n_flights (scene->lock), ==, 3 - n);
    }
  scene_assert_idle (scene);
}

static void
scenario_forget (Scene *scene, Via first, Via others)
{
  Held *old, *new, *another;
  Caller *leader = start_first (scene, first, "k", &old);
  Caller *joiner = join (scene, others, "k");
  Caller *other_key = start_first (scene, others, "another", &another);
  Caller *newcomer;

  smart_lock_forget (scene->lock, "k");
  smart_lock_forget (scene->lock, "k");
  smart_lock_forget (scene->lock, "of no flight");
  newcomer = start_first (scene, others, "k", &new);
  g_assert_false (held_is_cancelled (old));
  g_assert_false (held_is_cancelled (another));
  g_assert_cmpuint (smart_lock_get_n_flights (scene->lock), ==, 3);

  held_return (new, 2);
  caller_gets (newcomer, 2);
  held_return (old, 1);
  caller_gets (leader, 1);
  caller_gets (joiner, 1);
  held_return (another, 3);
  caller_gets (other_key, 3);
  scene_assert_idle (scene);
}

/* The lock goes with its last reference (scene_clear () looks), so nothing of the
 * flights is left that had one. */
static void
scenario_no_trace (Scene *scene, Via first, Via others)
{
  for (int n = 0; n < 20; n++)
    {
      g_autofree char *key = g_strdup_printf ("%d", n);
      Held *held;
      Caller *leader = start_first (scene, first, key, &held);
      Caller *other = join (scene, others, key);

      if (n % 3 == 1)
        smart_lock_forget (scene->lock, key);
      held_return (held, n);
      caller_gets (leader, n);
      caller_gets (other, n);
      g_assert_cmpuint (smart_lock_get_n_flights (scene->lock), ==, 0);
      g_assert_cmpuint (smart_lock_get_n_waiters (scene->lock), ==, 0);
    }
}

/* L6 */

static void
check_reset (Scene *scene, Via first, Via others, gboolean use_after)
{
  Held *held[3], *new;
  Caller *leaders[3], *joiners[3];

  for (guint n = 0; n < 3; n++)
    {
      leaders[n] = start_first (scene, first, "k", &held[n]);
      joiners[n] = join (scene, others, "k");
      /* The first two are not to be joined any more, but are under way. */
      if (n < 2)
        smart_lock_forget (scene->lock, "k");
    }

  smart_lock_reset (scene->lock);
  for (guint n = 0; n < 3; n++)
    g_assert_true (held_is_cancelled (held[n]));
  g_assert_cmpuint (smart_lock_get_n_flights (scene->lock), ==, 0);
  g_assert_cmpuint (smart_lock_get_n_waiters (scene->lock), ==, 0);

  if (use_after)
    {
      Caller *caller = start_first (scene, others, "k", &new);
      Caller *other = join (scene, first, "k");

      held_return (new, 8);
      caller_gets (caller, 8);
      caller_gets (other, 8);
    }

  for (guint n = 0; n < 3; n++)
    caller_fails (joiners[n], G_IO_ERROR, G_IO_ERROR_CANCELLED);
  /* At once, but for who runs a blocking body himself. */
  for (guint n = 0; n < 3; n++)
    {
      if (first == VIA_THREAD && held[n]->blocking)
        {
          held_return (held[n], 1);
          caller_fails (leaders[n], G_IO_ERROR, G_IO_ERROR_CANCELLED);
        }
      else
        {
          caller_fails (leaders[n], G_IO_ERROR, G_IO_ERROR_CANCELLED);
          held_return (held[n], 1);
        }
    }
}

static void
scenario_reset (Scene *scene, Via first, Via others)
{
  check_reset (scene, first, others, FALSE);
  scene_assert_idle (scene);
}

static void
scenario_reset_and_use (Scene *scene, Via first, Via others)
{
  check_reset (scene, first, others, TRUE);
}

/* L7: a flight that asks for itself. */

typedef enum
{
  ASK_SYNC,
  ASK_SMART,
  N_ASKS
} Ask;

typedef enum
{
  IN_BODY,
  IN_NESTED_ASYNC,
  IN_NESTED_BLOCKING,
  IN_CONTINUATION,
  IN_CALLBACK, /* after smart_call_enter () */
  N_PLACES
} Place;

typedef struct
{
  SmartLock *lock;
  SmartAsyncFunc *outer;
  SmartAsyncFunc *innocent;
  SmartAsyncFunc *nested_async;
  SmartAsyncFunc *nested_blocking;
  Place place;
  Ask ask;
  int n_begun;
  int n_asked;
  gboolean over;
} Snake;

static void
assert_recursion (gboolean ok, GError *error)
{
  g_assert_false (ok);
  g_assert_error (error, SMART_ERROR, SMART_ERROR_RECURSION);
  g_error_free (error);
}

/* Asks for the key of the flight that this is a part of, in vain; and for
 * another key, and another lock, which is all right. */
static void
snake_ask (Snake *snake)
{
  g_autoptr (SmartLock) other_lock = smart_lock_new ();
  g_autoptr (SmartFuture) future = NULL;
  GError *error = NULL;
  gboolean ok;

  if (snake->ask == ASK_SYNC)
    {
      ok = smart_lock_run_once_sync (snake->lock, "k", snake->outer, NULL, NULL, 0, NULL, NULL,
                                     &error);
    }
  else
    {
      future = smart_lock_run_once (snake->lock, "k", snake->outer, NULL, NULL, 0, NULL);
      g_assert_cmpint (smart_future_get_status (future), ==, SMART_FUTURE_REJECTED);
      ok = smart_future_get_value (future, NULL, &error);
    }
  assert_recursion (ok, error);

  error = NULL;
  g_assert_true (smart_lock_run_once_sync (snake->lock, "another", snake->innocent, NULL, NULL, 0,
                                           NULL, NULL, &error));
  g_assert_no_error (error);
  g_assert_true (smart_lock_run_once_sync (other_lock, "k", snake->innocent, NULL, NULL, 0, NULL,
                                           NULL, &error));
  g_assert_no_error (error);
  snake->n_asked++;
}

static void
snake_body_ask (SmartCall *call, gpointer data)
{
  snake_ask (data);
  smart_call_return_int (call, 9);
}

static void
snake_continue (SmartCall *call, SmartFuture *settled, gpointer data)
{
  snake_ask (data);
  smart_call_return_int (call, 9);
}

typedef struct
{
  Snake *snake;
  SmartCall *call;
} Suspended;

static gboolean
snake_resume (gpointer data)
{
  Suspended *suspended = data;

  g_assert_null (smart_call_get_current ());
  smart_call_enter (suspended->call);
  snake_ask (suspended->snake);
  smart_call_leave (suspended->call);
  smart_call_return_int (suspended->call, 9);

  return G_SOURCE_REMOVE;
}

static void
suspended_free (gpointer data)
{
  Suspended *suspended = data;

  g_object_unref (suspended->call);
  g_free (suspended);
}

static gboolean
resolve_later (gpointer data)
{
  g_assert_true (smart_future_resolve (data, NULL));

  return G_SOURCE_REMOVE;
}

static void
snake_body (SmartCall *call, gpointer data)
{
  Snake *snake = data;
  SmartAsyncFunc *nested =
      snake->place == IN_NESTED_BLOCKING ? snake->nested_blocking : snake->nested_async;
  g_autoptr (SmartFuture) inner = NULL;
  g_autoptr (SmartFuture) later = NULL;
  Suspended *suspended;

  snake->n_begun++;
  switch (snake->place)
    {
    case IN_BODY:
      snake_body_ask (call, snake);
      break;
    case IN_NESTED_ASYNC:
    case IN_NESTED_BLOCKING:
      inner = smart_async_func_callv (nested, NULL, NULL, 0, NULL);
      smart_call_return_future (call, inner);
      break;
    case IN_CONTINUATION:
      later = smart_future_new (NULL);
      inner = smart_future_then (later, snake_continue, snake, NULL);
      smart_call_add_timeout (call, 1, resolve_later, g_object_ref (later), g_object_unref);
      smart_call_return_future (call, inner);
      break;
    case IN_CALLBACK:
      suspended = g_new0 (Suspended, 1);
      suspended->snake = snake;
      suspended->call = g_object_ref (call);
      smart_call_add_timeout (call, 1, snake_resume, suspended, suspended_free);
      break;
    case N_PLACES:
    default:
      g_assert_not_reached ();
    }
}

static void
body_innocent (SmartCall *call, gpointer data)
{
  smart_call_return_none (call);
}

static void
snake_ready (GObject *source, GAsyncResult *result, gpointer data)
{
  g_auto (GValue) value = G_VALUE_INIT;
  g_autoptr (GError) error = NULL;
  Snake *snake = data;

  g_assert_true (smart_lock_run_once_finish (snake->lock, result, &value, &error));
  g_assert_no_error (error);
  g_assert_cmpint (g_value_get_int (&value), ==, 9);
  snake->over = TRUE;
}

static void
snake_begin (gpointer data)
{
  Snake *snake = data;

  smart_lock_run_once_async (snake->lock, "k", snake->outer, NULL, NULL, 0, NULL, snake_ready,
                             snake);
}

static gboolean
snake_is_over (gpointer data)
{
  return ((Snake *) data)->over;
}

static void
snake_run_sync (Snake *snake)
{
  g_auto (GValue) value = G_VALUE_INIT;
  g_autoptr (GError) error = NULL;

  g_assert_true (smart_lock_run_once_sync (snake->lock, "k", snake->outer, NULL, NULL, 0, NULL,
                                           &value, &error));
  g_assert_no_error (error);
  g_assert_cmpint (g_value_get_int (&value), ==, 9);
}

static void
snake_run (Place place, gboolean blocking)
{
  for (Ask ask = 0; ask < N_ASKS; ask++)
    {
      Snake snake = { 0 };

      snake.place = place;
      snake.ask = ask;
      snake.lock = smart_lock_new ();
      snake.outer = blocking ? smart_async_func_new_blocking (snake_body, &snake, NULL)
                             : smart_async_func_new (snake_body, &snake, NULL);
      snake.innocent = smart_async_func_new (body_innocent, NULL, NULL);
      snake.nested_async = smart_async_func_new (snake_body_ask, &snake, NULL);
      snake.nested_blocking = smart_async_func_new_blocking (snake_body_ask, &snake, NULL);

      snake_run_sync (&snake);
      smart_test_in_loop (snake_begin, snake_is_over, &snake);
      g_assert_cmpint (snake.n_begun, ==, 2);
      g_assert_cmpint (snake.n_asked, ==, 2);
      /* The two of "k", and the two of "another". */
      g_assert_cmpuint (smart_lock_get_n_executions (snake.lock), ==, 4);
      g_assert_cmpuint (smart_lock_get_n_flights (snake.lock), ==, 0);
      g_assert_cmpuint (smart_lock_get_n_waiters (snake.lock), ==, 0);

      g_object_unref (snake.nested_blocking);
      g_object_unref (snake.nested_async);
      g_object_unref (snake.innocent);
      g_object_unref (snake.outer);
      g_object_unref (snake.lock);
    }
}

static void
test_recursion (void)
{
  snake_run (IN_BODY, FALSE);
  snake_run (IN_BODY, TRUE);
}

static void
test_recursion_nested (void)
{
  snake_run (IN_NESTED_ASYNC, FALSE);
  snake_run (IN_NESTED_ASYNC, TRUE);
  snake_run (IN_NESTED_BLOCKING, FALSE);
  snake_run (IN_NESTED_BLOCKING, TRUE);
}

static void
test_recursion_in_continuation (void)
{
  snake_run (IN_CONTINUATION, FALSE);
}

static void
test_recursion_after_enter (void)
{
  snake_run (IN_CALLBACK, FALSE);
}

/* L8 */

static void
body_forty_two (SmartCall *call, gpointer data)
{
  smart_call_return_int (call, 42);
}

static SmartAsyncFunc *
forty_two_new (SceneBody body)
{
  return body == BODY_ASYNC ? smart_async_func_new (body_forty_two, NULL, NULL)
                            : smart_async_func_new_blocking (body_forty_two, NULL, NULL);
}

static void
assert_forty_two (SmartFuture *future)
{
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (smart_future_get_int (future, &error), ==, 42);
  g_assert_no_error (error);
}

static void
test_in_sync (void)
{
  for (SceneBody body = 0; body < N_BODIES; body++)
    {
      g_autoptr (SmartLock) lock = smart_lock_new ();
      g_autoptr (SmartAsyncFunc) func = forty_two_new (body);
      g_autoptr (SmartFuture) future = NULL;

      g_assert_false (smart_context_is_async ());
      future = smart_lock_run_once (lock, NULL, func, NULL, NULL, 0, NULL);
      g_assert_cmpint (smart_future_get_status (future), ==, SMART_FUTURE_RESOLVED);
      assert_forty_two (future);
    }
}

typedef struct
{
  SmartLock *lock;
  SmartAsyncFunc *func;
  SmartFuture *future;
  GMainContext *context;
  gboolean came;
} InLoop;

static void
in_loop_ready (GObject *source, GAsyncResult *result, gpointer data)
{
  InLoop *in_loop = data;
  g_auto (GValue) value = G_VALUE_INIT;
  g_autoptr (GError) error = NULL;

  g_assert_true (smart_future_wait_finish (SMART_FUTURE (source), result, &value, &error));
  g_assert_no_error (error);
  g_assert_cmpint (g_value_get_int (&value), ==, 42);
  g_assert_true (g_source_get_context (g_main_current_source ()) == in_loop->context);
  in_loop->came = TRUE;
}

static void
in_loop_call (gpointer data)
{
  InLoop *in_loop = data;

  g_assert_true (smart_context_is_async ());
  in_loop->context = g_source_get_context (g_main_current_source ());
  in_loop->future = smart_lock_run_once (in_loop->lock, NULL, in_loop->func, NULL, NULL, 0, NULL);
  smart_future_wait_async (in_loop->future, NULL, in_loop_ready, in_loop);
  g_assert_false (in_loop->came);
}

static gboolean
in_loop_came (gpointer data)
{
  return ((InLoop *) data)->came;
}

/* It returns at once: the body waits for what comes after. */
static void
in_loop_call_held (gpointer data)
{
  Scene *scene = data;
  g_autoptr (SmartFuture) future =
      smart_lock_run_once (scene->lock, NULL, scene->func, NULL, NULL, 0, NULL);

  g_assert_cmpint (smart_future_get_status (future), ==, SMART_FUTURE_PENDING);
  held_return (scene_next (scene), 1);
}

static void
test_in_async (void)
{
  for (SceneBody body = 0; body < N_BODIES; body++)
    {
      g_autoptr (SmartLock) lock = smart_lock_new ();
      g_autoptr (SmartAsyncFunc) func = forty_two_new (body);
      InLoop in_loop = { 0 };
      g_auto (Scene) scene;

      in_loop.lock = lock;
      in_loop.func = func;
      smart_test_in_loop (in_loop_call, in_loop_came, &in_loop);
      g_object_unref (in_loop.future);

      scene_init (&scene, body);
      smart_test_in_loop (in_loop_call_held, NULL, &scene);
      scene_wait_for_waiters (&scene, 0);
    }
}

/* Each way of asking, beside each other one, of the one lock. */
static void
scenario_together (Scene *scene, Via first, Via others)
{
  Held *held;
  Caller *callers[6];

  callers[0] = start_first (scene, first, "k", &held);
  for (guint n = 1; n < 6; n++)
    callers[n] = join (scene, n % 2 == 0 ? VIA_ASYNC : others, "k");
  held_return (held, 6);
  for (guint n = 0; n < 6; n++)
    caller_gets (callers[n], 6);
  g_assert_cmpint (scene->n_begun, ==, 1);
  scene_assert_idle (scene);
}

static void
test_threads (void)
{
  crowd_run_bodies (MANY_THREADS, 16);
}

/* A loop on a thread of its own. */
typedef struct
{
  SmartLock *lock;
  SmartAsyncFunc *func;
  gboolean over;
} LoopThread;

static void
loop_ready (GObject *source, GAsyncResult *result, gpointer data)
{
  LoopThread *loop = data;
  g_auto (GValue) value = G_VALUE_INIT;

  g_assert_true (smart_lock_run_once_finish (SMART_LOCK (source), result, &value, NULL));
  g_assert_cmpint (g_value_get_int (&value), ==, 12);
  loop->over = TRUE;
}

static void
loop_begin (gpointer data)
{
  LoopThread *loop = data;

  smart_lock_run_once_async (loop->lock, "k", loop->func, NULL, NULL, 0, NULL, loop_ready, loop);
}

static gboolean
loop_is_over (gpointer data)
{
  return ((LoopThread *) data)->over;
}

static gpointer
loop_main (gpointer data)
{
  smart_test_in_loop (loop_begin, loop_is_over, data);

  return NULL;
}

static void
scenario_loops (Scene *scene, Via first, Via others)
{
  LoopThread loops[4];
  GThread *threads[4];
  Held *held;
  Caller *leader = start_first (scene, first, "k", &held);

  for (guint n = 0; n < 4; n++)
    {
      loops[n].lock = scene->lock;
      loops[n].func = scene->func;
      loops[n].over = FALSE;
      threads[n] = g_thread_new ("loop", loop_main, &loops[n]);
    }
  scene_wait_for_waiters (scene, 5);
  held_return (held, 12);
  caller_gets (leader, 12);
  for (guint n = 0; n < 4; n++)
    g_thread_join (threads[n]);
  g_assert_cmpint (scene->n_begun, ==, 1);
}

/* L9: in every state */

static void
assert_counters (Scene *scene, guint calls, guint executions, guint waiters, guint flights)
{
  guint64 n_calls, n_executions;
  guint n_waiters, n_flights;

  g_object_get (scene->lock, "n-calls", &n_calls, "n-executions", &n_executions, "n-waiters",
                &n_waiters, "n-flights", &n_flights, NULL);
  g_assert_cmpuint (n_calls, ==, calls);
  g_assert_cmpuint (n_executions, ==, executions);
  g_assert_cmpuint (n_waiters, ==, waiters);
  g_assert_cmpuint (n_flights, ==, flights);
}

static void
scenario_counters (Scene *scene, Via first, Via others)
{
  Held *one, *two;
  Caller *a, *b, *c, *d, *e;

  assert_counters (scene, 0, 0, 0, 0);
  a = start_first (scene, first, "one", &one);
  assert_counters (scene, 1, 1, 1, 1);
  b = join (scene, others, "one");
  assert_counters (scene, 2, 1, 2, 1);
  c = start_first (scene, first, "two", &two);
  assert_counters (scene, 3, 2, 3, 2);
  d = join (scene, others, "two");
  assert_counters (scene, 4, 2, 4, 2);

  caller_cancel (b);
  caller_fails (b, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  assert_counters (scene, 4, 2, 3, 2);
  smart_lock_forget (scene->lock, "two");
  assert_counters (scene, 4, 2, 3, 2);

  held_return (two, 2);
  caller_gets (d, 2);
  assert_counters (scene, 4, 2, 1, 1);
  caller_gets (c, 2);
  held_return (one, 1);
  caller_gets (a, 1);
  assert_counters (scene, 4, 2, 0, 0);

  /* Who is cancelled before he asks has asked, and that is all. */
  smart_lock_reset (scene->lock);
  e = caller_start_cancelled (scene, others, "one");
  caller_fails (e, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  assert_counters (scene, 5, 2, 0, 0);
}

/* The moment one is back, he does not count, whoever brought the news. */
static void
scenario_counters_at_once (Scene *scene, Via first, Via others)
{
  for (guint round = 0; round < smart_test_scale (100, 10); round++)
    {
      Held *held;
      Caller *leader = start_first (scene, first, "k", &held);
      Caller *other = join (scene, others, "k");

      held_return (held, 1);
      caller_gets (other, 1);
      assert_counters (scene, 2 * (round + 1), round + 1, 0, 0);
      caller_gets (leader, 1);
    }
}

int
main (int argc, char **argv)
{
  smart_test_init (&argc, &argv);

  smart_test_add ("/contract/L1.a", test_one_thread);
  smart_test_add ("/contract/L1.b", test_many_threads);
  smart_test_add ("/contract/L1.c", test_mixed);
  smart_test_add ("/contract/L1.d", test_one_execution);
  smart_test_add ("/contract/L1.e", test_own_results);
  smart_test_add ("/contract/L1.f", test_thousand);
  smart_test_add ("/contract/L1.g", test_function_waits);

  add ("L2.a", scenario_again);
  add ("L2.b", scenario_error);
  add ("L2.c", scenario_error_not_kept);

  add ("L3.a", scenario_waiter_leaves);
  add ("L3.b", scenario_first_leaves);
  add ("L3.c", scenario_first_in_sync);
  add ("L3.d", scenario_last_leaves);

  add ("L4.a", scenario_not_cancelled);
  add ("L4.a/late", scenario_not_cancelled_late);
  add ("L4.a/by-body", scenario_cancelled_by_body);
  add ("L4.b", scenario_not_forgotten);
  add ("L4.b/late", scenario_not_forgotten_late);
  add ("L4.c", scenario_not_reset);
  add ("L4.c/late", scenario_not_reset_late);
  add ("L4.d", scenario_one_while_live);

  add ("L5.a", scenario_keys);
  add ("L5.b", scenario_forget);
  add ("L5.c", scenario_no_trace);

  add ("L6.a", scenario_reset);
  add ("L6.b", scenario_reset);
  add ("L6.c", scenario_reset_and_use);

  smart_test_add ("/contract/L7.a", test_recursion);
  smart_test_add ("/contract/L7.b", test_recursion_nested);
  smart_test_add ("/contract/L7.c", test_recursion_in_continuation);
  smart_test_add ("/contract/L7.d", test_recursion_after_enter);

  smart_test_add ("/contract/L8.a", test_in_sync);
  smart_test_add ("/contract/L8.b", test_in_async);
  smart_test_add ("/contract/L8.c", test_threads);
  add ("L8.d", scenario_loops);
  add ("L8.e", scenario_together);

  add ("L9.a", scenario_counters);
  add ("L9.b", scenario_counters);
  add ("L9.c", scenario_counters);
  add ("L9.c/at-once", scenario_counters_at_once);
  add ("L9.d", scenario_counters);
  add ("L9.d/at-once", scenario_counters_at_once);

  return g_test_run ();
}
