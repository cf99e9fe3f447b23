"""The API on an index, served over a socket, and clients that follow pods."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import httpx
import msgspec
import pytest

from pod_index.api.app import begin_shutdown, create_app
from pod_index.api.authentication import Authenticator
from pod_index.server.server import Server
from pod_index.settings import Settings
from pod_index.stats import Stats
from pod_index.store.index import PodIndex
from tests.support.operator_process import free_port

DEADLINE = 30.0


class Stream:
    """The lines of one stream."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._lines = response.aiter_lines()

    async def next(self) -> dict[str, Any] | None:
        """The next line; None at the end."""
        async with asyncio.timeout(DEADLINE):
            line = await anext(self._lines, None)
        event: dict[str, Any] | None = None if line is None else msgspec.json.decode(line)
        return event

    async def until_bookmark(self) -> list[tuple[str, str]]:
        """The types and UIDs of the lines up to the next bookmark."""
        events = []
        while (event := await self.next()) is not None and event["type"] != "BOOKMARK":
            events.append((event["type"], event["object"]["uid"]))
        assert event is not None, "the stream has ended"
        self.bookmark = event
        return events

    def resuming(self, query: str = "all=true") -> str:
        """The query that resumes the stream after its last bookmark."""
        return f"{query}&resume={self.bookmark['resume']}"

    async def rest(self) -> list[dict[str, Any]]:
        """All further lines until the end."""
        events = []
        while (event := await self.next()) is not None:
            events.append(event)
        return events


class Watched:
    """A server on an index."""

    def __init__(self, index: PodIndex, settings: Settings, authenticator: Authenticator | None = None) -> None:
        self.stats = Stats()
        self.port = free_port()
        settings = msgspec.structs.replace(settings, port=self.port)
        self.app = create_app(index, lambda: 0.4, settings, stats=self.stats, authenticator=authenticator)
        self.server = Server(self.app, settings, pytest.fail, stats=self.stats)
        self.client = httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.port}", timeout=DEADLINE)

    async def get(self, query: str, **options: Any) -> httpx.Response:
        """A request that is refused, or a list."""
        return await self.client.get(f"/api/v1/pods?{query}", **options)

    @contextlib.asynccontextmanager
    async def stream(self, query: str = "all=true", **options: Any) -> AsyncIterator[Stream]:
        """Open a stream."""
        async with self.client.stream("GET", f"/api/v1/pods?watch=true&{query}", **options) as response:
            assert response.status_code == 200
            yield Stream(response)

    def begin_shutdown(self) -> None:
        """End the streams."""
        begin_shutdown(self.app)

    async def watches(self, count: int) -> None:
        """Wait until so many streams are open."""
        async with asyncio.timeout(DEADLINE):
            while len(self.app.state.context.watches) != count:  # noqa: ASYNC110 - nothing tells tests
                await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def watched(
    index: PodIndex, settings: Settings | None = None, authenticator: Authenticator | None = None
) -> AsyncIterator[Watched]:
    """Serve the API on an index over a socket."""
    watched = Watched(index, settings or Settings(), authenticator)
    await watched.server.start()
    try:
        yield watched
    finally:
        await watched.client.aclose()
        await watched.server.stop()
