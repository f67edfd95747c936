/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What is called, and the ways to call it. */

#include "smart-async-func-private.h"

#include "smart-context-private.h"
#include "smart-i18n-private.h"
#include "smart-value-private.h"

#include <smartasync-glib/smart-enum-types.h>
#include <gobject/gvaluecollector.h>

/**
 * SmartAsyncFunc:
 *
 * A function that is written once and called from any context, in any thread.
 *
 * It has an asynchronous body, a blocking one, or both ("dual"). A smart call,
 * by [method@SmartAsync.AsyncFunc.callv] and its kin, does what fits the
 * caller:
 *
 * | the caller is in | the function is asynchronous | the function is blocking |
 * | --- | --- | --- |
 * | a sync context | it is run to its end here: a private main context of this thread is iterated until the result is there | it is called directly |
 * | an async context | it is started in the caller's own context, and the call returns at once | a worker runs it; the result comes back in the caller's context |
 *
 * A dual function takes the direct way of each row. A blocking function with a
 * [property@SmartAsync.AsyncFunc:timeout] or
 * [property@SmartAsync.AsyncFunc:abandon-on-cancel] runs on a worker for a
 * sync caller, too, who waits. Which context the caller is in,
 * [func@SmartAsync.context_is_async] says.
 * [method@SmartAsync.AsyncFunc.call_sync] always waits and
 * [method@SmartAsync.AsyncFunc.call_async] never does, wherever they are called.
 *
 * ## Cancellation
 *
 * A cancellable that is cancelled before the call, or before a worker gets to
 * it, keeps the body from starting. Later the body sees it by
 * [method@SmartAsync.Call.get_cancellable], and the caller gets
 * %G_IO_ERROR_CANCELLED when the body ends. A call made in a body without a
 * cancellable inherits that of the body.
 *
 * ## Options
 *
 * The properties are the options. They are immutable once the function was
 * called; [method@SmartAsync.AsyncFunc.derive] makes a function with the same
 * bodies and other options.
 *
 * All methods may be called from any thread, but a function must not be called
 * while its options are being set.
 *
 * Since: 1.0
 */

enum
{
  PROP_NAME = 1,
  PROP_KIND,
  PROP_PRIORITY,
  PROP_TIMEOUT,
  PROP_ABANDON_ON_CANCEL,
  PROP_INHERIT_CANCELLABLE,
  PROP_MAIN_CONTEXT_POLICY,
  PROP_EXECUTOR,
  PROP_MAX_CONCURRENCY,
  PROP_THREAD_SAFE_SOURCE,
  PROP_OFFLOAD,
  N_PROPS
};

static GParamSpec *props[N_PROPS];

G_DEFINE_FINAL_TYPE (SmartAsyncFunc, smart_async_func, G_TYPE_OBJECT)

static void
bodies_clear (gpointer data)
{
  SmartBodies *bodies = data;

  if (bodies->begin_destroy != NULL)
    bodies->begin_destroy (bodies->begin_data);
  if (bodies->body_destroy != NULL)
    bodies->body_destroy (bodies->body_data);
  g_clear_pointer (&bodies->owner, g_thread_unref);
}

static void
smart_async_func_finalize (GObject *object)
{
  SmartAsyncFunc *func = SMART_ASYNC_FUNC (object);

  if (func->bodies != NULL)
    g_atomic_rc_box_release_full (func->bodies, bodies_clear);
  g_clear_object (&func->executor);
  smart_turns_clear (&func->turns);
  g_free (func->name);
  g_free (func->label);
  g_free (func->params);

  G_OBJECT_CLASS (smart_async_func_parent_class)->finalize (object);
}

static void
smart_async_func_get_property (GObject *object, guint prop_id, GValue *value, GParamSpec *pspec)
{
  SmartAsyncFunc *func = SMART_ASYNC_FUNC (object);

  switch (prop_id)
    {
    case PROP_NAME:
      g_value_set_string (value, smart_async_func_get_name (func));
      break;
    case PROP_KIND:
      g_value_set_enum (value, smart_async_func_get_kind (func));
      break;
    case PROP_PRIORITY:
      g_value_set_int (value, func->priority);
      break;
    case PROP_TIMEOUT:
      g_value_set_uint (value, func->timeout);
      break;
    case PROP_ABANDON_ON_CANCEL:
      g_value_set_boolean (value, func->abandon_on_cancel);
      break;
    case PROP_INHERIT_CANCELLABLE:
      g_value_set_boolean (value, func->inherit_cancellable);
      break;
    case PROP_MAIN_CONTEXT_POLICY:
      g_value_set_enum (value, func->policy);
      break;
    case PROP_EXECUTOR:
      g_value_set_object (value, func->executor);
      break;
    case PROP_MAX_CONCURRENCY:
      g_value_set_uint (value, func->max_concurrency);
      break;
    case PROP_THREAD_SAFE_SOURCE:
      g_value_set_boolean (value, func->thread_safe_source);
      break;
    case PROP_OFFLOAD:
      g_value_set_boolean (value, func->offload);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
    }
}

