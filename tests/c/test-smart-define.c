/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The one-line macros: each type there and back, each kind of body, in each context. */

#include <smartasync-glib/smartasync-glib.h>

#include "smart-test.h"

/* Every type as an argument; the result tells all of them. */

static char *
tell_body (gboolean yes,
           int small,
           guint positive,
           gint64 big,
           guint64 huge,
           double real,
           const char *string,
           GFile *file,
           GBytes *bytes,
           GVariant *variant,
           GFileType type,
           GAppInfoCreateFlags flags,
           GCancellable *cancellable,
           GError **error)
{
  g_autofree char *base = file != NULL ? g_file_get_basename (file) : NULL;
  g_autofree char *printed = variant != NULL ? g_variant_print (variant, TRUE) : NULL;

  return g_strdup_printf ("%d %d %u %" G_GINT64_FORMAT " %" G_GUINT64_FORMAT
                          " %g %s %s %zu %s %d %u",
                          yes, small, positive, big, huge, real, string, base,
                          bytes != NULL ? g_bytes_get_size (bytes) : 0, printed, (int) type,
                          (guint) flags);
}

static char *tell (gboolean yes,
                   int small,
                   guint positive,
                   gint64 big,
                   guint64 huge,
                   double real,
                   const char *string,
                   GFile *file,
                   GBytes *bytes,
                   GVariant *variant,
                   GFileType type,
                   GAppInfoCreateFlags flags,
                   GCancellable *cancellable,
                   GError **error);
static void tell_async (gboolean yes,
                        int small,
                        guint positive,
                        gint64 big,
                        guint64 huge,
                        double real,
                        const char *string,
                        GFile *file,
                        GBytes *bytes,
                        GVariant *variant,
                        GFileType type,
                        GAppInfoCreateFlags flags,
                        GCancellable *cancellable,
                        GAsyncReadyCallback callback,
                        gpointer user_data);
static char *tell_finish (GAsyncResult *result, GError **error);
static SmartFuture *tell_future (gboolean yes,
                                 int small,
                                 guint positive,
                                 gint64 big,
                                 guint64 huge,
                                 double real,
                                 const char *string,
                                 GFile *file,
                                 GBytes *bytes,
                                 GVariant *variant,
                                 GFileType type,
                                 GAppInfoCreateFlags flags,
                                 GCancellable *cancellable);
static SmartAsyncFunc *tell_func (void);

/* clang-format off */
SMART_DEFINE_BLOCKING (char *, tell, tell_body, STRING,
                       (BOOLEAN, yes), (INT, small), (UINT, positive), (INT64, big), (UINT64, huge),
                       (DOUBLE, real), (STRING, string), (OBJECT (GFile *, G_TYPE_FILE), file),
                       (BOXED (GBytes *, G_TYPE_BYTES), bytes), (VARIANT, variant),
                       (ENUM (GFileType, G_TYPE_FILE_TYPE), type),
                       (FLAGS (GAppInfoCreateFlags, G_TYPE_APP_INFO_CREATE_FLAGS), flags))
/* clang-format on */

#define TOLD       "1 -5 4294967295 -9223372036854775807 18446744073709551615 0.1 Grüße f 3 uint32 7 2 3"
#define TOLD_NULLS "0 0 0 0 0 0 (null) (null) 0 (null) 0 0"

/* The C types of the arguments, as given. */
#define TELL_ARGS(file, bytes, variant) \
  TRUE, -5, G_MAXUINT, -G_MAXINT64, G_MAXUINT64, 0.1, "Grüße", file, bytes, variant, \
      G_FILE_TYPE_DIRECTORY, G_APP_INFO_CREATE_NEEDS_TERMINAL | G_APP_INFO_CREATE_SUPPORTS_URIS

typedef struct
{
  char *string;
  GError *error;
  GObject *source;
  gboolean done;
} Got;

static void
got_clear (Got *got)
{
  g_clear_pointer (&got->string, g_free);
  g_clear_error (&got->error);
  got->done = FALSE;
}

static gboolean
got_is_done (gpointer data)
{
  return ((Got *) data)->done;
}

