"""The TCP connection below a request, which ASGI hides: to drop it, and to know that it is gone."""

from __future__ import annotations

import asyncio

from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class Connection:
    """The client's end of one connection."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self.gone = asyncio.Event()

    def abort(self) -> None:
        """Drop it at once, with what is still to be sent: as a process that is killed does."""
        self._transport.abort()

    async def close(self) -> None:
        """Send what has been written, then drop it; returns when it is gone."""
        self._transport.close()
        await self.gone.wait()

    async def wait_gone(self, seconds: float | None) -> bool:
        """Wait that long (None: for ever), or until the connection is gone; tells whether it is."""
        waiting = asyncio.ensure_future(self.gone.wait())
        await asyncio.wait([waiting], timeout=seconds)
        waiting.cancel()
        return self.gone.is_set()


def connection_of(scope: Scope) -> Connection:
    """The connection that a request came on."""
    connection = scope["state"]["connection"]
    assert isinstance(connection, Connection)
    return connection


class ConnectionInScope(HttpToolsProtocol):
    """uvicorn's HTTP protocol, which also puts the connection into the scope's state."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Remember the connection."""
        super().connection_made(transport)
        self.connection = Connection(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever still answers on it."""
        super().connection_lost(exc)
        self.connection.gone.set()

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        self.scope["state"]["connection"] = self.connection
