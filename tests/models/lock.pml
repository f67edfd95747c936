/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The lock's protocol, as in smart-lock.c, for one key: callers join or start a
 * flight, land, leave when they are cancelled; meanwhile others forget the key
 * and reset the lock. With ALONE, a first caller whom nothing can have leave runs his
 * flight himself.
 *
 * What is done with a mutex held is one step here, since everything that it
 * protects is used with it held: the lock's, and that of an outcome, which
 * settles once, and tells who listens later at once.
 *
 * GOOD: -DN_CALLERS=3 -DN_CANCELS=2
 * GOOD: -DN_CALLERS=3 -DN_CANCELS=1 -DFORGET
 * GOOD: -DN_CALLERS=2 -DN_CANCELS=1 -DFORGET -DRESET
 * GOOD: -DN_CALLERS=3 -DN_CANCELS=1 -DALONE
 * GOOD: -DN_CALLERS=2 -DN_CANCELS=1 -DFORGET -DRESET -DALONE
 * BAD: -DBUG_LOST_WAITER -DN_CALLERS=2
 * BAD: -DBUG_SECOND_LOOKUP -DN_CALLERS=2
 * BAD: -DBUG_SECOND_REMOVE -DN_CALLERS=3 -DFORGET
 * BAD: -DBUG_JOIN_CANCELLED -DN_CALLERS=2 -DN_CANCELS=1
 * BAD: -DBUG_JOIN_FORGOTTEN -DN_CALLERS=2 -DFORGET
 * BAD: -DBUG_RESET_KNOWN -DN_CALLERS=2 -DFORGET -DRESET
 * BAD: -DBUG_NOT_CANCELLED -DN_CALLERS=2 -DN_CANCELS=2
 * BAD: -DBUG_FREED -DN_CALLERS=2
 * BAD: -DBUG_TRACE -DN_CALLERS=2
 * BAD: -DBUG_ENDED_FIRST -DN_CALLERS=2 -DRESET -DALONE
 * BAD: -DBUG_LANDS_TWICE -DN_CALLERS=2 -DRESET -DALONE */

#ifndef N_CALLERS
#define N_CALLERS 3
#endif
#define NONE 255

#ifndef N_CANCELS
#define N_CANCELS 0
#endif

/* How an outcome stands. */
#define PENDING 0
#define VALUE 1
#define CANCELLED 2

/* The lock */
byte table = NONE; /* mutex: the flight that can be joined */
byte n_waiters;    /* mutex */
byte n_under_way;  /* mutex */

/* A flight has the number of the caller who starts it. */
typedef Flight
{
  byte refs;
  byte n_waiters; /* mutex */
  bool can_join;  /* mutex */
  bool landed;    /* mutex to write */
  bool cancelled; /* its cancellable */

  /* Its outcome, and who listens to that. */
  byte status;
  bool tells_flight;
  bool tells_waiter[N_CALLERS];

  /* Only to judge. */
  bool made;
  bool freed;
  bool forgotten;
  bool was_reset;
  bool deserted;
  bool executed;
}

/* What a caller waits for. */
typedef Waiter
{
  bool cancelled;

  /* Its outcome, and who listens to that. */
  byte status;
  bool tells_flight;
  byte joined;
  bool abandons; /* to cancel it settles it */
}

Flight flights[N_CALLERS];
Waiter waiters[N_CALLERS];
bool came[N_CALLERS];

inline use (u) { assert (flights[u].made && !flights[u].freed) }

inline ref (r)
{
  use (r);
  flights[r].refs++
}

inline unref (r)
{
  use (r);
  flights[r].refs--;
  flights[r].freed = (flights[r].refs == 0)
}

/* HOLDS: mutex */
inline close (c)
{
  use (c);
#ifdef BUG_SECOND_REMOVE
  table = NONE;
  flights[c].can_join = false
#else
  if
  :: flights[c].can_join ->
    if
    :: table == c -> table = NONE
    :: else
    fi;
    flights[c].can_join = false
  :: else
  fi
#endif
}

/* A waiter has settled: waiter_leave() */
inline leave (w)
{
  atomic
  {
    use (waiters[w].joined);
    if
    :: !flights[waiters[w].joined].landed ->
      n_waiters--;
      flights[waiters[w].joined].n_waiters--;
      is_last = (flights[waiters[w].joined].n_waiters == 0)
    :: else
    fi;
    if
    :: is_last ->
      flights[waiters[w].joined].deserted = true;
#ifndef BUG_JOIN_CANCELLED
      close (waiters[w].joined)
#endif
    :: else
    fi
  }
  atomic
  {
#ifndef BUG_NOT_CANCELLED
    if
    :: is_last -> flights[waiters[w].joined].cancelled = true
    :: else
    fi;
#endif
    is_last = false;
    unref (waiters[w].joined)
  }
}

