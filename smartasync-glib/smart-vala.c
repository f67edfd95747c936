/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Vala's generics. A T is a pointer in valac's C: a number that fits in one is
 * the pointer itself, anything else is behind it, and the type comes with the
 * functions that copy and free it. Between the caller and the body a T travels
 * as the GValue that any other language would have made. */

#include <smartasync-glib/smart-vala.h>

#include <smartasync-glib/smart-async-func.h>
#include <smartasync-glib/smart-executor.h>
#include <smartasync-glib/smart-future.h>
#include <smartasync-glib/smart-lock.h>
#include <smartasync-glib/smart-sync-call.h>

#include <gobject/gvaluecollector.h>

#include "smart-call-private.h"
#include "smart-i18n-private.h"
#include "smart-value-private.h"

/* A T, as valac gives it. Immutable. */
typedef struct
{
  GType type;
  GBoxedCopyFunc dup;     /* NULL: the pointer itself is the number */
  GDestroyNotify destroy; /* nullable */
} Generic;

/* What has no GType, in a GValue. Its copies share it. Immutable. */
typedef struct
{
  gpointer pointer;
  GDestroyNotify destroy;
} SmartValaBox;

static void
box_clear (gpointer data)
{
  SmartValaBox *box = data;

  if (box->destroy != NULL)
    box->destroy (box->pointer);
}

static SmartValaBox *
box_ref (SmartValaBox *box)
{
  return g_atomic_rc_box_acquire (box);
}

static void
box_unref (SmartValaBox *box)
{
  g_atomic_rc_box_release_full (box, box_clear);
}

static GType box_get_type (void);
G_DEFINE_BOXED_TYPE (SmartValaBox, box, box_ref, box_unref)

typedef enum
{
  KIND_NUMBER,
  KIND_POINTER, /* nobody owns it */
  KIND_VALUE,   /* what a GValue owns by one pointer */
  KIND_BOX
} Kind;

static Kind
generic_get_kind (const Generic *generic)
{
  GTypeValueTable *table;

  switch (G_TYPE_FUNDAMENTAL (generic->type))
    {
    case G_TYPE_BOOLEAN:
    case G_TYPE_CHAR:
    case G_TYPE_UCHAR:
    case G_TYPE_INT:
    case G_TYPE_UINT:
    case G_TYPE_LONG:
    case G_TYPE_ULONG:
    case G_TYPE_INT64:
    case G_TYPE_UINT64:
    case G_TYPE_FLOAT:
    case G_TYPE_DOUBLE:
    case G_TYPE_ENUM:
    case G_TYPE_FLAGS:
      return KIND_NUMBER;
    case G_TYPE_POINTER:
      return generic->destroy == NULL ? KIND_POINTER : KIND_BOX;
    case G_TYPE_INVALID:
    case G_TYPE_NONE:
      return KIND_BOX;
    default:
      /* Those of Vala's own classes, too, which are no GObjects. */
      table = g_type_value_table_peek (generic->type);
      return table != NULL && g_strcmp0 (table->collect_format, "p") == 0 ? KIND_VALUE : KIND_BOX;
    }
}

#define NUMBERS(X) \
  X (G_TYPE_BOOLEAN, gboolean, boolean) \
  X (G_TYPE_CHAR, gint8, schar) \
  X (G_TYPE_UCHAR, guchar, uchar) \
  X (G_TYPE_INT, int, int) \
  X (G_TYPE_UINT, guint, uint) \
  X (G_TYPE_LONG, glong, long) \
  X (G_TYPE_ULONG, gulong, ulong) \
  X (G_TYPE_INT64, gint64, int64) \
  X (G_TYPE_UINT64, guint64, uint64) \
  X (G_TYPE_FLOAT, float, float) \
  X (G_TYPE_DOUBLE, double, double) \
  X (G_TYPE_ENUM, int, enum) \
  X (G_TYPE_FLAGS, guint, flags)

static void
number_to_value (const Generic *generic, gconstpointer pointer, GValue *value)
{
  g_value_init (value, generic->type);

#define SET(TYPE, type_, name) \
  case TYPE: \
    g_value_set_##name (value, generic->dup != NULL ? *(const type_ *) pointer \
                                                    : (type_) (gintptr) pointer); \
    break;

  switch (G_TYPE_FUNDAMENTAL (generic->type))
    {
      NUMBERS (SET)
    default:
      g_assert_not_reached ();
    }

