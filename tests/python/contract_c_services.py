#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The contract's C7: GIO and libsoup in an asynchronous body, and what outlives a call."""

import threading
from pathlib import Path

import harness
from cells import CALLERS
from harness import Counter, Home, test, until
from services import LineServer, connect_to_bus, serve, serve_bus, serve_soup

from gi.repository import Gio, GLib, SmartAsync, Soup

smartasync = SmartAsync.smartasync
CURRENT = SmartAsync.MainContextPolicy.CURRENT
BUS = 'org.freedesktop.DBus'
BUS_PATH = '/org/freedesktop/DBus'


def everywhere(function, *args):
    """From a sync context and from every async one."""
    return [caller(function, *args) for caller in CALLERS.values()]


# C7: within a call

@smartasync
async def load(path):
    file = Gio.File.new_for_path(path)
    ok, contents, etag = await smartasync(file.load_contents)(None)
    # The asynchronous form that GIO has, by its own name.
    ok_again, again, _ = await smartasync(file.load_contents_async)(None)
    assert ok and ok_again and contents == again
    return bytes(contents)


@test('/contract/C7.a')
def file_load():
    expected = Path(__file__).read_bytes()
    assert everywhere(load, __file__) == [expected] * len(CALLERS)


@smartasync
async def run_cat(text):
    process = Gio.Subprocess.new(['cat'], Gio.SubprocessFlags.STDIN_PIPE
                                 | Gio.SubprocessFlags.STDOUT_PIPE)
    ok, out, _ = await smartasync(process.communicate_utf8)(text, None)
    assert ok and await smartasync(process.wait_check)(None)
    return out


@test('/contract/C7.b')
def subprocess():
    assert everywhere(run_cat, 'Grüße') == ['Grüße'] * len(CALLERS)


@smartasync
async def ask(port, line):
    client = Gio.SocketClient()
    connection = await smartasync(client.connect_to_host)('127.0.0.1', port, None)
    output, stream = connection.get_output_stream(), connection.get_input_stream()
    await smartasync(output.write_bytes)(GLib.Bytes.new(line), None)
    answer = await smartasync(stream.read_bytes)(100, None)
    await smartasync(connection.close)(None)
    return answer.get_data()


@test('/contract/C7.c')
def socket():
    with serve(LineServer()) as port:
        assert everywhere(ask, port, b'hello\n') == [b'HELLO\n'] * len(CALLERS)


@smartasync
async def get_id(connection):
    call = smartasync(connection.call)
    result = await call(BUS, BUS_PATH, BUS, 'GetId', None, GLib.VariantType.new('(s)'),
                        Gio.DBusCallFlags.NONE, -1, None)
    return result.unpack()[0]


@test('/contract/C7.d')
def bus_call():
    with serve_bus() as address:
        connection = connect_to_bus(address)
        ids = everywhere(get_id, connection)
        assert len(set(ids)) == 1 and len(ids[0]) == 32
        connection.close_sync(None)


@smartasync
async def download(address):
    session = Soup.Session()
    message = Soup.Message.new('GET', f'{address}Grusz')
    data = await smartasync(session.send_and_read)(message, None)
    assert message.get_status() == Soup.Status.OK
    return data.get_data()


@test('/contract/C7.e')
def soup_session():
    with serve_soup() as address:
        assert everywhere(download, address) == [b'/Grusz'] * len(CALLERS)


# Objects that outlive a call

class Outliving:
    """A session and a proxy that the first call makes and the next ones use, at their home."""

    def __init__(self, **home):
        self.home = home
        self.session = None
        self.streams = []
        self.proxy = None
        self.received = Counter()
        self.threads = set()

    def request(self, address):
        return self._request.options(**self.home)(address)

    @smartasync
    async def _request(self, address):
        if self.session is None:
            self.session = Soup.Session()
        message = Soup.Message.new('GET', f'{address}two')
        message.connect('accept-certificate', lambda *_: True)
        message.connect('network-event', self.on_network_event)
        data = await smartasync(self.session.send_and_read).options(context=CURRENT)(message, None)
        assert message.get_http_version() == Soup.HTTPVersion.HTTP_2_0, message.get_http_version()
        return data.get_data()

    def listen(self, connection):
        return self._listen.options(**self.home)(connection)

    @smartasync
    async def _listen(self, connection):
        if self.proxy is None:
            make = smartasync(Gio.DBusProxy.new).options(context=CURRENT)
            self.proxy = await make(connection, Gio.DBusProxyFlags.NONE, None, BUS, BUS_PATH, BUS,
                                    None)
            self.proxy.connect('g-signal', self.on_signal)
        result = await smartasync(self.proxy.call)('GetId', None, Gio.DBusCallFlags.NONE, -1, None)
        return len(result.unpack()[0])

    def on_network_event(self, message, event, stream):
        if event == Gio.SocketClientEvent.TLS_HANDSHAKED:
            self.streams.append(stream)

    def close(self, home):
        """Ends at their home what they have there: a loop that does not run ends nothing."""
        home.run(self._close.options(**self.home))
        home.drain()

    @smartasync
    async def _close(self):
        if self.session is not None:
            self.session.abort()
            await until(lambda: all(stream.is_closed() for stream in self.streams))
        self.session = self.proxy = None
        self.streams.clear()

    def on_signal(self, proxy, sender, name, parameters):
        if name == 'NameOwnerChanged':
            self.threads.add(threading.get_ident())
            self.received.add()


