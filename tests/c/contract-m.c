/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The contract's section M: the matrix of callers and functions. */

#include "smart-test.h"

#include <smartasync-glib/smartasync-glib.h>

#include <string.h>

/* One function, what its body saw, and one call of it. */
typedef struct
{
  SmartAsyncFunc *func;
  SmartFuture *future;
  SmartTestGate *gate; /* what a body waits at, if anything */

  int n_begun; /* atomic */
  int n_called_back;
  int n_strangers; /* sources of the application that were dispatched */
  gboolean inside_call;
  GThread *thread;
  GMainContext *context;
  GMainContext *thread_default;
  GMainContext *caller_context;
  GMainContext *callback_context;
  GThread *callback_thread;
  guint n_fds;
  guint n_threads;
  guint64 n_contexts;
  int value;
} Fixture;

static void
fixture_clear (Fixture *fixture)
{
  g_clear_object (&fixture->func);
  g_clear_object (&fixture->future);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Fixture, fixture_clear)

static void
fixture_note (Fixture *fixture, SmartCall *call)
{
  static GMutex mutex;

  g_mutex_lock (&mutex);
  fixture->thread = g_thread_self ();
  fixture->context = smart_call_get_context (call);
  fixture->thread_default = g_main_context_get_thread_default ();
  fixture->n_fds = smart_test_count_fds ();
  fixture->n_threads = smart_test_count_threads ();
  fixture->n_contexts = smart_test_stat ("contexts-created");
  g_mutex_unlock (&mutex);
  g_atomic_int_inc (&fixture->n_begun);
}

/* The sum of the arguments, or 42. */
static int
result_of (SmartCall *call)
{
  int sum = 0;

  for (guint n = 0; n < smart_call_get_n_args (call); n++)
    sum += smart_call_get_int (call, n);

  return smart_call_get_n_args (call) > 0 ? sum : 42;
}

static void
body_blocking (SmartCall *call, gpointer data)
{
  Fixture *fixture = data;

  fixture_note (fixture, call);
  if (fixture->gate != NULL)
    smart_test_gate_wait (fixture->gate);
  smart_call_return_int (call, result_of (call));
}

static void
body_at_once (SmartCall *call, gpointer data)
{
  fixture_note (data, call);
  smart_call_return_int (call, result_of (call));
}

static gboolean
return_later_cb (gpointer data)
{
  smart_call_return_int (data, result_of (data));

  return G_SOURCE_REMOVE;
}

/* From a source of the context that the body is in. */
static void
return_later (SmartCall *call)
{
  smart_call_add_timeout (call, 1, return_later_cb, g_object_ref (call), g_object_unref);
}

static void
body_later (SmartCall *call, gpointer data)
{
  fixture_note (data, call);
  return_later (call);
}

static gboolean
is_called_back (gpointer data)
{
  return ((Fixture *) data)->n_called_back > 0;
}

static gboolean
is_settled (gpointer data)
{
  return smart_future_get_status (((Fixture *) data)->future) != SMART_FUTURE_PENDING;
}

static void
called_back_cb (GObject *source, GAsyncResult *result, gpointer data)
{
  Fixture *fixture = data;
  g_auto (GValue) value = G_VALUE_INIT;
  g_autoptr (GError) error = NULL;
  GSource *current = g_main_current_source ();

  g_assert_true (source == G_OBJECT (fixture->func));
  g_assert_true (smart_async_func_call_finish (SMART_ASYNC_FUNC (source), result, &value, &error));
  g_assert_no_error (error);

  fixture->value = g_value_get_int (&value);
  fixture->callback_thread = g_thread_self ();
  fixture->callback_context = current != NULL ? g_source_get_context (current) : NULL;
  g_assert_false (fixture->inside_call);
  fixture->n_called_back++;
}

static void
call_async (gpointer data)
{
  Fixture *fixture = data;

  fixture->inside_call = TRUE;
  smart_async_func_call_async (fixture->func, NULL, NULL, 0, NULL, called_back_cb, fixture);
  fixture->inside_call = FALSE;
}

static void
call_smart (gpointer data)
{
  Fixture *fixture = data;

  fixture->future = smart_async_func_callv (fixture->func, NULL, NULL, 0, NULL);
}

static int
call_sync (SmartAsyncFunc *func)
{
  g_auto (GValue) value = G_VALUE_INIT;
  g_autoptr (GError) error = NULL;

  g_assert_true (smart_async_func_call_sync (func, NULL, NULL, 0, NULL, &value, &error));
  g_assert_no_error (error);

  return g_value_get_int (&value);
}

static void
assert_future_int (SmartFuture *future, int expected)
{
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (smart_future_get_status (future), ==, SMART_FUTURE_RESOLVED);
  g_assert_cmpint (smart_future_get_int (future, &error), ==, expected);
  g_assert_no_error (error);
}

static GMainContext *
current_context (void)
{
  return g_source_get_context (g_main_current_source ());
}

/* M1 */

static void
check_sync_of_async (SmartBody body)
{
  g_auto (Fixture) fixture = { 0 };
  g_autoptr (SmartFuture) added = NULL;

  fixture.func = smart_async_func_new (body, &fixture, NULL);

  call_smart (&fixture);
  assert_future_int (fixture.future, 42);
  g_assert_true (fixture.thread == g_thread_self ());

  added = smart_async_func_call (fixture.func, NULL, NULL, G_TYPE_INT, 3, G_TYPE_INT, 4,
                                 G_TYPE_INVALID);
  assert_future_int (added, 7);

  g_assert_cmpint (call_sync (fixture.func), ==, 42);
  g_assert_cmpint (fixture.n_begun, ==, 3);
}