#undef SET
}

static gpointer
number_from_value (const Generic *generic, const GValue *value)
{
#define GET(TYPE, type_, name) \
  case TYPE: \
    { \
      type_ number = g_value_get_##name (value); \
      return generic->dup != NULL ? generic->dup (&number) : (gpointer) (gintptr) number; \
    }

  switch (G_TYPE_FUNDAMENTAL (generic->type))
    {
      NUMBERS (GET)
    default:
      g_assert_not_reached ();
    }

#undef GET
}

/* Takes @pointer. */
static void
generic_to_value (const Generic *generic, gpointer pointer, GValue *value)
{
  Kind kind = generic_get_kind (generic);
  GTypeCValue collected = { 0 };
  SmartValaBox *box;

  if (pointer == NULL && (kind != KIND_NUMBER || generic->dup != NULL))
    {
      g_value_init (value, G_TYPE_POINTER);
      return;
    }

  switch (kind)
    {
    case KIND_NUMBER:
      number_to_value (generic, pointer, value);
      break;
    case KIND_POINTER:
      g_value_init (value, generic->type);
      g_value_set_pointer (value, pointer);
      return;
    case KIND_VALUE:
      g_value_init (value, generic->type);
      collected.v_pointer = pointer;
      g_type_value_table_peek (generic->type)->collect_value (value, 1, &collected, 0);
      break;
    case KIND_BOX:
      box = g_atomic_rc_box_new0 (SmartValaBox);
      box->pointer = pointer;
      box->destroy = generic->destroy;
      g_value_init (value, box_get_type ());
      g_value_take_boxed (value, box);
      return;
    default:
      g_assert_not_reached ();
    }

  /* The value has a copy. */
  if (generic->destroy != NULL)
    generic->destroy (pointer);
}

static gboolean
is_null (const GValue *value)
{
  return G_VALUE_TYPE (value) == G_TYPE_INVALID ||
         (G_VALUE_HOLDS_POINTER (value) && g_value_get_pointer (value) == NULL);
}

/* An object may be more than the value's type says. */
static gboolean
holds (const GValue *value, GType type)
{
  if (g_type_is_a (G_VALUE_TYPE (value), type))
    return TRUE;

  return G_VALUE_HOLDS_OBJECT (value) && g_value_get_object (value) != NULL &&
         g_type_is_a (G_OBJECT_TYPE (g_value_get_object (value)), type);
}

static gboolean
generic_try_value (const Generic *generic, const GValue *value, gpointer *pointer)
{
  Kind kind = generic_get_kind (generic);
  GValue number = G_VALUE_INIT;

  *pointer = NULL;

  if (kind == KIND_NUMBER)
    {
      if (holds (value, generic->type))
        *pointer = number_from_value (generic, value);
      else if (smart_value_convert_number (value, generic->type, &number))
        *pointer = number_from_value (generic, &number);
      else
        return generic->dup != NULL && is_null (value);
      return TRUE;
    }

  if (is_null (value))
    return TRUE;
  if (!holds (value, kind == KIND_BOX ? box_get_type () : generic->type))
    return FALSE;

  *pointer = g_value_peek_pointer (value);
  if (kind == KIND_BOX)
    *pointer = ((SmartValaBox *) *pointer)->pointer;
  if (kind == KIND_POINTER || *pointer == NULL)
    return TRUE;

  /* An unowned T would be gone with the value. */
  if (generic->dup == NULL)
    {
      *pointer = NULL;
      return FALSE;
    }
  *pointer = generic->dup (*pointer);
  return TRUE;
}

static gpointer
generic_from_value (const Generic *generic, const GValue *value, GError **error)
{
  gpointer pointer;

  if (generic_try_value (generic, value, &pointer))
    return pointer;

  if (generic->dup == NULL && holds (value, generic->type))
    g_set_error (error, SMART_ERROR, SMART_ERROR_INVALID_ARGUMENTS,
                 _ ("The result is a %s that nobody would own"), smart_value_type_name (value));
  else
    g_set_error (error, SMART_ERROR, SMART_ERROR_INVALID_ARGUMENTS,
                 _ ("The result is a %s, not a %s"), smart_value_type_name (value),
                 g_type_name (generic->type));

  return pointer;
}

