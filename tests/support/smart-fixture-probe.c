/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "smart-fixture-probe.h"

#include "smart-fixture-thing.h"
#include "smart-fixture.h"

/* How long anything may take that is expected to happen. */
#define DEADLINE_USEC (10 * G_USEC_PER_SEC)
#define DEADLINE_MSEC 10000

/* What one body saw. */
typedef struct
{
  int arg; /* -1: it had none */
  guint64 thread;
  gboolean is_async;
  gboolean is_current;
  gboolean is_cancellable_current;
  gboolean has_source;
  guint64 context;
  guint64 thread_default;
  gint64 begun;
  gint64 ended; /* 0: not yet */
  gboolean was_cancelled;
  char *description;
} Sight;

struct _SmartFixtureProbe
{
  GObject parent_instance;

  /* Set before the first call. */
  SmartFixtureAct act;
  gboolean at_once;
  gboolean heeds;
  guint msec;
  SmartFixtureGate *gate;
  SmartAsyncFunc *inner;
  SmartFixtureInner inner_how;
  guint inner_limit;

  GMutex lock;
  GCond moved;         /* with lock */
  SmartFuture *waited; /* lock */
  GArray *sights;      /* lock: of Sight */
  GError *error;       /* lock: the first one that an inner wait gave */
  guint n_ended;       /* lock */
  guint n_inside;      /* lock */
  guint most_inside;   /* lock */
  guint n_cancelled;   /* lock */
};

G_DEFINE_TYPE (SmartFixtureProbe, smart_fixture_probe, G_TYPE_OBJECT)

static void
sight_clear (gpointer sight)
{
  g_free (((Sight *) sight)->description);
}

static void
smart_fixture_probe_finalize (GObject *object)
{
  SmartFixtureProbe *probe = SMART_FIXTURE_PROBE (object);

  g_clear_object (&probe->gate);
  g_clear_object (&probe->inner);
  g_clear_object (&probe->waited);
  g_clear_error (&probe->error);
  g_array_unref (probe->sights);
  g_mutex_clear (&probe->lock);
  g_cond_clear (&probe->moved);
  G_OBJECT_CLASS (smart_fixture_probe_parent_class)->finalize (object);
}

static void
smart_fixture_probe_class_init (SmartFixtureProbeClass *class)
{
  G_OBJECT_CLASS (class)->finalize = smart_fixture_probe_finalize;
}

static void
smart_fixture_probe_init (SmartFixtureProbe *probe)
{
  g_mutex_init (&probe->lock);
  g_cond_init (&probe->moved);
  probe->sights = g_array_new (FALSE, TRUE, sizeof (Sight));
  g_array_set_clear_func (probe->sights, sight_clear);
  probe->msec = DEADLINE_MSEC;
}

/* Looking */

static guint
probe_enter (SmartFixtureProbe *probe, SmartCall *call)
{
  GMainContext *thread_default = g_main_context_get_thread_default ();
  Sight sight = { .arg = -1 };
  guint index;

  if (smart_call_get_n_args (call) > 0 && G_VALUE_HOLDS_INT (smart_call_get_value (call, 0)))
    sight.arg = smart_call_get_int (call, 0);
  sight.thread = smart_fixture_thread_id ();
  sight.is_async = smart_context_is_async ();
  sight.is_current = smart_call_get_current () == call;
  sight.is_cancellable_current = g_cancellable_get_current () == smart_call_get_cancellable (call);
  sight.has_source = smart_call_get_source_object (call) != NULL;
  sight.context = smart_fixture_context_id (smart_call_get_context (call));
  sight.thread_default = smart_fixture_context_id (thread_default);
  sight.description = smart_context_describe ();
  sight.begun = g_get_monotonic_time ();

  g_mutex_lock (&probe->lock);
  index = probe->sights->len;
  g_array_append_val (probe->sights, sight);
  probe->n_inside++;
  probe->most_inside = MAX (probe->most_inside, probe->n_inside);
  g_cond_broadcast (&probe->moved);
  g_mutex_unlock (&probe->lock);

  return index;
}

