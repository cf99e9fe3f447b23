"""A running API server, and an HTTP client with all rights."""

from collections.abc import Callable, Iterator

import httpx
import pytest

from tests.apiserver import ApiServer
from tests.support.polling import DEADLINE_SECONDS

Connect = Callable[..., httpx.Client]


@pytest.fixture
def server() -> Iterator[ApiServer]:
    with ApiServer(bookmark_interval=0.05) as running:
        yield running


@pytest.fixture
def connect() -> Iterator[Connect]:
    """Make HTTP clients for servers; they are closed at the end of the test."""
    clients: list[httpx.Client] = []

    def make(server: ApiServer, token: str | None = None) -> httpx.Client:
        headers = {"Authorization": f"Bearer {server.access.admin_token if token is None else token}"}
        client = httpx.Client(
            base_url=server.url, headers=headers, verify=False, timeout=DEADLINE_SECONDS, trust_env=False
        )
        clients.append(client)
        return client

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def http(server: ApiServer, connect: Connect) -> httpx.Client:
    return connect(server)