static void
smart_async_func_set_property (GObject *object,
                               guint prop_id,
                               const GValue *value,
                               GParamSpec *pspec)
{
  SmartAsyncFunc *func = SMART_ASYNC_FUNC (object);

  switch (prop_id)
    {
    case PROP_NAME:
      smart_async_func_set_name (func, g_value_get_string (value));
      break;
    case PROP_PRIORITY:
      smart_async_func_set_priority (func, g_value_get_int (value));
      break;
    case PROP_TIMEOUT:
      smart_async_func_set_timeout (func, g_value_get_uint (value));
      break;
    case PROP_ABANDON_ON_CANCEL:
      smart_async_func_set_abandon_on_cancel (func, g_value_get_boolean (value));
      break;
    case PROP_INHERIT_CANCELLABLE:
      smart_async_func_set_inherit_cancellable (func, g_value_get_boolean (value));
      break;
    case PROP_MAIN_CONTEXT_POLICY:
      smart_async_func_set_main_context_policy (func, g_value_get_enum (value));
      break;
    case PROP_EXECUTOR:
      smart_async_func_set_executor (func, g_value_get_object (value));
      break;
    case PROP_MAX_CONCURRENCY:
      smart_async_func_set_max_concurrency (func, g_value_get_uint (value));
      break;
    case PROP_THREAD_SAFE_SOURCE:
      smart_async_func_set_thread_safe_source (func, g_value_get_boolean (value));
      break;
    case PROP_OFFLOAD:
      smart_async_func_set_offload (func, g_value_get_boolean (value));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
    }
}

