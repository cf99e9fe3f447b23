"""A naive model of a cluster, replicas that learn of it at their own pace, and clients that follow pods."""

import dataclasses
from typing import Any

import msgspec

from pod_index.containers import Container, ContainerStatus
from pod_index.pods import OwnerReference, Pod, PodMetadata, PodSpec, PodStatus
from pod_index.store.changes import ChangeOrder
from pod_index.store.deltas import Delta, ListPage, Progress
from pod_index.store.detailed_records import with_details
from pod_index.store.following import Event, Follower, HistoryReset, LaggingStream
from pod_index.store.index import PodIndex
from pod_index.store.resume import Expired, parse_token
from pod_index.store.views import View

NAMESPACES = ("default", "team")
NODES = ("n1", "n2")
OWNERS = ("", "a", "b")
"""The StatefulSets of pods; "" for none: the pod is its own workload."""
PART = 300
"""Bytes of an answer: two pods."""


@dataclasses.dataclass
class ClusterPod:
    """A pod in the cluster."""

    uid: str
    name: str
    namespace: str
    node: str
    owner: str = ""
    version: int = 0
    served_version: int = 0
    """The version of the last change of what streams without details send."""

    def decoded(self) -> Pod:
        """The pod as the API server sends it."""
        owner = OwnerReference("apps/v1", "StatefulSet", self.owner, "o", controller=True)
        return Pod(
            metadata=PodMetadata(
                uid=self.uid,
                name=self.name,
                namespace=self.namespace,
                resource_version=self.version,
                annotations={"version": str(self.served_version)},
                owner_references=[owner] if self.owner else None,
            ),
            spec=PodSpec(node_name=self.node, containers=[Container("main")]),
            status=PodStatus(container_statuses=[ContainerStatus(name="main", restart_count=self.version)]),
        )


