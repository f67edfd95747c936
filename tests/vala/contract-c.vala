// SPDX-License-Identifier: LGPL-2.1-or-later

// The contract's section C: contexts.

using Check;

[CCode (cname = "smart_fixture_network_enter")]
extern bool network_enter ();
[CCode (cname = "smart_fixture_network_change")]
extern bool network_change ();
[CCode (cname = "fork", cheader_filename = "unistd.h")]
extern int fork ();
[CCode (cname = "_exit", cheader_filename = "unistd.h")]
extern void exit_now (int status);
[CCode (cname = "alarm", cheader_filename = "unistd.h")]
extern uint alarm (uint seconds);
[CCode (cname = "waitpid", cheader_filename = "sys/wait.h")]
extern int waitpid (int pid, out int status, int options);

const int DEPTH = 3;

// At each of DEPTH nested sync calls, the context of its body.
class Depths {
	public MainContext[] contexts = {};
	SmartAsync.AsyncFunc[] funcs = {};

	public Depths () {
		for (var n = 0; n < DEPTH; n++)
			funcs += level (this, n);
	}

	// Static, since a closure that is made in a method keeps its object.
	static SmartAsync.AsyncFunc level (Depths owner, int n) {
		weak Depths depths = owner;
		return make (AT_ONCE, (call) => {
			depths.contexts += MainContext.ref_thread_default ();
			assert (call.get_context () == MainContext.get_thread_default ());
			if (n + 1 < DEPTH)
				assert (caught (() => depths.funcs[n + 1].call_sync ()) == null);
			call.return_int (n);
		});
	}

	public MainContext[] call () throws Error {
		contexts = {};
		funcs[0].call_sync ();
		assert (contexts.length == DEPTH);
		return contexts;
	}
}

void c1_same () throws Error {
	var depths = new Depths ();
	var first = depths.call ();
	for (var n = 0; n < 3; n++) {
		var again = depths.call ();
		for (var i = 0; i < DEPTH; i++)
			assert (again[i] == first[i]);
	}
	in_loop (() => {
		var again = depths.call ();
		for (var i = 0; i < DEPTH; i++)
			assert (again[i] == first[i]);
	});
	assert (first[0] != first[1] && first[1] != first[2] && first[0] != MainContext.default ());
}

void c1_none_for_blocking () throws Error {
	var func = blocking ((call) => {
		assert (MainContext.get_thread_default () == null && call.get_context () == null);
		call.return_int (1);
	});
	on_thread (() => {
		var n = stat ("contexts-created");
		func.call_sync ();
		func.callv ();
		assert (stat ("contexts-created") == n);
	});
}

void c1_freed () throws Error {
	uint n_fds = 0;
	uint64 n_contexts = 0;
	// One round to make what is made once, then a thousand threads.
	for (var round = 0; round <= 50; round++) {
		var gate = new Gate ();
		Thread<bool>[] threads = {};
		for (var n = 0; n < 20; n++)
			threads += start (@"caller $n", () => {
				new Depths ().call ();
				gate.wait ();
			});
		gate.wait_for_waiters (20);
		assert (stat ("contexts") >= n_contexts + 20 * DEPTH);
		gate.open ();
		foreach (var thread in threads)
			thread.join ();
		threads = null;
		if (round == 0) {
			n_fds = count_fds ();
			n_contexts = stat ("contexts");
		}
	}
	if (count_fds () != n_fds || stat ("contexts") != n_contexts)
		fail (@"$(count_fds ()) fds, not $n_fds; $(stat ("contexts")) contexts, not $n_contexts");
}

// A busy source of the application, on the context that a thread has as its own.
class Ticking {
	public int n;
	public MainContext context;
	Source source;
	bool pushed;

	public Ticking () {
		context = on_main_thread () ? MainContext.default () : new MainContext ();
		pushed = !on_main_thread ();
		if (pushed)
			context.push_thread_default ();
		source = new IdleSource ();
		source.set_priority (Priority.DEFAULT);
		source.set_callback (() => {
			n++;
			return Source.CONTINUE;
		});
		source.attach (context);
	}

