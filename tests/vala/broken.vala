// SPDX-License-Identifier: LGPL-2.1-or-later

// A program whose assertion fails, in the callback that its argument names, or that leaves
// something behind. The wrapper test-broken sees to it that each of them fails the test.

using Check;

void in_scenario () throws Error {
	assert (1 + 1 == 3);
}

void in_thrown_error () throws Error {
	throw new IOError.FAILED ("broken on purpose");
}

void in_blocking_body () throws Error {
	blocking ((call) => assert (1 + 1 == 3)).call_sync ();
}

void in_worker () throws Error {
	run_cell (Cell.A_ASYNC, blocking ((call) => assert (1 + 1 == 3)));
}

void in_async_body () throws Error {
	run_cell (Cell.S_SYNC, later ((call) => assert (1 + 1 == 3)));
}

async void broken_method () throws Error {
	yield SmartAsync.offload<bool> (() => true);
	assert (1 + 1 == 3);
}

void in_async_method () throws Error {
	in_loop_async ((cb) => broken_method.begin ((owned) cb), (result) => broken_method.end (result));
}

async void throwing_method () throws Error {
	yield SmartAsync.offload<bool> (() => { throw new IOError.FAILED ("broken on purpose"); });
}

void in_offloaded_work () throws Error {
	in_loop_async ((cb) => throwing_method.begin ((owned) cb), (result) => throwing_method.end (result));
}

void in_ready_callback () throws Error {
	var func = blocking ((call) => call.return_int (42));
	var n = 0;
	in_loop (() => func.call_async.begin (null, null, null, () => {
		assert (1 + 1 == 3);
		n++;
	}), () => n > 0);
}

void in_continuation () throws Error {
	var n = 0;
	in_loop (() => blocking ((call) => call.return_int (42)).callv ().then ((call, settled) => {
		assert (1 + 1 == 3);
		n++;
	}), () => n > 0);
}

void in_notify () throws Error {
	var future = new SmartAsync.Future ();
	future.add_notify (() => assert (1 + 1 == 3));
	future.resolve (42);
}

void in_progress () throws Error {
	SmartAsync.Future? future = null;
	var connected = new Gate ();
	in_loop (() => {
		future = blocking ((call) => {
			connected.wait ();
			call.report_progress (1);
			call.return_none ();
		}).callv ();
		future.notify["progress"].connect (() => assert (1 + 1 == 3));
		connected.open ();
	}, () => future.status != PENDING);
}

void in_thread () throws Error {
	start ("thread", () => { throw new IOError.FAILED ("broken on purpose"); }).join ();
}

// What is left behind.

GenericArray<void*> kept;
GenericArray<MainContext> kept_contexts;

void leaves_nothing () throws Error {
	assert (blocking ((call) => call.return_int (42)).invoke_sync<int> () == 42);
}

void leaves_objects () throws Error {
	kept.add (track (new SmartAsync.Lock ()).@ref ());
}

void leaves_contexts () throws Error {
	kept_contexts.add (new MainContext ());
}

// One that the library knows.
void leaves_inboxes () throws Error {
	var context = new MainContext ();
	context.push_thread_default ();
	later ((call) => call.return_none ()).call_async.begin ();
	context.pop_thread_default ();
	kept_contexts.add (context);
}

void leaves_threads () throws Error {
	var gate = new Gate ();
	start ("kept", () => gate.wait_for (int64.MAX / 2));
}

int main (string[] args) {
	kept = new GenericArray<void*> ();
	kept_contexts = new GenericArray<MainContext> ();
	Check.init (ref args);

	add_main ("scenario", in_scenario);
	add_main ("thrown-error", in_thrown_error);
	add_main ("blocking-body", in_blocking_body);
	add_main ("worker", in_worker);
	add_main ("async-body", in_async_body);
	add_main ("async-method", in_async_method);
	add_main ("offloaded-work", in_offloaded_work);
	add_main ("ready-callback", in_ready_callback);
	add_main ("continuation", in_continuation);
	add_main ("notify", in_notify);
	add_main ("progress", in_progress);
	add_main ("thread", in_thread);
	if (leaks_wanted ()) {
		patience = TimeSpan.SECOND / 5;
		add ("leaves-nothing", leaves_nothing);
		add ("leaves-objects", leaves_objects);
		add ("leaves-contexts", leaves_contexts);
		add ("leaves-inboxes", leaves_inboxes, true);
		add ("leaves-threads", leaves_threads, true);
	}

	return Check.run ();
}
