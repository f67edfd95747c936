/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The workers' protocol, as in smart-offload.c: calls are queued, and taken by
 * threads of GTask's pool, which come by a ticket, and by threads of our own,
 * which go idle and end; workers wait for inner calls, and make room meanwhile;
 * the monitor looks after a queue that does not move. A forked child, which has
 * no tickets, is the case of MAX_TICKETS=0.
 *
 * What is done with the pool's lock held is one step here; where it is given up
 * to start a thread, two. Whoever has no lock may be held up anywhere, so that a
 * ticket and a new thread come late. What only goes by the clock is possible at
 * any time: an idle thread ends, at most N_TIMEOUTS times, perhaps never, so that
 * no time-out hides a wake-up that is lost; the monitor looks, where that changes
 * anything. Where a call is never run, spin finds processes that cannot end.
 *
 * CHAIN: a body waits in the library for a call of its own.
 * GATED: the first call's body waits elsewhere for the last one's to begin; an
 * asynchronous one does so in its loop.
 * POOL_FULL: other tasks fill GTask's pool: no ticket begins before the end.
 * EXECUTOR: the pool of an executor, which is dropped while it works, or (EMPTY)
 * closed before.
 * ASYNC: so many of the calls there are asynchronous: they take no thread, but
 * whoever began them iterates while there is nothing else to do.
 *
 * GOOD: -DN_CALLERS=2 -DROUNDS=2 -DN_TIMEOUTS=1 -DRESET
 * GOOD: -DN_CALLERS=2 -DROUNDS=2 -DMAX_TICKETS=0 -DBASE_THREADS=2 -DN_TIMEOUTS=1 -DRESET
 * GOOD: -DN_CALLERS=1 -DCHAIN=3 -DN_TIMEOUTS=1
 * GOOD: -DN_CALLERS=2 -DCHAIN=1 -DMAX_TICKETS=0
 * GOOD: -DN_CALLERS=2 -DGATED -DBASE_THREADS=2
 * GOOD: -DN_CALLERS=2 -DMONITOR -DGATED -DBASE_THREADS=0 -DN_TIMEOUTS=1 -DRESET
 * GOOD: -DN_CALLERS=2 -DMONITOR -DPOOL_FULL -DCHAIN=1
 * GOOD: -DN_CALLERS=2 -DMONITOR -DGATED -DPOOL_FULL -DN_FAILURES=1
 * GOOD: -DN_CALLERS=2 -DROUNDS=2 -DN_CANCELS=1 -DDEADLINE
 * GOOD: -DN_CALLERS=2 -DROUNDS=2 -DEXECUTOR=1
 * GOOD: -DN_CALLERS=3 -DEXECUTOR=2 -DN_TIMEOUTS=1
 * GOOD: -DN_CALLERS=3 -DEXECUTOR=1 -DASYNC=2
 * GOOD: -DN_CALLERS=2 -DROUNDS=2 -DEXECUTOR=1 -DEMPTY
 * GOOD: -DN_CALLERS=2 -DEXECUTOR=1 -DASYNC=1 -DEMPTY
 * GOOD: -DN_CALLERS=2 -DEXECUTOR=1 -DASYNC=1 -DGATED
 * GOOD: -DN_CALLERS=2 -DEXECUTOR=2 -DASYNC=2
 * BAD: -DBUG_TAKE_TWICE -DN_CALLERS=2
 * BAD: -DBUG_IDLE_LATER -DN_CALLERS=2 -DMAX_TICKETS=0
 * BAD: -DBUG_TIMEOUT_FIRST -DN_CALLERS=1 -DROUNDS=2 -DMAX_TICKETS=0 -DN_TIMEOUTS=1
 * BAD: -DBUG_IF -DN_CALLERS=2 -DROUNDS=2 -DMAX_TICKETS=0 -DBASE_THREADS=2 -DN_TIMEOUTS=1
 * BAD: -DBUG_LOOKS_AWAY -DN_CALLERS=1 -DROUNDS=2 -DMAX_TICKETS=0
 * BAD: -DBUG_LOOKS_FOR_ALL -DN_CALLERS=3 -DROUNDS=2 -DMONITOR -DGATED -DBASE_THREADS=0 -DMAX_TICKETS=0
 * BAD: -DBUG_NO_ROOM -DN_CALLERS=1 -DCHAIN=3
 * BAD: -DBUG_NOT_SUMMONED -DN_CALLERS=1 -DCHAIN=3
 * BAD: -DBUG_ALONE -DN_CALLERS=2 -DGATED -DBASE_THREADS=2
 * BAD: -DBUG_WORKER_ISSUES -DN_CALLERS=1 -DCHAIN=1 -DMAX_TICKETS=2
 * BAD: -DBUG_COUNT_ON_TICKETS -DN_CALLERS=1 -DMONITOR -DPOOL_FULL
 * BAD: -DBUG_LATE_ARRIVAL -DN_CALLERS=2 -DMONITOR
 * BAD: -DBUG_MONITOR_ENDS -DN_CALLERS=2 -DMONITOR -DGATED -DBASE_THREADS=0 -DN_TIMEOUTS=1
 * BAD: -DBUG_NO_MONITOR -DN_CALLERS=2 -DMONITOR -DGATED -DBASE_THREADS=0
 * BAD: -DBUG_LOST_WAITER -DN_CALLERS=1
 * BAD: -DBUG_CLAIM -DN_CALLERS=1 -DDEADLINE
 * BAD: -DBUG_CLOSED_FIRST -DN_CALLERS=2 -DEXECUTOR=1 -DN_TIMEOUTS=1
 * BAD: -DBUG_POOL_FREED -DN_CALLERS=1 -DEXECUTOR=1
 * BAD: -DBUG_LOOP_SLEEPS -DN_CALLERS=2 -DEXECUTOR=1 -DASYNC=1 -DGATED
 * BAD: -DBUG_LAST_SLEEPS -DN_CALLERS=1 -DEXECUTOR=1 -DASYNC=1
 * BAD: -DBUG_LEAVES_BLIND -DN_CALLERS=2 -DEXECUTOR=1 -DASYNC=1 */

