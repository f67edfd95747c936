/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The library's methods that take an array of GValues. From 3.57 on, PyGObject makes a copy of each
 * value in such an array and never unsets it: what a function is called with would be there for good. */

#include "native.h"

/* What they all take. */
typedef struct
{
  gpointer func;
  gpointer source;
  GValue *values; /* their contents are borrowed: the library copies them */
  guint n_values;
  gpointer cancellable;
} Call;

static bool
read_values (Call *call, PyObject *list)
{
  call->n_values = PyList_GET_SIZE (list);
  call->values = g_new (GValue, call->n_values);

  for (guint i = 0; i < call->n_values; i++)
    {
      PyObject *item = PyList_GET_ITEM (list, i);

      if (!pyg_boxed_check (item, G_TYPE_VALUE))
        {
          PyErr_Format (PyExc_TypeError, "not a GObject.Value: %R", item);
          g_free (call->values);
          return false;
        }
      call->values[i] = *pyg_boxed_get (item, GValue);
    }

  return true;
}

/* Of `objects`, the last four parameters of a method. */
static bool
read_call (Call *call, PyObject *const objects[4])
{
  if (objects[0] == Py_None)
    {
      PyErr_SetString (PyExc_TypeError, "func cannot be None");
      return false;
    }

  return smart_py_get_gobject (objects[0], SMART_TYPE_ASYNC_FUNC, &call->func) &&
         smart_py_get_gobject (objects[1], G_TYPE_OBJECT, &call->source) &&
         smart_py_get_gobject (objects[3], G_TYPE_CANCELLABLE, &call->cancellable) &&
         read_values (call, objects[2]);
}

/* Consumes the reference. */
static PyObject *
wrap (SmartFuture *future)
{
  PyObject *object = pygobject_new ((GObject *) future);

  g_clear_object (&future);
  return object;
}

/* What a method that waits gives: whether there is a result, which otherwise is an exception, and the
 * result. */
static PyObject *
give (gboolean done, GValue *result, GError *error)
{
  PyObject *value;

  if (!done)
    {
      pyg_error_check (&error); /* which frees it */
      return NULL;
    }

  value = pyg_value_as_pyobject (result, TRUE);
  g_value_unset (result);
  return value != NULL ? Py_BuildValue ("(ON)", Py_True, value) : NULL;
}

/* Callbacks */

typedef struct
{
  PyObject *callback;
  PyObject *user_data; /* a tuple */
} Ready;

static void
on_ready (GObject *source, GAsyncResult *result, gpointer data)
{
  PyGILState_STATE state = smart_py_ensure ();
  Ready *ready = data;
  PyObject *own =
      Py_BuildValue ("(NN)", pygobject_new (source), pygobject_new ((GObject *) result));
  PyObject *args = own != NULL ? PySequence_Concat (own, ready->user_data) : NULL;
  PyObject *returned = args != NULL ? PyObject_CallObject (ready->callback, args) : NULL;

  if (returned == NULL)
    PyErr_Print ();
  Py_XDECREF (returned);
  Py_XDECREF (args);
  Py_XDECREF (own);
  Py_DECREF (ready->user_data);
  Py_DECREF (ready->callback);
  g_free (ready);
  PyGILState_Release (state);
}

static bool
check_callback (PyObject *callback)
{
  if (callback == Py_None || PyCallable_Check (callback))
    return true;

  PyErr_Format (PyExc_TypeError, "not a callback: %R", callback);
  return false;
}

static Ready *
make_ready (PyObject *callback, PyObject *user_data)
{
  Ready *ready;

  if (callback == Py_None)
    return NULL;

  ready = g_new (Ready, 1);
  ready->callback = Py_NewRef (callback);
  ready->user_data = Py_NewRef (user_data);
  return ready;
}

/* The methods */

static PyObject *
callv (PyObject *module, PyObject *args)
{
  PyObject *objects[4];
  SmartFuture *future;
  Call call;

  if (!PyArg_ParseTuple (args, "OOO!O:callv", &objects[0], &objects[1], &PyList_Type, &objects[2],
                         &objects[3]) ||
      !read_call (&call, objects))
    return NULL;

  Py_BEGIN_ALLOW_THREADS future =
      smart_async_func_callv (call.func, call.source, call.values, call.n_values, call.cancellable);
  Py_END_ALLOW_THREADS g_free (call.values);
  return wrap (future);
}

static PyObject *
callv_sync (PyObject *module, PyObject *args)
{
  PyObject *objects[4];
  GValue result = G_VALUE_INIT;
  GError *error = NULL;
  gboolean done;
  Call call;

  if (!PyArg_ParseTuple (args, "OOO!O:callv_sync", &objects[0], &objects[1], &PyList_Type,
                         &objects[2], &objects[3]) ||
      !read_call (&call, objects))
    return NULL;

  Py_BEGIN_ALLOW_THREADS done =
      smart_async_func_call_sync (call.func, call.source, call.values, call.n_values,
                                  call.cancellable, &result, &error);
  Py_END_ALLOW_THREADS g_free (call.values);
  return give (done, &result, error);
}

