/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One call in flight, as its body sees it. */

#include "smart-async-func-private.h"
#include "smart-turns-private.h"
#include "smart-context-private.h"
#include "smart-i18n-private.h"
#include "smart-wait-private.h"
#include "smart-value-private.h"

/**
 * SmartCall:
 *
 * One call of a [class@SmartAsync.AsyncFunc] in flight: what its body receives.
 *
 * It gives what the function was called with, by the getters, and takes its
 * result, by one of the `smart_call_return_…` functions. The first result
 * counts; to return again is a critical. The caller's end of it is the
 * [class@SmartAsync.Future].
 *
 * ## Life
 *
 * The body does not own the call. An asynchronous body takes a reference to
 * return later, from any thread; the library keeps none once the body has
 * begun. So when the last reference goes and there was no result, there can be
 * none any more, and the caller gets %SMART_ERROR_NOT_RETURNED (or, if the call
 * was cancelled, %G_IO_ERROR_CANCELLED). So does the caller of a blocking body
 * that ends without a result.
 *
 * ## Cancellation
 *
 * A body watches its own cancellable,
 * [method@SmartAsync.Call.get_cancellable]. What it returns after that was
 * cancelled is replaced by %G_IO_ERROR_CANCELLED. A call that still waits for its
 * turn, a thread or a context when it is cancelled never begins, and its caller is
 * told at once.
 *
 * ## Threads
 *
 * The arguments are immutable: the getters may be called from any thread, and
 * so may the functions that return. The source object, the arguments and the
 * result are released in the thread that made the call.
 *
 * Since: 1.0
 */

#define N_INLINE_ARGS 4

/* Whether a call has a turn of its function. */
enum
{
  TURN_NONE,
  TURN_AWAITED,
  TURN_TAKEN,
};

/* What a call has for its caller: a blocking body's result until the body ends, or a
 * value that nobody wanted, until the call is released. */
enum
{
  HOLDS_NOTHING,
  HOLDS_NONE,  /* the result is that there is no value */
  HOLDS_VALUE, /* or did, until it was moved to where it is wanted */
  HOLDS_ERROR,
  HOLDS_OUTCOME,
};

/* What every call uses comes first: of many in flight, little is at hand. */
struct _SmartCall
{
  GObject parent_instance;

  SmartOutcome *outcome; /* immutable; a reference */
  SmartAsyncFunc *func;  /* immutable until it is released; a reference; NULL for a continuation */
  SmartThread *home_thread; /* identity only: who made the call */
  int returned;             /* atomic */
  int turn;                 /* atomic; one of the TURN_… */
  guint n_args;             /* immutable once it has begun, as they are */
  guint8 blocking;          /* which kind of body it runs */
  guint8 lenient;           /* to drop it is to return nothing */
  guint8 holds;             /* one of the HOLDS_…; the outcome's lock while the body runs */

  GObject *source;       /* immutable once it has begun; a reference */
  SmartHome home;        /* where an asynchronous body runs */
  SmartInbox *inbox;     /* a use; where an offloaded call is released */
  SmartLineage *lineage; /* a reference, nullable: what it descends from */
  GMainContext *pinned;  /* atomic; a reference: see smart_call_get_context() */
  SmartThread *runner;   /* atomic; identity only: it runs a blocking body */
  int runner_id;         /* valid where runner is set; written once, before it */
  guint runner_depth;    /* likewise: in how many waits that was already */
  gpointer pool;         /* atomic; identity only: the one that it is queued in */

  /* It is on its way, or has a result: never both. */
  union
  {
    struct /* who has queued it: to a context, or in a pool */
    {
      SmartParcel parcel;
      SmartInbox *stage; /* a use of the inbox that it is in */
    };
    GValue value;          /* as @holds says, like what follows */
    GError *error;         /* owned */
    SmartOutcome *awaited; /* a reference */
  };

  /* So far it is as new when it is used again: this is written before it is read. */
  union
  {
    GValue few[N_INLINE_ARGS]; /* up to so many */
    GValue *many;              /* more; owned */
    struct                     /* of a continuation, which has none */
    {
      SmartBody body;
      gpointer data;
    } continuation;
  } args;
};

G_DEFINE_FINAL_TYPE (SmartCall, smart_call, G_TYPE_OBJECT)

/* What is released where the call was made, if the call itself ends elsewhere. */
typedef struct
{
  SmartParcel parcel;
  SmartInbox *inbox;
  SmartOutcome *outcome;
  SmartAsyncFunc *func;
  GObject *source;
  GValue *args;
  guint n_args;
  GValue value;
} Remains;

static void smart_call_follow (SmartCall *call, SmartOutcome *outcome);

static GValue *
get_args (SmartCall *call)
{
  return call->n_args > N_INLINE_ARGS ? call->args.many : call->args.few;
}

static SmartCall *
call_of_parcel (SmartParcel *parcel)
{
  return (gpointer) ((char *) parcel - G_STRUCT_OFFSET (SmartCall, parcel));
}

static void
clear_args (GValue *args, guint n_args)
{
  for (guint i = 0; i < n_args; i++)
    smart_value_clear (&args[i]);
}

static void
remains_delivered (SmartParcel *parcel, gboolean run)
{
  Remains *remains = (Remains *) parcel;

  clear_args (remains->args, remains->n_args);
  g_free (remains->args);
  smart_value_clear (&remains->value);
  g_clear_object (&remains->source);
  g_clear_object (&remains->func);
  smart_outcome_unref (remains->outcome);
  g_clear_pointer (&remains->inbox, smart_inbox_unref);
  g_free (remains);
}

/* Where an asynchronous body runs; NULL where that has gone. Any thread. */
static SmartInbox *
get_home_inbox (SmartCall *call, int priority)
{
  GMainContext *context = smart_home_ref_context (&call->home);
  SmartInbox *inbox;

  if (context == NULL)
    return NULL;

  inbox = smart_inbox_get (context, priority);
  g_main_context_unref (context);
  return inbox;
}

/* Best to a sync caller that is still there, who need not be woken up for it. What is
 * sent is not touched any more: a reference kept here could be the last one. */