static void
smart_async_func_class_init (SmartAsyncFuncClass *class)
{
  GObjectClass *object_class = G_OBJECT_CLASS (class);
  GParamFlags flags = G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS;

  /* To ask who owns the default context makes it, with its descriptor. Then it
   * is now, and not in the middle of the first call. */
  g_main_context_default ();

  object_class->finalize = smart_async_func_finalize;
  object_class->get_property = smart_async_func_get_property;
  object_class->set_property = smart_async_func_set_property;

  /**
   * SmartAsyncFunc:name:
   *
   * What messages call it.
   *
   * Since: 1.0
   */
  props[PROP_NAME] = g_param_spec_string ("name", NULL, NULL, NULL, flags);

  /**
   * SmartAsyncFunc:kind:
   *
   * Which bodies it has.
   *
   * Since: 1.0
   */
  props[PROP_KIND] =
      g_param_spec_enum ("kind", NULL, NULL, SMART_TYPE_ASYNC_FUNC_KIND, SMART_ASYNC_FUNC_ASYNC,
                         G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  /**
   * SmartAsyncFunc:priority:
   *
   * The priority of the source in which results come to a caller in an async
   * context, by [method@SmartAsync.AsyncFunc.call_async], and of the one in which
   * calls come to an executor's context. What waits for a future has the default
   * priority.
   *
   * Since: 1.0
   */
  props[PROP_PRIORITY] =
      g_param_spec_int ("priority", NULL, NULL, G_MININT, G_MAXINT, G_PRIORITY_DEFAULT, flags);

  /**
   * SmartAsyncFunc:timeout:
   *
   * How long a call may take, in milliseconds; 0 for no deadline. When it has
   * passed, the caller gets %G_IO_ERROR_TIMED_OUT, the call's cancellable is
   * cancelled, and a body that ignores it is left behind.
   *
   * Since: 1.0
   */
  props[PROP_TIMEOUT] = g_param_spec_uint ("timeout", NULL, NULL, 0, G_MAXUINT, 0, flags);

  /**
   * SmartAsyncFunc:abandon-on-cancel:
   *
   * Whether the caller gets %G_IO_ERROR_CANCELLED as soon as the call is
   * cancelled, and not when the body ends.
   *
   * Since: 1.0
   */
  props[PROP_ABANDON_ON_CANCEL] =
      g_param_spec_boolean ("abandon-on-cancel", NULL, NULL, FALSE, flags);

  /**
   * SmartAsyncFunc:inherit-cancellable:
   *
   * Whether a call made in a body without a cancellable inherits that of the
   * body.
   *
   * Since: 1.0
   */
  props[PROP_INHERIT_CANCELLABLE] =
      g_param_spec_boolean ("inherit-cancellable", NULL, NULL, TRUE, flags);

  /**
   * SmartAsyncFunc:main-context-policy:
   *
   * Which context is iterated when its asynchronous body is run to its end for
   * a sync caller. %SMART_MAIN_CONTEXT_CURRENT is for what belongs to the
   * caller's context: an object that outlives the call, a toolkit, a portal.
   *
   * Since: 1.0
   */
  props[PROP_MAIN_CONTEXT_POLICY] =
      g_param_spec_enum ("main-context-policy", NULL, NULL, SMART_TYPE_MAIN_CONTEXT_POLICY,
                         SMART_MAIN_CONTEXT_PRIVATE, flags);

  /**
   * SmartAsyncFunc:executor:
   *
   * Where its bodies run; %NULL for what the table says.
   *
   * Since: 1.0
   */
  props[PROP_EXECUTOR] = g_param_spec_object ("executor", NULL, NULL, SMART_TYPE_EXECUTOR, flags);

  /**
   * SmartAsyncFunc:max-concurrency:
   *
   * How many of its calls may run at once; 0 for no limit. The others wait for
   * their turn, first come, first served. A call that is made by a running one
   * runs in that one's turn. An abandoned body keeps its turn until it ends.
   *
   * Since: 1.0
   */
  props[PROP_MAX_CONCURRENCY] =
      g_param_spec_uint ("max-concurrency", NULL, NULL, 0, G_MAXUINT, 0, flags);

  /**
   * SmartAsyncFunc:thread-safe-source:
   *
   * Whether its blocking body may run on another thread although the source
   * object is a GtkWidget. Otherwise such a call is %SMART_ERROR_WRONG_THREAD.
   *
   * Since: 1.0
   */
  props[PROP_THREAD_SAFE_SOURCE] =
      g_param_spec_boolean ("thread-safe-source", NULL, NULL, FALSE, flags);

  /**
   * SmartAsyncFunc:offload:
   *
   * Whether its blocking body goes to a worker where the caller must not wait.
   *
   * Without, it stays in the caller's thread always: a caller in an async
   * context gets a future all the same, and the body runs in an idle source of
   * its own in his main context, which it blocks meanwhile. That is for what
   * cannot leave its thread, such as the code of a scripting language. A
   * deadline or a cancellation then cannot end the wait for the body. An
   * executor goes before this.
   *
   * Since: 1.0
   */
  props[PROP_OFFLOAD] = g_param_spec_boolean ("offload", NULL, NULL, TRUE, flags);

  g_object_class_install_properties (object_class, N_PROPS, props);
}

static void
smart_async_func_init (SmartAsyncFunc *func)
{
  func->inherit_cancellable = TRUE;
  func->offload = TRUE;
  smart_turns_init (&func->turns);
}

/* How it is made */

SmartAsyncFunc *
smart_async_func_new_bodies (SmartBody begin,
                             gpointer begin_data,
                             GDestroyNotify begin_destroy,
                             SmartBody body,
                             gpointer body_data,
                             GDestroyNotify body_destroy)
{
  SmartAsyncFunc *func = g_object_new (SMART_TYPE_ASYNC_FUNC, NULL);
  SmartBodies *bodies = g_atomic_rc_box_new0 (SmartBodies);

  bodies->begin = begin;
  bodies->begin_data = begin_data;
  bodies->begin_destroy = begin_destroy;
  bodies->body = body;
  bodies->body_data = body_data;
  bodies->body_destroy = body_destroy;
  func->bodies = bodies;

  return func;
}

/**
 * smart_async_func_new:
 * @begin: (scope notified) (closure user_data) (destroy destroy): an asynchronous body
 * @user_data: what to give it
 * @destroy: (nullable): frees @user_data
 *
 * Makes an asynchronous function.
 *
 * Returns: (transfer full): a function
 *
 * Since: 1.0
 */
SmartAsyncFunc *
smart_async_func_new (SmartBody begin, gpointer user_data, GDestroyNotify destroy)
{
  g_return_val_if_fail (begin != NULL, NULL);

  return smart_async_func_new_bodies (begin, user_data, destroy, NULL, NULL, NULL);
}

/**
 * smart_async_func_new_blocking:
 * @body: (scope notified) (closure user_data) (destroy destroy): a blocking body
 * @user_data: what to give it
 * @destroy: (nullable): frees @user_data
 *
 * Makes a blocking function. Its body must be ready to run on any thread, on
 * several at once.
 *
 * Returns: (transfer full): a function
 *
 * Since: 1.0
 */
SmartAsyncFunc *
smart_async_func_new_blocking (SmartBody body, gpointer user_data, GDestroyNotify destroy)
{
  g_return_val_if_fail (body != NULL, NULL);

  return smart_async_func_new_bodies (NULL, NULL, NULL, body, user_data, destroy);
}

/**
 * smart_async_func_new_dual:
 * @begin: (scope notified) (closure begin_data) (destroy begin_destroy): an asynchronous body
 * @begin_data: what to give it
 * @begin_destroy: (nullable): frees @begin_data
 * @body: (scope notified) (closure body_data) (destroy body_destroy): a blocking body
 * @body_data: what to give it
 * @body_destroy: (nullable): frees @body_data
 *
 * Makes a function that knows both ways to the same result: the blocking body
 * serves callers in a sync context, the asynchronous one those in an async
 * context.
 *
 * Returns: (transfer full): a function
 *
 * Since: 1.0
 */
SmartAsyncFunc *
smart_async_func_new_dual (SmartBody begin,
                           gpointer begin_data,
                           GDestroyNotify begin_destroy,
                           SmartBody body,
                           gpointer body_data,
                           GDestroyNotify body_destroy)
{
  g_return_val_if_fail (begin != NULL, NULL);
  g_return_val_if_fail (body != NULL, NULL);

  return smart_async_func_new_bodies (begin, begin_data, begin_destroy, body, body_data,
                                      body_destroy);
}

static SmartAsyncFunc *
derive (SmartAsyncFunc *func)
{
  SmartAsyncFunc *derived = g_object_new (SMART_TYPE_ASYNC_FUNC, NULL);

  if (func->bodies != NULL)
    derived->bodies = g_atomic_rc_box_acquire (func->bodies);
  derived->name = g_strdup (func->name);
  derived->made_with = func->made_with;
  derived->made_at = func->made_at;
  derived->priority = func->priority;
  derived->timeout = func->timeout;
  derived->abandon_on_cancel = func->abandon_on_cancel;
  derived->inherit_cancellable = func->inherit_cancellable;
  derived->policy = func->policy;
  derived->executor = func->executor != NULL ? g_object_ref (func->executor) : NULL;
  derived->max_concurrency = func->max_concurrency;
  derived->thread_safe_source = func->thread_safe_source;
  derived->offload = func->offload;
  derived->has_signature = func->has_signature;
  derived->return_type = func->return_type;
  derived->params = g_memdup2 (func->params, func->n_params * sizeof (GType));
  derived->n_params = func->n_params;

  return derived;
}

/**
 * smart_async_func_derive:
 * @func: a function
 * @first_property: (nullable): the name of a property
 * @...: its value, then more names and values, then %NULL
 *
 * Makes a function with the bodies of @func, its signature, and its options,
 * but for those given.
 *
 * Returns: (transfer full): a function
 *
 * Since: 1.0
 */
SmartAsyncFunc *
smart_async_func_derive (SmartAsyncFunc *func, const char *first_property, ...)
{
  SmartAsyncFunc *derived;
  va_list args;

  g_return_val_if_fail (SMART_IS_ASYNC_FUNC (func), NULL);

  derived = derive (func);

  va_start (args, first_property);
  if (first_property != NULL)
    g_object_set_valist (G_OBJECT (derived), first_property, args);
  va_end (args);

  return derived;
}

/**
 * smart_async_func_derivev:
 * @func: a function
 * @n_properties: the number of properties
 * @names: (array length=n_properties): their names
 * @values: (array length=n_properties): their values
 *
 * Does what [method@SmartAsync.AsyncFunc.derive] does.
 *
 * Returns: (transfer full): a function
 *
 * Since: 1.0
 */
SmartAsyncFunc *
smart_async_func_derivev (SmartAsyncFunc *func,
                          guint n_properties,
                          const char *names[],
                          const GValue values[])
{
  SmartAsyncFunc *derived;

  g_return_val_if_fail (SMART_IS_ASYNC_FUNC (func), NULL);
  g_return_val_if_fail (n_properties == 0 || (names != NULL && values != NULL), NULL);

  derived = derive (func);
  g_object_setv (G_OBJECT (derived), n_properties, names, values);

  return derived;
}

/* Its options */

static gboolean
may_change (SmartAsyncFunc *func)
{
  if (!g_atomic_int_get (&func->called))
    return TRUE;

  g_critical ("%s was called: its options are immutable; smart_async_func_derive() makes a "
              "function with others",
              smart_async_func_get_label (func));
  return FALSE;
}

/**
 * smart_async_func_set_signature:
 * @func: a function that was not called yet
 * @return_type: the type of the result; %G_TYPE_NONE for none
 * @params: (array length=n_params) (nullable): the types of the arguments
 * @n_params: their number
 *
 * Says what the function takes and returns. From then on, a call with other
 * arguments is %SMART_ERROR_INVALID_ARGUMENTS, before the body starts, and so
 * is a result of another type. An argument of a derived type is as good, and
 * so is null (a #GValue without a type) where the type has a null.
 *
 * Since: 1.0
 */
void
smart_async_func_set_signature (SmartAsyncFunc *func,
                                GType return_type,
                                const GType *params,
                                guint n_params)
{
  g_return_if_fail (SMART_IS_ASYNC_FUNC (func));
  g_return_if_fail (return_type == G_TYPE_NONE || G_TYPE_IS_VALUE (return_type));
  g_return_if_fail (n_params == 0 || params != NULL);
  for (guint i = 0; i < n_params; i++)
    g_return_if_fail (G_TYPE_IS_VALUE (params[i]));

  if (!may_change (func))
    return;

  g_free (func->params);
  func->params = g_memdup2 (params, n_params * sizeof (GType));
  func->n_params = n_params;
  func->return_type = return_type;
  func->has_signature = TRUE;
}

/**
 * smart_async_func_get_name:
 * @func: a function
 *
 * What messages call it. In C, one that was given no name is called like its
 * body, or like the line that made it.
 *
 * Returns: (transfer none) (nullable): its name
 *
 * Since: 1.0
 */
const char *
smart_async_func_get_name (SmartAsyncFunc *func)
{
  g_return_val_if_fail (SMART_IS_ASYNC_FUNC (func), NULL);

  return func->name == NULL && func->made_at == NULL ? NULL : smart_async_func_get_label (func);
}

/**
 * smart_async_func_set_name:
 * @func: a function that was not called yet
 * @name: (nullable): a name
 *
 * Sets what messages call it.
 *
 * Since: 1.0
 */
void
smart_async_func_set_name (SmartAsyncFunc *func, const char *name)
{
  char *old;

  g_return_if_fail (SMART_IS_ASYNC_FUNC (func));

  if (!may_change (func) || g_strcmp0 (func->name, name) == 0)
    return;

  old = func->name;
  func->name = g_strdup (name);
  g_free (old);
  g_object_notify_by_pspec (G_OBJECT (func), props[PROP_NAME]);
}

/**
 * smart_async_func_get_kind:
 * @func: a function
 *
 * Which bodies it has.
 *
 * Returns: its kind
 *
 * Since: 1.0
 */
SmartAsyncFuncKind
smart_async_func_get_kind (SmartAsyncFunc *func)
{
  g_return_val_if_fail (SMART_IS_ASYNC_FUNC (func), SMART_ASYNC_FUNC_ASYNC);

  if (func->bodies == NULL || func->bodies->body == NULL)
    return SMART_ASYNC_FUNC_ASYNC;

  return func->bodies->begin == NULL ? SMART_ASYNC_FUNC_BLOCKING : SMART_ASYNC_FUNC_DUAL;
}

/**
 * smart_async_func_get_priority:
 * @func: a function
 *
 * The priority of the source in which results come.
 *
 * Returns: the priority
 *
 * Since: 1.0
 */
int
smart_async_func_get_priority (SmartAsyncFunc *func)
{
  g_return_val_if_fail (SMART_IS_ASYNC_FUNC (func), G_PRIORITY_DEFAULT);

  return func->priority;
}

/**
 * smart_async_func_set_priority:
 * @func: a function that was not called yet
 * @priority: a priority
 *
 * Sets the priority of the source in which results come.
 *
 * Since: 1.0
 */
void
smart_async_func_set_priority (SmartAsyncFunc *func, int priority)
{
  g_return_if_fail (SMART_IS_ASYNC_FUNC (func));

  if (!may_change (func) || func->priority == priority)
    return;

  func->priority = priority;
  g_object_notify_by_pspec (G_OBJECT (func), props[PROP_PRIORITY]);
}

/**
 * smart_async_func_get_timeout:
 * @func: a function
 *
 * How long a call may take.
 *
 * Returns: milliseconds; 0 for no deadline
 *
 * Since: 1.0
 */
guint
smart_async_func_get_timeout (SmartAsyncFunc *func)
{
  g_return_val_if_fail (SMART_IS_ASYNC_FUNC (func), 0);

  return func->timeout;
}

/**
 * smart_async_func_set_timeout:
 * @func: a function that was not called yet
 * @msec: milliseconds; 0 for no deadline
 *
 * Sets how long a call may take.
 *
 * Since: 1.0
 */
void
smart_async_func_set_timeout (SmartAsyncFunc *func, guint msec)
{
  g_return_if_fail (SMART_IS_ASYNC_FUNC (func));

  if (!may_change (func) || func->timeout == msec)
    return;

  func->timeout = msec;
  g_object_notify_by_pspec (G_OBJECT (func), props[PROP_TIMEOUT]);
}

/**
 * smart_async_func_get_abandon_on_cancel:
 * @func: a function
 *
 * Whether a call that is cancelled ends at once.
 *
 * Returns: whether it does
 *
 * Since: 1.0
 */
gboolean
smart_async_func_get_abandon_on_cancel (SmartAsyncFunc *func)
{
  g_return_val_if_fail (SMART_IS_ASYNC_FUNC (func), FALSE);

  return func->abandon_on_cancel;
}

/**
 * smart_async_func_set_abandon_on_cancel:
 * @func: a function that was not called yet
 * @abandon: whether a call that is cancelled ends at once
 *
 * Sets whether the caller of a call that is cancelled leaves its body behind.
 *
 * Since: 1.0
 */
void
smart_async_func_set_abandon_on_cancel (SmartAsyncFunc *func, gboolean abandon)
{
  g_return_if_fail (SMART_IS_ASYNC_FUNC (func));

  abandon = !!abandon;
  if (!may_change (func) || func->abandon_on_cancel == abandon)
    return;

  func->abandon_on_cancel = abandon;
  g_object_notify_by_pspec (G_OBJECT (func), props[PROP_ABANDON_ON_CANCEL]);
}

/**
 * smart_async_func_get_inherit_cancellable:
 * @func: a function
 *
 * Whether a call made in a body without a cancellable inherits that of the
 * body.
 *
 * Returns: whether it does
 *
 * Since: 1.0
 */
gboolean
smart_async_func_get_inherit_cancellable (SmartAsyncFunc *func)
{
  g_return_val_if_fail (SMART_IS_ASYNC_FUNC (func), TRUE);

  return func->inherit_cancellable;
}

/**
 * smart_async_func_set_inherit_cancellable:
 * @func: a function that was not called yet
 * @inherit: whether to inherit
 *
 * Sets whether a call made in a body without a cancellable inherits that of
 * the body.
 *
 * Since: 1.0
 */
void
smart_async_func_set_inherit_cancellable (SmartAsyncFunc *func, gboolean inherit)
{
  g_return_if_fail (SMART_IS_ASYNC_FUNC (func));

  inherit = !!inherit;
  if (!may_change (func) || func->inherit_cancellable == inherit)
    return;

  func->inherit_cancellable = inherit;
  g_object_notify_by_pspec (G_OBJECT (func), props[PROP_INHERIT_CANCELLABLE]);
}

/**
 * smart_async_func_get_main_context_policy:
 * @func: a function
 *
 * Which context is iterated for a sync caller.
 *
 * Returns: the policy
 *
 * Since: 1.0
 */
SmartMainContextPolicy
smart_async_func_get_main_context_policy (SmartAsyncFunc *func)
{
  g_return_val_if_fail (SMART_IS_ASYNC_FUNC (func), SMART_MAIN_CONTEXT_PRIVATE);

  return func->policy;
}

/**
 * smart_async_func_set_main_context_policy:
 * @func: a function that was not called yet
 * @policy: a policy
 *
 * Sets which context is iterated for a sync caller.
 *
 * Since: 1.0
 */
void
smart_async_func_set_main_context_policy (SmartAsyncFunc *func, SmartMainContextPolicy policy)
{
  g_return_if_fail (SMART_IS_ASYNC_FUNC (func));
  g_return_if_fail (policy == SMART_MAIN_CONTEXT_PRIVATE || policy == SMART_MAIN_CONTEXT_CURRENT);

  if (!may_change (func) || func->policy == policy)
    return;

  func->policy = policy;
  g_object_notify_by_pspec (G_OBJECT (func), props[PROP_MAIN_CONTEXT_POLICY]);
}

/**
 * smart_async_func_get_executor:
 * @func: a function
 *
 * Where its bodies run.
 *
 * Returns: (transfer none) (nullable): the executor
 *
 * Since: 1.0
 */
SmartExecutor *
smart_async_func_get_executor (SmartAsyncFunc *func)
{
  g_return_val_if_fail (SMART_IS_ASYNC_FUNC (func), NULL);

  return func->executor;
}

/**
 * smart_async_func_set_executor:
 * @func: a function that was not called yet
 * @executor: (nullable): an executor
 *
 * Sets where its bodies run.
 *
 * Since: 1.0
 */
void
smart_async_func_set_executor (SmartAsyncFunc *func, SmartExecutor *executor)
{
  g_return_if_fail (SMART_IS_ASYNC_FUNC (func));
  g_return_if_fail (executor == NULL || SMART_IS_EXECUTOR (executor));

  if (may_change (func) && g_set_object (&func->executor, executor))
    g_object_notify_by_pspec (G_OBJECT (func), props[PROP_EXECUTOR]);
}

/**
 * smart_async_func_get_max_concurrency:
 * @func: a function
 *
 * How many of its calls may run at once.
 *
 * Returns: their number; 0 for no limit
 *
 * Since: 1.0
 */
guint
smart_async_func_get_max_concurrency (SmartAsyncFunc *func)
{
  g_return_val_if_fail (SMART_IS_ASYNC_FUNC (func), 0);

  return func->max_concurrency;
}

/**
 * smart_async_func_set_max_concurrency:
 * @func: a function that was not called yet
 * @max_concurrency: how many of its calls may run at once; 0 for no limit
 *
 * Sets how many of its calls may run at once.
 *
 * Since: 1.0
 */
void
smart_async_func_set_max_concurrency (SmartAsyncFunc *func, guint max_concurrency)
{
  g_return_if_fail (SMART_IS_ASYNC_FUNC (func));

  if (!may_change (func) || func->max_concurrency == max_concurrency)
    return;

  func->max_concurrency = max_concurrency;
  g_object_notify_by_pspec (G_OBJECT (func), props[PROP_MAX_CONCURRENCY]);
}

/**
 * smart_async_func_get_thread_safe_source:
 * @func: a function
 *
 * Whether its blocking body may run on another thread although the source
 * object is a GtkWidget.
 *
 * Returns: whether it may
 *
 * Since: 1.0
 */
gboolean
smart_async_func_get_thread_safe_source (SmartAsyncFunc *func)
{
  g_return_val_if_fail (SMART_IS_ASYNC_FUNC (func), FALSE);

  return func->thread_safe_source;
}

/**
 * smart_async_func_set_thread_safe_source:
 * @func: a function that was not called yet
 * @thread_safe: whether the body may have a GtkWidget on another thread
 *
 * Sets whether its blocking body may run on another thread although the source
 * object is a GtkWidget.
 *
 * Since: 1.0
 */
void
smart_async_func_set_thread_safe_source (SmartAsyncFunc *func, gboolean thread_safe)
{
  g_return_if_fail (SMART_IS_ASYNC_FUNC (func));

  thread_safe = !!thread_safe;
  if (!may_change (func) || func->thread_safe_source == thread_safe)
    return;

  func->thread_safe_source = thread_safe;
  g_object_notify_by_pspec (G_OBJECT (func), props[PROP_THREAD_SAFE_SOURCE]);
}

/**
 * smart_async_func_get_offload:
 * @func: a function
 *
 * Whether its blocking body goes to a worker where the caller must not wait.
 *
 * Returns: whether it does
 *
 * Since: 1.0
 */
gboolean
smart_async_func_get_offload (SmartAsyncFunc *func)
{
  g_return_val_if_fail (SMART_IS_ASYNC_FUNC (func), FALSE);

  return func->offload;
}

/**
 * smart_async_func_set_offload:
 * @func: a function that was not called yet
 * @offload: whether the blocking body may go to a worker
 *
 * Sets whether its blocking body goes to a worker where the caller must not
 * wait. See [property@SmartAsync.AsyncFunc:offload].
 *
 * Since: 1.0
 */
void
smart_async_func_set_offload (SmartAsyncFunc *func, gboolean offload)
{
  g_return_if_fail (SMART_IS_ASYNC_FUNC (func));

  offload = !!offload;
  if (!may_change (func) || func->offload == offload)
    return;

  func->offload = offload;
  g_object_notify_by_pspec (G_OBJECT (func), props[PROP_OFFLOAD]);
}

/**
 * smart_async_func_shield_begin:
 * @func: a function that was not called yet
 *
 * Shields the beginning of the asynchronous body of @func, also where derived functions
 * have it: what cancels a call meanwhile cancels the call's cancellable as soon as the
 * body has begun, and not before.
 *
 * It is for a body that starts a function which looks at its cancellable first and
 * connects to it later, and so misses what is cancelled in between:
 * [method@Gio.Subprocess.wait_async] does. What
 * [ctor@SmartAsync.AsyncFunc.new_for_pair] makes is shielded.
 *
 * To be called by the thread that makes the function, before anybody else has it.
 *
 * Since: 1.0
 */
void
smart_async_func_shield_begin (SmartAsyncFunc *func)
{
  g_return_if_fail (SMART_IS_ASYNC_FUNC (func));
  g_return_if_fail (func->bodies != NULL);
  g_return_if_fail (!g_atomic_int_get (&func->called));

  func->bodies->shielded = TRUE;
}

/* How messages call it. */
const char *
smart_async_func_get_label (SmartAsyncFunc *func)
{
  char *label;

  if (func->name != NULL)
    return func->name;

  if (g_atomic_pointer_get (&func->label) == NULL)
    {
      label = func->made_at != NULL ? smart_call_site_label (func->made_with, func->made_at)
                                    : g_strdup_printf ("SmartAsyncFunc %p", (gpointer) func);
      if (!g_atomic_pointer_compare_and_exchange (&func->label, NULL, label))
        g_free (label);
    }

  return g_atomic_pointer_get (&func->label);
}

/* Its signature */

static void
set_called (SmartAsyncFunc *func)
{
  if (!g_atomic_int_get (&func->called))
    g_atomic_int_set (&func->called, TRUE);
}

/* Before every call, a lock's included. */
gboolean
smart_async_func_check_args (SmartAsyncFunc *func, const GValue *args, guint n_args, GError **error)
{
  set_called (func);

  /* It was made by g_object_new (), or a language's `new`. */
  if (func->bodies == NULL)
    {
      g_set_error (error, SMART_ERROR, SMART_ERROR_INVALID_ARGUMENTS, _ ("%s has no body"),
                   smart_async_func_get_label (func));
      return FALSE;
    }

  if (!func->has_signature)
    return TRUE;

  if (n_args != func->n_params)
    {
      g_set_error (error, SMART_ERROR, SMART_ERROR_INVALID_ARGUMENTS,
                   _ ("%s expects %u arguments, not %u"), smart_async_func_get_label (func),
                   func->n_params, n_args);
      return FALSE;
    }

  for (guint i = 0; i < n_args; i++)
    if (!smart_value_is_of_type (&args[i], func->params[i]))
      {
        g_set_error (error, SMART_ERROR, SMART_ERROR_INVALID_ARGUMENTS,
                     _ ("%s expects a %s as argument %u, not a %s"),
                     smart_async_func_get_label (func), g_type_name (func->params[i]), i,
                     smart_value_type_name (&args[i]));
        return FALSE;
      }

  return TRUE;
}

gboolean
smart_async_func_check_result (SmartAsyncFunc *func, const GValue *result, GError **error)
{
  if (!func->has_signature)
    return TRUE;

  if (func->return_type == G_TYPE_NONE ? G_VALUE_TYPE (result) == G_TYPE_INVALID
                                       : smart_value_is_of_type (result, func->return_type))
    return TRUE;

  g_set_error (error, SMART_ERROR, SMART_ERROR_INVALID_ARGUMENTS,
               _ ("%s should return a %s, but returned a %s"), smart_async_func_get_label (func),
               g_type_name (func->return_type), smart_value_type_name (result));
  return FALSE;
}

/* Whether this is the thread that its bodies are bound to, if they are. */
gboolean
smart_async_func_may_run_here (SmartAsyncFunc *func)
{
  GThread *owner = func->bodies->owner;

  return owner == NULL || owner == g_thread_self ();
}

/* How it is called */

/* A call made in a body without a cancellable inherits that of the body. Not a
 * reference. */
GCancellable *
smart_async_func_inherit (SmartAsyncFunc *func, GCancellable *cancellable)
{
  SmartCall *current;

  if (cancellable != NULL || !func->inherit_cancellable)
    return cancellable;

  current = smart_frame_current_call (smart_thread_peek ());
  return current != NULL ? smart_call_get_cancellable (current) : NULL;
}

/**
 * smart_async_func_callv:
 * @func: a function
 * @source: (nullable): the object that it is called on
 * @args: (array length=n_args) (nullable): the arguments; they are copied
 * @n_args: their number
 * @cancellable: (nullable): cancels the call
 *
 * Calls @func in the way that fits the caller's context. In a sync context the
 * future has settled when this returns. In an async context this returns at
 * once, and the future settles later.
 *
 * To drop the future does not cancel the call.
 *
 * Returns: (transfer full): the result, now or later
 *
 * Since: 1.0
 */
SmartFuture *
smart_async_func_callv (SmartAsyncFunc *func,
                        GObject *source,
                        const GValue *args,
                        guint n_args,
                        GCancellable *cancellable)
{
  GMainContext *home = NULL;
  SmartOutcome *outcome;
  SmartFuture *future;

  g_return_val_if_fail (SMART_IS_ASYNC_FUNC (func), NULL);
  g_return_val_if_fail (source == NULL || G_IS_OBJECT (source), NULL);
  g_return_val_if_fail (n_args == 0 || args != NULL, NULL);
  g_return_val_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable), NULL);

  if (smart_context_is_async ())
    home = smart_context_ref_home ();

  /* Who is given a pending future can cancel it. */
  outcome = smart_outcome_new (smart_async_func_inherit (func, cancellable),
                               home != NULL || func->timeout > 0 ||
                                   smart_thread_get ()->interrupt != NULL);
  future = smart_future_new_for_outcome (outcome);
  smart_dispatch (func, outcome, home, source, args, n_args, NULL);

  if (home != NULL)
    g_main_context_unref (home);

  return future;
}

