"""The examples of the OpenAPI document are actual responses, headers included."""

import json
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from starlette.applications import Starlette

from pod_index.api.app import begin_shutdown, create_app, endpoint_context
from pod_index.api.authentication import Authenticator, Login
from pod_index.api.endpoints import IDS_MAX
from pod_index.api.openapi import PATH
from pod_index.api.page import FILES
from pod_index.settings import Settings
from pod_index.store.index import PodIndex
from tests.support.openapi import (
    DOCUMENT,
    JSON,
    PARAMETERS,
    RESPONSES,
    SERVER_ERRORS,
    examples,
    media_types,
    resolved,
    validator,
)
from tests.support.peers import cluster, pod_index
from tests.support.served import (
    CONFIG_HASH,
    CONTAINER_ID,
    UID,
    change,
    example_pod,
    namesakes,
    served,
    simple_pod,
    static_pod,
    synced_index,
)

DELETED_AT = 1704153600.0  # 2024-01-02T00:00:00Z

IMPLICIT_HEADERS = {"content-type", "content-length"}
"""The content type is the key of the content; the length is not documented."""


class Example(NamedTuple):
    """A request, and the example that is its response."""

    response: str
    name: str
    app: Starlette
    path: str
    method: str = "GET"
    body: bytes = b""
    accept: str = "*/*"
    peer: PodIndex | None = None
    """The index of cluster ``b``; this one is ``a``."""


def app(index: PodIndex, **options: Any) -> Starlette:
    return create_app(index, lambda: 2.0, **options)


def known() -> PodIndex:
    """An index with the pod of the examples only."""
    return synced_index(example_pod(), now=lambda: DELETED_AT)


def gone() -> PodIndex:
    index = known()
    index.delete(change(example_pod(2_000)))
    return index


def namesake() -> PodIndex:
    """An index with another pod that has the IP of the example."""
    pod = example_pod()
    pod.metadata.uid = "0" * 8 + UID[8:]
    return synced_index(pod)


def ambiguous() -> PodIndex:
    """An index with three static pods of one manifest, and two pods with one IP, one container ID, and similar ones."""
    pods = namesakes(2, example_pod(container_id="some-vm"))
    similar = [example_pod(container_id=f"{CONTAINER_ID[:12]}{digit * 52}", ip="") for digit in "01"]
    others = [namesakes(number, pod)[-1] for number, pod in enumerate(similar, 6)]
    return synced_index(*namesakes(3, static_pod()), *pods, *others)


