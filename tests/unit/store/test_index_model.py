"""The index against a model that keeps the whole truth."""

import random
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from pod_index.pods import Pod, encode_record
from pod_index.store.deltas import Delta, ListPage
from pod_index.store.identifiers import Identifier
from pod_index.store.index import PodIndex
from tests.unit.store.test_index import pod

# So few that pods share them, come to have those of others, and have what begins like another.
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
    """A pod in one of many states; its record tells which."""
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
    """What finds the pod besides its UID."""
    metadata, status = pod.metadata, pod.status
    found = {Identifier("name", f"{metadata.namespace}/{metadata.name}")}
    found |= {Identifier("ip", ip.ip) for ip in status.pod_ips or ()}
    for container in status.container_statuses or ():
        found.add(Identifier("containerID", (container.container_id or "").removeprefix("containerd://")))
    if kubelet_uid := (metadata.annotations or {}).get("kubernetes.io/config.hash"):
        found.add(Identifier("uid", kubelet_uid))
    return found


class Cluster:
    """The naive truth: every state of the cluster there ever was, and everything that ever was said of it."""

    def __init__(self) -> None:
        self.version = 0
        self.live: dict[str, Pod] = {}
        self.states: dict[str, Pod] = {}
        self.said: list[tuple[str, Delta]] = []
        self.created = 0

    def _say(self, what: str, uid: str, choice: int) -> None:
        self.version += 1
        self.live[uid] = self.states[str(self.version)] = state(uid, self.version, choice)
        self.said.append((what, Delta("", self.live[uid])))

    def create(self, choice: int) -> None:
        self.created += 1
        self._say("apply", f"u{self.created}", choice)

    def update(self, choice: int) -> None:
        if self.live:
            self._say("apply", sorted(self.live)[choice % len(self.live)], choice)

    def delete(self, choice: int) -> None:
        if self.live:
            uid = sorted(self.live)[choice % len(self.live)]
            self._say("remove", uid, choice)
            del self.live[uid]

    def pages(self, size: int) -> list[ListPage]:
        pods = [pod for _, pod in sorted(self.live.items())]
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


def served(cluster: Cluster, index: PodIndex) -> dict[str, int]:
    """The pods that live, and the version of each that is served."""
    records = {uid: index.lookup(uid) for uid in cluster.uids()}
    return {
        uid: int(msgspec.json.decode(record)["annotations"]["version"])
        for uid, record in records.items()
        if record is not None
    }


def check_keys(cluster: Cluster, index: PodIndex) -> None:
    """Compare what is found by every key with the states that are found by the UIDs, one by one."""
    live: list[Pod] = []
    gone: list[tuple[str, Pod, bytes]] = []
    for uid in cluster.uids():
        match = index.find(Identifier("uid", uid), deleted=True)
        if match is not None:
            record = msgspec.json.decode(match.record)
            known = cluster.states[record["annotations"]["version"]]
            if "deletedAt" in record:
                gone.append((record["deletedAt"], known, match.record))
            else:
                live.append(known)
    for identifier in SHARED:
        having = [pod for pod in live if identifier in identifiers(pod)]
        found = index.find(identifier)
        if having:
            meant = max(
                having,
                key=lambda pod: (
                    pod.status.phase not in FINISHED,
                    pod.status.start_time or "",
                    pod.metadata.resource_version,
                ),
            )
            assert found is not None
            assert found.record == encode_record(meant)
            assert index.find(identifier, deleted=True) == found
            continue
        assert found is None
        had = [(deleted_at, record) for deleted_at, pod, record in gone if identifier in identifiers(pod)]
        found = index.find(identifier, deleted=True)
        if had:
            # Those that one listing did not show are gone since the same time.
            assert found is not None
            assert (max(had)[0], found.record) in had
        else:
            assert found is None
    for node in NODES[1:]:
        expected = {(pod.metadata.uid, encode_record(pod)) for pod in live if pod.spec.node_name == node}
        on_node = [entry for part in index.select(node=node) for entry in part]
        assert len(on_node) == len(expected)
        assert set(on_node) == expected


