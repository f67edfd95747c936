/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Where the library calls Python: the bodies of its functions. */

#include "native.h"

/* The Python frame in whose call of the library this thread's innermost body runs. */
static _Thread_local PyFrameObject *caller;

/* Workers */

/* Where C calls into Python on a thread that Python has not started, Python makes a thread state,
 * with a stack, and frees it afterwards: for a short body that is a third of all that an offloaded
 * call costs, and the memory that is unmapped stops the other threads. The library's workers tell
 * when they end, so theirs lasts that long. */
static _Thread_local bool is_kept;

static void
on_ended (void)
{
  PyGILState_STATE state = smart_py_ensure ();

  is_kept = false;
  PyGILState_Release (PyGILState_LOCKED); /* what was kept */
  PyGILState_Release (state);             /* with which it is freed */
}

/* Has what Python knows of this thread kept until it ends, if it is a worker. */
static void
enter (void)
{
  smart_interpreter_entered ();
  if (is_kept || !smart_interpreter_keep (on_ended))
    return;
  is_kept = true;
  PyGILState_Ensure ();
}

static PyObject *
enter_method (PyObject *module, PyObject *unused)
{
  enter ();
  return PyBool_FromLong (is_kept);
}

/* Bodies that block */

/* What the function of the work gives, in the caller's context variables. */
static PyObject *
call_function (SmartCall *call, SmartPyWork *work)
{
  PyObject *context = Py_NewRef (work->context);
  PyObject *function = Py_NewRef (work->function);
  PyObject *args = Py_NewRef (work->args);
  PyObject *kwargs = Py_NewRef (work->kwargs);
  PyObject *result = NULL, *checked = NULL;

  if (PyContext_Enter (context) == 0)
    {
      PyObject *raised;

      if (smart_py_push_blocking_body () &&
          (caller == NULL || (checked = PyObject_CallNoArgs (smart_py_hooks.check)) != NULL))
        result = PyObject_Call (function, args, kwargs);
      Py_XDECREF (checked);
      if (result != NULL && PyCoro_CheckExact (result))
        {
          PyObject *coroutine = result;

          result = PyObject_CallFunction (smart_py_hooks.run_to_end, "OnO", coroutine,
                                          (Py_ssize_t) smart_call_get_cancellable (call),
                                          work->deadline != NULL ? work->deadline : Py_None);
          Py_DECREF (coroutine);
        }
      raised = smart_py_take_raised ();
      PyContext_Exit (context);
      smart_py_raise_again (raised);
    }

  /* What these hold goes before anybody hears of the result: on the caller's thread, that is. */
  Py_DECREF (kwargs);
  Py_DECREF (args);
  Py_DECREF (function);
  Py_DECREF (context);
  return result;
}

static void
tell (PyObject *hook, SmartCall *call, SmartPyWork *work, PyObject *what)
{
  PyObject *object = pygobject_new ((GObject *) call);
  PyObject *result =
      object != NULL ? PyObject_CallFunctionObjArgs (hook, object, work, what, NULL) : NULL;

  if (result == NULL)
    PyErr_WriteUnraisable (hook);
  Py_XDECREF (result);
  Py_XDECREF (object);
}

static void
run_work (SmartCall *call, SmartPyWork *work)
{
  PyFrameObject *outer = caller;
  PyObject *value;

  caller = PyEval_GetFrame ();
  Py_XINCREF (caller);
  value = call_function (call, work);
  Py_XDECREF (caller);
  caller = outer;

  if (value == NULL)
    {
      PyObject *error = smart_py_take_raised ();

      tell (smart_py_hooks.fail, call, work, error);
      Py_DECREF (error);
    }
  else if (work->is_plain && work->waiters == NULL)
    {
      /* It is for those who wait: C, which holds the work, is not to hold it. */
      PyObject *outcome = work->outcome;

      work->outcome = NULL;
      smart_py_outcome_resolve (outcome, value);
      Py_DECREF (value);
      Py_DECREF (outcome);
      smart_call_return_none (call);
    }
  else
    {
      tell (smart_py_hooks.finish, call, work, value);
      Py_DECREF (value);
    }
}

/* The library holds it while the body runs. */
static SmartPyWork *
get_work (SmartCall *call)
{
  return g_value_get_boxed (smart_call_get_args (call));
}

/* Takes the interpreter's lock for a body. Where Python ends, it refuses the call: its caller, a
 * handler of atexit's, is not to wait for a thread that is stopped. */
