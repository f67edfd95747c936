/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The contract's section D: which context am I in? */

#include "smart-test.h"

#include <smartasync-glib/smartasync-glib.h>

#include <glib-unix.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* What a body or a callback saw. */
typedef struct
{
  int seen; /* atomic: how often it was asked */
  gboolean is_async;
  GThread *thread;
  GMainContext *context;
  GMainContext *thread_default;
  char *description;
} Sight;

static void
sight_take (gpointer data)
{
  Sight *sight = data;

  sight->is_async = smart_context_is_async ();
  sight->thread = g_thread_self ();
  sight->thread_default = g_main_context_get_thread_default ();
  sight->context =
      g_main_current_source () != NULL ? g_source_get_context (g_main_current_source ()) : NULL;
  g_free (sight->description);
  sight->description = smart_context_describe ();
  g_atomic_int_inc (&sight->seen);
}

static void
sight_clear (Sight *sight)
{
  g_free (sight->description);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Sight, sight_clear)

static void
blocking_body (SmartCall *call, gpointer data)
{
  sight_take (data);
  smart_call_return_int (call, 42);
}

static void
begin_body (SmartCall *call, gpointer data)
{
  sight_take (data);
  smart_call_return_int (call, 42);
}

static void
settled_cb (GObject *source, GAsyncResult *result, gpointer data)
{
  g_auto (GValue) value = G_VALUE_INIT;
  g_autoptr (GError) error = NULL;

  smart_async_func_call_finish (SMART_ASYNC_FUNC (source), result, &value, &error);
  g_assert_no_error (error);
  g_assert_cmpint (g_value_get_int (&value), ==, 42);
  sight_take (data);
}

static void
assert_call_sync (SmartAsyncFunc *func)
{
  g_auto (GValue) value = G_VALUE_INIT;
  g_autoptr (GError) error = NULL;

  g_assert_true (smart_async_func_call_sync (func, NULL, NULL, 0, NULL, &value, &error));
  g_assert_no_error (error);
  g_assert_cmpint (g_value_get_int (&value), ==, 42);
}

static gboolean
is_settled (gpointer data)
{
  return smart_future_get_status (data) != SMART_FUTURE_PENDING;
}

/* D1 */

static void
test_plain (void)
{
  g_auto (Sight) sight = { 0 };

  sight_take (&sight);
  g_assert_false (sight.is_async);
}

static void
start_thread_cb (gpointer data)
{
  /* Nothing of this thread's state is the new one's. */
  smart_context_push_mode (SMART_MODE_ASYNC);
  smart_test_on_thread (sight_take, data);
  smart_context_pop_mode ();
}

static void
test_thread_just_started (void)
{
  g_auto (Sight) sight = { 0 };

  smart_test_on_thread (sight_take, &sight);
  g_assert_cmpint (sight.seen, ==, 1);
  g_assert_false (sight.is_async);

  smart_test_in_loop (start_thread_cb, NULL, &sight);
  g_assert_cmpint (sight.seen, ==, 2);
  g_assert_false (sight.is_async);
}

typedef struct
{
  SmartAsyncFunc *func;
  SmartFuture *future;
  SmartMode mode;
  Sight sight;
} Calling;

static void
calling_clear (Calling *calling)
{
  g_clear_object (&calling->func);
  g_clear_object (&calling->future);
  sight_clear (&calling->sight);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Calling, calling_clear)

static void
calling_start (gpointer data)
{
  Calling *calling = data;

  smart_context_push_mode (calling->mode);
  calling->future = smart_async_func_callv (calling->func, NULL, NULL, 0, NULL);
  smart_context_pop_mode ();
}

static gboolean
calling_is_over (gpointer data)
{
  Calling *calling = data;

  return is_settled (calling->future);
}

static void
calling_assert_value (Calling *calling)
{
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (smart_future_get_int (calling->future, &error), ==, 42);
  g_assert_no_error (error);
  g_assert_cmpint (calling->sight.seen, ==, 1);
}

static void
test_worker (void)
{
  g_auto (Calling) calling = { 0 };

  calling.func = smart_async_func_new_blocking (blocking_body, &calling.sight, NULL);
  smart_test_in_loop (calling_start, calling_is_over, &calling);

  calling_assert_value (&calling);
  g_assert_true (calling.sight.thread != g_thread_self ());
  g_assert_false (calling.sight.is_async);
}

