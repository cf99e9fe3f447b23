"""The operator only reads, and only pods."""

from tests.apiserver import ApiServer, Rule, make_pod
from tests.conftest import StartOperator
from tests.support.operator_process import assert_equal
from tests.support.polling import eventually


def test_every_request_is_a_get_of_pods(server: ApiServer, start_operator: StartOperator) -> None:
    for number in range(5):
        server.pods.create(make_pod(f"web-{number}", annotations={"kopf.zalando.org/last-handled-configuration": "{}"}))
    before = server.pods.pods()
    token = server.access.issue_token("pod-index", [Rule(["get", "list", "watch"], ["pods"])])
    operator = start_operator(server, token=token)
    assert_equal(operator, before)
    for fault in (server.faults.cut_watches, lambda: server.faults.watch_error(410), server.faults.half_line):
        eventually(lambda: server.open_watches == 1)
        fault()
    server.pods.delete("default", "web-0")
    assert_equal(operator, server.pods.pods())
    assert operator.stop() == 0
    assert {request.method for request in server.requests} == {"GET"}
    assert {request.path for request in server.requests} == {"/api/v1/pods"}
    assert {request.user_agent for request in server.requests} == {"pod-index"}
    assert {request.status for request in server.requests} == {200}
    after = server.pods.pods()
    assert after == {uid: pod for uid, pod in before.items() if uid in after}, "a pod has changed"
