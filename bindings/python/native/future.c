/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Calls of the library's functions, without PyGObject's objects around them. */

#include "native.h"

/* A call in flight that nobody but an asyncio loop sees. */
typedef struct
{
  PyObject_HEAD
  SmartFuture *future;
  PyObject *outcome;
  PyObject *work;
} Started;

static GType type_of_object; /* PyGObject's, of any Python object */

/* The single argument of a call. The library's copy takes a reference. */
static void
init_argument (GValue *value, PyObject *work)
{
  *value = (GValue) G_VALUE_INIT;
  g_value_init (value, type_of_object);
  g_value_set_static_boxed (value, work);
}

/* The objects of a call: a function, a source object and a cancellable. */
static bool
get_objects (PyObject *const *args, gpointer *func, gpointer *source, gpointer *cancellable)
{
  return smart_py_get_gobject (args[0], SMART_TYPE_ASYNC_FUNC, func) &&
         smart_py_get_gobject (args[1], G_TYPE_OBJECT, source) &&
         smart_py_get_gobject (args[3], G_TYPE_CANCELLABLE, cancellable);
}

static PyObject *
raise_error (GError *error)
{
  pyg_error_check (&error); /* which frees it */
  return NULL;
}

static PyObject *
call_sync (PyObject *module, PyObject *const *args, Py_ssize_t n)
{
  gpointer func, source, cancellable;
  GError *error = NULL;
  gboolean done;
  GValue argument;

  if (n != 4)
    {
      PyErr_SetString (PyExc_TypeError, "call_sync() takes a function, its source object, the work "
                                        "and a cancellable");
      return NULL;
    }
  if (!get_objects (args, &func, &source, &cancellable))
    return NULL;

  init_argument (&argument, args[2]);
  Py_BEGIN_ALLOW_THREADS
    done = smart_async_func_call_sync (func, source, &argument, 1, cancellable, NULL, &error);
  Py_END_ALLOW_THREADS
  if (!done)
    return raise_error (error);
  Py_RETURN_NONE;
}

static PyObject *
runs_inline (PyObject *module, PyObject *object)
{
  SmartExecutor *executor;
  gpointer func;

  if (!smart_py_get_gobject (object, SMART_TYPE_ASYNC_FUNC, &func))
    return NULL;
  executor = smart_async_func_get_executor (func);
  return PyBool_FromLong (executor != NULL && smart_executor_has_thread (executor));
}

/* Started */

static int
started_traverse (Started *self, visitproc visit, void *arg)
{
  Py_VISIT (self->outcome);
  Py_VISIT (self->work);
  return 0;
}

static int
started_clear (Started *self)
{
  Py_CLEAR (self->outcome);
  Py_CLEAR (self->work);
  return 0;
}

static void
started_dealloc (Started *self)
{
  PyObject_GC_UnTrack (self);
  g_clear_object (&self->future);
  if (self->outcome != NULL && ((SmartPyOutcome *) self->outcome)->is_done)
    smart_py_work_clear ((SmartPyWork *) self->work);
  started_clear (self);
  Py_TYPE (self)->tp_free ((PyObject *) self);
}

/* To begin one neither blocks nor calls back; and to give up the interpreter's lock would hand it to
 * the worker that is woken up, call by call. */
static SmartFuture *
start (SmartAsyncFunc *func,
       GObject *source,
       PyObject *work,
       GCancellable *cancellable,
       GMainContext *home)
{
  SmartFuture *future;
  bool has_to_say;
  GValue argument;

  init_argument (&argument, work);
  if (home != NULL)
    g_main_context_push_thread_default (home);
  has_to_say = !smart_context_is_async ();
  if (has_to_say)
    smart_context_push_mode (SMART_MODE_ASYNC);
  future = smart_async_func_callv (func, source, &argument, 1, cancellable);
  if (has_to_say)
    smart_context_pop_mode ();
  if (home != NULL)
    smart_py_leave_home (home);
  return future;
}

static PyObject *
started_new (PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
  PyObject *objects[4], *home_object;
  gpointer func, source, cancellable;
  GMainContext *home;
  Started *self;

  if (!PyArg_ParseTuple (args, "OOO!OO:Started", &objects[0], &objects[1], &smart_py_work_type,
                         &objects[2], &objects[3], &home_object))
    return NULL;
  if (!get_objects (objects, &func, &source, &cancellable) ||
      !smart_py_get_context (home_object, &home))
    return NULL;

  self = (Started *) type->tp_alloc (type, 0);
  if (self == NULL)
    return NULL;
  self->work = Py_NewRef (objects[2]);
  self->outcome = Py_XNewRef (((SmartPyWork *) self->work)->outcome);
  self->future = start (func, source, self->work, cancellable, home);
  return (PyObject *) self;
}

static bool
started_is_settled (Started *self)
{
  return smart_future_get_status (self->future) != SMART_FUTURE_PENDING;
}

static PyObject *
started_done (Started *self, PyObject *unused)
{
  return PyBool_FromLong (started_is_settled (self));
}

