/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The library's functions that take an array of GValues. PyGObject makes a copy of each, which from 3.57
 * on it never unsets: whatever a function is called with would be there for good.
 */

#include "native.h"

/* What all of them take: a function and what it is called with. */
typedef struct
{
  SmartAsyncFunc *func;
  GObject *source;
  GCancellable *cancellable;
  PyObject *tuple; /* holds the values */
  GValue *values;
  guint n;
} Call;

/* Who is told that a call is over. */
typedef struct
{
  PyObject *callback;
  PyObject *data; /* a tuple */
} Ready;

static void
clear_call (Call *call)
{
  g_clear_pointer (&call->values, g_free);
  Py_CLEAR (call->tuple);
}

static bool
init_call (Call *call, PyObject *func, PyObject *source, PyObject *values, PyObject *cancellable)
{
  *call = (Call) { 0 };
  if (!smart_py_get_gobject (func, SMART_TYPE_ASYNC_FUNC, (gpointer *) &call->func) ||
      !smart_py_get_gobject (source, G_TYPE_OBJECT, (gpointer *) &call->source) ||
      !smart_py_get_gobject (cancellable, G_TYPE_CANCELLABLE, (gpointer *) &call->cancellable))
    return false;
  if (call->func == NULL)
    {
      PyErr_SetString (PyExc_TypeError, "there is no function to call");
      return false;
    }

  call->tuple = PySequence_Tuple (values);
  if (call->tuple == NULL)
    return false;
  call->n = PyTuple_GET_SIZE (call->tuple);
  call->values = g_new (GValue, call->n);
  for (guint i = 0; i < call->n; i++)
    {
      PyObject *value = PyTuple_GET_ITEM (call->tuple, i);

      if (!pyg_boxed_check (value, G_TYPE_VALUE))
        {
          PyErr_Format (PyExc_TypeError, "not a GObject.Value: %R", value);
          clear_call (call);
          return false;
        }
      /* The library makes copies. */
      call->values[i] = *pyg_boxed_get (value, GValue);
    }
  return true;
}

static void
on_ready (GObject *source, GAsyncResult *result, gpointer data)
{
  PyGILState_STATE state = smart_py_ensure ();
  Ready *ready = data;
  PyObject *args, *all, *told;

  smart_py_handle_signals (ready->callback);
  args = Py_BuildValue ("(NN)", pygobject_new (source), pygobject_new (G_OBJECT (result)));
  all = args != NULL ? PySequence_Concat (args, ready->data) : NULL;
  told = all != NULL ? PyObject_Call (ready->callback, all, NULL) : NULL;
  if (told == NULL)
    smart_py_report ();
  Py_XDECREF (told);
  Py_XDECREF (all);
  Py_XDECREF (args);
  Py_DECREF (ready->callback);
  Py_DECREF (ready->data);
  g_free (ready);
  PyGILState_Release (state);
}

static bool
make_ready (Ready **ready, PyObject *callback, PyObject *data)
{
  *ready = NULL;
  if (callback == Py_None)
    return true;
  if (!PyCallable_Check (callback))
    {
      PyErr_Format (PyExc_TypeError, "callback is to be callable, not %R", callback);
      return false;
    }

  *ready = g_new (Ready, 1);
  (*ready)->callback = Py_NewRef (callback);
  (*ready)->data = Py_NewRef (data);
  return true;
}

/* As PyGObject gives what succeeds and has a value. */
static PyObject *
take_result (gboolean done, GValue *value, GError *error)
{
  PyObject *result;

  if (!done)
    {
      pyg_error_check (&error); /* which frees it */
      return NULL;
    }
  result = pyg_value_as_pyobject (value, TRUE);
  g_value_unset (value);
  return result != NULL ? Py_BuildValue ("(ON)", Py_True, result) : NULL;
}

static PyObject *
take_future (SmartFuture *future)
{
  PyObject *object = pygobject_new ((GObject *) future);

  g_object_unref (future);
  return object;
}

/* Functions */

static PyObject *
callv (PyObject *module, PyObject *args)
{
  PyObject *func, *source, *values, *cancellable;
  SmartFuture *future;
  Call call;

  if (!PyArg_ParseTuple (args, "OOOO:callv", &func, &source, &values, &cancellable) ||
      !init_call (&call, func, source, values, cancellable))
    return NULL;

  Py_BEGIN_ALLOW_THREADS
    future = smart_async_func_callv (call.func, call.source, call.values, call.n, call.cancellable);
  Py_END_ALLOW_THREADS
  clear_call (&call);
  return take_future (future);
}

static PyObject *
callv_sync (PyObject *module, PyObject *args)
{
  PyObject *func, *source, *values, *cancellable;
  GValue value = G_VALUE_INIT;
  GError *error = NULL;
  gboolean done;
  Call call;

  if (!PyArg_ParseTuple (args, "OOOO:callv_sync", &func, &source, &values, &cancellable) ||
      !init_call (&call, func, source, values, cancellable))
    return NULL;

  Py_BEGIN_ALLOW_THREADS
    done = smart_async_func_call_sync (call.func, call.source, call.values, call.n,
                                       call.cancellable, &value, &error);
  Py_END_ALLOW_THREADS
  clear_call (&call);
  return take_result (done, &value, error);
}

