/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The contract's section B: bad input. */

#include "smart-test.h"

#include <smartasync-glib/smartasync-glib.h>

#include <math.h>
#include <string.h>

static void
body_note (SmartCall *call, gpointer data)
{
  g_atomic_int_inc ((int *) data);
  smart_call_return_int (call, 42);
}

/* B1, first sentence: a signature, and what it says */

typedef enum
{
  KIND_ASYNC,
  KIND_BLOCKING,
  KIND_DUAL,
  N_KINDS
} Kind;

static SmartAsyncFunc *
func_new (Kind kind, SmartBody body, gpointer data)
{
  switch (kind)
    {
    case KIND_ASYNC:
      return smart_async_func_new (body, data, NULL);
    case KIND_BLOCKING:
      return smart_async_func_new_blocking (body, data, NULL);
    case KIND_DUAL:
    case N_KINDS:
    default:
      return smart_async_func_new_dual (body, data, NULL, body, data, NULL);
    }
}

/* One call, in one of the ways to make it. */
typedef struct
{
  SmartAsyncFunc *func;
  const GValue *args;
  guint n_args;
  SmartFuture *future;
  gboolean over;
  gboolean success;
  GValue value;
  GError *error;
} Attempt;

static void
attempt_reset (Attempt *attempt)
{
  g_clear_object (&attempt->future);
  g_clear_error (&attempt->error);
  if (G_IS_VALUE (&attempt->value))
    g_value_unset (&attempt->value);
  attempt->over = FALSE;
}

static void
attempt_smart (gpointer data)
{
  Attempt *attempt = data;

  attempt->future =
      smart_async_func_callv (attempt->func, NULL, attempt->args, attempt->n_args, NULL);
}

static gboolean
attempt_is_settled (gpointer data)
{
  return smart_future_get_status (((Attempt *) data)->future) != SMART_FUTURE_PENDING;
}

static void
attempt_get (Attempt *attempt)
{
  g_assert_true (attempt_is_settled (attempt));
  attempt->success = smart_future_get_value (attempt->future, &attempt->value, &attempt->error);
}

static void
attempt_smart_sync (Attempt *attempt)
{
  attempt_smart (attempt);
  attempt_get (attempt);
}

static void
attempt_smart_async (Attempt *attempt)
{
  smart_test_in_loop (attempt_smart, attempt_is_settled, attempt);
  attempt_get (attempt);
}

static void
attempt_ready (GObject *source, GAsyncResult *result, gpointer data)
{
  Attempt *attempt = data;

  attempt->success = smart_async_func_call_finish (SMART_ASYNC_FUNC (source), result,
                                                   &attempt->value, &attempt->error);
  attempt->over = TRUE;
}

static void
attempt_begin (gpointer data)
{
  Attempt *attempt = data;

  smart_async_func_call_async (attempt->func, NULL, attempt->args, attempt->n_args, NULL,
                               attempt_ready, attempt);
  g_assert_false (attempt->over);
}

static gboolean
attempt_is_over (gpointer data)
{
  return ((Attempt *) data)->over;
}

static void
attempt_call_async (Attempt *attempt)
{
  smart_test_in_loop (attempt_begin, attempt_is_over, attempt);
}

static void
attempt_call_sync (Attempt *attempt)
{
  attempt->success =
      smart_async_func_call_sync (attempt->func, NULL, attempt->args, attempt->n_args, NULL,
                                  &attempt->value, &attempt->error);
}

static void (*const attempts[]) (Attempt *attempt) = {
  attempt_smart_sync,
  attempt_smart_async,
  attempt_call_sync,
  attempt_call_async,
};

static void
assert_says (const GError *error, const char *words)
{
  if (words != NULL && strstr (error->message, words) == NULL)
    g_error ("“%s” does not say “%s”", error->message, words);
}

/* Makes the call in every way; it is refused with a message that has both words. */
static void
check_refused (SmartAsyncFunc *func,
               const GValue *args,
               guint n_args,
               const char *expected,
               const char *came)
{
  for (guint n = 0; n < G_N_ELEMENTS (attempts); n++)
    {
      Attempt attempt = { 0 };

      attempt.func = func;
      attempt.args = args;
      attempt.n_args = n_args;
      attempts[n](&attempt);

      g_assert_false (attempt.success);
      g_assert_error (attempt.error, SMART_ERROR, SMART_ERROR_INVALID_ARGUMENTS);
      assert_says (attempt.error, expected);
      assert_says (attempt.error, came);
      g_assert_true (G_VALUE_HOLDS_BOOLEAN (&attempt.value));
      attempt_reset (&attempt);
    }
}

static void
check_accepted (SmartAsyncFunc *func, const GValue *args, guint n_args)
{
  for (guint n = 0; n < G_N_ELEMENTS (attempts); n++)
    {
      Attempt attempt = { 0 };

      attempt.func = func;
      attempt.args = args;
      attempt.n_args = n_args;
      attempts[n](&attempt);

      g_assert_no_error (attempt.error);
      g_assert_true (attempt.success);
      attempt_reset (&attempt);
    }
}

/* A function of a string and an int. */
static SmartAsyncFunc *
signed_func_new (Kind kind, int *n_begun)
{
  const GType params[] = { G_TYPE_STRING, G_TYPE_INT };
  SmartAsyncFunc *func = func_new (kind, body_note, n_begun);

  smart_async_func_set_signature (func, G_TYPE_INT, params, G_N_ELEMENTS (params));

  return func;
}

static void
init_args (GValue args[3])
{
  g_value_init (&args[0], G_TYPE_STRING);
  g_value_set_static_string (&args[0], "one");
  g_value_init (&args[1], G_TYPE_INT);
  g_value_set_int (&args[1], 1);
  g_value_init (&args[2], G_TYPE_INT);
}

static void
clear_args (GValue args[3])
{
  for (guint n = 0; n < 3; n++)
    g_value_unset (&args[n]);
}

static void
test_wrong_number (void)
{
  GValue args[3] = { G_VALUE_INIT, G_VALUE_INIT, G_VALUE_INIT };

  init_args (args);
  for (Kind kind = 0; kind < N_KINDS; kind++)
    {
      int n_begun = 0;
      g_autoptr (SmartAsyncFunc) func = signed_func_new (kind, &n_begun);

      check_refused (func, args, 0, "2", "0");
      check_refused (func, args, 1, "2", "1");
      check_refused (func, args, 3, "2", "3");
      g_assert_cmpint (n_begun, ==, 0);
      check_accepted (func, args, 2);
    }
  clear_args (args);
}

static void
test_wrong_number_varargs (void)
{
  int n_begun = 0;
  g_autoptr (SmartAsyncFunc) func = signed_func_new (KIND_ASYNC, &n_begun);
  g_autoptr (GError) error = NULL;
  g_autoptr (SmartFuture) future =
      smart_async_func_call (func, NULL, NULL, G_TYPE_STRING, "one", G_TYPE_INVALID);

  g_assert_false (smart_future_get_value (future, NULL, &error));
  g_assert_error (error, SMART_ERROR, SMART_ERROR_INVALID_ARGUMENTS);
}

static void
test_number (void)
{
  test_wrong_number ();
  test_wrong_number_varargs ();
}

static void
check_second_refused (SmartAsyncFunc *func, GType type, const char *came)
{
  GValue args[3] = { G_VALUE_INIT, G_VALUE_INIT, G_VALUE_INIT };

  init_args (args);
  g_value_unset (&args[1]);
  if (type != G_TYPE_INVALID)
    g_value_init (&args[1], type);
  check_refused (func, args, 2, "gint", came);

  if (type == G_TYPE_INVALID)
    g_value_init (&args[1], G_TYPE_INT);
  clear_args (args);
}

static void
test_wrong_type (void)
{
  for (Kind kind = 0; kind < N_KINDS; kind++)
    {
      int n_begun = 0;
      g_autoptr (SmartAsyncFunc) func = signed_func_new (kind, &n_begun);

      check_second_refused (func, G_TYPE_STRING, "gchararray");
      check_second_refused (func, G_TYPE_INT64, "gint64");
      check_second_refused (func, G_TYPE_OBJECT, "GObject");
      /* A number cannot be null. */
      check_second_refused (func, G_TYPE_INVALID, "null");
      g_assert_cmpint (n_begun, ==, 0);
    }
}

static void
test_right_type (void)
{
  const GType params[] = { G_TYPE_OBJECT, G_TYPE_STRING, G_TYPE_BYTES };
  int n_begun = 0;
  g_autoptr (SmartAsyncFunc) func = func_new (KIND_ASYNC, body_note, &n_begun);
  GValue args[3] = { G_VALUE_INIT, G_VALUE_INIT, G_VALUE_INIT };

  /* Without a type it is null; a derived type is as good as the one asked for. */
  smart_async_func_set_signature (func, G_TYPE_INT, params, G_N_ELEMENTS (params));
  check_accepted (func, args, 3);
  g_value_init (&args[0], G_TYPE_CANCELLABLE);
  check_accepted (func, args, 3);
  g_assert_cmpint (n_begun, ==, 2 * G_N_ELEMENTS (attempts));
  g_value_unset (&args[0]);
}

/* What no GValue can be of: nothing after it in the list could be read. */
static void
test_no_type (void)
{
  int n_begun = 0;
  g_autoptr (SmartAsyncFunc) func = func_new (KIND_ASYNC, body_note, &n_begun);
  g_autoptr (GError) error = NULL;
  g_autoptr (SmartFuture) future =
      smart_async_func_call (func, NULL, NULL, G_TYPE_INT, 1, G_TYPE_NONE, 2, G_TYPE_INVALID);

  g_assert_false (smart_future_get_value (future, NULL, &error));
  g_assert_error (error, SMART_ERROR, SMART_ERROR_INVALID_ARGUMENTS);
  assert_says (error, "1");
  assert_says (error, "void");
  g_assert_cmpint (n_begun, ==, 0);
}

static void
test_types (void)
{
  test_wrong_type ();
  test_no_type ();
  test_right_type ();
}

static void
body_return_string (SmartCall *call, gpointer data)
{
  smart_call_return_string (call, g_strdup ("forty-two"));
}

static void
body_return_none (SmartCall *call, gpointer data)
{
  smart_call_return_none (call);
}

static void
body_return_cancellable (SmartCall *call, gpointer data)
{
  smart_call_return_object (call, g_cancellable_new ());
}

static gboolean
return_string_cb (gpointer data)
{
  body_return_string (data, NULL);

  return G_SOURCE_REMOVE;
}

static void
body_return_string_later (SmartCall *call, gpointer data)
{
  smart_call_add_timeout (call, 1, return_string_cb, g_object_ref (call), g_object_unref);
}

static void
body_return_future_of_string (SmartCall *call, gpointer data)
{
  g_auto (GValue) value = G_VALUE_INIT;
  g_autoptr (SmartFuture) future = NULL;

  g_value_init (&value, G_TYPE_STRING);
  future = smart_future_new_for_value (&value);
  smart_call_return_future (call, future);
}

