"""When a watch is read."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from pod_index.informer import gathering
from pod_index.informer.gathering import GATHER_BYTES, GatheringContent


class Connection:
    """A body whose reads return all bytes that have come since the last one."""

    def __init__(self) -> None:
        self._received = b""
        self._came = asyncio.Event()

    def receive(self, content: bytes) -> None:
        self._received += content
        self._came.set()

    async def iter_any(self) -> AsyncIterator[bytes]:
        while True:
            await self._came.wait()
            self._came.clear()
            content, self._received = self._received, b""
            yield content


async def next_read(content: GatheringContent) -> "asyncio.Task[bytes]":
    """Begin to read, and return once the read waits or is done."""
    read = asyncio.create_task(content.__anext__())
    await asyncio.wait([read], timeout=0.05)
    return read


@pytest.fixture
def connection(monkeypatch: pytest.MonkeyPatch) -> Connection:
    monkeypatch.setattr(gathering, "GATHER_SECONDS", 0.5)
    return Connection()


async def test_a_change_after_a_quiet_moment_is_read_at_once(connection: Connection) -> None:
    content = GatheringContent(connection, gathers=True)
    connection.receive(b"a")
    assert (await next_read(content)).done()


async def test_the_changes_soon_after_a_read_are_read_together(connection: Connection) -> None:
    content = GatheringContent(connection, gathers=True)
    connection.receive(b"a")
    await anext(content)
    connection.receive(b"b")
    read = await next_read(content)
    assert not read.done()
    connection.receive(b"c")
    assert await read == b"bc"


async def test_the_read_after_a_large_one_does_not_wait(connection: Connection) -> None:
    content = GatheringContent(connection, gathers=True)
    connection.receive(b"a" * GATHER_BYTES)
    await anext(content)
    connection.receive(b"b")
    assert (await next_read(content)).done()


async def test_reads_of_a_listing_do_not_wait(connection: Connection) -> None:
    content = GatheringContent(connection, gathers=False)
    connection.receive(b"a")
    await anext(content)
    connection.receive(b"b")
    assert (await next_read(content)).done()