static void
send_home (SmartCall *call)
{
  SmartOutcome *outcome = call->outcome;
  Remains *remains = g_new0 (Remains, 1);

  remains->parcel.deliver = remains_delivered;
  remains->outcome = g_steal_pointer (&call->outcome);
  remains->func = g_steal_pointer (&call->func);
  remains->source = g_steal_pointer (&call->source);
  if (call->holds == HOLDS_VALUE)
    remains->value = call->value;
  call->holds = HOLDS_NOTHING;
  remains->n_args = call->n_args;
  remains->args = call->n_args > N_INLINE_ARGS
                      ? call->args.many
                      : g_memdup2 (call->args.few, call->n_args * sizeof (GValue));
  call->n_args = 0;

  if (!smart_outcome_leave_to_poller (outcome, call->home_thread, &remains->parcel))
    {
      remains->inbox = call->inbox != NULL ? g_steal_pointer (&call->inbox)
                                           : get_home_inbox (call, G_PRIORITY_DEFAULT);
      if (remains->inbox != NULL)
        smart_inbox_push (remains->inbox, &remains->parcel);
      else
        remains_delivered (&remains->parcel, FALSE);
    }
}

/* Its end: settles what nobody will settle any more, and releases what it has. */
static void
end (SmartCall *call)
{
  smart_call_drop_turn (call);

  if (call->outcome != NULL && !g_atomic_int_get (&call->returned) &&
      smart_outcome_is_pending (call->outcome))
    {
      if (smart_outcome_is_cancelled (call->outcome))
        smart_outcome_settle_cancelled (call->outcome);
      else if (call->lenient)
        smart_outcome_settle (call->outcome, NULL, NULL, NULL);
      else
        smart_outcome_settle (call->outcome, NULL,
                              g_error_new (SMART_ERROR, SMART_ERROR_NOT_RETURNED,
                                           _ ("%s dropped its call without a result"),
                                           smart_call_get_label (call)),
                              NULL);
    }

  if (G_UNLIKELY (call->outcome != NULL && call->home_thread != smart_thread_peek ()))
    send_home (call);

  if (call->holds == HOLDS_VALUE)
    smart_value_clear (&call->value);
  clear_args (get_args (call), call->n_args);
  if (call->n_args > N_INLINE_ARGS)
    g_free (call->args.many);
  g_clear_object (&call->source);
  smart_home_clear (&call->home);
  g_clear_pointer (&call->pinned, g_main_context_unref);
  g_clear_pointer (&call->inbox, smart_inbox_unref);
  g_clear_pointer (&call->outcome, smart_outcome_unref);
  g_clear_pointer (&call->lineage, smart_lineage_unref);
  g_clear_object (&call->func);
}

/* Takes a reference. If it is the last one, the object serves the next call, where
 * there is room. */
static void
use_again (SmartCall *call, SmartThread *thread)
{
  if (!smart_spares_may_keep (&thread->spare_calls, G_OBJECT (call)))
    {
      g_object_unref (call);
      return;
    }

  end (call);
  g_signal_handlers_destroy (call);
  smart_spares_wipe (&call->outcome,
                     G_STRUCT_OFFSET (SmartCall, args) - G_STRUCT_OFFSET (SmartCall, outcome));
  smart_spares_keep (&thread->spare_calls, G_OBJECT (call));
}

/* Releases the library's own reference. If it is the last one, and this the
 * thread that made the call, the object serves the next one. */
void
smart_call_release (SmartCall *call)
{
  SmartThread *thread = smart_thread_peek ();

  if (thread != NULL && call->home_thread == thread)
    use_again (call, thread);
  else
    g_object_unref (call);
}

static gboolean
has_value (SmartCall *call)
{
  return call->holds == HOLDS_VALUE && G_VALUE_TYPE (&call->value) != G_TYPE_INVALID;
}

/* Whether it has something that must be released at home, beside its function, or
 * somebody else has it. It has settled, so that nobody finds it by its outcome any
 * more, and who has no reference gets none; only a weak one might be made into one,
 * and of those the data tell, which are looked at after the count. */
static gboolean
has_luggage (SmartCall *call)
{
  GObject *object = G_OBJECT (call);

  if (g_atomic_int_get ((int *) &object->ref_count) != 1 ||
      g_atomic_pointer_get (&object->qdata) != NULL || call->source != NULL ||
      call->n_args > N_INLINE_ARGS || call->home.context != NULL || call->pinned != NULL ||
      g_atomic_int_get (&call->turn) != TURN_NONE || has_value (call))
    return TRUE;

  for (guint i = 0; i < call->n_args; i++)
    if (G_VALUE_TYPE (&call->args.few[i]) > G_TYPE_DOUBLE)
      return TRUE;

  return FALSE;
}

/* What a thread that is done with @call (taken) has to send home, where somebody is
 * about to hear of the outcome, and has it. Where that is no more than its function and
 * its use of the inbox, the call itself serves the next one, or goes: to free so many
 * objects is work that its caller, who has all the results to look at, is better spared.
 * He counts both himself, so that what he has at hand stays there. */
GObject *
smart_call_strip (SmartCall *call)
{
  GObject *func = (GObject *) call->func;

  if (func == NULL || has_luggage (call))
    return G_OBJECT (call);

  call->func = NULL;
  call->inbox = NULL;
  g_clear_pointer (&call->outcome, smart_outcome_unref);
  use_again (call, smart_thread_get ());

  return func;
}

static void
smart_call_finalize (GObject *object)
{
  end (SMART_CALL (object));

  G_OBJECT_CLASS (smart_call_parent_class)->finalize (object);
}

/* Where many are in flight, an outcome comes from far: it does so while GObject is busy
 * with the call. */
static void
smart_call_dispose (GObject *object)
{
  smart_fetch ((guintptr) SMART_CALL (object)->outcome, 1);

  G_OBJECT_CLASS (smart_call_parent_class)->dispose (object);
}

static void
smart_call_class_init (SmartCallClass *class)
{
  G_OBJECT_CLASS (class)->dispose = smart_call_dispose;
  G_OBJECT_CLASS (class)->finalize = smart_call_finalize;
}

static void
smart_call_init (SmartCall *call)
{
}

/* A call made by this thread, for @outcome (taken). @flight (nullable) is what it does for
 * others, too. */
static SmartCall *
call_new (SmartOutcome *outcome, SmartLineage *flight)
{
  SmartThread *thread = smart_thread_get ();
  SmartCall *call = smart_spares_take (&thread->spare_calls);
  SmartCall *above = smart_frame_current_call (thread);

  if (call == NULL)
    call = g_object_new (SMART_TYPE_CALL, NULL);
  call->outcome = outcome;
  call->home_thread = thread;

  if (flight != NULL)
    call->lineage = smart_lineage_fly (flight, above != NULL ? above->lineage : NULL);
  else if (above != NULL && above->lineage != NULL)
    call->lineage = smart_lineage_ref (above->lineage);

  return call;
}

