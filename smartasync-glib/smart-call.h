/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <smartasync-glib/smart-types.h>

G_BEGIN_DECLS

#define SMART_TYPE_CALL (smart_call_get_type ())

SMART_AVAILABLE_IN_1_0
G_DECLARE_FINAL_TYPE (SmartCall, smart_call, SMART, CALL, GObject)

/* What it was called with */

SMART_AVAILABLE_IN_1_0
GObject      *smart_call_get_source_object          (SmartCall      *call);
SMART_AVAILABLE_IN_1_0
const GValue *smart_call_get_args                   (SmartCall      *call);
SMART_AVAILABLE_IN_1_0
guint         smart_call_get_n_args                 (SmartCall      *call);
SMART_AVAILABLE_IN_1_0
GCancellable *smart_call_get_cancellable            (SmartCall      *call);
SMART_AVAILABLE_IN_1_0
GMainContext *smart_call_get_context                (SmartCall      *call);
SMART_AVAILABLE_IN_1_0
const GValue *smart_call_get_value                  (SmartCall      *call,
                                                     guint           index);
SMART_AVAILABLE_IN_1_0
gboolean      smart_call_get_boolean                (SmartCall      *call,
                                                     guint           index);
SMART_AVAILABLE_IN_1_0
int           smart_call_get_int                    (SmartCall      *call,
                                                     guint           index);
SMART_AVAILABLE_IN_1_0
guint         smart_call_get_uint                   (SmartCall      *call,
                                                     guint           index);
SMART_AVAILABLE_IN_1_0
gint64        smart_call_get_int64                  (SmartCall      *call,
                                                     guint           index);
SMART_AVAILABLE_IN_1_0
guint64       smart_call_get_uint64                 (SmartCall      *call,
                                                     guint           index);
SMART_AVAILABLE_IN_1_0
double        smart_call_get_double                 (SmartCall      *call,
                                                     guint           index);
SMART_AVAILABLE_IN_1_0
const char   *smart_call_get_string                 (SmartCall      *call,
                                                     guint           index);
SMART_AVAILABLE_IN_1_0
gpointer      smart_call_get_object                 (SmartCall      *call,
                                                     guint           index);
SMART_AVAILABLE_IN_1_0
gpointer      smart_call_get_boxed                  (SmartCall      *call,
                                                     guint           index);
SMART_AVAILABLE_IN_1_0
gpointer      smart_call_get_pointer                (SmartCall      *call,
                                                     guint           index);
SMART_AVAILABLE_IN_1_0
GVariant     *smart_call_get_variant                (SmartCall      *call,
                                                     guint           index);

/* Its result; the first one counts */

SMART_AVAILABLE_IN_1_0
void          smart_call_return_none                (SmartCall      *call);
SMART_AVAILABLE_IN_1_0
void          smart_call_return_boolean             (SmartCall      *call,
                                                     gboolean        result);
SMART_AVAILABLE_IN_1_0
void          smart_call_return_int                 (SmartCall      *call,
                                                     int             result);
SMART_AVAILABLE_IN_1_0
void          smart_call_return_uint                (SmartCall      *call,
                                                     guint           result);
SMART_AVAILABLE_IN_1_0
void          smart_call_return_int64               (SmartCall      *call,
                                                     gint64          result);
SMART_AVAILABLE_IN_1_0
void          smart_call_return_uint64              (SmartCall      *call,
                                                     guint64         result);
SMART_AVAILABLE_IN_1_0
void          smart_call_return_double              (SmartCall      *call,
                                                     double          result);
SMART_AVAILABLE_IN_1_0
void          smart_call_return_string              (SmartCall      *call,
                                                     char           *result);
SMART_AVAILABLE_IN_1_0
void          smart_call_return_object              (SmartCall      *call,
                                                     gpointer        result);
SMART_AVAILABLE_IN_1_0
void          smart_call_return_boxed               (SmartCall      *call,
                                                     GType           type,
                                                     gpointer        result);
SMART_AVAILABLE_IN_1_0
void          smart_call_return_pointer             (SmartCall      *call,
                                                     gpointer        result,
                                                     GDestroyNotify  destroy);
SMART_AVAILABLE_IN_1_0
void          smart_call_return_variant             (SmartCall      *call,
                                                     GVariant       *result);
SMART_AVAILABLE_IN_1_0
void          smart_call_return_value               (SmartCall      *call,
                                                     const GValue   *result);
SMART_AVAILABLE_IN_1_0
void          smart_call_return_error               (SmartCall      *call,
                                                     GError         *error);
SMART_AVAILABLE_IN_1_0
void          smart_call_return_new_error           (SmartCall      *call,
                                                     GQuark          domain,
                                                     int             code,
                                                     const char     *format,
                                                     ...) G_GNUC_PRINTF (4, 5);
SMART_AVAILABLE_IN_1_0
void          smart_call_return_new_error_literal   (SmartCall      *call,
                                                     GQuark          domain,
                                                     int             code,
                                                     const char     *message);
SMART_AVAILABLE_IN_1_0
gboolean      smart_call_return_error_if_cancelled  (SmartCall      *call);
SMART_AVAILABLE_IN_1_0
void          smart_call_return_future              (SmartCall      *call,
                                                     SmartFuture    *future);

/* While it runs */

SMART_AVAILABLE_IN_1_0
guint         smart_call_add_timeout                (SmartCall      *call,
                                                     guint           msec,
                                                     GSourceFunc     function,
                                                     gpointer        user_data,
                                                     GDestroyNotify  destroy);
SMART_AVAILABLE_IN_1_0
void          smart_call_report_progress            (SmartCall      *call,
                                                     double          progress);
SMART_AVAILABLE_IN_1_0
SmartCall    *smart_call_get_current                (void);
SMART_AVAILABLE_IN_1_0
void          smart_call_enter                      (SmartCall      *call);
SMART_AVAILABLE_IN_1_0
void          smart_call_leave                      (SmartCall      *call);

G_END_DECLS
