/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "smart-call-private.h"
#include "smart-turns-private.h"

#include <smartasync-glib/smart-async-func.h>
#include <smartasync-glib/smart-executor.h>

G_BEGIN_DECLS

typedef struct _SmartBodies SmartBodies;

/* The options of a function. Immutable once it was called. */
struct _SmartAsyncFunc
{
  GObject                 parent_instance;

  SmartTurns              turns;   /* has a lock of its own */
  const char             *made_with; /* by what line of C; immutable, static, nullable */
  const char             *made_at;
  char                   *label;   /* atomic; set once, where there is no name */

  /* What workers read of it is apart from the count of references, which the
   * callers change all the time. */
  SmartBodies            *bodies;  /* immutable; a reference, shared by derived functions; nullable */
  char                   *name;
  int                     priority;
  guint                   timeout; /* ms; 0: none */
  gboolean                abandon_on_cancel;
  gboolean                inherit_cancellable;
  SmartMainContextPolicy  policy;
  SmartExecutor          *executor;            /* a reference, nullable */
  guint                   max_concurrency;     /* 0: no limit */
  gboolean                thread_safe_source;
  gboolean                interpreted;         /* its body runs under an interpreter's lock */
  gboolean                offload;

  gboolean                has_signature;
  GType                   return_type;
  GType                  *params;
  guint                   n_params;
  int                     called;  /* atomic */
};

/* What a function runs: immutable, and shared by those derived from it. */
struct _SmartBodies
{
  SmartBody       begin; /* nullable */
  gpointer        begin_data;
  GDestroyNotify  begin_destroy;
  SmartBody       body;  /* nullable */
  gpointer        body_data;
  GDestroyNotify  body_destroy;
  gboolean        shielded; /* its cancellable is not cancelled while it begins */
  GThread        *owner; /* nullable: the only thread where they may run; a reference,
                            so that no later thread is taken for it */
};

const char *smart_async_func_get_label    (SmartAsyncFunc  *func);
GCancellable *
            smart_async_func_inherit      (SmartAsyncFunc  *func,
                                           GCancellable    *cancellable);
gboolean    smart_async_func_check_args   (SmartAsyncFunc  *func,
                                           const GValue    *args,
                                           guint            n_args,
                                           GError         **error);
gboolean    smart_async_func_check_result (SmartAsyncFunc  *func,
                                           const GValue    *result,
                                           GError         **error);
SmartAsyncFunc *
            smart_async_func_new_bodies   (SmartBody        begin,
                                           gpointer         begin_data,
                                           GDestroyNotify   begin_destroy,
                                           SmartBody        body,
                                           gpointer         body_data,
                                           GDestroyNotify   body_destroy);

gboolean    smart_async_func_may_run_here (SmartAsyncFunc  *func);

/* smart-async-func-pair.c */
void        smart_pair_invoke             (GCallback        function,
                                           gpointer         last_argument,
                                           GValue          *return_value,
                                           GValue          *args,
                                           guint            n_args);

/* smart-call-site.c */
char       *smart_call_site_label         (const char      *args,
                                           const char      *where);

/* smart-dispatch.c */
gboolean    smart_dispatch_is_here        (SmartAsyncFunc  *func);
gboolean    smart_dispatch_is_at_home     (SmartCall       *call);
void        smart_dispatch                (SmartAsyncFunc  *func,
                                           SmartOutcome    *outcome,
                                           GMainContext    *home,
                                           GObject         *source,
                                           const GValue    *args,
                                           guint            n_args,
                                           SmartLineage   *flight);
gboolean    smart_place_later             (SmartCall       *call);

/* smart-run.c */
void        smart_begin                   (SmartCall       *call,
                                           GMainContext    *context);
void        smart_run                     (SmartCall       *call);
void        smart_run_here                (SmartCall       *call);
void        smart_run_here_in             (SmartCall       *call,
                                           GMainContext    *context);

G_END_DECLS
