// SPDX-License-Identifier: LGPL-2.1-or-later

// The contract's section E: errors, cancellation, deadlines.

using Check;

const uint DEADLINE_MSEC = 20;

unowned Thread<void*> me () {
	return Thread.self<void*> ();
}

bool is_current (SmartAsync.Call call) {
	return SmartAsync.Call.get_current () == call && Cancellable.get_current () == call.get_cancellable ();
}

bool nobody_is_current () {
	return SmartAsync.Call.get_current () == null && Cancellable.get_current () == null;
}

// A call that is held while the test does something to it: its body announces itself, and returns
// when it is released.
class Held {
	public Gate started = new Gate ();
	public Gate release = new Gate ();
	public Gate ended = new Gate ();
	public Cancellable cancellable = track (new Cancellable ());
	public Cancellable? own;
	public SmartAsync.Call? call;
	public int released;
	public bool saw;

	public SmartAsync.AsyncFunc func (bool blocking) {
		return make (blocking ? Kind.BLOCKING : Kind.AT_ONCE, (call) => {
			own = call.get_cancellable ();
			if (!blocking)
				this.call = call;
			started.open ();
			if (blocking) {
				release.wait ();
				finish (call);
			}
		});
	}

	void finish (SmartAsync.Call call) {
		AtomicInt.set (ref released, 1);
		call.return_int (7);
		ended.open ();
	}

	// From another thread than the call's: lets the body return.
	public void let_go () {
		if (call == null) {
			release.open ();
			return;
		}
		invoke (call.get_context (), () => {
			finish (call);
			call = null;
		});
	}

	// After the caller has been let go alone.
	public void end () {
		if (call != null) {
			finish (call);
			call = null;
		} else {
			release.open ();
		}
		ended.wait ();
		wait_until (() => stat ("tickets") == 0);
	}

	public void cancel_and_look (int64 takes) {
		started.wait ();
		assert (own != null && !own.is_cancelled ());
		cancellable.cancel ();
		saw = own.is_cancelled ();
		ended.wait_for (takes);
		let_go ();
	}
}

void e1_error () throws Error {
	foreach (var kind in Kind.all ()) {
		var func = make (kind, (call) => call.return_error (new FileError.NOENT ("Grüße, 100 %%s")));
		foreach (var cell in Cell.all ()) {
			var outcome = run_cell (cell, func);
			assert (outcome.error is FileError.NOENT && outcome.error.message == "Grüße, 100 %%s");
		}
	}
	// What a body throws.
	SmartAsync.AsyncFunc[] throwing = {
		SmartAsync.AsyncFunc.of_blocking<int> ((call) => { throw new FileError.NOENT ("Grüße"); }),
		SmartAsync.AsyncFunc.of_async<int> ((call, cb) => throw_later.begin (call, (owned) cb), (result) => throw_later.end (result)),
		SmartAsync.AsyncFunc.of_dual<int> ((call, cb) => throw_later.begin (call, (owned) cb), (result) => throw_later.end (result),
		                                   (call) => { throw new FileError.NOENT ("Grüße"); })
	};
	foreach (var func in throwing) {
		foreach (var cell in Cell.all ()) {
			var outcome = run_cell (cell, func);
			assert (outcome.error is FileError.NOENT && outcome.error.message == "Grüße");
		}
	}
}

async int throw_later (SmartAsync.Call call) throws Error {
	call.add_timeout (1, throw_later.callback);
	yield;
	throw new FileError.NOENT ("Grüße");
}

void e2_at_once () throws Error {
	var cancellable = new Cancellable ();
	cancellable.cancel ();
	foreach (var kind in Kind.all ()) {
		var func = make (kind, (call) => call.return_int (7));
		foreach (var cell in Cell.all ())
			assert (run_cell (cell, func, cancellable).error is IOError.CANCELLED);
		Scenario settled = () => {
			var future = func.callv (null, null, cancellable);
			assert (future.status == REJECTED);
			assert (caught (() => future.get_value (null)) is IOError.CANCELLED);
		};
		settled ();
		in_loop (settled);
	}
}