	public void stop () {
		source.destroy ();
		if (pushed)
			context.pop_thread_default ();
	}
}

void c2_isolated () throws Error {
	var ticking = new Ticking ();
	foreach (var kind in Kind.all ()) {
		var func = make (kind, (call) => call.return_int (42));
		assert (func.invoke_sync<int> () == 42);
	}
	assert (SmartAsync.run_sync<int> ((cb) => some_time.begin (3, (owned) cb), (result) => some_time.end (result)) == 3);
	assert (ticking.n == 0);
	ticking.stop ();
	in_loop (() => {
		var context = MainContext.current_source ().get_context ();
		var n = 0;
		var busy = new IdleSource ();
		busy.set_priority (Priority.HIGH);
		busy.set_callback (() => {
			n++;
			return Source.CONTINUE;
		});
		busy.attach (context);
		assert (later ((call) => call.return_int (42)).invoke_sync<int> () == 42);
		assert (n == 0);
		busy.destroy ();
	});
}

// An async method of anybody's, in the context that is the thread-default.
async int some_time (int msec) throws Error {
	var timeout = new TimeoutSource (msec);
	timeout.set_callback (some_time.callback);
	timeout.attach (MainContext.get_thread_default ());
	yield;
	return msec;
}

void c3_current () throws Error {
	var ticking = new Ticking ();
	MainContext? seen = null;
	var func = later ((call) => {
		seen = call.get_context ();
		if (ticking.n >= 3)
			call.return_int (42);
		else
			call.add_timeout (1, () => {
				if (ticking.n < 3)
					return Source.CONTINUE;
				call.return_int (42);
				return Source.REMOVE;
			});
	});
	func.main_context_policy = CURRENT;
	assert (func.invoke_sync<int> () == 42 && seen == ticking.context && ticking.n >= 3);
	var before = ticking.n;
	assert (SmartAsync.run_sync<int> ((cb) => some_time.begin (3, (owned) cb), (result) => some_time.end (result), CURRENT) == 3);
	assert (ticking.n > before);
	ticking.stop ();
}

// Leaves an idle source in its context, which goes on, or is over at once.
class Leftover {
	public int n;
	public bool goes_on;
	Source? source;

	public void leave (SmartAsync.Call call) {
		source = new IdleSource ();
		source.set_callback (() => {
			n++;
			return goes_on;
		});
		source.attach (call.get_context ());
		call.return_int (7);
	}

	public void clear () {
		source.destroy ();
	}
}

void c4_drained () throws Error {
	foreach (var goes_on in new bool[] { false, true }) {
		foreach (var cell in new Cell[] { Cell.S_SYNC, Cell.S_SMART, Cell.A_SYNC }) {
			var left = new Leftover ();
			left.goes_on = goes_on;
			assert (int_of (cell, at_once (left.leave)) == 7);
			assert (goes_on ? left.n > 0 && left.n < 1000 : left.n == 1);
			left.clear ();
		}
	}
}

void c4_next_call () throws Error {
	var left = new Leftover ();
	left.goes_on = true;
	assert (at_once (left.leave).invoke_sync<int> () == 7);
	var n = left.n;
	assert (later ((call) => call.return_int (7)).invoke_sync<int> () == 7);
	assert (left.n > n);
	left.clear ();
}

// Freed with the context that its source is in.
class Mark : Object {
	public static int n_freed;

	~Mark () {
		AtomicInt.inc (ref n_freed);
	}

	public bool nothing () {
		return Source.CONTINUE;
	}
}

void mark_context () throws Error {
	at_once ((call) => {
		var source = new TimeoutSource.seconds (1000);
		var mark = new Mark ();
		source.set_callback (() => mark.nothing ());
		source.attach (call.get_context ());
		call.return_int (7);
	}).call_sync ();
}

