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

/* Where a private context is, for those who must not keep it alive. */
struct _SmartPlace
{
  gatomicrefcount ref_count;
  SmartThread *thread; /* immutable; identity only: whose it is */

  GMutex lock;
  GMainContext *context; /* lock, but for its thread: the pool's reference; NULL once it goes */
  GSList *sources;       /* lock: of its sources, those to release when it has gone */
};

static SmartPlace *
place_new (SmartThread *thread)
{
  SmartPlace *place = g_new0 (SmartPlace, 1);

  g_atomic_int_inc (&n_alive);
  g_mutex_lock (&n_created_lock);
  n_created++;
  g_mutex_unlock (&n_created_lock);

  g_atomic_ref_count_init (&place->ref_count);
  g_mutex_init (&place->lock);
  place->thread = thread;
  place->context = g_main_context_new ();

  return place;
}

static SmartPlace *
place_ref (SmartPlace *place)
{
  g_atomic_ref_count_inc (&place->ref_count);
  return place;
}

static void
place_unref (SmartPlace *place)
{
  if (!g_atomic_ref_count_dec (&place->ref_count))
    return;

  g_slist_free_full (place->sources, (GDestroyNotify) g_source_unref);
  g_mutex_clear (&place->lock);
  g_free (place);
}

/* The context goes, with what is left in it. By its thread. */
static void
place_close (gpointer data)
{
  SmartPlace *place = data;
  GMainContext *context;

  g_mutex_lock (&place->lock);
  context = g_steal_pointer (&place->context);
  g_mutex_unlock (&place->lock);

  g_atomic_int_add (&n_alive, -1);
  g_main_context_unref (context);
  place_unref (place);
}

/* The one that @context is in, if it is one of this thread's; not a reference. */
static SmartPlace *
find_place (GMainContext *context)
{
  SmartThread *thread = smart_thread_peek ();

  if (thread == NULL || thread->contexts == NULL)
    return NULL;

  for (guint i = thread->contexts->len; i > 0; i--)
    {
      SmartPlace *place = g_ptr_array_index (thread->contexts, i - 1);

      if (place->context == context)
        return place;
    }

  return NULL;
}

static SmartPlace *
get_place (const SmartHome *home)
{
  return ((guintptr) home->keeper & 1) == 0 ? home->keeper : NULL;
}

static SmartInbox *
get_inbox (const SmartHome *home)
{
  return ((guintptr) home->keeper & 1) != 0 ? (gpointer) ((guintptr) home->keeper - 1) : NULL;
}

void
smart_home_set (SmartHome *home, GMainContext *context)
{
  SmartPlace *place = find_place (context);

  smart_home_clear (home);
  home->keeper = place != NULL ? place_ref (place) : NULL;
  home->context = place != NULL ? context : g_main_context_ref (context);
}

/* The context of @inbox, which may go. */
void
smart_home_set_weak (SmartHome *home, SmartInbox *inbox)
{
  smart_home_clear (home);
  home->context = smart_inbox_get_context (inbox);
  home->keeper = (gpointer) ((guintptr) smart_inbox_ref (inbox) + 1);
}

void
smart_home_copy (SmartHome *home, const SmartHome *other)
{
  SmartPlace *place = get_place (other);
  SmartInbox *inbox = get_inbox (other);

  *home = *other;
  if (place != NULL)
    place_ref (place);
  else if (inbox != NULL)
    smart_inbox_ref (inbox);
  else if (other->context != NULL)
    g_main_context_ref (other->context);
}

void
smart_home_clear (SmartHome *home)
{
  SmartPlace *place = get_place (home);
  SmartInbox *inbox = get_inbox (home);

  if (place != NULL)
    place_unref (place);
  else if (inbox != NULL)
    smart_inbox_unref (inbox);
  else if (home->context != NULL)
    g_main_context_unref (home->context);
  home->keeper = NULL;
  home->context = NULL;
}

gboolean
smart_home_is_weak (const SmartHome *home)
{
  return get_inbox (home) != NULL;
}

