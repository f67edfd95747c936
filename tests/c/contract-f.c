/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The contract's section F: futures. */

#include "smart-test.h"

#include <smartasync-glib/smartasync-glib.h>

#include <pthread.h>

#define N_THREADS 8

/* Values and errors */

static void
resolve_int (SmartFuture *future, int number)
{
  g_auto (GValue) value = G_VALUE_INIT;

  g_value_init (&value, G_TYPE_INT);
  g_value_set_int (&value, number);
  g_assert_true (smart_future_resolve (future, &value));
}

static gboolean
try_resolve_int (SmartFuture *future, int number)
{
  g_auto (GValue) value = G_VALUE_INIT;

  g_value_init (&value, G_TYPE_INT);
  g_value_set_int (&value, number);

  return smart_future_resolve (future, &value);
}

static gboolean
try_reject (SmartFuture *future, int code)
{
  return smart_future_reject (future, g_error_new_literal (G_IO_ERROR, code, "refused"));
}

static SmartFuture *
future_for_int (int number)
{
  g_auto (GValue) value = G_VALUE_INIT;

  g_value_init (&value, G_TYPE_INT);
  g_value_set_int (&value, number);

  return smart_future_new_for_value (&value);
}

static SmartFuture *
future_for_error (int code)
{
  return smart_future_new_for_error (g_error_new_literal (G_IO_ERROR, code, "refused"));
}

static void
assert_int (SmartFuture *future, int expected)
{
  g_autoptr (GError) error = NULL;
  int got = smart_future_get_int (future, &error);

  g_assert_no_error (error);
  g_assert_cmpint (smart_future_get_status (future), ==, SMART_FUTURE_RESOLVED);
  g_assert_cmpint (got, ==, expected);
}

static void
assert_rejected (SmartFuture *future, GQuark domain, int code)
{
  g_autoptr (GError) error = NULL;
  g_auto (GValue) value = G_VALUE_INIT;

  g_assert_cmpint (smart_future_get_status (future), ==, SMART_FUTURE_REJECTED);
  g_assert_false (smart_future_get_value (future, &value, &error));
  g_assert_error (error, domain, code);
}

static gboolean
is_settled (gpointer future)
{
  return smart_future_get_status (future) != SMART_FUTURE_PENDING;
}

/* Waits for the value that another thread, a source or a worker brings. */
static void
assert_wait_int (SmartFuture *future, int expected)
{
  g_autoptr (GError) error = NULL;
  g_auto (GValue) value = G_VALUE_INIT;
  gboolean resolved =
      smart_future_wait (future, smart_test_bound (SMART_TEST_DEADLINE_USEC), NULL, &value, &error);

  g_assert_no_error (error);
  g_assert_true (resolved);
  g_assert_true (G_VALUE_HOLDS_INT (&value));
  g_assert_cmpint (g_value_get_int (&value), ==, expected);
}

/* F1: settles once */

static void
settles_once_by_value (void)
{
  g_autoptr (SmartFuture) future = smart_future_new (NULL);

  g_assert_cmpint (smart_future_get_status (future), ==, SMART_FUTURE_PENDING);
  g_assert_true (try_resolve_int (future, 1));
  assert_int (future, 1);

  g_assert_false (try_resolve_int (future, 2));
  g_assert_false (try_reject (future, G_IO_ERROR_BUSY));
  smart_future_cancel (future);
  assert_int (future, 1);
}

static void
settles_once_by_error (void)
{
  g_autoptr (SmartFuture) future = smart_future_new (NULL);

  g_assert_true (try_reject (future, G_IO_ERROR_BUSY));
  assert_rejected (future, G_IO_ERROR, G_IO_ERROR_BUSY);

  g_assert_false (try_resolve_int (future, 2));
  g_assert_false (try_reject (future, G_IO_ERROR_CLOSED));
  smart_future_cancel (future);
  assert_rejected (future, G_IO_ERROR, G_IO_ERROR_BUSY);
}

static void
settles_once_by_cancelling (void)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (SmartFuture) future = smart_future_new (cancellable);
  g_autoptr (SmartFuture) other = smart_future_new (NULL);

  g_cancellable_cancel (cancellable);
  assert_rejected (future, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_false (try_resolve_int (future, 1));

  smart_future_cancel (other);
  assert_rejected (other, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_false (try_resolve_int (other, 1));
}

static void
settles_once_from_the_start (void)
{
  g_autoptr (SmartFuture) value = future_for_int (1);
  g_autoptr (SmartFuture) error = future_for_error (G_IO_ERROR_BUSY);

  g_assert_false (try_resolve_int (value, 2));
  assert_int (value, 1);
  g_assert_false (try_resolve_int (error, 2));
  assert_rejected (error, G_IO_ERROR, G_IO_ERROR_BUSY);
}

static void
count_notify (SmartFuture *future, gpointer user_data)
{
  g_assert_true (is_settled (future));
  g_atomic_int_inc ((int *) user_data);
}

/* A round is one future that all threads settle at the same moment: those of
 * an even number with it as the value, the others with it as the error's code.
 */
typedef struct
{
  pthread_barrier_t barrier;
  guint n_rounds;
  SmartFuture *future;    /* set by the main thread between the barriers */
  int winners[N_THREADS]; /* each thread's own */
} Race;

typedef struct
{
  Race *race;
  int number;
  GThread *thread;
} Racer;

static gpointer
racer_main (gpointer data)
{
  Racer *racer = data;
  Race *race = racer->race;

  for (guint i = 0; i < race->n_rounds; i++)
    {
      pthread_barrier_wait (&race->barrier);
      race->winners[racer->number] = racer->number % 2 == 0
                                         ? try_resolve_int (race->future, racer->number)
                                         : try_reject (race->future, racer->number);
      pthread_barrier_wait (&race->barrier);
    }

  return NULL;
}

static void
assert_one_winner (Race *race)
{
  int winner = -1;

  for (int i = 0; i < N_THREADS; i++)
    if (race->winners[i])
      {
        g_assert_cmpint (winner, ==, -1);
        winner = i;
      }
  g_assert_cmpint (winner, >=, 0);

  if (winner % 2 == 0)
    assert_int (race->future, winner);
  else
    assert_rejected (race->future, G_IO_ERROR, winner);
}

static void
one_of_eight_wins (void)
{
  Race race = { .n_rounds = smart_test_scale (2000, 50) };
  Racer racers[N_THREADS];

  pthread_barrier_init (&race.barrier, NULL, N_THREADS + 1);
  for (int i = 0; i < N_THREADS; i++)
    {
      racers[i] = (Racer) { .race = &race, .number = i };
      racers[i].thread = g_thread_new ("racer", racer_main, &racers[i]);
    }

  for (guint i = 0; i < race.n_rounds; i++)
    {
      int n_notified = 0;

      race.future = smart_future_new (NULL);
      smart_future_add_notify (race.future, count_notify, &n_notified, NULL);
      pthread_barrier_wait (&race.barrier);
      pthread_barrier_wait (&race.barrier);

      assert_one_winner (&race);
      g_assert_cmpint (g_atomic_int_get (&n_notified), ==, 1);
      g_clear_object (&race.future);
    }

  for (int i = 0; i < N_THREADS; i++)
    g_thread_join (racers[i].thread);
  pthread_barrier_destroy (&race.barrier);
}

/* Everyone who can wait for a future does: threads, callbacks, a continuation,
 * a notify, and one who asks when all is over. A thread settles it.
 */

#define N_WAITING_THREADS 4
#define N_AUDIENCE        (N_WAITING_THREADS + 4)

typedef struct
{
  SmartFuture *future;
  const GValue *outcome; /* NULL: an error */
  SmartFuture *continued;
  guint n_ready; /* callbacks that came */
  SmartTestGate gate;
  GThread *threads[N_WAITING_THREADS];
  GThread *settler;
  GMutex lock;
  GPtrArray *values; /* lock: of GValue */
  guint n_errors;    /* lock */
} Audience;

static void
value_free (gpointer data)
{
  g_value_unset (data);
  g_free (data);
}

/* Takes what VALUE and ERROR hold. */
static void
audience_got (Audience *audience, gboolean resolved, GValue *value, GError *error)
{
  g_mutex_lock (&audience->lock);
  if (resolved)
    {
      g_assert_no_error (error);
      g_ptr_array_add (audience->values, g_memdup2 (value, sizeof *value));
    }
  else
    {
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_BUSY);
      g_assert_cmpstr (error->message, ==, "refused");
      audience->n_errors++;
      g_value_unset (value);
    }
  g_mutex_unlock (&audience->lock);
  g_clear_error (&error);
}

