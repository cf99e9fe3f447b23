"""The harness around kube-apiserver and etcd: versions, pods, rights, tokens and watches."""

import json
import ssl
from pathlib import Path
from typing import Any

import pytest

from tests.apiserver import AlreadyExists, ApiError, Conflict, NotFound, Rule, container_status, make_pod, realistic_pod
from tests.kubernetes import ApiClient, KubernetesApiServer
from tests.support.polling import eventually

PODS = "/api/v1/pods"
STREAMING_LIST = {
    "sendInitialEvents": "true",
    "resourceVersionMatch": "NotOlderThan",
    "allowWatchBookmarks": "true",
}


def client_of(server: KubernetesApiServer, *, token: str, port: int = 0) -> ApiClient:
    """A client with a token instead of the admin's certificate; ``port`` is that of a proxy, if there is one."""
    return ApiClient(port or server.port, ssl.create_default_context(cadata=server.ca_pem.decode()), token=token)


def _status(server: KubernetesApiServer, token: str, path: str = PODS) -> int:
    client = client_of(server, token=token)
    try:
        return client.request("GET", path)[0]
    finally:
        client.close()


def test_the_version_is_that_of_a_release(cluster: KubernetesApiServer) -> None:
    version = cluster.client.call("GET", "/version")
    assert version["major"] == "1"
    assert int(version["minor"].rstrip("+")) >= 34
    assert version["gitVersion"].startswith(f"v1.{version['minor']}.")


def test_kubectl_works_with_the_admins_kubeconfig(cluster: KubernetesApiServer) -> None:
    pod = cluster.pods.create(make_pod("web"))
    listed = json.loads(cluster.kubectl("get", "pods", "-A", "-o", "json"))
    assert [item["metadata"]["uid"] for item in listed["items"]] == [pod["metadata"]["uid"]]


def test_an_error_of_kubectl_is_raised(cluster: KubernetesApiServer) -> None:
    with pytest.raises(RuntimeError, match="NotFound"):
        cluster.kubectl("get", "pod", "nobody")


def test_a_client_without_the_ca_refuses_the_server(cluster: KubernetesApiServer) -> None:
    stranger = ApiClient(cluster.port, ssl.create_default_context())
    with pytest.raises(ssl.SSLCertVerificationError):
        stranger.request("GET", "/version")


# ---- pods


def test_a_pod_is_kept_as_it_was_written(cluster: KubernetesApiServer) -> None:
    pod = make_pod("web", "shop", node="node-1", ip="10.1.2.3", phase="Running", labels={"a": "b"})
    created = cluster.pods.create(pod)
    assert created == cluster.pods.get("shop", "web")
    assert (created["spec"]["nodeName"], created["status"]["podIP"]) == ("node-1", "10.1.2.3")
    assert (created["status"]["phase"], created["metadata"]["labels"]) == ("Running", {"a": "b"})
    assert list(cluster.pods.pods()) == [created["metadata"]["uid"]]


def test_labels_status_and_node_can_be_changed_at_once(cluster: KubernetesApiServer) -> None:
    before = cluster.pods.create(make_pod("web"))

    def change(pod: dict[str, object]) -> None:
        pod |= make_pod("web", ip="10.9.8.7", phase="Running") | {"spec": pod["spec"], "metadata": pod["metadata"]}
        assert isinstance(pod["metadata"], dict)
        assert isinstance(pod["spec"], dict)
        pod["metadata"]["labels"] = {"new": "label"}
        pod["spec"]["nodeName"] = "node-2"

    after = cluster.pods.update("default", "web", change)
    assert after == cluster.pods.get("default", "web")
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    assert (after["metadata"]["labels"], after["spec"]["nodeName"]) == ({"new": "label"}, "node-2")
    assert (after["status"]["podIP"], after["status"]["phase"]) == ("10.9.8.7", "Running")


def test_an_ephemeral_container_can_be_added_with_its_status(cluster: KubernetesApiServer) -> None:
    cluster.pods.create(make_pod("web", node="node-1", phase="Running"))

    def change(pod: dict[str, Any]) -> None:
        pod["metadata"]["labels"] = {"new": "label"}
        pod["spec"]["ephemeralContainers"] = [{"name": "debugger", "image": "registry.example.com/debugger:1"}]
        pod["status"]["ephemeralContainerStatuses"] = [container_status("debugger", "containerd://1")]

    after = cluster.pods.update("default", "web", change)
    assert after == cluster.pods.get("default", "web")
    assert [container["name"] for container in after["spec"]["ephemeralContainers"]] == ["debugger"]
    assert [status["containerID"] for status in after["status"]["ephemeralContainerStatuses"]] == ["containerd://1"]
    assert after["metadata"]["labels"] == {"new": "label"}


def test_an_update_without_a_difference_writes_nothing(cluster: KubernetesApiServer) -> None:
    before = cluster.pods.create(make_pod("web"))
    assert cluster.pods.update("default", "web", lambda pod: None) == before
    assert cluster.pods.get("default", "web") == before


