/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Threads and loops at one lock, with cancels, forgets and resets among them,
 * against a model.
 *
 *   stress-lock [--seed N] [--calls N]
 *
 * What the model says, whatever meets: each caller gets one result, which is that
 * of an execution for his key that nobody had a result of when he came, or he was
 * cancelled. Two executions for one key are under way only if somebody forgot or
 * reset the first, or if nobody waits for it any more, and then it is cancelled.
 * When all are back nothing is left. What is done follows from the seed, which is
 * printed; when it meets, of course, does not.
 */

#include "smart-test.h"

#include <smartasync-glib/smartasync-glib.h>

#include <stdlib.h>

#define N_THREADS 8
#define N_LOOPS   2
#define N_KEYS    3
#define IN_FLIGHT 4

typedef struct
{
  guint id;
  guint key;
  int epoch;           /* of the key, before the first caller asked */
  GPtrArray *overlaps; /* model.mutex: those that began meanwhile */
  gboolean ended;      /* model.mutex */
  guint64 given_at;    /* model.mutex: somebody had its result; 0: nobody */
  GCancellable *cancellable;
  SmartCall *call;
} Execution;

/* One who asks. */
typedef struct
{
  GRand *rand;
  guint key;
  int epoch;  /* of the key, before he asked */
  int resets; /* before he asked */
  guint64 came_at;
  GCancellable *cancellable; /* model.mutex */
  guint n_left;
  struct _Loop *loop;
} Asker;

typedef struct _Loop
{
  GMainContext *context;
  guint n_busy;
  Asker askers[IN_FLIGHT];
} Loop;

static struct
{
  SmartLock *lock;
  SmartAsyncFunc *funcs[2];
  GMutex mutex;
  GPtrArray *executions; /* mutex */
  guint64 now;           /* mutex: counts what happens */
  Asker *askers[N_THREADS + N_LOOPS * IN_FLIGHT];
  int epochs[N_KEYS]; /* atomic: odd while it is being forgotten */
  int resets;         /* atomic: likewise */
  int n_calls;        /* atomic */
  int n_shared;       /* atomic: results that others had, too */
  int n_cancelled;    /* atomic */
  int n_busy;         /* atomic: threads and loops */
} model;

static const char *const keys[N_KEYS] = { "a", "b", NULL };

static guint32 seed;
static int n_calls = 5000;

static const GOptionEntry entries[] = {
  { "seed", 0, 0, G_OPTION_ARG_INT, &seed, "What all follows from", "N" },
  { "calls", 0, 0, G_OPTION_ARG_INT, &n_calls, "Of each who asks", "N" },
  { NULL, 0, 0, 0, NULL, NULL, NULL },
};

/* The body's side */

static void
execution_free (gpointer data)
{
  Execution *execution = data;

  g_ptr_array_unref (execution->overlaps);
  g_object_unref (execution->cancellable);
  g_free (execution);
}

static Execution *
execution_begin (SmartCall *call)
{
  Asker *asker = smart_call_get_pointer (call, 0);
  Execution *execution = g_new0 (Execution, 1);

  /* The first caller is where he was when he asked: his flight is not over. Or he
   * has gone, and the flight is cancelled; what he asks for now is nobody's. */
  execution->key = (guint) smart_call_get_int (call, 1);
  execution->epoch = smart_call_get_int (call, 2);
  execution->cancellable = g_object_ref (smart_call_get_cancellable (call));
  execution->call = call;
  execution->overlaps = g_ptr_array_new ();
  g_assert_nonnull (asker);

  g_mutex_lock (&model.mutex);
  for (guint n = 0; n < model.executions->len; n++)
    {
      Execution *other = g_ptr_array_index (model.executions, n);

      if (!other->ended && other->key == execution->key &&
          other->epoch == g_atomic_int_get (&model.epochs[other->key]))
        g_ptr_array_add (other->overlaps, execution);
    }
  execution->id = model.executions->len;
  g_ptr_array_add (model.executions, execution);
  g_mutex_unlock (&model.mutex);

  return execution;
}

