/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* How results come back to a main context: for each context and priority there
 * is one source. What several threads push to it is delivered in one batch,
 * with one wake-up. */

#include "smart-inbox-private.h"

/* In some 290 years. GLib counts in nanoseconds since 2.90. */
#define NEVER (G_MAXINT64 / 1000)

struct _SmartInbox
{
  /* What both look at for each result, and hardly anybody writes. */
  GMainContext *context; /* immutable; a key, not a reference */
  int priority;          /* immutable */
  int retired;           /* atomic: there are no users any more; the source has to go */
  GSource *source;       /* a reference; valid while !closed */
  gboolean closed;       /* lock to write, atomic to read */

  /* What those who push write is apart from that, and from what its users do, as a rule
   * in the context's thread. */
  char apart[SMART_CACHE_LINE];

  GMutex lock;
  SmartParcel *head; /* lock: pushed, not yet taken */
  SmartParcel *tail; /* lock; valid if head is */
  gint64 n_woken;    /* lock: how often the context was woken up */
  gboolean watched;  /* lock: its owner looks out, and need not be woken up for a parcel */

  char apart_again[SMART_CACHE_LINE];

  int n_users;        /* atomic; falls to zero under registry_lock only */
  SmartParcel *batch; /* the context's owner: taken, not yet delivered */
};

static GMutex registry_lock;
static GHashTable *registry; /* registry_lock: a set of the inboxes with users */

static guint
inbox_hash (gconstpointer key)
{
  const SmartInbox *inbox = key;

  return g_direct_hash (inbox->context) ^ (guint) inbox->priority;
}

static gboolean
inbox_equal (gconstpointer a, gconstpointer b)
{
  const SmartInbox *one = a, *other = b;

  return one->context == other->context && one->priority == other->priority;
}

static void
inbox_clear (gpointer data)
{
  SmartInbox *inbox = data;

  g_mutex_clear (&inbox->lock);
}

static gboolean
has_parcels (GSource *source)
{
  SmartInbox *inbox = *(SmartInbox **) (source + 1);

  /* Nested loops: what the outer dispatch has taken and not yet delivered must
   * not wait for the inner loop's end. */
  return inbox->batch != NULL || g_atomic_pointer_get (&inbox->head) != NULL ||
         g_atomic_int_get (&inbox->retired);
}

/* Whether something comes in a moment, from a worker who was seen to begin with it. */
static gboolean
look_out (GSource *source)
{
  SmartInbox *inbox = *(SmartInbox **) (source + 1);
  SmartThread *thread = smart_thread_peek ();
  gint64 until;
  gboolean found;

  if (thread == NULL || !thread->expects || thread->inbox != inbox)
    return FALSE;

  thread->expects = FALSE;
  if (!smart_look_may_begin (&thread->look_out))
    return FALSE;

  g_mutex_lock (&inbox->lock);
  inbox->watched = TRUE;
  g_mutex_unlock (&inbox->lock);

  until = g_get_monotonic_time () + SMART_LOOK_USEC;
  while (!(found = has_parcels (source)) && g_get_monotonic_time () < until)
    smart_look_relax ();

  /* Who has pushed so far has woken nobody up; who does from now on will. */
  g_mutex_lock (&inbox->lock);
  inbox->watched = FALSE;
  g_mutex_unlock (&inbox->lock);

  smart_look_end (&thread->look_out, !found);

  return found || has_parcels (source);
}

static gboolean
inbox_prepare (GSource *source, int *timeout)
{
  *timeout = -1;
  return has_parcels (source) || look_out (source);
}

/* Delivers what is there now. What comes meanwhile waits for the next
 * iteration, so that the other sources of the context have their turn. */
static gboolean
inbox_dispatch (GSource *source, GSourceFunc callback, gpointer user_data)
{
  SmartInbox *inbox = user_data;
  SmartThread *thread = smart_thread_get ();
  guint64 outer = thread->delivery;
  SmartParcel *last;

  if (g_atomic_int_get (&inbox->retired))
    return G_SOURCE_REMOVE;

  g_mutex_lock (&inbox->lock);
  if (inbox->batch == NULL)
    {
      inbox->batch = inbox->head;
      last = inbox->tail;
      g_atomic_pointer_set (&inbox->head, NULL);
    }
  else
    {
      /* A nested loop: the outer one's rest comes first. */
      for (last = inbox->batch; last->next != NULL; last = last->next)
        ;
      last->next = inbox->head;
      if (inbox->head != NULL)
        last = inbox->tail;
      g_atomic_pointer_set (&inbox->head, NULL);
    }
  g_mutex_unlock (&inbox->lock);

  while (inbox->batch != NULL)
    {
      SmartParcel *parcel = inbox->batch;
      gboolean is_last = parcel == last;

      inbox->batch = parcel->next;
      thread->delivery = ++thread->n_deliveries;
      parcel->deliver (parcel, TRUE);
      if (is_last)
        break;
    }
  thread->delivery = outer;

  return G_SOURCE_CONTINUE;
}