static void
probe_leave (SmartFixtureProbe *probe, SmartCall *call, guint index)
{
  Sight *sight;

  g_mutex_lock (&probe->lock);
  sight = &g_array_index (probe->sights, Sight, index);
  sight->ended = g_get_monotonic_time ();
  sight->was_cancelled = g_cancellable_is_cancelled (smart_call_get_cancellable (call));
  probe->n_inside--;
  probe->n_ended++;
  g_cond_broadcast (&probe->moved);
  g_mutex_unlock (&probe->lock);
}

static void
note_cancelled (GCancellable *cancellable, gpointer data)
{
  SmartFixtureProbe *probe = data;

  g_mutex_lock (&probe->lock);
  probe->n_cancelled++;
  g_cond_broadcast (&probe->moved);
  g_mutex_unlock (&probe->lock);
}

static void
probe_take_error (SmartFixtureProbe *probe, GError *error)
{
  g_mutex_lock (&probe->lock);
  if (error != NULL && probe->error == NULL)
    probe->error = g_error_copy (error);
  g_mutex_unlock (&probe->lock);
}

/* Acting */

static void
echo (SmartCall *call)
{
  if (smart_call_get_n_args (call) > 0)
    smart_call_return_value (call, smart_call_get_value (call, 0));
  else
    smart_call_return_int (call, 42);
}

static void
act (SmartFixtureProbe *probe, SmartCall *call)
{
  switch (probe->act)
    {
    case SMART_FIXTURE_ACT_NONE:
      smart_call_return_none (call);
      break;
    case SMART_FIXTURE_ACT_FAIL:
      smart_call_return_new_error_literal (call, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "Grüße");
      break;
    case SMART_FIXTURE_ACT_FORGET:
      break;
    case SMART_FIXTURE_ACT_TWICE:
      echo (call);
      echo (call);
      break;
    case SMART_FIXTURE_ACT_STRING:
      smart_call_return_string (call, g_strdup ("Grüße"));
      break;
    case SMART_FIXTURE_ACT_THING:
      smart_call_return_object (call, smart_fixture_thing_new (1));
      break;
    case SMART_FIXTURE_ACT_PROGRESS:
      for (guint i = 0; i <= 100; i++)
        smart_call_report_progress (call, i / 100.0);
      echo (call);
      break;
    case SMART_FIXTURE_ACT_ECHO:
    default:
      echo (call);
      break;
    }
}

static SmartFuture *
call_inner (SmartFixtureProbe *probe, SmartCall *call)
{
  const GValue *args = smart_call_get_args (call);
  guint n_args = smart_call_get_n_args (call);
  SmartFuture *future;

  if (probe->inner_how == SMART_FIXTURE_INNER_OFFLOADED)
    smart_context_push_mode (SMART_MODE_ASYNC);
  future = smart_async_func_callv (probe->inner, NULL, args, n_args, NULL);
  if (probe->inner_how == SMART_FIXTURE_INNER_OFFLOADED)
    smart_context_pop_mode ();

  return future;
}

static void
call_inner_and_wait (SmartFixtureProbe *probe, SmartCall *call)
{
  g_auto (GValue) value = G_VALUE_INIT;
  g_autoptr (GError) error = NULL;
  gboolean ok;

  if (probe->inner_how == SMART_FIXTURE_INNER_SYNC)
    {
      ok = smart_async_func_call_sync (probe->inner, NULL, smart_call_get_args (call),
                                       smart_call_get_n_args (call), NULL, &value, &error);
    }
  else
    {
      g_autoptr (SmartFuture) future = call_inner (probe, call);

      ok = smart_future_wait (future, -1, NULL, &value, &error);
    }

  if (ok)
    {
      smart_call_return_value (call, &value);
      return;
    }
  /* A refused wait is for the test to look at; the body has another way. */
  probe_take_error (probe, error);
  if (g_error_matches (error, SMART_ERROR, SMART_ERROR_WOULD_DEADLOCK))
    act (probe, call);
  else
    smart_call_return_error (call, g_steal_pointer (&error));
}

static void
wait_for_other (SmartFixtureProbe *probe)
{
  g_autoptr (SmartFuture) waited = NULL;
  g_autoptr (GError) error = NULL;

  g_mutex_lock (&probe->lock);
  g_set_object (&waited, probe->waited);
  g_mutex_unlock (&probe->lock);

  if (waited != NULL && !smart_future_wait (waited, -1, NULL, NULL, &error))
    probe_take_error (probe, error);
}

