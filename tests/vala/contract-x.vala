// SPDX-License-Identifier: LGPL-2.1-or-later

// The contract's section X: waits that would never end are refused.

using Check;

SmartAsync.Future offloaded (SmartAsync.AsyncFunc func, Value[]? args = null) {
	SmartAsync.context_push_mode (ASYNC);
	var future = func.callv (null, args);
	SmartAsync.context_pop_mode ();
	return future;
}

// The home context of what it waits for is this very thread's, and nobody iterates it.
void x1_home () throws Error {
	SmartAsync.Future? future = null;
	in_loop (() => {
		future = track (later ((call) => call.return_int (7)).callv ());
		var begun = get_monotonic_time ();
		var error = caught (() => future.wait ());
		assert (error is SmartAsync.Error.WOULD_DEADLOCK);
		assert (get_monotonic_time () - begun < DEADLINE);
		// Both: what is waited for, and who waits.
		assert ("the-function" in error.message);
		assert ("%p".printf (MainContext.current_source ().get_context ()) in error.message);
		assert (future.status == PENDING);
	}, () => future.status != PENDING);
	// It stayed alive, and has its value now.
	assert (future.get<int> () == 7);
}

// Each waits for the next one; in a closed one, exactly one is refused and the rest go on.
class Ring {
	public SmartAsync.Future[] futures = {};
	public SmartAsync.AsyncFunc[] funcs = {};
	public int n_refused;
	public string? says;
	public Gate all = new Gate ();
	int n;
	bool closed;

	public Ring (int n, bool closed) {
		this.n = n;
		this.closed = closed;
		for (var i = 0; i < n; i++)
			add (this, i);
	}

	// Static, since a closure that is made in a method keeps its object.
	static void add (Ring owner, int number) {
		weak Ring ring = owner;
		var func = new SmartAsync.AsyncFunc.blocking ((call) => {
			ring.all.wait ();
			if (ring.closed || number + 1 < ring.n) {
				var error = caught (() => ring.futures[(number + 1) % ring.n].wait ());
				if (error != null) {
					assert (error is SmartAsync.Error.WOULD_DEADLOCK);
					AtomicInt.inc (ref ring.n_refused);
					ring.says = error.message;
				}
			}
			call.return_int (number);
		});
		func.name = @"member-$number";
		owner.funcs += track (func);
		owner.futures += track (offloaded (func));
	}

	public void run () throws Error {
		all.open ();
		for (var i = 0; i < n; i++)
			assert (futures[i].wait_for<int> (DEADLINE) == i);
		assert (AtomicInt.get (ref n_refused) == (closed ? 1 : 0));
		for (var i = 0; closed && i < n; i++)
			assert (@"member-$i" in says);
	}
}

void x2_two () throws Error {
	for (var round = 0; round < 20; round++) {
		new Ring (2, false).run ();
		new Ring (2, true).run ();
	}
}

void x2_five () throws Error {
	for (var round = 0; round < 20; round++) {
		new Ring (5, false).run ();
		new Ring (5, true).run ();
	}
}

void note_refusal (Error? error, ref int n_refused) {
	if (error is SmartAsync.Error.WOULD_DEADLOCK)
		AtomicInt.inc (ref n_refused);
	else
		assert (error == null);
}

// Two functions of one slot each, whose bodies call each other.
void x2_slots () throws Error {
	var left_inside = new Gate ();
	var right_inside = new Gate ();
	var n_refused = 0;
	SmartAsync.AsyncFunc? left = null;
	SmartAsync.AsyncFunc? right = null;
	var n_inside = 0;
	// Those that the two make are descendants: they do not go on.
	left = blocking ((call) => {
		var first = AtomicInt.add (ref n_inside, 1) < 2;
		left_inside.open ();
		right_inside.wait ();
		note_refusal (first ? caught (() => right.call_sync ()) : null, ref n_refused);
		call.return_none ();
	});
	right = blocking ((call) => {
		var first = AtomicInt.add (ref n_inside, 1) < 2;
		right_inside.open ();
		left_inside.wait ();
		note_refusal (first ? caught (() => left.call_sync ()) : null, ref n_refused);
		call.return_none ();
	});
	left.max_concurrency = right.max_concurrency = 1;
	var one = start ("left", () => left.call_sync ());
	var other = start ("right", () => right.call_sync ());
	one.join ();
	other.join ();
	assert (AtomicInt.get (ref n_refused) == 1);
	left = null;
	right = null;
}

