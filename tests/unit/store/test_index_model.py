"""A property test of the index against a naive model of a cluster."""

import random
from collections.abc import Iterable
from typing import Any, Literal

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import pod_index.store.index
from pod_index.pods import Pod, encode_record
from pod_index.store.deltas import Delta, ListPage
from pod_index.store.identifiers import Identifier
from pod_index.store.index import PodIndex
from pod_index.store.matching import Ambiguity, Match
from tests.unit.store.test_index import pod

# Few values, so that pods share them and take over those of others. Some are prefixes of others.
NAMES = ["web-0", "web-1", "web-10"]
NODES = ["", "n1", "n10"]
IPS = ["10.0.0.1", "10.0.0.11", "fd00::1"]
CONTAINERS = ["0a" * 32, "00" * 32, "0a00" * 16, f"{'0a' * 7}{'1' * 50}", "foo", "foo-bar"]
SHORT_CONTAINERS = ["0a" * 6, "0a" * 7, f"{'0a' * 7}1", "0" * 13, "0a000a000a00"]
STATIC_UIDS = ["6f1ed7d5d1ba2f15eb8b5fe5f6d8a9ac", "1234abcd-5678-90ef-aaaa-bbbbccccdddd"]
STARTS = [None, "2025-01-01T08:00:00Z", "2025-01-01T09:00:00Z"]
PHASES = ["Pending", "Running", "Succeeded", "Failed"]
FINISHED = PHASES[2:]

SHARED = {
    *(Identifier("name", f"default/{name}") for name in NAMES),
    *(Identifier("ip", ip) for ip in IPS),
    *(Identifier("containerID", container) for container in (*CONTAINERS, *SHORT_CONTAINERS)),
    *(Identifier("uid", uid) for uid in STATIC_UIDS),
}


def state(uid: str, version: int, choice: int) -> Pod:
    """Return a pod in one of many states. The annotation ``version`` identifies the state."""
    pick = random.Random(choice)
    annotations = {"version": str(version)}
    if pick.random() < 0.3:
        annotations |= {"kubernetes.io/config.mirror": "yes", "kubernetes.io/config.hash": pick.choice(STATIC_UIDS)}
    return pod(
        uid,
        version,
        pick.choice(NAMES),
        node=pick.choice(NODES),
        phase=pick.choice(PHASES),
        started=pick.choice(STARTS),
        ips=pick.choices(IPS, k=pick.randrange(3)),
        containers=pick.choices(CONTAINERS, k=pick.randrange(3)),
        annotations=annotations,
    )


def containers_of(pod: Pod) -> set[str]:
    """Return the IDs of the containers of the pod."""
    statuses = pod.status.container_statuses or ()
    return {(container.container_id or "").removeprefix("containerd://") for container in statuses}


def identifiers(pod: Pod) -> set[Identifier]:
    """Return the identifiers of the pod besides its UID."""
    metadata, status = pod.metadata, pod.status
    found = {Identifier("name", f"{metadata.namespace}/{metadata.name}")}
    found |= {Identifier("ip", ip.ip) for ip in status.pod_ips or ()}
    for container in containers_of(pod):
        names = [container, *(short for short in SHORT_CONTAINERS if container.startswith(short))]
        found |= {Identifier("containerID", name) for name in names}
    if kubelet_uid := (metadata.annotations or {}).get("kubernetes.io/config.hash"):
        found.add(Identifier("uid", kubelet_uid))
    return found


EventKind = Literal["update", "delete"]
Event = tuple[EventKind, Delta]


