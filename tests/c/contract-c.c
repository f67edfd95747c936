/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The contract's section C: contexts. Its C7, which needs services to talk to,
 * is in contract-c-services.c. */

/* For unshare () */
#define _GNU_SOURCE

#include "cells.h"

#include <glib-unix.h>
#include <net/if.h>
#include <net/route.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static void
return_seven (SmartCall *call, gpointer data)
{
  smart_call_return_int (call, 7);
}

static void
call_sync (SmartAsyncFunc *func)
{
  g_auto (GValue) value = G_VALUE_INIT;
  g_autoptr (GError) error = NULL;

  smart_async_func_call_sync (func, NULL, NULL, 0, NULL, &value, &error);
  g_assert_no_error (error);
  g_assert_cmpint (g_value_get_int (&value), ==, 7);
}

/* A pair that needs no thread. Those of GIO's that take one from GTask's pool
 * hang in a forked child, and may close a file after they have returned. */
static gboolean
pair_ready (gpointer data)
{
  g_task_return_int (data, 7);
  return G_SOURCE_REMOVE;
}

static void
pair_async (GObject *object, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer data)
{
  g_autoptr (GTask) task = g_task_new (object, cancellable, callback, data);
  g_autoptr (GSource) source = g_idle_source_new ();

  g_source_set_callback (source, pair_ready, g_object_ref (task), g_object_unref);
  g_source_attach (source, g_task_get_context (task));
}

static void
pair_sync (void)
{
  g_autoptr (GAsyncResult) result = smart_sync (pair_async, NULL, NULL);

  g_assert_cmpint (g_task_propagate_int (G_TASK (result), NULL), ==, 7);
}

/* C1 */

#define DEPTH 3

/* An asynchronous function that calls itself, synchronously, and notes where each call runs. */
typedef struct
{
  SmartAsyncFunc *func;
  GMainContext *contexts[DEPTH];
  guint depth;
} Depths;

static void
deep_body (SmartCall *call, gpointer data)
{
  Depths *depths = data;
  GMainContext *context = smart_call_get_context (call);
  guint depth = depths->depth++;

  g_assert_true (context == g_main_context_get_thread_default ());
  if (depths->contexts[depth] == NULL)
    depths->contexts[depth] = g_main_context_ref (context);
  g_assert_true (depths->contexts[depth] == context);
  if (depth + 1 < DEPTH)
    call_sync (depths->func);
  depths->depth--;
  smart_call_return_int (call, 7);
}

static void
depths_init (Depths *depths)
{
  memset (depths, 0, sizeof *depths);
  depths->func = smart_async_func_new (deep_body, depths, NULL);
}

static void
depths_clear (Depths *depths)
{
  for (guint i = 0; i < DEPTH; i++)
    g_clear_pointer (&depths->contexts[i], g_main_context_unref);
  g_clear_object (&depths->func);
}

static void
test_c1_a (void)
{
  Depths depths;
  g_auto (SmartSyncCall) sync_call = SMART_SYNC_CALL_INIT;
  g_autoptr (GAsyncResult) result = NULL;
  const Cell cells[] = { CELL_S_SYNC, CELL_S_SMART, CELL_A_SYNC };

  depths_init (&depths);
  for (guint n = 0; n < 10; n++)
    for (guint i = 0; i < G_N_ELEMENTS (cells); i++)
      cell_assert_int (cells[i], depths.func, 7);
  for (guint i = 0; i < DEPTH; i++)
    for (guint j = 0; j < i; j++)
      g_assert_true (depths.contexts[i] != depths.contexts[j]);

  smart_sync_call_begin (&sync_call);
  g_assert_true (g_main_context_get_thread_default () == depths.contexts[0]);
  pair_async (NULL, NULL, smart_sync_call_ready, &sync_call);
  result = smart_sync_call_wait (&sync_call);

  depths_clear (&depths);
}

static void
blocking_makes_none (gpointer data)
{
  g_autoptr (SmartAsyncFunc) blocking = kind_func_new (KIND_BLOCKING, return_seven, NULL);
  g_autoptr (SmartAsyncFunc) dual = kind_func_new (KIND_DUAL, return_seven, NULL);
  g_autoptr (SmartAsyncFunc) async = kind_func_new (KIND_LATER, return_seven, NULL);
  guint64 created = smart_test_stat ("contexts-created");
  guint n_fds = smart_test_count_fds ();

  for (guint i = 0; i < 100; i++)
    {
      cell_assert_int (CELL_S_SYNC, blocking, 7);
      cell_assert_int (CELL_S_SMART, blocking, 7);
      cell_assert_int (CELL_S_SYNC, dual, 7);
      cell_assert_int (CELL_S_SMART, dual, 7);
    }
  g_assert_cmpuint (smart_test_stat ("contexts-created"), ==, created);
  g_assert_cmpuint (smart_test_count_fds (), ==, n_fds);

  /* The figures would have shown it. */
  cell_assert_int (CELL_S_SYNC, async, 7);
  g_assert_cmpuint (smart_test_stat ("contexts-created"), ==, created + 1);
  g_assert_cmpuint (smart_test_count_fds (), >, n_fds);
}

static void
test_c1_b (void)
{
  g_autoptr (SmartAsyncFunc) async = kind_func_new (KIND_LATER, return_seven, NULL);

  /* What is made once for the process is made by now; the thread is fresh. */
  call_sync (async);
  smart_test_on_thread (blocking_makes_none, NULL);
}

static gpointer
call_and_end (gpointer data)
{
  Depths depths;
  SmartTestGate *gate = data;

  depths_init (&depths);
  call_sync (depths.func);
  depths_clear (&depths);
  smart_test_gate_wait (gate);
  return NULL;
}

static void
test_c1_c (void)
{
  enum
  {
    AT_ONCE = 20
  };
  guint n_rounds = smart_test_scale (1000, 100) / AT_ONCE;
  guint n_fds = 0;
  guint64 n_contexts = 0;

  /* One round to make what is made once. */
  for (guint round = 0; round <= n_rounds; round++)
    {
      GThread *threads[AT_ONCE];
      SmartTestGate gate;

      smart_test_gate_init (&gate);
      for (guint i = 0; i < AT_ONCE; i++)
        threads[i] = g_thread_new ("caller", call_and_end, &gate);
      smart_test_gate_wait_for_waiters (&gate, AT_ONCE);
      g_assert_cmpuint (smart_test_stat ("contexts"), >=, n_contexts + AT_ONCE * DEPTH);
      smart_test_gate_open (&gate);
      for (guint i = 0; i < AT_ONCE; i++)
        g_thread_join (threads[i]);
      smart_test_gate_clear (&gate);

      if (round == 0)
        {
          n_fds = smart_test_count_fds ();
          n_contexts = smart_test_stat ("contexts");
        }
    }

  g_assert_cmpuint (smart_test_count_fds (), ==, n_fds);
  g_assert_cmpuint (smart_test_stat ("contexts"), ==, n_contexts);
}

/* C2, C3 */

