"""The kinds of hostile clients: what each sends, and when.

The steps of a kind are what it does on a connection: bytes are sent, a number is a pause in seconds. After the last
step it says nothing more, and waits to be thrown out.
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
"""How much the endless ones send on a connection before they fall silent."""
PIPELINED = 2_000
"""Requests that are sent in one go."""
LOOKED_UP = 1_000
"""Pods that are looked up for an answer that is not read: as many as one request may ask for."""
CHUNK_BYTES = 64 * KIB

LOOKUP = b"POST /api/v1/pods/lookup HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
CHUNKED = LOOKUP + b"Transfer-Encoding: chunked\r\n\r\n"

HANDSHAKE = "half a handshake"

Step = bytes | float


@dataclasses.dataclass(frozen=True)
class Requests:
    """The valid requests that some of them send."""

    short: bytes
    """One that is answered at once; it is sent many times."""
    long: bytes
    """One whose answer is long."""

    @classmethod
    def of(cls, uid: str = "") -> "Requests":
        """Lookups of the pod with this UID; without one, what needs no pod (its long answer may be short)."""
        if not uid:
            return cls(_get("/health"), _get("/api/v1/pods?namespace=default&limit=5000"))
        body = json.dumps({"ids": [uid] * LOOKED_UP}).encode()
        return cls(_get(f"/api/v1/pod?uid={uid}"), LOOKUP + b"Content-Length: %d\r\n\r\n%b" % (len(body), body))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of hostile client."""

    steps: Callable[[Requests, Random], Iterator[Step]]
    share: int
    """How many of 1,000 in a mixed crowd are of this kind."""
    reads: bool = True
    """Whether it reads what it is told; if not, the kernel has little room for it either."""
    speaks_tls: bool = True
    """Whether it completes a TLS handshake first, if the server is one with TLS."""
    burst: int = 0
    """How many bytes it may send as soon as it is connected; what exceeds them is sent at the rate of its kind."""
    rate: int = 2 * MIB
    """How many bytes all of this kind send a second, together."""


def silent(_: Requests, __: Random) -> Iterator[Step]:
    """Say nothing."""
    yield from ()


def dribbling_head(requests: Requests, random: Random) -> Iterator[Step]:
    """Send a byte of a head every second or so; its last header has no end."""
    yield from _dribbled(requests.short.removesuffix(b"\r\n") + b"X-Slow: ", random)


def endless_head(requests: Requests, _: Random) -> Iterator[Step]:
    """Send one header after the other."""
    yield requests.short.removesuffix(b"\r\n")
    yield from _headers()


def dribbling_body(_: Requests, random: Random) -> Iterator[Step]:
    """Announce a body and send a byte of it every second or so."""
    yield LOOKUP + b"Content-Length: 100000\r\n\r\n"
    yield from _dribbled(b'{"ids": ["', random)


def endless_body(_: Requests, __: Random) -> Iterator[Step]:
    """Send one chunk of a body after the other."""
    yield CHUNKED
    chunk = b"%x\r\n%b\r\n" % (CHUNK_BYTES, b" " * CHUNK_BYTES)
    yield from itertools.repeat(chunk, MOST_BYTES // CHUNK_BYTES)


def endless_trailers(_: Requests, __: Random) -> Iterator[Step]:
    """Send a short body and then one trailer after the other (RFC 9112, section 7.1.2)."""
    yield CHUNKED + b'b\r\n{"ids": []}\r\n0\r\n'
    yield from _headers()


def unread_answer(requests: Requests, _: Random) -> Iterator[Step]:
    """Ask for a long answer."""
    yield requests.long


def pipelining(requests: Requests, _: Random) -> Iterator[Step]:
    """Send thousands of requests in one go."""
    yield requests.short * PIPELINED


def nonsense(_: Requests, random: Random) -> Iterator[Step]:
    """Send bytes that are no HTTP."""
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
    # More than a body may have here, so that it can be refused before its time is over.
    "endless body": Kind(steps=endless_body, share=50, burst=320 * KIB, rate=4 * MIB),
    "endless trailers": Kind(steps=endless_trailers, share=50, burst=128 * KIB),
    # Modest, since what they ask for is work, and work is not what the limits are about.
    "unread answer": Kind(steps=unread_answer, share=120, reads=False, burst=48 * KIB, rate=512 * KIB),
    "pipelining": Kind(steps=pipelining, share=30, reads=False, burst=192 * KIB, rate=512 * KIB),
    # Few, since they are refused at once, and to connect again is what costs a client most.
    "nonsense": Kind(steps=nonsense, share=30, speaks_tls=False),
    HANDSHAKE: Kind(steps=half_a_handshake, share=70, speaks_tls=False),
}


def mixed(connections: int, *, tls: bool = False) -> dict[str, int]:
    """So many connections of all kinds that fit the server, by their shares: how many of each."""
    shares = {name: kind.share for name, kind in KINDS.items()}
    if not tls:
        shares["silent"] += shares.pop(HANDSHAKE)  # which would be nonsense
    counts = {name: connections * share // 1000 for name, share in shares.items()}
    names = sorted(counts, key=lambda name: counts[name])
    for number in range(connections - sum(counts.values())):
        counts[names[number % len(names)]] += 1
    return counts


def _get(path: str) -> bytes:
    return b"GET %b HTTP/1.1\r\nHost: localhost\r\n\r\n" % path.encode()


def _dribbled(begin: bytes, random: Random) -> Iterator[Step]:
    """A byte every second or so, for ever."""
    sent = 0
    while True:
        yield random.uniform(0.5, 1.5)
        yield begin[sent : sent + 1] or b"x"
        sent += 1


@functools.cache
def _headers() -> Sequence[bytes]:
    """Headers of 64 bytes, no two of the same name, in chunks."""
    in_a_chunk = CHUNK_BYTES // 64
    return [
        b"".join(b"X-%06d: %b\r\n" % (number, b"x" * 52) for number in range(first, first + in_a_chunk))
        for first in range(0, MOST_BYTES // 64, in_a_chunk)
    ]


@functools.cache
def _client_hello() -> bytes:
    """What a client of TLS says first (RFC 8446, section 4.1.2)."""
    said = ssl.MemoryBIO()
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).wrap_bio(ssl.MemoryBIO(), said, server_hostname="localhost")
    with contextlib.suppress(ssl.SSLWantReadError):
        client.do_handshake()
    return said.read()
