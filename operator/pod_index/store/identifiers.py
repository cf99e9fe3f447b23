"""What callers hold of a pod, as they hold it: UIDs, cgroup and log paths, container IDs, IP addresses, names.

Nothing is looked up here: a text gives candidates, and whoever knows the pods says which of them exists. Facts are from
https://kubernetes.io/docs/concepts/overview/working-with-objects/names/, the kubelet (pkg/kubelet/cm for cgroups,
pkg/kubelet/kuberuntime/helpers.go for logs) and https://www.freedesktop.org/software/systemd/man/systemd.slice.html.
"""

import re
import socket
from typing import Literal, NamedTuple

MAX_LENGTH = 8 * 1024
"""The longest text that is read, in characters: a whole /proc/PID/cgroup of a nested cluster has half as many."""

Kind = Literal["uid", "containerID", "ip", "name"]
"""What an identifier is; ``name`` is namespace/name."""


class IdentifierError(ValueError):
    """The text names no pod; the message is one line that says what would."""


class Identifier(NamedTuple):
    """One candidate: what it is, and its canonical text."""

    kind: Kind
    value: str


# No pattern can match one text in two ways, and UIDs and container IDs have fixed lengths, so that every match takes
# linear time. ASCII, since other alphabets have letters that are ours when case is ignored.
_IGNORE_CASE = re.ASCII | re.IGNORECASE

# The kubelet's UID of a static pod is a hash without separators, which the pod's mirror at the API server has as its
# annotation kubernetes.io/config.hash: https://kubernetes.io/docs/reference/labels-annotations-taints/
_STATIC = r"[0-9a-f]{32}"
_DASHED = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
# A dash in a slice's name means a parent slice, so the kubelet writes underscores; some tools undo half of that.
_ANY_UID = rf"{_STATIC}|[0-9a-f]{{8}}(?:[-_][0-9a-f]{{4}}){{3}}[-_][0-9a-f]{{12}}"

_UID = re.compile(rf"(?:pod)?({_ANY_UID})", _IGNORE_CASE)

# The cgroupfs driver's pod<uid>, the systemd driver's kubepods-burstable-pod<uid>.slice, and <namespace>_<name>_<uid>
# in /var/log/pods. The last one never with underscores: trident_pvc_<uuid with underscores> is a volume.
_POD = re.compile(
    rf"pod({_ANY_UID})|(?:.*-)?pod({_ANY_UID})\.slice|[a-z0-9-]+_[a-z0-9.-]+_({_DASHED}|{_STATIC})", _IGNORE_CASE
)

# Runtimes put their names before the ID (cri-containerd-, crio-conmon-, libpod-, kata_), systemd a type of unit after.
_CONTAINER = re.compile(r"(?:[a-z]+[-_])*([0-9a-fA-F]{64})(?:\.(?:scope|service|slice))?")

# Files in /var/log/containers are <name>_<namespace>_<container>-<id>.log; docker's are <id>-json.log, rotated to
# <id>-json.log.1 and <id>-json.log.1.gz; older CRI-Os wrote <id>.log.
_CONTAINER_LOG = re.compile(
    r"(?:[a-z0-9.-]+_[a-z0-9-]+_[a-z0-9-]+-)?([0-9a-f]{64})(?:-json)?\.log(?:\.[0-9]+)?(?:\.gz)?", _IGNORE_CASE
)

_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://")
# A whole text with a scheme and no path: IDs of virtual kubelets have any form.
_WITH_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://[^\s/]+")

# DNS-1123 labels and subdomains: letters and digits, with runs of dashes or single dots between them.
_NAMESPACE = re.compile(r"[a-z0-9]+(?:-+[a-z0-9]+)*")
_NAME = re.compile(r"[a-z0-9]+(?:(?:-+|\.)[a-z0-9]+)*")
_NAMESPACE_MAX_LENGTH = 63
_NAME_MAX_LENGTH = 253

_SEPARATORS = re.compile(r"[/:]+")
_SHORTEST_COMPONENT = 32
_SHOWN_LENGTH = 60

# An IPv6 address with an embedded IPv4 address, in brackets.
_LONGEST_IP = len("[ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255]")
_MAPPED = bytes(10) + b"\xff\xff"


