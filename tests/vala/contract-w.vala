// SPDX-License-Identifier: LGPL-2.1-or-later

// The contract's section W: workers and executors.

using Check;

unowned Thread<void*> me () {
	return Thread.self<void*> ();
}

// Offloaded though the caller is a body: what a worker waits for.
SmartAsync.Future offloaded (SmartAsync.AsyncFunc func) {
	SmartAsync.context_push_mode (ASYNC);
	var future = func.callv ();
	SmartAsync.context_pop_mode ();
	return future;
}

void pass_5_ms () {
	new Gate ().wait_for (5 * TimeSpan.MILLISECOND);
}

void w1_starvation () throws Error {
	best_of_five (100 * TimeSpan.MILLISECOND, () => {
		var inside = 0;
		var all_inside = new Gate ();
		var inner = blocking ((call) => {
			pass_5_ms ();
			call.return_int (1);
		});
		var outer = blocking ((call) => {
			if (AtomicInt.add (ref inside, 1) + 1 == 100)
				all_inside.open ();
			all_inside.wait ();
			try {
				call.return_int (offloaded (inner).wait_for<int> () + 1);
			} catch (Error error) {
				fail (error.message);
			}
		});
		var n_done = 0;
		var begun = get_monotonic_time ();
		in_loop (() => {
			for (var n = 0; n < 100; n++)
				outer.call_async.begin (null, null, null, (source, result) => {
					Value value = 0;
					assert (caught (() => outer.call_async.end (result, out value)) == null && value.get_int () == 2);
					n_done++;
				});
		}, () => n_done == 100);
		return get_monotonic_time () - begun;
	});
}

void w1_chain () throws Error {
	best_of_five (100 * TimeSpan.MILLISECOND, () => {
		SmartAsync.AsyncFunc? func = null;
		var depth = 0;
		func = blocking ((call) => {
			if (AtomicInt.add (ref depth, 1) + 1 == 40) {
				pass_5_ms ();
				call.return_int (1);
				return;
			}
			try {
				call.return_int (offloaded (func).wait_for<int> () + 1);
			} catch (Error error) {
				fail (error.message);
			}
		});
		var begun = get_monotonic_time ();
		assert (int_of (Cell.A_ASYNC, func) == 40);
		func = null;
		return get_monotonic_time () - begun;
	});
}

// So many bodies that wait, and what is to be measured beside them.
int64 beside_sleepers (int n, Measure measure) throws Error {
	var gate = new Gate ();
	var sleeper = blocking ((call) => {
		gate.wait ();
		call.return_none ();
	});
	var n_done = 0;
	int64 took = 0;
	in_loop (() => {
		for (var i = 0; i < n; i++)
			sleeper.call_async.begin (null, null, null, () => n_done++);
		took = measure ();
		gate.open ();
	}, () => n_done == n);
	return took;
}

void w2_short () throws Error {
	best_of_five (10 * TimeSpan.MILLISECOND, () => beside_sleepers (30, () => {
		int64 started = 0;
		var begun = get_monotonic_time ();
		var quick = blocking ((call) => {
			started = get_monotonic_time ();
			call.return_none ();
		}).callv ();
		settle (quick);
		return started - begun;
	}));
}

int64 load_file () throws Error {
	var begun = get_monotonic_time ();
	var context = context_here ();
	AsyncResult? result = null;
	var file = File.new_for_path ("/proc/self/status");
	file.load_contents_async.begin (null, (source, it) => result = it);
	iterate_until (context, () => result != null);
	var took = get_monotonic_time () - begun;
	uint8[] contents;
	file.load_contents_async.end (result, out contents, null);
	return took;
}

void w2_file () throws Error {
	var alone = int64.MAX;
	for (var n = 0; n < 5; n++)
		in_loop (() => alone = int64.min (alone, load_file ()));
	best_of_five (10 * TimeSpan.MILLISECOND, () => beside_sleepers (100, () => load_file ()) - alone);
}

// The first three wait for each other: so many, and never more.
void w3_limit () throws Error {
	var inside = 0;
	var most = 0;
	var n_begun = 0;
	var mutex = Mutex ();
	var three = new Gate ();
	var func = blocking ((call) => {
		mutex.lock ();
		inside++;
		most = int.max (most, inside);
		var is_early = n_begun++ < 3;
		mutex.unlock ();
		if (is_early)
			three.wait ();
		else
			Thread.yield ();
		mutex.lock ();
		inside--;
		mutex.unlock ();
		call.return_none ();
	});
	func.max_concurrency = 3;
	var n_done = 0;
	in_loop (() => {
		for (var n = 0; n < 30; n++)
			func.call_async.begin (null, null, null, () => n_done++);
		three.wait_for_waiters (3);
		three.open ();
	}, () => n_done == 30);
	assert (most == 3);
}