static void
call_sync_cb (gpointer data)
{
  Calling *calling = data;

  g_assert_true (smart_context_is_async ());
  assert_call_sync (calling->func);
  g_assert_true (smart_context_is_async ());
}

static void
test_blocking_body (void)
{
  g_auto (Calling) calling = { 0 };

  calling.func = smart_async_func_new_blocking (blocking_body, &calling.sight, NULL);

  assert_call_sync (calling.func);
  g_assert_cmpint (calling.sight.seen, ==, 1);
  g_assert_true (calling.sight.thread == g_thread_self ());
  g_assert_false (calling.sight.is_async);

  smart_test_in_loop (call_sync_cb, NULL, &calling);
  g_assert_cmpint (calling.sight.seen, ==, 2);
  g_assert_true (calling.sight.thread == g_thread_self ());
  g_assert_false (calling.sight.is_async);
}

/* D2 */

static gboolean
sight_source_cb (gpointer data)
{
  sight_take (data);

  return G_SOURCE_REMOVE;
}

static gboolean
sight_fd_cb (int fd, GIOCondition condition, gpointer data)
{
  sight_take (data);

  return G_SOURCE_REMOVE;
}

static void
attach_and_see (GSource *source, GSourceFunc callback)
{
  g_autoptr (GMainContext) context = g_main_context_ref_thread_default ();
  g_auto (Sight) sight = { 0 };

  g_source_set_callback (source, callback, &sight, NULL);
  g_source_attach (source, context);
  g_source_unref (source);
  smart_test_iterate_until_set (context, &sight.seen);

  g_assert_true (sight.is_async);
}

static void
signal_cb (GDBusConnection *connection,
           const char *sender,
           const char *path,
           const char *interface,
           const char *signal,
           GVariant *parameters,
           gpointer data)
{
  sight_take (data);
}

typedef struct
{
  GSocket *socket;
  GDBusConnection *connection;
} Peer;

static gpointer
peer_thread (gpointer data)
{
  Peer *peer = data;
  g_autoptr (GSocketConnection) stream =
      g_socket_connection_factory_create_connection (peer->socket);
  g_autofree char *guid = g_dbus_generate_guid ();
  g_autoptr (GError) error = NULL;

  peer->connection =
      g_dbus_connection_new_sync (G_IO_STREAM (stream), guid,
                                  G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_SERVER |
                                      G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_ALLOW_ANONYMOUS,
                                  NULL, NULL, &error);
  g_assert_no_error (error);

  return NULL;
}

static void
see_signal (void)
{
  g_autoptr (GSocketConnection) stream = NULL;
  g_autoptr (GDBusConnection) connection = NULL;
  g_autoptr (GSocket) ours = NULL;
  g_autoptr (GError) error = NULL;
  g_auto (Sight) sight = { 0 };
  Peer peer = { NULL, NULL };
  GThread *thread;
  int fds[2];
  guint id;

  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM, 0, fds), ==, 0);
  ours = g_socket_new_from_fd (fds[0], &error);
  g_assert_no_error (error);
  peer.socket = g_socket_new_from_fd (fds[1], &error);
  g_assert_no_error (error);

  thread = g_thread_new ("peer", peer_thread, &peer);
  stream = g_socket_connection_factory_create_connection (ours);
  connection = g_dbus_connection_new_sync (G_IO_STREAM (stream), NULL,
                                           G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT, NULL,
                                           NULL, &error);
  g_assert_no_error (error);
  g_thread_join (thread);

  id = g_dbus_connection_signal_subscribe (connection, NULL, "org.example.Test", "Seen", NULL, NULL,
                                           G_DBUS_SIGNAL_FLAGS_NONE, signal_cb, &sight, NULL);
  g_dbus_connection_emit_signal (peer.connection, NULL, "/", "org.example.Test", "Seen", NULL,
                                 &error);
  g_assert_no_error (error);
  smart_test_iterate_until_set (NULL, &sight.seen);
  g_assert_true (sight.is_async);

  g_dbus_connection_signal_unsubscribe (connection, id);
  g_dbus_connection_close_sync (connection, NULL, &error);
  g_assert_no_error (error);
  g_object_unref (peer.connection);
  g_object_unref (peer.socket);
}

static void
test_source_callbacks (void)
{
  int fds[2];

  attach_and_see (g_idle_source_new (), sight_source_cb);
  attach_and_see (g_timeout_source_new (1), sight_source_cb);

  g_assert_true (g_unix_open_pipe (fds, FD_CLOEXEC, NULL));
  g_assert_cmpint (write (fds[1], "x", 1), ==, 1);
  attach_and_see (g_unix_fd_source_new (fds[0], G_IO_IN), G_SOURCE_FUNC (sight_fd_cb));
  close (fds[0]);
  close (fds[1]);

  see_signal ();
}

