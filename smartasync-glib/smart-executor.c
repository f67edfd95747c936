/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Other places to run: a pool of threads, a main context, a thread with a loop
 * of its own. */

#include "smart-executor-private.h"

#include "smart-async-func-private.h"
#include "smart-context-pool-private.h"
#include "smart-i18n-private.h"
#include "smart-offload-private.h"

/**
 * SmartExecutor:
 *
 * A place to run: set as [property@SmartAsync.AsyncFunc:executor], it is where
 * the bodies of the function run, whatever the caller's context.
 *
 * - A pool ([ctor@SmartAsync.Executor.new_pool]) has threads of its own, at most
 *   so many. In a pool of one, every body runs on the same thread, one after
 *   the other: for a library that wants to be called from one thread only. An
 *   asynchronous body begins there, too, and goes on in a private context of the
 *   thread; while it waits for its loop, the thread takes other calls.
 * - A context ([ctor@SmartAsync.Executor.new_for_context]) runs bodies where
 *   that context is iterated.
 * - A loop ([ctor@SmartAsync.Executor.new_loop]) is a thread that iterates a main
 *   context of its own: a home for objects that outlive a call, such as a D-Bus
 *   proxy or an HTTP session, which callers of all threads share.
 *
 * A caller in a sync context waits; one in an async context gets the result in
 * his own context. A call made by a body to a function of its own executor does
 * not wait for itself: a sync one runs right there. If that is a blocking one with
 * a timeout, its caller cannot leave at the deadline: then its cancellable is
 * cancelled, and when it has ended that is %G_IO_ERROR_TIMED_OUT.
 *
 * An executor lives as long as somebody holds it; a function does, and so does
 * a call. [method@SmartAsync.Executor.close] has it take no more calls. All methods may be called from any thread.
 *
 * Since: 1.0
 */

typedef enum
{
  POOL,
  CONTEXT,
  LOOP
} Kind;

struct _SmartExecutor
{
  GObject parent_instance;

  Kind kind;         /* immutable */
  char *name;        /* immutable */
  guint max_threads; /* immutable */
  gboolean is_timer; /* immutable: nobody's bodies run there */
  int max_pending;   /* atomic */

  GMutex lock;
  guint generation;      /* lock: the process that these were made in */
  gboolean closed;       /* lock: nothing begins any more */
  GHashTable *waiting;   /* lock: of a context, a set of the outcomes of the calls that
                            have not begun; references, and not the last ones */
  GHashTable *watched;   /* lock: likewise, of those that wait for a turn first */
  SmartPool *pool;       /* lock: made when it is first needed */
  GMainContext *context; /* lock: likewise, of a loop; immutable of a context */
  GMainLoop *loop;       /* lock: likewise */
};

enum
{
  PROP_NAME = 1,
  PROP_MAX_THREADS,
  PROP_MAX_PENDING,
  N_PROPS
};

static GParamSpec *props[N_PROPS];

/* Grows in each child: what an executor had in the parent is abandoned. */
static guint generation;

G_DEFINE_FINAL_TYPE (SmartExecutor, smart_executor, G_TYPE_OBJECT)

static gboolean
quit (gpointer loop)
{
  g_main_loop_quit (loop);
  return G_SOURCE_REMOVE;
}

/* Takes @loop. Its thread may not have come to run it yet, and g_main_loop_run()
 * forgets that it was to quit: so a source says it. */
static void
end_loop (GMainLoop *loop, GMainContext *context)
{
  GSource *source = g_idle_source_new ();

  g_source_set_static_name (source, "smartasync quit");
  g_source_set_priority (source, G_PRIORITY_HIGH);
  g_source_set_callback (source, quit, loop, (GDestroyNotify) g_main_loop_unref);
  g_source_attach (source, context);
  g_source_unref (source);
}

static void
smart_executor_finalize (GObject *object)
{
  SmartExecutor *executor = SMART_EXECUTOR (object);

  if (executor->generation == generation)
    {
      g_clear_pointer (&executor->pool, smart_pool_close);
      if (executor->loop != NULL)
        end_loop (executor->loop, executor->context);
      g_clear_pointer (&executor->context, g_main_context_unref);
    }
  g_hash_table_unref (executor->waiting);
  g_hash_table_unref (executor->watched);
  g_mutex_clear (&executor->lock);
  g_free (executor->name);

  G_OBJECT_CLASS (smart_executor_parent_class)->finalize (object);
}