void w3_order () throws Error {
	int[] order = {};
	var func = blocking ((call) => {
		order += call.get<int> (0);
		call.return_none ();
	});
	func.max_concurrency = 1;
	var n_done = 0;
	in_loop (() => {
		for (var n = 0; n < 50; n++)
			func.call_async.begin (null, { n }, null, () => n_done++);
	}, () => n_done == 50);
	for (var n = 0; n < 50; n++)
		assert (order[n] == n);
}

void w3_no_worker_waits () throws Error {
	var gate = new Gate ();
	var func = blocking ((call) => {
		gate.wait ();
		call.return_none ();
	});
	func.max_concurrency = 1;
	var n_done = 0;
	in_loop (() => {
		for (var n = 0; n < 100; n++)
			func.call_async.begin (null, null, null, () => n_done++);
		gate.wait_for_waiters (1);
		// One has a thread; for the 99 others there is none, and no ticket.
		assert (stat ("waiting") == 0 && stat ("tickets") <= 1 && stat ("queued") == 0);
		gate.open ();
	}, () => n_done == 100);
}

void w3_sync_waits () throws Error {
	var gate = new Gate ();
	var n = 0;
	var func = blocking ((call) => {
		gate.wait ();
		call.return_int (++n);
	});
	func.max_concurrency = 1;
	func.name = "one at a time";
	var first = start ("first", () => assert (func.invoke_sync<int> () == 1));
	gate.wait_for_waiters (1);
	var opener = start ("opener", () => {
		wait_until (() => "one at a time" in SmartAsync.async_dump_waits ());
		gate.open ();
	});
	assert (func.invoke_sync<int> () == 2);
	first.join ();
	opener.join ();
}

void w3_descendants () throws Error {
	SmartAsync.AsyncFunc? func = null;
	func = blocking ((call) => {
		var n = call.get<int> (0);
		try {
			call.return_int (n == 0 ? 1 : func.invoke_sync<int> (null, { n - 1 }) + 1);
		} catch (Error error) {
			fail (error.message);
		}
	});
	func.max_concurrency = 1;
	assert (func.invoke_sync<int> (null, { 5 }) == 6);
	SmartAsync.Future? future = null;
	in_loop (() => future = func.callv (null, { 5 }), () => future.status != PENDING);
	assert (future.get<int> () == 6);
	func = null;
}

void w4_one_thread () throws Error {
	var executor = track (new SmartAsync.Executor.pool ("w4", 1));
	var threads = new GenericSet<void*> (direct_hash, direct_equal);
	int[] order = {};
	var func = blocking ((call) => {
		threads.add ((void*) me ());
		order += call.get<int> (0);
		call.return_none ();
	});
	func.executor = executor;
	var n_done = 0;
	in_loop (() => {
		for (var n = 0; n < 50; n++)
			func.call_async.begin (null, { n }, null, () => n_done++);
	}, () => n_done == 50);
	func.call_sync (null, { 50 });
	assert (threads.length == 1 && !threads.contains ((void*) me ()) && executor.max_threads == 1);
	for (var n = 0; n < 51; n++)
		assert (order[n] == n);
}

void w4_loop () throws Error {
	var executor = track (new SmartAsync.Executor.loop ("w4"));
	unowned Thread<void*>? ran_on = null;
	var func = at_once ((call) => {
		ran_on = me ();
		assert (call.get_context () == executor.get_context ());
		call.add_timeout (1, () => {
			assert (me () == ran_on);
			call.return_int (42);
			return Source.REMOVE;
		});
	});
	func.executor = executor;
	foreach (var cell in Cell.all ())
		assert (int_of (cell, func) == 42 && ran_on != me ());
}

void w4_loop_shared () throws Error {
	var threads = new GenericSet<void*> (direct_hash, direct_equal);
	var func = later ((call) => {
		threads.add ((void*) me ());
		call.return_int (42);
	});
	func.executor = track (new SmartAsync.Executor.loop ("w4"));
	Thread<bool>[] callers = {};
	for (var n = 0; n < 8; n++)
		callers += start (@"caller $n", () => assert (func.invoke_sync<int> () == 42));
	foreach (var caller in callers)
		caller.join ();
	assert (threads.length == 1);
}

