/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A function around a pair that somebody else wrote: foo_async(), foo_finish().
 * The arguments are passed by GClosure's generic marshaller. */

#include "smart-async-func-private.h"
#include "smart-value-private.h"

/* Immutable. */
typedef struct
{
  GCallback begin_async;
  GCallback finish;
  GType return_type;
  GType *params;
  guint n_params;
} Pair;

static void
pair_free (gpointer data)
{
  Pair *pair = data;

  g_free (pair->params);
  g_free (pair);
}

/* The marshaller passes the closure's data as the last argument. */
void
smart_pair_invoke (GCallback function,
                   gpointer last_argument,
                   GValue *return_value,
                   GValue *args,
                   guint n_args)
{
  GClosure *closure = g_cclosure_new (function, last_argument, NULL);

  g_closure_ref (closure);
  g_closure_sink (closure);
  g_cclosure_marshal_generic (closure, return_value, n_args, args, NULL, NULL);
  g_closure_unref (closure);
}

static void
add_object (GValue *args, guint *n_args, GType type, gpointer object)
{
  GValue *arg = &args[(*n_args)++];

  g_value_init (arg, type);
  g_value_set_object (arg, object);
}

static void
add_pointer (GValue *args, guint *n_args, gpointer pointer)
{
  GValue *arg = &args[(*n_args)++];

  g_value_init (arg, G_TYPE_POINTER);
  g_value_set_pointer (arg, pointer);
}

typedef struct
{
  SmartCall *call;
  Pair *pair;
} Pending;

static void
pair_ready (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Pending *pending = user_data;
  Pair *pair = pending->pair;
  GValue args[2] = { G_VALUE_INIT, G_VALUE_INIT };
  GValue value = G_VALUE_INIT;
  GError *error = NULL;
  guint n_args = 0;

  if (smart_call_get_source_object (pending->call) != NULL)
    add_object (args, &n_args, G_TYPE_OBJECT, smart_call_get_source_object (pending->call));
  add_object (args, &n_args, G_TYPE_OBJECT, result);

  if (pair->return_type != G_TYPE_NONE)
    g_value_init (&value, pair->return_type);
  smart_pair_invoke (pair->finish, &error, pair->return_type != G_TYPE_NONE ? &value : NULL, args,
                     n_args);

  if (error != NULL)
    smart_call_return_error (pending->call, error);
  else
    smart_call_return_value (pending->call, &value);

  for (guint i = 0; i < n_args; i++)
    g_value_unset (&args[i]);
  if (G_IS_VALUE (&value))
    g_value_unset (&value);
  g_object_unref (pending->call);
  g_free (pending);
}

static void
pair_begin (SmartCall *call, gpointer user_data)
{
  Pair *pair = user_data;
  const GValue *given = smart_call_get_args (call);
  GObject *source = smart_call_get_source_object (call);
  GValue *args = g_newa0 (GValue, pair->n_params + 3);
  Pending *pending = g_new (Pending, 1);
  guint n_args = 0;

  /* It outlives the call's function, which owns the pair, only if the call
   * does: the call holds the function. */
  pending->call = g_object_ref (call);
  pending->pair = pair;

  if (source != NULL)
    add_object (args, &n_args, G_TYPE_OBJECT, source);
  for (guint i = 0; i < pair->n_params; i++)
    {
      /* Null needs a type here, so that it is passed as one. */
      if (G_VALUE_TYPE (&given[i]) == G_TYPE_INVALID)
        g_value_init (&args[n_args], pair->params[i]);
      else
        smart_value_copy (&args[n_args], &given[i]);
      n_args++;
    }
  add_object (args, &n_args, G_TYPE_CANCELLABLE, smart_call_get_cancellable (call));
  add_pointer (args, &n_args, (gpointer) pair_ready);

  smart_pair_invoke (pair->begin_async, pending, NULL, args, n_args);

  for (guint i = 0; i < n_args; i++)
    g_value_unset (&args[i]);
}

/**
 * smart_async_func_new_for_pair: (skip)
 * @begin_async: (scope forever): starts it: takes the source object if the call has one,
 *   then the arguments, a #GCancellable, a #GAsyncReadyCallback and its data
 * @finish: (scope forever): ends it: takes the source object if the call has one, a
 *   #GAsyncResult and a `GError **`, and returns the one result (transfer full)
 * @return_type: the type of the result; %G_TYPE_NONE for none
 * @params: (array length=n_params) (nullable): the types of the arguments
 * @n_params: their number
 *
 * Makes an asynchronous function of a pair that somebody else wrote, with that
 * signature.
 *
 * ```c
 * const GType params[] = { G_TYPE_INT };
 * read = smart_async_func_new_for_pair (G_CALLBACK (g_file_read_async),
 *                                       G_CALLBACK (g_file_read_finish),
 *                                       G_TYPE_FILE_INPUT_STREAM, params, 1);
 * future = smart_async_func_call (read, G_OBJECT (file), cancellable,
 *                                 G_TYPE_INT, G_PRIORITY_DEFAULT, G_TYPE_INVALID);
 * ```
 *
 * Returns: (transfer full): a function
 *
 * Since: 1.0
 */
SmartAsyncFunc *
smart_async_func_new_for_pair (GCallback begin_async,
                               GCallback finish,
                               GType return_type,
                               const GType *params,
                               guint n_params)
{
  SmartAsyncFunc *func;
  Pair *pair;

  g_return_val_if_fail (begin_async != NULL, NULL);
  g_return_val_if_fail (finish != NULL, NULL);
  g_return_val_if_fail (return_type == G_TYPE_NONE || G_TYPE_IS_VALUE (return_type), NULL);
  g_return_val_if_fail (n_params == 0 || params != NULL, NULL);
  for (guint i = 0; i < n_params; i++)
    g_return_val_if_fail (G_TYPE_IS_VALUE (params[i]), NULL);

  pair = g_new0 (Pair, 1);
  pair->begin_async = begin_async;
  pair->finish = finish;
  pair->return_type = return_type;
  pair->params = g_memdup2 (params, n_params * sizeof (GType));
  pair->n_params = n_params;

  func = smart_async_func_new_bodies (pair_begin, pair, pair_free, NULL, NULL, NULL);
  smart_async_func_shield_begin (func);
  smart_async_func_set_signature (func, return_type, params, n_params);

  return func;
}
