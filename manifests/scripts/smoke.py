"""Check a running pod-index over HTTP: the probes, the errors, and lookups of a running pod that kubectl names.

If pod-index asks for authentication, set ``BASIC_AUTH_USERNAME`` and ``BASIC_AUTH_PASSWORD``, or ``AUTH_TOKEN_FILE``,
as for pod-index itself.
"""

import argparse
import base64
import http.client
import json
import os
import re
import time
import uuid
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote, urlencode, urlsplit

from image import Failed, ask, script

SYNC_SECONDS = 60.0
LAG_SECONDS = 3.0
"""How much later than kubectl pod-index may know a pod."""


class Response(NamedTuple):
    """The response to one request."""

    status: int
    headers: http.client.HTTPMessage
    text: str


class Smoke:
    """Runs checks against the service at a URL, prints one line for each, and counts them."""

    def __init__(self, url: str) -> None:
        """Raise Failed if the URL is not valid, or if ``AUTH_TOKEN_FILE`` has no token."""
        try:
            parts = urlsplit(url)
            self._host, self._port, self._path = parts.hostname or "", parts.port, parts.path.rstrip("/")
        except ValueError:
            self._host = ""
        if not self._host or parts.scheme not in ("http", "https"):
            raise Failed(f"{url!r} is not a URL such as http://localhost:8080")
        self._connect = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._url, self._headers = url, authorization()
        self.checks = self.failures = 0

    def check_probes(self) -> None:
        """Check ``/health`` and ``/ready``; wait for the first sync."""
        self._check("/health", 200, '{"status":"healthy"}')
        response = self._request("/ready", wait=(503, SYNC_SECONDS))
        self._compare("GET /ready", response, 200, '{"status":"ready","podCount":[0-9]*}')

    def check_errors(self) -> None:
        """Check the responses to requests that must fail."""
        unknown = str(uuid.uuid4())
        self._check("/api/v1/pod", 400, '{"error":"uid parameter is required"}')
        self._check(f"/api/v1/pod?uid={unknown}", 404, f'{{"error":"pod with UID {unknown} not found"}}')
        self._check("/no/such/path", 404, '{"error":"not found"}')
        for path in ("/health", "/ready", f"/api/v1/pod?uid={unknown}"):
            self._check(path, 405, '{"error":"Method not allowed"}', "POST", "Allow")

    def check_lookups(self, namespace: str) -> None:
        """Compare lookups of a running pod with kubectl; without kubectl or a pod, print that they are skipped."""
        try:
            pods = running_pods(namespace)
        except Failed as failed:
            print(f"skip lookups: {failed}")
            return
        if not any(self._check_pod(pod) for pod in pods):
            print(f"skip lookups: kubectl finds no running pod in {namespace or 'any namespace'}")

    def _check_pod(self, pod: dict[str, str]) -> bool:
        """Return False if the pod is deleted meanwhile: its lookups prove nothing."""
        namespace, name = quote(pod["namespace"]), quote(pod["name"])
        record = json.dumps(pod, separators=(",", ":")).removesuffix("}") + ",*}"
        for query in (f"uid={pod['uid']}", f"namespace={namespace}&name={name}", f"id={namespace}/{name}"):
            request = f"GET /api/v1/pod?{query}"
            response = self._request(f"/api/v1/pod?{query}")
            if response.status == 404:
                if not exists(pod):
                    return False
                response = self._request(f"/api/v1/pod?{query}", wait=(404, LAG_SECONDS))
            if "switched off by LOOKUP_KEYS" in response.text:
                print(f"skip {request}: {response.status} {response.text}")
                continue
            self._compare(request, response, 200, record, "Age")
            if response.status == 404:
                print("     Is this the cluster of the current context, and is the namespace watched? See --namespace.")
                break
        return True

    def _check(self, path: str, status: int, body: str, method: str = "GET", header: str = "") -> None:
        self._compare(f"{method} {path}", self._request(path, method), status, body, header)

    def _compare(self, request: str, response: Response, status: int, body: str, header: str = "") -> None:
        """Print whether the response has the status, a body that matches the pattern, and the header."""
        passed = response.status == status and fnmatchcase(response.text, body)
        passed = passed and (not header or header in response.headers)
        self.checks += 1
        self.failures += not passed
        got = f"{response.status} {' '.join(response.text[:300].split())}"
        expected = f"{status} {body}{f' and {header}' if header else ''}"
        print(f"ok   {request}: {got}" if passed else f"FAIL {request}: expected {expected}, got {got}")

    def _request(self, path: str, method: str = "GET", wait: tuple[int, float] = (0, 0.0)) -> Response:
        """Send a request, and repeat it while the response has the status in ``wait``, for at most its seconds."""
        status, seconds = wait
        deadline = time.monotonic() + seconds
        while (response := self._request_once(path, method)).status == status and time.monotonic() < deadline:
            time.sleep(0.2)
        return response

    def _request_once(self, path: str, method: str) -> Response:
        connection = self._connect(self._host, self._port, timeout=10)
        try:
            connection.request(method, self._path + path, headers=self._headers if path.startswith("/api/") else {})
            response = connection.getresponse()
            return Response(response.status, response.headers, response.read(1 << 20).decode(errors="replace"))
        except (OSError, http.client.HTTPException) as error:
            reason = " ".join(str(getattr(error, "strerror", None) or error or type(error).__name__).split())
            advice = "start pod-index, or run kubectl port-forward service/pod-index 8080:80"
            raise Failed(f"{self._url} does not answer ({reason}): {advice}") from None
        finally:
            connection.close()


