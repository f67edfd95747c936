/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "smart-thread-private.h"

G_BEGIN_DECLS

typedef struct _SmartParcel SmartParcel;
typedef struct _SmartWakeUp SmartWakeUp;

/* Something to be done in a main context: embedded in what is to be done.
 * @deliver owns it. @run is FALSE where the context is gone: then there is only
 * something to free. */
struct _SmartParcel
{
  SmartParcel *next;
  void      (* deliver) (SmartParcel *parcel,
                         gboolean     run);
};

/* What is left to be done for a context to wake up, where no lock is held; zeroed
 * at first. */
struct _SmartWakeUp
{
  GSource *source; /* a reference, nullable */
  gint64   time;
};

SmartInbox *smart_inbox_get        (GMainContext *context,
                                    int           priority);
GMainContext *
            smart_inbox_get_context (SmartInbox  *inbox);
gboolean    smart_inbox_is_open    (SmartInbox   *inbox);
gboolean    smart_inbox_is_here    (SmartInbox   *inbox);
SmartInbox *smart_inbox_ref        (SmartInbox   *inbox);
void        smart_inbox_unref      (SmartInbox   *inbox);
gboolean    smart_inbox_try_push   (SmartInbox   *inbox,
                                    SmartParcel  *parcel,
                                    SmartWakeUp  *wake_up);
void        smart_inbox_push       (SmartInbox   *inbox,
                                    SmartParcel  *parcel);
void        smart_inbox_wake_up    (SmartWakeUp  *wake_up);
void        smart_inbox_forget_all (void);
guint       smart_inbox_n_alive    (void);

G_END_DECLS
