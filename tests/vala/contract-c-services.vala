// SPDX-License-Identifier: LGPL-2.1-or-later

// The contract's C7: what GIO and libsoup do inside an asynchronous body, and what outlives a call.

using Check;

[DBus (name = "org.example.SmartAsync.Check")]
interface Doubler : Object {
	public abstract async int double_it (int number) throws Error;
	public abstract signal void ping (int number);
}

[DBus (name = "org.example.SmartAsync.Check")]
class DoublerService : Object {
	public int double_it (int number) throws Error {
		ping (number);
		return 2 * number;
	}

	public signal void ping (int number);
}

const string BUS_NAME = "org.example.SmartAsync.Check";

// Of nobody, for localhost, and for a hundred years.
const string CERTIFICATE = "-----BEGIN CERTIFICATE-----\n"
	+ "MIIBmjCCAUGgAwIBAgIURAec4W9SbdnP7lFs5C1K0sbtlTswCgYIKoZIzj0EAwIw\n"
	+ "FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMjE1MDMxMFoYDzIxMjYxMDI5\n"
	+ "MTUwMzEwWjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO\n"
	+ "PQMBBwNCAAT/D+IFT/U9ImNnyQogij1p8hycdBntJRv18sl7YMXclA97aKOzqlTS\n"
	+ "9Ov+nBjg05Ay81sEHADy9rYhm1pAjLO/o28wbTAdBgNVHQ4EFgQUhuYKjfQsxy8Z\n"
	+ "rz8rYEuVv8al6E0wHwYDVR0jBBgwFoAUhuYKjfQsxy8Zrz8rYEuVv8al6E0wDwYD\n"
	+ "VR0TAQH/BAUwAwEB/zAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEwCgYIKoZI\n"
	+ "zj0EAwIDRwAwRAIgerDQLC7gyBU0WMJlPNwNKJnBR2jifzVgrx510kYYndwCIAUO\n"
	+ "q08btcIHda3wVQyjIWoz/MRRdjAc9dPp8e97LKlh\n"
	+ "-----END CERTIFICATE-----\n"
	+ "-----BEGIN PRIVATE KEY-----\n"
	+ "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgpUKHoh9GgpmEexv1\n"
	+ "0w7yxKXbdt7ZjOjM02x4MpQglv2hRANCAAT/D+IFT/U9ImNnyQogij1p8hycdBnt\n"
	+ "JRv18sl7YMXclA97aKOzqlTS9Ov+nBjg05Ay81sEHADy9rYhm1pAjLO/\n"
	+ "-----END PRIVATE KEY-----\n";

// A D-Bus service and a web server, on a thread that has a loop.
class Services {
	public uint port;
	public uint safe_port;
	MainContext context = new MainContext ();
	Gate ready = new Gate ();

	public Services () {
		var it = this;
		start ("services", () => it.serve ());
		ready.wait ();
	}

	void serve () throws Error {
		context.push_thread_default ();
		var server = new Soup.Server ("server-header", "check", null);
		server.add_handler ("/", (it, message, path, query) => {
			message.set_status (200, null);
			message.set_response ("text/plain", Soup.MemoryUse.COPY, "served".data);
		});
		server.listen_local (0, Soup.ServerListenOptions.IPV4_ONLY);
		port = server.get_uris ().data.get_port ();

		// Over TLS it speaks HTTP/2.
		var safe = new Soup.Server ("tls-certificate", new TlsCertificate.from_pem (CERTIFICATE, -1), null);
		safe.add_handler ("/", (it, message, path, query) => {
			message.set_status (200, null);
			message.set_response ("text/plain", Soup.MemoryUse.COPY, "served".data);
		});
		safe.listen_local (0, Soup.ServerListenOptions.IPV4_ONLY | Soup.ServerListenOptions.HTTPS);
		safe_port = safe.get_uris ().data.get_port ();

		var bus = new_bus ();
		bus.register_object ("/", new DoublerService ());
		bus.call_sync ("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "RequestName",
		               new Variant ("(su)", BUS_NAME, 0), null, 0, -1);
		ready.open ();
		// As long as the program.
		new MainLoop (context).run ();
	}
}

Services services;

DBusConnection new_bus () throws Error {
	var bus = new DBusConnection.for_address_sync (Environment.get_variable ("DBUS_SESSION_BUS_ADDRESS"),
		DBusConnectionFlags.AUTHENTICATION_CLIENT | DBusConnectionFlags.MESSAGE_BUS_CONNECTION);
	bus.exit_on_close = false;
	return bus;
}

