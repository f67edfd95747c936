/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "smart-fixture-home.h"

#include <libsoup/soup.h>

#define OBJECT_PATH "/org/example/SmartTest"
#define INTERFACE   "org.example.SmartTest"

struct _SmartFixtureHome
{
  GObject parent_instance;

  GDBusConnection *connection;
  char *bus_name;
  char *uri;

  /* Of the thread where they are at home. */
  SoupSession *session;
  GDBusProxy *proxy;

  GThread *thread; /* atomic: of that one, from the first use on */
  int n_elsewhere; /* atomic: signals and results that came to another */
  int n_emitted;   /* atomic */
};

G_DEFINE_TYPE (SmartFixtureHome, smart_fixture_home, G_TYPE_OBJECT)

static void
smart_fixture_home_finalize (GObject *object)
{
  SmartFixtureHome *home = SMART_FIXTURE_HOME (object);

  g_clear_object (&home->proxy);
  g_clear_object (&home->session);
  g_clear_object (&home->connection);
  g_free (home->bus_name);
  g_free (home->uri);
  G_OBJECT_CLASS (smart_fixture_home_parent_class)->finalize (object);
}

static void
smart_fixture_home_class_init (SmartFixtureHomeClass *class)
{
  G_OBJECT_CLASS (class)->finalize = smart_fixture_home_finalize;
}

static void
smart_fixture_home_init (SmartFixtureHome *home)
{
}

/**
 * smart_fixture_home_new:
 * @connection: a bus
 * @bus_name: who is there
 * @uri: what to get by HTTP/2
 */
SmartFixtureHome *
smart_fixture_home_new (GDBusConnection *connection, const char *bus_name, const char *uri)
{
  SmartFixtureHome *home = g_object_new (SMART_FIXTURE_TYPE_HOME, NULL);

  home->connection = g_object_ref (connection);
  home->bus_name = g_strdup (bus_name);
  home->uri = g_strdup (uri);

  return home;
}

static void
home_note_thread (SmartFixtureHome *home)
{
  if (!g_atomic_pointer_compare_and_exchange (&home->thread, NULL, g_thread_self ()) &&
      g_atomic_pointer_get (&home->thread) != g_thread_self ())
    g_atomic_int_inc (&home->n_elsewhere);
}

/* One call's errand: who it is for, and where. */
typedef struct
{
  SmartFixtureHome *home;
  SmartCall *call;
} Visit;

static Visit *
visit_new (SmartFixtureHome *home, SmartCall *call)
{
  Visit *visit = g_new0 (Visit, 1);

  home_note_thread (home);
  visit->home = g_object_ref (home);
  visit->call = g_object_ref (call);

  return visit;
}

static void
visit_free (Visit *visit)
{
  g_object_unref (visit->home);
  g_object_unref (visit->call);
  g_free (visit);
}

/* A session */

static gboolean
accept_certificate (SoupMessage *message,
                    GTlsCertificate *tls,
                    GTlsCertificateFlags errors,
                    gpointer data)
{
  return TRUE;
}

static void
on_response (GObject *object, GAsyncResult *result, gpointer data)
{
  Visit *visit = data;
  SoupMessage *message = soup_session_get_async_result_message (SOUP_SESSION (object), result);
  g_autoptr (GBytes) body = NULL;
  GError *error = NULL;

  home_note_thread (visit->home);
  body = soup_session_send_and_read_finish (SOUP_SESSION (object), result, &error);
  if (error != NULL)
    smart_call_return_error (visit->call, error);
  else if (soup_message_get_http_version (message) != SOUP_HTTP_2_0)
    smart_call_return_new_error_literal (visit->call, G_IO_ERROR, G_IO_ERROR_FAILED, "not HTTP/2");
  else
    smart_call_return_string (visit->call,
                              g_strndup (g_bytes_get_data (body, NULL), g_bytes_get_size (body)));
  visit_free (visit);
}

static void
request_body (SmartCall *call, gpointer data)
{
  SmartFixtureHome *home = data;
  g_autoptr (SoupMessage) message = soup_message_new (SOUP_METHOD_GET, home->uri);

  if (home->session == NULL)
    home->session = soup_session_new ();
  g_signal_connect (message, "accept-certificate", G_CALLBACK (accept_certificate), NULL);
  soup_session_send_and_read_async (home->session, message, G_PRIORITY_DEFAULT,
                                    smart_call_get_cancellable (call), on_response,
                                    visit_new (home, call));
}

