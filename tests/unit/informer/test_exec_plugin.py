"""Exec plugins: what they get, what they return, and how they fail."""

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest
import uvloop

from pod_index.informer.errors import CredentialsError
from pod_index.informer.exec_plugin import PluginCredentials, run_plugin
from pod_index.informer.kubeconfig import read_context
from tests.support.kubeconfigs import API_VERSION, config, exec_credential, plugin, printing
from tests.support.polling import eventually


async def run(folder: Path, user: dict[str, Any], **cluster: Any) -> PluginCredentials:
    path = folder / "kubeconfig"
    path.write_text(json.dumps(config(user, **cluster)))
    context = read_context([str(path)])
    assert context.user.exec is not None
    return await run_plugin(context.user.exec, context, b"the CA")


async def failure(folder: Path, user: dict[str, Any]) -> str:
    with pytest.raises(CredentialsError) as caught:
        await run(folder, user)
    line = str(caught.value)
    assert "s3cret" not in line
    assert line.isprintable()
    return line


async def test_a_token(tmp_path: Path) -> None:
    found = await run(tmp_path, plugin(printing(exec_credential({"token": "t\n", "expirationTimestamp": "x"}))))
    assert (found.token, found.certificate) == ("t", None)
    assert "t" not in repr(found).removeprefix("PluginCredentials")


async def test_the_version_v1beta1(tmp_path: Path) -> None:
    version = "client.authentication.k8s.io/v1beta1"
    script = printing(exec_credential({"token": "t"}, version))
    assert (await run(tmp_path, plugin(script, apiVersion=version))).token == "t"


async def test_what_a_plugin_gets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INHERITED", "1")
    seen = tmp_path / "seen"
    script = f"(pwd; env; cat) > {seen}; " + printing(exec_credential({"token": "t"}))
    variables = [{"name": "MINE", "value": "2"}, {"name": "INHERITED", "value": None}]
    extensions = [{"name": "client.authentication.k8s.io/exec", "extension": {"audience": "a"}}]
    await run(
        tmp_path,
        plugin(script, env=variables, provideClusterInfo=True),
        extensions=extensions,
        **{"tls-server-name": "kubernetes", "proxy-url": "http://proxy:3128"},
    )
    lines = seen.read_text().splitlines()
    assert lines[0] == os.getcwd(), "as with kubectl, and not the folder of the kubeconfig"
    environ = dict(line.split("=", 1) for line in lines[1:] if "=" in line)
    assert (environ["MINE"], environ["INHERITED"]) == ("2", "")
    assert json.loads(environ["KUBERNETES_EXEC_INFO"]) == {
        "apiVersion": API_VERSION,
        "kind": "ExecCredential",
        "spec": {
            "interactive": False,
            "cluster": {
                "server": "https://10.0.0.1:6443/",
                "tls-server-name": "kubernetes",
                "certificate-authority-data": "dGhlIENB",
                "proxy-url": "http://proxy:3128",
                "config": {"audience": "a"},
            },
        },
    }


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("echo s3cret; echo 'no  session:\n\033[1mlog in' >&2; exit 7", "exit code 7: no session: [1mlog in"),
        ("exit 1", "failed with exit code 1"),
        ("kill -9 $$", "failed with signal 9"),
        ("printf '\\377' >&2; exit 1", "failed with exit code 1: \ufffd"),
        ("for i in $(seq 2000); do echo 'x y' >&2; done; echo the end >&2; exit 1", "exit code 1: ..."),
        ("echo s3cret", "did not print a valid ExecCredential in JSON"),
        (":", "did not print a valid ExecCredential in JSON"),
        ("printf '\"\\377\"'", "did not print a valid ExecCredential in JSON"),
        ("printf '{\"s3cret\":'; yes [ | head -n 100000", "did not print a valid ExecCredential in JSON"),
        ("yes s3cret", "printed more than 1 MiB"),
        (printing(exec_credential({"token": 1})), "did not print a valid ExecCredential in JSON"),
        (printing("{}"), "printed another type, but the kubeconfig expects client.authentication.k8s.io/v1"),
        (printing(exec_credential({"token": "t"}, "s3cret")), "printed another type"),
        (
            printing(exec_credential({"token": "t"}, "client.authentication.k8s.io/v1beta1")),
            "printed client.authentication.k8s.io/v1beta1, but the kubeconfig expects client.authentication.k8s.io/v1",
        ),
        (printing(exec_credential(None)), "returned neither a token nor a client certificate"),
        (printing(exec_credential({"token": ""})), "returned neither a token nor a client certificate"),
        (printing(exec_credential({"token": " "})), "is empty"),
        (printing(exec_credential({"token": "s3cret\nx"})), "has a character that is invalid in a token"),
        (printing(exec_credential({"clientKeyData": "s3cret"})), "returned only one of client certificate and key"),
    ],
)  # fmt: skip
async def test_a_plugin_that_fails_is_one_line(script: str, expected: str, tmp_path: Path) -> None:
    line = await failure(tmp_path, plugin(script))
    assert "exec plugin 'sh'" in line
    assert expected in line
    assert len(line) < 400
    if "the end" in script:
        assert line.endswith("the end")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"command": "no-such-plugin", "installHint": "Install it:\n  brew"}, "not executable; Install it: brew"),
        ({"command": "./missing"}, "/missing' is not installed, or not executable"),
        ({"command": "/"}, "exec plugin '/' is not installed, or not executable"),
        ({"command": None}, "the exec plugin of user 'u' has no command"),
        ({"apiVersion": "client.authentication.k8s.io/v1alpha1"}, "needs an apiVersion of client.authentication"),
        ({"apiVersion": None}, "needs an apiVersion of client.authentication"),
        ({"interactiveMode": "Always"}, "has interactiveMode Always, but pod-index has no terminal for it"),
        ({"args": ["s3cret" * 50_000]}, "cannot be started (Argument list too long)"),
        ({"args": ["nul\x00"]}, "cannot be started (NUL)"),
    ],
)
async def test_a_plugin_that_cannot_run_is_one_line(fields: dict[str, Any], expected: str, tmp_path: Path) -> None:
    assert expected in await failure(tmp_path, plugin("exit 1", **fields))


async def _cancel(folder: Path, script: str) -> None:
    task = asyncio.create_task(run(folder, plugin(script)))
    pids = folder / "pids"
    await asyncio.to_thread(eventually, lambda: pids.exists() and len(pids.read_text().split()) == 2)
    task.cancel()
    began = asyncio.get_running_loop().time()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert asyncio.get_running_loop().time() - began < 2
    for pid in map(int, pids.read_text().split()):
        eventually(lambda pid=pid: not _runs(pid))  # type: ignore[misc]


def _runs(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"


@pytest.mark.parametrize("factory", [asyncio.new_event_loop, uvloop.new_event_loop])
@pytest.mark.parametrize("prefix", ["", "setsid "])
def test_a_plugin_that_is_cancelled_is_killed_with_its_children(factory: Any, prefix: str, tmp_path: Path) -> None:
    # A child in a session of its own survives, with the pipes open, but is not waited for.
    script = f"trap '' TERM; {prefix}sleep 5 & echo $$ {'$$' if prefix else '$!'} > {tmp_path}/pids; wait"
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(_cancel(tmp_path, script))
