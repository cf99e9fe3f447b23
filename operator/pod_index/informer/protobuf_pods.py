"""Pod messages, converted to pods.

The API server's JSON omits strings, lists and times that are empty, so None stands for them. An unset Time is an empty
message, but the epoch is not; JSON omits fractions of a second: k8s.io/apimachinery/pkg/apis/meta/v1/time_proto.go

The details are packed from the messages: containers and statuses as Structs would take half of the time of a listing.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, TypeAlias

from google.protobuf.message import DecodeError

from pod_index.informer.protobuf_messages import (
    CONTAINER_STATE,
    GO,
    OWNER_REFERENCE,
    POD_SPEC,
    SHARED_BYTES,
    UTF8,
    entries_of,
    version_of,
)
from pod_index.pods import OwnerReference, PackedDetails, PackedPod, PodIP, PodMetadata, PodSpec, PodStatus
from pod_index.store.details import SHARED_PART_BYTES, ownership_of, pack_id, pack_terminated
from pod_index.store.packed_parts import PackedTuple, encode
from pod_index.store.times import FIRST_SECOND, LAST_SECOND, rfc3339

_Statuses: TypeAlias = tuple[tuple[bytes, bytes, str | None], ...]
"""The names, the image IDs and the prefixes of the container IDs."""


def pod_of(pod: Any) -> PackedPod:
    """Convert a Pod message; raise DecodeError if it lacks what the JSON decoder requires."""
    metadata, spec, status = pod.metadata, pod.spec, pod.status
    uid, name = metadata.uid, metadata.name
    if not uid or not name:
        raise DecodeError("a pod without a UID or a name")
    pod_metadata = PodMetadata(
        uid.decode(UTF8, GO),
        name.decode(UTF8, GO),
        version_of(metadata.resource_version),
        metadata.namespace.decode(UTF8, GO),
        _time_of(metadata.creation_timestamp),
        entries_of(metadata.labels),
        entries_of(metadata.annotations),
        _time_of(metadata.deletion_timestamp) if metadata.HasField("deletion_timestamp") else None,
        [
            _shared_owner(owner) if len(owner) <= SHARED_BYTES else _owner_of(owner)
            for owner in metadata.owner_references
        ]
        or None,
    )
    node_name, host_network = spec.node_name, spec.host_network
    start_time = _time_of(status.start_time)
    pod_ips = [ip.ip.decode(UTF8, GO) for ip in status.pod_ips]
    own: list[PackedTuple] = []
    container_ids: list[bytes | str] = []
    own_ownership, shared_ownership = ownership_of(pod_metadata)
    # What remains of the spec is the same for all pods with the same template.
    spec.ClearField("node_name")
    spec.DiscardUnknownFields()
    template = (
        spec.SerializeToString(),
        status.qos_class,
        _statuses_of(status.init_container_statuses, own, container_ids),
        _statuses_of(status.container_statuses, own, container_ids),
        _statuses_of(status.ephemeral_container_statuses, own, container_ids),
        shared_ownership,
    )
    own_part = (
        status.host_ip.decode(UTF8, GO) or None,
        pod_ips,
        start_time,
        status.reason.decode(UTF8, GO) or None,
        pod_metadata.deletion_timestamp,
        own,
        own_ownership,
    )
    is_small = len(template[0]) <= SHARED_PART_BYTES and status.ByteSize() <= SHARED_PART_BYTES
    return PackedPod(
        pod_metadata,
        PodSpec(node_name.decode(UTF8, GO) or None, host_network),
        PodStatus(
            status.phase.decode(UTF8, GO) or None,
            start_time,
            status.pod_ip.decode(UTF8, GO) or None,
            [PodIP(ip) for ip in pod_ips] or None,
        ),
        details=PackedDetails(encode(own_part), (_shared_template if is_small else _template_of)(*template)),
        container_ids=container_ids,
    )


def _template_of(
    spec: bytes,
    qos_class: bytes,
    init_statuses: _Statuses,
    statuses: _Statuses,
    ephemeral_statuses: _Statuses,
    ownership: PackedTuple | None,
) -> bytes:
    """Return an encoded TemplatePart; ``spec`` is a PodSpec message."""
    template = POD_SPEC.FromString(spec)
    return encode(
        (
            template.host_network,
            template.service_account_name.decode(UTF8, GO) or None,
            qos_class.decode(UTF8, GO) or None,
            _containers_of(template.init_containers),
            _containers_of(template.containers),
            _containers_of([container.common for container in template.ephemeral_containers]),
            *(
                [(name.decode(UTF8, GO), image_id.decode(UTF8, GO), prefix) for name, image_id, prefix in part]
                for part in (init_statuses, statuses, ephemeral_statuses)
            ),
            ownership,
        )
    )


_shared_template = lru_cache(512)(_template_of)


def _owner_of(raw: bytes) -> OwnerReference:
    owner = OWNER_REFERENCE.FromString(raw)
    return OwnerReference(
        owner.api_version.decode(UTF8, GO),
        owner.kind.decode(UTF8, GO),
        owner.name.decode(UTF8, GO),
        owner.uid.decode(UTF8, GO),
        owner.controller,
    )


_shared_owner = lru_cache(256)(_owner_of)


def _containers_of(containers: Any) -> Sequence[PackedTuple]:
    return [
        (
            container.name.decode(UTF8, GO),
            container.image.decode(UTF8, GO) or None,
            container.restart_policy.decode(UTF8, GO) or None,
        )
        for container in containers
    ]


def _statuses_of(statuses: Any, own: list[PackedTuple], ids: list[bytes | str]) -> _Statuses:
    """Return what ``_template_of`` needs of the statuses; append those of the OwnPart, and the container IDs."""
    if not statuses:
        return ()
    template = []
    for status in statuses:
        container_id = status.container_id.decode(UTF8, GO) or None
        prefix, packed_id, value = pack_id(container_id)
        template.append((status.name, status.image_id, prefix))
        state = _state_of(status.state, container_id)
        if value is not None:
            ids.append(value)
        last_state = status.last_state
        if not last_state:
            own.append((packed_id, status.restart_count, status.ready, state))
            continue
        last_message = CONTAINER_STATE.FromString(last_state)
        own.append((packed_id, status.restart_count, status.ready, state, _state_of(last_message, container_id)))
        # Until its restart, a container still has the ID of its last run.
        previous = last_message.terminated.container_id.decode(UTF8, GO)
        if previous and previous != container_id:
            ids.append(previous)
    return tuple(template)


def _state_of(state: Any, container_id: str | None) -> PackedTuple | None:
    """Return a state as the Struct with the same tag has it; None if it is empty."""
    if state.HasField("running"):
        started_at = state.running.started_at
        # Faster than _seconds_of(): most containers run.
        if started_at.HasField("seconds") and FIRST_SECOND <= (seconds := started_at.seconds) <= LAST_SECOND:
            return 0, seconds
        return 0, _seconds_of(started_at)
    if state.HasField("waiting"):
        return 1, state.waiting.reason.decode(UTF8, GO) or None
    if not state.HasField("terminated"):
        return None
    last = state.terminated
    return pack_terminated(
        last.container_id.decode(UTF8, GO) or None,
        container_id,
        last.exit_code,
        last.reason.decode(UTF8, GO) or None,
        _seconds_of(last.finished_at),
    )


def _time_of(timestamp: Any) -> str | None:
    """Convert a Timestamp message to RFC 3339; None if it is empty."""
    seconds = _seconds_of(timestamp)
    return None if seconds is None else rfc3339(seconds)


def _seconds_of(timestamp: Any) -> int | None:
    # The API server always writes the seconds of a Time that is set, 0 included.
    if not timestamp.HasField("seconds"):
        return None
    seconds: int = timestamp.seconds
    if not FIRST_SECOND <= seconds <= LAST_SECOND:
        raise DecodeError(f"invalid time {seconds}")
    return seconds
