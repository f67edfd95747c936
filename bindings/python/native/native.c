/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The module _smartasync_glib: its parts, and the library's functions that every call needs. */

#define SMART_PYTHON_MODULE
#include "native.h"

#include <pthread.h>
#include <unistd.h>

SmartPyHooks smart_py_hooks;

bool
smart_py_intern (const char *name, PyObject **string)
{
  *string = PyUnicode_InternFromString (name);
  return *string != NULL;
}

PyObject *
smart_py_take_raised (void)
{
#if PY_VERSION_HEX >= 0x030c0000
  return PyErr_GetRaisedException ();
#else
  PyObject *type, *error, *traceback;

  PyErr_Fetch (&type, &error, &traceback);
  if (type == NULL)
    return NULL;
  PyErr_NormalizeException (&type, &error, &traceback);
  if (traceback != NULL)
    PyException_SetTraceback (error, traceback);
  Py_DECREF (type);
  Py_XDECREF (traceback);
  return error;
#endif
}

void
smart_py_raise_again (PyObject *error)
{
  if (error == NULL)
    return;
#if PY_VERSION_HEX >= 0x030c0000
  PyErr_SetRaisedException (error);
#else
  PyErr_Restore (Py_NewRef (Py_TYPE (error)), error, PyException_GetTraceback (error));
#endif
}

void
smart_py_report (void)
{
  PyObject *raised = smart_py_take_raised ();
  PyObject *result = PyObject_CallOneArg (smart_py_hooks.report, raised);

  if (result == NULL)
    PyErr_WriteUnraisable (smart_py_hooks.report);
  Py_XDECREF (result);
  Py_XDECREF (raised);
}

/* Threads that Python has not started */

/* Those on their way to the interpreter's lock; atomic. */
static int n_entering;

/* Whether Python ends; atomic. */
static int is_leaving;

/* Signalled where nobody is on that way any more and Python ends. The mutex guards nothing but that
 * the signal does not come between a look at n_entering and the wait. */
static GMutex entering_mutex;
static GCond nobody_enters;

static void
end_entry (void)
{
  if (!g_atomic_int_dec_and_test (&n_entering) || !g_atomic_int_get (&is_leaving))
    return;
  g_mutex_lock (&entering_mutex);
  g_cond_signal (&nobody_enters);
  g_mutex_unlock (&entering_mutex);
}

/* CPython stops the threads that it knows when it ends, where they ask for its lock. One that comes
 * anew meanwhile it lets in, and that crashes in what is half gone: so we do not. */
bool
smart_py_try_ensure (PyGILState_STATE *state)
{
  bool may_enter;

  if (PyGILState_GetThisThreadState () != NULL)
    {
      *state = PyGILState_Ensure ();
      return true;
    }

  g_atomic_int_inc (&n_entering);
  may_enter = !g_atomic_int_get (&is_leaving);
  if (may_enter)
    *state = PyGILState_Ensure ();
  end_entry ();
  return may_enter;
}

PyGILState_STATE
smart_py_ensure (void)
{
  PyGILState_STATE state;

  while (!smart_py_try_ensure (&state))
    pause ();
  return state;
}

void
smart_py_drop (gpointer object)
{
  PyGILState_STATE state;

  if (!Py_IsInitialized () || !smart_py_try_ensure (&state))
    return;
  Py_DECREF ((PyObject *) object);
  PyGILState_Release (state);
}

static PyObject *
leave_threads (PyObject *module, PyObject *unused)
{
  /* An idle worker may end while Python does. */
  smart_interpreter_keep (NULL);
  g_atomic_int_set (&is_leaving, TRUE);

  /* Each has the lock in no time, and is one that CPython knows then. */
  Py_BEGIN_ALLOW_THREADS
    g_mutex_lock (&entering_mutex);
    while (g_atomic_int_get (&n_entering) > 0)
      g_cond_wait (&nobody_enters, &entering_mutex);
    g_mutex_unlock (&entering_mutex);
  Py_END_ALLOW_THREADS
  Py_RETURN_NONE;
}

