/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Random trees of calls, against a model that only adds.
 *
 * A node of a tree is one call. It is worth its own number and what its
 * children are worth, or it fails; so what a call has to give is known before
 * it is made, whatever thread or context it comes to run in. A tree with
 * trouble in it (something is cancelled or has a deadline) may also give the
 * error of that trouble. Each call settles once.
 *
 *   stress [--seed N] [--trees N]
 *
 * The trees follow from the seed, which is printed; when their bodies meet, of
 * course, does not.
 */

#include "smart-test.h"

#include <smartasync-glib/smartasync-glib.h>

#include <stdlib.h>
#include <string.h>

#define N_SYNC_DRIVERS 3
#define N_LOOP_DRIVERS 3
#define IN_FLIGHT      4
#define MAX_NODES      16
#define MAX_CHILDREN   3
#define MAX_DEPTH      6
#define TIMEOUT_MSEC   2

typedef enum
{
  KIND_ASYNC,
  KIND_BLOCKING,
  KIND_DUAL,
  N_KINDS
} Kind;

/* How the caller calls it. */
typedef enum
{
  VIA_SYNC,     /* call_sync () */
  VIA_SMART,    /* the smart call, where the caller is */
  VIA_PUSHED,   /* the smart call, as in an async context */
  VIA_CALLBACK, /* call_async (), from a loop */
  N_VIAS
} Via;

/* How an asynchronous body returns, when it has what it needs. */
typedef enum
{
  RETURN_AT_ONCE,
  RETURN_IDLE,
  RETURN_TIMER,
  RETURN_THREAD,
  RETURN_FUTURE,
  N_RETURNS
} Return;

typedef enum
{
  CALM,
  CANCELLED_BEFORE,
  CANCELLED_MEANWHILE,
  ABANDONED, /* the same, and the function does not wait for its body */
  TIMED,
  N_TROUBLES
} Trouble;

typedef struct
{
  Kind kind;
  Via via;
  Return returns;
  Trouble trouble;
  gboolean at_once; /* the children: all begun before one is waited for */
  gboolean enters;  /* between its callbacks, it says which call it is */
  guint delay_usec;
  gboolean fails;
  guint own;
  guint children[MAX_CHILDREN];
  guint n_children;

  /* What the model says. */
  guint worth;
  gboolean is_to_fail;

  int n_started; /* atomic */
  int n_settled; /* atomic */
} Node;

typedef struct
{
  int ref_count; /* atomic */
  guint n_nodes;
  gboolean troubled;
  Node nodes[MAX_NODES];
} Tree;

static int n_trees;   /* atomic: alive */
static int n_begun;   /* atomic: calls */
static int n_settled; /* atomic */

static guint64 option_seed = 0;
static guint option_trees = 0;

/* Two threads that settle and cancel what they are handed. */
static GAsyncQueue *errands;

/* By kind, and by trouble as far as that is the function's. */
static SmartAsyncFunc *funcs[N_KINDS][N_TROUBLES];

/* The tree goes with the calls, as an argument. */

static Tree *
tree_ref (Tree *tree)
{
  g_atomic_int_inc (&tree->ref_count);

  return tree;
}

static void
tree_unref (Tree *tree)
{
  if (!g_atomic_int_dec_and_test (&tree->ref_count))
    return;
  g_free (tree);
  g_atomic_int_add (&n_trees, -1);
}

GType tree_get_type (void);
G_DEFINE_BOXED_TYPE (Tree, tree, tree_ref, tree_unref)

/* Making trees */

static gboolean
one_in (GRand *rand, int n)
{
  return g_rand_int_range (rand, 0, n) == 0;
}

