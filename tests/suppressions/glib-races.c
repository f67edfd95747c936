/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What tsan.supp says of GLib, without the library: each of these, under
 * ThreadSanitizer and on a GLib that build-aux/tsan-glib has made, is reported.
 *
 *   export PKG_CONFIG_PATH=$(build-aux/tsan-glib)/lib/pkgconfig
 *   gcc -g -fsanitize=thread tests/suppressions/glib-races.c $(pkg-config --cflags --libs gio-2.0) \
 *     -Wl,-rpath,$(pkg-config --variable=libdir gio-2.0)
 *   for race in quark derive handlers closure ready-time condition; do G_SLICE=always-malloc ./a.out $race; done
 */

#include <gio/gio.h>

#include <string.h>

#define N_ROUNDS  500
#define N_OBJECTS 50

static GCancellable *cancellable;

static void
do_nothing (void)
{
}

/* Both ask for a quark for the first time. */
static void
quark (gboolean is_first)
{
  g_assert_cmpuint (g_io_error_quark (), !=, 0);
}

/* One makes a class that is derived from the one that the other has objects of. */
static void
derive (gboolean is_first)
{
  for (guint i = 0; i < N_ROUNDS && !is_first; i++)
    g_object_unref (g_object_new (G_TYPE_OBJECT, NULL));

  if (is_first)
    g_type_class_unref (g_type_class_ref (G_TYPE_SIMPLE_ACTION));
}

/* One has objects go that were connected to what the other looks at. */
static void
handlers (gboolean is_first)
{
  GObject *objects[N_OBJECTS];

  for (guint i = 0; i < N_ROUNDS && is_first; i++)
    {
      for (guint n = 0; n < N_OBJECTS; n++)
        {
          objects[n] = g_object_new (G_TYPE_OBJECT, NULL);
          g_signal_connect_object (cancellable, "cancelled", G_CALLBACK (do_nothing), objects[n],
                                   0);
        }
      for (guint n = 0; n < N_OBJECTS; n++)
        g_object_unref (objects[n]);
    }

  for (guint i = 0; i < N_ROUNDS * N_ROUNDS && !is_first; i++)
    g_signal_handlers_disconnect_by_func (cancellable, do_nothing, &cancellable);
}

/* Each notifies of a property of an object of its own. */
static void
closure (gboolean is_first)
{
  g_autoptr (GSimpleAction) action = g_simple_action_new ("action", NULL);

  g_signal_connect (action, "notify::enabled", G_CALLBACK (do_nothing), NULL);
  g_signal_connect (action, "notify::enabled", G_CALLBACK (do_nothing), action);
  for (guint i = 0; i < N_ROUNDS * N_OBJECTS; i++)
    g_object_notify (G_OBJECT (action), "enabled");
}

static GMutex cond_lock;
static GCond cond;

/* One signals, without the mutex, what the other waits for. */
static void
condition (gboolean is_first)
{
  for (guint i = 0; i < N_ROUNDS; i++)
    {
      if (is_first)
        {
          g_cond_signal (&cond);
          continue;
        }
      g_mutex_lock (&cond_lock);
      g_cond_wait_until (&cond, &cond_lock, g_get_monotonic_time () + 10);
      g_mutex_unlock (&cond_lock);
    }
}

static gboolean
never (gpointer unused)
{
  return G_SOURCE_CONTINUE;
}

static GMutex lock;
static GSource *source; /* lock; NULL: it has no context any more */
static int n_gone;      /* atomic */

static void
has_gone (gpointer unused)
{
  g_mutex_lock (&lock);
  g_clear_pointer (&source, g_source_unref);
  g_mutex_unlock (&lock);
  g_atomic_int_inc (&n_gone);
}

/* One frees the contexts of sources that the other wakes up. A lock sees to it
 * that they are not freed meanwhile. */
static void
ready_time (gboolean is_first)
{
  for (guint i = 0; i < N_ROUNDS && is_first; i++)
    {
      GMainContext *context = g_main_context_new ();

      g_mutex_lock (&lock);
      source = g_timeout_source_new_seconds (60);
      g_source_set_callback (source, never, NULL, has_gone);
      g_source_attach (source, context);
      g_mutex_unlock (&lock);
      for (guint n = 0; n < N_OBJECTS; n++)
        g_thread_yield ();
      g_main_context_unref (context);
    }

  for (guint n = 0; !is_first && g_atomic_int_get (&n_gone) < N_ROUNDS; n++)
    {
      g_mutex_lock (&lock);
      if (source != NULL)
        g_source_set_ready_time (source, G_MAXINT64 / 1000 - n % 2);
      g_mutex_unlock (&lock);
    }
}

static const struct
{
  const char *name;
  void (*run) (gboolean is_first);
} races[] = {
  { "quark", quark },     { "derive", derive },         { "handlers", handlers },
  { "closure", closure }, { "ready-time", ready_time }, { "condition", condition },
};

static gpointer
first_main (gpointer race)
{
  races[GPOINTER_TO_UINT (race)].run (TRUE);

  return NULL;
}

static gpointer
second_main (gpointer race)
{
  races[GPOINTER_TO_UINT (race)].run (FALSE);

  return NULL;
}

int
main (int argc, char **argv)
{
  cancellable = g_cancellable_new ();

  for (guint i = 0; i < G_N_ELEMENTS (races); i++)
    {
      GThread *threads[2];

      if (argc != 2 || strcmp (argv[1], races[i].name) != 0)
        continue;

      threads[0] = g_thread_new ("first", first_main, GUINT_TO_POINTER (i));
      threads[1] = g_thread_new ("second", second_main, GUINT_TO_POINTER (i));
      g_thread_join (threads[0]);
      g_thread_join (threads[1]);
    }

  g_object_unref (cancellable);

  return 0;
}
