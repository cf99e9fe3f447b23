"""The kubectl plugin, with a stand-in for kubectl, and with kubectl on a stand-in for the API server."""

import json
import os
import shutil
import subprocess
import urllib.parse
from collections.abc import Callable

import pytest

from tests.support.documents import INTRODUCTION, section
from tests.unit.manifests.sandbox import ROOT, Sandbox

PLUGIN = ROOT / "manifests/scripts/kubectl-which_pod"
SHELLS = [shell for shell in ("dash", "bash --posix", "busybox sh") if shutil.which(shell.split()[0])]
UID = "1234abcd-5678-90ef-aaaa-bbbbccccdddd"
PROXY = "/api/v1/namespaces/default/services/http:pod-index:http/proxy"
FORWARD = (
    "run kubectl port-forward -n default service/pod-index 8080:80, and curl 'http://localhost:8080/api/v1/pod?id=U'"
)
STAND_IN = """\
cat warnings >&2
case "$*" in */health) exit ${HEALTH:-1} ;; esac
[ -e failure ] || exec cat answer
cat failure >&2
exit 1
"""

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def pod() -> str:
    """The record of the documentation."""
    (text,) = section(INTRODUCTION, "## Ask it").split("```json\n")[1].split("\n```")[:1]
    return json.dumps(json.loads(text), separators=(",", ":"))


@pytest.fixture
def run(sandbox: Sandbox) -> Run:
    """Run the plugin in a shell, with a stand-in for kubectl that prints the documented pod."""
    sandbox.install("kubectl", STAND_IN)
    (sandbox.folder / "answer").write_text(f"{pod()}\n")
    (sandbox.folder / "warnings").touch()

    def run(*arguments: str, shell: str = "sh", stdin: str = "", **environ: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [*shell.split(), str(PLUGIN), *arguments],
            cwd=sandbox.folder,
            env={"PATH": f"{sandbox.bin}:{os.environ['PATH']}", **environ},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
        )

    return run


def of_clusters(*fields: str, pod: str) -> str:
    """The response to a batch lookup of one pod."""
    return f'{{"results":[{{"id":"U",{"".join(f"{field}," for field in fields)}"pod":{pod}}}]}}\n'


def requested(sandbox: Sandbox) -> str:
    """Return the path that the only call of kubectl requests."""
    ((_, get, raw, path),) = sandbox.calls("kubectl")
    assert (get, raw) == ("get", "--raw")
    return path


@pytest.mark.parametrize("shell", SHELLS)
def test_a_pod_is_shown_as_a_card(shell: str, run: Run, sandbox: Sandbox) -> None:
    done = run(UID, shell=shell)
    assert (done.returncode, done.stderr) == (0, "")
    assert (
        done.stdout
        == f"""\
uid:         {UID}
name:        example-pod
namespace:   default
nodeName:    node-1
phase:       Running
podIP:       10.244.1.5
labels:
  app: example
annotations:
  kubernetes.io/created-by: ...
createdAt:   2024-01-01T00:00:00Z
"""
    )
    assert requested(sandbox) == f"{PROXY}/api/v1/pod?id={UID}"


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    "identifier",
    [
        "default/example-pod",
        "0::/kubepods.slice/kubepods-pod1234abcd_5678.slice/cri-containerd-9d3f.scope",
        r"C:\var\log\pods\default_web_1\main\0.log",
        r"var-lib-kubelet-pods-1234\x2dabcd-volumes.mount",
        "├─kubepods  └─pod",
        "a&b=c?d#e+f%41%",
        "$(touch x)`touch x`;touch x'\"*~",
        "9:pids:/pod1\n8:cpu:/pod2",
        "-n\t\x01\x7f",
        " " + "x" * 2000,
    ],
)
def test_any_identifier_arrives_as_it_is(identifier: str, shell: str, run: Run, sandbox: Sandbox) -> None:
    assert run("--", identifier, shell=shell).returncode == 0
    query = requested(sandbox).removeprefix(f"{PROXY}/api/v1/pod?")
    assert urllib.parse.parse_qs(query, strict_parsing=True) == {"id": [identifier]}
    assert query.isascii()
    assert query.isprintable()
    assert not (sandbox.folder / "x").exists()


@pytest.mark.parametrize("shell", SHELLS)
def test_standard_input_has_the_identifier(shell: str, run: Run, sandbox: Sandbox) -> None:
    assert run("-", shell=shell, stdin="9:pids:/pod1\n0::/\0pod2\n").returncode == 0
    assert requested(sandbox).endswith("?id=9%3Apids%3A%2Fpod1%0A0%3A%3A%2Fpod2")


