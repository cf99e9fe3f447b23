"""The IPs of finished pods. A finished pod may still show an IP that another pod has had since.

https://github.com/kubernetes/kubernetes/issues/92697
"""

from pod_index.store.deleted import DeletedPods
from pod_index.store.entries import Entry
from pod_index.store.indexers import (
    ip_values,
    is_finished,
    lose_ips,
    lost_ip_values,
    start_of,
)
from pod_index.store.indices import Indices

COUNTERS = 1 << 16
COUNTER_MAX = 255


class FinishedPodIps:
    """Takes an IP from a finished pod for good when a later pod has been seen with it.

    As long as the index has both pods, the later one takes precedence. So it is enough to compare them before one of
    them changes or is removed, and when a finished pod appears beside another one.
    """

    def __init__(self, indices: Indices[Entry], deleted: DeletedPods) -> None:
        self._indices = indices
        self._deleted = deleted
        # How many finished pods show the IPs with a hash. A full counter stays full. The search for an IP takes 30
        # microseconds at 150,000 pods, and few of the pods that are removed have the IP of a finished one.
        self._counters = bytearray(COUNTERS)

    def values_of_new_state(self, packed: bytes, before: bytes) -> bytes:
        """Return the index values of a new state of a finished pod without the IPs that the pod has lost.

        It lost them before, or a deleted pod had them later. ``before`` are its index values until now, or b"".
        """
        self.settle(packed)
        lost = set(lost_ip_values(before))
        for ip in ip_values(packed):
            pods = self._deleted.by_index_value(ip)
            if any(not pod.is_void and start_of(pod.index_values) > start_of(packed) for pod in pods):
                lost.add(ip)
        return lose_ips(packed, lost) if lost else packed

    def settle(self, packed: bytes, *, finished_pods: int = 1, deleted: Entry | None = None) -> None:
        """Compare the pods with the IPs in packed index values, if so many of the pods are finished.

        The version of a ``deleted`` pod proves nothing: it is that of the deletion, and until then a pod shows its
        last IP.
        """
        for ip in ip_values(packed):
            if self._counters[hash(ip) % COUNTERS] < finished_pods:
                continue
            entries = self._indices.find(ip)
            # A pod that started later has the IP later. A pod can also wait long after its start for an IP. So an
            # unfinished pod that shows the IP in a version after that of a finished pod has it later, too.
            known = [entry for entry in entries if not entry.is_void]
            last_start = max((start_of(entry.index_values) for entry in known), default=b"")
            unfinished = [entry for entry in known if not is_finished(entry.index_values) and entry is not deleted]
            last_version = max((entry.resource_version for entry in unfinished), default=-1)
            for entry in entries:
                values = entry.index_values
                if is_finished(values) and (start_of(values) < last_start or entry.resource_version < last_version):
                    self.discard(values)
                    self._indices.replace(entry, lose_ips(values, {ip}))
                    self.add(entry.index_values)

    def add(self, packed: bytes) -> None:
        """Count the IPs of a pod, if it is finished."""
        self._count(packed, 1)

    def discard(self, packed: bytes) -> None:
        """Count the IPs of a pod no more."""
        self._count(packed, -1)

    def _count(self, packed: bytes, change: int) -> None:
        if is_finished(packed):
            for ip in ip_values(packed):
                if self._counters[hash(ip) % COUNTERS] < COUNTER_MAX:
                    self._counters[hash(ip) % COUNTERS] += change
