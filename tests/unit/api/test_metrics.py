"""``/metrics``."""

import asyncio
import configparser
import math
import platform
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import prometheus_client
import pytest
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families

import pod_index
from pod_index.api import metrics
from pod_index.api.authentication import Authenticator, Login
from pod_index.informer import errors
from pod_index.informer.json_wire import Added, Bookmark, Deleted, Modified
from pod_index.stats import API_FAILURES, EVENTS, REQUEST_SECONDS, RESULTS, SELECTORS, Histogram, Stats
from pod_index.store.index import PodIndex
from tests.support.served import CONTAINER_ID, UID, change, example_pod, served, simple_pod, synced_index

GONE = "00000000-0000-0000-0000-00000000dead"
TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
    "application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,"
    "text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
)

Samples = dict[tuple[str, frozenset[str]], float]


def parsed(text: str) -> Samples:
    """The samples by name and label values."""
    return {
        (sample.name, frozenset(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def scrape(client: httpx.AsyncClient) -> Samples:
    answer = await client.get("/metrics")
    assert (answer.status_code, answer.headers["content-type"]) == (200, TEXT)
    return parsed(answer.text)


def value(samples: Samples, name: str, *labels: str) -> float:
    return samples[f"pod_index_{name}", frozenset(labels)]


@pytest.fixture
def index() -> PodIndex:
    index = synced_index(example_pod(), simple_pod(GONE, name="gone"))
    index.delete(change(simple_pod(GONE, 2, name="gone")))
    return index


@pytest.fixture
async def client(index: PodIndex) -> AsyncIterator[httpx.AsyncClient]:
    async with served(index, age=2.5) as client:
        yield client


async def test_connections_and_the_reasons_of_their_end_are_exported() -> None:
    stats = Stats()
    stats.connections = 3
    stats.connections_cut["slow"] += 2
    async with served(synced_index(), stats=stats) as client:
        samples = await scrape(client)
    assert value(samples, "connections") == 3
    assert value(samples, "connections_cut_total", "slow") == 2
    assert value(samples, "connections_cut_total", "unread") == 0


# ---- the state


async def test_the_current_state_is_exported(client: httpx.AsyncClient, index: PodIndex) -> None:
    samples = await scrape(client)
    assert value(samples, "pods") == 1
    assert value(samples, "deleted_pods") == 1
    assert value(samples, "synced") == 1
    assert value(samples, "age_seconds") == 2.5
    assert value(samples, "waiters") == 0
    assert value(samples, "build_info", pod_index.__version__, platform.python_version())


async def test_there_is_no_age_before_the_first_confirmation() -> None:
    async with served(PodIndex(), age=None) as client:
        samples = await scrape(client)
    assert value(samples, "synced") == value(samples, "pods") == 0
    assert ("pod_index_age_seconds", frozenset()) not in samples


async def test_expired_pods_are_not_counted_as_deleted() -> None:
    now = 1_000.0
    index = synced_index(example_pod(), retention_seconds=60.0, now=lambda: now)
    index.delete(change(example_pod(2)))
    async with served(index) as client:
        samples = await scrape(client)
        assert value(samples, "deleted_pods") == 1
        assert value(samples, "deleted_pods_bytes") > 500
        now += 61
        samples = await scrape(client)
        assert value(samples, "deleted_pods") == value(samples, "deleted_pods_bytes") == 0


async def test_waiting_lookups_are_counted(client: httpx.AsyncClient) -> None:
    waiting = asyncio.create_task(client.get("/api/v1/pod?uid=U&wait=1s"))
    for _ in range(3):
        await asyncio.sleep(0)  # The request has to reach its wait.
    assert value(await scrape(client), "waiters") == 1
    await waiting
    samples = await scrape(client)
    assert value(samples, "waiters") == 0
    assert value(samples, "lookups_total", "uid", "miss") == 1
    assert value(samples, "request_duration_seconds_bucket", "/api/v1/pod", "0.1") == 0
    assert value(samples, "request_duration_seconds_count", "/api/v1/pod") == 1


def test_the_version_is_that_of_the_package() -> None:
    setup = configparser.ConfigParser()
    setup.read(Path(__file__).parents[3] / "setup.cfg")
    assert pod_index.__version__ == setup["metadata"]["version"]


async def test_metrics_of_the_process_and_of_python_are_exported(client: httpx.AsyncClient) -> None:
    names = {name for name, _ in await scrape(client)}
    assert {"process_resident_memory_bytes", "process_cpu_seconds_total", "python_info"} <= names
    assert {name for name in names if not name.startswith("pod_index_")} == {
        sample.name for family in prometheus_client.REGISTRY.collect() for sample in family.samples
    }


async def test_open_files_are_not_counted_for_each_scrape(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (await scrape(client))["process_open_fds", frozenset()]
    with socket.socket():
        assert (await scrape(client))["process_open_fds", frozenset()] == before
        monkeypatch.setattr(metrics, "PROCESS_SECONDS", 0.0)
        assert (await scrape(client))["process_open_fds", frozenset()] == before + 1


# ---- lookups


@pytest.mark.parametrize(
    ("query", "selector", "result"),
    [
        (f"uid={UID}", "uid", "hit"),
        (f"uid={UID}&includeDeleted=true", "uid", "hit"),
        (f"uid={GONE}&includeDeleted=true", "uid", "deleted"),
        (f"uid={GONE}", "uid", "miss"),
        (f"uid={UID}&wait=x", "uid", "error"),
        (f"id={UID}", "id", "hit"),
        ("id=default/gone&includeDeleted=1", "id", "deleted"),
        ("id=default/none", "id", "miss"),
        ("id=//", "id", "error"),
        (f"containerID={CONTAINER_ID}", "containerID", "hit"),
        ("containerID=c", "containerID", "miss"),
        ("containerID=docker://", "containerID", "error"),
        ("ip=10.244.1.5", "ip", "hit"),
        ("ip=10.0.0.1", "ip", "miss"),
        ("ip=x", "ip", "error"),
        ("namespace=default&name=example-pod", "name", "hit"),
        ("namespace=default&name=gone&includeDeleted=true", "name", "deleted"),
        ("namespace=default&name=none", "name", "miss"),
        ("namespace=default", "name", "error"),
        ("", "none", "error"),
        ("uid=U&ip=10.0.0.1", "none", "error"),
        ("uid=" + "U" * 9000, "none", "error"),
    ],
)
async def test_a_lookup_is_counted_once(query: str, selector: str, result: str, client: httpx.AsyncClient) -> None:
    answer = await client.get(f"/api/v1/pod?{query}")
    samples = await scrape(client)
    lookups = {labels: count for (name, labels), count in samples.items() if name == "pod_index_lookups_total"}
    assert {labels: count for labels, count in lookups.items() if count} == {frozenset({selector, result}): 1}
    assert value(samples, "requests_total", "/api/v1/pod", str(answer.status_code)) == 1
    assert value(samples, "request_duration_seconds_count", "/api/v1/pod") == 1
    assert value(samples, "request_duration_seconds_sum", "/api/v1/pod") > 0


async def test_a_miss_before_the_first_sync_is_an_error() -> None:
    async with served(PodIndex()) as client:
        await client.get("/api/v1/pod?uid=U")
        await client.post("/api/v1/pods/lookup", json={"ids": ["U"]})
        await client.get("/api/v1/pods?node=n")
        samples = await scrape(client)
    for selector in ("uid", "many", "list"):
        assert value(samples, "lookups_total", selector, "error") == 1, selector
        assert value(samples, "lookups_total", selector, "miss") == 0, selector


async def test_each_pod_of_a_batch_is_counted(client: httpx.AsyncClient) -> None:
    ids = [UID, "default/example-pod", GONE, "//", "10.0.0.1"]
    await client.post("/api/v1/pods/lookup?includeDeleted=true", json={"ids": ids})
    await client.post("/api/v1/pods/lookup", content=b"{")
    samples = await scrape(client)
    counted = {result: value(samples, "lookups_total", "many", result) for result in RESULTS}
    assert counted == {"hit": 2, "deleted": 1, "miss": 2, "ambiguous": 0, "error": 1}
    assert value(samples, "requests_total", "/api/v1/pods/lookup", "200") == 1
    assert value(samples, "requests_total", "/api/v1/pods/lookup", "400") == 1


async def test_a_list_with_any_pod_is_a_hit(client: httpx.AsyncClient) -> None:
    for query in ("node=node-1", "node=none", "namespace=default", ""):
        await client.get(f"/api/v1/pods?{query}")
    samples = await scrape(client)
    counted = {result: value(samples, "lookups_total", "list", result) for result in RESULTS}
    assert counted == {"hit": 2, "deleted": 0, "miss": 1, "ambiguous": 0, "error": 1}


# ---- requests


async def test_requests_are_counted_by_route_and_status(client: httpx.AsyncClient) -> None:
    for _ in range(3):
        await client.get(f"/api/v1/pod?uid={UID}")
    await client.head(f"/api/v1/pod?uid={UID}")
    await client.get("/health")
    await client.post("/ready")
    await client.get("/health/")
    await client.get("/metrics")
    samples = await scrape(client)
    counted = {labels: count for (name, labels), count in samples.items() if name == "pod_index_requests_total"}
    assert counted == {
        frozenset({"/api/v1/pod", "200"}): 4,
        frozenset({"/health", "200"}): 1,
        frozenset({"/ready", "405"}): 1,
        frozenset({"other", "404"}): 1,
        frozenset({"/metrics", "200"}): 1,
    }
    assert value(samples, "request_duration_seconds_count", "/api/v1/pod") == 4
    assert value(samples, "lookups_total", "uid", "hit") == 4


async def test_an_unauthorized_request_is_counted() -> None:
    async with served(PodIndex(), authenticator=Authenticator(Login("ann", "s3cret"), None)) as client:
        for path in ("/api/v1/pod", "/api/v1/nothing"):
            assert (await client.get(path)).status_code == 401
        samples = await scrape(client)
    for route in ("/api/v1/pod", "other"):
        assert value(samples, "requests_total", route, "401") == 1


async def test_requests_cannot_add_series(client: httpx.AsyncClient) -> None:
    for path in ("/api/v1/pod", "/api/v1/pods", "/health", "/ready", "/metrics", "/elsewhere"):
        for method in ("GET", "DELETE"):
            await client.request(method, path)
    await client.post("/api/v1/pods/lookup")
    await client.get("/api/v1/pod?uid=U")
    before = set(await scrape(client))
    for number in range(200):
        await client.get(f"/{number}/api/v1/pod")
        await client.get(f"/api/v1/pod/{number}?uid={number}")
        await client.get(f"/api/v1/pod?{number}={number}")
        await client.get(f"/api/v1/pod?uid={number}")
        await client.get(f"/api/v1/pods?node=&{number}")
        await client.request(f"METHOD{number}", "/health")
        await client.get("/metrics", headers={"Accept": f"text/plain;version={number}"})
    after = await scrape(client)
    assert set(after) == before
    assert value(after, "requests_total", "other", "404") == 402
    assert len(after) < 400


# ---- the formats


async def test_both_formats_are_valid_and_equivalent(client: httpx.AsyncClient) -> None:
    await client.get(f"/api/v1/pod?uid={UID}")
    await client.get('/"\\')
    text = await client.get("/metrics")
    of_openmetrics = await client.get("/metrics", headers={"Accept": OPENMETRICS})
    assert of_openmetrics.headers["content-type"] == OPENMETRICS
    families = list(openmetrics.text_string_to_metric_families(of_openmetrics.text))
    names = {(sample.name, *sorted(sample.labels.items())) for family in families for sample in family.samples}
    assert names == {
        (sample.name, *sorted(sample.labels.items()))
        for family in text_string_to_metric_families(text.text)
        for sample in family.samples
    } | {("pod_index_requests_total", ("code", "200"), ("route", "/metrics"))} | {
        (f"pod_index_request_duration_seconds_{part}", ("route", "/metrics")) for part in ("count", "sum")
    } | {
        ("pod_index_request_duration_seconds_bucket", ("le", bound), ("route", "/metrics"))
        for bound in (*map(str, REQUEST_SECONDS), "+Inf")
    }
    for family in families:
        if family.name.startswith("pod_index_"):
            assert family.documentation.endswith("."), family.name
            assert family.name.endswith("_seconds") == (family.unit == "seconds"), family.name


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("", TEXT),
        ("*/*", TEXT),
        ("text/plain", TEXT),
        ("text/html, */*;q=0.1", TEXT),
        (OPENMETRICS, OPENMETRICS),
        ("Application/OpenMetrics-Text", OPENMETRICS),
        ("application/openmetrics-text; version=0.0.1,text/plain;version=0.0.4;q=0.5,*/*;q=0.1", OPENMETRICS),
        (PROMETHEUS_3, OPENMETRICS),
        ("text/plain, application/openmetrics-text;q=0.5", TEXT),
        ("application/openmetrics-text;q=0", TEXT),
        ("application/openmetrics-text;version=2.0.0", TEXT),
        ("application/openmetrics-text;version=nonsense", TEXT),
        ("application/openmetrics-text;q=nonsense", TEXT),
        ("application/openmetrics-text;q=nan", TEXT),
        (";;,,=;q=1;version", TEXT),
    ],
)
async def test_accept_chooses_the_format(accept: str, content_type: str, client: httpx.AsyncClient) -> None:
    answer = await client.get("/metrics", headers={"Accept": accept})
    assert (answer.status_code, answer.headers["content-type"]) == (200, content_type)


async def test_metrics_answer_get_and_head_only(client: httpx.AsyncClient) -> None:
    assert (await client.head("/metrics")).status_code == 200
    refused = await client.post("/metrics")
    assert (refused.status_code, refused.headers["allow"]) == (405, "GET, HEAD")
    assert refused.content == b'{"error":"Method not allowed"}'


# ---- counting


def test_a_duration_counts_in_the_first_bucket_that_contains_it() -> None:
    durations = Histogram((0.1, 1.0))
    for seconds in (0.0, 0.1, 0.5, 1.0, 2.0, math.inf):
        durations.observe(seconds)
    assert (durations.buckets, durations.count) == ([2, 2, 2], 6)


async def test_buckets_are_cumulative(client: httpx.AsyncClient) -> None:
    for _ in range(5):
        await client.get(f"/api/v1/pod?uid={UID}")
    samples = await scrape(client)
    bounds = (*map(str, REQUEST_SECONDS), "+Inf")
    buckets = [value(samples, "request_duration_seconds_bucket", "/api/v1/pod", bound) for bound in bounds]
    assert buckets == sorted(buckets)
    assert buckets[-1] == 5


def test_every_error_and_event_has_a_label_value() -> None:
    classes = [found for found in vars(errors).values() if isinstance(found, type)]
    assert {error.reason for error in classes if issubclass(error, errors.ApiError)} == set(API_FAILURES)
    assert {kind.__name__.lower() for kind in (Added, Modified, Deleted, Bookmark)} == set(EVENTS)
    assert {"uid", "id", "containerID", "ip"} < set(SELECTORS)


async def test_two_applications_share_no_metrics() -> None:
    before = [family.name for family in prometheus_client.REGISTRY.collect()]
    async with served(synced_index()) as one, served(PodIndex()) as other:
        await one.get("/health")
        assert ("pod_index_requests_total", frozenset({"/health", "200"})) not in await scrape(other)
    assert [family.name for family in prometheus_client.REGISTRY.collect()] == before
