/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What is made by a line of C is called like that. */

#include "smart-test.h"

#include <smartasync-glib/smartasync-glib.h>

#include <string.h>

static void
some_body (SmartCall *call, gpointer data)
{
  smart_call_return_int (call, 5);
}

static void
other_body (SmartCall *call, gpointer data)
{
  smart_call_return_int (call, 6);
}

static void
go_on (SmartCall *call, SmartFuture *settled, gpointer data)
{
  smart_call_return_none (call);
}

/* Takes FUNC. */
static void
assert_func_is_called (SmartAsyncFunc *func, const char *expected)
{
  g_autofree char *property = NULL;
  g_autoptr (SmartAsyncFunc) derived = smart_async_func_derive (func, "timeout", 5, NULL);

  g_assert_cmpstr (smart_async_func_get_name (func), ==, expected);
  g_object_get (func, "name", &property, NULL);
  g_assert_cmpstr (property, ==, expected);
  g_assert_cmpstr (smart_async_func_get_name (derived), ==, expected);

  smart_async_func_set_name (func, "by-hand");
  g_assert_cmpstr (smart_async_func_get_name (func), ==, "by-hand");
  g_object_unref (func);
}

static void
functions (void)
{
  const struct
  {
    SmartBody body;
  } bodies[] = { { some_body } };

  assert_func_is_called (smart_async_func_new (some_body, NULL, NULL), "some_body");
  assert_func_is_called (smart_async_func_new_blocking (some_body, NULL, NULL), "some_body");
  assert_func_is_called (smart_async_func_new_dual (some_body, NULL, NULL, other_body, NULL, NULL),
                         "some_body");
  assert_func_is_called (smart_async_func_new_for_pair (G_CALLBACK (g_file_load_bytes_async),
                                                        G_CALLBACK (g_file_load_bytes_finish),
                                                        G_TYPE_BYTES, NULL, 0),
                         "g_file_load_bytes_async");

  /* No function's name: the line. */
  assert_func_is_called (smart_async_func_new (bodies[0].body, NULL, NULL), G_STRLOC);
}

/* What is no macro makes what has no name. */
static void
addresses (void)
{
  SmartAsyncFunc *(*make) (SmartBody, gpointer, GDestroyNotify) = smart_async_func_new;
  g_autoptr (SmartAsyncFunc) by_pointer = make (some_body, NULL, NULL);
  g_autoptr (SmartAsyncFunc) in_parens = (smart_async_func_new) (some_body, NULL, NULL);
  g_autoptr (SmartFuture) future = (smart_future_new) (NULL);

  g_assert_null (smart_async_func_get_name (by_pointer));
  g_assert_null (smart_async_func_get_name (in_parens));
  g_assert_null (smart_future_dup_name (future));
}

/* Takes FUTURE. */
static void
assert_future_is_called (SmartFuture *future, const char *expected)
{
  g_autofree char *name = smart_future_dup_name (future);
  g_autofree char *by_hand = NULL;
  g_autofree char *again = NULL;

  g_assert_cmpstr (name, ==, expected);
  smart_future_set_name (future, "by-hand");
  by_hand = smart_future_dup_name (future);
  g_assert_cmpstr (by_hand, ==, "by-hand");
  smart_future_set_name (future, NULL);
  again = smart_future_dup_name (future);
  g_assert_cmpstr (again, ==, expected);
  g_object_unref (future);
}

#define assert_called_like_this_line(...) assert_future_is_called (__VA_ARGS__, G_STRLOC)

static void
futures (void)
{
  g_autoptr (SmartFuture) one = smart_future_new (NULL);
  g_autoptr (SmartAsyncFunc) func = smart_async_func_new (some_body, NULL, NULL);
  g_autoptr (SmartLock) lock = smart_lock_new ();
  GError *error = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_BUSY, "busy");
  g_auto (GValue) value = G_VALUE_INIT;

  g_value_init (&value, G_TYPE_INT);
  assert_called_like_this_line (smart_future_new (NULL));
  assert_called_like_this_line (smart_future_new_for_value (NULL));
  assert_called_like_this_line (smart_future_new_for_error (error));
  assert_called_like_this_line (smart_future_then (one, go_on, NULL, NULL));
  assert_called_like_this_line (smart_future_catch (one, go_on, NULL, NULL));
  assert_called_like_this_line (smart_future_finally (one, go_on, NULL, NULL));
  assert_called_like_this_line (smart_future_all (one, NULL));
  assert_called_like_this_line (smart_future_any (one, NULL));
  assert_called_like_this_line (smart_future_race (one, NULL));
  assert_called_like_this_line (smart_future_allv (&one, 1));
  assert_called_like_this_line (smart_future_anyv (&one, 1));
  assert_called_like_this_line (smart_future_racev (&one, 1));
  assert_called_like_this_line (smart_future_with_timeout (one, 60000));
  assert_called_like_this_line (smart_async_func_call (func, NULL, NULL, G_TYPE_INVALID));
  assert_called_like_this_line (smart_async_func_callv (func, NULL, NULL, 0, NULL));
  assert_called_like_this_line (smart_lock_run_once (lock, NULL, func, NULL, NULL, 0, NULL));
  assert_called_like_this_line (smart_run_blocking (some_body, NULL, NULL, NULL));
  assert_called_like_this_line (smart_await (&value, NULL));
  assert_called_like_this_line (smart_continuation (&value, go_on, NULL, NULL));

  smart_future_resolve (one, NULL);
}

