/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One future made of several: all, any, race, with a timeout. */

#include "smart-future-private.h"
#include "smart-context-private.h"

#include "smart-i18n-private.h"
#include "smart-executor-private.h"

typedef enum
{
  ALL,
  ANY,
  RACE
} Kind;

/* Shared by the listeners to the branches. */
typedef struct
{
  Kind kind;              /* immutable */
  SmartOutcome *outcome;  /* immutable: what they are combined to; a reference */
  GPtrArray *branches;    /* immutable once all are listened to; references */
  int n_left;             /* atomic: those that have not settled */
  SmartOutcome *rejected; /* atomic: of the branches, the one that was rejected first */
} Combination;

typedef struct
{
  SmartListener base;
  Combination *combination; /* a reference */
} BranchListener;

static void
combination_clear (gpointer data)
{
  Combination *combination = data;

  smart_outcome_unref (combination->outcome);
  g_ptr_array_unref (combination->branches);
}

static void
cancel_the_others (Combination *combination)
{
  for (guint i = 0; i < combination->branches->len; i++)
    {
      SmartOutcome *branch = g_ptr_array_index (combination->branches, i);

      if (smart_outcome_is_pending (branch))
        smart_outcome_cancel (branch);
    }
}

/* Whether @branch, which has settled, decides how all of it settles. */
static gboolean
is_decided (Combination *combination, SmartOutcome *branch)
{
  gboolean is_last = g_atomic_int_dec_and_test (&combination->n_left);

  switch (combination->kind)
    {
    case ALL:
      return is_last || smart_outcome_peek_error (branch) != NULL;
    case ANY:
      if (smart_outcome_peek_error (branch) != NULL)
        g_atomic_pointer_compare_and_exchange (&combination->rejected, NULL, branch);
      return is_last || smart_outcome_peek_error (branch) == NULL;
    case RACE:
    default:
      return TRUE;
    }
}

static void
branch_told (SmartParcel *parcel, gboolean run)
{
  BranchListener *listener = (BranchListener *) parcel;
  SmartListener *base = &listener->base;
  Combination *combination = listener->combination;
  SmartOutcome *branch = base->outcome;

  if (is_decided (combination, branch))
    {
      gboolean settled;

      if (combination->kind == ALL && smart_outcome_peek_error (branch) == NULL)
        settled = smart_outcome_settle (combination->outcome, NULL, NULL, NULL);
      else if (combination->kind == ANY && smart_outcome_peek_error (branch) != NULL)
        settled = smart_outcome_settle_like (combination->outcome,
                                             g_atomic_pointer_get (&combination->rejected));
      else
        settled = smart_outcome_settle_like (combination->outcome, branch);

      if (settled)
        cancel_the_others (combination);
    }

  g_atomic_rc_box_release_full (combination, combination_clear);
  smart_listener_clear (base);
  g_free (listener);
}

static SmartFuture *
combine (Kind kind, SmartFuture **futures, guint n_futures)
{
  SmartOutcome *outcome = smart_outcome_new (NULL, TRUE);
  SmartFuture *future = smart_future_new_for_outcome (outcome);
  Combination *combination;

  if (n_futures == 0)
    {
      smart_outcome_settle (outcome, NULL,
                            kind == ALL
                                ? NULL
                                : g_error_new_literal (SMART_ERROR, SMART_ERROR_INVALID_ARGUMENTS,
                                                       _ ("There is no future to wait for")),
                            NULL);
      smart_outcome_unref (outcome);
      return future;
    }

  outcome->needs_any = kind != ALL;
  combination = g_atomic_rc_box_new0 (Combination);
  combination->kind = kind;
  combination->outcome = outcome;
  combination->n_left = (int) n_futures;
  combination->branches = g_ptr_array_new_full (n_futures, (GDestroyNotify) smart_outcome_unref);

  for (guint i = 0; i < n_futures; i++)
    {
      SmartOutcome *branch = smart_outcome_ref (smart_future_get_outcome (futures[i]));

      g_ptr_array_add (combination->branches, branch);
      smart_outcome_depend (outcome, branch);
      smart_outcome_need (outcome, branch);
      /* Who waits for all of it, where they were begun, iterates for each. */
      smart_outcome_adopt_home (outcome, branch);
    }

  for (guint i = 0; i < n_futures; i++)
    {
      BranchListener *listener = g_new0 (BranchListener, 1);

      listener->base.parcel.deliver = branch_told;
      listener->combination = g_atomic_rc_box_acquire (combination);
      smart_outcome_listen (g_ptr_array_index (combination->branches, i), &listener->base);
    }

  g_atomic_rc_box_release_full (combination, combination_clear);

  return future;
}

static SmartFuture *
combine_valist (Kind kind, SmartFuture *first, va_list args)
{
  g_autoptr (GPtrArray) futures = g_ptr_array_new ();

  for (SmartFuture *future = first; future != NULL; future = va_arg (args, SmartFuture *))
    {
      g_return_val_if_fail (SMART_IS_FUTURE (future), NULL);
      g_ptr_array_add (futures, future);
    }

  return combine (kind, (SmartFuture **) futures->pdata, futures->len);
}

static gboolean
are_futures (SmartFuture **futures, guint n_futures)
{
  if (n_futures > 0 && futures == NULL)
    return FALSE;

  for (guint i = 0; i < n_futures; i++)
    if (!SMART_IS_FUTURE (futures[i]))
      return FALSE;

  return TRUE;
}