def requests() -> Iterator[Example]:
    """A request for every example of a response."""
    pod, pods, many = "/api/v1/pod", "/api/v1/pods", "/api/v1/pods/lookup"
    here, empty = app(known()), app(synced_index())
    unsynced, no_keys = app(PodIndex()), app(synced_index(index_names=frozenset()))
    no_details, stopping = app(synced_index(details=False)), app(synced_index())
    begin_shutdown(stopping)
    broken = PodIndex()
    del broken.synced

    yield Example("PodFound", "pod", here, f"{pod}?uid={UID}")
    yield Example("PodFound", "details", here, f"{pod}?containerID={CONTAINER_ID}&details=true")
    yield Example("PodFound", "deletedPod", app(gone()), f"{pod}?uid={UID}&includeDeleted=true")
    for name, query in {
        "nothing": "",
        "severalSelectors": "uid=U&id=U",
        "nameWithoutNamespace": "namespace=default",
        "badId": "id=???",
        "nearMiss": "id=web",
        "badContainerID": "containerID=containerd://",
        "badIp": "ip=10.244.1.256",
        "badIncludeDeleted": "uid=U&includeDeleted=yes",
        "badDetails": "uid=U&details=yes",
        "badWait": "uid=U&wait=1m",
    }.items():
        yield Example("PodBadRequest", name, here, f"{pod}?{query}")
    yield Example("PodBadRequest", "detailsOff", no_details, f"{pod}?uid=U&details=true")
    yield Example("PodBadRequest", "switchedOff", no_keys, f"{pod}?ip=10.244.1.5")
    for name, query in {
        "uid": "uid=00000000-0000-0000-0000-000000000000",
        "id": "id=10.244.9.9",
        "containerID": f"containerID={'0' * 64}",
        "ip": "ip=10.244.9.9",
        "name": "namespace=default&name=another-pod",
    }.items():
        yield Example("PodNotFound", name, here, f"{pod}?{query}")
    for name, query in {
        "uid": f"uid={CONFIG_HASH}",
        "id": f"id=/kubepods/pod{CONFIG_HASH}",
        "containerID": "containerID=some-vm",
        "ip": "ip=10.244.1.5",
        "shortContainerID": f"containerID={CONTAINER_ID[:12]}",
    }.items():
        yield Example("PodAmbiguous", name, app(ambiguous()), f"{pod}?{query}")
    yield Example("PodAmbiguous", "clusters", app(known()), f"{pod}?ip=10.244.1.5&clusters=all", peer=namesake())
    for name, query in {
        "badClusters": "clusters=some",
        "clustersAndCluster": "clusters=all&cluster=b",
        "unknownCluster": "cluster=x",
    }.items():
        yield Example("PodBadRequest", name, here, f"{pod}?uid=U&{query}", peer=synced_index())
    yield Example("PodBadRequest", "noClusters", here, f"{pod}?uid=U&clusters=all")
    nothing, somebody = "uid=00000000-0000-0000-0000-000000000000", "ip=10.244.1.5"
    yield Example("PodUnavailable", "noAnswer", app(known()), f"{pod}?{nothing}&clusters=all", peer=PodIndex())
    yield Example("PodUnavailable", "foundElsewhere", app(known()), f"{pod}?{somebody}&clusters=all", peer=PodIndex())
    yield Example("PodUnavailable", "notSynced", unsynced, f"{pod}?uid=U")
    yield Example("PodUnavailable", "shuttingDown", stopping, f"{pod}?uid=U&wait=1")
    yield Example("ApiMethodNotAllowed", "method", here, pod, "POST")
    yield Example("ApiInternalError", "internalError", app(broken), f"{pod}?uid=U")
    yield Example(
        "Unauthorized", "unauthorized", app(known(), authenticator=Authenticator(Login("ann", "s3cret"), None)), pod
    )

    another = simple_pod("9" * 8 + UID[8:], name="another")
    yield Example("PodsListed", "page", app(synced_index(example_pod(), another)), f"{pods}?node=node-1&limit=1")
    yield Example("PodsListed", "last", here, f"{pods}?namespace=default")
    yield Example("PodsListed", "details", here, f"{pods}?namespace=default&details=true")
    yield Example("PodsListed", "none", empty, f"{pods}?namespace=default")
    short = create_app(known(), lambda: 2.0, Settings(watch_max_seconds=0.0))  # Streams end at once.
    yield Example("PodsListed", "stream", short, f"{pods}?watch=true&node=node-1")
    yield Example("PodsExpired", "invalid", here, f"{pods}?watch=true&node=node-1&resume=nonsense")
    yield Example("PodsUnavailable", "shuttingDown", stopping, f"{pods}?watch=true&node=node-1")
    yield Example("PodsBadRequest", "clusters", here, f"{pods}?node=node-1&clusters=all")
    yield Example("PodsBadRequest", "limitOfStream", here, f"{pods}?watch=true&node=node-1&limit=1")
    yield Example("PodsBadRequest", "allAndNode", here, f"{pods}?node=node-1&all=true")
    yield Example("PodsBadRequest", "resumeOfList", here, f"{pods}?node=node-1&resume=x")
    yield Example("PodsBadRequest", "nothing", here, pods)
    yield Example("PodsBadRequest", "switchedOff", no_keys, f"{pods}?node=node-1")
    yield Example("PodsBadRequest", "detailsOff", no_details, f"{pods}?node=node-1&details=true")
    for name, query in {
        "workloadWithoutNamespace": "workload=Deployment/web",
        "badWorkload": "workload=web&namespace=default",
        "unknownKind": "workload=Rollout/web&namespace=default",
        "badDetails": "node=node-1&details=yes",
        "badLimit": "node=node-1&limit=5001",
    }.items():
        yield Example("PodsBadRequest", name, here, f"{pods}?{query}")
    yield Example("PodsUnavailable", "notSynced", unsynced, f"{pods}?node=node-1")

    bodies = examples(DOCUMENT["paths"][many]["post"]["requestBody"]["content"]["application/json"])
    two, one = (json.dumps(bodies[name]).encode() for name in ("two", "one"))
    too_many = json.dumps({"ids": [""] * (IDS_MAX + 1)}).encode()
    yield Example("PodsLookedUp", "found", here, many, "POST", two)
    yield Example("PodsLookedUp", "nearMiss", here, many, "POST", b'{"ids": ["example-pod"]}')
    mixed = json.dumps({"ids": [UID, "10.244.9.9"]}).encode()
    yield Example("PodsLookedUp", "clusters", app(known()), f"{many}?clusters=all", "POST", mixed, peer=PodIndex())
    yield Example("PodsLookedUp", "explained", here, f"{many}?explain=true", "POST", two)
    yield Example("LookupBadRequest", "noClusters", here, f"{many}?clusters=all", "POST", two)
    yield Example("PodsLookedUp", "details", here, f"{many}?details=true", "POST", one)
    yield Example("PodsLookedUp", "deleted", app(gone()), f"{many}?includeDeleted=true", "POST", one)
    yield Example("LookupBadRequest", "notJson", here, many, "POST", b"ids")
    yield Example("LookupBadRequest", "otherJson", here, many, "POST", b"{}")
    yield Example("LookupBadRequest", "tooManyIds", here, many, "POST", too_many)
    yield Example("LookupBadRequest", "badIncludeDeleted", here, f"{many}?includeDeleted=yes", "POST", one)
    yield Example("LookupBadRequest", "badDetails", here, f"{many}?details=yes", "POST", one)
    yield Example("LookupBadRequest", "detailsOff", no_details, f"{many}?details=true", "POST", one)
    yield Example("LookupMethodNotAllowed", "method", here, many)
    yield Example("BodyTooLong", "bodyTooLong", here, many, "POST", b"x" * (Settings().max_body_bytes + 1))

    yield Example("Healthy", "healthy", here, "/health")
    yield Example("Ready", "ready", here, "/ready")
    yield Example("NotReady", "notSynced", unsynced, "/ready")
    yield Example("NotReady", "shuttingDown", stopping, "/ready")
    stale = create_app(synced_index(), lambda: 312.0, Settings(max_staleness_seconds=300.0))
    yield Example("NotReady", "stale", stale, "/ready")
    yield Example("Metrics", "text", here, "/metrics")
    yield Example("Metrics", "openmetrics", here, "/metrics", accept="application/openmetrics-text")
    yield Example("MethodNotAllowed", "method", here, "/ready", "POST")
    yield Example("InternalError", "internalError", app(broken), "/ready")
    yield Example("NotFound", "notFound", create_app(known(), lambda: 2.0, Settings(page=False)), "/page.js")


