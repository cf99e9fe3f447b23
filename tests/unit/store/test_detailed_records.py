"""The response with details, made from what the index keeps of a pod."""

import json
from typing import Any

import pytest

from pod_index.informer.json_wire import Added, decode_events
from pod_index.pods import Pod
from pod_index.store.detailed_records import Named, match_container, with_details
from pod_index.store.details import Details, DetailsStore
from tests.apiserver import make_pod, realistic_pod

STARTED, FINISHED = "2026-05-12T08:00:01Z", "2026-05-12T09:00:00Z"
NEW, OLD = "b" * 64, "a" * 64
RECORD = b'{"uid":"1234","createdAt":"2026-05-12T08:00:00Z"}'


def pod_of(content: dict[str, Any]) -> Pod:
    content["metadata"] |= {"uid": "1234", "resourceVersion": "1"}
    (event,) = decode_events(json.dumps({"type": "ADDED", "object": content}).encode())
    assert isinstance(event, Added)
    return event.object


def details_of(content: dict[str, Any]) -> Details:
    details = DetailsStore().details_of(pod_of(content))
    assert details is not None
    return details


def rendered(content: dict[str, Any]) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(with_details(RECORD, details_of(content)))
    del record["uid"], record["createdAt"]
    return record


def status(name: str, container_id: str = NEW, **fields: Any) -> dict[str, Any]:
    fields = {"restartCount": 0, "ready": True, "state": {}, "lastState": {}, "imageID": ""} | fields
    return {"name": name, "image": "sha256:0123"} | fields | {"containerID": f"containerd://{container_id}"}


def ended(container_id: str, **fields: Any) -> dict[str, Any]:
    ran = {"exitCode": 137, "reason": "OOMKilled", "startedAt": STARTED, "finishedAt": FINISHED}
    return {"terminated": ran | {"containerID": f"containerd://{container_id}"} | fields}


def pod(*statuses: dict[str, Any]) -> dict[str, Any]:
    """A pod with the container "main"."""
    content = make_pod("web-0")
    content["status"]["containerStatuses"] = list(statuses)
    return content


def containers(content: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = rendered(content)["containers"]
    return found


def test_the_details_follow_the_record_with_the_fields_of_the_contract_in_their_order() -> None:
    content = make_pod("api-7c9d8f6b5d-x2x4z", labels={"pod-template-hash": "7c9d8f6b5d"}, ip="10.244.1.5")
    content["metadata"] |= {
        "deletionTimestamp": FINISHED,
        "ownerReferences": [
            {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "api-7c9d8f6b5d", "uid": "5678", "controller": True}
        ],
    }
    content["spec"] |= {"hostNetwork": True, "serviceAccountName": "api"}
    content["status"] |= {
        "hostIP": "192.168.1.7",
        "startTime": STARTED,
        "qosClass": "Burstable",
        "reason": "Evicted",
        "containerStatuses": [
            status(
                "main",
                imageID="r.example/api@sha256:4567",
                restartCount=1,
                state={"running": {"startedAt": FINISHED}},
                lastState=ended(OLD, message="password: s3cret"),
            )
        ],
    }
    response = with_details(RECORD, details_of(content), 0).decode()
    assert response == (
        '{"uid":"1234","createdAt":"2026-05-12T08:00:00Z","hostIP":"192.168.1.7","podIPs":["10.244.1.5"],'
        '"hostNetwork":true,"serviceAccountName":"api","startTime":"2026-05-12T08:00:01Z","qosClass":"Burstable",'
        '"reason":"Evicted","deletionTimestamp":"2026-05-12T09:00:00Z",'
        '"owner":{"apiVersion":"apps/v1","kind":"ReplicaSet","name":"api-7c9d8f6b5d","uid":"5678"},'
        '"workload":{"apiVersion":"apps/v1","kind":"Deployment","name":"api","source":"pod-template-hash"},'
        '"containers":[{"name":"main","type":"container","image":"registry.example.com/app:1",'
        f'"imageID":"r.example/api@sha256:4567","containerID":"containerd://{NEW}","restartCount":1,"ready":true,'
        '"state":{"running":{"startedAt":"2026-05-12T09:00:00Z"}},'
        f'"lastState":{{"terminated":{{"containerID":"containerd://{OLD}","exitCode":137,"reason":"OOMKilled",'
        '"finishedAt":"2026-05-12T09:00:00Z"}}}],'
        '"matchedContainer":{"name":"main","previous":false}}'
    )


def test_unset_fields_are_absent() -> None:
    assert rendered(pod()) == {
        "workload": {"apiVersion": "v1", "kind": "Pod", "name": "web-0", "source": "pod"},
        "containers": [{"name": "main", "type": "container", "image": "registry.example.com/app:1"}],
    }


def test_a_pod_without_spec_and_status_has_a_workload() -> None:
    assert list(rendered({"metadata": {"name": "web-0"}})) == ["workload"]


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ({}, None),
        ({"waiting": {"reason": "ImagePullBackOff", "message": "s3cret"}}, {"waiting": {"reason": "ImagePullBackOff"}}),
        ({"waiting": {}}, {"waiting": {}}),
        ({"running": {"startedAt": None}}, {"running": {}}),
        ({"terminated": {"exitCode": 0, "finishedAt": None}}, {"terminated": {"exitCode": 0}}),
    ],
)
def test_a_state_has_what_the_api_has_and_no_message(state: dict[str, Any], expected: dict[str, Any] | None) -> None:
    (container,) = containers(pod(status("main", state=state, lastState=state)))
    assert (container.get("state"), container.get("lastState")) == (expected, expected)


