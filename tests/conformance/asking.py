"""Pods for tests, and requests for them over HTTP."""

import hashlib
import http.client
import itertools
import json
import select
import urllib.parse
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from typing import Any
from uuid import uuid4

from tests.apiserver import make_pod
from tests.conformance.cluster import Cluster
from tests.support.operator_process import OperatorProcess, expected_record
from tests.support.polling import eventually

HELD_SECONDS = 0.2
"""The time without a response after which a request counts as waiting."""

Found = tuple[str, str]
"""The UID of a pod, and the kind of identifier that it was found by."""


_addresses = itertools.count(1)


def container_id(seed: str) -> str:
    """Return a container ID that depends on the seed only."""
    return hashlib.sha256(seed.encode()).hexdigest()


def address() -> str:
    """Return an IP that no other test uses and no cluster has: https://www.rfc-editor.org/rfc/rfc5737."""
    return f"192.0.2.{next(_addresses)}"


def running(name: str, *, ip: str = "", started: str = "", **parts: Any) -> dict[str, Any]:
    """Return a running pod, started at ``started``; ``parts`` are those of ``make_pod``."""
    pod = make_pod(name, ip=ip, phase="Running", **parts)
    if started:
        pod["status"]["startTime"] = started
    return pod


def create(cluster: Cluster, operator: OperatorProcess, pod: dict[str, Any]) -> str:
    """Create a pod, and wait until the operator serves it; return its UID."""
    created = cluster.pods.create(pod)
    catch_up(cluster, operator)
    uid: str = created["metadata"]["uid"]
    assert operator.lookup(uid) == expected_record(created)
    return uid


def catch_up(cluster: Cluster, operator: OperatorProcess) -> None:
    """Wait until the operator has all changes so far, by adding one more: they arrive in order."""
    marker = cluster.pods.create(make_pod(f"marker-{uuid4().hex}", "markers"))["metadata"]
    eventually(lambda: operator.lookup(marker["uid"]))
    cluster.pods.delete("markers", marker["name"])


def ask(operator: OperatorProcess, **parameters: str) -> tuple[int, dict[str, str], Any]:
    """Look a pod up; return the status, the headers and the JSON of the response."""
    status, headers, body = operator.get(_target(parameters))
    return status, headers, json.loads(body)


def found(operator: OperatorProcess, **parameters: str) -> Found | None:
    """Look a pod up; return None for a 404, and fail for any other error."""
    return _found(*ask(operator, **parameters))


def lookup_many(operator: OperatorProcess, ids: Iterable[str], **parameters: str) -> list[tuple[str, str | None]]:
    """Look many pods up at once; return each ID with the UID of its pod, or None."""
    target = f"/api/v1/pods/lookup?{urllib.parse.urlencode(parameters)}"
    status, _, body = operator.get(target, "POST", json.dumps({"ids": list(ids)}).encode())
    assert status == 200, body
    results = json.loads(body)["results"]
    return [(result["id"], result["pod"] and result["pod"]["uid"]) for result in results]


def pages(operator: OperatorProcess, **parameters: str) -> Iterator[list[dict[str, Any]]]:
    """List pods page by page; yield the records of each page."""
    while True:
        status, _, body = operator.get(f"/api/v1/pods?{urllib.parse.urlencode(parameters)}")
        assert status == 200, body
        page = json.loads(body)
        yield page["pods"]
        if "continue" not in page:
            return
        parameters["continue"] = page["continue"]


def listed(operator: OperatorProcess, **parameters: str) -> list[str]:
    """List all pods; return their UIDs."""
    return [record["uid"] for page in pages(operator, **parameters) for record in page]


class HeldLookup:
    """A waiting lookup."""

    def __init__(self, connection: http.client.HTTPConnection) -> None:
        self._connection = connection

    def answer(self) -> tuple[int, dict[str, str], Any]:
        """Wait for the response; return the same as ``ask``."""
        with self._connection.getresponse() as response:
            headers = {name.lower(): value for name, value in response.getheaders()}
            return response.status, headers, json.loads(response.read())

    def found(self) -> Found | None:
        """Wait for the response; return the same as ``found``."""
        return _found(*self.answer())


@contextmanager
def held_lookup(operator: OperatorProcess, **parameters: str) -> Iterator[HeldLookup]:
    """Look a pod up on a connection of its own, and check that there is no response yet."""
    with closing(http.client.HTTPConnection("127.0.0.1", operator.port, timeout=30)) as connection:
        connection.request("GET", _target(parameters))
        assert select.select([connection.sock], [], [], HELD_SECONDS)[0] == [], "it is not held"
        yield HeldLookup(connection)


def _target(parameters: dict[str, str]) -> str:
    return f"/api/v1/pod?{urllib.parse.urlencode(parameters)}"


def _found(status: int, headers: dict[str, str], content: Any) -> Found | None:
    if status == 404:
        return None
    assert status == 200, content
    return content["uid"], headers["matched-by"]
