/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The contract's W9 with GTK's own widgets. It needs a display. */

#include "smart-test.h"

#include <smartasync-glib/smartasync-glib.h>

#include <gtk/gtk.h>
#include <string.h>

static void
body (SmartCall *call, gpointer data)
{
  g_atomic_int_inc ((int *) data);
  smart_call_return_boolean (call, g_thread_self () != smart_call_get_pointer (call, 0));
}

typedef struct
{
  SmartAsyncFunc *func;
  GtkWidget *widget;
  gboolean left; /* the body ran on another thread */
  gboolean done;
  GError *error;
} WidgetCall;

static void
called (GObject *object, GAsyncResult *result, gpointer data)
{
  WidgetCall *call = data;
  g_auto (GValue) value = G_VALUE_INIT;

  if (smart_async_func_call_finish (SMART_ASYNC_FUNC (object), result, &value, &call->error))
    call->left = g_value_get_boolean (&value);
  call->done = TRUE;
}

static void
begin (gpointer data)
{
  WidgetCall *call = data;
  GValue here = G_VALUE_INIT;

  g_value_init (&here, G_TYPE_POINTER);
  g_value_set_pointer (&here, g_thread_self ());
  smart_async_func_call_async (call->func, G_OBJECT (call->widget), &here, 1, NULL, called, call);
}

static gboolean
is_done (gpointer data)
{
  return ((WidgetCall *) data)->done;
}

static void
test_w9_a (void)
{
  int n_run = 0;
  WidgetCall call = { .func = smart_async_func_new_blocking (body, &n_run, NULL) };
  g_auto (GValue) result = G_VALUE_INIT;
  GValue here = G_VALUE_INIT;

  if (!gtk_init_check ())
    g_error ("There is no display");
  call.widget = g_object_ref_sink (gtk_button_new ());
  smart_async_func_set_name (call.func, "press");

  smart_test_in_loop (begin, is_done, &call);
  g_assert_error (call.error, SMART_ERROR, SMART_ERROR_WRONG_THREAD);
  g_assert_nonnull (strstr (call.error->message, "GtkButton"));
  g_assert_nonnull (strstr (call.error->message, "press"));
  g_assert_cmpint (n_run, ==, 0);
  g_clear_error (&call.error);

  /* In a sync context, and where the body is asynchronous, it stays here. */
  g_value_init (&here, G_TYPE_POINTER);
  g_value_set_pointer (&here, g_thread_self ());
  g_assert_true (smart_async_func_call_sync (call.func, G_OBJECT (call.widget), &here, 1, NULL,
                                             &result, &call.error));
  g_assert_no_error (call.error);
  g_assert_false (g_value_get_boolean (&result));
  g_object_unref (call.func);
  call.func = smart_async_func_new (body, &n_run, NULL);
  call.done = FALSE;
  call.left = TRUE;
  smart_test_in_loop (begin, is_done, &call);
  g_assert_no_error (call.error);
  g_assert_false (call.left);
  g_assert_cmpint (n_run, ==, 2);

  g_object_unref (call.func);
  g_object_unref (call.widget);
}

static void
test_w9_b (void)
{
  int n_run = 0;
  WidgetCall call = { .func = smart_async_func_new_blocking (body, &n_run, NULL) };

  if (!gtk_init_check ())
    g_error ("There is no display");
  call.widget = g_object_ref_sink (gtk_button_new ());

  smart_async_func_set_thread_safe_source (call.func, TRUE);
  smart_test_in_loop (begin, is_done, &call);
  g_assert_no_error (call.error);
  g_assert_true (call.left);
  g_assert_cmpint (g_atomic_int_get (&n_run), ==, 1);

  g_object_unref (call.func);
  g_object_unref (call.widget);
}

int
main (int argc, char *argv[])
{
  /* There is a display, but no session around it. */
  g_setenv ("GTK_A11Y", "none", TRUE);
  g_setenv ("GDK_BACKEND", "x11", TRUE);
  g_setenv ("GSK_RENDERER", "cairo", TRUE);
  smart_test_init (&argc, &argv);

  smart_test_add_main ("/contract/W9.a/gtk", test_w9_a);
  smart_test_add_main ("/contract/W9.b/gtk", test_w9_b);

  return g_test_run ();
}