static void
audience_get (Audience *audience)
{
  GValue value = G_VALUE_INIT;
  GError *error = NULL;
  gboolean resolved = smart_future_get_value (audience->future, &value, &error);

  audience_got (audience, resolved, &value, error);
}

static gpointer
audience_thread (gpointer data)
{
  Audience *audience = data;
  GValue value = G_VALUE_INIT;
  GError *error = NULL;
  gboolean resolved;

  smart_test_gate_wait (&audience->gate);
  resolved = smart_future_wait (audience->future, -1, NULL, &value, &error);
  audience_got (audience, resolved, &value, error);

  return NULL;
}

static void
audience_notify (SmartFuture *future, gpointer user_data)
{
  audience_get (user_data);
}

static void
audience_ready (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Audience *audience = user_data;
  GValue value = G_VALUE_INIT;
  GError *error = NULL;
  gboolean resolved;

  g_assert_true (source == G_OBJECT (audience->future));
  resolved = smart_future_wait_finish (audience->future, result, &value, &error);
  audience_got (audience, resolved, &value, error);
  audience->n_ready++;
}

static void
audience_continue (SmartCall *call, SmartFuture *settled, gpointer user_data)
{
  g_assert_true (settled == ((Audience *) user_data)->future);
  audience_get (user_data);
  smart_call_return_none (call);
}

static gpointer
audience_settle (gpointer data)
{
  Audience *audience = data;

  if (audience->outcome != NULL)
    g_assert_true (smart_future_resolve (audience->future, audience->outcome));
  else
    g_assert_true (try_reject (audience->future, G_IO_ERROR_BUSY));

  return NULL;
}

static void
audience_begin (gpointer data)
{
  Audience *audience = data;

  for (guint i = 0; i < N_WAITING_THREADS; i++)
    audience->threads[i] = g_thread_new ("waiter", audience_thread, audience);

  smart_future_wait_async (audience->future, NULL, audience_ready, audience);
  smart_future_wait_async (audience->future, NULL, audience_ready, audience);
  smart_future_add_notify (audience->future, audience_notify, audience, NULL);
  audience->continued = smart_future_finally (audience->future, audience_continue, audience, NULL);

  smart_test_gate_open (&audience->gate);
  audience->settler = g_thread_new ("settler", audience_settle, audience);
}

/* What comes through the context; the threads are joined. */
static gboolean
audience_is_served (gpointer data)
{
  Audience *audience = data;

  return audience->n_ready == 2 && is_settled (audience->continued);
}

static void
audience_init (Audience *audience, const GValue *outcome)
{
  *audience = (Audience) { .future = smart_future_new (NULL), .outcome = outcome };
  audience->values = g_ptr_array_new_with_free_func (value_free);
  smart_test_gate_init (&audience->gate);
  g_mutex_init (&audience->lock);

  smart_test_in_loop (audience_begin, audience_is_served, audience);

  for (guint i = 0; i < N_WAITING_THREADS; i++)
    g_thread_join (audience->threads[i]);
  g_thread_join (audience->settler);
  audience_get (audience);
  g_assert_cmpuint (audience->values->len + audience->n_errors, ==, N_AUDIENCE + 1);
}

static void
audience_clear (Audience *audience)
{
  g_assert_finalize_object (g_steal_pointer (&audience->continued));
  g_assert_finalize_object (g_steal_pointer (&audience->future));
  g_ptr_array_unref (audience->values);
  smart_test_gate_clear (&audience->gate);
  g_mutex_clear (&audience->lock);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Audience, audience_clear)

static void
all_see_the_same (void)
{
  g_auto (GValue) text = G_VALUE_INIT;
  g_auto (Audience) audience;

  g_value_init (&text, G_TYPE_STRING);
  g_value_set_string (&text, "the result");
  audience_init (&audience, &text);

  g_assert_cmpuint (audience.values->len, ==, N_AUDIENCE + 1);
  for (guint i = 0; i < audience.values->len; i++)
    g_assert_cmpstr (g_value_get_string (g_ptr_array_index (audience.values, i)), ==, "the result");
}

static void
all_see_the_same_error (void)
{
  g_auto (Audience) audience;

  audience_init (&audience, NULL);
  g_assert_cmpuint (audience.n_errors, ==, N_AUDIENCE + 1);
}

/* What one of them does to its string or its array, nobody else sees. */
static void
each_has_its_own_copy (void)
{
  const char *const words[] = { "one", "two", NULL };
  g_auto (GValue) value = G_VALUE_INIT;
  g_auto (Audience) audience;

  g_value_init (&value, G_TYPE_STRV);
  g_value_set_boxed (&value, words);
  audience_init (&audience, &value);

  for (guint i = 0; i < audience.values->len; i++)
    {
      char **copy = g_value_get_boxed (g_ptr_array_index (audience.values, i));

      g_assert_cmpstr (copy[0], ==, "one");
      copy[0][0] = 'X';
    }
  audience_get (&audience);
}

