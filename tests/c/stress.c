/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Random trees of calls, against a sequential model.
 *
 *   stress [--seed N] [--trees N] [--plant BUG]
 *
 * Threads and loops call them: functions of each kind, in each context, nested,
 * with limits and executors, flights of a lock, chained and combined futures;
 * while calls are cancelled and time out, the lock's flights are forgotten and
 * reset, and contexts are reset. Each call has to settle once, with what
 * stress-tree.c says: with its one value or planned error or, where the tree has
 * trouble in it, with the error of that trouble. What a lock may do,
 * stress-flights.c says.
 *
 * The trees follow from the seed, which is printed; when their bodies meet, of
 * course, does not.
 */

#include "smart-test.h"
#include "stress-flights.h"
#include "stress-tree.h"

#include <smartasync-glib/smartasync-glib.h>

#include <stdlib.h>
#include <string.h>

#define N_SYNC_DRIVERS    3
#define N_LOOP_DRIVERS    3
#define N_OFFLOAD_DRIVERS 2
#define IN_FLIGHT         4
#define N_OFFLOADED       64 /* likewise, where there is nothing but bodies on workers */

/* What can be planted between the callers and the library, to see it found. */
typedef enum
{
  PLANT_NONE,
  PLANT_LOST,   /* a call is never begun, and nobody told */
  PLANT_CANCEL, /* a call is cancelled that nobody has cancelled */
  PLANT_STALE,  /* a lock keeps a result */
  PLANT_TWICE,  /* a lock runs twice at once */
  PLANT_MIXED   /* a call has the arguments of another one */
} Plant;

static const struct
{
  const char *name;
  const char *found; /* how */
} plants[] = {
  { "none", NULL },
  { "lost", "*A call was lost*" },
  /* By the call itself, or by what its caller makes of it. */
  { "cancel", "*assertion failed*" },
  { "stale", "*assertion failed*" },
  /* Either the second body sees the first, or the calls do not add up in the end. */
  { "twice", "*flights*" },
  /* By whose body runs again or, if that has not begun, by the value. */
  { "mixed", "*assertion failed*node->*" },
};

/* What came of a call. */
typedef enum
{
  GOT_VALUE,
  GOT_PLANNED_ERROR,
  GOT_CANCELLED,
  GOT_TIMED_OUT,
  GOT_RECURSION,
  GOT_REFUSED, /* a wait of its caller */
  N_OUTCOMES
} Outcome;

static const char *const outcomes[N_OUTCOMES] = { "values",    "planned errors", "cancelled",
                                                  "timed out", "recursions",     "waits refused" };

static int n_got[N_OUTCOMES]; /* atomic */
static int n_begun;           /* atomic: calls */
static int n_settled;         /* atomic */
static int n_operations;      /* atomic: these, and what else is done */
static int n_busy;            /* atomic: drivers */
static int n_limited;         /* atomic: bodies of the limited function */
static int n_pooled;          /* atomic: bodies on the pool */
static int n_dropped;         /* atomic: calls of which nobody wants to know */
static int n_planted;         /* atomic */

static guint64 option_seed = 0;
static guint option_trees = 0;
static Plant option_plant = PLANT_NONE;

/* Two threads that settle and cancel what they are handed. */
static GAsyncQueue *errands;

/* By kind, and by trouble as far as that is the function's. */
static SmartAsyncFunc *funcs[N_KINDS][N_TROUBLES];
static SmartAsyncFunc *limited, *pooled, *looped;
static SmartExecutor *pool, *loop;
static SmartLock *twin; /* for PLANT_TWICE */

static guint64 last_results[N_KEYS]; /* for PLANT_STALE; last_lock */
static GMutex last_lock;

static gboolean
one_in (GRand *rand, int n)
{
  return g_rand_int_range (rand, 0, n) == 0;
}

static gboolean
plants_now (Plant plant, int every)
{
  return option_plant == plant && g_atomic_int_add (&n_planted, 1) % every == every - 1;
}

/* Judging results */

static gboolean
was_reset (Tree *tree)
{
  return tree->resets % 2 == 1 || tree->resets != flights_get_resets ();
}

/* What cannot be: with the node's whole line, for those who look into it. */
static void
reject (Tree *tree, const Node *node, const GError *error)
{
  tree_print_line (tree, node);
  g_assert_no_error (error);
}

static void
judge_failure (Tree *tree, Node *node, const GError *error)
{
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    {
      g_atomic_int_inc (&n_got[GOT_CANCELLED]);
      if (!node->may_cancel && !(node->may_reset && was_reset (tree)))
        reject (tree, node, error);
    }
  else if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT))
    {
      g_atomic_int_inc (&n_got[GOT_TIMED_OUT]);
      if (!node->may_time_out)
        reject (tree, node, error);
    }
  else if (!g_error_matches (error, G_IO_ERROR, G_IO_ERROR_EXISTS) || !node->is_to_fail)
    {
      reject (tree, node, error);
    }
  else if (node_is_flight (node))
    {
      g_atomic_int_inc (&n_got[GOT_PLANNED_ERROR]);
      flights_judge_failure (node, error);
    }
  else
    {
      g_atomic_int_inc (&n_got[GOT_PLANNED_ERROR]);
      g_assert_true (g_str_has_prefix (error->message, "planned"));
    }
}

/* Whether the flight that it is part of is under way for sure: a reset ends it,
 * and a body that was left behind may outlive it. */
static gboolean
is_in_flight (Tree *tree, const Node *node)
{
  return !was_reset (tree) && !node->may_cancel;
}

