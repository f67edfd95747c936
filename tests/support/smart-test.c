/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "smart-test.h"

#include <smartasync-glib/smartasync-glib.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

typedef struct
{
  SmartTestFunc func;
  SmartTestDataFunc data_func;
  gconstpointer data;
  const char *stderr_pattern;
  gboolean subprocess;
} Scenario;

static GThread *main_thread;

static void fail_at (const char *where, const char *format, ...) G_GNUC_NORETURN
    G_GNUC_PRINTF (2, 3);

static void
fail_at (const char *where, const char *format, ...)
{
  g_autofree char *message = NULL;
  va_list args;

  va_start (args, format);
  message = g_strdup_vprintf (format, args);
  va_end (args);

  g_printerr ("# %s: %s\n", where, message);
  g_assertion_message (G_LOG_DOMAIN, where, 0, "smart_test", message);
  abort ();
}

/* Running */

/**
 * smart_test_init:
 *
 * g_test_init(), and the environment's part: SMART_TEST_THOROUGH is -m thorough
 * for a meson set-up, which cannot add arguments.
 */
void
smart_test_init (int *argc, char ***argv)
{
  main_thread = g_thread_self ();

  if (g_getenv ("SMART_TEST_THOROUGH") != NULL)
    {
      static char *arguments[64];
      int n;

      g_assert_cmpint (*argc, <, (int) G_N_ELEMENTS (arguments) - 2);
      for (n = 0; n < *argc; n++)
        arguments[n] = (*argv)[n];
      arguments[n++] = (char *) "-m=thorough";
      *argc = n;
      *argv = arguments;
    }

  g_test_init (argc, argv, NULL);
}

gboolean
smart_test_on_main_thread (void)
{
  return g_thread_self () == main_thread;
}

typedef struct
{
  SmartTestCallback func;
  gpointer data;
} ThreadRun;

static gpointer
run_on_thread (gpointer data)
{
  ThreadRun *run = data;

  run->func (run->data);

  return NULL;
}

/**
 * smart_test_on_thread:
 *
 * Runs @func on a thread of its own, and waits for its end.
 */
void
smart_test_on_thread (SmartTestCallback func, gpointer data)
{
  ThreadRun run = { func, data };

  g_thread_join (g_thread_new ("test", run_on_thread, &run));
}

static void
scenario_call (gpointer data)
{
  Scenario *scenario = data;

  if (scenario->func != NULL)
    scenario->func ();
  else
    scenario->data_func (scenario->data);
}

static void
assert_subprocess (Scenario *scenario)
{
  g_test_trap_subprocess (NULL, smart_test_bound (3 * SMART_TEST_DEADLINE_USEC), 0);

  if (g_test_trap_reached_timeout ())
    fail_at (g_test_get_path (), "the process of %s did not end in time", g_test_get_path ());
  g_test_trap_assert_passed ();
  g_test_trap_assert_stderr (scenario->stderr_pattern != NULL ? scenario->stderr_pattern : "");
}

static void
scenario_run_main (gconstpointer data)
{
  Scenario *scenario = (Scenario *) data;

  if (scenario->subprocess && !g_test_subprocess ())
    assert_subprocess (scenario);
  else
    scenario_call (scenario);
}

static void
scenario_run_thread (gconstpointer data)
{
  Scenario *scenario = (Scenario *) data;

  if (scenario->subprocess && !g_test_subprocess ())
    assert_subprocess (scenario);
  else
    smart_test_on_thread (scenario_call, scenario);
}

static Scenario *
scenario_new (void)
{
  static GPtrArray *scenarios;

  /* They live as long as the program: a static keeps them in valgrind's sight. */
  if (scenarios == NULL)
    scenarios = g_ptr_array_new ();
  g_ptr_array_add (scenarios, g_new0 (Scenario, 1));

  return g_ptr_array_index (scenarios, scenarios->len - 1);
}

static void
scenario_register (Scenario *scenario, const char *path)
{
  g_autofree char *on_main = g_strconcat (path, "/main", NULL);
  g_autofree char *on_thread = g_strconcat (path, "/thread", NULL);

  g_test_add_data_func (on_main, scenario, scenario_run_main);
  g_test_add_data_func (on_thread, scenario, scenario_run_thread);
}

