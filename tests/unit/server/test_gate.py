"""One message at a time: pipelining, bodies, upgrades, half-closed connections, and malformed heads."""

import asyncio
import contextlib
import random
import re

import httptools
import msgspec
import pytest

from pod_index.server.connections import Connection
from pod_index.server.gate import BUFFER_BYTES
from tests.support.connections import PATIENT, Client, Served, error_body, get, serving
from tests.support.polling import eventually_true

POST = b"POST /body HTTP/1.1\r\nHost: x\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"

ONE_HOST = (400, error_body("request must have exactly one Host header"))
MALFORMED = (400, error_body("not a valid HTTP request"))


def open_connection(served: Served) -> Connection:
    (connection,) = served.server._server.server_state.connections
    assert isinstance(connection, Connection)
    return connection


# Pipelining.


@pytest.mark.parametrize("path", [b"/plain", b"/body"])
async def test_pipelined_requests_wait_as_bytes_and_not_without_bounds(path: bytes) -> None:
    request = b"PUT %b HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx" % path
    async with serving(PATIENT) as served:
        client = await served.connect()
        client.send(b"GET /wait HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx" + request * 200_000)
        await eventually_true(lambda: served.application.requested)
        connection = open_connection(served)
        await eventually_true(lambda: len(connection._held) >= BUFFER_BYTES)
        # Until the kernel's buffers are full: a server that went on reading would never fill them.
        await asyncio.sleep(0.3)
        assert client.writer.transport.get_write_buffer_size() > 100_000
        assert BUFFER_BYTES <= len(connection._held) < 3 * BUFFER_BYTES
        assert served.application.requested == ["/wait"]
        served.application.proceed.set()
        for expected in [b"/wait", *[path] * 2000]:
            assert await client.read_response() == (200, expected)
            assert len(connection._held) < 3 * BUFFER_BYTES
    assert served.close_reasons() == {}


async def test_pipelined_requests_of_all_kinds_are_answered_in_order() -> None:
    async with serving(PATIENT) as served:
        client = await served.connect()
        client.send(
            b"HEAD /a HTTP/1.1\r\nHost: x\r\n\r\n"
            + POST
            + b"Content-Length: 5\r\n\r\n\r\n\r\n\n"
            + b"\r\n\r\n"
            + get("/b")
            + b"GET /c HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
            + get("/d")
        )
        answer = await client.read_until_closed()
    assert re.findall(rb"\r\n\r\n(/[a-z]+)?", answer) == [b"", b"/body", b"/b", b"/c"]
    assert served.application.requested == ["/a", "/body", "/b", "/c"]


async def test_requests_that_wait_on_a_reset_connection_are_dropped(caplog: pytest.LogCaptureFixture) -> None:
    async with serving(PATIENT) as served:
        client = await served.connect()
        client.send(get("/wait/1") + get("/wait/2") + get("/wait/3"))
        await eventually_true(lambda: served.application.requested)
        client.writer.transport.abort()
        await eventually_true(lambda: served.stats.connections == 0)
        await eventually_true(lambda: served.application.disconnected == ["/wait/1"])
    assert served.application.requested == ["/wait/1"]
    assert caplog.messages == []


async def test_a_response_is_complete_before_the_next_request_is_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(PATIENT) as served:
        client = await served.connect()
        client.send(get("/wait") + get("/next"))
        await eventually_true(lambda: served.application.requested)
        connection = open_connection(served)
        assert connection.cycle.scope["path"] == "/wait"
        assert not connection.pipeline
        served.application.proceed.set()
        assert [await client.read_response() for _ in range(2)] == [(200, b"/wait"), (200, b"/next")]


# Upgrades and tunnels.