class Cluster:
    """The naive model: the pods that exist, all their states so far, and the events that can still be delivered.

    With a ``selector``, pods can leave the selection and return.
    """

    def __init__(self, *, selector: bool) -> None:
        self.version = 0
        self.selector = selector
        self.outside: set[str] = set()
        """The pods that exist outside the selection."""
        self.restored = False
        """Whether etcd was restored from a backup after the last complete listing."""
        self.backup: tuple[dict[str, Pod], set[str]] = {}, set()
        self.pods: dict[str, Pod] = {}
        self.states: dict[str, Pod] = {}
        self.events: list[Event] = []
        self.created = 0

    def _emit(self, kind: EventKind, uid: str, choice: int) -> None:
        self.version += 1
        self.pods[uid] = self.states[str(self.version)] = state(uid, self.version, choice)
        self.events.append(
            (kind, Delta(type="DELETED" if kind == "delete" else "MODIFIED", scope="", pod=self.pods[uid]))
        )

    def create(self, choice: int) -> None:
        self.created += 1
        self._emit("update", f"u{self.created}", choice)

    def update(self, choice: int) -> None:
        if self.pods:
            self._emit("update", sorted(self.pods)[choice % len(self.pods)], choice)

    def delete(self, choice: int) -> None:
        if self.pods:
            uid = sorted(self.pods)[choice % len(self.pods)]
            self._emit("delete", uid, choice)
            del self.pods[uid]

    def leave(self, choice: int) -> None:
        """Let a pod leave the selection."""
        if self.pods and self.selector:
            uid = sorted(self.pods)[choice % len(self.pods)]
            self._emit("delete", uid, choice)
            del self.pods[uid]
            self.outside.add(uid)

    def come_back(self, choice: int) -> None:
        """Let a pod return to the selection, or delete it outside: of that there is no event."""
        if self.outside:
            uid = sorted(self.outside)[choice % len(self.outside)]
            self.outside.remove(uid)
            if choice % 4:
                self._emit("update", uid, choice)
            else:
                self.version += 1

    def back_up(self) -> None:
        self.backup = dict(self.pods), set(self.outside)

    def restore(self, bump: int) -> None:
        """Restore etcd with ``--bump-revision``: versions go on rising, but pods are as they were, or exist again."""
        pods, outside = self.backup
        self.pods, self.outside = dict(pods), set(outside)
        self.version += bump
        self.restored = True
        self.events.clear()  # The watch has ended, and nothing that it sent is still on its way.

    def pages(self, size: int) -> list[ListPage]:
        pods = [pod for _, pod in sorted(self.pods.items())]
        parts = [pods[start : start + size] for start in range(0, len(pods), size)] or [[]]
        return [
            ListPage(
                scope="",
                pods=part,
                begins=number == 0,
                complete_at=self.version if number == len(parts) - 1 else None,
            )
            for number, part in enumerate(parts)
        ]

    def uids(self) -> list[str]:
        return [f"u{number}" for number in range(1, self.created + 1)]


def served_versions(uids: Iterable[str], index: PodIndex) -> dict[str, int]:
    """Return which of the UIDs are in the index, with the version of the record of each."""
    records = {uid: index.lookup(uid) for uid in uids}
    return {
        uid: int(msgspec.json.decode(record)["annotations"]["version"])
        for uid, record in records.items()
        if record is not None
    }


class Ips:
    """The naive model of IPs: which finished pods have lost theirs for good."""

    def __init__(self) -> None:
        self.lost: set[tuple[str, str]] = set()
        """UIDs and IPs."""

    def has_lost(self, pod: Pod, ip: str) -> bool:
        return pod.status.phase in FINISHED and (pod.metadata.uid, ip) in self.lost

    def observe(self, existing: Iterable[Pod], deleted: Iterable[Pod]) -> None:
        """Compare all pods with each other, after each change."""
        lost: set[tuple[str, str]] = set()
        for finished in existing:
            if finished.status.phase not in FINISHED:
                self.lost -= {(finished.metadata.uid, ip) for ip in IPS}
                continue
            for ip in ips_of(finished):
                later = [other for other in deleted if started_later(other, finished)]
                later += [
                    other
                    for other in existing
                    if started_later(other, finished)
                    or (
                        other.status.phase not in FINISHED
                        and other.metadata.resource_version > finished.metadata.resource_version
                    )
                ]
                if any(ip in ips_of(other) and not self.has_lost(other, ip) for other in later):
                    lost.add((finished.metadata.uid, ip))
        self.lost |= lost


