"""Label and field selectors of a list or a watch.

Grammar: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors and
https://kubernetes.io/docs/concepts/overview/working-with-objects/field-selectors/.
"""

import re
from dataclasses import dataclass

from tests.apiserver.statuses import ApiError
from tests.apiserver.stored import StoredPod

SELECTABLE_FIELDS = frozenset(
    {
        *("metadata.name", "metadata.namespace"),
        *("spec.hostNetwork", "spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName"),
        *("status.nominatedNodeName", "status.phase", "status.podIP", "status.podIPs"),
    }
)

_SPACE = r"[ \t\r\n]*"
_NAME = r"(?:[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)"
_DOMAIN = r"(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)"
_KEY = rf"(?P<key>(?:(?=[^/]{{1,253}}/){_DOMAIN}(?:\.{_DOMAIN})*/)?{_NAME})"
_SET = re.compile(rf"{_KEY}[ \t\r\n]+(?P<operator>in|notin){_SPACE}\((?P<values>[^()]*)\)")
_EQUALITY = re.compile(rf"{_KEY}{_SPACE}(?P<operator>==|=|!=|<|>){_SPACE}(?P<value>{_NAME}?)")
_EXISTENCE = re.compile(rf"(?P<absent>!?){_SPACE}{_KEY}")
_VALUE = re.compile(f"{_NAME}?")
_FIELD = re.compile(r"(?P<key>.*?)(?P<operator>!=|==|=)(?P<value>.*)", re.DOTALL)
_FIELD_VALUE = re.compile(r"(?:\\[\\,=]|[^\\,=])*")
_FIELD_SEPARATOR = re.compile(r"(?<!\\),")
# A comma inside parentheses does not separate requirements.
_SEPARATOR = re.compile(r",(?![^(]*\))")


@dataclass(frozen=True)
class Requirement:
    """The value of ``key`` is one of ``values`` (any value if None); or, if ``negated``, it is not, or is absent."""

    key: str
    values: frozenset[str] | None
    negated: bool = False

    def accepts(self, labels: dict[str, str]) -> bool:
        """Whether a set of labels or fields satisfies it."""
        value = labels.get(self.key)
        found = value is not None and (self.values is None or value in self.values)
        return found is not self.negated


class Order(Requirement):
    """The value of ``key`` is an integer above the value; or, if ``negated``, below it."""

    def accepts(self, labels: dict[str, str]) -> bool:
        """Whether a set of labels satisfies it."""
        (limit,) = map(int, self.values or ())
        try:
            value = int(labels.get(self.key, ""))
        except ValueError:
            return False
        return value < limit if self.negated else value > limit


@dataclass(frozen=True)
class Selection:
    """The pods of a namespace (empty for all namespaces) that satisfy all requirements."""

    namespace: str = ""
    labels: tuple[Requirement, ...] = ()
    fields: tuple[Requirement, ...] = ()

    def __contains__(self, pod: StoredPod | None) -> bool:
        if pod is None or (self.namespace and pod.namespace != self.namespace):
            return False
        return all(requirement.accepts(pod.labels) for requirement in self.labels) and all(
            requirement.accepts(pod.fields) for requirement in self.fields
        )


def parse_selection(namespace: str, label_selector: str, field_selector: str) -> Selection:
    """Parse the selectors of a request. Raises a 400 if they are malformed, as the real server."""
    fields = [_field_requirement(text) for text in _FIELD_SEPARATOR.split(field_selector) if text]
    texts = _SEPARATOR.split(label_selector) if label_selector.strip() else []
    return Selection(namespace, tuple(_label_requirement(text.strip(" \t\r\n")) for text in texts), tuple(fields))


def _field_requirement(text: str) -> Requirement:
    match = _FIELD.fullmatch(text)
    if match is None:
        raise ApiError(400, f"invalid selector: '{text}'; can't understand '{text}'")
    if match["key"] not in SELECTABLE_FIELDS:
        raise ApiError(400, f"field label not supported: {match['key']}")
    if not _FIELD_VALUE.fullmatch(match["value"]):
        raise ApiError(400, "invalid field selector: invalid escape sequence, or unescaped character in value")
    value = re.sub(r"\\(.)", r"\1", match["value"])
    return Requirement(match["key"], frozenset({value}), negated=match["operator"] == "!=")


def _label_requirement(text: str) -> Requirement:
    if match := _SET.fullmatch(text):
        values = frozenset(value.strip(" \t\r\n") for value in match["values"].split(","))
        if all(map(_VALUE.fullmatch, values)):
            return Requirement(match["key"], values, negated=match["operator"] == "notin")
    elif match := _EQUALITY.fullmatch(text):
        key, operator, value = match["key"], match["operator"], match["value"]
        if operator in ("=", "==", "!="):
            return Requirement(key, frozenset({value}), negated=operator == "!=")
        if value.isdigit() and int(value) < 2**63:
            return Order(key, frozenset({value}), negated=operator == "<")
    elif match := _EXISTENCE.fullmatch(text):
        return Requirement(match["key"], None, negated=bool(match["absent"]))
    raise ApiError(400, f"unable to parse requirement: {text!r}")