@pytest.mark.parametrize("example", list(requests()), ids=lambda example: f"{example.response}-{example.name}")
async def test_every_example_is_what_the_service_answers(example: Example, tmp_path: Path) -> None:
    transport = httpx.ASGITransport(example.app, raise_app_exceptions=False)
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(httpx.AsyncClient(transport=transport, base_url="http://test"))
        if example.peer is not None:
            url = await stack.enter_async_context(pod_index(example.peer))
            context = endpoint_context(example.app)
            here = await stack.enter_async_context(cluster(tmp_path, context.index, {"b": url}, age=2.0))
            client = here.client
        answer = await client.request(
            example.method, example.path, content=example.body, headers={"Accept": example.accept}
        )
    response = assert_documented(answer, example.response)
    value = examples(response["content"][answer.headers["content-type"]])[example.name]
    if example.response == "Metrics":
        assert set(value.splitlines()) <= set(answer.text.splitlines())
    elif isinstance(value, str):
        assert answer.text == value
    else:
        assert answer.text == json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def test_every_example_of_the_application_has_a_request() -> None:
    documented = {
        (name, example)
        for name, response in RESPONSES.items()
        for media_type in media_types(response)
        for example in examples(media_type)
        if example not in {*SERVER_ERRORS, "requestTooLong", "unknownCoding"}
    }
    # test_waiting.py, test_response_limiter.py, test_endpoints.py and test_follow.py request these.
    elsewhere = {
        ("PodUnavailable", "tooManyWait"),
        ("PodsUnavailable", "tooManyInProgress"),
        ("PodsUnavailable", "tooManyBodies"),
        ("PodsUnavailable", "tooManyStreams"),
    }
    assert documented - elsewhere == {(example.response, example.name) for example in requests()}


