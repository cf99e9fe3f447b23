"""The response to a lookup with details: the record, and the details after its fields."""

from collections.abc import Collection
from typing import Literal, NamedTuple

import msgspec
from msgspec import Struct, field

from pod_index.containers import ContainerState, RunningState, TerminatedState, WaitingState
from pod_index.store.details import Details
from pod_index.store.identifiers import is_short_id
from pod_index.store.packed_parts import (
    OwnPart,
    OwnStatus,
    PackedRunning,
    PackedState,
    PackedWaiting,
    TemplateContainer,
    TemplatePart,
    TemplateStatus,
    Time,
    decode_own,
    decode_template,
)
from pod_index.store.times import rfc3339
from pod_index.store.workloads import Workload

ContainerType = Literal["container", "init", "sidecar", "ephemeral"]


class Owner(Struct, rename="camel", gc=False):
    """The controller of a pod; the fields of these classes are in the order of the API's contract."""

    api_version: str
    kind: str
    name: str
    uid: str


class ContainerRecord(Struct, rename="camel", omit_defaults=True, gc=False):
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


class MatchedContainer(Struct, gc=False):
    """The container that a container ID belongs to."""

    name: str
    previous: bool
    """Whether the container had the ID before its last restart."""


class DetailsRecord(Struct, rename="camel", omit_defaults=True, gc=False):
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


class Named(NamedTuple):
    """What a lookup says about the container that it means."""

    container_ids: Collection[str]
    """Without their schemes."""
    names: Collection[str] = ()


def with_details(record: bytes, details: Details, container: Named | int | None = None) -> bytes:
    """Return an encoded record with the details, and with the matched container, after its other fields.

    ``container`` is what the lookup says about it, or the result of ``match_container``.
    """
    own, template = decode_own(details.own), decode_template(details.shared.encoded)
    containers = _containers(own, template)
    match = _match(containers, container) if isinstance(container, Named) else container
    ownership = own.ownership or template.ownership
    encoded = _encoder.encode(
        DetailsRecord(
            own.host_ip,
            own.pod_ips or None,
            template.host_network,
            template.service_account_name,
            _time(own.start_time),
            template.qos_class,
            own.reason,
            own.deletion_timestamp,
            Owner(*ownership.owner) if ownership and ownership.owner else None,
            Workload(*ownership.workload) if ownership else None,
            containers or None,
            None if match is None else MatchedContainer(containers[match // 2].name, previous=match % 2 == 1),
        )
    )
    return b"%b,%b" % (record[:-1], encoded[1:])


def match_container(details: Details, named: Named) -> int | None:
    """Return the one container that is named: twice its place in the pod, and 1 more if the ID is its previous one.

    A known ID comes before a name. None if no container is named, or several are. A batch lookup holds this for 1,000
    pods, and a small number takes no memory.
    """
    return _match(_containers(decode_own(details.own), decode_template(details.shared.encoded)), named)


def _match(containers: list[ContainerRecord], named: Named) -> int | None:
    found: list[int] = []
    for container_id in map(str.lower, named.container_ids):
        for place, container in enumerate(containers):
            if _is_id(container.container_id, container_id):
                found.append(2 * place)
            # Until its restart, a container still has the ID of its last run. Then it is found above.
            elif (last := container.last_state and container.last_state.terminated) and _is_id(
                last.container_id, container_id
            ):
                found.append(2 * place + 1)
    if not found and named.names:
        found = [2 * place for place, container in enumerate(containers) if container.name in named.names]
    if len(found) == 1:
        return found[0]
    return min(found) if len({match // 2 for match in found}) == 1 else None


def _is_id(reported: str | None, container_id: str) -> bool:
    # The first test is fast.
    if reported is None or container_id not in (lower := reported.lower()):
        return False
    whole = lower.split("://", 1)[-1]
    return whole == container_id or (is_short_id(container_id) and whole.startswith(container_id))


def _containers(own: OwnPart, template: TemplatePart) -> list[ContainerRecord]:
    own_statuses = iter(own.statuses)
    containers: list[ContainerRecord] = []
    lists: tuple[tuple[ContainerType, list[TemplateContainer], list[TemplateStatus]], ...] = (
        ("init", template.init_containers, template.init_statuses),
        ("container", template.containers, template.statuses),
        ("ephemeral", template.ephemeral_containers, template.ephemeral_statuses),
    )
    for container_type, specs, statuses in lists:
        if not specs and not statuses:
            continue
        # The statuses can have another order than the containers.
        by_name = {status.name: (status, next(own_statuses)) for status in statuses}
        containers += [_container(container_type, spec, by_name.get(spec.name)) for spec in specs]
    return containers


def _container(
    container_type: ContainerType, spec: TemplateContainer, statuses: tuple[TemplateStatus, OwnStatus] | None
) -> ContainerRecord:
    # https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/
    if container_type == "init" and spec.restart_policy == "Always":
        container_type = "sidecar"
    # The image of the status can be another tag, or a digest: https://github.com/kubernetes/kubernetes/issues/51017
    if statuses is None:
        return ContainerRecord(spec.name, container_type, spec.image)
    status, own = statuses
    container_id = _text_of(own.container_id, status.id_prefix)
    return ContainerRecord(
        spec.name,
        container_type,
        spec.image,
        status.image_id or None,
        container_id,
        own.restart_count,
        own.ready,
        None if own.state is None else _unpack(own.state, container_id),
        None if own.last_state is None else _unpack(own.last_state, container_id),
    )


def _text_of(container_id: bytes | None, prefix: str | None) -> str | None:
    if container_id is None:
        return None
    return container_id.decode() if prefix is None else f"{prefix}{container_id.hex()}"


def _unpack(state: PackedState, container_id: str | None) -> ContainerState:
    if isinstance(state, PackedRunning):  # Most containers run.
        return ContainerState(None, RunningState(_time(state.started_at)))
    if isinstance(state, PackedWaiting):
        return ContainerState(WaitingState(state.reason))
    its_id = container_id if isinstance(state.container_id, bool) else state.container_id
    finished_at = _time(state.finished_at)
    return ContainerState(None, None, TerminatedState(its_id, state.exit_code, state.reason, finished_at))


def _time(time: Time | None) -> str | None:
    return rfc3339(time) if isinstance(time, int) else time