void w4_context () throws Error {
	var context = new MainContext ();
	var stop = 0;
	unowned Thread<void*>? home = null;
	var thread = start ("home", () => {
		home = me ();
		context.push_thread_default ();
		while (AtomicInt.get (ref stop) == 0)
			context.iteration (true);
		context.pop_thread_default ();
	});
	foreach (var kind in new Kind[] { Kind.AT_ONCE, Kind.LATER, Kind.BLOCKING }) {
		var func = make (kind, (call) => {
			assert (me () == home);
			call.return_int (42);
		});
		func.executor = track (new SmartAsync.Executor.for_context (context));
		foreach (var cell in Cell.all ())
			assert (int_of (cell, func) == 42);
	}
	AtomicInt.set (ref stop, 1);
	context.wakeup ();
	thread.join ();
}

// One runs, four may wait, the sixth is one too many.
void check_pending (int n_more, out int n_busy, out int n_done) throws Error {
	var executor = track (new SmartAsync.Executor.pool ("w5", 1));
	executor.max_pending = 4;
	var gate = new Gate ();
	var func = blocking ((call) => {
		gate.wait ();
		call.return_none ();
	});
	func.executor = executor;
	var busy = 0;
	var done = 0;
	in_loop (() => {
		func.call_async.begin (null, null, null, () => done++);
		gate.wait_for_waiters (1);
		for (var n = 0; n < 4 + n_more; n++) {
			var future = func.callv ();
			if (future.status == REJECTED) {
				assert (caught (() => future.get_value (null)) is IOError.BUSY);
				busy++;
			} else {
				future.wait_async.begin (null, (source, result) => {
					assert (caught (() => ((SmartAsync.Future) source).wait_async.end (result)) == null);
					done++;
				});
			}
		}
		gate.open ();
	}, () => done + busy == 5 + n_more);
	n_busy = busy;
	n_done = done;
}

void w5_busy () throws Error {
	int n_busy, n_done;
	check_pending (3, out n_busy, out n_done);
	assert (n_busy == 3 && n_done == 5);
}

void w5_nothing_lost () throws Error {
	int n_busy, n_done;
	check_pending (0, out n_busy, out n_done);
	assert (n_busy == 0 && n_done == 5);
}

// Says where it was released.
class Token : Object {
	public static int n_alive;
	public static int n_elsewhere;
	public static unowned Thread<void*>? home;
	public static unowned Thread<void*>? last;

	public Token () {
		AtomicInt.inc (ref n_alive);
	}

	~Token () {
		last = Thread.self<void*> ();
		if (last != home)
			AtomicInt.inc (ref n_elsewhere);
		AtomicInt.add (ref n_alive, -1);
	}
}

async void call_with_tokens (SmartAsync.AsyncFunc func, int n_calls) throws Error {
	var n_left = n_calls;
	while (n_left > 0) {
		var futures = new GenericArray<SmartAsync.Future> ();
		for (var n = 0; n < 100 && n_left > 0; n++, n_left--)
			futures.add (func.callv (new Token (), { new Token () }));
		for (var n = 0; n < futures.length; n++) {
			yield futures[n].wait_async ();
			assert (futures[n].get<Token> () is Token);
		}
	}
}

void w6_at_home () throws Error {
	Token.home = me ();
	Token.n_elsewhere = 0;
	var func = SmartAsync.AsyncFunc.of_blocking<Token> ((call) => new Token ());
	in_loop_async ((cb) => call_with_tokens.begin (func, 20000, (owned) cb), (result) => call_with_tokens.end (result));
	var context = context_here ();
	wait_until (() => {
		context.iteration (false);
		return AtomicInt.get (ref Token.n_alive) == 0;
	});
	assert (Token.n_elsewhere == 0);
}

// The caller's thread is gone when the body ends.
void check_ended () throws Error {
	Token.home = null;
	var gate = new Gate ();
	unowned Thread<void*>? worker = null;
	var func = blocking ((call) => {
		worker = me ();
		gate.wait ();
		Value token = new Token ();
		call.return_value (token);
	});
	on_thread (() => {
		var context = new MainContext ();
		context.push_thread_default ();
		func.call_async.begin (new Token (), { new Token () }, null, null);
		gate.wait_for_waiters (1);
		context.pop_thread_default ();
	});
	Token.last = null;
	gate.open ();
	wait_until (() => AtomicInt.get (ref Token.n_alive) == 0);
	assert (Token.last == worker);
}

class Held {
	public static int n_alive;

	public Held () {
		AtomicInt.inc (ref n_alive);
	}

	~Held () {
		AtomicInt.add (ref n_alive, -1);
	}

	public bool use () {
		return true;
	}
}