static PyObject *
started_cancel (Started *self, PyObject *unused)
{
  smart_future_cancel (self->future);
  Py_RETURN_NONE;
}

static PyObject *
started_get_error (Started *self, PyObject *unused)
{
  GError *error = NULL;

  if (smart_future_get_status (self->future) != SMART_FUTURE_REJECTED)
    Py_RETURN_NONE;

  smart_future_get_value (self->future, NULL, &error);
  raise_error (error);
  return smart_py_take_raised ();
}

static PyMemberDef started_members[] = {
  { "_outcome", T_OBJECT, offsetof (Started, outcome), READONLY },
  { NULL },
};

static PyMethodDef started_methods[] = {
  { "done", (PyCFunction) started_done, METH_NOARGS, NULL },
  { "cancel", (PyCFunction) started_cancel, METH_NOARGS, NULL },
  { "_get_error", (PyCFunction) started_get_error, METH_NOARGS,
    "The GLib.Error that it was rejected with, or None." },
  { NULL },
};

static PyTypeObject started_type = {
  PyVarObject_HEAD_INIT (NULL, 0).tp_name = "_smartasync_glib.Started",
  .tp_doc = "Started(func, source, work, cancellable, home)\n--\n\n"
            "Starts a call, whose result comes in the main context `home`.",
  .tp_basicsize = sizeof (Started),
  .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
  .tp_new = started_new,
  .tp_dealloc = (destructor) started_dealloc,
  .tp_traverse = (traverseproc) started_traverse,
  .tp_clear = (inquiry) started_clear,
  .tp_members = started_members,
  .tp_methods = started_methods,
};

/* Waiting */

bool
smart_py_get_future (PyObject *object, SmartFuture **future)
{
  gpointer found;

  if (PyObject_TypeCheck (object, &started_type))
    {
      *future = ((Started *) object)->future;
      return true;
    }
  if (!smart_py_get_gobject (object, SMART_TYPE_FUTURE, &found))
    return false;
  *future = found;
  return true;
}

static void
on_settled (GObject *source, GAsyncResult *result, gpointer callback)
{
  smart_py_notify (callback);
}

static PyObject *
wait_quietly (PyObject *module, PyObject *const *args, Py_ssize_t n)
{
  SmartFuture *future;
  GMainContext *home;

  if (n != 3)
    {
      PyErr_SetString (PyExc_TypeError, "wait() takes a future, a callback and a main context");
      return NULL;
    }
  if (!smart_py_get_future (args[0], &future) || !smart_py_get_context (args[2], &home))
    return NULL;

  if (home != NULL)
    g_main_context_push_thread_default (home);
  /* Dropped is what waits in a context whose loop was closed. */
  smart_future_watch (future, on_settled, Py_NewRef (args[1]), smart_py_drop);
  if (home != NULL)
    smart_py_leave_home (home);
  Py_RETURN_NONE;
}

/* As PyGObject calls what C calls back, but without what it would be given: an object that stands for
 * the result holds the future where the collector does not see it, and the frames of an error that is
 * read here would hold that object. */
static void
call_back (GObject *source, GAsyncResult *result, gpointer callback)
{
  PyGILState_STATE state = smart_py_ensure ();
  PyObject *called;

  smart_py_handle_signals (callback);
  called = PyObject_CallNoArgs (callback);
  if (called == NULL)
    PyErr_Print ();
  Py_XDECREF (called);
  Py_DECREF ((PyObject *) callback);
  PyGILState_Release (state);
}

static PyObject *
add_callback (PyObject *module, PyObject *const *args, Py_ssize_t n)
{
  SmartFuture *future;

  if (n != 2)
    {
      PyErr_SetString (PyExc_TypeError, "add_callback() takes a future and a callback");
      return NULL;
    }
  if (!smart_py_get_future (args[0], &future))
    return NULL;

  smart_future_watch (future, call_back, Py_NewRef (args[1]), smart_py_drop);
  Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
  { "call_sync", (PyCFunction) (void (*) (void)) call_sync, METH_FASTCALL,
    "call_sync(func, source, work, cancellable)\n--\n\n"
    "Calls it and waits. What comes of it is in the work's outcome." },
  { "runs_inline", runs_inline, METH_O,
    "Whether this thread is one of the pool's in which that function runs." },
  { "wait", (PyCFunction) (void (*) (void)) wait_quietly, METH_FASTCALL,
    "wait(future, callback, home)\n--\n\n"
    "Has `callback()` called in the main context `home` when it is settled. Nobody asks for what it\n"
    "has come to." },
  { "add_callback", (PyCFunction) (void (*) (void)) add_callback, METH_FASTCALL,
    "add_callback(future, callback)\n--\n\n"
    "Has `callback()` called in this context when it is settled, always by a source of its own." },
  { NULL },
};

bool
smart_py_add_future (PyObject *module)
{
  type_of_object = g_type_from_name ("PyObject");
  return PyModule_AddType (module, &started_type) == 0 &&
         PyModule_AddFunctions (module, methods) == 0;
}