static gboolean
is_closed (Execution *execution)
{
  return g_cancellable_is_cancelled (execution->cancellable) ||
         execution->epoch != g_atomic_int_get (&model.epochs[execution->key]);
}

/* It, or each that began meanwhile: a flight may be closed before its body begins. */
static gboolean
is_alone (gpointer data)
{
  Execution *execution = data;

  if (is_closed (execution))
    return TRUE;

  for (guint n = 0; n < execution->overlaps->len; n++)
    if (!is_closed (g_ptr_array_index (execution->overlaps, n)))
      return FALSE;

  return TRUE;
}

static void
execution_end (Execution *execution)
{
  /* No more are added to those that it overlaps. */
  g_mutex_lock (&model.mutex);
  execution->ended = TRUE;
  g_mutex_unlock (&model.mutex);

  smart_test_wait_until (is_alone, execution);
  smart_call_return_int (execution->call, (int) execution->id);
}

static gboolean
end_later (gpointer data)
{
  Execution *execution = data;
  SmartCall *call = execution->call;

  execution_end (execution);
  g_object_unref (call);

  return G_SOURCE_REMOVE;
}

static void
body_async (SmartCall *call, gpointer data)
{
  Execution *execution = execution_begin (call);

  g_object_ref (call);
  if (smart_call_get_int (call, 3) == 0)
    end_later (execution);
  else
    smart_call_add_timeout (call, (guint) smart_call_get_int (call, 3) - 1, end_later, execution,
                            NULL);
}

static void
body_blocking (SmartCall *call, gpointer data)
{
  Execution *execution = execution_begin (call);
  g_auto (SmartTestGate) gate = { 0 };

  smart_test_gate_init (&gate);
  smart_test_gate_wait_for (&gate, smart_call_get_int (call, 3) * 300);
  execution_end (execution);
}

/* The caller's side */

static void
forget (guint key)
{
  g_atomic_int_inc (&model.epochs[key]);
  smart_lock_forget (model.lock, keys[key]);
  g_atomic_int_inc (&model.epochs[key]);
}

static void
reset (void)
{
  g_atomic_int_inc (&model.resets);
  for (guint key = 0; key < N_KEYS; key++)
    g_atomic_int_inc (&model.epochs[key]);
  smart_lock_reset (model.lock);
  for (guint key = 0; key < N_KEYS; key++)
    g_atomic_int_inc (&model.epochs[key]);
  g_atomic_int_inc (&model.resets);
}

static void
cancel_one (GRand *rand)
{
  guint who = (guint) g_rand_int_range (rand, 0, G_N_ELEMENTS (model.askers));
  GCancellable *cancellable = NULL;

  g_mutex_lock (&model.mutex);
  if (model.askers[who] != NULL && model.askers[who]->cancellable != NULL)
    cancellable = g_object_ref (model.askers[who]->cancellable);
  g_mutex_unlock (&model.mutex);

  g_cancellable_cancel (cancellable);
  g_clear_object (&cancellable);
}

static void
interfere (GRand *rand)
{
  int dice = g_rand_int_range (rand, 0, 100);

  if (dice < 30)
    cancel_one (rand);
  else if (dice < 36)
    forget ((guint) g_rand_int_range (rand, 0, N_KEYS));
  else if (dice < 38)
    reset ();
}

static void
init_args (Asker *asker, GValue args[4])
{
  g_value_init (&args[0], G_TYPE_POINTER);
  g_value_set_pointer (&args[0], asker);
  for (guint n = 1; n < 4; n++)
    g_value_init (&args[n], G_TYPE_INT);
  g_value_set_int (&args[1], (int) asker->key);
  g_value_set_int (&args[2], asker->epoch);
  g_value_set_int (&args[3], g_rand_int_range (asker->rand, 0, 4));
}

