// SPDX-License-Identifier: LGPL-2.1-or-later

// The contract's section F: futures, await, continuation.

using Check;

unowned Thread<void*> me () {
	return Thread.self<void*> ();
}

SmartAsync.Future pending (Cancellable? cancellable = null) {
	return track (new SmartAsync.Future (cancellable));
}

SmartAsync.Future resolved (Value value) {
	return track (new SmartAsync.Future.for_value (value));
}

SmartAsync.Future rejected () {
	return track (new SmartAsync.Future.for_error (new IOError.NOT_FOUND ("not here")));
}

Error? error_of (SmartAsync.Future future) {
	return caught (() => future.get_value (null));
}

void f1_once () throws Error {
	var by_value = pending ();
	assert (by_value.resolve (1));
	assert (!by_value.resolve (2) && !by_value.reject (new IOError.FAILED ("no")));
	by_value.cancel ();
	assert (by_value.status == RESOLVED && by_value.get<int> () == 1);

	var by_error = pending ();
	assert (by_error.reject (new IOError.NOT_FOUND ("first")));
	assert (!by_error.resolve (2) && !by_error.reject (new IOError.FAILED ("no")));
	assert (error_of (by_error) is IOError.NOT_FOUND);

	var cancelled = pending ();
	cancelled.cancel ();
	assert (!cancelled.resolve (2) && error_of (cancelled) is IOError.CANCELLED);
	assert (!resolved (1).resolve (2) && !rejected ().resolve (2));
}

void f1_one_wins () throws Error {
	for (var round = 0; round < 50; round++) {
		var future = pending ();
		var gate = new Gate ();
		var n_won = 0;
		var winner = -1;
		Thread<bool>[] threads = {};
		for (var n = 0; n < 8; n++) {
			var number = n;
			threads += start (@"racer $n", () => {
				gate.wait ();
				if (future.resolve (number)) {
					AtomicInt.inc (ref n_won);
					winner = number;
				}
			});
		}
		gate.wait_for_waiters (8);
		gate.open ();
		foreach (var thread in threads)
			thread.join ();
		assert (n_won == 1 && future.get<int> () == winner);
	}
}

void f1_same () throws Error {
	foreach (var fails in new bool[] { false, true }) {
		var future = pending ();
		var n_seen = 0;
		SmartAsync.Continuation look = (call, settled) => {
			assert (fails ? error_of (settled).message == "all" : int_in (settled) == 42);
			n_seen++;
			call.return_none ();
		};
		Thread<bool>[] threads = {};
		for (var n = 0; n < 4; n++)
			threads += start (@"waiter $n", () => {
				var error = caught (() => assert (future.wait_for<int> () == 42));
				assert (fails ? error.message == "all" : error == null);
			});
		in_loop (() => {
			for (var n = 0; n < 4; n++) {
				future.finally ((call, settled) => look (call, settled));
				future.wait_async.begin (null, (source, result) => {
					var error = caught (() => {
						Value value;
						future.wait_async.end (result, out value);
						assert (value.get_int () == 42);
					});
					assert (fails ? error.message == "all" : error == null);
					n_seen++;
				});
			}
			if (fails)
				future.reject (new IOError.NOT_FOUND ("all"));
			else
				future.resolve (42);
		}, () => n_seen == 8);
		foreach (var thread in threads)
			thread.join ();
		look = null;
	}
}

int int_in (SmartAsync.Future future) {
	try {
		return future.get<int> ();
	} catch (Error error) {
		fail (error.message);
	}
}

void f1_own_copy () throws Error {
	var text = resolved ("Grüße");
	var one = text.get<string> ();
	var other = text.get<string> ();
	one.data[0] = 'g';
	assert (one == "grüße" && other == "Grüße" && text.get<string> () == "Grüße");

	var strings = resolved (new string[] { "a", "b" });
	Value first, second;
	strings.get_value (out first);
	strings.get_value (out second);
	assert (first.get_boxed () != second.get_boxed ());

	var object = track (new Object ());
	var shared = resolved (object);
	assert (shared.get<Object> () == object && shared.get_object () == object);
}

void f2_value () throws Error {
	foreach (var value in new Value[] { 42, "Grüße", true, 0.5, new Variant.string ("x") }) {
		var future = SmartAsync.await (value);
		Value got;
		future.get_value (out got);
		assert (future.status == RESOLVED);
		assert (got.strdup_contents () == value.strdup_contents ());
	}
}

