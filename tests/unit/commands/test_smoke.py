"""The smoke test on a service that answers as it is told; tests/integration has the real one."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.commands import smoke
from tests.commands.programs import CommandFailed
from tests.unit.commands.answers import Answers
from tests.unit.commands.repository import Repository, failure

POD = {"uid": "1", "name": "web", "namespace": "shop", "nodeName": "node-1", "podIP": "10.0.0.1", "phase": "Running"}


def pod(**fields: str) -> dict[str, Any]:
    """POD as kubectl tells it."""
    of = {**POD, **fields}
    metadata = {name: of[name] for name in ("uid", "name", "namespace")}
    return {"metadata": metadata, "spec": {"nodeName": of["nodeName"]}, "status": {"podIP": of["podIP"]}}


def install_kubectl(repository: Repository, *listed: Any, now: Any = None) -> None:
    """A kubectl that lists pods, and says of each by its name what it is `now`; nothing means that it is gone."""
    (repository.folder / "listed").write_text(json.dumps({"items": listed}))
    (repository.folder / "now").write_text(json.dumps(now))
    tell = 'echo "Error from server (NotFound): pods not found" >&2; exit 1' if now is None else "cat now"
    folder = repository.folder
    repository.install("kubectl", f'cd {folder}; case "$3" in */pods/*) {tell} ;; *) cat listed ;; esac')


def assert_fails(service: Answers, repository: Repository) -> None:
    with pytest.raises(CommandFailed, match=r"^1 of \d+ checks of .* have failed$"):
        smoke.main([service.url], repository.environ)


def test_a_service_that_is_right_passes_with_a_line_for_each_check(service: Answers, repository: Repository) -> None:
    install_kubectl(repository, pod())
    service.pods["1"] = POD
    done = repository.run("smoke", f"{service.url}/")
    assert (done.returncode, done.stderr) == (0, "")
    *checks, summary = done.stdout.splitlines()
    assert all(check.startswith("ok   ") for check in checks)
    assert checks[:3] == [
        'ok   GET /health is 200 {"status":"healthy"}',
        'ok   GET /ready is 200 {"status":"ready","podCount":3}',
        'ok   GET /api/v1/pod is 400 {"error": "uid parameter is required"}',
    ]
    assert checks[-4:] == [
        f"ok   GET /api/v1/pod?uid=1 is 200 {json.dumps(POD)}",
        "ok   the Age of GET /api/v1/pod?uid=1 is 0",
        f"ok   GET /api/v1/pod?namespace=shop&name=web is 200 {json.dumps(POD)}",
        f"ok   GET /api/v1/pod?id=shop/web is 200 {json.dumps(POD)}",
    ]
    assert summary == f"All {len(checks)} checks of {service.url}/ have passed."
    asked = "/api/v1/pods?fieldSelector=status.phase%3DRunning&limit=10"
    assert repository.calls() == [["kubectl", "get", "--raw", asked]]


@pytest.mark.parametrize(
    ("request_line", "answer"),
    [
        ("GET /health", (200, '{"status":"ok"}', {})),
        ("GET /health", (500, '{"status":"healthy"}', {})),
        ("GET /health", (302, "", {"Location": "/ready"})),
        ("GET /ready", (200, '{"status":"ready","podCount":"3"}', {})),
        ("GET /ready", (200, '{"status":"ready","podCount":true}', {})),
        ("GET /ready", (200, '{"status":"ready","podCount":-1}', {})),
        ("GET /ready", (200, "[]", {})),
        ("GET /ready", (503, '{"error":"shutting down"}', {})),
        ("GET /api/v1/pod", (404, '{"error":"uid parameter is required"}', {})),
        ("GET /api/v1/pod?", (200, "{}", {})),
        ("GET /no/such/path", (404, "<h1>Not Found</h1>", {})),
        ("POST /health", (405, '{"error":"Method not allowed"}', {})),
        ("POST /ready", (405, '{"error":"Method not allowed"}', {"Allow": "HEAD"})),
        ("POST /api/v1/pod?", (200, "{}", {"Allow": "GET"})),
    ],
)
def test_one_wrong_answer_is_one_failed_check(
    request_line: str, answer: tuple[int, str, dict[str, str]], service: Answers, repository: Repository
) -> None:
    service.wrong[request_line] = answer
    done = repository.run("smoke", service.url)
    assert failure(done) == f"1 of 8 checks of {service.url} have failed"
    (told,) = (line for line in done.stdout.splitlines() if line.startswith("FAIL"))
    assert told.startswith(f"FAIL {request_line}")
    assert ": expected " in told
    assert told.endswith(f", got {answer[0]} {answer[1]}".rstrip())


def test_a_service_that_is_not_synced_yet_is_waited_for(service: Answers, repository: Repository) -> None:
    service.unready = 3
    assert repository.run("smoke", service.url).returncode == 0


def test_a_service_that_never_syncs_is_not_waited_for_longer(
    service: Answers, repository: Repository, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tests.commands.smoke.SYNC_SECONDS", 0.5)
    service.unready = 1_000_000
    assert_fails(service, repository)
    assert 'FAIL GET /ready: expected 200 {"status":"ready","podCount":N}, got 503 ' in capsys.readouterr().out


@pytest.mark.parametrize("field", ["uid", "name", "namespace", "nodeName", "podIP"])
def test_a_field_that_is_not_what_kubectl_says_fails(
    field: str,
    service: Answers,
    repository: Repository,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("tests.commands.smoke.AGREE_SECONDS", 0.1)
    install_kubectl(repository, pod(), now=pod())
    service.pods["1"] = {**POD, field: "wrong"}
    assert_fails(service, repository)
    shown = capsys.readouterr().out
    assert "FAIL GET /api/v1/pod?uid=1: expected 200 and {" in shown
    assert "Is that the cluster" not in shown


def test_a_pod_that_is_not_known_fails_and_says_what_may_be_why(
    service: Answers, repository: Repository, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tests.commands.smoke.AGREE_SECONDS", 0.1)
    install_kubectl(repository, pod(), now=pod())
    assert_fails(service, repository)
    assert "Is that the cluster of kubectl's context? Is shop watched?" in capsys.readouterr().out


@pytest.mark.parametrize("query", ["namespace=shop&name=web", "id=shop/web"])
@pytest.mark.parametrize("wrong", [(404, '{"error":"no"}', {}), (200, json.dumps({**POD, "uid": "2"}), {})])
def test_a_name_that_is_not_that_of_the_pod_fails(
    query: str,
    wrong: tuple[int, str, dict[str, str]],
    service: Answers,
    repository: Repository,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("tests.commands.smoke.AGREE_SECONDS", 0.1)
    install_kubectl(repository, pod(), now=pod())
    service.pods["1"] = POD
    service.wrong[f"GET /api/v1/pod?{query}"] = wrong
    assert_fails(service, repository)
    (told,) = (line for line in capsys.readouterr().out.splitlines() if line.startswith("FAIL"))
    assert told.startswith(f'FAIL GET /api/v1/pod?{query}: expected 200 and {{"uid":"1",')
    assert told.endswith(f", got {wrong[0]} {wrong[1]}")


@pytest.mark.parametrize(("headers", "told"), [({}, "none"), ({"Age": "soon"}, "soon"), ({"Age": "-1"}, "-1")])
def test_an_answer_that_does_not_tell_its_age_fails(
    headers: dict[str, str],
    told: str,
    service: Answers,
    repository: Repository,
    capsys: pytest.CaptureFixture[str],
) -> None:
    install_kubectl(repository, pod(), now=pod())
    service.pods["1"] = POD
    service.wrong["GET /api/v1/pod?uid=1"] = (200, json.dumps(POD), headers)
    assert_fails(service, repository)
    expected = f"FAIL the Age of GET /api/v1/pod?uid=1: expected whole seconds, got {told}\n"
    assert expected in capsys.readouterr().out


def test_lookups_by_name_that_are_switched_off_are_passed_over(service: Answers, repository: Repository) -> None:
    install_kubectl(repository, pod(), now=pod())
    service.pods["1"] = POD
    refusal = '{"error":"lookups by name are switched off by LOOKUP_KEYS"}'
    service.wrong["GET /api/v1/pod?namespace=shop&name=web"] = (400, refusal, {})
    done = repository.run("smoke", service.url)
    assert done.returncode == 0, done.stdout
    assert done.stdout.endswith(
        f"skip the lookups by name: 400 {refusal}\nAll 10 checks of {service.url} have passed.\n"
    )


def test_a_pod_that_goes_before_its_name_is_asked_for_is_replaced_by_another(
    service: Answers, repository: Repository
) -> None:
    other = {**POD, "uid": "2", "name": "other"}
    install_kubectl(repository, pod(), pod(uid="2", name="other"))
    service.pods.update({"1": POD, "2": other})
    service.wrong["GET /api/v1/pod?namespace=shop&name=web"] = (404, "{}", {})
    done = repository.run("smoke", service.url)
    assert done.returncode == 0, done.stdout
    assert "ok   GET /api/v1/pod?id=shop/other is 200" in done.stdout


def test_a_pod_that_has_changed_since_is_compared_with_what_it_is_now(service: Answers, repository: Repository) -> None:
    install_kubectl(repository, pod(podIP=""), now=pod())
    service.pods["1"] = POD
    assert repository.run("smoke", service.url).returncode == 0


@pytest.mark.parametrize("now", [None, pod(uid="another")])
def test_a_pod_that_is_gone_is_replaced_by_another(now: Any, service: Answers, repository: Repository) -> None:
    install_kubectl(repository, pod(uid="gone"), pod(), now=now)
    service.pods["1"] = POD
    done = repository.run("smoke", service.url)
    assert done.returncode == 0, done.stdout
    assert "ok   GET /api/v1/pod?uid=1 is 200" in done.stdout


def test_a_pod_that_is_being_deleted_is_not_picked(service: Answers, repository: Repository) -> None:
    ending = pod()
    ending["metadata"]["deletionTimestamp"] = "2025-06-01T08:00:00Z"
    install_kubectl(repository, ending)
    done = repository.run("smoke", service.url)
    assert "skip a lookup: kubectl knows no running pod\n" in done.stdout


@pytest.mark.parametrize(
    ("prepare", "told"),
    [
        (lambda _: None, "kubectl is not installed (--uid names a pod by hand)"),
        (lambda it: it.install("kubectl", "echo refused >&2; exit 1"), "kubectl get has failed: refused (--uid names"),
        (install_kubectl, "kubectl knows no running pod in namespace team"),
        (lambda it: install_kubectl(it, pod()), "all the pods that kubectl has named are gone"),
    ],
)
def test_a_lookup_that_cannot_be_checked_is_skipped_and_said_why(
    prepare: Callable[[Repository], None], told: str, service: Answers, repository: Repository
) -> None:
    prepare(repository)
    done = repository.run("smoke", service.url, "--namespace=team")
    assert done.returncode == 0, done.stderr
    assert f"skip a lookup: {told}" in done.stdout
    assert "All 8 checks" in done.stdout


@pytest.mark.parametrize("by_argument", [True, False])
def test_the_pod_can_be_one_of_a_namespace(by_argument: bool, service: Answers, repository: Repository) -> None:
    install_kubectl(repository)
    if by_argument:
        repository.run("smoke", service.url, "--namespace=a b", NAMESPACE="other")
    else:
        repository.run("smoke", service.url, NAMESPACE="a b")
    assert repository.calls()[0][3].startswith("/api/v1/namespaces/a%20b/pods?")


def test_the_pod_can_be_named_by_hand(service: Answers, repository: Repository) -> None:
    service.pods["1"] = POD
    done = repository.run("smoke", service.url, "--uid=1")
    assert done.returncode == 0, done.stderr
    assert "ok   GET /api/v1/pod?uid=1 is 200" in done.stdout
    assert "skip the comparison with kubectl: kubectl is not installed" in done.stdout
    install_kubectl(repository, now=pod())
    assert "All 13 checks" in repository.run("smoke", service.url, "--uid=1").stdout
    assert repository.calls()[-1][3] == "/api/v1/namespaces/shop/pods/web"


def test_a_pod_named_by_hand_that_is_not_known_fails(service: Answers, repository: Repository) -> None:
    done = repository.run("smoke", service.url, "--uid=2 3")
    assert failure(done) == f"1 of 9 checks of {service.url} have failed"
    assert "FAIL GET /api/v1/pod?uid=2%203: expected 200 and the pod 2 3, got 404 " in done.stdout
    service.pods["2 3"] = POD
    assert failure(repository.run("smoke", service.url, "--uid=2 3")), "it is another pod"


def test_a_pod_named_by_hand_that_kubectl_does_not_know_fails(service: Answers, repository: Repository) -> None:
    service.pods["1"] = POD
    install_kubectl(repository)
    done = repository.run("smoke", service.url, "--uid=1")
    assert failure(done) == f"1 of 10 checks of {service.url} have failed"
    assert "FAIL the pod 1 of kubectl: expected the same one, got none in kubectl's current context" in done.stdout
