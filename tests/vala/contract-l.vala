// SPDX-License-Identifier: LGPL-2.1-or-later

// The contract's section L: one flight for all who ask for the same.

using Check;

// A lock, and a function that stays in the air until it is told to land, or until as many wait as
// there should be.
class Scene {
	public SmartAsync.Lock lock = track (new SmartAsync.Lock ());
	public SmartAsync.AsyncFunc func;
	public Gate land = new Gate ();
	public Gate begun = new Gate ();
	public uint expected;
	public int n_executions;
	public int n_ended;
	public Cancellable? own;
	Mutex own_lock;
	public SmartAsync.Future[] futures = {};

	public Scene (Kind kind, uint expected = 0) {
		this.expected = expected;
		func = make (kind, fly);
	}

	bool begun_on_worker;

	void fly (SmartAsync.Call call) {
		begun_on_worker = call.get_context () == null;
		var number = AtomicInt.add (ref n_executions, 1) + 1;
		// Bodies of several keys begin side by side.
		own_lock.lock ();
		own = call.get_cancellable ();
		own_lock.unlock ();
		begun.open ();
		if (call.get_context () == null) {
			if (expected > 0)
				wait_until (() => lock.n_waiters >= expected);
			else
				land.wait ();
			finish (call, number);
		} else {
			call.add_timeout (1, () => {
				if (expected > 0 ? lock.n_waiters < expected : !land.is_open)
					return Source.CONTINUE;
				finish (call, number);
				return Source.REMOVE;
			});
		}
	}

	// 42 for the first execution, 43 for the second, …
	void finish (SmartAsync.Call call, int number) {
		if (!call.return_error_if_cancelled ())
			call.return_int (41 + number);
		AtomicInt.inc (ref n_ended);
	}

	// Who asked has gone, and so have those who flew.
	public bool all_landed () {
		return all_settled () && lock.n_flights == 0
			&& (begun_on_worker || AtomicInt.get (ref n_ended) == AtomicInt.get (ref n_executions));
	}

	public SmartAsync.Future ask (string? key = "key", Cancellable? cancellable = null) {
		var future = track (lock.run_once (key, func, null, null, cancellable));
		futures += future;
		// So that a loop is woken where another thread lands the flight.
		future.wait_async.begin (null, () => {});
		return future;
	}

	public bool all_settled () {
		foreach (var future in futures)
			if (future.status == PENDING)
				return false;
		return true;
	}
}

Error? error_of (SmartAsync.Future future) {
	return caught (() => future.get_value (null));
}

void check_one_thread (Kind kind, uint n) throws Error {
	var scene = new Scene (kind, n);
	in_loop (() => {
		for (var i = 0; i < n; i++)
			scene.ask ();
	}, scene.all_settled);
	foreach (var future in scene.futures)
		assert (future.get<int> () == 42);
	assert (scene.n_executions == 1);
}

void l1_one_thread () throws Error {
	check_one_thread (AT_ONCE, 10);
	check_one_thread (BLOCKING, 10);
}

void check_threads (Kind kind, uint n, uint n_async) throws Error {
	var scene = new Scene (kind, n + n_async);
	Thread<bool>[] threads = {};
	for (var i = 0; i < n; i++)
		threads += start (@"caller $i", () => {
			assert (scene.lock.invoke_once_sync<int> ("key", scene.func) == 42);
		});
	if (n_async > 0) {
		in_loop (() => {
			for (var i = 0; i < n_async; i++)
				scene.ask ();
		}, scene.all_settled);
	}
	foreach (var thread in threads)
		thread.join ();
	foreach (var future in scene.futures)
		assert (future.get<int> () == 42);
	assert (scene.n_executions == 1);
}

void l1_threads () throws Error {
	check_threads (AT_ONCE, 8, 0);
	check_threads (BLOCKING, 8, 0);
}

void l1_mixed () throws Error {
	check_threads (AT_ONCE, 4, 4);
	check_threads (BLOCKING, 4, 4);
}

