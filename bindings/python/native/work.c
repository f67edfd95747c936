/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What travels through the library: work.py and errors.py say more. */

#include "native.h"

/* An outcome */

static int
outcome_traverse (SmartPyOutcome *self, visitproc visit, void *arg)
{
  Py_VISIT (self->value);
  Py_VISIT (self->error);
  return 0;
}

static int
outcome_clear (SmartPyOutcome *self)
{
  Py_CLEAR (self->value);
  Py_CLEAR (self->error);
  return 0;
}

static void
outcome_finalize (SmartPyOutcome *self)
{
  PyObject *raised, *result;

  if (!self->is_unseen)
    return;

  raised = smart_py_take_raised ();
  result = PyObject_CallOneArg (smart_py_hooks.report, self->error);
  if (result == NULL)
    PyErr_WriteUnraisable (smart_py_hooks.report);
  Py_XDECREF (result);
  smart_py_raise_again (raised);
}

static void
outcome_dealloc (SmartPyOutcome *self)
{
  if (PyObject_CallFinalizerFromDealloc ((PyObject *) self) < 0)
    return;
  PyObject_GC_UnTrack (self);
  if (self->weak_references != NULL)
    PyObject_ClearWeakRefs ((PyObject *) self);
  outcome_clear (self);
  Py_TYPE (self)->tp_free ((PyObject *) self);
}

void
smart_py_outcome_resolve (PyObject *outcome, PyObject *value)
{
  SmartPyOutcome *self = (SmartPyOutcome *) outcome;

  Py_XSETREF (self->value, Py_NewRef (value));
  self->is_done = true;
}

static PyObject *
outcome_resolve (PyObject *self, PyObject *value)
{
  smart_py_outcome_resolve (self, value);
  Py_RETURN_NONE;
}

static PyObject *
outcome_reject (SmartPyOutcome *self, PyObject *error)
{
  Py_XSETREF (self->error, Py_NewRef (error));
  self->is_done = true;
  Py_RETURN_NONE;
}

static PyMemberDef outcome_members[] = {
  { "value", T_OBJECT, offsetof (SmartPyOutcome, value), READONLY },
  { "error", T_OBJECT, offsetof (SmartPyOutcome, error), READONLY },
  { "done", T_BOOL, offsetof (SmartPyOutcome, is_done), READONLY },
  { "unseen", T_BOOL, offsetof (SmartPyOutcome, is_unseen), 0,
    "Of an error: whether it is to be reported if nobody ever asks." },
  { NULL },
};

static PyMethodDef outcome_methods[] = {
  { "resolve", (PyCFunction) outcome_resolve, METH_O, NULL },
  { "reject", (PyCFunction) outcome_reject, METH_O, NULL },
  { NULL },
};

PyTypeObject smart_py_outcome_type = {
  PyVarObject_HEAD_INIT (NULL, 0).tp_name = "_smartasync_glib.Outcome",
  .tp_doc = "What came of one call: a value, or an exception. Nobody reads it before it is there.",
  .tp_basicsize = sizeof (SmartPyOutcome),
  .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
  .tp_new = PyType_GenericNew,
  .tp_dealloc = (destructor) outcome_dealloc,
  .tp_finalize = (destructor) outcome_finalize,
  .tp_traverse = (traverseproc) outcome_traverse,
  .tp_clear = (inquiry) outcome_clear,
  .tp_weaklistoffset = offsetof (SmartPyOutcome, weak_references),
  .tp_members = outcome_members,
  .tp_methods = outcome_methods,
};

/* A work */

static int
work_traverse (SmartPyWork *self, visitproc visit, void *arg)
{
  Py_VISIT (self->function);
  Py_VISIT (self->args);
  Py_VISIT (self->kwargs);
  Py_VISIT (self->context);
  Py_VISIT (self->outcome);
  Py_VISIT (self->waiters);
  Py_VISIT (self->call);
  Py_VISIT (self->granted);
  Py_VISIT (self->deadline);
  return 0;
}

/* The body is over, and its caller is here: what was for it goes, though the library has it for
 * longer. An asyncio loop may have ended when the library lets go of it; and might be held by it, by
 * an argument. */