// In S, in A, and nested: called by a blocking body on a worker.
void everywhere (SmartAsync.AsyncFunc func) throws Error {
	for (var n = 0; n < 2; n++) {
		foreach (var cell in Cell.all ())
			assert (run_cell (cell, func).error == null);
	}
}

void nested (SmartAsync.AsyncFunc func) throws Error {
	foreach (var cell in Cell.all ()) {
		assert (run_cell (cell, blocking ((call) => {
			assert (caught (() => func.call_sync ()) == null);
			call.return_none ();
		})).error == null);
	}
}

async bool load_file () throws Error {
	uint8[] contents;
	yield File.new_for_path ("/proc/self/status").load_contents_async (null, out contents, null);
	assert (((string) contents).has_prefix ("Name:"));
	return true;
}

void c7_file () throws Error {
	everywhere (SmartAsync.AsyncFunc.of_async<bool> ((call, cb) => load_file.begin ((owned) cb), (result) => load_file.end (result)));
}

async bool run_echo () throws Error {
	var process = new Subprocess (SubprocessFlags.STDOUT_PIPE | SubprocessFlags.STDIN_PIPE, "cat");
	string text;
	yield process.communicate_utf8_async ("Grüße", null, out text, null);
	yield process.wait_check_async (null);
	assert (text == "Grüße");
	return true;
}

void c7_subprocess () throws Error {
	everywhere (SmartAsync.AsyncFunc.of_async<bool> ((call, cb) => run_echo.begin ((owned) cb), (result) => run_echo.end (result)));
}

async bool talk_raw () throws Error {
	var connection = yield new SocketClient ().connect_to_host_async ("127.0.0.1", (uint16) services.port, null);
	yield connection.output_stream.write_all_async ("GET / HTTP/1.0\r\n\r\n".data, Priority.DEFAULT, null, null);
	var reply = yield connection.input_stream.read_bytes_async (1000, Priority.DEFAULT, null);
	assert (((string) reply.get_data ()).has_prefix ("HTTP/1."));
	yield connection.close_async (Priority.DEFAULT, null);
	return true;
}

void c7_socket () throws Error {
	everywhere (SmartAsync.AsyncFunc.of_async<bool> ((call, cb) => talk_raw.begin ((owned) cb), (result) => talk_raw.end (result)));
}

async bool call_bus () throws Error {
	var bus = yield Bus.get (BusType.SESSION, null);
	var reply = yield bus.call (BUS_NAME, "/", BUS_NAME, "DoubleIt", new Variant ("(i)", 21), new VariantType ("(i)"), 0, -1, null);
	assert (reply.get_child_value (0).get_int32 () == 42);
	return true;
}

void c7_bus () throws Error {
	everywhere (SmartAsync.AsyncFunc.of_async<bool> ((call, cb) => call_bus.begin ((owned) cb), (result) => call_bus.end (result)));
}

async bool download (Soup.Session? kept) throws Error {
	var session = kept ?? new Soup.Session ();
	for (var n = 0; n < 2; n++) {
		// One that is kept is an HTTP/2 session.
		var uri = kept != null ? @"https://127.0.0.1:$(services.safe_port)/" : @"http://127.0.0.1:$(services.port)/";
		var message = new Soup.Message ("GET", uri);
		message.accept_certificate.connect (() => true);
		var bytes = yield session.send_and_read_async (message, Priority.DEFAULT, null);
		assert (kept == null || message.get_http_version () == Soup.HTTPVersion.@2_0);
		assert (message.status_code == 200 && (string) bytes.get_data () != null && bytes.length == 6);
	}
	return true;
}

void c7_session () throws Error {
	everywhere (SmartAsync.AsyncFunc.of_async<bool> ((call, cb) => download.begin (null, (owned) cb), (result) => download.end (result)));
}

// A session that is kept, at home with a loop executor, or under CURRENT.
void check_kept_session (bool by_executor, Cell[] cells, bool is_nested = false) throws Error {
	var session = new Soup.Session ();
	var func = SmartAsync.AsyncFunc.of_async<bool> ((call, cb) => download.begin (session, (owned) cb), (result) => download.end (result));
	if (by_executor)
		func.executor = new SmartAsync.Executor.loop ("session");
	else
		func.main_context_policy = CURRENT;
	for (var n = 0; n < 2; n++) {
		foreach (var cell in cells)
			assert (run_cell (cell, func).error == null);
		if (is_nested)
			nested (func);
	}
	if (by_executor) {
		// Its connections go where they live.
		var closing = SmartAsync.AsyncFunc.of_async<bool> ((call, cb) => abort_session.begin (session, (owned) cb), (result) => abort_session.end (result));
		closing.executor = func.executor;
		closing.call_sync ();
	} else {
		session.abort ();
	}
}

