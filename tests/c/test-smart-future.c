/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A future and its outcome: results of all types, who is told and in which
 * order, what cancels it, and what it leaves behind.
 */

#include "smart-test.h"

#include <smartasync-glib/smart-future-private.h>
#include <smartasync-glib/smartasync-glib.h>

static SmartFuture *
future_for (GType type, void (*set) (GValue *value))
{
  g_auto (GValue) value = G_VALUE_INIT;

  g_value_init (&value, type);
  set (&value);

  return smart_future_new_for_value (&value);
}

static void
set_true (GValue *value)
{
  g_value_set_boolean (value, TRUE);
}

static void
set_int (GValue *value)
{
  g_value_set_int (value, -7);
}

static void
set_small_int (GValue *value)
{
  g_value_set_int (value, 7);
}

static void
set_uint (GValue *value)
{
  g_value_set_uint (value, G_MAXUINT);
}

static void
set_int64 (GValue *value)
{
  g_value_set_int64 (value, G_MININT64);
}

static void
set_uint64 (GValue *value)
{
  g_value_set_uint64 (value, G_MAXUINT64);
}

static void
set_double (GValue *value)
{
  g_value_set_double (value, 0.5);
}

static void
set_string (GValue *value)
{
  g_value_set_static_string (value, "text");
}

static void
set_variant (GValue *value)
{
  g_value_set_variant (value, g_variant_new_int32 (5));
}

static void
set_bytes (GValue *value)
{
  g_value_take_boxed (value, g_bytes_new_static ("abc", 3));
}

static void
set_object (GValue *value)
{
  g_value_take_object (value, g_cancellable_new ());
}

static void
typed_getters (void)
{
  g_autoptr (SmartFuture) boolean = future_for (G_TYPE_BOOLEAN, set_true);
  g_autoptr (SmartFuture) number = future_for (G_TYPE_INT, set_int);
  g_autoptr (SmartFuture) unsigned_number = future_for (G_TYPE_UINT, set_uint);
  g_autoptr (SmartFuture) int64 = future_for (G_TYPE_INT64, set_int64);
  g_autoptr (SmartFuture) uint64 = future_for (G_TYPE_UINT64, set_uint64);
  g_autoptr (SmartFuture) real = future_for (G_TYPE_DOUBLE, set_double);
  g_autoptr (SmartFuture) string = future_for (G_TYPE_STRING, set_string);
  g_autoptr (SmartFuture) variant = future_for (G_TYPE_VARIANT, set_variant);
  g_autoptr (SmartFuture) boxed = future_for (G_TYPE_BYTES, set_bytes);
  g_autoptr (SmartFuture) object = future_for (G_TYPE_CANCELLABLE, set_object);
  g_autoptr (GError) error = NULL;
  g_autofree char *text = smart_future_get_string (string, &error);
  g_autoptr (GVariant) got_variant = smart_future_get_variant (variant, &error);
  g_autoptr (GBytes) bytes = smart_future_get_boxed (boxed, &error);
  g_autoptr (GObject) got_object = smart_future_get_object (object, &error);

  g_assert_true (smart_future_get_boolean (boolean, &error));
  g_assert_cmpint (smart_future_get_int (number, &error), ==, -7);
  g_assert_cmpuint (smart_future_get_uint (unsigned_number, &error), ==, G_MAXUINT);
  g_assert_cmpint (smart_future_get_int64 (int64, &error), ==, G_MININT64);
  g_assert_cmpuint (smart_future_get_uint64 (uint64, &error), ==, G_MAXUINT64);
  g_assert_cmpfloat (smart_future_get_double (real, &error), ==, 0.5);
  g_assert_cmpstr (text, ==, "text");
  g_assert_cmpint (g_variant_get_int32 (got_variant), ==, 5);
  g_assert_cmpmem (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes), "abc", 3);
  g_assert_true (G_IS_CANCELLABLE (got_object));
  g_assert_no_error (error);
}

static void
numbers_are_widened (void)
{
  g_autoptr (SmartFuture) number = future_for (G_TYPE_INT, set_int);
  g_autoptr (SmartFuture) small = future_for (G_TYPE_INT, set_small_int);
  g_autoptr (SmartFuture) large = future_for (G_TYPE_UINT, set_uint);
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (smart_future_get_int64 (number, &error), ==, -7);
  g_assert_cmpfloat (smart_future_get_double (number, &error), ==, -7.0);
  g_assert_cmpuint (smart_future_get_uint (small, &error), ==, 7);
  g_assert_cmpuint (smart_future_get_uint64 (large, &error), ==, G_MAXUINT);
  g_assert_no_error (error);

  g_assert_cmpuint (smart_future_get_uint (number, &error), ==, 0);
  g_assert_error (error, SMART_ERROR, SMART_ERROR_INVALID_ARGUMENTS);
  g_clear_error (&error);
  g_assert_cmpint (smart_future_get_int (large, &error), ==, 0);
  g_assert_error (error, SMART_ERROR, SMART_ERROR_INVALID_ARGUMENTS);
}

