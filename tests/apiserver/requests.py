"""The record of each request that the server received."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["list", "watch", "other"]


@dataclass
class RecordedRequest:
    """One request, recorded on arrival.

    ``user`` is empty if the request has no valid token. ``status`` is None until the response begins, and stays None
    if the connection is closed first. ``time`` is ``time.monotonic()`` in seconds. Names in
    ``headers`` are in lower case.
    """

    method: str
    path: str
    query: dict[str, str]
    user: str
    user_agent: str
    accept: str
    time: float
    headers: list[tuple[str, str]]
    status: int | None = None

    @property
    def kind(self) -> Kind:
        """The kind of request that a ``Fault`` names."""
        if self.method != "GET" or not self.path.endswith("/pods"):
            return "other"
        return "watch" if self.query.get("watch") in ("true", "1") else "list"
