"""A handful of workloads as a small shop would run them, and what happens to their pods."""

import dataclasses
import itertools
import random
import string
from collections.abc import Callable, Iterator
from typing import Any

from tests.apiserver import PodStore, container_status, make_pod
from tests.kubernetes import Pods

DATABASE = ("shop", "database")
WORKLOADS = [("shop", "web", 3), ("shop", "cart", 2), ("batch", "report", 1)]
NODES = ["node-1", "node-2", "node-3"]


@dataclasses.dataclass(frozen=True)
class Happening:
    """Something that happened to a pod: a verb, the pod's namespace/name and its UID."""

    verb: str
    pod: str
    uid: str


class Workloads:
    """Creates the pods and then changes them, one step at a time."""

    def __init__(self, pods: PodStore | Pods) -> None:
        self._pods = pods
        self._addresses = itertools.count(10)
        self._running: list[tuple[str, str, str]] = []

    def start(self) -> dict[str, Any]:
        """Create what runs at the beginning; return a pod that stays as it is, to look up."""
        for namespace, workload, replicas in WORKLOADS:
            for _ in range(replicas):
                self._running.append((namespace, workload, self._start(namespace, workload).pod.split("/")[1]))
        return self._pods.get(*self._start(*DATABASE).pod.split("/"))

    def happenings(self) -> Iterator[Happening]:
        """Let things happen without end: pods are replaced as in a rolling update, one after the other."""
        while True:
            namespace, workload, old = self._running.pop(random.randrange(len(self._running)))
            created = self._create(namespace, workload)
            yield created
            name = created.pod.split("/")[1]
            yield self._run(namespace, name)
            self._running.append((namespace, workload, name))
            if workload == "report":
                yield self._update("finished", namespace, old, lambda pod: pod["status"].update(phase="Succeeded"))
            uid = self._pods.get(namespace, old)["metadata"]["uid"]
            self._pods.delete(namespace, old)
            yield Happening("deleted", f"{namespace}/{old}", uid)

    def _start(self, namespace: str, workload: str) -> Happening:
        return self._run(namespace, self._create(namespace, workload).pod.split("/")[1])

    def _create(self, namespace: str, workload: str) -> Happening:
        suffix = "".join(random.choices(string.ascii_lowercase + string.digits, k=5))
        name = f"{workload}-{suffix}"
        pod = self._pods.create(make_pod(name, namespace, labels={"app": workload}))
        return Happening("created", f"{namespace}/{name}", pod["metadata"]["uid"])

    def _run(self, namespace: str, name: str) -> Happening:
        def run(pod: dict[str, Any]) -> None:
            pod["spec"]["nodeName"] = random.choice(NODES)
            ip = f"10.244.{random.randrange(3)}.{next(self._addresses)}"
            container = container_status("main", f"containerd://{random.randbytes(32).hex()}")
            pod["status"].update(phase="Running", podIP=ip, podIPs=[{"ip": ip}], containerStatuses=[container])

        return self._update("running", namespace, name, run)

    def _update(self, verb: str, namespace: str, name: str, change: Callable[[dict[str, Any]], None]) -> Happening:
        pod = self._pods.update(namespace, name, change)
        return Happening(verb, f"{namespace}/{name}", pod["metadata"]["uid"])
