"""Tables: the form in which kubectl requests objects to print (``Accept: application/json;as=Table``)."""

from collections.abc import Iterable
from datetime import UTC, datetime

import msgspec

from tests.apiserver.statuses import JSON
from tests.apiserver.stored import StoredPod

_COLUMNS = [
    {"name": name, "type": kind, "format": "name" if name == "Name" else "", "description": "", "priority": 0}
    for name, kind in (
        ("Name", "string"),
        ("Ready", "string"),
        ("Status", "string"),
        ("Restarts", "integer"),
        ("Age", "string"),
    )
]


def wants_table(accept: str) -> bool:
    """Whether the first choice of an ``Accept`` header is a ``Table``."""
    return "as=Table" in accept.partition(",")[0].replace(" ", "")


def table(pods: Iterable[JSON], metadata: JSON | None = None) -> JSON:
    """A v1 ``Table`` with one row for each pod, and with the metadata of the list."""
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": metadata or {},
        "columnDefinitions": _COLUMNS,
        "rows": [_row(pod) for pod in pods],
    }


def render_table(pod: StoredPod) -> bytes:
    """The encoded ``Table`` of one pod: the object of a watch event."""
    return msgspec.json.encode(table([pod.decode()]))


def _row(pod: JSON) -> JSON:
    metadata, status = pod["metadata"], pod.get("status") or {}
    containers = status.get("containerStatuses") or []
    total = len((pod.get("spec") or {}).get("containers") or [])
    ready = sum(bool(container.get("ready")) for container in containers)
    restarts = sum(int(container.get("restartCount", 0)) for container in containers)
    phase = "Terminating" if metadata.get("deletionTimestamp") else status.get("phase") or ""
    partial = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": metadata}
    return {
        "cells": [
            metadata["name"],
            f"{ready}/{total}",
            phase,
            restarts,
            _age(metadata["creationTimestamp"]),
        ],
        "object": partial,
    }


def _age(created: str) -> str:
    seconds = int((datetime.now(UTC) - datetime.fromisoformat(created)).total_seconds())
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size}{unit}"
    return f"{max(seconds, 0)}s"
