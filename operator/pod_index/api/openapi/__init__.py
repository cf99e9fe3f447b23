"""The OpenAPI 3.1 document of the API: https://spec.openapis.org/oas/v3.1.1.html.

``openapi.json`` is written by hand. Repetitive parts are added when it is loaded: the version of pod-index, and HEAD
for every GET, with the same headers and no content.
"""

import json
from pathlib import Path
from typing import Any

from starlette.routing import Route

from pod_index import __version__
from pod_index.api.static_files import file_route

PATH = "/openapi.json"

JSON = dict[str, Any]

_OF_HEAD = "WithoutContent"


def openapi_route() -> Route:
    """Load the document, and return the route that serves it."""
    content = json.dumps(document(), ensure_ascii=False, separators=(",", ":")).encode()
    return file_route(PATH, content, "application/json")


def document() -> JSON:
    """Load the document, and complete it."""
    loaded: JSON = json.loads((Path(__file__).parent / "openapi.json").read_bytes())
    loaded["info"]["version"] = __version__
    responses: JSON = loaded["components"]["responses"]
    # Links take their parameters from the content, which HEAD does not have.
    responses |= {
        f"{name}{_OF_HEAD}": {key: value for key, value in response.items() if key not in ("content", "links")}
        for name, response in responses.items()
    }
    for operations in loaded["paths"].values():
        if "get" in operations:
            operations["head"] = _head(operations["get"])
    return loaded


def _head(get: JSON) -> JSON:
    """Describe HEAD: https://www.rfc-editor.org/rfc/rfc9110#section-9.3.2."""
    return get | {
        "operationId": f"{get['operationId']}Head",
        "summary": f"{get['summary']}: the headers only",
        "responses": {
            status: {"$ref": f"{response['$ref']}{_OF_HEAD}"} for status, response in get["responses"].items()
        },
    }