static void
test_sync_of_async (void)
{
  check_sync_of_async (body_at_once);
  check_sync_of_async (body_later);
}

/* M2 */

static void
test_sync_of_blocking_thread (void)
{
  g_auto (Fixture) fixture = { 0 };

  fixture.func = smart_async_func_new_blocking (body_blocking, &fixture, NULL);

  call_smart (&fixture);
  assert_future_int (fixture.future, 42);
  g_assert_true (fixture.thread == g_thread_self ());
  g_assert_null (fixture.context);

  fixture.thread = NULL;
  g_assert_cmpint (call_sync (fixture.func), ==, 42);
  g_assert_true (fixture.thread == g_thread_self ());
}

/* In a process of its own, where no earlier test's thread ends meanwhile. */
static void
test_sync_of_blocking_makes_nothing (gconstpointer data)
{
  g_auto (Fixture) fixture = { 0 };
  guint n_threads = smart_test_count_threads ();
  guint n_fds;

  /* The application's own: GLib makes it when one asks whose it is. */
  g_main_context_default ();
  n_fds = smart_test_count_fds ();

  fixture.func = smart_async_func_new_blocking (body_blocking, &fixture, NULL);

  for (guint n = 0; n < 3; n++)
    {
      g_clear_object (&fixture.future);
      if (n < 2)
        call_smart (&fixture);
      else
        call_sync (fixture.func);

      g_assert_cmpuint (fixture.n_fds, ==, n_fds);
      g_assert_cmpuint (fixture.n_threads, ==, n_threads);
      g_assert_cmpuint (fixture.n_contexts, ==, 0);
      g_assert_cmpuint (smart_test_count_fds (), ==, n_fds);
      g_assert_cmpuint (smart_test_count_threads (), ==, n_threads);
    }

  g_assert_cmpuint (smart_test_stat ("contexts-created"), ==, 0);
  g_assert_cmpuint (smart_test_stat ("threads-created"), ==, 0);
  g_assert_cmpuint (smart_test_stat ("tickets-issued"), ==, 0);
}

static void
assert_on_worker (Fixture *fixture)
{
  call_smart (fixture);
  assert_future_int (fixture->future, 42);
  g_assert_cmpint (fixture->n_begun, ==, 1);
  g_assert_true (fixture->thread != g_thread_self ());

  fixture->thread = g_thread_self ();
  g_assert_cmpint (call_sync (fixture->func), ==, 42);
  g_assert_cmpint (fixture->n_begun, ==, 2);
  g_assert_true (fixture->thread != g_thread_self ());
}

static void
test_sync_of_blocking_with_timeout (void)
{
  g_auto (Fixture) fixture = { 0 };

  fixture.func = smart_async_func_new_blocking (body_blocking, &fixture, NULL);
  smart_async_func_set_timeout (fixture.func, 60 * 1000);
  assert_on_worker (&fixture);
}

static void
test_sync_of_blocking_abandoned (void)
{
  g_auto (Fixture) fixture = { 0 };

  fixture.func = smart_async_func_new_blocking (body_blocking, &fixture, NULL);
  smart_async_func_set_abandon_on_cancel (fixture.func, TRUE);
  assert_on_worker (&fixture);
}

/* M3 */

static void
begins_here_cb (gpointer data)
{
  Fixture *fixture = data;

  g_assert_cmpint (fixture->n_begun, ==, 0);
  call_smart (fixture);
  g_assert_cmpint (fixture->n_begun, ==, 1);
  g_assert_true (fixture->thread == g_thread_self ());
  g_assert_true (fixture->context == current_context ());

  /* NULL is how GLib calls the default context as a thread-default. */
  g_assert_true (
      fixture->thread_default == current_context () ||
      (fixture->thread_default == NULL && current_context () == g_main_context_default ()));
}

static void
test_async_begins_here (void)
{
  g_auto (Fixture) later = { 0 };
  g_auto (Fixture) at_once = { 0 };

  later.func = smart_async_func_new (body_later, &later, NULL);
  smart_test_in_loop (begins_here_cb, is_settled, &later);
  assert_future_int (later.future, 42);

  at_once.func = smart_async_func_new (body_at_once, &at_once, NULL);
  smart_test_in_loop (begins_here_cb, is_settled, &at_once);
  assert_future_int (at_once.future, 42);
}

static void
returns_early_cb (gpointer data)
{
  Fixture *fixture = data;

  call_smart (fixture);
  g_assert_cmpint (smart_future_get_status (fixture->future), ==, SMART_FUTURE_PENDING);
}

static void
test_async_returns_early (void)
{
  g_auto (Fixture) fixture = { 0 };

  fixture.func = smart_async_func_new (body_later, &fixture, NULL);
  smart_test_in_loop (returns_early_cb, is_settled, &fixture);
  assert_future_int (fixture.future, 42);
}

static void
call_async_and_note (gpointer data)
{
  Fixture *fixture = data;

  fixture->caller_context = current_context ();
  call_async (fixture);
  g_assert_cmpint (fixture->n_called_back, ==, 0);
}

