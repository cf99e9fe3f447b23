"""Serve an ASGI application with uvicorn in the running event loop, with limits on clients."""

import asyncio
import contextlib
import logging
import math
import socket
import ssl
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import uvicorn

from pod_index.peering import PENDING_MAX
from pod_index.server.connections import Connection
from pod_index.server.heads import error_response
from pod_index.server.listener import allow_open_files, listen
from pod_index.server.lookups import PlainLookups
from pod_index.server.pool import ConnectionPool
from pod_index.server.timeouts import LINGER_SECONDS
from pod_index.settings import Settings
from pod_index.stats import Stats

GRACE_SECONDS = 5.0
"""Time to send pending responses when the server stops."""

TLS_CLOSE_SECONDS = 0.5
"""Time for clients to close TLS connections from their side when the server stops."""

CHECK_SECONDS = 1.0
"""Time between two checks of the timeouts of clients, or a tenth of the shortest timeout if that is less."""

CHECK_BATCH = 20
"""Maximum number of connections that are checked before others are served again."""

REJECTED_MAX = 100
"""Maximum number of connections above the limit that stay open until their clients have read the response."""

OTHER_FILES = REJECTED_MAX + 100
"""Maximum number of open files besides client connections."""

TOO_MANY_CONNECTIONS = error_response(503, "too many connections", [(b"retry-after", b"1")])

logger = logging.getLogger("pod_index")


