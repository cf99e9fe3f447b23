"""What hostile clients do on a connection, step by step: see ``Step``."""

import contextlib
import dataclasses
import enum
import functools
import itertools
import json
import ssl
from collections.abc import Iterator, Sequence
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
LONG_ID = 8_000
"""The length of long identifiers."""
FIELDS = b"".join(b"X-%02d: %b\r\n" % (number, b"x" * 70) for number in range(90))
"""Nearly as many header fields as are allowed."""
CHUNKED = LOOKUP + b"Transfer-Encoding: chunked\r\n\r\n"


class Action(enum.Enum):
    """What a client does besides sending."""

    READ = "read some kilobytes"
    HALF_CLOSE = "close its side of the connection"
    RESET = "reset the connection"


Step = bytes | float | Action
"""Bytes to send, a pause in seconds, or an action."""


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


def pipelined_bodies(_: Requests, __: Random) -> Iterator[Step]:
    """Send a request that waits, and behind it thousands of requests with a body of one byte."""
    yield _get("/api/v1/pod?uid=none&wait=10s", b"Content-Length: 1\r\n") + b"x"
    put = b"PUT / HTTP/1.1\r\nHost:h\r\nContent-Length:1\r\n\r\nx"
    yield from itertools.repeat(put * 1_000, 20)


def upgrades(_: Requests, random: Random) -> Iterator[Step]:
    """Send requests with ``Upgrade`` whose body looks like another request (RFC 9110, section 7.8)."""
    body = _get("/health")
    while True:
        yield LOOKUP + b"Upgrade: h2c\r\nConnection: Upgrade\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
        yield random.uniform(1.0, 3.0)


def slow_reading(requests: Requests, random: Random) -> Iterator[Step]:
    """Read a long response just fast enough for the timeout of a part of it."""
    yield requests.long
    while True:
        yield random.uniform(0.5, 1.5)
        yield Action.READ


def waiting_bodies(_: Requests, __: Random) -> Iterator[Step]:
    """Send complete bodies of nearly the maximum size. One character makes four bytes of each other one in Python."""
    while True:
        yield LOOKUP + b"Content-Length: %d\r\n\r\n" % len(_wide_body())
        yield _wide_body()
        yield 1.0


def long_ids(_: Requests, random: Random) -> Iterator[Step]:
    """Send identifiers of 8 KB, alone and in batches."""
    body = json.dumps({"ids": [_long_id(random, 220 if number % 2 else 32) for number in range(30)]}).encode()
    while True:
        yield _get(f"/api/v1/pod?id={_long_id(random, random.choice((32, 220)))}")
        yield random.uniform(0.5, 1.5)
        yield LOOKUP + b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
        yield random.uniform(5.0, 15.0)


def long_waits(_: Requests, random: Random) -> Iterator[Step]:
    """Wait for hundreds of pods at once, with as many and as long headers as are allowed."""
    while True:
        yield _get(f"/api/v1/pod?wait=10s&id={_long_id(random, 32)}", FIELDS)
        yield random.uniform(10.0, 15.0)


def resets(requests: Requests, random: Random) -> Iterator[Step]:
    """Reset the connection behind pipelined requests, the first of which waits."""
    yield _get("/api/v1/pod?uid=none&wait=10s") + requests.short * 2
    yield random.uniform(0.1, 1.0)
    yield Action.RESET


def idle(requests: Requests, random: Random) -> Iterator[Step]:
    """Send a request now and then, as clients with a pool of connections do."""
    while True:
        yield requests.short
        yield random.uniform(6.0, 60.0)


def half_closing(requests: Requests, random: Random) -> Iterator[Step]:
    """Close one side of the connection behind a request, which may wait."""
    yield random.choice((requests.short, requests.long, _get("/api/v1/pod?uid=none&wait=10s")))
    yield Action.HALF_CLOSE


def odd_heads(_: Requests, random: Random) -> Iterator[Step]:
    """Send no Host or two, hundreds of header fields, or credentials in a trailer (RFC 9110, section 6.5.1)."""
    get = b"GET /api/v1/pod?uid=none HTTP/1.1\r\n"
    yield random.choice(
        (
            get + b"\r\n",
            get + b"Host: a\r\nHost: b\r\n\r\n",
            get + b"Host: a\r\n" + b"a:\r\n" * 300 + b"\r\n",
            CHUNKED + b'b\r\n{"ids": []}\r\n0\r\nAuthorization: Bearer none\r\n\r\n',
        )
    )


def chunk_extensions(_: Requests, __: Random) -> Iterator[Step]:
    """Send chunks of one byte, each with long extensions (RFC 9112, section 7.1.1)."""
    yield CHUNKED
    yield from itertools.repeat((b"1;" + b"x" * 1_000 + b"\r\n \r\n") * 64, MOST_BYTES // CHUNK_BYTES)


def unread_files(_: Requests, __: Random) -> Iterator[Step]:
    """Request long files that need no credentials, with long headers, and do not read them."""
    yield (_get("/openapi.json", FIELDS) + _get("/metrics", FIELDS)) * 2


def nonsense(_: Requests, random: Random) -> Iterator[Step]:
    """Send bytes that are not HTTP."""
    yield b"\0" + random.randbytes(500)


def half_a_handshake(_: Requests, __: Random) -> Iterator[Step]:
    """Send the first half of a ClientHello."""
    hello = _client_hello()
    yield hello[: len(hello) // 2]


def _get(path: str, fields: bytes = b"") -> bytes:
    return b"GET %b HTTP/1.1\r\nHost: localhost\r\n%b\r\n" % (path.encode(), fields)


def _dribbled(begin: bytes, random: Random) -> Iterator[Step]:
    """Yield about a byte a second, without end."""
    sent = 0
    while True:
        yield random.uniform(0.5, 1.5)
        yield begin[sent : sent + 1] or b"x"
        sent += 1


@functools.cache
def _wide_body() -> bytes:
    return b'{"ids": ["%b%b"]}' % ("\N{GRINNING FACE}".encode(), b"x" * (254 * KIB))


def _long_id(random: Random, pods: int) -> str:
    """Return the path of nested pods, as long as is allowed beside another parameter. Only 32 are looked up."""
    pods_in_path = [f"pod{random.randbytes(16).hex()}" for _ in range(pods)]
    filler = ["x" * 99] * ((LONG_ID - 36 * pods) // 100)
    return "/".join([*filler, *pods_in_path])


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
