/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What bindings stand on: receivers, bodies that stay in their thread, and
 * errors that carry an exception. */

#include "smart-test.h"

#include <smartasync-glib/smartasync-glib.h>

/* A receiver that notes what it is given. */

#define TEST_TYPE_RECEIVER (test_receiver_get_type ())
G_DECLARE_FINAL_TYPE (TestReceiver, test_receiver, TEST, RECEIVER, GObject)

struct _TestReceiver
{
  GObject parent_instance;

  GThread *thread; /* where it received */
  guint n_calls;
  gboolean was_async;
  SmartFuture *future;  /* a reference */
  GAsyncResult *result; /* a reference */
};

G_DEFINE_FINAL_TYPE (TestReceiver, test_receiver, G_TYPE_OBJECT)

enum
{
  PROP_CALL = 1,
  PROP_FUTURE,
  PROP_RESULT
};

static void
test_receiver_set_property (GObject *object, guint prop_id, const GValue *value, GParamSpec *pspec)
{
  TestReceiver *receiver = TEST_RECEIVER (object);
  SmartCall *call;

  receiver->thread = g_thread_self ();
  switch (prop_id)
    {
    case PROP_CALL:
      call = g_value_get_object (value);
      g_assert_true (smart_call_get_current () == call);
      receiver->n_calls++;
      receiver->was_async = smart_context_is_async ();
      smart_call_return_int (call, smart_call_get_int (call, 0) + 1);
      break;
    case PROP_FUTURE:
      g_set_object (&receiver->future, g_value_get_object (value));
      break;
    case PROP_RESULT:
      g_set_object (&receiver->result, g_value_get_object (value));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
    }
}

static void
test_receiver_finalize (GObject *object)
{
  g_clear_object (&TEST_RECEIVER (object)->future);
  g_clear_object (&TEST_RECEIVER (object)->result);
  G_OBJECT_CLASS (test_receiver_parent_class)->finalize (object);
}

static void
test_receiver_class_init (TestReceiverClass *class)
{
  GObjectClass *object_class = G_OBJECT_CLASS (class);

  object_class->set_property = test_receiver_set_property;
  object_class->finalize = test_receiver_finalize;
  g_object_class_install_property (object_class, PROP_CALL,
                                   g_param_spec_object ("call", NULL, NULL, SMART_TYPE_CALL,
                                                        G_PARAM_WRITABLE));
  g_object_class_install_property (object_class, PROP_FUTURE,
                                   g_param_spec_object ("future", NULL, NULL, SMART_TYPE_FUTURE,
                                                        G_PARAM_WRITABLE));
  g_object_class_install_property (object_class, PROP_RESULT,
                                   g_param_spec_object ("result", NULL, NULL, G_TYPE_ASYNC_RESULT,
                                                        G_PARAM_WRITABLE));
}

static void
test_receiver_init (TestReceiver *receiver)
{
}

static int
call_sync (SmartAsyncFunc *func, int argument, GError **error)
{
  g_auto (GValue) arg = G_VALUE_INIT;
  g_auto (GValue) result = G_VALUE_INIT;

  g_value_init (&arg, G_TYPE_INT);
  g_value_set_int (&arg, argument);
  if (!smart_async_func_call_sync (func, NULL, &arg, 1, NULL, &result, error))
    return -1;

  return g_value_get_int (&result);
}

/* Bodies */

static void
runs_setters (void)
{
  g_autoptr (TestReceiver) begin = g_object_new (TEST_TYPE_RECEIVER, NULL);
  g_autoptr (TestReceiver) body = g_object_new (TEST_TYPE_RECEIVER, NULL);
  g_autoptr (SmartAsyncFunc) dual =
      smart_async_func_new_for_receivers (G_OBJECT (begin), G_OBJECT (body));
  g_autoptr (SmartAsyncFunc) async = smart_async_func_new_for_receivers (G_OBJECT (begin), NULL);
  g_autoptr (SmartAsyncFunc) blocking = smart_async_func_new_for_receivers (NULL, G_OBJECT (body));
  G_GNUC_UNUSED g_autoptr (SmartFuture) future = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (smart_async_func_get_kind (dual), ==, SMART_ASYNC_FUNC_DUAL);
  g_assert_cmpint (smart_async_func_get_kind (async), ==, SMART_ASYNC_FUNC_ASYNC);
  g_assert_cmpint (smart_async_func_get_kind (blocking), ==, SMART_ASYNC_FUNC_BLOCKING);

  g_assert_cmpint (call_sync (dual, 1, &error), ==, 2);
  g_assert_no_error (error);
  g_assert_cmpuint (body->n_calls, ==, 1);
  g_assert_false (body->was_async);
  g_assert_cmpuint (begin->n_calls, ==, 0);

  g_assert_cmpint (call_sync (blocking, 2, &error), ==, 3);
  g_assert_no_error (error);
  g_assert_cmpuint (body->n_calls, ==, 2);

  g_assert_cmpint (call_sync (async, 3, &error), ==, 4);
  g_assert_no_error (error);
  g_assert_cmpuint (begin->n_calls, ==, 1);
  g_assert_true (begin->was_async);
}

