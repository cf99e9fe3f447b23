"""Tombstones: the UIDs of deleted pods, so that a late event does not bring a pod back."""

import sys
from collections import OrderedDict

from msgspec import Struct

TOMBSTONES_MAX = 10_000
"""How many tombstones are kept by default. Only events in flight at the time of a deletion can
arrive after it, and they are never more than a page or two."""

FINAL = sys.maxsize
"""Stands for the resourceVersion of a deletion for good. It is newer than all others."""


class Tombstone(Struct, gc=False):
    """The deletion of a pod."""

    listing: int
    """The number of the stream's current or last listing at the time of the deletion."""
    resource_version: int
    """The newest version that the deletion rejects: FINAL, or the version at which the pod left the selection, or that
    of the listing that did not show it."""
    deletion_observed: bool
    """Whether the API server reported the deletion. Otherwise a listing did not show the pod, and it may be wrong."""

    def rejects(self, resource_version: int, *, listed: bool) -> bool:
        """Return whether a version of the pod, from an event or a consistent listing (``listed``), must be ignored."""
        return resource_version <= self.resource_version and (self.deletion_observed or not listed)


# A dict would search its first key behind the places of all keys that were deleted before it.
class Tombstones(OrderedDict[str, Tombstone]):
    """Tombstones by UID, at most ``limit``. The oldest go first."""

    __slots__ = ("_limit",)

    def __init__(self, limit: int = TOMBSTONES_MAX) -> None:
        super().__init__()
        self._limit = limit

    def add(self, uid: str, tombstone: Tombstone) -> None:
        """Add a tombstone. A repeated deletion counts as new."""
        self[uid] = tombstone
        self.move_to_end(uid)
        if len(self) > self._limit:
            self.popitem(last=False)
