/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <smartasync-glib/smart-async-func.h>
#include <smartasync-glib/smart-call.h>
#include <string.h>

G_BEGIN_DECLS

/* What the macros below use; not to be called by hand. */

SMART_AVAILABLE_IN_1_0
SmartAsyncFunc *smart_define_new_func        (const char           *name,
                                              SmartBody             begin,
                                              SmartBody             body,
                                              GType                 return_type,
                                              const GType          *params,
                                              guint                 n_params);
SMART_AVAILABLE_IN_1_0
void            smart_define_call_async      (SmartAsyncFunc       *func,
                                              GObject              *source,
                                              const GValue         *args,
                                              guint                 n_args,
                                              GCancellable         *cancellable,
                                              GAsyncReadyCallback   callback,
                                              gpointer              user_data);
SMART_AVAILABLE_IN_1_0
void            smart_define_clear_args      (GValue               *args,
                                              guint                 n_args);
SMART_AVAILABLE_IN_1_0
gpointer        smart_define_take_pointer    (GValue               *value);
SMART_AVAILABLE_IN_1_0
void            smart_define_return_enum     (SmartCall            *call,
                                              GType                 type,
                                              int                   result);
SMART_AVAILABLE_IN_1_0
void            smart_define_return_flags    (SmartCall            *call,
                                              GType                 type,
                                              guint                 result);
SMART_AVAILABLE_IN_1_0
void            smart_define_return_variant  (SmartCall            *call,
                                              GVariant             *result);
SMART_AVAILABLE_IN_1_0
void            smart_define_return_success  (SmartCall            *call,
                                              gboolean              success);

#ifndef __GI_SCANNER__

/**
 * SMART_DEFINE_BLOCKING: (skip)
 * @Result: the C type of the result
 * @name: the name of the function to define
 * @body: an ordinary blocking function, declared before
 * @...: the type of the result, then for each argument its type and its name,
 *   `(STRING, path)`
 *
 * Defines, over @body, a function that is called from any context.
 *
 * ```c
 * static Thing *load_body (const char *path, int flags, GCancellable *cancellable, GError **error);
 * SMART_DEFINE_BLOCKING (Thing *, thing_load, load_body, OBJECT, (STRING, path), (INT, flags))
 * ```
 *
 * defines these, which the author declares in a header:
 *
 * ```c
 * Thing          *thing_load        (const char *path, int flags, GCancellable *cancellable, GError **error);
 * void            thing_load_async  (const char *path, int flags, GCancellable *cancellable,
 *                                    GAsyncReadyCallback callback, gpointer user_data);
 * Thing          *thing_load_finish (GAsyncResult *result, GError **error);
 * SmartFuture    *thing_load_future (const char *path, int flags, GCancellable *cancellable);
 * SmartAsyncFunc *thing_load_func   (void);
 * ```
 *
 * `thing_load ()` always waits, `thing_load_async ()` never does, and
 * `thing_load_future ()` does what fits the caller's context. The callback's
 * source object is %NULL. `thing_load_func ()` gives the function itself: one
 * for the whole process, which it keeps.
 *
 * The body fails by setting its error. Then the others return 0 or %NULL with
 * the error set.
 *
 * The types of arguments, and their C types:
 *
 * | written | C type |
 * | --- | --- |
 * | `BOOLEAN`, `INT`, `UINT`, `INT64`, `UINT64`, `DOUBLE` | `gboolean`, `int`, `guint`, `gint64`, `guint64`, `double` |
 * | `STRING` | `const char *` |
 * | `VARIANT` | `GVariant *` |
 * | `OBJECT`, `OBJECT (GFile *, G_TYPE_FILE)` | `GObject *`, or as written |
 * | `BOXED (GBytes *, G_TYPE_BYTES)` | as written |
 * | `ENUM (GFileType, G_TYPE_FILE_TYPE)`, `FLAGS (…, …)` | as written |
 * | `POINTER`, `POINTER (const Options *)` | `gpointer`, or as written; must live as long as the call |
 *
 * A result is owned by the caller. Its C type comes first, and so its type is
 * written `OBJECT` or `OBJECT (G_TYPE_FILE)`, `BOXED (G_TYPE_BYTES)`,
 * `ENUM (G_TYPE_…)`, `FLAGS (G_TYPE_…)`, `POINTER` or, with what frees it,
 * `POINTER (thing_free)`, and else as above; a `STRING` is a `char *`. `NONE` is
 * for a body that returns `void`, or a #gboolean that says whether it succeeded.
 *
 * There may be 12 arguments. What does not fit fails to compile, with a message
 * that says what should be there.
 *
 * Since: 1.0
 */
#define SMART_DEFINE_BLOCKING(Result, name, body, ...) \
  SMART_D_DEFINE (BLOCKING, PLAIN, Result, , name, , body, __VA_ARGS__)

/**
 * SMART_DEFINE_BLOCKING_METHOD: (skip)
 * @Result: the C type of the result
 * @Self: the C type of the object, a pointer
 * @name: the name of the method to define
 * @body: an ordinary blocking function, whose first argument is the object
 * @...: the type of the result, then the arguments after the object
 *
 * Does what SMART_DEFINE_BLOCKING() does, for a method. The first argument of
 * all functions, also of the `…_finish ()`, is the object, `self`. It is the
 * call's source object, and the callback's.
 *
 * ```c
 * static GBytes *load_body (Thing *self, const char *path, GCancellable *cancellable, GError **error);
 * SMART_DEFINE_BLOCKING_METHOD (GBytes *, Thing *, thing_load, load_body, BOXED (G_TYPE_BYTES), (STRING, path))
 * ```
 *
 * Since: 1.0
 */
#define SMART_DEFINE_BLOCKING_METHOD(Result, Self, name, body, ...) \
  SMART_D_DEFINE (BLOCKING, METHOD, Result, Self, name, , body, __VA_ARGS__)

/**
 * SMART_DEFINE_ASYNC: (skip)
 * @Result: the C type of the result
 * @name: the name of the function to define
 * @begin: a function that begins the work, declared before
 * @...: the type of the result, then the arguments
 *
 * Does what SMART_DEFINE_BLOCKING() does, over an asynchronous body. That takes
 * the call and the arguments, keeps a reference to the call, and returns the
 * result to it later.
 *
 * ```c
 * static void load_begin (SmartCall *call, const char *path, int flags);
 * SMART_DEFINE_ASYNC (Thing *, thing_load, load_begin, OBJECT, (STRING, path), (INT, flags))
 * ```
 *
 * Since: 1.0
 */
