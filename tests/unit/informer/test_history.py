"""Whether an older version is a reset of the history, or a replica that is behind."""

import pytest

from pod_index.informer.client import ApiClient
from pod_index.informer.errors import InconsistentResponse, OlderVersion
from pod_index.informer.history import CONFIRMATIONS, History
from pod_index.informer.listwatch import ListWatch
from tests.apiserver import ApiServer, Fault


@pytest.fixture
def history(client: ApiClient) -> History:
    history = History(ListWatch(client, "", idle_seconds=5), 0.02)
    history.complete(100)
    return history


def older(history: History, version: int) -> OlderVersion:
    with pytest.raises(OlderVersion) as caught:
        history.advance(version)
    return caught.value


def test_equal_and_newer_versions_are_no_step_back(history: History) -> None:
    history.advance(100)
    history.advance(101)
    assert "version 100 after 101" in str(older(history, 100))


async def test_a_reset_is_assumed_only_after_several_reads_with_older_versions(
    history: History, server: ApiServer
) -> None:
    server.pods.replace_all([], resource_version=50)
    error = await history.check_reset(older(history, 40))
    assert isinstance(error, InconsistentResponse)
    assert str(error) == "the API server's history was reset (version 50 after 100)"
    assert len(server.requests) == 2 * CONFIRMATIONS
    assert history.was_reset
    assert "version 40 after 50" in str(older(history, 40)), "a version older than the confirmed one is discarded, too"
    history.complete(51)
    assert not history.was_reset


@pytest.mark.parametrize("reads", range(2 * CONFIRMATIONS))
async def test_one_newer_version_refutes_a_reset(reads: int, history: History, server: ApiServer) -> None:
    server.pods.replace_all([], resource_version=100)
    if reads:
        server.faults.add(Fault(times=reads, body=b'{"metadata":{"resourceVersion":"99"},"items":[]}'))
    failure = older(history, 99)
    assert await history.check_reset(failure) is failure
    assert not history.was_reset
    history.advance(100)


async def test_an_outage_confirms_nothing(history: History, server: ApiServer) -> None:
    server.faults.add(Fault(status=503))
    failure = older(history, 99)
    assert await history.check_reset(failure) is failure
    assert not history.was_reset