#ifndef N_CALLERS
#define N_CALLERS 1
#endif
#ifndef ROUNDS
#define ROUNDS 1
#endif
#ifndef CHAIN
#define CHAIN 0
#endif
#ifndef MAX_TICKETS
#define MAX_TICKETS 1
#endif
#ifndef BASE_THREADS
#define BASE_THREADS 1
#endif
#ifndef MAX_THREADS
#define MAX_THREADS 3
#endif
#ifndef N_TIMEOUTS
#define N_TIMEOUTS 0
#endif
#ifndef N_FAILURES
#define N_FAILURES 0
#endif
#ifndef N_CANCELS
#define N_CANCELS 0
#endif

#define N_OUTER (N_CALLERS * ROUNDS)
#define N_CALLS (N_OUTER + N_CALLERS * CHAIN)

/* How an outcome stands. */
#define PENDING 0
#define VALUE 1
#define CANCELLED 2

/* What a worker does when it has given the lock up. */
#define RUN 0
#define WAIT 1
#define END 2
#define LOOP 3
#define LEAVE 4
#define LOOK 5

/* Processes, by their number. */
#define MAX_PROCESSES 20

/* The pool, all of it under its lock. */
chan queue = [N_CALLS] of { byte };
byte n_threads, n_starting, n_idle, n_called, n_tickets, n_waiting, n_summoned, n_late;
bool idle_serial;
bool looks_out; /* one of the idle ones has not gone to sleep yet */
bool has_monitor, monitor_sleeps;
bool moved; /* n_taken has grown since the monitor looked */
bool closed;

/* The two conditions: who waits, and who of them has been woken up. */
byte work_waiters, work_woken;
bool look_waiter, look_woken;