static void
assert_calls_back_here (Fixture *fixture)
{
  smart_test_in_loop (call_async_and_note, is_called_back, fixture);

  g_assert_cmpint (fixture->n_called_back, ==, 1);
  g_assert_cmpint (fixture->value, ==, 42);
  g_assert_true (fixture->callback_thread == g_thread_self ());
  g_assert_true (fixture->callback_context == fixture->caller_context);
}

static void
test_async_calls_back_here (void)
{
  g_auto (Fixture) later = { 0 };
  g_auto (Fixture) at_once = { 0 };

  later.func = smart_async_func_new (body_later, &later, NULL);
  assert_calls_back_here (&later);

  at_once.func = smart_async_func_new (body_at_once, &at_once, NULL);
  assert_calls_back_here (&at_once);
}

static void
then_cb (SmartCall *call, SmartFuture *settled, gpointer data)
{
  Fixture *fixture = data;

  g_assert_false (fixture->inside_call);
  fixture->n_called_back++;
  smart_call_return_none (call);
}

static void
wait_cb (GObject *source, GAsyncResult *result, gpointer data)
{
  Fixture *fixture = data;
  g_autoptr (GError) error = NULL;

  g_assert_false (fixture->inside_call);
  g_assert_true (smart_future_wait_finish (SMART_FUTURE (source), result, NULL, &error));
  g_assert_no_error (error);
  fixture->n_called_back++;
}

static gboolean
all_are_called_back (gpointer data)
{
  return ((Fixture *) data)->n_called_back == 3;
}

/* However early the result is there, nobody is called before the call returned. */
static void
never_inside_cb (gpointer data)
{
  Fixture *fixture = data;
  g_autoptr (SmartFuture) chained = NULL;

  call_async (fixture);
  g_assert_cmpint (fixture->n_called_back, ==, 0);

  call_smart (fixture);
  fixture->inside_call = TRUE;
  smart_future_wait_async (fixture->future, NULL, wait_cb, fixture);
  chained = smart_future_then (fixture->future, then_cb, fixture, NULL);
  fixture->inside_call = FALSE;
  g_assert_cmpint (fixture->n_called_back, ==, 0);
}

static void
test_async_never_inside (void)
{
  g_auto (Fixture) at_once = { 0 };
  g_auto (Fixture) later = { 0 };

  at_once.func = smart_async_func_new (body_at_once, &at_once, NULL);
  smart_test_in_loop (never_inside_cb, all_are_called_back, &at_once);

  later.func = smart_async_func_new (body_later, &later, NULL);
  smart_test_in_loop (never_inside_cb, all_are_called_back, &later);
}

/* M4 */

static void
offload_returns_cb (gpointer data)
{
  Fixture *fixture = data;

  /* The body cannot end before the gate is opened, and that is after the call. */
  call_smart (fixture);
  g_assert_cmpint (smart_future_get_status (fixture->future), ==, SMART_FUTURE_PENDING);
  call_async (fixture);
  g_assert_cmpint (fixture->n_called_back, ==, 0);
  smart_test_gate_open (fixture->gate);
}

static gboolean
is_settled_and_called_back (gpointer data)
{
  return is_settled (data) && is_called_back (data);
}

static void
test_offload_returns_at_once (void)
{
  g_auto (SmartTestGate) gate = { 0 };
  g_auto (Fixture) fixture = { 0 };

  smart_test_gate_init (&gate);
  fixture.gate = &gate;
  fixture.func = smart_async_func_new_blocking (body_blocking, &fixture, NULL);
  smart_test_in_loop (offload_returns_cb, is_settled_and_called_back, &fixture);
  assert_future_int (fixture.future, 42);
}

static void
test_offload_other_thread (void)
{
  g_auto (Fixture) fixture = { 0 };

  fixture.func = smart_async_func_new_blocking (body_blocking, &fixture, NULL);
  smart_test_in_loop (call_smart, is_settled, &fixture);

  assert_future_int (fixture.future, 42);
  g_assert_cmpint (fixture.n_begun, ==, 1);
  g_assert_true (fixture.thread != g_thread_self ());
  g_assert_null (fixture.context);
}

#define BODY_MSEC 200
#define MIN_TICKS 10

typedef struct
{
  SmartAsyncFunc *func;
  SmartFuture *future;
  SmartTestGate never;
  int inside; /* atomic */
  guint n_ticks;
} Ticking;

static gboolean
tick_cb (gpointer data)
{
  Ticking *ticking = data;

  if (g_atomic_int_get (&ticking->inside))
    ticking->n_ticks++;

  return G_SOURCE_CONTINUE;
}

static void
body_of_200_msec (SmartCall *call, gpointer data)
{
  Ticking *ticking = data;

  g_atomic_int_set (&ticking->inside, TRUE);
  smart_test_gate_wait_for (&ticking->never, BODY_MSEC * 1000);
  g_atomic_int_set (&ticking->inside, FALSE);
  smart_call_return_none (call);
}

static void
start_ticking_cb (gpointer data)
{
  Ticking *ticking = data;

  ticking->future = smart_async_func_callv (ticking->func, NULL, NULL, 0, NULL);
}

static gboolean
ticking_is_over (gpointer data)
{
  return smart_future_get_status (((Ticking *) data)->future) != SMART_FUTURE_PENDING;
}

static gboolean
time_is_over (gpointer data)
{
  return g_get_monotonic_time () >= *(gint64 *) data;
}

