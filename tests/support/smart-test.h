/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/*
 * What the C tests share.
 *
 * No test sleeps to wait for something: it waits at a gate, iterates a context
 * until something holds, or blocks on a queue; each of them bounded, and a
 * bound that is hit fails the test.
 */

/* How long anything may take that is expected to happen. */
#define SMART_TEST_DEADLINE_USEC (10 * G_USEC_PER_SEC)

/* Running */

typedef void     (* SmartTestFunc)      (void);
typedef void     (* SmartTestDataFunc)  (gconstpointer data);
typedef void     (* SmartTestCallback)  (gpointer data);
typedef gboolean (* SmartTestPredicate) (gpointer data);
typedef gint64   (* SmartTestMeasure)   (gpointer data);

void      smart_test_init              (int                *argc,
                                        char             ***argv);
void      smart_test_add               (const char         *path,
                                        SmartTestFunc       func);
void      smart_test_add_data          (const char         *path,
                                        gconstpointer       data,
                                        SmartTestDataFunc   func);
void      smart_test_add_main          (const char         *path,
                                        SmartTestFunc       func);
gboolean  smart_test_on_main_thread    (void);
void      smart_test_on_thread         (SmartTestCallback   func,
                                        gpointer            data);
guint     smart_test_scale             (guint               normal,
                                        guint               slow);
gint64    smart_test_bound             (gint64              usec);

/* Contexts and loops */

#define smart_test_iterate_until(context, predicate, data) \
  smart_test_iterate_until_ (G_STRLOC, (context), (predicate), (data), #predicate)
#define smart_test_iterate_until_set(context, flag) \
  smart_test_iterate_until_ (G_STRLOC, (context), smart_test_flag_is_set, (gpointer) (flag), #flag)

void      smart_test_iterate_until_    (const char         *where,
                                        GMainContext       *context,
                                        SmartTestPredicate  predicate,
                                        gpointer            data,
                                        const char         *what);
gboolean  smart_test_flag_is_set       (gpointer            flag);
void      smart_test_in_loop           (SmartTestCallback   func,
                                        SmartTestPredicate  until,
                                        gpointer            data);
void      smart_test_invoke            (GMainContext       *context,
                                        SmartTestCallback   func,
                                        gpointer            data);

/* Gates: closed at first; once open, open for good */

typedef struct
{
  /*< private >*/
  GMutex   mutex;
  GCond    cond;
  gboolean open;
  guint    n_waiting;
} SmartTestGate;

#define smart_test_gate_wait(gate) smart_test_gate_wait_ (G_STRLOC, (gate), #gate)
#define smart_test_gate_wait_for_waiters(gate, n) \
  smart_test_gate_wait_for_waiters_ (G_STRLOC, (gate), (n), #gate)

void      smart_test_gate_init         (SmartTestGate      *gate);
void      smart_test_gate_clear        (SmartTestGate      *gate);
void      smart_test_gate_open         (SmartTestGate      *gate);
gboolean  smart_test_gate_is_open      (SmartTestGate      *gate);
void      smart_test_gate_wait_        (const char         *where,
                                        SmartTestGate      *gate,
                                        const char         *what);
gboolean  smart_test_gate_wait_for     (SmartTestGate      *gate,
                                        gint64              usec);
void      smart_test_gate_wait_for_waiters_
                                       (const char         *where,
                                        SmartTestGate      *gate,
                                        guint               n,
                                        const char         *what);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (SmartTestGate, smart_test_gate_clear)

/* Time: only against a bound that the contract gives */

gint64    smart_test_best_of_five      (SmartTestMeasure    measure,
                                        gint64              bound_usec,
                                        gpointer            data);

/* What the process holds */

guint     smart_test_count_fds         (void);
guint     smart_test_count_threads     (void);
guint64   smart_test_stat              (const char         *name);

#define smart_test_wait_until(predicate, data) \
  smart_test_wait_until_ (G_STRLOC, (predicate), (data), #predicate)
#define smart_test_wait_for_threads(n) smart_test_wait_for_threads_ (G_STRLOC, (n))
#define smart_test_wait_for_stat(name, n) smart_test_wait_for_stat_ (G_STRLOC, (name), (n))

gboolean  smart_test_is_gone           (gpointer            weak);
void      smart_test_wait_until_       (const char         *where,
                                        SmartTestPredicate  predicate,
                                        gpointer            data,
                                        const char         *what);
void      smart_test_wait_for_threads_ (const char         *where,
                                        guint               n);
void      smart_test_wait_for_stat_    (const char         *where,
                                        const char         *name,
                                        guint64             n);

/* Subprocesses */

/* ThreadSanitizer knows no threads in a forked child. */
#ifdef __SANITIZE_THREAD__
#define SMART_TEST_CAN_FORK FALSE
#else
#define SMART_TEST_CAN_FORK TRUE
#endif

/* Runs @func in a forked child; a child that hangs is killed, and fails the test. */
void      smart_test_in_child          (SmartTestCallback   func,
                                        gpointer            data);

/* Registers a test, <path>/main and <path>/thread, whose body runs in a child
 * process: it must end with success, and print to stderr what @stderr_pattern
 * says (NULL: nothing at all). */
void      smart_test_add_subprocess    (const char         *path,
                                        gconstpointer       data,
                                        SmartTestDataFunc   func,
                                        const char         *stderr_pattern);

/* The statement must log one critical of the library that matches the pattern, and go on */
#define smart_test_expect_critical(pattern, ...) \
  G_STMT_START \
  { \
    g_test_expect_message ("SmartAsync", G_LOG_LEVEL_CRITICAL, (pattern)); \
    __VA_ARGS__; \
    g_test_assert_expected_messages (); \
  } \
  G_STMT_END

G_END_DECLS
