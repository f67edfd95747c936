/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Every place where the library makes a thread wait, and how it does. */

#include "smart-future-private.h"

#include "smart-context-pool-private.h"
#include "smart-context-private.h"
#include "smart-debug-private.h"
#include "smart-i18n-private.h"
#include "smart-interrupt-private.h"
#include "smart-offload-private.h"
#include "smart-value-private.h"
#include "smart-wait-private.h"

#include <smartasync-glib/smart-debug.h>

#include <time.h>
#include <unistd.h>

/* How often one who waits for what another thread iterates looks whether it
 * still does. */
#define TAKE_OVER_USEC (10 * G_TIME_SPAN_MILLISECOND)

/* Since when a thread waits. To a few milliseconds: to read the exact time would
 * be a good part of what the graph costs a short wait. */
static gint64
get_coarse_time (void)
{
#ifdef CLOCK_MONOTONIC_COARSE
  struct timespec now;

  if (clock_gettime (CLOCK_MONOTONIC_COARSE, &now) == 0)
    return (gint64) now.tv_sec * G_USEC_PER_SEC + now.tv_nsec / 1000;
#endif

  return g_get_monotonic_time ();
}

/* What this thread owns, as far as that can be known. */
static void
find_owned (SmartWait *wait, SmartOutcome *outcome)
{
  GMainContext *context = g_main_context_get_thread_default ();
  GSource *source = g_main_current_source ();

  if (context == NULL)
    context = g_main_context_default ();
  /* What it iterates it owns: no need to take that context's lock. */
  wait->owned[0] = context == wait->context || g_main_context_is_owner (context) ? context : NULL;
  wait->owned[1] = source != NULL ? g_source_get_context (source) : NULL;
  wait->owned[2] = NULL;
  wait->owned[3] = wait->thread->loop;

  if (outcome == NULL)
    return;

  /* It is compared only, and this thread keeps what it owns. */
  g_mutex_lock (&outcome->lock);
  if (smart_outcome_is_pending (outcome) && smart_home_is_owned (&outcome->pending.home))
    wait->owned[2] = outcome->pending.home.context;
  g_mutex_unlock (&outcome->lock);
}

/* A callback that is dispatched while the thread waits has nothing to do with
 * the call that waits: it must not see that call's cancellable as the current
 * one. And while a worker waits, another one may run. Fails if the wait would
 * never end. */
gboolean
smart_wait_begin (SmartWait *wait,
                  SmartOutcome *outcome,
                  GMainContext *context,
                  gint64 deadline,
                  gboolean runs_it,
                  GError **error)
{
  gint64 patience = smart_debug_get_patience ();

  wait->since = SMART_HAS_WAIT_GRAPH ? get_coarse_time () : 0;
  wait->report_at = patience >= 0 ? wait->since + patience : -1;
  wait->thread = smart_thread_get ();
  wait->outcome = outcome;
  wait->context = context;
  wait->depth = wait->thread->n_waits;
  wait->has_deadline = deadline >= 0;
  wait->runs_it = runs_it;

  if (SMART_HAS_WAIT_GRAPH)
    {
      find_owned (wait, runs_it ? NULL : outcome);
      if (!smart_wait_graph_enter (wait, error))
        return FALSE;
    }

  wait->thread->n_waits++;
  wait->hidden = smart_hide_cancellables ();
  if (wait->thread->is_worker)
    smart_offload_begin_wait ();

  return TRUE;
}

void
smart_wait_end (SmartWait *wait)
{
  if (wait->thread->is_worker)
    smart_offload_end_wait ();
  smart_show_cancellables (wait->hidden);
  wait->thread->n_waits--;
  wait->thread->submitted_at = SMART_NOT_IN_A_ROW;
  if (SMART_HAS_WAIT_GRAPH)
    smart_wait_graph_leave (wait);
}

/* Prints all waits, once, if this one takes long. Without a lock. */
void
smart_wait_report_if_long (SmartWait *wait)
{
  g_autofree char *dump = NULL;

  if (wait->report_at < 0 || g_get_monotonic_time () < wait->report_at)
    return;

  wait->report_at = -1;
  dump = smart_async_dump_waits ();
  g_message ("A wait takes long:\n%s", dump);
}

static gboolean
report (gpointer wait)
{
  smart_wait_report_if_long (wait);
  return G_SOURCE_REMOVE;
}

