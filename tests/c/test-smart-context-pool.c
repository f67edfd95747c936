/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The private contexts of one thread: borrowed by depth, drained, and given back. */

#include <smartasync-glib/smartasync-glib.h>
#include <smartasync-glib/smart-context-pool-private.h>
#include <smartasync-glib/smart-thread-private.h>

#include "smart-test.h"

#define MANY 1000

/* On a thread of its own each time, as it counts what the thread has. */
static void
on_fresh_thread (SmartTestCallback func)
{
  SmartThread *thread = smart_thread_get ();

  /* What is made once for the process, with its descriptors, is made before. */
  smart_context_pool_borrow (thread);
  smart_context_pool_give_back (thread);
  smart_test_on_thread (func, NULL);
}

static void
borrow (gpointer data)
{
  SmartThread *thread = smart_thread_get ();
  g_autoptr (GMainContext) own = g_main_context_new ();
  GMainContext *contexts[3];

  g_main_context_push_thread_default (own);
  for (guint round = 0; round < 3; round++)
    {
      for (guint i = 0; i < G_N_ELEMENTS (contexts); i++)
        {
          GMainContext *context = smart_context_pool_borrow (thread);

          g_assert_true (g_main_context_get_thread_default () == context);
          g_assert_true (g_main_context_is_owner (context));
          g_assert_cmpuint (thread->depth, ==, i + 1);
          if (round == 0)
            contexts[i] = context;
          g_assert_true (contexts[i] == context);
          for (guint j = 0; j < i; j++)
            g_assert_true (contexts[j] != context);
        }
      for (guint i = G_N_ELEMENTS (contexts); i > 0; i--)
        {
          smart_context_pool_give_back (thread);
          g_assert_cmpuint (thread->depth, ==, i - 1);
          g_assert_false (g_main_context_is_owner (contexts[i - 1]));
          g_assert_true (g_main_context_get_thread_default () == (i > 1 ? contexts[i - 2] : own));
        }
    }
  g_main_context_pop_thread_default (own);
}

static void
test_borrow (void)
{
  on_fresh_thread (borrow);
}

static void
count (gpointer data)
{
  SmartThread *thread = smart_thread_get ();
  guint n_alive = smart_context_pool_n_alive ();
  guint64 n_created = smart_context_pool_n_created ();

  for (guint i = 0; i < 10; i++)
    {
      smart_context_pool_borrow (thread);
      smart_context_pool_borrow (thread);
      smart_context_pool_give_back (thread);
      smart_context_pool_give_back (thread);
    }
  g_assert_cmpuint (smart_context_pool_n_alive (), ==, n_alive + 2);
  g_assert_cmpuint (smart_context_pool_n_created (), ==, n_created + 2);
}

static void
test_count (void)
{
  guint n_alive;

  on_fresh_thread (count);
  n_alive = smart_context_pool_n_alive ();
  smart_test_on_thread (count, NULL);
  g_assert_cmpuint (smart_context_pool_n_alive (), ==, n_alive);
}

static void
end_with_contexts (gpointer data)
{
  SmartThread *thread = smart_thread_get ();

  smart_context_pool_borrow (thread);
  smart_context_pool_borrow (thread);
  smart_context_pool_give_back (thread);
  smart_context_pool_give_back (thread);
}

static void
test_thread_end (void)
{
  guint n_fds;

  on_fresh_thread (end_with_contexts);
  n_fds = smart_test_count_fds ();
  for (guint i = 0; i < 100; i++)
    smart_test_on_thread (end_with_contexts, NULL);
  g_assert_cmpuint (smart_test_count_fds (), ==, n_fds);
}

/* Draining */

typedef struct
{
  int n;
  int n_left; /* runs so often; -1: for ever */
} Counted;

static gboolean
on_idle (gpointer data)
{
  Counted *counted = data;

  counted->n++;
  return counted->n_left < 0 || --counted->n_left > 0;
}

static GSource *
attach_idle (GMainContext *context, Counted *counted)
{
  GSource *source = g_idle_source_new ();

  g_source_set_callback (source, on_idle, counted, NULL);
  g_source_attach (source, context);
  return source;
}

