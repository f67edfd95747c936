/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* To put a thread to sleep and to wake it up again takes both sides longer than a short
 * body runs. So who is about to sleep, but has reason to think that something comes from
 * another processor, looks out for it first: about as long as a wake-up takes, so that it
 * is never more than twice what the better choice takes (Karlin et al., "Empirical studies
 * of competitive spinning for a shared-memory multiprocessor", 1991). */
#define SMART_LOOK_USEC 20

/* Having looked in vain, so many chances are let pass, more each time, up to this. */
#define SMART_LOOK_MAX_PASSED 31

/* Of those who look out for the same; they have a lock for it, or need none. */
typedef struct
{
  guint8 n_to_pass;
  guint8 n_passed; /* of these */
} SmartLook;

static inline gboolean
smart_look_may_begin (SmartLook *look)
{
  if (look->n_passed == look->n_to_pass)
    return TRUE;

  look->n_passed++;
  return FALSE;
}

static inline void
smart_look_end (SmartLook *look, gboolean in_vain)
{
  look->n_passed = 0;
  look->n_to_pass = in_vain ? MIN (2 * look->n_to_pass + 1, SMART_LOOK_MAX_PASSED) : 0;
}

/* Tells the processor that this thread only waits for another one. */
static inline void
smart_look_relax (void)
{
#if defined(__i386__) || defined(__x86_64__)
  __builtin_ia32_pause ();
#elif defined(__aarch64__)
  /* clang-format off */ /* its versions disagree */
  __asm__ volatile ("yield");
  /* clang-format on */
#endif
}

G_END_DECLS
