/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "smart-context-pool-private.h"
#include "smart-inbox-private.h"

#include <smartasync-glib/smart-future.h>

G_BEGIN_DECLS

typedef struct _SmartListener SmartListener;
typedef struct _SmartTurns    SmartTurns;

/* A thread that waits, who owns it and sets it up before it is in an outcome's list. Not
 * on its stack, which is not there any more in the child of a fork. */
struct _SmartWaiter
{
  SmartThread  *thread;  /* identity only */
  GMainContext *context; /* what it iterates; not a reference; NULL: it blocks */
  GCond         wake_up; /* with the outcome's lock: then it does so here */
  SmartWaiter  *next;    /* the outcome's lock */
  SmartParcel  *left;    /* the outcome's lock: to deliver when the wait is over */
};

/* What is told of an outcome: its parcel is delivered in the inbox's context or,
 * without an inbox, at once in the thread that settles. */
struct _SmartListener
{
  SmartParcel    parcel;  /* must be the first; until it is told, its next is the one of
                             the outcome that came before; the outcome's lock */
  SmartInbox    *inbox;   /* immutable; a use, nullable */
  SmartOutcome  *outcome; /* set when it is told, if it was not before; a reference */
  GObject       *spent;   /* set when it is told; a call to release there, or the function of
                             one, with which goes a second use of @inbox; nullable */
};

/* One with a callback. */
typedef struct
{
  SmartListener  base;
  GObject       *source_object; /* a reference, nullable */
  gconstpointer  origin;        /* identity only */
  GAsyncReadyCallback callback; /* nullable: only keeps the order */
  gpointer       user_data;
} SmartReadyListener;

/* What goes when an outcome settles, of what few have. The outcome's lock. */
typedef struct
{
  gulong         follow_id;    /* own follows upstream */
  gulong         abandon_id;   /* on upstream or own */
  gulong         queued_id;    /* on upstream */
  GSource       *timer;        /* the call's deadline; a reference */
  SmartHome      timed_by;     /* the timer's context */
  GPtrArray     *depends;      /* the outcomes that are cancelled with it; references */
  GPtrArray     *more_needs;   /* those that it needs beside the first; references */
  GPtrArray     *followers;    /* to be told of its progress, too; references */
} SmartTies;

/* What few outcomes have: made when first needed, freed with the outcome. */
typedef struct
{
  SmartOutcome  *outcome;      /* immutable; not a reference */
  SmartTies      ties;         /* the outcome's lock */
  char          *name;         /* the outcome's lock */
  gint64         deadline;     /* immutable: its call's, monotonic time; 0: none */
  SmartTurns    *awaited_turns; /* immutable: it is the turn that a sync caller waits for */

  double         progress;     /* the outcome's lock; valid if has_progress */
  gboolean       has_progress; /* the outcome's lock */
  int            cancel_asked; /* atomic: its own cancellable is cancelled, or is to be */
  SmartInbox    *telling;      /* the outcome's lock; a use: where a notification is on its way to */
  SmartParcel    progress_parcel; /* that one; its context's owner */
  SmartInbox    *progress_inbox; /* immutable; a use, nullable: where it is told of */
} SmartRare;

/* What an outcome needs to settle, for smart-wait-graph.c. An asynchronous call that was
 * begun and is pending cannot go on unless its home is iterated. */
typedef struct
{
  SmartOutcome  *need;         /* another outcome; a reference */
  SmartHome      home;
} SmartPending;

/* Who has a call when it is done. */
enum
{
  SMART_SPENT_GOES,   /* whoever settles its outcome */
  SMART_SPENT_STAYS,  /* a sync caller waits, who will release it */
  SMART_SPENT_IS_HERE /* he has not yet: the outcome's @call is a reference */
};

/* A result, now or later, that settles once. The SmartFuture is a handle on it
 * for those who wait, the SmartCall one for who settles it: each can go without
 * the other.
 *
 * There is one for each call in flight: what few of them have is elsewhere, and
 * the flags are bytes. */
struct _SmartOutcome
{
  GMutex         lock;

  /* From here on it is as new when it is used again. */
  int            ref_count;    /* atomic; must be the first of these */
  int            status;       /* a SmartFutureStatus; lock to write, atomic to read */

  /* What settling looks at is here and at the end. */
  SmartListener *listeners;    /* lock: the newest first */
  SmartWaiter   *waiters;      /* lock: the threads that wait */
  SmartRare     *rare;         /* lock to write, atomic to read; set once; nullable */