static void
judge (Tree *tree, guint index, const GValue *value, const GError *error)
{
  Node *node = &tree->nodes[index];

  g_assert_cmpint (g_atomic_int_add (&node->n_settled, 1), ==, 0);
  g_atomic_int_inc (&n_settled);
  g_atomic_int_inc (&n_operations);
  if (node_is_flight (node))
    flights_leave (node);

  if (node->trouble == CANCELLED_BEFORE)
    {
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
      g_assert_cmpint (g_atomic_int_get (&node->n_started), ==, 0);
    }
  else if (node->target == TO_OWN_FLIGHT &&
           (is_in_flight (tree, node) ||
            g_error_matches (error, SMART_ERROR, SMART_ERROR_RECURSION)))
    {
      g_atomic_int_inc (&n_got[GOT_RECURSION]);
      g_assert_error (error, SMART_ERROR, SMART_ERROR_RECURSION);
    }
  else if (error != NULL)
    {
      judge_failure (tree, node, error);
    }
  else
    {
      g_atomic_int_inc (&n_got[GOT_VALUE]);
      g_assert_false (node->is_to_fail);
      if (node_is_flight (node))
        g_assert_cmpuint (flights_judge (node, value), ==, node->worth);
      else
        g_assert_cmpuint (g_value_get_uint (value), ==, node->worth);
    }
}

/* Errands */

typedef struct
{
  void (*run) (gpointer data);
  gpointer data;
} Errand;

static void
send_errand (void (*run) (gpointer data), gpointer data)
{
  Errand *errand = g_new (Errand, 1);

  *errand = (Errand) { run, data };
  g_async_queue_push (errands, errand);
}

static gpointer
errand_main (gpointer unused)
{
  gboolean more = TRUE;

  while (more)
    {
      g_autofree Errand *errand = g_async_queue_pop (errands);

      if (errand->run != NULL)
        errand->run (errand->data);
      else
        more = FALSE;
    }

  return NULL;
}

static void
cancel_errand (gpointer data)
{
  g_cancellable_cancel (data);
  g_object_unref (data);
}

/* Making a call */

typedef struct
{
  Tree *tree;
  Node *node;
  SmartAsyncFunc *func;
  GValue args[2];
  GCancellable *cancellable;
} Request;

static SmartAsyncFunc *
find_func (const Node *node)
{
  switch (node->target)
    {
    case TO_LIMITED:
      return limited;
    case TO_POOL:
      return pooled;
    case TO_LOOP:
      return looped;
    case TO_FUNC:
      return funcs[node->kind][node->trouble];
    case TO_FLIGHT:
    case TO_OWN_FLIGHT:
    default:
      return funcs[node->kind][CALM];
    }
}

static void
request_init (Request *request, Tree *tree, guint index)
{
  Node *node = &tree->nodes[index];

  memset (request, 0, sizeof *request);
  request->tree = tree;
  request->node = node;
  request->func = find_func (node);
  g_value_init (&request->args[0], tree_get_type ());
  g_value_set_boxed (&request->args[0], tree);
  g_value_init (&request->args[1], G_TYPE_UINT);
  g_value_set_uint (&request->args[1],
                    index > 0 && plants_now (PLANT_MIXED, 500) ? index - 1 : index);

  g_atomic_int_inc (&n_begun);
  if (node->trouble == CANCELLED_BEFORE || node->trouble == CANCELLED_MEANWHILE ||
      node->trouble == ABANDONED || plants_now (PLANT_CANCEL, 500))
    request->cancellable = g_cancellable_new ();
  if (node->trouble == CANCELLED_BEFORE)
    g_cancellable_cancel (request->cancellable);
  else if (request->cancellable != NULL)
    send_errand (cancel_errand, g_object_ref (request->cancellable));
  if (node_is_flight (node))
    flights_ask (node);
}

static void
request_clear (Request *request)
{
  g_value_unset (&request->args[0]);
  g_clear_object (&request->cancellable);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Request, request_clear)

/* PLANT_STALE: what was given for the key before. */
static gboolean
get_stale (Request *request, GValue *value)
{
  guint64 last;

  if (request->node->target != TO_FLIGHT || !plants_now (PLANT_STALE, 20))
    return FALSE;

  g_mutex_lock (&last_lock);
  last = last_results[request->node->key];
  g_mutex_unlock (&last_lock);
  if (last == 0)
    return FALSE;

  g_value_init (value, G_TYPE_UINT64);
  g_value_set_uint64 (value, last);

  return TRUE;
}

static void
keep_last (Request *request, const GValue *value)
{
  g_mutex_lock (&last_lock);
  last_results[request->node->key] = g_value_get_uint64 (value);
  g_mutex_unlock (&last_lock);
}

static gboolean
ask_sync (Request *request, GValue *value, GError **error)
{
  gboolean ok, is_twin;

  if (!node_is_flight (request->node))
    return smart_async_func_call_sync (request->func, NULL, request->args, 2, request->cancellable,
                                       value, error);
  if (get_stale (request, value))
    return TRUE;

  /* Not where somebody below would notice first. */
  is_twin = request->node->target == TO_FLIGHT && request->node->n_children == 0 &&
            plants_now (PLANT_TWICE, 5);

  ok = smart_lock_run_once_sync (is_twin ? twin : flights_get_lock (),
                                 flights_get_key (request->node), request->func, NULL,
                                 request->args, 2, request->cancellable, value, error);
  if (ok && option_plant == PLANT_STALE)
    keep_last (request, value);

  return ok;
}

static SmartFuture *
ask_smart (Request *request)
{
  if (node_is_flight (request->node))
    return smart_lock_run_once (flights_get_lock (), flights_get_key (request->node), request->func,
                                NULL, request->args, 2, request->cancellable);

  return smart_async_func_callv (request->func, NULL, request->args, 2, request->cancellable);
}

static void
ask_async (Request *request, GAsyncReadyCallback callback, gpointer user_data)
{
  if (plants_now (PLANT_LOST, 100))
    return;

  if (node_is_flight (request->node))
    smart_lock_run_once_async (flights_get_lock (), flights_get_key (request->node), request->func,
                               NULL, request->args, 2, request->cancellable, callback, user_data);
  else
    smart_async_func_call_async (request->func, NULL, request->args, 2, request->cancellable,
                                 callback, user_data);
}

