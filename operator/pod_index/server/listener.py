"""The listening socket, and the kernel limits for its connections."""

import errno
import resource
import socket

BACKLOG = 2048
"""Maximum number of connections waiting to be accepted."""

RECEIVE_BUFFER = 16 * 1024
SEND_BUFFER = 64 * 1024
"""Sizes of the kernel's buffers for each connection, in bytes. By default they grow to megabytes, which count as memory
of the container: https://docs.kernel.org/admin-guide/cgroup-v2.html#memory"""

UNSENT_BYTES = 16 * 1024
"""Maximum size of the data in the kernel's buffer that has not been sent: TCP_NOTSENT_LOWAT in tcp(7). The rest of the
buffer is for data that the client has not acknowledged."""


class ListenError(Exception):
    """The address or the port is unavailable; the message names the environment variable that sets it."""


def listen(port: int, address: str = "") -> socket.socket:
    """Return a socket that listens on the IP address, or without one on all IPv6 and IPv4 addresses.

    Raise ListenError if the address or the port is unavailable. Connections inherit the options of the socket.
    """
    try:
        listener = _create_listener(port, address)
    except OSError as error:
        match error.errno:
            case errno.EADDRNOTAVAIL | errno.EAFNOSUPPORT if address:
                raise ListenError(f"LISTEN_ADDRESS {address} is not an address of this machine") from error
            case errno.EADDRINUSE:
                reason = "is in use; stop what listens there, or set PORT to a free one"
            case errno.EACCES:
                reason = "needs privileges; set PORT to one above 1023"
            case _:
                reason = f"cannot be opened ({error.strerror})"
        raise ListenError(f"PORT {port} {reason}") from error
    listener.settimeout(0)
    # Otherwise, the second part of a response waits for the client's delayed acknowledgement. asyncio sets this option
    # only on sockets with an explicit protocol; those of create_server() have none.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES)
    return listener


def _create_listener(port: int, address: str) -> socket.socket:
    if address:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        return socket.create_server((address, port), family=family, backlog=BACKLOG)
    if socket.has_dualstack_ipv6():
        try:
            return socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=BACKLOG)
        except OSError as error:
            # The kernel may support IPv6 but have no IPv6 address.
            if error.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                raise
    return socket.create_server(("", port), backlog=BACKLOG)


def allow_open_files(needed: int) -> None:
    """Raise the soft limit of open files to ``needed``, or to the hard limit if that is lower: getrlimit(2)."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    if soft != resource.RLIM_INFINITY and soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
