"""The server as a process: start, stop, port, TLS, kubeconfig."""

from __future__ import annotations

import json
import socket
import ssl

import httpx
import pytest

from tests.apiserver import ApiServer, Fault, make_pod
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
    assert watcher.told == [("ADDED", "meanwhile"), ("ADDED", "after")]


def test_an_abrupt_stop_drops_every_connection(server: ApiServer, connect: Connect) -> None:
    server.faults.add(Fault(kind="list", delay=600))
    with Watcher(connect(server)) as watcher:
        eventually(lambda: server.open_watches == 1)
        stuck = socket.create_connection(("127.0.0.1", server.port))
        token = server.access.admin_token
        stuck.sendall(f"GET {PODS} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n".encode())
        eventually(lambda: any(request.kind == "list" for request in server.requests))
        server.stop()
        assert watcher.wait_for_end() == "broken"
        with stuck:
            assert stuck.recv(1) == b""
    assert server.open_watches == 0


def test_a_graceful_stop_ends_watches_cleanly(server: ApiServer, http: httpx.Client) -> None:
    with Watcher(http) as watcher:
        eventually(lambda: server.open_watches == 1)
        server.stop(abrupt=False)
        assert watcher.wait_for_end() == "cleanly"


def test_a_server_can_be_stopped_and_started_many_times(server: ApiServer, connect: Connect) -> None:
    for _ in range(5):
        server.stop()
        server.start()
        assert connect(server).get(PODS).status_code == 200


def test_start_and_stop_have_their_order(server: ApiServer) -> None:
    with pytest.raises(RuntimeError, match="is running"):
        server.start()
    server.stop()
    with pytest.raises(RuntimeError, match="is not running"):
        server.stop()


def test_a_server_can_have_a_certain_port() -> None:
    port = free_port()
    with ApiServer(port) as server:
        assert server.url == f"http://127.0.0.1:{port}"
        with pytest.raises(OSError, match="in use"):
            ApiServer(port)


def test_a_port_that_someone_else_took_is_told_at_the_start() -> None:
    first = ApiServer()
    second = ApiServer(first.port)
    with first, pytest.raises(OSError, match="in use"):
        second.start()
    second.close()


def test_tls_is_trusted_through_the_servers_ca(connect: Connect) -> None:
    with ApiServer(tls=True) as server:
        context = ssl.create_default_context(cadata=server.ca_pem.decode())
        headers = {"Authorization": f"Bearer {server.access.admin_token}"}
        with httpx.Client(base_url=server.url, verify=context, headers=headers) as trusting:
            assert trusting.get(PODS).status_code == 200
            local = server.url.replace("127.0.0.1", "localhost")
            assert trusting.get(local + PODS).status_code == 200
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            httpx.get(server.url + PODS)
        with Watcher(connect(server)) as watcher:
            server.pods.create(make_pod("web"))
            watcher.wait_for(1)
            server.faults.cut_watches()
            assert watcher.wait_for_end() == "broken"
        server.stop()
        server.start()
        assert connect(server).get(PODS).status_code == 200


def test_a_kubeconfig_holds_address_token_and_ca() -> None:
    with ApiServer(tls=True) as server:
        config = json.loads(server.kubeconfig("t-1"))
        assert config["users"][0]["user"] == {"token": "t-1"}
        assert config["clusters"][0]["cluster"]["server"] == server.url
        assert config["clusters"][0]["cluster"]["certificate-authority-data"]
        assert server.access.admin_token in server.kubeconfig()


def test_a_plain_server_has_no_ca(server: ApiServer) -> None:
    assert server.ca_pem == b""
    assert "certificate-authority-data" not in server.kubeconfig()