static void
each_has_its_own_string (void)
{
  g_auto (GValue) value = G_VALUE_INIT;
  g_autoptr (SmartFuture) future = smart_future_new (NULL);
  g_autofree char *one = NULL;
  g_autofree char *other = NULL;

  g_value_init (&value, G_TYPE_STRING);
  g_value_set_string (&value, "mine");
  g_assert_true (smart_future_resolve (future, &value));
  ((char *) g_value_get_string (&value))[0] = 'X';

  one = smart_future_get_string (future, NULL);
  one[0] = 'X';
  other = smart_future_get_string (future, NULL);
  g_assert_cmpstr (other, ==, "mine");
}

/* An object is shared, with a reference for each. */
static void
each_has_its_own_reference (void)
{
  g_auto (GValue) value = G_VALUE_INIT;
  g_auto (Audience) audience;
  GObject *object = g_object_new (G_TYPE_OBJECT, NULL);

  g_value_init (&value, G_TYPE_OBJECT);
  g_value_set_object (&value, object);
  audience_init (&audience, &value);

  for (guint i = 0; i < audience.values->len; i++)
    g_assert_true (g_value_get_object (g_ptr_array_index (audience.values, i)) == object);
  /* The test's, its value's, the future's, which the continued one shares, and one
   * for each. */
  g_assert_cmpuint (object->ref_count, ==, 3 + audience.values->len);

  g_object_unref (object);
}

/* F4: then, catch, finally */

typedef struct
{
  SmartFuture *future;
  SmartFuture *derived;
  SmartCall *kept;
  GThread *thread;       /* where the continuations were attached */
  GMainContext *context; /* what iterates them: NULL where none does */
  guint n_runs;
  guint n_destroyed;
} Chain;

static void
chain_clear (Chain *chain)
{
  g_clear_object (&chain->future);
  g_clear_object (&chain->derived);
  g_clear_object (&chain->kept);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Chain, chain_clear)

static void
chain_count_run (Chain *chain, SmartFuture *settled)
{
  g_assert_true (g_thread_self () == chain->thread);
  g_assert_true (is_settled (settled));
  /* At once, it is where the caller is. */
  g_assert_cmpint (smart_context_is_async (), ==, g_main_depth () > 0);
  if (chain->context != NULL)
    g_assert_true (g_source_get_context (g_main_current_source ()) == chain->context);
  chain->n_runs++;
}

static void
chain_destroy (gpointer data)
{
  ((Chain *) data)->n_destroyed++;
}

static void
add_one (SmartCall *call, SmartFuture *settled, gpointer user_data)
{
  g_autoptr (GError) error = NULL;
  int number = smart_future_get_int (settled, &error);

  chain_count_run (user_data, settled);
  g_assert_no_error (error);
  smart_call_return_int (call, number + 1);
}

static void
be_hundred (SmartCall *call, SmartFuture *settled, gpointer user_data)
{
  chain_count_run (user_data, settled);
  smart_call_return_int (call, 100);
}

static void
return_nothing (SmartCall *call, SmartFuture *settled, gpointer user_data)
{
  chain_count_run (user_data, settled);
  smart_call_return_none (call);
}

static void
fail (SmartCall *call, SmartFuture *settled, gpointer user_data)
{
  chain_count_run (user_data, settled);
  smart_call_return_new_error (call, G_IO_ERROR, G_IO_ERROR_CLOSED, "failed in %s", "between");
}

static void
never_return (SmartCall *call, SmartFuture *settled, gpointer user_data)
{
  chain_count_run (user_data, settled);
}

static void
must_not_run (SmartCall *call, SmartFuture *settled, gpointer user_data)
{
  g_assert_not_reached ();
}

static void
return_a_future (SmartCall *call, SmartFuture *settled, gpointer user_data)
{
  g_autoptr (SmartFuture) inner = future_for_int (7);

  chain_count_run (user_data, settled);
  smart_call_return_future (call, inner);
}

static gboolean
return_kept (gpointer user_data)
{
  Chain *chain = user_data;

  smart_call_return_int (chain->kept, 8);
  g_clear_object (&chain->kept);

  return G_SOURCE_REMOVE;
}

static void
return_later (SmartCall *call, SmartFuture *settled, gpointer user_data)
{
  Chain *chain = user_data;
  g_autoptr (GSource) source = g_idle_source_new ();

  chain_count_run (chain, settled);
  chain->kept = g_object_ref (call);
  g_source_set_callback (source, return_kept, chain, NULL);
  g_source_attach (source, smart_call_get_context (call));
}

static gboolean
derived_is_settled (gpointer data)
{
  return is_settled (((Chain *) data)->derived);
}

typedef SmartFuture *(*Attach) (SmartFuture *, SmartContinuation, gpointer, GDestroyNotify);

/* One case: what is attached to which future, and what comes of it. */
typedef struct
{
  Attach attach;
  SmartContinuation continuation;
  gboolean rejected; /* the future it is attached to: by BUSY, otherwise 1 */
  guint n_runs;
  GQuark (*domain) (void); /* NULL: it is resolved */
  int expected;            /* the value, or the error's code; -1: any */
} ChainCase;

static const ChainCase then_cases[] = {
  { smart_future_then, add_one, FALSE, 1, NULL, 2 },
  { smart_future_then, fail, FALSE, 1, g_io_error_quark, G_IO_ERROR_CLOSED },
  { smart_future_then, never_return, FALSE, 1, smart_error_quark, SMART_ERROR_NOT_RETURNED },
  { smart_future_then, return_a_future, FALSE, 1, NULL, 7 },
  { smart_future_then, return_later, FALSE, 1, NULL, 8 },
  { smart_future_then, must_not_run, TRUE, 0, g_io_error_quark, G_IO_ERROR_BUSY },
};

static const ChainCase catch_cases[] = {
  { smart_future_catch, be_hundred, TRUE, 1, NULL, 100 },
  { smart_future_catch, fail, TRUE, 1, g_io_error_quark, G_IO_ERROR_CLOSED },
  { smart_future_catch, never_return, TRUE, 1, smart_error_quark, SMART_ERROR_NOT_RETURNED },
  { smart_future_catch, return_a_future, TRUE, 1, NULL, 7 },
  { smart_future_catch, return_later, TRUE, 1, NULL, 8 },
  { smart_future_catch, must_not_run, FALSE, 0, NULL, 1 },
};

static const ChainCase finally_cases[] = {
  { smart_future_finally, return_nothing, FALSE, 1, NULL, 1 },
  { smart_future_finally, return_nothing, TRUE, 1, g_io_error_quark, G_IO_ERROR_BUSY },
  { smart_future_finally, be_hundred, FALSE, 1, NULL, 1 },
  { smart_future_finally, fail, FALSE, 1, g_io_error_quark, G_IO_ERROR_CLOSED },
  { smart_future_finally, fail, TRUE, 1, g_io_error_quark, G_IO_ERROR_CLOSED },
  { smart_future_finally, return_later, TRUE, 1, g_io_error_quark, G_IO_ERROR_BUSY },
};

