"""A small API server that asks for no token, and a client of it."""

from collections.abc import AsyncIterator, Iterator

import pytest

from pod_index.client import ApiClient
from pod_index.credentials import Credentials
from tests.apiserver import ApiServer


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


@pytest.fixture
async def client(server: ApiServer) -> AsyncIterator[ApiClient]:
    client = ApiClient(lambda: credentials(server.url), user_agent="test")
    await client.login()
    yield client
    await client.close()