#define SMART_DEFINE_ASYNC(Result, name, begin, ...) \
  SMART_D_DEFINE (ASYNC, PLAIN, Result, , name, begin, , __VA_ARGS__)

/**
 * SMART_DEFINE_ASYNC_METHOD: (skip)
 * @Result: the C type of the result
 * @Self: the C type of the object, a pointer
 * @name: the name of the method to define
 * @begin: a function that begins the work; takes the call, the object, the arguments
 * @...: the type of the result, then the arguments after the object
 *
 * Does what SMART_DEFINE_ASYNC() does, for a method.
 *
 * Since: 1.0
 */
#define SMART_DEFINE_ASYNC_METHOD(Result, Self, name, begin, ...) \
  SMART_D_DEFINE (ASYNC, METHOD, Result, Self, name, begin, , __VA_ARGS__)

/**
 * SMART_DEFINE_DUAL: (skip)
 * @Result: the C type of the result
 * @name: the name of the function to define
 * @begin: an asynchronous body, as for SMART_DEFINE_ASYNC()
 * @body: a blocking body, as for SMART_DEFINE_BLOCKING()
 * @...: the type of the result, then the arguments
 *
 * Does what SMART_DEFINE_BLOCKING() does, over a body of each kind.
 *
 * Since: 1.0
 */
#define SMART_DEFINE_DUAL(Result, name, begin, body, ...) \
  SMART_D_DEFINE (DUAL, PLAIN, Result, , name, begin, body, __VA_ARGS__)

/**
 * SMART_DEFINE_DUAL_METHOD: (skip)
 * @Result: the C type of the result
 * @Self: the C type of the object, a pointer
 * @name: the name of the method to define
 * @begin: an asynchronous body, as for SMART_DEFINE_ASYNC_METHOD()
 * @body: a blocking body, as for SMART_DEFINE_BLOCKING_METHOD()
 * @...: the type of the result, then the arguments after the object
 *
 * Does what SMART_DEFINE_DUAL() does, for a method.
 *
 * Since: 1.0
 */
#define SMART_DEFINE_DUAL_METHOD(Result, Self, name, begin, body, ...) \
  SMART_D_DEFINE (DUAL, METHOD, Result, Self, name, begin, body, __VA_ARGS__)

/*< private >*/

/* The rest is how. All that begins with SMART_D_ is private.
 *
 * A type's name, which may have parameters in parentheses, is told apart by
 * SMART_D_SPLIT: known ones become two things, a tag and the parameters.
 * SMART_D_FORM and SMART_D_RESULT_FORM list which numbers of parameters a tag
 * goes with. If anything is wrong, messages are all that is defined: nothing
 * hides them. */

/* Of macros' arguments */

#define SMART_D_EMPTY(...)
#define SMART_D_FIRST(...)                SMART_D_FIRST_ (__VA_ARGS__, ~)
#define SMART_D_FIRST_(first, ...)        first
#define SMART_D_SECOND(...)               SMART_D_SECOND_ (__VA_ARGS__, ~)
#define SMART_D_SECOND_(first, second, ...) second
#define SMART_D_CAT(a, b)                 SMART_D_CAT_ (a, b)
#define SMART_D_CAT_(a, b)                a##b
#define SMART_D_CAT4(a, b, c, d)          SMART_D_CAT4_ (a, b, c, d)
#define SMART_D_CAT4_(a, b, c, d)         a##b##c##d
#define SMART_D_STRING(...)               SMART_D_STRING_ (__VA_ARGS__)
#define SMART_D_STRING_(...)              #__VA_ARGS__

/* How many there are: 1 for none, MANY for more than are possible. */
#define SMART_D_COUNT(...) \
  SMART_D_AT_41 (__VA_ARGS__, MANY, MANY, MANY, MANY, MANY, MANY, MANY, MANY, MANY, MANY, MANY, MANY, \
                 MANY, MANY, MANY, MANY, MANY, MANY, MANY, MANY, MANY, MANY, MANY, MANY, \
                 MANY, MANY, MANY, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, ~)
#define SMART_D_HAS_COMMA(...) \
  SMART_D_AT_41 (__VA_ARGS__, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, \
                 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, ~)
#define SMART_D_AT_41(a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, \
                       a16, a17, a18, a19, a20, a21, a22, a23, a24, a25, a26, a27, a28, a29, \
                       a30, a31, a32, a33, a34, a35, a36, a37, a38, a39, a40, n, ...) n

/* A macro that expands to SMART_D_YES is one that SMART_D_IS knows. */
#define SMART_D_YES                       ~, 1
#define SMART_D_IS(...)                   SMART_D_SECOND (__VA_ARGS__, 0)
#define SMART_D_IS_PAREN(x)               SMART_D_IS (SMART_D_IS_PAREN_ x)
#define SMART_D_IS_PAREN_(...)            SMART_D_YES
#define SMART_D_IS_PAIR(x)                SMART_D_CAT (SMART_D_IS_PAIR_, SMART_D_IS_PAREN (x)) (x)
#define SMART_D_IS_PAIR_0(x)              0
#define SMART_D_IS_PAIR_1(x)              SMART_D_IS (SMART_D_CAT (SMART_D_TWO_, SMART_D_COUNT x))
#define SMART_D_TWO_2                     SMART_D_YES
#define SMART_D_IS_VOID(Type)             SMART_D_IS (SMART_D_IS_VOID_##Type)
#define SMART_D_IS_VOID_void              SMART_D_YES
#define SMART_D_N_PARAMS(params)          SMART_D_CAT (SMART_D_N_PARAMS_, SMART_D_IS_PAREN (params)) (params)
#define SMART_D_N_PARAMS_0(params)        0
#define SMART_D_N_PARAMS_1(params)        SMART_D_COUNT params

/* Each argument of a function: what (context, index, argument) */
#define SMART_D_MAP(what, context, ...) \
  SMART_D_CAT (SMART_D_MAP_, SMART_D_COUNT (__VA_ARGS__)) (what, context, __VA_ARGS__)
#define SMART_D_MAP_MANY(what, context, ...)
#define SMART_D_MAP_1(what, c, r)
#define SMART_D_MAP_2(what, c, r, a0) \
  SMART_D_MAP_1 (what, c, r) what (c, 0, a0)
