/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One record a thread, made when the thread first needs it and freed when the
 * thread ends; and the one place that knows what a fork leaves behind. */

#include "smart-thread-private.h"

#include "smart-context-pool-private.h"
#include "smart-executor-private.h"
#include "smart-context-private.h"
#include "smart-future-private.h"
#include "smart-inbox-private.h"
#include "smart-interrupt-private.h"
#include "smart-offload-private.h"
#include "smart-wait-private.h"

#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

static void smart_thread_free (gpointer data);

static GPrivate thread_key = G_PRIVATE_INIT (smart_thread_free); /* only to free it */

_Thread_local SmartThread *smart_thread_current = NULL;

/* What the calling thread keeps to use again. */
void
smart_thread_clear_spares (SmartThread *thread)
{
  smart_spares_clear (&thread->spare_calls);
  smart_spares_clear (&thread->spare_futures);
  smart_spares_clear (&thread->spare_cancellables);
  g_clear_pointer (&thread->spare, smart_outcome_free_spare);
  g_clear_pointer (&thread->spare_flight, g_free);
  g_clear_pointer (&thread->spare_waiter, smart_waiter_free_spare);
}

static void
smart_thread_free (gpointer data)
{
  SmartThread *thread = data;

  /* What is released here may use the library once more: with a new record,
   * which is freed in the next round of destructors. */
  smart_thread_current = NULL;

  /* It was ended within a body, as Python does when the process ends. Of its stack, where the
   * frames are, nothing is left; what it had borrowed is abandoned. */
  if (thread->n_bodies > 0)
    return;

  smart_frame_clear (thread);
  g_clear_pointer (&thread->inbox, smart_inbox_unref);
  smart_context_pool_clear (thread);
  g_clear_pointer (&thread->interrupt, smart_interrupt_unref);
  smart_thread_clear_spares (thread);
  smart_future_release_revived (thread);
  g_free (thread);
}

/* In the child only the thread that forked is left. What the others held is
 * abandoned, not freed: its locks may be held by threads that are no more, and
 * the descriptors of its contexts are shared with the parent. */
static void
forget_all_in_child (void)
{
  SmartThread *thread = smart_thread_peek ();

  smart_inbox_forget_all ();
  smart_offload_forget_all ();
  smart_executor_forget_all ();
  smart_wait_graph_forget_all ();

  if (thread == NULL)
    return;

  thread->id = (int) syscall (SYS_gettid);
  thread->inbox = NULL;
  thread->is_worker = FALSE;
  thread->pool = NULL;
  thread->loop = NULL;
  smart_context_pool_forget (thread);
}

static void
watch_forks (void)
{
  static gsize watching = 0;

  if (g_once_init_enter (&watching))
    {
      pthread_atfork (NULL, NULL, forget_all_in_child);
      g_once_init_leave (&watching, 1);
    }
}

SmartThread *
smart_thread_make (void)
{
  SmartThread *thread = g_new0 (SmartThread, 1);

  watch_forks ();
  thread->id = (int) syscall (SYS_gettid);
  thread->submitted_at = SMART_NOT_IN_A_ROW;
  smart_thread_current = thread;
  g_private_set (&thread_key, thread);

  return thread;
}
