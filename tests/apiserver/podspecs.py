"""Pods for the API server: minimal ones, and ones as large as in real clusters."""

import hashlib
from collections.abc import Mapping
from uuid import UUID

from tests.apiserver.statuses import JSON

_CREATED = "2025-06-01T08:00:00Z"
_REGISTRY = "registry.example.com/platform"
_NODES = 100


def make_pod(
    name: str,
    namespace: str = "default",
    *,
    node: str = "",
    ip: str = "",
    phase: str = "Pending",
    labels: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
    container_id: str = "",
) -> JSON:
    """A minimal pod with one container; empty fields are omitted, as by the real server."""
    metadata: JSON = {"name": name, "namespace": namespace}
    if labels:
        metadata["labels"] = dict(labels)
    if annotations:
        metadata["annotations"] = dict(annotations)
    spec: JSON = {"containers": [{"name": "main", "image": "registry.example.com/app:1"}]}
    if node:
        spec["nodeName"] = node
    status: JSON = {"phase": phase}
    if ip:
        status |= {"podIP": ip, "podIPs": [{"ip": ip}]}
    if container_id:
        status["containerStatuses"] = [container_status("main", container_id)]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec, "status": status}


def container_status(name: str, container_id: str, *, last_id: str = "") -> JSON:
    """The status of a running container; ``last_id`` is its ID before a restart."""
    ended = {"exitCode": 1, "startedAt": _CREATED, "finishedAt": _CREATED, "containerID": last_id}
    return {
        "name": name,
        "state": {"running": {"startedAt": _CREATED}},
        "lastState": {"terminated": ended} if last_id else {},
        "ready": True,
        "restartCount": 1 if last_id else 0,
        "image": "registry.example.com/app:1",
        "imageID": "",
        "containerID": container_id,
    }


def realistic_pod(index: int, workloads: int = 200) -> JSON:
    """A running pod with a sidecar, 9 to 12 KB of JSON; the same one for the same arguments.

    Its ReplicaSet is one of so many ``workloads``, whose pods have the same containers and images.
    """
    uid = str(UUID(int=0x5E11_0000_0000_0000_0000_0000_0000_0000 + index, version=4))
    workload = index % workloads
    app, revision = f"app-{workload}", f"{0x5D000000 + workload:x}"
    name, namespace = f"{app}-{revision}-{index:05x}", f"team-{index % 40}"
    ip = f"10.{64 + index // 65536 % 64}.{index // 256 % 256}.{index % 256}"
    node, host_ip = f"node-{index % _NODES}.example.internal", f"192.168.1.{index % _NODES + 1}"
    containers = ["main", "proxy"] + (["metrics"] if workload % 3 == 0 else [])
    labels = {
        "app.kubernetes.io/name": app,
        "app.kubernetes.io/instance": f"{app}-production",
        "app.kubernetes.io/managed-by": "Helm",
        "app.kubernetes.io/version": f"2.{workload % 17}.{workload % 7}",
        "pod-template-hash": revision,
        "team": namespace,
    }
    metadata = {
        "name": name,
        "generateName": f"{app}-{revision}-",
        "namespace": namespace,
        "uid": uid,
        "creationTimestamp": _CREATED,
        "labels": labels,
        "annotations": {
            "checksum/config": _digest(f"config {app}"),
            "kubectl.kubernetes.io/restartedAt": _CREATED,
            "prometheus.io/port": "9102",
            "prometheus.io/scrape": "true",
            "sidecar.istio.io/status": '{"initContainers":["init"],"containers":["proxy"],"volumes":["cache"]}',
        },
        "ownerReferences": [
            {
                "apiVersion": "apps/v1",
                "kind": "ReplicaSet",
                "name": f"{app}-{revision}",
                "uid": str(UUID(int=workload, version=4)),
                "controller": True,
                "blockOwnerDeletion": True,
            }
        ],
        "managedFields": [
            _managed("kube-controller-manager", "", labels, containers),
            _managed("kubelet", "status", labels, containers),
        ],
    }
    spec = {
        "volumes": _volumes(index),
        "initContainers": [_container("init", index, workload)],
        "containers": [_container(container, index, workload) for container in containers],
        "restartPolicy": "Always",
        "terminationGracePeriodSeconds": 30,
        "dnsPolicy": "ClusterFirst",
        "serviceAccountName": app,
        "serviceAccount": app,
        "nodeName": node,
        "securityContext": {"runAsNonRoot": True, "fsGroup": 65534, "seccompProfile": {"type": "RuntimeDefault"}},
        "schedulerName": "default-scheduler",
        "tolerations": [
            {
                "key": f"node.kubernetes.io/{condition}",
                "operator": "Exists",
                "effect": "NoExecute",
                "tolerationSeconds": 300,
            }
            for condition in ("not-ready", "unreachable")
        ],
        "priority": 0,
        "enableServiceLinks": True,
        "preemptionPolicy": "PreemptLowerPriority",
    }
    status = {
        "phase": "Running",
        "conditions": [
            {"type": condition, "status": "True", "lastProbeTime": None, "lastTransitionTime": _CREATED}
            for condition in (
                "PodReadyToStartContainers",
                "Initialized",
                "Ready",
                "ContainersReady",
                "PodScheduled",
            )
        ],
        "hostIP": host_ip,
        "hostIPs": [{"ip": host_ip}],
        "podIP": ip,
        "podIPs": [{"ip": ip}, {"ip": f"fd00:10:64::{index:x}"}],
        "startTime": _CREATED,
        "initContainerStatuses": [_container_status("init", index, workload)],
        "containerStatuses": [_container_status(container, index, workload) for container in containers],
        "qosClass": "Burstable",
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec, "status": status}


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _container(name: str, index: int, workload: int) -> JSON:
    def probe(path: str) -> JSON:
        return {
            "httpGet": {"path": path, "port": "http", "scheme": "HTTP"},
            "initialDelaySeconds": 5,
            "timeoutSeconds": 1,
            "periodSeconds": 10,
            "successThreshold": 1,
            "failureThreshold": 3,
        }

    env: list[JSON] = [
        {"name": f"SERVICE_{number}_URL", "value": f"http://service-{number}.team-{index % 40}.svc:8080/v1"}
        for number in range(2)
    ]
    env += [
        {
            "name": f"POD_{field.rpartition('.')[2].upper()}",
            "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": field}},
        }
        for field in ("metadata.name", "metadata.namespace", "status.podIP")
    ]
    # Kubernetes does not allow probes of ordinary init containers.
    probes = {} if name == "init" else {"livenessProbe": probe("/livez"), "readinessProbe": probe("/readyz")}
    return {
        "name": name,
        "image": f"{_REGISTRY}/{name}:2.{workload % 17}.{workload % 7}",
        "args": ["--log-format=json", "--listen=:8080", f"--shard={index % 16}"],
        "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}],
        "env": env,
        "resources": {
            "limits": {"cpu": "1", "memory": "512Mi"},
            "requests": {"cpu": "100m", "memory": "256Mi"},
        },
        "volumeMounts": [
            {"name": "config", "readOnly": True, "mountPath": "/etc/app"},
            {"name": "cache", "mountPath": "/var/cache/app"},
            {
                "name": f"kube-api-access-{index:05x}",
                "readOnly": True,
                "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount",
            },
        ],
        **probes,
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
        "imagePullPolicy": "IfNotPresent",
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }


