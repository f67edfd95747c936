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

/* What an outcome needs, as it is now. */
typedef struct
{
  SmartOutcome *outcome;  /* pinned, as all are: nothing is kept that belongs to a thread */
  gboolean can_go_on;     /* whatever others do */
  gboolean has_timer;     /* its deadline does, where somebody iterates @timed_by */
  GMainContext *timed_by; /* identity only; nullable: it has gone */
  char *what;
  gboolean has_call;
  SmartCallNeeds call;
  guint max_threads;  /* of the call's pool */
  GMainContext *home; /* identity only */
  GPtrArray *needs;   /* pinned */
  GPtrArray *holders; /* pinned: those who have the turns that it waits for */
  GPtrArray *queue;   /* pinned, where they were looked at: those who wait for one, too */
  gboolean any;       /* of the needs, any one suffices */
} Needs;

/* One search. */
typedef struct
{
  SmartWait *self;      /* the wait that is about to begin, nullable */
  GHashTable *verdicts; /* of the outcomes that were looked at */
  GHashTable *moving;   /* the turns of which somebody will always get one */
  GPtrArray *stuck;     /* those found to be, in this order */
  GPtrArray *looks;     /* the Needs: nothing is freed under the lock */
  GString *chain;       /* what was found on the way to a ring */
} Search;

/* That something is stuck may rest on what is on the path to it being so, too.
 * If that turns out to go on, what was found below it is forgotten. */
enum
{
  UNKNOWN,
  ON_PATH,
  STUCK,
  GOES_ON
};

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

/* Whether what @wait is nested in owns @context. HOLDS: graph_lock */
static gboolean
owned_further_out (SmartWait *self, GMainContext *context)
{
  for (GList *l = waits.tail; l != NULL; l = l->prev)
    {
      SmartWait *wait = l->data;

      if (wait->thread == self->thread && wait->context == context)
        return TRUE;
    }

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

/* The wait that the body of @call is in, or NULL. A wait that was there before
 * iterates, and what it has dispatched is this body. HOLDS: graph_lock */
static SmartWait *
find_wait_within (const SmartCallNeeds *call)
{
  SmartWait *wait = find_wait (call->runner);

  return wait != NULL && wait->depth >= call->runner_depth ? wait : NULL;
}

/* Whether the thread that runs @call cannot go on. HOLDS: graph_lock */
static gboolean
is_runner_stuck (Search *search, const SmartCallNeeds *call)
{
  SmartWait *wait;

  /* Its innermost wait; the one that is about to begin would be that. */
  if (search->self != NULL && search->self->thread == call->runner)
    return TRUE;

  wait = find_wait_within (call);
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
      if (owns (search->self, context) || owned_further_out (search->self, context))
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

      /* Any wait of a thread tells what it owns, but the innermost one where it is. */
      if (!(owns (wait, context) || wait->context == context) || wait->thread == asked ||
          (search->self != NULL && wait->thread == search->self->thread))
        continue;

      asked = wait->thread;
      wait = find_wait (wait->thread);
      if (wait->context != context && is_wait_stuck (search, wait))
        {
          add_link (search, _ ("%s needs main context %p, which thread %d owns"), what,
                    (gpointer) context, wait->thread->id);
          return TRUE;
        }
    }

  return FALSE;
}

/* The threads of an executor, of which any one can take the next call. HOLDS:
 * graph_lock */
static gboolean
is_pool_stuck (Search *search, Needs *needs)
{
  gpointer pool = needs->call.pool;
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

  if (n_stuck < needs->max_threads)
    return FALSE;

  add_link (search, _ ("%s waits for a thread of its executor"), needs->what);
  return TRUE;
}

/* HOLDS: outcome->lock */
static gboolean
needs_nobody (SmartOutcome *outcome)
{
  return !smart_outcome_is_pending (outcome) || outcome->by_hand;
}

/* HOLDS: outcome->lock */
static gboolean
has_timer (SmartOutcome *outcome)
{
  return outcome->rare != NULL && outcome->rare->ties.timer != NULL;
}

/* Nullable. HOLDS: outcome->lock */
static SmartTurns *
get_awaited_turns (SmartOutcome *outcome)
{
  return outcome->rare != NULL ? outcome->rare->awaited_turns : NULL;
}