/**
 * smart_async_func_call:
 * @func: a function
 * @source: (nullable): the object that it is called on
 * @cancellable: (nullable): cancels the call
 * @first: the type of the first argument, or %G_TYPE_INVALID
 * @...: its value, then the types and values of the others, then %G_TYPE_INVALID
 *
 * Does what [method@SmartAsync.AsyncFunc.callv] does.
 *
 * ```c
 * g_autoptr (SmartFuture) future =
 *   smart_async_func_call (load, NULL, cancellable,
 *                          G_TYPE_STRING, path, G_TYPE_INT, 5, G_TYPE_INVALID);
 * ```
 *
 * Returns: (transfer full): the result, now or later
 *
 * Since: 1.0
 */
SmartFuture *
smart_async_func_call (SmartAsyncFunc *func,
                       GObject *source,
                       GCancellable *cancellable,
                       GType first,
                       ...)
{
  SmartFuture *future = NULL;
  GArray *values;
  va_list args;

  g_return_val_if_fail (SMART_IS_ASYNC_FUNC (func), NULL);

  values = g_array_new (FALSE, TRUE, sizeof (GValue));
  g_array_set_clear_func (values, (GDestroyNotify) g_value_unset);

  va_start (args, first);
  for (GType type = first; type != G_TYPE_INVALID; type = va_arg (args, GType))
    {
      GValue value = G_VALUE_INIT;
      char *error = NULL;

      if (G_TYPE_IS_VALUE (type))
        G_VALUE_COLLECT_INIT (&value, type, args, 0, &error);
      else
        error = g_strdup_printf ("%s is not the type of a value", g_type_name (type));

      if (error != NULL)
        {
          /* What follows cannot be read: the list is lost. */
          future = smart_future_new_for_error (
              g_error_new (SMART_ERROR, SMART_ERROR_INVALID_ARGUMENTS, _ ("Argument %u of %s: %s"),
                           values->len, smart_async_func_get_label (func), error));
          g_free (error);
          break;
        }
      g_array_append_val (values, value);
    }
  va_end (args);

  if (future == NULL)
    future = smart_async_func_callv (func, source, (gconstpointer) values->data, values->len,
                                     cancellable);
  g_array_unref (values);

  return future;
}

