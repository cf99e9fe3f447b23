"""Tells a history that was reset from a replica of the API server that is behind.

All requests are consistent reads: lists without a resourceVersion, streaming lists that ask for the newest state, and
whole lists that are not older than a consistent read just before.
So a version older than an earlier one means that the history was reset (etcd was restored, or another cluster took over
the address), or that the response comes from a replica or a cache that is behind. A reset is assumed only after further
reads, with pauses and on connections of their own, all had older versions. Until then the response is discarded,
because an old state would bring deleted pods back.
https://kubernetes.io/docs/reference/using-api/api-concepts/#semantics-for-get-and-list
"""

import asyncio

from pod_index.backoff import Backoff
from pod_index.informer.errors import ApiError, InconsistentResponse, OlderVersion
from pod_index.informer.listwatch import ListWatch

CONFIRMATIONS = 3
"""How often further reads must have an older version before the history counts as reset."""


class History:
    """The newest resourceVersion that the API server sent."""

    def __init__(self, api: ListWatch, retry_max_seconds: float) -> None:
        self._api = api
        self._retry_max_seconds = retry_max_seconds
        self._newest = 0
        self.was_reset = False
        """Whether the history was reset, and no listing is complete since."""

    def advance(self, version: int) -> None:
        """Note a newer version; raise OlderVersion if it is older than an earlier one."""
        self.check(version)
        self._newest = version

    def complete(self, version: int) -> None:
        """Note the version of a complete listing."""
        self.advance(version)
        self.was_reset = False

    def check(self, version: int) -> None:
        """Raise OlderVersion if the version is older than an earlier one."""
        if version < self._newest:
            raise OlderVersion(
                f"a replica of the API server is behind (version {version} after {self._newest}):"
                " its response is discarded; check that all replicas use the same etcd"
            )

    async def check_reset(self, failure: OlderVersion) -> ApiError:
        """Return the cause of an older version: a reset, if further reads confirm it, else ``failure``."""
        known, version = self._newest, 0
        backoff = Backoff(self._retry_max_seconds)
        for _ in range(CONFIRMATIONS):
            await asyncio.sleep(backoff.next_pause())
            # The first request leaves the replica. If the second one finds a replica that is up to date, its connection
            # stays open, and the next attempt uses it.
            for close_connection in (True, False):
                try:
                    version = await self._api.current_version(close_connection=close_connection)
                except ApiError:
                    return failure
                if version >= known:
                    return failure
        self._newest = version
        self.was_reset = True
        return InconsistentResponse(f"the API server's history was reset (version {version} after {known})")