#define SMART_D_MAP_3(what, c, r, a0, a1) \
  SMART_D_MAP_2 (what, c, r, a0) what (c, 1, a1)
#define SMART_D_MAP_4(what, c, r, a0, a1, a2) \
  SMART_D_MAP_3 (what, c, r, a0, a1) what (c, 2, a2)
#define SMART_D_MAP_5(what, c, r, a0, a1, a2, a3) \
  SMART_D_MAP_4 (what, c, r, a0, a1, a2) what (c, 3, a3)
#define SMART_D_MAP_6(what, c, r, a0, a1, a2, a3, a4) \
  SMART_D_MAP_5 (what, c, r, a0, a1, a2, a3) what (c, 4, a4)
#define SMART_D_MAP_7(what, c, r, a0, a1, a2, a3, a4, a5) \
  SMART_D_MAP_6 (what, c, r, a0, a1, a2, a3, a4) what (c, 5, a5)
#define SMART_D_MAP_8(what, c, r, a0, a1, a2, a3, a4, a5, a6) \
  SMART_D_MAP_7 (what, c, r, a0, a1, a2, a3, a4, a5) what (c, 6, a6)
#define SMART_D_MAP_9(what, c, r, a0, a1, a2, a3, a4, a5, a6, a7) \
  SMART_D_MAP_8 (what, c, r, a0, a1, a2, a3, a4, a5, a6) what (c, 7, a7)
#define SMART_D_MAP_10(what, c, r, a0, a1, a2, a3, a4, a5, a6, a7, a8) \
  SMART_D_MAP_9 (what, c, r, a0, a1, a2, a3, a4, a5, a6, a7) what (c, 8, a8)
#define SMART_D_MAP_11(what, c, r, a0, a1, a2, a3, a4, a5, a6, a7, a8, a9) \
  SMART_D_MAP_10 (what, c, r, a0, a1, a2, a3, a4, a5, a6, a7, a8) what (c, 9, a9)
#define SMART_D_MAP_12(what, c, r, a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10) \
  SMART_D_MAP_11 (what, c, r, a0, a1, a2, a3, a4, a5, a6, a7, a8, a9) what (c, 10, a10)
#define SMART_D_MAP_13(what, c, r, a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11) \
  SMART_D_MAP_12 (what, c, r, a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10) what (c, 11, a11)

/* The types: written, tag */

#define SMART_D_SPLIT(type)               SMART_D_CAT (SMART_D_SPLIT_PAREN_, SMART_D_IS_PAREN (type)) (type)
#define SMART_D_SPLIT_PAREN_0(type)       SMART_D_SPLIT_##type
#define SMART_D_SPLIT_PAREN_1(type)       ~
#define SMART_D_SPLIT_BOOLEAN             Boolean,
#define SMART_D_SPLIT_INT                 Int,
#define SMART_D_SPLIT_UINT                Uint,
#define SMART_D_SPLIT_INT64               Int64,
#define SMART_D_SPLIT_UINT64              Uint64,
#define SMART_D_SPLIT_DOUBLE              Double,
#define SMART_D_SPLIT_STRING              String,
#define SMART_D_SPLIT_OBJECT              Object,
#define SMART_D_SPLIT_BOXED               Boxed,
#define SMART_D_SPLIT_VARIANT             Variant,
#define SMART_D_SPLIT_ENUM                Enum,
#define SMART_D_SPLIT_FLAGS               Flags,
#define SMART_D_SPLIT_POINTER             Pointer,
#define SMART_D_SPLIT_NONE                Nothing,

#define SMART_D_TAG(type)                 SMART_D_FIRST (SMART_D_SPLIT (type))
#define SMART_D_PARAMS(type)              SMART_D_SECOND (SMART_D_SPLIT (type))
#define SMART_D_N(type)                   SMART_D_N_PARAMS (SMART_D_PARAMS (type))

/* table_tag_n params, for a type that has n parameters */
#define SMART_D_LOOK_UP(table, type) \
  SMART_D_APPLY (SMART_D_CAT4 (table, SMART_D_TAG (type), _, SMART_D_N (type)), SMART_D_PARAMS (type))
#define SMART_D_APPLY(what, params)       what params

/* Which numbers of parameters go with a tag, for arguments and for results */

#define SMART_D_FORM_Boolean_0            SMART_D_YES
#define SMART_D_FORM_Int_0                SMART_D_YES
#define SMART_D_FORM_Uint_0               SMART_D_YES
#define SMART_D_FORM_Int64_0              SMART_D_YES
#define SMART_D_FORM_Uint64_0             SMART_D_YES
#define SMART_D_FORM_Double_0             SMART_D_YES
#define SMART_D_FORM_String_0             SMART_D_YES
#define SMART_D_FORM_Variant_0            SMART_D_YES
#define SMART_D_FORM_Object_0             SMART_D_YES
#define SMART_D_FORM_Object_2             SMART_D_YES
#define SMART_D_FORM_Boxed_2              SMART_D_YES
#define SMART_D_FORM_Enum_2               SMART_D_YES
#define SMART_D_FORM_Flags_2              SMART_D_YES
#define SMART_D_FORM_Pointer_0            SMART_D_YES
#define SMART_D_FORM_Pointer_1            SMART_D_YES

#define SMART_D_RESULT_FORM_Boolean_0     SMART_D_YES
#define SMART_D_RESULT_FORM_Int_0         SMART_D_YES
#define SMART_D_RESULT_FORM_Uint_0        SMART_D_YES
#define SMART_D_RESULT_FORM_Int64_0       SMART_D_YES
#define SMART_D_RESULT_FORM_Uint64_0      SMART_D_YES
#define SMART_D_RESULT_FORM_Double_0      SMART_D_YES
#define SMART_D_RESULT_FORM_String_0      SMART_D_YES
#define SMART_D_RESULT_FORM_Variant_0     SMART_D_YES
#define SMART_D_RESULT_FORM_Object_0      SMART_D_YES
#define SMART_D_RESULT_FORM_Object_1      SMART_D_YES
#define SMART_D_RESULT_FORM_Boxed_1       SMART_D_YES
#define SMART_D_RESULT_FORM_Enum_1        SMART_D_YES
#define SMART_D_RESULT_FORM_Flags_1       SMART_D_YES
#define SMART_D_RESULT_FORM_Pointer_0     SMART_D_YES
#define SMART_D_RESULT_FORM_Pointer_1     SMART_D_YES
#define SMART_D_RESULT_FORM_Nothing_0     SMART_D_YES

