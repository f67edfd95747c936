/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What ends a thread's waits from outside: a signal, as Python's Ctrl-C. */

#include "smart-interrupt-private.h"

#include <smartasync-glib/smart-debug.h>

#include <glib-unix.h>

/* One thread's alone, but for its references. */
struct _SmartInterrupt
{
  gatomicrefcount ref_count;
  int fd;
  SmartInterruptCheck check;
  gpointer user_data;
  GDestroyNotify destroy; /* nullable */
};

SmartInterrupt *
smart_interrupt_ref (SmartInterrupt *interrupt)
{
  g_atomic_ref_count_inc (&interrupt->ref_count);
  return interrupt;
}

void
smart_interrupt_unref (SmartInterrupt *interrupt)
{
  if (!g_atomic_ref_count_dec (&interrupt->ref_count))
    return;

  if (interrupt->destroy != NULL)
    interrupt->destroy (interrupt->user_data);
  g_free (interrupt);
}

/* A wait that watches. */
typedef struct
{
  SmartInterrupt *interrupt; /* a reference */
  gboolean *interrupted;
} Watch;

static gboolean
readable (int fd, GIOCondition condition, gpointer data)
{
  Watch *watch = data;

  /* The wait may have to go on. */
  if (watch->interrupt->check (watch->interrupt->user_data))
    *watch->interrupted = TRUE;

  return G_SOURCE_CONTINUE;
}

static void
watch_free (gpointer data)
{
  Watch *watch = data;

  smart_interrupt_unref (watch->interrupt);
  g_free (watch);
}

/* While @context is iterated, an interrupt sets @interrupted. The caller destroys
 * the source. */
GSource *
smart_interrupt_attach (SmartInterrupt *interrupt, GMainContext *context, gboolean *interrupted)
{
  GSource *source = g_unix_fd_source_new (interrupt->fd, G_IO_IN);
  Watch *watch = g_new (Watch, 1);

  *watch = (Watch) { smart_interrupt_ref (interrupt), interrupted };
  g_source_set_static_name (source, "smartasync interrupt");
  g_source_set_priority (source, G_PRIORITY_HIGH);
  g_source_set_callback (source, G_SOURCE_FUNC (readable), watch, watch_free);
  g_source_attach (source, context);

  return source;
}

/* For a wait that iterates nothing: whether there was an interrupt since. */
gboolean
smart_interrupt_poll (SmartInterrupt *interrupt)
{
  GPollFD poll = { .fd = interrupt->fd, .events = G_IO_IN };
  gboolean interrupted;

  if (g_poll (&poll, 1, 0) <= 0)
    return FALSE;

  smart_interrupt_ref (interrupt);
  interrupted = interrupt->check (interrupt->user_data);
  smart_interrupt_unref (interrupt);

  return interrupted;
}

/**
 * smart_set_interrupt_hook:
 * @fd: what becomes readable when something has happened, such as the descriptor
 *   that signals are written to; -1 to remove the hook
 * @check: (nullable) (scope notified) (closure user_data) (destroy destroy): tells
 *   whether it is an interrupt; %NULL to remove the hook
 * @user_data: what to give it
 * @destroy: (nullable): frees @user_data
 *
 * Has every wait of the library on this thread, which should be the main one,
 * watch @fd. When it is readable, @check is called, in this thread and with no
 * lock held; it has to read what is there, or it is called again. If it returns
 * %TRUE, what is waited for is cancelled and the wait ends at once with
 * %G_IO_ERROR_CANCELLED, even if the body goes on. A cancellable that the caller
 * gave is not cancelled. Other threads do not see the hook.
 *
 * Who runs a flight of a [class@SmartAsync.Lock] that others wait for, too, is no
 * more one of them then, and gets %G_IO_ERROR_CANCELLED; but he runs it to its
 * end. A wait of a SmartSyncCall cannot end before its result is there: what is
 * cancelled is the call in whose body it is.
 *
 * It is how a language whose signal handlers run between its own instructions,
 * such as Python, gets to run them.
 *
 * There is one hook a thread: another one replaces it. @fd stays the caller's, and
 * must stay open as long as the hook is set.
 *
 * Since: 1.0
 */
void
smart_set_interrupt_hook (int fd,
                          SmartInterruptCheck check,
                          gpointer user_data,
                          GDestroyNotify destroy)
{
  SmartThread *thread = smart_thread_get ();
  SmartInterrupt *old = thread->interrupt;
  SmartInterrupt *interrupt = NULL;

  g_return_if_fail (fd >= -1);
  g_return_if_fail ((fd == -1) == (check == NULL));

  if (check != NULL)
    {
      interrupt = g_new0 (SmartInterrupt, 1);
      g_atomic_ref_count_init (&interrupt->ref_count);
      interrupt->fd = fd;
      interrupt->check = check;
      interrupt->user_data = user_data;
      interrupt->destroy = destroy;
    }

  thread->interrupt = interrupt;
  if (old != NULL)
    smart_interrupt_unref (old);
  if (interrupt == NULL && destroy != NULL)
    destroy (user_data);
}