HOMES = {'executor': lambda: {'executor': SmartAsync.Executor.new_loop('home')},
         'current': lambda: {'context': CURRENT}}


def call_sync(home, function, *args):
    # With nobody's loop running, in the context that is then this thread's default.
    with home.pushed():
        if home.context == GLib.MainContext.default():
            return function(*args)
        with SmartAsync.sync_mode():
            return function(*args)


def call_async(home, function, *args):
    return home.run(function, *args)


def call_nested(home, function, *args):
    """By a function that is called by another one."""
    @smartasync
    async def inner():
        await SmartAsync.sleep(0.001)
        return await function(*args)

    @smartasync
    async def outer():
        return await inner()

    return home.run(outer)


WHERE = {'S': call_sync, 'A': call_async, 'nested': call_nested}


def emit(address):
    """Has the bus send a signal to everybody."""
    other = connect_to_bus(address)
    other.call_sync(BUS, BUS_PATH, BUS, 'RequestName',
                    GLib.Variant('(su)', ('org.example.Name', 0)), None, 0, -1, None)
    other.close_sync(None)


def use_sessions(homes, wheres):
    certificate = Gio.TlsCertificate.new_from_pem(
        (Path(__file__).parent / 'certificate.pem').read_text(), -1)
    with serve_soup(certificate) as address:
        for home in homes:
            # Whoever comes first makes the object.
            for first in range(len(wheres)):
                outliving, mine = Outliving(**HOMES[home]()), Home()
                for where in wheres[first:] + wheres[:first]:
                    for _ in range(2):
                        assert WHERE[where](mine, outliving.request, address) == b'/two', (home, where)
                outliving.close(mine)


def use_proxies(homes, wheres):
    with serve_bus() as address:
        connection = connect_to_bus(address)
        for home in homes:
            for first in range(len(wheres)):
                outliving, mine = Outliving(**HOMES[home]()), Home()
                for where in wheres[first:] + wheres[:first]:
                    assert WHERE[where](mine, outliving.listen, connection) == 32, (home, where)
                    n = outliving.received.value
                    emit(address)
                    if home == 'executor':
                        # A home of its own needs nobody else.
                        outliving.received.wait_for(n + 1)
                    else:
                        mine.until(lambda: outliving.received.value > n)
                outliving.close(mine)
                assert len(outliving.threads) == 1
                assert (threading.get_ident() in outliving.threads) == (home == 'current')
        connection.close_sync(None)


ALL = ['S', 'A', 'nested']


@test('/contract/C7.f')
def outliving_session():
    use_sessions(HOMES, ALL)


@test('/contract/C7.g')
def outliving_proxy():
    use_proxies(HOMES, ALL)


@test('/contract/C7.h')
def at_home_in_executor():
    use_sessions(['executor'], ALL)
    use_proxies(['executor'], ALL)


@test('/contract/C7.i')
def at_home_in_current():
    use_sessions(['current'], ALL)
    use_proxies(['current'], ALL)


@test('/contract/C7.j')
def outliving_from_sync():
    use_sessions(HOMES, ['S'])
    use_proxies(HOMES, ['S'])


@test('/contract/C7.k')
def outliving_from_async():
    use_sessions(HOMES, ['A'])
    use_proxies(HOMES, ['A'])


@test('/contract/C7.l')
def outliving_nested():
    use_sessions(HOMES, ['nested'])
    use_proxies(HOMES, ['nested'])


if __name__ == '__main__':
    harness.main()
