/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What thing-book.c does, with GTask by hand; but for what GTask has nothing
 * like: thing_book_load_future(), thing_book_load_func() and their kin. */

#include "thing-book.h"

struct _ThingBook
{
  GObject parent_instance;

  char *text; /* immutable: read from any thread */
};

G_DEFINE_FINAL_TYPE (ThingBook, thing_book, G_TYPE_OBJECT)

static void
thing_book_finalize (GObject *object)
{
  g_free (THING_BOOK (object)->text);
  G_OBJECT_CLASS (thing_book_parent_class)->finalize (object);
}

static void
thing_book_class_init (ThingBookClass *class)
{
  G_OBJECT_CLASS (class)->finalize = thing_book_finalize;
}

static void
thing_book_init (ThingBook *self)
{
}

ThingBook *
thing_book_load (const char *path, guint max, GCancellable *cancellable, GError **error)
{
  g_autoptr (GFile) file = g_file_new_for_path (path);
  ThingBook *book;
  char *text;
  gsize size;

  if (!g_file_load_contents (file, cancellable, &text, &size, NULL, error))
    return NULL;

  if (max > 0 && size > max)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE, "%s has %zu bytes", path, size);
      g_free (text);
      return NULL;
    }

  book = g_object_new (THING_TYPE_BOOK, NULL);
  book->text = text;
  return book;
}

typedef struct
{
  char *path;
  guint max;
} LoadData;

static void
load_data_free (gpointer data)
{
  LoadData *load = data;

  g_free (load->path);
  g_free (load);
}

static void
load_in_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  LoadData *load = data;
  GError *error = NULL;
  ThingBook *book = thing_book_load (load->path, load->max, cancellable, &error);

  if (error != NULL)
    g_task_return_error (task, error);
  else
    g_task_return_pointer (task, book, g_object_unref);
}

void
thing_book_load_async (const char *path,
                       guint max,
                       GCancellable *cancellable,
                       GAsyncReadyCallback callback,
                       gpointer user_data)
{
  g_autoptr (GTask) task = g_task_new (NULL, cancellable, callback, user_data);
  LoadData *load = g_new (LoadData, 1);

  load->path = g_strdup (path);
  load->max = max;
  g_task_set_source_tag (task, thing_book_load_async);
  g_task_set_task_data (task, load, load_data_free);
  g_task_run_in_thread (task, load_in_thread);
}

ThingBook *
thing_book_load_finish (GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, NULL), NULL);
  g_return_val_if_fail (g_async_result_is_tagged (result, thing_book_load_async), NULL);

  return g_task_propagate_pointer (G_TASK (result), error);
}

int
thing_book_count (ThingBook *self, const char *word, GCancellable *cancellable, GError **error)
{
  int n = 0;

  if (*word == '\0')
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "There is no word");
      return 0;
    }

  for (const char *at = strstr (self->text, word); at != NULL;
       at = strstr (at + strlen (word), word))
    {
      if (g_cancellable_set_error_if_cancelled (cancellable, error))
        return 0;
      n++;
    }

  return n;
}

static void
count_in_thread (GTask *task, gpointer source, gpointer word, GCancellable *cancellable)
{
  GError *error = NULL;
  int n = thing_book_count (source, word, cancellable, &error);

  if (error != NULL)
    g_task_return_error (task, error);
  else
    g_task_return_int (task, n);
}

void
thing_book_count_async (ThingBook *self,
                        const char *word,
                        GCancellable *cancellable,
                        GAsyncReadyCallback callback,
                        gpointer user_data)
{
  g_autoptr (GTask) task = NULL;

  g_return_if_fail (THING_IS_BOOK (self));

  task = g_task_new (self, cancellable, callback, user_data);
  g_task_set_source_tag (task, thing_book_count_async);
  g_task_set_task_data (task, g_strdup (word), g_free);
  g_task_run_in_thread (task, count_in_thread);
}

int
thing_book_count_finish (ThingBook *self, GAsyncResult *result, GError **error)
{
  int n;
  GError *failure = NULL;

  g_return_val_if_fail (g_task_is_valid (result, self), 0);
  g_return_val_if_fail (g_async_result_is_tagged (result, thing_book_count_async), 0);

  n = (int) g_task_propagate_int (G_TASK (result), &failure);
  if (failure != NULL)
    {
      g_propagate_error (error, failure);
      return 0;
    }

  return n;
}
