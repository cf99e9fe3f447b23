"""All pods, their versions and their history: the counterpart of etcd."""

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Lock
from uuid import uuid4

from tests.apiserver.history import Change, History
from tests.apiserver.selection import Selection
from tests.apiserver.statuses import JSON, AlreadyExists, NotFound, TooLargeResourceVersion
from tests.apiserver.stored import StoredPod


@dataclass(frozen=True)
class Page:
    """Part of a list: its pods, the version of the list, and the key of the next page (empty at the end)."""

    pods: list[StoredPod]
    version: int
    next_key: str


class PodStore:
    """All pods of the cluster, in the order of etcd: by ``namespace/name``. Every method may be called in any thread.

    The store keeps only encoded JSON: objects that go in or come out are copies.
    """

    def __init__(self, history_limit: int = 10_000) -> None:
        """Keep the last ``history_limit`` changes for watches and continue tokens."""
        self._lock = Lock()
        # Not 0, which means "any version" in requests.
        self._version = 1
        self._pods: dict[str, StoredPod] = {}
        self._keys: list[str] = []
        self._history = History(history_limit, self._version)
        self._subscribers: list[Callable[[], object]] = []

    # ---- reading

    @property
    def resource_version(self) -> int:
        """The version of the latest write."""
        return self._version

    def __len__(self) -> int:
        return len(self._pods)

    def get(self, namespace: str, name: str) -> JSON:
        """One pod. Raises NotFound."""
        return self.stored(namespace, name).decode()

    def stored(self, namespace: str, name: str) -> StoredPod:
        """One pod in its stored form. Raises NotFound."""
        pod = self._pods.get(f"{namespace}/{name}")
        if pod is None:
            raise NotFound(name)
        return pod

    def pods(self) -> dict[str, JSON]:
        """All pods by UID."""
        with self._lock:
            pods = list(self._pods.values())
        return {pod.uid: pod.decode() for pod in pods}

    def page(self, selection: Selection, *, version: int | None = None, start: str = "", limit: int = 0) -> Page:
        """Read the selected pods from the key ``start`` on, in the state of ``version`` (None: now).

        ``limit`` 0 reads all. Raises TooOld if the history does not reach back to ``version``, and
        TooLargeResourceVersion if ``version`` does not exist yet.
        """
        prefix = f"{selection.namespace}/" if selection.namespace else ""
        with self._lock:
            version = self._version if version is None else version
            if version > self._version:
                raise TooLargeResourceVersion(version, self._version)
            old = self._old_states(version)
            deleted = [key for key in old if key not in self._pods]
            keys = sorted([*self._keys, *deleted]) if deleted else self._keys
            pods: list[StoredPod] = []
            for index in range(bisect_left(keys, max(start, prefix)), len(keys)):
                key = keys[index]
                if not key.startswith(prefix):
                    break
                pod = old[key] if key in old else self._pods[key]
                if pod is not None and limit and len(pods) == limit:
                    return Page(pods, version, key)
                if pod is not None and pod in selection:
                    pods.append(pod)
            return Page(pods, version, "")

    def snapshot(self, selection: Selection) -> tuple[list[StoredPod], Change]:
        """The pods that are selected now, and the change after which a watch goes on from them."""
        with self._lock:
            return [self._pods[key] for key in self._keys if self._pods[key] in selection], self._history.last

    def position(self, version: int) -> Change:
        """The change after which a watch from ``version`` goes on. Raises TooOld."""
        with self._lock:
            return self._history.position(version)

    # ---- writing

    def create(self, pod: JSON) -> JSON:
        """Add a pod; fill in a missing identity and status. Raises AlreadyExists."""
        with self._lock:
            stored = self._create(pod)
            self._notify()
        return stored.decode()

    def load(self, pods: Iterable[JSON]) -> None:
        """Create many pods."""
        with self._lock:
            for pod in pods:
                self._create(pod)
            self._notify()

    def update(self, namespace: str, name: str, change: Callable[[JSON], None]) -> JSON:
        """Let ``change`` edit a copy of the pod, and write it. Raises NotFound, and what ``change`` raises.

        As on the real server, an update without a difference writes nothing: no version, no event.
        """
        with self._lock:
            before = self.stored(namespace, name)
            pod = before.decode()
            change(pod)
            if pod == before.decode():
                return pod
            self._write(before, StoredPod(pod, self._version + 1))
            self._notify()
        return pod

    def delete(self, namespace: str, name: str) -> JSON:
        """Remove a pod; return its last state with the version of the deletion. Raises NotFound."""
        with self._lock:
            change = self._write(self.stored(namespace, name), None)
            self._notify()
        return change.deleted_state().decode()

    def delete_all(self) -> None:
        """Remove every pod, with an event for each."""
        for pod in self.pods().values():
            self.delete(pod["metadata"]["namespace"], pod["metadata"]["name"])

    def compact(self) -> None:
        """Forget the history: every earlier version and continue token is too old from now on (410).

        ``resource_version`` rises by one, as if another object had been written before etcd was compacted. Open
        watches go on.
        """
        with self._lock:
            self._version += 1
            self._history.clear(self._version)
            self._notify()

    def replace_all(self, pods: Iterable[JSON], resource_version: int | None = None) -> None:
        """Replace the whole state without events, as when etcd is restored or another cluster has the address.

        ``resource_version`` becomes the version (None: the next one), even if it is lower than now. Pods keep the
        version that they carry, else they get this one. The history is empty afterwards, and open watches see only
        later changes: stop the server before, and start it afterwards, as in a real restore.
        """
        with self._lock:
            self._version = self._version + 1 if resource_version is None else resource_version
            self._pods = {}
            for pod in pods:
                complete = _completed(pod)
                stored = StoredPod(complete, int(complete["metadata"].get("resourceVersion") or self._version))
                self._pods[stored.key] = stored
            self._keys = sorted(self._pods)
            self._history.clear(self._version)
            self._notify()

    # ---- notification

    def subscribe(self, callback: Callable[[], object]) -> None:
        """Call ``callback`` after each write, in the writer's thread; it must be quick and not call the store."""
        with self._lock:
            self._subscribers.append(callback)

    def unsubscribe(self, callback: Callable[[], object]) -> None:
        """Undo ``subscribe()``: after the return, ``callback`` is not called any more."""
        with self._lock:
            self._subscribers.remove(callback)

    # ---- with the lock held

    def _old_states(self, version: int) -> dict[str, StoredPod | None]:
        """The state at ``version`` of each pod that was written later; None if the pod did not exist."""
        states: dict[str, StoredPod | None] = {}
        change = self._history.position(version).next
        while change is not None:
            if pod := change.before or change.after:
                states.setdefault(pod.key, change.before)
            change = change.next
        return states

    def _notify(self) -> None:
        for callback in self._subscribers:
            callback()

    def _create(self, pod: JSON) -> StoredPod:
        complete = _completed(pod)
        metadata = complete["metadata"]
        if f"{metadata['namespace']}/{metadata['name']}" in self._pods:
            raise AlreadyExists(metadata["name"])
        stored = StoredPod(complete, self._version + 1)
        self._write(None, stored)
        return stored

    def _write(self, before: StoredPod | None, after: StoredPod | None) -> Change:
        self._version += 1
        if after is not None:
            self._pods[after.key] = after
            if before is None:
                insort(self._keys, after.key)
        elif before is not None:
            del self._pods[before.key]
            del self._keys[bisect_left(self._keys, before.key)]
        change = Change(self._version, before, after)
        self._history.append(change)
        return change


def now() -> str:
    """The current time in the API's format: RFC 3339 in UTC, whole seconds."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _completed(pod: JSON) -> JSON:
    """The pod with what the real server fills in; the parts that change are copied."""
    metadata = {"namespace": "default", "uid": str(uuid4()), "creationTimestamp": now(), **pod["metadata"]}
    return {**pod, "metadata": metadata, "status": {"phase": "Pending", **(pod.get("status") or {})}}
