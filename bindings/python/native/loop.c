/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Runs coroutines for sync callers: the first step, without the loop. loops.py has the rest. */

#include "native.h"

/* The part of a ThreadLoop that every run needs. */
typedef struct
{
  PyObject_HEAD
  PyObject *context;   /* its GLib.MainContext */
  PyObject *thread;    /* the identifier of its own */
  PyObject *thread_id; /* that of the thread that runs it, or None */
  PyObject *ready;     /* asyncio's queue of what is to be called */
  PyObject *spare;     /* a task that nobody has scheduled yet, or None */
  PyObject *root;  /* the task whose coroutine is driven without the loop, while it is, or None */
  PyObject *watch; /* cancels that task, or None */
  PyObject *body;  /* the frame of what it runs, or None until somebody asks: see detect.py */
  PyObject *first_iteration, *finalizer; /* its hooks of asynchronous generators */
  GMainContext *caller; /* the thread's default one around the run; NULL: the application's */
  gpointer wait;        /* the wait that the library knows of, or NULL */
  bool is_main;
} Loop;

/* What a coroutine yields for a future that may be waited for without the loop. */
typedef struct
{
  PyObject_HEAD
  PyObject *future;
} Outside;

static PyTypeObject loop_type;
static PyTypeObject outside_type;

/* asyncio's */
static PyObject *get_running_loop, *set_running_loop, *enter_task, *leave_task;

/* Names */
static PyObject *name_callbacks, *name_cancelling, *name_make_spare, *name_wait_outside,
    *name_end_watch, *name_go_on, *name_drain;

PyObject *
smart_py_get_running_loop (void)
{
  return PyObject_CallNoArgs (get_running_loop);
}

static bool
call_and_drop (PyObject *function, PyObject *first, PyObject *second)
{
  PyObject *args[] = { NULL, first, second };
  size_t n = second != NULL ? 2 : 1;
  PyObject *result =
      PyObject_Vectorcall (function, args + 1, n | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL);

  Py_XDECREF (result);
  return result != NULL;
}

static void
set (PyObject **field, PyObject *value)
{
  PyObject *old = *field;

  *field = Py_NewRef (value);
  Py_XDECREF (old);
}

/* One step, in the coroutine's own context variables. */
static PySendResult
send (PyObject *context, PyObject *coroutine, PyObject **result)
{
  PySendResult status = PYGEN_ERROR;

  *result = NULL;
  if (PyContext_Enter (context) < 0)
    return status;
  status = PyIter_Send (coroutine, Py_None, result);
  if (status == PYGEN_ERROR)
    {
      PyObject *raised = smart_py_take_raised ();

      PyContext_Exit (context);
      smart_py_raise_again (raised);
    }
  else
    {
      PyContext_Exit (context);
    }
  return status;
}

/* Drives it as long as it waits for nothing but what can be waited for without the loop. */
static PySendResult
drive (Loop *self,
       PyObject *task,
       PyObject *context,
       PyObject *coroutine,
       PyObject *cancellable,
       PyObject **result)
{
  PySendResult status = send (context, coroutine, result);

  while (status == PYGEN_NEXT && Py_IS_TYPE (*result, &outside_type))
    {
      Outside *outside = (Outside *) *result;
      PyObject *waited = PyObject_CallMethodObjArgs ((PyObject *) self, name_wait_outside, task,
                                                     outside->future, cancellable, NULL);

      Py_CLEAR (*result);
      if (waited == NULL)
        return PYGEN_ERROR;
      Py_DECREF (waited);
      status = send (context, coroutine, result);
    }
  return status;
}

/* The hooks of asynchronous generators, which a loop has in place while it runs */

typedef struct
{
  PyObject *first_iteration;
  PyObject *finalizer;
} Hooks;

/* Exchanges them for this thread's. By sys.set_asyncgen_hooks(), which is audited, it would cost as
 * much as half of all the rest. */
static void
exchange_hooks (Hooks *hooks)
{
  PyThreadState *state = PyThreadState_Get ();
  Hooks previous = { state->async_gen_firstiter, state->async_gen_finalizer };

  state->async_gen_firstiter = hooks->first_iteration;
  state->async_gen_finalizer = hooks->finalizer;
  *hooks = previous;
}