/**
 * smart_test_add:
 *
 * Registers the scenario twice: `<path>/main`, and `<path>/thread` on a thread
 * of the test's own.
 */
void
smart_test_add (const char *path, SmartTestFunc func)
{
  Scenario *scenario = scenario_new ();

  scenario->func = func;
  scenario_register (scenario, path);
}

void
smart_test_add_data (const char *path, gconstpointer data, SmartTestDataFunc func)
{
  Scenario *scenario = scenario_new ();

  scenario->data_func = func;
  scenario->data = data;
  scenario_register (scenario, path);
}

void
smart_test_add_subprocess (const char *path,
                           gconstpointer data,
                           SmartTestDataFunc func,
                           const char *stderr_pattern)
{
  Scenario *scenario = scenario_new ();

  scenario->data_func = func;
  scenario->data = data;
  scenario->stderr_pattern = stderr_pattern;
  scenario->subprocess = TRUE;
  scenario_register (scenario, path);
}

/**
 * smart_test_add_main:
 *
 * Registers `<path>/main` only: for what the contract has on no other thread.
 */
void
smart_test_add_main (const char *path, SmartTestFunc func)
{
  g_autofree char *on_main = g_strconcat (path, "/main", NULL);

  g_test_add_func (on_main, func);
}

/* What valgrind and the sanitizers make of time; the set-ups say so. */
static guint
slowness (void)
{
  const char *value = g_getenv ("SMART_TEST_SLOW");

  return value != NULL ? MAX (1, (guint) atoi (value)) : 1;
}

/**
 * smart_test_scale:
 *
 * Returns: @normal, or @slow where everything takes many times as long
 */
guint
smart_test_scale (guint normal, guint slow)
{
  return slowness () > 1 ? slow : normal;
}

/**
 * smart_test_bound:
 *
 * Returns: @usec, or more where everything takes many times as long
 */
gint64
smart_test_bound (gint64 usec)
{
  return usec * slowness ();
}

/* Contexts and loops */

gboolean
smart_test_flag_is_set (gpointer flag)
{
  return g_atomic_int_get ((int *) flag) != 0;
}

static gboolean
deadline_cb (gpointer data)
{
  *(gboolean *) data = TRUE;

  return G_SOURCE_REMOVE;
}

/**
 * smart_test_iterate_until:
 *
 * Iterates @context (NULL: this thread's thread-default) until the predicate
 * holds. Nothing wakes the context but what is tested, so that a lost wake-up
 * fails the test at the deadline.
 */
void
smart_test_iterate_until_ (const char *where,
                           GMainContext *context,
                           SmartTestPredicate predicate,
                           gpointer data,
                           const char *what)
{
  g_autoptr (GMainContext) iterated =
      context != NULL ? g_main_context_ref (context) : g_main_context_ref_thread_default ();
  g_autoptr (GSource) deadline = NULL;
  gboolean expired = FALSE;

  deadline = g_timeout_source_new (smart_test_bound (SMART_TEST_DEADLINE_USEC) / 1000);
  g_source_set_static_name (deadline, "test deadline");
  g_source_set_callback (deadline, deadline_cb, &expired, NULL);
  g_source_attach (deadline, iterated);

  while (!predicate (data) && !expired)
    g_main_context_iteration (iterated, TRUE);

  if (expired)
    fail_at (where, "waited in vain for %s", what);
  g_source_destroy (deadline);
}

typedef struct
{
  SmartTestCallback func;
  gpointer data;
} Invocation;

static gboolean
invoke_cb (gpointer data)
{
  Invocation *invocation = data;

  invocation->func (invocation->data);

  return G_SOURCE_REMOVE;
}

/**
 * smart_test_invoke:
 *
 * Has @func called from a source of @context, never from here.
 */
void
smart_test_invoke (GMainContext *context, SmartTestCallback func, gpointer data)
{
  g_autoptr (GSource) source = g_idle_source_new ();
  Invocation *invocation = g_new0 (Invocation, 1);

  invocation->func = func;
  invocation->data = data;
  g_source_set_priority (source, G_PRIORITY_DEFAULT);
  g_source_set_static_name (source, "test invocation");
  g_source_set_callback (source, invoke_cb, invocation, g_free);
  g_source_attach (source, context);
}

