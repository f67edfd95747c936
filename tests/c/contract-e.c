/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The contract's section E: errors, cancellation, deadlines. */

#include "cells.h"

#include <string.h>

static void
return_seven (SmartCall *call, gpointer data)
{
  smart_call_return_int (call, 7);
}

static void
count_destroy (gpointer data)
{
  g_atomic_int_inc ((int *) data);
}

static void
nothing_to_free (gpointer data)
{
}

/* A call that is held while the test does something to it: its body announces
 * itself, and returns when it is released. */

typedef struct
{
  SmartTestGate started;
  SmartTestGate release;
  SmartTestGate ended;
  GCancellable *cancellable; /* the caller's */
  GCancellable *own;         /* set before it started */
  SmartCall *call;           /* of an asynchronous body: set before it started */
  SmartTestCallback meanwhile;
  gint64 takes;       /* how long the body goes on after it was cancelled */
  gboolean cancelled; /* the body's cancellable was, when the caller's had been */
  int n_destroyed;
  int was_released;
} Held;

static void
held_init (Held *held)
{
  memset (held, 0, sizeof *held);
  smart_test_gate_init (&held->started);
  smart_test_gate_init (&held->release);
  smart_test_gate_init (&held->ended);
  held->cancellable = g_cancellable_new ();
}

/* What a body returned too late is released where its caller was, if that is iterated. */
static gboolean
result_is_freed (gpointer data)
{
  Held *held = data;

  g_main_context_iteration (NULL, FALSE);
  return g_atomic_int_get (&held->n_destroyed) > 0;
}

static void
held_clear (Held *held)
{
  if (g_atomic_int_get (&held->was_released))
    smart_test_wait_until (result_is_freed, held);
  g_clear_object (&held->call);
  g_clear_object (&held->own);
  g_clear_object (&held->cancellable);
  smart_test_gate_clear (&held->started);
  smart_test_gate_clear (&held->release);
  smart_test_gate_clear (&held->ended);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Held, held_clear)

static void
held_body_blocking (SmartCall *call, gpointer data)
{
  Held *held = data;

  g_set_object (&held->own, smart_call_get_cancellable (call));
  smart_test_gate_open (&held->started);
  smart_test_gate_wait (&held->release);
  g_atomic_int_set (&held->was_released, TRUE);
  smart_call_return_pointer (call, &held->n_destroyed, count_destroy);
  smart_test_gate_open (&held->ended);
}

static void
held_body_async (SmartCall *call, gpointer data)
{
  Held *held = data;

  g_set_object (&held->own, smart_call_get_cancellable (call));
  g_set_object (&held->call, call);
  smart_test_gate_open (&held->started);
}

static SmartAsyncFunc *
held_func_new (Held *held, gboolean blocking)
{
  return blocking ? smart_async_func_new_blocking (held_body_blocking, held, NULL)
                  : smart_async_func_new (held_body_async, held, NULL);
}

static void
held_return (gpointer data)
{
  Held *held = data;

  g_atomic_int_set (&held->was_released, TRUE);
  smart_call_return_pointer (held->call, &held->n_destroyed, count_destroy);
  g_clear_object (&held->call);
  smart_test_gate_open (&held->ended);
}

/* From another thread than the call's: lets the body return. */
static void
held_let_go (Held *held)
{
  if (held->call != NULL)
    smart_test_invoke (smart_call_get_context (held->call), held_return, held);
  else
    smart_test_gate_open (&held->release);
}

/* After the caller has been let go alone: ends what was abandoned. */
static void
held_end (Held *held)
{
  if (held->call != NULL)
    held_return (held);
  else
    smart_test_gate_open (&held->release);
  smart_test_gate_wait (&held->ended);
}

/* E1 */

static void
return_error (SmartCall *call, gpointer data)
{
  smart_call_return_error (call, g_error_copy (data));
}

static void
test_e1_a (void)
{
  g_autoptr (GError) error = g_error_new (G_FILE_ERROR, G_FILE_ERROR_NOENT, "Grüße, 100 %%s");

  for (Kind kind = 0; kind < N_KINDS; kind++)
    {
      g_autoptr (SmartAsyncFunc) func = kind_func_new (kind, return_error, error);

      for (Cell cell = 0; cell < N_CELLS; cell++)
        {
          g_auto (CellResult) result = CELL_RESULT_INIT;

          cell_run (cell, func, NULL, NULL, NULL, &result);
          g_assert_error (result.error, G_FILE_ERROR, G_FILE_ERROR_NOENT);
          g_assert_cmpstr (result.error->message, ==, error->message);
        }
    }
}

/* E2 */

static void
count_start (SmartCall *call, gpointer data)
{
  g_atomic_int_inc ((int *) data);
  smart_call_return_int (call, 7);
}

typedef struct
{
  SmartAsyncFunc *func;
  GCancellable *cancellable;
} SmartCallArgs;

