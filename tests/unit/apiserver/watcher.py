"""A watch that a test follows in the background."""

import json
from threading import Thread
from types import TracebackType
from typing import Any, Literal, Self

import httpx

from tests.support.polling import DEADLINE_SECONDS, eventually

JSON = dict[str, Any]


class Watcher:
    """Follows one watch in a thread: its lines, and how it ended."""

    def __init__(self, client: httpx.Client, path: str = "/api/v1/pods", **query: str | int) -> None:
        """The query is that of the watch, without ``watch=true``."""
        self.lines: list[str] = []
        self.ended: Literal["", "cleanly", "broken"] = ""
        self._context = client.stream("GET", path, params={"watch": "true", **query})
        self.response = self._context.__enter__()
        self._thread = Thread(target=self._follow, daemon=True)
        self._thread.start()

    @property
    def all_events(self) -> list[JSON]:
        """The events so far, with bookmarks."""
        return [json.loads(line) for line in list(self.lines)]

    @property
    def events(self) -> list[JSON]:
        """The events so far, without bookmarks."""
        return [event for event in self.all_events if event["type"] != "BOOKMARK"]

    @property
    def bookmarks(self) -> list[JSON]:
        """The objects of the bookmarks so far."""
        return [event["object"] for event in self.all_events if event["type"] == "BOOKMARK"]

    @property
    def summary(self) -> list[tuple[str, str]]:
        """The type of each event so far, and the name of its pod; without bookmarks."""
        return [(event["type"], event["object"]["metadata"]["name"]) for event in self.events]

    def wait_for(self, count: int) -> list[JSON]:
        """Wait for ``count`` events without bookmarks, and return them."""
        eventually(lambda: len(self.events) >= count)
        return self.events[:count]

    def wait_for_bookmark(self, index: int = 0) -> JSON:
        """Wait for the bookmark with this index, and return its object."""
        eventually(lambda: len(self.bookmarks) > index)
        return self.bookmarks[index]

    def wait_for_end(self) -> str:
        """Wait for the end of the watch; return how it ended."""
        eventually(lambda: self.ended)
        return self.ended

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # A shutdown of the socket wakes the thread; closing it would not.
        stream = self.response.extensions["network_stream"]
        if not self.ended:
            stream.get_extra_info("socket").shutdown(2)
        self._thread.join(DEADLINE_SECONDS)
        self._context.__exit__(None, None, None)

    def _follow(self) -> None:
        try:
            for line in self.response.iter_lines():
                self.lines.append(line)
            self.ended = "cleanly"
        except httpx.HTTPError:
            self.ended = "broken"
