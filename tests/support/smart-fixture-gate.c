/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "smart-fixture-gate.h"

/* How long anything may take that is expected to happen. */
#define DEADLINE_USEC (10 * G_USEC_PER_SEC)

typedef struct
{
  GFunc func;
  gpointer data;
} Visitor;

struct _SmartFixtureGate
{
  GObject parent_instance;

  GMutex lock;
  GCond moved;     /* with lock */
  gboolean open;   /* lock */
  guint n_waiting; /* lock */
  GArray *waiting; /* lock: of Visitor: those that are called back */
};

G_DEFINE_TYPE (SmartFixtureGate, smart_fixture_gate, G_TYPE_OBJECT)

static void
smart_fixture_gate_finalize (GObject *object)
{
  SmartFixtureGate *gate = SMART_FIXTURE_GATE (object);

  g_mutex_clear (&gate->lock);
  g_cond_clear (&gate->moved);
  g_array_unref (gate->waiting);
  G_OBJECT_CLASS (smart_fixture_gate_parent_class)->finalize (object);
}

static void
smart_fixture_gate_class_init (SmartFixtureGateClass *class)
{
  G_OBJECT_CLASS (class)->finalize = smart_fixture_gate_finalize;
}

static void
smart_fixture_gate_init (SmartFixtureGate *gate)
{
  g_mutex_init (&gate->lock);
  g_cond_init (&gate->moved);
  gate->waiting = g_array_new (FALSE, FALSE, sizeof (Visitor));
}

SmartFixtureGate *
smart_fixture_gate_new (void)
{
  return g_object_new (SMART_FIXTURE_TYPE_GATE, NULL);
}

void
smart_fixture_gate_open (SmartFixtureGate *gate)
{
  g_autoptr (GArray) visitors = NULL;

  g_mutex_lock (&gate->lock);
  gate->open = TRUE;
  visitors = gate->waiting;
  gate->waiting = g_array_new (FALSE, FALSE, sizeof (Visitor));
  g_cond_broadcast (&gate->moved);
  g_mutex_unlock (&gate->lock);

  for (guint i = 0; i < visitors->len; i++)
    {
      Visitor *visitor = &g_array_index (visitors, Visitor, i);

      visitor->func (visitor->data, NULL);
    }
}

gboolean
smart_fixture_gate_is_open (SmartFixtureGate *gate)
{
  gboolean open;

  g_mutex_lock (&gate->lock);
  open = gate->open;
  g_mutex_unlock (&gate->lock);

  return open;
}

/**
 * smart_fixture_gate_get_n_waiting:
 *
 * Returns: how many threads wait, and how many are to be called back
 */
guint
smart_fixture_gate_get_n_waiting (SmartFixtureGate *gate)
{
  guint n;

  g_mutex_lock (&gate->lock);
  n = gate->n_waiting + gate->waiting->len;
  g_mutex_unlock (&gate->lock);

  return n;
}

static void
wake_waiters (GCancellable *cancellable, gpointer data)
{
  SmartFixtureGate *gate = data;

  g_mutex_lock (&gate->lock);
  g_cond_broadcast (&gate->moved);
  g_mutex_unlock (&gate->lock);
}

/**
 * smart_fixture_gate_wait:
 * @msec: how long
 * @cancellable: (nullable): ends the wait
 *
 * A body that takes a while is one that waits at a gate which nobody opens.
 *
 * Returns: whether it is open
 */
gboolean
smart_fixture_gate_wait (SmartFixtureGate *gate, guint msec, GCancellable *cancellable)
{
  gint64 deadline = g_get_monotonic_time () + msec * G_TIME_SPAN_MILLISECOND;
  gulong handler = 0;
  gboolean open;

  if (cancellable != NULL)
    handler = g_cancellable_connect (cancellable, G_CALLBACK (wake_waiters), gate, NULL);

  g_mutex_lock (&gate->lock);
  gate->n_waiting++;
  g_cond_broadcast (&gate->moved);
  while (!gate->open && !g_cancellable_is_cancelled (cancellable))
    if (!g_cond_wait_until (&gate->moved, &gate->lock, deadline))
      break;
  gate->n_waiting--;
  open = gate->open;
  g_mutex_unlock (&gate->lock);

  if (handler != 0)
    g_cancellable_disconnect (cancellable, handler);

  return open;
}

/**
 * smart_fixture_gate_wait_for_waiters:
 *
 * Waits until so many wait at the closed gate.
 *
 * Returns: %FALSE when they did not come
 */
gboolean
smart_fixture_gate_wait_for_waiters (SmartFixtureGate *gate, guint n)
{
  gint64 deadline = g_get_monotonic_time () + DEADLINE_USEC;
  gboolean there;

  g_mutex_lock (&gate->lock);
  while (gate->n_waiting + gate->waiting->len < n)
    if (!g_cond_wait_until (&gate->moved, &gate->lock, deadline))
      break;
  there = gate->n_waiting + gate->waiting->len >= n;
  g_mutex_unlock (&gate->lock);

  return there;
}

/**
 * smart_fixture_gate_when_open: (skip)
 *
 * Has @func called by the thread that opens the gate; at once if it is open.
 */
void
smart_fixture_gate_when_open (SmartFixtureGate *gate, GFunc func, gpointer data)
{
  Visitor visitor = { func, data };
  gboolean open;

  g_mutex_lock (&gate->lock);
  open = gate->open;
  if (!open)
    g_array_append_val (gate->waiting, visitor);
  g_cond_broadcast (&gate->moved);
  g_mutex_unlock (&gate->lock);

  if (open)
    func (data, NULL);
}