static void
wrong_type (void)
{
  g_autoptr (SmartFuture) number = future_for (G_TYPE_INT, set_int);
  g_autoptr (SmartFuture) string = future_for (G_TYPE_STRING, set_string);
  g_autoptr (GError) error = NULL;

  g_assert_null (smart_future_get_string (number, &error));
  g_assert_error (error, SMART_ERROR, SMART_ERROR_INVALID_ARGUMENTS);
  g_assert_nonnull (strstr (error->message, "gint"));
  g_clear_error (&error);

  g_assert_null (smart_future_get_object (string, &error));
  g_assert_error (error, SMART_ERROR, SMART_ERROR_INVALID_ARGUMENTS);
  g_clear_error (&error);

  g_assert_cmpint (smart_future_get_int (string, &error), ==, 0);
  g_assert_error (error, SMART_ERROR, SMART_ERROR_INVALID_ARGUMENTS);
}

static void
nothing (void)
{
  g_autoptr (SmartFuture) future = smart_future_new_for_value (NULL);
  g_auto (GValue) value = G_VALUE_INIT;
  g_autoptr (GError) error = NULL;

  g_assert_true (smart_future_get_value (future, &value, &error));
  g_assert_no_error (error);
  g_assert_true (G_VALUE_HOLDS_POINTER (&value));
  g_assert_null (g_value_get_pointer (&value));

  /* For the types that know null, it is one. */
  g_assert_null (smart_future_get_string (future, &error));
  g_assert_null (smart_future_get_object (future, &error));
  g_assert_null (smart_future_get_variant (future, &error));
  g_assert_no_error (error);
}

static void
pending (void)
{
  g_autoptr (SmartFuture) future = smart_future_new (NULL);
  g_auto (GValue) value = G_VALUE_INIT;
  g_autoptr (GError) error = NULL;

  g_assert_false (smart_future_get_value (future, &value, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_PENDING);
  g_assert_true (G_VALUE_HOLDS_BOOLEAN (&value));
  g_clear_error (&error);

  g_assert_cmpint (smart_future_get_int (future, &error), ==, 0);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_PENDING);
}

static void
properties (void)
{
  g_autoptr (SmartFuture) future = smart_future_new (NULL);
  g_autofree char *name = NULL;
  g_autofree char *from_property = NULL;
  SmartFutureStatus status;

  g_object_get (future, "status", &status, "name", &name, NULL);
  g_assert_cmpint (status, ==, SMART_FUTURE_PENDING);
  g_assert_null (name);

  smart_future_set_name (future, "one");
  name = smart_future_dup_name (future);
  g_assert_cmpstr (name, ==, "one");

  g_object_set (future, "name", "two", NULL);
  smart_future_resolve (future, NULL);
  g_object_get (future, "status", &status, "name", &from_property, NULL);
  g_assert_cmpint (status, ==, SMART_FUTURE_RESOLVED);
  g_assert_cmpstr (from_property, ==, "two");
}

/* Those who are told */

static void
append_letter (SmartFuture *future, gpointer user_data)
{
  g_assert_cmpint (smart_future_get_status (future), ==, SMART_FUTURE_RESOLVED);
  g_string_append (g_object_get_data (G_OBJECT (future), "order"), user_data);
}

static void
told_in_order (void)
{
  g_autoptr (SmartFuture) future = smart_future_new (NULL);
  GString *order = g_string_new (NULL);

  g_object_set_data (G_OBJECT (future), "order", order);
  smart_future_add_notify (future, append_letter, (gpointer) "a", NULL);
  smart_future_add_notify (future, append_letter, (gpointer) "b", NULL);
  smart_future_add_notify (future, append_letter, (gpointer) "c", NULL);
  g_assert_cmpstr (order->str, ==, "");

  smart_future_resolve (future, NULL);
  g_assert_cmpstr (order->str, ==, "abc");
  /* At once, to a settled one. */
  smart_future_add_notify (future, append_letter, (gpointer) "d", NULL);
  g_assert_cmpstr (order->str, ==, "abcd");

  g_string_free (order, TRUE);
}

