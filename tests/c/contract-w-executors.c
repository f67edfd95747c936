/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The contract's section W, and what others say about it: executors, limits,
 * and the queues that both have. */

#include "smart-test.h"

#include <smartasync-glib/smartasync-glib.h>

#include <stdlib.h>
#include <sys/syscall.h>

/* What the bodies of a test tell. Each returns its argument. */
typedef struct
{
  GMutex lock;
  GCond moved;      /* with lock */
  GArray *begun;    /* lock: of int: their arguments, in this order */
  GPtrArray *seen;  /* lock: of GThread: where each began; not references */
  guint n_running;  /* lock */
  guint n_most;     /* lock: that ran at once */
  guint n_allowed;  /* lock: that may end */
  GQueue held;      /* lock: of SmartCall: the asynchronous ones that have not ended */
  GMainContext *in; /* nullable: where they have to run */
} Log;

static void
log_init (Log *log)
{
  memset (log, 0, sizeof *log);
  g_mutex_init (&log->lock);
  g_cond_init (&log->moved);
  log->begun = g_array_new (FALSE, FALSE, sizeof (int));
  log->seen = g_ptr_array_new ();
  g_queue_init (&log->held);
}

static void
log_clear (Log *log)
{
  g_assert_cmpuint (log->n_running, ==, 0);
  g_assert_true (g_queue_is_empty (&log->held));
  g_mutex_clear (&log->lock);
  g_cond_clear (&log->moved);
  g_array_unref (log->begun);
  g_ptr_array_unref (log->seen);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Log, log_clear)

static void
log_begin (Log *log, SmartCall *call, gboolean hold)
{
  int arg = smart_call_get_int (call, 0);

  if (log->in != NULL)
    {
      g_assert_true (g_main_context_is_owner (log->in));
      g_assert_true (g_main_context_get_thread_default () == log->in);
    }

  g_mutex_lock (&log->lock);
  g_array_append_val (log->begun, arg);
  g_ptr_array_add (log->seen, g_thread_self ());
  log->n_running++;
  log->n_most = MAX (log->n_most, log->n_running);
  if (hold)
    g_queue_push_tail (&log->held, g_object_ref (call));
  g_cond_broadcast (&log->moved);
  g_mutex_unlock (&log->lock);
}

static void
log_end (Log *log)
{
  g_mutex_lock (&log->lock);
  log->n_running--;
  g_cond_broadcast (&log->moved);
  g_mutex_unlock (&log->lock);
}

/* Ends at once. */
static void
quick_body (SmartCall *call, gpointer data)
{
  log_begin (data, call, FALSE);
  log_end (data);
  smart_call_return_int (call, smart_call_get_int (call, 0));
}

/* Ends when it may. */
static void
held_blocking_body (SmartCall *call, gpointer data)
{
  Log *log = data;
  gint64 deadline = g_get_monotonic_time () + smart_test_bound (SMART_TEST_DEADLINE_USEC);

  log_begin (log, call, FALSE);
  g_mutex_lock (&log->lock);
  while (log->n_allowed == 0)
    if (!g_cond_wait_until (&log->moved, &log->lock, deadline))
      g_error ("nobody lets body %d end", smart_call_get_int (call, 0));
  log->n_allowed--;
  g_mutex_unlock (&log->lock);
  log_end (log);
  smart_call_return_int (call, smart_call_get_int (call, 0));
}

static void
held_async_body (SmartCall *call, gpointer data)
{
  log_begin (data, call, TRUE);
}

/* Lets @n of them end; of the asynchronous ones those that began first. */
static void
log_allow (Log *log, guint n, gboolean blocking)
{
  if (blocking)
    {
      g_mutex_lock (&log->lock);
      log->n_allowed += n;
      g_cond_broadcast (&log->moved);
      g_mutex_unlock (&log->lock);
      return;
    }

  for (; n > 0; n--)
    {
      SmartCall *call;

      g_mutex_lock (&log->lock);
      call = g_queue_pop_head (&log->held);
      g_mutex_unlock (&log->lock);
      g_assert_nonnull (call);

      log_end (log);
      smart_call_return_int (call, smart_call_get_int (call, 0));
      g_object_unref (call);
    }
}

static guint
log_n_begun (Log *log)
{
  guint n;

  g_mutex_lock (&log->lock);
  n = log->begun->len;
  g_mutex_unlock (&log->lock);

  return n;
}

typedef struct
{
  Log *log;
  guint n;
} Begun;

static gboolean
so_many_have_begun (gpointer data)
{
  Begun *begun = data;

  return log_n_begun (begun->log) >= begun->n;
}

/* Here or on another thread, of which this one is not told. */
static gboolean
so_many_have_begun_meanwhile (gpointer data)
{
  g_main_context_iteration (g_main_context_get_thread_default (), FALSE);

  return so_many_have_begun (data);
}

/* Without a loop: others have to iterate what it needs. */
static void
wait_until_begun (Log *log, guint n)
{
  Begun begun = { log, n };

  smart_test_wait_until (so_many_have_begun, &begun);
}

static void
assert_begun_in_order (Log *log, guint n)
{
  g_assert_cmpuint (log->begun->len, ==, n);
  for (guint i = 0; i < n; i++)
    g_assert_cmpint (g_array_index (log->begun, int, i), ==, (int) i);
}

static void
assert_all_on_one_thread (Log *log)
{
  for (guint i = 1; i < log->seen->len; i++)
    g_assert_true (log->seen->pdata[i] == log->seen->pdata[0]);
}

/* Calls, and what came back */
typedef struct
{
  guint n_back;
  guint n_values;
  guint n_cancelled;
  guint n_timed_out;
  guint n_busy;
} Tally;

static void
tally_add (Tally *tally, GError *error)
{
  tally->n_back++;
  if (error == NULL)
    tally->n_values++;
  else if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    tally->n_cancelled++;
  else if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT))
    tally->n_timed_out++;
  else if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_BUSY))
    tally->n_busy++;
  else
    g_assert_no_error (error);
}

static void
on_called (GObject *object, GAsyncResult *res, gpointer data)
{
  g_auto (GValue) value = G_VALUE_INIT;
  g_autoptr (GError) error = NULL;

  smart_async_func_call_finish (SMART_ASYNC_FUNC (object), res, &value, &error);
  tally_add (data, error);
}

static void
begin_call (SmartAsyncFunc *func, int arg, GCancellable *cancellable, Tally *tally)
{
  GValue value = G_VALUE_INIT;

  g_value_init (&value, G_TYPE_INT);
  g_value_set_int (&value, arg);
  smart_async_func_call_async (func, NULL, &value, 1, cancellable, on_called, tally);
}

static gboolean
call_and_wait (SmartAsyncFunc *func, int arg, GCancellable *cancellable, GError **error)
{
  GValue value = G_VALUE_INIT;
  g_auto (GValue) result = G_VALUE_INIT;
  gboolean success;

  g_value_init (&value, G_TYPE_INT);
  g_value_set_int (&value, arg);
  success = smart_async_func_call_sync (func, NULL, &value, 1, cancellable, &result, error);
  if (success)
    g_assert_cmpint (g_value_get_int (&result), ==, arg);

  return success;
}

static void
assert_call (SmartAsyncFunc *func, int arg)
{
  g_autoptr (GError) error = NULL;

  call_and_wait (func, arg, NULL, &error);
  g_assert_no_error (error);
}

typedef struct
{
  Tally *tally;
  guint n;
} Back;

static gboolean
so_many_are_back (gpointer data)
{
  Back *back = data;

  return back->tally->n_back >= back->n;
}

static void
iterate_until_back (Tally *tally, guint n)
{
  Back back = { tally, n };

  smart_test_iterate_until (NULL, so_many_are_back, &back);
}

/* The context of a scenario that calls asynchronously from where it is: that of
 * its thread, which it iterates when it waits. On the main thread that is the
 * default one. */
static GMainContext *
push_own_context (void)
{
  GMainContext *context;

  if (smart_test_on_main_thread ())
    return NULL;

  context = g_main_context_new ();
  g_main_context_push_thread_default (context);
  return context;
}

static void
pop_own_context (GMainContext *context)
{
  if (context == NULL)
    return;

  g_main_context_pop_thread_default (context);
  g_main_context_unref (context);
}

