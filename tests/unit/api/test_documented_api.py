"""The API answers as documented."""

import itertools
import json
import re
import shlex
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import httpx
import msgspec
import pytest
from starlette.applications import Starlette
from starlette.types import ASGIApp

from pod_index.api.app import begin_shutdown, create_app
from pod_index.api.authentication import Authenticator, Login
from pod_index.api.endpoints import IDS_MAX
from pod_index.api.queries import LIST_DEFAULT, LIST_MAX, WAIT_MAX_SECONDS
from pod_index.api.response_limiter import RESPONSES_MAX
from pod_index.api.responses import error
from pod_index.api.waiting import WAITERS_MAX
from pod_index.pods import Pod, encode_record
from pod_index.server.gate import BODY_FACTOR
from pod_index.server.heads import HEADERS_MAX
from pod_index.server.server import TOO_MANY_CONNECTIONS
from pod_index.settings import Settings
from pod_index.store.index import PodIndex
from pod_index.store.matching import Ambiguity
from tests.support.documents import INTRODUCTION, OPERATOR, section, table
from tests.support.peers import cluster, pod_index
from tests.support.served import UID, change, example_pod, served, simple_pod, synced_index

API = section(OPERATOR, "## API")
INTRODUCED = section(INTRODUCTION, "## Ask it")
SPELLINGS = [row[1].strip("`") for row in table(OPERATOR, "`id`")]
DELETED_AT = 1704153600.0  # 2024-01-02T00:00:00Z


class Example(NamedTuple):
    """A documented command, and the JSON that follows it, if any."""

    command: str
    answer: str | None


