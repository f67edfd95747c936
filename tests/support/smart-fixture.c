/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "smart-fixture.h"

#include <sys/syscall.h>
#include <unistd.h>

typedef struct
{
  SmartCall *call;
  SmartBody act;
} Errand;

static gboolean
run_errand (gpointer data)
{
  Errand *errand = data;

  errand->act (errand->call, NULL);
  return G_SOURCE_REMOVE;
}

static void
errand_free (gpointer data)
{
  Errand *errand = data;

  g_object_unref (errand->call);
  g_free (errand);
}

/* An asynchronous body returns from a later callback, so that there is something to wait for. */
static void
act_later (SmartCall *call, gpointer act)
{
  Errand *errand = g_new0 (Errand, 1);

  errand->call = g_object_ref (call);
  errand->act = (SmartBody) act;
  smart_call_add_timeout (call, 1, run_errand, errand, errand_free);
}

static SmartAsyncFunc *
func_new (SmartAsyncFuncKind kind, SmartBody act)
{
  switch (kind)
    {
    case SMART_ASYNC_FUNC_ASYNC:
      return smart_async_func_new (act_later, (gpointer) act, NULL);
    case SMART_ASYNC_FUNC_BLOCKING:
      return smart_async_func_new_blocking (act, NULL, NULL);
    case SMART_ASYNC_FUNC_DUAL:
      return smart_async_func_new_dual (act_later, (gpointer) act, NULL, act, NULL, NULL);
    default:
      g_return_val_if_reached (NULL);
    }
}

static void
echo (SmartCall *call, gpointer data)
{
  smart_call_return_value (call, smart_call_get_value (call, 0));
}

static void
fail (SmartCall *call, gpointer data)
{
  smart_call_return_new_error_literal (call, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "Grüße");
}

/**
 * smart_fixture_echo_new:
 * @kind: which bodies it has
 *
 * Returns: (transfer full): a function that returns its argument
 */
SmartAsyncFunc *
smart_fixture_echo_new (SmartAsyncFuncKind kind)
{
  return func_new (kind, echo);
}

/**
 * smart_fixture_fail_new:
 * @kind: which bodies it has
 *
 * Returns: (transfer full): a function that returns %G_IO_ERROR_NOT_FOUND
 */
SmartAsyncFunc *
smart_fixture_fail_new (SmartAsyncFuncKind kind)
{
  return func_new (kind, fail);
}

static void
once (SmartCall *call, gpointer data)
{
  SmartLock *lock = g_object_get_data (data, "lock");
  g_auto (GValue) value = G_VALUE_INIT;
  GError *error = NULL;

  if (smart_lock_run_once_sync (lock, g_object_get_data (data, "key"), data, NULL, NULL, 0, NULL,
                                &value, &error))
    smart_call_return_value (call, &value);
  else
    smart_call_return_error (call, error);
}

static void
once_begin (SmartCall *call, gpointer data)
{
  once (call, *(SmartAsyncFunc **) data);
}

/**
 * smart_fixture_once_new:
 * @lock: a lock
 * @key: (nullable): one of its keys
 *
 * Returns: (transfer full): a blocking function that calls itself by @lock
 */
SmartAsyncFunc *
smart_fixture_once_new (SmartLock *lock, const char *key)
{
  /* It does not keep itself alive: whoever calls it does. */
  SmartAsyncFunc **self = g_new0 (SmartAsyncFunc *, 1);

  *self = smart_async_func_new_blocking (once_begin, self, g_free);
  g_object_set_data_full (G_OBJECT (*self), "lock", g_object_ref (lock), g_object_unref);
  g_object_set_data_full (G_OBJECT (*self), "key", g_strdup (key), g_free);

  return *self;
}

/**
 * smart_fixture_describe:
 * @value: a value
 *
 * Returns: (transfer full): its type and contents
 */
char *
smart_fixture_describe (const GValue *value)
{
  g_autofree char *contents = NULL;

  if (!G_IS_VALUE (value))
    return g_strdup ("null");
  contents = g_strdup_value_contents (value);

  return g_strdup_printf ("%s %s", G_VALUE_TYPE_NAME (value), contents);
}

