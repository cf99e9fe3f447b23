"""What requests ask for: query strings, read and checked."""

import dataclasses
import math
import re
import urllib.parse
from collections.abc import Mapping

from pod_index.api.responses import RequestError
from pod_index.store.identifiers import Identifier, IdentifierError, canonical_ip, parse, parse_container_id, parse_uid
from pod_index.store.indexers import IndexName

WAIT_MAX_SECONDS = 10.0
"""How long a lookup may wait for its pod."""

LIST_DEFAULT, LIST_MAX = 500, 5_000
"""How many pods a page of a list has."""

_SELECTORS = ("uid", "id", "containerID", "ip")
_TIME = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)(ms|s)?", re.ASCII)


@dataclasses.dataclass(frozen=True, slots=True)
class Lookup:
    """One pod that is asked for."""

    selector: str
    """What it is asked for by: one of ``stats.SELECTORS``."""
    identifiers: tuple[Identifier, ...]
    """What it may be known by, the likeliest first."""
    missing: str
    """What to say if there is none."""
    deleted: bool
    """Whether one that is gone will do."""
    wait_seconds: float
    """How long to wait for it."""


@dataclasses.dataclass(frozen=True, slots=True)
class Listing:
    """A page of a list of pods."""

    node: str
    namespace: str
    limit: int
    after: str
    """The UID that the page before ended with; "" for the first page."""


def lookup(query: bytes, kinds: frozenset[IndexName]) -> Lookup:
    """Read the query string of a lookup; raise RequestError if it is invalid."""
    parameters = read(query)
    selectors = _given(parameters)
    if not selectors:
        raise RequestError(400, "uid parameter is required")
    if len(selectors) > 1:
        raise RequestError(400, "give one of uid, id, containerID, ip, or namespace with name")
    (selector,) = selectors
    if selector == "name":
        namespace, name = parameters.get("namespace"), parameters.get("name")
        if not (namespace and name):
            raise RequestError(400, "namespace and name parameters go together")
        identifiers: tuple[Identifier, ...] = (Identifier("name", f"{namespace}/{name}"),)
        missing = f"pod {namespace}/{name} not found"
    else:
        identifiers, missing = _identifiers(selector, parameters[selector])
    _check_kinds(identifiers, kinds)
    return Lookup(selector, identifiers, missing, _flag(parameters, "includeDeleted"), _seconds(parameters, "wait"))


def selector_of(query: bytes) -> str:
    """Return what the query string of a lookup selects by, even one that is refused: one of ``stats.SELECTORS``."""
    selectors = _given(read(query))
    return selectors[0] if len(selectors) == 1 else "none"


def listing(query: bytes, kinds: frozenset[IndexName]) -> Listing:
    """Read the query string of a list; raise RequestError for one that does not say of what, or for nonsense."""
    parameters = read(query)
    node, namespace = parameters.get("node", ""), parameters.get("namespace", "")
    if not node and not namespace:
        raise RequestError(400, "node or namespace parameter is required")
    if node and "node" not in kinds:
        raise _switched_off("node")
    text = parameters.get("limit", "")
    if text and not (re.fullmatch("[0-9]{1,9}", text, re.ASCII) and 1 <= int(text) <= LIST_MAX):
        raise RequestError(400, f"limit must be a whole number from 1 to {LIST_MAX}, not {text!r:.80}")
    return Listing(node, namespace, int(text or LIST_DEFAULT), parameters.get("continue", ""))


def read(query: bytes) -> Mapping[str, str]:
    """Read a query string. Of several values the first stats, as in Go's net/url."""
    parameters = urllib.parse.parse_qs(query.decode("latin-1"), keep_blank_values=True)
    return {name: values[0] for name, values in parameters.items()}


def include_deleted(query: bytes) -> bool:
    """Read the query string of many lookups."""
    return _flag(read(query), "includeDeleted")


def _given(parameters: Mapping[str, str]) -> list[str]:
    """Which selectors there are, of which a pod needs just one; ``name`` goes with ``namespace``."""
    named = parameters.get("namespace") or parameters.get("name")
    return [name for name in _SELECTORS if parameters.get(name)] + ["name"] * bool(named)


def _identifiers(selector: str, text: str) -> tuple[tuple[Identifier, ...], str]:
    """What a selector's value may name, and what to say if it names nothing that is known."""
    match selector:
        case "uid":
            # As it is, or in another spelling. What looks like no UID at all is just not found.
            return (Identifier("uid", parse_uid(text) or text),), f"pod with UID {text} not found"
        case "containerID":
            container_id = parse_container_id(text)
            if not container_id:
                raise RequestError(400, f"containerID {text!r:.80} has no ID")
            return (Identifier("containerID", container_id),), f"pod with container ID {text} not found"
        case "ip":
            address = canonical_ip(text.strip())
            if address is None:
                raise RequestError(400, f"ip {text!r:.80} is no IP address")
            return (Identifier("ip", address),), f"pod with IP {text} not found"
    try:
        return parse(text), f"pod with ID {text} not found"
    except IdentifierError as problem:
        raise RequestError(400, f"id {problem}") from problem


def _check_kinds(identifiers: tuple[Identifier, ...], kinds: frozenset[IndexName]) -> None:
    if all(kind != "uid" and kind not in kinds for kind, _ in identifiers):
        raise _switched_off(identifiers[0].kind)


def _switched_off(kind: str) -> RequestError:
    return RequestError(400, f"lookups by {kind} are switched off by LOOKUP_KEYS")


def _flag(parameters: Mapping[str, str], name: str) -> bool:
    match parameters.get(name, ""):
        case "true" | "1":
            return True
        case "" | "false" | "0":
            return False
        case text:
            raise RequestError(400, f"{name} must be true or false, not {text!r:.80}")


def _seconds(parameters: Mapping[str, str], name: str) -> float:
    text = parameters.get(name, "")
    if not text:
        return 0.0
    match = _TIME.fullmatch(text)
    seconds = float(match[1]) / (1000 if match[2] == "ms" else 1) if match else math.inf
    if seconds > WAIT_MAX_SECONDS:
        fits = f"a time such as 2s, 500ms or 1.5, and at most {WAIT_MAX_SECONDS:g}s"
        raise RequestError(400, f"{name} must be {fits}, not {text!r:.80}")
    return seconds