void l1_one_execution () throws Error {
	check_one_thread (AT_ONCE, 5);
	check_threads (BLOCKING, 5, 5);
}

void l1_own_results () throws Error {
	var lock = new SmartAsync.Lock ();
	var gate = new Gate ();
	SmartAsync.AsyncFunc? func = SmartAsync.AsyncFunc.of_blocking<string> ((call) => {
		gate.wait ();
		return "Grüße";
	});
	SmartAsync.AsyncFunc? object_func = SmartAsync.AsyncFunc.of_blocking<Object> ((call) => {
		gate.wait ();
		return new Object ();
	});
	SmartAsync.Future[] futures = {};
	in_loop (() => {
		for (var n = 0; n < 2; n++)
			futures += lock.run_once ("text", func);
		for (var n = 0; n < 2; n++)
			futures += lock.run_once ("object", object_func);
		gate.open ();
	}, () => futures[1].status != PENDING && futures[3].status != PENDING);
	var text = futures[0].get<string> ();
	text.data[0] = 'g';
	assert (text == "grüße" && futures[1].get<string> () == "Grüße");
	assert (futures[2].get<Object> () == futures[3].get<Object> ());
	// The bodies' closures know them.
	func = null;
	object_func = null;
	futures = null;
}

void l1_thousand () throws Error {
	check_one_thread (AT_ONCE, 1000);
	check_one_thread (BLOCKING, 1000);
}

void l1_function_waits () throws Error {
	var scene = new Scene (BLOCKING, 3);
	in_loop (() => {
		scene.ask ();
		scene.ask ();
		assert (scene.lock.n_waiters == 2);
		scene.begun.wait ();
		assert (!scene.all_settled ());
		scene.ask ();
	}, scene.all_settled);
	assert (scene.futures[0].get<int> () == 42 && scene.n_executions == 1);
}

void l2_again () throws Error {
	foreach (var kind in Kind.all ()) {
		var n = 0;
		var func = make (kind, (call) => call.return_int (++n));
		var lock = new SmartAsync.Lock ();
		assert (lock.invoke_once_sync<int> ("key", func) == 1);
		assert (lock.invoke_once_sync<int> ("key", func) == 2);
		assert (lock.run_once (null, func).get<int> () == 3);
	}
}

void check_errors (Scene scene, SmartAsync.AsyncFunc failing) throws Error {
	SmartAsync.Future[] futures = {};
	in_loop (() => {
		for (var n = 0; n < 5; n++)
			futures += scene.lock.run_once ("key", failing);
		scene.land.open ();
	}, () => futures[4].status != PENDING);
	foreach (var future in futures)
		assert (error_of (future) is IOError.NOT_FOUND && error_of (future).message == "shared");
}

void l2_error_shared () throws Error {
	var scene = new Scene (BLOCKING);
	var n = 0;
	check_errors (scene, blocking ((call) => {
		scene.land.wait ();
		n++;
		call.return_error (new IOError.NOT_FOUND ("shared"));
	}));
	assert (n == 1);
}

void l2_error_not_kept () throws Error {
	var lock = new SmartAsync.Lock ();
	var fails = true;
	var func = blocking ((call) => {
		if (fails)
			call.return_error (new IOError.NOT_FOUND ("once"));
		else
			call.return_int (42);
	});
	assert (caught (() => lock.run_once_sync ("key", func)) is IOError.NOT_FOUND);
	fails = false;
	assert (lock.invoke_once_sync<int> ("key", func) == 42);
}

