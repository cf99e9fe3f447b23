"""Parse identifiers of pods: UIDs, cgroup and log paths, container IDs, IPs, names.

The result is a list of candidates. The index decides which of them exist. For names, see
https://kubernetes.io/docs/concepts/overview/working-with-objects/names/.
"""

import re
import socket
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, NamedTuple

from pod_index.store.paths import (
    CONTAINER,
    MAX_DEPTH,
    UID,
    Claim,
    canonical_uid,
    is_name,
    parse_cut_link,
    parse_path,
    split_paths,
)

MAX_LENGTH = 8 * 1024
"""The longest accepted text, in characters. A whole /proc/PID/cgroup of a nested cluster has half as many."""

MAX_CANDIDATES = 32
"""The highest number of candidates in a text. Real texts have up to seven. The index looks up each one."""

MAX_CLAIMS = MAX_DEPTH
"""The highest number of pods and containers in a text, repeated ones included. A /proc/PID/cgroup of version 1 has up
to 14 lines, with seven in each."""

Kind = Literal["uid", "containerID", "ip", "name"]
"""The kind of an identifier. ``name`` is namespace/name."""


class IdentifierError(ValueError):
    """The text is not an identifier of a pod. The message is one line that lists the accepted identifiers."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(f"{problem}: {remedy}")
        self.problem = problem
        """The message without the accepted identifiers."""


class Identifier(NamedTuple):
    """A parsed identifier."""

    kind: Kind
    value: str
    """The canonical text."""
    container_ids: tuple[str, ...] = ()
    """Of a UID: the IDs of the pod's containers in the same path."""
    pod_name: str = ""
    """Of a UID: the pod's namespace/name in the same component of a path."""
    container_names: tuple[str, ...] = ()
    """Of a UID: the names of the pod's containers in the log paths of the whole text."""


_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://")
# A whole text with a scheme and without a path. Container IDs of virtual kubelets can have any form.
_WITH_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://[^\s/]+")

_EXCERPT_LENGTH = 60

SHORT_ID_LENGTH = 12
"""How many digits a short container ID has at least: docker prints 12, and crictl 13."""

_DIGITS = re.compile("[0-9a-fA-F]+")

_WITH_PORT = re.compile(r"([0-9.]+|\[[^]]+\]):(0|[1-9][0-9]{0,4})", re.ASCII)
_PORT_MAX = 65_535

# An IPv6 address with an embedded IPv4 address, in brackets.
_LONGEST_IP = len("[ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255]")
_MAPPED = bytes(10) + b"\xff\xff"


def parse(text: str) -> tuple[Identifier, ...]:
    """Return the candidates in ``text``, without duplicates, the most likely first.

    Pods come before containers. Clusters can be nested (kind), so inner pods and containers come before outer ones. A
    file name in /var/log/containers gives only the container, because a new pod may have the pod's name already. If the
    kubelet cut the container ID off, it gives the name.

    A UID has what the same path says about its pod. Each path is a statement of its own: if several paths have the same
    UID, and say different things about its pod, each is a candidate. A path that says nothing more comes after them.

    Raise IdentifierError if ``text`` has no candidate, or more than MAX_CANDIDATES.
    """
    if len(text) > MAX_LENGTH:
        raise _error(text, f"is longer than {MAX_LENGTH} characters")
    text = text.strip()
    if (ip := parse_ip(text)) is not None:
        return (Identifier("ip", ip),)
    if (uid := parse_uid(text)) is not None:
        return (Identifier("uid", uid),)
    if is_short_id(text):
        return (Identifier("containerID", text.lower()),)
    paths = split_paths(text)
    found = dict.fromkeys(_parse_paths(text, paths))
    if _WITH_SCHEME.fullmatch(text):
        found[Identifier("containerID", parse_container_id(text))] = None
    if len(found) > MAX_CANDIDATES:
        raise _too_many(text)
    if found:
        return tuple(found)
    if is_name(text):
        return (Identifier("name", text),)
    return _parse_cut_links(text, paths)


