"""The requests for a page and for a watch, and how their failures are classified."""

import json
from typing import Any

import pytest

from pod_index.informer.client import ApiClient
from pod_index.informer.errors import ApiError, Expired, InconsistentResponse
from pod_index.informer.json_wire import Added
from pod_index.informer.listwatch import ListWatch
from tests.apiserver import ApiServer, Fault, make_pod
from tests.kubernetes import TcpProxy
from tests.unit.conftest import logged_in


@pytest.fixture
def pods(client: ApiClient) -> ListWatch:
    return ListWatch(client, "", idle_seconds=5)


async def test_the_pages_of_a_listing_have_the_pods_of_the_scope(client: ApiClient, server: ApiServer) -> None:
    server.pods.load(make_pod(f"web-{number}", "team-a") for number in range(3))
    server.pods.create(make_pod("other", "team-b"))
    team = ListWatch(client, "team-a", idle_seconds=5)
    first, _ = await team.list_page(2)
    last, size = await team.list_page(2, first.metadata.continue_token)
    assert [pod.metadata.name for page in (first, last) for pod in page.items or []] == ["web-0", "web-1", "web-2"]
    assert last.metadata.continue_token is None
    assert size > 100


async def test_the_events_of_a_watch_are_those_after_its_resource_version(pods: ListWatch, server: ApiServer) -> None:
    server.pods.create(make_pod("before"))
    version = server.pods.resource_version
    server.pods.create(make_pod("after"))
    events, size = await anext(pods.watch(version))
    (event,) = events
    assert isinstance(event, Added)
    assert event.object.metadata.name == "after"
    assert size > 100
    assert pods.read_at > 0


@pytest.mark.parametrize(
    ("status", "expected", "message"),
    [
        ({"code": 410, "reason": "Expired", "message": "too old"}, Expired, "(410 Expired: too old)"),
        ({"code": 500, "reason": "Gone"}, Expired, "(500 Gone)"),
        ({"code": 500, "reason": "InternalError"}, ApiError, "ended the watch with an error (500 InternalError)"),
        ({}, ApiError, "ended the watch with an error (0)"),
    ],
)
async def test_an_error_event_raises_the_failure_that_it_reports(
    status: dict[str, Any], expected: type[ApiError], message: str, pods: ListWatch, server: ApiServer
) -> None:
    server.faults.add(Fault(kind="watch", body=json.dumps({"type": "ERROR", "object": status}).encode() + b"\n"))
    with pytest.raises(ApiError) as caught:
        await anext(pods.watch(1))
    assert type(caught.value) is expected
    assert message in str(caught.value)


async def test_a_body_that_is_not_a_list_or_an_event_is_inconsistent(pods: ListWatch, server: ApiServer) -> None:
    server.faults.add(Fault(body=b"<html>\n"))
    with pytest.raises(InconsistentResponse, match="an invalid list of pods"):
        await pods.list_page(10)
    with pytest.raises(InconsistentResponse, match="an invalid watch event"):
        await anext(pods.watch(1))


async def test_a_watch_that_ends_at_once_is_a_failure(pods: ListWatch, server: ApiServer) -> None:
    server.faults.add(Fault(kind="watch", body=b""))
    with pytest.raises(ApiError, match="ended the watch at once, without an event"):
        await anext(pods.watch(1))


async def test_the_events_before_an_error_event_are_yielded_first(pods: ListWatch, server: ApiServer) -> None:
    pod = {"metadata": {"uid": "u", "name": "web", "namespace": "default", "resourceVersion": "8"}}
    lines = [
        {"type": "ADDED", "object": pod},
        {"type": "ERROR", "object": {"code": 410}},
        {"type": "ADDED", "object": pod},
    ]
    server.faults.add(Fault(kind="watch", body=b"".join(json.dumps(line).encode() + b"\n" for line in lines)))
    watch = pods.watch(1)
    events, _ = await anext(watch)
    assert [type(event) for event in events] == [Added]
    with pytest.raises(Expired):
        await anext(watch)


async def test_the_current_version_is_that_of_one_replica_until_its_connection_is_closed(
    pods: ListWatch, server: ApiServer
) -> None:
    with ApiServer(anonymous=True) as other, TcpProxy(server.port, other.port) as balancer:
        server.pods.replace_all([], resource_version=100)
        other.pods.replace_all([], resource_version=50)
        client = await logged_in(f"http://127.0.0.1:{balancer.port}")
        balanced = ListWatch(client, "", idle_seconds=5)
        versions = [await balanced.current_version(close_connection=number == 2) for number in range(5)]
        assert versions == [100, 100, 100, 50, 50]
        await client.close()