/* One whose setter returns, or not, and ends as it should, or not. */

#define TEST_TYPE_FLAWED_RECEIVER (flawed_receiver_get_type ())
G_DECLARE_FINAL_TYPE (FlawedReceiver, flawed_receiver, FLAWED, RECEIVER, GObject)

struct _FlawedReceiver
{
  GObject parent_instance;

  SmartCall *call; /* a reference, as the wrapper of a language has one */
  gboolean returns;
  gboolean received;
};

G_DEFINE_FINAL_TYPE (FlawedReceiver, flawed_receiver, G_TYPE_OBJECT)

enum
{
  FLAWED_PROP_CALL = 1,
  FLAWED_PROP_RECEIVED
};

static void
flawed_receiver_set_property (GObject *object,
                              guint prop_id,
                              const GValue *value,
                              GParamSpec *pspec)
{
  FlawedReceiver *receiver = FLAWED_RECEIVER (object);

  g_set_object (&receiver->call, g_value_get_object (value));
  if (receiver->returns)
    smart_call_return_int (receiver->call, 1);
}

static void
flawed_receiver_get_property (GObject *object, guint prop_id, GValue *value, GParamSpec *pspec)
{
  g_value_set_boolean (value, FLAWED_RECEIVER (object)->received);
}

static void
flawed_receiver_class_init (FlawedReceiverClass *class)
{
  GObjectClass *object_class = G_OBJECT_CLASS (class);

  object_class->set_property = flawed_receiver_set_property;
  object_class->get_property = flawed_receiver_get_property;
  g_object_class_install_property (object_class, FLAWED_PROP_CALL,
                                   g_param_spec_object ("call", NULL, NULL, SMART_TYPE_CALL,
                                                        G_PARAM_WRITABLE));
  g_object_class_install_property (object_class, FLAWED_PROP_RECEIVED,
                                   g_param_spec_boolean ("received", NULL, NULL, FALSE,
                                                         G_PARAM_READABLE));
}

static void
flawed_receiver_init (FlawedReceiver *receiver)
{
}

/* Where a setter has failed, the call ends. */
static void
ends_what_was_not_received (void)
{
  g_autoptr (FlawedReceiver) receiver = g_object_new (TEST_TYPE_FLAWED_RECEIVER, NULL);
  g_autoptr (SmartAsyncFunc) async = smart_async_func_new_for_receivers (G_OBJECT (receiver), NULL);
  g_autoptr (SmartAsyncFunc) block = smart_async_func_new_for_receivers (NULL, G_OBJECT (receiver));
  SmartAsyncFunc *funcs[] = { async, block };

  for (guint i = 0; i < G_N_ELEMENTS (funcs); i++)
    {
      g_autoptr (GError) error = NULL;

      receiver->returns = FALSE;
      g_assert_cmpint (call_sync (funcs[i], 1, &error), ==, -1);
      g_assert_error (error, SMART_ERROR, SMART_ERROR_NOT_RETURNED);
      g_clear_error (&error);

      /* Its result counts, if there is one. */
      receiver->returns = TRUE;
      g_assert_cmpint (call_sync (funcs[i], 1, &error), ==, 1);
      g_assert_no_error (error);
    }
  g_clear_object (&receiver->call);
}

static void
goes_with_its_function (void)
{
  GObject *begin = g_object_new (TEST_TYPE_RECEIVER, NULL);
  GObject *body = g_object_new (TEST_TYPE_RECEIVER, NULL);
  SmartAsyncFunc *func = smart_async_func_new_for_receivers (begin, body);
  SmartAsyncFunc *derived = smart_async_func_derive (func, "name", "derived", NULL);

  g_object_add_weak_pointer (begin, (gpointer *) &begin);
  g_object_add_weak_pointer (body, (gpointer *) &body);
  g_object_unref (begin);
  g_object_unref (body);

  g_object_unref (func);
  g_assert_nonnull (begin);
  g_assert_nonnull (body);
  g_object_unref (derived);
  g_assert_null (begin);
  g_assert_null (body);
}

