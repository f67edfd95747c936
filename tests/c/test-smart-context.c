/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The frames behind smart_context_is_async (): what is pushed, what is seen
 * from where, and that nothing stays behind. */

#include "smart-test.h"

#include <smartasync-glib/smartasync-glib.h>

#include <smartasync-glib/smart-context-private.h>
#include <smartasync-glib/smart-thread-private.h>

#include <string.h>

static void
assert_no_frames (void)
{
  SmartThread *thread = smart_thread_peek ();

  g_assert_true (thread == NULL || thread->top == NULL);
}

static void
assert_described (const char *beginning)
{
  g_autofree char *description = smart_context_describe ();

  if (!g_str_has_prefix (description, beginning))
    g_error ("“%s” does not begin with “%s”", description, beginning);
}

static void
assert_call_sync (SmartAsyncFunc *func)
{
  g_autoptr (GError) error = NULL;

  g_assert_true (smart_async_func_call_sync (func, NULL, NULL, 0, NULL, NULL, &error));
  g_assert_no_error (error);
}

static void
check_in_body (SmartAsyncFunc *func)
{
  assert_call_sync (func);
  g_object_unref (func);
}

/* Frames */

static void
ask_on_new_thread (gpointer data)
{
  /* To ask makes nothing. */
  g_assert_null (smart_thread_peek ());
  g_assert_false (smart_context_is_async ());
  g_assert_null (smart_call_get_current ());
  assert_described ("sync: ");
  g_assert_null (smart_thread_peek ());
}

static void
test_asking_makes_nothing (void)
{
  smart_test_on_thread (ask_on_new_thread, NULL);
}

static void
body_returns (SmartCall *call, gpointer data)
{
  smart_call_return_none (call);
}

static void
body_fails (SmartCall *call, gpointer data)
{
  smart_call_return_new_error (call, G_IO_ERROR, G_IO_ERROR_FAILED, "It failed");
}

static void
body_drops (SmartCall *call, gpointer data)
{
}

static void
call_every_way (gpointer data)
{
  SmartAsyncFunc *func = data;
  g_autoptr (SmartFuture) future = NULL;

  smart_async_func_call_sync (func, NULL, NULL, 0, NULL, NULL, NULL);
  assert_no_frames ();
  smart_async_func_call_async (func, NULL, NULL, 0, NULL, NULL, NULL);
  assert_no_frames ();
  future = smart_async_func_callv (func, NULL, NULL, 0, NULL);
  assert_no_frames ();
}

static void
test_balanced (void)
{
  const SmartBody bodies[] = { body_returns, body_fails, body_drops };

  for (guint n = 0; n < G_N_ELEMENTS (bodies); n++)
    {
      g_autoptr (SmartAsyncFunc) begun = smart_async_func_new (bodies[n], NULL, NULL);
      g_autoptr (SmartAsyncFunc) blocking = smart_async_func_new_blocking (bodies[n], NULL, NULL);

      call_every_way (begun);
      call_every_way (blocking);
      smart_test_in_loop (call_every_way, NULL, begun);
      smart_test_in_loop (call_every_way, NULL, blocking);
      assert_no_frames ();
    }
}

static void
not_in_frame_cb (gpointer data)
{
  SmartCall **outer = data;

  g_assert_true (smart_context_is_async ());
  g_assert_null (smart_call_get_current ());
  g_assert_null (g_cancellable_get_current ());
  assert_described ("async: dispatching");
  *outer = NULL;
}

static void
body_with_loop (SmartCall *call, gpointer data)
{
  SmartCall *outer = call;
  g_autoptr (GMainContext) context = g_main_context_new ();

  g_assert_true (smart_call_get_current () == call);
  smart_test_invoke (context, not_in_frame_cb, &outer);
  while (outer != NULL)
    g_main_context_iteration (context, TRUE);

  /* And back in the frame, it holds again. */
  g_assert_true (smart_call_get_current () == call);
  smart_call_return_none (call);
}

static void
test_not_in_nested_loop (void)
{
  check_in_body (smart_async_func_new_blocking (body_with_loop, NULL, NULL));
  check_in_body (smart_async_func_new (body_with_loop, NULL, NULL));
}

static void
body_inner (SmartCall *call, gpointer data)
{
  g_assert_true (smart_call_get_current () == call);
  g_assert_false (smart_context_is_async ());
  smart_call_return_none (call);
}

static void
body_outer (SmartCall *call, gpointer data)
{
  gboolean before = smart_context_is_async ();
  g_autoptr (SmartAsyncFunc) inner = smart_async_func_new_blocking (body_inner, NULL, NULL);

  assert_call_sync (inner);
  g_assert_true (smart_call_get_current () == call);
  g_assert_cmpint (smart_context_is_async (), ==, before);
  smart_call_return_none (call);
}