@pytest.mark.parametrize(
    ("options", "path"),
    [
        (("-n", "a"), "/api/v1/namespaces/a/services/http:pod-index:http/proxy/api/v1/pod?id=U"),
        (("-na",), "/api/v1/namespaces/a/services/http:pod-index:http/proxy/api/v1/pod?id=U"),
        (("-n=a",), "/api/v1/namespaces/a/services/http:pod-index:http/proxy/api/v1/pod?id=U"),
        (("--namespace", "a"), "/api/v1/namespaces/a/services/http:pod-index:http/proxy/api/v1/pod?id=U"),
        (("--namespace=a",), "/api/v1/namespaces/a/services/http:pod-index:http/proxy/api/v1/pod?id=U"),
        (("--details",), f"{PROXY}/api/v1/pod?id=U&details=true"),
        (("--deleted",), f"{PROXY}/api/v1/pod?id=U&includeDeleted=true"),
        (("--deleted", "--details"), f"{PROXY}/api/v1/pod?id=U&includeDeleted=true&details=true"),
    ],
)
def test_options_stand_before_or_after_the_identifier(
    options: tuple[str, ...], path: str, run: Run, sandbox: Sandbox
) -> None:
    assert run(*options, "U").returncode == 0
    assert run("U", *options).returncode == 0
    assert sandbox.calls("kubectl") == [["kubectl", "get", "--raw", path]] * 2


@pytest.mark.parametrize("shell", SHELLS)
def test_all_clusters_are_asked_and_the_card_names_the_one_with_the_pod(shell: str, run: Run, sandbox: Sandbox) -> None:
    (sandbox.folder / "answer").write_text(of_clusters('"cluster":"eu-1"', '"age":3', pod=pod()))
    done = run(UID, "--all-clusters", "--deleted", "--details", shell=shell)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"cluster:     eu-1\nuid:         {UID}\nname:        example-pod\n")
    path = f"{PROXY}/api/v1/pods/lookup?clusters=all&includeDeleted=true&details=true"
    assert sandbox.calls("kubectl") == [["kubectl", "create", "--raw", path, "-f", "-"]]
    as_json = run(UID, "--all-clusters", "-o", "json", shell=shell)
    assert json.loads(as_json.stdout) == {"cluster": "eu-1", **json.loads(pod())}


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    "identifier",
    ['","pod":{"cluster":"x"}', "C:\\var\\log", "9:pids:/pod1\n8:cpu:/pod2", "├─pod", "\t\x01\x7f$(touch x)"],
)
def test_any_identifier_arrives_at_all_clusters_as_it_is(
    identifier: str, shell: str, run: Run, sandbox: Sandbox
) -> None:
    sandbox.install("kubectl", "cat > sent; cat answer")
    result = json.dumps({"results": [{"id": identifier, "cluster": "b", "age": 0, "pod": {"uid": UID}}]})
    (sandbox.folder / "answer").write_text(result.replace(", ", ",").replace(": ", ":"))
    done = run("--all-clusters", "-o", "json", "--", identifier, shell=shell)
    assert (done.returncode, json.loads(done.stdout)) == (0, {"cluster": "b", "uid": UID})
    assert json.loads((sandbox.folder / "sent").read_text()) == {"ids": [identifier]}
    assert not (sandbox.folder / "x").exists()


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ((), "no cluster knows the pod; add --deleted if it may have been deleted some minutes ago"),
        (
            ('"error":"no answer from cluster b; not found in the others"',),
            "no answer from cluster b; not found in the others",
        ),
    ],
)
def test_without_a_pod_the_error_names_the_clusters(
    fields: tuple[str, ...], message: str, shell: str, run: Run, sandbox: Sandbox
) -> None:
    (sandbox.folder / "answer").write_text(of_clusters(*fields, pod="null"))
    done = run("U", "--all-clusters", shell=shell)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"kubectl which-pod: {message}\n")


@pytest.mark.parametrize(
    ("failure", "message"),
    [
        (
            "Error: the server rejected our request for an unknown reason",
            "pod-index knows no other clusters: its settings CLUSTER_NAME and PEERS_FILE say which",
        ),
        (
            'services "http:pod-index:http" is forbidden: User "x" cannot create resource "services/proxy"',
            "you may not create services/proxy in the namespace default: ask for this right, or "
            + FORWARD.replace("id=U", "id=U&clusters=all"),
        ),
    ],
)
def test_what_is_missing_for_all_clusters_is_said(failure: str, message: str, run: Run, sandbox: Sandbox) -> None:
    (sandbox.folder / "failure").write_text(f"{failure}\n")
    done = run("U", "--all-clusters", HEALTH="0")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"kubectl which-pod: {message}\n")


@pytest.mark.parametrize(
    ("option", "message"),
    [("--deleted", "pod-index does not know the pod"), ("--all-clusters", "no cluster knows the pod")],
)
def test_an_option_that_is_given_is_not_suggested(option: str, message: str, run: Run, sandbox: Sandbox) -> None:
    (sandbox.folder / "answer").write_text(of_clusters(pod="null"))
    if option == "--deleted":
        (sandbox.folder / "failure").write_text(
            "Error from server (NotFound): the server could not find the requested resource\n"
        )
    done = run("U", "--deleted", option, HEALTH="0")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"kubectl which-pod: {message}\n")


