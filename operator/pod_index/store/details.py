"""The details of pods, kept in a compact form. ``detailed_records`` makes their JSON when a lookup asks for it.

A pod of a workload has most of its details in common with the others: images, image IDs, names, the owner. These are
kept once, as long as a pod has them. The rest is about 70 bytes for each container.

The wires pack the details while they decode a pod, so that its containers are not in memory until the pod is indexed.
Packing is the most frequent work on details: so specs and statuses are joined by name only in ``detailed_records``.
"""

from binascii import unhexlify
from collections.abc import Sequence
from functools import lru_cache
from weakref import WeakValueDictionary

from msgspec import Struct

from pod_index.containers import NO_STATE, Container, ContainerState, ContainerStatus
from pod_index.pods import PackedDetails, PackedPod, Pod, PodMetadata, PodSpec, PodStatus
from pod_index.store.packed_parts import SAME_ID, PackedTuple, Time, encode
from pod_index.store.workloads import controller_of, workload_of

OVERHEAD_BYTES = 448
"""What the details of a pod take besides their encoded parts: the headers of all objects, and the place of the shared
part in the dictionary."""

ID_PREFIXES = frozenset({"containerd://", "cri-o://", "docker://"})
"""What precedes 64 hexadecimal digits in most container IDs: these digits are kept as 32 bytes."""

SHARED_PART_BYTES = 4096
"""The maximum size of what is cached because other pods have the same template."""


class SharedPart(Struct, weakref=True, eq=False):
    """What several pods have in common."""

    encoded: bytes
    """An encoded TemplatePart."""


class Details(Struct, gc=False, eq=False):
    """The details of a pod."""

    own: bytes
    """What only this pod has: an encoded OwnPart."""
    shared: SharedPart

    @property
    def size(self) -> int:
        """The memory of the details, in bytes, if no other pod has the shared part."""
        return OVERHEAD_BYTES + len(self.own) + len(self.shared.encoded)


class DetailsStore:
    """Makes the details of pods, and keeps their shared parts as long as a pod has them."""

    def __init__(self) -> None:
        self._shared: WeakValueDictionary[bytes, SharedPart] = WeakValueDictionary()

    def __len__(self) -> int:
        """Return the number of shared parts."""
        return len(self._shared)

    def details_of(self, pod: Pod) -> Details:
        """Return the details of a pod."""
        packed = pod.details if isinstance(pod, PackedPod) else pack(pod).details
        template = packed.template
        shared = self._shared.get(template)
        if shared is None:
            shared = self._shared[template] = SharedPart(template)
        return Details(packed.own, shared)


def is_same(details: Details | None, other: Details | None) -> bool:
    """Return whether details from one store are equal."""
    if details is None or other is None:
        return details is other
    return details.shared is other.shared and details.own == other.own


def pack(pod: Pod) -> PackedPod:
    """Pack the details of a pod."""
    metadata, spec, status = pod.metadata, pod.spec, pod.status
    own: list[PackedTuple] = []
    container_ids: list[bytes | str] = []
    own_ownership, shared_ownership = ownership_of(metadata)
    template = (
        spec.host_network,
        spec.service_account_name,
        status.qos_class,
        _containers(spec.init_containers),
        _containers(spec.containers),
        _containers(spec.ephemeral_containers),
        _statuses(status.init_container_statuses, own, container_ids),
        _statuses(status.container_statuses, own, container_ids),
        _statuses(status.ephemeral_container_statuses, own, container_ids),
        shared_ownership,
    )
    encoded = encode(template)
    own_part = (
        status.host_ip,
        [pod_ip.ip for pod_ip in status.pod_ips] if status.pod_ips else (),
        status.start_time,
        status.reason,
        metadata.deletion_timestamp,
        own,
        own_ownership,
    )
    return PackedPod(
        metadata,
        PodSpec(spec.node_name, spec.host_network),
        PodStatus(status.phase, status.start_time, status.pod_ip, status.pod_ips),
        details=PackedDetails(encode(own_part), encoded if len(encoded) > SHARED_PART_BYTES else _shared(encoded)),
        container_ids=container_ids,
    )


@lru_cache(512)
def _shared(encoded: bytes) -> bytes:
    """Return the same object for the same TemplatePart. Without this, those of a page make the heap grow and shrink."""
    return encoded


def ownership_of(metadata: PodMetadata) -> tuple[PackedTuple | None, PackedTuple | None]:
    """Return the Ownership of a pod: for its OwnPart, or for its TemplatePart."""
    controller = controller_of(metadata)
    workload = workload_of(metadata, controller)
    of_workload = (workload.api_version, workload.kind, workload.name, workload.source)
    if controller is None:
        return (None, of_workload), None
    ownership = (controller.api_version, controller.kind, controller.name, controller.uid), of_workload
    # ReplicaSets, StatefulSets and DaemonSets have a template for many pods. But most Jobs have one pod, and many
    # Jobs have the same template.
    return (None, ownership) if controller.api_version.startswith("apps/") else (ownership, None)


def pack_id(container_id: str | None) -> tuple[str | None, bytes | None, bytes | str | None]:
    """Return a container ID as a TemplateStatus, an OwnStatus and a PackedPod have it."""
    if not container_id:
        return None, None, None
    prefix = container_id[:-64]
    if prefix in ID_PREFIXES:
        digits = container_id[-64:]
        try:
            value = unhexlify(digits)
        except ValueError:
            return None, container_id.encode(), container_id
        if value.hex() == digits:  # in lower case
            return prefix, value, value
    return None, container_id.encode(), container_id


def _containers(containers: list[Container] | None) -> Sequence[PackedTuple]:
    if not containers:
        return ()
    return [(container.name, container.image, container.restart_policy) for container in containers]


def _statuses(
    statuses: list[ContainerStatus] | None, own: list[PackedTuple], container_ids: list[bytes | str]
) -> Sequence[PackedTuple]:
    """Return the statuses as a TemplatePart has them; append those of the OwnPart, and the container IDs."""
    if not statuses:
        return ()
    template = []
    for status in statuses:
        container_id, state, last_state = status.container_id, status.state, status.last_state
        prefix, packed_id, value = pack_id(container_id)
        if value is not None:
            container_ids.append(value)
        template.append((status.name, status.image_id, prefix))
        packed_state: PackedTuple | None = None
        if state is not None:
            # Most containers run.
            packed_state = (0, state.running.started_at) if state.running else _pack(state, container_id)
        if last_state is None or last_state == NO_STATE:
            own.append((packed_id, status.restart_count, status.ready, packed_state))
            continue
        own.append((packed_id, status.restart_count, status.ready, packed_state, _pack(last_state, container_id)))
        # Until its restart, a container still has the ID of its last run.
        if last_state.terminated and (previous := last_state.terminated.container_id) and previous != container_id:
            container_ids.append(previous)
    return template


def _pack(state: ContainerState, container_id: str | None) -> PackedTuple | None:
    """Return a state as the Struct with the same tag has it; None if it is empty."""
    if state.running is not None:
        return 0, state.running.started_at
    if state.waiting is not None:
        return 1, state.waiting.reason
    if state.terminated is None:
        return None
    last = state.terminated
    return pack_terminated(last.container_id, container_id, last.exit_code, last.reason, last.finished_at)


def pack_terminated(
    ended_id: str | None, container_id: str | None, exit_code: int | None, reason: str | None, finished_at: Time | None
) -> PackedTuple:
    """Return a PackedTerminated of the container with the ID ``container_id``."""
    same = ended_id is not None and ended_id == container_id
    return 2, SAME_ID if same else ended_id, exit_code, reason, finished_at