static gboolean
is_inner_due (SmartFixtureProbe *probe, guint index)
{
  return probe->inner != NULL && (probe->inner_limit == 0 || index < probe->inner_limit);
}

static void
probe_blocking (SmartCall *call, gpointer data)
{
  g_autoptr (SmartFixtureProbe) probe = g_object_ref (data);
  GCancellable *cancellable = smart_call_get_cancellable (call);
  guint index = probe_enter (probe, call);
  gulong handler = 0;

  if (cancellable != NULL)
    handler = g_cancellable_connect (cancellable, G_CALLBACK (note_cancelled), probe, NULL);
  if (probe->gate != NULL)
    smart_fixture_gate_wait (probe->gate, probe->msec, probe->heeds ? cancellable : NULL);
  if (handler != 0)
    g_cancellable_disconnect (cancellable, handler);
  wait_for_other (probe);

  if (probe->heeds && smart_call_return_error_if_cancelled (call))
    ;
  else if (is_inner_due (probe, index))
    call_inner_and_wait (probe, call);
  else
    act (probe, call);
  probe_leave (probe, call, index);
}

/* What an asynchronous body has still to do: everything in the call's context. */
typedef struct
{
  int ref_count; /* atomic */
  SmartFixtureProbe *probe;
  SmartCall *call;
  guint index;
  gulong handler;
  gboolean over; /* of the call's context */
} Errand;

static Errand *
errand_ref (Errand *errand)
{
  g_atomic_int_inc (&errand->ref_count);

  return errand;
}

static void
errand_unref (gpointer data)
{
  Errand *errand = data;

  if (!g_atomic_int_dec_and_test (&errand->ref_count))
    return;
  g_object_unref (errand->probe);
  g_clear_object (&errand->call);
  g_free (errand);
}

static gboolean
errand_end (gpointer data)
{
  Errand *errand = data;
  SmartFixtureProbe *probe = errand->probe;
  SmartCall *call = errand->call;

  if (errand->over)
    return G_SOURCE_REMOVE;
  errand->over = TRUE;

  if (errand->handler != 0)
    g_signal_handler_disconnect (smart_call_get_cancellable (call), errand->handler);
  if (probe->heeds && smart_call_return_error_if_cancelled (call))
    ;
  else if (is_inner_due (probe, errand->index))
    {
      g_autoptr (SmartFuture) future = call_inner (probe, call);

      smart_call_return_future (call, future);
    }
  else
    act (probe, call);
  probe_leave (probe, call, errand->index);
  g_clear_object (&errand->call);

  return G_SOURCE_REMOVE;
}

static void
errand_post (gpointer data, gpointer unused)
{
  Errand *errand = data;
  g_autoptr (GSource) source = g_idle_source_new ();

  g_source_set_priority (source, G_PRIORITY_DEFAULT);
  g_source_set_static_name (source, "the probe's errand");
  g_source_set_callback (source, errand_end, errand, errand_unref);
  g_source_attach (source, smart_call_get_context (errand->call));
}

static void
errand_cancelled (GCancellable *cancellable, gpointer data)
{
  Errand *errand = data;

  note_cancelled (cancellable, errand->probe);
  if (errand->probe->heeds)
    errand_post (errand_ref (errand), NULL);
}

static void
probe_begin (SmartCall *call, gpointer data)
{
  SmartFixtureProbe *probe = data;
  GCancellable *cancellable = smart_call_get_cancellable (call);
  guint index = probe_enter (probe, call);
  Errand *errand = g_new0 (Errand, 1);

  *errand = (Errand) { 1, g_object_ref (probe), g_object_ref (call), index, 0, FALSE };
  if (probe->at_once)
    {
      errand_end (errand);
      errand_unref (errand);
      return;
    }

  if (cancellable != NULL)
    errand->handler =
        g_signal_connect (cancellable, "cancelled", G_CALLBACK (errand_cancelled), errand);
  if (probe->gate != NULL)
    smart_fixture_gate_when_open (probe->gate, errand_post, errand);
  else
    smart_call_add_timeout (call, 1, errand_end, errand, errand_unref);
}

/**
 * smart_fixture_probe_new:
 * @act: what its bodies do in the end
 */