inline settle_waiter (w, how)
{
  atomic
  {
    tell = (waiters[w].status == PENDING && waiters[w].tells_flight);
    if
    :: waiters[w].status == PENDING -> waiters[w].status = how
    :: else
    fi
  }
  if
  :: tell -> tell = false; leave (w)
  :: else
  fi
}

/* flight_land(), which looks without the mutex first */
inline land (l)
{
  atomic
  {
    use (l);
    ended = flights[l].landed
  }
  if
  :: !ended ->
#ifdef BUG_ENDED_FIRST
    atomic
    {
      ended = flights[l].landed;
      flights[l].landed = true
    }
#endif
    atomic
    {
#if !defined(BUG_ENDED_FIRST) && !defined(BUG_LANDS_TWICE)
      ended = flights[l].landed;
#endif
      if
      :: !ended ->
#ifndef BUG_TRACE
        close (l);
#endif
        n_waiters = n_waiters - flights[l].n_waiters;
        n_under_way--;
        flights[l].landed = true
      :: else
      fi
    }
  :: else
  fi;
  ended = false
}

inline settle_flight (s, how)
{
  atomic
  {
    won = (flights[s].status == PENDING);
    if
    :: won -> flights[s].status = how
    :: else
    fi
  }
  if
  :: won ->
    won = false;
    if
    /* The flight's own listener, the first one: landed() */
    :: flights[s].tells_flight -> land (s); atomic { unref (s) }
    :: else
    fi;
    do
    :: atomic
      {
        i < N_CALLERS ->
        do
        :: i < N_CALLERS && !flights[s].tells_waiter[i] -> i++
        :: else -> break
        od;
        if
        :: i < N_CALLERS ->
          tell = (waiters[i].status == PENDING && waiters[i].tells_flight);
          if
          :: waiters[i].status == PENDING -> waiters[i].status = how
          :: else
          fi
        :: else
        fi
      }
      if
      :: tell -> tell = false; leave (i)
      :: else
      fi;
      i = (i < N_CALLERS -> i + 1 : i)
    :: else -> break
    od;
    i = 0
  :: else
  fi
}

#define IS_LIVE(l) (flights[l].made && flights[l].status == PENDING && flights[l].n_waiters > 0 && \
                    !flights[l].forgotten && !flights[l].was_reset)

/* The call of the function. */
inline fly (f)
{
  if
  :: flights[f].status != PENDING || flights[f].cancelled -> settle_flight (f, CANCELLED)
  :: else ->
    assert (!flights[f].executed);
    flights[f].executed = true;
    settle_flight (f, VALUE)
  fi
}

/* It may be held up anywhere. It holds the outcome, not the flight: the outcome's
 * listeners do. */
proctype Body (byte f)
{
  byte i;
  bool is_last, tell, won, ended;

  fly (f)
}

#define FLIES(l) (flights[l].made && !flights[l].landed)
#if N_CALLERS > 2
#define N_FLYING (FLIES (0) + FLIES (1) + FLIES (2))
#else
#define N_FLYING (FLIES (0) + FLIES (1))
#endif

