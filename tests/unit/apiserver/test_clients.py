"""The official Python client, which decodes everything into its own models."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from kubernetes import client, config, watch
from kubernetes.client.exceptions import ApiException

from tests.apiserver import ApiServer, Rule, make_pod, realistic_pod

Core = Any


def connected(server: ApiServer, token: str | None = None) -> Any:
    return config.new_client_from_config_dict(yaml.safe_load(server.kubeconfig(token)))


@pytest.fixture(params=[False, True], ids=["http", "https"])
def tls_server(request: pytest.FixtureRequest) -> Iterator[ApiServer]:
    with ApiServer(tls=request.param, termination_seconds=0.05) as server:
        yield server


@pytest.fixture
def core(tls_server: ApiServer) -> Iterator[Core]:
    with connected(tls_server) as api:
        yield client.CoreV1Api(api)


def test_the_client_lists_in_chunks(tls_server: ApiServer, core: Core) -> None:
    tls_server.pods.load(realistic_pod(index) for index in range(7))
    seen, token = [], None
    while token != "":
        page = core.list_pod_for_all_namespaces(limit=3, _continue=token)
        seen += [pod.metadata.uid for pod in page.items]
        token = page.metadata._continue or ""
    assert set(seen) == set(tls_server.pods.pods())
    assert len(seen) == 7


def test_the_client_creates_patches_and_deletes(tls_server: ApiServer, core: Core) -> None:
    created = core.create_namespaced_pod("default", make_pod("web", labels={"app": "web"}))
    patched = core.patch_namespaced_pod("web", "default", {"metadata": {"labels": {"tier": "front"}}})
    assert patched.metadata.labels == {"app": "web", "tier": "front"}
    assert patched.metadata.uid == created.metadata.uid
    core.patch_namespaced_pod_status("web", "default", {"status": {"phase": "Running"}})
    assert core.read_namespaced_pod("web", "default").status.phase == "Running"
    patched = core.read_namespaced_pod("web", "default")
    patched.metadata.labels = {"app": "replaced"}
    core.replace_namespaced_pod("web", "default", patched)
    with pytest.raises(ApiException) as conflict:
        core.replace_namespaced_pod("web", "default", patched)
    assert conflict.value.status == 409
    core.delete_namespaced_pod("web", "default")
    assert len(tls_server.pods) == 0


def test_the_client_watches(tls_server: ApiServer, core: Core) -> None:
    tls_server.pods.create(make_pod("web"))
    version = core.list_pod_for_all_namespaces().metadata.resource_version
    tls_server.pods.delete("default", "web")
    tls_server.pods.create(make_pod("api"))
    follow = watch.Watch()
    told = []
    for event in follow.stream(core.list_pod_for_all_namespaces, resource_version=version, timeout_seconds=20):
        told.append((event["type"], event["object"].metadata.name))
        if len(told) == 2:
            follow.stop()
    assert told == [("DELETED", "web"), ("ADDED", "api")]


def test_the_client_is_told_that_a_version_is_too_old(tls_server: ApiServer, core: Core) -> None:
    tls_server.pods.compact()
    with pytest.raises(ApiException) as expired:
        list(watch.Watch().stream(core.list_pod_for_all_namespaces, resource_version="1", timeout_seconds=20))
    assert expired.value.status == 410


def test_the_client_is_told_what_it_may_not(tls_server: ApiServer) -> None:
    token = tls_server.access.issue_token("x", [Rule(["get"])])
    with connected(tls_server, token) as api, pytest.raises(ApiException) as refused:
        client.CoreV1Api(api).list_pod_for_all_namespaces()
    assert refused.value.status == 403
    with connected(tls_server, "wrong") as api, pytest.raises(ApiException) as unknown:
        client.CoreV1Api(api).list_pod_for_all_namespaces()
    assert unknown.value.status == 401