/* A call of one of the bodies of @func. Takes @outcome. */
SmartCall *
smart_call_new (SmartAsyncFunc *func,
                gboolean blocking,
                SmartOutcome *outcome,
                SmartLineage *flight)
{
  SmartCall *call = call_new (outcome, flight);

  call->func = g_object_ref (func);
  call->blocking = blocking;

  /* Whoever waits for a flight may be looking already, at what has been written so far. */
  if (flight != NULL)
    g_atomic_pointer_set (&outcome->call, call);
  else
    outcome->call = call;

  return call;
}

/* What a continuation is given to return by. Takes @outcome, which nobody else knows. */
SmartCall *
smart_call_new_continuation (SmartBody body, gpointer data, SmartOutcome *outcome)
{
  SmartCall *call = call_new (outcome, NULL);

  call->args.continuation.body = body;
  call->args.continuation.data = data;
  outcome->call = call;

  return call;
}

void
smart_call_set_args (SmartCall *call, GObject *source, const GValue *args, guint n_args)
{
  GValue *copies = n_args > N_INLINE_ARGS ? g_new0 (GValue, n_args) : call->args.few;

  call->source = source != NULL ? g_object_ref (source) : NULL;
  for (guint i = 0; i < n_args; i++)
    smart_value_copy (&copies[i], &args[i]);
  call->n_args = n_args;
  if (n_args > N_INLINE_ARGS)
    call->args.many = copies;
}

void
smart_call_set_context (SmartCall *call, GMainContext *context)
{
  if (call->home.context != context)
    smart_home_set (&call->home, context);
}

/* Takes @inbox. */
void
smart_call_set_inbox (SmartCall *call, SmartInbox *inbox)
{
  call->inbox = inbox;
}

void
smart_call_set_lenient (SmartCall *call)
{
  call->lenient = TRUE;
}

SmartInbox *
smart_call_get_inbox (SmartCall *call)
{
  return call->inbox;
}

SmartOutcome *
smart_call_get_outcome (SmartCall *call)
{
  return call->outcome;
}

/* How messages call it. */
const char *
smart_call_get_label (SmartCall *call)
{
  return call->func != NULL ? smart_async_func_get_label (call->func) : _ ("The continuation");
}

SmartAsyncFunc *
smart_call_get_func (SmartCall *call)
{
  return call->func;
}

gboolean
smart_call_is_blocking (SmartCall *call)
{
  return call->blocking;
}

SmartLineage *
smart_call_get_lineage (SmartCall *call)
{
  return call->lineage;
}

/* Until then its caller waits; monotonic time. */
void
smart_call_set_deadline (SmartCall *call, gint64 deadline)
{
  g_mutex_lock (&call->outcome->lock);
  smart_outcome_get_rare (call->outcome)->deadline = deadline;
  g_mutex_unlock (&call->outcome->lock);
}

/* -1: none */
gint64
smart_call_get_deadline (SmartCall *call)
{
  SmartRare *rare = smart_outcome_peek_rare (call->outcome);

  return rare != NULL && rare->deadline != 0 ? rare->deadline : -1;
}

/* HOLDS: the outcome's lock, and the outcome is pending */
void
smart_call_get_needs (SmartCall *call, SmartCallNeeds *needs)
{
  needs->runner = g_atomic_pointer_get (&call->runner);
  if (needs->runner != NULL)
    {
      needs->runner_id = call->runner_id;
      needs->runner_depth = call->runner_depth;
    }
  needs->turns = g_atomic_int_get (&call->turn) == TURN_AWAITED ? &call->func->turns : NULL;
  needs->pool = g_atomic_pointer_get (&call->pool);
}

void
smart_call_set_awaits_turn (SmartCall *call, gboolean awaits)
{
  g_atomic_int_set (&call->turn, awaits ? TURN_AWAITED : TURN_TAKEN);
}

void
smart_call_set_pool (SmartCall *call, gpointer pool)
{
  g_atomic_pointer_set (&call->pool, pool);
}

/* It has a turn of its function, or will wait for one. */
void
smart_call_set_turn (SmartCall *call)
{
  SmartLineage *above = call->lineage;

  g_atomic_int_set (&call->turn, TURN_TAKEN);
  call->lineage = smart_lineage_new_turn (above, call->func);
  smart_lineage_unref (above);
}

/* The turn goes to somebody else. */
void
smart_call_forget_turn (SmartCall *call)
{
  if (g_atomic_int_get (&call->turn) == TURN_NONE)
    return;

  g_atomic_int_set (&call->turn, TURN_NONE);
  smart_lineage_end (call->lineage);
}

/* The turn is over. */
void
smart_call_drop_turn (SmartCall *call)
{
  if (g_atomic_int_get (&call->turn) == TURN_NONE)
    return;

  smart_call_forget_turn (call);
  smart_turns_release (&call->func->turns, call->outcome);
}

/* Sends @call (taken) to the context of @inbox. */
void
smart_call_push (SmartCall *call, SmartInbox *inbox, void (*deliver) (SmartParcel *, gboolean))
{
  call->stage = smart_inbox_ref (inbox);
  call->parcel.deliver = deliver;
  smart_inbox_push (inbox, &call->parcel);
}

/* What was sent has come. */
SmartCall *
smart_call_of_parcel (SmartParcel *parcel)
{
  SmartCall *call = call_of_parcel (parcel);

  g_clear_pointer (&call->stage, smart_inbox_unref);
  return call;
}

SmartCall *
smart_call_get_next (SmartCall *call)
{
  return call->parcel.next != NULL ? call_of_parcel (call->parcel.next) : NULL;
}

void
smart_call_set_next (SmartCall *call, SmartCall *next)
{
  call->parcel.next = next != NULL ? &next->parcel : NULL;
}

static void
released_at_home (SmartParcel *parcel, gboolean run)
{
  smart_call_release (smart_call_of_parcel (parcel));
}

/* Takes the reference of a worker that is done with @call. */
void
smart_call_release_at_home (SmartCall *call)
{
  /* With a value, it cannot be on its way: should it end here, that is sent home. */
  if (call->inbox == NULL || has_value (call))
    {
      smart_call_release (call);
      return;
    }

  call->holds = HOLDS_NOTHING;
  smart_call_push (call, call->inbox, released_at_home);
}

/* Where @call is about to run: whether anybody still wants it to. If not, it is
 * taken, and its turn is over. */
gboolean
smart_call_may_run (SmartCall *call)
{
  if (smart_outcome_unqueue (call->outcome))
    return TRUE;

  smart_call_drop_turn (call);
  smart_outcome_settle (call->outcome, NULL,
                        g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CANCELLED,
                                             _ ("The operation was cancelled")),
                        call);
  return FALSE;
}

/* Its bodies */

