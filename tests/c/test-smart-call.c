/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The producer's side of one call: what it was called with, and every way to return. */

#include <smartasync-glib/smartasync-glib.h>

#include "smart-test.h"

#define BOXED_TYPE (G_TYPE_STRV)

/* A body that calls back into the test, so that each test can keep its body beside it. */
static SmartAsyncFunc *
func_for (SmartBody body, gpointer data)
{
  SmartAsyncFunc *func = smart_async_func_new (body, data, NULL);

  smart_async_func_set_name (func, "the-function");
  return func;
}

static SmartAsyncFunc *
blocking_for (SmartBody body, gpointer data)
{
  SmartAsyncFunc *func = smart_async_func_new_blocking (body, data, NULL);

  smart_async_func_set_name (func, "the-function");
  return func;
}

static SmartAsyncFunc *
either_for (gboolean blocking, SmartBody body, gpointer data)
{
  return blocking ? blocking_for (body, data) : func_for (body, data);
}

/* Calls without arguments and expects a value of @type. */
static void
call_for_value (SmartAsyncFunc *func, GType type, GValue *value)
{
  g_autoptr (GError) error = NULL;
  gboolean ok;

  ok = smart_async_func_call_sync (func, NULL, NULL, 0, NULL, value, &error);
  g_assert_no_error (error);
  g_assert_true (ok);
  g_assert_cmpstr (G_VALUE_TYPE_NAME (value), ==, g_type_name (type));
}

static void
call_for_error (SmartAsyncFunc *func, GCancellable *cancellable, GQuark domain, int code)
{
  g_auto (GValue) value = G_VALUE_INIT;
  g_autoptr (GError) error = NULL;
  gboolean ok;

  ok = smart_async_func_call_sync (func, NULL, NULL, 0, cancellable, &value, &error);
  g_assert_error (error, domain, code);
  g_assert_false (ok);
  g_assert_true (G_VALUE_HOLDS_BOOLEAN (&value));
  g_assert_false (g_value_get_boolean (&value));
}

/* What it was called with */

static void
source_body (SmartCall *call, gpointer user_data)
{
  g_assert_true (smart_call_get_source_object (call) == user_data);
  smart_call_return_none (call);
}

static void
test_source_object (void)
{
  g_autoptr (GObject) object = g_object_new (G_TYPE_OBJECT, NULL);
  GObject *sources[] = { object, NULL };

  for (guint i = 0; i < G_N_ELEMENTS (sources); i++)
    for (gboolean blocking = FALSE; blocking <= TRUE; blocking++)
      {
        g_autoptr (SmartAsyncFunc) func = either_for (blocking, source_body, sources[i]);
        g_autoptr (GError) error = NULL;

        g_assert_true (smart_async_func_call_sync (func, sources[i], NULL, 0, NULL, NULL, &error));
        g_assert_no_error (error);
      }
  g_assert_cmpuint (object->ref_count, ==, 1);
}

typedef struct
{
  GObject *object;
  char **strv;
  GVariant *variant;
  int pointed;
} Arguments;

static void
arguments_body (SmartCall *call, gpointer user_data)
{
  Arguments *arguments = user_data;
  const GValue *args = smart_call_get_args (call);
  char **strv;

  g_assert_cmpuint (smart_call_get_n_args (call), ==, 12);
  g_assert_true (smart_call_get_boolean (call, 0));
  g_assert_cmpint (smart_call_get_int (call, 1), ==, G_MININT);
  g_assert_cmpuint (smart_call_get_uint (call, 2), ==, G_MAXUINT);
  g_assert_cmpint (smart_call_get_int64 (call, 3), ==, G_MININT64);
  g_assert_cmpuint (smart_call_get_uint64 (call, 4), ==, G_MAXUINT64);
  g_assert_cmpfloat (smart_call_get_double (call, 5), ==, 0.1);
  g_assert_cmpstr (smart_call_get_string (call, 6), ==, "Grüße");
  g_assert_true (smart_call_get_object (call, 7) == arguments->object);
  strv = smart_call_get_boxed (call, 8);
  g_assert_true (g_strv_equal ((const char *const *) strv, (const char *const *) arguments->strv));
  g_assert_true (smart_call_get_pointer (call, 9) == &arguments->pointed);
  g_assert_true (g_variant_equal (smart_call_get_variant (call, 10), arguments->variant));
  g_assert_null (smart_call_get_string (call, 11));

  for (guint i = 0; i < 12; i++)
    g_assert_true (smart_call_get_value (call, i) == &args[i]);

  smart_call_return_none (call);
}

