"""What the stream of a view sends, beyond what the property test compares."""

import pytest

from pod_index.pods import Pod, PodStatus
from pod_index.store.deltas import ListPage, Progress
from pod_index.store.following import Follower
from pod_index.store.index import PodIndex
from pod_index.store.resume import Expired, parse_token
from pod_index.store.views import View
from tests.support.served import change, listing, replace_page, simple_pod, synced_index

ALL = View()


def follow(index: PodIndex, view: View = ALL, token: str | None = None) -> Follower:
    return Follower(index, view, parse_token(token, view) if token else None, lambda: None)


def sent(follower: Follower) -> list[tuple[str, str]]:
    """The types and UIDs of everything until the stream is settled."""
    found: list[tuple[str, str]] = []
    while True:
        found += [(event.type, event.object.decode().split('"')[3]) for event in follower.pull(100)]
        if follower.settled:
            return found


def token_of(index: PodIndex, view: View = ALL) -> str:
    follower = follow(index, view)
    sent(follower)
    token = follower.bookmark().token
    follower.close()
    assert token is not None
    return token


def test_a_deletion_that_a_relist_finds_comes_before_the_pod_that_has_taken_the_name() -> None:
    index = synced_index(simple_pod("old", 1))
    follower = follow(index)
    sent(follower)
    follower.bookmark()
    for _ in index.replace_page(listing(simple_pod("new", 1_500), at=2_000)):
        assert sent(follower) == []
        assert follower.bookmark().token is not None, "the client is still at the version before"
    assert sent(follower) == [("DELETED", "old"), ("ADDED", "new")]


def with_ip(uid: str, version: int, *, node: str = "node-1") -> Pod:
    """A pod with the IP that one pod after the other has."""
    pod = simple_pod(uid, version, name=uid, node=node)
    return Pod(pod.metadata, pod.spec, PodStatus(phase="Running", pod_ip="10.0.0.1"))


VIEWS = [ALL, View(namespace="default"), View(node="node-1"), View(details=True)]


@pytest.mark.parametrize("view", VIEWS)
def test_a_deletion_comes_before_the_pod_that_has_taken_the_ip_wherever_the_stream_is(view: View) -> None:
    others = [simple_pod(f"other-{number}", number + 1, name=f"other-{number}") for number in range(20)]
    index = synced_index(*others, with_ip("first", 21))
    follower, token = follow(index, view), token_of(index, view)
    sent(follower)
    for version, pod in enumerate(others, 1_001):
        index.update(change(simple_pod(pod.metadata.uid, version, name=f"new-{version}")))
    assert len(follower.pull(1)) == 1, "the stream is in the middle of the changes"
    index.delete(change(with_ip("first", 1_100)))
    index.update(change(with_ip("second", 1_101)))
    assert follower.pull(1)[0].type == "DELETED"
    index.delete(change(with_ip("second", 1_102)))
    index.update(change(with_ip("third", 1_103)))
    for events in (sent(follower), sent(follow(index, view, token))):
        assert events.index(("DELETED", "second")) < events.index(("ADDED", "third"))
        assert ("ADDED", "second") not in events


def test_the_pod_that_has_taken_the_ip_on_another_node_is_added_there_only() -> None:
    index = synced_index(with_ip("old", 1))
    nodes = [follow(index, View(node=node)) for node in ("node-1", "node-2")]
    for follower in nodes:
        sent(follower)
    index.delete(change(with_ip("old", 1_001)))
    index.update(change(with_ip("new", 1_002, node="node-2")))
    assert [sent(follower) for follower in nodes] == [[("DELETED", "old")], [("ADDED", "new")]]


def test_a_deletion_that_a_relist_finds_comes_before_the_pod_that_has_taken_the_ip() -> None:
    index = synced_index(with_ip("old", 1))
    follower = follow(index)
    sent(follower)
    replace_page(index, listing(with_ip("new", 1_500), at=2_000))
    assert sent(follower) == [("DELETED", "old"), ("ADDED", "new")]


