/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Whose turn is it? The limit of a function, its max-concurrency: first come,
 * first served. To wait for a turn costs no worker: a call in an async context
 * waits in the queue, and a sync caller in his own thread. */

#include "smart-turns-private.h"

#include "smart-async-func-private.h"
#include "smart-executor-private.h"

/* One that waits. */
typedef struct
{
  SmartCall *call;         /* a reference; of a caller in an async context */
  SmartOutcome *turn;      /* a reference; of one in a sync context, who waits for it */
  SmartOutcome *outcome;   /* a reference; of the call */
  SmartExecutor *executor; /* its function's, who keeps it; nullable */
} Turn;

/* Whoever is told that the turn has come, or that it never will. */
static SmartOutcome *
get_waiting (Turn *turn)
{
  return turn->turn != NULL ? turn->turn : turn->outcome;
}

void
smart_turns_init (SmartTurns *turns)
{
  g_mutex_init (&turns->lock);
  g_queue_init (&turns->waiting);
  g_queue_init (&turns->granted);
  turns->holders = g_ptr_array_new ();
}

/* Nobody waits, since a call that does holds its function. */
void
smart_turns_clear (SmartTurns *turns)
{
  g_ptr_array_unref (turns->holders);
  g_mutex_clear (&turns->lock);
}

/* The outcomes of those who have a turn, pinned. Any thread. */
GPtrArray *
smart_turns_pin_holders (SmartTurns *turns)
{
  GPtrArray *holders = g_ptr_array_new_with_free_func ((GDestroyNotify) smart_outcome_unpin);

  g_mutex_lock (&turns->lock);
  for (guint i = 0; i < turns->holders->len; i++)
    g_ptr_array_add (holders, smart_outcome_pin (g_ptr_array_index (turns->holders, i)));
  g_mutex_unlock (&turns->lock);

  return holders;
}

/* What settles for those who wait for one, the next first, pinned: the outcome of the call
 * or, for a sync caller, of his wait. Any thread. */
GPtrArray *
smart_turns_pin_queue (SmartTurns *turns)
{
  GPtrArray *queue = g_ptr_array_new_with_free_func ((GDestroyNotify) smart_outcome_unpin);

  g_mutex_lock (&turns->lock);
  for (GList *link = turns->waiting.head; link != NULL; link = link->next)
    g_ptr_array_add (queue, smart_outcome_pin (get_waiting (link->data)));
  g_mutex_unlock (&turns->lock);

  return queue;
}

/* A call made by a descendant of a running call of the same function runs in
 * that call's turn. */
static gboolean
is_within (SmartCall *call)
{
  return smart_lineage_has_turn (smart_call_get_lineage (call), smart_call_get_func (call));
}

/* HOLDS: turns->lock */
static gboolean
take_free (SmartTurns *turns, SmartCall *call)
{
  if (turns->holders->len >= smart_call_get_func (call)->max_concurrency)
    return FALSE;

  g_ptr_array_add (turns->holders, smart_outcome_ref (smart_call_get_outcome (call)));
  return TRUE;
}

/* Whether some have got a turn that were not placed yet: who comes now and finds a
 * free one must not overtake them. HOLDS: turns->lock */
static gboolean
is_placing (SmartTurns *turns)
{
  return turns->granting || !g_queue_is_empty (&turns->granted);
}

/* @turn (taken) has to wait in @queue. FALSE: its executor is closed, and @turn is
 * left. HOLDS: turns->lock, and takes the executor's */
static gboolean
enqueue (GQueue *queue, Turn *turn)
{
  if (turn->executor != NULL && !smart_executor_watch (turn->executor, get_waiting (turn)))
    return FALSE;

  g_queue_push_tail (queue, turn);
  return TRUE;
}

/* It does not wait any more. */
static void
turn_free (Turn *turn)
{
  if (turn->executor != NULL)
    smart_executor_unwatch (turn->executor, get_waiting (turn));
  if (turn->turn != NULL)
    smart_outcome_unref (turn->turn);
  smart_outcome_unref (turn->outcome);
  g_free (turn);
}

/* For a caller in an async context: whether @call can run now. If not, it is
 * taken, and placed when its turn comes. */
