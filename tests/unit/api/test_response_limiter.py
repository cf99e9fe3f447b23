"""Long responses: a bounded number in progress, computed one at a time."""

import asyncio
from collections.abc import Sequence
from typing import Any

import httpx
import pytest
from starlette.types import Message

from pod_index.api.app import create_app
from pod_index.api.response_limiter import RESPONSES_MAX, ResponseLimiter
from pod_index.api.responses import RequestError
from pod_index.settings import Settings
from tests.support.polling import DEADLINE_SECONDS, eventually_true
from tests.support.served import http_scope, served, simple_pod, synced_index

LIST = ("GET", "/api/v1/pods?namespace=default", b"")
BATCH = ("POST", "/api/v1/pods/lookup", b'{"ids": ["default/web"]}')


class Reader:
    """A client that reads nothing of its response until ``go_on`` is set, or its connection is aborted."""

    def __init__(self, app: Any, method: str, path: str, body: bytes, *, abortable: bool = False) -> None:
        self.go_on = asyncio.Event()
        self.sent: list[Message] = []
        path, _, query = path.partition("?")
        self._request: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]
        self.aborted = False
        self.pause_seconds: float | None = None
        scope = http_scope(path, query.encode(), method)
        if abortable:
            scope["state"] = {"abort": self._abort}
        self.asking = asyncio.create_task(app(scope, self._receive, self._send))

    async def _receive(self) -> Message:
        if not self._request:
            await asyncio.sleep(3600)  # The client stays connected.
        return self._request.pop()

    def _abort(self) -> None:
        self.aborted = True
        self.go_on.set()

    async def _send(self, message: Message) -> None:
        self.sent.append(message)
        if self.pause_seconds is None:
            await self.go_on.wait()
        else:
            await asyncio.sleep(self.pause_seconds)


async def asking(app: Any, requests: Sequence[tuple[str, str, bytes]]) -> list[Reader]:
    """Clients that have received the start of their responses."""
    readers = [Reader(app, *request) for request in requests]
    await eventually_true(lambda: all(reader.sent for reader in readers))
    return readers


async def test_one_response_is_computed_at_a_time() -> None:
    limiter, working, most = ResponseLimiter(timeout_seconds=60.0), 0, 0

    async def work() -> None:
        nonlocal working, most
        async with limiter.slot({}):
            working += 1
            most = max(most, working)
            await asyncio.sleep(0)
            working -= 1

    await asyncio.gather(*(work() for _ in range(50)))
    assert most == 1


@pytest.mark.parametrize("long_request", [LIST, BATCH])
async def test_at_most_a_hundred_responses_are_in_progress(long_request: tuple[str, str, bytes]) -> None:
    index = synced_index(simple_pod("u"))
    app = create_app(index, lambda: 0.0, Settings(client_timeout_seconds=0.1))
    readers = await asking(app, [LIST, BATCH] * 50)
    method, path, body = long_request
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        answer = await client.request(method, path, content=body)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert answer.json() == {"error": "100 lists and batch lookups are already in progress"}
        # Lookups are not limited.
        assert (await client.get("/api/v1/pod?uid=u")).status_code == 200
        readers[0].go_on.set()
        await readers[0].asking
        assert (await client.request(method, path, content=body)).status_code == 200
    for reader in readers:
        reader.go_on.set()
    await asyncio.gather(*(reader.asking for reader in readers))


async def test_the_response_that_is_read_most_slowly_gives_way() -> None:
    pods = [simple_pod(f"{number:04}", annotations={"a": "x" * 20_000}) for number in range(100)]
    app = create_app(synced_index(*pods), lambda: 0.0, Settings(client_timeout_seconds=60))
    readers = [Reader(app, *LIST, abortable=True) for _ in range(RESPONSES_MAX)]
    readers[7].pause_seconds = 0.05
    await eventually_true(lambda: all(reader.sent for reader in readers))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        for number in range(1, 4):
            async with asyncio.timeout(DEADLINE_SECONDS):
                assert (await client.get(LIST[1])).status_code == 200
            # More than one at a time only if this process has paused meanwhile.
            assert 1 <= sum(reader.aborted for reader in readers) <= 2 * number
    assert not readers[7].aborted
    aborted = next(reader for reader in readers if reader.aborted)
    assert len(aborted.sent) < 5
    for reader in readers:
        reader.go_on.set()
        reader.pause_seconds = 0
    await asyncio.gather(*(reader.asking for reader in readers))