static void
test_arguments (void)
{
  g_auto (GStrv) strv = g_strsplit ("a:b", ":", 0);
  g_autoptr (GVariant) variant = g_variant_ref_sink (g_variant_new ("(si)", "v", 7));
  g_autoptr (GObject) object = g_object_new (G_TYPE_OBJECT, NULL);
  Arguments arguments = { object, strv, variant, 0 };

  for (gboolean blocking = FALSE; blocking <= TRUE; blocking++)
    {
      g_autoptr (SmartAsyncFunc) func = either_for (blocking, arguments_body, &arguments);
      g_autoptr (SmartFuture) future = NULL;

      future = smart_async_func_call (func, NULL, NULL, G_TYPE_BOOLEAN, TRUE, G_TYPE_INT, G_MININT,
                                      G_TYPE_UINT, G_MAXUINT, G_TYPE_INT64, G_MININT64,
                                      G_TYPE_UINT64, G_MAXUINT64, G_TYPE_DOUBLE, 0.1, G_TYPE_STRING,
                                      "Grüße", G_TYPE_OBJECT, object, G_TYPE_STRV, strv,
                                      G_TYPE_POINTER, &arguments.pointed, G_TYPE_VARIANT, variant,
                                      G_TYPE_STRING, NULL, G_TYPE_INVALID);
      g_assert_cmpint (smart_future_get_status (future), ==, SMART_FUTURE_RESOLVED);
    }
  g_assert_cmpuint (object->ref_count, ==, 1);
}

static void
no_arguments_body (SmartCall *call, gpointer user_data)
{
  g_assert_cmpuint (smart_call_get_n_args (call), ==, 0);
  smart_call_return_none (call);
}

static void
test_no_arguments (void)
{
  for (gboolean blocking = FALSE; blocking <= TRUE; blocking++)
    {
      g_autoptr (SmartAsyncFunc) func = either_for (blocking, no_arguments_body, NULL);
      g_auto (GValue) value = G_VALUE_INIT;

      call_for_value (func, G_TYPE_POINTER, &value);
      g_assert_null (g_value_get_pointer (&value));
    }
}

static void
widened_body (SmartCall *call, gpointer user_data)
{
  g_assert_cmpint (smart_call_get_int64 (call, 0), ==, -5);
  g_assert_cmpfloat (smart_call_get_double (call, 0), ==, -5.0);
  g_assert_cmpint (smart_call_get_int64 (call, 1), ==, G_MAXUINT);
  g_assert_cmpuint (smart_call_get_uint64 (call, 1), ==, G_MAXUINT);
  g_assert_cmpfloat (smart_call_get_double (call, 1), ==, (double) G_MAXUINT);
  smart_call_return_none (call);
}

static void
test_widened (void)
{
  g_autoptr (SmartAsyncFunc) func = func_for (widened_body, NULL);
  g_autoptr (SmartFuture) future = NULL;

  future = smart_async_func_call (func, NULL, NULL, G_TYPE_INT, -5, G_TYPE_UINT, G_MAXUINT,
                                  G_TYPE_INVALID);
  g_assert_cmpint (smart_future_get_status (future), ==, SMART_FUTURE_RESOLVED);
}

/* Each getter is asked for an index that is not there, and for a string. */
static void
wrong_getters_body (SmartCall *call, gpointer user_data)
{
  const guint indices[] = { 0, 1 };

#define EXPECT_CRITICAL() g_test_expect_message ("SmartAsync", G_LOG_LEVEL_CRITICAL, "*")

  for (guint i = 0; i < G_N_ELEMENTS (indices); i++)
    {
      guint n = indices[i];

      EXPECT_CRITICAL ();
      g_assert_false (smart_call_get_boolean (call, n));
      g_test_assert_expected_messages ();
      EXPECT_CRITICAL ();
      g_assert_cmpint (smart_call_get_int (call, n), ==, 0);
      g_test_assert_expected_messages ();
      EXPECT_CRITICAL ();
      g_assert_cmpuint (smart_call_get_uint (call, n), ==, 0);
      g_test_assert_expected_messages ();
      EXPECT_CRITICAL ();
      g_assert_cmpint (smart_call_get_int64 (call, n), ==, 0);
      g_test_assert_expected_messages ();
      EXPECT_CRITICAL ();
      g_assert_cmpuint (smart_call_get_uint64 (call, n), ==, 0);
      g_test_assert_expected_messages ();
      EXPECT_CRITICAL ();
      g_assert_cmpfloat (smart_call_get_double (call, n), ==, 0.0);
      g_test_assert_expected_messages ();
      EXPECT_CRITICAL ();
      g_assert_null (smart_call_get_object (call, n));
      g_test_assert_expected_messages ();
      EXPECT_CRITICAL ();
      g_assert_null (smart_call_get_boxed (call, n));
      g_test_assert_expected_messages ();
      EXPECT_CRITICAL ();
      g_assert_null (smart_call_get_pointer (call, n));
      g_test_assert_expected_messages ();
      EXPECT_CRITICAL ();
      g_assert_null (smart_call_get_variant (call, n));
      g_test_assert_expected_messages ();
    }

  EXPECT_CRITICAL ();
  g_assert_null (smart_call_get_string (call, 1));
  g_test_assert_expected_messages ();
  EXPECT_CRITICAL ();
  g_assert_null (smart_call_get_value (call, 1));
  g_test_assert_expected_messages ();

#undef EXPECT_CRITICAL

  smart_call_return_none (call);
}

