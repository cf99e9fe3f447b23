"""Pods as kubectl knows them, to compare lookups with."""

import json
import urllib.parse
from collections.abc import Mapping
from typing import Any

from tests.commands.programs import CommandFailed, Programs

COMPARED = ("uid", "name", "namespace", "nodeName", "podIP")
"""The fields of an answer that are compared: those that do not change while a pod runs."""

Expected = Mapping[str, Any]


class RunningPods:
    """Asks the API server of the current context, with limits: clusters are large."""

    def __init__(self, programs: Programs) -> None:
        self._programs = programs

    def some(self, namespace: str, limit: int) -> list[Expected]:
        """Up to ``limit`` running pods, of all namespaces if it is ""; raise CommandFailed if kubectl cannot tell."""
        where = f"/api/v1/namespaces/{urllib.parse.quote(namespace)}/pods" if namespace else "/api/v1/pods"
        query = urllib.parse.urlencode({"fieldSelector": "status.phase=Running", "limit": limit})
        pods = self._get(f"{where}?{query}")["items"]
        return [_expected(pod) for pod in pods if "deletionTimestamp" not in pod["metadata"]]

    def again(self, pod: Mapping[str, Any]) -> Expected | None:
        """The pod as it is now; None if there is none, or another one of the same name.

        Raises CommandFailed if kubectl cannot tell.
        """
        namespace, name = urllib.parse.quote(pod["namespace"]), urllib.parse.quote(pod["name"])
        try:
            found = _expected(self._get(f"/api/v1/namespaces/{namespace}/pods/{name}"))
        except CommandFailed as failure:
            if "NotFound" in str(failure):
                return None
            raise
        return found if found["uid"] == pod["uid"] else None

    def _get(self, path: str) -> Any:
        if not self._programs.has("kubectl"):
            raise CommandFailed("kubectl is not installed")
        return json.loads(self._programs.ask("kubectl", "get", "--raw", path))


def _expected(pod: Any) -> Expected:
    metadata, spec, status = pod["metadata"], pod.get("spec", {}), pod.get("status", {})
    return {
        "uid": metadata["uid"],
        "name": metadata["name"],
        "namespace": metadata["namespace"],
        "nodeName": spec.get("nodeName", ""),
        "podIP": status.get("podIP", ""),
    }
