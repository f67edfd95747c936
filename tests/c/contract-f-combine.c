/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The contract's section F: what is made of futures, and what they tell of
 * their progress. */

#include "smart-test.h"

#include <smartasync-glib/smartasync-glib.h>

/* Values and errors */

static void
init_int (GValue *value, int number)
{
  g_value_init (value, G_TYPE_INT);
  g_value_set_int (value, number);
}

static void
init_future (GValue *value, SmartFuture *future)
{
  g_value_init (value, SMART_TYPE_FUTURE);
  g_value_set_object (value, future);
}

static gboolean
resolve_int (SmartFuture *future, int number)
{
  g_auto (GValue) value = G_VALUE_INIT;

  init_int (&value, number);

  return smart_future_resolve (future, &value);
}

static gboolean
reject (SmartFuture *future, int code)
{
  return smart_future_reject (future, g_error_new_literal (G_IO_ERROR, code, "refused"));
}

static SmartFuture *
future_for_int (int number)
{
  g_auto (GValue) value = G_VALUE_INIT;

  init_int (&value, number);

  return smart_future_new_for_value (&value);
}

/* Takes @inner. */
static SmartFuture *
future_for_future (SmartFuture *inner)
{
  g_auto (GValue) value = G_VALUE_INIT;

  init_future (&value, inner);
  g_object_unref (inner);

  return smart_future_new_for_value (&value);
}

static void
assert_int (SmartFuture *future, int expected)
{
  g_autoptr (GError) error = NULL;
  int got = smart_future_get_int (future, &error);

  g_assert_no_error (error);
  g_assert_cmpint (got, ==, expected);
}

static void
assert_rejected (SmartFuture *future, GQuark domain, int code)
{
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (smart_future_get_status (future), ==, SMART_FUTURE_REJECTED);
  g_assert_false (smart_future_get_value (future, NULL, &error));
  g_assert_error (error, domain, code);
}

static gboolean
is_pending (SmartFuture *future)
{
  return smart_future_get_status (future) == SMART_FUTURE_PENDING;
}

static void
wait_for (SmartFuture *future)
{
  smart_future_wait (future, smart_test_bound (SMART_TEST_DEADLINE_USEC), NULL, NULL, NULL);
  g_assert_false (is_pending (future));
}

/* F2, F3: where there is a loop, what is given settles meanwhile; at top level
 * another thread sees to that. */

typedef struct
{
  SmartFuture *outer;
  SmartFuture *inner[2];
  int code; /* 0: a value */
} Nested;

static gpointer
settle_nested (gpointer data)
{
  Nested *nested = data;

  for (int i = 0; i < 2; i++)
    {
      g_auto (GValue) value = G_VALUE_INIT;

      init_future (&value, nested->inner[i]);
      g_assert_true (smart_future_resolve (i == 0 ? nested->outer : nested->inner[0], &value));
    }
  if (nested->code == 0)
    g_assert_true (resolve_int (nested->inner[1], 7));
  else
    g_assert_true (reject (nested->inner[1], nested->code));

  return NULL;
}

static void
nested_init (Nested *nested, int code)
{
  nested->outer = smart_future_new (NULL);
  nested->inner[0] = smart_future_new (NULL);
  nested->inner[1] = smart_future_new (NULL);
  nested->code = code;
}

static void
nested_clear (Nested *nested)
{
  g_assert_finalize_object (nested->outer);
  g_assert_finalize_object (nested->inner[0]);
  g_assert_finalize_object (nested->inner[1]);
}

static void
test_f2_a (void)
{
  g_auto (GValue) value = G_VALUE_INIT;
  g_auto (GValue) got = G_VALUE_INIT;
  g_autoptr (SmartFuture) future = NULL;
  g_autoptr (SmartFuture) of_object = NULL;
  g_autoptr (SmartFuture) of_null = NULL;
  g_autoptr (GObject) object = g_object_new (G_TYPE_OBJECT, NULL);
  g_auto (GValue) object_value = G_VALUE_INIT;

  init_int (&value, 7);
  future = smart_await (&value, NULL);
  assert_int (future, 7);

  g_value_init (&object_value, G_TYPE_OBJECT);
  g_value_set_object (&object_value, object);
  of_object = smart_await (&object_value, NULL);
  g_assert_true (smart_future_get_value (of_object, &got, NULL));
  g_assert_true (g_value_get_object (&got) == object);

  of_null = smart_await (NULL, NULL);
  g_assert_true (smart_future_get_value (of_null, NULL, NULL));
}

static void
test_f2_b (void)
{
  g_autoptr (SmartFuture) settled = future_for_int (7);
  g_autoptr (SmartFuture) failed =
      smart_future_new_for_error (g_error_new_literal (G_IO_ERROR, G_IO_ERROR_BUSY, "busy"));
  SmartFuture *futures[] = { settled, failed };

  for (guint i = 0; i < G_N_ELEMENTS (futures); i++)
    {
      g_auto (GValue) value = G_VALUE_INIT;
      g_autoptr (SmartFuture) future = NULL;

      init_future (&value, futures[i]);
      future = smart_await (&value, NULL);
      if (i == 0)
        assert_int (future, 7);
      else
        assert_rejected (future, G_IO_ERROR, G_IO_ERROR_BUSY);
    }
}