/* Nullable. HOLDS: outcome->lock */
static GPtrArray *
get_more_needs (SmartOutcome *outcome)
{
  return outcome->rare != NULL ? outcome->rare->ties.more_needs : NULL;
}

/* Nullable. HOLDS: outcome->lock, and it is pending: before its call goes, it settles */
static SmartCall *
get_call (SmartOutcome *outcome)
{
  return g_atomic_pointer_get (&outcome->call);
}

/* HOLDS: outcome->lock, and it is pending */
static char *
describe (SmartOutcome *outcome)
{
  const char *given = outcome->rare != NULL ? outcome->rare->name : NULL;
  SmartCall *call = get_call (outcome);
  const char *label = call != NULL ? smart_call_get_label (call) : NULL;
  const char *made_at = g_atomic_pointer_get (&outcome->made_at);
  const char *name = given != NULL ? given : made_at;

  if (name != NULL && label != NULL && !g_str_equal (name, label))
    return g_strdup_printf ("%s (%s)", label, name);
  if (given != NULL || label != NULL)
    return g_strdup (given != NULL ? given : label);
  if (made_at != NULL)
    return g_strdup_printf (_ ("a future (%s)"), made_at);
  if (get_awaited_turns (outcome) != NULL)
    return g_strdup (_ ("a sync call"));

  return g_strdup_printf (_ ("a future (%p)"), (gpointer) outcome);
}

/* What has led nowhere. */
static void
forget_links (Search *search, gsize length_before)
{
  g_string_erase (search->chain, 0, (gssize) (search->chain->len - length_before));
}

/* Whether @outcome, of a call that waits for its turn, would not begin in it, since nobody
 * iterates its context: then it keeps that turn for good. HOLDS: graph_lock */
static gboolean
would_not_begin (Search *search, SmartOutcome *outcome)
{
  GMainContext *home = NULL;
  char *what = NULL;
  gboolean stuck;

  g_mutex_lock (&outcome->lock);
  /* A deadline takes it out of the queue, unless that does not come either. */
  if (!needs_nobody (outcome))
    home = smart_home_peek (&outcome->pending.home);
  if (home != NULL && has_timer (outcome) &&
      smart_home_peek (&outcome->rare->ties.timed_by) != home)
    home = NULL;
  if (home != NULL)
    what = describe (outcome);
  g_mutex_unlock (&outcome->lock);

  stuck = home != NULL && is_context_stuck (search, home, what);
  g_free (what);

  return stuck;
}

/* Those who have the turns, and those who come before it in the queue (@waiting; NULL: all
 * who are there): each that is stuck keeps a turn for good. HOLDS: graph_lock */
static gboolean
are_all_kept (Search *search, Needs *needs, SmartOutcome *waiting)
{
  guint n_left = needs->holders->len;
  gsize before = search->chain->len;

  for (guint i = 0; i < needs->holders->len && n_left > 0; i++)
    n_left -= is_stuck (search, g_ptr_array_index (needs->holders, i));
  for (guint i = 0; i < needs->queue->len && n_left > 0; i++)
    {
      SmartOutcome *other = g_ptr_array_index (needs->queue, i);

      if (other == waiting)
        break;
      n_left -= would_not_begin (search, other);
    }

  if (n_left > 0)
    forget_links (search, before);
  return n_left == 0;
}

/* HOLDS: graph_lock */
static gboolean
are_turns_stuck (Search *search, SmartOutcome *outcome, Needs *needs)
{
  gsize before = search->chain->len;

  /* It has just been given its turn. */
  if (needs->holders->len == 0 || g_ptr_array_find (needs->holders, outcome, NULL))
    return FALSE;

  /* Of many who wait for one of these turns, only one has to look at all of them. */
  if (g_hash_table_contains (search->moving, needs->call.turns))
    return FALSE;

  needs->queue = smart_turns_pin_queue (needs->call.turns);
  if (are_all_kept (search, needs, outcome))
    {
      add_link (search, _ ("%s waits for its turn"), needs->what);
      return TRUE;
    }

  if (!are_all_kept (search, needs, NULL))
    g_hash_table_add (search->moving, needs->call.turns);
  forget_links (search, before);
  return FALSE;
}

