/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What cancels a call, and its deadline. The handlers here never run a callback
 * of the user's, except what is told at once by its nature, and never need the
 * call itself: they hold what they use by their closures, so that they can be
 * disconnected without waiting for them. */

#include "smart-future-private.h"

#include "smart-i18n-private.h"

static void
follow (GCancellable *upstream, gpointer own)
{
  g_cancellable_cancel (own);
}

static void
abandon (GCancellable *cancellable, gpointer outcome)
{
  smart_outcome_settle_cancelled (outcome);
}

static void
unref_object (gpointer data, GClosure *closure)
{
  g_object_unref (data);
}

static void
unref_outcome (gpointer data, GClosure *closure)
{
  smart_outcome_unref (data);
}

/* A new one, or one that nobody else has and that was not cancelled. */
GCancellable *
smart_cancellable_new (void)
{
  SmartThread *thread = smart_thread_peek ();
  GCancellable *spare = thread != NULL ? smart_spares_take (&thread->spare_cancellables) : NULL;

  return spare != NULL ? spare : g_cancellable_new ();
}

/* Releases what smart_cancellable_new () gave. */
void
smart_cancellable_release (GCancellable *cancellable)
{
  SmartThread *thread = smart_thread_peek ();

  if (thread == NULL || g_cancellable_is_cancelled (cancellable) ||
      !smart_spares_may_keep (&thread->spare_cancellables, G_OBJECT (cancellable)))
    {
      g_object_unref (cancellable);
      return;
    }

  g_signal_handlers_destroy (cancellable);
  smart_spares_keep (&thread->spare_cancellables, G_OBJECT (cancellable));
}

/* HOLDS: outcome->lock */
static void
follow_upstream (SmartOutcome *outcome)
{
  if (outcome->upstream != NULL && smart_outcome_is_pending (outcome))
    smart_outcome_get_rare (outcome)->ties.follow_id =
        g_signal_connect_data (outcome->upstream, "cancelled", G_CALLBACK (follow),
                               g_object_ref (outcome->own), unref_object, 0);
}

/* An own one, made on demand. */
static GCancellable *
ensure_own (SmartOutcome *outcome)
{
  GCancellable *own = g_atomic_pointer_get (&outcome->own);
  GCancellable *made;
  gboolean shielded;

  if (own != NULL)
    return own;

  made = smart_cancellable_new ();

  /* Nothing to follow: no lock. */
  if (outcome->upstream == NULL)
    {
      if (g_atomic_pointer_compare_and_exchange (&outcome->own, NULL, made))
        return made;
      smart_cancellable_release (made);
      return g_atomic_pointer_get (&outcome->own);
    }

  g_mutex_lock (&outcome->lock);
  own = outcome->own;
  if (own == NULL)
    {
      own = made;
      g_atomic_pointer_set (&outcome->own, own);
      if (!outcome->shielded)
        follow_upstream (outcome);
    }
  shielded = outcome->shielded;
  g_mutex_unlock (&outcome->lock);

  if (own != made)
    smart_cancellable_release (made);
  /* If it was cancelled before the handler was there. If it is cancelled after,
   * the handler is called: the flag is set before the signal is emitted. */
  else if (!shielded && g_cancellable_is_cancelled (outcome->upstream))
    g_cancellable_cancel (own);

  return own;
}

/* What the body of the call sees. Not a reference; %NULL where nothing can
 * cancel it. */
GCancellable *
smart_outcome_get_cancellable (SmartOutcome *outcome)
{
  return outcome->wants_own ? ensure_own (outcome) : outcome->upstream;
}

/* Whether something has cancelled it, or is about to. */
static gboolean
is_own_cancelled (SmartOutcome *outcome)
{
  SmartRare *rare = smart_outcome_peek_rare (outcome);

  return g_cancellable_is_cancelled (g_atomic_pointer_get (&outcome->own)) ||
         (rare != NULL && g_atomic_int_get (&rare->cancel_asked));
}

gboolean
smart_outcome_is_cancelled (SmartOutcome *outcome)
{
  return g_cancellable_is_cancelled (outcome->upstream) ||
         (outcome->wants_own && is_own_cancelled (outcome));
}

/* What its body sees is not cancelled until smart_outcome_unshield(). Before anything
 * is done with its cancellable; unless it has an own one already, nobody else knows it. */
void
smart_outcome_shield (SmartOutcome *outcome)
{
  if (outcome->upstream == NULL && !outcome->wants_own)
    return;

  g_mutex_lock (&outcome->lock);
  /* Others may be reading it, without the lock, but only where it is set: then it is
   * not written. */
  if (!outcome->wants_own)
    outcome->wants_own = TRUE;
  outcome->shielded = TRUE;
  g_mutex_unlock (&outcome->lock);
}

