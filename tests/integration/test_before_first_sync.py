"""What a user sees who has not set everything up yet: one clear line, and no hot loop."""

import base64
import itertools
import time
from pathlib import Path

import pytest
import trustme

from tests.apiserver import ApiServer, Fault, Rule, make_pod
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
    """Wait for six attempts; they must be spread as exponential pauses from half a second on would be."""
    eventually(lambda: len(server.requests) >= 6)
    times = [request.time for request in server.requests[:6]]
    pauses = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert all(pause >= at_least for pause, at_least in zip(pauses, (0.25, 0.5, 0.9, 0.9, 0.9), strict=True)), pauses
    assert operator.process.poll() is None
    assert operator.get("/health")[0] == 200
    assert operator.get("/ready")[0] == 503


def assert_clear(operator: OperatorProcess, *said: str) -> None:
    assert "Traceback" not in operator.log
    assert "secret-token" not in operator.log
    line = next(line for line in operator.log.splitlines() if "[WARNING" in line or "[CRITICAL" in line)
    for text in said:
        assert text in line


def test_no_kubeconfig_and_no_cluster(tmp_path: Path) -> None:
    with OperatorProcess(tmp_path, None) as operator:
        assert operator.wait_for_exit() == 1
        assert_clear(operator, "not in a cluster", str(operator.kubeconfig), "point KUBECONFIG at")
        assert len(operator.log.splitlines()) == 1


@pytest.mark.parametrize(
    "text",
    [
        "clusters: [",
        "just text",
        "",
        "{}",
        "current-context: nowhere\ncontexts: []\nclusters: []\nusers: []",
        KUBECONFIG.format(server="https://127.0.0.1").replace(
            "cluster: {", "cluster: {certificate-authority: /no/ca, "
        ),
        "\x00\x01",
    ],
)
def test_a_kubeconfig_that_does_not_parse(text: str, tmp_path: Path) -> None:
    with OperatorProcess(tmp_path, text) as operator:
        assert operator.wait_for_exit() == 1
        assert_clear(operator, str(operator.kubeconfig), "point KUBECONFIG at")
        assert len(operator.log.splitlines()) == 1


def test_in_cluster_variables_without_a_service_account(tmp_path: Path) -> None:
    environ = {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": "443"}
    with OperatorProcess(tmp_path, None, environ=environ) as operator:
        assert operator.wait_for_exit() == 1
        assert_clear(operator, "in-cluster configuration unusable: cannot read the token /var/run/secrets/")


def test_a_server_that_is_not_there(tmp_path: Path) -> None:
    server = f"http://127.0.0.1:{free_port()}"
    with OperatorProcess(tmp_path, KUBECONFIG.format(server=server)) as operator:
        operator.wait_until_log_says("attempt 4 failed")
        assert_clear(operator, f"cannot connect to {server} (Connection refused)", "check its address")
        assert operator.get("/ready")[0] == 503
        assert operator.stop() == 0


def test_a_name_that_does_not_resolve(tmp_path: Path) -> None:
    with OperatorProcess(tmp_path, KUBECONFIG.format(server="https://nowhere.invalid")) as operator:
        operator.wait_until_log_says("attempt 1 failed")
        assert_clear(operator, "cannot connect to https://nowhere.invalid (", "check its address")


def test_a_certificate_of_another_authority(tmp_path: Path) -> None:
    with ApiServer(tls=True) as server:
        text = server.kubeconfig()
        other = trustme.CA().cert_pem.bytes()
        text = text.replace(base64.b64encode(server.ca_pem).decode(), base64.b64encode(other).decode())
        with OperatorProcess(tmp_path, text) as operator:
            operator.wait_until_log_says("attempt 2 failed")
            assert_clear(operator, f"the certificate of {server.url} is not trusted", "check the CA")


def test_a_certificate_of_the_right_authority(tmp_path: Path) -> None:
    with ApiServer(tls=True) as server, OperatorProcess(tmp_path, server.kubeconfig()) as operator:
        server.pods.create(make_pod("web"))
        eventually(lambda: operator.pod_count() == 1)
        assert operator.warnings() == []


def test_a_token_that_is_refused(server: ApiServer, tmp_path: Path) -> None:
    environ = {"RETRY_MAX_SECONDS": "2"}
    with OperatorProcess(tmp_path, KUBECONFIG.format(server=server.url), environ=environ) as operator:
        assert_retried_with_growing_pauses(server, operator)
        assert_clear(operator, f"{server.url} refuses the credentials (401 Unauthorized", "check the token")


def test_rights_that_are_missing(server: ApiServer, start_operator: StartOperator) -> None:
    operator = start_operator(server, token=server.access.issue_token("nobody", []), RETRY_MAX_SECONDS="2")
    assert_retried_with_growing_pauses(server, operator)
    assert_clear(operator, 'forbids reading pods (403 Forbidden: pods is forbidden: User "nobody"', "rbac.yaml")
    server.access.set_rules("nobody", [Rule(["list", "watch"])])
    operator.wait_until_ready()


def test_a_server_that_fails(server: ApiServer, start_operator: StartOperator) -> None:
    server.faults.add(Fault(status=500))
    operator = start_operator(server, RETRY_MAX_SECONDS="2")
    assert_retried_with_growing_pauses(server, operator)
    assert_clear(operator, f"{server.url} fails (500 Internal Server Error", "starting or overloaded")


def test_a_server_that_is_no_kubernetes_api(server: ApiServer, start_operator: StartOperator) -> None:
    server.faults.add(Fault(status=404, body=b"<html>not here</html>"))
    operator = start_operator(server, RETRY_MAX_SECONDS="2")
    assert_retried_with_growing_pauses(server, operator)
    assert_clear(operator, "check that it is a Kubernetes API server")


def test_a_server_that_redirects_is_not_followed(server: ApiServer, start_operator: StartOperator) -> None:
    # The token would go to wherever the redirect points.
    server.faults.add(Fault(status=307))
    operator = start_operator(server)
    operator.wait_until_log_says("307")
    assert_clear(operator, "check that it is a Kubernetes API server")


def test_a_long_outage_does_not_fill_the_log(tmp_path: Path) -> None:
    text = KUBECONFIG.format(server=f"http://127.0.0.1:{free_port()}")
    with OperatorProcess(tmp_path, text, environ={"RETRY_MAX_SECONDS": "0.02"}) as operator:
        operator.wait_until_log_says("attempt 64 failed")
        time.sleep(0.1)
        assert len(operator.warnings()) == 7
