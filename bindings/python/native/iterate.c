/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Main contexts, iterated. */

#include "native.h"

#include <errno.h>

/* So many descriptors mostly suffice; else there is room for more. */
#define N_FDS 8

bool
smart_py_get_context (PyObject *object, GMainContext **context)
{
  if (object == Py_None)
    {
      *context = NULL;
      return true;
    }
  if (!pyg_boxed_check (object, G_TYPE_MAIN_CONTEXT))
    {
      PyErr_Format (PyExc_TypeError, "not a GLib.MainContext: %R", object);
      return false;
    }
  *context = pyg_boxed_get (object, GMainContext);
  return true;
}

/* What is done when this thread has iterated a context: the callbacks are called then, with a single
 * change of hands of the interpreter's lock. */
typedef struct Gathering
{
  struct Gathering *outer;
  GPtrArray *callbacks; /* NULL: none */
  PyObject *raised;     /* by a signal's handler, where nobody would catch it; or NULL */
  int depth;            /* of what that context dispatches */
} Gathering;

static _Thread_local Gathering *gathering;

/* Has what is raised end the iteration, or reports it. */
static void
keep_raised (PyObject *reporter)
{
  PyObject *raised;

  if (gathering == NULL)
    {
      PyErr_WriteUnraisable (reporter);
      return;
    }
  raised = smart_py_take_raised ();
  if (gathering->raised == NULL)
    gathering->raised = raised;
  else
    Py_DECREF (raised);
}

void
smart_py_handle_signals (PyObject *reporter)
{
  if (PyErr_CheckSignals () < 0)
    keep_raised (reporter);
}

/* Consumes it. */
static void
call (PyObject *callback)
{
  PyObject *result;

  smart_py_handle_signals (callback);
  result = PyObject_CallNoArgs (callback);
  /* A signal may still come in the callback: who waits is told all the same. */
  if (result == NULL && gathering != NULL && !PyErr_ExceptionMatches (PyExc_Exception))
    {
      keep_raised (callback);
      result = PyObject_CallNoArgs (callback);
    }
  if (result == NULL)
    PyErr_WriteUnraisable (callback);
  Py_XDECREF (result);
  Py_DECREF (callback);
}

/* Whoever waits for something of the library's is told so. */
void
smart_py_notify (PyObject *callback)
{
  PyGILState_STATE state;

  /* In a loop within, whoever runs it may wait for just this. */
  if (gathering != NULL && g_main_depth () == gathering->depth)
    {
      if (gathering->callbacks == NULL)
        gathering->callbacks = g_ptr_array_new ();
      g_ptr_array_add (gathering->callbacks, callback);
      return;
    }

  state = smart_py_ensure ();
  call (callback);
  PyGILState_Release (state);
}

static void
begin_gathering (Gathering *own)
{
  *own = (Gathering) { .outer = gathering, .depth = g_main_depth () + 1 };
  gathering = own;
}

/* False if a signal's handler has raised. */
static bool
end_gathering (Gathering *own)
{
  bool has_passed;

  own->depth = -1; /* whatever is dispatched now, somebody else iterates for it */
  if (own->callbacks != NULL)
    {
      for (guint i = 0; i < own->callbacks->len; i++)
        call (own->callbacks->pdata[i]);
      g_ptr_array_unref (own->callbacks);
    }
  gathering = own->outer;

  has_passed = own->raised == NULL;
  smart_py_raise_again (own->raised);
  return has_passed;
}

PyObject *
smart_py_iterate (GMainContext *context, gboolean may_block)
{
  Gathering own;

  begin_gathering (&own);
  Py_BEGIN_ALLOW_THREADS
    g_main_context_iteration (context, may_block);
  Py_END_ALLOW_THREADS
  return end_gathering (&own) ? Py_NewRef (Py_None) : NULL;
}

