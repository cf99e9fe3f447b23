"""Logins that fail or hang, at the start and when the credentials are renewed."""

from pathlib import Path
from typing import Any

import pytest

from tests.apiserver import ApiServer, Rule, make_pod
from tests.apiserver.kubeconfig import kubeconfig
from tests.support.kubeconfigs import exec_credential, plugin, printing
from tests.support.operator_process import OperatorProcess
from tests.support.polling import eventually

READ = Rule(["get", "list", "watch"])


def operator_for(server: ApiServer, folder: Path, user: dict[str, Any], **environ: str) -> OperatorProcess:
    """An operator whose watches end after a second, so that new credentials are needed soon."""
    environ = {"WATCH_IDLE_SECONDS": "1", **environ}
    return OperatorProcess(folder, kubeconfig(server.url, server.ca_pem, user), environ=environ)


def switched(folder: Path, **scripts: str) -> dict[str, Any]:
    """A user whose plugin runs the script that the file ``mode`` names."""
    cases = "".join(f"{name}) {script}\n;;\n" for name, script in scripts.items())
    return plugin(f"echo $$ >> {folder}/pids; case $(cat {folder}/mode) in\n{cases}esac")


def plugin_is_running(folder: Path) -> bool:
    pid = (folder / "pids").read_text().split()[-1]
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"


@pytest.mark.parametrize(
    ("user", "environ", "expected"),
    [
        (plugin("echo s3cret; echo 'log in' >&2; exit 3"), {}, "exec plugin 'sh' failed with exit code 3: log in"),
        (plugin("sleep 60"), {"LOGIN_TIMEOUT_SECONDS": "1"}, "exec plugin 'sh' did not finish within 1 s"),
        pytest.param({"tokenFile": "/"}, {}, "cannot read tokenFile / (Is a directory)", marks=pytest.mark.slow),
        pytest.param(
            {"token": "t"},
            {"HTTPS_PROXY": "socks5://jane:s3cret@x", "NO_PROXY": ""},
            "HTTPS_PROXY is a socks5:// proxy",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_login_that_fails_at_the_start_ends_the_process_with_one_line(
    user: dict[str, Any], environ: dict[str, str], expected: str, tmp_path: Path
) -> None:
    text = kubeconfig("https://10.0.0.1:6443", b"", user)
    with OperatorProcess(tmp_path, text, environ=environ) as operator:
        assert operator.wait_for_exit() == 1
        (line,) = operator.log.splitlines()
        assert expected in line
        assert "s3cret" not in line


def test_a_signal_during_the_first_login_ends_the_process_and_the_plugin(server: ApiServer, tmp_path: Path) -> None:
    (tmp_path / "mode").write_text("hang")
    with operator_for(server, tmp_path, switched(tmp_path, hang="sleep 60")) as operator:
        operator.wait_until_listening()
        eventually(lambda: (tmp_path / "pids").exists() and plugin_is_running(tmp_path))
        assert operator.get("/ready")[0] == 503
        assert operator.stop() == 0, "it does not wait for the plugin"
        assert "Traceback" not in operator.log
        assert not plugin_is_running(tmp_path)


def test_a_renewal_that_fails_keeps_the_old_credentials_and_is_repeated(server: ApiServer, tmp_path: Path) -> None:
    server.access.allow_anonymous()
    mode, old, new = tmp_path / "mode", *(server.access.issue_token("reader", [READ]) for _ in range(2))
    mode.write_text("old")
    scripts = {name: printing(exec_credential({"token": token})) for name, token in (("old", old), ("new", new))}
    user = switched(tmp_path, **scripts, fail="echo 'no session' >&2; exit 1", empty=":", hang="sleep 60")
    with operator_for(server, tmp_path, user, LOGIN_TIMEOUT_SECONDS="30") as operator:
        operator.wait_until_ready()
        server.access.revoke_token(old)
        for failing, line in (
            ("fail", "exec plugin 'sh' failed with exit code 1: no session"),
            ("empty", "exec plugin 'sh' did not print a valid ExecCredential"),
        ):
            mode.write_text(failing)
            operator.wait_until_log_says(line)
        mode.write_text("new")
        server.pods.create(make_pod("web"))
        eventually(lambda: operator.pod_count() == 1)
        operator.wait_until_log_says("The API server is back")
        assert {request.user for request in server.requests if request.status == 403} == set()
        assert "Traceback" not in operator.log
        # A renewal that hangs does not stop lookups, nor the process from ending.
        mode.write_text("hang")
        server.access.revoke_token(new)
        eventually(lambda: plugin_is_running(tmp_path) and operator.pod_count() == 1)
        assert operator.stop() == 0, "it does not wait for the plugin"
        assert not plugin_is_running(tmp_path)


def test_a_403_after_a_login_that_worked_leads_to_a_new_login(server: ApiServer, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text(server.access.issue_token("nobody", []))
    with operator_for(server, tmp_path, {"tokenFile": str(token)}) as operator:
        operator.wait_until_log_says('User "nobody" cannot watch resource "pods"')
        operator.wait_until_log_says("rbac.yaml")
        token.write_text("")
        operator.wait_until_log_says(f"tokenFile {token} is empty")
        token.write_text(server.access.issue_token("reader", [READ]))
        operator.wait_until_ready()
        assert not any(request.user == "system:anonymous" for request in server.requests)


def test_the_rights_are_those_of_the_user_that_as_names(server: ApiServer, tmp_path: Path) -> None:
    server.access.set_rules("jane", [READ])
    with operator_for(server, tmp_path, {"token": server.access.admin_token, "as": "jane"}) as operator:
        operator.wait_until_ready()
        assert {request.user for request in server.requests} == {"jane"}