proctype Caller (byte me)
{
  byte f = NONE;
  byte i;
  bool is_first, is_last, tell, won, ended;

#ifdef BUG_SECOND_LOOKUP
  f = table;
#endif

  atomic
  {
    /* Those who are alike come in order: other orders show nothing new. */
    me == 0 || (me < N_CANCELS) != (me <= N_CANCELS) || came[me - 1];
    came[me] = true;
#ifndef BUG_SECOND_LOOKUP
    f = table;
#endif
    if
    :: waiters[me].cancelled -> waiters[me].status = CANCELLED; goto returned
    :: else
    fi;
    if
    :: f != NONE && flights[f].status == PENDING ->
      /* L4: a newcomer never joins one that is cancelled, forgotten or reset. */
      assert (!flights[f].cancelled && !flights[f].deserted);
      assert (!flights[f].forgotten && !flights[f].was_reset)
    :: else ->
      if
      :: f != NONE -> close (f)
      :: else
      fi;
      /* L4: no second execution for those who wait on a live one. */
      assert (!IS_LIVE (0) && !IS_LIVE (1));
#if N_CALLERS > 2
      assert (!IS_LIVE (2));
#endif
      f = me;
      is_first = true;
      flights[f].made = true;
      flights[f].refs = 1;
      flights[f].tells_flight = true;
      flights[f].can_join = true;
      n_under_way++;
      table = f
    fi;
    ref (f);
    flights[f].n_waiters++;
    n_waiters++
  }

#ifdef BUG_FREED
  atomic { if :: !is_first -> unref (f) :: else fi }
#endif

#ifdef ALONE
  /* run_alone() */
  if
  :: is_first && me >= N_CANCELS ->
    fly (f);
    land (f);
    atomic
    {
      /* L9: whoever has settled it, nothing of it is left for him to see. */
      assert (!flights[f].can_join && N_FLYING == n_under_way);
      unref (f)
    }
    goto returned
  :: else
  fi;
#endif

  /* Two steps in C. Nothing settles the waiter before. */
  atomic
  {
    ref (f);
    waiters[me].joined = f;
    waiters[me].tells_flight = true;
    waiters[me].abandons = true;
    tell = waiters[me].cancelled
  }
  if
  :: tell -> settle_waiter (me, CANCELLED)
  :: else
  fi;

#ifdef BUG_LOST_WAITER
  tell = (flights[f].status != PENDING);
#endif
  atomic
  {
    use (f);
#ifndef BUG_LOST_WAITER
    tell = (flights[f].status != PENDING);
#endif
    flights[f].tells_waiter[me] = !tell
  }
  if
  :: tell -> settle_waiter (me, flights[f].status)
  :: else
  fi;

  atomic
  {
    if
    :: is_first -> run Body (f)
    :: else
    fi;
#ifdef BUG_FREED
    if
    :: is_first -> unref (f)
    :: else
    fi
#else
    unref (f)
#endif
  }

  /* Where that never comes, spin finds a process that cannot end. */
  waiters[me].status != PENDING;

returned:
  skip
}

/* The caller is cancelled at any time. */
proctype Cancel (byte w)
{
  bool is_last, tell;

  atomic
  {
    waiters[w].cancelled = true;
    tell = waiters[w].abandons
  }
  if
  :: tell -> settle_waiter (w, CANCELLED)
  :: else
  fi
}

proctype Forget ()
{
  byte f;

  atomic
  {
    f = table;
    if
    :: f != NONE ->
      flights[f].forgotten = true;
#ifndef BUG_JOIN_FORGOTTEN
      close (f)
#endif
    :: else
    fi
  }
}

proctype Reset ()
{
  byte i, k;
  bool is_last, tell, won, ended;
  bool under_way[N_CALLERS];
  bool found[N_CALLERS];

  atomic
  {
    do
    :: k < N_CALLERS && flights[k].made && !flights[k].landed ->
      under_way[k] = true;
#ifdef BUG_RESET_KNOWN
      found[k] = (table == k);
#else
      found[k] = true;
#endif
      if
      :: found[k] ->
        close (k);
        ref (k);
        flights[k].was_reset = true
      :: else
      fi;
      k++
    :: k < N_CALLERS && !(flights[k].made && !flights[k].landed) -> k++
    :: k == N_CALLERS -> k = 0; break
    od
  }

  do
  :: k < N_CALLERS && found[k] ->
    settle_flight (k, CANCELLED);
    atomic
    {
      flights[k].cancelled = true;
      unref (k);
      k++
    }
  :: k < N_CALLERS && !found[k] ->
    /* L6: whoever waits gets it now. */
    assert (!under_way[k] || flights[k].status != PENDING);
    k++
  :: k == N_CALLERS -> break
  od
}

init
{
  byte w;

  atomic
  {
    do
    :: w < N_CALLERS -> run Caller (w); w++
    :: w == N_CALLERS -> w = 0; break
    od;
    do
    :: w < N_CANCELS -> run Cancel (w); w++
    :: w == N_CANCELS -> w = 0; break
    od;
#ifdef FORGET
    run Forget ();
#endif
#ifdef RESET
    run Reset ();
#endif
  }

  /* All have returned, the bodies too. */
  _nr_pr == 1;

  atomic
  {
    /* L5: a key leaves no trace. */
    assert (table == NONE && n_waiters == 0 && n_under_way == 0);
    do
    :: w < N_CALLERS ->
#ifndef ALONE
      assert (waiters[w].status != PENDING);
#endif
      assert (!flights[w].made || (flights[w].freed && flights[w].landed));
      /* L3: when the last one leaves, it is cancelled. */
      assert (!flights[w].deserted || flights[w].cancelled);
      w++
    :: w == N_CALLERS -> break
    od
  }
}