/* An application's sources, all of them ready all of the time. */
typedef struct
{
  GMainContext *context; /* NULL: the default one */
  GSource *sources[3];
  int fds[2];
  int n; /* atomic */
} Busy;

static gboolean
busy_tick (gpointer data)
{
  g_atomic_int_inc ((int *) data);
  return G_SOURCE_CONTINUE;
}

static gboolean
busy_readable (int fd, GIOCondition condition, gpointer data)
{
  return busy_tick (data);
}

static void
busy_init (Busy *busy, GMainContext *context)
{
  memset (busy, 0, sizeof *busy);
  g_assert_true (g_unix_open_pipe (busy->fds, FD_CLOEXEC, NULL));
  g_assert_cmpint (write (busy->fds[1], "x", 1), ==, 1);

  busy->context = context;
  busy->sources[0] = g_idle_source_new ();
  g_source_set_callback (busy->sources[0], busy_tick, &busy->n, NULL);
  busy->sources[1] = g_timeout_source_new (0);
  g_source_set_callback (busy->sources[1], busy_tick, &busy->n, NULL);
  busy->sources[2] = g_unix_fd_source_new (busy->fds[0], G_IO_IN);
  g_source_set_callback (busy->sources[2], G_SOURCE_FUNC (busy_readable), &busy->n, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (busy->sources); i++)
    {
      g_source_set_priority (busy->sources[i], G_PRIORITY_DEFAULT);
      g_source_attach (busy->sources[i], context);
    }
}

static void
busy_clear (Busy *busy)
{
  for (guint i = 0; i < G_N_ELEMENTS (busy->sources); i++)
    {
      g_source_destroy (busy->sources[i]);
      g_source_unref (busy->sources[i]);
    }
  close (busy->fds[0]);
  close (busy->fds[1]);
}

/* Takes a while in its context, and needs many iterations. */
typedef struct
{
  int n_left;
  SmartCall *call;
} Ticks;

static gboolean
on_tick (gpointer data)
{
  Ticks *ticks = data;

  if (--ticks->n_left > 0)
    return G_SOURCE_CONTINUE;

  smart_call_return_int (ticks->call, 7);
  g_clear_object (&ticks->call);
  return G_SOURCE_REMOVE;
}

static void
ticking_body (SmartCall *call, gpointer data)
{
  Ticks *ticks = data;

  ticks->n_left = 20;
  ticks->call = g_object_ref (call);
  smart_call_add_timeout (call, 1, on_tick, ticks, NULL);
}

static gboolean
was_busy (gpointer data)
{
  return g_atomic_int_get (&((Busy *) data)->n) > 0;
}

static void
call_all_sync (SmartAsyncFunc *ticking)
{
  call_sync (ticking);
  for (Kind kind = 0; kind < N_KINDS; kind++)
    {
      g_autoptr (SmartAsyncFunc) func = kind_func_new (kind, return_seven, NULL);

      call_sync (func);
    }
}

static void
load_sync (void)
{
  g_autoptr (GFile) file = g_file_new_for_path ("/proc/self/status");
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GBytes) bytes = NULL;
  g_autoptr (GError) error = NULL;

  result = smart_sync (g_file_load_bytes_async, file, NULL);
  bytes = g_file_load_bytes_finish (file, result, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (g_bytes_get_size (bytes), >, 0);
}

static void
isolated_calls (gpointer data)
{
  SmartAsyncFunc *ticking = data;
  GSource *source = g_main_current_source ();
  Busy busy;

  busy_init (&busy, source != NULL ? g_source_get_context (source) : NULL);
  call_all_sync (ticking);
  pair_sync ();
  if (source == NULL)
    {
      g_autoptr (SmartFuture) future = smart_async_func_call (ticking, NULL, NULL, G_TYPE_INVALID);

      g_assert_cmpint (smart_future_get_status (future), ==, SMART_FUTURE_RESOLVED);
    }
  g_assert_cmpint (g_atomic_int_get (&busy.n), ==, 0);

  /* They would have run, had anyone iterated their context. */
  smart_test_iterate_until (busy.context, was_busy, &busy);
  busy_clear (&busy);
}

static void
test_c2_a (void)
{
  Ticks ticks = { 0 };
  g_autoptr (SmartAsyncFunc) ticking = smart_async_func_new (ticking_body, &ticks, NULL);

  isolated_calls (ticking);
  smart_test_in_loop (isolated_calls, NULL, ticking);
}

typedef struct
{
  Ticks ticks;
  GMainContext *context;
} Current;

static void
current_body (SmartCall *call, gpointer data)
{
  Current *current = data;

  current->context = smart_call_get_context (call);
  g_assert_true (g_main_context_is_owner (current->context));
  ticking_body (call, &current->ticks);
}

static GMainContext *
callers_context (void)
{
  GMainContext *context = g_main_context_get_thread_default ();

  return context != NULL ? context : g_main_context_default ();
}

static void
call_current (gpointer data)
{
  Current current = { { 0 }, NULL };
  g_autoptr (SmartAsyncFunc) func = smart_async_func_new (current_body, &current, NULL);
  Busy busy;

  smart_async_func_set_main_context_policy (func, SMART_MAIN_CONTEXT_CURRENT);
  busy_init (&busy, callers_context ());
  call_sync (func);
  g_assert_true (current.context == callers_context ());
  g_assert_cmpint (g_atomic_int_get (&busy.n), >, 0);
  if (!smart_context_is_async ())
    {
      g_autoptr (SmartFuture) future = NULL;

      g_atomic_int_set (&busy.n, 0);
      future = smart_async_func_call (func, NULL, NULL, G_TYPE_INVALID);
      g_assert_cmpint (smart_future_get_status (future), ==, SMART_FUTURE_RESOLVED);
      g_assert_true (current.context == callers_context ());
      g_assert_cmpint (g_atomic_int_get (&busy.n), >, 0);
    }
  busy_clear (&busy);
}

static void
run_current (void)
{
  g_autoptr (GMainContext) own = g_main_context_new ();

  call_current (NULL);
  smart_test_in_loop (call_current, NULL, NULL);

  g_main_context_push_thread_default (own);
  call_current (NULL);
  g_main_context_pop_thread_default (own);
}

static void
test_c3_a (void)
{
  run_current ();
}

static void
test_c3_b (void)
{
  run_current ();
}

/* Another thread owns the context: the body begins on the caller's, its sources run over there. */
typedef struct
{
  GThread *owner;
  GThread *caller;
  GMainContext *context;
  SmartTestGate done;
  SmartCall *call;
} OwnedElsewhere;

static gboolean
return_from_owner (gpointer data)
{
  OwnedElsewhere *elsewhere = data;

  g_assert_true (g_thread_self () == elsewhere->owner);
  smart_call_return_int (elsewhere->call, 7);
  g_clear_object (&elsewhere->call);
  return G_SOURCE_REMOVE;
}

