"""Watches over HTTP: where they begin, what they send, when they end."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.apiserver import ApiServer, make_pod
from tests.support.polling import eventually
from tests.unit.apiserver.conftest import Connect
from tests.unit.apiserver.watcher import Watcher

PODS = "/api/v1/pods"
INITIAL_EVENTS_END = {"k8s.io/initial-events-end": "true"}


def set_label(server: ApiServer, value: str, name: str = "web") -> None:
    def change(pod: dict[str, Any]) -> None:
        pod["metadata"]["labels"] = {"app": value}

    server.pods.update("default", name, change)


def test_a_watch_sends_each_change_after_its_version_once(server: ApiServer, http: httpx.Client) -> None:
    server.pods.create(make_pod("before"))
    version = server.pods.resource_version
    server.pods.create(make_pod("web"))
    with Watcher(http, resourceVersion=version) as watcher:
        watcher.wait_for(1)
        set_label(server, "new")
        deleted = server.pods.delete("default", "web")
        server.pods.create(make_pod("after"))
        events = watcher.wait_for(4)
    assert watcher.told == [("ADDED", "web"), ("MODIFIED", "web"), ("DELETED", "web"), ("ADDED", "after")]
    assert [int(event["object"]["metadata"]["resourceVersion"]) for event in events] == [
        version + step for step in (1, 2, 3, 4)
    ]
    assert events[2]["object"] == deleted
    assert (events[0]["object"]["kind"], events[0]["object"]["apiVersion"]) == ("Pod", "v1")


@pytest.mark.parametrize("query", [{}, {"resourceVersion": "0"}])
def test_a_watch_from_no_version_begins_with_the_state_and_no_end_mark(
    server: ApiServer, http: httpx.Client, query: dict[str, str]
) -> None:
    server.pods.load(make_pod(name) for name in ("b", "a"))
    with Watcher(http, **query) as watcher:
        watcher.wait_for(2)
        server.pods.create(make_pod("c"))
        watcher.wait_for(3)
    assert watcher.told == [("ADDED", "a"), ("ADDED", "b"), ("ADDED", "c")]
    assert len(watcher.events) == 3


def test_a_watch_from_a_compacted_resource_version_gets_an_error_event_410(
    server: ApiServer, http: httpx.Client
) -> None:
    server.pods.create(make_pod("web"))
    old = server.pods.resource_version
    server.pods.compact()
    with Watcher(http, resourceVersion=old) as watcher:
        assert watcher.wait_for_end() == "cleanly"
    assert watcher.response.status_code == 200
    (event,) = watcher.events
    assert event["type"] == "ERROR"
    assert (event["object"]["kind"], event["object"]["code"]) == ("Status", 410)
    assert event["object"]["reason"] == "Expired"
    assert event["object"]["message"] == f"too old resource version: {old} ({server.pods.resource_version})"


def test_a_watch_that_the_history_does_not_reach_back_to_gets_a_410(connect: Connect) -> None:
    with ApiServer(history_limit=2) as server:
        old = server.pods.resource_version
        server.pods.load(make_pod(f"pod-{index}") for index in range(3))
        with Watcher(connect(server), resourceVersion=old) as watcher:
            watcher.wait_for_end()
            assert watcher.events[0]["object"]["code"] == 410
        with Watcher(connect(server), resourceVersion=old + 1) as watcher:
            watcher.wait_for(2)
            assert watcher.told == [("ADDED", "pod-1"), ("ADDED", "pod-2")]


def test_an_open_watch_survives_compaction(server: ApiServer, http: httpx.Client) -> None:
    with Watcher(http, resourceVersion=server.pods.resource_version, allowWatchBookmarks="true") as watcher:
        eventually(lambda: server.open_watches == 1)
        server.pods.create(make_pod("one"))
        server.pods.compact()
        server.pods.create(make_pod("two"))
        watcher.wait_for(2)
        assert watcher.told == [("ADDED", "one"), ("ADDED", "two")]


def test_a_watch_from_the_future_hangs_and_then_sends_only_what_is_above(server: ApiServer, http: httpx.Client) -> None:
    version = server.pods.resource_version + 2
    with Watcher(http, resourceVersion=version, allowWatchBookmarks="true") as watcher:
        eventually(lambda: server.open_watches == 1)
        server.pods.load(make_pod(name) for name in ("skipped-1", "skipped-2", "shown"))
        watcher.wait_for(1)
        bookmark = watcher.wait_for_bookmark()
    assert watcher.told == [("ADDED", "shown")]
    assert int(bookmark["metadata"]["resourceVersion"]) >= version


def test_an_open_watch_sees_only_what_happens_in_another_world(server: ApiServer, http: httpx.Client) -> None:
    server.pods.load(make_pod(f"old-{index}") for index in range(20))
    with Watcher(http, resourceVersion=server.pods.resource_version) as watcher:
        eventually(lambda: server.open_watches == 1)
        server.pods.replace_all([make_pod("other")], resource_version=5)
        server.pods.create(make_pod("new"))
        (event,) = watcher.wait_for(1)
    assert event["object"]["metadata"]["name"] == "new"
    assert event["object"]["metadata"]["resourceVersion"] == "6"


def test_a_streaming_list_ends_with_a_marked_bookmark_and_goes_on_live(server: ApiServer, http: httpx.Client) -> None:
    server.pods.load(make_pod(f"pod-{index:03}") for index in range(300))
    version = server.pods.resource_version
    query = {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan", "allowWatchBookmarks": "true"}
    with Watcher(http, **query) as watcher:
        bookmark = watcher.wait_for_bookmark()
        server.pods.create(make_pod("web"))
        watcher.wait_for(301)
        later = watcher.wait_for_bookmark(1)
    assert bookmark["metadata"]["annotations"] == INITIAL_EVENTS_END
    assert bookmark["metadata"]["resourceVersion"] == str(version)
    types = [event["type"] for event in watcher.events[:301]]
    assert types == ["ADDED"] * 300 + ["BOOKMARK"]
    assert "annotations" not in later["metadata"]


def test_a_streaming_list_of_nothing_is_just_its_end_mark(server: ApiServer, http: httpx.Client) -> None:
    query = {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan", "allowWatchBookmarks": "true"}
    with Watcher(http, **query) as watcher:
        assert watcher.wait_for_bookmark()["metadata"]["annotations"] == INITIAL_EVENTS_END
    assert watcher.told == []


def test_a_streaming_list_without_bookmarks_has_no_end_mark(server: ApiServer, http: httpx.Client) -> None:
    server.pods.create(make_pod("web"))
    query = {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan", "timeoutSeconds": "1"}
    with Watcher(http, **query) as watcher:
        watcher.wait_for_end()
    assert [event["type"] for event in watcher.events] == ["ADDED"]


def test_a_streaming_list_from_the_future_is_a_504(server: ApiServer, http: httpx.Client) -> None:
    query = {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan", "resourceVersion": "99"}
    with Watcher(http, **query) as watcher:
        watcher.wait_for_end()
    assert [event["object"]["code"] for event in watcher.events] == [504]


def test_a_watch_may_refuse_initial_events(server: ApiServer, http: httpx.Client) -> None:
    server.pods.create(make_pod("before"))
    with Watcher(http, sendInitialEvents="false", resourceVersionMatch="NotOlderThan") as watcher:
        eventually(lambda: server.open_watches == 1)
        server.pods.create(make_pod("after"))
        watcher.wait_for(1)
    assert watcher.told == [("ADDED", "after")]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        (
            {"sendInitialEvents": "true"},
            "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan",
        ),
        (
            {"resourceVersionMatch": "NotOlderThan"},
            "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided",
        ),
    ],
)
def test_parameters_that_make_no_sense_are_refused(http: httpx.Client, query: dict[str, str], message: str) -> None:
    response = http.get(PODS, params={"watch": "1", **query})
    assert response.status_code == 422
    assert message in response.json()["message"]


def test_a_server_without_streaming_lists_refuses_them(connect: Connect) -> None:
    query = {"watch": "1", "sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan"}
    with ApiServer(streaming_list=False) as server:
        response = connect(server).get(PODS, params=query)
    assert response.status_code == 422
    assert response.json()["reason"] == "Invalid"
    assert response.json()["message"] == (
        'ListOptions.meta.k8s.io "" is invalid: sendInitialEvents: Forbidden: '
        "sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled"
    )


def test_bookmarks_come_to_those_who_asked_and_tell_the_version_sent(server: ApiServer, http: httpx.Client) -> None:
    version = server.pods.resource_version
    with (
        Watcher(http, resourceVersion=version, allowWatchBookmarks="true") as asked,
        Watcher(http, resourceVersion=version) as silent,
    ):
        assert asked.wait_for_bookmark()["metadata"]["resourceVersion"] == str(version)
        server.pods.create(make_pod("web"))
        eventually(lambda: asked.events[-1]["object"]["metadata"]["resourceVersion"] == str(version + 1))
        asked.wait_for_bookmark(2)
        silent.wait_for(1)
    assert len(silent.events) == 1


def test_a_bookmark_goes_past_changes_that_are_not_for_the_watch(server: ApiServer, http: httpx.Client) -> None:
    path = "/api/v1/namespaces/a/pods"
    with Watcher(http, path, resourceVersion=server.pods.resource_version, allowWatchBookmarks="true") as watcher:
        server.pods.create(make_pod("web", "b"))
        version = str(server.pods.resource_version)
        eventually(lambda: watcher.events and watcher.events[-1]["object"]["metadata"]["resourceVersion"] == version)
    assert watcher.told == []


def test_timeout_seconds_end_a_watch_cleanly(server: ApiServer, http: httpx.Client) -> None:
    with Watcher(http, timeoutSeconds=1) as watcher:
        eventually(lambda: server.open_watches == 1)
        assert watcher.wait_for_end() == "cleanly"
    eventually(lambda: server.open_watches == 0)


def test_a_client_that_leaves_is_noticed(server: ApiServer, http: httpx.Client) -> None:
    with Watcher(http):
        eventually(lambda: server.open_watches == 1)
    eventually(lambda: server.open_watches == 0)


def test_a_pod_that_enters_or_leaves_the_selection_is_added_or_deleted(server: ApiServer, http: httpx.Client) -> None:
    server.pods.create(make_pod("web", labels={"app": "old"}))
    server.pods.create(make_pod("other", labels={"app": "old"}))
    version = server.pods.resource_version
    with Watcher(http, resourceVersion=version, labelSelector="app in (new,newer)") as watcher:
        set_label(server, "unseen")
        set_label(server, "new")
        set_label(server, "newer")
        set_label(server, "old")
        server.pods.delete("default", "other")
        server.pods.create(make_pod("last", labels={"app": "new"}))
        events = watcher.wait_for(4)
    assert watcher.told == [("ADDED", "web"), ("MODIFIED", "web"), ("DELETED", "web"), ("ADDED", "last")]
    gone = events[2]["object"]["metadata"]
    # its last state inside the selection, under the version of the change that took it out
    assert (gone["labels"], gone["resourceVersion"]) == ({"app": "newer"}, str(version + 4))


def test_a_watch_of_one_node_starts_with_its_pods(server: ApiServer, http: httpx.Client) -> None:
    server.pods.load(make_pod(f"pod-{index}", node=f"node-{index % 2}") for index in range(4))
    with Watcher(http, fieldSelector="spec.nodeName=node-1") as watcher:
        watcher.wait_for(2)
        server.pods.delete("default", "pod-0")
        server.pods.delete("default", "pod-1")
        watcher.wait_for(3)
    assert watcher.told == [("ADDED", "pod-1"), ("ADDED", "pod-3"), ("DELETED", "pod-1")]