// A tree of calls, known by its seed: each node's value is the number of nodes below it, and itself.
// Where two nodes are of the same depth and seed, they are the same.
class Trees {
	public SmartAsync.AsyncFunc blocking_node;
	public SmartAsync.AsyncFunc async_node;
	public SmartAsync.AsyncFunc settler;

	public Trees () {
		plant_nodes (this);
	}

	// Static, since a closure that is made in a method keeps its object.
	static void plant_nodes (Trees owner) {
		weak Trees trees = owner;
		owner.blocking_node = SmartAsync.AsyncFunc.of_blocking<int> ((call) => trees.run (call.get<int> (0), call.get<uint> (1)));
		owner.blocking_node.name = "blocking-node";
		owner.async_node = SmartAsync.AsyncFunc.of_async<int> ((call, cb) => trees.run_async.begin (call, (owned) cb), (result) => trees.run_async.end (result));
		owner.async_node.name = "async-node";
		owner.settler = SmartAsync.AsyncFunc.of_blocking<bool> ((call) => call.get<SmartAsync.Future> (0).resolve (1));
	}

	static int n_children (int depth, Rand rand) {
		return depth == 0 ? 0 : rand.int_range (0, 10) < 9 ? 1 : 2;
	}

	public static int expect (int depth, uint seed) {
		var rand = new Rand.with_seed (seed);
		var sum = 1;
		var n = n_children (depth, rand);
		for (var i = 0; i < n; i++) {
			var next = rand.next_int ();
			rand.next_int ();
			sum += expect (depth - 1, next);
		}
		return sum;
	}

	int run (int depth, uint seed) throws Error {
		var rand = new Rand.with_seed (seed);
		var sum = 1;
		var n = n_children (depth, rand);
		for (var i = 0; i < n; i++) {
			Value[] args = { depth - 1, rand.next_int () };
			switch (rand.next_int () % 6) {
			case 0:
				sum += blocking_node.invoke_sync<int> (null, args);
				break;
			case 1:
				sum += async_node.invoke_sync<int> (null, args);
				break;
			case 2:
				sum += async_node.callv (null, args).get<int> ();
				break;
			case 3:
				sum += offloaded (blocking_node, args).wait_for<int> ();
				break;
			case 4:
				sum += offloaded (blocking_node, args).wait_for<int> (DEADLINE);
				break;
			default:
				// By hand, from another worker, and meanwhile the child.
				var by_hand = new SmartAsync.Future ();
				var settled = offloaded (settler, { by_hand });
				assert (by_hand.wait_for<int> () == 1);
				settled.wait ();
				sum += blocking_node.invoke_sync<int> (null, args);
				break;
			}
		}
		return sum;
	}

	async int run_async (SmartAsync.Call call) throws Error {
		var depth = call.get<int> (0);
		var rand = new Rand.with_seed (call.get<uint> (1));
		var sum = 1;
		var n = n_children (depth, rand);
		for (var i = 0; i < n; i++) {
			Value[] args = { depth - 1, rand.next_int () };
			switch (rand.next_int () % 6) {
			case 0:
				sum += yield blocking_node.invoke_async<int> (null, args);
				break;
			case 1:
				sum += yield async_node.invoke_async<int> (null, args);
				break;
			case 2:
				sum += blocking_node.invoke_sync<int> (null, args);
				break;
			case 3:
				sum += async_node.invoke_sync<int> (null, args);
				break;
			default:
				sum += yield async_node.callv (null, args).with_timeout (60 * 1000).wait_for_async<int> ();
				break;
			}
		}
		return sum;
	}