static void
test_frames_nest (void)
{
  check_in_body (smart_async_func_new_blocking (body_outer, NULL, NULL));
  check_in_body (smart_async_func_new (body_outer, NULL, NULL));
  assert_no_frames ();
}

/* Modes */

static void
test_auto_is_a_mode (void)
{
  smart_context_push_mode (SMART_MODE_ASYNC);
  smart_context_push_mode (SMART_MODE_AUTO);
  g_assert_false (smart_context_is_async ());
  assert_described ("sync: no main context");
  smart_context_pop_mode ();
  assert_described ("async: mode ASYNC");
  smart_context_pop_mode ();
  assert_no_frames ();
}

static void
body_with_mode (SmartCall *call, gpointer data)
{
  /* In a body, one can say what one wants, too. */
  g_assert_false (smart_context_is_async ());
  smart_context_push_mode (SMART_MODE_ASYNC);
  g_assert_true (smart_context_is_async ());
  smart_context_push_mode (SMART_MODE_AUTO);
  g_assert_false (smart_context_is_async ());
  assert_described ("sync: in the blocking body of");
  smart_context_pop_mode ();
  g_assert_true (smart_context_is_async ());
  smart_context_pop_mode ();
  g_assert_false (smart_context_is_async ());
  g_assert_true (smart_call_get_current () == call);
  smart_call_return_none (call);
}

static void
test_mode_in_body (void)
{
  check_in_body (smart_async_func_new_blocking (body_with_mode, NULL, NULL));
}

static void
body_begin_seen (SmartCall *call, gpointer data)
{
  *(gboolean *) data = smart_context_is_async ();
  smart_call_return_none (call);
}

static void
begin_in_sync_mode (gpointer data)
{
  gboolean seen = FALSE;
  g_autoptr (SmartAsyncFunc) func = smart_async_func_new (body_begin_seen, &seen, NULL);

  /* call_async () does not care for the mode; its body must not see it either. */
  smart_context_push_mode (SMART_MODE_SYNC);
  smart_async_func_call_async (func, NULL, NULL, 0, NULL, NULL, NULL);
  g_assert_false (smart_context_is_async ());
  smart_context_pop_mode ();
  g_assert_true (seen);
}

/* At the top level nobody owns the context: but it is a body's. */
static void
test_begin_at_top_level (void)
{
  gboolean seen = FALSE;
  g_autoptr (SmartAsyncFunc) func = smart_async_func_new (body_begin_seen, &seen, NULL);

  g_assert_false (smart_context_is_async ());
  smart_async_func_call_async (func, NULL, NULL, 0, NULL, NULL, NULL);
  g_assert_true (seen);
  g_assert_false (smart_context_is_async ());
}

static void
test_mode_not_in_begin (void)
{
  smart_test_in_loop (begin_in_sync_mode, NULL, NULL);
}

static void
body_leaks (SmartCall *call, gpointer data)
{
  smart_context_push_mode (SMART_MODE_ASYNC);
  smart_context_push_mode (SMART_MODE_SYNC);
  smart_call_return_none (call);
}

static void
test_leaked_in_body (void)
{
  g_autoptr (SmartAsyncFunc) blocking = smart_async_func_new_blocking (body_leaks, NULL, NULL);
  g_autoptr (SmartAsyncFunc) begun = smart_async_func_new (body_leaks, NULL, NULL);

  smart_context_push_mode (SMART_MODE_SYNC);
  assert_call_sync (blocking);
  assert_call_sync (begun);
  assert_described ("sync: mode SYNC");
  smart_context_pop_mode ();

  /* What was left behind went with its body's frame. */
  assert_no_frames ();
  g_assert_false (smart_context_is_async ());
}

static void
leak_cb (gpointer data)
{
  smart_context_push_mode (SMART_MODE_SYNC);
  g_assert_false (smart_context_is_async ());
}

/* One callback forgets to pop; another one, of the same loop, does not see it. */
static gboolean
forget (gpointer n)
{
  if (++*(guint *) n == 1)
    {
      smart_context_push_mode (SMART_MODE_SYNC);
      g_assert_false (smart_context_is_async ());
    }
  else
    {
      g_assert_true (smart_context_is_async ());
    }

  return G_SOURCE_REMOVE;
}

static void
forget_in_delivery (GObject *source, GAsyncResult *result, gpointer n)
{
  forget (n);
}