void f2_future () throws Error {
	assert (SmartAsync.await (resolved (42)).wait_for<int> () == 42);
	assert (caught (() => SmartAsync.await (rejected ()).wait ()) is IOError.NOT_FOUND);
	var later = pending ();
	SmartAsync.Future? waiting = null;
	in_loop (() => {
		waiting = SmartAsync.await (later);
		assert (waiting.status == PENDING);
		later.resolve (42);
	}, () => waiting.status != PENDING);
	assert (waiting.get<int> () == 42);
}

void f2_nested () throws Error {
	assert (SmartAsync.await (resolved (resolved (resolved (42)))).wait_for<int> () == 42);
	var inner = pending ();
	var outer = pending ();
	SmartAsync.Future? waiting = null;
	in_loop (() => {
		waiting = SmartAsync.await (resolved (outer));
		outer.resolve (inner);
		inner.resolve (42);
	}, () => waiting.status != PENDING);
	assert (waiting.get<int> () == 42);
}

void add_one (SmartAsync.Call call, SmartAsync.Future settled) {
	call.return_int (int_in (settled) + 1);
}

void f3_at_once () throws Error {
	var n = 0;
	Scenario apply = () => {
		var future = SmartAsync.continuation (41, (call, settled) => {
			n++;
			add_one (call, settled);
		});
		assert (n == 1 && future.status == RESOLVED && future.get<int> () == 42);
	};
	apply ();
	n = 0;
	in_loop (apply);
}

void f3_when_it_comes () throws Error {
	var later = pending ();
	var n = 0;
	SmartAsync.Future? future = null;
	in_loop (() => {
		future = SmartAsync.continuation (later, (call, settled) => {
			n++;
			add_one (call, settled);
		});
		assert (n == 0 && future.status == PENDING);
		later.resolve (41);
	}, () => future.status != PENDING);
	assert (n == 1 && future.get<int> () == 42);
}

void f3_context () throws Error {
	var later = pending ();
	MainContext? attached = null;
	MainContext? ran = null;
	unowned Thread<void*> here = me ();
	in_loop (() => {
		attached = MainContext.current_source ().get_context ();
		SmartAsync.continuation (later, (call, settled) => {
			assert (me () == here);
			ran = MainContext.current_source ().get_context ();
			add_one (call, settled);
		});
		on_thread (() => later.resolve (41));
	}, () => ran != null);
	assert (ran == attached);
}

void f3_errors () throws Error {
	var passed = SmartAsync.continuation (rejected (), (call, settled) => {
		var error = error_of (settled);
		if (error != null)
			call.return_error (error);
		else
			call.return_none ();
	});
	assert (error_of (settle (passed)) is IOError.NOT_FOUND);
	var thrown = SmartAsync.continuation (1, (call, settled) => call.return_error (new FileError.NOENT ("mine")));
	assert (error_of (thrown) is FileError.NOENT);
}

void f4_then () throws Error {
	assert (resolved (40).then (add_one).then (add_one).get<int> () == 42);
	assert (error_of (rejected ().then ((call, settled) => assert_not_reached ())) is IOError.NOT_FOUND);
	var later = pending ();
	SmartAsync.Future? end = null;
	in_loop (() => {
		end = later.then (add_one).then (add_one);
		later.resolve (40);
		assert (end.status == PENDING);
	}, () => end.status != PENDING);
	assert (end.get<int> () == 42);
	// Settled in A: in the next iteration.
	var ran = false;
	in_loop (() => {
		resolved (1).then ((call, settled) => {
			ran = true;
			call.return_none ();
		});
		assert (!ran);
	}, () => ran);
}

void f4_catch () throws Error {
	assert (rejected ().catch ((call, settled) => {
		assert (error_of (settled) is IOError.NOT_FOUND);
		call.return_int (5);
	}).then (add_one).get<int> () == 6);
	assert (resolved (5).catch ((call, settled) => assert_not_reached ()).get<int> () == 5);
}

void f4_finally () throws Error {
	var n = 0;
	assert (resolved (5).finally ((call, settled) => {
		n++;
		call.return_none ();
	}).get<int> () == 5);
	assert (error_of (rejected ().finally ((call, settled) => {
		n++;
		call.return_none ();
	})) is IOError.NOT_FOUND);
	assert (n == 2);
}