static void
forget_threads (void)
{
  g_atomic_int_set (&n_entering, 0);
}

bool
smart_py_get_gobject (PyObject *object, GType type, gpointer *gobject)
{
  *gobject = NULL;
  if (object == Py_None)
    return true;
  if (PyObject_TypeCheck (object, &PyGObject_Type))
    *gobject = pygobject_get (object);
  if (*gobject == NULL || !g_type_is_a (G_OBJECT_TYPE (*gobject), type))
    {
      PyErr_Format (PyExc_TypeError, "not a %s: %R", g_type_name (type), object);
      return false;
    }
  return true;
}

/* Where a call is made */

static PyObject *
context_is_async (PyObject *module, PyObject *unused)
{
  return PyBool_FromLong (smart_context_is_async ());
}

static PyObject *
context_is_explicit (PyObject *module, PyObject *unused)
{
  return PyBool_FromLong (smart_context_is_explicit ());
}

static PyObject *
main_depth (PyObject *module, PyObject *unused)
{
  return PyLong_FromLong (g_main_depth ());
}

static PyObject *
has_current_call (PyObject *module, PyObject *unused)
{
  return PyBool_FromLong (smart_call_get_current () != NULL);
}

/* Cancellables that somebody holds, by their addresses */

static PyObject *
current_cancellable (PyObject *module, PyObject *unused)
{
  return PyLong_FromVoidPtr (g_cancellable_get_current ());
}

static PyObject *
is_cancelled (PyObject *module, PyObject *address)
{
  GCancellable *cancellable = PyLong_AsVoidPtr (address);

  if (cancellable == NULL && PyErr_Occurred ())
    return NULL;
  return PyBool_FromLong (g_cancellable_is_cancelled (cancellable));
}

/* Not g_cancellable_connect(), whose counterpart waits for the handler: which may wait for the
 * interpreter's lock. */
static PyObject *
connect_wakeup (PyObject *module, PyObject *args)
{
  PyObject *address, *object;
  GCancellable *cancellable;
  GMainContext *context;
  gulong handler;

  if (!PyArg_ParseTuple (args, "OO:connect_wakeup", &address, &object) ||
      !smart_py_get_context (object, &context))
    return NULL;
  cancellable = PyLong_AsVoidPtr (address);
  if (cancellable == NULL)
    return PyErr_Occurred () ? NULL : PyLong_FromLong (0);

  handler = g_signal_connect_data (cancellable, "cancelled", G_CALLBACK (g_main_context_wakeup),
                                   g_main_context_ref (context),
                                   (GClosureNotify) (void (*) (void)) g_main_context_unref,
                                   G_CONNECT_SWAPPED);
  return PyLong_FromUnsignedLong (handler);
}

static PyObject *
disconnect (PyObject *module, PyObject *args)
{
  PyObject *address;
  GCancellable *cancellable;
  unsigned long handler;

  if (!PyArg_ParseTuple (args, "Ok:disconnect", &address, &handler))
    return NULL;
  cancellable = PyLong_AsVoidPtr (address);
  if (cancellable != NULL && handler != 0)
    g_signal_handler_disconnect (cancellable, handler);
  if (PyErr_Occurred ())
    return NULL;
  Py_RETURN_NONE;
}

/* What PyGObject does not tell */

/* PyGObject's object for a function of the introspection data, up to 3.50. */
typedef struct
{
  PyObject_HEAD
  gpointer info;
  PyObject *weak_references;
  PyObject *cache;
  PyObject *unbound;
  PyObject *bound_to;
} CallableInfo;

static PyObject *
get_bound_to (PyObject *module, PyObject *args)
{
  PyObject *object, *unbound;
  CallableInfo *info;

  if (!PyArg_ParseTuple (args, "OO:get_bound_to", &object, &unbound))
    return NULL;
  info = (CallableInfo *) object;
  if (Py_TYPE (object)->tp_basicsize < (Py_ssize_t) sizeof (CallableInfo) ||
      info->unbound != unbound || info->bound_to == NULL)
    Py_RETURN_NONE;
  return Py_NewRef (info->bound_to);
}

