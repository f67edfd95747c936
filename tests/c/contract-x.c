/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The contract's section X: deadlocks are refused. */

#include "smart-test.h"

#include <smartasync-glib/smartasync-glib.h>

#include <string.h>

/* Begins a call as in an async context. */
static SmartFuture *
begin (SmartAsyncFunc *func)
{
  SmartFuture *future;

  smart_context_push_mode (SMART_MODE_ASYNC);
  future = smart_async_func_callv (func, NULL, NULL, 0, NULL);
  smart_context_pop_mode ();

  return future;
}

static SmartAsyncFunc *
named (SmartAsyncFunc *func, const char *name)
{
  smart_async_func_set_name (func, name);
  return func;
}

static void
settle_uint (SmartFuture *future, guint n)
{
  g_auto (GValue) value = G_VALUE_INIT;

  g_value_init (&value, G_TYPE_UINT);
  g_value_set_uint (&value, n);
  g_assert_true (smart_future_resolve (future, &value));
}

static void
assert_refused (const GError *error)
{
  g_assert_error (error, SMART_ERROR, SMART_ERROR_WOULD_DEADLOCK);
  g_test_message ("%s", error->message);
}

/* X1: a call whose home this thread owns */

static gboolean
return_seven (gpointer call)
{
  smart_call_return_uint (call, 7);
  return G_SOURCE_REMOVE;
}

static void
begin_seven (SmartCall *call, gpointer data)
{
  smart_call_add_timeout (call, 0, return_seven, g_object_ref (call), g_object_unref);
}

typedef struct
{
  GMainContext *context;
  SmartAsyncFunc *func;
  gboolean done;
} AtHome;