/* What is bound to a thread never runs on another. */
static void
run_body (SmartCall *call)
{
  const SmartBodies *bodies = call->func != NULL ? call->func->bodies : NULL;

  if (bodies == NULL)
    call->args.continuation.body (call, call->args.continuation.data);
  else if (!smart_async_func_may_run_here (call->func))
    smart_call_return_error (call,
                             g_error_new (SMART_ERROR, SMART_ERROR_WRONG_THREAD,
                                          _ ("%s would have run on another thread than its own"),
                                          smart_call_get_label (call)));
  else if (call->blocking)
    bodies->body (call, bodies->body_data);
  else
    bodies->begin (call, bodies->begin_data);
}

/* Runs the synchronous part of an asynchronous body, or a continuation. */
void
smart_call_begin (SmartCall *call)
{
  SmartThread *thread = smart_thread_get ();
  SmartFrame frame;

  /* So far it runs in this thread; from then on its home is what it needs. */
  call->runner_id = thread->id;
  call->runner_depth = thread->n_waits;
  g_atomic_pointer_set (&call->runner, thread);

  frame.on_heap = FALSE;
  smart_frame_push (thread, &frame, SMART_FRAME_ASYNC, call);
  run_body (call);
  smart_frame_pop (thread, &frame);

  g_atomic_pointer_set (&call->runner, NULL);
  if (call->func != NULL && call->func->bodies != NULL && call->func->bodies->shielded)
    smart_outcome_unshield (call->outcome);
}

/* @value is moved; nullable. */
static void
hold_value (SmartCall *call, GValue *value)
{
  if (value == NULL || G_VALUE_TYPE (value) == G_TYPE_INVALID)
    {
      call->holds = HOLDS_NONE;
      return;
    }

  call->value = *value;
  memset (value, 0, sizeof (GValue));
  call->holds = HOLDS_VALUE;
}

/* Settles the outcome with @error or the value that @call holds. @error and @spent are
 * taken. A value that nobody wants stays with the call: it is released where that is. */
static void
publish (SmartCall *call, GError *error, SmartCall *spent)
{
  GValue none = G_VALUE_INIT;
  GValue *value = call->holds == HOLDS_VALUE ? &call->value : &none;

  if (smart_outcome_is_cancelled (call->outcome))
    {
      g_clear_error (&error);
      error =
          g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CANCELLED, _ ("The operation was cancelled"));
    }
  else if (error == NULL && call->func != NULL)
    {
      smart_async_func_check_result (call->func, value, &error);
    }

  smart_outcome_settle (call->outcome, value, error, spent);
}

static GError *
new_unreturned_error (SmartCall *call)
{
  return g_error_new (SMART_ERROR, SMART_ERROR_NOT_RETURNED, _ ("%s ended without a result"),
                      smart_call_get_label (call));
}

/* Runs a blocking body to its end. Takes the caller's reference. */
void
smart_call_run_blocking (SmartCall *call)
{
  SmartThread *thread = smart_thread_get ();
  SmartFrame frame;
  SmartOutcome *awaited;
  GError *error;
  gboolean returned;

  call->runner_id = thread->id;
  call->runner_depth = thread->n_waits;
  g_atomic_pointer_set (&call->runner, thread);

  frame.on_heap = FALSE;
  smart_frame_push (thread, &frame, SMART_FRAME_BLOCKING, call);
  run_body (call);
  smart_frame_pop (thread, &frame);

  g_atomic_pointer_set (&call->runner, NULL);
  smart_call_drop_turn (call);

  g_mutex_lock (&call->outcome->lock);
  awaited = call->holds == HOLDS_OUTCOME ? call->awaited : NULL;
  error = call->holds == HOLDS_ERROR ? call->error : NULL;
  returned = call->holds != HOLDS_NOTHING;
  if (call->holds != HOLDS_VALUE)
    call->holds = HOLDS_NOTHING;
  g_atomic_int_set (&call->returned, TRUE);
  g_mutex_unlock (&call->outcome->lock);

  if (awaited != NULL)
    {
      smart_call_follow (call, awaited);
      smart_outcome_unref (awaited);
      /* It will have a result, and so cannot be sent home. */
      smart_call_release (call);
      return;
    }

  if (!returned)
    error = new_unreturned_error (call);

  publish (call, error, call);
}

/* Runs a blocking body (@call is taken) in the thread of its sync caller. */
void
smart_call_run_directly (SmartCall *call)
{
  SmartOutcome *outcome = smart_outcome_ref (call->outcome);
  GError *error = NULL;

  smart_outcome_keep_spent (outcome);
  smart_call_run_blocking (call);

  /* It returned a future. */
  if (smart_outcome_is_pending (outcome) && !smart_outcome_wait (outcome, -1, NULL, &error))
    smart_outcome_settle (outcome, NULL, error, NULL);

  smart_outcome_release_spent (outcome);
  smart_outcome_unref (outcome);
}

/* Its arguments */

/**
 * smart_call_get_source_object:
 * @call: a call
 *
 * The object that the function was called with.
 *
 * Returns: (transfer none) (nullable): the object
 *
 * Since: 1.0
 */
GObject *
smart_call_get_source_object (SmartCall *call)
{
  g_return_val_if_fail (SMART_IS_LIVE_CALL (call), NULL);

  return call->source;
}

/**
 * smart_call_get_args: (skip)
 * @call: a call
 *
 * The arguments that the function was called with. There are
 * [method@SmartAsync.Call.get_n_args] of them; one without a type (0) is null.
 *
 * Returns: (transfer none) (nullable): the first of them
 *
 * Since: 1.0
 */
const GValue *
smart_call_get_args (SmartCall *call)
{
  g_return_val_if_fail (SMART_IS_LIVE_CALL (call), NULL);

  return get_args (call);
}

/**
 * smart_call_get_n_args:
 * @call: a call
 *
 * How many arguments the function was called with.
 *
 * Returns: their number
 *
 * Since: 1.0
 */
guint
smart_call_get_n_args (SmartCall *call)
{
  g_return_val_if_fail (SMART_IS_LIVE_CALL (call), 0);

  return call->n_args;
}

/**
 * smart_call_get_cancellable:
 * @call: a call
 *
 * What the body watches to stop early: cancelled by the caller's cancellable,
 * by [method@SmartAsync.Future.cancel], and at the function's deadline.
 *
 * Returns: (transfer none) (nullable): the cancellable; %NULL where nothing can
 *   cancel the call
 *
 * Since: 1.0
 */
