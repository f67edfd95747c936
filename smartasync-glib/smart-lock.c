/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Single flight, by key, with a reference count of those who wait. */

#include <smartasync-glib/smart-lock.h>

#include "smart-async-func-private.h"
#include "smart-context-private.h"
#include "smart-i18n-private.h"
#include "smart-value-private.h"

/* More than nearly all keys are long. */
#define KEY_SPACE 48

typedef struct _Flight Flight;

/**
 * SmartLock:
 *
 * Request coalescing: of those who ask for the same thing at the same time, one
 * does the work, and all get its result.
 *
 * The first caller of [method@SmartAsync.Lock.run_once] with a key starts a
 * flight, which calls the function; who comes with the same key while it is
 * under way joins it and waits. Its progress is that of all their futures. When it
 * has landed, each has a copy of its value or of its error, and the next caller starts a new one: nothing is kept.
 *
 * ## Cancellation
 *
 * Who is cancelled leaves alone, the first caller like any other: the flight
 * goes on for the rest, with a cancellable of its own. That is cancelled when the
 * last one leaves. A newcomer never joins a flight that is cancelled, forgotten
 * or reset. A first caller in a sync context who runs the flight himself, in his
 * own thread, runs it to its end, and gets %G_IO_ERROR_CANCELLED then.
 *
 * ## Contexts
 *
 * One lock serves threads, main loops, sync and async contexts alike, at once.
 * The flight runs as a call by its first caller would. In an async context its
 * main context has to be iterated until it has landed, also for the others.
 *
 * A flight that calls `run_once` of its own lock with its own key would wait for
 * itself: that is %SMART_ERROR_RECURSION.
 *
 * All methods may be called from any thread.
 *
 * The reference counting is that of Go's `singleflight` with the cancellation
 * of its `DoChan`, which that leaves to its users.
 *
 * Since: 1.0
 */
struct _SmartLock
{
  GObject parent_instance;

  GMutex mutex;
  /* mutex: those that can be joined; not references */
  Flight *alone;        /* nearly always there is one at a time */
  GHashTable *flights;  /* the others, by key */
  Flight *unkeyed;      /* likewise, that of no key */
  Flight *under_way;    /* mutex: all that have not landed, the latest first; not references */
  guint n_flights;      /* mutex: how many these are */
  guint n_waiters;      /* mutex */
  guint64 n_calls;      /* mutex */
  guint64 n_executions; /* mutex */
};

/* Held by its waiters, and as its outcome's first listener: before anybody hears
 * of the result, the key is free for the next. Its memory is held by the calls
 * that are part of it, too, which may outlive it: by that they know which flight
 * it is. */
struct _Flight
{
  SmartLineage lineage; /* must be the first; has ended when it has landed: lock->mutex
                           to write */
  SmartListener base;   /* its outcome, which is there from the first: how it lands, and
                           what cancels it */
  int ref_count;        /* atomic */
  SmartLock *lock;      /* immutable; a reference until it ends, then identity only */

  guint n_waiters; /* lock->mutex */
  guint8 can_join; /* lock->mutex: the lock has it by its key */
  guint8 keyed;    /* immutable: no key is a key of its own */
  guint8 is_long;  /* immutable: its key takes more than KEY_SPACE */
  Flight *next;    /* lock->mutex: in lock->under_way */
  Flight **place;  /* lock->mutex: what there points to it */
  char key[];      /* immutable */
};

enum
{
  PROP_N_FLIGHTS = 1,
  PROP_N_WAITERS,
  PROP_N_CALLS,
  PROP_N_EXECUTIONS,
  N_PROPS
};

static GParamSpec *props[N_PROPS];

G_DEFINE_FINAL_TYPE (SmartLock, smart_lock, G_TYPE_OBJECT)

static void
smart_lock_finalize (GObject *object)
{
  SmartLock *lock = SMART_LOCK (object);

  /* No flight is left: they hold the lock. */
  g_hash_table_unref (lock->flights);
  g_mutex_clear (&lock->mutex);

  G_OBJECT_CLASS (smart_lock_parent_class)->finalize (object);
}

