"""Deleted pods, for lookups that come after the deletion: logs, metrics and alerts arrive later than the event."""

import datetime
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence

from msgspec import Struct

from pod_index.store.details import Details
from pod_index.store.entries import StreamState
from pod_index.store.indices import Indices

EXPIRED_AT_ONCE = 500
"""How many expired pods an operation removes at most: up to 2 ms. Many pods can expire at the same time."""

OVERHEAD_BYTES = 512
"""What a deleted pod takes besides its record and its index values: its UID, its places in the dictionary and in the
buckets, and the headers of all objects. Measured: 380 bytes without containers, and 510 with ten."""


class DeletedPod(Struct, gc=False, eq=False):
    """The last known state of a deleted pod."""

    uid: str
    record: bytes
    """The last record, with ``deletedAt``."""
    index_values: bytes
    stream: StreamState
    recorded: int
    """The number of the stream's current or last listing at the time of the last state."""
    listing: int
    """The number of the stream's current or last listing at the time of the deletion."""
    deleted_at: float
    details: Details | None

    @property
    def size(self) -> int:
        """The memory that the pod takes, in bytes."""
        details = 0 if self.details is None else self.details.size
        return OVERHEAD_BYTES + len(self.record) + len(self.index_values) + details

    @property
    def is_void(self) -> bool:
        """Whether the last state is from a history that was reset."""
        return self.recorded < self.stream.history


class DeletedPods:
    """The last records of pods deleted within ``seconds``, at most ``limit``, in ``max_bytes``. The oldest go first.

    Both limits hold at all times: a new pod replaces as many of the oldest ones as it needs. The largest pods of 3 MiB
    replace 3,000 small ones in 20 ms. A pod that is larger than ``max_bytes`` is not kept, and replaces none.

    If the history of a stream was reset, the pods deleted before are ignored. ``now`` is a clock that returns seconds
    since the epoch.
    """

    def __init__(self, seconds: float, limit: int, max_bytes: int, now: Callable[[], float] = time.time) -> None:
        self._seconds = seconds
        self._max_bytes = max_bytes
        self.limit = limit
        self.size = 0
        """The memory that the pods take, in bytes."""
        self._now = now
        # A dict would search its first key behind the places of all keys that were deleted before it.
        self._pods: OrderedDict[str, DeletedPod] = OrderedDict()
        self._indices: Indices[DeletedPod] = Indices()

    def __len__(self) -> int:
        return len(self._pods)

    def __contains__(self, uid: str) -> bool:
        return self.by_uid(uid) is not None

    def add(
        self,
        uid: str,
        record: bytes,
        index_values: bytes,
        stream: StreamState,
        recorded: int,
        details: Details | None = None,
    ) -> None:
        """Keep the last record of a pod that was deleted now. A repeated deletion changes nothing."""
        if uid in self or self._seconds <= 0 or self.limit <= 0:
            return
        self.discard(uid)
        deleted_at = self._now()
        record = _with_deleted_at(record, deleted_at)
        pod = DeletedPod(uid, record, index_values, stream, recorded, stream.listing, deleted_at, details)
        if pod.size > self._max_bytes:
            return
        while len(self._pods) >= self.limit or self.size + pod.size > self._max_bytes:
            self.discard(next(iter(self._pods)))
        self._pods[uid] = pod
        self.size += pod.size
        self._indices.add(pod)

    def discard(self, uid: str) -> bytes:
        """Remove a pod, if present: it has expired, or it exists after all. Return its index values, or b""."""
        if uid not in self._pods:
            return b""
        pod = self._pods.pop(uid)
        values = b"" if pod.is_void else pod.index_values
        self.size -= pod.size
        self._indices.remove(pod)
        pod.record, pod.details = b"", None  # A caller may still hold the pod.
        return values

    def expire(self) -> None:
        """Remove the pods that are too old, but at most EXPIRED_AT_ONCE."""
        since = self._now() - self._seconds
        for _ in range(EXPIRED_AT_ONCE):
            oldest = next(iter(self._pods.values()), None)
            if oldest is None or oldest.deleted_at > since:
                return
            self.discard(oldest.uid)

    def by_uid(self, uid: str) -> DeletedPod | None:
        """Return a deleted pod, or None."""
        self.expire()
        pod = self._pods.get(uid)
        return pod if pod is not None and self._is_kept(pod) else None

    def by_index_value(self, value: bytes) -> Sequence[DeletedPod]:
        """Return the deleted pods with the index value, in the order of their deletions."""
        self.expire()
        return [pod for pod in self._indices.find(value) if self._is_kept(pod)]

    def _is_kept(self, pod: DeletedPod) -> bool:
        return pod.deleted_at > self._now() - self._seconds and pod.listing >= pod.stream.history


def _with_deleted_at(record: bytes, deleted_at: float) -> bytes:
    """Append ``deletedAt`` to an encoded record: RFC 3339 in UTC, in whole seconds as timestamps of Kubernetes."""
    timestamp = datetime.datetime.fromtimestamp(int(deleted_at), datetime.UTC).isoformat().replace("+00:00", "Z")
    return b'%b,"deletedAt":"%b"}' % (record[:-1], timestamp.encode())