/**
 * smart_async_func_call_sync:
 * @func: a function
 * @source: (nullable): the object that it is called on
 * @args: (array length=n_args) (nullable): the arguments; they are copied
 * @n_args: their number
 * @cancellable: (nullable): cancels the call
 * @result: (out caller-allocates) (optional): where the result goes; without a
 *   value it is a %G_TYPE_POINTER that is %NULL
 * @error: return location for an error
 *
 * Calls @func and waits for its result, whatever the caller's context: in a
 * callback of a main loop it stops that loop.
 *
 * Returns: %FALSE with @error set, if there is no result
 *
 * Since: 1.0
 */
gboolean
smart_async_func_call_sync (SmartAsyncFunc *func,
                            GObject *source,
                            const GValue *args,
                            guint n_args,
                            GCancellable *cancellable,
                            GValue *result,
                            GError **error)
{
  SmartThread *thread;
  SmartOutcome *outcome;
  gboolean success;

  g_return_val_if_fail (SMART_IS_ASYNC_FUNC (func), FALSE);
  g_return_val_if_fail (source == NULL || G_IS_OBJECT (source), FALSE);
  g_return_val_if_fail (n_args == 0 || args != NULL, FALSE);
  g_return_val_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable), FALSE);

  thread = smart_thread_get ();
  outcome = smart_outcome_new (smart_async_func_inherit (func, cancellable),
                               func->timeout > 0 || thread->interrupt != NULL);
  smart_dispatch (func, smart_outcome_ref (outcome), NULL, source, args, n_args, NULL);
  success = smart_outcome_take (outcome, result, error);
  smart_outcome_unref (outcome);

  return success;
}

