// SPDX-License-Identifier: LGPL-2.1-or-later

// The contract's section B: bad input.

using Check;

SmartAsync.AsyncFunc some_func () {
	return track (new SmartAsync.AsyncFunc.blocking ((call) => call.return_int (42)));
}

// Of each kind, and says whether a body began.
SmartAsync.AsyncFunc add_func (Kind kind, Act? began = null) {
	var func = make (kind, (call) => {
		if (began != null)
			began (call);
		call.return_int (call.get<int> (0));
	});
	func.set_signature (typeof (int), { typeof (int), typeof (string) });
	return func;
}

Error refusal (SmartAsync.AsyncFunc func, Value[] args) throws Error {
	var error = caught (() => func.call_sync (null, args));
	assert (error is SmartAsync.Error.INVALID_ARGUMENTS);
	// The same as a future, in S and in A.
	assert (caught (() => func.callv (null, args).get_value (null)).message == error.message);
	SmartAsync.Future? future = null;
	in_loop (() => future = func.callv (null, args), () => future.status != PENDING);
	assert (caught (() => future.get_value (null)).message == error.message);
	return error;
}

void b1_number () throws Error {
	foreach (var kind in Kind.all ()) {
		var error = refusal (add_func (kind), { 1 });
		assert ("the-function" in error.message && "2" in error.message && "1" in error.message);
		error = refusal (add_func (kind), { 1, "a", true });
		assert ("2" in error.message && "3" in error.message);
		refusal (add_func (kind), {});
		assert (add_func (kind).invoke_sync<int> (null, { 1, "a" }) == 1);
		Value null_text = (string) null;
		assert (add_func (kind).invoke_sync<int> (null, { 1, null_text }) == 1);
	}
}

void b1_types () throws Error {
	foreach (var kind in Kind.all ()) {
		var error = refusal (add_func (kind), { "a", "b" });
		assert ("gint" in error.message && "gchararray" in error.message);
		error = refusal (add_func (kind), { 1, 2.5 });
		assert ("gchararray" in error.message && "gdouble" in error.message);
	}
}

void b1_result () throws Error {
	foreach (var kind in Kind.all ()) {
		var func = make (kind, (call) => call.return_string ("not a number"));
		func.set_signature (typeof (int), null);
		foreach (var cell in Cell.all ()) {
			var error = run_cell (cell, func).error;
			assert (error is SmartAsync.Error.INVALID_ARGUMENTS);
			assert ("the-function" in error.message && "gint" in error.message && "gchararray" in error.message);
		}
	}
	// The typed layer, too, says what was expected and what came.
	var typed = SmartAsync.AsyncFunc.of_blocking<string> ((call) => "text");
	var error = caught (() => typed.invoke_sync<int> ());
	assert (error is SmartAsync.Error.INVALID_ARGUMENTS && "gint" in error.message && "gchararray" in error.message);
	// Numbers are converted where nothing is lost.
	var number = SmartAsync.AsyncFunc.of_blocking<int64?> ((call) => int64.MAX);
	assert (caught (() => number.invoke_sync<int> ()) is SmartAsync.Error.INVALID_ARGUMENTS);

	// Nor does anybody get what would be gone with the call.
	var text = SmartAsync.AsyncFunc.of_blocking<string> ((call) => "text");
	error = caught (() => { unowned string gone = text.invoke_sync<unowned string> (); assert (gone == null); });
	assert (error is SmartAsync.Error.INVALID_ARGUMENTS && "own" in error.message);
	assert (number.invoke_sync<uint64?> () == (uint64) int64.MAX);
	assert (SmartAsync.AsyncFunc.of_blocking<int> ((call) => 7).invoke_sync<double?> () == 7.0);
}

void b1_before () throws Error {
	foreach (var kind in Kind.all ()) {
		var n = 0;
		var func = add_func (kind, (call) => AtomicInt.inc (ref n));
		foreach (var args in new Variant[] { 1, 2 })
			refusal (func, { args.get_int32 () });
		wait_until (() => stat ("tickets") == 0 && stat ("queued") == 0);
		assert (AtomicInt.get (ref n) == 0);
	}
}

