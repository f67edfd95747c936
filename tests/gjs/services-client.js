// SPDX-License-Identifier: LGPL-2.1-or-later

// Starts services.js.

import Gio from 'gi://Gio';
import GLib from 'gi://GLib';

const folder = GLib.path_get_dirname(GLib.filename_from_uri(import.meta.url)[0]);

// What there is to talk to, and a function that ends it.
export function startServices() {
    const launcher = new Gio.SubprocessLauncher({
        flags: Gio.SubprocessFlags.STDIN_PIPE | Gio.SubprocessFlags.STDOUT_PIPE,
    });
    // How libsoup's server is told to offer it.
    launcher.setenv('SOUP_SERVER_HTTP2', '1', true);
    const child = launcher.spawnv(['gjs', '-m', `${folder}/services.js`,
        `${folder}/../support/localhost.pem`]);
    const [line] = new Gio.DataInputStream({base_stream: child.get_stdout_pipe()}).read_line_utf8(null);
    return {
        services: JSON.parse(line),
        stop: () => {
            child.get_stdin_pipe().close(null);
            child.wait(null);
        },
    };
}