static void
smart_lock_get_property (GObject *object, guint prop_id, GValue *value, GParamSpec *pspec)
{
  SmartLock *lock = SMART_LOCK (object);

  switch (prop_id)
    {
    case PROP_N_FLIGHTS:
      g_value_set_uint (value, smart_lock_get_n_flights (lock));
      break;
    case PROP_N_WAITERS:
      g_value_set_uint (value, smart_lock_get_n_waiters (lock));
      break;
    case PROP_N_CALLS:
      g_value_set_uint64 (value, smart_lock_get_n_calls (lock));
      break;
    case PROP_N_EXECUTIONS:
      g_value_set_uint64 (value, smart_lock_get_n_executions (lock));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
    }
}

static void
smart_lock_class_init (SmartLockClass *class)
{
  GObjectClass *object_class = G_OBJECT_CLASS (class);
  GParamFlags flags = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS;

  object_class->finalize = smart_lock_finalize;
  object_class->get_property = smart_lock_get_property;

  /**
   * SmartLock:n-flights:
   *
   * How many flights are under way, those included that cannot be joined any
   * more. It changes in any thread, and is not notified; nor are the others.
   *
   * Since: 1.0
   */
  props[PROP_N_FLIGHTS] = g_param_spec_uint ("n-flights", NULL, NULL, 0, G_MAXUINT, 0, flags);

  /**
   * SmartLock:n-waiters:
   *
   * How many callers wait for a flight, its first caller included.
   *
   * Since: 1.0
   */
  props[PROP_N_WAITERS] = g_param_spec_uint ("n-waiters", NULL, NULL, 0, G_MAXUINT, 0, flags);

  /**
   * SmartLock:n-calls:
   *
   * How many calls there were so far.
   *
   * Since: 1.0
   */
  props[PROP_N_CALLS] = g_param_spec_uint64 ("n-calls", NULL, NULL, 0, G_MAXUINT64, 0, flags);

  /**
   * SmartLock:n-executions:
   *
   * How many flights there were so far.
   *
   * Since: 1.0
   */
  props[PROP_N_EXECUTIONS] =
      g_param_spec_uint64 ("n-executions", NULL, NULL, 0, G_MAXUINT64, 0, flags);

  g_object_class_install_properties (object_class, N_PROPS, props);
}

static void
smart_lock_init (SmartLock *lock)
{
  g_mutex_init (&lock->mutex);
  lock->flights = g_hash_table_new (g_str_hash, g_str_equal);
}

/**
 * smart_lock_new:
 *
 * Makes a lock.
 *
 * Returns: (transfer full): a lock
 *
 * Since: 1.0
 */
SmartLock *
smart_lock_new (void)
{
  return g_object_new (SMART_TYPE_LOCK, NULL);
}

/* Flights */

/* The thread keeps one to use again. */
static Flight *
flight_alloc (SmartThread *thread, gsize key_size)
{
  Flight *flight = thread->spare_flight;

  if (flight != NULL && key_size <= KEY_SPACE)
    {
      thread->spare_flight = NULL;
      return flight;
    }

  flight = g_malloc0 (sizeof (Flight) + MAX (key_size, KEY_SPACE));
  flight->is_long = key_size > KEY_SPACE;
  return flight;
}

/* It is over. Its calls may still know it by its key. */
static void
flight_end (Flight *flight)
{
  SmartThread *thread = smart_thread_peek ();

  smart_outcome_unref (flight->base.outcome);
  g_object_unref (flight->lock);

  if (flight->is_long || thread == NULL || thread->spare_flight != NULL ||
      !smart_lineage_is_last (&flight->lineage))
    {
      smart_lineage_unref (&flight->lineage);
      return;
    }

  g_clear_pointer (&flight->lineage.above, smart_lineage_unref);
  smart_spares_wipe (flight, sizeof (Flight));
  thread->spare_flight = flight;
}

static Flight *
flight_ref (Flight *flight)
{
  g_atomic_int_inc (&flight->ref_count);
  return flight;
}

