"""Identifiers: the work for one text is bounded, whatever the text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pod_index.store.identifiers import MAX_CANDIDATES, MAX_CLAIMS, MAX_LENGTH, Identifier, IdentifierError, parse
from pod_index.store.matching import subscribed_values

UID = "1234abcd-5678-90ef-aaaa-bbbbccccdddd"
HASH = "c" * 32
CONTAINER = "9" * 64
TOO_MANY = r"^.{1,70} names too many pods and containers: give one path, a UID, a cgroup or log path, .*$"

PIECES = (
    *("a", "0", "g", "-", "_", ".", ":", "/", "\\", " ", "─", "é", "|-", "://", "pod", "pods", "volumes", "x" * 31),
    *(
        "a_",
        "a-",
        "a.",
        ".pods.",
        "containers.",
        "docker.",
        ".log",
        ".mount",
        ".slice",
        r"\x2d",
        "k8s_",
        "kubepods-pod",
    ),
    *(UID, HASH, CONTAINER, f"/pod{HASH}", f"{HASH}_0", f"a_b_{HASH}", f"{CONTAINER}.scope", "a" * 251 + ".log"),
)
PARTS = st.lists(st.sampled_from(PIECES), max_size=8).map("".join)


@st.composite
def hostile_texts(draw: st.DrawFn) -> str:
    """A unit repeated up to the maximum length, or a numbered one: then all pods and containers are different."""
    beginning, unit, end = draw(PARTS), draw(PARTS.filter(bool)), draw(PARTS)
    separator = draw(st.sampled_from(["", " ", "/", ":", ".", "_"]))
    many = (
        f"{unit.replace(HASH, f'{number:032x}').replace(CONTAINER, f'{number:064x}')}{separator}"
        for number in range(MAX_LENGTH // len(unit + separator))
    )
    return f"{beginning}{''.join(many)}"[: max(0, MAX_LENGTH - len(end))] + end


@given(hostile_texts())
def test_any_text_gives_a_bounded_number_of_candidates_or_a_short_error(text: str) -> None:
    found = parsed(text[:MAX_LENGTH])
    if isinstance(found, IdentifierError):
        assert len(str(found)) <= 250
        return
    assert 1 <= len(found) <= MAX_CANDIDATES
    containers = [container for identifier in found for container in identifier.container_ids]
    assert len(containers) <= MAX_CLAIMS
    assert sum(len(subscribed_values(identifier)) for identifier in found) <= 2 * MAX_CANDIDATES + MAX_CLAIMS


def parsed(text: str) -> tuple[Identifier, ...] | IdentifierError:
    try:
        return parse(text)
    except IdentifierError as error:
        return error


def pods(number: int) -> list[str]:
    return [f"pod{pod:032x}" for pod in range(number)]


@pytest.mark.parametrize("separator", [" ", "\n", "/", ":/", "│"])
def test_a_text_may_name_32_pods_but_not_33(separator: str) -> None:
    assert len(parse(separator.join(pods(32)))) == 32
    with pytest.raises(IdentifierError, match=TOO_MANY):
        parse(separator.join(pods(33)))


def test_different_statements_about_one_pod_count_as_candidates() -> None:
    with pytest.raises(IdentifierError, match=TOO_MANY):
        parse(" ".join(f"/var/log/pods/a_b{number}_{HASH}" for number in range(33)))


@pytest.mark.parametrize("path", [f"a_b_{HASH}/a_c_{HASH}", f"pod{HASH}/{CONTAINER}", f"pod{HASH}/pod{UID}"])
@pytest.mark.parametrize("separator", [" ", "/"])
def test_repetitions_count_as_work(path: str, separator: str) -> None:
    assert len(parse(separator.join([path] * (MAX_CLAIMS // 2)))) <= 3
    with pytest.raises(IdentifierError, match=TOO_MANY):
        parse(separator.join([path] * (MAX_CLAIMS // 2 + 1)))


def test_a_tag_with_many_containers_is_too_much() -> None:
    with pytest.raises(IdentifierError, match=TOO_MANY):
        parse(f"x.pods.{HASH}." + ".".join(f"{number:064x}" for number in range(33)))


def test_the_cgroups_of_a_cluster_that_is_nested_three_times_are_accepted() -> None:
    nested = "".join(f"/kubepods/burstable/pod{number:032x}/{number:064x}" for number in range(3))
    lines = [f"{number}:controller{number}:/docker/{CONTAINER}{nested}" for number in range(14, 0, -1)]
    found = parse("\n".join(lines))
    assert [(identifier.kind, int(identifier.value, 16)) for identifier in found[:3]] == [
        ("uid", 2),
        ("uid", 1),
        ("uid", 0),
    ]
    assert len(found) == 7
