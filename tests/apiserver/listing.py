"""Lists of pods: ``resourceVersion``, ``limit`` and ``continue``.

The rules are those of https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions and
#retrieving-large-results-sets-in-chunks on the same page.
"""

import base64
import binascii
from collections.abc import Mapping

import msgspec

from tests.apiserver.selection import Selection
from tests.apiserver.statuses import (
    JSON,
    ApiError,
    ContinueExpired,
    InvalidListOptions,
    TooLargeResourceVersion,
    TooOld,
)
from tests.apiserver.store import Page, PodStore

# In a continue token: go on in the current state (k8s.io/apiserver/pkg/storage/continue.go).
_LATEST = -1


class _Token(msgspec.Struct):
    v: str
    rv: int
    start: str


def encode_continue(version: int, start: str) -> str:
    """The continue token of a list at ``version`` that goes on from the key ``start``, in the real server's form."""
    token = msgspec.json.encode(_Token("meta.k8s.io/v1", version, start))
    return base64.urlsafe_b64encode(token).rstrip(b"=").decode()


def decode_continue(token: str) -> tuple[int, str]:
    """The version and the start key of a continue token. Raises a 400 if it is malformed."""
    try:
        padded = token + "=" * (-len(token) % 4)
        decoded = msgspec.json.decode(base64.urlsafe_b64decode(padded), type=_Token)
    except (binascii.Error, ValueError) as error:
        raise ApiError(400, f"continue key is not valid: {error}") from error
    return decoded.rv, decoded.start


def expired_continue(token: str) -> ContinueExpired:
    """The 410 for an expired continue token; it has the token to go on without consistency."""
    return ContinueExpired(encode_continue(_LATEST, decode_continue(token)[1]))


def number(query: Mapping[str, str], name: str) -> int:
    """A query parameter that is a non-negative integer; 0 if it is absent or empty. Raises a 400."""
    text = query.get(name, "")
    if text and not (text.isascii() and text.isdigit()):
        raise ApiError(400, f'{name}: Invalid value: "{text}": strconv.ParseUint: parsing "{text}": invalid syntax')
    return int(text or 0)


def read_page(store: PodStore, selection: Selection, query: Mapping[str, str]) -> Page:
    """The page that the query parameters of a list select. Raises the ApiError that the real server sends."""
    version, limit = number(query, "resourceVersion"), number(query, "limit")
    match, token = query.get("resourceVersionMatch", ""), query.get("continue", "")
    if query.get("sendInitialEvents"):
        raise InvalidListOptions("sendInitialEvents", "sendInitialEvents is forbidden for list")
    if token:
        if version:
            raise ApiError(400, "specifying resource version is not allowed when using continue")
        if match:
            raise InvalidListOptions(
                "resourceVersionMatch", "resourceVersionMatch is forbidden when continue is provided"
            )
        return _next_page(store, selection, token, limit)
    if match and not query.get("resourceVersion"):
        raise InvalidListOptions(
            "resourceVersionMatch", "resourceVersionMatch is forbidden unless resourceVersion is provided"
        )
    # Without a match, a version means "not older", but together with a limit "exactly this one".
    if version and (match == "Exact" or (limit and not match)):
        try:
            return store.page(selection, version=version, limit=limit)
        except TooOld as error:
            raise ApiError(410, "The resourceVersion for the provided list is too old.") from error
    if version > store.resource_version:
        raise TooLargeResourceVersion(version, store.resource_version)
    if query.get("resourceVersion") == "0":
        # "Any version" is read from the watch cache, which ignores the limit.
        limit = 0
    return store.page(selection, limit=limit)


def _next_page(store: PodStore, selection: Selection, token: str, limit: int) -> Page:
    version, start = decode_continue(token)
    try:
        return store.page(selection, version=None if version == _LATEST else version, start=start, limit=limit)
    except TooOld as error:
        raise expired_continue(token) from error


def list_metadata(page: Page) -> JSON:
    """The metadata of the list that holds the page, without the optional ``remainingItemCount``."""
    metadata: JSON = {"resourceVersion": str(page.version)}
    if page.next_key:
        metadata["continue"] = encode_continue(page.version, page.next_key)
    return metadata