static void
test_wrong_getters (void)
{
  g_autoptr (SmartAsyncFunc) func = func_for (wrong_getters_body, NULL);
  g_autoptr (SmartFuture) future = NULL;

  future = smart_async_func_call (func, NULL, NULL, G_TYPE_STRING, "s", G_TYPE_INVALID);
  g_assert_cmpint (smart_future_get_status (future), ==, SMART_FUTURE_RESOLVED);
}

/* A number that the type cannot hold is not converted. */
static void
narrowed_body (SmartCall *call, gpointer user_data)
{
  g_test_expect_message ("SmartAsync", G_LOG_LEVEL_CRITICAL, "*");
  g_assert_cmpint (smart_call_get_int (call, 0), ==, 0);
  g_test_assert_expected_messages ();
  g_test_expect_message ("SmartAsync", G_LOG_LEVEL_CRITICAL, "*");
  g_assert_cmpint (smart_call_get_int64 (call, 1), ==, 0);
  g_test_assert_expected_messages ();
  g_test_expect_message ("SmartAsync", G_LOG_LEVEL_CRITICAL, "*");
  g_assert_cmpint (smart_call_get_int (call, 2), ==, 0);
  g_test_assert_expected_messages ();
  g_test_expect_message ("SmartAsync", G_LOG_LEVEL_CRITICAL, "*");
  g_assert_cmpuint (smart_call_get_uint (call, 3), ==, 0);
  g_test_assert_expected_messages ();
  g_test_expect_message ("SmartAsync", G_LOG_LEVEL_CRITICAL, "*");
  g_assert_cmpuint (smart_call_get_uint64 (call, 3), ==, 0);
  g_test_assert_expected_messages ();
  g_test_expect_message ("SmartAsync", G_LOG_LEVEL_CRITICAL, "*");
  g_assert_cmpint (smart_call_get_int (call, 4), ==, 0);
  g_test_assert_expected_messages ();
  smart_call_return_none (call);
}

static void
test_narrowed (void)
{
  g_autoptr (SmartAsyncFunc) func = func_for (narrowed_body, NULL);
  g_autoptr (SmartFuture) future = NULL;

  future = smart_async_func_call (func, NULL, NULL, G_TYPE_INT64, G_MININT64, G_TYPE_UINT64,
                                  G_MAXUINT64, G_TYPE_INT64, G_GINT64_CONSTANT (1) << 31,
                                  G_TYPE_INT, -1, G_TYPE_DOUBLE, 0.5, G_TYPE_INVALID);
  g_assert_cmpint (smart_future_get_status (future), ==, SMART_FUTURE_RESOLVED);
}

/* Type 0 is how PyGObject says None. */
static void
unset_body (SmartCall *call, gpointer user_data)
{
  g_assert_cmpuint (smart_call_get_n_args (call), ==, 1);
  g_assert_null (smart_call_get_string (call, 0));
  g_assert_null (smart_call_get_object (call, 0));
  g_assert_null (smart_call_get_boxed (call, 0));
  g_assert_null (smart_call_get_pointer (call, 0));
  g_assert_null (smart_call_get_variant (call, 0));
  smart_call_return_none (call);
}

static void
test_unset_argument (void)
{
  const GValue args[] = { G_VALUE_INIT };
  const GType nullable[] = { G_TYPE_STRING, G_TYPE_OBJECT, G_TYPE_STRV, G_TYPE_POINTER,
                             G_TYPE_VARIANT };
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (nullable); i++)
    {
      g_autoptr (SmartAsyncFunc) func = func_for (unset_body, NULL);

      smart_async_func_set_signature (func, G_TYPE_POINTER, &nullable[i], 1);
      g_assert_true (smart_async_func_call_sync (func, NULL, args, 1, NULL, NULL, &error));
      g_assert_no_error (error);
    }
}

static void
context_body (SmartCall *call, gpointer user_data)
{
  gboolean *blocking = user_data;
  GMainContext *context = smart_call_get_context (call);

  if (*blocking)
    {
      g_assert_null (context);
    }
  else
    {
      g_assert_nonnull (context);
      g_assert_true (context == g_main_context_get_thread_default ());
      g_assert_true (g_main_context_is_owner (context));
    }
  smart_call_return_none (call);
}

