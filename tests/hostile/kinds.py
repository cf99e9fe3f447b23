"""The kinds of hostile clients.

The steps of a kind are its behaviour on a connection: bytes are sent, a number is a pause in seconds. After the last
step, the client is silent until it is disconnected.
"""

import contextlib
import dataclasses
import functools
import itertools
import json
import ssl
from collections.abc import Callable, Iterator, Sequence
from random import Random

KIB = 1024
MIB = 1024 * KIB
MOST_BYTES = MIB
"""The bytes that endless kinds send on a connection."""
PIPELINED = 2_000
"""Requests that are sent at once."""
LOOKED_UP = 1_000
"""Pods in a lookup whose response is not read: the maximum of one request."""
CHUNK_BYTES = 64 * KIB

LOOKUP = b"POST /api/v1/pods/lookup HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
CHUNKED = LOOKUP + b"Transfer-Encoding: chunked\r\n\r\n"

HANDSHAKE = "half a handshake"

Step = bytes | float


@dataclasses.dataclass(frozen=True)
class Requests:
    """The valid requests that some kinds send."""

    short: bytes
    """A request with a short response, which is sent many times."""
    long: bytes
    """A request with a long response."""

    @classmethod
    def of(cls, uid: str = "") -> "Requests":
        """Return lookups of the pod with this UID, or else requests that need no pod (with a shorter response)."""
        if not uid:
            return cls(_get("/health"), _get("/api/v1/pods?namespace=default&limit=5000"))
        body = json.dumps({"ids": [uid] * LOOKED_UP}).encode()
        return cls(_get(f"/api/v1/pod?uid={uid}"), LOOKUP + b"Content-Length: %d\r\n\r\n%b" % (len(body), body))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of hostile client."""

    steps: Callable[[Requests, Random], Iterator[Step]]
    share: int
    """The clients of this kind in a mixed crowd of 1,000."""
    reads: bool = True
    """Whether it reads responses. If not, its receive buffer is small, too."""
    speaks_tls: bool = True
    """Whether it completes a TLS handshake first, if the server uses TLS."""
    burst: int = 0
    """The bytes that it sends as soon as it is connected; all others are sent at the rate of its kind."""
    rate: int = 2 * MIB
    """The bytes a second that all clients of this kind send together."""


def silent(_: Requests, __: Random) -> Iterator[Step]:
    """Send nothing."""
    yield from ()


def dribbling_head(requests: Requests, random: Random) -> Iterator[Step]:
    """Send about a byte a second of a head whose last header does not end."""
    yield from _dribbled(requests.short.removesuffix(b"\r\n") + b"X-Slow: ", random)


def endless_head(requests: Requests, _: Random) -> Iterator[Step]:
    """Send headers without end."""
    yield requests.short.removesuffix(b"\r\n")
    yield from _headers()


def dribbling_body(_: Requests, random: Random) -> Iterator[Step]:
    """Send the head of a POST request, and about a byte a second of its body."""
    yield LOOKUP + b"Content-Length: 100000\r\n\r\n"
    yield from _dribbled(b'{"ids": ["', random)


def endless_body(_: Requests, __: Random) -> Iterator[Step]:
    """Send chunks of a body without end."""
    yield CHUNKED
    chunk = b"%x\r\n%b\r\n" % (CHUNK_BYTES, b" " * CHUNK_BYTES)
    yield from itertools.repeat(chunk, MOST_BYTES // CHUNK_BYTES)


def endless_trailers(_: Requests, __: Random) -> Iterator[Step]:
    """Send a short body, and trailers without end (RFC 9112, section 7.1.2)."""
    yield CHUNKED + b'b\r\n{"ids": []}\r\n0\r\n'
    yield from _headers()


def unread_answer(requests: Requests, _: Random) -> Iterator[Step]:
    """Send a request with a long response, and do not read it."""
    yield requests.long


def pipelining(requests: Requests, _: Random) -> Iterator[Step]:
    """Send thousands of requests at once, and read no response."""
    yield requests.short * PIPELINED


def nonsense(_: Requests, random: Random) -> Iterator[Step]:
    """Send bytes that are not HTTP."""
    yield b"\0" + random.randbytes(500)


def half_a_handshake(_: Requests, __: Random) -> Iterator[Step]:
    """Send the first half of a ClientHello."""
    hello = _client_hello()
    yield hello[: len(hello) // 2]


KINDS: dict[str, Kind] = {
    "silent": Kind(steps=silent, share=200, speaks_tls=False),
    "dribbling head": Kind(steps=dribbling_head, share=200),
    "endless head": Kind(steps=endless_head, share=50, burst=128 * KIB),
    "dribbling body": Kind(steps=dribbling_body, share=200),
    # The burst exceeds the limit of a body, so that the client is rejected before its time is over.
    "endless body": Kind(steps=endless_body, share=50, burst=320 * KIB, rate=4 * MIB),
    "endless trailers": Kind(steps=endless_trailers, share=50, burst=128 * KIB),
    # A low rate: valid requests are work, which the limits on clients do not restrict.
    "unread answer": Kind(steps=unread_answer, share=120, reads=False, burst=48 * KIB, rate=512 * KIB),
    "pipelining": Kind(steps=pipelining, share=30, reads=False, burst=192 * KIB, rate=512 * KIB),
    # Few, since they are rejected at once, and reconnecting costs the client most.
    "nonsense": Kind(steps=nonsense, share=30, speaks_tls=False),
    HANDSHAKE: Kind(steps=half_a_handshake, share=70, speaks_tls=False),
}


def mixed(connections: int, *, tls: bool = False) -> dict[str, int]:
    """Divide the connections among the kinds that fit the server, by their shares; return the number of each."""
    shares = {name: kind.share for name, kind in KINDS.items()}
    if not tls:
        shares["silent"] += shares.pop(HANDSHAKE)  # It would be nonsense without TLS.
    counts = {name: connections * share // 1000 for name, share in shares.items()}
    names = sorted(counts, key=lambda name: counts[name])
    for number in range(connections - sum(counts.values())):
        counts[names[number % len(names)]] += 1
    return counts


def _get(path: str) -> bytes:
    return b"GET %b HTTP/1.1\r\nHost: localhost\r\n\r\n" % path.encode()


def _dribbled(begin: bytes, random: Random) -> Iterator[Step]:
    """Yield about a byte a second, without end."""
    sent = 0
    while True:
        yield random.uniform(0.5, 1.5)
        yield begin[sent : sent + 1] or b"x"
        sent += 1


@functools.cache
def _headers() -> Sequence[bytes]:
    """Return headers of 64 bytes with different names, in chunks."""
    in_a_chunk = CHUNK_BYTES // 64
    return [
        b"".join(b"X-%06d: %b\r\n" % (number, b"x" * 52) for number in range(first, first + in_a_chunk))
        for first in range(0, MOST_BYTES // 64, in_a_chunk)
    ]


@functools.cache
def _client_hello() -> bytes:
    """Return the first message of a TLS client (RFC 8446, section 4.1.2)."""
    outgoing = ssl.MemoryBIO()
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="localhost")
    with contextlib.suppress(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()