static GSource *
attach_alarm (GMainContext *context, gint64 at, GSourceFunc callback, gpointer data)
{
  GSource *alarm = g_timeout_source_new (0);

  g_source_set_static_name (alarm, "smartasync wait");
  g_source_set_ready_time (alarm, at);
  g_source_set_callback (alarm, callback, data, NULL);
  g_source_attach (alarm, context);

  return alarm;
}

/* The same for one who iterates @context; nullable. */
GSource *
smart_wait_attach_report (SmartWait *wait, GMainContext *context)
{
  return wait->report_at < 0 ? NULL : attach_alarm (context, wait->report_at, report, wait);
}

static gboolean
do_nothing (gpointer unused)
{
  return G_SOURCE_CONTINUE;
}

static void
clear_source (GSource **source)
{
  if (*source == NULL)
    return;

  g_source_destroy (*source);
  g_clear_pointer (source, g_source_unref);
}

/* Who cannot be told why a wait was refused gets it as the result. */
static void
refuse (SmartOutcome *outcome, GError *error, GError **refused)
{
  if (refused != NULL)
    g_propagate_error (refused, error);
  else
    smart_outcome_settle (outcome, NULL, error, NULL);
}

/* The thread keeps one to use again. */
static SmartWaiter *
waiter_new (SmartThread *thread, GMainContext *context)
{
  SmartWaiter *waiter = g_steal_pointer (&thread->spare_waiter);

  if (waiter == NULL)
    {
      waiter = g_new0 (SmartWaiter, 1);
      g_cond_init (&waiter->wake_up);
    }
  waiter->thread = thread;
  waiter->context = context;

  return waiter;
}

void
smart_waiter_free_spare (SmartWaiter *waiter)
{
  g_cond_clear (&waiter->wake_up);
  g_free (waiter);
}

static void
waiter_free (SmartWaiter *waiter)
{
  SmartThread *thread = waiter->thread;

  if (thread->spare_waiter != NULL)
    smart_waiter_free_spare (waiter);
  else
    thread->spare_waiter = waiter;
}

/* HOLDS: the outcome's lock */
static void
add_waiter (SmartOutcome *outcome, SmartWaiter *waiter)
{
  waiter->next = outcome->waiters;
  outcome->waiters = waiter;
}

/* HOLDS: the outcome's lock */
static void
remove_waiter (SmartOutcome *outcome, SmartWaiter *waiter)
{
  SmartWaiter **link = &outcome->waiters;

  while (*link != waiter)
    link = &(*link)->next;
  *link = waiter->next;
}

/* Wakes up those who wait; where it settles in the thread that iterates, nobody
 * sleeps. The last of those who iterate is returned, to be woken up without the lock,
 * by smart_outcome_wake_up (): on one processor it would run into the lock at once.
 * HOLDS: the outcome's lock */
GMainContext *
smart_outcome_begin_to_wake (SmartOutcome *outcome)
{
  GMainContext *last = NULL;

  for (SmartWaiter *waiter = outcome->waiters; waiter != NULL; waiter = waiter->next)
    {
      if (waiter->context == NULL)
        {
          g_cond_signal (&waiter->wake_up);
        }
      else if (!g_main_context_is_owner (waiter->context))
        {
          if (last != NULL)
            g_main_context_wakeup (last);
          last = waiter->context;
        }
    }

  return last != NULL ? g_main_context_ref (last) : NULL;
}

/* Takes @context (nullable). The thread that iterates it may have ended since:
 * then it is freed here. */
void
smart_outcome_wake_up (GMainContext *context)
{
  if (context == NULL)
    return;

  g_main_context_wakeup (context);
  g_main_context_unref (context);
}

static void
wake (GCancellable *cancellable, gpointer data)
{
  SmartOutcome *outcome = data;
  GMainContext *sleeper;

  g_mutex_lock (&outcome->lock);
  sleeper = smart_outcome_begin_to_wake (outcome);
  g_mutex_unlock (&outcome->lock);

  smart_outcome_wake_up (sleeper);
}

static void
unref_outcome (gpointer data, GClosure *closure)
{
  smart_outcome_unref (data);
}

static gulong
watch_cancellable (SmartOutcome *outcome, GCancellable *cancellable)
{
  if (cancellable == NULL)
    return 0;

  return g_signal_connect_data (cancellable, "cancelled", G_CALLBACK (wake),
                                smart_outcome_ref (outcome), unref_outcome, 0);
}

