"""Client connections: the gate with limits on time, and the place of a connection among others."""

import asyncio

import uvicorn
from uvicorn.server import ServerState

from pod_index.server import timeouts
from pod_index.server.gate import Gate
from pod_index.server.heads import RejectedRequest
from pod_index.server.lookups import PlainLookups
from pod_index.server.pool import ConnectionPool
from pod_index.server.timeouts import Timeouts
from pod_index.settings import Settings
from pod_index.stats import Stats

WRITE_BUFFER_BYTES = 16 * 1024
"""Size of the unread part of a response above which the application waits."""

ENCRYPTED_BYTES = 1024
"""Size of the encrypted input above which a connection is not read while reading is paused. One read may exceed it."""


class Connection(Gate):
    """One client connection, from the start of its TLS handshake."""

    __slots__ = ("_timeouts", "handshake")

    def __init__(
        self,
        config: uvicorn.Config,
        server_state: ServerState,
        settings: Settings,
        stats: Stats,
        pool: ConnectionPool,
        lookups: PlainLookups | None,
    ) -> None:
        super().__init__(config, server_state, settings, stats, pool, lookups)
        self.handshake: asyncio.Task[None] | None = None
        """The task that establishes the connection, until that is done."""
        self._timeouts = Timeouts(settings)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        """Put the gate before the application, and limit the buffers of the transport."""
        super().connection_made(transport)
        self.handshake = None
        self.app, self.app_state = self._application, {"abort": self.displace, "endless": self._exempt}
        transport.set_write_buffer_limits(high=WRITE_BUFFER_BYTES)
        # Only transports with TLS have it. They would read 256 KiB after pause_reading().
        if hasattr(transport, "set_read_buffer_limits"):
            transport.set_read_buffer_limits(high=ENCRYPTED_BYTES)

    def end_handshake(self) -> None:
        """Drop the references to itself if the handshake has failed."""
        if self.handshake is not None:
            self.handshake = self.parser = None  # type: ignore[assignment] # as in uvicorn's connection_lost()

    def connection_lost(self, exc: Exception | None) -> None:
        """Leave the pool, and drop the references to itself: the garbage collector would block the event loop."""
        super().connection_lost(exc)
        self._held.clear()
        self._pool.discard(self)
        self.app, self.app_state = self.config.loaded_app, {}
        if self.cycle is not None:
            self._free_header()

    def on_response_complete(self) -> None:
        """Free the header of the request: otherwise, an idle connection would hold up to 40 KB."""
        self._free_header()
        super().on_response_complete()

    def _free_header(self) -> None:
        self.cycle.scope = self.scope = {}  # type: ignore[typeddict-item] # nothing reads it any more
        self.headers, self.url = [], b""

    def displace(self) -> None:
        """Close the connection at once: others need its place."""
        self._stats.connections_cut["displaced"] += 1
        self._pool.discard(self)
        if self.handshake is not None:
            self.handshake.cancel()
            return
        if self._response_pending():
            self._disconnect()
        self.transport.abort()

    def resume_writing(self) -> None:
        """Restart the timeout: the client has read a part of the response."""
        super().resume_writing()
        self._timeouts.restart()

    def _exempt(self) -> None:
        """Note that the response to the present request has no end."""
        self._timeouts.exempt(self._requests)

    def check(self, now: float) -> None:
        """Close the connection if the client exceeds a timeout; ``now`` is the monotonic time in seconds."""
        wait = self._wait()
        if not self._timeouts.expired(wait, self._requests, now):
            return
        if wait == timeouts.UNREAD:
            self._stats.connections_cut["unread"] += 1
        if wait in (timeouts.UNREAD, timeouts.LINGER, timeouts.CLOSING):
            self.transport.abort()
        elif wait == timeouts.HEAD:
            seconds = self._settings.client_timeout_seconds
            self._reject(RejectedRequest("slow", 408, f"request did not come within {seconds:g} s"))
        else:
            self.transport.close()

    def _wait(self) -> str | None:
        """Return what the connection waits for, None if for the application."""
        if self.transport.get_write_buffer_size():
            return timeouts.UNREAD
        if self._discarding:
            return timeouts.LINGER
        if self.transport.is_closing():
            return timeouts.CLOSING
        if self._response_pending():
            return None
        if self._body_left:
            return timeouts.BODY
        if self._held:
            return timeouts.HEAD
        return timeouts.IDLE if self._requests else timeouts.NEW
