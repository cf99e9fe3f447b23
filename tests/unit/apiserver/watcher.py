"""A watch that a test follows in the background."""

from __future__ import annotations

import json
from threading import Thread
from types import TracebackType
from typing import Any, Literal

import httpx

from tests.support.polling import eventually

JSON = dict[str, Any]

# seconds; far more than anything here takes, so that only a failure waits for it
DEADLINE = 20.0


class Watcher:
    """Follows one watch in a thread: its lines, and how it ended."""

    def __init__(self, client: httpx.Client, path: str = "/api/v1/pods", **query: str | int) -> None:
        """The query is that of the watch, without watch=true."""
        self.lines: list[str] = []
        self.ended: Literal["", "cleanly", "broken"] = ""
        self._context = client.stream("GET", path, params={"watch": "true", **query})
        self.response = self._context.__enter__()
        self._thread = Thread(target=self._follow, daemon=True)
        self._thread.start()

    @property
    def events(self) -> list[JSON]:
        """The events so far."""
        return [json.loads(line) for line in list(self.lines)]

    @property
    def told(self) -> list[tuple[str, str]]:
        """The type of each event so far, and the name of its pod; without periodic bookmarks."""
        return [
            (event["type"], event["object"]["metadata"].get("name", ""))
            for event in self.events
            if event["type"] != "BOOKMARK"
        ]

    def wait_for(self, count: int) -> list[JSON]:
        """The first `count` events, bookmarks left out, as soon as there are so many."""
        eventually(lambda: len(self.told) >= count)
        return [event for event in self.events if event["type"] != "BOOKMARK"][:count]

    def wait_for_bookmark(self, index: int = 0) -> JSON:
        """The bookmark number `index`, as soon as it is there."""

        def bookmarks() -> list[JSON]:
            return [event["object"] for event in self.events if event["type"] == "BOOKMARK"]

        eventually(lambda: len(bookmarks()) > index)
        return bookmarks()[index]

    def wait_for_end(self) -> str:
        """How it ended, once it has."""
        eventually(lambda: self.ended)
        return self.ended

    def __enter__(self) -> Watcher:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # shut the socket down: this wakes the thread, which a mere close would not
        stream = self.response.extensions["network_stream"]
        if not self.ended:
            stream.get_extra_info("socket").shutdown(2)
        self._thread.join(DEADLINE)
        self._context.__exit__(None, None, None)

    def _follow(self) -> None:
        try:
            for line in self.response.iter_lines():
                self.lines.append(line)
            self.ended = "cleanly"
        except httpx.HTTPError:
            self.ended = "broken"
