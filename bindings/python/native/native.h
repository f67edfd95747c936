/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What is in C of the Python bindings: the path of a call, where PyGObject's objects, or Python's own
 * instructions, would cost more than all the rest.
 *
 * All of it is called with the interpreter's lock, which guards all that is static here, but for what
 * is said to be a thread's own, and for the functions that the library calls: these take it.
 */

#pragma once

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <structmember.h>

#include <stdbool.h>

#ifndef SMART_PYTHON_MODULE
#define NO_IMPORT_PYGOBJECT
#endif
#include <pygobject.h>

#include <smartasync-glib/smartasync-glib.h>

/* frame.c: which code is this? */

typedef struct
{
  PyObject_HEAD
  PyObject *kind;
  PyObject *below;   /* the frame that it was pushed upon, or None */
  PyObject *loop;    /* weakly, the asyncio loop that ran there, or None: what is in a loop's main
                      * context may have a frame, and is not to hold the loop */
  PyObject *made;    /* its SmartCall, where one was asked for, or None */
  PyObject *owner;   /* a weak reference to its SmartCall, where the library made one, or None */
  void *call;        /* what was the current call; compared only */
  gulong thread;     /* 0: any */
  int depth;         /* of GLib's dispatching */
  bool is_nested;    /* in the body of that call, which is another's */
} SmartPyFrame;

bool smart_py_add_frame (PyObject *module);
bool smart_py_is_plainly_sync (void);
PyObject *smart_py_push_plain_body (void);                   /* a token */
bool smart_py_pop_frame (PyObject *token);                   /* steals it */
bool smart_py_push_blocking_body (void);

/* function.c: what is called */

bool smart_py_add_function (PyObject *module);

/* work.c: what travels through the library for a call of a Python function */

typedef struct
{
  PyObject_HEAD
  PyObject *weak_references;
  PyObject *value;
  PyObject *error;
  bool is_done;
  bool is_unseen;
} SmartPyOutcome;

typedef struct
{
  PyObject_HEAD
  PyObject *function;
  PyObject *args;
  PyObject *kwargs;
  PyObject *context;
  PyObject *outcome;
  PyObject *waiters;
  PyObject *call;
  PyObject *granted;
  PyObject *deadline;
  bool is_plain;
} SmartPyWork;

extern PyTypeObject smart_py_outcome_type;
extern PyTypeObject smart_py_work_type;

bool smart_py_add_work (PyObject *module);
void smart_py_outcome_resolve (PyObject *outcome, PyObject *value);
void smart_py_work_clear (SmartPyWork *self);

/* body.c: where the library calls Python */

bool smart_py_add_body (PyObject *module);

/* call.c: calls as of C, with GValues */

bool smart_py_add_call (PyObject *module);

/* future.c: what has been started */

bool smart_py_add_future (PyObject *module);
bool smart_py_get_future (PyObject *object, SmartFuture **future);

/* iterate.c: main contexts */

bool smart_py_add_iterate (PyObject *module);
bool smart_py_get_context (PyObject *object, GMainContext **context);
void smart_py_leave_home (GMainContext *home);
PyObject *smart_py_iterate (GMainContext *context, gboolean may_block);

/* Blocks until one of them has something to dispatch, or `fd`, if it is not negative, something to
 * read. False if a signal's handler has raised. */
bool smart_py_poll (GMainContext *context, GMainContext *other, int fd);
void smart_py_notify (PyObject *callback);                   /* steals it; takes the lock */

/* To be called before what C calls, and where what a signal's handler raises would be lost: it would
 * be raised there before anything is done. */
void smart_py_handle_signals (PyObject *reporter);

/* loop.c: runs a coroutine */

bool smart_py_add_loop (PyObject *module);
PyObject *smart_py_get_running_loop (void);
PyObject *smart_py_loop_run (PyObject *loop, PyObject *coroutine, PyObject *cancellable,
                             PyObject *deadline);

/* loops.c: which loop does */

bool smart_py_add_loops (PyObject *module);
PyObject *smart_py_run_coroutine (PyObject *coroutine);      /* steals it; where no loop runs */

/* native.c */

/* PyGILState_Ensure(), on any thread: one that Python does not know is not let in when Python ends,
 * and is stopped for good where it has to be. */
bool smart_py_try_ensure (PyGILState_STATE *state);
PyGILState_STATE smart_py_ensure (void);

/* Py_DECREF() of what C has held, on whichever thread that frees it. Nothing, when Python ends. */
void smart_py_drop (gpointer object);

typedef struct
{
  PyObject *choose_loops;  /* for a thread that has none yet: its own, or those that threads share */
  PyTypeObject *own_loops; /* the type of a thread's own */
  PyObject *no_cancellable;
  PyTypeObject *loop_of_glib; /* stands for asyncio's where there is none */
  PyObject *report;        /* of an error that nobody has seen */
  PyObject *check;         /* for what a signal's handler has raised */
  PyObject *finish;        /* of what a body came to */
  PyObject *fail;
  PyObject *run_to_end;    /* of the coroutine that a blocking body gave */
} SmartPyHooks;

/* What the Python modules have given: set_hooks() takes each by its name here. */
extern SmartPyHooks smart_py_hooks;

bool smart_py_intern (const char *name, PyObject **string);
PyObject *smart_py_take_raised (void);                       /* NULL if there is none */
void smart_py_raise_again (PyObject *error);                 /* steals it */
void smart_py_report (void);                                 /* what is raised, to nobody in particular */
bool smart_py_get_gobject (PyObject *object, GType type, gpointer *gobject);
