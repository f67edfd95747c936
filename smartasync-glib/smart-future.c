/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The result of a call: settles once, here and nowhere else. */

#include "smart-future-private.h"

#include "smart-call-private.h"
#include "smart-context-private.h"
#include <smartasync-glib/smart-enum-types.h>
#include <smartasync-glib/smart-error.h>
#include "smart-i18n-private.h"
#include "smart-value-private.h"

/**
 * SmartFuture:
 *
 * A value or an error, now or later.
 *
 * A future is what a caller in an async context gets from
 * [method@SmartAsync.AsyncFunc.callv], and what code makes by
 * [ctor@SmartAsync.Future.new] to settle it by hand. It settles exactly once,
 * from any thread, and is immutable then: each who asks gets a copy of the
 * value, or a reference, of his own.
 *
 * To drop a future does not cancel what it waits for;
 * [method@SmartAsync.Future.cancel] does.
 *
 * It is the [iface@Gio.AsyncResult] of the library's own asynchronous
 * functions.
 *
 * All methods may be called from any thread.
 *
 * Since: 1.0
 */
struct _SmartFuture
{
  GObject parent_instance;

  SmartOutcome *outcome;  /* atomic; set once */
  GObject *source_object; /* immutable once a callback has it */
  gconstpointer origin;   /* immutable once a callback has it: identity only */
  gpointer user_data;     /* immutable once a callback has it */
};

enum
{
  PROP_STATUS = 1,
  PROP_NAME,
  PROP_PROGRESS,
  N_PROPS
};

static GParamSpec *props[N_PROPS];

