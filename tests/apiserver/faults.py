"""Faults on demand: what networks, proxies and overloaded API servers do to their clients."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock
from typing import Literal

import msgspec

from tests.apiserver.requests import Kind, RecordedRequest
from tests.apiserver.statuses import ApiError

Disturb = Callable[["WatchFault"], int]


@dataclass(frozen=True)
class WatchFault:
    """What befalls an open watch.

    cut: the TCP connection is dropped, without the final chunk. end: the stream ends cleanly. stall: no byte
    comes any more, the connection stays open. resume: the end of a stall, what was held back follows.
    half_line: half of an event, then the connection is dropped. line: `line` is sent, and the watch goes on;
    last_line: and the stream ends cleanly.
    """

    action: Literal["cut", "end", "stall", "resume", "half_line", "line", "last_line"]
    line: bytes = b""


CUT = WatchFault("cut")
END = WatchFault("end")
STALL = WatchFault("stall")
RESUME = WatchFault("resume")
HALF_LINE = WatchFault("half_line")


def watch_error(code: int, reason: str = "", message: str = "") -> WatchFault:
    """An ERROR event with a Status, and then the clean end, as on the real server."""
    status = ApiError(code, message or f"injected {code}", reason=reason).status()
    return WatchFault("last_line", msgspec.json.encode({"type": "ERROR", "object": status}))


@dataclass
class Fault:
    """What befalls requests, from those that match until it is used up (`times`) or removed.

    A request matches by its `kind` and by `when`, if given. What happens is said by the other fields:

    - `status`: the answer is this code with a Status (`reason`, `message`), a Retry-After header if
      `retry_after` is given (seconds or an HTTP date), or `body` as it is instead of the Status;
    - `body` without `status`: the answer is 200 with this body;
    - `expire_continue`: matches only a list with a continue token, and answers that it has expired;
    - `drop`: the connection is dropped without an answer;
    - `stall`: the headers of a 200 come, and nothing after them;
    - `truncate`: the connection is dropped in the middle of the body;
    - `delay`: seconds that pass before the answer; `pause`: seconds between the pieces (16) of the body;
    - `watch`: befalls the opened watch after it has sent `after_events` events (initial ones count).
    """

    kind: Kind | Literal["any"] = "any"
    times: int | None = None
    when: Callable[[RecordedRequest], bool] | None = None
    status: int | None = None
    reason: str = ""
    message: str = ""
    retry_after: int | str | None = None
    body: bytes | None = None
    expire_continue: bool = False
    drop: bool = False
    stall: bool = False
    truncate: bool = False
    delay: float = 0.0
    pause: float = 0.0
    watch: WatchFault | None = None
    after_events: int = 0
    applied: int = field(default=0, init=False)

    def matches(self, request: RecordedRequest) -> bool:
        """Whether it is about this request, and not used up."""
        return (
            (self.times is None or self.applied < self.times)
            and self.kind in ("any", request.kind)
            and (not self.expire_continue or bool(request.query.get("continue")))
            and (self.when is None or self.when(request))
        )


class Faults:
    """The faults in force. They may change at any time, from any thread."""

    def __init__(self, disturb: Disturb) -> None:
        """`disturb` applies a fault to all open watches and returns their number."""
        self._lock = Lock()
        self._faults: list[Fault] = []
        self._disturb = disturb

    def add(self, fault: Fault) -> Fault:
        """Put a fault in force, behind those that are; returns it, to be removed or asked what it did."""
        with self._lock:
            self._faults.append(fault)
        return fault

    def remove(self, fault: Fault) -> None:
        """Put a fault out of force; it may be used up."""
        with self._lock:
            self._faults.remove(fault)

    def clear(self) -> None:
        """Put all out of force. Watches that are stalled stay so until `resume_watches`."""
        with self._lock:
            self._faults.clear()

    def take(self, request: RecordedRequest) -> Fault | None:
        """The first fault that matches, counted as applied."""
        with self._lock:
            for fault in self._faults:
                if fault.matches(request):
                    fault.applied += 1
                    return fault
        return None

    # ---- on the watches that are open now; each returns how many there were

    def cut_watches(self) -> int:
        """Drop the connections of all open watches, without the final chunk."""
        return self._disturb(CUT)

    def end_watches(self) -> int:
        """End all open watches cleanly, as the real server does every half hour or so."""
        return self._disturb(END)

    def stall_watches(self) -> int:
        """Send nothing any more on the open watches, but keep their connections."""
        return self._disturb(STALL)

    def resume_watches(self) -> int:
        """End the stall: what was held back is sent now."""
        return self._disturb(RESUME)

    def half_line(self) -> int:
        """Send half of an event on all open watches, and drop their connections."""
        return self._disturb(HALF_LINE)

    def garbage_line(self, line: bytes) -> int:
        """Send a line on all open watches; the newline is added."""
        return self._disturb(WatchFault("line", line))

    def watch_error(self, code: int, reason: str = "", message: str = "") -> int:
        """Send an ERROR event on all open watches, and end them cleanly."""
        return self._disturb(watch_error(code, reason, message))
