"""Fault injection: what networks, proxies and overloaded API servers do to their clients."""

from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock
from typing import Literal

from tests.apiserver.encodings import Encoding
from tests.apiserver.requests import Kind, RecordedRequest
from tests.apiserver.statuses import ApiError
from tests.apiserver.stored import StoredPod


def _nothing(_encoding: Encoding) -> bytes:
    return b""


def _half_event(encoding: Encoding) -> bytes:
    event = encoding.pod_event("MODIFIED", StoredPod({"metadata": {"name": "half", "namespace": "", "uid": ""}}, 1))
    return event[: len(event) // 2]


@dataclass(frozen=True)
class WatchFault:
    """A fault of an open watch: it sends ``content``, which depends on the encoding of the watch, and then:

    - ``continue``: goes on;
    - ``end``: ends with the final chunk;
    - ``cut``: closes the TCP connection without the final chunk;
    - ``stall``: sends nothing more, but keeps the connection.
    """

    then: Literal["continue", "end", "cut", "stall"]
    content: Callable[[Encoding], bytes] = _nothing


END = WatchFault("end")
CUT = WatchFault("cut")
STALL = WatchFault("stall")
HALF_LINE = WatchFault("cut", _half_event)


def watch_error(code: int, reason: str = "", message: str = "") -> WatchFault:
    """An ``ERROR`` event with a ``Status``, then the end of the watch, as on the real server."""
    status = ApiError(code, message or f"injected {code}", reason=reason).status()
    return WatchFault("end", lambda encoding: encoding.error(status))


@dataclass
class Fault:
    """A fault of the requests that match: the next ``times`` ones, or all until it is removed.

    ``kind`` and ``when`` say which requests match. The other fields say what happens:

    - ``status``: respond with this code, and with ``body`` or else a ``Status`` with ``message``;
      ``retry_after`` is for the header ``Retry-After``: seconds or an HTTP date;
    - ``body`` without ``status``: respond with 200 and this body, of ``media_type``;
    - ``expire_continue``: match only lists with a continue token, and respond that the token has expired;
    - ``drop``: close the connection without a response;
    - ``stall``: send the headers of a 200, and nothing more;
    - ``truncate``: send half of the body, and close the connection;
    - ``withhold_end``: never send the bookmark that ends the initial events; changes and other bookmarks go on;
    - ``delay``: wait this many seconds before the response;
    - ``watch``: apply this fault to the watch after ``after_events`` events, initial ones included.
    """

    kind: Kind | Literal["any"] = "any"
    times: int | None = None
    when: Callable[[RecordedRequest], bool] | None = None
    status: int | None = None
    message: str = ""
    retry_after: int | str | None = None
    body: bytes | None = None
    media_type: str = "application/json"
    expire_continue: bool = False
    drop: bool = False
    stall: bool = False
    truncate: bool = False
    withhold_end: bool = False
    delay: float = 0.0
    watch: WatchFault | None = None
    after_events: int = 0
    applied: int = field(default=0, init=False)

    def matches(self, request: RecordedRequest) -> bool:
        """Whether the fault applies to the request."""
        return (
            (self.times is None or self.applied < self.times)
            and self.kind in ("any", request.kind)
            and (not self.expire_continue or bool(request.query.get("continue")))
            and (self.when is None or self.when(request))
        )


class Faults:
    """The active faults, and faults of the watches that are open now. Every method may be called in any thread."""

    def __init__(self, disturb: Callable[[WatchFault], int]) -> None:
        """``disturb`` applies a fault to all open watches, and returns how many there are."""
        self._lock = Lock()
        self._faults: list[Fault] = []
        self._disturb = disturb

    def add(self, fault: Fault) -> Fault:
        """Activate a fault; of several that match, the first one applies. Return it."""
        with self._lock:
            self._faults.append(fault)
        return fault

    def remove(self, fault: Fault) -> None:
        """Deactivate a fault."""
        with self._lock:
            self._faults.remove(fault)

    def clear(self) -> None:
        """Deactivate all faults. Watches that stall already go on stalling."""
        with self._lock:
            self._faults.clear()

    def take(self, request: RecordedRequest) -> Fault | None:
        """Return the first fault that matches, and count it as applied."""
        with self._lock:
            for fault in self._faults:
                if fault.matches(request):
                    fault.applied += 1
                    return fault
        return None

    # ---- of the watches that are open now; each returns how many there are

    def cut_watches(self) -> int:
        """Close the connections of all open watches, without the final chunk."""
        return self._disturb(CUT)

    def end_watches(self) -> int:
        """End all open watches, as the real server does every half hour or so."""
        return self._disturb(END)

    def stall_watches(self) -> int:
        """Send nothing more on the open watches, but keep their connections."""
        return self._disturb(STALL)

    def half_line(self) -> int:
        """Send half of an event on all open watches, and close their connections."""
        return self._disturb(HALF_LINE)

    def garbage_line(self, line: bytes) -> int:
        """Send a line on all open watches, or a frame of protobuf; the newline or the length is added."""
        return self._disturb(WatchFault("continue", lambda encoding: encoding.garbage(line)))

    def watch_error(self, code: int, reason: str = "", message: str = "") -> int:
        """Send an ``ERROR`` event on all open watches, and end them."""
        return self._disturb(watch_error(code, reason, message))
