"""Lookups that wait, on real connections."""

import asyncio
import contextlib
import http.client
import json
import signal
from collections.abc import AsyncIterator

import pytest
from starlette.applications import Starlette

from pod_index.api.app import create_app
from pod_index.pods import encode_record
from pod_index.server.server import Server
from pod_index.settings import Settings
from pod_index.store.index import PodIndex
from tests.apiserver import ApiServer, Fault, make_pod
from tests.conftest import StartOperator
from tests.support.operator_process import OperatorProcess, free_port
from tests.support.polling import eventually_true
from tests.support.served import UID, change, example_pod, synced_index

REQUEST = b"GET /api/v1/pod?uid=%b&wait=10s HTTP/1.1\r\nHost: x\r\n\r\n" % UID.encode()


@pytest.fixture
def index() -> PodIndex:
    return synced_index()


@pytest.fixture
def app(index: PodIndex) -> Starlette:
    return create_app(index, lambda: 0.0)


@pytest.fixture
async def port(app: Starlette) -> AsyncIterator[int]:
    port = free_port()
    server = Server(app, Settings(port=port), pytest.fail)
    await server.start()
    yield port
    await server.stop()


@pytest.mark.parametrize("abruptly", [True, False])
async def test_a_client_that_disconnects_frees_its_place(abruptly: bool, app: Starlette, port: int) -> None:
    waiters = app.state.context.lookup_waiters
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(REQUEST)
    await eventually_true(lambda: len(waiters) == 1)
    if abruptly:
        writer.transport.abort()
    else:
        writer.close()
    await eventually_true(lambda: len(waiters) == 0)


async def test_a_connection_goes_on_after_a_wait(app: Starlette, index: PodIndex, port: int) -> None:
    record = encode_record(example_pod())
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for version in (1, 2):
        writer.write(REQUEST)
        if version == 1:
            await eventually_true(lambda: len(app.state.context.lookup_waiters) == 1)
            index.update(change(example_pod(version)))
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 ")
        assert await reader.readexactly(len(record)) == record
    writer.close()


class WaitingClient:
    """A connection on which a lookup waits."""

    def __init__(self, operator: OperatorProcess, query: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", operator.port, timeout=30)
        self._connection.request("GET", "/health")
        self._connection.getresponse().read()
        self._connection.request("GET", f"/api/v1/pod?{query}&wait=10s")
        # The operator has read the request once it responds to a later one.
        assert operator.get("/health")[0] == 200

    def response(self) -> tuple[int, bytes]:
        """Wait for the response; return its status and body."""
        with contextlib.closing(self._connection):
            response = self._connection.getresponse()
            return response.status, response.read()


def test_a_lookup_waits_until_the_api_server_sends_its_pod(
    shared_server: ApiServer, shared_operator: OperatorProcess
) -> None:
    by_name = WaitingClient(shared_operator, "namespace=default&name=awaited")
    by_ip = WaitingClient(shared_operator, "ip=10.0.0.1")
    pod = shared_server.pods.create(make_pod("awaited"))
    shared_server.pods.update(
        "default", "awaited", lambda pod: pod["status"].update(podIP="10.0.0.1", podIPs=[{"ip": "10.0.0.1"}])
    )
    for client in (by_name, by_ip):
        status, body = client.response()
        assert (status, json.loads(body)["uid"]) == (200, pod["metadata"]["uid"])


@pytest.mark.parametrize("synced", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_sigterm_ends_waiting_lookups_at_once(synced: bool, server: ApiServer, start_operator: StartOperator) -> None:
    if not synced:
        server.faults.add(Fault(status=503))
    operator = start_operator(server, SHUTDOWN_DRAIN_SECONDS="3")
    operator.wait_until_listening()
    if synced:
        operator.wait_until_ready()
    clients = [WaitingClient(operator, f"uid={UID}") for _ in range(3)]
    operator.process.send_signal(signal.SIGTERM)
    for client in clients:
        assert client.response() == (503, b'{"error":"shutting down"}')
    assert operator.process.poll() is None, "the responses came at the end of the drain"
    assert operator.wait_for_exit() == 0
    if synced:
        assert operator.warnings() == []
