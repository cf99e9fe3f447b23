"""Each kind of hostile client sends what it is named for."""

import itertools
import re
from random import Random

import pytest

from tests.hostile import KINDS, Requests
from tests.hostile.kinds import LOOKED_UP, MOST_BYTES, PIPELINED, Step

REQUESTS = Requests.of("U")
HEADER = rb"X-\d{6}: x+\r\n"


def steps(name: str, most: int = 2_000) -> list[Step]:
    return list(itertools.islice(KINDS[name].steps(REQUESTS, Random(1)), most))


def sent(name: str, most: int = 2_000) -> bytes:
    return b"".join(step for step in steps(name, most) if isinstance(step, bytes))


@pytest.mark.parametrize("name", ["dribbling head", "dribbling body"])
def test_a_dribbling_client_sends_about_a_byte_a_second(name: str) -> None:
    dribbled = steps(name)[1:]
    pauses = [step for step in dribbled if isinstance(step, float)]
    bytes_sent = [step for step in dribbled if isinstance(step, bytes)]
    assert all(0.5 <= pause <= 1.5 for pause in pauses)
    assert {len(byte) for byte in bytes_sent} == {1}
    assert abs(len(pauses) - len(bytes_sent)) <= 1
    assert 0.9 < sum(pauses) / len(pauses) < 1.1


def test_a_dribbling_head_is_valid_and_endless() -> None:
    assert re.fullmatch(
        rb"GET /api/v1/pod\?uid=U HTTP/1\.1\r\nHost: localhost\r\nX-Slow: x{100,}", sent("dribbling head")
    )


def test_a_dribbling_body_is_never_complete() -> None:
    head, _, body = sent("dribbling body").partition(b"\r\n\r\n")
    assert head.startswith(b"POST /api/v1/pods/lookup HTTP/1.1\r\n")
    assert b"Content-Length: 100000" in head
    assert re.fullmatch(rb'\{"ids": \["x{100,}', body)


def test_an_endless_head_is_a_mebibyte_of_valid_headers_without_end() -> None:
    head = sent("endless head")
    assert re.fullmatch(rb"GET /api/v1/pod\?uid=U HTTP/1\.1\r\nHost: localhost\r\n(%b)+" % HEADER, head)
    assert MOST_BYTES < len(head) < MOST_BYTES * 1.1


def test_an_endless_body_is_a_mebibyte_of_chunks_without_the_last_one() -> None:
    head, _, body = sent("endless body").partition(b"\r\n\r\n")
    assert b"Transfer-Encoding: chunked" in head
    assert re.fullmatch(rb"(10000\r\n {65536}\r\n)+", body)
    assert MOST_BYTES < len(body) < MOST_BYTES * 1.1


def test_endless_trailers_follow_a_complete_body() -> None:
    head, _, body = sent("endless trailers").partition(b"\r\n\r\n")
    assert b"Transfer-Encoding: chunked" in head
    assert re.fullmatch(rb'b\r\n\{"ids": \[\]\}\r\n0\r\n(%b)+' % HEADER, body)


def test_an_unread_response_is_long() -> None:
    assert sent("unread answer").count(b'"U"') == LOOKED_UP
    assert not KINDS["unread answer"].reads
    assert b"limit=5000" in Requests.of().long


def test_pipelined_requests_are_sent_at_once() -> None:
    (burst,) = steps("pipelining")
    assert burst == REQUESTS.short * PIPELINED
    assert not KINDS["pipelining"].reads


def test_nonsense_is_not_http() -> None:
    assert sent("nonsense")[0] == 0


def test_half_a_handshake_is_the_start_of_a_longer_record() -> None:
    record = sent("half a handshake")
    assert record[:2] == b"\x16\x03", "a record of the handshake, RFC 8446, section 5.1"
    assert len(record) < int.from_bytes(record[3:5], "big") < 3 * len(record)
