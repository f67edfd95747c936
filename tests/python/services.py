# SPDX-License-Identifier: LGPL-2.1-or-later

"""What the tests talk to: a peer on D-Bus, a server of HTTP, one of lines."""

import contextlib
import http.server
import socket
import socketserver
import threading

from harness import start_thread

from gi.repository import Gio


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
