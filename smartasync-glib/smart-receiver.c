/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* For the bindings of languages that cannot be called back on every thread, or
 * at every moment, and whose exceptions are more than a GError can say. */

#include <smartasync-glib/smart-receiver.h>

#include "smart-async-func-private.h"
#include "smart-call-private.h"
#include "smart-context-private.h"
#include "smart-future-private.h"
#include "smart-value-private.h"

#include <gmodule.h>

#include <stdlib.h>

/* Receivers: objects to whose properties something is handed. GJS before 1.81.90
 * does not run a callback while a garbage collection pauses, and its caller is
 * never told; but it always sets a property. */

static gboolean
can_receive (GObject *receiver, const char *property, GType type)
{
  GParamSpec *pspec;

  if (!G_IS_OBJECT (receiver))
    return FALSE;

  pspec = g_object_class_find_property (G_OBJECT_GET_CLASS (receiver), property);
  return pspec != NULL && (pspec->flags & G_PARAM_WRITABLE) != 0 &&
         g_type_is_a (type, pspec->value_type);
}

static guint
count_unfinished (GObject *receiver)
{
  guint n = 0;

  g_object_get (receiver, "unfinished", &n, NULL);
  return n;
}

/* A setter of JavaScript's that calls System.exit() just ends, and GJS goes on. */
static void
hand_over_watched (GObject *receiver, const char *property, gpointer object)
{
  guint before = count_unfinished (receiver);
  int status = 0;

  g_object_set (receiver, property, object, NULL);
  if (count_unfinished (receiver) <= before)
    return;

  g_object_get (receiver, "exit-status", &status, NULL);
  exit (status);
}

static void
hand_over (GObject *receiver, const char *property, gpointer object)
{
  GObjectClass *class = G_OBJECT_GET_CLASS (receiver);

  if (g_object_class_find_property (class, "unfinished") != NULL &&
      g_object_class_find_property (class, "exit-status") != NULL)
    hand_over_watched (receiver, property, object);
  else
    g_object_set (receiver, property, object, NULL);
}

/* A setter of JavaScript's that has no stack left for it does not run, and one that
 * throws is not heard of: GJS logs that, and goes on. */
static gboolean
has_received (GObject *receiver)
{
  gboolean received = TRUE;

  if (g_object_class_find_property (G_OBJECT_GET_CLASS (receiver), "received") != NULL)
    {
      received = FALSE;
      g_object_get (receiver, "received", &received, NULL);
    }
  return received;
}

static void
receive_call (SmartCall *call, gpointer receiver)
{
  g_object_ref (call);
  hand_over (receiver, "call", call);

  /* A blocking body that gives nothing ends so by itself. */
  if (!has_received (receiver) && !smart_call_is_blocking (call))
    smart_call_end_unreturned (call);
  g_object_unref (call);
}

/**
 * smart_async_func_bind_to_thread:
 * @func: a function that was not called yet
 *
 * Binds the bodies of @func, also where derived functions have them, to this
 * thread: on any other one a call fails with %SMART_ERROR_WRONG_THREAD before a
 * body runs.
 *
 * Since: 1.0
 */
void
smart_async_func_bind_to_thread (SmartAsyncFunc *func)
{
  g_return_if_fail (SMART_IS_ASYNC_FUNC (func));
  g_return_if_fail (func->bodies != NULL);
  g_return_if_fail (!g_atomic_int_get (&func->called));

  g_clear_pointer (&func->bodies->owner, g_thread_unref);
  func->bodies->owner = g_thread_ref (g_thread_self ());
}

/**
 * smart_async_func_new_for_receivers:
 * @begin: (nullable): receives the calls that begin asynchronously
 * @body: (nullable): receives the calls that block
 *
 * Makes a function whose bodies are setters: to run the asynchronous body is to
 * set the property `call` of @begin, and to run the blocking one to set that of
 * @body. The property holds a [class@SmartAsync.Call], and can be written.
 *
 * It is for the bindings of languages whose callbacks cannot be called at every
 * moment, but whose properties can be set: JavaScript's. Its bodies belong to the
 * thread that made it, as after [method@SmartAsync.AsyncFunc.bind_to_thread]. See
 * also [property@SmartAsync.AsyncFunc:offload].
 *
 * A setter that ends the program may not be able to say so. A receiver of any kind
 * may have two more properties that can be read: `unfinished`, a #guint, how many of
 * its setters have begun and not ended, and `exit-status`, an #int. If there are
 * more after a setter than before it, the program exits with that status.
 *
 * Nor may one that fails. A third property that can be read is `received`, a
 * #gboolean: whether a setter has ended as it should since it was read last. If it
 * is %FALSE after a setter, the call fails with %SMART_ERROR_NOT_RETURNED, unless it
 * has returned.
 *
 * Returns: (transfer full): a function
 *
 * Since: 1.0
 */
