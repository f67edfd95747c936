/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib-object.h>

G_BEGIN_DECLS

/*
 * The program that the stress test runs: trees of calls, which follow from a
 * seed, and what a sequential model says of each call before it is made.
 */

#define MAX_NODES     16
#define MAX_CHILDREN  3
#define MAX_DEPTH     6
#define N_KEYS        4
#define FAILING_KEY   3    /* whose flights fail */
#define MAX_LIMITED   2    /* of the limited function, at once */
#define POOL_THREADS  2
#define TIMEOUT_MSEC  2

typedef enum
{
  KIND_ASYNC,
  KIND_BLOCKING,
  KIND_DUAL,
  N_KINDS
} Kind;

/* What it calls. */
typedef enum
{
  TO_FUNC,
  TO_LIMITED,    /* with a max-concurrency */
  TO_POOL,       /* on a pool's threads */
  TO_LOOP,       /* on an executor's own loop */
  TO_FLIGHT,     /* run once, with its key */
  TO_OWN_FLIGHT  /* run once with the key of the flight that it is part of: refused */
} Target;

/* How the caller calls it. */
typedef enum
{
  VIA_SYNC,      /* …_sync () */
  VIA_SMART,     /* the smart call, where the caller is */
  VIA_PUSHED,    /* the smart call, as in an async context */
  VIA_CALLBACK,  /* …_async (), from a loop */
  N_VIAS
} Via;

/* What is made of the future, of which the same comes out. */
typedef enum
{
  WRAP_NONE,
  WRAP_THEN,     /* one more */
  WRAP_CATCH,    /* an error becomes 1 */
  WRAP_FINALLY,
  WRAP_ALL,      /* with one that is resolved */
  WRAP_ANY,      /* with one that is rejected */
  WRAP_RACE,     /* with one that never settles */
  WRAP_TIMEOUT,  /* that does not come */
  WRAP_AWAIT,
  N_WRAPS
} Wrap;

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
  ABANDONED,     /* the same, and the function does not wait for its body */
  TIMED,
  N_TROUBLES
} Trouble;

/* What a body does to others. */
typedef enum
{
  MEDDLE_NOT,
  MEDDLE_FORGET,    /* the flight of a key */
  MEDDLE_RESET,     /* the lock */
  MEDDLE_CONTEXTS   /* smart_async_reset () */
} Meddle;

typedef struct
{
  Kind      kind;
  Target    target;
  Via       via;
  Wrap      wrap;
  Return    returns;
  Trouble   trouble;
  Meddle    meddle;
  guint     key;         /* of a flight, or to forget */
  gboolean  at_once;     /* the children: all begun before one is waited for */
  gboolean  enters;      /* between its callbacks, it says which call it is */
  gboolean  tries;       /* its caller, in a loop, waits for it first: refused */
  gboolean  dropped;     /* its caller begins it and wants nothing of it */
  guint     delay_usec;
  gboolean  fails;
  guint     own;
  int       parent;      /* -1: none */
  guint     children[MAX_CHILDREN];
  guint     n_children;

  /* What the model says: the one result there can be, and the errors that may
   * come instead. */
  guint     worth;
  gboolean  is_to_fail;
  gboolean  may_cancel;  /* it, or what it is part of, or what it calls, is cancelled */
  gboolean  may_time_out;
  gboolean  may_reset;   /* it is, is part of, or waits for a flight */

  int       n_started;   /* atomic */
  int       n_settled;   /* atomic */
  int       epoch;       /* who asks for a flight: see stress-flights.h */
  guint64   came_at;
} Node;

typedef struct
{
  int       ref_count;   /* atomic */
  guint     n_nodes;
  gboolean  troubled;
  int       resets;      /* of the lock, before */
  Node      nodes[MAX_NODES];
} Tree;

extern int n_trees;      /* atomic: alive */

GType  tree_get_type   (void);
Tree  *tree_new        (GRand    *rand,
                        gboolean  in_loop);
Tree  *tree_new_offloaded (GRand *rand);
Tree  *tree_ref        (Tree     *tree);
void   tree_unref      (Tree     *tree);
guint  tree_get_digest (Tree     *tree,
                        guint     digest);
void   tree_print_line (Tree     *tree,
                        const Node *node);
void   trees_print     (void);
guint  key_get_worth   (guint     key);

static inline gboolean
node_is_flight (const Node *node)
{
  return node->target == TO_FLIGHT || node->target == TO_OWN_FLIGHT;
}

G_END_DECLS
