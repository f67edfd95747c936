/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A typed sync call of any pair of functions, made on the stack. */

#include <smartasync-glib/smart-sync-call.h>

#include "smart-call-private.h"
#include "smart-context-pool-private.h"
#include "smart-context-private.h"
#include "smart-interrupt-private.h"
#include "smart-wait-private.h"

/* The states of a call. The thread that began it writes all but READY. */
#define BEGUN   (1u << 0) /* a context is held */
#define PRIVATE (1u << 1) /* one of the pool's */
#define FOREIGN (1u << 2) /* another thread iterated it at first */
#define READY   (1u << 3) /* the result is there; atomic */

/* For FOREIGN ones, which are rare: one condition for all. How often the waiter looks
 * whether the context is free, and for an interrupt. */
#define LOOK_USEC (10 * G_TIME_SPAN_MILLISECOND)

static GMutex foreign_lock;
static GCond foreign_ready; /* with foreign_lock */

static guint
get_state (SmartSyncCall *call)
{
  return g_atomic_int_get (&call->state);
}

/**
 * smart_sync_call_begin: (skip)
 * @call: (out caller-allocates): a call, %SMART_SYNC_CALL_INIT
 *
 * Begins a sync call: from now on, and until [func@SmartAsync.sync_call_wait],
 * a private main context is this thread's default. Start the asynchronous
 * function next, with smart_sync_call_ready() as its callback and @call as the
 * data, and then wait:
 *
 * ```c
 * g_auto (SmartSyncCall) call = SMART_SYNC_CALL_INIT;
 * g_autoptr (GAsyncResult) result = NULL;
 *
 * smart_sync_call_begin (&call);
 * g_file_load_bytes_async (file, cancellable, smart_sync_call_ready, &call);
 * result = smart_sync_call_wait (&call);
 * ```
 *
 * May be called from any thread, in any context; it always blocks.
 *
 * Since: 1.0
 */
void
smart_sync_call_begin (SmartSyncCall *call)
{
  smart_sync_call_begin_full (call, SMART_MAIN_CONTEXT_PRIVATE);
}

/**
 * smart_sync_call_begin_full: (skip)
 * @call: (out caller-allocates): a call, %SMART_SYNC_CALL_INIT
 * @policy: which context to iterate
 *
 * Begins a sync call like smart_sync_call_begin(). Under
 * %SMART_MAIN_CONTEXT_CURRENT the thread-default main context is iterated; if
 * another thread owns that, this one blocks until the result is there, or until
 * the context is free to be iterated here.
 *
 * Since: 1.0
 */
void
smart_sync_call_begin_full (SmartSyncCall *call, SmartMainContextPolicy policy)
{
  g_return_if_fail (call != NULL);
  g_return_if_fail (get_state (call) == 0);
  g_return_if_fail (policy == SMART_MAIN_CONTEXT_PRIVATE || policy == SMART_MAIN_CONTEXT_CURRENT);

  call->result = NULL;

  if (policy == SMART_MAIN_CONTEXT_PRIVATE)
    {
      call->context = smart_context_pool_borrow (smart_thread_get ());
      call->state = BEGUN | PRIVATE;
    }
  else
    {
      call->context = g_main_context_ref_thread_default ();
      call->state = BEGUN | (g_main_context_acquire (call->context) ? 0 : FOREIGN);
    }
}

/**
 * smart_sync_call_ready: (skip)
 * @source: (nullable): the source object
 * @result: the result
 * @sync_call: the call
 *
 * The callback to give to the asynchronous function.
 *
 * Since: 1.0
 */
void
smart_sync_call_ready (GObject *source, GAsyncResult *result, gpointer sync_call)
{
  SmartSyncCall *call = sync_call;
  GMainContext *context = NULL;
  gboolean foreign;

  g_return_if_fail (call != NULL);
  g_return_if_fail (G_IS_ASYNC_RESULT (result));
  g_return_if_fail ((get_state (call) & (BEGUN | READY)) == BEGUN);

  call->result = g_object_ref (result);

  /* A function that calls back on a thread of its own: the waiter may be polling. Once
   * it is ready, @call may be gone; a waiter that blocks then waits for the lock. */
  if (!g_main_context_is_owner (call->context))
    context = g_main_context_ref (call->context);
  foreign = (get_state (call) & FOREIGN) != 0;

  if (foreign)
    g_mutex_lock (&foreign_lock);
  g_atomic_int_or (&call->state, READY);
  if (foreign)
    {
      g_cond_broadcast (&foreign_ready);
      g_mutex_unlock (&foreign_lock);
    }

  if (context != NULL)
    {
      g_main_context_wakeup (context);
      g_main_context_unref (context);
    }
}

