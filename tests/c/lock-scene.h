/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <smartasync-glib/smartasync-glib.h>

#include "smart-test.h"

G_BEGIN_DECLS

/*
 * A lock, a function whose body waits until it is told to return, and callers.
 */

typedef enum
{
  BODY_ASYNC,
  BODY_BLOCKING,
  N_BODIES
} SceneBody;

typedef enum
{
  VIA_ASYNC,   /* run_once_async () of the test's thread, whose context it iterates */
  VIA_THREAD,  /* run_once_sync () on a thread of its own */
  N_VIAS
} Via;

/* One execution, as its body sees it. */
typedef struct
{
  SmartCall     *call;
  GThread       *thread;
  gboolean       blocking;
  int            result;
  GObject       *object;    /* a reference, nullable */
  int            error;     /* of G_IO_ERROR; -1: none */
  SmartTestGate  gate;
} Held;

typedef struct
{
  SmartLock      *lock;
  SmartAsyncFunc *func;
  GAsyncQueue    *executions;
  GMainContext   *context;
  gboolean        pushed;
  int             n_begun;  /* atomic */
} Scene;

typedef struct
{
  Scene        *scene;
  const char   *key;
  Via           via;
  GCancellable *cancellable;
  GThread      *thread;
  gboolean      ok;
  GValue        value;
  GError       *error;
  int           over;       /* atomic */
} Caller;

void      scene_init             (Scene      *scene,
                                  SceneBody   body);
void      scene_clear            (Scene      *scene);
Held     *scene_next             (Scene      *scene);
void      scene_wait_for_waiters (Scene      *scene,
                                  guint       n);
void      scene_wait_until_gone  (Scene      *scene,
                                  GWeakRef   *weak);
void      scene_assert_idle      (Scene      *scene);
void      held_return            (Held       *held,
                                  int         result);
void      held_return_object     (Held       *held,
                                  GObject    *object);
void      held_fail              (Held       *held,
                                  int         code);
gboolean  held_is_cancelled      (Held       *held);

Caller   *caller_start           (Scene      *scene,
                                  Via         via,
                                  const char *key);
Caller   *caller_start_cancelled (Scene      *scene,
                                  Via         via,
                                  const char *key);
gboolean  caller_is_over         (Caller     *caller);
void      caller_cancel          (Caller     *caller);
void      caller_wait            (Caller     *caller);
void      caller_gets            (Caller     *caller,
                                  int         expected);
void      caller_gets_object     (Caller     *caller,
                                  GObject    *expected);
void      caller_fails           (Caller     *caller,
                                  GQuark      domain,
                                  int         code);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Scene, scene_clear)

G_END_DECLS
