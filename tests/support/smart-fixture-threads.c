/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "smart-fixture-threads.h"

#include "smart-fixture-thing.h"
#include "smart-fixture-tree.h"
#include "smart-fixture.h"

#define DEADLINE_USEC (10 * G_USEC_PER_SEC)

struct _SmartFixtureThreads
{
  GObject parent_instance;

  /* Set before they start. */
  SmartAsyncFunc *func;
  GCancellable *cancellable;
  GMainContext *context;
  GMainLoop *loop;
  SmartFixtureGate *gate;
  SmartFixtureProbe *probe;
  SmartFuture *future;
  int result;
  guint n_calls;
  guint seed;
  gpointer (*main) (SmartFixtureThreads *threads);

  GPtrArray *started; /* of GThread; of the thread that made this */

  GMutex lock;
  GCond moved;    /* with lock */
  GArray *ids;    /* lock: of guint64 */
  guint n_good;   /* lock: calls that gave what they should */
  guint n_walker; /* lock: what the next walker's number is */
  GError *error;  /* lock: of the first one that did not */
};

G_DEFINE_TYPE (SmartFixtureThreads, smart_fixture_threads, G_TYPE_OBJECT)

static void
smart_fixture_threads_finalize (GObject *object)
{
  SmartFixtureThreads *threads = SMART_FIXTURE_THREADS (object);

  g_clear_object (&threads->func);
  g_clear_object (&threads->cancellable);
  g_clear_object (&threads->gate);
  g_clear_object (&threads->probe);
  g_clear_object (&threads->future);
  g_clear_pointer (&threads->loop, g_main_loop_unref);
  g_clear_pointer (&threads->context, g_main_context_unref);
  g_clear_error (&threads->error);
  g_array_unref (threads->ids);
  g_ptr_array_unref (threads->started);
  g_mutex_clear (&threads->lock);
  g_cond_clear (&threads->moved);
  G_OBJECT_CLASS (smart_fixture_threads_parent_class)->finalize (object);
}

static void
smart_fixture_threads_class_init (SmartFixtureThreadsClass *class)
{
  G_OBJECT_CLASS (class)->finalize = smart_fixture_threads_finalize;
}

static void
smart_fixture_threads_init (SmartFixtureThreads *threads)
{
  g_mutex_init (&threads->lock);
  g_cond_init (&threads->moved);
  threads->ids = g_array_new (FALSE, FALSE, sizeof (guint64));
  threads->started = g_ptr_array_new ();
}

static void
threads_note (SmartFixtureThreads *threads, const GError *error)
{
  g_mutex_lock (&threads->lock);
  if (error == NULL)
    threads->n_good++;
  else if (threads->error == NULL)
    threads->error = g_error_copy (error);
  g_cond_broadcast (&threads->moved);
  g_mutex_unlock (&threads->lock);
}

static gpointer
thread_main (gpointer data)
{
  g_autoptr (SmartFixtureThreads) threads = data;
  guint64 id = smart_fixture_thread_id ();

  g_mutex_lock (&threads->lock);
  g_array_append_val (threads->ids, id);
  g_cond_broadcast (&threads->moved);
  g_mutex_unlock (&threads->lock);

  return threads->main (threads);
}

static void
threads_start (SmartFixtureThreads *threads, guint n)
{
  for (guint i = 0; i < n; i++)
    g_ptr_array_add (threads->started,
                     g_thread_new ("fixture", thread_main, g_object_ref (threads)));
}

/* Callers: each gives its calls' numbers, and expects them back. */

static gpointer
caller_main (SmartFixtureThreads *threads)
{
  for (guint i = 0; i < threads->n_calls; i++)
    {
      g_auto (GValue) arg = G_VALUE_INIT;
      g_auto (GValue) value = G_VALUE_INIT;
      g_autoptr (GError) error = NULL;

      g_value_init (&arg, G_TYPE_INT);
      g_value_set_int (&arg, (int) i);
      smart_async_func_call_sync (threads->func, NULL, &arg, 1, threads->cancellable, &value,
                                  &error);
      if (error == NULL && G_VALUE_HOLDS_INT (&value) && g_value_get_int (&value) != (int) i)
        g_set_error (&error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "%d came back, not %u",
                     g_value_get_int (&value), i);
      threads_note (threads, error);
    }

  return NULL;
}

/**
 * smart_fixture_threads_new_callers:
 * @func: what each thread calls, synchronously, with the call's number
 * @n_threads: how many threads
 * @n_calls: how many calls each makes
 * @cancellable: (nullable): what it gives to each
 */
SmartFixtureThreads *
smart_fixture_threads_new_callers (SmartAsyncFunc *func,
                                   guint n_threads,
                                   guint n_calls,
                                   GCancellable *cancellable)
{
  SmartFixtureThreads *threads = g_object_new (SMART_FIXTURE_TYPE_THREADS, NULL);

  threads->func = g_object_ref (func);
  threads->cancellable = cancellable != NULL ? g_object_ref (cancellable) : NULL;
  threads->n_calls = n_calls;
  threads->main = caller_main;
  threads_start (threads, n_threads);

  return threads;
}

