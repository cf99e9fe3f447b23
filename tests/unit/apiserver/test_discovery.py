"""Discovery, namespaces, and what is not there."""

from __future__ import annotations

import httpx
import pytest

from tests.apiserver import ApiServer, make_pod


def test_discovery_tells_of_pods(http: httpx.Client) -> None:
    assert http.get("/api").json()["versions"] == ["v1"]
    assert http.get("/apis").json()["groups"] == []
    resources = {resource["name"]: resource for resource in http.get("/api/v1").json()["resources"]}
    assert set(resources) == {"namespaces", "pods", "pods/status"}
    assert {"get", "list", "watch"} <= set(resources["pods"]["verbs"])
    assert http.get("/version").json()["gitVersion"].startswith("v1.")


@pytest.mark.parametrize("path", ["/healthz", "/livez", "/readyz"])
def test_the_server_is_well(http: httpx.Client, path: str) -> None:
    assert http.get(path).text == "ok"


def test_namespaces_are_those_of_the_pods_and_two_more(server: ApiServer, http: httpx.Client) -> None:
    server.pods.create(make_pod("web", "a"))
    names = [item["metadata"]["name"] for item in http.get("/api/v1/namespaces").json()["items"]]
    assert names == ["a", "default", "kube-system"]
    assert http.get("/api/v1/namespaces/a").json()["status"]["phase"] == "Active"
    missing = http.get("/api/v1/namespaces/b")
    assert (missing.status_code, missing.json()["message"]) == (404, 'namespaces "b" not found')


@pytest.mark.parametrize(
    ("method", "path", "code", "reason"),
    [
        ("GET", "/apis/apps/v1", 404, "NotFound"),
        ("GET", "/api/v1/services", 404, "NotFound"),
        ("POST", "/api/v1/pods", 405, "MethodNotAllowed"),
        ("DELETE", "/api/v1/namespaces/default/pods", 405, "MethodNotAllowed"),
    ],
)
def test_what_is_not_served_is_refused_with_a_status(
    http: httpx.Client, method: str, path: str, code: int, reason: str
) -> None:
    response = http.request(method, path)
    assert (response.status_code, response.json()["kind"], response.json()["reason"]) == (
        code,
        "Status",
        reason,
    )