def parse_uid(text: str) -> str | None:
    """Return the canonical form of a UID, or None if ``text`` is not a UID.

    Accepts dashes, underscores (systemd's cgroups) and 32 hexadecimal digits (static pods), with or without the prefix
    ``pod``.
    """
    match = UID.fullmatch(text.strip())
    return canonical_uid(match[1]) if match else None


def parse_container_id(text: str) -> str:
    """Return a container ID without its scheme and without the prefix and suffix of a cgroup. It may be empty.

    It is in lower case if it has only hexadecimal digits, also if it is short.

    For the scheme, see https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#PodStatus.
    """
    text = text.strip()
    if scheme := _SCHEME.match(text):
        text = text[scheme.end() :].strip()
    match = CONTAINER.fullmatch(text)
    if match:
        return match[1].lower()
    return text.lower() if is_short_id(text) else text


def is_short_id(container_id: str) -> bool:
    """Return whether a container ID can be the beginning of a longer one: it has 12 to 63 hexadecimal digits.

    As an identifier without a scheme, 32 digits are a UID, so ``parse`` does not regard them as a container ID.
    """
    return SHORT_ID_LENGTH <= len(container_id) < 64 and _DIGITS.fullmatch(container_id) is not None


def parse_ip(text: str) -> str | None:
    """Return the canonical form of an IP address, or None if ``text`` is not an IP address.

    It may have a port, after an IPv4 address or after an IPv6 address in brackets.
    """
    text = text.strip()
    ip = canonical_ip(text)
    if ip is not None or ":" not in text or len(text) > _LONGEST_IP + len(f":{_PORT_MAX}"):
        return ip
    match = _WITH_PORT.fullmatch(text)
    return canonical_ip(match[1]) if match and int(match[2]) <= _PORT_MAX else None


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


def _parse_paths(text: str, paths: Iterable[Sequence[str]]) -> Iterator[Identifier]:
    """Yield the pods and containers in the paths of ``text``, with duplicates."""
    found: dict[tuple[Kind, str], list[Claim]] = {}
    names: dict[str, tuple[str, ...]] = {}
    count = 0
    for path in paths:
        claims = parse_path(path)
        count += max((claim.depth for claim in claims), default=0)
        if count > MAX_CLAIMS:
            raise _too_many(text)
        for claim in claims:
            found.setdefault((claim.kind, claim.value), []).append(claim)
            if claim.container_name and claim.container_name not in names.get(claim.value, ()):
                names[claim.value] = (*names.get(claim.value, ()), claim.container_name)
    for kind, value in sorted(found, key=lambda key: (key[0] != "uid", -max(claim.depth for claim in found[key]))):
        for claim in sorted(
            found[kind, value], key=lambda claim: (not claim.container_ids and not claim.pod_name, -claim.depth)
        ):
            yield Identifier(kind, value, claim.container_ids, claim.pod_name, names.get(value, ()))


def _parse_cut_links(text: str, paths: Sequence[Sequence[str]]) -> tuple[Identifier, ...]:
    names = [name for path in paths if (name := parse_cut_link(path)) is not None]
    if found := tuple(Identifier("name", name) for name in dict.fromkeys(names) if name):
        return found
    if names:
        raise _error(
            text,
            "is a file name that the kubelet cut at 255 characters",
            "the path in /var/log/pods that it links to, or ",
        )
    raise _error(text, "is not an identifier of a pod")


def _too_many(text: str) -> IdentifierError:
    return _error(text, "names too many pods and containers", "one path, ")


def _error(text: str, problem: str, remedy: str = "") -> IdentifierError:
    excerpt = repr(text[: _EXCERPT_LENGTH + 1])  # repr() escapes line feeds and lone surrogates.
    if len(excerpt) > _EXCERPT_LENGTH:
        excerpt = f"{excerpt[:_EXCERPT_LENGTH]}..."
    return IdentifierError(
        f"{excerpt} {problem}",
        f"give {remedy}a UID, a cgroup or log path, a container ID, an IP address or namespace/name",
    )
