"""Faults: each happens as described, as often as configured, and no more."""

import json

import httpx
import pytest

from tests.apiserver import (
    CUT,
    END,
    ApiServer,
    Fault,
    WatchFault,
    make_pod,
    realistic_pod,
    watch_error,
)
from tests.apiserver.faults import HALF_LINE
from tests.support.polling import eventually
from tests.unit.apiserver.conftest import Connect
from tests.unit.apiserver.watcher import Watcher

PODS = "/api/v1/pods"


@pytest.fixture
def watcher(server: ApiServer, http: httpx.Client) -> Watcher:
    watcher = Watcher(http)
    eventually(lambda: server.open_watches == 1)
    return watcher


# ---- responses instead of the real one


def test_a_status_is_injected_as_often_as_configured(server: ApiServer, http: httpx.Client) -> None:
    codes = [400, 401, 403, 404, 410, 422, 429, 500, 503, 504]
    for code in codes:
        server.faults.add(Fault(status=code, kind="list", times=1))
    for code in codes:
        response = http.get(PODS)
        status = response.json()
        assert (response.status_code, status["kind"], status["code"]) == (code, "Status", code)
        assert status["reason"] not in ("", "Unknown")
    assert http.get(PODS).status_code == 200


@pytest.mark.parametrize("after", [7, "Wed, 21 Oct 2037 07:28:00 GMT"])
def test_retry_after_is_seconds_or_a_date(server: ApiServer, http: httpx.Client, after: int | str) -> None:
    server.faults.add(Fault(status=429, retry_after=after, message="slow down"))
    response = http.get(PODS)
    assert response.headers["retry-after"] == str(after)
    assert response.json()["message"] == "slow down"


def test_a_body_replaces_the_status(server: ApiServer, http: httpx.Client) -> None:
    server.faults.add(Fault(status=502, body=b"<html>Bad Gateway</html>", retry_after=1, times=1))
    server.faults.add(Fault(body=b'{"kind":"PodList","items":[{'))
    response = http.get(PODS)
    assert (response.status_code, response.text) == (502, "<html>Bad Gateway</html>")
    assert response.headers["retry-after"] == "1"
    response = http.get(PODS)
    assert (response.status_code, response.text) == (200, '{"kind":"PodList","items":[{')


def test_a_fault_selects_its_requests(server: ApiServer, http: httpx.Client) -> None:
    fault = server.faults.add(Fault(status=500, kind="watch"))
    assert http.get(PODS, params={"watch": "1"}).status_code == 500
    assert http.get(PODS).status_code == 200
    server.faults.remove(fault)
    server.faults.add(Fault(status=500, when=lambda request: request.path.startswith("/api/v1/namespaces/a/")))
    assert http.get("/api/v1/namespaces/a/pods").status_code == 500
    assert http.get("/api/v1/namespaces/b/pods").status_code == 200
    server.faults.clear()
    assert http.get("/api/v1/namespaces/a/pods").status_code == 200


# ---- connections that fail


def test_a_connection_can_be_dropped_without_a_response(server: ApiServer, http: httpx.Client) -> None:
    server.faults.add(Fault(drop=True, times=1))
    with pytest.raises(httpx.RemoteProtocolError, match="without sending a response"):
        http.get(PODS)
    assert server.requests[-1].status is None
    assert http.get(PODS).status_code == 200


@pytest.mark.parametrize("count", [1, 300])
def test_a_body_can_be_truncated(server: ApiServer, http: httpx.Client, count: int) -> None:
    server.pods.load(realistic_pod(index) for index in range(count))
    whole = len(http.get(PODS).content)
    server.faults.add(Fault(kind="list", truncate=True, times=1))
    received: list[bytes] = []
    with http.stream("GET", PODS) as response, pytest.raises(httpx.RemoteProtocolError):
        received.extend(response.iter_raw())
    assert 0 < sum(map(len, received)) < whole
    assert len(http.get(PODS).content) == whole


def test_a_response_can_be_late(server: ApiServer, http: httpx.Client) -> None:
    server.faults.add(Fault(delay=2, times=1))
    with pytest.raises(httpx.ReadTimeout):
        http.get(PODS, timeout=0.1)
    assert http.get(PODS).status_code == 200