/* As often as the machine lets it, while there is nothing else to do. */
static guint
count_idle_ticks (Ticking *ticking, GMainContext *context)
{
  gint64 end = g_get_monotonic_time () + BODY_MSEC * 1000;
  guint n_ticks;

  ticking->inside = TRUE;
  smart_test_iterate_until (context, time_is_over, &end);
  ticking->inside = FALSE;
  n_ticks = ticking->n_ticks;
  ticking->n_ticks = 0;

  return n_ticks;
}

/* How many ticks are missing to half of those that come where nothing runs. */
static gint64
measure_missing_ticks (gpointer data)
{
  Ticking ticking = { 0 };
  g_autoptr (GMainContext) context = NULL;
  g_autoptr (GSource) timer = g_timeout_source_new (1);
  guint n_idle;

  if (!smart_test_on_main_thread ())
    {
      context = g_main_context_new ();
      g_main_context_push_thread_default (context);
    }

  smart_test_gate_init (&ticking.never);
  ticking.func = smart_async_func_new_blocking (body_of_200_msec, &ticking, NULL);
  g_source_set_callback (timer, tick_cb, &ticking, NULL);
  g_source_attach (timer, context);
  n_idle = count_idle_ticks (&ticking, context);

  smart_test_invoke (context, start_ticking_cb, &ticking);
  while (ticking.future == NULL)
    g_main_context_iteration (context, TRUE);
  smart_test_iterate_until (context, ticking_is_over, &ticking);

  g_source_destroy (timer);
  if (context != NULL)
    g_main_context_pop_thread_default (context);
  g_object_unref (ticking.func);
  g_object_unref (ticking.future);
  smart_test_gate_clear (&ticking.never);

  /* Of too few one can tell nothing. */
  return n_idle < MIN_TICKS ? G_MAXINT64 : MAX (0, (gint64) n_idle / 2 - (gint64) ticking.n_ticks);
}

static void
test_offload_loop_goes_on (void)
{
  /* The best of five, since a busy machine may keep a timer from its ticks. */
  smart_test_best_of_five (measure_missing_ticks, 0, NULL);
}

static void
test_offload_result_here (void)
{
  g_auto (Fixture) fixture = { 0 };

  fixture.func = smart_async_func_new_blocking (body_blocking, &fixture, NULL);
  assert_calls_back_here (&fixture);
  g_assert_true (fixture.thread != g_thread_self ());
}

/* M5 */

static gboolean
stranger_cb (gpointer data)
{
  ((Fixture *) data)->n_strangers++;

  return G_SOURCE_CONTINUE;
}

static void
call_sync_in_loop_cb (gpointer data)
{
  Fixture *fixture = data;
  g_autoptr (GSource) stranger = g_idle_source_new ();

  /* An idle source that is always ready would run if the loop was iterated. */
  g_source_set_priority (stranger, G_PRIORITY_HIGH);
  g_source_set_callback (stranger, stranger_cb, fixture, NULL);
  g_source_attach (stranger, current_context ());

  fixture->value = call_sync (fixture->func);
  g_assert_true (fixture->thread == g_thread_self ());
  g_assert_cmpint (fixture->n_strangers, ==, 0);
  g_source_destroy (stranger);
}

static void
check_call_sync (SmartAsyncFunc *func, Fixture *fixture)
{
  fixture->func = func;

  g_assert_cmpint (call_sync (func), ==, 42);
  g_assert_true (fixture->thread == g_thread_self ());

  smart_test_in_loop (call_sync_in_loop_cb, NULL, fixture);
  g_assert_cmpint (fixture->value, ==, 42);
  g_assert_cmpint (fixture->n_begun, ==, 2);
}

static void
test_call_sync_blocks (void)
{
  g_auto (Fixture) later = { 0 };
  g_auto (Fixture) at_once = { 0 };
  g_auto (Fixture) blocking = { 0 };

  check_call_sync (smart_async_func_new (body_later, &later, NULL), &later);
  check_call_sync (smart_async_func_new (body_at_once, &at_once, NULL), &at_once);
  check_call_sync (smart_async_func_new_blocking (body_blocking, &blocking, NULL), &blocking);
}

static void
check_call_async_at_top (SmartAsyncFunc *func, Fixture *fixture)
{
  fixture->func = func;

  g_assert_false (smart_context_is_async ());
  call_async (fixture);
  g_assert_cmpint (fixture->n_called_back, ==, 0);
  if (fixture->gate != NULL)
    smart_test_gate_open (fixture->gate);
  smart_test_iterate_until (NULL, is_called_back, fixture);
  g_assert_cmpint (fixture->value, ==, 42);
}

static void
test_call_async_never_blocks (void)
{
  g_auto (SmartTestGate) gate = { 0 };
  g_auto (SmartTestGate) loop_gate = { 0 };
  g_auto (Fixture) later = { 0 };
  g_auto (Fixture) at_once = { 0 };
  g_auto (Fixture) blocking = { 0 };
  g_auto (Fixture) in_loop = { 0 };

  check_call_async_at_top (smart_async_func_new (body_later, &later, NULL), &later);
  check_call_async_at_top (smart_async_func_new (body_at_once, &at_once, NULL), &at_once);

  smart_test_gate_init (&gate);
  blocking.gate = &gate;
  check_call_async_at_top (smart_async_func_new_blocking (body_blocking, &blocking, NULL),
                           &blocking);
  g_assert_true (blocking.thread != g_thread_self ());

  smart_test_gate_init (&loop_gate);
  in_loop.gate = &loop_gate;
  in_loop.func = smart_async_func_new_blocking (body_blocking, &in_loop, NULL);
  smart_test_in_loop (offload_returns_cb, is_settled_and_called_back, &in_loop);
}