/**
 * smart_async_func_call_async:
 * @func: a function
 * @source: (nullable): the object that it is called on
 * @args: (array length=n_args) (nullable): the arguments; they are copied
 * @n_args: their number
 * @cancellable: (nullable): cancels the call
 * @callback: (scope async) (nullable): called when the result is there
 * @user_data: what to give it
 *
 * Starts a call of @func and returns, whatever the caller's context.
 *
 * @callback comes in the caller's context, in a later iteration, never in this
 * call; its source object is @func. The caller's context is the thread-default
 * main context, if this thread owns it or no source is being dispatched, or
 * else the one whose source is.
 *
 * Since: 1.0
 */
void
smart_async_func_call_async (SmartAsyncFunc *func,
                             GObject *source,
                             const GValue *args,
                             guint n_args,
                             GCancellable *cancellable,
                             GAsyncReadyCallback callback,
                             gpointer user_data)
{
  GMainContext *home;
  SmartOutcome *outcome;

  g_return_if_fail (SMART_IS_ASYNC_FUNC (func));
  g_return_if_fail (source == NULL || G_IS_OBJECT (source));
  g_return_if_fail (n_args == 0 || args != NULL);
  g_return_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable));

  home = smart_context_ref_home ();
  outcome = smart_outcome_new (smart_async_func_inherit (func, cancellable), func->timeout > 0);
  if (callback != NULL)
    smart_outcome_call_back (outcome, smart_inbox_get (home, func->priority), G_OBJECT (func),
                             callback, user_data);
  smart_dispatch (func, outcome, home, source, args, n_args, NULL);

  g_main_context_unref (home);
}