SmartFixtureProbe *
smart_fixture_probe_new (SmartFixtureAct act)
{
  SmartFixtureProbe *probe = g_object_new (SMART_FIXTURE_TYPE_PROBE, NULL);

  probe->act = act;
  return probe;
}

/**
 * smart_fixture_probe_make:
 * @kind: which bodies it has
 *
 * Returns: (transfer full): a function with this as its bodies
 */
SmartAsyncFunc *
smart_fixture_probe_make (SmartFixtureProbe *probe, SmartAsyncFuncKind kind)
{
  switch (kind)
    {
    case SMART_ASYNC_FUNC_ASYNC:
      return smart_async_func_new (probe_begin, g_object_ref (probe), g_object_unref);
    case SMART_ASYNC_FUNC_BLOCKING:
      return smart_async_func_new_blocking (probe_blocking, g_object_ref (probe), g_object_unref);
    case SMART_ASYNC_FUNC_DUAL:
      return smart_async_func_new_dual (probe_begin, g_object_ref (probe), g_object_unref,
                                        probe_blocking, g_object_ref (probe), g_object_unref);
    default:
      g_return_val_if_reached (NULL);
    }
}

/**
 * smart_fixture_probe_set_at_once:
 * @at_once: whether an asynchronous body acts while it begins
 */
void
smart_fixture_probe_set_at_once (SmartFixtureProbe *probe, gboolean at_once)
{
  probe->at_once = at_once;
}

/**
 * smart_fixture_probe_set_gate:
 * @gate: (nullable): what holds the bodies until it is open
 */
void
smart_fixture_probe_set_gate (SmartFixtureProbe *probe, SmartFixtureGate *gate)
{
  g_set_object (&probe->gate, gate);
}

/**
 * smart_fixture_probe_set_msec:
 * @msec: how long a blocking body waits at the gate at most
 */
void
smart_fixture_probe_set_msec (SmartFixtureProbe *probe, guint msec)
{
  probe->msec = msec;
}

/**
 * smart_fixture_probe_set_heeds:
 * @heeds: whether a body that is held ends when its call is cancelled
 */
void
smart_fixture_probe_set_heeds (SmartFixtureProbe *probe, gboolean heeds)
{
  probe->heeds = heeds;
}

/**
 * smart_fixture_probe_set_inner:
 * @inner: (nullable): what a body calls with its own arguments, to return its result
 * @how: how
 * @limit: how many of the bodies do, the first ones; 0: all
 */
void
smart_fixture_probe_set_inner (SmartFixtureProbe *probe,
                               SmartAsyncFunc *inner,
                               SmartFixtureInner how,
                               guint limit)
{
  g_set_object (&probe->inner, inner);
  probe->inner_how = how;
  probe->inner_limit = limit;
}

/**
 * smart_fixture_probe_set_waited:
 * @waited: (nullable): what a blocking body waits for after the gate
 */
void
smart_fixture_probe_set_waited (SmartFixtureProbe *probe, SmartFuture *waited)
{
  g_mutex_lock (&probe->lock);
  g_set_object (&probe->waited, waited);
  g_mutex_unlock (&probe->lock);
}

static void
probe_notified (SmartFuture *future, gpointer data)
{
  SmartFixtureProbe *probe = data;
  Sight sight = { .arg = -1, .thread = smart_fixture_thread_id () };

  sight.description = g_strdup ("");
  g_mutex_lock (&probe->lock);
  g_array_append_val (probe->sights, sight);
  g_cond_broadcast (&probe->moved);
  g_mutex_unlock (&probe->lock);
}

/**
 * smart_fixture_probe_watch:
 * @future: whose end is one more sight
 */
void
smart_fixture_probe_watch (SmartFixtureProbe *probe, SmartFuture *future)
{
  smart_future_add_notify (future, probe_notified, g_object_ref (probe), g_object_unref);
}

static guint
probe_read (SmartFixtureProbe *probe, const guint *number)
{
  guint n;

  g_mutex_lock (&probe->lock);
  n = number != NULL ? *number : probe->sights->len;
  g_mutex_unlock (&probe->lock);

  return n;
}

guint
smart_fixture_probe_get_n_begun (SmartFixtureProbe *probe)
{
  return probe_read (probe, NULL);
}

