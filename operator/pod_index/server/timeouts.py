"""How long a connection may wait for its client."""

from pod_index.settings import Settings

LINGER_SECONDS = 2.0
"""Time for a client to read the last response and close the connection. If the server closes it while the client still
sends, the connection is reset and the response is lost: https://www.rfc-editor.org/rfc/rfc9112#section-9.6"""

RESPONSE_FACTOR = 30
"""Maximum time to read a whole response, as a multiple of the time to read a part of it."""

UNREAD, LINGER, CLOSING, BODY, HEAD, IDLE, NEW = "unread", "linger", "closing", "body", "head", "idle", "new"
"""What a connection waits for: that the client reads the response, or closes the connection; that it sends the rest of
a body that is no longer needed, the rest of a head, the next request, or the first one."""


class Timeouts:
    """Measures the time that one connection waits for its client, between checks."""

    __slots__ = ("_endless", "_request", "_request_since", "_settings", "_since", "_wait")

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._wait: str | None = None
        """What the connection waited for at the last check."""
        self._since = 0.0
        """Time of the first check that found it so."""
        self._request = -1
        """Number of the request at the last check."""
        self._request_since = 0.0
        """Time of the first check that found it so."""

        self._endless = -1
        """Number of the last request whose response has no end."""

    def exempt(self, request: int) -> None:
        """Apply the limit on the time of a whole response no longer: this request's has no end."""
        self._endless = request

    def restart(self) -> None:
        """Note progress: the client has read a part of the response."""
        self._wait = None

    def expired(self, wait: str | None, request: int, now: float) -> bool:
        """Return whether the connection waits for too long.

        ``wait`` is what it waits for, None if for the application. ``request`` changes with every request, and ``now``
        is the monotonic time in seconds.
        """
        if request != self._request:
            self._request, self._request_since, self._wait = request, now, None
        if wait != self._wait:
            self._wait, self._since = wait, now
        if wait is None:
            return False
        timeout = self._timeout(wait)
        return now - self._since >= timeout or (
            wait == UNREAD and request != self._endless and now - self._request_since >= RESPONSE_FACTOR * timeout
        )

    def _timeout(self, wait: str) -> float:
        if wait == LINGER:
            return LINGER_SECONDS
        return self._settings.idle_timeout_seconds if wait == IDLE else self._settings.client_timeout_seconds
