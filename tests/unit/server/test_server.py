"""The server in a running event loop."""

import asyncio
import errno
import resource
import socket
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from pod_index.server.connections import Connection
from pod_index.server.listener import ListenError, allow_open_files
from pod_index.server.server import Server
from pod_index.settings import Settings
from tests.support.operator_process import free_port
from tests.support.polling import eventually_true


async def hello(scope: Any, receive: Callable[..., Any], send: Callable[..., Any]) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
    await send({"type": "http.response.body", "body": b"hello"})


async def test_it_serves_once_start_returns_and_refuses_connections_after_stop() -> None:
    port, failures = free_port(), list[str]()
    server = Server(hello, Settings(port=port), failures.append)
    await server.start()
    async with httpx.AsyncClient() as client:
        assert (await client.get(f"http://127.0.0.1:{port}/")).text == "hello"
    await server.stop()
    async with httpx.AsyncClient() as client:
        with pytest.raises(httpx.ConnectError):
            await client.get(f"http://127.0.0.1:{port}/")
    assert failures == []


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this machine has no IPv6")
async def test_it_answers_on_ipv6_too() -> None:
    port = free_port()
    server = Server(hello, Settings(port=port), pytest.fail)
    await server.start()
    async with httpx.AsyncClient() as client:
        assert (await client.get(f"http://[::1]:{port}/")).text == "hello"
    await server.stop()


@pytest.mark.parametrize("dualstack", [True, False])
async def test_it_answers_on_a_machine_without_ipv6(dualstack: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    create_server = socket.create_server

    def without_ipv6(*address: Any, **options: Any) -> socket.socket:
        if options.get("family") == socket.AF_INET6:
            raise OSError(errno.EADDRNOTAVAIL, "Cannot assign requested address")
        return create_server(*address, **options)

    monkeypatch.setattr(socket, "create_server", without_ipv6)
    monkeypatch.setattr(socket, "has_dualstack_ipv6", lambda: dualstack)
    port = free_port()
    server = Server(hello, Settings(port=port), pytest.fail)
    await server.start()
    async with httpx.AsyncClient() as client:
        assert (await client.get(f"http://127.0.0.1:{port}/")).text == "hello"
    await server.stop()


@pytest.mark.parametrize(("address", "other"), [("127.0.0.1", "127.0.0.2"), ("127.0.0.1", "::1"), ("::1", "127.0.0.1")])
async def test_with_an_address_it_answers_on_no_other(address: str, other: str) -> None:
    if not socket.has_dualstack_ipv6() and "::1" in (address, other):
        pytest.skip("this machine has no IPv6")
    port = free_port()
    server = Server(hello, Settings(port=port, listen_address=address), pytest.fail)
    await server.start()
    socket.create_connection((address, port), timeout=10).close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((other, port), timeout=10)
    await server.stop()


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this machine has no IPv6")
async def test_the_address_of_all_ipv6_addresses_is_none_of_ipv4() -> None:
    port = free_port()
    server = Server(hello, Settings(port=port, listen_address="::"), pytest.fail)
    await server.start()
    socket.create_connection(("::1", port), timeout=10).close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=10)
    await server.stop()


@pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8::1"])
async def test_an_address_of_another_machine_is_an_error_that_names_the_variable(address: str) -> None:
    with pytest.raises(ListenError, match=rf"^LISTEN_ADDRESS {address} is not an address of this machine$"):
        await Server(hello, Settings(port=free_port(), listen_address=address), pytest.fail).start()


