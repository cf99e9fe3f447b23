"""A small API server that asks for no token, and a client of it; event loops to serve in."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping

import pytest
import uvloop

from pod_index.informer.client import ApiClient
from pod_index.informer.credentials import Credentials
from tests.apiserver import ApiServer

SERVING = (
    *("test_connections.py", "test_gate.py", "test_displacement.py", "test_uvicorn.py", "test_server.py"),
    *("test_certificate.py", "test_tls_connections.py", "test_lookups.py", "test_garbage.py", "test_turns.py"),
    "test_hostile_peers.py",
)
"""What is tested in both event loops: Kopf takes uvloop where it is, else the one of the standard library."""


def pytest_asyncio_loop_factories(item: pytest.Item) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Make the loops for one test."""
    factories: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {"asyncio": asyncio.new_event_loop}
    if item.path.name in SERVING:
        factories["uvloop"] = uvloop.new_event_loop
    return factories


def credentials(server: str, token: str | None = None) -> Credentials:
    """Credentials for a server without TLS."""
    return Credentials(
        server=server,
        authorization=f"Bearer {token}" if token else None,
        ssl_context=None,
        server_hostname=None,
        proxy=None,
    )


@pytest.fixture
def server() -> Iterator[ApiServer]:
    with ApiServer(anonymous=True) as server:
        yield server


async def logged_in(url: str) -> ApiClient:
    """Return a client of the server at ``url``; the test closes it."""

    async def load() -> Credentials:
        return credentials(url)

    client = ApiClient(load, user_agent="test")
    await client.login()
    return client


@pytest.fixture
async def client(server: ApiServer) -> AsyncIterator[ApiClient]:
    client = await logged_in(server.url)
    yield client
    await client.close()