static void
told (GObject *source, GAsyncResult *result, gpointer data)
{
  Got *got = data;

  g_assert_null (source);
  g_assert_false (got->done);
  got->string = tell_finish (result, &got->error);
  got->done = TRUE;
}

static void
tell_in_loop (gpointer data)
{
  g_autoptr (GFile) file = g_file_new_for_path ("/d/f");
  g_autoptr (GBytes) bytes = g_bytes_new_static ("abc", 3);
  g_autofree char *now = NULL;
  g_autoptr (GError) error = NULL;

  /* The sync one waits here, too. */
  now = tell (TELL_ARGS (file, bytes, g_variant_new_uint32 (7)), NULL, &error);
  g_assert_no_error (error);
  g_assert_nonnull (now);

  tell_async (TELL_ARGS (file, bytes, g_variant_new_uint32 (7)), NULL, told, data);
  g_assert_false (got_is_done (data));
}

static void
test_arguments (void)
{
  g_autoptr (GFile) file = g_file_new_for_path ("/d/f");
  g_autoptr (GBytes) bytes = g_bytes_new_static ("abc", 3);
  g_autoptr (GVariant) variant = g_variant_ref_sink (g_variant_new_uint32 (7));
  g_autoptr (GError) error = NULL;
  g_autofree char *string = NULL;
  g_autofree char *nulls = NULL;
  Got got = { NULL };

  string = tell (TELL_ARGS (file, bytes, variant), NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (string, ==, TOLD);

  nulls = tell (FALSE, 0, 0, 0, 0, 0, NULL, NULL, NULL, NULL, 0, 0, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (nulls, ==, TOLD_NULLS);

  smart_test_in_loop (tell_in_loop, got_is_done, &got);
  g_assert_no_error (got.error);
  g_assert_cmpstr (got.string, ==, TOLD);
  got_clear (&got);

  /* The caller's references, and no others. */
  g_assert_cmpint (G_OBJECT (file)->ref_count, ==, 1);
}

static void
tell_future_in_loop (gpointer data)
{
  SmartFuture **future = data;

  *future = tell_future (FALSE, 0, 0, 0, 0, 0, NULL, NULL, NULL, NULL, 0, 0, NULL);
}

static gboolean
has_settled (gpointer data)
{
  SmartFuture **future = data;

  return smart_future_get_status (*future) != SMART_FUTURE_PENDING;
}

/* The body waits for its caller to go on. */

static gboolean pass_body (SmartTestGate *gate, GCancellable *cancellable, GError **error);
static gboolean pass (SmartTestGate *gate, GCancellable *cancellable, GError **error);
static void pass_async (SmartTestGate *gate,
                        GCancellable *cancellable,
                        GAsyncReadyCallback callback,
                        gpointer user_data);
static gboolean pass_finish (GAsyncResult *result, GError **error);
static SmartFuture *pass_future (SmartTestGate *gate, GCancellable *cancellable);
static SmartAsyncFunc *pass_func (void);

static gboolean
pass_body (SmartTestGate *gate, GCancellable *cancellable, GError **error)
{
  smart_test_gate_wait (gate);
  return TRUE;
}

/* clang-format off */
SMART_DEFINE_BLOCKING (gboolean, pass, pass_body, NONE, (POINTER (SmartTestGate *), gate))
/* clang-format on */

static void
pass_in_loop (gpointer data)
{
  SmartFuture **future = data;
  g_auto (SmartTestGate) gate;

  smart_test_gate_init (&gate);
  *future = pass_future (&gate, NULL);
  g_assert_cmpint (smart_future_get_status (*future), ==, SMART_FUTURE_PENDING);
  smart_test_gate_open (&gate);
  g_assert_true (smart_future_wait (*future, -1, NULL, NULL, NULL));
}

static void
test_future (void)
{
  g_autoptr (GError) error = NULL;
  SmartFuture *future;
  char *string;

  future = tell_future (FALSE, 0, 0, 0, 0, 0, NULL, NULL, NULL, NULL, 0, 0, NULL);
  g_assert_cmpint (smart_future_get_status (future), ==, SMART_FUTURE_RESOLVED);
  g_object_unref (future);

  smart_test_in_loop (pass_in_loop, has_settled, &future);
  g_object_unref (future);

  smart_test_in_loop (tell_future_in_loop, has_settled, &future);
  string = smart_future_get_string (future, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (string, ==, TOLD_NULLS);
  g_free (string);
  g_object_unref (future);
}

static void
test_func (void)
{
  SmartAsyncFunc *func = tell_func ();
  g_auto (GValue) arg = G_VALUE_INIT;
  GValue result = G_VALUE_INIT;
  g_autoptr (GError) error = NULL;

  g_assert_true (SMART_IS_ASYNC_FUNC (func));
  g_assert_true (tell_func () == func);
  g_assert_cmpstr (smart_async_func_get_name (func), ==, "tell");
  g_assert_cmpint (smart_async_func_get_kind (func), ==, SMART_ASYNC_FUNC_BLOCKING);

  g_value_init (&arg, G_TYPE_INT);
  g_assert_false (smart_async_func_call_sync (func, NULL, &arg, 1, NULL, &result, &error));
  g_assert_error (error, SMART_ERROR, SMART_ERROR_INVALID_ARGUMENTS);
  g_assert_nonnull (strstr (error->message, "tell"));
  g_value_unset (&result);
}

/* Every type as a result, by functions that return what they are given. */

#define DECLARE_ECHO(Result, name, Arg) \
  static Result name##_body (Arg x, GCancellable *cancellable, GError **error); \
  static Result name (Arg x, GCancellable *cancellable, GError **error); \
  static void name##_async (Arg x, GCancellable *cancellable, GAsyncReadyCallback callback, \
                            gpointer data); \
  static Result name##_finish (GAsyncResult *result, GError **error); \
  static SmartFuture *name##_future (Arg x, GCancellable *cancellable); \
  static SmartAsyncFunc *name##_func (void); \
  static void name##_ready (GObject *source, GAsyncResult *result, gpointer data) \
  { \
    g_autoptr (GError) error = NULL; \
\
    *(Result *) data = name##_finish (result, &error); \
    g_assert_no_error (error); \
    g_main_context_wakeup (NULL); \
  } \
  static Result name##_body (Arg x, GCancellable *cancellable, GError **error)

/* clang-format off */
DECLARE_ECHO (gboolean, echo_boolean, gboolean) { return x; }
SMART_DEFINE_BLOCKING (gboolean, echo_boolean, echo_boolean_body, BOOLEAN, (BOOLEAN, x))
DECLARE_ECHO (int, echo_int, int) { return x; }
SMART_DEFINE_BLOCKING (int, echo_int, echo_int_body, INT, (INT, x))
DECLARE_ECHO (guint, echo_uint, guint) { return x; }
SMART_DEFINE_BLOCKING (guint, echo_uint, echo_uint_body, UINT, (UINT, x))
DECLARE_ECHO (gint64, echo_int64, gint64) { return x; }
SMART_DEFINE_BLOCKING (gint64, echo_int64, echo_int64_body, INT64, (INT64, x))
DECLARE_ECHO (guint64, echo_uint64, guint64) { return x; }
SMART_DEFINE_BLOCKING (guint64, echo_uint64, echo_uint64_body, UINT64, (UINT64, x))
DECLARE_ECHO (double, echo_double, double) { return x; }
SMART_DEFINE_BLOCKING (double, echo_double, echo_double_body, DOUBLE, (DOUBLE, x))
DECLARE_ECHO (char *, echo_string, const char *) { return g_strdup (x); }
SMART_DEFINE_BLOCKING (char *, echo_string, echo_string_body, STRING, (STRING, x))
DECLARE_ECHO (GObject *, echo_object, GObject *) { return x != NULL ? g_object_ref (x) : NULL; }
SMART_DEFINE_BLOCKING (GObject *, echo_object, echo_object_body, OBJECT, (OBJECT, x))
DECLARE_ECHO (GFile *, echo_file, GFile *) { return g_object_ref (x); }
SMART_DEFINE_BLOCKING (GFile *, echo_file, echo_file_body, OBJECT (G_TYPE_FILE), (OBJECT (GFile *, G_TYPE_FILE), x))
DECLARE_ECHO (GBytes *, echo_bytes, GBytes *) { return g_bytes_ref (x); }
SMART_DEFINE_BLOCKING (GBytes *, echo_bytes, echo_bytes_body, BOXED (G_TYPE_BYTES), (BOXED (GBytes *, G_TYPE_BYTES), x))
DECLARE_ECHO (GVariant *, echo_variant, GVariant *) { return g_variant_new_variant (x); }
SMART_DEFINE_BLOCKING (GVariant *, echo_variant, echo_variant_body, VARIANT, (VARIANT, x))
DECLARE_ECHO (GFileType, echo_enum, GFileType) { return x; }
SMART_DEFINE_BLOCKING (GFileType, echo_enum, echo_enum_body, ENUM (G_TYPE_FILE_TYPE), (ENUM (GFileType, G_TYPE_FILE_TYPE), x))
DECLARE_ECHO (GFileCopyFlags, echo_flags, GFileCopyFlags) { return x; }
SMART_DEFINE_BLOCKING (GFileCopyFlags, echo_flags, echo_flags_body, FLAGS (G_TYPE_FILE_COPY_FLAGS), (FLAGS (GFileCopyFlags, G_TYPE_FILE_COPY_FLAGS), x))
DECLARE_ECHO (gpointer, echo_pointer, gpointer) { return x; }
SMART_DEFINE_BLOCKING (gpointer, echo_pointer, echo_pointer_body, POINTER, (POINTER, x))
DECLARE_ECHO (char *, echo_owned, const char *) { return g_strdup (x); }
SMART_DEFINE_BLOCKING (char *, echo_owned, echo_owned_body, POINTER (g_free), (POINTER (const char *), x))
/* clang-format on */

typedef struct
{
  gboolean b;
  int i;
  guint u;
  gint64 i64;
  guint64 u64;
  double d;
  char *s;
  GObject *o;
  GFile *f;
  GBytes *y;
  GVariant *v;
  GFileType e;
  GFileCopyFlags g;
  gpointer p;
  char *q;

  GObject *object;
  GFile *file;
  GBytes *bytes;
} Echoes;

static void
echo_all (gpointer data)
{
  Echoes *echoes = data;

  echo_boolean_async (TRUE, NULL, echo_boolean_ready, &echoes->b);
  echo_int_async (-5, NULL, echo_int_ready, &echoes->i);
  echo_uint_async (G_MAXUINT, NULL, echo_uint_ready, &echoes->u);
  echo_int64_async (G_MININT64, NULL, echo_int64_ready, &echoes->i64);
  echo_uint64_async (G_MAXUINT64, NULL, echo_uint64_ready, &echoes->u64);
  echo_double_async (0.1, NULL, echo_double_ready, &echoes->d);
  echo_string_async ("Grüße", NULL, echo_string_ready, &echoes->s);
  echo_object_async (echoes->object, NULL, echo_object_ready, &echoes->o);
  echo_file_async (echoes->file, NULL, echo_file_ready, &echoes->f);
  echo_bytes_async (echoes->bytes, NULL, echo_bytes_ready, &echoes->y);
  echo_variant_async (g_variant_new_int32 (7), NULL, echo_variant_ready, &echoes->v);
  echo_enum_async (G_FILE_TYPE_SPECIAL, NULL, echo_enum_ready, &echoes->e);
  echo_flags_async (G_FILE_COPY_BACKUP, NULL, echo_flags_ready, &echoes->g);
  echo_pointer_async (echoes, NULL, echo_pointer_ready, &echoes->p);
  echo_owned_async ("owned", NULL, echo_owned_ready, &echoes->q);
}

static gboolean
has_all (gpointer data)
{
  Echoes *echoes = data;

  return echoes->b && echoes->i != 0 && echoes->u != 0 && echoes->i64 != 0 && echoes->u64 != 0 &&
         echoes->d != 0 && echoes->s != NULL && echoes->o != NULL && echoes->f != NULL &&
         echoes->y != NULL && echoes->v != NULL && echoes->e != 0 && echoes->g != 0 &&
         echoes->p != NULL && echoes->q != NULL;
}

static void
check_and_clear (Echoes *echoes)
{
  g_assert_true (echoes->b);
  g_assert_cmpint (echoes->i, ==, -5);
  g_assert_cmpuint (echoes->u, ==, G_MAXUINT);
  g_assert_cmpint (echoes->i64, ==, G_MININT64);
  g_assert_cmpuint (echoes->u64, ==, G_MAXUINT64);
  g_assert_cmpfloat (echoes->d, ==, 0.1);
  g_assert_cmpstr (echoes->s, ==, "Grüße");
  g_assert_true (echoes->o == echoes->object);
  g_assert_true (echoes->f == echoes->file);
  g_assert_true (g_bytes_equal (echoes->y, echoes->bytes));
  g_assert_true (g_variant_is_of_type (echoes->v, G_VARIANT_TYPE_VARIANT));
  g_assert_false (g_variant_is_floating (echoes->v));
  g_assert_cmpint (echoes->e, ==, G_FILE_TYPE_SPECIAL);
  g_assert_cmpuint (echoes->g, ==, G_FILE_COPY_BACKUP);
  g_assert_true (echoes->p == echoes);
  g_assert_cmpstr (echoes->q, ==, "owned");

  g_free (echoes->s);
  g_object_unref (echoes->o);
  g_object_unref (echoes->f);
  g_bytes_unref (echoes->y);
  g_variant_unref (echoes->v);
  g_free (echoes->q);
  memset (echoes, 0, G_STRUCT_OFFSET (Echoes, object));
}

static void
test_results (void)
{
  Echoes echoes = { 0 };

  echoes.object = G_OBJECT (g_simple_action_new ("a", NULL));
  echoes.file = g_file_new_for_path ("/f");
  echoes.bytes = g_bytes_new ("abc", 3);

  echoes.b = echo_boolean (TRUE, NULL, NULL);
  echoes.i = echo_int (-5, NULL, NULL);
  echoes.u = echo_uint (G_MAXUINT, NULL, NULL);
  echoes.i64 = echo_int64 (G_MININT64, NULL, NULL);
  echoes.u64 = echo_uint64 (G_MAXUINT64, NULL, NULL);
  echoes.d = echo_double (0.1, NULL, NULL);
  echoes.s = echo_string ("Grüße", NULL, NULL);
  echoes.o = echo_object (echoes.object, NULL, NULL);
  echoes.f = echo_file (echoes.file, NULL, NULL);
  echoes.y = echo_bytes (echoes.bytes, NULL, NULL);
  echoes.v = echo_variant (g_variant_new_int32 (7), NULL, NULL);
  echoes.e = echo_enum (G_FILE_TYPE_SPECIAL, NULL, NULL);
  echoes.g = echo_flags (G_FILE_COPY_BACKUP, NULL, NULL);
  echoes.p = echo_pointer (&echoes, NULL, NULL);
  echoes.q = echo_owned ("owned", NULL, NULL);
  check_and_clear (&echoes);

  smart_test_in_loop (echo_all, has_all, &echoes);
  check_and_clear (&echoes);

  g_assert_null (echo_object (NULL, NULL, NULL));
  g_assert_null (echo_string (NULL, NULL, NULL));

  g_assert_finalize_object (echoes.object);
  g_assert_finalize_object (echoes.file);
  g_bytes_unref (echoes.bytes);
}

/* Methods, of each kind. What they return is which body ran, and where. */

static GThread *thread_of_body; /* atomic */

static int
size_body (GListStore *self, int extra, GCancellable *cancellable, GError **error)
{
  g_atomic_pointer_set (&thread_of_body, g_thread_self ());
  if (extra < 0)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "Grüße %d", extra);
      return -1;
    }

  return (int) g_list_model_get_n_items (G_LIST_MODEL (self)) + extra;
}