void check_leaving (int who) throws Error {
	foreach (var kind in new Kind[] { Kind.AT_ONCE, Kind.BLOCKING }) {
		var scene = new Scene (kind);
		var cancellable = new Cancellable ();
		in_loop (() => {
			for (var n = 0; n < 3; n++)
				scene.ask ("key", n == who ? cancellable : null);
			scene.begun.wait ();
			cancellable.cancel ();
			assert (!scene.own.is_cancelled ());
			iterate_until (MainContext.current_source ().get_context (), () => scene.futures[who].status != PENDING);
			assert (error_of (scene.futures[who]) is IOError.CANCELLED);
			assert (scene.lock.n_waiters == 2 && scene.lock.n_flights == 1);
			scene.land.open ();
		}, scene.all_settled);
		for (var n = 0; n < 3; n++)
			assert (n == who || scene.futures[n].get<int> () == 42);
		assert (scene.n_executions == 1);
	}
}

void l3_waiter () throws Error {
	check_leaving (1);
}

void l3_first () throws Error {
	check_leaving (0);
}

// A first caller in S runs the flight itself: to its end.
void l3_first_in_s () throws Error {
	foreach (var kind in new Kind[] { Kind.AT_ONCE, Kind.BLOCKING }) {
		var scene = new Scene (kind);
		var cancellable = new Cancellable ();
		SmartAsync.Future? other = null;
		var thread = start ("other", () => {
			scene.begun.wait ();
			in_loop (() => {
				other = scene.ask ();
				cancellable.cancel ();
				assert (!scene.own.is_cancelled ());
				scene.land.open ();
			}, () => other.status != PENDING);
		});
		assert (caught (() => scene.lock.run_once_sync ("key", scene.func, null, null, cancellable)) is IOError.CANCELLED);
		assert (scene.land.is_open);
		thread.join ();
		assert (other.get<int> () == 42 && scene.n_executions == 1);
	}
}

void l3_last () throws Error {
	foreach (var kind in new Kind[] { Kind.AT_ONCE, Kind.BLOCKING }) {
		var scene = new Scene (kind);
		var cancellable = new Cancellable ();
		in_loop (() => {
			scene.ask ("key", cancellable);
			scene.ask ("key", cancellable);
			scene.begun.wait ();
			assert (!scene.own.is_cancelled ());
			cancellable.cancel ();
			iterate_until (MainContext.current_source ().get_context (), () => scene.own.is_cancelled ());
			scene.land.open ();
		}, scene.all_landed);
		foreach (var future in scene.futures)
			assert (error_of (future) is IOError.CANCELLED);
	}
}

delegate void End (Scene scene, Cancellable cancellable);

// A flight that has lost its passengers, or its key, still in the air.
void check_newcomer (owned End end) throws Error {
	var scene = new Scene (BLOCKING);
	var cancellable = new Cancellable ();
	in_loop (() => {
		var old = scene.ask ("key", cancellable);
		scene.begun.wait ();
		end (scene, cancellable);
		var fresh = scene.ask ();
		wait_until (() => AtomicInt.get (ref scene.n_executions) == 2);
		assert (fresh.status == PENDING);
		assert (old != fresh);
		scene.land.open ();
	}, () => scene.all_settled () && scene.lock.n_flights == 0);
	assert (scene.futures[1].get<int> () >= 42 && scene.n_executions == 2);
}

void l4_cancelled () throws Error {
	check_newcomer ((scene, cancellable) => cancellable.cancel ());
}

void l4_forgotten () throws Error {
	check_newcomer ((scene, cancellable) => scene.lock.forget ("key"));
}

void l4_reset () throws Error {
	check_newcomer ((scene, cancellable) => scene.lock.reset ());
}

// Newcomers and leavers at random, against a live one.
void l4_never_second () throws Error {
	for (var round = 0; round < 20; round++) {
		var scene = new Scene (BLOCKING);
		in_loop (() => {
			var live = scene.ask ();
			scene.begun.wait ();
			for (var n = 0; n < 20; n++) {
				var cancellable = new Cancellable ();
				scene.ask ("key", cancellable);
				if (n % 2 == 0)
					cancellable.cancel ();
			}
			assert (live.status == PENDING && scene.n_executions == 1);
			scene.land.open ();
		}, scene.all_settled);
		assert (scene.futures[0].get<int> () == 42 && scene.n_executions == 1);
	}
}

