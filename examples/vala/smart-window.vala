// SPDX-License-Identifier: LGPL-2.1-or-later

// smart-window: a window that stays alive while it loads.
//
// The load is an ordinary blocking method, which runs on a worker since the click
// is handled inside a running loop. One lock makes one load of ten clicks; the bar
// is bound to the progress of what each click waits for; to cancel makes all of
// them leave, and so ends the load.

const int CHUNK_SIZE = 64 * 1024;
const int N_CHUNKS = 8192;

// The author's side: the SHA-256 of 512 MiB of zeros.

void load (SmartAsync.Call call) {
	var zeros = new uint8[CHUNK_SIZE];
	var checksum = new Checksum (ChecksumType.SHA256);

	for (int i = 1; i <= N_CHUNKS; i++) {
		if (call.return_error_if_cancelled ())
			return;
		checksum.update (zeros, CHUNK_SIZE);
		call.report_progress ((double) i / N_CHUNKS);
	}
	call.return_string (checksum.get_string ());
}

// The window

class Window : Gtk.ApplicationWindow {
	private SmartAsync.AsyncFunc load_func;
	private SmartAsync.Lock load_lock = new SmartAsync.Lock ();
	private Cancellable cancellable = new Cancellable ();
	private uint64 n_calls;       // the lock's, when the last load was over
	private uint64 n_executions;  // likewise
	private uint n_frames;        // since then
	private Gtk.ProgressBar bar = new Gtk.ProgressBar ();
	private Gtk.Label label = new Gtk.Label ("Click as often as you like.");

	public Window (Gtk.Application application) {
		Object (application: application, title: "Smart Window", default_width: 420, default_height: 260);
		load_func = new SmartAsync.AsyncFunc.blocking (load);
		load_func.name = "load";

		bar.show_text = true;
		label.vexpand = true;
		label.wrap = true;
		label.wrap_mode = Pango.WrapMode.CHAR;
		var spinner = new Gtk.Spinner ();
		spinner.spinning = true;

		var box = new Gtk.Box (Gtk.Orientation.VERTICAL, 12);
		box.margin_top = box.margin_bottom = box.margin_start = box.margin_end = 12;
		box.append (spinner);
		box.append (bar);
		box.append (label);
		box.append (make_buttons ());
		child = box;
		add_tick_callback (() => {
			n_frames++;
			return Source.CONTINUE;
		});
	}

	private Gtk.Widget make_buttons () {
		var box = new Gtk.Box (Gtk.Orientation.HORIZONTAL, 12);
		var load = new Gtk.Button.with_label ("Load");
		var cancel = new Gtk.Button.with_label ("Cancel");

		box.homogeneous = true;
		box.append (load);
		box.append (cancel);
		load.clicked.connect (() => load_once.begin ());
		cancel.clicked.connect (() => {
			cancellable.cancel ();
			cancellable = new Cancellable ();
		});
		return box;
	}

	private async void load_once () {
		var future = load_lock.run_once (null, load_func, null, null, cancellable);
		string? sum = null;
		string? problem = null;

		future.bind_property ("progress", bar, "fraction");
		label.label = "Loading …";
		try {
			Value result;
			yield future.wait_async (null, out result);
			sum = result.get_string ();
		} catch (Error error) {
			problem = error.message;
		}
		// The last of those who waited tells what became of it.
		if (load_lock.n_waiters == 0 && load_lock.n_calls > n_calls)
			show_outcome (sum, problem);
	}

	private void show_outcome (string? sum, string? problem) {
		uint64 n_clicks = load_lock.n_calls - n_calls;
		uint64 n_loads = load_lock.n_executions - n_executions;

		label.label = @"$(sum ?? problem)\nClicks: $n_clicks, loads: $n_loads";
		stdout.printf ("%s clicks=%s loads=%s frames=%u\n", sum ?? "cancelled", n_clicks.to_string (),
			n_loads.to_string (), n_frames);
		stdout.flush ();
		n_calls += n_clicks;
		n_executions += n_loads;
		n_frames = 0;
	}
}

int main (string[] args) {
	var application = new Gtk.Application ("org.example.SmartWindow", ApplicationFlags.NON_UNIQUE);
	var quit = new SimpleAction ("quit", null);

	quit.activate.connect (() => application.quit ());
	application.add_action (quit);
	application.set_accels_for_action ("app.quit", { "<Control>q" });
	application.activate.connect (() => new Window (application).present ());
	return application.run (args);
}