/* The wait cannot end, but the call in whose body it is can be cancelled. */
static void
interrupt (SmartThread *thread)
{
  SmartCall *current = smart_frame_current_call (thread);

  if (smart_wait_may_be_interrupted (thread) && current != NULL)
    smart_outcome_interrupt (smart_call_get_outcome (current));
}

static void
iterate_until_ready (SmartSyncCall *call, SmartWait *wait)
{
  GSource *report = smart_wait_attach_report (wait, call->context);
  GSource *watch = NULL;
  gboolean interrupted = FALSE;

  if (wait->thread->interrupt != NULL)
    watch = smart_interrupt_attach (wait->thread->interrupt, call->context, &interrupted);

  while ((get_state (call) & READY) == 0)
    {
      g_main_context_iteration (call->context, TRUE);
      if (interrupted)
        interrupt (wait->thread);
      interrupted = FALSE;
    }

  if (watch != NULL)
    {
      g_source_destroy (watch);
      g_source_unref (watch);
    }
  if (report != NULL)
    {
      g_source_destroy (report);
      g_source_unref (report);
    }
}

/* The thread that owns the context may give it up at any time, and tells nobody.
 * Returns whether this one has it now. */
static gboolean
block_until_ready_or_free (SmartSyncCall *call, SmartWait *wait)
{
  gboolean taken_over = FALSE;

  g_mutex_lock (&foreign_lock);
  while (!taken_over && (get_state (call) & READY) == 0)
    {
      gint64 look = g_get_monotonic_time () + LOOK_USEC;

      if (g_cond_wait_until (&foreign_ready, &foreign_lock, look))
        continue;

      g_mutex_unlock (&foreign_lock);
      smart_wait_report_if_long (wait);
      if (wait->thread->interrupt != NULL && smart_interrupt_poll (wait->thread->interrupt))
        interrupt (wait->thread);
      taken_over = g_main_context_acquire (call->context);
      g_mutex_lock (&foreign_lock);
    }
  g_mutex_unlock (&foreign_lock);

  return taken_over;
}

static void
iterate (SmartSyncCall *call)
{
  SmartWait wait;

  smart_wait_begin (&wait, NULL, call->context, -1, TRUE, NULL);
  iterate_until_ready (call, &wait);
  smart_wait_end (&wait);
}

static void
wait_until_ready (SmartSyncCall *call)
{
  gboolean foreign = (get_state (call) & FOREIGN) != 0;
  gboolean taken_over;
  SmartWait wait;

  if (!foreign && (get_state (call) & READY) != 0)
    return;

  if (!foreign)
    {
      iterate (call);
      return;
    }

  smart_wait_begin (&wait, NULL, NULL, -1, TRUE, NULL);
  taken_over = block_until_ready_or_free (call, &wait);
  smart_wait_end (&wait);

  if (taken_over)
    {
      iterate (call);
      g_main_context_release (call->context);
    }
}

/**
 * smart_sync_call_wait: (skip)
 * @call: a call that was begun
 *
 * Waits for the result, and ends @call, which can be begun again.
 *
 * Returns: (transfer full): the result, to give to the finish function
 *
 * Since: 1.0
 */
GAsyncResult *
smart_sync_call_wait (SmartSyncCall *call)
{
  guint state;

  g_return_val_if_fail (call != NULL, NULL);
  g_return_val_if_fail ((get_state (call) & BEGUN) != 0, NULL);

  wait_until_ready (call);

  state = get_state (call);
  call->state = 0;

  if ((state & PRIVATE) != 0)
    {
      smart_context_pool_give_back (smart_thread_get ());
    }
  else
    {
      if ((state & FOREIGN) == 0)
        g_main_context_release (call->context);
      g_main_context_unref (call->context);
    }
  call->context = NULL;

  return g_steal_pointer (&call->result);
}

/**
 * smart_sync_call_clear: (skip)
 * @call: a call
 *
 * Ends @call; `g_auto (SmartSyncCall)` does it. If it was begun and not waited
 * for, its private context goes, too, and with it what was started there: the
 * asynchronous function, which still knows the address of @call, never calls
 * back. Under %SMART_MAIN_CONTEXT_CURRENT that cannot be had: then this waits
 * for the result.
 *
 * Since: 1.0
 */
void
smart_sync_call_clear (SmartSyncCall *call)
{
  guint state;

  g_return_if_fail (call != NULL);

  state = get_state (call);
  if ((state & BEGUN) == 0)
    return;

  if ((state & PRIVATE) == 0)
    {
      g_object_unref (smart_sync_call_wait (call));
      return;
    }

  call->state = 0;
  call->context = NULL;
  smart_context_pool_discard (smart_thread_get ());
  g_clear_object (&call->result);
}