/* In an async context, too, the future is settled when the call returns. */
static void
call_cancelled (gpointer data)
{
  SmartCallArgs *args = data;
  g_autoptr (SmartFuture) future = NULL;
  g_autoptr (GError) error = NULL;

  future = smart_async_func_call (args->func, NULL, args->cancellable, G_TYPE_INVALID);
  g_assert_cmpint (smart_future_get_status (future), ==, SMART_FUTURE_REJECTED);
  g_assert_false (smart_future_get_value (future, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

static void
test_e2_a (void)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();

  g_cancellable_cancel (cancellable);
  for (Kind kind = 0; kind < N_KINDS; kind++)
    {
      int n_started = 0;
      g_autoptr (SmartAsyncFunc) func = kind_func_new (kind, count_start, &n_started);
      SmartCallArgs args = { func, cancellable };

      for (Cell cell = 0; cell < N_CELLS; cell++)
        cell_assert_error (cell, func, cancellable, G_IO_ERROR, G_IO_ERROR_CANCELLED);
      smart_test_in_loop (call_cancelled, NULL, &args);
      call_cancelled (&args);
    }
}

static void
test_e2_b (void)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();

  g_cancellable_cancel (cancellable);
  for (Kind kind = 0; kind < N_KINDS; kind++)
    {
      int n_started = 0;
      g_autoptr (SmartAsyncFunc) func = kind_func_new (kind, count_start, &n_started);

      for (Cell cell = 0; cell < N_CELLS; cell++)
        cell_assert_error (cell, func, cancellable, G_IO_ERROR, G_IO_ERROR_CANCELLED);

      /* Nothing is left that could still start it. */
      smart_test_wait_for_stat ("tickets", 0);
      g_assert_cmpuint (smart_test_stat ("queued"), ==, 0);
      g_assert_cmpint (g_atomic_int_get (&n_started), ==, 0);

      cell_assert_int (CELL_S_SYNC, func, 7);
      g_assert_cmpint (g_atomic_int_get (&n_started), ==, 1);
    }
}

/* As many bodies as there can be threads, GTask's part included, are held at a
 * gate: what was called after them stays in the queue until it is opened. */

#define MAX_AT_ONCE (512 + 4)
#define N_SURE      40
#define N_CROWD     (MAX_AT_ONCE + 2 * N_SURE)

typedef struct
{
  SmartTestGate gate;
  SmartAsyncFunc *func;
  GCancellable *cancellable; /* of the last N_SURE */
  gboolean started[N_CROWD]; /* atomic */
  guint n_done;
  guint n_cancelled;
} Crowd;

static void
crowd_body (SmartCall *call, gpointer data)
{
  Crowd *crowd = data;

  g_atomic_int_set (&crowd->started[smart_call_get_int (call, 0)], TRUE);
  smart_test_gate_wait (&crowd->gate);
  smart_call_return_int (call, 7);
}

static void
crowd_called (GObject *object, GAsyncResult *res, gpointer data)
{
  Crowd *crowd = data;
  g_autoptr (GError) error = NULL;

  if (!smart_async_func_call_finish (crowd->func, res, NULL, &error))
    {
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
      crowd->n_cancelled++;
    }
  crowd->n_done++;
}

static void
crowd_begin (gpointer data)
{
  Crowd *crowd = data;

  for (int i = 0; i < N_CROWD; i++)
    {
      GValue number = G_VALUE_INIT;

      g_value_init (&number, G_TYPE_INT);
      g_value_set_int (&number, i);
      smart_async_func_call_async (crowd->func, NULL, &number, 1,
                                   i >= N_CROWD - N_SURE ? crowd->cancellable : NULL, crowd_called,
                                   crowd);
    }

  for (int i = N_CROWD - N_SURE; i < N_CROWD; i++)
    g_assert_false (g_atomic_int_get (&crowd->started[i]));
  g_cancellable_cancel (crowd->cancellable);
  smart_test_gate_open (&crowd->gate);
}

static gboolean
crowd_is_over (gpointer data)
{
  return ((Crowd *) data)->n_done == N_CROWD;
}

static void
test_e2_c (void)
{
  Crowd crowd = { { { 0 } } };

  if (smart_test_scale (0, 1) == 1)
    {
      g_test_skip ("So many threads cannot be had here");
      return;
    }

  smart_test_gate_init (&crowd.gate);
  crowd.cancellable = g_cancellable_new ();
  crowd.func = smart_async_func_new_blocking (crowd_body, &crowd, NULL);
  smart_test_in_loop (crowd_begin, crowd_is_over, &crowd);
  g_assert_cmpuint (crowd.n_cancelled, ==, N_SURE);
  for (int i = 0; i < N_CROWD; i++)
    g_assert_cmpint (g_atomic_int_get (&crowd.started[i]), ==, i < N_CROWD - N_SURE);
  g_object_unref (crowd.func);
  g_object_unref (crowd.cancellable);
  smart_test_gate_clear (&crowd.gate);

  /* The threads that are not needed any more would slow down what follows. */
  smart_async_reset ();
}

static void
cancel_and_look (gpointer data)
{
  Held *held = data;

  smart_test_gate_wait (&held->started);
  g_assert_nonnull (held->own);
  g_assert_false (g_cancellable_is_cancelled (held->own));
  g_cancellable_cancel (held->cancellable);
  held->cancelled = g_cancellable_is_cancelled (held->own);
  smart_test_gate_wait_for (&held->ended, held->takes);
  held_let_go (held);
}

static void
test_e2_d (void)
{
  for (gboolean blocking = FALSE; blocking <= TRUE; blocking++)
    for (Cell cell = 0; cell < N_CELLS; cell++)
      {
        g_auto (Held) held;
        g_autoptr (SmartAsyncFunc) func = NULL;
        g_auto (CellResult) result = CELL_RESULT_INIT;

        held_init (&held);
        func = held_func_new (&held, blocking);
        cell_run (cell, func, held.cancellable, cancel_and_look, &held, &result);
        g_assert_true (held.cancelled);
        g_assert_error (result.error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
      }
}

typedef struct
{
  Held *held;
  SmartAsyncFunc *func;
  SmartFuture *future;
} FutureCancel;

static void
call_held (gpointer data)
{
  FutureCancel *cancel = data;

  cancel->future = smart_async_func_call (cancel->func, NULL, NULL, G_TYPE_INVALID);
  smart_test_gate_wait (&cancel->held->started);
  g_assert_nonnull (cancel->held->own);
  g_assert_false (g_cancellable_is_cancelled (cancel->held->own));
  smart_future_cancel (cancel->future);
  g_assert_true (g_cancellable_is_cancelled (cancel->held->own));
  held_let_go (cancel->held);
}

static gboolean
future_is_settled (gpointer data)
{
  FutureCancel *cancel = data;

  return smart_future_get_status (cancel->future) != SMART_FUTURE_PENDING;
}

typedef struct
{
  SmartFuture *future;
  GError *error;
  gboolean done;
} Wait;

static void
on_future (GObject *object, GAsyncResult *res, gpointer data)
{
  Wait *waited = data;

  smart_future_wait_finish (SMART_FUTURE (object), res, NULL, &waited->error);
  waited->done = TRUE;
}

static void
wait_for_future (gpointer data)
{
  Wait *waited = data;

  smart_future_wait_async (waited->future, NULL, on_future, waited);
}

static gboolean
future_came (gpointer data)
{
  return ((Wait *) data)->done;
}

/* The same through the future, without a cancellable of the caller's. */
static void
test_e2_d_future (void)
{
  for (gboolean blocking = FALSE; blocking <= TRUE; blocking++)
    {
      g_auto (Held) held;
      g_autoptr (SmartAsyncFunc) func = NULL;
      FutureCancel cancel = { &held, NULL, NULL };
      g_autoptr (GError) error = NULL;

      held_init (&held);
      func = held_func_new (&held, blocking);
      cancel.func = func;
      smart_test_in_loop (call_held, future_is_settled, &cancel);
      g_assert_false (smart_future_get_value (cancel.future, NULL, &error));
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
      g_object_unref (cancel.future);
    }
}

/* The body goes on for 20 ms after it was cancelled: no caller is told before. */
static void
test_e2_e (void)
{
  for (gboolean blocking = FALSE; blocking <= TRUE; blocking++)
    for (Cell cell = 0; cell < N_CELLS; cell++)
      {
        g_auto (Held) held;
        g_autoptr (SmartAsyncFunc) func = NULL;
        g_auto (CellResult) result = CELL_RESULT_INIT;

        held_init (&held);
        held.takes = 20 * G_TIME_SPAN_MILLISECOND;
        func = held_func_new (&held, blocking);
        cell_run (cell, func, held.cancellable, cancel_and_look, &held, &result);
        g_assert_error (result.error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
        g_assert_cmpint (result.usec, >=, held.takes);
        g_assert_true (g_atomic_int_get (&held.was_released));
      }
}

static void
cancel_only (gpointer data)
{
  Held *held = data;

  smart_test_gate_wait (&held->started);
  g_cancellable_cancel (held->cancellable);
}

/* The body is still held when the caller has its result; what it returns later goes nowhere, but is freed. */
static void
test_e2_f (void)
{
  for (gboolean blocking = FALSE; blocking <= TRUE; blocking++)
    for (Cell cell = 0; cell < N_CELLS; cell++)
      {
        g_auto (Held) held;
        g_autoptr (SmartAsyncFunc) func = NULL;
        g_auto (CellResult) result = CELL_RESULT_INIT;

        held_init (&held);
        func = held_func_new (&held, blocking);
        smart_async_func_set_abandon_on_cancel (func, TRUE);
        cell_run (cell, func, held.cancellable, cancel_only, &held, &result);
        g_assert_error (result.error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
        g_assert_false (g_atomic_int_get (&held.was_released));
        g_assert_true (g_cancellable_is_cancelled (held.own));

        held_end (&held);
        smart_test_wait_for_stat ("tickets", 0);
        smart_test_wait_until (result_is_freed, &held);
        g_assert_cmpint (g_atomic_int_get (&held.n_destroyed), ==, 1);
      }
}

/* E3 */

static void
assert_current (SmartCall *call)
{
  g_assert_true (smart_call_get_current () == call);
  g_assert_true (g_cancellable_get_current () == smart_call_get_cancellable (call));
}

static void
assert_nobody_is_current (void)
{
  g_assert_null (smart_call_get_current ());
  g_assert_null (g_cancellable_get_current ());
}

static void
look_around (SmartCall *call, gpointer data)
{
  int *n = data;

  assert_current (call);
  (*n)++;
  smart_call_return_int (call, 7);
}

static void
test_e3_a (void)
{
  const Kind kinds[] = { KIND_AT_ONCE, KIND_BLOCKING, KIND_DUAL };

  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    for (gboolean with_cancellable = FALSE; with_cancellable <= TRUE; with_cancellable++)
      for (Cell cell = 0; cell < N_CELLS; cell++)
        {
          int n = 0;
          g_autoptr (GCancellable) cancellable = with_cancellable ? g_cancellable_new () : NULL;
          g_autoptr (SmartAsyncFunc) func = kind_func_new (kinds[i], look_around, &n);
          g_auto (CellResult) result = CELL_RESULT_INIT;

          assert_nobody_is_current ();
          cell_run (cell, func, cancellable, NULL, NULL, &result);
          assert_nobody_is_current ();
          g_assert_no_error (result.error);
          g_assert_cmpint (n, ==, 1);
        }
}

typedef SmartFuture *(*Attach) (SmartFuture *, SmartContinuation, gpointer, GDestroyNotify);

/* One continuation, attached to a future that settles in one of these ways. */
typedef struct
{
  Attach attach;
  SmartContinuation continuation;
  SmartAsyncFunc *func;
  GCancellable *cancellable;
  gpointer data;
  SmartFuture *child;
  Wait wait;
} Attached;

static void
attach_it (gpointer data)
{
  Attached *attached = data;
  g_autoptr (SmartFuture) parent = NULL;

  parent = smart_async_func_call (attached->func, NULL, attached->cancellable, G_TYPE_INVALID);
  attached->child =
      attached->attach (parent, attached->continuation, attached->data, nothing_to_free);
  attached->wait.future = attached->child;
  wait_for_future (&attached->wait);
}

static gboolean
attached_is_over (gpointer data)
{
  return future_came (&((Attached *) data)->wait);
}

static void
attached_run (Attached *attached, gboolean in_loop)
{
  if (in_loop)
    {
      smart_test_in_loop (attach_it, attached_is_over, attached);
    }
  else
    {
      attach_it (attached);
      smart_test_iterate_until (NULL, attached_is_over, attached);
    }
  g_assert_no_error (attached->wait.error);
  g_object_unref (attached->child);
}

static void
look_around_settled (SmartCall *call, SmartFuture *settled, gpointer data)
{
  g_assert_cmpint (smart_future_get_status (settled), !=, SMART_FUTURE_PENDING);
  look_around (call, data);
}

static void
fail (SmartCall *call, gpointer data)
{
  smart_call_return_new_error_literal (call, G_FILE_ERROR, G_FILE_ERROR_NOENT, "no");
}

static void
test_e3_b (void)
{
  const struct
  {
    Attach attach;
    SmartBody act;
  } ways[] = {
    { smart_future_then, return_seven },
    { smart_future_catch, fail },
    { smart_future_finally, return_seven },
  };

  for (guint i = 0; i < G_N_ELEMENTS (ways); i++)
    for (Kind kind = 0; kind < N_KINDS; kind++)
      for (gboolean in_loop = FALSE; in_loop <= TRUE; in_loop++)
        {
          int n = 0;
          g_autoptr (SmartAsyncFunc) func = kind_func_new (kind, ways[i].act, NULL);
          g_autoptr (GCancellable) cancellable = g_cancellable_new ();
          Attached attached = {
            ways[i].attach, look_around_settled, func, cancellable, &n,
          };

          attached_run (&attached, in_loop);
          g_assert_cmpint (n, ==, 1);
          assert_nobody_is_current ();
        }
}

static void
enter_and_look (SmartCall *call, gpointer data)
{
  int *n = data;

  assert_nobody_is_current ();
  smart_call_enter (call);
  assert_current (call);
  smart_call_leave (call);
  assert_nobody_is_current ();
  (*n)++;
  smart_call_return_int (call, 7);
}

static void
test_e3_d (void)
{
  const Kind kinds[] = { KIND_LATER, KIND_ELSEWHERE };

  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    for (Cell cell = 0; cell < N_CELLS; cell++)
      {
        int n = 0;
        g_autoptr (GCancellable) cancellable = g_cancellable_new ();
        g_autoptr (SmartAsyncFunc) func = kind_func_new (kinds[i], enter_and_look, &n);
        g_auto (CellResult) result = CELL_RESULT_INIT;

        cell_run (cell, func, cancellable, NULL, NULL, &result);
        g_assert_no_error (result.error);
        g_assert_cmpint (n, ==, 1);
      }
}

/* Each call sees itself, the outer one again when the inner one is over. */

typedef struct
{
  Kind inner;
  SmartCall *outer;
  GCancellable *inner_cancellable;
  int n;
} Nested;

static void
inner_looks (SmartCall *call, gpointer data)
{
  Nested *nested = data;

  assert_current (call);
  g_assert_true (call != nested->outer);
  nested->n++;
  smart_call_return_int (call, 7);
}

static void
outer_looks (SmartCall *call, gpointer data)
{
  Nested *nested = data;
  g_autoptr (SmartAsyncFunc) inner = kind_func_new (nested->inner, inner_looks, nested);
  g_autoptr (GError) error = NULL;

  nested->outer = call;
  assert_current (call);
  smart_async_func_call_sync (inner, NULL, NULL, 0, nested->inner_cancellable, NULL, &error);
  g_assert_no_error (error);
  assert_current (call);
  smart_call_return_int (call, 7);
}

static void
test_e3_e (void)
{
  const Kind kinds[] = { KIND_AT_ONCE, KIND_BLOCKING, KIND_DUAL };

  for (guint outer = 0; outer < G_N_ELEMENTS (kinds); outer++)
    for (guint inner = 0; inner < G_N_ELEMENTS (kinds); inner++)
      for (Cell cell = 0; cell < N_CELLS; cell++)
        {
          g_autoptr (GCancellable) cancellable = g_cancellable_new ();
          g_autoptr (GCancellable) other = g_cancellable_new ();
          Nested nested = { kinds[inner], NULL, other, 0 };
          g_autoptr (SmartAsyncFunc) func = kind_func_new (kinds[outer], outer_looks, &nested);
          g_auto (CellResult) result = CELL_RESULT_INIT;

          cell_run (cell, func, cancellable, NULL, NULL, &result);
          g_assert_no_error (result.error);
          g_assert_cmpint (nested.n, ==, 1);
          assert_nobody_is_current ();
        }
}

/* A nested call without a cancellable; the outermost caller's is cancelled while it runs. */

typedef struct
{
  GCancellable *outermost;
  Kind inner;
  gboolean smart;   /* the inner call is the smart one */
  gboolean entered; /* the outer call acts after a suspension */
  gboolean inherit; /* what is expected */
  int n;
} Inherit;

static void
inner_inherits (SmartCall *call, gpointer data)
{
  Inherit *inherit = data;
  GCancellable *own = smart_call_get_cancellable (call);

  if (inherit->inherit)
    {
      g_assert_nonnull (own);
      g_assert_false (g_cancellable_is_cancelled (own));
    }
  g_cancellable_cancel (inherit->outermost);
  g_assert_cmpint (own != NULL && g_cancellable_is_cancelled (own), ==, inherit->inherit);
  g_assert_cmpint (smart_call_return_error_if_cancelled (call), ==, inherit->inherit);
  if (!inherit->inherit)
    smart_call_return_int (call, 7);
  inherit->n++;
}

static void
call_inner (Inherit *inherit)
{
  g_autoptr (SmartAsyncFunc) inner = kind_func_new (inherit->inner, inner_inherits, inherit);
  g_autoptr (GError) error = NULL;

  smart_async_func_set_inherit_cancellable (inner, inherit->inherit);
  if (inherit->smart)
    {
      g_autoptr (SmartFuture) future = NULL;

      future = smart_async_func_call (inner, NULL, NULL, G_TYPE_INVALID);
      smart_future_get_value (future, NULL, &error);
    }
  else
    {
      smart_async_func_call_sync (inner, NULL, NULL, 0, NULL, NULL, &error);
    }

  if (inherit->inherit)
    g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  else
    g_assert_no_error (error);
  g_assert_cmpint (inherit->n, ==, 1);
}

static void
outer_bequeaths (SmartCall *call, gpointer data)
{
  Inherit *inherit = data;

  if (inherit->entered)
    smart_call_enter (call);
  call_inner (inherit);
  if (inherit->entered)
    smart_call_leave (call);
  smart_call_return_int (call, 7);
}

static void
run_inheritance (gboolean expected)
{
  const struct
  {
    Kind kind;
    gboolean smart_is_sync; /* its inner smart calls are in a sync context */
    gboolean entered;
  } outers[] = {
    { KIND_AT_ONCE, FALSE, FALSE }, { KIND_BLOCKING, TRUE, FALSE },  { KIND_DUAL, FALSE, FALSE },
    { KIND_LATER, FALSE, TRUE },    { KIND_ELSEWHERE, FALSE, TRUE },
  };
  const Kind inners[] = { KIND_AT_ONCE, KIND_LATER, KIND_BLOCKING, KIND_DUAL };

  for (guint o = 0; o < G_N_ELEMENTS (outers); o++)
    for (guint i = 0; i < G_N_ELEMENTS (inners); i++)
      for (gboolean smart = FALSE; smart <= outers[o].smart_is_sync; smart++)
        for (Cell cell = 0; cell < N_CELLS; cell++)
          {
            g_autoptr (GCancellable) cancellable = g_cancellable_new ();
            Inherit inherit = {
              cancellable, inners[i], smart, outers[o].entered, expected, 0,
            };
            g_autoptr (SmartAsyncFunc) func =
                kind_func_new (outers[o].kind, outer_bequeaths, &inherit);

            cell_assert_error (cell, func, cancellable, G_IO_ERROR, G_IO_ERROR_CANCELLED);
            g_assert_cmpint (inherit.n, ==, 1);
          }
}

static void
test_e3_f (void)
{
  run_inheritance (TRUE);
}

static void
test_e3_g (void)
{
  run_inheritance (FALSE);
}

/* In a continuation it is the continuation's call whose cancellable is inherited. */
typedef struct
{
  Kind inner;
  gboolean inherit;
  SmartCall *call;
  int n;
} ContinuationInherits;

static void
cancelled_from_continuation (SmartCall *call, gpointer data)
{
  ContinuationInherits *inherits = data;
  GCancellable *own = smart_call_get_cancellable (call);
  GCancellable *outer = smart_call_get_cancellable (inherits->call);

  g_assert_nonnull (outer);
  g_cancellable_cancel (outer);
  g_assert_cmpint (own != NULL && g_cancellable_is_cancelled (own), ==, inherits->inherit);
  inherits->n++;
  smart_call_return_int (call, 7);
}

static void
continuation_bequeaths (SmartCall *call, SmartFuture *settled, gpointer data)
{
  ContinuationInherits *inherits = data;
  g_autoptr (SmartAsyncFunc) inner =
      kind_func_new (inherits->inner, cancelled_from_continuation, inherits);
  g_autoptr (GError) error = NULL;

  inherits->call = call;
  smart_async_func_set_inherit_cancellable (inner, inherits->inherit);
  smart_async_func_call_sync (inner, NULL, NULL, 0, NULL, NULL, &error);
  if (inherits->inherit)
    g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  else
    g_assert_no_error (error);
  smart_call_return_int (call, 7);
}

static void
run_continuation_inheritance (gboolean expected)
{
  const Kind inners[] = { KIND_AT_ONCE, KIND_LATER, KIND_BLOCKING, KIND_DUAL };

  for (guint i = 0; i < G_N_ELEMENTS (inners); i++)
    for (gboolean in_loop = FALSE; in_loop <= TRUE; in_loop++)
      {
        ContinuationInherits inherits = { inners[i], expected, NULL, 0 };
        g_autoptr (SmartAsyncFunc) func = kind_func_new (KIND_AT_ONCE, return_seven, NULL);
        Attached attached = {
          smart_future_then, continuation_bequeaths, func, NULL, &inherits,
        };

        if (in_loop)
          {
            smart_test_in_loop (attach_it, attached_is_over, &attached);
          }
        else
          {
            attach_it (&attached);
            smart_test_iterate_until (NULL, attached_is_over, &attached);
          }
        g_assert_cmpint (inherits.n, ==, 1);
        g_assert_error (attached.wait.error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
        g_clear_error (&attached.wait.error);
        g_object_unref (attached.child);
      }
}

static void
test_e3_f_continuation (void)
{
  run_continuation_inheritance (TRUE);
}

static void
test_e3_g_continuation (void)
{
  run_continuation_inheritance (FALSE);
}

/* A source of the application's, dispatched while a call waits in its context. */

static gboolean
stray_looks (gpointer data)
{
  int *n = data;

  assert_nobody_is_current ();
  (*n)++;
  return G_SOURCE_CONTINUE;
}

typedef struct
{
  int n_strays;
  int target;
  SmartCall *call;
  SmartMainContextPolicy policy;
  GSource *stray;
} Strays;

static gboolean
enough_strays (gpointer data)
{
  Strays *strays = data;

  if (strays->n_strays < strays->target)
    return G_SOURCE_CONTINUE;

  smart_call_return_int (strays->call, 7);
  g_clear_object (&strays->call);
  return G_SOURCE_REMOVE;
}

static void
wait_for_strays (SmartCall *call, gpointer data)
{
  Strays *strays = data;

  strays->call = g_object_ref (call);
  strays->target = strays->n_strays + 3;
  smart_call_add_timeout (call, 1, enough_strays, strays, NULL);
}

static void
attach_stray (Strays *strays, GMainContext *context)
{
  strays->stray = g_timeout_source_new (0);
  g_source_set_callback (strays->stray, stray_looks, &strays->n_strays, NULL);
  g_source_attach (strays->stray, context);
}

static void
leave_stray (SmartCall *call, gpointer data)
{
  attach_stray (data, smart_call_get_context (call));
  smart_call_return_int (call, 7);
}

static void
nest_a_wait (SmartCall *call, gpointer data)
{
  Strays *strays = data;
  g_autoptr (SmartAsyncFunc) inner = smart_async_func_new (wait_for_strays, strays, NULL);
  g_autoptr (GError) error = NULL;

  if (strays->policy == SMART_MAIN_CONTEXT_CURRENT)
    attach_stray (strays, g_main_context_get_thread_default ());
  smart_async_func_set_main_context_policy (inner, strays->policy);
  smart_async_func_call_sync (inner, NULL, NULL, 0, NULL, NULL, &error);
  g_assert_no_error (error);
  assert_current (call);
  g_assert_cmpint (strays->n_strays, >=, 3);
  smart_call_return_int (call, 7);
}

static void
test_e3_h (void)
{
  const SmartMainContextPolicy policies[] = { SMART_MAIN_CONTEXT_CURRENT,
                                              SMART_MAIN_CONTEXT_PRIVATE };
  const Cell cells[] = { CELL_S_SYNC, CELL_S_SMART, CELL_A_SYNC };

  for (guint p = 0; p < G_N_ELEMENTS (policies); p++)
    for (guint c = 0; c < G_N_ELEMENTS (cells); c++)
      {
        g_autoptr (GCancellable) cancellable = g_cancellable_new ();
        Strays strays = { 0, 0, NULL, policies[p], NULL };
        g_autoptr (SmartAsyncFunc) outer = kind_func_new (KIND_BLOCKING, nest_a_wait, &strays);
        g_auto (CellResult) result = CELL_RESULT_INIT;

        /* Something that an earlier call left in the context which the next one will use. */
        if (policies[p] == SMART_MAIN_CONTEXT_PRIVATE)
          {
            g_autoptr (SmartAsyncFunc) earlier = kind_func_new (KIND_AT_ONCE, leave_stray, &strays);

            cell_assert_int (CELL_S_SYNC, earlier, 7);
          }

        cell_run (cells[c], outer, cancellable, NULL, NULL, &result);
        g_assert_no_error (result.error);
        g_source_destroy (strays.stray);
        g_source_unref (strays.stray);
      }
}

/* The same for a call that is run to its end for a sync caller, without another around it. */
static void
test_e3_h_direct (void)
{
  const Cell cells[] = { CELL_S_SYNC, CELL_S_SMART };
  gboolean on_main = smart_test_on_main_thread ();
  g_autoptr (GMainContext) context = on_main ? NULL : g_main_context_new ();

  for (guint c = 0; c < G_N_ELEMENTS (cells); c++)
    {
      g_autoptr (GCancellable) cancellable = g_cancellable_new ();
      Strays strays = { 0, 0, NULL, SMART_MAIN_CONTEXT_CURRENT, NULL };
      g_autoptr (SmartAsyncFunc) func = smart_async_func_new (wait_for_strays, &strays, NULL);
      g_auto (CellResult) result = CELL_RESULT_INIT;

      smart_async_func_set_main_context_policy (func, SMART_MAIN_CONTEXT_CURRENT);
      attach_stray (&strays, context);
      if (!on_main)
        g_main_context_push_thread_default (context);
      if (on_main)
        {
          cell_run (cells[c], func, cancellable, NULL, NULL, &result);
        }
      else
        {
          /* A thread that owns its pushed context is in an async one. */
          result.ok = smart_async_func_call_sync (func, NULL, NULL, 0, cancellable, &result.value,
                                                  &result.error);
          g_main_context_pop_thread_default (context);
        }
      g_assert_no_error (result.error);
      g_assert_cmpint (strays.n_strays, >=, 3);
      g_source_destroy (strays.stray);
      g_source_unref (strays.stray);
    }
}

static gboolean
in_the_bodys_loop (gpointer data)
{
  int *n = data;

  g_assert_null (smart_call_get_current ());
  (*n)++;
  return G_SOURCE_REMOVE;
}

static gboolean
one_was_there (gpointer data)
{
  return *(int *) data > 0;
}

static void
run_a_loop (SmartCall *call, gpointer data)
{
  int *n = data;
  g_autoptr (GMainContext) context = g_main_context_new ();
  g_autoptr (GSource) source = g_idle_source_new ();

  assert_current (call);
  g_source_set_callback (source, in_the_bodys_loop, n, NULL);
  g_source_attach (source, context);
  smart_test_iterate_until (context, one_was_there, n);
  assert_current (call);
  smart_call_return_int (call, 7);
}

static void
test_e3_i (void)
{
  const Kind kinds[] = { KIND_AT_ONCE, KIND_BLOCKING, KIND_DUAL };

  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    for (Cell cell = 0; cell < N_CELLS; cell++)
      {
        int n = 0;
        g_autoptr (SmartAsyncFunc) func = kind_func_new (kinds[i], run_a_loop, &n);

        cell_assert_int (cell, func, 7);
        g_assert_cmpint (n, ==, 1);
      }
}

/* E4 */

#define DEADLINE_MSEC 50
#define DEADLINE_USEC (DEADLINE_MSEC * G_TIME_SPAN_MILLISECOND)

typedef struct
{
  Cell cell;
  gboolean blocking;
} Late;

/* Runs into the deadline, and ends what it left. */
static gint64
run_late (Held *held, const Late *late)
{
  g_autoptr (SmartAsyncFunc) func = NULL;
  g_auto (CellResult) result = CELL_RESULT_INIT;

  func = held_func_new (held, late->blocking);
  smart_async_func_set_timeout (func, DEADLINE_MSEC);
  cell_run (late->cell, func, held->cancellable, NULL, NULL, &result);
  g_assert_error (result.error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  g_assert_false (g_atomic_int_get (&held->was_released));
  g_assert_false (g_cancellable_is_cancelled (held->cancellable));

  return result.usec;
}

static gint64
measure_late (gpointer data)
{
  g_auto (Held) held;
  gint64 usec;

  held_init (&held);
  usec = run_late (&held, data);
  held_end (&held);
  smart_test_wait_for_stat ("tickets", 0);
  /* A millisecond for timers that count in them. */
  g_assert_cmpint (usec, >=, DEADLINE_USEC - G_TIME_SPAN_MILLISECOND);

  return usec;
}

static void
test_e4_a (void)
{
  for (gboolean blocking = FALSE; blocking <= TRUE; blocking++)
    for (Cell cell = 0; cell < N_CELLS; cell++)
      {
        Late late = { cell, blocking };

        smart_test_best_of_five (measure_late, DEADLINE_USEC + 50 * G_TIME_SPAN_MILLISECOND, &late);
      }
}

/* What comes in time is not touched. */
static void
test_e4_a_in_time (void)
{
  for (Kind kind = 0; kind < N_KINDS; kind++)
    {
      g_autoptr (SmartAsyncFunc) func = kind_func_new (kind, return_seven, NULL);

      smart_async_func_set_timeout (func, smart_test_bound (SMART_TEST_DEADLINE_USEC) / 1000);
      for (Cell cell = 0; cell < N_CELLS; cell++)
        cell_assert_int (cell, func, 7);
    }
}

static void
test_e4_b (void)
{
  for (gboolean blocking = FALSE; blocking <= TRUE; blocking++)
    for (Cell cell = 0; cell < N_CELLS; cell++)
      {
        Late late = { cell, blocking };
        g_auto (Held) held;

        held_init (&held);
        run_late (&held, &late);
        smart_test_gate_wait (&held.started);
        g_assert_nonnull (held.own);
        g_assert_true (g_cancellable_is_cancelled (held.own));
        held_end (&held);
      }
}

/* The caller is gone while the body goes on; what that returns at last is freed, and seen by nobody. */
static void
test_e4_c (void)
{
  for (gboolean blocking = FALSE; blocking <= TRUE; blocking++)
    for (Cell cell = 0; cell < N_CELLS; cell++)
      {
        Late late = { cell, blocking };
        g_auto (Held) held;

        held_init (&held);
        run_late (&held, &late);
        g_assert_false (smart_test_gate_is_open (&held.ended));
        held_end (&held);
        smart_test_wait_for_stat ("tickets", 0);
        smart_test_wait_until (result_is_freed, &held);
        g_assert_cmpint (g_atomic_int_get (&held.n_destroyed), ==, 1);
      }
}

typedef struct
{
  SmartTestGate never;
  gint64 returned;
  SmartCall *call;
} Stubborn;

/* Does not go back to its loop before the deadline is long over. */
static void
stubborn_body (SmartCall *call, gpointer data)
{
  Stubborn *stubborn = data;

  stubborn->call = g_object_ref (call);
  smart_test_gate_wait_for (&stubborn->never, 2 * DEADLINE_USEC);
  stubborn->returned = g_get_monotonic_time ();
}

static void
test_e4_d (void)
{
  for (Cell cell = 0; cell < N_CELLS; cell++)
    {
      Stubborn stubborn = { 0 };
      g_autoptr (SmartAsyncFunc) func = smart_async_func_new (stubborn_body, &stubborn, NULL);
      g_auto (CellResult) result = CELL_RESULT_INIT;

      smart_test_gate_init (&stubborn.never);
      smart_async_func_set_timeout (func, DEADLINE_MSEC);
      cell_run (cell, func, NULL, NULL, NULL, &result);
      g_assert_error (result.error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
      g_assert_cmpint (stubborn.returned, !=, 0);
      g_assert_cmpint (result.usec, >=, 2 * DEADLINE_USEC);
      g_assert_true (g_cancellable_is_cancelled (smart_call_get_cancellable (stubborn.call)));
      g_object_unref (stubborn.call);
      smart_test_gate_clear (&stubborn.never);
    }
}

/* E5 */

/* Who ran, for everything of the user's that a cancellation may set off. */
typedef struct
{
  GThread *here; /* where all of it belongs */
  GCancellable *cancellable;
  SmartFuture *future;
  SmartFuture *children[3];
  gboolean through_future;
  int n_run;
  int n_freed;
} Witness;

static void
witness_ran (Witness *witness)
{
  g_assert_true (g_thread_self () == witness->here);
  witness->n_run++;
}

static void
witness_freed (gpointer data)
{
  Witness *witness = data;

  g_assert_true (g_thread_self () == witness->here);
  witness->n_freed++;
}

static void
witness_continuation (SmartCall *call, SmartFuture *settled, gpointer data)
{
  witness_ran (data);
  smart_call_return_int (call, 7);
}

static void
witness_callback (GObject *object, GAsyncResult *res, gpointer data)
{
  g_autoptr (GError) error = NULL;

  smart_future_wait_finish (SMART_FUTURE (object), res, NULL, &error);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  witness_ran (data);
}

static void
cancel_elsewhere (gpointer data)
{
  Witness *witness = data;

  g_assert_true (g_thread_self () != witness->here);
  if (witness->through_future)
    smart_future_cancel (witness->future);
  else
    g_cancellable_cancel (witness->cancellable);
}

/* Attaches all there is to attach, has another thread cancel, and waits for all of it here. */
static void
witness_cancel (Witness *witness)
{
  SmartFuture *future = witness->future;

  g_assert_cmpint (smart_future_get_status (future), ==, SMART_FUTURE_PENDING);
  witness->children[0] = smart_future_then (future, witness_continuation, witness, witness_freed);
  witness->children[1] = smart_future_catch (future, witness_continuation, witness, witness_freed);
  witness->children[2] =
      smart_future_finally (future, witness_continuation, witness, witness_freed);
  smart_future_wait_async (future, NULL, witness_callback, witness);

  smart_test_on_thread (cancel_elsewhere, witness);
  g_assert_cmpint (witness->n_run, ==, 0);
}

/* catch, finally and the callback run, then is passed over; all three are freed. */
static gboolean
witness_is_complete (gpointer data)
{
  Witness *witness = data;

  return witness->n_run == 3 && witness->n_freed == 3;
}

static void
witness_clear (Witness *witness)
{
  for (guint i = 0; i < G_N_ELEMENTS (witness->children); i++)
    g_clear_object (&witness->children[i]);
  g_clear_object (&witness->future);
  g_clear_object (&witness->cancellable);
}

static void
cancel_by_hand (gpointer data)
{
  Witness *witness = data;

  witness->future = smart_future_new (witness->cancellable);
  witness_cancel (witness);
}

typedef struct
{
  Witness witness;
  Held held;
  SmartAsyncFunc *func;
} HeldWitness;

static void
cancel_call (gpointer data)
{
  HeldWitness *held = data;

  held->witness.future =
      smart_async_func_call (held->func, NULL, held->witness.cancellable, G_TYPE_INVALID);
  smart_test_gate_wait (&held->held.started);
  witness_cancel (&held->witness);
  if (!smart_async_func_get_abandon_on_cancel (held->func))
    held_let_go (&held->held);
}

static void
test_e5_a (void)
{
  for (gboolean through_future = FALSE; through_future <= TRUE; through_future++)
    {
      Witness witness = { g_thread_self (), g_cancellable_new (), NULL };

      witness.through_future = through_future;
      smart_test_in_loop (cancel_by_hand, witness_is_complete, &witness);
      witness_clear (&witness);
    }
}

static void
test_e5_a_call (void)
{
  for (gboolean blocking = FALSE; blocking <= TRUE; blocking++)
    for (gboolean abandon = FALSE; abandon <= TRUE; abandon++)
      for (gboolean through_future = FALSE; through_future <= TRUE; through_future++)
        {
          HeldWitness held = { { g_thread_self (), g_cancellable_new (), NULL } };

          held_init (&held.held);
          held.witness.through_future = through_future;
          held.func = held_func_new (&held.held, blocking);
          smart_async_func_set_abandon_on_cancel (held.func, abandon);
          smart_test_in_loop (cancel_call, witness_is_complete, &held);
          if (abandon)
            held_end (&held.held);
          witness_clear (&held.witness);
          g_object_unref (held.func);
          held_clear (&held.held);
        }
}

typedef struct
{
  SmartTestGate returned;
  GThread *ran_on;
  GThread *cancelled_on;
  GCancellable *cancellable;
  SmartFuture *future;
  SmartCall *call;
  gulong id;
  int n;
} Handler;

static void
handler_init (Handler *handler)
{
  memset (handler, 0, sizeof *handler);
  smart_test_gate_init (&handler->returned);
  handler->cancellable = g_cancellable_new ();
}

static void
handler_clear (Handler *handler)
{
  g_clear_object (&handler->call);
  g_clear_object (&handler->future);
  g_clear_object (&handler->cancellable);
  smart_test_gate_clear (&handler->returned);
}

static gpointer
cancel_here (gpointer data)
{
  Handler *handler = data;

  handler->cancelled_on = g_thread_self ();
  g_cancellable_cancel (handler->cancellable);
  smart_test_gate_open (&handler->returned);
  return NULL;
}

/* On a thread of its own, so that a cancellation that hangs is a failure and not a hang. */
static void
handler_cancel (Handler *handler)
{
  GThread *thread = g_thread_new ("cancel", cancel_here, handler);

  smart_test_gate_wait (&handler->returned);
  g_thread_join (thread);
}

static void
record_notify (SmartFuture *future, gpointer data)
{
  Handler *handler = data;

  g_assert_cmpint (smart_future_get_status (future), ==, SMART_FUTURE_REJECTED);
  handler->ran_on = g_thread_self ();
  handler->n++;
}

static void
test_e5_b (void)
{
  Handler handler;

  handler_init (&handler);
  handler.future = smart_future_new (handler.cancellable);
  smart_future_add_notify (handler.future, record_notify, &handler, nothing_to_free);
  handler_cancel (&handler);
  g_assert_cmpint (handler.n, ==, 1);
  g_assert_true (handler.ran_on == handler.cancelled_on);
  handler_clear (&handler);
}

static void
record_cancelled (GCancellable *cancellable, gpointer data)
{
  Handler *handler = data;

  handler->ran_on = g_thread_self ();
  handler->n++;
}

static void
connect_own (SmartCall *call, gpointer data)
{
  Handler *handler = data;

  handler->call = g_object_ref (call);
  handler->id = g_cancellable_connect (smart_call_get_cancellable (call),
                                       G_CALLBACK (record_cancelled), handler, NULL);
}

static void
call_and_cancel (gpointer data)
{
  Handler *handler = data;
  g_autoptr (SmartAsyncFunc) func = smart_async_func_new (connect_own, handler, NULL);

  handler->future = smart_async_func_call (func, NULL, handler->cancellable, G_TYPE_INVALID);
  handler_cancel (handler);
  g_assert_cmpint (handler->n, ==, 1);
  g_assert_true (handler->ran_on == handler->cancelled_on);
  g_cancellable_disconnect (smart_call_get_cancellable (handler->call), handler->id);
  smart_call_return_none (handler->call);
}

static void
test_e5_c (void)
{
  Handler handler;

  handler_init (&handler);
  smart_test_in_loop (call_and_cancel, NULL, &handler);
  handler_clear (&handler);
}

/* What a handler may do: settle the call, drop it, drop the future, cancel again. Each time the
 * library has a connection of its own to let go of, and must not wait for the handler that it is in. */

static void
settle_in_handler (GCancellable *cancellable, gpointer data)
{
  Handler *handler = data;
  SmartCall *call = g_steal_pointer (&handler->call);

  if (call != NULL)
    {
      g_assert_true (smart_call_return_error_if_cancelled (call));
      g_object_unref (call);
    }
  if (handler->future != NULL)
    smart_future_cancel (handler->future);
  g_cancellable_cancel (cancellable);
  handler->n++;
}

static void
drop_in_handler (GCancellable *cancellable, gpointer data)
{
  Handler *handler = data;

  g_clear_object (&handler->call);
  g_clear_object (&handler->future);
  handler->n++;
}

typedef struct
{
  GCallback in_handler;
  gboolean on_own; /* the handler is on the call's cancellable, else on the caller's */
  gboolean before; /* connected before the library connected anything */
  gboolean abandon;
  Handler handler;
} Reentry;

static void
reentrant_body (SmartCall *call, gpointer data)
{
  Reentry *reentry = data;

  reentry->handler.call = g_object_ref (call);
  if (reentry->on_own)
    g_signal_connect (smart_call_get_cancellable (call), "cancelled", reentry->in_handler,
                      &reentry->handler);
}

static void
reenter (gpointer data)
{
  Reentry *reentry = data;
  Handler *handler = &reentry->handler;
  g_autoptr (SmartAsyncFunc) func = smart_async_func_new (reentrant_body, reentry, NULL);
  g_autoptr (GCancellable) own = NULL;
  gulong id = 0;

  if (!reentry->on_own && reentry->before)
    id = g_cancellable_connect (handler->cancellable, reentry->in_handler, handler, NULL);
  smart_async_func_set_abandon_on_cancel (func, reentry->abandon);
  handler->future = smart_async_func_call (func, NULL, handler->cancellable, G_TYPE_INVALID);
  g_assert_nonnull (handler->call);
  own = g_object_ref (smart_call_get_cancellable (handler->call));
  if (!reentry->on_own && !reentry->before)
    id = g_cancellable_connect (handler->cancellable, reentry->in_handler, handler, NULL);

  handler_cancel (handler);
  g_assert_cmpint (handler->n, ==, 1);
  /* Where the handler came first, the call was over before the library heard of it. */
  if (reentry->on_own || !reentry->before)
    g_assert_true (g_cancellable_is_cancelled (own));

  if (reentry->on_own)
    g_signal_handlers_disconnect_by_data (own, handler);
  else
    g_cancellable_disconnect (handler->cancellable, id);
}

static void
test_e5_d (void)
{
  const GCallback in_handlers[] = { G_CALLBACK (settle_in_handler), G_CALLBACK (drop_in_handler) };

  for (guint i = 0; i < G_N_ELEMENTS (in_handlers); i++)
    for (gboolean on_own = FALSE; on_own <= TRUE; on_own++)
      for (gboolean before = FALSE; before <= TRUE; before++)
        for (gboolean abandon = FALSE; abandon <= TRUE; abandon++)
          {
            Reentry reentry = { in_handlers[i], on_own, before, abandon };

            handler_init (&reentry.handler);
            smart_test_in_loop (reenter, NULL, &reentry);
            handler_clear (&reentry.handler);
          }
}

/* By hand: the future's own handler settles it, and the user's one drops the future. */
static void
test_e5_d_by_hand (void)
{
  const GCallback in_handlers[] = { G_CALLBACK (settle_in_handler), G_CALLBACK (drop_in_handler) };

  for (guint i = 0; i < G_N_ELEMENTS (in_handlers); i++)
    for (gboolean before = FALSE; before <= TRUE; before++)
      {
        Handler handler;
        gulong id = 0;

        handler_init (&handler);
        if (before)
          id = g_cancellable_connect (handler.cancellable, in_handlers[i], &handler, NULL);
        handler.future = smart_future_new (handler.cancellable);
        if (!before)
          id = g_cancellable_connect (handler.cancellable, in_handlers[i], &handler, NULL);
        handler_cancel (&handler);
        g_assert_cmpint (handler.n, ==, 1);
        g_cancellable_disconnect (handler.cancellable, id);
        handler_clear (&handler);
      }
}

/* E6 */

static void
return_nothing (SmartCall *call, gpointer data)
{
}

static void
test_e6_a (void)
{
  g_autoptr (SmartAsyncFunc) func = kind_func_new (KIND_BLOCKING, return_nothing, NULL);

  for (Cell cell = 0; cell < N_CELLS; cell++)
    cell_assert_error (cell, func, NULL, SMART_ERROR, SMART_ERROR_NOT_RETURNED);
}

/* Even where the body left a reference that could still return: it has ended. */
static void
keep_call (SmartCall *call, gpointer data)
{
  g_set_object ((SmartCall **) data, call);
}

static void
test_e6_a_kept (void)
{
  for (Cell cell = 0; cell < N_CELLS; cell++)
    {
      g_autoptr (SmartCall) kept = NULL;
      g_autoptr (SmartAsyncFunc) func = kind_func_new (KIND_BLOCKING, keep_call, &kept);

      cell_assert_error (cell, func, NULL, SMART_ERROR, SMART_ERROR_NOT_RETURNED);
    }
}

static void
test_e6_b (void)
{
  const Kind kinds[] = { KIND_AT_ONCE, KIND_LATER, KIND_ELSEWHERE };

  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    {
      g_autoptr (SmartAsyncFunc) func = kind_func_new (kinds[i], return_nothing, NULL);

      for (Cell cell = 0; cell < N_CELLS; cell++)
        cell_assert_error (cell, func, NULL, SMART_ERROR, SMART_ERROR_NOT_RETURNED);
    }
}

static void
cancel_and_drop (SmartCall *call, gpointer data)
{
  g_cancellable_cancel (*(GCancellable **) data);
}

static void
test_e6_c (void)
{
  for (Kind kind = 0; kind < N_KINDS; kind++)
    for (Cell cell = 0; cell < N_CELLS; cell++)
      {
        g_autoptr (GCancellable) cancellable = g_cancellable_new ();
        g_autoptr (SmartAsyncFunc) func = kind_func_new (kind, cancel_and_drop, &cancellable);

        cell_assert_error (cell, func, cancellable, G_IO_ERROR, G_IO_ERROR_CANCELLED);
      }
}

typedef struct
{
  SmartFuture *parent;
  SmartFuture *child;
  SmartAsyncFunc *func;
  Wait wait;
} Dropped;

static void
continue_with_seven (SmartCall *call, SmartFuture *settled, gpointer data)
{
  g_assert_not_reached ();
}

static void
drop_parent (gpointer data)
{
  Dropped *dropped = data;

  dropped->parent = smart_future_new (NULL);
  dropped->child = smart_future_then (dropped->parent, continue_with_seven, NULL, nothing_to_free);
  dropped->wait.future = dropped->child;
  wait_for_future (&dropped->wait);
  g_clear_object (&dropped->parent);
}

static void
return_parent (SmartCall *call, gpointer data)
{
  Dropped *dropped = data;

  smart_call_return_future (call, dropped->parent);
}

static void
drop_returned (gpointer data)
{
  Dropped *dropped = data;

  dropped->parent = smart_future_new (NULL);
  dropped->child = smart_async_func_call (dropped->func, NULL, NULL, G_TYPE_INVALID);
  dropped->wait.future = dropped->child;
  wait_for_future (&dropped->wait);
  g_clear_object (&dropped->parent);
}

static gboolean
dropped_is_over (gpointer data)
{
  return future_came (&((Dropped *) data)->wait);
}

/* Every way to wait for what will never come has an end. */
static void
test_e6_d (void)
{
  const SmartTestCallback ways[] = { drop_parent, drop_returned };

  for (guint i = 0; i < G_N_ELEMENTS (ways); i++)
    {
      Dropped dropped = { NULL };

      dropped.func = smart_async_func_new (return_parent, &dropped, NULL);
      smart_test_in_loop (ways[i], dropped_is_over, &dropped);
      g_assert_error (dropped.wait.error, SMART_ERROR, SMART_ERROR_NOT_RETURNED);
      g_clear_error (&dropped.wait.error);
      g_object_unref (dropped.child);
      g_object_unref (dropped.func);
    }
}

static void
wait_here (gpointer data)
{
  Wait *waited = data;

  smart_future_wait (waited->future, -1, NULL, NULL, &waited->error);
  waited->done = TRUE;
}

typedef struct
{
  SmartAsyncFunc *func;
  SmartFuture *future;
} Begun;

static void
begin_call (gpointer data)
{
  Begun *begun = data;

  begun->future = smart_async_func_call (begun->func, NULL, NULL, G_TYPE_INVALID);
}

static gboolean
begun_is_settled (gpointer data)
{
  return smart_future_get_status (((Begun *) data)->future) != SMART_FUTURE_PENDING;
}

/* A wait without a deadline, on another thread, while the call is dropped. */
static void
test_e6_d_wait (void)
{
  for (Kind kind = 0; kind < N_KINDS; kind++)
    {
      g_autoptr (SmartAsyncFunc) func = kind_func_new (kind, return_nothing, NULL);
      Begun begun = { func, NULL };
      Wait waited = { NULL };

      smart_test_in_loop (begin_call, begun_is_settled, &begun);
      waited.future = begun.future;
      smart_test_on_thread (wait_here, &waited);
      g_assert_true (waited.done);
      g_assert_error (waited.error, SMART_ERROR, SMART_ERROR_NOT_RETURNED);
      g_clear_error (&waited.error);
      g_object_unref (begun.future);
    }
}

static void
return_twice (SmartCall *call, gpointer data)
{
  /* The caller may go on as soon as the first result is there, so all of this is locked out. */
  GMutex *mutex = data;

  g_mutex_lock (mutex);
  smart_call_return_int (call, 7);
  g_test_expect_message ("SmartAsync", G_LOG_LEVEL_CRITICAL, "*the-function*");
  smart_call_return_int (call, 8);
  g_test_assert_expected_messages ();
  g_test_expect_message ("SmartAsync", G_LOG_LEVEL_CRITICAL, "*the-function*");
  smart_call_return_new_error_literal (call, G_FILE_ERROR, G_FILE_ERROR_NOENT, "too late");
  g_test_assert_expected_messages ();
  g_mutex_unlock (mutex);
}

static void
run_twice (void)
{
  for (Kind kind = 0; kind < N_KINDS; kind++)
    for (Cell cell = 0; cell < N_CELLS; cell++)
      {
        GMutex mutex;
        g_autoptr (SmartAsyncFunc) func = NULL;

        g_mutex_init (&mutex);
        func = kind_func_new (kind, return_twice, &mutex);
        cell_assert_int (cell, func, 7);
        g_mutex_lock (&mutex);
        g_mutex_unlock (&mutex);
        g_mutex_clear (&mutex);
      }
}

static void
test_e6_g (void)
{
  run_twice ();
}

/* Without a name, and not made by a line of C that would give it one, the function
 * is named by its address. */
static void
unnamed_body (SmartCall *call, gpointer data)
{
  g_autofree char *address = g_strdup_printf ("*%p*", *(gpointer *) data);

  smart_call_return_int (call, 7);
  g_test_expect_message ("SmartAsync", G_LOG_LEVEL_CRITICAL, address);
  smart_call_return_int (call, 8);
  g_test_assert_expected_messages ();
}

static void
test_e6_h (void)
{
  gpointer self = NULL;
  g_autoptr (SmartAsyncFunc) func = (smart_async_func_new) (unnamed_body, &self, NULL);

  run_twice ();
  self = func;
  cell_assert_int (CELL_S_SYNC, func, 7);
}

/* E8 */

static void
return_from_here (SmartCall *call, gpointer data)
{
  g_assert_true (g_thread_self () != data);
  smart_call_return_int (call, 7);
}

/* cell_run () checks the thread and the context that the callback comes in. */
static void
test_e8_a (void)
{
  g_autoptr (SmartAsyncFunc) func = NULL;

  func = kind_func_new (KIND_ELSEWHERE, return_from_here, g_thread_self ());
  for (Cell cell = 0; cell < N_CELLS; cell++)
    cell_assert_int (cell, func, 7);
}

int
main (int argc, char **argv)
{
  smart_test_init (&argc, &argv);

  smart_test_add ("/contract/E1.a", test_e1_a);
  smart_test_add ("/contract/E2.a", test_e2_a);
  smart_test_add ("/contract/E2.b", test_e2_b);
  smart_test_add ("/contract/E2.c", test_e2_c);
  smart_test_add ("/contract/E2.d", test_e2_d);
  smart_test_add ("/contract/E2.d/future", test_e2_d_future);
  smart_test_add ("/contract/E2.e", test_e2_e);
  smart_test_add ("/contract/E2.f", test_e2_f);
  smart_test_add ("/contract/E3.a", test_e3_a);
  smart_test_add ("/contract/E3.b", test_e3_b);
  smart_test_add ("/contract/E3.d", test_e3_d);
  smart_test_add ("/contract/E3.e", test_e3_e);
  smart_test_add ("/contract/E3.f", test_e3_f);
  smart_test_add ("/contract/E3.f/continuation", test_e3_f_continuation);
  smart_test_add ("/contract/E3.g", test_e3_g);
  smart_test_add ("/contract/E3.g/continuation", test_e3_g_continuation);
  smart_test_add ("/contract/E3.h", test_e3_h);
  smart_test_add ("/contract/E3.h/direct", test_e3_h_direct);
  smart_test_add ("/contract/E3.i", test_e3_i);
  smart_test_add ("/contract/E4.a", test_e4_a);
  smart_test_add ("/contract/E4.a/in-time", test_e4_a_in_time);
  smart_test_add ("/contract/E4.b", test_e4_b);
  smart_test_add ("/contract/E4.c", test_e4_c);
  smart_test_add ("/contract/E4.d", test_e4_d);
  smart_test_add ("/contract/E5.a", test_e5_a);
  smart_test_add ("/contract/E5.a/call", test_e5_a_call);
  smart_test_add ("/contract/E5.b", test_e5_b);
  smart_test_add ("/contract/E5.c", test_e5_c);
  smart_test_add ("/contract/E5.d", test_e5_d);
  smart_test_add ("/contract/E5.d/by-hand", test_e5_d_by_hand);
  smart_test_add ("/contract/E6.a", test_e6_a);
  smart_test_add ("/contract/E6.a/kept", test_e6_a_kept);
  smart_test_add ("/contract/E6.b", test_e6_b);
  smart_test_add ("/contract/E6.c", test_e6_c);
  smart_test_add ("/contract/E6.d", test_e6_d);
  smart_test_add ("/contract/E6.d/wait", test_e6_d_wait);
  smart_test_add ("/contract/E6.g", test_e6_g);
  smart_test_add ("/contract/E6.h", test_e6_h);
  smart_test_add ("/contract/E8.a", test_e8_a);

  return g_test_run ();
}
