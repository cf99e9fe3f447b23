"""Label and field selectors of a list or a watch.

Grammar: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors and
https://kubernetes.io/docs/concepts/overview/working-with-objects/field-selectors/.
"""

import re
from dataclasses import dataclass

from tests.apiserver.statuses import ApiError
from tests.apiserver.stored import StoredPod

SELECTABLE_FIELDS = frozenset({"metadata.name", "metadata.namespace", "spec.nodeName", "status.phase"})

# A comma inside parentheses does not separate requirements.
_SEPARATOR = re.compile(r",(?![^(]*\))")
_SET = re.compile(r"^(?P<key>\S+)\s+(?P<operator>in|notin)\s*\((?P<values>[^)]*)\)$")
_EQUALITY = re.compile(r"^(?P<key>[^=!\s]+)\s*(?P<operator>==|=|!=)\s*(?P<value>[^=!]*)$")
_EXISTENCE = re.compile(r"^(?P<absent>!?)\s*(?P<key>[^=!\s]+)$")


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
    """Parse the selectors of a request. Raises the 400 of the real server if they are malformed."""
    fields = tuple(_requirement(text, "field") for text in _split(field_selector))
    for requirement in fields:
        if requirement.key not in SELECTABLE_FIELDS or requirement.values is None:
            raise ApiError(
                400,
                f'Unable to find "/v1, Resource=pods" that match label selector "{label_selector}", '
                f'field selector "{field_selector}": field label not supported: {requirement.key}',
            )
    return Selection(namespace, tuple(_requirement(text, "label") for text in _split(label_selector)), fields)


def _split(selector: str) -> list[str]:
    return [text.strip() for text in _SEPARATOR.split(selector) if text.strip()]


def _requirement(text: str, kind: str) -> Requirement:
    if match := _SET.match(text):
        values = frozenset(value.strip() for value in match["values"].split(","))
        return Requirement(match["key"], values, negated=match["operator"] == "notin")
    if match := _EQUALITY.match(text):
        return Requirement(match["key"], frozenset({match["value"]}), negated=match["operator"] == "!=")
    if match := _EXISTENCE.match(text):
        return Requirement(match["key"], None, negated=bool(match["absent"]))
    raise ApiError(400, f"unable to parse the {kind} selector: {text!r}")