static gboolean
return_size (gpointer data)
{
  SmartCall *call = data;
  int extra = smart_call_get_int (call, 0);
  GListModel *model = G_LIST_MODEL (smart_call_get_source_object (call));

  if (extra < 0)
    smart_call_return_new_error (call, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "Grüße %d", extra);
  else
    smart_call_return_int (call, 1000 + (int) g_list_model_get_n_items (model) + extra);

  return G_SOURCE_REMOVE;
}

static void
size_begin (SmartCall *call, GListStore *self, int extra)
{
  g_assert_true ((gpointer) self == (gpointer) smart_call_get_source_object (call));
  smart_call_add_timeout (call, 1, return_size, g_object_ref (call), g_object_unref);
}

#define DECLARE_SIZE(name) \
  static int name (GListStore *self, int extra, GCancellable *cancellable, GError **error); \
  static void name##_async (GListStore *self, int extra, GCancellable *cancellable, \
                            GAsyncReadyCallback callback, gpointer data); \
  static int name##_finish (GListStore *self, GAsyncResult *result, GError **error); \
  static SmartFuture *name##_future (GListStore *self, int extra, GCancellable *cancellable); \
  static SmartAsyncFunc *name##_func (void)

DECLARE_SIZE (size_blocking);
DECLARE_SIZE (size_later);
DECLARE_SIZE (size_dual);