/* The outcomes, each with a lock of its own. */
byte status[N_CALLS];
bool cancelled[N_CALLS];
bool blocked[N_CALLS]; /* somebody sleeps until it settles */

/* Only to judge. */
bool began[N_CALLS];
byte n_made, n_dealt, n_ended;
byte on_way; /* workers summoned that have not arrived */
byte n_timeouts, n_failures;
bool at_end;
byte refs;
bool freed;

/* The workers of an executor that iterate, by their number. */
#ifdef ASYNC
chan looping = [4] of { byte };
byte n_calls[MAX_PROCESSES];       /* the lock */
bool called[MAX_PROCESSES];        /* the lock */
bool wakes[MAX_PROCESSES];         /* its context has been woken up */
byte source_of[N_CALLS];           /* whose context has a source that ends the call */
#define IS_ASYNC(c) (c < ASYNC)
#else
#define IS_ASYNC(c) false
#endif

#ifdef EXECUTOR
#define SHARED false
#define MAY_ADD (n_threads < EXECUTOR)
#define USES_CLOCK (EXECUTOR > 1)
#else
#define SHARED true
#define MAY_ADD (N_BUSY < BASE_THREADS)
#define USES_CLOCK true
#endif

#define N_QUEUED len (queue)
#define N_BUSY (n_threads > n_waiting -> n_threads - n_waiting : 0)
#ifdef GATED
#define GATE_OPEN began[N_OUTER - 1]
#else
#define GATE_OPEN true
#endif
#define IS_TIME (at_end || n_timeouts > 0)

inline pass_time () { n_timeouts = (n_timeouts > 0 && !at_end -> n_timeouts - 1 : n_timeouts) }

inline use_pool () { assert (!freed) }

inline pool_unref ()
{
  use_pool ();
  refs--;
  freed = (refs == 0)
}

/* g_cond_signal (&pool->work) */
inline signal_work () { work_woken = (work_woken < work_waiters -> work_woken + 1 : work_woken) }

inline count_summoned ()
{
  n_summoned++;
  on_way++;
  /* Nobody is counted on who does not come. */
  assert (n_summoned <= on_way)
}

/* Who looks out sees it, once: a signal is for another one. */
inline call_idle ()
{
  n_idle--;
#ifdef BUG_LOOKS_FOR_ALL
  signals = !looks_out;
#else
  signals = !(looks_out && n_called == 0);
#endif
  n_called++;
  count_summoned ()
}

/* HOLDS: the lock, and after it comes deliver (), without. */
inline add_thread ()
{
  n_threads++;
  n_starting++;
  count_summoned ();
  refs++;
  starts = true
}

/* Has one that only iterates come for the queue. HOLDS: the lock */
inline call_looping ()
{
#ifdef ASYNC
  if
  :: n_summoned == 0 && len (looping) > 0 ->
    looping ? w;
    called[w] = true;
    count_summoned ();
#ifndef BUG_LOOP_SLEEPS
    wakes[w] = true;
#endif
    w = 0
  :: else
  fi
#else
  skip
#endif
}

/* HOLDS: the lock, and after it comes deliver (), without. */
inline summon (may_issue)
{
  if
  :: n_summoned > 0 || N_QUEUED == 0
  :: !(n_summoned > 0 || N_QUEUED == 0) && n_idle > 0 ->
    call_idle ()
  :: !(n_summoned > 0 || N_QUEUED == 0) && n_idle == 0 ->
    if
    :: may_issue && SHARED && n_tickets < MAX_TICKETS ->
      n_tickets++;
      count_summoned ();
      issues = true
    :: !(may_issue && SHARED && n_tickets < MAX_TICKETS) && MAY_ADD -> add_thread ()
    :: else -> call_looping ()
    fi
  fi
}

inline start_thread ()
{
  if
  :: run Worker (false)
  :: atomic
    {
      n_failures > 0 ->
      n_failures--;
      refs--;
      on_way--;
      n_threads--;
      n_starting--;
      n_summoned = (n_summoned > 0 -> n_summoned - 1 : 0)
    }
  fi
}