static PyObject *
callv_async (PyObject *module, PyObject *args)
{
  PyObject *func, *source, *values, *cancellable, *callback, *data;
  Ready *ready;
  Call call;

  if (!PyArg_ParseTuple (args, "OOOOOO!:callv_async", &func, &source, &values, &cancellable,
                         &callback, &PyTuple_Type, &data) ||
      !init_call (&call, func, source, values, cancellable))
    return NULL;

  if (make_ready (&ready, callback, data))
    {
      Py_BEGIN_ALLOW_THREADS
        smart_async_func_call_async (call.func, call.source, call.values, call.n, call.cancellable,
                                     ready != NULL ? on_ready : NULL, ready);
      Py_END_ALLOW_THREADS
    }
  clear_call (&call);
  if (PyErr_Occurred ())
    return NULL;
  Py_RETURN_NONE;
}

/* Locks */

static bool
get_lock (PyObject *object, SmartLock **lock)
{
  return smart_py_get_gobject (object, SMART_TYPE_LOCK, (gpointer *) lock);
}

static PyObject *
run_once (PyObject *module, PyObject *args)
{
  PyObject *lock_object, *func, *source, *values, *cancellable;
  SmartFuture *future;
  const char *key;
  SmartLock *lock;
  Call call;

  if (!PyArg_ParseTuple (args, "OzOOOO:run_once", &lock_object, &key, &func, &source, &values,
                         &cancellable) ||
      !get_lock (lock_object, &lock) || !init_call (&call, func, source, values, cancellable))
    return NULL;

  Py_BEGIN_ALLOW_THREADS
    future = smart_lock_run_once (lock, key, call.func, call.source, call.values, call.n,
                                  call.cancellable);
  Py_END_ALLOW_THREADS
  clear_call (&call);
  return take_future (future);
}

static PyObject *
run_once_sync (PyObject *module, PyObject *args)
{
  PyObject *lock_object, *func, *source, *values, *cancellable;
  GValue value = G_VALUE_INIT;
  GError *error = NULL;
  const char *key;
  SmartLock *lock;
  gboolean done;
  Call call;

  if (!PyArg_ParseTuple (args, "OzOOOO:run_once_sync", &lock_object, &key, &func, &source, &values,
                         &cancellable) ||
      !get_lock (lock_object, &lock) || !init_call (&call, func, source, values, cancellable))
    return NULL;

  Py_BEGIN_ALLOW_THREADS
    done = smart_lock_run_once_sync (lock, key, call.func, call.source, call.values, call.n,
                                     call.cancellable, &value, &error);
  Py_END_ALLOW_THREADS
  clear_call (&call);
  return take_result (done, &value, error);
}

static PyObject *
run_once_async (PyObject *module, PyObject *args)
{
  PyObject *lock_object, *func, *source, *values, *cancellable, *callback, *data;
  const char *key;
  SmartLock *lock;
  Ready *ready;
  Call call;

  if (!PyArg_ParseTuple (args, "OzOOOOOO!:run_once_async", &lock_object, &key, &func, &source,
                         &values, &cancellable, &callback, &PyTuple_Type, &data) ||
      !get_lock (lock_object, &lock) || !init_call (&call, func, source, values, cancellable))
    return NULL;

  if (make_ready (&ready, callback, data))
    {
      Py_BEGIN_ALLOW_THREADS
        smart_lock_run_once_async (lock, key, call.func, call.source, call.values, call.n,
                                   call.cancellable, ready != NULL ? on_ready : NULL, ready);
      Py_END_ALLOW_THREADS
    }
  clear_call (&call);
  if (PyErr_Occurred ())
    return NULL;
  Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
  { "callv", callv, METH_VARARGS,
    "callv(func, source, values, cancellable)\n--\n\nAs AsyncFunc.callv()." },
  { "callv_sync", callv_sync, METH_VARARGS,
    "callv_sync(func, source, values, cancellable)\n--\n\nAs AsyncFunc.call_sync()." },
  { "callv_async", callv_async, METH_VARARGS,
    "callv_async(func, source, values, cancellable, callback, data)\n--\n\n"
    "As AsyncFunc.call_async(), whose callback gets what `data` has besides." },
  { "run_once", run_once, METH_VARARGS,
    "run_once(lock, key, func, source, values, cancellable)\n--\n\nAs Lock.run_once()." },
  { "run_once_sync", run_once_sync, METH_VARARGS,
    "run_once_sync(lock, key, func, source, values, cancellable)\n--\n\n"
    "As Lock.run_once_sync()." },
  { "run_once_async", run_once_async, METH_VARARGS,
    "run_once_async(lock, key, func, source, values, cancellable, callback, data)\n--\n\n"
    "As Lock.run_once_async(), whose callback gets what `data` has besides." },
  { NULL },
};

bool
smart_py_add_call (PyObject *module)
{
  return PyModule_AddFunctions (module, methods) == 0;
}
