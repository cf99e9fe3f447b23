"""Pod messages, converted to pods.

The API server's JSON omits strings, lists and times that are empty, so None stands for them. An unset Time is an empty
message, but the epoch is not; JSON omits fractions of a second: k8s.io/apimachinery/pkg/apis/meta/v1/time_proto.go
"""

import time
from functools import lru_cache
from typing import Any

from google.protobuf.message import DecodeError

from pod_index.containers import (
    NO_STATE,
    Container,
    ContainerState,
    ContainerStatus,
    RunningState,
    TerminatedState,
    WaitingState,
)
from pod_index.informer.protobuf_messages import (
    CONTAINER_STATE,
    GO,
    OWNER_REFERENCE,
    SHARED_BYTES,
    UTF8,
    entries_of,
    version_of,
)
from pod_index.pods import OwnerReference, Pod, PodIP, PodMetadata, PodSpec, PodStatus

_DAY_SECONDS = 86_400
_MINUTES = [f"{minute // 60:02}:{minute % 60:02}:" for minute in range(1440)]
_SECONDS = [f"{second:02}Z" for second in range(60)]


def pod_of(pod: Any) -> Pod:
    """Convert a Pod message; raise DecodeError if it lacks what the JSON decoder requires."""
    metadata, spec, status = pod.metadata, pod.spec, pod.status
    uid, name = metadata.uid, metadata.name
    if not uid or not name:
        raise DecodeError("a pod without a UID or a name")
    return Pod(
        PodMetadata(
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
        ),
        PodSpec(
            spec.node_name.decode(UTF8, GO) or None,
            spec.host_network,
            spec.service_account_name.decode(UTF8, GO) or None,
            _containers_of(spec.init_containers),
            _containers_of(spec.containers),
            _containers_of([container.common for container in spec.ephemeral_containers]),
        ),
        PodStatus(
            status.phase.decode(UTF8, GO) or None,
            _time_of(status.start_time),
            status.pod_ip.decode(UTF8, GO) or None,
            [PodIP(ip.ip.decode(UTF8, GO)) for ip in status.pod_ips] or None,
            _statuses_of(status.container_statuses),
            _statuses_of(status.init_container_statuses),
            _statuses_of(status.ephemeral_container_statuses),
            status.host_ip.decode(UTF8, GO) or None,
            status.qos_class.decode(UTF8, GO) or None,
            status.reason.decode(UTF8, GO) or None,
        ),
    )


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


def _containers_of(containers: Any) -> list[Container] | None:
    return [
        Container(
            container.name.decode(UTF8, GO),
            container.image.decode(UTF8, GO) or None,
            container.restart_policy.decode(UTF8, GO) or None,
        )
        for container in containers
    ] or None


def _statuses_of(statuses: Any) -> list[ContainerStatus] | None:
    return [
        ContainerStatus(
            status.container_id.decode(UTF8, GO) or None,
            _state_of(CONTAINER_STATE.FromString(last_state)) if (last_state := status.last_state) else NO_STATE,
            status.name.decode(UTF8, GO),
            status.image_id.decode(UTF8, GO),
            status.restart_count,
            status.ready,
            _state_of(status.state),
        )
        for status in statuses
    ] or None


def _state_of(state: Any) -> ContainerState:
    waiting = running = terminated = None
    if state.HasField("running"):
        running = RunningState(_time_of(state.running.started_at))
    if state.HasField("waiting"):
        waiting = WaitingState(state.waiting.reason.decode(UTF8, GO) or None)
    if state.HasField("terminated"):
        message = state.terminated
        terminated = TerminatedState(
            message.container_id.decode(UTF8, GO) or None,
            message.exit_code,
            message.reason.decode(UTF8, GO) or None,
            _time_of(message.finished_at),
        )
    return ContainerState(waiting, running, terminated)


def _time_of(timestamp: Any) -> str | None:
    """Convert a Timestamp message to RFC 3339; None if it is empty."""
    # The API server always writes the seconds of a Time that is set, 0 included.
    if not timestamp.HasField("seconds"):
        return None
    day, second = divmod(timestamp.seconds, _DAY_SECONDS)
    try:
        date = _date_of(day)
    except (OverflowError, ValueError, OSError) as error:
        raise DecodeError(f"invalid time {timestamp.seconds}") from error
    # Formatting the hours, minutes and seconds would take three times as long.
    return f"{date}{_MINUTES[second // 60]}{_SECONDS[second % 60]}"


@lru_cache(1024)
def _date_of(day: int) -> str:
    year, month, day_of_month, *_ = time.gmtime(day * _DAY_SECONDS)
    return f"{year:04}-{month:02}-{day_of_month:02}T"