GCancellable *
smart_call_get_cancellable (SmartCall *call)
{
  g_return_val_if_fail (SMART_IS_LIVE_CALL (call), NULL);

  return smart_outcome_get_cancellable (call->outcome);
}

/**
 * smart_call_get_context:
 * @call: a call
 *
 * The main context that an asynchronous body runs in, which is its thread
 * default while it begins: sources of its own belong there, and not in the
 * default context, where `g_timeout_add ()` and `g_idle_add ()` would put them.
 *
 * A private context ends with its thread, and the sources in it with that: a call
 * that was abandoned there is dropped. From another thread, to ask for it keeps it,
 * as long as @call.
 *
 * Returns: (transfer none) (nullable): the context; %NULL in a blocking body, and
 *   when the context is no more
 *
 * Since: 1.0
 */
GMainContext *
smart_call_get_context (SmartCall *call)
{
  GMainContext *context;

  g_return_val_if_fail (SMART_IS_LIVE_CALL (call), NULL);

  if (smart_home_is_here (&call->home))
    return call->home.context;

  context = g_atomic_pointer_get (&call->pinned);
  if (context != NULL)
    return context;

  context = smart_home_ref_context (&call->home);
  if (context != NULL && !g_atomic_pointer_compare_and_exchange (&call->pinned, NULL, context))
    g_main_context_unref (context);

  return context;
}

/**
 * smart_call_get_value:
 * @call: a call
 * @index: which argument, from 0
 *
 * An argument of any type. To ask for one that is not there is a critical.
 *
 * Returns: (transfer none) (nullable): the argument; %NULL if it is null
 *
 * Since: 1.0
 */
const GValue *
smart_call_get_value (SmartCall *call, guint index)
{
  g_return_val_if_fail (SMART_IS_LIVE_CALL (call), NULL);

  if (index >= call->n_args)
    {
      g_critical ("%s has %u arguments; it asked for argument %u", smart_call_get_label (call),
                  call->n_args, index);
      return NULL;
    }

  return G_VALUE_TYPE (&get_args (call)[index]) != G_TYPE_INVALID ? &get_args (call)[index] : NULL;
}

/* The argument if it is of @type, or NULL. */
static const GValue *
get_arg (SmartCall *call, guint index, GType type)
{
  const GValue *value = smart_call_get_value (call, index);

  if (value == NULL)
    {
      if (index < call->n_args && !smart_value_is_of_type (&get_args (call)[index], type))
        g_critical ("Argument %u of %s is null, not a %s", index, smart_call_get_label (call),
                    g_type_name (type));
      return NULL;
    }

  if (!smart_value_is_of_type (value, type))
    {
      g_critical ("Argument %u of %s is a %s, not a %s", index, smart_call_get_label (call),
                  G_VALUE_TYPE_NAME (value), g_type_name (type));
      return NULL;
    }

  return value;
}

static void
get_number (SmartCall *call, guint index, GType type, GValue *number)
{
  const GValue *value;

  g_return_if_fail (SMART_IS_LIVE_CALL (call));

  if (index < call->n_args && smart_value_convert_number (&get_args (call)[index], type, number))
    return;

  memset (number, 0, sizeof (GValue));
  value = get_arg (call, index, type);
  if (value != NULL)
    *number = *value;
}

/**
 * smart_call_get_boolean:
 * @call: a call
 * @index: which argument, from 0
 *
 * An argument that is a boolean. To ask for one that is not there, or is of
 * another type, is a critical, here and in the other typed getters; numbers
 * are converted where nothing is lost.
 *
 * Returns: the argument
 *
 * Since: 1.0
 */
gboolean
smart_call_get_boolean (SmartCall *call, guint index)
{
  const GValue *value;

  g_return_val_if_fail (SMART_IS_LIVE_CALL (call), FALSE);

  value = get_arg (call, index, G_TYPE_BOOLEAN);
  return value != NULL && g_value_get_boolean (value);
}

/**
 * smart_call_get_int:
 * @call: a call
 * @index: which argument, from 0
 *
 * An argument that is an integer.
 *
 * Returns: the argument
 *
 * Since: 1.0
 */
int
smart_call_get_int (SmartCall *call, guint index)
{
  GValue number = G_VALUE_INIT;

  get_number (call, index, G_TYPE_INT, &number);
  return number.data[0].v_int;
}

/**
 * smart_call_get_uint:
 * @call: a call
 * @index: which argument, from 0
 *
 * An argument that is an unsigned integer.
 *
 * Returns: the argument
 *
 * Since: 1.0
 */
guint
smart_call_get_uint (SmartCall *call, guint index)
{
  GValue number = G_VALUE_INIT;

  get_number (call, index, G_TYPE_UINT, &number);
  return number.data[0].v_uint;
}

/**
 * smart_call_get_int64:
 * @call: a call
 * @index: which argument, from 0
 *
 * An argument that is an integer of 64 bits.
 *
 * Returns: the argument
 *
 * Since: 1.0
 */
gint64
smart_call_get_int64 (SmartCall *call, guint index)
{
  GValue number = G_VALUE_INIT;

  get_number (call, index, G_TYPE_INT64, &number);
  return number.data[0].v_int64;
}

/**
 * smart_call_get_uint64:
 * @call: a call
 * @index: which argument, from 0
 *
 * An argument that is an unsigned integer of 64 bits.
 *
 * Returns: the argument
 *
 * Since: 1.0
 */
guint64
smart_call_get_uint64 (SmartCall *call, guint index)
{
  GValue number = G_VALUE_INIT;

  get_number (call, index, G_TYPE_UINT64, &number);
  return number.data[0].v_uint64;
}

/**
 * smart_call_get_double:
 * @call: a call
 * @index: which argument, from 0
 *
 * An argument that is a number.
 *
 * Returns: the argument
 *
 * Since: 1.0
 */
double
smart_call_get_double (SmartCall *call, guint index)
{
  GValue number = G_VALUE_INIT;

  get_number (call, index, G_TYPE_DOUBLE, &number);
  return number.data[0].v_double;
}

/**
 * smart_call_get_string:
 * @call: a call
 * @index: which argument, from 0
 *
 * An argument that is a string.
 *
 * Returns: (transfer none) (nullable): the argument, valid as long as @call
 *
 * Since: 1.0
 */
const char *
smart_call_get_string (SmartCall *call, guint index)
{
  const GValue *value;

  g_return_val_if_fail (SMART_IS_LIVE_CALL (call), NULL);

  value = get_arg (call, index, G_TYPE_STRING);
  return value != NULL ? g_value_get_string (value) : NULL;
}