static void
smart_executor_get_property (GObject *object, guint prop_id, GValue *value, GParamSpec *pspec)
{
  SmartExecutor *executor = SMART_EXECUTOR (object);

  switch (prop_id)
    {
    case PROP_NAME:
      g_value_set_string (value, executor->name);
      break;
    case PROP_MAX_THREADS:
      g_value_set_uint (value, executor->max_threads);
      break;
    case PROP_MAX_PENDING:
      g_value_set_uint (value, smart_executor_get_max_pending (executor));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
    }
}

static void
smart_executor_set_property (GObject *object, guint prop_id, const GValue *value, GParamSpec *pspec)
{
  switch (prop_id)
    {
    case PROP_MAX_PENDING:
      smart_executor_set_max_pending (SMART_EXECUTOR (object), g_value_get_uint (value));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
    }
}

static void
smart_executor_class_init (SmartExecutorClass *class)
{
  GObjectClass *object_class = G_OBJECT_CLASS (class);

  object_class->finalize = smart_executor_finalize;
  object_class->get_property = smart_executor_get_property;
  object_class->set_property = smart_executor_set_property;

  /**
   * SmartExecutor:name:
   *
   * What its threads are called.
   *
   * Since: 1.0
   */
  props[PROP_NAME] =
      g_param_spec_string ("name", NULL, NULL, NULL, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  /**
   * SmartExecutor:max-threads:
   *
   * How many threads it has at most; 0 for a context.
   *
   * Since: 1.0
   */
  props[PROP_MAX_THREADS] = g_param_spec_uint ("max-threads", NULL, NULL, 0, G_MAXUINT, 0,
                                               G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  /**
   * SmartExecutor:max-pending:
   *
   * How many calls may wait to begin; 0 for no limit. One more is
   * %G_IO_ERROR_BUSY at once.
   *
   * Since: 1.0
   */
  props[PROP_MAX_PENDING] =
      g_param_spec_uint ("max-pending", NULL, NULL, 0, G_MAXINT, 0,
                         G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  g_object_class_install_properties (object_class, N_PROPS, props);
}

static GHashTable *
outcome_set_new (void)
{
  return g_hash_table_new_full (NULL, NULL, (GDestroyNotify) smart_outcome_unref, NULL);
}

static void
smart_executor_init (SmartExecutor *executor)
{
  g_mutex_init (&executor->lock);
  /* What g_object_new () makes, or a language's `new`, is a pool of one. */
  executor->max_threads = 1;
  executor->generation = generation;
  executor->waiting = outcome_set_new ();
  executor->watched = outcome_set_new ();
}

/* HOLDS: executor->lock */
static void
leave_the_parent (SmartExecutor *executor)
{
  if (executor->generation == generation)
    return;

  executor->generation = generation;
  executor->pool = NULL;
  g_hash_table_steal_all (executor->watched);
  if (executor->kind == LOOP)
    {
      executor->context = NULL;
      executor->loop = NULL;
      g_hash_table_steal_all (executor->waiting);
    }
}

static SmartPool *
get_pool (SmartExecutor *executor)
{
  SmartPool *pool;

  g_mutex_lock (&executor->lock);
  leave_the_parent (executor);
  if (executor->pool == NULL)
    executor->pool = smart_pool_new (executor->name, executor->max_threads);
  pool = executor->pool;
  g_mutex_unlock (&executor->lock);

  return pool;
}

static gpointer
timer_main (gpointer data)
{
  GMainLoop *loop = data;
  GMainContext *context = g_main_loop_get_context (loop);

  g_main_context_push_thread_default (context);
  g_main_loop_run (loop);
  /* Some objects only end in an idle source of their context's. */
  smart_context_pool_drain (context);
  g_main_context_pop_thread_default (context);
  g_main_loop_unref (loop);

  return NULL;
}

static gpointer
loop_main (gpointer data)
{
  smart_context_pool_make_singletons ();
  return timer_main (data);
}

/* HOLDS: executor->lock */
static gboolean
start_loop (SmartExecutor *executor, GError **error)
{
  GMainContext *context = g_main_context_new ();
  GMainLoop *loop = g_main_loop_new (context, TRUE);
  GThread *thread = g_thread_try_new (executor->name, executor->is_timer ? timer_main : loop_main,
                                      g_main_loop_ref (loop), error);

  if (thread == NULL)
    {
      g_main_loop_unref (loop);
      g_main_loop_unref (loop);
      g_main_context_unref (context);
      return FALSE;
    }

  g_thread_unref (thread);
  executor->context = context;
  executor->loop = loop;
  return TRUE;
}

GError *
smart_executor_new_closed_error (void)
{
  return g_error_new_literal (SMART_ERROR, SMART_ERROR_CLOSED,
                              _ ("The executor that it was to run in was closed"));
}

/* Not a reference: valid as long as @executor. NULL if it is closed and has none, or
 * if there is no thread for it. */
static GMainContext *
get_context (SmartExecutor *executor, GError **error)
{
  GMainContext *context;

  g_mutex_lock (&executor->lock);
  leave_the_parent (executor);
  if (executor->context == NULL && executor->closed)
    g_propagate_error (error, smart_executor_new_closed_error ());
  else if (executor->context == NULL)
    start_loop (executor, error);
  context = executor->context;
  g_mutex_unlock (&executor->lock);

  return context;
}

static SmartExecutor *
executor_new (Kind kind, const char *name, guint max_threads)
{
  SmartExecutor *executor = g_object_new (SMART_TYPE_EXECUTOR, NULL);

  executor->kind = kind;
  executor->name = g_strdup (name != NULL ? name : "smartasync");
  executor->max_threads = max_threads;

  return executor;
}

/**
 * smart_executor_new_pool:
 * @name: (nullable): what its threads are called
 * @max_threads: how many of them there are at most; 1 for all work on one
 *   thread, in order
 *
 * Makes a pool of threads, which are started when they are needed. Idle ones end
 * after a while, but the thread of a pool of one stays. While the system gives it
 * no thread, calls wait, and it is tried again.
 *
 * Returns: (transfer full): an executor
 *
 * Since: 1.0
 */
SmartExecutor *
smart_executor_new_pool (const char *name, guint max_threads)
{
  g_return_val_if_fail (max_threads > 0, NULL);

  return executor_new (POOL, name, max_threads);
}

/**
 * smart_executor_new_for_context:
 * @context: (nullable): a main context; %NULL for the default one
 *
 * Makes an executor that runs bodies where @context is iterated.
 *
 * Returns: (transfer full): an executor
 *
 * Since: 1.0
 */
SmartExecutor *
smart_executor_new_for_context (GMainContext *context)
{
  SmartExecutor *executor = executor_new (CONTEXT, NULL, 0);

  executor->context = g_main_context_ref (context != NULL ? context : g_main_context_default ());

  return executor;
}

/**
 * smart_executor_new_loop:
 * @name: (nullable): what its thread is called
 *
 * Makes an executor that is a thread with a main loop. The thread is started
 * when it is needed, and ends with the executor. If the system gives it none, the
 * call fails with a %G_THREAD_ERROR, and the next one tries again.
 *
 * Returns: (transfer full): an executor
 *
 * Since: 1.0
 */
SmartExecutor *
smart_executor_new_loop (const char *name)
{
  return executor_new (LOOP, name, 1);
}

/**
 * smart_executor_get_name:
 * @executor: an executor
 *
 * What its threads are called.
 *
 * Returns: (transfer none): the name
 *
 * Since: 1.0
 */
const char *
smart_executor_get_name (SmartExecutor *executor)
{
  g_return_val_if_fail (SMART_IS_EXECUTOR (executor), NULL);

  return executor->name;
}

/**
 * smart_executor_get_max_threads:
 * @executor: an executor
 *
 * How many threads it has at most.
 *
 * Returns: their number; 0 for a context
 *
 * Since: 1.0
 */
guint
smart_executor_get_max_threads (SmartExecutor *executor)
{
  g_return_val_if_fail (SMART_IS_EXECUTOR (executor), 0);

  return executor->max_threads;
}

/**
 * smart_executor_get_max_pending:
 * @executor: an executor
 *
 * How many calls may wait to begin.
 *
 * Returns: their number; 0 for no limit
 *
 * Since: 1.0
 */
guint
smart_executor_get_max_pending (SmartExecutor *executor)
{
  g_return_val_if_fail (SMART_IS_EXECUTOR (executor), 0);

  return (guint) g_atomic_int_get (&executor->max_pending);
}

/**
 * smart_executor_set_max_pending:
 * @executor: an executor
 * @max_pending: how many calls may wait to begin; 0 for no limit
 *
 * Sets how many calls may wait to begin.
 *
 * Since: 1.0
 */
void
smart_executor_set_max_pending (SmartExecutor *executor, guint max_pending)
{
  g_return_if_fail (SMART_IS_EXECUTOR (executor));
  g_return_if_fail (max_pending <= G_MAXINT);

  g_atomic_int_set (&executor->max_pending, (int) max_pending);
  g_object_notify_by_pspec (G_OBJECT (executor), props[PROP_MAX_PENDING]);
}

/**
 * smart_executor_get_context:
 * @executor: an executor
 *
 * The main context that its bodies run in; that of a loop is made, and its
 * thread started, if it was not yet.
 *
 * Returns: (transfer none) (nullable): the context; %NULL for a pool, for an
 *   executor that was closed, and where the system has no thread for a loop
 *
 * Since: 1.0
 */
GMainContext *
smart_executor_get_context (SmartExecutor *executor)
{
  g_return_val_if_fail (SMART_IS_EXECUTOR (executor), NULL);

  return executor->kind != POOL ? get_context (executor, NULL) : NULL;
}

/* Whether @executor was closed; any thread. */
static gboolean
is_closed (SmartExecutor *executor)
{
  gboolean closed;

  g_mutex_lock (&executor->lock);
  closed = executor->closed;
  g_mutex_unlock (&executor->lock);

  return closed;
}

gboolean
smart_executor_is_pool (SmartExecutor *executor)
{
  return executor->kind == POOL;
}

/* Running there */

/* Takes @call, which will not run, and @error. */
void
smart_executor_refuse (SmartCall *call, GError *error)
{
  smart_call_drop_turn (call);
  smart_outcome_settle (smart_call_get_outcome (call), NULL, error, call);
}

/* In the executor's context, which this thread owns. */
static void
run_in_context (SmartCall *call, GMainContext *context)
{
  if (!smart_call_may_run (call))
    return;

  if (smart_call_is_blocking (call))
    smart_call_run_blocking (call);
  else
    smart_begin (call, context);
}

static void
delivered (SmartParcel *parcel, gboolean run)
{
  SmartCall *call = smart_call_of_parcel (parcel);
  SmartExecutor *executor = g_object_ref (smart_call_get_func (call)->executor);
  GMainContext *context;

  g_mutex_lock (&executor->lock);
  g_hash_table_remove (executor->waiting, smart_call_get_outcome (call));
  context = run && !executor->closed ? g_main_context_ref (executor->context) : NULL;
  g_mutex_unlock (&executor->lock);

  if (context != NULL)
    {
      run_in_context (call, context);
      g_main_context_unref (context);
    }
  else
    {
      smart_executor_refuse (call, smart_executor_new_closed_error ());
    }

  g_object_unref (executor);
}

static gboolean
has_settled (gpointer outcome, gpointer value, gpointer unused)
{
  return !smart_outcome_is_pending (outcome);
}

/* Whether one more may wait: those that were cancelled do not count. HOLDS:
 * executor->lock */
static gboolean
has_room (SmartExecutor *executor)
{
  guint max_pending = (guint) g_atomic_int_get (&executor->max_pending);

  if (max_pending == 0 || g_hash_table_size (executor->waiting) < max_pending)
    return TRUE;

  g_hash_table_foreach_remove (executor->waiting, has_settled, NULL);
  return g_hash_table_size (executor->waiting) < max_pending;
}

static GError *
new_busy_error (SmartExecutor *executor, SmartCall *call)
{
  return g_error_new (G_IO_ERROR, G_IO_ERROR_BUSY,
                      _ ("%s finds no room: too many calls wait for executor %s already"),
                      smart_call_get_label (call), executor->name);
}

static gboolean
submit_to_context (SmartExecutor *executor, SmartCall *call, GError **error)
{
  SmartOutcome *outcome = smart_call_get_outcome (call);
  GMainContext *context = NULL;
  SmartInbox *inbox;

  if (get_context (executor, error) == NULL)
    return FALSE;

  g_mutex_lock (&executor->lock);
  if (executor->closed)
    {
      g_propagate_error (error, smart_executor_new_closed_error ());
    }
  else if (!has_room (executor))
    {
      g_propagate_error (error, new_busy_error (executor, call));
    }
  else
    {
      g_hash_table_add (executor->waiting, smart_outcome_ref (outcome));
      context = g_main_context_ref (executor->context);
    }
  g_mutex_unlock (&executor->lock);

  if (context == NULL)
    return FALSE;

  smart_outcome_set_home_of_others (outcome, context);
  smart_outcome_queue (outcome);
  inbox = smart_inbox_get (context, smart_call_get_func (call)->priority);
  smart_call_push (call, inbox, delivered);
  smart_inbox_unref (inbox);
  g_main_context_unref (context);

  return TRUE;
}

/* Takes @call, unless there is no room, or no executor any more. Any thread. */
gboolean
smart_executor_offer (SmartExecutor *executor, SmartCall *call, GError **error)
{
  if (executor->kind != POOL)
    return submit_to_context (executor, call, error);

  if (smart_pool_submit (get_pool (executor), call,
                         (guint) g_atomic_int_get (&executor->max_pending)))
    return TRUE;

  g_propagate_error (error, is_closed (executor) ? smart_executor_new_closed_error ()
                                                 : new_busy_error (executor, call));
  return FALSE;
}

/* What waits for a turn before it comes here: until smart_executor_unwatch(),
 * @outcome settles when @executor is closed. FALSE: it is. */
gboolean
smart_executor_watch (SmartExecutor *executor, SmartOutcome *outcome)
{
  gboolean closed;

  g_mutex_lock (&executor->lock);
  closed = executor->closed;
  if (!closed)
    g_hash_table_add (executor->watched, smart_outcome_ref (outcome));
  g_mutex_unlock (&executor->lock);

  return !closed;
}

/* The caller keeps @outcome. */
void
smart_executor_unwatch (SmartExecutor *executor, SmartOutcome *outcome)
{
  g_mutex_lock (&executor->lock);
  g_hash_table_remove (executor->watched, outcome);
  g_mutex_unlock (&executor->lock);
}

/* Takes @outcomes. */
static void
settle_closed (GHashTable *outcomes)
{
  GHashTableIter iter;
  gpointer outcome;

  g_hash_table_iter_init (&iter, outcomes);
  while (g_hash_table_iter_next (&iter, &outcome, NULL))
    smart_outcome_settle (outcome, NULL, smart_executor_new_closed_error (), NULL);
  g_hash_table_unref (outcomes);
}

/**
 * smart_executor_close:
 * @executor: an executor
 *
 * Has no further call begin: those that wait to, and those that are made from now
 * on, fail at once with %SMART_ERROR_CLOSED. What runs goes on to its end. Of a
 * main context that it was made for, @executor lets go.
 *
 * An executor that nobody uses any more need not be closed. It is for those that
 * have to end while there may be callers. May be called from any thread, and more
 * than once.
 *
 * Since: 1.0
 */
void
smart_executor_close (SmartExecutor *executor)
{
  SmartPool *pool = NULL;
  GMainContext *context = NULL;
  GHashTable *waiting, *watched;

  g_return_if_fail (SMART_IS_EXECUTOR (executor));

  g_object_ref (executor);
  g_mutex_lock (&executor->lock);
  leave_the_parent (executor);
  executor->closed = TRUE;
  pool = executor->pool;
  if (executor->kind == CONTEXT)
    context = g_steal_pointer (&executor->context);
  waiting = executor->waiting;
  executor->waiting = outcome_set_new ();
  watched = executor->watched;
  executor->watched = outcome_set_new ();
  g_mutex_unlock (&executor->lock);

  for (SmartCall *call = pool != NULL ? smart_pool_empty (pool) : NULL; call != NULL;)
    {
      SmartCall *next = smart_call_get_next (call);

      smart_executor_refuse (call, smart_executor_new_closed_error ());
      call = next;
    }

  /* Their calls are dropped where they wait or, if nobody comes by there any more,
   * with the context; or when their turn comes. */
  settle_closed (waiting);
  settle_closed (watched);
  if (context != NULL)
    g_main_context_unref (context);
  g_object_unref (executor);
}

/* Takes @call. Any thread. */
void
smart_executor_submit (SmartExecutor *executor, SmartCall *call)
{
  GError *error = NULL;

  if (!smart_executor_offer (executor, call, &error))
    smart_executor_refuse (call, error);
}

/* The same, for a caller who waits. */
void
smart_executor_submit_and_wait (SmartExecutor *executor, SmartCall *call)
{
  SmartOutcome *outcome = smart_outcome_ref (smart_call_get_outcome (call));
  gint64 deadline = smart_call_get_deadline (call);
  GError *error = NULL;

  smart_outcome_keep_spent (outcome);
  smart_executor_submit (executor, call);
  if (!smart_outcome_wait (outcome, deadline, NULL, &error))
    smart_outcome_settle (outcome, NULL, error, NULL);
  else if (smart_outcome_is_pending (outcome))
    smart_outcome_settle_timed_out (outcome);
  smart_outcome_release_spent (outcome);
  smart_outcome_unref (outcome);
}

/* For a sync caller: whether this is where @executor runs its bodies, and nobody
 * else would come to do it. */
gboolean
smart_executor_is_here (SmartExecutor *executor)
{
  GMainContext *context, *current;
  gboolean is_here;

  if (is_closed (executor))
    return FALSE;

  if (executor->kind == POOL)
    {
      SmartThread *thread = smart_thread_get ();

      return thread->pool != NULL && thread->pool == get_pool (executor);
    }

  /* A context that nobody iterates, and that is this thread's own, is iterated
   * here. A loop's belongs to its thread, also before that has come to it. */
  context = get_context (executor, NULL);
  if (context == NULL)
    return FALSE;
  current = g_main_context_ref_thread_default ();
  is_here = g_main_context_is_owner (context) || (executor->kind == CONTEXT && current == context);
  g_main_context_unref (current);

  return is_here;
}

/**
 * smart_executor_has_thread: (skip)
 * @executor: an executor
 *
 * Whether the calling thread is one of @executor's, a pool: a sync call made here runs
 * inline. For bindings whose language has loops of its own. Such a loop may run on that
 * thread until a call is done, which then must not be queued for the thread.
 *
 * May be called from any thread, and speaks for that thread.
 *
 * Returns: %FALSE also where @executor is no pool, or closed
 *
 * Since: 1.0
 */
gboolean
smart_executor_has_thread (SmartExecutor *executor)
{
  g_return_val_if_fail (SMART_IS_EXECUTOR (executor), FALSE);

  return executor->kind == POOL && smart_executor_is_here (executor);
}

/* If so, runs @call (taken) to its end right here. */
gboolean
smart_executor_run_inline (SmartExecutor *executor, SmartCall *call)
{
  GMainContext *context;

  if (!smart_executor_is_here (executor))
    return FALSE;

  if (executor->kind == POOL)
    {
      smart_run_here (call);
      return TRUE;
    }

  /* This thread has it, even if the executor is closed now. */
  context = get_context (executor, NULL);
  if (context == NULL || !g_main_context_acquire (context))
    return FALSE;

  smart_run_here_in (call, context);
  g_main_context_release (context);

  return TRUE;
}

/* What needs a thread of the library's own: timers that fire without a loop. */

static GMutex timer_lock;
static SmartExecutor *timer; /* timer_lock; never freed */

static GMainContext *
get_timer_context (GError **error)
{
  GMainContext *context;

  g_mutex_lock (&timer_lock);
  if (timer == NULL)
    {
      timer = smart_executor_new_loop ("smartasync-time");
      timer->is_timer = TRUE;
    }
  context = get_context (timer, error);
  g_mutex_unlock (&timer_lock);

  return context;
}

/* A deadline that nobody iterates a context for. FALSE, where the system has no
 * thread for the first one: then the next one tries again. */
gboolean
smart_executor_set_deadline (SmartOutcome *outcome, guint msec, GError **error)
{
  g_autoptr (GError) refused = NULL;
  GMainContext *context = get_timer_context (&refused);

  if (context == NULL)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED,
                   _ ("No thread for deadlines could be started: %s"), refused->message);
      return FALSE;
    }

  smart_outcome_set_deadline (outcome, context, msec);
  return TRUE;
}

/* After a fork: see smart-thread.c. */
void
smart_executor_forget_all (void)
{
  generation++;
  g_mutex_init (&timer_lock);
}
