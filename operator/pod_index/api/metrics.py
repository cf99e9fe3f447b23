"""What Prometheus reads: the stats, and the state at this moment, as metric families.

Names and units are those of https://prometheus.io/docs/practices/naming/; nothing is kept here, and nothing is global.
"""

import platform
from collections.abc import Callable, Iterator, Mapping, Sized

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

from pod_index import __version__
from pod_index.stats import REQUEST_SECONDS, Histogram, Stats
from pod_index.store.index import PodIndex

OPENMETRICS = "application/openmetrics-text"


class Metrics(Collector):
    """The metrics of one application.

    ``age`` tells how many seconds ago the API server last confirmed the data, and None before it has; ``waiting`` are
    the lookups that wait; ``lookup_route`` is where plain lookups are answered.
    """

    def __init__(
        self, stats: Stats, index: PodIndex, age: Callable[[], float | None], waiting: Sized, lookup_route: str
    ) -> None:
        self._stats = stats
        self._index = index
        self._age = age
        self._waiting = waiting
        self._lookup_route = lookup_route
        self._registry = CollectorRegistry()
        for collector in (ProcessCollector(registry=None), PlatformCollector(registry=None), self):
            self._registry.register(collector)
        GCCollector(registry=self._registry)

    def text(self, accept: str) -> tuple[bytes, str]:
        """Return all of them, and their media type: what the header ``Accept`` prefers of the two formats.

        https://prometheus.io/docs/instrumenting/content_negotiation/
        """
        # Nothing else of the header: the library breaks on a version that is no number.
        encode, content_type = choose_encoder(OPENMETRICS if _prefers_openmetrics(accept) else "")
        return encode(self._registry), content_type

    def collect(self) -> Iterator[Metric]:
        """Yield the families, as they are now."""
        yield from self._state()
        yield from self._feed()
        yield from self._requests()
        yield from self._clients()

    def _state(self) -> Iterator[Metric]:
        yield InfoMetricFamily(
            "pod_index_build",
            "The version of pod-index, and of the Python that runs it.",
            {"version": __version__, "python": platform.python_version()},
        )
        yield GaugeMetricFamily("pod_index_pods", "Pods in the index.", len(self._index))
        yield GaugeMetricFamily(
            "pod_index_deleted_pods",
            "Pods that are gone and are kept for includeDeleted=true.",
            self._index.count_deleted(),
        )
        yield GaugeMetricFamily(
            "pod_index_synced", "1 after the first complete listing of all that is watched, else 0.", self._index.synced
        )
        age = GaugeMetricFamily(
            "pod_index_age_seconds",
            "How long ago the API server last confirmed the data; absent before it has.",
            unit="seconds",
        )
        seconds = self._age()
        if seconds is not None:
            age.add_metric([], seconds)
        yield age
        yield GaugeMetricFamily(
            "pod_index_waiters", "Requests that wait for their pod at this moment.", len(self._waiting)
        )

    def _feed(self) -> Iterator[Metric]:
        stats = self._stats
        yield _counter(
            "pod_index_listings",
            "Complete listings of the pods, by what made them necessary.",
            "reason",
            stats.listings,
        )
        yield _histogram(
            "pod_index_listing_duration_seconds",
            "From the request of a complete listing until its last pod was read,"
            " by mode: a streaming list, or in pages (chunked).",
            "mode",
            stats.listing_durations,
        )
        yield _counter(
            "pod_index_listing_failures",
            "Attempts to list the pods that failed, by what the API server did.",
            "reason",
            stats.listing_failures,
        )
        yield _counter(
            "pod_index_watch_restarts",
            "Watches that ended or could not be opened, by the reason; ended is the regular one, every few minutes.",
            "reason",
            stats.watch_restarts,
        )
        yield _counter(
            "pod_index_events", "Events of the watches, without the pods of listings, by type.", "type", stats.events
        )
        lag = HistogramMetricFamily(
            "pod_index_event_lag_seconds",
            "From when a change was read from the connection until it was in the index."
            " How long it was on its way until then cannot be measured here.",
            unit="seconds",
        )
        lag.add_metric([], *_cumulated(stats.event_lags))
        yield lag

    def _clients(self) -> Iterator[Metric]:
        yield GaugeMetricFamily("pod_index_connections", "Open connections of clients.", self._stats.connections)
        yield _counter(
            "pod_index_connections_cut",
            "Connections that were ended for what their client did, by the reason.",
            "reason",
            self._stats.connections_cut,
        )

    def _requests(self) -> Iterator[Metric]:
        stats, route = self._stats, self._lookup_route
        plain = stats.plain_lookups
        answered = sum(plain.buckets)
        lookups = CounterMetricFamily(
            "pod_index_lookups",
            "Lookups by what pods are asked for by, and by the result; each pod of many at once is one. deleted is a"
            " hit of a pod that is gone, error a lookup that was refused or broke off.",
            labels=("selector", "result"),
        )
        for (selector, result), count in stats.lookups.items():
            both = count + answered if (selector, result) == ("uid", "hit") else count
            lookups.add_metric((selector, result), both)
        yield lookups
        requests = CounterMetricFamily(
            "pod_index_requests",
            "Requests by route (other: any other path) and status code (499: the client was gone before the answer).",
            labels=("route", "code"),
        )
        for key in sorted({(route, 200), *stats.requests}):
            plain_ones = answered if key == (route, 200) else 0
            requests.add_metric((key[0], str(key[1])), stats.requests.get(key, 0) + plain_ones)
        yield requests
        durations = dict(sorted(stats.request_durations.items()))
        durations[route] = _together(plain, durations.get(route, Histogram(REQUEST_SECONDS)))
        yield _histogram(
            "pod_index_request_duration_seconds",
            "From when the server handed over the request until it was given the answer, by route."
            " What wait= waits is part of it; what sockets take is not.",
            "route",
            durations,
        )


