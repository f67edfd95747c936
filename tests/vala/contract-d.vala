// SPDX-License-Identifier: LGPL-2.1-or-later

// The contract's section D: sync or async?

using Check;

bool is_async () {
	return SmartAsync.context_is_async ();
}

// What a body or a callback saw.
class Sight {
	public int n_seen;
	public bool is_async;
	public string? says;
	public unowned Thread<void*> thread;
	public MainContext? thread_default;

	public void take () {
		is_async = SmartAsync.context_is_async ();
		says = SmartAsync.context_describe ();
		thread = Thread.self<void*> ();
		thread_default = MainContext.get_thread_default ();
		n_seen++;
	}

	public void body (SmartAsync.Call call) {
		take ();
		call.return_int (42);
	}

	public bool source () {
		take ();
		return Source.REMOVE;
	}
}

void d1_plain () throws Error {
	assert (!is_async ());
}

void d1_thread () throws Error {
	on_thread (() => assert (!is_async ()));
}

void d1_worker () throws Error {
	var sight = new Sight ();
	SmartAsync.Future? future = null;

	in_loop (() => future = blocking (sight.body).callv (), () => future.status != PENDING);
	assert (future.get<int> () == 42 && !sight.is_async && sight.thread != Thread.self<void*> ());
}

void d1_blocking_body () throws Error {
	var sight = new Sight ();

	assert (blocking (sight.body).invoke_sync<int> () == 42);
	assert (!sight.is_async && sight.thread == Thread.self<void*> ());
	in_loop (() => {
		assert (is_async ());
		blocking (sight.body).call_sync ();
		assert (!sight.is_async && sight.n_seen == 2 && sight.thread == Thread.self<void*> ());
		assert (is_async ());
	});
}

void d2_sources () throws Error {
	var idle = new Sight ();
	var timeout = new Sight ();
	var io = new Sight ();
	int[] fds = { 0, 0 };
	var context = new MainContext ();

	var idle_source = new IdleSource ();
	idle_source.set_callback (idle.source);
	idle_source.attach (context);
	var timeout_source = new TimeoutSource (1);
	timeout_source.set_callback (timeout.source);
	timeout_source.attach (context);
	assert (Unix.open_pipe (fds, 0));
	var reader = new UnixInputStream (fds[0], true);
	var writer = new UnixOutputStream (fds[1], true);
	var io_source = reader.create_source ();
	io_source.set_callback ((stream) => io.source ());
	io_source.attach (context);
	writer.write ({ 1 });
	iterate_until (context, () => idle.n_seen > 0 && timeout.n_seen > 0 && io.n_seen > 0);
	assert (idle.is_async && timeout.is_async && io.is_async);

	if (Environment.get_variable ("DBUS_SESSION_BUS_ADDRESS") == null)
		fail ("there is no session bus");
	// The shared connection's signals come in the context that subscribes, and so goes what it held.
	var signalled = new Sight ();
	var over = false;
	DBusConnection? bus = null;
	in_loop (() => {
		var subscribed = MainContext.current_source ().get_context ();
		bus = Bus.get_sync (BusType.SESSION);
		uint id = 0;
		id = bus.signal_subscribe (null, "org.example.Check", "Ping", null, null, DBusSignalFlags.NONE,
			(connection, sender, path, iface, name, parameters) => {
				signalled.take ();
				connection.signal_unsubscribe (id);
				var last = new IdleSource ();
				last.set_priority (Priority.LOW);
				last.set_callback (() => {
					over = true;
					return Source.REMOVE;
				});
				last.attach (subscribed);
			});
		bus.emit_signal (null, "/", "org.example.Check", "Ping", null);
	}, () => over);
	assert (signalled.is_async);
}

class App : Application {
	public Sight local_options_seen = new Sight ();
	public Sight startup_seen = new Sight ();
	public Sight activate_seen = new Sight ();
	public Sight command_line_seen = new Sight ();
	public Sight shutdown_seen = new Sight ();

	public App (ApplicationFlags flags) {
		Object (flags: flags | ApplicationFlags.NON_UNIQUE);
	}

	public override int handle_local_options (VariantDict options) {
		local_options_seen.take ();
		return -1;
	}

	public override void startup () {
		base.startup ();
		startup_seen.take ();
	}

	public override void activate () {
		activate_seen.take ();
	}

	public override int command_line (ApplicationCommandLine line) {
		command_line_seen.take ();
		return 0;
	}