/* Their GTypes */

#define SMART_D_GTYPE_Boolean_0           G_TYPE_BOOLEAN
#define SMART_D_GTYPE_Int_0               G_TYPE_INT
#define SMART_D_GTYPE_Uint_0              G_TYPE_UINT
#define SMART_D_GTYPE_Int64_0             G_TYPE_INT64
#define SMART_D_GTYPE_Uint64_0            G_TYPE_UINT64
#define SMART_D_GTYPE_Double_0            G_TYPE_DOUBLE
#define SMART_D_GTYPE_String_0            G_TYPE_STRING
#define SMART_D_GTYPE_Variant_0           G_TYPE_VARIANT
#define SMART_D_GTYPE_Object_0            G_TYPE_OBJECT
#define SMART_D_GTYPE_Pointer_0           G_TYPE_POINTER
#define SMART_D_GTYPE_Object_2(CType, gtype) (gtype)
#define SMART_D_GTYPE_Boxed_2(CType, gtype) (gtype)
#define SMART_D_GTYPE_Enum_2(CType, gtype) (gtype)
#define SMART_D_GTYPE_Flags_2(CType, gtype) (gtype)
#define SMART_D_GTYPE_Pointer_1(CType)    G_TYPE_POINTER

#define SMART_D_RESULT_GTYPE_Boolean_0    G_TYPE_BOOLEAN
#define SMART_D_RESULT_GTYPE_Int_0        G_TYPE_INT
#define SMART_D_RESULT_GTYPE_Uint_0       G_TYPE_UINT
#define SMART_D_RESULT_GTYPE_Int64_0      G_TYPE_INT64
#define SMART_D_RESULT_GTYPE_Uint64_0     G_TYPE_UINT64
#define SMART_D_RESULT_GTYPE_Double_0     G_TYPE_DOUBLE
#define SMART_D_RESULT_GTYPE_String_0     G_TYPE_STRING
#define SMART_D_RESULT_GTYPE_Variant_0    G_TYPE_VARIANT
#define SMART_D_RESULT_GTYPE_Object_0     G_TYPE_OBJECT
#define SMART_D_RESULT_GTYPE_Pointer_0    G_TYPE_POINTER
#define SMART_D_RESULT_GTYPE_Object_1(gtype) (gtype)
#define SMART_D_RESULT_GTYPE_Boxed_1(gtype) (gtype)
#define SMART_D_RESULT_GTYPE_Enum_1(gtype) (gtype)
#define SMART_D_RESULT_GTYPE_Flags_1(gtype) (gtype)
#define SMART_D_RESULT_GTYPE_Pointer_1(destroy) G_TYPE_POINTER
#define SMART_D_RESULT_GTYPE_Nothing_0    G_TYPE_NONE

/* Their C types, for arguments */

#define SMART_D_CTYPE_Boolean_0           gboolean
#define SMART_D_CTYPE_Int_0               int
#define SMART_D_CTYPE_Uint_0              guint
#define SMART_D_CTYPE_Int64_0             gint64
#define SMART_D_CTYPE_Uint64_0            guint64
#define SMART_D_CTYPE_Double_0            double
#define SMART_D_CTYPE_String_0            const char *
#define SMART_D_CTYPE_Variant_0           GVariant *
#define SMART_D_CTYPE_Object_0            GObject *
#define SMART_D_CTYPE_Pointer_0           gpointer
#define SMART_D_CTYPE_Object_2(CType, gtype) CType
#define SMART_D_CTYPE_Boxed_2(CType, gtype) CType
#define SMART_D_CTYPE_Enum_2(CType, gtype) CType
#define SMART_D_CTYPE_Flags_2(CType, gtype) CType
#define SMART_D_CTYPE_Pointer_1(CType)    CType

/* From a C argument to the GValue, and from the call to the body's argument */

#define SMART_D_SET_Boolean(value, x)     g_value_set_boolean (value, x)
#define SMART_D_SET_Int(value, x)         g_value_set_int (value, x)
#define SMART_D_SET_Uint(value, x)        g_value_set_uint (value, x)
#define SMART_D_SET_Int64(value, x)       g_value_set_int64 (value, x)
#define SMART_D_SET_Uint64(value, x)      g_value_set_uint64 (value, x)
#define SMART_D_SET_Double(value, x)      g_value_set_double (value, x)
#define SMART_D_SET_String(value, x)      g_value_set_static_string (value, x)
#define SMART_D_SET_Variant(value, x)     g_value_set_variant (value, x)
#define SMART_D_SET_Object(value, x)      g_value_set_object (value, (gpointer) (x))
#define SMART_D_SET_Boxed(value, x)       g_value_set_static_boxed (value, (gpointer) (x))
#define SMART_D_SET_Enum(value, x)        g_value_set_enum (value, (int) (x))
#define SMART_D_SET_Flags(value, x)       g_value_set_flags (value, (guint) (x))
#define SMART_D_SET_Pointer(value, x)     g_value_set_pointer (value, (gpointer) (x))

#define SMART_D_GET_Boolean(call, i)      smart_call_get_boolean (call, i)
#define SMART_D_GET_Int(call, i)          smart_call_get_int (call, i)
#define SMART_D_GET_Uint(call, i)         smart_call_get_uint (call, i)
#define SMART_D_GET_Int64(call, i)        smart_call_get_int64 (call, i)
#define SMART_D_GET_Uint64(call, i)       smart_call_get_uint64 (call, i)
#define SMART_D_GET_Double(call, i)       smart_call_get_double (call, i)
#define SMART_D_GET_String(call, i)       smart_call_get_string (call, i)
#define SMART_D_GET_Variant(call, i)      smart_call_get_variant (call, i)
#define SMART_D_GET_Object(call, i)       smart_call_get_object (call, i)
#define SMART_D_GET_Boxed(call, i)        smart_call_get_boxed (call, i)
#define SMART_D_GET_Enum(call, i)         smart_call_get_int (call, i)
#define SMART_D_GET_Flags(call, i)        smart_call_get_uint (call, i)
#define SMART_D_GET_Pointer(call, i)      smart_call_get_pointer (call, i)

/* From the body's result to the call, and from the GValue to the caller */