def authorization() -> dict[str, str]:
    """Return the header for the login in the environment, or for the first token in the file; empty without them."""
    username, password = os.environ.get("BASIC_AUTH_USERNAME"), os.environ.get("BASIC_AUTH_PASSWORD")
    if username and password:
        login = base64.b64encode(f"{username}:{password}".encode("utf-8", "surrogateescape"))
        return {"Authorization": f"Basic {login.decode()}"}
    path = os.environ.get("AUTH_TOKEN_FILE")
    if not path:
        return {}
    try:
        text = Path(path).read_text("utf-8-sig", errors="replace")
    except OSError as error:
        raise Failed(f"cannot read AUTH_TOKEN_FILE {path} ({error.strerror})") from None
    for token in re.findall(r"^\s*([\w.~+/=-]+)\s*$", text, re.ASCII | re.MULTILINE):
        return {"Authorization": f"Bearer {token}"}
    raise Failed(f"AUTH_TOKEN_FILE {path} has no token")


def running_pods(namespace: str) -> list[dict[str, str]]:
    """Return the first fields of the records of a few running pods; raise Failed if kubectl fails."""
    scope = f"/namespaces/{quote(namespace)}" if namespace else ""
    query = urlencode({"fieldSelector": "status.phase=Running", "limit": 10})
    listed = json.loads(ask("kubectl", "get", "--raw", f"/api/v1{scope}/pods?{query}"))["items"]
    return [
        {name: pod["metadata"][name] for name in ("uid", "name", "namespace")} | {"nodeName": pod["spec"]["nodeName"]}
        for pod in listed
        if "deletionTimestamp" not in pod["metadata"]
    ]


def exists(pod: dict[str, str]) -> bool:
    """Whether kubectl still finds the pod; raise Failed if kubectl fails."""
    options = (f"--namespace={pod['namespace']}", "--ignore-not-found", "--output=jsonpath={.metadata.uid}")
    return ask("kubectl", "get", "pod", pod["name"], *options) == pod["uid"]


def main(arguments: list[str]) -> None:
    """Run all checks; raise Failed if one fails."""
    parser = argparse.ArgumentParser(prog="tox run -e smoke --", description=__doc__)
    parser.add_argument("url", nargs="?", default="http://localhost:8080")
    parser.add_argument("--namespace", default=os.environ.get("NAMESPACE", ""), help="of the pod (default: $NAMESPACE)")
    options = parser.parse_args(arguments)
    smoke = Smoke(options.url)
    smoke.check_probes()
    smoke.check_errors()
    smoke.check_lookups(options.namespace)
    if smoke.failures:
        raise Failed(f"{smoke.failures} of {smoke.checks} checks of {options.url} failed")
    print(f"All {smoke.checks} checks of {options.url} passed.")


if __name__ == "__main__":
    script(main)