guint
smart_fixture_probe_get_n_ended (SmartFixtureProbe *probe)
{
  return probe_read (probe, &probe->n_ended);
}

/**
 * smart_fixture_probe_get_most_inside:
 *
 * Returns: how many bodies ran at once, at most
 */
guint
smart_fixture_probe_get_most_inside (SmartFixtureProbe *probe)
{
  return probe_read (probe, &probe->most_inside);
}

static GVariant *
sight_to_variant (const Sight *sight)
{
  GVariantDict dict;

  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert (&dict, "arg", "i", sight->arg);
  g_variant_dict_insert (&dict, "thread", "t", sight->thread);
  g_variant_dict_insert (&dict, "is-async", "b", sight->is_async);
  g_variant_dict_insert (&dict, "is-current", "b", sight->is_current);
  g_variant_dict_insert (&dict, "is-cancellable-current", "b", sight->is_cancellable_current);
  g_variant_dict_insert (&dict, "has-source", "b", sight->has_source);
  g_variant_dict_insert (&dict, "context", "t", sight->context);
  g_variant_dict_insert (&dict, "thread-default", "t", sight->thread_default);
  g_variant_dict_insert (&dict, "begun", "x", sight->begun);
  g_variant_dict_insert (&dict, "ended", "x", sight->ended);
  g_variant_dict_insert (&dict, "was-cancelled", "b", sight->was_cancelled);
  g_variant_dict_insert (&dict, "description", "s", sight->description);

  return g_variant_dict_end (&dict);
}

/**
 * smart_fixture_probe_get_sights:
 *
 * Returns: (transfer floating): what each body saw, in the order in which they
 *   began, as `aa{sv}`
 */
GVariant *
smart_fixture_probe_get_sights (SmartFixtureProbe *probe)
{
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("aa{sv}"));
  g_mutex_lock (&probe->lock);
  for (guint i = 0; i < probe->sights->len; i++)
    g_variant_builder_add_value (&builder,
                                 sight_to_variant (&g_array_index (probe->sights, Sight, i)));
  g_mutex_unlock (&probe->lock);

  return g_variant_builder_end (&builder);
}

/**
 * smart_fixture_probe_check:
 *
 * Returns: %FALSE, with the error, if what a body waited for failed
 */
gboolean
smart_fixture_probe_check (SmartFixtureProbe *probe, GError **error)
{
  g_autoptr (GError) seen = NULL;

  g_mutex_lock (&probe->lock);
  if (probe->error != NULL)
    seen = g_error_copy (probe->error);
  g_mutex_unlock (&probe->lock);
  if (seen == NULL)
    return TRUE;

  g_propagate_error (error, g_steal_pointer (&seen));
  return FALSE;
}

static gboolean
probe_wait (SmartFixtureProbe *probe, const guint *number, guint n)
{
  gint64 deadline = g_get_monotonic_time () + DEADLINE_USEC;
  gboolean reached;

  g_mutex_lock (&probe->lock);
  while (*number < n)
    if (!g_cond_wait_until (&probe->moved, &probe->lock, deadline))
      break;
  reached = *number >= n;
  g_mutex_unlock (&probe->lock);

  return reached;
}

/**
 * smart_fixture_probe_wait_begun:
 *
 * Waits, without iterating, until so many bodies have begun.
 *
 * Returns: %FALSE when they did not
 */
gboolean
smart_fixture_probe_wait_begun (SmartFixtureProbe *probe, guint n)
{
  return probe_wait (probe, &probe->sights->len, n);
}

/**
 * smart_fixture_probe_wait_ended:
 *
 * Waits, without iterating, until so many bodies have ended.
 *
 * Returns: %FALSE when they did not
 */
gboolean
smart_fixture_probe_wait_ended (SmartFixtureProbe *probe, guint n)
{
  return probe_wait (probe, &probe->n_ended, n);
}

/**
 * smart_fixture_probe_wait_cancelled:
 *
 * Waits, without iterating, until so many bodies that are held have seen that
 * they are cancelled.
 *
 * Returns: %FALSE when they did not
 */
gboolean
smart_fixture_probe_wait_cancelled (SmartFixtureProbe *probe, guint n)
{
  return probe_wait (probe, &probe->n_cancelled, n);
}