def test_the_context_is_that_of_kubectl(run: Run, sandbox: Sandbox) -> None:
    assert run("--context", "a b", "U").returncode == 0
    assert run("--context=a b", "U").returncode == 0
    path = f"{PROXY}/api/v1/pod?id=U"
    assert sandbox.calls("kubectl") == [["kubectl", "--context=a b", "get", "--raw", path]] * 2


@pytest.mark.parametrize(
    "option", [("-o", "json"), ("-ojson",), ("-o=json",), ("--output", "json"), ("--output=json",)]
)
def test_json_is_the_answer_without_warnings_of_kubectl(option: tuple[str, ...], run: Run, sandbox: Sandbox) -> None:
    (sandbox.folder / "warnings").write_text("Warning: use the TokenRequest API\n")
    done = run(UID, *option)
    assert (done.returncode, done.stdout) == (0, f"{pod()}\n")


@pytest.mark.parametrize("shell", SHELLS)
def test_a_card_has_every_field_whatever_it_contains(shell: str, run: Run, sandbox: Sandbox) -> None:
    record = {
        "uid": "",
        "name": 'quotes " and \\ and {"a": [1]}: "b", ]',
        "annotations": {'key "x": {': "\\", "escape": "\x1b[2J \x7f\x9b2J\n", "last": 'ends with \\"'},
        "number": -1.5e3,
        "flag": True,
        "nothing": None,
        "empty": [],
        "owners": [{"kind": "Job", "name": "a"}, {"kind": "CronJob", "labels": {"x": "y"}}],
        "ips": ["10.0.0.1", "fd00::1"],
        "after": "gr\u00fc\u00df",
    }
    (sandbox.folder / "answer").write_text(json.dumps(record, ensure_ascii=False).replace("\x9b", "\u009b") + "\n")
    done = run(UID, "--details", shell=shell)
    assert (done.returncode, done.stderr) == (0, "")
    assert (
        done.stdout
        == r"""uid:
name:        quotes " and \ and {"a": [1]}: "b", ]
annotations:
  key "x": {: \
  escape: \u001b[2J ??2J\n
  last: ends with \"
number:      -1500.0
flag:        true
nothing:     null
empty:
owners:
  - kind: Job
    name: a
  - kind: CronJob
    labels:
      x: y
ips:
  - 10.0.0.1
  - fd00::1
after:       grüß
"""
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "give an identifier, or -h for help"),
        (("",), "give an identifier, or -h for help"),
        (("-",), "give an identifier, or -h for help"),
        (("a", "b"), "give one identifier, and quote it if it has spaces"),
        (("a", "--", "b"), "give one identifier, and quote it if it has spaces"),
        (("a", "-n"), "-n needs a value"),
        (("a", "-n", ""), " is not the name of a namespace"),
        (("a", "-n", "x/../y"), "x/../y is not the name of a namespace"),
        (("a", "-o", "yaml"), "the output can only be json, not yaml"),
        (("-x",), "unknown option -x; write -- before an identifier that begins with -"),
        (("x" * 8190,), "the identifier is too long: pod-index accepts queries of 8192 bytes"),
        (("/" * 3000,), "the identifier is too long: pod-index accepts queries of 8192 bytes"),
    ],
)
def test_a_wrong_command_line_is_one_clear_line(
    arguments: tuple[str, ...], message: str, run: Run, sandbox: Sandbox
) -> None:
    done = run(*arguments)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"kubectl which-pod: {message}\n")
    assert sandbox.calls() == []


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help_names_every_option(option: str, run: Run, sandbox: Sandbox) -> None:
    done = run("U", option)
    assert (done.returncode, done.stderr, sandbox.calls()) == (0, "", [])
    for named in (
        "-n, --namespace",
        "--context",
        "--details",
        "--deleted",
        "--all-clusters",
        "-o, --output",
        "-h, --help",
    ):
        assert named in done.stdout


def test_an_answer_that_is_not_json_is_an_error(run: Run, sandbox: Sandbox) -> None:
    (sandbox.folder / "answer").write_text("<html>Log in</html>\n")
    done = run("U")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "kubectl which-pod: the answer is not that of pod-index: <html>Log in</html>\n"


def test_an_unknown_failure_of_kubectl_is_passed_on(run: Run, sandbox: Sandbox) -> None:
    (sandbox.folder / "failure").write_text("Unable to connect to the server: EOF\n")
    done = run("U")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "kubectl which-pod: Unable to connect to the server: EOF\n"


@pytest.mark.parametrize("reaches_probe", [True, False])
def test_a_401_is_that_of_pod_index_if_its_probe_answers(reaches_probe: bool, run: Run, sandbox: Sandbox) -> None:
    failure = "error: You must be logged in to the server (Unauthorized)"
    (sandbox.folder / "failure").write_text(f"{failure}\n")
    done = run("U", HEALTH="0" if reaches_probe else "1")
    expected = (
        "pod-index needs a token or password, which the API server does not pass on:"
        f" {FORWARD} -H 'Authorization: Bearer TOKEN'"
        if reaches_probe
        else failure
    )
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"kubectl which-pod: {expected}\n")