void
smart_py_work_clear (SmartPyWork *self)
{
  Py_CLEAR (self->function);
  Py_CLEAR (self->args);
  Py_CLEAR (self->kwargs);
  Py_CLEAR (self->context);
  Py_CLEAR (self->call);
  Py_CLEAR (self->granted);
}

static int
work_clear (SmartPyWork *self)
{
  smart_py_work_clear (self);
  Py_CLEAR (self->outcome);
  Py_CLEAR (self->waiters);
  Py_CLEAR (self->deadline);
  return 0;
}

static void
work_dealloc (SmartPyWork *self)
{
  PyObject_GC_UnTrack (self);
  work_clear (self);
  Py_TYPE (self)->tp_free ((PyObject *) self);
}

static PyObject *
work_new (PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
  static const char *const names[] = { "function", "args", "kwargs", "plain", "waiter", NULL };
  PyObject *function, *positional, *named, *waiter = Py_None;
  int is_plain = false;
  SmartPyWork *self;

  if (!PyArg_ParseTupleAndKeywords (args, kwargs, "OOO|pO:Work", (char **) names, &function,
                                    &positional, &named, &is_plain, &waiter))
    return NULL;

  self = (SmartPyWork *) type->tp_alloc (type, 0);
  if (self == NULL)
    return NULL;
  self->function = Py_NewRef (function);
  self->args = Py_NewRef (positional);
  self->kwargs = Py_NewRef (named);
  self->is_plain = is_plain;
  self->context = PyContext_CopyCurrent ();
  self->outcome = smart_py_outcome_type.tp_alloc (&smart_py_outcome_type, 0);
  if (self->context == NULL || self->outcome == NULL)
    goto failed;
  if (waiter != Py_None)
    {
      self->waiters = PyObject_GetAttrString (waiter, "others");
      if (self->waiters == NULL || PyObject_SetAttrString (waiter, "work", (PyObject *) self) < 0)
        goto failed;
    }
  return (PyObject *) self;

failed:
  Py_DECREF (self);
  return NULL;
}

static PyObject *
work_clear_method (SmartPyWork *self, PyObject *unused)
{
  smart_py_work_clear (self);
  Py_RETURN_NONE;
}

static PyMemberDef work_members[] = {
  { "function", T_OBJECT, offsetof (SmartPyWork, function), READONLY },
  { "args", T_OBJECT, offsetof (SmartPyWork, args), READONLY },
  { "kwargs", T_OBJECT, offsetof (SmartPyWork, kwargs), READONLY },
  { "context", T_OBJECT, offsetof (SmartPyWork, context), READONLY },
  { "outcome", T_OBJECT, offsetof (SmartPyWork, outcome) },
  { "plain", T_BOOL, offsetof (SmartPyWork, is_plain), READONLY,
    "Whether nobody in C looks at its value." },
  { "waiters", T_OBJECT, offsetof (SmartPyWork, waiters), READONLY,
    "Of a lock's flight: they share its outcome, see lock.py." },
  { "call", T_OBJECT, offsetof (SmartPyWork, call), 0,
    "Of a task that runs itself: see under_asyncio.py." },
  { "granted", T_OBJECT, offsetof (SmartPyWork, granted) },
  { "deadline", T_OBJECT, offsetof (SmartPyWork, deadline) },
  { NULL },
};

static PyMethodDef work_methods[] = {
  { "clear", (PyCFunction) work_clear_method, METH_NOARGS,
    "The body is over: what was for it goes, though the library has it for longer." },
  { NULL },
};

PyTypeObject smart_py_work_type = {
  PyVarObject_HEAD_INIT (NULL, 0).tp_name = "_smartasync_glib.Work",
  .tp_doc = "Work(function, args, kwargs, plain=False, waiter=None)\n--\n\n"
            "The single argument of a call: what to call, and where to put what came of it.",
  .tp_basicsize = sizeof (SmartPyWork),
  .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
  .tp_new = work_new,
  .tp_dealloc = (destructor) work_dealloc,
  .tp_traverse = (traverseproc) work_traverse,
  .tp_clear = (inquiry) work_clear,
  .tp_members = work_members,
  .tp_methods = work_methods,
};

bool
smart_py_add_work (PyObject *module)
{
  return PyModule_AddType (module, &smart_py_outcome_type) == 0 &&
         PyModule_AddType (module, &smart_py_work_type) == 0;
}
