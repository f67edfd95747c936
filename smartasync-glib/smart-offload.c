/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Where blocking bodies run when the caller must not block.
 *
 * There is one queue of calls, served first come first served by two kinds of
 * workers: threads of GTask's pool, which come by a ticket (a GTask without any
 * data of ours, made for nothing but to borrow the thread), and threads of our
 * own. GTask's pool has ten threads and is shared with all of GIO, so at most
 * four of them are ever ours.
 *
 * Work that waits for work must not starve. A worker that enters one of the
 * library's waits makes room for another thread. A body that blocks anywhere
 * else is noticed by its effect: a queue that has not moved for a millisecond
 * gets more threads, doubling their number. No worker ever gives up its place
 * and waits to get it back: whoever runs goes on running.
 *
 * The pools of executors work likewise, but never have more threads than they
 * were given, and run asynchronous bodies, too. One that has returned to its loop
 * takes no thread: the worker goes on with the queue, and iterates what it began
 * whenever there is nothing in it. */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* sched_getcpu () */
#endif

#include "smart-offload-private.h"

#include "smart-context-pool-private.h"
#include "smart-context-private.h"

#ifdef HAVE_SCHED_GETCPU
#include <sched.h>
#endif
#include <time.h>

/* Of the ten threads in GTask's pool. */
#define MAX_TICKETS 4

/* Threads of our own that are started without more ado. A body that blocks
 * uses no processor: so there are some more than processors. */
#define BASE_THREADS 8

/* Threads that a queue which does not move can make us start, at most. What the
 * waits in the library make room for comes on top. */
#define MAX_THREADS 512

/* Where calls come as soon as that after the last ticket has ended, threads of our
 * own are cheaper: they wait for the next one. */
#define STEADY_USEC (20 * G_TIME_SPAN_MILLISECOND)

/* A queue that has not moved for so long is stuck. */
#define STALL_USEC (1 * G_TIME_SPAN_MILLISECOND)

/* So long the monitor goes on looking after the queue ran empty: to wake it up
 * costs the caller more than the looking does. */
#define LINGER_USEC (50 * G_TIME_SPAN_MILLISECOND)

/* How often a pool without any thread is to be tried again. */
#define RETRY_MSEC 10

/* So many calls that workers are done with wait to serve whoever calls next. */
#define MAX_SPARE_CALLS 64

/* So long an idle thread stays. */
#define IDLE_USEC (5 * G_TIME_SPAN_SECOND)

/* While the process keeps its processors that busy, more threads would only
 * compete for them: then one comes every SATURATED_LOOKS. */
#define SATURATED_SHARE 0.9
#define SATURATED_LOOKS 5

typedef SmartPool Pool;

struct _SmartPool
{
  GMutex lock;

  SmartCall *head;         /* lock: the queue; a reference each */
  SmartCall *tail;         /* lock; valid if head is */
  guint n_queued;          /* lock */
  guint n_summoned;        /* lock: workers on their way, who will take the head */
  guint64 n_taken;         /* lock: grows as the queue moves */
  int processor;           /* lock: where the last call was made */
  guint n_spare_calls;     /* lock */
  guint max_threads;       /* immutable; 0: the shared pool */
  gboolean has_monitor;    /* lock */
  gboolean monitor_sleeps; /* lock */
  guint8 closed;           /* lock */
  guint8 in_a_row; /* lock: whoever made the last call had not waited since the one before */

  /* So far, one cache line, where pointers have 64 bits: for the shared pool, no other
   * passes from the caller to the worker and back with each call of many. */

  guint n_threads;    /* lock: our own, alive */
  guint n_starting;   /* lock: of these, started and not there yet */
  guint n_idle;       /* lock: of these, not called for */
  guint n_called;     /* lock to write, atomic to read: idle ones called for that have not come */
  guint n_tickets;    /* lock: issued and not ended */
  gint64 ticket_end;  /* lock: when the last one has ended; 0: none has */
  guint n_waiting;    /* lock: workers in one of the library's waits */
  guint n_entering;   /* lock: workers on their way into an interpreter */
  guint n_late;       /* lock: those who are late; not counted on any more */
  guint idle_serial;  /* lock: a reset sends the idle threads home */
  gboolean looks_out; /* lock: of the idle ones, one is still awake */
  SmartLook look_out; /* lock: when one will */

  GCond work; /* with lock: idle threads */
  GCond look; /* with lock: the monitor */

  GObject *spare_calls[MAX_SPARE_CALLS]; /* lock: of the shared pool; references */

  guint64 n_threads_created; /* lock */
  guint64 n_tickets_issued;  /* lock */
  gboolean in_child;         /* immutable: made after a fork */

  /* Of an executor's pool. */
  int ref_count;  /* atomic: the executor, and each thread */
  char *name;     /* immutable */
  GQueue looping; /* lock: the workers that iterate; those called for are not in it */
};

#if GLIB_SIZEOF_VOID_P == 8
G_STATIC_ASSERT (G_STRUCT_OFFSET (Pool, n_threads) == SMART_CACHE_LINE);
#endif