static void
assert_chain (const ChainCase *c, Chain *chain)
{
  g_assert_cmpuint (chain->n_runs, ==, c->n_runs);
  if (c->domain == NULL)
    assert_int (chain->derived, c->expected);
  else
    assert_rejected (chain->derived, c->domain (), c->expected);
}

static SmartFuture *
settled_for (const ChainCase *c)
{
  return c->rejected ? future_for_error (G_IO_ERROR_BUSY) : future_for_int (1);
}

static void
settle_for (const ChainCase *c, SmartFuture *future)
{
  if (c->rejected)
    g_assert_true (try_reject (future, G_IO_ERROR_BUSY));
  else
    resolve_int (future, 1);
}

/* In a sync context, to a settled future: at once. */
static void
attach_settled_in_sync (const ChainCase *c)
{
  g_auto (Chain) chain = { .future = settled_for (c), .thread = g_thread_self () };

  chain.derived = c->attach (chain.future, c->continuation, &chain, chain_destroy);
  g_assert_cmpuint (chain.n_runs, ==, c->n_runs);
  if (chain.kept == NULL)
    g_assert_true (is_settled (chain.derived));
  else
    smart_test_iterate_until (NULL, derived_is_settled, &chain);

  assert_chain (c, &chain);
  g_assert_cmpuint (chain.n_destroyed, ==, 1);
}

typedef struct
{
  const ChainCase *c;
  Chain chain;
  GThread *settler;
  gboolean pending;
} ChainInLoop;

static gpointer
settler_main (gpointer data)
{
  ChainInLoop *in_loop = data;

  settle_for (in_loop->c, in_loop->chain.future);

  return NULL;
}

static void
chain_begin (gpointer data)
{
  ChainInLoop *in_loop = data;
  Chain *chain = &in_loop->chain;

  chain->context = g_source_get_context (g_main_current_source ());
  chain->future = in_loop->pending ? smart_future_new (NULL) : settled_for (in_loop->c);
  chain->derived =
      in_loop->c->attach (chain->future, in_loop->c->continuation, chain, chain_destroy);
  g_assert_cmpuint (chain->n_runs, ==, 0);

  if (in_loop->pending)
    in_loop->settler = g_thread_new ("settler", settler_main, in_loop);
}

static gboolean
chain_is_over (gpointer data)
{
  return derived_is_settled (&((ChainInLoop *) data)->chain) &&
         ((ChainInLoop *) data)->chain.n_destroyed > 0;
}

/* In a loop: in a later iteration, in the context it was attached in. */
static void
attach_in_loop (const ChainCase *c, gboolean pending)
{
  ChainInLoop in_loop = { .c = c, .pending = pending, .chain.thread = g_thread_self () };

  smart_test_in_loop (chain_begin, chain_is_over, &in_loop);
  if (in_loop.settler != NULL)
    g_thread_join (in_loop.settler);

  assert_chain (c, &in_loop.chain);
  g_assert_cmpuint (in_loop.chain.n_destroyed, ==, 1);
  chain_clear (&in_loop.chain);
}

/* In a sync context, to a pending future: while its result is waited for. */
static void
attach_pending_in_sync (const ChainCase *c)
{
  g_auto (Chain) chain = { .future = smart_future_new (NULL), .thread = g_thread_self () };

  chain.derived = c->attach (chain.future, c->continuation, &chain, chain_destroy);
  settle_for (c, chain.future);
  smart_future_wait (chain.derived, smart_test_bound (SMART_TEST_DEADLINE_USEC), NULL, NULL, NULL);

  assert_chain (c, &chain);
  g_assert_cmpuint (chain.n_destroyed, ==, 1);
}

static void
run_chain_cases (const ChainCase *cases, guint n)
{
  for (guint i = 0; i < n; i++)
    {
      attach_settled_in_sync (&cases[i]);
      attach_pending_in_sync (&cases[i]);
      attach_in_loop (&cases[i], FALSE);
      attach_in_loop (&cases[i], TRUE);
    }
}

static void
then (void)
{
  run_chain_cases (then_cases, G_N_ELEMENTS (then_cases));
}

static void catch (void)
{
  run_chain_cases (catch_cases, G_N_ELEMENTS (catch_cases));
}

static void
finally (void)
{
  run_chain_cases (finally_cases, G_N_ELEMENTS (finally_cases));
}

/* 1 → 2 → an error that passes by a then → 100 → finally → 101 */
static void
long_chain_begin (gpointer data)
{
  Chain *chain = data;
  g_autoptr (SmartFuture) first = smart_future_then (chain->future, add_one, chain, NULL);
  g_autoptr (SmartFuture) second = smart_future_then (first, fail, chain, NULL);
  g_autoptr (SmartFuture) third = smart_future_then (second, must_not_run, chain, NULL);
  g_autoptr (SmartFuture) fourth = smart_future_catch (third, be_hundred, chain, NULL);
  g_autoptr (SmartFuture) fifth = smart_future_finally (fourth, return_nothing, chain, NULL);

  chain->derived = smart_future_then (fifth, add_one, chain, NULL);
  resolve_int (chain->future, 1);
}

static void
long_chain (void)
{
  g_auto (Chain) chain = { .future = smart_future_new (NULL), .thread = g_thread_self () };

  smart_test_in_loop (long_chain_begin, derived_is_settled, &chain);
  assert_int (chain.derived, 101);
  g_assert_cmpuint (chain.n_runs, ==, 5);
}

/* Nobody holds the result: the continuation runs all the same. */
static void
unobserved_begin (gpointer data)
{
  Chain *chain = data;

  g_object_unref (smart_future_then (chain->future, add_one, chain, chain_destroy));
  resolve_int (chain->future, 1);
}

static gboolean
chain_has_run (gpointer data)
{
  return ((Chain *) data)->n_runs == 1 && ((Chain *) data)->n_destroyed == 1;
}

static void
unobserved_then (void)
{
  g_auto (Chain) chain = { .future = smart_future_new (NULL), .thread = g_thread_self () };

  smart_test_in_loop (unobserved_begin, chain_has_run, &chain);
}

/* F5: wait */

