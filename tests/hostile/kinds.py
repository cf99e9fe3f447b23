"""The kinds of hostile clients, and how many of each are in a crowd."""

import dataclasses
from collections.abc import Callable, Iterator
from random import Random

from tests.hostile import steps
from tests.hostile.steps import KIB, MIB, Requests, Step

HANDSHAKE = "half a handshake"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of hostile client."""

    steps: Callable[[Requests, Random], Iterator[Step]]
    share: int
    """The clients of this kind in a mixed crowd of 1,000."""
    reads: bool = True
    """Whether it reads responses as they come. If not, its receive buffer is small, too."""
    persists: bool = False
    """Whether it goes on after an error response."""
    speaks_tls: bool = True
    """Whether it completes a TLS handshake first, if the server uses TLS."""
    burst: int = 0
    """The bytes that it sends as soon as it is connected; all others are sent at the rate of its kind."""
    rate: int = 2 * MIB
    """The bytes a second that all clients of this kind send together."""


KINDS: dict[str, Kind] = {
    "silent": Kind(steps=steps.silent, share=50, speaks_tls=False),
    "dribbling head": Kind(steps=steps.dribbling_head, share=50),
    "endless head": Kind(steps=steps.endless_head, share=30, burst=128 * KIB),
    "dribbling body": Kind(steps=steps.dribbling_body, share=50),
    # The burst exceeds the limit of a body, so that the client is rejected before its time is over.
    "endless body": Kind(steps=steps.endless_body, share=30, burst=320 * KIB, rate=4 * MIB),
    "endless trailers": Kind(steps=steps.endless_trailers, share=30, burst=128 * KIB),
    "chunk extensions": Kind(steps=steps.chunk_extensions, share=30, burst=320 * KIB),
    # A low rate: valid requests are work, which the limits on clients do not restrict.
    "unread answer": Kind(steps=steps.unread_answer, share=60, reads=False, burst=48 * KIB, rate=512 * KIB),
    "unread files": Kind(steps=steps.unread_files, share=100, reads=False, burst=16 * KIB, rate=512 * KIB),
    "slow reading": Kind(steps=steps.slow_reading, share=100, reads=False, burst=48 * KIB, rate=MIB),
    "pipelining": Kind(steps=steps.pipelining, share=30, reads=False, burst=192 * KIB, rate=MIB),
    "pipelined bodies": Kind(steps=steps.pipelined_bodies, share=80, burst=48 * KIB, rate=MIB),
    "waiting bodies": Kind(steps=steps.waiting_bodies, share=60, persists=True, rate=8 * MIB),
    "long ids": Kind(steps=steps.long_ids, share=10, persists=True, rate=128 * KIB),
    "long waits": Kind(steps=steps.long_waits, share=100, persists=True, rate=512 * KIB),
    "upgrades": Kind(steps=steps.upgrades, share=10, persists=True),
    "resets": Kind(steps=steps.resets, share=10),
    "idle": Kind(steps=steps.idle, share=100, persists=True),
    "half closing": Kind(steps=steps.half_closing, share=20, rate=128 * KIB),
    "odd heads": Kind(steps=steps.odd_heads, share=10),
    # Few, since they are rejected at once, and reconnecting costs the client most.
    "nonsense": Kind(steps=steps.nonsense, share=10, speaks_tls=False),
    HANDSHAKE: Kind(steps=steps.half_a_handshake, share=30, speaks_tls=False),
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