async bool abort_session (Soup.Session session) throws Error {
	session.abort ();
	return true;
}

void c7_kept_session () throws Error {
	check_kept_session (true, Cell.all (), true);
}

async Doubler make_proxy (Cancellable? cancellable) throws Error {
	return yield Bus.get_proxy<Doubler> (BusType.SESSION, BUS_NAME, "/", 0, cancellable);
}

async int double_it (Doubler proxy, int number) throws Error {
	return yield proxy.double_it (number);
}

// A proxy made in one call and used in others, whose signals come where it lives.
void check_proxy (bool by_executor, Cell[] cells, bool is_nested = false) throws Error {
	var executor = by_executor ? new SmartAsync.Executor.loop ("proxy") : null;
	var make_func = SmartAsync.AsyncFunc.of_async<Doubler> ((call, cb) => make_proxy.begin (call.get_cancellable (), (owned) cb), (result) => make_proxy.end (result));
	Doubler? proxy = null;
	var use_func = SmartAsync.AsyncFunc.of_async<int> ((call, cb) => double_it.begin (proxy, 21, (owned) cb), (result) => double_it.end (result));
	foreach (var func in new SmartAsync.AsyncFunc[] { make_func, use_func }) {
		if (by_executor)
			func.executor = executor;
		else
			func.main_context_policy = CURRENT;
	}
	proxy = make_func.invoke_sync<Doubler> ();
	var n_pings = 0;
	var id = proxy.ping.connect ((number) => {
		assert (number == 21);
		AtomicInt.inc (ref n_pings);
	});
	var n_calls = 0;
	foreach (var cell in cells) {
		assert (run_cell (cell, use_func).value.get_int () == 42);
		n_calls++;
		// Under CURRENT the application iterates its context.
		wait_until (() => {
			if (!by_executor)
				context_here ().iteration (false);
			return AtomicInt.get (ref n_pings) == n_calls;
		});
	}
	if (is_nested) {
		nested (use_func);
		wait_until (() => AtomicInt.get (ref n_pings) == n_calls + Cell.all ().length);
	}
	SignalHandler.disconnect (proxy, id);
}

void c7_proxy () throws Error {
	check_proxy (true, Cell.all ());
}

void c7_loop_executor () throws Error {
	check_kept_session (true, { Cell.S_SYNC, Cell.A_ASYNC });
	check_proxy (true, { Cell.S_SYNC, Cell.A_ASYNC });
}

// In S and nothing else, where the caller's own context is the same every time.
void c7_current () throws Error {
	check_kept_session (false, { Cell.S_SYNC, Cell.S_SMART, Cell.S_ASYNC });
	check_proxy (false, { Cell.S_SYNC, Cell.S_SMART, Cell.S_ASYNC });
}

void c7_from_s () throws Error {
	check_kept_session (true, { Cell.S_SYNC, Cell.S_SMART });
	check_proxy (true, { Cell.S_SYNC, Cell.S_SMART });
}

void c7_from_a () throws Error {
	check_kept_session (true, { Cell.A_SYNC, Cell.A_SMART, Cell.A_ASYNC });
	check_proxy (true, { Cell.A_SYNC, Cell.A_SMART, Cell.A_ASYNC });
}

void c7_nested () throws Error {
	check_kept_session (true, { Cell.S_SYNC }, true);
	check_proxy (true, { Cell.S_SYNC }, true);
}

int main (string[] args) {
	Environment.set_variable ("SOUP_SERVER_HTTP2", "1", true);
	Environment.set_variable ("GIO_USE_PROXY_RESOLVER", "dummy", true);
	Check.init (ref args);
	services = new Services ();

	add ("C7.a", c7_file);
	add ("C7.b", c7_subprocess);
	add ("C7.c", c7_socket);
	add ("C7.d", c7_bus);
	add ("C7.e", c7_session);
	add ("C7.f", c7_kept_session);
	add ("C7.g", c7_proxy);
	add ("C7.h", c7_loop_executor);
	add ("C7.i", c7_current);
	add ("C7.j", c7_from_s);
	add ("C7.k", c7_from_a);
	add ("C7.l", c7_nested);

	return Check.run ();
}
