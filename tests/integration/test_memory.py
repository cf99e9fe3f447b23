"""Memory stays bounded, Kopf's own memory of objects included."""

from tests.apiserver import ApiServer, make_pod
from tests.integration.conftest import StartOperator
from tests.operator_process import assert_equal
from tests.polling import eventually

PODS = 100


def test_a_thousand_relists_with_other_pods_each_time_do_not_grow_the_memory(start_operator: StartOperator) -> None:
    with ApiServer(history_limit=500) as server:
        operator = start_operator(server, RETRY_MAX_SECONDS="0.01")
        operator.wait_until_ready()

        def relist(generation: int) -> None:
            # The pods go and others come while no watch is open, so no event tells of them.
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
        # 80,000 pods have gone meanwhile; Kopf keeps more than a kilobyte for each object it remembers, and the
        # index at most 10,000 tombstones.
        assert operator.resident_bytes - early < 8 * 1024 * 1024