/* Every kind of function with a limit */
typedef enum
{
  BLOCKING,
  ASYNC,
  BLOCKING_IN_POOL,
  ASYNC_IN_LOOP,
  N_LIMITED
} Limited;

static gboolean
is_blocking (Limited kind)
{
  return kind == BLOCKING || kind == BLOCKING_IN_POOL;
}

static SmartAsyncFunc *
limited_new (Limited kind, guint limit, Log *log)
{
  SmartAsyncFunc *func = is_blocking (kind)
                             ? smart_async_func_new_blocking (held_blocking_body, log, NULL)
                             : smart_async_func_new (held_async_body, log, NULL);
  g_autoptr (SmartExecutor) executor = NULL;

  if (kind == BLOCKING_IN_POOL)
    executor = smart_executor_new_pool ("limited", 4);
  else if (kind == ASYNC_IN_LOOP)
    executor = smart_executor_new_loop ("limited");
  smart_async_func_set_executor (func, executor);
  smart_async_func_set_max_concurrency (func, limit);

  return func;
}

typedef void (*LimitedScenario) (Limited kind);

static void
with_each_kind (LimitedScenario scenario)
{
  for (Limited kind = 0; kind < N_LIMITED; kind++)
    {
      GMainContext *context = push_own_context ();

      g_test_message ("kind %d", kind);
      scenario (kind);
      pop_own_context (context);
    }
}

/* W3: as many as may begin, then one for each that ends. */
static void
never_more_than (Limited kind, guint limit, guint n)
{
  g_auto (Log) log;
  g_autoptr (SmartAsyncFunc) func = NULL;
  Tally tally = { 0 };
  Begun begun = { &log, 0 };

  log_init (&log);
  func = limited_new (kind, limit, &log);

  for (guint i = 0; i < n; i++)
    begin_call (func, (int) i, NULL, &tally);

  for (guint i = 0; i < n; i++)
    {
      begun.n = MIN (n, limit + i);
      smart_test_wait_until (so_many_have_begun_meanwhile, &begun);
      g_assert_cmpuint (log_n_begun (&log), ==, begun.n);
      log_allow (&log, 1, is_blocking (kind));
      iterate_until_back (&tally, i + 1);
    }

  g_assert_cmpuint (log.n_most, ==, limit);
  g_assert_cmpuint (tally.n_values, ==, n);
  if (limit == 1)
    assert_begun_in_order (&log, n);
}

static void
w3_a (Limited kind)
{
  never_more_than (kind, 3, 20);
}

static void
test_w3_a (void)
{
  with_each_kind (w3_a);
}

static void
w3_b (Limited kind)
{
  never_more_than (kind, 1, 20);
}

static void
test_w3_b (void)
{
  with_each_kind (w3_b);
}

/* A hundred wait, and it takes no worker. */
static void
test_w3_c (void)
{
  const guint n = 100;
  GMainContext *context = push_own_context ();
  g_auto (Log) log;
  g_autoptr (SmartAsyncFunc) func = NULL;
  Tally tally = { 0 };
  guint n_threads;

  log_init (&log);
  func = limited_new (BLOCKING, 2, &log);
  begin_call (func, 0, NULL, &tally);
  begin_call (func, 1, NULL, &tally);
  wait_until_begun (&log, 2);

  n_threads = smart_test_count_threads ();
  for (guint i = 2; i < n; i++)
    begin_call (func, (int) i, NULL, &tally);
  g_assert_cmpuint (smart_test_stat ("queued"), ==, 0);
  g_assert_cmpuint (smart_test_stat ("waiting"), ==, 0);
  g_assert_cmpuint (smart_test_count_threads (), <=, n_threads);

  log_allow (&log, n, TRUE);
  iterate_until_back (&tally, n);
  g_assert_cmpuint (tally.n_values, ==, n);
  g_assert_cmpuint (log.n_most, ==, 2);
  pop_own_context (context);
}

/* Sync callers, each in a thread of his own */
typedef struct
{
  SmartAsyncFunc *func;
  int first;
  int n;
  GCancellable *cancellable;
  int n_done;
  Tally tally;
} SyncCaller;

static gpointer
sync_caller_main (gpointer data)
{
  SyncCaller *caller = data;

  for (int i = 0; i < caller->n; i++)
    {
      g_autoptr (GError) error = NULL;

      call_and_wait (caller->func, caller->first + i, caller->cancellable, &error);
      tally_add (&caller->tally, error);
      g_atomic_int_inc (&caller->n_done);
    }

  return NULL;
}

static void
with_sync_callers (SmartAsyncFunc *func, guint n_callers, guint n_calls)
{
  g_autofree SyncCaller *callers = g_new0 (SyncCaller, n_callers);
  g_autofree GThread **threads = g_new0 (GThread *, n_callers);

  for (guint i = 0; i < n_callers; i++)
    {
      callers[i] = (SyncCaller) { .func = func, .first = (int) (i * n_calls), .n = (int) n_calls };
      threads[i] = g_thread_new ("caller", sync_caller_main, &callers[i]);
    }
  for (guint i = 0; i < n_callers; i++)
    {
      g_thread_join (threads[i]);
      g_assert_cmpuint (callers[i].tally.n_values, ==, n_calls);
    }
}

static void
test_w3_d (void)
{
  for (guint limit = 1; limit <= 3; limit += 2)
    for (int blocking = 0; blocking < 2; blocking++)
      {
        g_auto (Log) log;
        g_autoptr (SmartAsyncFunc) func = NULL;

        log_init (&log);
        func = blocking ? smart_async_func_new_blocking (quick_body, &log, NULL)
                        : smart_async_func_new (quick_body, &log, NULL);
        smart_async_func_set_max_concurrency (func, limit);
        with_sync_callers (func, 8, smart_test_scale (500, 50));
        g_assert_cmpuint (log.n_most, <=, limit);
      }
}

/* A sync caller waits while another one runs, and has the next turn. */
static void
test_w3_d_waits (void)
{
  GMainContext *context = push_own_context ();
  g_auto (Log) log;
  g_autoptr (SmartAsyncFunc) func = NULL;
  SyncCaller caller = { 0 };
  Tally tally = { 0 };
  GThread *thread;

  log_init (&log);
  func = limited_new (BLOCKING, 1, &log);
  begin_call (func, 0, NULL, &tally);
  wait_until_begun (&log, 1);
  caller.func = func;
  caller.first = 1;
  caller.n = 1;
  thread = g_thread_new ("caller", sync_caller_main, &caller);

  log_allow (&log, 1, TRUE);
  iterate_until_back (&tally, 1);
  wait_until_begun (&log, 2);
  g_assert_cmpint (g_atomic_int_get (&caller.n_done), ==, 0);
  log_allow (&log, 1, TRUE);
  g_thread_join (thread);

  assert_begun_in_order (&log, 2);
  g_assert_true (log.seen->pdata[0] != log.seen->pdata[1]);
  g_assert_cmpuint (log.n_most, ==, 1);
  pop_own_context (context);
}

/* W3.e: the way down from a function to itself */
typedef struct
{
  SmartAsyncFunc *func;
  SmartAsyncFunc *between; /* nullable */
} Descent;

static void
descend (SmartCall *call, Descent *descent, int depth)
{
  SmartAsyncFunc *next =
      descent->between != NULL && depth % 2 == 0 ? descent->between : descent->func;
  g_autoptr (SmartFuture) future = NULL;
  g_autoptr (GError) error = NULL;

  if (depth == 0)
    {
      smart_call_return_int (call, 0);
      return;
    }

  if (smart_call_get_context (call) != NULL)
    {
      future = smart_async_func_call (next, NULL, NULL, G_TYPE_INT, depth - 1, G_TYPE_INVALID);
      smart_call_return_future (call, future);
      return;
    }

  /* A worker for each. */
  smart_context_push_mode (SMART_MODE_ASYNC);
  future = smart_async_func_call (next, NULL, NULL, G_TYPE_INT, depth - 1, G_TYPE_INVALID);
  smart_context_pop_mode ();
  smart_future_wait (future, smart_test_bound (SMART_TEST_DEADLINE_USEC), NULL, NULL, &error);
  g_assert_no_error (error);
  smart_call_return_int (call, 0);
}