/* clang-format off */
SMART_DEFINE_BLOCKING_METHOD (int, GListStore *, size_blocking, size_body, INT, (INT, extra))
SMART_DEFINE_ASYNC_METHOD (int, GListStore *, size_later, size_begin, INT, (INT, extra))
SMART_DEFINE_DUAL_METHOD (int, GListStore *, size_dual, size_begin, size_body, INT, (INT, extra))
/* clang-format on */

typedef struct
{
  GListStore *store;
  int extra;
  int (*finish) (GListStore *, GAsyncResult *, GError **);
  void (*begin) (GListStore *, int, GCancellable *, GAsyncReadyCallback, gpointer);
  GCancellable *cancellable;
  int size;
  GError *error;
  gboolean done;
} Sized;

static void
sized (GObject *source, GAsyncResult *result, gpointer data)
{
  Sized *s = data;
  g_autoptr (GObject) same = g_async_result_get_source_object (result);

  g_assert_true (source == G_OBJECT (s->store));
  g_assert_true (same == source);
  g_assert_true (g_async_result_get_user_data (result) == data);
  s->size = s->finish (s->store, result, &s->error);
  s->done = TRUE;
}

static void
size_in_loop (gpointer data)
{
  Sized *s = data;

  s->begin (s->store, s->extra, s->cancellable, sized, s);
  g_assert_false (s->done);
}