gboolean
smart_turns_take (SmartTurns *turns, SmartCall *call)
{
  SmartOutcome *outcome;
  SmartInbox *home = NULL;
  Turn *refused = NULL;
  gboolean has_turn, taken;

  if (is_within (call))
    return TRUE;

  smart_call_set_turn (call);
  outcome = smart_outcome_ref (smart_call_get_outcome (call));
  if (smart_call_get_inbox (call) != NULL && smart_dispatch_is_at_home (call))
    home = smart_inbox_ref (smart_call_get_inbox (call));

  g_mutex_lock (&turns->lock);
  has_turn = take_free (turns, call);
  taken = has_turn && !is_placing (turns);
  if (!taken)
    {
      Turn *turn = g_new0 (Turn, 1);

      turn->call = call;
      turn->outcome = smart_outcome_ref (outcome);
      turn->executor = smart_call_get_func (call)->executor;
      smart_call_set_awaits_turn (call, TRUE);
      if (!enqueue (has_turn ? &turns->granted : &turns->waiting, turn))
        refused = turn;
    }
  g_mutex_unlock (&turns->lock);

  if (refused != NULL)
    {
      turn_free (refused);
      smart_call_set_awaits_turn (call, FALSE);
      if (!has_turn)
        smart_call_forget_turn (call);
      smart_executor_refuse (call, smart_executor_new_closed_error ());
    }
  else if (!taken)
    {
      /* If it has got its turn meanwhile, and begun, this does nothing. */
      smart_outcome_queue (outcome);
      if (home != NULL)
        smart_outcome_set_weak_home (outcome, home);
    }
  if (home != NULL)
    smart_inbox_unref (home);
  smart_outcome_unref (outcome);

  return taken;
}

/* Ends a wait for @turn, which is freed unless it came meanwhile: then FALSE. */
static gboolean
leave_queue (SmartTurns *turns, SmartOutcome *mine)
{
  Turn *turn = NULL;

  g_mutex_lock (&turns->lock);
  for (GList *link = turns->waiting.head; link != NULL; link = link->next)
    if (((Turn *) link->data)->turn == mine)
      {
        turn = link->data;
        g_queue_delete_link (&turns->waiting, link);
        break;
      }
  g_mutex_unlock (&turns->lock);

  if (turn == NULL)
    return FALSE;

  turn_free (turn);
  return TRUE;
}

/* Why its turn never came, or is of no use any more. */
static void
settle_without_turn (SmartOutcome *outcome, SmartOutcome *mine, GError *refused)
{
  if (refused != NULL)
    smart_outcome_settle (outcome, NULL, refused, NULL);
  else if (smart_outcome_is_cancelled (outcome))
    smart_outcome_settle_cancelled (outcome);
  else if (!smart_outcome_is_pending (mine) && smart_outcome_peek_error (mine) != NULL)
    smart_outcome_settle (outcome, NULL, g_error_copy (smart_outcome_peek_error (mine)), NULL);
  else
    smart_outcome_settle_timed_out (outcome);
}

/* For a caller in a sync context: waits for the turn. If it does not come, the
 * outcome of @call has settled. */
gboolean
smart_turns_wait (SmartTurns *turns, SmartCall *call)
{
  SmartOutcome *outcome = smart_call_get_outcome (call);
  SmartOutcome *mine;
  Turn *turn;
  gboolean has_turn;
  GError *refused = NULL;

  if (is_within (call))
    return TRUE;

  g_mutex_lock (&turns->lock);
  if (take_free (turns, call))
    {
      g_mutex_unlock (&turns->lock);
      smart_call_set_turn (call);
      return TRUE;
    }
  mine = smart_outcome_new (NULL, FALSE);
  smart_outcome_get_rare (mine)->awaited_turns = turns;
  turn = g_new0 (Turn, 1);
  turn->turn = smart_outcome_ref (mine);
  turn->outcome = smart_outcome_ref (outcome);
  turn->executor = smart_call_get_func (call)->executor;
  if (!enqueue (&turns->waiting, turn))
    {
      g_mutex_unlock (&turns->lock);
      turn_free (turn);
      smart_outcome_unref (mine);
      smart_outcome_settle (outcome, NULL, smart_executor_new_closed_error (), NULL);
      return FALSE;
    }
  g_mutex_unlock (&turns->lock);

  smart_outcome_block (mine, smart_call_get_deadline (call), smart_call_get_cancellable (call),
                       &refused);

  /* If it is not in the queue any more, its turn has come, however the wait ended. */
  has_turn = !leave_queue (turns, mine);

  if (has_turn && refused == NULL && !smart_outcome_is_cancelled (outcome))
    {
      smart_outcome_unref (mine);
      smart_call_set_turn (call);
      return TRUE;
    }

  /* The turn may have come all the same, between the end of the wait and now:
   * it is passed on, for a call that was cancelled never begins. */
  if (has_turn)
    smart_turns_release (turns, outcome);
  settle_without_turn (outcome, mine, refused);
  smart_outcome_unref (mine);

  return FALSE;
}

