"""Entries of the index, and the state of the streams that they come from."""

import msgspec
from msgspec import Struct

from pod_index.pods import Pod
from pod_index.store.deltas import memory_size
from pod_index.store.details import Details
from pod_index.store.progress import StreamProgress


class StreamState(Struct, eq=False):
    """The state of the stream of one namespace scope.

    Listings have numbers, which are never reused. What was recorded has the number of the listing at that time, so it
    is known whether it was recorded before a listing began.
    """

    listing: int = 0
    """The number of the current or last listing."""
    history: int = 0
    """The number of the listing that found a reset history. What was recorded before that listing is void."""
    synced: bool = False
    progress: StreamProgress = msgspec.field(default_factory=StreamProgress)
    contradictions: dict[str, Pod] = {}
    """The pods by UID that the current listing shows, although they were recorded as deleted, or newer, before."""
    contradiction_bytes: int = 0
    """The memory that the contradictions take."""

    def hold(self, pod: Pod) -> None:
        """Hold a contradiction until the listing is complete."""
        held = self.contradictions.get(pod.metadata.uid)
        if held is None or held.metadata.resource_version < pod.metadata.resource_version:
            self.contradictions[pod.metadata.uid] = pod
            self.contradiction_bytes += memory_size(pod) - (memory_size(held) if held else 0)

    def release(self) -> list[Pod]:
        """Return the contradictions, and hold them no longer."""
        pods = list(self.contradictions.values())
        self.contradictions.clear()
        self.contradiction_bytes = 0
        return pods


class Entry(Struct, gc=False, eq=False):
    """A pod in the index."""

    uid: str
    record: bytes
    """The encoded answer to a lookup."""
    index_values: bytes
    """As ``indexers.index_values`` packs them."""
    resource_version: int
    stream: StreamState
    listing: int
    """The number of the last listing that showed the pod. 0 if only events did."""
    recorded: int
    """The number of the current or last listing when this state was recorded."""
    details: Details | None = None
    """None if the index keeps no details."""
    position: int = 0
    """The place of the last change of its record in the order of ``ChangeOrder``."""
    details_position: int = 0
    """The place of a later change of its details, or 0."""
    workload_position: int = 0
    """The place of a later change of its workload, or 0."""
    slot: int = 0
    """Its number in the streams to clients."""

    @property
    def is_void(self) -> bool:
        """Whether the pod is known only from a history that was reset."""
        return max(self.recorded, self.listing) < self.stream.history

    @property
    def version(self) -> int:
        """The resourceVersion. A void one is older than any other."""
        return -1 if self.is_void else self.resource_version