static void smart_future_iface_init (GAsyncResultIface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (SmartFuture,
                               smart_future,
                               G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (G_TYPE_ASYNC_RESULT, smart_future_iface_init))

/* The outcome */

/* The thread keeps one to use again. */
SmartOutcome *
smart_outcome_new (GCancellable *upstream, gboolean wants_own)
{
  SmartThread *thread = smart_thread_get ();
  SmartOutcome *outcome = g_steal_pointer (&thread->spare);

  if (outcome == NULL)
    {
      outcome = g_new (SmartOutcome, 1);
      /* Where many are in flight, to wait for memory is most of what one more takes.
       * malloc () gives it out in a row, as a rule: what is behind is the next one. */
      smart_fetch ((guintptr) (outcome + 1), sizeof (SmartOutcome));
      memset (outcome, 0, G_STRUCT_OFFSET (SmartOutcome, ready));
      g_mutex_init (&outcome->lock);
    }

  outcome->ref_count = 1;
  outcome->upstream = upstream != NULL ? g_object_ref (upstream) : NULL;
  outcome->wants_own = wants_own;
  /* Nearly always it will be asked for, and so far that takes no lock. */
  if (wants_own && upstream == NULL)
    outcome->own = smart_spares_take (&thread->spare_cancellables);

  return outcome;
}

static void
disconnect (GCancellable *cancellable, gulong id)
{
  /* Not g_cancellable_disconnect(), which waits for the handlers that run: this
   * may be one of them. What the handlers use they hold by their closures. */
  if (id != 0)
    g_signal_handler_disconnect (cancellable, id);
}

/* Made, if there is none yet. HOLDS: outcome->lock, or nobody else knows it */
SmartRare *
smart_outcome_get_rare (SmartOutcome *outcome)
{
  SmartRare *rare = outcome->rare;

  if (rare == NULL)
    {
      rare = g_new0 (SmartRare, 1);
      rare->outcome = outcome;
      g_atomic_pointer_set (&outcome->rare, rare);
    }

  return rare;
}

/* The references of @ties, which was taken from @outcome. */
static void
untie (SmartOutcome *outcome, SmartTies *ties)
{
  disconnect (outcome->upstream, ties->follow_id);
  disconnect (outcome->upstream, ties->queued_id);
  disconnect (outcome->wants_own ? g_atomic_pointer_get (&outcome->own) : outcome->upstream,
              ties->abandon_id);
  if (ties->timer != NULL)
    smart_home_destroy_source (&ties->timed_by, ties->timer);
  g_clear_pointer (&ties->depends, g_ptr_array_unref);
  g_clear_pointer (&ties->more_needs, g_ptr_array_unref);
  g_clear_pointer (&ties->followers, g_ptr_array_unref);
}

static void
rare_free (SmartOutcome *outcome, SmartRare *rare)
{
  /* Dropped while it was pending. */
  untie (outcome, &rare->ties);
  g_clear_pointer (&rare->progress_inbox, smart_inbox_unref);
  g_free (rare->name);
  g_free (rare);
}

/* Of an outcome that goes, or taken from one: outside its lock. */
static void
pending_clear (SmartPending *pending)
{
  g_clear_pointer (&pending->need, smart_outcome_unref);
  smart_home_clear (&pending->home);
}

/* Makes room for a result; there is none so far. HOLDS: outcome->lock, and it is pending */
static SmartPending
take_pending (SmartOutcome *outcome)
{
  SmartPending pending = outcome->pending;

  memset (&outcome->result, 0, sizeof outcome->result);

  return pending;
}

static void
outcome_clear (SmartOutcome *outcome)
{
  if (outcome->rare != NULL)
    rare_free (outcome, g_steal_pointer (&outcome->rare));
  if (smart_outcome_is_pending (outcome))
    pending_clear (&outcome->pending);
  else if (smart_outcome_peek_error (outcome) != NULL)
    g_error_free (outcome->result.error);
  else if (outcome->is_like)
    smart_outcome_unref (outcome->result.like);
  else
    smart_value_clear (&outcome->result.value);
  g_clear_object (&outcome->upstream);
  g_clear_pointer (&outcome->own, smart_cancellable_release);
}

void
smart_outcome_free_spare (SmartOutcome *outcome)
{
  g_mutex_clear (&outcome->lock);
  g_free (outcome);
}

SmartOutcome *
smart_outcome_ref (SmartOutcome *outcome)
{
  g_atomic_int_inc (&outcome->ref_count);
  return outcome;
}

/* What n_pins has when there are no references any more. */
#define UNREFERENCED (1 << 30)

/* Keeps the memory, so that it can be looked at under its lock, but not the value:
 * that goes where the last reference does. The caller knows of a reference that will
 * not go meanwhile. */
SmartOutcome *
smart_outcome_pin (SmartOutcome *outcome)
{
  g_atomic_int_inc (&outcome->n_pins);
  return outcome;
}

void
smart_outcome_unpin (SmartOutcome *outcome)
{
  if (g_atomic_int_add (&outcome->n_pins, -1) == UNREFERENCED + 1)
    smart_outcome_free_spare (outcome);
}

/* The last reference has gone, but somebody may look. */
static void
free_pinned (SmartOutcome *outcome)
{
  SmartPending pending = { NULL };

  /* He who finds it settled looks at nothing else. */
  g_mutex_lock (&outcome->lock);
  if (smart_outcome_is_pending (outcome))
    {
      pending = take_pending (outcome);
      g_atomic_int_set (&outcome->status, SMART_FUTURE_REJECTED);
    }
  g_mutex_unlock (&outcome->lock);

  pending_clear (&pending);
  outcome_clear (outcome);
  if (g_atomic_int_add (&outcome->n_pins, UNREFERENCED) == 0)
    smart_outcome_free_spare (outcome);
}

void
smart_outcome_unref (SmartOutcome *outcome)
{
  SmartThread *thread;

  /* Where it is the only one, nobody else can take one any more. */
  if (g_atomic_int_get (&outcome->ref_count) != 1 &&
      !g_atomic_int_dec_and_test (&outcome->ref_count))
    return;

  /* To pin it takes a reference of somebody's: so there will be no more of them. */
  if (G_UNLIKELY (g_atomic_int_get (&outcome->n_pins) != 0))
    {
      free_pinned (outcome);
      return;
    }

  outcome_clear (outcome);

  thread = smart_thread_peek ();
  if (thread == NULL || thread->spare != NULL)
    {
      smart_outcome_free_spare (outcome);
      return;
    }

  smart_spares_wipe (&outcome->ref_count, G_STRUCT_OFFSET (SmartOutcome, ready) -
                                              G_STRUCT_OFFSET (SmartOutcome, ref_count));
  thread->spare = outcome;
}

/* It may be the outcome's own, and goes with it then. */
void
smart_listener_clear (SmartListener *listener)
{
  SmartOutcome *outcome = g_steal_pointer (&listener->outcome);
  GObject *spent = g_steal_pointer (&listener->spent);

  if (spent != NULL && SMART_IS_CALL (spent))
    {
      smart_call_release (SMART_CALL (spent));
    }
  else if (spent != NULL)
    {
      g_object_unref (spent);
      smart_inbox_unref (listener->inbox);
    }
  g_clear_pointer (&listener->inbox, smart_inbox_unref);
  if (outcome != NULL)
    smart_outcome_unref (outcome);
}

static SmartListener *
get_next (SmartListener *listener)
{
  return (SmartListener *) listener->parcel.next;
}

static void
set_next (SmartListener *listener, SmartListener *next)
{
  listener->parcel.next = (SmartParcel *) next;
}

/* The listener is this thread's alone, and has its reference to the outcome. */
static void
tell (SmartListener *listener)
{
  if (listener->inbox == NULL)
    {
      listener->parcel.deliver (&listener->parcel, TRUE);
      return;
    }

  smart_inbox_push (listener->inbox, &listener->parcel);
}

/* Takes @listener. It is told when the outcome settles, at once if it has. */
void
smart_outcome_listen (SmartOutcome *outcome, SmartListener *listener)
{
  gboolean pending;

  g_mutex_lock (&outcome->lock);
  pending = smart_outcome_is_pending (outcome);
  if (pending)
    {
      set_next (listener, outcome->listeners);
      outcome->listeners = listener;
    }
  g_mutex_unlock (&outcome->lock);

  if (!pending)
    {
      listener->outcome = smart_outcome_ref (outcome);
      tell (listener);
    }
}

/* The same, while nobody else knows the outcome. */
void
smart_outcome_listen_first (SmartOutcome *outcome, SmartListener *listener)
{
  outcome->listeners = listener;
}

/* In the order in which they came, those without an inbox first; each with a
 * reference to @outcome, if it had none. */
static SmartListener *
in_order (SmartListener *newest, SmartOutcome *outcome)
{
  SmartListener *at_once = NULL;
  SmartListener *later = NULL;
  SmartListener *last = NULL;

  while (newest != NULL)
    {
      SmartListener *listener = newest;
      SmartListener **list = listener->inbox == NULL ? &at_once : &later;

      newest = get_next (listener);
      if (listener->outcome == NULL)
        listener->outcome = smart_outcome_ref (outcome);
      set_next (listener, *list);
      /* The first that is put there ends it. */
      if (list == &at_once && *list == NULL)
        last = listener;
      *list = listener;
    }

  if (last == NULL)
    return later;

  set_next (last, later);
  return at_once;
}

/* Once the first one is handed over, its context may release all that there is:
 * nothing but the list is touched any more. A worker must not be who drops the last
 * reference: so what is left of the call goes with the first listener of its home,
 * which has one (one parcel and not two), or the call after all others. */
static void
tell_all (SmartListener *listeners, SmartCall *spent)
{
  while (listeners != NULL)
    {
      SmartListener *listener = listeners;

      listeners = get_next (listener);
      if (spent != NULL && listener->inbox != NULL &&
          listener->inbox == smart_call_get_inbox (spent))
        listener->spent = smart_call_strip (g_steal_pointer (&spent));

      tell (listener);
    }

  if (spent != NULL)
    smart_call_release_at_home (spent);
}

/* A call that was begun in @home, by this thread, and may be pending still. */
void
smart_outcome_set_home (SmartOutcome *outcome, GMainContext *home)
{
  SmartThread *thread = smart_thread_get ();
  SmartHome old = { NULL };

  g_mutex_lock (&outcome->lock);
  if (smart_outcome_is_pending (outcome) && outcome->pending.home.context == NULL)
    {
      smart_home_set (&outcome->pending.home, home);
      outcome->home_thread = thread;
    }
  else if (smart_outcome_is_pending (outcome) && smart_home_is_weak (&outcome->pending.home))
    {
      /* It had to wait until it could begin. */
      old = outcome->pending.home;
      outcome->pending.home = (SmartHome) { NULL };
      smart_home_set (&outcome->pending.home, home);
    }
  g_mutex_unlock (&outcome->lock);

  smart_home_clear (&old);
}

/* A call that will be begun in the context of @inbox, by this thread. Until then it
 * does not keep that. */
void
smart_outcome_set_weak_home (SmartOutcome *outcome, SmartInbox *inbox)
{
  SmartThread *thread = smart_thread_get ();

  g_mutex_lock (&outcome->lock);
  if (smart_outcome_is_pending (outcome) && outcome->pending.home.context == NULL)
    {
      smart_home_set_weak (&outcome->pending.home, inbox);
      outcome->home_thread = thread;
    }
  g_mutex_unlock (&outcome->lock);
}

/* @outcome cannot settle before @other does. */
void
smart_outcome_need (SmartOutcome *outcome, SmartOutcome *other)
{
  g_mutex_lock (&outcome->lock);
  if (smart_outcome_is_pending (outcome))
    {
      /* Nearly always there is no more than one. */
      if (outcome->pending.need == NULL)
        {
          outcome->pending.need = smart_outcome_ref (other);
        }
      else
        {
          SmartTies *ties = &smart_outcome_get_rare (outcome)->ties;

          if (ties->more_needs == NULL)
            ties->more_needs =
                g_ptr_array_new_with_free_func ((GDestroyNotify) smart_outcome_unref);
          g_ptr_array_add (ties->more_needs, smart_outcome_ref (other));
        }
    }
  g_mutex_unlock (&outcome->lock);
}

/* A call that will begin in @home, which others iterate. */
void
smart_outcome_set_home_of_others (SmartOutcome *outcome, GMainContext *home)
{
  g_mutex_lock (&outcome->lock);
  if (smart_outcome_is_pending (outcome) && outcome->pending.home.context == NULL)
    smart_home_set (&outcome->pending.home, home);
  g_mutex_unlock (&outcome->lock);
}

/* The call of this thread runs elsewhere: what it needs is not iterated in @context,
 * but its result comes there. @is_known: to others, too, as a flight's outcome is. */
void
smart_outcome_set_back_to (SmartOutcome *outcome, GMainContext *context, gboolean is_known)
{
  SmartThread *thread = smart_thread_get ();

  if (is_known)
    g_mutex_lock (&outcome->lock);
  outcome->back_to = context;
  outcome->home_thread = thread;
  if (is_known)
    g_mutex_unlock (&outcome->lock);
}

/* @outcome settles when @other does, and so needs what that one needs. */
void
smart_outcome_adopt_home (SmartOutcome *outcome, SmartOutcome *other)
{
  SmartHome home = { NULL };
  SmartHome old = { NULL };
  GMainContext *back_to;
  SmartThread *home_thread;

  g_mutex_lock (&other->lock);
  if (smart_outcome_is_pending (other))
    smart_home_copy (&home, &other->pending.home);
  back_to = other->back_to;
  home_thread = other->home_thread;
  g_mutex_unlock (&other->lock);

  if (home.context == NULL && back_to == NULL)
    return;

  g_mutex_lock (&outcome->lock);
  if (smart_outcome_is_pending (outcome) && home.context != NULL)
    {
      old = outcome->pending.home;
      outcome->pending.home = home;
      outcome->home_thread = home_thread;
      outcome->back_to = back_to;
      home = (SmartHome) { NULL };
    }
  else if (smart_outcome_is_pending (outcome) && outcome->pending.home.context == NULL)
    {
      outcome->home_thread = home_thread;
      outcome->back_to = back_to;
    }
  g_mutex_unlock (&outcome->lock);

  smart_home_clear (&old);
  smart_home_clear (&home);
}

/* A sync caller waits, who takes the call over when it is done. */
void
smart_outcome_keep_spent (SmartOutcome *outcome)
{
  g_mutex_lock (&outcome->lock);
  outcome->spent = SMART_SPENT_STAYS;
  g_mutex_unlock (&outcome->lock);
}

void
smart_outcome_release_spent (SmartOutcome *outcome)
{
  SmartCall *spent;

  g_mutex_lock (&outcome->lock);
  spent = outcome->spent == SMART_SPENT_IS_HERE ? outcome->call : NULL;
  outcome->spent = SMART_SPENT_GOES;
  g_mutex_unlock (&outcome->lock);

  if (spent != NULL)
    smart_call_release (spent);
}

/* Settles with the error (taken) or, if that is NULL, with the value (moved;
 * nullable: none). Any thread, the first wins; to the others the value is left.
 * @spent (taken, nullable) is the call that has ended with it. The caller holds
 * a reference to the outcome, or @spent does. */
static gboolean
settle (SmartOutcome *outcome, GValue *value, SmartOutcome *like, GError *error, SmartCall *spent)
{
  SmartListener *listeners;
  SmartTies ties;
  SmartPending pending;
  GMainContext *sleeper;
  gboolean has_ties;
  gboolean keeps_spent;

  g_mutex_lock (&outcome->lock);

  if (!smart_outcome_is_pending (outcome))
    {
      g_mutex_unlock (&outcome->lock);
      if (error != NULL)
        g_error_free (error);
      if (spent != NULL)
        smart_call_release_at_home (spent);
      return FALSE;
    }

  pending = take_pending (outcome);
  if (error != NULL)
    {
      outcome->result.error = error;
    }
  else if (value != NULL)
    {
      outcome->result.value = *value;
      memset (value, 0, sizeof (GValue));
    }
  else if (like != NULL)
    {
      outcome->result.like = smart_outcome_ref (like);
      outcome->is_like = TRUE;
    }

  listeners = g_steal_pointer (&outcome->listeners);
  has_ties = outcome->rare != NULL;
  if (has_ties)
    {
      ties = outcome->rare->ties;
      outcome->rare->ties = (SmartTies) { 0 };
    }

  /* The sync caller may go, with the call and its references, as soon as he
   * sees the status: then this function's own one is the last. */
  keeps_spent = outcome->spent == SMART_SPENT_STAYS;
  if (keeps_spent)
    {
      smart_outcome_ref (outcome);
      if (spent != NULL)
        outcome->spent = SMART_SPENT_IS_HERE;
      spent = NULL;
    }

  /* The last of it: who sees the status without the lock sees the result. */
  g_atomic_int_set (&outcome->status,
                    error != NULL ? SMART_FUTURE_REJECTED : SMART_FUTURE_RESOLVED);

  sleeper = smart_outcome_begin_to_wake (outcome);

  g_mutex_unlock (&outcome->lock);

  smart_outcome_wake_up (sleeper);

  if (has_ties)
    untie (outcome, &ties);
  pending_clear (&pending);
  listeners = in_order (listeners, outcome);
  if (keeps_spent)
    smart_outcome_unref (outcome);

  tell_all (listeners, spent);

  return TRUE;
}

gboolean
smart_outcome_settle (SmartOutcome *outcome, GValue *value, GError *error, SmartCall *spent)
{
  return settle (outcome, value, NULL, error, spent);
}

/* As @other did, which has settled. They share the value: a copy made here, by a
 * worker perhaps, would have to be freed here if it was not wanted. */
gboolean
smart_outcome_settle_like (SmartOutcome *outcome, SmartOutcome *other)
{
  if (smart_outcome_peek_error (other) != NULL)
    return smart_outcome_settle (outcome, NULL, g_error_copy (smart_outcome_peek_error (other)),
                                 NULL);

  return settle (outcome, NULL, other->is_like ? other->result.like : other, NULL, NULL);
}

/* The value of one that was resolved; valid as long as @outcome. */
const GValue *
smart_outcome_peek (SmartOutcome *outcome)
{
  return outcome->is_like ? &outcome->result.like->result.value : &outcome->result.value;
}

/* Copies the result. @value is initialised in any case. */
gboolean
smart_outcome_get (SmartOutcome *outcome, GValue *value, GError **error)
{
  if (smart_outcome_is_pending (outcome))
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_PENDING, _ ("There is no result yet"));
  else if (smart_outcome_peek_error (outcome) != NULL)
    g_propagate_error (error, g_error_copy (smart_outcome_peek_error (outcome)));
  else
    {
      if (value != NULL)
        smart_value_put (value, smart_outcome_peek (outcome));
      return TRUE;
    }

  smart_value_put_failed (value);
  return FALSE;
}

