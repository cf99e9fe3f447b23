"""The stream of a reflector for given responses of the API server."""

import asyncio
import contextlib
import itertools
import json
import logging
from typing import Any

import pytest

from pod_index.informer.client import ApiClient
from pod_index.informer.reflector import Reflector
from pod_index.informer.retries import WATCH_FAILURES_MAX
from pod_index.settings import Settings
from pod_index.stats import Stats
from pod_index.store.deltas import Changes, Delta, ListPage, Progress
from tests.apiserver import CUT, END, ApiServer, Fault, RecordedRequest, WatchFault, make_pod, watch_error
from tests.support.churn import Churn
from tests.support.polling import DEADLINE_SECONDS
from tests.unit.conftest import logged_in


def reflector(client: ApiClient, stats: Stats | None = None, **settings: Any) -> Reflector:
    return Reflector(client, "", Settings(**{"retry_max_seconds": 0.02, **settings}), stats or Stats(), pytest.fail)


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


def summaries(item: ListPage | Changes) -> list[Any]:
    if isinstance(item, ListPage):
        return [("begin" if item.begins else "page", [pod.metadata.name for pod in item.pods], item.complete_at)]
    return [(delta.type, delta.pod.metadata.name) for delta in deltas(item)]


def deltas(item: ListPage | Changes) -> list[Delta]:
    """The changes of pods in one read."""
    return [] if isinstance(item, ListPage) else [change for change in item if isinstance(change, Delta)]


async def take(reflector: Reflector, count: int) -> list[Any]:
    """Summaries of the first ``count`` pages and changes of a stream."""
    items: list[Any] = []
    async with contextlib.aclosing(reflector.stream()) as stream:
        async for item in stream:
            items += summaries(item)
            if len(items) >= count:
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
    assert kinds(server) == ["streaming", "probe", "whole", "probe", "whole"]


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
    monkeypatch.setattr("pod_index.informer.retries.HEALTHY_WATCH_SECONDS", 0.0)
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
        patched.setattr("pod_index.informer.protobuf_wire.decode_events", lambda frames, **_: 1 / 0)
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
        ([[end_of_initial_events(3)]], "failing", {"ended": 1, "other": WATCH_FAILURES_MAX + 1}),
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
        server.faults.add(Fault(kind="watch", status=403, times=WATCH_FAILURES_MAX + 1))
        server.pods.replace_all([], resource_version=3)
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
        patched.setattr("pod_index.informer.protobuf_wire.decode_events", lambda frames, **_: 1 / 0)
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
    mode = "streaming" if streaming_list else "chunked"
    if streaming_list and reason == "rejected":
        mode = "whole"
    assert sum(stats.listing_durations[mode].buckets) == 1
    assert counted(stats.watch_restarts) == {}


# ---- streaming lists without their end


def is_streaming_list(request: RecordedRequest) -> bool:
    return "sendInitialEvents" in request.query


def is_resumed(request: RecordedRequest) -> bool:
    return "watch" in request.query and "resourceVersion" in request.query


def kinds(server: ApiServer) -> list[str]:
    """The requests: ``streaming``, ``watch``, ``probe`` (a list with a limit of 1), ``page`` or ``whole``."""
    result = []
    for request in server.requests:
        if request.kind == "watch":
            result.append("streaming" if is_streaming_list(request) else "watch")
        else:
            limit = request.query.get("limit")
            result.append("whole" if limit is None else "probe" if limit == "1" else "page")
    return result


