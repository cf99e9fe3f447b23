"""Query strings: parsed and checked."""

import dataclasses
import math
import re
from collections.abc import Mapping, Sequence

from pod_index.api.hints import hint_for, warnings
from pod_index.api.parameters import has_clusters, parse_parameters
from pod_index.api.responses import RequestError
from pod_index.store.identifiers import Identifier, IdentifierError, parse, parse_container_id, parse_ip, parse_uid
from pod_index.store.indexers import IndexName
from pod_index.store.matching import is_short
from pod_index.store.views import View

WAIT_MAX_SECONDS = 10.0
"""How long a lookup may wait for its pod."""

LIST_DEFAULT, LIST_MAX = 500, 5_000
"""The number of pods on a page of a list."""

GROUPS = {
    **dict.fromkeys(("Deployment", "ReplicaSet", "StatefulSet", "DaemonSet"), "apps"),
    **dict.fromkeys(("Job", "CronJob"), "batch"),
    **dict.fromkeys(("ReplicationController", "Pod"), ""),
}
"""The API groups of built-in kinds of workloads."""

SELECTORS = ("uid", "id", "containerID", "ip")
_DURATION = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)(ms|s)?", re.ASCII)


@dataclasses.dataclass(frozen=True, slots=True)
class LookupQuery:
    """The query of a lookup."""

    selector: str
    """The parameter that selects the pod: one of ``stats.SELECTORS``."""
    identifiers: tuple[Identifier, ...]
    """The identifiers that may match, the most specific first."""
    subject: str
    """The identifier as error messages name it."""
    include_deleted: bool
    wait_seconds: float
    """How long to wait for the pod."""
    details: bool = False
    text: str = ""
    """The value of the parameter."""

    @property
    def not_found(self) -> str:
        """The error message if no pod matches."""
        return f"pod {'' if self.selector == 'name' else 'with '}{self.subject} not found"

    def ambiguous(self, pods: int) -> str:
        """Return the error message if several pods match."""
        if all(identifier.kind == "containerID" for identifier in self.identifiers):
            is_cut = any(map(is_short, self.identifiers))
            further = f"{'the whole container ID, or ' if is_cut else ''}namespace and name"
        else:
            further = "a container ID, or namespace and name"
        return f"{self.subject} is that of {pods} pods: give {further}"


@dataclasses.dataclass(frozen=True, slots=True)
class ListQuery:
    """The query of a page of a list."""

    view: View
    limit: int
    after: str
    """The last UID of the previous page; "" for the first page."""


@dataclasses.dataclass(frozen=True, slots=True)
class BatchQuery:
    """The query of a batch lookup."""

    include_deleted: bool
    details: bool
    explain: bool = False
    """Whether each result has the status, the key and the error of a single lookup."""


@dataclasses.dataclass(frozen=True, slots=True)
class WatchQuery:
    """The query of a stream of pods."""

    view: View
    resume: str
    """The resume token; "" to begin with all pods."""


def parse_lookup(query: bytes, index_names: frozenset[IndexName]) -> LookupQuery:
    """Parse the query string of a lookup; raise RequestError if it is invalid."""
    parameters = parse_parameters(query)
    selectors = _selectors(parameters)
    if not selectors:
        raise RequestError(400, "uid parameter is required")
    if len(selectors) > 1:
        raise RequestError(400, "give one of uid, id, containerID, ip, or namespace with name")
    (selector,) = selectors
    text = ""
    if selector == "name":
        namespace, name = parameters.get("namespace"), parameters.get("name")
        if not (namespace and name):
            raise RequestError(400, "namespace and name parameters must be given together")
        identifiers: tuple[Identifier, ...] = (Identifier("name", f"{namespace}/{name}"),)
        subject = f"{namespace}/{name}"
    else:
        text = parameters[selector]
        identifiers, subject = _identifiers(selector, text, index_names)
    check_enabled(identifiers, index_names)
    deleted, details = _flag(parameters, "includeDeleted"), _flag(parameters, "details")
    return LookupQuery(selector, identifiers, subject, deleted, _duration(parameters, "wait"), details, text)


def check_enabled(identifiers: Sequence[Identifier], index_names: frozenset[IndexName]) -> None:
    """Raise RequestError if pods are found by none of these identifiers."""
    if all(kind != "uid" and kind not in index_names for kind, *_ in identifiers):
        raise _disabled(identifiers[0].kind)


def selector_of(query: bytes) -> str:
    """Return the selector of a lookup's query string, even of an invalid one: one of ``stats.SELECTORS``."""
    try:
        selectors = _selectors(parse_parameters(query))
    except RequestError:
        return "none"
    return selectors[0] if len(selectors) == 1 else "none"


def is_watch(query: bytes) -> bool:
    """Return whether the query string is that of a stream, even of an invalid one."""
    try:
        return _flag(parse_parameters(query), "watch")
    except RequestError:
        return False


def parse_watch(query: bytes, index_names: frozenset[IndexName]) -> WatchQuery:
    """Parse the query string of a stream; raise RequestError if it is invalid."""
    parameters = parse_parameters(query)
    _check_no_clusters(query, parameters)
    for name in ("limit", "continue"):
        if parameters.get(name):
            raise RequestError(400, f"{name} is not possible with watch=true")
    return WatchQuery(_view(parameters, index_names), parameters.get("resume", ""))


