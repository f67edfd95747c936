// SPDX-License-Identifier: LGPL-2.1-or-later

// The contract's section M: the matrix of callers and functions.

using Check;

unowned Thread<void*> me () {
	return Thread.self<void*> ();
}

int sum (SmartAsync.Call call) {
	var it = 0;
	for (uint n = 0; n < call.get_n_args (); n++)
		it += call.get<int> (n);
	return call.get_n_args () > 0 ? it : 42;
}

// What a body saw.
class Seen {
	public int n;
	public unowned Thread<void*> thread;
	public MainContext? context;
	public uint n_fds;
	public uint n_threads;
	public Gate? gate;

	public void take (SmartAsync.Call call) {
		thread = me ();
		context = call.get_context ();
		n_fds = count_fds ();
		n_threads = count_threads ();
		AtomicInt.inc (ref n);
		if (gate != null)
			gate.wait ();
		call.return_int (sum (call));
	}

	// An async method that is a body: from a later source of the context that it is in.
	public async int later (SmartAsync.Call call) throws Error {
		thread = me ();
		context = call.get_context ();
		AtomicInt.inc (ref n);
		call.add_timeout (1, later.callback);
		yield;
		return sum (call);
	}

	public SmartAsync.AsyncFunc async_func () {
		return track (SmartAsync.AsyncFunc.of_async<int> ((call, cb) => later.begin (call, (owned) cb),
		                                                  (result) => later.end (result)));
	}
}

void m1_value () throws Error {
	foreach (var func in new SmartAsync.AsyncFunc[] { at_once ((call) => call.return_int (sum (call))), new Seen ().async_func () }) {
		assert (func.callv ().get<int> () == 42);
		assert (func.callv (null, { 3, 4 }).get<int> () == 7);
		assert (func.invoke_sync<int> (null, { 3, 4 }) == 7);
	}
}

void m2_same_thread () throws Error {
	var seen = new Seen ();
	var func = blocking (seen.take);
	assert (func.callv ().get<int> () == 42 && seen.thread == me () && seen.context == null);
	assert (func.invoke_sync<int> () == 42 && seen.thread == me () && seen.n == 2);
	assert (SmartAsync.AsyncFunc.of_blocking<bool> ((call) => me () == seen.thread).invoke_sync<bool> ());
}

// In a process of its own, where no earlier test's thread ends meanwhile.
void m2_nothing_made () throws Error {
	var seen = new Seen ();
	var func = blocking (seen.take);
	MainContext.default ();
	var n_threads = count_threads ();
	var n_fds = count_fds ();

	for (var n = 0; n < 3; n++) {
		if (n < 2)
			func.callv ();
		else
			func.call_sync ();
		assert (seen.n_fds == n_fds && seen.n_threads == n_threads);
		assert (count_fds () == n_fds && count_threads () == n_threads);
	}
	assert (stat ("contexts-created") == 0 && stat ("threads-created") == 0 && stat ("tickets-issued") == 0);
}

void check_on_worker (Seen seen, SmartAsync.AsyncFunc func) throws Error {
	assert (func.callv ().get<int> () == 42 && seen.n == 1 && seen.thread != me ());
	assert (func.invoke_sync<int> () == 42 && seen.n == 2 && seen.thread != me ());
}

void m2_executor () throws Error {
	var seen = new Seen ();
	var func = blocking (seen.take);
	func.executor = track (new SmartAsync.Executor.pool ("m2", 1));
	check_on_worker (seen, func);
}

void m2_timeout () throws Error {
	var seen = new Seen ();
	var func = blocking (seen.take);
	func.timeout = 60 * 1000;
	check_on_worker (seen, func);
}

void m2_abandon () throws Error {
	var seen = new Seen ();
	var func = blocking (seen.take);
	func.abandon_on_cancel = true;
	check_on_worker (seen, func);
}