static guint
tree_grow (Tree *tree, GRand *rand, guint depth)
{
  guint index = tree->n_nodes++;
  Node *node = &tree->nodes[index];
  int n_children = depth < MAX_DEPTH ? g_rand_int_range (rand, 0, MAX_CHILDREN + 1) : 0;

  node->kind = g_rand_int_range (rand, 0, N_KINDS);
  node->via = g_rand_int_range (rand, 0, N_VIAS);
  node->returns = g_rand_int_range (rand, 0, N_RETURNS);
  node->at_once = one_in (rand, 2);
  node->enters = one_in (rand, 2);
  node->delay_usec = one_in (rand, 16) ? g_rand_int_range (rand, 0, 3000) : 0;
  node->fails = one_in (rand, 40);
  node->own = g_rand_int (rand);
  if (tree->troubled && one_in (rand, 5))
    node->trouble = g_rand_int_range (rand, CALM + 1, N_TROUBLES);

  node->worth = node->own;
  node->is_to_fail = node->fails;
  for (int i = 0; i < n_children && tree->n_nodes < MAX_NODES; i++)
    {
      guint child = tree_grow (tree, rand, depth + 1);

      node->children[node->n_children++] = child;
      node->worth += tree->nodes[child].worth;
      node->is_to_fail |= tree->nodes[child].is_to_fail;
    }

  /* An asynchronous body that is left behind in a private context goes on when
   * its thread makes a sync call again, which may be never: so nothing that
   * comes through the context may keep the tree.
   */
  if (node->kind != KIND_BLOCKING && (node->trouble == TIMED || node->trouble == ABANDONED))
    {
      if (node->n_children > 0)
        node->trouble = CANCELLED_MEANWHILE;
      else
        node->returns = one_in (rand, 2) ? RETURN_THREAD : RETURN_FUTURE;
    }

  return index;
}

static Tree *
tree_new (GRand *rand)
{
  Tree *tree = g_new0 (Tree, 1);

  tree->ref_count = 1;
  tree->troubled = one_in (rand, 4);
  tree_grow (tree, rand, 0);
  g_atomic_int_inc (&n_trees);

  return tree;
}

/* Judging results */

static void
judge_failure (Tree *tree, Node *node, const GError *error)
{
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_EXISTS))
    {
      g_assert_true (node->is_to_fail);
      g_assert_cmpstr (error->message, ==, "planned");
      return;
    }

  /* Anything else the library has made: of a tree in trouble, and of that only. */
  if (!tree->troubled)
    g_assert_no_error (error);
  if (!g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
}

