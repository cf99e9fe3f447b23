"""Peers that are down, slow, refuse or answer garbage."""

import asyncio
import contextlib
import datetime
import json
import socket
import ssl
import time
from itertools import pairwise
from pathlib import Path

import pytest
import trustme

from pod_index.clusters import Answer, AskOwn, MemoryShare, Question
from pod_index.peering import PENDING_MAX
from pod_index.store.identifiers import Identifier
from tests.support.peers import NOT_FOUND, Here, Received, Script, cluster, pod_index, response, scripted
from tests.support.polling import eventually_true
from tests.support.served import UID, example_pod, synced_index

OTHER = "5678abcd-1234-90ef-aaaa-bbbbccccdddd"
EMPTY = synced_index()
RECORD = EMPTY.lookup(UID) or synced_index(example_pod()).lookup(UID) or b""
QUERY = f"uid={UID}&clusters=all"
LOST = {"error": "no answer from cluster b; not found in the others"}


def always(answer: bytes | None) -> Script:
    async def script(_: Received) -> bytes | None:
        return answer

    return script


async def never(_: Received) -> bytes | None:
    await asyncio.Event().wait()
    return None


def lookup(here: Here) -> tuple[Question, tuple[str, ...], AskOwn, MemoryShare]:
    """A lookup without the API: what ``look_up`` takes."""

    async def ask_own(_: float) -> Answer:
        return Answer("a", "miss")

    identifiers = (Identifier("uid", UID),)
    question = Question(f"uid={UID}".encode(), identifiers, f"UID {UID}")
    return question, here.fleet.select([]), ask_own, here.fleet.memory.share()


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nAge: 1\r\nMatched-By: uid\r\n"