// The one slot is taken: the caller waits for its turn.
void m2_no_turn () throws Error {
	var seen = new Seen ();
	var gate = seen.gate = new Gate ();
	var func = blocking (seen.take);
	func.max_concurrency = 1;
	var first = start ("first", () => assert (func.invoke_sync<int> () == 42));
	gate.wait_for_waiters (1);
	var opener = start ("opener", () => {
		wait_until (() => "the-function" in SmartAsync.async_dump_waits ());
		assert (AtomicInt.get (ref seen.n) == 1);
		gate.open ();
	});
	assert (func.invoke_sync<int> () == 42);
	assert (seen.n == 2 && gate.is_open);
	first.join ();
	opener.join ();
}

void m3_begins_here () throws Error {
	var seen = new Seen ();
	var func = seen.async_func ();
	SmartAsync.Future? future = null;
	in_loop (() => {
		future = func.callv ();
		assert (seen.n == 1 && seen.thread == me ());
		assert (seen.context == MainContext.current_source ().get_context ());
	}, () => future.status != PENDING);
	assert (future.get<int> () == 42);
}

void m3_returns_before () throws Error {
	SmartAsync.Future? future = null;
	in_loop (() => {
		future = new Seen ().async_func ().callv ();
		assert (future.status == PENDING);
	}, () => future.status != PENDING);
	assert (future.get<int> () == 42);
}

void m3_callback_here () throws Error {
	foreach (var kind in Kind.all ())
		foreach (var cell in new Cell[] { Cell.A_ASYNC, Cell.A_SMART, Cell.S_ASYNC })
			assert (run_cell (cell, make (kind, (call) => call.return_int (42))).in_context);
}

void m3_never_inside () throws Error {
	foreach (var kind in Kind.all ()) {
		var func = make (kind, (call) => call.return_int (42));
		var inside = false;
		var n = 0;
		in_loop (() => {
			inside = true;
			func.call_async.begin (null, null, null, () => {
				assert (!inside);
				n++;
			});
			inside = false;
		}, () => n > 0);
		assert (n == 1);
	}
}

void m3_elsewhere () throws Error {
	var seen = new Seen ();
	var func = seen.async_func ();
	func.executor = track (new SmartAsync.Executor.loop ("m3"));
	assert (run_cell (Cell.A_ASYNC, func).value.get_int () == 42);
	assert (seen.n == 1 && seen.thread != me () && seen.context == func.executor.get_context ());

	// No free turn: it begins when there is one.
	var second = new Seen ();
	var limited = second.async_func ();
	limited.max_concurrency = 1;
	SmartAsync.Future? one = null;
	SmartAsync.Future? two = null;
	in_loop (() => {
		one = limited.callv ();
		two = limited.callv ();
		assert (second.n == 1);
	}, () => two.status != PENDING);
	assert (second.n == 2 && one.get<int> () == 42 && two.get<int> () == 42);
}

void m4_returns_at_once () throws Error {
	var seen = new Seen ();
	var gate = seen.gate = new Gate ();
	SmartAsync.Future? future = null;
	in_loop (() => {
		future = blocking (seen.take).callv ();
		assert (future.status == PENDING);
		gate.open ();
	}, () => future.status != PENDING);
	assert (future.get<int> () == 42);
}

async void m4_thread_async () throws Error {
	unowned Thread<void*> here = me ();
	var there = yield SmartAsync.offload<bool> (() => me () != here);
	assert (there && me () == here);
}

void m4_other_thread () throws Error {
	var seen = new Seen ();
	assert (int_of (Cell.A_SMART, blocking (seen.take)) == 42 && seen.thread != me ());
	in_loop_async ((cb) => m4_thread_async.begin ((owned) cb), (result) => m4_thread_async.end (result));
}

/* How often a timer of 1 ms ticks from begin () until is_over (). */
int count_ticks (owned Scenario begin, owned Predicate is_over) throws Error {
	var n_ticks = 0;
	in_loop (() => {
		var tick = new TimeoutSource (1);
		tick.set_callback (() => {
			n_ticks++;
			return !is_over ();
		});
		tick.attach (MainContext.current_source ().get_context ());
		begin ();
	}, () => is_over ());
	return n_ticks;
}