static void
descending_body (SmartCall *call, gpointer data)
{
  descend (call, data, smart_call_get_int (call, 0));
}

static void
descend_from (SmartAsyncFunc *func, gboolean async)
{
  if (async)
    {
      GMainContext *context = push_own_context ();
      Tally tally = { 0 };

      for (int i = 0; i < 10; i++)
        begin_call (func, 9, NULL, &tally);
      iterate_until_back (&tally, 10);
      g_assert_cmpuint (tally.n_values, ==, 10);
      pop_own_context (context);
    }
  else
    {
      g_autoptr (GError) error = NULL;
      GValue arg = G_VALUE_INIT;

      g_value_init (&arg, G_TYPE_INT);
      g_value_set_int (&arg, 9);
      smart_async_func_call_sync (func, NULL, &arg, 1, NULL, NULL, &error);
      g_assert_no_error (error);
    }
}

static void
test_w3_e (void)
{
  for (int kind = 0; kind < 8; kind++)
    {
      gboolean blocking = (kind & 1) != 0;
      Descent descent = { NULL, NULL };
      g_autoptr (SmartAsyncFunc) func = NULL;
      g_autoptr (SmartAsyncFunc) between = NULL;

      func = blocking ? smart_async_func_new_blocking (descending_body, &descent, NULL)
                      : smart_async_func_new (descending_body, &descent, NULL);
      smart_async_func_set_max_concurrency (func, 1);
      between = smart_async_func_new_blocking (descending_body, &descent, NULL);
      descent.func = func;
      descent.between = (kind & 2) != 0 ? between : NULL;
      descend_from (func, (kind & 4) != 0);
    }
}

/* The turn that an inner call did not take is there for the next outermost one,
 * and only one of these. */
static void
test_w3_e_uncounted (void)
{
  GMainContext *context = push_own_context ();
  Descent descent = { 0 };
  g_autoptr (SmartAsyncFunc) inner = NULL;

  inner = smart_async_func_new_blocking (descending_body, &descent, NULL);
  smart_async_func_set_max_concurrency (inner, 1);
  descent.func = inner;
  for (int round = 0; round < 3; round++)
    {
      g_auto (Log) log;
      g_autoptr (SmartAsyncFunc) func = NULL;
      Tally tally = { 0 };

      log_init (&log);
      assert_call (inner, 0);
      descend_from (inner, FALSE);

      /* A function of its own shows that nothing was given back twice. */
      func = limited_new (BLOCKING, 1, &log);
      for (int i = 0; i < 3; i++)
        begin_call (func, i, NULL, &tally);
      for (guint i = 0; i < 3; i++)
        {
          wait_until_begun (&log, i + 1);
          log_allow (&log, 1, TRUE);
        }
      iterate_until_back (&tally, 3);
      g_assert_cmpuint (log.n_most, ==, 1);
    }
  pop_own_context (context);
}

/* Several turns that end at once, each on a thread of its own: those who come next
 * begin in the order in which they came. */

#define N_ENDING 4

static void
queueing_body (SmartCall *call, gpointer data)
{
  Log *log = data;

  log_begin (log, call, FALSE);
  log_end (log);
  g_async_queue_push (g_object_get_data (smart_call_get_source_object (call), "queue"),
                      g_object_ref (call));
}

static gpointer
ending_main (gpointer queue)
{
  SmartCall *call;

  while ((call = g_async_queue_pop (queue)) != queue)
    {
      smart_call_return_int (call, smart_call_get_int (call, 0));
      g_object_unref (call);
    }

  return NULL;
}

static void
test_w3_b_at_once (void)
{
  GMainContext *context = push_own_context ();
  guint n = smart_test_scale (10000, 500);
  g_auto (Log) log;
  g_autoptr (GObject) source = g_object_new (G_TYPE_OBJECT, NULL);
  g_autoptr (SmartExecutor) executor = smart_executor_new_loop ("home");
  g_autoptr (SmartAsyncFunc) func = NULL;
  GAsyncQueue *queue = g_async_queue_new ();
  GThread *threads[N_ENDING];
  Tally tally = { 0 };

  log_init (&log);
  func = smart_async_func_new (queueing_body, &log, NULL);
  g_object_set_data (source, "queue", queue);
  smart_async_func_set_executor (func, executor);
  smart_async_func_set_max_concurrency (func, N_ENDING);
  for (guint i = 0; i < N_ENDING; i++)
    threads[i] = g_thread_new ("ending", ending_main, queue);

  for (guint i = 0; i < n; i++)
    {
      GValue value = G_VALUE_INIT;

      g_value_init (&value, G_TYPE_INT);
      g_value_set_int (&value, (int) i);
      smart_async_func_call_async (func, source, &value, 1, NULL, on_called, &tally);
    }
  iterate_until_back (&tally, n);
  assert_begun_in_order (&log, n);

  for (guint i = 0; i < N_ENDING; i++)
    g_async_queue_push (queue, queue);
  for (guint i = 0; i < N_ENDING; i++)
    g_thread_join (threads[i]);
  g_async_queue_unref (queue);
  pop_own_context (context);
}

/* Whatever becomes of a call, its turn goes on to the next one. */

typedef enum
{
  DROPS,
  DROPS_LATER,
  FAILS,
  TIMES_OUT,
  N_WAYS
} Way;

static gboolean
drop_call (gpointer call)
{
  return G_SOURCE_REMOVE;
}

static void
ending_body (SmartCall *call, gpointer data)
{
  Way way = GPOINTER_TO_INT (data);

  if (way == DROPS_LATER)
    smart_call_add_timeout (call, 0, drop_call, g_object_ref (call), g_object_unref);
  else if (way == FAILS)
    smart_call_return_new_error_literal (call, SMART_ERROR, SMART_ERROR_NOT_RETURNED, "no");
  else if (way == TIMES_OUT)
    smart_call_add_timeout (call, 20, drop_call, g_object_ref (call), g_object_unref);
}

static void
on_ended (GObject *object, GAsyncResult *res, gpointer data)
{
  g_autoptr (GError) error = NULL;

  g_assert_false (smart_async_func_call_finish (SMART_ASYNC_FUNC (object), res, NULL, &error));
  if (!g_error_matches (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT))
    g_assert_error (error, SMART_ERROR, SMART_ERROR_NOT_RETURNED);
  ((Tally *) data)->n_back++;
}

static void
test_w3_a_dropped (void)
{
  GMainContext *context = push_own_context ();

  for (int way = 0; way < N_WAYS; way++)
    for (int in_loop = 0; in_loop < 2; in_loop++)
      {
        g_autoptr (SmartAsyncFunc) func =
            smart_async_func_new (ending_body, GINT_TO_POINTER (way), NULL);
        g_autoptr (SmartExecutor) executor = in_loop ? smart_executor_new_loop ("home") : NULL;
        Tally tally = { 0 };

        smart_async_func_set_max_concurrency (func, 1);
        smart_async_func_set_executor (func, executor);
        if (way == TIMES_OUT)
          smart_async_func_set_timeout (func, 5);

        for (guint i = 0; i < 3; i++)
          {
            g_autoptr (GError) error = NULL;

            smart_async_func_call_async (func, NULL, NULL, 0, NULL, on_ended, &tally);
            smart_async_func_call_async (func, NULL, NULL, 0, NULL, on_ended, &tally);
            iterate_until_back (&tally, 2 * i + 2);
            g_assert_false (smart_async_func_call_sync (func, NULL, NULL, 0, NULL, NULL, &error));
          }
      }
  pop_own_context (context);
}

/* W4 */

static void
call_from_everywhere (SmartAsyncFunc *func, guint n)
{
  GMainContext *context = push_own_context ();
  Tally tally = { 0 };

  for (guint i = 0; i < n; i++)
    begin_call (func, (int) i, NULL, &tally);
  iterate_until_back (&tally, n);
  g_assert_cmpuint (tally.n_values, ==, n);
  for (guint i = 0; i < n; i++)
    assert_call (func, (int) (n + i));
  with_sync_callers (func, 4, n);
  pop_own_context (context);
}