/* Who begins calls, and is gone before they end */

static gpointer
leaver_main (SmartFixtureThreads *threads)
{
  g_autoptr (GMainContext) context = g_main_context_new ();

  g_main_context_push_thread_default (context);
  for (guint i = 0; i < threads->n_calls; i++)
    {
      g_autoptr (SmartFixtureThing) source = smart_fixture_thing_new ((int) i);
      g_auto (GValue) arg = G_VALUE_INIT;

      g_value_init (&arg, SMART_FIXTURE_TYPE_THING);
      g_value_take_object (&arg, smart_fixture_thing_new ((int) i));
      g_object_unref (
          smart_async_func_callv (threads->func, G_OBJECT (source), &arg, 1, threads->cancellable));
    }
  g_main_context_pop_thread_default (context);

  return NULL;
}

/**
 * smart_fixture_threads_new_leavers:
 * @func: what each thread calls, in a context of its own, with a thing
 * @n_threads: how many threads
 * @n_calls: how many calls each makes
 */
SmartFixtureThreads *
smart_fixture_threads_new_leavers (SmartAsyncFunc *func, guint n_threads, guint n_calls)
{
  SmartFixtureThreads *threads = g_object_new (SMART_FIXTURE_TYPE_THREADS, NULL);

  threads->func = g_object_ref (func);
  threads->n_calls = n_calls;
  threads->main = leaver_main;
  threads_start (threads, n_threads);

  return threads;
}

/* A loop */

static gboolean
loop_started (gpointer data)
{
  threads_note (data, NULL);

  return G_SOURCE_REMOVE;
}

static gpointer
loop_main (SmartFixtureThreads *threads)
{
  g_autoptr (GSource) started = g_idle_source_new ();

  g_source_set_callback (started, loop_started, threads, NULL);
  g_source_attach (started, threads->context);
  g_main_context_push_thread_default (threads->context);
  g_main_loop_run (threads->loop);
  g_main_context_pop_thread_default (threads->context);

  return NULL;
}

/**
 * smart_fixture_threads_new_loop:
 * @context: what a thread iterates from now on
 */
SmartFixtureThreads *
smart_fixture_threads_new_loop (GMainContext *context)
{
  SmartFixtureThreads *threads = g_object_new (SMART_FIXTURE_TYPE_THREADS, NULL);

  threads->context = g_main_context_ref (context);
  threads->loop = g_main_loop_new (context, FALSE);
  threads->main = loop_main;
  threads_start (threads, 1);
  /* To quit a loop that does not run yet would be lost. */
  smart_fixture_threads_wait_good (threads, 1);

  return threads;
}

/* Walkers of random trees */

static gpointer
walker_main (SmartFixtureThreads *threads)
{
  guint number;

  g_mutex_lock (&threads->lock);
  number = threads->n_walker++;
  g_mutex_unlock (&threads->lock);

  for (guint i = 0; i < threads->n_calls; i++)
    {
      g_autoptr (GError) error = NULL;

      smart_fixture_tree_walk (threads->seed + number * 100003 + i, 6 + i % 3, &error);
      threads_note (threads, error);
    }

  return NULL;
}

/**
 * smart_fixture_threads_new_walkers:
 * @n_threads: how many threads
 * @n_walks: how many trees each walks
 * @seed: what the trees follow from
 */
SmartFixtureThreads *
smart_fixture_threads_new_walkers (guint n_threads, guint n_walks, guint seed)
{
  SmartFixtureThreads *threads = g_object_new (SMART_FIXTURE_TYPE_THREADS, NULL);

  threads->n_calls = n_walks;
  threads->seed = seed;
  threads->main = walker_main;
  threads_start (threads, n_threads);

  return threads;
}

/* Who opens a gate for those that wait by means of the library */

static guint
count_waits (void)
{
  g_autofree char *dump = smart_async_dump_waits ();
  g_auto (GStrv) lines = g_strsplit (dump, "\n", -1);
  guint n = 0;

  for (guint i = 0; lines[i] != NULL; i++)
    n += g_str_has_prefix (lines[i], "thread ");

  return n;
}

static gpointer
opener_main (SmartFixtureThreads *threads)
{
  g_autoptr (SmartFixtureGate) pace = smart_fixture_gate_new ();
  g_autoptr (GError) error = NULL;
  gint64 deadline = g_get_monotonic_time () + DEADLINE_USEC;

  while (count_waits () < threads->n_calls && g_get_monotonic_time () < deadline)
    smart_fixture_gate_wait (pace, 1, NULL);
  if (count_waits () < threads->n_calls)
    error = g_error_new (G_IO_ERROR, G_IO_ERROR_TIMED_OUT, "only %u waits", count_waits ());
  smart_fixture_gate_open (threads->gate);
  threads_note (threads, error);

  return NULL;
}

