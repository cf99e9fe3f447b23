"""The errors of the API: exceptions with a v1 ``Status``.

Codes, reasons and messages are those of the real server: k8s.io/apimachinery/pkg/api/errors.
"""

from typing import Any

JSON = dict[str, Any]

REASONS = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    405: "MethodNotAllowed",
    409: "Conflict",
    410: "Expired",
    422: "Invalid",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
    504: "Timeout",
}
INCONSISTENT_CONTINUE = (
    "The provided continue parameter is too old to display a consistent list result. You can start a new "
    "list without the continue parameter, or use the continue token in this response to retrieve the "
    "remainder of the results. Continuing with the provided token results in an inconsistent list - objects "
    "that were created, modified, or deleted between the time the first chunk was returned and now may show "
    "up in the list."
)


class ApiError(Exception):
    """A failed request: the HTTP code and the ``Status`` of the response.

    ``retry_after`` is the value of the header ``Retry-After``: seconds or an HTTP date. ``continue_token`` goes into
    the metadata of the ``Status``, as in the 410 for an expired continue token.
    """

    def __init__(
        self,
        code: int,
        message: str,
        *,
        reason: str = "",
        details: JSON | None = None,
        retry_after: int | str | None = None,
        continue_token: str = "",
    ) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason or REASONS.get(code, "Unknown")
        self.message = message
        self.details = details
        self.retry_after = retry_after
        self.continue_token = continue_token

    def status(self) -> JSON:
        """The v1 ``Status``."""
        status: JSON = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {"continue": self.continue_token} if self.continue_token else {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            "code": self.code,
        }
        if self.details:
            status["details"] = self.details
        return status


class AlreadyExists(ApiError):
    """A pod with this name exists in the namespace."""

    def __init__(self, name: str) -> None:
        super().__init__(
            409,
            f'pods "{name}" already exists',
            reason="AlreadyExists",
            details={"name": name, "kind": "pods"},
        )


class NotFound(ApiError):
    """The object does not exist."""

    def __init__(self, name: str, resource: str = "pods") -> None:
        super().__init__(404, f'{resource} "{name}" not found', details={"name": name, "kind": resource})


class Conflict(ApiError):
    """The object has changed since the client read it."""

    def __init__(self, name: str) -> None:
        super().__init__(
            409,
            f'Operation cannot be fulfilled on pods "{name}": the object has been modified; please apply your changes '
            "to the latest version and try again",
            details={"name": name, "kind": "pods"},
        )


class TooOld(ApiError):
    """The history does not reach back to ``version``; a watch can start from ``oldest`` on."""

    def __init__(self, version: int, oldest: int) -> None:
        super().__init__(410, f"too old resource version: {version} ({oldest})")


class ContinueExpired(ApiError):
    """A continue token has expired; ``continue_token`` goes on without consistency."""

    def __init__(self, continue_token: str) -> None:
        super().__init__(410, INCONSISTENT_CONTINUE, continue_token=continue_token)


class TooLargeResourceVersion(ApiError):
    """The requested version does not exist yet: the client has read from a newer server."""

    def __init__(self, version: int, current: int) -> None:
        cause = {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}
        super().__init__(
            504,
            f"Timeout: Too large resource version: {version}, current: {current}",
            details={"causes": [cause], "retryAfterSeconds": 1},
            retry_after=1,
        )


class InvalidListOptions(ApiError):
    """Query parameters that contradict each other."""

    def __init__(self, field: str, message: str) -> None:
        cause = {"reason": "FieldValueForbidden", "message": f"Forbidden: {message}", "field": field}
        super().__init__(
            422,
            f'ListOptions.meta.k8s.io "" is invalid: {field}: Forbidden: {message}',
            details={"group": "meta.k8s.io", "kind": "ListOptions", "causes": [cause]},
        )