static void
check_result (Kind kind, SmartBody body, GType type, const char *expected, const char *came)
{
  g_autoptr (SmartAsyncFunc) func = func_new (kind, body, NULL);

  smart_async_func_set_signature (func, type, NULL, 0);
  if (came != NULL)
    check_refused (func, NULL, 0, expected, came);
  else
    check_accepted (func, NULL, 0);
}

static void
test_wrong_result (void)
{
  for (Kind kind = 0; kind < N_KINDS; kind++)
    {
      check_result (kind, body_return_string, G_TYPE_INT, "gint", "gchararray");
      check_result (kind, body_return_future_of_string, G_TYPE_INT, "gint", "gchararray");
      check_result (kind, body_return_cancellable, G_TYPE_FILE_INFO, "GFileInfo", "GCancellable");
      check_result (kind, body_return_none, G_TYPE_INT, "gint", "");

      check_result (kind, body_return_string, G_TYPE_STRING, NULL, NULL);
      check_result (kind, body_return_cancellable, G_TYPE_OBJECT, NULL, NULL);
      check_result (kind, body_return_none, G_TYPE_NONE, NULL, NULL);
    }

  check_result (KIND_ASYNC, body_return_string_later, G_TYPE_INT, "gint", "gchararray");
}

static void
test_before_body (void)
{
  GValue args[3] = { G_VALUE_INIT, G_VALUE_INIT, G_VALUE_INIT };

  init_args (args);
  for (Kind kind = 0; kind < N_KINDS; kind++)
    {
      int n_begun = 0;
      g_autoptr (SmartAsyncFunc) func = signed_func_new (kind, &n_begun);

      for (guint n = 0; n < G_N_ELEMENTS (attempts); n++)
        {
          Attempt attempt = { 0 };

          attempt.func = func;
          attempt.args = args;
          attempt.n_args = 3;
          attempts[n](&attempt);
          g_assert_error (attempt.error, SMART_ERROR, SMART_ERROR_INVALID_ARGUMENTS);
          attempt_reset (&attempt);
        }
      g_assert_cmpint (n_begun, ==, 0);
    }
  clear_args (args);
}

/* B1, second sentence: misuse, each function in a process of its own. The
 * critical names the argument, and the function gives up: nothing else happens. */

#define refused(argument, ...) \
  smart_test_expect_critical ("*: assertion '*" argument "*' failed", __VA_ARGS__)

/* An object of another type than any that is asked for. */
static gpointer
stranger (void)
{
  static GObject *object;

  if (object == NULL)
    object = g_object_new (G_TYPE_OBJECT, NULL);

  return object;
}

static void
body_nothing (SmartCall *call, gpointer data)
{
  smart_call_return_none (call);
}

static SmartAsyncFunc *
some_func (void)
{
  return smart_async_func_new (body_nothing, NULL, NULL);
}

static SmartFuture *
some_future (void)
{
  return smart_future_new (NULL);
}

static void
ready_never (GObject *source, GAsyncResult *result, gpointer data)
{
  g_assert_not_reached ();
}

static void
continue_never (SmartCall *call, SmartFuture *settled, gpointer data)
{
  g_assert_not_reached ();
}

static void
notify_never (SmartFuture *future, gpointer data)
{
  g_assert_not_reached ();
}

static void
misuse_func_new (gconstpointer data)
{
  refused ("begin", g_assert_null (smart_async_func_new (NULL, NULL, NULL)));
}

static void
misuse_func_new_blocking (gconstpointer data)
{
  refused ("body", g_assert_null (smart_async_func_new_blocking (NULL, NULL, NULL)));
}

static void
misuse_func_new_dual (gconstpointer data)
{
  refused ("begin",
           g_assert_null (smart_async_func_new_dual (NULL, NULL, NULL, body_nothing, NULL, NULL)));
  refused ("body",
           g_assert_null (smart_async_func_new_dual (body_nothing, NULL, NULL, NULL, NULL, NULL)));
}

static void
misuse_func_new_for_pair (gconstpointer data)
{
  GCallback callback = G_CALLBACK (body_nothing);

  refused ("begin",
           g_assert_null (smart_async_func_new_for_pair (NULL, callback, G_TYPE_INT, NULL, 0)));
  refused ("finish",
           g_assert_null (smart_async_func_new_for_pair (callback, NULL, G_TYPE_INT, NULL, 0)));
  refused ("params",
           g_assert_null (smart_async_func_new_for_pair (callback, callback, G_TYPE_INT, NULL, 1)));
}

static void
misuse_func_derive (gconstpointer data)
{
  refused ("func", g_assert_null (smart_async_func_derive (NULL, "name", "x", NULL)));
  refused ("func", g_assert_null (smart_async_func_derive (stranger (), "name", "x", NULL)));
}

static void
misuse_func_derivev (gconstpointer data)
{
  g_autoptr (SmartAsyncFunc) func = some_func ();

  refused ("func", g_assert_null (smart_async_func_derivev (NULL, 0, NULL, NULL)));
  refused ("names", g_assert_null (smart_async_func_derivev (func, 1, NULL, NULL)));
}

static void
misuse_func_set_signature (gconstpointer data)
{
  g_autoptr (SmartAsyncFunc) func = some_func ();

  refused ("func", smart_async_func_set_signature (NULL, G_TYPE_INT, NULL, 0));
  refused ("params", smart_async_func_set_signature (func, G_TYPE_INT, NULL, 1));
}

static void
misuse_func_name (gconstpointer data)
{
  refused ("func", g_assert_null (smart_async_func_get_name (NULL)));
  refused ("func", smart_async_func_set_name (NULL, "name"));
}

static void
misuse_func_kind (gconstpointer data)
{
  refused ("func", smart_async_func_get_kind (NULL));
}

static void
misuse_func_priority (gconstpointer data)
{
  refused ("func", smart_async_func_get_priority (NULL));
  refused ("func", smart_async_func_set_priority (NULL, 0));
}

static void
misuse_func_timeout (gconstpointer data)
{
  refused ("func", g_assert_cmpuint (smart_async_func_get_timeout (NULL), ==, 0));
  refused ("func", smart_async_func_set_timeout (NULL, 1));
}

static void
misuse_func_abandon_on_cancel (gconstpointer data)
{
  refused ("func", g_assert_false (smart_async_func_get_abandon_on_cancel (NULL)));
  refused ("func", smart_async_func_set_abandon_on_cancel (NULL, TRUE));
}

static void
misuse_func_inherit_cancellable (gconstpointer data)
{
  refused ("func", smart_async_func_get_inherit_cancellable (NULL));
  refused ("func", smart_async_func_set_inherit_cancellable (NULL, TRUE));
}

static void
misuse_func_policy (gconstpointer data)
{
  refused ("func", smart_async_func_get_main_context_policy (NULL));
  refused ("func", smart_async_func_set_main_context_policy (NULL, SMART_MAIN_CONTEXT_CURRENT));
}

static void
misuse_func_executor (gconstpointer data)
{
  g_autoptr (SmartAsyncFunc) func = some_func ();

  refused ("func", g_assert_null (smart_async_func_get_executor (NULL)));
  refused ("func", smart_async_func_set_executor (NULL, NULL));
  refused ("executor", smart_async_func_set_executor (func, stranger ()));
}

static void
misuse_func_max_concurrency (gconstpointer data)
{
  refused ("func", g_assert_cmpuint (smart_async_func_get_max_concurrency (NULL), ==, 0));
  refused ("func", smart_async_func_set_max_concurrency (NULL, 1));
}

static void
misuse_func_thread_safe_source (gconstpointer data)
{
  refused ("func", g_assert_false (smart_async_func_get_thread_safe_source (NULL)));
  refused ("func", smart_async_func_set_thread_safe_source (NULL, TRUE));
}

static void
misuse_func_offload (gconstpointer data)
{
  refused ("func", g_assert_false (smart_async_func_get_offload (NULL)));
  refused ("func", smart_async_func_set_offload (stranger (), FALSE));
}

static void
misuse_func_call (gconstpointer data)
{
  g_autoptr (SmartAsyncFunc) func = some_func ();

  refused ("func", g_assert_null (smart_async_func_call (NULL, NULL, NULL, G_TYPE_INVALID)));
  refused ("cancellable",
           g_assert_null (smart_async_func_call (func, NULL, stranger (), G_TYPE_INVALID)));
}

static void
misuse_func_callv (gconstpointer data)
{
  g_autoptr (SmartAsyncFunc) func = some_func ();

  refused ("func", g_assert_null (smart_async_func_callv (NULL, NULL, NULL, 0, NULL)));
  refused ("args", g_assert_null (smart_async_func_callv (func, NULL, NULL, 1, NULL)));
  refused ("cancellable",
           g_assert_null (smart_async_func_callv (func, NULL, NULL, 0, stranger ())));
}

static void
misuse_func_call_sync (gconstpointer data)
{
  g_autoptr (SmartAsyncFunc) func = some_func ();

  refused ("func",
           g_assert_false (smart_async_func_call_sync (NULL, NULL, NULL, 0, NULL, NULL, NULL)));
  refused ("args",
           g_assert_false (smart_async_func_call_sync (func, NULL, NULL, 1, NULL, NULL, NULL)));
  refused ("cancellable", g_assert_false (smart_async_func_call_sync (func, NULL, NULL, 0,
                                                                      stranger (), NULL, NULL)));
}

static void
misuse_func_call_async (gconstpointer data)
{
  g_autoptr (SmartAsyncFunc) func = some_func ();

  refused ("func", smart_async_func_call_async (NULL, NULL, NULL, 0, NULL, ready_never, NULL));
  refused ("args", smart_async_func_call_async (func, NULL, NULL, 1, NULL, ready_never, NULL));
  refused ("cancellable",
           smart_async_func_call_async (func, NULL, NULL, 0, stranger (), ready_never, NULL));
}

static void
misuse_func_call_finish (gconstpointer data)
{
  g_autoptr (SmartAsyncFunc) func = some_func ();
  g_autoptr (GTask) task = g_task_new (NULL, NULL, NULL, NULL);
  g_autoptr (SmartFuture) future = smart_future_new_for_value (NULL);

  refused ("func", g_assert_false (
                       smart_async_func_call_finish (NULL, G_ASYNC_RESULT (future), NULL, NULL)));
  refused ("result", g_assert_false (smart_async_func_call_finish (func, NULL, NULL, NULL)));
  refused ("result",
           g_assert_false (smart_async_func_call_finish (func, G_ASYNC_RESULT (task), NULL, NULL)));
}

