// SPDX-License-Identifier: LGPL-2.1-or-later

// The hand-written part of the vapi: what a T may be, where errors go, and that
// nothing is copied once too often or not at all.

using Check;

struct Point {
	public int x;
	public double y;
}

[CCode (has_type_id = false)]
struct Plain {
	public int x;
	public double y;
}

class Mine {
	public static int n_alive;
	public int x;

	public Mine (int x) {
		this.x = x;
		AtomicInt.inc (ref n_alive);
	}

	~Mine () {
		AtomicInt.add (ref n_alive, -1);
	}
}

enum Colour {
	RED,
	GREEN = 7
}

[CCode (has_type_id = false)]
enum Odd {
	A,
	B = -3
}

errordomain Oops {
	ONE
}

async int later_plus_one (int x) throws Error {
	var timeout = new TimeoutSource (1);
	timeout.set_callback (later_plus_one.callback);
	timeout.attach (MainContext.ref_thread_default ());
	yield;
	if (x < 0)
		throw new Oops.ONE ("negative");
	return x + 1;
}

void run_sync () throws Error {
	assert (SmartAsync.run_sync<int> ((cb) => later_plus_one.begin (3, (owned) cb), (r) => later_plus_one.end (r)) == 4);
	var error = caught (() => SmartAsync.run_sync<int> ((cb) => later_plus_one.begin (-3, (owned) cb), (r) => later_plus_one.end (r)));
	assert (error is Oops.ONE && error.message == "negative");
	in_loop (() => {
		assert (SmartAsync.run_sync<int> ((cb) => later_plus_one.begin (3, (owned) cb), (r) => later_plus_one.end (r)) == 4);
	});
}

// Each T through a blocking body, as the direct result and as a future's, twice.
void types () throws Error {
	Point point = { 1, 2.5 };
	Plain plain = { 3, 4.5 };
	var file = File.new_for_path ("/");

	assert (SmartAsync.AsyncFunc.of_blocking<int> ((call) => -5).invoke_sync<int> () == -5);
	assert (SmartAsync.AsyncFunc.of_blocking<uint> ((call) => uint.MAX).invoke_sync<uint> () == uint.MAX);
	assert (SmartAsync.AsyncFunc.of_blocking<uint8> ((call) => 200).invoke_sync<uint8> () == 200);
	assert (SmartAsync.AsyncFunc.of_blocking<unichar> ((call) => 'ß').invoke_sync<unichar> () == 'ß');
	assert (SmartAsync.AsyncFunc.of_blocking<bool> ((call) => true).invoke_sync<bool> ());
	assert (SmartAsync.AsyncFunc.of_blocking<Colour> ((call) => Colour.GREEN).invoke_sync<Colour> () == Colour.GREEN);
	assert (SmartAsync.AsyncFunc.of_blocking<Odd> ((call) => Odd.B).invoke_sync<Odd> () == Odd.B);
	assert (SmartAsync.AsyncFunc.of_blocking<Type> ((call) => typeof (File)).invoke_sync<Type> () == typeof (File));
	assert (SmartAsync.AsyncFunc.of_blocking<int64?> ((call) => int64.MIN).invoke_sync<int64?> () == int64.MIN);
	assert (SmartAsync.AsyncFunc.of_blocking<uint64?> ((call) => uint64.MAX).invoke_sync<uint64?> () == uint64.MAX);
	assert (SmartAsync.AsyncFunc.of_blocking<double?> ((call) => 0.5).invoke_sync<double?> () == 0.5);
	assert (SmartAsync.AsyncFunc.of_blocking<float?> ((call) => 0.5f).invoke_sync<float?> () == 0.5f);
	assert (SmartAsync.AsyncFunc.of_blocking<bool?> ((call) => true).invoke_sync<bool?> () == true);
	assert (SmartAsync.AsyncFunc.of_blocking<int?> ((call) => null).invoke_sync<int?> () == null);
	assert (SmartAsync.AsyncFunc.of_blocking<string> ((call) => "Grüße").invoke_sync<string> () == "Grüße");
	assert (SmartAsync.AsyncFunc.of_blocking<string?> ((call) => null).invoke_sync<string?> () == null);
	assert (SmartAsync.AsyncFunc.of_blocking<File> ((call) => file).invoke_sync<File> () == file);
	assert (SmartAsync.AsyncFunc.of_blocking<Object> ((call) => (Object) file).invoke_sync<File> () == file);
	assert (SmartAsync.AsyncFunc.of_blocking<Object?> ((call) => null).invoke_sync<Object?> () == null);
	assert (SmartAsync.AsyncFunc.of_blocking<Variant> ((call) => new Variant.int32 (4)).invoke_sync<Variant> ().get_int32 () == 4);
	assert (SmartAsync.AsyncFunc.of_blocking<Bytes> ((call) => new Bytes ({ 1, 2 })).invoke_sync<Bytes> ().length == 2);
	assert (SmartAsync.AsyncFunc.of_blocking<Point?> ((call) => point).invoke_sync<Point?> () == point && point.x == 1 && point.y == 2.5);
	var future = SmartAsync.AsyncFunc.of_blocking<Plain?> ((call) => plain).callv ();
	assert (future.get<Plain?> ().x == 3 && future.get<Plain?> ().y == 4.5);

	Mine? mine = SmartAsync.AsyncFunc.of_blocking<Mine> ((call) => new Mine (4)).invoke_sync<Mine> ();
	assert (mine.x == 4 && Mine.n_alive == 1);
	mine = null;
	assert (Mine.n_alive == 0);
}

