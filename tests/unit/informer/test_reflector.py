"""The stream of a reflector for given responses of the API server."""

import contextlib
import itertools
import json
import logging
from typing import Any

import pytest

from pod_index.informer.client import ApiClient
from pod_index.informer.reflector import REJECTIONS, Reflector
from pod_index.settings import Settings
from pod_index.stats import Stats
from pod_index.store.deltas import Delta, ListPage
from tests.apiserver import CUT, ApiServer, Fault, make_pod


def reflector(client: ApiClient, stats: Stats | None = None, **settings: Any) -> Reflector:
    return Reflector(client, "", Settings(**{"retry_max_seconds": 0.02, **settings}), stats or Stats())


def counted(stats: dict[str, int]) -> dict[str, int]:
    """The counters above zero."""
    return {label: count for label, count in stats.items() if count}


def event(event_type: str, name: str, version: int) -> dict[str, Any]:
    metadata = {"uid": f"uid-of-{name}", "name": name, "namespace": "default", "resourceVersion": str(version)}
    return {"type": event_type, "object": {"kind": "Pod", "metadata": metadata}}


def end_of_initial_events(version: int) -> dict[str, Any]:
    annotations = {"k8s.io/initial-events-end": "true"}
    metadata = {"resourceVersion": str(version), "annotations": annotations}
    return {"type": "BOOKMARK", "object": {"kind": "Pod", "metadata": metadata}}


def sends(*events: dict[str, Any], kind: Any = "watch", times: int | None = 1) -> Fault:
    """A fault: the next watch has these events and then ends in good order."""
    body = b"".join(json.dumps(event).encode() + b"\n" for event in events)
    return Fault(kind=kind, times=times, body=body)


def summary(item: ListPage | Delta) -> tuple[str, list[str], int | None] | tuple[str, str]:
    if isinstance(item, ListPage):
        return "begin" if item.begins else "page", [pod.metadata.name for pod in item.pods], item.complete_at
    return item.type, item.pod.metadata.name


async def take(reflector: Reflector, count: int) -> list[Any]:
    """Summaries of the first ``count`` items of a stream."""
    items: list[Any] = []
    async with contextlib.aclosing(reflector.stream()) as stream:
        async for item in stream:
            items.append(summary(item))
            if len(items) == count:
                break
    return items


async def test_changes_between_the_initial_events_and_their_end_keep_their_order(
    server: ApiServer, client: ApiClient
) -> None:
    server.faults.add(
        sends(
            event("ADDED", "a", 1),
            event("ADDED", "b", 2),
            event("DELETED", "a", 5),
            event("MODIFIED", "b", 6),
            {"type": "BOOKMARK", "object": {"kind": "Pod", "metadata": {"resourceVersion": "6"}}},
            end_of_initial_events(6),
        )
    )
    assert await take(reflector(client), 4) == [
        ("begin", [], None),
        ("page", ["a", "b"], None),
        ("DELETED", "a"),
        ("page", ["b"], 6),
    ]


async def test_the_log_shows_the_number_of_pods_when_a_listing_is_complete(
    server: ApiServer, client: ApiClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="pod_index.informer")
    server.faults.add(sends(event("ADDED", "lost", 1)))
    server.faults.add(
        sends(
            event("ADDED", "a", 1),
            event("ADDED", "b", 2),
            event("DELETED", "a", 5),
            event("MODIFIED", "b", 6),
            end_of_initial_events(6),
            event("ADDED", "c", 7),
        )
    )
    await take(reflector(client), 6)
    listed = [message for message in caplog.messages if message.startswith("Listed ")]
    assert [message.partition(" in ")[0] for message in listed] == ["Listed 1 pod"]


async def test_a_streaming_list_that_ends_early_starts_over(server: ApiServer, client: ApiClient) -> None:
    server.faults.add(sends(event("ADDED", "a", 1)))
    server.faults.add(sends(event("ADDED", "b", 2), end_of_initial_events(3)))
    assert await take(reflector(client), 3) == [("begin", [], None), ("begin", [], None), ("page", ["b"], 3)]


async def test_an_error_in_a_streaming_list_starts_it_over(server: ApiServer, client: ApiClient) -> None:
    error = {"type": "ERROR", "object": {"kind": "Status", "code": 500, "reason": "InternalError"}}
    server.faults.add(sends(event("ADDED", "a", 1), error))
    server.faults.add(sends(end_of_initial_events(3)))
    assert await take(reflector(client), 3) == [("begin", [], None), ("begin", [], None), ("page", [], 3)]