static gboolean
is_over (SmartOutcome *outcome, gint64 deadline, GCancellable *cancellable)
{
  return !smart_outcome_is_pending (outcome) || g_cancellable_is_cancelled (cancellable) ||
         (deadline >= 0 && g_get_monotonic_time () >= deadline);
}

/* The interrupt hook said so: the wait ends, and what is waited for is cancelled. */
static void
interrupt (SmartOutcome *outcome, GError **refused)
{
  smart_outcome_interrupt (outcome);
  refuse (outcome,
          g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CANCELLED, _ ("The wait was interrupted")),
          refused);
}

static void
leave (SmartLead *lead)
{
  smart_outcome_settle (lead->waiting, NULL,
                        g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CANCELLED,
                                             _ ("The wait was interrupted")),
                        NULL);
}

/* The outermost first: while others wait for that, nothing further in may end. */
static gboolean
leave_flights (SmartLead *lead)
{
  if (lead == NULL)
    return TRUE;
  if (!leave_flights (lead->outer))
    return FALSE;

  leave (lead);
  return !smart_outcome_is_pending (lead->flight) || smart_outcome_is_cancelled (lead->flight);
}

/* The interrupt hook of @thread, the calling one, said so: whether its wait may end.
 * Not if it runs what others wait for, which he only leaves. */
gboolean
smart_wait_may_be_interrupted (SmartThread *thread)
{
  return leave_flights (thread->leads);
}

static gint64
earlier (gint64 a, gint64 b)
{
  return a < 0 ? b : b < 0 ? a : MIN (a, b);
}

/* Sleeps, but for a while only where something is to be looked at: a wait that takes
 * long, or @home (nullable), which this thread takes over when nobody iterates it any
 * more. Returns whether it has. */
static gboolean
sleep_until_over (SmartOutcome *outcome,
                  SmartWait *wait,
                  GMainContext *home,
                  gint64 deadline,
                  GCancellable *cancellable)
{
  SmartWaiter *waiter = waiter_new (wait->thread, NULL);
  gboolean taken_over = FALSE;

  g_mutex_lock (&outcome->lock);
  add_waiter (outcome, waiter);
  while (!taken_over && !is_over (outcome, deadline, cancellable))
    {
      gint64 look = home != NULL ? g_get_monotonic_time () + TAKE_OVER_USEC : -1;
      gint64 until = earlier (earlier (deadline, wait->report_at), look);

      if (until < 0)
        {
          g_cond_wait (&waiter->wake_up, &outcome->lock);
          continue;
        }
      if (g_cond_wait_until (&waiter->wake_up, &outcome->lock, until))
        continue;

      g_mutex_unlock (&outcome->lock);
      smart_wait_report_if_long (wait);
      taken_over = home != NULL && g_main_context_acquire (home);
      g_mutex_lock (&outcome->lock);
    }
  remove_waiter (outcome, waiter);
  g_mutex_unlock (&outcome->lock);
  waiter_free (waiter);

  return taken_over;
}

/* If @thread waits for @outcome by iterating, @parcel is delivered there when the
 * wait is over. Nobody is woken up for it. */
gboolean
smart_outcome_leave_to_poller (SmartOutcome *outcome, SmartThread *thread, SmartParcel *parcel)
{
  SmartWaiter *poller;

  g_mutex_lock (&outcome->lock);
  for (poller = outcome->waiters; poller != NULL; poller = poller->next)
    if (poller->thread == thread && poller->context != NULL)
      {
        parcel->next = poller->left;
        poller->left = parcel;
        break;
      }
  g_mutex_unlock (&outcome->lock);

  return poller != NULL;
}

/* Iterates @context, which this thread owns, until @outcome has settled, and so
 * on. Returns whether the interrupt hook has ended it. */
