"""Requests through HTTP proxies, and what the environment may not add to them."""

import asyncio
import dataclasses
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trustme
import uvloop

from pod_index.informer.client import ApiClient
from pod_index.informer.credentials import Credentials
from pod_index.informer.errors import Unreachable
from pod_index.informer.proxy import Proxy, find_proxy
from tests.apiserver import ApiServer
from tests.support.forward_proxy import ForwardProxy
from tests.support.operator_process import free_port
from tests.unit.conftest import credentials


def get(found: Credentials, factory: Callable[[], Any] = asyncio.new_event_loop) -> int:
    """Return the status of a request with these credentials."""

    async def load() -> Credentials:
        return found

    async def request() -> int:
        client = ApiClient(load, user_agent="test")
        try:
            await client.login()
            async with client.get("/api/v1/pods", {}, idle_seconds=5) as response:
                await response.read()
                return response.status
        finally:
            await client.close()

    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(request())


def with_tls(server: ApiServer, ca: bytes, proxy: Proxy | None) -> Credentials:
    context = ssl.create_default_context(cadata=(server.ca_pem + ca).decode())
    return dataclasses.replace(credentials(server.url, server.access.admin_token), ssl_context=context, proxy=proxy)


def through(port: int, scheme: str = "http", login: str = "") -> Proxy | None:
    return find_proxy("https://x", f"{scheme}://{login}127.0.0.1:{port}", "c", {})


@pytest.mark.parametrize("factory", [asyncio.new_event_loop, uvloop.new_event_loop])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_server_with_tls_is_reached_by_a_tunnel(scheme: str, factory: Callable[[], Any]) -> None:
    authority = trustme.CA()
    tls = None
    if scheme == "https":
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(tls)
    with ApiServer(tls=True) as server, ForwardProxy(tls, "Proxy-Authorization: Basic amFuZTpzM2NyZXQ=\r\n") as proxy:
        ca = authority.cert_pem.bytes()
        assert get(with_tls(server, ca, through(proxy.port, scheme, "jane:s3cret@")), factory) == 200
        (head,) = proxy.heads
        assert head.startswith(f"CONNECT 127.0.0.1:{server.port} HTTP/1.1\r\n")
        assert "\r\nAuthorization:" not in head
        assert not any(name.startswith("proxy-") for name, _ in server.requests[-1].headers)


def test_a_server_without_tls_is_reached_by_the_proxy() -> None:
    with ApiServer() as server, ForwardProxy(None, "Proxy-Authorization: Basic amFuZTpzM2NyZXQ=\r\n") as proxy:
        found = credentials(server.url, server.access.admin_token)
        assert get(dataclasses.replace(found, proxy=through(proxy.port, login="jane:s3cret@"))) == 200
        assert proxy.heads[0].startswith(f"GET {server.url}/api/v1/pods HTTP/1.1\r\n")


def test_a_proxy_that_fails_is_named_in_the_line() -> None:
    source = "the proxy of proxy-url of cluster 'c'"
    with ApiServer(tls=True) as server:
        port = free_port()
        with pytest.raises(Unreachable) as caught:
            get(with_tls(server, b"", through(port, login="jane:s3cret@")))
        assert f"cannot connect to http://127.0.0.1:{port}, {source} (Connection refused)" in str(caught.value)
        with ForwardProxy(None, "jane") as proxy, pytest.raises(Unreachable) as caught:
            get(with_tls(server, b"", through(proxy.port, login="jane:s3cret@")))
        assert f"{source} refuses to connect to {server.url} (407 Proxy Authentication Required)" in str(caught.value)
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        trustme.CA().issue_cert("127.0.0.1").configure_cert(tls)
        with ForwardProxy(tls) as proxy, pytest.raises(Unreachable) as caught:
            get(with_tls(server, b"", through(proxy.port, "https")))
        assert f"the certificate of https://127.0.0.1:{proxy.port}, {source} is not trusted" in str(caught.value)


def test_the_files_and_variables_of_other_programs_are_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".netrc").write_text("default login jane password s3cret\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    monkeypatch.delenv("NO_PROXY", raising=False)
    for netrc in (None, tmp_path / ".netrc"):
        if netrc is not None:
            monkeypatch.setenv("NETRC", str(netrc))
        with ApiServer(anonymous=True) as server:
            for token in (None, server.access.admin_token):
                assert get(credentials(server.url, token)) == 200
                sent = dict(server.requests[-1].headers).get("authorization")
                assert sent == (f"Bearer {token}" if token else None)


def test_impersonation_is_sent_with_each_request() -> None:
    headers = (("Impersonate-User", "admin"), ("Impersonate-Group", "a"), ("Impersonate-Group", "b"))
    with ApiServer() as server:
        found = credentials(server.url, server.access.admin_token)
        assert get(dataclasses.replace(found, impersonation=headers)) == 200
        sent = [header for header in server.requests[-1].headers if header[0].startswith("impersonate")]
        assert sent == [(name.lower(), value) for name, value in headers]
