"""The details of pods, kept in a compact form. ``detailed_records`` makes their JSON when a lookup asks for it.

A pod of a workload has most of its details in common with the others: images, image IDs, names, the owner. These are
kept once, as long as a pod has them. The rest is about 100 bytes for each container.
"""

from typing import Literal, TypeAlias
from weakref import WeakValueDictionary

import msgspec
from msgspec import Struct

from pod_index.containers import NO_STATE, Container, ContainerState, ContainerStatus
from pod_index.pods import Pod
from pod_index.store.workloads import controller_of, workload_of

ContainerType = Literal["container", "init", "sidecar", "ephemeral"]

OVERHEAD_BYTES = 448
"""What the details of a pod take besides their encoded parts: the headers of all objects, and the place of the shared
part in the dictionary."""

SAME_ID = True
"""Stands for a container ID in the state of a container: it is the current ID of the container."""


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


# The encoded parts are arrays: the names of the fields would take more memory than the values. ``DetailsStore`` encodes
# tuples, which are made faster.


class PackedRunning(Struct, array_like=True, tag=0, gc=False):
    """``running`` in the state of a container."""

    started_at: str | None


class PackedWaiting(Struct, array_like=True, tag=1, gc=False):
    """``waiting`` in the state of a container."""

    reason: str | None


class PackedTerminated(Struct, array_like=True, tag=2, gc=False):
    """``terminated`` in the state of a container."""

    container_id: str | bool | None
    """Or SAME_ID."""
    exit_code: int | None
    reason: str | None
    finished_at: str | None


PackedState = PackedRunning | PackedWaiting | PackedTerminated


class OwnContainer(Struct, array_like=True, gc=False):
    """What only one container has. Without a status it is empty."""

    container_id: str | None = None
    restart_count: int | None = None
    ready: bool | None = None
    state: PackedState | None = None
    last_state: PackedState | None = None


class Ownership(Struct, array_like=True, gc=False):
    """The fields of the owner and of the workload."""

    owner: tuple[str, str, str, str] | None
    workload: tuple[str, str, str, str]


class OwnPart(Struct, array_like=True, gc=False):
    """What only one pod has."""

    host_ip: str | None
    pod_ips: list[str] | None
    start_time: str | None
    reason: str | None
    deletion_timestamp: str | None
    containers: list[OwnContainer]
    ownership: Ownership | None
    """None if the TemplatePart has it."""


class TemplateContainer(Struct, array_like=True, gc=False):
    """What the same container of several pods has in common."""

    name: str
    type: ContainerType
    image: str | None
    image_id: str | None


class TemplatePart(Struct, array_like=True, gc=False):
    """What pods with the same template and images have in common; the containers are those of the OwnPart."""

    host_network: bool
    service_account_name: str | None
    qos_class: str | None
    containers: list[TemplateContainer]
    ownership: Ownership | None


_Tuple: TypeAlias = tuple[object, ...]

_encode = msgspec.msgpack.Encoder().encode
decode_own = msgspec.msgpack.Decoder(OwnPart).decode
decode_template = msgspec.msgpack.Decoder(TemplatePart).decode


class DetailsStore:
    """Makes the details of pods, and keeps their shared parts as long as a pod has them."""

    def __init__(self) -> None:
        self._shared: WeakValueDictionary[bytes, SharedPart] = WeakValueDictionary()

    def __len__(self) -> int:
        """Return the number of shared parts."""
        return len(self._shared)

    def details_of(self, pod: Pod) -> Details:
        """Return the details of a pod."""
        metadata, spec, status = pod.metadata, pod.spec, pod.status
        own: list[_Tuple] = []
        template: list[_Tuple] = []
        if spec.init_containers:
            _join("init", spec.init_containers, status.init_container_statuses, own, template)
        if spec.containers:
            _join("container", spec.containers, status.container_statuses, own, template)
        if spec.ephemeral_containers:
            _join("ephemeral", spec.ephemeral_containers, status.ephemeral_container_statuses, own, template)
        pod_ips = [pod_ip.ip for pod_ip in status.pod_ips] if status.pod_ips else None
        controller = controller_of(metadata)
        owner = controller and (controller.api_version, controller.kind, controller.name, controller.uid)
        workload = workload_of(metadata, controller)
        ownership = (owner, (workload.api_version, workload.kind, workload.name, workload.source))
        # ReplicaSets, StatefulSets and DaemonSets have a template for many pods. But most Jobs have one pod, and many
        # Jobs have the same template.
        is_shared = controller is not None and controller.api_version.startswith("apps/")
        return Details(
            _encode(
                (
                    *(status.host_ip, pod_ips, status.start_time, status.reason, metadata.deletion_timestamp, own),
                    None if is_shared else ownership,
                )
            ),
            self._share(
                (
                    *(spec.host_network, spec.service_account_name, status.qos_class, template),
                    ownership if is_shared else None,
                )
            ),
        )

    def _share(self, part: _Tuple) -> SharedPart:
        encoded = _encode(part)
        shared = self._shared.get(encoded)
        if shared is None:
            shared = self._shared[encoded] = SharedPart(encoded)
        return shared


def _join(
    list_type: ContainerType,
    containers: list[Container],
    statuses: list[ContainerStatus] | None,
    own: list[_Tuple],
    template: list[_Tuple],
) -> None:
    """Append the containers of one list in the spec, with their statuses, which can have another order."""
    statuses_by_name = {status.name: status for status in statuses} if statuses else {}
    for container in containers:
        name = container.name
        container_type = list_type
        # https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/
        if container.restart_policy == "Always" and list_type == "init":
            container_type = "sidecar"
        status = statuses_by_name.get(name)
        if status is None:
            own.append(())
            template.append((name, container_type, container.image, None))
            continue
        container_id = status.container_id
        own.append(
            (
                container_id,
                status.restart_count,
                status.ready,
                _pack(status.state, container_id),
                _pack(status.last_state, container_id),
            )
        )
        # The image of the status can be another tag, or a digest: https://github.com/kubernetes/kubernetes/issues/51017
        template.append((name, container_type, container.image, status.image_id or None))


def _pack(state: ContainerState | None, container_id: str | None) -> _Tuple | None:
    """Return a state as the Struct with the same tag has it; None if it is empty."""
    if state is None or state is NO_STATE:
        return None
    if state.running is not None:
        return 0, state.running.started_at
    if state.waiting is not None:
        return 1, state.waiting.reason
    if state.terminated is None:
        return None
    last = state.terminated
    same = container_id is not None and last.container_id == container_id
    return 2, SAME_ID if same else last.container_id, last.exit_code, last.reason, last.finished_at