static void
misuse_define (gconstpointer data)
{
  g_autoptr (SmartAsyncFunc) func = some_func ();

  refused ("name",
           g_assert_null (smart_define_new_func (NULL, body_nothing, NULL, G_TYPE_NONE, NULL, 0)));
  refused ("body",
           g_assert_null (smart_define_new_func ("name", NULL, NULL, G_TYPE_NONE, NULL, 0)));
  refused ("params", g_assert_null (
                         smart_define_new_func ("name", body_nothing, NULL, G_TYPE_NONE, NULL, 1)));
  refused ("func", smart_define_call_async (NULL, NULL, NULL, 0, NULL, ready_never, NULL));
  refused ("args", smart_define_call_async (func, NULL, NULL, 1, NULL, ready_never, NULL));
  refused ("cancellable",
           smart_define_call_async (func, NULL, NULL, 0, stranger (), ready_never, NULL));
  refused ("args", smart_define_clear_args (NULL, 1));
  refused ("value", g_assert_null (smart_define_take_pointer (NULL)));
  refused ("call", smart_define_return_enum (NULL, G_TYPE_FILE_TYPE, 0));
  refused ("call", smart_define_return_flags (NULL, G_TYPE_FILE_COPY_FLAGS, 0));
  refused ("call", smart_define_return_variant (NULL, NULL));
  refused ("call", smart_define_return_success (NULL, TRUE));
}

static void
misuse_run_blocking (gconstpointer data)
{
  refused ("body", g_assert_null (smart_run_blocking (NULL, NULL, NULL, NULL)));
  refused ("body", g_assert_null ((smart_run_blocking) (NULL, NULL, NULL, NULL)));
  refused ("cancellable",
           g_assert_null (smart_run_blocking (body_nothing, NULL, NULL, stranger ())));
  refused ("cancellable",
           g_assert_null ((smart_run_blocking) (body_nothing, NULL, NULL, stranger ())));
}

static void
misuse_future_new (gconstpointer data)
{
  refused ("cancellable", g_assert_null (smart_future_new (stranger ())));
}

static void
misuse_future_new_for_error (gconstpointer data)
{
  refused ("error", g_assert_null (smart_future_new_for_error (NULL)));
}

static void
misuse_future_settle (gconstpointer data)
{
  g_autoptr (SmartFuture) future = some_future ();

  refused ("future", g_assert_false (smart_future_resolve (NULL, NULL)));
  refused ("future", g_assert_false (smart_future_resolve (stranger (), NULL)));
  refused ("future", g_assert_false (smart_future_reject (NULL, NULL)));
  refused ("error", g_assert_false (smart_future_reject (future, NULL)));
  g_assert_cmpint (smart_future_get_status (future), ==, SMART_FUTURE_PENDING);
}

static void
body_never (SmartCall *call, gpointer data)
{
  *(SmartCall **) data = g_object_ref (call);
}

/* The result of a call is its body's to settle. */
static void
misuse_future_of_call (gconstpointer data)
{
  SmartCall *call = NULL;
  g_autoptr (SmartAsyncFunc) func = smart_async_func_new (body_never, &call, NULL);
  g_autoptr (SmartFuture) future = NULL;
  GError *unused = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_FAILED, "It failed");

  smart_context_push_mode (SMART_MODE_ASYNC);
  future = smart_async_func_callv (func, NULL, NULL, 0, NULL);
  smart_context_pop_mode ();

  refused ("future", g_assert_false (smart_future_resolve (future, NULL)));
  refused ("future", g_assert_false (smart_future_reject (future, unused)));
  g_assert_cmpint (smart_future_get_status (future), ==, SMART_FUTURE_PENDING);

  smart_call_return_none (call);
  g_assert_cmpint (smart_future_get_status (future), ==, SMART_FUTURE_RESOLVED);
  g_object_unref (call);
}

static void
misuse_future_cancel (gconstpointer data)
{
  refused ("future", smart_future_cancel (NULL));
}

static void
misuse_future_status (gconstpointer data)
{
  refused ("future", smart_future_get_status (NULL));
}

static void
misuse_future_name (gconstpointer data)
{
  refused ("future", g_assert_null (smart_future_dup_name (NULL)));
  refused ("future", smart_future_set_name (NULL, "name"));
}

static void
misuse_future_get (gconstpointer data)
{
  refused ("future", g_assert_false (smart_future_get_value (NULL, NULL, NULL)));
  refused ("future", g_assert_false (smart_future_get_boolean (NULL, NULL)));
  refused ("future", g_assert_cmpint (smart_future_get_int (NULL, NULL), ==, 0));
  refused ("future", g_assert_cmpuint (smart_future_get_uint (NULL, NULL), ==, 0));
  refused ("future", g_assert_cmpint (smart_future_get_int64 (NULL, NULL), ==, 0));
  refused ("future", g_assert_cmpuint (smart_future_get_uint64 (NULL, NULL), ==, 0));
  refused ("future", g_assert_cmpfloat (smart_future_get_double (NULL, NULL), ==, 0));
  refused ("future", g_assert_null (smart_future_get_string (NULL, NULL)));
  refused ("future", g_assert_null (smart_future_get_object (NULL, NULL)));
  refused ("future", g_assert_null (smart_future_get_boxed (NULL, NULL)));
  refused ("future", g_assert_null (smart_future_get_variant (NULL, NULL)));
}

/* There is no result yet: an error, in every getter. */
static void
misuse_future_get_pending (gconstpointer data)
{
  g_autoptr (SmartFuture) future = some_future ();
  GError *error = NULL;

#define pending(expression) \
  g_assert_true (expression); \
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_PENDING); \
  g_clear_error (&error)

  pending (!smart_future_get_value (future, NULL, &error));
  pending (!smart_future_get_boolean (future, &error));
  pending (smart_future_get_int (future, &error) == 0);
  pending (smart_future_get_uint (future, &error) == 0);
  pending (smart_future_get_int64 (future, &error) == 0);
  pending (smart_future_get_uint64 (future, &error) == 0);
  pending (!(smart_future_get_double (future, &error) > 0));
  pending (smart_future_get_string (future, &error) == NULL);
  pending (smart_future_get_object (future, &error) == NULL);
  pending (smart_future_get_boxed (future, &error) == NULL);
  pending (smart_future_get_variant (future, &error) == NULL);

#undef pending
}

/* A result of another type than the one asked for: an error that says both. */
static void
misuse_future_get_other_type (gconstpointer data)
{
  g_auto (GValue) value = G_VALUE_INIT;
  g_autoptr (SmartFuture) future = NULL;
  GError *error = NULL;

#define mismatch(expression, type) \
  g_assert_true (expression); \
  g_assert_error (error, SMART_ERROR, SMART_ERROR_INVALID_ARGUMENTS); \
  assert_says (error, type); \
  assert_says (error, "gchararray"); \
  g_clear_error (&error)

  g_value_init (&value, G_TYPE_STRING);
  g_value_set_static_string (&value, "a string");
  future = smart_future_new_for_value (&value);

  mismatch (!smart_future_get_boolean (future, &error), "gboolean");
  mismatch (smart_future_get_int (future, &error) == 0, "gint");
  mismatch (smart_future_get_uint (future, &error) == 0, "guint");
  mismatch (smart_future_get_int64 (future, &error) == 0, "gint64");
  mismatch (smart_future_get_uint64 (future, &error) == 0, "guint64");
  mismatch (!(smart_future_get_double (future, &error) > 0), "gdouble");
  mismatch (smart_future_get_object (future, &error) == NULL, "GObject");
  mismatch (smart_future_get_boxed (future, &error) == NULL, "GBoxed");
  mismatch (smart_future_get_variant (future, &error) == NULL, "GVariant");

#undef mismatch
}

static void
misuse_future_wait (gconstpointer data)
{
  g_autoptr (SmartFuture) future = some_future ();

  refused ("future", g_assert_false (smart_future_wait (NULL, -1, NULL, NULL, NULL)));
  refused ("cancellable", g_assert_false (smart_future_wait (future, 0, stranger (), NULL, NULL)));
}

static void
misuse_future_wait_async (gconstpointer data)
{
  g_autoptr (SmartFuture) future = some_future ();
  g_autoptr (GTask) task = g_task_new (NULL, NULL, NULL, NULL);

  refused ("future", smart_future_wait_async (NULL, NULL, ready_never, NULL));
  refused ("cancellable", smart_future_wait_async (future, stranger (), ready_never, NULL));
  refused ("callback", smart_future_wait_async (future, NULL, NULL, NULL));
  refused ("future", g_assert_false (smart_future_wait_finish (NULL, NULL, NULL, NULL)));
  refused ("result", g_assert_false (smart_future_wait_finish (future, NULL, NULL, NULL)));
  refused ("result",
           g_assert_false (smart_future_wait_finish (future, G_ASYNC_RESULT (task), NULL, NULL)));
}

static void
misuse_future_then (gconstpointer data)
{
  g_autoptr (SmartFuture) future = some_future ();

  refused ("future", g_assert_null (smart_future_then (NULL, continue_never, NULL, NULL)));
  refused ("future", g_assert_null (smart_future_catch (NULL, continue_never, NULL, NULL)));
  refused ("future", g_assert_null (smart_future_finally (NULL, continue_never, NULL, NULL)));
  refused ("continuation", g_assert_null (smart_future_then (future, NULL, NULL, NULL)));
  refused ("continuation", g_assert_null (smart_future_catch (future, NULL, NULL, NULL)));
  refused ("continuation", g_assert_null (smart_future_finally (future, NULL, NULL, NULL)));
}

static void
misuse_future_add_notify (gconstpointer data)
{
  g_autoptr (SmartFuture) future = some_future ();

  refused ("future", smart_future_add_notify (NULL, notify_never, NULL, NULL));
  refused ("notify", smart_future_add_notify (future, NULL, NULL, NULL));
}

static void
misuse_future_progress (gconstpointer data)
{
  refused ("future", g_assert_cmpfloat (smart_future_get_progress (NULL), ==, -1));
}

static void
misuse_future_combine (gconstpointer data)
{
  g_autoptr (SmartFuture) future = some_future ();

  refused ("future", g_assert_null (smart_future_all (stranger (), NULL)));
  refused ("future", g_assert_null (smart_future_all (future, stranger (), NULL)));
  refused ("future", g_assert_null (smart_future_any (stranger (), NULL)));
  refused ("future", g_assert_null (smart_future_any (future, stranger (), NULL)));
  refused ("future", g_assert_null (smart_future_race (stranger (), NULL)));
  refused ("future", g_assert_null (smart_future_race (future, stranger (), NULL)));
  g_assert_cmpint (smart_future_get_status (future), ==, SMART_FUTURE_PENDING);
}

static void
misuse_future_combinev (gconstpointer data)
{
  g_autoptr (SmartFuture) future = some_future ();
  SmartFuture *with_null[] = { future, NULL };
  SmartFuture *with_stranger[] = { future, stranger () };

  refused ("futures", g_assert_null (smart_future_allv (NULL, 1)));
  refused ("futures", g_assert_null (smart_future_allv (with_null, 2)));
  refused ("futures", g_assert_null (smart_future_allv (with_stranger, 2)));
  refused ("futures", g_assert_null (smart_future_anyv (NULL, 1)));
  refused ("futures", g_assert_null (smart_future_anyv (with_null, 2)));
  refused ("futures", g_assert_null (smart_future_anyv (with_stranger, 2)));
  refused ("futures", g_assert_null (smart_future_racev (NULL, 1)));
  refused ("futures", g_assert_null (smart_future_racev (with_null, 2)));
  refused ("futures", g_assert_null (smart_future_racev (with_stranger, 2)));
  g_assert_cmpint (smart_future_get_status (future), ==, SMART_FUTURE_PENDING);
}