/* M6 */

static void
check_standalone (SmartAsyncFunc *func, Fixture *fixture)
{
  fixture->func = func;
  call_smart (fixture);
  assert_future_int (fixture->future, 42);

  g_clear_object (&fixture->future);
  smart_test_in_loop (call_smart, is_settled, fixture);
  assert_future_int (fixture->future, 42);
}

static void
test_standalone (void)
{
  g_auto (Fixture) later = { 0 };
  g_auto (Fixture) blocking = { 0 };

  check_standalone (smart_async_func_new (body_later, &later, NULL), &later);
  check_standalone (smart_async_func_new_blocking (body_blocking, &blocking, NULL), &blocking);
}

typedef struct
{
  SmartAsyncFunc *func;
  SmartFuture *future;
  GObject *self;
  gboolean later;
} Method;

static void
body_method (SmartCall *call, gpointer data)
{
  Method *method = data;

  g_assert_true (smart_call_get_source_object (call) == method->self);
  if (method->later)
    return_later (call);
  else
    smart_call_return_int (call, result_of (call));
}

static void
call_method (gpointer data)
{
  Method *method = data;

  method->future = smart_async_func_callv (method->func, method->self, NULL, 0, NULL);
}

static gboolean
method_is_settled (gpointer data)
{
  return smart_future_get_status (((Method *) data)->future) != SMART_FUTURE_PENDING;
}

static void
check_method (Method *method)
{
  g_auto (GValue) value = G_VALUE_INIT;
  g_autoptr (GError) error = NULL;

  method->self = g_object_new (G_TYPE_OBJECT, NULL);

  call_method (method);
  assert_future_int (method->future, 42);
  g_clear_object (&method->future);

  smart_test_in_loop (call_method, method_is_settled, method);
  assert_future_int (method->future, 42);
  g_clear_object (&method->future);

  g_assert_true (
      smart_async_func_call_sync (method->func, method->self, NULL, 0, NULL, &value, &error));
  g_assert_no_error (error);
  g_assert_cmpint (g_value_get_int (&value), ==, 42);

  g_object_unref (method->func);
  g_object_unref (method->self);
}

static void
test_methods (void)
{
  Method begun = { 0 };
  Method blocking = { 0 };

  begun.later = TRUE;
  begun.func = smart_async_func_new (body_method, &begun, NULL);
  check_method (&begun);

  blocking.func = smart_async_func_new_blocking (body_method, &blocking, NULL);
  check_method (&blocking);
}

/* A pair that one did not write, without a source object. */
static void
join_async (const char *one,
            int number,
            GCancellable *cancellable,
            GAsyncReadyCallback callback,
            gpointer data)
{
  g_autoptr (GTask) task = g_task_new (NULL, cancellable, callback, data);

  if (number < 0)
    g_task_return_new_error (task, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "%d is negative", number);
  else
    g_task_return_pointer (task, g_strdup_printf ("%s %d", one, number), g_free);
}

static char *
join_finish (GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

static void
call_join (gpointer data)
{
  Fixture *fixture = data;

  fixture->future = smart_async_func_call (fixture->func, NULL, NULL, G_TYPE_STRING, "number",
                                           G_TYPE_INT, fixture->value, G_TYPE_INVALID);
}

static void
assert_join (Fixture *fixture)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *joined = smart_future_get_string (fixture->future, &error);

  if (fixture->value < 0)
    {
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA);
      g_assert_null (joined);
    }
  else
    {
      g_assert_no_error (error);
      g_assert_cmpstr (joined, ==, "number 7");
    }
  g_clear_object (&fixture->future);
}

static void
check_join (Fixture *fixture, int value)
{
  fixture->value = value;

  call_join (fixture);
  assert_join (fixture);
  smart_test_in_loop (call_join, is_settled, fixture);
  assert_join (fixture);
}

static void
query_info (gpointer data)
{
  Fixture *fixture = data;
  g_autoptr (GFile) root = g_file_new_for_path ("/");

  fixture->future = smart_async_func_call (fixture->func, G_OBJECT (root), NULL, G_TYPE_STRING,
                                           G_FILE_ATTRIBUTE_STANDARD_TYPE,
                                           G_TYPE_FILE_QUERY_INFO_FLAGS, G_FILE_QUERY_INFO_NONE,
                                           G_TYPE_INT, G_PRIORITY_DEFAULT, G_TYPE_INVALID);
}

static void
assert_query_info (Fixture *fixture)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GFileInfo) info = smart_future_get_object (fixture->future, &error);

  g_assert_no_error (error);
  g_assert_true (G_IS_FILE_INFO (info));
  g_assert_cmpint (g_file_info_get_file_type (info), ==, G_FILE_TYPE_DIRECTORY);
  g_clear_object (&fixture->future);
}

static void
test_pair (void)
{
  const GType join_params[] = { G_TYPE_STRING, G_TYPE_INT };
  const GType query_params[] = { G_TYPE_STRING, G_TYPE_FILE_QUERY_INFO_FLAGS, G_TYPE_INT };
  g_auto (Fixture) join = { 0 };
  g_auto (Fixture) query = { 0 };

  join.func = smart_async_func_new_for_pair (G_CALLBACK (join_async), G_CALLBACK (join_finish),
                                             G_TYPE_STRING, join_params, 2);
  check_join (&join, 7);
  check_join (&join, -7);

  query.func = smart_async_func_new_for_pair (G_CALLBACK (g_file_query_info_async),
                                              G_CALLBACK (g_file_query_info_finish),
                                              G_TYPE_FILE_INFO, query_params, 3);
  query_info (&query);
  assert_query_info (&query);
  smart_test_in_loop (query_info, is_settled, &query);
  assert_query_info (&query);
}

