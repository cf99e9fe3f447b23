"""Start and stop, the port, TLS, the kubeconfig, and what the server needs of asyncio and uvicorn."""

import json
import socket
import ssl

import httpx
import pytest

from tests.apiserver import ApiServer, Fault, make_pod
from tests.apiserver.connections import Connections, ListeningSocket
from tests.support.operator_process import free_port
from tests.support.polling import eventually
from tests.unit.apiserver.conftest import Connect
from tests.unit.apiserver.watcher import Watcher

PODS = "/api/v1/pods"


def test_a_stopped_server_refuses_connections_and_comes_back_as_it_was(server: ApiServer, http: httpx.Client) -> None:
    server.pods.create(make_pod("before"))
    version = server.pods.resource_version
    port = server.port
    server.stop()
    with pytest.raises(httpx.ConnectError):
        http.get(PODS)
    server.pods.create(make_pod("meanwhile"))
    server.start()
    assert server.port == port
    assert len(http.get(PODS).json()["items"]) == 2
    with Watcher(http, resourceVersion=version) as watcher:
        watcher.wait_for(1)
        server.pods.create(make_pod("after"))
        watcher.wait_for(2)
    assert watcher.summary == [("ADDED", "meanwhile"), ("ADDED", "after")]


def test_a_stop_closes_every_connection(server: ApiServer, connect: Connect) -> None:
    server.faults.add(Fault(kind="list", stall=True))
    with Watcher(connect(server)) as watcher:
        eventually(lambda: server.open_watches == 1)
        stalled = socket.create_connection(("127.0.0.1", server.port))
        token = server.access.admin_token
        stalled.sendall(f"GET {PODS} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n".encode())
        assert stalled.recv(1 << 16).startswith(b"HTTP/1.1 200 OK\r\n")
        server.stop()
        assert watcher.wait_for_end() == "broken"
        with stalled:
            assert stalled.recv(1) == b""
    assert server.open_watches == 0


def test_a_connection_during_a_stop_is_closed_at_once() -> None:
    with ListeningSocket("127.0.0.1", 0, Connections()) as listening:
        listening.refuses = True
        with socket.create_connection(listening.getsockname()) as client:
            with pytest.raises(ConnectionAbortedError):
                listening.accept()
            assert client.recv(1) == b""


def test_a_server_can_have_a_fixed_port() -> None:
    port = free_port()
    with ApiServer(port) as server:
        assert server.url == f"http://127.0.0.1:{port}"
        with pytest.raises(OSError, match="in use"):
            ApiServer(port)


def test_a_port_that_is_taken_after_the_reservation_fails_the_start() -> None:
    first = ApiServer()
    second = ApiServer(first.port)
    with first, pytest.raises(OSError, match="in use"):
        second.start()
    second.close()


def test_clients_trust_tls_through_the_ca_of_the_server(connect: Connect) -> None:
    with ApiServer(tls=True) as server:
        context = ssl.create_default_context(cadata=server.ca_pem.decode())
        headers = {"Authorization": f"Bearer {server.access.admin_token}"}
        with httpx.Client(base_url=server.url, verify=context, headers=headers) as trusting:
            assert trusting.get(PODS).status_code == 200
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            httpx.get(server.url + PODS)
        with Watcher(connect(server)) as watcher:
            server.pods.create(make_pod("web"))
            watcher.wait_for(1)
            server.faults.cut_watches()
            assert watcher.wait_for_end() == "broken"


def test_a_kubeconfig_holds_address_token_and_ca() -> None:
    with ApiServer(tls=True) as server:
        config = json.loads(server.kubeconfig("t-1"))
        assert config["users"][0]["user"] == {"token": "t-1"}
        assert config["clusters"][0]["cluster"]["server"] == server.url
        assert config["clusters"][0]["cluster"]["certificate-authority-data"]
        assert server.access.admin_token in server.kubeconfig()
