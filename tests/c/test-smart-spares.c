/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the library uses again: nobody can tell it from what is new. */

#include "smart-test.h"

#include <smartasync-glib/smart-spares-private.h>
#include <smartasync-glib/smartasync-glib.h>

static GObject *
new_call (void)
{
  return g_object_new (SMART_TYPE_CALL, NULL);
}

static void
nobody_elses (void)
{
  SmartSpares spares = { 0 };
  g_autoptr (GObject) object = new_call ();

  g_assert_true (smart_spares_may_keep (&spares, object));
  smart_spares_keep (&spares, g_object_ref (object));
  g_assert_cmpuint (spares.n, ==, 1);
  g_assert_true (smart_spares_take (&spares) == object);
  g_object_unref (object);
  g_assert_null (smart_spares_take (&spares));
  smart_spares_clear (&spares);
}

static void
do_nothing (gpointer data, GObject *where_it_was)
{
}

static void
toggled (gpointer data, GObject *object, gboolean is_last)
{
}

/* Each of these is somebody who would see that the object is not new, or that
 * it is not gone. */
static void
somebody_elses (void)
{
  SmartSpares spares = { 0 };
  g_autoptr (GObject) object = new_call ();
  gpointer pointer = object;
  GWeakRef weak;

  g_object_ref (object);
  g_assert_false (smart_spares_may_keep (&spares, object));
  g_object_unref (object);

  g_object_set_data (object, "key", (gpointer) "data");
  g_assert_false (smart_spares_may_keep (&spares, object));
  g_object_set_data (object, "key", NULL);

  g_object_weak_ref (object, do_nothing, NULL);
  g_assert_false (smart_spares_may_keep (&spares, object));
  g_object_weak_unref (object, do_nothing, NULL);

  g_object_add_weak_pointer (object, &pointer);
  g_assert_false (smart_spares_may_keep (&spares, object));
  g_object_remove_weak_pointer (object, &pointer);

  g_weak_ref_init (&weak, object);
  g_assert_false (smart_spares_may_keep (&spares, object));
  g_weak_ref_clear (&weak);

  g_object_add_toggle_ref (object, toggled, NULL);
  g_object_unref (object);
  g_assert_false (smart_spares_may_keep (&spares, object));
  g_object_ref (object);
  g_object_remove_toggle_ref (object, toggled, NULL);

  g_object_freeze_notify (object);
  g_assert_false (smart_spares_may_keep (&spares, object));
  g_object_thaw_notify (object);
}

/* There is room for a few. */
static void
room (void)
{
  SmartSpares spares = { 0 };
  guint n = 0;

  for (guint i = 0; i < 100; i++)
    {
      GObject *object = new_call ();

      if (smart_spares_may_keep (&spares, object))
        {
          smart_spares_keep (&spares, object);
          n++;
        }
      else
        {
          g_object_unref (object);
        }
    }

  g_assert_cmpuint (n, >, 0);
  g_assert_cmpuint (n, <, 100);
  g_assert_cmpuint (spares.n, ==, n);
  smart_spares_clear (&spares);
  g_assert_cmpuint (spares.n, ==, 0);
}

/* --- In the calls themselves --- */

typedef struct
{
  SmartCall *seen; /* identity only */
  SmartCall *kept;
  guint n_args;
  gboolean had_source;
  gulong handler;
} Seen;

static void
look (SmartCall *call, gpointer user_data)
{
  Seen *seen = user_data;

  seen->seen = call;
  seen->n_args = smart_call_get_n_args (call);
  seen->had_source = smart_call_get_source_object (call) != NULL;
  seen->handler = g_signal_handler_find (call, G_SIGNAL_MATCH_DATA, 0, 0, NULL, NULL, seen);
  smart_call_return_none (call);
}

static void
count (GObject *object, GParamSpec *pspec, gpointer seen)
{
}

static void
look_and_connect (SmartCall *call, gpointer user_data)
{
  look (call, user_data);
  g_signal_connect (call, "notify", G_CALLBACK (count), user_data);
}

static void
look_and_keep (SmartCall *call, gpointer user_data)
{
  Seen *seen = user_data;

  look (call, seen);
  seen->kept = g_object_ref (call);
}

static void
call_it (SmartBody body, Seen *seen, GObject *source, guint n_args)
{
  g_autoptr (SmartAsyncFunc) func = smart_async_func_new_blocking (body, seen, NULL);
  GValue args[6] = { G_VALUE_INIT };

  for (guint i = 0; i < n_args; i++)
    {
      g_value_init (&args[i], G_TYPE_STRING);
      g_value_set_static_string (&args[i], "argument");
    }
  g_assert_true (smart_async_func_call_sync (func, source, args, n_args, NULL, NULL, NULL));
}