	// At least six deep.
	public void plant (Cell cell, int n_trees, uint seed) throws Error {
		var rand = new Rand.with_seed (seed);
		for (var i = 0; i < n_trees; i++) {
			var depth = rand.int_range (6, 8);
			var root_seed = rand.next_int ();
			Value[] args = { depth, root_seed };
			var root = rand.boolean () ? blocking_node : async_node;
			int? got = null;
			switch (cell) {
			case S_SYNC:
				got = root.invoke_sync<int> (null, args);
				break;
			case S_SMART:
				got = root.callv (null, args).get<int> ();
				break;
			default:
				SmartAsync.Future? future = null;
				in_loop (() => future = root.callv (null, args), () => future.status != PENDING);
				got = future.get<int> ();
				break;
			}
			assert (got == expect (depth, root_seed));
		}
	}
}

void x3_no_false_alarm () throws Error {
	var trees = new Trees ();
	var seed = Test.rand_int ();
	Test.message ("seed %d", seed);
	var one = start ("trees", () => trees.plant (Cell.S_SYNC, 3334, seed + 1));
	var other = start ("trees", () => trees.plant (Cell.A_SMART, 3333, seed + 2));
	trees.plant (Cell.S_SMART, 3333, seed);
	one.join ();
	other.join ();
}

// While trees are run, too.
void x3_planted () throws Error {
	var trees = new Trees ();
	var thread = start ("trees", () => trees.plant (Cell.S_SYNC, 100, Test.rand_int ()));
	for (var n = 2; n < 8; n++)
		new Ring (n, true).run ();
	thread.join ();
}

void x4_dump () throws Error {
	var inside = new Gate ();
	var release = new Gate ();
	var inner = blocking ((call) => {
		inside.open ();
		release.wait ();
		call.return_none ();
	});
	inner.name = "inner";
	var outer = blocking ((call) => {
		assert (caught (() => offloaded (inner).wait ()) == null);
		call.return_none ();
	});
	outer.name = "outer";
	outer.abandon_on_cancel = true;
	SmartAsync.Call? kept = null;
	var begun = new Gate ();
	var lonely = at_once ((call) => {
		kept = call;
		begun.open ();
	});
	lonely.name = "lonely";
	var one = start ("outer", () => outer.call_sync ());
	var other = start ("lonely", () => lonely.call_sync ());
	inside.wait ();
	begun.wait ();
	string dump = "";
	wait_until (() => {
		dump = SmartAsync.async_dump_waits ();
		foreach (var word in new string[] { "inner", "outer", "lonely", "thread", "context", " s" })
			if (!(word in dump))
				return false;
		return true;
	}, () => dump);
	release.open ();
	kept.return_none ();
	kept = null;
	one.join ();
	other.join ();
	assert (SmartAsync.async_dump_waits () == "");
}

void x4_by_itself () throws Error {
	// Ten seconds are long for a test.
	Environment.set_variable ("SMARTASYNC_DEBUG", "waits", true);
	Environment.set_variable ("SMARTASYNC_DEBUG_WAITS_MSEC", "50", true);

	assert (caught (() => new SmartAsync.Future ().wait (300 * TimeSpan.MILLISECOND)) is IOError.TIMED_OUT);
}

int main (string[] args) {
	Check.init (ref args);

	add ("X1.a", x1_home);
	add ("X1.b", x1_home);
	add ("X1.c", x1_home);
	add ("X2.a", x2_two);
	add ("X2.b", x2_five);
	add ("X2.c", x2_slots);
	add ("X3.a", x3_no_false_alarm, true);
	add ("X3.b", x3_planted);
	add ("X4.a", x4_dump);
	add_subprocess ("X4.b", x4_by_itself, "*takes long*thread * waits*settled by hand*");

	return Check.run ();
}
