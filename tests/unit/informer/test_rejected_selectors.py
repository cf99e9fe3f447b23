"""A selector that the API server does not support ends the process before the first sync, and never after it."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from pod_index.informer.client import ApiClient
from pod_index.informer.reflector import Reflector
from pod_index.settings import Settings
from pod_index.stats import Stats
from pod_index.store.deltas import Changes, ListPage
from tests.apiserver import ApiServer, Fault, make_pod


class Ended(BaseException):
    """The process has ended."""


def end(reason: str) -> None:
    raise Ended(reason)


def reflector(client: ApiClient, *, selector: str = "status.podIP=x", streaming_list: bool = True) -> Reflector:
    settings = Settings(retry_max_seconds=0.02, streaming_list=streaming_list, watch_field_selector=selector)
    return Reflector(client, "", settings, Stats(), end)


def rejects(kind: Any = "any", times: int | None = None) -> Fault:
    return Fault(kind=kind, status=400, message="field label not supported: status.podIP", times=times)


async def until_complete(items: AsyncIterator[ListPage | Changes]) -> list[ListPage | Changes]:
    """Return the items of a listing."""
    found = []
    async for item in items:
        found.append(item)
        if isinstance(item, ListPage) and item.complete_at is not None:
            break
    return found


@pytest.mark.parametrize("streaming_list", [True, False])
async def test_before_the_first_sync_it_ends_the_process(
    streaming_list: bool, client: ApiClient, server: ApiServer
) -> None:
    # A watch can be rejected for another reason.
    server.faults.add(rejects())
    with pytest.raises(Ended, match=r"field label not supported: status\.podIP\); check status\.podIP=x$"):
        async with contextlib.aclosing(reflector(client, streaming_list=streaming_list).stream()) as items:
            await until_complete(items)


async def test_after_the_first_sync_the_attempts_go_on(client: ApiClient, server: ApiServer) -> None:
    watched = reflector(client, selector="metadata.name=web")
    server.pods.create(make_pod("web"))
    async with contextlib.aclosing(watched.stream()) as items:
        await until_complete(items)
    rejected = server.faults.add(rejects(times=6))
    async with contextlib.aclosing(watched.stream()) as items:
        *_, page = await until_complete(items)
    assert isinstance(page, ListPage)
    assert [pod.metadata.name for pod in page.pods] == ["web"]
    assert rejected.applied == 6