void c5_freed () throws Error {
	SmartAsync.async_reset ();
	Mark.n_freed = 0;
	mark_context ();
	assert (Mark.n_freed == 0);
	SmartAsync.async_reset ();
	assert (Mark.n_freed == 1);
}

void check_other_thread (bool calls_again) throws Error {
	var called = new Gate ();
	var go_on = new Gate ();
	var called_again = new Gate ();
	var end = new Gate ();
	Mark.n_freed = 0;
	var thread = start ("other", () => {
		mark_context ();
		called.open ();
		go_on.wait ();
		if (calls_again)
			at_once ((call) => call.return_int (7)).call_sync ();
		called_again.open ();
		end.wait ();
	});
	called.wait ();
	SmartAsync.async_reset ();
	assert (AtomicInt.get (ref Mark.n_freed) == 0);
	go_on.open ();
	called_again.wait ();
	assert (AtomicInt.get (ref Mark.n_freed) == (calls_again ? 1 : 0));
	end.open ();
	thread.join ();
	assert (AtomicInt.get (ref Mark.n_freed) == 1);
}

void c5_next_borrow () throws Error {
	check_other_thread (true);
}

void c5_at_exit () throws Error {
	check_other_thread (false);
}

void c5_in_use () throws Error {
	Mark.n_freed = 0;
	var func = at_once ((call) => {
		var mark = new Mark ();
		call.add_timeout (1, () => {
			mark.nothing ();
			SmartAsync.async_reset ();
			assert (Mark.n_freed == 0);
			call.return_int (7);
			return Source.REMOVE;
		});
		SmartAsync.async_reset ();
	});
	assert (func.invoke_sync<int> () == 7);
}

void c5_busy () throws Error {
	var stop = 0;
	var n_done = 0;
	Thread<bool>[] threads = {};
	for (var n = 0; n < 8; n++)
		threads += start (@"busy $n", () => {
			foreach (var kind in new Kind[] { Kind.AT_ONCE, Kind.LATER, Kind.BLOCKING }) {
				var func = make (kind, (call) => call.return_int (7));
				for (var i = 0; i < 50; i++) {
					assert (func.invoke_sync<int> () == 7);
					AtomicInt.inc (ref n_done);
				}
			}
		});
	var resetter = start ("resetter", () => {
		while (AtomicInt.get (ref stop) == 0) {
			SmartAsync.async_reset ();
			Thread.yield ();
		}
	});
	foreach (var thread in threads)
		thread.join ();
	AtomicInt.set (ref stop, 1);
	resetter.join ();
	assert (n_done == 8 * 150);
}

// Every way out of a call, with a thread-default context and without.
void check_default () throws Error {
	unowned MainContext? before = MainContext.get_thread_default ();
	var cancelled = new Cancellable ();
	cancelled.cancel ();
	foreach (var kind in Kind.all ()) {
		SmartAsync.AsyncFunc[] funcs = {
			make (kind, (call) => call.return_int (7)),
			make (kind, (call) => call.return_error (new IOError.NOT_FOUND ("no"))),
			make (kind, (call) => {})
		};
		foreach (var func in funcs) {
			caught (() => func.call_sync ());
			assert (MainContext.get_thread_default () == before);
			caught (() => func.call_sync (null, null, cancelled));
			assert (MainContext.get_thread_default () == before);
			var future = func.callv ();
			assert (MainContext.get_thread_default () == before);
			future.cancel ();
			caught (() => future.wait (DEADLINE));
			assert (MainContext.get_thread_default () == before);
			func.derive ("timeout", 1u).callv ();
			assert (MainContext.get_thread_default () == before);
		}
	}
	caught (() => SmartAsync.run_sync<int> ((cb) => some_time.begin (1, (owned) cb), (result) => { throw new IOError.FAILED ("no"); }));
	assert (MainContext.get_thread_default () == before);
}

