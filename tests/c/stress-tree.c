/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A node of a tree is one call. It is worth its own number and what its children
 * are worth, or it fails: so what it gives is known before it is made, whatever
 * thread or context it comes to run in. What a flight is worth follows from its
 * key, whoever's body it is.
 *
 * Trees are legal: no wait in them closes a ring. What one may have to wait for
 * while it holds something is in an order: the keys, then the limited function,
 * then the executors. And who keeps a driver's loop from going on waits for no
 * flight, since that may have been begun in the loop. */

#include "stress-tree.h"

#include <string.h>

/* The order of what is held. */
#define LIMITED  N_KEYS
#define EXECUTOR (N_KEYS + 1)
#define NOTHING  (N_KEYS + 2)

/* Where a body runs. */
typedef enum
{
  FREE,    /* blocking, on a thread that may wait */
  HOME,    /* asynchronous, in a driver's loop */
  PRIVATE, /* asynchronous, in a private context */
  CAPTIVE /* somebody must not wait for long: a driver's loop stands still, or it is an executor's */
} Place;

typedef struct
{
  Place place;
  gboolean async;
  guint floor;       /* nothing below may be waited for */
  int flight;        /* the nearest around it, -1: none */
  gboolean is_known; /* all up to that say which call they are */
} Env;

int n_trees;

static GMutex alive_lock;
static GHashTable *alive; /* alive_lock: the trees */

Tree *
tree_ref (Tree *tree)
{
  g_atomic_int_inc (&tree->ref_count);

  return tree;
}

void
tree_unref (Tree *tree)
{
  if (!g_atomic_int_dec_and_test (&tree->ref_count))
    return;

  g_mutex_lock (&alive_lock);
  g_hash_table_remove (alive, tree);
  g_mutex_unlock (&alive_lock);
  g_free (tree);
  g_atomic_int_add (&n_trees, -1);
}

static void
node_print (const Node *node)
{
  g_printerr ("#   kind %d target %d via %d wrap %d returns %d trouble %d key %u children %u "
              "delay %u parent %d, started %d, settled %d\n",
              node->kind, node->target, node->via, node->wrap, node->returns, node->trouble,
              node->key, node->n_children, node->delay_usec, node->parent, node->n_started,
              node->n_settled);
}

/* For those who look into it: NODE, and what it is part of. */
void
tree_print_line (Tree *tree, const Node *node)
{
  for (; node->parent >= 0; node = &tree->nodes[node->parent])
    node_print (node);
  node_print (node);
}

/* And the trees that are left. */
void
trees_print (void)
{
  GHashTableIter iter;
  gpointer tree;

  g_mutex_lock (&alive_lock);
  g_hash_table_iter_init (&iter, alive);
  while (g_hash_table_iter_next (&iter, &tree, NULL))
    {
      g_printerr ("# a tree, with %d references:\n", ((Tree *) tree)->ref_count);
      for (guint i = 0; i < ((Tree *) tree)->n_nodes; i++)
        node_print (&((Tree *) tree)->nodes[i]);
    }
  g_mutex_unlock (&alive_lock);
}

G_DEFINE_BOXED_TYPE (Tree, tree, tree_ref, tree_unref)

guint
key_get_worth (guint key)
{
  return 1000003 * (key + 1);
}

static gboolean
one_in (GRand *rand, int n)
{
  return g_rand_int_range (rand, 0, n) == 0;
}

static void
choose_target (Node *node, GRand *rand, const Env *env, Tree *tree)
{
  int dice = g_rand_int_range (rand, 0, 24);
  gboolean may_fly = env->place != CAPTIVE && env->floor < N_KEYS;

  node->target = TO_FUNC;
  if (node->parent < 0)
    return;

  if (dice < 6 && may_fly)
    {
      node->target = TO_FLIGHT;
      node->key = (guint) g_rand_int_range (rand, (int) env->floor, N_KEYS);
    }
  else if (dice < 8 && env->place != CAPTIVE && env->flight >= 0 && env->is_known &&
           env->floor == tree->nodes[env->flight].key + 1)
    {
      node->target = TO_OWN_FLIGHT;
      node->key = tree->nodes[env->flight].key;
    }
  else if (dice < 11 && env->floor <= LIMITED)
    {
      node->target = TO_LIMITED;
      node->kind = KIND_BLOCKING;
    }
  else if (dice < 13 && env->floor <= EXECUTOR)
    {
      node->target = TO_POOL;
      node->kind = KIND_BLOCKING;
    }
  else if (dice < 15 && env->floor <= EXECUTOR)
    {
      node->target = TO_LOOP;
      node->kind = KIND_ASYNC;
    }
}

/* A flight that is begun in an async context goes on in that: so it has to be a
 * driver's. */
static void
choose_via (Node *node, GRand *rand, const Env *env)
{
  node->via = g_rand_int_range (rand, 0, N_VIAS);
  if (!node_is_flight (node))
    return;

  if (env->place == PRIVATE)
    node->via = VIA_SYNC;
  else if (env->place == HOME)
    node->via = node->via % 2 == 0 ? VIA_SMART : VIA_CALLBACK;
  else
    node->via = node->via % 2 == 0 ? VIA_SMART : VIA_SYNC;
}

