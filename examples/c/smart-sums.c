/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* smart-sums FOLDER RESULTS: the SHA-256 of every regular file below FOLDER
 * (symbolic links are not followed), by a blocking and by an asynchronous
 * function, each called from plain code and from inside a running main loop.
 * Each run writes a file in RESULTS, in sha256sum's format, and one line of
 * figures to standard output. */

#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "smart-sums-hash.h"

/* GIO's own pool has ten threads: more would only queue. */
#define MAX_IN_FLIGHT 16

typedef struct
{
  SmartAsyncFunc *func;
  GPtrArray *files;   /* of GFile, sorted */
  GPtrArray *futures; /* of SmartFuture: one for each file called so far */
  guint in_flight;

  const char *title;
  GMainLoop *loop; /* NULL in a sync context */
  guint ticks;
  gint64 last_tick;
  gint64 longest_gap;
  gint64 last_progress;
} Run;

static void on_settled (GObject *source, GAsyncResult *result, gpointer user_data);

static void
show_progress (Run *run)
{
  gint64 now = g_get_monotonic_time ();

  if (now - run->last_progress < 100000 || !isatty (STDERR_FILENO))
    return;

  g_printerr ("\r%s: %u of %u\033[K", run->title, run->futures->len - run->in_flight,
              run->files->len);
  run->last_progress = now;
}

/* The caller's side, the same in both contexts. In a sync context each future
 * comes back settled; inside the loop most are pending, and the rest is called
 * as they settle. */
static void
call_for_files (gpointer user_data)
{
  Run *run = user_data;

  while (run->futures->len < run->files->len && run->in_flight < MAX_IN_FLIGHT)
    {
      GFile *file = g_ptr_array_index (run->files, run->futures->len);
      SmartFuture *future =
          smart_async_func_call (run->func, NULL, NULL, G_TYPE_FILE, file, G_TYPE_INVALID);

      g_ptr_array_add (run->futures, future);
      if (smart_future_get_status (future) == SMART_FUTURE_PENDING)
        {
          run->in_flight++;
          smart_future_wait_async (future, NULL, on_settled, run);
        }
      show_progress (run);
    }

  if (run->in_flight == 0 && run->loop != NULL)
    g_main_loop_quit (run->loop);
}

static void
on_settled (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Run *run = user_data;

  run->in_flight--;
  call_for_files (run);
}

static void
note_gap (Run *run)
{
  gint64 now = g_get_monotonic_time ();

  run->longest_gap = MAX (run->longest_gap, now - run->last_tick);
  run->last_tick = now;
}

static gboolean
on_tick (gpointer user_data)
{
  Run *run = user_data;

  run->ticks++;
  note_gap (run);

  return G_SOURCE_CONTINUE;
}

static void
call_in_loop (Run *run)
{
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  guint tick = g_timeout_add (1, on_tick, run);

  run->loop = loop;
  run->last_tick = g_get_monotonic_time ();
  g_idle_add_once (call_for_files, run);
  g_main_loop_run (loop);
  note_gap (run);
  g_source_remove (tick);
}

/* Like sha256sum: a name that would break the line is escaped, and the line says so. */
static void
append_line (GString *lines, const char *sum, GFile *file)
{
  g_autoptr (GString) name = g_string_new (g_file_peek_path (file));
  guint escapes = g_string_replace (name, "\\", "\\\\", 0) +
                  g_string_replace (name, "\n", "\\n", 0) + g_string_replace (name, "\r", "\\r", 0);

  g_string_append_printf (lines, "%s%s  %s\n", escapes > 0 ? "\\" : "", sum, name->str);
}

/* Says what is wrong with a file once, however many runs stumble over it. */
static void
complain (GHashTable *unreadable, GFile *file, GError *error)
{
  g_autofree char *name = g_file_get_parse_name (file);

  if (g_hash_table_add (unreadable, g_object_ref (file)))
    g_printerr ("smart-sums: %s: %s\n", name, error->message);
}

