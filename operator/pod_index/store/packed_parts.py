"""Packed pods, and the packed form of their details: the part that only one pod has, and the part that pods share."""

from typing import TypeAlias

import msgspec
from msgspec import Struct

from pod_index.pods import Pod
from pod_index.store.workloads import Workload

SAME_ID = True
"""Stands for a container ID in the state of a container: it is the current ID of the container."""

Time: TypeAlias = str | int
"""A time in RFC 3339, as JSON has it, or in seconds since the epoch, as protobuf has it."""


class PackedDetails(Struct, gc=False):
    """The details of a pod, as the index keeps them."""

    own: bytes
    """What only this pod has: an encoded OwnPart."""
    template: bytes
    """What pods with the same template have in common: an encoded TemplatePart."""


class PackedPod(Pod, kw_only=True, gc=False):
    """A pod without its containers and their statuses: only with what the index uses of them."""

    workload: Workload
    container_ids: list[bytes | str]
    """The IDs of all containers, and those from before their last restart. Bytes are the value of 64 hexadecimal
    digits, without the prefix."""
    details: PackedDetails | None
    """None if no details are kept."""


# The encoded parts are arrays: the names of the fields would take more memory than the values. The wires encode tuples,
# which are made faster.


class PackedRunning(Struct, array_like=True, tag=0, gc=False):
    """``running`` in the state of a container."""

    started_at: Time | None


class PackedWaiting(Struct, array_like=True, tag=1, gc=False):
    """``waiting`` in the state of a container."""

    reason: str | None


class PackedTerminated(Struct, array_like=True, tag=2, gc=False):
    """``terminated`` in the state of a container."""

    container_id: str | bool | None
    """Or SAME_ID."""
    exit_code: int | None
    reason: str | None
    finished_at: Time | None


PackedState = PackedRunning | PackedWaiting | PackedTerminated


class OwnStatus(Struct, array_like=True, gc=False):
    """What only one container has."""

    container_id: bytes | None
    """The value of its digits if the TemplateStatus has its prefix, and else its text."""
    restart_count: int
    ready: bool
    state: PackedState | None
    last_state: PackedState | None = None


class Ownership(Struct, array_like=True, gc=False):
    """The fields of the owner and of the workload."""

    owner: tuple[str, str, str, str] | None
    workload: tuple[str, str, str, str]


class OwnPart(Struct, array_like=True, gc=False):
    """What only one pod has."""

    host_ip: str | None
    pod_ips: list[str]
    start_time: Time | None
    reason: str | None
    deletion_timestamp: str | None
    statuses: list[OwnStatus]
    """Those of all statuses in the TemplatePart."""
    ownership: Ownership | None
    """None if the TemplatePart has it."""


class TemplateContainer(Struct, array_like=True, gc=False):
    """What the same container of several pods has in common, from the spec."""

    name: str
    image: str | None
    restart_policy: str | None


class TemplateStatus(Struct, array_like=True, gc=False):
    """What the same container of several pods has in common, from the status."""

    name: str
    image_id: str
    id_prefix: str | None
    """The one of ID_PREFIXES that the container ID begins with; None if it has another form."""


class TemplatePart(Struct, array_like=True, gc=False):
    """What pods with the same template and images have in common."""

    host_network: bool
    service_account_name: str | None
    qos_class: str | None
    init_containers: list[TemplateContainer]
    containers: list[TemplateContainer]
    ephemeral_containers: list[TemplateContainer]
    init_statuses: list[TemplateStatus]
    statuses: list[TemplateStatus]
    ephemeral_statuses: list[TemplateStatus]
    ownership: Ownership | None


PackedTuple: TypeAlias = tuple[object, ...]
"""One of the classes above, before it is encoded."""

encode = msgspec.msgpack.Encoder().encode
decode_own = msgspec.msgpack.Decoder(OwnPart).decode
decode_template = msgspec.msgpack.Decoder(TemplatePart).decode