/* M7, M8: functions that call functions */

typedef struct
{
  SmartAsyncFunc *funcs[6]; /* from the outermost to the innermost */
  guint n_funcs;
  guint n_blocking;
  int n_on_other_thread; /* atomic: blocking bodies that a worker ran */
  GThread *home;
  SmartFuture *future;
} Nest;

typedef struct
{
  Nest *nest;
  guint level;
} Level;

static SmartFuture *
call_next (Level *level)
{
  return smart_async_func_callv (level->nest->funcs[level->level + 1], NULL, NULL, 0, NULL);
}

static gboolean
is_innermost (Level *level)
{
  return level->level + 1 == level->nest->n_funcs;
}

/* Ten times the inner one's value, and this level's number: the digits show the way. */
static int
join_levels (Level *level, int inner)
{
  return inner * 10 + (int) level->level + 1;
}

static void
nested_blocking (SmartCall *call, gpointer data)
{
  Level *level = data;
  g_autoptr (SmartFuture) inner = NULL;
  g_autoptr (GError) error = NULL;
  int value = 0;

  if (g_thread_self () != level->nest->home)
    g_atomic_int_inc (&level->nest->n_on_other_thread);

  if (!is_innermost (level))
    {
      /* A body is a sync context: the inner call has its value when it returns. */
      inner = call_next (level);
      g_assert_cmpint (smart_future_get_status (inner), ==, SMART_FUTURE_RESOLVED);
      value = smart_future_get_int (inner, &error);
      g_assert_no_error (error);
    }

  smart_call_return_int (call, join_levels (level, value));
}

static void
inner_settled_cb (SmartCall *call, SmartFuture *settled, gpointer data)
{
  g_autoptr (GError) error = NULL;
  int value = smart_future_get_int (settled, &error);

  g_assert_no_error (error);
  smart_call_return_int (call, join_levels (data, value));
}

static gboolean
innermost_cb (gpointer data)
{
  smart_call_return_int (data, GPOINTER_TO_INT (g_object_get_data (data, "value")));

  return G_SOURCE_REMOVE;
}

static void
nested_async (SmartCall *call, gpointer data)
{
  Level *level = data;
  g_autoptr (SmartFuture) inner = NULL;
  g_autoptr (SmartFuture) joined = NULL;

  if (is_innermost (level))
    {
      g_object_set_data (G_OBJECT (call), "value", GINT_TO_POINTER (join_levels (level, 0)));
      smart_call_add_timeout (call, 1, innermost_cb, g_object_ref (call), g_object_unref);
      return;
    }

  inner = call_next (level);
  joined = smart_future_then (inner, inner_settled_cb, level, NULL);
  smart_call_return_future (call, joined);
}

/* @kinds: a letter a level, a: asynchronous, b: blocking. */
static void
nest_init (Nest *nest, const char *kinds)
{
  memset (nest, 0, sizeof *nest);
  nest->n_funcs = strlen (kinds);
  nest->home = g_thread_self ();

  for (guint n = 0; n < nest->n_funcs; n++)
    {
      Level *level = g_new0 (Level, 1);

      level->nest = nest;
      level->level = n;
      if (kinds[n] == 'b')
        nest->n_blocking++;
      nest->funcs[n] = kinds[n] == 'b'
                           ? smart_async_func_new_blocking (nested_blocking, level, g_free)
                           : smart_async_func_new (nested_async, level, g_free);
    }
}

static void
nest_clear (Nest *nest)
{
  for (guint n = 0; n < nest->n_funcs; n++)
    g_object_unref (nest->funcs[n]);
  g_clear_object (&nest->future);
}

static void
nest_call (gpointer data)
{
  Nest *nest = data;

  nest->future = smart_async_func_callv (nest->funcs[0], NULL, NULL, 0, NULL);
}

static gboolean
nest_is_settled (gpointer data)
{
  return smart_future_get_status (((Nest *) data)->future) != SMART_FUTURE_PENDING;
}

static void
check_nest_sync (const char *kinds, int expected)
{
  Nest nest;

  nest_init (&nest, kinds);
  nest_call (&nest);
  assert_future_int (nest.future, expected);
  nest_clear (&nest);
}

static void
check_nest_async (const char *kinds, int expected)
{
  Nest nest;

  nest_init (&nest, kinds);
  smart_test_in_loop (nest_call, nest_is_settled, &nest);
  assert_future_int (nest.future, expected);
  /* A loop's thread never runs a blocking body. */
  g_assert_cmpuint (nest.n_on_other_thread, ==, nest.n_blocking);
  nest_clear (&nest);
}

static void
test_nested_in_worker (void)
{
  check_nest_async ("aba", 321);
  check_nest_sync ("aba", 321);
}

static void
test_four_deep_sync (void)
{
  for (guint n = 0; n < smart_test_scale (20, 3); n++)
    check_nest_sync ("baba", 4321);
}

static void
test_four_deep_async (void)
{
  for (guint n = 0; n < smart_test_scale (20, 3); n++)
    check_nest_async ("baba", 4321);
}

