"""The manifests, applied with ``kubectl apply -k`` to a real kube-apiserver, and the rights that they grant."""

import json
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress

import pytest

from tests.apiserver import ApiError, make_pod
from tests.conftest import StartOperator
from tests.e2e.deployed import Kustomize
from tests.kubernetes import KubernetesApiServer
from tests.support.manifests import (
    CLUSTER_SCOPED,
    COMPONENTS,
    FOLDER,
    NEWEST_KUBERNETES,
    OLDEST_KUBERNETES,
    SIDECARS_KUBERNETES,
    complaints,
)
from tests.support.operator_process import assert_equal
from tests.support.polling import eventually

BASE = ("ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Deployment", "Service")
ADDED = {
    "fleet": (),
    "high-availability": ("PodDisruptionBudget",),
    "horizontal-pod-autoscaler": ("HorizontalPodAutoscaler",),
    "ingress": ("Ingress",),
    "kube-rbac-proxy": ("ClusterRoleBinding", "ConfigMap"),
    "monitoring": ("ConfigMap", "PrometheusRule", "ServiceMonitor"),
    "network-policy": ("NetworkPolicy",),
    "single-namespace": ("Role", "RoleBinding"),
}
COMBINATIONS = [(), *((name,) for name in COMPONENTS), tuple(COMPONENTS), tuple(reversed(COMPONENTS))]
AUTOSCALED = [
    ("horizontal-pod-autoscaler",),
    ("high-availability", "horizontal-pod-autoscaler"),
    ("horizontal-pod-autoscaler", "high-availability"),
]

Question = tuple[str, str]
"""A verb and a resource: is it allowed?"""

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


def kinds(components: Iterable[str]) -> list[str]:
    """The kinds of the objects of the base with these components, in order."""
    found = Counter(BASE)
    for name in components:
        found.update(ADDED[name])
    if "single-namespace" in components:
        found.subtract(CLUSTER_SCOPED)
    return sorted(found.elements())


def granted(cluster: KubernetesApiServer, namespace: str, scope: str = "") -> set[Question]:
    """The rights of the service account of a namespace, in the namespace ``scope`` or, without it, in all of them.

    ``kubectl auth can-i --as`` answers one question for each call, and has exit code 1 for "no" and for errors.
    """
    questions = sorted(READ_PODS | REFUSED)
    reviews = []
    for verb, path in questions:
        qualified, _, subresource = path.partition("/")
        resource, _, group = qualified.partition(".")
        access = {"verb": verb, "group": group, "resource": resource, "subresource": subresource, "namespace": scope}
        review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview"}
        reviews.append(json.dumps(review | {"spec": {"resourceAttributes": access}}))
    answers = cluster.kubectl(
        *("create", f"--as=system:serviceaccount:{namespace}:pod-index", "--validate=false", "-f", "-"),
        *("-o", r'jsonpath={.status.allowed}{"\n"}'),
        stdin="\n".join(reviews),
    ).split()
    assert set(answers) <= {"true", "false"}
    return {question for question, answer in zip(questions, answers, strict=True) if answer == "true"}


# ---- the output of kustomize


@pytest.mark.parametrize("components", COMBINATIONS, ids="+".join)
@pytest.mark.parametrize("namespace", ["", "team-a"])
def test_every_combination_is_valid_and_in_one_namespace(
    kustomize: Kustomize, components: tuple[str, ...], namespace: str
) -> None:
    built = kustomize(*components, namespace=namespace).build()
    assert sorted(item["kind"] for item in built) == kinds(components)
    oldest = SIDECARS_KUBERNETES if "kube-rbac-proxy" in components else OLDEST_KUBERNETES
    for version in (oldest, NEWEST_KUBERNETES):
        assert complaints(built, version) == []
    for item in built:
        expected = None if item["kind"] in CLUSTER_SCOPED else namespace or "default"
        assert item["metadata"].get("namespace") == expected, item["kind"]
        for subject in item.get("subjects", []):
            user = f"system:serviceaccount:{subject.get('namespace', '')}:{subject['name']}"
            user = subject["name"] if subject["kind"] == "User" else user
            assert user == f"system:serviceaccount:{namespace or 'default'}:pod-index", item["kind"]


# ---- on the API server


@pytest.mark.parametrize("components", COMBINATIONS, ids="+".join)
def test_the_server_accepts_every_combination(kustomize: Kustomize, components: tuple[str, ...]) -> None:
    deployed = kustomize(*components)
    names = deployed.apply("--dry-run=server", "-o", "name")
    assert sorted(names) == sorted(set(names))
    assert sorted(name.partition("/")[0].partition(".")[0] for name in names) == sorted(
        map(str.lower, kinds(components))
    )
    assert deployed.existing() == []


