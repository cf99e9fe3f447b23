"""The workload of a pod: a test for each row of the table in the documentation, and for what resembles it."""

from typing import Any

import pytest

from pod_index.pods import OwnerReference, PodMetadata
from pod_index.store.workloads import Workload, controller_of, workload_of

CREATED = "2026-08-13T00:00:30Z"
"""Half a minute after the schedule 29776320."""

LONGEST = "a" * 242 + "-7c9d8f6b5d"
"""A name of 253 characters."""


def workload(*owners: OwnerReference, created: str | None = CREATED, labels: dict[str, str] | None = None) -> Workload:
    metadata = PodMetadata("1234", "web-0", 1, "default", created, labels, owner_references=list(owners) or None)
    return workload_of(metadata, controller_of(metadata))


def owner(kind: str, name: str, api_version: str = "apps/v1", **fields: Any) -> OwnerReference:
    return OwnerReference(api_version, kind, name, "5678", **{"controller": True, **fields})


def job(name: str) -> OwnerReference:
    return owner("Job", name, "batch/v1")


HASH = {"pod-template-hash": "7c9d8f6b5d"}
POD = Workload("v1", "Pod", "web-0", "pod")


def test_a_replica_set_with_the_hash_of_its_template_is_of_a_deployment() -> None:
    found = workload(owner("ReplicaSet", "web-7c9d8f6b5d"), labels=HASH)
    assert found == Workload("apps/v1", "Deployment", "web", "pod-template-hash")


def test_a_replica_set_with_the_hash_of_a_rollout_is_of_a_rollout() -> None:
    found = workload(owner("ReplicaSet", "web-canary-54b"), labels={"rollouts-pod-template-hash": "54b"})
    assert found == Workload("argoproj.io/v1alpha1", "Rollout", "web-canary", "pod-template-hash")


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("web-7c9d8f6b5d", None),
        ("web-7c9d8f6b5d", {"app": "web"}),
        ("web-7c9d8f6b5d", {"pod-template-hash": "other"}),
        ("web-7c9d8f6b5d", {"pod-template-hash": ""}),
        ("web7c9d8f6b5d", HASH),
        ("-7c9d8f6b5d", HASH),
        ("7c9d8f6b5d", HASH),
        (LONGEST, HASH),
    ],
)
def test_another_replica_set_is_the_workload(name: str, labels: dict[str, str] | None) -> None:
    assert workload(owner("ReplicaSet", name), labels=labels) == Workload("apps/v1", "ReplicaSet", name, "controller")


def test_a_replica_set_name_below_the_limit_is_not_truncated() -> None:
    found = workload(owner("ReplicaSet", LONGEST[1:]), labels=HASH)
    assert found == Workload("apps/v1", "Deployment", "a" * 241, "pod-template-hash")


@pytest.mark.parametrize("created", ["2026-08-13T00:00:30Z", "2026-08-20T00:00:00Z", "2026-08-12T23:00:00Z"])
def test_a_job_named_by_its_schedule_is_of_a_cron_job(created: str) -> None:
    found = workload(job("auth-cronjob-29776320"), created=created)
    assert found == Workload("batch/v1", "CronJob", "auth-cronjob", "job-name")


@pytest.mark.parametrize(
    ("name", "created"),
    [
        ("report-20260512", CREATED),
        ("report-manual-xk2", CREATED),
        ("migrate", CREATED),
        ("29776320", CREATED),
        ("-29776320", CREATED),
        ("auth-cronjob29776320", CREATED),
        ("auth-cronjob-029776320", CREATED),
        ("auth-cronjob-\u0662\u0669\u0667\u0667\u0666\u0663\u0662\u0660", CREATED),
        ("auth-cronjob-29776320", "2026-08-20T00:00:01Z"),
        ("auth-cronjob-29776320", "2026-08-12T22:59:59Z"),
        ("auth-cronjob-29776320", None),
        ("auth-cronjob-29776320", "yesterday"),
    ],
)
def test_another_job_is_the_workload(name: str, created: str | None) -> None:
    assert workload(job(name), created=created) == Workload("batch/v1", "Job", name, "controller")


def test_a_replication_controller_with_the_label_is_of_a_deployment_config() -> None:
    found = workload(owner("ReplicationController", "web-ui-12", "v1"), labels={"deploymentconfig": "web-ui"})
    assert found == Workload("apps.openshift.io/v1", "DeploymentConfig", "web-ui", "deploymentconfig")


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("web-12", None),
        ("web-12", {"deploymentconfig": "other"}),
        ("web-12a", {"deploymentconfig": "web"}),
        ("web-", {"deploymentconfig": "web"}),
        ("web", {"deploymentconfig": "web"}),
        ("-1", {"deploymentconfig": ""}),
    ],
)
def test_another_replication_controller_is_the_workload(name: str, labels: dict[str, str] | None) -> None:
    found = workload(owner("ReplicationController", name, "v1"), labels=labels)
    assert found == Workload("v1", "ReplicationController", name, "controller")


@pytest.mark.parametrize(
    ("api_version", "kind", "name"),
    [
        ("apps/v1", "StatefulSet", "db-29776320"),
        ("apps/v1", "DaemonSet", "agent-7c9d8f6b5d"),
        ("batch.volcano.sh/v1alpha1", "Job", "train-29776320"),
        ("apps.kruise.io/v1beta1", "StatefulSet", "db-7c9d8f6b5d"),
        ("example.com/v1", "ReplicaSet", "web-7c9d8f6b5d"),
        ("example.com/v1", "ReplicationController", "web-1"),
        ("v1", "ReplicaSet", "web-7c9d8f6b5d"),
        ("example.com/v1", "Node", "größe-日本語"),
        ("apps/v1", "StatefulSet", "x" * 253),
    ],
)
def test_any_other_owner_is_the_workload_and_its_name_is_never_cut(api_version: str, kind: str, name: str) -> None:
    labels = HASH | {"deploymentconfig": "web", "rollouts-pod-template-hash": "7c9d8f6b5d"}
    assert workload(owner(kind, name, api_version), labels=labels) == Workload(api_version, kind, name, "controller")


@pytest.mark.parametrize(("api_version", "kind"), [("apps/v1beta2", "ReplicaSet"), ("batch/v1beta1", "Job")])
def test_the_version_of_the_group_does_not_matter(api_version: str, kind: str) -> None:
    name = {"ReplicaSet": "web-7c9d8f6b5d", "Job": "web-29776320"}[kind]
    assert workload(owner(kind, name, api_version), labels=HASH).name == "web"


def test_a_pod_without_a_controller_is_its_own_workload() -> None:
    assert workload() == POD
    # Its own name resembles that of a Deployment's pod, and an owner that is not the controller does not count.
    assert workload(owner("ReplicaSet", "web-7c9d8f6b5d", controller=False), labels=HASH) == POD


def test_a_mirror_pod_is_its_own_workload() -> None:
    assert workload(owner("Node", "node-1", "v1")) == POD


def test_of_two_owners_the_controller_counts() -> None:
    first = owner("Workflow", "nightly", "argoproj.io/v1alpha1", controller=False)
    found = workload(first, owner("ReplicaSet", "web-7c9d8f6b5d"), labels=HASH)
    assert found == Workload("apps/v1", "Deployment", "web", "pod-template-hash")