static void
flight_unref (Flight *flight)
{
  /* Where it is the only one, nobody else can take one any more. */
  if (g_atomic_int_get (&flight->ref_count) == 1 || g_atomic_int_dec_and_test (&flight->ref_count))
    flight_end (flight);
}

static gboolean
has_key (Flight *flight, const char *key)
{
  return flight->keyed == (key != NULL) && (key == NULL || strcmp (flight->key, key) == 0);
}

/* HOLDS: lock->mutex. The one that can be joined, nullable. */
static Flight *
find_flight (SmartLock *lock, const char *key)
{
  if (lock->alone != NULL && has_key (lock->alone, key))
    return lock->alone;

  if (key == NULL)
    return lock->unkeyed;

  return g_hash_table_size (lock->flights) > 0 ? g_hash_table_lookup (lock->flights, key) : NULL;
}

/* HOLDS: flight->lock->mutex. No other one has its key. */
static void
flight_open (Flight *flight)
{
  SmartLock *lock = flight->lock;

  if (lock->alone == NULL)
    lock->alone = flight;
  else if (flight->keyed)
    g_hash_table_insert (lock->flights, flight->key, flight);
  else
    lock->unkeyed = flight;
  flight->can_join = TRUE;
}

/* HOLDS: flight->lock->mutex */
static void
flight_close (Flight *flight)
{
  SmartLock *lock = flight->lock;

  if (!flight->can_join)
    return;

  /* The key is still this one's: the next flight only begins when this is closed. */
  if (lock->alone == flight)
    lock->alone = NULL;
  else if (flight->keyed)
    g_hash_table_remove (lock->flights, flight->key);
  else
    lock->unkeyed = NULL;
  flight->can_join = FALSE;
}

/* HOLDS: flight->lock->mutex */
static void
take_off (Flight *flight)
{
  SmartLock *lock = flight->lock;

  flight->next = lock->under_way;
  flight->place = &lock->under_way;
  if (flight->next != NULL)
    flight->next->place = &flight->next;
  lock->under_way = flight;
  lock->n_flights++;
  lock->n_executions++;
}

/* Its outcome has settled. A sync first caller says so himself, too: he may be
 * back before the thread that settled it has told of it. */
static void
flight_land (Flight *flight)
{
  SmartLock *lock = flight->lock;

  /* Without the lock: it ends once, as the last of what is done below under it. So who
   * finds that it has ended has nothing left to do; who does not looks again. */
  if (smart_lineage_has_ended (&flight->lineage))
    return;

  g_mutex_lock (&lock->mutex);
  if (!smart_lineage_has_ended (&flight->lineage))
    {
      flight_close (flight);
      /* None of them waits any more when he can see that. */
      lock->n_waiters -= flight->n_waiters;
      lock->n_flights--;
      *flight->place = flight->next;
      if (flight->next != NULL)
        flight->next->place = flight->place;
      smart_lineage_end (&flight->lineage);
    }
  g_mutex_unlock (&lock->mutex);
}

/* Whoever begins to listen when it has settled already may be told before the flight is:
 * then he lands it. */
static void
flight_land_if_settled (Flight *flight)
{
  if (!smart_outcome_is_pending (flight->base.outcome))
    flight_land (flight);
}

static void
landed (SmartParcel *parcel, gboolean run)
{
  Flight *flight = (gpointer) ((char *) parcel - G_STRUCT_OFFSET (Flight, base));

  flight_land (flight);
  flight_unref (flight);
}

/* HOLDS: lock->mutex. @lock (taken) is a reference beside those of the application:
 * what toggles with these must not run here. */
static Flight *
flight_new (SmartLock *lock, SmartThread *thread, const char *key)
{
  gsize key_size = key != NULL ? strlen (key) + 1 : 0;
  Flight *flight = flight_alloc (thread, key_size);

  smart_lineage_init (&flight->lineage);
  flight->ref_count = 2; /* the caller's, and the listener's */
  flight->lock = lock;
  flight->base.outcome = smart_outcome_new (NULL, TRUE);
  flight->keyed = key != NULL;
  if (key != NULL)
    memcpy (flight->key, key, key_size);

  flight_open (flight);
  take_off (flight);

  /* Before anybody else can. */
  flight->base.parcel.deliver = landed;
  smart_outcome_listen_first (flight->base.outcome, &flight->base);

  return flight;
}

