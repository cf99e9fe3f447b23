"""What ``kubectl apply -k`` makes of the manifests on a real kube-apiserver, and what they let pod-index do."""

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

import pytest

from tests.apiserver import ApiError, make_pod
from tests.conftest import StartOperator
from tests.kubernetes import KubernetesApiServer
from tests.manifests import (
    CLUSTER_SCOPED,
    COMPONENTS,
    FOLDER,
    JSON,
    NEWEST_KUBERNETES,
    OLDEST_KUBERNETES,
    complaints,
    overlay,
    parse,
)
from tests.operator_process import assert_equal
from tests.polling import eventually

BASE = {"ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Deployment", "Service"}
ADDED = {
    "high-availability": {"PodDisruptionBudget"},
    "horizontal-pod-autoscaler": {"HorizontalPodAutoscaler"},
    "ingress": {"Ingress"},
    "network-policy": {"NetworkPolicy"},
    "single-namespace": {"Role", "RoleBinding"},
}
COMBINATIONS = [(), *((name,) for name in COMPONENTS), tuple(COMPONENTS), tuple(reversed(COMPONENTS))]
AUTOSCALED = [
    ("horizontal-pod-autoscaler",),
    ("high-availability", "horizontal-pod-autoscaler"),
    ("horizontal-pod-autoscaler", "high-availability"),
]

Question = tuple[str, str]
"""A verb and a resource: may it?"""

READ_PODS = {("get", "pods"), ("list", "pods"), ("watch", "pods")}
REFUSED = {
    *((verb, "pods") for verb in ("create", "update", "patch", "delete", "deletecollection", "*")),
    *((verb, "pods/exec") for verb in ("create", "get")),
    *(("get", resource) for resource in ("pods/log", "pods/status", "nodes/proxy", "*")),
    *(("create", resource) for resource in ("pods/attach", "pods/portforward", "pods/eviction", "events")),
    *(("patch", resource) for resource in ("pods/status", "pods/ephemeralcontainers", "deployments.apps", "nodes")),
    *(("list", resource) for resource in ("secrets", "configmaps", "nodes", "namespaces", "events", "services")),
    *(("create", resource) for resource in ("serviceaccounts/token", "clusterroles.rbac.authorization.k8s.io")),
    *(("list", resource) for resource in ("deployments.apps", "customresourcedefinitions.apiextensions.k8s.io")),
    *(("impersonate", resource) for resource in ("users", "serviceaccounts")),
}


class Deployed:
    """The base with components in a namespace, as kubectl handles a folder with ``-k``."""

    def __init__(self, cluster: KubernetesApiServer, folder: Path) -> None:
        self._cluster = cluster
        self._folder = folder

    def build(self) -> list[JSON]:
        """What kustomize makes of it."""
        return parse(self._cluster.kubectl("kustomize", str(self._folder)))

    def apply(self, *options: str) -> list[str]:
        """The lines that kubectl prints."""
        return self._cluster.kubectl("apply", "-k", str(self._folder), *options).splitlines()

    def difference(self) -> str:
        """What applying it would change on the server; kubectl ends with 1 if that is anything."""
        return self._cluster.kubectl("diff", "-k", str(self._folder))

    def delete(self) -> None:
        """Remove it, whether all is there or not."""
        self._cluster.kubectl("delete", "-k", str(self._folder), "--ignore-not-found")

    def existing(self) -> list[str]:
        """What of it the server has, as ``resource/name``."""
        listed = self._cluster.kubectl("get", "-k", str(self._folder), "--ignore-not-found", "-o", "name")
        return listed.split()

    def deployment(self) -> JSON:
        """The Deployment as the server has it."""
        (built,) = (item for item in self.build() if item["kind"] == "Deployment")
        namespace = built["metadata"]["namespace"]
        found: JSON = json.loads(self._cluster.kubectl("get", "deployment", "pod-index", "-n", namespace, "-o", "json"))
        return found


class Deploy(Protocol):
    """Writes a kustomization; whatever of it the server has when the test ends is deleted."""

    def __call__(self, *components: str, namespace: str = "") -> Deployed:
        """The namespace, which is made if need be, stands in for the default one of the manifests."""


