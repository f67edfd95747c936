/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* In which context is the caller? The one place where that is decided. */

#include "smart-context-private.h"

#include "smart-call-private.h"

/* Frames */

/* Makes no cancellable the current one; what was is returned. */
GSList *
smart_hide_cancellables (void)
{
  GSList *hidden = NULL;
  GCancellable *current;

  while ((current = g_cancellable_get_current ()) != NULL)
    {
      hidden = g_slist_prepend (hidden, g_object_ref (current));
      g_cancellable_pop_current (current);
    }

  return hidden;
}

void
smart_show_cancellables (GSList *hidden)
{
  for (GSList *l = hidden; l != NULL; l = l->next)
    g_cancellable_push_current (l->data);
  g_slist_free_full (hidden, g_object_unref);
}

/* Begins @frame: in its body, @call and its cancellable are the current ones. */
void
smart_frame_push (SmartThread *thread, SmartFrame *frame, SmartFrameKind kind, SmartCall *call)
{
  frame->kind = kind;
  frame->depth = g_main_depth ();
  frame->call = call;
  frame->cancellable = NULL;
  frame->hidden = NULL;
  frame->below = thread->top;
  thread->top = frame;
  thread->n_bodies += !frame->on_heap;

  if (call == NULL)
    return;

  frame->cancellable = smart_call_get_cancellable (call);
  if (frame->cancellable != NULL)
    g_cancellable_push_current (frame->cancellable);
  else
    frame->hidden = smart_hide_cancellables ();
}

static void
drop_top (SmartThread *thread)
{
  SmartFrame *frame = thread->top;

  thread->top = frame->below;
  if (frame->cancellable != NULL)
    g_cancellable_pop_current (frame->cancellable);
  if (frame->hidden != NULL)
    smart_show_cancellables (frame->hidden);

  if (frame->on_heap)
    {
      g_clear_object (&frame->call);
      g_clear_pointer (&frame->source, g_source_unref);
      g_free (frame);
    }
  else
    {
      thread->n_bodies--;
    }
}

/* Ends @frame, and with it what its body pushed and did not pop. */
void
smart_frame_pop (SmartThread *thread, SmartFrame *frame)
{
  while (thread->top != frame)
    drop_top (thread);
  drop_top (thread);
}

/* Drops what a thread that ends left behind: a mode for its whole life, say. */
void
smart_frame_clear (SmartThread *thread)
{
  while (thread->top != NULL)
    drop_top (thread);
}

/* Whether a callback that has ended left @frame behind, here at @depth: one of a
 * deeper loop, or another one of this. */
static gboolean
is_left_behind (SmartThread *thread, SmartFrame *frame, int depth)
{
  return frame->depth > depth ||
         (frame->on_heap && frame->depth == depth &&
          (frame->delivery != thread->delivery || frame->source != g_main_current_source ()));
}

/* Drops what callbacks that have ended left behind. */
static void
prune (SmartThread *thread)
{
  int depth = g_main_depth ();

  while (thread->top != NULL && is_left_behind (thread, thread->top, depth))
    drop_top (thread);
}

/* What the user pushes is dropped when it was forgotten. */
static void
push_on_heap (SmartFrameKind kind, SmartMode mode, SmartCall *call)
{
  SmartThread *thread = smart_thread_get ();
  SmartFrame *frame = g_new0 (SmartFrame, 1);
  GSource *source = g_main_current_source ();

  prune (thread);
  frame->on_heap = TRUE;
  frame->mode = mode;
  frame->delivery = thread->delivery;
  frame->source = source != NULL ? g_source_ref (source) : NULL;
  smart_frame_push (thread, frame, kind, call != NULL ? g_object_ref (call) : NULL);
}

/* The call whose body this thread is in the middle of, at this very depth. */
SmartCall *
smart_frame_current_call (SmartThread *thread)
{
  int depth;

  if (thread == NULL || thread->top == NULL)
    return NULL;

  depth = g_main_depth ();
  for (SmartFrame *frame = thread->top; frame != NULL; frame = frame->below)
    {
      if (frame->depth < depth)
        break;
      if (frame->kind != SMART_FRAME_MODE && !is_left_behind (thread, frame, depth))
        return frame->call;
    }

  return NULL;
}

/* Why the verdict is what it is. */
typedef enum
{
  BY_MODE,          /* a mode that was pushed in this frame */
  BY_BLOCKING_BODY, /* in a blocking body */
  BY_DISPATCH,      /* in the callback of a source */
  BY_OWNERSHIP,     /* owns its thread-default context, but does not dispatch */
  BY_DEFAULT        /* none of these */
} Reason;

