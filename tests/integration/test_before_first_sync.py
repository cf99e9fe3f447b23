"""The first start, before everything is set up: one clear line for each problem, and pauses between attempts."""

import itertools
import re
from pathlib import Path

import pytest

from tests.apiserver import ApiServer, Fault, Rule
from tests.conftest import StartOperator
from tests.support.operator_process import OperatorProcess, free_port
from tests.support.polling import eventually

KUBECONFIG = """
apiVersion: v1
kind: Config
clusters: [{{name: c, cluster: {{server: "{server}"}}}}]
users: [{{name: u, user: {{token: secret-token}}}}]
contexts: [{{name: x, context: {{cluster: c, user: u}}}}]
current-context: x
"""


def assert_retried_with_growing_pauses(server: ApiServer, operator: OperatorProcess) -> None:
    """Wait for six attempts, and check that the pauses between them grow from half a second on."""
    eventually(lambda: len(server.requests) >= 6)
    times = [request.time for request in server.requests[:6]]
    pauses = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert all(pause >= at_least for pause, at_least in zip(pauses, (0.25, 0.5, 0.9, 0.9, 0.9), strict=True)), pauses
    assert operator.process.poll() is None
    assert operator.get("/health")[0] == 200
    assert operator.get("/ready")[0] == 503


def assert_clear(operator: OperatorProcess, *texts: str) -> None:
    """Check that the first warning contains the texts, and that the log shows no traceback and no secret."""
    assert "Traceback" not in operator.log
    assert "secret-token" not in operator.log
    line = next(line for line in operator.log.splitlines() if "[WARNING" in line or "[CRITICAL" in line)
    for text in texts:
        assert text in line


def test_without_a_kubeconfig_outside_a_cluster_it_ends_with_one_line(tmp_path: Path) -> None:
    with OperatorProcess(tmp_path, None) as operator:
        assert operator.wait_for_exit() == 1
        assert_clear(operator, "not in a cluster", str(operator.kubeconfig), "point KUBECONFIG at")
        assert len(operator.log.splitlines()) == 1


@pytest.mark.parametrize(
    "text",
    [
        "clusters: [",
        pytest.param("{}", marks=pytest.mark.slow),
        pytest.param("just text", marks=pytest.mark.slow),
        pytest.param("", marks=pytest.mark.slow),
        pytest.param("current-context: nowhere\ncontexts: []\nclusters: []\nusers: []", marks=pytest.mark.slow),
        pytest.param(
            KUBECONFIG.format(server="https://127.0.0.1").replace(
                "cluster: {", "cluster: {certificate-authority: /no/ca, "
            ),
            marks=pytest.mark.slow,
        ),
        pytest.param("\x00\x01", marks=pytest.mark.slow),
    ],
)
def test_an_unusable_kubeconfig_ends_it_with_one_line(text: str, tmp_path: Path) -> None:
    with OperatorProcess(tmp_path, text) as operator:
        assert operator.wait_for_exit() == 1
        assert_clear(operator, str(operator.kubeconfig), "point KUBECONFIG at")
        assert len(operator.log.splitlines()) == 1


