"""Lists over HTTP: pages, snapshots, versions."""

from typing import Any

import httpx
import pytest

from tests.apiserver import ApiServer, Fault, make_pod
from tests.apiserver.listing import encode_continue
from tests.apiserver.statuses import INCONSISTENT_CONTINUE

PODS = "/api/v1/pods"


def names(response: httpx.Response) -> list[str]:
    assert response.status_code == 200, response.text
    return [item["metadata"]["name"] for item in response.json()["items"]]


def refused(response: httpx.Response, code: int) -> dict[str, Any]:
    status: dict[str, Any] = response.json()
    assert (response.status_code, status["kind"], status["code"]) == (code, "Status", code)
    return status


@pytest.fixture
def five(server: ApiServer) -> ApiServer:
    server.pods.load(make_pod(f"pod-{index}", "ab"[index % 2]) for index in range(5))
    return server


def test_an_empty_list_has_a_version_and_no_items(server: ApiServer, http: httpx.Client) -> None:
    body = http.get(PODS).json()
    assert body["items"] == []
    assert body["metadata"] == {"resourceVersion": str(server.pods.resource_version)}
    assert (body["kind"], body["apiVersion"]) == ("PodList", "v1")


def test_a_list_covers_the_cluster_or_a_namespace(five: ApiServer, http: httpx.Client) -> None:
    everywhere = http.get(PODS)
    assert names(everywhere) == ["pod-0", "pod-2", "pod-4", "pod-1", "pod-3"]
    assert set(everywhere.json()["items"][0]) == {"metadata", "spec", "status"}, "no kind, as on the real server"
    assert names(http.get("/api/v1/namespaces/b/pods")) == ["pod-1", "pod-3"]
    assert names(http.get("/api/v1/namespaces/none/pods")) == []


def test_pages_make_up_the_list(five: ApiServer, http: httpx.Client) -> None:
    query: dict[str, str] = {"limit": "2"}
    seen: list[str] = []
    while True:
        page = http.get(PODS, params=query)
        seen += names(page)
        metadata = page.json()["metadata"]
        if "continue" not in metadata:
            break
        query["continue"] = metadata["continue"]
    assert seen == ["pod-0", "pod-2", "pod-4", "pod-1", "pod-3"]


def test_pages_show_the_state_of_the_first_one(five: ApiServer, http: httpx.Client) -> None:
    first = http.get(PODS, params={"limit": 1})
    five.pods.delete("a", "pod-2")
    five.pods.create(make_pod("pod-3a", "b"))
    second = http.get(PODS, params={"continue": first.json()["metadata"]["continue"]})
    assert names(second) == ["pod-2", "pod-4", "pod-1", "pod-3"]
    assert second.json()["metadata"] == {"resourceVersion": first.json()["metadata"]["resourceVersion"]}


def test_a_continue_token_expires_with_compaction(five: ApiServer, http: httpx.Client) -> None:
    first = http.get(PODS, params={"limit": 3})
    five.pods.compact()
    status = refused(http.get(PODS, params={"continue": first.json()["metadata"]["continue"]}), 410)
    assert (status["reason"], status["message"]) == ("Expired", INCONSISTENT_CONTINUE)


def test_the_410_has_a_token_that_goes_on_without_consistency(five: ApiServer, http: httpx.Client) -> None:
    first = http.get(PODS, params={"limit": 3})
    five.pods.delete("b", "pod-1")
    five.pods.compact()
    expired = http.get(PODS, params={"continue": first.json()["metadata"]["continue"]}).json()
    rest = http.get(PODS, params={"continue": expired["metadata"]["continue"]})
    assert names(rest) == ["pod-3"]
    assert rest.json()["metadata"]["resourceVersion"] == str(five.pods.resource_version)