def _counter(name: str, text: str, label: str, stats: Mapping[str, int]) -> Metric:
    family = CounterMetricFamily(name, text, labels=(label,))
    for value, count in stats.items():
        family.add_metric((value,), count)
    return family


def _histogram(name: str, text: str, label: str, durations: Mapping[str, Histogram]) -> Metric:
    family = HistogramMetricFamily(name, text, labels=(label,), unit="seconds")
    for value, of_value in durations.items():
        family.add_metric((value,), *_cumulated(of_value))
    return family


def _cumulated(durations: Histogram) -> tuple[list[tuple[str, float]], float]:
    """Return the buckets as Prometheus has them, each with all that is less, and the sum."""
    buckets: list[tuple[str, float]] = []
    total = 0
    for bound, count in zip((*map(str, durations.bounds), "+Inf"), durations.buckets, strict=True):
        total += count
        buckets.append((bound, total))
    return buckets, durations.seconds


def _together(one: Histogram, other: Histogram) -> Histogram:
    both = Histogram(one.bounds)
    both.buckets = [left + right for left, right in zip(one.buckets, other.buckets, strict=True)]
    both.seconds = one.seconds + other.seconds
    return both


def _prefers_openmetrics(accept: str) -> bool:
    """Tell whether OpenMetrics is asked for, in a version that is spoken here, at least as much as text.

    https://www.rfc-editor.org/rfc/rfc9110#section-12.5.1
    """
    weights = {OPENMETRICS: 0.0, "text/plain": 0.0}
    for entry in accept.split(","):
        media_type, *parameters = (part.strip().lower() for part in entry.split(";"))
        values = dict(parameter.partition("=")[::2] for parameter in parameters)
        version = values.get("version", "1.0.0").strip('"')
        if media_type == "text/plain" or (media_type == OPENMETRICS and version in {"1.0.0", "0.0.1"}):
            weights[media_type] = max(weights[media_type], _weight(values.get("q", "1")))
    return 0 < weights[OPENMETRICS] >= weights["text/plain"]


def _weight(text: str) -> float:
    """Read a quality value; what is none does not count."""
    try:
        return float(text)
    except ValueError:
        return 0.0