def ips_of(pod: Pod) -> set[str]:
    return {ip.ip for ip in pod.status.pod_ips or ()}


def started_later(one: Pod, other: Pod) -> bool:
    return (one.status.start_time or "") > (other.status.start_time or "")


def known_pods(cluster: Cluster, index: PodIndex) -> tuple[list[Pod], list[tuple[str, Pod, bytes]]]:
    """Return the states of the pods in the index, and the times, states and records of deleted pods."""
    existing: list[Pod] = []
    deleted: list[tuple[str, Pod, bytes]] = []
    for uid in cluster.uids():
        match = index.find(Identifier("uid", uid), deleted=True)
        if match is not None:
            assert isinstance(match, Match)
            record = msgspec.json.decode(match.record)
            known = cluster.states[record["annotations"]["version"]]
            if "deletedAt" in record:
                deleted.append((record["deletedAt"], known, match.record))
            else:
                existing.append(known)
    return existing, deleted


def expected_pods(identifier: Identifier, candidates: list[Pod]) -> list[Pod]:
    """Return which of the candidates the identifier may name."""

    def rank(pod: Pod) -> tuple[bool, str]:
        return pod.status.phase not in FINISHED, pod.status.start_time or ""

    if identifier.kind == "ip":
        candidates = [pod for pod in candidates if rank(pod) == max(map(rank, candidates))]
    if identifier.kind == "containerID":
        # Finished pods do not count for a container that an unfinished pod has.
        named: list[Pod] = []
        for container in CONTAINERS:
            is_cut = identifier.value in SHORT_CONTAINERS and container.startswith(identifier.value)
            if is_cut or container == identifier.value:
                having = [pod for pod in candidates if container in containers_of(pod)]
                unfinished = [pod for pod in having if pod.status.phase not in FINISHED]
                named += unfinished or having
        candidates = named
    newest = sorted(candidates, key=lambda pod: pod.metadata.resource_version)
    return list({pod.metadata.name: pod for pod in newest}.values())


def check_indices(cluster: Cluster, index: PodIndex, ips: Ips, *, exact: bool) -> None:
    """Compare the results of ``find`` and ``select`` with the states that the index has by UID.

    Unless ``exact``, it is not known which finished pods have lost their IPs.
    """
    existing, deleted = known_pods(cluster, index)
    for identifier in SHARED:
        candidates = [pod for pod in existing if identifier in identifiers(pod)]
        deleted_candidates = [
            (deleted_at, pod, record) for deleted_at, pod, record in deleted if identifier in identifiers(pod)
        ]
        if identifier.kind == "ip":
            finished = [pod for pod in candidates if pod.status.phase in FINISHED]
            deleted_finished = [pod for _, pod, _ in deleted_candidates if pod.status.phase in FINISHED]
            if deleted_finished or (finished and not exact):
                continue
            candidates = [pod for pod in candidates if not ips.has_lost(pod, identifier.value)]
        found = index.find(identifier)
        expected = expected_pods(identifier, candidates)
        if expected:
            records = [encode_record(pod) for pod in expected]
            if len(expected) > 1:
                assert found == Ambiguity(len(expected))
            elif identifier.value in SHORT_CONTAINERS and not index.synced:
                assert found == Ambiguity(1)
            else:
                assert isinstance(found, Match)
                assert (found.record, found.matched_by, found.deleted) == (records[0], matched_by(identifier), False)
            assert index.find(identifier, deleted=True) == found
            continue
        assert found is None
        found = index.find(identifier, deleted=True)
        if not deleted_candidates:
            assert found is None
        elif identifier.kind in {"ip", "name"}:
            # Pods that one listing did not show have the same time of deletion.
            assert isinstance(found, Match)
            last = max(deleted_at for deleted_at, _, _ in deleted_candidates)
            assert found.record in [record for deleted_at, _, record in deleted_candidates if deleted_at == last]
        else:
            names = {pod.metadata.name for pod in expected_pods(identifier, [pod for _, pod, _ in deleted_candidates])}
            assert (found.pods if isinstance(found, Ambiguity) else 1) == len(names)
    for node in NODES[1:]:
        expected_on_node = {(pod.metadata.uid, encode_record(pod)) for pod in existing if pod.spec.node_name == node}
        on_node = [(uid, record) for pods in index.select(node=node) for uid, record, _ in pods]
        assert len(on_node) == len(expected_on_node)
        assert set(on_node) == expected_on_node