static void
test_w4_a (void)
{
  for (int blocking = 0; blocking < 2; blocking++)
    {
      g_auto (Log) log;
      g_autoptr (SmartExecutor) executor = smart_executor_new_pool ("only", 1);
      g_autoptr (SmartAsyncFunc) func = NULL;

      log_init (&log);
      func = blocking ? smart_async_func_new_blocking (quick_body, &log, NULL)
                      : smart_async_func_new (quick_body, &log, NULL);
      smart_async_func_set_executor (func, executor);
      call_from_everywhere (func, 20);

      g_assert_cmpuint (log.seen->len, ==, 20 * 6);
      assert_all_on_one_thread (&log);
      g_assert_true (log.seen->pdata[0] != g_thread_self ());
      g_assert_cmpuint (log.n_most, ==, 1);
    }
}

/* While it is busy, async callers and a sync one queue up. */
static void
test_w4_b (void)
{
  GMainContext *context = push_own_context ();
  g_auto (Log) log;
  g_autoptr (SmartExecutor) executor = smart_executor_new_pool ("only", 1);
  g_autoptr (SmartAsyncFunc) one = NULL;
  g_autoptr (SmartAsyncFunc) other = NULL;
  Tally tally = { 0 };
  const guint n = 30;

  log_init (&log);
  one = smart_async_func_new_blocking (held_blocking_body, &log, NULL);
  smart_async_func_set_executor (one, executor);
  other = smart_async_func_new (quick_body, &log, NULL);
  smart_async_func_set_executor (other, executor);

  for (guint i = 0; i < n - 1; i++)
    begin_call (i % 3 == 0 ? one : other, (int) i, NULL, &tally);
  log_allow (&log, n, TRUE);
  assert_call (other, (int) n - 1);
  iterate_until_back (&tally, n - 1);

  assert_begun_in_order (&log, n);
  assert_all_on_one_thread (&log);
  g_assert_cmpuint (log.n_most, ==, 1);
  pop_own_context (context);
}

static void
test_w4_c (void)
{
  for (int blocking = 0; blocking < 2; blocking++)
    {
      g_auto (Log) log;
      g_autoptr (SmartExecutor) executor = smart_executor_new_loop ("home");
      g_autoptr (SmartAsyncFunc) func = NULL;

      log_init (&log);
      log.in = smart_executor_get_context (executor);
      func = blocking ? smart_async_func_new_blocking (quick_body, &log, NULL)
                      : smart_async_func_new (quick_body, &log, NULL);
      smart_async_func_set_executor (func, executor);
      call_from_everywhere (func, 20);

      g_assert_cmpuint (log.seen->len, ==, 20 * 6);
      assert_all_on_one_thread (&log);
      g_assert_true (log.seen->pdata[0] != g_thread_self ());
    }
}

/* Several of them wait in it at the same time. */
static void
test_w4_d (void)
{
  g_auto (Log) log;
  g_autoptr (SmartExecutor) executor = smart_executor_new_loop ("home");
  g_autoptr (SmartAsyncFunc) func = NULL;
  SyncCaller callers[5];
  GThread *threads[G_N_ELEMENTS (callers)];

  log_init (&log);
  func = smart_async_func_new (held_async_body, &log, NULL);
  smart_async_func_set_executor (func, executor);
  for (guint i = 0; i < G_N_ELEMENTS (callers); i++)
    {
      callers[i] = (SyncCaller) { .func = func, .first = (int) i, .n = 1 };
      threads[i] = g_thread_new ("caller", sync_caller_main, &callers[i]);
    }

  wait_until_begun (&log, G_N_ELEMENTS (callers));
  for (guint i = 0; i < G_N_ELEMENTS (callers); i++)
    g_assert_cmpint (g_atomic_int_get (&callers[i].n_done), ==, 0);
  log_allow (&log, G_N_ELEMENTS (callers), FALSE);

  for (guint i = 0; i < G_N_ELEMENTS (callers); i++)
    {
      g_thread_join (threads[i]);
      g_assert_cmpuint (callers[i].tally.n_values, ==, 1);
    }
  assert_all_on_one_thread (&log);
  g_assert_cmpuint (log.n_most, ==, G_N_ELEMENTS (callers));
}

/* A thread of the test's own that iterates a context */
typedef struct
{
  GMainContext *context;
  GMainLoop *loop;
  GThread *thread;
} Home;

static gpointer
home_main (gpointer data)
{
  Home *home = data;

  g_main_context_push_thread_default (home->context);
  g_main_loop_run (home->loop);
  g_main_context_pop_thread_default (home->context);

  return NULL;
}

static void
home_start (Home *home)
{
  home->context = g_main_context_new ();
  home->loop = g_main_loop_new (home->context, FALSE);
  home->thread = g_thread_new ("home", home_main, home);
}

static gboolean
home_quit (gpointer loop)
{
  g_main_loop_quit (loop);

  return G_SOURCE_REMOVE;
}

static void
home_stop (Home *home)
{
  g_autoptr (GSource) source = g_idle_source_new ();

  g_source_set_callback (source, home_quit, home->loop, NULL);
  g_source_attach (source, home->context);
  g_thread_join (home->thread);
  g_main_loop_unref (home->loop);
  g_main_context_unref (home->context);
}

static void
test_w4_e (void)
{
  Home home;

  home_start (&home);
  for (int blocking = 0; blocking < 2; blocking++)
    {
      g_auto (Log) log;
      g_autoptr (SmartExecutor) executor = smart_executor_new_for_context (home.context);
      g_autoptr (SmartAsyncFunc) func = NULL;

      log_init (&log);
      log.in = home.context;
      func = blocking ? smart_async_func_new_blocking (quick_body, &log, NULL)
                      : smart_async_func_new (quick_body, &log, NULL);
      smart_async_func_set_executor (func, executor);
      call_from_everywhere (func, 20);

      for (guint i = 0; i < log.seen->len; i++)
        g_assert_true (log.seen->pdata[i] == home.thread);
    }
  home_stop (&home);
}

/* A context that nobody but the caller iterates */
static void
test_w4_e_own (void)
{
  GMainContext *context = push_own_context ();

  for (int blocking = 0; blocking < 2; blocking++)
    {
      g_auto (Log) log;
      g_autoptr (SmartExecutor) executor = smart_executor_new_for_context (context);
      g_autoptr (SmartAsyncFunc) func = NULL;
      Tally tally = { 0 };

      log_init (&log);
      func = blocking ? smart_async_func_new_blocking (quick_body, &log, NULL)
                      : smart_async_func_new (quick_body, &log, NULL);
      smart_async_func_set_executor (func, executor);

      begin_call (func, 0, NULL, &tally);
      g_assert_cmpuint (log_n_begun (&log), ==, 0);
      iterate_until_back (&tally, 1);
      assert_call (func, 1);
      begin_call (func, 2, NULL, &tally);
      iterate_until_back (&tally, 2);

      assert_begun_in_order (&log, 3);
      for (guint i = 0; i < log.seen->len; i++)
        g_assert_true (log.seen->pdata[i] == g_thread_self ());
    }
  pop_own_context (context);
}

/* A body calls a function of its own executor: it does not wait for itself. */

typedef struct
{
  SmartAsyncFunc *inner;
  GThread *thread;
} Within;

static void
calling_body (SmartCall *call, gpointer data)
{
  Within *within = data;

  g_assert_false (smart_context_is_async ());
  within->thread = g_thread_self ();
  assert_call (within->inner, 1);
  smart_call_return_int (call, smart_call_get_int (call, 0));
}

static void
run_within (SmartExecutor *executor)
{
  for (int blocking = 0; blocking < 2; blocking++)
    {
      g_auto (Log) log;
      g_autoptr (SmartAsyncFunc) inner = NULL;
      g_autoptr (SmartAsyncFunc) outer = NULL;
      Within within = { 0 };

      log_init (&log);
      inner = blocking ? smart_async_func_new_blocking (quick_body, &log, NULL)
                       : smart_async_func_new (quick_body, &log, NULL);
      smart_async_func_set_executor (inner, executor);
      within.inner = inner;
      outer = smart_async_func_new_blocking (calling_body, &within, NULL);
      smart_async_func_set_executor (outer, executor);

      assert_call (outer, 0);
      g_assert_true (log.seen->pdata[0] == within.thread);
    }
}

static void
test_w4_a_within (void)
{
  g_autoptr (SmartExecutor) executor = smart_executor_new_pool ("only", 1);

  run_within (executor);
}

