"""A client cannot tell which way its lookup was answered: the same input gets the same bytes with and without plain
lookups, and is counted alike."""

import asyncio
import base64
import contextlib
import re
from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec
import pytest
import uvloop
from hypothesis import given
from hypothesis import strategies as st

from pod_index.api.app import create_app
from pod_index.api.authentication import Authenticator
from pod_index.pods import Pod
from pod_index.server.server import Server
from pod_index.settings import Settings
from pod_index.stats import Stats
from tests.support.operator_process import free_port
from tests.support.plain_lookups import plain_lookups
from tests.support.served import UID, example_pod, simple_pod, synced_index

LONG_UID = "00000000-0000-0000-0000-00000000bbbb"
PODS: Sequence[Pod] = (example_pod(), simple_pod(LONG_UID, annotations={"a": "x" * 40_000}))
OPEN = Settings(client_timeout_seconds=60.0, max_header_bytes=2048)
PROTECTED = msgspec.structs.replace(OPEN, basic_auth_username="ann", basic_auth_password="secret")
BASIC = b"Basic " + base64.b64encode(b"ann:secret")
PROBE = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
"""It is answered if the connection is still open and no request is incomplete."""

PATH = b"/api/v1/pod?uid=" + UID.encode()
METHODS = st.sampled_from([b"HEAD", b"POST", b"get", b"G ET", b""])
TARGETS = st.sampled_from(
    [
        PATH.replace(UID.encode(), UID.upper().encode()),
        PATH.replace(b"-", b"%2d"),
        PATH.replace(UID.encode(), LONG_UID.encode()),
        PATH.replace(UID.encode(), LONG_UID.replace("b", "c").encode()),
        *(PATH + rest for rest in (b"#fragment", b"&wait=0s", b"&uid=x", b"\x80", b"\t", b"+", b";")),
        *(PATH.replace(b"pod?", path) for path in (b"pod/?", b"/pod?", b"pod??", b"pod?&", b"po%64?")),
        b"http://x" + PATH,
        PATH.replace(b"uid", b"id"),
        b"*",
    ]
)
VERSIONS = st.sampled_from([b"HTTP/1.0", b"HTTP/1.2", b"HTTP/2.0", b"http/1.1", b"HTTP/1.1 "])
NAMES = (
    *(
        b"Accept",
        b"User-Agent",
        b"X",
        b"Connection",
        b"Proxy-Connection",
        b"Keep-Alive",
        b"Expect",
        b"Authorization",
    ),
    *(b"Content-Length", b"Transfer-Encoding", b"Upgrade", b"Host", b"TE", b"Trailer", b"", b"X Y", b"Connection "),
    *(b"\x80", b"a\0b", b"(x)", b"!#$%&'*+-.^_`|~", b" folded", b"Content-Lengthy"),
)
VALUES = (
    *(
        b"x",
        b"",
        b"  x\t",
        b"close",
        b"Close, x",
        b"keep-alive",
        b"Keep-Alive",
        b"upgrade",
        b"100-continue",
        b"0",
        b"3",
    ),
    *(
        b"chunked",
        b"identity",
        b"h2c",
        b"a\tb",
        b"\x80\xff",
        b"a\0",
        b"a\x7f",
        b"a\rb",
        b"a\nb",
        b"\x0b",
        b"x" * 2000,
    ),
    *(BASIC, b"basic " + BASIC[6:] + b" ", BASIC[:-4], b"Bearer t"),
)
COLONS = (b": ", b":", b":\t", b" : ", b"")
ODD_FIELDS = st.tuples(*map(st.sampled_from, (NAMES, COLONS, VALUES))).map(b"".join)
LIKELY_FIELDS = st.sampled_from(
    [
        b"Accept: */*",
        b"Connection: keep-alive",
        b"Connection: close",
        b"connection:Keep-Alive",
        b"Authorization: " + BASIC,
        b"A:\r\n" * 98 + b"A:",
    ]
)


@st.composite
def requests(draw: st.DrawFn, credentials: list[bytes]) -> bytes:
    """A plain lookup, often with one oddity."""
    oddity = draw(st.sampled_from(["", "", "method", "target", "version", "field", "field", "field", "body", "order"]))
    fields = draw(st.lists(LIKELY_FIELDS, max_size=2))
    fields = [b"Host: x", *fields, *credentials]
    if oddity == "order":
        fields.reverse()
    if oddity == "field":
        fields.insert(
            draw(st.integers(0, len(fields))),
            draw(ODD_FIELDS | ODD_FIELDS.map(bytes.lower) | ODD_FIELDS.map(bytes.upper)),
        )
    line = [
        draw(METHODS) if oddity == "method" else b"GET",
        draw(TARGETS) if oddity == "target" else PATH,
        draw(VERSIONS) if oddity == "version" else b"HTTP/1.1",
    ]
    body = draw(st.sampled_from([b"abc", b"0\r\n\r\n", b"\r\n"])) if oddity == "body" else b""
    return b"\r\n".join([b" ".join(line), *fields, b"", body])