/* What each of a GApplication's handlers saw. */
typedef struct
{
  Sight local_options;
  Sight startup;
  Sight activate;
  Sight command_line;
  Sight shutdown;
} Application;

static void
application_clear (Application *seen)
{
  sight_clear (&seen->local_options);
  sight_clear (&seen->startup);
  sight_clear (&seen->activate);
  sight_clear (&seen->command_line);
  sight_clear (&seen->shutdown);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Application, application_clear)

static int
local_options_cb (GApplication *application, GVariantDict *options, gpointer data)
{
  sight_take (data);

  return -1;
}

static int
command_line_cb (GApplication *application, GApplicationCommandLine *line, gpointer data)
{
  sight_take (data);

  return 0;
}

static void
application_cb (GApplication *application, gpointer data)
{
  sight_take (data);
}

static void
run_application (Application *seen, GApplicationFlags flags)
{
  char *argv[] = { (char *) "test", NULL };
  g_autoptr (GApplication) application = g_application_new (NULL, flags | G_APPLICATION_NON_UNIQUE);

  g_signal_connect (application, "handle-local-options", G_CALLBACK (local_options_cb),
                    &seen->local_options);
  g_signal_connect (application, "startup", G_CALLBACK (application_cb), &seen->startup);
  g_signal_connect (application, "activate", G_CALLBACK (application_cb), &seen->activate);
  g_signal_connect (application, "command-line", G_CALLBACK (command_line_cb), &seen->command_line);
  g_signal_connect (application, "shutdown", G_CALLBACK (application_cb), &seen->shutdown);

  g_assert_cmpint (g_application_run (application, 1, argv), ==, 0);
}

static void
assert_owned (const Sight *sight)
{
  g_assert_cmpint (sight->seen, ==, 1);
  g_assert_true (sight->is_async);
}

static void
test_application (void)
{
  g_auto (Application) activated = { 0 };
  g_auto (Application) commanded = { 0 };

  run_application (&activated, G_APPLICATION_DEFAULT_FLAGS);
  assert_owned (&activated.local_options);
  assert_owned (&activated.startup);
  assert_owned (&activated.activate);
  assert_owned (&activated.shutdown);

  run_application (&commanded, G_APPLICATION_HANDLES_COMMAND_LINE);
  assert_owned (&commanded.local_options);
  assert_owned (&commanded.startup);
  assert_owned (&commanded.command_line);
  assert_owned (&commanded.shutdown);

  g_assert_false (smart_context_is_async ());
}

static void
assert_says (const Sight *sight, const char *words)
{
  if (strstr (sight->description, words) == NULL)
    g_test_message ("“%s” does not say “%s”", sight->description, words);
  g_assert_nonnull (strstr (sight->description, words));
}

static void
test_application_described (void)
{
  g_auto (Application) seen = { 0 };

  run_application (&seen, G_APPLICATION_DEFAULT_FLAGS);
  assert_says (&seen.local_options, "owned, not dispatching");
  assert_says (&seen.shutdown, "owned, not dispatching");
}

/* The doc comment of smart_context_is_async (), as it goes into the reference. */
static void
test_application_documented (void)
{
  g_autofree char *path =
      g_test_build_filename (G_TEST_DIST, "..", "..", "smartasync-glib", "smart-context.c", NULL);
  g_autofree char *text = NULL;
  g_autofree char *comment = NULL;
  const char *start;
  const char *end;

  if (!g_file_get_contents (path, &text, NULL, NULL))
    {
      g_test_skip ("The sources are not here");
      return;
    }

  start = strstr (text, "* smart_context_is_async:");
  g_assert_nonnull (start);
  end = strstr (start, "*/");
  g_assert_nonnull (end);
  comment = g_strndup (start, end - start);

  g_assert_nonnull (strstr (comment, "handle-local-options"));
  g_assert_nonnull (strstr (comment, "shutdown"));
  g_assert_nonnull (strstr (comment, "_sync"));
}

static void
test_owned_thread_default (void)
{
  g_autoptr (GMainContext) context = g_main_context_new ();
  g_auto (Sight) pushed = { 0 };
  g_auto (Sight) popped = { 0 };

  g_main_context_push_thread_default (context);
  sight_take (&pushed);
  g_main_context_pop_thread_default (context);
  sight_take (&popped);

  g_assert_true (pushed.is_async);
  g_assert_false (popped.is_async);
}