/* The same, but moves it: for the only one who waits. */
gboolean
smart_outcome_take (SmartOutcome *outcome, GValue *value, GError **error)
{
  if (smart_outcome_peek_error (outcome) != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&outcome->result.error));
      smart_value_put_failed (value);
      return FALSE;
    }

  if (value != NULL && outcome->is_like)
    smart_value_put (value, smart_outcome_peek (outcome));
  else if (value != NULL)
    smart_value_put_moved (value, &outcome->result.value);
  return TRUE;
}

/* The future */

/* See smart_future_dispose(): this thread is out of g_object_unref(). */
void
smart_future_release_revived (SmartThread *thread)
{
  while (thread != NULL && thread->revived != NULL)
    g_object_unref (g_steal_pointer (&thread->revived));
}

SmartFuture *
smart_future_new_for_outcome (SmartOutcome *outcome)
{
  SmartThread *thread = smart_thread_peek ();
  SmartFuture *future = thread != NULL ? smart_spares_take (&thread->spare_futures) : NULL;

  smart_future_release_revived (thread);
  if (future == NULL)
    future = g_object_new (SMART_TYPE_FUTURE, NULL);
  future->outcome = smart_outcome_ref (outcome);

  g_mutex_lock (&outcome->lock);
  if (outcome->handle == NULL)
    outcome->handle = future;
  g_mutex_unlock (&outcome->lock);

  return future;
}