typedef struct
{
  SmartAsyncFunc *func;
  gboolean in_loop;
  GError *error;
} Elsewhere;

static gboolean
has_error (gpointer data)
{
  return ((Elsewhere *) data)->error != NULL;
}

static void
called_back (GObject *source, GAsyncResult *result, gpointer data)
{
  Elsewhere *elsewhere = data;

  smart_async_func_call_finish (elsewhere->func, result, NULL, &elsewhere->error);
}

static void
call_async (gpointer data)
{
  Elsewhere *elsewhere = data;

  smart_async_func_call_async (elsewhere->func, NULL, NULL, 0, NULL, called_back, elsewhere);
}

static gpointer
call_elsewhere (gpointer data)
{
  Elsewhere *elsewhere = data;

  if (elsewhere->in_loop)
    smart_test_in_loop (call_async, has_error, elsewhere);
  else
    smart_async_func_call_sync (elsewhere->func, NULL, NULL, 0, NULL, NULL, &elsewhere->error);

  return NULL;
}

/* On another thread, on a worker, and in an executor: no body runs. */
static void
keeps_to_its_thread (void)
{
  g_autoptr (TestReceiver) receiver = g_object_new (TEST_TYPE_RECEIVER, NULL);
  g_autoptr (SmartExecutor) pool = smart_executor_new_pool ("elsewhere", 1);
  g_autoptr (SmartExecutor) loop = smart_executor_new_loop ("elsewhere");
  SmartAsyncFunc *funcs[] = {
    smart_async_func_new_for_receivers (G_OBJECT (receiver), NULL),
    smart_async_func_new_for_receivers (NULL, G_OBJECT (receiver)),
  };

  for (guint i = 0; i < G_N_ELEMENTS (funcs); i++)
    {
      g_autoptr (SmartAsyncFunc) func = funcs[i];
      g_autoptr (SmartAsyncFunc) in_pool = smart_async_func_derive (func, "executor", pool, NULL);
      g_autoptr (SmartAsyncFunc) at_loop = smart_async_func_derive (func, "executor", loop, NULL);
      SmartAsyncFunc *all[] = { func, in_pool, at_loop };

      for (guint j = 0; j < G_N_ELEMENTS (all); j++)
        for (int in_loop = 0; in_loop < 2; in_loop++)
          {
            Elsewhere elsewhere = { all[j], in_loop, NULL };

            g_thread_join (g_thread_new ("elsewhere", call_elsewhere, &elsewhere));
            g_assert_error (elsewhere.error, SMART_ERROR, SMART_ERROR_WRONG_THREAD);
            g_clear_error (&elsewhere.error);

            /* From here, too, if it leaves. */
            if (j == 0 && (!in_loop || i == 0))
              continue;
            call_elsewhere (&elsewhere);
            g_assert_error (elsewhere.error, SMART_ERROR, SMART_ERROR_WRONG_THREAD);
            g_clear_error (&elsewhere.error);
          }
    }

  g_assert_cmpuint (receiver->n_calls, ==, 0);
}

static void
return_body (SmartCall *call, gpointer data)
{
  (*(guint *) data)++;
  smart_call_return_none (call);
}