static void
begin_here (SmartCall *call, gpointer data)
{
  OwnedElsewhere *elsewhere = data;

  g_assert_true (g_thread_self () == elsewhere->caller);
  g_assert_true (smart_call_get_context (call) == elsewhere->context);
  elsewhere->call = g_object_ref (call);
  smart_call_add_timeout (call, 1, return_from_owner, elsewhere, NULL);
}

static gpointer
call_from_here (gpointer data)
{
  OwnedElsewhere *elsewhere = data;
  g_autoptr (SmartAsyncFunc) func = smart_async_func_new (begin_here, elsewhere, NULL);

  elsewhere->caller = g_thread_self ();
  smart_async_func_set_main_context_policy (func, SMART_MAIN_CONTEXT_CURRENT);
  call_sync (func);
  smart_test_gate_open (&elsewhere->done);
  g_main_context_wakeup (elsewhere->context);
  return NULL;
}

static gboolean
caller_is_done (gpointer data)
{
  return smart_test_gate_is_open (&((OwnedElsewhere *) data)->done);
}

static void
test_c3_a_owned_elsewhere (void)
{
  OwnedElsewhere elsewhere = { g_thread_self (), NULL, g_main_context_default () };
  GThread *thread;

  smart_test_gate_init (&elsewhere.done);
  g_assert_true (g_main_context_acquire (elsewhere.context));
  thread = g_thread_new ("caller", call_from_here, &elsewhere);
  smart_test_iterate_until (elsewhere.context, caller_is_done, &elsewhere);
  g_main_context_release (elsewhere.context);
  g_thread_join (thread);
  smart_test_gate_clear (&elsewhere.done);
}

