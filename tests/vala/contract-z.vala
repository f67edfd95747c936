// SPDX-License-Identifier: LGPL-2.1-or-later

// The contract's section Z, but Z1, which every program tests of its own scenarios where
// SMART_TEST_LEAKS is set: the process ends in any state without a warning.

using Check;

// More than the shared pool's first threads and GTask's.
const int N_MANY = 40;

// What is alive at the end is left alone, as a program does that just ends.
GenericArray<Object> kept;
GenericArray<Gate> gates;

T keep<T> (T object) {
	kept.add ((Object) object);
	return object;
}

Gate keep_gate () {
	var gate = new Gate ();
	gates.add (gate);
	return gate;
}

SmartAsync.AsyncFunc never_returning () {
	return keep (at_once ((call) => kept.add (call)));
}

SmartAsync.AsyncFunc staying (Gate gate) {
	return keep (blocking ((call) => {
		gate.wait ();
		call.return_none ();
	}));
}

void end_loaded () throws Error {
}

void end_types () throws Error {
	typeof (SmartAsync.AsyncFunc).ensure ();
	typeof (SmartAsync.Call).ensure ();
	typeof (SmartAsync.Future).ensure ();
	typeof (SmartAsync.Lock).ensure ();
	typeof (SmartAsync.Executor).ensure ();
}

void use () throws Error {
	foreach (var kind in Kind.all ())
		foreach (var cell in Cell.all ())
			assert (int_of (cell, make (kind, (call) => call.return_int (42))) == 42);
}

async void use_idioms_async () throws Error {
	assert ((yield SmartAsync.offload<int> (() => 42)) == 42);
}

void use_idioms () throws Error {
	in_loop_async ((cb) => use_idioms_async.begin ((owned) cb), (result) => use_idioms_async.end (result));
	assert (SmartAsync.run_sync<bool> ((cb) => use_idioms_async.begin ((owned) cb), (result) => {
		use_idioms_async.end (result);
		return true;
	}));
}

void use_and_reset () throws Error {
	use ();
	SmartAsync.async_reset ();
	use ();
}

void use_on_threads () throws Error {
	for (var n = 0; n < 8; n++)
		on_thread (() => {
			foreach (var kind in Kind.all ())
				assert (make (kind, (call) => call.return_int (42)).invoke_sync<int> () == 42);
		});
}

void end_pending () throws Error {
	never_returning ().call_async.begin ();
}

void end_pending_in_loop () throws Error {
	in_loop (() => {
		var future = keep (never_returning ().callv ());
		keep (future.then ((call, settled) => assert_not_reached ()));
		future.wait_async.begin (null, () => assert_not_reached ());
		SmartAsync.offload.begin<int> (() => 42);
	});
}

void end_undelivered () throws Error {
	keep (at_once ((call) => call.return_int (42))).call_async.begin ();
}

void end_workers_blocked () throws Error {
	var gate = keep_gate ();
	var func = staying (gate);
	for (var n = 0; n < N_MANY; n++)
		func.call_async.begin ();
	gate.wait_for_waiters (N_MANY);
}

void end_queued () throws Error {
	var gate = keep_gate ();
	var func = staying (gate);
	for (var n = 0; n < N_MANY; n++)
		func.call_async.begin ();
	gate.wait_for_waiters (1);
}

void end_cancelled () throws Error {
	var cancellable = new Cancellable ();
	var gate = keep_gate ();
	staying (gate).call_async.begin (null, null, cancellable);
	gate.wait_for_waiters (1);
	cancellable.cancel ();
}

void end_abandoned () throws Error {
	var func = staying (keep_gate ());
	func.timeout = 1;
	assert (caught (() => func.call_sync ()) is IOError.TIMED_OUT);
}

void end_waiting () throws Error {
	var future = keep (new SmartAsync.Future ());
	start ("waiter", () => future.wait ());
	wait_until (() => SmartAsync.async_dump_waits () != "");
}

void end_in_sync_call () throws Error {
	var begun = keep_gate ();
	var func = keep (at_once ((call) => {
		kept.add (call);
		begun.open ();
	}));
	start ("caller", () => func.call_sync ());
	begun.wait ();
}

void end_with_modes () throws Error {
	SmartAsync.context_push_mode (ASYNC);
	SmartAsync.context_push_mode (SYNC);
}

void end_in_flight () throws Error {
	var lock = keep (new SmartAsync.Lock ());
	var gate = keep_gate ();
	in_loop (() => {
		for (var n = 0; n < 5; n++)
			keep (lock.run_once ("key", staying (gate)));
	});
}

void exit_in_body () throws Error {
	blocking ((call) => Process.exit (0)).call_sync ();
}

void exit_in_private_context () throws Error {
	later ((call) => Process.exit (0)).call_sync ();
}

void exit_on_worker () throws Error {
	in_loop (() => keep (blocking ((call) => Process.exit (0))).call_async.begin (), () => false);
}

void exit_in_continuation () throws Error {
	in_loop (() => keep (later ((call) => call.return_none ()).callv ().then ((call, settled) => Process.exit (0))), () => false);
}

void exit_in_callback () throws Error {
	in_loop (() => SmartAsync.offload.begin<int> (() => 42, null, null, () => Process.exit (0)), () => false);
}

void exit_in_run_sync () throws Error {
	SmartAsync.run_sync<bool> ((cb) => exit_later.begin ((owned) cb), (result) => {
		exit_later.end (result);
		return true;
	});
}

async void exit_later () throws Error {
	yield SmartAsync.offload<bool> (() => true);
	Process.exit (0);
}

int main (string[] args) {
	kept = new GenericArray<Object> ();
	gates = new GenericArray<Gate> ();
	Environment.set_variable ("G_DEBUG", "fatal-warnings", true);
	Check.init (ref args);

	add_subprocess ("Z2.a/loaded", end_loaded);
	add_subprocess ("Z2.a/types", end_types);
	add_subprocess ("Z2.b/cells", use);
	add_subprocess ("Z2.b/idioms", use_idioms);
	add_subprocess ("Z2.b/reset", use_and_reset);
	add_subprocess ("Z2.b/threads", use_on_threads);
	add_subprocess ("Z2.c/pending", end_pending);
	add_subprocess ("Z2.c/pending-in-loop", end_pending_in_loop);
	add_subprocess ("Z2.c/undelivered", end_undelivered);
	add_subprocess ("Z2.c/workers-blocked", end_workers_blocked);
	add_subprocess ("Z2.c/queued", end_queued);
	add_subprocess ("Z2.c/cancelled", end_cancelled);
	add_subprocess ("Z2.c/abandoned", end_abandoned);
	add_subprocess ("Z2.c/waiting", end_waiting);
	add_subprocess ("Z2.c/sync-call", end_in_sync_call);
	add_subprocess ("Z2.c/modes", end_with_modes);
	add_subprocess ("Z2.c/in-flight", end_in_flight);
	add_subprocess ("Z2.c/exit-in-body", exit_in_body);
	add_subprocess ("Z2.c/exit-in-private-context", exit_in_private_context);
	add_subprocess ("Z2.c/exit-on-worker", exit_on_worker);
	add_subprocess ("Z2.c/exit-in-continuation", exit_in_continuation);
	add_subprocess ("Z2.c/exit-in-callback", exit_in_callback);
	add_subprocess ("Z2.c/exit-in-run-sync", exit_in_run_sync);

	return Check.run ();
}
