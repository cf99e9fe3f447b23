"""The response to a lookup with details: the record, and the details after its fields."""

import msgspec
from msgspec import Struct, field

from pod_index.containers import ContainerState, RunningState, TerminatedState, WaitingState
from pod_index.store.details import (
    ContainerType,
    Details,
    PackedRunning,
    PackedState,
    PackedTerminated,
    PackedWaiting,
    decode_own,
    decode_template,
)
from pod_index.store.workloads import Workload


class Owner(Struct, rename="camel"):
    """The controller of a pod; the fields of these classes are in the order of the API's contract."""

    api_version: str
    kind: str
    name: str
    uid: str


class ContainerRecord(Struct, rename="camel", omit_defaults=True):
    """A container of a pod. Without a status, the fields after the image are absent."""

    name: str
    type: ContainerType
    image: str | None = None
    image_id: str | None = field(name="imageID", default=None)
    container_id: str | None = field(name="containerID", default=None)
    restart_count: int | None = None
    ready: bool | None = None
    state: ContainerState | None = None
    last_state: ContainerState | None = None


class MatchedContainer(Struct):
    """The container that a container ID belongs to."""

    name: str
    previous: bool
    """Whether the container had the ID before its last restart."""


class DetailsRecord(Struct, rename="camel", omit_defaults=True):
    """The details of a pod. What is not set is absent."""

    host_ip: str | None = field(name="hostIP", default=None)
    pod_ips: list[str] | None = field(name="podIPs", default=None)
    host_network: bool = False
    service_account_name: str | None = None
    start_time: str | None = None
    qos_class: str | None = None
    reason: str | None = None
    deletion_timestamp: str | None = None
    owner: Owner | None = None
    workload: Workload | None = None
    containers: list[ContainerRecord] | None = None
    matched_container: MatchedContainer | None = None


_encoder = msgspec.json.Encoder()


def with_details(record: bytes, details: Details, matched: MatchedContainer | None = None) -> bytes:
    """Return an encoded record with the details, and with the matched container, after its other fields."""
    own, template = decode_own(details.own), decode_template(details.shared.encoded)
    ownership = own.ownership or template.ownership
    containers = [
        ContainerRecord(
            shared.name,
            shared.type,
            shared.image,
            shared.image_id,
            container.container_id,
            container.restart_count,
            container.ready,
            _unpack(container.state, container.container_id),
            _unpack(container.last_state, container.container_id),
        )
        for shared, container in zip(template.containers, own.containers, strict=True)
    ]
    encoded = _encoder.encode(
        DetailsRecord(
            own.host_ip,
            own.pod_ips,
            template.host_network,
            template.service_account_name,
            own.start_time,
            template.qos_class,
            own.reason,
            own.deletion_timestamp,
            Owner(*ownership.owner) if ownership and ownership.owner else None,
            Workload(*ownership.workload) if ownership else None,
            containers or None,
            matched,
        )
    )
    return b"%b,%b" % (record[:-1], encoded[1:])


def matched_container(details: Details, container_id: str) -> MatchedContainer | None:
    """Return the container with a container ID, which is without a scheme; None if there is none."""
    template = decode_template(details.shared.encoded)
    for shared, container in zip(template.containers, decode_own(details.own).containers, strict=True):
        if _is_id(container.container_id, container_id):
            return MatchedContainer(shared.name, previous=False)
        # Until its restart, a container still has the ID of its last run. Then this is SAME_ID.
        last = container.last_state
        if isinstance(last, PackedTerminated) and _is_id(last.container_id, container_id):
            return MatchedContainer(shared.name, previous=True)
    return None


def _is_id(reported: str | bool | None, container_id: str) -> bool:
    return isinstance(reported, str) and reported.split("://", 1)[-1].lower() == container_id.lower()


def _unpack(state: PackedState | None, container_id: str | None) -> ContainerState | None:
    match state:
        case PackedRunning():
            return ContainerState(running=RunningState(state.started_at))
        case PackedWaiting():
            return ContainerState(waiting=WaitingState(state.reason))
        case PackedTerminated():
            its_id = container_id if isinstance(state.container_id, bool) else state.container_id
            return ContainerState(terminated=TerminatedState(its_id, state.exit_code, state.reason, state.finished_at))
    return None
