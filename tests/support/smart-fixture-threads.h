/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "smart-fixture-probe.h"

G_BEGIN_DECLS

/* Threads that call a function, or iterate a context. */

#define SMART_FIXTURE_TYPE_THREADS (smart_fixture_threads_get_type ())

G_DECLARE_FINAL_TYPE (SmartFixtureThreads, smart_fixture_threads, SMART_FIXTURE, THREADS, GObject)

SmartFixtureThreads *smart_fixture_threads_new_callers (SmartAsyncFunc       *func,
                                                        guint                 n_threads,
                                                        guint                 n_calls,
                                                        GCancellable         *cancellable);
SmartFixtureThreads *smart_fixture_threads_new_loop    (GMainContext         *context);
SmartFixtureThreads *smart_fixture_threads_new_walkers (guint                 n_threads,
                                                        guint                 n_walks,
                                                        guint                 seed);
SmartFixtureThreads *smart_fixture_threads_new_opener  (SmartFixtureGate     *gate,
                                                        guint                 n_waits);
SmartFixtureThreads *smart_fixture_threads_new_settler (SmartFuture          *future,
                                                        int                   result);
SmartFixtureThreads *smart_fixture_threads_new_canceller
                                                       (GCancellable         *cancellable,
                                                        SmartFixtureProbe    *probe,
                                                        SmartFixtureGate     *gate);
SmartFixtureThreads *smart_fixture_threads_new_leavers (SmartAsyncFunc       *func,
                                                        guint                 n_threads,
                                                        guint                 n_calls);
gboolean             smart_fixture_threads_join        (SmartFixtureThreads  *threads,
                                                        GError              **error);
guint                smart_fixture_threads_get_n_good  (SmartFixtureThreads  *threads);
gboolean             smart_fixture_threads_wait_good   (SmartFixtureThreads  *threads,
                                                        guint                 n);
GVariant            *smart_fixture_threads_get_ids     (SmartFixtureThreads  *threads);

G_END_DECLS