/* What summon () has decided on. */
inline deliver ()
{
  if
  :: issues -> issues = false; run Worker (true)
  :: signals -> atomic { signals = false; signal_work () }
  :: starts ->
    starts = false;
    start_thread ();
    /* It may have come already: then another one comes for nothing. */
    atomic { call_looping () }
  :: else
  fi
}

/* HOLDS: the lock, and after it comes deliver_monitor (), without. */
inline wake_monitor ()
{
#ifdef MONITOR
  if
  :: monitor_sleeps ->
    monitor_sleeps = false;
    look_woken = look_waiter
  :: !monitor_sleeps && !has_monitor ->
    has_monitor = true;
    monitors = true
  :: else
  fi
#else
  skip
#endif
}

inline deliver_monitor ()
{
#ifdef MONITOR
  if
  :: monitors -> monitors = false; run Monitor ()
  :: else
  fi
#else
  skip
#endif
}

inline submit (s, is_worker)
{
  atomic
  {
    use_pool ();
    n_made++;
    if
    :: closed ->
      settle (s, CANCELLED);
      n_dealt++
    :: else -> queue ! s
    fi;
#ifdef BUG_WORKER_ISSUES
    summon (true);
#else
    summon (!is_worker);
#endif
    /* Work that waits for work does not fill GTask's pool. */
    assert (!(issues && is_worker) && n_tickets <= MAX_TICKETS);
    wake_monitor ()
  }
  /* The lock is given up only after a thread was started. */
  deliver_monitor ();
  deliver ()
}

/* Who sleeps until a call has settled. */
inline wait_for (w)
{
#ifdef BUG_LOST_WAITER
  if
  :: status[w] == PENDING -> blocked[w] = true
  :: else
  fi;
#else
  atomic
  {
    if
    :: status[w] == PENDING -> blocked[w] = true
    :: else
    fi
  }
#endif
  !blocked[w]
}

/* Once. */
inline settle (s, how)
{
  if
  :: status[s] == PENDING ->
    status[s] = how;
    blocked[s] = false
  :: else
  fi
}

inline begin_wait ()
{
  atomic
  {
#ifndef BUG_NO_ROOM
    n_waiting++;
#endif
#ifndef BUG_NOT_SUMMONED
    summon (false)
#endif
  }
  deliver ()
}

inline end_wait ()
{
#ifndef BUG_NO_ROOM
  n_waiting--
#else
  skip
#endif
}

/* The first of a caller's calls has the others below it. */
#define INNER(c) (c < N_CALLERS -> c + N_OUTER : (c >= N_OUTER -> c + N_CALLERS : 255))

/* What may be done for the call that was taken is done. */
inline deal ()
{
  atomic
  {
#ifdef BUG_CLAIM
    runs = true;
#else
    runs = (status[c] == PENDING && !cancelled[c]);
#endif
    if
    :: runs ->
      /* Not for one who has gone, and not twice. */
      assert (status[c] == PENDING && !began[c]);
      began[c] = true
    :: else -> settle (c, CANCELLED)
    fi
  }
  if
  :: runs && CHAIN > 0 && INNER (c) < N_CALLS ->
    inner = INNER (c);
    submit (inner, true);
    begin_wait ();
    wait_for (inner);
    inner = 0;
    end_wait ()
#ifdef ASYNC
  /* It ends in its loop, or by some other thread. */
  :: runs && IS_ASYNC (c) ->
    atomic
    {
      n_calls[_pid]++;
      begins = true;
      if
      :: source_of[c] = _pid
      :: run Settler (c, _pid)
      fi
    }
#endif
#ifdef GATED
  :: runs && c == 0 && !IS_ASYNC (c) -> GATE_OPEN
#endif
  :: else
  fi;
  atomic
  {
    if
    :: !begins -> settle (c, VALUE); n_dealt++
    :: else
    fi;
    begins = false;
    runs = false;
    c = 0
  }
}

