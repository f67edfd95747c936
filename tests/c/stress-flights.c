/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "stress-flights.h"

#include "smart-test.h"

struct _Execution
{
  guint id;
  guint key;
  int epoch;           /* of the key, before the first caller asked */
  GPtrArray *overlaps; /* mutex: those that began meanwhile */
  gboolean ended;      /* mutex */
  gboolean deserted;   /* mutex: there was nobody left who asked for its key */
  guint64 given_at;    /* mutex: somebody had its result; 0: nobody */
  GCancellable *cancellable;
};

static struct
{
  SmartLock *lock;
  GMutex mutex;
  GPtrArray *executions; /* mutex */
  GPtrArray *live;       /* mutex: of these, those that have not ended */
  guint64 now;           /* mutex: counts what happens */
  guint n_there[N_KEYS]; /* mutex: those who have asked, and have no result */
  guint n_deserted;      /* mutex: executions */
  int epochs[N_KEYS];    /* atomic: odd while it is being forgotten */
  int resets;            /* atomic: likewise */
  int n_asked;           /* atomic */
  int n_watched;         /* atomic: flights that must be cancelled */
  gint64 patience;       /* us: how long somebody may take to close a flight */
} model;

static const char *const keys[N_KEYS] = { "a", "b", NULL, "fails" };

static void
execution_free (gpointer data)
{
  Execution *execution = data;

  g_ptr_array_unref (execution->overlaps);
  g_object_unref (execution->cancellable);
  g_free (execution);
}

void
flights_init (gint64 patience)
{
  model.patience = patience;
  g_mutex_init (&model.mutex);
  model.lock = smart_lock_new ();
  model.executions = g_ptr_array_new_with_free_func (execution_free);
  model.live = g_ptr_array_new ();
  model.n_asked = 0;
  model.n_deserted = 0;
}

/* All are back: nothing is left, and the lock has counted right. */
void
flights_clear (void)
{
  GWeakRef lock;

  g_test_message ("%d asked for flights, %u bodies ran, %u deserted, %" G_GUINT64_FORMAT " flights",
                  model.n_asked, model.executions->len, model.n_deserted,
                  smart_lock_get_n_executions (model.lock));
  g_assert_cmpuint (model.live->len, ==, 0);
  g_assert_cmpuint (smart_lock_get_n_waiters (model.lock), ==, 0);
  g_assert_cmpuint (smart_lock_get_n_flights (model.lock), ==, 0);
  g_assert_cmpuint (smart_lock_get_n_calls (model.lock), ==, (guint) model.n_asked);
  g_assert_cmpuint (smart_lock_get_n_executions (model.lock), >=, model.executions->len);
  g_assert_cmpuint (smart_lock_get_n_executions (model.lock), <=, (guint) model.n_asked);

  g_weak_ref_init (&lock, model.lock);
  g_object_unref (model.lock);
  smart_test_wait_until (smart_test_is_gone, &lock);
  g_weak_ref_clear (&lock);

  g_ptr_array_unref (model.live);
  g_ptr_array_unref (model.executions);
  g_mutex_clear (&model.mutex);
}

SmartLock *
flights_get_lock (void)
{
  return model.lock;
}

int
flights_get_resets (void)
{
  return g_atomic_int_get (&model.resets);
}

const char *
flights_get_key (const Node *node)
{
  return keys[node->key];
}

/* Before NODE asks. */
void
flights_ask (Node *node)
{
  g_atomic_int_inc (&model.n_asked);
  node->epoch = g_atomic_int_get (&model.epochs[node->key]);

  g_mutex_lock (&model.mutex);
  node->came_at = ++model.now;
  model.n_there[node->key]++;
  g_mutex_unlock (&model.mutex);
}

/* HOLDS: the model's mutex */
static void
desert (Execution *execution)
{
  if (!execution->deserted && model.n_there[execution->key] == 0)
    {
      execution->deserted = TRUE;
      model.n_deserted++;
    }
}

/* NODE has its result, or an error. */
void
flights_leave (const Node *node)
{
  g_mutex_lock (&model.mutex);
  model.n_there[node->key]--;
  for (guint n = 0; n < model.live->len; n++)
    desert (g_ptr_array_index (model.live, n));
  g_mutex_unlock (&model.mutex);
}

/* The body of who asked first has begun: he is where he was when he asked, his
 * flight is not over. Or he has gone, and the flight is cancelled. */