/* So does a function that was bound. */
static void
is_bound (void)
{
  guint n_calls = 0;
  g_autoptr (SmartAsyncFunc) func = smart_async_func_new_blocking (return_body, &n_calls, NULL);
  g_autoptr (SmartAsyncFunc) derived = NULL;
  Elsewhere elsewhere = { .in_loop = FALSE };
  g_autoptr (GError) error = NULL;

  smart_async_func_bind_to_thread (func);
  derived = smart_async_func_derive (func, "name", "derived", NULL);
  smart_async_func_call_sync (func, NULL, NULL, 0, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (n_calls, ==, 1);

  elsewhere.func = derived;
  g_thread_join (g_thread_new ("elsewhere", call_elsewhere, &elsewhere));
  g_assert_error (elsewhere.error, SMART_ERROR, SMART_ERROR_WRONG_THREAD);
  g_clear_error (&elsewhere.error);
  g_assert_cmpuint (n_calls, ==, 1);

  smart_test_expect_critical ("*called*", smart_async_func_bind_to_thread (func));
}

static gpointer
make_bound (gpointer n_calls)
{
  SmartAsyncFunc *func = smart_async_func_new_blocking (return_body, n_calls, NULL);
  g_autoptr (GError) error = NULL;

  smart_async_func_bind_to_thread (func);
  smart_async_func_call_sync (func, NULL, NULL, 0, NULL, NULL, &error);
  g_assert_no_error (error);

  return func;
}

/* Whatever of the thread is found again in a later one. */
static void
is_bound_to_an_ended_thread (void)
{
  for (guint i = 0; i < 20; i++)
    {
      guint n_calls = 0;
      g_autoptr (SmartAsyncFunc) func =
          g_thread_join (g_thread_new ("bound", make_bound, &n_calls));
      Elsewhere elsewhere = { .func = func, .in_loop = FALSE };

      g_thread_join (g_thread_new ("elsewhere", call_elsewhere, &elsewhere));
      g_assert_error (elsewhere.error, SMART_ERROR, SMART_ERROR_WRONG_THREAD);
      g_clear_error (&elsewhere.error);
      g_assert_cmpuint (n_calls, ==, 1);
    }
}

/* Bodies that stay */

typedef struct
{
  SmartAsyncFunc *func;
  GThread *thread;
  guint n_running;
  guint n_done;
  GString *order;
} Stay;

static void
stay_body (SmartCall *call, gpointer data)
{
  Stay *stay = data;

  g_assert_true (g_thread_self () == stay->thread);
  g_assert_false (smart_context_is_async ());
  g_assert_cmpuint (++stay->n_running, ==, 1);
  stay->n_running--;
  g_string_append_c (stay->order, 'b');
  smart_call_return_none (call);
}

static void
stay_returned (GObject *source, GAsyncResult *result, gpointer data)
{
  Stay *stay = data;
  g_autoptr (GError) error = NULL;

  smart_async_func_call_finish (stay->func, result, NULL, &error);
  g_assert_no_error (error);
  stay->n_done++;
}

static gboolean
tick (gpointer data)
{
  Stay *stay = data;

  g_string_append_c (stay->order, 't');
  return G_SOURCE_REMOVE;
}

static gboolean
all_done (gpointer data)
{
  return ((Stay *) data)->n_done == 3;
}

static void
begin_three (gpointer data)
{
  Stay *stay = data;
  g_autoptr (GSource) ticker = g_timeout_source_new (0);

  for (int i = 0; i < 3; i++)
    smart_async_func_call_async (stay->func, NULL, NULL, 0, NULL, stay_returned, stay);
  g_assert_cmpuint (stay->order->len, ==, 0);

  g_source_set_callback (ticker, tick, stay, NULL);
  g_source_attach (ticker, g_main_context_get_thread_default ());
}

/* After what is more urgent, one at a time. */
static void
stays_at_home (void)
{
  Stay stay = { .thread = g_thread_self (), .order = g_string_new (NULL) };
  g_autoptr (GError) error = NULL;

  stay.func = smart_async_func_new_blocking (stay_body, &stay, NULL);
  g_object_set (stay.func, "offload", FALSE, "timeout", 60000, "abandon-on-cancel", TRUE, NULL);
  g_assert_false (smart_async_func_get_offload (stay.func));

  smart_async_func_call_sync (stay.func, NULL, NULL, 0, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (stay.order->str, ==, "b");
  g_string_truncate (stay.order, 0);

  smart_test_in_loop (begin_three, all_done, &stay);
  g_assert_cmpstr (stay.order->str, ==, "tbbb");

  g_string_free (stay.order, TRUE);
  g_object_unref (stay.func);
}

static gboolean
set_flag (gpointer flag)
{
  *(gboolean *) flag = TRUE;
  return G_SOURCE_REMOVE;
}

/* Cancelled before its turn in the loop has come, it never starts. */
static void
stays_only_if_wanted (void)
{
  Stay stay = { .thread = g_thread_self (), .order = g_string_new (NULL) };
  g_autoptr (GMainContext) context = g_main_context_new ();
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (SmartFuture) cancelled = NULL;
  g_autoptr (GSource) last = g_idle_source_new ();
  gboolean over = FALSE;
  g_autoptr (GError) error = NULL;

  stay.func = smart_async_func_new_blocking (stay_body, &stay, NULL);
  smart_async_func_set_offload (stay.func, FALSE);
  g_main_context_push_thread_default (context);
  smart_context_push_mode (SMART_MODE_ASYNC);

  cancelled = smart_async_func_callv (stay.func, NULL, NULL, 0, cancellable);
  g_cancellable_cancel (cancellable);
  g_source_set_callback (last, set_flag, &over, NULL);
  g_source_attach (last, context);
  smart_test_iterate_until_set (context, &over);
  g_assert_false (smart_future_get_value (cancelled, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_clear_error (&error);

  smart_context_pop_mode ();
  g_main_context_pop_thread_default (context);
  g_assert_cmpstr (stay.order->str, ==, "");

  g_string_free (stay.order, TRUE);
  g_object_unref (stay.func);
}

/* Futures */

static gboolean
has_future (gpointer receiver)
{
  return TEST_RECEIVER (receiver)->future != NULL;
}

static void
add_receiver_to_settled (gpointer data)
{
  g_autoptr (SmartFuture) future = smart_future_new_for_value (NULL);

  smart_future_add_receiver (future, data);
  g_assert_null (TEST_RECEIVER (data)->future);
}

static gpointer
resolve_future (gpointer future)
{
  smart_future_resolve (future, NULL);
  return NULL;
}

static void
add_receiver_to_pending (gpointer data)
{
  g_autoptr (SmartFuture) future = smart_future_new (NULL);

  smart_future_add_receiver (future, data);
  g_thread_join (g_thread_new ("resolver", resolve_future, future));
  g_assert_null (TEST_RECEIVER (data)->future);
}

static void
is_told_at_home (void)
{
  SmartTestCallback begins[] = { add_receiver_to_settled, add_receiver_to_pending };

  for (guint i = 0; i < G_N_ELEMENTS (begins); i++)
    {
      g_autoptr (TestReceiver) receiver = g_object_new (TEST_TYPE_RECEIVER, NULL);

      smart_test_in_loop (begins[i], has_future, receiver);
      g_assert_true (receiver->thread == g_thread_self ());
      g_assert_cmpint (smart_future_get_status (receiver->future), ==, SMART_FUTURE_RESOLVED);
    }
}

static void
leave_as_it_is (SmartCall *call, SmartFuture *settled, gpointer data)
{
}

static void
gives_its_value (void)
{
  g_autoptr (GObject) object = g_object_new (G_TYPE_OBJECT, NULL);
  g_auto (GValue) value = G_VALUE_INIT;
  g_autoptr (SmartFuture) future = NULL;
  g_autoptr (SmartFuture) without = smart_future_new_for_value (NULL);
  g_autoptr (SmartFuture) pending = smart_future_new (NULL);
  g_autoptr (SmartFuture) like = NULL;
  g_autoptr (GError) error = NULL;
  const GValue *seen;

  g_value_init (&value, G_TYPE_OBJECT);
  g_value_set_object (&value, object);
  future = smart_future_new_for_value (&value);
  g_value_unset (&value);

  g_assert_cmpuint (object->ref_count, ==, 2);
  seen = smart_future_wait_value (future, -1, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (g_value_get_object (seen) == object);
  g_assert_cmpuint (object->ref_count, ==, 2);

  /* One that shares the value of another. */
  like = smart_future_finally (future, leave_as_it_is, NULL, NULL);
  seen = smart_future_wait_value (like, -1, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (G_VALUE_HOLDS_OBJECT (seen));
  g_assert_true (g_value_get_object (seen) == object);
  g_assert_cmpuint (object->ref_count, ==, 2);

  seen = smart_future_wait_value (without, -1, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (G_VALUE_HOLDS_POINTER (seen));
  g_assert_null (g_value_get_pointer (seen));

  g_assert_null (smart_future_wait_value (pending, 0, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
}

/* Functions in C */

static gboolean
has_result (gpointer receiver)
{
  return TEST_RECEIVER (receiver)->result != NULL;
}

static void
begin_read (gpointer receiver)
{
  g_autoptr (GFile) file =
      g_file_new_for_path (g_test_get_filename (G_TEST_DIST, "meson.build", NULL));
  GValue args[3] = { G_VALUE_INIT, G_VALUE_INIT, G_VALUE_INIT };
  g_autoptr (GError) error = NULL;

  g_value_init (&args[0], G_TYPE_FILE);
  g_value_set_object (&args[0], file);
  g_value_init (&args[1], G_TYPE_INT);
  g_value_init (&args[2], G_TYPE_POINTER);
  g_assert_true (
      smart_receiver_begin (receiver, "libgio-2.0.so.0", "g_file_read_async", args, 3, &error));
  g_assert_no_error (error);
  g_assert_null (TEST_RECEIVER (receiver)->result);
  for (guint i = 0; i < G_N_ELEMENTS (args); i++)
    g_value_unset (&args[i]);
}

static void
begins_in_c (void)
{
  g_autoptr (TestReceiver) receiver = g_object_new (TEST_TYPE_RECEIVER, NULL);
  g_autoptr (GFile) file = NULL;
  g_autoptr (GFileInputStream) stream = NULL;
  g_autoptr (GError) error = NULL;

  smart_test_in_loop (begin_read, has_result, receiver);
  g_assert_true (receiver->thread == g_thread_self ());
  file = G_FILE (g_async_result_get_source_object (receiver->result));
  stream = g_file_read_finish (file, receiver->result, &error);
  g_assert_no_error (error);
  g_assert_nonnull (stream);

  g_assert_false (smart_receiver_begin (G_OBJECT (receiver), "libgio-2.0.so.0", "no_such_function",
                                        NULL, 0, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
  g_clear_error (&error);
  g_assert_false (
      smart_receiver_begin (G_OBJECT (receiver), "no-such-library.so", "exit", NULL, 0, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
}

/* Exceptions */

static void
carries_an_exception (void)
{
  g_auto (GValue) thrown = G_VALUE_INIT;
  g_autoptr (GObject) object = g_object_new (G_TYPE_OBJECT, NULL);
  g_autoptr (SmartFuture) future = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) other = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_FAILED, "other");

  g_value_init (&thrown, G_TYPE_OBJECT);
  g_value_set_object (&thrown, object);
  future = smart_future_new_for_error (smart_exception_new (&thrown, "TypeError: no"));
  g_value_unset (&thrown);

  g_assert_false (smart_future_get_value (future, NULL, &error));
  g_assert_error (error, SMART_EXCEPTION, 0);
  g_assert_cmpstr (error->message, ==, "TypeError: no");
  g_assert_true (g_value_get_object (smart_exception_get_value (error)) == object);
  g_assert_null (smart_exception_get_value (other));

  /* The copies hold it, and nothing else does. */
  g_object_add_weak_pointer (object, (gpointer *) &object);
  g_object_unref (object);
  g_assert_nonnull (object);
  g_clear_error (&error);
  g_assert_nonnull (object);
  g_clear_object (&future);
  g_assert_null (object);
}

/* Misuse */

static void
refuses_what_cannot_receive (void)
{
  g_autoptr (GObject) object = g_object_new (G_TYPE_OBJECT, NULL);
  g_autoptr (SmartFuture) future = smart_future_new_for_value (NULL);

  smart_test_expect_critical ("*begin != NULL || body != NULL*",
                              g_assert_null (smart_async_func_new_for_receivers (NULL, NULL)));
  smart_test_expect_critical ("*can_receive (begin*",
                              g_assert_null (smart_async_func_new_for_receivers (object, NULL)));
  smart_test_expect_critical ("*can_receive (body*",
                              g_assert_null (smart_async_func_new_for_receivers (NULL, object)));
  smart_test_expect_critical ("*can_receive (receiver*",
                              smart_future_add_receiver (future, object));
}

int
main (int argc, char **argv)
{
  smart_test_init (&argc, &argv);

  smart_test_add ("/receiver/runs-setters", runs_setters);
  smart_test_add ("/receiver/ends-what-was-not-received", ends_what_was_not_received);
  smart_test_add ("/receiver/goes-with-its-function", goes_with_its_function);
  smart_test_add ("/receiver/keeps-to-its-thread", keeps_to_its_thread);
  smart_test_add ("/receiver/is-bound", is_bound);
  smart_test_add ("/receiver/is-bound-to-an-ended-thread", is_bound_to_an_ended_thread);
  smart_test_add ("/receiver/is-told-at-home", is_told_at_home);
  smart_test_add ("/receiver/begins-in-c", begins_in_c);
  smart_test_add ("/receiver/gives-its-value", gives_its_value);
  smart_test_add ("/receiver/refuses-what-cannot-receive", refuses_what_cannot_receive);
  smart_test_add ("/offload/stays-at-home", stays_at_home);
  smart_test_add ("/offload/stays-only-if-wanted", stays_only_if_wanted);
  smart_test_add ("/exception/carries-an-exception", carries_an_exception);

  return g_test_run ();
}