/* In the thread that has begun its body. */
void
smart_outcome_unshield (SmartOutcome *outcome)
{
  GCancellable *own = NULL;

  g_mutex_lock (&outcome->lock);
  if (outcome->shielded)
    {
      outcome->shielded = FALSE;
      own = outcome->own;
      if (own != NULL)
        follow_upstream (outcome);
    }
  g_mutex_unlock (&outcome->lock);

  if (own != NULL && smart_outcome_is_cancelled (outcome))
    g_cancellable_cancel (own);
}

/* While @outcome is pending, to cancel it cancels @on, too. */
void
smart_outcome_depend (SmartOutcome *outcome, SmartOutcome *on)
{
  g_mutex_lock (&outcome->lock);
  if (smart_outcome_is_pending (outcome))
    {
      SmartTies *ties = &smart_outcome_get_rare (outcome)->ties;

      if (ties->depends == NULL)
        ties->depends = g_ptr_array_new_with_free_func ((GDestroyNotify) smart_outcome_unref);
      g_ptr_array_add (ties->depends, smart_outcome_ref (on));
    }
  g_mutex_unlock (&outcome->lock);
}

static gpointer
ref_outcome (gconstpointer outcome, gpointer unused)
{
  return smart_outcome_ref ((SmartOutcome *) outcome);
}

/* Nullable. */
static GPtrArray *
copy_depends (SmartOutcome *outcome)
{
  GPtrArray *depends = NULL;

  g_mutex_lock (&outcome->lock);
  if (outcome->rare != NULL && outcome->rare->ties.depends != NULL)
    depends = g_ptr_array_copy (outcome->rare->ties.depends, ref_outcome, NULL);
  g_mutex_unlock (&outcome->lock);

  if (depends != NULL)
    g_ptr_array_set_free_func (depends, (GDestroyNotify) smart_outcome_unref);

  return depends;
}

/* It is to be cancelled: whether it may be now. Where it is shielded after that, it
 * does not begin. */
static gboolean
ask_to_cancel (SmartOutcome *outcome)
{
  gboolean shielded;

  if (!outcome->wants_own)
    return TRUE;

  g_mutex_lock (&outcome->lock);
  shielded = outcome->shielded;
  g_atomic_int_set (&smart_outcome_get_rare (outcome)->cancel_asked, TRUE);
  g_mutex_unlock (&outcome->lock);

  return !shielded;
}

/* Takes @depends. */
static void
cancel_with (SmartOutcome *outcome, GPtrArray *depends)
{
  GCancellable *cancellable = smart_outcome_get_cancellable (outcome);

  if (cancellable != NULL && ask_to_cancel (outcome))
    g_cancellable_cancel (cancellable);

  if (depends == NULL)
    return;

  for (guint i = 0; i < depends->len; i++)
    if (smart_outcome_is_pending (g_ptr_array_index (depends, i)))
      smart_outcome_cancel (g_ptr_array_index (depends, i));
  g_ptr_array_unref (depends);
}

/* Whether it waits to begin: then it does so no more, and not even where it would
 * have waited next, until it has settled. */
static gboolean
leave_queue (SmartOutcome *outcome)
{
  gboolean was_queued;

  g_mutex_lock (&outcome->lock);
  was_queued = outcome->queued;
  if (was_queued)
    {
      outcome->queued = FALSE;
      outcome->begun = TRUE;
    }
  g_mutex_unlock (&outcome->lock);

  return was_queued;
}

static void
cancel_queued (GCancellable *cancellable, gpointer outcome)
{
  if (leave_queue (outcome))
    smart_outcome_settle_cancelled (outcome);
}

/* Its call waits for its turn, a thread or a context: whoever cancels it need not
 * wait for that. Any thread; more than once, if it waits for one after the other.
 * The call stays where it waits, and is dropped there. */
void
smart_outcome_queue (SmartOutcome *outcome)
{
  gboolean is_queued;

  if (outcome->upstream == NULL && !outcome->wants_own)
    return;

  g_mutex_lock (&outcome->lock);
  is_queued = smart_outcome_is_pending (outcome) && !outcome->begun && !outcome->queued &&
              (outcome->shielded || outcome->rare == NULL || outcome->rare->ties.abandon_id == 0);
  if (is_queued)
    {
      outcome->queued = TRUE;
      if (outcome->upstream != NULL)
        smart_outcome_get_rare (outcome)->ties.queued_id =
            g_signal_connect_data (outcome->upstream, "cancelled", G_CALLBACK (cancel_queued),
                                   smart_outcome_ref (outcome), unref_outcome, 0);
    }
  g_mutex_unlock (&outcome->lock);

  if (is_queued && smart_outcome_is_cancelled (outcome))
    cancel_queued (NULL, outcome);
}

