"""TCP connections: ASGI hides the one that carries a request, and a test wants to close it."""

import socket
from contextlib import suppress
from typing import Any
from weakref import WeakValueDictionary

from starlette.types import Receive, Scope


def bound_socket(host: str, port: int) -> socket.socket:
    """A TCP socket that is bound but does not listen.

    With ``SO_REUSEADDR``, several sockets can be bound to one port as long as none of them listens. So one socket can
    reserve a port while others listen on it, one after the other.
    """
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError:
        bound.close()
        raise
    return bound


class Connections:
    """The open connections of a server, by the address of the client."""

    def __init__(self) -> None:
        self._sockets: WeakValueDictionary[Any, socket.socket] = WeakValueDictionary()

    def add(self, address: object, connection: socket.socket) -> None:
        """Remember a connection until its owner closes it."""
        self._sockets[address] = connection

    def cut(self, scope: Scope) -> None:
        """Close the connection that carries a request: what the event loop has not sent yet is lost."""
        connection = self._sockets.get(tuple(scope["client"]))
        if connection is not None:
            _shut_down(connection)

    def cut_all(self) -> None:
        """Close all connections."""
        for connection in list(self._sockets.values()):
            _shut_down(connection)


class ListeningSocket(socket.socket):
    """A listening socket that adds what it accepts to ``Connections``.

    The event loop of asyncio calls ``accept()`` of the socket that uvicorn gets (uvloop does not).
    """

    def __init__(self, host: str, port: int, connections: Connections) -> None:
        """Listen at once. Raises OSError if the port is in use."""
        super().__init__(fileno=bound_socket(host, port).detach())
        self._connections = connections
        self.refuses = False
        self.listen()

    def accept(self) -> tuple[socket.socket, Any]:
        """Accept a connection; close it at once if ``refuses`` is set."""
        connection, address = super().accept()
        if self.refuses:
            connection.close()
            raise ConnectionAbortedError  # asyncio ignores it
        self._connections.add(address, connection)
        return connection, address


async def disconnected(receive: Receive) -> None:
    """Return when the connection that carries a request is closed."""
    while (await receive())["type"] != "http.disconnect":
        pass


def _shut_down(connection: socket.socket) -> None:
    # The event loop reads the end of the stream, and then closes the socket itself.
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