void e2_never_starts () throws Error {
	var cancellable = new Cancellable ();
	cancellable.cancel ();
	foreach (var kind in Kind.all ()) {
		var n = 0;
		var func = make (kind, (call) => {
			AtomicInt.inc (ref n);
			call.return_int (7);
		});
		foreach (var cell in Cell.all ())
			run_cell (cell, func, cancellable);
		wait_until (() => stat ("tickets") == 0 && stat ("queued") == 0);
		assert (AtomicInt.get (ref n) == 0);
		assert (int_of (Cell.S_SYNC, func) == 7 && AtomicInt.get (ref n) == 1);
	}
}

// Behind a closed gate on an executor of one thread.
void e2_queued () throws Error {
	var gate = new Gate ();
	var executor = track (new SmartAsync.Executor.pool ("e2", 1));
	var n_started = 0;
	var held = blocking ((call) => {
		gate.wait ();
		call.return_int (7);
	});
	var queued = blocking ((call) => {
		AtomicInt.inc (ref n_started);
		call.return_int (7);
	});
	held.executor = queued.executor = executor;
	var cancellable = new Cancellable ();
	var n_done = 0;
	in_loop (() => {
		held.call_async.begin (null, null, null, () => n_done++);
		for (var n = 0; n < 40; n++)
			queued.call_async.begin (null, null, cancellable, (source, result) => {
				assert (caught (() => queued.call_async.end (result)) is IOError.CANCELLED);
				n_done++;
			});
		cancellable.cancel ();
		gate.open ();
	}, () => n_done == 41);
	assert (queued.invoke_sync<int> () == 7);
	assert (AtomicInt.get (ref n_started) == 1);
}

void e2_body_sees () throws Error {
	foreach (var is_blocking in new bool[] { false, true }) {
		foreach (var cell in Cell.all ()) {
			var held = new Held ();
			var outcome = run_cell (cell, held.func (is_blocking), held.cancellable, () => held.cancel_and_look (0));
			assert (held.saw && outcome.error is IOError.CANCELLED);
		}
	}
}

void e2_at_end () throws Error {
	foreach (var is_blocking in new bool[] { false, true }) {
		foreach (var cell in Cell.all ()) {
			var held = new Held ();
			int64 takes = 20 * TimeSpan.MILLISECOND;
			var outcome = run_cell (cell, held.func (is_blocking), held.cancellable, () => held.cancel_and_look (takes));
			assert (outcome.error is IOError.CANCELLED && outcome.usec >= takes && AtomicInt.get (ref held.released) == 1);
		}
	}
}

void e2_abandoned () throws Error {
	foreach (var is_blocking in new bool[] { false, true }) {
		foreach (var cell in Cell.all ()) {
			var held = new Held ();
			var func = held.func (is_blocking);
			func.abandon_on_cancel = true;
			var outcome = run_cell (cell, func, held.cancellable, () => {
				held.started.wait ();
				held.cancellable.cancel ();
			});
			assert (outcome.error is IOError.CANCELLED && AtomicInt.get (ref held.released) == 0);
			assert (held.own.is_cancelled ());
			held.end ();
		}
	}
}

// One slot: what was abandoned holds it until it really ends.
void e2_keeps_place () throws Error {
	var held = new Held ();
	var n_begun = 0;
	var func = blocking ((call) => {
		if (AtomicInt.add (ref n_begun, 1) == 0) {
			held.started.open ();
			held.release.wait ();
		}
		call.return_int (7);
	});
	func.abandon_on_cancel = true;
	func.max_concurrency = 1;
	var outcome = run_cell (Cell.A_ASYNC, func, held.cancellable, () => {
		held.started.wait ();
		held.cancellable.cancel ();
	});
	assert (outcome.error is IOError.CANCELLED);
	SmartAsync.Future? next = null;
	var released = false;
	in_loop (() => {
		next = func.callv ();
		var later = new TimeoutSource (5);
		later.set_callback (() => {
			assert (next.status == PENDING && AtomicInt.get (ref n_begun) == 1);
			released = true;
			held.release.open ();
			return Source.REMOVE;
		});
		later.attach (MainContext.current_source ().get_context ());
	}, () => next.status != PENDING);
	assert (released && next.get<int> () == 7 && AtomicInt.get (ref n_begun) == 2);
}