/* It gives the context up, and tells nobody: then the caller iterates it. */
typedef struct
{
  GThread *caller;
  SmartTestGate owned;
  SmartTestGate begun;
  SmartCall *call;
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

static gboolean
return_after_owner (gpointer data)
{
  Leaving *leaving = data;
  g_autoptr (SmartCall) call = g_steal_pointer (&leaving->call);

  g_assert_true (g_thread_self () == leaving->caller);
  smart_call_return_int (call, 7);
  return G_SOURCE_REMOVE;
}

static void
begin_before_owner_leaves (SmartCall *call, gpointer data)
{
  Leaving *leaving = data;

  leaving->call = g_object_ref (call);
  smart_call_add_timeout (call, 1, return_after_owner, leaving, NULL);
  smart_test_gate_open (&leaving->begun);
}

static void
test_c3_a_owner_leaves (void)
{
  Leaving leaving = { .caller = g_thread_self () };
  g_autoptr (SmartAsyncFunc) func =
      smart_async_func_new (begin_before_owner_leaves, &leaving, NULL);
  GThread *thread;

  smart_test_gate_init (&leaving.owned);
  smart_test_gate_init (&leaving.begun);
  smart_async_func_set_main_context_policy (func, SMART_MAIN_CONTEXT_CURRENT);
  thread = g_thread_new ("owner", own_for_a_while, &leaving);
  smart_test_gate_wait (&leaving.owned);
  call_sync (func);
  g_thread_join (thread);
  smart_test_gate_clear (&leaving.owned);
  smart_test_gate_clear (&leaving.begun);
}

/* C4 */

typedef struct
{
  GSource *source;
  int n;
  gboolean once;
} Leftover;

static gboolean
leftover_runs (gpointer data)
{
  Leftover *leftover = data;

  leftover->n++;
  return leftover->once ? G_SOURCE_REMOVE : G_SOURCE_CONTINUE;
}

static void
leave_idle (SmartCall *call, gpointer data)
{
  Leftover *leftover = data;

  leftover->source = g_idle_source_new ();
  g_source_set_callback (leftover->source, leftover_runs, leftover, NULL);
  g_source_attach (leftover->source, smart_call_get_context (call));
  smart_call_return_int (call, 7);
}

static gboolean
sleeper_dispatch (GSource *source, GSourceFunc callback, gpointer data)
{
  g_source_set_ready_time (source, -1);
  return callback (data);
}

static GSourceFuncs sleeper_funcs = { .dispatch = sleeper_dispatch };

/* Not ready before the test says so. */
static void
leave_sleeper (SmartCall *call, gpointer data)
{
  Leftover *leftover = data;

  leftover->source = g_source_new (&sleeper_funcs, sizeof (GSource));
  g_source_set_callback (leftover->source, leftover_runs, leftover, NULL);
  g_source_attach (leftover->source, smart_call_get_context (call));
  smart_call_return_int (call, 7);
}

static void
leftover_clear (Leftover *leftover)
{
  g_source_destroy (leftover->source);
  g_source_unref (leftover->source);
}

static void
test_c4_a (void)
{
  const Kind kinds[] = { KIND_AT_ONCE, KIND_LATER };
  const Cell cells[] = { CELL_S_SYNC, CELL_S_SMART, CELL_A_SYNC };

  for (guint k = 0; k < G_N_ELEMENTS (kinds); k++)
    for (guint c = 0; c < G_N_ELEMENTS (cells); c++)
      {
        Leftover late = { NULL, 0, TRUE };
        Leftover busy = { NULL, 0, FALSE };
        g_autoptr (SmartAsyncFunc) leave_late = kind_func_new (kinds[k], leave_idle, &late);
        g_autoptr (SmartAsyncFunc) leave_busy = kind_func_new (kinds[k], leave_idle, &busy);

        /* The late one is done with when the call returns, ... */
        cell_assert_int (cells[c], leave_late, 7);
        g_assert_cmpint (late.n, ==, 1);
        leftover_clear (&late);

        /* ... and one that never ends does not keep the caller. */
        cell_assert_int (cells[c], leave_busy, 7);
        g_assert_cmpint (busy.n, >, 0);
        g_assert_cmpint (busy.n, <, 1000);
        leftover_clear (&busy);
      }
}

static void
test_c4_b (void)
{
  const Cell cells[] = { CELL_S_SYNC, CELL_S_SMART, CELL_A_SYNC };
  g_autoptr (SmartAsyncFunc) next = kind_func_new (KIND_LATER, return_seven, NULL);

  for (guint c = 0; c < G_N_ELEMENTS (cells); c++)
    {
      Leftover busy = { NULL, 0, FALSE };
      Leftover sleeper = { NULL, 0, FALSE };
      g_autoptr (SmartAsyncFunc) leave_busy = kind_func_new (KIND_AT_ONCE, leave_idle, &busy);
      g_autoptr (SmartAsyncFunc) leave_other =
          kind_func_new (KIND_AT_ONCE, leave_sleeper, &sleeper);
      int n;

      cell_assert_int (cells[c], leave_other, 7);
      cell_assert_int (cells[c], next, 7);
      g_assert_cmpint (sleeper.n, ==, 0);
      g_source_set_ready_time (sleeper.source, 0);
      g_assert_cmpint (sleeper.n, ==, 0);
      cell_assert_int (cells[c], next, 7);
      g_assert_cmpint (sleeper.n, ==, 1);
      leftover_clear (&sleeper);

      cell_assert_int (cells[c], leave_busy, 7);
      n = busy.n;
      cell_assert_int (cells[c], next, 7);
      g_assert_cmpint (busy.n, >, n);
      leftover_clear (&busy);
    }
}

/* C5 */

/* Leaves something in a private context that tells of the context's end. */
typedef struct
{
  SmartAsyncFunc *func;
  guint depth;
  guint max_depth;
  int n_freed;
} Tokens;

static void
token_freed (gpointer data)
{
  g_atomic_int_inc ((int *) data);
}

static gboolean
token_never_runs (gpointer data)
{
  g_assert_not_reached ();
}

static void
leave_token (Tokens *tokens, GMainContext *context)
{
  g_autoptr (GSource) source = g_source_new (&sleeper_funcs, sizeof (GSource));

  g_source_set_callback (source, token_never_runs, &tokens->n_freed, token_freed);
  g_source_attach (source, context);
}

static void
token_body (SmartCall *call, gpointer data)
{
  Tokens *tokens = data;

  leave_token (tokens, smart_call_get_context (call));
  if (++tokens->depth < tokens->max_depth)
    call_sync (tokens->func);
  tokens->depth--;
  smart_call_return_int (call, 7);
}

static void
tokens_init (Tokens *tokens, guint max_depth)
{
  memset (tokens, 0, sizeof *tokens);
  tokens->max_depth = max_depth;
  tokens->func = smart_async_func_new (token_body, tokens, NULL);
}

static void
reset_in_thread (gpointer data)
{
  Tokens *tokens = data;
  guint64 n_contexts = smart_test_stat ("contexts");
  guint n_fds = smart_test_count_fds ();

  call_sync (tokens->func);
  g_assert_cmpint (g_atomic_int_get (&tokens->n_freed), ==, 0);
  g_assert_cmpuint (smart_test_stat ("contexts"), ==, n_contexts + DEPTH);

  smart_async_reset ();
  g_assert_cmpint (g_atomic_int_get (&tokens->n_freed), ==, DEPTH);
  g_assert_cmpuint (smart_test_stat ("contexts"), ==, n_contexts);
  g_assert_cmpuint (smart_test_count_fds (), ==, n_fds);

  /* Usable at once. */
  call_sync (tokens->func);
}

static void
test_c5_a (void)
{
  Tokens tokens;
  g_autoptr (SmartAsyncFunc) warm = kind_func_new (KIND_LATER, return_seven, NULL);

  call_sync (warm);
  smart_async_reset ();
  tokens_init (&tokens, DEPTH);
  reset_in_thread (&tokens);
  smart_async_reset ();
  tokens.n_freed = 0;
  smart_test_in_loop (reset_in_thread, NULL, &tokens);
  smart_async_reset ();
  g_object_unref (tokens.func);
}

typedef struct
{
  Tokens tokens;
  SmartTestGate called;
  SmartTestGate go_on;
  SmartTestGate called_again;
  SmartTestGate end;
} Other;

static gpointer
other_thread (gpointer data)
{
  Other *other = data;
  g_autoptr (SmartAsyncFunc) next = kind_func_new (KIND_LATER, return_seven, NULL);

  call_sync (other->tokens.func);
  smart_test_gate_open (&other->called);
  smart_test_gate_wait (&other->go_on);
  call_sync (next);
  smart_test_gate_open (&other->called_again);
  smart_test_gate_wait (&other->end);
  return NULL;
}

static gpointer
other_thread_ends (gpointer data)
{
  Other *other = data;

  call_sync (other->tokens.func);
  smart_test_gate_open (&other->called);
  smart_test_gate_wait (&other->end);
  return NULL;
}

static void
other_init (Other *other)
{
  tokens_init (&other->tokens, DEPTH);
  smart_test_gate_init (&other->called);
  smart_test_gate_init (&other->go_on);
  smart_test_gate_init (&other->called_again);
  smart_test_gate_init (&other->end);
}

static void
other_clear (Other *other)
{
  g_object_unref (other->tokens.func);
  smart_test_gate_clear (&other->called);
  smart_test_gate_clear (&other->go_on);
  smart_test_gate_clear (&other->called_again);
  smart_test_gate_clear (&other->end);
}

static void
test_c5_b (void)
{
  Other other;
  GThread *thread;

  other_init (&other);
  thread = g_thread_new ("other", other_thread, &other);
  smart_test_gate_wait (&other.called);
  smart_async_reset ();
  g_assert_cmpint (g_atomic_int_get (&other.tokens.n_freed), ==, 0);
  smart_test_gate_open (&other.go_on);
  smart_test_gate_wait (&other.called_again);
  g_assert_cmpint (g_atomic_int_get (&other.tokens.n_freed), ==, DEPTH);
  smart_test_gate_open (&other.end);
  g_thread_join (thread);
  other_clear (&other);
}

static void
test_c5_c (void)
{
  Other other;
  GThread *thread;

  other_init (&other);
  thread = g_thread_new ("other", other_thread_ends, &other);
  smart_test_gate_wait (&other.called);
  smart_async_reset ();
  g_assert_cmpint (g_atomic_int_get (&other.tokens.n_freed), ==, 0);
  smart_test_gate_open (&other.end);
  g_thread_join (thread);
  g_assert_cmpint (g_atomic_int_get (&other.tokens.n_freed), ==, DEPTH);
  other_clear (&other);
}

/* Resets in the middle, here and elsewhere, and goes on in its context. */
typedef struct
{
  Tokens tokens;
  Ticks ticks;
} InUse;

static void
reset_from_here (gpointer data)
{
  smart_async_reset ();
}

static void
reset_in_use (SmartCall *call, gpointer data)
{
  InUse *in_use = data;
  g_autoptr (SmartAsyncFunc) nested = kind_func_new (KIND_LATER, return_seven, NULL);

  leave_token (&in_use->tokens, smart_call_get_context (call));
  smart_async_reset ();
  smart_test_on_thread (reset_from_here, NULL);
  g_assert_cmpint (g_atomic_int_get (&in_use->tokens.n_freed), ==, 0);
  call_sync (nested);
  smart_async_reset ();
  call_sync (nested);
  g_assert_cmpint (g_atomic_int_get (&in_use->tokens.n_freed), ==, 0);
  ticking_body (call, &in_use->ticks);
}

static void
test_c5_d (void)
{
  const Cell cells[] = { CELL_S_SYNC, CELL_S_SMART, CELL_A_SYNC };

  for (guint c = 0; c < G_N_ELEMENTS (cells); c++)
    {
      InUse in_use = { { 0 } };
      g_autoptr (SmartAsyncFunc) func = smart_async_func_new (reset_in_use, &in_use, NULL);

      cell_assert_int (cells[c], func, 7);
      smart_async_reset ();
      g_assert_cmpint (g_atomic_int_get (&in_use.tokens.n_freed), ==, 1);
    }
}

#define N_BUSY_THREADS 8

typedef struct
{
  int n_running;
  int n_right;
  int stop;
} BusyThreads;

static void
return_argument (SmartCall *call, gpointer data)
{
  smart_call_return_int (call, smart_call_get_int (call, 0));
}

static gpointer
busy_thread (gpointer data)
{
  BusyThreads *threads = data;
  SmartAsyncFunc *funcs[N_KINDS];
  int n = 0;

  for (Kind kind = 0; kind < N_KINDS; kind++)
    funcs[kind] = kind_func_new (kind, return_argument, NULL);

  g_atomic_int_inc (&threads->n_running);
  while (n < 20 || !g_atomic_int_get (&threads->stop))
    {
      g_autoptr (SmartFuture) future = NULL;
      g_autoptr (GError) error = NULL;

      future =
          smart_async_func_call (funcs[n % N_KINDS], NULL, NULL, G_TYPE_INT, n, G_TYPE_INVALID);
      g_assert_cmpint (smart_future_get_int (future, &error), ==, n);
      g_assert_no_error (error);
      g_atomic_int_inc (&threads->n_right);
      n++;
    }
  g_atomic_int_add (&threads->n_running, -1);

  for (Kind kind = 0; kind < N_KINDS; kind++)
    g_object_unref (funcs[kind]);

  return NULL;
}

static gboolean
all_have_ended (gpointer data)
{
  return g_atomic_int_get (&((BusyThreads *) data)->n_running) == 0;
}

static gboolean
all_are_running (gpointer data)
{
  return g_atomic_int_get (&((BusyThreads *) data)->n_running) == N_BUSY_THREADS;
}

static void
run_busy_threads (void)
{
  BusyThreads busy = { 0 };
  GThread *threads[N_BUSY_THREADS];
  g_autoptr (SmartAsyncFunc) mine = kind_func_new (KIND_LATER, return_seven, NULL);
  guint n_resets = smart_test_scale (500, 50);
  int before;

  for (guint i = 0; i < N_BUSY_THREADS; i++)
    threads[i] = g_thread_new ("busy", busy_thread, &busy);
  smart_test_wait_until (all_are_running, &busy);

  for (guint i = 0; i < n_resets; i++)
    {
      smart_async_reset ();
      if (i % 10 == 0)
        call_sync (mine);
    }
  before = g_atomic_int_get (&busy.n_right);
  g_assert_cmpint (before, >, 0);

  g_atomic_int_set (&busy.stop, TRUE);
  smart_test_wait_until (all_have_ended, &busy);
  for (guint i = 0; i < N_BUSY_THREADS; i++)
    g_thread_join (threads[i]);
  g_assert_cmpint (g_atomic_int_get (&busy.n_right), >=, 20 * N_BUSY_THREADS);
}

static void
test_c5_e (void)
{
  run_busy_threads ();
}

static void
test_c5_f (void)
{
  run_busy_threads ();
}

/* C6 */

static void
call_every_way (SmartAsyncFunc *func, GCancellable *cancellable)
{
  GMainContext *before = g_main_context_get_thread_default ();
  g_autoptr (SmartFuture) future = NULL;

  smart_async_func_call_sync (func, NULL, NULL, 0, cancellable, NULL, NULL);
  g_assert_true (g_main_context_get_thread_default () == before);

  future = smart_async_func_call (func, NULL, cancellable, G_TYPE_INVALID);
  g_assert_true (g_main_context_get_thread_default () == before);
  smart_future_wait (future, 1000, NULL, NULL, NULL);
  g_assert_true (g_main_context_get_thread_default () == before);

  smart_async_func_call_async (func, NULL, NULL, 0, cancellable, NULL, NULL);
  g_assert_true (g_main_context_get_thread_default () == before);
}

static void
keep_context (gpointer data)
{
  for (Kind kind = 0; kind < N_KINDS; kind++)
    {
      g_autoptr (SmartAsyncFunc) func = kind_func_new (kind, return_seven, NULL);
      g_autoptr (SmartAsyncFunc) current = NULL;

      call_every_way (func, NULL);
      current =
          smart_async_func_derive (func, "main-context-policy", SMART_MAIN_CONTEXT_CURRENT, NULL);
      call_every_way (current, NULL);
    }
  load_sync ();
}

/* In a sync context, in a loop, and under a context of the caller's own; popping
 * a context that is not the innermost one is a critical. */
static void
run_under_contexts (SmartTestCallback func)
{
  g_autoptr (GMainContext) own = g_main_context_new ();

  func (NULL);
  smart_test_in_loop (func, NULL, NULL);
  g_main_context_push_thread_default (own);
  func (NULL);
  g_main_context_pop_thread_default (own);
}

static void
test_c6_a (void)
{
  run_under_contexts (keep_context);
}

static void
exit_with_error (SmartCall *call, gpointer data)
{
  smart_call_return_new_error_literal (call, G_FILE_ERROR, G_FILE_ERROR_NOENT, "no");
}

static void
exit_cancelled (SmartCall *call, gpointer data)
{
  g_cancellable_cancel (smart_call_get_cancellable (call));
}

static void
exit_unsettled (SmartCall *call, gpointer data)
{
}

static void
exit_after_failure_within (SmartCall *call, gpointer data)
{
  for (Kind kind = 0; kind < N_KINDS; kind++)
    {
      g_autoptr (SmartAsyncFunc) func = kind_func_new (kind, exit_with_error, NULL);
      GMainContext *before = g_main_context_get_thread_default ();

      g_assert_false (smart_async_func_call_sync (func, NULL, NULL, 0, NULL, NULL, NULL));
      g_assert_true (g_main_context_get_thread_default () == before);
    }
  smart_call_return_int (call, 7);
}

/* Never returns; the deadline ends it. */
static void
free_call (gpointer data)
{
  g_object_unref (data);
}

static gboolean
never (gpointer data)
{
  return G_SOURCE_CONTINUE;
}

static void
exit_by_deadline (SmartCall *call, gpointer data)
{
  if (smart_call_get_context (call) != NULL)
    smart_call_add_timeout (call, G_MAXINT, never, g_object_ref (call), free_call);
}

static void
exit_with_invalid_result (SmartCall *call, gpointer data)
{
  smart_call_return_double (call, 0.5);
}

static void
keep_context_on_every_path (gpointer data)
{
  const SmartBody exits[] = {
    exit_with_error,           exit_cancelled,           exit_unsettled,
    exit_after_failure_within, exit_with_invalid_result, exit_by_deadline,
  };
  const GType params[] = { G_TYPE_INT };
  g_autoptr (GCancellable) cancelled = g_cancellable_new ();

  g_cancellable_cancel (cancelled);
  for (guint i = 0; i < G_N_ELEMENTS (exits); i++)
    for (Kind kind = 0; kind < N_KINDS; kind++)
      for (gboolean abandon = FALSE; abandon <= TRUE; abandon++)
        {
          g_autoptr (GCancellable) cancellable = g_cancellable_new ();
          g_autoptr (SmartAsyncFunc) func = NULL;

          if (exits[i] == exit_by_deadline && kind != KIND_AT_ONCE)
            continue;

          func = kind_func_new (kind, exits[i], NULL);
          smart_async_func_set_abandon_on_cancel (func, abandon);
          if (exits[i] == exit_by_deadline)
            smart_async_func_set_timeout (func, 2);
          if (exits[i] == exit_with_invalid_result)
            smart_async_func_set_signature (func, G_TYPE_INT, NULL, 0);
          call_every_way (func, cancellable);
          /* Before it starts. */
          call_every_way (func, cancelled);
        }

  /* Arguments that the signature does not allow. */
  for (Kind kind = 0; kind < N_KINDS; kind++)
    {
      g_autoptr (SmartAsyncFunc) func = kind_func_new (kind, return_seven, NULL);

      smart_async_func_set_signature (func, G_TYPE_INT, params, G_N_ELEMENTS (params));
      call_every_way (func, NULL);
    }
}

static void
test_c6_b (void)
{
  run_under_contexts (keep_context_on_every_path);
}

/* C8 */

#define N_HELD 20

typedef struct
{
  SmartTestGate gate;
  SmartAsyncFunc *func;
  guint n_done;
} Crowd;

static void
wait_at_gate (SmartCall *call, gpointer data)
{
  Crowd *crowd = data;

  smart_test_gate_wait (&crowd->gate);
  smart_call_return_int (call, 7);
}

static void
crowd_called (GObject *object, GAsyncResult *res, gpointer data)
{
  Crowd *crowd = data;
  g_auto (GValue) value = G_VALUE_INIT;
  g_autoptr (GError) error = NULL;

  smart_async_func_call_finish (crowd->func, res, &value, &error);
  g_assert_no_error (error);
  g_assert_cmpint (g_value_get_int (&value), ==, 7);
  crowd->n_done++;
}

static void
crowd_call (gpointer data)
{
  Crowd *crowd = data;

  for (guint i = 0; i < N_HELD; i++)
    smart_async_func_call_async (crowd->func, NULL, NULL, 0, NULL, crowd_called, crowd);
  smart_test_gate_wait_for_waiters (&crowd->gate, N_HELD);
  smart_test_gate_open (&crowd->gate);
}

static gboolean
crowd_is_done (gpointer data)
{
  return ((Crowd *) data)->n_done == N_HELD;
}

/* As many offloaded bodies as need workers of the library's own beside GTask's, all at once. */
static void
offload_crowd (void)
{
  Crowd crowd = { { { 0 } } };

  smart_test_gate_init (&crowd.gate);
  crowd.func = smart_async_func_new_blocking (wait_at_gate, &crowd, NULL);
  smart_test_in_loop (crowd_call, crowd_is_done, &crowd);
  g_object_unref (crowd.func);
  smart_test_gate_clear (&crowd.gate);
  smart_test_wait_for_stat ("tickets", 0);
}

static void
use_everything (void)
{
  for (Kind kind = 0; kind < N_KINDS; kind++)
    {
      g_autoptr (SmartAsyncFunc) func = kind_func_new (kind, return_seven, NULL);

      for (Cell cell = 0; cell < N_CELLS; cell++)
        cell_assert_int (cell, func, 7);
    }
  offload_crowd ();
}

static void
child_calls_sync (gpointer data)
{
  Depths depths;

  for (Kind kind = 0; kind < N_KINDS; kind++)
    {
      g_autoptr (SmartAsyncFunc) func = kind_func_new (kind, return_seven, NULL);

      cell_assert_int (CELL_S_SYNC, func, 7);
      cell_assert_int (CELL_S_SMART, func, 7);
      cell_assert_int (CELL_A_SYNC, func, 7);
    }
  depths_init (&depths);
  call_sync (depths.func);
  depths_clear (&depths);
  pair_sync ();
}

static void
child_offloads (gpointer data)
{
  g_autoptr (SmartAsyncFunc) blocking = kind_func_new (KIND_BLOCKING, return_seven, NULL);
  g_autoptr (SmartAsyncFunc) limited = smart_async_func_derive (blocking, "timeout", 10000, NULL);

  cell_assert_int (CELL_A_SMART, blocking, 7);
  cell_assert_int (CELL_A_ASYNC, blocking, 7);
  /* With a deadline it runs on a worker for a sync caller, too. */
  for (Cell cell = 0; cell < N_CELLS; cell++)
    cell_assert_int (cell, limited, 7);
  offload_crowd ();
  use_everything ();
}

static void
child_leaves_tokens (gpointer data)
{
  Tokens *tokens = data;
  guint n_fds = smart_test_count_fds ();
  g_autoptr (SmartAsyncFunc) func = kind_func_new (KIND_LATER, return_seven, NULL);

  call_sync (func);
  smart_async_reset ();
  call_sync (func);
  g_assert_cmpint (g_atomic_int_get (&tokens->n_freed), ==, 0);
  g_assert_cmpuint (smart_test_count_fds (), >=, n_fds);
  /* A child's threads have nothing to free of the parent's either. */
  use_everything ();
  g_assert_cmpint (g_atomic_int_get (&tokens->n_freed), ==, 0);
}

/* After all of the library has been used, with the workers idle. */
static void
test_c8_a (gconstpointer data)
{
  use_everything ();
  smart_test_in_child (child_calls_sync, NULL);
  use_everything ();
}

/* What can be called in any context. */
static void
child_calls_in_body (gpointer data)
{
  Depths depths;

  for (Kind kind = 0; kind < N_KINDS; kind++)
    {
      g_autoptr (SmartAsyncFunc) func = kind_func_new (kind, return_seven, NULL);
      g_autoptr (SmartAsyncFunc) limited = smart_async_func_derive (func, "timeout", 10000, NULL);

      call_sync (func);
      call_sync (limited);
    }
  depths_init (&depths);
  call_sync (depths.func);
  depths_clear (&depths);
  pair_sync ();
}

static void
fork_in_body (SmartCall *call, gpointer data)
{
  smart_test_in_child (child_calls_in_body, NULL);
  smart_call_return_int (call, 7);
}

/* The forking thread itself is in a body: its own call is not touched. */
static void
test_c8_a_in_body (gconstpointer data)
{
  const Kind kinds[] = { KIND_AT_ONCE, KIND_LATER, KIND_BLOCKING };

  use_everything ();
  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    {
      g_autoptr (SmartAsyncFunc) func = kind_func_new (kinds[i], fork_in_body, NULL);

      cell_assert_int (CELL_S_SYNC, func, 7);
    }
}

static void
test_c8_b (gconstpointer data)
{
  use_everything ();
  smart_test_in_child (child_offloads, NULL);
  use_everything ();
}

/* A child's child, and a child that found the library unused. */
static void
child_forks (gpointer data)
{
  child_offloads (NULL);
  smart_test_in_child (child_offloads, NULL);
}

static void
test_c8_b_again (gconstpointer data)
{
  smart_test_in_child (child_forks, NULL);
  use_everything ();
  smart_test_in_child (child_forks, NULL);
}

static guint threads_at_start;

static void
test_c8_c (gconstpointer data)
{
  g_autoptr (SmartAsyncFunc) func = NULL;
  g_autoptr (SmartFuture) future = NULL;
  guint n_threads, n_fds;

  g_assert_cmpuint (threads_at_start, ==, 1);

  /* Which GLib itself makes for whoever asks who owns it. */
  g_main_context_default ();
  n_threads = smart_test_count_threads ();
  n_fds = smart_test_count_fds ();

  /* Nor by making something, and not by a blocking call of a sync caller. */
  future = smart_future_new (NULL);
  func = kind_func_new (KIND_BLOCKING, return_seven, NULL);
  call_sync (func);
  g_assert_cmpuint (smart_test_count_threads (), ==, n_threads);
  g_assert_cmpuint (smart_test_count_fds (), ==, n_fds);
  g_assert_cmpuint (smart_test_stat ("threads-created"), ==, 0);
  g_assert_cmpuint (smart_test_stat ("contexts-created"), ==, 0);
}

static void
test_c8_d (gconstpointer data)
{
  Tokens tokens;

  tokens_init (&tokens, DEPTH);
  call_sync (tokens.func);
  use_everything ();
  smart_test_in_child (child_leaves_tokens, &tokens);

  /* The parent's own are as they were. */
  g_assert_cmpint (g_atomic_int_get (&tokens.n_freed), ==, 0);
  call_sync (tokens.func);
  smart_async_reset ();
  g_assert_cmpint (g_atomic_int_get (&tokens.n_freed), ==, 2 * DEPTH);
  g_object_unref (tokens.func);
}

/* C9 */

static void
run_pairs (gpointer data)
{
  g_autoptr (GFile) file = g_file_new_for_path ("/proc/self/status");
  GMainContext *before = g_main_context_get_thread_default ();

  load_sync ();
  {
    g_autoptr (GAsyncResult) result = NULL;
    g_autoptr (GFileInfo) info = NULL;
    g_autoptr (GError) error = NULL;

    result = smart_sync (g_file_query_info_async, file, G_FILE_ATTRIBUTE_STANDARD_NAME,
                         G_FILE_QUERY_INFO_NONE, G_PRIORITY_DEFAULT, NULL);
    info = g_file_query_info_finish (file, result, &error);
    g_assert_no_error (error);
    g_assert_cmpstr (g_file_info_get_name (info), ==, "status");
  }
  {
    g_autoptr (GSubprocess) process = NULL;
    g_autoptr (GAsyncResult) result = NULL;
    g_autoptr (GError) error = NULL;
    g_autofree char *out = NULL;

    process = g_subprocess_new (G_SUBPROCESS_FLAGS_STDIN_PIPE | G_SUBPROCESS_FLAGS_STDOUT_PIPE,
                                &error, "cat", NULL);
    g_assert_no_error (error);
    result = smart_sync (g_subprocess_communicate_utf8_async, process, "Grüße", NULL);
    g_subprocess_communicate_utf8_finish (process, result, &out, NULL, &error);
    g_assert_no_error (error);
    g_assert_cmpstr (out, ==, "Grüße");
  }
  {
    g_autoptr (GFile) missing = g_file_new_for_path ("/nonexistent/file");
    g_autoptr (GAsyncResult) result = NULL;
    g_autoptr (GError) error = NULL;

    result = smart_sync (g_file_load_bytes_async, missing, NULL);
    g_assert_null (g_file_load_bytes_finish (missing, result, NULL, &error));
    g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
  }
  {
    g_auto (SmartSyncCall) call = SMART_SYNC_CALL_INIT;
    g_autoptr (GAsyncResult) result = NULL;
    g_autoptr (GBytes) bytes = NULL;
    g_autoptr (GError) error = NULL;

    smart_sync_call_begin (&call);
    g_file_load_bytes_async (file, NULL, smart_sync_call_ready, &call);
    result = smart_sync_call_wait (&call);
    bytes = g_file_load_bytes_finish (file, result, NULL, &error);
    g_assert_no_error (error);
    g_assert_nonnull (bytes);
  }
  g_assert_true (g_main_context_get_thread_default () == before);
}

static void
test_c9_a (void)
{
  g_assert_false (smart_context_is_async ());
  run_pairs (NULL);
}

static void
run_pairs_in_loop (gpointer data)
{
  Busy busy;

  g_assert_true (smart_context_is_async ());
  busy_init (&busy, g_source_get_context (g_main_current_source ()));
  run_pairs (NULL);
  g_assert_cmpint (busy.n, ==, 0);
  busy_clear (&busy);
}

static void
test_c9_b (void)
{
  smart_test_in_loop (run_pairs_in_loop, NULL, NULL);
}

static void
run_pairs_in_body (SmartCall *call, gpointer data)
{
  run_pairs (NULL);
  smart_call_return_int (call, 7);
}

static void
nested_ready (GObject *object, GAsyncResult *res, gpointer data)
{
  run_pairs (NULL);
  smart_sync_call_ready (object, res, data);
}

/* In bodies of every kind, and within the callback of another pair. */
static void
test_c9_c (void)
{
  g_autoptr (GFile) file = g_file_new_for_path ("/proc/self/status");
  g_auto (SmartSyncCall) call = SMART_SYNC_CALL_INIT;
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GBytes) bytes = NULL;
  g_autoptr (GError) error = NULL;

  for (Kind kind = 0; kind < N_KINDS; kind++)
    {
      g_autoptr (SmartAsyncFunc) func = kind_func_new (kind, run_pairs_in_body, NULL);

      for (Cell cell = 0; cell < N_CELLS; cell++)
        cell_assert_int (cell, func, 7);
    }

  smart_sync_call_begin (&call);
  g_file_load_bytes_async (file, NULL, nested_ready, &call);
  result = smart_sync_call_wait (&call);
  bytes = g_file_load_bytes_finish (file, result, NULL, &error);
  g_assert_no_error (error);
  g_assert_nonnull (bytes);
}