STEPS = st.one_of(
    st.tuples(st.just("create"), st.integers(0, 999)),
    st.tuples(st.just("update"), st.integers(0, 999)),
    st.tuples(st.just("delete"), st.integers(0, 999)),
    st.tuples(st.just("hear"), st.integers(0, 99)),
    st.tuples(st.just("hear the last"), st.just(0)),
    st.tuples(st.just("gap"), st.integers(0, 99)),
    st.tuples(st.just("list"), st.integers(1, 3)),
    st.tuples(st.just("break off"), st.integers(1, 3)),
    st.tuples(st.just("forget"), st.integers(0, 9)),
)
# Lists are short unless they must not be.
HISTORIES = st.lists(STEPS, max_size=60) | st.lists(STEPS, min_size=30, max_size=60)
PLENTY = 1000


@settings(max_examples=300, deadline=None)
@given(HISTORIES, st.sampled_from([PLENTY, 3, 0]), st.randoms(use_true_random=False))
def test_whatever_is_late_repeated_or_lost_the_index_equals_the_cluster_after_the_next_listing(
    steps: list[tuple[str, int]], retention_max: int, random: Any
) -> None:
    now = 0.0
    cluster = Cluster()
    index = PodIndex(retention_seconds=PLENTY, retention_max=retention_max, now=lambda: now)
    heard: set[str] = set()
    gone_for_good: set[str] = set()
    newest: dict[str, int] = {}

    def hear(what: str, said: Delta) -> None:
        index.update(said) if what == "apply" else index.delete(said)
        heard.add(said.pod.metadata.uid)
        if what == "remove":
            gone_for_good.add(said.pod.metadata.uid)

    def take(page: ListPage) -> None:
        index.replace_page(page)
        heard.update(pod.metadata.uid for pod in page.pods)

    for step, choice in steps:
        now += 1
        before = served(cluster, index)
        match step:
            case "create":
                cluster.create(choice)
            case "update":
                cluster.update(choice)
            case "delete":
                cluster.delete(choice)
            case "hear" if cluster.said:  # any event that ever was: reordered, repeated
                hear(*cluster.said[choice % len(cluster.said)])
            case "hear the last" if cluster.said:
                hear(*cluster.said[-1])
            case "gap":
                del cluster.said[: choice % (len(cluster.said) + 1)]
            case "list":  # with changes and events on their way between the pages
                for page in cluster.pages(choice):
                    take(page)
                    if cluster.live and random.random() < 0.3:
                        random.choice([cluster.create, cluster.update, cluster.delete])(random.randrange(1000))
                        hear(*cluster.said[-1])
                    if cluster.said and random.random() < 0.3:
                        hear(*random.choice(cluster.said))
            case "forget":  # a listing that misses a pod, as those of broken watch caches did
                for page in cluster.pages(100):
                    del page.pods[choice : choice + 1]
                    take(page)
            case "break off":
                for page in cluster.pages(choice)[:-1]:
                    take(page)
        after = served(cluster, index)
        gone_for_good |= before.keys() - after.keys() - cluster.live.keys()
        assert gone_for_good.isdisjoint(after), "a deleted pod came back"
        assert [uid for uid, version in after.items() if version < newest.get(uid, 0)] == [], "an older state came back"
        newest |= after
        if step == "list":
            versions = {uid: known.metadata.resource_version for uid, known in cluster.live.items()}
            assert versions.items() <= after.items(), "a pod is missing or stale after a listing"
        check_keys(cluster, index)
    for page in cluster.pages(2):
        take(page)
    check_keys(cluster, index)
    found = {uid for uid in cluster.uids() if index.lookup(uid)}
    assert found == set(cluster.live)
    assert len(index) == len(cluster.live)
    for uid, truth in cluster.live.items():
        assert index.lookup(uid) == encode_record(truth), "a stale state is served"
    gone = {uid for uid in heard if uid not in found and index.find(Identifier("uid", uid), deleted=True)}
    assert gone == heard - found if retention_max == PLENTY else len(gone) <= retention_max
    assert index.synced
