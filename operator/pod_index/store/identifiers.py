"""Parse identifiers of pods: UIDs, cgroup and log paths, container IDs, IPs, names.

The result is a list of candidates. The index decides which of them exist. Sources:
https://kubernetes.io/docs/concepts/overview/working-with-objects/names/, the kubelet (pkg/kubelet/cm for cgroups,
pkg/kubelet/kuberuntime/helpers.go for logs) and https://www.freedesktop.org/software/systemd/man/systemd.slice.html.
"""

import re
import socket
from typing import Literal, NamedTuple

MAX_LENGTH = 8 * 1024
"""The longest accepted text, in characters. A whole /proc/PID/cgroup of a nested cluster has half as many."""

Kind = Literal["uid", "containerID", "ip", "name"]
"""The kind of an identifier. ``name`` is namespace/name."""


class IdentifierError(ValueError):
    """The text is not an identifier of a pod. The message is one line that lists the accepted identifiers."""


class Identifier(NamedTuple):
    """A parsed identifier."""

    kind: Kind
    value: str
    """The canonical text."""


# No pattern can match a text in two ways, and UIDs and container IDs have fixed lengths, so every match takes linear
# time. ASCII, because some other letters equal ASCII letters when case is ignored.
_IGNORE_CASE = re.ASCII | re.IGNORECASE

# The kubelet's UID of a static pod is a hash without separators. The mirror pod at the API server has it in the
# annotation kubernetes.io/config.hash: https://kubernetes.io/docs/reference/labels-annotations-taints/
_STATIC = r"[0-9a-f]{32}"
_DASHED = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
# A dash in the name of a slice separates parent and child, so the kubelet writes underscores. Some tools change only
# part of them back.
_ANY_UID = rf"{_STATIC}|[0-9a-f]{{8}}(?:[-_][0-9a-f]{{4}}){{3}}[-_][0-9a-f]{{12}}"

_UID = re.compile(rf"(?:pod)?({_ANY_UID})", _IGNORE_CASE)

# The cgroupfs driver's pod<uid>, the systemd driver's kubepods-burstable-pod<uid>.slice, and <namespace>_<name>_<uid>
# in /var/log/pods. The last form never has underscores in its UID: trident_pvc_<uuid with underscores> is a volume.
_POD = re.compile(
    rf"pod({_ANY_UID})|(?:.*-)?pod({_ANY_UID})\.slice|[a-z0-9-]+_[a-z0-9.-]+_({_DASHED}|{_STATIC})", _IGNORE_CASE
)

# Runtimes add a prefix to the ID (cri-containerd-, crio-conmon-, libpod-, kata_), systemd adds the type of the unit.
_CONTAINER = re.compile(r"(?:[a-z]+[-_])*([0-9a-fA-F]{64})(?:\.(?:scope|service|slice))?")

# Files in /var/log/containers are <name>_<namespace>_<container>-<id>.log. Docker's files are <id>-json.log, rotated to
# <id>-json.log.1 and <id>-json.log.1.gz. Old versions of CRI-O wrote <id>.log.
_CONTAINER_LOG = re.compile(
    r"(?:[a-z0-9.-]+_[a-z0-9-]+_[a-z0-9-]+-)?([0-9a-f]{64})(?:-json)?\.log(?:\.[0-9]+)?(?:\.gz)?", _IGNORE_CASE
)

_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://")
# A whole text with a scheme and without a path. Container IDs of virtual kubelets can have any form.
_WITH_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://[^\s/]+")

# DNS-1123 labels and subdomains: letters and digits, separated by dashes or single dots.
_NAMESPACE = re.compile(r"[a-z0-9]+(?:-+[a-z0-9]+)*")
_NAME = re.compile(r"[a-z0-9]+(?:(?:-+|\.)[a-z0-9]+)*")
_NAMESPACE_MAX_LENGTH = 63
_NAME_MAX_LENGTH = 253

_SEPARATORS = re.compile(r"[/:]+")
_SHORTEST_COMPONENT = 32
_EXCERPT_LENGTH = 60

# An IPv6 address with an embedded IPv4 address, in brackets.
_LONGEST_IP = len("[ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255]")
_MAPPED = bytes(10) + b"\xff\xff"


