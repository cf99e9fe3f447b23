"""The options of ``kopf run`` that are checked before Kopf uses them."""

import socket

import click
import pytest

from pod_index.informer.kopf_settings import OptionsError, check_options, namespaces
from tests.support.operator_process import free_port


def check(*, namespaces: tuple[str, ...] = (), liveness: str | None = None, command: str = "run") -> None:
    context = click.Context(click.Command(command), info_name=command)
    context.params = {"namespaces": namespaces, "liveness_endpoint": liveness}
    with context:
        check_options()


@pytest.mark.parametrize("namespaces", [(), ("default",), ("team-a", "0"), ("a" * 63,)])
def test_names_of_namespaces_are_accepted(namespaces: tuple[str, ...]) -> None:
    check(namespaces=namespaces)


@pytest.mark.parametrize(
    "namespace", ["team-*", "?", "a,b", "!kube-system", "[ab]", "", "A", "a.b", "-a", "a-", "a" * 64, "a\n"]
)
def test_anything_else_is_refused_with_the_value(namespace: str) -> None:
    with pytest.raises(OptionsError, match="patterns are not supported; repeat -n for each namespace") as caught:
        check(namespaces=("default", namespace))
    assert f"-n {namespace} is not" in str(caught.value)


def test_the_variable_that_kopf_reads_is_checked_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KOPF_RUN_NAMESPACE", "team-*")
    with pytest.raises(OptionsError, match=r"^-n team-\* is not"):
        check()
    monkeypatch.setenv("KOPF_RUN_NAMESPACE", "")
    check()


def test_the_namespaces_are_those_of_the_options_and_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KOPF_RUN_NAMESPACE", "")
    assert namespaces() == ()
    context = click.Context(click.Command("run"), info_name="run")
    context.params = {"namespaces": ("team-a",), "liveness_endpoint": None}
    with context:
        assert namespaces() == ("team-a",)
        monkeypatch.setenv("KOPF_RUN_NAMESPACE", "team-b")
        assert namespaces() == ("team-a", "team-b")


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "localhost"])
@pytest.mark.parametrize("path", ["/healthz", ""])
def test_a_free_endpoint_is_accepted(host: str, path: str) -> None:
    check(liveness=f"http://{host}:{free_port()}{path}")


@pytest.mark.parametrize(
    ("endpoint", "message"),
    [
        ("tcp://127.0.0.1:8081", "must be a URL such as http://0.0.0.0:8081/healthz"),
        ("0.0.0.0:8081", "must be a URL such as http://0.0.0.0:8081/healthz"),
        ("http://127.0.0.1:port/healthz", "is not a URL"),
        ("http://127.0.0.1:70000/healthz", "is not a URL"),
        ("http://[::1/healthz", "is not a URL"),
        ("http://192.0.2.1:8081/healthz", "cannot be opened"),
        ("http://host.invalid:8081/healthz", "cannot be opened"),
    ],
)
def test_an_unusable_endpoint_is_refused(endpoint: str, message: str) -> None:
    with pytest.raises(OptionsError) as caught:
        check(liveness=endpoint)
    assert str(caught.value).startswith(f"--liveness={endpoint} {message}")


def test_an_endpoint_in_use_is_refused() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(OptionsError, match=r"cannot be opened \(Address already in use\); stop the program"),
    ):
        check(liveness=f"http://127.0.0.1:{taken.getsockname()[1]}/healthz")


def test_only_kopf_run_is_checked() -> None:
    check(namespaces=("team-*",), command="freeze")
    check_options()
