"""A naive model of a cluster, replicas that learn of it at their own pace, and clients that follow pods."""

import dataclasses
from typing import Any

import msgspec

from pod_index.store.changes import ChangeOrder
from pod_index.store.deltas import Delta, ListPage, Progress
from pod_index.store.following import Event, Follower, HistoryReset, LaggingStream, View
from pod_index.store.index import PodIndex
from pod_index.store.resume import Expired, parse_token
from tests.support.served import simple_pod

NAMESPACES = ("default", "team")
NODES = ("n1", "n2")
PART = 300
"""Bytes of an answer: two pods."""


class Cluster:
    """The pods that exist, and everything that has happened to them, by scope."""

    def __init__(self, scopes: tuple[str, ...]) -> None:
        self.scopes = scopes
        self.version = 100
        self.pods: dict[str, tuple[str, str, str, int]] = {}
        """Name, namespace, node and version by UID."""
        self.events: dict[str, list[Delta]] = {scope: [] for scope in scopes}
        self.backup: tuple[int, dict[str, tuple[str, str, str, int]]] | None = None
        self.restores = 0
        self.created = 0

    def scope_of(self, namespace: str) -> str:
        return namespace if namespace in self.scopes else ""

    def emit(self, event_type: Any, uid: str) -> None:
        self.version += 1
        name, namespace, node, _ = self.pods[uid]
        self.pods[uid] = name, namespace, node, self.version
        scope = self.scope_of(namespace)
        self.events[scope].append(Delta(type=event_type, scope=scope, pod=self.pod(uid)))

    def pod(self, uid: str) -> Any:
        name, namespace, node, version = self.pods[uid]
        annotations = {"version": str(version)}
        return simple_pod(uid, version, name=name, namespace=namespace, node=node, annotations=annotations)

    def create(self, choice: int) -> None:
        namespace, name = NAMESPACES[choice % 2], f"web-{choice // 2 % 4}"
        if any(pod[:2] == (name, namespace) for pod in self.pods.values()):
            return
        self.created += 1
        node = ("", *NODES)[choice // 8 % 3]
        uid = f"u{self.restores}-{self.created}"
        self.pods[uid] = name, namespace, node, 0
        self.emit("ADDED", uid)

    def chosen(self, choice: int) -> str | None:
        return sorted(self.pods)[choice % len(self.pods)] if self.pods else None

    def update(self, choice: int) -> None:
        """Change a pod, and bind it to a node, if it has none."""
        if uid := self.chosen(choice):
            name, namespace, node, version = self.pods[uid]
            self.pods[uid] = name, namespace, node or NODES[choice // 7 % 2], version
            self.emit("MODIFIED", uid)

    def delete(self, choice: int) -> None:
        if uid := self.chosen(choice):
            self.emit("DELETED", uid)
            del self.pods[uid]

    def recreate(self, choice: int) -> None:
        """Delete a pod, and create another one with its name."""
        if uid := self.chosen(choice):
            name, namespace, node, _ = self.pods[uid]
            self.delete(choice)
            self.created += 1
            self.pods[f"u{self.restores}-{self.created}"] = name, namespace, node, 0
            self.emit("ADDED", f"u{self.restores}-{self.created}")

    def back_up(self, _: int) -> None:
        self.backup = self.version, dict(self.pods)

    def restore(self, _: int) -> None:
        """Restore etcd: versions go back, and all watches end."""
        if self.backup is not None:
            self.version, self.pods = self.backup[0], dict(self.backup[1])
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
        pods = [cluster.pod(uid) for uid in sorted(cluster.pods) if cluster.scope_of(cluster.pods[uid][1]) == scope]
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

    def catch_up(self) -> None:
        self.finish_listing()
        self.advance(0)
        for scope in self._cluster.scopes:
            for delta in self._cluster.events[scope][self._applied[scope] :]:
                (self.index.delete if delta.type == "DELETED" else self.index.update)(delta)
            self._applied[scope] = len(self._cluster.events[scope])
            self.index.advance(Progress(scope=scope, version=self._cluster.version))


def served_view(index: PodIndex, view: View) -> dict[str, bytes]:
    """What the index serves of a view."""
    return {uid: record for part in index.select(node=view.node, namespace=view.namespace) for uid, record, _ in part}


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
    _seen: set[str] = dataclasses.field(default_factory=set)
    _initial: bool = True
    _began_at_a_version: bool = True

    def connect(self, index: PodIndex) -> None:
        """Start a stream, with the token if that is of any use."""
        self.disconnect()
        self._index = index
        resumed = None
        try:
            resumed = parse_token(self.token, *self.view) if self.token else None
            self.follower = Follower(index, self.view, resumed, lambda: None)
        except Expired:
            self.token = None
            self.follower = Follower(index, self.view, None, lambda: None)
        self._pending, self._seen, self._initial = {}, set(), self.token is None
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
            self._seen.discard(uid)
            self._pending[uid] = None
            return
        assert (event.type == "ADDED") == (uid not in self._seen), "ADDED is the first sight, MODIFIED each later one"
        self._seen.add(uid)
        version = int(pod["annotations"]["version"])
        if self.token is not None and (known := self.copy.get(uid)):
            assert version > int(msgspec.json.decode(known)["annotations"]["version"]), "an older state came"
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
