"""``smoke``: check a running pod-index from end to end."""

import argparse
import json
import re
import time
import urllib.parse
import uuid
from collections.abc import Mapping, Sequence

from tests.commands.programs import CommandFailed, Programs, say
from tests.commands.running_pods import COMPARED, Expected, RunningPods
from tests.commands.service import Answer, Service, authorization_of

SYNC_SECONDS = 60.0
PAUSE_SECONDS = 0.2
CANDIDATES = 10
AGREE_SECONDS = 5.0
"""How long a lookup may differ from what kubectl says: both learn of a change by themselves."""


def main(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Check the service; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="tox run -e smoke --",
        description="Check a running pod-index over HTTP. "
        "BASIC_AUTH_USERNAME and BASIC_AUTH_PASSWORD, or AUTH_TOKEN_FILE, are those that it was started with, if any.",
    )
    parser.add_argument("url", nargs="?", default="http://localhost:8080", help="default: http://localhost:8080")
    parser.add_argument("--uid", help="look up the pod with this UID, instead of one that kubectl names")
    parser.add_argument(
        "--namespace",
        default=environ.get("NAMESPACE", ""),
        help="of the pod that is looked up, where not all namespaces are watched (default: $NAMESPACE, else any)",
    )
    options = parser.parse_args(arguments)
    smoke = Smoke(Service(options.url, authorization_of(environ)), RunningPods(Programs(environ)))
    smoke.check_health()
    smoke.check_readiness()
    smoke.check_errors()
    if options.uid:
        smoke.check_pod_of(options.uid)
    else:
        smoke.check_a_running_pod(options.namespace)
    if smoke.failed:
        raise CommandFailed(f"{smoke.failed} of {smoke.checks} checks of {options.url} have failed")
    say(f"All {smoke.checks} checks of {options.url} have passed.")
    return 0


