// SPDX-License-Identifier: LGPL-2.1-or-later

// What the contract's programs in Vala share: scenarios that run on the main
// thread and on one of their own, loops, gates, and the ways to call a
// function. Nothing here waits without a bound.

namespace Check {
	public delegate void Scenario () throws Error;
	public delegate bool Predicate ();
	public delegate void Act (SmartAsync.Call call);
	public delegate int64 Measure () throws Error;

	// How long anything may take that is expected to happen.
	public const int64 DEADLINE = 10 * TimeSpan.SECOND;

	unowned Thread<void*>? main_thread;
	GenericArray<Case> cases;
	string[] arguments;
	string program;

	class Case {
		public string path;
		public Scenario scenario;
		public bool on_main;
		public bool subprocess;
		public string? said;
		public bool once;

		public void run () {
			if (subprocess && !Test.subprocess ()) {
				Test.trap_subprocess (null, 3 * DEADLINE, 0);
				if (Test.trap_reached_timeout ())
					fail (@"the process of $path did not end in time");
				Test.trap_assert_passed ();
				Test.trap_assert_stderr (said ?? "");
			} else if (leaks_wanted ()) {
				run_again_and_again ();
			} else {
				run_once ();
			}
		}

		public void run_once () {
			if (on_main)
				try_it ();
			else
				new Thread<bool> ("test", () => {
					try_it ();
					return true;
				}).join ();
		}

		void try_it () {
			try {
				scenario ();
			} catch (Error error) {
				fail (@"$path: $(error.message)");
			}
			break_circles ();
		}

		Holdings measure (Holdings before) {
			var until = get_monotonic_time () + (Test.thorough () ? 5 : 0.05) * TimeSpan.SECOND;
			var most = once ? 1 : 1000;

			retired = null;
			for (var n = 0; n < most && (n < 3 || get_monotonic_time () < until); n++)
				run_once ();
			wait_until (() => {
				iterate_retired ();
				return all_at_rest ();
			});
			iterate_retired ();
			retired = null;

			var after = Holdings.take ();
			var deadline = get_monotonic_time () + patience;
			// Threads end by themselves, but not at once.
			while (!after.is_within (before) && get_monotonic_time () < deadline)
				after = Holdings.take ();
			return after;
		}

		// Z1: after a first time, none may leave anything behind.
		void run_again_and_again () {
			run_once ();
			wait_until (all_at_rest);
			var before = Holdings.take ();
			var after = before;
			// What is made once, by GLib too, may come late: what is left behind comes every time.
			for (var attempt = 0; attempt < 3; attempt++) {
				before = after;
				after = measure (before);
				if (after.is_within (before))
					break;
			}

			n_measured++;
			var says = @"$path leaves $after, and held $before before";
			if (after.n_objects > before.n_objects)
				fail (says);
			if (after.n_fds > before.n_fds)
				leaves_fds = says;
			if (after.n_threads > before.n_threads)
				leaves_threads = says;
			if (after.n_sources > before.n_sources)
				leaves_sources = says;
		}
	}

	// No worker of the shared pool has anything left to do.
	bool all_at_rest () {
		return stat ("tickets") == 0 && stat ("queued") == 0 && stat ("threads") == stat ("threads-idle");
	}

	// What the process holds when the library has let go of what it keeps to use again.
	class Holdings {
		public int n_objects;
		public uint n_fds;
		public uint n_threads;
		public uint64 n_sources;

		public static Holdings take () {
			var it = new Holdings ();

			SmartAsync.async_reset ();
			while (MainContext.default ().iteration (false)) {}
			iterate_retired ();
			it.n_objects = AtomicInt.get (ref n_tracked);
			it.n_fds = count_fds ();
			it.n_threads = count_threads ();
			it.n_sources = stat ("inboxes");
			return it;
		}

		public bool is_within (Holdings other) {
			return n_objects <= other.n_objects && n_fds <= other.n_fds
				&& n_threads <= other.n_threads && n_sources <= other.n_sources;
		}

		public string to_string () {
			return @"$n_objects objects, $n_fds fds, $n_threads threads, $n_sources sources";
		}
	}

	// How long what is to go may take.
	public int64 patience = DEADLINE;

	int n_tracked;

	// The scenarios that Z1 has looked at, and what one of them has left.
	int n_measured;
	string? leaves_fds;
	string? leaves_threads;
	string? leaves_sources;

