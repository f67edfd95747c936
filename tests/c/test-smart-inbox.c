/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* How results come back: batches, their order, and the end of a context. */

#include "smart-test.h"

#include <smartasync-glib/smart-inbox-private.h>
#include <smartasync-glib/smartasync-glib.h>

#define N_PUSHERS 4

typedef struct _Parcel Parcel;
typedef void (*ParcelFunc) (Parcel *parcel, gboolean run);

/* What is delivered says so here. */
typedef struct
{
  GMainContext *context;
  SmartInbox *inbox;
  GString *order;
  guint n_run;
  guint n_dropped;
} Post;

struct _Parcel
{
  SmartParcel base; /* must be the first */
  Post *post;
  char letter;
  ParcelFunc func; /* nullable */
};

static void
post_init (Post *post)
{
  *post = (Post) { .context = g_main_context_new (), .order = g_string_new (NULL) };
  post->inbox = smart_inbox_get (post->context, G_PRIORITY_DEFAULT);
}

/* The thread's use of it stays, until it uses another one or ends. */
static void
forget_last_inbox (void)
{
  g_autoptr (GMainContext) context = g_main_context_new ();

  smart_inbox_unref (smart_inbox_get (context, 0));
}

static void
post_clear (Post *post)
{
  g_clear_pointer (&post->inbox, smart_inbox_unref);
  g_clear_pointer (&post->context, g_main_context_unref);
  g_string_free (post->order, TRUE);
  forget_last_inbox ();
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Post, post_clear)

static void
deliver (SmartParcel *base, gboolean run)
{
  Parcel *parcel = (Parcel *) base;

  if (run)
    {
      parcel->post->n_run++;
      g_string_append_c (parcel->post->order, parcel->letter);
    }
  else
    {
      parcel->post->n_dropped++;
    }
  if (parcel->func != NULL)
    parcel->func (parcel, run);
  g_free (parcel);
}

static void
push (Post *post, char letter, ParcelFunc func)
{
  Parcel *parcel = g_new0 (Parcel, 1);

  parcel->base.deliver = deliver;
  parcel->post = post;
  parcel->letter = letter;
  parcel->func = func;
  smart_inbox_push (post->inbox, &parcel->base);
}

static void
iterate_all (GMainContext *context)
{
  while (g_main_context_iteration (context, FALSE))
    ;
}

static void
one_for_each_context_and_priority (void)
{
  guint n_before = smart_inbox_n_alive ();
  g_autoptr (GMainContext) context = g_main_context_new ();
  SmartInbox *inbox = smart_inbox_get (context, G_PRIORITY_DEFAULT);
  SmartInbox *same = smart_inbox_get (context, G_PRIORITY_DEFAULT);
  SmartInbox *other = smart_inbox_get (context, G_PRIORITY_LOW);

  g_assert_true (inbox == same);
  g_assert_true (inbox != other);
  g_assert_cmpuint (smart_inbox_n_alive (), >=, 2);

  smart_inbox_unref (same);
  smart_inbox_unref (inbox);
  smart_inbox_unref (other);
  forget_last_inbox ();
  g_assert_cmpuint (smart_inbox_n_alive (), <=, n_before + 1);
}

static void
all_in_one_iteration (void)
{
  g_auto (Post) post;

  post_init (&post);
  for (char letter = 'a'; letter <= 'z'; letter++)
    push (&post, letter, NULL);
  g_assert_cmpuint (post.n_run, ==, 0);

  g_assert_true (g_main_context_iteration (post.context, FALSE));
  g_assert_cmpstr (post.order->str, ==, "abcdefghijklmnopqrstuvwxyz");
  g_assert_false (g_main_context_pending (post.context));
}

static void
push_b (Parcel *parcel, gboolean run)
{
  push (parcel->post, 'b', NULL);
}

/* What comes during a batch is not part of it: others have their turn. */
static void
not_in_the_same_iteration (void)
{
  g_auto (Post) post;

  post_init (&post);
  push (&post, 'a', push_b);
  push (&post, 'c', NULL);

  g_main_context_iteration (post.context, FALSE);
  g_assert_cmpstr (post.order->str, ==, "ac");
  g_main_context_iteration (post.context, FALSE);
  g_assert_cmpstr (post.order->str, ==, "acb");
}

static gboolean
append_dot (gpointer data)
{
  g_string_append_c (((Post *) data)->order, '.');

  return G_SOURCE_REMOVE;
}