static void
test_w4_c_within (void)
{
  g_autoptr (SmartExecutor) executor = smart_executor_new_loop ("home");

  run_within (executor);
}

/* W5 */

typedef SmartExecutor *(*MakeExecutor) (void);

static SmartExecutor *
make_pool (void)
{
  return smart_executor_new_pool ("busy", 1);
}

static SmartExecutor *
make_loop (void)
{
  return smart_executor_new_loop ("busy");
}

static const MakeExecutor executors[] = { make_pool, make_loop };

/* One body holds the executor up, and @max_pending more wait. */
static void
fill (SmartAsyncFunc *func, Log *log, guint max_pending, Tally *tally)
{
  begin_call (func, 0, NULL, tally);
  wait_until_begun (log, 1);
  for (guint i = 1; i <= max_pending; i++)
    begin_call (func, (int) i, NULL, tally);
}

static void
run_max_pending (MakeExecutor make, guint max_pending)
{
  GMainContext *context = push_own_context ();
  g_auto (Log) log;
  g_autoptr (SmartExecutor) executor = make ();
  g_autoptr (SmartAsyncFunc) func = NULL;
  g_autoptr (GError) error = NULL;
  Tally tally = { 0 };

  log_init (&log);
  smart_executor_set_max_pending (executor, max_pending);
  func = smart_async_func_new_blocking (held_blocking_body, &log, NULL);
  smart_async_func_set_executor (func, executor);

  for (guint round = 1; round <= 3; round++)
    {
      tally = (Tally) { 0 };
      g_array_set_size (log.begun, 0);
      fill (func, &log, max_pending, &tally);

      /* While it stands still */
      for (guint i = 0; i < 5; i++)
        begin_call (func, 99, NULL, &tally);
      iterate_until_back (&tally, 5);
      g_assert_cmpuint (tally.n_busy, ==, 5);
      call_and_wait (func, 99, NULL, &error);
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_BUSY);
      g_assert_nonnull (strstr (error->message, "executor"));
      g_clear_error (&error);
      g_assert_cmpuint (log_n_begun (&log), ==, 1);

      log_allow (&log, max_pending + 1, TRUE);
      iterate_until_back (&tally, 5 + max_pending + 1);
      g_assert_cmpuint (tally.n_values, ==, max_pending + 1);
      assert_begun_in_order (&log, max_pending + 1);
    }
  pop_own_context (context);
}

static void
test_w5_a (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (executors); i++)
    run_max_pending (executors[i], 1);
}

static void
test_w5_a_context (void)
{
  GMainContext *context = push_own_context ();
  g_auto (Log) log;
  g_autoptr (SmartExecutor) executor = smart_executor_new_for_context (context);
  g_autoptr (SmartAsyncFunc) func = NULL;
  Tally tally = { 0 };

  log_init (&log);
  smart_executor_set_max_pending (executor, 2);
  func = smart_async_func_new (quick_body, &log, NULL);
  smart_async_func_set_executor (func, executor);
  for (int i = 0; i < 4; i++)
    begin_call (func, i, NULL, &tally);
  iterate_until_back (&tally, 4);
  g_assert_cmpuint (tally.n_values, ==, 2);
  g_assert_cmpuint (tally.n_busy, ==, 2);
  assert_begun_in_order (&log, 2);
  pop_own_context (context);
}

static void
test_w5_b (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (executors); i++)
    run_max_pending (executors[i], 20);
}

/* Never more wait than may. */
static void
test_w5_b_threads (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (executors); i++)
    {
      g_auto (Log) log;
      g_autoptr (SmartExecutor) executor = executors[i]();
      g_autoptr (SmartAsyncFunc) func = NULL;

      log_init (&log);
      smart_executor_set_max_pending (executor, 8);
      func = smart_async_func_new_blocking (quick_body, &log, NULL);
      smart_async_func_set_executor (func, executor);
      with_sync_callers (func, 8, smart_test_scale (500, 50));
    }
}

/* A turn comes when the executor is full: the turn goes on, and so on. */
static void
test_w5_a_at_turn (void)
{
  GMainContext *context = push_own_context ();
  guint n = smart_test_scale (20000, 2000);
  g_auto (Log) log;
  g_auto (Log) filling_log;
  g_autoptr (SmartExecutor) executor = smart_executor_new_pool ("busy", 2);
  g_autoptr (SmartAsyncFunc) func = NULL;
  g_autoptr (SmartAsyncFunc) filler = NULL;
  Tally tally = { 0 };
  Tally filling = { 0 };

  log_init (&log);
  log_init (&filling_log);
  smart_executor_set_max_pending (executor, 1);
  func = smart_async_func_new_blocking (held_blocking_body, &log, NULL);
  smart_async_func_set_executor (func, executor);
  smart_async_func_set_max_concurrency (func, 1);
  filler = smart_async_func_new_blocking (held_blocking_body, &filling_log, NULL);
  smart_async_func_set_executor (filler, executor);

  begin_call (filler, 0, NULL, &filling);
  wait_until_begun (&filling_log, 1);
  begin_call (func, 0, NULL, &tally);
  wait_until_begun (&log, 1);
  begin_call (filler, 1, NULL, &filling);
  for (guint i = 0; i < n; i++)
    begin_call (func, 99, NULL, &tally);

  log_allow (&log, 1, TRUE);
  iterate_until_back (&tally, n + 1);
  g_assert_cmpuint (tally.n_values, ==, 1);
  g_assert_cmpuint (tally.n_busy, ==, n);

  log_allow (&filling_log, 2, TRUE);
  iterate_until_back (&filling, 2);
  g_assert_cmpuint (filling.n_values, ==, 2);
  log_allow (&log, 1, TRUE);
  assert_call (func, 1);
  assert_begun_in_order (&log, 2);
  pop_own_context (context);
}

/* W7 */

static void
tid_body (SmartCall *call, gpointer data)
{
  smart_call_return_int (call, (int) syscall (SYS_gettid));
}

static int
call_for_tid (SmartAsyncFunc *func)
{
  g_auto (GValue) value = G_VALUE_INIT;
  g_autoptr (GError) error = NULL;

  smart_async_func_call_sync (func, NULL, NULL, 0, NULL, &value, &error);
  g_assert_no_error (error);

  return g_value_get_int (&value);
}

static gboolean
thread_has_ended (gpointer data)
{
  g_autofree char *path = g_strdup_printf ("/proc/self/task/%d", *(int *) data);

  return !g_file_test (path, G_FILE_TEST_EXISTS);
}

/* That of a pool of two ends in the same time. */
static void
test_w7_b (void)
{
  g_autoptr (SmartExecutor) one = smart_executor_new_pool ("one", 1);
  g_autoptr (SmartExecutor) two = smart_executor_new_pool ("two", 2);
  g_autoptr (SmartAsyncFunc) of_one = smart_async_func_new_blocking (tid_body, NULL, NULL);
  g_autoptr (SmartAsyncFunc) of_two = smart_async_func_new_blocking (tid_body, NULL, NULL);
  int tid, other;

  smart_async_func_set_executor (of_one, one);
  smart_async_func_set_executor (of_two, two);
  tid = call_for_tid (of_one);
  other = call_for_tid (of_two);
  g_assert_cmpint (tid, !=, other);

  smart_test_wait_until (thread_has_ended, &other);
  smart_async_reset ();
  g_assert_false (thread_has_ended (&tid));
  g_assert_cmpint (call_for_tid (of_one), ==, tid);
}

static void
exit_with_executors (gconstpointer data)
{
  static Log log;
  static Tally tally;
  SmartExecutor *some[3];

  log_init (&log);
  some[0] = smart_executor_new_pool ("left", 1);
  some[1] = smart_executor_new_pool ("left", 3);
  some[2] = smart_executor_new_loop ("left");
  for (guint i = 0; i < G_N_ELEMENTS (some); i++)
    {
      SmartAsyncFunc *func = i == 2
                                 ? smart_async_func_new (held_async_body, &log, NULL)
                                 : smart_async_func_new_blocking (held_blocking_body, &log, NULL);

      smart_async_func_set_executor (func, some[i]);
      smart_async_func_set_max_concurrency (func, 2);
      for (int n = 0; n < 5; n++)
        begin_call (func, n, NULL, &tally);
    }
  wait_until_begun (&log, 5);
  if (data != NULL)
    exit (0);
}