/* Whether the task is as it was made: the next run may have it. */
static bool
is_as_new (PyObject *task)
{
  PyObject *callbacks = PyObject_GetAttr (task, name_callbacks);
  PyObject *n_requests = PyObject_CallMethodNoArgs (task, name_cancelling);
  bool is_new = callbacks == Py_None && n_requests != NULL && PyObject_IsTrue (n_requests) == 0;

  Py_XDECREF (callbacks);
  Py_XDECREF (n_requests);
  return is_new;
}

/* What the first step came to: asyncio's state is as it was. An exception that is set stays so. */
static void
end_step (Loop *self, PyObject *task, Hooks *hooks, bool has_suspended)
{
  PyObject *raised = smart_py_take_raised ();

  set (&self->root, Py_None);
  exchange_hooks (hooks);
  Py_XDECREF (hooks->first_iteration);
  Py_XDECREF (hooks->finalizer);
  call_and_drop (leave_task, (PyObject *) self, task);
  set (&self->thread_id, Py_None);
  call_and_drop (set_running_loop, Py_None, NULL);
  if (!is_as_new (task))
    set (&self->spare, Py_None);
  if (!has_suspended && self->watch != NULL && self->watch != Py_None)
    Py_XDECREF (PyObject_CallMethodNoArgs ((PyObject *) self, name_end_watch));
  if (PyErr_Occurred ())
    PyErr_WriteUnraisable ((PyObject *) self);
  smart_py_raise_again (raised);
}

static PyObject *
run_in_context (Loop *self, PyObject *coroutine, PyObject *cancellable, PyObject *deadline)
{
  PyObject *task, *context, *result = NULL;
  PySendResult status = PYGEN_ERROR;
  bool has_begun;
  Hooks hooks;

  task = self->spare != NULL && self->spare != Py_None
             ? Py_NewRef (self->spare)
             : PyObject_CallMethodNoArgs ((PyObject *) self, name_make_spare);
  context = PyContext_CopyCurrent ();
  if (task == NULL || context == NULL)
    goto out;

  set (&self->thread_id, self->thread);
  has_begun = call_and_drop (set_running_loop, (PyObject *) self, NULL) &&
              call_and_drop (enter_task, (PyObject *) self, task);
  hooks.first_iteration = Py_XNewRef (self->first_iteration);
  hooks.finalizer = Py_XNewRef (self->finalizer);
  exchange_hooks (&hooks);
  /* Waits on the main thread have to see to signals. */
  set (&self->root, deadline == Py_None && !self->is_main ? task : Py_None);
  if (has_begun)
    status = drive (self, task, context, coroutine, cancellable, &result);
  end_step (self, task, &hooks, status == PYGEN_NEXT);

  if (status == PYGEN_NEXT)
    {
      PyObject *yielded = result;

      result = PyObject_CallMethodObjArgs ((PyObject *) self, name_go_on, task, coroutine, context,
                                           yielded, cancellable, deadline, NULL);
      Py_DECREF (yielded);
    }
  else if (status == PYGEN_RETURN && self->ready != NULL && PyObject_Size (self->ready) > 0)
    {
      PyObject *drained = PyObject_CallMethodNoArgs ((PyObject *) self, name_drain);

      if (drained == NULL)
        Py_CLEAR (result);
      Py_XDECREF (drained);
    }

out:
  Py_XDECREF (context);
  Py_XDECREF (task);
  return result;
}

/* What the coroutine returns.
 *
 * The first step is driven right here, as if by the task that asyncio would make of it; and by that
 * very task, if it suspends. Most of what costs time is the loop's, so a coroutine that has nothing
 * to wait for costs a tenth. */
