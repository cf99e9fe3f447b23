"""Memory stays bounded, Kopf's own memory of objects included."""

import pytest

from tests.apiserver import ApiServer, make_pod, realistic_pod
from tests.conftest import StartOperator
from tests.support.operator_process import assert_equal
from tests.support.polling import eventually

PODS = 100
MIB = 1024 * 1024


@pytest.mark.parametrize(
    ("pods", "annotation", "streaming_list", "setting"),
    [
        pytest.param(10_000, 10_000, True, "true", id="streaming"),
        pytest.param(10_000, 10_000, False, "true", id="whole", marks=pytest.mark.slow),
        pytest.param(10_000, 10_000, True, "false", id="pages", marks=pytest.mark.slow),
        pytest.param(400, 250_000, True, "true", id="large pods, streaming", marks=pytest.mark.slow),
        pytest.param(400, 250_000, False, "true", id="large pods, whole", marks=pytest.mark.slow),
        pytest.param(400, 250_000, True, "false", id="large pods, pages", marks=pytest.mark.slow),
    ],
)
def test_a_sync_peaks_at_most_64_mib_above_the_steady_state(
    pods: int, annotation: int, streaming_list: bool, setting: str, start_operator: StartOperator
) -> None:
    # A spec makes a pod of 10 KB that is not kept; annotations are kept, and may be as large as 256 KiB.
    kept = {"note": "x" * annotation} if annotation > 100_000 else None
    spec = {"containers": [{"command": ["x" * annotation]}]} if kept is None else {}
    with ApiServer(streaming_list=streaming_list) as server:
        server.pods.load(make_pod(f"web-{number}", annotations=kept) | {"spec": spec} for number in range(pods))
        operator = start_operator(server, STREAMING_LIST=setting)
        operator.wait_until_ready()
        assert operator.pod_count() == pods
        first_peak = operator.peak_bytes - operator.resident_bytes
        assert first_peak < 64 * MIB
        # A relist, with everything in the index already.
        server.faults.watch_error(410, "Expired")
        new = server.pods.create(make_pod("new"))["metadata"]["uid"]
        eventually(lambda: operator.lookup(new))
        assert operator.peak_bytes - operator.resident_bytes < 64 * MIB


@pytest.mark.slow
@pytest.mark.parametrize(("details", "limit"), [("false", 2048), ("true", 2048 + 600)])
def test_the_steady_state_is_at_most_two_kilobytes_a_pod_over_an_empty_index_and_600_bytes_for_details(
    details: str, limit: int, start_operator: StartOperator
) -> None:
    pods = 20_000
    with ApiServer() as server:
        empty = start_operator(server, DETAILS=details)
        empty.wait_until_ready()
        base = empty.resident_bytes
        empty.stop()
        server.pods.load(realistic_pod(number) for number in range(pods))
        full = start_operator(server, DETAILS=details)
        full.wait_until_ready()
        assert full.pod_count() == pods
        assert full.resident_bytes - base < pods * limit


def test_large_pods_that_are_created_and_deleted_in_a_loop_take_bounded_memory(start_operator: StartOperator) -> None:
    large = {"note": "x" * 250_000}
    with ApiServer() as server:
        operator = start_operator(server, DELETED_RETENTION_MAX_BYTES=str(MIB))
        operator.wait_until_ready()

        def churn(generation: int) -> None:
            for number in range(10):
                name = f"web-{generation}-{number}"
                gone = server.pods.create(make_pod(name, annotations=large))["metadata"]["uid"]
                server.pods.delete("default", name)
            path = f"/api/v1/pod?uid={gone}&includeDeleted=true"
            eventually(lambda: b"deletedAt" in operator.get(path)[2])

        churn(0)
        early = operator.resident_bytes
        for generation in range(1, 16):
            churn(generation)
        # 38 MB were deleted meanwhile.
        assert operator.resident_bytes - early < 16 * MIB


@pytest.mark.slow
def test_a_thousand_relists_of_different_pods_do_not_increase_the_memory(start_operator: StartOperator) -> None:
    with ApiServer(history_limit=500) as server:
        operator = start_operator(server, RETRY_MAX_SECONDS="0.01")
        operator.wait_until_ready()

        def relist(generation: int) -> None:
            # The pods are replaced while no watch is open, so there are no events for them.
            eventually(lambda: server.open_watches == 1, every=0.001)
            server.faults.watch_error(410, "Expired")
            server.pods.replace_all(
                [make_pod(f"web-{generation}-{number}") for number in range(PODS)],
                resource_version=server.pods.resource_version + 1,
            )

        for generation in range(200):
            relist(generation)
        assert_equal(operator, server.pods.pods())
        early = operator.resident_bytes
        for generation in range(200, 1000):
            relist(generation)
        assert_equal(operator, server.pods.pods())
        # 80,000 pods were deleted meanwhile; Kopf keeps more than a kilobyte for each object it remembers, and the
        # index at most 10,000 tombstones.
        assert operator.resident_bytes - early < 8 * MIB