static gboolean
iterate_until_over (SmartOutcome *outcome,
                    SmartWait *wait,
                    GMainContext *context,
                    gint64 deadline,
                    GCancellable *cancellable)
{
  SmartWaiter *poller = waiter_new (wait->thread, context);
  gboolean interrupted = FALSE;
  GSource *alarm = NULL;
  GSource *report_alarm = smart_wait_attach_report (wait, context);
  GSource *watch = NULL;

  if (deadline >= 0)
    alarm = attach_alarm (context, deadline, do_nothing, NULL);
  if (wait->thread->interrupt != NULL)
    watch = smart_interrupt_attach (wait->thread->interrupt, context, &interrupted);

  g_mutex_lock (&outcome->lock);
  add_waiter (outcome, poller);
  g_mutex_unlock (&outcome->lock);

  /* Who settles it elsewhere sets the status, then wakes the context up: to
   * find it pending and to sleep all the same is not possible. */
  while (!interrupted && !is_over (outcome, deadline, cancellable))
    {
      g_main_context_iteration (context, TRUE);
      interrupted = interrupted && smart_wait_may_be_interrupted (wait->thread);
    }

  g_mutex_lock (&outcome->lock);
  remove_waiter (outcome, poller);
  g_mutex_unlock (&outcome->lock);

  while (poller->left != NULL)
    {
      SmartParcel *parcel = poller->left;

      poller->left = parcel->next;
      parcel->deliver (parcel, TRUE);
    }
  waiter_free (poller);

  clear_source (&alarm);
  clear_source (&report_alarm);
  clear_source (&watch);

  return interrupted && smart_outcome_is_pending (outcome);
}

/* A thread with an interrupt hook blocks, too, by iterating: a context in which
 * there is nothing but the hook. It looks often, instead, whether it can take
 * over @home. */
static gboolean
block_interruptibly (SmartOutcome *outcome,
                     SmartWait *wait,
                     GMainContext *home,
                     gint64 deadline,
                     GCancellable *cancellable,
                     gboolean *taken_over)
{
  GMainContext *context = smart_context_pool_borrow (wait->thread);
  gboolean interrupted;

  do
    {
      gint64 look = home != NULL ? g_get_monotonic_time () + TAKE_OVER_USEC : -1;

      interrupted =
          iterate_until_over (outcome, wait, context, earlier (deadline, look), cancellable);
      if (interrupted || is_over (outcome, deadline, cancellable))
        break;
      *taken_over = home != NULL && g_main_context_acquire (home);
    }
  while (!*taken_over);

  smart_context_pool_give_back (wait->thread);

  return interrupted;
}

/* Returns whether it has taken over @home. */
static gboolean
block_or_take_over (SmartOutcome *outcome,
                    GMainContext *home,
                    gint64 deadline,
                    GCancellable *cancellable,
                    GError **refused)
{
  SmartWait wait;
  gulong id;
  gboolean taken_over = FALSE;
  gboolean interrupted = FALSE;
  GError *error = NULL;

  if (!smart_wait_begin (&wait, outcome, NULL, deadline, FALSE, &error))
    {
      refuse (outcome, error, refused);
      return FALSE;
    }
  id = watch_cancellable (outcome, cancellable);

  if (wait.thread->interrupt != NULL)
    interrupted = block_interruptibly (outcome, &wait, home, deadline, cancellable, &taken_over);
  else
    taken_over = sleep_until_over (outcome, &wait, home, deadline, cancellable);

  if (id != 0)
    g_signal_handler_disconnect (cancellable, id);
  smart_wait_end (&wait);
  if (interrupted)
    interrupt (outcome, refused);

  return taken_over;
}

/* Whether @outcome settles in a moment, by a worker who was seen to begin with it. */
static gboolean
look_out (SmartOutcome *outcome)
{
  SmartThread *thread = smart_thread_get ();
  gboolean in_vain;
  gint64 until;

  if (!thread->expects)
    return FALSE;

  thread->expects = FALSE;
  thread->submitted_at = SMART_NOT_IN_A_ROW;
  if (!smart_look_may_begin (&thread->look_out))
    return FALSE;

  until = g_get_monotonic_time () + SMART_LOOK_USEC;
  while ((in_vain = smart_outcome_is_pending (outcome)) && g_get_monotonic_time () < until)
    smart_look_relax ();
  smart_look_end (&thread->look_out, in_vain);

  return !in_vain;
}

/* Blocks this thread until @outcome has settled, @deadline (monotonic time, µs;
 * -1: none) has passed or @cancellable is cancelled. Returns whether it has
 * settled. */