/* One of those who wait, and the listener to his own outcome. An atomic
 * reference counted box. */
typedef struct
{
  SmartListener base;
  Flight *flight; /* immutable; a reference */
  gboolean left;  /* flight->lock->mutex */
  gboolean leads; /* its sync caller's thread: he has begun it */
} Waiter;

static void
waiter_clear (gpointer data)
{
  flight_unref (((Waiter *) data)->flight);
}

static void
waiter_unref (Waiter *waiter)
{
  g_atomic_rc_box_release_full (waiter, waiter_clear);
}

/* One waits no more. A sync caller says so himself, too: he may be back before
 * the thread that settled his outcome has told of it. */
static void
waiter_leave (Waiter *waiter)
{
  Flight *flight = waiter->flight;
  gboolean is_last = FALSE;

  g_mutex_lock (&flight->lock->mutex);
  if (!waiter->left && !smart_lineage_has_ended (&flight->lineage))
    {
      flight->lock->n_waiters--;
      is_last = --flight->n_waiters == 0;
      if (is_last)
        flight_close (flight);
    }
  waiter->left = TRUE;
  g_mutex_unlock (&flight->lock->mutex);

  if (is_last)
    smart_outcome_cancel (flight->base.outcome);
}

/* His own outcome has settled, by the flight or without it. */
static void
waiter_told (SmartParcel *parcel, gboolean run)
{
  Waiter *waiter = (Waiter *) parcel;
  SmartListener *base = &waiter->base;

  waiter_leave (waiter);
  smart_listener_clear (base);
  waiter_unref (waiter);
}

static Waiter *
waiter_new (SmartOutcome *waiting, Flight *flight)
{
  Waiter *waiter = g_atomic_rc_box_new0 (Waiter);

  waiter->base.parcel.deliver = waiter_told;
  waiter->flight = flight_ref (flight);
  g_atomic_rc_box_acquire (waiter);
  smart_outcome_listen (waiting, &waiter->base);

  return waiter;
}

typedef struct
{
  SmartLock *lock;
  const char *key;
} Wanted;

/* Whether a call descends from a flight of that lock and key which is under way:
 * what it began may go on when it has landed. */
static gboolean
is_same_flight (SmartLineage *lineage, gconstpointer data)
{
  Flight *flight = (Flight *) lineage;
  const Wanted *wanted = data;

  return flight->lock == wanted->lock && has_key (flight, wanted->key);
}

static gboolean
is_recursion (SmartLock *lock, SmartThread *thread, const char *key)
{
  SmartCall *current = smart_frame_current_call (thread);
  Wanted wanted = { lock, key };

  return current != NULL &&
         smart_lineage_find_flight (smart_call_get_lineage (current), is_same_flight, &wanted);
}

/* The flight of @key, with one waiter more: joined, or started for this caller.
 * NULL with @error set, if he is @cancelled or part of that flight. */
static Flight *
enter (SmartLock *lock,
       SmartThread *thread,
       const char *key,
       SmartAsyncFunc *func,
       gboolean cancelled,
       gboolean *is_first,
       GError **error)
{
  gboolean recursion = is_recursion (lock, thread, key);
  Flight *flight;

  g_object_ref (lock);
  g_mutex_lock (&lock->mutex);
  lock->n_calls++;
  if (recursion || cancelled)
    {
      g_mutex_unlock (&lock->mutex);
      g_object_unref (lock);
      if (recursion)
        g_set_error (error, SMART_ERROR, SMART_ERROR_RECURSION,
                     _ ("A flight of %s waits for its own key \"%s\""),
                     smart_async_func_get_label (func), key != NULL ? key : "");
      else
        g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CANCELLED,
                             _ ("The operation was cancelled"));
      return NULL;
    }

  flight = find_flight (lock, key);
  *is_first = flight == NULL || !smart_outcome_is_pending (flight->base.outcome) ||
              smart_outcome_is_cancelled (flight->base.outcome);
  if (*is_first)
    {
      /* One that has landed, but whose listener has not got the mutex yet, or
       * whose body has cancelled it. */
      if (flight != NULL)
        flight_close (flight);
      flight = flight_new (lock, thread, key);
    }
  else
    {
      flight_ref (flight);
    }
  flight->n_waiters++;
  lock->n_waiters++;
  g_mutex_unlock (&lock->mutex);

  if (!*is_first)
    g_object_unref (lock);

  return flight;
}

