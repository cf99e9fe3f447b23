"""The requests for a page and for a watch, and how their failures are classified."""

import asyncio
import contextlib
import json
from collections.abc import Iterator
from typing import Any

import pytest

from pod_index.informer import json_wire, protobuf_wire
from pod_index.informer.client import ApiClient
from pod_index.informer.errors import ApiError, BadRequest, Expired, InconsistentResponse, SelectorRejected
from pod_index.informer.json_wire import Added, Bookmark
from pod_index.informer.listwatch import ListWatch
from pod_index.informer.wire import ACCEPT, Wire
from pod_index.settings import Settings
from pod_index.store.packed_parts import PackedPod
from tests.apiserver import ApiServer, Fault, make_pod
from tests.kubernetes import TcpProxy
from tests.support.polling import DEADLINE_SECONDS
from tests.unit.conftest import logged_in


@pytest.fixture
def pods(client: ApiClient) -> ListWatch:
    return ListWatch(client, "", idle_seconds=5)


@pytest.fixture(params=[protobuf_wire, json_wire], ids=["protobuf", "json"])
def wire(request: pytest.FixtureRequest) -> Wire:
    """The encoding of the server's responses."""
    chosen: Wire = request.param
    return chosen


@pytest.fixture
def server(wire: Wire) -> Iterator[ApiServer]:
    with ApiServer(anonymous=True, protobuf=wire is protobuf_wire) as server:
        yield server


async def test_the_pages_of_a_listing_have_the_pods_of_the_scope(
    client: ApiClient, server: ApiServer, wire: Wire
) -> None:
    server.pods.load(make_pod(f"web-{number}", "team-a") for number in range(3))
    server.pods.create(make_pod("other", "team-b"))
    team = ListWatch(client, "team-a", idle_seconds=5)
    first, _ = await team.list_page(2)
    last, size = await team.list_page(2, first.metadata.continue_token)
    assert [pod.metadata.name for page in (first, last) for pod in page.items or []] == ["web-0", "web-1", "web-2"]
    assert last.metadata.continue_token is None
    assert size > 100
    assert team.wire is wire


@pytest.mark.parametrize("kept", [True, False])
async def test_pods_have_details_only_if_they_are_kept(client: ApiClient, server: ApiServer, kept: bool) -> None:
    server.pods.create(make_pod("web"))
    pods = ListWatch.from_settings(client, "", Settings(details=kept))
    page, _ = await pods.list_page(1)
    listed = list(page.items or [])
    async for part in pods.list_whole(1, from_cache=False):
        listed += part.pods
    async with contextlib.aclosing(pods.watch(None)) as reads:
        events, _ = await anext(reads)
    listed += [event.object for event in events if isinstance(event, Added)]
    assert len(listed) == 3
    assert [isinstance(pod, PackedPod) and pod.details is not None for pod in listed] == [kept] * 3


async def whole(pods: ListWatch, minimum: int = 1, *, from_cache: bool = False) -> tuple[list[str], int | None]:
    names: list[str] = []
    version = None
    async for part in pods.list_whole(minimum, from_cache=from_cache):
        names += [pod.metadata.name for pod in part.pods]
        version = part.version
    return names, version


@pytest.mark.parametrize("is_cached", [True, False])
async def test_a_whole_list_has_all_pods_and_its_version(is_cached: bool, pods: ListWatch, server: ApiServer) -> None:
    wanted = [f"web-{number:03}" for number in range(300)]
    server.pods.load(make_pod(name, annotations={"large": "x" * 2000}) for name in wanted)
    version = server.pods.resource_version
    assert await whole(pods, version, from_cache=is_cached) == (wanted, version)
    query = {"resourceVersion": str(version), "resourceVersionMatch": "NotOlderThan"} if is_cached else {}
    assert server.requests[-1].query == query


async def test_a_whole_list_of_a_server_that_is_behind_fails(pods: ListWatch, server: ApiServer) -> None:
    with pytest.raises(ApiError, match="Too large resource version"):
        await whole(pods, server.pods.resource_version + 1, from_cache=True)


async def test_a_whole_list_that_breaks_off_is_not_complete(pods: ListWatch, server: ApiServer) -> None:
    server.pods.load(make_pod(f"web-{number}") for number in range(10))
    server.faults.add(Fault(truncate=True))
    with pytest.raises(ApiError, match=r"the connection to .* was lost"):
        await whole(pods)


async def test_a_whole_list_that_is_older_than_requested_is_discarded_before_its_pods_are_used(
    pods: ListWatch, server: ApiServer
) -> None:
    server.pods.create(make_pod("a"))
    version = server.pods.resource_version
    parts = pods.list_whole(version + 1, from_cache=False)
    with pytest.raises(InconsistentResponse, match=f"a list of version {version}, older than {version + 1}"):
        await anext(parts)


async def test_a_page_instead_of_a_whole_list_is_inconsistent(pods: ListWatch, server: ApiServer) -> None:
    body = b'{"metadata":{"resourceVersion":"9","continue":"more"},"items":[]}'
    server.faults.add(Fault(body=body))
    with pytest.raises(InconsistentResponse, match="a page instead of the whole list"):
        await whole(pods)


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


