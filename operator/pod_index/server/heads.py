"""The heads of requests: where one ends, and what is wrong with it.

A head is the request line and the header fields: https://www.rfc-editor.org/rfc/rfc9112#section-2.1
"""

import http
import json
import re
from collections.abc import Iterable, Sequence

HEADERS_MAX = 100
"""Maximum number of header fields of a request, and of trailer fields. Each takes over a hundred bytes of memory,
however short it is."""

END_OF_HEAD = b"\r\n\r\n"

_NOT_HTTP = re.compile(rb"\A[^A-Z]|(?<!\r)\n")
"""What no valid head contains: a method begins with a capital letter, and lines end with CRLF."""
_UPGRADE = re.compile(rb"\r\nupgrade:[^\r\n]*", re.IGNORECASE)


class RejectedRequest(Exception):
    """A request is answered with an error, and the connection is closed: the reason in the metrics and the status."""

    def __init__(self, reason: str, status: int, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.status = status


def malformed() -> RejectedRequest:
    """Return the error for input that violates the syntax of HTTP."""
    return RejectedRequest("malformed", 400, "not a valid HTTP request")


def too_many_fields() -> RejectedRequest:
    """Return the error for too many header or trailer fields."""
    return RejectedRequest("oversized", 431, f"more than {HEADERS_MAX} header fields")


def cut_head(held: bytearray, searched: int, limit: int) -> bytes:
    """Remove the head at the start of ``held`` and return it, or return nothing while it is incomplete.

    The first ``searched`` bytes do not contain its end. Raise RejectedRequest for what cannot become a head of at most
    ``limit`` bytes. Empty lines before a head are ignored: https://www.rfc-editor.org/rfc/rfc9112#section-2.2
    """
    if held[0] in b"\r\n":
        held[:] = held.lstrip(b"\r\n")
    end = held.find(END_OF_HEAD, searched, limit) + len(END_OF_HEAD)
    if end >= len(END_OF_HEAD):
        head = bytes(held[:end])
        del held[:end]
        return head
    if _NOT_HTTP.search(held, searched):
        raise malformed()
    if len(held) >= limit:
        if held.find(b"\r\n", 0, limit // 2) < 0:
            raise RejectedRequest("oversized", 414, f"request target is longer than {limit // 2} bytes")
        raise RejectedRequest("oversized", 431, f"header is longer than {limit} bytes")
    return b""


def check_head(head: bytes) -> bytes:
    """Return the head without ``Upgrade`` fields; raise RejectedRequest for a wrong number of fields.

    A server may ignore ``Upgrade``: https://www.rfc-editor.org/rfc/rfc9110#section-7.8. HTTP/1.1 needs one ``Host``,
    and HTTP/1.0 none: https://www.rfc-editor.org/rfc/rfc9112#section-3.2
    """
    lowered = head.lower()
    hosts = lowered.count(b"\r\nhost:")
    # The request line and the end are two more.
    if hosts == 1 and head.count(b"\r\n") <= HEADERS_MAX + 2 and b"\r\nupgrade:" not in lowered:
        return head
    version = head[: head.index(b"\r\n")][-9:]
    if head.count(b"\r\n") > HEADERS_MAX + 2:
        raise too_many_fields()
    if hosts > 1 or (hosts == 0 and version == b" HTTP/1.1"):
        raise RejectedRequest("malformed", 400, "request must have exactly one Host header")
    if hosts == 0 and version != b" HTTP/1.0":
        raise malformed()
    return _UPGRADE.sub(b"", head)


def body_length(fields: Sequence[tuple[bytes, bytes]]) -> int | None:
    """Return the length of the body from the parsed header, or None if it is chunked.

    Raise RejectedRequest for another coding before that, which the parser does not check:
    https://www.rfc-editor.org/rfc/rfc9112#section-6.1
    """
    codings = [value.lower() for name, value in fields if name == b"transfer-encoding"]
    if codings not in ([], [b"chunked"]):
        raise RejectedRequest("malformed", 501, "transfer coding is not supported")
    return next((int(value) for name, value in fields if name == b"content-length"), None)


def error_response(status: int, message: str, headers: Iterable[tuple[bytes, bytes]] = ()) -> bytes:
    """Return the bytes of an error response that closes the connection."""
    body = json.dumps({"error": message}, separators=(",", ":")).encode()
    lines = [
        b"HTTP/1.1 %d %b" % (status, http.HTTPStatus(status).phrase.encode()),
        *(b"%b: %b" % header for header in headers),
        b"content-type: application/json",
        b"content-length: %d" % len(body),
        b"connection: close",
    ]
    return b"\r\n".join([*lines, b"", body])
