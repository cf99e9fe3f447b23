"""Prometheus metrics: the counters and the current state as metric families.

Names and units follow https://prometheus.io/docs/practices/naming/. This module keeps no state and registers nothing
globally.
"""

import platform
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence, Sized

from prometheus_client import (
    CollectorRegistry,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
)
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response

from pod_index import __version__
from pod_index.api.accept import OPENMETRICS, prefers_openmetrics
from pod_index.api.response_limiter import ResponseLimiter
from pod_index.api.responses import LongResponse
from pod_index.api.watches import Watches
from pod_index.stats import Histogram, Stats
from pod_index.store.index import PodIndex

PROCESS_SECONDS = 5.0
"""The maximum age of the metrics of the process. To count its open files takes 3 ms with 2,000 connections."""


class Metrics(Collector):
    """The metrics of one application.

    ``age`` returns how many seconds ago the API server last confirmed the data, or None before the first confirmation;
    ``waiters`` are the waiting lookups, and ``watches`` the streams.
    """

    def __init__(
        self, stats: Stats, index: PodIndex, age: Callable[[], float | None], waiters: Sized, watches: Watches
    ) -> None:
        self._stats = stats
        self._index = index
        self._age = age
        self._waiters = waiters
        self._watches = watches
        self._registry = CollectorRegistry()
        for collector in (_ProcessMetrics(registry=None), PlatformCollector(registry=None), self):
            self._registry.register(collector)
        GCCollector(registry=self._registry)

    def render(self, accept: str) -> tuple[bytes, str]:
        """Return all metrics and their media type: of the two formats, the one that the header ``Accept`` prefers.

        https://prometheus.io/docs/instrumenting/content_negotiation/
        """
        # The library gets nothing else of the header: it fails on a version that is not a number.
        encode, content_type = choose_encoder(OPENMETRICS if prefers_openmetrics(accept) else "")
        return encode(self._registry), content_type

    def collect(self) -> Iterator[Metric]:
        """Yield the current metric families."""
        yield from self._state()
        yield from self._informer()
        yield from self._requests()
        yield from self._clients()
        yield from self._streams()
        yield from self._peers()

    def _state(self) -> Iterator[Metric]:
        yield InfoMetricFamily(
            "pod_index_build",
            "The versions of pod-index and of Python.",
            {"version": __version__, "python": platform.python_version()},
        )
        yield GaugeMetricFamily("pod_index_pods", "Pods in the index.", len(self._index))
        yield GaugeMetricFamily(
            "pod_index_deleted_pods", "Deleted pods kept for includeDeleted=true.", self._index.count_deleted()
        )
        yield GaugeMetricFamily(
            "pod_index_deleted_pods_bytes",
            "Memory of the deleted pods kept for includeDeleted=true.",
            self._index.deleted_bytes(),
            unit="bytes",
        )
        yield GaugeMetricFamily(
            "pod_index_synced", "1 after the first complete listing of all watched pods, else 0.", self._index.synced
        )
        age = GaugeMetricFamily(
            "pod_index_age_seconds",
            "Time since the API server last confirmed the data; absent before the first confirmation.",
            unit="seconds",
        )
        seconds = self._age()
        if seconds is not None:
            age.add_metric([], seconds)
        yield age
        yield GaugeMetricFamily(
            "pod_index_waiters", "Requests that are waiting for their pod (wait=).", len(self._waiters)
        )

    def _informer(self) -> Iterator[Metric]:
        stats = self._stats
        yield _counter("pod_index_listings", "Complete listings of the pods, by reason.", "reason", stats.listings)
        yield _histogram(
            "pod_index_listing_duration_seconds",
            "Time from requesting a complete listing until its last pod was read, by mode:"
            " streaming (a streaming list), whole (a whole list) or chunked (pages).",
            "mode",
            stats.listing_durations,
        )
        yield _counter(
            "pod_index_listing_failures",
            "Failed attempts to list the pods, by reason.",
            "reason",
            stats.listing_failures,
        )
        yield CounterMetricFamily(
            "pod_index_history_resets",
            "Listings that showed that the history of the API server was reset: etcd was restored from a backup.",
            self._index.history_resets,
        )
        yield _counter(
            "pod_index_watch_restarts",
            "Watches that ended or could not be opened, by reason; ended is the regular end, every few minutes.",
            "reason",
            stats.watch_restarts,
        )
        yield _counter(
            "pod_index_events", "Watch events by type; the pods of listings are not included.", "type", stats.events
        )
        lag = HistogramMetricFamily(
            "pod_index_event_lag_seconds",
            "Time from reading a watch event from the connection until it was in the index."
            " The time before that cannot be measured here.",
            unit="seconds",
        )
        lag.add_metric([], *_cumulative([stats.event_lags]))
        yield lag

    def _clients(self) -> Iterator[Metric]:
        yield GaugeMetricFamily("pod_index_connections", "Open client connections.", self._stats.connections)
        yield _counter(
            "pod_index_connections_cut",
            "Client connections that the server closed because of the client's behavior, by reason.",
            "reason",
            self._stats.connections_cut,
        )

    def _streams(self) -> Iterator[Metric]:
        stats = self._stats
        yield GaugeMetricFamily(
            "pod_index_client_watches", "Open streams of clients that follow pods (watch=true).", len(self._watches)
        )
        yield GaugeMetricFamily(
            "pod_index_client_watch_backlog",
            "Changes, of any pods, since the position of the stream that is behind most.",
            self._watches.backlog,
        )
        yield _counter(
            "pod_index_client_watch_events",
            "Lines sent to clients that follow pods, by type.",
            "type",
            stats.watch_events,
        )
        yield CounterMetricFamily(
            "pod_index_client_watches_resumed", "Streams that began with a valid resume token.", stats.watches_resumed
        )
        yield CounterMetricFamily(
            "pod_index_client_watches_expired",
            "Resume tokens that were refused with 410, or whose version was not reached in time.",
            stats.watches_expired,
        )
        yield _counter(
            "pod_index_client_watches_cut",
            "Streams that ended with an error, by reason: unauthorized (credentials no longer valid), history (etcd was"
            " restored) or slow (deletions were missed, or a large object gave way to another one).",
            "reason",
            stats.watches_cut,
        )

    def _peers(self) -> Iterator[Metric]:
        up = GaugeMetricFamily(
            "pod_index_peer_up", "1 if the other cluster answered last time, else 0.", labels=["peer"]
        )
        for peer, is_up in self._stats.peers_up.items():
            up.add_metric([peer], is_up)
        yield up
        results = "Requests to other clusters, by result; skipped: not sent, since the peer failed a moment ago."
        requests = CounterMetricFamily("pod_index_peer_requests", results, labels=["peer", "result"])
        for key, count in self._stats.peer_requests.items():
            requests.add_metric(key, count)
        yield requests
        yield _histogram(
            "pod_index_peer_request_duration_seconds",
            "Time from sending a request to another cluster until its response was read, or the failure.",
            "peer",
            self._stats.peer_durations,
        )

    def _requests(self) -> Iterator[Metric]:
        lookups = CounterMetricFamily(
            "pod_index_lookups",
            "Lookups by selector and result; each pod of a batch lookup counts."
            " deleted: a deleted pod was found; ambiguous: several pods have the identifier;"
            " error: the lookup was refused or aborted.",
            labels=("selector", "result"),
        )
        for key, count in self._stats.lookups.items():
            lookups.add_metric(key, count)
        yield lookups
        requests = CounterMetricFamily(
            "pod_index_requests",
            "Requests by route (other: any other path) and status code"
            " (499: the client disconnected before the response).",
            labels=("route", "code"),
        )
        durations = HistogramMetricFamily(
            "pod_index_request_duration_seconds",
            "Time from receiving a request until its response was handed to the server, by route."
            " It includes waiting for a pod (wait=), but not the network.",
            labels=("route",),
            unit="seconds",
        )
        by_route: dict[str, list[Histogram]] = {}
        for (route, status), histogram in sorted(self._stats.requests.items()):
            requests.add_metric((route, str(status)), histogram.count)
            by_route.setdefault(route, []).append(histogram)
        for route, histograms in by_route.items():
            durations.add_metric((route,), *_cumulative(histograms))
        yield requests
        yield durations