@pytest.mark.parametrize("upgrade", [b"h2c", b"websocket", b"TLS/1.0"])
async def test_an_upgrade_is_ignored_and_the_body_is_not_a_request(
    upgrade: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(PATIENT) as served:
        client = await served.connect()
        body = get("/smuggled")
        client.send(
            POST
            + b"connection: Upgrade, HTTP2-Settings\r\nuPGRADE: %b\r\nUpgrade:x\r\nHTTP2-Settings: A\r\n" % upgrade
            + b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
        )
        assert await client.read_response() == (200, b"/body")
        assert await client.request("/next") == (200, b"/next")
    assert served.application.requested == ["/body", "/next"]
    assert caplog.messages == []


async def test_nothing_after_a_connect_is_a_request(caplog: pytest.LogCaptureFixture) -> None:
    async with serving(PATIENT) as served:
        client = await served.connect()
        client.send(b"CONNECT /x HTTP/1.1\r\nHost: x\r\n\r\n" + get("/smuggled"))
        answer = await client.read_until_closed()
        assert b"connection: close" in answer
        assert answer.endswith(b"\r\n\r\n/x")
        client = await served.connect()
        client.send(b"CONNECT example.com:443 HTTP/1.1\r\nHost: x\r\n\r\n")
        assert await client.read_response() == MALFORMED
    assert served.application.requested == ["/x"]
    assert caplog.messages == []


# Heads.


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"GET / HTTP/1.1\r\n", ONE_HOST),
        (b"GET / HTTP/1.1\r\nX-Host: x\r\n", ONE_HOST),
        (b"GET / HTTP/1.1\r\nHost: x\r\nhost: y\r\n", ONE_HOST),
        (b"GET / HTTP/1.0\r\nHost: x\r\nHost: x\r\n", ONE_HOST),
        (b"GET / HTTP/1.0\r\n", (200, b"/")),
        (b"GET / HTTP/1.1\r\nHOST:\r\n", (200, b"/")),
        (b"GET http://x/absolute HTTP/1.1\r\nHost: x\r\n", (200, b"/absolute")),
        (b"GET /\r\n", MALFORMED),
        (b"GET / HTTP/1.1\r\nHost: x\r\n folded\r\n", MALFORMED),
        (b"GET / HTTP/1.1\r\nHost : x\r\nHost: x\r\n", MALFORMED),
        (b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: a\r\n b\r\n", MALFORMED),
        (b"GET / HTTP/1.1\nHost: x\r\n", MALFORMED),
        (b"GET / HTTP/1.1\r\nHost: x\r\nA: \0\r\n", MALFORMED),
        (b"get / HTTP/1.1\r\nHost: x\r\n", MALFORMED),
        (b"GET /\xff HTTP/1.1\r\nHost: x\r\n", MALFORMED),
    ],
)
async def test_a_head_is_checked_as_a_whole(head: bytes, expected: tuple[int, bytes]) -> None:
    async with serving(PATIENT) as served:
        for whole in (True, False):
            client = await served.connect()
            client.send(head + b"\r\n" if whole else head[:-3])
            if not whole:
                await asyncio.sleep(0.02)
                client.send(head[-3:] + b"\r\n")
            assert await client.read_response() == expected


@pytest.mark.parametrize(
    "begin", [b"hello", b"\r\nget", b"GET / HTTP/1.1\n", b"GET / HTTP/1.1\r\nHost: x\n", b"\x16\x03"]
)
async def test_what_cannot_become_a_head_is_rejected_at_once(begin: bytes) -> None:
    async with serving(PATIENT) as served:
        client = await served.connect()
        client.send(begin)
        assert await client.read_response() == MALFORMED


# Bodies: https://www.rfc-editor.org/rfc/rfc9112#section-6.3