  SmartThread   *home_thread;  /* lock: who began it; identity only */
  GMainContext  *back_to;      /* lock; identity only: where the result of a call that
                                  runs elsewhere comes, for @home_thread */
  SmartCall     *call;         /* atomic; set once: whose outcome it is; to be looked at
                                  with the lock and while it is pending, or where the
                                  spent one is here */

  /* It is pending, or has a result: never both. */
  union
  {
    SmartPending  pending;     /* lock */

    /* Written once, before the status; immutable after. */
    union
    {
      GError       *error;     /* if it is rejected */
      SmartOutcome *like;      /* a reference: whose value it has, if is_like */
      GValue        value;     /* else; type 0: none */
    } result;
  };

  SmartFuture   *handle;       /* lock: not a reference; cleared by its dispose */
  const char    *made_at;      /* atomic; set once; static: the line of C, nullable */

  /* Cancellation: by the caller's cancellable or, where something else can
   * cancel, too, by an own one that follows the caller's. */
  GCancellable  *upstream;     /* immutable; the caller's */
  GCancellable  *own;          /* atomic; set once; lock to write if there is an upstream */

  int            n_pins;       /* atomic: those who keep the memory, not what is in it;
                                  0 when it is used again */
  int            has_ready;    /* atomic; set once: whoever did has @ready */

  /* Immutable. A byte each, which C lets be written without its neighbours. */
  guint8         wants_own;    /* set at last by smart_outcome_shield() */
  guint8         by_hand;      /* cancelling settles */
  guint8         needs_any;    /* of what it needs, any one suffices */
  guint8         is_like;      /* written once, before the status */

  /* lock */
  guint8         spent;        /* one of SMART_SPENT_… */
  guint8         queued;       /* to cancel it settles it, for it has not begun */
  guint8         begun;        /* it was queued, and is not any more */
  guint8         shielded;     /* its own cancellable is not cancelled until it has begun */

  /* So far. The first callback's, since most have one: it is next to what it is told
   * of, and one block less where many are in flight. */
  SmartReadyListener ready;
};

SmartOutcome *smart_outcome_new               (GCancellable    *upstream,
                                               gboolean         wants_own);
SmartRare    *smart_outcome_get_rare          (SmartOutcome    *outcome);
void          smart_outcome_free_spare        (SmartOutcome    *outcome);
SmartOutcome *smart_outcome_ref               (SmartOutcome    *outcome);
void          smart_outcome_unref             (SmartOutcome    *outcome);
SmartOutcome *smart_outcome_pin               (SmartOutcome    *outcome);
void          smart_outcome_unpin             (SmartOutcome    *outcome);

gboolean      smart_outcome_settle            (SmartOutcome    *outcome,
                                               GValue          *value,
                                               GError          *error,
                                               SmartCall       *spent);
gboolean      smart_outcome_settle_like       (SmartOutcome    *outcome,
                                               SmartOutcome    *other);
const GValue *smart_outcome_peek              (SmartOutcome    *outcome);
gboolean      smart_outcome_settle_cancelled  (SmartOutcome    *outcome);
gboolean      smart_outcome_settle_timed_out  (SmartOutcome    *outcome);
gboolean      smart_outcome_get               (SmartOutcome    *outcome,
                                               GValue          *value,
                                               GError         **error);
gboolean      smart_outcome_take              (SmartOutcome    *outcome,
                                               GValue          *value,
                                               GError         **error);

void          smart_outcome_set_home          (SmartOutcome    *outcome,
                                               GMainContext    *home);
void          smart_outcome_set_weak_home     (SmartOutcome    *outcome,
                                               SmartInbox      *inbox);
void          smart_outcome_set_back_to       (SmartOutcome    *outcome,
                                               GMainContext    *context,
                                               gboolean         is_known);
void          smart_outcome_set_home_of_others (SmartOutcome   *outcome,
                                               GMainContext    *home);
void          smart_outcome_adopt_home        (SmartOutcome    *outcome,
                                               SmartOutcome    *other);
void          smart_outcome_keep_spent        (SmartOutcome    *outcome);
void          smart_outcome_release_spent     (SmartOutcome    *outcome);
void          smart_waiter_free_spare         (SmartWaiter     *waiter);
GMainContext *smart_outcome_begin_to_wake     (SmartOutcome    *outcome);
void          smart_outcome_wake_up           (GMainContext    *context);
gboolean      smart_outcome_leave_to_poller   (SmartOutcome    *outcome,
                                               SmartThread     *thread,
                                               SmartParcel     *parcel);