class _ProcessMetrics(ProcessCollector):
    """The metrics of the process, which are kept for PROCESS_SECONDS."""

    _collected: Sequence[Metric] = ()
    _collected_at = -PROCESS_SECONDS

    def collect(self) -> Iterable[Metric]:
        now = time.monotonic()
        if now - self._collected_at >= PROCESS_SECONDS:
            self._collected, self._collected_at = tuple(super().collect()), now
        return self._collected


def metrics_endpoint(metrics: Metrics, limiter: ResponseLimiter) -> Callable[[Request], Awaitable[Response]]:
    """Return the endpoint that Prometheus scrapes."""

    async def scrape(request: Request) -> Response:
        async with limiter.step():
            body, content_type = metrics.render(request.headers.get("Accept", ""))
        return LongResponse(body, media_type=content_type)

    return scrape


def _counter(name: str, documentation: str, label: str, counts: Mapping[str, int]) -> Metric:
    family = CounterMetricFamily(name, documentation, labels=(label,))
    for value, count in counts.items():
        family.add_metric((value,), count)
    return family


def _histogram(name: str, documentation: str, label: str, histograms: Mapping[str, Histogram]) -> Metric:
    family = HistogramMetricFamily(name, documentation, labels=(label,), unit="seconds")
    for value, histogram in histograms.items():
        family.add_metric((value,), *_cumulative([histogram]))
    return family


def _cumulative(histograms: Sequence[Histogram]) -> tuple[list[tuple[str, float]], float]:
    """Merge histograms with the same bounds; return the cumulative buckets of Prometheus, and the sum."""
    buckets: list[tuple[str, float]] = []
    total = 0
    counts = zip(*(histogram.buckets for histogram in histograms), strict=True)
    for bound, count in zip((*map(str, histograms[0].bounds), "+Inf"), map(sum, counts), strict=True):
        total += count
        buckets.append((bound, total))
    return buckets, sum(histogram.seconds for histogram in histograms)
