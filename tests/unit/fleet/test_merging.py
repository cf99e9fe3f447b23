"""The answers of clusters, and the one that follows from them."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pod_index.clusters import Answer, Outcome, Verdict
from pod_index.fleet.merging import merge

SUBJECT = "IP 10.0.0.1"
TWO = f"{SUBJECT} is that of pods in clusters a, b: ask one of them with cluster=NAME"
OFF = "lookups by ip are switched off by LOOKUP_KEYS"


def hit(cluster: str, uid: str = "1", rank: int = 0, *, unique: bool = False, deleted: bool = False) -> Answer:
    outcome: Outcome = "deleted" if deleted else "hit"
    return Answer(cluster, outcome, b"{}", uid, "uid" if unique else "ip", rank, unique, age=1)


def miss(cluster: str) -> Answer:
    return Answer(cluster, "miss", age=5)


def silent(cluster: str) -> Answer:
    return Answer(cluster, "silent")


def several(cluster: str) -> Answer:
    return Answer(cluster, "ambiguous", message="IP 10.0.0.1 is that of 2 pods", age=2)


def verdict(*answers: Answer) -> tuple[int, str, str]:
    """The status, the cluster of the answer, and the message."""
    found = merge(answers, SUBJECT)
    return found.status, found.answer.cluster if found.answer else "", found.message


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ([hit("a")], (200, "a", "")),
        ([miss("a"), hit("b")], (200, "b", "")),
        ([miss("a"), miss("b")], (404, "", "")),
        ([silent("a")], (503, "", "no answer from cluster a")),
        ([silent("b"), silent("a")], (503, "", "no answer from clusters a, b")),
        ([miss("a"), silent("b")], (503, "", "no answer from cluster b; not found in the others")),
        ([hit("a", unique=True), silent("b")], (200, "a", "")),
        ([hit("a"), silent("b")], (503, "", "no answer from cluster b; found in cluster a")),
        ([hit("a", unique=True, deleted=True), silent("b")], (200, "a", "")),
        ([hit("a", deleted=True), silent("b")], (503, "", "no answer from cluster b; found in cluster a")),
        ([hit("a", deleted=True), hit("b", "2")], (200, "b", "")),
        ([hit("a"), hit("b", "2")], (409, "", TWO)),
        ([hit("a"), hit("b", "1")], (200, "a", "")),
        ([several("a"), miss("b")], (409, "a", "IP 10.0.0.1 is that of 2 pods")),
        ([several("a"), hit("b")], (409, "", TWO)),
        ([hit("a", "1", 1, unique=True), hit("b", "2", 0)], (200, "b", "")),
        ([hit("a", "1", 1, unique=True), silent("b")], (503, "", "no answer from cluster b; found in cluster a")),
        ([miss("a"), Answer("b", "invalid", message=OFF)], (400, "b", OFF)),
        ([hit("a", unique=True), Answer("b", "invalid", message="no")], (200, "a", "")),
    ],
)  # fmt: skip
def test_the_rules(answers: list[Answer], expected: tuple[int, str, str]) -> None:
    assert verdict(*answers) == expected


def test_a_miss_is_as_old_as_the_oldest_answer_and_a_hit_as_its_own() -> None:
    assert merge([miss("a"), Answer("b", "miss", age=1)], SUBJECT).age == 5
    assert merge([miss("a"), hit("b")], SUBJECT).age == 1


@st.composite
def knowledge(draw: st.DrawFn) -> list[Answer]:
    """What clusters know of an identifier text with up to three identifiers, of which some are unique."""
    uniques = draw(st.lists(st.booleans(), min_size=3, max_size=3))
    owners = [f"owner-{rank}" for rank in range(3)]
    answers: list[Answer] = []
    for number in range(draw(st.integers(1, 4))):
        kind = draw(st.sampled_from(["hit", "hit", "deleted", "miss", "ambiguous"]))
        if kind == "miss":
            answers.append(miss(f"c{number}"))
        elif kind == "ambiguous":
            answers.append(several(f"c{number}"))
        else:
            rank = draw(st.integers(0, 2))
            uid = owners[rank] if uniques[rank] else draw(st.sampled_from(["1", "2", "3"]))
            answers.append(hit(f"c{number}", uid, rank, unique=uniques[rank], deleted=kind == "deleted"))
    return answers


def truth(answers: Sequence[Answer]) -> tuple[int, set[str]]:
    """The naive statement of the rules if all clusters answer: the status, and the pods that it is about."""
    for rank in range(3):
        for state in ("hit", "deleted"):
            pods = {answer.uid for answer in answers if answer.outcome == state and answer.rank == rank}
            certain = any(answer.is_certain for answer in answers)
            if (
                state == "hit"
                and rank == 0
                and not certain
                and any(answer.outcome == "ambiguous" for answer in answers)
            ):
                return 409, pods
            if pods:
                return (200 if len(pods) == 1 or (certain and state == "hit" and rank == 0) else 409), pods
    return 404, set()


@given(answers=knowledge(), hidden=st.sets(st.integers(0, 3)))
def test_a_cluster_that_does_not_answer_never_makes_the_result_wrong(answers: list[Answer], hidden: set[int]) -> None:
    status, pods = truth(answers)
    visible = [silent(answer.cluster) if number in hidden else answer for number, answer in enumerate(answers)]
    found = merge(visible, SUBJECT)
    names = sorted(answer.cluster for answer in visible if answer.outcome == "silent")
    match found.status:
        case 200:
            assert found.answer is not None
            assert found.answer in visible
            assert (status, {found.answer.uid}) == (200, pods)
        case 404:
            assert (status, names) == (404, [])
        case 409:
            assert status == 409 or (status == 200 and any(answer.is_certain for answer in answers))
        case other:
            assert other == 503
            assert names
            assert found.message.startswith(f"no answer from cluster{'s' * (len(names) > 1)} {', '.join(names)}")


@given(answers=knowledge())
def test_if_all_answer_the_result_is_that_of_the_rules(answers: list[Answer]) -> None:
    found = merge(answers, SUBJECT)
    status, pods = truth(answers)
    assert found.status == status
    assert status != 200 or (found.answer is not None and {found.answer.uid} == pods)


@given(answers=knowledge(), data=st.data())
def test_the_order_of_the_answers_does_not_matter(answers: list[Answer], data: st.DataObject) -> None:
    def outcome(found: Verdict) -> tuple[int, str, str]:
        return found.status, found.answer.uid if found.answer else "", found.message

    other = data.draw(st.permutations(answers))
    assert outcome(merge(answers, SUBJECT)) == outcome(merge(other, SUBJECT))


@given(answers=knowledge())
def test_a_certain_answer_is_the_result_before_the_others_have_come(answers: list[Answer]) -> None:
    for answer in answers:
        if answer.is_certain:
            whole = merge(answers, SUBJECT).answer
            assert whole is not None
            assert whole.uid == answer.uid
