/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "smart-inbox-private.h"

#include <smartasync-glib/smart-context.h>

G_BEGIN_DECLS

typedef enum
{
  SMART_FRAME_MODE,     /* a pushed mode */
  SMART_FRAME_BLOCKING, /* a blocking body */
  SMART_FRAME_ASYNC     /* the begin of an asynchronous body, or a continuation */
} SmartFrameKind;

/* What a thread is in the middle of. On the stack of who pushes it, but for
 * those that the user pushes. A frame speaks only for code at the depth of
 * dispatching that it was pushed at: an unrelated callback, which a loop inside
 * it dispatches, is deeper. And those that the user pushes, and may forget, only
 * for the callback of the same source. */
struct _SmartFrame
{
  SmartFrame     *below;
  SmartFrameKind  kind;
  int             depth;       /* g_main_depth () */
  GSource        *source;      /* if on_heap, what is being dispatched; a reference, nullable */
  gboolean        on_heap;     /* pushed by the user: owned by the stack of frames */
  SmartMode       mode;        /* of SMART_FRAME_MODE */
  guint64         delivery;    /* if on_heap: the parcel that its thread was in the middle of */
  SmartCall      *call;        /* of the others; a reference if on_heap */
  GCancellable   *cancellable; /* what it made the current one, or NULL; the call has it */
  GSList         *hidden;      /* what it hides, the outermost first */
};

void          smart_frame_push         (SmartThread    *thread,
                                        SmartFrame     *frame,
                                        SmartFrameKind  kind,
                                        SmartCall      *call);
void          smart_frame_pop          (SmartThread    *thread,
                                        SmartFrame     *frame);
void          smart_frame_clear        (SmartThread    *thread);
SmartCall    *smart_frame_current_call (SmartThread    *thread);
GMainContext *smart_context_ref_home   (void);
SmartInbox   *smart_context_get_inbox  (int             priority);

GSList       *smart_hide_cancellables  (void);
void          smart_show_cancellables  (GSList         *hidden);

G_END_DECLS