/* Clears @value. */
static gpointer
take_value (const Generic *generic, gboolean success, GValue *value, GError **error)
{
  gpointer pointer = success ? generic_from_value (generic, value, error) : NULL;

  if (G_IS_VALUE (value))
    g_value_unset (value);
  return pointer;
}

/* Results: valac gives the type to the function that begins, not to the one that finishes */

#define SMART_TYPE_VALA_RESULT (smart_vala_result_get_type ())
G_DECLARE_FINAL_TYPE (SmartValaResult, smart_vala_result, SMART, VALA_RESULT, GObject)

/* Belongs to the caller's context: there is nothing to lock. */
struct _SmartValaResult
{
  GObject parent_instance;

  Generic generic;
  GObject *source; /* a reference; nullable: it is the callback's that this forwards */
  GAsyncReadyCallback callback;
  gpointer user_data;
  GValue value;
  GError *error;
};

static gpointer
result_get_user_data (GAsyncResult *result)
{
  return SMART_VALA_RESULT (result)->user_data;
}

static GObject *
result_get_source_object (GAsyncResult *result)
{
  SmartValaResult *self = SMART_VALA_RESULT (result);

  return self->source != NULL ? g_object_ref (self->source) : NULL;
}

static void
result_iface_init (GAsyncResultIface *iface)
{
  iface->get_user_data = result_get_user_data;
  iface->get_source_object = result_get_source_object;
}

G_DEFINE_FINAL_TYPE_WITH_CODE (SmartValaResult,
                               smart_vala_result,
                               G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (G_TYPE_ASYNC_RESULT, result_iface_init))

static void
smart_vala_result_finalize (GObject *object)
{
  SmartValaResult *self = SMART_VALA_RESULT (object);

  g_clear_object (&self->source);
  if (G_IS_VALUE (&self->value))
    g_value_unset (&self->value);
  g_clear_error (&self->error);

  G_OBJECT_CLASS (smart_vala_result_parent_class)->finalize (object);
}

static void
smart_vala_result_class_init (SmartValaResultClass *class)
{
  G_OBJECT_CLASS (class)->finalize = smart_vala_result_finalize;
}

static void
smart_vala_result_init (SmartValaResult *self)
{
}

static SmartValaResult *
result_new (const Generic *generic,
            gpointer source,
            GAsyncReadyCallback callback,
            gpointer user_data)
{
  SmartValaResult *self = g_object_new (SMART_TYPE_VALA_RESULT, NULL);

  self->generic = *generic;
  self->source = source != NULL ? g_object_ref (source) : NULL;
  self->callback = callback;
  self->user_data = user_data;

  return self;
}

/* Takes @self. */
static void
result_forward (SmartValaResult *self)
{
  if (self->callback != NULL)
    self->callback (self->source, G_ASYNC_RESULT (self), self->user_data);
  g_object_unref (self);
}

/* Whether it is what a callback got from @source. */
static gboolean
result_is_of (GAsyncResult *result, gpointer source)
{
  return SMART_IS_VALA_RESULT (result) && SMART_VALA_RESULT (result)->source == source;
}

static gpointer
result_finish (GAsyncResult *result, GError **error)
{
  SmartValaResult *self = SMART_VALA_RESULT (result);

  if (self->error != NULL)
    {
      g_propagate_error (error, g_error_copy (self->error));
      return NULL;
    }
  return generic_from_value (&self->generic, &self->value, error);
}

static void
on_call_ready (GObject *source, GAsyncResult *result, gpointer data)
{
  SmartValaResult *self = data;

  smart_async_func_call_finish (SMART_ASYNC_FUNC (source), result, &self->value, &self->error);
  result_forward (self);
}

static void
on_run_once_ready (GObject *source, GAsyncResult *result, gpointer data)
{
  SmartValaResult *self = data;

  smart_lock_run_once_finish (SMART_LOCK (source), result, &self->value, &self->error);
  result_forward (self);
}

static void
on_wait_ready (GObject *source, GAsyncResult *result, gpointer data)
{
  SmartValaResult *self = data;

  smart_future_wait_finish (SMART_FUTURE (source), result, &self->value, &self->error);
  result_forward (self);
}

