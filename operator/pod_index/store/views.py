"""Views: the pods that a client follows."""

import dataclasses
from functools import cached_property

from pod_index.store.indexers import (
    is_in_namespace,
    namespace_value,
    node_value,
    node_value_of,
    workload_value,
    workload_value_of,
)

ALL = b""
"""The value that streams of all pods subscribe to."""


@dataclasses.dataclass(frozen=True)
class View:
    """The pods of a node, a namespace or a workload, what these have in common, or all; with or without details."""

    node: str = ""
    namespace: str = ""
    workload: str = ""
    """``KIND.GROUP/NAME``, which needs its namespace."""
    details: bool = False

    @cached_property
    def value(self) -> bytes:
        """The value to subscribe to: that of the smallest part that includes all pods of the view."""
        if self.node:
            return self._node_value
        if self.workload:
            return self._workload_value
        return namespace_value(self.namespace) if self.namespace else ALL

    def has(self, index_values: bytes) -> bool:
        """Return whether the view includes a pod with these packed index values."""
        return (
            (not self.node or node_value_of(index_values) == self._node_value)
            and (not self.workload or workload_value_of(index_values) == self._workload_value)
            and (not self.namespace or is_in_namespace(index_values, self.namespace))
        )

    @cached_property
    def _node_value(self) -> bytes:
        return node_value(self.node)

    @cached_property
    def _workload_value(self) -> bytes:
        return workload_value(self.namespace, self.workload)