void c6_same () throws Error {
	check_default ();
	in_loop (() => {
		unowned MainContext? before = MainContext.get_thread_default ();
		foreach (var kind in Kind.all ()) {
			assert (make (kind, (call) => call.return_int (7)).invoke_sync<int> () == 7);
			make (kind, (call) => call.return_int (7)).callv ();
			assert (MainContext.get_thread_default () == before);
		}
	});
}

void c6_every_exit () throws Error {
	check_default ();
	var context = new MainContext ();
	context.push_thread_default ();
	var func = later ((call) => call.return_error (new IOError.NOT_FOUND ("no")));
	assert (caught (() => func.call_sync ()) is IOError.NOT_FOUND);
	assert (MainContext.get_thread_default () == context);
	assert (caught (() => at_once ((call) => {}).call_sync ()) is SmartAsync.Error.NOT_RETURNED);
	assert (MainContext.get_thread_default () == context);
	context.pop_thread_default ();
}

// All of the library is used, and then nothing is in it.
void use_everything () throws Error {
	foreach (var kind in Kind.all ()) {
		var func = make (kind, (call) => call.return_int (42));
		foreach (var cell in Cell.all ())
			assert (int_of (cell, func) == 42);
	}
}

void in_child (Scenario scenario) throws Error {
	int status;
	var pid = fork ();
	assert (pid >= 0);
	if (pid == 0) {
		alarm (10);
		var error = caught (scenario);
		exit_now (error == null ? 0 : 1);
	}
	assert (waitpid (pid, out status, 0) == pid && status == 0);
}

void c8_sync () throws Error {
	use_everything ();
	in_child (() => {
		foreach (var kind in Kind.all ())
			assert (make (kind, (call) => call.return_int (42)).invoke_sync<int> () == 42);
	});
}

void c8_offloaded () throws Error {
	use_everything ();
	in_child (() => {
		for (var n = 0; n < 20; n++)
			assert (int_of (Cell.S_ASYNC, blocking ((call) => call.return_int (42))) == 42);
	});
	use_everything ();
}

uint n_threads_at_start;

void c8_load () throws Error {
	assert (n_threads_at_start == 1);
	MainContext.default ();
	var n_threads = count_threads ();
	var n_fds = count_fds ();
	// Nor by making something, and not by a blocking call of a sync caller.
	var future = new SmartAsync.Future ();
	blocking ((call) => call.return_int (7)).call_sync ();
	assert (future.status == PENDING && count_threads () == n_threads && count_fds () == n_fds);
	assert (stat ("threads-created") == 0 && stat ("contexts-created") == 0);
}

void c8_abandoned () throws Error {
	use_everything ();
	mark_context ();
	Mark.n_freed = 0;
	in_child (() => {
		// What the parent left is not freed in the child.
		later ((call) => call.return_int (7)).call_sync ();
		SmartAsync.async_reset ();
		assert (Mark.n_freed == 0);
	});
	assert (Mark.n_freed == 0);
	SmartAsync.async_reset ();
	assert (Mark.n_freed == 1);
}

// GIO's own pairs, by the two forms that Vala has for them.
void check_gio () throws Error {
	unowned MainContext? before = MainContext.get_thread_default ();
	var file = File.new_for_path ("/proc/self/status");
	var info = SmartAsync.run_sync<FileInfo> (
		(cb) => file.query_info_async.begin ("standard::type", 0, Priority.DEFAULT, null, (owned) cb),
		(result) => file.query_info_async.end (result));
	assert (info.get_file_type () == FileType.REGULAR);

	var call = new SmartAsync.SyncCall ();
	file.load_contents_async.begin (null, call.ready);
	uint8[] contents;
	file.load_contents_async.end (call.wait (), out contents, null);
	assert (((string) contents).has_prefix ("Name:"));

	var gone = File.new_for_path ("/nonexistent/file");
	assert (caught (() => SmartAsync.run_sync<FileInfo> (
		(cb) => gone.query_info_async.begin ("standard::type", 0, Priority.DEFAULT, null, (owned) cb),
		(result) => gone.query_info_async.end (result))) is IOError.NOT_FOUND);
	assert (MainContext.get_thread_default () == before);
}

