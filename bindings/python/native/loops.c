/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Which loop runs a coroutine: one of the thread's that is not in use. loops.py says more. */

#include "native.h"

/* Loops that are not in use: a thread's own, or what threads share. */
typedef struct
{
  PyObject_HEAD
  GPtrArray *idle; /* a stack */
} Loops;

static PyObject *name_loops, *name_take, *name_give_back, *name_run_within;

static PyObject *
loops_new (PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
  Loops *self = (Loops *) type->tp_alloc (type, 0);

  if (self != NULL)
    self->idle = g_ptr_array_new ();
  return (PyObject *) self;
}

/* NULL if there is none. */
static PyObject *
pop (Loops *self)
{
  guint n = self->idle->len;

  return n > 0 ? g_ptr_array_remove_index_fast (self->idle, n - 1) : NULL;
}

/* Steals it. */
static void
push (Loops *self, PyObject *loop)
{
  g_ptr_array_add (self->idle, loop);
}

static PyObject *
loops_pop (Loops *self, PyObject *unused)
{
  PyObject *loop = pop (self);

  return loop != NULL ? loop : Py_NewRef (Py_None);
}

static PyObject *
loops_push (Loops *self, PyObject *loop)
{
  push (self, Py_NewRef (loop));
  Py_RETURN_NONE;
}

static Py_ssize_t
loops_length (Loops *self)
{
  return self->idle->len;
}

static int
loops_traverse (Loops *self, visitproc visit, void *arg)
{
  for (guint i = 0; i < self->idle->len; i++)
    Py_VISIT (self->idle->pdata[i]);
  return 0;
}

static int
loops_clear (Loops *self)
{
  PyObject *loop;

  while ((loop = pop (self)) != NULL)
    Py_DECREF (loop);
  return 0;
}

static void
loops_dealloc (Loops *self)
{
  PyObject_GC_UnTrack (self);
  loops_clear (self);
  g_ptr_array_unref (self->idle);
  Py_TYPE (self)->tp_free ((PyObject *) self);
}

static PySequenceMethods loops_sequence = {
  .sq_length = (lenfunc) loops_length,
};

static PyMethodDef loops_methods[] = {
  { "pop", (PyCFunction) loops_pop, METH_NOARGS, "Takes one out, or None." },
  { "push", (PyCFunction) loops_push, METH_O, NULL },
  { NULL },
};

static PyTypeObject loops_type = {
  PyVarObject_HEAD_INIT (NULL, 0).tp_name = "_smartasync_glib.Loops",
  .tp_doc = "Loops that are not in use.",
  .tp_basicsize = sizeof (Loops),
  .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
  .tp_new = loops_new,
  .tp_dealloc = (destructor) loops_dealloc,
  .tp_traverse = (traverseproc) loops_traverse,
  .tp_clear = (inquiry) loops_clear,
  .tp_as_sequence = &loops_sequence,
  .tp_methods = loops_methods,
};

/* The thread's loops */

/* They last until PyThreadState_Clear(). */
static PyObject *
get_loops (void)
{
  PyObject *of_thread = PyThreadState_GetDict ();
  PyObject *loops = PyDict_GetItemWithError (of_thread, name_loops);

  if (loops != NULL)
    return Py_NewRef (loops);
  if (PyErr_Occurred ())
    return NULL;

  loops = PyObject_CallNoArgs (smart_py_hooks.choose_loops);
  if (loops != NULL && PyDict_SetItem (of_thread, name_loops, loops) < 0)
    Py_CLEAR (loops);
  return loops;
}

static PyObject *
get_loops_method (PyObject *module, PyObject *unused)
{
  return get_loops ();
}

static PyObject *
forget_loops (PyObject *module, PyObject *unused)
{
  PyObject *of_thread = PyThreadState_GetDict ();

  if (PyDict_Contains (of_thread, name_loops) == 1)
    PyDict_DelItem (of_thread, name_loops);
  return PyErr_Occurred () ? NULL : Py_NewRef (Py_None);
}

