/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Who waits for whom. Every thread that the library makes wait is known here;
 * what a pending outcome needs, its call and the outcome itself know. A wait that
 * would close a ring, and so never end, is refused.
 *
 * A ring is certain only if nobody outside it can break it. So a wait with a
 * deadline, a future that is settled by hand, a call with a timeout, a context
 * whose owner is not known and a thread that runs, all end the search: what is
 * beyond them may go on. Of what any one of several can settle, all must be
 * stuck.
 *
 * The order of locks: the graph's, then an outcome's or a queue's. Nobody takes
 * the graph's lock while he holds another of the library's. */

#include "smart-wait-private.h"

#include "smart-async-func-private.h"
#include "smart-i18n-private.h"
#include "smart-offload-private.h"

#include <smartasync-glib/smart-debug.h>

static GMutex graph_lock;
static GQueue waits = G_QUEUE_INIT; /* graph_lock: of SmartWait, the oldest first */

/* One search. */
typedef struct
{
  SmartWait *self; /* the wait that is about to begin, nullable */
  GPtrArray *path; /* the outcomes that are being looked at */
  GPtrArray *seen; /* those that were found to be able to go on */
  GString *chain;  /* what was found on the way to a ring */
} Search;

static gboolean is_stuck (Search *search, SmartOutcome *outcome);

/* Links in the chain, the last one first. */
static void G_GNUC_PRINTF (2, 3) add_link (Search *search, const char *format, ...)
{
  va_list args;
  char *text;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);

  if (search->chain->len > 0)
    g_string_prepend (search->chain, "; ");
  g_string_prepend (search->chain, text);
  g_free (text);
}

/* HOLDS: graph_lock */
static SmartWait *
find_wait (SmartThread *thread)
{
  for (GList *l = waits.tail; l != NULL; l = l->prev)
    if (((SmartWait *) l->data)->thread == thread)
      return l->data;

  return NULL;
}

static gboolean
owns (SmartWait *wait, GMainContext *context)
{
  for (guint i = 0; i < SMART_WAIT_N_OWNED; i++)
    if (wait->owned[i] == context)
      return TRUE;

  return FALSE;
}

/* HOLDS: graph_lock */
static gboolean
is_wait_stuck (Search *search, SmartWait *wait)
{
  if (wait == search->self)
    return TRUE;

  return wait->outcome != NULL && !wait->has_deadline && is_stuck (search, wait->outcome);
}

/* Whether @thread cannot go on. HOLDS: graph_lock */
static gboolean
is_thread_stuck (Search *search, SmartThread *thread)
{
  SmartWait *wait;

  /* Its innermost wait; the one that is about to begin would be that. */
  if (search->self != NULL && search->self->thread == thread)
    return TRUE;

  wait = find_wait (thread);
  return wait != NULL && is_wait_stuck (search, wait);
}

/* Whether nobody will iterate @context. HOLDS: graph_lock */
static gboolean
is_context_stuck (Search *search, GMainContext *context, const char *what)
{
  SmartThread *asked = NULL;

  if (search->self != NULL)
    {
      if (search->self->context == context)
        return FALSE;
      if (owns (search->self, context))
        {
          add_link (search,
                    _ ("%s needs main context %p, which thread %d owns and would not iterate"),
                    what, (gpointer) context, search->self->thread->id);
          return TRUE;
        }
    }

  for (GList *l = waits.tail; l != NULL; l = l->prev)
    {
      SmartWait *wait = l->data;

      /* Only a thread's innermost wait counts. */
      if (!owns (wait, context) || wait->thread == asked || find_wait (wait->thread) != wait)
        continue;

      asked = wait->thread;
      if (wait->context != context && is_wait_stuck (search, wait))
        {
          add_link (search, _ ("%s needs main context %p, which thread %d owns"), what,
                    (gpointer) context, wait->thread->id);
          return TRUE;
        }
    }

  return FALSE;
}

/* Those who have the turns, of whom any one can end its turn. HOLDS: graph_lock */
static gboolean
are_holders_stuck (Search *search, SmartTurns *turns, const char *what)
{
  g_autoptr (GPtrArray) holders = smart_turns_ref_holders (turns);
  gboolean stuck = holders->len > 0;

  for (guint i = 0; i < holders->len && stuck; i++)
    stuck = is_stuck (search, g_ptr_array_index (holders, i));

  if (stuck)
    add_link (search, _ ("%s waits for its turn"), what);

  return stuck;
}

/* The threads of an executor, of which any one can take the next call. HOLDS:
 * graph_lock */
static gboolean
is_pool_stuck (Search *search, SmartPool *pool, const char *what)
{
  guint n_stuck = 0;

  if (search->self != NULL && search->self->thread->pool == pool)
    n_stuck++;

  for (GList *l = waits.head; l != NULL; l = l->next)
    {
      SmartWait *wait = l->data;

      if (wait->thread->pool != pool || find_wait (wait->thread) != wait ||
          (search->self != NULL && wait->thread == search->self->thread))
        continue;
      if (is_wait_stuck (search, wait))
        n_stuck++;
    }

  if (n_stuck < smart_pool_get_max_threads (pool))
    return FALSE;

  add_link (search, _ ("%s waits for a thread of its executor"), what);
  return TRUE;
}