PyObject *
smart_py_loop_run (PyObject *loop, PyObject *coroutine, PyObject *cancellable, PyObject *deadline)
{
  Loop *self = (Loop *) loop;
  GMainContext *context;
  PyObject *result;

  if (self->context == NULL || !smart_py_get_context (self->context, &context))
    return NULL;

  self->caller = g_main_context_get_thread_default ();
  g_main_context_push_thread_default (context);
  result = run_in_context (self, coroutine, cancellable, deadline);
  Py_CLEAR (self->body);
  g_main_context_pop_thread_default (context);
  return result;
}

/* Waits for one future, and nothing else, that the library knows of */

static PyObject *
begin_wait (Loop *self, PyObject *object)
{
  GMainContext *context;
  SmartWaitPlace place;
  SmartFuture *future;
  GError *error = NULL;

  if (!smart_py_get_future (object, &future) || !smart_py_get_context (self->context, &context))
    return NULL;
  self->wait = smart_future_begin_wait (future, context, self->caller, &place, &error);
  if (self->wait == NULL)
    {
      pyg_error_check (&error); /* which frees it */
      return NULL;
    }
  return PyLong_FromLong (place);
}

static PyObject *
end_wait (Loop *self, PyObject *unused)
{
  g_clear_pointer (&self->wait, smart_future_end_wait);
  Py_RETURN_NONE;
}

static PyObject *
poll_caller (Loop *self, PyObject *fd)
{
  GMainContext *context;
  long number = PyLong_AsLong (fd);

  if ((number == -1 && PyErr_Occurred ()) || !smart_py_get_context (self->context, &context))
    return NULL;
  return smart_py_poll (context, self->caller, number) ? Py_NewRef (Py_None) : NULL;
}

static PyObject *
iterate_caller (Loop *self, PyObject *unused)
{
  PyObject *result;

  g_main_context_push_thread_default (self->caller);
  result = smart_py_iterate (self->caller, FALSE);
  g_main_context_pop_thread_default (self->caller);
  return result;
}

static PyObject *
run_method (PyObject *self, PyObject *const *args, Py_ssize_t n)
{
  if (n != 3)
    {
      PyErr_SetString (PyExc_TypeError, "_run() takes a coroutine, a cancellable and a deadline");
      return NULL;
    }
  return smart_py_loop_run (self, args[0], args[1], args[2]);
}

static int
loop_traverse (Loop *self, visitproc visit, void *arg)
{
  Py_VISIT (self->context);
  Py_VISIT (self->thread);
  Py_VISIT (self->thread_id);
  Py_VISIT (self->ready);
  Py_VISIT (self->spare);
  Py_VISIT (self->root);
  Py_VISIT (self->watch);
  Py_VISIT (self->body);
  Py_VISIT (self->first_iteration);
  Py_VISIT (self->finalizer);
  return 0;
}

static int
loop_clear (Loop *self)
{
  Py_CLEAR (self->context);
  Py_CLEAR (self->thread);
  Py_CLEAR (self->thread_id);
  Py_CLEAR (self->ready);
  Py_CLEAR (self->spare);
  Py_CLEAR (self->root);
  Py_CLEAR (self->watch);
  Py_CLEAR (self->body);
  Py_CLEAR (self->first_iteration);
  Py_CLEAR (self->finalizer);
  return 0;
}

static void
loop_dealloc (Loop *self)
{
  PyObject_GC_UnTrack (self);
  loop_clear (self);
  Py_TYPE (self)->tp_free ((PyObject *) self);
}

static PyMemberDef loop_members[] = {
  { "_context", T_OBJECT, offsetof (Loop, context) },
  { "_thread", T_OBJECT, offsetof (Loop, thread) },
  { "_thread_id", T_OBJECT, offsetof (Loop, thread_id) },
  { "_ready", T_OBJECT, offsetof (Loop, ready) },
  { "_spare", T_OBJECT, offsetof (Loop, spare) },
  { "_root", T_OBJECT, offsetof (Loop, root) },
  { "_watch", T_OBJECT, offsetof (Loop, watch) },
  { "body", T_OBJECT, offsetof (Loop, body) },
  { "_firstiter", T_OBJECT, offsetof (Loop, first_iteration) },
  { "_finalizer", T_OBJECT, offsetof (Loop, finalizer) },
  { "_is_main", T_BOOL, offsetof (Loop, is_main) },
  { NULL },
};