// As user data there is what the delegate captures.
SmartAsync.AsyncFunc with_held (Gate? started, Gate? gate) {
	var held = new Held ();
	return SmartAsync.AsyncFunc.of_blocking<bool> ((call) => {
		if (gate != null) {
			started.open ();
			gate.wait ();
		}
		return held.use ();
	});
}

void w6_user_data () throws Error {
	var func = with_held (null, null);
	assert (Held.n_alive == 1);
	assert (func.invoke_sync<bool> ());
	assert (run_cell (Cell.A_ASYNC, func).ok && Held.n_alive == 1);
	func = null;
	assert (Held.n_alive == 0);

	// An abandoned body's worker holds it until the body ends.
	var started = new Gate ();
	var gate = new Gate ();
	var cancellable = new Cancellable ();
	func = with_held (started, gate);
	func.abandon_on_cancel = true;
	assert (run_cell (Cell.S_ASYNC, func, cancellable, () => {
		started.wait ();
		cancellable.cancel ();
	}).error is IOError.CANCELLED);
	func = null;
	assert (AtomicInt.get (ref Held.n_alive) == 1);
	gate.open ();
	wait_until (() => {
		context_here ().iteration (false);
		return AtomicInt.get (ref Held.n_alive) == 0;
	});
}

// After five seconds without work there is no thread of the shared pool any more.
void w7_idle_end () throws Error {
	assert (int_of (Cell.A_ASYNC, blocking ((call) => call.return_int (42))) == 42);
	beside_sleepers (40, () => {
		wait_until (() => stat ("threads") > 0);
		return 0;
	});
	wait_until (() => stat ("threads") == 0);
}

void w7_kept () throws Error {
	unowned Thread<void*>? first = null;
	unowned Thread<void*>? ran_on = null;
	var func = blocking ((call) => {
		ran_on = me ();
		call.return_none ();
	});
	func.executor = track (new SmartAsync.Executor.pool ("w7", 1));
	for (var n = 0; n < 3; n++) {
		func.call_sync ();
		if (n == 0)
			first = ran_on;
		assert (ran_on == first);
		SmartAsync.async_reset ();
		// What is idle in the shared pool ends meanwhile.
		wait_until (() => stat ("threads") == 0);
	}
}

void w7_exit () throws Error {
	var gate = new Gate ();
	var func = blocking ((call) => {
		gate.wait ();
		call.return_none ();
	});
	for (var n = 0; n < 40; n++)
		func.call_async.begin (null, null, null, () => assert_not_reached ());
	gate.wait_for_waiters (40);
	Process.exit (0);
}

// By that name it is one; what counts is the type's name.
class GtkWidget : Object {
}

void w9_refused () throws Error {
	var widget = track (new GtkWidget ());
	var n = 0;
	var func = blocking ((call) => {
		n++;
		call.return_int (42);
	});
	SmartAsync.Future? future = null;
	in_loop (() => future = func.callv (widget), () => future.status != PENDING);
	assert (caught (() => future.get_value (null)) is SmartAsync.Error.WRONG_THREAD && n == 0);
	assert (func.invoke_sync<int> (widget) == 42);
}

void w9_allowed () throws Error {
	var widget = track (new GtkWidget ());
	var func = blocking ((call) => call.return_int (42));
	func.thread_safe_source = true;
	SmartAsync.Future? future = null;
	in_loop (() => future = func.callv (widget), () => future.status != PENDING);
	assert (future.get<int> () == 42);
}

int main (string[] args) {
	Check.init (ref args);

	add ("W1.a", w1_starvation, true);
	add ("W1.b", w1_chain);
	add ("W2.a", w2_short);
	add ("W2.b", w2_file, true);
	add ("W3.a", w3_limit);
	add ("W3.b", w3_order);
	add ("W3.c", w3_no_worker_waits);
	add ("W3.d", w3_sync_waits);
	add ("W3.e", w3_descendants);
	add ("W4.a", w4_one_thread);
	add ("W4.b", w4_one_thread);
	add ("W4.c", w4_loop);
	add ("W4.d", w4_loop_shared);
	add ("W4.e", w4_context);
	add ("W5.a", w5_busy);
	add ("W5.b", w5_nothing_lost);
	add ("W6.a", w6_at_home, true);
	add ("W6.b", check_ended);
	add ("W6.c", check_ended);
	add ("W6.d", w6_user_data);
	add ("W7.a", w7_idle_end, true);
	add ("W7.b", w7_kept);
	add_subprocess ("W7.c", w7_exit);
	add ("W9.a", w9_refused);
	add ("W9.b", w9_allowed);

	return Check.run ();
}