typedef struct
{
  GThread *told;
  guint n_destroyed;
} Told;

static void
told_here (SmartFuture *future, gpointer user_data)
{
  ((Told *) user_data)->told = g_thread_self ();
}

static void
told_destroy (gpointer user_data)
{
  ((Told *) user_data)->n_destroyed++;
}

static gpointer
resolver_main (gpointer future)
{
  g_assert_true (smart_future_resolve (future, NULL));

  return g_thread_self ();
}

static void
told_in_settling_thread (void)
{
  g_autoptr (SmartFuture) future = smart_future_new (NULL);
  Told told = { NULL };

  smart_future_add_notify (future, told_here, &told, told_destroy);
  g_assert_cmpuint (told.n_destroyed, ==, 0);
  g_assert_true (g_thread_join (g_thread_new ("resolver", resolver_main, future)) == told.told);
  g_assert_true (told.told != g_thread_self ());
  g_assert_cmpuint (told.n_destroyed, ==, 1);
}

/* It may drop the last reference, and may ask for more. */
static void
drop_and_go_on (SmartFuture *future, gpointer user_data)
{
  SmartFuture **held = user_data;

  g_clear_object (held);
  g_assert_cmpint (smart_future_get_status (future), ==, SMART_FUTURE_RESOLVED);
}

static void
dropped_when_told (void)
{
  SmartFuture *future = smart_future_new (NULL);
  SmartFuture *settling = g_object_ref (future);
  GWeakRef weak;

  g_weak_ref_init (&weak, future);
  smart_future_add_notify (future, drop_and_go_on, &future, NULL);
  smart_future_resolve (settling, NULL);
  g_assert_null (future);
  g_object_unref (settling);
  g_assert_null (g_weak_ref_get (&weak));
  g_weak_ref_clear (&weak);
}

/* A wait by callback */

typedef struct
{
  SmartFuture *future;
  GCancellable *cancellable;
  GError *error;
  gboolean resolved;
  gboolean returned; /* the begin */
  guint n_ready;
} Wait;

static void
wait_clear (Wait *wait)
{
  g_clear_object (&wait->future);
  g_clear_object (&wait->cancellable);
  g_clear_error (&wait->error);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Wait, wait_clear)

static void
wait_ready (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Wait *wait = user_data;
  g_autoptr (GObject) result_source = g_async_result_get_source_object (result);

  g_assert_true (wait->returned);
  g_assert_true (source == G_OBJECT (wait->future));
  g_assert_true (result_source == source);
  g_assert_true (g_async_result_get_user_data (result) == user_data);
  wait->resolved = smart_future_wait_finish (wait->future, result, NULL, &wait->error);
  wait->n_ready++;
}

static void
wait_begin (gpointer data)
{
  Wait *wait = data;

  smart_future_wait_async (wait->future, wait->cancellable, wait_ready, wait);
  wait->returned = TRUE;
}

static gboolean
wait_is_over (gpointer data)
{
  return ((Wait *) data)->n_ready > 0;
}

static void
wait_for_settled (void)
{
  g_auto (Wait) wait = { .future = smart_future_new_for_value (NULL) };

  smart_test_in_loop (wait_begin, wait_is_over, &wait);
  g_assert_true (wait.resolved);
  g_assert_cmpuint (wait.n_ready, ==, 1);
}

static void
wait_begin_and_cancel (gpointer data)
{
  Wait *wait = data;

  wait_begin (wait);
  g_cancellable_cancel (wait->cancellable);
  g_assert_cmpuint (wait->n_ready, ==, 0);
}