/* A thread of an executor's pool; on its stack. */
typedef struct
{
  Pool *pool;            /* immutable */
  SmartThread *thread;   /* immutable */
  GMainContext *context; /* the thread's; not a reference: while it has asynchronous calls */
  guint n_calls;         /* pool->lock: asynchronous ones that are pending */
  gboolean called;       /* pool->lock: it is to come for the queue */
  GList link;            /* pool->lock: in pool->looping */
} Worker;

static Pool *the_pool;    /* atomic; never freed; replaced in a child */
static gboolean in_child; /* written in a child while it has one thread */

/* Where tickets are made: a GTask leaves a source in its maker's context when
 * it ends, and that must not be the user's. */
static GMutex sink_lock;
static GMainContext *sink; /* sink_lock */

/* The pools of executors whose first thread could not be started. */
static GMutex stuck_lock;
static GSList *stuck; /* stuck_lock; references; empty while somebody tries them */
static int n_stuck;   /* atomic: those that are tried, too */

static gpointer thread_main (gpointer data);
static gpointer monitor_main (gpointer data);
static void serve (Pool *pool);
static void tell_interpreter (SmartThread *thread);

static Pool *
pool_new (const char *name, guint max_threads)
{
  Pool *pool = g_aligned_alloc0 (1, sizeof (Pool), SMART_CACHE_LINE);

  g_mutex_init (&pool->lock);
  g_cond_init (&pool->work);
  g_cond_init (&pool->look);
  pool->in_child = in_child;
  pool->ref_count = 1;
  pool->name = g_strdup (name);
  pool->max_threads = max_threads;

  return pool;
}

/* The workers end with calls that their callers have to make: so they are passed back.
 * HOLDS: pool->lock */
static void
give_spare_calls (Pool *pool, SmartThread *thread)
{
  while (thread->spare_calls.n > 0 && pool->n_spare_calls < MAX_SPARE_CALLS)
    {
      GObject *call = smart_spares_take (&thread->spare_calls);

      if (call != NULL)
        pool->spare_calls[pool->n_spare_calls++] = call;
    }
}

/* HOLDS: pool->lock */
static void
take_spare_calls (Pool *pool, SmartThread *thread)
{
  if (thread->spare_calls.n > 0)
    return;

  for (guint i = MIN (pool->n_spare_calls, SMART_MAX_SPARES); i > 0; i--)
    smart_spares_keep (&thread->spare_calls, pool->spare_calls[--pool->n_spare_calls]);
}

/* HOLDS: pool->lock, which it gives up meanwhile */
static void
free_spare_calls (Pool *pool)
{
  while (pool->n_spare_calls > 0)
    {
      GObject *call = pool->spare_calls[--pool->n_spare_calls];

      g_mutex_unlock (&pool->lock);
      g_object_unref (call);
      g_mutex_lock (&pool->lock);
    }
}

static void
pool_unref (Pool *pool)
{
  if (!g_atomic_int_dec_and_test (&pool->ref_count))
    return;

  g_mutex_clear (&pool->lock);
  g_cond_clear (&pool->work);
  g_cond_clear (&pool->look);
  g_free (pool->name);
  g_aligned_free (pool);
}

/* The shared one. */
static Pool *
get_pool (void)
{
  Pool *pool = g_atomic_pointer_get (&the_pool);
  Pool *made;

  if (G_LIKELY (pool != NULL))
    return pool;

  made = pool_new ("smartasync", 0);
  if (g_atomic_pointer_compare_and_exchange (&the_pool, NULL, made))
    return made;

  pool_unref (made);
  return g_atomic_pointer_get (&the_pool);
}

static gboolean
is_shared (Pool *pool)
{
  return pool->max_threads == 0;
}

/* Tickets */

static void
ticket_main (GTask *ticket, gpointer source_object, gpointer task_data, GCancellable *cancellable)
{
  Pool *pool = get_pool ();
  SmartThread *thread = smart_thread_get ();

  thread->is_worker = TRUE;
  thread->has_run = FALSE;
  g_mutex_lock (&pool->lock);
  serve (pool);
  g_mutex_unlock (&pool->lock);

  /* It counts still: this may wait for the interpreter's lock. */
  tell_interpreter (thread);

  g_mutex_lock (&pool->lock);
  pool->n_tickets--;
  pool->ticket_end = g_get_monotonic_time ();
  g_mutex_unlock (&pool->lock);
  thread->is_worker = FALSE;

  g_task_return_boolean (ticket, TRUE);
}

/* Frees the tickets that have ended. HOLDS: sink_lock */
static void
drain_sink (void)
{
  while (sink != NULL && g_main_context_iteration (sink, FALSE))
    ;
}

static void
issue_ticket (void)
{
  GTask *ticket;

  g_mutex_lock (&sink_lock);
  if (sink == NULL)
    sink = smart_context_pool_new_sink ();
  drain_sink ();
  g_main_context_push_thread_default (sink);
  ticket = g_task_new (NULL, NULL, NULL, NULL);
  g_main_context_pop_thread_default (sink);
  g_mutex_unlock (&sink_lock);

  g_task_set_name (ticket, "smartasync ticket");
  g_task_run_in_thread (ticket, ticket_main);
  g_object_unref (ticket);
}

