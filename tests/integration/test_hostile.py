"""A thousand hostile clients, and a normal one."""

import pytest

from tests.apiserver import ApiServer, realistic_pod
from tests.conftest import StartOperator
from tests.hostile import HostileProcess
from tests.support.polling import eventually

PODS = 500

EXPECTED = {
    "silent": {"closed"},
    "dribbling head": {"408"},
    "endless head": {"431"},
    "dribbling body": {"408"},
    # The hostile clients are slow where the machine is busy.
    "endless body": {"413", "413, left open", "408"},
    "endless trailers": {"431"},
    "unread answer": {"closed"},
    "pipelining": {"closed"},
    "nonsense": {"400"},
}
"""How their connections end. But a client that still sends when its connection is closed may find it reset before it
has read the response (RFC 9112, section 9.6), and connecting may time out on a busy machine."""

MEMORY = 100 * 1024 * 1024
"""The bytes that all of them together may occupy."""


@pytest.mark.slow
def test_a_thousand_hostile_clients_do_not_affect_others(server: ApiServer, start_operator: StartOperator) -> None:
    server.pods.load(realistic_pod(number) for number in range(PODS))
    operator = start_operator(server, CLIENT_TIMEOUT_SECONDS="3", IDLE_TIMEOUT_SECONDS="60")
    eventually(lambda: operator.pod_count() == PODS)
    uids = list(server.pods.pods())
    before = operator.peak_bytes

    def look_up() -> None:
        for uid in uids[:100]:
            assert operator.lookup(uid) is not None

    with HostileProcess(operator.port, "--nice=0", connections=1000, seconds=90.0, uid=uids[0]) as hostile:
        look_up()
        hostile.wait_until_complete()

        def all_kinds_have_ended() -> bool:
            look_up()
            return all(kind.outcomes for kind in hostile.summary().values())

        eventually(all_kinds_have_ended, within=60.0)
        summary = hostile.summary()
    for name, kind in summary.items():
        assert set(kind.outcomes) <= EXPECTED[name] | {"reset", "not connected"}, (name, kind)
    assert operator.peak_bytes < before + MEMORY
    look_up()
    eventually(lambda: b"\npod_index_connections 1.0\n" in operator.get("/metrics")[2])
    assert operator.stop() == 0
    assert operator.warnings() == []
