"""Counters of what pod-index does: plain numbers, which ``api.metrics`` exports.

Counting is part of every lookup, so nothing here formats, locks or allocates.
"""

from bisect import bisect_left
from collections import defaultdict

SELECTORS = ("uid", "id", "containerID", "ip", "name", "many", "list", "none")
"""How pods were selected: by one parameter, ``many`` in a batch lookup, ``list`` in a list. ``none`` is a request
without one readable selector."""

RESULTS = ("hit", "deleted", "miss", "ambiguous", "error")
"""The results of a lookup. ``deleted``: a deleted pod was found. ``ambiguous``: several pods have the identifier.
``error``: the lookup was refused or aborted."""

LISTING_REASONS = ("start", "expired", "untrusted", "failing", "fault", "reopened")
"""Why the pods were listed."""

MODES = ("streaming", "whole", "chunked")
"""How the pods were listed: as a streaming list, as a whole list, or in pages."""

API_FAILURES = (
    "unreachable",
    "silent",
    "unauthorized",
    "throttled",
    "expired",
    "rejected",
    "incomplete",
    "oversized",
    "untrusted",
    "other",
)
"""Why a request to the API server failed: the ``reason`` of each ApiError."""

WATCH_END_REASONS = ("ended", *API_FAILURES)
"""Why a watch was reopened. ``ended`` is the regular end, every few minutes."""

EVENTS = ("added", "modified", "deleted", "bookmark")
"""The types of watch events."""

CLOSE_REASONS = ("crowded", "displaced", "handshake", "malformed", "oversized", "slow", "unread")
"""Why the server closed a client's connection: too many connections, room for others, a failed TLS handshake, malformed
HTTP, a request that is too large, a request that is too slow, or a response that the client did not read."""

WATCH_EVENTS = ("added", "modified", "deleted", "bookmark", "error")
"""What is sent to clients that follow pods."""

WATCH_CUT_REASONS = ("unauthorized", "history", "slow")
"""Why the server ended a stream to a client with an error: its credentials are no longer valid, the history of the API
server was reset, or it was read so slowly that deletions were missed. A connection whose client reads nothing counts as
``unread`` in ``CLOSE_REASONS``."""

PEER_RESULTS = (
    *("answered", "timeout", "unreachable", "untrusted", "unauthorized", "unsynced", "failing", "malformed"),
    *("oversized", "rejected", "busy", "skipped"),
)
"""The results of requests to pod-indexes of other clusters. ``untrusted``: its certificate. ``unsynced``: before its
first sync. ``failing``: any other 5xx. ``oversized``: the response. ``rejected``: it accepts only smaller requests.
``busy``: there was no room for the request here. ``skipped``: not sent, since the peer failed a moment ago."""

OTHER_ROUTE = "other"
"""The route label of paths that have no route."""

CLIENT_GONE = 499
"""The status of a request whose client disconnected before the response, as in nginx."""

REQUEST_SECONDS = (5e-05, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 1.0, 10.0)
PEER_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
LAG_SECONDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 1.0, 10.0)
LISTING_SECONDS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
"""The upper bounds of the buckets, in seconds."""


class Histogram:
    """Durations, counted in buckets."""

    __slots__ = ("bounds", "buckets", "seconds")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.buckets = [0] * (len(bounds) + 1)
        """The number of durations up to each bound and above the previous one; the last bucket has no bound."""
        self.seconds = 0.0
        """The sum of all durations."""

    @property
    def count(self) -> int:
        """The number of durations."""
        return sum(self.buckets)

    def observe(self, seconds: float, times: int = 1) -> None:
        """Count a duration, ``times`` times."""
        self.buckets[bisect_left(self.bounds, seconds)] += times
        self.seconds += seconds * times


class Stats:
    """All counters, from the start of the process."""

    def __init__(self) -> None:
        self.lookups = {(selector, result): 0 for selector in SELECTORS for result in RESULTS}
        """Lookups by selector and result."""
        self.requests: defaultdict[tuple[str, int], Histogram] = defaultdict(lambda: Histogram(REQUEST_SECONDS))
        """Durations of requests by route and status."""
        self.listings = dict.fromkeys(LISTING_REASONS, 0)
        """Complete listings by reason."""
        self.listing_durations = {mode: Histogram(LISTING_SECONDS) for mode in MODES}
        """Durations of complete listings by mode."""
        self.listing_failures = dict.fromkeys(API_FAILURES, 0)
        """Failed listings by reason."""
        self.watch_restarts = dict.fromkeys(WATCH_END_REASONS, 0)
        """Reopened watches by the reason of the previous watch's end."""
        self.events = dict.fromkeys(EVENTS, 0)
        """Watch events by type."""
        self.event_lags = Histogram(LAG_SECONDS)
        """Time from reading a watch event from the connection until it was in the index."""
        self.connections = 0
        """Open client connections."""
        self.connections_cut = dict.fromkeys(CLOSE_REASONS, 0)
        """Client connections that the server closed, other than for idleness, by reason."""

        self.watch_events = dict.fromkeys(WATCH_EVENTS, 0)
        """What was sent to clients that follow pods, by type."""
        self.watches_resumed = 0
        """Streams that began with a valid resume token."""
        self.watches_expired = 0
        """Resume tokens that were refused, or whose version the index did not reach in time."""
        self.watches_cut = dict.fromkeys(WATCH_CUT_REASONS, 0)
        """Streams that ended with an error, by reason."""

        self.peers_up: dict[str, bool] = {}
        """Whether the last request to each peer that was sent was answered."""
        self.peer_requests: defaultdict[tuple[str, str], int] = defaultdict(int)
        """Requests to peers, by peer and result."""
        self.peer_durations: defaultdict[str, Histogram] = defaultdict(lambda: Histogram(PEER_SECONDS))
        """Durations of the requests that were sent, by peer."""

    def add_peer(self, peer: str) -> None:
        """Count requests to a peer from now on."""
        self.peers_up[peer] = True
        for result in PEER_RESULTS:
            self.peer_requests[peer, result] += 0

    def add_request(self, route: str, status: int, seconds: float) -> None:
        """Count a request; its status is CLIENT_GONE if it had no response."""
        self.requests[route, status].observe(seconds)