void l5_keys () throws Error {
	var scene = new Scene (BLOCKING);
	in_loop (() => {
		foreach (var key in new string?[] { "a", "b", null, "", "a", null })
			scene.ask (key);
		assert (scene.lock.n_flights == 4);
		wait_until (() => AtomicInt.get (ref scene.n_executions) == 4);
		scene.land.open ();
	}, scene.all_settled);
	assert (scene.n_executions == 4);
	assert (scene.futures[0].get<int> () == scene.futures[4].get<int> ());
	assert (scene.futures[2].get<int> () == scene.futures[5].get<int> ());
}

void l5_forget () throws Error {
	var scene = new Scene (BLOCKING);
	in_loop (() => {
		scene.ask ();
		scene.begun.wait ();
		scene.lock.forget ("key");
		assert (!scene.own.is_cancelled ());
		scene.ask ();
		wait_until (() => AtomicInt.get (ref scene.n_executions) == 2);
		assert (!scene.all_settled () && scene.lock.n_flights == 2);
		scene.land.open ();
	}, scene.all_settled);
	assert (scene.futures[0].get<int> () == 42 && scene.futures[1].get<int> () == 43);
}

void l5_no_trace () throws Error {
	var lock = new SmartAsync.Lock ();
	var freed = 0;
	for (var n = 0; n < 100; n++) {
		var func = new SmartAsync.AsyncFunc.blocking ((call) => call.return_int (1));
		func.weak_ref (() => freed++);
		assert (lock.invoke_once_sync<int> (@"key $n", func) == 1);
	}
	assert (lock.n_flights == 0 && lock.n_waiters == 0 && freed == 100);
}

void l6_reset () throws Error {
	foreach (var kind in new Kind[] { Kind.AT_ONCE, Kind.BLOCKING }) {
		var scene = new Scene (kind);
		Error? in_sync = null;
		var thread = start ("waiter", () => {
			scene.begun.wait ();
			in_sync = caught (() => scene.lock.run_once_sync ("key", scene.func));
		});
		in_loop (() => {
			scene.ask ();
			scene.ask ();
			wait_until (() => scene.lock.n_waiters == 3);
			scene.lock.reset ();
			iterate_until (MainContext.current_source ().get_context (), scene.all_settled);
			scene.land.open ();
		}, scene.all_landed);
		thread.join ();
		foreach (var future in scene.futures)
			assert (error_of (future) is IOError.CANCELLED);
		assert (in_sync is IOError.CANCELLED);
	}
}

void l6_cancels () throws Error {
	foreach (var kind in new Kind[] { Kind.AT_ONCE, Kind.BLOCKING }) {
		var scene = new Scene (kind);
		in_loop (() => {
			scene.ask ();
			scene.begun.wait ();
			assert (!scene.own.is_cancelled ());
			scene.lock.reset ();
			assert (scene.own.is_cancelled ());
			scene.land.open ();
		}, scene.all_landed);
	}
}

void l6_usable () throws Error {
	var scene = new Scene (BLOCKING);
	var quick = blocking ((call) => call.return_int (7));
	in_loop (() => {
		scene.ask ();
		scene.begun.wait ();
		scene.lock.reset ();
		assert (scene.lock.invoke_once_sync<int> ("key", quick) == 7);
		scene.land.open ();
	}, () => scene.all_settled () && scene.lock.n_flights == 0);
}

class Recursion {
	public SmartAsync.Lock lock = track (new SmartAsync.Lock ());
	public SmartAsync.AsyncFunc? func;
	public Error? error;

	// Asks for itself.
	public void ask () {
		error = caught (() => lock.run_once_sync ("key", func));
	}