/**
 * smart_fixture_threads_new_opener:
 * @gate: what a thread opens
 * @n_waits: as soon as so many threads are in one of the library's waits
 */
SmartFixtureThreads *
smart_fixture_threads_new_opener (SmartFixtureGate *gate, guint n_waits)
{
  SmartFixtureThreads *threads = g_object_new (SMART_FIXTURE_TYPE_THREADS, NULL);

  threads->gate = g_object_ref (gate);
  threads->n_calls = n_waits;
  threads->main = opener_main;
  threads_start (threads, 1);

  return threads;
}

/* Who settles, who cancels */

static gpointer
settler_main (SmartFixtureThreads *threads)
{
  g_auto (GValue) value = G_VALUE_INIT;

  g_value_init (&value, G_TYPE_INT);
  g_value_set_int (&value, threads->result);
  smart_future_resolve (threads->future, &value);
  threads_note (threads, NULL);

  return NULL;
}

/**
 * smart_fixture_threads_new_settler:
 * @future: what a thread resolves
 * @result: with this
 */
SmartFixtureThreads *
smart_fixture_threads_new_settler (SmartFuture *future, int result)
{
  SmartFixtureThreads *threads = g_object_new (SMART_FIXTURE_TYPE_THREADS, NULL);

  threads->future = g_object_ref (future);
  threads->result = result;
  threads->main = settler_main;
  threads_start (threads, 1);

  return threads;
}

static gpointer
canceller_main (SmartFixtureThreads *threads)
{
  if (threads->probe != NULL)
    smart_fixture_probe_wait_begun (threads->probe, 1);
  g_cancellable_cancel (threads->cancellable);
  if (threads->gate != NULL)
    smart_fixture_gate_open (threads->gate);
  threads_note (threads, NULL);

  return NULL;
}

/**
 * smart_fixture_threads_new_canceller:
 * @cancellable: what a thread cancels
 * @probe: (nullable): as soon as a body of it has begun
 * @gate: (nullable): what it opens thereafter
 */
SmartFixtureThreads *
smart_fixture_threads_new_canceller (GCancellable *cancellable,
                                     SmartFixtureProbe *probe,
                                     SmartFixtureGate *gate)
{
  SmartFixtureThreads *threads = g_object_new (SMART_FIXTURE_TYPE_THREADS, NULL);

  threads->cancellable = g_object_ref (cancellable);
  g_set_object (&threads->probe, probe);
  g_set_object (&threads->gate, gate);
  threads->main = canceller_main;
  threads_start (threads, 1);

  return threads;
}

/**
 * smart_fixture_threads_join:
 *
 * Waits for the threads' end; a loop is told to end.
 *
 * Returns: %FALSE, with the first error, if a call failed
 */
gboolean
smart_fixture_threads_join (SmartFixtureThreads *threads, GError **error)
{
  if (threads->loop != NULL)
    g_main_loop_quit (threads->loop);
  for (guint i = 0; i < threads->started->len; i++)
    g_thread_join (threads->started->pdata[i]);
  g_ptr_array_set_size (threads->started, 0);

  if (threads->error == NULL)
    return TRUE;
  g_propagate_error (error, g_error_copy (threads->error));
  return FALSE;
}

guint
smart_fixture_threads_get_n_good (SmartFixtureThreads *threads)
{
  guint n;

  g_mutex_lock (&threads->lock);
  n = threads->n_good;
  g_mutex_unlock (&threads->lock);

  return n;
}

/**
 * smart_fixture_threads_wait_good:
 *
 * Waits until so many calls gave what they should.
 *
 * Returns: %FALSE when they did not
 */
gboolean
smart_fixture_threads_wait_good (SmartFixtureThreads *threads, guint n)
{
  gint64 deadline = g_get_monotonic_time () + DEADLINE_USEC;
  gboolean reached;

  g_mutex_lock (&threads->lock);
  while (threads->n_good < n)
    if (!g_cond_wait_until (&threads->moved, &threads->lock, deadline))
      break;
  reached = threads->n_good >= n;
  g_mutex_unlock (&threads->lock);

  return reached;
}

/**
 * smart_fixture_threads_get_ids:
 *
 * Returns: (transfer floating): the threads that have begun, as `at`
 */
GVariant *
smart_fixture_threads_get_ids (SmartFixtureThreads *threads)
{
  GVariant *ids;

  g_mutex_lock (&threads->lock);
  ids = g_variant_new_fixed_array (G_VARIANT_TYPE_UINT64, threads->ids->data, threads->ids->len,
                                   sizeof (guint64));
  g_mutex_unlock (&threads->lock);

  return ids;
}
