"""Pod messages, converted to pods.

The API server's JSON omits strings, lists and times that are empty, so None stands for them. An unset Time is an empty
message, but the epoch is not; JSON omits fractions of a second: k8s.io/apimachinery/pkg/apis/meta/v1/time_proto.go

The details are packed from the messages: containers and statuses as Structs would take half of the time of a listing.
"""

from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

from google.protobuf.message import DecodeError

from pod_index.informer.protobuf_messages import (
    CONTAINER_STATE,
    GO,
    OWNER_REFERENCE,
    POD_SPEC,
    UTF8,
    entries_of,
    is_small,
    version_of,
)
from pod_index.pods import OwnerReference, PodIP, PodMetadata, PodSpec, PodStatus
from pod_index.store.details import SHARED_PART_BYTES, ownership_of, pack_id
from pod_index.store.memo import Memo
from pod_index.store.packed_parts import SAME_ID, PackedDetails, PackedPod, PackedTuple, encode
from pod_index.store.times import FIRST_SECOND, LAST_SECOND, rfc3339
from pod_index.store.workloads import workload_of

_Statuses: TypeAlias = tuple[tuple[bytes, bytes, str | None], ...]
"""The names, the image IDs and the prefixes of the container IDs."""

_Template: TypeAlias = tuple[bytes, bytes, _Statuses, _Statuses, _Statuses, PackedTuple | None]
"""A PodSpec message, the qosClass, the statuses and the Ownership of pods with the same template."""


def pod_of(pod: Any, *, details: bool = True) -> PackedPod:
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
    )
    pod_spec = PodSpec(spec.node_name.decode(UTF8, GO) or None, spec.host_network)
    pod_ips = [ip.ip.decode(UTF8, GO) for ip in status.pod_ips]
    start_time = _seconds_of(status.start_time)
    pod_status = PodStatus(
        status.phase.decode(UTF8, GO) or None,
        None if start_time is None else rfc3339(start_time),
        status.pod_ip.decode(UTF8, GO) or None,
        [PodIP(ip) for ip in pod_ips] or None,
    )
    controller = _controller_of(metadata.owner_references)
    workload = workload_of(pod_metadata, controller)
    container_ids: list[bytes | str] = []
    if not details:
        _add_ids(status, container_ids)
        return PackedPod(
            pod_metadata, pod_spec, pod_status, workload=workload, container_ids=container_ids, details=None
        )
    own: list[PackedTuple] = []
    own_ownership, shared_ownership = ownership_of(controller, workload)
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
    return PackedPod(
        pod_metadata,
        pod_spec,
        pod_status,
        workload=workload,
        container_ids=container_ids,
        details=PackedDetails(encode(own_part), _templates[template]),
    )


def _template_of(key: _Template) -> bytes:
    """Return an encoded TemplatePart."""
    spec, qos_class, init_statuses, statuses, ephemeral_statuses, ownership = key
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


_templates = Memo(_template_of, 512, lambda _, encoded: len(encoded) <= SHARED_PART_BYTES)


def _controller_of(references: Iterable[bytes]) -> OwnerReference | None:
    for raw in references:
        owner = _owners[raw]
        if owner.controller:
            return owner
    return None


def _owner_of(raw: bytes) -> OwnerReference:
    owner = OWNER_REFERENCE.FromString(raw)
    return OwnerReference(
        owner.api_version.decode(UTF8, GO),
        owner.kind.decode(UTF8, GO),
        owner.name.decode(UTF8, GO),
        owner.uid.decode(UTF8, GO),
        owner.controller,
    )


_owners = Memo(_owner_of, 512, is_small)


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
    template = []
    for status in statuses:
        prefix, packed_id, container_id = None, None, status.container_id
        if container_id:
            if packed := pack_id(container_id):
                prefix, packed_id = packed
                ids.append(packed_id)
            else:
                text = container_id.decode(UTF8, GO)
                packed_id = text.encode()
                ids.append(text)
        template.append((status.name, status.image_id, prefix))
        state, last_state = _state_of(status.state, container_id), status.last_state
        if not last_state:
            own.append((packed_id, status.restart_count, status.ready, state))
            continue
        last_message = CONTAINER_STATE.FromString(last_state)
        own.append((packed_id, status.restart_count, status.ready, state, _state_of(last_message, container_id)))
        _add_previous_id(last_message, container_id, ids)
    return tuple(template)


def _add_ids(status: Any, ids: list[bytes | str]) -> None:
    """Append the container IDs in a PodStatus message."""
    for part in (status.init_container_statuses, status.container_statuses, status.ephemeral_container_statuses):
        for container in part:
            container_id = container.container_id
            if container_id:
                ids.append(container_id.decode(UTF8, GO))
            if last_state := container.last_state:
                _add_previous_id(CONTAINER_STATE.FromString(last_state), container_id, ids)


def _add_previous_id(last_state: Any, container_id: bytes, ids: list[bytes | str]) -> None:
    # Until its restart, a container still has the ID of its last run.
    previous = last_state.terminated.container_id
    if previous and previous != container_id:
        ids.append(previous.decode(UTF8, GO))


def _state_of(state: Any, container_id: bytes) -> PackedTuple | None:
    """Return a state as the Struct with the same tag has it; None if it is empty."""
    if state.HasField("running"):  # Most containers run.
        return 0, _seconds_of(state.running.started_at)
    if state.HasField("terminated"):
        last = state.terminated
        ended_id = last.container_id
        return (
            2,
            SAME_ID if ended_id and ended_id == container_id else ended_id.decode(UTF8, GO) or None,
            last.exit_code,
            last.reason.decode(UTF8, GO) or None,
            _seconds_of(last.finished_at),
        )
    if state.HasField("waiting"):
        return 1, state.waiting.reason.decode(UTF8, GO) or None
    return None


def _time_of(timestamp: Any) -> str | None:
    """Convert a Timestamp message to RFC 3339; None if it is empty."""
    seconds = _seconds_of(timestamp)
    return None if seconds is None else rfc3339(seconds)


def _seconds_of(timestamp: Any) -> int | None:
    seconds: int = timestamp.seconds
    if not seconds:
        # The API server always writes the seconds of a Time that is set, 0 included.
        return 0 if timestamp.HasField("seconds") else None
    if not FIRST_SECOND <= seconds <= LAST_SECOND:
        raise DecodeError(f"invalid time {seconds}")
    return seconds