#define SMART_D_RETURN_Boolean_0          smart_call_return_boolean (smart_call_, smart_result_)
#define SMART_D_RETURN_Int_0              smart_call_return_int (smart_call_, smart_result_)
#define SMART_D_RETURN_Uint_0             smart_call_return_uint (smart_call_, smart_result_)
#define SMART_D_RETURN_Int64_0            smart_call_return_int64 (smart_call_, smart_result_)
#define SMART_D_RETURN_Uint64_0           smart_call_return_uint64 (smart_call_, smart_result_)
#define SMART_D_RETURN_Double_0           smart_call_return_double (smart_call_, smart_result_)
#define SMART_D_RETURN_String_0           smart_call_return_string (smart_call_, smart_result_)
#define SMART_D_RETURN_Variant_0          smart_define_return_variant (smart_call_, smart_result_)
#define SMART_D_RETURN_Object_0           smart_call_return_object (smart_call_, smart_result_)
#define SMART_D_RETURN_Object_1(gtype)    smart_call_return_object (smart_call_, smart_result_)
#define SMART_D_RETURN_Boxed_1(gtype)     smart_call_return_boxed (smart_call_, gtype, (gpointer) smart_result_)
#define SMART_D_RETURN_Enum_1(gtype)      smart_define_return_enum (smart_call_, gtype, (int) smart_result_)
#define SMART_D_RETURN_Flags_1(gtype)     smart_define_return_flags (smart_call_, gtype, (guint) smart_result_)
#define SMART_D_RETURN_Pointer_0          smart_call_return_pointer (smart_call_, smart_result_, NULL)
#define SMART_D_RETURN_Pointer_1(destroy) smart_call_return_pointer (smart_call_, smart_result_, (GDestroyNotify) (destroy))
#define SMART_D_RETURN_Nothing_0          smart_define_return_success (smart_call_, smart_result_)

#define SMART_D_TAKE_Boolean(value)       g_value_get_boolean (value)
#define SMART_D_TAKE_Int(value)           g_value_get_int (value)
#define SMART_D_TAKE_Uint(value)          g_value_get_uint (value)
#define SMART_D_TAKE_Int64(value)         g_value_get_int64 (value)
#define SMART_D_TAKE_Uint64(value)        g_value_get_uint64 (value)
#define SMART_D_TAKE_Double(value)        g_value_get_double (value)
#define SMART_D_TAKE_Enum(value)          g_value_get_enum (value)
#define SMART_D_TAKE_Flags(value)         g_value_get_flags (value)
#define SMART_D_TAKE_String(value)        smart_define_take_pointer (value)
#define SMART_D_TAKE_Variant(value)       smart_define_take_pointer (value)
#define SMART_D_TAKE_Object(value)        smart_define_take_pointer (value)
#define SMART_D_TAKE_Boxed(value)         smart_define_take_pointer (value)
#define SMART_D_TAKE_Pointer(value)       smart_define_take_pointer (value)
#define SMART_D_TAKE_Nothing(value)       TRUE

/* Whether a result's C type fits */

#define SMART_D_SAME(A, B)                __builtin_types_compatible_p (A, B)
#define SMART_D_IS_POINTER(Type)          (__builtin_classify_type ((Type) 0) == 5 && \
                                           !SMART_D_SAME (Type, char *) && \
                                           !SMART_D_SAME (Type, const char *))
#define SMART_D_IS_NUMBER(Type)           (__builtin_classify_type ((Type) 0) >= 1 && \
                                           __builtin_classify_type ((Type) 0) <= 4)

#define SMART_D_FITS_Boolean(R)           SMART_D_SAME (R, gboolean)
#define SMART_D_FITS_Int(R)               SMART_D_SAME (R, int)
#define SMART_D_FITS_Uint(R)              SMART_D_SAME (R, guint)
#define SMART_D_FITS_Int64(R)             SMART_D_SAME (R, gint64)
#define SMART_D_FITS_Uint64(R)            SMART_D_SAME (R, guint64)
#define SMART_D_FITS_Double(R)            SMART_D_SAME (R, double)
#define SMART_D_FITS_String(R)            SMART_D_SAME (R, char *)
#define SMART_D_FITS_Variant(R)           SMART_D_SAME (R, GVariant *)
#define SMART_D_FITS_Object(R)            SMART_D_IS_POINTER (R)
#define SMART_D_FITS_Boxed(R)             SMART_D_IS_POINTER (R) || SMART_D_SAME (R, char *)
#define SMART_D_FITS_Enum(R)              SMART_D_IS_NUMBER (R)
#define SMART_D_FITS_Flags(R)             SMART_D_IS_NUMBER (R)
#define SMART_D_FITS_Pointer(R)           __builtin_classify_type ((R) 0) == 5
#define SMART_D_FITS_Nothing(R)           SMART_D_SAME (R, void) || SMART_D_SAME (R, gboolean)

#define SMART_D_FITTING_Boolean           "a gboolean"
#define SMART_D_FITTING_Int               "an int"
#define SMART_D_FITTING_Uint              "a guint"
#define SMART_D_FITTING_Int64             "a gint64"
#define SMART_D_FITTING_Uint64            "a guint64"
#define SMART_D_FITTING_Double            "a double"
#define SMART_D_FITTING_String            "a char *, which the caller frees"
#define SMART_D_FITTING_Variant           "a GVariant *"
#define SMART_D_FITTING_Object            "a pointer to an object"
#define SMART_D_FITTING_Boxed             "a pointer"
#define SMART_D_FITTING_Enum              "an enumeration"
#define SMART_D_FITTING_Flags             "flags"
#define SMART_D_FITTING_Pointer           "a pointer"
#define SMART_D_FITTING_Nothing           "void, or a gboolean that says whether it succeeded"

/* What is wrong with an argument, or with the type of the result */

#define SMART_D_WRONG(arg)                SMART_D_CAT (SMART_D_WRONG_PAIR_, SMART_D_IS_PAIR (arg)) (arg)
#define SMART_D_WRONG_PAIR_0(arg)         PAIR
#define SMART_D_WRONG_PAIR_1(arg)         SMART_D_WRONG_TYPE (SMART_D_FORM_, SMART_D_FIRST arg)
#define SMART_D_WRONG_TYPE(forms, type)   SMART_D_WRONG_TYPE_ (forms, SMART_D_SPLIT (type))
#define SMART_D_WRONG_TYPE_(forms, ...) \
  SMART_D_CAT (SMART_D_WRONG_NAME_, SMART_D_HAS_COMMA (__VA_ARGS__)) (forms, __VA_ARGS__)
