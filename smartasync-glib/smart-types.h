/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#if !defined (SMARTASYNC_GLIB_INSIDE) && !defined (SMARTASYNC_GLIB_COMPILATION)
#error "Only <smartasync-glib/smartasync-glib.h> can be included directly."
#endif

#include <gio/gio.h>
#include <smartasync-glib/smart-version.h>

G_BEGIN_DECLS

typedef struct _SmartAsyncFunc SmartAsyncFunc;
typedef struct _SmartCall      SmartCall;
typedef struct _SmartFuture    SmartFuture;
typedef struct _SmartExecutor  SmartExecutor;
typedef struct _SmartLock      SmartLock;

/**
 * SmartMode:
 * @SMART_MODE_AUTO: detect, as if nothing had been pushed
 * @SMART_MODE_SYNC: behave as in a sync context
 * @SMART_MODE_ASYNC: behave as in an async context
 *
 * What [func@SmartAsync.context_push_mode] makes of the frame it is called in.
 *
 * Since: 1.0
 */
typedef enum
{
  SMART_MODE_AUTO,
  SMART_MODE_SYNC,
  SMART_MODE_ASYNC
} SmartMode;

/**
 * SmartContextTraits:
 * @SMART_CONTEXT_TRAITS_NONE: none of the others
 * @SMART_CONTEXT_TRAITS_ASYNC: the context is an async one
 * @SMART_CONTEXT_TRAITS_PLAIN: this thread owns the default main context, has no other as
 *   its thread default, and is in no body: a call inherits nothing, and what it begins ends there
 * @SMART_CONTEXT_TRAITS_OUTERMOST: a source of the default main context is dispatched, and
 *   not within the dispatch of another one
 *
 * What [func@SmartAsync.context_survey] sees.
 *
 * Since: 1.0
 */
typedef enum
{
  SMART_CONTEXT_TRAITS_NONE = 0,
  SMART_CONTEXT_TRAITS_ASYNC = 1 << 0,
  SMART_CONTEXT_TRAITS_PLAIN = 1 << 1,
  SMART_CONTEXT_TRAITS_OUTERMOST = 1 << 2
} SmartContextTraits;

/**
 * SmartFutureStatus:
 * @SMART_FUTURE_PENDING: there is no result yet
 * @SMART_FUTURE_RESOLVED: there is a value
 * @SMART_FUTURE_REJECTED: there is an error
 *
 * What became of a [class@SmartAsync.Future].
 *
 * Since: 1.0
 */
typedef enum
{
  SMART_FUTURE_PENDING,
  SMART_FUTURE_RESOLVED,
  SMART_FUTURE_REJECTED
} SmartFutureStatus;

/**
 * SmartAsyncFuncKind:
 * @SMART_ASYNC_FUNC_ASYNC: one body, that begins and returns at once
 * @SMART_ASYNC_FUNC_BLOCKING: one body, that blocks until it is done
 * @SMART_ASYNC_FUNC_DUAL: a body of each kind
 *
 * The bodies that a [class@SmartAsync.AsyncFunc] has.
 *
 * Since: 1.0
 */
typedef enum
{
  SMART_ASYNC_FUNC_ASYNC,
  SMART_ASYNC_FUNC_BLOCKING,
  SMART_ASYNC_FUNC_DUAL
} SmartAsyncFuncKind;

/**
 * SmartMainContextPolicy:
 * @SMART_MAIN_CONTEXT_PRIVATE: a private context of the calling thread: no
 *   source of the application runs meanwhile
 * @SMART_MAIN_CONTEXT_CURRENT: the caller's own thread-default context: its
 *   sources go on running
 *
 * Which main context is iterated when an asynchronous function is run to its
 * end for a sync caller.
 *
 * Since: 1.0
 */
typedef enum
{
  SMART_MAIN_CONTEXT_PRIVATE,
  SMART_MAIN_CONTEXT_CURRENT
} SmartMainContextPolicy;

/**
 * SmartBody:
 * @call: the call to work on; take a reference to return after the body did
 * @user_data: what the function was made with
 *
 * The body of a [class@SmartAsync.AsyncFunc].
 *
 * A blocking body returns a result with one of the `smart_call_return_…`
 * functions before it ends. An asynchronous body starts the work, keeps a
 * reference to @call, and returns a result when it is there; from any thread.
 *
 * It runs in the thread and context that the table of
 * [class@SmartAsync.AsyncFunc] gives.
 *
 * Since: 1.0
 */
typedef void (* SmartBody) (SmartCall *call,
                            gpointer   user_data);

/**
 * SmartContinuation:
 * @call: the call that settles the future which the continuation was attached for
 * @settled: the settled future that it was attached to
 * @user_data: what was given with it
 *
 * What [method@SmartAsync.Future.then], [method@SmartAsync.Future.catch] and
 * [method@SmartAsync.Future.finally] run, in the context they were called in.
 * Its rules are those of an asynchronous [callback@SmartAsync.Body].
 *
 * Since: 1.0
 */
typedef void (* SmartContinuation) (SmartCall   *call,
                                    SmartFuture *settled,
                                    gpointer     user_data);

/**
 * SmartNotify:
 * @future: the settled future
 * @user_data: what was given with it
 *
 * Told of a future's end at once, in the thread that settles it. It must not
 * block, and must expect any thread.
 *
 * Since: 1.0
 */
typedef void (* SmartNotify) (SmartFuture *future,
                              gpointer     user_data);

/**
 * SmartInterruptCheck:
 * @user_data: what was given with it
 *
 * What [func@SmartAsync.set_interrupt_hook] has called when its descriptor is
 * readable.
 *
 * Returns: whether to end the wait
 *
 * Since: 1.0
 */
typedef gboolean (* SmartInterruptCheck) (gpointer user_data);

G_END_DECLS