/* Whether nobody in Python sees to what is taken and given back. A subtype is not meant: the loops
 * that threads share have methods for it. */
static bool
are_own (PyObject *loops)
{
  return Py_IS_TYPE (loops, smart_py_hooks.own_loops);
}

/* One that is not in use, or a new one. */
static PyObject *
take_loop (PyObject *loops)
{
  PyObject *loop = are_own (loops) ? pop ((Loops *) loops) : NULL;

  return loop != NULL ? loop : PyObject_CallMethodNoArgs (loops, name_take);
}

/* Steals it. */
static void
give_loop_back (PyObject *loops, PyObject *loop)
{
  PyObject *raised;

  if (are_own (loops))
    {
      push ((Loops *) loops, loop);
      return;
    }

  raised = smart_py_take_raised ();
  Py_XDECREF (PyObject_CallMethodOneArg (loops, name_give_back, loop));
  if (PyErr_Occurred ())
    PyErr_WriteUnraisable (loop);
  Py_DECREF (loop);
  smart_py_raise_again (raised);
}

static PyObject *
run_coroutine (PyObject *outer, PyObject *coroutine, PyObject *cancellable, PyObject *deadline)
{
  PyObject *loops = get_loops ();
  PyObject *loop = loops != NULL ? take_loop (loops) : NULL;
  PyObject *result = NULL;

  if (loop != NULL)
    {
      if (outer == Py_None)
        result = smart_py_loop_run (loop, coroutine, cancellable, deadline);
      else
        result = PyObject_CallMethodObjArgs (loop, name_run_within, coroutine, cancellable,
                                             deadline, NULL);
      give_loop_back (loops, loop);
    }
  Py_XDECREF (loops);
  return result;
}

PyObject *
smart_py_run_coroutine (PyObject *coroutine)
{
  PyObject *result;

  if (coroutine == NULL)
    return NULL;
  result = run_coroutine (Py_None, coroutine, smart_py_hooks.no_cancellable, Py_None);
  Py_DECREF (coroutine);
  return result;
}

static PyObject *
run_coroutine_method (PyObject *module, PyObject *args, PyObject *kwargs)
{
  static const char *const names[] = { "coroutine", "cancellable", "deadline", NULL };
  PyObject *coroutine, *cancellable = smart_py_hooks.no_cancellable, *deadline = Py_None;
  PyObject *outer, *result;

  if (!PyArg_ParseTupleAndKeywords (args, kwargs, "O|OO:run_coroutine", (char **) names, &coroutine,
                                    &cancellable, &deadline))
    return NULL;
  outer = smart_py_get_running_loop ();
  if (outer == NULL)
    return NULL;
  result = run_coroutine (outer, coroutine, cancellable, deadline);
  Py_DECREF (outer);
  return result;
}

static PyMethodDef methods[] = {
  { "run_coroutine", (PyCFunction) (void (*) (void)) run_coroutine_method,
    METH_VARARGS | METH_KEYWORDS,
    "run_coroutine(coroutine, cancellable=NO_CANCELLABLE, deadline=None)\n--\n\n"
    "What the coroutine returns; a loop of this thread's runs it." },
  { "get_loops", get_loops_method, METH_NOARGS, "This thread's." },
  { "forget_loops", forget_loops, METH_NOARGS, "In a forked child, whose parent's they are." },
  { NULL },
};

bool
smart_py_add_loops (PyObject *module)
{
  return smart_py_intern ("smartasync loops", &name_loops) &&
         smart_py_intern ("take", &name_take) && smart_py_intern ("give_back", &name_give_back) &&
         smart_py_intern ("run_within", &name_run_within) &&
         PyModule_AddType (module, &loops_type) == 0 &&
         PyModule_AddFunctions (module, methods) == 0;
}