/**
 * smart_call_get_object:
 * @call: a call
 * @index: which argument, from 0
 *
 * An argument that is an object.
 *
 * Returns: (transfer none) (nullable) (type GObject.Object): the argument, valid
 *   as long as @call
 *
 * Since: 1.0
 */
gpointer
smart_call_get_object (SmartCall *call, guint index)
{
  const GValue *value;

  g_return_val_if_fail (SMART_IS_LIVE_CALL (call), NULL);

  value = get_arg (call, index, G_TYPE_OBJECT);
  return value != NULL ? g_value_get_object (value) : NULL;
}

/**
 * smart_call_get_boxed: (skip)
 * @call: a call
 * @index: which argument, from 0
 *
 * An argument that is boxed. A binding has [method@SmartAsync.Call.get_value],
 * which knows the type.
 *
 * Returns: (transfer none) (nullable): the argument, valid as long as @call
 *
 * Since: 1.0
 */
gpointer
smart_call_get_boxed (SmartCall *call, guint index)
{
  const GValue *value;

  g_return_val_if_fail (SMART_IS_LIVE_CALL (call), NULL);

  value = get_arg (call, index, G_TYPE_BOXED);
  return value != NULL ? g_value_get_boxed (value) : NULL;
}

/**
 * smart_call_get_pointer: (skip)
 * @call: a call
 * @index: which argument, from 0
 *
 * An argument that is a pointer.
 *
 * Returns: (transfer none) (nullable): the argument
 *
 * Since: 1.0
 */
gpointer
smart_call_get_pointer (SmartCall *call, guint index)
{
  const GValue *value;

  g_return_val_if_fail (SMART_IS_LIVE_CALL (call), NULL);

  value = get_arg (call, index, G_TYPE_POINTER);
  return value != NULL ? g_value_get_pointer (value) : NULL;
}

/**
 * smart_call_get_variant:
 * @call: a call
 * @index: which argument, from 0
 *
 * An argument that is a variant.
 *
 * Returns: (transfer none) (nullable): the argument, valid as long as @call
 *
 * Since: 1.0
 */
GVariant *
smart_call_get_variant (SmartCall *call, guint index)
{
  const GValue *value;

  g_return_val_if_fail (SMART_IS_LIVE_CALL (call), NULL);

  value = get_arg (call, index, G_TYPE_VARIANT);
  return value != NULL ? g_value_get_variant (value) : NULL;
}

/* Its result */

/* Whether this result is the first one, which the call holds until its blocking
 * body ends. */
static gboolean
hold (SmartCall *call, GValue *value, GError *error, SmartOutcome *outcome)
{
  gboolean first;

  g_mutex_lock (&call->outcome->lock);
  first = !g_atomic_int_get (&call->returned);
  if (first)
    {
      g_atomic_int_set (&call->returned, TRUE);
      if (outcome != NULL)
        {
          call->awaited = smart_outcome_ref (outcome);
          call->holds = HOLDS_OUTCOME;
        }
      else if (error != NULL)
        {
          call->error = error;
          call->holds = HOLDS_ERROR;
        }
      else
        {
          hold_value (call, value);
        }
    }
  g_mutex_unlock (&call->outcome->lock);

  return first;
}

static void
refuse (SmartCall *call, GValue *value, GError *error)
{
  g_critical ("%s returned a result again; the first one counts", smart_call_get_label (call));
  if (value != NULL)
    smart_value_clear (value);
  g_clear_error (&error);
}

/* Where every result passes. @value is moved, @error taken. */
static void
finish (SmartCall *call, GValue *value, GError *error)
{
  if (call->blocking)
    {
      if (!hold (call, value, error, NULL))
        refuse (call, value, error);
      return;
    }

  if (!g_atomic_int_compare_and_exchange (&call->returned, FALSE, TRUE))
    {
      refuse (call, value, error);
      return;
    }

  smart_call_drop_turn (call);
  hold_value (call, value);
  publish (call, error, NULL);
}

/* Its body has failed, and nobody will return for it. */
void
smart_call_end_unreturned (SmartCall *call)
{
  if (!g_atomic_int_get (&call->returned))
    finish (call, NULL, new_unreturned_error (call));
}

/**
 * smart_call_return_none:
 * @call: a call
 *
 * Returns without a value. Like all functions that return, it may be called
 * from any thread. A caller who asks for the value gets a %G_TYPE_POINTER that
 * is %NULL: `None` in Python, `null` in JavaScript.
 *
 * Since: 1.0
 */
void
smart_call_return_none (SmartCall *call)
{
  g_return_if_fail (SMART_IS_LIVE_CALL (call));

  finish (call, NULL, NULL);
}

/**
 * smart_call_return_boolean:
 * @call: a call
 * @result: the result
 *
 * Returns a boolean.
 *
 * Since: 1.0
 */
void
smart_call_return_boolean (SmartCall *call, gboolean result)
{
  GValue value = G_VALUE_INIT;

  g_return_if_fail (SMART_IS_LIVE_CALL (call));

  g_value_init (&value, G_TYPE_BOOLEAN);
  g_value_set_boolean (&value, result);
  finish (call, &value, NULL);
}

/**
 * smart_call_return_int:
 * @call: a call
 * @result: the result
 *
 * Returns an integer.
 *
 * Since: 1.0
 */
void
smart_call_return_int (SmartCall *call, int result)
{
  GValue value = G_VALUE_INIT;

  g_return_if_fail (SMART_IS_LIVE_CALL (call));

  g_value_init (&value, G_TYPE_INT);
  g_value_set_int (&value, result);
  finish (call, &value, NULL);
}

/**
 * smart_call_return_uint:
 * @call: a call
 * @result: the result
 *
 * Returns an unsigned integer.
 *
 * Since: 1.0
 */
void
smart_call_return_uint (SmartCall *call, guint result)
{
  GValue value = G_VALUE_INIT;

  g_return_if_fail (SMART_IS_LIVE_CALL (call));

  g_value_init (&value, G_TYPE_UINT);
  g_value_set_uint (&value, result);
  finish (call, &value, NULL);
}

/**
 * smart_call_return_int64:
 * @call: a call
 * @result: the result
 *
 * Returns an integer of 64 bits.
 *
 * Since: 1.0
 */
void
smart_call_return_int64 (SmartCall *call, gint64 result)
{
  GValue value = G_VALUE_INIT;

  g_return_if_fail (SMART_IS_LIVE_CALL (call));

  g_value_init (&value, G_TYPE_INT64);
  g_value_set_int64 (&value, result);
  finish (call, &value, NULL);
}

/**
 * smart_call_return_uint64:
 * @call: a call
 * @result: the result
 *
 * Returns an unsigned integer of 64 bits.
 *
 * Since: 1.0
 */