gboolean
smart_outcome_block (SmartOutcome *outcome,
                     gint64 deadline,
                     GCancellable *cancellable,
                     GError **refused)
{
  /* What it waits for may not get a thread unless somebody tries again. */
  while (G_UNLIKELY (smart_pool_any_is_stuck ()) && !is_over (outcome, deadline, cancellable))
    {
      block_or_take_over (outcome, NULL, earlier (deadline, smart_pool_get_retry_time ()),
                          cancellable, refused);
      if (refused != NULL && *refused != NULL)
        return FALSE;
      smart_pool_retry_stuck ();
    }

  if (!is_over (outcome, deadline, cancellable) && !look_out (outcome))
    block_or_take_over (outcome, NULL, deadline, cancellable, refused);

  return !smart_outcome_is_pending (outcome);
}

/* The same, but iterates @context, which this thread owns, meanwhile. @runs_it:
 * for nothing but the body whose outcome it is. */
gboolean
smart_outcome_iterate (SmartOutcome *outcome,
                       GMainContext *context,
                       gint64 deadline,
                       GCancellable *cancellable,
                       gboolean runs_it,
                       GError **refused)
{
  SmartWait wait;
  gulong id;
  gboolean interrupted;
  GError *error = NULL;

  if (is_over (outcome, deadline, cancellable))
    return !smart_outcome_is_pending (outcome);

  if (!smart_wait_begin (&wait, outcome, context, deadline, runs_it, &error))
    {
      refuse (outcome, error, refused);
      return !smart_outcome_is_pending (outcome);
    }
  id = watch_cancellable (outcome, cancellable);

  interrupted = iterate_until_over (outcome, &wait, context, deadline, cancellable);

  if (id != 0)
    g_signal_handler_disconnect (cancellable, id);
  smart_wait_end (&wait);
  if (interrupted)
    interrupt (outcome, refused);

  return !smart_outcome_is_pending (outcome);
}

/* Iterates @home, or waits for the one who does. That one may stop at any time,
 * when what he waited for is there or his loop has ended, and tells nobody. */
static void
wait_at_home (SmartOutcome *outcome,
              GMainContext *home,
              gint64 deadline,
              GCancellable *cancellable,
              GError **refused)
{
  if (is_over (outcome, deadline, cancellable))
    return;

  if (g_main_context_acquire (home) ||
      block_or_take_over (outcome, home, deadline, cancellable, refused))
    {
      smart_outcome_iterate (outcome, home, deadline, cancellable, FALSE, refused);
      g_main_context_release (home);
    }
}

/* Waits in the way that lets @outcome settle. Returns FALSE where it never
 * could. */
gboolean
smart_outcome_wait (SmartOutcome *outcome,
                    gint64 deadline,
                    GCancellable *cancellable,
                    GError **error)
{
  GMainContext *current = g_main_context_ref_thread_default ();
  SmartThread *thread = smart_thread_get ();
  gboolean is_at_home, comes_here;
  GError *refused = NULL;

  g_mutex_lock (&outcome->lock);
  is_at_home = smart_outcome_is_pending (outcome) && outcome->home_thread == thread &&
               outcome->pending.home.context == current;
  comes_here = outcome->back_to == current && outcome->home_thread == thread;
  g_mutex_unlock (&outcome->lock);

  if (g_main_context_is_owner (current))
    is_at_home = comes_here = FALSE;
  /* Whoever has pushed none has the default one, whose sources are the main
   * thread's: no other thread runs them for a result that comes anyway. */
  if (g_main_context_get_thread_default () == NULL && thread->id != (int) getpid ())
    comes_here = FALSE;

  if (is_at_home)
    {
      wait_at_home (outcome, current, deadline, cancellable, &refused);
    }
  else if (comes_here && g_main_context_acquire (current))
    {
      smart_outcome_iterate (outcome, current, deadline, cancellable, FALSE, &refused);
      g_main_context_release (current);
    }
  else
    {
      smart_outcome_block (outcome, deadline, cancellable, &refused);
    }

  g_main_context_unref (current);
  if (refused == NULL)
    return TRUE;

  g_propagate_error (error, refused);
  return FALSE;
}