def test_a_token_from_the_middle_of_a_gap_is_refused_as_pods_may_have_come_and_gone_in_it() -> None:
    ahead, relisted = synced_index(), synced_index()
    ahead.update(change(simple_pod("short-lived", 1_500)))
    token = token_of(ahead)
    replace_page(relisted, listing(at=2_000))
    with pytest.raises(Expired, match="too old"):
        follow(relisted, token=token)
    assert sent(follow(relisted, token=token_of(synced_index()))) == []


def test_a_replica_with_another_history_refuses_the_token() -> None:
    before, restored = synced_index(simple_pod("a", 1)), synced_index(simple_pod("a", 1))
    before.update(change(simple_pod("lost", 1_001)))
    restored.update(change(simple_pod("other", 1_001)))
    with pytest.raises(Expired, match="another history"):
        follow(restored, token=token_of(before))


def test_a_replica_that_has_listed_another_history_refuses_the_token() -> None:
    before = synced_index(simple_pod("a", 1))
    before.update(change(simple_pod("lost", 1_001)))
    before.delete(change(simple_pod("lost", 1_002)))
    token = token_of(before)
    for pods in ([], [simple_pod("a", 1)], [simple_pod("a", 1_001)]):
        assert sent(follow(listed(*pods), token=token)) == []
    with pytest.raises(Expired, match="another history"):
        follow(listed(simple_pod("a", 1), simple_pod("other", 1_002)), token=token)
    before.advance(Progress(scope="", version=1_004))
    with pytest.raises(Expired, match="another history"):
        follow(listed(simple_pod("a", 1_003), at=1_004), token=token_of(before))


def test_a_token_of_a_replica_that_has_started_after_a_deletion_is_taken_by_those_that_know_the_pod() -> None:
    knows = listed(simple_pod("a", 1), simple_pod("b", 1_002))
    knows.delete(change(simple_pod("b", 1_003)))
    assert sent(follow(knows, token=token_of(listed(simple_pod("a", 1), at=1_003)))) == []


def listed(*pods: Pod, at: int = 1_002) -> PodIndex:
    """The index of a replica that has started at a version."""
    index = PodIndex()
    replace_page(index, listing(*pods, at=at))
    return index


def test_a_token_of_the_history_after_a_reset_brings_no_deletion_from_before() -> None:
    index = synced_index(simple_pod("a", 1))
    index.delete(change(simple_pod("a", 1_001)))
    restored = ListPage(scope="", pods=[simple_pod("a", 1)], begins=True, history_reset=True, complete_at=1_000)
    replace_page(index, restored)
    assert sent(follow(index, token=token_of(index))) == []


@pytest.mark.slow
def test_deletions_that_are_not_kept_any_longer_make_older_tokens_useless() -> None:
    index = synced_index(*(simple_pod(f"u{number:05}", number + 1) for number in range(20_000)), simple_pod("z", 1))
    replace_page(index, listing(*(simple_pod(f"u{number:05}", number + 1) for number in range(20_000)), at=20_001))
    token, other = token_of(index, View(node="n")), token_of(index)
    for number in range(20_000):
        index.delete(change(simple_pod(f"u{number:05}", 20_002 + number)))
    for view, text in ((View(node="n"), token), (ALL, other)):
        with pytest.raises(Expired, match="too old"):
            follow(index, view, text)


def test_a_quiet_stream_does_not_lag_however_many_deletions_there_are_elsewhere() -> None:
    index = synced_index(simple_pod("mine", 1, node="n", namespace="mine"))
    quiet = [follow(index, view) for view in (View(node="n"), View(namespace="mine"))]
    for follower in quiet:
        sent(follower)
    for number in range(6_000):
        index.update(change(simple_pod(f"u{number:05}", 1_001 + 2 * number)))
        index.delete(change(simple_pod(f"u{number:05}", 1_002 + 2 * number)))
    index.update(change(simple_pod("mine", 50_000, node="n", namespace="mine", name="new")))
    for follower in quiet:
        assert follower.backlog > 0
        assert sent(follower) == [("MODIFIED", "mine")]
        assert follower.backlog == 0