/* Summoning workers */

/* HOLDS: pool->lock, which it gives up meanwhile */
static gboolean
start_thread (Pool *pool, const char *name, GThreadFunc function)
{
  GError *error = NULL;
  GThread *thread;

  g_mutex_unlock (&pool->lock);
  thread = g_thread_try_new (name, function, pool, &error);
  g_mutex_lock (&pool->lock);

  if (thread == NULL)
    {
      /* The calls stay in the queue: the workers that there are come back to
       * it, and the monitor tries again. */
      g_debug ("No thread could be started: %s", error->message);
      g_error_free (error);
      return FALSE;
    }

  g_thread_unref (thread);
  return TRUE;
}

/* HOLDS: pool->lock, which it gives up meanwhile */
static void
add_thread (Pool *pool)
{
  pool->n_threads++;
  pool->n_starting++;
  pool->n_summoned++;

  g_atomic_int_inc (&pool->ref_count);

  if (start_thread (pool, pool->name, thread_main))
    {
      pool->n_threads_created++;
    }
  else
    {
      g_atomic_int_add (&pool->ref_count, -1);
      pool->n_threads--;
      pool->n_starting--;
      pool->n_summoned -= MIN (pool->n_summoned, 1);
    }
}

/* How many threads of our own are not known to be waiting. HOLDS: pool->lock */
static guint
n_busy (Pool *pool)
{
  return pool->n_threads > pool->n_waiting ? pool->n_threads - pool->n_waiting : 0;
}

/* Has a worker that only iterates come for the head of the queue. HOLDS:
 * pool->lock */
static void
call_looping (Pool *pool)
{
  GList *link = g_queue_pop_head_link (&pool->looping);
  Worker *worker;

  if (link == NULL)
    return;

  worker = link->data;
  worker->called = TRUE;
  pool->n_summoned++;
  g_main_context_wakeup (worker->context);
}

/* What is left to do to summon a worker, without the lock: an idle one that is
 * woken up would run into it at once. */
typedef enum
{
  SUMMONED,
  SUMMON_BY_SIGHT, /* one that looks out sees it */
  SUMMON_BY_SIGNAL,
  SUMMON_BY_TICKET
} Summons;

/* Calls for an idle one, if there is any. Whether it has to be woken up: who looks out
 * sees it, and if one who was woken up comes before him, he goes to sleep instead. So
 * there are never more called for than look out or have been woken up. HOLDS:
 * pool->lock */
static gboolean
call_idle (Pool *pool, Summons *summons)
{
  guint n_called = pool->n_called;

  if (pool->n_idle == 0)
    return FALSE;

  pool->n_idle--;
  pool->n_summoned++;
  g_atomic_int_set (&pool->n_called, n_called + 1);
  *summons = pool->looks_out && n_called == 0 ? SUMMON_BY_SIGHT : SUMMON_BY_SIGNAL;
  return TRUE;
}

/* HOLDS: pool->lock */
static gboolean
can_issue (Pool *pool)
{
  return is_shared (pool) && pool->n_tickets < MAX_TICKETS && !pool->in_child;
}

/* HOLDS: pool->lock */
static gboolean
is_steady (Pool *pool)
{
  return pool->ticket_end != 0 && g_get_monotonic_time () - pool->ticket_end < STEADY_USEC;
}

/* HOLDS: pool->lock */
static Summons
summon_by_ticket (Pool *pool)
{
  pool->n_tickets++;
  pool->n_tickets_issued++;
  pool->n_summoned++;
  return SUMMON_BY_TICKET;
}

/* Sees to it that somebody comes for the head of the queue. One at a time: who
 * comes and finds more behind it summons the next. HOLDS: pool->lock, which it
 * may give up meanwhile */
static Summons
summon (Pool *pool, gboolean may_issue)
{
  Summons summons;

  if (pool->n_summoned > 0 || pool->head == NULL)
    return SUMMONED;

  if (call_idle (pool, &summons))
    return summons;

  if (may_issue && can_issue (pool) && !is_steady (pool))
    return summon_by_ticket (pool);

  if (is_shared (pool) ? n_busy (pool) < BASE_THREADS : pool->n_threads < pool->max_threads)
    add_thread (pool);
  if (pool->n_summoned == 0)
    call_looping (pool);
  /* No thread could be started. */
  if (pool->n_summoned == 0 && pool->head != NULL && may_issue && can_issue (pool))
    return summon_by_ticket (pool);

  return SUMMONED;
}

/* The rest of it. The caller holds @pool. */
static void
send (Pool *pool, Summons summons)
{
  if (summons == SUMMON_BY_SIGNAL)
    g_cond_signal (&pool->work);
  else if (summons == SUMMON_BY_TICKET)
    issue_ticket ();
}

/* HOLDS: pool->lock */
static void
arrive (Pool *pool)
{
  if (pool->n_summoned > 0)
    pool->n_summoned--;
  else if (pool->n_late > 0)
    pool->n_late--;
}

/* Working */

/* HOLDS: pool->lock */
static SmartCall *
take (Pool *pool)
{
  SmartCall *call = pool->head;

  if (call != NULL)
    {
      pool->head = smart_call_get_next (call);
      smart_call_set_pool (call, NULL);
      pool->n_queued--;
      pool->n_taken++;
    }

  return call;
}

