# SPDX-License-Identifier: LGPL-2.1-or-later

"""What the tests talk to: a peer on D-Bus, a server of HTTP, one of lines."""

import contextlib
import http.server
import os
import queue
import socket
import socketserver
import threading

import gi

import harness
from harness import start_thread

# Without which libsoup's server does not offer HTTP/2.
os.environ['SOUP_SERVER_HTTP2'] = '1'

with contextlib.suppress(ValueError):
    gi.require_version('Soup', '3.0')
from gi.repository import Gio, GLib


def make_bus_pair():
    """Two ends of a D-Bus connection, without a bus."""
    ends = socket.socketpair()
    guid = Gio.dbus_generate_guid()

    def connect(end, flags, guid):
        # The descriptor is the connection's from now on.
        gsocket = Gio.Socket.new_from_fd(end.detach())
        stream = gsocket.connection_factory_create_connection()
        return Gio.DBusConnection.new_sync(stream, guid, flags, None, None)

    server = start_thread(connect, ends[0], Gio.DBusConnectionFlags.AUTHENTICATION_SERVER, guid)
    client = connect(ends[1], Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT, None)
    return client, server.join()


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers with what was asked for, and keeps the connection."""

    protocol_version = 'HTTP/1.1'

    def do_GET(self):
        self.server.count()
        body = self.path.encode()
        self.send_response(200)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class HttpServer(http.server.ThreadingHTTPServer):
    def __init__(self):
        super().__init__(('127.0.0.1', 0), Handler)
        self.lock = threading.Lock()
        self.n_requests = 0

    def count(self):
        with self.lock:
            self.n_requests += 1


class LineHandler(socketserver.StreamRequestHandler):
    """Sends each line back, in capitals."""

    def handle(self):
        for line in self.rfile:
            self.wfile.write(line.upper())


class LineServer(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def __init__(self):
        super().__init__(('127.0.0.1', 0), LineHandler)


@contextlib.contextmanager
def serve(server):
    """The port on which the server answers, from a thread of its own."""
    with server:
        thread = start_thread(server.serve_forever, 0.01)
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def make_soup_server(certificate=None):
    """A server of libsoup's, which speaks HTTP/2 over TLS; to be made where it is to answer."""
    from gi.repository import Soup

    def on_request(server, message, path, query, *_):
        message.set_status(200, None)
        message.set_response('text/plain', Soup.MemoryUse.COPY, path.encode())

    server = Soup.Server(tls_certificate=certificate) if certificate else Soup.Server()
    server.add_handler(None, on_request)
    options = Soup.ServerListenOptions.HTTPS if certificate else 0
    server.listen_local(0, Soup.ServerListenOptions(options))
    return server


@contextlib.contextmanager
def serve_soup(certificate=None):
    """The address on which libsoup answers, from a thread with a loop of its own."""
    context = GLib.MainContext.new()
    loop = GLib.MainLoop.new(context, False)
    addresses = queue.Queue()

    def run():
        context.push_thread_default()
        server = make_soup_server(certificate)
        # Not before the loop runs: to quit it would be lost.
        serving = GLib.idle_source_new()
        serving.set_callback(lambda *_: addresses.put(server.get_uris()[0].to_string()))
        serving.attach(context)
        loop.run()
        server.disconnect()
        while context.pending():
            context.iteration(False)
        context.pop_thread_default()

    thread = start_thread(run)
    try:
        yield addresses.get(timeout=harness.DEADLINE)
    finally:
        loop.quit()
        thread.join()


@contextlib.contextmanager
def serve_bus():
    """The address of a bus with nobody on it."""
    bus = Gio.TestDBus.new(Gio.TestDBusFlags.NONE)
    bus.up()
    try:
        yield bus.get_bus_address()
    finally:
        bus.stop()


def connect_to_bus(address):
    flags = (Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT
             | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION)
    return Gio.DBusConnection.new_for_address_sync(address, flags, None, None)