void e3_body () throws Error {
	foreach (var kind in new Kind[] { Kind.AT_ONCE, Kind.BLOCKING, Kind.DUAL }) {
		foreach (var cell in Cell.all ()) {
			var n = 0;
			run_cell (cell, make (kind, (call) => {
				assert (is_current (call));
				n++;
				call.return_int (7);
			}), new Cancellable ());
			assert (n == 1 && nobody_is_current ());
		}
	}
}

void e3_continuations () throws Error {
	foreach (var kind in Kind.all ()) {
		var n = 0;
		SmartAsync.Future[] children = {};
		SmartAsync.Continuation look = (call, settled) => {
			assert (settled.status != PENDING && is_current (call));
			n++;
			call.return_none ();
		};
		Scenario attach = () => {
			var good = make (kind, (call) => call.return_int (7));
			var bad = make (kind, (call) => call.return_error (new IOError.NOT_FOUND ("no")));
			children = {};
			children += good.callv (null, null, new Cancellable ()).then ((call, settled) => look (call, settled));
			children += bad.callv (null, null, new Cancellable ()).catch ((call, settled) => look (call, settled));
			children += good.callv (null, null, new Cancellable ()).finally ((call, settled) => look (call, settled));
		};
		attach ();
		foreach (var child in children)
			settle (child).get_value (null);
		assert (n == 3);
		in_loop (attach, () => n == 6);
		assert (nobody_is_current ());
	}
}

void e3_enter () throws Error {
	foreach (var kind in new Kind[] { Kind.LATER, Kind.ELSEWHERE }) {
		foreach (var cell in Cell.all ()) {
			var n = 0;
			run_cell (cell, make (kind, (call) => {
				assert (nobody_is_current ());
				call.enter ();
				assert (is_current (call));
				call.leave ();
				assert (nobody_is_current ());
				n++;
				call.return_int (7);
			}), new Cancellable ());
			assert (n == 1);
		}
	}
}

// Each sees itself, the outer one again when the inner one is over.
void e3_own () throws Error {
	foreach (var inner_kind in Kind.all ()) {
		foreach (var cell in Cell.all ()) {
			SmartAsync.Call? outer = null;
			var n = 0;
			var inner = make (inner_kind, (call) => {
				if (inner_kind != LATER && inner_kind != ELSEWHERE)
					assert (is_current (call));
				assert (call != outer);
				n++;
				call.return_int (7);
			});
			run_cell (cell, blocking ((call) => {
				outer = call;
				assert (is_current (call));
				try {
					assert (inner.invoke_sync<int> () == 7);
				} catch (Error error) {
					fail (error.message);
				}
				assert (is_current (call));
				outer = null;
				call.return_int (7);
			}), new Cancellable ());
			assert (n == 1);
		}
	}
}

void check_inherits (bool inherit) throws Error {
	foreach (var kind in new Kind[] { Kind.AT_ONCE, Kind.BLOCKING, Kind.DUAL }) {
		foreach (var cell in Cell.all ()) {
			var cancellable = new Cancellable ();
			bool? seen = null;
			var inner = make (kind, (call) => {
				cancellable.cancel ();
				seen = call.get_cancellable () != null && call.get_cancellable ().is_cancelled ();
				call.return_int (7);
			});
			inner.inherit_cancellable = inherit;
			var outer = blocking ((call) => {
				var error = caught (() => inner.invoke_sync<int> ());
				assert (inherit ? error is IOError.CANCELLED : error == null);
				call.return_int (7);
			});
			run_cell (cell, outer, cancellable);
			assert (seen == inherit);

			// Cancelled before: inherited means that the inner call does not even begin.
			Error? refused = null;
			cancellable = new Cancellable ();
			outer = blocking ((call) => {
				cancellable.cancel ();
				seen = null;
				refused = caught (() => inner.invoke_sync<int> ());
				call.return_int (7);
			});
			run_cell (cell, outer, cancellable);
			assert (inherit ? refused is IOError.CANCELLED : refused == null);
			assert ((seen == null) == inherit);
		}
	}
}

void e3_inherits () throws Error {
	check_inherits (true);
}

void e3_inherits_not () throws Error {
	check_inherits (false);
}