@pytest.mark.parametrize("its_id", [NEW, OLD, None])
def test_the_id_in_a_state_is_as_the_kubelet_reports_it(its_id: str | None) -> None:
    state = ended(its_id or NEW)
    if its_id is None:
        del state["terminated"]["containerID"]
    (container,) = containers(pod(status("main", state=state)))
    assert container["state"]["terminated"].get("containerID") == (its_id and f"containerd://{its_id}")


def test_zero_restarts_and_an_unready_container_are_shown() -> None:
    (container,) = containers(pod(status("main", ready=False)))
    assert (container["restartCount"], container["ready"]) == (0, False)


def test_the_image_is_that_of_the_spec_and_the_image_id_is_not_parsed() -> None:
    (container,) = containers(pod(status("main", image="sha256:0123", imageID="docker-pullable://x@sha256:1")))
    assert (container["image"], container["imageID"]) == ("registry.example.com/app:1", "docker-pullable://x@sha256:1")


def test_each_type_of_container_is_shown_and_statuses_are_found_by_name() -> None:
    content = make_pod("web-0")
    content["spec"] |= {
        "initContainers": [{"name": "init", "image": "i"}, {"name": "proxy", "image": "p", "restartPolicy": "Always"}],
        "containers": [{"name": "b", "image": "b"}, {"name": "a", "image": "a"}, {"name": "c", "image": "c"}],
        "ephemeralContainers": [{"name": "debug", "image": "d", "targetContainerName": "a"}],
    }
    content["status"] |= {
        "initContainerStatuses": [status("proxy", "2"), status("init", "1")],
        "containerStatuses": [status("a", "4"), status("b", "3")],
        "ephemeralContainerStatuses": [status("debug", "5")],
    }
    assert [(found["name"], found["type"], found.get("containerID")) for found in containers(content)] == [
        ("init", "init", "containerd://1"),
        ("proxy", "sidecar", "containerd://2"),
        ("b", "container", "containerd://3"),
        ("a", "container", "containerd://4"),
        ("c", "container", None),
        ("debug", "ephemeral", "containerd://5"),
    ]