/* The handle that there is, or a new one. */
SmartFuture *
smart_outcome_ref_future (SmartOutcome *outcome)
{
  SmartFuture *future = NULL;

  /* Under the lock, the handle is at worst in its dispose, which waits for the
   * lock to forget it: then this reference brings it back to life. */
  g_mutex_lock (&outcome->lock);
  if (outcome->handle != NULL)
    future = g_object_ref (outcome->handle);
  g_mutex_unlock (&outcome->lock);

  return future != NULL ? future : smart_future_new_for_outcome (outcome);
}

/* What g_object_new () makes, or a language's `new`, has no outcome at first:
 * then it is one to be settled by hand. */
SmartOutcome *
smart_future_get_outcome (SmartFuture *future)
{
  SmartOutcome *outcome = g_atomic_pointer_get (&future->outcome);

  if (G_LIKELY (outcome != NULL))
    return outcome;

  outcome = smart_outcome_new (NULL, FALSE);
  outcome->by_hand = TRUE;
  outcome->handle = future;
  if (g_atomic_pointer_compare_and_exchange (&future->outcome, NULL, outcome))
    return outcome;

  smart_outcome_unref (outcome);
  return g_atomic_pointer_get (&future->outcome);
}

/* Whether it is what a callback got from @origin, which is what was called. */
gboolean
smart_future_is_result_of (SmartFuture *future, gconstpointer origin)
{
  return future->origin == origin;
}

/* Its end: settles what nobody will settle any more, and releases what it has. */
static void
end (SmartFuture *future)
{
  /* Nobody is left to settle it: those who wait must not wait for ever. */
  if (future->outcome->by_hand && smart_outcome_is_pending (future->outcome))
    smart_outcome_settle (future->outcome, NULL,
                          g_error_new_literal (SMART_ERROR, SMART_ERROR_NOT_RETURNED,
                                               _ ("The future was dropped without a result")),
                          NULL);

  g_clear_object (&future->source_object);
  smart_outcome_unref (future->outcome);
}

/* HOLDS: the outcome's lock. Nobody brings it back to life any more by
 * smart_outcome_ref_future (). */
static void
forget_handle (SmartOutcome *outcome, SmartFuture *future)
{
  if (outcome->handle == future)
    outcome->handle = NULL;
}

/* Takes @future, which has no outcome any more that would know it. It serves the
 * next result in this thread. */
static void
use_again (SmartFuture *future, SmartThread *thread)
{
  end (future);
  g_signal_handlers_destroy (future);
  memset ((char *) future + sizeof (GObject), 0, sizeof (SmartFuture) - sizeof (GObject));
  smart_spares_keep (&thread->spare_futures, G_OBJECT (future));
}

static void
smart_future_dispose (GObject *object)
{
  SmartFuture *future = SMART_FUTURE (object);
  SmartOutcome *outcome = g_atomic_pointer_get (&future->outcome);
  SmartThread *thread = smart_thread_peek ();
  gboolean revived = FALSE;
  gboolean keep = FALSE;

  smart_future_release_revived (thread);

  if (outcome != NULL)
    {
      g_mutex_lock (&outcome->lock);
      keep = thread != NULL && smart_spares_may_revive (&thread->spare_futures, object);
      revived = outcome->handle == future && g_atomic_int_get (&object->ref_count) > 1;
      if (!revived)
        forget_handle (outcome, future);
      g_mutex_unlock (&outcome->lock);
    }

  if (keep)
    {
      use_again (g_object_ref (future), thread);
      return;
    }

  /* Another thread asked for the handle while this one was on its way here with
   * what was the last reference. It may have connected handlers since: so this is
   * not the end, and nothing is taken from the object. Where it is the end, the
   * handle was forgotten under the lock with no reference but this thread's:
   * nobody finds the object between here and its finalize.
   *
   * Before GLib 2.80, g_object_unref() thaws the notifications of such an object
   * after it has dropped its reference, and by then the other thread may have
   * freed it. So this thread keeps one more, until it comes this way again. */
  if (revived)
    {
      smart_thread_get ()->revived = g_object_ref (future);
      return;
    }

  G_OBJECT_CLASS (smart_future_parent_class)->dispose (object);
}

/* Releases the library's own reference, and spares the object where it can. */
static void
release (SmartFuture *future)
{
  SmartThread *thread = smart_thread_get ();
  SmartOutcome *outcome = future->outcome;
  gboolean keep;

  g_mutex_lock (&outcome->lock);
  keep = smart_spares_may_keep (&thread->spare_futures, G_OBJECT (future));
  if (keep)
    forget_handle (outcome, future);
  g_mutex_unlock (&outcome->lock);

  if (keep)
    use_again (future, thread);
  else
    g_object_unref (future);
}

static void
smart_future_finalize (GObject *object)
{
  SmartFuture *future = SMART_FUTURE (object);

  if (future->outcome != NULL)
    end (future);

  G_OBJECT_CLASS (smart_future_parent_class)->finalize (object);
}

static void
smart_future_get_property (GObject *object, guint prop_id, GValue *value, GParamSpec *pspec)
{
  SmartFuture *future = SMART_FUTURE (object);

  switch (prop_id)
    {
    case PROP_STATUS:
      g_value_set_enum (value, smart_future_get_status (future));
      break;
    case PROP_NAME:
      g_value_take_string (value, smart_future_dup_name (future));
      break;
    case PROP_PROGRESS:
      g_value_set_double (value, smart_future_get_progress (future));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
    }
}

