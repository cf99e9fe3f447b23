"""A pod in its stored form: its JSON, encoded once, and the fields that selectors use."""

from typing import Any, Self, cast

import msgspec

from tests.apiserver import protobuf
from tests.apiserver.statuses import JSON

_MAPS = ("labels", "annotations")
# k8s.io/kubernetes/pkg/registry/core/pod/strategy.go, ToSelectableFields
_SPEC_FIELDS = ("nodeName", "restartPolicy", "schedulerName", "serviceAccountName")
_STATUS_FIELDS = ("phase", "podIP", "nominatedNodeName")
_TYPED = b'{"kind":"Pod","apiVersion":"v1",'


class StoredPod:
    """One version of one pod.

    ``encoded`` is the object without ``kind`` and ``apiVersion``, the form of the items of a list; ``typed()`` is the
    form of single objects and of watch events.
    """

    __slots__ = ("_protobuf", "encoded", "fields", "key", "labels", "name", "namespace", "uid", "version")

    def __init__(self, pod: JSON, version: int) -> None:
        """Encode the pod with this resourceVersion, which is set in the metadata of ``pod`` too."""
        metadata: dict[str, Any] = pod["metadata"]
        metadata["resourceVersion"] = str(version)
        # Go writes the keys of a map in their order.
        metadata |= {part: dict(sorted(metadata[part].items())) for part in _MAPS if metadata.get(part)}
        self.version = version
        self.namespace: str = metadata["namespace"]
        self.name: str = metadata["name"]
        self.uid: str = metadata["uid"]
        self.key = f"{self.namespace}/{self.name}"
        self.labels: dict[str, str] = dict(metadata.get("labels") or {})
        spec, status = pod.get("spec") or {}, pod.get("status") or {}
        self.fields = {
            "metadata.name": self.name,
            "metadata.namespace": self.namespace,
            "spec.hostNetwork": str(bool(spec.get("hostNetwork"))).lower(),
            **{f"spec.{field}": spec.get(field) or "" for field in _SPEC_FIELDS},
            **{f"status.{field}": status.get(field) or "" for field in _STATUS_FIELDS},
        }
        # ``typed()`` relies on a field after the "{": the metadata, which the real server writes first too.
        content = {"metadata": metadata} | {
            key: value for key, value in pod.items() if key not in ("kind", "apiVersion", "metadata")
        }
        self.encoded = msgspec.json.encode(content)
        self._protobuf: bytes | None = None

    def typed(self) -> bytes:
        """The encoded object with its ``kind`` and ``apiVersion``."""
        return _TYPED + self.encoded[1:]

    def protobuf(self) -> bytes:
        """The object as a protobuf message, encoded when it is first needed."""
        if self._protobuf is None:
            self._protobuf = protobuf.encode_message("Pod", self.decode())
        return self._protobuf

    def decode(self) -> JSON:
        """A copy of the object, with its ``kind`` and ``apiVersion``."""
        return cast(JSON, msgspec.json.decode(self.typed()))

    def at(self, version: int) -> Self:
        """The same content with another resourceVersion."""
        return type(self)(self.decode(), version)