static void
drain (gpointer data)
{
  SmartThread *thread = smart_thread_get ();
  Counted once = { 0, 1 };
  Counted thrice = { 0, 3 };
  Counted busy = { 0, -1 };
  g_autoptr (GSource) first = NULL;
  g_autoptr (GSource) second = NULL;
  g_autoptr (GSource) third = NULL;
  int n;

  first = attach_idle (smart_context_pool_borrow (thread), &once);
  g_assert_cmpint (once.n, ==, 0);
  smart_context_pool_give_back (thread);
  g_assert_cmpint (once.n, ==, 1);
  g_assert_true (g_source_is_destroyed (first));

  second = attach_idle (smart_context_pool_borrow (thread), &thrice);
  smart_context_pool_give_back (thread);
  g_assert_cmpint (thrice.n, ==, 3);

  third = attach_idle (smart_context_pool_borrow (thread), &busy);
  smart_context_pool_give_back (thread);
  n = busy.n;
  g_assert_cmpint (n, >, 0);
  g_assert_cmpint (n, <, MANY);

  /* And so each time. */
  smart_context_pool_borrow (thread);
  smart_context_pool_give_back (thread);
  g_assert_cmpint (busy.n, >, n);
  g_assert_cmpint (busy.n, <, 2 * MANY);
  g_source_destroy (third);
}

static void
test_drain (void)
{
  on_fresh_thread (drain);
}

/* Borrowed once more, the context is not the one that is drained. */
static void
drain_nested (gpointer data)
{
  SmartThread *thread = smart_thread_get ();
  Counted outer = { 0, -1 };
  g_autoptr (GSource) source = NULL;

  source = attach_idle (smart_context_pool_borrow (thread), &outer);
  smart_context_pool_borrow (thread);
  smart_context_pool_give_back (thread);
  g_assert_cmpint (outer.n, ==, 0);
  g_source_destroy (source);
  smart_context_pool_give_back (thread);
}

static void
test_drain_nested (void)
{
  on_fresh_thread (drain_nested);
}

/* Resetting */

static void
reset (gpointer data)
{
  SmartThread *thread = smart_thread_get ();
  guint n_alive = smart_context_pool_n_alive ();
  GMainContext *outer;

  outer = smart_context_pool_borrow (thread);
  smart_context_pool_borrow (thread);
  smart_context_pool_give_back (thread);
  g_assert_cmpuint (smart_context_pool_n_alive (), ==, n_alive + 2);

  /* The inner one is idle, the outer one is in use. */
  smart_context_pool_reset ();
  g_assert_cmpuint (smart_context_pool_n_alive (), ==, n_alive + 1);
  g_assert_true (g_main_context_is_owner (outer));
  smart_context_pool_borrow (thread);
  smart_context_pool_give_back (thread);
  g_assert_cmpuint (smart_context_pool_n_alive (), ==, n_alive + 2);

  smart_context_pool_give_back (thread);
  smart_context_pool_reset ();
  g_assert_cmpuint (smart_context_pool_n_alive (), ==, n_alive);
}

static void
test_reset (void)
{
  on_fresh_thread (reset);
}

static gboolean
never (gpointer data)
{
  g_assert_not_reached ();
}

static void
mark_freed (gpointer data)
{
  *(gboolean *) data = TRUE;
}

static void
reset_here (gpointer data)
{
  smart_context_pool_reset ();
}

/* A context that was in use at the reset goes at the first borrow after. */
static void
reset_elsewhere (gpointer data)
{
  SmartThread *thread = smart_thread_get ();
  g_autoptr (GSource) source = g_timeout_source_new (G_MAXINT);
  gboolean freed = FALSE;

  g_source_set_callback (source, never, &freed, mark_freed);
  g_source_attach (source, smart_context_pool_borrow (thread));
  smart_test_on_thread (reset_here, NULL);
  smart_context_pool_borrow (thread);
  g_assert_false (freed);
  smart_context_pool_give_back (thread);
  smart_context_pool_give_back (thread);
  g_assert_false (freed);

  smart_context_pool_borrow (thread);
  g_assert_true (freed);
  smart_context_pool_give_back (thread);
}

static void
test_reset_elsewhere (void)
{
  on_fresh_thread (reset_elsewhere);
}

/* A thread that never borrowed has nothing to reset. */
static void
test_reset_unused (void)
{
  smart_test_on_thread (reset_here, NULL);
}

/* What is left in a context when its thread ends goes with it */

static int n_calls; /* atomic: alive */

static void
call_gone (gpointer data, GObject *where_the_call_was)
{
  g_atomic_int_add (&n_calls, -1);
}

static gboolean
not_reached (gpointer call)
{
  g_assert_not_reached ();
  return G_SOURCE_REMOVE;
}

/* Leaves a source that holds the call, and that nobody will dispatch. */
static void
long_body (SmartCall *call, gpointer data)
{
  g_atomic_int_inc (&n_calls);
  g_object_weak_ref (G_OBJECT (call), call_gone, NULL);
  smart_call_add_timeout (call, 3600 * 1000, not_reached, g_object_ref (call), g_object_unref);
}

