/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The contract's C7, and what of C4 needs a connection: services that a body
 * talks to. They are on a thread of their own, with its own loop. */

#include "cells.h"

#include <glib/gstdio.h>
#include <libsoup/soup.h>
#include <string.h>

#define OBJECT_PATH "/org/example/SmartTest"
#define INTERFACE   "org.example.SmartTest"

/* For localhost, and for this test only. */
static const char certificate[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBmjCCAUGgAwIBAgIURAec4W9SbdnP7lFs5C1K0sbtlTswCgYIKoZIzj0EAwIw\n"
    "FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMjE1MDMxMFoYDzIxMjYxMDI5\n"
    "MTUwMzEwWjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO\n"
    "PQMBBwNCAAT/D+IFT/U9ImNnyQogij1p8hycdBntJRv18sl7YMXclA97aKOzqlTS\n"
    "9Ov+nBjg05Ay81sEHADy9rYhm1pAjLO/o28wbTAdBgNVHQ4EFgQUhuYKjfQsxy8Z\n"
    "rz8rYEuVv8al6E0wHwYDVR0jBBgwFoAUhuYKjfQsxy8Zrz8rYEuVv8al6E0wDwYD\n"
    "VR0TAQH/BAUwAwEB/zAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEwCgYIKoZI\n"
    "zj0EAwIDRwAwRAIgerDQLC7gyBU0WMJlPNwNKJnBR2jifzVgrx510kYYndwCIAUO\n"
    "q08btcIHda3wVQyjIWoz/MRRdjAc9dPp8e97LKlh\n"
    "-----END CERTIFICATE-----\n"
    "-----BEGIN PRIVATE KEY-----\n"
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgpUKHoh9GgpmEexv1\n"
    "0w7yxKXbdt7ZjOjM02x4MpQglv2hRANCAAT/D+IFT/U9ImNnyQogij1p8hycdBnt\n"
    "JRv18sl7YMXclA97aKOzqlTS9Ov+nBjg05Ay81sEHADy9rYhm1pAjLO/\n"
    "-----END PRIVATE KEY-----\n";

static const char introspection[] = "<node>"
                                    "  <interface name='" INTERFACE "'>"
                                    "    <method name='Ping'>"
                                    "      <arg type='s' name='text' direction='in'/>"
                                    "      <arg type='s' name='text' direction='out'/>"
                                    "    </method>"
                                    "    <method name='Emit'/>"
                                    "    <signal name='Emitted'/>"
                                    "  </interface>"
                                    "</node>";

/* What there is to talk to */

static struct
{
  GThread *thread;
  GMainLoop *loop;
  SmartTestGate ready;
  char *file;
  guint16 echo_port;
  char *http;
  char *https;    /* NULL: no TLS here */
  GTestDBus *bus; /* NULL: no dbus-daemon here */
  char *bus_name;
  GMutex mutex;
  guint16 http_port; /* mutex: the client's, of the last request */
} services;

static void
on_echoed (GObject *object, GAsyncResult *res, gpointer data)
{
  GSocketConnection *connection = data;

  g_output_stream_splice_finish (G_OUTPUT_STREAM (object), res, NULL);
  g_object_unref (connection);
}

static gboolean
on_incoming (GSocketService *service, GSocketConnection *connection, GObject *source, gpointer data)
{
  GIOStream *stream = G_IO_STREAM (connection);

  g_output_stream_splice_async (g_io_stream_get_output_stream (stream),
                                g_io_stream_get_input_stream (stream),
                                G_OUTPUT_STREAM_SPLICE_CLOSE_SOURCE |
                                    G_OUTPUT_STREAM_SPLICE_CLOSE_TARGET,
                                G_PRIORITY_DEFAULT, NULL, on_echoed, g_object_ref (connection));
  return TRUE;
}

static void
on_request (SoupServer *server,
            SoupServerMessage *message,
            const char *path,
            GHashTable *query,
            gpointer data)
{
  GSocketAddress *address = soup_server_message_get_remote_address (message);

  g_mutex_lock (&services.mutex);
  services.http_port = g_inet_socket_address_get_port (G_INET_SOCKET_ADDRESS (address));
  g_mutex_unlock (&services.mutex);
  soup_server_message_set_status (message, SOUP_STATUS_OK, NULL);
  soup_server_message_set_response (message, "text/plain", SOUP_MEMORY_STATIC, "Grüße",
                                    strlen ("Grüße"));
}

static void
on_method (GDBusConnection *connection,
           const char *sender,
           const char *path,
           const char *interface,
           const char *method,
           GVariant *arguments,
           GDBusMethodInvocation *invocation,
           gpointer data)
{
  if (g_str_equal (method, "Ping"))
    {
      g_dbus_method_invocation_return_value (invocation, arguments);
      return;
    }

  g_dbus_connection_emit_signal (connection, NULL, OBJECT_PATH, INTERFACE, "Emitted", NULL, NULL);
  g_dbus_method_invocation_return_value (invocation, NULL);
}

static const GDBusInterfaceVTable vtable = { .method_call = on_method };

static GDBusConnection *
connect_to_bus (void)
{
  g_autoptr (GError) error = NULL;
  GDBusConnection *connection;

  connection =
      g_dbus_connection_new_for_address_sync (g_test_dbus_get_bus_address (services.bus),
                                              G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT |
                                                  G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
                                              NULL, NULL, &error);
  g_assert_no_error (error);
  return connection;
}

static GDBusConnection *
serve_bus (void)
{
  g_autoptr (GDBusNodeInfo) node = NULL;
  g_autoptr (GError) error = NULL;
  GDBusConnection *connection = connect_to_bus ();

  node = g_dbus_node_info_new_for_xml (introspection, &error);
  g_assert_no_error (error);
  g_dbus_connection_register_object (connection, OBJECT_PATH, node->interfaces[0], &vtable, NULL,
                                     NULL, &error);
  g_assert_no_error (error);
  services.bus_name = g_strdup (g_dbus_connection_get_unique_name (connection));

  return connection;
}

static SoupServer *
serve_http (GTlsCertificate *tls, char **uri)
{
  SoupServer *server = soup_server_new ("tls-certificate", tls, NULL);
  SoupServerListenOptions options = SOUP_SERVER_LISTEN_IPV4_ONLY;
  g_autoptr (GError) error = NULL;
  GSList *uris;

  soup_server_add_handler (server, NULL, on_request, NULL, NULL);
  if (tls != NULL)
    options |= SOUP_SERVER_LISTEN_HTTPS;
  soup_server_listen_local (server, 0, options, &error);
  g_assert_no_error (error);
  uris = soup_server_get_uris (server);
  *uri = g_uri_to_string (uris->data);
  g_slist_free_full (uris, (GDestroyNotify) g_uri_unref);

  return server;
}

/* Not before the loop runs: to quit it would be lost. */
static gboolean
on_serving (gpointer data)
{
  smart_test_gate_open (&services.ready);
  return G_SOURCE_REMOVE;
}

static gpointer
serve (gpointer data)
{
  g_autoptr (GMainContext) context = g_main_context_new ();
  g_autoptr (GSocketService) echo = NULL;
  g_autoptr (GTlsCertificate) tls = NULL;
  g_autoptr (SoupServer) http = NULL;
  g_autoptr (SoupServer) https = NULL;
  g_autoptr (GDBusConnection) connection = NULL;
  g_autoptr (GSource) serving = g_idle_source_new ();
  g_autoptr (GError) error = NULL;

  g_main_context_push_thread_default (context);

  echo = g_socket_service_new ();
  services.echo_port = g_socket_listener_add_any_inet_port (G_SOCKET_LISTENER (echo), NULL, &error);
  g_assert_no_error (error);
  g_signal_connect (echo, "incoming", G_CALLBACK (on_incoming), NULL);

  http = serve_http (NULL, &services.http);
  tls = g_tls_certificate_new_from_pem (certificate, -1, &error);
  if (tls != NULL)
    https = serve_http (tls, &services.https);
  else
    g_test_message ("No TLS: %s", error->message);
  if (services.bus != NULL)
    connection = serve_bus ();

  services.loop = g_main_loop_new (context, FALSE);
  g_source_set_callback (serving, on_serving, NULL, NULL);
  g_source_attach (serving, context);
  g_main_loop_run (services.loop);

  if (connection != NULL)
    g_dbus_connection_close_sync (connection, NULL, NULL);
  soup_server_disconnect (http);
  if (https != NULL)
    soup_server_disconnect (https);
  g_socket_service_stop (echo);
  g_main_context_pop_thread_default (context);

  return NULL;
}

static void
start_services (void)
{
  g_autofree char *daemon = g_find_program_in_path ("dbus-daemon");
  g_autoptr (GError) error = NULL;
  int fd;

  fd = g_file_open_tmp ("smart-test-XXXXXX", &services.file, &error);
  g_assert_no_error (error);
  g_assert_true (g_close (fd, NULL));
  g_assert_true (g_file_set_contents (services.file, "Grüße", -1, NULL));

  if (daemon != NULL)
    {
      services.bus = g_test_dbus_new (G_TEST_DBUS_NONE);
      g_test_dbus_up (services.bus);
    }
  g_mutex_init (&services.mutex);
  smart_test_gate_init (&services.ready);
  services.thread = g_thread_new ("services", serve, NULL);
  smart_test_gate_wait (&services.ready);
}

static void
stop_services (void)
{
  g_main_loop_quit (services.loop);
  g_thread_join (services.thread);
  g_main_loop_unref (services.loop);
  if (services.bus != NULL)
    g_test_dbus_down (services.bus);
  g_clear_object (&services.bus);
  g_unlink (services.file);
  g_free (services.file);
  g_free (services.http);
  g_free (services.https);
  g_free (services.bus_name);
  smart_test_gate_clear (&services.ready);
  g_mutex_clear (&services.mutex);
}

static guint16
last_http_port (void)
{
  guint16 port;

  g_mutex_lock (&services.mutex);
  port = services.http_port;
  g_mutex_unlock (&services.mutex);

  return port;
}

/* Whether this can be had here; if not, the test is skipped. */
static gboolean
need (gconstpointer what, const char *name)
{
  if (what == NULL)
    g_test_skip (name);
  return what != NULL;
}

static void
in_every_cell (SmartBody body, gpointer data)
{
  g_autoptr (SmartAsyncFunc) func = smart_async_func_new (body, data, NULL);

  for (Cell cell = 0; cell < N_CELLS; cell++)
    {
      cell_assert_int (cell, func, 7);
      cell_assert_int (cell, func, 7);
    }
}

/* C7: made and used within the call */

static void
on_loaded (GObject *object, GAsyncResult *res, gpointer data)
{
  g_autoptr (SmartCall) call = data;
  g_autoptr (GError) error = NULL;
  g_autofree char *contents = NULL;

  g_file_load_contents_finish (G_FILE (object), res, &contents, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (contents, ==, "Grüße");
  smart_call_return_int (call, 7);
}

static void
load_body (SmartCall *call, gpointer data)
{
  g_autoptr (GFile) file = g_file_new_for_path (services.file);

  g_file_load_contents_async (file, smart_call_get_cancellable (call), on_loaded,
                              g_object_ref (call));
}

static void
test_c7_a (void)
{
  in_every_cell (load_body, NULL);
}

static void
on_communicated (GObject *object, GAsyncResult *res, gpointer data)
{
  g_autoptr (SmartCall) call = data;
  g_autoptr (GError) error = NULL;
  g_autofree char *out = NULL;

  g_subprocess_communicate_utf8_finish (G_SUBPROCESS (object), res, &out, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (out, ==, "Grüße");
  g_assert_true (g_subprocess_get_successful (G_SUBPROCESS (object)));
  smart_call_return_int (call, 7);
}

static void
subprocess_body (SmartCall *call, gpointer data)
{
  g_autoptr (GSubprocess) process = NULL;
  g_autoptr (GError) error = NULL;

  process = g_subprocess_new (G_SUBPROCESS_FLAGS_STDIN_PIPE | G_SUBPROCESS_FLAGS_STDOUT_PIPE,
                              &error, "cat", NULL);
  g_assert_no_error (error);
  g_subprocess_communicate_utf8_async (process, "Grüße", smart_call_get_cancellable (call),
                                       on_communicated, g_object_ref (call));
}

static void
test_c7_b (void)
{
  in_every_cell (subprocess_body, NULL);
}

typedef struct
{
  SmartCall *call;
  GSocketConnection *connection;
  char buffer[64];
} Echo;

static void
echo_free (Echo *echo)
{
  g_object_unref (echo->call);
  g_clear_object (&echo->connection);
  g_free (echo);
}

static void
on_closed (GObject *object, GAsyncResult *res, gpointer data)
{
  Echo *echo = data;
  g_autoptr (GError) error = NULL;

  g_io_stream_close_finish (G_IO_STREAM (object), res, &error);
  g_assert_no_error (error);
  smart_call_return_int (echo->call, 7);
  echo_free (echo);
}

static void
on_read (GObject *object, GAsyncResult *res, gpointer data)
{
  Echo *echo = data;
  g_autoptr (GError) error = NULL;

  g_input_stream_read_all_finish (G_INPUT_STREAM (object), res, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (echo->buffer, ==, "Grüße");
  g_io_stream_close_async (G_IO_STREAM (echo->connection), G_PRIORITY_DEFAULT, NULL, on_closed,
                           echo);
}

static void
on_written (GObject *object, GAsyncResult *res, gpointer data)
{
  Echo *echo = data;
  g_autoptr (GError) error = NULL;

  g_output_stream_write_all_finish (G_OUTPUT_STREAM (object), res, NULL, &error);
  g_assert_no_error (error);
  g_input_stream_read_all_async (g_io_stream_get_input_stream (G_IO_STREAM (echo->connection)),
                                 echo->buffer, strlen ("Grüße"), G_PRIORITY_DEFAULT, NULL, on_read,
                                 echo);
}

static void
on_connected (GObject *object, GAsyncResult *res, gpointer data)
{
  Echo *echo = data;
  g_autoptr (GError) error = NULL;

  echo->connection = g_socket_client_connect_to_host_finish (G_SOCKET_CLIENT (object), res, &error);
  g_assert_no_error (error);
  g_output_stream_write_all_async (g_io_stream_get_output_stream (G_IO_STREAM (echo->connection)),
                                   "Grüße", strlen ("Grüße"), G_PRIORITY_DEFAULT, NULL, on_written,
                                   echo);
}

static void
socket_body (SmartCall *call, gpointer data)
{
  g_autoptr (GSocketClient) client = g_socket_client_new ();
  Echo *echo = g_new0 (Echo, 1);

  echo->call = g_object_ref (call);
  g_socket_client_connect_to_host_async (client, "127.0.0.1", services.echo_port,
                                         smart_call_get_cancellable (call), on_connected, echo);
}

static void
test_c7_c (void)
{
  in_every_cell (socket_body, NULL);
}

static void
on_bus_closed (GObject *object, GAsyncResult *res, gpointer data)
{
  g_autoptr (SmartCall) call = data;
  g_autoptr (GError) error = NULL;

  g_dbus_connection_close_finish (G_DBUS_CONNECTION (object), res, &error);
  g_assert_no_error (error);
  smart_call_return_int (call, 7);
}

static void
on_pinged (GObject *object, GAsyncResult *res, gpointer data)
{
  SmartCall *call = data;
  g_autoptr (GVariant) reply = NULL;
  g_autoptr (GError) error = NULL;
  const char *text;

  reply = g_dbus_connection_call_finish (G_DBUS_CONNECTION (object), res, &error);
  g_assert_no_error (error);
  g_variant_get (reply, "(&s)", &text);
  g_assert_cmpstr (text, ==, "Grüße");
  g_dbus_connection_close (G_DBUS_CONNECTION (object), NULL, on_bus_closed, call);
}

static void
on_bus (GObject *object, GAsyncResult *res, gpointer data)
{
  g_autoptr (GDBusConnection) connection = NULL;
  g_autoptr (GError) error = NULL;

  connection = g_dbus_connection_new_for_address_finish (res, &error);
  g_assert_no_error (error);
  g_dbus_connection_call (connection, services.bus_name, OBJECT_PATH, INTERFACE, "Ping",
                          g_variant_new ("(s)", "Grüße"), G_VARIANT_TYPE ("(s)"),
                          G_DBUS_CALL_FLAGS_NONE, -1, NULL, on_pinged, data);
}

static void
bus_body (SmartCall *call, gpointer data)
{
  g_dbus_connection_new_for_address (g_test_dbus_get_bus_address (services.bus),
                                     G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT |
                                         G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
                                     NULL, smart_call_get_cancellable (call), on_bus,
                                     g_object_ref (call));
}

static void
on_shared_pinged (GObject *object, GAsyncResult *res, gpointer data)
{
  g_autoptr (SmartCall) call = data;
  g_autoptr (GVariant) reply = NULL;
  g_autoptr (GError) error = NULL;

  reply = g_dbus_connection_call_finish (G_DBUS_CONNECTION (object), res, &error);
  g_assert_no_error (error);
  smart_call_return_int (call, 7);
}

/* On a connection of the application's. */
static void
shared_bus_body (SmartCall *call, gpointer data)
{
  g_dbus_connection_call (data, services.bus_name, OBJECT_PATH, INTERFACE, "Ping",
                          g_variant_new ("(s)", "Grüße"), G_VARIANT_TYPE ("(s)"),
                          G_DBUS_CALL_FLAGS_NONE, -1, smart_call_get_cancellable (call),
                          on_shared_pinged, g_object_ref (call));
}

static void
test_c7_d (void)
{
  g_autoptr (GDBusConnection) connection = NULL;

  if (!need (services.bus, "There is no dbus-daemon"))
    return;

  in_every_cell (bus_body, NULL);
  connection = connect_to_bus ();
  in_every_cell (shared_bus_body, connection);
  g_dbus_connection_close_sync (connection, NULL, NULL);
}

static gboolean
accept_certificate (SoupMessage *message,
                    GTlsCertificate *tls,
                    GTlsCertificateFlags errors,
                    gpointer data)
{
  return TRUE;
}

static void
on_response (GObject *object, GAsyncResult *res, gpointer data)
{
  g_autoptr (SmartCall) call = data;
  g_autoptr (GBytes) body = NULL;
  g_autoptr (GError) error = NULL;
  SoupMessage *message = soup_session_get_async_result_message (SOUP_SESSION (object), res);
  SoupHTTPVersion version = soup_message_get_http_version (message);
  gboolean https = g_str_equal (g_uri_get_scheme (soup_message_get_uri (message)), "https");

  body = soup_session_send_and_read_finish (SOUP_SESSION (object), res, &error);
  g_assert_no_error (error);
  g_assert_cmpmem (g_bytes_get_data (body, NULL), g_bytes_get_size (body), "Grüße",
                   strlen ("Grüße"));
  g_assert_cmpint (version, ==, https ? SOUP_HTTP_2_0 : SOUP_HTTP_1_1);
  smart_call_return_int (call, 7);
}

static void
send_request (SmartCall *call, SoupSession *session, const char *uri)
{
  g_autoptr (SoupMessage) message = soup_message_new (SOUP_METHOD_GET, uri);

  g_signal_connect (message, "accept-certificate", G_CALLBACK (accept_certificate), NULL);
  soup_session_send_and_read_async (session, message, G_PRIORITY_DEFAULT,
                                    smart_call_get_cancellable (call), on_response,
                                    g_object_ref (call));
}

static void
request_body (SmartCall *call, gpointer data)
{
  g_autoptr (SoupSession) session = soup_session_new ();

  send_request (call, session, data);
}

static void
test_c7_e (void)
{
  in_every_cell (request_body, services.http);
}

static void
test_c7_e_http2 (void)
{
  if (need (services.https, "There is no TLS"))
    in_every_cell (request_body, services.https);
}

/* C7: what outlives a call, with a loop executor as its home or the context that
 * is current. Here that is always the default one, also on a thread of the
 * test's own. */

typedef struct
{
  SoupSession *session;
  GDBusConnection *connection;
  GDBusProxy *proxy;
  int n_emitted;            /* atomic */
  SmartExecutor *executor;  /* nullable */
  GMainContext *home;       /* not a reference */
  SmartAsyncFunc *funcs[2]; /* a request; an emission */
} Outliving;

enum
{
  REQUEST,
  EMISSION,
  N_USES
};

static void
request_again_body (SmartCall *call, gpointer data)
{
  Outliving *outliving = data;

  if (outliving->session == NULL)
    outliving->session = soup_session_new ();
  send_request (call, outliving->session, services.https);
}

static void
on_emitted (GDBusProxy *proxy,
            const char *sender,
            const char *signal,
            GVariant *arguments,
            gpointer data)
{
  Outliving *outliving = data;

  g_assert_true (g_main_context_is_owner (outliving->home));
  g_atomic_int_inc (&outliving->n_emitted);
}

static void
on_called_emit (GObject *object, GAsyncResult *res, gpointer data)
{
  g_autoptr (SmartCall) call = data;
  g_autoptr (GVariant) reply = NULL;
  g_autoptr (GError) error = NULL;

  reply = g_dbus_proxy_call_finish (G_DBUS_PROXY (object), res, &error);
  g_assert_no_error (error);
  smart_call_return_int (call, 7);
}

static void
call_emit (SmartCall *call, GDBusProxy *proxy)
{
  g_dbus_proxy_call (proxy, "Emit", NULL, G_DBUS_CALL_FLAGS_NONE, -1,
                     smart_call_get_cancellable (call), on_called_emit, g_object_ref (call));
}

typedef struct
{
  Outliving *outliving;
  SmartCall *call;
} NewProxy;

static void
on_proxy (GObject *object, GAsyncResult *res, gpointer data)
{
  NewProxy *new_proxy = data;
  Outliving *outliving = new_proxy->outliving;
  g_autoptr (GError) error = NULL;

  outliving->proxy = g_dbus_proxy_new_finish (res, &error);
  g_assert_no_error (error);
  g_signal_connect (outliving->proxy, "g-signal", G_CALLBACK (on_emitted), outliving);
  call_emit (new_proxy->call, outliving->proxy);
  g_object_unref (new_proxy->call);
  g_free (new_proxy);
}

static void
emit_body (SmartCall *call, gpointer data)
{
  Outliving *outliving = data;
  NewProxy *new_proxy;

  if (outliving->proxy != NULL)
    {
      call_emit (call, outliving->proxy);
      return;
    }

  new_proxy = g_new0 (NewProxy, 1);
  new_proxy->outliving = outliving;
  new_proxy->call = g_object_ref (call);
  g_dbus_proxy_new (outliving->connection, G_DBUS_PROXY_FLAGS_NONE, NULL, services.bus_name,
                    OBJECT_PATH, INTERFACE, smart_call_get_cancellable (call), on_proxy, new_proxy);
}

static void
outliving_init (Outliving *outliving, gboolean in_loop)
{
  const SmartBody bodies[N_USES] = { request_again_body, emit_body };

  memset (outliving, 0, sizeof *outliving);
  if (services.bus != NULL)
    outliving->connection = connect_to_bus ();
  if (in_loop)
    outliving->executor = smart_executor_new_loop ("home");
  outliving->home =
      in_loop ? smart_executor_get_context (outliving->executor) : g_main_context_default ();
  for (guint use = 0; use < N_USES; use++)
    {
      outliving->funcs[use] = smart_async_func_new (bodies[use], outliving, NULL);
      smart_async_func_set_executor (outliving->funcs[use], outliving->executor);
      smart_async_func_set_main_context_policy (outliving->funcs[use], SMART_MAIN_CONTEXT_CURRENT);
    }
}

/* At home */
static void
drop_body (SmartCall *call, gpointer data)
{
  Outliving *outliving = data;

  if (outliving->session != NULL)
    soup_session_abort (outliving->session);
  g_clear_object (&outliving->session);
  g_clear_object (&outliving->proxy);
  smart_call_return_int (call, 7);
}

static void
outliving_clear (Outliving *outliving)
{
  g_autoptr (SmartAsyncFunc) drop = smart_async_func_new (drop_body, outliving, NULL);

  smart_async_func_set_executor (drop, outliving->executor);
  smart_async_func_call_sync (drop, NULL, NULL, 0, NULL, NULL, NULL);
  if (outliving->connection != NULL)
    g_dbus_connection_close_sync (outliving->connection, NULL, NULL);
  g_clear_object (&outliving->connection);
  for (guint use = 0; use < N_USES; use++)
    g_clear_object (&outliving->funcs[use]);
  g_clear_object (&outliving->executor);
}

/* Something that is done a few times */
typedef struct
{
  SmartAsyncFunc *func;
  int n_done;
  int n_expected;
} Rounds;

static void
call_once (SmartAsyncFunc *func)
{
  g_auto (GValue) value = G_VALUE_INIT;
  g_autoptr (GError) error = NULL;

  smart_async_func_call_sync (func, NULL, NULL, 0, NULL, &value, &error);
  g_assert_no_error (error);
  g_assert_cmpint (g_value_get_int (&value), ==, 7);
}

static void
use_in_s (SmartAsyncFunc *func)
{
  g_assert_false (smart_context_is_async ());
  for (guint i = 0; i < 3; i++)
    {
      g_autoptr (SmartFuture) future = NULL;
      g_autoptr (GError) error = NULL;

      call_once (func);
      future = smart_async_func_call (func, NULL, NULL, G_TYPE_INVALID);
      g_assert_cmpint (smart_future_get_int (future, &error), ==, 7);
      g_assert_no_error (error);
    }
}

static void
on_round (GObject *object, GAsyncResult *res, gpointer data)
{
  Rounds *rounds = data;
  g_auto (GValue) value = G_VALUE_INIT;
  g_autoptr (GError) error = NULL;

  smart_future_wait_finish (SMART_FUTURE (object), res, &value, &error);
  g_assert_no_error (error);
  g_assert_cmpint (g_value_get_int (&value), ==, 7);
  rounds->n_done++;
}

static void
call_rounds (gpointer data)
{
  Rounds *rounds = data;

  g_assert_true (smart_context_is_async ());
  for (int i = 0; i < rounds->n_expected; i++)
    {
      g_autoptr (SmartFuture) future = NULL;

      future = smart_async_func_call (rounds->func, NULL, NULL, G_TYPE_INVALID);
      smart_future_wait_async (future, NULL, on_round, rounds);
    }
}

static gboolean
rounds_are_over (gpointer data)
{
  Rounds *rounds = data;

  return rounds->n_done == rounds->n_expected;
}

/* One after the other, and three at a time; the first makes the object. */
static void
use_in_a (SmartAsyncFunc *func)
{
  for (int n = 1; n <= 3; n += 2)
    {
      Rounds rounds = { func, 0, n };

      smart_test_invoke (NULL, call_rounds, &rounds);
      smart_test_iterate_until (g_main_context_default (), rounds_are_over, &rounds);
    }
}

static void
nesting_body (SmartCall *call, gpointer data)
{
  call_once (data);
  smart_call_return_int (call, 7);
}

static void
call_nested (gpointer data)
{
  Rounds *rounds = data;

  call_once (rounds->func);
  rounds->n_done++;
}

/* In a blocking body and in an asynchronous one, below a sync caller and within a loop. */
static void
use_nested (SmartAsyncFunc *func)
{
  g_autoptr (SmartAsyncFunc) blocking = smart_async_func_new_blocking (nesting_body, func, NULL);
  g_autoptr (SmartAsyncFunc) async = smart_async_func_new (nesting_body, func, NULL);
  SmartAsyncFunc *outers[] = { blocking, async };

  smart_async_func_set_main_context_policy (async, SMART_MAIN_CONTEXT_CURRENT);
  for (guint i = 0; i < G_N_ELEMENTS (outers); i++)
    {
      Rounds rounds = { outers[i], 0, 1 };

      call_once (outers[i]);
      smart_test_invoke (NULL, call_nested, &rounds);
      smart_test_iterate_until (g_main_context_default (), rounds_are_over, &rounds);
    }
}

typedef void (*Where) (SmartAsyncFunc *func);

static gboolean
more_were_emitted (gpointer data)
{
  Outliving *outliving = data;

  return g_atomic_int_get (&outliving->n_emitted) > 0;
}

static void
wait_for_emission (Outliving *outliving)
{
  /* A home of its own needs nobody else. */
  if (outliving->executor != NULL)
    smart_test_wait_until (more_were_emitted, outliving);
  else
    smart_test_iterate_until (g_main_context_default (), more_were_emitted, outliving);
  g_atomic_int_set (&outliving->n_emitted, 0);
}

/* Whatever was emitted while a call ran: the next one reaches the object at home. */
static void
expect_signals (Outliving *outliving)
{
  wait_for_emission (outliving);
  g_dbus_connection_call (outliving->connection, services.bus_name, OBJECT_PATH, INTERFACE, "Emit",
                          NULL, NULL, G_DBUS_CALL_FLAGS_NONE, -1, NULL, NULL, NULL);
  wait_for_emission (outliving);
}

static void
run_at_home (gboolean in_loop,
             guint n_firsts,
             guint n_wheres,
             const Where *wheres,
             gboolean sessions,
             gboolean proxies)
{
  /* The first call makes the object. */
  for (guint first = 0; first < n_firsts; first++)
    {
      Outliving outliving;

      outliving_init (&outliving, in_loop);
      for (guint i = 0; i < n_wheres; i++)
        {
          Where where = wheres[(first + i) % n_wheres];

          if (sessions)
            where (outliving.funcs[REQUEST]);
          if (proxies)
            {
              where (outliving.funcs[EMISSION]);
              expect_signals (&outliving);
            }
        }
      outliving_clear (&outliving);
    }
}

static void
run_outliving (guint n_firsts,
               guint n_wheres,
               const Where *wheres,
               gboolean sessions,
               gboolean proxies)
{
  for (int in_loop = 0; in_loop < 2; in_loop++)
    run_at_home (in_loop, n_firsts, n_wheres, wheres, sessions, proxies);
}

static gboolean
need_all (void)
{
  return need (services.https, "There is no TLS") && need (services.bus, "There is no dbus-daemon");
}

static const Where everywhere[] = { use_in_s, use_in_a, use_nested };

static void
test_c7_f (void)
{
  if (need (services.https, "There is no TLS"))
    run_outliving (G_N_ELEMENTS (everywhere), G_N_ELEMENTS (everywhere), everywhere, TRUE, FALSE);
}

static void
test_c7_g (void)
{
  if (need (services.bus, "There is no dbus-daemon"))
    run_outliving (G_N_ELEMENTS (everywhere), G_N_ELEMENTS (everywhere), everywhere, FALSE, TRUE);
}

static void
test_c7_h (void)
{
  if (need_all ())
    run_at_home (TRUE, G_N_ELEMENTS (everywhere), G_N_ELEMENTS (everywhere), everywhere, TRUE,
                 TRUE);
}

static void
test_c7_i (void)
{
  if (need_all ())
    run_at_home (FALSE, 1, G_N_ELEMENTS (everywhere), everywhere, TRUE, TRUE);
}

static void
test_c7_j (void)
{
  if (need_all ())
    run_outliving (1, 1, &everywhere[0], TRUE, TRUE);
}

static void
test_c7_k (void)
{
  if (need_all ())
    run_outliving (1, 1, &everywhere[1], TRUE, TRUE);
}

static void
test_c7_l (void)
{
  if (need_all ())
    run_outliving (1, 1, &everywhere[2], TRUE, TRUE);
}

/* C4: a connection that is kept alive in the private context */

static void
keep_alive_body (SmartCall *call, gpointer data)
{
  send_request (call, data, services.http);
}

/* The calls return although the connection is open. */
static void
test_c4_a_keep_alive (void)
{
  g_autoptr (SoupSession) session = soup_session_new ();
  g_autoptr (SmartAsyncFunc) func = smart_async_func_new (keep_alive_body, session, NULL);

  cell_assert_int (CELL_S_SYNC, func, 7);
  cell_assert_int (CELL_S_SMART, func, 7);
  cell_assert_int (CELL_A_SYNC, func, 7);
}

/* It is the same connection in the next one. */
static void
test_c4_b_keep_alive (void)
{
  g_autoptr (SoupSession) session = soup_session_new ();
  g_autoptr (SmartAsyncFunc) func = smart_async_func_new (keep_alive_body, session, NULL);
  guint16 port;

  cell_assert_int (CELL_S_SYNC, func, 7);
  port = last_http_port ();
  for (guint i = 0; i < 5; i++)
    {
      cell_assert_int (CELL_S_SMART, func, 7);
      g_assert_cmpuint (last_http_port (), ==, port);
      cell_assert_int (CELL_A_SYNC, func, 7);
      g_assert_cmpuint (last_http_port (), ==, port);
    }
}

int
main (int argc, char **argv)
{
  int status;

  /* How libsoup's server is told to offer it. */
  g_setenv ("SOUP_SERVER_HTTP2", "1", TRUE);
  /* The desktop's settings are not to be found from here. */
  g_setenv ("GIO_USE_PROXY_RESOLVER", "dummy", TRUE);
  smart_test_init (&argc, &argv);
  start_services ();

  smart_test_add ("/contract/C4.a/keep-alive", test_c4_a_keep_alive);
  smart_test_add ("/contract/C4.b/keep-alive", test_c4_b_keep_alive);
  smart_test_add ("/contract/C7.a", test_c7_a);
  smart_test_add ("/contract/C7.b", test_c7_b);
  smart_test_add ("/contract/C7.c", test_c7_c);
  smart_test_add ("/contract/C7.d", test_c7_d);
  smart_test_add ("/contract/C7.e", test_c7_e);
  smart_test_add ("/contract/C7.e/http2", test_c7_e_http2);
  smart_test_add ("/contract/C7.f", test_c7_f);
  smart_test_add ("/contract/C7.g", test_c7_g);
  smart_test_add ("/contract/C7.h", test_c7_h);
  smart_test_add ("/contract/C7.i", test_c7_i);
  smart_test_add ("/contract/C7.j", test_c7_j);
  smart_test_add ("/contract/C7.k", test_c7_k);
  smart_test_add ("/contract/C7.l", test_c7_l);

  status = g_test_run ();
  stop_services ();

  return status;
}