int count_idle_ticks () throws Error {
	int64 end = get_monotonic_time () + 200 * TimeSpan.MILLISECOND;
	return count_ticks (() => {}, () => get_monotonic_time () >= end);
}

int count_ticks_of_call () throws Error {
	var closed = new Gate ();
	SmartAsync.Future? future = null;
	return count_ticks (() => {
		future = blocking ((call) => {
			closed.wait_for (200 * TimeSpan.MILLISECOND);
			call.return_none ();
		}).callv ();
	}, () => future.status != PENDING);
}

void m4_loop_goes_on () throws Error {
	// As often as half of what comes where nothing runs; of too few one can tell nothing. A busy
	// machine may keep a timer from its tick: the best of some attempts counts.
	best_of_five (0, () => {
		var n_idle = count_idle_ticks ();
		var n_ticks = count_ticks_of_call ();
		return n_idle < 10 ? int64.MAX : int64.max (0, n_idle / 2 - n_ticks);
	});
}

void m4_result_here () throws Error {
	var outcome = run_cell (Cell.A_ASYNC, blocking ((call) => call.return_int (42)));
	assert (outcome.in_context && outcome.value.get_int () == 42);
}

void m5_sync_blocks () throws Error {
	foreach (var kind in Kind.all ())
		foreach (var cell in new Cell[] { Cell.S_SYNC, Cell.A_SYNC })
			assert (int_of (cell, make (kind, (call) => call.return_int (42))) == 42);
}

void m5_async_never () throws Error {
	foreach (var in_a in new bool[] { false, true }) {
		var gate = new Gate ();
		var func = blocking ((call) => {
			gate.wait ();
			call.return_int (42);
		});
		AsyncResult? result = null;
		Scenario call = () => {
			func.call_async.begin (null, null, null, (source, it) => result = it);
			assert (result == null);
			gate.open ();
		};
		if (in_a) {
			in_loop (call, () => result != null);
		} else {
			call ();
			iterate_until (null, () => result != null);
		}
		Value value;
		assert (func.call_async.end (result, out value) && value.get_int () == 42);
	}
}

void m6_standalone () throws Error {
	foreach (var cell in Cell.all ()) {
		assert (int_of (cell, SmartAsync.AsyncFunc.of_blocking<int> ((call) => 42)) == 42);
		assert (int_of (cell, new Seen ().async_func ()) == 42);
	}
}

class Counter : Object {
	static SmartAsync.AsyncFunc add_func;
	int total;

	// A method of its own, in one line.
	static construct {
		add_func = SmartAsync.AsyncFunc.of_blocking<int> ((call) => ((Counter) call.get_source_object ()).add (call.get<int> (0)));
	}

	public static unowned SmartAsync.AsyncFunc get_add () {
		return add_func;
	}

	public int add (int n) {
		return AtomicInt.add (ref total, n) + n;
	}

	public async int add_async (int n) throws Error {
		return yield get_add ().invoke_async<int> (this, { n });
	}
}

void m6_methods () throws Error {
	var counter = track (new Counter ());
	assert (Counter.get_add ().invoke_sync<int> (counter, { 3 }) == 3);
	in_loop_async ((cb) => counter.add_async.begin (4, (owned) cb), (result) => assert (counter.add_async.end (result) == 7));
	assert (counter.add (0) == 7);
}

void m6_pair () throws Error {
	var func = SmartAsync.AsyncFunc.of_async<FileInfo> (
		(call, cb) => call.get<File> (0).query_info_async.begin ("standard::type", 0, Priority.DEFAULT, call.get_cancellable (), (owned) cb),
		(result) => ((File) result.get_source_object ()).query_info_async.end (result));
	var root = File.new_for_path ("/");
	assert (func.invoke_sync<FileInfo> (null, { root }).get_file_type () == FileType.DIRECTORY);
	SmartAsync.Future? future = null;
	in_loop (() => {
		future = func.callv (null, { root });
		assert (future.status == PENDING);
	}, () => future.status != PENDING);
	assert (future.get<FileInfo> ().get_file_type () == FileType.DIRECTORY);
	var gone = File.new_for_path ("/nonexistent/file");
	assert (caught (() => func.invoke_sync<FileInfo> (null, { gone })) is IOError.NOT_FOUND);
}

