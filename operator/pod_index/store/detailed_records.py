"""The response to a lookup with details: the record, and the details after its fields."""

import itertools
from binascii import unhexlify
from collections.abc import Collection
from typing import Literal

import msgspec
from msgspec import Struct, field

from pod_index.containers import ContainerState, RunningState, TerminatedState, WaitingState
from pod_index.store.details import SHARED_PART_BYTES, Details
from pod_index.store.identifiers import is_short_id
from pod_index.store.memo import Memo
from pod_index.store.packed_parts import (
    Ownership,
    OwnPart,
    OwnStatus,
    PackedRunning,
    PackedState,
    PackedTerminated,
    PackedWaiting,
    TemplateContainer,
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


class Named(Struct, gc=False):
    """What a lookup says about the container that it means."""

    container_ids: Collection[str]
    """Without their schemes."""
    names: Collection[str] = ()


class _Container(Struct, gc=False):
    """What a container of several pods has in common."""

    name: str
    type: ContainerType
    image: str | None
    status: int | None
    """The place of its OwnStatus; None without a status."""
    image_id: str | None
    id_prefix: str | None


class _Template(Struct, gc=False):
    """What several pods have in common: a TemplatePart whose containers and statuses are joined by name."""

    host_network: bool
    service_account_name: str | None
    qos_class: str | None
    owner: Owner | None
    workload: Workload | None
    """Both are None if the OwnPart has them."""
    containers: tuple[_Container, ...]


def with_details(record: bytes, details: Details, container: Named | int | None = None) -> bytes:
    """Return an encoded record with the details, and with the matched container, after its other fields.

    ``container`` is what the lookup says about it, or the result of ``match_container``.
    """
    own, template = decode_own(details.own), _templates[details.shared.encoded]
    match = _match(template, own, container) if isinstance(container, Named) else container
    owner, workload = _owner_and_workload(own.ownership) if own.ownership else (template.owner, template.workload)
    fields = DetailsRecord(
        own.host_ip,
        own.pod_ips or None,
        template.host_network,
        template.service_account_name,
        _time(own.start_time),
        template.qos_class,
        own.reason,
        own.deletion_timestamp,
        owner,
        workload,
        [_record_of(container, own.statuses) for container in template.containers] or None,
        None if match is None else MatchedContainer(template.containers[match // 2].name, previous=match % 2 == 1),
    )
    return b"%b,%b" % (record[:-1], _encoder.encode(fields)[1:])


def match_container(details: Details, named: Named) -> int | None:
    """Return the one container that is named: twice its place in the pod, and 1 more if the ID is its previous one.

    A known ID comes before a name. None if no container is named, or several are. A batch lookup holds this for 1,000
    pods, and a small number takes no memory.
    """
    return _match(_templates[details.shared.encoded], decode_own(details.own), named)


def _match(template: _Template, own: OwnPart, named: Named) -> int | None:
    found: list[int] = []
    for container_id in map(str.lower, named.container_ids):
        value = _value_of(container_id)
        for place, container in enumerate(template.containers):
            if container.status is None:
                continue
            status = own.statuses[container.status]
            last = status.last_state
            if (
                status.container_id == value
                if value is not None and container.id_prefix is not None
                else _is_id(_text_of(status.container_id, container.id_prefix), container_id)
            ):
                found.append(2 * place)
            # Until its restart, a container still has the ID of its last run. Then it is found above.
            elif (
                isinstance(last, PackedTerminated)
                and isinstance(last.container_id, str)
                and _is_id(last.container_id, container_id)
            ):
                found.append(2 * place + 1)
    if not found and named.names:
        found = [2 * place for place, container in enumerate(template.containers) if container.name in named.names]
    if len(found) == 1:
        return found[0]
    return min(found) if len({match // 2 for match in found}) == 1 else None


def _value_of(container_id: str) -> bytes | None:
    """Return the value of a container ID of 64 hexadecimal digits; None if it has another form."""
    try:
        return unhexlify(container_id) if len(container_id) == 64 else None
    except ValueError:
        return None


def _is_id(reported: str | None, container_id: str) -> bool:
    # The first test is fast.
    if reported is None or container_id not in (lower := reported.lower()):
        return False
    whole = lower.split("://", 1)[-1]
    return whole == container_id or (is_short_id(container_id) and whole.startswith(container_id))


def _template_of(encoded: bytes) -> _Template:
    template = decode_template(encoded)
    containers: list[_Container] = []
    lists: tuple[tuple[ContainerType, list[TemplateContainer], list[TemplateStatus]], ...] = (
        ("init", template.init_containers, template.init_statuses),
        ("container", template.containers, template.statuses),
        ("ephemeral", template.ephemeral_containers, template.ephemeral_statuses),
    )
    places = itertools.count()
    for container_type, specs, statuses in lists:
        # The statuses can have another order than the containers.
        by_name = {status.name: (next(places), status.image_id or None, status.id_prefix) for status in statuses}
        containers += [
            _Container(
                spec.name, _type_of(spec, container_type), spec.image, *by_name.get(spec.name, (None, None, None))
            )
            for spec in specs
        ]
    owner, workload = _owner_and_workload(template.ownership) if template.ownership else (None, None)
    return _Template(
        template.host_network,
        template.service_account_name,
        template.qos_class,
        owner,
        workload,
        tuple(containers),
    )


_templates = Memo(_template_of, 256, lambda encoded, _: len(encoded) <= SHARED_PART_BYTES)


def _owner_and_workload(ownership: Ownership) -> tuple[Owner | None, Workload]:
    return Owner(*ownership.owner) if ownership.owner else None, Workload(*ownership.workload)


def _type_of(container: TemplateContainer, container_type: ContainerType) -> ContainerType:
    # https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/
    return "sidecar" if container_type == "init" and container.restart_policy == "Always" else container_type


def _record_of(container: _Container, statuses: list[OwnStatus]) -> ContainerRecord:
    # The image of the status can be another tag, or a digest: https://github.com/kubernetes/kubernetes/issues/51017
    if container.status is None:
        return ContainerRecord(container.name, container.type, container.image)
    own = statuses[container.status]
    container_id = _text_of(own.container_id, container.id_prefix)
    return ContainerRecord(
        container.name,
        container.type,
        container.image,
        container.image_id,
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