#define SMART_D_WRONG_NAME_0(forms, ...)  NAME
#define SMART_D_WRONG_NAME_1(forms, tag, params) \
  SMART_D_CAT (SMART_D_WRONG_FORM_, \
               SMART_D_IS (SMART_D_CAT4 (forms, tag, _, SMART_D_N_PARAMS (params))))
#define SMART_D_WRONG_FORM_0              FORM
#define SMART_D_WRONG_FORM_1              NOTHING

/* A comma for what is wrong */
#define SMART_D_COMMA_NOTHING
#define SMART_D_COMMA_PAIR                ,
#define SMART_D_COMMA_NAME                ,
#define SMART_D_COMMA_FORM                ,
#define SMART_D_COMMA_ARG(name, i, arg)   SMART_D_CAT (SMART_D_COMMA_, SMART_D_WRONG (arg))
#define SMART_D_COMMA_RESULT(type)        SMART_D_CAT (SMART_D_COMMA_, SMART_D_WRONG_TYPE (SMART_D_RESULT_FORM_, type))
#define SMART_D_COMMA_MANY(...)           SMART_D_CAT (SMART_D_COMMA_MANY_, SMART_D_COUNT (__VA_ARGS__))
#define SMART_D_COMMA_MANY_MANY           ,

#define SMART_D_COMMA_MANY_1
#define SMART_D_COMMA_MANY_2
#define SMART_D_COMMA_MANY_3
#define SMART_D_COMMA_MANY_4
#define SMART_D_COMMA_MANY_5
#define SMART_D_COMMA_MANY_6
#define SMART_D_COMMA_MANY_7
#define SMART_D_COMMA_MANY_8
#define SMART_D_COMMA_MANY_9
#define SMART_D_COMMA_MANY_10
#define SMART_D_COMMA_MANY_11
#define SMART_D_COMMA_MANY_12
#define SMART_D_COMMA_MANY_13