static void
test_context (void)
{
  for (gboolean blocking = FALSE; blocking <= TRUE; blocking++)
    {
      g_autoptr (SmartAsyncFunc) func = either_for (blocking, context_body, &blocking);
      g_auto (GValue) value = G_VALUE_INIT;

      call_for_value (func, G_TYPE_POINTER, &value);
    }
}

static void
cancellable_body (SmartCall *call, gpointer user_data)
{
  GCancellable *callers = user_data;
  GCancellable *own = smart_call_get_cancellable (call);

  g_assert_nonnull (own);
  g_assert_false (g_cancellable_is_cancelled (own));
  g_assert_false (smart_call_return_error_if_cancelled (call));
  g_cancellable_cancel (callers);
  g_assert_true (g_cancellable_is_cancelled (own));
  g_assert_true (smart_call_return_error_if_cancelled (call));
}

static void
test_cancellable (void)
{
  for (gboolean blocking = FALSE; blocking <= TRUE; blocking++)
    {
      g_autoptr (GCancellable) cancellable = g_cancellable_new ();
      g_autoptr (SmartAsyncFunc) func = either_for (blocking, cancellable_body, cancellable);

      call_for_error (func, cancellable, G_IO_ERROR, G_IO_ERROR_CANCELLED);
    }
}

static void
uncancellable_body (SmartCall *call, gpointer user_data)
{
  g_assert_false (smart_call_return_error_if_cancelled (call));
  smart_call_return_none (call);
}

static void
test_no_cancellable (void)
{
  for (gboolean blocking = FALSE; blocking <= TRUE; blocking++)
    {
      g_autoptr (SmartAsyncFunc) func = either_for (blocking, uncancellable_body, NULL);
      g_auto (GValue) value = G_VALUE_INIT;

      call_for_value (func, G_TYPE_POINTER, &value);
    }
}

/* What it returns */

typedef struct
{
  int what;
  GObject *object;
  GVariant *variant;
  int destroyed;
} Result;

enum
{
  RETURN_NONE,
  RETURN_BOOLEAN,
  RETURN_INT,
  RETURN_UINT,
  RETURN_INT64,
  RETURN_UINT64,
  RETURN_DOUBLE,
  RETURN_STRING,
  RETURN_NULL_STRING,
  RETURN_OBJECT,
  RETURN_NULL_OBJECT,
  RETURN_BOXED,
  RETURN_POINTER,
  RETURN_VARIANT,
  RETURN_VALUE,
  N_RETURNS
};

static void
count_destroy (gpointer data)
{
  int *counter = data;

  g_atomic_int_inc (counter);
}

static void
return_body (SmartCall *call, gpointer user_data)
{
  Result *result = user_data;
  g_auto (GValue) value = G_VALUE_INIT;

  switch (result->what)
    {
    case RETURN_NONE:
      smart_call_return_none (call);
      break;
    case RETURN_BOOLEAN:
      smart_call_return_boolean (call, TRUE);
      break;
    case RETURN_INT:
      smart_call_return_int (call, G_MININT);
      break;
    case RETURN_UINT:
      smart_call_return_uint (call, G_MAXUINT);
      break;
    case RETURN_INT64:
      smart_call_return_int64 (call, G_MININT64);
      break;
    case RETURN_UINT64:
      smart_call_return_uint64 (call, G_MAXUINT64);
      break;
    case RETURN_DOUBLE:
      smart_call_return_double (call, 0.1);
      break;
    case RETURN_STRING:
      smart_call_return_string (call, g_strdup ("Grüße"));
      break;
    case RETURN_NULL_STRING:
      smart_call_return_string (call, NULL);
      break;
    case RETURN_OBJECT:
      smart_call_return_object (call, g_object_ref (result->object));
      break;
    case RETURN_NULL_OBJECT:
      smart_call_return_object (call, NULL);
      break;
    case RETURN_BOXED:
      smart_call_return_boxed (call, BOXED_TYPE, g_strsplit ("a:b", ":", 0));
      break;
    case RETURN_POINTER:
      smart_call_return_pointer (call, &result->destroyed, count_destroy);
      break;
    case RETURN_VARIANT:
      smart_call_return_variant (call, result->variant);
      break;
    case RETURN_VALUE:
      g_value_init (&value, G_TYPE_CHAR);
      g_value_set_schar (&value, 'x');
      smart_call_return_value (call, &value);
      break;
    default:
      g_assert_not_reached ();
    }
}