def test_a_continue_token_expires_when_the_history_is_full(connect: Any) -> None:
    with ApiServer(history_limit=3) as server:
        server.pods.load(make_pod(f"pod-{index}") for index in range(3))
        http = connect(server)
        token = http.get(PODS, params={"limit": 1}).json()["metadata"]["continue"]
        server.pods.load(make_pod(f"later-{index}") for index in range(3))
        assert names(http.get(PODS, params={"continue": token})) == ["pod-1", "pod-2"]
        server.pods.create(make_pod("one-too-many"))
        refused(http.get(PODS, params={"continue": token}), 410)


def test_the_next_continue_token_expires_on_demand(five: ApiServer, http: httpx.Client) -> None:
    fault = five.faults.add(Fault(expire_continue=True, times=1))
    first = http.get(PODS, params={"limit": 3})
    query = {"continue": first.json()["metadata"]["continue"]}
    assert refused(http.get(PODS, params=query), 410)["message"] == INCONSISTENT_CONTINUE
    assert names(http.get(PODS, params=query)) == ["pod-1", "pod-3"]
    assert fault.applied == 1


def test_a_list_can_be_of_an_exact_version(five: ApiServer, http: httpx.Client) -> None:
    then = five.pods.resource_version
    five.pods.delete("a", "pod-0")
    exact = http.get(PODS, params={"resourceVersion": then, "resourceVersionMatch": "Exact"})
    assert len(names(exact)) == 5
    assert exact.json()["metadata"]["resourceVersion"] == str(then)
    # With a limit and without a match, the version is exact.
    assert names(http.get(PODS, params={"resourceVersion": then, "limit": 1})) == ["pod-0"]
    five.pods.compact()
    status = refused(http.get(PODS, params={"resourceVersion": then, "resourceVersionMatch": "Exact"}), 410)
    assert status["message"] == "The resourceVersion for the provided list is too old."


def test_a_list_not_older_than_a_version_shows_the_latest(five: ApiServer, http: httpx.Client) -> None:
    then = five.pods.resource_version
    five.pods.delete("a", "pod-0")
    five.pods.compact()
    for query in ({"resourceVersionMatch": "NotOlderThan"}, {}):
        assert len(names(http.get(PODS, params={"resourceVersion": then, **query}))) == 4


def test_any_version_ignores_the_limit(five: ApiServer, http: httpx.Client) -> None:
    assert len(names(http.get(PODS, params={"resourceVersion": "0", "limit": 2}))) == 5


@pytest.mark.parametrize("match", ["", "Exact", "NotOlderThan"])
def test_a_list_of_a_future_version_is_a_504(five: ApiServer, http: httpx.Client, match: str) -> None:
    current = five.pods.resource_version
    query = {"resourceVersion": current + 1} | ({"resourceVersionMatch": match} if match else {})
    response = http.get(PODS, params=query)
    status = refused(response, 504)
    assert f"Too large resource version: {current + 1}, current: {current}" in status["message"]
    assert status["reason"] == "Timeout"
    assert status["details"]["causes"][0]["reason"] == "ResourceVersionTooLarge"
    assert response.headers["retry-after"] == "1"


@pytest.mark.parametrize(
    ("query", "code", "message"),
    [
        ({"resourceVersion": "new"}, 400, 'Invalid value: "new"'),
        ({"continue": "?"}, 400, "continue key is not valid"),
        ({"continue": encode_continue(1, "a"), "resourceVersion": "1"}, 400, "not allowed when using continue"),
        (
            {"continue": encode_continue(1, "a"), "resourceVersionMatch": "Exact"},
            422,
            "resourceVersionMatch is forbidden when continue is provided",
        ),
        ({"resourceVersionMatch": "Exact"}, 422, "forbidden unless resourceVersion is provided"),
        ({"sendInitialEvents": "true"}, 422, "sendInitialEvents is forbidden for list"),
    ],
)
def test_invalid_parameters_are_refused(http: httpx.Client, query: dict[str, str], code: int, message: str) -> None:
    assert message in refused(http.get(PODS, params=query), code)["message"]