static void
inbox_source_finalize (GSource *source)
{
  SmartInbox **inbox = (SmartInbox **) (source + 1);

  g_atomic_rc_box_release_full (*inbox, inbox_clear);
}

static GSourceFuncs inbox_funcs = {
  .prepare = inbox_prepare,
  .check = has_parcels,
  .dispatch = inbox_dispatch,
  .finalize = inbox_source_finalize,
};

/* The source was destroyed and is not being dispatched. By the last user: then
 * nothing is left to deliver, since a parcel is a user, and another thread may
 * still be in inbox_prepare(). Or with its context: then nobody else is here. */
static void
inbox_closed (gpointer data)
{
  SmartInbox *inbox = data;
  SmartParcel *batch = inbox->batch;
  SmartParcel *rest;
  GSource *source;

  g_mutex_lock (&inbox->lock);
  g_atomic_int_set (&inbox->closed, TRUE);
  source = g_steal_pointer (&inbox->source);
  /* Not written by the last user: has_parcels() may be looking. */
  rest = g_atomic_pointer_get (&inbox->head);
  if (rest != NULL)
    g_atomic_pointer_set (&inbox->head, NULL);
  g_mutex_unlock (&inbox->lock);

  if (batch != NULL)
    inbox->batch = NULL;
  for (int i = 0; i < 2; i++)
    {
      SmartParcel *parcel = i == 0 ? batch : rest;

      while (parcel != NULL)
        {
          SmartParcel *next = parcel->next;

          parcel->deliver (parcel, FALSE);
          parcel = next;
        }
    }

  g_source_unref (source);
  g_atomic_rc_box_release_full (inbox, inbox_clear);
}

/* HOLDS: registry_lock */
static SmartInbox *
inbox_new (GMainContext *context, int priority)
{
  SmartInbox *inbox = g_atomic_rc_box_new0 (SmartInbox);

  inbox->context = context;
  inbox->priority = priority;
  inbox->n_users = 1;
  g_mutex_init (&inbox->lock);

  inbox->source = g_source_new (&inbox_funcs, sizeof (GSource) + sizeof (SmartInbox *));
  *(SmartInbox **) (inbox->source + 1) = g_atomic_rc_box_acquire (inbox);
  g_source_set_static_name (inbox->source, "smartasync results");
  g_source_set_priority (inbox->source, priority);
  g_source_set_can_recurse (inbox->source, TRUE);
  /* The users hold one reference, the source and its callback one each: a
   * dispatch keeps the callback's, and a prepare the source's. */
  g_source_set_callback (inbox->source, NULL, g_atomic_rc_box_acquire (inbox), inbox_closed);
  g_source_attach (inbox->source, context);

  return inbox;
}

static SmartInbox *
registry_get (GMainContext *context, int priority)
{
  SmartInbox key = { .context = context, .priority = priority };
  SmartInbox *inbox;

  g_mutex_lock (&registry_lock);

  if (registry == NULL)
    registry = g_hash_table_new (inbox_hash, inbox_equal);

  inbox = g_hash_table_lookup (registry, &key);
  if (inbox != NULL && !g_atomic_int_get (&inbox->closed))
    {
      g_atomic_int_inc (&inbox->n_users);
    }
  else
    {
      /* A closed one belongs to a context that was freed: this is another one
       * at the same address. */
      if (inbox != NULL)
        g_hash_table_remove (registry, inbox);
      inbox = inbox_new (context, priority);
      g_hash_table_add (registry, inbox);
    }

  g_mutex_unlock (&registry_lock);

  return inbox;
}

/* The inbox of @context (not %NULL), to be released with smart_inbox_unref().
 * Any thread. The one used last stays with the thread, so that the source is
 * not made again for each call. */
SmartInbox *
smart_inbox_get (GMainContext *context, int priority)
{
  SmartThread *thread = smart_thread_get ();
  SmartInbox *inbox = thread->inbox;

  if (inbox == NULL || inbox->context != context || inbox->priority != priority ||
      g_atomic_int_get (&inbox->closed))
    {
      SmartInbox *old = inbox;

      inbox = thread->inbox = registry_get (context, priority);
      if (old != NULL)
        smart_inbox_unref (old);
    }

  return smart_inbox_ref (inbox);
}

/* Identity only, unless @inbox is being dispatched. */
GMainContext *
smart_inbox_get_context (SmartInbox *inbox)
{
  return inbox->context;
}

/* Whether its context is still there, as far as that can be known; any thread. */
gboolean
smart_inbox_is_open (SmartInbox *inbox)
{
  return !g_atomic_int_get (&inbox->closed);
}

/* Whether this thread owns its context. */
gboolean
smart_inbox_is_here (SmartInbox *inbox)
{
  gboolean is_here;

  /* A context that goes waits for the lock. */
  g_mutex_lock (&inbox->lock);
  is_here = !inbox->closed && g_main_context_is_owner (inbox->context);
  g_mutex_unlock (&inbox->lock);

  return is_here;
}

SmartInbox *
smart_inbox_ref (SmartInbox *inbox)
{
  g_atomic_int_inc (&inbox->n_users);
  return inbox;
}

static void begin_to_wake (SmartInbox *inbox, SmartWakeUp *wake_up);