/* Its parts are freed with @looks, which may run what the user has given. */
static Needs *
look_at (SmartOutcome *outcome, GPtrArray *looks)
{
  Needs *needs = g_new0 (Needs, 1);

  needs->outcome = smart_outcome_pin (outcome);
  g_ptr_array_add (looks, needs);

  g_mutex_lock (&outcome->lock);

  needs->can_go_on = needs_nobody (outcome);
  needs->has_timer = has_timer (outcome);
  if (needs->has_timer)
    needs->timed_by = smart_home_peek (&outcome->rare->ties.timed_by);
  if (smart_outcome_is_pending (outcome))
    {
      GPtrArray *more = get_more_needs (outcome);
      SmartCall *call = get_call (outcome);

      needs->has_call = call != NULL;
      if (call != NULL)
        smart_call_get_needs (call, &needs->call);
      if (needs->call.pool != NULL)
        needs->max_threads = smart_pool_get_max_threads (needs->call.pool);
      if (get_awaited_turns (outcome) != NULL)
        needs->call.turns = get_awaited_turns (outcome);

      if (needs->call.turns != NULL)
        needs->holders = smart_turns_pin_holders (needs->call.turns);

      needs->what = describe (outcome);
      needs->home = smart_home_peek (&outcome->pending.home);
      if (outcome->pending.need != NULL)
        {
          needs->needs = g_ptr_array_new_with_free_func ((GDestroyNotify) smart_outcome_unpin);
          g_ptr_array_add (needs->needs, smart_outcome_pin (outcome->pending.need));
        }
      for (guint i = 0; more != NULL && i < more->len; i++)
        g_ptr_array_add (needs->needs, smart_outcome_pin (g_ptr_array_index (more, i)));
      needs->any = outcome->needs_any;
    }

  g_mutex_unlock (&outcome->lock);

  return needs;
}