/* By priority, among the other sources. */
static void
by_priority (void)
{
  g_auto (Post) post;
  g_auto (Post) low;
  g_autoptr (GSource) source = g_idle_source_new ();

  post_init (&post);
  low = (Post) { .context = g_main_context_ref (post.context), .order = g_string_new (NULL) };
  low.inbox = smart_inbox_get (post.context, G_PRIORITY_LOW);

  g_source_set_priority (source, G_PRIORITY_DEFAULT_IDLE);
  g_source_set_callback (source, append_dot, &post, NULL);
  g_source_attach (source, post.context);

  push (&low, 'l', NULL);
  push (&post, 'a', NULL);
  g_main_context_iteration (post.context, FALSE);
  g_assert_cmpstr (post.order->str, ==, "a");
  g_main_context_iteration (post.context, FALSE);
  g_assert_cmpstr (post.order->str, ==, "a.");
  g_assert_cmpuint (low.n_run, ==, 0);
  g_main_context_iteration (post.context, FALSE);
  g_assert_cmpuint (low.n_run, ==, 1);
}

static void
iterate_inside (Parcel *parcel, gboolean run)
{
  if (!run)
    return;
  push (parcel->post, 'd', NULL);
  iterate_all (parcel->post->context);
  g_string_append_c (parcel->post->order, '!');
}

/* A callback that runs a loop gets what is behind it, in order. */
static void
in_nested_loop (void)
{
  g_auto (Post) post;

  post_init (&post);
  push (&post, 'a', iterate_inside);
  push (&post, 'b', iterate_inside);
  push (&post, 'c', NULL);

  g_main_context_iteration (post.context, FALSE);
  g_assert_cmpstr (post.order->str, ==, "abcdd!!");
  g_assert_false (g_main_context_pending (post.context));
}

static void
unref_in_delivery (Parcel *parcel, gboolean run)
{
  g_clear_pointer (&parcel->post->inbox, smart_inbox_unref);
}

/* The last user goes in the middle of a delivery. */
static void
released_by_delivery (void)
{
  g_auto (Post) post;

  post_init (&post);
  push (&post, 'a', unref_in_delivery);
  forget_last_inbox ();
  iterate_all (post.context);
  g_assert_cmpuint (post.n_run, ==, 1);
}

static void
context_goes_before (void)
{
  g_auto (Post) post;

  post_init (&post);
  push (&post, 'a', NULL);
  push (&post, 'b', NULL);
  g_clear_pointer (&post.context, g_main_context_unref);
  g_assert_cmpuint (post.n_run, ==, 0);
  g_assert_cmpuint (post.n_dropped, ==, 2);

  /* And who comes later finds out at once. */
  push (&post, 'c', NULL);
  g_assert_cmpuint (post.n_dropped, ==, 3);
}

/* The allocator likes to give the same address again: that is another context. */
static void
context_at_the_same_address (void)
{
  for (guint i = 0; i < 100; i++)
    {
      g_auto (Post) post;
      g_autoptr (GPtrArray) others =
          g_ptr_array_new_with_free_func ((GDestroyNotify) g_main_context_unref);
      GMainContext *old;
      SmartInbox *closed;

      post_init (&post);
      old = post.context;
      closed = post.inbox;
      g_clear_pointer (&post.context, g_main_context_unref);

      while ((post.context = g_main_context_new ()) != old && others->len < 100)
        g_ptr_array_add (others, post.context);
      post.inbox = smart_inbox_get (post.context, G_PRIORITY_DEFAULT);
      g_assert_true (post.inbox != closed);
      push (&post, 'a', NULL);
      iterate_all (post.context);
      g_assert_cmpuint (post.n_run, ==, 1);
      g_assert_cmpuint (post.n_dropped, ==, 0);
      smart_inbox_unref (closed);

      if (post.context == old)
        return;
    }

  g_test_skip ("no address was used again");
}

/* Many threads push; the context's one misses no wake-up. */

typedef struct
{
  Post *post;
  guint n_parcels;
} Pusher;

static gpointer
pusher_main (gpointer data)
{
  Pusher *pusher = data;

  for (guint i = 0; i < pusher->n_parcels; i++)
    {
      /* A use of its own, as each call has. */
      SmartInbox *inbox = smart_inbox_get (pusher->post->context, G_PRIORITY_DEFAULT);
      Parcel *parcel = g_new0 (Parcel, 1);

      parcel->base.deliver = deliver;
      parcel->post = pusher->post;
      parcel->letter = 'x';
      smart_inbox_push (inbox, &parcel->base);
      smart_inbox_unref (inbox);
    }

  return NULL;
}

static gboolean
all_have_come (gpointer data)
{
  Pusher *pusher = data;

  return pusher->post->n_run == N_PUSHERS * pusher->n_parcels;
}

static void
from_many_threads (void)
{
  g_auto (Post) post;
  Pusher pusher = { &post, smart_test_scale (20000, 500) };
  GThread *threads[N_PUSHERS];

  post_init (&post);
  for (guint i = 0; i < N_PUSHERS; i++)
    threads[i] = g_thread_new ("pusher", pusher_main, &pusher);
  smart_test_iterate_until (post.context, all_have_come, &pusher);
  for (guint i = 0; i < N_PUSHERS; i++)
    g_thread_join (threads[i]);
  g_assert_cmpuint (post.n_dropped, ==, 0);
}

