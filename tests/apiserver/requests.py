"""The record of every request that the server received."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["list", "watch", "get", "write", "discovery", "health"]

HEALTH_PATHS = frozenset({"/healthz", "/livez", "/readyz"})
DISCOVERY_PATHS = frozenset({"/api", "/apis", "/api/v1", "/version"})


@dataclass
class RecordedRequest:
    """One request, noted when it arrived.

    `user` is "" if nobody was recognised; `status` is None until the answer has begun, and stays so if the
    connection was dropped before; `time` is time.monotonic(), in seconds.
    """

    method: str
    path: str
    query: dict[str, str]
    user: str
    user_agent: str
    time: float
    status: int | None = None

    @property
    def kind(self) -> Kind:
        """What it asks for, in the words of faults."""
        if self.path in HEALTH_PATHS:
            return "health"
        if self.path in DISCOVERY_PATHS or self.path.startswith("/openapi"):
            return "discovery"
        if self.method != "GET":
            return "write"
        if self.query.get("watch") in ("true", "1"):
            return "watch"
        if self.path.rpartition("/")[2] in ("pods", "namespaces"):
            return "list"
        return "get"