Execution *
flights_begin (const Node *node, SmartCall *call)
{
  Execution *execution = g_new0 (Execution, 1);

  execution->key = node->key;
  execution->epoch = node->epoch;
  execution->cancellable = g_object_ref (smart_call_get_cancellable (call));
  execution->overlaps = g_ptr_array_new ();

  g_mutex_lock (&model.mutex);
  for (guint n = 0; n < model.live->len; n++)
    {
      Execution *other = g_ptr_array_index (model.live, n);

      if (other->key == execution->key &&
          other->epoch == g_atomic_int_get (&model.epochs[other->key]))
        g_ptr_array_add (other->overlaps, execution);
    }
  execution->id = model.executions->len;
  g_ptr_array_add (model.executions, execution);
  g_ptr_array_add (model.live, execution);
  desert (execution);
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
is_alone (Execution *execution)
{
  if (is_closed (execution))
    return TRUE;

  for (guint n = 0; n < execution->overlaps->len; n++)
    if (!is_closed (g_ptr_array_index (execution->overlaps, n)))
      return FALSE;

  return TRUE;
}

/* Who closed a flight tells of it a moment later. */
static void
wait_until_alone (Execution *execution)
{
  gint64 deadline = g_get_monotonic_time () + model.patience;

  while (!is_alone (execution))
    {
      if (g_get_monotonic_time () > deadline)
        g_error ("Two flights for one key");
      g_thread_yield ();
    }
}

/* Whoever was the last to leave it cancels it, but a moment after he has said so; it must not
 * be a reset that does. */
static void
wait_until_cancelled (Execution *execution)
{
  gint64 deadline = g_get_monotonic_time () + model.patience;

  g_atomic_int_inc (&model.n_watched);
  while (!g_cancellable_is_cancelled (execution->cancellable))
    {
      if (g_get_monotonic_time () > deadline)
        g_error ("A flight goes on for which nobody waits");
      g_thread_yield ();
    }
  g_atomic_int_add (&model.n_watched, -1);
}

/* What it gives: which execution it is, and what its key is worth. */
gboolean
flights_end (Execution *execution, GValue *value, GError **error)
{
  gboolean deserted;

  g_mutex_lock (&model.mutex);
  deserted = execution->deserted;
  execution->ended = TRUE;
  g_ptr_array_remove_fast (model.live, execution);
  g_mutex_unlock (&model.mutex);

  /* No more are added to those that it overlaps. */
  wait_until_alone (execution);
  if (deserted)
    wait_until_cancelled (execution);

  if (execution->key == FAILING_KEY)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_EXISTS, "planned %u", execution->id);
      return FALSE;
    }

  g_value_init (value, G_TYPE_UINT64);
  g_value_set_uint64 (value, (guint64) execution->id << 32 | key_get_worth (execution->key));

  return TRUE;
}

static void
judge_execution (const Node *node, guint id)
{
  Execution *execution;

  g_mutex_lock (&model.mutex);
  g_assert_cmpuint (id, <, model.executions->len);
  execution = g_ptr_array_index (model.executions, id);
  g_assert_cmpuint (execution->key, ==, node->key);
  g_assert_true (execution->ended);
  if (execution->given_at == 0)
    execution->given_at = ++model.now;
  g_assert_cmpuint (execution->given_at, >, node->came_at);
  g_mutex_unlock (&model.mutex);
}

/* What NODE got; returns what it is worth. */
guint
flights_judge (const Node *node, const GValue *value)
{
  guint64 result = g_value_get_uint64 (value);

  judge_execution (node, (guint) (result >> 32));

  return (guint) result;
}

/* The planned failure of a flight. */
void
flights_judge_failure (const Node *node, const GError *error)
{
  g_assert_true (g_str_has_prefix (error->message, "planned "));
  judge_execution (node, (guint) g_ascii_strtoull (error->message + strlen ("planned "), NULL, 10));
}

void
flights_forget (guint key)
{
  g_atomic_int_inc (&model.epochs[key]);
  smart_lock_forget (model.lock, keys[key]);
  g_atomic_int_inc (&model.epochs[key]);
}

void
flights_reset (void)
{
  while (g_atomic_int_get (&model.n_watched) > 0)
    g_thread_yield ();

  g_atomic_int_inc (&model.resets);
  for (guint key = 0; key < N_KEYS; key++)
    g_atomic_int_inc (&model.epochs[key]);
  smart_lock_reset (model.lock);
  for (guint key = 0; key < N_KEYS; key++)
    g_atomic_int_inc (&model.epochs[key]);
  g_atomic_int_inc (&model.resets);
}