/* Nothing to wait for: an error, where there is nothing to give. */
static void
misuse_future_combine_none (gconstpointer data)
{
  g_autoptr (SmartFuture) all = smart_future_allv (NULL, 0);
  g_autoptr (SmartFuture) any = smart_future_anyv (NULL, 0);
  g_autoptr (SmartFuture) race = smart_future_racev (NULL, 0);
  GError *error = NULL;

  g_assert_cmpint (smart_future_get_status (all), ==, SMART_FUTURE_RESOLVED);
  g_assert_false (smart_future_get_value (any, NULL, &error));
  g_assert_error (error, SMART_ERROR, SMART_ERROR_INVALID_ARGUMENTS);
  g_clear_error (&error);
  g_assert_false (smart_future_get_value (race, NULL, &error));
  g_assert_error (error, SMART_ERROR, SMART_ERROR_INVALID_ARGUMENTS);
  g_clear_error (&error);
}

static void
misuse_future_with_timeout (gconstpointer data)
{
  refused ("future", g_assert_null (smart_future_with_timeout (NULL, 1)));
  refused ("future", g_assert_null (smart_future_with_timeout (stranger (), 1)));
}

static void
misuse_await (gconstpointer data)
{
  refused ("cancellable", g_assert_null (smart_await (NULL, stranger ())));
}

static void
misuse_continuation (gconstpointer data)
{
  refused ("continuation", g_assert_null (smart_continuation (NULL, NULL, NULL, NULL)));
}

/* A value that holds no object, and one of no type, are there already. */
static void
misuse_await_nothing (gconstpointer data)
{
  GValue no_type = G_VALUE_INIT;
  g_auto (GValue) no_object = G_VALUE_INIT;
  g_autoptr (SmartFuture) of_null = smart_await (NULL, NULL);
  g_autoptr (SmartFuture) of_no_type = smart_await (&no_type, NULL);
  g_autoptr (SmartFuture) of_no_object = NULL;

  g_value_init (&no_object, SMART_TYPE_FUTURE);
  of_no_object = smart_await (&no_object, NULL);
  g_assert_cmpint (smart_future_get_status (of_null), ==, SMART_FUTURE_RESOLVED);
  g_assert_cmpint (smart_future_get_status (of_no_type), ==, SMART_FUTURE_RESOLVED);
  g_assert_cmpint (smart_future_get_status (of_no_object), ==, SMART_FUTURE_RESOLVED);
}

static void
misuse_executor_new_pool (gconstpointer data)
{
  refused ("max_threads", g_assert_null (smart_executor_new_pool ("none", 0)));
}

static void
misuse_executor (gconstpointer data)
{
  refused ("executor", g_assert_null (smart_executor_get_name (NULL)));
  refused ("executor", g_assert_null (smart_executor_get_name (stranger ())));
  refused ("executor", g_assert_cmpuint (smart_executor_get_max_threads (NULL), ==, 0));
  refused ("executor", g_assert_cmpuint (smart_executor_get_max_pending (NULL), ==, 0));
  refused ("executor", smart_executor_set_max_pending (NULL, 1));
  refused ("executor", g_assert_null (smart_executor_get_context (NULL)));
  refused ("executor", smart_executor_has_thread (NULL));
  refused ("executor", smart_executor_has_thread (stranger ()));
  refused ("executor", smart_executor_close (NULL));
  refused ("executor", smart_executor_close (stranger ()));
}

static void
misuse_lock_run_once (gconstpointer data)
{
  g_autoptr (SmartLock) lock = smart_lock_new ();
  g_autoptr (SmartAsyncFunc) func = some_func ();

  refused ("lock", g_assert_null (smart_lock_run_once (NULL, "k", func, NULL, NULL, 0, NULL)));
  refused ("lock",
           g_assert_null (smart_lock_run_once (stranger (), "k", func, NULL, NULL, 0, NULL)));
  refused ("func", g_assert_null (smart_lock_run_once (lock, "k", NULL, NULL, NULL, 0, NULL)));
  refused ("args", g_assert_null (smart_lock_run_once (lock, "k", func, NULL, NULL, 1, NULL)));
  refused ("cancellable",
           g_assert_null (smart_lock_run_once (lock, "k", func, NULL, NULL, 0, stranger ())));
  g_assert_cmpuint (smart_lock_get_n_calls (lock), ==, 0);
}

static void
misuse_lock_run_once_sync (gconstpointer data)
{
  g_autoptr (SmartLock) lock = smart_lock_new ();
  g_autoptr (SmartAsyncFunc) func = some_func ();

  refused ("lock", g_assert_false (smart_lock_run_once_sync (NULL, "k", func, NULL, NULL, 0, NULL,
                                                             NULL, NULL)));
  refused ("func", g_assert_false (smart_lock_run_once_sync (lock, "k", NULL, NULL, NULL, 0, NULL,
                                                             NULL, NULL)));
  refused ("args", g_assert_false (smart_lock_run_once_sync (lock, "k", func, NULL, NULL, 1, NULL,
                                                             NULL, NULL)));
  refused ("cancellable", g_assert_false (smart_lock_run_once_sync (lock, "k", func, NULL, NULL, 0,
                                                                    stranger (), NULL, NULL)));
  g_assert_cmpuint (smart_lock_get_n_calls (lock), ==, 0);
}

static void
misuse_lock_run_once_async (gconstpointer data)
{
  g_autoptr (SmartLock) lock = smart_lock_new ();
  g_autoptr (SmartAsyncFunc) func = some_func ();

  refused ("lock",
           smart_lock_run_once_async (NULL, "k", func, NULL, NULL, 0, NULL, ready_never, NULL));
  refused ("func",
           smart_lock_run_once_async (lock, "k", NULL, NULL, NULL, 0, NULL, ready_never, NULL));
  refused ("args",
           smart_lock_run_once_async (lock, "k", func, NULL, NULL, 1, NULL, ready_never, NULL));
  refused ("cancellable", smart_lock_run_once_async (lock, "k", func, NULL, NULL, 0, stranger (),
                                                     ready_never, NULL));
  g_assert_cmpuint (smart_lock_get_n_calls (lock), ==, 0);
}

static void
misuse_lock_run_once_finish (gconstpointer data)
{
  g_autoptr (SmartLock) lock = smart_lock_new ();
  g_autoptr (GTask) task = g_task_new (NULL, NULL, NULL, NULL);
  g_autoptr (SmartFuture) future = smart_future_new_for_value (NULL);
  GAsyncResult *of_task = G_ASYNC_RESULT (task);
  GAsyncResult *of_future = G_ASYNC_RESULT (future);

  refused ("lock", g_assert_false (smart_lock_run_once_finish (NULL, of_future, NULL, NULL)));
  refused ("result", g_assert_false (smart_lock_run_once_finish (lock, NULL, NULL, NULL)));
  refused ("result", g_assert_false (smart_lock_run_once_finish (lock, of_task, NULL, NULL)));
  refused ("result", g_assert_false (smart_lock_run_once_finish (lock, of_future, NULL, NULL)));
}

static void
misuse_lock (gconstpointer data)
{
  g_autoptr (SmartLock) lock = smart_lock_new ();

  refused ("lock", smart_lock_forget (NULL, "k"));
  refused ("lock", smart_lock_forget (stranger (), "k"));
  refused ("lock", smart_lock_reset (NULL));
  refused ("lock", g_assert_cmpuint (smart_lock_get_n_flights (NULL), ==, 0));
  refused ("lock", g_assert_cmpuint (smart_lock_get_n_waiters (NULL), ==, 0));
  refused ("lock", g_assert_cmpuint (smart_lock_get_n_calls (NULL), ==, 0));
  refused ("lock", g_assert_cmpuint (smart_lock_get_n_executions (NULL), ==, 0));

  /* Not misuse: there is nothing to forget, nor to end. */
  smart_lock_forget (lock, NULL);
  smart_lock_forget (lock, "k");
  smart_lock_reset (lock);
}

static void
misuse_call_getters (gconstpointer data)
{
  refused ("call", g_assert_null (smart_call_get_source_object (NULL)));
  refused ("call", g_assert_null (smart_call_get_args (NULL)));
  refused ("call", g_assert_cmpuint (smart_call_get_n_args (NULL), ==, 0));
  refused ("call", g_assert_null (smart_call_get_cancellable (NULL)));
  refused ("call", g_assert_null (smart_call_get_context (NULL)));
  refused ("call", g_assert_null (smart_call_get_value (NULL, 0)));
  refused ("call", g_assert_false (smart_call_get_boolean (NULL, 0)));
  refused ("call", g_assert_cmpint (smart_call_get_int (NULL, 0), ==, 0));
  refused ("call", g_assert_cmpuint (smart_call_get_uint (NULL, 0), ==, 0));
  refused ("call", g_assert_cmpint (smart_call_get_int64 (NULL, 0), ==, 0));
  refused ("call", g_assert_cmpuint (smart_call_get_uint64 (NULL, 0), ==, 0));
  refused ("call", g_assert_cmpfloat (smart_call_get_double (NULL, 0), ==, 0));
  refused ("call", g_assert_null (smart_call_get_string (NULL, 0)));
  refused ("call", g_assert_null (smart_call_get_object (NULL, 0)));
  refused ("call", g_assert_null (smart_call_get_boxed (NULL, 0)));
  refused ("call", g_assert_null (smart_call_get_pointer (NULL, 0)));
  refused ("call", g_assert_null (smart_call_get_variant (NULL, 0)));
}

#define critical(pattern, ...) smart_test_expect_critical (pattern, __VA_ARGS__)

static void
body_asks_wrongly (SmartCall *call, gpointer data)
{
  /* Argument 0 is a string, argument 1 is null, argument 2 is not there. */
  critical ("*argument 2*", g_assert_null (smart_call_get_value (call, 2)));
  critical ("*argument 2*", g_assert_null (smart_call_get_string (call, 2)));
  critical ("*argument 2*", g_assert_cmpint (smart_call_get_int (call, 2), ==, 0));
  critical ("*argument 4294967295*", g_assert_cmpint (smart_call_get_int (call, G_MAXUINT), ==, 0));

  critical ("*rgument 0*gchararray*gboolean*", g_assert_false (smart_call_get_boolean (call, 0)));
  critical ("*rgument 0*gchararray*gint*", g_assert_cmpint (smart_call_get_int (call, 0), ==, 0));
  critical ("*rgument 0*gchararray*guint*",
            g_assert_cmpuint (smart_call_get_uint (call, 0), ==, 0));
  critical ("*rgument 0*gchararray*gint64*",
            g_assert_cmpint (smart_call_get_int64 (call, 0), ==, 0));
  critical ("*rgument 0*gchararray*guint64*",
            g_assert_cmpuint (smart_call_get_uint64 (call, 0), ==, 0));
  critical ("*rgument 0*gchararray*gdouble*",
            g_assert_cmpfloat (smart_call_get_double (call, 0), ==, 0));
  critical ("*rgument 0*gchararray*GObject*", g_assert_null (smart_call_get_object (call, 0)));
  critical ("*rgument 0*gchararray*GBoxed*", g_assert_null (smart_call_get_boxed (call, 0)));
  critical ("*rgument 0*gchararray*gpointer*", g_assert_null (smart_call_get_pointer (call, 0)));
  critical ("*rgument 0*gchararray*GVariant*", g_assert_null (smart_call_get_variant (call, 0)));

  critical ("*rgument 1*null*gint*", g_assert_cmpint (smart_call_get_int (call, 1), ==, 0));
  critical ("*rgument 1*null*gboolean*", g_assert_false (smart_call_get_boolean (call, 1)));
  g_assert_null (smart_call_get_string (call, 1));
  g_assert_null (smart_call_get_object (call, 1));
  g_assert_null (smart_call_get_variant (call, 1));

  smart_call_return_int (call, 42);
}