class Cluster:
    """The pods that exist, and everything that has happened to them, by scope."""

    def __init__(self, scopes: tuple[str, ...]) -> None:
        self.scopes = scopes
        self.version = 100
        self.pods: dict[str, ClusterPod] = {}
        self.events: dict[str, list[Delta]] = {scope: [] for scope in scopes}
        self.backup: tuple[int, list[ClusterPod]] | None = None
        self.restores = 0
        self.void: set[tuple[int, str]] = set()
        """The versions and UIDs of changes in histories that were reset."""
        self.created = 0

    def scope_of(self, namespace: str) -> str:
        return namespace if namespace in self.scopes else ""

    def emit(self, event_type: Any, pod: ClusterPod, *, is_served: bool = True) -> None:
        self.version += 1
        while (self.version, pod.uid) in self.void:
            self.version += 1  # No token tells such histories apart.
        pod.version = self.version
        if is_served:
            pod.served_version = self.version
        scope = self.scope_of(pod.namespace)
        self.events[scope].append(Delta(type=event_type, scope=scope, pod=pod.decoded()))

    def add(self, name: str, namespace: str, node: str, owner: str) -> None:
        self.created += 1
        uid = f"u{self.restores}-{self.created}"
        self.pods[uid] = ClusterPod(uid, name, namespace, node, owner)
        self.emit("ADDED", self.pods[uid])

    def create(self, choice: int) -> None:
        namespace, name = NAMESPACES[choice % 2], f"web-{choice // 2 % 4}"
        if not any((pod.name, pod.namespace) == (name, namespace) for pod in self.pods.values()):
            self.add(name, namespace, ("", *NODES)[choice // 8 % 3], OWNERS[choice // 24 % 3])

    def chosen(self, choice: int) -> ClusterPod | None:
        return self.pods[sorted(self.pods)[choice % len(self.pods)]] if self.pods else None

    def update(self, choice: int) -> None:
        """Change a pod, and bind it to a node, if it has none."""
        if pod := self.chosen(choice):
            pod.node = pod.node or NODES[choice // 7 % 2]
            self.emit("MODIFIED", pod)

    def restart_container(self, choice: int) -> None:
        """Change nothing but details of a pod."""
        if pod := self.chosen(choice):
            self.emit("MODIFIED", pod, is_served=False)

    def adopt(self, choice: int) -> None:
        """Change the owner of a pod: only streams with details send it, and those of the workloads concerned."""
        if pod := self.chosen(choice):
            pod.owner = OWNERS[choice // 7 % 3]
            self.emit("MODIFIED", pod, is_served=choice // 21 % 3 == 0)

    def delete(self, choice: int) -> None:
        if pod := self.chosen(choice):
            self.emit("DELETED", pod)
            del self.pods[pod.uid]

    def recreate(self, choice: int) -> None:
        """Delete a pod, and create another one with its name."""
        if pod := self.chosen(choice):
            self.delete(choice)
            self.add(pod.name, pod.namespace, pod.node, pod.owner)

    def back_up(self, _: int) -> None:
        self.backup = self.version, [dataclasses.replace(pod) for pod in self.pods.values()]

    def restore(self, _: int) -> None:
        """Restore etcd: versions go back, and all watches end."""
        if self.backup is not None:
            self.void |= {
                (delta.pod.metadata.resource_version, delta.pod.metadata.uid)
                for deltas in self.events.values()
                for delta in deltas
            }
            self.version = self.backup[0]
            self.pods = {pod.uid: dataclasses.replace(pod) for pod in self.backup[1]}
            self.events = {scope: [] for scope in self.scopes}
            self.restores += 1


class Replica:
    """An index that is fed with the cluster's events, sooner or later."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self.start(0)

    def start(self, _: int) -> None:
        """Start, or restart: what was known is lost."""
        self.index = PodIndex(changes=ChangeOrder(deletions_max=6, chunk_size=3), tombstones_max=20)
        self._restores = self._cluster.restores
        self._listing: list[ListPage] = []
        self._applied: dict[str, int] = {}
        for scope in self._cluster.scopes:
            self._pages(scope)
            self.finish_listing()

    def _pages(self, scope: str) -> None:
        """Begin a listing."""
        cluster = self._cluster
        pods = [pod.decoded() for _, pod in sorted(cluster.pods.items()) if cluster.scope_of(pod.namespace) == scope]
        parts = [pods[at : at + 2] for at in range(0, len(pods), 2)] or [[]]
        reset, self._restores = self._restores != cluster.restores, cluster.restores
        self._listing = [
            ListPage(
                scope=scope,
                pods=part,
                begins=at == 0,
                history_reset=reset and at == 0,
                complete_at=cluster.version if at == len(parts) - 1 else None,
            )
            for at, part in enumerate(parts)
        ]
        self._applied[scope] = len(cluster.events[scope])

    def list_again(self, choice: int) -> None:
        """Lose the watch of a scope, and begin to list it."""
        if not self._listing and self._restores == self._cluster.restores:
            self._pages(self._cluster.scopes[choice % len(self._cluster.scopes)])

    def advance(self, choice: int) -> None:
        """Apply a page, or some events of a scope, and perhaps the bookmark after the last one."""
        if self._listing:
            for _ in self.index.replace_page(self._listing.pop(0)):
                pass
            return
        if self._restores != self._cluster.restores:
            # All scopes find the reset one after the other.
            self._restores = self._cluster.restores
            for scope in self._cluster.scopes:
                self._restores -= 1
                self._pages(scope)
                self.finish_listing()
            return
        scope = self._cluster.scopes[choice % len(self._cluster.scopes)]
        rest = self._cluster.events[scope][self._applied[scope] :]
        for delta in rest[: choice // 2 % 4]:
            (self.index.delete if delta.type == "DELETED" else self.index.update)(delta)
            self._applied[scope] += 1
        if self._applied[scope] == len(self._cluster.events[scope]) and choice % 3 == 0:
            self.index.advance(Progress(scope=scope, version=self._cluster.version))

    def finish_listing(self) -> None:
        while self._listing:
            self.advance(0)

    def catch_up(self, _: int = 0) -> None:
        self.finish_listing()
        self.advance(0)
        for scope in self._cluster.scopes:
            for delta in self._cluster.events[scope][self._applied[scope] :]:
                (self.index.delete if delta.type == "DELETED" else self.index.update)(delta)
            self._applied[scope] = len(self._cluster.events[scope])
            self.index.advance(Progress(scope=scope, version=self._cluster.version))


def served_view(index: PodIndex, view: View) -> dict[str, bytes]:
    """What the index serves of a view."""
    parts = index.select(node=view.node, namespace=view.namespace, workload=view.workload)
    return {
        uid: with_details(record, details) if view.details and details else record
        for part in parts
        for uid, record, details in part
    }


def version_of(record: bytes) -> int:
    """The version of what a stream has sent of a pod."""
    pod = msgspec.json.decode(record)
    return int(pod["containers"][0]["restartCount"] if "containers" in pod else pod["annotations"]["version"])


@dataclasses.dataclass
class Client:
    """Keeps a copy of a view, as the documentation says: changes count when their bookmark has come."""

    view: View
    copy: dict[str, bytes] = dataclasses.field(default_factory=dict)
    token: str | None = None
    copies: dict[str, dict[str, bytes]] = dataclasses.field(default_factory=dict)
    """The copies by the token that came with them."""
    follower: Follower | None = None
    _index: PodIndex | None = None
    _pending: dict[str, bytes | None] = dataclasses.field(default_factory=dict)
    _sent: dict[str, int] = dataclasses.field(default_factory=dict)
    """The versions of the pods that this stream has sent."""
    _initial: bool = True
    _began_at_a_version: bool = True

    def connect(self, index: PodIndex) -> None:
        """Start a stream, with the token if that is of any use."""
        self.disconnect()
        self._index = index
        resumed = None
        try:
            resumed = parse_token(self.token, self.view) if self.token else None
            self.follower = Follower(index, self.view, resumed, lambda: None)
        except Expired:
            self.token = None
            self.follower = Follower(index, self.view, None, lambda: None)
        self._pending, self._sent, self._initial = {}, {}, self.token is None
        self._began_at_a_version = True

    def disconnect(self) -> None:
        """Break the connection; what came after the last bookmark is void."""
        if self.follower is not None:
            self.follower.close()
        self.follower = None

    def pull(self, size: int = PART) -> bool:
        """Read on; return whether there may be more."""
        if self.follower is None or self._index is None:
            return False
        try:
            if self._initial and self._index.is_mixed(self.view.namespace):
                self._began_at_a_version = False
            events = self.follower.pull(size)
        except (Expired, HistoryReset):
            self.token = None
            self.disconnect()
            return False
        except LaggingStream:
            self.disconnect()
            return False
        for event in events:
            self._apply(event)
        if self.follower.settled and not self.follower.waiting:
            self._bookmark()
        return not self.follower.settled

    def _apply(self, event: Event) -> None:
        pod = msgspec.json.decode(event.object)
        uid = pod["uid"]
        if event.type == "DELETED":
            self._sent.pop(uid, None)
            self._pending[uid] = None
            return
        assert (event.type == "ADDED") == (uid not in self._sent), "ADDED is the first sight, MODIFIED each later one"
        version = version_of(event.object)
        assert version > self._sent.get(uid, -1), "nothing that the stream sends has changed"
        self._sent[uid] = version
        if self.token is not None and (known := self.copy.get(uid)):
            assert version >= version_of(known), "an older state came"
        self._pending[uid] = event.object
        if self._began_at_a_version:
            assert self._names().count((pod["namespace"], pod["name"])) == 1, "the deletion must come before"

    def _names(self) -> list[tuple[str, str]]:
        known = (self.copy if self.token is not None else {}) | self._pending
        pods = [msgspec.json.decode(record) for record in known.values() if record is not None]
        return [(pod["namespace"], pod["name"]) for pod in pods]

    def _bookmark(self) -> None:
        assert self.follower is not None
        assert self._index is not None
        bookmark = self.follower.bookmark()
        if bookmark.initial_events_end:
            self.copy, self._initial = {}, False
        if not (bookmark.token or bookmark.initial_events_end):
            return
        self.copy = {uid: record for uid, record in (self.copy | self._pending).items() if record is not None}
        self._pending, self.token = {}, bookmark.token
        if bookmark.token in self.copies:
            assert self.copy == self.copies[bookmark.token], "a token stands for one state"
        elif not self._index.is_mixed(self.view.namespace):
            assert self.copy == served_view(self._index, self.view), "the copy equals the index"
            self.copies[bookmark.token or ""] = self.copy
