"""The open connections, and which of them give way to others."""

from typing import Protocol

from pod_index.server.turns import Turns
from pod_index.stats import Stats

HELD_BYTES_MAX = 8 * 1024 * 1024
"""Maximum size of the input that all connections together hold: incomplete heads, bodies that the application does not
read yet, and pipelined requests. Five hundred of the longest heads of the default settings fit."""


class Displaceable(Protocol):
    """A connection that can be closed for the sake of others."""

    def displace(self) -> None:
        """Close the connection at once."""


class ConnectionPool:
    """The open connections, including those in a TLS handshake."""

    def __init__(self, stats: Stats, held_bytes_max: int = HELD_BYTES_MAX) -> None:
        self._stats = stats
        self.connections: set[Displaceable] = set()
        self.waiting: dict[Displaceable, None] = {}
        """The connections that wait for their clients: no request is being answered. The one that has waited longest
        comes first."""
        self.turns = Turns()
        self._held_bytes_max = held_bytes_max
        self._held: dict[Displaceable, int] = {}
        """Size of the input that each connection holds. The one that has held some longest comes first."""
        self._held_bytes = 0

    def add(self, connection: Displaceable) -> None:
        """Add a connection that waits for its client."""
        self.connections.add(connection)
        self.waiting[connection] = None
        self._stats.connections = len(self.connections)

    def discard(self, connection: Displaceable) -> None:
        """Remove a connection, if it is still open."""
        self.connections.discard(connection)
        self.waiting.pop(connection, None)
        self._held_bytes -= self._held.pop(connection, 0)
        self._stats.connections = len(self.connections)

    def make_room(self) -> bool:
        """Close the connection that has waited longest; return False if no connection waits for its client."""
        longest = next(iter(self.waiting), None)
        if longest is None:
            return False
        longest.displace()
        return True

    def hold(self, connection: Displaceable, size: int) -> None:
        """Note that the connection holds input of this size. Too much in all: close the one that has held longest."""
        self._held_bytes += size - self._held.get(connection, 0)
        if size:
            self._held[connection] = size
        else:
            self._held.pop(connection, None)
        if self._held_bytes > self._held_bytes_max:
            next(iter(self._held)).displace()
