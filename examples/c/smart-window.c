/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* smart-window: a window that stays alive while it loads.
 *
 * The load is a blocking function, which is offloaded since the click is
 * handled inside a running loop. One lock makes one load of ten clicks; the bar
 * is bound to the progress of what each click waits for; to cancel makes all of
 * them leave, and so ends the load. */

#include <gtk/gtk.h>
#include <smartasync-glib/smartasync-glib.h>

#define CHUNK_SIZE (64 * 1024)
#define N_CHUNKS   8192

/* The author's side: the SHA-256 of 512 MiB of zeros. */

static void
load_body (SmartCall *call, gpointer unused)
{
  static const guchar zeros[CHUNK_SIZE];
  g_autoptr (GChecksum) checksum = g_checksum_new (G_CHECKSUM_SHA256);

  for (guint i = 1; i <= N_CHUNKS; i++)
    {
      if (smart_call_return_error_if_cancelled (call))
        return;
      g_checksum_update (checksum, zeros, CHUNK_SIZE);
      smart_call_report_progress (call, (double) i / N_CHUNKS);
    }

  smart_call_return_string (call, g_strdup (g_checksum_get_string (checksum)));
}

/* The window */

typedef struct
{
  SmartAsyncFunc *load;
  SmartLock *lock;
  GCancellable *cancellable;
  guint64 n_calls;      /* the lock's, when the last load was over */
  guint64 n_executions; /* likewise */
  guint n_frames;       /* since then */
  GtkProgressBar *bar;
  GtkLabel *label;
} Window;

static void
window_free (gpointer data, GClosure *unused)
{
  Window *window = data;

  g_cancellable_cancel (window->cancellable);
  g_object_unref (window->cancellable);
  g_object_unref (window->load);
  g_object_unref (window->lock);
  g_object_unref (window->bar);
  g_object_unref (window->label);
  g_free (window);
}

static void
show_outcome (Window *window, const char *sum, const GError *error)
{
  guint64 n_clicks = smart_lock_get_n_calls (window->lock) - window->n_calls;
  guint64 n_loads = smart_lock_get_n_executions (window->lock) - window->n_executions;
  g_autofree char *text = NULL;

  text = g_strdup_printf ("%s\nClicks: %" G_GUINT64_FORMAT ", loads: %" G_GUINT64_FORMAT,
                          error != NULL ? error->message : sum, n_clicks, n_loads);
  gtk_label_set_text (window->label, text);

  g_print ("%s clicks=%" G_GUINT64_FORMAT " loads=%" G_GUINT64_FORMAT " frames=%u\n",
           error != NULL ? "cancelled" : sum, n_clicks, n_loads, window->n_frames);
  window->n_calls += n_clicks;
  window->n_executions += n_loads;
  window->n_frames = 0;
}

static void
on_loaded (GObject *source, GAsyncResult *result, gpointer data)
{
  Window *window = data;
  g_auto (GValue) value = G_VALUE_INIT;
  g_autoptr (GError) error = NULL;

  smart_future_wait_finish (SMART_FUTURE (source), result, &value, &error);
  /* The last of those who waited tells what became of it. */
  if (smart_lock_get_n_waiters (window->lock) == 0 &&
      smart_lock_get_n_calls (window->lock) > window->n_calls)
    show_outcome (window, error == NULL ? g_value_get_string (&value) : NULL, error);
}

static void
on_load_clicked (GtkButton *button, gpointer data)
{
  Window *window = data;
  g_autoptr (SmartFuture) future = NULL;

  future =
      smart_lock_run_once (window->lock, NULL, window->load, NULL, NULL, 0, window->cancellable);
  g_object_bind_property (future, "progress", window->bar, "fraction", G_BINDING_DEFAULT);
  gtk_label_set_text (window->label, "Loading …");
  smart_future_wait_async (future, NULL, on_loaded, window);
}

