"""The socket that is listened on, and what the kernel has to allow for its connections."""

import errno
import resource
import socket

BACKLOG = 2048
"""Connections that may wait to be accepted."""

RECEIVE_BUFFER = 32 * 1024
SEND_BUFFER = 64 * 1024
"""What the kernel keeps for each connection, in bytes. By itself it keeps megabytes, which count as the container's
memory: https://docs.kernel.org/admin-guide/cgroup-v2.html#memory"""


class ListenError(Exception):
    """The port cannot be listened on; the message names the variable that sets it."""


def listen(port: int) -> socket.socket:
    """Open a listening socket on all addresses, IPv6 and IPv4 where there is both; raise ListenError.

    Connections inherit its options.
    """
    try:
        listener = _create_listener(port)
    except OSError as error:
        match error.errno:
            case errno.EADDRINUSE:
                reason = "is in use; stop what listens there, or set PORT to a free one"
            case errno.EACCES:
                reason = "needs privileges; set PORT to one above 1023"
            case _:
                reason = f"cannot be listened on ({error.strerror})"
        raise ListenError(f"PORT {port} {reason}") from error
    listener.settimeout(0)
    # Without it, an answer in two parts waits for the client's delayed acknowledgement; asyncio sets it on sockets that
    # name their protocol only, which those of create_server() do not.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
    return listener


def _create_listener(port: int) -> socket.socket:
    if socket.has_dualstack_ipv6():
        try:
            return socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=BACKLOG)
        except OSError as error:
            # The kernel may know IPv6 and have no address to listen on.
            if error.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                raise
    return socket.create_server(("", port), backlog=BACKLOG)


def allow_open_files(needed: int) -> None:
    """Raise this process's limit of open files, as far as it may do so itself: getrlimit(2)."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    if soft != resource.RLIM_INFINITY and soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
