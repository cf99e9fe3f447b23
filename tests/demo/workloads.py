"""The workloads of a small shop, and what happens to their pods."""

import itertools
import random
import string
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from uuid import NAMESPACE_DNS, uuid4, uuid5

from tests.apiserver import NotFound, PodStore, container_status, make_pod
from tests.demo.examples import UID
from tests.kubernetes import Pods

DATABASE = ("shop", "database")
WORKLOADS = [("shop", "web", 3), ("shop", "cart", 2), ("batch", "report", 1)]
NODES = ["node-1", "node-2", "node-3"]
REVISION = "7c9d8f6b5d"
"""The label ``pod-template-hash`` of the pods of Deployments."""


@dataclass(frozen=True)
class Event:
    """An event of a pod: ``verb`` is what happened, ``pod`` is ``namespace/name``."""

    verb: str
    pod: str
    uid: str


class Workloads:
    """Creates the pods and then changes them, one step at a time."""

    def __init__(self, pods: PodStore | Pods) -> None:
        self._pods = pods
        self._addresses = itertools.count()
        self._running: list[tuple[str, str, str]] = []

    def start(self) -> dict[str, Any]:
        """Create the first pods; return one that does not change."""
        for namespace, workload, replicas in WORKLOADS:
            for _ in range(replicas):
                self._running.append((namespace, workload, self._start(namespace, workload)))
        return self._pods.get(DATABASE[0], self._start(*DATABASE))

    def events(self) -> Iterator[Event]:
        """Replace one pod after the other, as in a rolling update, without end."""
        while True:
            with suppress(NotFound):  # somebody has deleted the pod with kubectl
                yield from self._replace(*self._running.pop(random.randrange(len(self._running))))

    def _replace(self, namespace: str, workload: str, old: str) -> Iterator[Event]:
        created = self._create(namespace, workload)
        name = created.pod.split("/")[1]
        self._running.append((namespace, workload, name))
        yield created
        yield self._run(namespace, name)
        if workload == "report":
            yield self._update("finished", namespace, old, lambda pod: pod["status"].update(phase="Succeeded"))
        uid = self._pods.get(namespace, old)["metadata"]["uid"]
        self._pods.delete(namespace, old)
        yield Event("deleted", f"{namespace}/{old}", uid)

    def _start(self, namespace: str, workload: str) -> str:
        """Create a pod that runs; return its name."""
        name = self._create(namespace, workload).pod.split("/")[1]
        self._run(namespace, name)
        return name

    def _create(self, namespace: str, workload: str) -> Event:
        suffix = "".join(random.choices(string.ascii_lowercase + string.digits, k=5))
        kind, owner = _owner(namespace, workload)
        name = f"{owner}-{suffix}"
        labels = {"app": workload} | ({"pod-template-hash": REVISION} if kind == "ReplicaSet" else {})
        content = make_pod(name, namespace, labels=labels)
        content["metadata"]["ownerReferences"] = [
            {
                "apiVersion": "batch/v1" if kind == "Job" else "apps/v1",
                "kind": kind,
                "name": owner,
                "uid": str(uuid5(NAMESPACE_DNS, f"{owner}.{namespace}")),
                "controller": True,
            }
        ]
        content["spec"]["containers"] = [
            {"name": container, "image": f"registry.example.com/{image}:1"}
            for container, image in (("main", workload), ("proxy", "proxy"))
        ]
        if kind == "StatefulSet":
            content["spec"]["containers"].pop()
        content["metadata"]["uid"] = next(uid for uid in iter(lambda: str(uuid4()), "") if uid > UID)
        pod = self._pods.create(content)
        return Event("created", f"{namespace}/{name}", pod["metadata"]["uid"])

    def _run(self, namespace: str, name: str) -> Event:
        def run(pod: dict[str, Any]) -> None:
            pod["spec"]["nodeName"] = random.choice(NODES)
            number = next(self._addresses)
            ip = f"10.244.{10 + number // 250 % 200}.{number % 250 + 1}"
            main, proxy, proxy_before = (f"containerd://{random.randbytes(32).hex()}" for _ in range(3))
            statuses = [container_status("main", main), container_status("proxy", proxy, last_id=proxy_before)]
            del statuses[len(pod["spec"]["containers"]) :]
            pod["status"].update(phase="Running", podIP=ip, podIPs=[{"ip": ip}], containerStatuses=statuses)

        return self._update("running", namespace, name, run)

    def _update(self, verb: str, namespace: str, name: str, change: Callable[[dict[str, Any]], None]) -> Event:
        pod = self._pods.update(namespace, name, change)
        return Event(verb, f"{namespace}/{name}", pod["metadata"]["uid"])


def _owner(namespace: str, workload: str) -> tuple[str, str]:
    """Return the kind and the name of the controller of a new pod."""
    if (namespace, workload) == DATABASE:
        return "StatefulSet", workload
    if workload == "report":
        # A CronJob appends its schedule in minutes.
        return "Job", f"{workload}-{int(time.time()) // 60}"
    return "ReplicaSet", f"{workload}-{REVISION}"