def test_the_files_can_be_applied_one_by_one(cluster: KubernetesApiServer, kustomize: Kustomize) -> None:
    base = kustomize()
    for file in ("rbac.yaml", "deployment.yaml", "service.yaml"):
        cluster.kubectl("apply", "-f", str(FOLDER / file))
    assert len(base.existing()) == len(BASE)
    assert {line.rpartition(" ")[2] for line in base.apply()} == {"unchanged"}


@pytest.mark.parametrize("components", [(), tuple(COMPONENTS)], ids="+".join)
def test_nothing_differs_after_apply_and_nothing_is_left_after_delete(
    kustomize: Kustomize, components: tuple[str, ...]
) -> None:
    deployed = kustomize(*components, namespace="team-a")
    assert {line.rpartition(" ")[2] for line in deployed.apply()} == {"created"}
    assert deployed.difference() == ""
    assert len(deployed.existing()) == len(kinds(components))
    deployed.delete()
    assert deployed.existing() == []


@pytest.mark.parametrize("components", COMBINATIONS, ids="+".join)
def test_the_pods_meet_the_restricted_pod_security_standard(
    cluster: KubernetesApiServer, kustomize: Kustomize, components: tuple[str, ...]
) -> None:
    """https://kubernetes.io/docs/concepts/security/pod-security-standards/."""
    deployed = kustomize(*components, namespace="restricted")
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


# ---- replicas


@pytest.mark.parametrize(("components", "replicas"), [((), 1), (("high-availability",), 2)])
def test_there_are_two_replicas_with_high_availability_else_one(
    kustomize: Kustomize, components: tuple[str, ...], replicas: int
) -> None:
    deployed = kustomize(*components)
    deployed.apply()
    assert deployed.deployment()["spec"]["replicas"] == replicas


@pytest.mark.parametrize("components", [(), *AUTOSCALED], ids="+".join)
def test_apply_does_not_change_the_replicas_of_a_scaled_deployment(
    cluster: KubernetesApiServer, kustomize: Kustomize, components: tuple[str, ...]
) -> None:
    deployed = kustomize(*components)
    deployed.apply()
    cluster.kubectl("scale", "deployment", "pod-index", "-n", "default", "--replicas=4")
    deployed.apply()
    assert deployed.deployment()["spec"]["replicas"] == 4


# ---- rights


@pytest.mark.parametrize("namespace", ["", "team-a"])
def test_the_service_account_can_only_read_pods_in_all_namespaces(
    cluster: KubernetesApiServer, kustomize: Kustomize, namespace: str
) -> None:
    deployed = kustomize(namespace=namespace)
    eventually(lambda: granted(cluster, namespace or "default") == set())
    deployed.apply()
    eventually(lambda: granted(cluster, namespace or "default") == READ_PODS)
    assert granted(cluster, "somewhere-else") == set()


def test_an_install_in_another_namespace_takes_nothing_from_the_first(
    cluster: KubernetesApiServer, kustomize: Kustomize
) -> None:
    first, second = kustomize(), kustomize(namespace="team-a")
    first.apply()
    second.apply()
    assert first.difference() == second.difference() == ""
    eventually(lambda: granted(cluster, "default") == granted(cluster, "team-a") == READ_PODS)
    second.delete()
    assert first.difference() == ""
    eventually(lambda: granted(cluster, "team-a") == set())
    assert granted(cluster, "default") == READ_PODS


@pytest.mark.parametrize("namespace", ["team-a", "nowhere"])
def test_an_overlay_with_nothing_but_a_namespace_leaves_the_first_install_as_it_is(
    namespace: str, cluster: KubernetesApiServer, kustomize: Kustomize
) -> None:
    first, second = kustomize(), kustomize()
    first.apply()
    path = second.folder / "kustomization.yaml"
    path.write_text(f"{path.read_text()}\nnamespace: {namespace}\n")
    with suppress(RuntimeError):  # The namespace may not exist.
        second.apply()
    assert first.difference() == ""
    assert granted(cluster, "default") == READ_PODS
    assert granted(cluster, namespace) == set()


def test_with_single_namespace_it_can_only_read_the_pods_of_its_own(
    cluster: KubernetesApiServer, kustomize: Kustomize, start_operator: StartOperator
) -> None:
    deployed = kustomize("single-namespace", namespace="team-a")
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