static void
wait_is_cancelled (void)
{
  g_auto (Wait) wait = { .future = smart_future_new (NULL) };

  wait.cancellable = g_cancellable_new ();
  smart_test_in_loop (wait_begin_and_cancel, wait_is_over, &wait);
  g_assert_false (wait.resolved);
  g_assert_error (wait.error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_cmpint (smart_future_get_status (wait.future), ==, SMART_FUTURE_PENDING);

  /* What waited is no longer told. */
  smart_future_resolve (wait.future, NULL);
  g_assert_cmpuint (wait.n_ready, ==, 1);
}

static void
wait_begin_and_settle (gpointer data)
{
  Wait *wait = data;

  wait_begin (wait);
  smart_future_resolve (wait->future, NULL);
  g_cancellable_cancel (wait->cancellable);
}

static void
wait_is_settled_before_cancelled (void)
{
  g_auto (Wait) wait = { .future = smart_future_new (NULL) };

  wait.cancellable = g_cancellable_new ();
  smart_test_in_loop (wait_begin_and_settle, wait_is_over, &wait);
  g_assert_true (wait.resolved);
}

/* The outcome */

static gboolean
is_connected (GCancellable *cancellable)
{
  return g_signal_handler_find (cancellable, G_SIGNAL_MATCH_ID,
                                g_signal_lookup ("cancelled", G_TYPE_CANCELLABLE), 0, NULL, NULL,
                                NULL) != 0;
}

static void
nothing_stays_connected (void)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  SmartFuture *by_hand = smart_future_new (cancellable);
  SmartFuture *dropped = smart_future_new (cancellable);
  SmartOutcome *own = smart_outcome_new (cancellable, TRUE);

  g_assert_nonnull (smart_outcome_get_cancellable (own));
  g_assert_true (smart_outcome_get_cancellable (own) != cancellable);
  g_assert_true (is_connected (cancellable));

  smart_future_resolve (by_hand, NULL);
  g_object_unref (dropped);
  smart_outcome_settle (own, NULL, NULL, NULL);
  g_assert_false (is_connected (cancellable));

  g_object_unref (by_hand);
  smart_outcome_unref (own);
  g_assert_cmpuint (G_OBJECT (cancellable)->ref_count, ==, 1);
}

static void
own_cancellable_follows (void)
{
  g_autoptr (GCancellable) upstream = g_cancellable_new ();
  SmartOutcome *outcome = smart_outcome_new (upstream, TRUE);
  GCancellable *own = smart_outcome_get_cancellable (outcome);

  g_assert_true (own == smart_outcome_get_cancellable (outcome));
  g_assert_false (g_cancellable_is_cancelled (own));
  g_cancellable_cancel (upstream);
  g_assert_true (g_cancellable_is_cancelled (own));
  g_assert_true (smart_outcome_is_cancelled (outcome));
  g_assert_true (smart_outcome_is_pending (outcome));
  smart_outcome_unref (outcome);

  /* Nor does it matter when it is asked for. */
  outcome = smart_outcome_new (upstream, TRUE);
  g_assert_true (smart_outcome_is_cancelled (outcome));
  g_assert_true (g_cancellable_is_cancelled (smart_outcome_get_cancellable (outcome)));
  smart_outcome_unref (outcome);
}

static void
own_cancellable_is_its_own (void)
{
  g_autoptr (GCancellable) upstream = g_cancellable_new ();
  SmartOutcome *outcome = smart_outcome_new (upstream, TRUE);

  smart_outcome_cancel (outcome);
  g_assert_true (smart_outcome_is_cancelled (outcome));
  g_assert_false (g_cancellable_is_cancelled (upstream));
  smart_outcome_unref (outcome);
}

