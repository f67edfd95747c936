/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <smartasync-glib/smart-types.h>

G_BEGIN_DECLS

/* What the vapi's hand-written part binds, with valac's own calling
 * convention for generics; not to be called by hand. */

#ifndef __GI_SCANNER__

typedef gpointer (* SmartValaWork)      (gpointer              target,
                                         GError              **error);
typedef gpointer (* SmartValaBody)      (SmartCall            *call,
                                         gpointer              target,
                                         GError              **error);
typedef void     (* SmartValaBegin)     (GAsyncReadyCallback   callback,
                                         gpointer              callback_target,
                                         GDestroyNotify        callback_destroy,
                                         gpointer              target);
typedef void     (* SmartValaBeginBody) (SmartCall            *call,
                                         GAsyncReadyCallback   callback,
                                         gpointer              callback_target,
                                         GDestroyNotify        callback_destroy,
                                         gpointer              target);
typedef gpointer (* SmartValaFinish)    (GAsyncResult         *result,
                                         gpointer              target,
                                         GError              **error);

typedef struct _SmartSyncCall SmartValaSyncCall;

SMART_AVAILABLE_IN_1_0
void            smart_vala_offload              (GType                   type,
                                                 GBoxedCopyFunc          dup,
                                                 GDestroyNotify          destroy,
                                                 SmartValaWork           work,
                                                 gpointer                target,
                                                 GDestroyNotify          target_destroy,
                                                 GCancellable           *cancellable,
                                                 SmartExecutor          *executor,
                                                 GAsyncReadyCallback     callback,
                                                 gpointer                user_data);
SMART_AVAILABLE_IN_1_0
gpointer        smart_vala_offload_finish       (GAsyncResult           *result,
                                                 GError                **error);
SMART_AVAILABLE_IN_1_0
gpointer        smart_vala_run_sync             (GType                   type,
                                                 GBoxedCopyFunc          dup,
                                                 GDestroyNotify          destroy,
                                                 SmartValaBegin          begin,
                                                 gpointer                begin_target,
                                                 SmartValaFinish         finish,
                                                 gpointer                finish_target,
                                                 SmartMainContextPolicy  policy,
                                                 GError                **error);

SMART_AVAILABLE_IN_1_0
SmartAsyncFunc *smart_vala_func_of_blocking     (GType                   type,
                                                 GBoxedCopyFunc          dup,
                                                 GDestroyNotify          destroy,
                                                 SmartValaBody           body,
                                                 gpointer                target,
                                                 GDestroyNotify          target_destroy);
SMART_AVAILABLE_IN_1_0
SmartAsyncFunc *smart_vala_func_of_async        (GType                   type,
                                                 GBoxedCopyFunc          dup,
                                                 GDestroyNotify          destroy,
                                                 SmartValaBeginBody      begin,
                                                 gpointer                begin_target,
                                                 GDestroyNotify          begin_target_destroy,
                                                 SmartValaFinish         finish,
                                                 gpointer                finish_target,
                                                 GDestroyNotify          finish_target_destroy);
SMART_AVAILABLE_IN_1_0
SmartAsyncFunc *smart_vala_func_of_dual         (GType                   type,
                                                 GBoxedCopyFunc          dup,
                                                 GDestroyNotify          destroy,
                                                 SmartValaBeginBody      begin,
                                                 gpointer                begin_target,
                                                 GDestroyNotify          begin_target_destroy,
                                                 SmartValaFinish         finish,
                                                 gpointer                finish_target,
                                                 GDestroyNotify          finish_target_destroy,
                                                 SmartValaBody           body,
                                                 gpointer                target,
                                                 GDestroyNotify          target_destroy);

SMART_AVAILABLE_IN_1_0
gpointer        smart_vala_func_invoke_sync     (SmartAsyncFunc         *func,
                                                 GType                   type,
                                                 GBoxedCopyFunc          dup,
                                                 GDestroyNotify          destroy,
                                                 GObject                *source,
                                                 const GValue           *args,
                                                 guint                   n_args,
                                                 GCancellable           *cancellable,
                                                 GError                **error);