/* Takes the reference: to a blocking one. */
static void
run (SmartCall *call)
{
  if (smart_call_may_run (call))
    smart_call_run_blocking (call);
}

/* Whether @call, taken by this thread, first waits for its interpreter's lock.
 * HOLDS: pool->lock */
static gboolean
begin_entering (Pool *pool, SmartThread *thread, SmartCall *call)
{
  SmartAsyncFunc *func = smart_call_get_func (call);

  if (func == NULL || !func->interpreted)
    return FALSE;

  pool->n_entering++;
  thread->entering = pool;
  return TRUE;
}

/* HOLDS: pool->lock */
static void
end_entering (Pool *pool, SmartThread *thread)
{
  if (thread->entering == pool)
    {
      thread->entering = NULL;
      pool->n_entering--;
    }
}

/**
 * smart_async_func_set_interpreted: (skip)
 * @func: a function
 *
 * Says that the body of @func is run by an interpreter that has a lock, and that
 * it calls smart_interpreter_entered() when it has it. While a worker waits for
 * that lock, further ones would only wait for it, too, and none is started for
 * calls of such functions. For bindings.
 *
 * Since: 1.0
 */
void
smart_async_func_set_interpreted (SmartAsyncFunc *func)
{
  g_return_if_fail (SMART_IS_ASYNC_FUNC (func));

  func->interpreted = TRUE;
}

/**
 * smart_interpreter_entered: (skip)
 *
 * Says that the body that this thread runs has its interpreter's lock: see
 * smart_async_func_set_interpreted(). Harmless where there is no such body.
 *
 * Since: 1.0
 */
void
smart_interpreter_entered (void)
{
  SmartThread *thread = smart_thread_peek ();
  Pool *pool = thread != NULL ? thread->entering : NULL;

  if (pool == NULL)
    return;

  g_mutex_lock (&pool->lock);
  end_entering (pool, thread);
  g_mutex_unlock (&pool->lock);
}

/* Whether nobody is to be told any more; atomic. */
static int interpreter_is_gone = FALSE;

/* A thread of GTask's with a ticket, which has run one call and goes on with the next. */
static gboolean
is_borrowed_again (SmartThread *thread)
{
  return thread->is_worker && thread->has_run;
}

/**
 * smart_interpreter_keep: (skip)
 * @ended: (nullable): called by this thread before it ends, or goes back to whom it
 *   is borrowed from
 *
 * Says that an interpreter keeps what it knows of this thread from one body to
 * the next, and has to be told when there will be no more. To make it anew for
 * each costs CPython more than all else that a short body does. A thread that is
 * only borrowed is kept from its second body in a row on.
 *
 * With %NULL, no thread calls what it was given any more: the interpreter ends.
 *
 * Returns: %FALSE on a thread that is not a worker of this library's, or only for
 *   this body
 *
 * Since: 1.0
 */
gboolean
smart_interpreter_keep (void (*ended) (void))
{
  SmartThread *thread = smart_thread_peek ();

  if (ended == NULL)
    g_atomic_int_set (&interpreter_is_gone, TRUE);

  if (ended == NULL || thread == NULL || (thread->pool == NULL && !is_borrowed_again (thread)))
    return FALSE;

  thread->ended = ended;

  return TRUE;
}

static void
tell_interpreter (SmartThread *thread)
{
  void (*ended) (void) = g_steal_pointer (&thread->ended);

  /* What runs from here on is not kept for: nobody would be told any more. */
  thread->pool = NULL;
  thread->has_run = FALSE;

  if (ended != NULL && !g_atomic_int_get (&interpreter_is_gone))
    ended ();
}

/* What a worker that was summoned does: run calls while there are any. HOLDS:
 * pool->lock, which it gives up meanwhile */
static void
serve (Pool *pool)
{
  SmartCall *call;

  arrive (pool);

  while ((call = take (pool)) != NULL)
    {
      SmartThread *thread = smart_thread_get ();
      gboolean entering = begin_entering (pool, thread, call);
      Summons summons = summon (pool, FALSE);

      g_mutex_unlock (&pool->lock);
      send (pool, summons);
      run (call);
      thread->has_run = TRUE;
      g_mutex_lock (&pool->lock);
      give_spare_calls (pool, thread);
      /* It never got there: it was cancelled. */
      if (entering)
        end_entering (pool, thread);
    }
}

/* The workers of executors */

typedef struct
{
  SmartListener base;
  Worker *worker; /* there as long as it has calls */
} CallListener;

static void
call_has_ended (SmartParcel *parcel, gboolean run)
{
  CallListener *listener = (CallListener *) parcel;
  SmartListener *base = &listener->base;
  Worker *worker = listener->worker;
  Pool *pool = worker->pool;

  smart_listener_clear (base);
  g_free (listener);

  g_mutex_lock (&pool->lock);
  worker->n_calls--;
  if (worker->n_calls == 0 && worker->thread != smart_thread_peek ())
    g_main_context_wakeup (worker->context);
  g_mutex_unlock (&pool->lock);
}