static void
test_body_run_for_sync_caller (void)
{
  g_auto (Calling) calling = { 0 };

  calling.func = smart_async_func_new (begin_body, &calling.sight, NULL);
  assert_call_sync (calling.func);

  g_assert_cmpint (calling.sight.seen, ==, 1);
  g_assert_true (calling.sight.is_async);
  g_assert_false (smart_context_is_async ());
}

/* A loop on a context that nobody pushed. */
typedef struct
{
  SmartAsyncFunc *func;
  Sight callback;
  Sight begin;
  Sight result;
} Unpushed;

static void
unpushed_clear (Unpushed *unpushed)
{
  g_clear_object (&unpushed->func);
  sight_clear (&unpushed->callback);
  sight_clear (&unpushed->begin);
  sight_clear (&unpushed->result);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Unpushed, unpushed_clear)

static void
unpushed_cb (gpointer data)
{
  Unpushed *unpushed = data;

  sight_take (&unpushed->callback);
  smart_async_func_call_async (unpushed->func, NULL, NULL, 0, NULL, settled_cb, &unpushed->result);
}

static void
test_loop_not_pushed (void)
{
  g_autoptr (GMainContext) context = g_main_context_new ();
  g_auto (Unpushed) unpushed = { 0 };

  unpushed.func = smart_async_func_new (begin_body, &unpushed.begin, NULL);
  smart_test_invoke (context, unpushed_cb, &unpushed);
  smart_test_iterate_until_set (context, &unpushed.result.seen);

  g_assert_true (unpushed.callback.is_async);
  g_assert_true (unpushed.callback.thread_default != context);
}

static void
test_results_come_there (void)
{
  g_autoptr (GMainContext) context = g_main_context_new ();
  g_auto (Unpushed) begun = { 0 };
  g_auto (Unpushed) offloaded = { 0 };

  begun.func = smart_async_func_new (begin_body, &begun.begin, NULL);
  smart_test_invoke (context, unpushed_cb, &begun);
  smart_test_iterate_until_set (context, &begun.result.seen);

  /* What the body makes finds the context by being its thread-default. */
  g_assert_true (begun.begin.thread_default == context);
  g_assert_true (begun.result.context == context);
  g_assert_true (begun.result.thread == g_thread_self ());

  offloaded.func = smart_async_func_new_blocking (blocking_body, &offloaded.begin, NULL);
  smart_test_invoke (context, unpushed_cb, &offloaded);
  smart_test_iterate_until_set (context, &offloaded.result.seen);

  g_assert_true (offloaded.begin.thread != g_thread_self ());
  g_assert_true (offloaded.result.context == context);
  g_assert_true (offloaded.result.thread == g_thread_self ());
}

/* D3 */

static void
pushed_sync_cb (gpointer data)
{
  Calling *calling = data;

  g_assert_true (smart_context_is_async ());
  smart_context_push_mode (SMART_MODE_SYNC);
  g_assert_false (smart_context_is_async ());

  /* And a smart call does as it says. */
  calling->future = smart_async_func_callv (calling->func, NULL, NULL, 0, NULL);
  g_assert_true (is_settled (calling->future));

  smart_context_push_mode (SMART_MODE_AUTO);
  g_assert_true (smart_context_is_async ());
  smart_context_pop_mode ();

  smart_context_pop_mode ();
  g_assert_true (smart_context_is_async ());
}

static void
test_mode_wins (void)
{
  g_auto (Calling) in_loop = { 0 };
  g_auto (Calling) plain = { 0 };

  in_loop.func = smart_async_func_new_blocking (blocking_body, &in_loop.sight, NULL);
  smart_test_in_loop (pushed_sync_cb, NULL, &in_loop);
  calling_assert_value (&in_loop);
  g_assert_true (in_loop.sight.thread == g_thread_self ());

  plain.func = smart_async_func_new_blocking (blocking_body, &plain.sight, NULL);
  plain.mode = SMART_MODE_ASYNC;
  smart_context_push_mode (SMART_MODE_ASYNC);
  g_assert_true (smart_context_is_async ());
  smart_context_pop_mode ();
  g_assert_false (smart_context_is_async ());

  calling_start (&plain);
  smart_test_iterate_until (NULL, calling_is_over, &plain);
  calling_assert_value (&plain);
  g_assert_true (plain.sight.thread != g_thread_self ());
}