def parse(text: str) -> tuple[Identifier, ...]:
    """Return the candidates in ``text``, without duplicates, the most likely first.

    Pods come before containers. Clusters can be nested (kind), so inner pods and containers come before outer ones. A
    file name in /var/log/containers gives only the container, because a new pod may have the pod's name already.

    Raise IdentifierError if ``text`` has no candidate.
    """
    if len(text) > MAX_LENGTH:
        raise _error(text, f"is longer than {MAX_LENGTH} characters")
    text = text.strip()
    if (ip := canonical_ip(text)) is not None:
        return (Identifier("ip", ip),)
    if (uid := parse_uid(text)) is not None:
        return (Identifier("uid", uid),)
    found = _parse_paths(text)
    if _WITH_SCHEME.fullmatch(text):
        found.setdefault(Identifier("containerID", parse_container_id(text)), 0)
    if not found and _is_name(text):
        return (Identifier("name", text),)
    if not found:
        raise _error(text, "is not an identifier of a pod")
    return tuple(sorted(found, key=lambda identifier: (identifier.kind != "uid", -found[identifier])))


def parse_uid(text: str) -> str | None:
    """Return the canonical form of a UID, or None if ``text`` is not a UID.

    Accepts dashes, underscores (systemd's cgroups) and 32 hexadecimal digits (static pods), with or without the prefix
    ``pod``.
    """
    match = _UID.fullmatch(text.strip())
    return _canonical_uid(match[1]) if match else None


def parse_container_id(text: str) -> str:
    """Return a container ID without its scheme and without the prefix and suffix of a cgroup. It may be empty.

    For the scheme, see https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#PodStatus.
    """
    text = text.strip()
    if scheme := _SCHEME.match(text):
        text = text[scheme.end() :].strip()
    match = _CONTAINER.fullmatch(text)
    return match[1].lower() if match else text


def canonical_ip(text: str) -> str | None:
    """Return the canonical form of an IP address, or None if ``text`` is not an IP address.

    IPv4 is a dotted quad without leading zeros, which some parsers read as octal. IPv6 is any notation of
    https://www.rfc-editor.org/rfc/rfc4291#section-2.2, also in brackets, but without a zone, because no pod has one.
    The canonical form of an IPv4-mapped IPv6 address is the IPv4 address.
    """
    if len(text) > _LONGEST_IP:
        return None
    try:
        if ":" not in text:
            socket.inet_pton(socket.AF_INET, text)
            return text  # A dotted quad without leading zeros is canonical.
        if text[0] == "[" and text[-1] == "]":
            text = text[1:-1]
        packed = socket.inet_pton(socket.AF_INET6, text)
    except (OSError, ValueError):  # ValueError: NUL, or a lone surrogate
        return None
    if packed.startswith(_MAPPED):
        return socket.inet_ntop(socket.AF_INET, packed[len(_MAPPED) :])
    canonical = socket.inet_ntop(socket.AF_INET6, packed)
    if "." in canonical:
        # glibc formats ::1:2 as ::0.1.0.2, which https://www.rfc-editor.org/rfc/rfc4291#section-2.5.5.1 deprecates.
        return f"::{int.from_bytes(packed[12:14]):x}:{int.from_bytes(packed[14:]):x}"
    return canonical


def _parse_paths(text: str) -> dict[Identifier, int]:
    """Return the pods and containers in the paths of ``text``, the last path first, each with its depth of nesting."""
    found: dict[Identifier, int] = {}
    for path in reversed(text.split()):
        depth = 0
        parent = ""
        for component in _SEPARATORS.split(path):
            if identifier := _parse_component(component, parent):
                depth += 1
                found[identifier] = max(depth, found.get(identifier, 0))
            parent = component
    return found


def _parse_component(component: str, parent: str) -> Identifier | None:
    if len(component) < _SHORTEST_COMPONENT:
        return None
    # The kubelet's directory of a pod is <any root>/pods/<uid>. A UUID elsewhere in a path can be that of a volume.
    if parent == "pods" and (uid := parse_uid(component)):
        return Identifier("uid", uid)
    if match := _POD.fullmatch(component):
        return Identifier("uid", _canonical_uid(match[match.lastindex or 0]))
    if match := _CONTAINER.fullmatch(component) or _CONTAINER_LOG.fullmatch(component):
        return Identifier("containerID", match[1].lower())
    return None


def _canonical_uid(uid: str) -> str:
    return uid.replace("_", "-").lower()


def _is_name(text: str) -> bool:
    namespace, _, name = text.partition("/")
    return (
        len(namespace) <= _NAMESPACE_MAX_LENGTH
        and len(name) <= _NAME_MAX_LENGTH
        and _NAMESPACE.fullmatch(namespace) is not None
        and _NAME.fullmatch(name) is not None
    )


def _error(text: str, problem: str) -> IdentifierError:
    excerpt = repr(text[: _EXCERPT_LENGTH + 1])  # repr() escapes line feeds and lone surrogates.
    if len(excerpt) > _EXCERPT_LENGTH:
        excerpt = f"{excerpt[:_EXCERPT_LENGTH]}..."
    return IdentifierError(
        f"{excerpt} {problem}: give a UID, a cgroup or log path, a container ID, an IP address or namespace/name"
    )