def examples(text: str) -> list[Example]:
    blocks: list[tuple[str, str]] = re.findall(r"^```(\w+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    following = itertools.pairwise([*blocks, ("", "")])
    return [
        Example(command.strip(), after if after_language == "json" else None)
        for (language, command), (after_language, after) in following
        if language == "bash"
    ]


def request(command: str) -> httpx.Request:
    """The request that curl would send: https://curl.se/docs/manpage.html."""
    # What a container of the example pod reads there.
    curl, *arguments = shlex.split(command.replace("$(cat /proc/self/cgroup)", SPELLINGS[0]))
    assert curl == "curl"
    url, content, encoded, get = "", [], [], False
    left = iter(arguments)
    for argument in left:
        match argument:
            case "-G":
                get = True
            case "-d":
                content.append(next(left))
            case "--data-urlencode":
                name, _, value = next(left).partition("=")
                encoded.append(f"{name}={urllib.parse.quote(value, safe='')}")
            case _:
                assert argument.startswith(("http://localhost:8080/", "http://pod-index.default/")), command
                url = argument
    if get:
        return httpx.Request("GET", f"{url}?{'&'.join(encoded)}")
    if content:
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return httpx.Request("POST", url, content="&".join(content).encode(), headers=headers)
    return httpx.Request("GET", url)


def documented_index() -> PodIndex:
    return synced_index(example_pod(), simple_pod("9" * 8 + UID[8:], name="another"), now=lambda: DELETED_AT)


def deleted_pod(version: int = 2_000) -> Pod:
    """The pod that the demo deletes."""
    pod = example_pod(version, ip="10.244.1.7")
    metadata = msgspec.structs.replace(pod.metadata, uid="9abcdef0-5678-1234-aaaa-bbbbccccdddd", name="deleted-pod")
    return msgspec.structs.replace(pod, metadata=metadata)


@pytest.mark.parametrize("example", [*examples(INTRODUCED), *examples(API)], ids=lambda example: example.command)
async def test_every_command_has_the_answer_that_follows_it(example: Example) -> None:
    index = documented_index()
    index.update(change(deleted_pod()))
    index.delete(change(deleted_pod(2_001)))
    async with served(index) as client:
        answer = await client.send(request(example.command))
    assert answer.status_code == 200
    if example.answer is None:
        assert answer.content == encode_record(example_pod())
    else:
        documented = json.dumps(json.loads(example.answer), separators=(",", ":"), ensure_ascii=False)
        assert answer.text == documented


def test_the_introduction_has_six_commands_with_their_answers() -> None:
    answers = [example.answer for example in examples(INTRODUCED)]
    assert len(answers) == 6
    assert None not in answers


def test_every_way_to_ask_has_a_command() -> None:
    asked = " ".join(example.command for example in examples(API))
    keys = (
        "?uid=",
        "id=$(",
        "?containerID=",
        "?ip=",
        "?namespace=default&name=",
        "&includeDeleted=",
        "&wait=",
        "details=true",
        "workload=",
    )
    for part in (*keys, "/pods/lookup", "/pods?"):
        assert part in asked


@pytest.mark.parametrize("text", SPELLINGS)
async def test_every_example_of_an_id_finds_the_pod(text: str) -> None:
    async with served(documented_index()) as client:
        answer = await client.get("/api/v1/pod", params={"id": text})
        assert (answer.status_code, answer.content) == (200, encode_record(example_pod()))
        many = await client.post("/api/v1/pods/lookup", json={"ids": [text]})
    assert many.json()["results"] == [{"id": text, "pod": answer.json()}]


async def test_the_example_of_a_uid_of_cgroups_finds_the_pod() -> None:
    found = re.search(r"`(pod\w+)`", API)
    assert found is not None
    async with served(documented_index()) as client:
        assert (await client.get("/api/v1/pod", params={"uid": found[1]})).status_code == 200


def ambiguous_uid() -> PodIndex:
    """An index in which the UID ``U`` of the documentation is that of three pods."""
    index = synced_index()
    index.find = lambda identifier, *, deleted=False: Ambiguity(3)  # type: ignore[method-assign]
    return index


def requests_that_fail() -> Iterator[tuple[ASGIApp, str, str, bytes]]:
    """An application, a method, a path and a body for every documented error."""

    def app(index: PodIndex) -> Starlette:
        return create_app(index, lambda: 0.0)

    synced = app(synced_index())
    for path in (
        "pod",
        "pods",
        "pod?uid=U",
        "pod?uid=U&id=U",
        "pod?uid=U&clusters=all",
        "pods?node=" + "x" * Settings().max_query_bytes,
        "pods?watch=true&node=n&limit=1",
        "pods?all=true&node=n",
        "pods?node=n&resume=x",
        "pods?watch=true&node=n&resume=x",
        "nothing",
    ):
        yield synced, "GET", f"/api/v1/{path}", b""
    yield synced, "DELETE", "/api/v1/pod", b""
    yield synced, "POST", "/api/v1/pods/lookup", b"x" * (Settings().max_body_bytes + 1)
    yield app(synced_index(index_names=frozenset())), "GET", "/api/v1/pod?ip=10.0.0.1", b""
    yield app(synced_index(details=False)), "GET", "/api/v1/pod?uid=U&details=true", b""
    for query in ("workload=Deployment/web", "workload=web&namespace=default"):
        yield synced, "GET", f"/api/v1/pods?{query}", b""
    yield app(ambiguous_uid()), "GET", "/api/v1/pod?uid=U", b""
    yield app(PodIndex()), "GET", "/ready", b""
    yield create_app(synced_index(), lambda: 312.0, Settings(max_staleness_seconds=300.0)), "GET", "/ready", b""
    yield app(PodIndex()), "GET", "/api/v1/pod?uid=U", b""
    authenticator = Authenticator(Login("ann", "s3cret"), None)
    yield create_app(synced_index(), lambda: 0.0, authenticator=authenticator), "GET", "/api/v1/pod?uid=U", b""
    stopping = app(synced_index())
    begin_shutdown(stopping)
    yield stopping, "GET", "/ready", b""
    yield stopping, "GET", "/api/v1/pod?uid=U&wait=1s", b""
    broken = PodIndex()
    del broken.synced
    yield app(broken), "GET", "/ready", b""


async def errors_of_clusters(folder: Path) -> set[tuple[int, str]]:
    """The documented errors of lookups in several clusters."""
    other = example_pod()
    other.metadata.uid = f"0{UID[1:]}"
    found: set[tuple[int, str]] = set()
    for peer, queries in (
        (synced_index(other), ("ip=10.244.1.5&clusters=all",)),
        (PodIndex(), (f"uid=0{UID[1:]}&clusters=all", "ip=10.244.1.5&clusters=all")),
        (PodIndex(), ("uid=U&clusters=some", "uid=U&clusters=all&cluster=b", "uid=U&cluster=x")),
    ):
        async with pod_index(peer) as b, cluster(folder, synced_index(example_pod()), {"b": b}) as here:
            answers = [await here.client.get(f"/api/v1/pod?{query}") for query in queries]
            answers.append(await here.client.get("/api/v1/pods?all=true&clusters=all"))
            found |= {(answer.status_code, answer.text) for answer in answers}
    return found


async def test_every_error_is_answered_as_documented(tmp_path: Path) -> None:
    answered = {
        # tests/unit/test_waiting.py, test_long_answers.py, test_endpoints.py and test_connections.py ask for these.
        (503, error("too many bodies are being read").decode()),
        (503, error(f"{RESPONSES_MAX} lists and batch lookups are already in progress").decode()),
        (503, error(f"{Settings().max_watches} streams are already open").decode()),
        (503, error(f"{WAITERS_MAX} lookups are already waiting").decode()),
        (400, error("not a valid HTTP request").decode()),
        (400, error("request must have exactly one Host header").decode()),
        (408, error(f"request did not come within {Settings().client_timeout_seconds:g} s").decode()),
        (413, error(f"request is longer than {BODY_FACTOR * Settings().max_body_bytes} bytes").decode()),
        (414, error(f"request target is longer than {Settings().max_header_bytes // 2} bytes").decode()),
        (431, error(f"header is longer than {Settings().max_header_bytes} bytes").decode()),
        (431, error(f"more than {HEADERS_MAX} header fields").decode()),
        (501, error("transfer coding is not supported").decode()),
        (503, TOO_MANY_CONNECTIONS.partition(b"\r\n\r\n")[2].decode()),
    }
    for app, method, path, body in requests_that_fail():
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            answer = await client.request(method, path, content=body)
            answered.add((answer.status_code, answer.text))
    answered |= await errors_of_clusters(tmp_path)
    documented = {
        (int(row[0][:3]), text)
        for row in table(OPERATOR, "error")
        for text in re.findall(r'`(\{"error":"[^`]*"\})`', row[1])
    }
    assert {status for status, _ in documented} == {400, 401, 404, 405, 408, 409, 410, 413, 414, 431, 500, 501, 503}
    assert documented == answered


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("up to {} pods, by any identifiers", IDS_MAX),
        ("has at most {} `ids`", IDS_MAX),
        ("`ids` and {} KiB", Settings().max_body_bytes // 1024),
        ("body is longer than {:d} bytes", Settings().max_body_bytes),
        ("query string is longer than {:d} bytes", Settings().max_query_bytes),
        ("for at most {:g} s (`2s`", WAIT_MAX_SECONDS),
        ("Up to {} requests may wait", WAITERS_MAX),
        ("{:d} lookups are already waiting", WAITERS_MAX),
        ("order of their UIDs, {} per page", LIST_DEFAULT),
        ("(`limit`, at most {})", LIST_MAX),
    ],
)
def test_every_limit_is_that_of_the_code(text: str, value: float) -> None:
    assert re.sub(r"\{\}", "{:,}", text).format(value) in " ".join(API.split())