static void
check_return (Result *result, SmartAsyncFunc *func)
{
  g_auto (GValue) value = G_VALUE_INIT;
  const GType types[] = {
    [RETURN_NONE] = G_TYPE_POINTER,
    [RETURN_BOOLEAN] = G_TYPE_BOOLEAN,
    [RETURN_INT] = G_TYPE_INT,
    [RETURN_UINT] = G_TYPE_UINT,
    [RETURN_INT64] = G_TYPE_INT64,
    [RETURN_UINT64] = G_TYPE_UINT64,
    [RETURN_DOUBLE] = G_TYPE_DOUBLE,
    [RETURN_STRING] = G_TYPE_STRING,
    [RETURN_NULL_STRING] = G_TYPE_STRING,
    [RETURN_OBJECT] = G_TYPE_OBJECT,
    [RETURN_NULL_OBJECT] = G_TYPE_OBJECT,
    [RETURN_BOXED] = BOXED_TYPE,
    [RETURN_POINTER] = G_TYPE_POINTER,
    [RETURN_VARIANT] = G_TYPE_VARIANT,
    [RETURN_VALUE] = G_TYPE_CHAR,
  };

  call_for_value (func, types[result->what], &value);
  switch (result->what)
    {
    case RETURN_NONE:
      g_assert_null (g_value_get_pointer (&value));
      break;
    case RETURN_BOOLEAN:
      g_assert_true (g_value_get_boolean (&value));
      break;
    case RETURN_INT:
      g_assert_cmpint (g_value_get_int (&value), ==, G_MININT);
      break;
    case RETURN_UINT:
      g_assert_cmpuint (g_value_get_uint (&value), ==, G_MAXUINT);
      break;
    case RETURN_INT64:
      g_assert_cmpint (g_value_get_int64 (&value), ==, G_MININT64);
      break;
    case RETURN_UINT64:
      g_assert_cmpuint (g_value_get_uint64 (&value), ==, G_MAXUINT64);
      break;
    case RETURN_DOUBLE:
      g_assert_cmpfloat (g_value_get_double (&value), ==, 0.1);
      break;
    case RETURN_STRING:
      g_assert_cmpstr (g_value_get_string (&value), ==, "Grüße");
      break;
    case RETURN_NULL_STRING:
      g_assert_null (g_value_get_string (&value));
      break;
    case RETURN_OBJECT:
      g_assert_true (g_value_get_object (&value) == result->object);
      break;
    case RETURN_NULL_OBJECT:
      g_assert_null (g_value_get_object (&value));
      break;
    case RETURN_BOXED:
      g_assert_cmpstr (((char **) g_value_get_boxed (&value))[1], ==, "b");
      break;
    case RETURN_POINTER:
      g_assert_true (g_value_get_pointer (&value) == &result->destroyed);
      break;
    case RETURN_VARIANT:
      g_assert_true (g_value_get_variant (&value) == result->variant);
      break;
    case RETURN_VALUE:
      g_assert_cmpint (g_value_get_schar (&value), ==, 'x');
      break;
    default:
      g_assert_not_reached ();
    }
}

static void
test_returns (void)
{
  g_autoptr (GObject) object = g_object_new (G_TYPE_OBJECT, NULL);
  g_autoptr (GVariant) variant = g_variant_ref_sink (g_variant_new_string ("v"));

  for (int what = 0; what < N_RETURNS; what++)
    for (gboolean blocking = FALSE; blocking <= TRUE; blocking++)
      {
        Result result = { what, object, variant, 0 };
        g_autoptr (SmartAsyncFunc) func = either_for (blocking, return_body, &result);

        check_return (&result, func);
      }
  g_assert_cmpuint (object->ref_count, ==, 1);
}

/* A caller that does not look at the value costs nothing, and leaks nothing. */
static void
test_returns_ignored (void)
{
  g_autoptr (GObject) object = g_object_new (G_TYPE_OBJECT, NULL);
  g_autoptr (GVariant) variant = g_variant_ref_sink (g_variant_new_string ("v"));

  for (int what = 0; what < N_RETURNS; what++)
    for (gboolean blocking = FALSE; blocking <= TRUE; blocking++)
      {
        Result result = { what, object, variant, 0 };
        g_autoptr (SmartAsyncFunc) func = either_for (blocking, return_body, &result);
        g_autoptr (GError) error = NULL;

        g_assert_true (smart_async_func_call_sync (func, NULL, NULL, 0, NULL, NULL, &error));
        g_assert_no_error (error);
        if (what == RETURN_POINTER)
          g_assert_cmpint (result.destroyed, ==, 1);
      }
  g_assert_cmpuint (object->ref_count, ==, 1);
}

/* The pointer is freed once, with the future that holds it. */
static void
test_returns_pointer (void)
{
  for (gboolean blocking = FALSE; blocking <= TRUE; blocking++)
    {
      Result result = { RETURN_POINTER, NULL, NULL, 0 };
      g_autoptr (SmartAsyncFunc) func = either_for (blocking, return_body, &result);
      SmartFuture *future;

      future = smart_async_func_call (func, NULL, NULL, G_TYPE_INVALID);
      g_assert_cmpint (smart_future_get_status (future), ==, SMART_FUTURE_RESOLVED);
      g_assert_cmpint (result.destroyed, ==, 0);
      g_object_unref (future);
      g_assert_cmpint (result.destroyed, ==, 1);
    }
}