#ifdef ASYNC
proctype Settler (byte c; byte home)
{
  c > 0 || GATE_OPEN;
  atomic
  {
    settle (c, VALUE);
    n_dealt++
  }
  /* call_has_ended () */
  atomic
  {
    n_calls[home]--;
#ifndef BUG_LAST_SLEEPS
    wakes[home] = (n_calls[home] == 0 -> true : wakes[home])
#endif
  }
}

/* A source of the worker's context is dispatched. */
inline dispatch (d)
{
  source_of[d] = 0;
  settle (d, VALUE);
  n_dealt++;
  n_calls[_pid]--
}

inline iterate ()
{
  if
  :: atomic { wakes[_pid] -> wakes[_pid] = false }
  :: atomic { source_of[0] == _pid && GATE_OPEN -> dispatch (0) }
#if N_CALLERS * ROUNDS > 1
  :: atomic { source_of[1] == _pid -> dispatch (1) }
#endif
  fi
}
#endif

/* HOLDS: the lock */
inline arrive ()
{
  if
  :: arrives ->
    arrives = false;
    on_way--;
#ifdef BUG_LATE_ARRIVAL
    n_summoned--;
#else
    if
    :: n_summoned > 0 -> n_summoned--
    :: else -> n_late = (n_late > 0 -> n_late - 1 : 0)
    fi;
#endif
    assert (n_summoned <= on_way)
  :: else
  fi
}

/* A time-out may come together with a signal, which then is used up. */
inline time_out ()
{
  pass_time ();
  in_time = false;
  work_waiters--;
  work_woken = (work_woken > work_waiters -> work_waiters : work_woken)
}

#ifdef BUG_CLOSED_FIRST
#define LEAVES (closed || (n_called == 0 && (serial != idle_serial || !in_time)))
#else
#ifdef BUG_TIMEOUT_FIRST
#define LEAVES (!in_time || (n_called == 0 && (serial != idle_serial || closed)))
#else
#define LEAVES (n_called == 0 && (serial != idle_serial || closed || !in_time))
#endif
#endif

#ifdef BUG_IF
#define IS_CALLED (n_called > 0 || woken)
#else
#define IS_CALLED (n_called > 0)
#endif

#ifdef ASYNC
#define ITERATES (loops || has_context || n_calls[_pid] > 0)
#else
#define ITERATES false
#endif

/* HOLDS: the lock. It is given up while it looks. */
inline look_out ()
{
  if
  :: !looks_out ->
    looks_out = true;
    looks = true;
    does = LOOK;
    break
  :: else
  fi
}