/* Bodies. What Vala gives as the target of a delegate that it keeps is ours. */

typedef struct
{
  Generic generic;
  gboolean takes_call; /* or it is a SmartValaWork */
  gpointer body;
  gpointer target;
  GDestroyNotify target_destroy;
} BlockingBody;

static void
blocking_body_free (gpointer data)
{
  BlockingBody *body = data;

  if (body->target_destroy != NULL)
    body->target_destroy (body->target);
  g_free (body);
}

static void
return_generic (SmartCall *call, const Generic *generic, gpointer pointer, GError *error)
{
  GValue value = G_VALUE_INIT;

  if (error != NULL)
    {
      smart_call_return_error (call, error);
      return;
    }

  generic_to_value (generic, pointer, &value);
  smart_call_return_value (call, &value);
  g_value_unset (&value);
}

static void
run_blocking_body (SmartCall *call, gpointer data)
{
  BlockingBody *body = data;
  GError *error = NULL;
  gpointer pointer;

  if (body->takes_call)
    pointer = ((SmartValaBody) body->body) (call, body->target, &error);
  else
    pointer = ((SmartValaWork) body->body) (body->target, &error);
  return_generic (call, &body->generic, pointer, error);
}

static BlockingBody *
blocking_body_new (const Generic *generic,
                   gboolean takes_call,
                   gpointer function,
                   gpointer target,
                   GDestroyNotify target_destroy)
{
  BlockingBody *body = g_new0 (BlockingBody, 1);

  body->generic = *generic;
  body->takes_call = takes_call;
  body->body = function;
  body->target = target;
  body->target_destroy = target_destroy;

  return body;
}

/* Reference-counted: a call that goes on outlives its function. */
typedef struct
{
  Generic generic;
  SmartValaBeginBody begin;
  gpointer begin_target;
  GDestroyNotify begin_target_destroy;
  SmartValaFinish finish;
  gpointer finish_target;
  GDestroyNotify finish_target_destroy;
} AsyncBody;

typedef struct
{
  AsyncBody *body;
  SmartCall *call;
} AsyncRun;

static void
async_body_clear (gpointer data)
{
  AsyncBody *body = data;

  if (body->begin_target_destroy != NULL)
    body->begin_target_destroy (body->begin_target);
  if (body->finish_target_destroy != NULL)
    body->finish_target_destroy (body->finish_target);
}

static void
async_body_unref (gpointer body)
{
  g_atomic_rc_box_release_full (body, async_body_clear);
}

static void
on_async_body_ready (GObject *source, GAsyncResult *result, gpointer data)
{
  AsyncRun *run = data;
  GError *error = NULL;
  gpointer pointer;

  pointer = run->body->finish (result, run->body->finish_target, &error);
  return_generic (run->call, &run->body->generic, pointer, error);

  g_object_unref (run->call);
  async_body_unref (run->body);
  g_free (run);
}

static void
begin_async_body (SmartCall *call, gpointer data)
{
  AsyncBody *body = data;
  AsyncRun *run = g_new0 (AsyncRun, 1);

  run->body = g_atomic_rc_box_acquire (body);
  run->call = g_object_ref (call);
  body->begin (call, on_async_body_ready, run, NULL, body->begin_target);
}

static AsyncBody *
async_body_new (const Generic *generic,
                SmartValaBeginBody begin,
                gpointer begin_target,
                GDestroyNotify begin_target_destroy,
                SmartValaFinish finish,
                gpointer finish_target,
                GDestroyNotify finish_target_destroy)
{
  AsyncBody *body = g_atomic_rc_box_new0 (AsyncBody);

  body->generic = *generic;
  body->begin = begin;
  body->begin_target = begin_target;
  body->begin_target_destroy = begin_target_destroy;
  body->finish = finish;
  body->finish_target = finish_target;
  body->finish_target_destroy = finish_target_destroy;

  return body;
}

/**
 * smart_vala_offload: (skip)
 *
 * `yield SmartAsync.offload<T> (() => …)`
 */