	void judge (string? leaves) {
		assert (n_measured > 0);
		if (leaves != null)
			fail (leaves);
	}

	public int run () {
		if (leaks_wanted ()) {
			Test.add_func (@"/contract/Z1.b/$program", () => judge (leaves_fds));
			Test.add_func (@"/contract/Z1.c/$program", () => judge (leaves_threads));
			Test.add_func (@"/contract/Z1.d/$program", () => judge (leaves_sources));
		}
		return Test.run ();
	}

	// Counts it among the objects that a scenario must not leave behind.
	public T track<T> (owned T object) {
		AtomicInt.inc (ref n_tracked);
		((Object) object).weak_ref (() => AtomicInt.add (ref n_tracked, -1));
		return object;
	}

	bool leaks_wanted () {
		return Environment.get_variable ("SMART_TEST_LEAKS") != null;
	}

	[NoReturn]
	public void fail (string why) {
		printerr ("# %s\n", why);
		error ("%s", why);
	}

	// Registering

	public void init (ref unowned string[] args) {
		main_thread = Thread.self<void*> ();
		program = Path.get_basename (args[0]);
		cases = new GenericArray<Case> ();
		if (Environment.get_variable ("SMART_TEST_THOROUGH") != null) {
			arguments = args;
			arguments += "-m=thorough";
			args = arguments;
		}
		Test.init (ref args);
		// GLib's own pool keeps idle threads for a while, and they their contexts.
		if (leaks_wanted ())
			ThreadPool.set_max_unused_threads (0);
	}

	public bool on_main_thread () {
		return Thread.self<void*> () == main_thread;
	}

	void register (string path, bool on_main, bool subprocess, string? said, bool once, owned Scenario scenario) {
		// What ends its process leaves nothing that one could look at.
		if (leaks_wanted () && subprocess)
			return;
		var it = new Case ();
		it.path = leaks_wanted () ? path.replace ("/contract/", "/contract/Z1.a/") : path;
		it.on_main = on_main;
		it.subprocess = subprocess;
		it.said = said;
		it.once = once;
		it.scenario = (owned) scenario;
		cases.add (it);
		Test.add_data_func (it.path, it.run);
	}

	// What is no clause of the contract is named by its program.
	string root () {
		return program.has_prefix ("contract-") ? "/contract" : "/vala";
	}

	// On the main thread, and on one of its own. Those with large counts run once only.
	public void add (string clause, Scenario scenario, bool once = false) {
		register (@"$(root ())/$clause/main", true, false, null, once, () => scenario ());
		register (@"$(root ())/$clause/thread", false, false, null, once, () => scenario ());
	}

	public void add_main (string clause, Scenario scenario) {
		register (@"$(root ())/$clause/main", true, false, null, false, () => scenario ());
	}

	// In a process of its own, which must say what the pattern says, or nothing, and end well.
	public void add_subprocess (string clause, Scenario scenario, string? said = null) {
		register (@"$(root ())/$clause/main", true, true, said, false, () => scenario ());
		register (@"$(root ())/$clause/thread", false, true, said, false, () => scenario ());
	}

	// Errors

	public Error? caught (Scenario scenario) {
		try {
			scenario ();
		} catch (Error error) {
			return error;
		}
		return null;
	}

	// Loops

	public MainContext context_here () {
		return MainContext.ref_thread_default ();
	}

	public delegate string Describe ();

	// Nothing wakes the context but what is tested: a lost wake-up shows at the deadline.
	public void iterate_until (MainContext? context, Predicate predicate) {
		var iterated = context ?? context_here ();
		var expired = false;
		var deadline = new TimeoutSource ((uint) (DEADLINE / 1000));

		deadline.set_callback (() => {
			expired = true;
			return Source.REMOVE;
		});
		deadline.attach (iterated);
		while (!predicate () && !expired)
			iterated.iteration (true);
		deadline.destroy ();
		if (!predicate ())
			fail (@"$(Test.get_path ()): iterated in vain");
	}

	// For what other threads bring about, and nobody tells of.
	public void wait_until (Predicate predicate, Describe? describe = null) {
		var deadline = get_monotonic_time () + DEADLINE;

		while (!predicate ()) {
			if (get_monotonic_time () > deadline)
				fail (describe != null ? describe () : @"$(Test.get_path ()): waited in vain");
			Thread.yield ();
		}
	}