static bool
begin_body (SmartCall *call, PyGILState_STATE *state)
{
  if (smart_py_try_ensure (state))
    return true;
  smart_call_return_new_error (call, SMART_ERROR, SMART_ERROR_CLOSED,
                               "Python is ending: nothing can begin on another thread any more");
  return false;
}

/* The blocking body of every Python function. */
static void
on_run_work (SmartCall *call, gpointer unused)
{
  PyGILState_STATE state;

  if (!begin_body (call, &state))
    return;
  enter ();
  run_work (call, get_work (call));
  PyGILState_Release (state);
}

static PyObject *
run_work_method (PyObject *module, PyObject *const *args, Py_ssize_t n)
{
  gpointer call;

  if (n != 2 || !PyObject_TypeCheck (args[1], &smart_py_work_type))
    {
      PyErr_SetString (PyExc_TypeError, "run_work() takes a call and a work");
      return NULL;
    }
  if (!smart_py_get_gobject (args[0], SMART_TYPE_CALL, &call))
    return NULL;

  run_work (call, (SmartPyWork *) args[1]);
  Py_RETURN_NONE;
}

/* Other bodies, which are Python functions that catch what is raised */

static void
call_body (SmartCall *call, PyObject *body)
{
  smart_py_handle_signals (body);
  tell (body, call, get_work (call), NULL);
}

static void
on_begin (SmartCall *call, gpointer body)
{
  PyGILState_STATE state;

  if (!begin_body (call, &state))
    return;
  call_body (call, body);
  PyGILState_Release (state);
}

static void
on_block (SmartCall *call, gpointer body)
{
  PyGILState_STATE state;

  if (!begin_body (call, &state))
    return;
  enter ();
  call_body (call, body);
  PyGILState_Release (state);
}

static bool
is_run_work (PyObject *body)
{
  return PyCFunction_Check (body) &&
         PyCFunction_GET_FUNCTION (body) == (PyCFunction) (void (*) (void)) run_work_method;
}

/* Of which one may be None. */
static SmartAsyncFunc *
make_func (PyObject *begin, PyObject *block)
{
  SmartBody on_blocking = on_block;
  gpointer block_data = block;
  GDestroyNotify destroy = smart_py_drop;

  if (block == Py_None)
    return smart_async_func_new (on_begin, Py_NewRef (begin), smart_py_drop);

  if (is_run_work (block))
    {
      on_blocking = on_run_work;
      block_data = NULL;
      destroy = NULL;
    }
  Py_XINCREF ((PyObject *) block_data);
  if (begin == Py_None)
    return smart_async_func_new_blocking (on_blocking, block_data, destroy);
  return smart_async_func_new_dual (on_begin, Py_NewRef (begin), smart_py_drop, on_blocking,
                                    block_data, destroy);
}

static PyObject *
new_func (PyObject *module, PyObject *const *args, Py_ssize_t n)
{
  SmartAsyncFunc *func;
  PyObject *object;

  if (n != 2)
    {
      PyErr_SetString (PyExc_TypeError, "new_func() takes two bodies, one of which may be None");
      return NULL;
    }

  func = make_func (args[0], args[1]);
  object = pygobject_new ((GObject *) func);
  g_object_unref (func);
  return object;
}

static PyObject *
set_interpreted (PyObject *module, PyObject *object)
{
  gpointer func;

  if (!smart_py_get_gobject (object, SMART_TYPE_ASYNC_FUNC, &func))
    return NULL;
  smart_async_func_set_interpreted (func);
  Py_RETURN_NONE;
}

static PyObject *
is_caller (PyObject *module, PyObject *frame)
{
  return PyBool_FromLong (frame == (PyObject *) caller);
}

static PyMethodDef methods[] = {
  { "new_func", (PyCFunction) (void (*) (void)) new_func, METH_FASTCALL,
    "new_func(begin, block)\n--\n\n"
    "A function with these bodies, of which one may be None. They get the call and its work." },
  { "run_work", (PyCFunction) (void (*) (void)) run_work_method, METH_FASTCALL,
    "run_work(call, work)\n--\n\nThe blocking body of every Python function." },
  { "set_interpreted", set_interpreted, METH_O,
    "Has the workers' monitor not start threads that would wait for the interpreter's lock, too." },
  { "enter", enter_method, METH_NOARGS,
    "To be called where a body begins that a worker may run; whether Python's state is kept." },
  { "is_caller", is_caller, METH_O,
    "Whether the innermost body that C runs, here, was called from this frame." },
  { NULL },
};

bool
smart_py_add_body (PyObject *module)
{
  return PyModule_AddFunctions (module, methods) == 0;
}
