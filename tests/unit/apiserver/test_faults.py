"""Faults: each does what it says, as often as it says, and no more."""

from __future__ import annotations

import json

import httpx
import pytest

from tests.apiserver import (
    CUT,
    END,
    HALF_LINE,
    STALL,
    ApiServer,
    Fault,
    RecordedRequest,
    WatchFault,
    make_pod,
    realistic_pod,
    watch_error,
)
from tests.support.polling import eventually
from tests.unit.apiserver.conftest import Connect
from tests.unit.apiserver.watcher import Watcher

PODS = "/api/v1/pods"


@pytest.fixture
def watcher(server: ApiServer, http: httpx.Client) -> Watcher:
    watcher = Watcher(http)
    eventually(lambda: server.open_watches == 1)
    return watcher


# ---- answers instead of the real one


@pytest.mark.parametrize("code", [400, 401, 403, 404, 410, 422, 429, 500, 503, 504])
def test_a_status_is_injected_as_often_as_wanted(server: ApiServer, http: httpx.Client, code: int) -> None:
    fault = server.faults.add(Fault(status=code, kind="list", times=2))
    for _ in range(2):
        response = http.get(PODS)
        status = response.json()
        assert (response.status_code, status["kind"], status["code"]) == (code, "Status", code)
        assert status["reason"] not in ("", "Unknown")
    assert http.get(PODS).status_code == 200
    assert fault.applied == 2


@pytest.mark.parametrize("after", [7, "Wed, 21 Oct 2037 07:28:00 GMT"])
def test_a_retry_after_is_seconds_or_a_date(server: ApiServer, http: httpx.Client, after: int | str) -> None:
    server.faults.add(Fault(status=429, retry_after=after, message="slow down"))
    server.faults.add(Fault(status=503, retry_after=after, body=b"busy"))
    response = http.get(PODS)
    assert response.headers["retry-after"] == str(after)
    assert response.json()["message"] == "slow down"


def test_a_raw_body_replaces_the_status(server: ApiServer, http: httpx.Client) -> None:
    server.faults.add(Fault(status=502, body=b"<html>Bad Gateway</html>", retry_after=1, times=1))
    response = http.get(PODS)
    assert (response.status_code, response.text) == (502, "<html>Bad Gateway</html>")
    assert response.headers["retry-after"] == "1"


def test_a_list_can_be_garbage(server: ApiServer, http: httpx.Client) -> None:
    server.faults.add(Fault(kind="list", body=b'{"kind":"PodList","items":[{', times=1))
    response = http.get(PODS)
    assert response.status_code == 200
    with pytest.raises(json.JSONDecodeError):
        response.json()


def test_a_fault_is_about_one_kind_of_request(server: ApiServer, http: httpx.Client) -> None:
    server.pods.create(make_pod("web"))
    one = PODS.replace("/pods", "/namespaces/default/pods/web")
    requests = {
        "list": (("GET", PODS), ("GET", "/api/v1/namespaces"), ("GET", "/api/v1/namespaces/default/pods")),
        "watch": (("GET", PODS + "?watch=1&resourceVersion=unreadable"),),
        "get": (("GET", one), ("GET", one + "/status"), ("GET", "/api/v1/namespaces/default")),
        "write": (("DELETE", one.replace("web", "absent")),),
        "discovery": tuple(("GET", path) for path in ("/api", "/apis", "/api/v1", "/version", "/openapi/v3")),
        "health": tuple(("GET", path) for path in ("/livez", "/readyz", "/healthz")),
    }
    for faulty in ("list", "watch", "get", "write", "discovery", "health"):
        fault = server.faults.add(Fault(kind=faulty, status=500))
        for kind, kinds_requests in requests.items():
            for method, path in kinds_requests:
                failed = http.request(method, path).status_code == 500
                assert failed is (kind == faulty), (faulty, method, path)
        server.faults.remove(fault)


def test_a_fault_can_choose_its_requests(server: ApiServer, http: httpx.Client) -> None:
    server.faults.add(Fault(status=500, when=lambda request: request.path.startswith("/api/v1/namespaces/a/")))
    assert http.get("/api/v1/namespaces/a/pods").status_code == 500
    assert http.get("/api/v1/namespaces/b/pods").status_code == 200
    server.faults.clear()
    assert http.get("/api/v1/namespaces/a/pods").status_code == 200


def test_faults_come_one_after_the_other(server: ApiServer, http: httpx.Client) -> None:
    for code in (500, 429):
        server.faults.add(Fault(status=code, times=1))
    assert [http.get(PODS).status_code for _ in range(3)] == [500, 429, 200]


def test_a_bug_is_an_internal_error_with_a_status(server: ApiServer, http: httpx.Client) -> None:
    def fail(_request: RecordedRequest) -> bool:
        raise ValueError("a bug")

    server.faults.add(Fault(when=fail))
    status = http.get(PODS).json()
    assert (status["code"], status["reason"]) == (500, "InternalError")
    assert "a bug" in status["message"]


# ---- a transport that fails


def test_a_connection_can_be_dropped_without_an_answer(server: ApiServer, http: httpx.Client) -> None:
    server.faults.add(Fault(drop=True, times=1))
    with pytest.raises(httpx.TransportError):
        http.get(PODS)
    assert server.requests[-1].status is None
    assert http.get(PODS).status_code == 200


