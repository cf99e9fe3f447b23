"""Concurrent writers and watchers."""

import random
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from threading import Thread
from typing import Any

import httpx
import pytest

from tests.apiserver import ApiServer, make_pod
from tests.support.polling import eventually
from tests.unit.apiserver.conftest import Connect
from tests.unit.apiserver.watcher import Watcher

WRITERS = 3
CHANGES = 100
WATCHERS = 4


def write(server: ApiServer, writer: int) -> None:
    """Create, change and delete pods whose names no other writer uses."""
    chance = random.Random(writer)
    alive: list[str] = []

    def touch(pod: dict[str, Any]) -> None:
        pod["metadata"]["labels"] = {"n": str(chance.random())}

    for number in range(CHANGES):
        action = chance.choice(("create", "update", "delete"))
        if action == "create" or not alive:
            alive.append(f"pod-{writer}-{number}")
            server.pods.create(make_pod(alive[-1]))
        elif action == "update":
            server.pods.update("default", chance.choice(alive), touch)
        else:
            server.pods.delete("default", alive.pop(chance.randrange(len(alive))))


def versions(watcher: Watcher) -> list[int]:
    return [int(event["object"]["metadata"]["resourceVersion"]) for event in watcher.events]


def has_seen(watcher: Watcher, version: int) -> bool:
    return version in versions(watcher)


def replayed(state: dict[str, str], watcher: Watcher) -> dict[str, str]:
    """The resourceVersion of each pod after a client has applied the events to a state."""
    state = dict(state)
    for event in watcher.events:
        metadata = event["object"]["metadata"]
        if event["type"] == "DELETED":
            assert metadata["name"] in state
            del state[metadata["name"]]
        elif event["type"] == "ADDED":
            assert metadata["name"] not in state
            state[metadata["name"]] = metadata["resourceVersion"]
        else:
            assert metadata["name"] in state
            state[metadata["name"]] = metadata["resourceVersion"]
    return state


def listed(response: httpx.Response) -> tuple[dict[str, str], str]:
    content = response.json()
    items = (item["metadata"] for item in content["items"])
    return {item["name"]: item["resourceVersion"] for item in items}, content["metadata"]["resourceVersion"]


@pytest.mark.parametrize("start", ["resume", "list", "stream"])
def test_watchers_that_start_during_writes_see_each_change_once_and_in_order(
    server: ApiServer, http: httpx.Client, start: str
) -> None:
    first = server.pods.resource_version
    writers = [Thread(target=write, args=(server, writer)) for writer in range(WRITERS)]
    starts: list[tuple[Watcher, dict[str, str], int]] = []
    with ExitStack() as open_watchers:
        for writer in writers:
            writer.start()
        for _ in range(WATCHERS):
            state: dict[str, str] = {}
            if start == "resume":
                since = first
                watcher = Watcher(http, resourceVersion=first)
            elif start == "list":
                state, version = listed(http.get("/api/v1/pods"))
                since = int(version)
                watcher = Watcher(http, resourceVersion=version)
            else:
                since = -1
                watcher = Watcher(
                    http,
                    sendInitialEvents="true",
                    resourceVersionMatch="NotOlderThan",
                    allowWatchBookmarks="true",
                )
            starts.append((open_watchers.enter_context(watcher), state, since))
        for writer in writers:
            writer.join()
        server.pods.create(make_pod("the-last"))
        final, version = listed(http.get("/api/v1/pods"))
        for watcher, _, _ in starts:
            eventually(partial(has_seen, watcher, int(version)))
    for watcher, state, since in starts:
        seen = versions(watcher)
        if since < 0:
            since = int(watcher.wait_for_bookmark()["metadata"]["resourceVersion"])
            seen = [number for number in seen if number > since]
        assert seen == list(range(since + 1, int(version) + 1))
        assert replayed(state, watcher) == final


def test_pages_show_one_snapshot_during_writes(server: ApiServer, connect: Connect) -> None:
    server.pods.load(make_pod(f"base-{index:03}") for index in range(100))

    def read(_: int) -> list[tuple[dict[str, str], int]]:
        http = connect(server)
        results = []
        for _ in range(5):
            found: dict[str, str] = {}
            query: dict[str, str | int] = {"limit": 7}
            while query.get("continue") != "":
                content = http.get("/api/v1/pods", params=query).json()
                found |= {item["metadata"]["name"]: item["metadata"]["resourceVersion"] for item in content["items"]}
                query["continue"] = content["metadata"].get("continue", "")
            results.append((found, int(content["metadata"]["resourceVersion"])))
        return results

    writers = [Thread(target=write, args=(server, writer)) for writer in range(WRITERS)]
    for writer in writers:
        writer.start()
    with ThreadPoolExecutor(2) as readers:
        results = [result for part in readers.map(read, range(2)) for result in part]
    for writer in writers:
        writer.join()
    http = connect(server)
    for found, version in results:
        query = {"resourceVersion": str(version), "resourceVersionMatch": "Exact"}
        assert listed(http.get("/api/v1/pods", params=query)) == (found, str(version))
