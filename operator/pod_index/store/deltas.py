"""The items of a stream: the pages of a listing, then single changes.

A stream covers one scope: the name of a namespace, or "" for all namespaces.
"""

import dataclasses
from typing import Literal

from pod_index.pods import Pod

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