static void
wait_at_home (gpointer data)
{
  AtHome *home = data;
  g_autoptr (SmartFuture) future = smart_async_func_callv (home->func, NULL, NULL, 0, NULL);
  G_GNUC_UNUSED g_autoptr (SmartFuture) child = NULL;
  g_autoptr (SmartFuture) all = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *address = g_strdup_printf ("%p", (gpointer) home->context);

  /* X1.a: at once; X1.b: both are named. */
  g_assert_false (smart_future_wait (future, -1, NULL, NULL, &error));
  assert_refused (error);
  g_assert_nonnull (strstr (error->message, "seven"));
  g_assert_nonnull (strstr (error->message, address));
  g_clear_error (&error);

  /* What depends on it, likewise. */
  all = smart_future_all (future, NULL);
  g_assert_false (smart_future_wait (all, -1, NULL, NULL, &error));
  assert_refused (error);
  g_clear_error (&error);

  /* A deadline makes it legal. */
  g_assert_false (smart_future_wait (future, 1000, NULL, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  g_assert_cmpint (smart_future_get_status (future), ==, SMART_FUTURE_PENDING);
  g_object_set_data_full (G_OBJECT (home->func), "future", g_steal_pointer (&future),
                          g_object_unref);
  home->done = TRUE;
}

static gboolean
is_there (gpointer data)
{
  AtHome *home = data;
  SmartFuture *future = g_object_get_data (G_OBJECT (home->func), "future");

  return home->done && smart_future_get_status (future) != SMART_FUTURE_PENDING;
}

static void
test_home_of (SmartAsyncFunc *func)
{
  AtHome home = { .func = func };
  SmartFuture *future;

  home.context = g_main_context_new ();
  g_main_context_push_thread_default (home.context);
  smart_test_invoke (home.context, wait_at_home, &home);
  smart_test_iterate_until (home.context, is_there, &home);
  g_main_context_pop_thread_default (home.context);

  /* X1.c: the future is alive, and settled later. */
  future = g_object_get_data (G_OBJECT (home.func), "future");
  g_assert_cmpuint (smart_future_get_uint (future, NULL), ==, 7);
  g_object_unref (home.func);
  g_main_context_unref (home.context);
}

static void
test_home (void)
{
  test_home_of (named (smart_async_func_new (begin_seven, NULL, NULL), "seven"));
}

/* Its deadline is in the same context, and never comes there. */
static void
test_home_timeout (void)
{
  SmartAsyncFunc *func = named (smart_async_func_new (begin_seven, NULL, NULL), "seven");

  smart_async_func_set_timeout (func, SMART_TEST_DEADLINE_USEC / 1000);
  test_home_of (func);
}

/* A call that waits for its turn, and will begin in this thread's context. */

typedef struct
{
  GMainContext *context;
  SmartAsyncFunc *func;
  SmartTestGate begun;
  SmartFuture *queued;
  gboolean done;
} InTheWay;

static void
begin_in_the_way (SmartCall *call, gpointer data)
{
  InTheWay *way = data;

  if (smart_test_gate_is_open (&way->begun))
    {
      smart_call_return_uint (call, 7);
      return;
    }
  g_object_set_data_full (G_OBJECT (way->func), "holder", g_object_ref (call), g_object_unref);
  smart_test_gate_open (&way->begun);
}

static gpointer
hold_the_turn (gpointer data)
{
  InTheWay *way = data;

  smart_async_func_call_sync (way->func, NULL, NULL, 0, NULL, NULL, NULL);
  return NULL;
}

static void
call_behind_own (gpointer data)
{
  InTheWay *way = data;
  g_autoptr (GError) error = NULL;

  way->queued = begin (way->func);

  /* It would never be its turn: what is before it cannot begin meanwhile. */
  g_assert_false (smart_async_func_call_sync (way->func, NULL, NULL, 0, NULL, NULL, &error));
  assert_refused (error);
  g_clear_error (&error);

  /* Nor may it be waited for. */
  g_assert_false (smart_future_wait (way->queued, -1, NULL, NULL, &error));
  assert_refused (error);
  way->done = TRUE;
}

static gboolean
is_out_of_the_way (gpointer data)
{
  InTheWay *way = data;

  return way->done && smart_future_get_status (way->queued) != SMART_FUTURE_PENDING;
}

static void
let_go_of_the_turn (InTheWay *way)
{
  SmartCall *holder = g_object_steal_data (G_OBJECT (way->func), "holder");

  smart_call_return_uint (holder, 7);
  g_object_unref (holder);
}

static void
way_init (InTheWay *way)
{
  *way = (InTheWay) { .context = g_main_context_new () };
  smart_test_gate_init (&way->begun);
  way->func = named (smart_async_func_new (begin_in_the_way, way, NULL), "in the way");
  smart_async_func_set_max_concurrency (way->func, 1);
}

static void
way_clear (InTheWay *way)
{
  g_object_unref (way->queued);
  g_object_unref (way->func);
  g_main_context_unref (way->context);
  smart_test_gate_clear (&way->begun);
}

static void
test_behind_own (void)
{
  InTheWay way;
  GThread *holder;

  way_init (&way);
  g_main_context_push_thread_default (way.context);
  holder = g_thread_new ("holder", hold_the_turn, &way);
  smart_test_gate_wait (&way.begun);
  smart_test_invoke (way.context, call_behind_own, &way);
  smart_test_iterate_until_set (way.context, &way.done);
  let_go_of_the_turn (&way);
  smart_test_iterate_until (way.context, is_out_of_the_way, &way);
  g_assert_cmpuint (smart_future_get_uint (way.queued, NULL), ==, 7);
  g_thread_join (holder);
  g_main_context_pop_thread_default (way.context);
  way_clear (&way);
}

/* By the holder, and by who wants the next turn. */
static gboolean
both_wait (gpointer unused)
{
  g_autofree char *dump = smart_async_dump_waits ();
  const char *first = strstr (dump, " waits, for ");

  return first != NULL && strstr (first + 1, " waits, for ") != NULL;
}

static gpointer
let_go_when_waited_for (gpointer data)
{
  smart_test_wait_until (both_wait, NULL);
  let_go_of_the_turn (data);
  return NULL;
}

/* Where nobody owns its context, the wait iterates that, and its turn comes there. */
static void
test_turn_at_home (void)
{
  InTheWay way;
  GThread *holder, *other;
  g_autoptr (GError) error = NULL;

  way_init (&way);
  holder = g_thread_new ("holder", hold_the_turn, &way);
  smart_test_gate_wait (&way.begun);
  way.queued = begin (way.func);
  other = g_thread_new ("other", let_go_when_waited_for, &way);
  g_assert_true (smart_future_wait (way.queued, -1, NULL, NULL, &error));
  g_assert_no_error (error);
  g_thread_join (other);
  g_thread_join (holder);
  way_clear (&way);
}

/* X4: however many wait for their turns, each is told of once. */

#define N_QUEUED 500

static gpointer
wait_for_all (gpointer all)
{
  g_assert_true (smart_future_wait (all, -1, NULL, NULL, NULL));
  return NULL;
}

static gboolean
are_queued_shown (gpointer dump)
{
  char **text = dump;

  g_free (*text);
  *text = smart_async_dump_waits ();
  return strstr (*text, "in the way") != NULL;
}

static void
test_dump_queue (void)
{
  InTheWay way;
  SmartFuture *futures[N_QUEUED];
  g_autoptr (SmartFuture) all = NULL;
  g_autofree char *dump = NULL;
  g_auto (GStrv) lines = NULL;
  GThread *thread;

  way_init (&way);
  g_main_context_push_thread_default (way.context);
  for (guint i = 0; i < N_QUEUED; i++)
    futures[i] = begin (way.func);
  all = smart_future_allv (futures, N_QUEUED);
  thread = g_thread_new ("waits", wait_for_all, all);

  smart_test_wait_until (are_queued_shown, &dump);
  lines = g_strsplit (dump, "\n", -1);
  g_assert_cmpuint (g_strv_length (lines), <, 3 * N_QUEUED);

  let_go_of_the_turn (&way);
  while (smart_future_get_status (all) == SMART_FUTURE_PENDING)
    g_main_context_iteration (way.context, TRUE);
  g_thread_join (thread);
  for (guint i = 1; i < N_QUEUED; i++)
    g_object_unref (futures[i]);
  way.queued = futures[0];
  g_main_context_pop_thread_default (way.context);
  way_clear (&way);
}

/* X2: rings. Each of n bodies on workers waits for the next one's call, once
 * all have begun. */

#define MAX_RING 5

typedef struct
{
  guint n;
  gboolean closed; /* or the last one waits for nobody */
  gint64 usec;     /* or so long; -1: without a deadline */
  SmartAsyncFunc *funcs[MAX_RING];
  SmartFuture *futures[MAX_RING];
  SmartTestGate all;
  int n_refused; /* atomic */
  char *message; /* of the one that closed it */
} Ring;

typedef struct
{
  Ring *ring;
  guint index;
} Member;

static void
ring_body (SmartCall *call, gpointer data)
{
  Member *member = data;
  Ring *ring = member->ring;
  g_autoptr (GError) error = NULL;

  smart_test_gate_wait (&ring->all);
  if (ring->closed || member->index + 1 < ring->n)
    {
      gint64 usec = member->index + 1 < ring->n ? -1 : ring->usec;

      if (!smart_future_wait (ring->futures[(member->index + 1) % ring->n], usec, NULL, NULL,
                              &error))
        {
          if (usec >= 0)
            {
              g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
              smart_call_return_uint (call, member->index);
              return;
            }
          assert_refused (error);
          g_atomic_int_inc (&ring->n_refused);
          ring->message = g_strdup (error->message);
        }
    }
  smart_call_return_uint (call, member->index);
}

static void
run_ring (guint n, gboolean closed, gint64 usec)
{
  Ring ring = { .n = n, .closed = closed, .usec = usec };
  Member members[MAX_RING];

  smart_test_gate_init (&ring.all);
  for (guint i = 0; i < n; i++)
    {
      g_autofree char *name = g_strdup_printf ("member-%u", i);

      members[i] = (Member) { &ring, i };
      ring.funcs[i] = named (smart_async_func_new_blocking (ring_body, &members[i], NULL), name);
      ring.futures[i] = begin (ring.funcs[i]);
    }
  smart_test_gate_open (&ring.all);

  /* Exactly one is refused, unless one has a deadline; all others then go on. */
  for (guint i = 0; i < n; i++)
    {
      g_assert_true (
          smart_future_wait (ring.futures[i], SMART_TEST_DEADLINE_USEC, NULL, NULL, NULL));
      g_assert_cmpuint (smart_future_get_uint (ring.futures[i], NULL), ==, i);
    }
  g_assert_cmpint (g_atomic_int_get (&ring.n_refused), ==, closed && usec < 0 ? 1 : 0);
  for (guint i = 0; closed && usec < 0 && i < n; i++)
    g_assert_nonnull (strstr (ring.message, smart_async_func_get_name (ring.funcs[i])));

  for (guint i = 0; i < n; i++)
    {
      g_object_unref (ring.futures[i]);
      g_object_unref (ring.funcs[i]);
    }
  g_free (ring.message);
  smart_test_gate_clear (&ring.all);
}

static void
test_two (void)
{
  run_ring (2, FALSE, -1);
  for (guint i = 0; i < smart_test_scale (100, 5); i++)
    run_ring (2, TRUE, -1);
}

static void
test_five (void)
{
  run_ring (5, FALSE, -1);
  for (guint i = 0; i < smart_test_scale (100, 5); i++)
    run_ring (5, TRUE, -1);
}

/* X2: two functions, each of which holds what the other one needs: a turn, or
 * the one thread of an executor. */

typedef struct
{
  SmartAsyncFunc *funcs[2];
  GMutex lock;
  GCond both;
  guint n_inside; /* lock */
  int n_refused;  /* atomic */
} Slots;

typedef struct
{
  Slots *slots;
  guint index;
} Slot;

static void
slot_body (SmartCall *call, gpointer data)
{
  Slot *slot = data;
  Slots *slots = slot->slots;
  gint64 deadline = g_get_monotonic_time () + SMART_TEST_DEADLINE_USEC;
  g_autoptr (GError) error = NULL;
  gboolean first;

  g_mutex_lock (&slots->lock);
  first = ++slots->n_inside <= 2;
  g_cond_broadcast (&slots->both);
  while (slots->n_inside < 2)
    g_assert_true (g_cond_wait_until (&slots->both, &slots->lock, deadline));
  g_mutex_unlock (&slots->lock);

  if (first && !smart_async_func_call_sync (slots->funcs[1 - slot->index], NULL, NULL, 0, NULL,
                                            NULL, &error))
    {
      assert_refused (error);
      g_atomic_int_inc (&slots->n_refused);
    }
  smart_call_return_none (call);
}

static gpointer
slot_caller_main (gpointer data)
{
  Slot *slot = data;
  g_autoptr (GError) error = NULL;

  smart_async_func_call_sync (slot->slots->funcs[slot->index], NULL, NULL, 0, NULL, NULL, &error);
  g_assert_no_error (error);

  return NULL;
}

static void
run_slots (gboolean blocking, gboolean by_executor)
{
  Slots slots = { 0 };
  Slot slot[2] = { { &slots, 0 }, { &slots, 1 } };
  GThread *threads[2];

  g_mutex_init (&slots.lock);
  g_cond_init (&slots.both);
  for (guint i = 0; i < 2; i++)
    {
      slots.funcs[i] = blocking ? smart_async_func_new_blocking (slot_body, &slot[i], NULL)
                                : smart_async_func_new (slot_body, &slot[i], NULL);
      named (slots.funcs[i], i == 0 ? "left" : "right");
      if (by_executor)
        {
          g_autoptr (SmartExecutor) one = smart_executor_new_pool ("one", 1);

          smart_async_func_set_executor (slots.funcs[i], one);
        }
      else
        {
          smart_async_func_set_max_concurrency (slots.funcs[i], 1);
        }
    }
  for (guint i = 0; i < 2; i++)
    threads[i] = g_thread_new ("caller", slot_caller_main, &slot[i]);
  for (guint i = 0; i < 2; i++)
    g_thread_join (threads[i]);

  g_assert_cmpint (g_atomic_int_get (&slots.n_refused), ==, 1);
  for (guint i = 0; i < 2; i++)
    g_object_unref (slots.funcs[i]);
  g_mutex_clear (&slots.lock);
  g_cond_clear (&slots.both);
}

static void
test_slots (void)
{
  run_slots (TRUE, FALSE);
  run_slots (FALSE, FALSE);
  run_slots (TRUE, TRUE);
}

/* X2: what combines futures. A body waits for one that needs, in some way, the
 * call of the body itself. */

typedef SmartFuture *(*Combine) (SmartFuture *self, SmartFuture *other);

static void
pass_on (SmartCall *call, SmartFuture *settled, gpointer unused)
{
  smart_call_return_future (call, settled);
}

static SmartFuture *
combine_all (SmartFuture *self, SmartFuture *other)
{
  return smart_future_all (other, self, NULL);
}

static SmartFuture *
combine_any (SmartFuture *self, SmartFuture *other)
{
  return smart_future_any (other, self, NULL);
}

static SmartFuture *
combine_any_stuck (SmartFuture *self, SmartFuture *other)
{
  g_autoptr (SmartFuture) all = smart_future_all (self, other, NULL);

  return smart_future_any (self, all, NULL);
}

static SmartFuture *
combine_race (SmartFuture *self, SmartFuture *other)
{
  return smart_future_race (self, other, NULL);
}

static SmartFuture *
combine_race_stuck (SmartFuture *self, SmartFuture *other)
{
  return smart_future_race (self, self, NULL);
}

static SmartFuture *
combine_then (SmartFuture *self, SmartFuture *other)
{
  return smart_future_then (self, pass_on, NULL, NULL);
}

static SmartFuture *
combine_with_timeout (SmartFuture *self, SmartFuture *other)
{
  return smart_future_with_timeout (self, 1);
}

/* Branches in branches: to look at each path would take for ever. */
static SmartFuture *
combine_deep (SmartFuture *self, SmartFuture *other)
{
  SmartFuture *top = smart_future_any (self, self, NULL);

  for (guint i = 0; i < 60; i++)
    {
      SmartFuture *next = smart_future_any (top, top, NULL);

      g_object_unref (top);
      top = next;
    }

  return top;
}

typedef struct
{
  Combine combine;
  SmartFuture *self;
  SmartFuture *other;
  SmartTestGate known;
  gboolean stuck;
} Combination;

static void
combination_body (SmartCall *call, gpointer data)
{
  Combination *combination = data;
  g_autoptr (SmartFuture) waited = NULL;
  g_autoptr (GError) error = NULL;

  smart_test_gate_wait (&combination->known);
  waited = combination->combine (combination->self, combination->other);
  if (!combination->stuck)
    settle_uint (combination->other, 1);
  smart_future_wait (waited, -1, NULL, NULL, &error);
  if (combination->stuck)
    assert_refused (error);
  else
    g_assert_false (g_error_matches (error, SMART_ERROR, SMART_ERROR_WOULD_DEADLOCK));
  smart_call_return_uint (call, 1);
}

static void
run_combination (Combine combine, gboolean stuck)
{
  Combination combination = { .combine = combine, .stuck = stuck };
  g_autoptr (SmartAsyncFunc) func = NULL;

  smart_test_gate_init (&combination.known);
  combination.other = smart_future_new (NULL);
  func = named (smart_async_func_new_blocking (combination_body, &combination, NULL), "combined");
  combination.self = begin (func);
  smart_test_gate_open (&combination.known);

  /* What loses is cancelled, and that may be the body itself. */
  smart_future_wait (combination.self, SMART_TEST_DEADLINE_USEC, NULL, NULL, NULL);
  g_assert_cmpint (smart_future_get_status (combination.self), !=, SMART_FUTURE_PENDING);

  g_object_unref (combination.self);
  g_object_unref (combination.other);
  smart_test_gate_clear (&combination.known);
}

static void
test_combined (void)
{
  run_combination (combine_all, TRUE);
  run_combination (combine_any, FALSE);
  run_combination (combine_any_stuck, TRUE);
  run_combination (combine_race, FALSE);
  run_combination (combine_race_stuck, TRUE);
  run_combination (combine_then, TRUE);
  run_combination (combine_deep, TRUE);
  run_combination (combine_with_timeout, FALSE);
}

/* Two calls that return each other's future. */
static void
keep_call (SmartCall *call, gpointer data)
{
  *(SmartCall **) data = g_object_ref (call);
}

static void
test_returned (void)
{
  SmartCall *calls[2] = { NULL, NULL };
  SmartFuture *futures[2];
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < 2; i++)
    {
      g_autoptr (SmartAsyncFunc) func = smart_async_func_new (keep_call, &calls[i], NULL);

      futures[i] = begin (func);
    }
  smart_call_return_future (calls[0], futures[1]);
  g_assert_cmpint (smart_future_get_status (futures[0]), ==, SMART_FUTURE_PENDING);
  smart_call_return_future (calls[1], futures[0]);
  for (guint i = 0; i < 2; i++)
    {
      g_assert_false (smart_future_get_value (futures[i], NULL, &error));
      assert_refused (error);
      g_clear_error (&error);
      g_object_unref (futures[i]);
      g_object_unref (calls[i]);
    }
}

/* X3: trees. Each node calls its children, in random ways, and waits for them. */

#define N_DRIVERS 3
#define MIN_DEPTH 6

typedef struct
{
  guint32 seed;
  guint depth;
} Node;

static SmartAsyncFunc *tree_funcs[4];
static GAsyncQueue *by_hand;

static guint tree_walk (guint32 seed, guint depth);

static gpointer
settler_main (gpointer unused)
{
  SmartFuture *future;

  while ((future = g_async_queue_pop (by_hand)) != (gpointer) by_hand)
    {
      settle_uint (future, 1);
      g_object_unref (future);
    }

  return NULL;
}

static guint
wait_for_hand (void)
{
  g_autoptr (SmartFuture) future = smart_future_new (NULL);
  g_autoptr (GError) error = NULL;

  g_async_queue_push (by_hand, g_object_ref (future));
  smart_future_wait (future, -1, NULL, NULL, &error);
  g_assert_no_error (error);

  return smart_future_get_uint (future, NULL);
}

static gboolean
wait_with_deadline (SmartFuture *future)
{
  g_autoptr (GError) error = NULL;

  if (smart_future_wait (future, 100, NULL, NULL, &error))
    return TRUE;

  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  return FALSE;
}

/* Calls one node; @how says which function, and how it is waited for. */
static guint
tree_call (guint32 seed, guint depth, guint how)
{
  SmartAsyncFunc *func = tree_funcs[how % G_N_ELEMENTS (tree_funcs)];
  g_auto (GValue) result = G_VALUE_INIT;
  g_autoptr (GError) error = NULL;
  GValue args[2] = { G_VALUE_INIT, G_VALUE_INIT };

  g_value_init (&args[0], G_TYPE_UINT);
  g_value_set_uint (&args[0], seed);
  g_value_init (&args[1], G_TYPE_UINT);
  g_value_set_uint (&args[1], depth);

  if (how / 4 % 3 == 0)
    {
      smart_async_func_call_sync (func, NULL, args, 2, NULL, &result, &error);
    }
  else if (how / 4 % 3 == 1 || smart_async_func_get_kind (func) != SMART_ASYNC_FUNC_BLOCKING)
    {
      g_autoptr (SmartFuture) future = NULL;

      smart_context_push_mode (SMART_MODE_SYNC);
      future = smart_async_func_callv (func, NULL, args, 2, NULL);
      smart_context_pop_mode ();
      smart_future_get_value (future, &result, &error);
    }
  else
    {
      g_autoptr (SmartFuture) future = NULL;
      g_autoptr (SmartFuture) all = NULL;

      smart_context_push_mode (SMART_MODE_ASYNC);
      future = smart_async_func_callv (func, NULL, args, 2, NULL);
      smart_context_pop_mode ();
      if (how & 1)
        wait_with_deadline (future);
      all = smart_future_all (future, NULL);
      smart_future_wait (how & 2 ? all : future, -1, NULL, NULL, &error);
      g_assert_no_error (error);
      smart_future_wait (future, -1, NULL, &result, &error);
    }
  g_assert_no_error (error);

  return g_value_get_uint (&result);
}

/* One chain goes all the way down; other children are leaves or short. */
static guint
tree_walk (guint32 seed, guint depth)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (seed);
  guint n = 1;

  if (depth == 0)
    return n;

  if (g_rand_int_range (rand, 0, 8) == 0)
    n += wait_for_hand () - 1;
  n += tree_call (g_rand_int (rand), depth - 1, g_rand_int (rand) % 12) - 1;
  if (g_rand_int_range (rand, 0, 4) == 0)
    n += tree_call (g_rand_int (rand), MIN (depth - 1, 1), g_rand_int (rand) % 12) - 1;

  return n;
}

