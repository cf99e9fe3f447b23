"""Pod-indexes of other clusters: real ones on an index, and servers that answer what a test says."""

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from pod_index.api.app import begin_shutdown, create_app
from pod_index.api.authentication import Authenticator
from pod_index.fleet.fleet import Fleet
from pod_index.server.server import Server
from pod_index.settings import Settings
from pod_index.stats import Stats
from pod_index.store.index import PodIndex
from tests.support.operator_process import free_port
from tests.support.served import served


class Received(NamedTuple):
    """A request."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


Script = Callable[[Received], Awaitable[bytes | None]]
"""Returns the response as it is sent; None closes the connection."""


def response(status: int, body: bytes, *headers: str, media_type: str = "application/json") -> bytes:
    """A response of HTTP/1.1."""
    age = [] if any(header.startswith("Age:") for header in headers) else ["Age: 0"]
    lines = [
        f"HTTP/1.1 {status} X",
        *age,
        f"Content-Type: {media_type}",
        f"Content-Length: {len(body)}",
        *headers,
        "",
        "",
    ]
    return "\r\n".join(lines).encode() + body


NOT_FOUND = response(404, b'{"error":"pod with UID U not found"}', "Age: 0")


class ScriptedPeer:
    """An HTTP server that counts its connections and keeps the requests."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.requests: list[Received] = []
        self.connections = 0
        self.url = ""

    @contextlib.asynccontextmanager
    async def serving(
        self, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
    ) -> AsyncIterator["ScriptedPeer"]:
        """Serve in the context."""
        connections: set[asyncio.Task[Any]] = set()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            connections.add(task)
            self.connections += 1
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                while (answer := await self.script(await self._receive(reader))) is not None:
                    writer.write(answer)
                    await writer.drain()
            writer.close()
            connections.discard(task)

        server = await asyncio.start_server(serve, host, 0, ssl=tls)
        port = server.sockets[0].getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"
        try:
            yield self
        finally:
            server.close()
            for task in list(connections):
                task.cancel()
            await asyncio.gather(*connections, return_exceptions=True)

    async def _receive(self, reader: asyncio.StreamReader) -> Received:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = head.strip().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        method, target, _ = first.split(" ")
        received = Received(method, target, headers, body)
        self.requests.append(received)
        return received


@contextlib.asynccontextmanager
async def scripted(
    script: Script, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
) -> AsyncIterator[ScriptedPeer]:
    """A server that answers what ``script`` returns."""
    async with ScriptedPeer(script).serving(tls, host) as peer:
        yield peer


@contextlib.asynccontextmanager
async def pod_index(index: PodIndex, port: int = 0, age: float = 3.0, **settings: Any) -> AsyncIterator[str]:
    """The URL of a pod-index in this process, over HTTP."""
    own = Settings(port=port or free_port(), **settings)
    app = create_app(index, lambda: age, own, authenticator=Authenticator.from_settings(own))
    server = Server(app, own, pytest.fail)
    await server.start()
    try:
        yield f"http://127.0.0.1:{own.port}"
    finally:
        begin_shutdown(app)
        await server.stop()


class Here(NamedTuple):
    """This cluster, with peers."""

    client: httpx.AsyncClient
    fleet: Fleet
    stats: Stats
    path: Path
    """The file with the peers."""

    async def get(self, query: str) -> tuple[int, dict[str, str], Any]:
        """Look up one pod; return the status, the headers that name the cluster and its answer, and the JSON."""
        answer = await self.client.get(f"/api/v1/pod?{query}")
        headers = {name: answer.headers[name] for name in ("cluster", "age", "matched-by") if name in answer.headers}
        return answer.status_code, headers, answer.json()

    def results(self, peer: str) -> dict[str, int]:
        """The requests to a peer by result, without those that did not occur."""
        return {result: count for (name, result), count in self.stats.peer_requests.items() if name == peer and count}


@contextlib.asynccontextmanager
async def cluster(
    folder: Path, index: PodIndex, peers: Mapping[str, str | dict[str, str]], age: float = 7.0, **options: Any
) -> AsyncIterator[Here]:
    """Cluster ``a`` with an index, and peers by their names: URLs, or entries without their name."""
    path = folder / "peers"
    write_peers(path, peers)
    options = {"cluster_name": "a", "peers_file": str(path), "peer_timeout_seconds": 10.0, **options}
    settings, stats = Settings(**options), Stats()
    fleet = Fleet(settings, stats)
    fleet.start()
    try:
        async with served(index, age, settings, stats=stats, clusters=fleet) as client:
            yield Here(client, fleet, stats, path)
    finally:
        await fleet.close()


def write_peers(path: Path, peers: Mapping[str, str | dict[str, str]]) -> None:
    """Write a file with peers."""
    entries = [{"name": name} | ({"url": peer} if isinstance(peer, str) else peer) for name, peer in peers.items()]
    path.write_text(json.dumps({"peers": entries}))
