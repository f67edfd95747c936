/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Rows of what starves a pool: work that waits for work, and work that sleeps.
 * Each side runs in the same process, the library's own and GTask's pool being
 * at rest when it begins.
 */

#include "bench.h"

#define CHAIN        30
#define N_SLEEPERS   30
#define N_NEIGHBOURS 100
#define NAP_USEC     200000

typedef struct
{
  GMutex lock;
  GCond opened;
  gboolean open;
} Gate;

/* What both sides work on: one run's state. */
typedef struct
{
  SmartAsyncFunc *func; /* NULL: the peer's side */
  SmartAsyncFunc *inner;
  GMainContext *context;
  gint64 own_usec;
  Gate gate;
  guint pending;
  gboolean done;
  gint64 began;
} Run;

static void
gate_wait (Gate *gate, gint64 usec)
{
  gint64 deadline = g_get_monotonic_time () + usec;

  g_mutex_lock (&gate->lock);
  while (!gate->open && g_cond_wait_until (&gate->opened, &gate->lock, deadline))
    ;
  g_mutex_unlock (&gate->lock);
}

static void
gate_open (Gate *gate)
{
  g_mutex_lock (&gate->lock);
  gate->open = TRUE;
  g_cond_broadcast (&gate->opened);
  g_mutex_unlock (&gate->lock);
}

static void
one_done (Run *run)
{
  run->done = --run->pending == 0;
}

static void
call_ready (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_auto (GValue) value = G_VALUE_INIT;

  smart_async_func_call_finish (SMART_ASYNC_FUNC (source), result, &value, NULL);
  one_done (user_data);
}

static void
task_ready (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_task_propagate_boolean (G_TASK (result), NULL);
  one_done (user_data);
}

static void
start_calls (Run *run, SmartAsyncFunc *func, guint n)
{
  run->pending += n;
  for (guint i = 0; i < n; i++)
    smart_async_func_call_async (func, NULL, NULL, 0, NULL, call_ready, run);
}

static void
start_tasks (Run *run, GTaskThreadFunc func, guint n)
{
  run->pending += n;
  for (guint i = 0; i < n; i++)
    {
      g_autoptr (GTask) task = g_task_new (NULL, NULL, task_ready, run);

      g_task_set_task_data (task, run, NULL);
      g_task_run_in_thread (task, func);
    }
}

/* --- Bodies that each work for some time and then wait for an inner offloaded one --- */

static void
empty_body (SmartCall *call, gpointer user_data)
{
  smart_call_return_boolean (call, TRUE);
}

/* A body is in a sync context, where the call would be made directly: the mode offloads it. */
static void
wait_for_offloaded (SmartAsyncFunc *func, int arg)
{
  g_autoptr (SmartFuture) future = NULL;

  smart_context_push_mode (SMART_MODE_ASYNC);
  future = smart_async_func_call (func, NULL, NULL, G_TYPE_INT, arg, G_TYPE_INVALID);
  smart_context_pop_mode ();
  smart_future_wait (future, -1, NULL, NULL, NULL);
}

static void
outer_body (SmartCall *call, gpointer user_data)
{
  Run *run = user_data;

  gate_wait (&run->gate, run->own_usec);
  wait_for_offloaded (run->inner, 0);
  smart_call_return_boolean (call, TRUE);
}

static gint64
nested (guint n_outer, gint64 own_usec)
{
  GMainContext *context = bench_enter_loop ();
  Run run = { .own_usec = own_usec };
  g_autoptr (SmartAsyncFunc) outer = smart_async_func_new_blocking (outer_body, &run, NULL);
  g_autoptr (SmartAsyncFunc) inner = smart_async_func_new_blocking (empty_body, NULL, NULL);
  gint64 start = bench_now ();
  gint64 took;

  run.inner = inner;
  start_calls (&run, outer, n_outer);
  bench_iterate (context, &run.done);
  took = bench_now () - start;
  bench_leave_loop (context);

  return took;
}