void
smart_vala_offload (GType type,
                    GBoxedCopyFunc dup,
                    GDestroyNotify destroy,
                    SmartValaWork work,
                    gpointer target,
                    GDestroyNotify target_destroy,
                    GCancellable *cancellable,
                    SmartExecutor *executor,
                    GAsyncReadyCallback callback,
                    gpointer user_data)
{
  const Generic generic = { type, dup, destroy };
  SmartAsyncFunc *func;

  g_return_if_fail (work != NULL);
  g_return_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable));
  g_return_if_fail (executor == NULL || SMART_IS_EXECUTOR (executor));

  func = smart_async_func_new_blocking (run_blocking_body,
                                        blocking_body_new (&generic, FALSE, (gpointer) work, target,
                                                           target_destroy),
                                        blocking_body_free);
  smart_async_func_set_name (func, "offload");
  if (executor != NULL)
    smart_async_func_set_executor (func, executor);

  smart_async_func_call_async (func, NULL, NULL, 0, cancellable, on_call_ready,
                               result_new (&generic, NULL, callback, user_data));
  g_object_unref (func);
}

/**
 * smart_vala_offload_finish: (skip)
 */
gpointer
smart_vala_offload_finish (GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (result_is_of (result, NULL), NULL);

  return result_finish (result, error);
}

static gboolean
is_policy (SmartMainContextPolicy policy)
{
  return policy == SMART_MAIN_CONTEXT_PRIVATE || policy == SMART_MAIN_CONTEXT_CURRENT;
}

/**
 * smart_vala_run_sync: (skip)
 *
 * `SmartAsync.run_sync<T> ((cb) => foo.begin (x, (owned) cb), (r) => foo.end (r))`
 */
gpointer
smart_vala_run_sync (GType type,
                     GBoxedCopyFunc dup,
                     GDestroyNotify destroy,
                     SmartValaBegin begin,
                     gpointer begin_target,
                     SmartValaFinish finish,
                     gpointer finish_target,
                     SmartMainContextPolicy policy,
                     GError **error)
{
  SmartSyncCall call = SMART_SYNC_CALL_INIT;
  GAsyncResult *result;
  gpointer pointer;

  g_return_val_if_fail (begin != NULL, NULL);
  g_return_val_if_fail (finish != NULL, NULL);
  g_return_val_if_fail (is_policy (policy), NULL);

  smart_sync_call_begin_full (&call, policy);
  begin (smart_sync_call_ready, &call, NULL, begin_target);
  result = smart_sync_call_wait (&call);
  pointer = finish (result, finish_target, error);
  g_object_unref (result);

  return pointer;
}

/**
 * smart_vala_func_of_blocking: (skip)
 */
SmartAsyncFunc *
smart_vala_func_of_blocking (GType type,
                             GBoxedCopyFunc dup,
                             GDestroyNotify destroy,
                             SmartValaBody body,
                             gpointer target,
                             GDestroyNotify target_destroy)
{
  const Generic generic = { type, dup, destroy };

  g_return_val_if_fail (body != NULL, NULL);

  return smart_async_func_new_blocking (run_blocking_body,
                                        blocking_body_new (&generic, TRUE, (gpointer) body, target,
                                                           target_destroy),
                                        blocking_body_free);
}

/**
 * smart_vala_func_of_async: (skip)
 */
SmartAsyncFunc *
smart_vala_func_of_async (GType type,
                          GBoxedCopyFunc dup,
                          GDestroyNotify destroy,
                          SmartValaBeginBody begin,
                          gpointer begin_target,
                          GDestroyNotify begin_target_destroy,
                          SmartValaFinish finish,
                          gpointer finish_target,
                          GDestroyNotify finish_target_destroy)
{
  const Generic generic = { type, dup, destroy };

  g_return_val_if_fail (begin != NULL, NULL);
  g_return_val_if_fail (finish != NULL, NULL);

  return smart_async_func_new (begin_async_body,
                               async_body_new (&generic, begin, begin_target, begin_target_destroy,
                                               finish, finish_target, finish_target_destroy),
                               async_body_unref);
}

/**
 * smart_vala_func_of_dual: (skip)
 */