/* A message for it */
#define SMART_D_SAY_NOTHING(name, what)
#define SMART_D_SAY_PAIR(name, what) \
  _Static_assert (0, #name ": " what " is not an argument; write (TYPE, name)");
#define SMART_D_SAY_NAME(name, what) \
  _Static_assert (0, #name ": " what ": there is no such type; there are BOOLEAN, INT, UINT, INT64, " \
                  "UINT64, DOUBLE, STRING, OBJECT, BOXED, VARIANT, ENUM, FLAGS, POINTER, and NONE for a result");
#define SMART_D_SAY_FORM(name, what) \
  _Static_assert (0, #name ": " what ": write BOXED (C type, GType), likewise ENUM, FLAGS and, if you like, " \
                  "OBJECT, and POINTER or POINTER (C type); the others stand alone, and NONE is for a result");
#define SMART_D_SAY_RESULT_FORM(name, what) \
  _Static_assert (0, #name ": the result " what ": write BOXED (GType), likewise ENUM, FLAGS and, if you like, " \
                  "OBJECT, and POINTER or POINTER (free function); the others stand alone");
#define SMART_D_SAY_RESULT_NAME(name, what) SMART_D_SAY_NAME (name, "the result " what)
#define SMART_D_SAY_RESULT_NOTHING(name, what)
#define SMART_D_SAY_ARG(name, i, arg) \
  SMART_D_CAT (SMART_D_SAY_, SMART_D_WRONG (arg)) (name, SMART_D_STRING (arg))
#define SMART_D_SAY_RESULT(name, type) \
  SMART_D_CAT (SMART_D_SAY_RESULT_, SMART_D_WRONG_TYPE (SMART_D_RESULT_FORM_, type)) (name, SMART_D_STRING (type))
#define SMART_D_SAY_MANY(name, ...) \
  SMART_D_CAT (SMART_D_SAY_MANY_, SMART_D_HAS_COMMA (SMART_D_COMMA_MANY (__VA_ARGS__))) (name)
#define SMART_D_SAY_MANY_0(name)
#define SMART_D_SAY_MANY_1(name) \
  _Static_assert (0, #name ": there are more than 12 arguments");

/* All of it, if nothing is wrong */

#define SMART_D_DEFINE(kind, form, Result, Self, name, begin, body, ...) \
  SMART_D_CAT (SMART_D_DEFINE_, \
               SMART_D_HAS_COMMA (SMART_D_COMMA_MANY (__VA_ARGS__) \
                                  SMART_D_COMMA_RESULT (SMART_D_FIRST (__VA_ARGS__)) \
                                  SMART_D_MAP (SMART_D_COMMA_ARG, name, __VA_ARGS__))) \
  (kind, form, Result, Self, name, begin, body, __VA_ARGS__)

#define SMART_D_DEFINE_1(kind, form, Result, Self, name, begin, body, ...) \
  SMART_D_SAY_MANY (name, __VA_ARGS__) \
  SMART_D_SAY_RESULT (name, SMART_D_FIRST (__VA_ARGS__)) \
  SMART_D_MAP (SMART_D_SAY_ARG, name, __VA_ARGS__)

#define SMART_D_DEFINE_0(kind, form, Result, Self, name, begin, body, ...) \
  SMART_D_CHECK_RESULT (Result, name, SMART_D_FIRST (__VA_ARGS__)) \
  SMART_D_BODIES_##kind (form, Result, Self, name, begin, body, __VA_ARGS__) \
  SMART_D_FUNC_##kind (name, __VA_ARGS__) \
  SMART_D_SYNC (form, Result, Self, name, __VA_ARGS__) \
  SMART_D_ASYNC (form, Self, name, __VA_ARGS__) \
  SMART_D_FINISH (form, Result, Self, name, SMART_D_FIRST (__VA_ARGS__)) \
  SMART_D_FUTURE (form, Self, name, __VA_ARGS__)

#define SMART_D_CHECK_RESULT(Result, name, type) \
  _Static_assert (SMART_D_CAT (SMART_D_FITS_, SMART_D_TAG (type)) (Result), \
                  #name ": a result " SMART_D_STRING (type) " is " SMART_D_CAT (SMART_D_FITTING_, SMART_D_TAG (type)) ", " \
                  "not " SMART_D_STRING (Result));

/* What differs for a method */
#define SMART_D_SELF_PLAIN(Self)
#define SMART_D_SELF_METHOD(Self)         Self self,
#define SMART_D_NEXT_SELF_PLAIN(Self)
#define SMART_D_NEXT_SELF_METHOD(Self)    , Self self
#define SMART_D_GIVE_SELF_PLAIN(Self)
#define SMART_D_GIVE_SELF_METHOD(Self)    (Self) (gpointer) smart_call_get_source_object (smart_call_),
#define SMART_D_NEXT_GIVE_SELF_PLAIN(Self)
#define SMART_D_NEXT_GIVE_SELF_METHOD(Self) , (Self) (gpointer) smart_call_get_source_object (smart_call_)
#define SMART_D_SOURCE_PLAIN              NULL
#define SMART_D_SOURCE_METHOD             (GObject *) (gpointer) self
#define SMART_D_CHECK_SELF_PLAIN(name, zero)
#define SMART_D_CHECK_SELF_METHOD(name, zero) \
  if (!G_IS_OBJECT (self)) \
    { \
      g_return_if_fail_warning (G_LOG_DOMAIN, #name, "G_IS_OBJECT (self)"); \
      return zero; \
    }

/* The arguments: declared, given to the body, as GTypes, set */
#define SMART_D_CTYPE(arg)                SMART_D_LOOK_UP (SMART_D_CTYPE_, SMART_D_FIRST arg)
#define SMART_D_PARAM(c, i, arg)          SMART_D_CTYPE (arg) SMART_D_SECOND arg,
#define SMART_D_NEXT_PARAM(c, i, arg)     , SMART_D_CTYPE (arg) SMART_D_SECOND arg
#define SMART_D_GIVE(c, i, arg) \
  (SMART_D_CTYPE (arg)) SMART_D_CAT (SMART_D_GET_, SMART_D_TAG (SMART_D_FIRST arg)) (smart_call_, i),
#define SMART_D_NEXT_GIVE(c, i, arg) \
  , (SMART_D_CTYPE (arg)) SMART_D_CAT (SMART_D_GET_, SMART_D_TAG (SMART_D_FIRST arg)) (smart_call_, i)
#define SMART_D_GTYPE(c, i, arg)          SMART_D_LOOK_UP (SMART_D_GTYPE_, SMART_D_FIRST arg),
#define SMART_D_SET(c, i, arg) \
  g_value_init (&smart_args_[i], SMART_D_LOOK_UP (SMART_D_GTYPE_, SMART_D_FIRST arg)); \
  SMART_D_CAT (SMART_D_SET_, SMART_D_TAG (SMART_D_FIRST arg)) (&smart_args_[i], SMART_D_SECOND arg);
#define SMART_D_PLUS_1(c, i, arg)         +1
#define SMART_D_N_ARGS(...)               (0 SMART_D_MAP (SMART_D_PLUS_1, ~, __VA_ARGS__))

/* The bodies */

#define SMART_D_BODIES_BLOCKING(form, Result, Self, name, begin, body, ...) \
  SMART_D_BODY (form, Result, Self, name, body, __VA_ARGS__)
#define SMART_D_BODIES_ASYNC(form, Result, Self, name, begin, body, ...) \
  SMART_D_BEGIN (form, Self, name, begin, __VA_ARGS__)
#define SMART_D_BODIES_DUAL(form, Result, Self, name, begin, body, ...) \
  SMART_D_BEGIN (form, Self, name, begin, __VA_ARGS__) \
  SMART_D_BODY (form, Result, Self, name, body, __VA_ARGS__)

#define SMART_D_BODY_PARAMS(form, Self, ...) \
  (SMART_D_SELF_##form (Self) SMART_D_MAP (SMART_D_PARAM, ~, __VA_ARGS__) GCancellable *cancellable, GError **error)
#define SMART_D_BEGIN_PARAMS(form, Self, ...) \
  (SmartCall *call SMART_D_NEXT_SELF_##form (Self) SMART_D_MAP (SMART_D_NEXT_PARAM, ~, __VA_ARGS__))

/* Called by a cast type, so that one that does not fit gives one message. */
#define SMART_D_BODY(form, Result, Self, name, body, ...) \
  typedef Result name##_smart_body_type_ SMART_D_BODY_PARAMS (form, Self, __VA_ARGS__); \
  _Static_assert (SMART_D_SAME (__typeof__ (body), name##_smart_body_type_), \
                  #name ": what is given does not fit: it should be " #Result " " #body " " \
                  SMART_D_STRING (SMART_D_BODY_PARAMS (form, Self, __VA_ARGS__))); \
  static void \
  name##_smart_body_ (SmartCall *smart_call_, G_GNUC_UNUSED gpointer smart_data_) \
  { \
    GError *smart_error_ = NULL; \
    SMART_D_CAT (SMART_D_RUN_, SMART_D_IS_VOID (Result)) \
      (Result, SMART_D_FIRST (__VA_ARGS__), \
       ((name##_smart_body_type_ *) body) (SMART_D_GIVE_SELF_##form (Self) \
                                           SMART_D_MAP (SMART_D_GIVE, ~, __VA_ARGS__) \
                                           smart_call_get_cancellable (smart_call_), &smart_error_)) \
  }
#define SMART_D_RUN_0(Result, type, ...) \
    Result smart_result_ = __VA_ARGS__; \
    if (smart_error_ != NULL) \
      smart_call_return_error (smart_call_, smart_error_); \
    else \
      SMART_D_LOOK_UP (SMART_D_RETURN_, type);
#define SMART_D_RUN_1(Result, type, ...) \
    __VA_ARGS__; \
    if (smart_error_ != NULL) \
      smart_call_return_error (smart_call_, smart_error_); \
    else \
      smart_call_return_none (smart_call_);

#define SMART_D_BEGIN(form, Self, name, begin, ...) \
  typedef void name##_smart_begin_type_ SMART_D_BEGIN_PARAMS (form, Self, __VA_ARGS__); \
  _Static_assert (SMART_D_SAME (__typeof__ (begin), name##_smart_begin_type_), \
                  #name ": what is given does not fit: it should be void " #begin " " \
                  SMART_D_STRING (SMART_D_BEGIN_PARAMS (form, Self, __VA_ARGS__))); \
  static void \
  name##_smart_begin_ (SmartCall *smart_call_, G_GNUC_UNUSED gpointer smart_data_) \
  { \
    ((name##_smart_begin_type_ *) begin) (smart_call_ SMART_D_NEXT_GIVE_SELF_##form (Self) \
                                          SMART_D_MAP (SMART_D_NEXT_GIVE, ~, __VA_ARGS__)); \
  }

/* What is defined. The type that ends the array keeps it from being empty. */

#define SMART_D_FUNC_BLOCKING(name, ...)  SMART_D_FUNC (name, NULL, name##_smart_body_, __VA_ARGS__)
#define SMART_D_FUNC_ASYNC(name, ...)     SMART_D_FUNC (name, name##_smart_begin_, NULL, __VA_ARGS__)
#define SMART_D_FUNC_DUAL(name, ...)      SMART_D_FUNC (name, name##_smart_begin_, name##_smart_body_, __VA_ARGS__)

#define SMART_D_FUNC(name, begin, body, ...) \
  G_GNUC_UNUSED SmartAsyncFunc * \
  name##_func (void) \
  { \
    static gsize smart_func_ = 0; \
    if (g_once_init_enter (&smart_func_)) \
      { \
        const GType smart_types_[] = { SMART_D_MAP (SMART_D_GTYPE, ~, __VA_ARGS__) G_TYPE_NONE }; \
        SmartAsyncFunc *smart_made_ = \
          smart_define_new_func (#name, begin, body, \
                                 SMART_D_LOOK_UP (SMART_D_RESULT_GTYPE_, SMART_D_FIRST (__VA_ARGS__)), \
                                 smart_types_, SMART_D_N_ARGS (__VA_ARGS__)); \
        g_once_init_leave (&smart_func_, (gsize) smart_made_); \
      } \
    return (SmartAsyncFunc *) smart_func_; \
  }

#define SMART_D_ARGS(...)                 GValue smart_args_[SMART_D_N_ARGS (__VA_ARGS__) + 1];
#define SMART_D_SET_ARGS(...) \
  memset (smart_args_, 0, sizeof smart_args_); \
  SMART_D_MAP (SMART_D_SET, ~, __VA_ARGS__)

#define SMART_D_ZERO(Result)              SMART_D_CAT (SMART_D_ZERO_, SMART_D_IS_VOID (Result)) (Result)
#define SMART_D_ZERO_0(Result)            (Result) 0
#define SMART_D_ZERO_1(Result)

/* The end of what returns the result that a GValue has. */
#define SMART_D_RESULT(Result, type) \
  SMART_D_CAT (SMART_D_RESULT_, SMART_D_IS_VOID (Result)) (Result, type)
#define SMART_D_RESULT_0(Result, type) \
    { \
      Result smart_result_ = \
        smart_ok_ ? (Result) SMART_D_CAT (SMART_D_TAKE_, SMART_D_TAG (type)) (&smart_value_) : (Result) 0; \
      g_value_unset (&smart_value_); \
      return smart_result_; \
    }
#define SMART_D_RESULT_1(Result, type) \
    (void) smart_ok_; \
    g_value_unset (&smart_value_);

#define SMART_D_SYNC(form, Result, Self, name, ...) \
  G_GNUC_UNUSED Result \
  name SMART_D_BODY_PARAMS (form, Self, __VA_ARGS__) \
  { \
    GValue smart_value_ = G_VALUE_INIT; \
    gboolean smart_ok_; \
    SMART_D_ARGS (__VA_ARGS__) \
    SMART_D_CHECK_SELF_##form (name, SMART_D_ZERO (Result)) \
    SMART_D_SET_ARGS (__VA_ARGS__) \
    smart_ok_ = smart_async_func_call_sync (name##_func (), SMART_D_SOURCE_##form, smart_args_, \
                                            SMART_D_N_ARGS (__VA_ARGS__), cancellable, &smart_value_, error); \
    smart_define_clear_args (smart_args_, SMART_D_N_ARGS (__VA_ARGS__)); \
    SMART_D_RESULT (Result, SMART_D_FIRST (__VA_ARGS__)) \
  }

#define SMART_D_ASYNC(form, Self, name, ...) \
  G_GNUC_UNUSED void \
  name##_async (SMART_D_SELF_##form (Self) SMART_D_MAP (SMART_D_PARAM, ~, __VA_ARGS__) \
                GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data) \
  { \
    SMART_D_ARGS (__VA_ARGS__) \
    SMART_D_CHECK_SELF_##form (name##_async, ) \
    SMART_D_SET_ARGS (__VA_ARGS__) \
    smart_define_call_async (name##_func (), SMART_D_SOURCE_##form, smart_args_, \
                             SMART_D_N_ARGS (__VA_ARGS__), cancellable, callback, user_data); \
    smart_define_clear_args (smart_args_, SMART_D_N_ARGS (__VA_ARGS__)); \
  }

#define SMART_D_FINISH(form, Result, Self, name, type) \
  G_GNUC_UNUSED Result \
  name##_finish (SMART_D_SELF_##form (Self) GAsyncResult *result, GError **error) \
  { \
    GValue smart_value_ = G_VALUE_INIT; \
    gboolean smart_ok_; \
    SMART_D_CHECK_SELF_##form (name##_finish, SMART_D_ZERO (Result)) \
    smart_ok_ = smart_async_func_call_finish (name##_func (), result, &smart_value_, error); \
    SMART_D_RESULT (Result, type) \
  }

#define SMART_D_FUTURE(form, Self, name, ...) \
  G_GNUC_UNUSED SmartFuture * \
  name##_future (SMART_D_SELF_##form (Self) SMART_D_MAP (SMART_D_PARAM, ~, __VA_ARGS__) GCancellable *cancellable) \
  { \
    SmartFuture *smart_future_; \
    SMART_D_ARGS (__VA_ARGS__) \
    SMART_D_CHECK_SELF_##form (name##_future, NULL) \
    SMART_D_SET_ARGS (__VA_ARGS__) \
    smart_future_ = (smart_async_func_callv) (name##_func (), SMART_D_SOURCE_##form, smart_args_, \
                                            SMART_D_N_ARGS (__VA_ARGS__), cancellable); \
    smart_define_clear_args (smart_args_, SMART_D_N_ARGS (__VA_ARGS__)); \
    return smart_future_; \
  }

#endif /* __GI_SCANNER__ */

G_END_DECLS
