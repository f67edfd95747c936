/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What is called: the common case of it. function.py has the rest. */

#include "native.h"

typedef struct
{
  PyObject_HEAD
  PyObject *function;
  bool is_direct;    /* no option asks for the library, where the caller can call it himself */
  bool is_coroutine; /* it gives a coroutine */
} Function;

typedef struct
{
  PyObject_HEAD
  PyObject *weak_references;
  PyObject *function;
  PyObject *instance;
} Method;

static PyTypeObject function_type;
static PyTypeObject method_type;
static PyObject *name_of_call;

static int
function_traverse (Function *self, visitproc visit, void *arg)
{
  Py_VISIT (self->function);
  return 0;
}

static int
function_clear (Function *self)
{
  Py_CLEAR (self->function);
  return 0;
}

static void
function_dealloc (Function *self)
{
  PyObject_GC_UnTrack (self);
  function_clear (self);
  Py_TYPE (self)->tp_free ((PyObject *) self);
}

static PyObject *
call_plainly (Function *self, PyObject *args, PyObject *kwargs)
{
  PyObject *token = smart_py_push_plain_body ();
  PyObject *result, *raised;

  if (token == NULL)
    return NULL;

  result = PyObject_Call (self->function, args, kwargs);
  raised = smart_py_take_raised ();
  if (!smart_py_pop_frame (token))
    PyErr_Clear (); /* it has left that context, which is its own affair */
  smart_py_raise_again (raised);

  return result;
}

static PyObject *
function_call (Function *self, PyObject *args, PyObject *kwargs)
{
  PyObject *result;

  if (!self->is_direct || self->function == NULL || !smart_py_is_plainly_sync ())
    {
      PyObject *call;

      if (PyErr_Occurred ())
        return NULL;
      call = PyObject_GetAttr ((PyObject *) self, name_of_call);
      if (call == NULL)
        return NULL;
      if (kwargs == NULL)
        {
          PyObject *none = PyDict_New ();

          result = none != NULL ? PyObject_CallFunctionObjArgs (call, args, none, NULL) : NULL;
          Py_XDECREF (none);
        }
      else
        {
          result = PyObject_CallFunctionObjArgs (call, args, kwargs, NULL);
        }
      Py_DECREF (call);
      return result;
    }

  if (self->is_coroutine)
    return smart_py_run_coroutine (PyObject_Call (self->function, args, kwargs));

  result = call_plainly (self, args, kwargs);
  if (result != NULL && PyCoro_CheckExact (result))
    return smart_py_run_coroutine (result);
  return result;
}

static PyMemberDef function_members[] = {
  { "_function", T_OBJECT_EX, offsetof (Function, function) },
  { "_direct", T_BOOL, offsetof (Function, is_direct) },
  { "_is_coroutine", T_BOOL, offsetof (Function, is_coroutine) },
  { NULL },
};

static PyTypeObject function_type = {
  PyVarObject_HEAD_INIT (NULL, 0).tp_name = "_smartasync_glib.Function",
  .tp_doc = "What smartasync() makes; `_call(args, kwargs)` is for all but the common case.",
  .tp_basicsize = sizeof (Function),
  .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
  .tp_new = PyType_GenericNew,
  .tp_dealloc = (destructor) function_dealloc,
  .tp_traverse = (traverseproc) function_traverse,
  .tp_clear = (inquiry) function_clear,
  .tp_call = (ternaryfunc) function_call,
  .tp_members = function_members,
};

/* Methods */

static int
method_traverse (Method *self, visitproc visit, void *arg)
{
  Py_VISIT (self->function);
  Py_VISIT (self->instance);
  return 0;
}

static int
method_clear (Method *self)
{
  Py_CLEAR (self->function);
  Py_CLEAR (self->instance);
  return 0;
}

static void
method_dealloc (Method *self)
{
  PyObject_GC_UnTrack (self);
  if (self->weak_references != NULL)
    PyObject_ClearWeakRefs ((PyObject *) self);
  method_clear (self);
  Py_TYPE (self)->tp_free ((PyObject *) self);
}

static PyObject *
method_new (PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
  PyObject *function, *instance;
  Method *self;

  if (!PyArg_ParseTuple (args, "O!O", &function_type, &function, &instance))
    return NULL;

  self = (Method *) type->tp_alloc (type, 0);
  if (self == NULL)
    return NULL;
  self->function = Py_NewRef (function);
  self->instance = Py_NewRef (instance);
  return (PyObject *) self;
}

static PyObject *
method_call (Method *self, PyObject *args, PyObject *kwargs)
{
  Py_ssize_t n = PyTuple_GET_SIZE (args);
  PyObject *all = PyTuple_New (n + 1);
  PyObject *result;

  if (all == NULL)
    return NULL;
  PyTuple_SET_ITEM (all, 0, Py_NewRef (self->instance));
  for (Py_ssize_t i = 0; i < n; i++)
    PyTuple_SET_ITEM (all, i + 1, Py_NewRef (PyTuple_GET_ITEM (args, i)));

  result = PyObject_Call (self->function, all, kwargs);
  Py_DECREF (all);
  return result;
}

static PyMemberDef method_members[] = {
  { "__func__", T_OBJECT, offsetof (Method, function), READONLY },
  { "__self__", T_OBJECT, offsetof (Method, instance), READONLY },
  { NULL },
};

static PyTypeObject method_type = {
  PyVarObject_HEAD_INIT (NULL, 0).tp_name = "_smartasync_glib.Method",
  .tp_doc = "Method(function, instance)\n--\n\nA Function with its first argument.",
  .tp_basicsize = sizeof (Method),
  .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
  .tp_new = method_new,
  .tp_dealloc = (destructor) method_dealloc,
  .tp_traverse = (traverseproc) method_traverse,
  .tp_clear = (inquiry) method_clear,
  .tp_call = (ternaryfunc) method_call,
  .tp_members = method_members,
  .tp_weaklistoffset = offsetof (Method, weak_references),
};

bool
smart_py_add_function (PyObject *module)
{
  return smart_py_intern ("_call", &name_of_call) &&
         PyModule_AddType (module, &function_type) == 0 &&
         PyModule_AddType (module, &method_type) == 0;
}