static gboolean
is_sized (gpointer data)
{
  return ((Sized *) data)->done;
}

static void
check_method (int (*now) (GListStore *, int, GCancellable *, GError **),
              void (*begin) (GListStore *, int, GCancellable *, GAsyncReadyCallback, gpointer),
              int (*finish) (GListStore *, GAsyncResult *, GError **),
              SmartFuture *(*future) (GListStore *, int, GCancellable *),
              SmartAsyncFunc *func,
              SmartAsyncFuncKind kind,
              int expected_now,
              int expected_later)
{
  g_autoptr (GListStore) store = g_list_store_new (G_TYPE_FILE);
  g_autoptr (GFile) file = g_file_new_for_path ("/f");
  g_autoptr (GCancellable) cancelled = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  g_autoptr (SmartFuture) settled = NULL;
  Sized s = { store, 5, finish, begin };

  g_list_store_append (store, file);
  g_cancellable_cancel (cancelled);
  g_assert_cmpint (smart_async_func_get_kind (func), ==, kind);

  g_assert_cmpint (now (store, 5, NULL, &error), ==, expected_now);
  g_assert_no_error (error);
  settled = future (store, 5, NULL);
  g_assert_cmpint (smart_future_get_int (settled, &error), ==, expected_now);
  g_assert_no_error (error);

  smart_test_in_loop (size_in_loop, is_sized, &s);
  g_assert_no_error (s.error);
  g_assert_cmpint (s.size, ==, expected_later);
  if (kind == SMART_ASYNC_FUNC_BLOCKING)
    g_assert_true (g_atomic_pointer_get (&thread_of_body) != (gpointer) g_thread_self ());

  /* Errors: unchanged, and the result is 0. */
  g_assert_cmpint (now (store, -1, NULL, &error), ==, 0);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
  g_assert_cmpstr (error->message, ==, "Grüße -1");
  g_clear_error (&error);

  s.done = FALSE;
  s.extra = -1;
  smart_test_in_loop (size_in_loop, is_sized, &s);
  g_assert_error (s.error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
  g_assert_cmpint (s.size, ==, 0);
  g_clear_error (&s.error);

  /* Cancelled before. */
  g_assert_cmpint (now (store, 1, cancelled, &error), ==, 0);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  s.done = FALSE;
  s.cancellable = cancelled;
  smart_test_in_loop (size_in_loop, is_sized, &s);
  g_assert_error (s.error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_clear_error (&s.error);
}

static void
test_blocking_method (void)
{
  check_method (size_blocking, size_blocking_async, size_blocking_finish, size_blocking_future,
                size_blocking_func (), SMART_ASYNC_FUNC_BLOCKING, 6, 6);
}

static void
test_async_method (void)
{
  check_method (size_later, size_later_async, size_later_finish, size_later_future,
                size_later_func (), SMART_ASYNC_FUNC_ASYNC, 1006, 1006);
}

static void
test_dual_method (void)
{
  check_method (size_dual, size_dual_async, size_dual_finish, size_dual_future, size_dual_func (),
                SMART_ASYNC_FUNC_DUAL, 6, 1006);
}

/* Without a result, and without arguments. */

static int n_touched; /* atomic */

static void
touch_body (GCancellable *cancellable, GError **error)
{
  g_atomic_int_inc (&n_touched);
  if (g_atomic_int_get (&n_touched) > 1)
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_EXISTS, "twice");
}

static void
touch_begin (SmartCall *call)
{
  g_atomic_int_inc (&n_touched);
  smart_call_return_none (call);
}

static gboolean
try_body (gboolean succeed, gboolean say_why, GCancellable *cancellable, GError **error)
{
  if (!succeed && say_why)
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_EXISTS, "why");
  return succeed;
}