// A source of the application that a wait dispatches sees neither.
void e3_strays () throws Error {
	var context = on_main_thread () ? MainContext.default () : new MainContext ();
	var n_strays = 0;
	var stray = new TimeoutSource (1);
	stray.set_callback (() => {
		assert (nobody_is_current ());
		n_strays++;
		return Source.CONTINUE;
	});
	stray.attach (context);
	if (!on_main_thread ())
		context.push_thread_default ();
	var inner = make (AT_ONCE, (call) => {
		call.add_timeout (1, () => {
			if (n_strays < 3)
				return Source.CONTINUE;
			call.return_int (7);
			return Source.REMOVE;
		});
	});
	inner.main_context_policy = CURRENT;
	var outer = blocking ((call) => {
		assert (is_current (call));
		try {
			assert (inner.invoke_sync<int> () == 7);
		} catch (Error error) {
			fail (error.message);
		}
		assert (is_current (call));
		call.return_int (7);
	});
	assert (outer.invoke_sync<int> (null, null, new Cancellable ()) == 7);
	if (!on_main_thread ())
		context.pop_thread_default ();
	stray.destroy ();
	assert (n_strays >= 3);
}

void e3_own_loop () throws Error {
	foreach (var kind in new Kind[] { Kind.AT_ONCE, Kind.BLOCKING, Kind.DUAL }) {
		foreach (var cell in Cell.all ()) {
			var n = 0;
			assert (int_of (cell, make (kind, (call) => {
				var context = new MainContext ();
				invoke (context, () => {
					assert (SmartAsync.Call.get_current () == null);
					n++;
				});
				iterate_until (context, () => n > 0);
				assert (is_current (call));
				call.return_int (7);
			})) == 7);
			assert (n == 1);
		}
	}
}

// A machine that is busy may not even begin a body in time: then again.
Held run_late (Cell cell, bool is_blocking, out Outcome outcome) {
	outcome = null;
	Held held = null;

	do {
		held = new Held ();
		var func = held.func (is_blocking);
		func.timeout = DEADLINE_MSEC;
		outcome = run_cell (cell, func);
		assert (outcome.error is IOError.TIMED_OUT && outcome.usec >= DEADLINE_MSEC * TimeSpan.MILLISECOND);
	} while (!held.started.is_open);
	return held;
}

void e4_in_time () throws Error {
	foreach (var is_blocking in new bool[] { false, true }) {
		foreach (var cell in Cell.all ()) {
			best_of_five ((DEADLINE_MSEC + 50) * TimeSpan.MILLISECOND, () => {
				Outcome outcome;
				run_late (cell, is_blocking, out outcome).end ();
				return outcome.usec;
			});
		}
	}
}

void e4_cancels () throws Error {
	foreach (var is_blocking in new bool[] { false, true }) {
		foreach (var cell in Cell.all ()) {
			Outcome outcome;
			var held = run_late (cell, is_blocking, out outcome);
			assert (held.own.is_cancelled ());
			held.end ();
		}
	}
}

void e4_abandoned () throws Error {
	foreach (var is_blocking in new bool[] { false, true }) {
		foreach (var cell in Cell.all ()) {
			Outcome outcome;
			var held = run_late (cell, is_blocking, out outcome);
			assert (!held.ended.is_open);
			held.end ();
		}
	}
}

// Does not go back to its loop before the deadline is long over.
void e4_stubborn () throws Error {
	foreach (var cell in Cell.all ()) {
		var never = new Gate ();
		SmartAsync.Call? kept = null;
		var func = at_once ((call) => {
			kept = call;
			never.wait_for (2 * DEADLINE_MSEC * TimeSpan.MILLISECOND);
		});
		func.timeout = DEADLINE_MSEC;
		var outcome = run_cell (cell, func);
		assert (outcome.error is IOError.TIMED_OUT && outcome.usec >= 2 * DEADLINE_MSEC * TimeSpan.MILLISECOND);
		assert (kept.get_cancellable ().is_cancelled ());
		kept = null;
	}
}