static void
smart_future_set_property (GObject *object, guint prop_id, const GValue *value, GParamSpec *pspec)
{
  switch (prop_id)
    {
    case PROP_NAME:
      smart_future_set_name (SMART_FUTURE (object), g_value_get_string (value));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
    }
}

static void
smart_future_class_init (SmartFutureClass *class)
{
  GObjectClass *object_class = G_OBJECT_CLASS (class);

  object_class->dispose = smart_future_dispose;
  object_class->finalize = smart_future_finalize;
  object_class->get_property = smart_future_get_property;
  object_class->set_property = smart_future_set_property;

  /**
   * SmartFuture:status:
   *
   * What became of it.
   *
   * Since: 1.0
   */
  props[PROP_STATUS] =
      g_param_spec_enum ("status", NULL, NULL, SMART_TYPE_FUTURE_STATUS, SMART_FUTURE_PENDING,
                         G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  /**
   * SmartFuture:name: (getter dup_name) (setter set_name)
   *
   * A name for those who debug.
   *
   * Since: 1.0
   */
  props[PROP_NAME] =
      g_param_spec_string ("name", NULL, NULL, NULL,
                           G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  /**
   * SmartFuture:progress:
   *
   * How far the call is, from 0 to 1; -1 while that is not known. Notified in the
   * context of the caller: it can be bound to a progress bar. Of several values
   * in a row the last one is notified, and the last one of all before any
   * callback that tells of the result.
   *
   * Since: 1.0
   */
  props[PROP_PROGRESS] = g_param_spec_double ("progress", NULL, NULL, -1, 1, -1,
                                              G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  g_object_class_install_properties (object_class, N_PROPS, props);
}

static void
smart_future_init (SmartFuture *future)
{
}

static gpointer
smart_future_result_get_user_data (GAsyncResult *result)
{
  return SMART_FUTURE (result)->user_data;
}

static GObject *
smart_future_result_get_source_object (GAsyncResult *result)
{
  GObject *source_object = SMART_FUTURE (result)->source_object;

  return source_object != NULL ? g_object_ref (source_object) : NULL;
}

static void
smart_future_iface_init (GAsyncResultIface *iface)
{
  iface->get_user_data = smart_future_result_get_user_data;
  iface->get_source_object = smart_future_result_get_source_object;
}

/**
 * smart_future_new:
 * @cancellable: (nullable): what cancels it
 *
 * Makes a future to be settled by hand, with
 * [method@SmartAsync.Future.resolve] or [method@SmartAsync.Future.reject]. When
 * @cancellable is cancelled it rejects with %G_IO_ERROR_CANCELLED.
 *
 * Returns: (transfer full): a pending future
 *
 * Since: 1.0
 */
SmartFuture *
smart_future_new (GCancellable *cancellable)
{
  SmartOutcome *outcome;
  SmartFuture *future;

  g_return_val_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable), NULL);

  outcome = smart_outcome_new (cancellable, FALSE);
  outcome->by_hand = TRUE;
  future = smart_future_new_for_outcome (outcome);
  if (cancellable != NULL)
    smart_outcome_abandon_on_cancel (outcome);
  smart_outcome_unref (outcome);

  return future;
}

/**
 * smart_future_new_for_value:
 * @value: (nullable): the value; %NULL for none
 *
 * Makes a future that is resolved already, with a copy of @value.
 *
 * Returns: (transfer full): a resolved future
 *
 * Since: 1.0
 */
SmartFuture *
smart_future_new_for_value (const GValue *value)
{
  SmartFuture *future = smart_future_new (NULL);

  smart_future_resolve (future, value);
  return future;
}

/**
 * smart_future_new_for_error:
 * @error: (transfer full): the error
 *
 * Makes a future that is rejected already.
 *
 * Returns: (transfer full): a rejected future
 *
 * Since: 1.0
 */
SmartFuture *
smart_future_new_for_error (GError *error)
{
  SmartFuture *future;

  g_return_val_if_fail (error != NULL, NULL);

  future = smart_future_new (NULL);
  smart_future_reject (future, error);
  return future;
}

/**
 * smart_future_resolve:
 * @future: a future made with [ctor@SmartAsync.Future.new]
 * @value: (nullable): the value; %NULL for none
 *
 * Settles @future with a copy of @value. May be called from any thread; of
 * several, one wins. The result of a call is settled by its body: to settle
 * it by hand is refused with a critical.
 *
 * Returns: %FALSE if @future had settled before
 *
 * Since: 1.0
 */
gboolean
smart_future_resolve (SmartFuture *future, const GValue *value)
{
  GValue copy = G_VALUE_INIT;
  gboolean settled;

  g_return_val_if_fail (SMART_IS_FUTURE (future), FALSE);
  g_return_val_if_fail (smart_future_get_outcome (future)->by_hand, FALSE);

  if (value != NULL)
    smart_value_copy (&copy, value);

  settled = smart_outcome_settle (smart_future_get_outcome (future), &copy, NULL, NULL);
  smart_value_clear (&copy);

  return settled;
}

/**
 * smart_future_reject:
 * @future: a future made with [ctor@SmartAsync.Future.new]
 * @error: (transfer full): the error
 *
 * Settles @future with @error. May be called from any thread; of several, one
 * wins.
 *
 * Returns: %FALSE if @future had settled before
 *
 * Since: 1.0
 */
gboolean
smart_future_reject (SmartFuture *future, GError *error)
{
  g_return_val_if_fail (SMART_IS_FUTURE (future), FALSE);
  g_return_val_if_fail (error != NULL, FALSE);
  g_return_val_if_fail (smart_future_get_outcome (future)->by_hand, FALSE);

  return smart_outcome_settle (smart_future_get_outcome (future), NULL, error, NULL);
}

/**
 * smart_future_cancel:
 * @future: a future
 *
 * Cancels what @future is the result of: the call's cancellable or, for one
 * made with [ctor@SmartAsync.Future.new], the cancellable that it was made
 * with. The future of a call settles when its body ends (at once, if the
 * function is `abandon-on-cancel`), one that is settled by hand at once. Does
 * nothing to a settled future.
 *
 * May be called from any thread. No callback of the user's runs in it, except
 * what was given to [method@SmartAsync.Future.add_notify] or connected to the
 * cancellable.
 *
 * Since: 1.0
 */
void
smart_future_cancel (SmartFuture *future)
{
  SmartOutcome *outcome;

  g_return_if_fail (SMART_IS_FUTURE (future));

  outcome = smart_outcome_ref (smart_future_get_outcome (future));
  if (smart_outcome_is_pending (outcome))
    smart_outcome_cancel (outcome);
  smart_outcome_unref (outcome);
}

/**
 * smart_future_get_status: (get-property status)
 * @future: a future
 *
 * Whether it has settled, and how.
 *
 * Returns: its status
 *
 * Since: 1.0
 */
SmartFutureStatus
smart_future_get_status (SmartFuture *future)
{
  g_return_val_if_fail (SMART_IS_FUTURE (future), SMART_FUTURE_PENDING);

  return g_atomic_int_get (&smart_future_get_outcome (future)->status);
}

/**
 * smart_future_dup_name: (get-property name)
 * @future: a future
 *
 * Its name, for those who debug. In C, one that was given no name is called like
 * the line that made it.
 *
 * Returns: (transfer full) (nullable): a copy of the name
 *
 * Since: 1.0
 */
char *
smart_future_dup_name (SmartFuture *future)
{
  SmartOutcome *outcome;
  const char *given;
  char *name;

  g_return_val_if_fail (SMART_IS_FUTURE (future), NULL);

  outcome = smart_future_get_outcome (future);
  g_mutex_lock (&outcome->lock);
  given = outcome->rare != NULL ? outcome->rare->name : NULL;
  name = g_strdup (given != NULL ? given : g_atomic_pointer_get (&outcome->made_at));
  g_mutex_unlock (&outcome->lock);

  return name;
}

/**
 * smart_future_set_name: (set-property name)
 * @future: a future
 * @name: (nullable): a name
 *
 * Gives it a name, for those who debug.
 *
 * Since: 1.0
 */
void
smart_future_set_name (SmartFuture *future, const char *name)
{
  SmartOutcome *outcome;
  SmartRare *rare;
  char *old;

  g_return_if_fail (SMART_IS_FUTURE (future));

  outcome = smart_future_get_outcome (future);
  g_mutex_lock (&outcome->lock);
  rare = smart_outcome_get_rare (outcome);
  old = rare->name;
  rare->name = g_strdup (name);
  g_mutex_unlock (&outcome->lock);

  g_free (old);
  g_object_notify_by_pspec (G_OBJECT (future), props[PROP_NAME]);
}

/**
 * smart_future_get_progress: (get-property progress)
 * @future: a future
 *
 * How far the call is.
 *
 * Returns: from 0 to 1; -1 while that is not known
 *
 * Since: 1.0
 */
double
smart_future_get_progress (SmartFuture *future)
{
  SmartOutcome *outcome;
  SmartRare *rare;
  double progress;

  g_return_val_if_fail (SMART_IS_FUTURE (future), -1);

  outcome = smart_future_get_outcome (future);
  g_mutex_lock (&outcome->lock);
  rare = outcome->rare;
  progress = rare != NULL && rare->has_progress ? rare->progress : -1;
  g_mutex_unlock (&outcome->lock);

  return progress;
}

/**
 * smart_future_get_value:
 * @future: a settled future
 * @value: (out caller-allocates) (optional): where a copy of the value goes;
 *   for a result without a value a %G_TYPE_POINTER that is %NULL
 * @error: return location for an error
 *
 * Gets the result. While @future is pending, the error is %G_IO_ERROR_PENDING.
 *
 * Returns: %FALSE with @error set, if there is no value
 *
 * Since: 1.0
 */
gboolean
smart_future_get_value (SmartFuture *future, GValue *value, GError **error)
{
  g_return_val_if_fail (SMART_IS_FUTURE (future), FALSE);

  return smart_outcome_get (smart_future_get_outcome (future), value, error);
}

static gboolean
get_typed (SmartFuture *future, GType type, GValue *value, GError **error)
{
  SmartOutcome *outcome;

  g_return_val_if_fail (SMART_IS_FUTURE (future), FALSE);

  outcome = smart_future_get_outcome (future);

  if (smart_outcome_is_pending (outcome) || smart_outcome_peek_error (outcome) != NULL)
    return smart_outcome_get (outcome, NULL, error);

  if (smart_value_is_of_type (smart_outcome_peek (outcome), type))
    {
      smart_value_copy (value, smart_outcome_peek (outcome));
      return TRUE;
    }

  if (smart_value_convert_number (smart_outcome_peek (outcome), type, value))
    return TRUE;

  smart_value_clear (value);
  g_set_error (error, SMART_ERROR, SMART_ERROR_INVALID_ARGUMENTS,
               _ ("The result is a %s, not a %s"),
               smart_value_type_name (smart_outcome_peek (outcome)), g_type_name (type));
  return FALSE;
}

/**
 * smart_future_get_boolean:
 * @future: a settled future
 * @error: return location for an error
 *
 * Gets a result that is a boolean. A result of another type is
 * %SMART_ERROR_INVALID_ARGUMENTS, here and in the other typed getters; numbers
 * are converted where nothing is lost.
 *
 * Returns: the value; %FALSE also with @error set
 *
 * Since: 1.0
 */
gboolean
smart_future_get_boolean (SmartFuture *future, GError **error)
{
  GValue value = G_VALUE_INIT;

  return get_typed (future, G_TYPE_BOOLEAN, &value, error) && g_value_get_boolean (&value);
}

/**
 * smart_future_get_int:
 * @future: a settled future
 * @error: return location for an error
 *
 * Gets a result that is an integer.
 *
 * Returns: the value; 0 also with @error set
 *
 * Since: 1.0
 */
int
smart_future_get_int (SmartFuture *future, GError **error)
{
  GValue value = G_VALUE_INIT;

  return get_typed (future, G_TYPE_INT, &value, error) ? g_value_get_int (&value) : 0;
}

/**
 * smart_future_get_uint:
 * @future: a settled future
 * @error: return location for an error
 *
 * Gets a result that is an unsigned integer.
 *
 * Returns: the value; 0 also with @error set
 *
 * Since: 1.0
 */
guint
smart_future_get_uint (SmartFuture *future, GError **error)
{
  GValue value = G_VALUE_INIT;

  return get_typed (future, G_TYPE_UINT, &value, error) ? g_value_get_uint (&value) : 0;
}

/**
 * smart_future_get_int64:
 * @future: a settled future
 * @error: return location for an error
 *
 * Gets a result that is an integer of 64 bits.
 *
 * Returns: the value; 0 also with @error set
 *
 * Since: 1.0
 */
gint64
smart_future_get_int64 (SmartFuture *future, GError **error)
{
  GValue value = G_VALUE_INIT;

  return get_typed (future, G_TYPE_INT64, &value, error) ? g_value_get_int64 (&value) : 0;
}

/**
 * smart_future_get_uint64:
 * @future: a settled future
 * @error: return location for an error
 *
 * Gets a result that is an unsigned integer of 64 bits.
 *
 * Returns: the value; 0 also with @error set
 *
 * Since: 1.0
 */
guint64
smart_future_get_uint64 (SmartFuture *future, GError **error)
{
  GValue value = G_VALUE_INIT;

  return get_typed (future, G_TYPE_UINT64, &value, error) ? g_value_get_uint64 (&value) : 0;
}

/**
 * smart_future_get_double:
 * @future: a settled future
 * @error: return location for an error
 *
 * Gets a result that is a number.
 *
 * Returns: the value; 0 also with @error set
 *
 * Since: 1.0
 */
double
smart_future_get_double (SmartFuture *future, GError **error)
{
  GValue value = G_VALUE_INIT;

  return get_typed (future, G_TYPE_DOUBLE, &value, error) ? g_value_get_double (&value) : 0;
}

/**
 * smart_future_get_string:
 * @future: a settled future
 * @error: return location for an error
 *
 * Gets a result that is a string.
 *
 * Returns: (transfer full) (nullable): a copy; %NULL also with @error set
 *
 * Since: 1.0
 */
char *
smart_future_get_string (SmartFuture *future, GError **error)
{
  GValue value = G_VALUE_INIT;
  char *string = NULL;

  if (get_typed (future, G_TYPE_STRING, &value, error) && G_IS_VALUE (&value))
    {
      string = g_value_dup_string (&value);
      g_value_unset (&value);
    }

  return string;
}

/**
 * smart_future_get_object:
 * @future: a settled future
 * @error: return location for an error
 *
 * Gets a result that is an object.
 *
 * Returns: (transfer full) (nullable) (type GObject.Object): a reference; %NULL
 *   also with @error set
 *
 * Since: 1.0
 */
gpointer
smart_future_get_object (SmartFuture *future, GError **error)
{
  GValue value = G_VALUE_INIT;
  gpointer object = NULL;

  if (get_typed (future, G_TYPE_OBJECT, &value, error) && G_IS_VALUE (&value))
    {
      object = g_value_dup_object (&value);
      g_value_unset (&value);
    }

  return object;
}

/**
 * smart_future_get_boxed: (skip)
 * @future: a settled future
 * @error: return location for an error
 *
 * Gets a result that is boxed. A binding has
 * [method@SmartAsync.Future.get_value], which knows the type.
 *
 * Returns: (transfer full) (nullable): a copy; %NULL also with @error set
 *
 * Since: 1.0
 */
gpointer
smart_future_get_boxed (SmartFuture *future, GError **error)
{
  GValue value = G_VALUE_INIT;
  gpointer boxed = NULL;

  if (get_typed (future, G_TYPE_BOXED, &value, error) && G_IS_VALUE (&value))
    {
      boxed = g_value_dup_boxed (&value);
      g_value_unset (&value);
    }

  return boxed;
}

/**
 * smart_future_get_variant:
 * @future: a settled future
 * @error: return location for an error
 *
 * Gets a result that is a variant.
 *
 * Returns: (transfer full) (nullable): a reference; %NULL also with @error set
 *
 * Since: 1.0
 */
GVariant *
smart_future_get_variant (SmartFuture *future, GError **error)
{
  GValue value = G_VALUE_INIT;
  GVariant *variant = NULL;

  if (get_typed (future, G_TYPE_VARIANT, &value, error) && G_IS_VALUE (&value))
    {
      variant = g_value_dup_variant (&value);
      g_value_unset (&value);
    }

  return variant;
}

/* Progress */

static void
progress_delivered (SmartParcel *parcel, gboolean run)
{
  SmartRare *rare = (gpointer) ((char *) parcel - G_STRUCT_OFFSET (SmartRare, progress_parcel));
  SmartOutcome *outcome = rare->outcome;
  SmartFuture *future = NULL;
  SmartInbox *inbox;

  g_mutex_lock (&outcome->lock);
  inbox = g_steal_pointer (&rare->telling);
  if (run && outcome->handle != NULL)
    future = g_object_ref (outcome->handle);
  g_mutex_unlock (&outcome->lock);

  if (future != NULL)
    {
      g_object_notify_by_pspec (G_OBJECT (future), props[PROP_PROGRESS]);
      g_object_unref (future);
    }

  smart_outcome_unref (outcome);
  smart_inbox_unref (inbox);
}

/* Under the lock: were it settled in between, the callbacks could be first. @wake_up:
 * see smart_inbox_try_push(). HOLDS: the outcome's lock */
static void
tell_progress (SmartRare *rare, SmartInbox *inbox, SmartWakeUp *wake_up)
{
  rare->progress_parcel.deliver = progress_delivered;
  rare->telling = smart_inbox_ref (inbox);
  smart_outcome_ref (rare->outcome);
  if (smart_inbox_try_push (inbox, &rare->progress_parcel, wake_up))
    return;

  /* Neither is the last one: the caller has both. */
  rare->telling = NULL;
  smart_inbox_unref (inbox);
  smart_outcome_unref (rare->outcome);
}

static gpointer
ref_outcome (gconstpointer outcome, gpointer unused)
{
  return smart_outcome_ref ((SmartOutcome *) outcome);
}

/* HOLDS: the outcome's lock, and it is pending. Returns the followers; references,
 * nullable. */
static GPtrArray *
set_progress (SmartRare *rare, double value, SmartInbox *inbox, SmartWakeUp *wake_up)
{
  gboolean changed = !rare->has_progress || rare->progress != value;

  rare->progress = value;
  rare->has_progress = TRUE;
  if (inbox != NULL && changed && rare->telling == NULL)
    tell_progress (rare, inbox, wake_up);

  return rare->ties.followers != NULL ? g_ptr_array_copy (rare->ties.followers, ref_outcome, NULL)
                                      : NULL;
}

/* Any thread. What is reported while a notification is on its way is told by
 * that; what is reported after the end is not told at all. @inbox is NULL where
 * nobody but those who follow can hear of it. */
void
smart_outcome_report (SmartOutcome *outcome, double value, SmartInbox *inbox)
{
  SmartWakeUp wake_up = { NULL };
  GPtrArray *followers = NULL;

  g_mutex_lock (&outcome->lock);
  if (smart_outcome_is_pending (outcome))
    followers = set_progress (smart_outcome_get_rare (outcome), value, inbox, &wake_up);
  g_mutex_unlock (&outcome->lock);

  smart_inbox_wake_up (&wake_up);
  if (followers == NULL)
    return;

  g_ptr_array_set_free_func (followers, (GDestroyNotify) smart_outcome_unref);
  for (guint i = 0; i < followers->len; i++)
    {
      SmartOutcome *follower = g_ptr_array_index (followers, i);

      smart_outcome_report (follower, value, smart_outcome_peek_rare (follower)->progress_inbox);
    }
  g_ptr_array_unref (followers);
}

/* Where the progress of @outcome is told of: in the context of @inbox (taken). Once,
 * and before there can be any. */
void
smart_outcome_set_progress_inbox (SmartOutcome *outcome, SmartInbox *inbox)
{
  g_mutex_lock (&outcome->lock);
  smart_outcome_get_rare (outcome)->progress_inbox = inbox;
  g_mutex_unlock (&outcome->lock);
}

/* What is reported of @outcome is reported of @follower, which nobody else knows
 * yet, and told in the context of @inbox (taken). */
void
smart_outcome_follow_progress (SmartOutcome *outcome, SmartOutcome *follower, SmartInbox *inbox)
{
  SmartRare *told;

  smart_outcome_set_progress_inbox (follower, inbox);
  told = follower->rare;

  g_mutex_lock (&outcome->lock);
  if (smart_outcome_is_pending (outcome))
    {
      SmartRare *rare = smart_outcome_get_rare (outcome);

      if (rare->ties.followers == NULL)
        rare->ties.followers =
            g_ptr_array_new_with_free_func ((GDestroyNotify) smart_outcome_unref);
      g_ptr_array_add (rare->ties.followers, smart_outcome_ref (follower));
      told->has_progress = rare->has_progress;
      told->progress = rare->progress;
    }
  g_mutex_unlock (&outcome->lock);
}

/* Listeners of the user's */

typedef struct
{
  SmartListener base;
  SmartNotify notify;
  gpointer user_data;
  GDestroyNotify destroy;
} NotifyListener;

static void
notify_told (SmartParcel *parcel, gboolean run)
{
  NotifyListener *listener = (NotifyListener *) parcel;
  SmartListener *base = &listener->base;
  SmartFuture *future = smart_outcome_ref_future (base->outcome);

  listener->notify (future, listener->user_data);

  if (listener->destroy != NULL)
    listener->destroy (listener->user_data);
  smart_listener_clear (base);
  g_free (listener);
  g_object_unref (future);
}

/**
 * smart_future_add_notify:
 * @future: a future
 * @notify: (scope notified) (closure user_data) (destroy destroy): what to call
 * @user_data: what to give it
 * @destroy: (nullable): frees @user_data, in the thread that called @notify
 *
 * Calls @notify once when @future settles: at once, in the thread that settles
 * it; in this call, if it has settled. It is the bridge to foreign main loops. It must not block and not fail, and is not for
 * JavaScript, which cannot run on any thread but its own.
 *
 * Since: 1.0
 */
void
smart_future_add_notify (SmartFuture *future,
                         SmartNotify notify,
                         gpointer user_data,
                         GDestroyNotify destroy)
{
  NotifyListener *listener;

  g_return_if_fail (SMART_IS_FUTURE (future));
  g_return_if_fail (notify != NULL);

  listener = g_new0 (NotifyListener, 1);
  listener->base.parcel.deliver = notify_told;
  listener->notify = notify;
  listener->user_data = user_data;
  listener->destroy = destroy;
  smart_outcome_listen (smart_future_get_outcome (future), &listener->base);
}

static void
ready_told (SmartParcel *parcel, gboolean run)
{
  SmartReadyListener *listener = (SmartReadyListener *) parcel;
  SmartListener *base = &listener->base;
  gboolean is_own = listener == &base->outcome->ready;

  /* Where many come at once, the next one is in an outcome, too, as a rule. */
  if (parcel->next != NULL)
    smart_fetch ((guintptr) parcel->next - G_STRUCT_OFFSET (SmartOutcome, ready),
                 sizeof (SmartOutcome));

  if (run)
    {
      SmartFuture *future = smart_future_new_for_outcome (base->outcome);

      future->source_object =
          listener->source_object != NULL ? g_object_ref (listener->source_object) : NULL;
      future->origin = listener->origin;
      future->user_data = listener->user_data;
      listener->callback (listener->source_object, G_ASYNC_RESULT (future), listener->user_data);
      release (future);
    }

  g_clear_object (&listener->source_object);
  smart_listener_clear (base);
  if (!is_own)
    g_free (listener);
}

static void
fill_in (SmartReadyListener *listener,
         SmartInbox *inbox,
         GObject *source_object,
         gconstpointer origin,
         GAsyncReadyCallback callback,
         gpointer user_data)
{
  listener->base = (SmartListener) { .parcel.deliver = ready_told, .inbox = inbox };
  listener->source_object = source_object != NULL ? g_object_ref (source_object) : NULL;
  listener->origin = origin;
  listener->callback = callback;
  listener->user_data = user_data;
}

/* Calls @callback (nullable: only keeps the order) in the context of @inbox
 * (taken), with a result of its own. */
void
smart_outcome_call_back_from (SmartOutcome *outcome,
                              SmartInbox *inbox,
                              GObject *source_object,
                              gconstpointer origin,
                              GAsyncReadyCallback callback,
                              gpointer user_data)
{
  SmartReadyListener *listener;

  listener = g_atomic_int_compare_and_exchange (&outcome->has_ready, FALSE, TRUE)
                 ? &outcome->ready
                 : g_new (SmartReadyListener, 1);
  fill_in (listener, inbox, source_object, origin, callback, user_data);
  smart_outcome_listen (outcome, &listener->base);
}

/* The same, where the source object is what was called. */
void
smart_outcome_call_back (SmartOutcome *outcome,
                         SmartInbox *inbox,
                         GObject *source_object,
                         GAsyncReadyCallback callback,
                         gpointer user_data)
{
  smart_outcome_call_back_from (outcome, inbox, source_object, source_object, callback, user_data);
}

/* Who has to be told that there is no context any more. Few do: of those who wait
 * for a result, many may be in flight, and none is to be larger than it must. */
typedef struct
{
  SmartReadyListener ready;
  GDestroyNotify dropped; /* nullable */
} WatchListener;

static void
watch_told (SmartParcel *parcel, gboolean run)
{
  WatchListener *listener = (WatchListener *) parcel;

  if (!run && listener->dropped != NULL)
    listener->dropped (listener->ready.user_data);
  ready_told (parcel, run);
}

/**
 * smart_future_watch: (skip)
 * @future: a future
 * @callback: called when @future has settled, in the caller's context
 * @user_data: what to give it
 * @dropped: (nullable): called with @user_data instead, if the context ends before that
 *
 * Like [method@SmartAsync.Future.wait_async], for an interpreter that has to free
 * what it keeps for a callback that never comes. @dropped is called by whichever
 * thread is the last to use the context, or sends something there afterwards.
 *
 * May be called from any thread.
 *
 * Since: 1.0
 */
void
smart_future_watch (SmartFuture *future,
                    GAsyncReadyCallback callback,
                    gpointer user_data,
                    GDestroyNotify dropped)
{
  WatchListener *listener;

  g_return_if_fail (SMART_IS_FUTURE (future));
  g_return_if_fail (callback != NULL);

  listener = g_new0 (WatchListener, 1);
  fill_in (&listener->ready, smart_context_get_inbox (G_PRIORITY_DEFAULT), G_OBJECT (future),
           future, callback, user_data);
  listener->ready.base.parcel.deliver = watch_told;
  listener->dropped = dropped;
  smart_outcome_listen (smart_future_get_outcome (future), &listener->ready.base);
}
