"""Lines of the access log."""

import json
import logging
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Message, Receive, Scope, Send

from pod_index.api.access_log import SHOWN_CHARACTERS, AccessLog
from pod_index.api.responses import respond
from tests.support.served import http_scope


async def _answer(scope: Scope, receive: Receive, send: Send) -> None:
    await respond(send, 404, b"{}")


async def _no_response(scope: Scope, receive: Receive, send: Send) -> None:
    pass


async def _fail(scope: Scope, receive: Receive, send: Send) -> None:
    await respond(send, 500, b"{}")
    raise RuntimeError("an error")


async def ask(app: Any, **scope: Any) -> list[Message]:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.request"}

    await AccessLog(app)({**http_scope("/api/v1/pod", b"uid=U"), **scope}, receive, send)
    return sent


@pytest.fixture(autouse=True)
def _logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="pod_index.access")


@pytest.mark.parametrize("address", ["10.0.0.7", "::ffff:10.0.0.7"])
async def test_a_line_has_the_request_the_status_and_the_client(address: str, caplog: pytest.LogCaptureFixture) -> None:
    headers = [(b"authorization", b"Bearer t0ken")]
    sent = await ask(_answer, client=(address, 4711), raw_path=b"/api/v1/p%6Fd", headers=headers)
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    (record,) = caplog.records
    request, _, rest = record.getMessage().partition(" in ")
    assert (request, rest.partition(" ")[2]) == ("GET /api/v1/p%6Fd?uid=U 404", "ms for 10.0.0.7")
    fields = {name: getattr(record, name) for name in ("method", "target", "status", "client")}
    assert fields == {"method": "GET", "target": "/api/v1/p%6Fd?uid=U", "status": 404, "client": "10.0.0.7"}
    assert 0 <= record.__dict__["milliseconds"] < 1000
    assert "t0ken" not in json.dumps(record.__dict__, default=str)


async def test_a_request_without_a_response_has_no_status(caplog: pytest.LogCaptureFixture) -> None:
    await ask(_no_response)
    (message,) = caplog.messages
    assert message.startswith("GET /api/v1/pod?uid=U without a response in ")
    assert message.endswith(" ms for -")


async def test_an_exception_is_logged_and_raised_again(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(RuntimeError, match="an error"):
        await ask(_fail)
    assert caplog.messages[0].startswith("GET /api/v1/pod?uid=U 500 in ")


async def test_only_http_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    assert await ask(_no_response, type="lifespan") == []
    assert caplog.messages == []


@given(path=st.binary(max_size=30), query=st.binary(max_size=30))
async def test_no_request_breaks_or_forges_a_line(path: bytes, query: bytes) -> None:
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("pod_index.access")
    logger.addHandler(handler)
    try:
        await ask(_answer, raw_path=b"/" + path, query_string=query)
    finally:
        logger.removeHandler(handler)
    (line,) = lines
    assert line.isprintable()
    assert line.isascii()


async def test_no_decoded_path_breaks_or_forges_a_line(caplog: pytest.LogCaptureFixture) -> None:
    await ask(_answer, path="/a\nGET /b\x1b[2J é", query_string=b"")
    assert caplog.messages[0].startswith("GET /a\\x0aGET /b\\x1b[2J \\xc3\\xa9 404 in ")


async def test_a_long_query_is_cut(caplog: pytest.LogCaptureFixture) -> None:
    await ask(_answer, query_string=b"x" * 9000)
    assert len(caplog.messages[0]) < SHOWN_CHARACTERS + 100
    assert "xxx... 404 in " in caplog.messages[0]


@pytest.mark.parametrize("query", [b"access_token=t0ken", b"uid=U&Access_Token=t0ken", b"access_token=t0ken&wait=1s"])
async def test_a_token_in_the_query_is_not_logged(query: bytes, caplog: pytest.LogCaptureFixture) -> None:
    await ask(_answer, query_string=query)
    shown = query.decode().replace("t0ken", "...")
    assert caplog.messages[0].startswith(f"GET /api/v1/pod?{shown} 404 in ")