/* Has @waiting settle as @flight (taken) does. The first one starts it; @home as
 * for smart_dispatch(). */
static Waiter *
join (Flight *flight,
      gboolean is_first,
      SmartAsyncFunc *func,
      SmartOutcome *waiting,
      GMainContext *home,
      GObject *source,
      const GValue *args,
      guint n_args)
{
  Waiter *waiter = waiter_new (waiting, flight);

  smart_outcome_abandon_on_cancel (waiting);
  if (!is_first)
    smart_outcome_adopt_home (waiting, flight->base.outcome);
  if (home != NULL)
    smart_outcome_follow_progress (flight->base.outcome, waiting,
                                   smart_inbox_get (home,
                                                    MIN (func->priority, G_PRIORITY_DEFAULT)));
  smart_outcome_lead (flight->base.outcome, waiting);
  flight_land_if_settled (flight);

  if (is_first)
    {
      SmartThread *thread = smart_thread_get ();
      SmartLead lead = { thread->leads, waiting, flight->base.outcome };

      /* An interrupt must not end it for the others. */
      if (home == NULL)
        thread->leads = &lead;
      smart_dispatch (func, smart_outcome_ref (flight->base.outcome), home, source, args, n_args,
                      &flight->lineage);
      if (home == NULL)
        thread->leads = lead.outer;
      waiter->leads = home == NULL;
      smart_outcome_adopt_home (waiting, flight->base.outcome);
    }

  flight_unref (flight);

  return waiter;
}

/* Has @waiting settle as the flight of @key does, which is joined or started.
 * Returns who waits; NULL where nobody has to. */
static Waiter *
run_once (SmartLock *lock,
          const char *key,
          SmartAsyncFunc *func,
          SmartOutcome *waiting,
          GMainContext *home,
          GObject *source,
          const GValue *args,
          guint n_args)
{
  Waiter *waiter = NULL;
  GError *error = NULL;
  gboolean is_first;
  Flight *flight;

  flight = enter (lock, smart_thread_get (), key, func, smart_outcome_is_cancelled (waiting),
                  &is_first, &error);
  if (flight != NULL)
    waiter = join (flight, is_first, func, waiting, home, source, args, n_args);
  else
    smart_outcome_settle (waiting, NULL, error, NULL);

  return waiter;
}

/* The same for one whom nothing can have leave, and who is called back in the context
 * of @inbox (taken; NULL: is not): he hears of the flight's own outcome, and needs
 * neither a waiter nor another one. */
static void
call_back_at_landing (SmartLock *lock,
                      const char *key,
                      SmartAsyncFunc *func,
                      GMainContext *home,
                      GObject *source,
                      const GValue *args,
                      guint n_args,
                      SmartInbox *inbox,
                      GAsyncReadyCallback callback,
                      gpointer user_data)
{
  GError *error = NULL;
  gboolean is_first;
  Flight *flight = enter (lock, smart_thread_get (), key, func, FALSE, &is_first, &error);
  SmartOutcome *outcome =
      flight != NULL ? smart_outcome_ref (flight->base.outcome) : smart_outcome_new (NULL, FALSE);

  if (inbox != NULL)
    smart_outcome_call_back (outcome, inbox, G_OBJECT (lock), callback, user_data);
  if (flight != NULL)
    flight_land_if_settled (flight);

  if (flight == NULL)
    smart_outcome_settle (outcome, NULL, error, NULL);
  else if (is_first)
    smart_dispatch (func, smart_outcome_ref (outcome), home, source, args, n_args,
                    &flight->lineage);

  if (flight != NULL)
    flight_unref (flight);
  smart_outcome_unref (outcome);
}

