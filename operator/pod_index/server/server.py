"""An ASGI application under uvicorn, in an event loop that runs already, for clients that keep within limits."""

import asyncio
import contextlib
import logging
import math
import socket
import ssl
import time
from collections import deque
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import uvicorn

from pod_index.server.connections import LINGER_SECONDS, Connection, answer
from pod_index.server.listener import allow_open_files, listen
from pod_index.settings import Settings
from pod_index.stats import Stats

GRACE_SECONDS = 5.0
"""How long answers under way may take to reach their clients when the server stops."""

FAREWELL_SECONDS = 0.5
"""How long clients may take then to close an encrypted connection from their side too."""

ACCEPTED_AT_ONCE = 8
"""How many of them are accepted before those that are open have their turn."""

CHECK_SECONDS = 1.0
"""How often is looked for clients that are too slow; more often if they have less than ten times that."""

CHECKED_AT_ONCE = 20
"""How many of them are looked at before the others have their turn."""

REFUSED_MAX = 100
"""How many clients that are too many may be reading so at the same time."""

OTHER_FILES = REFUSED_MAX + 100
"""How many files are open besides the connections of clients, at the most."""

CROWDED = answer(503, "too many connections", [(b"retry-after", b"1")])

logger = logging.getLogger("pod_index")


class Server:
    """One application on the port of the settings, with TLS if there is a context for it.

    ``on_death`` is called, with a line that says why, if the server ends without having been stopped.
    """

    def __init__(
        self,
        app: Callable[..., Any],
        settings: Settings,
        on_death: Callable[[str], None],
        *,
        tls: ssl.SSLContext | None = None,
        stats: Stats | None = None,
    ) -> None:
        self._settings = settings
        self._on_death = on_death
        self._tls = tls
        self._stats = stats or Stats()
        self._listener: socket.socket | None = None
        self._config = uvicorn.Config(
            app,
            interface="asgi3",
            http="httptools",
            log_config=None,
            # Its warnings are of what clients do wrong, a line for each.
            log_level="error",
            access_log=False,
            lifespan="off",
            ws="none",
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=math.ceil(settings.idle_timeout_seconds),
            # What is under way then has had its time: see _drain.
            timeout_graceful_shutdown=math.ceil(2 * GRACE_SECONDS),
        )
        self._server = _Uvicorn(self._config)
        self._connections: set[Connection] = set()
        """All that are open, those in a TLS handshake included."""
        self._refused: deque[socket.socket] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._serving: asyncio.Task[None] | None = None
        self._stopping = False

    async def start(self) -> None:
        """Listen on the port and answer from now on; raise ListenError if the port is not to be had."""
        self._listener = listen(self._settings.port)
        allow_open_files(self._settings.max_connections + OTHER_FILES)
        # Connections are accepted here, not by uvicorn: it neither stats TLS handshakes, nor ends them after less
        # than a minute, and it takes all that wait at once, while nobody else is answered.
        self._config.load()
        self._serving = asyncio.create_task(self._server.serve(sockets=[]), name="HTTP server")
        while not self._server.started and not self._serving.done():  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.001)
        self._serving.add_done_callback(self._ended)
        self._start(self._look_after_clients(), "clients").add_done_callback(self._ended)
        self._accept_from_now_on()

    async def stop(self) -> None:
        """Stop listening, let the answers under way reach their clients, and close all connections."""
        self._stopping = True
        self._close_listener()
        if self._serving is not None:
            self._server.should_exit = True
            await asyncio.wait([self._serving])
        for task in self._tasks:
            task.cancel()
        while self._refused:
            self._refused.popleft().close()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._close_listener()
        # Tasks are cancelled when the whole operator ends, for whatever reason of its own.
        if not self._stopping and not task.cancelled():
            error = task.exception()
            self._on_death(f"the HTTP server has ended unexpectedly ({error or 'no error'})")

    def _close_listener(self) -> None:
        if self._listener is not None:
            asyncio.get_running_loop().remove_reader(self._listener)
            self._listener.close()
            self._listener = None

    def _start(self, work: Coroutine[None, None, None], name: str) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _accept_from_now_on(self) -> None:
        if self._listener is not None:
            asyncio.get_running_loop().add_reader(self._listener, self._accept)

    def _accept(self) -> None:
        """Take some of the clients that wait."""
        loop = asyncio.get_running_loop()
        for _ in range(ACCEPTED_AT_ONCE):
            if self._listener is None:
                return
            try:
                sock, _ = self._listener.accept()
            except BlockingIOError:
                return
            except ConnectionError:
                continue  # It has gone again: accept(2).
            except OSError as error:
                # No files or no memory are left: until there are, asking again and again is of no use.
                logger.error("no connection can be accepted (%s); MAX_CONNECTIONS may be lower", error.strerror)
                loop.remove_reader(self._listener)
                loop.call_later(CHECK_SECONDS, self._accept_from_now_on)
                return
            sock.settimeout(0)
            if len(self._connections) < self._settings.max_connections:
                self._take(sock)
            else:
                self._refuse(sock)

    def _take(self, sock: socket.socket) -> None:
        connection = Connection(self._config, self._server.server_state, self._settings, self._stats, self._forget)
        self._connections.add(connection)
        self._stats.connections = len(self._connections)
        self._start(self._connect(connection, sock), "connection")

    async def _connect(self, connection: Connection, sock: socket.socket) -> None:
        loop, patience = asyncio.get_running_loop(), self._settings.client_timeout_seconds
        try:
            if self._tls is None:
                await loop.connect_accepted_socket(lambda: connection, sock)
            else:
                await loop.connect_accepted_socket(
                    lambda: connection,
                    sock,
                    ssl=self._tls,
                    ssl_handshake_timeout=patience,
                    ssl_shutdown_timeout=patience,
                )
        except OSError:
            self._stats.connections_cut["handshake"] += 1
            self._forget(connection)

    def _forget(self, connection: Connection) -> None:
        self._connections.discard(connection)
        self._stats.connections = len(self._connections)

    def _refuse(self, sock: socket.socket) -> None:
        """Tell one that is too many so, and give it the time to read it; with TLS there is no way to tell it."""
        self._stats.connections_cut["crowded"] += 1
        if self._tls is not None or len(self._refused) >= REFUSED_MAX:
            sock.close()
            return
        with contextlib.suppress(OSError):
            sock.send(CROWDED)
            sock.shutdown(socket.SHUT_WR)
        self._refused.append(sock)
        asyncio.get_running_loop().call_later(LINGER_SECONDS, self._close_refused)

    def _close_refused(self) -> None:
        if self._refused:
            self._refused.popleft().close()

    async def _look_after_clients(self) -> None:
        """End what clients do not go on with."""
        patience = min(self._settings.client_timeout_seconds, self._settings.idle_timeout_seconds)
        while True:
            await asyncio.sleep(min(CHECK_SECONDS, patience / 10))
            now = time.monotonic()
            for number, connection in enumerate(list(self._server.server_state.connections), 1):
                if isinstance(connection, Connection):
                    connection.check(now)
                if number % CHECKED_AT_ONCE == 0:
                    await asyncio.sleep(0)


class _Uvicorn(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to Kopf, which ends the operator on them and stops this server then."""
        yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Shut down as uvicorn does, but wait no longer than needed for clients that say nothing."""
        parting = asyncio.create_task(self._drain(), name="parting")
        try:
            await super().shutdown(sockets)
        finally:
            parting.cancel()

    async def _drain(self) -> None:
        """Drop connections that are closed but for the client's farewell, which TLS waits for; in the end all others.

        A client that looks at a connection only when it needs it again does not send any; uvicorn would wait for it
        as for a request, and log an error, as it does if an answer is not read.
        """
        patient_until = time.monotonic() + GRACE_SECONDS
        while True:
            await asyncio.sleep(FAREWELL_SECONDS)
            patient = time.monotonic() < patient_until
            for connection in list(self.server_state.connections):
                transport = connection.transport
                if not patient or (transport.is_closing() and not transport.get_write_buffer_size()):
                    transport.abort()
