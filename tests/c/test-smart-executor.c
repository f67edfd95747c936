/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Executors: their properties, and their ends. */

#include "smart-test.h"

#include <smartasync-glib/smartasync-glib.h>

#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

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

/* Threads that cannot be started, each in a process of its own */

typedef struct
{
  SmartAsyncFunc *func;
  SmartFuture *future;
  struct rlimit before;
  int n_refused;
} Shortage;

/* The second one was refused to somebody who tried again. */
static void
relieve (const char *domain, GLogLevelFlags level, const char *message, gpointer data)
{
  Shortage *shortage = data;

  if (strstr (message, "No thread") != NULL && ++shortage->n_refused == 2)
    g_assert_cmpint (setrlimit (RLIMIT_NPROC, &shortage->before), ==, 0);
}

/* A user who may not have so many processes: root always may. */
static void
begin_shortage (Shortage *shortage)
{
  struct rlimit none;

  shortage->func = func_in (smart_executor_new_pool ("scarce", 1), TRUE);
  g_log_set_handler ("SmartAsync", G_LOG_LEVEL_DEBUG, relieve, shortage);

  if (geteuid () == 0)
    {
      g_assert_cmpint (setuid (1), ==, 0);
      /* For the leak detector, which traces it. */
      g_assert_cmpint (prctl (PR_SET_DUMPABLE, 1), ==, 0);
    }
  g_assert_cmpint (getrlimit (RLIMIT_NPROC, &shortage->before), ==, 0);
  none = shortage->before;
  none.rlim_cur = 0;
  g_assert_cmpint (setrlimit (RLIMIT_NPROC, &none), ==, 0);
}

static void
end_shortage (Shortage *shortage)
{
  g_assert_cmpint (g_atomic_int_get (&shortage->n_refused), >=, 2);
  g_clear_object (&shortage->future);
  g_object_unref (shortage->func);
}

static void
sync_call_gets_thread_later (gconstpointer unused)
{
  Shortage shortage = { NULL };

  begin_shortage (&shortage);
  assert_call (shortage.func);
  end_shortage (&shortage);
}

static void
call_short (gpointer data)
{
  Shortage *shortage = data;

  shortage->future = smart_async_func_callv (shortage->func, NULL, NULL, 0, NULL);
}

static gboolean
short_is_settled (gpointer data)
{
  return smart_future_get_status (((Shortage *) data)->future) != SMART_FUTURE_PENDING;
}

static void
async_call_gets_thread_later (gconstpointer unused)
{
  Shortage shortage = { NULL };

  begin_shortage (&shortage);
  smart_test_in_loop (call_short, short_is_settled, &shortage);
  g_assert_true (smart_future_get_boolean (shortage.future, NULL));
  end_shortage (&shortage);
}

/* Nobody iterates the context that it was called in. */
static void
wait_gets_thread_later (gconstpointer unused)
{
  Shortage shortage = { NULL };

  begin_shortage (&shortage);
  smart_context_push_mode (SMART_MODE_ASYNC);
  call_short (&shortage);
  smart_context_pop_mode ();
  g_assert_true (smart_future_wait (shortage.future, -1, NULL, NULL, NULL));
  end_shortage (&shortage);
}

/* A loop that gets none says so, and tries again at the next call. */
static void
loop_gets_thread_later (gconstpointer unused)
{
  Shortage shortage = { NULL };
  g_autoptr (SmartAsyncFunc) func = func_in (smart_executor_new_loop ("scarce"), FALSE);
  g_autoptr (GError) error = NULL;

  begin_shortage (&shortage);
  g_assert_null (smart_executor_get_context (smart_async_func_get_executor (func)));
  g_assert_false (smart_async_func_call_sync (func, NULL, NULL, 0, NULL, NULL, &error));
  g_assert_true (error->domain == G_THREAD_ERROR);

  g_assert_cmpint (setrlimit (RLIMIT_NPROC, &shortage.before), ==, 0);
  assert_call (func);
  g_object_unref (shortage.func);
}