/* Places @call (taken), if anybody still wants it to run. */
static gboolean
grant_call (SmartCall *call)
{
  SmartOutcome *outcome = smart_call_get_outcome (call);

  smart_call_set_awaits_turn (call, FALSE);
  if (smart_outcome_is_pending (outcome) && !smart_outcome_is_cancelled (outcome))
    return smart_place_later (call);

  smart_call_forget_turn (call);
  smart_call_may_run (call);
  return FALSE;
}

/* Whether who waited has use for the turn (taken). Nothing of it is kept meanwhile: a
 * reference to the outcome could be the last one when the call has ended. */
static gboolean
grant (Turn *turn)
{
  SmartCall *call = turn->call;
  SmartOutcome *mine = turn->turn != NULL ? smart_outcome_ref (turn->turn) : NULL;

  turn_free (turn);
  if (mine == NULL)
    return grant_call (call);

  smart_outcome_settle (mine, NULL, NULL, NULL);
  smart_outcome_unref (mine);
  return TRUE;
}

/* @outcome has no turn any more: the next one has it. HOLDS: turns->lock */
static gboolean
pass_on (SmartTurns *turns, SmartOutcome *outcome)
{
  Turn *next;

  if (!g_ptr_array_remove_fast (turns->holders, outcome))
    return FALSE;

  next = g_queue_pop_head (&turns->waiting);
  if (next != NULL)
    {
      g_ptr_array_add (turns->holders, smart_outcome_ref (next->outcome));
      g_queue_push_tail (&turns->granted, next);
    }

  return TRUE;
}

/* Places those who have got a turn, in the order in which they came: one thread at
 * a time, whoever is first does it for the others. The caller keeps the function. */
static void
place_granted (SmartTurns *turns)
{
  Turn *turn;

  g_mutex_lock (&turns->lock);
  if (turns->granting)
    {
      g_mutex_unlock (&turns->lock);
      return;
    }

  turns->granting = TRUE;
  while ((turn = g_queue_pop_head (&turns->granted)) != NULL)
    {
      /* Identity only: whoever has no use for it leaves it among the holders. */
      SmartOutcome *outcome = turn->outcome;
      gboolean held;

      g_mutex_unlock (&turns->lock);
      if (grant (turn))
        {
          g_mutex_lock (&turns->lock);
          continue;
        }

      g_mutex_lock (&turns->lock);
      held = pass_on (turns, outcome);
      g_mutex_unlock (&turns->lock);
      if (held)
        smart_outcome_unref (outcome);
      g_mutex_lock (&turns->lock);
    }
  turns->granting = FALSE;
  g_mutex_unlock (&turns->lock);
}

/* Ends the turn of the call that @outcome is of: the next one has it. Any thread;
 * the caller keeps the function, and a reference to @outcome. */
void
smart_turns_release (SmartTurns *turns, SmartOutcome *outcome)
{
  gboolean held, is_granted;

  g_mutex_lock (&turns->lock);
  held = pass_on (turns, outcome);
  is_granted = !g_queue_is_empty (&turns->granted);
  g_mutex_unlock (&turns->lock);

  if (held)
    smart_outcome_unref (outcome);
  if (is_granted)
    place_granted (turns);
}