void f4_all () throws Error {
	var one = pending ();
	var other = pending ();
	var all = SmartAsync.Future.all (one, other, resolved (3));
	one.resolve (1);
	assert (all.status == PENDING);
	other.resolve (2);
	assert (settle (all).status == RESOLVED && one.get<int> () == 1);
	assert (SmartAsync.Future.allv (null).status == RESOLVED);
	assert (error_of (settle (SmartAsync.Future.allv ({ resolved (1), rejected () }))) is IOError.NOT_FOUND);
}

void f4_any () throws Error {
	var one = pending ();
	var any = SmartAsync.Future.any (one, rejected ());
	assert (any.status == PENDING);
	one.resolve (1);
	assert (settle (any).get<int> () == 1);
	assert (error_of (settle (SmartAsync.Future.any (rejected (), rejected ()))) is IOError.NOT_FOUND);
	assert (error_of (SmartAsync.Future.anyv (null)) is SmartAsync.Error.INVALID_ARGUMENTS);
}

void f4_race () throws Error {
	var one = pending ();
	var other = pending ();
	var race = SmartAsync.Future.race (one, other);
	one.reject (new IOError.NOT_FOUND ("first"));
	assert (error_of (settle (race)) is IOError.NOT_FOUND);
	assert (settle (SmartAsync.Future.race (resolved (1), pending ())).get<int> () == 1);
	assert (error_of (SmartAsync.Future.racev (null)) is SmartAsync.Error.INVALID_ARGUMENTS);
}

// Calls, and futures by hand; those who lose are cancelled.
void check_losers (bool all) throws Error {
	var by_hand = pending ();
	Cancellable? own = null;
	SmartAsync.Future? call = null;
	SmartAsync.Future? both = null;
	in_loop (() => {
		SmartAsync.Call? kept = null;
		call = at_once ((it) => {
			own = it.get_cancellable ();
			kept = it;
			it.add_timeout (1, () => {
				if (!own.is_cancelled ())
					return Source.CONTINUE;
				kept.return_none ();
				kept = null;
				return Source.REMOVE;
			});
		}).callv ();
		both = all ? SmartAsync.Future.all (by_hand, call, rejected ()) : SmartAsync.Future.race (by_hand, call, resolved (1));
	}, () => both.status != PENDING && call.status != PENDING);
	assert (all == (error_of (both) is IOError.NOT_FOUND));
	assert (own.is_cancelled () && error_of (call) is IOError.CANCELLED && error_of (by_hand) is IOError.CANCELLED);
}

void f4_losers () throws Error {
	check_losers (false);
}

void f4_siblings () throws Error {
	check_losers (true);
}

void f5_settled () throws Error {
	Value value;
	assert (resolved (42).wait (-1, null, out value) && value.get_int () == 42);
	assert (resolved (42).wait_for<int> (0) == 42);
	assert (caught (() => rejected ().wait ()) is IOError.NOT_FOUND);
}

void f5_other_thread () throws Error {
	var future = pending ();
	var waiting = new Gate ();
	var thread = start ("settler", () => {
		waiting.wait ();
		future.resolve (42);
	});
	waiting.open ();
	assert (future.wait_for<int> () == 42);
	thread.join ();
}

void f5_deadline () throws Error {
	best_of_five ((20 + 50) * TimeSpan.MILLISECOND, () => {
		var future = pending ();
		var begun = get_monotonic_time ();
		assert (caught (() => future.wait (20 * TimeSpan.MILLISECOND)) is IOError.TIMED_OUT);
		var took = get_monotonic_time () - begun;
		assert (took >= 20 * TimeSpan.MILLISECOND && future.status == PENDING);
		return took;
	});
}

void f5_cancellable () throws Error {
	var future = pending ();
	var before = new Cancellable ();
	before.cancel ();
	assert (caught (() => future.wait (-1, before)) is IOError.CANCELLED);
	var meanwhile = new Cancellable ();
	var gate = new Gate ();
	var thread = start ("canceller", () => {
		gate.wait ();
		meanwhile.cancel ();
	});
	gate.open ();
	assert (caught (() => future.wait (-1, meanwhile)) is IOError.CANCELLED);
	thread.join ();
	assert (future.status == PENDING);
}

void f5_eight () throws Error {
	var future = pending ();
	var n_got = 0;
	var gate = new Gate ();
	Thread<bool>[] threads = {};
	for (var n = 0; n < 8; n++)
		threads += start (@"waiter $n", () => {
			gate.wait ();
			assert (future.wait_for<int> () == 42);
			AtomicInt.inc (ref n_got);
		});
	gate.wait_for_waiters (8);
	gate.open ();
	future.resolve (42);
	foreach (var thread in threads)
		thread.join ();
	assert (n_got == 8);
}