static void touch (GCancellable *cancellable, GError **error);
static void touch_dual (GCancellable *cancellable, GError **error);
static void touch_later (GCancellable *cancellable, GError **error);
static gboolean try (gboolean succeed, gboolean say_why, GCancellable *cancellable, GError **error);
static void touch_async (GCancellable *cancellable,
                         GAsyncReadyCallback callback,
                         gpointer user_data);
static void touch_dual_async (GCancellable *cancellable,
                              GAsyncReadyCallback callback,
                              gpointer user_data);
static void touch_later_async (GCancellable *cancellable,
                               GAsyncReadyCallback callback,
                               gpointer user_data);
static void try_async (gboolean succeed,
                       gboolean say_why,
                       GCancellable *cancellable,
                       GAsyncReadyCallback callback,
                       gpointer user_data);
static void touch_finish (GAsyncResult *result, GError **error);
static void touch_dual_finish (GAsyncResult *result, GError **error);
static void touch_later_finish (GAsyncResult *result, GError **error);
static gboolean try_finish (GAsyncResult *result, GError **error);
static SmartFuture *touch_future (GCancellable *cancellable);
static SmartFuture *touch_dual_future (GCancellable *cancellable);
static SmartFuture *touch_later_future (GCancellable *cancellable);
static SmartFuture *try_future (gboolean succeed, gboolean say_why, GCancellable *cancellable);
static SmartAsyncFunc *touch_func (void);
static SmartAsyncFunc *touch_dual_func (void);
static SmartAsyncFunc *touch_later_func (void);
static SmartAsyncFunc *try_func (void);