static gboolean
detect (Reason *reason)
{
  SmartThread *thread = smart_thread_peek ();
  int depth = g_main_depth ();

  for (SmartFrame *frame = thread != NULL ? thread->top : NULL; frame != NULL; frame = frame->below)
    {
      if (is_left_behind (thread, frame, depth))
        continue;
      if (frame->depth < depth || frame->kind == SMART_FRAME_ASYNC)
        break;

      if (frame->kind == SMART_FRAME_BLOCKING)
        {
          *reason = BY_BLOCKING_BODY;
          return FALSE;
        }
      /* The innermost mode counts, and AUTO is one: those outside it do not. */
      if (frame->mode != SMART_MODE_AUTO)
        {
          *reason = BY_MODE;
          return frame->mode == SMART_MODE_ASYNC;
        }
      while (frame->below != NULL && frame->below->kind == SMART_FRAME_MODE &&
             frame->below->depth >= depth)
        frame = frame->below; /* those outside it, and those left behind */
    }

  if (depth > 0)
    {
      *reason = BY_DISPATCH;
      return TRUE;
    }

  if (g_main_context_is_owner (g_main_context_get_thread_default ()))
    {
      *reason = BY_OWNERSHIP;
      return TRUE;
    }

  *reason = BY_DEFAULT;
  return FALSE;
}

/**
 * smart_context_is_async:
 *
 * Whether a smart call made here would be made in an async context. The rule,
 * in this order:
 *
 * 1. A mode that was pushed here, with [func@SmartAsync.context_push_mode].
 * 2. In a blocking body: sync.
 * 3. In the callback of a source, or on a thread that owns its thread-default
 *    main context: async. An asynchronous body always is, since its context is
 *    owned while it begins.
 * 4. Otherwise: sync.
 *
 * So in the `startup`, `activate`, `command-line`, `handle-local-options` and
 * `shutdown` handlers of a #GApplication it is async, since the application
 * owns its context by then. But in the last two nothing promises that the main
 * loop still runs, so that a result may never come: use
 * [method@SmartAsync.AsyncFunc.call_sync] there.
 *
 * The first two hold only in the code that pushed the mode, or in the body
 * itself: not in a callback that a nested loop dispatches meanwhile, nor in
 * another body.
 *
 * May be called from any thread, and speaks for that thread.
 *
 * Returns: %TRUE in an async context
 *
 * Since: 1.0
 */
gboolean
smart_context_is_async (void)
{
  Reason reason;

  return detect (&reason);
}

/**
 * smart_context_is_explicit:
 *
 * Whether one of the first two steps of the rule decides here: a mode that was
 * pushed, or a blocking body. If not, [func@SmartAsync.context_is_async] speaks
 * for main contexts only, and a language that has loops of its own, such as
 * Python, has to ask these before it believes that the context is a sync one.
 *
 * May be called from any thread, and speaks for that thread.
 *
 * Returns: %TRUE if a mode or a blocking body decides
 *
 * Since: 1.0
 */
gboolean
smart_context_is_explicit (void)
{
  Reason reason;

  detect (&reason);
  return reason == BY_MODE || reason == BY_BLOCKING_BODY;
}

/**
 * smart_context_is_bare: (skip)
 *
 * Whether there is nothing here that the rule would have to look at: no body, no
 * mode and no main context. Then the context is a sync one, for whoever has no
 * loop of his own. For bindings, whose calls into C cost more than this does.
 *
 * Returns: %TRUE if there is nothing
 *
 * Since: 1.0
 */
gboolean
smart_context_is_bare (void)
{
  SmartThread *thread = smart_thread_peek ();

  return (thread == NULL || thread->top == NULL) && g_main_depth () == 0 &&
         !g_main_context_is_owner (g_main_context_get_thread_default ());
}

/**
 * smart_context_survey:
 *
 * Says in one go what a binding wants to know of where it is. For bindings, whose calls
 * into C cost more than what is done there.
 *
 * May be called from any thread, and speaks for that thread.
 *
 * Returns: what is true here
 *
 * Since: 1.0
 */
SmartContextTraits
smart_context_survey (void)
{
  GMainContext *context = g_main_context_default ();
  SmartContextTraits traits = SMART_CONTEXT_TRAITS_NONE;

  if (smart_context_is_async ())
    traits |= SMART_CONTEXT_TRAITS_ASYNC;

  if (!g_main_context_is_owner (context))
    return traits;

  if (g_main_context_get_thread_default () == NULL &&
      smart_frame_current_call (smart_thread_peek ()) == NULL)
    traits |= SMART_CONTEXT_TRAITS_PLAIN;

  if (g_main_depth () == 1 && g_source_get_context (g_main_current_source ()) == context)
    traits |= SMART_CONTEXT_TRAITS_OUTERMOST;

  return traits;
}

/**
 * smart_context_describe:
 *
 * Says in one line what [func@SmartAsync.context_is_async] finds here, and why.
 * For those who debug; the words are not part of the API.
 *
 * Returns: (transfer full): one line
 *
 * Since: 1.0
 */