static void
test_forgotten (void)
{
  g_autoptr (GMainContext) context = g_main_context_new ();
  g_autoptr (SmartFuture) future = smart_future_new_for_value (NULL);
  guint n = 0;

  g_main_context_push_thread_default (context);
  for (guint i = 0; i < 3; i++)
    {
      g_autoptr (GSource) source = g_idle_source_new ();

      g_source_set_callback (source, forget, &n, NULL);
      g_source_attach (source, context);
    }
  while (n < 3)
    g_main_context_iteration (context, TRUE);

  /* One dispatch of one source delivers all of these. */
  n = 0;
  for (guint i = 0; i < 3; i++)
    smart_future_wait_async (future, NULL, forget_in_delivery, &n);
  while (n < 3)
    g_main_context_iteration (context, TRUE);
  g_main_context_pop_thread_default (context);

  /* It goes with the next one that is pushed. */
  smart_context_push_mode (SMART_MODE_SYNC);
  smart_context_pop_mode ();
  assert_no_frames ();
}

static void
test_leaked_in_callback (void)
{
  smart_test_in_loop (leak_cb, NULL, NULL);

  /* It is not seen here, neither by the detection … */
  assert_described ("sync: no main context");
  smart_context_push_mode (SMART_MODE_ASYNC);
  g_assert_true (smart_context_is_async ());
  smart_context_pop_mode ();

  /* … nor by who pops, and the push above swept it away. */
  assert_no_frames ();
  smart_test_expect_critical ("*smart_context_pop_mode*", smart_context_pop_mode ());
}

static void
leak_on_thread (gpointer data)
{
  smart_context_push_mode (SMART_MODE_ASYNC);
  smart_context_push_mode (SMART_MODE_ASYNC);
}

static void
test_leaked_on_thread (void)
{
  /* For valgrind and the sanitizers: the thread's end frees them. */
  smart_test_on_thread (leak_on_thread, NULL);
  g_assert_false (smart_context_is_async ());
}

static void
pop_outer_cb (gpointer data)
{
  smart_test_expect_critical ("*smart_context_pop_mode*", smart_context_pop_mode ());
}

static void
test_pop_of_outer_frame (void)
{
  smart_context_push_mode (SMART_MODE_ASYNC);
  smart_test_in_loop (pop_outer_cb, NULL, NULL);
  assert_described ("async: mode ASYNC");
  smart_context_pop_mode ();
  assert_no_frames ();
}

static void
test_unknown_mode (void)
{
  smart_test_expect_critical ("*smart_context_push_mode*mode*",
                              smart_context_push_mode ((SmartMode) 3));
  assert_no_frames ();
}

/* The current call */

typedef struct
{
  SmartCall *call;
  GCancellable *seen;
} Entered;

static void
body_keeps (SmartCall *call, gpointer data)
{
  Entered *entered = data;

  entered->call = g_object_ref (call);
  entered->seen = g_cancellable_get_current ();
}

static void
enter_cb (gpointer data)
{
  Entered *entered = data;
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (SmartAsyncFunc) func = smart_async_func_new (body_keeps, entered, NULL);

  smart_async_func_call_async (func, NULL, NULL, 0, cancellable, NULL, NULL);
  g_assert_true (entered->seen == cancellable);
  g_assert_null (smart_call_get_current ());
  g_assert_null (g_cancellable_get_current ());

  smart_call_enter (entered->call);
  g_assert_true (smart_call_get_current () == entered->call);
  g_assert_true (g_cancellable_get_current () == cancellable);

  smart_context_push_mode (SMART_MODE_SYNC);
  g_assert_true (smart_call_get_current () == entered->call);
  g_assert_false (smart_context_is_async ());
  smart_test_expect_critical ("*smart_call_leave*", smart_call_leave (entered->call));
  smart_context_pop_mode ();

  smart_call_leave (entered->call);
  g_assert_null (smart_call_get_current ());
  g_assert_null (g_cancellable_get_current ());
  smart_test_expect_critical ("*smart_call_leave*", smart_call_leave (entered->call));
  assert_no_frames ();

  smart_call_return_none (entered->call);
  g_clear_object (&entered->call);
}

static void
test_enter_and_leave (void)
{
  Entered entered = { NULL, NULL };

  smart_test_in_loop (enter_cb, NULL, &entered);
}

static void
leak_entered_cb (gpointer data)
{
  Entered *entered = data;
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (SmartAsyncFunc) func = smart_async_func_new (body_keeps, entered, NULL);

  smart_async_func_call_async (func, NULL, NULL, 0, cancellable, NULL, NULL);
  smart_call_enter (entered->call);
}