static void
test_same_kind_sync (void)
{
  check_nest_sync ("aa", 21);
  check_nest_sync ("bb", 21);
  check_nest_sync ("aaa", 321);
  check_nest_sync ("bbb", 321);
}

static void
same_thread_body (SmartCall *call, gpointer data)
{
  /* The body called by a body on a worker: there, directly. */
  g_assert_true (g_thread_self () == *(GThread **) data);
  smart_call_return_int (call, 1);
}

typedef struct
{
  SmartAsyncFunc *inner;
  GThread *worker;
} Inner;

static void
calling_body (SmartCall *call, gpointer data)
{
  Inner *inner = data;

  inner->worker = g_thread_self ();
  smart_call_return_int (call, call_sync (inner->inner) + 1);
}

static void
test_same_kind_async (void)
{
  g_auto (Fixture) fixture = { 0 };
  Inner inner = { NULL, NULL };

  check_nest_async ("aa", 21);
  check_nest_async ("bb", 21);
  check_nest_async ("aaa", 321);
  check_nest_async ("bbb", 321);

  inner.inner = smart_async_func_new_blocking (same_thread_body, &inner.worker, NULL);
  fixture.func = smart_async_func_new_blocking (calling_body, &inner, NULL);
  smart_test_in_loop (call_smart, is_settled, &fixture);
  assert_future_int (fixture.future, 2);
  g_object_unref (inner.inner);
}

/* M9 */

#define N_CALLERS 8

typedef struct
{
  SmartAsyncFunc *func;
  SmartTestGate start;
  guint n_calls;
  gboolean in_loop;
} Crowd;

typedef struct
{
  Crowd *crowd;
  int first;
  guint n_settled;
  GPtrArray *calls;
} Caller;

typedef struct
{
  Caller *caller;
  int number;
} Numbered;

static void
number_settled_cb (GObject *source, GAsyncResult *result, gpointer data)
{
  Numbered *numbered = data;
  g_auto (GValue) value = G_VALUE_INIT;
  g_autoptr (GError) error = NULL;

  smart_async_func_call_finish (SMART_ASYNC_FUNC (source), result, &value, &error);
  g_assert_no_error (error);
  g_assert_cmpint (g_value_get_int (&value), ==, numbered->number);
  numbered->number = -1;
  numbered->caller->n_settled++;
}

static void
caller_start_all (gpointer data)
{
  Caller *caller = data;

  for (guint n = 0; n < caller->crowd->n_calls; n++)
    {
      g_auto (GValue) argument = G_VALUE_INIT;
      Numbered *numbered = g_new0 (Numbered, 1);

      numbered->caller = caller;
      numbered->number = caller->first + (int) n;
      g_ptr_array_add (caller->calls, numbered);
      g_value_init (&argument, G_TYPE_INT);
      g_value_set_int (&argument, numbered->number);
      smart_async_func_call_async (caller->crowd->func, NULL, &argument, 1, NULL, number_settled_cb,
                                   numbered);
    }
}

static gboolean
caller_has_all (gpointer data)
{
  Caller *caller = data;

  return caller->n_settled == caller->crowd->n_calls;
}

static void
caller_call_each (Caller *caller)
{
  for (guint n = 0; n < caller->crowd->n_calls; n++)
    {
      int number = caller->first + (int) n;
      g_autoptr (SmartFuture) future = smart_async_func_call (caller->crowd->func, NULL, NULL,
                                                              G_TYPE_INT, number, G_TYPE_INVALID);

      assert_future_int (future, number);
    }
}

static gpointer
caller_thread (gpointer data)
{
  Caller *caller = data;

  smart_test_gate_wait (&caller->crowd->start);
  if (caller->crowd->in_loop)
    smart_test_in_loop (caller_start_all, caller_has_all, caller);
  else
    caller_call_each (caller);

  return NULL;
}

static void
echo_body (SmartCall *call, gpointer data)
{
  smart_call_return_int (call, smart_call_get_int (call, 0));
}

static void
echo_later (SmartCall *call, gpointer data)
{
  return_later (call);
}

static void
check_crowd (SmartAsyncFunc *func, gboolean in_loop)
{
  Crowd crowd = { 0 };
  Caller callers[N_CALLERS];
  GThread *threads[N_CALLERS];

  crowd.func = func;
  crowd.in_loop = in_loop;
  crowd.n_calls = g_test_thorough () ? 10000 : smart_test_scale (1000, 20);
  smart_test_gate_init (&crowd.start);

  for (guint n = 0; n < N_CALLERS; n++)
    {
      callers[n].crowd = &crowd;
      callers[n].first = (int) (n * crowd.n_calls);
      callers[n].n_settled = 0;
      callers[n].calls = g_ptr_array_new_with_free_func (g_free);
      threads[n] = g_thread_new ("caller", caller_thread, &callers[n]);
    }
  smart_test_gate_wait_for_waiters (&crowd.start, N_CALLERS);
  smart_test_gate_open (&crowd.start);
  for (guint n = 0; n < N_CALLERS; n++)
    {
      g_thread_join (threads[n]);
      g_ptr_array_unref (callers[n].calls);
    }

  smart_test_gate_clear (&crowd.start);
}

static void
check_crowds (SmartAsyncFunc *func)
{
  check_crowd (func, FALSE);
  check_crowd (func, TRUE);
  g_object_unref (func);
}

