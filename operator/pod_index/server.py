"""An ASGI application under uvicorn, in an event loop that runs already."""

import asyncio
import contextlib
import errno
import socket
import ssl
from collections.abc import Callable, Iterator
from typing import Any

import uvicorn

GRACE_SECONDS = 5.0
"""How long answers under way may take to reach their clients when the server stops."""

BACKLOG = 2048
"""Connections that may wait to be accepted."""


class ListenError(Exception):
    """The port cannot be listened on; the message names the variable that sets it."""


class Server:
    """One application on one port, with TLS if there is a context for it.

    ``on_death`` is called, with a line that says why, if the server ends without having been stopped.
    """

    def __init__(
        self,
        app: Callable[..., Any],
        port: int,
        on_death: Callable[[str], None],
        *,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._app = app
        self._port = port
        self._on_death = on_death
        self._tls = tls
        self._listener: socket.socket | None = None
        self._server: _Uvicorn | None = None
        self._task: asyncio.Task[None] | None = None
        self._stopping = False

    async def start(self) -> None:
        """Listen on the port and answer from now on; raise ListenError if the port is not to be had."""
        self._listener = _listen(self._port)
        # Connections inherit it. Without it, an answer in two parts waits for the client's delayed acknowledgement;
        # asyncio sets it on sockets that name their protocol only, which those of create_server() do not.
        self._listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        tls = self._tls
        config = uvicorn.Config(
            self._app,
            log_config=None,
            log_level="warning",
            access_log=False,
            lifespan="off",
            ws="none",
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=int(GRACE_SECONDS),
            ssl_context_factory=None if tls is None else lambda *_: tls,
        )
        self._server = _Uvicorn(config)
        self._task = asyncio.create_task(self._server.serve(sockets=[self._listener]), name="HTTP server")
        while not self._server.started and not self._task.done():  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.001)
        self._task.add_done_callback(self._ended)

    async def stop(self) -> None:
        """Stop listening, let the answers under way reach their clients, and close all connections."""
        self._stopping = True
        if self._server is not None and self._task is not None:
            self._server.should_exit = True
            await asyncio.wait([self._task])

    def _ended(self, task: asyncio.Task[None]) -> None:
        if self._listener is not None:
            self._listener.close()
        # Tasks are cancelled when the whole operator ends, for whatever reason of its own.
        if not self._stopping and not task.cancelled():
            error = task.exception()
            self._on_death(f"the HTTP server has ended unexpectedly ({error or 'no error'})")


class _Uvicorn(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to Kopf, which ends the operator on them and stops this server then."""
        yield


def _listen(port: int) -> socket.socket:
    """Open a listening socket on all addresses, IPv6 and IPv4 where there is both."""
    try:
        if socket.has_dualstack_ipv6():
            try:
                return socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=BACKLOG)
            except OSError as error:
                # The kernel may know IPv6 and have no address to listen on.
                if error.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                    raise
        return socket.create_server(("", port), backlog=BACKLOG)
    except OSError as error:
        match error.errno:
            case errno.EADDRINUSE:
                reason = "is in use; stop what listens there, or set PORT to a free one"
            case errno.EACCES:
                reason = "needs privileges; set PORT to one above 1023"
            case _:
                reason = f"cannot be listened on ({error.strerror})"
        raise ListenError(f"PORT {port} {reason}") from error