static void
on_cancel_clicked (GtkButton *button, gpointer data)
{
  Window *window = data;

  g_cancellable_cancel (window->cancellable);
  g_object_unref (window->cancellable);
  window->cancellable = g_cancellable_new ();
}

static gboolean
on_frame (GtkWidget *widget, GdkFrameClock *clock, gpointer data)
{
  ((Window *) data)->n_frames++;

  return G_SOURCE_CONTINUE;
}

static GtkWidget *
make_buttons (Window *window)
{
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 12);
  GtkWidget *load = gtk_button_new_with_label ("Load");
  GtkWidget *cancel = gtk_button_new_with_label ("Cancel");

  gtk_box_set_homogeneous (GTK_BOX (box), TRUE);
  gtk_box_append (GTK_BOX (box), load);
  gtk_box_append (GTK_BOX (box), cancel);
  g_signal_connect (load, "clicked", G_CALLBACK (on_load_clicked), window);
  g_signal_connect (cancel, "clicked", G_CALLBACK (on_cancel_clicked), window);

  return box;
}

static GtkWidget *
make_content (Window *window)
{
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_VERTICAL, 12);
  GtkWidget *spinner = gtk_spinner_new ();

  gtk_widget_set_margin_top (box, 12);
  gtk_widget_set_margin_bottom (box, 12);
  gtk_widget_set_margin_start (box, 12);
  gtk_widget_set_margin_end (box, 12);

  gtk_spinner_start (GTK_SPINNER (spinner));
  window->bar = g_object_ref_sink (GTK_PROGRESS_BAR (gtk_progress_bar_new ()));
  gtk_progress_bar_set_show_text (window->bar, TRUE);
  window->label = g_object_ref_sink (GTK_LABEL (gtk_label_new ("Click as often as you like.")));
  gtk_label_set_wrap (window->label, TRUE);
  gtk_label_set_wrap_mode (window->label, PANGO_WRAP_CHAR);
  gtk_widget_set_vexpand (GTK_WIDGET (window->label), TRUE);

  gtk_box_append (GTK_BOX (box), spinner);
  gtk_box_append (GTK_BOX (box), GTK_WIDGET (window->bar));
  gtk_box_append (GTK_BOX (box), GTK_WIDGET (window->label));
  gtk_box_append (GTK_BOX (box), make_buttons (window));

  return box;
}

static void
on_activate (GtkApplication *application, gpointer data)
{
  Window *window = data;
  GtkWidget *widget = gtk_application_window_new (application);

  gtk_window_set_title (GTK_WINDOW (widget), "Smart Window");
  gtk_window_set_default_size (GTK_WINDOW (widget), 420, 260);
  gtk_window_set_child (GTK_WINDOW (widget), make_content (window));
  gtk_widget_add_tick_callback (widget, on_frame, window, NULL);
  gtk_window_present (GTK_WINDOW (widget));
}

static void
on_quit (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  g_application_quit (data);
}

int
main (int argc, char **argv)
{
  g_autoptr (GtkApplication) application =
      gtk_application_new ("org.example.SmartWindow", G_APPLICATION_NON_UNIQUE);
  g_autoptr (GSimpleAction) quit = g_simple_action_new ("quit", NULL);
  const char *quit_keys[] = { "<Control>q", NULL };
  Window *window = g_new0 (Window, 1);

  window->load = smart_async_func_new_blocking (load_body, NULL, NULL);
  smart_async_func_set_name (window->load, "load");
  window->lock = smart_lock_new ();
  window->cancellable = g_cancellable_new ();

  g_signal_connect (quit, "activate", G_CALLBACK (on_quit), application);
  g_action_map_add_action (G_ACTION_MAP (application), G_ACTION (quit));
  gtk_application_set_accels_for_action (application, "app.quit", quit_keys);
  g_signal_connect_data (application, "activate", G_CALLBACK (on_activate), window, window_free, 0);

  return g_application_run (G_APPLICATION (application), argc, argv);
}
