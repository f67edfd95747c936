/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Measures each row's two sides in turn in the same process: a round is one
 * measurement of ours and one of the peer's, the other way round every second
 * time. The median of the rounds' ratios counts.
 */

#include "bench.h"

#include <locale.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MIN_ROUNDS 7
#define MAX_ROUNDS 101

/* A round's side runs at least this long, so that the clock and a timer's tick do not show. */
#define MIN_SIDE_NS (20 * G_GINT64_CONSTANT (1000000))

static int opt_rounds = MIN_ROUNDS;
static char *opt_json = NULL;
static char *opt_match = NULL;
static gboolean opt_list = FALSE;
static gboolean opt_dex = FALSE;
static gboolean opt_counted = FALSE;
static char *opt_side = NULL;
static int opt_times = 0;

static const GOptionEntry option_entries[] = {
  { "rounds", 'r', 0, G_OPTION_ARG_INT, &opt_rounds, "Rounds a row, at least 7", "N" },
  { "json", 'j', 0, G_OPTION_ARG_FILENAME, &opt_json, "Write the rows to FILE", "FILE" },
  { "match", 'm', 0, G_OPTION_ARG_STRING, &opt_match, "Only rows with TEXT in their name", "TEXT" },
  { "counted", 0, 0, G_OPTION_ARG_NONE, &opt_counted,
    "With --list: only the rows on one thread, whose instructions can be counted", NULL },
  { "side", 0, 0, G_OPTION_ARG_STRING, &opt_side,
    "Run nothing but SIDE of the row that is called as --match says", "ours|peer" },
  { "times", 0, 0, G_OPTION_ARG_INT, &opt_times, "With --side: so often", "N" },
  { "list", 'l', 0, G_OPTION_ARG_NONE, &opt_list, "Name the rows and end", NULL },
  { "dex", 0, 0, G_OPTION_ARG_NONE, &opt_dex, "The rows beside libdex, and no others", NULL },
  G_OPTION_ENTRY_NULL,
};

/* So often a cache line goes to another processor and back, to see how long that takes. */
#define N_PASSES 20000

static cpu_set_t all_cores;

/* What that took each time, in nanoseconds one way; 0: not measured. */
static gint64 least_pass = 0;
static gint64 most_pass = 0;

static GString *json = NULL;
static guint n_targets = 0;
static guint n_reached = 0;

_Thread_local guint64 bench_n_allocations = 0;

/* glibc's own. */
void *__libc_malloc (size_t size);
void *__libc_calloc (size_t n, size_t size);

/* In place of the ones that everything else calls. */
void *
malloc (size_t size)
{
  bench_n_allocations++;
  return __libc_malloc (size);
}

void *
calloc (size_t n, size_t size)
{
  bench_n_allocations++;
  return __libc_calloc (n, size);
}

gint64
bench_now (void)
{
  struct timespec now;

  clock_gettime (CLOCK_MONOTONIC, &now);

  return now.tv_sec * G_GINT64_CONSTANT (1000000000) + now.tv_nsec;
}

void
bench_iterate (GMainContext *context, const gboolean *done)
{
  while (!*done)
    g_main_context_iteration (context, TRUE);
}

GMainContext *
bench_enter_loop (void)
{
  GMainContext *context = g_main_context_new ();

  g_main_context_acquire (context);
  g_main_context_push_thread_default (context);

  return context;
}

void
bench_leave_loop (GMainContext *context)
{
  g_main_context_pop_thread_default (context);
  g_main_context_release (context);
  g_main_context_unref (context);
}

/* New threads inherit it from the one that starts them; those that are there,
 * idle workers of GIO's and of the library's, have to be told.
 */
static void
set_place (BenchPlace place)
{
  cpu_set_t cores = all_cores;
  g_autoptr (GDir) tasks = g_dir_open ("/proc/self/task", 0, NULL);
  const char *name;

  if (place == BENCH_ONE_CORE)
    {
      int last = CPU_SETSIZE - 1;

      while (last > 0 && !CPU_ISSET (last, &all_cores))
        last--;
      CPU_ZERO (&cores);
      CPU_SET (last, &cores);
    }

  while (tasks != NULL && (name = g_dir_read_name (tasks)) != NULL)
    sched_setaffinity (atoi (name), sizeof cores, &cores);
}

static int
find_core (int after)
{
  while (++after < CPU_SETSIZE && !CPU_ISSET (after, &all_cores))
    ;
  return after;
}

static void
stay_on (int core)
{
  cpu_set_t cores;

  CPU_ZERO (&cores);
  CPU_SET (core, &cores);
  sched_setaffinity (0, sizeof cores, &cores);
}

static gpointer
pass_back (gpointer data)
{
  int *line = data;

  stay_on (find_core (find_core (-1)));
  for (int i = 0; i < N_PASSES; i++)
    {
      while (g_atomic_int_get (line) != 2 * i + 1)
        ;
      g_atomic_int_set (line, 2 * i + 2);
    }

  return NULL;
}

/* How far apart the processors are. A host may move a virtual machine's from one moment to the
 * next, and all that is done across them takes longer or less long with it. */
