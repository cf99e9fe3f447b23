"""What the endpoints share."""

import dataclasses
from collections.abc import Callable

from pod_index.api.response_limiter import ResponseLimiter
from pod_index.api.waiting import LookupWaiters
from pod_index.api.watches import Watches
from pod_index.clusters import Clusters
from pod_index.settings import Settings
from pod_index.stats import Stats
from pod_index.store.index import PodIndex


@dataclasses.dataclass(kw_only=True)
class EndpointContext:
    """The objects that the endpoints of one application share."""

    index: PodIndex
    age: Callable[[], float]
    """How many seconds ago the API server last confirmed the data: https://www.rfc-editor.org/rfc/rfc9111#section-5.1"""
    stats: Stats
    settings: Settings
    lookup_waiters: LookupWaiters
    response_limiter: ResponseLimiter
    watches: Watches
    clusters: Clusters | None = None
    """This cluster and others; None if it has no name."""
    shutting_down: bool = False

    def find_plain(self, uid: str) -> bytes | None:
        """Return the record of a pod, or None if it is unknown, before the first sync, and during the shutdown."""
        return self.index.lookup(uid) if self.index.synced and not self.shutting_down else None

    def begin_shutdown(self) -> None:
        """Turn ``/ready`` to 503, and end the waits of lookups and the streams."""
        self.shutting_down = True
        self.lookup_waiters.close()
        self.watches.close()