class Server:
    """Serve one application on the configured port, over TLS if ``tls`` is given.

    ``on_failure`` is called with the reason, in one line, if the server ends before ``stop`` is called. ``lookups`` are
    answered without the application.
    """

    def __init__(
        self,
        app: Callable[..., Any],
        settings: Settings,
        on_failure: Callable[[str], None],
        *,
        tls: ssl.SSLContext | None = None,
        stats: Stats | None = None,
        lookups: PlainLookups | None = None,
    ) -> None:
        self._settings = settings
        self._on_failure = on_failure
        self._tls = tls
        self._stats = stats or Stats()
        self._lookups = lookups
        self._listener: socket.socket | None = None
        self._config = uvicorn.Config(
            app,
            interface="asgi3",
            http="httptools",
            log_config=None,
            # uvicorn logs a warning for each error of a client.
            log_level="error",
            access_log=False,
            lifespan="off",
            ws="none",
            server_header=False,
            proxy_headers=False,
            # Longer than _drain needs: it closes all connections after GRACE_SECONDS.
            timeout_graceful_shutdown=math.ceil(2 * GRACE_SECONDS),
        )
        self._server = _Uvicorn(self._config)
        self._pool = ConnectionPool(self._stats)
        self._rejected: deque[socket.socket] = deque()
        self._serving: asyncio.Task[None] | None = None
        self._checks: asyncio.Task[None] | None = None
        self._stopping = False

    async def start(self) -> None:
        """Listen and serve requests; raise ListenError if the address or the port is unavailable."""
        self._listener = listen(self._settings.port, self._settings.listen_address)
        to_peers = PENDING_MAX if self._settings.peers_file else 0
        allow_open_files(self._settings.max_connections + to_peers + OTHER_FILES)
        # uvicorn does not accept the connections: it would not count TLS handshakes, it lets them take a minute, and it
        # accepts all waiting connections at once, while open ones are not served.
        self._config.load()
        self._serving = asyncio.create_task(self._server.serve(sockets=[]), name="HTTP server")
        while not self._server.started and not self._serving.done():  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.001)
        self._serving.add_done_callback(self._on_task_done)
        self._checks = asyncio.create_task(self._check_connections(), name="client timeouts")
        self._checks.add_done_callback(self._on_task_done)
        self._start_accepting()

    async def stop(self) -> None:
        """Stop listening, send the pending responses, and close all connections."""
        self._stopping = True
        self._close_listener()
        if self._serving is not None:
            self._server.should_exit = True
            await asyncio.wait([self._serving])
        if self._checks is not None:
            self._checks.cancel()
        for connection in self._pool.connections:
            if isinstance(connection, Connection) and connection.handshake is not None:
                connection.handshake.cancel()
        while self._rejected:
            self._rejected.popleft().close()

    def _on_task_done(self, task: asyncio.Task[None]) -> None:
        self._close_listener()
        # When the operator ends for another reason, the event loop cancels all tasks.
        if not self._stopping and not task.cancelled():
            error = task.exception()
            self._on_failure(f"the HTTP server has ended unexpectedly ({error or 'no error'})")

    def _close_listener(self) -> None:
        if self._listener is not None:
            asyncio.get_running_loop().remove_reader(self._listener)
            self._listener.close()
            self._listener = None

    def _start_accepting(self) -> None:
        if self._listener is not None:
            asyncio.get_running_loop().add_reader(self._listener, self._accept)

    def _accept(self) -> None:
        """Accept one of the waiting connections: open ones are served before the next."""
        if self._listener is None:
            return
        try:
            sock, _ = self._listener.accept()
        except (BlockingIOError, ConnectionError):
            return  # The client has closed the connection: accept(2).
        except OSError as error:
            # Out of files or memory: pause, as the socket stays readable.
            logger.error("cannot accept connections (%s); set MAX_CONNECTIONS to a lower value", error.strerror)
            loop = asyncio.get_running_loop()
            loop.remove_reader(self._listener)
            loop.call_later(CHECK_SECONDS, self._start_accepting)
            return
        sock.settimeout(0)
        if len(self._pool.connections) < self._settings.max_connections or self._pool.make_room():
            self._add_connection(sock)
        else:
            self._reject(sock)

    def _add_connection(self, sock: socket.socket) -> None:
        state = self._server.server_state
        connection = Connection(self._config, state, self._settings, self._stats, self._pool, self._lookups)
        self._pool.add(connection)
        # The loop's own method: names, sets and callbacks of tasks would cost a new connection a tenth of its time.
        connection.handshake = asyncio.get_running_loop().create_task(self._connect(connection, sock))

    async def _connect(self, connection: Connection, sock: socket.socket) -> None:
        loop, timeout = asyncio.get_running_loop(), self._settings.client_timeout_seconds
        try:
            if self._tls is None:
                await loop.connect_accepted_socket(lambda: connection, sock)
            else:
                await loop.connect_accepted_socket(
                    lambda: connection,
                    sock,
                    ssl=self._tls,
                    ssl_handshake_timeout=timeout,
                    ssl_shutdown_timeout=timeout,
                )
        except OSError:
            self._stats.connections_cut["handshake"] += 1
            self._pool.discard(connection)
        finally:
            connection.end_handshake()

    def _reject(self, sock: socket.socket) -> None:
        """Send an error, and give the client time to read it; with TLS, or with too many of these, just close."""
        self._stats.connections_cut["crowded"] += 1
        if self._tls is not None or len(self._rejected) >= REJECTED_MAX:
            sock.close()
            return
        with contextlib.suppress(OSError):
            sock.send(TOO_MANY_CONNECTIONS)
            sock.shutdown(socket.SHUT_WR)
        self._rejected.append(sock)
        asyncio.get_running_loop().call_later(LINGER_SECONDS, self._close_rejected)

    def _close_rejected(self) -> None:
        if self._rejected:
            self._rejected.popleft().close()

    async def _check_connections(self) -> None:
        """Close connections whose clients exceed a timeout."""
        timeout = min(self._settings.client_timeout_seconds, self._settings.idle_timeout_seconds)
        while True:
            await asyncio.sleep(min(CHECK_SECONDS, timeout / 10))
            now = time.monotonic()
            for number, connection in enumerate(list(self._server.server_state.connections), 1):
                if isinstance(connection, Connection):
                    connection.check(now)
                if number % CHECK_BATCH == 0:
                    await asyncio.sleep(0)


class _Uvicorn(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to Kopf: it shuts down the operator, which stops this server."""
        yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Shut down as uvicorn does, but do not wait for clients that are silent."""
        drain = asyncio.create_task(self._drain(), name="drain connections")
        try:
            await super().shutdown(sockets)
        finally:
            drain.cancel()

    async def _drain(self) -> None:
        """Abort connections that only wait for the client to close TLS, and after GRACE_SECONDS all others.

        A client with an idle connection pool does not notice that the connection is closing. uvicorn would wait for it
        and then log an error, as it does for a response that is not read.
        """
        deadline = time.monotonic() + GRACE_SECONDS
        while True:
            await asyncio.sleep(TLS_CLOSE_SECONDS)
            expired = time.monotonic() >= deadline
            for connection in list(self.server_state.connections):
                transport = connection.transport
                if expired or (transport.is_closing() and not transport.get_write_buffer_size()):
                    transport.abort()