SmartAsyncFunc *
smart_vala_func_of_dual (GType type,
                         GBoxedCopyFunc dup,
                         GDestroyNotify destroy,
                         SmartValaBeginBody begin,
                         gpointer begin_target,
                         GDestroyNotify begin_target_destroy,
                         SmartValaFinish finish,
                         gpointer finish_target,
                         GDestroyNotify finish_target_destroy,
                         SmartValaBody body,
                         gpointer target,
                         GDestroyNotify target_destroy)
{
  const Generic generic = { type, dup, destroy };

  g_return_val_if_fail (begin != NULL, NULL);
  g_return_val_if_fail (finish != NULL, NULL);
  g_return_val_if_fail (body != NULL, NULL);

  return smart_async_func_new_dual (begin_async_body,
                                    async_body_new (&generic, begin, begin_target,
                                                    begin_target_destroy, finish, finish_target,
                                                    finish_target_destroy),
                                    async_body_unref, run_blocking_body,
                                    blocking_body_new (&generic, TRUE, (gpointer) body, target,
                                                       target_destroy),
                                    blocking_body_free);
}

/* Typed calls */

/**
 * smart_vala_func_invoke_sync: (skip)
 */
gpointer
smart_vala_func_invoke_sync (SmartAsyncFunc *func,
                             GType type,
                             GBoxedCopyFunc dup,
                             GDestroyNotify destroy,
                             GObject *source,
                             const GValue *args,
                             guint n_args,
                             GCancellable *cancellable,
                             GError **error)
{
  const Generic generic = { type, dup, destroy };
  GValue value = G_VALUE_INIT;
  gboolean success;

  success = smart_async_func_call_sync (func, source, args, n_args, cancellable, &value, error);
  return take_value (&generic, success, &value, error);
}

/**
 * smart_vala_func_invoke_async: (skip)
 */
void
smart_vala_func_invoke_async (SmartAsyncFunc *func,
                              GType type,
                              GBoxedCopyFunc dup,
                              GDestroyNotify destroy,
                              GObject *source,
                              const GValue *args,
                              guint n_args,
                              GCancellable *cancellable,
                              GAsyncReadyCallback callback,
                              gpointer user_data)
{
  const Generic generic = { type, dup, destroy };

  g_return_if_fail (SMART_IS_ASYNC_FUNC (func));
  g_return_if_fail (source == NULL || G_IS_OBJECT (source));
  g_return_if_fail (n_args == 0 || args != NULL);
  g_return_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable));

  smart_async_func_call_async (func, source, args, n_args, cancellable, on_call_ready,
                               result_new (&generic, func, callback, user_data));
}

/**
 * smart_vala_func_invoke_finish: (skip)
 */
gpointer
smart_vala_func_invoke_finish (SmartAsyncFunc *func, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (SMART_IS_ASYNC_FUNC (func), NULL);
  g_return_val_if_fail (result_is_of (result, func), NULL);

  return result_finish (result, error);
}

/**
 * smart_vala_lock_invoke_sync: (skip)
 */
gpointer
smart_vala_lock_invoke_sync (SmartLock *lock,
                             GType type,
                             GBoxedCopyFunc dup,
                             GDestroyNotify destroy,
                             const char *key,
                             SmartAsyncFunc *func,
                             GObject *source,
                             const GValue *args,
                             guint n_args,
                             GCancellable *cancellable,
                             GError **error)
{
  const Generic generic = { type, dup, destroy };
  GValue value = G_VALUE_INIT;
  gboolean success;

  success =
      smart_lock_run_once_sync (lock, key, func, source, args, n_args, cancellable, &value, error);
  return take_value (&generic, success, &value, error);
}

/**
 * smart_vala_lock_invoke_async: (skip)
 */
void
smart_vala_lock_invoke_async (SmartLock *lock,
                              GType type,
                              GBoxedCopyFunc dup,
                              GDestroyNotify destroy,
                              const char *key,
                              SmartAsyncFunc *func,
                              GObject *source,
                              const GValue *args,
                              guint n_args,
                              GCancellable *cancellable,
                              GAsyncReadyCallback callback,
                              gpointer user_data)
{
  const Generic generic = { type, dup, destroy };

  g_return_if_fail (SMART_IS_LOCK (lock));
  g_return_if_fail (SMART_IS_ASYNC_FUNC (func));
  g_return_if_fail (source == NULL || G_IS_OBJECT (source));
  g_return_if_fail (n_args == 0 || args != NULL);
  g_return_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable));

  smart_lock_run_once_async (lock, key, func, source, args, n_args, cancellable, on_run_once_ready,
                             result_new (&generic, lock, callback, user_data));
}