	// Has it called by a source of that context.
	public void invoke (MainContext context, owned Scenario scenario) {
		var idle = new IdleSource ();

		idle.set_priority (Priority.DEFAULT);
		idle.set_name ("test invocation");
		idle.set_callback (() => {
			try {
				scenario ();
			} catch (Error error) {
				fail (@"$(Test.get_path ()): $(error.message)");
			}
			return Source.REMOVE;
		});
		idle.attach (context);
	}

	// Calls it from a source of a running loop, an async context, and goes on until the
	// predicate holds: the default context's loop on the main thread, a new one's elsewhere.
	public void in_loop (Scenario scenario, Predicate? until = null) {
		var context = on_main_thread () ? MainContext.default () : new MainContext ();
		var called = false;

		if (!on_main_thread ())
			context.push_thread_default ();
		invoke (context, () => {
			scenario ();
			called = true;
		});
		iterate_until (context, () => called && (until == null || until ()));
		if (!on_main_thread ())
			context.pop_thread_default ();
		if (leaks_wanted ())
			retire (context);
	}

	Mutex retired_lock;
	GenericArray<MainContext>? retired;

	// A context on which something may still come to be released.
	void retire (MainContext context) {
		retired_lock.lock ();
		if (retired == null)
			retired = new GenericArray<MainContext> ();
		retired.add (context);
		retired_lock.unlock ();
	}

	void iterate_retired () {
		retired_lock.lock ();
		for (var n = 0; retired != null && n < retired.length; n++)
			while (retired[n].iteration (false)) {}
		retired_lock.unlock ();
	}

	public delegate void Finish (AsyncResult result) throws Error;

	// An async method of the test, from a source of a running loop.
	public void in_loop_async (SmartAsync.Begin begin, Finish finish) throws Error {
		AsyncResult? result = null;

		in_loop (() => begin ((source, it) => {
			result = it;
		}), () => result != null);
		// What valac captures here is never freed.
		var it = (owned) result;
		finish (it);
	}

	public void on_thread (Scenario scenario) {
		var path = Test.get_path ();

		new Thread<bool> ("beside", () => {
			try {
				scenario ();
			} catch (Error error) {
				fail (@"$path: $(error.message)");
			}
			return true;
		}).join ();
	}

	public Thread<bool> start (string name, owned Scenario scenario) {
		return new Thread<bool> (name, () => {
			try {
				scenario ();
			} catch (Error error) {
				fail (@"$name: $(error.message)");
			}
			return true;
		});
	}

	// Closed at first; once open, open for good.
	public class Gate {
		Mutex mutex;
		Cond cond;
		bool opened;
		uint n_waiting;

		public void open () {
			mutex.lock ();
			opened = true;
			cond.broadcast ();
			mutex.unlock ();
		}

		public bool is_open {
			get {
				mutex.lock ();
				var it = opened;
				mutex.unlock ();
				return it;
			}
		}

		// A body that takes a while is one that waits at a gate which nobody opens.
		public bool wait_for (int64 usec) {
			var deadline = get_monotonic_time () + usec;

			mutex.lock ();
			n_waiting++;
			cond.broadcast ();
			while (!opened && cond.wait_until (mutex, deadline)) {}
			n_waiting--;
			var it = opened;
			mutex.unlock ();
			return it;
		}

		public void wait () {
			if (!wait_for (DEADLINE))
				fail ("a gate was not opened");
		}

		public void wait_for_waiters (uint n) {
			var deadline = get_monotonic_time () + DEADLINE;

			mutex.lock ();
			while (n_waiting < n && cond.wait_until (mutex, deadline)) {}
			var there = n_waiting >= n;
			mutex.unlock ();
			if (!there)
				fail ("not all who were expected wait at a gate");
		}
	}

	// Within the bound at least once in five times.
	public void best_of_five (int64 bound, Measure measure) throws Error {
		var best = int64.MAX;

		for (var n = 0; n < 5 && best > bound; n++)
			best = int64.min (best, measure ());
		if (best > bound)
			fail (@"$(Test.get_path ()): took $best µs, more than $bound");
	}

	// What the process holds