static void
await_nested (gpointer data)
{
  SmartFuture **future = data;
  g_autoptr (SmartFuture) three = NULL;
  g_auto (GValue) value = G_VALUE_INIT;

  three = future_for_future (future_for_future (future_for_int (7)));
  init_future (&value, three);
  *future = smart_await (&value, NULL);
}

typedef struct
{
  Nested nested;
  GThread *settler;
  SmartFuture *future;
} Awaiting;

static void
await_pending (gpointer data)
{
  Awaiting *awaiting = data;
  g_auto (GValue) value = G_VALUE_INIT;

  init_future (&value, awaiting->nested.outer);
  awaiting->settler = g_thread_new ("settler", settle_nested, &awaiting->nested);
  awaiting->future = smart_await (&value, NULL);
}

static gboolean
has_awaited (gpointer data)
{
  return !is_pending (((Awaiting *) data)->future);
}

static void
run_await (gboolean async, int code)
{
  Awaiting awaiting = { .future = NULL };

  nested_init (&awaiting.nested, code);
  if (async)
    {
      /* Who settles it is another thread: no iteration of this one is needed. */
      smart_test_in_loop (await_pending, NULL, &awaiting);
      smart_test_wait_until (has_awaited, &awaiting);
    }
  else
    {
      await_pending (&awaiting);
      g_assert_false (is_pending (awaiting.future));
    }
  g_thread_join (awaiting.settler);
  if (code == 0)
    assert_int (awaiting.future, 7);
  else
    assert_rejected (awaiting.future, G_IO_ERROR, code);
  g_clear_object (&awaiting.future);
  nested_clear (&awaiting.nested);
}

static void
test_f2_c (void)
{
  SmartFuture *future = NULL;

  await_nested (&future);
  assert_int (future, 7);
  g_clear_object (&future);
  smart_test_in_loop (await_nested, NULL, &future);
  assert_int (future, 7);
  g_clear_object (&future);

  for (int async = 0; async < 2; async++)
    {
      run_await (async, 0);
      run_await (async, G_IO_ERROR_BUSY);
    }
}

/* What is awaited is a call: begun here, at top level, in the caller's context. */
static gboolean
return_future_later (gpointer data)
{
  g_auto (GValue) value = G_VALUE_INIT;
  g_autoptr (SmartFuture) inner = future_for_int (7);

  init_future (&value, inner);
  smart_call_return_value (data, &value);

  return G_SOURCE_REMOVE;
}

static void
later_body (SmartCall *call, gpointer data)
{
  smart_call_add_timeout (call, 1, return_future_later, g_object_ref (call), g_object_unref);
}

static void
test_f2_c_call (void)
{
  g_autoptr (SmartAsyncFunc) func = smart_async_func_new (later_body, NULL, NULL);
  g_autoptr (SmartFuture) call = NULL;
  g_autoptr (SmartFuture) future = NULL;
  g_auto (GValue) value = G_VALUE_INIT;

  smart_context_push_mode (SMART_MODE_ASYNC);
  call = smart_async_func_call (func, NULL, NULL, G_TYPE_INVALID);
  smart_context_pop_mode ();
  g_assert_true (is_pending (call));
  init_future (&value, call);
  future = smart_await (&value, NULL);
  assert_int (future, 7);
}

/* F3 */

typedef struct
{
  SmartFuture *future;
  SmartFuture *result;
  GMainContext *context;
  GThread *thread;
  GThread *applied;
  gboolean in_call;
  gboolean was_in_call;
  gboolean fails;
  int n_freed;
} Continued;

static void
add_one (SmartCall *call, SmartFuture *settled, gpointer data)
{
  Continued *continued = data;
  int number = smart_future_get_int (settled, NULL);

  continued->applied = g_thread_self ();
  continued->was_in_call = continued->in_call;
  if (continued->context != NULL)
    g_assert_true (g_main_context_is_owner (continued->context));
  if (continued->fails)
    smart_call_return_new_error_literal (call, G_IO_ERROR, G_IO_ERROR_BUSY, "busy");
  else
    smart_call_return_int (call, number + 1);
}

static void
count_freed (gpointer data)
{
  ((Continued *) data)->n_freed++;
}

static void
continue_with (Continued *continued, const GValue *value)
{
  continued->in_call = TRUE;
  continued->result = smart_continuation (value, add_one, continued, count_freed);
  continued->in_call = FALSE;
}

static void
continue_with_int (gpointer data)
{
  Continued *continued = data;
  g_auto (GValue) value = G_VALUE_INIT;
  g_autoptr (SmartFuture) settled = future_for_future (future_for_int (6));
  g_auto (GValue) future = G_VALUE_INIT;

  init_int (&value, 6);
  continue_with (continued, &value);
  g_assert_true (continued->was_in_call);
  assert_int (continued->result, 7);
  g_clear_object (&continued->result);

  /* One that has settled is a value, too. */
  init_future (&future, settled);
  continued->was_in_call = FALSE;
  continue_with (continued, &future);
  g_assert_true (continued->was_in_call);
  assert_int (continued->result, 7);
  g_clear_object (&continued->result);
  g_assert_cmpint (continued->n_freed, ==, 2);
}

static void
test_f3_a (void)
{
  Continued continued = { .future = NULL };

  continue_with_int (&continued);
  continued.n_freed = 0;
  smart_test_in_loop (continue_with_int, NULL, &continued);
}