void arguments () throws Error {
	var file = File.new_for_path ("/");
	var func = SmartAsync.AsyncFunc.of_blocking<string> ((call) => {
		assert (call.get<File> (2) == file && call.get<double?> (1) == 0.5 && call.get<int64?> (0) == 3);
		return "%d %g %s".printf (call.get<int> (0), call.get<double?> (1), call.get<string?> (3) ?? "null");
	});
	Value nothing = (string) null;
	assert (func.invoke_sync<string> (null, { 3, 0.5, file, "text" }) == "3 0.5 text");
	assert (func.invoke_sync<string> (null, { 3, 0.5, file, nothing }) == "3 0.5 null");
}

void mismatches () throws Error {
	var number = SmartAsync.AsyncFunc.of_blocking<int> ((call) => 300);
	var mine = SmartAsync.AsyncFunc.of_blocking<Mine> ((call) => new Mine (4));

	assert (number.invoke_sync<double?> () == 300.0 && number.invoke_sync<uint64?> () == 300);
	assert (caught (() => number.invoke_sync<string> ()) is SmartAsync.Error.INVALID_ARGUMENTS);
	assert (caught (() => number.invoke_sync<uint8> ()) is SmartAsync.Error.INVALID_ARGUMENTS);
	assert (caught (() => number.invoke_sync<bool> ()) is SmartAsync.Error.INVALID_ARGUMENTS);
	assert (caught (() => number.invoke_sync<Plain?> ()) is SmartAsync.Error.INVALID_ARGUMENTS);
	assert (caught (() => mine.invoke_sync<Object> ()) is SmartAsync.Error.INVALID_ARGUMENTS);
	assert (caught (() => number.callv ().get<File> ()) is SmartAsync.Error.INVALID_ARGUMENTS);
	assert (Mine.n_alive == 0);
}