typedef struct
{
  SmartTestCallback func;
  SmartTestPredicate until;
  gpointer data;
  gboolean called;
} InLoop;

static void
in_loop_begin (gpointer data)
{
  InLoop *in_loop = data;

  in_loop->func (in_loop->data);
  in_loop->called = TRUE;
}

static gboolean
in_loop_is_over (gpointer data)
{
  InLoop *in_loop = data;

  return in_loop->called && (in_loop->until == NULL || in_loop->until (in_loop->data));
}

/**
 * smart_test_in_loop:
 *
 * Calls @func from a source of a running loop, an async context, and goes on
 * iterating until @until (NULL: at once) says that it is over. The loop is the
 * default context's on the main thread; elsewhere that of a new context, which
 * is the thread-default meanwhile.
 */
void
smart_test_in_loop (SmartTestCallback func, SmartTestPredicate until, gpointer data)
{
  InLoop in_loop = { func, until, data, FALSE };
  g_autoptr (GMainContext) context = NULL;

  if (!smart_test_on_main_thread ())
    {
      context = g_main_context_new ();
      g_main_context_push_thread_default (context);
    }

  smart_test_invoke (context, in_loop_begin, &in_loop);
  smart_test_iterate_until (context, in_loop_is_over, &in_loop);

  if (context != NULL)
    g_main_context_pop_thread_default (context);
}

/* Gates */

void
smart_test_gate_init (SmartTestGate *gate)
{
  g_mutex_init (&gate->mutex);
  g_cond_init (&gate->cond);
  gate->open = FALSE;
  gate->n_waiting = 0;
}

void
smart_test_gate_clear (SmartTestGate *gate)
{
  g_mutex_clear (&gate->mutex);
  g_cond_clear (&gate->cond);
}

void
smart_test_gate_open (SmartTestGate *gate)
{
  g_mutex_lock (&gate->mutex);
  gate->open = TRUE;
  g_cond_broadcast (&gate->cond);
  g_mutex_unlock (&gate->mutex);
}

gboolean
smart_test_gate_is_open (SmartTestGate *gate)
{
  gboolean open;

  g_mutex_lock (&gate->mutex);
  open = gate->open;
  g_mutex_unlock (&gate->mutex);

  return open;
}

/**
 * smart_test_gate_wait_for:
 *
 * Waits for @usec at most: a body that takes a while is one that waits at a
 * gate which nobody opens.
 *
 * Returns: whether it is open
 */
gboolean
smart_test_gate_wait_for (SmartTestGate *gate, gint64 usec)
{
  gint64 deadline = g_get_monotonic_time () + usec;
  gboolean open;

  g_mutex_lock (&gate->mutex);
  gate->n_waiting++;
  g_cond_broadcast (&gate->cond);
  while (!gate->open)
    if (!g_cond_wait_until (&gate->cond, &gate->mutex, deadline))
      break;
  gate->n_waiting--;
  open = gate->open;
  g_mutex_unlock (&gate->mutex);

  return open;
}

void
smart_test_gate_wait_ (const char *where, SmartTestGate *gate, const char *what)
{
  if (!smart_test_gate_wait_for (gate, smart_test_bound (SMART_TEST_DEADLINE_USEC)))
    fail_at (where, "the gate %s was not opened", what);
}

/**
 * smart_test_gate_wait_for_waiters:
 *
 * Waits until @n threads wait at the closed gate.
 */
void
smart_test_gate_wait_for_waiters_ (const char *where,
                                   SmartTestGate *gate,
                                   guint n,
                                   const char *what)
{
  gint64 deadline = g_get_monotonic_time () + smart_test_bound (SMART_TEST_DEADLINE_USEC);
  gboolean there = TRUE;

  g_mutex_lock (&gate->mutex);
  while (gate->n_waiting < n && there)
    there = g_cond_wait_until (&gate->cond, &gate->mutex, deadline);
  there = gate->n_waiting >= n;
  g_mutex_unlock (&gate->mutex);

  if (!there)
    fail_at (where, "not all who were expected wait at %s", what);
}