static void
judge (Tree *tree, guint index, const GValue *value, const GError *error)
{
  Node *node = &tree->nodes[index];

  g_assert_cmpint (g_atomic_int_add (&node->n_settled, 1), ==, 0);
  g_atomic_int_inc (&n_settled);

  if (node->trouble == CANCELLED_BEFORE)
    {
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
      g_assert_cmpint (g_atomic_int_get (&node->n_started), ==, 0);
    }
  else if (error != NULL)
    {
      judge_failure (tree, node, error);
    }
  else
    {
      g_assert_false (node->is_to_fail);
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
  SmartAsyncFunc *func;
  GValue args[2];
  GCancellable *cancellable;
} Request;

static void
request_init (Request *request, Tree *tree, guint index)
{
  Node *node = &tree->nodes[index];

  memset (request, 0, sizeof *request);
  request->func = funcs[node->kind][node->trouble];
  g_value_init (&request->args[0], tree_get_type ());
  g_value_set_boxed (&request->args[0], tree);
  g_value_init (&request->args[1], G_TYPE_UINT);
  g_value_set_uint (&request->args[1], index);

  g_atomic_int_inc (&n_begun);
  if (node->trouble == CANCELLED_BEFORE || node->trouble == CANCELLED_MEANWHILE ||
      node->trouble == ABANDONED)
    request->cancellable = g_cancellable_new ();
  if (node->trouble == CANCELLED_BEFORE)
    g_cancellable_cancel (request->cancellable);
  else if (request->cancellable != NULL)
    send_errand (cancel_errand, g_object_ref (request->cancellable));
}

static void
request_clear (Request *request)
{
  g_value_unset (&request->args[0]);
  g_clear_object (&request->cancellable);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Request, request_clear)

static gboolean
call_sync (Tree *tree, guint index, guint *sum, GError **error)
{
  g_auto (Request) request;
  g_auto (GValue) value = G_VALUE_INIT;
  g_autoptr (GError) failure = NULL;

  request_init (&request, tree, index);
  if (smart_async_func_call_sync (request.func, NULL, request.args, 2, request.cancellable, &value,
                                  &failure))
    *sum += g_value_get_uint (&value);
  judge (tree, index, &value, failure);
  if (failure == NULL)
    return TRUE;

  g_propagate_error (error, g_steal_pointer (&failure));

  return FALSE;
}

static SmartFuture *
call_smart (Tree *tree, guint index)
{
  g_auto (Request) request;

  request_init (&request, tree, index);

  return smart_async_func_callv (request.func, NULL, request.args, 2, request.cancellable);
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
  if (node->via != VIA_PUSHED)
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

static gboolean
wait_in_sync (Tree *tree, guint index, SmartFuture *future, guint *sum, GError **error)
{
  g_auto (GValue) value = G_VALUE_INIT;
  g_autoptr (GError) failure = NULL;

  if (smart_future_wait (future, -1, NULL, &value, &failure))
    *sum += g_value_get_uint (&value);
  judge (tree, index, &value, failure);
  if (failure == NULL)
    return TRUE;

  g_propagate_error (error, g_steal_pointer (&failure));

  return FALSE;
}

static gboolean
end_in_sync (Tree *tree, guint index, SmartFuture *begun, guint *sum, GError **error)
{
  g_autoptr (SmartFuture) future = begun;

  if (future == NULL && tree->nodes[index].via == VIA_SYNC)
    return call_sync (tree, index, sum, error);

  if (future == NULL)
    {
      future = call_smart (tree, index);
      g_assert_cmpint (smart_future_get_status (future), !=, SMART_FUTURE_PENDING);
    }

  return wait_in_sync (tree, index, future, sum, error);
}

static void
take_first_error (GError **first, GError *next)
{
  if (*first == NULL)
    *first = next;
  else
    g_clear_error (&next);
}

static gboolean
call_children_in_sync (Tree *tree, Node *node, guint *sum, GError **error)
{
  SmartFuture *futures[MAX_CHILDREN] = { NULL };
  GError *first = NULL;

  for (guint i = 0; i < node->n_children && node->at_once; i++)
    futures[i] = begin_in_sync (tree, node->children[i]);

  for (guint i = 0; i < node->n_children; i++)
    {
      GError *failure = NULL;

      if (futures[i] == NULL)
        futures[i] = begin_in_sync (tree, node->children[i]);
      if (!end_in_sync (tree, node->children[i], futures[i], sum, &failure))
        take_first_error (&first, failure);
    }

  if (first == NULL)
    return TRUE;
  g_propagate_error (error, first);

  return FALSE;
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
blocking_body (SmartCall *call, gpointer user_data)
{
  Tree *tree = smart_call_get_boxed (call, 0);
  Node *node = &tree->nodes[smart_call_get_uint (call, 1)];
  guint sum = node->own;
  GError *error = NULL;

  g_atomic_int_inc (&node->n_started);
  g_assert_true (smart_call_get_current () == call);
  g_assert_false (smart_context_is_async ());

  work (node);
  if (!call_children_in_sync (tree, node, &sum, &error))
    smart_call_return_error (call, error);
  else if (node->fails)
    smart_call_return_new_error (call, G_IO_ERROR, G_IO_ERROR_EXISTS, "planned");
  else
    smart_call_return_uint (call, sum);
}

/* An asynchronous body: what it keeps until it returns */

typedef struct
{
  SmartCall *call;
  Tree *tree;
  Node *node;
  GMainContext *context;
  guint next; /* child to be called */
  guint n_pending;
  guint sum;
  GError *error;
  SmartFuture *promise;
} Progress;

typedef struct
{
  Progress *progress;
  guint index;
} Pending;

static void
progress_free (gpointer data)
{
  Progress *progress = data;

  g_object_unref (progress->call);
  tree_unref (progress->tree);
  g_clear_error (&progress->error);
  g_clear_object (&progress->promise);
  g_free (progress);
}

static void
progress_return (Progress *progress)
{
  if (progress->error != NULL)
    smart_call_return_error (progress->call, g_steal_pointer (&progress->error));
  else if (progress->node->fails)
    smart_call_return_new_error (progress->call, G_IO_ERROR, G_IO_ERROR_EXISTS, "planned");
  else
    smart_call_return_uint (progress->call, progress->sum);
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
  GValue value = G_VALUE_INIT;

  if (progress->error != NULL)
    smart_future_reject (progress->promise, g_steal_pointer (&progress->error));
  else if (progress->node->fails)
    smart_future_reject (progress->promise,
                         g_error_new_literal (G_IO_ERROR, G_IO_ERROR_EXISTS, "planned"));
  else
    {
      g_value_init (&value, G_TYPE_UINT);
      g_value_set_uint (&value, progress->sum);
      smart_future_resolve (progress->promise, &value);
    }
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
  switch (progress->node->returns)
    {
    case RETURN_IDLE:
      progress_idle (progress);
      break;

    case RETURN_TIMER:
      smart_call_add_timeout (progress->call, progress->node->delay_usec / 1000,
                              progress_return_in_loop, progress, progress_free);
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
  gboolean enters = progress->node->enters;

  g_assert_true (g_source_get_context (g_main_current_source ()) == progress->context);
  judge (progress->tree, pending->index, value, error);
  if (error != NULL)
    take_first_error (&progress->error, error);
  else
    progress->sum += g_value_get_uint (value);
  progress->n_pending--;
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

  smart_async_func_call_finish (SMART_ASYNC_FUNC (source), result, &value, &error);
  progress_got (user_data, &value, error);
}

static void
wait_ready (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_auto (GValue) value = G_VALUE_INIT;
  GError *error = NULL;

  smart_future_wait_finish (SMART_FUTURE (source), result, &value, &error);
  progress_got (user_data, &value, error);
}

/* Calls one child; its result comes by a callback, but that of a sync call. */
static void
progress_call (Progress *progress, guint index)
{
  Tree *tree = progress->tree;
  Pending *pending;

  if (tree->nodes[index].via == VIA_SYNC)
    {
      GError *error = NULL;

      if (!call_sync (tree, index, &progress->sum, &error))
        take_first_error (&progress->error, error);
      return;
    }

  pending = g_new (Pending, 1);
  *pending = (Pending) { progress, index };
  progress->n_pending++;
  if (tree->nodes[index].via == VIA_CALLBACK)
    {
      g_auto (Request) request;

      request_init (&request, tree, index);
      smart_async_func_call_async (request.func, NULL, request.args, 2, request.cancellable,
                                   call_ready, pending);
    }
  else
    {
      g_autoptr (SmartFuture) future = call_smart (tree, index);

      smart_future_wait_async (future, NULL, wait_ready, pending);
    }
}

static void
progress_go_on (Progress *progress)
{
  Node *node = progress->node;

  while (progress->next < node->n_children && (node->at_once || progress->n_pending == 0))
    progress_call (progress, node->children[progress->next++]);
  if (progress->n_pending == 0)
    progress_end (progress);
}

static void
async_body (SmartCall *call, gpointer user_data)
{
  Progress *progress = g_new0 (Progress, 1);
  guint index = smart_call_get_uint (call, 1);

  progress->call = g_object_ref (call);
  progress->tree = tree_ref (smart_call_get_boxed (call, 0));
  progress->node = &progress->tree->nodes[index];
  progress->context = smart_call_get_context (call);
  progress->sum = progress->node->own;
  g_atomic_int_inc (&progress->node->n_started);
  g_assert_true (smart_call_get_current () == call);
  if (g_main_context_is_owner (progress->context))
    g_assert_true (smart_context_is_async ());

  progress_go_on (progress);
}

/* Those who call the roots */

typedef struct
{
  guint number;
  guint n_trees;
  GRand *rand;
  guint n_begun;
  guint n_pending;
  GThread *thread;
} Driver;

static gpointer
sync_driver_main (gpointer data)
{
  Driver *driver = data;

  for (guint i = 0; i < driver->n_trees; i++)
    {
      Tree *tree = tree_new (driver->rand);
      g_autoptr (GError) error = NULL;
      guint sum = 0;

      end_in_sync (tree, 0, begin_in_sync (tree, 0), &sum, &error);
      tree_unref (tree);

      if (one_in (driver->rand, 50))
        smart_async_reset ();
    }

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

  smart_async_func_call_finish (SMART_ASYNC_FUNC (source), result, &value, &error);
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
  Tree *tree = tree_new (driver->rand);

  *root = (Root) { driver, tree };
  driver->n_begun++;
  driver->n_pending++;

  if (tree->nodes[0].via == VIA_CALLBACK)
    {
      g_auto (Request) request;

      request_init (&request, tree, 0);
      smart_async_func_call_async (request.func, NULL, request.args, 2, request.cancellable,
                                   root_call_ready, root);
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
  while (driver->n_begun < driver->n_trees && driver->n_pending < IN_FLIGHT)
    loop_driver_begin (driver);
}

static void
loop_driver_start (gpointer data)
{
  loop_driver_fill (data);
}

static gpointer
loop_driver_main (gpointer data)
{
  Driver *driver = data;
  g_autoptr (GMainContext) context = g_main_context_new ();

  g_main_context_push_thread_default (context);
  smart_test_invoke (context, loop_driver_start, driver);
  while (driver->n_begun < driver->n_trees || driver->n_pending > 0)
    g_main_context_iteration (context, TRUE);
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
      g_object_unref (plain[kind]);
    }
}

static void
free_funcs (void)
{
  for (guint kind = 0; kind < N_KINDS; kind++)
    for (guint trouble = 0; trouble < N_TROUBLES; trouble++)
      g_clear_object (&funcs[kind][trouble]);
}

static gboolean
all_has_ended (gpointer unused)
{
  /* Calls that were begun in the default context end there. */
  g_main_context_iteration (NULL, FALSE);

  return g_atomic_int_get (&n_trees) == 0 &&
         g_atomic_int_get (&n_begun) == g_atomic_int_get (&n_settled);
}

static void
run_drivers (GThreadFunc main_func, Driver *drivers, guint n, guint first_number)
{
  for (guint i = 0; i < n; i++)
    {
      drivers[i] = (Driver) { .number = first_number + i, .n_trees = option_trees };
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

static void
stress (void)
{
  Driver sync_drivers[N_SYNC_DRIVERS];
  Driver loop_drivers[N_LOOP_DRIVERS];
  GThread *errand_threads[2];

  /* A call that was left behind in a worker's private context goes with the
   * worker at the latest: GTask's would stay for 15 s.
   */
  g_thread_pool_set_max_idle_time (100);

  g_test_message ("--seed %" G_GUINT64_FORMAT " --trees %u", option_seed, option_trees);
  g_atomic_int_set (&n_begun, 0);
  g_atomic_int_set (&n_settled, 0);
  errands = g_async_queue_new ();
  make_funcs ();
  for (guint i = 0; i < 2; i++)
    errand_threads[i] = g_thread_new ("errands", errand_main, NULL);

  run_drivers (sync_driver_main, sync_drivers, N_SYNC_DRIVERS, 0);
  run_drivers (loop_driver_main, loop_drivers, N_LOOP_DRIVERS, N_SYNC_DRIVERS);
  join_drivers (sync_drivers, N_SYNC_DRIVERS);
  join_drivers (loop_drivers, N_LOOP_DRIVERS);
  smart_test_wait_until (all_has_ended, NULL);
  g_test_message ("%d calls", g_atomic_int_get (&n_settled));

  for (guint i = 0; i < 2; i++)
    send_errand (NULL, NULL);
  for (guint i = 0; i < 2; i++)
    g_thread_join (errand_threads[i]);
  g_async_queue_unref (errands);
  free_funcs ();
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
    option_trees = smart_test_scale (g_test_thorough () ? 20000 : 2000, 25);

  smart_test_add ("/stress", stress);

  return g_test_run ();
}
