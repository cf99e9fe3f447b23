"""Sockets that only close their own file descriptor.

When a TLS handshake fails, uvloop closes the descriptor without the socket object, which then closes the same number
again when it is collected. By then the number may belong to a client's connection or to the listening port.
https://github.com/MagicStack/uvloop/issues/738
"""

import contextlib
import os
import socket
from typing import Any

Address = tuple[int, int, int, str, tuple[Any, ...]]
"""An item of ``socket.getaddrinfo``."""


class OwnSocket(socket.socket):
    """A socket that notices when its descriptor's number was reused."""

    _inode = -1

    def __init__(self, family: int, kind: int, protocol: int) -> None:
        super().__init__(family, kind, protocol)
        self._inode = os.fstat(self.fileno()).st_ino

    def close(self) -> None:
        """Close the descriptor if it still belongs to this socket; otherwise only detach it."""
        if self.fileno() == -1:
            return
        if not self._owns_descriptor():
            self.detach()
        super().close()

    def __del__(self) -> None:
        self.close()

    def _owns_descriptor(self) -> bool:
        # Each socket has its own inode; descriptor numbers are reused: inode(7), and proc(5) on fd.
        with contextlib.suppress(OSError):
            return os.fstat(self.fileno()).st_ino == self._inode
        return False


KEEPALIVE = {"TCP_KEEPIDLE": 15, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3}
"""Seconds, seconds and probes of tcp(7): a peer that vanished is noticed after half a minute, long before the idle
timeout of a watch. Not every system has all three."""


def open_socket(address: Address) -> socket.socket:
    """Make a socket for an address: the ``socket_factory`` of aiohttp's connector."""
    family, kind, protocol, *_ = address
    sock = OwnSocket(family, kind, protocol)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in KEEPALIVE.items():
        if hasattr(socket, name):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    return sock