// Functions that call functions; a letter a level, a: asynchronous, b: blocking. The digits of
// the value show the way.
class Nest {
	public SmartAsync.AsyncFunc[] funcs = {};
	public int n_on_other_thread;
	unowned Thread<void*> home = me ();

	public Nest (string kinds) {
		for (var n = 0; n < kinds.length; n++)
			funcs += kinds[n] == 'b' ? blocking_level (this, n) : async_level (this, n);
	}

	// Static, since a closure that is made in a method keeps its object.
	static SmartAsync.AsyncFunc blocking_level (Nest owner, int level) {
		weak Nest nest = owner;
		return track (SmartAsync.AsyncFunc.of_blocking<int> ((call) => {
			if (me () != nest.home)
				AtomicInt.inc (ref nest.n_on_other_thread);
			if (level + 1 == nest.funcs.length)
				return level + 1;
			// A body is a sync context: the inner call has its value when it returns.
			var inner = nest.funcs[level + 1].callv ();
			assert (inner.status == RESOLVED);
			return inner.get<int> () * 10 + level + 1;
		}));
	}

	static SmartAsync.AsyncFunc async_level (Nest owner, int level) {
		weak Nest nest = owner;
		return track (SmartAsync.AsyncFunc.of_async<int> ((call, cb) => nest.go.begin (call, level, (owned) cb), (result) => nest.go.end (result)));
	}

	async int go (SmartAsync.Call call, int level) throws Error {
		if (level + 1 < funcs.length)
			return (yield funcs[level + 1].invoke_async<int> ()) * 10 + level + 1;
		call.add_timeout (1, go.callback);
		yield;
		return level + 1;
	}
}

void check_nest (string kinds, bool in_a, int expected) throws Error {
	var nest = new Nest (kinds);
	if (!in_a) {
		assert (nest.funcs[0].callv ().get<int> () == expected);
		return;
	}
	SmartAsync.Future? future = null;
	in_loop (() => future = nest.funcs[0].callv (), () => future.status != PENDING);
	assert (future.get<int> () == expected);
	// A loop's thread never runs a blocking body.
	assert (nest.n_on_other_thread == kinds.split ("b").length - 1);
}

void m7_in_worker () throws Error {
	check_nest ("aba", true, 321);
	check_nest ("aba", false, 321);
}

void m7_four_deep_s () throws Error {
	for (var n = 0; n < 20; n++)
		check_nest ("baba", false, 4321);
}

void m7_four_deep_a () throws Error {
	for (var n = 0; n < 20; n++)
		check_nest ("baba", true, 4321);
}

void m8_s () throws Error {
	check_nest ("aa", false, 21);
	check_nest ("bb", false, 21);
	check_nest ("aaa", false, 321);
	check_nest ("bbb", false, 321);
}

void m8_a () throws Error {
	check_nest ("aa", true, 21);
	check_nest ("bb", true, 21);
	check_nest ("aaa", true, 321);
	check_nest ("bbb", true, 321);
}

async void call_many (SmartAsync.AsyncFunc func, int first) throws Error {
	var futures = new GenericArray<SmartAsync.Future> ();
	for (var n = 0; n < 1000; n++)
		futures.add (func.callv (null, { first + n }));
	for (var n = 0; n < 1000; n++)
		assert ((yield futures[n].wait_for_async<int> ()) == first + n);
}