static void
misuse_call_arguments (gconstpointer data)
{
  g_autoptr (SmartAsyncFunc) func = smart_async_func_new_blocking (body_asks_wrongly, NULL, NULL);
  GValue args[2] = { G_VALUE_INIT, G_VALUE_INIT };
  g_auto (GValue) value = G_VALUE_INIT;
  g_autoptr (GError) error = NULL;

  g_value_init (&args[0], G_TYPE_STRING);
  g_value_set_static_string (&args[0], "a string");
  g_assert_true (smart_async_func_call_sync (func, NULL, args, 2, NULL, &value, &error));
  g_assert_no_error (error);
  g_assert_cmpint (g_value_get_int (&value), ==, 42);
  g_value_unset (&args[0]);
}

static void
misuse_call_return (gconstpointer data)
{
  refused ("call", smart_call_return_none (NULL));
  refused ("call", smart_call_return_boolean (NULL, TRUE));
  refused ("call", smart_call_return_int (NULL, 1));
  refused ("call", smart_call_return_uint (NULL, 1));
  refused ("call", smart_call_return_int64 (NULL, 1));
  refused ("call", smart_call_return_uint64 (NULL, 1));
  refused ("call", smart_call_return_double (NULL, 1));
  refused ("call", smart_call_return_string (NULL, NULL));
  refused ("call", smart_call_return_object (NULL, NULL));
  refused ("call", smart_call_return_boxed (NULL, G_TYPE_BYTES, NULL));
  refused ("call", smart_call_return_pointer (NULL, NULL, NULL));
  refused ("call", smart_call_return_variant (NULL, NULL));
  refused ("call", smart_call_return_value (NULL, NULL));
  refused ("call", smart_call_return_error (NULL, NULL));
  refused ("call", smart_call_return_new_error (NULL, G_IO_ERROR, 0, "%s", ""));
  refused ("call", smart_call_return_new_error_literal (NULL, G_IO_ERROR, 0, ""));
  refused ("call", g_assert_false (smart_call_return_error_if_cancelled (NULL)));
  refused ("call", smart_call_return_future (NULL, NULL));
}

static void
body_reports_wrongly (SmartCall *call, gpointer data)
{
  refused ("progress", smart_call_report_progress (call, -0.1));
  refused ("progress", smart_call_report_progress (call, 1.1));
  refused ("progress", smart_call_report_progress (call, NAN));
  smart_call_return_int (call, 42);
}

static gboolean
source_never (gpointer data)
{
  g_assert_not_reached ();
}

static void
body_returns_wrongly (SmartCall *call, gpointer data)
{
  static const char *const no_format;

  refused ("type", smart_call_return_boxed (call, G_TYPE_INT, NULL));
  refused ("error", smart_call_return_error (call, NULL));
  refused ("domain", smart_call_return_new_error (call, 0, 0, "%s", ""));
  refused ("message", smart_call_return_new_error_literal (call, G_IO_ERROR, 0, no_format));
  refused ("future", smart_call_return_future (call, NULL));
  refused ("future", smart_call_return_future (call, stranger ()));
  refused ("function", smart_call_add_timeout (call, 1, NULL, NULL, NULL));

  /* None of these was a result. */
  smart_call_return_int (call, 42);
}

static void
body_timeout_nowhere (SmartCall *call, gpointer data)
{
  /* A blocking body has no context for a source to be in. */
  refused ("context",
           g_assert_cmpuint (smart_call_add_timeout (call, 1, source_never, NULL, NULL), ==, 0));
  smart_call_return_int (call, 42);
}

static void
check_value (SmartAsyncFunc *func)
{
  g_auto (GValue) value = G_VALUE_INIT;
  g_autoptr (GError) error = NULL;

  g_assert_true (smart_async_func_call_sync (func, NULL, NULL, 0, NULL, &value, &error));
  g_assert_no_error (error);
  g_assert_cmpint (g_value_get_int (&value), ==, 42);
  g_object_unref (func);
}

static void
misuse_call_results (gconstpointer data)
{
  check_value (smart_async_func_new (body_returns_wrongly, NULL, NULL));
  check_value (smart_async_func_new_blocking (body_timeout_nowhere, NULL, NULL));
}

static void
misuse_call_progress (gconstpointer data)
{
  refused ("call", smart_call_report_progress (NULL, 0.5));
  check_value (smart_async_func_new (body_reports_wrongly, NULL, NULL));
}

static void
misuse_call_add_timeout (gconstpointer data)
{
  refused ("call",
           g_assert_cmpuint (smart_call_add_timeout (NULL, 1, source_never, NULL, NULL), ==, 0));
}

static void
misuse_call_enter (gconstpointer data)
{
  refused ("call", smart_call_enter (NULL));
  refused ("call", smart_call_leave (NULL));
}

static void
misuse_sync_call (gconstpointer data)
{
  SmartSyncCall call = SMART_SYNC_CALL_INIT;

  refused ("call", smart_sync_call_begin (NULL));
  refused ("call", smart_sync_call_begin_full (NULL, SMART_MAIN_CONTEXT_PRIVATE));
  refused ("call", g_assert_null (smart_sync_call_wait (NULL)));
  refused ("call", smart_sync_call_clear (NULL));
  refused ("call", smart_sync_call_ready (NULL, NULL, NULL));

  /* One that was not begun has nothing to wait for. */
  refused ("call", g_assert_null (smart_sync_call_wait (&call)));
  smart_sync_call_clear (&call);
}

/* What is no GObject at all, but has a type. */
static gpointer
no_object (void)
{
  static GParamSpec *pspec;

  if (pspec == NULL)
    pspec = g_param_spec_ref_sink (g_param_spec_int ("name", NULL, NULL, 0, 1, 0, 0));

  return pspec;
}

static void
misuse_func_new_for_receivers (gconstpointer data)
{
  refused ("begin", g_assert_null (smart_async_func_new_for_receivers (NULL, NULL)));
  refused ("begin", g_assert_null (smart_async_func_new_for_receivers (no_object (), NULL)));
  refused ("body", g_assert_null (smart_async_func_new_for_receivers (NULL, no_object ())));

  /* Objects without the property. */
  refused ("begin", g_assert_null (smart_async_func_new_for_receivers (stranger (), NULL)));
  refused ("body", g_assert_null (smart_async_func_new_for_receivers (NULL, stranger ())));
}

static void
misuse_func_bind_to_thread (gconstpointer data)
{
  g_autoptr (SmartAsyncFunc) func = some_func ();
  g_autoptr (SmartAsyncFunc) without_body = g_object_new (SMART_TYPE_ASYNC_FUNC, NULL);

  refused ("func", smart_async_func_bind_to_thread (NULL));
  refused ("func", smart_async_func_bind_to_thread (stranger ()));
  refused ("bodies", smart_async_func_bind_to_thread (without_body));

  /* After its first call it is as it is. */
  g_assert_true (smart_async_func_call_sync (func, NULL, NULL, 0, NULL, NULL, NULL));
  refused ("called", smart_async_func_bind_to_thread (func));
}

static void
misuse_func_shield_begin (gconstpointer data)
{
  g_autoptr (SmartAsyncFunc) func = some_func ();
  g_autoptr (SmartAsyncFunc) without_body = g_object_new (SMART_TYPE_ASYNC_FUNC, NULL);

  refused ("func", smart_async_func_shield_begin (NULL));
  refused ("func", smart_async_func_shield_begin (stranger ()));
  refused ("bodies", smart_async_func_shield_begin (without_body));

  g_assert_true (smart_async_func_call_sync (func, NULL, NULL, 0, NULL, NULL, NULL));
  refused ("called", smart_async_func_shield_begin (func));
}

static void
misuse_func_set_interpreted (gconstpointer data)
{
  refused ("func", smart_async_func_set_interpreted (NULL));
  refused ("func", smart_async_func_set_interpreted (stranger ()));

  /* Nowhere in a body. */
  smart_interpreter_entered ();
  g_assert_false (smart_interpreter_keep (smart_interpreter_entered));
}

static void
misuse_future_add_receiver (gconstpointer data)
{
  g_autoptr (SmartFuture) future = some_future ();

  refused ("future", smart_future_add_receiver (NULL, stranger ()));
  refused ("future", smart_future_add_receiver (stranger (), stranger ()));
  refused ("receiver", smart_future_add_receiver (future, NULL));
  refused ("receiver", smart_future_add_receiver (future, no_object ()));
  refused ("receiver", smart_future_add_receiver (future, stranger ()));
}

static void
misuse_future_watch (gconstpointer data)
{
  g_autoptr (SmartFuture) future = some_future ();

  refused ("future", smart_future_watch (NULL, ready_never, NULL, NULL));
  refused ("future", smart_future_watch (stranger (), ready_never, NULL, NULL));
  refused ("callback", smart_future_watch (future, NULL, NULL, NULL));
}

static void
misuse_future_begin_wait (gconstpointer data)
{
  g_autoptr (SmartFuture) future = some_future ();
  GMainContext *context = g_main_context_default ();
  SmartWaitPlace place;

  refused ("future", smart_future_begin_wait (NULL, context, NULL, &place, NULL));
  refused ("future", smart_future_begin_wait (stranger (), context, NULL, &place, NULL));
  refused ("context", smart_future_begin_wait (future, NULL, NULL, &place, NULL));
  refused ("place", smart_future_begin_wait (future, context, NULL, NULL, NULL));
  refused ("wait", smart_future_end_wait (NULL));
}

/* One that can receive a result. */
#define TEST_TYPE_RECEIVER (test_receiver_get_type ())
G_DECLARE_FINAL_TYPE (TestReceiver, test_receiver, TEST, RECEIVER, GObject)

struct _TestReceiver
{
  GObject parent_instance;
};

G_DEFINE_FINAL_TYPE (TestReceiver, test_receiver, G_TYPE_OBJECT)

static void
test_receiver_set_property (GObject *object, guint prop_id, const GValue *value, GParamSpec *pspec)
{
  g_assert_not_reached ();
}