static PyObject *
callv_async (PyObject *module, PyObject *args)
{
  PyObject *objects[4], *callback, *user_data;
  Ready *ready;
  Call call;

  if (!PyArg_ParseTuple (args, "OOO!OOO!:callv_async", &objects[0], &objects[1], &PyList_Type,
                         &objects[2], &objects[3], &callback, &PyTuple_Type, &user_data) ||
      !check_callback (callback) || !read_call (&call, objects))
    return NULL;

  ready = make_ready (callback, user_data);
  Py_BEGIN_ALLOW_THREADS smart_async_func_call_async (call.func, call.source, call.values,
                                                      call.n_values, call.cancellable,
                                                      ready != NULL ? on_ready : NULL, ready);
  Py_END_ALLOW_THREADS g_free (call.values);
  Py_RETURN_NONE;
}

static PyObject *
run_once (PyObject *module, PyObject *args)
{
  PyObject *lock_object, *objects[4];
  const char *key;
  gpointer lock;
  SmartFuture *future;
  Call call;

  if (!PyArg_ParseTuple (args, "OzOOO!O:run_once", &lock_object, &key, &objects[0], &objects[1],
                         &PyList_Type, &objects[2], &objects[3]) ||
      !smart_py_get_gobject (lock_object, SMART_TYPE_LOCK, &lock) || !read_call (&call, objects))
    return NULL;

  Py_BEGIN_ALLOW_THREADS future =
      smart_lock_run_once (lock, key, call.func, call.source, call.values, call.n_values,
                           call.cancellable);
  Py_END_ALLOW_THREADS g_free (call.values);
  return wrap (future);
}

static PyObject *
run_once_sync (PyObject *module, PyObject *args)
{
  PyObject *lock_object, *objects[4];
  const char *key;
  gpointer lock;
  GValue result = G_VALUE_INIT;
  GError *error = NULL;
  gboolean done;
  Call call;

  if (!PyArg_ParseTuple (args, "OzOOO!O:run_once_sync", &lock_object, &key, &objects[0],
                         &objects[1], &PyList_Type, &objects[2], &objects[3]) ||
      !smart_py_get_gobject (lock_object, SMART_TYPE_LOCK, &lock) || !read_call (&call, objects))
    return NULL;

  Py_BEGIN_ALLOW_THREADS done =
      smart_lock_run_once_sync (lock, key, call.func, call.source, call.values, call.n_values,
                                call.cancellable, &result, &error);
  Py_END_ALLOW_THREADS g_free (call.values);
  return give (done, &result, error);
}

static PyObject *
run_once_async (PyObject *module, PyObject *args)
{
  PyObject *lock_object, *objects[4], *callback, *user_data;
  const char *key;
  gpointer lock;
  Ready *ready;
  Call call;

  if (!PyArg_ParseTuple (args, "OzOOO!OOO!:run_once_async", &lock_object, &key, &objects[0],
                         &objects[1], &PyList_Type, &objects[2], &objects[3], &callback,
                         &PyTuple_Type, &user_data) ||
      !check_callback (callback) || !smart_py_get_gobject (lock_object, SMART_TYPE_LOCK, &lock) ||
      !read_call (&call, objects))
    return NULL;

  ready = make_ready (callback, user_data);
  Py_BEGIN_ALLOW_THREADS smart_lock_run_once_async (lock, key, call.func, call.source, call.values,
                                                    call.n_values, call.cancellable,
                                                    ready != NULL ? on_ready : NULL, ready);
  Py_END_ALLOW_THREADS g_free (call.values);
  Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
  { "callv", callv, METH_VARARGS,
    "callv(func, source, values, cancellable)\n--\n\nAs in C, with GObject.Values." },
  { "callv_sync", callv_sync, METH_VARARGS,
    "callv_sync(func, source, values, cancellable)\n--\n\nThe same, waiting: (True, value)." },
  { "callv_async", callv_async, METH_VARARGS,
    "callv_async(func, source, values, cancellable, callback, user_data)\n--\n\n"
    "The same, with a callback." },
  { "run_once", run_once, METH_VARARGS,
    "run_once(lock, key, func, source, values, cancellable)\n--\n\nThe same of a lock." },
  { "run_once_sync", run_once_sync, METH_VARARGS,
    "run_once_sync(lock, key, func, source, values, cancellable)\n--\n\n"
    "The same, waiting: (True, value)." },
  { "run_once_async", run_once_async, METH_VARARGS,
    "run_once_async(lock, key, func, source, values, cancellable, callback, user_data)\n--\n\n"
    "The same, with a callback." },
  { NULL },
};

bool
smart_py_add_arguments (PyObject *module)
{
  return PyModule_AddFunctions (module, methods) == 0;
}