@pytest.mark.parametrize(
    "fields",
    [
        b"Content-Length: 3\r\nContent-Length: 3\r\n",
        b"Content-Length: 3\r\nContent-Length: 4\r\n",
        b"Content-Length: -3\r\n",
        b"Content-Length: +3\r\n",
        b"Content-Length: 3, 3\r\n",
        b"Content-Length: 0x3\r\n",
        b"Content-Length: 99999999999999999999\r\n",
        b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n",
        b"Transfer-Encoding: chunked, gzip\r\n",
        b"Transfer-Encoding: identity\r\n",
        b"Transfer-Encoding: xchunked\r\n",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        b"Transfer-Encoding: chunked;a=b\r\n",
        b"Transfer-Encoding: \x0bchunked\r\n",
        b"Transfer-Encoding : chunked\r\n",
    ],
)
async def test_a_body_of_ambiguous_length_is_rejected(fields: bytes, caplog: pytest.LogCaptureFixture) -> None:
    async with serving(PATIENT) as served:
        client = await served.connect()
        client.send(POST + fields + b"\r\nabc" + get("/smuggled"))
        assert await client.read_response() == MALFORMED
        assert await client.read_until_closed() == b""
        await asyncio.sleep(0.02)
    assert served.application.requested == []
    assert caplog.messages == []


@pytest.mark.parametrize(
    "fields",
    [b"Transfer-Encoding: gzip, Chunked\r\n", b"Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n"],
)
async def test_an_unknown_transfer_coding_is_rejected(fields: bytes) -> None:
    async with serving(PATIENT) as served:
        client = await served.connect()
        client.send(POST + fields + b"\r\n3\r\nabc\r\n0\r\n\r\n" + get("/smuggled"))
        assert await client.read_response() == (501, error_body("transfer coding is not supported"))
        assert await client.read_until_closed() == b""
    assert served.application.requested == []
    assert served.close_reasons() == {"malformed": 1}


@pytest.mark.parametrize("rest", [get("/smuggled"), b"nonsense", b"\r\n\r\n", b"0\r\n\r\n" + get("/smuggled")])
async def test_a_connection_is_closed_after_a_chunked_body(rest: bytes) -> None:
    for size in (1, 7, 1000):
        async with serving(PATIENT) as served:
            client = await served.connect()
            content = CHUNKED + b"3;a=b\r\nabc\r\n0\r\nTrailer: x\r\n\r\n" + rest
            for start in range(0, len(content), size):
                client.send(content[start : start + size])
                await asyncio.sleep(0)
            answer = await client.read_until_closed()
            assert answer.count(b"HTTP/1.1") == 1
            assert answer.startswith(b"HTTP/1.1 200")
            assert b"\r\nconnection: close\r\n" in answer
            assert answer.endswith(b"\r\n\r\n/body")
        assert served.application.requested == ["/body"]


async def test_trailers_are_not_headers() -> None:
    async with serving(PATIENT) as served:
        client = await served.connect()
        client.send(CHUNKED + b"0\r\nAuthorization: Basic eDp5\r\nExpect: 100-continue\r\n\r\n")
        assert await client.read_response() == (200, b"/body")
        assert served.application.headers == [[(b"host", b"x"), (b"transfer-encoding", b"chunked")]]


async def test_a_client_that_expects_it_is_sent_100_continue() -> None:
    async with serving(PATIENT) as served:
        client = await served.connect()
        client.send(POST + b"Content-Length: 3\r\nExpect: 100-continue\r\n\r\n")
        assert await client.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.send(b"abc" + get("/next"))
        assert [await client.read_response() for _ in range(2)] == [(200, b"/body"), (200, b"/next")]


