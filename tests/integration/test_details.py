"""Details of pods end to end, in both encodings of the API server."""

import json
import urllib.parse
from collections.abc import Iterator
from typing import Any

import pytest

from tests.apiserver import ApiServer, container_status, make_pod
from tests.conftest import StartOperator
from tests.support.operator_process import OperatorProcess
from tests.support.workload_cases import cases, owner

NEW, OLD = "b" * 64, "a" * 64


@pytest.fixture(params=["protobuf", "json"])
def server(request: pytest.FixtureRequest) -> Iterator[ApiServer]:
    with ApiServer(protobuf=request.param == "protobuf") as server:
        yield server


def get(operator: OperatorProcess, path: str, **parameters: str) -> tuple[int, Any]:
    status, _, body = operator.get(f"{path}?{urllib.parse.urlencode(parameters)}")
    return status, json.loads(body)


def scheduled(name: str, job: str, created: str) -> dict[str, Any]:
    pod = make_pod(name, "workloads")
    pod["metadata"] |= {"creationTimestamp": created, "ownerReferences": [owner("batch/v1", "Job", job)]}
    return pod


def test_workloads_containers_and_lists_are_the_same_in_both_encodings(
    server: ApiServer, start_operator: StartOperator
) -> None:
    known = list(cases())
    uids = [server.pods.create(case.pod)["metadata"]["uid"] for case in known]
    in_time = server.pods.create(scheduled("scheduled", "auth-cronjob-29776320", "2026-08-13T00:00:59Z"))
    too_late = server.pods.create(scheduled("too-late", "auth-cronjob-29776320", "2026-08-20T00:01:00Z"))
    restarted = make_pod("restarted", phase="Running")
    restarted["spec"]["containers"] = [{"name": "main", "image": "app:v2", "env": [{"name": "KEY", "value": "s3cret"}]}]
    status = container_status("main", f"containerd://{NEW}", last_id=f"containerd://{OLD}") | {"image": "sha256:0123"}
    status["lastState"]["terminated"] |= {"reason": "OOMKilled", "exitCode": 137, "message": "s3cret"}
    restarted["status"]["containerStatuses"] = [status]
    uid = server.pods.create(restarted)["metadata"]["uid"]
    operator = start_operator(server)
    operator.wait_until_ready()

    _, page = get(operator, "/api/v1/pods", namespace="workloads", details="true")
    found = {pod["uid"]: tuple(pod["workload"].values()) for pod in page["pods"]}
    cron_job = ("batch/v1", "CronJob", "auth-cronjob", "job-name")
    assert found.pop(in_time["metadata"]["uid"]) == cron_job
    assert found.pop(too_late["metadata"]["uid"]) == ("batch/v1", "Job", "auth-cronjob-29776320", "controller")
    assert found == {uid: case.workload for uid, case in zip(uids, known, strict=True)}
    _, page = get(operator, "/api/v1/pods", namespace="workloads", workload="CronJob/auth-cronjob")
    names = {pod["name"] for pod in page["pods"]}
    assert names == {"cron-job", "scheduled"}

    _, pod = get(operator, "/api/v1/pod", id=f"/kubepods/pod{uid}/{OLD}", details="true")
    assert pod["matchedContainer"] == {"name": "main", "previous": True}
    assert pod["containers"] == [
        {
            "name": "main",
            "type": "container",
            "image": "app:v2",
            "containerID": f"containerd://{NEW}",
            "restartCount": 1,
            "ready": True,
            "state": {"running": {"startedAt": "2025-06-01T08:00:00Z"}},
            "lastState": {
                "terminated": {
                    "containerID": f"containerd://{OLD}",
                    "exitCode": 137,
                    "reason": "OOMKilled",
                    "finishedAt": "2025-06-01T08:00:00Z",
                }
            },
        }
    ]
    body = json.dumps({"ids": [OLD, uid]}).encode()
    _, _, content = operator.get("/api/v1/pods/lookup?details=true", "POST", body)
    del pod["matchedContainer"]
    first, second = (result["pod"] for result in json.loads(content)["results"])
    assert second == pod
    assert first == pod | {"matchedContainer": {"name": "main", "previous": True}}


@pytest.mark.parametrize("server", ["protobuf"], indirect=True)
def test_details_and_the_key_can_be_switched_off(server: ApiServer, start_operator: StartOperator) -> None:
    uid = server.pods.create(make_pod("bare"))["metadata"]["uid"]
    operator = start_operator(server, DETAILS="false", LOOKUP_KEYS="uid,workload")
    operator.wait_until_ready()
    refused = {"error": "details are switched off by DETAILS"}
    assert get(operator, "/api/v1/pod", uid=uid, details="true") == (400, refused)
    status, page = get(operator, "/api/v1/pods", workload="Pod/bare", namespace="default")
    assert (status, [pod["uid"] for pod in page["pods"]]) == (200, [uid])