def test_unicode_and_long_names_are_as_they_were_sent() -> None:
    content = pod(status("größe-🦭"))
    content["spec"]["containers"] = [{"name": "größe-🦭", "image": "日本語"}]
    content["metadata"]["ownerReferences"] = [
        {"apiVersion": "example.com/v1", "kind": "Größe", "name": "x" * 253, "uid": "5678", "controller": True}
    ]
    found = rendered(content)
    assert found["workload"]["name"] == found["owner"]["name"] == "x" * 253
    assert (found["containers"][0]["name"], found["containers"][0]["image"]) == ("größe-🦭", "日本語")


@pytest.mark.parametrize("secret", ["env", "args", "command"])
def test_environment_and_arguments_are_not_kept(secret: str) -> None:
    content = realistic_pod(1)
    content["spec"]["containers"][0][secret] = [{"name": "x", "value": "s3cret"}] if secret == "env" else ["s3cret"]
    details = details_of(content)
    assert b"s3cret" not in details.own + details.shared.encoded


def match(content: dict[str, Any], *container_ids: str, names: tuple[str, ...] = ()) -> tuple[str, bool] | None:
    """The name of the matched container, and whether the ID is its previous one."""
    details = details_of(content)
    container = match_container(details, Named(container_ids, names))
    found = json.loads(with_details(RECORD, details, container)).get("matchedContainer")
    assert with_details(RECORD, details, container) == with_details(RECORD, details, Named(container_ids, names))
    return found and (found["name"], found["previous"])


def test_an_id_from_before_a_restart_is_previous_even_if_nothing_else_changed() -> None:
    content = pod(status("main", NEW, lastState=ended(OLD)))
    assert match(content, NEW) == ("main", False)
    assert match(content, OLD) == ("main", True)


def test_a_container_that_waits_for_its_restart_still_has_its_last_id() -> None:
    content = pod(status("main", NEW, state={"waiting": {"reason": "CrashLoopBackOff"}}, lastState=ended(NEW)))
    assert match(content, NEW) == ("main", False)


def test_the_id_of_a_terminated_container_is_its_own() -> None:
    assert match(pod(status("main", NEW, state=ended(NEW))), NEW) == ("main", False)


@pytest.mark.parametrize(("reported", "asked"), [(NEW.upper(), NEW), ("x" * 64, "X" * 64), ("virtual-1", "virtual-1")])
def test_an_id_is_found_in_either_case_and_in_any_form(reported: str, asked: str) -> None:
    assert match(pod(status("main", reported)), asked) == ("main", False)


@pytest.mark.parametrize("container_id", [OLD, "", "containerd", "main"])
def test_an_unknown_id_matches_no_container(container_id: str) -> None:
    assert match(pod(status("main")), container_id) is None
    assert match(pod(), container_id) is None


def test_of_several_containers_none_matches_and_an_id_comes_before_a_name() -> None:
    content = make_pod("web-0")
    content["spec"]["containers"] = [{"name": "main"}, {"name": "proxy"}]
    content["status"]["containerStatuses"] = [status("proxy", NEW), status("main", "c" * 64, lastState=ended(OLD))]
    assert match(content, NEW, OLD) is None
    assert match(content, OLD, "c" * 64) == ("main", False)
    assert match(content, NEW, NEW, "d" * 64, names=("main",)) == ("proxy", False)
    assert match(content, "d" * 64, names=("main",)) == ("main", False)
    assert match(content, names=("main", "unknown")) == ("main", False)
    assert match(content, names=("main", "proxy")) is None
    assert match(content, names=("unknown",)) is None


def test_each_type_of_container_can_match() -> None:
    content = make_pod("web-0")
    content["spec"] |= {"initContainers": [{"name": "init"}], "ephemeralContainers": [{"name": "debug"}]}
    content["status"]["initContainerStatuses"] = [status("init", NEW)]
    content["status"]["ephemeralContainerStatuses"] = [status("debug", OLD)]
    assert match(content, NEW) == ("init", False)
    assert match(content, OLD) == ("debug", False)
