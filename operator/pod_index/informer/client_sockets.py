"""Sockets that close no descriptor but their own.

uvloop closes the descriptor of a socket whose TLS handshake fails, and does not tell the socket, which closes it
again when it is garbage: by then the number may belong to a client's connection, or to the port that we listen on.
https://github.com/MagicStack/uvloop/issues/738
"""

import contextlib
import os
import socket

from aiohttp import AddrInfoType


class OwnSocket(socket.socket):
    """A socket that notices when its descriptor has become somebody else's."""

    _inode = -1

    def __init__(self, family: int, kind: int, protocol: int) -> None:
        super().__init__(family, kind, protocol)
        self._inode = os.fstat(self.fileno()).st_ino

    def close(self) -> None:
        """Close the descriptor if it is still this socket's, else forget it."""
        if self.fileno() == -1:
            return
        if not self._owns_descriptor():
            self.detach()
        super().close()

    def __del__(self) -> None:
        self.close()

    def _owns_descriptor(self) -> bool:
        # Every socket has an inode of its own, which its descriptor's number outlives: inode(7), proc(5) on fd.
        with contextlib.suppress(OSError):
            return os.fstat(self.fileno()).st_ino == self._inode
        return False


KEEPALIVE = {"TCP_KEEPIDLE": 15, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3}
"""Seconds, seconds and probes of tcp(7): a peer that is gone without a word is noticed after half a minute, long
before a watch is silent for too long. Not every system has all three."""


def open_socket(address: AddrInfoType) -> socket.socket:
    """Make a socket for an address, as aiohttp's connectors ask for it."""
    family, kind, protocol, *_ = address
    sock = OwnSocket(family, kind, protocol)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in KEEPALIVE.items():
        if hasattr(socket, name):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    return sock
