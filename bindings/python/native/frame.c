/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Frames: detect.py says what they are for. */

#include "native.h"

static PyObject *top; /* the context variable */
static PyObject *plain_body, *blocking_body;

static int
frame_traverse (SmartPyFrame *self, visitproc visit, void *arg)
{
  Py_VISIT (self->kind);
  Py_VISIT (self->below);
  Py_VISIT (self->loop);
  Py_VISIT (self->made);
  Py_VISIT (self->owner);
  return 0;
}

static int
frame_clear (SmartPyFrame *self)
{
  Py_CLEAR (self->kind);
  Py_CLEAR (self->below);
  Py_CLEAR (self->loop);
  Py_CLEAR (self->made);
  Py_CLEAR (self->owner);
  return 0;
}

static void
frame_dealloc (SmartPyFrame *self)
{
  PyObject_GC_UnTrack (self);
  frame_clear (self);
  Py_TYPE (self)->tp_free ((PyObject *) self);
}

static bool
frame_is_here (SmartPyFrame *self)
{
  return (self->thread == 0 || self->thread == PyThread_get_thread_ident ()) &&
         self->depth == g_main_depth () && self->call == smart_call_get_current ();
}

static PyObject *
frame_is_here_method (SmartPyFrame *self, PyObject *unused)
{
  return PyBool_FromLong (frame_is_here (self));
}

static PyTypeObject frame_type;

static SmartPyFrame *
make_frame (PyTypeObject *type, PyObject *kind, PyObject *below, PyObject *loop)
{
  SmartPyFrame *self = (SmartPyFrame *) type->tp_alloc (type, 0);

  if (self == NULL)
    return NULL;

  self->kind = Py_NewRef (kind);
  self->below = Py_NewRef (below);
  self->loop = loop != Py_None ? PyWeakref_NewRef (loop, NULL) : Py_NewRef (loop);
  if (self->loop == NULL)
    {
      Py_DECREF (self);
      return NULL;
    }
  self->made = Py_NewRef (Py_None);
  self->owner = Py_NewRef (Py_None);
  self->call = smart_call_get_current ();
  self->thread = PyThread_get_thread_ident ();
  self->depth = g_main_depth ();
  return self;
}

static PyObject *
frame_new (PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
  PyObject *kind, *below = Py_None, *loop = Py_None;

  if (!PyArg_ParseTuple (args, "O|OO:Frame", &kind, &below, &loop))
    return NULL;

  return (PyObject *) make_frame (type, kind, below, loop);
}

static PyObject *
frame_get_loop (SmartPyFrame *self, void *unused)
{
  return self->loop != Py_None ? PyObject_CallNoArgs (self->loop) : Py_NewRef (self->loop);
}

static PyObject *
frame_get_call (SmartPyFrame *self, void *unused)
{
  return self->call != NULL ? PyLong_FromVoidPtr (self->call) : Py_NewRef (Py_None);
}

static int
frame_set_call (SmartPyFrame *self, PyObject *value, void *unused)
{
  gpointer call;

  if (!smart_py_get_gobject (value, SMART_TYPE_CALL, &call))
    return -1;

  self->call = call;
  return 0;
}

static PyMemberDef frame_members[] = {
  { "kind", T_OBJECT, offsetof (SmartPyFrame, kind), READONLY },
  { "below", T_OBJECT, offsetof (SmartPyFrame, below), READONLY },
  { "made", T_OBJECT, offsetof (SmartPyFrame, made) },
  { "owner", T_OBJECT, offsetof (SmartPyFrame, owner) },
  { "is_nested", T_BOOL, offsetof (SmartPyFrame, is_nested) },
  { NULL },
};

static PyGetSetDef frame_properties[] = {
  { "loop", (getter) frame_get_loop, NULL },
  { "call", (getter) frame_get_call, (setter) frame_set_call },
  { NULL },
};

static PyMethodDef frame_methods[] = {
  { "is_here", (PyCFunction) frame_is_here_method, METH_NOARGS,
    "Whether this is (perhaps with another loop) the code that it was made in." },
  { NULL },
};

static PyTypeObject frame_type = {
  PyVarObject_HEAD_INIT (NULL, 0).tp_name = "_smartasync_glib.Frame",
  .tp_doc = "Frame(kind, below=None, loop=None)\n--\n\nSome code: a body, or what runs in a mode.",
  .tp_basicsize = sizeof (SmartPyFrame),
  .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
  .tp_new = frame_new,
  .tp_dealloc = (destructor) frame_dealloc,
  .tp_traverse = (traverseproc) frame_traverse,
  .tp_clear = (inquiry) frame_clear,
  .tp_members = frame_members,
  .tp_getset = frame_properties,
  .tp_methods = frame_methods,
};

/* Whether no frame, no loop and nothing of the library's is around: the common case, where a call is
 * no more than that. On failure it is not, and an exception is set. */
bool
smart_py_is_plainly_sync (void)
{
  PyObject *found;
  bool is_bare;

  if (PyContextVar_Get (top, NULL, &found) < 0)
    return false;
  is_bare = found == Py_None;
  Py_DECREF (found);
  if (!is_bare || !smart_context_is_bare ())
    return false;

  found = smart_py_get_running_loop ();
  Py_XDECREF (found);
  return found == Py_None;
}

/* All blocking bodies that are called where there is neither loop nor call share one frame. */
PyObject *
smart_py_push_plain_body (void)
{
  return PyContextVar_Set (top, plain_body);
}

bool
smart_py_pop_frame (PyObject *token)
{
  bool done = PyContextVar_Reset (top, token) == 0;

  Py_DECREF (token);
  return done;
}

/* In a context of the body's own, which ends with it. */
bool
smart_py_push_blocking_body (void)
{
  PyObject *loop = smart_py_get_running_loop ();
  SmartPyFrame *frame;
  PyObject *token;

  if (loop == NULL)
    return false;
  if (PyObject_TypeCheck (loop, smart_py_hooks.loop_of_glib))
    Py_SETREF (loop, Py_NewRef (Py_None));
  frame = make_frame (&frame_type, blocking_body, Py_None, loop);
  Py_DECREF (loop);
  if (frame == NULL)
    return false;
  token = PyContextVar_Set (top, (PyObject *) frame);
  Py_DECREF (frame);
  Py_XDECREF (token);
  return token != NULL;
}

bool
smart_py_add_frame (PyObject *module)
{
  SmartPyFrame *frame;

  if (PyModule_AddType (module, &frame_type) < 0)
    return false;

  top = PyContextVar_New ("smartasync frame", Py_None);
  if (top == NULL || PyModule_AddObjectRef (module, "top", top) < 0)
    return false;

  blocking_body = PyUnicode_InternFromString ("blocking body");
  if (blocking_body == NULL || PyModule_AddObjectRef (module, "BLOCKING_BODY", blocking_body) < 0)
    return false;

  frame = make_frame (&frame_type, blocking_body, Py_None, Py_None);
  if (frame == NULL)
    return false;
  frame->thread = 0;
  frame->depth = 0;
  frame->call = NULL;
  plain_body = (PyObject *) frame;
  return PyModule_AddObjectRef (module, "PLAIN_BODY", plain_body) == 0;
}