static void
empty_in_thread (GTask *task, gpointer source, gpointer task_data, GCancellable *cancellable)
{
  g_task_return_boolean (task, TRUE);
}

static void
outer_in_thread (GTask *task, gpointer source, gpointer task_data, GCancellable *cancellable)
{
  Run *run = task_data;
  g_autoptr (GTask) inner = g_task_new (NULL, NULL, NULL, NULL);

  gate_wait (&run->gate, run->own_usec);
  g_task_run_in_thread_sync (inner, empty_in_thread);
  g_task_return_boolean (task, TRUE);
}

static gint64
nested_peer (guint n_outer, gint64 own_usec)
{
  GMainContext *context = bench_enter_loop ();
  Run run = { .own_usec = own_usec };
  gint64 start = bench_now ();
  gint64 took;

  start_tasks (&run, outer_in_thread, n_outer);
  bench_iterate (context, &run.done);
  took = bench_now () - start;
  bench_leave_loop (context);

  return took;
}

static gint64
nested_100 (guint n)
{
  return nested (100, 5000);
}

static gint64
nested_100_peer (guint n)
{
  return nested_peer (100, 5000);
}

static gint64
nested_64 (guint n)
{
  return nested (64, 1000);
}

static gint64
nested_64_peer (guint n)
{
  return nested_peer (64, 1000);
}

/* --- A chain: each link waits for the next one --- */

static void
link_body (SmartCall *call, gpointer user_data)
{
  Run *run = user_data;
  int left = smart_call_get_int (call, 0);

  if (left > 1)
    wait_for_offloaded (run->func, left - 1);
  smart_call_return_boolean (call, TRUE);
}

static gint64
chain (guint n)
{
  GMainContext *context = bench_enter_loop ();
  Run run = { NULL };
  g_autoptr (SmartAsyncFunc) func = smart_async_func_new_blocking (link_body, &run, NULL);
  GValue arg = G_VALUE_INIT;
  gint64 start = bench_now ();
  gint64 took;

  run.func = func;
  run.pending = 1;
  g_value_init (&arg, G_TYPE_INT);
  g_value_set_int (&arg, CHAIN);
  smart_async_func_call_async (func, NULL, &arg, 1, NULL, call_ready, &run);
  bench_iterate (context, &run.done);
  took = bench_now () - start;
  bench_leave_loop (context);

  return took;
}

static void
link_in_thread (GTask *task, gpointer source, gpointer task_data, GCancellable *cancellable)
{
  int left = GPOINTER_TO_INT (task_data);

  if (left > 1)
    {
      g_autoptr (GTask) inner = g_task_new (NULL, NULL, NULL, NULL);

      g_task_set_task_data (inner, GINT_TO_POINTER (left - 1), NULL);
      g_task_run_in_thread_sync (inner, link_in_thread);
    }
  g_task_return_boolean (task, TRUE);
}

static gint64
chain_peer (guint n)
{
  GMainContext *context = bench_enter_loop ();
  Run run = { .pending = 1 };
  g_autoptr (GTask) task = g_task_new (NULL, NULL, task_ready, &run);
  gint64 start = bench_now ();
  gint64 took;

  g_task_set_task_data (task, GINT_TO_POINTER (CHAIN), NULL);
  g_task_run_in_thread (task, link_in_thread);
  bench_iterate (context, &run.done);
  took = bench_now () - start;
  bench_leave_loop (context);

  return took;
}

/* --- The same with a GThreadPool without a limit, by hand --- */

typedef struct
{
  Run *run;
  int left; /* of a chain, the outermost with the most; of the nested ones: 1 is an outer one */
  gint64 own_usec;
  GMutex lock;
  GCond ended;
  gboolean done;
} Job;

static GThreadPool *unlimited_pool (void);

