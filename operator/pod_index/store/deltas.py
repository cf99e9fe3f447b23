"""What a stream of pods says about its scope: pages of a listing, then single changes.

A scope is what one stream covers: a namespace, or "" for all of them.
"""

import dataclasses

from pod_index.pods import Pod


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ListPage:
    """A part of a listing."""

    scope: str
    pods: list[Pod]
    begins: bool = False
    """Whether a new listing begins with this page; what an unfinished one before it has shown stats no more."""
    history_reset: bool = False
    """With ``begins``: the API server's history began anew (etcd restored from a backup, another cluster behind
    the same address), so no resourceVersion or deletion known so far means anything."""
    complete_at: int | None = None
    """On the last page, the resourceVersion whose state the listing has shown."""


@dataclasses.dataclass(frozen=True, slots=True)
class Delta:
    """A pod that was created, changed or deleted."""

    scope: str
    pod: Pod