static void
run_once (SmartAsyncFunc *func,
          const char *function,
          gboolean in_loop,
          GPtrArray *files,
          GHashTable *unreadable,
          const char *results)
{
  const char *context = in_loop ? "async" : "sync";
  g_autofree char *title = g_strdup_printf ("C, %s, %s", context, function);
  g_autofree char *name = g_strdup_printf ("%s-%s", context, function);
  g_autofree char *path = g_build_filename (results, name, NULL);
  g_autoptr (GPtrArray) futures = g_ptr_array_new_with_free_func (g_object_unref);
  g_autoptr (GString) lines = g_string_new (NULL);
  g_autoptr (GError) error = NULL;
  Run run = { .func = func, .files = files, .futures = futures, .title = title };
  gint64 begin = g_get_monotonic_time (), end;
  guint n_sums = 0;

  if (in_loop)
    call_in_loop (&run);
  else
    call_for_files (&run);

  end = g_get_monotonic_time ();
  if (isatty (STDERR_FILENO))
    g_printerr ("\r\033[K");

  for (guint i = 0; i < files->len; i++)
    {
      g_autoptr (GError) file_error = NULL;
      g_autofree char *sum = smart_future_get_string (futures->pdata[i], &file_error);

      if (sum != NULL)
        append_line (lines, sum, files->pdata[i]), n_sums++;
      else
        complain (unreadable, files->pdata[i], file_error);
    }

  if (!g_file_set_contents (path, lines->str, lines->len, &error))
    g_error ("%s", error->message);

  g_print ("C\t%s\t%s\t%u\t%.3f", context, function, n_sums, (end - begin) / 1e6);
  if (in_loop)
    g_print ("\t%u\t%.1f\n", run.ticks, run.longest_gap / 1e3);
  else
    g_print ("\t-\t-\n");
}

static void
list_files (GFile *folder, GPtrArray *files, GHashTable *unreadable)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GFileEnumerator) children =
      g_file_enumerate_children (folder, "standard::name,standard::type",
                                 G_FILE_QUERY_INFO_NOFOLLOW_SYMLINKS, NULL, &error);
  GFileInfo *info;
  GFile *child;

  while (children != NULL && g_file_enumerator_iterate (children, &info, &child, NULL, &error) &&
         info != NULL)
    {
      if (g_file_info_get_file_type (info) == G_FILE_TYPE_DIRECTORY)
        list_files (child, files, unreadable);
      else if (g_file_info_get_file_type (info) == G_FILE_TYPE_REGULAR)
        g_ptr_array_add (files, g_object_ref (child));
    }

  if (error != NULL)
    complain (unreadable, folder, error);
}

static int
compare_paths (gconstpointer a, gconstpointer b)
{
  return strcmp (g_file_peek_path (*(GFile **) a), g_file_peek_path (*(GFile **) b));
}

int
main (int argc, char **argv)
{
  g_autoptr (GFile) folder = NULL;
  g_autoptr (GPtrArray) files = g_ptr_array_new_with_free_func (g_object_unref);
  g_autoptr (GHashTable) unreadable = g_hash_table_new_full (NULL, NULL, g_object_unref, NULL);

  setlocale (LC_CTYPE, "");
  if (argc != 3)
    {
      g_printerr ("Usage: smart-sums FOLDER RESULTS\n");
      return 2;
    }

  folder = g_file_new_for_commandline_arg (argv[1]);
  list_files (folder, files, unreadable);
  g_ptr_array_sort (files, compare_paths);

  for (gboolean in_loop = FALSE; in_loop <= TRUE; in_loop++)
    {
      run_once (smart_sums_hash_blocking_func (), "blocking", in_loop, files, unreadable, argv[2]);
      run_once (smart_sums_hash_asynchronous_func (), "asynchronous", in_loop, files, unreadable,
                argv[2]);
    }

  return g_hash_table_size (unreadable) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
