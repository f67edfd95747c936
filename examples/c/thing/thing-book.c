/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A library whose functions are called from any context: two ordinary blocking
 * functions, and a line for each. thing-book-by-hand.c is the same with GTask. */

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

static ThingBook *
load_body (const char *path, guint max, GCancellable *cancellable, GError **error)
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

SMART_DEFINE_BLOCKING (ThingBook *, thing_book_load, load_body, OBJECT, (STRING, path), (UINT, max))

static int
count_body (ThingBook *self, const char *word, GCancellable *cancellable, GError **error)
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

SMART_DEFINE_BLOCKING_METHOD (int, ThingBook *, thing_book_count, count_body, INT, (STRING, word))