static gboolean
ask_finish (GObject *source, GAsyncResult *result, GValue *value, GError **error)
{
  if (SMART_IS_LOCK (source))
    return smart_lock_run_once_finish (SMART_LOCK (source), result, value, error);

  return smart_async_func_call_finish (SMART_ASYNC_FUNC (source), result, value, error);
}

static SmartFuture *
call_smart (Tree *tree, guint index)
{
  g_auto (Request) request;

  request_init (&request, tree, index);

  return ask_smart (&request);
}

/* What becomes of it in its caller: the sum, or the first error. */

typedef struct
{
  Tree *tree;
  Node *node;
  guint sum;
  GError *error;
} Account;

static void
account_take (Account *account, guint index, const GValue *value, GError *error)
{
  Node *child = &account->tree->nodes[index];

  judge (account->tree, index, value, error);
  if (child->target == TO_OWN_FLIGHT || node_is_flight (account->node))
    {
      g_clear_error (&error);
      return;
    }

  if (error == NULL)
    account->sum += child->worth;
  else if (account->error == NULL)
    account->error = error;
  else
    g_error_free (error);
}

static void
account_call_sync (Account *account, guint index)
{
  g_auto (Request) request;
  g_auto (GValue) value = G_VALUE_INIT;
  GError *error = NULL;

  request_init (&request, account->tree, index);
  ask_sync (&request, &value, &error);
  account_take (account, index, &value, error);
}

/* What it gives, or its error. */
static gboolean
account_close (Account *account, Execution *execution, GValue *value, GError **error)
{
  if (execution != NULL)
    return flights_end (execution, value, error);

  if (account->error != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&account->error));
      return FALSE;
    }
  if (account->node->fails)
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_EXISTS, "planned");
      return FALSE;
    }

  g_value_init (value, G_TYPE_UINT);
  g_value_set_uint (value, account->sum);

  return TRUE;
}

/* Futures made of futures */

static void
add_one (SmartCall *call, SmartFuture *settled, gpointer unused)
{
  g_auto (GValue) value = G_VALUE_INIT;

  smart_future_get_value (settled, &value, NULL);
  if (G_VALUE_HOLDS_UINT64 (&value))
    smart_call_return_uint64 (call, g_value_get_uint64 (&value) + 1);
  else
    smart_call_return_uint (call, g_value_get_uint (&value) + 1);
}

static void
become_one (SmartCall *call, SmartFuture *settled, gpointer unused)
{
  smart_call_return_uint (call, 1);
}

static void
look_on (SmartCall *call, SmartFuture *settled, gpointer unused)
{
  g_assert_cmpint (smart_future_get_status (settled), !=, SMART_FUTURE_PENDING);
}

static SmartFuture *
wrap_any (SmartFuture *future)
{
  g_autoptr (SmartFuture) rejected =
      smart_future_new_for_error (g_error_new_literal (G_IO_ERROR, G_IO_ERROR_BUSY, "rejected"));

  return smart_future_any (rejected, future, NULL);
}

static SmartFuture *
wrap_all (SmartFuture *future)
{
  g_autoptr (SmartFuture) resolved = smart_future_new_for_value (NULL);

  return smart_future_all (future, resolved, NULL);
}

static SmartFuture *
wrap_race (SmartFuture *future)
{
  g_autoptr (SmartFuture) never = smart_future_new (NULL);
  SmartFuture *race = smart_future_race (future, never, NULL);

  g_object_set_data_full (G_OBJECT (race), "never", g_steal_pointer (&never), g_object_unref);

  return race;
}

static SmartFuture *
wrap_await (SmartFuture *future)
{
  g_auto (GValue) value = G_VALUE_INIT;

  g_value_init (&value, SMART_TYPE_FUTURE);
  g_value_set_object (&value, future);

  return smart_await (&value, NULL);
}

/* What NODE's caller waits for. */
static SmartFuture *
wrap_future (const Node *node, SmartFuture *future)
{
  g_atomic_int_inc (&n_operations);
  switch (node->wrap)
    {
    case WRAP_THEN:
      return smart_future_then (future, add_one, NULL, NULL);
    case WRAP_CATCH:
      return smart_future_catch (future, become_one, NULL, NULL);
    case WRAP_FINALLY:
      return smart_future_finally (future, look_on, NULL, NULL);
    case WRAP_ALL:
      return wrap_all (future);
    case WRAP_ANY:
      return wrap_any (future);
    case WRAP_RACE:
      return wrap_race (future);
    case WRAP_TIMEOUT:
      return smart_future_with_timeout (future, 60000);
    case WRAP_AWAIT:
      return wrap_await (future);
    case WRAP_NONE:
    case N_WRAPS:
    default:
      g_atomic_int_add (&n_operations, -1);
      return g_object_ref (future);
    }
}