/* With its last user the source goes. Any thread; but only the context's owner
 * may destroy the source. In another thread, the context could be freed by its
 * owner in the middle of that, and it must not be kept alive from here. So that
 * one only says so: the owner destroys the source in the next iteration or, at
 * the latest, with the context. */
void
smart_inbox_unref (SmartInbox *inbox)
{
  int n = g_atomic_int_get (&inbox->n_users);
  SmartWakeUp wake_up = { NULL };
  GSource *source = NULL;

  /* The last step is taken under the lock, so that registry_get() cannot find
   * an inbox that is going. */
  while (n > 1)
    {
      if (g_atomic_int_compare_and_exchange_full (&inbox->n_users, n, n - 1, &n))
        return;
    }

  g_mutex_lock (&registry_lock);
  if (!g_atomic_int_dec_and_test (&inbox->n_users))
    {
      g_mutex_unlock (&registry_lock);
      return;
    }
  if (g_hash_table_lookup (registry, inbox) == inbox)
    g_hash_table_remove (registry, inbox);
  g_mutex_unlock (&registry_lock);

  g_mutex_lock (&inbox->lock);
  if (inbox->source != NULL && g_main_context_is_owner (inbox->context))
    {
      source = g_source_ref (inbox->source);
    }
  else if (inbox->source != NULL)
    {
      g_atomic_int_set (&inbox->retired, TRUE);
      begin_to_wake (inbox, &wake_up);
    }
  g_mutex_unlock (&inbox->lock);

  smart_inbox_wake_up (&wake_up);
  if (source != NULL)
    {
      g_source_destroy (source);
      g_source_unref (source);
    }

  g_atomic_rc_box_release_full (inbox, inbox_clear);
}

/* Wakes the context up, unless its owner is this thread, which does not sleep;
 * @wake_up is what is left to be done without the lock.
 *
 * Not by g_main_context_wakeup(): the context may be on its way out. To move a
 * time that never comes wakes it up just as well, from the safe side of the
 * source, and does not have to be undone.
 *
 * Before GLib 2.86, only the lock keeps the context from going further meanwhile.
 * Since then the source does, by a reference to the context. If the owner drops
 * his in between, it is in this thread that the context is freed, and that takes
 * the lock. HOLDS: inbox->lock */
static void
begin_to_wake (SmartInbox *inbox, SmartWakeUp *wake_up)
{
  gint64 time;

  if (g_main_context_is_owner (inbox->context))
    return;

  time = NEVER - ++inbox->n_woken;
  if (glib_check_version (2, 85, 0) == NULL)
    *wake_up = (SmartWakeUp) { g_source_ref (inbox->source), time };
  else
    g_source_set_ready_time (inbox->source, time);
}

/* Where no lock is held. */
void
smart_inbox_wake_up (SmartWakeUp *wake_up)
{
  if (wake_up->source == NULL)
    return;

  g_source_set_ready_time (wake_up->source, wake_up->time);
  g_clear_pointer (&wake_up->source, g_source_unref);
}

/* Hands @parcel over, unless the context is gone already. Any thread, also one that
 * holds an outcome's lock; it does what @wake_up says when it holds none. The caller
 * must use @inbox no more unless it holds it otherwise: the parcel may be delivered,
 * and release it, at once. */
gboolean
smart_inbox_try_push (SmartInbox *inbox, SmartParcel *parcel, SmartWakeUp *wake_up)
{
  parcel->next = NULL;

  g_mutex_lock (&inbox->lock);

  if (inbox->closed)
    {
      g_mutex_unlock (&inbox->lock);
      return FALSE;
    }

  if (inbox->head == NULL)
    {
      g_atomic_pointer_set (&inbox->head, parcel);
      if (!inbox->watched)
        begin_to_wake (inbox, wake_up);
    }
  else
    {
      inbox->tail->next = parcel;
    }
  inbox->tail = parcel;

  g_mutex_unlock (&inbox->lock);

  return TRUE;
}

/* The same, where no lock is held. If the context is gone already, @parcel is
 * delivered here, with %FALSE. */
void
smart_inbox_push (SmartInbox *inbox, SmartParcel *parcel)
{
  SmartWakeUp wake_up = { NULL };

  if (smart_inbox_try_push (inbox, parcel, &wake_up))
    smart_inbox_wake_up (&wake_up);
  else
    parcel->deliver (parcel, FALSE);
}

/* After a fork: see smart-thread.c. */
void
smart_inbox_forget_all (void)
{
  g_mutex_init (&registry_lock);
  registry = NULL;
}

/* For tests: how many there are in contexts. One whose context has gone stays with
 * the thread that used it last. */
guint
smart_inbox_n_alive (void)
{
  GHashTableIter iter;
  gpointer inbox;
  guint n = 0;

  g_mutex_lock (&registry_lock);
  if (registry != NULL)
    {
      g_hash_table_iter_init (&iter, registry);
      while (g_hash_table_iter_next (&iter, &inbox, NULL))
        n += smart_inbox_is_open (inbox);
    }
  g_mutex_unlock (&registry_lock);

  return n;
}