/**
 * smart_future_wait:
 * @future: a future
 * @timeout_usec: how long to wait at most, in microseconds; -1 for no deadline
 * @cancellable: (nullable): ends the wait; it does not cancel @future
 * @value: (out caller-allocates) (optional): where a copy of the value goes
 * @error: return location for an error
 *
 * Makes this thread wait until @future has settled.
 *
 * Where this thread began the call, in its thread-default main context, and
 * nobody owns that, the context is acquired and iterated meanwhile: so a call
 * begun at the top level of a program can be waited for before its main loop
 * runs. Otherwise the thread blocks; so does one beside the main thread that has
 * no context of its own, for what runs on a worker. A wait that could
 * never end, since the call goes on in a main context that this very thread
 * owns, is refused with %SMART_ERROR_WOULD_DEADLOCK; the future is as before.
 *
 * A wait that ends before @future has settled gives %G_IO_ERROR_TIMED_OUT or
 * %G_IO_ERROR_CANCELLED, and the future is as before. May be called from any
 * thread, by several at once. In a callback of a running main loop it stops
 * that loop; use [method@SmartAsync.Future.wait_async] there.
 *
 * Returns: %FALSE with @error set, if there is no value
 *
 * Since: 1.0
 */
gboolean
smart_future_wait (SmartFuture *future,
                   gint64 timeout_usec,
                   GCancellable *cancellable,
                   GValue *value,
                   GError **error)
{
  SmartOutcome *outcome;
  gint64 deadline = -1;
  gboolean success = FALSE;

  g_return_val_if_fail (SMART_IS_FUTURE (future), FALSE);
  g_return_val_if_fail (timeout_usec >= -1, FALSE);
  g_return_val_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable), FALSE);

  outcome = smart_outcome_ref (smart_future_get_outcome (future));

  if (smart_outcome_is_pending (outcome))
    {
      if (timeout_usec >= 0)
        deadline = g_get_monotonic_time () + MIN (timeout_usec, G_MAXINT64 / 2);

      if (!smart_outcome_wait (outcome, deadline, cancellable, error))
        {
          smart_value_put_failed (value);
          smart_outcome_unref (outcome);
          return FALSE;
        }
    }

  if (!smart_outcome_is_pending (outcome))
    {
      success = smart_outcome_get (outcome, value, error);
    }
  else
    {
      smart_value_put_failed (value);
      if (!g_cancellable_set_error_if_cancelled (cancellable, error))
        g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT, _ ("The wait timed out"));
    }

  smart_outcome_unref (outcome);
  return success;
}

/* One that a binding's loop has begun. */
typedef struct
{
  SmartWait wait;
  SmartOutcome *outcome;
  GMainContext *caller; /* nullable: owned until the end */
  GSource *report;      /* nullable */
} LoopWait;

/* Whether @outcome goes on in @context alone, which is not iterated, and this thread
 * has begun it there: see smart_outcome_wait(). */
static gboolean
goes_on_in (SmartOutcome *outcome, GMainContext *context)
{
  gboolean goes_on;

  if (g_main_context_is_owner (context))
    return FALSE;

  g_mutex_lock (&outcome->lock);
  goes_on = smart_outcome_is_pending (outcome) && outcome->home_thread == smart_thread_get () &&
            outcome->pending.home.context == context;
  g_mutex_unlock (&outcome->lock);

  return goes_on;
}

/**
 * smart_future_begin_wait: (skip)
 * @future: a future
 * @context: the main context that this thread iterates meanwhile, its default one
 * @caller: (nullable): what was its default one before, for which it waits
 * @place: (out): what has to be iterated
 * @error: return location for an error
 *
 * Has the library know that this thread waits for @future and nothing else, in a loop
 * that is not the library's. For bindings whose language has loops of its own.
 *
 * Like smart_future_wait(), it is refused with %SMART_ERROR_WOULD_DEADLOCK where it would
 * never end, and acquires @caller if @future goes on there and nobody owns it. Waits end
 * in the reverse order of their beginnings, in their thread.
 *
 * Returns: (nullable): the wait, for smart_future_end_wait()
 *
 * Since: 1.0
 */
gpointer
smart_future_begin_wait (SmartFuture *future,
                         GMainContext *context,
                         GMainContext *caller,
                         SmartWaitPlace *place,
                         GError **error)
{
  SmartOutcome *outcome;
  LoopWait *wait;

  g_return_val_if_fail (SMART_IS_FUTURE (future), NULL);
  g_return_val_if_fail (context != NULL, NULL);
  g_return_val_if_fail (place != NULL, NULL);

  outcome = smart_future_get_outcome (future);
  if (caller == NULL)
    caller = g_main_context_default ();
  *place = SMART_WAIT_HERE;
  if (goes_on_in (outcome, caller))
    *place = g_main_context_acquire (caller) ? SMART_WAIT_AT_CALLER : SMART_WAIT_FOR_CALLER;

  wait = g_new0 (LoopWait, 1);
  wait->outcome = smart_outcome_ref (outcome);
  if (*place == SMART_WAIT_AT_CALLER)
    wait->caller = g_main_context_ref (caller);

  if (!smart_wait_begin (&wait->wait, outcome, wait->caller != NULL ? caller : context, -1, FALSE,
                         error))
    {
      if (wait->caller != NULL)
        g_main_context_release (caller);
      g_clear_pointer (&wait->caller, g_main_context_unref);
      smart_outcome_unref (outcome);
      g_free (wait);
      return NULL;
    }
  wait->report = smart_wait_attach_report (&wait->wait, context);

  return wait;
}