static void
wait_for_job (int left)
{
  Job job = { .left = left };

  g_mutex_init (&job.lock);
  g_cond_init (&job.ended);
  g_thread_pool_push (unlimited_pool (), &job, NULL);
  g_mutex_lock (&job.lock);
  while (!job.done)
    g_cond_wait (&job.ended, &job.lock);
  g_mutex_unlock (&job.lock);
  g_mutex_clear (&job.lock);
  g_cond_clear (&job.ended);
}

static gboolean
job_ready (gpointer run)
{
  one_done (run);
  return G_SOURCE_REMOVE;
}

static void
run_job (gpointer data, gpointer unused)
{
  Job *job = data;

  if (job->own_usec > 0)
    gate_wait (&job->run->gate, job->own_usec);
  if (job->left > 0)
    wait_for_job (job->left - 1);

  /* An outermost one is waited for by the loop. To drop a source takes the lock of its
   * context, which would be gone with the last one. */
  if (job->run != NULL)
    {
      g_autoptr (GMainContext) context = g_main_context_ref (job->run->context);
      g_autoptr (GSource) source = g_idle_source_new ();

      g_source_set_priority (source, G_PRIORITY_DEFAULT);
      g_source_set_callback (source, job_ready, job->run, NULL);
      g_source_attach (source, context);
      return;
    }

  g_mutex_lock (&job->lock);
  job->done = TRUE;
  g_cond_signal (&job->ended);
  g_mutex_unlock (&job->lock);
}

static GThreadPool *
unlimited_pool (void)
{
  static GThreadPool *pool = NULL;

  if (g_once_init_enter (&pool))
    g_once_init_leave (&pool, g_thread_pool_new (run_job, NULL, -1, FALSE, NULL));

  return pool;
}

static gint64
run_jobs (guint n_outer, int left, gint64 own_usec)
{
  GMainContext *context = bench_enter_loop ();
  Run run = { .context = context, .pending = n_outer };
  g_autofree Job *jobs = g_new0 (Job, n_outer);
  gint64 start = bench_now ();
  gint64 took;

  for (guint i = 0; i < n_outer; i++)
    {
      jobs[i].run = &run;
      jobs[i].left = left;
      jobs[i].own_usec = own_usec;
      g_thread_pool_push (unlimited_pool (), &jobs[i], NULL);
    }
  bench_iterate (context, &run.done);
  took = bench_now () - start;
  bench_leave_loop (context);

  return took;
}

static gint64
nested_64_unlimited (guint n)
{
  return run_jobs (64, 1, 1000);
}

static gint64
chain_unlimited (guint n)
{
  return run_jobs (1, CHAIN - 1, 0);
}

/* --- Bodies whose inner call is made by a thread outside the pool, for which
 * they wait with a GCond of their own: nobody sees what they wait for --- */

#define N_OUTSIDE 32

typedef struct
{
  SmartAsyncFunc *inner; /* NULL: the peer's side */
  Gate answered;
} Order;

static void
answer_in_thread (GTask *task, gpointer source, gpointer task_data, GCancellable *cancellable)
{
  Order *order = task_data;

  gate_open (&order->answered);
  g_task_return_boolean (task, TRUE);
}

static gpointer
outside_main (gpointer queue)
{
  while (TRUE)
    {
      Order *order = g_async_queue_pop (queue);

      if (order->inner != NULL)
        {
          GValue arg = G_VALUE_INIT;

          g_value_init (&arg, G_TYPE_POINTER);
          g_value_set_pointer (&arg, order);
          smart_async_func_call_async (order->inner, NULL, &arg, 1, NULL, NULL, NULL);
        }
      else
        {
          g_autoptr (GTask) task = g_task_new (NULL, NULL, NULL, NULL);

          g_task_set_task_data (task, order, NULL);
          g_task_run_in_thread (task, answer_in_thread);
        }
    }

  return NULL;
}