void
smart_call_return_uint64 (SmartCall *call, guint64 result)
{
  GValue value = G_VALUE_INIT;

  g_return_if_fail (SMART_IS_LIVE_CALL (call));

  g_value_init (&value, G_TYPE_UINT64);
  g_value_set_uint64 (&value, result);
  finish (call, &value, NULL);
}

/**
 * smart_call_return_double:
 * @call: a call
 * @result: the result
 *
 * Returns a number.
 *
 * Since: 1.0
 */
void
smart_call_return_double (SmartCall *call, double result)
{
  GValue value = G_VALUE_INIT;

  g_return_if_fail (SMART_IS_LIVE_CALL (call));

  g_value_init (&value, G_TYPE_DOUBLE);
  g_value_set_double (&value, result);
  finish (call, &value, NULL);
}

/**
 * smart_call_return_string:
 * @call: a call
 * @result: (transfer full) (nullable): the result
 *
 * Returns a string.
 *
 * Since: 1.0
 */
void
smart_call_return_string (SmartCall *call, char *result)
{
  GValue value = G_VALUE_INIT;

  g_return_if_fail (SMART_IS_LIVE_CALL (call));

  g_value_init (&value, G_TYPE_STRING);
  g_value_take_string (&value, result);
  finish (call, &value, NULL);
}

/**
 * smart_call_return_object:
 * @call: a call
 * @result: (transfer full) (nullable) (type GObject.Object): the result
 *
 * Returns an object.
 *
 * Since: 1.0
 */
void
smart_call_return_object (SmartCall *call, gpointer result)
{
  GValue value = G_VALUE_INIT;

  g_return_if_fail (SMART_IS_LIVE_CALL (call));
  g_return_if_fail (result == NULL || G_IS_OBJECT (result));

  g_value_init (&value, result != NULL ? G_OBJECT_TYPE (result) : G_TYPE_OBJECT);
  g_value_take_object (&value, result);
  finish (call, &value, NULL);
}

/**
 * smart_call_return_boxed: (skip)
 * @call: a call
 * @type: a boxed type
 * @result: (transfer full) (nullable): the result
 *
 * Returns something boxed. A binding has
 * [method@SmartAsync.Call.return_value].
 *
 * Since: 1.0
 */
void
smart_call_return_boxed (SmartCall *call, GType type, gpointer result)
{
  GValue value = G_VALUE_INIT;

  g_return_if_fail (SMART_IS_LIVE_CALL (call));
  g_return_if_fail (G_TYPE_IS_BOXED (type));

  g_value_init (&value, type);
  g_value_take_boxed (&value, result);
  finish (call, &value, NULL);
}

/**
 * smart_call_return_pointer: (skip)
 * @call: a call
 * @result: (nullable): the result
 * @destroy: (nullable): frees @result, if nobody takes it over
 *
 * Returns a pointer, which cannot be copied. With @destroy, it is owned: the
 * caller of [method@SmartAsync.AsyncFunc.call_sync] or
 * [method@SmartAsync.AsyncFunc.call_finish] takes it over; who asks a
 * [class@SmartAsync.Future] for it may use it as long as that future exists.
 *
 * Since: 1.0
 */
void
smart_call_return_pointer (SmartCall *call, gpointer result, GDestroyNotify destroy)
{
  GValue value = G_VALUE_INIT;

  g_return_if_fail (SMART_IS_LIVE_CALL (call));

  smart_value_init_owned_pointer (&value, result, destroy);
  finish (call, &value, NULL);
}

/**
 * smart_call_return_variant:
 * @call: a call
 * @result: (transfer none) (nullable): the result; a floating one is consumed
 *
 * Returns a variant.
 *
 * Since: 1.0
 */
void
smart_call_return_variant (SmartCall *call, GVariant *result)
{
  GValue value = G_VALUE_INIT;

  g_return_if_fail (SMART_IS_LIVE_CALL (call));

  g_value_init (&value, G_TYPE_VARIANT);
  g_value_set_variant (&value, result);
  finish (call, &value, NULL);
}

/**
 * smart_call_return_value:
 * @call: a call
 * @result: (nullable): the result; %NULL for none
 *
 * Returns a copy of @result.
 *
 * Since: 1.0
 */
void
smart_call_return_value (SmartCall *call, const GValue *result)
{
  GValue value = G_VALUE_INIT;

  g_return_if_fail (SMART_IS_LIVE_CALL (call));

  if (result != NULL)
    smart_value_copy (&value, result);
  finish (call, &value, NULL);
}

/**
 * smart_call_return_error:
 * @call: a call
 * @error: (transfer full): the error
 *
 * Returns an error, which the caller gets with its domain, code and message
 * unchanged.
 *
 * Since: 1.0
 */
void
smart_call_return_error (SmartCall *call, GError *error)
{
  g_return_if_fail (SMART_IS_LIVE_CALL (call));
  g_return_if_fail (error != NULL);

  finish (call, NULL, error);
}

/**
 * smart_call_return_new_error:
 * @call: a call
 * @domain: the error's domain
 * @code: its code
 * @format: its message, as for printf()
 * @...: what @format asks for
 *
 * Returns a new error.
 *
 * Since: 1.0
 */
void
smart_call_return_new_error (SmartCall *call, GQuark domain, int code, const char *format, ...)
{
  GError *error;
  va_list args;

  g_return_if_fail (SMART_IS_LIVE_CALL (call));
  g_return_if_fail (domain != 0);
  g_return_if_fail (format != NULL);

  va_start (args, format);
  error = g_error_new_valist (domain, code, format, args);
  va_end (args);

  finish (call, NULL, error);
}

/**
 * smart_call_return_new_error_literal:
 * @call: a call
 * @domain: the error's domain
 * @code: its code
 * @message: its message
 *
 * Returns a new error.
 *
 * Since: 1.0
 */
void
smart_call_return_new_error_literal (SmartCall *call, GQuark domain, int code, const char *message)
{
  g_return_if_fail (SMART_IS_LIVE_CALL (call));
  g_return_if_fail (domain != 0);
  g_return_if_fail (message != NULL);

  finish (call, NULL, g_error_new_literal (domain, code, message));
}

/**
 * smart_call_return_error_if_cancelled:
 * @call: a call
 *
 * Returns %G_IO_ERROR_CANCELLED, if @call was cancelled.
 *
 * Returns: whether it did: then the body has to stop
 *
 * Since: 1.0
 */