/**
 * smart_future_all: (skip)
 * @first: (nullable): a future
 * @...: more of them, then %NULL
 *
 * Waits for all of several futures. What is returned is resolved, without a
 * value, when all of them are: each has its own value. It is rejected as soon as
 * one of them is, with that error, and the others are cancelled. Without any, it
 * is resolved at once.
 *
 * To cancel it cancels them all. May be called from any thread; so may
 * smart_future_any() and smart_future_race().
 *
 * Returns: (transfer full): a future
 *
 * Since: 1.0
 */
SmartFuture *
smart_future_all (SmartFuture *first, ...)
{
  SmartFuture *future;
  va_list args;

  va_start (args, first);
  future = combine_valist (ALL, first, args);
  va_end (args);

  return future;
}

/**
 * smart_future_allv:
 * @futures: (array length=n_futures) (nullable): futures
 * @n_futures: their number
 *
 * Waits for all of several futures. What is returned is resolved, without a
 * value, when all of them are: each has its own value. It is rejected as soon as
 * one of them is, with that error, and the others are cancelled. Without any, it
 * is resolved at once.
 *
 * To cancel it cancels them all. May be called from any thread.
 *
 * Returns: (transfer full): a future
 *
 * Since: 1.0
 */
SmartFuture *
smart_future_allv (SmartFuture **futures, guint n_futures)
{
  g_return_val_if_fail (are_futures (futures, n_futures), NULL);

  return combine (ALL, futures, n_futures);
}

/**
 * smart_future_any: (skip)
 * @first: (nullable): a future
 * @...: more of them, then %NULL
 *
 * Waits for the first of several futures that is resolved, and gives its value;
 * the others are cancelled. It is rejected when all of them are, with the error
 * that came first. Without any, it is %SMART_ERROR_INVALID_ARGUMENTS.
 *
 * Returns: (transfer full): a future
 *
 * Since: 1.0
 */
SmartFuture *
smart_future_any (SmartFuture *first, ...)
{
  SmartFuture *future;
  va_list args;

  va_start (args, first);
  future = combine_valist (ANY, first, args);
  va_end (args);

  return future;
}

/**
 * smart_future_anyv:
 * @futures: (array length=n_futures) (nullable): futures
 * @n_futures: their number
 *
 * Waits for the first of several futures that is resolved, and gives its value;
 * the others are cancelled. It is rejected when all of them are, with the error
 * that came first. Without any, it is %SMART_ERROR_INVALID_ARGUMENTS.
 *
 * Returns: (transfer full): a future
 *
 * Since: 1.0
 */
SmartFuture *
smart_future_anyv (SmartFuture **futures, guint n_futures)
{
  g_return_val_if_fail (are_futures (futures, n_futures), NULL);

  return combine (ANY, futures, n_futures);
}

/**
 * smart_future_race: (skip)
 * @first: (nullable): a future
 * @...: more of them, then %NULL
 *
 * Waits for the first of several futures that settles, and gives its value or
 * its error; the others are cancelled. Without any, it is
 * %SMART_ERROR_INVALID_ARGUMENTS.
 *
 * Returns: (transfer full): a future
 *
 * Since: 1.0
 */
SmartFuture *
smart_future_race (SmartFuture *first, ...)
{
  SmartFuture *future;
  va_list args;

  va_start (args, first);
  future = combine_valist (RACE, first, args);
  va_end (args);

  return future;
}

/**
 * smart_future_racev:
 * @futures: (array length=n_futures) (nullable): futures
 * @n_futures: their number
 *
 * Waits for the first of several futures that settles, and gives its value or
 * its error; the others are cancelled. Without any, it is
 * %SMART_ERROR_INVALID_ARGUMENTS.
 *
 * Returns: (transfer full): a future
 *
 * Since: 1.0
 */
SmartFuture *
smart_future_racev (SmartFuture **futures, guint n_futures)
{
  g_return_val_if_fail (are_futures (futures, n_futures), NULL);

  return combine (RACE, futures, n_futures);
}

/**
 * smart_future_with_timeout:
 * @future: a future
 * @msec: how long it may take from now, in milliseconds
 *
 * Gives what @future gives, if that comes in time; else %G_IO_ERROR_TIMED_OUT,
 * and @future is cancelled. No main loop needs to run for that: the library starts
 * a thread for the first such deadline. Where the system has none, it is
 * %G_IO_ERROR_FAILED, and @future goes on.
 *
 * It has the progress of @future, too. To cancel it cancels @future. May be called
 * from any thread.
 *
 * Returns: (transfer full): a future
 *
 * Since: 1.0
 */
SmartFuture *
smart_future_with_timeout (SmartFuture *future, guint msec)
{
  SmartOutcome *inner, *outcome;
  SmartFuture *result;
  GError *error = NULL;

  g_return_val_if_fail (SMART_IS_FUTURE (future), NULL);

  inner = smart_future_get_outcome (future);
  outcome = smart_outcome_new (NULL, TRUE);
  result = smart_future_new_for_outcome (outcome);
  smart_outcome_depend (outcome, inner);
  smart_outcome_adopt_home (outcome, inner);
  smart_outcome_follow_progress (inner, outcome, smart_context_get_inbox (G_PRIORITY_DEFAULT));
  smart_outcome_lead (inner, outcome);
  if (smart_outcome_is_pending (outcome) && !smart_executor_set_deadline (outcome, msec, &error))
    smart_outcome_settle (outcome, NULL, error, NULL);
  smart_outcome_unref (outcome);

  return result;
}
