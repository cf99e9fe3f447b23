"""Selectors: the API server parses them as pod-index does, and pods enter and leave what is watched."""

import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.apiserver import make_pod
from tests.conformance.cluster import Cluster
from tests.conftest import StartOperator
from tests.support.operator_process import OperatorProcess, assert_equal
from tests.support.polling import eventually
from tests.support.selectors import (
    FIELD_SELECTORS,
    LABEL_SELECTORS,
    REJECTED_FIELDS,
    REJECTED_LABELS,
    selected_pods,
)

Get = Callable[..., dict[str, Any]]
"""Send a list request with these parameters; return the list, or raise HTTPError."""


@pytest.fixture(scope="module")
def get(shared_cluster: Cluster, token: str) -> Get:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    shared_cluster.pods.load(selected_pods())

    def get(**query: str) -> dict[str, Any]:
        url = f"https://127.0.0.1:{shared_cluster.server.port}/api/v1/pods?{urlencode(query)}"
        request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})
        with urllib.request.urlopen(request, context=context) as response:
            pods: dict[str, Any] = json.load(response)
        return pods

    return get


def names(*lists: dict[str, Any]) -> list[str]:
    """Return the names of the pods of this module."""
    pods = [pod["metadata"] for pods in lists for pod in pods["items"]]
    return sorted(pod["name"] for pod in pods if pod["namespace"] in {"sel-a", "sel-b"})


@pytest.mark.parametrize("selector", LABEL_SELECTORS)
def test_a_label_selector_selects(get: Get, selector: str) -> None:
    assert names(get(labelSelector=selector)) == LABEL_SELECTORS[selector]


@pytest.mark.parametrize("selector", FIELD_SELECTORS)
def test_a_field_selector_selects(get: Get, selector: str) -> None:
    assert names(get(fieldSelector=selector)) == FIELD_SELECTORS[selector]


@pytest.mark.parametrize(
    "query",
    [
        *({"labelSelector": selector} for selector in REJECTED_LABELS),
        *({"fieldSelector": selector} for selector in REJECTED_FIELDS),
    ],
    ids=lambda query: ascii(*query.values())[:40],
)
def test_a_malformed_selector_is_a_bad_request(get: Get, query: dict[str, str]) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        get(**query)
    with refused.value as response:
        status = json.load(response)
    assert (status["code"], status["reason"]) == (400, "BadRequest")


def test_the_server_accepts_a_field_that_no_pod_has_so_pod_index_refuses_it(get: Get) -> None:
    assert names(get(fieldSelector="status.podIPs=10.0.0.1")) == []
    assert names(get(fieldSelector="status.podIPs!=10.0.0.1")) == ["api", "web"]


@pytest.mark.parametrize("selector", FIELD_SELECTORS)
def test_a_list_from_the_watch_cache_has_the_selected_pods_and_the_version_of_all(get: Get, selector: str) -> None:
    version = get(limit="1")["metadata"]["resourceVersion"]
    pods = get(fieldSelector=selector, resourceVersion=version, resourceVersionMatch="NotOlderThan")
    assert names(pods) == FIELD_SELECTORS[selector]
    assert int(pods["metadata"]["resourceVersion"]) >= int(version)


@pytest.mark.parametrize("selector", LABEL_SELECTORS)
def test_the_pages_of_a_list_have_the_selected_pods(get: Get, selector: str) -> None:
    pages = [get(labelSelector=selector, limit="1")]
    while token := pages[-1]["metadata"].get("continue"):
        pages.append(get(labelSelector=selector, limit="1", **{"continue": token}))
    assert names(*pages) == LABEL_SELECTORS[selector]


def relabel(labels: dict[str, str]) -> Callable[[dict[str, Any]], None]:
    def change(pod: dict[str, Any]) -> None:
        pod["metadata"]["labels"] = labels

    return change


def deleted_at(operator: OperatorProcess, uid: str) -> str | None:
    status, _, body = operator.get(f"/api/v1/pod?uid={uid}&includeDeleted=true")
    return json.loads(body).get("deletedAt") if status == 200 else None


WAYS = ["streaming", "pages"]


