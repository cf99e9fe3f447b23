"""A pod as the store keeps it: its JSON, encoded once, and the few fields that selectors look at."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast

import msgspec

from tests.apiserver.statuses import JSON

_TYPED = b'{"kind":"Pod","apiVersion":"v1",'


class StoredPod:
    """One version of one pod.

    `encoded` is the object without kind and apiVersion, as the real server writes the items of a list;
    `typed()` is the form that single objects and watch events have.
    """

    __slots__ = ("encoded", "fields", "key", "labels", "name", "namespace", "uid", "version")

    def __init__(self, pod: JSON, version: int) -> None:
        """Encode the pod with this resourceVersion, which is also set in the passed object's metadata."""
        metadata: dict[str, Any] = pod["metadata"]
        metadata["resourceVersion"] = str(version)
        self.version = version
        self.namespace: str = metadata["namespace"]
        self.name: str = metadata["name"]
        self.uid: str = metadata["uid"]
        self.key = f"{self.namespace}/{self.name}"
        self.labels: dict[str, str] = dict(metadata.get("labels") or {})
        self.fields = {
            "metadata.name": self.name,
            "metadata.namespace": self.namespace,
            "spec.nodeName": (pod.get("spec") or {}).get("nodeName") or "",
            "status.phase": (pod.get("status") or {}).get("phase") or "",
        }
        # metadata comes first, as on the real server: typed() relies on "{" being followed by a field
        content = {"metadata": metadata} | {
            key: value for key, value in pod.items() if key not in ("kind", "apiVersion", "metadata")
        }
        self.encoded = msgspec.json.encode(content)

    def typed(self) -> bytes:
        """The encoded object with its kind and apiVersion."""
        return _TYPED + self.encoded[1:]

    def decode(self) -> JSON:
        """A fresh copy of the object, kind and apiVersion included."""
        return cast(JSON, msgspec.json.decode(self.typed()))

    def at(self, version: int) -> StoredPod:
        """The same content under another resourceVersion."""
        return StoredPod(self.decode(), version)


def now() -> str:
    """The time as the API writes it: RFC 3339 in UTC, whole seconds."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