/* W9: no GTK is needed to have a class of that name. */

typedef struct
{
  GObject parent_instance;
} TestWidget;

typedef GObjectClass TestWidgetClass;

static GType
button_get_type (void)
{
  static gsize type;

  if (g_once_init_enter (&type))
    {
      GType widget =
          g_type_register_static_simple (G_TYPE_OBJECT, g_intern_static_string ("GtkWidget"),
                                         sizeof (TestWidgetClass), NULL, sizeof (TestWidget), NULL,
                                         G_TYPE_FLAG_ABSTRACT);

      g_once_init_leave (&type, g_type_register_static_simple (
                                    widget, g_intern_static_string ("TestButton"),
                                    sizeof (TestWidgetClass), NULL, sizeof (TestWidget), NULL, 0));
    }

  return type;
}

static void
thread_body (SmartCall *call, gpointer data)
{
  g_atomic_int_inc ((int *) data);
  smart_call_return_boolean (call, smart_call_get_source_object (call) != NULL);
}

typedef struct
{
  SmartAsyncFunc *func;
  GObject *source;
  gboolean done;
  GError *error;
} WidgetCall;

static void
on_widget_called (GObject *object, GAsyncResult *res, gpointer data)
{
  WidgetCall *widget_call = data;

  smart_async_func_call_finish (SMART_ASYNC_FUNC (object), res, NULL, &widget_call->error);
  widget_call->done = TRUE;
}

static void
begin_widget_call (gpointer data)
{
  WidgetCall *widget_call = data;

  smart_async_func_call_async (widget_call->func, widget_call->source, NULL, 0, NULL,
                               on_widget_called, widget_call);
}

static gboolean
is_widget_called (gpointer data)
{
  return ((WidgetCall *) data)->done;
}

static void
assert_widget_call (SmartAsyncFunc *func, GObject *source, gboolean async, gboolean refused)
{
  WidgetCall widget_call = { func, source, FALSE, NULL };

  if (async)
    smart_test_in_loop (begin_widget_call, is_widget_called, &widget_call);
  else
    smart_async_func_call_sync (func, source, NULL, 0, NULL, NULL, &widget_call.error);

  if (refused)
    {
      g_assert_error (widget_call.error, SMART_ERROR, SMART_ERROR_WRONG_THREAD);
      g_assert_nonnull (strstr (widget_call.error->message, "TestButton"));
      g_assert_nonnull (strstr (widget_call.error->message, "the-function"));
    }
  else
    {
      g_assert_no_error (widget_call.error);
    }
  g_clear_error (&widget_call.error);
}

static SmartAsyncFunc *
widget_func_new (gboolean blocking, int *n_run)
{
  SmartAsyncFunc *func = blocking ? smart_async_func_new_blocking (thread_body, n_run, NULL)
                                  : smart_async_func_new (thread_body, n_run, NULL);

  smart_async_func_set_name (func, "the-function");

  return func;
}

static void
test_w9_a (void)
{
  g_autoptr (GObject) button = g_object_new (button_get_type (), NULL);
  g_autoptr (GObject) object = g_object_new (G_TYPE_OBJECT, NULL);
  g_autoptr (SmartExecutor) pool = smart_executor_new_pool ("pool", 1);
  int n_run = 0;
  g_autoptr (SmartAsyncFunc) blocking = widget_func_new (TRUE, &n_run);
  g_autoptr (SmartAsyncFunc) async = widget_func_new (FALSE, &n_run);
  g_autoptr (SmartAsyncFunc) in_pool = widget_func_new (TRUE, &n_run);
  g_autoptr (SmartAsyncFunc) timed = widget_func_new (TRUE, &n_run);

  smart_async_func_set_executor (in_pool, pool);
  smart_async_func_set_timeout (timed, 10000);

  assert_widget_call (blocking, button, TRUE, TRUE);
  assert_widget_call (in_pool, button, TRUE, TRUE);
  assert_widget_call (in_pool, button, FALSE, TRUE);
  assert_widget_call (timed, button, FALSE, TRUE);
  g_assert_cmpint (n_run, ==, 0);

  /* Where nothing leaves the thread, and where it is no widget */
  assert_widget_call (blocking, button, FALSE, FALSE);
  assert_widget_call (async, button, TRUE, FALSE);
  assert_widget_call (async, button, FALSE, FALSE);
  assert_widget_call (blocking, object, TRUE, FALSE);
  assert_widget_call (in_pool, object, FALSE, FALSE);
  g_assert_cmpint (g_atomic_int_get (&n_run), ==, 5);
}

static void
test_w9_b (void)
{
  g_autoptr (GObject) button = g_object_new (button_get_type (), NULL);
  int n_run = 0;
  g_autoptr (SmartAsyncFunc) func = widget_func_new (TRUE, &n_run);

  smart_async_func_set_thread_safe_source (func, TRUE);
  assert_widget_call (func, button, TRUE, FALSE);
  assert_widget_call (func, button, FALSE, FALSE);
  g_assert_cmpint (g_atomic_int_get (&n_run), ==, 2);
}

/* M2, M3 */

static void
test_m2_c (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (executors); i++)
    {
      g_auto (Log) log;
      g_autoptr (SmartExecutor) executor = executors[i]();
      g_autoptr (SmartAsyncFunc) func = NULL;

      log_init (&log);
      func = smart_async_func_new_blocking (quick_body, &log, NULL);
      smart_async_func_set_executor (func, executor);
      g_assert_false (smart_context_is_async ());
      assert_call (func, 0);
      g_assert_cmpuint (log.seen->len, ==, 1);
      g_assert_true (log.seen->pdata[0] != g_thread_self ());
    }
}

/* Once his turn has come, the body runs in the thread of the caller. */
static void
test_m2_f (void)
{
  g_auto (Log) log;
  g_autoptr (SmartAsyncFunc) func = NULL;
  SyncCaller callers[2];
  GThread *threads[2];

  log_init (&log);
  func = limited_new (BLOCKING, 1, &log);
  for (guint i = 0; i < 2; i++)
    {
      callers[i] = (SyncCaller) { .func = func, .first = (int) i, .n = 1 };
      threads[i] = g_thread_new ("caller", sync_caller_main, &callers[i]);
      if (i == 0)
        wait_until_begun (&log, 1);
    }
  g_assert_cmpuint (log_n_begun (&log), ==, 1);
  log_allow (&log, 1, TRUE);
  wait_until_begun (&log, 2);
  g_assert_cmpint (g_atomic_int_get (&callers[1].n_done), ==, 0);
  log_allow (&log, 1, TRUE);

  for (guint i = 0; i < 2; i++)
    {
      g_assert_true (log.seen->pdata[i] == threads[i]);
      g_thread_join (threads[i]);
    }
  g_assert_cmpuint (log.n_most, ==, 1);
}

static void
test_m3_e (void)
{
  GMainContext *context = push_own_context ();
  Home home;
  g_auto (Log) log;
  g_autoptr (SmartExecutor) executor = NULL;
  g_autoptr (SmartAsyncFunc) there = NULL;
  g_autoptr (SmartAsyncFunc) then = NULL;
  Tally tally = { 0 };
  Begun second = { &log, 3 };

  home_start (&home);
  log_init (&log);
  executor = smart_executor_new_for_context (home.context);
  there = smart_async_func_new (quick_body, &log, NULL);
  smart_async_func_set_executor (there, executor);
  begin_call (there, 0, NULL, &tally);
  iterate_until_back (&tally, 1);
  g_assert_true (log.seen->pdata[0] == home.thread);
  home_stop (&home);

  /* The second one begins in the caller's context, when the first has ended; and
   * not within the other's return. */
  then = limited_new (ASYNC, 1, &log);
  begin_call (then, 1, NULL, &tally);
  g_assert_cmpuint (log_n_begun (&log), ==, 2);
  begin_call (then, 2, NULL, &tally);
  g_assert_cmpuint (log_n_begun (&log), ==, 2);
  log_allow (&log, 1, FALSE);
  g_assert_cmpuint (log_n_begun (&log), ==, 2);
  smart_test_wait_until (so_many_have_begun_meanwhile, &second);
  g_assert_true (log.seen->pdata[2] == g_thread_self ());
  log_allow (&log, 1, FALSE);
  iterate_until_back (&tally, 3);
  g_assert_cmpuint (tally.n_values, ==, 3);
  pop_own_context (context);
}