/* What an outcome needs, as it is now. */
typedef struct
{
  gboolean can_go_on; /* whatever others do */
  char *what;
  gboolean has_call;
  SmartCallNeeds call;
  GMainContext *home; /* a reference */
  GPtrArray *needs;   /* references */
  gboolean any;       /* of the needs, any one suffices */
} Needs;

static gpointer
ref_outcome (gconstpointer outcome, gpointer unused)
{
  return smart_outcome_ref ((SmartOutcome *) outcome);
}

static void
look_at (SmartOutcome *outcome, Needs *needs)
{
  memset (needs, 0, sizeof *needs);

  g_mutex_lock (&outcome->lock);

  needs->can_go_on =
      !smart_outcome_is_pending (outcome) || outcome->by_hand || outcome->timer != NULL;
  if (!needs->can_go_on)
    {
      /* The call is there: before it goes, it settles, under the lock. */
      needs->has_call = outcome->call != NULL;
      if (needs->has_call)
        smart_call_get_needs (outcome->call, &needs->call);
      if (outcome->awaited_turns != NULL)
        needs->call.turns = outcome->awaited_turns;

      if (outcome->name != NULL)
        needs->what = g_strdup (outcome->name);
      else if (outcome->call != NULL)
        needs->what = g_strdup (smart_call_get_label (outcome->call));
      else
        needs->what = g_strdup_printf (_ ("a future (%p)"), (gpointer) outcome);

      if (outcome->home != NULL)
        needs->home = g_main_context_ref (outcome->home);
      if (outcome->needs != NULL)
        {
          needs->needs = g_ptr_array_copy (outcome->needs, ref_outcome, NULL);
          g_ptr_array_set_free_func (needs->needs, (GDestroyNotify) smart_outcome_unref);
        }
      needs->any = outcome->needs_any;
    }

  g_mutex_unlock (&outcome->lock);
}

static void
needs_clear (Needs *needs)
{
  g_free (needs->what);
  g_clear_pointer (&needs->home, g_main_context_unref);
  g_clear_pointer (&needs->needs, g_ptr_array_unref);
}

static gboolean
are_needs_stuck (Search *search, Needs *needs)
{
  gboolean stuck = needs->any;

  for (guint i = 0; i < needs->needs->len; i++)
    {
      stuck = is_stuck (search, g_ptr_array_index (needs->needs, i));
      if (stuck != needs->any)
        break;
    }

  if (stuck)
    add_link (search, _ ("%s waits for another one"), needs->what);

  return stuck;
}

static gboolean
find_reason (Search *search, Needs *needs)
{
  if (needs->can_go_on)
    return FALSE;

  if (needs->call.runner != NULL)
    {
      if (!is_thread_stuck (search, needs->call.runner))
        return FALSE;
      add_link (search, _ ("%s runs on thread %d, which waits"), needs->what,
                needs->call.runner_id);
      return TRUE;
    }

  if (needs->call.turns != NULL)
    return are_holders_stuck (search, needs->call.turns, needs->what);

  if (needs->call.pool != NULL)
    return is_pool_stuck (search, needs->call.pool, needs->what);

  if (needs->needs != NULL && are_needs_stuck (search, needs))
    return TRUE;

  /* What only combines others has their home to be iterated for, no more. */
  return needs->home != NULL && needs->has_call &&
         is_context_stuck (search, needs->home, needs->what);
}

/* Whether @outcome can never settle, if the search's own wait begins. HOLDS:
 * graph_lock */
static gboolean
is_stuck (Search *search, SmartOutcome *outcome)
{
  gboolean stuck;
  Needs needs;

  if (g_ptr_array_find (search->path, outcome, NULL))
    return TRUE;
  if (g_ptr_array_find (search->seen, outcome, NULL))
    return FALSE;

  look_at (outcome, &needs);
  g_ptr_array_add (search->path, outcome);
  stuck = find_reason (search, &needs);
  g_ptr_array_remove_index (search->path, search->path->len - 1);
  if (!stuck)
    g_ptr_array_add (search->seen, outcome);
  needs_clear (&needs);

  return stuck;
}

static void
search_init (Search *search, SmartWait *self)
{
  search->self = self;
  search->path = g_ptr_array_new ();
  search->seen = g_ptr_array_new ();
  search->chain = g_string_new (NULL);
}

static void
search_clear (Search *search)
{
  g_ptr_array_unref (search->path);
  g_ptr_array_unref (search->seen);
  g_string_free (search->chain, TRUE);
}

/* HOLDS: graph_lock */
static gboolean
would_deadlock (SmartWait *wait, GError **error)
{
  gboolean stuck;
  Search search;

  if (wait->outcome == NULL || wait->has_deadline || wait->runs_it)
    return FALSE;

  search_init (&search, wait);
  stuck = is_stuck (&search, wait->outcome);
  if (stuck)
    g_set_error (error, SMART_ERROR, SMART_ERROR_WOULD_DEADLOCK, _ ("The wait would never end: %s"),
                 search.chain->str);
  search_clear (&search);

  return stuck;
}

