"""Pods with the owners that controllers give them, and their workloads by the table in the documentation."""

import dataclasses
import time
from collections.abc import Iterator
from typing import Any

from tests.apiserver import make_pod

HASH = "7c9d8f6b5d"
LONGEST = "n" * 253


@dataclasses.dataclass(frozen=True)
class Case:
    """A pod and its workload: the apiVersion, the kind, the name and the source."""

    pod: dict[str, Any]
    workload: tuple[str, str, str, str]

    @property
    def owners(self) -> list[dict[str, Any]]:
        """The owner references."""
        found: list[dict[str, Any]] = self.pod["metadata"].get("ownerReferences", [])
        return found

    @property
    def key(self) -> str:
        """The workload as the parameter ``workload`` takes it."""
        api_version, kind, name, _ = self.workload
        return f"{kind}.{api_version.rpartition('/')[0]}/{name}"


def owner(api_version: str, kind: str, name: str, *, controller: bool = True) -> dict[str, Any]:
    """An owner reference."""
    reference = {"apiVersion": api_version, "kind": kind, "name": name, "uid": "0d9c5f7e-7a62-4d5c-9f6e-3a1f0c2b4d6e"}
    return reference | ({"controller": True} if controller else {})


def cases(namespace: str = "workloads") -> Iterator[Case]:
    """A pod for each row of the table."""

    def case(
        name: str, workload: tuple[str, str, str, str], *owners: dict[str, Any], labels: dict[str, str] | None = None
    ) -> Case:
        pod = make_pod(name, namespace, labels=labels)
        if owners:
            pod["metadata"]["ownerReferences"] = list(owners)
        return Case(pod, workload)

    scheduled = int(time.time()) // 60
    template, rollout = {"pod-template-hash": HASH}, {"rollouts-pod-template-hash": HASH}
    deployment = ("apps/v1", "Deployment", "api", "pod-template-hash")
    yield case("deployment", deployment, owner("apps/v1", "ReplicaSet", f"api-{HASH}"), labels=template)
    yield case(
        "rollout",
        ("argoproj.io/v1alpha1", "Rollout", "shop", "pod-template-hash"),
        owner("apps/v1", "ReplicaSet", f"shop-{HASH}"),
        labels=rollout,
    )
    yield case(
        "replica-set",
        ("apps/v1", "ReplicaSet", f"web-{HASH}", "controller"),
        owner("apps/v1", "ReplicaSet", f"web-{HASH}"),
    )
    truncated = f"{'n' * (252 - len(HASH))}-{HASH}"
    yield case(
        "longest-replica-set",
        ("apps/v1", "ReplicaSet", truncated, "controller"),
        owner("apps/v1", "ReplicaSet", truncated),
        labels=template,
    )
    yield case(
        "cron-job",
        ("batch/v1", "CronJob", "auth-cronjob", "job-name"),
        owner("batch/v1", "Job", f"auth-cronjob-{scheduled:08}"),
    )
    yield case("job", ("batch/v1", "Job", "report-20260512", "controller"), owner("batch/v1", "Job", "report-20260512"))
    yield case(
        "volcano",
        ("batch.volcano.sh/v1alpha1", "Job", f"train-{scheduled:08}", "controller"),
        owner("batch.volcano.sh/v1alpha1", "Job", f"train-{scheduled:08}"),
    )
    yield case(
        "deployment-config",
        ("apps.openshift.io/v1", "DeploymentConfig", "router", "deploymentconfig"),
        owner("v1", "ReplicationController", "router-2"),
        labels={"deploymentconfig": "router"},
    )
    yield case(
        "replication-controller",
        ("v1", "ReplicationController", "old-2", "controller"),
        owner("v1", "ReplicationController", "old-2"),
    )
    for kind in ("StatefulSet", "DaemonSet"):
        name = f"{kind.lower()}-{HASH}"
        yield case(kind.lower(), ("apps/v1", kind, name, "controller"), owner("apps/v1", kind, name), labels=template)
    yield case(
        "second-owner",
        ("apps/v1", "StatefulSet", "db", "controller"),
        owner("apps/v1", "ReplicaSet", f"api-{HASH}", controller=False),
        owner("apps/v1", "StatefulSet", "db"),
        labels=template,
    )
    yield case(
        "custom",
        ("größe.example.com/v1", "Größe", LONGEST, "controller"),
        owner("größe.example.com/v1", "Größe", LONGEST),
    )
    yield case("bare", ("v1", "Pod", "bare", "pod"))
    yield case("mirror", ("v1", "Pod", "mirror", "pod"), owner("v1", "Node", "node-1"))
    yield case(LONGEST, ("v1", "Pod", LONGEST, "pod"))
