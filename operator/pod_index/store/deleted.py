"""Pods that are gone, for those who ask late: logs, metrics and alerts come after the pod that they are about."""

import datetime
import time
from collections.abc import Callable

from msgspec import Struct

from pod_index.store.indexers import Indices

BUCKETS = 1 << 12
"""Of the table of keys: fewer than for the pods that live, of which there are more."""


class DeletedPod(Struct, gc=False, eq=False):
    """What is kept of a pod that is gone."""

    uid: str
    record: bytes
    """The last one, with ``deletedAt``."""
    keys: bytes
    scope: str
    deleted_at: float


class DeletedPods:
    """The last records of pods that were deleted within ``seconds``, at most ``limit`` of them: the oldest go first.

    ``now`` is a clock: seconds since the epoch.
    """

    def __init__(self, seconds: float, limit: int, now: Callable[[], float] = time.time) -> None:
        self._seconds = seconds
        self._limit = limit
        self._now = now
        self._pods: dict[str, DeletedPod] = {}
        self._table: Indices[DeletedPod] = Indices(BUCKETS)

    def __len__(self) -> int:
        return len(self._pods)

    def __contains__(self, uid: str) -> bool:
        return uid in self._pods

    def add(self, uid: str, record: bytes, keys: bytes, scope: str) -> None:
        """Keep the last record of a pod that is gone since now; whoever is told again stays as it is."""
        if uid in self._pods:
            return
        deleted_at = self._now()
        pod = DeletedPod(uid, _with_deleted_at(record, deleted_at), keys, scope, deleted_at)
        self._pods[uid] = pod
        self._table.add(pod)
        self.expire()

    def discard(self, uid: str) -> None:
        """Forget a pod, which lives after all."""
        pod = self._pods.pop(uid, None)
        if pod is not None:
            self._table.remove(pod)

    def discard_scope(self, scope: str) -> None:
        """Forget the pods of a scope, whose history began anew."""
        for uid in [uid for uid, pod in self._pods.items() if pod.scope == scope]:
            self.discard(uid)

    def expire(self) -> None:
        """Forget what is too old or too much."""
        since = self._now() - self._seconds
        while self._pods:
            oldest = next(iter(self._pods.values()))
            if oldest.deleted_at > since and len(self._pods) <= self._limit:
                return
            self.discard(oldest.uid)

    def by_uid(self, uid: str) -> bytes | None:
        """Return the last record of a pod, with ``deletedAt``; None if it is not known to be deleted."""
        self.expire()
        pod = self._pods.get(uid)
        return None if pod is None else pod.record

    def by_key(self, key: bytes) -> bytes | None:
        """Return the last record, with ``deletedAt``, of the pod that had the key and was deleted last."""
        self.expire()
        found = self._table.find(key)
        return found[-1].record if found else None


def _with_deleted_at(record: bytes, deleted_at: float) -> bytes:
    """Add the time of deletion to an encoded record: RFC 3339, in UTC, to the second as Kubernetes has it."""
    time_of_day = datetime.datetime.fromtimestamp(int(deleted_at), datetime.UTC).isoformat().replace("+00:00", "Z")
    return b'%b,"deletedAt":"%b"}' % (record[:-1], time_of_day.encode())
