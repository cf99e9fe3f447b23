"""Peers that send more than one response to a request, and do not stop."""

import asyncio
import contextlib
import socket
import threading
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.peers import NOT_FOUND, cluster, response
from tests.support.polling import eventually_true
from tests.support.served import UID, example_pod, synced_index

EMPTY = synced_index()
RECORD = synced_index(example_pod()).lookup(UID) or b""
QUERY = f"uid={UID}&clusters=all"
HEAD = b"HTTP/1.1 404 X\r\nContent-Type: application/json\r\nAge: 1\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
INTERIM = b"HTTP/1.1 103 Early Hints\r\n\r\n"


@contextlib.contextmanager
def endless(start: bytes, block: bytes, *, waits_for_request: bool = True) -> Iterator[str]:
    """The URL of a server that answers with ``start``, and then with ``block`` again and again."""
    many = block * (64 * 1024 // len(block))

    def serve(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            if waits_for_request:
                connection.recv(64 * 1024)
            connection.sendall(start)
            while True:
                connection.sendall(many)

    def accept(listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, args=(listener,), daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize(
    ("start", "block", "status"),
    [
        pytest.param(b"", INTERIM, 503, id="interim responses"),
        pytest.param(b"", b"\r\n", 503, id="empty lines"),
        pytest.param(b"HTTP/1.1 404 ", b"x", 503, id="a reason"),
        pytest.param(HEAD, b"X: y\r\n", 503, id="headers"),
        pytest.param(HEAD + b"X: ", b"y", 503, id="a header"),
        pytest.param(CHUNKED + b"5;", b"x", 503, id="an extension of a chunk"),
        pytest.param(CHUNKED, b"0", 503, id="zeros of a chunk size"),
        pytest.param(CHUNKED + b"2\r\n{}\r\n0\r\n", b"X: y\r\n", 503, id="trailers"),
        pytest.param(NOT_FOUND, INTERIM, 404, id="interim responses after the response"),
        pytest.param(b"", NOT_FOUND, 404, id="responses"),
        pytest.param(response(204, b""), INTERIM, 503, id="interim responses after one without a body"),
    ],
)
async def test_what_a_peer_sends_is_limited(start: bytes, block: bytes, status: int, tmp_path: Path) -> None:
    with endless(start, block) as url:
        async with cluster(tmp_path, EMPTY, {"b": url}, peer_timeout_seconds=60.0) as here:
            tracemalloc.start()
            try:
                assert (await here.get(QUERY))[0] == status
                _, peak = tracemalloc.get_traced_memory()
            finally:
                tracemalloc.stop()
            assert peak < 8 * 1024 * 1024
            assert "timeout" not in here.results("b")


async def test_a_peer_that_speaks_first_has_not_answered(tmp_path: Path) -> None:
    with endless(INTERIM, INTERIM, waits_for_request=False) as url:
        async with cluster(tmp_path, EMPTY, {"b": url}, peer_timeout_seconds=60.0) as here:
            assert (await here.get(QUERY))[0] == 503
            assert "timeout" not in here.results("b")


async def test_some_interim_responses_are_ignored(tmp_path: Path) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for _ in range(20):
            writer.write(INTERIM)
            await asyncio.sleep(0.001)
        writer.write(INTERIM + NOT_FOUND)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with cluster(tmp_path, EMPTY, {"b": url}) as here:
            assert (await here.get(QUERY))[0] == 404


async def test_a_response_without_a_request_answers_no_later_request(tmp_path: Path) -> None:
    writers = list[asyncio.StreamWriter]()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write(NOT_FOUND)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with cluster(tmp_path, EMPTY, {"b": url}) as here:
            assert (await here.get(QUERY))[0] == 404
            writers[0].write(response(200, RECORD, "Matched-By: uid"))
            await eventually_true(writers[0].is_closing)
            assert (await here.get(QUERY))[0] == 404
            assert len(writers) == 2