SmartAsyncFunc *
smart_async_func_new_for_receivers (GObject *begin, GObject *body)
{
  SmartAsyncFunc *func;

  g_return_val_if_fail (begin != NULL || body != NULL, NULL);
  g_return_val_if_fail (begin == NULL || can_receive (begin, "call", SMART_TYPE_CALL), NULL);
  g_return_val_if_fail (body == NULL || can_receive (body, "call", SMART_TYPE_CALL), NULL);

  func = smart_async_func_new_bodies (begin != NULL ? receive_call : NULL,
                                      begin != NULL ? g_object_ref (begin) : NULL,
                                      begin != NULL ? g_object_unref : NULL,
                                      body != NULL ? receive_call : NULL,
                                      body != NULL ? g_object_ref (body) : NULL,
                                      body != NULL ? g_object_unref : NULL);
  smart_async_func_bind_to_thread (func);

  return func;
}

typedef struct
{
  SmartListener base;
  GObject *receiver; /* a reference */
} ReceiverListener;

static void
receiver_told (SmartParcel *parcel, gboolean run)
{
  ReceiverListener *listener = (ReceiverListener *) parcel;
  SmartListener *base = &listener->base;
  SmartFuture *future;

  if (run)
    {
      future = smart_outcome_ref_future (base->outcome);
      hand_over (listener->receiver, "future", future);
      g_object_unref (future);
    }

  g_object_unref (listener->receiver);
  smart_listener_clear (base);
  g_free (listener);
}

/**
 * smart_future_add_receiver:
 * @future: a future
 * @receiver: receives the future
 *
 * Sets the property `future` of @receiver to @future when that has settled. It
 * comes in the context that [method@SmartAsync.AsyncFunc.call_async] documents,
 * never in this call. The property holds a [class@SmartAsync.Future], and can be
 * written.
 *
 * It is [method@SmartAsync.Future.wait_async] for the bindings of languages whose
 * callbacks cannot be called at every moment, but whose properties can be set.
 *
 * Since: 1.0
 */
void
smart_future_add_receiver (SmartFuture *future, GObject *receiver)
{
  ReceiverListener *listener;

  g_return_if_fail (SMART_IS_FUTURE (future));
  g_return_if_fail (can_receive (receiver, "future", SMART_TYPE_FUTURE));

  listener = g_new0 (ReceiverListener, 1);
  listener->base.parcel.deliver = receiver_told;
  listener->base.inbox = smart_context_get_inbox (G_PRIORITY_DEFAULT);
  listener->receiver = g_object_ref (receiver);
  smart_outcome_listen (smart_future_get_outcome (future), &listener->base);
}

static void
result_ready (GObject *source, GAsyncResult *result, gpointer receiver)
{
  hand_over (receiver, "result", result);
  g_object_unref (receiver);
}

static GCallback
find_function (const char *library, const char *symbol, GError **error)
{
  GModule *module = g_module_open (library, G_MODULE_BIND_LAZY | G_MODULE_BIND_LOCAL);
  gpointer function = NULL;

  if (module == NULL || !g_module_symbol (module, symbol, &function) || function == NULL)
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, g_module_error ());

  /* It stays: what was started there goes on. */
  if (module != NULL)
    {
      g_module_make_resident (module);
      g_module_close (module);
    }

  return (GCallback) function;
}

/**
 * smart_receiver_begin:
 * @receiver: receives the result
 * @library: (nullable): the file name of a library that is loaded; %NULL for the
 *   program itself
 * @symbol: the name of a function, such as `g_file_load_contents_async`
 * @args: (array length=n_args) (nullable): its arguments, each of the very type in C,
 *   but for the last two, a #GAsyncReadyCallback and its data
 * @n_args: their number
 * @error: return location for an error
 *
 * Calls a function in C that starts something, and sets the property `result` of
 * @receiver to the #GAsyncResult that it calls back with. The property holds a
 * #GAsyncResult, and can be written.
 *
 * It is for the bindings of languages whose callbacks cannot be called at every
 * moment. Nothing checks @args against the function.
 *
 * Returns: %FALSE with @error set, if there is no such function
 *
 * Since: 1.0
 */
