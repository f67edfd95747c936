/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* For tests and for those who look into it: reset, statistics. */

#include <smartasync-glib/smart-debug.h>

#include "smart-debug-private.h"

#include "smart-context-pool-private.h"
#include "smart-inbox-private.h"
#include "smart-offload-private.h"

/* So long a wait may take before it is reported. */
#define PATIENCE_MSEC 10000

static gint64
read_patience (void)
{
  static const GDebugKey topics[] = { { "waits", 1 } };
  const char *wanted = g_getenv ("SMARTASYNC_DEBUG");
  /* For the tests of this. */
  const char *msec = g_getenv ("SMARTASYNC_DEBUG_WAITS_MSEC");

  if (g_parse_debug_string (wanted, topics, G_N_ELEMENTS (topics)) == 0)
    return -1;

  return (msec != NULL ? g_ascii_strtoll (msec, NULL, 10) : PATIENCE_MSEC) *
         G_TIME_SPAN_MILLISECOND;
}

/* How long a wait may take before all of them are printed, in µs; -1: for ever.
 * `SMARTASYNC_DEBUG=waits` asks for it. */
gint64
smart_debug_get_patience (void)
{
  static gsize read = 0;
  static gint64 patience;

  if (g_once_init_enter (&read))
    {
      patience = read_patience ();
      g_once_init_leave (&read, 1);
    }

  return patience;
}

/**
 * smart_async_reset:
 *
 * Frees what the library keeps to use again: the idle private contexts and the
 * spare objects of this thread now, those of other threads at their next call or
 * when they end, the calls that workers have passed back for whoever calls next,
 * and the idle workers. What is in use is not touched: a call in flight goes on,
 * so it may be called at any time, from any thread. For tests that look for leaks.
 *
 * Since: 1.0
 */
void
smart_async_reset (void)
{
  SmartThread *thread = smart_thread_peek ();

  if (thread != NULL)
    {
      g_clear_pointer (&thread->inbox, smart_inbox_unref);
      smart_thread_clear_spares (thread);
    }
  smart_context_pool_reset ();
  smart_offload_reset ();
}

/**
 * smart_async_get_stats:
 *
 * Tells what the library holds and has done, as an `a{sv}`. The keys, of which
 * a later version may have more:
 *
 * - `contexts` (u), `contexts-created` (t): private contexts
 * - `threads` (u), `threads-idle` (u), `threads-created` (t): workers of its own
 * - `tickets` (u), `tickets-issued` (t): workers from GTask's pool
 * - `waiting` (u): workers that wait for another call
 * - `queued` (u): calls that wait for a worker
 * - `offloaded` (t): calls that a worker took
 * - `inboxes` (u): sources that the library has in main contexts
 *
 * May be called from any thread.
 *
 * Returns: (transfer floating): the statistics
 *
 * Since: 1.0
 */
GVariant *
smart_async_get_stats (void)
{
  SmartOffloadStats offload;
  GVariantDict dict;

  smart_offload_get_stats (&offload);

  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert (&dict, "contexts", "u", smart_context_pool_n_alive ());
  g_variant_dict_insert (&dict, "contexts-created", "t", smart_context_pool_n_created ());
  g_variant_dict_insert (&dict, "threads", "u", offload.n_threads);
  g_variant_dict_insert (&dict, "threads-idle", "u", offload.n_idle);
  g_variant_dict_insert (&dict, "threads-created", "t", offload.n_threads_created);
  g_variant_dict_insert (&dict, "tickets", "u", offload.n_tickets);
  g_variant_dict_insert (&dict, "tickets-issued", "t", offload.n_tickets_issued);
  g_variant_dict_insert (&dict, "waiting", "u", offload.n_waiting);
  g_variant_dict_insert (&dict, "queued", "u", offload.n_queued);
  g_variant_dict_insert (&dict, "offloaded", "t", offload.n_begun);
  g_variant_dict_insert (&dict, "inboxes", "u", smart_inbox_n_alive ());

  return g_variant_dict_end (&dict);
}
