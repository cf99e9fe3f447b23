"""Hints: the remedy for a text that resembles an identifier of a pod.

A hint is the text of a ``Warning`` header, as the Kubernetes API sends them, and clients such as kubectl print it:
https://kubernetes.io/blog/2020/09/03/warnings/. So the response has no other status or body.
"""

import re
from collections.abc import Callable, Collection
from contextlib import suppress
from typing import NamedTuple

from pod_index.api.responses import Header, encode
from pod_index.store.identifiers import IdentifierError, Kind, parse, parse_uid
from pod_index.store.paths import is_name

MAX_LENGTH = 512
"""The maximum length of a text with a hint, in characters. A name with its namespace and a container has 380."""


class NearMiss(NamedTuple):
    """Texts that resemble an identifier, and need the same remedy."""

    matches: Callable[[str], object]
    hint: str
    """ASCII without quotes and backslashes."""
    parameters: Collection[str]
    """The parameters that the hint is for."""
    kind: Kind | None = None
    """What the remedy looks up. Without an index of this kind, the hint is of no use."""


def _is_name_alone(text: str) -> bool:
    """Return whether ``text`` is the name of a pod, also as kubectl prints it: pod/web-1. An IP has no letters."""
    name = re.sub("^(?:po|pods?)/", "", text)
    has_form = is_name(f"namespace/{name}") and re.search("[a-z]", name) is not None
    return has_form and _kind_of(text) in (None, "name")


def _has_three_parts(text: str) -> bool:
    """Return whether ``text`` has more than a namespace and a name: shop/web-1/main, or pods/shop/web-1."""
    first, _, rest = text.partition("/")
    second, _, third = rest.partition("/")
    return is_name(f"{first}/{second}") and is_name(f"{first}/{third}") and re.search("[a-z]", text) is not None


_cut_uid = re.compile(
    "[0-9a-f]{8}-[0-9a-f]{4}(?:-(?:[0-9a-f]{0,4}|[0-9a-f]{4}-(?:[0-9a-f]{0,4}|[0-9a-f]{4}-[0-9a-f]{0,11})))?",
    re.ASCII | re.IGNORECASE,
).fullmatch
# Words of hexadecimal digits can be names: facade.
_cut_container_id = re.compile(
    "(?:[a-z][a-z0-9+.-]*://)?(?=[a-f]*[0-9])[0-9a-f]{6,11}", re.ASCII | re.IGNORECASE
).fullmatch


def _is_other_identifier(text: str) -> bool:
    return parse_uid(text) is None and _kind_of(text) is not None


def _kind_of(text: str) -> Kind | None:
    with suppress(IdentifierError):
        return parse(text)[0].kind
    return None


CUT = "an ID is cut: give the whole UID, or at least 12 digits of the container ID"
NEAR_MISSES = (
    NearMiss(_cut_uid, CUT, ("uid", "id")),
    NearMiss(_cut_container_id, CUT, ("uid", "id", "containerID")),
    NearMiss(_is_name_alone, "a name needs its namespace, for example shop/web-1", ("uid", "id"), "name"),
    NearMiss(_has_three_parts, "a name is a namespace and a name only, for example shop/web-1", ("uid", "id"), "name"),
    NearMiss(_is_other_identifier, "uid takes UIDs only: give any other identifier as id", ("uid",)),
)
"""The first one that matches counts."""


def hint_for(parameter: str, text: str, kinds: Collection[str]) -> str:
    """Return the hint for a text that was not found, or "". ``kinds`` are the names of the indices."""
    text = text.strip()
    if len(text) > MAX_LENGTH:
        return ""
    for near_miss in NEAR_MISSES:
        is_useful = parameter in near_miss.parameters and (near_miss.kind is None or near_miss.kind in kinds)
        if is_useful and near_miss.matches(text):
            return near_miss.hint
    return ""


def warnings(hint: str) -> tuple[Header, ...]:
    """Return the header with a hint, if there is one: https://www.rfc-editor.org/rfc/rfc7234#section-5.5."""
    return ((b"warning", b'299 - "%b"' % hint.encode()),) if hint else ()


def null_with(hint: str) -> bytes:
    """Return the pod of a batch result that has none: null, and the field ``hint`` if there is a hint."""
    return b'null,"hint":%b' % encode(hint) if hint else b"null"
