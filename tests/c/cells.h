/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <smartasync-glib/smartasync-glib.h>

#include "smart-test.h"

G_BEGIN_DECLS

/*
 * The ways to call a function without arguments, from both kinds of context.
 */

typedef enum
{
  CELL_S_SYNC,    /* call_sync, in a sync context */
  CELL_S_SMART,   /* the smart call, in a sync context */
  CELL_S_ASYNC,   /* call_async at top level; its context is iterated afterwards */
  CELL_A_SYNC,    /* call_sync, in a source's callback */
  CELL_A_SMART,   /* the smart call, in a source's callback */
  CELL_A_ASYNC,   /* call_async, in a source's callback */
  N_CELLS
} Cell;

/*
 * Where a body is when it acts.
 */

typedef enum
{
  KIND_AT_ONCE,    /* asynchronous, within begin */
  KIND_LATER,      /* asynchronous, in a later callback of its context */
  KIND_ELSEWHERE,  /* asynchronous, on another thread */
  KIND_BLOCKING,   /* in a blocking body */
  KIND_DUAL,       /* in the body that fits: within begin, or blocking */
  N_KINDS
} Kind;

typedef struct
{
  gboolean  ok;
  GValue    value;
  GError   *error;
  GThread  *thread;      /* that the result came to */
  gboolean  in_context;  /* it came in the caller's context */
  gboolean  in_call;     /* it came before the call returned */
  gint64    usec;        /* it took, from the call on */
} CellResult;

#define CELL_RESULT_INIT { FALSE, G_VALUE_INIT, NULL, NULL, FALSE, FALSE, 0 }

SmartAsyncFunc *
            kind_func_new     (Kind               kind,
                               SmartBody          act,
                               gpointer           data);
gboolean    cell_waits        (Cell               cell);
void        cell_run          (Cell               cell,
                               SmartAsyncFunc    *func,
                               GCancellable      *cancellable,
                               SmartTestCallback  meanwhile,
                               gpointer           data,
                               CellResult        *result);
void        cell_assert_int   (Cell               cell,
                               SmartAsyncFunc    *func,
                               int                expected);
void        cell_assert_error (Cell               cell,
                               SmartAsyncFunc    *func,
                               GCancellable      *cancellable,
                               GQuark             domain,
                               int                code);
void        cell_result_clear (CellResult        *result);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (CellResult, cell_result_clear)

G_END_DECLS