/* The first caller of @flight (taken), in a sync context, whom nothing can have
 * leave: he runs it himself, and needs neither a waiter nor an outcome. */
static gboolean
run_alone (Flight *flight,
           SmartAsyncFunc *func,
           GObject *source,
           const GValue *args,
           guint n_args,
           GValue *result,
           GError **error)
{
  gboolean success;

  smart_dispatch (func, smart_outcome_ref (flight->base.outcome), NULL, source, args, n_args,
                  &flight->lineage);
  flight_land (flight);
  success = smart_outcome_get (flight->base.outcome, result, error);
  flight_unref (flight);

  return success;
}

/* Waits for what run_once() began, whose @waiter (taken, nullable) this is. */
static void
wait_once (Waiter *waiter, SmartOutcome *waiting)
{
  GError *refused = NULL;

  if (!smart_outcome_wait (waiting, -1, NULL, &refused))
    smart_outcome_settle (waiting, NULL, refused, NULL);

  if (waiter != NULL)
    {
      waiter_leave (waiter);
      if (waiter->leads)
        smart_outcome_release_spent (waiter->flight->base.outcome);
      waiter_unref (waiter);
    }
}

/**
 * smart_lock_run_once:
 * @lock: a lock
 * @key: (nullable): what it is about; %NULL is a key of its own
 * @func: the function
 * @source: (nullable): the object that it is called on
 * @args: (array length=n_args) (nullable): the arguments; they are copied
 * @n_args: their number
 * @cancellable: (nullable): has this caller leave
 *
 * Calls @func, or joins the call that is under way for @key: whoever joins gets
 * that one's result, whatever his own arguments. In a sync context the future
 * has settled when this returns. In an async context this returns at once.
 *
 * To cancel the future has this caller leave.
 *
 * Returns: (transfer full): the result, now or later
 *
 * Since: 1.0
 */
SmartFuture *
smart_lock_run_once (SmartLock *lock,
                     const char *key,
                     SmartAsyncFunc *func,
                     GObject *source,
                     const GValue *args,
                     guint n_args,
                     GCancellable *cancellable)
{
  GMainContext *home = NULL;
  SmartOutcome *waiting;
  SmartFuture *future;
  Waiter *waiter;

  g_return_val_if_fail (SMART_IS_LOCK (lock), NULL);
  g_return_val_if_fail (SMART_IS_ASYNC_FUNC (func), NULL);
  g_return_val_if_fail (source == NULL || G_IS_OBJECT (source), NULL);
  g_return_val_if_fail (n_args == 0 || args != NULL, NULL);
  g_return_val_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable), NULL);

  if (smart_context_is_async ())
    home = smart_context_ref_home ();

  waiting = smart_outcome_new (smart_async_func_inherit (func, cancellable), TRUE);
  future = smart_future_new_for_outcome (waiting);
  waiter = run_once (lock, key, func, waiting, home, source, args, n_args);

  if (home == NULL)
    {
      wait_once (waiter, waiting);
    }
  else
    {
      g_clear_pointer (&waiter, waiter_unref);
      g_main_context_unref (home);
    }
  smart_outcome_unref (waiting);

  return future;
}

/**
 * smart_lock_run_once_sync:
 * @lock: a lock
 * @key: (nullable): what it is about; %NULL is a key of its own
 * @func: the function
 * @source: (nullable): the object that it is called on
 * @args: (array length=n_args) (nullable): the arguments; they are copied
 * @n_args: their number
 * @cancellable: (nullable): has this caller leave
 * @result: (out caller-allocates) (optional): where the result goes
 * @error: return location for an error
 *
 * Does what [method@SmartAsync.Lock.run_once] does and waits, whatever the
 * caller's context.
 *
 * Returns: %FALSE with @error set, if there is no result
 *
 * Since: 1.0
 */
