"""The metrics of an operator agree with what happened."""

import time

import pytest
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from tests.apiserver import ApiServer, Fault, make_pod
from tests.conftest import StartOperator
from tests.support.operator_process import OperatorProcess
from tests.support.polling import eventually

PODS = 200
Samples = dict[tuple[str, frozenset[str]], float]


def scrape(operator: OperatorProcess) -> Samples:
    status, headers, body = operator.get("/metrics")
    assert (status, headers["content-type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
    return {
        (sample.name, frozenset(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(body.decode())
        for sample in family.samples
    }


def value(operator: OperatorProcess, name: str, *labels: str) -> float:
    return scrape(operator)[f"pod_index_{name}", frozenset(labels)]


def family(operator: OperatorProcess, name: str) -> dict[str, float]:
    """The samples of a family with one label that are not 0, by the label's value."""
    found = {labels: count for (sample, labels), count in scrape(operator).items() if sample == f"pod_index_{name}"}
    return {"".join(labels): count for labels, count in found.items() if count}


@pytest.mark.parametrize("mode", ["streaming", "chunked"])
def test_changes_failures_and_lookups_are_counted(mode: str, server: ApiServer, start_operator: StartOperator) -> None:
    server.pods.load(make_pod(f"web-{number}") for number in range(PODS))
    operator = start_operator(server, STREAMING_LIST=str(mode == "streaming"))
    operator.wait_until_ready()
    assert value(operator, "pods") == PODS
    assert value(operator, "synced") == 1
    assert value(operator, "age_seconds") < 30
    assert family(operator, "listings_total") == {"start": 1}
    assert family(operator, "listing_duration_seconds_count") == {mode: 1}
    assert family(operator, "watch_restarts_total") == family(operator, "listing_failures_total") == {}
    assert family(operator, "events_total").keys() <= {"bookmark"}

    # Changes
    server.pods.create(make_pod("new"))
    for _ in range(3):
        server.pods.update("default", "new", lambda pod: pod["metadata"].update(labels={"at": str(time.time())}))
    gone = server.pods.get("default", "web-0")["metadata"]["uid"]
    server.pods.delete("default", "web-0")
    eventually(lambda: value(operator, "deleted_pods") == 1)
    assert value(operator, "pods") == PODS
    events = family(operator, "events_total")
    assert {kind: events.get(kind) for kind in ("added", "modified", "deleted")} == {
        "added": 1,
        "modified": 3,
        "deleted": 1,
    }
    assert value(operator, "event_lag_seconds_count") == 5
    # The clock of uvloop has a resolution of a millisecond.
    assert 0 <= value(operator, "event_lag_seconds_sum") < 5

    # Failures
    server.faults.cut_watches()
    eventually(lambda: family(operator, "watch_restarts_total") == {"unreachable": 1})
    # A watch that ends before its first event counts as a failure.
    server.pods.delete("default", "new")
    eventually(lambda: value(operator, "event_lag_seconds_count") == 6)
    server.faults.end_watches()
    eventually(lambda: family(operator, "watch_restarts_total") == {"unreachable": 1, "ended": 1})
    eventually(lambda: server.open_watches == 1)
    server.faults.watch_error(410, "Expired")
    eventually(lambda: family(operator, "listings_total") == {"start": 1, "expired": 1})
    assert family(operator, "watch_restarts_total") == {"unreachable": 1, "ended": 1, "expired": 1}
    assert family(operator, "listing_duration_seconds_count") == {mode: 2}

    # Lookups
    uid = server.pods.get("default", "web-1")["metadata"]["uid"]
    for query in (f"uid={uid}", f"uid={uid}", f"uid={gone}", f"uid={gone}&includeDeleted=true", "id=default/web-1"):
        operator.get(f"/api/v1/pod?{query}")
    operator.get("/elsewhere")
    assert value(operator, "lookups_total", "uid", "hit") == 2
    assert value(operator, "lookups_total", "uid", "miss") == 1
    assert value(operator, "lookups_total", "uid", "deleted") == 1
    assert value(operator, "lookups_total", "id", "hit") == 1
    assert value(operator, "requests_total", "/api/v1/pod", "200") == 4
    assert value(operator, "requests_total", "/api/v1/pod", "404") == 1
    assert value(operator, "requests_total", "other", "404") == 1
    assert family(operator, "request_duration_seconds_count")["/api/v1/pod"] == 5


def test_the_process_metrics_are_the_operators_and_openmetrics_is_valid(shared_operator: OperatorProcess) -> None:
    operator = shared_operator
    samples = scrape(operator)
    resident = samples["process_resident_memory_bytes", frozenset()]
    assert resident == pytest.approx(operator.resident_bytes, rel=0.05)
    assert operator.get("/metrics", "HEAD")[0] == 200
    status, headers, body = operator.get("/metrics", accept="application/openmetrics-text")
    assert (status, headers["content-type"]) == (200, "application/openmetrics-text; version=1.0.0; charset=utf-8")
    assert "pod_index_pods" in {family.name for family in openmetrics.text_string_to_metric_families(body.decode())}


def test_listings_that_fail_before_the_first_sync_are_counted(server: ApiServer, start_operator: StartOperator) -> None:
    server.faults.add(Fault(status=403))
    operator = start_operator(server)
    operator.wait_until_listening()
    eventually(lambda: family(operator, "listing_failures_total").keys() == {"other"})
    assert value(operator, "synced") == value(operator, "pods") == 0
    assert ("pod_index_age_seconds", frozenset()) not in scrape(operator)
    assert operator.get("/api/v1/pod?uid=U")[0] == 503
    assert value(operator, "requests_total", "/api/v1/pod", "503") == 1