/* Begins @call (taken) in the worker's context. */
static void
begin_in_pool (Worker *worker, SmartCall *call)
{
  SmartOutcome *outcome = smart_outcome_ref (smart_call_get_outcome (call));

  if (worker->context == NULL)
    worker->context = worker->thread->loop = smart_context_pool_borrow (worker->thread);

  smart_begin (call, worker->context);

  if (smart_outcome_is_pending (outcome))
    {
      CallListener *listener = g_new0 (CallListener, 1);

      g_mutex_lock (&worker->pool->lock);
      worker->n_calls++;
      g_mutex_unlock (&worker->pool->lock);
      listener->base.parcel.deliver = call_has_ended;
      listener->worker = worker;
      smart_outcome_listen (outcome, &listener->base);
    }

  smart_outcome_unref (outcome);
}

/* Runs a blocking body, @call (taken), or an asynchronous one of which this
 * thread does not know what it will iterate. It must not see the context of the
 * others, which does not go on meanwhile, as its own. */
static void
run_to_the_end (Worker *worker, SmartCall *call)
{
  GMainContext *context = worker->context;

  if (context != NULL)
    {
      g_main_context_acquire (context);
      g_main_context_pop_thread_default (context);
    }

  if (smart_call_is_blocking (call))
    smart_call_run_blocking (call);
  else
    smart_run (call);

  if (context != NULL)
    {
      g_main_context_push_thread_default (context);
      g_main_context_release (context);
    }
}

static void
run_in_pool (Worker *worker, SmartCall *call)
{
  if (!smart_call_may_run (call))
    return;

  if (smart_call_is_blocking (call) ||
      smart_call_get_func (call)->policy == SMART_MAIN_CONTEXT_CURRENT)
    run_to_the_end (worker, call);
  else
    begin_in_pool (worker, call);
}

/* Iterates for the calls that have begun, until all have ended or there is
 * something in the queue. HOLDS: pool->lock, which it gives up meanwhile */
static void
iterate_for_calls (Worker *worker)
{
  Pool *pool = worker->pool;

  g_queue_push_tail_link (&pool->looping, &worker->link);
  while (!worker->called && worker->n_calls > 0)
    {
      g_mutex_unlock (&pool->lock);
      g_main_context_iteration (worker->context, TRUE);
      g_mutex_lock (&pool->lock);
    }

  if (worker->called)
    arrive (pool);
  else
    g_queue_unlink (&pool->looping, &worker->link);
  worker->called = FALSE;
}

/* Nothing is left that goes on there. HOLDS: pool->lock, which it gives up
 * meanwhile */
static void
leave_context (Worker *worker)
{
  worker->context = worker->thread->loop = NULL;
  g_mutex_unlock (&worker->pool->lock);
  smart_context_pool_give_back (worker->thread);
  g_mutex_lock (&worker->pool->lock);
}

/* Like serve(), and goes on with what has begun. HOLDS: pool->lock, which it gives
 * up meanwhile */
static void
serve_executor (Worker *worker)
{
  Pool *pool = worker->pool;
  SmartCall *call;

  arrive (pool);

  do
    {
      while ((call = take (pool)) != NULL)
        {
          gboolean has_calls = worker->n_calls > 0;
          Summons summons = summon (pool, FALSE);

          g_mutex_unlock (&pool->lock);
          send (pool, summons);
          run_in_pool (worker, call);
          /* However long the queue is. */
          if (has_calls)
            g_main_context_iteration (worker->context, FALSE);
          g_mutex_lock (&pool->lock);
        }

      if (worker->n_calls > 0)
        iterate_for_calls (worker);
      else if (worker->context != NULL)
        leave_context (worker);
    }
  while (pool->head != NULL || worker->context != NULL);
}

/* Where this thread runs; the same for all where that is not known. */
static int
get_processor (void)
{
#ifdef HAVE_SCHED_GETCPU
  return sched_getcpu ();
#else
  return 0;
#endif
}

/* Looks whether somebody calls for an idle thread, for a moment. One of them does: more
 * would only be in each other's way. So it would be in its caller's, where that is on
 * this processor.
 *
 * Where the caller makes many in a row, it is in no hurry, for to take each as it comes
 * would hold him up. Where he waits for each, and is about to be woken up, it must not
 * yield: he would come to this processor then, and both take turns. If he has to, for the
 * others are busy, or if calls are few, it looks in vain, and soon seldom.
 *
 * What it sees without the lock decides nothing: idle() looks again. HOLDS: pool->lock,
 * which it gives up meanwhile */
static void
look_out (Pool *pool)
{
  gboolean in_a_row = pool->in_a_row;
  gboolean in_vain;
  gint64 until;

  if (pool->looks_out || pool->processor == get_processor ())
    return;

  if (!in_a_row && !smart_look_may_begin (&pool->look_out))
    return;

  pool->looks_out = TRUE;
  g_mutex_unlock (&pool->lock);
  until = g_get_monotonic_time () + SMART_LOOK_USEC;
  while ((in_vain = g_atomic_int_get (&pool->n_called) == 0) && g_get_monotonic_time () < until)
    {
      if (in_a_row)
        g_thread_yield ();
      else
        smart_look_relax ();
    }
  g_mutex_lock (&pool->lock);
  pool->looks_out = FALSE;

  if (!in_a_row)
    smart_look_end (&pool->look_out, in_vain);
}