/* Time */

/**
 * smart_test_best_of_five:
 *
 * Measures up to five times, until one measurement (in microseconds) is within
 * the bound; fails if none is.
 *
 * Returns: the best
 */
gint64
smart_test_best_of_five (SmartTestMeasure measure, gint64 bound_usec, gpointer data)
{
  gint64 bound = smart_test_bound (bound_usec);
  gint64 best = G_MAXINT64;

  for (guint n = 0; n < 5 && best > bound; n++)
    best = MIN (best, measure (data));

  g_test_minimized_result ((double) best, "best of five: %" G_GINT64_FORMAT " us", best);
  g_assert_cmpint (best, <=, bound);

  return best;
}

/* What the process holds */

static guint
count_entries (const char *path)
{
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  guint n = 0;

  g_assert_nonnull (dir);
  while (g_dir_read_name (dir) != NULL)
    n++;

  return n;
}

guint
smart_test_count_fds (void)
{
  /* One of them is the directory that is being read. */
  return count_entries ("/proc/self/fd") - 1;
}

guint
smart_test_count_threads (void)
{
  return count_entries ("/proc/self/task");
}

/**
 * smart_test_stat:
 *
 * Returns: one figure of smart_async_get_stats()
 */
guint64
smart_test_stat (const char *name)
{
  g_autoptr (GVariant) stats = g_variant_ref_sink (smart_async_get_stats ());
  g_autoptr (GVariant) figure = g_variant_lookup_value (stats, name, NULL);

  if (figure == NULL)
    fail_at (G_STRLOC, "there is no figure called %s", name);
  if (g_variant_is_of_type (figure, G_VARIANT_TYPE_UINT64))
    return g_variant_get_uint64 (figure);
  g_assert_true (g_variant_is_of_type (figure, G_VARIANT_TYPE_UINT32));

  return g_variant_get_uint32 (figure);
}

/**
 * smart_test_is_gone:
 * @weak: a #GWeakRef, which may be asked in any thread
 */
gboolean
smart_test_is_gone (gpointer weak)
{
  g_autoptr (GObject) object = g_weak_ref_get (weak);

  return object == NULL;
}

/**
 * smart_test_wait_until:
 *
 * For what has no one to tell of it (a thread's end as /proc shows it, a
 * figure): looks again and again, giving way to the others.
 */
void
smart_test_wait_until_ (const char *where,
                        SmartTestPredicate predicate,
                        gpointer data,
                        const char *what)
{
  gint64 deadline = g_get_monotonic_time () + smart_test_bound (SMART_TEST_DEADLINE_USEC);

  while (!predicate (data))
    {
      if (g_get_monotonic_time () > deadline)
        fail_at (where, "waited in vain for %s", what);
      g_thread_yield ();
    }
}

static gboolean
threads_are_few (gpointer data)
{
  return smart_test_count_threads () <= *(guint *) data;
}

void
smart_test_wait_for_threads_ (const char *where, guint n)
{
  smart_test_wait_until_ (where, threads_are_few, &n, "threads to end");
}

typedef struct
{
  const char *name;
  guint64 n;
} ExpectedStat;

static gboolean
stat_is_as_expected (gpointer data)
{
  ExpectedStat *expected = data;

  return smart_test_stat (expected->name) == expected->n;
}

void
smart_test_wait_for_stat_ (const char *where, const char *name, guint64 n)
{
  ExpectedStat expected = { name, n };

  smart_test_wait_until_ (where, stat_is_as_expected, &expected, name);
}

void
smart_test_in_child (SmartTestCallback func, gpointer data)
{
  int status = 0;
  pid_t pid;

  fflush (NULL);
  pid = fork ();
  g_assert_cmpint (pid, >=, 0);
  if (pid == 0)
    {
      alarm (smart_test_bound (SMART_TEST_DEADLINE_USEC) / G_USEC_PER_SEC);
      func (data);
      _exit (0);
    }
  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
  g_assert_true (WIFEXITED (status));
  g_assert_cmpint (WEXITSTATUS (status), ==, 0);
}