def matched_by(identifier: Identifier) -> str:
    return "config.hash" if identifier.kind == "uid" else identifier.kind


STEPS = st.one_of(
    st.tuples(st.just("create"), st.integers(0, 999)),
    st.tuples(st.just("create"), st.integers(0, 999)),
    st.tuples(st.just("update"), st.integers(0, 999)),
    st.tuples(st.just("delete"), st.integers(0, 999)),
    st.tuples(st.just("leave"), st.integers(0, 999)),
    st.tuples(st.just("come back"), st.integers(0, 999)),
    st.tuples(st.just("deliver"), st.integers(0, 99)),
    st.tuples(st.just("deliver the last"), st.just(0)),
    st.tuples(st.just("deliver a deletion"), st.integers(0, 99)),
    st.tuples(st.just("lose"), st.integers(0, 99)),
    st.tuples(st.just("list"), st.integers(1, 3)),
    st.tuples(st.just("list partly"), st.integers(1, 3)),
    st.tuples(st.just("list wrongly"), st.integers(0, 9)),
    st.tuples(st.just("back up"), st.just(0)),
    st.tuples(st.just("restore"), st.integers(0, 1000)),
)
# Hypothesis prefers short lists, so half of the histories have a minimum size.
HISTORIES = st.lists(STEPS, max_size=60) | st.lists(STEPS, min_size=30, max_size=60)
PLENTY = 1000


@pytest.fixture(autouse=True)
def _small_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pod_index.store.index, "SLICE", 1)
    monkeypatch.setattr(pod_index.store.index, "SCANNED_SLICE", 2)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(HISTORIES, st.sampled_from([PLENTY, 3, 0]), st.booleans(), st.booleans(), st.randoms(use_true_random=False))
