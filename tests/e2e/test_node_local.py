"""``manifests/node-local`` on a real kube-apiserver, beside the base."""

from collections.abc import Iterator

import pytest

from tests.apiserver import ApiError, make_pod
from tests.conftest import StartOperator
from tests.e2e.deployed import Deployed
from tests.kubernetes import KubernetesApiServer
from tests.support.manifests import FOLDER, NODE_LOCAL
from tests.support.operator_process import assert_equal

NAME = "pod-index-node-local"


@pytest.fixture
def deployed(cluster: KubernetesApiServer, kubectl_knows_components: None) -> Iterator[Deployed]:
    deployed = Deployed(cluster, NODE_LOCAL)
    deployed.apply()
    yield deployed
    deployed.delete()


def test_nothing_differs_after_apply_and_nothing_is_left_after_delete(
    deployed: Deployed, cluster: KubernetesApiServer
) -> None:
    base = Deployed(cluster, FOLDER)
    base.apply()
    assert deployed.difference() == ""
    assert len(deployed.existing()) == 5
    base.delete()
    assert len(deployed.existing()) == 5, "the base has none of these objects"
    deployed.delete()
    assert deployed.existing() == []


def test_the_pods_meet_the_restricted_pod_security_standard(deployed: Deployed, cluster: KubernetesApiServer) -> None:
    (daemon_set,) = (item for item in deployed.build() if item["kind"] == "DaemonSet")
    cluster.kubectl("label", "namespace", "default", "pod-security.kubernetes.io/enforce=restricted", "--overwrite")
    pod = daemon_set["spec"]["template"] | {"apiVersion": "v1", "kind": "Pod"}
    pod["metadata"]["name"] = "node-local"

    def create() -> None:
        cluster.client.call("POST", "/api/v1/namespaces/default/pods", pod, query={"dryRun": "All"})

    try:
        create()
        pod["spec"]["securityContext"] = {}
        with pytest.raises(ApiError, match='violates PodSecurity "restricted'):
            create()
    finally:
        cluster.kubectl("label", "namespace", "default", "pod-security.kubernetes.io/enforce-")


def test_with_its_service_account_it_knows_the_pods_of_its_node(
    deployed: Deployed, cluster: KubernetesApiServer, start_operator: StartOperator
) -> None:
    mine = cluster.pods.create(make_pod("mine", node="node-1"))
    cluster.pods.create(make_pod("theirs", node="node-2"))
    cluster.pods.create(make_pod("pending"))
    token = cluster.service_account_token("default", NAME)
    operator = start_operator(cluster, token=token, WATCH_NODE="node-1")
    assert_equal(operator, {mine["metadata"]["uid"]: mine})
