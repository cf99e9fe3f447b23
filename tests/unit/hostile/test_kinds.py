"""Each kind of hostile client sends what it is named for."""

import itertools
import json
import re
import urllib.parse
from random import Random
from typing import Any

import pytest

from pod_index.settings import Settings
from pod_index.store.identifiers import MAX_CANDIDATES, MAX_LENGTH, parse
from tests.hostile import KINDS, Requests, mixed
from tests.hostile.steps import LOOKED_UP, MOST_BYTES, PIPELINED, Action

REQUESTS = Requests.of("U")
HEADER = rb"X-\d{6}: x+\r\n"


def steps(name: str, most: int = 2_000, seed: int = 1) -> list[Any]:
    return list(itertools.islice(KINDS[name].steps(REQUESTS, Random(seed)), most))


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


def test_the_shares_of_a_mixed_crowd_are_those_of_a_thousand() -> None:
    assert mixed(1000, tls=True) == {name: kind.share for name, kind in KINDS.items()}
    assert mixed(50).keys() == mixed(50, tls=True).keys() - {"half a handshake"}


def test_pipelined_bodies_of_one_byte_follow_a_request_that_waits() -> None:
    (wait, *puts) = steps("pipelined bodies")
    assert re.fullmatch(rb"GET \S+&wait=10s HTTP/1\.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\nx", wait)
    assert sum(put.count(b"PUT / HTTP/1.1\r\nHost:h\r\nContent-Length:1\r\n\r\nx") for put in puts) == 20_000


def test_the_body_of_an_upgrade_looks_like_a_request() -> None:
    head, _, body = sent("upgrades", 1).partition(b"\r\n\r\n")
    assert b"\r\nUpgrade: h2c\r\n" in head
    assert b"\r\nContent-Length: %d" % len(body) in head
    assert body.startswith(b"GET /health HTTP/1.1\r\n")


def test_a_slow_reader_reads_little_and_often() -> None:
    request, *rest = steps("slow reading", 21)
    assert request == REQUESTS.long
    assert all(0.5 <= pause <= 1.5 for pause in rest[::2])
    assert set(rest[1::2]) == {Action.READ}


def test_a_waiting_body_is_complete_and_just_short_enough() -> None:
    head, body, _ = steps("waiting bodies", 3)
    assert b"\r\nContent-Length: %d\r\n\r\n" % len(body) in head
    assert 0.95 < len(body) / Settings().max_body_bytes < 1
    (text,) = json.loads(body)["ids"]
    assert max(text) > "\uffff", "Python takes four bytes for each character"


def test_long_ids_are_just_short_enough_and_have_too_many_pods_or_just_as_many_as_are_allowed() -> None:
    counts = set()
    for seed in range(10):
        alone, _, batch, _ = steps("long ids", 4, seed)
        query = alone.split(b" ")[1].partition(b"?")[2].decode()
        for text in [*urllib.parse.parse_qs(query)["id"], *json.loads(batch.partition(b"\r\n\r\n")[2])["ids"]]:
            assert 0.95 < len(text) / MAX_LENGTH < 1
            counts.add(text.count("pod"))
        assert 0.9 < len(batch) / Settings().max_body_bytes < 1
    assert counts == {MAX_CANDIDATES, 220}


def test_a_long_wait_has_as_many_identifiers_and_header_fields_as_are_allowed() -> None:
    request, _ = steps("long waits", 2)
    assert 0.9 < len(request) / Settings().max_header_bytes < 1
    assert request.count(b"\r\n") > 90
    query = urllib.parse.parse_qs(request.split(b" ")[1].partition(b"?")[2].decode())
    assert query["wait"] == ["10s"]
    assert len(parse(query["id"][0])) == MAX_CANDIDATES


def test_a_connection_is_reset_behind_pipelined_requests() -> None:
    requests, _, last = steps("resets")
    assert requests.count(b"GET ") == 3
    assert last == Action.RESET


def test_an_idle_client_sends_a_request_within_a_minute() -> None:
    requests, pauses = steps("idle", 20)[::2], steps("idle", 20)[1::2]
    assert set(requests) == {REQUESTS.short}
    assert all(6 <= pause <= 60 for pause in pauses)


def test_a_half_closing_client_closes_its_side_behind_a_request() -> None:
    behaviors = [steps("half closing", seed=seed) for seed in range(20)]
    assert all(behavior[1:] == [Action.HALF_CLOSE] for behavior in behaviors)
    requests = {behavior[0] for behavior in behaviors}
    assert requests > {REQUESTS.short, REQUESTS.long}


def test_heads_are_odd_in_several_ways() -> None:
    heads = {steps("odd heads", seed=seed)[0] for seed in range(40)}
    assert {head.count(b"Host: ") for head in heads} == {0, 1, 2}
    assert any(head.count(b"\r\n") > 300 for head in heads)
    assert any(b"\r\n0\r\nAuthorization: " in head for head in heads)


def test_chunk_extensions_are_longer_than_the_chunks() -> None:
    head, _, body = sent("chunk extensions").partition(b"\r\n\r\n")
    assert b"Transfer-Encoding: chunked" in head
    assert re.fullmatch(rb"(1;x{1000}\r\n \r\n)+", body)
    assert len(body) > Settings().max_body_bytes


def test_unread_files_need_no_credentials() -> None:
    requests = sent("unread files")
    assert set(re.findall(rb"GET (\S+)", requests)) == {b"/openapi.json", b"/metrics"}
    assert not KINDS["unread files"].reads
