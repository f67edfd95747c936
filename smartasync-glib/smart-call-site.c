/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Names that are taken from the line of C that makes a function or a future. */

#include <smartasync-glib/smart-call-site.h>

#include "smart-async-func-private.h"

#define PREFIX "G_CALLBACK ("

static gsize
identifier_length (const char *text)
{
  gsize n = 0;

  while (g_ascii_isalnum (text[n]) || text[n] == '_')
    n++;

  return g_ascii_isdigit (text[0]) ? 0 : n;
}

/* What a function is called that was made with @args, as they are written, by
 * the line @where: like its first body, if that is a function's name. */
char *
smart_call_site_label (const char *args, const char *where)
{
  gboolean is_callback = g_str_has_prefix (args, PREFIX);
  const char *body = is_callback ? args + strlen (PREFIX) : args;
  gsize length = identifier_length (body);

  if (length > 0 && body[length] == (is_callback ? ')' : ','))
    return g_strndup (body, length);

  return g_strdup (where);
}

/**
 * smart_call_site_name_func: (skip)
 * @func: (nullable) (transfer full): a function that nobody else has
 * @args: what it was made with, as it is written; static
 * @where: where; static
 *
 * Says what @func is called by default. For the macros only.
 *
 * Returns: (transfer full) (nullable): @func
 *
 * Since: 1.0
 */
SmartAsyncFunc *
smart_call_site_name_func (SmartAsyncFunc *func, const char *args, const char *where)
{
  if (func != NULL)
    {
      func->made_with = args;
      func->made_at = where;
    }

  return func;
}

/**
 * smart_call_site_name_future: (skip)
 * @future: (nullable) (transfer full): a future
 * @where: where it was made; static
 *
 * Says what @future is called by default, if that was not said before. For the
 * macros only.
 *
 * Returns: (transfer full) (nullable): @future
 *
 * Since: 1.0
 */
SmartFuture *
smart_call_site_name_future (SmartFuture *future, const char *where)
{
  if (future != NULL)
    g_atomic_pointer_compare_and_exchange (&smart_future_get_outcome (future)->made_at, NULL,
                                           where);

  return future;
}

/**
 * smart_call_site_run_blocking: (skip)
 * @args: what it is called with, as it is written; static
 * @where: where; static
 * @body: a blocking body
 * @user_data: what to give it
 * @destroy: (nullable): frees @user_data
 * @cancellable: (nullable): cancels the call
 *
 * Does what [func@SmartAsync.run_blocking] does. For the macros only.
 *
 * Returns: (transfer full): the result, now or later
 *
 * Since: 1.0
 */
SmartFuture *
smart_call_site_run_blocking (const char *args,
                              const char *where,
                              SmartBody body,
                              gpointer user_data,
                              GDestroyNotify destroy,
                              GCancellable *cancellable)
{
  SmartAsyncFunc *func;
  SmartFuture *future;

  g_return_val_if_fail (body != NULL, NULL);
  g_return_val_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable), NULL);

  func = smart_async_func_new_blocking (body, user_data, destroy);
  smart_call_site_name_func (func, args, where);
  future = smart_async_func_callv (func, NULL, NULL, 0, cancellable);
  g_object_unref (func);

  return smart_call_site_name_future (future, where);
}
