"""The workload that a pod belongs to, inferred from the pod alone: from its controller and its labels.

Most controllers of pods are made by another controller: a ReplicaSet by a Deployment, a Job by a CronJob. The names
that these controllers give tell which one. Nothing is inferred from the pod's own name: the API server truncates the
prefix of generated names.
"""

import datetime

from msgspec import Struct

from pod_index.pods import OwnerReference, PodMetadata

_LONGEST_NAME = 253
"""A longer name of a ReplicaSet is truncated, so the end of the Deployment's name may be missing:
https://github.com/kubernetes/kubernetes/pull/132560"""

_CRON_JOB_SUFFIX = 8
"""A CronJob appends its schedule, in minutes since the epoch, to the names of its Jobs. It has 8 digits until 2160:
https://github.com/kubernetes/kubernetes/blob/v1.34.0/pkg/controller/cronjob/utils.go (getJobName)"""

_MINUTES_BEFORE_CREATION = 7 * 24 * 60
_MINUTES_AFTER_CREATION = 60


class Workload(Struct, rename="camel", gc=False, frozen=True):
    """A workload; its fields are in the order of the API's contract."""

    api_version: str
    kind: str
    name: str
    source: str
    """How it was found: from ``pod-template-hash``, ``job-name``, ``deploymentconfig``, ``controller`` or ``pod``."""


def controller_of(metadata: PodMetadata) -> OwnerReference | None:
    """Return the reference to the controller of a pod, which need not be the first reference; None without one."""
    for owner in metadata.owner_references or ():
        if owner.controller:
            return owner
    return None


def workload_of(metadata: PodMetadata, controller: OwnerReference | None) -> Workload:
    """Return the workload of a pod with this controller. The versions of API groups do not matter."""
    if controller is None:
        return _pod(metadata)
    inferred = None
    match controller.api_version.rpartition("/")[0], controller.kind:
        case "apps", "ReplicaSet":
            inferred = _from_replica_set(metadata, controller.name)
        case "batch", "Job":
            inferred = _from_job(metadata, controller.name)
        case "", "ReplicationController":
            inferred = _from_replication_controller(metadata, controller.name)
        case "", "Node":
            return _pod(metadata)  # The mirror pod of a static pod.
    return inferred or Workload(controller.api_version, controller.kind, controller.name, "controller")


def _pod(metadata: PodMetadata) -> Workload:
    return Workload("v1", "Pod", metadata.name, "pod")


def _from_replica_set(metadata: PodMetadata, name: str) -> Workload | None:
    if len(name) >= _LONGEST_NAME or not metadata.labels:
        return None
    # https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#pod-template-hash-label
    for label, api_version, kind in (
        ("pod-template-hash", "apps/v1", "Deployment"),
        ("rollouts-pod-template-hash", "argoproj.io/v1alpha1", "Rollout"),
    ):
        template_hash = metadata.labels.get(label)
        if template_hash and (prefix := name.removesuffix(f"-{template_hash}")) != name and prefix:
            return Workload(api_version, kind, prefix, "pod-template-hash")
    return None


def _from_job(metadata: PodMetadata, name: str) -> Workload | None:
    cron_job, _, digits = name.rpartition("-")
    created = _minutes(metadata.creation_timestamp)
    if not cron_job or len(digits) != _CRON_JOB_SUFFIX or not _is_number(digits) or created is None:
        return None
    # A date is no such number: 20260512 would be in 2008.
    if -_MINUTES_BEFORE_CREATION <= int(digits) - created <= _MINUTES_AFTER_CREATION:
        return Workload("batch/v1", "CronJob", cron_job, "job-name")
    return None


def _from_replication_controller(metadata: PodMetadata, name: str) -> Workload | None:
    config, _, number = name.rpartition("-")
    if config and _is_number(number) and (metadata.labels or {}).get("deploymentconfig") == config:
        return Workload("apps.openshift.io/v1", "DeploymentConfig", config, "deploymentconfig")
    return None


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _minutes(timestamp: str | None) -> float | None:
    """Return the minutes since the epoch; None if the timestamp is unset or invalid."""
    try:
        return datetime.datetime.fromisoformat(timestamp or "").timestamp() / 60
    except (ValueError, OverflowError):
        return None