void e5_not_there () throws Error {
	foreach (var through_future in new bool[] { false, true }) {
		unowned Thread<void*> here = me ();
		var n_run = 0;
		SmartAsync.Future? future = null;
		SmartAsync.Future[] children = {};
		in_loop (() => {
			var cancellable = new Cancellable ();
			future = new SmartAsync.Future (cancellable);
			children += future.then ((call, settled) => assert_not_reached ());
			children += future.catch ((call, settled) => {
				assert (me () == here);
				n_run++;
				call.return_none ();
			});
			children += future.finally ((call, settled) => {
				assert (me () == here);
				n_run++;
				call.return_none ();
			});
			future.wait_async.begin (null, () => {
				assert (me () == here);
				n_run++;
			});
			on_thread (() => {
				if (through_future)
					future.cancel ();
				else
					cancellable.cancel ();
			});
			assert (n_run == 0);
		}, () => n_run == 3);
	}
}

void e5_notify () throws Error {
	var cancellable = new Cancellable ();
	var future = track (new SmartAsync.Future (cancellable));
	unowned Thread<void*>? ran_on = null;
	unowned Thread<void*>? cancelled_on = null;
	future.add_notify ((settled) => {
		assert (settled.status == REJECTED);
		ran_on = me ();
	});
	on_thread (() => {
		cancelled_on = me ();
		cancellable.cancel ();
		assert (ran_on == cancelled_on);
	});
	assert (ran_on != null && ran_on != me ());
}

void e5_connected () throws Error {
	var cancellable = new Cancellable ();
	unowned Thread<void*>? ran_on = null;
	in_loop (() => {
		SmartAsync.Call? kept = null;
		ulong id = 0;
		var func = at_once ((call) => {
			kept = call;
			id = call.get_cancellable ().cancelled.connect (() => ran_on = me ());
		});
		var future = func.callv (null, null, cancellable);
		on_thread (() => {
			cancellable.cancel ();
			assert (ran_on == me ());
		});
		kept.get_cancellable ().disconnect (id);
		kept.return_none ();
		kept = null;
		assert (future != null);
	});
	assert (ran_on != null && ran_on != me ());
}

// A handler settles the call or drops it, drops the future, cancels again: the library must not
// wait for the handler that it is in. On a thread, so that what hangs is a failure.
class Reentry {
	public SmartAsync.Call? kept;
	public SmartAsync.Future? future;
	public Cancellable cancellable = track (new Cancellable ());
	public bool settles;
	public int n;

	public void handle () {
		if (settles) {
			if (kept != null)
				assert (kept.return_error_if_cancelled ());
			kept = null;
			if (future != null)
				future.cancel ();
			cancellable.cancel ();
		} else {
			kept = null;
			future = null;
		}
		n++;
	}

	public void cancel () {
		var returned = new Gate ();
		var thread = start ("cancel", () => {
			cancellable.cancel ();
			returned.open ();
		});
		returned.wait ();
		thread.join ();
		assert (n == 1);
	}
}

void e5_no_disconnect () throws Error {
	foreach (var settles in new bool[] { false, true }) {
		foreach (var abandon in new bool[] { false, true }) {
			foreach (var before in new bool[] { false, true }) {
				in_loop (() => {
					var it = new Reentry ();
					it.settles = settles;
					ulong id = before ? it.cancellable.connect (it.handle) : 0;
					var func = at_once ((call) => it.kept = call);
					func.abandon_on_cancel = abandon;
					it.future = func.callv (null, null, it.cancellable);
					assert (it.kept != null);
					if (!before)
						id = it.cancellable.connect (it.handle);
					it.cancel ();
					it.cancellable.disconnect (id);
				});
			}
			// By hand: the future's own handler settles it.
			var by_hand = new Reentry ();
			by_hand.settles = settles;
			by_hand.future = new SmartAsync.Future (by_hand.cancellable);
			var id = by_hand.cancellable.connect (by_hand.handle);
			by_hand.cancel ();
			by_hand.cancellable.disconnect (id);
		}
	}
}

void e6_blocking () throws Error {
	foreach (var cell in Cell.all ())
		assert (run_cell (cell, blocking ((call) => {})).error is SmartAsync.Error.NOT_RETURNED);
	// One that keeps its call has not returned either.
	foreach (var cell in Cell.all ()) {
		SmartAsync.Call? kept = null;
		assert (run_cell (cell, blocking ((call) => kept = call)).error is SmartAsync.Error.NOT_RETURNED);
		kept = null;
	}
}