/* A proxy */

static void
on_signal (GDBusProxy *proxy,
           const char *sender,
           const char *signal,
           GVariant *arguments,
           gpointer data)
{
  SmartFixtureHome *home = data;

  home_note_thread (home);
  g_atomic_int_inc (&home->n_emitted);
}

static void
on_called (GObject *object, GAsyncResult *result, gpointer data)
{
  Visit *visit = data;
  g_autoptr (GVariant) reply = NULL;
  GError *error = NULL;

  home_note_thread (visit->home);
  reply = g_dbus_proxy_call_finish (G_DBUS_PROXY (object), result, &error);
  if (error != NULL)
    smart_call_return_error (visit->call, error);
  else
    smart_call_return_none (visit->call);
  visit_free (visit);
}

static void
call_emit (Visit *visit)
{
  g_dbus_proxy_call (visit->home->proxy, "Emit", NULL, G_DBUS_CALL_FLAGS_NONE, -1,
                     smart_call_get_cancellable (visit->call), on_called, visit);
}

static void
on_proxy (GObject *object, GAsyncResult *result, gpointer data)
{
  Visit *visit = data;
  SmartFixtureHome *home = visit->home;
  g_autoptr (GDBusProxy) proxy = NULL;
  GError *error = NULL;

  home_note_thread (home);
  proxy = g_dbus_proxy_new_finish (result, &error);
  if (error != NULL)
    {
      smart_call_return_error (visit->call, error);
      visit_free (visit);
      return;
    }
  /* Another call may have been quicker. */
  if (home->proxy == NULL)
    {
      home->proxy = g_steal_pointer (&proxy);
      g_signal_connect (home->proxy, "g-signal", G_CALLBACK (on_signal), home);
    }
  call_emit (visit);
}

static void
emit_body (SmartCall *call, gpointer data)
{
  SmartFixtureHome *home = data;
  Visit *visit = visit_new (home, call);

  if (home->proxy != NULL)
    call_emit (visit);
  else
    g_dbus_proxy_new (home->connection, G_DBUS_PROXY_FLAGS_NONE, NULL, home->bus_name, OBJECT_PATH,
                      INTERFACE, smart_call_get_cancellable (call), on_proxy, visit);
}

static void
drop_body (SmartCall *call, gpointer data)
{
  SmartFixtureHome *home = data;

  home_note_thread (home);
  if (home->session != NULL)
    soup_session_abort (home->session);
  g_clear_object (&home->session);
  if (home->proxy != NULL)
    g_signal_handlers_disconnect_by_data (home->proxy, home);
  g_clear_object (&home->proxy);
  smart_call_return_none (call);
}

/**
 * smart_fixture_home_request:
 *
 * Returns: (transfer full): an asynchronous function that gets what is at the URI
 */
SmartAsyncFunc *
smart_fixture_home_request (SmartFixtureHome *home)
{
  return smart_async_func_new (request_body, g_object_ref (home), g_object_unref);
}

/**
 * smart_fixture_home_emit:
 *
 * Returns: (transfer full): an asynchronous function that has a signal emitted
 */
SmartAsyncFunc *
smart_fixture_home_emit (SmartFixtureHome *home)
{
  return smart_async_func_new (emit_body, g_object_ref (home), g_object_unref);
}

/**
 * smart_fixture_home_drop:
 *
 * Returns: (transfer full): an asynchronous function that lets go of what outlived a call
 */
SmartAsyncFunc *
smart_fixture_home_drop (SmartFixtureHome *home)
{
  return smart_async_func_new (drop_body, g_object_ref (home), g_object_unref);
}

/**
 * smart_fixture_home_get_n_emitted:
 *
 * Returns: how many signals came since this was called last
 */
guint
smart_fixture_home_get_n_emitted (SmartFixtureHome *home)
{
  return (guint) g_atomic_int_and ((guint *) &home->n_emitted, 0);
}

/**
 * smart_fixture_home_is_one_thread:
 *
 * Returns: whether all bodies, results and signals came to one thread
 */
gboolean
smart_fixture_home_is_one_thread (SmartFixtureHome *home)
{
  return g_atomic_int_get (&home->n_elsewhere) == 0;
}