gboolean
smart_receiver_begin (GObject *receiver,
                      const char *library,
                      const char *symbol,
                      const GValue *args,
                      guint n_args,
                      GError **error)
{
  GCallback function;
  GValue *all;

  g_return_val_if_fail (can_receive (receiver, "result", G_TYPE_ASYNC_RESULT), FALSE);
  g_return_val_if_fail (symbol != NULL, FALSE);
  g_return_val_if_fail (n_args == 0 || args != NULL, FALSE);

  function = find_function (library, symbol, error);
  if (function == NULL)
    return FALSE;

  all = g_new0 (GValue, n_args + 1);
  for (guint i = 0; i < n_args; i++)
    smart_value_copy (&all[i], &args[i]);
  g_value_init (&all[n_args], G_TYPE_POINTER);
  g_value_set_pointer (&all[n_args], (gpointer) result_ready);

  smart_pair_invoke (function, g_object_ref (receiver), NULL, all, n_args + 1);

  for (guint i = 0; i <= n_args; i++)
    smart_value_clear (&all[i]);
  g_free (all);

  return TRUE;
}

/**
 * smart_future_wait_value:
 * @future: a future
 * @timeout_usec: how long to wait at most, in microseconds; -1 for no deadline
 * @cancellable: (nullable): ends the wait; it does not cancel @future
 * @error: return location for an error
 *
 * Does what [method@SmartAsync.Future.wait] does, and gives the value itself, not
 * a copy. GJS frees the copies that a function puts in a GValue of the caller's,
 * but not what they hold.
 *
 * Returns: (transfer none): the value, as long as @future is there; a
 *   %G_TYPE_POINTER that is %NULL for a result without one
 *
 * Since: 1.0
 */
const GValue *
smart_future_wait_value (SmartFuture *future,
                         gint64 timeout_usec,
                         GCancellable *cancellable,
                         GError **error)
{
  static const GValue nothing = { .g_type = G_TYPE_POINTER };
  const GValue *value;

  g_return_val_if_fail (SMART_IS_FUTURE (future), NULL);

  if (!smart_future_wait (future, timeout_usec, cancellable, NULL, error))
    return NULL;

  value = smart_outcome_peek (smart_future_get_outcome (future));
  return G_VALUE_TYPE (value) != G_TYPE_INVALID ? value : &nothing;
}

/* Exceptions: a GError that carries what was thrown. */

typedef struct
{
  GValue exception;
} SmartExceptionPrivate;

static void
smart_exception_private_init (SmartExceptionPrivate *data)
{
  memset (data, 0, sizeof (*data));
}

static void
smart_exception_private_copy (const SmartExceptionPrivate *src, SmartExceptionPrivate *dest)
{
  smart_value_copy (&dest->exception, &src->exception);
}

static void
smart_exception_private_clear (SmartExceptionPrivate *data)
{
  smart_value_clear (&data->exception);
}

/**
 * smart_exception_quark:
 *
 * The domain of the errors that [func@SmartAsync.exception_new] makes. May be
 * called from any thread.
 *
 * Returns: the quark
 *
 * Since: 1.0
 */
/* clang-format off */
/* What the macro of GLib makes is aligned, but clang cannot see it. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wcast-align"
G_DEFINE_EXTENDED_ERROR (SmartException, smart_exception)
#pragma GCC diagnostic pop
/* clang-format on */

/**
 * smart_exception_new:
 * @exception: what was thrown
 * @message: what it says
 *
 * Makes an error that carries an exception of another language, for that
 * language's binding: so what was thrown in a body arrives as it was, and the
 * callers of other languages get an error that says what happened. Copies of the
 * error share it.
 *
 * May be called from any thread. The exception is released where the last copy
 * of the error is.
 *
 * Returns: (transfer full): an error in the domain of
 *   [func@SmartAsync.exception_quark], with the code 0
 *
 * Since: 1.0
 */
GError *
smart_exception_new (const GValue *exception, const char *message)
{
  GError *error;

  g_return_val_if_fail (G_IS_VALUE (exception), NULL);
  g_return_val_if_fail (message != NULL, NULL);

  error = g_error_new_literal (SMART_EXCEPTION, 0, message);
  smart_value_copy (&smart_exception_get_private (error)->exception, exception);

  return error;
}

/**
 * smart_exception_get_value:
 * @error: an error
 *
 * Gives the exception that @error carries.
 *
 * May be called from any thread.
 *
 * Returns: (transfer none) (nullable): the exception; %NULL if @error carries none
 *
 * Since: 1.0
 */
const GValue *
smart_exception_get_value (const GError *error)
{
  g_return_val_if_fail (error != NULL, NULL);

  return error->domain == SMART_EXCEPTION ? &smart_exception_get_private (error)->exception : NULL;
}
