"""Watches over HTTP: where they start, what they send, when they end."""

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
    assert watcher.summary == [("ADDED", "web"), ("MODIFIED", "web"), ("DELETED", "web"), ("ADDED", "after")]
    assert [int(event["object"]["metadata"]["resourceVersion"]) for event in events] == [
        version + step for step in (1, 2, 3, 4)
    ]
    assert events[2]["object"] == deleted
    assert (events[0]["object"]["kind"], events[0]["object"]["apiVersion"]) == ("Pod", "v1")


@pytest.mark.parametrize("query", [{}, {"resourceVersion": "0"}])
def test_a_watch_without_a_version_starts_with_the_state_and_no_end_mark(
    server: ApiServer, http: httpx.Client, query: dict[str, str]
) -> None:
    server.pods.load(make_pod(name) for name in ("b", "a"))
    with Watcher(http, **query) as watcher:
        watcher.wait_for(2)
        server.pods.create(make_pod("c"))
        watcher.wait_for(3)
    assert watcher.summary == [("ADDED", "a"), ("ADDED", "b"), ("ADDED", "c")]
    assert watcher.bookmarks == []


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


def test_a_watch_from_before_the_limit_of_the_history_gets_a_410(connect: Connect) -> None:
    with ApiServer(history_limit=2) as server:
        old = server.pods.resource_version
        server.pods.load(make_pod(f"pod-{index}") for index in range(3))
        with Watcher(connect(server), resourceVersion=old) as watcher:
            watcher.wait_for_end()
            assert watcher.events[0]["object"]["code"] == 410
        with Watcher(connect(server), resourceVersion=old + 1) as watcher:
            watcher.wait_for(2)
            assert watcher.summary == [("ADDED", "pod-1"), ("ADDED", "pod-2")]


def test_an_open_watch_survives_compaction(server: ApiServer, http: httpx.Client) -> None:
    with Watcher(http, resourceVersion=server.pods.resource_version, allowWatchBookmarks="true") as watcher:
        eventually(lambda: server.open_watches == 1)
        server.pods.create(make_pod("one"))
        server.pods.compact()
        server.pods.create(make_pod("two"))
        watcher.wait_for(2)
        assert watcher.summary == [("ADDED", "one"), ("ADDED", "two")]


def test_a_watch_from_a_future_version_sends_only_later_changes(server: ApiServer, http: httpx.Client) -> None:
    version = server.pods.resource_version + 2
    with Watcher(http, resourceVersion=version, allowWatchBookmarks="true") as watcher:
        eventually(lambda: server.open_watches == 1)
        server.pods.load(make_pod(name) for name in ("skipped-1", "skipped-2", "shown"))
        watcher.wait_for(1)
        bookmark = watcher.wait_for_bookmark()
    assert watcher.summary == [("ADDED", "shown")]
    assert int(bookmark["metadata"]["resourceVersion"]) >= version


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
    types = [event["type"] for event in watcher.all_events[:301]]
    assert types == ["ADDED"] * 300 + ["BOOKMARK"]
    assert "annotations" not in later["metadata"]


def test_a_streaming_list_without_pods_is_just_its_end_mark(server: ApiServer, http: httpx.Client) -> None:
    query = {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan", "allowWatchBookmarks": "true"}
    with Watcher(http, **query) as watcher:
        assert watcher.wait_for_bookmark()["metadata"]["annotations"] == INITIAL_EVENTS_END
    assert watcher.summary == []


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
def test_invalid_parameters_are_refused(http: httpx.Client, query: dict[str, str], message: str) -> None:
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


def test_a_client_that_asks_for_bookmarks_gets_the_version_that_was_sent(server: ApiServer, http: httpx.Client) -> None:
    version = server.pods.resource_version
    with (
        Watcher(http, resourceVersion=version, allowWatchBookmarks="true") as asked,
        Watcher(http, resourceVersion=version) as silent,
    ):
        assert asked.wait_for_bookmark()["metadata"]["resourceVersion"] == str(version)
        server.pods.create(make_pod("web"))
        eventually(lambda: asked.all_events[-1]["object"]["metadata"]["resourceVersion"] == str(version + 1))
        asked.wait_for_bookmark(2)
        silent.wait_for(1)
    assert silent.bookmarks == []


def test_a_bookmark_covers_changes_outside_the_selection(server: ApiServer, http: httpx.Client) -> None:
    path = "/api/v1/namespaces/a/pods"
    with Watcher(http, path, resourceVersion=server.pods.resource_version, allowWatchBookmarks="true") as watcher:
        server.pods.create(make_pod("web", "b"))
        version = str(server.pods.resource_version)
        eventually(lambda: watcher.bookmarks and watcher.bookmarks[-1]["metadata"]["resourceVersion"] == version)
    assert watcher.summary == []


def test_a_watch_ends_cleanly_after_its_timeout(server: ApiServer, http: httpx.Client) -> None:
    with Watcher(http, timeoutSeconds=1) as watcher:
        eventually(lambda: server.open_watches == 1)
        assert watcher.wait_for_end() == "cleanly"
    eventually(lambda: server.open_watches == 0)


def test_a_watch_ends_when_its_client_disconnects(server: ApiServer, http: httpx.Client) -> None:
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
    assert watcher.summary == [("ADDED", "web"), ("MODIFIED", "web"), ("DELETED", "web"), ("ADDED", "last")]
    gone = events[2]["object"]["metadata"]
    # The last state in the selection, with the version of the change that took the pod out.
    assert (gone["labels"], gone["resourceVersion"]) == ({"app": "newer"}, str(version + 4))