static void
wait_settled (void)
{
  g_autoptr (SmartFuture) value = future_for_int (3);
  g_autoptr (SmartFuture) error = future_for_error (G_IO_ERROR_BUSY);
  g_autoptr (GError) got = NULL;
  g_auto (GValue) number = G_VALUE_INIT;
  g_auto (GValue) nothing = G_VALUE_INIT;

  g_assert_true (smart_future_wait (value, -1, NULL, &number, &got));
  g_assert_no_error (got);
  g_assert_cmpint (g_value_get_int (&number), ==, 3);
  g_assert_true (smart_future_wait (value, 0, NULL, NULL, NULL));

  g_assert_false (smart_future_wait (error, -1, NULL, &nothing, &got));
  g_assert_error (got, G_IO_ERROR, G_IO_ERROR_BUSY);
  g_assert_true (G_VALUE_HOLDS_BOOLEAN (&nothing));
  g_assert_false (smart_future_wait (error, 0, NULL, NULL, NULL));
}

typedef struct
{
  SmartFuture *future;
  SmartTestGate *gate;       /* NULL: no matter */
  GCancellable *cancellable; /* NULL: resolve the future */
} Errand;

/* Nobody can tell that the waiting thread has gone to sleep, so this one gives
 * it some time at a gate that nobody opens; or none at all.
 */
static gpointer
errand_main (gpointer data)
{
  Errand *errand = data;

  if (errand->gate != NULL)
    smart_test_gate_wait_for (errand->gate, 20 * G_TIME_SPAN_MILLISECOND);
  if (errand->cancellable != NULL)
    g_cancellable_cancel (errand->cancellable);
  else
    resolve_int (errand->future, 5);

  return NULL;
}

static void
wait_for_thread_once (SmartTestGate *gate)
{
  g_autoptr (SmartFuture) future = smart_future_new (NULL);
  Errand errand = { .future = future, .gate = gate };
  GThread *thread = g_thread_new ("settler", errand_main, &errand);

  assert_wait_int (future, 5);
  g_thread_join (thread);
}

static void
wait_for_another_thread (void)
{
  g_auto (SmartTestGate) gate;

  smart_test_gate_init (&gate);
  wait_for_thread_once (&gate);
  for (guint i = 0; i < smart_test_scale (200, 20); i++)
    wait_for_thread_once (NULL);
}

