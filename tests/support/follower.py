"""A client that keeps a copy of the pods of a node: an example for agents, in Python without packages.

It survives restarts and works with any number of replicas. ``operator/README.md`` describes what it relies on.
"""

import contextlib
import http.client
import json
import threading
import time
import urllib.parse
from collections.abc import Callable
from typing import Any

SILENCE_SECONDS = 45.0
"""Three heartbeats: a stream that is silent for longer is dead."""

PAUSE_SECONDS = 1.0
"""Time between two attempts."""

Pods = dict[str, Any]


class Follower:
    """A copy of the pods that a query selects, such as ``node=node-1``.

    ``on_change`` is called with the copy at each bookmark. ``address`` is called before each connection, and returns
    the host and port of a replica.
    """

    def __init__(
        self,
        address: Callable[[], tuple[str, int]],
        query: str,
        on_change: Callable[[Pods], None] = lambda _: None,
        pause_seconds: float = PAUSE_SECONDS,
    ) -> None:
        self.pods: Pods = {}
        self.synced = False
        self.resume = ""
        self.starts: list[bool] = []
        """Whether each stream so far was resumed."""
        self._address = address
        self._query = query
        self._on_change = on_change
        self._pause_seconds = pause_seconds
        self.pause = pause_seconds
        """The time until the next attempt."""
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop following; the thread ends with its next line."""
        self._stopped.set()

    def _run(self) -> None:
        while not self._stopped.is_set():
            self.pause = self._pause_seconds
            # After a failure, the copy stays as it is until the next connection.
            with contextlib.suppress(OSError, http.client.HTTPException, ValueError):
                self._follow()
            time.sleep(self.pause)

    def _follow(self) -> None:
        connection = http.client.HTTPConnection(*self._address(), timeout=SILENCE_SECONDS)
        try:
            resume = f"&resume={urllib.parse.quote(self.resume)}" if self.resume else ""
            connection.request("GET", f"/api/v1/pods?watch=true&{self._query}{resume}")
            response = connection.getresponse()
            if response.status == 410:
                self.resume = ""
            if response.status != 200:
                seconds = response.getheader("Retry-After", "")
                self.pause = float(seconds) if seconds.isdecimal() else self._pause_seconds
                return
            self.starts.append(bool(resume))
            changes: Pods = {}
            while not self._stopped.is_set() and (line := response.readline()):
                self._apply(json.loads(line), changes)
        finally:
            connection.close()

    def _apply(self, event: Pods, changes: Pods) -> None:
        """Collect changes, and apply them at the next bookmark: only then do they belong to the resume token."""
        match event["type"]:
            case "ADDED" | "MODIFIED":
                changes[event["object"]["uid"]] = event["object"]
            case "DELETED":
                changes[event["object"]["uid"]] = None
            case "ERROR":
                if event["code"] == 410:
                    self.resume = ""
            case "BOOKMARK" if "resume" in event or event.get("initialEventsEnd"):
                known = {} if event.get("initialEventsEnd") else self.pods
                self.pods = {uid: pod for uid, pod in (known | changes).items() if pod is not None}
                self.resume = event.get("resume", "")
                self.synced = True
                changes.clear()
                self._on_change(self.pods)