static void
floating_body (SmartCall *call, gpointer user_data)
{
  smart_call_return_variant (call, g_variant_new_int32 (4));
}

static void
test_returns_floating_variant (void)
{
  g_autoptr (SmartAsyncFunc) func = func_for (floating_body, NULL);
  g_auto (GValue) value = G_VALUE_INIT;
  GVariant *variant;

  call_for_value (func, G_TYPE_VARIANT, &value);
  variant = g_value_get_variant (&value);
  g_assert_false (g_variant_is_floating (variant));
  g_assert_cmpint (g_variant_get_int32 (variant), ==, 4);
}

static void
error_body (SmartCall *call, gpointer user_data)
{
  GError *error = user_data;

  smart_call_return_error (call, g_error_copy (error));
}

static void
new_error_body (SmartCall *call, gpointer user_data)
{
  smart_call_return_new_error (call, G_FILE_ERROR, G_FILE_ERROR_NOENT, "%d of %s", 3, "100 %");
}

static void
literal_error_body (SmartCall *call, gpointer user_data)
{
  smart_call_return_new_error_literal (call, G_FILE_ERROR, G_FILE_ERROR_NOENT, "100 %s");
}

static void
check_error (gboolean blocking, SmartBody body, gpointer data, const char *message)
{
  g_autoptr (SmartAsyncFunc) func = either_for (blocking, body, data);
  g_autoptr (GError) error = NULL;

  g_assert_false (smart_async_func_call_sync (func, NULL, NULL, 0, NULL, NULL, &error));
  g_assert_error (error, G_FILE_ERROR, G_FILE_ERROR_NOENT);
  g_assert_cmpstr (error->message, ==, message);
}

static void
test_returns_error (void)
{
  g_autoptr (GError) error = g_error_new (G_FILE_ERROR, G_FILE_ERROR_NOENT, "Grüße");

  for (gboolean blocking = FALSE; blocking <= TRUE; blocking++)
    {
      check_error (blocking, error_body, error, "Grüße");
      check_error (blocking, new_error_body, NULL, "3 of 100 %");
      check_error (blocking, literal_error_body, NULL, "100 %s");
    }
}

static void
twice_body (SmartCall *call, gpointer user_data)
{
  int *destroyed = user_data;

  smart_call_return_int (call, 1);
  g_test_expect_message ("SmartAsync", G_LOG_LEVEL_CRITICAL, "*the-function*");
  smart_call_return_pointer (call, destroyed, count_destroy);
  g_test_assert_expected_messages ();
  g_test_expect_message ("SmartAsync", G_LOG_LEVEL_CRITICAL, "*the-function*");
  smart_call_return_new_error (call, G_FILE_ERROR, G_FILE_ERROR_NOENT, "too late");
  g_test_assert_expected_messages ();
}

/* What comes too late is freed all the same. */
static void
test_returns_twice (void)
{
  for (gboolean blocking = FALSE; blocking <= TRUE; blocking++)
    {
      int destroyed = 0;
      g_autoptr (SmartAsyncFunc) func = either_for (blocking, twice_body, &destroyed);
      g_auto (GValue) value = G_VALUE_INIT;

      call_for_value (func, G_TYPE_INT, &value);
      g_assert_cmpint (g_value_get_int (&value), ==, 1);
      g_assert_cmpint (destroyed, ==, 1);
    }
}

/* Settling as another future does */

static void
future_body (SmartCall *call, gpointer user_data)
{
  smart_call_return_future (call, user_data);
}

static void
test_return_future_resolved (void)
{
  g_auto (GValue) seven = G_VALUE_INIT;
  g_autoptr (SmartFuture) future = NULL;

  g_value_init (&seven, G_TYPE_INT);
  g_value_set_int (&seven, 7);
  future = smart_future_new_for_value (&seven);

  for (gboolean blocking = FALSE; blocking <= TRUE; blocking++)
    {
      g_autoptr (SmartAsyncFunc) func = either_for (blocking, future_body, future);
      g_auto (GValue) value = G_VALUE_INIT;

      call_for_value (func, G_TYPE_INT, &value);
      g_assert_cmpint (g_value_get_int (&value), ==, 7);
    }
  g_assert_cmpuint (G_OBJECT (future)->ref_count, ==, 1);
}

static void
test_return_future_rejected (void)
{
  g_autoptr (SmartFuture) future = NULL;

  future =
      smart_future_new_for_error (g_error_new_literal (G_FILE_ERROR, G_FILE_ERROR_NOENT, "no"));

  for (gboolean blocking = FALSE; blocking <= TRUE; blocking++)
    {
      g_autoptr (SmartAsyncFunc) func = either_for (blocking, future_body, future);

      call_for_error (func, NULL, G_FILE_ERROR, G_FILE_ERROR_NOENT);
    }
}

