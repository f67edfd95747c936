/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* smart_await and smart_continuation: how they end early, and what they hold. */

#include "smart-test.h"

#include <smartasync-glib/smartasync-glib.h>

static void
init_future (GValue *value, SmartFuture *future)
{
  g_value_init (value, SMART_TYPE_FUTURE);
  g_value_set_object (value, future);
}

static void
assert_error (SmartFuture *future, GQuark domain, int code)
{
  g_autoptr (GError) error = NULL;

  g_assert_false (smart_future_get_value (future, NULL, &error));
  g_assert_error (error, domain, code);
}

static gboolean
is_pending (SmartFuture *future)
{
  return smart_future_get_status (future) == SMART_FUTURE_PENDING;
}

/* What awaits a pending future, in an async context */
static SmartFuture *
await_in_async (SmartFuture *future, GCancellable *cancellable)
{
  g_auto (GValue) value = G_VALUE_INIT;
  SmartFuture *awaiting;

  init_future (&value, future);
  smart_context_push_mode (SMART_MODE_ASYNC);
  awaiting = smart_await (&value, cancellable);
  smart_context_pop_mode ();

  return awaiting;
}

static gpointer
cancel_it (gpointer cancellable)
{
  g_cancellable_cancel (cancellable);

  return NULL;
}

/* The cancellable ends the wait, not what is waited for. */
static void
ends_by_cancellable (void)
{
  for (int async = 0; async < 2; async++)
    {
      g_autoptr (SmartFuture) future = smart_future_new (NULL);
      g_autoptr (SmartFuture) awaiting = NULL;
      g_autoptr (GCancellable) cancellable = g_cancellable_new ();

      if (async)
        {
          awaiting = await_in_async (future, cancellable);
          g_assert_true (is_pending (awaiting));
          g_cancellable_cancel (cancellable);
        }
      else
        {
          g_auto (GValue) value = G_VALUE_INIT;
          GThread *thread = g_thread_new ("cancel", cancel_it, cancellable);

          init_future (&value, future);
          awaiting = smart_await (&value, cancellable);
          g_thread_join (thread);
        }
      assert_error (awaiting, G_IO_ERROR, G_IO_ERROR_CANCELLED);
      g_assert_true (is_pending (future));
      g_assert_true (smart_future_resolve (future, NULL));
    }
}

/* At whatever depth it is by now. */
static void
cancels_what_it_awaits (void)
{
  for (int depth = 0; depth < 2; depth++)
    {
      g_autoptr (SmartFuture) future = smart_future_new (NULL);
      g_autoptr (SmartFuture) inner = smart_future_new (NULL);
      g_autoptr (SmartFuture) awaiting = await_in_async (future, NULL);
      g_auto (GValue) value = G_VALUE_INIT;

      init_future (&value, inner);
      if (depth == 1)
        g_assert_true (smart_future_resolve (future, &value));
      g_assert_true (is_pending (awaiting));
      smart_future_cancel (awaiting);
      assert_error (awaiting, G_IO_ERROR, G_IO_ERROR_CANCELLED);
      assert_error (depth == 1 ? inner : future, G_IO_ERROR, G_IO_ERROR_CANCELLED);
    }
}

static void
drops_without_cancelling (void)
{
  SmartFuture *future = smart_future_new (NULL);

  g_object_unref (await_in_async (future, NULL));
  g_assert_true (is_pending (future));
  g_assert_true (smart_future_resolve (future, NULL));
  g_assert_finalize_object (future);
}

/* A future that becomes the one that waits for it */
static void
refuses_itself (void)
{
  g_autoptr (SmartFuture) future = smart_future_new (NULL);
  g_autoptr (SmartFuture) awaiting = await_in_async (future, NULL);
  g_auto (GValue) value = G_VALUE_INIT;

  init_future (&value, awaiting);
  g_assert_true (smart_future_resolve (future, &value));
  assert_error (awaiting, SMART_ERROR, SMART_ERROR_WOULD_DEADLOCK);
}

static void
pass_on (SmartCall *call, SmartFuture *settled, gpointer data)
{
  g_auto (GValue) value = G_VALUE_INIT;

  g_assert_true (smart_future_get_value (settled, &value, NULL));
  smart_call_return_value (call, &value);
}

