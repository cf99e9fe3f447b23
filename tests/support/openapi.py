"""Access to the parts of the OpenAPI document."""

from collections.abc import Iterator
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker

from pod_index.api.openapi import document

JSON = dict[str, Any]

DOCUMENT = document()
COMPONENTS: JSON = DOCUMENT["components"]
SCHEMAS: JSON = COMPONENTS["schemas"]
PARAMETERS: JSON = COMPONENTS["parameters"]
HEADERS: JSON = COMPONENTS["headers"]
RESPONSES: JSON = COMPONENTS["responses"]
OPERATIONS: list[tuple[str, str, JSON]] = [
    (path, method, operation) for path, methods in DOCUMENT["paths"].items() for method, operation in methods.items()
]

SERVER_ERRORS = {
    *("malformedRequest", "noHost", "timeout", "queryTooLong", "targetTooLong", "headerTooLong", "tooManyFields"),
    "tooManyConnections",
}
"""The examples of errors that the server responds with before the application is called."""


def resolved(value: JSON) -> JSON:
    """The target of a reference, or the value itself."""
    found: Any = value
    while "$ref" in found:
        found = DOCUMENT
        for key in value["$ref"].removeprefix("#/").split("/"):
            found = found[key]
    return dict(found)


def validator(schema: JSON) -> Draft202012Validator:
    """A validator of a schema of the document, with references from the document's root."""
    return Draft202012Validator({**schema, "components": COMPONENTS}, format_checker=FormatChecker())


def media_types(*holders: JSON) -> Iterator[JSON]:
    """The media types of responses or request bodies."""
    for holder in holders:
        yield from holder.get("content", {}).values()


def examples(holder: JSON) -> JSON:
    """The values of the examples of a parameter, a header or a media type, by name."""
    found = {name: example["value"] for name, example in holder.get("examples", {}).items()}
    return found | ({"example": holder["example"]} if "example" in holder else {})