async def test_a_port_in_use_is_an_error_that_names_the_variable() -> None:
    with socket.create_server(("", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ListenError, match=f"^PORT {port} is in use; "):
            await Server(hello, Settings(port=port), pytest.fail).start()


async def test_other_reasons_not_to_listen_are_in_the_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(socket, "create_server", refuse)
    with pytest.raises(ListenError, match=r"^PORT 80 needs privileges; set PORT to one above 1023$"):
        await Server(hello, Settings(port=80), pytest.fail).start()

    def fail(*_: object, **__: object) -> None:
        raise OSError(105, "No buffer space available")

    monkeypatch.setattr(socket, "create_server", fail)
    with pytest.raises(ListenError, match=r"^PORT 80 cannot be opened \(No buffer space available\)$"):
        await Server(hello, Settings(port=80), pytest.fail).start()


async def test_a_pending_request_is_answered_before_stop_returns() -> None:
    asked, answer = asyncio.Event(), asyncio.Event()

    async def slow(scope: Any, receive: Callable[..., Any], send: Callable[..., Any]) -> None:
        asked.set()
        await answer.wait()
        await hello(scope, receive, send)

    port = free_port()
    server = Server(slow, Settings(port=port), pytest.fail)
    await server.start()
    async with httpx.AsyncClient() as client:
        request = asyncio.create_task(client.get(f"http://127.0.0.1:{port}/"))
        await asked.wait()
        stopping = asyncio.create_task(server.stop())
        done, _ = await asyncio.wait([stopping], timeout=0.3)
        assert not done
        answer.set()
        assert (await request).text == "hello"
    await stopping


async def test_an_unexpected_end_of_the_server_is_reported_and_a_cancellation_is_not() -> None:
    failures = list[str]()
    for end in (lambda server: setattr(server._server, "should_exit", True), lambda server: server._serving.cancel()):
        server = Server(hello, Settings(port=free_port()), failures.append)
        await server.start()
        assert server._serving is not None
        end(server)
        await asyncio.wait([server._serving])
        await asyncio.sleep(0)
    assert failures == ["the HTTP server has ended unexpectedly (no error)"]


async def test_a_server_can_be_stopped_before_its_start() -> None:
    await Server(hello, Settings(port=free_port()), pytest.fail).stop()


async def test_open_connections_are_served_while_none_can_be_accepted(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    failures = [OSError(errno.EMFILE, "Too many open files"), ConnectionAbortedError()]
    accept = socket.socket.accept

    def fail_first(listener: socket.socket) -> tuple[socket.socket, Any]:
        if failures:
            raise failures.pop(0)
        return accept(listener)

    port = free_port()
    server = Server(hello, Settings(port=port), pytest.fail)
    await server.start()
    async with httpx.AsyncClient() as open_client, httpx.AsyncClient() as late_client:
        assert (await open_client.get(f"http://127.0.0.1:{port}/")).text == "hello"
        monkeypatch.setattr(socket.socket, "accept", fail_first)
        late = asyncio.create_task(late_client.get(f"http://127.0.0.1:{port}/"))
        assert (await open_client.get(f"http://127.0.0.1:{port}/")).text == "hello"
        assert (await late).text == "hello"
    assert caplog.messages == ["cannot accept connections (Too many open files); set MAX_CONNECTIONS to a lower value"]
    await server.stop()


async def test_a_failure_of_the_timeout_checks_is_reported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("an internal error")

    monkeypatch.setattr(Connection, "check", fail)
    failures, port = list[str](), free_port()
    server = Server(hello, Settings(port=port, client_timeout_seconds=0.1), failures.append)
    await server.start()
    async with httpx.AsyncClient() as client:
        await client.get(f"http://127.0.0.1:{port}/")
        await eventually_true(lambda: failures)
    assert failures == ["the HTTP server has ended unexpectedly (an internal error)"]
    await server.stop()


@pytest.mark.parametrize(
    ("soft", "hard", "raised_to"),
    [(256, 4096, 1000), (256, 512, 512), (1000, 4096, None), (256, resource.RLIM_INFINITY, 1000)],
)
def test_the_limit_of_open_files_is_raised_as_far_as_allowed(
    soft: int, hard: int, raised_to: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    raised: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: (soft, hard))
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: raised.append(limits))
    allow_open_files(1000)
    assert raised == ([] if raised_to is None else [(raised_to, hard)])