static void
choose_trouble (Node *node, GRand *rand, Tree *tree)
{
  int last = node->target == TO_FUNC ? N_TROUBLES : ABANDONED;

  if (tree->troubled && one_in (rand, 5) && node->target != TO_OWN_FLIGHT)
    node->trouble = g_rand_int_range (rand, CALM + 1, last);
}

static void
choose_meddling (Node *node, GRand *rand)
{
  int dice = g_rand_int_range (rand, 0, 200);

  if (dice < 6)
    node->meddle = MEDDLE_FORGET;
  else if (dice < 8)
    node->meddle = MEDDLE_RESET;
  else if (dice < 11)
    node->meddle = MEDDLE_CONTEXTS;
  if (node->meddle == MEDDLE_FORGET && !node_is_flight (node))
    node->key = (guint) g_rand_int_range (rand, 0, N_KEYS);
}

static Env
find_env (const Node *node, guint index, const Env *caller)
{
  gboolean called_async = caller->async && node->via != VIA_SYNC;
  Env env = *caller;

  env.async = node->kind == KIND_ASYNC || (node->kind == KIND_DUAL && called_async);
  if (caller->place == CAPTIVE || (caller->place == HOME && !called_async))
    env.place = CAPTIVE;
  else if (!env.async)
    env.place = FREE;
  else
    env.place = caller->place == HOME ? HOME : PRIVATE;

  env.is_known = caller->is_known && (!env.async || node->enters);
  if (node->target == TO_FLIGHT)
    {
      env.floor = node->key + 1;
      env.flight = (int) index;
      env.is_known = !env.async || node->enters;
    }
  else if (node->target == TO_LIMITED)
    {
      env.floor = EXECUTOR;
    }
  else if (node->target == TO_POOL || node->target == TO_LOOP)
    {
      env.floor = NOTHING;
      env.place = CAPTIVE;
    }

  return env;
}