static void
count_body (SmartCall *call, gpointer n_begun)
{
  ++*(int *) n_begun;
  smart_call_return_boolean (call, TRUE);
}

static void
assert_no_deadline (gboolean success, GError **error)
{
  g_assert_false (success);
  g_assert_error (*error, G_IO_ERROR, G_IO_ERROR_FAILED);
  g_clear_error (error);
}

/* In its own pool, whose thread there is already. */
static void
call_in_same_pool (SmartCall *call, gpointer inner)
{
  GError *error = NULL;

  assert_no_deadline (smart_async_func_call_sync (inner, NULL, NULL, 0, NULL, NULL, &error),
                      &error);
  smart_call_return_boolean (call, TRUE);
}

static void
refuse_deadlines (SmartFuture *future, SmartAsyncFunc *func, SmartAsyncFunc *outer)
{
  g_autoptr (SmartFuture) timed = smart_future_with_timeout (future, 1);
  g_autoptr (SmartLock) lock = smart_lock_new ();
  GError *error = NULL;

  assert_no_deadline (smart_future_get_value (timed, NULL, &error), &error);
  g_assert_cmpint (smart_future_get_status (future), ==, SMART_FUTURE_PENDING);

  /* A flight that others could join. */
  assert_no_deadline (smart_lock_run_once_sync (lock, NULL, func, NULL, NULL, 0, NULL, NULL,
                                                &error),
                      &error);

  assert_call (outer);
}