/* Waits until somebody calls for an idle thread, but not for ever: an executor
 * of one keeps its thread, the others end after a while. HOLDS: pool->lock */
static gboolean
idle (Pool *pool)
{
  gint64 until = g_get_monotonic_time () + IDLE_USEC;
  guint serial = pool->idle_serial;
  gboolean in_time = TRUE;

  pool->n_idle++;
  look_out (pool);

  while (pool->n_called == 0)
    {
      if (serial != pool->idle_serial || pool->closed || !in_time)
        {
          pool->n_idle--;
          return FALSE;
        }

      if (pool->max_threads == 1)
        g_cond_wait (&pool->work, &pool->lock);
      else
        in_time = g_cond_wait_until (&pool->work, &pool->lock, until);
    }

  /* Who called for it has taken it out of n_idle. */
  g_atomic_int_set (&pool->n_called, pool->n_called - 1);
  return TRUE;
}

static gpointer
thread_main (gpointer data)
{
  Pool *pool = data;
  SmartThread *thread = smart_thread_get ();
  Worker worker = { .pool = pool, .thread = thread, .link = { .data = &worker } };

  thread->is_worker = is_shared (pool);
  thread->pool = pool;

  g_mutex_lock (&pool->lock);
  pool->n_starting--;
  do
    {
      if (is_shared (pool))
        serve (pool);
      else
        serve_executor (&worker);
    }
  while (idle (pool));
  pool->n_threads--;
  g_mutex_unlock (&pool->lock);

  tell_interpreter (thread);
  pool_unref (pool);

  return NULL;
}

/* The monitor */

static gint64
processor_usec (void)
{
  struct timespec used;

  if (clock_gettime (CLOCK_PROCESS_CPUTIME_ID, &used) != 0)
    return 0;

  return used.tv_sec * G_USEC_PER_SEC + used.tv_nsec / 1000;
}

/* The queue is stuck: the bodies that run must be blocking somewhere. HOLDS:
 * pool->lock, which it gives up meanwhile */
static void
grow (Pool *pool, gboolean saturated)
{
  guint n = saturated ? 1 : MAX (1, pool->n_threads);
  guint n_coming = pool->n_starting + pool->n_called;

  /* Who has not come so far may be held up for long, as a ticket is where other
   * tasks fill GTask's pool. A thread of ours comes as soon as it gets a
   * processor: for the calls that it will take, no other one is needed. */
  pool->n_late += pool->n_summoned;
  pool->n_summoned = 0;

  if (pool->n_queued <= n_coming)
    return;

  for (n = MIN (n, pool->n_queued - n_coming); n > 0; n--)
    {
      Summons summons;

      if (call_idle (pool, &summons))
        send (pool, summons);
      else if (n_busy (pool) < MAX_THREADS)
        add_thread (pool);
    }
}

/* What stops the queue is a lock that more threads would wait for, too: most of
 * those that there are wait for it. HOLDS: pool->lock */
static gboolean
is_held_up_by_interpreter (Pool *pool)
{
  SmartAsyncFunc *func = smart_call_get_func (pool->head);

  return 2 * pool->n_entering > pool->n_threads && func != NULL && func->interpreted;
}

static gpointer
monitor_main (gpointer data)
{
  Pool *pool = data;
  guint64 n_taken = 0;
  gboolean was_queued = FALSE;
  guint n_looks = 0;
  gint64 now = g_get_monotonic_time ();
  gint64 last_queued = now;
  double n_processors = g_get_num_processors ();

  g_mutex_lock (&pool->lock);

  for (;;)
    {
      gint64 before = now;
      gint64 used = processor_usec ();

      if (pool->head == NULL && now - last_queued > LINGER_USEC)
        {
          gboolean woken;
          guint serial = pool->idle_serial;

          pool->monitor_sleeps = TRUE;
          woken = g_cond_wait_until (&pool->look, &pool->lock, now + IDLE_USEC);
          pool->monitor_sleeps = FALSE;

          if ((!woken || serial != pool->idle_serial) && pool->head == NULL)
            break;
          before = g_get_monotonic_time ();
          used = processor_usec ();
          was_queued = FALSE;
        }

      g_cond_wait_until (&pool->look, &pool->lock, before + STALL_USEC);
      now = g_get_monotonic_time ();

      if (pool->head == NULL)
        {
          was_queued = FALSE;
          continue;
        }

      last_queued = now;
      if (was_queued && pool->n_taken == n_taken && !is_held_up_by_interpreter (pool))
        {
          double share = (processor_usec () - used) / ((now - before) * n_processors + 1);

          n_looks++;
          if (share < SATURATED_SHARE)
            grow (pool, FALSE);
          else if (n_looks % SATURATED_LOOKS == 0)
            grow (pool, TRUE);
        }
      else
        {
          n_looks = 0;
        }

      was_queued = TRUE;
      n_taken = pool->n_taken;
    }

  pool->has_monitor = FALSE;
  free_spare_calls (pool);
  g_mutex_unlock (&pool->lock);

  return NULL;
}