static PyObject *
iterate (PyObject *module, PyObject *const *args, Py_ssize_t n)
{
  GMainContext *context;

  if (n != 2)
    {
      PyErr_SetString (PyExc_TypeError, "iterate() takes a main context and whether it may block");
      return NULL;
    }
  if (!smart_py_get_context (args[0], &context))
    return NULL;
  return smart_py_iterate (context, args[1] == Py_True);
}

/* The shorter of two timeouts, of which a negative one is none. */
static int
get_shorter (int one, int other)
{
  if (one < 0)
    return other;
  return other < 0 ? one : MIN (one, other);
}

/* One iteration that also ends when the descriptor `fd` becomes readable, or after so many
 * milliseconds. What a signal's handler raises ends it, and nothing is dispatched. */
static PyObject *
iterate_with (PyObject *module, PyObject *args)
{
  PyObject *object;
  GMainContext *context;
  GPollFD few[N_FDS + 1], *fds = few;
  int n_fds = N_FDS, n, fd, milliseconds, priority, timeout, n_ready, problem;
  bool has_passed = true;
  Gathering own;

  if (!PyArg_ParseTuple (args, "Oii:iterate_with", &object, &milliseconds, &fd) ||
      !smart_py_get_context (object, &context))
    return NULL;

  Py_BEGIN_ALLOW_THREADS
    g_main_context_prepare (context, &priority);
    while ((n = g_main_context_query (context, priority, &timeout, fds, n_fds)) > n_fds)
      {
        if (fds != few)
          g_free (fds);
        n_fds = n;
        fds = g_new (GPollFD, n_fds + 1);
      }
    fds[n] = (GPollFD) { .fd = fd, .events = G_IO_IN };
    n_ready = g_poll (fds, n + (fd >= 0), get_shorter (timeout, milliseconds));
    problem = errno;
  Py_END_ALLOW_THREADS

  /* The next iteration begins anew. */
  if (n_ready < 0 && problem == EINTR)
    has_passed = PyErr_CheckSignals () == 0;
  if (n_ready < 0)
    for (int i = 0; i < n; i++)
      fds[i].revents = 0;

  if (has_passed)
    {
      begin_gathering (&own);
      Py_BEGIN_ALLOW_THREADS
        if (g_main_context_check (context, priority, fds, n))
          g_main_context_dispatch (context);
      Py_END_ALLOW_THREADS
      has_passed = end_gathering (&own);
    }

  if (fds != few)
    g_free (fds);
  if (!has_passed)
    return NULL;
  Py_RETURN_NONE;
}

/* Adds what the context polls for. */
static void
add_fds (GMainContext *context, GArray *fds, int *timeout)
{
  guint n_before = fds->len;
  int priority, own_timeout, n, n_fds = N_FDS;

  g_main_context_prepare (context, &priority);
  do
    {
      g_array_set_size (fds, n_before + n_fds);
      n = g_main_context_query (context, priority, &own_timeout,
                                &g_array_index (fds, GPollFD, n_before), n_fds);
    }
  while (n > n_fds && (n_fds = n) > 0);
  g_array_set_size (fds, n_before + n);
  *timeout = get_shorter (*timeout, own_timeout);
}

bool
smart_py_poll (GMainContext *context, GMainContext *other, int fd)
{
  GPollFD own = { .fd = fd, .events = G_IO_IN };
  GArray *fds = g_array_new (FALSE, TRUE, sizeof (GPollFD));
  int timeout = -1, n_ready, problem;

  Py_BEGIN_ALLOW_THREADS
    add_fds (context, fds, &timeout);
    add_fds (other != NULL ? other : g_main_context_default (), fds, &timeout);
    if (fd >= 0)
      g_array_append_val (fds, own);
    n_ready = g_poll ((GPollFD *) fds->data, fds->len, timeout);
    problem = errno;
    g_array_unref (fds);
  Py_END_ALLOW_THREADS

  return n_ready >= 0 || problem != EINTR || PyErr_CheckSignals () == 0;
}