@pytest.fixture(scope="module", autouse=True)
def kubectl_knows_components(control_plane: KubernetesApiServer) -> None:
    """Kustomize has components since 3.7, and kubectl 1.21 is the first with a newer one than 2.0."""
    version = json.loads(control_plane.kubectl("version", "--client", "-o", "json"))["clientVersion"]
    if (int(version["major"]), int(version["minor"].rstrip("+"))) < (1, 21):
        reason = f"kubectl {version['gitVersion']} knows no components of kustomize; 1.21 is the first that does"
        if os.environ.get("POD_INDEX_E2E") == "require":
            pytest.fail(f"POD_INDEX_E2E=require, but {reason}", pytrace=False)
        pytest.skip(reason)


@pytest.fixture(scope="module", autouse=True)
def nothing_is_deployed(control_plane: KubernetesApiServer, kubectl_knows_components: None) -> None:
    """Other modules leave rights behind."""
    control_plane.kubectl("delete", "-k", str(FOLDER), "--ignore-not-found")


@pytest.fixture
def deploy(cluster: KubernetesApiServer, tmp_path: Path) -> Iterator[Deploy]:
    with ExitStack() as stack:
        made = 0

        def deploy(*components: str, namespace: str = "") -> Deployed:
            nonlocal made
            made += 1
            folder = tmp_path / f"overlay-{made}"
            folder.mkdir()
            if namespace:
                wanted = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
                cluster.kubectl("apply", "-f", "-", stdin=json.dumps(wanted))
            deployed = Deployed(cluster, overlay(folder, *components, namespace=namespace))
            stack.callback(deployed.delete)
            return deployed

        yield deploy


def kinds(components: Iterable[str]) -> set[str]:
    """What the base and these components consist of."""
    found = BASE.union(*(ADDED[name] for name in components))
    return found - CLUSTER_SCOPED if "single-namespace" in components else found


def granted(cluster: KubernetesApiServer, namespace: str, scope: str = "") -> set[Question]:
    """What the service account of a namespace may do in the namespace `scope`; in all of them without it.

    As `kubectl auth can-i --as`, which takes one question a call, and ends with 1 for a no as for an error.
    """
    questions = sorted(READ_PODS | REFUSED)
    reviews = []
    for verb, path in questions:
        qualified, _, subresource = path.partition("/")
        resource, _, group = qualified.partition(".")
        asked = {"verb": verb, "group": group, "resource": resource, "subresource": subresource, "namespace": scope}
        review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview"}
        reviews.append(json.dumps(review | {"spec": {"resourceAttributes": asked}}))
    answers = cluster.kubectl(
        *("create", f"--as=system:serviceaccount:{namespace}:pod-index", "--validate=false", "-f", "-"),
        *("-o", r'jsonpath={.status.allowed}{"\n"}'),
        stdin="\n".join(reviews),
    ).split()
    assert set(answers) <= {"true", "false"}
    return {question for question, answer in zip(questions, answers, strict=True) if answer == "true"}


# ---- what kustomize builds


@pytest.mark.parametrize("components", COMBINATIONS, ids="+".join)
@pytest.mark.parametrize("namespace", ["", "team-a"])
def test_every_combination_is_valid_and_in_one_namespace(
    deploy: Deploy, components: tuple[str, ...], namespace: str
) -> None:
    built = deploy(*components, namespace=namespace).build()
    assert sorted(item["kind"] for item in built) == sorted(kinds(components))
    for version in (OLDEST_KUBERNETES, NEWEST_KUBERNETES):
        assert complaints(built, version) == []
    for item in built:
        expected = None if item["kind"] in CLUSTER_SCOPED else namespace or "default"
        assert item["metadata"].get("namespace") == expected, item["kind"]
        for subject in item.get("subjects", []):
            assert subject["namespace"] == (namespace or "default"), item["kind"]


# ---- what the API server takes


@pytest.mark.parametrize("components", COMBINATIONS, ids="+".join)
def test_the_server_takes_every_combination(deploy: Deploy, components: tuple[str, ...]) -> None:
    deployed = deploy(*components)
    taken = deployed.apply("--dry-run=server", "-o", "name")
    assert sorted(taken) == sorted(set(taken))
    assert {name.partition("/")[0].partition(".")[0] for name in taken} == {kind.lower() for kind in kinds(components)}
    assert deployed.existing() == []


