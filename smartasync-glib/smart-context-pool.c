/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The private main contexts that sync callers iterate: one for each depth of
 * nesting of each thread, made when first needed and used again. */

#include "smart-context-pool-private.h"

#include "smart-context-private.h"
#include "smart-offload-private.h"

/* How often a context that goes back is iterated for what is still busy in it.
 * A busy source must not keep the caller: it goes on at the next call. */
#define MAX_DRAIN_ITERATIONS 16

static int reset_serial; /* atomic */
static guint n_alive;    /* atomic */
static gint64 n_created; /* n_created_lock */

static GMutex n_created_lock;

static GMainContext *
context_new (void)
{
  g_atomic_int_inc (&n_alive);
  g_mutex_lock (&n_created_lock);
  n_created++;
  g_mutex_unlock (&n_created_lock);

  return g_main_context_new ();
}

static void
context_free (gpointer data)
{
  g_atomic_int_add (&n_alive, -1);
  g_main_context_unref (data);
}

static gpointer
make_network_monitor (gpointer unused)
{
  g_network_monitor_get_default ();
  return NULL;
}

/* GIO makes its network monitor when a socket client first needs it, and binds
 * it for good to the context that is then the thread default. Were that a
 * private one, the application would never hear of a change. So it is made
 * before, bound to the default context. */
static void
make_singletons (void)
{
  static gsize made = 0;

  if (g_once_init_enter (&made))
    {
      if (g_main_context_get_thread_default () == NULL)
        make_network_monitor (NULL);
      else
        smart_offload_run_apart (make_network_monitor);

      g_once_init_leave (&made, 1);
    }
}

/* Frees the contexts that are not in use. */
static void
trim (SmartThread *thread)
{
  if (thread->contexts != NULL && thread->contexts->len > thread->depth)
    g_ptr_array_set_size (thread->contexts, thread->depth);
}

/* The next context of @thread, which must be the calling one: acquired, and
 * pushed as its thread default. It goes back in the opposite order. */
GMainContext *
smart_context_pool_borrow (SmartThread *thread)
{
  int serial = g_atomic_int_get (&reset_serial);
  GMainContext *context;

  if (G_UNLIKELY (thread->reset_serial != serial))
    {
      trim (thread);
      if (thread->depth == 0)
        thread->reset_serial = serial;
    }

  if (G_UNLIKELY (thread->contexts == NULL))
    {
      make_singletons ();
      thread->contexts = g_ptr_array_new_with_free_func (context_free);
    }

  if (G_UNLIKELY (thread->depth == thread->contexts->len))
    g_ptr_array_add (thread->contexts, context_new ());

  context = g_ptr_array_index (thread->contexts, thread->depth);
  thread->depth++;
  g_main_context_push_thread_default (context);

  return context;
}

/* Whether something is ready, or waits for a descriptor. Does not poll. */
static gboolean
is_busy (GMainContext *context)
{
  int priority, timeout;

  /* The one descriptor is the context's own, for wake-ups. */
  return g_main_context_prepare (context, &priority) ||
         g_main_context_query (context, priority, &timeout, NULL, 0) > 1;
}

static void
drain (GMainContext *context)
{
  GSList *hidden;

  if (!is_busy (context))
    return;

  /* What is dispatched here has nothing to do with the body around the call. */
  hidden = smart_hide_cancellables ();
  for (guint i = 0; i < MAX_DRAIN_ITERATIONS; i++)
    if (!g_main_context_iteration (context, FALSE))
      break;
  smart_show_cancellables (hidden);
}

void
smart_context_pool_give_back (SmartThread *thread)
{
  GMainContext *context = g_ptr_array_index (thread->contexts, thread->depth - 1);

  drain (context);
  g_main_context_pop_thread_default (context);
  thread->depth--;
}

/* Like giving it back, but nobody will iterate the context any more. */
void
smart_context_pool_discard (SmartThread *thread)
{
  GMainContext *context = g_ptr_array_index (thread->contexts, thread->depth - 1);

  g_main_context_pop_thread_default (context);
  thread->depth--;
  g_ptr_array_remove_index (thread->contexts, thread->depth);
}

/* A context that belongs to no thread: see smart-offload.c. */
GMainContext *
smart_context_pool_new_sink (void)
{
  return g_main_context_new ();
}

/* The end of @thread. */
void
smart_context_pool_clear (SmartThread *thread)
{
  g_clear_pointer (&thread->contexts, g_ptr_array_unref);
}

/* After a fork, see smart-thread.c: the idle contexts are abandoned. Those in
 * use must stay until the calls that use them have returned. */
void
smart_context_pool_forget (SmartThread *thread)
{
  while (thread->contexts != NULL && thread->contexts->len > thread->depth)
    g_ptr_array_steal_index (thread->contexts, thread->contexts->len - 1);

  g_atomic_int_set (&n_alive, thread->depth);
  g_mutex_init (&n_created_lock);
}

/* Frees the caller's idle contexts now, those of another thread at its next
 * borrow. One that is in use is not touched: it goes at the first borrow after. */
void
smart_context_pool_reset (void)
{
  SmartThread *thread = smart_thread_peek ();
  int serial = g_atomic_int_add (&reset_serial, 1) + 1;

  if (thread == NULL)
    return;

  trim (thread);
  if (thread->depth == 0)
    thread->reset_serial = serial;
}

guint
smart_context_pool_n_alive (void)
{
  return g_atomic_int_get (&n_alive);
}

guint64
smart_context_pool_n_created (void)
{
  guint64 n;

  g_mutex_lock (&n_created_lock);
  n = n_created;
  g_mutex_unlock (&n_created_lock);

  return n;
}