static void
deadline_gets_thread_later (gconstpointer unused)
{
  Shortage shortage = { NULL };
  int n_begun = 0;
  g_autoptr (SmartAsyncFunc) func = smart_async_func_new_blocking (count_body, &n_begun, NULL);
  g_autoptr (SmartAsyncFunc) outer = smart_async_func_new_blocking (call_in_same_pool, func, NULL);
  g_autoptr (SmartExecutor) pool = smart_executor_new_pool ("deadlines", 1);
  g_autoptr (SmartFuture) future = smart_future_new (NULL);
  g_autoptr (SmartFuture) timed = NULL;
  g_autoptr (GError) error = NULL;

  smart_async_func_set_executor (outer, pool);
  smart_async_func_set_executor (func, pool);
  smart_async_func_set_timeout (func, G_MAXINT);
  assert_call (func);
  g_assert_cmpint (n_begun, ==, 1);

  begin_shortage (&shortage);
  refuse_deadlines (future, func, outer);
  g_assert_cmpint (n_begun, ==, 1);

  g_assert_cmpint (setrlimit (RLIMIT_NPROC, &shortage.before), ==, 0);
  timed = smart_future_with_timeout (future, 1);
  g_assert_false (smart_future_wait (timed, -1, NULL, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  g_assert_cmpint (smart_future_get_status (future), ==, SMART_FUTURE_REJECTED);
  g_object_unref (shortage.func);
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

/* Without what GIO starts once, and keeps. */
static guint
count_own_threads (void)
{
  g_autoptr (SmartAsyncFunc) func = smart_async_func_new (return_body, NULL, NULL);

  assert_call (func);

  return smart_test_count_threads ();
}

#define N_UNUSED 10

/* GIO may be about to start a thread of its own: but not one for each. */
static void
starts_nothing_unused (void)
{
  guint n_threads = count_own_threads ();
  guint n_fds = smart_test_count_fds ();
  g_autoptr (GPtrArray) unused = g_ptr_array_new_with_free_func (g_object_unref);

  for (int i = 0; i < N_UNUSED; i++)
    {
      g_ptr_array_add (unused, smart_executor_new_pool ("unused", 2));
      g_ptr_array_add (unused, smart_executor_new_loop ("unused"));
    }
  g_assert_cmpuint (smart_test_count_threads (), <, n_threads + N_UNUSED);
  g_assert_cmpuint (smart_test_count_fds (), <, n_fds + N_UNUSED);
}

/* Ends */

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

/* What is ready in its context when it ends. */

static gboolean
wait_at_gate (gpointer gate)
{
  smart_test_gate_wait (gate);
  return G_SOURCE_REMOVE;
}

static gboolean
open_gate (gpointer gate)
{
  smart_test_gate_open (gate);
  return G_SOURCE_REMOVE;
}

static void
attach (GMainContext *context, int priority, GSourceFunc function, SmartTestGate *gate)
{
  g_autoptr (GSource) source = g_idle_source_new ();

  g_source_set_priority (source, priority);
  g_source_set_callback (source, function, gate, NULL);
  g_source_attach (source, context);
}

static void
drains_its_loop (void)
{
  SmartExecutor *loop = smart_executor_new_loop ("drained");
  SmartTestGate gone, drained;

  smart_test_gate_init (&gone);
  smart_test_gate_init (&drained);
  attach (smart_executor_get_context (loop), G_PRIORITY_HIGH, wait_at_gate, &gone);
  attach (smart_executor_get_context (loop), G_PRIORITY_LOW, open_gate, &drained);
  g_object_unref (loop);
  smart_test_gate_open (&gone);
  smart_test_gate_wait (&drained);
  smart_test_gate_clear (&drained);
  smart_test_gate_clear (&gone);
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

/* Who has returned to his loop takes no thread: a chain of calls of one executor,
 * each of which awaits the next one. */

typedef struct
{
  SmartAsyncFunc *func;   /* asynchronous */
  SmartAsyncFunc *last;   /* that the chain ends with */
  SmartAsyncFunc *waiter; /* blocking: waits for what it has begun */
  GThread *threads[16];   /* atomic: several chains run at once */
  guint n_threads;
} Chain;

static void
inner_ready (GObject *func, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (SmartCall) call = user_data;
  g_auto (GValue) value = G_VALUE_INIT;
  GError *error = NULL;

  g_assert_true (g_main_context_is_owner (smart_call_get_context (call)));
  if (smart_async_func_call_finish (SMART_ASYNC_FUNC (func), result, &value, &error))
    smart_call_return_int (call, g_value_get_int (&value) + 1);
  else
    smart_call_return_error (call, error);
}

static void
chain_body (SmartCall *call, gpointer data)
{
  Chain *chain = data;
  int depth = smart_call_get_int (call, 0);
  GValue inner = G_VALUE_INIT;

  g_atomic_pointer_set (&chain->threads[depth], g_thread_self ());
  g_value_init (&inner, G_TYPE_INT);
  g_value_set_int (&inner, depth - 1);
  smart_async_func_call_async (depth > 1 ? chain->func : chain->last, NULL, &inner, 1, NULL,
                               inner_ready, g_object_ref (call));
}

static void
chain_last_body (SmartCall *call, gpointer data)
{
  Chain *chain = data;

  g_atomic_pointer_set (&chain->threads[0], g_thread_self ());
  smart_call_return_int (call, 0);
}

/* What it waits for can only run when it has ended. */
static void
chain_waiter_body (SmartCall *call, gpointer data)
{
  Chain *chain = data;
  g_autoptr (GError) error = NULL;
  g_autoptr (SmartFuture) future = NULL;

  smart_context_push_mode (SMART_MODE_ASYNC);
  future = smart_async_func_call (chain->last, NULL, NULL, G_TYPE_INT, 0, G_TYPE_INVALID);
  smart_context_pop_mode ();
  g_assert_false (smart_future_wait (future, -1, NULL, NULL, &error));
  g_assert_error (error, SMART_ERROR, SMART_ERROR_WOULD_DEADLOCK);
  g_assert_cmpint (smart_future_get_status (future), ==, SMART_FUTURE_PENDING);
  smart_call_return_int (call, 0);
}

static void
chain_init (Chain *chain, SmartExecutor *executor, gboolean last_blocks)
{
  *chain = (Chain) { NULL };
  chain->func = smart_async_func_new (chain_body, chain, NULL);
  chain->last = last_blocks ? smart_async_func_new_blocking (chain_last_body, chain, NULL)
                            : smart_async_func_new (chain_last_body, chain, NULL);
  chain->waiter = smart_async_func_new_blocking (chain_waiter_body, chain, NULL);
  smart_async_func_set_executor (chain->func, executor);
  smart_async_func_set_executor (chain->last, executor);
  smart_async_func_set_executor (chain->waiter, executor);
}

static void
chain_clear (Chain *chain)
{
  g_object_unref (chain->func);
  g_object_unref (chain->last);
  g_object_unref (chain->waiter);
}

static void
keep_value (GObject *func, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GError) error = NULL;
  g_auto (GValue) value = G_VALUE_INIT;

  smart_async_func_call_finish (SMART_ASYNC_FUNC (func), result, &value, &error);
  g_assert_no_error (error);
  *(int *) user_data = g_value_get_int (&value);
}

static gboolean
all_are_back (gpointer data)
{
  int *values = data;

  for (guint i = 0; i < 8; i++)
    if (values[i] < 0)
      return FALSE;

  return TRUE;
}

static void
run_chain (SmartExecutor *executor, gboolean last_blocks, gboolean same_thread)
{
  GValue depth = G_VALUE_INIT;
  g_auto (GValue) result = G_VALUE_INIT;
  g_autoptr (GError) error = NULL;
  g_autoptr (GMainContext) context = g_main_context_new ();
  int values[8] = { -1, -1, -1, -1, -1, -1, -1, -1 };
  Chain chain;

  chain_init (&chain, executor, last_blocks);
  g_value_init (&depth, G_TYPE_INT);
  g_value_set_int (&depth, 15);

  smart_async_func_call_sync (chain.func, NULL, &depth, 1, NULL, &result, &error);
  g_assert_no_error (error);
  g_assert_cmpint (g_value_get_int (&result), ==, 15);
  for (guint i = 0; same_thread && i <= 15; i++)
    g_assert_true (chain.threads[i] == chain.threads[0]);

  /* Several at once; and one that would wait for ever. */
  g_main_context_push_thread_default (context);
  for (guint i = 0; i < 8; i++)
    smart_async_func_call_async (chain.func, NULL, &depth, 1, NULL, keep_value, &values[i]);
  smart_test_iterate_until (context, all_are_back, values);
  g_main_context_pop_thread_default (context);
  for (guint i = 0; i < 8; i++)
    g_assert_cmpint (values[i], ==, 15);

  if (same_thread)
    assert_call (chain.waiter);
  /* What the waiter has begun is done then, too. */
  assert_call (chain.last);
  chain_clear (&chain);
}

static void
chains_asynchronous_calls (void)
{
  for (int kind = 0; kind < 6; kind++)
    {
      g_autoptr (SmartExecutor) executor = kind % 3 == 2
                                               ? smart_executor_new_loop ("chain")
                                               : smart_executor_new_pool ("chain", kind % 3 + 1);

      run_chain (executor, kind < 3, kind % 3 != 1);
    }
}

/* A blocking body that runs on the thread of one that is in its loop: its waits are
 * refused where they would need that loop, and its results do not come there. */

typedef struct
{
  SmartAsyncFunc *lasting; /* pending until it is told to return */
  SmartAsyncFunc *meeting; /* blocking: waits for it */
  SmartFuture *future;
  SmartCall *call;
} Meeting;

static void
lasting_body (SmartCall *call, gpointer data)
{
  Meeting *meeting = data;

  g_atomic_pointer_set (&meeting->call, g_object_ref (call));
}

static void
meeting_body (SmartCall *call, gpointer data)
{
  Meeting *meeting = data;
  g_autoptr (GError) error = NULL;
  SmartCall *other = g_atomic_pointer_get (&meeting->call);

  g_assert_nonnull (other);
  g_assert_null (g_main_context_get_thread_default ());
  g_assert_false (smart_context_is_async ());
  g_assert_false (smart_future_wait (meeting->future, -1, NULL, NULL, &error));
  g_assert_error (error, SMART_ERROR, SMART_ERROR_WOULD_DEADLOCK);
  smart_call_return_int (other, 7);
  smart_call_return_none (call);
}

static gboolean
has_begun (gpointer data)
{
  return g_atomic_pointer_get (&((Meeting *) data)->call) != NULL;
}

static void
meets_in_a_pool_of_one (void)
{
  g_autoptr (SmartExecutor) executor = smart_executor_new_pool ("meeting", 1);
  g_autoptr (GError) error = NULL;
  Meeting meeting = { NULL };

  meeting.lasting = smart_async_func_new (lasting_body, &meeting, NULL);
  meeting.meeting = smart_async_func_new_blocking (meeting_body, &meeting, NULL);
  smart_async_func_set_executor (meeting.lasting, executor);
  smart_async_func_set_executor (meeting.meeting, executor);

  smart_context_push_mode (SMART_MODE_ASYNC);
  meeting.future = smart_async_func_call (meeting.lasting, NULL, NULL, G_TYPE_INVALID);
  smart_context_pop_mode ();
  smart_test_wait_until (has_begun, &meeting);

  smart_async_func_call_sync (meeting.meeting, NULL, NULL, 0, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpint (smart_future_get_int (meeting.future, &error), ==, 7);
  g_assert_no_error (error);

  g_object_unref (meeting.call);
  g_object_unref (meeting.future);
  g_object_unref (meeting.lasting);
  g_object_unref (meeting.meeting);
}

/* Closed: those that run go on, the others hear of it at once */

typedef struct
{
  SmartTestGate begun;
  SmartTestGate gate;
  int n_begun;  /* atomic */
  int n_closed; /* atomic */
  int n_values;
} Closing;

static void
closing_body (SmartCall *call, gpointer data)
{
  Closing *closing = data;

  g_atomic_int_inc (&closing->n_begun);
  smart_test_gate_open (&closing->begun);
  smart_test_gate_wait (&closing->gate);
  smart_call_return_boolean (call, TRUE);
}

static void
closing_ready (GObject *func, GAsyncResult *result, gpointer user_data)
{
  Closing *closing = user_data;
  g_autoptr (GError) error = NULL;

  if (smart_async_func_call_finish (SMART_ASYNC_FUNC (func), result, NULL, &error))
    {
      closing->n_values++;
      return;
    }
  g_assert_error (error, SMART_ERROR, SMART_ERROR_CLOSED);
  g_atomic_int_inc (&closing->n_closed);
}

typedef struct
{
  SmartAsyncFunc *func;
  int *n_closed;
} ClosedCaller;

static gpointer
closed_caller_main (gpointer data)
{
  ClosedCaller *caller = data;
  g_autoptr (GError) error = NULL;

  g_assert_false (smart_async_func_call_sync (caller->func, NULL, NULL, 0, NULL, NULL, &error));
  g_assert_error (error, SMART_ERROR, SMART_ERROR_CLOSED);
  g_atomic_int_inc (caller->n_closed);
  return NULL;
}

static gboolean
four_are_closed (gpointer data)
{
  return g_atomic_int_get (&((Closing *) data)->n_closed) == 4;
}

static gboolean
one_has_a_value (gpointer data)
{
  return ((Closing *) data)->n_values == 1;
}

static gboolean
somebody_waits (gpointer unused)
{
  g_autofree char *waits = smart_async_dump_waits ();

  return *waits != '\0';
}

/* In the executor, or for a turn in it. */
static void
closes (void)
{
  for (int i = 0; i < 4; i++)
    {
      g_autoptr (SmartExecutor) executor =
          i % 2 == 0 ? smart_executor_new_pool ("closed", 1) : smart_executor_new_loop ("closed");
      g_autoptr (GMainContext) context = g_main_context_new ();
      Closing closing = { .n_begun = 0 };
      g_autoptr (SmartAsyncFunc) func =
          smart_async_func_new_blocking (closing_body, &closing, NULL);
      ClosedCaller caller = { func, &closing.n_closed };
      GThread *thread;

      smart_test_gate_init (&closing.begun);
      smart_test_gate_init (&closing.gate);
      smart_async_func_set_executor (func, executor);
      smart_async_func_set_max_concurrency (func, i < 2 ? 0 : 1);
      g_main_context_push_thread_default (context);

      for (int j = 0; j < 3; j++)
        smart_async_func_call_async (func, NULL, NULL, 0, NULL, closing_ready, &closing);
      smart_test_gate_wait (&closing.begun);
      thread = g_thread_new ("caller", closed_caller_main, &caller);
      smart_test_wait_until (somebody_waits, NULL);
      smart_executor_close (executor);
      g_thread_join (thread);
      smart_async_func_call_async (func, NULL, NULL, 0, NULL, closing_ready, &closing);
      smart_test_iterate_until (context, four_are_closed, &closing);
      smart_executor_close (executor);
      g_assert_cmpint (closing.n_values, ==, 0);

      smart_test_gate_open (&closing.gate);
      smart_test_iterate_until (context, one_has_a_value, &closing);
      g_assert_cmpint (closing.n_begun, ==, 1);

      g_main_context_pop_thread_default (context);
      smart_test_gate_clear (&closing.begun);
      smart_test_gate_clear (&closing.gate);
    }
}

/* A place in the queue */

static void
count_ready (GObject *func, GAsyncResult *result, gpointer user_data)
{
  guint *counts = user_data;
  g_autoptr (GError) error = NULL;

  if (smart_async_func_call_finish (SMART_ASYNC_FUNC (func), result, NULL, &error))
    counts[0]++;
  else if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    counts[1]++;
  else if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_BUSY))
    counts[2]++;
  else
    g_assert_no_error (error);
}

static gboolean
all_are_ready (gpointer data)
{
  guint *counts = data;

  return counts[0] + counts[1] + counts[2] == 6;
}

/* Those that were cancelled have none. */
static void
counts_those_that_wait (void)
{
  for (int kind = 0; kind < 2; kind++)
    {
      g_autoptr (SmartExecutor) executor =
          kind == 0 ? smart_executor_new_pool ("counts", 1) : smart_executor_new_loop ("counts");
      g_autoptr (GMainContext) context = g_main_context_new ();
      g_autoptr (GCancellable) cancellable = g_cancellable_new ();
      Closing closing = { .n_begun = 0 };
      g_autoptr (SmartAsyncFunc) func =
          smart_async_func_new_blocking (closing_body, &closing, NULL);
      guint counts[3] = { 0 };

      smart_test_gate_init (&closing.begun);
      smart_test_gate_init (&closing.gate);
      smart_executor_set_max_pending (executor, 2);
      smart_async_func_set_executor (func, executor);
      g_main_context_push_thread_default (context);

      smart_async_func_call_async (func, NULL, NULL, 0, NULL, count_ready, counts);
      smart_test_gate_wait (&closing.begun);
      for (int i = 0; i < 2; i++)
        smart_async_func_call_async (func, NULL, NULL, 0, cancellable, count_ready, counts);
      g_cancellable_cancel (cancellable);
      for (int i = 0; i < 3; i++)
        smart_async_func_call_async (func, NULL, NULL, 0, NULL, count_ready, counts);
      smart_test_gate_open (&closing.gate);
      smart_test_iterate_until (context, all_are_ready, counts);
      g_assert_cmpuint (counts[0], ==, 3);
      g_assert_cmpuint (counts[1], ==, 2);
      g_assert_cmpuint (counts[2], ==, 1);
      g_assert_cmpint (closing.n_begun, ==, 3);

      g_main_context_pop_thread_default (context);
      smart_test_gate_clear (&closing.begun);
      smart_test_gate_clear (&closing.gate);
    }
}

/* A context that nobody iterates: it goes with the executor's close, and takes the
 * calls along that waited for it. */
static void
closes_its_context (void)
{
  GMainContext *theirs = g_main_context_new ();
  g_autoptr (GMainContext) context = g_main_context_new ();
  g_autoptr (SmartExecutor) executor = smart_executor_new_for_context (theirs);
  SmartExecutor *weak = executor;
  SmartAsyncFunc *func = smart_async_func_new (closing_body, NULL, NULL);
  Closing closing = { .n_begun = 0 };

  g_main_context_unref (theirs);
  g_object_add_weak_pointer (G_OBJECT (executor), (gpointer *) &weak);
  smart_async_func_set_executor (func, executor);
  g_main_context_push_thread_default (context);
  for (int i = 0; i < 4; i++)
    smart_async_func_call_async (func, NULL, NULL, 0, NULL, closing_ready, &closing);
  g_assert_true (smart_executor_get_context (executor) == theirs);
  smart_executor_close (executor);
  g_assert_null (smart_executor_get_context (executor));
  smart_test_iterate_until (context, four_are_closed, &closing);

  g_clear_object (&executor);
  g_object_unref (func);
  g_main_context_pop_thread_default (context);
  g_assert_null (weak);
}

/* A blocking function with a timeout, called in its own pool: nobody can leave it
 * behind. */

static void
heeding_body (SmartCall *call, gpointer data)
{
  gint64 until = g_get_monotonic_time () + smart_test_bound (SMART_TEST_DEADLINE_USEC);
  g_autoptr (GMainContext) context = g_main_context_new ();
  g_autoptr (GSource) source = g_cancellable_source_new (smart_call_get_cancellable (call));

  g_source_set_dummy_callback (source);
  g_source_attach (source, context);
  while (!g_cancellable_is_cancelled (smart_call_get_cancellable (call)) &&
         g_get_monotonic_time () < until)
    g_main_context_iteration (context, TRUE);
  g_source_destroy (source);
  smart_call_return_boolean (call, TRUE);
}

static void
within_body (SmartCall *call, gpointer inner)
{
  g_autoptr (GError) error = NULL;

  g_assert_false (smart_async_func_call_sync (inner, NULL, NULL, 0, NULL, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  smart_call_return_boolean (call, TRUE);
}

static void
times_out_within (void)
{
  for (int kind = 0; kind < 2; kind++)
    {
      g_autoptr (SmartExecutor) executor =
          kind == 0 ? smart_executor_new_pool ("within", 1) : smart_executor_new_loop ("within");
      g_autoptr (SmartAsyncFunc) inner = smart_async_func_new_blocking (heeding_body, NULL, NULL);
      g_autoptr (SmartAsyncFunc) func = smart_async_func_new_blocking (within_body, inner, NULL);

      smart_async_func_set_executor (inner, executor);
      smart_async_func_set_timeout (inner, 20);
      smart_async_func_set_executor (func, executor);
      assert_call (func);
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
  smart_test_add ("/executor/drains-its-loop", drains_its_loop);
  smart_test_add ("/executor/ends-its-threads", ends_its_threads);
  smart_test_add ("/executor/ends-in-its-own-thread", ends_in_its_own_thread);
  smart_test_add ("/executor/is-shared", is_shared);
  smart_test_add ("/executor/chains-asynchronous-calls", chains_asynchronous_calls);
  smart_test_add ("/executor/meets-in-a-pool-of-one", meets_in_a_pool_of_one);
  smart_test_add ("/executor/closes", closes);
  smart_test_add ("/executor/counts-those-that-wait", counts_those_that_wait);
  smart_test_add ("/executor/closes-its-context", closes_its_context);
  smart_test_add ("/executor/times-out-within", times_out_within);
  smart_test_add ("/executor/refuses-misuse", refuses_misuse);
  smart_test_add_subprocess ("/executor/shortage/sync", NULL, sync_call_gets_thread_later, NULL);
  smart_test_add_subprocess ("/executor/shortage/async", NULL, async_call_gets_thread_later, NULL);
  smart_test_add_subprocess ("/executor/shortage/wait", NULL, wait_gets_thread_later, NULL);
  smart_test_add_subprocess ("/executor/shortage/deadline", NULL, deadline_gets_thread_later, NULL);
  smart_test_add_subprocess ("/executor/shortage/loop", NULL, loop_gets_thread_later, NULL);

  return g_test_run ();
}