/* Whether the context cannot go while this thread is busy. */
gboolean
smart_home_is_here (const SmartHome *home)
{
  SmartPlace *place = get_place (home);

  return home->keeper == NULL ||
         (place != NULL && place->thread == smart_thread_peek () && place->context != NULL);
}

/* Nullable: there is none, or it has gone. Any thread. Not for a weak one. */
GMainContext *
smart_home_ref_context (const SmartHome *home)
{
  SmartPlace *place = get_place (home);
  GMainContext *context = NULL;

  if (place == NULL)
    return home->keeper == NULL && home->context != NULL ? g_main_context_ref (home->context)
                                                         : NULL;

  g_mutex_lock (&place->lock);
  if (place->context != NULL)
    context = g_main_context_ref (place->context);
  g_mutex_unlock (&place->lock);

  return context;
}

/* The same, to compare only. */
GMainContext *
smart_home_peek (const SmartHome *home)
{
  SmartPlace *place = get_place (home);
  SmartInbox *inbox = get_inbox (home);
  GMainContext *context;

  if (inbox != NULL)
    return smart_inbox_is_open (inbox) ? home->context : NULL;
  if (place == NULL)
    return home->context;

  g_mutex_lock (&place->lock);
  context = place->context;
  g_mutex_unlock (&place->lock);

  return context;
}

/* Whether this thread owns the context. */
gboolean
smart_home_is_owned (const SmartHome *home)
{
  SmartPlace *place = get_place (home);
  SmartInbox *inbox = get_inbox (home);
  gboolean is_owned;

  if (inbox != NULL)
    return smart_inbox_is_here (inbox);
  if (place == NULL)
    return home->context != NULL && g_main_context_is_owner (home->context);

  g_mutex_lock (&place->lock);
  is_owned = place->context != NULL && g_main_context_is_owner (place->context);
  g_mutex_unlock (&place->lock);

  return is_owned;
}

/* Destroys @source (taken), which was attached to the context, and clears @home.
 * Any thread; but not while the context is being freed by another one: then that
 * destroys it, and only the reference has to wait until that is over. */
void
smart_home_destroy_source (SmartHome *home, GSource *source)
{
  GMainContext *context = NULL;

  if (smart_home_is_here (home) || (context = smart_home_ref_context (home)) != NULL)
    {
      g_source_destroy (source);
      g_source_unref (source);
      if (context != NULL)
        g_main_context_unref (context);
    }
  else
    {
      SmartPlace *place = get_place (home);

      g_mutex_lock (&place->lock);
      place->sources = g_slist_prepend (place->sources, source);
      g_mutex_unlock (&place->lock);
    }

  smart_home_clear (home);
}

static GMainContext *
nth_context (SmartThread *thread, guint n)
{
  return ((SmartPlace *) g_ptr_array_index (thread->contexts, n))->context;
}

static gpointer
make_network_monitor (gpointer unused)
{
  g_network_monitor_get_default ();
  return NULL;
}

/* GIO makes its network monitor when a socket client first needs it, and binds
 * it for good to the context that is then the thread default. Were that a
 * private one, or a loop's, the application would never hear of a change. So it is
 * made before, bound to the default context. */
void
smart_context_pool_make_singletons (void)
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
      smart_context_pool_make_singletons ();
      thread->contexts = g_ptr_array_new_with_free_func (place_close);
    }

  if (G_UNLIKELY (thread->depth == thread->contexts->len))
    g_ptr_array_add (thread->contexts, place_new (thread));

  context = nth_context (thread, thread->depth);
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

/* Lets what is left in the context, which this thread owns, go on for a while. */
void
smart_context_pool_drain (GMainContext *context)
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
  GMainContext *context = nth_context (thread, thread->depth - 1);

  smart_context_pool_drain (context);
  g_main_context_pop_thread_default (context);
  thread->depth--;
}

/* Like giving it back, but nobody will iterate the context any more. */
void
smart_context_pool_discard (SmartThread *thread)
{
  GMainContext *context = nth_context (thread, thread->depth - 1);

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
