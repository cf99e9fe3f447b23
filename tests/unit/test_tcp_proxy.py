"""The proxy that breaks connections for the e2e tests, before a server that echoes."""

import socket
from collections.abc import Iterator
from contextlib import closing
from socketserver import BaseRequestHandler, ThreadingTCPServer
from threading import Thread

import pytest

from tests.kubernetes.proxy import TcpProxy
from tests.support.polling import eventually

# seconds in which nothing arrives, for it to count as nothing; too short a time can only hide a failure
_SILENCE = 0.2


class _Echo(BaseRequestHandler):
    def handle(self) -> None:
        while received := self.request.recv(1 << 16):
            self.request.sendall(received)


class _EchoServer(ThreadingTCPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Say nothing: connections that break are what these tests are about."""


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


def test_the_end_of_one_side_is_passed_on_and_the_other_may_still_send(proxy: TcpProxy) -> None:
    with closing(_connect(proxy)) as client:
        client.sendall(b"last words")
        client.shutdown(socket.SHUT_WR)
        assert client.recv(100, socket.MSG_WAITALL) == b"last words"


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


def test_a_stall_holds_bytes_back_until_it_is_over(proxy: TcpProxy) -> None:
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


def test_a_cut_ends_connections_that_are_stalled(proxy: TcpProxy) -> None:
    with closing(_connect(proxy)) as client:
        assert _echoes(client)
        proxy.stall()
        client.sendall(b"never")
        assert proxy.cut() == 1
        with pytest.raises(ConnectionResetError):
            client.recv(1)


def test_a_black_hole_loses_bytes_and_resets_who_has_lost_some_when_it_is_over(proxy: TcpProxy) -> None:
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


def test_refused_are_new_connections_only_until_they_are_accepted_again(proxy: TcpProxy) -> None:
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


def test_a_server_that_refuses_is_a_reset_for_the_client() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        with (
            TcpProxy(nobody.getsockname()[1]) as proxy,
            pytest.raises(ConnectionResetError),  # which may be as early as the end of connecting
            closing(_connect(proxy)) as client,
        ):
            client.recv(1)


def test_closing_it_resets_what_is_open_and_frees_the_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        with TcpProxy(server.getsockname()[1]) as proxy:
            client = _connect(proxy)
            eventually(lambda: proxy.open_connections == 1)
        with closing(client), pytest.raises(ConnectionResetError):
            client.recv(1)
        with socket.create_server(("127.0.0.1", proxy.port)):
            pass
