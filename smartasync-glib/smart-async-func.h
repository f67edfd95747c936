/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <smartasync-glib/smart-types.h>

G_BEGIN_DECLS

#define SMART_TYPE_ASYNC_FUNC (smart_async_func_get_type ())

SMART_AVAILABLE_IN_1_0
G_DECLARE_FINAL_TYPE (SmartAsyncFunc, smart_async_func, SMART, ASYNC_FUNC, GObject)

SMART_AVAILABLE_IN_1_0
SmartAsyncFunc *smart_async_func_new            (SmartBody             begin,
                                                 gpointer              user_data,
                                                 GDestroyNotify        destroy);
SMART_AVAILABLE_IN_1_0
SmartAsyncFunc *smart_async_func_new_blocking   (SmartBody             body,
                                                 gpointer              user_data,
                                                 GDestroyNotify        destroy);
SMART_AVAILABLE_IN_1_0
SmartAsyncFunc *smart_async_func_new_dual       (SmartBody             begin,
                                                 gpointer              begin_data,
                                                 GDestroyNotify        begin_destroy,
                                                 SmartBody             body,
                                                 gpointer              body_data,
                                                 GDestroyNotify        body_destroy);
SMART_AVAILABLE_IN_1_0
SmartAsyncFunc *smart_async_func_new_for_pair   (GCallback             begin_async,
                                                 GCallback             finish,
                                                 GType                 return_type,
                                                 const GType          *params,
                                                 guint                 n_params);
SMART_AVAILABLE_IN_1_0
SmartAsyncFunc *smart_async_func_derive         (SmartAsyncFunc       *func,
                                                 const char           *first_property,
                                                 ...) G_GNUC_NULL_TERMINATED;
SMART_AVAILABLE_IN_1_0
SmartAsyncFunc *smart_async_func_derivev        (SmartAsyncFunc       *func,
                                                 guint                 n_properties,
                                                 const char           *names[],
                                                 const GValue          values[]);

SMART_AVAILABLE_IN_1_0
void            smart_async_func_set_signature  (SmartAsyncFunc       *func,
                                                 GType                 return_type,
                                                 const GType          *params,
                                                 guint                 n_params);

SMART_AVAILABLE_IN_1_0
const char             *smart_async_func_get_name                 (SmartAsyncFunc         *func);
SMART_AVAILABLE_IN_1_0
void                    smart_async_func_set_name                 (SmartAsyncFunc         *func,
                                                                   const char             *name);
SMART_AVAILABLE_IN_1_0
SmartAsyncFuncKind      smart_async_func_get_kind                 (SmartAsyncFunc         *func);
SMART_AVAILABLE_IN_1_0
int                     smart_async_func_get_priority             (SmartAsyncFunc         *func);
SMART_AVAILABLE_IN_1_0
void                    smart_async_func_set_priority             (SmartAsyncFunc         *func,
                                                                   int                     priority);
SMART_AVAILABLE_IN_1_0
guint                   smart_async_func_get_timeout              (SmartAsyncFunc         *func);
SMART_AVAILABLE_IN_1_0
void                    smart_async_func_set_timeout              (SmartAsyncFunc         *func,
                                                                   guint                   msec);
SMART_AVAILABLE_IN_1_0
gboolean                smart_async_func_get_abandon_on_cancel    (SmartAsyncFunc         *func);
SMART_AVAILABLE_IN_1_0
void                    smart_async_func_set_abandon_on_cancel    (SmartAsyncFunc         *func,
                                                                   gboolean                abandon);
SMART_AVAILABLE_IN_1_0
gboolean                smart_async_func_get_inherit_cancellable  (SmartAsyncFunc         *func);
SMART_AVAILABLE_IN_1_0
void                    smart_async_func_set_inherit_cancellable  (SmartAsyncFunc         *func,
                                                                   gboolean                inherit);
SMART_AVAILABLE_IN_1_0
SmartMainContextPolicy  smart_async_func_get_main_context_policy  (SmartAsyncFunc         *func);
SMART_AVAILABLE_IN_1_0
void                    smart_async_func_set_main_context_policy  (SmartAsyncFunc         *func,
                                                                   SmartMainContextPolicy  policy);

SMART_AVAILABLE_IN_1_0
SmartExecutor          *smart_async_func_get_executor             (SmartAsyncFunc         *func);
SMART_AVAILABLE_IN_1_0
void                    smart_async_func_set_executor             (SmartAsyncFunc         *func,
                                                                   SmartExecutor          *executor);
SMART_AVAILABLE_IN_1_0
guint                   smart_async_func_get_max_concurrency      (SmartAsyncFunc         *func);
SMART_AVAILABLE_IN_1_0
void                    smart_async_func_set_max_concurrency      (SmartAsyncFunc         *func,
                                                                   guint                   max_concurrency);
SMART_AVAILABLE_IN_1_0
gboolean                smart_async_func_get_thread_safe_source   (SmartAsyncFunc         *func);
SMART_AVAILABLE_IN_1_0
void                    smart_async_func_set_thread_safe_source   (SmartAsyncFunc         *func,
                                                                   gboolean                thread_safe);
SMART_AVAILABLE_IN_1_0
gboolean                smart_async_func_get_offload              (SmartAsyncFunc         *func);
SMART_AVAILABLE_IN_1_0
void                    smart_async_func_set_offload              (SmartAsyncFunc         *func,
                                                                   gboolean                offload);
SMART_AVAILABLE_IN_1_0
void                    smart_async_func_shield_begin             (SmartAsyncFunc         *func);

SMART_AVAILABLE_IN_1_0
void            smart_async_func_set_interpreted          (SmartAsyncFunc         *func);
SMART_AVAILABLE_IN_1_0
void            smart_interpreter_entered                 (void);
SMART_AVAILABLE_IN_1_0
gboolean        smart_interpreter_keep                    (void                  (*ended) (void));

SMART_AVAILABLE_IN_1_0
SmartFuture    *smart_async_func_call           (SmartAsyncFunc       *func,
                                                 GObject              *source,
                                                 GCancellable         *cancellable,
                                                 GType                 first,
                                                 ...);
SMART_AVAILABLE_IN_1_0
SmartFuture    *smart_async_func_callv          (SmartAsyncFunc       *func,
                                                 GObject              *source,
                                                 const GValue         *args,
                                                 guint                 n_args,
                                                 GCancellable         *cancellable);
SMART_AVAILABLE_IN_1_0
gboolean        smart_async_func_call_sync      (SmartAsyncFunc       *func,
                                                 GObject              *source,
                                                 const GValue         *args,
                                                 guint                 n_args,
                                                 GCancellable         *cancellable,
                                                 GValue               *result,
                                                 GError              **error);
SMART_AVAILABLE_IN_1_0
void            smart_async_func_call_async     (SmartAsyncFunc       *func,
                                                 GObject              *source,
                                                 const GValue         *args,
                                                 guint                 n_args,
                                                 GCancellable         *cancellable,
                                                 GAsyncReadyCallback   callback,
                                                 gpointer              user_data);
SMART_AVAILABLE_IN_1_0
gboolean        smart_async_func_call_finish    (SmartAsyncFunc       *func,
                                                 GAsyncResult         *async_result,
                                                 GValue               *result,
                                                 GError              **error);

SMART_AVAILABLE_IN_1_0
SmartFuture    *smart_run_blocking              (SmartBody             body,
                                                 gpointer              user_data,
                                                 GDestroyNotify        destroy,
                                                 GCancellable         *cancellable);

G_END_DECLS
