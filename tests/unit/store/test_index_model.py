"""A property test of the index against a naive model of a cluster."""

import random
from typing import Any, Literal

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from pod_index.pods import Pod, encode_record
from pod_index.store.deltas import Delta, ListPage
from pod_index.store.identifiers import Identifier
from pod_index.store.index import PodIndex
from tests.unit.store.test_index import pod

# Few values, so that pods share them and take over those of others. Some are prefixes of others.
NAMES = ["web-0", "web-1", "web-10"]
NODES = ["", "n1", "n10"]
IPS = ["10.0.0.1", "10.0.0.11", "fd00::1"]
CONTAINERS = ["0a" * 32, "00" * 32, "0a00" * 16, "foo", "foo-bar"]
STATIC_UIDS = ["6f1ed7d5d1ba2f15eb8b5fe5f6d8a9ac", "1234abcd-5678-90ef-aaaa-bbbbccccdddd"]
STARTS = [None, "2025-01-01T08:00:00Z", "2025-01-01T09:00:00Z"]
PHASES = ["Pending", "Running", "Succeeded", "Failed"]
FINISHED = PHASES[2:]

SHARED = {
    *(Identifier("name", f"default/{name}") for name in NAMES),
    *(Identifier("ip", ip) for ip in IPS),
    *(Identifier("containerID", container) for container in CONTAINERS),
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


def identifiers(pod: Pod) -> set[Identifier]:
    """Return the identifiers of the pod besides its UID."""
    metadata, status = pod.metadata, pod.status
    found = {Identifier("name", f"{metadata.namespace}/{metadata.name}")}
    found |= {Identifier("ip", ip.ip) for ip in status.pod_ips or ()}
    for container in status.container_statuses or ():
        found.add(Identifier("containerID", (container.container_id or "").removeprefix("containerd://")))
    if kubelet_uid := (metadata.annotations or {}).get("kubernetes.io/config.hash"):
        found.add(Identifier("uid", kubelet_uid))
    return found


EventKind = Literal["update", "delete"]
Event = tuple[EventKind, Delta]


class Cluster:
    """The naive model: the pods that exist, all their states so far, and the events that can still be delivered."""

    def __init__(self) -> None:
        self.version = 0
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


def served_versions(cluster: Cluster, index: PodIndex) -> dict[str, int]:
    """Return the UIDs in the index, with the version of the record of each."""
    records = {uid: index.lookup(uid) for uid in cluster.uids()}
    return {
        uid: int(msgspec.json.decode(record)["annotations"]["version"])
        for uid, record in records.items()
        if record is not None
    }


def check_indices(cluster: Cluster, index: PodIndex) -> None:
    """Compare the results of ``find`` and ``select`` with the states that the index has by UID."""
    existing: list[Pod] = []
    deleted: list[tuple[str, Pod, bytes]] = []
    for uid in cluster.uids():
        match = index.find(Identifier("uid", uid), deleted=True)
        if match is not None:
            record = msgspec.json.decode(match.record)
            known = cluster.states[record["annotations"]["version"]]
            if "deletedAt" in record:
                deleted.append((record["deletedAt"], known, match.record))
            else:
                existing.append(known)
    for identifier in SHARED:
        candidates = [pod for pod in existing if identifier in identifiers(pod)]
        found = index.find(identifier)
        if candidates:
            expected = max(
                candidates,
                key=lambda pod: (
                    pod.status.phase not in FINISHED,
                    pod.status.start_time or "",
                    pod.metadata.resource_version,
                ),
            )
            assert found is not None
            assert found.record == encode_record(expected)
            assert index.find(identifier, deleted=True) == found
            continue
        assert found is None
        deleted_candidates = [
            (deleted_at, record) for deleted_at, pod, record in deleted if identifier in identifiers(pod)
        ]
        found = index.find(identifier, deleted=True)
        if deleted_candidates:
            # Pods that one listing did not show have the same time of deletion.
            assert found is not None
            assert (max(deleted_candidates)[0], found.record) in deleted_candidates
        else:
            assert found is None
    for node in NODES[1:]:
        expected_on_node = {(pod.metadata.uid, encode_record(pod)) for pod in existing if pod.spec.node_name == node}
        on_node = [entry for pods in index.select(node=node) for entry in pods]
        assert len(on_node) == len(expected_on_node)
        assert set(on_node) == expected_on_node


STEPS = st.one_of(
    st.tuples(st.just("create"), st.integers(0, 999)),
    st.tuples(st.just("update"), st.integers(0, 999)),
    st.tuples(st.just("delete"), st.integers(0, 999)),
    st.tuples(st.just("deliver"), st.integers(0, 99)),
    st.tuples(st.just("deliver the last"), st.just(0)),
    st.tuples(st.just("lose"), st.integers(0, 99)),
    st.tuples(st.just("list"), st.integers(1, 3)),
    st.tuples(st.just("list partly"), st.integers(1, 3)),
    st.tuples(st.just("list wrongly"), st.integers(0, 9)),
)
# Hypothesis prefers short lists, so half of the histories have a minimum size.
HISTORIES = st.lists(STEPS, max_size=60) | st.lists(STEPS, min_size=30, max_size=60)
PLENTY = 1000


@given(HISTORIES, st.sampled_from([PLENTY, 3, 0]), st.randoms(use_true_random=False))
def test_after_the_next_listing_the_index_equals_the_cluster_despite_late_repeated_or_lost_events(
    steps: list[tuple[str, int]], retention_max: int, random: Any
) -> None:
    now = 0.0
    cluster = Cluster()
    index = PodIndex(retention_seconds=PLENTY, retention_max=retention_max, now=lambda: now)
    delivered: set[str] = set()
    deleted_for_good: set[str] = set()
    newest: dict[str, int] = {}

    def deliver(kind: EventKind, delta: Delta) -> None:
        index.update(delta) if kind == "update" else index.delete(delta)
        delivered.add(delta.pod.metadata.uid)
        if kind == "delete":
            deleted_for_good.add(delta.pod.metadata.uid)

    def deliver_page(page: ListPage) -> None:
        index.replace_page(page)
        delivered.update(pod.metadata.uid for pod in page.pods)

    for step, choice in steps:
        now += 1
        before = served_versions(cluster, index)
        match step:
            case "create":
                cluster.create(choice)
            case "update":
                cluster.update(choice)
            case "delete":
                cluster.delete(choice)
            case "deliver" if cluster.events:  # in any order, also repeatedly
                deliver(*cluster.events[choice % len(cluster.events)])
            case "deliver the last" if cluster.events:
                deliver(*cluster.events[-1])
            case "lose":
                del cluster.events[: choice % (len(cluster.events) + 1)]
            case "list":  # with changes and events between the pages
                for page in cluster.pages(choice):
                    deliver_page(page)
                    if cluster.pods and random.random() < 0.3:
                        random.choice([cluster.create, cluster.update, cluster.delete])(random.randrange(1000))
                        deliver(*cluster.events[-1])
                    if cluster.events and random.random() < 0.3:
                        deliver(*random.choice(cluster.events))
            case "list wrongly":  # without one pod, as from a broken watch cache
                for page in cluster.pages(100):
                    del page.pods[choice : choice + 1]
                    deliver_page(page)
            case "list partly":
                for page in cluster.pages(choice)[:-1]:
                    deliver_page(page)
        after = served_versions(cluster, index)
        deleted_for_good |= before.keys() - after.keys() - cluster.pods.keys()
        assert deleted_for_good.isdisjoint(after), "a deleted pod came back"
        assert [uid for uid, version in after.items() if version < newest.get(uid, 0)] == [], "an older state came back"
        newest |= after
        if step == "list":
            versions = {uid: known.metadata.resource_version for uid, known in cluster.pods.items()}
            assert versions.items() <= after.items(), "a pod is missing or stale after a listing"
        check_indices(cluster, index)
    for page in cluster.pages(2):
        deliver_page(page)
    check_indices(cluster, index)
    found = {uid for uid in cluster.uids() if index.lookup(uid)}
    assert found == set(cluster.pods)
    assert len(index) == len(cluster.pods)
    for uid, latest in cluster.pods.items():
        assert index.lookup(uid) == encode_record(latest), "a stale state is served"
    deleted = {uid for uid in delivered if uid not in found and index.find(Identifier("uid", uid), deleted=True)}
    assert deleted == delivered - found if retention_max == PLENTY else len(deleted) <= retention_max
    assert index.synced
