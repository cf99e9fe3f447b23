"""The benchmark of counting compares equal responses."""

import inspect
from pathlib import Path

import pytest
from starlette.types import Message

from pod_index.api.endpoints import PodEndpoint
from pod_index.stats import Stats
from tests.benchmarks import lookupcost
from tests.benchmarks.lookupcost import COUNTED, LOGIN, TOKEN, UNCOUNTED, VARIANTS, Uncounted, Variant, variants
from tests.support.served import UID, example_pod, synced_index


@pytest.fixture
def stats() -> Stats:
    return Stats()


@pytest.fixture
def subjects(tmp_path: Path, stats: Stats) -> dict[str, Variant]:
    return variants(synced_index(example_pod()), [UID], tmp_path / "tokens", stats)


async def answer(subjects: dict[str, Variant], variant: str, scopes_of: str) -> list[Message]:
    application, _ = subjects[variant]
    _, (scope,) = subjects[scopes_of]
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        raise AssertionError("a lookup does not read the body")

    await application(scope, receive, send)
    return sent


async def test_all_variants_give_the_same_response(subjects: dict[str, Variant]) -> None:
    expected = await answer(subjects, COUNTED, COUNTED)
    assert expected[0]["status"] == 200
    for variant in VARIANTS:
        assert await answer(subjects, variant, variant) == expected


async def test_all_variants_but_one_are_counted(subjects: dict[str, Variant], stats: Stats) -> None:
    for variant, counted in ((UNCOUNTED, 0), (COUNTED, 1), (LOGIN, 2), (TOKEN, 3)):
        await answer(subjects, variant, variant)
        assert stats.lookups["uid", "hit"] == counted


@pytest.mark.parametrize("variant", [LOGIN, TOKEN])
async def test_a_request_without_credentials_is_refused(variant: str, subjects: dict[str, Variant]) -> None:
    start, _ = await answer(subjects, variant, COUNTED)
    assert start["status"] == 401


def test_the_uncounted_variant_lacks_only_the_lines_that_count() -> None:
    def code(endpoint: type[PodEndpoint]) -> list[str]:
        _, _, body = inspect.getsource(endpoint.answer_plain).rpartition('"""')
        counting = ("perf_counter()", "self._lookups[")
        return [line for line in body.splitlines() if not any(part in line for part in counting)]

    assert code(Uncounted) == code(PodEndpoint)


async def test_the_cost_of_every_variant_is_measured(subjects: dict[str, Variant]) -> None:
    costs = await lookupcost.measure(subjects, seconds=0)
    assert set(costs) == set(VARIANTS)
    assert min(costs.values()) > 0
