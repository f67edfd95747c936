// SPDX-License-Identifier: LGPL-2.1-or-later

// A window that stays alive while its functions are at work: a progress bar
// bound to a future, and a click that many others wait with.

using Check;

class Window : Gtk.ApplicationWindow {
	public Gtk.ProgressBar bar = new Gtk.ProgressBar ();
	public Gtk.Button button = new Gtk.Button.with_label ("Load");
	public SmartAsync.Lock lock = new SmartAsync.Lock ();
	public SmartAsync.AsyncFunc load;
	public int n_loads;
	public int n_loaded;
	public int n_frames;
	public double last_fraction;
	public Gate half = new Gate ();

	public Window (Gtk.Application app) {
		Object (application: app);
		var box = new Gtk.Box (Gtk.Orientation.VERTICAL, 0);
		box.append (bar);
		box.append (button);
		child = box;
		load = SmartAsync.AsyncFunc.of_blocking<string> (work);
		button.clicked.connect (() => on_clicked.begin ());
		bar.notify["fraction"].connect (() => last_fraction = bar.fraction);
		add_tick_callback (() => {
			n_frames++;
			return Source.CONTINUE;
		});
	}

	// On a worker, which the window must not be.
	string work (SmartAsync.Call call) throws Error {
		AtomicInt.inc (ref n_loads);
		call.report_progress (0.5);
		half.wait ();
		call.report_progress (1);
		return "loaded";
	}

	async void on_clicked () {
		try {
			var future = lock.run_once ("page", load);
			future.bind_property ("progress", bar, "fraction", BindingFlags.DEFAULT);
			assert ((yield future.wait_for_async<string> ()) == "loaded");
			n_loaded++;
		} catch (Error error) {
			fail (error.message);
		}
	}
}

void window () throws Error {
	var app = new Gtk.Application ("org.example.SmartAsync.Check", ApplicationFlags.NON_UNIQUE);
	Window? window = null;
	var ended = false;
	app.activate.connect (() => {
		window = new Window (app);
		window.map.connect (() => Idle.add (() => {
			// Ten clicks are one load.
			for (var n = 0; n < 10; n++)
				window.button.clicked ();
			assert (window.lock.n_waiters == 10);
			var frames_before = window.n_frames;
			Timeout.add (10, () => {
				// It is drawn, and shows the progress, while the body is held.
				if (window.n_frames < frames_before + 3 || window.last_fraction < 0.5)
					return Source.CONTINUE;
				assert (window.n_loaded == 0 && AtomicInt.get (ref window.n_loads) == 1);
				window.half.open ();
				return Source.REMOVE;
			});
			Timeout.add (10, () => {
				if (window.n_loaded < 10)
					return Source.CONTINUE;
				ended = true;
				window.close ();
				return Source.REMOVE;
			});
			return Source.REMOVE;
		}));
		window.present ();
	});
	Timeout.add_seconds (30, () => fail_late ());
	assert (app.run ({ "test" }) == 0);
	assert (ended && window.n_loads == 1 && window.last_fraction == 1);
}

bool fail_late () {
	fail ("the window did not come, or its functions did not end");
}

// What belongs to the application's context: by name under CURRENT, or on the loop.
void dialog_context () throws Error {
	var func = SmartAsync.AsyncFunc.of_async<bool> ((call, cb) => frame.begin ((owned) cb), (result) => frame.end (result));
	func.main_context_policy = CURRENT;
	var win = new Gtk.Window ();
	win.present ();
	assert (func.invoke_sync<bool> ());
	win.destroy ();
}

async bool frame () throws Error {
	Idle.add (frame.callback);
	yield;
	return true;
}

// A worker must not have a widget.
void widget_refused () throws Error {
	var label = new Gtk.Label ("mine");
	SmartAsync.Future? future = null;
	in_loop (() => future = blocking ((call) => call.return_none ()).callv (label), () => future.status != PENDING);
	assert (caught (() => future.get_value (null)) is SmartAsync.Error.WRONG_THREAD);
}

int main (string[] args) {
	Check.init (ref args);
	if (!Gtk.init_check ())
		fail ("there is no display");

	add_main ("gtk/window", window);
	add_main ("gtk/current", dialog_context);
	add_main ("gtk/widget", widget_refused);

	return Check.run ();
}