static void
order_outside (SmartAsyncFunc *inner)
{
  static GAsyncQueue *queue = NULL;
  Order order = { .inner = inner };

  if (g_once_init_enter (&queue))
    {
      GAsyncQueue *made = g_async_queue_new ();

      g_thread_unref (g_thread_new ("outside", outside_main, made));
      g_once_init_leave (&queue, made);
    }

  g_async_queue_push (queue, &order);
  gate_wait (&order.answered, G_USEC_PER_SEC * 60);
  /* Until who answered is out of the gate. */
  g_mutex_lock (&order.answered.lock);
  g_mutex_unlock (&order.answered.lock);
}

static void
answer_body (SmartCall *call, gpointer user_data)
{
  Order *order = smart_call_get_pointer (call, 0);

  gate_open (&order->answered);
  smart_call_return_boolean (call, TRUE);
}

static void
outside_body (SmartCall *call, gpointer user_data)
{
  Run *run = user_data;

  order_outside (run->inner);
  smart_call_return_boolean (call, TRUE);
}

static gint64
outside (guint n)
{
  GMainContext *context = bench_enter_loop ();
  Run run = { NULL };
  g_autoptr (SmartAsyncFunc) outer = smart_async_func_new_blocking (outside_body, &run, NULL);
  g_autoptr (SmartAsyncFunc) inner = smart_async_func_new_blocking (answer_body, NULL, NULL);
  gint64 start = bench_now ();
  gint64 took;

  run.inner = inner;
  start_calls (&run, outer, N_OUTSIDE);
  bench_iterate (context, &run.done);
  took = bench_now () - start;
  bench_leave_loop (context);

  return took;
}

static void
outside_in_thread (GTask *task, gpointer source, gpointer task_data, GCancellable *cancellable)
{
  order_outside (NULL);
  g_task_return_boolean (task, TRUE);
}

static gint64
outside_peer (guint n)
{
  GMainContext *context = bench_enter_loop ();
  Run run = { NULL };
  gint64 start = bench_now ();
  gint64 took;

  start_tasks (&run, outside_in_thread, N_OUTSIDE);
  bench_iterate (context, &run.done);
  took = bench_now () - start;
  bench_leave_loop (context);

  return took;
}

/* --- A short body behind sleeping ones: until it begins --- */

static void
sleeper_body (SmartCall *call, gpointer user_data)
{
  Run *run = user_data;

  gate_wait (&run->gate, G_USEC_PER_SEC * 60);
  smart_call_return_boolean (call, TRUE);
}

/* The last one in the queue, it lets the sleepers go. */
static void
short_body (SmartCall *call, gpointer user_data)
{
  Run *run = user_data;

  run->began = bench_now ();
  gate_open (&run->gate);
  smart_call_return_boolean (call, TRUE);
}

static gint64
behind_sleepers (guint n)
{
  GMainContext *context = bench_enter_loop ();
  Run run = { NULL };
  g_autoptr (SmartAsyncFunc) sleeper = smart_async_func_new_blocking (sleeper_body, &run, NULL);
  g_autoptr (SmartAsyncFunc) short_one = smart_async_func_new_blocking (short_body, &run, NULL);
  gint64 start;

  start_calls (&run, sleeper, N_SLEEPERS);
  start = bench_now ();
  start_calls (&run, short_one, 1);
  bench_iterate (context, &run.done);
  bench_leave_loop (context);

  return run.began - start;
}

static void
sleeper_in_thread (GTask *task, gpointer source, gpointer task_data, GCancellable *cancellable)
{
  Run *run = task_data;

  gate_wait (&run->gate, G_USEC_PER_SEC * 60);
  g_task_return_boolean (task, TRUE);
}

static void
short_in_thread (GTask *task, gpointer source, gpointer task_data, GCancellable *cancellable)
{
  Run *run = task_data;

  run->began = bench_now ();
  gate_open (&run->gate);
  g_task_return_boolean (task, TRUE);
}