static void
abandoned_on_cancel (void)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  SmartOutcome *outcome = smart_outcome_new (cancellable, FALSE);
  g_autoptr (GError) error = NULL;

  smart_outcome_abandon_on_cancel (outcome);
  g_assert_true (smart_outcome_is_pending (outcome));
  g_cancellable_cancel (cancellable);
  g_assert_false (smart_outcome_is_pending (outcome));
  g_assert_false (smart_outcome_get (outcome, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_false (smart_outcome_settle (outcome, NULL, NULL, NULL));
  smart_outcome_unref (outcome);

  /* Too late for the handler. */
  outcome = smart_outcome_new (cancellable, FALSE);
  smart_outcome_abandon_on_cancel (outcome);
  g_assert_false (smart_outcome_is_pending (outcome));
  smart_outcome_unref (outcome);
}

static gboolean
outcome_has_settled (gpointer outcome)
{
  return !smart_outcome_is_pending (outcome);
}

static void
deadline (void)
{
  g_autoptr (GMainContext) context = g_main_context_new ();
  SmartOutcome *late = smart_outcome_new (NULL, TRUE);
  SmartOutcome *in_time = smart_outcome_new (NULL, TRUE);
  g_autoptr (GError) error = NULL;

  smart_outcome_set_deadline (late, context, 1);
  smart_outcome_set_deadline (in_time, context, 1);
  smart_outcome_settle (in_time, NULL, NULL, NULL);
  smart_test_iterate_until (context, outcome_has_settled, late);

  g_assert_false (smart_outcome_get (late, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  g_assert_true (smart_outcome_is_cancelled (late));
  g_assert_true (smart_outcome_get (in_time, NULL, NULL));
  g_assert_false (smart_outcome_is_cancelled (in_time));

  smart_outcome_unref (late);
  smart_outcome_unref (in_time);
}

static void
settles_like_another (void)
{
  SmartOutcome *value = smart_outcome_new (NULL, FALSE);
  SmartOutcome *error = smart_outcome_new (NULL, FALSE);
  SmartOutcome *like_value = smart_outcome_new (NULL, FALSE);
  SmartOutcome *like_error = smart_outcome_new (NULL, FALSE);
  g_auto (GValue) text = G_VALUE_INIT;
  g_auto (GValue) got = G_VALUE_INIT;
  g_autoptr (GError) got_error = NULL;

  g_value_init (&text, G_TYPE_STRING);
  g_value_set_string (&text, "text");
  smart_outcome_settle (value, &text, NULL, NULL);
  smart_outcome_settle (error, NULL, g_error_new_literal (G_IO_ERROR, G_IO_ERROR_BUSY, "busy"),
                        NULL);

  g_assert_true (smart_outcome_settle_like (like_value, value));
  g_assert_true (smart_outcome_settle_like (like_error, error));
  smart_outcome_unref (value);
  smart_outcome_unref (error);

  g_assert_true (smart_outcome_get (like_value, &got, NULL));
  g_assert_cmpstr (g_value_get_string (&got), ==, "text");
  g_assert_false (smart_outcome_get (like_error, NULL, &got_error));
  g_assert_error (got_error, G_IO_ERROR, G_IO_ERROR_BUSY);
  g_assert_false (smart_outcome_settle_like (like_value, like_error));

  smart_outcome_unref (like_value);
  smart_outcome_unref (like_error);
}

/* One handle at a time; a new one, when the old one is gone. */
static void
one_handle (void)
{
  SmartOutcome *outcome = smart_outcome_new (NULL, FALSE);
  SmartFuture *future = smart_outcome_ref_future (outcome);
  SmartFuture *same = smart_outcome_ref_future (outcome);

  g_assert_true (future == same);
  g_object_unref (same);
  g_assert_finalize_object (future);
  g_assert_true (smart_outcome_is_pending (outcome));

  smart_outcome_settle (outcome, NULL, NULL, NULL);
  future = smart_outcome_ref_future (outcome);
  g_assert_cmpint (smart_future_get_status (future), ==, SMART_FUTURE_RESOLVED);
  g_assert_finalize_object (future);
  smart_outcome_unref (outcome);
}

typedef struct
{
  SmartOutcome *outcome;
  guint n_rounds;
} Handles;

static gpointer
take_and_drop (gpointer data)
{
  Handles *handles = data;

  for (guint i = 0; i < handles->n_rounds; i++)
    {
      g_autoptr (SmartFuture) future = smart_outcome_ref_future (handles->outcome);

      g_assert_true (smart_future_get_outcome (future) == handles->outcome);
    }

  return NULL;
}

/* One thread's last reference goes while another one asks for the handle. */
static void
handle_comes_and_goes (void)
{
  Handles handles = { smart_outcome_new (NULL, FALSE), smart_test_scale (50000, 1000) };
  GThread *threads[4];

  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("holder", take_and_drop, &handles);
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    g_thread_join (threads[i]);
  g_assert_cmpint (g_atomic_int_get (&handles.outcome->ref_count), ==, 1);
  smart_outcome_unref (handles.outcome);
}

static gpointer
drop_future (gpointer future)
{
  g_object_unref (future);
  return NULL;
}

static gboolean
is_being_disposed (gpointer weak)
{
  GObject *object = g_weak_ref_get (weak);

  if (object == NULL)
    return TRUE;
  g_object_unref (object);
  return FALSE;
}

static void
count_notified (SmartFuture *future, GParamSpec *pspec, int *n_notified)
{
  ++*n_notified;
}

/* The last reference is on its way out when the handle is asked for: who gets it
 * has a whole object, with the handlers that he connects. */
static void
handle_is_brought_back (void)
{
  SmartOutcome *outcome = smart_outcome_new (NULL, FALSE);
  SmartFuture *future = smart_outcome_ref_future (outcome);
  int n_notified = 0;
  GThread *dropper;
  GWeakRef weak;

  /* GLib clears weak references just before it disposes of the object. */
  g_weak_ref_init (&weak, future);
  g_mutex_lock (&outcome->lock);
  dropper = g_thread_new ("dropper", drop_future, future);
  smart_test_wait_until (is_being_disposed, &weak);

  g_assert_true (outcome->handle == future);
  g_object_ref (future); /* as smart_outcome_ref_future () does */
  g_signal_connect (future, "notify::name", G_CALLBACK (count_notified), &n_notified);
  g_mutex_unlock (&outcome->lock);
  g_thread_join (dropper);

  smart_future_set_name (future, "name");
  g_assert_cmpint (n_notified, ==, 1);
  g_assert_true (smart_outcome_ref_future (outcome) == future);
  g_object_unref (future);

  g_assert_finalize_object (future);
  g_weak_ref_clear (&weak);
  smart_outcome_unref (outcome);
}

/* The one that is used again bears no trace of the call before. */
static void
spare_is_like_new (void)
{
  SmartThread *thread = smart_thread_get ();
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_auto (GValue) got = G_VALUE_INIT;
  SmartOutcome *outcome;

  g_clear_pointer (&thread->spare, smart_outcome_free_spare);
  outcome = smart_outcome_new (cancellable, FALSE);
  smart_outcome_settle (outcome, NULL, g_error_new_literal (G_IO_ERROR, G_IO_ERROR_BUSY, "busy"),
                        NULL);
  smart_outcome_unref (outcome);
  g_assert_true (thread->spare == outcome);
  g_assert_cmpuint (G_OBJECT (cancellable)->ref_count, ==, 1);

  g_assert_true (smart_outcome_new (NULL, FALSE) == outcome);
  g_assert_null (thread->spare);
  g_assert_true (smart_outcome_is_pending (outcome));
  g_assert_null (outcome->result.error);
  g_assert_null (smart_outcome_get_cancellable (outcome));

  /* While somebody else has a reference, it is not used again. */
  smart_outcome_ref (outcome);
  smart_outcome_unref (outcome);
  g_assert_null (thread->spare);
  smart_outcome_settle (outcome, NULL, NULL, NULL);
  g_assert_true (smart_outcome_get (outcome, &got, NULL));
  smart_outcome_unref (outcome);
}

static void
notify_nothing (SmartFuture *future, gpointer user_data)
{
}

/* A pin keeps the memory, and not the value. */

static void
count_free (gpointer n_freed)
{
  (*(guint *) n_freed)++;
}

static gpointer
counted_copy (gpointer n_freed)
{
  return n_freed;
}

static GType
counted_get_type (void)
{
  static GType type;

  if (type == 0)
    type = g_boxed_type_register_static ("SmartTestCounted", counted_copy, count_free);

  return type;
}

static void
pinned_is_freed_in_time (void)
{
  for (int settled = 0; settled < 2; settled++)
    {
      SmartOutcome *outcome = smart_outcome_new (NULL, FALSE);
      GValue value = G_VALUE_INIT;
      guint n_freed = 0;

      if (settled)
        {
          g_value_init (&value, counted_get_type ());
          g_value_take_boxed (&value, &n_freed);
          smart_outcome_settle (outcome, &value, NULL, NULL);
        }

      smart_outcome_pin (outcome);
      smart_outcome_pin (outcome);
      smart_outcome_unpin (outcome);
      g_assert_cmpuint (n_freed, ==, 0);
      smart_outcome_unref (outcome);
      g_assert_cmpuint (n_freed, ==, (guint) settled);

      g_mutex_lock (&outcome->lock);
      g_assert_false (smart_outcome_is_pending (outcome));
      g_mutex_unlock (&outcome->lock);
      smart_outcome_unpin (outcome);
      g_assert_cmpuint (n_freed, ==, (guint) settled);
    }
}

/* What waits in a context to begin does not keep it: if nobody iterates that any
 * more, both go. */

typedef enum
{
  WAITS_AS_CONTINUATION,
  WAITS_AT_HOME,
  WAITS_FOR_ITS_TURN,
  N_WAITS
} Waits;

static void
never_run (SmartCall *call, gpointer data)
{
  g_assert_not_reached ();
}

static void
never_continue (SmartCall *call, SmartFuture *settled, gpointer data)
{
  g_assert_not_reached ();
}

static void
keep_call (SmartCall *call, gpointer kept)
{
  *(SmartCall **) kept = g_object_ref (call);
}

static SmartFuture *
begin_what_waits (Waits waits)
{
  g_autoptr (SmartAsyncFunc) func = NULL;
  g_autoptr (SmartFuture) first = NULL;
  g_autoptr (SmartFuture) future = NULL;
  SmartCall *kept = NULL;

  switch (waits)
    {
    case WAITS_AS_CONTINUATION:
      first = smart_future_new (NULL);
      future = smart_future_then (first, never_continue, NULL, NULL);
      smart_future_resolve (first, NULL);
      break;

    case WAITS_AT_HOME:
      func = smart_async_func_new_blocking (never_run, NULL, NULL);
      smart_async_func_set_offload (func, FALSE);
      future = smart_async_func_callv (func, NULL, NULL, 0, NULL);
      break;

    case WAITS_FOR_ITS_TURN:
    default:
      func = smart_async_func_new (keep_call, &kept, NULL);
      smart_async_func_set_max_concurrency (func, 1);
      first = smart_async_func_callv (func, NULL, NULL, 0, NULL);
      future = smart_async_func_callv (func, NULL, NULL, 0, NULL);
      smart_call_return_none (kept);
      g_object_unref (kept);
      break;
    }

  return g_steal_pointer (&future);
}

static void
drop_context (gpointer data)
{
  GMainContext *context = g_main_context_new ();
  g_autoptr (SmartFuture) future = NULL;
  g_autoptr (GError) error = NULL;

  g_main_context_push_thread_default (context);
  smart_context_push_mode (SMART_MODE_ASYNC);
  future = begin_what_waits (GPOINTER_TO_INT (data));
  smart_context_pop_mode ();
  g_assert_cmpint (smart_future_get_status (future), ==, SMART_FUTURE_PENDING);
  g_main_context_pop_thread_default (context);
  g_main_context_unref (context);

  g_assert_false (smart_future_get_value (future, NULL, &error));
  g_assert_error (error, SMART_ERROR, SMART_ERROR_NOT_RETURNED);
}

static gboolean
fds_are_few (gpointer n)
{
  return smart_test_count_fds () <= *(guint *) n;
}

static void
context_is_not_kept (void)
{
  guint n_fds;

  for (int waits = 0; waits < N_WAITS; waits++)
    {
      smart_test_on_thread (drop_context, GINT_TO_POINTER (waits));
      n_fds = smart_test_count_fds ();
      for (guint i = 0; i < 20; i++)
        smart_test_on_thread (drop_context, GINT_TO_POINTER (waits));
      smart_test_wait_until (fds_are_few, &n_fds);
    }
}

/* A callback that cannot come any more. */

typedef struct
{
  guint n_called;
  guint n_dropped;
} Watched;

static void
count_call (GObject *source, GAsyncResult *result, gpointer data)
{
  ((Watched *) data)->n_called++;
}

static void
count_drop (gpointer data)
{
  ((Watched *) data)->n_dropped++;
}

static SmartFuture *
watch_in (GMainContext *context, Watched *watched)
{
  SmartFuture *future = smart_future_new (NULL);

  g_main_context_push_thread_default (context);
  smart_future_watch (future, count_call, watched, count_drop);
  g_main_context_pop_thread_default (context);

  return future;
}

static void
settle_and_drop (SmartFuture *future)
{
  g_assert_true (smart_future_reject (future, g_error_new (G_IO_ERROR, G_IO_ERROR_FAILED, "no")));
  g_object_unref (future);
}

static void
watched_or_dropped (void)
{
  GMainContext *context = g_main_context_new ();
  Watched watched = { 0 };
  SmartFuture *future = watch_in (context, &watched);

  settle_and_drop (future);
  g_assert_cmpuint (watched.n_called, ==, 0);
  while (watched.n_called == 0)
    g_main_context_iteration (context, TRUE);
  g_assert_cmpuint (watched.n_dropped, ==, 0);

  /* On its way there. */
  settle_and_drop (watch_in (context, &watched));
  future = watch_in (context, &watched);
  g_assert_cmpuint (watched.n_dropped, ==, 0);
  g_main_context_unref (context);
  g_assert_cmpuint (watched.n_dropped, ==, 1);
  /* Not yet on its way. */
  settle_and_drop (future);
  g_assert_cmpuint (watched.n_dropped, ==, 2);
  g_assert_cmpuint (watched.n_called, ==, 1);
}

static void
misuse (void)
{
  g_autoptr (SmartFuture) future = smart_future_new (NULL);

  smart_test_expect_critical ("*notify*", smart_future_add_notify (future, NULL, NULL, NULL));
  smart_test_expect_critical ("*SMART_IS_FUTURE*", smart_future_cancel (NULL));
  smart_test_expect_critical ("*timeout_usec*",
                              g_assert_false (smart_future_wait (future, -2, NULL, NULL, NULL)));
  smart_test_expect_critical ("*error*", g_assert_false (smart_future_reject (future, NULL)));
  smart_test_expect_critical ("*error*", g_assert_null (smart_future_new_for_error (NULL)));
  smart_test_expect_critical ("*callback*", smart_future_wait_async (future, NULL, NULL, NULL));
  smart_future_add_notify (future, notify_nothing, NULL, NULL);
}

/* --- In the child of a fork, the threads that waited are not there --- */

static gpointer
wait_main (gpointer future)
{
  g_assert_true (smart_future_wait (future, -1, NULL, NULL, NULL));
  return NULL;
}

static gboolean
is_waited_for (gpointer outcome)
{
  gboolean is;

  g_mutex_lock (&((SmartOutcome *) outcome)->lock);
  is = ((SmartOutcome *) outcome)->waiters != NULL;
  g_mutex_unlock (&((SmartOutcome *) outcome)->lock);

  return is;
}

#define N_BYTES 60000

typedef struct
{
  int is_filled; /* atomic */
  int may_look;  /* atomic */
} Stack;

static gboolean
flag_is_set (gpointer flag)
{
  return g_atomic_int_get ((int *) flag);
}

/* Has the stack of a thread that was there before the fork, as a rule: nobody may write
 * there. */
static gpointer
fill_stack (gpointer data)
{
  Stack *stack = data;
  volatile unsigned char bytes[N_BYTES];

  for (guint i = 0; i < N_BYTES; i++)
    bytes[i] = 0xff;
  g_atomic_int_set (&stack->is_filled, TRUE);
  smart_test_wait_until (flag_is_set, &stack->may_look);
  for (guint i = 0; i < N_BYTES; i++)
    g_assert_cmphex (bytes[i], ==, 0xff);

  return NULL;
}

static void
settle_in_child (gpointer future)
{
  Stack stack = { FALSE, FALSE };
  GThread *thread = g_thread_new ("fills its stack", fill_stack, &stack);

  smart_test_wait_until (flag_is_set, &stack.is_filled);
  g_assert_true (smart_future_resolve (future, NULL));
  g_atomic_int_set (&stack.may_look, TRUE);
  g_thread_join (thread);
}

static void
settled_in_child (void)
{
  g_autoptr (SmartFuture) future = smart_future_new (NULL);
  GThread *thread = g_thread_new ("waits", wait_main, future);

  smart_test_wait_until (is_waited_for, smart_future_get_outcome (future));
  smart_test_in_child (settle_in_child, future);

  smart_future_resolve (future, NULL);
  g_thread_join (thread);
}

int
main (int argc, char *argv[])
{
  smart_test_init (&argc, &argv);

  smart_test_add ("/future/typed", typed_getters);
  smart_test_add ("/future/widened", numbers_are_widened);
  smart_test_add ("/future/wrong-type", wrong_type);
  smart_test_add ("/future/nothing", nothing);
  smart_test_add ("/future/pending", pending);
  smart_test_add ("/future/properties", properties);
  smart_test_add ("/future/notify/order", told_in_order);
  smart_test_add ("/future/notify/thread", told_in_settling_thread);
  smart_test_add ("/future/notify/dropped", dropped_when_told);
  smart_test_add ("/future/wait-async/settled", wait_for_settled);
  smart_test_add ("/future/wait-async/cancelled", wait_is_cancelled);
  smart_test_add ("/future/wait-async/settled-before", wait_is_settled_before_cancelled);
  if (SMART_TEST_CAN_FORK)
    smart_test_add ("/future/wait/forked", settled_in_child);
  smart_test_add ("/future/outcome/disconnected", nothing_stays_connected);
  smart_test_add ("/future/outcome/follows", own_cancellable_follows);
  smart_test_add ("/future/outcome/own", own_cancellable_is_its_own);
  smart_test_add ("/future/outcome/abandoned", abandoned_on_cancel);
  smart_test_add ("/future/outcome/deadline", deadline);
  smart_test_add ("/future/outcome/like", settles_like_another);
  smart_test_add ("/future/outcome/handle", one_handle);
  smart_test_add ("/future/outcome/handles", handle_comes_and_goes);
  smart_test_add ("/future/outcome/brought-back", handle_is_brought_back);
  smart_test_add ("/future/outcome/spare", spare_is_like_new);
  smart_test_add ("/future/outcome/pinned", pinned_is_freed_in_time);
  smart_test_add ("/future/context-is-not-kept", context_is_not_kept);
  smart_test_add ("/future/watched-or-dropped", watched_or_dropped);
  smart_test_add ("/future/misuse", misuse);

  return g_test_run ();
}