void          smart_outcome_listen            (SmartOutcome    *outcome,
                                               SmartListener   *listener);
void          smart_outcome_listen_first      (SmartOutcome    *outcome,
                                               SmartListener   *listener);
void          smart_listener_clear            (SmartListener   *listener);

GCancellable *smart_cancellable_new           (void);
void          smart_cancellable_release       (GCancellable    *cancellable);
GCancellable *smart_outcome_get_cancellable   (SmartOutcome    *outcome);
gboolean      smart_outcome_is_cancelled      (SmartOutcome    *outcome);
void          smart_outcome_cancel            (SmartOutcome    *outcome);
void          smart_outcome_shield            (SmartOutcome    *outcome);
void          smart_outcome_unshield          (SmartOutcome    *outcome);
void          smart_outcome_interrupt         (SmartOutcome    *outcome);
void          smart_outcome_depend            (SmartOutcome    *outcome,
                                               SmartOutcome    *on);
void          smart_outcome_need              (SmartOutcome    *outcome,
                                               SmartOutcome    *other);
void          smart_outcome_abandon_on_cancel (SmartOutcome    *outcome);
void          smart_outcome_queue             (SmartOutcome    *outcome);
gboolean      smart_outcome_unqueue           (SmartOutcome    *outcome);
void          smart_outcome_set_deadline      (SmartOutcome    *outcome,
                                               GMainContext    *context,
                                               guint            msec);

gboolean      smart_outcome_block             (SmartOutcome    *outcome,
                                               gint64           deadline,
                                               GCancellable    *cancellable,
                                               GError         **refused);
gboolean      smart_outcome_wait              (SmartOutcome    *outcome,
                                               gint64           deadline,
                                               GCancellable    *cancellable,
                                               GError         **error);
gboolean      smart_outcome_iterate           (SmartOutcome    *outcome,
                                               GMainContext    *context,
                                               gint64           deadline,
                                               GCancellable    *cancellable,
                                               gboolean         runs_it,
                                               GError         **refused);

void          smart_outcome_lead              (SmartOutcome    *outcome,
                                               SmartOutcome    *follower);
void          smart_outcome_set_progress_inbox (SmartOutcome   *outcome,
                                               SmartInbox      *inbox);
void          smart_outcome_follow_progress   (SmartOutcome    *outcome,
                                               SmartOutcome    *follower,
                                               SmartInbox      *inbox);

void          smart_outcome_report            (SmartOutcome    *outcome,
                                               double           progress,
                                               SmartInbox      *inbox);

SmartFuture  *smart_future_then_at_once       (SmartFuture     *future,
                                               SmartContinuation continuation,
                                               gpointer         user_data,
                                               GDestroyNotify   destroy);
SmartFuture  *smart_outcome_ref_future        (SmartOutcome    *outcome);
SmartFuture  *smart_future_new_for_outcome    (SmartOutcome    *outcome);
void          smart_future_release_revived    (SmartThread     *thread);
SmartOutcome *smart_future_get_outcome        (SmartFuture     *future);
gboolean      smart_future_is_result_of       (SmartFuture     *future,
                                               gconstpointer    origin);
void          smart_outcome_call_back_from    (SmartOutcome    *outcome,
                                               SmartInbox      *inbox,
                                               GObject         *source_object,
                                               gconstpointer    origin,
                                               GAsyncReadyCallback callback,
                                               gpointer         user_data);
void          smart_outcome_call_back         (SmartOutcome    *outcome,
                                               SmartInbox      *inbox,
                                               GObject         *source_object,
                                               GAsyncReadyCallback callback,
                                               gpointer         user_data);

/* NULL unless it is rejected, and the error was not taken. */
static inline const GError *
smart_outcome_peek_error (SmartOutcome *outcome)
{
  return g_atomic_int_get (&outcome->status) == SMART_FUTURE_REJECTED ? outcome->result.error : NULL;
}

/* Nullable. */
static inline SmartRare *
smart_outcome_peek_rare (SmartOutcome *outcome)
{
  return g_atomic_pointer_get (&outcome->rare);
}

static inline gboolean
smart_outcome_is_pending (SmartOutcome *outcome)
{
  return g_atomic_int_get (&outcome->status) == SMART_FUTURE_PENDING;
}

G_END_DECLS