static gpointer
resolve_six (gpointer data)
{
  resolve_int (data, 6);

  return NULL;
}

static void
continue_with_pending (gpointer data)
{
  Continued *continued = data;
  g_auto (GValue) value = G_VALUE_INIT;

  continued->future = smart_future_new (NULL);
  continued->context = g_source_get_context (g_main_current_source ());
  init_future (&value, continued->future);
  continue_with (continued, &value);
  g_assert_true (is_pending (continued->result));
  g_assert_null (continued->applied);
  /* In another thread; but not there is it applied. */
  g_thread_join (g_thread_new ("resolve", resolve_six, continued->future));
  g_assert_null (continued->applied);
}

static gboolean
has_continued (gpointer data)
{
  return !is_pending (((Continued *) data)->result);
}

static void
run_pending (gboolean fails)
{
  Continued continued = { .fails = fails };

  smart_test_in_loop (continue_with_pending, has_continued, &continued);
  g_assert_true (continued.applied == g_thread_self ());
  g_assert_false (continued.was_in_call);
  if (fails)
    assert_rejected (continued.result, G_IO_ERROR, G_IO_ERROR_BUSY);
  else
    assert_int (continued.result, 7);
  g_assert_cmpint (continued.n_freed, ==, 1);
  g_clear_object (&continued.result);
  g_assert_finalize_object (continued.future);
}

/* In a sync context it is waited for: it is applied in this thread. */
static void
test_f3_b (void)
{
  Continued continued = { .future = smart_future_new (NULL) };
  g_auto (GValue) value = G_VALUE_INIT;
  GThread *thread;

  run_pending (FALSE);

  init_future (&value, continued.future);
  thread = g_thread_new ("resolve", resolve_six, continued.future);
  continue_with (&continued, &value);
  g_thread_join (thread);
  g_assert_true (continued.applied == g_thread_self ());
  assert_int (continued.result, 7);
  g_clear_object (&continued.result);
  g_object_unref (continued.future);
}

static void
test_f3_c (void)
{
  run_pending (FALSE);
}

static void
continue_with_error (gpointer data)
{
  Continued *continued = data;
  g_autoptr (SmartFuture) failed =
      smart_future_new_for_error (g_error_new_literal (G_IO_ERROR, G_IO_ERROR_EXISTS, "there"));
  g_auto (GValue) value = G_VALUE_INIT;

  init_future (&value, failed);
  continue_with (continued, &value);
}

static void
test_f3_d (void)
{
  for (int async = 0; async < 2; async++)
    {
      Continued continued = { .future = NULL };
      G_GNUC_UNUSED g_auto (GValue) value = G_VALUE_INIT;

      /* In what is continued: the function is not applied. */
      if (async)
        smart_test_in_loop (continue_with_error, has_continued, &continued);
      else
        continue_with_error (&continued);
      assert_rejected (continued.result, G_IO_ERROR, G_IO_ERROR_EXISTS);
      g_assert_null (continued.applied);
      g_assert_cmpint (continued.n_freed, ==, 1);
      g_clear_object (&continued.result);
    }

  {
    Continued continued = { .fails = TRUE };
    g_auto (GValue) value = G_VALUE_INIT;

    init_int (&value, 6);
    continue_with (&continued, &value);
    assert_rejected (continued.result, G_IO_ERROR, G_IO_ERROR_BUSY);
    g_clear_object (&continued.result);
  }
  run_pending (TRUE);
}

/* F4: combinations */

#define N_BRANCHES 5

typedef struct
{
  SmartFuture *branches[N_BRANCHES];
} Branches;

static void
branches_init (Branches *branches)
{
  for (guint i = 0; i < N_BRANCHES; i++)
    branches->branches[i] = smart_future_new (NULL);
}

static void
branches_clear (Branches *branches)
{
  for (guint i = 0; i < N_BRANCHES; i++)
    g_assert_finalize_object (branches->branches[i]);
}