// A program whose loop does not run: who waits iterates.
void f5_no_loop () throws Error {
	foreach (var kind in Kind.all ()) {
		var func = make (kind, (call) => call.return_int (42));
		AsyncResult? result = null;
		func.call_async.begin (null, null, null, (source, it) => result = it);
		SmartAsync.context_push_mode (ASYNC);
		var future = func.callv ();
		SmartAsync.context_pop_mode ();
		assert (future.wait_for<int> () == 42);
		iterate_until (null, () => result != null);
		Value value;
		assert (func.call_async.end (result, out value) && value.get_int () == 42);
	}
}

async void await_all () throws Error {
	foreach (var kind in Kind.all ()) {
		var func = make (kind, (call) => call.return_int (42));
		var f = func.callv ();
		yield f.wait_async ();
		assert (f.status == RESOLVED && f.get<int> () == 42);
		assert ((yield func.callv ().wait_for_async<int> ()) == 42);
		Value value;
		assert (yield func.callv ().wait_async (null, out value));
		assert (value.get_int () == 42);

		var bad = make (kind, (call) => call.return_error (new IOError.NOT_FOUND ("no")));
		try {
			yield bad.callv ().wait_async ();
			assert_not_reached ();
		} catch (IOError.NOT_FOUND error) {
			assert (error.message == "no");
		}
		try {
			yield func.callv ().wait_for_async<string> ();
			assert_not_reached ();
		} catch (SmartAsync.Error.INVALID_ARGUMENTS error) {
			assert ("gint" in error.message && "gchararray" in error.message);
		}
	}
	var cancellable = new Cancellable ();
	cancellable.cancel ();
	var never = pending ();
	try {
		yield never.wait_async (cancellable);
		assert_not_reached ();
	} catch (IOError.CANCELLED error) {
		assert (never.status == PENDING);
	}
}

void f6_yield () throws Error {
	in_loop_async ((cb) => await_all.begin ((owned) cb), (result) => await_all.end (result));
	SmartAsync.run_sync<bool> ((cb) => await_all.begin ((owned) cb), (result) => {
		await_all.end (result);
		return true;
	});
}

// What was told of a call's progress.
class Told {
	public double[] values = {};
	public SmartAsync.Future? future;
	public bool over;
	public double at_callback;
	unowned Thread<void*> here = me ();
	MainContext? context;

	public void run (SmartAsync.AsyncFunc func, Gate? reported = null, bool cancel = false) throws Error {
		in_loop (() => {
			context = MainContext.current_source ().get_context ();
			future = func.callv ();
			future.notify["progress"].connect (told);
			future.wait_async.begin (null, () => {
				at_callback = future.progress;
				over = true;
			});
			if (reported != null)
				reported.wait ();
			if (cancel)
				future.cancel ();
		}, () => over);
	}

	// Whatever may still come.
	public void stop () {
		for (var n = 0; n < 10; n++)
			MainContext.default ().iteration (false);
		future.notify["progress"].disconnect (told);
	}

	void told () {
		assert (me () == here && MainContext.current_source ().get_context () == context);
		assert (!over);
		var value = future.progress;
		assert (value >= 0 && value <= 1 && (values.length == 0 || value >= values[values.length - 1]));
		values += value;
	}
}

void report (SmartAsync.Call call, uint n) {
	for (uint i = 1; i <= n; i++)
		call.report_progress ((double) i / n);
}

void f7_reach () throws Error {
	var told = new Told ();
	var gate = new Gate ();
	told.run (blocking ((call) => {
		report (call, 1);
		gate.open ();
		call.return_none ();
	}), gate);
	told.stop ();
	assert (told.values.length == 1 && told.values[0] == 1 && told.future.progress == 1);
	assert (pending ().progress == -1);
}

void f7_coalesced () throws Error {
	var told = new Told ();
	var gate = new Gate ();
	told.run (blocking ((call) => {
		report (call, 1000);
		gate.open ();
		call.return_none ();
	}), gate);
	told.stop ();
	assert (told.values.length > 0 && told.values.length < 1000);
}

