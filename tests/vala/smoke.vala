// SPDX-License-Identifier: LGPL-2.1-or-later

// Functions of every kind, called in a sync and in an async context, with
// Vala's own yield.

const string GREETING = "Grüße";

void echo (SmartAsync.Call call) {
	call.return_value (call.get_value (0));
}

void echo_later (SmartAsync.Call call) {
	call.add_timeout (1, () => {
		call.return_value (call.get_value (0));
		return Source.REMOVE;
	});
}

void fail (SmartAsync.Call call) {
	call.return_error (new IOError.NOT_FOUND (GREETING));
}

SmartAsync.AsyncFunc[] echoes () {
	return {
		new SmartAsync.AsyncFunc (echo),
		new SmartAsync.AsyncFunc (echo_later),
		new SmartAsync.AsyncFunc.blocking (echo),
		new SmartAsync.AsyncFunc.dual (echo_later, echo)
	};
}

SmartAsync.AsyncFunc[] failures () {
	return {
		new SmartAsync.AsyncFunc (fail),
		new SmartAsync.AsyncFunc.blocking (fail),
		new SmartAsync.AsyncFunc.dual (fail, fail)
	};
}

Value[] values () {
	return {
		true, -5, 0.1, GREETING,
		uint.MAX, int64.MIN, uint64.MAX,
		new SimpleAction ("thing", null), new Variant.string (GREETING)
	};
}

void assert_same (Value result, Value expected) {
	assert (result.type () == expected.type ());
	if (result.holds (typeof (Object)))
		assert (result.get_object () == expected.get_object ());
	else if (result.holds (typeof (Variant)))
		assert (result.dup_variant ().equal (expected.dup_variant ()));
	else if (result.holds (typeof (string)))
		assert (result.get_string () == expected.get_string ());
	else
		assert (result.strdup_contents () == expected.strdup_contents ());
}

delegate void Scenario ();

// Runs the scenario on the main thread, and on one of its own.
void add_scenario (string name, owned Scenario scenario) {
	Test.add_data_func (@"/vala/smoke/$name/main", () => scenario ());
	Test.add_data_func (@"/vala/smoke/$name/thread", () => {
		new Thread<bool> ("test", () => {
			scenario ();
			return true;
		}).join ();
	});
}

delegate void Begin (MainLoop loop);

// Has it called in a loop, and runs that until it is quit.
void in_loop (Begin begin, bool on_main) {
	var context = on_main ? MainContext.default () : new MainContext ();
	var loop = new MainLoop (context, false);
	var deadline = new TimeoutSource.seconds (10);

	if (!on_main)
		context.push_thread_default ();
	var idle = new IdleSource ();
	idle.set_callback (() => {
		begin (loop);
		return Source.REMOVE;
	});
	idle.attach (context);
	deadline.set_callback (() => {
		assert_not_reached ();
	});
	deadline.attach (context);
	loop.run ();
	deadline.destroy ();
	if (!on_main)
		context.pop_thread_default ();
}

Thread<void*>? main_thread;

bool is_main () {
	return Thread.self<void*> () == main_thread;
}

void call_in_s () {
	try {
		foreach (var func in echoes ()) {
			foreach (var value in values ()) {
				Value result;

				assert (func.call_sync (null, { value }, null, out result));
				assert_same (result, value);

				var future = func.callv (null, { value }, null);
				assert (future.get_status () == RESOLVED);
				assert (future.get_value (out result));
				assert_same (result, value);
			}
		}
	} catch (Error error) {
		critical ("%s", error.message);
		assert_not_reached ();
	}
}

async void call_all () throws Error {
	foreach (var func in echoes ()) {
		foreach (var value in values ()) {
			Value result;

			assert (yield func.call_async (null, { value }, null, out result));
			assert_same (result, value);

			var future = func.callv (null, { value }, null);
			assert (yield future.wait_async (null, out result));
			assert_same (result, value);
		}
	}
}

async void fail_all () {
	foreach (var func in failures ()) {
		Value result;

		try {
			yield func.call_async (null, {}, null, out result);
			assert_not_reached ();
		} catch (Error error) {
			assert (error is IOError.NOT_FOUND && error.message == GREETING);
		}

		try {
			yield func.callv (null, {}, null).wait_async (null, out result);
			assert_not_reached ();
		} catch (Error error) {
			assert (error is IOError.NOT_FOUND && error.message == GREETING);
		}
	}
}

void call_in_a () {
	in_loop ((loop) => {
		assert (SmartAsync.context_is_async ());
		call_all.begin ((object, result) => {
			try {
				call_all.end (result);
			} catch (Error error) {
				critical ("%s", error.message);
				assert_not_reached ();
			}
			loop.quit ();
		});
	}, is_main ());
}

void fail_in_s () {
	foreach (var func in failures ()) {
		Value result;

		try {
			func.call_sync (null, {}, null, out result);
			assert_not_reached ();
		} catch (Error error) {
			assert (error is IOError.NOT_FOUND && error.message == GREETING);
		}
		assert (func.callv (null, {}, null).get_status () == REJECTED);
	}
}

void fail_in_a () {
	in_loop ((loop) => {
		fail_all.begin (() => loop.quit ());
	}, is_main ());
}

SmartAsync.Future chain (SmartAsync.Future future) {
	return future.then ((call, settled) => {
		try {
			call.return_int (settled.get_int () + 1);
		} catch (Error error) {
			assert_not_reached ();
		}
	}).catch ((call, settled) => {
		assert (settled.get_status () == REJECTED);
		call.return_int (5);
	}).then ((call, settled) => {
		try {
			call.return_int (settled.get_int () + 1);
		} catch (Error error) {
			assert_not_reached ();
		}
	}).finally ((call, settled) => {
		assert (settled.get_status () == RESOLVED);
		call.return_none ();
	});
}

async void continue_all () throws Error {
	Value result;

	foreach (var func in echoes ()) {
		assert (yield chain (func.callv (null, { 1 }, null)).wait_async (null, out result));
		assert (result.get_int () == 3);
	}
	foreach (var func in failures ()) {
		assert (yield chain (func.callv (null, {}, null)).wait_async (null, out result));
		assert (result.get_int () == 6);
	}
}

void continuations () {
	try {
		foreach (var func in echoes ())
			assert (chain (func.callv (null, { 1 }, null)).get_int () == 3);
		foreach (var func in failures ())
			assert (chain (func.callv (null, {}, null)).get_int () == 6);
	} catch (Error error) {
		assert_not_reached ();
	}

	in_loop ((loop) => {
		continue_all.begin ((object, result) => {
			try {
				continue_all.end (result);
			} catch (Error error) {
				assert_not_reached ();
			}
			loop.quit ();
		});
	}, is_main ());
}

int main (string[] args) {
	main_thread = Thread.self<void*> ();
	Test.init (ref args);

	add_scenario ("values-in-s", call_in_s);
	add_scenario ("values-in-a", call_in_a);
	add_scenario ("errors-in-s", fail_in_s);
	add_scenario ("errors-in-a", fail_in_a);
	add_scenario ("continuations", continuations);

	return Test.run ();
}