	uint count_entries (string path) {
		uint n = 0;
		try {
			var dir = Dir.open (path);
			while (dir.read_name () != null)
				n++;
		} catch (Error error) {
			fail (error.message);
		}
		return n;
	}

	public uint count_fds () {
		return count_entries ("/proc/self/fd") - 1;
	}

	public uint count_threads () {
		return count_entries ("/proc/self/task");
	}

	public uint64 stat (string name) {
		var value = SmartAsync.async_get_stats ().lookup_value (name, null);

		return value.is_of_type (VariantType.UINT32) ? value.get_uint32 () : value.get_uint64 ();
	}

	// Criticals

	public void expect_critical (string pattern, Scenario scenario) throws Error {
		Test.expect_message ("SmartAsync", LogLevelFlags.LEVEL_CRITICAL, pattern);
		scenario ();
		Test.assert_expected_messages ();
	}

	// Functions

	public enum Kind {
		AT_ONCE,   // asynchronous, within begin
		LATER,     // asynchronous, in a later callback of its context
		ELSEWHERE, // asynchronous, on another thread
		BLOCKING,  // in a blocking body
		DUAL;      // in the body that fits: within begin, or blocking

		public static Kind[] all () {
			return { AT_ONCE, LATER, ELSEWHERE, BLOCKING, DUAL };
		}
	}

	class Actor {
		public Act? act;
		public int n_running;

		void run (SmartAsync.Call call) {
			actors_lock.lock ();
			var is_over = act == null;
			if (!is_over)
				n_running++;
			actors_lock.unlock ();
			if (is_over)
				return;

			act (call);

			actors_lock.lock ();
			n_running--;
			actors_lock.unlock ();
		}

		// Whether nobody is in it: then nobody will be.
		public bool end () {
			Act? over = null;
			actors_lock.lock ();
			var ends = n_running == 0;
			if (ends)
				over = (owned) act;
			actors_lock.unlock ();
			return ends;
		}

		public void now (SmartAsync.Call call) {
			track (call);
			run (call);
		}

		public void later (SmartAsync.Call call) {
			track (call);
			call.add_timeout (0, () => {
				run (call);
				return Source.REMOVE;
			});
		}

		public void elsewhere (SmartAsync.Call call) {
			track (call);
			new Thread<bool> ("elsewhere", () => {
				run (call);
				return true;
			});
		}
	}

	Mutex actors_lock;
	GenericArray<Actor>? actors;

	// valac keeps all that a scenario's closures capture in one block, so that a function which one
	// of them knows is known to its own body: the circle is broken when the scenario is over.
	void break_circles () {
		actors_lock.lock ();
		var over = (owned) actors;
		actors = new GenericArray<Actor> ();
		actors_lock.unlock ();
		for (var n = 0; over != null && n < over.length; n++) {
			var actor = over[n];
			wait_until (() => actor.end ());
		}
	}

	public SmartAsync.AsyncFunc make (Kind kind, owned Act act) {
		var actor = new Actor ();
		SmartAsync.AsyncFunc func;

		actor.act = (owned) act;
		if (leaks_wanted ()) {
			actors_lock.lock ();
			if (actors == null)
				actors = new GenericArray<Actor> ();
			actors.add (actor);
			actors_lock.unlock ();
		}
		switch (kind) {
		case AT_ONCE:
			func = new SmartAsync.AsyncFunc (actor.now);
			break;
		case LATER:
			func = new SmartAsync.AsyncFunc (actor.later);
			break;
		case ELSEWHERE:
			func = new SmartAsync.AsyncFunc (actor.elsewhere);
			break;
		case BLOCKING:
			func = new SmartAsync.AsyncFunc.blocking (actor.now);
			break;
		case DUAL:
			func = new SmartAsync.AsyncFunc.dual (actor.now, actor.now);
			break;
		default:
			assert_not_reached ();
		}
		func.name = "the-function";
		return track (func);
	}

	public SmartAsync.AsyncFunc blocking (owned Act act) {
		return make (BLOCKING, (owned) act);
	}

	public SmartAsync.AsyncFunc later (owned Act act) {
		return make (LATER, (owned) act);
	}

	public SmartAsync.AsyncFunc at_once (owned Act act) {
		return make (AT_ONCE, (owned) act);
	}

	// The ways to call