/* E2: cancelled while it waits for its turn */
static void
e2_c (Limited kind)
{
  g_auto (Log) log;
  g_autoptr (SmartAsyncFunc) func = NULL;
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  Tally tally = { 0 };
  Tally cancelled = { 0 };
  Begun begun = { &log, 1 };

  log_init (&log);
  func = limited_new (kind, 1, &log);
  begin_call (func, 0, NULL, &tally);
  begin_call (func, 98, cancellable, &cancelled);
  begin_call (func, 1, NULL, &tally);
  begin_call (func, 99, cancellable, &cancelled);
  begin_call (func, 2, NULL, &tally);
  smart_test_wait_until (so_many_have_begun_meanwhile, &begun);
  g_cancellable_cancel (cancellable);
  g_assert_cmpuint (cancelled.n_back, ==, 0);
  /* Not when their turn comes. */
  iterate_until_back (&cancelled, 2);
  g_assert_cmpuint (cancelled.n_cancelled, ==, 2);

  for (guint i = 0; i < 3; i++)
    {
      begun.n = i + 1;
      smart_test_wait_until (so_many_have_begun_meanwhile, &begun);
      log_allow (&log, 1, is_blocking (kind));
    }
  iterate_until_back (&tally, 3);
  assert_begun_in_order (&log, 3);
}

static void
test_e2_c_turn (void)
{
  with_each_kind (e2_c);
}

/* Its turn has come already, but its context was not iterated since. */
static void
test_e2_c_late (void)
{
  GMainContext *context = push_own_context ();
  g_auto (Log) log;
  g_autoptr (SmartAsyncFunc) func = NULL;
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  Tally tally = { 0 };
  Tally cancelled = { 0 };
  Begun begun = { &log, 2 };

  log_init (&log);
  func = limited_new (ASYNC, 1, &log);
  begin_call (func, 0, NULL, &tally);
  begin_call (func, 99, cancellable, &cancelled);
  begin_call (func, 1, NULL, &tally);
  log_allow (&log, 1, FALSE);
  g_cancellable_cancel (cancellable);
  smart_test_wait_until (so_many_have_begun_meanwhile, &begun);
  log_allow (&log, 1, FALSE);
  iterate_until_back (&tally, 2);
  iterate_until_back (&cancelled, 1);
  g_assert_cmpuint (cancelled.n_cancelled, ==, 1);
  assert_begun_in_order (&log, 2);
  pop_own_context (context);
}

/* A sync caller who waits for his turn leaves at once. */
static void
test_e2_c_sync (void)
{
  GMainContext *context = push_own_context ();
  g_auto (Log) log;
  g_autoptr (SmartAsyncFunc) func = NULL;
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  SyncCaller caller = { 0 };
  Tally tally = { 0 };
  GThread *thread;

  log_init (&log);
  func = limited_new (BLOCKING, 1, &log);
  begin_call (func, 0, NULL, &tally);
  wait_until_begun (&log, 1);
  caller.func = func;
  caller.n = 1;
  caller.first = 99;
  caller.cancellable = cancellable;
  thread = g_thread_new ("caller", sync_caller_main, &caller);
  g_cancellable_cancel (cancellable);
  g_thread_join (thread);
  g_assert_cmpuint (caller.tally.n_cancelled, ==, 1);

  log_allow (&log, 2, TRUE);
  iterate_until_back (&tally, 1);
  assert_call (func, 1);
  assert_begun_in_order (&log, 2);
  pop_own_context (context);
}

/* A sync caller, and one who cancels his future, while the only thread is busy. */
static void
test_e2_c_at_once (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (executors); i++)
    {
      GMainContext *context = push_own_context ();
      g_auto (Log) log;
      g_autoptr (SmartExecutor) executor = executors[i]();
      g_autoptr (SmartAsyncFunc) first = NULL;
      g_autoptr (SmartAsyncFunc) func = NULL;
      g_autoptr (GCancellable) cancellable = g_cancellable_new ();
      g_autoptr (SmartFuture) future = NULL;
      SyncCaller caller = { 0 };
      Tally tally = { 0 };
      GThread *thread;

      log_init (&log);
      first = smart_async_func_new_blocking (held_blocking_body, &log, NULL);
      smart_async_func_set_executor (first, executor);
      func = smart_async_func_new_blocking (quick_body, &log, NULL);
      smart_async_func_set_executor (func, executor);
      begin_call (first, 0, NULL, &tally);
      wait_until_begun (&log, 1);

      caller.func = func;
      caller.n = 1;
      caller.first = 99;
      caller.cancellable = cancellable;
      thread = g_thread_new ("caller", sync_caller_main, &caller);
      smart_context_push_mode (SMART_MODE_ASYNC);
      future = smart_async_func_call (func, NULL, NULL, G_TYPE_INT, 98, G_TYPE_INVALID);
      smart_context_pop_mode ();
      smart_future_cancel (future);
      g_assert_cmpint (smart_future_get_status (future), ==, SMART_FUTURE_REJECTED);
      g_cancellable_cancel (cancellable);
      g_thread_join (thread);
      g_assert_cmpuint (caller.tally.n_cancelled, ==, 1);

      log_allow (&log, 1, TRUE);
      iterate_until_back (&tally, 1);
      assert_call (func, 1);
      assert_begun_in_order (&log, 2);
      pop_own_context (context);
    }
}

/* In an executor's queue, with a turn: that is not lost. */
static void
test_e2_c_executor (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (executors); i++)
    {
      GMainContext *context = push_own_context ();
      g_auto (Log) log;
      g_autoptr (SmartExecutor) executor = executors[i]();
      g_autoptr (SmartAsyncFunc) first = NULL;
      g_autoptr (SmartAsyncFunc) func = NULL;
      g_autoptr (GCancellable) cancellable = g_cancellable_new ();
      Tally tally = { 0 };
      Tally cancelled = { 0 };

      log_init (&log);
      first = smart_async_func_new_blocking (held_blocking_body, &log, NULL);
      smart_async_func_set_executor (first, executor);
      func = smart_async_func_new_blocking (quick_body, &log, NULL);
      smart_async_func_set_executor (func, executor);
      smart_async_func_set_max_concurrency (func, 1);

      begin_call (first, 0, NULL, &tally);
      wait_until_begun (&log, 1);
      begin_call (func, 99, cancellable, &cancelled);
      begin_call (func, 1, NULL, &tally);
      g_cancellable_cancel (cancellable);
      iterate_until_back (&cancelled, 1);
      g_assert_cmpuint (cancelled.n_cancelled, ==, 1);
      log_allow (&log, 1, TRUE);
      iterate_until_back (&tally, 2);
      assert_call (func, 2);
      assert_begun_in_order (&log, 3);
      pop_own_context (context);
    }
}

/* The caller has left, but the body has the turn until it ends; also at the
 * deadline. */
static void
keep_the_place (gboolean by_deadline)
{
  GMainContext *context = push_own_context ();
  g_auto (Log) log;
  g_autoptr (SmartAsyncFunc) func = NULL;
  G_GNUC_UNUSED g_autoptr (SmartAsyncFunc) leaving = NULL;
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  G_GNUC_UNUSED g_autoptr (SmartExecutor) executor = smart_executor_new_pool ("only", 1);
  Tally tally = { 0 };
  Tally next = { 0 };

  log_init (&log);
  func = smart_async_func_new_blocking (held_blocking_body, &log, NULL);
  smart_async_func_set_max_concurrency (func, 1);
  if (by_deadline)
    smart_async_func_set_timeout (func, 500);
  else
    smart_async_func_set_abandon_on_cancel (func, TRUE);
  begin_call (func, 0, cancellable, &tally);
  wait_until_begun (&log, 1);
  if (!by_deadline)
    g_cancellable_cancel (cancellable);
  iterate_until_back (&tally, 1);
  g_assert_cmpuint (by_deadline ? tally.n_timed_out : tally.n_cancelled, ==, 1);

  begin_call (func, 1, NULL, &next);
  for (int i = 0; i < 100; i++)
    g_main_context_iteration (NULL, FALSE);
  g_assert_cmpuint (log_n_begun (&log), ==, 1);

  log_allow (&log, 2, TRUE);
  iterate_until_back (&next, 1);
  g_assert_cmpuint (next.n_values, ==, 1);
  g_assert_cmpuint (log.n_most, ==, 1);
  pop_own_context (context);
}

