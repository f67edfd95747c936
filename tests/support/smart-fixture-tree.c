/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Random trees of legal calls: each node calls others, in random ways, and
 * waits for them. */

#include "smart-fixture-tree.h"

#define N_NODES 4

static SmartAsyncFunc *nodes[N_NODES];
static GAsyncQueue *by_hand;

/* Nobody knows who settles a future that was made by hand: another thread. */
static gpointer
settler_main (gpointer unused)
{
  for (;;)
    {
      g_autoptr (SmartFuture) future = g_async_queue_pop (by_hand);
      g_auto (GValue) value = G_VALUE_INIT;

      g_value_init (&value, G_TYPE_UINT);
      g_value_set_uint (&value, 1);
      smart_future_resolve (future, &value);
    }

  return NULL;
}

static gboolean
wait_for_hand (GError **error)
{
  g_autoptr (SmartFuture) future = smart_future_new (NULL);

  g_async_queue_push (by_hand, g_object_ref (future));
  return smart_future_wait (future, -1, NULL, NULL, error);
}

static gboolean
wait_with_deadline (SmartFuture *future, GError **error)
{
  g_autoptr (GError) late = NULL;

  if (smart_future_wait (future, 100, NULL, NULL, &late) ||
      g_error_matches (late, G_IO_ERROR, G_IO_ERROR_TIMED_OUT))
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&late));
  return FALSE;
}

static gboolean
begin_and_wait (SmartAsyncFunc *func, const GValue *args, guint how, GError **error)
{
  g_autoptr (SmartFuture) future = NULL;
  g_autoptr (SmartFuture) all = NULL;

  smart_context_push_mode (SMART_MODE_ASYNC);
  future = smart_async_func_callv (func, NULL, args, 2, NULL);
  smart_context_pop_mode ();
  if ((how & 1) != 0 && !wait_with_deadline (future, error))
    return FALSE;
  all = smart_future_all (future, NULL);

  return smart_future_wait (how & 2 ? all : future, -1, NULL, NULL, error);
}

/* One node; @how says which function, and how it is waited for. */
static gboolean
call_node (guint seed, guint depth, guint how, GError **error)
{
  g_autoptr (SmartAsyncFunc) func = smart_fixture_tree_node (how);
  g_autoptr (SmartFuture) future = NULL;
  GValue args[2] = { G_VALUE_INIT, G_VALUE_INIT };

  g_value_init (&args[0], G_TYPE_UINT);
  g_value_set_uint (&args[0], seed);
  g_value_init (&args[1], G_TYPE_UINT);
  g_value_set_uint (&args[1], depth);

  if (how / N_NODES % 3 == 0)
    return smart_async_func_call_sync (func, NULL, args, 2, NULL, NULL, error);
  if (how / N_NODES % 3 == 2 && smart_async_func_get_kind (func) == SMART_ASYNC_FUNC_BLOCKING)
    return begin_and_wait (func, args, how, error);

  smart_context_push_mode (SMART_MODE_SYNC);
  future = smart_async_func_callv (func, NULL, args, 2, NULL);
  smart_context_pop_mode ();

  return smart_future_get_value (future, NULL, error);
}

static void
node_blocking (SmartCall *call, gpointer unused)
{
  GError *error = NULL;

  if (smart_fixture_tree_walk (smart_call_get_uint (call, 0), smart_call_get_uint (call, 1),
                               &error))
    smart_call_return_uint (call, 1);
  else
    smart_call_return_error (call, error);
}

static gboolean
node_later (gpointer data)
{
  /* What its ancestors hold, it holds. */
  smart_call_enter (data);
  node_blocking (data, NULL);
  smart_call_leave (data);

  return G_SOURCE_REMOVE;
}

static void
node_async (SmartCall *call, gpointer unused)
{
  if (smart_call_get_uint (call, 0) & 1)
    smart_call_add_timeout (call, 0, node_later, g_object_ref (call), g_object_unref);
  else
    node_blocking (call, NULL);
}

static void
make_nodes (void)
{
  static gsize made;

  if (!g_once_init_enter (&made))
    return;

  by_hand = g_async_queue_new ();
  nodes[0] = smart_async_func_new (node_async, NULL, NULL);
  nodes[1] = smart_async_func_new_blocking (node_blocking, NULL, NULL);
  nodes[2] = smart_async_func_new_dual (node_async, NULL, NULL, node_blocking, NULL, NULL);
  /* Turns: descendants run in their ancestor's. */
  nodes[3] = smart_async_func_new_blocking (node_blocking, NULL, NULL);
  smart_async_func_set_max_concurrency (nodes[3], 2);
  g_thread_unref (g_thread_new ("settler", settler_main, NULL));
  g_once_init_leave (&made, 1);
}

/**
 * smart_fixture_tree_walk:
 * @seed: what the tree follows from
 * @depth: how deep it is
 *
 * One chain goes all the way down; other children are leaves or short.
 *
 * Returns: %FALSE if a call failed, with the error
 */
gboolean
smart_fixture_tree_walk (guint seed, guint depth, GError **error)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (seed);

  make_nodes ();
  if (depth == 0)
    return TRUE;

  if (g_rand_int_range (rand, 0, 8) == 0 && !wait_for_hand (error))
    return FALSE;
  if (!call_node (g_rand_int (rand), depth - 1, g_rand_int (rand) % 12, error))
    return FALSE;

  return g_rand_int_range (rand, 0, 4) > 0 ||
         call_node (g_rand_int (rand), MIN (depth - 1, 1), g_rand_int (rand) % 12, error);
}

/**
 * smart_fixture_tree_node:
 * @which: any number
 *
 * A function that takes a seed and a depth, both unsigned integers, and walks
 * the tree below.
 *
 * Returns: (transfer full): one of them
 */
SmartAsyncFunc *
smart_fixture_tree_node (guint which)
{
  make_nodes ();

  return g_object_ref (nodes[which % N_NODES]);
}