@pytest.mark.parametrize("events", [0, 1, 2])
@pytest.mark.parametrize("then", [END, CUT, watch_error(504, "Timeout", "Too large resource version")])
async def test_after_two_streaming_lists_without_their_end_the_pods_come_by_a_whole_list(
    events: int, then: WatchFault, client: ApiClient, server: ApiServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.pods.load([make_pod("a"), make_pod("b"), make_pod("c")])
    server.faults.add(Fault(kind="watch", when=is_streaming_list, watch=then, after_events=events))
    stats = Stats()
    async with asyncio.timeout(DEADLINE_SECONDS):
        async with contextlib.aclosing(reflector(client, stats).stream()) as stream:
            async for item in stream:
                if isinstance(item, ListPage) and item.complete_at is not None:
                    assert [pod.metadata.name for pod in item.pods] == ["a", "b", "c"]
                    break
    assert kinds(server) == ["streaming", "probe", "streaming", "probe", "whole"]
    assert server.requests[-1].query == {
        "resourceVersion": str(server.pods.resource_version),
        "resourceVersionMatch": "NotOlderThan",
    }
    assert sum(stats.listing_failures.values()) == 2
    assert caplog.text.count("Listing the pods by a whole list, since streaming lists are unavailable") == 1


async def test_streaming_lists_that_changes_keep_open_are_replaced(
    client: ApiClient, server: ApiServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.faults.add(Fault(kind="watch", when=is_streaming_list, withhold_end=True))
    stats = Stats()
    watched = reflector(client, stats, streaming_list_seconds=1.0)
    with Churn(server.pods):
        async with asyncio.timeout(DEADLINE_SECONDS), contextlib.aclosing(watched.stream()) as stream:
            async for item in stream:
                if isinstance(item, ListPage) and item.complete_at is not None:
                    break
    assert counted(stats.listing_failures) == {"incomplete": 2}
    assert "did not complete the streaming list within 1 s (STREAMING_LIST_SECONDS)" in caplog.text


async def test_streaming_lists_that_fail_while_lists_work_are_replaced(client: ApiClient, server: ApiServer) -> None:
    server.faults.add(Fault(kind="watch", when=is_streaming_list, status=502))
    async with asyncio.timeout(DEADLINE_SECONDS):
        assert (await take(reflector(client), WATCH_FAILURES_MAX + 3))[-1][0] == "page"
    assert kinds(server)[-4:] == ["probe", "streaming", "probe", "whole"]


async def test_an_outage_does_not_end_streaming_lists(client: ApiClient, server: ApiServer) -> None:
    server.faults.add(Fault(status=502, times=10))
    async with asyncio.timeout(DEADLINE_SECONDS):
        await take(reflector(client), 12)
    assert kinds(server)[-1] == "streaming"


async def test_a_listing_that_takes_long_is_logged_once(
    client: ApiClient, server: ApiServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("pod_index.informer.reflector.SLOW_LISTING_SECONDS", 0.1)
    server.pods.create(make_pod("a"))
    server.faults.add(Fault(kind="watch", when=is_streaming_list, withhold_end=True, times=2))
    async with asyncio.timeout(DEADLINE_SECONDS):
        await take(reflector(client, streaming_list_seconds=1.0), 4)
    assert caplog.text.count("The listing is not complete after 0.1 s, ") == 1


# ---- whole lists and pages


def without_streaming_lists(server: ApiServer) -> None:
    server.faults.add(Fault(kind="watch", when=is_streaming_list, status=422))


def is_whole(request: RecordedRequest) -> bool:
    return request.kind == "list" and "limit" not in request.query


async def complete_listing(watched: Reflector) -> list[str]:
    """The names of the pods in the pages since the listing that is completed began."""
    names: list[str] = []
    async with asyncio.timeout(DEADLINE_SECONDS), contextlib.aclosing(watched.stream()) as stream:
        async for item in stream:
            assert isinstance(item, ListPage)
            names = [] if item.begins else names
            names += [pod.metadata.name for pod in item.pods]
            if item.complete_at is not None:
                return names
    raise AssertionError("the stream has ended")


@pytest.mark.parametrize("fault", [{"truncate": True}, {"status": 504, "message": "Too large resource version"}])
async def test_whole_lists_that_fail_while_lists_work_are_replaced_by_pages(
    fault: dict[str, Any], client: ApiClient, server: ApiServer, caplog: pytest.LogCaptureFixture
) -> None:
    without_streaming_lists(server)
    server.pods.load(make_pod(f"web-{number}") for number in range(3))
    server.faults.add(Fault(when=is_whole, **fault))
    assert await complete_listing(reflector(client)) == ["web-0", "web-1", "web-2"]
    assert kinds(server) == ["streaming", "probe", "whole", "probe", "whole", "page"]
    assert caplog.text.count("Listing the pods in pages, since whole lists are unavailable") == 1


async def test_an_outage_does_not_end_whole_lists(client: ApiClient, server: ApiServer) -> None:
    without_streaming_lists(server)
    watched = reflector(client)
    await complete_listing(watched)
    server.faults.add(Fault(status=502, times=5))
    await complete_listing(watched)
    assert kinds(server)[-2:] == ["probe", "whole"]


async def test_a_server_without_protobuf_and_streaming_lists_sends_pages(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="pod_index.informer")
    with ApiServer(anonymous=True, streaming_list=False, protobuf=False) as server:
        client = await logged_in(server.url)
        server.pods.create(make_pod("a"))
        assert await complete_listing(reflector(client)) == ["a"]
        await client.close()
    assert kinds(server) == ["streaming", "probe", "page"]
    assert "Listing the pods in pages, since a whole list in JSON takes too much memory" in caplog.text
    assert "in pages (JSON)" in caplog.text


@pytest.mark.parametrize("protobuf", [True, False])
async def test_where_the_second_page_is_never_available_a_whole_list_follows(
    protobuf: bool, caplog: pytest.LogCaptureFixture
) -> None:
    wanted = [f"web-{number:02}" for number in range(60)]
    with ApiServer(anonymous=True, protobuf=protobuf) as server:
        client = await logged_in(server.url)
        server.pods.load(map(make_pod, wanted))
        server.faults.add(Fault(expire_continue=True))
        stats = Stats()
        watched = reflector(client, stats, streaming_list=False)
        assert await complete_listing(watched) == wanted
        assert await complete_listing(watched) == wanted
        await client.close()
    assert kinds(server) == ["page", "page", "page", "page", "probe", "whole", "probe", "whole"]
    assert "resourceVersion" not in server.requests[-1].query, "it must not depend on the watch cache"
    assert counted(stats.listing_failures) == {"expired": 2}
    assert "page 2 of the list is not available" in caplog.text
    assert "Listing the pods by a whole list, since pages are unavailable" in caplog.text


async def test_without_pages_a_whole_list_in_json_has_a_bound_and_is_requested_ever_more_slowly(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("pod_index.informer.json_wire.FRAME_LIMIT", 20_000)
    with ApiServer(anonymous=True, protobuf=False) as server:
        client = await logged_in(server.url)
        server.pods.load(make_pod(f"web-{number}", annotations={"large": "x" * 1000}) for number in range(60))
        server.faults.add(Fault(expire_continue=True))
        stats = Stats()
        await take(reflector(client, stats, streaming_list=False, retry_max_seconds=0.2), 2 * 6)
        await client.close()
    assert stats.listing_failures["expired"] >= 2
    assert stats.listing_failures["oversized"] >= 2
    assert "a whole list in JSON of more than 20000 bytes" in caplog.text
    whole = [request.time for request in server.requests if is_whole(request)]
    assert all(later - earlier >= 0.1 for earlier, later in itertools.pairwise(whole))


# ---- protobuf


async def test_the_log_says_how_a_listing_came(
    client: ApiClient, server: ApiServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="pod_index.informer")
    await take(reflector(client), 2)
    await take(reflector(client, streaming_list=False), 2)
    without_streaming_lists(server)
    await complete_listing(reflector(client))
    listed = [message.partition(" s, ")[2] for message in caplog.messages if message.startswith("Listed ")]
    assert listed == ["by a streaming list (protobuf)", "in pages (protobuf)", "by a whole list (protobuf)"]


@pytest.mark.parametrize(
    "body", [b"<html>\n", b"k8s\0", b"k8s\0\x0a\x05\x0a\x02v2\x12\x00", (4).to_bytes(4) + b"\xff" * 4]
)
@pytest.mark.parametrize("streaming_list", [True, False])
async def test_protobuf_that_is_invalid_has_one_line_and_json_follows(
    body: bytes, streaming_list: bool, client: ApiClient, server: ApiServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.pods.create(make_pod("a"))
    server.faults.add(Fault(body=body, media_type="application/vnd.kubernetes.protobuf", when=accepts_protobuf))
    assert await complete_listing(reflector(client, streaming_list=streaming_list)) == ["a"]
    assert caplog.text.count("Requesting JSON for 300 s") == 1
    assert server.requests[-1].accept == "application/json"
    assert len(server.requests) <= 4


async def test_a_watch_in_protobuf_that_is_invalid_leads_to_a_listing_in_json(
    client: ApiClient, server: ApiServer, caplog: pytest.LogCaptureFixture
) -> None:
    watched = reflector(client)
    async with contextlib.aclosing(watched.stream()) as stream:
        async for item in stream:
            if isinstance(item, ListPage) and item.complete_at is not None:
                server.faults.garbage_line(b"garbage")
    server.pods.create(make_pod("a"))
    assert await complete_listing(watched) == ["a"]
    assert server.requests[-1].accept == "application/json"


def accepts_protobuf(request: RecordedRequest) -> bool:
    return "protobuf" in request.accept


# ---- watches that fail while lists work


@pytest.mark.parametrize("code", [500, 502, 504, 403, 404])
@pytest.mark.parametrize("as_event", [True, False])
async def test_a_watch_that_keeps_failing_while_lists_work_leads_to_a_new_listing(
    code: int, as_event: bool, client: ApiClient, server: ApiServer, caplog: pytest.LogCaptureFixture
) -> None:
    fault = Fault(kind="watch", when=is_resumed, status=None if as_event else code)
    if as_event:
        fault.watch = watch_error(code, "InternalError", "unable to transform key")
    server.faults.add(fault)
    stats = Stats()
    watched = reflector(client, stats)
    async with contextlib.aclosing(watched.stream()) as stream:
        async for item in stream:
            if isinstance(item, ListPage) and item.complete_at is not None:
                server.faults.end_watches()
    assert fault.applied == WATCH_FAILURES_MAX + 1
    await take(watched, 2)
    assert counted(stats.listings) == {"start": 1, "failing": 1}
    assert "Relisting the pods: " in caplog.text


@pytest.mark.parametrize("code", [429, 401, 502, 503])
async def test_an_outage_does_not_lead_to_a_new_listing(code: int, client: ApiClient, server: ApiServer) -> None:
    server.pods.replace_all([], resource_version=3)
    server.faults.add(sends(end_of_initial_events(3)))
    server.faults.add(Fault(status=code, times=20))
    server.faults.add(sends(event("ADDED", "a", 9)))
    stats = Stats()
    assert (await take(reflector(client, stats), 3))[-1] == ("ADDED", "a")
    assert counted(stats.listings) == {"start": 1}


@pytest.mark.parametrize("retry_after", [None, 0])
async def test_too_many_requests_do_not_lead_to_a_new_listing(
    retry_after: int | None, client: ApiClient, server: ApiServer
) -> None:
    server.pods.replace_all([], resource_version=3)
    server.faults.add(sends(end_of_initial_events(3)))
    server.faults.add(Fault(status=503, times=5))
    server.faults.add(Fault(kind="watch", status=429, times=10, retry_after=retry_after))
    server.faults.add(sends(event("ADDED", "a", 9)))
    stats = Stats()
    assert (await take(reflector(client, stats), 3))[-1] == ("ADDED", "a")
    assert counted(stats.listings) == {"start": 1}
    assert stats.watch_restarts["throttled"] == 10


# ---- watches that end early


@pytest.mark.parametrize("last", ["event", "bookmark"])
async def test_watches_that_end_in_good_order_after_an_event_are_reopened_with_pauses_and_no_warning(
    last: str, client: ApiClient, server: ApiServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.faults.add(sends(end_of_initial_events(3)))
    for version in range(4, 12):
        line = event("MODIFIED", "a", version)
        if last == "bookmark":
            line = {"type": "BOOKMARK", "object": {"kind": "Pod", "metadata": {"resourceVersion": str(version)}}}
        server.faults.add(sends(line))
    server.faults.add(sends(event("DELETED", "a", 12)))
    stats = Stats()
    async with contextlib.aclosing(reflector(client, stats, retry_max_seconds=0.1).stream()) as stream:
        async for item in stream:
            if any(delta.type == "DELETED" for delta in deltas(item)):
                break
    times = [request.time for request in server.requests]
    assert len(times) == 10
    assert times[-1] - times[0] >= 9 * 0.045
    assert counted(stats.listings) == {"start": 1}
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


async def test_watches_that_break_off_after_an_event_are_reopened_with_growing_pauses_and_few_lines(
    client: ApiClient, server: ApiServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.pods.replace_all([], resource_version=20)
    server.faults.add(sends(end_of_initial_events(3)))
    error = {"type": "ERROR", "object": {"kind": "Status", "code": 500, "reason": "InternalError"}}
    for version in range(4, 14):
        server.faults.add(sends(event("MODIFIED", "a", version), error))
    server.faults.add(sends(event("DELETED", "a", 14)))
    async with contextlib.aclosing(reflector(client, retry_max_seconds=0.1).stream()) as stream:
        items = [await anext(stream) for _ in range(13)]
    changes = [delta.type for item in items for delta in deltas(item)]
    assert changes == [*["MODIFIED"] * 10, "DELETED"]
    attempts = [message.partition("; attempt ")[2][:2] for message in caplog.messages if "; attempt " in message]
    assert attempts == ["1 ", "2 ", "4 ", "8 "]


# ---- older versions


async def test_an_older_version_of_one_response_is_discarded_if_further_reads_are_newer(
    client: ApiClient, server: ApiServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.pods.replace_all([], resource_version=95)
    server.faults.add(sends(end_of_initial_events(90), event("ADDED", "a", 95), event("ADDED", "b", 10)))
    server.faults.add(sends(event("ADDED", "c", 96)))
    stats = Stats()
    items = await take(reflector(client, stats), 4)
    assert items == [("begin", [], None), ("page", [], 90), ("ADDED", "a"), ("ADDED", "c")]
    assert counted(stats.listings) == {"start": 1}
    assert "a replica of the API server is behind (version 10 after 95)" in caplog.text


@pytest.mark.parametrize("streaming_list", [True, False])
async def test_a_listing_of_a_replica_that_is_behind_is_discarded(
    streaming_list: bool, client: ApiClient, server: ApiServer
) -> None:
    server.pods.replace_all([make_pod("a")], resource_version=100)
    watched = reflector(client, streaming_list=streaming_list)
    await take(watched, 2)
    dead = event("ADDED", "dead", 40)
    stale = {"metadata": {"resourceVersion": "50"}, "items": [dead["object"]]}
    if streaming_list:
        server.faults.add(sends(dead, end_of_initial_events(50)))
    else:
        server.faults.add(Fault(kind="list", times=2, body=json.dumps(stale).encode()))
    async with contextlib.aclosing(watched.stream()) as stream:
        pages: list[ListPage] = []
        async for page in stream:
            assert isinstance(page, ListPage)
            pages.append(page)
            if page.complete_at is not None:
                break
    assert pages[-1].complete_at == 100
    assert not any(page.history_reset for page in pages)
    if not streaming_list:
        assert [pod.metadata.name for page in pages for pod in page.pods] == ["a"]


async def test_the_changes_of_one_read_travel_together_in_order(client: ApiClient, server: ApiServer) -> None:
    server.faults.add(sends(end_of_initial_events(3)))
    server.faults.add(sends(event("ADDED", "a", 4), event("MODIFIED", "a", 5), event("DELETED", "a", 6)))
    async with contextlib.aclosing(reflector(client).stream()) as stream:
        _, _, changes = [await anext(stream) for _ in range(3)]
    assert summaries(changes) == [("ADDED", "a"), ("MODIFIED", "a"), ("DELETED", "a")]


async def test_the_same_version_for_the_event_and_its_bookmark_is_no_step_back(
    client: ApiClient, server: ApiServer
) -> None:
    bookmark = {"type": "BOOKMARK", "object": {"kind": "Pod", "metadata": {"resourceVersion": "4"}}}
    server.faults.add(sends(end_of_initial_events(3), event("ADDED", "a", 4), bookmark, event("DELETED", "a", 5)))
    assert (await take(reflector(client), 4))[2:] == [("ADDED", "a"), ("DELETED", "a")]


async def test_the_versions_of_bookmarks_travel_with_the_changes(client: ApiClient, server: ApiServer) -> None:
    bookmark = {"type": "BOOKMARK", "object": {"kind": "Pod", "metadata": {"resourceVersion": "9"}}}
    server.faults.add(sends(end_of_initial_events(3)))
    server.faults.add(sends(event("ADDED", "a", 4), bookmark))
    async with contextlib.aclosing(reflector(client).stream()) as stream:
        _, _, changes = [await anext(stream) for _ in range(3)]
    assert not isinstance(changes, ListPage)
    assert changes[1:] == [Progress(scope="", version=9)]