/* HOLDS: pool->lock, which it may give up meanwhile */
static void
wake_monitor (Pool *pool)
{
  if (pool->monitor_sleeps)
    {
      pool->monitor_sleeps = FALSE;
      g_cond_signal (&pool->look);
    }
  else if (!pool->has_monitor)
    {
      pool->has_monitor = TRUE;
      if (!start_thread (pool, "smartasync-mon", monitor_main))
        pool->has_monitor = FALSE;
    }
}

/* Pools without a thread. The shared one has its monitor and GTask's threads; of
 * an executor's pool, with its first thread refused, nobody would come back to the
 * queue. So those who want a result try again: in their context, where they are
 * called back, and while they wait. */

/* HOLDS: pool->lock */
static gboolean
is_stuck (Pool *pool)
{
  return !is_shared (pool) && pool->head != NULL && pool->n_threads == 0;
}

/* Takes @pool. It counts already. */
static void
keep_stuck (Pool *pool)
{
  g_mutex_lock (&stuck_lock);
  stuck = g_slist_prepend (stuck, pool);
  g_mutex_unlock (&stuck_lock);
}

static gboolean
on_retry (gpointer unused)
{
  smart_pool_retry_stuck ();

  return smart_pool_any_is_stuck ();
}

static void
has_stuck (Pool *pool)
{
  GMainContext *home = smart_context_ref_home ();
  GSource *source;

  g_atomic_int_inc (&n_stuck);
  g_atomic_int_inc (&pool->ref_count);
  keep_stuck (pool);

  /* One for all that this context waits for. */
  if (g_main_context_find_source_by_user_data (home, &stuck) == NULL)
    {
      source = g_timeout_source_new (RETRY_MSEC);
      g_source_set_static_name (source, "smartasync retry");
      g_source_set_callback (source, on_retry, &stuck, NULL);
      g_source_attach (source, home);
      g_source_unref (source);
    }

  g_main_context_unref (home);
}

gboolean
smart_pool_any_is_stuck (void)
{
  return g_atomic_int_get (&n_stuck) > 0;
}

/* When who waits in another way than by iterating is to try again. */
gint64
smart_pool_get_retry_time (void)
{
  return g_get_monotonic_time () + RETRY_MSEC * G_TIME_SPAN_MILLISECOND;
}

void
smart_pool_retry_stuck (void)
{
  GSList *pools;

  g_mutex_lock (&stuck_lock);
  pools = g_steal_pointer (&stuck);
  g_mutex_unlock (&stuck_lock);

  for (GSList *link = pools; link != NULL; link = link->next)
    {
      Pool *pool = link->data;
      gboolean still;

      g_mutex_lock (&pool->lock);
      if (is_stuck (pool))
        summon (pool, FALSE);
      still = is_stuck (pool);
      g_mutex_unlock (&pool->lock);

      if (still)
        {
          keep_stuck (pool);
        }
      else
        {
          g_atomic_int_add (&n_stuck, -1);
          pool_unref (pool);
        }
    }
  g_slist_free (pools);
}

/* For the callers */

/* Takes those that were cancelled out of the queue; the first of them, nullable.
 * HOLDS: pool->lock */
static SmartCall *
take_settled (Pool *pool)
{
  SmartCall *settled = NULL, *last = NULL;
  SmartCall *call = pool->head;

  pool->head = NULL;
  while (call != NULL)
    {
      SmartCall *next = smart_call_get_next (call);

      if (smart_outcome_is_pending (smart_call_get_outcome (call)))
        {
          if (last != NULL)
            smart_call_set_next (last, call);
          else
            pool->head = call;
          last = call;
        }
      else
        {
          smart_call_set_pool (call, NULL);
          smart_call_set_next (call, settled);
          settled = call;
          pool->n_queued--;
        }
      call = next;
    }

  if (last != NULL)
    smart_call_set_next (last, NULL);
  pool->tail = last;

  return settled;
}

/* Without the lock. */
static void
drop_settled (SmartCall *settled)
{
  while (settled != NULL)
    {
      SmartCall *call = settled;

      settled = smart_call_get_next (call);
      smart_call_may_run (call);
    }
}

/* Takes @call if there are less than @max_pending (0: no limit) that wait, and the
 * pool is open. */