/* Each user is the last one, as often as not, while another thread iterates. */
typedef struct
{
  GMainContext *context;
  guint n_rounds;
  int stop; /* atomic */
} Coming;

static gpointer
coming_and_going (gpointer data)
{
  Coming *coming = data;

  for (guint i = 0; i < coming->n_rounds; i++)
    {
      smart_inbox_unref (smart_inbox_get (coming->context, G_PRIORITY_DEFAULT));
      forget_last_inbox ();
    }

  return NULL;
}

static gpointer
iterate_until_stopped (gpointer data)
{
  Coming *coming = data;

  while (!g_atomic_int_get (&coming->stop))
    g_main_context_iteration (coming->context, TRUE);

  return NULL;
}

static void
last_user_beside_loop (void)
{
  g_autoptr (GMainContext) context = g_main_context_new ();
  Coming coming = { context, smart_test_scale (5000, 200), FALSE };
  GThread *loop = g_thread_new ("loop", iterate_until_stopped, &coming);
  GThread *threads[2];

  for (guint i = 0; i < 2; i++)
    threads[i] = g_thread_new ("user", coming_and_going, &coming);
  for (guint i = 0; i < 2; i++)
    g_thread_join (threads[i]);

  g_atomic_int_set (&coming.stop, TRUE);
  g_main_context_wakeup (context);
  g_thread_join (loop);
  /* The last user only says so where another thread owns the context; the loop may have ended before
   * it came to destroy the source. */
  g_main_context_iteration (context, FALSE);
  /* The threads ended, and nobody else uses it: no source is left. */
  g_assert_false (g_main_context_pending (context));
}

static gpointer
use_and_end (gpointer data)
{
  smart_inbox_unref (smart_inbox_get (data, G_PRIORITY_DEFAULT));

  return NULL;
}

static void
released_by_thread_end (void)
{
  g_autoptr (GMainContext) context = g_main_context_new ();
  guint n_before = smart_inbox_n_alive ();

  g_thread_join (g_thread_new ("user", use_and_end, context));
  g_assert_cmpuint (smart_inbox_n_alive (), ==, n_before);
}

/* The context's owner lets go of it while another thread wakes it up. */
typedef struct
{
  Post post;
  guint n_rounds;
  guint turn; /* atomic: odd where both let go */
} Parting;

/* Both at once, where there are two processors. */
static void
wait_for_turn (Parting *parting, guint turn)
{
  for (guint i = 0; (guint) g_atomic_int_get (&parting->turn) != turn; i++)
    {
      if (i > 10000)
        g_thread_yield ();
    }
}

static gpointer
push_and_let_go (gpointer data)
{
  Parting *parting = data;

  for (guint i = 0; i < parting->n_rounds; i++)
    {
      wait_for_turn (parting, 2 * i + 1);
      if (i % 2 == 0)
        push (&parting->post, 'a', NULL);
      smart_inbox_unref (parting->post.inbox);
      g_atomic_int_inc (&parting->turn);
    }

  return NULL;
}

static void
context_goes_meanwhile (void)
{
  Parting parting = { .n_rounds = smart_test_scale (10000, 100) };
  GThread *user = g_thread_new ("user", push_and_let_go, &parting);

  parting.post.order = g_string_new (NULL);
  for (guint i = 0; i < parting.n_rounds; i++)
    {
      parting.post.context = g_main_context_new ();
      parting.post.inbox = smart_inbox_get (parting.post.context, G_PRIORITY_DEFAULT);
      forget_last_inbox ();

      g_atomic_int_inc (&parting.turn);
      /* Now before the other, now after it. */
      for (guint n = i % 4000; n > 0; n--)
        g_atomic_int_get (&parting.turn);
      g_main_context_unref (parting.post.context);
      wait_for_turn (&parting, 2 * i + 2);
    }
  g_thread_join (user);
  g_string_free (parting.post.order, TRUE);
  g_assert_cmpuint (parting.post.n_dropped, ==, parting.n_rounds / 2);
}

int
main (int argc, char *argv[])
{
  smart_test_init (&argc, &argv);

  smart_test_add ("/inbox/one-each", one_for_each_context_and_priority);
  smart_test_add ("/inbox/batch", all_in_one_iteration);
  smart_test_add ("/inbox/next-iteration", not_in_the_same_iteration);
  smart_test_add ("/inbox/priority", by_priority);
  smart_test_add ("/inbox/nested-loop", in_nested_loop);
  smart_test_add ("/inbox/released-by-delivery", released_by_delivery);
  smart_test_add ("/inbox/context-gone", context_goes_before);
  smart_test_add ("/inbox/same-address", context_at_the_same_address);
  smart_test_add ("/inbox/threads", from_many_threads);
  smart_test_add ("/inbox/last-user", last_user_beside_loop);
  smart_test_add ("/inbox/thread-end", released_by_thread_end);
  smart_test_add ("/inbox/context-going", context_goes_meanwhile);

  return g_test_run ();
}
