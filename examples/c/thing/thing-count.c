/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Usage: thing-count FILE WORD
 *
 * Uses the library in both contexts: at top level, where its functions wait, and
 * in a running main loop, which they do not block. With -DBY_HAND it is built on
 * thing-book-by-hand.c, which has no futures. */

#include "thing-book.h"

typedef struct
{
  const char *path;
  const char *word;
  GMainLoop *loop;
  int status;
} Count;

static int
fail (GError *error)
{
  g_printerr ("thing-count: %s\n", error->message);
  return 1;
}

static int
count_now (Count *count)
{
  g_autoptr (ThingBook) book = NULL;
  g_autoptr (GError) error = NULL;
  int n = 0;

  book = thing_book_load (count->path, 0, NULL, &error);
  if (book != NULL)
    n = thing_book_count (book, count->word, NULL, &error);
  if (error != NULL)
    return fail (error);

  g_print ("sync: %d\n", n);
  return 0;
}

static void
counted (GObject *source, GAsyncResult *result, gpointer data)
{
  Count *count = data;
  g_autoptr (GError) error = NULL;
  int n = thing_book_count_finish (THING_BOOK (source), result, &error);

  if (error != NULL)
    count->status = fail (error);
  else
    g_print ("async: %d\n", n);
  g_main_loop_quit (count->loop);
}

static void
loaded (GObject *source, GAsyncResult *result, gpointer data)
{
  Count *count = data;
  g_autoptr (GError) error = NULL;
  g_autoptr (ThingBook) book = thing_book_load_finish (result, &error);

  if (book != NULL)
    {
      thing_book_count_async (book, count->word, NULL, counted, count);
      return;
    }

  count->status = fail (error);
  g_main_loop_quit (count->loop);
}

static gboolean
count_later (gpointer data)
{
  Count *count = data;

  thing_book_load_async (count->path, 0, NULL, loaded, count);
  return G_SOURCE_REMOVE;
}

#ifndef BY_HAND

/* The same lines in both contexts. */

static void
count_loaded (SmartCall *call, SmartFuture *settled, gpointer data)
{
  Count *count = data;
  g_autoptr (ThingBook) book = smart_future_get_object (settled, NULL);
  g_autoptr (SmartFuture) n = thing_book_count_future (book, count->word, NULL);

  smart_call_return_future (call, n);
}

static void
print_counted (SmartCall *call, SmartFuture *settled, gpointer data)
{
  Count *count = data;
  g_autoptr (GError) error = NULL;
  int n = smart_future_get_int (settled, &error);

  if (error != NULL)
    count->status = fail (error);
  else
    g_print ("smart, in %s context: %d\n", smart_context_is_async () ? "an async" : "a sync", n);
  if (count->loop != NULL)
    g_main_loop_quit (count->loop);
  smart_call_return_none (call);
}

static gboolean
count_smartly (gpointer data)
{
  Count *count = data;
  g_autoptr (SmartFuture) book = thing_book_load_future (count->path, 0, NULL);
  g_autoptr (SmartFuture) n = smart_future_then (book, count_loaded, count, NULL);

  g_object_unref (smart_future_finally (n, print_counted, count, NULL));
  return G_SOURCE_REMOVE;
}

#endif

int
main (int argc, char **argv)
{
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  Count count = { NULL };

  if (argc != 3)
    {
      g_printerr ("Usage: thing-count FILE WORD\n");
      return 2;
    }

  count.path = argv[1];
  count.word = argv[2];
  count.status = count_now (&count);
#ifndef BY_HAND
  count_smartly (&count);
#endif

  count.loop = loop;
  g_idle_add (count_later, &count);
  g_main_loop_run (loop);
#ifndef BY_HAND
  g_idle_add (count_smartly, &count);
  g_main_loop_run (loop);
#endif

  return count.status;
}