def test_the_files_can_be_applied_one_by_one(cluster: KubernetesApiServer, deploy: Deploy) -> None:
    base = deploy()
    for file in ("rbac.yaml", "deployment.yaml", "service.yaml"):
        cluster.kubectl("apply", "-f", str(FOLDER / file))
    assert len(base.existing()) == len(BASE)
    assert {line.rpartition(" ")[2] for line in base.apply()} == {"unchanged"}


@pytest.mark.parametrize("components", [(), tuple(COMPONENTS)], ids="+".join)
def test_it_stays_as_it_was_applied_until_it_is_all_deleted(deploy: Deploy, components: tuple[str, ...]) -> None:
    deployed = deploy(*components, namespace="team-a")
    assert {line.rpartition(" ")[2] for line in deployed.apply()} == {"created"}
    assert deployed.difference() == ""
    assert len(deployed.existing()) == len(kinds(components))
    deployed.delete()
    assert deployed.existing() == []


@pytest.mark.parametrize("components", COMBINATIONS, ids="+".join)
def test_its_pods_are_let_in_where_only_restricted_ones_are(
    cluster: KubernetesApiServer, deploy: Deploy, components: tuple[str, ...]
) -> None:
    """The strictest of https://kubernetes.io/docs/concepts/security/pod-security-standards/."""
    deployed = deploy(*components, namespace="restricted")
    cluster.kubectl("label", "namespace", "restricted", "pod-security.kubernetes.io/enforce=restricted", "--overwrite")
    (deployment,) = (item for item in deployed.build() if item["kind"] == "Deployment")
    pod = deployment["spec"]["template"] | {"apiVersion": "v1", "kind": "Pod"}
    pod["metadata"]["name"] = "pod-index"

    def create() -> None:
        cluster.client.call("POST", "/api/v1/namespaces/restricted/pods", pod, query={"dryRun": "All"})

    create()
    pod["spec"]["securityContext"] = {}
    with pytest.raises(ApiError, match='violates PodSecurity "restricted'):
        create()


# ---- how many pods there are


@pytest.mark.parametrize(("components", "replicas"), [((), 1), (("high-availability",), 2)])
def test_there_are_two_pods_with_high_availability_else_one(
    deploy: Deploy, components: tuple[str, ...], replicas: int
) -> None:
    deployed = deploy(*components)
    deployed.apply()
    assert deployed.deployment()["spec"]["replicas"] == replicas


@pytest.mark.parametrize("components", [(), *AUTOSCALED], ids="+".join)
def test_what_has_been_scaled_stays_so_when_it_is_applied_again(
    cluster: KubernetesApiServer, deploy: Deploy, components: tuple[str, ...]
) -> None:
    deployed = deploy(*components)
    deployed.apply()
    cluster.kubectl("scale", "deployment", "pod-index", "-n", "default", "--replicas=4")
    deployed.apply()
    assert deployed.deployment()["spec"]["replicas"] == 4


# ---- what it may do


@pytest.mark.parametrize("namespace", ["", "team-a"])
def test_it_may_read_the_pods_of_all_namespaces_and_nothing_else(
    cluster: KubernetesApiServer, deploy: Deploy, namespace: str
) -> None:
    deployed = deploy(namespace=namespace)
    eventually(lambda: granted(cluster, namespace or "default") == set())
    deployed.apply()
    eventually(lambda: granted(cluster, namespace or "default") == READ_PODS)
    assert granted(cluster, "somewhere-else") == set()


def test_with_single_namespace_it_may_read_and_knows_the_pods_of_its_own_only(
    cluster: KubernetesApiServer, deploy: Deploy, start_operator: StartOperator
) -> None:
    deployed = deploy("single-namespace", namespace="team-a")
    deployed.apply()
    eventually(lambda: granted(cluster, "team-a", "team-a") == READ_PODS)
    assert granted(cluster, "team-a", "default") == set()
    assert granted(cluster, "team-a") == set()

    mine = cluster.pods.create(make_pod("mine", "team-a"))
    cluster.pods.create(make_pod("theirs", "default"))
    (container,) = deployed.deployment()["spec"]["template"]["spec"]["containers"]
    command = [word.replace("$(POD_NAMESPACE)", "team-a") for word in container["command"]]
    assert command[:3] == ["kopf", "run", "operator/main.py"]
    operator = start_operator(cluster, *command[3:], token=cluster.service_account_token("team-a", "pod-index"))
    assert_equal(operator, {mine["metadata"]["uid"]: mine})