async def test_a_refused_streaming_list_costs_one_request(client: ApiClient, server: ApiServer) -> None:
    server.pods.create(make_pod("a"))
    server.faults.add(Fault(kind="watch", times=1, status=422))
    watched = reflector(client)
    assert (await take(watched, 3))[2][:2] == ("page", ["a"])
    assert (await take(watched, 2))[1][:2] == ("page", ["a"])
    assert [request.kind for request in server.requests] == ["watch", "list", "list"]


async def test_a_watch_continues_from_the_last_bookmark(client: ApiClient, server: ApiServer) -> None:
    bookmark = {"type": "BOOKMARK", "object": {"kind": "Pod", "metadata": {"resourceVersion": "70"}}}
    server.faults.add(sends(end_of_initial_events(3), event("ADDED", "a", 50), bookmark))
    server.faults.add(sends(event("MODIFIED", "a", 71)))
    assert (await take(reflector(client), 4))[2:] == [("ADDED", "a"), ("MODIFIED", "a")]
    assert server.requests[1].query["resourceVersion"] == "70"


async def test_a_watch_with_an_older_version_ends_the_stream_and_the_next_listing_resets_the_history(
    client: ApiClient, server: ApiServer
) -> None:
    server.faults.add(sends(end_of_initial_events(90), event("ADDED", "a", 95), event("ADDED", "b", 10)))
    watched = reflector(client)
    assert await take(watched, 9) == [("begin", [], None), ("page", [], 90), ("ADDED", "a")]
    async with contextlib.aclosing(watched.stream()) as stream:
        page = await anext(stream)
        assert isinstance(page, ListPage)
        assert page.history_reset


@pytest.mark.parametrize("streaming_list", [True, False])
async def test_a_listing_with_an_older_version_starts_over_and_resets_the_history(
    streaming_list: bool, client: ApiClient, server: ApiServer
) -> None:
    server.pods.replace_all([make_pod("a")], resource_version=100)
    watched = reflector(client, streaming_list=streaming_list)
    await take(watched, 2)
    server.pods.replace_all([make_pod("b")], resource_version=50)
    begins = []
    async with contextlib.aclosing(watched.stream()) as stream:
        async for page in stream:
            assert isinstance(page, ListPage)
            if page.begins:
                begins.append(page.history_reset)
            if page.complete_at is not None:
                assert page.complete_at == 50
                break
    assert begins == [False, True]


async def test_pages_in_many_parts_are_read_whole(client: ApiClient, server: ApiServer) -> None:
    names = [f"web-{number:02}" for number in range(60)]
    server.pods.load(make_pod(name, annotations={"large": name * 5_000}) for name in names)
    items = await take(reflector(client, streaming_list=False), 3)
    assert [item[0] for item in items] == ["begin", "page", "page"]
    assert items[1][1] + items[2][1] == names