static void
test_receiver_class_init (TestReceiverClass *class)
{
  GObjectClass *object_class = G_OBJECT_CLASS (class);

  object_class->set_property = test_receiver_set_property;
  g_object_class_install_property (object_class, 1,
                                   g_param_spec_object ("result", NULL, NULL, G_TYPE_ASYNC_RESULT,
                                                        G_PARAM_WRITABLE));
}

static void
test_receiver_init (TestReceiver *receiver)
{
}

static void
misuse_receiver_begin (gconstpointer data)
{
  g_autoptr (GObject) receiver = g_object_new (TEST_TYPE_RECEIVER, NULL);
  g_autoptr (GError) error = NULL;

  refused ("receiver",
           g_assert_false (smart_receiver_begin (NULL, NULL, "symbol", NULL, 0, &error)));
  refused ("receiver",
           g_assert_false (smart_receiver_begin (no_object (), NULL, "symbol", NULL, 0, &error)));
  refused ("receiver",
           g_assert_false (smart_receiver_begin (stranger (), NULL, "symbol", NULL, 0, &error)));
  refused ("symbol", g_assert_false (smart_receiver_begin (receiver, NULL, NULL, NULL, 0, &error)));
  refused ("args",
           g_assert_false (smart_receiver_begin (receiver, NULL, "symbol", NULL, 1, &error)));
  g_assert_no_error (error);

  /* What is missing is an error. */
  g_assert_false (smart_receiver_begin (receiver, NULL, "no_such_symbol", NULL, 0, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
  assert_says (error, "no_such_symbol");
}

static void
misuse_future_wait_value (gconstpointer data)
{
  g_autoptr (SmartFuture) future = some_future ();

  refused ("future", g_assert_null (smart_future_wait_value (NULL, -1, NULL, NULL)));
  refused ("future", g_assert_null (smart_future_wait_value (stranger (), -1, NULL, NULL)));
  refused ("timeout_usec", g_assert_null (smart_future_wait_value (future, -2, NULL, NULL)));
  refused ("cancellable", g_assert_null (smart_future_wait_value (future, 0, stranger (), NULL)));
}

static void
misuse_exception (gconstpointer data)
{
  const GValue unset = G_VALUE_INIT;
  g_auto (GValue) value = G_VALUE_INIT;
  g_autoptr (GError) other = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_BUSY, "busy");

  g_value_init (&value, G_TYPE_INT);
  refused ("exception", g_assert_null (smart_exception_new (NULL, "message")));
  refused ("exception", g_assert_null (smart_exception_new (&unset, "message")));
  refused ("message", g_assert_null (smart_exception_new (&value, NULL)));
  refused ("error", g_assert_null (smart_exception_get_value (NULL)));

  /* Any other error carries none. */
  g_assert_null (smart_exception_get_value (other));
}

/* What the vapi binds: valac's own arguments are right, the rest is the user's. */

#define INT_TYPE G_TYPE_INT, NULL, NULL

static gpointer
vala_work_never (gpointer target, GError **error)
{
  g_assert_not_reached ();
}

static gpointer
vala_body_never (SmartCall *call, gpointer target, GError **error)
{
  g_assert_not_reached ();
}

static void
vala_begin_never (GAsyncReadyCallback callback,
                  gpointer callback_target,
                  GDestroyNotify callback_destroy,
                  gpointer target)
{
  g_assert_not_reached ();
}

static void
vala_begin_body_never (SmartCall *call,
                       GAsyncReadyCallback callback,
                       gpointer callback_target,
                       GDestroyNotify callback_destroy,
                       gpointer target)
{
  g_assert_not_reached ();
}

static gpointer
vala_finish_never (GAsyncResult *result, gpointer target, GError **error)
{
  g_assert_not_reached ();
}

static void
misuse_vala_offload (gconstpointer data)
{
  g_autoptr (GTask) task = g_task_new (NULL, NULL, NULL, NULL);

  refused ("work", smart_vala_offload (INT_TYPE, NULL, NULL, NULL, NULL, NULL, ready_never, NULL));
  refused ("cancellable", smart_vala_offload (INT_TYPE, vala_work_never, NULL, NULL, stranger (),
                                              NULL, ready_never, NULL));
  refused ("executor", smart_vala_offload (INT_TYPE, vala_work_never, NULL, NULL, NULL, stranger (),
                                           ready_never, NULL));
  refused ("result", g_assert_null (smart_vala_offload_finish (NULL, NULL)));
  refused ("result", g_assert_null (smart_vala_offload_finish (G_ASYNC_RESULT (task), NULL)));
}

static void
misuse_vala_run_sync (gconstpointer data)
{
  refused ("begin", g_assert_null (smart_vala_run_sync (INT_TYPE, NULL, NULL, vala_finish_never,
                                                        NULL, SMART_MAIN_CONTEXT_PRIVATE, NULL)));
  refused ("finish", g_assert_null (smart_vala_run_sync (INT_TYPE, vala_begin_never, NULL, NULL,
                                                         NULL, SMART_MAIN_CONTEXT_PRIVATE, NULL)));
  refused ("policy",
           g_assert_null (smart_vala_run_sync (INT_TYPE, vala_begin_never, NULL, vala_finish_never,
                                               NULL, (SmartMainContextPolicy) 2, NULL)));
  g_assert_null (g_main_context_get_thread_default ());
}

static void
misuse_vala_func_of (gconstpointer data)
{
  refused ("body", g_assert_null (smart_vala_func_of_blocking (INT_TYPE, NULL, NULL, NULL)));

  refused ("begin", g_assert_null (smart_vala_func_of_async (INT_TYPE, NULL, NULL, NULL,
                                                             vala_finish_never, NULL, NULL)));
  refused ("finish", g_assert_null (smart_vala_func_of_async (INT_TYPE, vala_begin_body_never, NULL,
                                                              NULL, NULL, NULL, NULL)));

  refused ("begin",
           g_assert_null (smart_vala_func_of_dual (INT_TYPE, NULL, NULL, NULL, vala_finish_never,
                                                   NULL, NULL, vala_body_never, NULL, NULL)));
  refused ("finish",
           g_assert_null (smart_vala_func_of_dual (INT_TYPE, vala_begin_body_never, NULL, NULL,
                                                   NULL, NULL, NULL, vala_body_never, NULL, NULL)));
  refused ("body", g_assert_null (smart_vala_func_of_dual (INT_TYPE, vala_begin_body_never, NULL,
                                                           NULL, vala_finish_never, NULL, NULL,
                                                           NULL, NULL, NULL)));
}

static void
keep_result (GObject *source, GAsyncResult *result, gpointer data)
{
  *(GAsyncResult **) data = g_object_ref (result);
}

/* The result of a call of @func, as Vala's callback gets it. */
static GAsyncResult *
vala_result_of (SmartAsyncFunc *func)
{
  GAsyncResult *result = NULL;

  smart_vala_func_invoke_async (func, INT_TYPE, NULL, NULL, 0, NULL, keep_result, &result);
  smart_test_iterate_until_set (NULL, &result);

  return result;
}

static void
misuse_vala_func_invoke (gconstpointer data)
{
  g_autoptr (SmartAsyncFunc) func = some_func ();
  g_autoptr (SmartAsyncFunc) other = some_func ();
  g_autoptr (GTask) task = g_task_new (NULL, NULL, NULL, NULL);
  g_autoptr (GAsyncResult) result = NULL;

#define sync(func, source, n_args, cancellable) \
  g_assert_null ( \
      smart_vala_func_invoke_sync (func, INT_TYPE, source, NULL, n_args, cancellable, NULL))
#define begin(func, source, n_args, cancellable) \
  smart_vala_func_invoke_async (func, INT_TYPE, source, NULL, n_args, cancellable, ready_never, \
                                NULL)

  refused ("func", sync (NULL, NULL, 0, NULL));
  refused ("source", sync (func, no_object (), 0, NULL));
  refused ("args", sync (func, NULL, 1, NULL));
  refused ("cancellable", sync (func, NULL, 0, stranger ()));
  refused ("func", begin (NULL, NULL, 0, NULL));
  refused ("source", begin (func, no_object (), 0, NULL));
  refused ("args", begin (func, NULL, 1, NULL));
  refused ("cancellable", begin (func, NULL, 0, stranger ()));

#undef sync
#undef begin

  refused ("func", g_assert_null (smart_vala_func_invoke_finish (NULL, NULL, NULL)));
  refused ("result", g_assert_null (smart_vala_func_invoke_finish (func, NULL, NULL)));
  refused ("result",
           g_assert_null (smart_vala_func_invoke_finish (func, G_ASYNC_RESULT (task), NULL)));

  result = vala_result_of (other);
  refused ("result", g_assert_null (smart_vala_func_invoke_finish (func, result, NULL)));
}

static void
misuse_vala_lock_invoke (gconstpointer data)
{
  g_autoptr (SmartLock) lock = smart_lock_new ();
  g_autoptr (SmartAsyncFunc) func = some_func ();
  g_autoptr (GTask) task = g_task_new (NULL, NULL, NULL, NULL);
  g_autoptr (GAsyncResult) result = NULL;

#define sync(lock, func, source, n_args, cancellable) \
  g_assert_null (smart_vala_lock_invoke_sync (lock, INT_TYPE, "key", func, source, NULL, n_args, \
                                              cancellable, NULL))
#define begin(lock, func, source, n_args, cancellable) \
  smart_vala_lock_invoke_async (lock, INT_TYPE, "key", func, source, NULL, n_args, cancellable, \
                                ready_never, NULL)

  refused ("lock", sync (NULL, func, NULL, 0, NULL));
  refused ("func", sync (lock, NULL, NULL, 0, NULL));
  refused ("source", sync (lock, func, no_object (), 0, NULL));
  refused ("args", sync (lock, func, NULL, 1, NULL));
  refused ("cancellable", sync (lock, func, NULL, 0, stranger ()));
  refused ("lock", begin (NULL, func, NULL, 0, NULL));
  refused ("func", begin (lock, NULL, NULL, 0, NULL));
  refused ("source", begin (lock, func, no_object (), 0, NULL));
  refused ("args", begin (lock, func, NULL, 1, NULL));
  refused ("cancellable", begin (lock, func, NULL, 0, stranger ()));

#undef sync
#undef begin

  refused ("lock", g_assert_null (smart_vala_lock_invoke_finish (NULL, NULL, NULL)));
  refused ("result", g_assert_null (smart_vala_lock_invoke_finish (lock, NULL, NULL)));
  refused ("result",
           g_assert_null (smart_vala_lock_invoke_finish (lock, G_ASYNC_RESULT (task), NULL)));

  result = vala_result_of (func);
  refused ("result", g_assert_null (smart_vala_lock_invoke_finish (lock, result, NULL)));
}

static void
misuse_vala_future (gconstpointer data)
{
  g_autoptr (SmartFuture) future = some_future ();
  g_autoptr (SmartAsyncFunc) func = some_func ();
  g_autoptr (GTask) task = g_task_new (NULL, NULL, NULL, NULL);
  g_autoptr (GAsyncResult) result = NULL;

  refused ("future", g_assert_null (smart_vala_future_get (NULL, INT_TYPE, NULL)));
  refused ("future", g_assert_null (smart_vala_future_get (stranger (), INT_TYPE, NULL)));

  refused ("future", g_assert_null (smart_vala_future_wait_for (NULL, INT_TYPE, -1, NULL, NULL)));
  refused ("timeout_usec",
           g_assert_null (smart_vala_future_wait_for (future, INT_TYPE, -2, NULL, NULL)));
  refused ("cancellable",
           g_assert_null (smart_vala_future_wait_for (future, INT_TYPE, 0, stranger (), NULL)));

  refused ("future", smart_vala_future_wait_for_async (NULL, INT_TYPE, NULL, ready_never, NULL));
  refused ("cancellable",
           smart_vala_future_wait_for_async (future, INT_TYPE, stranger (), ready_never, NULL));

  refused ("future", g_assert_null (smart_vala_future_wait_for_finish (NULL, NULL, NULL)));
  refused ("result", g_assert_null (smart_vala_future_wait_for_finish (future, NULL, NULL)));
  refused ("result",
           g_assert_null (smart_vala_future_wait_for_finish (future, G_ASYNC_RESULT (task), NULL)));

  result = vala_result_of (func);
  refused ("result", g_assert_null (smart_vala_future_wait_for_finish (future, result, NULL)));
  g_assert_cmpint (smart_future_get_status (future), ==, SMART_FUTURE_PENDING);
}

static void
vala_body_gets_arguments (SmartCall *call, gpointer data)
{
  smart_test_expect_critical ("*rgument 0*gchararray*gint*",
                              g_assert_null (smart_vala_call_get (call, INT_TYPE, 0)));
  smart_test_expect_critical ("*asked for argument 1*",
                              g_assert_null (smart_vala_call_get (call, INT_TYPE, 1)));
  smart_call_return_none (call);
}

static void
misuse_vala_call_get (gconstpointer data)
{
  g_autoptr (SmartAsyncFunc) func = smart_async_func_new (vala_body_gets_arguments, NULL, NULL);
  g_autoptr (GError) error = NULL;
  g_auto (GValue) arg = G_VALUE_INIT;

  refused ("call", g_assert_null (smart_vala_call_get (NULL, INT_TYPE, 0)));
  refused ("call", g_assert_null (smart_vala_call_get (stranger (), INT_TYPE, 0)));

  g_value_init (&arg, G_TYPE_STRING);
  g_value_set_static_string (&arg, "text");
  g_assert_true (smart_async_func_call_sync (func, NULL, &arg, 1, NULL, NULL, &error));
  g_assert_no_error (error);
}

static void
misuse_vala_sync_call (gconstpointer data)
{
  g_autoptr (GTask) task = g_task_new (NULL, NULL, NULL, NULL);
  SmartValaSyncCall *call;

  refused ("policy", g_assert_null (smart_vala_sync_call_new ((SmartMainContextPolicy) 2)));
  refused ("call", smart_vala_sync_call_free (NULL));
  refused ("call", smart_vala_sync_call_ready (NULL, G_ASYNC_RESULT (task), NULL));
  refused ("call", g_assert_null (smart_vala_sync_call_wait (NULL)));

  call = smart_vala_sync_call_new (SMART_MAIN_CONTEXT_PRIVATE);
  refused ("result", smart_vala_sync_call_ready (NULL, NULL, call));
  refused ("result", smart_vala_sync_call_ready (NULL, stranger (), call));
  smart_vala_sync_call_free (call);
  g_assert_null (g_main_context_get_thread_default ());
}

/* What a binding does with a type that has no constructor of its own. */
static void
misuse_bare_objects (gconstpointer data)
{
  GType types[] = { SMART_TYPE_FUTURE, SMART_TYPE_ASYNC_FUNC, SMART_TYPE_CALL, SMART_TYPE_EXECUTOR,
                    SMART_TYPE_LOCK };

  for (guint n = 0; n < G_N_ELEMENTS (types); n++)
    g_object_unref (g_object_new (types[n], NULL));
}

static void
misuse_bare_used (gconstpointer data)
{
  g_autoptr (SmartFuture) future = g_object_new (SMART_TYPE_FUTURE, NULL);
  g_autoptr (SmartFuture) rejected = NULL;
  g_autoptr (SmartAsyncFunc) func = g_object_new (SMART_TYPE_ASYNC_FUNC, NULL);
  g_autoptr (SmartCall) call = g_object_new (SMART_TYPE_CALL, NULL);
  g_autoptr (GError) error = NULL;

  /* A future is one to be settled by hand. */
  g_assert_cmpint (smart_future_get_status (future), ==, SMART_FUTURE_PENDING);
  g_assert_true (smart_future_resolve (future, NULL));
  g_assert_cmpint (smart_future_get_status (future), ==, SMART_FUTURE_RESOLVED);

  /* A function has no body. */
  g_assert_cmpint (smart_async_func_get_kind (func), ==, SMART_ASYNC_FUNC_ASYNC);
  rejected = smart_async_func_callv (func, NULL, NULL, 0, NULL);
  g_assert_false (smart_future_get_value (rejected, NULL, &error));
  g_assert_error (error, SMART_ERROR, SMART_ERROR_INVALID_ARGUMENTS);

  /* A call is nobody's. */
  refused ("call", g_assert_cmpuint (smart_call_get_n_args (call), ==, 0));
  refused ("call", g_assert_null (smart_call_get_cancellable (call)));
  refused ("call", smart_call_return_none (call));
  refused ("call", smart_call_enter (call));
}

static void
body_return_42 (SmartCall *call, gpointer data)
{
  smart_call_return_int (call, 42);
}

/* A pool that nobody said the size of has a thread all the same. */
static void
misuse_bare_executor (gconstpointer data)
{
  g_autoptr (SmartExecutor) executor = g_object_new (SMART_TYPE_EXECUTOR, NULL);
  SmartAsyncFunc *func = smart_async_func_new_blocking (body_return_42, NULL, NULL);

  g_assert_null (smart_executor_get_context (executor));
  g_assert_cmpuint (smart_executor_get_max_threads (executor), >, 0);
  smart_async_func_set_executor (func, executor);
  check_value (func);
}

/* A negative limit */

static void
negative_wait (gconstpointer data)
{
  g_autoptr (SmartFuture) future = some_future ();

  refused ("timeout_usec", g_assert_false (smart_future_wait (future, -2, NULL, NULL, NULL)));
  refused ("timeout_usec",
           g_assert_false (smart_future_wait (future, G_MININT64, NULL, NULL, NULL)));
}

static void
negative_limit (gconstpointer data)
{
  g_autoptr (SmartExecutor) executor = smart_executor_new_pool ("some", 1);

  refused ("max_pending", smart_executor_set_max_pending (executor, (guint) -1));
  g_assert_cmpuint (smart_executor_get_max_pending (executor), ==, 0);
}

/* An unknown enum */

static void
unknown_mode (gconstpointer data)
{
  refused ("mode", smart_context_push_mode ((SmartMode) 3));
  refused ("mode", smart_context_push_mode ((SmartMode) -1));
  g_assert_false (smart_context_is_async ());
}

static void
unknown_policy (gconstpointer data)
{
  g_autoptr (SmartAsyncFunc) func = some_func ();

  refused ("policy", smart_async_func_set_main_context_policy (func, (SmartMainContextPolicy) 2));
  refused ("policy", smart_async_func_set_main_context_policy (func, (SmartMainContextPolicy) -1));
  g_assert_cmpint (smart_async_func_get_main_context_policy (func), ==, SMART_MAIN_CONTEXT_PRIVATE);
}

static void
unknown_sync_call_policy (gconstpointer data)
{
  SmartSyncCall call = SMART_SYNC_CALL_INIT;

  refused ("policy", smart_sync_call_begin_full (&call, (SmartMainContextPolicy) 2));
  smart_sync_call_clear (&call);
}

static gboolean
never_check (gpointer unused)
{
  return FALSE;
}

static void
misuse_interrupt_hook (gconstpointer unused)
{
  smart_test_expect_critical ("*fd >= -1*", smart_set_interrupt_hook (-2, NULL, NULL, NULL));
  smart_test_expect_critical ("*check*", smart_set_interrupt_hook (0, NULL, NULL, NULL));
  smart_test_expect_critical ("*check*", smart_set_interrupt_hook (-1, never_check, NULL, NULL));
  smart_set_interrupt_hook (-1, NULL, NULL, NULL);
}

/* @names: the functions that it is about, for the test of completeness. */
typedef struct
{
  const char *path;
  SmartTestDataFunc func;
  const char *names;
} Misuse;

static const Misuse misuses[] = {
  { "e/func-new", misuse_func_new, "smart_async_func_new" },
  { "e/func-new-blocking", misuse_func_new_blocking, "smart_async_func_new_blocking" },
  { "e/func-new-dual", misuse_func_new_dual, "smart_async_func_new_dual" },
  { "e/func-new-for-pair", misuse_func_new_for_pair, "smart_async_func_new_for_pair" },
  { "e/func-derive", misuse_func_derive, "smart_async_func_derive" },
  { "e/func-derivev", misuse_func_derivev, "smart_async_func_derivev" },
  { "e/func-set-signature", misuse_func_set_signature, "smart_async_func_set_signature" },
  { "e/func-name", misuse_func_name, "smart_async_func_get_name smart_async_func_set_name" },
  { "e/func-kind", misuse_func_kind, "smart_async_func_get_kind" },
  { "e/func-priority", misuse_func_priority,
    "smart_async_func_get_priority smart_async_func_set_priority" },
  { "e/func-timeout", misuse_func_timeout,
    "smart_async_func_get_timeout smart_async_func_set_timeout" },
  { "e/func-abandon-on-cancel", misuse_func_abandon_on_cancel,
    "smart_async_func_get_abandon_on_cancel smart_async_func_set_abandon_on_cancel" },
  { "e/func-inherit-cancellable", misuse_func_inherit_cancellable,
    "smart_async_func_get_inherit_cancellable smart_async_func_set_inherit_cancellable" },
  { "e/func-main-context-policy", misuse_func_policy,
    "smart_async_func_get_main_context_policy smart_async_func_set_main_context_policy" },
  { "e/func-executor", misuse_func_executor,
    "smart_async_func_get_executor smart_async_func_set_executor" },
  { "e/func-max-concurrency", misuse_func_max_concurrency,
    "smart_async_func_get_max_concurrency smart_async_func_set_max_concurrency" },
  { "e/func-thread-safe-source", misuse_func_thread_safe_source,
    "smart_async_func_get_thread_safe_source smart_async_func_set_thread_safe_source" },
  { "e/func-offload", misuse_func_offload,
    "smart_async_func_get_offload smart_async_func_set_offload" },
  { "e/func-call", misuse_func_call, "smart_async_func_call" },
  { "e/func-callv", misuse_func_callv, "smart_async_func_callv" },
  { "e/func-call-sync", misuse_func_call_sync, "smart_async_func_call_sync" },
  { "e/func-call-async", misuse_func_call_async, "smart_async_func_call_async" },
  { "e/func-call-finish", misuse_func_call_finish, "smart_async_func_call_finish" },
  { "e/run-blocking", misuse_run_blocking, "smart_run_blocking smart_call_site_run_blocking" },
  { "e/define", misuse_define,
    "smart_define_new_func smart_define_call_async smart_define_clear_args "
    "smart_define_take_pointer smart_define_return_enum smart_define_return_flags "
    "smart_define_return_variant smart_define_return_success" },
  { "e/future-new", misuse_future_new, "smart_future_new" },
  { "e/future-new-for-error", misuse_future_new_for_error, "smart_future_new_for_error" },
  { "e/future-settle", misuse_future_settle, "smart_future_resolve smart_future_reject" },
  { "e/future-of-call", misuse_future_of_call, "" },
  { "e/future-cancel", misuse_future_cancel, "smart_future_cancel" },
  { "e/future-status", misuse_future_status, "smart_future_get_status" },
  { "e/future-name", misuse_future_name, "smart_future_dup_name smart_future_set_name" },
  { "e/future-get", misuse_future_get,
    "smart_future_get_value smart_future_get_boolean smart_future_get_int smart_future_get_uint "
    "smart_future_get_int64 smart_future_get_uint64 smart_future_get_double "
    "smart_future_get_string smart_future_get_object smart_future_get_boxed "
    "smart_future_get_variant" },
  { "e/future-get-pending", misuse_future_get_pending, "" },
  { "e/future-get-other-type", misuse_future_get_other_type, "" },
  { "e/future-wait", misuse_future_wait, "smart_future_wait" },
  { "e/future-wait-async", misuse_future_wait_async,
    "smart_future_wait_async smart_future_wait_finish" },
  { "e/future-then", misuse_future_then,
    "smart_future_then smart_future_catch smart_future_finally" },
  { "e/future-add-notify", misuse_future_add_notify, "smart_future_add_notify" },
  { "e/future-progress", misuse_future_progress, "smart_future_get_progress" },
  { "e/future-combine", misuse_future_combine,
    "smart_future_all smart_future_any smart_future_race" },
  { "e/future-combinev", misuse_future_combinev,
    "smart_future_allv smart_future_anyv smart_future_racev" },
  { "e/future-combine-none", misuse_future_combine_none, "" },
  { "e/future-with-timeout", misuse_future_with_timeout, "smart_future_with_timeout" },
  { "e/await", misuse_await, "smart_await" },
  { "e/await-nothing", misuse_await_nothing, "" },
  { "e/continuation", misuse_continuation, "smart_continuation" },
  { "e/executor-new-pool", misuse_executor_new_pool, "smart_executor_new_pool" },
  { "e/executor", misuse_executor,
    "smart_executor_get_name smart_executor_get_max_threads smart_executor_get_max_pending "
    "smart_executor_set_max_pending smart_executor_get_context smart_executor_has_thread "
    "smart_executor_close" },
  { "e/lock-run-once", misuse_lock_run_once, "smart_lock_run_once" },
  { "e/lock-run-once-sync", misuse_lock_run_once_sync, "smart_lock_run_once_sync" },
  { "e/lock-run-once-async", misuse_lock_run_once_async, "smart_lock_run_once_async" },
  { "e/lock-run-once-finish", misuse_lock_run_once_finish, "smart_lock_run_once_finish" },
  { "e/lock", misuse_lock,
    "smart_lock_forget smart_lock_reset smart_lock_get_n_flights smart_lock_get_n_waiters "
    "smart_lock_get_n_calls smart_lock_get_n_executions" },
  { "e/call-getters", misuse_call_getters,
    "smart_call_get_source_object smart_call_get_args smart_call_get_n_args "
    "smart_call_get_cancellable smart_call_get_context smart_call_get_value "
    "smart_call_get_boolean smart_call_get_int smart_call_get_uint smart_call_get_int64 "
    "smart_call_get_uint64 smart_call_get_double smart_call_get_string smart_call_get_object "
    "smart_call_get_boxed smart_call_get_pointer smart_call_get_variant" },
  { "e/call-arguments", misuse_call_arguments, "" },
  { "e/call-return", misuse_call_return,
    "smart_call_return_none smart_call_return_boolean smart_call_return_int "
    "smart_call_return_uint smart_call_return_int64 smart_call_return_uint64 "
    "smart_call_return_double smart_call_return_string smart_call_return_object "
    "smart_call_return_boxed smart_call_return_pointer smart_call_return_variant "
    "smart_call_return_value smart_call_return_error smart_call_return_new_error "
    "smart_call_return_new_error_literal smart_call_return_error_if_cancelled "
    "smart_call_return_future" },
  { "e/call-results", misuse_call_results, "" },
  { "e/call-progress", misuse_call_progress, "smart_call_report_progress" },
  { "e/call-add-timeout", misuse_call_add_timeout, "smart_call_add_timeout" },
  { "e/call-enter", misuse_call_enter, "smart_call_enter smart_call_leave" },
  { "e/sync-call", misuse_sync_call,
    "smart_sync_call_begin smart_sync_call_begin_full smart_sync_call_ready smart_sync_call_wait "
    "smart_sync_call_clear" },
  { "e/func-new-for-receivers", misuse_func_new_for_receivers,
    "smart_async_func_new_for_receivers" },
  { "e/func-shield-begin", misuse_func_shield_begin, "smart_async_func_shield_begin" },
  { "e/func-bind-to-thread", misuse_func_bind_to_thread, "smart_async_func_bind_to_thread" },
  { "e/func-set-interpreted", misuse_func_set_interpreted,
    "smart_async_func_set_interpreted smart_interpreter_entered smart_interpreter_keep" },
  { "e/future-add-receiver", misuse_future_add_receiver, "smart_future_add_receiver" },
  { "e/future-watch", misuse_future_watch, "smart_future_watch" },
  { "e/future-begin-wait", misuse_future_begin_wait,
    "smart_future_begin_wait smart_future_end_wait" },
  { "e/receiver-begin", misuse_receiver_begin, "smart_receiver_begin" },
  { "e/future-wait-value", misuse_future_wait_value, "smart_future_wait_value" },
  { "e/exception", misuse_exception, "smart_exception_new smart_exception_get_value" },
  { "e/vala-offload", misuse_vala_offload, "smart_vala_offload smart_vala_offload_finish" },
  { "e/vala-run-sync", misuse_vala_run_sync, "smart_vala_run_sync" },
  { "e/vala-func-of", misuse_vala_func_of,
    "smart_vala_func_of_blocking smart_vala_func_of_async smart_vala_func_of_dual" },
  { "e/vala-func-invoke", misuse_vala_func_invoke,
    "smart_vala_func_invoke_sync smart_vala_func_invoke_async smart_vala_func_invoke_finish" },
  { "e/vala-lock-invoke", misuse_vala_lock_invoke,
    "smart_vala_lock_invoke_sync smart_vala_lock_invoke_async smart_vala_lock_invoke_finish" },
  { "e/vala-future", misuse_vala_future,
    "smart_vala_future_get smart_vala_future_wait_for smart_vala_future_wait_for_async "
    "smart_vala_future_wait_for_finish" },
  { "e/vala-call-get", misuse_vala_call_get, "smart_vala_call_get" },
  { "e/vala-sync-call", misuse_vala_sync_call,
    "smart_vala_sync_call_new smart_vala_sync_call_free smart_vala_sync_call_ready "
    "smart_vala_sync_call_wait" },
  { "e/interrupt-hook", misuse_interrupt_hook, "smart_set_interrupt_hook" },
  { "e/bare-objects", misuse_bare_objects, "" },
  { "e/bare-used", misuse_bare_used, "" },
  { "e/bare-executor", misuse_bare_executor, "" },
  { "f/wait", negative_wait, "" },
  { "f/limit", negative_limit, "" },
  { "g/mode", unknown_mode, "smart_context_push_mode" },
  { "g/policy", unknown_policy, "" },
  { "g/sync-call-policy", unknown_sync_call_policy, "" },

  /* Nothing that could be wrong: no arguments, or any will do. */
  { NULL, NULL,
    "smart_call_site_name_func smart_call_site_name_future "
    "smart_future_new_for_value smart_context_is_async smart_context_is_explicit "
    "smart_context_is_bare smart_context_survey smart_context_describe smart_exception_quark "
    "smart_context_pop_mode smart_call_get_current smart_async_reset smart_async_get_stats "
    "smart_async_dump_waits smart_executor_new_for_context smart_executor_new_loop smart_lock_new "
    "smart_error_quark smart_get_major_version smart_get_minor_version smart_get_micro_version" },
};

static gboolean
is_covered (const char *name)
{
  for (guint n = 0; n < G_N_ELEMENTS (misuses); n++)
    {
      g_auto (GStrv) names = g_strsplit (misuses[n].names, " ", -1);

      if (g_strv_contains ((const char *const *) names, name))
        return TRUE;
    }

  return FALSE;
}

/* Every function that a header declares, after the macro that exports it. */
static void
check_header (const char *path)
{
  g_autofree char *text = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GRegex) regex = NULL;
  g_autoptr (GMatchInfo) match = NULL;

  g_file_get_contents (path, &text, NULL, &error);
  g_assert_no_error (error);
  regex = g_regex_new ("SMART_AVAILABLE_IN_1_0\\n[^(;]*?\\b(smart_\\w+)\\s*\\(", 0, 0, &error);
  g_assert_no_error (error);

  for (g_regex_match (regex, text, 0, &match); g_match_info_matches (match);
       g_match_info_next (match, NULL))
    {
      g_autofree char *name = g_match_info_fetch (match, 1);

      if (!is_covered (name))
        {
          g_test_message ("%s is not tested for misuse", name);
          g_test_fail ();
        }
    }
}