	public void check (owned Act act) throws Error {
		foreach (var kind in new Kind[] { Kind.AT_ONCE, Kind.LATER, Kind.BLOCKING }) {
			foreach (var in_a in new bool[] { false, true }) {
				error = null;
				func = make (kind, (call) => act (call));
				if (in_a) {
					SmartAsync.Future? future = null;
					in_loop (() => future = lock.run_once ("key", func), () => future.status != PENDING);
					assert (future.get<int> () == 1);
				} else {
					assert (lock.invoke_once_sync<int> ("key", func) == 1);
				}
				assert (error is SmartAsync.Error.RECURSION);
			}
		}
		func = null;
	}
}

void l7_itself () throws Error {
	var it = new Recursion ();
	it.check ((call) => {
		// After a suspension the body says whose call goes on.
		var entered = SmartAsync.Call.get_current () == null;
		if (entered)
			call.enter ();
		it.ask ();
		if (entered)
			call.leave ();
		call.return_int (1);
	});
}

void l7_nested () throws Error {
	var it = new Recursion ();
	var between = blocking ((call) => {
		it.ask ();
		call.return_none ();
	});
	it.check ((call) => {
		call.enter ();
		assert (caught (() => between.call_sync ()) == null);
		call.leave ();
		call.return_int (1);
	});
}

void l7_continuation () throws Error {
	var it = new Recursion ();
	var func = at_once ((call) => {
		call.return_future (new SmartAsync.Future.for_value (0).then ((inner, settled) => {
			it.ask ();
			inner.return_int (1);
		}));
	});
	it.func = func;
	SmartAsync.Future? future = null;
	in_loop (() => future = it.lock.run_once ("key", func), () => future.status != PENDING);
	assert (future.get<int> () == 1 && it.error is SmartAsync.Error.RECURSION);
	it.func = null;
}

async int ask_after_yield (Recursion it, SmartAsync.Call call) throws Error {
	call.add_timeout (1, ask_after_yield.callback);
	yield;
	call.enter ();
	it.ask ();
	call.leave ();
	return 1;
}

void l7_after_enter () throws Error {
	foreach (var in_a in new bool[] { false, true }) {
		var it = new Recursion ();
		it.func = SmartAsync.AsyncFunc.of_async<int> ((call, cb) => ask_after_yield.begin (it, call, (owned) cb), (result) => ask_after_yield.end (result));
		if (in_a) {
			SmartAsync.Future? future = null;
			in_loop (() => future = it.lock.run_once ("key", it.func), () => future.status != PENDING);
			assert (future.get<int> () == 1);
		} else {
			assert (it.lock.invoke_once_sync<int> ("key", it.func) == 1);
		}
		assert (it.error is SmartAsync.Error.RECURSION);
		it.func = null;
	}
}

void l8_in_s () throws Error {
	foreach (var kind in Kind.all ()) {
		var func = make (kind, (call) => call.return_int (42));
		var lock = new SmartAsync.Lock ();
		var future = lock.run_once ("key", func);
		assert (future.status == RESOLVED && future.get<int> () == 42);
		assert (lock.invoke_once_sync<int> ("key", func) == 42);
	}
}

async void ask_in_a (SmartAsync.Lock lock, SmartAsync.AsyncFunc func) throws Error {
	var future = lock.run_once ("key", func);
	yield future.wait_async ();
	assert (future.get<int> () == 42);
	assert (yield lock.run_once_async ("key", func));
	assert ((yield lock.invoke_once_async<int> ("key", func)) == 42);
}

void l8_in_a () throws Error {
	foreach (var kind in new Kind[] { Kind.LATER, Kind.BLOCKING }) {
		var func = make (kind, (call) => call.return_int (42));
		var lock = new SmartAsync.Lock ();
		in_loop_async ((cb) => ask_in_a.begin (lock, func, (owned) cb), (result) => ask_in_a.end (result));
	}
}

void l8_pending () throws Error {
	var scene = new Scene (BLOCKING);
	in_loop (() => {
		assert (scene.ask ().status == PENDING);
		scene.land.open ();
	}, scene.all_settled);
	assert (scene.futures[0].get<int> () == 42);
}

