"""The index against a model that keeps the whole truth."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pod_index.changes import Change, Page
from pod_index.index import PodIndex
from tests.unit.test_index import pod


class Cluster:
    """The naive truth: every state of the cluster there ever was, and everything that ever was said of it."""

    def __init__(self) -> None:
        self.version = 0
        self.live: dict[str, int] = {}
        self.said: list[tuple[str, Any]] = []
        self.created = 0

    def create(self) -> None:
        self.version += 1
        self.created += 1
        uid = f"u{self.created}"
        self.live[uid] = self.version
        self.said.append(("apply", Change("", pod(uid, self.version, f"v{self.version}"))))

    def update(self, choice: int) -> None:
        if self.live:
            uid = sorted(self.live)[choice % len(self.live)]
            self.version += 1
            self.live[uid] = self.version
            self.said.append(("apply", Change("", pod(uid, self.version, f"v{self.version}"))))

    def delete(self, choice: int) -> None:
        if self.live:
            uid = sorted(self.live)[choice % len(self.live)]
            self.version += 1
            del self.live[uid]
            self.said.append(("remove", Change("", pod(uid, self.version))))

    def pages(self, size: int) -> list[Page]:
        pods = [pod(uid, version, f"v{version}") for uid, version in sorted(self.live.items())]
        parts = [pods[start : start + size] for start in range(0, len(pods), size)] or [[]]
        return [
            Page(
                scope="",
                pods=part,
                begins=number == 0,
                complete_at=self.version if number == len(parts) - 1 else None,
            )
            for number, part in enumerate(parts)
        ]


STEPS = st.one_of(
    st.tuples(st.just("create"), st.integers(0, 9)),
    st.tuples(st.just("update"), st.integers(0, 9)),
    st.tuples(st.just("delete"), st.integers(0, 9)),
    st.tuples(st.just("hear"), st.integers(0, 99)),
    st.tuples(st.just("gap"), st.integers(0, 99)),
    st.tuples(st.just("list"), st.integers(1, 3)),
    st.tuples(st.just("break off"), st.integers(1, 3)),
    st.tuples(st.just("forget"), st.integers(0, 9)),
)


@settings(max_examples=400, deadline=None)
@given(st.lists(STEPS, max_size=60), st.randoms(use_true_random=False))
def test_whatever_is_late_repeated_or_lost_the_index_equals_the_cluster_after_the_next_listing(
    steps: list[tuple[str, int]], random: Any
) -> None:
    cluster, index = Cluster(), PodIndex()
    deleted_and_heard: set[str] = set()

    def hear(what: str, said: Change) -> None:
        index.apply(said) if what == "apply" else index.remove(said)
        if what == "remove":
            deleted_and_heard.add(said.pod.metadata.uid)

    for step, choice in steps:
        match step:
            case "create":
                cluster.create()
            case "update":
                cluster.update(choice)
            case "delete":
                cluster.delete(choice)
            case "hear" if cluster.said:  # any event that ever was: reordered, repeated
                hear(*cluster.said[choice % len(cluster.said)])
            case "gap":
                del cluster.said[: choice % (len(cluster.said) + 1)]
            case "list":  # with events on their way between the pages
                for page in cluster.pages(choice):
                    index.apply_page(page)
                    if cluster.said and random.random() < 0.3:
                        hear(*random.choice(cluster.said))
            case "forget":  # a listing that misses a pod, as those of broken watch caches did
                for page in cluster.pages(100):
                    del page.pods[choice : choice + 1]
                    index.apply_page(page)
            case "break off":
                for page in cluster.pages(choice)[:-1]:
                    index.apply_page(page)
        assert not [uid for uid in deleted_and_heard if index.lookup(uid) is not None], "a deleted pod came back"
    for page in cluster.pages(2):
        index.apply_page(page)
    found = {uid for uid in (f"u{n}" for n in range(1, cluster.created + 1)) if index.lookup(uid)}
    assert found == set(cluster.live)
    assert len(index) == len(cluster.live)
    for uid, version in cluster.live.items():
        assert f'"name":"v{version}"'.encode() in (index.lookup(uid) or b""), "a stale state is served"
    assert index.synced