	public override void shutdown () {
		shutdown_seen.take ();
		base.shutdown ();
	}
}

void d2_application () throws Error {
	var app = new App (ApplicationFlags.FLAGS_NONE);
	assert (app.run ({ "test" }) == 0);
	foreach (var sight in new Sight[] { app.local_options_seen, app.startup_seen, app.activate_seen, app.shutdown_seen })
		assert (sight.n_seen == 1 && sight.is_async);

	app = new App (ApplicationFlags.HANDLES_COMMAND_LINE);
	assert (app.run ({ "test" }) == 0);
	assert (app.command_line_seen.n_seen == 1 && app.command_line_seen.is_async);
	assert (!is_async ());
}

void d2_described () throws Error {
	var app = new App (ApplicationFlags.FLAGS_NONE);
	assert (app.run ({ "test" }) == 0);
	assert ("owned, not dispatching" in app.local_options_seen.says);
	assert ("owned, not dispatching" in app.shutdown_seen.says);
}

// The page for Vala says what to call there.
void d2_documented () throws Error {
	string page;
	FileUtils.get_contents (Test.build_filename (Test.FileType.DIST, "..", "..", "docs", "vala.md"), out page);
	foreach (var word in new string[] { "shutdown", "handle_local_options", "_sync" })
		assert (word in page);
}

void d2_owned () throws Error {
	var context = new MainContext ();
	context.push_thread_default ();
	assert (is_async ());
	context.pop_thread_default ();
	assert (!is_async ());
}

void d2_body_for_sync_caller () throws Error {
	var sight = new Sight ();
	assert (at_once (sight.body).invoke_sync<int> () == 42);
	assert (sight.n_seen == 1 && sight.is_async && !is_async ());
}

void d2_not_pushed () throws Error {
	var context = new MainContext ();
	var sight = new Sight ();
	invoke (context, () => sight.take ());
	iterate_until (context, () => sight.n_seen > 0);
	assert (sight.is_async && sight.thread_default != context);
}

void d2_results_there () throws Error {
	foreach (var kind in new Kind[] { Kind.AT_ONCE, Kind.LATER, Kind.BLOCKING }) {
		var context = new MainContext ();
		var body = new Sight ();
		MainContext? came = null;
		var func = make (kind, body.body);

		invoke (context, () => func.call_async.begin (null, null, null, (source, result) => {
			try {
				func.call_async.end (result);
			} catch (Error error) {
				fail (error.message);
			}
			came = MainContext.current_source ().get_context ();
			assert (Thread.self<void*> () != null);
		}));
		iterate_until (context, () => came != null);
		assert (came == context);
		// What the body makes finds the context by being its thread-default.
		if (kind == AT_ONCE)
			assert (body.thread_default == context);
	}
}

void d3_wins () throws Error {
	in_loop (() => {
		SmartAsync.context_push_mode (SYNC);
		assert (!is_async ());
		assert (later ((call) => call.return_int (42)).callv ().get<int> () == 42);
		SmartAsync.context_push_mode (AUTO);
		assert (is_async ());
		SmartAsync.context_pop_mode ();
		SmartAsync.context_pop_mode ();
		assert (is_async ());
	});

	SmartAsync.context_push_mode (ASYNC);
	assert (is_async ());
	var sight = new Sight ();
	var future = blocking (sight.body).callv ();
	SmartAsync.context_pop_mode ();
	assert (!is_async ());
	assert (settle (future).get<int> () == 42 && sight.thread != Thread.self<void*> ());
}

void d3_not_unrelated () throws Error {
	var from_plain = new Sight ();
	SmartAsync.context_push_mode (SYNC);
	in_loop (() => from_plain.take ());
	assert (!is_async ());
	SmartAsync.context_pop_mode ();
	assert (from_plain.is_async);

	var nested = new Sight ();
	in_loop (() => {
		var context = MainContext.current_source ().get_context ();
		SmartAsync.context_push_mode (SYNC);
		invoke (context, () => nested.take ());
		iterate_until (context, () => nested.n_seen > 0);
		assert (!is_async ());
		SmartAsync.context_pop_mode ();
	});
	assert (nested.is_async);
}

void d3_not_in_body () throws Error {
	var sight = new Sight ();
	SmartAsync.context_push_mode (ASYNC);
	blocking (sight.body).call_sync ();
	SmartAsync.context_pop_mode ();
	assert (!sight.is_async);

	SmartAsync.context_push_mode (SYNC);
	at_once (sight.body).call_sync ();
	SmartAsync.context_pop_mode ();
	assert (sight.is_async);
}

