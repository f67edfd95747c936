/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The protocol of the private contexts, as in smart-context-pool.c: two threads
 * borrow one for each depth of nesting and give it back, anybody resets, threads
 * end. A context that goes back is drained, and what is dispatched then may make
 * a sync call, too.
 *
 * GOOD:
 * BAD: -DBUG_TRIM_USED
 * BAD: -DBUG_DEPTH_FIRST
 * BAD: -DBUG_RESET_OTHERS
 * BAD: -DBUG_SERIAL_IN_USE
 * BAD: -DBUG_NOT_CLEARED */

#define N_THREADS 2
#define MAX_DEPTH 2
#define N_CONTEXTS 6
#define N_RESETS 2
#define N_CALLS 3

byte reset_serial;

typedef Context
{
  bool alive;
  bool in_use;
  byte serial; /* when it was made */
}

typedef Thread
{
  byte contexts[MAX_DEPTH];
  byte n_made;
  byte depth;
  byte reset_serial;
}

Context contexts[N_CONTEXTS];
Thread threads[N_THREADS];
byte n_resets;

/* Frees the last one of thread @t. */
inline free_last (t)
{
  threads[t].n_made--;
  context = threads[t].contexts[threads[t].n_made];
  /* Never one that is in use. */
  assert (contexts[context].alive && !contexts[context].in_use);
  contexts[context].alive = false;
  contexts[context].serial = 0;
  threads[t].contexts[threads[t].n_made] = 0;
  context = 0
}

#ifdef BUG_TRIM_USED
#define TRIM_TO(t) 0
#else
#define TRIM_TO(t) threads[t].depth
#endif

inline trim (t)
{
  do
  :: threads[t].n_made > TRIM_TO (t) -> free_last (t)
  :: else -> break
  od
}

/* One step, but for the serial: all else is the thread's own. */
inline borrow ()
{
  serial = reset_serial;
  atomic
  {
    if
    :: threads[me].reset_serial != serial ->
      trim (me);
#ifndef BUG_SERIAL_IN_USE
      if
      :: threads[me].depth == 0 -> threads[me].reset_serial = serial
      :: else
      fi
#else
      threads[me].reset_serial = serial
#endif
    :: else
    fi;
    if
    :: threads[me].depth == threads[me].n_made ->
      do
      :: context < N_CONTEXTS && contexts[context].alive -> context++
      :: else -> break
      od;
      assert (context < N_CONTEXTS);
      contexts[context].alive = true;
      contexts[context].serial = serial;
      threads[me].contexts[threads[me].n_made] = context;
      threads[me].n_made++
    :: else -> context = threads[me].contexts[threads[me].depth]
    fi;
    assert (contexts[context].alive);
    /* Not by two depths, nor by two threads. */
    assert (!contexts[context].in_use);
    /* None that a reset was to free. */
    assert (contexts[context].serial >= serial);
    contexts[context].in_use = true;
    held[level] = context;
    level++;
    threads[me].depth++;
    serial = 0;
    context = 0
  }
}

inline iterate () { assert (contexts[held[level - 1]].alive && contexts[held[level - 1]].in_use) }

inline give_back ()
{
  atomic
  {
    iterate ();
    contexts[held[level - 1]].in_use = false;
    level--;
    held[level] = 0;
    threads[me].depth--
  }
}

inline reset ()
{
  atomic
  {
    n_resets < N_RESETS ->
    n_resets++;
    reset_serial++;
    serial = reset_serial
  }
  atomic
  {
    trim (me);
#ifdef BUG_RESET_OTHERS
    do
    :: threads[1 - me].n_made > 0 -> free_last (1 - me)
    :: else -> break
    od;
#endif
    if
    :: threads[me].depth == 0 ->
      threads[me].reset_serial = serial;
      assert (threads[me].n_made == 0)
    :: else
    fi;
    serial = 0
  }
}

proctype User (byte me)
{
  byte context, serial;
  byte held[MAX_DEPTH];
  byte level; /* how deep it is, by its own account */
  byte n_calls;

  do
  :: level == 0 && n_calls < N_CALLS -> n_calls++; borrow ()
  /* In a body, or in what a context that goes back is drained of. */
  :: level > 0 && level < MAX_DEPTH ->
#ifdef BUG_DEPTH_FIRST
    threads[me].depth--;
#endif
    if
    :: borrow ()
    :: skip
    fi;
#ifdef BUG_DEPTH_FIRST
    threads[me].depth++
#endif
  :: level > 0 -> iterate (); give_back ()
  :: reset ()
  :: level == 0 -> break
  od;

  /* The thread ends. */
  atomic
  {
    assert (threads[me].depth == 0);
#ifndef BUG_NOT_CLEARED
    do
    :: threads[me].n_made > 0 -> free_last (me)
    :: else -> break
    od
#endif
  }
}

init
{
  byte i;

  atomic { run User (0); run User (1) }
  _nr_pr == 1;
  do
  :: i < N_CONTEXTS -> assert (!contexts[i].alive); i++
  :: else -> break
  od
}