def parse(text: str) -> tuple[Identifier, ...]:
    """Give what ``text`` may name, each once and the likeliest first; raise IdentifierError for nothing.

    Pods come before containers and, as clusters can be nested (kind), inner ones before outer ones. The name of a log
    in /var/log/containers gives the container only: another pod may have the name of its pod by now.
    """
    if len(text) > MAX_LENGTH:
        raise _error(text, f"is longer than {MAX_LENGTH} characters")
    text = text.strip()
    if (ip := canonical_ip(text)) is not None:
        return (Identifier("ip", ip),)
    if (uid := parse_uid(text)) is not None:
        return (Identifier("uid", uid),)
    found = _named_in_paths(text)
    if _WITH_SCHEME.fullmatch(text):
        found.setdefault(Identifier("containerID", parse_container_id(text)), 0)
    if not found and _is_name(text):
        return (Identifier("name", text),)
    if not found:
        raise _error(text, "names no pod")
    return tuple(sorted(found, key=lambda identifier: (identifier.kind != "uid", -found[identifier])))


def parse_uid(text: str) -> str | None:
    """Give the canonical form of one UID, or None if it is none.

    Takes dashes, underscores (systemd's cgroups) and 32 hex digits (static pods), all with or without ``pod`` before.
    """
    match = _UID.fullmatch(text.strip())
    return _canonical_uid(match[1]) if match else None


def parse_container_id(text: str) -> str:
    """Give a container's ID without its scheme and what cgroups add to it; "" if nothing is left.

    https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#PodStatus has the scheme.
    """
    text = text.strip()
    if scheme := _SCHEME.match(text):
        text = text[scheme.end() :].strip()
    match = _CONTAINER.fullmatch(text)
    return match[1].lower() if match else text


def canonical_ip(text: str) -> str | None:
    """Give the one text of an IP address, that of IPv4 for IPv4 mapped into IPv6, or None if it is no address.

    IPv4 is a dotted quad, without leading zeros, which are octal to some. IPv6 is any notation of
    https://www.rfc-editor.org/rfc/rfc4291#section-2.2, also in brackets; an address with a zone is no pod's.
    """
    if len(text) > _LONGEST_IP:
        return None
    try:
        if ":" not in text:
            socket.inet_pton(socket.AF_INET, text)
            return text  # A dotted quad without leading zeros has one form only.
        if text[0] == "[" and text[-1] == "]":
            text = text[1:-1]
        packed = socket.inet_pton(socket.AF_INET6, text)
    except (OSError, ValueError):  # ValueError: NUL, or what has no UTF-8
        return None
    if packed.startswith(_MAPPED):
        return socket.inet_ntop(socket.AF_INET, packed[len(_MAPPED) :])
    shown = socket.inet_ntop(socket.AF_INET6, packed)
    if "." in shown:
        # glibc takes ::1:2 for an IPv4 address, as https://www.rfc-editor.org/rfc/rfc4291#section-2.5.5.1 did once.
        return f"::{int.from_bytes(packed[12:14]):x}:{int.from_bytes(packed[14:]):x}"
    return shown


def _named_in_paths(text: str) -> dict[Identifier, int]:
    """The pods and containers that the paths in ``text`` name, last path first, each with its depth in others."""
    found: dict[Identifier, int] = {}
    for path in reversed(text.split()):
        depth = 0
        parent = ""
        for component in _SEPARATORS.split(path):
            if identifier := _named_by(component, parent):
                depth += 1
                found[identifier] = max(depth, found.get(identifier, 0))
            parent = component
    return found


def _named_by(component: str, parent: str) -> Identifier | None:
    if len(component) < _SHORTEST_COMPONENT:
        return None
    # The kubelet's folder of a pod is <any root>/pods/<uid>. A UUID elsewhere is not a pod's but, say, a volume's.
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
    shown = repr(text[: _SHOWN_LENGTH + 1])  # It escapes what would break a line or cannot be encoded.
    if len(shown) > _SHOWN_LENGTH:
        shown = f"{shown[:_SHOWN_LENGTH]}..."
    return IdentifierError(
        f"{shown} {problem}: give a UID, a cgroup or log path, a container ID, an IP address or namespace/name"
    )
