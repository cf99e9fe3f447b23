"""Deletion of pods as clients see it: grace, finalizers, and the kubelet that ends a running pod.

https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from tests.apiserver.statuses import JSON, Conflict, NotFound
from tests.apiserver.store import PodStore

_DEFAULT_GRACE = 30


class _Terminating(NamedTuple):
    namespace: str
    name: str
    uid: str


class Deletion:
    """Deletes pods in the store. To be called in the event loop."""

    def __init__(self, store: PodStore, termination_seconds: float) -> None:
        """A running pod takes `termination_seconds` to end, whatever its grace period."""
        self._store = store
        self._termination_seconds = termination_seconds
        self._terminating: set[_Terminating] = set()

    def resume(self) -> None:
        """Go on with the deletions that were under way when an earlier event loop ended."""
        for pod in self._terminating:
            self._end_later(pod)

    def delete(self, namespace: str, name: str, options: Mapping[str, Any]) -> JSON:
        """Delete as the DeleteOptions say; returns the pod. Raises NotFound and Conflict."""
        stored = self._store.stored(namespace, name)
        for field, current in (("uid", stored.uid), ("resourceVersion", str(stored.version))):
            wanted = (options.get("preconditions") or {}).get(field)
            if wanted and wanted != current:
                label = "UID" if field == "uid" else "ResourceVersion"
                raise Conflict(
                    name,
                    f"Precondition failed: {label} in precondition: {wanted}, {label} in object meta: {current}",
                )
        grace = options.get("gracePeriodSeconds")
        pod = _Terminating(namespace, name, stored.uid)
        running = stored.fields["spec.nodeName"] and stored.fields["status.phase"] not in (
            "Succeeded",
            "Failed",
        )
        if grace == 0 or not running:
            return self._remove(pod)
        if stored.decode()["metadata"].get("deletionTimestamp"):
            return stored.decode()
        marked = self._mark(pod, grace)
        self._terminating.add(pod)
        self._end_later(pod)
        return marked

    def finish(self, pod: JSON) -> None:
        """Remove a pod that was only waiting for its finalizers, if the last one is gone."""
        metadata = pod["metadata"]
        if (
            metadata.get("deletionTimestamp")
            and metadata.get("deletionGracePeriodSeconds") == 0
            and not metadata.get("finalizers")
        ):
            self._store.delete(metadata["namespace"], metadata["name"], uid=metadata["uid"])

    def _end_later(self, pod: _Terminating) -> None:
        asyncio.get_running_loop().call_later(self._termination_seconds, self._end, pod)

    def _end(self, pod: _Terminating) -> None:
        self._terminating.discard(pod)
        # it may be gone by now, by force or with its whole world
        with suppress(NotFound):
            self._remove(pod)

    def _remove(self, pod: _Terminating) -> JSON:
        current = self._store.get(pod.namespace, pod.name)
        if current["metadata"]["uid"] == pod.uid and current["metadata"].get("finalizers"):
            return self._mark(pod, 0)
        return self._store.delete(pod.namespace, pod.name, uid=pod.uid)

    def _mark(self, pod: _Terminating, grace: int | None) -> JSON:
        def mark(current: JSON) -> None:
            if grace is None:
                spec = current.get("spec") or {}
                seconds = int(spec.get("terminationGracePeriodSeconds") or _DEFAULT_GRACE)
            else:
                seconds = grace
            end = datetime.now(UTC) + timedelta(seconds=seconds)
            metadata = current["metadata"]
            metadata.setdefault("deletionTimestamp", end.strftime("%Y-%m-%dT%H:%M:%SZ"))
            metadata["deletionGracePeriodSeconds"] = seconds

        return self._store.update(pod.namespace, pod.name, mark)