static void
tree_blocking (SmartCall *call, gpointer unused)
{
  smart_call_return_uint (call,
                          tree_walk (smart_call_get_uint (call, 0), smart_call_get_uint (call, 1)));
}

static gboolean
tree_later (gpointer data)
{
  /* What its ancestors hold, it holds. */
  smart_call_enter (data);
  tree_blocking (data, NULL);
  smart_call_leave (data);

  return G_SOURCE_REMOVE;
}

static void
tree_async (SmartCall *call, gpointer unused)
{
  if (smart_call_get_uint (call, 0) & 1)
    smart_call_add_timeout (call, 0, tree_later, g_object_ref (call), g_object_unref);
  else
    tree_blocking (call, NULL);
}

typedef struct
{
  guint32 seed;
  guint n;
} Driver;

static gpointer
driver_main (gpointer data)
{
  Driver *driver = data;

  for (guint i = 0; i < driver->n; i++)
    g_assert_cmpuint (tree_walk (driver->seed + i, MIN_DEPTH + i % 3), ==, 1);

  return NULL;
}

/* The same, from a running loop. */
static void
root_ready (GObject *source, GAsyncResult *result, gpointer n_done)
{
  g_auto (GValue) value = G_VALUE_INIT;
  g_autoptr (GError) error = NULL;

  smart_async_func_call_finish (SMART_ASYNC_FUNC (source), result, &value, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (g_value_get_uint (&value), ==, 1);
  ++*(guint *) n_done;
}

static gpointer
loop_driver_main (gpointer data)
{
  Driver *driver = data;
  g_autoptr (GMainContext) context = g_main_context_new ();
  guint n_begun = 0;
  guint n_done = 0;

  g_main_context_push_thread_default (context);
  while (n_done < driver->n)
    {
      if (n_begun < driver->n && n_begun - n_done < 4)
        {
          GValue args[2] = { G_VALUE_INIT, G_VALUE_INIT };

          g_value_init (&args[0], G_TYPE_UINT);
          g_value_set_uint (&args[0], driver->seed + n_begun);
          g_value_init (&args[1], G_TYPE_UINT);
          g_value_set_uint (&args[1], MIN_DEPTH);
          smart_async_func_call_async (tree_funcs[n_begun % G_N_ELEMENTS (tree_funcs)], NULL, args,
                                       2, NULL, root_ready, &n_done);
          n_begun++;
        }
      else
        {
          g_main_context_iteration (context, TRUE);
        }
    }
  g_main_context_pop_thread_default (context);

  return NULL;
}

static void
test_no_false_alarm (void)
{
  Driver drivers[N_DRIVERS];
  GThread *threads[N_DRIVERS];
  GThread *settler;
  guint32 seed = (guint32) g_test_rand_int ();
  guint n = smart_test_scale (10000, 300) / N_DRIVERS + 1;

  g_test_message ("seed %u", seed);
  by_hand = g_async_queue_new ();
  tree_funcs[0] = smart_async_func_new (tree_async, NULL, NULL);
  tree_funcs[1] = smart_async_func_new_blocking (tree_blocking, NULL, NULL);
  tree_funcs[2] = smart_async_func_new_dual (tree_async, NULL, NULL, tree_blocking, NULL, NULL);
  /* Turns: descendants run in their ancestor's. */
  tree_funcs[3] = smart_async_func_new_blocking (tree_blocking, NULL, NULL);
  smart_async_func_set_max_concurrency (tree_funcs[3], 2);
  settler = g_thread_new ("settler", settler_main, NULL);

  for (guint i = 0; i < N_DRIVERS; i++)
    {
      drivers[i] = (Driver) { seed + i * 100003, n };
      threads[i] = g_thread_new ("driver", i == 0 ? loop_driver_main : driver_main, &drivers[i]);
    }
  for (guint i = 0; i < N_DRIVERS; i++)
    g_thread_join (threads[i]);

  g_async_queue_push (by_hand, by_hand);
  g_thread_join (settler);
  g_async_queue_unref (by_hand);
  for (guint i = 0; i < G_N_ELEMENTS (tree_funcs); i++)
    g_clear_object (&tree_funcs[i]);
}

/* A thread that waits by iterating runs what it has dispatched: who waits for the
 * body that is in that wait may wait. */

typedef struct
{
  SmartFuture *by_hand;
  SmartFuture *waiting; /* of the body that waits for its continuation */
  SmartTestGate attached;
  SmartTestGate inside;
  SmartTestGate release;
  int n_back; /* atomic */
} Dispatched;

static void
stay_inside (SmartCall *call, SmartFuture *settled, gpointer data)
{
  Dispatched *dispatched = data;

  smart_test_gate_open (&dispatched->inside);
  smart_test_gate_wait (&dispatched->release);
  smart_call_return_uint (call, 7);
}

static void
wait_for_continuation (SmartCall *call, gpointer data)
{
  Dispatched *dispatched = data;
  g_autoptr (SmartFuture) child = NULL;

  /* In the default context, which nobody else iterates meanwhile. */
  child = smart_future_then (dispatched->by_hand, stay_inside, dispatched, NULL);
  smart_test_gate_open (&dispatched->attached);
  g_assert_true (smart_future_wait (child, -1, NULL, NULL, NULL));
  smart_call_return_uint (call, smart_future_get_uint (child, NULL));
}

static gpointer
wait_for_body (gpointer data)
{
  Dispatched *dispatched = data;
  g_autoptr (GError) error = NULL;

  g_assert_true (smart_future_wait (dispatched->waiting, -1, NULL, NULL, &error));
  g_assert_no_error (error);
  g_atomic_int_inc (&dispatched->n_back);

  return NULL;
}

static gboolean
two_wait (gpointer data)
{
  g_autofree char *dump = smart_async_dump_waits ();
  char *first = strstr (dump, " waits, for");

  return g_atomic_int_get (&((Dispatched *) data)->n_back) > 0 ||
         (first != NULL && strstr (first + 1, " waits, for") != NULL);
}

static void
test_dispatched (void)
{
  Dispatched dispatched = { .by_hand = smart_future_new (NULL) };
  g_autoptr (SmartAsyncFunc) func =
      smart_async_func_new_blocking (wait_for_continuation, &dispatched, NULL);
  GThread *thread;

  smart_test_gate_init (&dispatched.attached);
  smart_test_gate_init (&dispatched.inside);
  smart_test_gate_init (&dispatched.release);

  dispatched.waiting = begin (func);
  smart_test_gate_wait (&dispatched.attached);
  settle_uint (dispatched.by_hand, 5);
  smart_test_gate_wait (&dispatched.inside);
  thread = g_thread_new ("waits", wait_for_body, &dispatched);
  smart_test_wait_until (two_wait, &dispatched);
  g_assert_cmpint (g_atomic_int_get (&dispatched.n_back), ==, 0);

  smart_test_gate_open (&dispatched.release);
  g_thread_join (thread);
  g_assert_cmpuint (smart_future_get_uint (dispatched.waiting, NULL), ==, 7);
  g_object_unref (dispatched.waiting);
  g_object_unref (dispatched.by_hand);
  smart_test_gate_clear (&dispatched.attached);
  smart_test_gate_clear (&dispatched.inside);
  smart_test_gate_clear (&dispatched.release);
}

/* What would be a ring, had not one of those in it a deadline. */
static void
test_deadline (void)
{
  for (guint i = 0; i < smart_test_scale (20, 3); i++)
    run_ring (2 + i % (MAX_RING - 1), TRUE, 20 * G_TIME_SPAN_MILLISECOND);
}

static void
test_planted (void)
{
  for (guint n = 2; n <= MAX_RING; n++)
    run_ring (n, TRUE, -1);
}

/* X4: the dump */

typedef struct
{
  SmartAsyncFunc *inner;
  SmartTestGate inside;
  SmartTestGate release;
} Dumped;

static void
inner_body (SmartCall *call, gpointer data)
{
  Dumped *dumped = data;

  smart_test_gate_open (&dumped->inside);
  smart_test_gate_wait (&dumped->release);
  smart_call_return_none (call);
}

static void
outer_body (SmartCall *call, gpointer data)
{
  Dumped *dumped = data;
  g_autoptr (SmartFuture) future = begin (dumped->inner);

  g_assert_true (smart_future_wait (future, -1, NULL, NULL, NULL));
  smart_call_return_none (call);
}

static gpointer
sync_caller_main (gpointer func)
{
  smart_async_func_call_sync (func, NULL, NULL, 0, NULL, NULL, NULL);
  return NULL;
}

static gboolean
shows_all (gpointer unused)
{
  g_autofree char *dump = smart_async_dump_waits ();

  return g_regex_match_simple ("thread \\d+ waits, for \\d+\\.\\d s[^\\n]*, for:\\n"
                               "  outer, running on thread \\d+\\n"
                               "    inner \\(\\S+contract-x\\.c:\\d+\\), running on thread \\d+\\n",
                               dump, 0, 0) &&
         g_regex_match_simple ("thread \\d+ waits, for \\d+\\.\\d s, for:\\n"
                               "  inner \\(\\S+contract-x\\.c:\\d+\\), running on thread \\d+\\n",
                               dump, 0, 0) &&
         g_regex_match_simple ("iterating main context 0x[0-9a-f]+, for:\\n"
                               "  lonely, in main context 0x[0-9a-f]+\\n",
                               dump, 0, 0);
}

static void
test_dump (void)
{
  Dumped dumped = { 0 };
  g_autoptr (SmartAsyncFunc) outer = NULL;
  g_autoptr (SmartAsyncFunc) lonely = NULL;
  SmartCall *kept = NULL;
  g_autofree char *dump = NULL;
  GThread *threads[2];

  smart_test_gate_init (&dumped.inside);
  smart_test_gate_init (&dumped.release);
  dumped.inner = named (smart_async_func_new_blocking (inner_body, &dumped, NULL), "inner");
  outer = named (smart_async_func_new_blocking (outer_body, &dumped, NULL), "outer");
  smart_async_func_set_abandon_on_cancel (outer, TRUE);
  lonely = named (smart_async_func_new (keep_call, &kept, NULL), "lonely");

  threads[0] = g_thread_new ("outer", sync_caller_main, outer);
  threads[1] = g_thread_new ("lonely", sync_caller_main, lonely);
  smart_test_gate_wait (&dumped.inside);
  smart_test_wait_until (shows_all, NULL);

  smart_test_gate_open (&dumped.release);
  smart_call_return_none (kept);
  for (guint i = 0; i < 2; i++)
    g_thread_join (threads[i]);
  dump = smart_async_dump_waits ();
  g_assert_cmpstr (dump, ==, "");

  g_object_unref (kept);
  g_object_unref (dumped.inner);
  smart_test_gate_clear (&dumped.inside);
  smart_test_gate_clear (&dumped.release);
}

/* Two waits that are long, one of each kind. */
typedef struct
{
  GAsyncQueue *told; /* of a wait that takes long */
  SmartFuture *future;
  SmartCall *kept;
} LongWaits;

static void
on_message (const char *domain, GLogLevelFlags level, const char *message, gpointer told)
{
  g_log_default_handler (domain, level, message, NULL);
  g_async_queue_push (told, told);
}

/* Each wait lasts until it has been told of. */
static gpointer
end_waits (gpointer data)
{
  LongWaits *waits = data;

  g_async_queue_pop (waits->told);
  smart_future_resolve (waits->future, NULL);
  g_async_queue_pop (waits->told);
  smart_call_return_none (waits->kept);

  return NULL;
}

static void
wait_for_long (gconstpointer unused)
{
  LongWaits waits = { g_async_queue_new (), smart_future_new (NULL), NULL };
  g_autoptr (SmartAsyncFunc) lonely =
      named (smart_async_func_new (keep_call, &waits.kept, NULL), "lonely");
  GThread *thread;

  /* Ten seconds are long for a test. */
  g_setenv ("SMARTASYNC_DEBUG", "waits", TRUE);
  g_setenv ("SMARTASYNC_DEBUG_WAITS_MSEC", "50", TRUE);

  g_log_set_handler ("SmartAsync", G_LOG_LEVEL_MESSAGE, on_message, waits.told);
  thread = g_thread_new ("ends waits", end_waits, &waits);

  g_assert_true (smart_future_wait (waits.future, -1, NULL, NULL, NULL));
  g_assert_true (smart_async_func_call_sync (lonely, NULL, NULL, 0, NULL, NULL, NULL));

  g_thread_join (thread);
  g_object_unref (waits.kept);
  g_object_unref (waits.future);
  g_async_queue_unref (waits.told);
}

int
main (int argc, char **argv)
{
  smart_test_init (&argc, &argv);

  smart_test_add ("/contract/X1.a", test_home);
  smart_test_add ("/contract/X1.b", test_home);
  smart_test_add ("/contract/X1.c", test_home);
  smart_test_add ("/contract/X1.a/timeout", test_home_timeout);
  smart_test_add ("/contract/X1.a/turn", test_behind_own);
  smart_test_add_main ("/contract/X1.a/turn-at-home", test_turn_at_home);
  smart_test_add ("/contract/X2.a", test_two);
  smart_test_add ("/contract/X2.b", test_five);
  smart_test_add ("/contract/X2.c", test_slots);
  smart_test_add ("/contract/X2.c/combined", test_combined);
  smart_test_add ("/contract/X2.c/returned", test_returned);
  smart_test_add ("/contract/X3.a", test_no_false_alarm);
  smart_test_add ("/contract/X3.a/dispatched", test_dispatched);
  smart_test_add ("/contract/X3.a/deadline", test_deadline);
  smart_test_add ("/contract/X3.b", test_planted);
  smart_test_add ("/contract/X4.a", test_dump);
  smart_test_add ("/contract/X4.a/queue", test_dump_queue);
  smart_test_add_subprocess ("/contract/X4.b", NULL, wait_for_long,
                             "*takes long*thread * waits*settled by hand*"
                             "takes long*thread * waits*lonely*");

  return g_test_run ();
}