/**
 * smart_vala_lock_invoke_finish: (skip)
 */
gpointer
smart_vala_lock_invoke_finish (SmartLock *lock, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (SMART_IS_LOCK (lock), NULL);
  g_return_val_if_fail (result_is_of (result, lock), NULL);

  return result_finish (result, error);
}

/**
 * smart_vala_future_get: (skip)
 */
gpointer
smart_vala_future_get (SmartFuture *future,
                       GType type,
                       GBoxedCopyFunc dup,
                       GDestroyNotify destroy,
                       GError **error)
{
  const Generic generic = { type, dup, destroy };
  GValue value = G_VALUE_INIT;
  gboolean success;

  success = smart_future_get_value (future, &value, error);
  return take_value (&generic, success, &value, error);
}

/**
 * smart_vala_future_wait_for: (skip)
 */
gpointer
smart_vala_future_wait_for (SmartFuture *future,
                            GType type,
                            GBoxedCopyFunc dup,
                            GDestroyNotify destroy,
                            gint64 timeout_usec,
                            GCancellable *cancellable,
                            GError **error)
{
  const Generic generic = { type, dup, destroy };
  GValue value = G_VALUE_INIT;
  gboolean success;

  success = smart_future_wait (future, timeout_usec, cancellable, &value, error);
  return take_value (&generic, success, &value, error);
}

/**
 * smart_vala_future_wait_for_async: (skip)
 */
void
smart_vala_future_wait_for_async (SmartFuture *future,
                                  GType type,
                                  GBoxedCopyFunc dup,
                                  GDestroyNotify destroy,
                                  GCancellable *cancellable,
                                  GAsyncReadyCallback callback,
                                  gpointer user_data)
{
  const Generic generic = { type, dup, destroy };

  g_return_if_fail (SMART_IS_FUTURE (future));
  g_return_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable));

  smart_future_wait_async (future, cancellable, on_wait_ready,
                           result_new (&generic, future, callback, user_data));
}

/**
 * smart_vala_future_wait_for_finish: (skip)
 */
gpointer
smart_vala_future_wait_for_finish (SmartFuture *future, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (SMART_IS_FUTURE (future), NULL);
  g_return_val_if_fail (result_is_of (result, future), NULL);

  return result_finish (result, error);
}

/**
 * smart_vala_call_get: (skip)
 */
gpointer
smart_vala_call_get (SmartCall *call,
                     GType type,
                     GBoxedCopyFunc dup,
                     GDestroyNotify destroy,
                     guint index)
{
  const Generic generic = { type, dup, destroy };
  const GValue null = G_VALUE_INIT;
  const GValue *value;
  gpointer pointer;

  g_return_val_if_fail (SMART_IS_LIVE_CALL (call), NULL);

  value = smart_call_get_value (call, index);
  if (value == NULL)
    {
      if (index >= smart_call_get_n_args (call))
        return NULL;
      value = &null;
    }

  if (!generic_try_value (&generic, value, &pointer))
    g_critical ("Argument %u of %s is a %s, not a %s", index, smart_call_get_label (call),
                smart_value_type_name (value), g_type_name (type));
  return pointer;
}

/* A SmartSyncCall on the heap, since Vala passes structs by their values where
 * their address is to stay. */

/**
 * smart_vala_sync_call_new: (skip)
 */
SmartValaSyncCall *
smart_vala_sync_call_new (SmartMainContextPolicy policy)
{
  SmartSyncCall *call;

  g_return_val_if_fail (is_policy (policy), NULL);

  call = g_new0 (SmartSyncCall, 1);
  smart_sync_call_begin_full (call, policy);

  return call;
}

/**
 * smart_vala_sync_call_free: (skip)
 */
void
smart_vala_sync_call_free (SmartValaSyncCall *call)
{
  smart_sync_call_clear (call);
  g_free (call);
}

/**
 * smart_vala_sync_call_ready: (skip)
 */
void
smart_vala_sync_call_ready (GObject *source, GAsyncResult *result, SmartValaSyncCall *call)
{
  smart_sync_call_ready (source, result, call);
}

/**
 * smart_vala_sync_call_wait: (skip)
 */
GAsyncResult *
smart_vala_sync_call_wait (SmartValaSyncCall *call)
{
  return smart_sync_call_wait (call);
}