def test_after_the_next_listing_the_index_equals_the_cluster_despite_late_repeated_or_lost_events(
    steps: list[tuple[str, int]], retention_max: int, selector: bool, restores: bool, random: Any
) -> None:
    now = 0.0
    cluster = Cluster(selector=selector)
    ips = Ips()
    index = PodIndex(retention_seconds=PLENTY, retention_max=retention_max, now=lambda: now, selective=selector)
    delivered: set[str] = set()
    deleted_for_good: set[str] = set()
    newest: dict[str, int] = {}
    """By UID, the lowest version that may be served."""
    listed_at = 0
    restored = False

    def observe() -> None:
        existing, deleted = known_pods(cluster, index)
        ips.observe(existing, [pod for _, pod, _ in deleted])

    def served(uid: str) -> int:
        return served_versions([uid], index).get(uid, 0)

    def deliver(kind: EventKind, delta: Delta) -> None:
        uid, version = delta.pod.metadata.uid, delta.pod.metadata.resource_version
        before = served(uid)
        index.update(delta) if kind == "update" else index.delete(delta)
        observe()
        delivered.add(uid)
        if kind == "delete":
            newest[uid] = max(newest.get(uid, 0), version + 1)
            if not selector:
                deleted_for_good.add(uid)
            if not restored:
                expected = before if selector and before > version else 0
                assert served(uid) == expected, "the order of deletions and changes is not that of the versions"
        elif not restored and uid not in deleted_for_good and version >= max(newest.get(uid, 0), before, listed_at + 1):
            assert served(uid) == version, "a newer state was ignored"

    def deliver_page(page: ListPage) -> None:
        nonlocal newest, listed_at
        if cluster.restored:
            deleted_for_good.clear()
            newest = {}
        for _ in index.replace_page(page):
            observe()
        observe()
        delivered.update(pod.metadata.uid for pod in page.pods)
        if page.complete_at is not None:
            cluster.restored = False
            listed_at = page.complete_at

    def change_a_pod(listed: dict[str, Pod]) -> None:
        """Change a pod, and deliver the event at once. After a restore, it is one that the listing has shown."""
        changes = [cluster.create, cluster.update, cluster.delete, cluster.leave]
        if cluster.restored:
            hidden = {uid: pod for uid, pod in cluster.pods.items() if uid not in listed}
            cluster.pods = {uid: pod for uid, pod in cluster.pods.items() if uid in listed}
            random.choice(changes)(random.randrange(1000))
            cluster.pods |= hidden
        else:
            random.choice([*changes, cluster.come_back])(random.randrange(1000))
        if cluster.events:
            deliver(*cluster.events[-1])

    for step, choice in steps:
        now += 1
        before = served_versions(cluster.uids(), index)
        match step:
            case "create":
                cluster.create(choice)
            case "update":
                cluster.update(choice)
            case "delete":
                cluster.delete(choice)
            case "leave":
                cluster.leave(choice)
            case "come back":
                cluster.come_back(choice)
            case "deliver" if cluster.events:  # in any order, also repeatedly
                deliver(*cluster.events[choice % len(cluster.events)])
            case "deliver the last" if cluster.events:
                deliver(*cluster.events[-1])
            case "deliver a deletion":
                if deletions := [event for event in cluster.events if event[0] == "delete"]:
                    deliver(*deletions[choice % len(deletions)])
            case "lose":
                del cluster.events[: choice % (len(cluster.events) + 1)]
            case "back up":
                cluster.back_up()
            case "restore" if restores:
                cluster.restore(choice)
                deleted_for_good.clear()
                restored = True
            case "list":  # with changes and events between the pages
                listed: dict[str, Pod] = {}
                for page in cluster.pages(choice):
                    deliver_page(page)
                    listed |= {pod.metadata.uid: pod for pod in page.pods}
                    if cluster.pods and random.random() < 0.3:
                        change_a_pod(listed)
                    if cluster.events and not restored and random.random() < 0.3:
                        deliver(*random.choice(cluster.events))
            case "list wrongly":  # without one pod, as from a broken watch cache
                for page in cluster.pages(100):
                    del page.pods[choice : choice + 1]
                    deliver_page(page)
            case "list partly":
                for page in cluster.pages(choice)[:-1]:
                    deliver_page(page)
        after = served_versions(cluster.uids(), index)
        if not restored:
            assert index.history_resets == 0
            deleted_for_good |= before.keys() - after.keys() - cluster.pods.keys() - cluster.outside
        assert deleted_for_good.isdisjoint(after), "a deleted pod came back"
        assert [uid for uid, version in after.items() if version < newest.get(uid, 0)] == [], "an older state came back"
        newest |= after
        if step == "list":
            versions = {uid: known.metadata.resource_version for uid, known in cluster.pods.items()}
            assert versions.items() <= after.items(), "a pod is missing or stale after a listing"
        if not cluster.restored:
            check_indices(cluster, index, ips, exact=retention_max == PLENTY and not restored)
    for page in cluster.pages(2):
        deliver_page(page)
    check_indices(cluster, index, ips, exact=retention_max == PLENTY and not restored)
    found = {uid for uid in cluster.uids() if index.lookup(uid)}
    assert found == set(cluster.pods)
    assert len(index) == len(cluster.pods)
    for uid, latest in cluster.pods.items():
        assert index.lookup(uid) == encode_record(latest), "a stale state is served"
    if not restored:
        deleted = {uid for uid in delivered if uid not in found and index.find(Identifier("uid", uid), deleted=True)}
        assert deleted == delivered - found if retention_max == PLENTY else len(deleted) <= retention_max
    assert index.synced