static void
nested_loop_cb (gpointer data)
{
  g_autoptr (GMainContext) context =
      g_main_context_ref (g_source_get_context (g_main_current_source ()));

  smart_context_push_mode (SMART_MODE_SYNC);
  smart_test_invoke (context, sight_take, data);
  smart_test_iterate_until_set (context, &((Sight *) data)->seen);
  g_assert_false (smart_context_is_async ());
  smart_context_pop_mode ();
}

static void
test_mode_not_in_unrelated_callback (void)
{
  g_auto (Sight) from_plain = { 0 };
  g_auto (Sight) from_loop = { 0 };

  smart_context_push_mode (SMART_MODE_SYNC);
  smart_test_in_loop (sight_take, NULL, &from_plain);
  g_assert_false (smart_context_is_async ());
  smart_context_pop_mode ();
  g_assert_true (from_plain.is_async);

  smart_test_in_loop (nested_loop_cb, NULL, &from_loop);
  g_assert_true (from_loop.is_async);
}

static void
call_sync_in_mode (Calling *calling, SmartMode mode)
{
  smart_context_push_mode (mode);
  assert_call_sync (calling->func);
  smart_context_pop_mode ();
}

static void
test_mode_not_in_body (void)
{
  g_auto (Calling) blocking = { 0 };
  g_auto (Calling) begun = { 0 };
  g_auto (Calling) smart = { 0 };

  blocking.func = smart_async_func_new_blocking (blocking_body, &blocking.sight, NULL);
  call_sync_in_mode (&blocking, SMART_MODE_ASYNC);
  g_assert_false (blocking.sight.is_async);

  begun.func = smart_async_func_new (begin_body, &begun.sight, NULL);
  call_sync_in_mode (&begun, SMART_MODE_SYNC);
  g_assert_true (begun.sight.is_async);

  smart.func = smart_async_func_new (begin_body, &smart.sight, NULL);
  smart.mode = SMART_MODE_SYNC;
  smart_test_in_loop (calling_start, calling_is_over, &smart);
  calling_assert_value (&smart);
  g_assert_true (smart.sight.is_async);
}

static void
test_mode_not_on_worker (void)
{
  g_auto (Calling) calling = { 0 };

  calling.func = smart_async_func_new_blocking (blocking_body, &calling.sight, NULL);
  calling.mode = SMART_MODE_ASYNC;
  smart_test_in_loop (calling_start, calling_is_over, &calling);

  calling_assert_value (&calling);
  g_assert_true (calling.sight.thread != g_thread_self ());
  g_assert_false (calling.sight.is_async);
}

static void
test_modes_nest (void)
{
  g_assert_false (smart_context_is_async ());
  smart_context_push_mode (SMART_MODE_ASYNC);
  g_assert_true (smart_context_is_async ());
  smart_context_push_mode (SMART_MODE_SYNC);
  g_assert_false (smart_context_is_async ());
  smart_context_push_mode (SMART_MODE_ASYNC);
  g_assert_true (smart_context_is_async ());
  smart_context_push_mode (SMART_MODE_AUTO);
  g_assert_false (smart_context_is_async ());
  smart_context_pop_mode ();
  g_assert_true (smart_context_is_async ());
  smart_context_pop_mode ();
  g_assert_false (smart_context_is_async ());
  smart_context_pop_mode ();
  g_assert_true (smart_context_is_async ());
  smart_context_pop_mode ();
  g_assert_false (smart_context_is_async ());
}

static void
pop_body (SmartCall *call, gpointer data)
{
  /* The mode is the caller's: there is none of this frame to pop. */
  smart_test_expect_critical ("*smart_context_pop_mode*", smart_context_pop_mode ());
  smart_call_return_int (call, 42);
}

static void
test_pop_too_many (gconstpointer data)
{
  g_autoptr (SmartAsyncFunc) func = smart_async_func_new_blocking (pop_body, NULL, NULL);

  smart_test_expect_critical ("*smart_context_pop_mode*", smart_context_pop_mode ());

  smart_context_push_mode (SMART_MODE_ASYNC);
  smart_context_pop_mode ();
  smart_test_expect_critical ("*smart_context_pop_mode*", smart_context_pop_mode ());

  smart_context_push_mode (SMART_MODE_ASYNC);
  assert_call_sync (func);
  g_assert_true (smart_context_is_async ());
  smart_context_pop_mode ();
  g_assert_false (smart_context_is_async ());
}

/* D4 */