/* ticket_main () and thread_main (), with serve () and idle (). */
proctype Worker (bool is_ticket)
{
  byte c, inner, does;
#ifdef ASYNC
  byte w;
#endif
  bool issues, signals, starts, monitors, runs, serial, idles, in_time, woken, looks;
  bool comes = true, arrives = true;
  bool begins, has_context, loops;

#ifdef POOL_FULL
  !is_ticket || at_end;
#endif
  do
  :: atomic
    {
      use_pool ();
      n_starting = (comes && !is_ticket -> n_starting - 1 : n_starting);
      comes = false;
      looks_out = (looks -> false : looks_out);
#ifdef BUG_LOOKS_AWAY
      if
      :: looks ->
        looks = false;
        work_waiters++;
        does = WAIT;
        goto gave_up
      :: else
      fi;
#endif
      looks = false;
      do
      :: idles && LEAVES ->
        n_idle--;
        n_threads--;
        does = END;
        break
      :: idles && !LEAVES && IS_CALLED ->
        assert (n_called > 0);
        n_called--;
        idles = false;
        woken = false;
        arrives = true
      :: idles && !LEAVES && !IS_CALLED ->
        work_waiters++;
        does = WAIT;
        break
#ifdef ASYNC
      /* iterate_for_calls () */
      :: loops && !called[_pid] && n_calls[_pid] > 0 -> does = LOOP; break
      :: loops && (called[_pid] || n_calls[_pid] == 0) ->
        if
        :: called[_pid] -> arrives = true
        :: else -> looping ?? eval (_pid)
        fi;
        called[_pid] = false;
        loops = false
      :: !loops && !idles && N_QUEUED == 0 && n_calls[_pid] > 0 ->
        arrive ();
        looping ! _pid;
        loops = true
      :: !loops && !idles && N_QUEUED == 0 && n_calls[_pid] == 0 && has_context ->
        arrive ();
        has_context = false;
        does = LEAVE;
        break
#endif
      :: !loops && !idles && N_QUEUED > 0 ->
        arrive ();
#ifdef BUG_TAKE_TWICE
        queue ? <c>;
#else
        queue ? c;
#endif
        moved = true;
#ifndef BUG_ALONE
        summon (false);
#endif
        does = RUN;
        break
      :: !idles && N_QUEUED == 0 && is_ticket ->
        arrive ();
        n_tickets--;
        does = END;
        break
      :: !idles && N_QUEUED == 0 && !is_ticket && !ITERATES ->
        arrive ();
#ifdef BUG_IDLE_LATER
        does = WAIT;
        break
#else
        n_idle++;
        serial = idle_serial;
        in_time = true;
        idles = true;
        look_out ()
#endif
      od
    }
gave_up:
#ifdef BUG_IDLE_LATER
    if
    :: does == WAIT && !idles ->
      atomic
      {
        n_idle++;
        serial = idle_serial;
        in_time = true;
        idles = true;
        work_waiters++
      }
    :: else
    fi;
#endif
    if
    :: does == RUN ->
#ifdef BUG_TAKE_TWICE
      queue ? _;
#endif
      deliver ();
      has_context = has_context || IS_ASYNC (c);
      deal ()
#ifdef ASYNC
    :: does == LOOP -> iterate ()
    :: does == LEAVE ->
#ifdef BUG_LEAVES_BLIND
      atomic
      {
        n_idle++;
        serial = idle_serial;
        in_time = true;
        idles = true
      }
#else
      skip
#endif
#endif
    /* For a moment, whatever there is to be seen. */
    :: does == LOOK -> skip
    :: does == WAIT ->
      if
      :: atomic
        {
          work_woken > 0 ->
          work_woken--;
          work_waiters--;
          woken = true
        }
      :: atomic { USES_CLOCK && IS_TIME -> time_out () }
      fi
    :: does == END -> break
    fi
  od;

#ifndef BUG_POOL_FREED
  atomic
  {
    if
    :: !is_ticket -> pool_unref ()
    :: else
    fi
  }
#endif
}

/* What a look at a queue that is stuck would do. */
#define N_COMING (n_starting + n_called)
#ifdef BUG_COUNT_ON_TICKETS
#define IS_ENOUGH (N_QUEUED <= n_summoned + n_late)
#define GROWS (!IS_ENOUGH && (n_idle > 0 || N_BUSY < MAX_THREADS))
#else
#define IS_ENOUGH (N_QUEUED <= N_COMING)
#define GROWS (n_summoned > 0 || (!IS_ENOUGH && (n_idle > 0 || N_BUSY < MAX_THREADS)))
#endif