SMART_AVAILABLE_IN_1_0
void            smart_vala_func_invoke_async    (SmartAsyncFunc         *func,
                                                 GType                   type,
                                                 GBoxedCopyFunc          dup,
                                                 GDestroyNotify          destroy,
                                                 GObject                *source,
                                                 const GValue           *args,
                                                 guint                   n_args,
                                                 GCancellable           *cancellable,
                                                 GAsyncReadyCallback     callback,
                                                 gpointer                user_data);
SMART_AVAILABLE_IN_1_0
gpointer        smart_vala_func_invoke_finish   (SmartAsyncFunc         *func,
                                                 GAsyncResult           *result,
                                                 GError                **error);

SMART_AVAILABLE_IN_1_0
gpointer        smart_vala_lock_invoke_sync     (SmartLock              *lock,
                                                 GType                   type,
                                                 GBoxedCopyFunc          dup,
                                                 GDestroyNotify          destroy,
                                                 const char             *key,
                                                 SmartAsyncFunc         *func,
                                                 GObject                *source,
                                                 const GValue           *args,
                                                 guint                   n_args,
                                                 GCancellable           *cancellable,
                                                 GError                **error);
SMART_AVAILABLE_IN_1_0
void            smart_vala_lock_invoke_async    (SmartLock              *lock,
                                                 GType                   type,
                                                 GBoxedCopyFunc          dup,
                                                 GDestroyNotify          destroy,
                                                 const char             *key,
                                                 SmartAsyncFunc         *func,
                                                 GObject                *source,
                                                 const GValue           *args,
                                                 guint                   n_args,
                                                 GCancellable           *cancellable,
                                                 GAsyncReadyCallback     callback,
                                                 gpointer                user_data);
SMART_AVAILABLE_IN_1_0
gpointer        smart_vala_lock_invoke_finish   (SmartLock              *lock,
                                                 GAsyncResult           *result,
                                                 GError                **error);

SMART_AVAILABLE_IN_1_0
gpointer        smart_vala_future_get           (SmartFuture            *future,
                                                 GType                   type,
                                                 GBoxedCopyFunc          dup,
                                                 GDestroyNotify          destroy,
                                                 GError                **error);
SMART_AVAILABLE_IN_1_0
gpointer        smart_vala_future_wait_for      (SmartFuture            *future,
                                                 GType                   type,
                                                 GBoxedCopyFunc          dup,
                                                 GDestroyNotify          destroy,
                                                 gint64                  timeout_usec,
                                                 GCancellable           *cancellable,
                                                 GError                **error);
SMART_AVAILABLE_IN_1_0
void            smart_vala_future_wait_for_async
                                                (SmartFuture            *future,
                                                 GType                   type,
                                                 GBoxedCopyFunc          dup,
                                                 GDestroyNotify          destroy,
                                                 GCancellable           *cancellable,
                                                 GAsyncReadyCallback     callback,
                                                 gpointer                user_data);
SMART_AVAILABLE_IN_1_0
gpointer        smart_vala_future_wait_for_finish
                                                (SmartFuture            *future,
                                                 GAsyncResult           *result,
                                                 GError                **error);

SMART_AVAILABLE_IN_1_0
gpointer        smart_vala_call_get             (SmartCall              *call,
                                                 GType                   type,
                                                 GBoxedCopyFunc          dup,
                                                 GDestroyNotify          destroy,
                                                 guint                   index);

SMART_AVAILABLE_IN_1_0
SmartValaSyncCall *
                smart_vala_sync_call_new        (SmartMainContextPolicy  policy);
SMART_AVAILABLE_IN_1_0
void            smart_vala_sync_call_free       (SmartValaSyncCall      *call);
SMART_AVAILABLE_IN_1_0
void            smart_vala_sync_call_ready      (GObject                *source,
                                                 GAsyncResult           *result,
                                                 SmartValaSyncCall      *call);
SMART_AVAILABLE_IN_1_0
GAsyncResult   *smart_vala_sync_call_wait       (SmartValaSyncCall      *call) G_GNUC_WARN_UNUSED_RESULT;

#endif /* __GI_SCANNER__ */

G_END_DECLS