def _container_status(name: str, index: int, workload: int) -> JSON:
    state: JSON = {"running": {"startedAt": _CREATED}}
    if name == "init":
        ended = {"exitCode": 0, "reason": "Completed", "startedAt": _CREATED, "finishedAt": _CREATED}
        state = {"terminated": ended | {"containerID": f"containerd://{_digest(f'{name} {index}')}"}}
    return {
        "name": name,
        "state": state,
        "lastState": {},
        "ready": True,
        "restartCount": 0,
        "image": f"{_REGISTRY}/{name}:2.{workload % 17}.{workload % 7}",
        "imageID": f"{_REGISTRY}/{name}@sha256:{_digest(f'image {name} {workload % 17} {workload % 7}')}",
        "containerID": f"containerd://{_digest(f'{name} {index}')}",
        "started": name != "init",
    }


def _volumes(index: int) -> list[JSON]:
    token = {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}}
    authority = {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}}
    return [
        {"name": "config", "configMap": {"name": f"app-{index % 200}", "defaultMode": 420}},
        {"name": "cache", "emptyDir": {}},
        {
            "name": f"kube-api-access-{index:05x}",
            "projected": {"sources": [token, authority], "defaultMode": 420},
        },
    ]


def _managed(manager: str, subresource: str, labels: JSON, containers: list[str]) -> JSON:
    if subresource:
        fields: JSON = {
            "f:status": {
                "f:conditions": {
                    f'k:{{"type":"{condition}"}}': {".": {}, "f:status": {}, "f:lastTransitionTime": {}}
                    for condition in ("ContainersReady", "Initialized", "Ready")
                },
                "f:containerStatuses": {},
                "f:hostIP": {},
                "f:phase": {},
                "f:podIP": {},
                "f:podIPs": {".": {}},
                "f:startTime": {},
            }
        }
    else:
        own: JSON = {
            ".": {},
            "f:env": {".": {}},
            "f:image": {},
            "f:livenessProbe": {},
            "f:ports": {},
            "f:resources": {},
        }
        fields = {
            "f:metadata": {"f:generateName": {}, "f:labels": {".": {}, **{f"f:{key}": {} for key in labels}}},
            "f:spec": {"f:containers": {f'k:{{"name":"{name}"}}': own for name in containers}},
        }
    entry = {
        "manager": manager,
        "operation": "Update",
        "apiVersion": "v1",
        "time": _CREATED,
        "fieldsType": "FieldsV1",
        "fieldsV1": fields,
    }
    return entry | ({"subresource": subresource} if subresource else {})