gboolean
smart_pool_submit (SmartPool *pool, SmartCall *call, guint max_pending)
{
  SmartThread *thread = smart_thread_get ();
  SmartCall *settled = NULL;
  gboolean no_thread;
  Summons summons;

  smart_call_set_next (call, NULL);
  smart_outcome_queue (smart_call_get_outcome (call));

  g_mutex_lock (&pool->lock);

  if (max_pending > 0 && pool->n_queued >= max_pending)
    settled = take_settled (pool);
  if (pool->closed || (max_pending > 0 && pool->n_queued >= max_pending))
    {
      g_mutex_unlock (&pool->lock);
      drop_settled (settled);
      return FALSE;
    }

  if (pool->head != NULL)
    smart_call_set_next (pool->tail, call);
  else
    pool->head = call;
  pool->tail = call;
  pool->n_queued++;
  pool->processor = get_processor ();
  pool->in_a_row = thread->submitted_at == thread->n_deliveries;
  thread->submitted_at = thread->n_deliveries;
  if (!is_shared (pool))
    smart_call_set_pool (call, pool);

  take_spare_calls (pool, thread);
  summons = summon (pool, !thread->is_worker);
  thread->expects = summons == SUMMON_BY_SIGHT;
  no_thread = is_stuck (pool);
  if (is_shared (pool))
    wake_monitor (pool);
  else
    g_atomic_int_inc (&pool->ref_count); /* the call may end, and with it its executor */

  g_mutex_unlock (&pool->lock);

  drop_settled (settled);
  send (pool, summons);
  if (G_UNLIKELY (no_thread))
    has_stuck (pool);
  if (!is_shared (pool))
    pool_unref (pool);

  return TRUE;
}

/* A pool of an executor. */
SmartPool *
smart_pool_new (const char *name, guint max_threads)
{
  return pool_new (name, max_threads);
}

guint
smart_pool_get_max_threads (SmartPool *pool)
{
  return pool->max_threads;
}

/* Takes all out of the queue, and lets its threads end when they have nothing to
 * do. Returns the first of those calls, nullable. */
SmartCall *
smart_pool_empty (SmartPool *pool)
{
  SmartCall *head;

  g_mutex_lock (&pool->lock);
  pool->closed = TRUE;
  head = g_steal_pointer (&pool->head);
  pool->n_queued = 0;
  for (SmartCall *call = head; call != NULL; call = smart_call_get_next (call))
    smart_call_set_pool (call, NULL);
  g_cond_broadcast (&pool->work);
  g_mutex_unlock (&pool->lock);

  return head;
}

/* Its threads end when they have nothing to do. */
void
smart_pool_close (SmartPool *pool)
{
  g_mutex_lock (&pool->lock);
  pool->closed = TRUE;
  g_cond_broadcast (&pool->work);
  g_mutex_unlock (&pool->lock);

  pool_unref (pool);
}

/* Has a worker run @call (taken). */
void
smart_offload (SmartCall *call)
{
  smart_pool_submit (get_pool (), call, 0);
}

/* The same, for a caller who waits. */
void
smart_offload_and_wait (SmartCall *call)
{
  SmartOutcome *outcome = smart_outcome_ref (smart_call_get_outcome (call));
  gint64 deadline = smart_call_get_deadline (call);

  smart_outcome_keep_spent (outcome);
  smart_offload (call);
  if (!smart_outcome_block (outcome, deadline, NULL, NULL))
    smart_outcome_settle_timed_out (outcome);
  smart_outcome_release_spent (outcome);
  smart_outcome_unref (outcome);
}

/* Runs @function to its end on a thread that has no thread-default context. */
void
smart_offload_run_apart (GThreadFunc function)
{
  g_thread_join (g_thread_new ("smartasync", function, NULL));
}

/* Brackets a wait of a worker: meanwhile another one may run. */
void
smart_offload_begin_wait (void)
{
  Pool *pool = get_pool ();
  Summons summons;

  g_mutex_lock (&pool->lock);
  pool->n_waiting++;
  summons = summon (pool, FALSE);
  g_mutex_unlock (&pool->lock);
  send (pool, summons);
}

void
smart_offload_end_wait (void)
{
  Pool *pool = get_pool ();

  g_mutex_lock (&pool->lock);
  pool->n_waiting--;
  g_mutex_unlock (&pool->lock);
}

/* Sends the idle threads home, and frees the tickets that have ended. */
void
smart_offload_reset (void)
{
  Pool *pool = g_atomic_pointer_get (&the_pool);

  if (pool == NULL)
    return;

  g_mutex_lock (&pool->lock);
  pool->idle_serial++;
  g_cond_broadcast (&pool->work);
  if (pool->monitor_sleeps)
    g_cond_signal (&pool->look);
  free_spare_calls (pool);
  g_mutex_unlock (&pool->lock);

  g_mutex_lock (&sink_lock);
  drain_sink ();
  g_mutex_unlock (&sink_lock);
}

/* After a fork: see smart-thread.c. GTask's own pool hangs in a child. */
void
smart_offload_forget_all (void)
{
  in_child = TRUE;
  g_atomic_pointer_set (&the_pool, NULL);
  g_mutex_init (&sink_lock);
  sink = NULL;
  g_mutex_init (&stuck_lock);
  stuck = NULL;
  n_stuck = 0;
}

void
smart_offload_get_stats (SmartOffloadStats *stats)
{
  Pool *pool = get_pool ();

  g_mutex_lock (&pool->lock);
  stats->n_threads = pool->n_threads;
  stats->n_idle = pool->n_idle;
  stats->n_waiting = pool->n_waiting;
  stats->n_tickets = pool->n_tickets;
  stats->n_queued = pool->n_queued;
  stats->n_threads_created = pool->n_threads_created;
  stats->n_tickets_issued = pool->n_tickets_issued;
  stats->n_begun = pool->n_taken;
  g_mutex_unlock (&pool->lock);
}