/* All but @but */
static void
assert_others_cancelled (Branches *branches, guint but)
{
  for (guint i = 0; i < N_BRANCHES; i++)
    if (i != but)
      assert_rejected (branches->branches[i], G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

static void
test_f4_d (void)
{
  Branches branches;
  g_autoptr (SmartFuture) all = NULL;
  g_autoptr (SmartFuture) none = NULL;
  g_autoptr (SmartFuture) one = NULL;
  g_auto (GValue) value = G_VALUE_INIT;
  g_autoptr (GError) error = NULL;

  branches_init (&branches);
  all = smart_future_allv (branches.branches, N_BRANCHES);
  for (guint i = N_BRANCHES; i > 0; i--)
    {
      g_assert_true (is_pending (all));
      g_assert_true (resolve_int (branches.branches[i - 1], (int) i));
    }
  g_assert_true (smart_future_get_value (all, &value, &error));
  g_assert_no_error (error);
  /* No value of its own */
  g_assert_true (G_VALUE_HOLDS_POINTER (&value));
  for (guint i = 0; i < N_BRANCHES; i++)
    assert_int (branches.branches[i], (int) i + 1);

  one = smart_future_all (branches.branches[0], branches.branches[1], NULL);
  g_assert_true (smart_future_get_value (one, NULL, NULL));
  none = smart_future_all (NULL, NULL);
  g_assert_true (smart_future_get_value (none, NULL, NULL));
  g_clear_object (&all);
  g_clear_object (&one);
  branches_clear (&branches);
}

static void
test_f4_e (void)
{
  Branches branches;
  g_autoptr (SmartFuture) any = NULL;
  g_autoptr (SmartFuture) failed = NULL;
  g_autoptr (SmartFuture) none = smart_future_any (NULL, NULL);

  branches_init (&branches);
  any = smart_future_anyv (branches.branches, N_BRANCHES);
  g_assert_true (reject (branches.branches[0], G_IO_ERROR_EXISTS));
  g_assert_true (reject (branches.branches[1], G_IO_ERROR_BUSY));
  g_assert_true (is_pending (any));
  g_assert_true (resolve_int (branches.branches[3], 7));
  assert_int (any, 7);
  assert_rejected (branches.branches[2], G_IO_ERROR, G_IO_ERROR_CANCELLED);
  assert_rejected (branches.branches[4], G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_clear_object (&any);
  branches_clear (&branches);

  /* The error that came first */
  branches_init (&branches);
  failed = smart_future_anyv (branches.branches, N_BRANCHES);
  for (guint i = N_BRANCHES; i > 0; i--)
    {
      g_assert_true (is_pending (failed));
      reject (branches.branches[i - 1], (int) (i == N_BRANCHES ? G_IO_ERROR_EXISTS : i));
    }
  assert_rejected (failed, G_IO_ERROR, G_IO_ERROR_EXISTS);
  g_clear_object (&failed);
  branches_clear (&branches);

  assert_rejected (none, SMART_ERROR, SMART_ERROR_INVALID_ARGUMENTS);
}

static void
test_f4_f (void)
{
  for (int fails = 0; fails < 2; fails++)
    {
      Branches branches;
      g_autoptr (SmartFuture) race = NULL;
      g_autoptr (SmartFuture) settled = NULL;

      branches_init (&branches);
      race = smart_future_racev (branches.branches, N_BRANCHES);
      g_assert_true (is_pending (race));
      if (fails)
        reject (branches.branches[2], G_IO_ERROR_EXISTS);
      else
        resolve_int (branches.branches[2], 7);
      if (fails)
        assert_rejected (race, G_IO_ERROR, G_IO_ERROR_EXISTS);
      else
        assert_int (race, 7);

      /* One that has settled before wins. */
      g_clear_object (&race);
      settled = smart_future_new (NULL);
      race = smart_future_race (settled, branches.branches[2], NULL);
      if (!fails)
        assert_int (race, 7);
      assert_rejected (settled, G_IO_ERROR, G_IO_ERROR_CANCELLED);
      g_clear_object (&race);
      branches_clear (&branches);
    }

  {
    g_autoptr (SmartFuture) none = smart_future_race (NULL, NULL);

    assert_rejected (none, SMART_ERROR, SMART_ERROR_INVALID_ARGUMENTS);
  }
}

static void
test_f4_g (void)
{
  for (int fails = 0; fails < 2; fails++)
    {
      Branches branches;
      g_autoptr (SmartFuture) race = NULL;

      branches_init (&branches);
      race = smart_future_racev (branches.branches, N_BRANCHES);
      if (fails)
        reject (branches.branches[1], G_IO_ERROR_EXISTS);
      else
        resolve_int (branches.branches[1], 7);
      assert_others_cancelled (&branches, 1);
      g_clear_object (&race);
      branches_clear (&branches);
    }
}

/* A loser that is a call sees it by its own cancellable; one in a body of which
 * nothing is known, a blocking one, too. */

typedef struct
{
  GMutex lock;
  GCond moved;
  int n_begun;     /* atomic */
  int n_cancelled; /* atomic */
} Losers;

static void
losing_body (SmartCall *call, gpointer data)
{
  Losers *losers = data;
  GPollFD fd;
  GCancellable *cancellable = smart_call_get_cancellable (call);

  g_atomic_int_inc (&losers->n_begun);
  g_assert_true (g_cancellable_make_pollfd (cancellable, &fd));
  g_assert_cmpint (g_poll (&fd, 1, (int) (smart_test_bound (SMART_TEST_DEADLINE_USEC) / 1000)), ==,
                   1);
  g_cancellable_release_fd (cancellable);
  g_assert_true (g_cancellable_is_cancelled (cancellable));
  g_atomic_int_inc (&losers->n_cancelled);
  smart_call_return_error_if_cancelled (call);
}

typedef struct
{
  Losers losers;
  SmartAsyncFunc *func;
  SmartFuture *decider;
  SmartFuture *calls[3];
  SmartFuture *combined;
  gboolean all;
} Contest;

static gboolean
all_have_begun (gpointer data)
{
  return g_atomic_int_get (&((Losers *) data)->n_begun) == 3;
}

static void
begin_contest (gpointer data)
{
  Contest *contest = data;

  for (int i = 0; i < 3; i++)
    contest->calls[i] = smart_async_func_call (contest->func, NULL, NULL, G_TYPE_INVALID);
  contest->decider = smart_future_new (NULL);
  contest->combined = contest->all ? smart_future_all (contest->calls[0], contest->decider,
                                                       contest->calls[1], contest->calls[2], NULL)
                                   : smart_future_race (contest->calls[0], contest->decider,
                                                        contest->calls[1], contest->calls[2], NULL);
  smart_test_wait_until (all_have_begun, &contest->losers);
  if (contest->all)
    reject (contest->decider, G_IO_ERROR_EXISTS);
  else
    resolve_int (contest->decider, 7);
  g_assert_false (is_pending (contest->combined));
}

static gboolean
calls_have_settled (gpointer data)
{
  Contest *contest = data;

  for (int i = 0; i < 3; i++)
    if (is_pending (contest->calls[i]))
      return FALSE;

  return TRUE;
}

static void
run_contest (gboolean all)
{
  Contest contest = { .all = all };

  contest.func = smart_async_func_new_blocking (losing_body, &contest.losers, NULL);
  smart_test_in_loop (begin_contest, NULL, &contest);
  smart_test_wait_until (calls_have_settled, &contest);
  g_assert_cmpint (g_atomic_int_get (&contest.losers.n_cancelled), ==, 3);
  for (int i = 0; i < 3; i++)
    {
      assert_rejected (contest.calls[i], G_IO_ERROR, G_IO_ERROR_CANCELLED);
      g_object_unref (contest.calls[i]);
    }
  if (all)
    assert_rejected (contest.combined, G_IO_ERROR, G_IO_ERROR_EXISTS);
  else
    assert_int (contest.combined, 7);
  g_object_unref (contest.combined);
  g_object_unref (contest.decider);
  g_object_unref (contest.func);
}

static void
test_f4_g_calls (void)
{
  run_contest (FALSE);
}

static void
test_f4_h (void)
{
  Branches branches;
  g_autoptr (SmartFuture) all = NULL;

  branches_init (&branches);
  all = smart_future_allv (branches.branches, N_BRANCHES);
  reject (branches.branches[3], G_IO_ERROR_EXISTS);
  assert_rejected (all, G_IO_ERROR, G_IO_ERROR_EXISTS);
  assert_others_cancelled (&branches, 3);
  g_clear_object (&all);
  branches_clear (&branches);
}

static void
test_f4_h_calls (void)
{
  run_contest (TRUE);
}

/* To cancel the whole cancels each; to drop it does not. */
static void
test_f4_d_cancelled (void)
{
  typedef SmartFuture *(*Combine) (SmartFuture **, guint);
  const Combine combine[] = { smart_future_allv, smart_future_anyv, smart_future_racev };

  for (guint i = 0; i < G_N_ELEMENTS (combine); i++)
    {
      Branches branches;
      SmartFuture *future;

      branches_init (&branches);
      future = combine[i](branches.branches, N_BRANCHES);
      g_object_unref (future);
      for (guint n = 0; n < N_BRANCHES; n++)
        g_assert_true (is_pending (branches.branches[n]));

      future = combine[i](branches.branches, N_BRANCHES);
      smart_future_cancel (future);
      assert_rejected (future, G_IO_ERROR, G_IO_ERROR_CANCELLED);
      assert_others_cancelled (&branches, N_BRANCHES);
      g_object_unref (future);
      branches_clear (&branches);
    }
}

/* Many threads decide it at once: it settles once, and everybody is let go. */

typedef struct
{
  SmartTestGate gate;
  Branches branches;
  int next; /* atomic */
  gboolean fails;
} Rush;

static gpointer
rush (gpointer data)
{
  Rush *one = data;
  int i = g_atomic_int_add (&one->next, 1);

  smart_test_gate_wait (&one->gate);
  if (one->fails)
    reject (one->branches.branches[i], G_IO_ERROR_EXISTS);
  else
    resolve_int (one->branches.branches[i], i);

  return NULL;
}

static void
test_f4_f_threads (void)
{
  typedef SmartFuture *(*Combine) (SmartFuture **, guint);
  const Combine combine[] = { smart_future_allv, smart_future_anyv, smart_future_racev };

  for (guint round = 0; round < smart_test_scale (300, 20); round++)
    {
      Rush one = { .next = 0, .fails = round % 2 };
      GThread *threads[N_BRANCHES];
      g_autoptr (SmartFuture) future = NULL;

      smart_test_gate_init (&one.gate);
      branches_init (&one.branches);
      future = combine[round % 3](one.branches.branches, N_BRANCHES);
      for (guint i = 0; i < N_BRANCHES; i++)
        threads[i] = g_thread_new ("rush", rush, &one);
      smart_test_gate_wait_for_waiters (&one.gate, N_BRANCHES);
      smart_test_gate_open (&one.gate);
      wait_for (future);
      for (guint i = 0; i < N_BRANCHES; i++)
        g_thread_join (threads[i]);
      for (guint i = 0; i < N_BRANCHES; i++)
        g_assert_false (is_pending (one.branches.branches[i]));
      if (one.fails)
        {
          /* A branch that was cancelled by the first may be counted first. */
          g_assert_cmpint (smart_future_get_status (future), ==, SMART_FUTURE_REJECTED);
        }
      else
        {
          g_assert_cmpint (smart_future_get_status (future), ==, SMART_FUTURE_RESOLVED);
        }
      g_clear_object (&future);
      branches_clear (&one.branches);
      smart_test_gate_clear (&one.gate);
    }
}

/* At top level: who waits iterates what the branches need. */
static gboolean
return_seven (gpointer data)
{
  smart_call_return_int (data, 7);

  return G_SOURCE_REMOVE;
}

static void
soon_body (SmartCall *call, gpointer data)
{
  smart_call_add_timeout (call, 1, return_seven, g_object_ref (call), g_object_unref);
}

static void
test_f4_d_wait (void)
{
  g_autoptr (SmartAsyncFunc) func = smart_async_func_new (soon_body, NULL, NULL);
  g_autoptr (SmartFuture) one = NULL;
  g_autoptr (SmartFuture) other = NULL;
  g_autoptr (SmartFuture) all = NULL;
  g_autoptr (SmartFuture) timed = NULL;
  g_autoptr (GError) error = NULL;

  smart_context_push_mode (SMART_MODE_ASYNC);
  one = smart_async_func_call (func, NULL, NULL, G_TYPE_INVALID);
  other = smart_async_func_call (func, NULL, NULL, G_TYPE_INVALID);
  smart_context_pop_mode ();
  all = smart_future_all (one, other, NULL);
  timed = smart_future_with_timeout (all, 60000);
  smart_future_wait (timed, smart_test_bound (SMART_TEST_DEADLINE_USEC), NULL, NULL, &error);
  g_assert_no_error (error);
  assert_int (one, 7);
  assert_int (other, 7);
}

/* F7: progress */

typedef struct
{
  SmartTestGate gate;
  SmartAsyncFunc *func;
  SmartFuture *future;
  GMainContext *context;
  GThread *thread;
  GThread *call_thread;
  guint n_reports;
  guint n_notified;
  double last;
  gboolean settled_at_notify;
  gboolean called_back;
  int reported; /* atomic */
} Bar;

static void
on_progress (SmartFuture *future, GParamSpec *pspec, gpointer data)
{
  Bar *bar = data;
  double progress;

  g_assert_true (g_thread_self () == bar->thread);
  g_assert_true (g_main_context_is_owner (bar->context));
  g_assert_false (bar->called_back);
  g_object_get (future, "progress", &progress, NULL);
  /* A later report may have come meanwhile. */
  g_assert_cmpfloat (progress, <=, smart_future_get_progress (future));
  g_assert_cmpfloat (progress, >=, bar->last);
  g_assert_cmpfloat (progress, <=, 1);
  bar->last = progress;
  bar->n_notified++;
}

static void
on_bar_called (GObject *object, GAsyncResult *res, gpointer data)
{
  ((Bar *) data)->called_back = TRUE;
}

/* The loop does not go on before all of it was reported, so that it is one
 * notification; or each report waits for the one before to be told. */
static void
reporting_body (SmartCall *call, gpointer data)
{
  Bar *bar = data;

  for (guint i = 1; i <= bar->n_reports; i++)
    smart_call_report_progress (call, (double) i / bar->n_reports);
  g_atomic_int_set (&bar->reported, TRUE);
  if (smart_call_get_context (call) == NULL)
    smart_test_gate_wait (&bar->gate);
  smart_call_return_int (call, 7);
}

static void
begin_bar (gpointer data)
{
  Bar *bar = data;

  bar->thread = g_thread_self ();
  bar->context = g_source_get_context (g_main_current_source ());
  bar->future = smart_async_func_call (bar->func, NULL, NULL, G_TYPE_INVALID);
  g_assert_true (bar->n_reports > 0);
  g_signal_connect (bar->future, "notify::progress", G_CALLBACK (on_progress), bar);
  smart_future_wait_async (bar->future, NULL, on_bar_called, bar);
  smart_test_wait_until (smart_test_flag_is_set, &bar->reported);
  smart_test_gate_open (&bar->gate);
}

static gboolean
bar_is_called_back (gpointer data)
{
  return ((Bar *) data)->called_back;
}

static void
run_bar (SmartAsyncFunc *func, guint n_reports, Bar *bar)
{
  *bar = (Bar) { .func = func, .n_reports = n_reports, .last = -1 };
  smart_test_gate_init (&bar->gate);
  g_object_set_data (G_OBJECT (func), "bar", bar);
}

static void
bar_clear (Bar *bar)
{
  g_clear_object (&bar->future);
  g_object_unref (bar->func);
  smart_test_gate_clear (&bar->gate);
}

typedef enum
{
  BAR_BLOCKING,
  BAR_POOL,
  BAR_LOOP,
  N_BARS
} BarKind;

static void
with_bar (BarKind kind, guint n_reports, int priority, Bar *bar)
{
  g_autoptr (SmartExecutor) executor = kind == BAR_POOL   ? smart_executor_new_pool ("bar", 1)
                                       : kind == BAR_LOOP ? smart_executor_new_loop ("bar")
                                                          : NULL;
  SmartAsyncFunc *func = smart_async_func_new_blocking (reporting_body, bar, NULL);

  smart_async_func_set_executor (func, executor);
  smart_async_func_set_priority (func, priority);
  run_bar (func, n_reports, bar);
  smart_test_in_loop (begin_bar, bar_is_called_back, bar);
  /* None after them */
  for (int i = 0; i < 10; i++)
    g_main_context_iteration (NULL, FALSE);
}

static void
test_f7_a (void)
{
  for (BarKind kind = 0; kind < N_BARS; kind++)
    {
      Bar bar;

      with_bar (kind, 1, G_PRIORITY_DEFAULT, &bar);
      g_assert_cmpuint (bar.n_notified, ==, 1);
      g_assert_cmpfloat (bar.last, ==, 1);
      bar_clear (&bar);
    }
}

static void
test_f7_b (void)
{
  for (BarKind kind = 0; kind < N_BARS; kind++)
    {
      Bar bar;

      with_bar (kind, 1000, G_PRIORITY_DEFAULT, &bar);
      g_assert_cmpuint (bar.n_notified, <, 1000);
      g_assert_cmpuint (bar.n_notified, >, 0);
      bar_clear (&bar);
    }
}

static void
test_f7_c (void)
{
  for (BarKind kind = 0; kind < N_BARS; kind++)
    for (guint round = 0; round < smart_test_scale (100, 10); round++)
      {
        Bar bar;

        with_bar (kind, 100, G_PRIORITY_DEFAULT, &bar);
        g_assert_cmpfloat (bar.last, ==, 1);
        bar_clear (&bar);
      }
}

/* Whatever the priority that the result comes with */
static void
run_priorities (void)
{
  const int priorities[] = { G_PRIORITY_HIGH, G_PRIORITY_LOW };

  for (BarKind kind = 0; kind < N_BARS; kind++)
    for (guint i = 0; i < G_N_ELEMENTS (priorities); i++)
      {
        Bar bar;

        with_bar (kind, 10, priorities[i], &bar);
        g_assert_cmpuint (bar.n_notified, >, 0);
        g_assert_cmpfloat (bar.last, ==, 1);
        bar_clear (&bar);
      }
}

static void
test_f7_d (void)
{
  run_priorities ();
}

/* A call that goes on reporting after its deadline, or after it was cancelled */
static void
late_body (SmartCall *call, gpointer data)
{
  Bar *bar = data;

  smart_call_report_progress (call, 0.5);
  g_atomic_int_set (&bar->reported, TRUE);
  smart_test_gate_wait (&bar->gate);
  smart_call_report_progress (call, 1);
  g_atomic_int_set (&bar->reported, 2);
  smart_call_return_int (call, 7);
}

static void
begin_late_bar (gpointer data)
{
  Bar *bar = data;

  bar->thread = g_thread_self ();
  bar->context = g_source_get_context (g_main_current_source ());
  bar->future = smart_async_func_call (bar->func, NULL, NULL, G_TYPE_INVALID);
  g_signal_connect (bar->future, "notify::progress", G_CALLBACK (on_progress), bar);
  smart_future_wait_async (bar->future, NULL, on_bar_called, bar);
  smart_test_wait_until (smart_test_flag_is_set, &bar->reported);
  smart_future_cancel (bar->future);
}

static gboolean
has_reported_late (gpointer data)
{
  return g_atomic_int_get (&((Bar *) data)->reported) == 2;
}

static void
test_f7_e (void)
{
  Bar bar;
  SmartAsyncFunc *func = smart_async_func_new_blocking (late_body, &bar, NULL);

  smart_async_func_set_abandon_on_cancel (func, TRUE);
  run_bar (func, 1, &bar);
  smart_test_in_loop (begin_late_bar, bar_is_called_back, &bar);
  g_assert_cmpfloat (bar.last, ==, 0.5);
  smart_test_gate_open (&bar.gate);
  smart_test_wait_until (has_reported_late, &bar);
  for (int i = 0; i < 10; i++)
    g_main_context_iteration (NULL, FALSE);
  g_assert_cmpuint (bar.n_notified, ==, 1);
  g_assert_cmpfloat (smart_future_get_progress (bar.future), ==, 0.5);
  bar_clear (&bar);
}

/* One thread reports while another one returns: what is told is told before. */

typedef struct
{
  SmartCall *call;
  int started; /* atomic */
} Reporter;

static gpointer
reporter_main (gpointer data)
{
  Reporter *reporter = data;

  g_atomic_int_set (&reporter->started, TRUE);
  for (guint i = 1; i <= 100; i++)
    smart_call_report_progress (reporter->call, i / 100.0);

  return NULL;
}

static gpointer
returner_main (gpointer data)
{
  SmartCall *call = data;
  Reporter reporter = { .call = call };
  GThread *thread = g_thread_new ("reporter", reporter_main, &reporter);

  while (!g_atomic_int_get (&reporter.started))
    g_thread_yield ();
  smart_call_return_int (call, 7);
  g_thread_join (thread);
  g_object_unref (call);

  return NULL;
}

static void
racing_body (SmartCall *call, gpointer data)
{
  ((Bar *) data)->call_thread = g_thread_new ("returner", returner_main, g_object_ref (call));
}

static void
on_racing_progress (SmartFuture *future, GParamSpec *pspec, gpointer data)
{
  Bar *bar = data;

  g_assert_true (g_thread_self () == bar->thread);
  g_assert_false (bar->called_back);
}

static void
begin_racing_bar (gpointer data)
{
  Bar *bar = data;

  bar->thread = g_thread_self ();
  bar->context = g_source_get_context (g_main_current_source ());
  bar->future = smart_async_func_call (bar->func, NULL, NULL, G_TYPE_INVALID);
  g_signal_connect (bar->future, "notify::progress", G_CALLBACK (on_racing_progress), bar);
  smart_future_wait_async (bar->future, NULL, on_bar_called, bar);
}

static void
test_f7_e_race (void)
{
  for (guint round = 0; round < smart_test_scale (1000, 50); round++)
    {
      Bar bar;
      SmartAsyncFunc *func = smart_async_func_new (racing_body, &bar, NULL);

      run_bar (func, 1, &bar);
      smart_test_in_loop (begin_racing_bar, bar_is_called_back, &bar);
      g_thread_join (bar.call_thread);
      for (int i = 0; i < 3; i++)
        g_main_context_iteration (NULL, FALSE);
      bar_clear (&bar);
    }
}

/* Of a lock's flight, all who wait are told; and so is who sets a deadline. */

typedef struct
{
  Bar bars[3];
  SmartLock *lock;
  SmartAsyncFunc *func;
  SmartTestGate gate;
} Flight;

static void
flight_body (SmartCall *call, gpointer data)
{
  Flight *flight = data;

  smart_call_report_progress (call, 0.5);
  smart_test_gate_wait (&flight->gate);
  smart_call_report_progress (call, 1);
  smart_call_return_int (call, 7);
}

static gboolean
all_know_half (gpointer data)
{
  Flight *flight = data;

  for (guint i = 0; i < G_N_ELEMENTS (flight->bars); i++)
    if (smart_future_get_progress (flight->bars[i].future) != 0.5)
      return FALSE;

  return TRUE;
}

static gboolean
check_flight (gpointer data)
{
  Flight *flight = data;

  if (!all_know_half (flight))
    return G_SOURCE_CONTINUE;

  smart_test_gate_open (&flight->gate);
  return G_SOURCE_REMOVE;
}

static void
begin_flight (gpointer data)
{
  Flight *flight = data;
  GMainContext *context = g_source_get_context (g_main_current_source ());
  g_autoptr (GSource) source = g_timeout_source_new (1);

  for (guint i = 0; i < G_N_ELEMENTS (flight->bars); i++)
    {
      Bar *bar = &flight->bars[i];

      *bar = (Bar) { .last = -1, .thread = g_thread_self (), .context = context };
      bar->future =
          i < 2 ? smart_lock_run_once (flight->lock, NULL, flight->func, NULL, NULL, 0, NULL)
                : smart_future_with_timeout (flight->bars[0].future, 60000);
      g_signal_connect (bar->future, "notify::progress", G_CALLBACK (on_progress), bar);
      smart_future_wait_async (bar->future, NULL, on_bar_called, bar);
    }
  g_source_set_callback (source, check_flight, flight, NULL);
  g_source_attach (source, context);
}

static gboolean
flight_has_landed (gpointer data)
{
  Flight *flight = data;

  for (guint i = 0; i < G_N_ELEMENTS (flight->bars); i++)
    if (!flight->bars[i].called_back)
      return FALSE;

  return TRUE;
}

static void
test_f7_c_flight (void)
{
  Flight flight = { .lock = smart_lock_new () };

  smart_test_gate_init (&flight.gate);
  flight.func = smart_async_func_new_blocking (flight_body, &flight, NULL);
  smart_test_in_loop (begin_flight, flight_has_landed, &flight);
  for (guint i = 0; i < G_N_ELEMENTS (flight.bars); i++)
    {
      g_assert_cmpfloat (flight.bars[i].last, ==, 1);
      g_assert_cmpuint (flight.bars[i].n_notified, <=, 2);
      g_object_unref (flight.bars[i].future);
    }
  g_object_unref (flight.func);
  g_object_unref (flight.lock);
  smart_test_gate_clear (&flight.gate);
}

int
main (int argc, char **argv)
{
  smart_test_init (&argc, &argv);

  smart_test_add ("/contract/F2.a", test_f2_a);
  smart_test_add ("/contract/F2.b", test_f2_b);
  smart_test_add ("/contract/F2.c", test_f2_c);
  smart_test_add ("/contract/F2.c/call", test_f2_c_call);
  smart_test_add ("/contract/F3.a", test_f3_a);
  smart_test_add ("/contract/F3.b", test_f3_b);
  smart_test_add ("/contract/F3.c", test_f3_c);
  smart_test_add ("/contract/F3.d", test_f3_d);
  smart_test_add ("/contract/F4.d", test_f4_d);
  smart_test_add ("/contract/F4.d/cancelled", test_f4_d_cancelled);
  smart_test_add ("/contract/F4.d/wait", test_f4_d_wait);
  smart_test_add ("/contract/F4.e", test_f4_e);
  smart_test_add ("/contract/F4.f", test_f4_f);
  smart_test_add ("/contract/F4.f/threads", test_f4_f_threads);
  smart_test_add ("/contract/F4.g", test_f4_g);
  smart_test_add ("/contract/F4.g/calls", test_f4_g_calls);
  smart_test_add ("/contract/F4.h", test_f4_h);
  smart_test_add ("/contract/F4.h/calls", test_f4_h_calls);
  smart_test_add ("/contract/F7.a", test_f7_a);
  smart_test_add ("/contract/F7.b", test_f7_b);
  smart_test_add ("/contract/F7.c", test_f7_c);
  smart_test_add ("/contract/F7.d", test_f7_d);
  smart_test_add ("/contract/F7.c/flight", test_f7_c_flight);
  smart_test_add ("/contract/F7.e", test_f7_e);
  smart_test_add ("/contract/F7.e/race", test_f7_e_race);

  return g_test_run ();
}