char *
smart_context_describe (void)
{
  Reason reason;
  gboolean async = detect (&reason);
  const char *verdict = async ? "async" : "sync";
  GSource *source;
  SmartCall *call;

  switch (reason)
    {
    case BY_MODE:
      return g_strdup_printf ("%s: mode %s was pushed", verdict, async ? "ASYNC" : "SYNC");

    case BY_BLOCKING_BODY:
      call = smart_frame_current_call (smart_thread_peek ());
      return g_strdup_printf ("%s: in the blocking body of %s", verdict,
                              smart_call_get_label (call));

    case BY_DISPATCH:
      source = g_main_current_source ();
      if (source != NULL && g_source_get_name (source) != NULL)
        return g_strdup_printf ("%s: dispatching source \"%s\"", verdict,
                                g_source_get_name (source));
      return g_strdup_printf ("%s: dispatching a source without a name", verdict);

    case BY_OWNERSHIP:
      return g_strdup_printf ("%s: owned, not dispatching: this thread owns its thread-default "
                              "main context",
                              verdict);

    case BY_DEFAULT:
    default:
      return g_strdup_printf ("%s: no main context of this thread is being iterated", verdict);
    }
}

/**
 * smart_context_push_mode:
 * @mode: what to behave as
 *
 * Overrides the detection for smart calls made here, until
 * [func@SmartAsync.context_pop_mode]. Modes nest. A mode holds neither in a
 * body called meanwhile, nor in a callback that a nested loop dispatches, nor
 * on another thread.
 *
 * May be called from any thread, and speaks for that thread.
 *
 * Since: 1.0
 */
void
smart_context_push_mode (SmartMode mode)
{
  g_return_if_fail (mode >= SMART_MODE_AUTO && mode <= SMART_MODE_ASYNC);

  push_on_heap (SMART_FRAME_MODE, mode, NULL);
}

/**
 * smart_context_pop_mode:
 *
 * Ends what the last [func@SmartAsync.context_push_mode] in this frame began.
 * To pop a mode that was not pushed here is a critical.
 *
 * May be called from any thread, and speaks for that thread.
 *
 * Since: 1.0
 */
void
smart_context_pop_mode (void)
{
  SmartThread *thread = smart_thread_get ();
  SmartFrame *frame;

  prune (thread);
  frame = thread->top;

  if (frame == NULL || frame->kind != SMART_FRAME_MODE || frame->depth != g_main_depth ())
    {
      g_critical ("smart_context_pop_mode() called where no mode was pushed");
      return;
    }

  drop_top (thread);
}

/**
 * smart_call_get_current:
 *
 * The call whose body this code is part of: in the synchronous part of a body,
 * in a continuation, and between [method@SmartAsync.Call.enter] and
 * [method@SmartAsync.Call.leave]; not in a callback that a loop inside the body
 * dispatches.
 *
 * May be called from any thread, and speaks for that thread.
 *
 * Returns: (transfer none) (nullable): the call
 *
 * Since: 1.0
 */
SmartCall *
smart_call_get_current (void)
{
  return smart_frame_current_call (smart_thread_peek ());
}

/**
 * smart_call_enter:
 * @call: a call
 *
 * Makes @call and its cancellable the current ones again, in code that goes on
 * with the work of an asynchronous body after a suspension: smart calls made
 * with no cancellable then inherit it. Ends with
 * [method@SmartAsync.Call.leave], in the same callback.
 *
 * May be called from any thread, and speaks for that thread.
 *
 * Since: 1.0
 */
void
smart_call_enter (SmartCall *call)
{
  g_return_if_fail (SMART_IS_LIVE_CALL (call));

  push_on_heap (SMART_FRAME_ASYNC, SMART_MODE_AUTO, call);
}

/**
 * smart_call_leave:
 * @call: the call that was entered last
 *
 * Ends what [method@SmartAsync.Call.enter] began. To leave a call that was not
 * entered here is a critical.
 *
 * Since: 1.0
 */
void
smart_call_leave (SmartCall *call)
{
  SmartThread *thread;
  SmartFrame *frame;

  g_return_if_fail (SMART_IS_LIVE_CALL (call));

  thread = smart_thread_get ();
  prune (thread);
  frame = thread->top;

  if (frame == NULL || !frame->on_heap || frame->call != call || frame->depth != g_main_depth ())
    {
      g_critical ("smart_call_leave() called for a call that was not entered here");
      return;
    }

  drop_top (thread);
}

/* Where results come */

/* The context of a caller in an async context: its thread default if it owns
 * that, else the one that is dispatching (a loop that runs on a context which
 * was not pushed). */
GMainContext *
smart_context_ref_home (void)
{
  GMainContext *context = g_main_context_get_thread_default ();
  GSource *source;

  if (!g_main_context_is_owner (context) && (source = g_main_current_source ()) != NULL)
    context = g_source_get_context (source);

  return g_main_context_ref (context != NULL ? context : g_main_context_default ());
}

SmartInbox *
smart_context_get_inbox (int priority)
{
  GMainContext *home = smart_context_ref_home ();
  SmartInbox *inbox = smart_inbox_get (home, priority);

  g_main_context_unref (home);
  return inbox;
}