static void
calls (void)
{
  g_autoptr (GObject) source = new_call ();
  Seen seen = { 0 };
  SmartCall *first;

  call_it (look_and_connect, &seen, source, 6);
  g_assert_cmpuint (source->ref_count, ==, 1);
  first = seen.seen;

  /* The same one, without a trace of the call before. */
  call_it (look, &seen, NULL, 0);
  g_assert_true (seen.seen == first);
  g_assert_cmpuint (seen.n_args, ==, 0);
  g_assert_false (seen.had_source);
  g_assert_cmpuint (seen.handler, ==, 0);

  /* What the body keeps is its own. */
  call_it (look_and_keep, &seen, source, 1);
  g_assert_true (seen.seen == first);
  call_it (look, &seen, NULL, 0);
  g_assert_true (seen.seen != first);
  g_assert_cmpuint (smart_call_get_n_args (seen.kept), ==, 1);
  g_assert_true (smart_call_get_source_object (seen.kept) == source);
  g_clear_object (&seen.kept);
}

/* --- In what a callback is given --- */

typedef struct
{
  GAsyncResult *kept;
  gpointer seen; /* identity only */
  gulong handler;
} Result;

static void
ready (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Result *seen = user_data;

  seen->seen = result;
  seen->handler = g_signal_handler_find (result, G_SIGNAL_MATCH_DATA, 0, 0, NULL, NULL, seen);
  g_assert_true (g_async_result_get_user_data (result) == user_data);
  g_signal_connect (result, "notify::progress", G_CALLBACK (count), seen);
}

static void
ready_and_keep (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Result *seen = user_data;

  seen->seen = result;
  seen->kept = g_object_ref (result);
}

static void
return_one (SmartCall *call, gpointer user_data)
{
  smart_call_return_int (call, 1);
}

static void
results (void)
{
  g_autoptr (SmartAsyncFunc) func = smart_async_func_new (return_one, NULL, NULL);
  g_autoptr (GMainContext) context = g_main_context_new ();
  Result seen = { 0 };
  gpointer first;

  g_main_context_push_thread_default (context);

  smart_async_func_call_async (func, NULL, NULL, 0, NULL, ready, &seen);
  while (seen.seen == NULL)
    g_main_context_iteration (context, TRUE);
  first = seen.seen;

  seen.seen = NULL;
  smart_async_func_call_async (func, NULL, NULL, 0, NULL, ready, &seen);
  while (seen.seen == NULL)
    g_main_context_iteration (context, TRUE);
  g_assert_true (seen.seen == first);
  g_assert_cmpuint (seen.handler, ==, 0);

  seen.seen = NULL;
  smart_async_func_call_async (func, NULL, NULL, 0, NULL, ready_and_keep, &seen);
  while (seen.seen == NULL)
    g_main_context_iteration (context, TRUE);
  seen.seen = NULL;
  smart_async_func_call_async (func, NULL, NULL, 0, NULL, ready, &seen);
  while (seen.seen == NULL)
    g_main_context_iteration (context, TRUE);
  g_assert_true (seen.seen != (gpointer) seen.kept);
  g_assert_cmpint (smart_future_get_int (SMART_FUTURE (seen.kept), NULL), ==, 1);
  g_clear_object (&seen.kept);

  g_main_context_pop_thread_default (context);
}

/* --- In what a caller drops --- */

static void
renamed (SmartFuture *future, GParamSpec *pspec, guint *n)
{
  (*n)++;
}

/* Makes a future that is as new, and drops it. */
static gpointer
make_and_drop (void)
{
  SmartFuture *future = smart_future_new (NULL);
  guint n_renamed = 0;

  g_assert_cmpint (smart_future_get_status (future), ==, SMART_FUTURE_PENDING);
  g_assert_null (g_object_get_data (G_OBJECT (future), "key"));
  g_signal_connect (future, "notify::name", G_CALLBACK (renamed), &n_renamed);
  smart_future_set_name (future, "one");
  g_assert_cmpuint (n_renamed, ==, 1);
  smart_future_resolve (future, NULL);
  g_object_unref (future);

  return future;
}

static void
gone (gpointer n, GObject *where_it_was)
{
  (*(guint *) n)++;
}

static void
count_one (guint *n)
{
  (*n)++;
}

static void
dropped (void)
{
  gpointer first = make_and_drop ();
  SmartFuture *future;
  guint n_gone = 0;

  g_assert_true (make_and_drop () == first);

  /* Who has asked to be told is told. */
  future = smart_future_new (NULL);
  g_object_weak_ref (G_OBJECT (future), gone, &n_gone);
  g_object_unref (future);
  g_assert_cmpuint (n_gone, ==, 1);
  make_and_drop ();

  future = smart_future_new (NULL);
  g_object_set_data_full (G_OBJECT (future), "key", &n_gone, (GDestroyNotify) count_one);
  g_object_unref (future);
  g_assert_cmpuint (n_gone, ==, 2);
  make_and_drop ();

  /* Nothing is thawed for him: it is not used again. */
  future = smart_future_new (NULL);
  g_object_freeze_notify (G_OBJECT (future));
  g_object_unref (future);
  make_and_drop ();
}

int
main (int argc, char **argv)
{
  smart_test_init (&argc, &argv);

  smart_test_add ("/spares/nobody-elses", nobody_elses);
  smart_test_add ("/spares/somebody-elses", somebody_elses);
  smart_test_add ("/spares/room", room);
  smart_test_add ("/spares/calls", calls);
  smart_test_add ("/spares/results", results);
  smart_test_add ("/spares/dropped", dropped);

  return g_test_run ();
}