async void offload_all () throws Error {
	var captured = 20;
	unowned Thread<void*> here = Thread.self<void*> ();

	assert ((yield SmartAsync.offload<int> (() => captured + 1)) == 21);
	assert ((yield SmartAsync.offload<string> (() => "text")) == "text");
	assert ((yield SmartAsync.offload<double?> (() => 0.25)) == 0.25);
	assert ((yield SmartAsync.offload<Mine> (() => new Mine (3))).x == 3);
	assert (yield SmartAsync.offload<bool> (() => Thread.self<void*> () != here));
	try {
		yield SmartAsync.offload<bool> (() => { throw new Oops.ONE ("in the worker"); });
		assert_not_reached ();
	} catch (Oops.ONE error) {
		assert (error.message == "in the worker");
	}

	var cancellable = new Cancellable ();
	cancellable.cancel ();
	try {
		yield SmartAsync.offload<bool> (() => { assert_not_reached (); }, cancellable);
		assert_not_reached ();
	} catch (IOError.CANCELLED error) {
	}

	var executor = new SmartAsync.Executor.pool ("idioms", 1);
	unowned Thread<void*>? first = null;
	for (var n = 0; n < 3; n++) {
		unowned Thread<void*>? ran_on = null;
		yield SmartAsync.offload<bool> (() => {
			ran_on = Thread.self<void*> ();
			return true;
		}, null, executor);
		first = first ?? ran_on;
		assert (ran_on == first && ran_on != here);
	}
	assert (Thread.self<void*> () == here);
}

void offload () throws Error {
	in_loop_async ((cb) => offload_all.begin ((owned) cb), (result) => offload_all.end (result));
	wait_until (() => {
		context_here ().iteration (false);
		return AtomicInt.get (ref Mine.n_alive) == 0;
	});
}

async void typed_async () throws Error {
	var func = SmartAsync.AsyncFunc.of_async<int> ((call, cb) => later_plus_one.begin (call.get<int> (0), (owned) cb), (r) => later_plus_one.end (r));
	var lock = new SmartAsync.Lock ();

	assert ((yield func.invoke_async<int> (null, { 3 })) == 4);
	assert ((yield func.callv (null, { 3 }).wait_for_async<int> ()) == 4);
	assert ((yield lock.invoke_once_async<int> ("key", func, null, { 3 })) == 4);
	try {
		yield func.invoke_async<int> (null, { -3 });
		assert_not_reached ();
	} catch (Oops.ONE error) {
		assert (error.message == "negative");
	}
	try {
		yield lock.invoke_once_async<string> ("key", func, null, { 3 });
		assert_not_reached ();
	} catch (SmartAsync.Error.INVALID_ARGUMENTS error) {
		assert ("gchararray" in error.message);
	}
}

void typed_calls () throws Error {
	var func = SmartAsync.AsyncFunc.of_async<int> ((call, cb) => later_plus_one.begin (call.get<int> (0), (owned) cb), (r) => later_plus_one.end (r));
	var lock = new SmartAsync.Lock ();

	assert (func.invoke_sync<int> (null, { 3 }) == 4);
	assert (func.callv (null, { 3 }).wait_for<int> () == 4);
	assert (lock.invoke_once_sync<int> ("key", func, null, { 3 }) == 4);
	assert (caught (() => func.invoke_sync<int> (null, { -3 })) is Oops.ONE);
	in_loop_async ((cb) => typed_async.begin ((owned) cb), (result) => typed_async.end (result));
}

void derive () throws Error {
	var func = SmartAsync.AsyncFunc.of_blocking<int> ((call) => 42);
	var derived = func.derive ("timeout", 77u, "name", "derived", "abandon-on-cancel", true);
	assert (derived.timeout == 77 && derived.name == "derived" && derived.abandon_on_cancel);
	assert (func.timeout == 0 && derived.invoke_sync<int> () == 42);
}

// A body that connects to its cancellable late.
void shield () throws Error {
	var outer = new Cancellable ();
	var was_early = true;
	var func = new SmartAsync.AsyncFunc ((call) => {
		SmartAsync.Call? held = call;
		outer.cancel ();
		was_early = call.get_cancellable ().is_cancelled ();
		call.get_cancellable ().cancelled.connect (() => {
			if (held != null)
				held.return_none ();
			held = null;
		});
	});
	func.shield_begin ();
	assert (caught (() => func.call_sync (null, null, outer)) is IOError.CANCELLED);
	assert (!was_early);
}

int main (string[] args) {
	Check.init (ref args);

	add ("run-sync", run_sync);
	add ("types", types);
	add ("arguments", arguments);
	add ("mismatches", mismatches);
	add ("offload", offload);
	add ("typed-calls", typed_calls);
	add ("derive", derive);
	add ("shield", shield);

	return Check.run ();
}