static void
add_reason (GHashTable *reasons, const char *reason)
{
  g_assert_nonnull (reason);
  g_assert_cmpuint (strlen (reason), >, 0);
  g_assert_null (strchr (reason, '\n'));
  if (!g_hash_table_add (reasons, (gpointer) reason))
    g_error ("“%s” is said of two different reasons", reason);
}

static void
test_describe_reason (void)
{
  g_autoptr (GHashTable) reasons = g_hash_table_new (g_str_hash, g_str_equal);
  g_autoptr (GMainContext) context = g_main_context_new ();
  g_auto (Sight) plain = { 0 };
  g_auto (Sight) pushed_sync = { 0 };
  g_auto (Sight) pushed_async = { 0 };
  g_auto (Sight) owned = { 0 };
  g_auto (Sight) dispatched = { 0 };
  g_auto (Calling) blocking = { 0 };

  sight_take (&plain);

  smart_context_push_mode (SMART_MODE_SYNC);
  sight_take (&pushed_sync);
  smart_context_pop_mode ();

  smart_context_push_mode (SMART_MODE_ASYNC);
  sight_take (&pushed_async);
  smart_context_pop_mode ();

  g_main_context_push_thread_default (context);
  sight_take (&owned);
  g_main_context_pop_thread_default (context);
  assert_says (&owned, "owned, not dispatching");

  smart_test_in_loop (sight_take, NULL, &dispatched);

  blocking.func = smart_async_func_new_blocking (blocking_body, &blocking.sight, NULL);
  smart_async_func_set_name (blocking.func, "the-blocking-one");
  assert_call_sync (blocking.func);

  add_reason (reasons, plain.description);
  add_reason (reasons, pushed_sync.description);
  add_reason (reasons, pushed_async.description);
  add_reason (reasons, owned.description);
  add_reason (reasons, dispatched.description);
  add_reason (reasons, blocking.sight.description);
}

static void
test_describe_source (void)
{
  g_autoptr (GMainContext) context = g_main_context_new ();
  g_autoptr (GSource) named = g_idle_source_new ();
  g_autoptr (GSource) nameless = g_idle_source_new ();
  g_auto (Sight) by_name = { 0 };
  g_auto (Sight) by_none = { 0 };

  g_source_set_name (named, "a source of a certain name");
  g_source_set_callback (named, sight_source_cb, &by_name, NULL);
  g_source_attach (named, context);
  smart_test_iterate_until_set (context, &by_name.seen);
  g_assert_true (by_name.is_async);
  assert_says (&by_name, "a source of a certain name");

  g_source_set_name (nameless, NULL);
  g_source_set_callback (nameless, sight_source_cb, &by_none, NULL);
  g_source_attach (nameless, context);
  smart_test_iterate_until_set (context, &by_none.seen);
  g_assert_true (by_none.is_async);
  g_assert_nonnull (by_none.description);
  g_assert_null (strstr (by_none.description, "(null)"));
}

int
main (int argc, char **argv)
{
  smart_test_init (&argc, &argv);

  smart_test_add ("/contract/D1.a", test_plain);
  smart_test_add ("/contract/D1.b", test_thread_just_started);
  smart_test_add ("/contract/D1.c", test_worker);
  smart_test_add ("/contract/D1.d", test_blocking_body);
  smart_test_add ("/contract/D2.a", test_source_callbacks);
  smart_test_add_main ("/contract/D2.b", test_application);
  smart_test_add_main ("/contract/D2.c", test_application_described);
  smart_test_add_main ("/contract/D2.d", test_application_documented);
  smart_test_add ("/contract/D2.e", test_owned_thread_default);
  smart_test_add ("/contract/D2.f", test_body_run_for_sync_caller);
  smart_test_add ("/contract/D2.g", test_loop_not_pushed);
  smart_test_add ("/contract/D2.h", test_results_come_there);
  smart_test_add ("/contract/D3.a", test_mode_wins);
  smart_test_add ("/contract/D3.b", test_mode_not_in_unrelated_callback);
  smart_test_add ("/contract/D3.c", test_mode_not_in_body);
  smart_test_add ("/contract/D3.d", test_mode_not_on_worker);
  smart_test_add ("/contract/D3.e", test_modes_nest);
  smart_test_add_subprocess ("/contract/D3.f", NULL, test_pop_too_many, NULL);
  smart_test_add ("/contract/D4.a", test_describe_reason);
  smart_test_add ("/contract/D4.b", test_describe_source);

  return g_test_run ();
}
