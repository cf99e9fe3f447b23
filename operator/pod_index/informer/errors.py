"""The failures of logins and of requests to the API server."""

from typing import ClassVar


class CredentialsError(Exception):
    """No usable credentials were found; the message is one line without secrets."""


class ApiError(Exception):
    """A request failed; the message is one line that says what failed, where, and what to do."""

    reason: ClassVar[str] = "other"
    """The label of this failure in the metrics: one of ``stats.API_FAILURES``."""

    def __init__(self, message: str, *, retry_after: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        """The server's Retry-After, in seconds."""


class Unreachable(ApiError):
    """The server did not respond, or the connection was lost; afterwards it may be another server."""

    reason = "unreachable"


class IdleTimeout(Unreachable):
    """The server accepted the request and then sent nothing for too long."""

    reason = "silent"


class Unauthorized(ApiError):
    """The server refused the credentials (401)."""

    reason = "unauthorized"


class Forbidden(ApiError):
    """The server refused access (403).

    The rights may be missing, or the credentials: kube-apiserver treats a request without any as one of the user
    ``system:anonymous``. So it leads to a new login, as a 401 does.
    https://kubernetes.io/docs/reference/access-authn-authz/authentication/#anonymous-requests
    """


class Expired(ApiError):
    """The server no longer has the requested resourceVersion or continue token (410)."""

    reason = "expired"


class Rejected(ApiError):
    """The server rejected the request as invalid (400 or 422), as old servers do with streaming lists."""

    reason = "rejected"


class BadRequest(Rejected):
    """A Kubernetes API server cannot parse the request, or does not know what it names (400)."""


class SelectorRejected(BadRequest):
    """The server does not support a selector."""


class Throttled(ApiError):
    """The server asks to slow down (429)."""

    reason = "throttled"


class PageTooLarge(ApiError):
    """A page of a list exceeds the maximum size."""

    reason = "oversized"


class IncompleteListing(ApiError):
    """A streaming list ended, or took too long, without the bookmark that ends the initial state."""

    reason = "incomplete"


class OlderVersion(ApiError):
    """The response is older than an earlier one: the history was reset, or a replica is behind."""

    reason = "untrusted"


class InternalFailure(ApiError):
    """A page or a change was lost by an internal error."""


class InconsistentResponse(ApiError):
    """The response is malformed, or contradicts earlier ones."""

    reason = "untrusted"


def listing_reason(failure: ApiError) -> str:
    """Return the label of a listing that a failure causes: one of ``stats.LISTING_REASONS``."""
    if isinstance(failure, InternalFailure):
        return "fault"
    return failure.reason if isinstance(failure, Expired | InconsistentResponse) else "failing"
