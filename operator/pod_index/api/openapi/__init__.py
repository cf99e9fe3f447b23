"""The description of the API for machines: OpenAPI 3.1, https://spec.openapis.org/oas/v3.1.1.html.

The file beside this one is written by hand. What would only repeat something is added when it is read: the version of
pod-index, and HEAD, which is answered wherever GET is, with the same headers and no content.
"""

import json
from pathlib import Path
from typing import Any

from starlette.routing import Route

from pod_index import __version__
from pod_index.api.static_files import FileEndpoint

PATH = "/openapi.json"
"""Where it is served."""

JSON = dict[str, Any]

_OF_HEAD = "WithoutContent"


def openapi_route() -> Route:
    """Read the document; return the route that serves it."""
    content = json.dumps(document(), ensure_ascii=False, separators=(",", ":")).encode()
    return Route(PATH, FileEndpoint(content, "application/json"), methods=["GET"])


def document() -> JSON:
    """Read the document, and complete it."""
    read: JSON = json.loads((Path(__file__).parent / "openapi.json").read_bytes())
    read["info"]["version"] = __version__
    components: JSON = read["components"]["responses"]
    # A link leads on from the content.
    components |= {
        f"{name}{_OF_HEAD}": {key: value for key, value in response.items() if key not in ("content", "links")}
        for name, response in components.items()
    }
    for operations in read["paths"].values():
        if "get" in operations:
            operations["head"] = _head(operations["get"])
    return read


def _head(get: JSON) -> JSON:
    """Describe HEAD: https://www.rfc-editor.org/rfc/rfc9110#section-9.3.2."""
    return get | {
        "operationId": f"{get['operationId']}Head",
        "summary": f"{get['summary']}: the headers only",
        "responses": {
            status: {"$ref": f"{response['$ref']}{_OF_HEAD}"} for status, response in get["responses"].items()
        },
    }