def parse_list(query: bytes, index_names: frozenset[IndexName]) -> ListQuery:
    """Parse the query string of a list; raise RequestError if it is invalid."""
    parameters = parse_parameters(query)
    _check_no_clusters(query, parameters)
    view = _view(parameters, index_names)
    if _flag(parameters, "watch") or parameters.get("resume"):
        raise RequestError(400, "resume is only possible with watch=true")
    text = parameters.get("limit", "")
    if text and not (re.fullmatch("[0-9]{1,9}", text, re.ASCII) and 1 <= int(text) <= LIST_MAX):
        raise RequestError(400, f"limit must be a whole number from 1 to {LIST_MAX}, not {text!r:.80}")
    return ListQuery(view, int(text or LIST_DEFAULT), parameters.get("continue", ""))


def _view(parameters: Mapping[str, str], index_names: frozenset[IndexName]) -> View:
    """Return the selected pods; raise RequestError if nothing selects them: no client gets all pods by mistake."""
    node, namespace = parameters.get("node", ""), parameters.get("namespace", "")
    workload = _workload(parameters.get("workload", ""), namespace)
    selects_all = _flag(parameters, "all")
    if not (selects_all or node or namespace):
        raise RequestError(400, "node, namespace, workload or all=true is required")
    if selects_all and (node or namespace):
        raise RequestError(400, "all=true is not possible with node or namespace")
    for kind, value in (("node", node), ("workload", workload)):
        if value and kind not in index_names:
            raise _disabled(kind)
    return View(node, namespace, workload, _flag(parameters, "details"))


def parse_batch(query: bytes) -> BatchQuery:
    """Parse the query string of a batch lookup; raise RequestError if it is invalid."""
    parameters = parse_parameters(query)
    return BatchQuery(_flag(parameters, "includeDeleted"), _flag(parameters, "details"), _flag(parameters, "explain"))


def _check_no_clusters(query: bytes, parameters: Mapping[str, str]) -> None:
    if has_clusters(query, parameters):
        raise RequestError(400, "lists are of one cluster: send the request to its pod-index, without clusters")


def _selectors(parameters: Mapping[str, str]) -> list[str]:
    """Return the selectors that are given; "name" stands for ``namespace`` and ``name``."""
    named = parameters.get("namespace") or parameters.get("name")
    return [name for name in SELECTORS if parameters.get(name)] + ["name"] * bool(named)


def _identifiers(selector: str, text: str, index_names: frozenset[IndexName]) -> tuple[tuple[Identifier, ...], str]:
    """Return the identifiers in the value of a selector, and the value as error messages name it."""
    match selector:
        case "uid":
            # Text that is not a UID in any spelling is looked up as it is, and not found.
            return (Identifier("uid", parse_uid(text) or text),), f"UID {text}"
        case "containerID":
            container_id = parse_container_id(text)
            if not container_id:
                raise RequestError(400, f"containerID {text!r:.80} has no ID")
            return (Identifier("containerID", container_id),), f"container ID {text}"
        case "ip":
            address = parse_ip(text)
            if address is None:
                raise RequestError(400, f"ip {text!r:.80} is not an IP address")
            return (Identifier("ip", address),), f"IP {text}"
    try:
        return parse(text), f"ID {text}"
    except IdentifierError as error:
        hint = hint_for("id", text, index_names)
        raise RequestError(400, f"id {error.problem}: {hint}" if hint else f"id {error}", *warnings(hint)) from error


def _disabled(kind: str) -> RequestError:
    return RequestError(400, f"lookups by {kind} are switched off by LOOKUP_KEYS")


def _workload(text: str, namespace: str) -> str:
    """Return a workload with its group; "" if it is not given."""
    if not text:
        return ""
    kind, _, name = text.partition("/")
    if not kind.partition(".")[0] or not name:
        raise RequestError(400, f"workload must be KIND/NAME or KIND.GROUP/NAME, not {text!r:.80}")
    if not namespace:
        raise RequestError(400, "workload needs the namespace parameter")
    if "." not in kind:
        if kind not in GROUPS:
            kinds = ", ".join(GROUPS)
            raise RequestError(400, f"workload {text!r:.80} needs the group of its kind; only {kinds} need none")
        kind = f"{kind}.{GROUPS[kind]}"
    return f"{kind}/{name}"


def _flag(parameters: Mapping[str, str], name: str) -> bool:
    text = parameters.get(name, "")
    if text in ("", "false", "0"):
        return False
    if text in ("true", "1"):
        return True
    raise RequestError(400, f"{name} must be true or false, not {text!r:.80}")


def _duration(parameters: Mapping[str, str], name: str) -> float:
    """Return a duration in seconds; 0 if it is not given."""
    text = parameters.get(name, "")
    if not text:
        return 0.0
    match = _DURATION.fullmatch(text)
    seconds = float(match[1]) / (1000 if match[2] == "ms" else 1) if match else math.inf
    if seconds > WAIT_MAX_SECONDS:
        valid = f"a duration such as 2s, 500ms or 1.5, at most {WAIT_MAX_SECONDS:g}s"
        raise RequestError(400, f"{name} must be {valid}, not {text!r:.80}")
    return seconds