def test_a_deleted_pod_is_gone_at_once(cluster: KubernetesApiServer) -> None:
    pod = cluster.pods.create(make_pod("web", node="node-1", phase="Running"))
    with pytest.raises(Conflict):
        cluster.pods.delete("default", "web", uid="another")
    deleted = cluster.pods.delete("default", "web", uid=pod["metadata"]["uid"])
    assert deleted["metadata"]["uid"] == pod["metadata"]["uid"]
    with pytest.raises(NotFound):
        cluster.pods.get("default", "web")


def test_names_are_unique(cluster: KubernetesApiServer) -> None:
    cluster.pods.create(make_pod("web"))
    with pytest.raises(AlreadyExists):
        cluster.pods.create(make_pod("web"))


def test_many_realistic_pods_can_be_loaded(cluster: KubernetesApiServer) -> None:
    wanted = [realistic_pod(index) for index in range(100)]
    cluster.pods.load(iter(wanted))
    assert len(cluster.pods) == 100
    expected = {(pod["metadata"]["name"], pod["spec"]["nodeName"], pod["status"]["podIP"]) for pod in wanted}
    loaded = cluster.pods.pods().values()
    assert {(pod["metadata"]["name"], pod["spec"]["nodeName"], pod["status"]["podIP"]) for pod in loaded} == expected


def test_an_invalid_pod_stops_the_loading(cluster: KubernetesApiServer) -> None:
    with pytest.raises(ApiError, match="is invalid"):
        cluster.pods.load([make_pod("NOT A NAME")])


# ---- rights and tokens


def test_a_service_account_has_no_rights_of_its_own(cluster: KubernetesApiServer) -> None:
    token = cluster.service_account_token("default", "nobody")
    client = client_of(cluster, token=token)
    with pytest.raises(ApiError) as refusal:
        client.call("GET", PODS)
    client.close()
    assert refusal.value.code == 403
    assert refusal.value.message == (
        'pods is forbidden: User "system:serviceaccount:default:nobody" cannot list resource "pods" in API group "" '
        "at the cluster scope"
    )


def test_rights_can_be_granted_and_withdrawn(cluster: KubernetesApiServer) -> None:
    token = cluster.access.issue_token("reader", [Rule(["get", "list", "watch"])])
    eventually(lambda: _status(cluster, token) == 200)
    assert _status(cluster, token, "/api/v1/secrets") == 403
    cluster.access.set_rules("reader", [Rule(["list"], namespaces=["mine"])])
    eventually(lambda: _status(cluster, token) == 403)
    eventually(lambda: _status(cluster, token, "/api/v1/namespaces/mine/pods") == 200)


def test_a_revoked_token_is_refused_but_not_the_other_tokens_of_its_user(cluster: KubernetesApiServer) -> None:
    revoked, kept = (cluster.access.issue_token("two-tokens", [Rule(["list"])]) for _ in range(2))
    eventually(lambda: _status(cluster, revoked) == 200)
    cluster.access.revoke_token(revoked)
    eventually(lambda: _status(cluster, revoked) == 401)
    assert _status(cluster, kept) == 200


def test_a_token_in_a_kubeconfig_is_its_service_account(cluster: KubernetesApiServer, tmp_path: Path) -> None:
    token = cluster.service_account_token("team", "robot")
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(cluster.kubeconfig(token))
    with pytest.raises(RuntimeError, match='User "system:serviceaccount:team:robot" cannot list resource "pods"'):
        cluster.kubectl("get", "pods", kubeconfig=kubeconfig)


def test_a_client_certificate_is_its_user(cluster: KubernetesApiServer, tmp_path: Path) -> None:
    pem = tmp_path / "jane.pem"
    pem.write_bytes(b"".join(cluster.client_certificate("jane", "auditors")))
    context = ssl.create_default_context(cadata=cluster.ca_pem.decode())
    context.load_cert_chain(pem)
    client = ApiClient(cluster.port, context)
    review = client.call("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", {})
    client.close()
    assert review["status"]["userInfo"]["username"] == "jane"
    assert "auditors" in review["status"]["userInfo"]["groups"]


def test_a_short_lived_token_is_valid_until_it_expires(cluster: KubernetesApiServer) -> None:
    assert _status(cluster, cluster.service_account_token("default", "short", 300), "/version") == 200
    assert _status(cluster, cluster.service_account_token("default", "short", -300), "/version") == 401


# ---- watches


def test_a_streaming_list_ends_with_its_bookmark(cluster: KubernetesApiServer) -> None:
    uids = {cluster.pods.create(make_pod(f"web-{number}"))["metadata"]["uid"] for number in range(3)}
    shown = set()
    with cluster.client.watch(PODS, query=STREAMING_LIST) as events:
        for event in events:
            if event["type"] == "BOOKMARK":
                break
            shown.add(event["object"]["metadata"]["uid"])
        assert event["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}
    assert shown == uids


def test_events_end_when_the_server_ends_the_watch(cluster: KubernetesApiServer) -> None:
    query = {"resourceVersion": cluster.pods.resource_version, "timeoutSeconds": 1}
    with cluster.client.watch(PODS, query=query) as events:
        assert list(events) == []