async def test_protobuf_that_is_invalid_is_followed_by_requests_for_json(
    client: ApiClient, caplog: pytest.LogCaptureFixture
) -> None:
    with ApiServer(anonymous=True) as server:
        client = await logged_in(server.url)
        pods = ListWatch(client, "", idle_seconds=5)
        server.faults.add(Fault(body=b"<html>", media_type=protobuf_wire.MEDIA_TYPE, times=2))
        with pytest.raises(InconsistentResponse, match="an invalid list of pods"):
            await pods.list_page(1)
        with pytest.raises(InconsistentResponse, match="an invalid list of pods"):
            await whole(ListWatch(client, "", idle_seconds=5))
        await pods.current_version()
        await client.close()
    assert pods.wire is json_wire
    assert [request.accept for request in server.requests] == [ACCEPT, ACCEPT, "application/json"]
    assert caplog.messages == ["Requesting JSON for 300 s, since the API server's protobuf is invalid"] * 2


async def test_protobuf_is_requested_again_after_growing_pauses(
    client: ApiClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("pod_index.informer.listwatch.JSON_SECONDS", 0.01)
    monkeypatch.setattr("pod_index.informer.listwatch.JSON_MAX_SECONDS", 0.03)
    with ApiServer(anonymous=True) as server:
        client = await logged_in(server.url)
        pods = ListWatch(client, "", idle_seconds=5)
        server.faults.add(Fault(body=b"<html>", media_type=protobuf_wire.MEDIA_TYPE, times=3))
        for _ in range(3):
            with pytest.raises(InconsistentResponse):
                await pods.list_page(1)
            await asyncio.sleep(0.05)
        await pods.current_version()
        await client.close()
    assert pods.wire is protobuf_wire
    assert [request.accept for request in server.requests] == [ACCEPT] * 4
    assert [message.partition(",")[0] for message in caplog.messages] == [
        "Requesting JSON for 0.01 s",
        "Requesting JSON for 0.02 s",
        "Requesting JSON for 0.03 s",
    ]


async def test_json_that_is_invalid_leaves_protobuf_preferred(pods: ListWatch, server: ApiServer) -> None:
    server.faults.add(Fault(body=b"<html>", times=1))
    with pytest.raises(InconsistentResponse):
        await pods.list_page(1)
    await pods.list_page(1)
    assert server.requests[0].accept == server.requests[1].accept


async def test_the_changes_after_a_streaming_list_gather_and_its_initial_state_does_not(
    pods: ListWatch, server: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pod_index.informer.gathering.GATHER_SECONDS", 3600.0)
    monkeypatch.setattr("pod_index.informer.gathering.GATHER_BYTES", 1 << 30)
    server.pods.load(make_pod(f"web-{number}", annotations={"large": "x" * 2000}) for number in range(200))
    async with contextlib.aclosing(pods.watch(None)) as reads:
        async with asyncio.timeout(DEADLINE_SECONDS):
            while not any(isinstance(event, Bookmark) for event in (await anext(reads))[0]):
                pass
        server.pods.create(make_pod("new"))
        following = asyncio.ensure_future(anext(reads))
        done, _ = await asyncio.wait([following], timeout=0.2)
        assert not done
        following.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await following


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


async def test_lists_and_watches_have_the_selectors_but_the_newest_version_is_that_of_all_pods(
    client: ApiClient, server: ApiServer
) -> None:
    selectors = {"labelSelector": "app in (web, a.b),n>4", "fieldSelector": r"spec.nodeName=n1,metadata.namespace!=a\,"}
    server.pods.create(make_pod("web", node="n1", labels={"app": "web", "n": "5"}))
    version = server.pods.create(make_pod("other"))["metadata"]["resourceVersion"]
    pods = ListWatch(client, "", idle_seconds=5, selectors=selectors)
    assert await pods.current_version() == int(version)
    page, _ = await pods.list_page(5)
    events, _ = await anext(pods.watch(None))
    assert [pod.metadata.name for pod in page.items or []] == ["web"]
    assert [event.object.metadata.name for event in events if isinstance(event, Added)] == ["web"]
    assert (await whole(pods, int(version), from_cache=True))[0] == ["web"]
    probe, *selected = [request.query for request in server.requests]
    assert probe == {"limit": "1"}
    assert len(selected) == 3
    assert all(query.items() >= selectors.items() for query in selected)


@pytest.mark.parametrize("is_list", [True, False])
async def test_a_list_with_selectors_that_is_a_bad_request_names_them(
    is_list: bool, client: ApiClient, server: ApiServer
) -> None:
    pods = ListWatch(client, "", idle_seconds=5, selectors={"fieldSelector": "spec.hostNetwork=true"})
    server.faults.add(Fault(status=400, message="field label not supported: spec.hostNetwork"))
    with pytest.raises(BadRequest) as caught:
        await (pods.list_page(5) if is_list else anext(pods.watch(None)))
    assert isinstance(caught.value, SelectorRejected) == is_list
    assert str(caught.value).endswith("spec.hostNetwork); check spec.hostNetwork=true" if is_list else "Network)")


async def test_without_selectors_a_bad_request_is_no_fault_of_theirs(pods: ListWatch, server: ApiServer) -> None:
    server.faults.add(Fault(status=400, message="bad"))
    with pytest.raises(BadRequest) as caught:
        await pods.list_page(5)
    assert type(caught.value) is BadRequest