gboolean
smart_call_return_error_if_cancelled (SmartCall *call)
{
  g_return_val_if_fail (SMART_IS_LIVE_CALL (call), FALSE);

  if (!smart_outcome_is_cancelled (call->outcome))
    return FALSE;

  finish (call, NULL,
          g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CANCELLED,
                               _ ("The operation was cancelled")));
  return TRUE;
}

typedef struct
{
  SmartListener base;
  SmartCall *call;
} FollowListener;

static void
followed (SmartParcel *parcel, gboolean run)
{
  FollowListener *listener = (FollowListener *) parcel;
  SmartListener *base = &listener->base;
  SmartOutcome *outcome = base->outcome;
  GValue value = G_VALUE_INIT;

  smart_call_drop_turn (listener->call);

  if (smart_outcome_peek_error (outcome) != NULL)
    {
      publish (listener->call, g_error_copy (smart_outcome_peek_error (outcome)), NULL);
    }
  else
    {
      smart_value_copy (&value, smart_outcome_peek (outcome));
      hold_value (listener->call, &value);
      publish (listener->call, NULL, NULL);
    }

  g_object_unref (listener->call);
  smart_listener_clear (base);
  g_free (listener);
}

static void
smart_call_follow (SmartCall *call, SmartOutcome *outcome)
{
  FollowListener *listener = g_new0 (FollowListener, 1);
  GError *error = NULL;

  listener->base.parcel.deliver = followed;
  listener->call = g_object_ref (call);
  /* Who waits for it here has to iterate what the other one needs. */
  smart_outcome_adopt_home (call->outcome, outcome);
  smart_outcome_depend (call->outcome, outcome);
  smart_outcome_need (call->outcome, outcome);
  if (smart_wait_graph_closes_ring (call->outcome, outcome, &error))
    {
      smart_call_drop_turn (call);
      publish (call, error, NULL);
      g_object_unref (listener->call);
      g_free (listener);
      return;
    }
  smart_outcome_listen (outcome, &listener->base);
}

/**
 * smart_call_return_future:
 * @call: a call
 * @future: (transfer none): a future, not the one of @call itself
 *
 * Returns what @future will give: the call settles when @future does, in the
 * same thread.
 *
 * Since: 1.0
 */
void
smart_call_return_future (SmartCall *call, SmartFuture *future)
{
  SmartOutcome *outcome;

  g_return_if_fail (SMART_IS_LIVE_CALL (call));
  g_return_if_fail (SMART_IS_FUTURE (future));

  outcome = smart_future_get_outcome (future);

  if (outcome == call->outcome)
    {
      finish (call, NULL,
              g_error_new (SMART_ERROR, SMART_ERROR_WOULD_DEADLOCK,
                           _ ("%s returned its own future"), smart_call_get_label (call)));
      return;
    }

  if (call->blocking)
    {
      if (!hold (call, NULL, NULL, outcome))
        refuse (call, NULL, NULL);
      return;
    }

  if (!g_atomic_int_compare_and_exchange (&call->returned, FALSE, TRUE))
    {
      refuse (call, NULL, NULL);
      return;
    }

  smart_call_follow (call, outcome);
}

/* It holds the call, through which alone a language's garbage collector may see the
 * callback. */
typedef struct
{
  SmartCall *call;
  GSourceFunc function;
  gpointer user_data;
  GDestroyNotify destroy;
} SmartTimeout;

static gboolean
run_timeout (gpointer data)
{
  SmartTimeout *timeout = data;

  return timeout->function (timeout->user_data);
}

static void
free_timeout (gpointer data)
{
  SmartTimeout *timeout = data;

  if (timeout->destroy != NULL)
    timeout->destroy (timeout->user_data);
  g_object_unref (timeout->call);
  g_free (timeout);
}

/**
 * smart_call_add_timeout:
 * @call: the call of an asynchronous body
 * @msec: when, in milliseconds from now
 * @function: (scope notified) (closure user_data) (destroy destroy): what to call
 * @user_data: what to give it
 * @destroy: (nullable): frees @user_data
 *
 * Calls @function in the context that the body runs in; again and again, until
 * it returns %G_SOURCE_REMOVE. The source holds @call until then: a body that returns
 * earlier should remove it.
 *
 * Returns: the id of the source in [method@SmartAsync.Call.get_context]; 0 if
 *   that is no more
 *
 * Since: 1.0
 */
guint
smart_call_add_timeout (SmartCall *call,
                        guint msec,
                        GSourceFunc function,
                        gpointer user_data,
                        GDestroyNotify destroy)
{
  GMainContext *context;
  SmartTimeout *timeout;
  GSource *source;
  guint id;

  g_return_val_if_fail (SMART_IS_LIVE_CALL (call), 0);
  g_return_val_if_fail (function != NULL, 0);
  g_return_val_if_fail (call->home.context != NULL, 0);

  context = smart_home_ref_context (&call->home);
  if (context == NULL)
    {
      if (destroy != NULL)
        destroy (user_data);
      return 0;
    }

  timeout = g_new (SmartTimeout, 1);
  timeout->call = g_object_ref (call);
  timeout->function = function;
  timeout->user_data = user_data;
  timeout->destroy = destroy;

  source = g_timeout_source_new (msec);
  g_source_set_callback (source, run_timeout, timeout, free_timeout);
  g_source_set_static_name (source, "smart_call_add_timeout");
  id = g_source_attach (source, context);
  g_source_unref (source);
  g_main_context_unref (context);

  return id;
}

/**
 * smart_call_report_progress:
 * @call: a call
 * @progress: how far it is, from 0 to 1
 *
 * Tells who waits how far the work is: [property@SmartAsync.Future:progress] is
 * notified in the caller's context. It is cheap: what comes faster than the
 * caller's context can take is left out. May be called from any thread.
 *
 * Since: 1.0
 */
void
smart_call_report_progress (SmartCall *call, double progress)
{
  SmartRare *rare;
  SmartInbox *inbox;

  g_return_if_fail (SMART_IS_LIVE_CALL (call));
  g_return_if_fail (progress >= 0 && progress <= 1);

  /* No later than what waits for the future, which has the default priority. */
  rare = smart_outcome_peek_rare (call->outcome);
  if (rare != NULL && rare->progress_inbox != NULL)
    inbox = smart_inbox_ref (rare->progress_inbox);
  else if (call->inbox != NULL)
    inbox = smart_inbox_ref (call->inbox);
  else
    inbox =
        get_home_inbox (call, call->func != NULL ? MIN (call->func->priority, G_PRIORITY_DEFAULT)
                                                 : G_PRIORITY_DEFAULT);

  smart_outcome_report (call->outcome, progress, inbox);
  if (inbox != NULL)
    smart_inbox_unref (inbox);
}
