// SPDX-License-Identifier: LGPL-2.1-or-later

// services CERTIFICATE: what there is to talk to, in a process of its own, until
// the standard input ends. Its first line says where.

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import Soup from 'gi://Soup?version=3.0';

const loop = new GLib.MainLoop(null, false);

const PIECE = new Uint8Array(4096).fill(7);
const N_PIECES = 100;

const INTERFACE = `<node>
  <interface name='org.example.SmartTest'>
    <method name='Ping'>
      <arg type='s' name='text' direction='in'/>
      <arg type='s' name='text' direction='out'/>
    </method>
    <method name='Emit'/>
    <signal name='Emitted'/>
  </interface>
</node>`;

function serveHttp(certificate) {
    const server = new Soup.Server({tls_certificate: certificate});
    // A file in pieces, so that a download takes a while.
    server.add_handler('/file', (_, message) => {
        let left = N_PIECES;
        message.set_status(Soup.Status.OK, null);
        message.get_response_headers().set_content_length(N_PIECES * PIECE.length);
        const append = () => {
            if (left-- > 0)
                message.get_response_body().append(PIECE);
            else
                message.get_response_body().complete();
            message.unpause();
        };
        message.connect('wrote-chunk', append);
        append();
    });
    server.add_handler(null, (_, message) => {
        const port = message.get_remote_address().get_port();
        message.set_status(Soup.Status.OK, null);
        message.get_response_headers().append('X-Client-Port', `${port}`);
        message.set_response('text/plain', Soup.MemoryUse.COPY, new TextEncoder().encode('Grüße'));
    });
    const options = certificate ? Soup.ServerListenOptions.HTTPS : 0;
    server.listen_local(0, options | Soup.ServerListenOptions.IPV4_ONLY);
    return [server, server.get_uris()[0].to_string()];
}

function serveEcho() {
    const service = new Gio.SocketService();
    const port = service.add_any_inet_port(null);
    service.connect('incoming', (_, connection) => {
        connection.output_stream.splice_async(connection.input_stream,
            Gio.OutputStreamSpliceFlags.CLOSE_SOURCE | Gio.OutputStreamSpliceFlags.CLOSE_TARGET,
            GLib.PRIORITY_DEFAULT, null, () => connection.close(null));
        return true;
    });
    return [service, port];
}

function serveBus() {
    const bus = Gio.bus_get_sync(Gio.BusType.SESSION, null);
    const object = Gio.DBusExportedObject.wrapJSObject(INTERFACE, {
        Ping: text => text,
        Emit: () => object.emit_signal('Emitted', null),
    });
    object.export(bus, '/org/example/SmartTest');
    return [object, bus.get_unique_name()];
}

const certificate = Gio.TlsCertificate.new_from_file(ARGV[0]);
const [http, httpUri] = serveHttp(null);
const [https, httpsUri] = serveHttp(certificate);
const [echo, port] = serveEcho();
const [object, name] = serveBus();
print(JSON.stringify({http: httpUri, https: httpsUri, port, name}));

const input = new Gio.UnixInputStream({fd: 0, close_fd: false});
input.read_bytes_async(1, GLib.PRIORITY_DEFAULT, null, () => loop.quit());
loop.run();
[http, https].forEach(server => server.disconnect());
echo.stop();
object.unexport();
