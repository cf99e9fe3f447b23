"""Deleted pods, for lookups that come after the deletion: logs, metrics and alerts arrive later than the event."""

import datetime
import time
from collections.abc import Callable

from msgspec import Struct

from pod_index.store.indexers import Indices

BUCKETS = 1 << 12
"""Buckets of the indices. Fewer than for running pods, because there are fewer deleted pods."""


class DeletedPod(Struct, gc=False, eq=False):
    """The last known state of a deleted pod."""

    uid: str
    record: bytes
    """The last record, with ``deletedAt``."""
    index_values: bytes
    scope: str
    deleted_at: float


class DeletedPods:
    """The last records of pods deleted within ``seconds``, at most ``limit``. The oldest go first.

    ``now`` is a clock that returns seconds since the epoch.
    """

    def __init__(self, seconds: float, limit: int, now: Callable[[], float] = time.time) -> None:
        self._seconds = seconds
        self._limit = limit
        self._now = now
        self._pods: dict[str, DeletedPod] = {}
        self._indices: Indices[DeletedPod] = Indices(BUCKETS)

    def __len__(self) -> int:
        return len(self._pods)

    def __contains__(self, uid: str) -> bool:
        return uid in self._pods

    def add(self, uid: str, record: bytes, index_values: bytes, scope: str) -> None:
        """Keep the last record of a pod that was deleted now. A repeated deletion changes nothing."""
        if uid in self._pods:
            return
        deleted_at = self._now()
        pod = DeletedPod(uid, _with_deleted_at(record, deleted_at), index_values, scope, deleted_at)
        self._pods[uid] = pod
        self._indices.add(pod)
        self.expire()

    def discard(self, uid: str) -> None:
        """Remove a pod, if present: it has expired, or it exists after all."""
        pod = self._pods.pop(uid, None)
        if pod is not None:
            self._indices.remove(pod)

    def discard_scope(self, scope: str) -> None:
        """Remove the pods of a namespace scope, because the history of the API server was reset."""
        for uid in [uid for uid, pod in self._pods.items() if pod.scope == scope]:
            self.discard(uid)

    def expire(self) -> None:
        """Remove the pods that are too old or exceed the limit."""
        since = self._now() - self._seconds
        while self._pods:
            oldest = next(iter(self._pods.values()))
            if oldest.deleted_at > since and len(self._pods) <= self._limit:
                return
            self.discard(oldest.uid)

    def by_uid(self, uid: str) -> bytes | None:
        """Return the last record of a deleted pod, with ``deletedAt``, or None."""
        self.expire()
        pod = self._pods.get(uid)
        return None if pod is None else pod.record

    def by_index_value(self, value: bytes) -> bytes | None:
        """Return the last record of the most recently deleted pod with the index value, or None."""
        self.expire()
        pods = self._indices.find(value)
        return pods[-1].record if pods else None


def _with_deleted_at(record: bytes, deleted_at: float) -> bytes:
    """Append ``deletedAt`` to an encoded record: RFC 3339 in UTC, in whole seconds as timestamps of Kubernetes."""
    timestamp = datetime.datetime.fromtimestamp(int(deleted_at), datetime.UTC).isoformat().replace("+00:00", "Z")
    return b'%b,"deletedAt":"%b"}' % (record[:-1], timestamp.encode())
