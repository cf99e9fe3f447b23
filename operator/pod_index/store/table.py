"""The pods in the index, by UID and by index values. It does not know where they come from."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from pod_index.keeping import Keeping
from pod_index.pods import KEEP_DEFAULT, Pod, encode_record
from pod_index.store.addresses import FinishedPodIps
from pod_index.store.changes import ChangeOrder
from pod_index.store.deleted import DeletedPod, DeletedPods
from pod_index.store.details import Details, DetailsStore, is_same
from pod_index.store.entries import Entry, StreamState
from pod_index.store.identifiers import Identifier
from pod_index.store.indexers import (
    IndexName,
    container_id_value,
    has_value,
    index_values,
    is_finished,
    is_in_namespace,
    node_value,
    pack,
    split,
    uid_value,
    workload_values,
)
from pod_index.store.indices import Indices
from pod_index.store.matching import (
    Ambiguity,
    Match,
    index_value,
    is_short,
    notified_values,
    resolve,
    subscribed_values,
)
from pod_index.store.subscriptions import Subscriptions
from pod_index.store.views import View

SLICE = 250
"""How many pods are stored, deleted or selected without a pause: 2 to 5 ms."""

ListedPod = tuple[str, bytes, Details | None]
"""The UID, the record and the details of a pod. No two pods of a list have the same UID."""

T = TypeVar("T")


class PodTable:
    """Pods by UID and by the indices in ``index_names``, and deleted pods.

    ``details`` says whether it keeps those, and ``keeping`` which labels and annotations.
    """

    def __init__(
        self,
        index_names: frozenset[IndexName],
        deleted: DeletedPods,
        changes: ChangeOrder,
        *,
        details: bool = True,
        keeping: Keeping = KEEP_DEFAULT,
    ) -> None:
        self.index_names = index_names
        self.changes = changes
        self._keeping = keeping
        self._details = DetailsStore() if details else None
        self._entries: dict[str, Entry] = {}
        self._indices: Indices[Entry] = Indices()
        self._deleted = deleted
        self._finished_ips = FinishedPodIps(self._indices, self._deleted)
        self._subscriptions: Subscriptions[[]] = Subscriptions()
        self.synced = False
        """Whether every stream has completed a listing. An outage or a relist does not reset it."""

    def __len__(self) -> int:
        return len(self._entries)

    def count_deleted(self) -> int:
        """Return the number of deleted pods that are kept."""
        self._deleted.expire()
        return len(self._deleted)

    def deleted_bytes(self) -> int:
        """Return the memory of the deleted pods that are kept, in bytes."""
        self._deleted.expire()
        return self._deleted.size

    def lookup(self, uid: str) -> bytes | None:
        """Return the encoded record of the pod with ``uid``, or None if the pod is unknown."""
        entry = self._entries.get(uid)
        return None if entry is None else entry.record

    @property
    def keeps_details(self) -> bool:
        """Whether the index keeps details of pods."""
        return self._details is not None

    def details(self, uid: str) -> Details | None:
        """Return the details of the pod with ``uid``, deleted or not; None if it or its details are unknown."""
        pod = self._entries.get(uid) or self._deleted.by_uid(uid)
        return None if pod is None else pod.details

    def find(self, identifier: Identifier, *, deleted: bool = False) -> Match | Ambiguity | None:
        """Return the pod that the identifier names, or None. With ``deleted``, falls back to deleted pods.

        Before the first sync, a short container ID is ambiguous: a container that is not known yet may have it, too.
        """
        kind, value = identifier.kind, identifier.value
        if kind == "uid":
            entry = self._entries.get(value)
            if entry is not None:
                return Match(entry.record, kind, entry.details, identifier)
            pod = self._deleted.by_uid(value)
            if pod is not None:
                # Anyone who creates pods can set annotations, so a config.hash never replaces the UID of a deleted pod.
                return Match(pod.record, kind, pod.details, identifier, deleted=True) if deleted else None
        packed = index_value(identifier)
        entries = sorted(self._indices.find(packed), key=_version)
        found = resolve(identifier, entries, self._pods_of_container)
        if found is None and deleted:
            pods = self._deleted.by_index_value(packed)
            # Of the deleted pods with an IP, the last one had it last.
            found = resolve(identifier, pods[-1:] if kind == "ip" else pods, self._pods_of_container, deleted=True)
        if not self.synced and isinstance(found, Match) and is_short(identifier):
            return Ambiguity(1)
        return found

    def find_first(self, identifiers: Iterable[Identifier], *, deleted: bool = False) -> Match | Ambiguity | None:
        """Return the pod of the first identifier that matches.

        An ambiguous UID is resolved by another path that has the same UID, but by no other identifier.
        """
        ambiguity, ambiguous = None, ""
        for identifier in identifiers:
            if ambiguity is not None and identifier.value != ambiguous:
                continue
            found = self.find(identifier, deleted=deleted)
            if isinstance(found, Match):
                return found
            if isinstance(found, Ambiguity) and ambiguity is None:
                ambiguity, ambiguous = found, identifier.value
        return ambiguity

    def select(self, *, node: str = "", namespace: str = "", workload: str = "") -> Iterator[list[ListedPod]]:
        """Yield the pods on a node, in a namespace, of a workload, or what these have in common.

        A workload is ``KIND.GROUP/NAME``, and needs its namespace. The order is undefined.

        They come in slices, and the index may change between two of them. A pod that exists from the first slice to
        the last is in one of them.
        """
        on_node = node_value(node) if node else b""
        if workload:
            found = self._of_workload(namespace, workload)
        else:
            found = iter([self._indices.find(on_node) if node else list(self._entries.values())])
            on_node = b""
        for part in (part for entries in found for part in slices(entries, SLICE)):
            yield [
                (entry.uid, entry.record, entry.details)
                for entry in part
                if (not namespace or is_in_namespace(entry.index_values, namespace))
                and (not on_node or has_value(entry.index_values, on_node))
                and self._entries.get(entry.uid) is entry
            ]

    def _of_workload(self, namespace: str, workload: str) -> Iterator[list[Entry]]:
        """Yield the pods of a workload. The index may change between two lists."""
        found: list[Entry] = []
        for value in workload_values(namespace, workload):
            found += self._indices.find(value)
            if len(found) >= SLICE:
                yield found
                found = []
        yield found

    def entries(self, uids: Iterable[str]) -> list[Entry]:
        """Return those of the pods that exist."""
        return [self._entries[uid] for uid in uids if uid in self._entries]

    def few_in(self, view: View, limit: int) -> list[Entry] | None:
        """Return the pods on a node, or of a workload; None if there are more, or the view is wider."""
        if view.node:
            found = self._indices.find(node_value(view.node))
        elif view.workload:
            found = []
            for part in self._of_workload(view.namespace, view.workload):
                found += part
                if len(found) > limit:
                    break
        else:
            return None
        return found if len(found) <= limit else None

    def version_of(self, uid: str) -> int:
        """Return the resourceVersion of a pod, or -1 if it is unknown."""
        return self._entries[uid].version if uid in self._entries else -1

    def subscribe(self, identifiers: Iterable[Identifier], callback: Callable[[], None]) -> Callable[[], None]:
        """Call ``callback`` when a pod with one of the identifiers is added or removed, or changes its index values.

        The call comes in the middle of an update, so ``callback`` must not raise or use the index. Return a function
        that unsubscribes.
        """
        values = [value for identifier in identifiers for value in subscribed_values(identifier)]
        self._subscriptions.subscribe(values, callback)
        return lambda: self._subscriptions.unsubscribe(values, callback)

    def _add(self, stream: StreamState, pod: Pod, listing: int) -> None:
        """Add a pod that a listing showed, or only an event if ``listing`` is 0."""
        uid = pod.metadata.uid
        before = self._deleted.discard(uid)
        packed, values = pack(pod, self.index_names)
        finished = is_finished(packed)
        if finished:
            packed = self._finished_ips.values_of_new_state(packed, before)
            values = split(packed)
        entry = Entry(
            uid,
            encode_record(pod, self._keeping),
            packed,
            pod.metadata.resource_version,
            stream,
            listing,
            stream.listing,
            self._details_of(pod),
        )
        self._entries[uid] = entry
        self._indices.add(entry, values)
        if finished:
            self._finished_ips.add(packed)
            self._finished_ips.settle(packed, finished_pods=2)
        stream.progress.note(uid, entry.resource_version)
        self.changes.add(entry)
        if self._subscriptions:
            self._notify(entry)

    def _change(self, entry: Entry, pod: Pod) -> None:
        values = index_values(pod, self.index_names)
        record_before, values_before, details_before = entry.record, entry.index_values, entry.details
        finished = is_finished(values)
        if finished or values != entry.index_values:
            self._finished_ips.settle(entry.index_values)
        if finished:
            values = self._finished_ips.values_of_new_state(values, b"" if entry.is_void else entry.index_values)
        record = encode_record(pod, self._keeping)
        if record != entry.record:  # A change of dropped keys only does not count.
            entry.record = record
        details = self._details_of(pod)
        if not is_same(details, entry.details):
            entry.details = details
        entry.resource_version = pod.metadata.resource_version
        if values != entry.index_values:
            self._finished_ips.discard(entry.index_values)
            self._indices.replace(entry, values)
            if finished:
                self._finished_ips.add(values)
                self._finished_ips.settle(values, finished_pods=2)
            if self._subscriptions:
                self._notify(entry)
        entry.stream.progress.note(entry.uid, entry.resource_version)
        self.changes.change(entry, record_before, values_before, details_before)

    def _remove(self, entry: Entry, version: int, *, keep: bool = True) -> None:
        """Remove a pod that was deleted at a version; ``keep`` its last state among the deleted pods."""
        entry.stream.progress.note(entry.uid, version, deleted=True)
        self.changes.remove(entry, version)
        self._finished_ips.discard(entry.index_values)
        if self._subscriptions:
            self._notify(entry)
        del self._entries[entry.uid]
        if keep:
            recorded = max(entry.recorded, entry.listing)
            self._deleted.add(entry.uid, entry.record, entry.index_values, entry.stream, recorded, entry.details)
        self._indices.remove(entry)
        entry.record, entry.details = b"", None  # The end of a listing holds all entries that it removes.

    def _details_of(self, pod: Pod) -> Details | None:
        return None if self._details is None else self._details.details_of(pod)

    def _notify(self, entry: Entry) -> None:
        self._subscriptions.notify(notified_values([uid_value(entry.uid), *split(entry.index_values)]))

    def _pods_of_container(self, container_id: str) -> list[Entry | DeletedPod]:
        value = container_id_value(container_id)
        return [*self._indices.find(value), *self._deleted.by_index_value(value)]


def _version(entry: Entry) -> int:
    return entry.version


def slices(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Return the items in slices."""
    return (items[start : start + size] for start in range(0, len(items), size))