static gpointer
cancel_main (gpointer cancellable)
{
  g_cancellable_cancel (cancellable);
  return NULL;
}

static void
late_cancelled (GCancellable *cancellable, gpointer task)
{
  g_signal_handlers_disconnect_by_data (cancellable, task);
  g_task_return_boolean (task, TRUE);
}

static void
unref_task (gpointer task, GClosure *closure)
{
  g_object_unref (task);
}

/**
 * smart_fixture_late_async:
 * @victim: what another thread cancels after this has looked at @cancellable, and
 *   before it connects to it
 *
 * Ends when @cancellable is cancelled, if it notices.
 */
void
smart_fixture_late_async (GCancellable *victim,
                          GCancellable *cancellable,
                          GAsyncReadyCallback callback,
                          gpointer user_data)
{
  g_autoptr (GTask) task = g_task_new (NULL, cancellable, callback, user_data);

  if (g_task_return_error_if_cancelled (task))
    return;

  g_thread_join (g_thread_new ("fixture", cancel_main, victim));
  g_signal_connect_data (cancellable, "cancelled", G_CALLBACK (late_cancelled), g_object_ref (task),
                         unref_task, 0);
}

gboolean
smart_fixture_late_finish (GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

/**
 * smart_fixture_thread_id:
 *
 * Returns: the number of the thread that calls this
 */
guint64
smart_fixture_thread_id (void)
{
  return (guint64) syscall (SYS_gettid);
}

/**
 * smart_fixture_context_id:
 * @context: (nullable): a main context; %NULL: the default one
 *
 * Returns: what tells it from others as long as it lives
 */
guint64
smart_fixture_context_id (GMainContext *context)
{
  return (guint64) (guintptr) (context != NULL ? context : g_main_context_default ());
}

/**
 * smart_fixture_thread_default_id:
 *
 * Returns: the thread's own main context; 0: it has none
 */
guint64
smart_fixture_thread_default_id (void)
{
  return (guint64) (guintptr) g_main_context_get_thread_default ();
}

static gpointer
describe_main (gpointer unused)
{
  return smart_context_describe ();
}

/**
 * smart_fixture_describe_on_thread:
 *
 * Returns: (transfer full): what smart_context_describe() says on a thread that
 *   has just started
 */
char *
smart_fixture_describe_on_thread (void)
{
  return g_thread_join (g_thread_new ("fixture", describe_main, NULL));
}

static guint
count_files (const char *folder)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  guint n = 0;

  while (g_dir_read_name (dir) != NULL)
    n++;

  return n;
}

guint
smart_fixture_count_threads (void)
{
  return count_files ("/proc/self/task");
}

/**
 * smart_fixture_count_own_threads:
 *
 * Returns: how many threads there are, without those that GLib keeps
 */
guint
smart_fixture_count_own_threads (void)
{
  const char *kept[] = { "pool-", "gmain", "gdbus", "dconf" };
  g_autoptr (GDir) dir = g_dir_open ("/proc/self/task", 0, NULL);
  const char *task;
  guint n = 0;

  while ((task = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename ("/proc/self/task", task, "comm", NULL);
      g_autofree char *name = NULL;
      gboolean is_kept = FALSE;

      /* It may have ended meanwhile. */
      if (!g_file_get_contents (path, &name, NULL, NULL))
        continue;
      for (guint i = 0; i < G_N_ELEMENTS (kept); i++)
        is_kept |= g_str_has_prefix (name, kept[i]);
      n += !is_kept;
    }

  return n;
}

guint
smart_fixture_count_fds (void)
{
  /* Without the folder's own. */
  return count_files ("/proc/self/fd") - 1;
}

/**
 * smart_fixture_count_sources:
 * @context: (nullable): a main context; %NULL: the default one
 *
 * Returns: how many sources it has
 */
guint
smart_fixture_count_sources (GMainContext *context)
{
  g_autoptr (GSource) last = g_idle_source_new ();
  guint id = g_source_attach (last, context);
  guint n = 0;

  g_source_destroy (last);
  while (--id > 0)
    n += g_main_context_find_source_by_id (context, id) != NULL;

  return n;
}
