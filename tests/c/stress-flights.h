/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <smartasync-glib/smartasync-glib.h>

#include "stress-tree.h"

G_BEGIN_DECLS

/*
 * A model of a lock. Each caller gets one result, which is that of an execution
 * for his key that nobody had a result of when he came, or he was cancelled. Two
 * executions for one key are under way only if somebody forgot or reset the
 * first, or if nobody waits for it any more; and where nobody does, it is cancelled.
 */

typedef struct _Execution Execution;

void        flights_init       (gint64        patience);
void        flights_clear      (void);
SmartLock  *flights_get_lock   (void);
int         flights_get_resets (void);

void        flights_ask        (Node         *node);
void        flights_leave      (const Node   *node);
Execution  *flights_begin      (const Node   *node,
                                SmartCall    *call);
gboolean    flights_end        (Execution    *execution,
                                GValue       *value,
                                GError      **error);
guint       flights_judge      (const Node   *node,
                                const GValue *value);
void        flights_judge_failure
                               (const Node   *node,
                                const GError *error);
const char *flights_get_key    (const Node   *node);
void        flights_forget     (guint         key);
void        flights_reset      (void);

G_END_DECLS