/* What a context wants that somebody else polls for: its own descriptor, and a timeout. */
static PyObject *
query (PyObject *module, PyObject *object)
{
  GMainContext *context;
  GPollFD fds[N_FDS];
  int priority, timeout = 0;

  if (!smart_py_get_context (object, &context))
    return NULL;

  fds[0].fd = -1;
  /* Nothing of this blocks. */
  if (g_main_context_acquire (context))
    {
      g_main_context_prepare (context, &priority);
      g_main_context_query (context, priority, &timeout, fds, N_FDS);
      g_main_context_release (context);
    }
  return Py_BuildValue ("ii", timeout, fds[0].fd);
}

/* For this thread's pop_thread_default(), where somebody else polls for the context. What the thread
 * has sent there itself, as the owner, has woken nobody up. */
void
smart_py_leave_home (GMainContext *home)
{
  int priority;
  bool is_ready = g_main_context_prepare (home, &priority);

  g_main_context_pop_thread_default (home);
  if (is_ready)
    g_main_context_wakeup (home);
}

/* Functions of a context and nothing else */

static PyObject *
call_with_context (PyObject *object, void (*function) (GMainContext *context))
{
  GMainContext *context;

  if (!smart_py_get_context (object, &context))
    return NULL;
  function (context);
  Py_RETURN_NONE;
}

static PyObject *
push_thread_default (PyObject *module, PyObject *object)
{
  return call_with_context (object, g_main_context_push_thread_default);
}

static PyObject *
pop_thread_default (PyObject *module, PyObject *object)
{
  return call_with_context (object, g_main_context_pop_thread_default);
}

static PyObject *
leave_home (PyObject *module, PyObject *object)
{
  return call_with_context (object, smart_py_leave_home);
}

static PyObject *
wake_up (PyObject *module, PyObject *object)
{
  return call_with_context (object, g_main_context_wakeup);
}

/* This thread's default context */

static PyObject *
is_thread_default (PyObject *module, PyObject *object)
{
  GMainContext *context, *current;

  if (!pyg_boxed_check (object, G_TYPE_MAIN_CONTEXT))
    Py_RETURN_FALSE;
  if (!smart_py_get_context (object, &context))
    return NULL;
  current = g_main_context_get_thread_default ();
  return PyBool_FromLong (context == (current != NULL ? current : g_main_context_default ()));
}

static PyObject *
has_own_default (PyObject *module, PyObject *unused)
{
  return PyBool_FromLong (g_main_context_get_thread_default () != NULL);
}

static PyMethodDef methods[] = {
  { "iterate", (PyCFunction) (void (*) (void)) iterate, METH_FASTCALL,
    "iterate(context, may_block)\n--\n\n"
    "As g_main_context_iteration(). What a signal's handler raises meanwhile it raises in the end." },
  { "iterate_with", iterate_with, METH_VARARGS,
    "iterate_with(context, milliseconds, fd)\n--\n\n"
    "The same, which also ends after so many milliseconds and when `fd` becomes readable." },
  { "query", query, METH_O,
    "query(context)\n--\n\nIts timeout in milliseconds (-1: none), and its descriptor." },
  { "push_thread_default", push_thread_default, METH_O, NULL },
  { "pop_thread_default", pop_thread_default, METH_O, NULL },
  { "leave_home", leave_home, METH_O,
    "pop_thread_default() of a context that somebody polls for who is to know what is there now." },
  { "wake_up", wake_up, METH_O, NULL },
  { "is_thread_default", is_thread_default, METH_O,
    "Whether it is a GLib.MainContext, and this thread's default one." },
  { "has_own_default", has_own_default, METH_NOARGS,
    "Whether this thread has a default one that is not the application's." },
  { NULL },
};

bool
smart_py_add_iterate (PyObject *module)
{
  return PyModule_AddFunctions (module, methods) == 0;
}