// A critical that names the function, or the argument; and it goes on.
void refused (string name, Scenario misuse) throws Error {
	expect_critical (@"*$name*", misuse);
}

void b1_null () throws Error {
	Error? no_error = null;
	SmartAsync.AsyncFunc? no_func = null;
	SmartAsync.Future? no_future = null;
	SmartAsync.Lock? no_lock = null;
	SmartAsync.Executor? no_executor = null;
	var lock = new SmartAsync.Lock ();

	refused ("func", () => caught (() => no_func.call_sync ()));
	refused ("func", () => no_func.callv ());
	refused ("func", () => caught (() => no_func.invoke_sync<int> ()));
	refused ("func", () => no_func.call_async.begin ());
	refused ("func", () => no_func.invoke_async.begin<int> ());
	refused ("func", () => no_func.set_signature (typeof (int), null));
	refused ("func", () => no_func.set_name ("name"));
	refused ("func", () => no_func.set_timeout (1));
	refused ("func", () => no_func.derivev ({}, {}));
	refused ("future", () => no_future.cancel ());
	refused ("future", () => no_future.resolve (1));
	refused ("future", () => caught (() => no_future.wait ()));
	refused ("future", () => caught (() => no_future.get_int ()));
	refused ("future", () => caught (() => no_future.get<int> ()));
	refused ("future", () => no_future.wait_async.begin ());
	refused ("future", () => no_future.wait_for_async.begin<int> ());
	refused ("future", () => no_future.then ((call, settled) => {}));
	refused ("future", () => no_future.with_timeout (1));
	refused ("lock", () => no_lock.reset ());
	refused ("lock", () => no_lock.run_once ("key", some_func ()));
	refused ("lock", () => no_lock.invoke_once_async.begin<int> ("key", some_func ()));
	refused ("func", () => lock.run_once ("key", no_func));
	refused ("func", () => caught (() => lock.run_once_sync ("key", no_func)));
	refused ("func", () => lock.run_once_async.begin ("key", no_func));
	refused ("executor", () => no_executor.set_max_pending (1));
	refused ("error", () => new SmartAsync.Future.for_error (no_error));
	assert (lock.n_calls == 0);

	// Within a body: an argument that is not there, or is of another type.
	var asking = blocking ((call) => {
		try {
			refused ("asked for argument 1", () => call.get_int (1));
			refused ("asked for argument 1", () => call.get<int> (1));
			refused ("Argument 0*gchararray*gint", () => call.get_int (0));
			refused ("Argument 0*gchararray*gint", () => call.get<int> (0));
			refused ("error", () => call.return_error (no_error));
		} catch (Error error) {
			fail (error.message);
		}
		call.return_none ();
	});
	asking.call_sync (null, { "text" });
}

void b1_negative () throws Error {
	var future = new SmartAsync.Future ();
	refused ("timeout_usec", () => caught (() => future.wait (-2)));
	refused ("timeout_usec", () => caught (() => future.wait_for<int> (int64.MIN)));
	var executor = new SmartAsync.Executor.pool ("some", 1);
	refused ("max_pending", () => executor.max_pending = uint.MAX);
	assert (executor.max_pending == 0);
}

void b1_enums () throws Error {
	var func = some_func ();
	refused ("mode", () => SmartAsync.context_push_mode ((SmartAsync.Mode) 77));
	refused ("policy", () => func.main_context_policy = (SmartAsync.MainContextPolicy) 77);
	refused ("policy", () => func.main_context_policy = (SmartAsync.MainContextPolicy) (-1));
	assert (func.main_context_policy == PRIVATE && !SmartAsync.context_is_async ());
}

int main (string[] args) {
	Check.init (ref args);

	add ("B1.a", b1_number);
	add ("B1.b", b1_types);
	add ("B1.c", b1_result);
	add ("B1.d", b1_before);
	add_subprocess ("B1.e", b1_null);
	add_subprocess ("B1.f", b1_negative);
	add_subprocess ("B1.g", b1_enums);

	return Check.run ();
}