void l8_threads () throws Error {
	check_threads (BLOCKING, 8, 0);
}

// Loops on threads of their own share one flight, and each is told in its own context.
void l8_loops () throws Error {
	var scene = new Scene (BLOCKING, 4);
	Thread<bool>[] threads = {};
	for (var n = 0; n < 4; n++)
		threads += start (@"loop $n", () => {
			unowned Thread<void*> here = Thread.self<void*> ();
			var told = false;
			in_loop (() => scene.lock.run_once_async.begin ("key", scene.func, null, null, null, (source, result) => {
				assert (Thread.self<void*> () == here);
				Value value = 0;
				assert (caught (() => scene.lock.run_once_async.end (result, out value)) == null);
				assert (value.get_int () == 42);
				told = true;
			}), () => told);
		});
	foreach (var thread in threads)
		thread.join ();
	assert (scene.n_executions == 1);
}

void l8_both () throws Error {
	check_threads (AT_ONCE, 3, 3);
	check_threads (BLOCKING, 3, 3);
}

// calls, executions, waiters, flights, before, within and after
void check_counts () throws Error {
	var scene = new Scene (BLOCKING);
	var lock = scene.lock;
	assert (lock.n_calls == 0 && lock.n_executions == 0 && lock.n_waiters == 0 && lock.n_flights == 0);
	var cancellable = new Cancellable ();
	in_loop (() => {
		for (var n = 0; n < 5; n++)
			scene.ask ("a", n == 4 ? cancellable : null);
		scene.ask ("b");
		assert (lock.n_calls == 6 && lock.n_waiters == 6 && lock.n_flights == 2);
		wait_until (() => lock.n_executions == 2);
		cancellable.cancel ();
		assert (lock.n_waiters == 5);
		scene.land.open ();
	}, () => scene.all_settled () && lock.n_flights == 0);
	assert (lock.n_calls == 6 && lock.n_executions == 2 && lock.n_waiters == 0);
	scene.ask ("a");
	assert (lock.n_calls == 7 && lock.n_executions == 3 && lock.n_waiters == 0 && lock.n_flights == 0);
}

int main (string[] args) {
	Check.init (ref args);

	add ("L1.a", l1_one_thread);
	add ("L1.b", l1_threads);
	add ("L1.c", l1_mixed);
	add ("L1.d", l1_one_execution);
	add ("L1.e", l1_own_results);
	add ("L1.f", l1_thousand, true);
	add ("L1.g", l1_function_waits);
	add ("L2.a", l2_again);
	add ("L2.b", l2_error_shared);
	add ("L2.c", l2_error_not_kept);
	add ("L3.a", l3_waiter);
	add ("L3.b", l3_first);
	add ("L3.c", l3_first_in_s);
	add ("L3.d", l3_last);
	add ("L4.a", l4_cancelled);
	add ("L4.b", l4_forgotten);
	add ("L4.c", l4_reset);
	add ("L4.d", l4_never_second);
	add ("L5.a", l5_keys);
	add ("L5.b", l5_forget);
	add ("L5.c", l5_no_trace);
	add ("L6.a", l6_reset);
	add ("L6.b", l6_cancels);
	add ("L6.c", l6_usable);
	add ("L7.a", l7_itself);
	add ("L7.b", l7_nested);
	add ("L7.c", l7_continuation);
	add ("L7.d", l7_after_enter);
	add ("L8.a", l8_in_s);
	add ("L8.b", l8_in_a);
	add ("L8.b/pending", l8_pending);
	add ("L8.c", l8_threads);
	add ("L8.d", l8_loops);
	add ("L8.e", l8_both);
	add ("L9.a", check_counts);
	add ("L9.b", check_counts);
	add ("L9.c", check_counts);
	add ("L9.d", check_counts);

	return Check.run ();
}