// One that was begun and is not waited for takes its context along.
void c9_dropped () throws Error {
	var dropped = new SmartAsync.SyncCall ();
	File.new_for_path ("/proc/self/status").load_contents_async.begin (null, dropped.ready);
	assert (MainContext.get_thread_default () != null);
	dropped = null;
	assert (MainContext.get_thread_default () == null);
	check_gio ();
}

void c9_in_s () throws Error {
	assert (!SmartAsync.context_is_async ());
	check_gio ();
}

void c9_in_a () throws Error {
	in_loop (() => {
		assert (SmartAsync.context_is_async ());
		check_gio ();
	});
}

// In a body, and in an async method that is itself called so.
async bool gio_within () throws Error {
	check_gio ();
	yield some_time (1);
	check_gio ();
	return true;
}

void c9_nested () throws Error {
	foreach (var kind in Kind.all ())
		foreach (var cell in Cell.all ())
			assert (int_of (cell, make (kind, (call) => {
				assert (caught (check_gio) == null);
				call.return_int (7);
			})) == 7);
	assert (SmartAsync.run_sync<bool> ((cb) => gio_within.begin ((owned) cb), (result) => gio_within.end (result)));
}

void c9_on_thread () throws Error {
	on_thread (check_gio);
	Thread<bool>[] threads = {};
	for (var n = 0; n < 8; n++)
		threads += start (@"caller $n", check_gio);
	foreach (var thread in threads)
		thread.join ();
}

void c10_singleton () throws Error {
	assert (network_enter ());
	Environment.set_variable ("GIO_USE_NETWORK_MONITOR", "netlink", true);
	Environment.set_variable ("GIO_USE_PROXY_RESOLVER", "dummy", true);
	var listener = new SocketListener ();
	var port = listener.add_any_inet_port (null);
	var connected = SmartAsync.AsyncFunc.of_async<bool> (
		(call, cb) => new SocketClient ().connect_to_host_async.begin ("127.0.0.1", port, call.get_cancellable (), (owned) cb),
		(result) => ((SocketClient) result.get_source_object ()).connect_to_host_async.end (result) != null);
	assert (connected.invoke_sync<bool> ());
	var n = 0;
	NetworkMonitor.get_default ().network_changed.connect (() => n++);
	assert (network_change ());
	iterate_until (MainContext.default (), () => n > 0);
}

int main (string[] args) {
	n_threads_at_start = count_threads ();
	Check.init (ref args);

	add ("C1.a", c1_same);
	add ("C1.b", c1_none_for_blocking);
	add ("C1.c", c1_freed, true);
	add ("C2.a", c2_isolated);
	add ("C3.a", c3_current);
	add ("C3.b", c3_current);
	add ("C4.a", c4_drained);
	add ("C4.b", c4_next_call);
	add ("C5.a", c5_freed);
	add ("C5.b", c5_next_borrow);
	add ("C5.c", c5_at_exit);
	add ("C5.d", c5_in_use);
	add ("C5.e", c5_busy);
	add ("C5.f", c5_busy);
	add ("C6.a", c6_same);
	add ("C6.b", c6_every_exit);
	add_subprocess ("C8.a", c8_sync);
	add_subprocess ("C8.b", c8_offloaded);
	add_subprocess ("C8.c", c8_load);
	add_subprocess ("C8.d", c8_abandoned);
	add ("C9.a", c9_in_s);
	add_subprocess ("C9.a/dropped", c9_dropped);
	add ("C9.b", c9_in_a);
	add ("C9.c", c9_nested);
	add ("C9.d", c9_on_thread);
	add_subprocess ("C10.a", c10_singleton);

	return Check.run ();
}
