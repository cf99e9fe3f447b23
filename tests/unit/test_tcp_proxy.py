"""The proxy that breaks connections, in front of an echo server."""

import socket
from collections.abc import Iterator
from contextlib import closing
from socketserver import BaseRequestHandler, ThreadingTCPServer
from threading import Thread

import pytest

from tests.kubernetes.proxy import TcpProxy
from tests.support.polling import eventually

# Seconds without a byte that count as silence. Too short a time can only hide a failure.
_SILENCE = 0.2


class _Echo(BaseRequestHandler):
    def handle(self) -> None:
        while received := self.request.recv(1 << 16):
            self.request.sendall(received)


class _EchoServer(ThreadingTCPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Ignore broken connections, which the tests cause."""


@pytest.fixture
def proxy() -> Iterator[TcpProxy]:
    with _EchoServer(("127.0.0.1", 0), _Echo) as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        with TcpProxy(server.server_address[1]) as proxy:
            yield proxy
        server.shutdown()


def _connect(proxy: TcpProxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=10)


def _echoes(client: socket.socket, text: bytes = b"ping") -> bool:
    client.sendall(text)
    return client.recv(len(text), socket.MSG_WAITALL) == text


def _is_silent(client: socket.socket) -> bool:
    client.settimeout(_SILENCE)
    try:
        client.recv(1)
    except TimeoutError:
        return True
    finally:
        client.settimeout(10)
    return False


def test_bytes_pass_both_ways_and_connections_are_counted(proxy: TcpProxy) -> None:
    with closing(_connect(proxy)) as one, closing(_connect(proxy)) as two:
        assert _echoes(one)
        assert _echoes(two, b"x" * 1000)
        assert (proxy.connections, proxy.open_connections) == (2, 2)
    eventually(lambda: proxy.open_connections == 0)
    assert proxy.connections == 2


def test_a_cut_resets_all_connections_and_accepts_new_ones(proxy: TcpProxy) -> None:
    with closing(_connect(proxy)) as one, closing(_connect(proxy)) as two:
        assert _echoes(one)
        assert _echoes(two)
        assert proxy.cut() == 2
        for client in (one, two):
            with pytest.raises(ConnectionResetError):
                client.recv(1)
    with closing(_connect(proxy)) as client:
        assert _echoes(client)


def test_a_cut_without_reset_is_an_end_of_the_stream(proxy: TcpProxy) -> None:
    with closing(_connect(proxy)) as client:
        assert _echoes(client)
        assert proxy.cut(reset=False) == 1
        assert client.recv(1) == b""


def test_a_stall_delays_bytes_until_it_is_over(proxy: TcpProxy) -> None:
    with closing(_connect(proxy)) as old:
        assert _echoes(old)
        proxy.stall()
        with closing(_connect(proxy)) as new:
            for client in (old, new):
                client.sendall(b"late")
                assert _is_silent(client)
            proxy.resume()
            for client in (old, new):
                assert client.recv(4, socket.MSG_WAITALL) == b"late"


def test_a_black_hole_loses_bytes_and_then_resets_the_connections_that_lost_some(proxy: TcpProxy) -> None:
    with closing(_connect(proxy)) as talkative, closing(_connect(proxy)) as quiet:
        assert _echoes(talkative)
        assert _echoes(quiet)
        proxy.blackhole()
        talkative.sendall(b"lost")
        assert _is_silent(talkative)
        proxy.resume()
        with pytest.raises(ConnectionResetError):
            talkative.recv(1)
        assert _echoes(quiet)


def test_new_connections_are_refused_and_accepted_again(proxy: TcpProxy) -> None:
    with closing(_connect(proxy)) as open_before:
        assert _echoes(open_before)
        proxy.refuse()
        proxy.refuse()
        with pytest.raises(ConnectionRefusedError):
            _connect(proxy)
        assert _echoes(open_before)
        proxy.accept()
        proxy.accept()
        with closing(_connect(proxy)) as client:
            assert _echoes(client)