void check_crowd (SmartAsync.AsyncFunc func, bool in_a) throws Error {
	var gate = new Gate ();
	Thread<bool>[] threads = {};
	for (var n = 0; n < 8; n++) {
		var first = n * 1000;
		threads += start (@"caller $n", () => {
			gate.wait ();
			if (in_a)
				in_loop_async ((cb) => call_many.begin (func, first, (owned) cb), (result) => call_many.end (result));
			else
				for (var i = 0; i < 1000; i++)
					assert (func.callv (null, { first + i }).get<int> () == first + i);
		});
	}
	gate.wait_for_waiters (8);
	gate.open ();
	foreach (var thread in threads)
		thread.join ();
}

void m9_eight_threads () throws Error {
	foreach (var kind in new Kind[] { Kind.AT_ONCE, Kind.BLOCKING, Kind.DUAL }) {
		check_crowd (make (kind, (call) => call.return_int (call.get<int> (0))), false);
		check_crowd (make (kind, (call) => call.return_int (call.get<int> (0))), true);
	}
}

// Says which of its bodies ran, and where.
SmartAsync.AsyncFunc dual (Seen begun, Seen blocked) {
	return track (SmartAsync.AsyncFunc.of_dual<int> ((call, cb) => begun.later.begin (call, (owned) cb),
	                                                 (result) => begun.later.end (result),
	                                                 (call) => {
		blocked.thread = me ();
		blocked.n++;
		return 42;
	}));
}

void m11_sync () throws Error {
	var begun = new Seen ();
	var blocked = new Seen ();
	assert (dual (begun, blocked).callv ().get<int> () == 42);
	assert (begun.n == 0 && blocked.n == 1 && blocked.thread == me ());
}

void m11_call_sync () throws Error {
	foreach (var cell in new Cell[] { Cell.S_SYNC, Cell.A_SYNC }) {
		var begun = new Seen ();
		var blocked = new Seen ();
		assert (int_of (cell, dual (begun, blocked)) == 42);
		assert (begun.n == 0 && blocked.n == 1 && blocked.thread == me ());
	}
}

void m11_async () throws Error {
	var begun = new Seen ();
	var blocked = new Seen ();
	assert (int_of (Cell.A_SMART, dual (begun, blocked)) == 42);
	assert (begun.n == 1 && blocked.n == 0 && begun.thread == me ());
}

void m11_call_async () throws Error {
	foreach (var cell in new Cell[] { Cell.S_ASYNC, Cell.A_ASYNC }) {
		var begun = new Seen ();
		var blocked = new Seen ();
		assert (int_of (cell, dual (begun, blocked)) == 42);
		assert (begun.n == 1 && blocked.n == 0 && begun.thread == me ());
	}
}

int main (string[] args) {
	Check.init (ref args);

	add ("M1.a", m1_value);
	add ("M2.a", m2_same_thread);
	add_subprocess ("M2.b", m2_nothing_made);
	add ("M2.c", m2_executor);
	add ("M2.d", m2_timeout);
	add ("M2.e", m2_abandon);
	add ("M2.f", m2_no_turn);
	add ("M3.a", m3_begins_here);
	add ("M3.b", m3_returns_before);
	add ("M3.c", m3_callback_here);
	add ("M3.d", m3_never_inside);
	add ("M3.e", m3_elsewhere);
	add ("M4.a", m4_returns_at_once);
	add ("M4.b", m4_other_thread);
	add ("M4.c", m4_loop_goes_on);
	add ("M4.d", m4_result_here);
	add ("M5.a", m5_sync_blocks);
	add ("M5.b", m5_async_never);
	add ("M6.a", m6_standalone);
	add ("M6.b", m6_methods);
	add ("M6.c", m6_pair);
	add ("M7.a", m7_in_worker);
	add ("M7.b", m7_four_deep_s);
	add ("M7.c", m7_four_deep_a);
	add ("M8.a", m8_s);
	add ("M8.b", m8_a);
	add ("M9.a", m9_eight_threads, true);
	add ("M11.a", m11_sync);
	add ("M11.b", m11_call_sync);
	add ("M11.c", m11_async);
	add ("M11.d", m11_call_async);

	return Check.run ();
}