/* Whoever loses is cancelled, a moment after the race was won. */
static void
assert_cancelled (SmartFuture *future)
{
  g_autoptr (GError) error = NULL;

  g_assert_false (
      smart_future_wait (future, smart_test_bound (SMART_TEST_DEADLINE_USEC), NULL, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

/* What came out of it, now that it has settled. */
static void
get_result (const Node *node,
            SmartFuture *future,
            SmartFuture *outer,
            GValue *value,
            GError **error)
{
  g_autoptr (GError) outer_error = NULL;
  SmartFuture *never = g_object_get_data (G_OBJECT (outer), "never");

  if (node->wrap != WRAP_ALL && node->wrap != WRAP_ANY)
    {
      smart_future_get_value (outer, value, error);
      if (never != NULL)
        assert_cancelled (never);
      return;
    }

  /* It is there, and the other one as it. */
  smart_future_get_value (future, value, error);
  if (node->wrap == WRAP_ALL)
    g_assert_cmpint (smart_future_get_status (outer), ==, smart_future_get_status (future));
  else if (!smart_future_get_value (outer, NULL, &outer_error))
    g_assert_error (outer_error, G_IO_ERROR, G_IO_ERROR_BUSY);
}

/* What a body does besides */
static void
meddle (const Node *node)
{
  if (node->meddle != MEDDLE_NOT)
    g_atomic_int_inc (&n_operations);
  if (node->meddle == MEDDLE_FORGET)
    flights_forget (node->key);
  else if (node->meddle == MEDDLE_RESET)
    flights_reset ();
  else if (node->meddle == MEDDLE_CONTEXTS)
    smart_async_reset ();
}

/* A blocking body's own calls, or those of a thread without a loop */

static gboolean
owns_its_context (void)
{
  GMainContext *context = g_main_context_get_thread_default ();

  return g_main_context_is_owner (context != NULL ? context : g_main_context_default ());
}

/* As if in an async context. A blocking function is offloaded. An asynchronous
 * one goes on in the thread's default context: whoever iterates that, be it one
 * who waits. What would then wait for itself is not legal: a body of this very
 * loop that waits, and a body in a context that belongs to nobody that calls.
 */
static gboolean
is_pushed (Node *node)
{
  if (node->via != VIA_PUSHED || node_is_flight (node))
    return FALSE;

  return node->kind == KIND_BLOCKING || (node->n_children == 0 && !owns_its_context ());
}

static SmartFuture *
begin_in_sync (Tree *tree, guint index)
{
  SmartFuture *future;

  if (!is_pushed (&tree->nodes[index]))
    return NULL;
  smart_context_push_mode (SMART_MODE_ASYNC);
  future = call_smart (tree, index);
  smart_context_pop_mode ();

  return future;
}

/* Where the loop stands still nothing comes back to it. */
static SmartFuture *
wrap_in_sync (Node *node, SmartFuture *future)
{
  gboolean comes_back =
      node->wrap == WRAP_THEN || node->wrap == WRAP_CATCH || node->wrap == WRAP_FINALLY;

  if (comes_back && smart_future_get_status (future) == SMART_FUTURE_PENDING && owns_its_context ())
    smart_future_wait (future, -1, NULL, NULL, NULL);

  return wrap_future (node, future);
}

static void
end_in_sync (Account *account, guint index, SmartFuture *begun)
{
  Node *node = &account->tree->nodes[index];
  g_autoptr (SmartFuture) future = begun;
  g_autoptr (SmartFuture) outer = NULL;
  g_auto (GValue) value = G_VALUE_INIT;
  GError *error = NULL;

  /* It goes on, and keeps the tree until it has ended. */
  if (node->dropped)
    {
      g_atomic_int_inc (&n_dropped);
      g_atomic_int_inc (&n_settled);
      return;
    }

  if (future == NULL && node->via == VIA_SYNC)
    {
      account_call_sync (account, index);
      return;
    }

  if (future == NULL)
    {
      future = call_smart (account->tree, index);
      g_assert_cmpint (smart_future_get_status (future), !=, SMART_FUTURE_PENDING);
    }

  outer = node->via == VIA_CALLBACK ? g_object_ref (future) : wrap_in_sync (node, future);
  smart_future_wait (outer, -1, NULL, NULL, &error);
  if (smart_future_get_status (outer) != SMART_FUTURE_PENDING)
    {
      g_clear_error (&error);
      get_result (node, future, outer, &value, &error);
    }
  account_take (account, index, &value, error);
}

static void
call_children_in_sync (Account *account)
{
  Node *node = account->node;
  SmartFuture *futures[MAX_CHILDREN] = { NULL };

  for (guint i = 0; i < node->n_children && node->at_once; i++)
    futures[i] = begin_in_sync (account->tree, node->children[i]);

  for (guint i = 0; i < node->n_children; i++)
    {
      if (futures[i] == NULL)
        futures[i] = begin_in_sync (account->tree, node->children[i]);
      end_in_sync (account, node->children[i], futures[i]);
    }
}

/* Takes the time that the node's work takes. */
static void
work (Node *node)
{
  g_auto (SmartTestGate) gate;

  smart_test_gate_init (&gate);
  if (node->delay_usec > 0)
    smart_test_gate_wait_for (&gate, node->delay_usec);
}

static void
enter_limits (const Node *node)
{
  if (node->target == TO_LIMITED)
    g_assert_cmpint (g_atomic_int_add (&n_limited, 1), <, MAX_LIMITED);
  else if (node->target == TO_POOL)
    g_assert_cmpint (g_atomic_int_add (&n_pooled, 1), <, POOL_THREADS);
}

static void
leave_limits (const Node *node)
{
  if (node->target == TO_LIMITED)
    g_atomic_int_add (&n_limited, -1);
  else if (node->target == TO_POOL)
    g_atomic_int_add (&n_pooled, -1);
}

static void
blocking_body (SmartCall *call, gpointer user_data)
{
  Tree *tree = smart_call_get_boxed (call, 0);
  Node *node = &tree->nodes[smart_call_get_uint (call, 1)];
  Account account = { tree, node, node->own, NULL };
  Execution *execution = NULL;
  g_auto (GValue) value = G_VALUE_INIT;
  GError *error = NULL;

  g_assert_cmpint (g_atomic_int_add (&node->n_started, 1), ==, 0);
  g_assert_true (smart_call_get_current () == call);
  g_assert_false (smart_context_is_async ());

  if (node_is_flight (node))
    execution = flights_begin (node, call);
  enter_limits (node);
  meddle (node);
  work (node);
  call_children_in_sync (&account);
  leave_limits (node);

  if (account_close (&account, execution, &value, &error))
    smart_call_return_value (call, &value);
  else
    smart_call_return_error (call, error);
  g_clear_error (&account.error);
}

/* An asynchronous body: what it keeps until it returns */

typedef struct
{
  SmartCall *call;
  Account account;
  Execution *execution;
  GMainContext *context;
  guint next; /* child to be called */
  guint n_pending;
  SmartFuture *promise;
} Progress;

typedef struct
{
  Progress *progress;
  guint index;
  SmartFuture *future; /* nullable */
} Pending;

static void
progress_free (gpointer data)
{
  Progress *progress = data;

  g_object_unref (progress->call);
  tree_unref (progress->account.tree);
  g_clear_error (&progress->account.error);
  g_clear_object (&progress->promise);
  g_free (progress);
}

static void
progress_return (Progress *progress)
{
  g_auto (GValue) value = G_VALUE_INIT;
  GError *error = NULL;

  if (account_close (&progress->account, progress->execution, &value, &error))
    smart_call_return_value (progress->call, &value);
  else
    smart_call_return_error (progress->call, error);
}

static gboolean
progress_return_in_loop (gpointer data)
{
  progress_return (data);

  return G_SOURCE_REMOVE;
}

static void
progress_return_errand (gpointer data)
{
  progress_return (data);
  progress_free (data);
}

static void
progress_settle_errand (gpointer data)
{
  Progress *progress = data;
  g_auto (GValue) value = G_VALUE_INIT;
  GError *error = NULL;

  if (account_close (&progress->account, progress->execution, &value, &error))
    smart_future_resolve (progress->promise, &value);
  else
    smart_future_reject (progress->promise, error);
  progress_free (progress);
}

static void
progress_idle (Progress *progress)
{
  g_autoptr (GSource) source = g_idle_source_new ();

  g_source_set_callback (source, progress_return_in_loop, progress, progress_free);
  g_source_attach (source, smart_call_get_context (progress->call));
}

/* Takes PROGRESS. */
static void
progress_end (Progress *progress)
{
  const Node *node = progress->account.node;

  switch (node->returns)
    {
    case RETURN_IDLE:
      progress_idle (progress);
      break;

    case RETURN_TIMER:
      smart_call_add_timeout (progress->call, node->delay_usec / 1000, progress_return_in_loop,
                              progress, progress_free);
      break;

    case RETURN_THREAD:
      send_errand (progress_return_errand, progress);
      break;

    case RETURN_FUTURE:
      progress->promise = smart_future_new (NULL);
      smart_call_return_future (progress->call, progress->promise);
      send_errand (progress_settle_errand, progress);
      break;

    case RETURN_AT_ONCE:
    case N_RETURNS:
    default:
      progress_return (progress);
      progress_free (progress);
    }
}

static void progress_go_on (Progress *progress);

static void
progress_got (Pending *pending, const GValue *value, GError *error)
{
  Progress *progress = pending->progress;
  g_autoptr (SmartCall) call = g_object_ref (progress->call);
  gboolean enters = progress->account.node->enters;

  g_assert_true (g_source_get_context (g_main_current_source ()) == progress->context);
  account_take (&progress->account, pending->index, value, error);
  progress->n_pending--;
  g_clear_object (&pending->future);
  g_free (pending);

  if (enters)
    smart_call_enter (call);
  progress_go_on (progress);
  if (enters)
    smart_call_leave (call);
}

static void
call_ready (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_auto (GValue) value = G_VALUE_INIT;
  GError *error = NULL;

  ask_finish (source, result, &value, &error);
  progress_got (user_data, &value, error);
}

static void
wait_ready (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Pending *pending = user_data;
  SmartFuture *outer = SMART_FUTURE (source);
  g_auto (GValue) value = G_VALUE_INIT;
  GError *error = NULL;

  smart_future_wait_finish (outer, result, NULL, NULL);
  get_result (&pending->progress->account.tree->nodes[pending->index], pending->future, outer,
              &value, &error);
  progress_got (pending, &value, error);
}

/* The loop would stand still for what goes on in it. */
static void
try_to_wait (SmartFuture *future)
{
  g_autoptr (GError) error = NULL;

  g_atomic_int_inc (&n_operations);
  g_assert_false (smart_future_wait (future, -1, NULL, NULL, &error));
  g_assert_error (error, SMART_ERROR, SMART_ERROR_WOULD_DEADLOCK);
  g_atomic_int_inc (&n_got[GOT_REFUSED]);
}

static void
progress_wait (Progress *progress, Pending *pending)
{
  Node *node = &progress->account.tree->nodes[pending->index];
  g_autoptr (SmartFuture) outer = NULL;

  pending->future = call_smart (progress->account.tree, pending->index);
  if (node->tries)
    try_to_wait (pending->future);
  outer = wrap_future (node, pending->future);
  smart_future_wait_async (outer, NULL, wait_ready, pending);
}

/* Calls one child; its result comes by a callback, but that of a sync call. */
static void
progress_call (Progress *progress, guint index)
{
  Tree *tree = progress->account.tree;
  Pending *pending;

  if (tree->nodes[index].via == VIA_SYNC)
    {
      account_call_sync (&progress->account, index);
      return;
    }

  pending = g_new (Pending, 1);
  *pending = (Pending) { progress, index, NULL };
  progress->n_pending++;
  if (tree->nodes[index].via == VIA_CALLBACK)
    {
      g_auto (Request) request;

      request_init (&request, tree, index);
      ask_async (&request, call_ready, pending);
    }
  else
    {
      progress_wait (progress, pending);
    }
}

static void
progress_go_on (Progress *progress)
{
  const Node *node = progress->account.node;

  while (progress->next < node->n_children && (node->at_once || progress->n_pending == 0))
    progress_call (progress, node->children[progress->next++]);
  if (progress->n_pending == 0)
    progress_end (progress);
}

static void
async_body (SmartCall *call, gpointer user_data)
{
  Progress *progress = g_new0 (Progress, 1);
  Tree *tree = tree_ref (smart_call_get_boxed (call, 0));
  Node *node = &tree->nodes[smart_call_get_uint (call, 1)];

  progress->call = g_object_ref (call);
  progress->account = (Account) { tree, node, node->own, NULL };
  progress->context = smart_call_get_context (call);
  g_assert_cmpint (g_atomic_int_add (&node->n_started, 1), ==, 0);
  g_assert_true (smart_call_get_current () == call);
  if (g_main_context_is_owner (progress->context))
    g_assert_true (smart_context_is_async ());
  if (node->target == TO_LOOP)
    g_assert_true (progress->context == smart_executor_get_context (loop));

  if (node_is_flight (node))
    progress->execution = flights_begin (node, call);
  meddle (node);
  progress_go_on (progress);
}

/* Those who call the roots */

typedef struct
{
  guint number;
  guint n_trees;
  gboolean offloads; /* nothing but bodies on workers, many at once */
  GRand *rand;
  guint n_begun;
  guint n_pending;
  GThread *thread;
} Driver;

static Tree *
next_tree (Driver *driver, gboolean in_loop)
{
  Tree *tree =
      driver->offloads ? tree_new_offloaded (driver->rand) : tree_new (driver->rand, in_loop);

  tree->resets = flights_get_resets ();

  return tree;
}

static gpointer
sync_driver_main (gpointer data)
{
  Driver *driver = data;

  for (guint i = 0; i < driver->n_trees; i++)
    {
      Tree *tree = next_tree (driver, FALSE);
      Account account = { tree, &tree->nodes[0], 0, NULL };

      end_in_sync (&account, 0, begin_in_sync (tree, 0));
      g_clear_error (&account.error);
      tree_unref (tree);

      if (one_in (driver->rand, 50))
        smart_async_reset ();
    }
  g_atomic_int_add (&n_busy, -1);

  return NULL;
}

typedef struct
{
  Driver *driver;
  Tree *tree;
} Root;

static void loop_driver_fill (Driver *driver);

static void
root_got (Root *root, const GValue *value, GError *error)
{
  Driver *driver = root->driver;

  judge (root->tree, 0, value, error);
  g_clear_error (&error);
  tree_unref (root->tree);
  g_free (root);
  driver->n_pending--;
  loop_driver_fill (driver);
}

static void
root_call_ready (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_auto (GValue) value = G_VALUE_INIT;
  GError *error = NULL;

  ask_finish (source, result, &value, &error);
  root_got (user_data, &value, error);
}

/* By a continuation this time. */
static void
root_continue (SmartCall *call, SmartFuture *settled, gpointer user_data)
{
  g_auto (GValue) value = G_VALUE_INIT;
  GError *error = NULL;

  smart_future_get_value (settled, &value, &error);
  root_got (user_data, &value, error);
  smart_call_return_none (call);
}

static void
loop_driver_begin (Driver *driver)
{
  Root *root = g_new (Root, 1);
  Tree *tree = next_tree (driver, TRUE);

  *root = (Root) { driver, tree };
  driver->n_begun++;
  driver->n_pending++;

  if (tree->nodes[0].via == VIA_CALLBACK)
    {
      g_auto (Request) request;

      request_init (&request, tree, 0);
      ask_async (&request, root_call_ready, root);
    }
  else
    {
      g_autoptr (SmartFuture) future = call_smart (tree, 0);

      g_object_unref (smart_future_finally (future, root_continue, root, NULL));
    }
}

static void
loop_driver_fill (Driver *driver)
{
  guint max_pending = driver->offloads ? N_OFFLOADED : IN_FLIGHT;

  while (driver->n_begun < driver->n_trees && driver->n_pending < max_pending)
    loop_driver_begin (driver);
}

static void
loop_driver_start (gpointer data)
{
  loop_driver_fill (data);
}

static gboolean
tick (gpointer unused)
{
  return G_SOURCE_CONTINUE;
}

/* Its context is iterated as long as anybody may wait for a flight of it. */
static gpointer
loop_driver_main (gpointer data)
{
  Driver *driver = data;
  g_autoptr (GMainContext) context = g_main_context_new ();
  g_autoptr (GSource) ticker = g_timeout_source_new (5);

  g_main_context_push_thread_default (context);
  g_source_set_callback (ticker, tick, NULL, NULL);
  g_source_attach (ticker, context);

  smart_test_invoke (context, loop_driver_start, driver);
  while (driver->n_begun < driver->n_trees || driver->n_pending > 0)
    g_main_context_iteration (context, TRUE);
  g_atomic_int_add (&n_busy, -1);
  while (g_atomic_int_get (&n_busy) > 0 || smart_lock_get_n_flights (flights_get_lock ()) > 0)
    g_main_context_iteration (context, TRUE);

  g_source_destroy (ticker);
  while (g_main_context_iteration (context, FALSE))
    ;
  g_main_context_pop_thread_default (context);

  return NULL;
}

/* The whole */

static void
make_funcs (void)
{
  SmartAsyncFunc *plain[N_KINDS] = {
    smart_async_func_new (async_body, NULL, NULL),
    smart_async_func_new_blocking (blocking_body, NULL, NULL),
    smart_async_func_new_dual (async_body, NULL, NULL, blocking_body, NULL, NULL),
  };

  for (guint kind = 0; kind < N_KINDS; kind++)
    {
      for (guint trouble = 0; trouble < N_TROUBLES; trouble++)
        funcs[kind][trouble] = g_object_ref (plain[kind]);
      g_set_object (&funcs[kind][TIMED], NULL);
      funcs[kind][TIMED] =
          smart_async_func_derive (plain[kind], "timeout", (guint) TIMEOUT_MSEC, NULL);
      g_set_object (&funcs[kind][ABANDONED], NULL);
      funcs[kind][ABANDONED] =
          smart_async_func_derive (plain[kind], "abandon-on-cancel", TRUE, NULL);
    }

  twin = smart_lock_new ();
  pool = smart_executor_new_pool ("stress", POOL_THREADS);
  loop = smart_executor_new_loop ("stress");
  limited =
      smart_async_func_derive (plain[KIND_BLOCKING], "max-concurrency", (guint) MAX_LIMITED, NULL);
  pooled = smart_async_func_derive (plain[KIND_BLOCKING], "executor", pool, NULL);
  looped = smart_async_func_derive (plain[KIND_ASYNC], "executor", loop, NULL);
  for (guint kind = 0; kind < N_KINDS; kind++)
    g_object_unref (plain[kind]);
}

static void
free_funcs (void)
{
  for (guint kind = 0; kind < N_KINDS; kind++)
    for (guint trouble = 0; trouble < N_TROUBLES; trouble++)
      g_clear_object (&funcs[kind][trouble]);
  g_clear_object (&limited);
  g_clear_object (&pooled);
  g_clear_object (&looped);
  g_clear_object (&pool);
  g_clear_object (&loop);
  g_clear_object (&twin);
}

static gboolean
all_has_ended (void)
{
  /* Calls that were begun in the default context end there. */
  g_main_context_iteration (NULL, FALSE);

  return g_atomic_int_get (&n_trees) == 0 &&
         g_atomic_int_get (&n_begun) == g_atomic_int_get (&n_settled);
}

/* Borrows a private context, and in that the next one. */
static void
visit_body (SmartCall *call, gpointer func)
{
  guint depth = smart_call_get_uint (call, 0);
  g_auto (GValue) arg = G_VALUE_INIT;

  g_value_init (&arg, G_TYPE_UINT);
  g_value_set_uint (&arg, depth - 1);
  if (depth > 0)
    smart_async_func_call_sync (*(SmartAsyncFunc **) func, NULL, &arg, 1, NULL, NULL, NULL);
  smart_call_return_none (call);
}

/* What comes back to a private context after its call was over waits there for
 * its thread's next sync call, or for the thread's end. The executor's loop does
 * not end. */
static void
visit_loop (void)
{
  g_autoptr (SmartAsyncFunc) here = NULL;
  g_autoptr (SmartAsyncFunc) there = NULL;
  g_auto (GValue) depth = G_VALUE_INIT;

  here = smart_async_func_new (visit_body, &here, NULL);
  there = smart_async_func_derive (here, "executor", loop, NULL);
  g_value_init (&depth, G_TYPE_UINT);
  g_value_set_uint (&depth, MAX_DEPTH + 1);
  smart_async_func_call_sync (there, NULL, &depth, 1, NULL, NULL, NULL);
}

/* What was left behind may go on for a while. */
static void
wait_for_the_rest (void)
{
  gint64 deadline = g_get_monotonic_time () + smart_test_bound (2 * SMART_TEST_DEADLINE_USEC);

  while (!all_has_ended ())
    {
      if (g_get_monotonic_time () > deadline)
        {
          trees_print ();
          g_error ("%d of %d calls have settled", g_atomic_int_get (&n_settled),
                   g_atomic_int_get (&n_begun));
        }
      visit_loop ();
    }
}

static void
run_drivers (GThreadFunc main_func, Driver *drivers, guint n, guint first_number)
{
  for (guint i = 0; i < n; i++)
    {
      drivers[i].number = first_number + i;
      drivers[i].n_trees = option_trees;
      drivers[i].rand = g_rand_new_with_seed ((guint32) option_seed * 1000 + drivers[i].number);
      drivers[i].thread = g_thread_new ("driver", main_func, &drivers[i]);
    }
}

static void
join_drivers (Driver *drivers, guint n)
{
  for (guint i = 0; i < n; i++)
    {
      g_thread_join (drivers[i].thread);
      g_rand_free (drivers[i].rand);
    }
}

/* Waits for the drivers as long as anything settles: where nothing does any more,
 * tells who waits for what. */
static void
watch_drivers (void)
{
  g_auto (SmartTestGate) never;
  gint64 patience =
      smart_test_bound (option_plant == PLANT_LOST ? G_USEC_PER_SEC : SMART_TEST_DEADLINE_USEC);
  gint64 since = g_get_monotonic_time ();
  int n_before = 0;

  smart_test_gate_init (&never);
  while (g_atomic_int_get (&n_busy) > 0)
    {
      int n = g_atomic_int_get (&n_settled);

      if (n != n_before)
        since = g_get_monotonic_time ();
      n_before = n;
      if (g_get_monotonic_time () - since > patience)
        {
          g_autofree char *dump = smart_async_dump_waits ();

          g_printerr ("# %d of %d calls have settled; these threads wait:\n%s", n,
                      g_atomic_int_get (&n_begun), dump);
          g_error ("A call was lost");
        }
      smart_test_gate_wait_for (&never, 5000);
    }
}

/* Much of each is to be seen, or the test shows less than it says. */
static void
assert_seen (void)
{
  for (guint i = 0; i < N_OUTCOMES; i++)
    {
      g_test_message ("%d %s", g_atomic_int_get (&n_got[i]), outcomes[i]);
      if (option_trees >= 1000)
        g_assert_cmpint (g_atomic_int_get (&n_got[i]), >, 50);
    }
}

static GThread *errand_threads[2];

static void
set_up (int n_drivers)
{
  /* A call that was left behind in a worker's private context goes with the
   * worker at the latest: GTask's would stay for 15 s.
   */
  g_thread_pool_set_max_idle_time (100);

  /* To stderr, too: where it fails is where nobody reads a message any more. */
  g_printerr ("# again: stress --seed %" G_GUINT64_FORMAT " --trees %u\n", option_seed,
              option_trees);
  memset (n_got, 0, sizeof n_got);
  g_atomic_int_set (&n_begun, 0);
  g_atomic_int_set (&n_settled, 0);
  g_atomic_int_set (&n_operations, 0);
  g_atomic_int_set (&n_dropped, 0);
  g_atomic_int_set (&n_busy, n_drivers);
  errands = g_async_queue_new ();
  flights_init (
      smart_test_bound (option_plant == PLANT_TWICE ? G_USEC_PER_SEC : SMART_TEST_DEADLINE_USEC));
  make_funcs ();
  for (guint i = 0; i < G_N_ELEMENTS (errand_threads); i++)
    errand_threads[i] = g_thread_new ("errands", errand_main, NULL);
}

/* The drivers have ended. */
static void
tear_down (void)
{
  wait_for_the_rest ();
  g_test_message ("%d operations, %d of them calls", g_atomic_int_get (&n_operations),
                  g_atomic_int_get (&n_settled));

  for (guint i = 0; i < G_N_ELEMENTS (errand_threads); i++)
    send_errand (NULL, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (errand_threads); i++)
    g_thread_join (errand_threads[i]);
  g_async_queue_unref (errands);
  flights_clear ();
  free_funcs ();
}

static void
stress (void)
{
  Driver sync_drivers[N_SYNC_DRIVERS] = { { 0 } };
  Driver loop_drivers[N_LOOP_DRIVERS] = { { 0 } };

  set_up (N_SYNC_DRIVERS + N_LOOP_DRIVERS);
  run_drivers (sync_driver_main, sync_drivers, N_SYNC_DRIVERS, 0);
  run_drivers (loop_driver_main, loop_drivers, N_LOOP_DRIVERS, N_SYNC_DRIVERS);
  watch_drivers ();
  join_drivers (sync_drivers, N_SYNC_DRIVERS);
  join_drivers (loop_drivers, N_LOOP_DRIVERS);
  tear_down ();
  assert_seen ();
}

/* Workers that wait for workers, many at once, whose calls go as soon as they can. */
static void
stress_offloaded (void)
{
  Driver drivers[N_OFFLOAD_DRIVERS] = { { .offloads = TRUE }, { .offloads = TRUE } };

  set_up (N_OFFLOAD_DRIVERS);
  run_drivers (loop_driver_main, drivers, N_OFFLOAD_DRIVERS, 0);
  watch_drivers ();
  join_drivers (drivers, N_OFFLOAD_DRIVERS);
  tear_down ();

  if (option_trees >= 1000)
    for (guint i = GOT_VALUE; i <= GOT_TIMED_OUT; i++)
      g_assert_cmpint (g_atomic_int_get (&n_got[i]), >, option_trees / 50);
  g_assert_cmpint (g_atomic_int_get (&n_dropped), >, option_trees / 10);
}

static guint
get_digest (guint seed, guint n)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (seed);
  guint digest = 0;

  for (guint i = 0; i < n; i++)
    {
      Tree *tree = tree_new (rand, i % 2 == 0);

      digest = tree_get_digest (tree, digest);
      tree_unref (tree);
    }

  return digest;
}

/* A seed makes the same program each time, and another one another. */
static void
same_program (void)
{
  g_assert_cmpuint (get_digest (17, 500), ==, get_digest (17, 500));
  g_assert_cmpuint (get_digest (17, 500), !=, get_digest (18, 500));
}

static void
planted (gconstpointer data)
{
  if (g_test_subprocess ())
    {
      option_plant = GPOINTER_TO_UINT (data);
      option_trees = MAX (option_trees, 1000);
      if (option_plant == PLANT_MIXED)
        stress_offloaded ();
      else
        stress ();
      return;
    }

  g_test_trap_subprocess (NULL, smart_test_bound (3 * SMART_TEST_DEADLINE_USEC), 0);
  g_assert_false (g_test_trap_reached_timeout ());
  g_test_trap_assert_failed ();
  g_test_trap_assert_stderr ("*again: stress --seed*");
  g_test_trap_assert_stderr (plants[GPOINTER_TO_UINT (data)].found);
}

static Plant
find_plant (const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS (plants); i++)
    if (g_str_equal (plants[i].name, name))
      return i;

  g_printerr ("There is no bug called %s\n", name);
  exit (EXIT_FAILURE);
}

/* Takes the test's own options out: --seed is g_test_init()'s, too. */
static void
parse_options (int *argc, char **argv)
{
  int n = 1;

  for (int i = 1; i < *argc; i++)
    {
      if (g_str_equal (argv[i], "--seed") && i + 1 < *argc)
        option_seed = g_ascii_strtoull (argv[++i], NULL, 10);
      else if (g_str_equal (argv[i], "--trees") && i + 1 < *argc)
        option_trees = (guint) g_ascii_strtoull (argv[++i], NULL, 10);
      else if (g_str_equal (argv[i], "--plant") && i + 1 < *argc)
        option_plant = find_plant (argv[++i]);
      else
        argv[n++] = argv[i];
    }
  argv[n] = NULL;
  *argc = n;
}

int
main (int argc, char *argv[])
{
  option_seed = g_random_int_range (0, 1000000);
  parse_options (&argc, argv);
  smart_test_init (&argc, &argv);
  if (option_trees == 0)
    option_trees = smart_test_scale (g_test_thorough () ? 21000 : 2100, 25);

  smart_test_add_main ("/stress/same-program", same_program);
  smart_test_add_main ("/stress/trees", stress);
  smart_test_add_main ("/stress/offloaded", stress_offloaded);
  for (guint plant = PLANT_LOST; plant < G_N_ELEMENTS (plants); plant++)
    {
      g_autofree char *path = g_strconcat ("/stress/planted/", plants[plant].name, NULL);

      g_test_add_data_func (path, GUINT_TO_POINTER (plant), planted);
    }

  return g_test_run ();
}
