"""``PYTHONPATH=operator python -m tests.benchmarks.keeping``: what KEEP_LABELS and KEEP_ANNOTATIONS save and cost.

It prints the bytes of a record, and the CPU time to encode it, for pods with the annotations of widespread programs.
"""

import json
import statistics
import time

from pod_index.informer.json_wire import decode_list
from pod_index.keeping import LAST_APPLIED, Keeping
from pod_index.pods import Pod, encode_record
from tests.apiserver import realistic_pod

PODS = 500
ROUNDS = 30

ADDED = {
    "example": {},
    "and Calico": {
        "cni.projectcalico.org/containerID": "9d3f7c0a5e1b2d4f6a8c0e2b4d6f8a1c3e5b7d9f0a2c4e6b8d0f1a3c5e7b9d2f",
        "cni.projectcalico.org/podIP": "10.244.1.5/32",
        "cni.projectcalico.org/podIPs": "10.244.1.5/32",
    },
    "and Multus": {
        "k8s.v1.cni.cncf.io/network-status": json.dumps(
            [
                {"name": "k8s-pod-network", "ips": ["10.244.1.5"], "default": True, "dns": {}},
                {
                    "name": "default/macvlan",
                    "interface": "net1",
                    "ips": ["192.168.100.12"],
                    "mac": "7a:4e:6f:1d:2c:3b",
                    "dns": {},
                },
            ],
            indent=4,
        ),
        "k8s.v1.cni.cncf.io/networks": "macvlan",
    },
    "and an injected Istio proxy": {
        "istio.io/rev": "default",
        "kubectl.kubernetes.io/default-container": "main",
        "kubectl.kubernetes.io/default-logs-container": "main",
        "sidecar.istio.io/status": json.dumps(
            {
                "initContainers": ["istio-init"],
                "containers": ["istio-proxy"],
                "volumes": [
                    *("workload-socket", "credential-socket", "workload-certs", "istio-envoy", "istio-data"),
                    *("istio-podinfo", "istio-token", "istiod-ca-cert"),
                ],
                "imagePullSecrets": None,
                "revision": "default",
            }
        ),
    },
    "and a bare pod's manifest": {LAST_APPLIED: json.dumps(realistic_pod(0)["spec"])},
}
"""Annotations, each added to those before."""

KEPT = {
    "the default": Keeping.of(),
    f"{LAST_APPLIED} too": Keeping.of("", f"*,{LAST_APPLIED}"),
    "KEEP_ANNOTATIONS=prometheus.io/*": Keeping.of("", "prometheus.io/*"),
    "KEEP_ANNOTATIONS=!*istio.io/*,!*cni*/*,!checksum/*": Keeping.of("", "!*istio.io/*,!*cni*/*,!checksum/*"),
    "KEEP_ANNOTATIONS=none": Keeping.of("", "none"),
    "both none": Keeping.of("none", "none"),
}


def pods(annotations: dict[str, str]) -> list[Pod]:
    """Return pods as the informer decodes them."""
    items = [realistic_pod(number) for number in range(PODS)]
    for pod in items:
        pod["metadata"]["resourceVersion"] = "1"
        pod["metadata"]["annotations"] |= annotations
    return decode_list(json.dumps({"metadata": {"resourceVersion": "1"}, "items": items}).encode()).items or []


def microseconds(pods: list[Pod], keeping: Keeping) -> float:
    """Return the CPU time to encode a record."""
    begin = time.process_time()
    for pod in pods:
        encode_record(pod, keeping)
    return (time.process_time() - begin) / len(pods) * 1e6


def main() -> None:
    """Print a line for each pair."""
    annotations: dict[str, str] = {}
    for name, added in ADDED.items():
        annotations |= added
        subjects = pods(annotations)
        times: dict[str, list[float]] = {kept: [] for kept in KEPT}
        for _ in range(ROUNDS):  # in turns
            for kept, keeping in KEPT.items():
                times[kept].append(microseconds(subjects, keeping))
        for kept, keeping in KEPT.items():
            size = statistics.mean(len(encode_record(pod, keeping)) for pod in subjects)
            print(f"{name:28} {kept:58} {size:6.0f} bytes {statistics.median(times[kept]):5.2f} µs")


if __name__ == "__main__":
    main()