static gboolean
resolve_later (gpointer user_data)
{
  g_auto (GValue) value = G_VALUE_INIT;

  g_value_init (&value, G_TYPE_INT);
  g_value_set_int (&value, 8);
  g_assert_true (smart_future_resolve (user_data, &value));
  return G_SOURCE_REMOVE;
}

static void
pending_future_body (SmartCall *call, gpointer user_data)
{
  SmartFuture *future = smart_future_new (NULL);

  g_assert_cmpuint (smart_call_add_timeout (call, 0, resolve_later, g_object_ref (future),
                                            g_object_unref),
                    !=, 0);
  smart_call_return_future (call, future);
  g_object_unref (future);
}

static void
test_return_future_pending (void)
{
  g_autoptr (SmartAsyncFunc) func = func_for (pending_future_body, NULL);
  g_auto (GValue) value = G_VALUE_INIT;

  call_for_value (func, G_TYPE_INT, &value);
  g_assert_cmpint (g_value_get_int (&value), ==, 8);
}

typedef struct
{
  SmartAsyncFunc *func;
  SmartAsyncFunc *next; /* of the same thread */
  SmartFuture *awaited;
  SmartFuture *result;
} Offloaded;

static void
none_body (SmartCall *call, gpointer user_data)
{
  smart_call_return_none (call);
}

static void
settle_before_it_is_home (gpointer data)
{
  Offloaded *offloaded = data;
  g_auto (GValue) seven = G_VALUE_INIT;
  g_autoptr (GError) error = NULL;

  offloaded->result = smart_async_func_call (offloaded->func, NULL, NULL, G_TYPE_INVALID);

  /* Its thread has done with it, but this one has not heard of it so far. */
  smart_async_func_call_sync (offloaded->next, NULL, NULL, 0, NULL, NULL, &error);
  g_assert_no_error (error);

  g_value_init (&seven, G_TYPE_STRING);
  g_value_set_static_string (&seven, "seven");
  g_assert_true (smart_future_resolve (offloaded->awaited, &seven));
}

static gboolean
offloaded_is_settled (gpointer data)
{
  return smart_future_get_status (((Offloaded *) data)->result) != SMART_FUTURE_PENDING;
}

/* A blocking body on another thread returns what settles before its caller's context
 * is iterated again. */
static void
test_return_future_offloaded (void)
{
  g_autoptr (SmartExecutor) executor = smart_executor_new_pool ("return-future", 1);
  g_autoptr (SmartFuture) awaited = smart_future_new (NULL);
  g_autoptr (SmartAsyncFunc) func = blocking_for (future_body, awaited);
  g_autoptr (SmartAsyncFunc) next = blocking_for (none_body, NULL);
  Offloaded offloaded = { .func = func, .next = next, .awaited = awaited };
  g_autofree char *string = NULL;

  smart_async_func_set_executor (func, executor);
  smart_async_func_set_executor (next, executor);
  smart_test_in_loop (settle_before_it_is_home, offloaded_is_settled, &offloaded);

  string = smart_future_get_string (offloaded.result, NULL);
  g_assert_cmpstr (string, ==, "seven");
  g_object_unref (offloaded.result);
  smart_executor_close (executor);
}

/* While it runs */

typedef struct
{
  SmartCall *call;
  guint ticks;
  int destroyed;
} Timeout;

static gboolean
on_tick (gpointer user_data)
{
  Timeout *timeout = user_data;

  g_assert_true (g_main_context_is_owner (smart_call_get_context (timeout->call)));
  g_assert_true (g_source_get_context (g_main_current_source ()) ==
                 smart_call_get_context (timeout->call));
  if (++timeout->ticks < 3)
    return G_SOURCE_CONTINUE;

  smart_call_return_none (timeout->call);
  return G_SOURCE_REMOVE;
}

static void
tick_destroyed (gpointer user_data)
{
  Timeout *timeout = user_data;

  timeout->destroyed++;
}

static void
timeout_body (SmartCall *call, gpointer user_data)
{
  Timeout *timeout = user_data;
  GSource *source;
  guint id;

  /* The source holds it. */
  timeout->call = call;
  id = smart_call_add_timeout (call, 1, on_tick, timeout, tick_destroyed);
  source = g_main_context_find_source_by_id (smart_call_get_context (call), id);
  g_assert_nonnull (source);
}

static void
test_add_timeout (void)
{
  Timeout timeout = { NULL, 0, 0 };
  g_autoptr (SmartAsyncFunc) func = func_for (timeout_body, &timeout);
  g_auto (GValue) value = G_VALUE_INIT;

  call_for_value (func, G_TYPE_POINTER, &value);
  g_assert_cmpuint (timeout.ticks, ==, 3);
  g_assert_cmpint (timeout.destroyed, ==, 1);
}

