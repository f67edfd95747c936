/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Whose turn is it? The limit of a function, its max-concurrency: first come,
 * first served. To wait for a turn costs no worker: a call in an async context
 * waits in the queue, and a sync caller in his own thread. */

#include "smart-turns-private.h"

#include "smart-async-func-private.h"

/* One that waits. */
typedef struct
{
  SmartCall *call;    /* a reference; of a caller in an async context */
  SmartOutcome *turn; /* a reference; of one in a sync context, who waits for it */
} Turn;

void
smart_turns_init (SmartTurns *turns)
{
  g_mutex_init (&turns->lock);
  g_queue_init (&turns->waiting);
}

/* Nobody waits, since a call that does holds its function. */
void
smart_turns_clear (SmartTurns *turns)
{
  g_mutex_clear (&turns->lock);
}

/* A call made by a descendant of a running call of the same function runs in
 * that call's turn. */
static gboolean
is_within (SmartCall *call)
{
  return smart_lineage_contains (smart_call_get_lineage (call), smart_call_get_func (call));
}

/* HOLDS: turns->lock */
static gboolean
take_free (SmartTurns *turns, SmartCall *call)
{
  if (turns->n_running >= smart_call_get_func (call)->max_concurrency)
    return FALSE;

  turns->n_running++;
  return TRUE;
}

/* For a caller in an async context: whether @call can run now. If not, it is
 * taken, and placed when its turn comes. */
gboolean
smart_turns_take (SmartTurns *turns, SmartCall *call)
{
  gboolean taken;

  if (is_within (call))
    return TRUE;

  smart_call_set_turn (call, turns);

  g_mutex_lock (&turns->lock);
  taken = take_free (turns, call);
  if (!taken)
    {
      Turn *turn = g_new0 (Turn, 1);

      turn->call = call;
      g_queue_push_tail (&turns->waiting, turn);
    }
  g_mutex_unlock (&turns->lock);

  return taken;
}

/* For a caller in a sync context: waits for the turn. If it does not come, the
 * outcome of @call has settled. */
gboolean
smart_turns_wait (SmartTurns *turns, SmartCall *call)
{
  SmartOutcome *outcome = smart_call_get_outcome (call);
  SmartOutcome *mine;
  Turn *turn;
  GList *link;
  gboolean settled;

  if (is_within (call))
    return TRUE;

  g_mutex_lock (&turns->lock);
  if (take_free (turns, call))
    {
      g_mutex_unlock (&turns->lock);
      smart_call_set_turn (call, turns);
      return TRUE;
    }
  mine = smart_outcome_new (NULL, FALSE);
  turn = g_new0 (Turn, 1);
  turn->turn = smart_outcome_ref (mine);
  g_queue_push_tail (&turns->waiting, turn);
  g_mutex_unlock (&turns->lock);

  settled =
      smart_outcome_block (mine, smart_call_get_deadline (call), smart_call_get_cancellable (call));

  if (!settled)
    {
      /* It leaves the queue; if its turn came meanwhile, it has it. */
      g_mutex_lock (&turns->lock);
      for (link = turns->waiting.head; link != NULL; link = link->next)
        if (((Turn *) link->data)->turn == mine)
          break;
      if (link != NULL)
        {
          turn = link->data;
          g_queue_delete_link (&turns->waiting, link);
        }
      g_mutex_unlock (&turns->lock);

      if (link != NULL)
        {
          smart_outcome_unref (turn->turn);
          g_free (turn);
        }
      else
        {
          settled = TRUE;
        }
    }
  smart_outcome_unref (mine);

  if (settled && !smart_outcome_is_cancelled (outcome))
    {
      smart_call_set_turn (call, turns);
      return TRUE;
    }

  /* The turn may have come all the same, between the end of the wait and now:
   * it is passed on, for a call that was cancelled never begins. */
  if (settled)
    smart_turns_release (turns);
  if (smart_outcome_is_cancelled (outcome))
    smart_outcome_settle_cancelled (outcome);
  else
    smart_outcome_settle_timed_out (outcome);

  return FALSE;
}

/* Whether who waited has use for the turn. */
static gboolean
grant (Turn *turn)
{
  SmartOutcome *outcome;
  gboolean wanted = TRUE;

  if (turn->turn != NULL)
    {
      smart_outcome_settle (turn->turn, NULL, NULL, NULL);
      smart_outcome_unref (turn->turn);
    }
  else
    {
      outcome = smart_call_get_outcome (turn->call);
      wanted = smart_outcome_is_pending (outcome) && !smart_outcome_is_cancelled (outcome);
      if (wanted)
        {
          wanted = smart_place_later (turn->call);
        }
      else
        {
          smart_call_forget_turn (turn->call);
          smart_call_may_run (turn->call);
        }
    }

  g_free (turn);
  return wanted;
}

/* Ends a turn: the next one has it. Any thread. */
void
smart_turns_release (SmartTurns *turns)
{
  Turn *next;

  do
    {
      g_mutex_lock (&turns->lock);
      next = g_queue_pop_head (&turns->waiting);
      if (next == NULL)
        turns->n_running--;
      g_mutex_unlock (&turns->lock);
    }
  while (next != NULL && !grant (next));
}
