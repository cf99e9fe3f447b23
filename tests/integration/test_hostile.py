"""Hostile clients of all kinds and a hostile tenant, and a normal client."""

import time
from collections.abc import Iterator

import pytest

from tests.benchmarks.follow import END, view_of
from tests.benchmarks.hostile import CONNECTIONS, TENANT_PODS, VARIANTS, Variant, churn
from tests.benchmarks.memory import MIB
from tests.benchmarks.processes import OUR_CORE, FeederProcess, Helper, Subject
from tests.hostile import HostileProcess
from tests.hostile.kinds import HANDSHAKE
from tests.support import memory_budget
from tests.support.manifests import memory_limit
from tests.support.operator_process import MAIN
from tests.support.polling import eventually

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

PODS = 50_000
SECONDS = 12.0
"""How long they stay when all of them have connected: longer than CLIENT_TIMEOUT_SECONDS."""

STREAMS = 1_000
CHANGES = 10
"""How many pods change, each in the view of at least a tenth of the streams."""

EXPECTED = {
    "silent": {"closed"},
    "dribbling head": {"408"},
    "endless head": {"431"},
    "dribbling body": {"408"},
    "endless trailers": {"431"},
    "nonsense": {"400"},
    # 503 is the answer to a lookup with trailers while others are in progress.
    "odd heads": {"400", "431", "503"},
    "upgrades": set[str](),
    "idle": set[str](),
}
"""How connections of kinds with one outcome end. Others depend on what else the process does."""
ANYWHERE = {"reset", "closed", "not connected"}
"""Connections can also be displaced by others, or time out before they are accepted. A client that still sends when its
connection is closed may find it reset before it has read the response: RFC 9112, section 9.6."""


@pytest.fixture(scope="module")
def feeder() -> Iterator[FeederProcess]:
    """An API server with as many pods as the manifest is for."""
    with FeederProcess(PODS) as feeder:
        yield feeder


def assert_within_limit(operator: Subject, variant: Variant) -> None:
    """Assert that the process never took more memory than its container may; with TLS, than the budget says."""
    limit = memory_budget.total(PODS)[1] * MIB if variant.tls else memory_limit()
    print(f"peak {variant.name}: {operator.peak_bytes / MIB:.0f} of {limit / MIB:.0f} MiB")  # noqa: T201 - shown by pytest -rP
    assert operator.peak_bytes < limit


@pytest.mark.parametrize("variant", VARIANTS[:2], ids=lambda variant: variant.name)
def test_hostile_clients_of_all_kinds_stay_within_the_memory_limit(variant: Variant, feeder: FeederProcess) -> None:
    with variant.operator(feeder, MAIN) as operator:
        uid = feeder.uids(1)[0]
        options = ["--nice=0", *(["--tls"] if variant.tls else [])]
        with HostileProcess(operator.port, *options, connections=CONNECTIONS, seconds=150.0, uid=uid) as hostile:
            hostile.wait_until_complete()
            until = time.monotonic() + SECONDS
            with variant.client(operator) as client:
                while time.monotonic() < until:
                    assert client.get(f"/api/v1/pod?uid={uid}")[0] == 200
                    time.sleep(0.05)
            summary = hostile.summary()
        assert_within_limit(operator, variant)
        assert summary.keys() >= EXPECTED.keys()
        assert (HANDSHAKE in summary) == variant.tls
        for name, kind in summary.items():
            assert kind.connections, name
            if name in EXPECTED:
                assert set(kind.outcomes) <= EXPECTED[name] | ANYWHERE, (name, kind)

        def all_are_closed() -> bool:
            with variant.client(operator) as client:
                return b"\npod_index_connections 1.0\n" in client.get("/metrics")[1]

        eventually(all_are_closed)
        assert operator.stop() == 0
        assert operator.warnings() == []


def test_a_thousand_streams_go_on_beside_hostile_clients(feeder: FeederProcess) -> None:
    (variant, *_) = VARIANTS
    with (
        variant.operator(feeder, MAIN) as operator,
        Helper("followers", str(operator.port), on=OUR_CORE) as followers,
    ):
        changes = feeder.prepare(CHANGES, 1)
        views = [view_of(operator, uid) for _, uid, _ in changes]
        paths = [f"/api/v1/pods?watch=true&{views[number % CHANGES]}" for number in range(STREAMS)]
        followers.ask("open", paths=paths, end=END)
        uid = feeder.uids(1)[0]
        with HostileProcess(operator.port, "--nice=0", connections=CONNECTIONS, seconds=150.0, uid=uid) as hostile:
            hostile.wait_until_complete()
            time.sleep(SECONDS)
            feeder.ask("send")
            sent = {str(version): 0.0 for _, _, version in changes}
            expected = sum(STREAMS // CHANGES * views.count(view) for view in views)
            arrived = 0

            def all_have_arrived() -> bool:
                nonlocal arrived
                arrived += len(followers.ask("latencies", sent=sent)["times"])
                return arrived == expected

            eventually(all_have_arrived)
        assert followers.ask("closed") == {"count": 0}
        assert_within_limit(operator, variant)


def test_a_tenant_that_creates_and_deletes_large_pods_stays_within_the_memory_limit(feeder: FeederProcess) -> None:
    (variant, *_) = VARIANTS
    with variant.operator(feeder, MAIN) as operator:
        churn(feeder, operator)
        with variant.client(operator) as client:
            assert b'pod_index_events_total{type="deleted"} %d.0\n' % TENANT_PODS in client.get("/metrics")[1]
        assert_within_limit(operator, variant)
        assert operator.stop() == 0
        assert operator.warnings() == []
