r"""Parse paths: find the pods and the containers that a path names.

A path is any text without whitespace: of a cgroup, a log, a volume or a container, with the separators of Linux or
Windows, or what tools make of such a path:

- systemd escapes it in the name of a unit: https://www.freedesktop.org/software/systemd/man/systemd.unit.html. ``-``
  is ``/``, and ``\x2d`` is ``-``.
- Fluent Bit and Fluentd write dots for the separators in a tag: https://docs.fluentbit.io/manual/pipeline/inputs/tail.
- tree, findmnt and systemd-cgls draw lines before it.

Other sources: the kubelet (pkg/kubelet/cm for cgroups, pkg/kubelet/kuberuntime/helpers.go for logs, legacy.go there for
the links to them) and https://www.freedesktop.org/software/systemd/man/systemd.slice.html.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

# UIDs and container IDs have fixed lengths. Where a pattern has a choice, each choice starts at a separator that the
# part after it cannot contain, so every match takes linear time. Possessive quantifiers (++) halve it.
# ASCII, because some other letters equal ASCII letters when case is ignored.
_IGNORE_CASE = re.ASCII | re.IGNORECASE

# The kubelet's UID of a static pod is a hash without separators. The mirror pod at the API server has it in the
# annotation kubernetes.io/config.hash: https://kubernetes.io/docs/reference/labels-annotations-taints/
_STATIC = r"[0-9a-f]{32}"
_DASHED = rf"[0-9a-f]{{8}}(?:-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}}|{_STATIC}"
# A dash in the name of a slice separates parent and child, so the kubelet writes underscores. Some tools change only
# part of them back.
_ANY_UID = rf"{_STATIC}|[0-9a-f]{{8}}(?:[-_][0-9a-f]{{4}}){{3}}[-_][0-9a-f]{{12}}"

UID = re.compile(rf"(?:pod)?({_ANY_UID})", _IGNORE_CASE)

# Runtimes add a prefix to the ID (cri-containerd-, crio-conmon-, libpod-, kata_, Container_), systemd adds the type of
# the unit.
CONTAINER = re.compile(r"(?:[A-Za-z]++[-_])*+([0-9a-fA-F]{64})(?:\.(?:scope|service|slice))?")

# The cgroupfs driver's pod<uid>, and the systemd driver's kubepods-burstable-pod<uid>.slice.
_CGROUP = re.compile(rf"pod({_ANY_UID})|(?:.*-)?pod({_ANY_UID})\.slice", _IGNORE_CASE)

# <namespace>_<name>_<uid> in /var/log/pods, also in a tag. The UID never has underscores: trident_pvc_<uuid with
# underscores> is a volume. Before the namespace, an underscore would be part of another form, except in a tag.
_LOG_DIRECTORY = re.compile(
    rf"(?:.*\.pods\.|[^_]*\.)?([a-z0-9-]++)_([a-z0-9.-]++)_({_DASHED})(?:\.(.*))?", _IGNORE_CASE
)

# Names of containers end in <name>_<namespace>_<uid>_<attempt>. Before it, docker, cri-dockerd and CRI-O write
# k8s_<container>_, and containerd <container>_. A sandbox has POD as container, or none. After a conflict of names,
# _<random> follows: pkg/kubelet/dockershim/naming.go.
_CONTAINER_NAME = re.compile(
    rf"(?:.*_)?([a-z0-9.-]++)_([a-z0-9-]++)_({_DASHED})_[0-9a-f]++(?:_[0-9a-f]++)?+(?:\.(.*))?", _IGNORE_CASE
)

# A tag with the kubelet's directory of a pod, or with its log directory before Kubernetes 1.14.
_POD_TAG = re.compile(rf".*\.pods\.({_DASHED})(?:\.(.*))?", _IGNORE_CASE)

# Files in /var/log/containers are <name>_<namespace>_<container>-<id>.log. Docker's files are <id>-json.log, rotated to
# <id>-json.log.1 and <id>-json.log.1.gz. Old versions of CRI-O wrote <id>.log.
_CONTAINER_LOG = re.compile(
    r"(?:(?:.*\.)?[a-z0-9-]*+_[a-z0-9-]++_[a-z0-9-]+-)?([0-9a-f]{64})(?:-json)?\.log(?:\.[0-9]+)?(?:\.gz)?",
    _IGNORE_CASE,
)

# A tag with docker's directory of a container, or of docker's driver for Fluentd.
_CONTAINER_TAG = re.compile(r"(?:.*\.)?(?:containers|docker)\.([0-9a-f]{64})(?:\..*)?", _IGNORE_CASE)

# The box drawing characters are those of tree and systemd-cgls. Without UTF-8 they write |- and `-, tree of Windows
# writes +--- and \---.
_ASCII_BRANCH = re.compile(r"[|`+\\]-+")
_BOX_BRANCH = re.compile(r"[\u2500-\u257f][/\u2500-\u257f]*")

_SHORTEST_COMPONENT = 32  # A hash. No shorter component names a pod or a container.
_CONTAINER_ID_LENGTH = 64

_PATH_UNIT_TYPES = (".mount", ".automount")
_UNIT_TYPES = (
    *_PATH_UNIT_TYPES,
    *(".slice", ".scope", ".service", ".socket", ".device", ".swap", ".path", ".timer", ".target"),
)
# JSON and PromQL double the backslash.
_ESCAPE = re.compile(r"\\{1,2}x([0-9a-fA-F]{2})")

# The kubelet's directories of a pod's volumes. Any tree of directories can be below, also that of a container runtime.
_VOLUME_DIRECTORIES = frozenset({"volumes", "volume-subpaths", "volumedevices"})
_SHORTEST_VOLUME_DIRECTORY = min(map(len, _VOLUME_DIRECTORIES))

MAX_DEPTH = 128
"""The highest number of pods and containers in a path. Clusters that are nested three times have seven."""

# The kubelet cuts <name>_<namespace>_<container>-<id>, so that it has 255 characters with .log, as ext4 allows.
_CUT_LENGTH = 255
_CUT_TAG = "containers."
_CUT_LINK = re.compile(r"([a-z0-9.-]+)(?:_([a-z0-9-]*)(_[a-z0-9-]*)?)?\.log", _IGNORE_CASE)

# DNS-1123 labels and subdomains: letters and digits, separated by dashes or single dots.
_NAMESPACE = re.compile(r"[a-z0-9]+(?:-+[a-z0-9]+)*")
_NAME = re.compile(r"[a-z0-9]+(?:(?:-+|\.)[a-z0-9]+)*")
_CONTAINER_LABEL = re.compile(r"[a-z0-9-]{1,63}", _IGNORE_CASE)
_SANDBOX = "POD"
_NAMESPACE_MAX_LENGTH = 63
_NAME_MAX_LENGTH = 253


@dataclass(slots=True)
class Claim:
    """A pod or a container that a path names."""

    kind: Literal["uid", "containerID"]
    value: str
    pod_name: str = ""
    """The namespace/name of the pod in the same component of the path."""
    container_ids: tuple[str, ...] = ()
    """The containers of the pod in the same path."""
    container_name: str | None = ""
    """The container of the pod that a log path or the name of a container names. None if the next component does."""
    depth: int = 0
    """The number of pods and containers in the path up to this one."""


def split_paths(text: str) -> list[list[str]]:
    """Return the components of the paths in ``text``, the last path first. No component is empty.

    Paths that are too short for a pod or a container are left out.
    """
    if not text.isascii():
        text = _BOX_BRANCH.sub("/", text)
    if "-" in text:
        text = _ASCII_BRANCH.sub("/", text)
    paths = [path for path in reversed(text.split()) if len(path) >= _SHORTEST_COMPONENT]
    if "mount" in text or r"\x" in text:
        paths = list(map(_unescape_units, paths))
    else:
        paths = list(map(_replace_separators, paths))
    return [list(filter(None, path.split("/"))) for path in paths]


def parse_path(components: Iterable[str]) -> list[Claim]:
    """Return the pods and containers that the components of a path name, the outermost first.

    A container belongs to the last pod before it. Those in a volume belong to no pod. What comes after the pod or
    container with a depth over MAX_DEPTH is left out.
    """
    claims: list[Claim] = []
    pod: Claim | None = None
    depth = 0
    parent = ""
    for component in components:
        length = len(component)
        if pod and pod.container_name is None:
            pod.container_name = _container_name(component)
        if length >= _SHORTEST_COMPONENT:
            for claim in _parse_component(component, parent):
                depth += 1
                if claim.kind == "containerID":
                    if pod and claim.value not in pod.container_ids:
                        pod.container_ids += (claim.value,)
                elif pod and pod.value == claim.value and (not claim.pod_name or pod.pod_name in ("", claim.pod_name)):
                    pod.pod_name = claim.pod_name or pod.pod_name
                    if claim.container_name != "":
                        pod.container_name = claim.container_name
                    pod.depth = depth
                    continue
                else:
                    pod = claim
                claim.depth = depth
                claims.append(claim)
            if depth > MAX_DEPTH:
                break
        elif length >= _SHORTEST_VOLUME_DIRECTORY and pod and component.lower() in _VOLUME_DIRECTORIES:
            pod = None
        parent = component
    return claims


def parse_cut_link(components: Iterable[str]) -> str | None:
    """Return what a link in /var/log/containers names if the kubelet cut it before the end of the container ID.

    The result is namespace/name, or ``""`` if the rest of the link does not name one pod for certain, or None if there
    is no such link in the components of a path.
    """
    for component in components:
        start = len(component) - _CUT_LENGTH
        if start < 0 or (start > 0 and not component[:start].lower().endswith(_CUT_TAG)):
            continue
        if match := _CUT_LINK.fullmatch(component, start):
            name, namespace, container = match.groups()
            is_whole = container is not None or len(namespace or "") == _NAMESPACE_MAX_LENGTH
            pod_name = f"{namespace}/{name}".lower()
            return pod_name if is_whole and is_name(pod_name) else ""
    return None


def canonical_uid(uid: str) -> str:
    """Return a UID that ``UID`` matches with dashes and in lower case."""
    return uid.replace("_", "-").lower()


def is_name(text: str) -> bool:
    """Return whether ``text`` is a valid namespace/name."""
    namespace, _, name = text.partition("/")
    return (
        len(namespace) <= _NAMESPACE_MAX_LENGTH
        and len(name) <= _NAME_MAX_LENGTH
        and _NAMESPACE.fullmatch(namespace) is not None
        and _NAME.fullmatch(name) is not None
    )


def _replace_separators(path: str) -> str:
    return path.replace("\\", "/").replace(":", "/")


def _unescape_units(path: str) -> str:
    """Replace the names of units by their paths, and the separators elsewhere.

    A unit comes before backslashes and colons: they are separators only in other components.
    """
    parts = path.split("/")
    replaced: list[str] = []
    start = 0
    for number, part in enumerate(parts):
        if len(part) >= _SHORTEST_COMPONENT and (unescaped := _unescape(part)) is not None:
            replaced += _replace_separators("/".join(parts[start:number])), unescaped
            start = number + 1
    replaced.append(_replace_separators("/".join(parts[start:])))
    return "/".join(replaced)


def _unescape(unit: str) -> str | None:
    """Return the path in the name of a unit, or None if ``unit`` has no path."""
    if not unit.endswith(_UNIT_TYPES):
        return None
    if "\\" not in unit and not unit.endswith(_PATH_UNIT_TYPES):
        return None
    # Text and escaped bytes in turns. One conversion of all of them is ten times as fast as one of each.
    pieces = _ESCAPE.split(unit.replace("-", "/"))
    if "\\" in "".join(pieces[::2]):
        return None  # A path on Windows.
    pieces[1::2] = bytes.fromhex("".join(pieces[1::2])).decode("latin-1")
    return "".join(pieces)


def _parse_component(component: str, parent: str) -> list[Claim]:
    has_container = len(component) >= _CONTAINER_ID_LENGTH
    if has_container and (match := CONTAINER.fullmatch(component)):
        return [Claim("containerID", match[1].lower())]
    # The kubelet's directory of a pod is <any root>/pods/<uid>. A UUID elsewhere in a path can be that of a volume.
    if match := (parent.lower() == "pods" and UID.fullmatch(component)) or _CGROUP.fullmatch(component):
        return [Claim("uid", canonical_uid(match[match.lastindex or 0]))]
    if "_" in component:
        if match := _LOG_DIRECTORY.fullmatch(component):
            namespace, name, uid, rest = match.groups()
            claims = _parse_pod(uid, f"{namespace}/{name}", rest)
            claims[0].container_name = None if rest is None else _container_name(rest.partition(".")[0])
            return claims
        if match := _CONTAINER_NAME.fullmatch(component):
            name, namespace, uid, rest = match.groups()
            claims = _parse_pod(uid, f"{namespace}/{name}", rest)
            before, _, container = component[: match.start(1)].removesuffix("_").rpartition("_")
            # The name of a sandbox may have no container: k8s_<name>.
            claims[0].container_name = _container_name(container) if before or container != "k8s" else ""
            return claims
    if match := _POD_TAG.fullmatch(component):
        return _parse_pod(match[1], "", match[2])
    if has_container and (match := _CONTAINER_LOG.fullmatch(component) or _CONTAINER_TAG.fullmatch(component)):
        return [Claim("containerID", match[1].lower())]
    return []


def _container_name(text: str) -> str:
    return text.lower() if _CONTAINER_LABEL.fullmatch(text) and text != _SANDBOX else ""


def _parse_pod(uid: str, pod_name: str, rest: str | None) -> list[Claim]:
    """Return a pod, and the containers in the rest of a tag."""
    pod_name = pod_name.lower()
    claims = [Claim("uid", canonical_uid(uid), pod_name if is_name(pod_name) else "")]
    for part in filter(None, (rest or "").split(".")):
        if len(part) < _SHORTEST_COMPONENT:
            if len(part) >= _SHORTEST_VOLUME_DIRECTORY and part.lower() in _VOLUME_DIRECTORIES:
                break
        elif len(part) >= _CONTAINER_ID_LENGTH and (match := CONTAINER.fullmatch(part)):
            claims.append(Claim("containerID", match[1].lower()))
    return claims