static void
test_leaked_entered (void)
{
  Entered entered = { NULL, NULL };

  smart_test_in_loop (leak_entered_cb, NULL, &entered);
  g_assert_null (smart_call_get_current ());

  /* The next one who pushes sweeps; the cancellable goes with the frame. */
  smart_context_push_mode (SMART_MODE_AUTO);
  smart_context_pop_mode ();
  assert_no_frames ();
  g_assert_null (g_cancellable_get_current ());

  smart_call_return_none (entered.call);
  g_assert_finalize_object (entered.call);
}

static void
body_sees_none (SmartCall *call, gpointer data)
{
  /* The caller's current cancellable is not the call's: it does not inherit. */
  g_assert_null (smart_call_get_cancellable (call));
  g_assert_null (g_cancellable_get_current ());
  smart_call_return_none (call);
}

static void
test_cancellables_hidden (void)
{
  g_autoptr (GCancellable) outer = g_cancellable_new ();
  g_autoptr (GCancellable) inner = g_cancellable_new ();
  g_autoptr (SmartAsyncFunc) func = smart_async_func_new_blocking (body_sees_none, NULL, NULL);

  smart_async_func_set_inherit_cancellable (func, FALSE);

  g_cancellable_push_current (outer);
  g_cancellable_push_current (inner);
  assert_call_sync (func);
  g_assert_true (g_cancellable_get_current () == inner);
  g_cancellable_pop_current (inner);
  g_assert_true (g_cancellable_get_current () == outer);
  g_cancellable_pop_current (outer);
}

/* Describe */

static void
named_cb (gpointer data)
{
  assert_described ("async: dispatching source \"test invocation\"");
}

static void
body_described (SmartCall *call, gpointer data)
{
  g_autofree char *description = smart_context_describe ();

  g_assert_nonnull (strstr (description, "the-name-of-it"));
  smart_call_return_none (call);
}

static void
test_describe (void)
{
  g_autoptr (GMainContext) context = g_main_context_new ();
  g_autoptr (SmartAsyncFunc) named = smart_async_func_new_blocking (body_described, NULL, NULL);

  assert_described ("sync: ");

  smart_context_push_mode (SMART_MODE_ASYNC);
  assert_described ("async: mode ASYNC");
  smart_context_pop_mode ();
  smart_context_push_mode (SMART_MODE_SYNC);
  assert_described ("sync: mode SYNC");
  smart_context_pop_mode ();

  g_main_context_push_thread_default (context);
  assert_described ("async: owned, not dispatching");
  g_main_context_pop_thread_default (context);

  smart_test_in_loop (named_cb, NULL, NULL);

  smart_async_func_set_name (named, "the-name-of-it");
  assert_call_sync (named);
}

/* Where results come */

static void
assert_home (GMainContext *expected)
{
  GMainContext *home = smart_context_ref_home ();

  g_assert_true (home == (expected != NULL ? expected : g_main_context_default ()));
  g_main_context_unref (home);
}

static void
home_cb (gpointer data)
{
  assert_home (data);
}

static void
test_home (void)
{
  g_autoptr (GMainContext) context = g_main_context_new ();
  g_autoptr (GMainContext) inner = g_main_context_new ();

  assert_home (NULL);

  /* Not pushed, but dispatching. */
  smart_test_invoke (context, home_cb, context);
  while (g_main_context_iteration (context, FALSE))
    {
    }

  g_main_context_push_thread_default (context);
  assert_home (context);

  /* The thread-default wins over what a loop inside dispatches. */
  smart_test_invoke (inner, home_cb, context);
  while (g_main_context_iteration (inner, FALSE))
    {
    }
  g_main_context_pop_thread_default (context);

  assert_home (NULL);
}

/* What a binding asks in one go. */

static void
body_survey (SmartCall *call, gpointer data)
{
  g_assert_cmpint (smart_context_survey () & SMART_CONTEXT_TRAITS_PLAIN, ==, 0);
  smart_call_return_none (call);
}

static void
survey_cb (gpointer data)
{
  *(int *) data = (int) smart_context_survey ();
}

static gboolean
is_surveyed (gpointer data)
{
  return *(int *) data >= 0;
}

static gboolean
survey_idle (gpointer data)
{
  survey_cb (data);
  return G_SOURCE_REMOVE;
}

static int
survey_in_default (void)
{
  int traits = -1;

  g_idle_add (survey_idle, &traits);
  smart_test_iterate_until (NULL, is_surveyed, &traits);

  return traits;
}

/* Within the dispatch of another source. */
static gboolean
survey_within (gpointer data)
{
  *(int *) data = survey_in_default ();
  return G_SOURCE_REMOVE;
}