@pytest.mark.parametrize(
    ("name", "value"),
    [(name, value) for name in ("uid", "id", "containerID", "ip") for value in examples(PARAMETERS[name]).values()],
)
async def test_every_example_of_a_selector_finds_the_pod(name: str, value: str) -> None:
    async with served(known()) as client:
        answer = await client.get("/api/v1/pod", params={name: value})
    response = assert_documented(answer, "PodFound")
    assert answer.json() == examples(response["content"]["application/json"])["pod"]


@pytest.mark.parametrize("name", ["wait", "includeDeleted", "details"])
async def test_every_example_of_a_lookup_option_is_accepted(name: str) -> None:
    pod = {
        "namespace": examples(PARAMETERS["namespaceOfPod"])["namespace"],
        "name": examples(PARAMETERS["name"])["name"],
    }
    async with served(known()) as client:
        for value in examples(PARAMETERS[name]).values():
            assert (await client.get("/api/v1/pod", params={**pod, name: value})).json()["uid"] == UID


async def test_every_example_of_a_list_parameter_is_accepted() -> None:
    async with served(known()) as client:
        for name in ("node", "namespace", "workload", "details"):
            for value in examples(PARAMETERS[name]).values():
                answer = await client.get("/api/v1/pods", params={"namespace": "default", name: value})
                assert len(answer.json()["pods"]) == 1
        for value in examples(PARAMETERS["all"]).values():
            assert len((await client.get("/api/v1/pods", params={"all": value})).json()["pods"]) == 1
        for name in ("limit", "continue"):
            for value in examples(PARAMETERS[name]).values():
                answer = await client.get("/api/v1/pods", params={"node": "node-1", name: value})
                assert len(answer.json()["pods"]) == (0 if name == "continue" else 1)


@pytest.mark.parametrize(
    ("path", "name"), [(PATH, "OpenAPI"), *zip(FILES, ("Page", "PageStyle", "PageScript", "PageIcon"), strict=True)]
)
async def test_static_files_have_the_documented_headers(path: str, name: str) -> None:
    async with served(PodIndex()) as client:
        answer = await client.get(path)
        known_already = await client.get(path, headers={"If-None-Match": "*"})
    assert answer.headers["content-type"] in assert_documented(answer, name)["content"]
    assert_documented(known_already, "NotModified" if path == PATH else "PageNotModified")


def assert_documented(answer: httpx.Response, name: str) -> JSON:
    """Check the response and its headers against the document; return the documented response."""
    methods = DOCUMENT["paths"][answer.request.url.path]
    # The 405 of an unsupported method is documented with each supported one.
    operation = methods.get(answer.request.method.lower()) or next(iter(methods.values()))
    assert operation["responses"][str(answer.status_code)]["$ref"] == f"#/components/responses/{name}"
    response: JSON = RESPONSES[name]
    headers = {header.lower(): resolved(value) for header, value in response.get("headers", {}).items()}
    assert set(answer.headers) - IMPLICIT_HEADERS <= headers.keys()
    assert {header for header, value in headers.items() if value.get("required")} <= set(answer.headers)
    for header in headers.keys() & set(answer.headers):
        schema, text = headers[header]["schema"], answer.headers[header]
        validator(schema).validate(int(text) if schema["type"] == "integer" else text)
    return response