static void
test_many_threads (void)
{
  check_crowds (smart_async_func_new (echo_body, NULL, NULL));
  check_crowds (smart_async_func_new_blocking (echo_body, NULL, NULL));
  check_crowds (smart_async_func_new_dual (echo_body, NULL, NULL, echo_body, NULL, NULL));
}

/* Each of these waits for a timer: fewer of them, one after the other. */
static void
test_many_threads_later (void)
{
  g_autoptr (SmartAsyncFunc) func = smart_async_func_new (echo_later, NULL, NULL);

  check_crowd (func, TRUE);
}

static void
test_eight_threads (void)
{
  test_many_threads ();
  test_many_threads_later ();
}

/* M11 */

typedef struct
{
  Fixture begun;
  Fixture blocked;
} Dual;

static void
dual_clear (Dual *dual)
{
  fixture_clear (&dual->begun);
  fixture_clear (&dual->blocked);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Dual, dual_clear)

static void
dual_init (Dual *dual)
{
  dual->begun.func = smart_async_func_new_dual (body_later, &dual->begun, NULL, body_blocking,
                                                &dual->blocked, NULL);
}

static void
assert_blocking_ran (Dual *dual)
{
  g_assert_cmpint (dual->begun.n_begun, ==, 0);
  g_assert_cmpint (dual->blocked.n_begun, ==, 1);
  g_assert_true (dual->blocked.thread == g_thread_self ());
}

static void
assert_async_ran (Dual *dual)
{
  g_assert_cmpint (dual->begun.n_begun, ==, 1);
  g_assert_cmpint (dual->blocked.n_begun, ==, 0);
  g_assert_true (dual->begun.thread == g_thread_self ());
}

static void
test_dual_sync (void)
{
  g_auto (Dual) dual = { 0 };

  dual_init (&dual);
  call_smart (&dual.begun);
  assert_future_int (dual.begun.future, 42);
  assert_blocking_ran (&dual);
}

static void
dual_call_sync_cb (gpointer data)
{
  Dual *dual = data;

  g_assert_cmpint (call_sync (dual->begun.func), ==, 42);
  assert_blocking_ran (dual);
}

static void
test_dual_call_sync (void)
{
  g_auto (Dual) plain = { 0 };
  g_auto (Dual) in_loop = { 0 };

  dual_init (&plain);
  dual_call_sync_cb (&plain);

  dual_init (&in_loop);
  smart_test_in_loop (dual_call_sync_cb, NULL, &in_loop);
}

static void
test_dual_async (void)
{
  g_auto (Dual) dual = { 0 };

  dual_init (&dual);
  smart_test_in_loop (call_smart, is_settled, &dual.begun);
  assert_future_int (dual.begun.future, 42);
  assert_async_ran (&dual);
}

static void
test_dual_call_async (void)
{
  g_auto (Dual) plain = { 0 };
  g_auto (Dual) in_loop = { 0 };

  dual_init (&plain);
  call_async (&plain.begun);
  smart_test_iterate_until (NULL, is_called_back, &plain.begun);
  assert_async_ran (&plain);

  dual_init (&in_loop);
  smart_test_in_loop (call_async, is_called_back, &in_loop.begun);
  assert_async_ran (&in_loop);
}

int
main (int argc, char **argv)
{
  smart_test_init (&argc, &argv);

  smart_test_add ("/contract/M1.a", test_sync_of_async);
  smart_test_add ("/contract/M2.a", test_sync_of_blocking_thread);
  smart_test_add_subprocess ("/contract/M2.b", NULL, test_sync_of_blocking_makes_nothing, NULL);
  smart_test_add ("/contract/M2.d", test_sync_of_blocking_with_timeout);
  smart_test_add ("/contract/M2.e", test_sync_of_blocking_abandoned);
  smart_test_add ("/contract/M3.a", test_async_begins_here);
  smart_test_add ("/contract/M3.b", test_async_returns_early);
  smart_test_add ("/contract/M3.c", test_async_calls_back_here);
  smart_test_add ("/contract/M3.d", test_async_never_inside);
  smart_test_add ("/contract/M4.a", test_offload_returns_at_once);
  smart_test_add ("/contract/M4.b", test_offload_other_thread);
  smart_test_add ("/contract/M4.c", test_offload_loop_goes_on);
  smart_test_add ("/contract/M4.d", test_offload_result_here);
  smart_test_add ("/contract/M5.a", test_call_sync_blocks);
  smart_test_add ("/contract/M5.b", test_call_async_never_blocks);
  smart_test_add ("/contract/M6.a", test_standalone);
  smart_test_add ("/contract/M6.b", test_methods);
  smart_test_add ("/contract/M6.c", test_pair);
  smart_test_add ("/contract/M7.a", test_nested_in_worker);
  smart_test_add ("/contract/M7.b", test_four_deep_sync);
  smart_test_add ("/contract/M7.c", test_four_deep_async);
  smart_test_add ("/contract/M8.a", test_same_kind_sync);
  smart_test_add ("/contract/M8.b", test_same_kind_async);
  smart_test_add ("/contract/M9.a", test_eight_threads);
  smart_test_add ("/contract/M11.a", test_dual_sync);
  smart_test_add ("/contract/M11.b", test_dual_call_sync);
  smart_test_add ("/contract/M11.c", test_dual_async);
  smart_test_add ("/contract/M11.d", test_dual_call_async);

  return g_test_run ();
}