/* It may be called before: the first line counts. */
static void
passed_on (void)
{
  g_autofree char *where = NULL;
  g_autoptr (SmartFuture) made = smart_future_new_for_value (NULL);
  g_auto (GValue) value = G_VALUE_INIT;

  where = smart_future_dup_name (made);
  g_value_init (&value, SMART_TYPE_FUTURE);
  g_value_set_object (&value, made);
  assert_future_is_called (smart_await (&value, NULL), where);
}

typedef struct
{
  SmartFuture *awaited;
  SmartTestGate begun;
} Waiting;

static void
wait_for_it (SmartCall *call, gpointer data)
{
  Waiting *waiting = data;

  smart_test_gate_open (&waiting->begun);
  smart_future_wait (waiting->awaited, -1, NULL, NULL, NULL);
  smart_call_return_none (call);
}

static gpointer
call_it (gpointer data)
{
  g_object_unref (smart_run_blocking (wait_for_it, data, NULL, NULL));

  return NULL;
}

static gboolean
shows (gpointer text)
{
  g_autofree char *dump = smart_async_dump_waits ();

  return strstr (dump, text) != NULL;
}

/* The dump shows the line. */
static void
dumped (void)
{
  g_autoptr (SmartFuture) by_hand = smart_future_new (NULL);
  g_autofree char *hand = smart_future_dup_name (by_hand);
  g_autoptr (SmartFuture) all = NULL;
  g_autofree char *both = NULL;
  Waiting waiting;
  GThread *thread;

  all = smart_future_all (by_hand, NULL);
  both = smart_future_dup_name (all);
  g_assert_cmpstr (both, !=, hand);
  waiting.awaited = all;
  smart_test_gate_init (&waiting.begun);
  thread = g_thread_new ("waits", call_it, &waiting);
  smart_test_gate_wait (&waiting.begun);

  smart_test_wait_until (shows, both);
  g_assert_true (shows (hand));

  smart_future_resolve (by_hand, NULL);
  g_thread_join (thread);
  smart_test_gate_clear (&waiting.begun);
}

/* Never returns: its call is dropped later. */
static void
begin_for_later (SmartCall *call, gpointer later)
{
  *(SmartCall **) later = g_object_ref (call);
}

/* In a callback of the loop that it would stop. */
static void
wait_for_itself (gpointer data)
{
  SmartCall *later = NULL;
  g_autoptr (SmartAsyncFunc) func = smart_async_func_new (begin_for_later, &later, NULL);
  g_autoptr (SmartFuture) future = smart_async_func_callv (func, NULL, NULL, 0, NULL);
  g_autoptr (GError) error = NULL;
  g_autofree char *name = smart_future_dup_name (future);
  g_autofree char *chain = g_strdup_printf ("begin_for_later (%s)", name);

  g_assert_false (smart_future_wait (future, -1, NULL, NULL, &error));
  g_assert_error (error, SMART_ERROR, SMART_ERROR_WOULD_DEADLOCK);
  g_assert_nonnull (strstr (error->message, chain));
  smart_call_return_none (later);
  g_object_unref (later);
}

/* So does a refusal: the function is called like its body, and the call like the
 * line that made it. */
static void
refused (void)
{
  smart_test_in_loop (wait_for_itself, NULL, NULL);
}

int
main (int argc, char **argv)
{
  smart_test_init (&argc, &argv);

  smart_test_add ("/call-site/functions", functions);
  smart_test_add ("/call-site/addresses", addresses);
  smart_test_add ("/call-site/futures", futures);
  smart_test_add ("/call-site/passed-on", passed_on);
  smart_test_add ("/call-site/dumped", dumped);
  smart_test_add ("/call-site/refused", refused);

  return g_test_run ();
}