@pytest.mark.parametrize("count", [1, 300])
def test_a_body_can_be_cut_in_the_middle(server: ApiServer, http: httpx.Client, count: int) -> None:
    server.pods.load(realistic_pod(index) for index in range(count))
    whole = len(http.get(PODS).content)
    server.faults.add(Fault(kind="list", truncate=True, times=1))
    received: list[bytes] = []
    with http.stream("GET", PODS) as response, pytest.raises(httpx.RemoteProtocolError):
        received.extend(response.iter_raw())
    assert 0 < sum(map(len, received)) < whole
    assert len(http.get(PODS).content) == whole


def test_an_answer_can_come_slowly(server: ApiServer, http: httpx.Client) -> None:
    server.pods.create(realistic_pod(1))
    server.faults.add(Fault(delay=0.05, pause=0.01, times=1))
    slow = http.get(PODS)
    assert slow.content == http.get(PODS).content


def test_a_client_may_leave_a_slow_answer(server: ApiServer, http: httpx.Client) -> None:
    server.pods.create(realistic_pod(1))
    for fault in (Fault(delay=60), Fault(pause=60)):
        server.faults.add(fault)
        with pytest.raises(httpx.ReadTimeout):
            http.get(PODS, timeout=0.1)
        server.faults.clear()
    assert http.get(PODS).status_code == 200


def test_an_answer_can_stall_after_its_headers(server: ApiServer, http: httpx.Client) -> None:
    server.faults.add(Fault(kind="list", stall=True, times=1))
    with http.stream("GET", PODS, timeout=0.5) as response:
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


def test_a_stalled_watch_sends_nothing_until_it_is_resumed(
    server: ApiServer, connect: Connect, watcher: Watcher
) -> None:
    with watcher, Watcher(connect(server), fieldSelector="metadata.namespace=b") as other:
        eventually(lambda: server.open_watches == 2)
        assert server.faults.stall_watches() == 2
        server.pods.load((make_pod("one"), make_pod("two", "b")))
        # a watch that opens later shows that the server had the time to send
        with Watcher(connect(server)) as later:
            later.wait_for(2)
        assert (watcher.lines, other.lines, watcher.ended) == ([], [], "")
        assert server.faults.resume_watches() >= 2
        watcher.wait_for(2)
        other.wait_for(1)


def test_a_stalled_watch_can_be_cut_or_left(server: ApiServer, connect: Connect, watcher: Watcher) -> None:
    with watcher:
        server.faults.stall_watches()
        server.faults.cut_watches()
        assert watcher.wait_for_end() == "broken"
    with Watcher(connect(server)):
        eventually(lambda: server.open_watches == 1)
        server.faults.stall_watches()
    eventually(lambda: server.open_watches == 0)


def test_half_a_line_comes_and_then_the_end_of_the_connection(server: ApiServer, watcher: Watcher) -> None:
    with watcher:
        server.pods.create(make_pod("web"))
        watcher.wait_for(1)
        assert server.faults.half_line() == 1
        assert watcher.wait_for_end() == "broken"


def test_a_garbage_line_comes_and_the_watch_goes_on(server: ApiServer, watcher: Watcher) -> None:
    with watcher:
        server.faults.garbage_line(b"<html>proxy</html>")
        eventually(lambda: watcher.lines)
        server.pods.create(make_pod("web"))
        eventually(lambda: len(watcher.lines) == 2)
    assert watcher.lines[0] == "<html>proxy</html>"
    assert json.loads(watcher.lines[1])["type"] == "ADDED"


def test_an_error_event_comes_and_then_the_clean_end(server: ApiServer, watcher: Watcher) -> None:
    with watcher:
        server.faults.watch_error(500, "InternalError", "etcd has no leader")
        assert watcher.wait_for_end() == "cleanly"
    (event,) = watcher.events
    status = event["object"]
    assert (event["type"], status["code"]) == ("ERROR", 500)
    assert (status["reason"], status["message"]) == ("InternalError", "etcd has no leader")


def test_a_watch_whose_client_does_not_read_can_be_cut(server: ApiServer, http: httpx.Client) -> None:
    server.pods.load(realistic_pod(index) for index in range(1500))
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
        # httpx hands out what it has got of the last line only at a clean end
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
        # an abrupt end may overtake what was sent just before
        assert len(first.lines) == lines or (fault is CUT and len(first.lines) <= lines)
    with Watcher(http) as second:
        second.wait_for(4)
        assert second.ended == ""


def test_a_fault_can_befall_a_watch_as_it_opens(server: ApiServer, http: httpx.Client) -> None:
    server.pods.create(make_pod("web"))
    server.faults.add(Fault(kind="watch", watch=STALL, times=1))
    with Watcher(http) as watcher:
        eventually(lambda: server.open_watches == 1)
        assert watcher.lines == []
        server.faults.resume_watches()
        watcher.wait_for(1)


def test_a_stopped_server_has_no_watches_to_disturb(server: ApiServer, watcher: Watcher) -> None:
    with watcher:
        server.stop()
        assert server.faults.cut_watches() == 0
        assert watcher.wait_for_end() == "broken"