static void
test_complete (void)
{
  g_autofree char *folder =
      g_test_build_filename (G_TEST_DIST, "..", "..", "smartasync-glib", NULL);
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name;
  guint n_headers = 0;

  if (dir == NULL)
    {
      g_test_skip ("The sources are not here");
      return;
    }

  while ((name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (folder, name, NULL);

      if (!g_str_has_suffix (name, ".h") || g_str_has_suffix (name, "-private.h"))
        continue;
      check_header (path);
      n_headers++;
    }
  g_assert_cmpuint (n_headers, >, 5);
}

int
main (int argc, char **argv)
{
  smart_test_init (&argc, &argv);

  smart_test_add ("/contract/B1.a", test_number);
  smart_test_add ("/contract/B1.b", test_types);
  smart_test_add ("/contract/B1.c", test_wrong_result);
  smart_test_add ("/contract/B1.d", test_before_body);
  smart_test_add_main ("/contract/B1.e/complete", test_complete);

  for (guint n = 0; n < G_N_ELEMENTS (misuses); n++)
    if (misuses[n].path != NULL)
      {
        g_autofree char *path = g_strconcat ("/contract/B1.", misuses[n].path, NULL);

        smart_test_add_subprocess (path, NULL, misuses[n].func, NULL);
      }

  return g_test_run ();
}