class Stream(Reader):
    """A client that follows pods, and reads nothing after the head of the response until ``go_on`` is set."""

    def __init__(self, app: Any) -> None:
        super().__init__(app, "GET", "/api/v1/pods?watch=true&all=true&details=true", b"", abortable=True)

    @property
    def holds_object(self) -> bool:
        return any(message.get("body") for message in self.sent)

    async def _send(self, message: Message) -> None:
        self.sent.append(message)
        if message.get("body"):
            await self.go_on.wait()


async def test_a_large_object_of_a_stream_waits_while_a_hundred_are_being_sent() -> None:
    large = synced_index(simple_pod("u", annotations={"a": "x" * 50_000}))
    app = create_app(large, lambda: 0.0, Settings(client_timeout_seconds=60))
    streams = [Stream(app) for _ in range(RESPONSES_MAX)]
    await eventually_true(lambda: all(stream.holds_object for stream in streams))
    assert not any(stream.aborted for stream in streams)
    waiting = Stream(app)
    await eventually_true(lambda: waiting.holds_object)
    # Another one only if this process has paused meanwhile.
    assert 1 <= sum(stream.aborted for stream in streams) <= 2, "it was read most slowly"
    for stream in (*streams, waiting):
        stream.asking.cancel()
    await asyncio.gather(*(stream.asking for stream in (*streams, waiting)), return_exceptions=True)


async def test_a_stream_whose_large_object_waits_too_long_ends() -> None:
    large = synced_index(simple_pod("u", annotations={"a": "x" * 50_000}))
    app = create_app(large, lambda: 0.0, Settings(client_timeout_seconds=0.1))
    readers = await asking(app, [LIST] * RESPONSES_MAX)
    stream = Stream(app)
    stream.go_on.set()
    await stream.asking
    assert b"".join(message.get("body", b"") for message in stream.sent) == (
        b'{"type":"ERROR","error":"100 lists and batch lookups are already in progress","code":503}\n'
    )
    for reader in readers:
        reader.go_on.set()
    await asyncio.gather(*(reader.asking for reader in readers))


async def test_a_cancelled_response_releases_its_slot() -> None:
    app = create_app(synced_index(simple_pod("u")), lambda: 0.0, Settings(client_timeout_seconds=60))
    for _ in range(2):
        readers = await asking(app, [LIST] * RESPONSES_MAX)
        for reader in readers:
            reader.asking.cancel()
        await asyncio.gather(*(reader.asking for reader in readers), return_exceptions=True)


async def test_a_failed_computation_releases_its_slot() -> None:
    limiter = ResponseLimiter(timeout_seconds=0.1, limit=1)
    for error in (RequestError(503, "cache not synced"), ZeroDivisionError()):
        with pytest.raises(type(error)):
            async with limiter.slot({}):
                raise error
    scope: dict[str, Any] = {}
    async with limiter.slot(scope):
        pass
    with pytest.raises(RequestError, match=r"^1 lists and batch lookups are already in progress$"):
        async with limiter.slot({}):
            raise AssertionError("there is no free slot")
    limiter.release(scope)
    async with limiter.slot({}):
        pass


async def test_lookups_are_answered_while_a_list_is_computed() -> None:
    async with served(synced_index(*(simple_pod(f"{number:06}") for number in range(5000)))) as client:
        lists = [asyncio.create_task(client.get("/api/v1/pods?namespace=default")) for _ in range(5)]
        for _ in range(10):
            assert (await client.get("/api/v1/pod?uid=000001")).status_code == 200
        assert not any(task.done() for task in lists)
        assert {answer.status_code for answer in await asyncio.gather(*lists)} == {200}