static void
needs_free (gpointer data)
{
  Needs *needs = data;

  g_free (needs->what);
  g_clear_pointer (&needs->needs, g_ptr_array_unref);
  g_clear_pointer (&needs->holders, g_ptr_array_unref);
  g_clear_pointer (&needs->queue, g_ptr_array_unref);
  smart_outcome_unpin (needs->outcome);
  g_free (needs);
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

/* Whether its deadline never comes. HOLDS: graph_lock */
static gboolean
is_timer_stuck (Search *search, Needs *needs)
{
  gsize before = search->chain->len;

  if (needs->timed_by == NULL || !is_context_stuck (search, needs->timed_by, needs->what))
    return FALSE;

  /* What stops the call itself is what there is to tell. */
  forget_links (search, before);
  return TRUE;
}

static gboolean
find_reason (Search *search, SmartOutcome *outcome, Needs *needs)
{
  if (needs->can_go_on || (needs->has_timer && !is_timer_stuck (search, needs)))
    return FALSE;

  if (needs->call.runner != NULL)
    {
      if (!is_runner_stuck (search, &needs->call))
        return FALSE;
      add_link (search, _ ("%s runs on thread %d, which waits"), needs->what,
                needs->call.runner_id);
      return TRUE;
    }

  if (needs->call.turns != NULL && are_turns_stuck (search, outcome, needs))
    return TRUE;

  if (needs->call.pool != NULL)
    return is_pool_stuck (search, needs);

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
  guint n_stuck = search->stuck->len;

  switch (GPOINTER_TO_INT (g_hash_table_lookup (search->verdicts, outcome)))
    {
    case ON_PATH:
    case STUCK:
      return TRUE;
    case GOES_ON:
      return FALSE;
    default:
      break;
    }

  g_hash_table_insert (search->verdicts, outcome, GINT_TO_POINTER (ON_PATH));
  stuck = find_reason (search, outcome, look_at (outcome, search->looks));

  if (stuck)
    {
      g_ptr_array_add (search->stuck, outcome);
    }
  else
    {
      for (guint i = n_stuck; i < search->stuck->len; i++)
        g_hash_table_remove (search->verdicts, g_ptr_array_index (search->stuck, i));
      g_ptr_array_set_size (search->stuck, (int) n_stuck);
    }
  g_hash_table_insert (search->verdicts, outcome, GINT_TO_POINTER (stuck ? STUCK : GOES_ON));

  return stuck;
}

static void
search_init (Search *search, SmartWait *self)
{
  search->self = self;
  search->verdicts = g_hash_table_new (NULL, NULL);
  search->moving = g_hash_table_new (NULL, NULL);
  search->stuck = g_ptr_array_new ();
  search->looks = g_ptr_array_new_with_free_func (needs_free);
  search->chain = g_string_new (NULL);
}

/* Without the lock. */
static void
search_clear (Search *search)
{
  g_hash_table_unref (search->verdicts);
  g_hash_table_unref (search->moving);
  g_ptr_array_unref (search->stuck);
  g_ptr_array_unref (search->looks);
  g_string_free (search->chain, TRUE);
}

/* At how many outcomes a first look looks, beside the one that is waited for. */
#define FIRST_LOOK_MAX 8

/* Of a first look: nothing is freed under the lock. */
typedef struct
{
  SmartOutcome *held[FIRST_LOOK_MAX]; /* pinned */
  guint n_held;
} FirstLook;

/* Adds what @outcome needs to @look, if there is any and room for all. HOLDS:
 * outcome->lock, and it is pending */
static gboolean
pin_needs (SmartOutcome *outcome, FirstLook *look)
{
  GPtrArray *more = get_more_needs (outcome);
  guint n_more = more != NULL ? more->len : 0;

  if (outcome->pending.need == NULL || look->n_held + 1 + n_more > FIRST_LOOK_MAX)
    return FALSE;

  look->held[look->n_held++] = smart_outcome_pin (outcome->pending.need);
  for (guint i = 0; i < n_more; i++)
    look->held[look->n_held++] = smart_outcome_pin (g_ptr_array_index (more, i));

  return TRUE;
}

/* Whether @outcome, for which @wait is, can go on by a first look, which is all that
 * most waits cost. HOLDS: graph_lock */
static gboolean
is_free (SmartWait *wait, SmartOutcome *outcome, FirstLook *look)
{
  guint first = look->n_held, last;
  gboolean needs_nothing, any;
  gboolean has_needs = FALSE;
  SmartCallNeeds needs = { NULL };

  g_mutex_lock (&outcome->lock);
  any = outcome->needs_any;
  needs_nothing = needs_nobody (outcome);
  if (!needs_nothing && get_awaited_turns (outcome) == NULL)
    {
      SmartCall *call = get_call (outcome);
      GMainContext *home = outcome->pending.home.context;

      if (call != NULL)
        smart_call_get_needs (call, &needs);

      /* No context, or only that which the waiter iterates meanwhile. */
      if (has_timer (outcome) && outcome->rare->ties.timed_by.context == wait->context)
        {
          needs_nothing = TRUE;
        }
      else if (needs.runner == NULL && needs.turns == NULL && needs.pool == NULL &&
               (call == NULL || home == NULL || home == wait->context))
        {
          needs_nothing = call != NULL && outcome->pending.need == NULL;
          has_needs = pin_needs (outcome, look);
        }
    }
  g_mutex_unlock (&outcome->lock);

  if (needs_nothing)
    return TRUE;
  if (needs.runner != NULL)
    return needs.runner != wait->thread && find_wait (needs.runner) == NULL;
  if (!has_needs)
    return FALSE;

  /* Of any one suffices, otherwise all must. */
  last = look->n_held;
  for (guint i = first; i < last; i++)
    if (is_free (wait, look->held[i], look) == any)
      return any;

  return !any;
}

/* Makes @wait known, or refuses it. */
gboolean
smart_wait_graph_enter (SmartWait *wait, GError **error)
{
  gboolean searches = wait->outcome != NULL && !wait->has_deadline && !wait->runs_it;
  gboolean refused = FALSE;
  FirstLook look = { .n_held = 0 };
  Search search;

  wait->link = (GList) { .data = wait };

  g_mutex_lock (&graph_lock);
  searches = searches && !is_free (wait, wait->outcome, &look);
  if (searches)
    {
      search_init (&search, wait);
      refused = is_stuck (&search, wait->outcome);
    }
  if (!refused)
    g_queue_push_tail_link (&waits, &wait->link);
  g_mutex_unlock (&graph_lock);

  if (refused)
    g_set_error (error, SMART_ERROR, SMART_ERROR_WOULD_DEADLOCK, _ ("The wait would never end: %s"),
                 search.chain->str);
  if (searches)
    search_clear (&search);
  while (look.n_held > 0)
    smart_outcome_unpin (look.held[--look.n_held]);

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
  g_hash_table_insert (search.verdicts, outcome, GINT_TO_POINTER (ON_PATH));

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

typedef struct
{
  GString *text;
  GHashTable *shown; /* the outcomes that are there */
  GPtrArray *looks;  /* as of a Search */
} Dump;

static void dump_outcome (Dump *dump, SmartOutcome *outcome, guint depth);

static void
dump_all (Dump *dump, GPtrArray *outcomes, guint depth)
{
  for (guint i = 0; i < outcomes->len; i++)
    dump_outcome (dump, g_ptr_array_index (outcomes, i), depth);
}

/* HOLDS: graph_lock */
static void
dump_needs (Dump *dump, Needs *needs, guint depth)
{
  SmartWait *wait = NULL;

  g_string_append (dump->text, needs->what);
  if (needs->call.runner != NULL)
    g_string_append_printf (dump->text, ", running on thread %d", needs->call.runner_id);
  if (needs->call.turns != NULL)
    g_string_append (dump->text, ", waiting for its turn, which these have");
  if (needs->call.pool != NULL)
    g_string_append (dump->text, ", queued in its executor");
  if (needs->home != NULL)
    g_string_append_printf (dump->text, ", in main context %p", (gpointer) needs->home);
  if (needs->can_go_on || needs->has_timer)
    g_string_append (dump->text, ", settled by hand or by a deadline");
  g_string_append_c (dump->text, '\n');

  if (needs->call.turns != NULL)
    dump_all (dump, needs->holders, depth + 1);
  if (needs->needs != NULL)
    dump_all (dump, needs->needs, depth + 1);
  if (needs->call.runner != NULL)
    wait = find_wait_within (&needs->call);
  if (wait != NULL && wait->outcome != NULL)
    dump_outcome (dump, wait->outcome, depth + 1);
}

/* HOLDS: graph_lock */
static void
dump_outcome (Dump *dump, SmartOutcome *outcome, guint depth)
{
  Needs *needs = look_at (outcome, dump->looks);

  g_string_append_printf (dump->text, "%*s", (int) MIN (depth, 32) * 2, "");
  if (needs->what == NULL)
    g_string_append (dump->text, "settled\n");
  else if (!g_hash_table_add (dump->shown, outcome))
    g_string_append_printf (dump->text, "%s, see above\n", needs->what);
  else
    dump_needs (dump, needs, depth);
}

/* HOLDS: graph_lock */
static void
dump_wait (Dump *dump, SmartWait *wait)
{
  double seconds = (double) (g_get_monotonic_time () - wait->since) / G_USEC_PER_SEC;

  g_string_append_printf (dump->text, "thread %d waits, for %.1f s", wait->thread->id, seconds);
  if (wait->context != NULL)
    g_string_append_printf (dump->text, ", iterating main context %p", (gpointer) wait->context);
  if (wait->has_deadline)
    g_string_append (dump->text, ", with a deadline");
  g_string_append (dump->text, ", for:\n");

  g_hash_table_remove_all (dump->shown);
  if (wait->outcome != NULL)
    dump_outcome (dump, wait->outcome, 1);
  else
    g_string_append (dump->text, "  an asynchronous function of somebody else's\n");
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
  Dump dump;

  dump.text = g_string_new (NULL);
  dump.shown = g_hash_table_new (NULL, NULL);
  dump.looks = g_ptr_array_new_with_free_func (needs_free);

  g_mutex_lock (&graph_lock);
  for (GList *l = waits.head; l != NULL; l = l->next)
    dump_wait (&dump, l->data);
  g_mutex_unlock (&graph_lock);

  g_ptr_array_unref (dump.looks);
  g_hash_table_unref (dump.shown);

  return g_string_free (dump.text, FALSE);
}