gboolean
smart_lock_run_once_sync (SmartLock *lock,
                          const char *key,
                          SmartAsyncFunc *func,
                          GObject *source,
                          const GValue *args,
                          guint n_args,
                          GCancellable *cancellable,
                          GValue *result,
                          GError **error)
{
  SmartThread *thread;
  SmartOutcome *waiting;
  GCancellable *upstream;
  Flight *flight;
  gboolean is_first;
  gboolean success;

  g_return_val_if_fail (SMART_IS_LOCK (lock), FALSE);
  g_return_val_if_fail (SMART_IS_ASYNC_FUNC (func), FALSE);
  g_return_val_if_fail (source == NULL || G_IS_OBJECT (source), FALSE);
  g_return_val_if_fail (n_args == 0 || args != NULL, FALSE);
  g_return_val_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable), FALSE);

  thread = smart_thread_get ();
  upstream = smart_async_func_inherit (func, cancellable);
  flight = enter (lock, thread, key, func, g_cancellable_is_cancelled (upstream), &is_first, error);

  if (flight == NULL)
    {
      smart_value_put_failed (result);
      success = FALSE;
    }
  else if (is_first && upstream == NULL && thread->interrupt == NULL &&
           smart_dispatch_is_here (func))
    {
      success = run_alone (flight, func, source, args, n_args, result, error);
    }
  else
    {
      waiting = smart_outcome_new (upstream, FALSE);
      wait_once (join (flight, is_first, func, waiting, NULL, source, args, n_args), waiting);
      success = smart_outcome_get (waiting, result, error);
      smart_outcome_unref (waiting);
    }

  return success;
}

/**
 * smart_lock_run_once_async:
 * @lock: a lock
 * @key: (nullable): what it is about; %NULL is a key of its own
 * @func: the function
 * @source: (nullable): the object that it is called on
 * @args: (array length=n_args) (nullable): the arguments; they are copied
 * @n_args: their number
 * @cancellable: (nullable): has this caller leave
 * @callback: (scope async) (nullable): called when the result is there
 * @user_data: what to give it
 *
 * Does what [method@SmartAsync.Lock.run_once] does and returns, whatever the
 * caller's context. @callback comes where that of
 * [method@SmartAsync.AsyncFunc.call_async] would; its source object is @lock.
 *
 * Since: 1.0
 */
void
smart_lock_run_once_async (SmartLock *lock,
                           const char *key,
                           SmartAsyncFunc *func,
                           GObject *source,
                           const GValue *args,
                           guint n_args,
                           GCancellable *cancellable,
                           GAsyncReadyCallback callback,
                           gpointer user_data)
{
  GMainContext *home;
  GCancellable *upstream;
  SmartInbox *inbox = NULL;

  g_return_if_fail (SMART_IS_LOCK (lock));
  g_return_if_fail (SMART_IS_ASYNC_FUNC (func));
  g_return_if_fail (source == NULL || G_IS_OBJECT (source));
  g_return_if_fail (n_args == 0 || args != NULL);
  g_return_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable));

  home = smart_context_ref_home ();
  upstream = smart_async_func_inherit (func, cancellable);
  if (callback != NULL)
    inbox = smart_inbox_get (home, func->priority);

  if (upstream == NULL)
    {
      call_back_at_landing (lock, key, func, home, source, args, n_args, inbox, callback,
                            user_data);
    }
  else
    {
      SmartOutcome *waiting = smart_outcome_new (upstream, FALSE);
      Waiter *waiter;

      if (callback != NULL)
        smart_outcome_call_back (waiting, inbox, G_OBJECT (lock), callback, user_data);
      waiter = run_once (lock, key, func, waiting, home, source, args, n_args);
      g_clear_pointer (&waiter, waiter_unref);
      smart_outcome_unref (waiting);
    }
  g_main_context_unref (home);
}

/**
 * smart_lock_run_once_finish:
 * @lock: the lock
 * @async_result: what the callback was given
 * @result: (out caller-allocates) (optional): where the result goes
 * @error: return location for an error
 *
 * Ends what [method@SmartAsync.Lock.run_once_async] began.
 *
 * Returns: %FALSE with @error set, if there is no result
 *
 * Since: 1.0
 */