@st.composite
def pieces(draw: st.DrawFn, credentials: list[bytes]) -> list[bytes]:
    """Requests, most often one in a piece."""
    content = draw(st.lists(requests(credentials), min_size=1, max_size=3))
    match draw(st.sampled_from(["one each", "one each", "one each", "all in one", "split"])):
        case "all in one":
            return [b"".join(content)]
        case "split":
            whole = b"".join(content)
            at = draw(st.integers(1, len(whole) - 1))
            return [whole[:at], whole[at:]]
        case _:
            return content


class Way:
    """A server that answers with or without plain lookups."""

    def __init__(self, options: Settings, *, plain: bool) -> None:
        self.port = free_port()
        self.stats = Stats()
        self.plain_answers = 0
        authenticator = Authenticator.from_settings(options)
        app = create_app(synced_index(*PODS), lambda: 7.9, options, stats=self.stats, authenticator=authenticator)
        lookups = plain_lookups(app, authenticator)
        answer = lookups.answer

        def count(*arguments: Any) -> bool:
            answered = answer(*arguments)
            self.plain_answers += answered
            return answered

        lookups.answer = count  # type: ignore[assignment, method-assign] # the only way to see that the comparison compares
        self.server = Server(
            app,
            msgspec.structs.replace(options, port=self.port),
            pytest.fail,
            stats=self.stats,
            lookups=lookups if plain else None,
        )

    async def answer(self, content: Sequence[bytes], *, half_close: bool) -> bytes:
        """Send the pieces and PROBE one after the other; return all that the server sends, without the date."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        received = bytearray()

        async def read() -> None:
            with contextlib.suppress(ConnectionError):
                while part := await reader.read(65536):
                    received.extend(part)

        reading = asyncio.create_task(read())
        for piece in [*content, *(() if half_close else (PROBE,))]:
            if not writer.is_closing():
                writer.write(piece)
            await asyncio.sleep(0.003)
        if not writer.is_closing():
            with contextlib.suppress(OSError):
                writer.write_eof()
        await reading
        writer.transport.abort()
        dates = re.compile(rb"(?<=\r\ndate: )[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT(?=\r\n)")
        return dates.sub(b"now", bytes(received))

    def counted(self) -> object:
        """What the metrics show, without durations."""
        requests = {key: histogram.count for key, histogram in self.stats.requests.items() if histogram.count}
        return self.stats.lookups, requests, self.stats.connections_cut


@contextlib.asynccontextmanager
async def both_ways(options: Settings) -> AsyncIterator[tuple[Way, Way]]:
    """Serve with and without plain lookups."""
    ways = Way(options, plain=True), Way(options, plain=False)
    for way in ways:
        await way.server.start()
    try:
        yield ways
    finally:
        for way in ways:
            await way.server.stop()


@pytest.mark.parametrize(("options", "credentials"), [(OPEN, []), (PROTECTED, [b"authorization: " + BASIC])])
def test_the_same_input_gets_the_same_bytes_either_way(options: Settings, credentials: list[bytes]) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        context = both_ways(options)
        plain, ordinary = runner.run(context.__aenter__())

        async def answers(content: Sequence[bytes], half_close: bool) -> list[bytes]:
            return await asyncio.gather(*(way.answer(content, half_close=half_close) for way in (plain, ordinary)))

        @given(content=pieces(credentials), half_close=st.booleans())
        def compare(content: list[bytes], half_close: bool) -> None:
            with_plain, without = runner.run(answers(content, half_close))
            assert with_plain == without
            assert plain.counted() == ordinary.counted()

        try:
            compare()
        finally:
            runner.run(context.__aexit__(None, None, None))
    assert plain.plain_answers > 10
    assert ordinary.plain_answers == 0


async def test_every_odd_field_gets_the_same_bytes_either_way() -> None:
    async with both_ways(OPEN) as ways:
        for name in NAMES:
            heads = [b"GET %b HTTP/1.1\r\nHost: x\r\n%b: %b\r\n\r\n" % (PATH, name, value) for value in VALUES]
            answers = [asyncio.gather(*(way.answer([head], half_close=False) for head in heads)) for way in ways]
            plain, ordinary = await asyncio.gather(*answers)
            assert plain == ordinary, name
