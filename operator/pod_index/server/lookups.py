"""Plain lookups, which are answered as soon as they arrive, without the parser and the application.

Most requests are such: ``GET {path}?uid=...`` for a known pod, without a body, an expectation or an upgrade. The
response has the same bytes as that of the application.
"""

import asyncio
import re
from collections.abc import Callable, Sequence
from time import perf_counter

from pod_index.stats import Stats

RECORD_BYTES = 16 * 1024
"""Maximum size of a record. The application sends longer ones in parts, as the client reads them."""

# The syntax of llhttp, uvicorn's parser: https://www.rfc-editor.org/rfc/rfc9110#section-5
_NAME = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]++"
_VALUE = rb"[\t\x20-\x7e\x80-\xff]*+"
_UUID = rb"[0-9a-f-]{36}"
# Names that change the response or the connection. llhttp treats Proxy-Connection as Connection.
_SPECIAL = rb"authorization|(?:proxy-)?connection|content-length|expect|host|transfer-encoding|upgrade"
# Many HTTP/1.1 clients send keep-alive, though it is the default.
_CONNECTION = rb"(?i:connection):[ ]?(?:(?i:keep-alive)|close)"
_closes = re.compile(rb"\r\n(?i:connection):[ ]?close\r\n").search
# Three groups of so many at most are fewer than HEADERS_MAX.
_FIELDS = rb"(?:(?:(?!(?i:%b):)%b:%b|%b)\r\n){0,30}+" % (_SPECIAL, _NAME, _VALUE, _CONNECTION)
_HOST = rb"(?i:host):%b\r\n" % _VALUE
_AUTHORIZATION = rb"(?i:authorization):(%b)\r\n" % _VALUE
_HEADER = rb"%b(?:%b%b%b%b|%b%b(?:%b%b)?)\r\n" % (
    *(_FIELDS, _AUTHORIZATION, _FIELDS, _HOST, _FIELDS),
    *(_HOST, _FIELDS, _AUTHORIZATION, _FIELDS),
)


class PlainLookups:
    """Answers plain lookups, and counts them as the application does.

    ``find`` returns the record of the pod with a UID, or None if the application must answer. ``age`` returns the age
    of the data in seconds. ``authorized`` returns whether the value of an ``Authorization`` header is valid; without
    it, all requests are allowed.
    """

    def __init__(
        self,
        path: str,
        find: Callable[[str], bytes | None],
        age: Callable[[], float],
        stats: Stats,
        authorized: Callable[[bytes], bool] | None = None,
    ) -> None:
        request_line = rb"GET %b\?uid=(%b) HTTP/1\.1\r\n" % (re.escape(path).encode(), _UUID)
        self._match = re.compile(request_line + _HEADER).fullmatch
        self._find = find
        self._age = age
        self._authorized = authorized
        self._lookups = stats.lookups
        self._observe = stats.requests[path, 200].observe
        self._default_headers: Sequence[tuple[bytes, bytes]] | None = None
        self._start = b""
        """The start of all responses with these headers."""
        self._age_seconds = -1
        self._age_lines = b""
        """The last lines of all responses with this age."""

    def answer(
        self, head: bytes, default_headers: Sequence[tuple[bytes, bytes]], transport: asyncio.WriteTransport
    ) -> bool:
        """Answer a plain lookup; return False if the application must.

        ``default_headers`` are those of all responses; a new list replaces them when they change.
        """
        started = perf_counter()
        match = self._match(head)
        if match is None:
            return False
        uid, before_host, after_host = match.groups()
        if self._authorized is not None and not self._authorized(before_host or after_host or b""):
            return False
        record = self._find(uid.decode())
        if record is None or len(record) > RECORD_BYTES:
            return False
        if default_headers is not self._default_headers:
            self._set_start(default_headers)
        age = int(self._age())
        if age != self._age_seconds:
            self._age_seconds, self._age_lines = age, b"\r\nage: %d\r\nmatched-by: uid\r\n" % age
        closes = b"close" in head and _closes(head)
        end = b"connection: close\r\n\r\n" if closes else b"\r\n"
        transport.write(b"".join((self._start, b"%d" % len(record), self._age_lines, end, record)))
        if closes:
            transport.close()
        self._lookups["uid", "hit"] += 1
        self._observe(perf_counter() - started)
        return True

    def _set_start(self, default_headers: Sequence[tuple[bytes, bytes]]) -> None:
        headers = (*default_headers, (b"content-type", b"application/json"))
        lines = b"".join(b"%b: %b\r\n" % header for header in headers)
        self._start = b"HTTP/1.1 200 OK\r\n%bcontent-length: " % lines
        self._default_headers = default_headers