static guint
tree_grow (Tree *tree, GRand *rand, guint depth, int parent, const Env *caller)
{
  guint index = tree->n_nodes++;
  Node *node = &tree->nodes[index];
  int n_children = depth < MAX_DEPTH ? g_rand_int_range (rand, 0, MAX_CHILDREN + 1) : 0;
  Env env;

  node->parent = parent;
  node->kind = g_rand_int_range (rand, 0, N_KINDS);
  node->wrap = g_rand_int_range (rand, 0, 2 * N_WRAPS);
  if (node->wrap >= N_WRAPS)
    node->wrap = WRAP_NONE;
  node->returns = g_rand_int_range (rand, 0, N_RETURNS);
  node->at_once = one_in (rand, 2);
  node->enters = one_in (rand, 2);
  node->tries = one_in (rand, 3);
  node->delay_usec = one_in (rand, 16) ? g_rand_int_range (rand, 0, 3000) : 0;
  node->fails = one_in (rand, 40);
  node->own = g_rand_int (rand);
  choose_target (node, rand, caller, tree);
  choose_via (node, rand, caller);
  choose_trouble (node, rand, tree);
  choose_meddling (node, rand);
  if (node->trouble == TIMED && one_in (rand, 2))
    node->delay_usec = 2 * TIMEOUT_MSEC * 1000;

  /* A reset leaves a flight's body behind at once, see below. */
  if (node_is_flight (node) && caller->place != HOME && node->kind == KIND_ASYNC)
    {
      if (one_in (rand, 2))
        node->kind = KIND_BLOCKING;
      else
        n_children = 0;
      node->returns = one_in (rand, 2) ? RETURN_THREAD : RETURN_FUTURE;
    }

  env = find_env (node, index, caller);
  for (int i = 0; i < n_children && tree->n_nodes < MAX_NODES && node->target != TO_OWN_FLIGHT; i++)
    node->children[node->n_children++] = tree_grow (tree, rand, depth + 1, (int) index, &env);

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

/* Nothing but bodies on workers that wait for others there: in a chain where @width
 * is one. */
static guint
tree_grow_offloaded (Tree *tree, GRand *rand, int parent, guint width)
{
  guint index = tree->n_nodes++;
  Node *node = &tree->nodes[index];
  guint n_children = width == 1 ? 1 : (guint) g_rand_int_range (rand, 0, (int) width + 1);

  node->parent = parent;
  node->kind = KIND_BLOCKING;
  node->target = TO_FUNC;
  node->via = parent < 0 && one_in (rand, 2) ? VIA_CALLBACK : VIA_PUSHED;
  node->wrap = one_in (rand, 4) ? g_rand_int_range (rand, 0, N_WRAPS) : WRAP_NONE;
  node->at_once = one_in (rand, 2);
  node->dropped = parent >= 0 && one_in (rand, 6);
  node->delay_usec = one_in (rand, 8) ? g_rand_int_range (rand, 0, 1500) : 0;
  node->fails = one_in (rand, 40);
  node->own = g_rand_int (rand);
  choose_trouble (node, rand, tree);
  if (node->trouble == TIMED && one_in (rand, 2))
    node->delay_usec = 2 * TIMEOUT_MSEC * 1000;

  while (node->n_children < n_children && tree->n_nodes < MAX_NODES)
    {
      guint child = tree_grow_offloaded (tree, rand, (int) index, width);

      node->children[node->n_children++] = child;
    }

  return index;
}

/* The model */

/* What comes up from @child to its caller. */
static void
take_child (Node *node, const Node *child)
{
  /* What a flight calls is none of those who wait for it, and who waits for his
   * own flight is refused: that is a result of its own. */
  if (node_is_flight (node) || child->target == TO_OWN_FLIGHT || child->dropped)
    return;

  node->worth += child->worth;
  node->is_to_fail |= child->is_to_fail;
  node->may_time_out |= child->may_time_out;
  node->may_cancel |= child->may_cancel;
  node->may_reset |= child->may_reset;
}

static void
apply_wrap (Node *node)
{
  gboolean is_sure = !node->may_cancel && !node->may_time_out && !node->may_reset;

  if (node->wrap == WRAP_CATCH && !is_sure)
    node->wrap = WRAP_FINALLY;
  if (node->via == VIA_SYNC || node->via == VIA_CALLBACK || node->target == TO_OWN_FLIGHT)
    node->wrap = WRAP_NONE;

  if (node->wrap == WRAP_CATCH && node->is_to_fail)
    {
      node->is_to_fail = FALSE;
      node->worth = 1;
    }
  else if (node->wrap == WRAP_THEN)
    {
      node->worth++;
    }
}

static gboolean
is_below_trouble (Tree *tree, const Node *node)
{
  for (int up = node->parent; up >= 0; up = tree->nodes[up].parent)
    if (tree->nodes[up].trouble != CALM)
      return TRUE;

  return FALSE;
}

static gboolean
is_below_flight (Tree *tree, const Node *node)
{
  for (int up = node->parent; up >= 0; up = tree->nodes[up].parent)
    if (node_is_flight (&tree->nodes[up]))
      return TRUE;

  return FALSE;
}

static void
tree_evaluate (Tree *tree)
{
  /* Children come after their parents. */
  for (guint i = tree->n_nodes; i-- > 0;)
    {
      Node *node = &tree->nodes[i];

      node->worth = node_is_flight (node) ? key_get_worth (node->key) : node->own;
      node->is_to_fail = node_is_flight (node) ? node->key == FAILING_KEY : node->fails;
      node->may_cancel = node->trouble != CALM || is_below_trouble (tree, node);
      node->may_time_out = node->trouble == TIMED;
      node->may_reset = node_is_flight (node) || is_below_flight (tree, node);
      for (guint n = 0; n < node->n_children; n++)
        take_child (node, &tree->nodes[node->children[n]]);

      apply_wrap (node);
      node->tries &= node->target == TO_FUNC && node->kind == KIND_ASYNC && node->n_children == 0 &&
                     (node->returns == RETURN_IDLE || node->returns == RETURN_TIMER) &&
                     !node->may_cancel && !node->may_reset;
    }
}

static Tree *
tree_plant (GRand *rand)
{
  Tree *tree = g_new0 (Tree, 1);

  tree->ref_count = 1;
  tree->troubled = one_in (rand, 4);

  return tree;
}

static Tree *
tree_finish (Tree *tree)
{
  tree->nodes[0].wrap = WRAP_NONE;
  tree_evaluate (tree);
  g_atomic_int_inc (&n_trees);

  g_mutex_lock (&alive_lock);
  if (alive == NULL)
    alive = g_hash_table_new (NULL, NULL);
  g_hash_table_add (alive, tree);
  g_mutex_unlock (&alive_lock);

  return tree;
}

/* The root is called by a driver, in a loop or not. */
Tree *
tree_new (GRand *rand, gboolean in_loop)
{
  Tree *tree = tree_plant (rand);
  Env env = { in_loop ? HOME : FREE, in_loop, 0, -1, TRUE };

  tree_grow (tree, rand, 0, -1, &env);

  return tree_finish (tree);
}

/* Likewise, in a loop. */
Tree *
tree_new_offloaded (GRand *rand)
{
  Tree *tree = tree_plant (rand);

  tree_grow_offloaded (tree, rand, -1, one_in (rand, 4) ? 1 : MAX_CHILDREN);

  return tree_finish (tree);
}

/* To see that two are the same. */
guint
tree_get_digest (Tree *tree, guint digest)
{
  for (guint i = 0; i < tree->n_nodes; i++)
    {
      const Node *node = &tree->nodes[i];
      const guint parts[] = { node->kind,    node->target,     node->via,     node->wrap,
                              node->returns, node->key,        node->trouble, node->meddle,
                              node->worth,   node->delay_usec, node->dropped };

      for (guint n = 0; n < G_N_ELEMENTS (parts); n++)
        digest = digest * 31 + parts[n];
    }

  return digest;
}