static SmartAsyncFunc *
asker_prepare (Asker *asker, GValue args[4])
{
  asker->key = (guint) g_rand_int_range (asker->rand, 0, N_KEYS);
  asker->epoch = g_atomic_int_get (&model.epochs[asker->key]);
  asker->resets = g_atomic_int_get (&model.resets);
  init_args (asker, args);
  g_atomic_int_inc (&model.n_calls);

  g_mutex_lock (&model.mutex);
  asker->came_at = ++model.now;
  asker->cancellable = g_cancellable_new ();
  g_mutex_unlock (&model.mutex);

  return model.funcs[g_rand_int_range (asker->rand, 0, 2)];
}

static void
asker_got (Asker *asker, gboolean ok, const GValue *value, const GError *error)
{
  GCancellable *cancellable;

  g_mutex_lock (&model.mutex);
  cancellable = g_steal_pointer (&asker->cancellable);
  if (ok)
    {
      Execution *execution = g_ptr_array_index (model.executions, (guint) g_value_get_int (value));

      g_assert_cmpuint (execution->key, ==, asker->key);
      g_assert_true (execution->ended);
      if (execution->given_at == 0)
        execution->given_at = ++model.now;
      g_assert_cmpuint (execution->given_at, >, asker->came_at);
    }
  g_mutex_unlock (&model.mutex);

  if (!ok)
    {
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
      g_assert_true (g_cancellable_is_cancelled (cancellable) ||
                     asker->resets != g_atomic_int_get (&model.resets) || asker->resets % 2 == 1);
      g_atomic_int_inc (&model.n_cancelled);
    }
  g_object_unref (cancellable);
}

static gpointer
thread_main (gpointer data)
{
  Asker *asker = data;

  for (; asker->n_left > 0; asker->n_left--)
    {
      GValue args[4] = { G_VALUE_INIT, G_VALUE_INIT, G_VALUE_INIT, G_VALUE_INIT };
      GValue value = G_VALUE_INIT;
      GError *error = NULL;
      SmartAsyncFunc *func = asker_prepare (asker, args);
      gboolean ok;

      ok = smart_lock_run_once_sync (model.lock, keys[asker->key], func, NULL, args, 4,
                                     asker->cancellable, &value, &error);
      asker_got (asker, ok, &value, error);
      g_clear_error (&error);
      g_value_unset (&value);
      interfere (asker->rand);
    }

  g_atomic_int_add (&model.n_busy, -1);

  return NULL;
}

static void asker_next (Asker *asker);

static void
asker_ready (GObject *source, GAsyncResult *result, gpointer data)
{
  Asker *asker = data;
  g_auto (GValue) value = G_VALUE_INIT;
  g_autoptr (GError) error = NULL;
  gboolean ok = smart_lock_run_once_finish (model.lock, result, &value, &error);

  g_assert_true (g_main_context_is_owner (asker->loop->context));
  asker_got (asker, ok, &value, error);
  interfere (asker->rand);
  asker_next (asker);
}

static void
asker_next (Asker *asker)
{
  GValue args[4] = { G_VALUE_INIT, G_VALUE_INIT, G_VALUE_INIT, G_VALUE_INIT };
  SmartAsyncFunc *func;

  if (asker->n_left-- == 0)
    {
      if (--asker->loop->n_busy == 0)
        g_atomic_int_add (&model.n_busy, -1);
      return;
    }

  func = asker_prepare (asker, args);
  smart_lock_run_once_async (model.lock, keys[asker->key], func, NULL, args, 4, asker->cancellable,
                             asker_ready, asker);
}

static gboolean
tick (gpointer unused)
{
  return G_SOURCE_CONTINUE;
}

/* Its context is iterated as long as anybody may wait for a flight of it. */
static gpointer
loop_main (gpointer data)
{
  Loop *loop = data;
  g_autoptr (GSource) ticker = g_timeout_source_new (5);

  g_main_context_push_thread_default (loop->context);
  g_source_set_callback (ticker, tick, NULL, NULL);
  g_source_attach (ticker, loop->context);

  for (guint n = 0; n < IN_FLIGHT; n++)
    asker_next (&loop->askers[n]);
  while (g_atomic_int_get (&model.n_busy) > 0 || smart_lock_get_n_flights (model.lock) > 0)
    g_main_context_iteration (loop->context, TRUE);

  g_source_destroy (ticker);
  while (g_main_context_iteration (loop->context, FALSE))
    ;
  g_main_context_pop_thread_default (loop->context);

  return NULL;
}