void e6_async () throws Error {
	foreach (var kind in new Kind[] { Kind.AT_ONCE, Kind.LATER, Kind.ELSEWHERE })
		foreach (var cell in Cell.all ())
			assert (run_cell (cell, make (kind, (call) => {})).error is SmartAsync.Error.NOT_RETURNED);
}

void e6_cancelled () throws Error {
	foreach (var cell in Cell.all ()) {
		var held = new Held ();
		var outcome = run_cell (cell, at_once ((call) => {
			held.own = call.get_cancellable ();
			call.add_timeout (1, () => {
				// The source's reference to the call is the last one.
				return call.get_cancellable ().is_cancelled () ? Source.REMOVE : Source.CONTINUE;
			});
			held.started.open ();
		}), held.cancellable, () => {
			held.started.wait ();
			held.cancellable.cancel ();
		});
		assert (outcome.error is IOError.CANCELLED);
	}
}

// Whatever one does with what was dropped, it ends.
void e6_no_hang () throws Error {
	foreach (var kind in new Kind[] { Kind.AT_ONCE, Kind.LATER, Kind.ELSEWHERE, Kind.BLOCKING }) {
		var func = make (kind, (call) => {});
		var future = track (func.callv ());
		assert (caught (() => future.wait ()) is SmartAsync.Error.NOT_RETURNED);
		var chained = track (func.callv ()).then ((call, settled) => assert_not_reached ());
		assert (caught (() => chained.wait ()) is SmartAsync.Error.NOT_RETURNED);
		SmartAsync.Future? begun = null;
		in_loop (() => begun = func.callv ().with_timeout (60 * 1000), () => begun.status != PENDING);
		assert (caught (() => begun.get_value (null)) is SmartAsync.Error.NOT_RETURNED);
	}
}

void e6_second_ignored () throws Error {
	foreach (var kind in new Kind[] { Kind.AT_ONCE, Kind.BLOCKING }) {
		var func = make (kind, (call) => {
			call.return_int (7);
			expect_returned_again (() => call.return_int (8));
			expect_returned_again (() => call.return_error (new IOError.FAILED ("no")));
		});
		assert (int_of (Cell.S_SYNC, func) == 7);
		assert (int_of (Cell.S_SMART, func) == 7);
	}
}

void expect_returned_again (Scenario scenario) {
	try {
		// The critical names the function.
		expect_critical ("*the-function*", scenario);
	} catch (Error error) {
		fail (error.message);
	}
}

void e8_elsewhere () throws Error {
	foreach (var cell in Cell.all ()) {
		unowned Thread<void*>? body = null;
		var outcome = run_cell (cell, make (ELSEWHERE, (call) => {
			body = me ();
			call.return_int (7);
		}));
		assert (outcome.value.get_int () == 7 && body != me ());
		assert (cell.waits () || outcome.in_context);
	}
}

int main (string[] args) {
	Check.init (ref args);

	add ("E1.a", e1_error);
	add ("E2.a", e2_at_once);
	add ("E2.b", e2_never_starts);
	add ("E2.c", e2_queued);
	add ("E2.d", e2_body_sees);
	add ("E2.e", e2_at_end);
	add ("E2.f", e2_abandoned);
	add ("E2.g", e2_keeps_place);
	add ("E3.a", e3_body);
	add ("E3.b", e3_continuations);
	add ("E3.d", e3_enter);
	add ("E3.e", e3_own);
	add ("E3.f", e3_inherits);
	add ("E3.g", e3_inherits_not);
	add ("E3.h", e3_strays);
	add ("E3.i", e3_own_loop);
	add ("E4.a", e4_in_time);
	add ("E4.b", e4_cancels);
	add ("E4.c", e4_abandoned);
	add ("E4.d", e4_stubborn);
	add ("E5.a", e5_not_there);
	add ("E5.b", e5_notify);
	add ("E5.c", e5_connected);
	add ("E5.d", e5_no_disconnect);
	add ("E6.a", e6_blocking);
	add ("E6.b", e6_async);
	add ("E6.c", e6_cancelled);
	add ("E6.d", e6_no_hang);
	add_subprocess ("E6.g", e6_second_ignored);
	add_subprocess ("E6.h", e6_second_ignored);
	add ("E8.a", e8_elsewhere);

	return Check.run ();
}