def test_a_response_can_stall_after_its_headers(server: ApiServer, http: httpx.Client) -> None:
    server.faults.add(Fault(kind="list", stall=True, times=1))
    with http.stream("GET", PODS, timeout=1.0) as response:
        assert response.status_code == 200
        with pytest.raises(httpx.ReadTimeout):
            response.read()
    assert http.get(PODS).status_code == 200


# ---- open watches


def test_open_watches_can_be_cut(server: ApiServer, watcher: Watcher) -> None:
    with watcher:
        assert server.faults.cut_watches() == 1
        assert watcher.wait_for_end() == "broken"
    eventually(lambda: server.open_watches == 0)


def test_open_watches_can_be_ended_cleanly(server: ApiServer, watcher: Watcher) -> None:
    with watcher:
        assert server.faults.end_watches() == 1
        assert watcher.wait_for_end() == "cleanly"


def test_a_stalled_watch_sends_nothing_until_it_is_cut(server: ApiServer, connect: Connect, watcher: Watcher) -> None:
    with watcher:
        assert server.faults.stall_watches() == 1
        server.pods.create(make_pod("web"))
        # A watch that opens later shows that the server had the time to send.
        with Watcher(connect(server)) as later:
            later.wait_for(1)
        assert (watcher.lines, watcher.ended) == ([], "")
        server.faults.cut_watches()
        assert watcher.wait_for_end() == "broken"


def test_half_a_line_is_sent_before_the_connection_is_closed(server: ApiServer, http: httpx.Client) -> None:
    received: list[bytes] = []
    with http.stream("GET", PODS, params={"watch": "1"}) as response:
        eventually(lambda: server.open_watches == 1)
        assert server.faults.half_line() == 1
        with pytest.raises(httpx.RemoteProtocolError):
            received.extend(response.iter_raw())
    assert b"".join(received).startswith(b'{"type":"MODIFIED"')


def test_a_garbage_line_is_sent_and_the_watch_goes_on(server: ApiServer, watcher: Watcher) -> None:
    with watcher:
        server.faults.garbage_line(b"<html>proxy</html>")
        eventually(lambda: watcher.lines)
        server.pods.create(make_pod("web"))
        eventually(lambda: len(watcher.lines) == 2)
    assert watcher.lines[0] == "<html>proxy</html>"
    assert json.loads(watcher.lines[1])["type"] == "ADDED"


def test_an_error_event_is_sent_before_the_clean_end(server: ApiServer, watcher: Watcher) -> None:
    with watcher:
        server.faults.watch_error(500, "InternalError", "etcd has no leader")
        assert watcher.wait_for_end() == "cleanly"
    (event,) = watcher.events
    status = event["object"]
    assert (event["type"], status["code"]) == ("ERROR", 500)
    assert (status["reason"], status["message"]) == ("InternalError", "etcd has no leader")


def test_a_watch_whose_client_does_not_read_can_be_cut(server: ApiServer, http: httpx.Client) -> None:
    server.pods.load(make_pod(f"web-{index}", annotations={"large": "x" * 100_000}) for index in range(150))
    with http.stream("GET", PODS, params={"watch": "1"}) as response:
        assert response.status_code == 200
        eventually(lambda: server.open_watches == 1)
        server.faults.cut_watches()
        eventually(lambda: server.open_watches == 0)


# ---- watches that open later


@pytest.mark.parametrize(
    ("fault", "ended", "lines"),
    [
        (CUT, "broken", 2),
        (END, "cleanly", 2),
        (HALF_LINE, "broken", 2),
        (watch_error(410), "cleanly", 3),
    ],
)
def test_a_fault_can_wait_for_some_events_of_the_next_watch(
    server: ApiServer, http: httpx.Client, fault: WatchFault, ended: str, lines: int
) -> None:
    server.pods.load(make_pod(f"pod-{index}") for index in range(4))
    server.faults.add(Fault(kind="watch", watch=fault, after_events=2, times=1))
    with Watcher(http) as first:
        assert first.wait_for_end() == ended
        assert len(first.lines) == lines
    with Watcher(http) as second:
        second.wait_for(4)
        assert second.ended == ""