/* monitor_main (), with grow (). */
proctype Monitor ()
{
  bool was_queued, signals, starts, woken, serial;
  byte n;

  do
  :: atomic
    {
      N_QUEUED == 0 ->
      was_queued = false;
      serial = idle_serial;
      monitor_sleeps = true;
      look_waiter = true;
      look_woken = false
    }
    /* It sleeps. */
    atomic
    {
      if
      :: look_woken -> woken = true
      :: IS_TIME -> pass_time (); woken = false
      fi;
      look_waiter = false;
      look_woken = false
    }
    atomic
    {
      monitor_sleeps = false;
      if
#ifdef BUG_MONITOR_ENDS
      :: !woken || serial != idle_serial -> has_monitor = false; break
#else
      :: (!woken || serial != idle_serial) && N_QUEUED == 0 -> has_monitor = false; break
#endif
      :: else
      fi
    }
  :: atomic
    {
      N_QUEUED > 0 && (!was_queued || moved) ->
      was_queued = true;
      moved = false
    }
#ifndef BUG_NO_MONITOR
  :: atomic
    {
      N_QUEUED > 0 && was_queued && !moved && GROWS ->
      n_late = n_late + n_summoned;
      n_summoned = 0;
      if
      :: IS_ENOUGH -> n = 0
      :: else ->
        /* Doubled, but one where the processors are busy. */
        if
        :: n = (n_threads > 0 -> n_threads : 1)
        :: n = 1
        fi;
        n = (n < N_QUEUED - N_COMING -> n : N_QUEUED - N_COMING)
      fi
    }
    do
    :: atomic
      {
        n > 0 ->
        n--;
        if
        :: n_idle > 0 ->
          call_idle ();
          if
          :: signals -> signals = false; signal_work ()
          :: else
          fi
        :: n_idle == 0 && N_BUSY < MAX_THREADS -> add_thread ()
        :: else
        fi
      }
      if
      :: starts -> starts = false; start_thread ()
      :: else
      fi
    :: n == 0 -> break
    od
#endif
  od
}

/* The caller's thread is no worker. */
proctype Caller (byte me)
{
  byte round;
  byte mine = me;
#ifdef ASYNC
  byte w;
#endif
  bool issues, signals, starts, monitors;

  do
  :: round < ROUNDS ->
    submit (mine, false);
#ifdef DEADLINE
    if
    :: me == 0 -> atomic { settle (mine, CANCELLED) }
    :: skip
    fi;
#endif
    wait_for (mine);
    round++;
    mine = mine + N_CALLERS
  :: round == ROUNDS -> break
  od;
  n_ended++
}

proctype Cancel (byte c) { cancelled[c] = true }

proctype Reset ()
{
  atomic
  {
    idle_serial = !idle_serial;
    work_woken = work_waiters;
    look_woken = (monitor_sleeps && look_waiter -> true : look_woken)
  }
}

/* The executor is closed: what is in the queue is refused. */
proctype Empty ()
{
  byte c;

  atomic
  {
    closed = true;
    do
    :: N_QUEUED > 0 ->
      queue ? c;
      settle (c, CANCELLED);
      n_dealt++
    :: N_QUEUED == 0 -> break
    od;
    work_woken = work_waiters
  }
}

/* The executor is dropped: its calls are run all the same. */
proctype Close ()
{
  n_made == N_OUTER;
  atomic
  {
    closed = true;
    work_woken = work_waiters
  }
  atomic { pool_unref () }
}

init
{
  byte i;

  atomic
  {
    refs = 1;
    n_failures = N_FAILURES;
    do
    :: n_timeouts < N_TIMEOUTS -> n_timeouts++
    :: break
    od;
    do
    :: i < N_CALLERS -> run Caller (i); i++
    :: i == N_CALLERS -> i = 0; break
    od;
    do
    :: i < N_CANCELS -> run Cancel (i); i++
    :: i == N_CANCELS -> i = 0; break
    od;
#ifdef RESET
    run Reset ();
#endif
#ifdef EXECUTOR
    run Close ();
#endif
#ifdef EMPTY
    run Empty ();
#endif
  }

  /* Every call is dealt with; whoever is idle goes. */
  n_ended == N_CALLERS && n_dealt == n_made;
  at_end = true;
  _nr_pr == 1;

  atomic
  {
    assert (N_QUEUED == 0 && n_threads == 0 && n_starting == 0 && n_idle == 0 && n_called == 0);
    assert (n_tickets == 0 && n_waiting == 0 && n_summoned == 0 && on_way == 0 && !has_monitor);
    assert (N_FAILURES > 0 || n_late == 0);
    assert (refs == (SHARED -> 1 : 0));
    do
    :: i < N_OUTER -> assert (status[i] != PENDING); i++
    :: i == N_OUTER -> break
    od
  }
}
