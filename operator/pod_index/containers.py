"""Containers of pods, cut down to the fields that pod-index reads. The names are those of the Kubernetes API.

https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#PodStatus
"""

from msgspec import Struct, field


class Container(Struct, rename="camel", gc=False):
    """One of ``spec.containers``, or of the init or ephemeral containers."""

    name: str = ""
    image: str | None = None
    restart_policy: str | None = None


class WaitingState(Struct, rename="camel", omit_defaults=True, gc=False):
    """``waiting`` in the state of a container."""

    reason: str | None = None


class RunningState(Struct, rename="camel", omit_defaults=True, gc=False):
    """``running`` in the state of a container."""

    started_at: str | None = None


class TerminatedState(Struct, rename="camel", omit_defaults=True, gc=False):
    """``terminated`` in the state of a container."""

    container_id: str | None = field(name="containerID", default=None)
    exit_code: int | None = None
    reason: str | None = None
    finished_at: str | None = None


class ContainerState(Struct, rename="camel", omit_defaults=True, gc=False, frozen=True):
    """``state`` of a container, or ``lastState``, which is how its previous run ended."""

    waiting: WaitingState | None = None
    running: RunningState | None = None
    terminated: TerminatedState | None = None


NO_STATE = ContainerState()
"""The API server sends an empty object where there is no state."""


class ContainerStatus(Struct, rename="camel", gc=False):
    """One of ``status.containerStatuses``, or of those of init and ephemeral containers."""

    container_id: str | None = field(name="containerID", default=None)
    last_state: ContainerState | None = NO_STATE
    name: str = ""
    image_id: str = field(name="imageID", default="")
    restart_count: int = 0
    ready: bool = False
    state: ContainerState | None = NO_STATE
