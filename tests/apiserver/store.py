"""The state of the world: all pods, their versions and what happened to them. Stands for etcd."""

from __future__ import annotations

import heapq
from bisect import bisect_left, insort
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from threading import Lock
from uuid import uuid4

from tests.apiserver.history import Change, History
from tests.apiserver.selection import Selection
from tests.apiserver.statuses import JSON, AlreadyExists, NotFound, TooLargeResourceVersion
from tests.apiserver.stored import StoredPod, now


@dataclass(frozen=True)
class Page:
    """A part of a listing: its pods, the listing's version, the key to go on from ("" at the end)."""

    pods: list[StoredPod]
    version: int
    next_key: str
    remaining: int


class PodStore:
    """All pods of the cluster. Every method may be called from any thread.

    Pods are ordered by "namespace/name", as etcd orders them. Objects that are passed in and handed out are
    copies: the store keeps only encoded JSON.
    """

    def __init__(self, history_limit: int = 10_000) -> None:
        """Keep the last `history_limit` changes for watches and continue tokens to go back to."""
        self._lock = Lock()
        # not 0, which means "any version" in requests
        self._version = 1
        self._pods: dict[str, StoredPod] = {}
        self._keys: list[str] = []
        self._history = History(history_limit, self._version)
        self._subscribers: list[Callable[[], None]] = []

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
        """One pod as it is kept. Raises NotFound."""
        pod = self._pods.get(f"{namespace}/{name}")
        if pod is None:
            raise NotFound(name)
        return pod

    def pods(self) -> dict[str, JSON]:
        """All pods by their UID."""
        with self._lock:
            pods = list(self._pods.values())
        return {pod.uid: pod.decode() for pod in pods}

    def namespaces(self) -> set[str]:
        """The namespaces that hold a pod."""
        with self._lock:
            return {pod.namespace for pod in self._pods.values()}

    def page(self, selection: Selection, *, version: int | None = None, start: str = "", limit: int = 0) -> Page:
        """Read the selected pods from the key `start` on, in the state of `version` (None: now).

        `limit` 0 reads all. Raises TooOld if the history does not reach back to `version`, and
        TooLargeResourceVersion if it is still to come.
        """
        with self._lock:
            version = self._version if version is None else version
            if version > self._version:
                raise TooLargeResourceVersion(version, self._version)
            first, last = f"{selection.namespace}/", f"{selection.namespace}0"  # "0" is the next after "/"
            if not selection.namespace:
                first, last = "", "~"
            first = max(first, start)
            low, high = bisect_left(self._keys, first), bisect_left(self._keys, last)
            then = self._undone(version)
            back = sorted(key for key, pod in then.items() if pod and key not in self._pods and first <= key < last)
            left = sum(pod is None and first <= key < last and key in self._pods for key, pod in then.items())
            keys = heapq.merge(islice(self._keys, low, high), back) if back else self._keys[low:high]
            total = high - low + len(back) - left
            pods: list[StoredPod] = []
            seen = 0
            for key in keys:
                found = then[key] if key in then else self._pods[key]
                if found is None:
                    continue
                if limit and len(pods) == limit:
                    return Page(pods, version, key, total - seen)
                seen += 1
                if found in selection:
                    pods.append(found)
            return Page(pods, version, "", 0)

    def snapshot(self, selection: Selection) -> tuple[list[StoredPod], Change]:
        """The selected pods of now, and the change after which a watch goes on from them."""
        with self._lock:
            return [self._pods[key] for key in self._keys if self._pods[key] in selection], self._history.last

    def position(self, version: int) -> Change:
        """The change after which a watch from `version` goes on. Raises TooOld."""
        with self._lock:
            return self._history.position(version)

    # ---- writing

    def create(self, pod: JSON) -> JSON:
        """Add a pod; missing identity and status are filled in. Raises AlreadyExists."""
        with self._lock:
            stored = self._create(pod)
            self._wake()
        return stored.decode()

    def load(self, pods: Iterable[JSON]) -> None:
        """Create many pods at once. The passed objects may be changed, and are not kept."""
        with self._lock:
            for pod in pods:
                self._create(pod)
            self._wake()

    def update(self, namespace: str, name: str, change: Callable[[JSON], None]) -> JSON:
        """Let `change` edit a copy of the pod, and write it. Raises NotFound, and what `change` raises.

        As on the real server, a change that changes nothing writes nothing: no version, no event.
        """
        with self._lock:
            before = self.stored(namespace, name)
            pod = before.decode()
            change(pod)
            if pod == before.decode():
                return pod
            self._write(before, StoredPod(pod, self._version + 1))
            self._wake()
        return pod

    def delete_all(self) -> None:
        """Remove every pod, each with its event."""
        for pod in self.pods().values():
            self.delete(pod["metadata"]["namespace"], pod["metadata"]["name"])

    def delete(self, namespace: str, name: str, *, uid: str = "") -> JSON:
        """Remove the pod at once; returns its last state, under the version of the deletion.

        Raises NotFound, also if `uid` is given and another pod has the name now.
        """
        with self._lock:
            before = self.stored(namespace, name)
            if uid and uid != before.uid:
                raise NotFound(name)
            change = self._write(before, None)
            self._wake()
        return change.removed().decode()

    def compact(self) -> None:
        """Forget the history: every version and continue token handed out until now is too old (410).

        As if other objects had been written and etcd compacted then, `resource_version` rises by one.
        Open watches go on undisturbed.
        """
        with self._lock:
            self._version += 1
            self._history.clear(self._version)
            self._wake()

    def replace_all(self, pods: Iterable[JSON], resource_version: int | None = None) -> None:
        """Become another world without any event: a restored etcd, another cluster at the same address.

        The version becomes `resource_version`, lower than before if so wanted (None: one more than now);
        pods that carry none get it too. The history is empty. Watches that are open see only what happens
        from now on; to be as real as it gets, stop the server before and start it after.
        """
        with self._lock:
            self._version = self._version + 1 if resource_version is None else resource_version
            self._pods = {}
            for pod in pods:
                complete = _completed(pod)
                own = complete["metadata"].get("resourceVersion")
                stored = StoredPod(complete, int(own) if own else self._version)
                self._pods[stored.key] = stored
            self._keys = sorted(self._pods)
            self._history.clear(self._version)
            self._wake()

    # ---- telling

    def subscribe(self, callback: Callable[[], None]) -> None:
        """Call `callback` after each write, in the writer's thread; it must be quick and not call the store."""
        with self._lock:
            self._subscribers.append(callback)

    def unsubscribe(self, callback: Callable[[], None]) -> None:
        """Undo `subscribe`: once this returns, `callback` is not called any more."""
        with self._lock:
            self._subscribers.remove(callback)

    # ---- with the lock held

    def _undone(self, version: int) -> dict[str, StoredPod | None]:
        """The pods that were written after `version`, as they were then; None if they did not exist."""
        then: dict[str, StoredPod | None] = {}
        for change in self._history.since(version):
            if pod := change.before or change.after:
                then.setdefault(pod.key, change.before)
        return then

    def _wake(self) -> None:
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


def _completed(pod: JSON) -> JSON:
    """The pod with what the real server fills in; the parts that are changed are copied."""
    metadata = {"namespace": "default", "uid": str(uuid4()), "creationTimestamp": now(), **pod["metadata"]}
    return {**pod, "metadata": metadata, "status": {"phase": "Pending", **(pod.get("status") or {})}}