/**
 * smart_async_func_call_finish:
 * @func: the function
 * @async_result: what the callback was given
 * @result: (out caller-allocates) (optional): where the result goes; without a
 *   value it is a %G_TYPE_POINTER that is %NULL
 * @error: return location for an error
 *
 * Ends what [method@SmartAsync.AsyncFunc.call_async] began.
 *
 * Returns: %FALSE with @error set, if there is no result
 *
 * Since: 1.0
 */
gboolean
smart_async_func_call_finish (SmartAsyncFunc *func,
                              GAsyncResult *async_result,
                              GValue *result,
                              GError **error)
{
  SmartOutcome *outcome;
  gboolean success;

  g_return_val_if_fail (SMART_IS_ASYNC_FUNC (func), FALSE);
  g_return_val_if_fail (SMART_IS_FUTURE (async_result), FALSE);
  g_return_val_if_fail (smart_future_is_result_of (SMART_FUTURE (async_result), G_OBJECT (func)),
                        FALSE);

  outcome = smart_future_get_outcome (SMART_FUTURE (async_result));
  success = smart_outcome_get (outcome, result, error);
  if (success && result != NULL && !outcome->is_like)
    smart_value_disown_pointer (&outcome->result.value);

  return success;
}

/**
 * smart_run_blocking:
 * @body: (scope notified) (closure user_data) (destroy destroy): a blocking body
 * @user_data: what to give it
 * @destroy: (nullable): frees @user_data
 * @cancellable: (nullable): cancels the call
 *
 * Calls a blocking body once, in the way that fits the caller's context, as
 * [method@SmartAsync.AsyncFunc.callv] does: directly in a sync context, on a
 * worker in an async one.
 *
 * Returns: (transfer full): the result, now or later
 *
 * Since: 1.0
 */
SmartFuture *
smart_run_blocking (SmartBody body,
                    gpointer user_data,
                    GDestroyNotify destroy,
                    GCancellable *cancellable)
{
  SmartAsyncFunc *func;
  SmartFuture *future;

  g_return_val_if_fail (body != NULL, NULL);
  g_return_val_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable), NULL);

  func = smart_async_func_new_blocking (body, user_data, destroy);
  future = smart_async_func_callv (func, NULL, NULL, 0, cancellable);
  g_object_unref (func);

  return future;
}