/* Makes @wait known, or refuses it. */
gboolean
smart_wait_graph_enter (SmartWait *wait, GError **error)
{
  gboolean refused;

  wait->since = g_get_monotonic_time ();
  wait->link = (GList) { .data = wait };

  g_mutex_lock (&graph_lock);
  refused = would_deadlock (wait, error);
  if (!refused)
    g_queue_push_tail_link (&waits, &wait->link);
  g_mutex_unlock (&graph_lock);

  return !refused;
}

void
smart_wait_graph_leave (SmartWait *wait)
{
  g_mutex_lock (&graph_lock);
  g_queue_unlink (&waits, &wait->link);
  g_mutex_unlock (&graph_lock);
}

/* Whether @outcome could never settle if it needed @needed, too. */
gboolean
smart_wait_graph_closes_ring (SmartOutcome *outcome, SmartOutcome *needed, GError **error)
{
  gboolean stuck;
  Search search;

  search_init (&search, NULL);
  g_ptr_array_add (search.path, outcome);

  g_mutex_lock (&graph_lock);
  stuck = is_stuck (&search, needed);
  g_mutex_unlock (&graph_lock);

  if (stuck)
    g_set_error (error, SMART_ERROR, SMART_ERROR_WOULD_DEADLOCK,
                 _ ("The call would wait for itself: %s"), search.chain->str);
  search_clear (&search);

  return stuck;
}

/* After a fork: see smart-thread.c. */
void
smart_wait_graph_forget_all (void)
{
  g_mutex_init (&graph_lock);
  g_queue_init (&waits);
}

/* The dump */

static void dump_outcome (GString *dump, SmartOutcome *outcome, guint depth);

/* HOLDS: graph_lock */
static void
dump_needs (GString *dump, Needs *needs, guint depth)
{
  g_string_append_printf (dump, "%*s%s", (int) depth * 2, "", needs->what);
  if (needs->call.runner != NULL)
    g_string_append_printf (dump, ", running on thread %d", needs->call.runner_id);
  if (needs->call.turns != NULL)
    g_string_append (dump, ", waiting for its turn");
  if (needs->call.pool != NULL)
    g_string_append (dump, ", queued in its executor");
  if (needs->home != NULL)
    g_string_append_printf (dump, ", in main context %p", (gpointer) needs->home);
  g_string_append_c (dump, '\n');

  if (needs->needs != NULL)
    for (guint i = 0; i < needs->needs->len; i++)
      dump_outcome (dump, g_ptr_array_index (needs->needs, i), depth + 1);

  if (needs->call.runner != NULL)
    {
      SmartWait *wait = find_wait (needs->call.runner);

      if (wait != NULL && wait->outcome != NULL)
        dump_outcome (dump, wait->outcome, depth + 1);
    }
}

/* Rings are cut by the depth. */
static void
dump_outcome (GString *dump, SmartOutcome *outcome, guint depth)
{
  Needs needs;

  if (depth > 32)
    {
      g_string_append_printf (dump, "%*s…\n", (int) depth * 2, "");
      return;
    }

  look_at (outcome, &needs);
  if (needs.what == NULL)
    g_string_append_printf (dump, "%*s%s\n", (int) depth * 2, "",
                            smart_outcome_is_pending (outcome) ? "what nobody here can settle: a "
                                                                 "future settled by hand, or a "
                                                                 "deadline"
                                                               : "settled");
  else
    dump_needs (dump, &needs, depth);
  needs_clear (&needs);
}

/**
 * smart_async_dump_waits:
 *
 * Describes every thread that waits in the library, since when, and what for,
 * down the chain: function names, main contexts, threads. For those who look
 * into a program that hangs; the words are not part of the API. May be called
 * from any thread.
 *
 * With `SMARTASYNC_DEBUG=waits` in the environment, it is printed by itself when
 * a wait takes over ten seconds.
 *
 * Returns: (transfer full): lines of text; empty, if no thread waits
 *
 * Since: 1.0
 */
char *
smart_async_dump_waits (void)
{
  GString *dump = g_string_new (NULL);
  gint64 now = g_get_monotonic_time ();

  g_mutex_lock (&graph_lock);
  for (GList *l = waits.head; l != NULL; l = l->next)
    {
      SmartWait *wait = l->data;

      g_string_append_printf (dump, "thread %d waits, for %.1f s", wait->thread->id,
                              (double) (now - wait->since) / G_USEC_PER_SEC);
      if (wait->context != NULL)
        g_string_append_printf (dump, ", iterating main context %p", (gpointer) wait->context);
      if (wait->has_deadline)
        g_string_append (dump, ", with a deadline");
      g_string_append (dump, ", for:\n");
      if (wait->outcome != NULL)
        dump_outcome (dump, wait->outcome, 1);
      else
        g_string_append (dump, "  an asynchronous function of somebody else's\n");
    }
  g_mutex_unlock (&graph_lock);

  return g_string_free (dump, FALSE);
}