void d3_not_on_worker () throws Error {
	var sight = new Sight ();
	SmartAsync.Future? future = null;
	in_loop (() => {
		SmartAsync.context_push_mode (ASYNC);
		future = blocking (sight.body).callv ();
		SmartAsync.context_pop_mode ();
	}, () => future.status != PENDING);
	assert (future.get<int> () == 42 && sight.thread != Thread.self<void*> () && !sight.is_async);
}

void d3_nest () throws Error {
	bool[] seen = {};
	foreach (var mode in new SmartAsync.Mode[] { SmartAsync.Mode.ASYNC, SmartAsync.Mode.SYNC, SmartAsync.Mode.ASYNC, SmartAsync.Mode.AUTO }) {
		SmartAsync.context_push_mode (mode);
		seen += is_async ();
	}
	for (var n = 0; n < 4; n++) {
		SmartAsync.context_pop_mode ();
		seen += is_async ();
	}
	bool[] expected = { true, false, true, false, true, false, true, false };
	assert (seen.length == expected.length);
	for (var n = 0; n < seen.length; n++)
		assert (seen[n] == expected[n]);
}

void d3_one_too_many () throws Error {
	expect_critical ("*smart_context_pop_mode*", () => SmartAsync.context_pop_mode ());
	SmartAsync.context_push_mode (ASYNC);
	// The mode is the caller's: there is none of the body's frame to pop.
	blocking ((call) => {
		try {
			expect_critical ("*smart_context_pop_mode*", () => SmartAsync.context_pop_mode ());
		} catch (Error error) {
			fail (error.message);
		}
		call.return_none ();
	}).call_sync ();
	assert (is_async ());
	SmartAsync.context_pop_mode ();
	expect_critical ("*smart_context_pop_mode*", () => SmartAsync.context_pop_mode ());
}

void d4_reason () throws Error {
	var reasons = new GenericSet<string> (str_hash, str_equal);
	var sights = new GenericArray<Sight> ();
	for (var n = 0; n < 6; n++)
		sights.add (new Sight ());

	sights[0].take ();
	SmartAsync.context_push_mode (SYNC);
	sights[1].take ();
	SmartAsync.context_pop_mode ();
	SmartAsync.context_push_mode (ASYNC);
	sights[2].take ();
	SmartAsync.context_pop_mode ();
	var context = new MainContext ();
	context.push_thread_default ();
	sights[3].take ();
	context.pop_thread_default ();
	in_loop (() => sights[4].take ());
	var func = blocking (sights[5].body);
	func.call_sync ();

	foreach (var sight in sights) {
		assert (sight.says.length > 0 && !("\n" in sight.says));
		assert (!reasons.contains (sight.says));
		reasons.add (sight.says);
	}
	assert ("the-function" in sights[5].says);
	assert ("owned, not dispatching" in sights[3].says);
}

void d4_source () throws Error {
	foreach (var name in new string?[] { "a source of a certain name", null }) {
		var context = new MainContext ();
		var sight = new Sight ();
		var source = new IdleSource ();
		source.set_name (name);
		source.set_callback (sight.source);
		source.attach (context);
		iterate_until (context, () => sight.n_seen > 0);
		assert (sight.is_async && !("(null)" in sight.says));
		if (name != null)
			assert (name in sight.says);
	}
}

int main (string[] args) {
	Check.init (ref args);

	add ("D1.a", d1_plain);
	add ("D1.b", d1_thread);
	add ("D1.c", d1_worker);
	add ("D1.d", d1_blocking_body);
	add ("D2.a", d2_sources);
	add_main ("D2.b", d2_application);
	add_main ("D2.c", d2_described);
	add_main ("D2.d", d2_documented);
	add ("D2.e", d2_owned);
	add ("D2.f", d2_body_for_sync_caller);
	add ("D2.g", d2_not_pushed);
	add ("D2.h", d2_results_there);
	add ("D3.a", d3_wins);
	add ("D3.b", d3_not_unrelated);
	add ("D3.c", d3_not_in_body);
	add ("D3.d", d3_not_on_worker);
	add ("D3.e", d3_nest);
	add_subprocess ("D3.f", d3_one_too_many);
	add ("D4.a", d4_reason);
	add ("D4.b", d4_source);

	return Check.run ();
}