/* Has it never freed. */
static PyObject *
keep (PyObject *module, PyObject *object)
{
  Py_INCREF (object);
  Py_RETURN_NONE;
}

/* The modules' part */

static PyObject *
set_hooks (PyObject *module, PyObject *args, PyObject *kwargs)
{
  static const char *const names[] = {
    "choose_loops", "own_loops", "no_cancellable", "loop_of_glib", "report",
    "check",        "finish",    "fail",           "run_to_end",   NULL
  };
  SmartPyHooks *hooks = &smart_py_hooks;

  if (!PyArg_ParseTupleAndKeywords (args, kwargs, "|$OOOOOOOOO:set_hooks", (char **) names,
                                    &hooks->choose_loops, &hooks->own_loops, &hooks->no_cancellable,
                                    &hooks->loop_of_glib, &hooks->report, &hooks->check,
                                    &hooks->finish, &hooks->fail, &hooks->run_to_end))
    return NULL;
  /* For good: what gives them is a module. */
  Py_INCREF (args);
  Py_XINCREF (kwargs);
  Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
  { "context_is_async", context_is_async, METH_NOARGS, "Whether C's rule finds an async context." },
  { "context_is_explicit", context_is_explicit, METH_NOARGS,
    "Whether it does so because of a mode or a blocking body." },
  { "main_depth", main_depth, METH_NOARGS,
    "How many sources are being dispatched, one within the other." },
  { "has_current_call", has_current_call, METH_NOARGS,
    "Whether this is part of the body of a call that the library knows of." },
  { "current_cancellable", current_cancellable, METH_NOARGS,
    "The address of the current one, or 0." },
  { "is_cancelled", is_cancelled, METH_O, NULL },
  { "connect_wakeup", connect_wakeup, METH_VARARGS,
    "connect_wakeup(address, context)\n--\n\n"
    "Has the context woken up when that cancellable is cancelled, in whichever thread." },
  { "disconnect", disconnect, METH_VARARGS, NULL },
  { "get_bound_to", get_bound_to, METH_VARARGS,
    "get_bound_to(info, unbound)\n--\n\n"
    "What a bound function of PyGObject's, up to 3.50, is bound to." },
  { "keep", keep, METH_O, "Has it never freed." },
  { "leave_threads", leave_threads, METH_NOARGS, "To be called when Python ends." },
  { "set_hooks", (PyCFunction) (void (*) (void)) set_hooks, METH_VARARGS | METH_KEYWORDS,
    "What is called here, and is Python's." },
  { NULL },
};

static struct PyModuleDef module_definition = {
  PyModuleDef_HEAD_INIT,
  .m_name = "_smartasync_glib",
  .m_doc = "What is in C of the Python bindings of smartasync-glib.",
  .m_size = -1,
  .m_methods = methods,
};

PyMODINIT_FUNC PyInit__smartasync_glib (void);

PyMODINIT_FUNC
PyInit__smartasync_glib (void)
{
  PyObject *module, *gobject;

  /* A forked child has none of its parent's. */
  pthread_atfork (NULL, NULL, forget_threads);

  gobject = pygobject_init (3, 42, 0);
  if (gobject == NULL)
    return NULL;
  Py_DECREF (gobject);

  module = PyModule_Create (&module_definition);
  if (module == NULL)
    return NULL;

  if (smart_py_add_frame (module) && smart_py_add_function (module) && smart_py_add_work (module) &&
      smart_py_add_body (module) && smart_py_add_call (module) && smart_py_add_future (module) &&
      smart_py_add_iterate (module) && smart_py_add_loop (module) && smart_py_add_loops (module))
    return module;

  Py_DECREF (module);
  return NULL;
}
