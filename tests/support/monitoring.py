"""What the component ``monitoring`` asks Prometheus, and the kinds of the Prometheus Operator that it is told by.

The schemas are those of https://prometheus-operator.dev/docs/api-reference/api/, as far as they are used here.
"""

import json
from collections.abc import Iterator
from typing import Any

import promql_parser

JSON = dict[str, Any]

GROUP = "monitoring.coreos.com"
TEXT = {"type": "string", "minLength": 1}
DURATION = {"type": "string", "pattern": "^[1-9][0-9]*(ms|s|m|h|d)$"}
LABELS = {"type": "object", "additionalProperties": TEXT}


def _object(required: JSON, optional: JSON | None = None) -> JSON:
    """An object with these properties and no others."""
    properties = required | (optional or {})
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}


def _array(items: JSON) -> JSON:
    return {"type": "array", "items": items, "minItems": 1}


def _kind(kind: str, spec: JSON) -> JSON:
    fixed = {"apiVersion": {"const": f"{GROUP}/v1"}, "kind": {"const": kind}}
    return _object(fixed | {"metadata": _object({"name": TEXT, "namespace": TEXT, "labels": LABELS}), "spec": spec})


_SKIP_VERIFY = _object({"insecureSkipVerify": {"type": "boolean"}})
_HTTPS = {"scheme": {"const": "https"}, "bearerTokenFile": TEXT, "tlsConfig": _SKIP_VERIFY}
_ENDPOINT = _object({"port": TEXT}, {"path": TEXT, "interval": DURATION} | _HTTPS)
_RECORD = _object({"record": {"type": "string", "pattern": "^[a-z_]+:[a-z_]+:[a-z0-9_]+$"}, "expr": TEXT})
_ALERT = _object(
    {"alert": {"type": "string", "pattern": "^PodIndex[A-Za-z]+$"}, "expr": TEXT, "for": DURATION, "labels": LABELS}
    | {"annotations": _object({"summary": TEXT, "description": TEXT, "runbook_url": TEXT})}
)
_GROUP = _object({"name": TEXT, "rules": _array({"oneOf": [_RECORD, _ALERT]})})

SCHEMAS = {
    "ServiceMonitor": _kind(
        "ServiceMonitor",
        _object({"selector": _object({"matchLabels": LABELS}), "endpoints": _array(_ENDPOINT)}, {"jobLabel": TEXT}),
    ),
    "PrometheusRule": _kind("PrometheusRule", _object({"groups": _array(_GROUP)})),
}


def custom_resource_definitions() -> str:
    """The two kinds for a server that knows nothing of them, and takes them as they are."""
    return "\n".join(json.dumps(_definition(kind)) for kind in SCHEMAS)


def _definition(kind: str) -> JSON:
    plural = f"{kind.lower()}s"
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    names = {"plural": plural, "singular": kind.lower(), "kind": kind, "listKind": f"{kind}List"}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{GROUP}"},
        "spec": {"group": GROUP, "scope": "Namespaced", "names": names, "versions": [version]},
    }


def selectors(query: str) -> Iterator[promql_parser.VectorSelector]:
    """The series that a query reads; raises ValueError if it is none. Grafana's variables are filled in."""
    filled = query.replace("$__rate_interval", "5m").replace("$namespace", "default")
    yield from _selectors(promql_parser.parse(filled))


def _selectors(expression: Any) -> Iterator[promql_parser.VectorSelector]:
    match expression:
        case promql_parser.VectorSelector():
            yield expression
        case promql_parser.MatrixSelector():
            yield expression.vector_selector
        case promql_parser.Call():
            for argument in expression.args:
                yield from _selectors(argument)
        case promql_parser.BinaryExpr():
            yield from _selectors(expression.lhs)
            yield from _selectors(expression.rhs)
        case promql_parser.AggregateExpr() | promql_parser.ParenExpr() | promql_parser.UnaryExpr():
            yield from _selectors(expression.expr)
        case promql_parser.NumberLiteral():
            pass
        case _:
            raise NotImplementedError(type(expression))
