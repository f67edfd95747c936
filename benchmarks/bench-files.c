/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Rows of GIO's own work: a file of 1,000 bytes is loaded, through to its
 * contents. */

#include "bench.h"

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#define FILE_SIZE 1000

static GFile *
the_file (void)
{
  static GFile *file = NULL;

  if (file == NULL)
    {
      g_autofree char *path = NULL;
      g_autofree char *contents = g_strnfill (FILE_SIZE, 'x');
      int fd = g_file_open_tmp ("smart-bench-XXXXXX", &path, NULL);

      if (fd < 0 || write (fd, contents, FILE_SIZE) != FILE_SIZE)
        g_error ("no file to load");
      close (fd);
      file = g_file_new_for_path (path);
    }

  return file;
}

void
bench_files_clear (void)
{
  g_file_delete (the_file (), NULL, NULL);
}

static void
check (gboolean success, char *contents, gsize length)
{
  if (!success || length != FILE_SIZE)
    g_error ("a file went wrong");
  g_free (contents);
}

/* --- Both forms, in one function --- */

static void
load_begin_ready (GObject *source, GAsyncResult *result, gpointer user_data)
{
  SmartCall *call = user_data;
  GError *error = NULL;
  char *contents;
  gsize length;

  if (g_file_load_contents_finish (G_FILE (source), result, &contents, &length, NULL, &error))
    smart_call_return_boxed (call, G_TYPE_BYTES, g_bytes_new_take (contents, length));
  else
    smart_call_return_error (call, error);
  g_object_unref (call);
}

static void
load_begin (SmartCall *call, gpointer user_data)
{
  g_file_load_contents_async (G_FILE (smart_call_get_source_object (call)),
                              smart_call_get_cancellable (call), load_begin_ready,
                              g_object_ref (call));
}

static void
load_body (SmartCall *call, gpointer user_data)
{
  GError *error = NULL;
  char *contents;
  gsize length;

  if (g_file_load_contents (G_FILE (smart_call_get_source_object (call)),
                            smart_call_get_cancellable (call), &contents, &length, NULL, &error))
    smart_call_return_boxed (call, G_TYPE_BYTES, g_bytes_new_take (contents, length));
  else
    smart_call_return_error (call, error);
}

static void
check_value (gboolean success, const GValue *value)
{
  if (!success || g_bytes_get_size (g_value_get_boxed (value)) != FILE_SIZE)
    g_error ("a file went wrong");
}

static gint64
load_dual (guint n)
{
  g_autoptr (SmartAsyncFunc) func =
      smart_async_func_new_dual (load_begin, NULL, NULL, load_body, NULL, NULL);
  gint64 start = bench_now ();

  for (guint i = 0; i < n; i++)
    {
      g_auto (GValue) value = G_VALUE_INIT;

      check_value (smart_async_func_call_sync (func, G_OBJECT (the_file ()), NULL, 0, NULL, &value,
                                               NULL),
                   &value);
    }

  return bench_now () - start;
}

static gint64
load_direct (guint n)
{
  gint64 start = bench_now ();

  for (guint i = 0; i < n; i++)
    {
      char *contents = NULL;
      gsize length = 0;
      gboolean success = g_file_load_contents (the_file (), NULL, &contents, &length, NULL, NULL);

      check (success, contents, length);
    }

  return bench_now () - start;
}

static void
keep_result (GObject *source, GAsyncResult *result, gpointer user_data)
{
  *(GAsyncResult **) user_data = g_object_ref (result);
}

static gint64
load_by_hand_in (GMainContext *context, guint n)
{
  gint64 start = bench_now ();

  for (guint i = 0; i < n; i++)
    {
      g_autoptr (GAsyncResult) result = NULL;
      char *contents = NULL;
      gsize length = 0;
      gboolean success;

      g_file_load_contents_async (the_file (), NULL, keep_result, &result);
      while (result == NULL)
        g_main_context_iteration (context, TRUE);
      success = g_file_load_contents_finish (the_file (), result, &contents, &length, NULL, NULL);
      check (success, contents, length);
    }

  return bench_now () - start;
}

static gint64
load_by_hand (guint n)
{
  GMainContext *context = bench_enter_loop ();
  gint64 took = load_by_hand_in (context, n);

  bench_leave_loop (context);

  return took;
}

/* --- The blocking form, offloaded from a loop --- */

static void
offloaded_ready (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_auto (GValue) value = G_VALUE_INIT;

  check_value (smart_async_func_call_finish (SMART_ASYNC_FUNC (source), result, &value, NULL),
               &value);
  *(gboolean *) user_data = TRUE;
}

static gint64
load_offloaded (guint n)
{
  g_autoptr (SmartAsyncFunc) func = smart_async_func_new_blocking (load_body, NULL, NULL);
  GMainContext *context = bench_enter_loop ();
  gint64 start = bench_now ();
  gint64 took;

  for (guint i = 0; i < n; i++)
    {
      gboolean done = FALSE;

      smart_async_func_call_async (func, G_OBJECT (the_file ()), NULL, 0, NULL, offloaded_ready,
                                   &done);
      bench_iterate (context, &done);
    }
  took = bench_now () - start;
  bench_leave_loop (context);

  return took;
}

const BenchRow bench_file_rows[] = {
  { "S + dual, a file of 1,000 bytes", "g_file_load_contents_async, by hand", load_dual,
    load_by_hand, 0.03, 0, BENCH_ALL_CORES },
  { "S + dual, a file of 1,000 bytes, called directly", "g_file_load_contents", load_dual,
    load_direct, 1.2, 0, BENCH_ONE_CORE },
  { "A + blocking, a file of 1,000 bytes", "g_file_load_contents_async", load_offloaded,
    load_by_hand, 0.18, 0, BENCH_ALL_CORES },
  { NULL },
};