static void
test_survey (void)
{
  const int plain = SMART_CONTEXT_TRAITS_ASYNC | SMART_CONTEXT_TRAITS_PLAIN;
  int traits = -1;

  g_assert_cmpint (smart_context_survey (), ==, SMART_CONTEXT_TRAITS_NONE);
  smart_context_push_mode (SMART_MODE_ASYNC);
  g_assert_cmpint (smart_context_survey (), ==, SMART_CONTEXT_TRAITS_ASYNC);
  smart_context_pop_mode ();

  /* In a context of its own. */
  smart_test_in_loop (survey_cb, is_surveyed, &traits);
  g_assert_cmpint (traits & SMART_CONTEXT_TRAITS_ASYNC, !=, 0);

  if (smart_test_on_main_thread ())
    {
      g_assert_cmpint (survey_in_default (), ==, plain | SMART_CONTEXT_TRAITS_OUTERMOST);

      traits = -1;
      g_idle_add (survey_within, &traits);
      smart_test_iterate_until (NULL, is_surveyed, &traits);
      g_assert_cmpint (traits, ==, plain);
    }

  check_in_body (smart_async_func_new (body_survey, NULL, NULL));
}

/* What is decided before any loop is looked at. */

static void
body_explicit (SmartCall *call, gpointer data)
{
  g_assert_cmpint (smart_context_is_explicit (), ==, GPOINTER_TO_INT (data));
  g_assert_false (smart_context_is_bare ());
  smart_call_return_none (call);
}

static void
explicit_in_callback_cb (gpointer data)
{
  g_assert_true (smart_context_is_async ());
  g_assert_false (smart_context_is_explicit ());
  g_assert_false (smart_context_is_bare ());
  *(gboolean *) data = TRUE;
}

static void
test_explicit (void)
{
  g_autoptr (GMainContext) context = g_main_context_new ();
  gboolean called = FALSE;

  g_assert_false (smart_context_is_explicit ());
  g_assert_true (smart_context_is_bare ());

  g_main_context_push_thread_default (context);
  g_assert_false (smart_context_is_bare ());
  g_main_context_pop_thread_default (context);

  smart_context_push_mode (SMART_MODE_SYNC);
  g_assert_true (smart_context_is_explicit ());
  g_assert_false (smart_context_is_bare ());
  smart_test_invoke (context, explicit_in_callback_cb, &called);
  while (!called)
    g_main_context_iteration (context, TRUE);
  smart_context_push_mode (SMART_MODE_AUTO);
  g_assert_false (smart_context_is_explicit ());
  smart_context_pop_mode ();
  smart_context_pop_mode ();
  g_assert_true (smart_context_is_bare ());

  check_in_body (smart_async_func_new_blocking (body_explicit, GINT_TO_POINTER (TRUE), NULL));
  check_in_body (smart_async_func_new (body_explicit, GINT_TO_POINTER (FALSE), NULL));
  assert_no_frames ();
}

int
main (int argc, char **argv)
{
  smart_test_init (&argc, &argv);

  smart_test_add ("/context/frames/asking-makes-nothing", test_asking_makes_nothing);
  smart_test_add ("/context/frames/balanced", test_balanced);
  smart_test_add ("/context/frames/not-in-nested-loop", test_not_in_nested_loop);
  smart_test_add ("/context/frames/nest", test_frames_nest);
  smart_test_add ("/context/modes/auto", test_auto_is_a_mode);
  smart_test_add ("/context/modes/in-body", test_mode_in_body);
  smart_test_add ("/context/begin-at-top-level", test_begin_at_top_level);
  smart_test_add ("/context/modes/not-in-begin", test_mode_not_in_begin);
  smart_test_add ("/context/modes/leaked-in-body", test_leaked_in_body);
  smart_test_add ("/context/modes/leaked-in-callback", test_leaked_in_callback);
  smart_test_add ("/context/forgotten", test_forgotten);
  smart_test_add ("/context/modes/leaked-on-thread", test_leaked_on_thread);
  smart_test_add ("/context/modes/pop-of-outer-frame", test_pop_of_outer_frame);
  smart_test_add ("/context/modes/unknown", test_unknown_mode);
  smart_test_add ("/context/current/enter-and-leave", test_enter_and_leave);
  smart_test_add ("/context/current/leaked", test_leaked_entered);
  smart_test_add ("/context/current/cancellables-hidden", test_cancellables_hidden);
  smart_test_add ("/context/describe", test_describe);
  smart_test_add ("/context/home", test_home);
  smart_test_add ("/context/explicit", test_explicit);
  smart_test_add ("/context/survey", test_survey);

  return g_test_run ();
}