static PyMethodDef loop_methods[] = {
  { "_run", (PyCFunction) (void (*) (void)) run_method, METH_FASTCALL,
    "_run(coroutine, cancellable, deadline)\n--\n\nWhat `coroutine` returns." },
  { "_begin_wait", (PyCFunction) begin_wait, METH_O,
    "_begin_wait(future)\n--\n\n"
    "Has the library know that nothing but `future` is waited for: what has to be iterated.\n"
    "Raises where it would never end." },
  { "_end_wait", (PyCFunction) end_wait, METH_NOARGS, "Ends that wait, if there is one." },
  { "_poll_caller", (PyCFunction) poll_caller, METH_O,
    "_poll_caller(fd)\n--\n\n"
    "Waits until there is something to do in the loop's context or in the caller's, or to read." },
  { "_iterate_caller", (PyCFunction) iterate_caller, METH_NOARGS, "Does what is to do there." },
  { NULL },
};

static PyTypeObject loop_type = {
  PyVarObject_HEAD_INIT (NULL, 0).tp_name = "_smartasync_glib.Loop",
  .tp_doc = "What a loop needs to have coroutines run for a sync caller.",
  .tp_basicsize = sizeof (Loop),
  .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
  .tp_new = PyType_GenericNew,
  .tp_dealloc = (destructor) loop_dealloc,
  .tp_traverse = (traverseproc) loop_traverse,
  .tp_clear = (inquiry) loop_clear,
  .tp_members = loop_members,
  .tp_methods = loop_methods,
};

/* Outside */

static int
outside_traverse (Outside *self, visitproc visit, void *arg)
{
  Py_VISIT (self->future);
  return 0;
}

static int
outside_clear (Outside *self)
{
  Py_CLEAR (self->future);
  return 0;
}

static void
outside_dealloc (Outside *self)
{
  PyObject_GC_UnTrack (self);
  outside_clear (self);
  Py_TYPE (self)->tp_free ((PyObject *) self);
}

static PyObject *
outside_new (PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
  PyObject *future;
  Outside *self;

  if (!PyArg_ParseTuple (args, "O:Outside", &future))
    return NULL;
  self = (Outside *) type->tp_alloc (type, 0);
  if (self != NULL)
    self->future = Py_NewRef (future);
  return (PyObject *) self;
}

static PyTypeObject outside_type = {
  PyVarObject_HEAD_INIT (NULL, 0).tp_name = "_smartasync_glib.Outside",
  .tp_doc = "Outside(future)\n--\n\n"
            "What a coroutine yields for a future that may be waited for without the loop.",
  .tp_basicsize = sizeof (Outside),
  .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
  .tp_new = outside_new,
  .tp_dealloc = (destructor) outside_dealloc,
  .tp_traverse = (traverseproc) outside_traverse,
  .tp_clear = (inquiry) outside_clear,
};

static bool
import (const char *module, const char *name, PyObject **function)
{
  PyObject *found = PyImport_ImportModule (module);

  *function = found != NULL ? PyObject_GetAttrString (found, name) : NULL;
  Py_XDECREF (found);
  return *function != NULL;
}

bool
smart_py_add_loop (PyObject *module)
{
  return import ("asyncio", "_get_running_loop", &get_running_loop) &&
         import ("asyncio", "_set_running_loop", &set_running_loop) &&
         import ("asyncio.tasks", "_enter_task", &enter_task) &&
         import ("asyncio.tasks", "_leave_task", &leave_task) &&
         smart_py_intern ("_callbacks", &name_callbacks) &&
         smart_py_intern ("cancelling", &name_cancelling) &&
         smart_py_intern ("_make_spare", &name_make_spare) &&
         smart_py_intern ("_wait_outside", &name_wait_outside) &&
         smart_py_intern ("_end_watch", &name_end_watch) &&
         smart_py_intern ("_go_on", &name_go_on) && smart_py_intern ("_drain", &name_drain) &&
         PyModule_AddType (module, &loop_type) == 0 &&
         PyModule_AddType (module, &outside_type) == 0;
}