class Smoke:
    """Checks that print one line each, and are counted."""

    def __init__(self, service: Service, pods: RunningPods) -> None:
        self._service = service
        self._pods = pods
        self.checks = 0
        self.failed = 0

    def check_health(self) -> None:
        """Check that it listens."""
        self._check("/health", 200, {"status": "healthy"})

    def check_readiness(self) -> None:
        """Check that it is ready, or becomes so within a minute."""
        deadline = time.monotonic() + SYNC_SECONDS
        while (answer := self._service.ask("/ready")).status == 503 and time.monotonic() < deadline:
            if answer.content != {"error": "cache not synced"}:
                break
            time.sleep(PAUSE_SECONDS)
        content = answer.content
        count = content.get("podCount") if isinstance(content, dict) else None
        right = type(count) is int and count >= 0 and content == {"status": "ready", "podCount": count}
        expected = '200 {"status":"ready","podCount":N}'
        self._tell(answer, "GET /ready", expected, right=answer.status == 200 and right)

    def check_errors(self) -> None:
        """Check the answers to requests that cannot be fulfilled."""
        unknown = str(uuid.uuid4())
        self._check("/api/v1/pod", 400, {"error": "uid parameter is required"})
        self._check(f"/api/v1/pod?uid={unknown}", 404, {"error": f"pod with UID {unknown} not found"})
        self._check("/no/such/path", 404, {"error": "not found"})
        for path in ("/health", "/ready", f"/api/v1/pod?uid={unknown}"):
            self._check(path, 405, {"error": "Method not allowed"}, method="POST")

    def check_a_running_pod(self, namespace: str) -> None:
        """Check the lookup of a pod that kubectl names; skip that where kubectl cannot, and say why."""
        try:
            candidates = self._pods.some(namespace, CANDIDATES)
            if not candidates:
                say(f"skip a lookup: kubectl knows no running pod{f' in namespace {namespace}' if namespace else ''}")
                return
            for pod in candidates:
                if self._check_pod(pod):
                    return
        except CommandFailed as failure:
            say(f"skip a lookup: {failure} (--uid names a pod by hand)")
            return
        say("skip a lookup: all the pods that kubectl has named are gone")

    def check_pod_of(self, uid: str) -> None:
        """Check the lookup of this UID, and that kubectl says the same of the pod where it can."""
        path = f"/api/v1/pod?uid={urllib.parse.quote(uid)}"
        answer = self._service.ask(path)
        told = _compared(answer)
        right = told is not None and told["uid"] == uid
        if not self._tell(answer, f"GET {path}", f"200 and the pod {uid}", right=right):
            return
        try:
            pod = self._pods.again(told or {})
        except CommandFailed as failure:
            say(f"skip the comparison with kubectl: {failure}")
            return
        if pod is None or not self._check_pod(pod):
            self._tell("none in kubectl's current context", f"the pod {uid} of kubectl", "the same one", right=False)

    def _check_pod(self, pod: Expected) -> bool:
        """Compare lookups with what kubectl says; return False if the pod is gone, which proves nothing."""
        path = f"/api/v1/pod?uid={pod['uid']}"
        agrees, answer = self._check_lookup(path, pod)
        if agrees:
            age = answer.headers.get("age", "none")
            self._tell(age, f"the Age of GET {path}", "whole seconds", right=re.fullmatch("[0-9]+", age) is not None)
            return self._check_name(pod)
        if agrees is False and answer.status == 404:
            watched = f"Is {pod['namespace']} watched? --namespace names another."
            say(f"     Is that the cluster of kubectl's context? {watched}")
        return agrees is not None

    def _check_name(self, pod: Expected) -> bool:
        """Compare the lookups by the pod's name; return False if it is gone."""
        namespace, name = urllib.parse.quote(pod["namespace"]), urllib.parse.quote(pod["name"])
        for query in (f"namespace={namespace}&name={name}", f"id={namespace}/{name}"):
            agrees, answer = self._check_lookup(f"/api/v1/pod?{query}", pod)
            if _is_switched_off(answer):
                say(f"skip the lookups by name: {answer}")
                break
            if agrees is None:
                return False
        return True

    def _check_lookup(self, path: str, pod: Expected) -> tuple[bool | None, Answer]:
        """Compare one lookup with what kubectl says; return None if the pod is gone, or cannot be asked for so."""
        deadline = time.monotonic() + AGREE_SECONDS
        current: Expected | None = pod
        while _compared(answer := self._service.ask(path)) != current:
            if _is_switched_off(answer) or (current := self._pods.again(pod)) is None:
                return None, answer
            if time.monotonic() > deadline:
                break
            time.sleep(PAUSE_SECONDS)
        agrees = _compared(answer) == current
        expected = json.dumps(current, separators=(",", ":"))
        return self._tell(answer, f"GET {path}", f"200 and {expected}", right=agrees), answer

    def _check(self, path: str, status: int, content: object, method: str = "GET") -> None:
        answer = self._service.ask(path, method)
        right = answer.status == status and answer.content == content
        expected = f"{status} {json.dumps(content, separators=(',', ':'))}"
        if status == 405:
            expected += " with Allow: GET"
            right = right and "GET" in answer.headers.get("allow", "")
        self._tell(answer, f"{method} {path}", expected, right=right)

    def _tell(self, answer: Answer | str, request: str, expected: str, *, right: bool) -> bool:
        self.checks += 1
        self.failed += not right
        say(f"ok   {request} is {answer}" if right else f"FAIL {request}: expected {expected}, got {answer}")
        return right


def _compared(answer: Answer) -> Expected | None:
    """The fields that are compared, of an answer that is a pod."""
    content = answer.content
    if answer.status != 200 or not isinstance(content, dict):
        return None
    return {name: content.get(name) for name in COMPARED}


def _is_switched_off(answer: Answer) -> bool:
    """Whether the service says that it was told not to look up so."""
    return answer.status == 400 and "switched off by LOOKUP_KEYS" in answer.text
