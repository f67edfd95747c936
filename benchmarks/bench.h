/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <smartasync-glib/smartasync-glib.h>

G_BEGIN_DECLS

/* Does it @n times and gives the nanoseconds that took, preparation and
 * clearing up left out.
 */
typedef gint64 (* BenchSide) (guint n);

typedef enum
{
  BENCH_ONE_CORE,   /* all threads of the process on one core */
  BENCH_ALL_CORES,
  BENCH_BOTH        /* a row each */
} BenchPlace;

typedef struct
{
  const char *what;
  const char *peer;
  BenchSide   ours;
  BenchSide   theirs;
  double      target;  /* the ratio to reach, 0: none */
  guint       n;       /* times a round, 0: found by trying */
  BenchPlace  place;
  gboolean (* is_there) (void); /* nullable: whether the peer is */
  gboolean    counted;          /* on one thread: its instructions repeat */
  const char *unit;             /* nullable: of what is no time */
} BenchRow;

/* How often this thread has allocated memory so far. */
extern _Thread_local guint64 bench_n_allocations;

gint64 bench_now       (void);
void   bench_iterate   (GMainContext   *context,
                        const gboolean *done);

/* The context of an application whose loop is running: owned by this thread
 * and its thread default, so that it is an async context.
 */
GMainContext *bench_enter_loop (void);
void          bench_leave_loop (GMainContext *context);

extern const BenchRow bench_sync_rows[];
extern const BenchRow bench_async_rows[];
extern const BenchRow bench_worker_rows[];
extern const BenchRow bench_file_rows[];
extern const BenchRow bench_lock_rows[];
extern const BenchRow bench_growth_rows[];
extern const BenchRow bench_dex_rows[];

void bench_files_clear (void);
void bench_dex_init    (void);

G_END_DECLS
