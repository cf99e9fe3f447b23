"""The items of a stream: the pages of a listing, then single changes.

A stream covers one scope: the name of a namespace, or "" for all namespaces.
"""

import dataclasses
from collections.abc import Sequence
from sys import getsizeof
from typing import Literal

from pod_index.pods import OwnerReference, Pod
from pod_index.store.packed_parts import PackedPod

DeltaType = Literal["ADDED", "MODIFIED", "DELETED"]
"""The types of watch events that carry a pod."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ListPage:
    """A page of a listing."""

    scope: str
    pods: list[Pod]
    begins: bool = False
    """Whether this page begins a new listing. An incomplete listing before it is void."""
    history_reset: bool = False
    """With ``begins``: whether the resourceVersions and deletions recorded so far are void. etcd was restored from a
    backup, or another cluster took over the address."""
    complete_at: int | None = None
    """On the last page: the resourceVersion of the listing."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Delta:
    """The creation, change or deletion of a pod."""

    type: DeltaType
    scope: str
    pod: Pod


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """The resourceVersion of a watch bookmark: everything up to it has come.

    https://kubernetes.io/docs/reference/using-api/api-concepts/#watch-bookmarks
    """

    scope: str
    version: int


Changes = Sequence[Delta | Progress]
"""The changes of one read, in their order."""

# Measured on a 64-bit machine.
_POD_BYTES = 1024
_OWNER_BYTES = 400
_MAP_ENTRY_BYTES = 40


def memory_size(pod: Pod) -> int:
    """Return about how many bytes a decoded pod takes.

    It can take ten times its size on the wire: 60,000 annotations of four letters each take 5 MB.
    """
    metadata = pod.metadata
    return (
        _POD_BYTES
        + _size_of_map(metadata.labels)
        + _size_of_map(metadata.annotations)
        + _size_of_owners(metadata.owner_references)
        + (_size_of_packed(pod) if isinstance(pod, PackedPod) else 0)
    )


def _size_of_packed(pod: PackedPod) -> int:
    details = 0 if pod.details is None else getsizeof(pod.details.own) + getsizeof(pod.details.template)
    return details + sum(map(getsizeof, pod.container_ids))


def _size_of_map(entries: dict[str, str] | None) -> int:
    if not entries:
        return 0
    texts = sum(map(getsizeof, entries)) + sum(map(getsizeof, entries.values()))
    return texts + _MAP_ENTRY_BYTES * len(entries)


def _size_of_owners(owners: list[OwnerReference] | None) -> int:
    return sum(
        _OWNER_BYTES + len(owner.api_version) + len(owner.kind) + len(owner.name) + len(owner.uid)
        for owner in owners or ()
    )