static void
asker_init (Asker *asker, GRand *rand)
{
  asker->rand = g_rand_new_with_seed (g_rand_int (rand));
  asker->n_left = smart_test_scale ((guint) n_calls, 60);
}

static gboolean
is_gone (gpointer data)
{
  return *(gpointer *) data == NULL;
}

static void
test_stress (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (seed);
  Asker askers[N_THREADS] = { 0 };
  Loop loops[N_LOOPS] = { 0 };
  GThread *threads[N_THREADS + N_LOOPS];
  gpointer lock;

  g_test_message ("seed %u, %d calls of each", seed, n_calls);
  model.lock = smart_lock_new ();
  model.funcs[0] = smart_async_func_new (body_async, NULL, NULL);
  model.funcs[1] = smart_async_func_new_blocking (body_blocking, NULL, NULL);
  model.executions = g_ptr_array_new_with_free_func (execution_free);
  model.n_busy = N_THREADS + N_LOOPS;
  model.n_calls = model.n_cancelled = 0;
  g_mutex_init (&model.mutex);

  for (guint n = 0; n < N_THREADS; n++)
    {
      asker_init (&askers[n], rand);
      model.askers[n] = &askers[n];
    }
  for (guint l = 0; l < N_LOOPS; l++)
    {
      loops[l].context = g_main_context_new ();
      loops[l].n_busy = IN_FLIGHT;
      for (guint n = 0; n < IN_FLIGHT; n++)
        {
          asker_init (&loops[l].askers[n], rand);
          loops[l].askers[n].loop = &loops[l];
          model.askers[N_THREADS + l * IN_FLIGHT + n] = &loops[l].askers[n];
        }
    }

  for (guint n = 0; n < N_THREADS; n++)
    threads[n] = g_thread_new ("asker", thread_main, &askers[n]);
  for (guint l = 0; l < N_LOOPS; l++)
    threads[N_THREADS + l] = g_thread_new ("loop", loop_main, &loops[l]);
  for (guint n = 0; n < N_THREADS + N_LOOPS; n++)
    g_thread_join (threads[n]);

  g_test_message ("%d calls, %u executions, %d cancelled", model.n_calls, model.executions->len,
                  model.n_cancelled);
  g_assert_cmpuint (smart_lock_get_n_waiters (model.lock), ==, 0);
  g_assert_cmpuint (smart_lock_get_n_flights (model.lock), ==, 0);
  g_assert_cmpuint (smart_lock_get_n_calls (model.lock), ==, (guint) model.n_calls);
  g_assert_cmpuint (smart_lock_get_n_executions (model.lock), >=, model.executions->len);

  lock = model.lock;
  g_object_add_weak_pointer (lock, &lock);
  g_object_unref (model.lock);
  smart_test_wait_until (is_gone, &lock);

  g_object_unref (model.funcs[0]);
  g_object_unref (model.funcs[1]);
  for (guint n = 0; n < G_N_ELEMENTS (model.askers); n++)
    g_rand_free (model.askers[n]->rand);
  for (guint l = 0; l < N_LOOPS; l++)
    g_main_context_unref (loops[l].context);
  g_ptr_array_unref (model.executions);
  g_mutex_clear (&model.mutex);
}

int
main (int argc, char **argv)
{
  g_autoptr (GOptionContext) options = g_option_context_new (NULL);

  smart_test_init (&argc, &argv);
  seed = g_random_int ();
  g_option_context_add_main_entries (options, entries, NULL);
  if (!g_option_context_parse (options, &argc, &argv, NULL))
    return EXIT_FAILURE;

  smart_test_add_main ("/stress-lock", test_stress);

  return g_test_run ();
}