async def test_a_body_that_is_not_read_is_not_kept() -> None:
    async with serving(msgspec.structs.replace(PATIENT, max_body_bytes=1024 * 1024)) as served:
        client = await served.connect()
        client.send(b"POST /ignored HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 1_000_000)
        await eventually_true(lambda: served.application.requested)
        await asyncio.sleep(0.1)
        connection = open_connection(served)
        assert len(connection._held) + len(connection.cycle.body) < 3 * BUFFER_BYTES
        served.application.proceed.set()
        assert await client.read_response() == (200, b"/ignored")
        assert await client.request("/next") == (200, b"/next")


async def test_a_client_that_is_still_sending_can_read_an_early_response() -> None:
    async with serving(PATIENT) as served:
        for fields in (b"Transfer-Encoding: chunked\r\n", b"Content-Length: 99999999\r\n"):
            client = await served.connect()
            client.send(b"POST /early HTTP/1.1\r\nHost: x\r\n" + fields + b"\r\n" + b"1\r\nx\r\n" * 5000)
            await asyncio.sleep(0.05)
            client.send(b"1\r\nx\r\n" * 3000)
            await asyncio.sleep(0.05)
            assert await client.read_response() == (200, b"/early")
            assert await client.read_until_closed() == b""


# Half-closed connections.


@pytest.mark.parametrize(
    ("content", "answered"),
    [
        (get("/ignored"), [b"/ignored"]),
        (POST + b"Content-Length: 3\r\n\r\nabc", [b"/body"]),
        (CHUNKED + b"3\r\nabc\r\n0\r\n\r\n", [b"/body"]),
        (get("/ignored") + get("/2") + POST + b"Content-Length: 3\r\n\r\nabc", [b"/ignored", b"/2", b"/body"]),
        (get("/ignored") + get("/2") + POST + b"Content-Length: 3\r\n\r\nab", [b"/ignored", b"/2"]),
        (get("/ignored") + b"GET /", [b"/ignored"]),
        (POST + b"Content-Length: 3\r\n\r\nab", []),
        (CHUNKED + b"3\r\nab", []),
        (get("/wait"), []),
        (b"GET /", []),
    ],
)
async def test_complete_requests_of_a_half_closed_connection_are_answered(
    content: bytes, answered: list[bytes], caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(PATIENT) as served:
        client = await served.connect()
        client.send(content)
        client.writer.write_eof()
        if b"/ignored" in content:
            await eventually_true(lambda: served.application.requested)
            await asyncio.sleep(0.02)
            served.application.proceed.set()
        answer = await client.read_until_closed()
        await eventually_true(lambda: served.stats.connections == 0)
    assert re.findall(rb"\r\n\r\n(/[a-z0-9]+)", answer) == answered
    assert caplog.messages == []


async def test_a_wait_ends_when_the_client_closes_its_side() -> None:
    async with serving(PATIENT) as served:
        client = await served.connect()
        client.send(get("/wait"))
        await eventually_true(lambda: served.application.requested)
        await asyncio.sleep(0.02)
        client.writer.write_eof()
        assert await client.read_until_closed() == b""
        await eventually_true(lambda: served.application.disconnected == ["/wait"])


# Random.


class Reference:
    """uvicorn's parser, fed all at once: the targets of the requests, and whether the input is valid."""

    def __init__(self, content: bytes) -> None:
        self.targets: list[bytes] = []
        self.valid = True
        try:
            httptools.HttpRequestParser(self).feed_data(content)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self.valid = False

    def on_url(self, url: bytes) -> None:
        self.targets.append(url)


def random_requests(chosen: random.Random) -> list[bytes]:
    """Valid requests."""
    requests = []
    for number in range(chosen.randrange(1, 8)):
        body = chosen.randbytes(chosen.choice([0, 1, 10, 3000])) if chosen.random() < 0.5 else b""
        target = b"/%b/%d" % (chosen.choice([b"body", b"plain"]), number)
        fields = [b"Host: x", b"X: %b" % (b"y" * chosen.randrange(200)), b"Accept: */*"]
        if body or chosen.random() < 0.3:
            fields.append(b"content-length:%d" % len(body))
        chosen.shuffle(fields)
        method = chosen.choice([b"GET", b"POST", b"DELETE"])
        requests.append(b"%b %b HTTP/1.1\r\n%b\r\n\r\n%b" % (method, target, b"\r\n".join(fields), body))
        if chosen.random() < 0.2:
            requests[-1] = b"\r\n" + requests[-1]
    return requests


async def send_in_pieces(client: Client, content: bytes, chosen: random.Random) -> None:
    """Send bytes in random pieces."""
    while content and not client.writer.is_closing():
        size = chosen.choice([1, 2, 5, 50, 500, 5000, 50_000])
        client.send(content[:size])
        content = content[size:]
        await asyncio.sleep(chosen.choice([0, 0, 0.0005]))


@pytest.mark.parametrize("seed", range(5))
async def test_random_valid_requests_in_random_pieces_are_answered_as_they_are_parsed(seed: int) -> None:
    chosen = random.Random(seed)
    async with serving(PATIENT) as served:
        for _ in range(5):
            content = b"".join(random_requests(chosen))
            reference = Reference(content)
            assert reference.valid
            client = await served.connect()
            sending = asyncio.create_task(send_in_pieces(client, content, chosen))
            assert [await client.read_response() for _ in reference.targets] == [
                (200, target) for target in reference.targets
            ]
            await sending
    assert served.close_reasons() == {}


@pytest.mark.parametrize("seed", range(5))
async def test_random_input_leaves_no_traceback_and_no_open_connection(
    seed: int, caplog: pytest.LogCaptureFixture
) -> None:
    chosen = random.Random(seed)
    pieces = [
        *(b"\r\n", b"\n", b"\r", b"\r\n\r\n", b"0\r\n\r\n", b"3\r\nabc\r\n", b"\0", b" ", b":", b"Host: x\r\n"),
        *(b"GET / HTTP/1.1\r\n", b"GET /wait HTTP/1.1\r\n", POST, CHUNKED, get("/"), b"Upgrade: h2c\r\n"),
        *(b"Connection: close\r\n", b"Connection: Upgrade\r\n", b"Content-Length: 3\r\n", b"abc", b"x" * 3000),
        *(
            b"HEAD / HTTP/1.0\r\n\r\n",
            b"CONNECT / HTTP/1.1\r\nHost: x\r\n\r\n",
            b"Expect: 100-continue\r\n",
            b"x:\r\n" * 99,
        ),
    ]
    async with serving(PATIENT) as served:
        for _ in range(20):
            content = b"".join(chosen.choices(pieces, k=chosen.randrange(1, 12)))
            client = await served.connect()
            await send_in_pieces(client, content, chosen)
            match chosen.randrange(3):
                case 0:
                    client.writer.transport.abort()
                case 1 if not client.writer.is_closing():
                    with contextlib.suppress(OSError):
                        client.writer.write_eof()
                case _:
                    client.writer.close()
        await eventually_true(lambda: served.stats.connections == 0)
        assert not served.server._pool.waiting
        assert served.server._pool._held_bytes == 0
        assert await (await served.connect()).request("/") == (200, b"/")
    assert caplog.messages == []


async def test_the_whole_head_reaches_one_function(monkeypatch: pytest.MonkeyPatch) -> None:
    heads: list[bytes] = []
    begin = Connection._begin_request

    def note(connection: Connection, head: bytes) -> None:
        heads.append(head)
        begin(connection, head)

    monkeypatch.setattr(Connection, "_begin_request", note)
    async with serving(PATIENT) as served:
        client = await served.connect()
        assert await client.request("/1") == (200, b"/1")
        client.send(POST + b"Content-Length: 3\r\n\r\nabc" + get("/2"))
        assert [await client.read_response() for _ in range(2)] == [(200, b"/body"), (200, b"/2")]
    assert heads == [get("/1"), POST + b"Content-Length: 3\r\n\r\n", get("/2")]


async def test_an_idle_connection_does_not_hold_the_header_of_its_last_request() -> None:
    async with serving(PATIENT) as served:
        client = await served.connect()
        client.send(b"GET /%b HTTP/1.1\r\nHost: x\r\nA: %b\r\n\r\n" % (b"p" * 500, b"x" * 500))
        await client.read_response()
        connection = open_connection(served)
        held = repr([vars(connection), vars(connection.cycle)])
        assert "ppp" not in held
        assert "xxx" not in held
        assert await client.request("/next") == (200, b"/next")