	public enum Cell {
		S_SYNC,  // call_sync, in a sync context
		S_SMART, // the smart call, in a sync context
		S_ASYNC, // call_async at top level; its context is iterated afterwards
		A_SYNC,  // call_sync, in a source's callback
		A_SMART, // the smart call, in a source's callback
		A_ASYNC; // call_async, in a source's callback

		public static Cell[] all () {
			return { S_SYNC, S_SMART, S_ASYNC, A_SYNC, A_SMART, A_ASYNC };
		}

		public bool waits () {
			return this == S_SYNC || this == S_SMART || this == A_SYNC;
		}

		public bool is_async () {
			return this == A_SYNC || this == A_SMART || this == A_ASYNC;
		}
	}

	public class Outcome {
		public bool done;
		public bool ok;
		public Value value;
		public Error? error;
		public unowned Thread<void*> thread;
		public MainContext? caller_context;
		public bool in_context;
		public bool in_call;
		public int64 begun;
		public int64 usec;

		internal void settle (bool ok, owned Value value, Error? error) {
			assert (!done);
			this.ok = ok;
			this.value = value;
			this.error = error;
			thread = Thread.self<void*> ();
			usec = get_monotonic_time () - begun;
			unowned Source? source = MainContext.current_source ();
			in_context = source != null && source.get_context () == caller_context;
			done = true;
		}

		internal void begin (Cell cell, SmartAsync.AsyncFunc func, Cancellable? cancellable) {
			Value value = false;

			begun = get_monotonic_time ();
			switch (cell) {
			case S_SYNC:
			case A_SYNC:
				try {
					settle (func.call_sync (null, null, cancellable, out value), value, null);
				} catch (Error error) {
					settle (false, false, error);
				}
				break;
			case S_SMART:
				var future = track (func.callv (null, null, cancellable));
				assert (future.status != PENDING);
				try {
					settle (future.get_value (out value), value, null);
				} catch (Error error) {
					settle (false, false, error);
				}
				break;
			case A_SMART:
				var future = track (func.callv (null, null, cancellable));
				in_call = true;
				future.wait_async.begin (null, (source, result) => {
					assert (source == future);
					assert (!in_call);
					Value got;
					try {
						var it = future.wait_async.end (result, out got);
						settle (it, got, null);
					} catch (Error error) {
						settle (false, false, error);
					}
				});
				in_call = false;
				break;
			case S_ASYNC:
			case A_ASYNC:
				in_call = true;
				func.call_async.begin (null, null, cancellable, (source, result) => {
					assert (source == func);
					assert (!in_call);
					Value got;
					try {
						var it = func.call_async.end (result, out got);
						settle (it, got, null);
					} catch (Error error) {
						settle (false, false, error);
					}
				});
				in_call = false;
				break;
			}
		}
	}

	// Calls as the cell says, and waits. What a cell that calls back promises is checked here: in
	// the caller's thread and context, never inside the call.
	public Outcome run_cell (Cell cell, SmartAsync.AsyncFunc func, Cancellable? cancellable = null,
	                         owned Scenario? meanwhile = null) {
		var outcome = new Outcome ();
		Thread<bool>? beside = meanwhile != null ? start ("meanwhile", () => meanwhile ()) : null;

		if (cell.is_async ()) {
			in_loop (() => {
				outcome.caller_context = MainContext.current_source ().get_context ();
				outcome.begin (cell, func, cancellable);
			}, () => outcome.done);
		} else {
			assert (!SmartAsync.context_is_async ());
			outcome.caller_context = context_here ();
			outcome.begin (cell, func, cancellable);
			if (!cell.waits ())
				iterate_until (null, () => outcome.done);
		}
		if (beside != null)
			beside.join ();

		assert (outcome.done);
		assert (outcome.thread == Thread.self<void*> ());
		assert (outcome.ok == (outcome.error == null));
		if (!cell.waits ())
			assert (outcome.in_context);
		return outcome;
	}

	public int int_of (Cell cell, SmartAsync.AsyncFunc func) throws Error {
		var outcome = run_cell (cell, func);
		if (outcome.error != null)
			throw outcome.error;
		assert (outcome.value.holds (typeof (int)));
		return outcome.value.get_int ();
	}

	// Waits for the future in a loop that runs.
	public SmartAsync.Future settle (SmartAsync.Future future) {
		iterate_until (null, () => future.status != PENDING);
		return future;
	}
}