@pytest.mark.parametrize("way", WAYS)
def test_a_pod_leaves_returns_and_is_found(
    way: str, cluster: Cluster, token: str, start_operator: StartOperator
) -> None:
    pod = cluster.pods.create(make_pod("web", labels={"app": "web"}))
    cluster.pods.create(make_pod("other", labels={"app": "other"}))
    uid = pod["metadata"]["uid"]
    streaming_list = str(way == "streaming").lower()
    operator = start_operator(cluster, token=token, WATCH_LABEL_SELECTOR="app in (web)", STREAMING_LIST=streaming_list)
    assert_equal(operator, {uid: pod})
    for cut in (False, True):
        cluster.pods.update("default", "web", relabel({"app": "left"}))
        eventually(lambda: operator.lookup(uid) is None)
        assert deleted_at(operator, uid)
        if cut:
            cluster.network.cut()
        pod = cluster.pods.update("default", "web", relabel({"app": "web", "cut": str(cut).lower()}))
        assert_equal(operator, {uid: pod})
        assert deleted_at(operator, uid) is None
    cluster.pods.delete("default", "web")
    eventually(lambda: operator.lookup(uid) is None)


@pytest.mark.parametrize("gone", ["history", "connection"])
def test_a_pod_that_left_or_returned_during_an_outage_is_noticed(
    gone: str, cluster: Cluster, token: str, start_operator: StartOperator
) -> None:
    leaves = cluster.pods.create(make_pod("leaves", labels={"app": "web"}))["metadata"]["uid"]
    returns = cluster.pods.create(make_pod("returns", labels={"app": "web"}))["metadata"]["uid"]
    operator = start_operator(cluster, token=token, WATCH_LABEL_SELECTOR="app=web")
    operator.wait_until_ready()
    eventually(lambda: operator.lookup(leaves) and operator.lookup(returns))
    cluster.pods.update("default", "returns", relabel({}))
    eventually(lambda: operator.lookup(returns) is None)
    with cluster.cut_off():
        cluster.pods.update("default", "leaves", relabel({}))
        returned = cluster.pods.update("default", "returns", relabel({"app": "web"}))
        if gone == "history":
            cluster.forget_history()
    assert_equal(operator, {returns: returned})


@pytest.mark.parametrize("way", WAYS)
def test_all_selectors_apply_together(way: str, cluster: Cluster, token: str, start_operator: StartOperator) -> None:
    for namespace in ("one", "two", "three"):
        for node in ("n1", "n2"):
            pod = make_pod(f"web-{node}", namespace, node=node, phase="Running", labels={"app": "web"})
            cluster.pods.create(pod)
    cluster.pods.create(make_pod("pending", "one", labels={"app": "web"}))
    cluster.pods.create(make_pod("finished", "one", node="n1", phase="Succeeded", labels={"app": "web"}))
    cluster.pods.create(make_pod("api", "one", node="n1", phase="Running", labels={"app": "api"}))
    operator = start_operator(
        cluster,
        token=token,
        WATCH_LABEL_SELECTOR="app in (web, db),app!=api",
        WATCH_FIELD_SELECTOR="status.phase!=Succeeded",
        WATCH_NODE="n1",
        EXCLUDE_NAMESPACES="two, three",
        STREAMING_LIST=str(way == "streaming").lower(),
    )
    wanted = {uid: pod for uid, pod in cluster.pods.pods().items() if pod["metadata"]["name"] == "web-n1"}
    wanted = {uid: pod for uid, pod in wanted.items() if pod["metadata"]["namespace"] == "one"}
    assert len(wanted) == 1
    assert_equal(operator, wanted)
    assert operator.warnings() == []


def test_a_pod_of_the_node_is_found_from_its_binding_on(
    cluster: Cluster, token: str, start_operator: StartOperator
) -> None:
    pod = cluster.pods.create(make_pod("web"))
    operator = start_operator(cluster, token=token, WATCH_NODE="n1")
    operator.wait_until_ready()
    assert operator.lookup(pod["metadata"]["uid"]) is None

    def schedule(pod: dict[str, Any]) -> None:
        pod["spec"]["nodeName"] = "n1"

    bound = cluster.pods.update("default", "web", schedule)
    assert_equal(operator, {pod["metadata"]["uid"]: bound})