static gint64
behind_sleepers_peer (guint n)
{
  GMainContext *context = bench_enter_loop ();
  Run run = { NULL };
  gint64 start;

  start_tasks (&run, sleeper_in_thread, N_SLEEPERS);
  start = bench_now ();
  start_tasks (&run, short_in_thread, 1);
  bench_iterate (context, &run.done);
  bench_leave_loop (context);

  return run.began - start;
}

/* --- GIO's own work beside bodies that sleep for 200 ms --- */

static void
nap_body (SmartCall *call, gpointer user_data)
{
  Run *run = user_data;

  gate_wait (&run->gate, NAP_USEC);
  smart_call_return_boolean (call, TRUE);
}

static void
nap_in_thread (GTask *task, gpointer source, gpointer task_data, GCancellable *cancellable)
{
  Run *run = task_data;

  gate_wait (&run->gate, NAP_USEC);
  g_task_return_boolean (task, TRUE);
}

static void
loaded (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autofree char *contents = NULL;

  if (!g_file_load_contents_finish (G_FILE (source), result, &contents, NULL, NULL, NULL))
    g_error ("no file to load");
  *(gboolean *) user_data = TRUE;
}

static gint64
time_load (GMainContext *context)
{
  g_autoptr (GFile) file = g_file_new_for_path ("/proc/self/comm");
  gboolean done = FALSE;
  gint64 start = bench_now ();

  g_file_load_contents_async (file, NULL, loaded, &done);
  bench_iterate (context, &done);

  return bench_now () - start;
}

static gint64
load_beside (guint n)
{
  GMainContext *context = bench_enter_loop ();
  Run run = { NULL };
  g_autoptr (SmartAsyncFunc) nap = smart_async_func_new_blocking (nap_body, &run, NULL);
  gint64 took;

  start_calls (&run, nap, N_NEIGHBOURS);
  took = time_load (context);
  bench_iterate (context, &run.done);
  bench_leave_loop (context);

  return took;
}

static gint64
load_beside_peer (guint n)
{
  GMainContext *context = bench_enter_loop ();
  Run run = { NULL };
  gint64 took;

  start_tasks (&run, nap_in_thread, N_NEIGHBOURS);
  took = time_load (context);
  bench_iterate (context, &run.done);
  bench_leave_loop (context);

  return took;
}

const BenchRow bench_worker_rows[] = {
  { "100 bodies of 5 ms that each wait for an inner one", "g_task_run_in_thread", nested_100,
    nested_100_peer, 0.1, 1, BENCH_ALL_CORES },
  { "64 bodies of 1 ms that each wait for an inner one", "g_task_run_in_thread", nested_64,
    nested_64_peer, 0.02, 1, BENCH_ALL_CORES },
  { "64 bodies of 1 ms that each wait for an inner one, unlimited", "a GThreadPool without a limit",
    nested_64, nested_64_unlimited, 1.5, 1, BENCH_ALL_CORES },
  { "a chain of 30 offloaded calls", "g_task_run_in_thread", chain, chain_peer, 0.002, 1,
    BENCH_ALL_CORES },
  { "a chain of 30 offloaded calls, unlimited", "a GThreadPool without a limit", chain,
    chain_unlimited, 1.5, 1, BENCH_ALL_CORES },
  { "32 bodies whose inner call a thread outside makes", "g_task_run_in_thread", outside,
    outside_peer, 0.005, 1, BENCH_ALL_CORES },
  { "a short body behind 30 sleeping ones, until it begins", "g_task_run_in_thread",
    behind_sleepers, behind_sleepers_peer, 0.004, 1, BENCH_ALL_CORES },
  { "g_file_load_contents_async beside 100 sleeping bodies", "beside 100 GTasks that sleep",
    load_beside, load_beside_peer, 0, 1, BENCH_ALL_CORES },
  { NULL },
};