static void
measure_pass (void)
{
  int *line; /* atomic; nothing else is near it */
  GThread *other;
  gint64 start, pass;

  if (CPU_COUNT (&all_cores) < 2)
    return;

  line = g_aligned_alloc0 (1, 128, 128);
  other = g_thread_new ("pass-back", pass_back, line);
  stay_on (find_core (-1));
  g_atomic_int_set (line, 1);
  while (g_atomic_int_get (line) != 2)
    ;
  start = bench_now ();
  for (int i = 1; i < N_PASSES; i++)
    {
      g_atomic_int_set (line, 2 * i + 1);
      while (g_atomic_int_get (line) != 2 * i + 2)
        ;
    }
  pass = (bench_now () - start) / (2 * (N_PASSES - 1));
  g_thread_join (other);
  g_aligned_free (line);
  sched_setaffinity (0, sizeof all_cores, &all_cores);

  least_pass = least_pass == 0 ? pass : MIN (least_pass, pass);
  most_pass = MAX (most_pass, pass);
}

/* Runs the side until it is warm, and finds how often it has to run for a round. */
static guint
calibrate (BenchSide side, guint fixed_n)
{
  guint n = MAX (fixed_n, 1);
  gint64 took = side (n);

  while (fixed_n == 0 && took < MIN_SIDE_NS && n < G_MAXINT / 2)
    {
      n = took < MIN_SIDE_NS / 16 ? n * 8 : n * 2;
      took = side (n);
    }

  return n;
}

static int
compare_doubles (gconstpointer a, gconstpointer b)
{
  double x = *(const double *) a, y = *(const double *) b;

  return (x > y) - (x < y);
}

/* Sorts VALUES. */
static double
quantile (double *values, guint n, double part)
{
  qsort (values, n, sizeof *values, compare_doubles);

  return values[(guint) ((n - 1) * part + 0.5)];
}

static void
append_json_string (GString *string, const char *text)
{
  g_string_append_c (string, '"');
  for (const char *c = text; *c != '\0'; c++)
    {
      if (*c == '"' || *c == '\\')
        g_string_append_c (string, '\\');
      g_string_append_c (string, *c);
    }
  g_string_append_c (string, '"');
}

/* printf's %f would follow the locale. */
static void
append_json_double (GString *string, const char *name, const char *format, double value)
{
  char number[G_ASCII_DTOSTR_BUF_SIZE];

  g_string_append_printf (string, ", \"%s\": %s", name,
                          g_ascii_formatd (number, sizeof number, format, value));
}

static char *
format_amount (double ns, const char *unit)
{
  if (unit != NULL)
    return g_strdup_printf ("%.0f%s", ns, unit);
  if (ns < 1e5)
    return g_strdup_printf ("%.0f ns", ns);
  if (ns < 1e7)
    return g_strdup_printf ("%.1f µs", ns / 1e3);

  return g_strdup_printf ("%.1f ms", ns / 1e6);
}

/* In characters: printf counts bytes. */
static void
print_column (const char *text, int width)
{
  int missing = ABS (width) - (int) g_utf8_strlen (text, -1);

  if (width < 0)
    g_print ("%s%*s", text, MAX (missing, 0), "");
  else
    g_print ("%*s%s", MAX (missing, 0), "", text);
}

static void
report_row (const char *what,
            const BenchRow *row,
            double ours_ns,
            double peer_ns,
            double ratio,
            double spread)
{
  g_autofree char *ours = format_amount (ours_ns, row->unit);
  g_autofree char *peer = format_amount (peer_ns, row->unit);
  g_autofree char *ratio_text = g_strdup_printf (ratio < 0.1 ? "%.4f" : "%.2f", ratio);
  g_autofree char *spread_text = g_strdup_printf ("±%.0f%%", spread * 100);
  g_autofree char *target_text = NULL;

  if (row->target > 0)
    {
      n_targets++;
      n_reached += ratio <= row->target;
      target_text = g_strdup_printf ("≤ %g %s", row->target, ratio <= row->target ? "yes" : "NO");
    }

  print_column (what, -62);
  print_column (ours, 11);
  print_column (peer, 12);
  print_column (ratio_text, 9);
  print_column (spread_text, 7);
  g_print ("  ");
  print_column (target_text ? target_text : "-", -13);
  g_print ("%s\n", row->peer);

  g_string_append (json, json->len > 0 ? ",\n  {\"what\": " : "  {\"what\": ");
  append_json_string (json, what);
  g_string_append (json, ", \"peer\": ");
  append_json_string (json, row->peer);
  append_json_double (json, "ours_ns", "%.1f", ours_ns);
  append_json_double (json, "peer_ns", "%.1f", peer_ns);
  append_json_double (json, "ratio", "%.6f", ratio);
  if (row->target > 0)
    append_json_double (json, "target", "%.4f", row->target);
  else
    g_string_append (json, ", \"target\": null");
  append_json_double (json, "spread", "%.4f", spread);
  if (row->unit != NULL)
    {
      g_string_append (json, ", \"unit\": ");
      append_json_string (json, row->unit);
    }
  g_string_append_c (json, '}');
}

