"""A thousand clients that do their worst, and a normal one."""

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
    # The other side is late where the machine is busy.
    "endless body": {"413", "413, left open", "408"},
    "endless trailers": {"431"},
    "unread answer": {"closed"},
    "pipelining": {"closed"},
    "nonsense": {"400"},
}
"""How their connections end; but a client that still sends when its connection is closed may find it reset before it
has read why (RFC 9112, section 9.6), and where all are busy it takes long to connect."""

MEMORY = 100 * 1024 * 1024
"""What all of them together may take, in bytes."""


def test_a_thousand_hostile_clients_harm_nobody(server: ApiServer, start_operator: StartOperator) -> None:
    server.pods.load(realistic_pod(number) for number in range(PODS))
    operator = start_operator(server, CLIENT_TIMEOUT_SECONDS="3", IDLE_TIMEOUT_SECONDS="60")
    eventually(lambda: operator.pod_count() == PODS)
    uids = list(server.pods.pods())
    before = operator.peak_bytes

    def asked() -> None:
        for uid in uids[:100]:
            assert operator.lookup(uid) is not None

    with HostileProcess(operator.port, "--nice=0", connections=1000, seconds=90.0, uid=uids[0]) as hostile:
        asked()
        hostile.wait_until_complete()

        def all_kinds_were_ended() -> bool:
            asked()
            return all(kind.outcomes for kind in hostile.summary().values())

        eventually(all_kinds_were_ended, within=60.0)
        summary = hostile.summary()
    for name, kind in summary.items():
        assert set(kind.outcomes) <= EXPECTED[name] | {"reset", "not connected"}, (name, kind)
    assert operator.peak_bytes < before + MEMORY
    asked()
    eventually(lambda: b"\npod_index_connections 1.0\n" in operator.get("/metrics")[2])
    assert operator.stop() == 0
    assert operator.warnings() == []