/**
 * smart_future_end_wait: (skip)
 * @wait: what smart_future_begin_wait() has given
 *
 * Ends it, be the future settled or not.
 *
 * Since: 1.0
 */
void
smart_future_end_wait (gpointer wait)
{
  LoopWait *ended = wait;

  g_return_if_fail (wait != NULL);

  clear_source (&ended->report);
  smart_wait_end (&ended->wait);
  if (ended->caller != NULL)
    g_main_context_release (ended->caller);
  g_clear_pointer (&ended->caller, g_main_context_unref);
  smart_outcome_unref (ended->outcome);
  g_free (ended);
}

/* A wait that can be cancelled has an outcome of its own. */
typedef struct
{
  SmartListener base;
  SmartOutcome *follower;
} FollowListener;

static void
follow_told (SmartParcel *parcel, gboolean run)
{
  FollowListener *listener = (FollowListener *) parcel;
  SmartListener *base = &listener->base;

  smart_outcome_settle_like (listener->follower, base->outcome);
  smart_outcome_unref (listener->follower);
  smart_listener_clear (base);
  g_free (listener);
}

/* Has @follower settle, in the same thread, as @outcome does. */
void
smart_outcome_lead (SmartOutcome *outcome, SmartOutcome *follower)
{
  FollowListener *listener = g_new0 (FollowListener, 1);

  listener->base.parcel.deliver = follow_told;
  listener->follower = smart_outcome_ref (follower);
  smart_outcome_need (follower, outcome);
  smart_outcome_listen (outcome, &listener->base);
}

/**
 * smart_future_wait_async:
 * @future: a future
 * @cancellable: (nullable): ends the wait; it does not cancel @future
 * @callback: (scope async): called when the wait is over
 * @user_data: what to give it
 *
 * Waits without blocking. @callback comes in the context that
 * [method@SmartAsync.AsyncFunc.call_async] documents, never in this call.
 *
 * Since: 1.0
 */
void
smart_future_wait_async (SmartFuture *future,
                         GCancellable *cancellable,
                         GAsyncReadyCallback callback,
                         gpointer user_data)
{
  SmartOutcome *outcome;
  SmartInbox *inbox;

  g_return_if_fail (SMART_IS_FUTURE (future));
  g_return_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable));
  g_return_if_fail (callback != NULL);

  outcome = smart_outcome_ref (smart_future_get_outcome (future));
  inbox = smart_context_get_inbox (G_PRIORITY_DEFAULT);

  if (cancellable != NULL)
    {
      SmartOutcome *waiting = smart_outcome_new (cancellable, FALSE);

      smart_outcome_abandon_on_cancel (waiting);
      smart_outcome_lead (outcome, waiting);
      smart_outcome_unref (outcome);
      outcome = waiting;
    }

  smart_outcome_call_back (outcome, inbox, G_OBJECT (future), callback, user_data);
  smart_outcome_unref (outcome);
}

/**
 * smart_future_wait_finish:
 * @future: the future
 * @result: what the callback was given
 * @value: (out caller-allocates) (optional): where a copy of the value goes
 * @error: return location for an error
 *
 * Ends what [method@SmartAsync.Future.wait_async] began.
 *
 * Returns: %FALSE with @error set, if there is no value
 *
 * Since: 1.0
 */
gboolean
smart_future_wait_finish (SmartFuture *future, GAsyncResult *result, GValue *value, GError **error)
{
  g_return_val_if_fail (SMART_IS_FUTURE (future), FALSE);
  g_return_val_if_fail (SMART_IS_FUTURE (result), FALSE);

  return smart_outcome_get (smart_future_get_outcome (SMART_FUTURE (result)), value, error);
}