void f7_last () throws Error {
	for (var round = 0; round < 50; round++) {
		var told = new Told ();
		told.run (blocking ((call) => {
			report (call, 100);
			call.return_none ();
		}));
		told.stop ();
		assert (told.values[told.values.length - 1] == 1);
	}
}

// Whatever the priority that the result comes with.
void f7_before_callbacks () throws Error {
	foreach (var priority in new int[] { Priority.HIGH, Priority.LOW }) {
		var told = new Told ();
		var func = blocking ((call) => {
			report (call, 10);
			call.return_none ();
		});
		func.priority = priority;
		told.run (func);
		told.stop ();
		assert (told.at_callback == 1 && told.values[told.values.length - 1] == 1);
	}
}

// A call that goes on reporting after it was cancelled.
void f7_none_after () throws Error {
	var told = new Told ();
	var reported = new Gate ();
	var go_on = new Gate ();
	var ended = new Gate ();
	var func = blocking ((call) => {
		call.report_progress (0.5);
		reported.open ();
		go_on.wait ();
		call.report_progress (1);
		ended.open ();
		call.return_none ();
	});
	func.abandon_on_cancel = true;
	told.run (func, reported, true);
	go_on.open ();
	ended.wait ();
	told.stop ();
	assert (told.values.length == 1 && told.future.progress == 0.5);
}

void f8_freed () throws Error {
	var future = new SmartAsync.Future ();
	var freed = false;
	future.weak_ref (() => freed = true);
	future = null;
	assert (freed);

	var chain = new SmartAsync.Future ();
	var n_freed = 0;
	chain.weak_ref (() => n_freed++);
	var child = chain.then ((call, settled) => call.return_none ());
	child.weak_ref (() => n_freed++);
	chain = null;
	child = null;
	assert (n_freed == 2);
}

void f8_not_cancelled () throws Error {
	foreach (var kind in new Kind[] { Kind.LATER, Kind.BLOCKING }) {
		var gate = new Gate ();
		var ended = 0;
		in_loop (() => {
			var func = make (kind, (call) => {
				if (kind == BLOCKING)
					gate.wait ();
				assert (!call.get_cancellable ().is_cancelled ());
				AtomicInt.inc (ref ended);
				call.return_int (42);
			});
			var future = func.callv ();
			var freed = false;
			future.weak_ref (() => freed = true);
			future = null;
			assert (freed);
			gate.open ();
		}, () => AtomicInt.get (ref ended) == 1);
	}
}

void f8_no_cycle () throws Error {
	var n_freed = 0;
	in_loop (() => {
		var func = new SmartAsync.AsyncFunc ((call) => call.add_timeout (1, () => {
			call.return_int (1);
			return Source.REMOVE;
		}));
		func.weak_ref (() => n_freed++);
		var future = func.callv ();
		future.weak_ref (() => n_freed++);
		var child = future.then (add_one);
		child.weak_ref (() => n_freed++);
		var all = SmartAsync.Future.all (future, child);
		all.weak_ref (() => n_freed++);
	}, () => n_freed == 4);
}

int main (string[] args) {
	Check.init (ref args);

	add ("F1.a", f1_once);
	add ("F1.b", f1_one_wins);
	add ("F1.c", f1_same);
	add ("F1.d", f1_own_copy);
	add ("F2.a", f2_value);
	add ("F2.b", f2_future);
	add ("F2.c", f2_nested);
	add ("F3.a", f3_at_once);
	add ("F3.b", f3_when_it_comes);
	add ("F3.c", f3_context);
	add ("F3.d", f3_errors);
	add ("F4.a", f4_then);
	add ("F4.b", f4_catch);
	add ("F4.c", f4_finally);
	add ("F4.d", f4_all);
	add ("F4.e", f4_any);
	add ("F4.f", f4_race);
	add ("F4.g", f4_losers);
	add ("F4.h", f4_siblings);
	add ("F5.a", f5_settled);
	add ("F5.b", f5_other_thread);
	add ("F5.c", f5_deadline);
	add ("F5.d", f5_cancellable);
	add ("F5.e", f5_eight);
	add ("F5.f", f5_no_loop);
	add ("F6.d", f6_yield);
	add ("F7.a", f7_reach);
	add ("F7.b", f7_coalesced);
	add ("F7.c", f7_last);
	add ("F7.d", f7_before_callbacks);
	add ("F7.e", f7_none_after);
	add ("F8.a", f8_freed);
	add ("F8.b", f8_not_cancelled);
	add ("F8.c", f8_no_cycle);

	return Check.run ();
}