gboolean
smart_lock_run_once_finish (SmartLock *lock,
                            GAsyncResult *async_result,
                            GValue *result,
                            GError **error)
{
  g_return_val_if_fail (SMART_IS_LOCK (lock), FALSE);
  g_return_val_if_fail (SMART_IS_FUTURE (async_result), FALSE);
  g_return_val_if_fail (smart_future_is_result_of (SMART_FUTURE (async_result), G_OBJECT (lock)),
                        FALSE);

  return smart_outcome_get (smart_future_get_outcome (SMART_FUTURE (async_result)), result, error);
}

/**
 * smart_lock_forget:
 * @lock: a lock
 * @key: (nullable): a key
 *
 * Has the next caller with @key start a flight of his own. One that is under
 * way goes on, for those who wait for it.
 *
 * Since: 1.0
 */
void
smart_lock_forget (SmartLock *lock, const char *key)
{
  Flight *flight;

  g_return_if_fail (SMART_IS_LOCK (lock));

  g_mutex_lock (&lock->mutex);
  flight = find_flight (lock, key);
  if (flight != NULL)
    flight_close (flight);
  g_mutex_unlock (&lock->mutex);
}

/**
 * smart_lock_reset:
 * @lock: a lock
 *
 * Ends all flights: whoever waits gets %G_IO_ERROR_CANCELLED at once, and the
 * functions are cancelled. The lock can be used at once.
 *
 * Since: 1.0
 */
void
smart_lock_reset (SmartLock *lock)
{
  g_autoptr (GPtrArray) flights = NULL;

  g_return_if_fail (SMART_IS_LOCK (lock));

  flights = g_ptr_array_new ();

  g_mutex_lock (&lock->mutex);
  for (Flight *flight = lock->under_way; flight != NULL; flight = flight->next)
    {
      flight_close (flight);
      g_ptr_array_add (flights, flight_ref (flight));
    }
  g_mutex_unlock (&lock->mutex);

  for (guint i = 0; i < flights->len; i++)
    {
      Flight *flight = g_ptr_array_index (flights, i);

      smart_outcome_settle_cancelled (flight->base.outcome);
      smart_outcome_cancel (flight->base.outcome);
      flight_unref (flight);
    }
}

/**
 * smart_lock_get_n_flights: (get-property n-flights)
 * @lock: a lock
 *
 * How many flights are under way.
 *
 * Returns: their number
 *
 * Since: 1.0
 */
guint
smart_lock_get_n_flights (SmartLock *lock)
{
  guint n;

  g_return_val_if_fail (SMART_IS_LOCK (lock), 0);

  g_mutex_lock (&lock->mutex);
  n = lock->n_flights;
  g_mutex_unlock (&lock->mutex);

  return n;
}

/**
 * smart_lock_get_n_waiters: (get-property n-waiters)
 * @lock: a lock
 *
 * How many callers wait for a flight.
 *
 * Returns: their number
 *
 * Since: 1.0
 */
guint
smart_lock_get_n_waiters (SmartLock *lock)
{
  guint n;

  g_return_val_if_fail (SMART_IS_LOCK (lock), 0);

  g_mutex_lock (&lock->mutex);
  n = lock->n_waiters;
  g_mutex_unlock (&lock->mutex);

  return n;
}

/**
 * smart_lock_get_n_calls: (get-property n-calls)
 * @lock: a lock
 *
 * How many calls there were so far.
 *
 * Returns: their number
 *
 * Since: 1.0
 */
guint64
smart_lock_get_n_calls (SmartLock *lock)
{
  guint64 n;

  g_return_val_if_fail (SMART_IS_LOCK (lock), 0);

  g_mutex_lock (&lock->mutex);
  n = lock->n_calls;
  g_mutex_unlock (&lock->mutex);

  return n;
}

/**
 * smart_lock_get_n_executions: (get-property n-executions)
 * @lock: a lock
 *
 * How many flights there were so far.
 *
 * Returns: their number
 *
 * Since: 1.0
 */
guint64
smart_lock_get_n_executions (SmartLock *lock)
{
  guint64 n;

  g_return_val_if_fail (SMART_IS_LOCK (lock), 0);

  g_mutex_lock (&lock->mutex);
  n = lock->n_executions;
  g_mutex_unlock (&lock->mutex);

  return n;
}
