"""The pods of the real server, with the interface of ``tests.apiserver.store.PodStore``."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from copy import deepcopy
from itertools import islice

from tests.apiserver.statuses import JSON, AlreadyExists, Conflict
from tests.kubernetes.client import ApiClient

# Concurrent requests while many pods are created; more of them do not help, since the server is the limit.
_WRITERS = 16
_PAGE = 500
# The server sets these itself, and refuses or ignores them in a new pod.
_OWN_METADATA = ("uid", "resourceVersion", "creationTimestamp", "generation", "managedFields")


class Pods:
    """All pods of the cluster. Every method may be called in any thread.

    There is no kubelet and no scheduler: pods stay as they are written.
    """

    def __init__(self, client: ApiClient) -> None:
        self._client = client
        self._namespaces: set[str] = set()

    # ---- reading

    @property
    def resource_version(self) -> int:
        """The version of the latest write to any object."""
        page = self._client.call("GET", "/api/v1/pods", query={"limit": 1})
        return int(page["metadata"]["resourceVersion"])

    def __len__(self) -> int:
        return sum(1 for _ in self._listed())

    def get(self, namespace: str, name: str) -> JSON:
        """One pod. Raises NotFound."""
        return self._client.call("GET", _path(namespace, name))

    def pods(self) -> dict[str, JSON]:
        """All pods by UID."""
        return {pod["metadata"]["uid"]: pod for pod in self._listed()}

    # ---- writing

    def create(self, pod: JSON) -> JSON:
        """Add a pod, and its namespace if needed; a status takes a second write. Raises AlreadyExists.

        The server sets the UID, the creation time and the like.
        """
        metadata = {"namespace": "default"} | {k: v for k, v in pod["metadata"].items() if k not in _OWN_METADATA}
        namespace = metadata["namespace"]
        self._ensure_namespace(namespace)
        body = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": pod["spec"]}
        created = self._client.call("POST", _path(namespace), body)
        status = {**created["status"], **(pod.get("status") or {})}
        return created if status == created["status"] else self._write_status(created, status)

    def load(self, pods: Iterable[JSON]) -> None:
        """Create many pods concurrently; stop at the first error, and raise it."""
        remaining = iter(pods)
        with ThreadPoolExecutor(_WRITERS) as writers:
            running = self._submit(writers, remaining, 2 * _WRITERS)
            while running:
                done, running = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    future.result()
                running |= self._submit(writers, remaining, len(done))

    def update(self, namespace: str, name: str, change: Callable[[JSON], None]) -> JSON:
        """Let ``change`` edit a copy of the pod, and write it; return the pod as it is then. Raises NotFound.

        A change of the status, the first node and ephemeral containers take a write each, as for a kubelet, a
        scheduler and ``kubectl debug``. An update without a difference writes nothing.
        """
        while True:
            before = self.get(namespace, name)
            wanted = deepcopy(before)
            change(wanted)
            try:
                return self._write(before, wanted)
            except Conflict:
                continue  # as real clients do: https://kubernetes.io/docs/reference/using-api/api-concepts/

    def delete(self, namespace: str, name: str, *, uid: str = "") -> JSON:
        """Remove a pod at once; return its last state. Raises NotFound.

        Raises Conflict if ``uid`` is given, and the pod has another one.
        """
        options: JSON = {"apiVersion": "v1", "kind": "DeleteOptions", "gracePeriodSeconds": 0}
        if uid:
            options["preconditions"] = {"uid": uid}
        return self._client.call("DELETE", _path(namespace, name), options)

    def delete_all(self) -> None:
        """Remove every pod at once."""
        with ThreadPoolExecutor(_WRITERS) as writers:
            names = [(pod["metadata"]["namespace"], pod["metadata"]["name"]) for pod in self._listed()]
            for _ in writers.map(lambda name: self.delete(*name), names):
                pass  # a result that is read raises its error

    # ---- requests

    def _listed(self) -> Iterator[JSON]:
        query: dict[str, object] = {"limit": _PAGE}
        while True:
            page = self._client.call("GET", "/api/v1/pods", query=query)
            yield from page["items"]
            query["continue"] = page["metadata"].get("continue")
            if not query["continue"]:
                return

    def _submit(self, writers: ThreadPoolExecutor, pods: Iterator[JSON], number: int) -> set[Future[JSON]]:
        return {writers.submit(self.create, pod) for pod in islice(pods, number)}

    def _write(self, before: JSON, wanted: JSON) -> JSON:
        namespace, name = before["metadata"]["namespace"], before["metadata"]["name"]
        written = before
        node = wanted["spec"].get("nodeName")
        if node and not before["spec"].get("nodeName"):
            target = {"apiVersion": "v1", "kind": "Node", "name": node}
            binding = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": name}, "target": target}
            self._client.call("POST", f"{_path(namespace, name)}/binding", binding)
            written = self.get(namespace, name)
            before["spec"]["nodeName"] = node
        ephemeral = wanted["spec"].get("ephemeralContainers")
        if ephemeral and ephemeral != before["spec"].get("ephemeralContainers"):
            # As kubectl debug does it: https://kubernetes.io/docs/concepts/workloads/pods/ephemeral-containers/
            body = {**written, "spec": {**written["spec"], "ephemeralContainers": ephemeral}}
            written = self._client.call("PUT", f"{_path(namespace, name)}/ephemeralcontainers", body)
            # With the defaults of the server.
            before["spec"]["ephemeralContainers"] = written["spec"]["ephemeralContainers"]
            wanted["spec"]["ephemeralContainers"] = written["spec"]["ephemeralContainers"]
        if any(before.get(part) != wanted.get(part) for part in ("metadata", "spec")):
            version = {"resourceVersion": written["metadata"]["resourceVersion"]}
            body = {**wanted, "metadata": wanted["metadata"] | version}
            written = self._client.call("PUT", _path(namespace, name), body)
        if before.get("status") != wanted.get("status"):
            written = self._write_status(written, wanted["status"])
        return written

    def _write_status(self, pod: JSON, status: JSON) -> JSON:
        # A write of the status ignores the spec, but not the metadata:
        # k8s.io/kubernetes/pkg/registry/core/pod/strategy.go, podStatusStrategy.PrepareForUpdate
        metadata = {key: value for key, value in pod["metadata"].items() if key != "managedFields"}
        body = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "status": status}
        return self._client.call("PUT", f"{_path(metadata['namespace'], metadata['name'])}/status", body)

    def _ensure_namespace(self, name: str) -> None:
        if name not in self._namespaces:
            namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
            with suppress(AlreadyExists):
                self._client.call("POST", "/api/v1/namespaces", namespace)
            self._namespaces.add(name)


def _path(namespace: str, name: str = "") -> str:
    return f"/api/v1/namespaces/{namespace}/pods" + (f"/{name}" if name else "")