/* clang-format off */
SMART_DEFINE_BLOCKING (void, touch, touch_body, NONE)
SMART_DEFINE_ASYNC (void, touch_later, touch_begin, NONE)
SMART_DEFINE_DUAL (void, touch_dual, touch_begin, touch_body, NONE)
SMART_DEFINE_BLOCKING (gboolean, try, try_body, NONE, (BOOLEAN, succeed), (BOOLEAN, say_why))
/* clang-format on */

static void
touched (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (source);
  touch_finish (result, &error);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_EXISTS);
  *(gboolean *) data = TRUE;
}

static void
touch_in_loop (gpointer data)
{
  touch_async (NULL, touched, data);
  touch_async (NULL, NULL, NULL);
}

static void
test_none (void)
{
  g_autoptr (GError) error = NULL;
  gboolean done = FALSE;

  g_atomic_int_set (&n_touched, 0);
  touch (NULL, &error);
  g_assert_no_error (error);
  touch (NULL, &error);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_EXISTS);
  g_clear_error (&error);
  touch_later (NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpint (g_atomic_int_get (&n_touched), ==, 3);
  smart_test_in_loop (touch_in_loop, smart_test_flag_is_set, &done);

  g_assert_true (try (TRUE, FALSE, NULL, &error));
  g_assert_no_error (error);
  g_assert_false (try (FALSE, TRUE, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_EXISTS);
  g_clear_error (&error);
  g_assert_false (try (FALSE, FALSE, NULL, &error));
  g_assert_error (error, SMART_ERROR, SMART_ERROR_NOT_RETURNED);
  g_assert_nonnull (strstr (error->message, "try"));
}

/* Misuse is a critical. */

static void
mix_up (GObject *source, GAsyncResult *result, gpointer data)
{
  smart_test_expect_critical ("*smart_future_is_result_of*",
                              g_assert_null (tell_finish (result, NULL)));
  touch_finish (result, NULL);
  *(gboolean *) data = TRUE;
}

static void
mix_up_in_loop (gpointer data)
{
  touch_async (NULL, mix_up, data);
}

static void
test_misuse (void)
{
  gboolean done = FALSE;

  smart_test_in_loop (mix_up_in_loop, smart_test_flag_is_set, &done);

  g_test_expect_message (G_LOG_DOMAIN, G_LOG_LEVEL_CRITICAL, "size_blocking: *G_IS_OBJECT (self)*");
  g_assert_cmpint (size_blocking (NULL, 1, NULL, NULL), ==, 0);
  g_test_assert_expected_messages ();
  g_test_expect_message (G_LOG_DOMAIN, G_LOG_LEVEL_CRITICAL, "size_blocking_async: *(self)*");
  size_blocking_async (NULL, 1, NULL, NULL, NULL);
  g_test_assert_expected_messages ();
  g_test_expect_message (G_LOG_DOMAIN, G_LOG_LEVEL_CRITICAL, "size_blocking_future: *(self)*");
  g_assert_null (size_blocking_future (NULL, 1, NULL));
  g_test_assert_expected_messages ();
}

/* Many first calls at once make one function. */

#define N_THREADS 8

static int one_body (GCancellable *cancellable, GError **error);
static int one (GCancellable *cancellable, GError **error);
static void one_async (GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
static int one_finish (GAsyncResult *result, GError **error);
static SmartFuture *one_future (GCancellable *cancellable);
static SmartAsyncFunc *one_func (void);

static int
one_body (GCancellable *cancellable, GError **error)
{
  return 1;
}

/* clang-format off */
SMART_DEFINE_BLOCKING (int, one, one_body, INT)
/* clang-format on */

static gpointer
get_one (gpointer gate)
{
  smart_test_gate_wait (gate);
  g_assert_cmpint (one (NULL, NULL), ==, 1);
  return one_func ();
}

static void
test_threads (void)
{
  g_auto (SmartTestGate) gate;
  GThread *threads[N_THREADS];

  smart_test_gate_init (&gate);
  for (guint i = 0; i < N_THREADS; i++)
    threads[i] = g_thread_new ("caller", get_one, &gate);
  smart_test_gate_wait_for_waiters (&gate, N_THREADS);
  smart_test_gate_open (&gate);
  for (guint i = 0; i < N_THREADS; i++)
    g_assert_true (g_thread_join (threads[i]) == one_func ());
}

int
main (int argc, char **argv)
{
  smart_test_init (&argc, &argv);

  smart_test_add ("/define/arguments", test_arguments);
  smart_test_add ("/define/results", test_results);
  smart_test_add ("/define/future", test_future);
  smart_test_add ("/define/func", test_func);
  smart_test_add ("/define/method/blocking", test_blocking_method);
  smart_test_add ("/define/method/async", test_async_method);
  smart_test_add ("/define/method/dual", test_dual_method);
  smart_test_add ("/define/none", test_none);
  smart_test_add ("/define/misuse", test_misuse);
  smart_test_add ("/define/threads", test_threads);

  return g_test_run ();
}