@pytest.mark.slow
def test_in_cluster_variables_without_a_service_account_end_it(tmp_path: Path) -> None:
    environ = {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": "443"}
    with OperatorProcess(tmp_path, None, environ=environ) as operator:
        assert operator.wait_for_exit() == 1
        assert_clear(operator, "in-cluster configuration unusable: cannot read the token /var/run/secrets/")


def test_a_server_that_does_not_listen_is_reported_in_few_lines(tmp_path: Path) -> None:
    server = f"http://127.0.0.1:{free_port()}"
    with OperatorProcess(tmp_path, KUBECONFIG.format(server=server), environ={"RETRY_MAX_SECONDS": "0.02"}) as operator:
        operator.wait_until_log_says("attempt 64 failed")
        assert_clear(operator, f"cannot connect to {server} (Connection refused)", "check its address")
        attempts = [re.search(r"attempt (\d+) failed", line) for line in operator.warnings()]
        assert [attempt and int(attempt[1]) for attempt in attempts] == [2**n for n in range(len(attempts))]
        assert operator.get("/ready")[0] == 503
        assert operator.stop() == 0


def test_a_name_that_does_not_resolve_is_reported(tmp_path: Path) -> None:
    with OperatorProcess(tmp_path, KUBECONFIG.format(server="https://nowhere.invalid")) as operator:
        operator.wait_until_log_says("attempt 1 failed")
        assert_clear(operator, "cannot connect to https://nowhere.invalid (", "check its address")


@pytest.mark.slow
def test_a_rejected_token_is_reported_and_retried_with_pauses(server: ApiServer, tmp_path: Path) -> None:
    environ = {"RETRY_MAX_SECONDS": "2"}
    with OperatorProcess(tmp_path, KUBECONFIG.format(server=server.url), environ=environ) as operator:
        assert_retried_with_growing_pauses(server, operator)
        assert_clear(operator, f"{server.url} refuses the credentials (401 Unauthorized", "check the token")


@pytest.mark.slow
def test_missing_rights_are_reported_and_retried_with_pauses(server: ApiServer, start_operator: StartOperator) -> None:
    operator = start_operator(server, token=server.access.issue_token("nobody", []), RETRY_MAX_SECONDS="2")
    assert_retried_with_growing_pauses(server, operator)
    assert_clear(operator, 'forbids reading pods (403 Forbidden: pods is forbidden: User "nobody"', "rbac.yaml")
    server.access.set_rules("nobody", [Rule(["list", "watch"])])
    operator.wait_until_ready()


@pytest.mark.slow
def test_a_server_that_fails_is_reported_and_retried_with_pauses(
    server: ApiServer, start_operator: StartOperator
) -> None:
    server.faults.add(Fault(status=500))
    operator = start_operator(server, RETRY_MAX_SECONDS="2")
    assert_retried_with_growing_pauses(server, operator)
    assert_clear(operator, f"{server.url} fails (500 Internal Server Error", "starting or overloaded")


@pytest.mark.slow
def test_a_server_of_another_kind_is_reported_and_retried_with_pauses(
    server: ApiServer, start_operator: StartOperator
) -> None:
    server.faults.add(Fault(status=404, body=b"<html>not here</html>"))
    operator = start_operator(server, RETRY_MAX_SECONDS="2")
    assert_retried_with_growing_pauses(server, operator)
    assert_clear(operator, "check that it is a Kubernetes API server")


def test_a_redirect_is_not_followed(server: ApiServer, start_operator: StartOperator) -> None:
    # It would lead the token to any host.
    server.faults.add(Fault(status=307))
    operator = start_operator(server)
    operator.wait_until_log_says("check that it is a Kubernetes API server")
    assert_clear(operator, "check that it is a Kubernetes API server")


def test_a_selector_that_the_server_does_not_support_ends_it_with_one_line(
    server: ApiServer, start_operator: StartOperator
) -> None:
    message = "field label not supported: status.podIP"
    server.faults.add(Fault(when=lambda request: "fieldSelector" in request.query, status=400, message=message))
    operator = start_operator(server, WATCH_FIELD_SELECTOR="status.podIP!=10.0.0.1")
    assert operator.wait_for_exit() == 1
    assert_clear(operator, "field label not supported: status.podIP", "check status.podIP!=10.0.0.1")
    assert len(operator.warnings()) == 1


def test_without_a_selector_a_rejected_request_is_retried(server: ApiServer, start_operator: StartOperator) -> None:
    fault = server.faults.add(Fault(status=400, message="no"))
    operator = start_operator(server)
    operator.wait_until_log_says("attempt 1 failed")
    server.faults.remove(fault)
    operator.wait_until_ready()


def test_a_malformed_selector_ends_it_with_one_line(tmp_path: Path) -> None:
    with OperatorProcess(tmp_path, None, environ={"WATCH_LABEL_SELECTOR": "app in web"}) as operator:
        assert operator.wait_for_exit() == 1
        assert_clear(operator, "WATCH_LABEL_SELECTOR must be a label selector, not 'app in web': '(' is expected")
        assert len(operator.log.splitlines()) == 1
