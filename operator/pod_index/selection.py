"""The settings that limit which pods are watched, and what is kept of them."""

from typing import Annotated

from msgspec import Meta, Struct

from pod_index.environ import SettingsError
from pod_index.keeping import Keeping
from pod_index.selectors import (
    SelectorError,
    check_field_selector,
    check_label_selector,
    is_namespace,
    is_node_name,
)

PATTERNS = "patterns, separated by commas, or `none`"


class Selection(Struct, frozen=True, kw_only=True):
    """Which pods are watched, and what is kept of them."""

    watch_label_selector: Annotated[
        str,
        Meta(
            description="Watch only the pods with these labels ([syntax]"
            "(https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors)).",
            extra={"values": "label selector"},
        ),
    ] = ""

    watch_field_selector: Annotated[
        str,
        Meta(
            description="Watch only the pods with these fields ([syntax]"
            "(https://kubernetes.io/docs/concepts/overview/working-with-objects/field-selectors/)).",
            extra={"values": "field selector"},
        ),
    ] = ""

    watch_node: Annotated[
        str, Meta(description="Watch only the pods on this node.", extra={"values": "name of a node"})
    ] = ""

    exclude_namespaces: Annotated[
        str,
        Meta(
            description="Do not watch the pods in these namespaces.",
            extra={"values": "names of namespaces, separated by commas"},
        ),
    ] = ""

    keep_labels: Annotated[
        str,
        Meta(
            description="Labels to [keep](#keep-less), by their keys: `*` stands for any text, and `!` before a pattern"
            " drops the labels that match.",
            extra={"values": PATTERNS},
        ),
    ] = ""

    keep_annotations: Annotated[
        str, Meta(description="Annotations to [keep](#keep-less), in the same way.", extra={"values": PATTERNS})
    ] = ""

    @property
    def selectors(self) -> dict[str, str]:
        """The parameters of lists and watches that select pods; empty if all pods are watched."""
        fields = [self.watch_field_selector] if self.watch_field_selector else []
        fields += [f"spec.nodeName={self.watch_node}"] if self.watch_node else []
        fields += [f"metadata.namespace!={namespace}" for namespace in _names(self.exclude_namespaces)]
        parameters = {"labelSelector": self.watch_label_selector, "fieldSelector": ",".join(fields)}
        return {name: selector for name, selector in parameters.items() if selector}

    @property
    def keeping(self) -> Keeping:
        """What is kept of pods."""
        return Keeping.of(self.keep_labels, self.keep_annotations)


def check(selection: Selection) -> None:
    """Raise SettingsError if one of the settings is invalid."""
    for name, check_selector in (
        ("watch_label_selector", check_label_selector),
        ("watch_field_selector", check_field_selector),
    ):
        try:
            check_selector(getattr(selection, name))
        except SelectorError as error:
            kind = name.removeprefix("watch_").replace("_", " ")
            raise SettingsError(f"{name.upper()} must be a {kind}, not {getattr(selection, name)!r}: {error}") from None
    if selection.watch_node and not is_node_name(selection.watch_node):
        raise SettingsError(f"WATCH_NODE must be the name of a node, not {selection.watch_node!r}")
    if not all(map(is_namespace, _names(selection.exclude_namespaces))):
        raise SettingsError(
            "EXCLUDE_NAMESPACES must be names of namespaces, with commas between them,"
            f" not {selection.exclude_namespaces!r}"
        )
    for name in ("keep_labels", "keep_annotations"):
        try:
            Keeping.of(getattr(selection, name))
        except ValueError:
            raise SettingsError(
                f"{name.upper()} must be patterns such as example.com/* or !example.com/*, with commas between them,"
                f" or none, not {getattr(selection, name)!r}"
            ) from None


def _names(text: str) -> list[str]:
    return sorted({name.strip() for name in text.split(",")}) if text else []