@pytest.mark.parametrize(
    ("answer", "result"),
    [
        (None, "unreachable"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "malformed"),
        (HEAD, "timeout"),
        (HEAD + b"Content-Length: 100\r\n\r\n{", "timeout"),
        (response(200, b'{"uid":"U"'), "malformed"),
        (response(200, b'{"name":"x"}'), "malformed"),
        (response(200, b"[]"), "malformed"),
        (response(404, b'{"error":"pod not found"}', "Age: old"), "malformed"),
        (response(200, b"null"), "malformed"),
        (response(200, b'{"x":' + b"[" * 100_000), "malformed"),
        (response(404, b'{"x":' + b"[" * 100_000), "malformed"),
        (response(200, RECORD.replace(UID.encode(), OTHER.encode()), "Matched-By: uid"), "malformed"),
        (response(200, RECORD.replace(UID.encode(), OTHER.encode()), "Matched-By: ip"), "malformed"),
        (response(200, RECORD.replace(UID.encode(), OTHER.encode())), "malformed"),
        (response(200, RECORD.replace(b"node-1", b"node-\xff"), "Matched-By: uid"), "malformed"),
        (response(200, b"\xff\xfe"), "malformed"),
        (response(200, RECORD, media_type="text/html"), "malformed"),
        (response(200, RECORD, "Content-Encoding: gzip"), "malformed"),
        (response(200, RECORD.replace(UID.encode(), b"\xff" * 36)), "malformed"),
        (response(404, b'{"error":"not found"}'), "malformed"),
        (response(404, b"404 page not found", media_type="text/plain"), "malformed"),
        (response(302, b"", "Location: http://127.0.0.1:1/"), "malformed"),
        (response(204, b""), "malformed"),
        (response(401, b'{"error":"Unauthorized"}'), "unauthorized"),
        (response(403, b"Forbidden", media_type="text/plain"), "unauthorized"),
        (response(429, b"{}"), "failing"),
        (response(500, b'{"error":"internal error"}'), "failing"),
        (response(502, b"<html>", media_type="text/html"), "failing"),
        (response(503, b'{"error":"cache not synced"}', "Retry-After: 1"), "unsynced"),
        (response(503, b'{"error":"too many connections"}', "Retry-After: 1"), "failing"),
        (HEAD + b"Content-Length: 104857600\r\n\r\n", "oversized"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + (b"100000\r\n" + b" " * 0x100000 + b"\r\n") * 12, "oversized"),
        (HEAD + b"X: " + b"x" * 100_000 + b"\r\n\r\n", "malformed"),
    ],
)
async def test_a_peer_without_a_valid_answer_has_not_answered(
    answer: bytes | None, result: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    timeout = 0.5 if result == "timeout" else 30.0
    async with (
        scripted(always(answer)) as b,
        pod_index(EMPTY) as c,
        cluster(tmp_path, EMPTY, {"b": b.url, "c": c}, peer_timeout_seconds=timeout) as here,
    ):
        status, headers, body = await here.get(QUERY)
        assert (status, body) == (503, LOST)
        assert "cluster" not in headers
        assert here.results("b") == {result: 1}
        assert here.stats.peers_up == {"b": False, "c": True}
        assert here.fleet.memory.free == here.fleet.memory.limit
    (line,) = [message for message in caplog.messages if "cluster b" in message]
    assert line.startswith("No answer from cluster b: ")
    assert line.isprintable()
    assert len(line) < 500


async def test_a_request_that_is_too_long_for_a_peer_says_nothing_about_its_health(tmp_path: Path) -> None:
    async with pod_index(EMPTY, max_query_bytes=100) as b, cluster(tmp_path, EMPTY, {"b": b}) as here:
        assert (await here.get(f"id=/kubepods/pod{UID}/{'x' * 200}&clusters=all"))[0] == 503
        assert here.results("b") == {"rejected": 1}
        assert (await here.get(QUERY))[0] == 404


@pytest.mark.parametrize("script", [always(None), never])
async def test_a_hit_does_not_wait_for_a_dead_or_slow_peer(script: Script, tmp_path: Path) -> None:
    async with (
        scripted(script) as b,
        pod_index(synced_index(example_pod())) as c,
        cluster(tmp_path, EMPTY, {"b": b.url, "c": c}, peer_timeout_seconds=60.0) as here,
    ):
        assert (await here.get(QUERY))[1]["cluster"] == "c"


async def test_a_peer_that_nobody_listens_for_is_down(tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        async with cluster(tmp_path, EMPTY, {"b": url, "c": "http://pod-index.invalid"}) as here:
            status, _, body = await here.get(QUERY)
            assert (status, body) == (503, {"error": "no answer from clusters b, c; not found in the others"})
            assert here.results("b") == here.results("c") == {"unreachable": 1}


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://127.1:1", "http://127.1:1 is not a valid URL"),
        ("http://a..b", "http://a..b is not a valid URL"),
        ("http://127.0.0.1:1", "cannot connect to http://127.0.0.1:1 (Connection refused)"),
    ],
)
async def test_the_log_names_the_reason(
    url: str, reason: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with cluster(tmp_path, EMPTY, {"b": url}) as here:
        assert (await here.get(QUERY))[0] == 503
        assert here.results("b") == {"unreachable": 1}
    assert f"No answer from cluster b: {reason}" in caplog.text


async def test_peers_have_ipv6_addresses_and_paths(tmp_path: Path) -> None:
    async with scripted(always(NOT_FOUND), host="::1") as b, cluster(tmp_path, EMPTY, {"b": f"{b.url}/x/y//"}) as here:
        assert (await here.get(QUERY))[0] == 404
        assert b.requests[0].target == f"/x/y/api/v1/pod?uid={UID}"
        assert b.requests[0].headers["host"] == b.url.removeprefix("http://")


@pytest.fixture(scope="module")
def tls() -> tuple[ssl.SSLContext, bytes]:
    """The context of a server, and the CA that has signed its certificate."""
    ca = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("127.0.0.1").configure_cert(context)
    return context, ca.cert_pem.bytes()


async def test_a_peer_with_an_unknown_ca_is_not_trusted(
    tls: tuple[ssl.SSLContext, bytes], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    context, ca = tls
    (tmp_path / "ca").write_bytes(ca)
    (tmp_path / "other").write_bytes(trustme.CA().cert_pem.bytes())
    async with scripted(always(NOT_FOUND), tls=context) as b:
        peers = {name: {"url": b.url, "caFile": ca} for name, ca in (("b", "ca"), ("c", "other"))}
        async with cluster(tmp_path, EMPTY, {**peers, "d": b.url}) as here:
            assert (await here.get(QUERY))[0] == 503
            assert [here.results(name) for name in "bcd"] == [{"answered": 1}, {"untrusted": 1}, {"untrusted": 1}]
    assert (
        f"No answer from cluster d: no secure connection to {b.url} (unable to get local issuer certificate)"
        in caplog.text
    )


async def test_a_peer_whose_certificate_has_expired_is_not_trusted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ca = trustme.CA()
    (tmp_path / "ca").write_bytes(ca.cert_pem.bytes())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("127.0.0.1", not_after=datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)).configure_cert(context)
    async with (
        scripted(always(NOT_FOUND), tls=context) as b,
        cluster(tmp_path, EMPTY, {"b": {"url": b.url, "caFile": "ca"}}) as here,
    ):
        assert (await here.get(QUERY))[0] == 503
        assert here.results("b") == {"untrusted": 1}
        assert f"no secure connection to {b.url} (certificate has expired)" in caplog.text


async def test_connections_are_kept(tmp_path: Path) -> None:
    async with scripted(always(NOT_FOUND)) as b, cluster(tmp_path, EMPTY, {"b": b.url}) as here:
        for _ in range(5):
            assert (await here.get(QUERY))[0] == 404
        assert b.connections == 1


async def test_the_connection_of_a_peer_that_is_not_waited_for_is_kept_too(tmp_path: Path) -> None:
    proceed = asyncio.Event()

    async def late(_: Received) -> bytes | None:
        await proceed.wait()
        return NOT_FOUND

    async with (
        scripted(late) as b,
        pod_index(synced_index(example_pod())) as c,
        cluster(tmp_path, EMPTY, {"b": b.url, "c": c}) as here,
    ):
        assert (await here.get(QUERY))[0] == 200
        proceed.set()
        await eventually_true(lambda: here.results("b") == {"answered": 1})
        assert (await here.get(QUERY))[0] == 200
        await eventually_true(lambda: here.results("b") == {"answered": 2})
        assert b.connections == 1
        assert here.fleet.memory.free == here.fleet.memory.limit


@pytest.mark.parametrize("path", ["/api/v1/pod", "/api/v1/pods/lookup"])
async def test_a_kept_connection_that_was_closed_meanwhile_is_no_failure(path: str, tmp_path: Path) -> None:
    answers = iter([True, False, True])

    async def once(received: Received) -> bytes | None:
        if not next(answers):
            return None
        return NOT_FOUND if received.method == "GET" else response(200, b'{"results":[{"status":404,"pod":null}]}')

    async with scripted(once) as b, cluster(tmp_path, EMPTY, {"b": b.url}) as here:
        for _ in range(2):
            if path.endswith("lookup"):
                answer = await here.client.post(f"{path}?clusters=all", json={"ids": [UID]})
                assert answer.json() == {"results": [{"id": UID, "pod": None}]}
            else:
                assert (await here.get(QUERY))[0] == 404
        assert b.connections == 2
        assert here.results("b") == {"answered": 2}


async def test_a_peer_that_is_restarted_while_it_is_asked_is_found_again(tmp_path: Path) -> None:
    index = synced_index(example_pod())
    async with contextlib.AsyncExitStack() as stack:
        url = await stack.enter_async_context(pod_index(index))
        async with cluster(tmp_path, EMPTY, {"b": url}) as here:
            waiting = asyncio.create_task(here.get(f"uid={OTHER}&clusters=all&wait=1s"))
            await eventually_true(lambda: index._subscriptions)
            await stack.aclose()
            assert (await here.get(QUERY))[0] == 503
            assert (await waiting)[0] in (404, 503)
            async with pod_index(index, int(url.rpartition(":")[2])):
                await eventually_true(lambda: here.fleet._clients["b"]._retry_at < time.monotonic())
                assert (await here.get(QUERY))[0] == 200
                assert here.stats.peers_up == {"b": True}


async def test_the_question_has_no_clusters_and_no_unknown_parameters(tmp_path: Path) -> None:
    async with scripted(always(NOT_FOUND)) as b, cluster(tmp_path, EMPTY, {"b": f"{b.url}/pods/"}) as here:
        query = f"access_token=s3cret&clusters=all&uid={UID}&%63luster&includeDeleted=true&x=%41&details=1&wait=0"
        assert (await here.get(query.replace("&%63luster", "")))[0] == 404
        (received,) = b.requests
        assert received.target == f"/pods/api/v1/pod?uid={UID}&includeDeleted=true&details=1"
        assert "cookie" not in received.headers
        assert "authorization" not in received.headers


async def test_proxies_of_the_environment_are_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    async with scripted(always(NOT_FOUND)) as b, cluster(tmp_path, EMPTY, {"b": b.url}) as here:
        assert (await here.get(QUERY))[0] == 404


async def test_a_peer_that_fails_is_asked_less_and_less(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1_000.0
    monkeypatch.setattr("pod_index.fleet.client.time.monotonic", lambda: now)
    answers: list[bytes] = []
    caplog.set_level("INFO")

    async def script(_: Received) -> bytes | None:
        return answers[-1]

    async with scripted(script) as b, cluster(tmp_path, EMPTY, {"b": b.url}) as here:
        answers.append(response(500, b""))
        times = []
        for _ in range(2_000):
            asked = len(b.requests)
            assert (await here.fleet.look_up(*lookup(here))).status == 503
            if len(b.requests) > asked:
                times.append(now)
            now += 0.1
        pauses = [after - before for before, after in pairwise(times)]
        assert pauses[0] <= 0.7
        assert 15 <= max(pauses) <= 30.2
        assert len(times) < 20
        assert len(caplog.messages) == 1
        answers.append(NOT_FOUND)
        now += 31
        assert (await here.fleet.look_up(*lookup(here))).status == 404
        assert caplog.messages[1:] == ["Cluster b answers again"]
        # It fails again at once: it is not asked as often as if it had been healthy.
        answers.append(response(500, b""))
        assert (await here.fleet.look_up(*lookup(here))).status == 503
        asked = len(b.requests)
        now += 10
        assert (await here.fleet.look_up(*lookup(here))).status == 503
        assert len(b.requests) == asked


async def test_of_many_requests_to_a_failed_peer_one_goes_out(tmp_path: Path) -> None:
    async with scripted(always(None)) as b, cluster(tmp_path, EMPTY, {"b": b.url}) as here:
        assert {status for status, _, _ in await asyncio.gather(*(here.get(QUERY) for _ in range(50)))} == {503}
        peer = here.fleet._clients["b"]
        assert peer._backoff.attempts == 1
        peer._retry_at = 0.0
        asked = len(b.requests)
        await asyncio.gather(*(here.get(QUERY) for _ in range(50)))
        assert len(b.requests) - asked <= 2
        assert here.results("b")["skipped"] >= 49


async def test_at_most_so_many_requests_are_under_way(tmp_path: Path) -> None:
    proceed = asyncio.Event()

    async def late(_: Received) -> bytes | None:
        await proceed.wait()
        return NOT_FOUND

    async with scripted(late) as b, cluster(tmp_path, EMPTY, {"b": b.url}, peer_requests_max=3) as here:
        requests = [asyncio.create_task(here.get(QUERY)) for _ in range(10)]
        await eventually_true(lambda: len(b.requests) == 3)
        await asyncio.sleep(0.05)
        assert len(b.requests) == 3
        proceed.set()
        assert {status for status, _, _ in await asyncio.gather(*requests)} == {404}
        assert b.connections == 3


async def test_requests_that_wait_for_a_turn_are_limited(tmp_path: Path) -> None:
    async with (
        scripted(never) as b,
        scripted(always(NOT_FOUND)) as c,
        cluster(tmp_path, EMPTY, {"b": b.url, "c": c.url}, peer_requests_max=3) as here,
    ):
        assert here.fleet._clients["b"].pending_max == PENDING_MAX // 2
        here.fleet._clients["b"].pending_max = 5
        requests = [asyncio.create_task(here.get(QUERY)) for _ in range(20)]
        await eventually_true(lambda: here.results("b") == {"busy": 15})
        await eventually_true(lambda: sum(request.done() for request in requests) == 15)
        assert here.results("c") == {"answered": 20}
        assert len(here.fleet._requests) == 5
        for request in requests:
            request.cancel()


async def test_waits_leave_slots_for_other_lookups(tmp_path: Path) -> None:
    index = synced_index()
    async with pod_index(index) as b, cluster(tmp_path, EMPTY, {"b": b}, peer_requests_max=4) as here:
        waits = [asyncio.create_task(here.get(f"uid={UID}&cluster=b&wait=10s")) for _ in range(10)]
        await eventually_true(lambda: here.results("b") == {"answered": 10, "busy": 8})
        assert (await here.get(QUERY))[0] == 404
        for wait in waits:
            wait.cancel()


async def test_answers_of_others_have_limited_memory(tmp_path: Path) -> None:
    record = json.dumps({"uid": UID, "annotations": {"x": "x" * 9_000_000}}).encode()
    async with (
        scripted(always(response(200, record, "Matched-By: ip"))) as b,
        cluster(tmp_path, EMPTY, {"b": b.url}) as here,
    ):
        found = await asyncio.gather(*(here.get("ip=10.0.0.1&clusters=all") for _ in range(4)))
        assert {status for status, _, _ in found} <= {200, 503}
        assert here.results("b")["busy"] >= 2
        assert here.fleet.memory.free == here.fleet.memory.limit
        assert (await here.get("ip=10.0.0.1&clusters=all"))[0] == 200


async def test_a_client_that_leaves_ends_the_waits_at_the_peers(tmp_path: Path) -> None:
    index = synced_index()
    async with pod_index(index) as b, cluster(tmp_path, EMPTY, {"b": b}) as here:
        lookup = asyncio.create_task(here.get(f"uid={UID}&cluster=b&wait=10s"))
        await eventually_true(lambda: index._subscriptions)
        lookup.cancel()
        await eventually_true(lambda: not index._subscriptions)
        assert here.fleet._requests == set()