/* After each row: one that comes later may end the program. */
static void
write_json (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *folder = g_path_get_dirname (opt_json);
  g_autofree char *text = g_strdup_printf ("{\"rows\": [\n%s\n], \"pass_ns\": [%" G_GINT64_FORMAT
                                           ", %" G_GINT64_FORMAT "]}\n",
                                           json->str, least_pass, most_pass);

  g_mkdir_with_parents (folder, 0777);
  if (!g_file_set_contents (opt_json, text, -1, &error))
    g_error ("%s", error->message);
}

static void
run_row (const char *what, const BenchRow *row, BenchPlace place)
{
  double ours[MAX_ROUNDS], peer[MAX_ROUNDS], ratio[MAX_ROUNDS];
  guint ours_n, peer_n;
  double median, half_range;

  if (place == BENCH_ALL_CORES)
    measure_pass ();
  set_place (place);
  ours_n = calibrate (row->ours, row->n);
  peer_n = calibrate (row->theirs, row->n);

  for (int i = 0; i < opt_rounds; i++)
    {
      if (i % 2 == 0)
        ours[i] = row->ours (ours_n) / (double) ours_n;
      peer[i] = row->theirs (peer_n) / (double) peer_n;
      if (i % 2 != 0)
        ours[i] = row->ours (ours_n) / (double) ours_n;
      ratio[i] = ours[i] / peer[i];
    }

  median = quantile (ratio, opt_rounds, 0.5);
  half_range = (quantile (ratio, opt_rounds, 0.75) - quantile (ratio, opt_rounds, 0.25)) / 2;
  report_row (what, row, quantile (ours, opt_rounds, 0.5), quantile (peer, opt_rounds, 0.5), median,
              median > 0 ? half_range / median : 0);

  if (opt_json != NULL)
    write_json ();
}

static void
run_named_row (const char *what, const BenchRow *row, BenchPlace place)
{
  if (opt_side != NULL)
    {
      if (g_strcmp0 (opt_match, what) == 0)
        (strcmp (opt_side, "ours") == 0 ? row->ours : row->theirs) (opt_times);
      return;
    }
  if (opt_counted && !row->counted)
    return;

  if (opt_match != NULL && strstr (what, opt_match) == NULL)
    return;

  if (opt_list)
    g_print ("%s\n", what);
  else
    run_row (what, row, place);
}

static void
run_row_everywhere (const BenchRow *row)
{
  g_autofree char *pinned = g_strconcat (row->what, ", one core", NULL);
  g_autofree char *free = g_strconcat (row->what, ", all cores", NULL);

  if (row->place != BENCH_BOTH)
    {
      run_named_row (row->what, row, row->place);
    }
  else
    {
      run_named_row (pinned, row, BENCH_ONE_CORE);
      run_named_row (free, row, BENCH_ALL_CORES);
    }
}

static void
run_rows (const BenchRow *rows)
{
  for (const BenchRow *row = rows; row->what != NULL; row++)
    if (row->is_there == NULL || row->is_there ())
      run_row_everywhere (row);
}

int
main (int argc, char *argv[])
{
  g_autoptr (GOptionContext) options = g_option_context_new ("- the library beside plain GLib");
  g_autoptr (GError) error = NULL;

  setlocale (LC_ALL, "");
  g_option_context_add_main_entries (options, option_entries, NULL);
  if (!g_option_context_parse (options, &argc, &argv, &error))
    {
      g_printerr ("%s\n", error->message);
      return 2;
    }
  opt_rounds = CLAMP (opt_rounds, MIN_ROUNDS, MAX_ROUNDS);

  sched_getaffinity (0, sizeof all_cores, &all_cores);
  json = g_string_new (NULL);

  if (!opt_list && opt_side == NULL)
    g_print ("%-62s%11s%12s%9s%7s  %-13s%s\n", "what", "ours", "peer", "ratio", "spread", "target",
             "the peer");

#ifdef HAVE_LIBDEX
  if (opt_dex)
    {
      bench_dex_init ();
      run_rows (bench_dex_rows);
    }
#endif
  if (!opt_dex)
    {
      run_rows (bench_sync_rows);
      run_rows (bench_async_rows);
      run_rows (bench_file_rows);
      run_rows (bench_lock_rows);
      run_rows (bench_worker_rows);
      run_rows (bench_growth_rows);
      bench_files_clear ();
    }
  if (opt_list || opt_side != NULL)
    return 0;

  g_print ("\nEach side: the median of %d rounds; ratio: the median of the rounds' ratios; spread: "
           "half their\ninterquartile range, in parts of the ratio.\n",
           opt_rounds);
  if (most_pass > 0)
    g_print ("Where all cores are used, a cache line went from one to another in %" G_GINT64_FORMAT
             " to %" G_GINT64_FORMAT " ns.\n",
             least_pass, most_pass);
  if (opt_json == NULL)
    g_print ("\n%u of %u targets reached\n", n_reached, n_targets);

  return 0;
}