static void
add_one (gpointer data)
{
  ++*(int *) data;
}

/* Cancelled before it comes, a continuation is not applied, but freed. */
static void
apply_never (SmartCall *call, SmartFuture *settled, gpointer data)
{
  g_assert_not_reached ();
}

typedef struct
{
  SmartFuture *future;
  SmartFuture *result;
  int n_freed;
} Continued;

static void
continue_and_cancel (gpointer data)
{
  Continued *continued = data;
  g_auto (GValue) value = G_VALUE_INIT;

  init_future (&value, continued->future);
  continued->result = smart_continuation (&value, apply_never, &continued->n_freed, add_one);
  smart_future_cancel (continued->result);
}

static gboolean
has_settled (gpointer data)
{
  Continued *continued = data;

  return !is_pending (continued->result) && continued->n_freed == 1;
}

static void
cancels_continuation (void)
{
  Continued continued = { smart_future_new (NULL), NULL, 0 };

  smart_test_in_loop (continue_and_cancel, has_settled, &continued);
  assert_error (continued.result, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  assert_error (continued.future, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_finalize_object (continued.result);
  g_assert_finalize_object (continued.future);
}

/* Null, and no value at all */
static void
takes_null (void)
{
  GValue unset = G_VALUE_INIT;
  g_auto (GValue) null = G_VALUE_INIT;
  const GValue *values[] = { NULL, &unset, &null };

  g_value_init (&null, SMART_TYPE_FUTURE);
  for (guint i = 0; i < G_N_ELEMENTS (values); i++)
    {
      g_autoptr (SmartFuture) awaited = smart_await (values[i], NULL);
      g_autoptr (SmartFuture) continued = NULL;
      int n_freed = 0;

      g_assert_cmpint (smart_future_get_status (awaited), ==, SMART_FUTURE_RESOLVED);
      continued = smart_continuation (values[i], pass_on, &n_freed, add_one);
      g_assert_cmpint (smart_future_get_status (continued), ==, SMART_FUTURE_RESOLVED);
      g_assert_cmpint (n_freed, ==, 1);
    }
}

/* A thousand futures, one in the other: no recursion is that deep. */
static void
goes_deep (void)
{
  for (int async = 0; async < 2; async++)
    {
      const guint n = 1000;
      g_autoptr (SmartFuture) innermost = smart_future_new_for_value (NULL);
      g_autoptr (SmartFuture) future = g_object_ref (innermost);
      g_autoptr (SmartFuture) awaited = NULL;
      GPtrArray *all = g_ptr_array_new_with_free_func (g_object_unref);

      for (guint i = 0; i < n; i++)
        {
          g_auto (GValue) value = G_VALUE_INIT;

          init_future (&value, future);
          g_object_unref (future);
          future = smart_future_new_for_value (&value);
          g_ptr_array_add (all, g_object_ref (future));
        }
      if (async)
        {
          awaited = await_in_async (future, NULL);
        }
      else
        {
          g_auto (GValue) value = G_VALUE_INIT;

          init_future (&value, future);
          awaited = smart_await (&value, NULL);
        }
      g_assert_cmpint (smart_future_get_status (awaited), ==, SMART_FUTURE_RESOLVED);

      /* The outermost first: to free one is not to free what is in it. */
      g_clear_object (&future);
      while (all->len > 0)
        g_ptr_array_remove_index (all, all->len - 1);
      g_ptr_array_unref (all);
    }
}

int
main (int argc, char **argv)
{
  smart_test_init (&argc, &argv);

  smart_test_add ("/await/ends-by-cancellable", ends_by_cancellable);
  smart_test_add ("/await/cancels-what-it-awaits", cancels_what_it_awaits);
  smart_test_add ("/await/drops-without-cancelling", drops_without_cancelling);
  smart_test_add ("/await/refuses-itself", refuses_itself);
  smart_test_add ("/await/cancels-continuation", cancels_continuation);
  smart_test_add ("/await/takes-null", takes_null);
  smart_test_add ("/await/goes-deep", goes_deep);

  return g_test_run ();
}