async def test_a_line_that_never_ends_is_discarded(
    client: ApiClient, server: ApiServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("pod_index.informer.json_wire.FRAME_LIMIT", 1000)
    server.faults.add(Fault(kind="watch", times=1, body=b"x" * 100_000))
    server.faults.add(sends(end_of_initial_events(3)))
    with caplog.at_level(logging.WARNING):
        assert (await take(reflector(client), 3))[2] == ("page", [], 3)
    assert "a watch event of more than 1000 bytes" in caplog.text


async def test_a_failure_after_a_healthy_watch_counts_as_the_first(
    client: ApiClient, server: ApiServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("pod_index.informer.reflector.HEALTHY_WATCH_SECONDS", 0.0)
    server.pods.replace_all([], resource_version=5)
    server.faults.add(sends(end_of_initial_events(3)))
    server.faults.add(Fault(status=503, times=5))
    server.faults.add(sends(event("ADDED", "a", 9)))
    with caplog.at_level(logging.WARNING):
        await take(reflector(client), 3)
    assert [record.getMessage().partition("; attempt ")[2][:8] for record in caplog.records] == ["1 failed"] * 5


async def test_an_internal_error_is_logged_and_ends_the_stream_but_not_the_operator(
    client: ApiClient, server: ApiServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    watched = reflector(client)
    with monkeypatch.context() as patched, caplog.at_level(logging.WARNING):
        patched.setattr("pod_index.informer.json_wire.decode_events", lambda frames: 1 / 0)
        assert await take(watched, 9) == [("begin", [], None)]
    assert "Traceback" in caplog.text
    assert "ZeroDivisionError" in caplog.text
    assert len(await take(watched, 2)) == 2


async def test_a_server_that_was_unreachable_is_checked_whatever_its_first_response(
    client: ApiClient, server: ApiServer
) -> None:
    server.pods.replace_all([], resource_version=100)
    server.faults.add(Fault(kind="watch", times=1, after_events=1, watch=CUT))
    server.faults.add(Fault(status=403, times=1))
    watched = reflector(client)
    async with contextlib.aclosing(watched.stream()) as stream:
        await anext(stream)
        await anext(stream)
        server.pods.replace_all([], resource_version=50)
        assert [item async for item in stream] == [], "the stream ends, since the history was reset"


async def test_listings_in_quick_succession_are_slowed_down(client: ApiClient, server: ApiServer) -> None:
    watched = reflector(client, retry_max_seconds=0.3)
    for _ in range(4):
        await take(watched, 2)
    times = [request.time for request in server.requests]
    assert all(later - earlier >= 0.15 for earlier, later in itertools.pairwise(times))


async def test_listings_that_are_far_apart_are_not_slowed_down(
    client: ApiClient, server: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pod_index.informer.reflector.RELIST_BACKOFF_RESET_SECONDS", 0.0)
    watched = reflector(client, retry_max_seconds=3600)
    for _ in range(4):
        await take(watched, 2)  # the pauses would have grown to seconds
    assert watched.confirmed_at is not None


# ---- counters


async def test_events_are_counted_by_type_but_not_those_of_the_listing(client: ApiClient, server: ApiServer) -> None:
    bookmark = {"type": "BOOKMARK", "object": {"kind": "Pod", "metadata": {"resourceVersion": "8"}}}
    changes = [event("ADDED", "b", 4), event("MODIFIED", "b", 5), event("DELETED", "b", 6), bookmark]
    server.faults.add(sends(event("ADDED", "a", 2), end_of_initial_events(3), *changes, event("MODIFIED", "a", 9)))
    stats = Stats()
    await take(reflector(client, stats), 6)
    assert counted(stats.events) == {"added": 1, "modified": 2, "deleted": 1, "bookmark": 1}


GONE = {"type": "ERROR", "object": {"kind": "Status", "code": 410, "reason": "Expired"}}


@pytest.mark.parametrize(
    ("watches", "reason", "restarts"),
    [
        ([[end_of_initial_events(3)], [GONE]], "expired", {"ended": 1, "expired": 1}),
        ([[end_of_initial_events(90), event("ADDED", "a", 10)]], "untrusted", {"untrusted": 1}),
        ([[end_of_initial_events(3)]], "failing", {"ended": 1, "other": REJECTIONS + 1}),
    ],
    ids=["expired", "untrusted", "failing"],
)
async def test_a_listing_is_counted_by_the_reason_of_the_end_of_the_watches_before(
    watches: list[list[dict[str, Any]]],
    reason: str,
    restarts: dict[str, int],
    client: ApiClient,
    server: ApiServer,
) -> None:
    for events in watches:
        server.faults.add(sends(*events))
    if reason == "failing":
        server.faults.add(Fault(status=403, times=REJECTIONS + 1))
    server.faults.add(sends(end_of_initial_events(100)))
    stats = Stats()
    watched = reflector(client, stats)
    await take(watched, 99)
    await take(watched, 2)
    assert counted(stats.listings) == {"start": 1, reason: 1}
    assert counted(stats.watch_restarts) == restarts
    assert sum(stats.listing_durations["streaming"].buckets) == 2
    assert counted(stats.listing_failures) == {}


async def test_a_listing_after_a_reopened_stream_or_an_internal_error_is_counted_so(
    client: ApiClient, server: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    stats = Stats()
    watched = reflector(client, stats)
    await take(watched, 2)
    await take(watched, 2)
    with monkeypatch.context() as patched:
        patched.setattr("pod_index.informer.json_wire.decode_events", lambda frames: 1 / 0)
        await take(watched, 9)
    await take(watched, 2)
    assert counted(stats.listings) == {"start": 1, "reopened": 1, "fault": 1}
    assert counted(stats.listing_failures) == {"other": 1}


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ({"status": 403}, "other"),
        ({"status": 401}, "unauthorized"),
        ({"status": 410}, "expired"),
        ({"status": 422}, "rejected"),
        ({"status": 500}, "unreachable"),
        ({"body": b"nonsense\n"}, "untrusted"),
    ],
)
@pytest.mark.parametrize("streaming_list", [True, False])
async def test_failed_listings_are_counted_by_the_kind_of_failure(
    fault: dict[str, Any], reason: str, streaming_list: bool, client: ApiClient, server: ApiServer
) -> None:
    server.faults.add(Fault(times=1, **fault))
    stats = Stats()
    await take(reflector(client, stats, streaming_list=streaming_list), 3)
    assert counted(stats.listing_failures) == {reason: 1}
    assert counted(stats.listings) == {"start": 1}
    mode = "streaming" if streaming_list and reason != "rejected" else "chunked"
    assert sum(stats.listing_durations[mode].buckets) == 1
    assert counted(stats.watch_restarts) == {}