static void
current_body (SmartCall *call, gpointer user_data)
{
  SmartCall *outer = user_data;
  SmartCall *now = smart_call_get_current ();

  g_assert_true (now == call);
  g_assert_true (now != outer);
  smart_call_return_none (call);
}

static void
nesting_body (SmartCall *call, gpointer user_data)
{
  gboolean *blocking = user_data;
  g_autoptr (SmartAsyncFunc) inner = either_for (*blocking, current_body, call);
  g_auto (GValue) value = G_VALUE_INIT;

  g_assert_true (smart_call_get_current () == call);
  call_for_value (inner, G_TYPE_POINTER, &value);
  g_assert_true (smart_call_get_current () == call);
  smart_call_return_none (call);
}

static void
test_current (void)
{
  for (gboolean outer = FALSE; outer <= TRUE; outer++)
    for (gboolean inner = FALSE; inner <= TRUE; inner++)
      {
        g_autoptr (SmartAsyncFunc) func = either_for (outer, nesting_body, &inner);
        g_auto (GValue) value = G_VALUE_INIT;

        g_assert_null (smart_call_get_current ());
        call_for_value (func, G_TYPE_POINTER, &value);
        g_assert_null (smart_call_get_current ());
      }
}

static gboolean
enter_twice (gpointer user_data)
{
  g_autoptr (SmartCall) call = user_data;

  g_assert_null (smart_call_get_current ());
  smart_call_enter (call);
  g_assert_true (smart_call_get_current () == call);
  smart_call_enter (call);
  g_assert_true (smart_call_get_current () == call);
  smart_call_leave (call);
  g_assert_true (smart_call_get_current () == call);
  smart_call_leave (call);
  g_assert_null (smart_call_get_current ());

  smart_call_return_none (call);
  return G_SOURCE_REMOVE;
}

static void
enter_body (SmartCall *call, gpointer user_data)
{
  smart_call_add_timeout (call, 0, enter_twice, g_object_ref (call), NULL);
}

static void
test_enter (void)
{
  g_autoptr (SmartAsyncFunc) func = func_for (enter_body, NULL);
  g_auto (GValue) value = G_VALUE_INIT;

  call_for_value (func, G_TYPE_POINTER, &value);
}

/* Nothing but the queues, the frame and the body keeps a call alive. */
static void
life_body (SmartCall *call, gpointer user_data)
{
  g_object_add_weak_pointer (G_OBJECT (call), user_data);
  *(gpointer *) user_data = call;
  smart_call_return_none (call);
}

static void
test_life (void)
{
  for (gboolean blocking = FALSE; blocking <= TRUE; blocking++)
    {
      gpointer alive = NULL;
      g_autoptr (SmartAsyncFunc) func = either_for (blocking, life_body, &alive);
      g_autoptr (SmartFuture) future = NULL;

      future = smart_async_func_call (func, NULL, NULL, G_TYPE_INVALID);
      g_assert_cmpint (smart_future_get_status (future), ==, SMART_FUTURE_RESOLVED);
      g_assert_null (alive);
    }
}

int
main (int argc, char **argv)
{
  smart_test_init (&argc, &argv);

  smart_test_add ("/call/source-object", test_source_object);
  smart_test_add ("/call/arguments", test_arguments);
  smart_test_add ("/call/arguments/none", test_no_arguments);
  smart_test_add ("/call/arguments/widened", test_widened);
  smart_test_add ("/call/arguments/narrowed", test_narrowed);
  smart_test_add ("/call/arguments/wrong-getters", test_wrong_getters);
  smart_test_add ("/call/arguments/unset", test_unset_argument);
  smart_test_add ("/call/context", test_context);
  smart_test_add ("/call/cancellable", test_cancellable);
  smart_test_add ("/call/cancellable/none", test_no_cancellable);
  smart_test_add ("/call/return", test_returns);
  smart_test_add ("/call/return/ignored", test_returns_ignored);
  smart_test_add ("/call/return/pointer", test_returns_pointer);
  smart_test_add ("/call/return/floating-variant", test_returns_floating_variant);
  smart_test_add ("/call/return/error", test_returns_error);
  smart_test_add ("/call/return/twice", test_returns_twice);
  smart_test_add ("/call/return-future/resolved", test_return_future_resolved);
  smart_test_add ("/call/return-future/rejected", test_return_future_rejected);
  smart_test_add ("/call/return-future/pending", test_return_future_pending);
  smart_test_add ("/call/return-future/offloaded", test_return_future_offloaded);
  smart_test_add ("/call/add-timeout", test_add_timeout);
  smart_test_add ("/call/current", test_current);
  smart_test_add ("/call/enter", test_enter);
  smart_test_add ("/call/life", test_life);

  return g_test_run ();
}