/* Begins the same, with a deadline of its own, and forgets it. */
static void
forgetful_body (SmartCall *call, gpointer long_func)
{
  smart_async_func_call_async (long_func, NULL, NULL, 0, NULL, NULL, NULL);
  long_body (call, NULL);
}

static void
abandon_call (gpointer data)
{
  g_autoptr (SmartAsyncFunc) long_func = smart_async_func_new (long_body, NULL, NULL);
  g_autoptr (SmartAsyncFunc) func = smart_async_func_new (forgetful_body, long_func, NULL);
  g_autoptr (GError) error = NULL;

  smart_async_func_set_timeout (long_func, 3600 * 1000);
  smart_async_func_set_timeout (func, 1);
  g_assert_false (smart_async_func_call_sync (func, NULL, NULL, 0, NULL, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  g_assert_cmpint (g_atomic_int_get (&n_calls), >=, 2);
}

static void
test_abandoned (void)
{
  guint n_alive, n_fds;

  on_fresh_thread (abandon_call);
  n_alive = smart_context_pool_n_alive ();
  n_fds = smart_test_count_fds ();
  for (guint i = 0; i < 20; i++)
    {
      smart_test_on_thread (abandon_call, NULL);
      g_assert_cmpint (g_atomic_int_get (&n_calls), ==, 0);
    }
  g_assert_cmpuint (smart_context_pool_n_alive (), ==, n_alive);
  g_assert_cmpuint (smart_test_count_fds (), ==, n_fds);
}

/* A call with a deadline that returns elsewhere, while the thread that it was made
 * in ends: who settles it has the deadline's source, which its context frees. */

static void
elsewhere_body (SmartCall *call, gpointer queue)
{
  g_async_queue_push (queue, g_object_ref (call));
  /* Held by a source, too. */
  smart_call_add_timeout (call, 3600 * 1000, not_reached, g_object_ref (call), g_object_unref);
}

static gpointer
return_elsewhere (gpointer queue)
{
  for (;;)
    {
      SmartCall *call = g_async_queue_pop (queue);

      if ((gpointer) call == queue)
        return NULL;
      smart_call_return_none (call);
      smart_call_report_progress (call, 1);
      smart_call_add_timeout (call, 3600 * 1000, not_reached, NULL, NULL);
      g_object_unref (call);
    }
}

static void
begin_elsewhere_body (SmartCall *call, gpointer func)
{
  smart_async_func_call_async (func, NULL, NULL, 0, NULL, NULL, NULL);
  smart_call_return_none (call);
}

static void
end_at_once (gpointer queue)
{
  g_autoptr (SmartAsyncFunc) inner = smart_async_func_new (elsewhere_body, queue, NULL);
  g_autoptr (SmartAsyncFunc) func = smart_async_func_new (begin_elsewhere_body, inner, NULL);
  g_autoptr (GError) error = NULL;

  smart_async_func_set_timeout (inner, 3600 * 1000);
  smart_async_func_call_sync (func, NULL, NULL, 0, NULL, NULL, &error);
  g_assert_no_error (error);
}

static void
test_settled_elsewhere (void)
{
  g_autoptr (GAsyncQueue) queue = g_async_queue_new ();
  GThread *thread = g_thread_new ("elsewhere", return_elsewhere, queue);
  guint n_fds, n_alive;

  smart_test_on_thread (end_at_once, queue);
  n_alive = smart_context_pool_n_alive ();
  n_fds = smart_test_count_fds ();
  for (guint i = smart_test_scale (300, 30); i > 0; i--)
    smart_test_on_thread (end_at_once, queue);
  g_async_queue_push (queue, queue);
  g_thread_join (thread);
  g_assert_cmpuint (smart_context_pool_n_alive (), ==, n_alive);
  g_assert_cmpuint (smart_test_count_fds (), <=, n_fds);
}

int
main (int argc, char **argv)
{
  smart_test_init (&argc, &argv);

  smart_test_add ("/context-pool/borrow", test_borrow);
  smart_test_add ("/context-pool/count", test_count);
  smart_test_add ("/context-pool/thread-end", test_thread_end);
  smart_test_add ("/context-pool/drain", test_drain);
  smart_test_add ("/context-pool/drain/nested", test_drain_nested);
  smart_test_add ("/context-pool/reset", test_reset);
  smart_test_add ("/context-pool/reset/elsewhere", test_reset_elsewhere);
  smart_test_add ("/context-pool/reset/unused", test_reset_unused);
  smart_test_add ("/context-pool/abandoned", test_abandoned);
  smart_test_add ("/context-pool/settled-elsewhere", test_settled_elsewhere);

  return g_test_run ();
}
