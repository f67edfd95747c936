/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the wait graph costs those who wait. This program is built twice, with
 * and without the graph in the library, and each side measures itself: run
 * wait-costs, the script, which pairs them.
 *
 * usage: PROGRAM KIND N     prints the nanoseconds of processor time for one of N
 *        PROGRAM            lists the kinds
 */

#include <smartasync-glib/smartasync-glib.h>

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static SmartAsyncFunc *now, *later, *blocking, *waiting;

static void
return_now (SmartCall *call, gpointer data)
{
  smart_call_return_boolean (call, TRUE);
}

static gboolean
on_timeout (gpointer call)
{
  smart_call_return_boolean (call, TRUE);
  return G_SOURCE_REMOVE;
}

static void
return_later (SmartCall *call, gpointer data)
{
  smart_call_add_timeout (call, 0, on_timeout, g_object_ref (call), g_object_unref);
}

static void
go_on (SmartCall *call, SmartFuture *settled, gpointer data)
{
  smart_call_return_boolean (call, TRUE);
}

static SmartFuture *
begin (SmartAsyncFunc *func)
{
  SmartFuture *future;

  smart_context_push_mode (SMART_MODE_ASYNC);
  future = smart_async_func_callv (func, NULL, NULL, 0, NULL);
  smart_context_pop_mode ();

  return future;
}

static void
wait_for (SmartFuture *future)
{
  if (!smart_future_wait (future, -1, NULL, NULL, NULL))
    g_error ("it has failed");
  g_object_unref (future);
}

/* In a worker: each inner call is another worker's. */
static void
wait_for_inner (SmartCall *call, gpointer data)
{
  for (guint i = 0; i < *(guint *) data; i++)
    wait_for (begin (blocking));
  smart_call_return_boolean (call, TRUE);
}

static void
call_sync (SmartAsyncFunc *func, guint n)
{
  for (guint i = 0; i < n; i++)
    if (!smart_async_func_call_sync (func, NULL, NULL, 0, NULL, NULL, NULL))
      g_error ("it has failed");
}

static void
never_blocks (guint n)
{
  call_sync (now, n);
}

static void
iterates (guint n)
{
  call_sync (later, n);
}

static void
iterates_for_future (guint n)
{
  for (guint i = 0; i < n; i++)
    wait_for (begin (later));
}

static void
iterates_for_then (guint n)
{
  for (guint i = 0; i < n; i++)
    {
      SmartFuture *future = begin (later);

      wait_for (smart_future_then (future, go_on, NULL, NULL));
      g_object_unref (future);
    }
}

static void
wait_for_two (guint n, SmartFuture *(*combine) (SmartFuture **, guint))
{
  for (guint i = 0; i < n; i++)
    {
      SmartFuture *both[] = { begin (later), begin (later) };

      wait_for (combine (both, 2));
      g_object_unref (both[0]);
      g_object_unref (both[1]);
    }
}

static void
iterates_for_all (guint n)
{
  wait_for_two (n, smart_future_allv);
}

static void
iterates_for_any (guint n)
{
  wait_for_two (n, smart_future_anyv);
}

static void
iterates_for_race (guint n)
{
  wait_for_two (n, smart_future_racev);
}

static void
waits_for_worker (guint n)
{
  for (guint i = 0; i < n; i++)
    wait_for (begin (blocking));
}

static void
worker_waits (guint n)
{
  waiting = smart_async_func_new_blocking (wait_for_inner, &n, NULL);
  wait_for (begin (waiting));
  g_object_unref (waiting);
}

static const struct
{
  const char *name;
  void (*run) (guint n);
} kinds[] = {
  { "never-blocks", never_blocks },
  { "iterates", iterates },
  { "iterates-for-future", iterates_for_future },
  { "iterates-for-then", iterates_for_then },
  { "iterates-for-all", iterates_for_all },
  { "iterates-for-any", iterates_for_any },
  { "iterates-for-race", iterates_for_race },
  { "waits-for-worker", waits_for_worker },
  { "worker-waits", worker_waits },
};

/* Of the whole process, so that what else runs on the machine counts little. */
static double
get_cpu_ns (void)
{
  struct timespec used;

  clock_gettime (CLOCK_PROCESS_CPUTIME_ID, &used);
  return (double) used.tv_sec * 1e9 + (double) used.tv_nsec;
}

static void
pin (void)
{
  cpu_set_t all, one;
  int last = CPU_SETSIZE - 1;

  sched_getaffinity (0, sizeof all, &all);
  while (last > 0 && !CPU_ISSET (last, &all))
    last--;
  CPU_ZERO (&one);
  CPU_SET (last, &one);
  sched_setaffinity (0, sizeof one, &one);
}

int
main (int argc, char *argv[])
{
  guint n = argc > 2 ? (guint) atoi (argv[2]) : 0;
  double start;

  pin ();
  now = smart_async_func_new (return_now, NULL, NULL);
  later = smart_async_func_new (return_later, NULL, NULL);
  blocking = smart_async_func_new_blocking (return_now, NULL, NULL);

  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    {
      if (argc < 2)
        g_print ("%s\n", kinds[i].name);
      if (n == 0 || strcmp (argv[1], kinds[i].name) != 0)
        continue;

      kinds[i].run (n / 10 + 1);
      start = get_cpu_ns ();
      kinds[i].run (n);
      g_print ("%.1f\n", (get_cpu_ns () - start) / n);
    }

  g_object_unref (now);
  g_object_unref (later);
  g_object_unref (blocking);

  return 0;
}
