"""Long bodies are sent in chunks."""

import pytest
from starlette.types import Message, Scope

from pod_index.api.responses import CHUNK_BYTES, LongResponse, respond


async def no_message() -> Message:
    raise AssertionError("there is no body")


@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES, CHUNK_BYTES + 1, 5 * CHUNK_BYTES])
async def test_a_body_is_sent_in_chunks_that_are_all_but_the_last_of_the_same_size(size: int) -> None:
    body = bytes(number % 251 for number in range(size))
    scope: Scope = {"type": "http", "method": "GET", "headers": []}
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    await respond(send, 200, body)
    await LongResponse(body)(scope, no_message, send)
    middle = len(sent) // 2
    for start, *parts in (sent[:middle], sent[middle:]):
        assert start["status"] == 200
        assert dict(start["headers"])[b"content-length"] == b"%d" % size
        assert b"".join(part["body"] for part in parts) == body
        assert {len(part["body"]) for part in parts[:-1]} <= {CHUNK_BYTES}
        assert len(parts[-1]["body"]) <= CHUNK_BYTES
        assert [part.get("more_body", False) for part in parts] == [True] * (len(parts) - 1) + [False]