static void
test_c9_d (void)
{
  smart_test_on_thread (run_pairs, NULL);
}

/* C10 */

/* Has a network of its own, whose loopback is up, made for the calling thread. */
static gboolean
enter_network (void)
{
  struct ifreq request = { 0 };
  gboolean up;
  int fd;

  if (unshare (CLONE_NEWNET) != 0)
    return FALSE;

  fd = socket (AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  strcpy (request.ifr_name, "lo");
  request.ifr_flags = IFF_UP;
  up = ioctl (fd, SIOCSIFFLAGS, &request) == 0;
  close (fd);

  return up;
}

/* Something for a network monitor to tell of. */
static void
add_route (void)
{
  struct rtentry route = { 0 };
  struct sockaddr_in *to = (struct sockaddr_in *) &route.rt_dst;
  struct sockaddr_in *mask = (struct sockaddr_in *) &route.rt_genmask;
  char device[] = "lo";
  int fd;

  to->sin_family = AF_INET;
  /* A default route: newer GLib looks at no other. */
  to->sin_addr.s_addr = htonl (INADDR_ANY);
  mask->sin_family = AF_INET;
  mask->sin_addr.s_addr = htonl (INADDR_ANY);
  route.rt_flags = RTF_UP;
  route.rt_dev = device;
  fd = socket (AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  g_assert_cmpint (ioctl (fd, SIOCADDRT, &route), ==, 0);
  close (fd);
}

typedef struct
{
  SmartCall *call;
  guint16 port;
} Connecting;

static void
on_connected (GObject *object, GAsyncResult *res, gpointer data)
{
  Connecting *connecting = data;
  g_autoptr (SmartCall) call = g_steal_pointer (&connecting->call);
  g_autoptr (GSocketConnection) connection = NULL;
  g_autoptr (GError) error = NULL;

  connection = g_socket_client_connect_to_host_finish (G_SOCKET_CLIENT (object), res, &error);
  g_assert_no_error (error);
  g_assert_true (G_IS_NETWORK_MONITOR (g_network_monitor_get_default ()));
  smart_call_return_int (call, 7);
}

static void
connect_body (SmartCall *call, gpointer data)
{
  Connecting *connecting = data;
  g_autoptr (GSocketClient) client = g_socket_client_new ();

  connecting->call = g_object_ref (call);
  g_socket_client_connect_to_host_async (client, "127.0.0.1", connecting->port, NULL, on_connected,
                                         connecting);
}

static void
on_network_changed (GNetworkMonitor *monitor, gboolean available, gpointer data)
{
  int *n = data;

  g_assert_true (g_main_context_is_owner (g_main_context_default ()));
  (*n)++;
}

/* How it is called. */
typedef enum
{
  CONNECT_PLAINLY,
  CONNECT_UNDER_OWN_CONTEXT, /* the thread default, when the monitor is made */
  CONNECT_IN_LOOP            /* of an executor */
} ConnectHow;

static void
test_c10_a (gconstpointer data)
{
  ConnectHow how = GPOINTER_TO_INT (data);
  Connecting connecting = { NULL, 0 };
  g_autoptr (SmartAsyncFunc) func = smart_async_func_new (connect_body, &connecting, NULL);
  g_autoptr (GSocketListener) listener = g_socket_listener_new ();
  g_autoptr (GError) error = NULL;
  GNetworkMonitor *monitor;
  int n = 0;

  g_assert_true (enter_network ());
  g_setenv ("GIO_USE_NETWORK_MONITOR", "netlink", TRUE);
  g_setenv ("GIO_USE_PROXY_RESOLVER", "dummy", TRUE);
  connecting.port = g_socket_listener_add_any_inet_port (listener, NULL, &error);
  g_assert_no_error (error);
  if (how == CONNECT_IN_LOOP)
    {
      g_autoptr (SmartExecutor) loop = smart_executor_new_loop (NULL);

      smart_async_func_set_executor (func, loop);
    }
  if (how == CONNECT_UNDER_OWN_CONTEXT)
    {
      g_autoptr (GMainContext) own = g_main_context_new ();

      g_main_context_push_thread_default (own);
      call_sync (func);
      g_main_context_pop_thread_default (own);
    }
  else
    {
      call_sync (func);
    }

  monitor = g_network_monitor_get_default ();
  g_signal_connect (monitor, "network-changed", G_CALLBACK (on_network_changed), &n);
  add_route ();
  smart_test_iterate_until_set (g_main_context_default (), &n);
}

static void
skip_network (void)
{
  g_test_skip ("No network of its own may be made here");
}

/* In a child, as it holds for the whole process. */
static gboolean
may_enter_network (void)
{
  int status = 0;
  pid_t pid = fork ();

  if (pid == 0)
    _exit (enter_network () ? 0 : 1);

  return pid > 0 && waitpid (pid, &status, 0) == pid && WIFEXITED (status) &&
         WEXITSTATUS (status) == 0;
}

int
main (int argc, char **argv)
{
  gboolean network;

  threads_at_start = smart_test_count_threads ();
  smart_test_init (&argc, &argv);
  network = g_test_subprocess () || may_enter_network ();

  smart_test_add ("/contract/C1.a", test_c1_a);
  smart_test_add ("/contract/C1.b", test_c1_b);
  smart_test_add ("/contract/C1.c", test_c1_c);
  smart_test_add ("/contract/C2.a", test_c2_a);
  smart_test_add ("/contract/C3.a", test_c3_a);
  smart_test_add ("/contract/C3.a/owned-elsewhere", test_c3_a_owned_elsewhere);
  smart_test_add ("/contract/C3.a/owner-leaves", test_c3_a_owner_leaves);
  smart_test_add ("/contract/C3.b", test_c3_b);
  smart_test_add ("/contract/C4.a", test_c4_a);
  smart_test_add ("/contract/C4.b", test_c4_b);
  smart_test_add ("/contract/C5.a", test_c5_a);
  smart_test_add ("/contract/C5.b", test_c5_b);
  smart_test_add ("/contract/C5.c", test_c5_c);
  smart_test_add ("/contract/C5.d", test_c5_d);
  smart_test_add ("/contract/C5.e", test_c5_e);
  smart_test_add ("/contract/C5.f", test_c5_f);
  smart_test_add ("/contract/C6.a", test_c6_a);
  smart_test_add ("/contract/C6.b", test_c6_b);
  if (SMART_TEST_CAN_FORK)
    {
      smart_test_add_subprocess ("/contract/C8.a", NULL, test_c8_a, NULL);
      smart_test_add_subprocess ("/contract/C8.a/in-body", NULL, test_c8_a_in_body, NULL);
      smart_test_add_subprocess ("/contract/C8.b", NULL, test_c8_b, NULL);
      smart_test_add_subprocess ("/contract/C8.b/again", NULL, test_c8_b_again, NULL);
      smart_test_add_subprocess ("/contract/C8.c", NULL, test_c8_c, NULL);
      smart_test_add_subprocess ("/contract/C8.d", NULL, test_c8_d, NULL);
    }
  smart_test_add ("/contract/C9.a", test_c9_a);
  smart_test_add ("/contract/C9.b", test_c9_b);
  smart_test_add ("/contract/C9.c", test_c9_c);
  smart_test_add ("/contract/C9.d", test_c9_d);
  if (network)
    {
      smart_test_add_subprocess ("/contract/C10.a", GINT_TO_POINTER (CONNECT_PLAINLY), test_c10_a,
                                 NULL);
      smart_test_add_subprocess ("/contract/C10.a/own-context",
                                 GINT_TO_POINTER (CONNECT_UNDER_OWN_CONTEXT), test_c10_a, NULL);
      smart_test_add_subprocess ("/contract/C10.a/loop", GINT_TO_POINTER (CONNECT_IN_LOOP),
                                 test_c10_a, NULL);
    }
  else
    {
      smart_test_add ("/contract/C10.a", skip_network);
    }

  return g_test_run ();
}
