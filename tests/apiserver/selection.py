"""Label and field selectors of a list or a watch.

Grammar: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors and
https://kubernetes.io/docs/concepts/overview/working-with-objects/field-selectors/.
"""

import re
from dataclasses import dataclass

from pod_index.selectors import FIELDS, SelectorError, check_field_selector, check_label_selector
from tests.apiserver.statuses import ApiError
from tests.apiserver.stored import StoredPod

# A comma inside parentheses does not separate requirements.
_SEPARATOR = re.compile(r",(?![^(]*\))")
_SET = re.compile(r"(?P<key>\S+)\s+(?P<operator>in|notin)\s*\((?P<values>[^)]*)\)")
_EQUALITY = re.compile(r"(?P<key>[^=!<>\s]+)\s*(?P<operator>==|=|!=|<|>)\s*(?P<value>.*)")
_EXISTENCE = re.compile(r"(?P<absent>!?)\s*(?P<key>[^=!\s]+)")
_FIELD = re.compile(r"(?P<key>.*?)(?P<operator>!=|==|=)(?P<value>.*)")
_FIELD_SEPARATOR = re.compile(r"(?<!\\),")


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
    fields = tuple(_field_requirement(text) for text in _FIELD_SEPARATOR.split(field_selector) if text)
    try:
        check_label_selector(label_selector)
        check_field_selector(field_selector)
    except SelectorError as error:
        raise ApiError(400, f"unable to parse requirement: {error}") from error
    terms = [text.strip() for text in _SEPARATOR.split(label_selector)]
    return Selection(namespace, tuple(_label_requirement(text) for text in terms if text), fields)


def _field_requirement(text: str) -> Requirement:
    match = _FIELD.fullmatch(text)
    if match is None:
        raise ApiError(400, f"invalid selector: '{text}'; can't understand '{text}'")
    if match["key"] not in FIELDS:
        raise ApiError(400, f"field label not supported: {match['key']}")
    value = re.sub(r"\\(.)", r"\1", match["value"])
    return Requirement(match["key"], frozenset({value}), negated=match["operator"] == "!=")


def _label_requirement(text: str) -> Requirement:
    if match := _SET.fullmatch(text):
        values = frozenset(value.strip() for value in match["values"].split(","))
        return Requirement(match["key"], values, negated=match["operator"] == "notin")
    if match := _EQUALITY.fullmatch(text):
        if match["operator"] in "<>":
            return Order(match["key"], frozenset({match["value"]}), negated=match["operator"] == "<")
        return Requirement(match["key"], frozenset({match["value"]}), negated=match["operator"] == "!=")
    match = _EXISTENCE.fullmatch(text)
    assert match is not None
    return Requirement(match["key"], None, negated=bool(match["absent"]))