static void
test_e2_g (void)
{
  keep_the_place (FALSE);
}

static void
test_e4_c_place (void)
{
  keep_the_place (TRUE);
}

/* E4: at the deadline it still waits for its turn, and never begins. */
static void
test_e4_a_turn (void)
{
  for (int in_pool = 0; in_pool < 2; in_pool++)
    {
      GMainContext *context = push_own_context ();
      g_auto (Log) log;
      g_autoptr (SmartAsyncFunc) func = NULL;
      g_autoptr (SmartAsyncFunc) filler = NULL;
      g_autoptr (SmartExecutor) executor = smart_executor_new_pool ("only", 1);
      g_autoptr (GError) error = NULL;
      Tally tally = { 0 };
      Tally filling = { 0 };

      log_init (&log);
      func = smart_async_func_new_blocking (held_blocking_body, &log, NULL);
      smart_async_func_set_timeout (func, 400);
      smart_async_func_set_max_concurrency (func, 1);
      if (in_pool)
        {
          /* It has a turn, and waits in the queue. */
          smart_async_func_set_executor (func, executor);
          filler = smart_async_func_new_blocking (held_blocking_body, &log, NULL);
          smart_async_func_set_executor (filler, executor);
        }
      begin_call (in_pool ? filler : func, 0, NULL, &filling);
      wait_until_begun (&log, 1);
      begin_call (func, 98, NULL, &tally);
      begin_call (func, 99, NULL, &tally);
      iterate_until_back (&tally, 2);
      g_assert_cmpuint (tally.n_timed_out, ==, 2);
      call_and_wait (func, 97, NULL, &error);
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);

      log_allow (&log, 2, TRUE);
      iterate_until_back (&filling, 1);
      assert_call (func, 1);
      assert_begun_in_order (&log, 2);
      pop_own_context (context);
    }
}

/* An asynchronous body in a pool: the deadline is the caller's, wherever it runs. */
static void
stuck_body (SmartCall *call, gpointer data)
{
  g_object_set_data_full (data, "call", g_object_ref (call), g_object_unref);
}

static void
test_e4_d_pool (void)
{
  GMainContext *context = push_own_context ();
  g_autoptr (GObject) keeper = g_object_new (G_TYPE_OBJECT, NULL);
  g_autoptr (SmartExecutor) executor = smart_executor_new_pool ("only", 1);
  g_autoptr (SmartAsyncFunc) func = smart_async_func_new (stuck_body, keeper, NULL);
  g_autoptr (GError) error = NULL;
  Tally tally = { 0 };

  smart_async_func_set_executor (func, executor);
  smart_async_func_set_timeout (func, 50);
  begin_call (func, 0, NULL, &tally);
  iterate_until_back (&tally, 1);
  g_assert_cmpuint (tally.n_timed_out, ==, 1);
  call_and_wait (func, 0, NULL, &error);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  g_object_set_data (keeper, "call", NULL);
  pop_own_context (context);
}

/* C8: what the parent's executors had stays behind. */

/* In the child, which drops its references. */
static void
use_executors (gpointer data)
{
  GPtrArray *funcs = data;

  for (guint i = 0; i < funcs->len; i++)
    {
      Tally tally = { 0 };

      assert_call (funcs->pdata[i], 1);
      begin_call (funcs->pdata[i], 2, NULL, &tally);
      begin_call (funcs->pdata[i], 3, NULL, &tally);
      iterate_until_back (&tally, 2);
      g_assert_cmpuint (tally.n_values, ==, 2);
      g_object_unref (funcs->pdata[i]);
    }
}

static void
test_c8_b_executors (gconstpointer data)
{
  for (int used = 0; used < 2; used++)
    {
      GMainContext *context = push_own_context ();
      g_auto (Log) log;
      g_autoptr (GPtrArray) funcs = g_ptr_array_new_with_free_func (g_object_unref);

      log_init (&log);
      for (int kind = 0; kind < 3; kind++)
        {
          g_autoptr (SmartExecutor) executor = kind == 0   ? smart_executor_new_pool ("one", 1)
                                               : kind == 1 ? smart_executor_new_pool ("three", 3)
                                                           : smart_executor_new_loop ("loop");

          smart_executor_set_max_pending (executor, 5);
          for (int blocking = 0; blocking < 2; blocking++)
            {
              SmartAsyncFunc *func = blocking
                                         ? smart_async_func_new_blocking (quick_body, &log, NULL)
                                         : smart_async_func_new (quick_body, &log, NULL);

              smart_async_func_set_executor (func, executor);
              smart_async_func_set_max_concurrency (func, 1);
              g_ptr_array_add (funcs, func);
              if (used)
                assert_call (func, 0);
            }
        }
      smart_test_in_child (use_executors, funcs);
      for (guint i = 0; i < funcs->len; i++)
        assert_call (funcs->pdata[i], 0);
      pop_own_context (context);
    }
}

int
main (int argc, char **argv)
{
  smart_test_init (&argc, &argv);

  smart_test_add ("/contract/W3.a", test_w3_a);
  smart_test_add ("/contract/W3.a/dropped", test_w3_a_dropped);
  smart_test_add ("/contract/W3.b", test_w3_b);
  smart_test_add ("/contract/W3.c", test_w3_c);
  smart_test_add ("/contract/W3.d", test_w3_d);
  smart_test_add ("/contract/W3.d/waits", test_w3_d_waits);
  smart_test_add ("/contract/W3.e", test_w3_e);
  smart_test_add ("/contract/W3.e/uncounted", test_w3_e_uncounted);
  smart_test_add ("/contract/W3.b/at-once", test_w3_b_at_once);
  smart_test_add ("/contract/W4.a", test_w4_a);
  smart_test_add ("/contract/W4.a/within", test_w4_a_within);
  smart_test_add ("/contract/W4.b", test_w4_b);
  smart_test_add ("/contract/W4.c", test_w4_c);
  smart_test_add ("/contract/W4.c/within", test_w4_c_within);
  smart_test_add ("/contract/W4.d", test_w4_d);
  smart_test_add ("/contract/W4.e", test_w4_e);
  smart_test_add ("/contract/W4.e/own", test_w4_e_own);
  smart_test_add ("/contract/W5.a", test_w5_a);
  smart_test_add ("/contract/W5.a/context", test_w5_a_context);
  smart_test_add ("/contract/W5.a/at-turn", test_w5_a_at_turn);
  smart_test_add ("/contract/W5.b", test_w5_b);
  smart_test_add ("/contract/W5.b/threads", test_w5_b_threads);
  smart_test_add ("/contract/W7.b", test_w7_b);
  smart_test_add_subprocess ("/contract/W7.c/executors-return", NULL, exit_with_executors, NULL);
  smart_test_add_subprocess ("/contract/W7.c/executors-exit", GINT_TO_POINTER (TRUE),
                             exit_with_executors, NULL);
  smart_test_add ("/contract/W9.a", test_w9_a);
  smart_test_add ("/contract/W9.b", test_w9_b);

  smart_test_add ("/contract/M2.c", test_m2_c);
  smart_test_add ("/contract/M2.f", test_m2_f);
  smart_test_add ("/contract/M3.e", test_m3_e);
  smart_test_add ("/contract/E2.c/turn", test_e2_c_turn);
  smart_test_add ("/contract/E2.c/late", test_e2_c_late);
  smart_test_add ("/contract/E2.c/sync", test_e2_c_sync);
  smart_test_add ("/contract/E2.c/executor", test_e2_c_executor);
  smart_test_add ("/contract/E2.c/at-once", test_e2_c_at_once);
  smart_test_add ("/contract/E2.g", test_e2_g);
  smart_test_add ("/contract/E4.a/turn", test_e4_a_turn);
  smart_test_add ("/contract/E4.c/place", test_e4_c_place);
  smart_test_add ("/contract/E4.d/pool", test_e4_d_pool);
  if (SMART_TEST_CAN_FORK)
    smart_test_add_subprocess ("/contract/C8.b/executors", NULL, test_c8_b_executors, NULL);

  return g_test_run ();
}