/* Its call is about to begin: whether it may. From now on it is up to the body to
 * heed its cancellable. */
gboolean
smart_outcome_unqueue (SmartOutcome *outcome)
{
  gulong id = 0;

  if (outcome->upstream == NULL && !outcome->wants_own)
    return smart_outcome_is_pending (outcome);

  g_mutex_lock (&outcome->lock);
  outcome->queued = FALSE;
  outcome->begun = TRUE;
  if (outcome->rare != NULL)
    {
      id = outcome->rare->ties.queued_id;
      outcome->rare->ties.queued_id = 0;
    }
  g_mutex_unlock (&outcome->lock);

  /* See disconnect() in smart-future.c. */
  if (id != 0)
    g_signal_handler_disconnect (outcome->upstream, id);

  return smart_outcome_is_pending (outcome) && !smart_outcome_is_cancelled (outcome);
}

/* The caller holds a reference. */
void
smart_outcome_cancel (SmartOutcome *outcome)
{
  cancel_with (outcome, copy_depends (outcome));
  if (outcome->by_hand || leave_queue (outcome))
    smart_outcome_settle_cancelled (outcome);
}

/* Whoever waits for it was interrupted. What is not the library's to cancel, the
 * caller's own cancellable, is left alone. */
void
smart_outcome_interrupt (SmartOutcome *outcome)
{
  if (outcome->wants_own || outcome->by_hand)
    smart_outcome_cancel (outcome);
}

gboolean
smart_outcome_settle_cancelled (SmartOutcome *outcome)
{
  return smart_outcome_settle (outcome, NULL,
                               g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CANCELLED,
                                                    _ ("The operation was cancelled")),
                               NULL);
}

/* The deadline has passed: who waits is told first, then what is waited for. */
gboolean
smart_outcome_settle_timed_out (SmartOutcome *outcome)
{
  GPtrArray *depends = copy_depends (outcome);
  gboolean settled;

  settled = smart_outcome_settle (outcome, NULL,
                                  g_error_new_literal (G_IO_ERROR, G_IO_ERROR_TIMED_OUT,
                                                       _ ("The operation timed out")),
                                  NULL);
  if (settled)
    cancel_with (outcome, depends);
  else if (depends != NULL)
    g_ptr_array_unref (depends);

  return settled;
}

/* From now on, to cancel it settles it at once, whatever its body does. */
void
smart_outcome_abandon_on_cancel (SmartOutcome *outcome)
{
  GCancellable *cancellable = smart_outcome_get_cancellable (outcome);

  if (cancellable == NULL)
    return;

  g_mutex_lock (&outcome->lock);
  if (smart_outcome_is_pending (outcome))
    smart_outcome_get_rare (outcome)->ties.abandon_id =
        g_signal_connect_data (cancellable, "cancelled", G_CALLBACK (abandon),
                               smart_outcome_ref (outcome), unref_outcome, 0);
  g_mutex_unlock (&outcome->lock);

  if (g_cancellable_is_cancelled (cancellable))
    smart_outcome_settle_cancelled (outcome);
}

static gboolean
deadline_passed (gpointer data)
{
  smart_outcome_settle_timed_out (data);
  return G_SOURCE_REMOVE;
}

static void
release_outcome (gpointer data)
{
  smart_outcome_unref (data);
}

/* The deadline of a call whose caller iterates @context. The first one counts:
 * what runs an asynchronous body to its end for somebody else, who has set one
 * already, sets none. */
void
smart_outcome_set_deadline (SmartOutcome *outcome, GMainContext *context, guint msec)
{
  GSource *timer = g_timeout_source_new (msec);
  gboolean pending;
  SmartTies *ties;

  g_source_set_static_name (timer, "smartasync deadline");
  g_source_set_priority (timer, G_PRIORITY_HIGH);
  g_source_set_callback (timer, deadline_passed, smart_outcome_ref (outcome), release_outcome);

  g_source_attach (timer, context);

  g_mutex_lock (&outcome->lock);
  ties = &smart_outcome_get_rare (outcome)->ties;
  pending = smart_outcome_is_pending (outcome) && ties->timer == NULL;
  if (pending)
    {
      ties->timer = g_source_ref (timer);
      /* Who settles it destroys the timer, while the owner may free the context. */
      smart_home_set (&ties->timed_by, context);
    }
  g_mutex_unlock (&outcome->lock);

  if (!pending)
    g_source_destroy (timer);
  g_source_unref (timer);
}
