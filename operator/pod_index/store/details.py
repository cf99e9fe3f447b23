"""The details of pods, kept in a compact form. ``detailed_records`` makes their JSON when a lookup asks for it.

A pod of a workload has most of its details in common with the others: images, image IDs, names, the owner. These are
kept once, as long as a pod has them. The rest is about 70 bytes for each container.

The wires pack the details while they decode a pod, so that its containers are not in memory until the pod is indexed.
Packing is the most frequent work on details: so specs and statuses are joined by name only in ``detailed_records``.
"""

from binascii import hexlify, unhexlify
from collections.abc import Sequence
from functools import lru_cache
from weakref import WeakValueDictionary

from msgspec import Struct

from pod_index.containers import NO_STATE, Container, ContainerState, ContainerStatus
from pod_index.pods import OwnerReference, Pod, PodSpec, PodStatus
from pod_index.store.indexers import container_ids_of
from pod_index.store.packed_parts import SAME_ID, PackedDetails, PackedPod, PackedTuple, encode
from pod_index.store.workloads import Workload, controller_of, workload_of

OVERHEAD_BYTES = 448
"""What the details of a pod take besides their encoded parts: the headers of all objects, and the place of the shared
part in the dictionary."""

ID_PREFIXES = {prefix.encode(): prefix for prefix in ("containerd://", "cri-o://", "docker://")}
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

    def details_of(self, pod: Pod) -> Details | None:
        """Return the details of a pod; None if it was packed without."""
        packed = pod.details if isinstance(pod, PackedPod) else pack(pod).details
        if packed is None:
            return None
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


def pack(pod: Pod, *, details: bool = True) -> PackedPod:
    """Pack a pod, with its details if they are kept."""
    metadata, spec, status = pod.metadata, pod.spec, pod.status
    controller = controller_of(metadata)
    workload = workload_of(metadata, controller)
    if details:
        container_ids: list[bytes | str] = []
        packed = _pack_details(pod, ownership_of(controller, workload), container_ids)
    else:
        container_ids, packed = container_ids_of(pod), None
    return PackedPod(
        metadata,
        PodSpec(spec.node_name, spec.host_network),
        PodStatus(status.phase, status.start_time, status.pod_ip, status.pod_ips),
        workload=workload,
        container_ids=container_ids,
        details=packed,
    )


def _pack_details(
    pod: Pod, ownership: tuple[PackedTuple | None, PackedTuple | None], container_ids: list[bytes | str]
) -> PackedDetails:
    """Pack the details of a pod; append the IDs of its containers."""
    metadata, spec, status = pod.metadata, pod.spec, pod.status
    own: list[PackedTuple] = []
    own_ownership, shared_ownership = ownership
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
    own_part = (
        status.host_ip,
        [pod_ip.ip for pod_ip in status.pod_ips] if status.pod_ips else (),
        status.start_time,
        status.reason,
        metadata.deletion_timestamp,
        own,
        own_ownership,
    )
    encoded = encode(template)
    return PackedDetails(encode(own_part), encoded if len(encoded) > SHARED_PART_BYTES else _shared(encoded))


@lru_cache(512)
def _shared(encoded: bytes) -> bytes:
    """Return the same object for the same TemplatePart. Without this, those of a page make the heap grow and shrink."""
    return encoded


def ownership_of(
    controller: OwnerReference | None, workload: Workload
) -> tuple[PackedTuple | None, PackedTuple | None]:
    """Return the Ownership of a pod: for its OwnPart, or for its TemplatePart."""
    of_workload = (workload.api_version, workload.kind, workload.name, workload.source)
    if controller is None:
        return (None, of_workload), None
    ownership = (controller.api_version, controller.kind, controller.name, controller.uid), of_workload
    # ReplicaSets, StatefulSets and DaemonSets have a template for many pods. But most Jobs have one pod, and many
    # Jobs have the same template.
    return (None, ownership) if controller.api_version.startswith("apps/") else (ownership, None)


def pack_id(container_id: bytes) -> tuple[str, bytes] | None:
    """Return the prefix and the value of a container ID with 64 hexadecimal digits; None if it has another form."""
    prefix = ID_PREFIXES.get(container_id[:-64])
    if prefix is not None:
        digits = container_id[-64:]
        try:
            value = unhexlify(digits)
        except ValueError:
            return None
        if hexlify(value) == digits:  # in lower case
            return prefix, value
    return None


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
        prefix, packed_id, container_id = None, None, status.container_id
        if container_id:
            packed_id = container_id.encode()
            if packed := pack_id(packed_id):
                prefix, packed_id = packed
            container_ids.append(container_id if prefix is None else packed_id)
        template.append((status.name, status.image_id, prefix))
        state, last_state = status.state, status.last_state
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
    if state.terminated is not None:
        last = state.terminated
        ended_id = SAME_ID if last.container_id and last.container_id == container_id else last.container_id
        return 2, ended_id, last.exit_code, last.reason, last.finished_at
    if state.waiting is not None:
        return 1, state.waiting.reason
    return None
