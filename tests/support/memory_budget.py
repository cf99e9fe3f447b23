"""The memory budget in the documentation: what takes memory, what bounds it, and the sum.

``PYTHONPATH=operator python -m tests.support.memory_budget`` prints the table. The numbers of things are those of the
code. The process, a pod and a connection are measured (``python -m tests.benchmarks memory hostile``), and rounded up;
the other sizes are estimates on the safe side.
"""

import dataclasses
import math
import sys
from collections.abc import Iterator

from pod_index.api.endpoints import BODIES_MAX
from pod_index.api.response_limiter import RESPONSES_MAX
from pod_index.api.waiting import WAITERS_MAX
from pod_index.informer.listings import PAGE_BYTES
from pod_index.server.listener import RECEIVE_BUFFER, UNSENT_BYTES
from pod_index.server.pool import HELD_BYTES_MAX
from pod_index.settings import Settings
from pod_index.store.changes import DELETIONS_MAX_BYTES
from pod_index.store.identifiers import MAX_CANDIDATES

KIB = 1024
MIB = 1024 * KIB
HEADING = ("what", "bound by", "how much", "MiB", "MiB with TLS")

PODS = 50_000, 150_000
"""The sizes that have a sum."""

PROCESS_MIB = 75
"""Without pods and clients."""
POD_BYTES = 2_150
"""With all keys, without details; the pods of the benchmarks have 9 to 12 KB of JSON."""
DETAILS_BYTES = 450
"""Of each pod, with three containers."""
LISTING_FACTOR = 4
"""Emoji take four bytes for each character of the text in Python."""
CONNECTION_KIB = 40, 200
"""The most that the worst client took: one that sends the longest header and does not read a long response."""
WIDE_BODY_FACTOR = 5
"""The body, and its text with four bytes for each character."""
RESPONSE_KIB = 150
"""Up to 1,000 identifiers, the parts of the response, and what is being sent. Records are those of the index."""
WAITED_BYTES = 560
"""Of each UID that a lookup waits for, with its subscription."""
SOCKET_FACTOR = 2
"""The kernel doubles the sizes of its buffers: SO_RCVBUF in socket(7)."""
STREAM_KIB = 23
"""Of each stream, in addition to its connection."""
CHANGED_DETAILS_BYTES = 64
"""Of each pod whose details have changed while a stream with details is open."""
LIMIT_STEP = 64
"""Memory limits are multiples of this, in MiB."""


@dataclasses.dataclass(frozen=True)
class Row:
    """One line of the table; ``sizes`` are bytes, without and with TLS."""

    name: str
    bound: str
    amount: str
    sizes: tuple[float, float]

    @property
    def mebibytes(self) -> tuple[int, int]:
        """The sizes as whole MiB."""
        return round(self.sizes[0] / MIB), round(self.sizes[1] / MIB)


def rows(pods: int) -> Iterator[Row]:
    """Yield the lines for a number of pods."""
    settings = Settings()

    def row(name: str, bound: str, amount: str, size: float, size_with_tls: float | None = None) -> Row:
        return Row(name, bound, amount, (size, size if size_with_tls is None else size_with_tls))

    yield row("the process", "", "", PROCESS_MIB * MIB)
    yield row(f"{pods:,} pods", "`LOOKUP_KEYS`", f"{POD_BYTES:,} bytes each", pods * POD_BYTES)
    yield row("their details", "`DETAILS`", f"{DETAILS_BYTES} bytes a pod", pods * DETAILS_BYTES)
    yield row("a listing", "", f"parts of {PAGE_BYTES // MIB} MiB, times {LISTING_FACTOR}", PAGE_BYTES * LISTING_FACTOR)
    deleted = settings.deleted_retention_max_bytes
    yield row("deleted pods", "`DELETED_RETENTION_MAX_BYTES`", f"{deleted:,} bytes", deleted)
    count = settings.max_connections
    plain, tls = CONNECTION_KIB
    yield row(
        "connections",
        "`MAX_CONNECTIONS`",
        f"{count:,} of {plain} KiB, with TLS {tls} KiB",
        count * plain * KIB,
        count * tls * KIB,
    )
    sockets = (UNSENT_BYTES + RECEIVE_BUFFER) * SOCKET_FACTOR
    yield row("their buffers in the kernel", "`MAX_CONNECTIONS`", f"{count:,} of {sockets // KIB} KiB", count * sockets)
    yield row("input that waits", "", f"{HELD_BYTES_MAX // MIB} MiB", HELD_BYTES_MAX)
    yield row(
        "request bodies",
        "`MAX_BODY_BYTES`",
        f"{BODIES_MAX} of {settings.max_body_bytes:,} bytes, times {WIDE_BODY_FACTOR}",
        BODIES_MAX * settings.max_body_bytes * WIDE_BODY_FACTOR,
    )
    yield row(
        "lists and batch lookups", "", f"{RESPONSES_MAX} of {RESPONSE_KIB} KiB", RESPONSES_MAX * RESPONSE_KIB * KIB
    )
    yield row(
        "lookups that wait",
        "",
        f"{WAITERS_MAX:,} for {MAX_CANDIDATES} UIDs of {WAITED_BYTES} bytes",
        WAITERS_MAX * MAX_CANDIDATES * WAITED_BYTES,
    )
    streams = settings.max_watches
    yield row("streams", "`MAX_WATCHES`", f"{streams:,} of {STREAM_KIB} KiB", streams * STREAM_KIB * KIB)
    amount = f"{CHANGED_DETAILS_BYTES} bytes a pod"
    yield row("changes of details, for streams", "`DETAILS`", amount, pods * CHANGED_DETAILS_BYTES)
    yield row("deletions, for streams", "", f"{DELETIONS_MAX_BYTES // MIB} MiB", DELETIONS_MAX_BYTES)


def total(pods: int) -> tuple[int, int]:
    """Return the sum of the lines in MiB, without and with TLS."""
    lines = list(rows(pods))
    return sum(line.mebibytes[0] for line in lines), sum(line.mebibytes[1] for line in lines)


def limit(pods: int) -> int:
    """Return the memory limit of the container in MiB, without TLS: the sum, rounded up."""
    return math.ceil(total(pods)[0] / LIMIT_STEP) * LIMIT_STEP


def table() -> str:
    """Return the table in Markdown."""
    few, many = PODS
    lines = [HEADING, ("---",) * len(HEADING)]
    lines += [_cells(line) for line in rows(few)]
    lines += [(f"**sum for {pods:,} pods**", "", "", *map(str, total(pods))) for pods in (few, many)]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def _cells(line: Row) -> tuple[str, ...]:
    return line.name, line.bound, line.amount, *map(str, line.mebibytes)


if __name__ == "__main__":
    sys.stdout.write(table())
