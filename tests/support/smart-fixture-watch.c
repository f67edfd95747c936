/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a harness in another language cannot see for itself: what is logged,
 * from any thread, and that it waits for ever. */

#include "smart-fixture-watch.h"

#include <smartasync-glib/smartasync-glib.h>

#include <stdio.h>
#include <unistd.h>

static GMutex lock;
static GCond moved;           /* with lock */
static GPtrArray *complaints; /* lock: of strings */
static char *watched;         /* lock: what must end in time; NULL: nothing */
static gint64 deadline;       /* lock */

static const char *
get_field (const GLogField *fields, gsize n_fields, const char *key)
{
  for (gsize i = 0; i < n_fields; i++)
    {
      if (g_str_equal (fields[i].key, key))
        return fields[i].value;
    }

  return "";
}

static GLogWriterOutput
note_and_write (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer unused)
{
  if ((level & (G_LOG_LEVEL_WARNING | G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_ERROR)) != 0)
    {
      char *complaint = g_strdup_printf ("%s: %s", get_field (fields, n_fields, "GLIB_DOMAIN"),
                                         get_field (fields, n_fields, "MESSAGE"));

      g_mutex_lock (&lock);
      g_ptr_array_add (complaints, complaint);
      g_mutex_unlock (&lock);
    }

  return g_log_writer_default (level, fields, n_fields, NULL);
}

/**
 * smart_fixture_watch_log:
 *
 * From now on, notes each warning and each critical. Once in a process.
 */
void
smart_fixture_watch_log (void)
{
  complaints = g_ptr_array_new_with_free_func (g_free);
  g_log_set_writer_func (note_and_write, NULL, NULL);
}

/**
 * smart_fixture_take_complaints:
 *
 * Returns: (transfer full): what was noted since this was called last
 */
char **
smart_fixture_take_complaints (void)
{
  GPtrArray *taken;

  g_mutex_lock (&lock);
  taken = complaints;
  complaints = g_ptr_array_new_with_free_func (g_free);
  g_mutex_unlock (&lock);

  g_ptr_array_set_free_func (taken, NULL);
  g_ptr_array_add (taken, NULL);

  return (char **) g_ptr_array_free (taken, FALSE);
}

/* The library's objects that are alive: their classes are told to count.
 *
 * Not the functions: in a language with a collector of its own, a body that
 * knows its function is a circle through C. */

typedef struct
{
  void (*constructed) (GObject *object);
  void (*finalize) (GObject *object);
} Counted;

static Counted counted[4];
static int n_objects; /* atomic */

static guint
counted_index (GObject *object)
{
  const GType types[] = { SMART_TYPE_CALL, SMART_TYPE_FUTURE, SMART_TYPE_LOCK,
                          SMART_TYPE_EXECUTOR };
  guint i = 0;

  while (G_OBJECT_TYPE (object) != types[i])
    i++;

  return i;
}

static void
count_constructed (GObject *object)
{
  g_atomic_int_inc (&n_objects);
  counted[counted_index (object)].constructed (object);
}

static void
count_finalized (GObject *object)
{
  g_atomic_int_add (&n_objects, -1);
  counted[counted_index (object)].finalize (object);
}

/**
 * smart_fixture_watch_objects:
 *
 * From now on, counts the library's objects. Once in a process, before there
 * are any.
 */
void
smart_fixture_watch_objects (void)
{
  const GType types[] = {
    SMART_TYPE_CALL,
    SMART_TYPE_FUTURE,
    SMART_TYPE_LOCK,
    SMART_TYPE_EXECUTOR,
  };

  for (guint i = 0; i < G_N_ELEMENTS (types); i++)
    {
      GObjectClass *class = g_type_class_ref (types[i]);

      counted[i].constructed = class->constructed;
      counted[i].finalize = class->finalize;
      class->constructed = count_constructed;
      class->finalize = count_finalized;
    }
}

/**
 * smart_fixture_count_objects:
 *
 * Returns: how many of those made since are alive
 */
int
smart_fixture_count_objects (void)
{
  return g_atomic_int_get (&n_objects);
}

static gpointer
watch_main (gpointer unused)
{
  g_autofree char *dump = NULL;

  g_mutex_lock (&lock);
  while (watched == NULL || g_get_monotonic_time () < deadline)
    {
      if (watched == NULL)
        g_cond_wait (&moved, &lock);
      else
        g_cond_wait_until (&moved, &lock, deadline);
    }

  dump = smart_async_dump_waits ();
  printf ("Bail out! %s did not end in time\n", watched);
  fflush (stdout);
  g_printerr ("%s", dump);
  _exit (1);

  return NULL;
}

/**
 * smart_fixture_watch_time:
 * @what: (nullable): what begins; %NULL: it has ended
 * @seconds: how long it may take
 *
 * Ends the process when time is up.
 */
void
smart_fixture_watch_time (const char *what, guint seconds)
{
  static gsize started;

  g_mutex_lock (&lock);
  g_free (watched);
  watched = g_strdup (what);
  deadline = g_get_monotonic_time () + seconds * G_USEC_PER_SEC;
  g_cond_broadcast (&moved);
  g_mutex_unlock (&lock);

  if (g_once_init_enter (&started))
    {
      g_thread_unref (g_thread_new ("watch", watch_main, NULL));
      g_once_init_leave (&started, 1);
    }
}
