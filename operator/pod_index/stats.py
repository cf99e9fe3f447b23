"""What is counted while pod-index works: plain numbers in one place, which ``metrics`` tells when it is asked.

Counting is part of every lookup, so nothing here knows of a format, locks, or makes objects.
"""

from bisect import bisect_left
from collections import defaultdict

SELECTORS = ("uid", "id", "containerID", "ip", "name", "many", "list", "none")
"""What pods are asked for by; ``many`` is one of many at once, ``none`` a request that asks for nothing readable."""

RESULTS = ("hit", "deleted", "miss", "error")
"""What became of a lookup; ``error`` is one that was refused, or that broke off."""

LISTING_REASONS = ("start", "expired", "untrusted", "failing", "fault", "reopened")
"""Why the pods were listed."""

MODES = ("streaming", "chunked")
"""How they were: as a streaming list, or in pages."""

API_FAILURES = ("unreachable", "silent", "unauthorized", "expired", "rejected", "untrusted", "other")
"""Why a request to the API server failed: the ``reason`` of each ApiError."""

WATCH_END_REASONS = ("ended", *API_FAILURES)
"""Why a watch was opened anew; ``ended`` is its end in good order, which comes every few minutes."""

EVENTS = ("added", "modified", "deleted", "bookmark")
"""The types of the events of a watch."""

CLOSE_REASONS = ("crowded", "handshake", "malformed", "oversized", "pipelined", "slow", "unread")
"""Why a connection of a client was ended: there were too many; its TLS handshake failed; it sent what is no HTTP, too
much, too many requests at once, or too slowly; or it did not read its answer."""

OTHER_ROUTE = "other"
"""The route of all paths that are none."""

CLIENT_GONE = 499
"""The status of a request that was never answered, as the client had hung up; nginx has it so too."""

REQUEST_SECONDS = (5e-05, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 1.0, 10.0)
LAG_SECONDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 1.0, 10.0)
LISTING_SECONDS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
"""The upper bounds of the buckets, in seconds."""


class Histogram:
    """How often something took how long."""

    __slots__ = ("bounds", "buckets", "seconds")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.buckets = [0] * (len(bounds) + 1)
        """How many were at most as long as the bound, and longer than the one before; the last one has no bound."""
        self.seconds = 0.0
        """All of them together."""

    def add(self, seconds: float) -> None:
        """Count one."""
        self.buckets[bisect_left(self.bounds, seconds)] += 1
        self.seconds += seconds


class Stats:
    """Everything that is counted, from the start of the process."""

    def __init__(self) -> None:
        self.plain_lookups = Histogram(REQUEST_SECONDS)
        """Lookups by ``uid`` alone that found a pod. Each is a lookup and a request too, but is counted here only: as
        nearly all are such, this is all that counting may cost them."""
        self.lookups = {(selector, result): 0 for selector in SELECTORS for result in RESULTS}
        """By selector and result, without ``plain_lookups``."""
        self.requests: defaultdict[tuple[str, int], int] = defaultdict(int)
        """By route and status, without ``plain_lookups``."""
        self.request_durations: defaultdict[str, Histogram] = defaultdict(lambda: Histogram(REQUEST_SECONDS))
        """By route, without ``plain_lookups``."""
        self.listings = dict.fromkeys(LISTING_REASONS, 0)
        """Complete ones, by reason."""
        self.listing_durations = {mode: Histogram(LISTING_SECONDS) for mode in MODES}
        """Of complete ones, by mode."""
        self.listing_failures = dict.fromkeys(API_FAILURES, 0)
        """Attempts that failed, by trouble."""
        self.watch_restarts = dict.fromkeys(WATCH_END_REASONS, 0)
        """Watches that were, by the reason of their end."""
        self.events = dict.fromkeys(EVENTS, 0)
        """Events after a listing, by type."""
        self.event_lags = Histogram(LAG_SECONDS)
        """From when an event was read from the connection until it was in the index."""
        self.connections = 0
        """Open connections of clients."""
        self.connections_cut = dict.fromkeys(CLOSE_REASONS, 0)
        """Those that were not ended by their client, nor for idleness, by reason."""

    def add_request(self, route: str, status: int, seconds: float) -> None:
        """Count a request that has been answered; CLIENT_GONE is the status of one that has not."""
        self.requests[route, status] += 1
        self.request_durations[route].add(seconds)