static void
wait_with_deadline (void)
{
  g_autoptr (SmartFuture) future = smart_future_new (NULL);
  g_autoptr (GError) error = NULL;
  gint64 start = g_get_monotonic_time ();

  g_assert_false (smart_future_wait (future, 20 * G_TIME_SPAN_MILLISECOND, NULL, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  g_assert_cmpint (g_get_monotonic_time () - start, >=, 20 * G_TIME_SPAN_MILLISECOND);
  g_clear_error (&error);

  g_assert_false (smart_future_wait (future, 0, NULL, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);

  /* Only the wait is over. */
  g_assert_false (is_settled (future));
  resolve_int (future, 4);
  assert_wait_int (future, 4);
}

static gint64
measure_lateness (gpointer data)
{
  g_autoptr (SmartFuture) future = smart_future_new (NULL);
  gint64 start = g_get_monotonic_time ();

  g_assert_false (smart_future_wait (future, 20 * G_TIME_SPAN_MILLISECOND, NULL, NULL, NULL));

  return g_get_monotonic_time () - start - 20 * G_TIME_SPAN_MILLISECOND;
}

/* E4's bound. */
static void
wait_with_deadline_ends_in_time (void)
{
  smart_test_best_of_five (measure_lateness, 50 * G_TIME_SPAN_MILLISECOND, NULL);
}

static void
wait_cancelled_before (void)
{
  g_autoptr (SmartFuture) future = smart_future_new (NULL);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;

  g_cancellable_cancel (cancellable);
  g_assert_false (smart_future_wait (future, -1, cancellable, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_false (is_settled (future));
}

static void
wait_cancelled_meanwhile (void)
{
  g_autoptr (SmartFuture) future = smart_future_new (NULL);
  g_auto (SmartTestGate) gate;

  smart_test_gate_init (&gate);
  for (guint i = 0; i < smart_test_scale (100, 10); i++)
    {
      g_autoptr (GCancellable) cancellable = g_cancellable_new ();
      g_autoptr (GError) error = NULL;
      Errand errand = { future, i == 0 ? &gate : NULL, cancellable };
      GThread *thread = g_thread_new ("canceller", errand_main, &errand);

      g_assert_false (smart_future_wait (future, -1, cancellable, NULL, &error));
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
      g_thread_join (thread);
    }

  /* Only the waits were cancelled. */
  g_assert_false (is_settled (future));
  resolve_int (future, 4);
  assert_wait_int (future, 4);
}

static gpointer
waiter_main (gpointer data)
{
  assert_wait_int (data, 5);

  return NULL;
}

static void
wait_from_threads_once (SmartTestGate *gate)
{
  g_autoptr (SmartFuture) future = smart_future_new (NULL);
  Errand errand = { .future = future, .gate = gate };
  GThread *threads[N_THREADS];

  for (guint i = 0; i < N_THREADS; i++)
    threads[i] = g_thread_new ("waiter", waiter_main, future);
  errand_main (&errand);
  for (guint i = 0; i < N_THREADS; i++)
    g_thread_join (threads[i]);
}

static void
wait_from_eight_threads (void)
{
  g_auto (SmartTestGate) gate;

  smart_test_gate_init (&gate);
  wait_from_threads_once (&gate);
  for (guint i = 0; i < smart_test_scale (50, 5); i++)
    wait_from_threads_once (NULL);
}

static gboolean
return_nine (gpointer call)
{
  smart_call_return_int (call, 9);

  return G_SOURCE_REMOVE;
}

static void
timer_begin (SmartCall *call, gpointer user_data)
{
  smart_call_add_timeout (call, 1, return_nine, g_object_ref (call), g_object_unref);
}

static void
nine_body (SmartCall *call, gpointer user_data)
{
  smart_call_return_int (call, 9);
}

/* The asynchronous call that a program makes before it runs its loop. */
static SmartFuture *
call_at_top_level (SmartAsyncFunc *func)
{
  SmartFuture *future;

  smart_context_push_mode (SMART_MODE_ASYNC);
  future = smart_async_func_call (func, NULL, NULL, G_TYPE_INVALID);
  smart_context_pop_mode ();
  g_assert_false (smart_context_is_async ());

  return future;
}

static void
wait_without_loop (void)
{
  g_autoptr (SmartAsyncFunc) async = smart_async_func_new (timer_begin, NULL, NULL);
  g_autoptr (SmartAsyncFunc) blocking = smart_async_func_new_blocking (nine_body, NULL, NULL);
  g_autoptr (SmartFuture) async_future = call_at_top_level (async);
  g_autoptr (SmartFuture) blocking_future = call_at_top_level (blocking);

  g_assert_false (is_settled (async_future));
  assert_wait_int (async_future, 9);
  assert_wait_int (blocking_future, 9);
}

/* Its callbacks need the loop, too; the wait iterates that. */
static void
ready_nine (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_auto (GValue) value = G_VALUE_INIT;
  g_autoptr (GError) error = NULL;

  g_assert_true (smart_async_func_call_finish (SMART_ASYNC_FUNC (source), result, &value, &error));
  g_assert_no_error (error);
  g_assert_cmpint (g_value_get_int (&value), ==, 9);
  *(gboolean *) user_data = TRUE;
}

static void
wait_without_loop_beside_callback (void)
{
  g_autoptr (SmartAsyncFunc) func = smart_async_func_new (timer_begin, NULL, NULL);
  g_autoptr (SmartFuture) future = NULL;
  gboolean ready = FALSE;

  smart_async_func_call_async (func, NULL, NULL, 0, NULL, ready_nine, &ready);
  future = call_at_top_level (func);
  assert_wait_int (future, 9);
  smart_test_iterate_until_set (NULL, &ready);
}

/* Two threads without a loop, each with a call that goes on in the default
 * context: the one that waits first iterates it, then the other one has to.
 */
typedef struct
{
  SmartTestGate iterated;
  SmartTestGate second_waits;
} TwoWaits;

static gboolean
return_in_first (gpointer call)
{
  TwoWaits *two = smart_call_get_pointer (call, 0);

  smart_test_gate_open (&two->iterated);
  smart_test_gate_wait (&two->second_waits);
  smart_call_return_int (call, 1);

  return G_SOURCE_REMOVE;
}

static void
first_begin (SmartCall *call, gpointer user_data)
{
  smart_call_add_timeout (call, 1, return_in_first, g_object_ref (call), g_object_unref);
}

static void
second_begin (SmartCall *call, gpointer user_data)
{
  smart_call_add_timeout (call, 100, return_nine, g_object_ref (call), g_object_unref);
}

static gpointer
second_main (gpointer data)
{
  TwoWaits *two = data;
  g_autoptr (SmartAsyncFunc) func = smart_async_func_new (second_begin, NULL, NULL);
  g_autoptr (SmartFuture) future = NULL;

  smart_test_gate_wait (&two->iterated);
  future = call_at_top_level (func);
  g_assert_false (smart_future_wait (future, 20 * G_TIME_SPAN_MILLISECOND, NULL, NULL, NULL));
  smart_test_gate_open (&two->second_waits);
  assert_wait_int (future, 9);

  return NULL;
}

static void
wait_without_loop_on_two_threads (void)
{
  TwoWaits two;
  g_autoptr (SmartAsyncFunc) func = smart_async_func_new (first_begin, NULL, NULL);
  g_autoptr (SmartFuture) future = NULL;
  GThread *second;

  smart_test_gate_init (&two.iterated);
  smart_test_gate_init (&two.second_waits);
  second = g_thread_new ("second", second_main, &two);

  smart_context_push_mode (SMART_MODE_ASYNC);
  future = smart_async_func_call (func, NULL, NULL, G_TYPE_POINTER, &two, G_TYPE_INVALID);
  smart_context_pop_mode ();
  assert_wait_int (future, 1);

  g_thread_join (second);
  smart_test_gate_clear (&two.iterated);
  smart_test_gate_clear (&two.second_waits);
}

/* F8: dropping */

static void
assert_gone (GWeakRef *weak)
{
  g_autoptr (GObject) object = g_weak_ref_get (weak);

  g_assert_null (object);
  g_weak_ref_clear (weak);
}

static void
drop_by_hand (void)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  SmartFuture *plain = smart_future_new (NULL);
  SmartFuture *cancelled_with = smart_future_new (cancellable);

  g_assert_finalize_object (plain);
  g_assert_finalize_object (cancelled_with);
  g_assert_cmpuint (G_OBJECT (cancellable)->ref_count, ==, 1);
  g_assert_false (g_cancellable_is_cancelled (cancellable));
  /* Of those who were told of it, none is left. */
  g_cancellable_cancel (cancellable);
}

typedef struct
{
  SmartTestGate entered;
  SmartTestGate may_end;
  SmartTestGate ended;
  SmartCall *kept;
  GWeakRef call;
  GCancellable *cancellable; /* the caller's, nullable */
  gboolean cancelled;        /* as the body saw it when it ended */
  gboolean destroyed;
} Dropped;

static void
dropped_init (Dropped *dropped)
{
  *dropped = (Dropped) { .kept = NULL };
  smart_test_gate_init (&dropped->entered);
  smart_test_gate_init (&dropped->may_end);
  smart_test_gate_init (&dropped->ended);
  g_weak_ref_init (&dropped->call, NULL);
}

static void
dropped_clear (Dropped *dropped)
{
  smart_test_gate_clear (&dropped->entered);
  smart_test_gate_clear (&dropped->may_end);
  smart_test_gate_clear (&dropped->ended);
  g_clear_object (&dropped->cancellable);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Dropped, dropped_clear)

static void
dropped_body (SmartCall *call, gpointer user_data)
{
  Dropped *dropped = user_data;

  g_weak_ref_set (&dropped->call, call);
  smart_test_gate_open (&dropped->entered);
  smart_test_gate_wait (&dropped->may_end);
  dropped->cancelled = g_cancellable_is_cancelled (smart_call_get_cancellable (call));
  smart_call_return_int (call, 1);
  smart_test_gate_open (&dropped->ended);
}

static void
dropped_begin (SmartCall *call, gpointer user_data)
{
  Dropped *dropped = user_data;

  g_weak_ref_set (&dropped->call, call);
  dropped->kept = g_object_ref (call);
}

static void
drop_offloaded_begin (gpointer data)
{
  Dropped *dropped = data;
  g_autoptr (SmartAsyncFunc) func = smart_async_func_new_blocking (dropped_body, dropped, NULL);
  SmartFuture *future = smart_async_func_call (func, NULL, dropped->cancellable, G_TYPE_INVALID);

  smart_test_gate_wait (&dropped->entered);
  g_assert_finalize_object (future);
  smart_test_gate_open (&dropped->may_end);
}

static gboolean
call_is_gone (gpointer data)
{
  g_autoptr (GObject) call = g_weak_ref_get (&((Dropped *) data)->call);

  return call == NULL;
}

/* Nobody tells when the worker lets go of the call. */
static gboolean
call_is_gone_or_wake (gpointer data)
{
  g_main_context_wakeup (g_main_context_get_thread_default ());

  return smart_test_gate_is_open (&((Dropped *) data)->ended) && call_is_gone (data);
}

/* The body goes on, undisturbed, and leaves nothing. */
static void
drop_offloaded (gboolean with_cancellable)
{
  g_auto (Dropped) dropped;

  dropped_init (&dropped);
  dropped.cancellable = with_cancellable ? g_cancellable_new () : NULL;
  smart_test_in_loop (drop_offloaded_begin, call_is_gone_or_wake, &dropped);

  g_assert_false (dropped.cancelled);
  if (with_cancellable)
    g_assert_false (g_cancellable_is_cancelled (dropped.cancellable));
}

static void
drop_blocking_call (void)
{
  drop_offloaded (FALSE);
  drop_offloaded (TRUE);
}

static void
drop_async_begin (gpointer data)
{
  Dropped *dropped = data;
  g_autoptr (SmartAsyncFunc) func = smart_async_func_new (dropped_begin, dropped, NULL);
  SmartFuture *future = smart_async_func_call (func, NULL, dropped->cancellable, G_TYPE_INVALID);

  g_assert_nonnull (dropped->kept);
  g_assert_finalize_object (future);
  g_assert_false (g_cancellable_is_cancelled (smart_call_get_cancellable (dropped->kept)));
  smart_call_return_int (dropped->kept, 1);
  g_clear_object (&dropped->kept);
}

static void
drop_async_call (void)
{
  g_auto (Dropped) dropped;

  dropped_init (&dropped);
  smart_test_in_loop (drop_async_begin, call_is_gone, &dropped);

  dropped.cancellable = g_cancellable_new ();
  smart_test_in_loop (drop_async_begin, call_is_gone, &dropped);
  g_assert_false (g_cancellable_is_cancelled (dropped.cancellable));
}

static void
set_destroyed (gpointer data)
{
  ((Dropped *) data)->destroyed = TRUE;
}

static gboolean
is_destroyed (gpointer data)
{
  return ((Dropped *) data)->destroyed;
}

static void
return_none_then (SmartCall *call, SmartFuture *settled, gpointer user_data)
{
  smart_call_return_none (call);
}

/* Futures that hang on each other, pending, and a call between them. */
static void
drop_chain_begin (gpointer data)
{
  Dropped *dropped = data;
  g_autoptr (SmartAsyncFunc) func = smart_async_func_new (dropped_begin, dropped, NULL);
  SmartFuture *first = smart_async_func_call (func, NULL, NULL, G_TYPE_INVALID);
  SmartFuture *second = smart_future_then (first, return_none_then, NULL, NULL);
  SmartFuture *third = smart_future_finally (second, return_none_then, dropped, set_destroyed);

  g_assert_finalize_object (third);
  g_assert_finalize_object (second);
  g_assert_finalize_object (first);
  /* The last one who could have settled it. */
  g_clear_object (&dropped->kept);
}

static void
drop_chain (void)
{
  g_auto (Dropped) dropped;

  dropped_init (&dropped);
  smart_test_in_loop (drop_chain_begin, is_destroyed, &dropped);
  assert_gone (&dropped.call);
}

typedef struct
{
  SmartFuture *future;
  GWeakRef weak;
  guint n_released;
} Cycle;

static void
cycle_release (gpointer data)
{
  Cycle *cycle = data;

  cycle->n_released++;
  g_object_unref (cycle->future);
}

static void
cycle_ready (GObject *source, GAsyncResult *result, gpointer user_data)
{
  cycle_release (user_data);
}

static void
cycle_notify (SmartFuture *future, gpointer user_data)
{
}

/* What waits for the future owns it: the end of the wait breaks the circle. */
static void
cycle_begin (gpointer data)
{
  Cycle *cycle = data;
  SmartFuture *future = cycle->future = smart_future_new (NULL);

  g_weak_ref_init (&cycle->weak, future);
  /* Each of the three releases one. */
  for (int i = 0; i < 3; i++)
    g_object_ref (future);
  smart_future_add_notify (future, cycle_notify, cycle, cycle_release);
  g_object_unref (smart_future_then (future, return_none_then, cycle, cycle_release));
  smart_future_wait_async (future, NULL, cycle_ready, cycle);
  resolve_int (future, 1);
  g_object_unref (future);
}

static gboolean
cycle_is_released (gpointer data)
{
  return ((Cycle *) data)->n_released == 3;
}

static void
no_cycle (void)
{
  Cycle cycle = { NULL };

  smart_test_in_loop (cycle_begin, cycle_is_released, &cycle);
  assert_gone (&cycle.weak);
}

/* A worker runs it: what comes to this thread's context comes while it waits. */

typedef struct
{
  SmartTestGate gate;
  int told;
} Worker;

static void
worker_body (SmartCall *call, gpointer data)
{
  Worker *worker = data;

  smart_test_gate_wait (&worker->gate);
  smart_call_return_int (call, 7);
}

static gboolean
let_it_end (gpointer data)
{
  Worker *worker = data;

  smart_test_gate_open (&worker->gate);
  return G_SOURCE_REMOVE;
}

static void
worker_ready (GObject *source, GAsyncResult *result, gpointer data)
{
  ((Worker *) data)->told = TRUE;
}

static void
wait_for_worker_at_top_level (void)
{
  g_autoptr (GSource) source = g_idle_source_new ();
  g_autoptr (SmartFuture) future = NULL;
  g_autoptr (SmartAsyncFunc) func = NULL;
  g_autoptr (GError) error = NULL;
  Worker worker = { .told = FALSE };

  smart_test_gate_init (&worker.gate);
  func = smart_async_func_new_blocking (worker_body, &worker, NULL);
  g_source_set_callback (source, let_it_end, &worker, NULL);
  g_source_attach (source, NULL);

  smart_async_func_call_async (func, NULL, NULL, 0, NULL, worker_ready, &worker);
  smart_context_push_mode (SMART_MODE_ASYNC);
  future = smart_async_func_call (func, NULL, NULL, G_TYPE_INVALID);
  smart_context_pop_mode ();
  g_assert_true (
      smart_future_wait (future, smart_test_bound (SMART_TEST_DEADLINE_USEC), NULL, NULL, &error));
  g_assert_no_error (error);
  smart_test_iterate_until_set (NULL, &worker.told);
  smart_test_gate_clear (&worker.gate);
}

static gboolean
source_of_the_main_thread (gpointer data)
{
  g_assert_not_reached ();
}

static void
wait_for_worker_on_thread (void)
{
  g_autoptr (GSource) source = g_idle_source_new ();
  g_autoptr (SmartFuture) future = NULL;
  g_autoptr (SmartAsyncFunc) func = NULL;
  g_autoptr (GError) error = NULL;
  Worker worker = { .told = FALSE };

  smart_test_gate_init (&worker.gate);
  func = smart_async_func_new_blocking (worker_body, &worker, NULL);
  g_source_set_callback (source, source_of_the_main_thread, NULL, NULL);
  g_source_attach (source, NULL);

  smart_context_push_mode (SMART_MODE_ASYNC);
  future = smart_async_func_call (func, NULL, NULL, G_TYPE_INVALID);
  smart_context_pop_mode ();
  g_assert_false (smart_future_wait (future, 50 * G_TIME_SPAN_MILLISECOND, NULL, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  g_clear_error (&error);
  g_source_destroy (source);
  smart_test_gate_open (&worker.gate);
  g_assert_true (
      smart_future_wait (future, smart_test_bound (SMART_TEST_DEADLINE_USEC), NULL, NULL, &error));
  g_assert_no_error (error);
  smart_test_gate_clear (&worker.gate);
}

/* At top level, where the default context is the main thread's, and not owned.
 * Another thread leaves its sources alone. */
static void
wait_for_worker_without_loop (void)
{
  if (smart_test_on_main_thread ())
    wait_for_worker_at_top_level ();
  else
    wait_for_worker_on_thread ();
}

/* F6: a future tells by GAsyncReadyCallback: once, later, in the caller's context,
 * whatever becomes of it. */

typedef struct
{
  SmartFuture *future;
  GMainContext *context;
  gboolean in_call;
  guint n_told;
  int value; /* of the last one */
  GError *error;
} Told;

static void
told_ready (GObject *source, GAsyncResult *result, gpointer data)
{
  Told *told = data;
  g_auto (GValue) value = G_VALUE_INIT;

  g_assert_true (source == G_OBJECT (told->future));
  g_assert_true (g_async_result_get_user_data (result) == told);
  g_assert_true (g_main_context_is_owner (told->context));
  g_assert_false (told->in_call);
  g_clear_error (&told->error);
  if (smart_future_wait_finish (told->future, result, &value, &told->error))
    told->value = g_value_get_int (&value);
  told->n_told++;
}

static void
tell (Told *told, SmartFuture *future, GCancellable *cancellable)
{
  told->future = future;
  told->in_call = TRUE;
  smart_future_wait_async (future, cancellable, told_ready, told);
  told->in_call = FALSE;
}

static gpointer
settle_elsewhere (gpointer future)
{
  GValue value = G_VALUE_INIT;

  g_value_init (&value, G_TYPE_INT);
  g_value_set_int (&value, 8);
  g_assert_true (smart_future_resolve (future, &value));
  return NULL;
}

static gboolean
is_told (gpointer data)
{
  return ((Told *) data)->n_told > 0;
}

static gboolean
is_told_twice (gpointer data)
{
  return ((Told *) data)->n_told == 2;
}

static void
tells_by_ready_callback (void)
{
  g_autoptr (GMainContext) context = g_main_context_new ();
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  GValue value = G_VALUE_INIT;
  Told told = { .context = context };
  SmartFuture *future;

  g_value_init (&value, G_TYPE_INT);
  g_value_set_int (&value, 7);
  g_main_context_push_thread_default (context);

  /* Settled already. */
  future = smart_future_new_for_value (&value);
  tell (&told, future, NULL);
  smart_test_iterate_until (context, is_told, &told);
  g_assert_cmpint (told.value, ==, 7);
  g_object_unref (future);

  /* Rejected. */
  told.n_told = 0;
  future = smart_future_new_for_error (g_error_new_literal (G_IO_ERROR, G_IO_ERROR_EXISTS, "no"));
  tell (&told, future, NULL);
  smart_test_iterate_until (context, is_told, &told);
  g_assert_error (told.error, G_IO_ERROR, G_IO_ERROR_EXISTS);
  g_object_unref (future);

  /* By another thread; two wait. */
  told.n_told = 0;
  future = smart_future_new (NULL);
  tell (&told, future, NULL);
  tell (&told, future, NULL);
  for (guint i = 0; i < 3; i++)
    g_main_context_iteration (context, FALSE);
  g_assert_cmpuint (told.n_told, ==, 0);
  g_thread_join (g_thread_new ("settler", settle_elsewhere, future));
  g_assert_cmpuint (told.n_told, ==, 0);
  smart_test_iterate_until (context, is_told_twice, &told);
  g_assert_no_error (told.error);
  g_assert_cmpint (told.value, ==, 8);
  g_object_unref (future);

  /* The wait is cancelled, and the future stays as it was. */
  told.n_told = 0;
  future = smart_future_new (NULL);
  tell (&told, future, cancellable);
  g_cancellable_cancel (cancellable);
  smart_test_iterate_until (context, is_told, &told);
  g_assert_error (told.error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_cmpint (smart_future_get_status (future), ==, SMART_FUTURE_PENDING);
  g_object_unref (future);

  g_clear_error (&told.error);
  g_main_context_pop_thread_default (context);
}

int
main (int argc, char *argv[])
{
  smart_test_init (&argc, &argv);

  smart_test_add ("/contract/F1.a/value", settles_once_by_value);
  smart_test_add ("/contract/F1.a/error", settles_once_by_error);
  smart_test_add ("/contract/F1.a/cancelled", settles_once_by_cancelling);
  smart_test_add ("/contract/F1.a/settled", settles_once_from_the_start);
  smart_test_add ("/contract/F1.b", one_of_eight_wins);
  smart_test_add ("/contract/F1.c/value", all_see_the_same);
  smart_test_add ("/contract/F1.c/error", all_see_the_same_error);
  smart_test_add ("/contract/F1.d/boxed", each_has_its_own_copy);
  smart_test_add ("/contract/F1.d/string", each_has_its_own_string);
  smart_test_add ("/contract/F1.d/object", each_has_its_own_reference);

  smart_test_add ("/contract/F4.a", then);
  smart_test_add ("/contract/F4.a/chain", long_chain);
  smart_test_add ("/contract/F4.a/unobserved", unobserved_then);
  smart_test_add ("/contract/F4.b", catch);
  smart_test_add ("/contract/F4.c", finally);

  smart_test_add ("/contract/F5.a", wait_settled);
  smart_test_add ("/contract/F5.b", wait_for_another_thread);
  smart_test_add ("/contract/F5.c", wait_with_deadline);
  smart_test_add ("/contract/F5.c/lateness", wait_with_deadline_ends_in_time);
  smart_test_add ("/contract/F5.d/before", wait_cancelled_before);
  smart_test_add ("/contract/F5.d/meanwhile", wait_cancelled_meanwhile);
  smart_test_add ("/contract/F5.e", wait_from_eight_threads);
  smart_test_add ("/contract/F5.f", wait_without_loop);
  smart_test_add ("/contract/F5.f/callback", wait_without_loop_beside_callback);
  smart_test_add ("/contract/F5.f/two-threads", wait_without_loop_on_two_threads);

  smart_test_add ("/contract/F5.f/blocking", wait_for_worker_without_loop);
  smart_test_add ("/contract/F6.e", tells_by_ready_callback);

  smart_test_add ("/contract/F8.a/by-hand", drop_by_hand);
  smart_test_add ("/contract/F8.a/chain", drop_chain);
  smart_test_add ("/contract/F8.b/blocking", drop_blocking_call);
  smart_test_add ("/contract/F8.b/async", drop_async_call);
  smart_test_add ("/contract/F8.c", no_cycle);

  return g_test_run ();
}
