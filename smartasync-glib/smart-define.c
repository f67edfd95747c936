/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the functions that smart-define.h's macros define have in common. */

#include <smartasync-glib/smart-define.h>

#include "smart-async-func-private.h"
#include "smart-context-private.h"
#include "smart-i18n-private.h"
#include "smart-value-private.h"

/**
 * smart_define_new_func: (skip)
 * @name: what messages call it
 * @begin: (nullable): its asynchronous body
 * @body: (nullable): its blocking body
 * @return_type: the type of its result
 * @params: the types of its arguments
 * @n_params: their number
 *
 * Makes the function behind a defined one. For the macros only.
 *
 * Returns: (transfer full): a function
 *
 * Since: 1.0
 */
SmartAsyncFunc *
smart_define_new_func (const char *name,
                       SmartBody begin,
                       SmartBody body,
                       GType return_type,
                       const GType *params,
                       guint n_params)
{
  SmartAsyncFunc *func;

  g_return_val_if_fail (name != NULL, NULL);
  g_return_val_if_fail (begin != NULL || body != NULL, NULL);
  g_return_val_if_fail (n_params == 0 || params != NULL, NULL);

  func = smart_async_func_new_bodies (begin, NULL, NULL, body, NULL, NULL);
  smart_async_func_set_name (func, name);
  smart_async_func_set_signature (func, return_type, params, n_params);

  return func;
}

/**
 * smart_define_call_async: (skip)
 * @func: a function
 * @source: (nullable): the object that it is called on
 * @args: the arguments; they are copied
 * @n_args: their number
 * @cancellable: (nullable): cancels the call
 * @callback: (nullable): called when the result is there
 * @user_data: what to give it
 *
 * Does what [method@SmartAsync.AsyncFunc.call_async] does, but the callback's
 * source object is @source. For the macros only.
 *
 * Since: 1.0
 */
void
smart_define_call_async (SmartAsyncFunc *func,
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

  if (!g_atomic_int_get (&func->called))
    g_atomic_int_set (&func->called, TRUE);

  home = smart_context_ref_home ();
  outcome = smart_outcome_new (smart_async_func_inherit (func, cancellable), func->timeout > 0);
  if (callback != NULL)
    smart_outcome_call_back_from (outcome, smart_inbox_get (home, func->priority), source, func,
                                  callback, user_data);
  smart_dispatch (func, outcome, home, source, args, n_args, NULL);

  g_main_context_unref (home);
}

/**
 * smart_define_clear_args: (skip)
 * @args: the arguments
 * @n_args: their number
 *
 * Clears what a call was given. For the macros only.
 *
 * Since: 1.0
 */
void
smart_define_clear_args (GValue *args, guint n_args)
{
  g_return_if_fail (n_args == 0 || args != NULL);

  for (guint i = 0; i < n_args; i++)
    g_value_unset (&args[i]);
}

/**
 * smart_define_take_pointer: (skip)
 * @value: a result
 *
 * Takes the pointer that is the result, with its ownership, out of @value. For
 * the macros only.
 *
 * Returns: (transfer full) (nullable): the result
 *
 * Since: 1.0
 */
gpointer
smart_define_take_pointer (GValue *value)
{
  g_return_val_if_fail (value != NULL, NULL);

  /* Not to be copied: this GValue is the caller's alone. But one that does not
   * own its string or boxed does not give it away, either. */
  if (G_VALUE_HOLDS_STRING (value) && (value->data[1].v_uint & G_VALUE_NOCOPY_CONTENTS))
    return g_value_dup_string (value);
  if (G_VALUE_HOLDS_BOXED (value) && (value->data[1].v_uint & G_VALUE_NOCOPY_CONTENTS))
    return g_value_dup_boxed (value);

  return g_steal_pointer (&value->data[0].v_pointer);
}

/**
 * smart_define_return_enum: (skip)
 * @call: a call
 * @type: an enumeration
 * @result: the result
 *
 * Returns a value of an enumeration. For the macros only.
 *
 * Since: 1.0
 */
void
smart_define_return_enum (SmartCall *call, GType type, int result)
{
  GValue value = G_VALUE_INIT;

  g_return_if_fail (SMART_IS_LIVE_CALL (call));
  g_return_if_fail (G_TYPE_IS_ENUM (type));

  g_value_init (&value, type);
  g_value_set_enum (&value, result);
  smart_call_return_value (call, &value);
}

/**
 * smart_define_return_flags: (skip)
 * @call: a call
 * @type: a type of flags
 * @result: the result
 *
 * Returns flags. For the macros only.
 *
 * Since: 1.0
 */
void
smart_define_return_flags (SmartCall *call, GType type, guint result)
{
  GValue value = G_VALUE_INIT;

  g_return_if_fail (SMART_IS_LIVE_CALL (call));
  g_return_if_fail (G_TYPE_IS_FLAGS (type));

  g_value_init (&value, type);
  g_value_set_flags (&value, result);
  smart_call_return_value (call, &value);
}

/**
 * smart_define_return_variant: (skip)
 * @call: a call
 * @result: (transfer full) (nullable): the result, which may be floating
 *
 * Returns a variant. For the macros only.
 *
 * Since: 1.0
 */
void
smart_define_return_variant (SmartCall *call, GVariant *result)
{
  g_return_if_fail (SMART_IS_LIVE_CALL (call));

  if (result != NULL)
    g_variant_take_ref (result);
  smart_call_return_variant (call, result);
  g_clear_pointer (&result, g_variant_unref);
}

/**
 * smart_define_return_success: (skip)
 * @call: a call
 * @success: what a body returned that set no error
 *
 * Returns without a value. For the macros only.
 *
 * Since: 1.0
 */
void
smart_define_return_success (SmartCall *call, gboolean success)
{
  g_return_if_fail (SMART_IS_LIVE_CALL (call));

  if (success)
    smart_call_return_none (call);
  else
    smart_call_return_new_error (call, SMART_ERROR, SMART_ERROR_NOT_RETURNED,
                                 _ ("%s failed, and set no error"), smart_call_get_label (call));
}
