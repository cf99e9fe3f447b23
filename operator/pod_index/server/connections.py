"""Client connections: uvicorn's HTTP/1.1 protocol with limits on size, time and pipelining.

uvicorn 0.54 parses all requests that it has read at once, has no limit on the size of a header, and waits for the rest
of a request forever: https://github.com/Kludex/uvicorn/issues/157
"""

import asyncio
import http
import json
from collections.abc import Callable, Iterable

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from pod_index.settings import Settings
from pod_index.stats import Stats

LINGER_SECONDS = 2.0
"""Time for a client to read the last response and close the connection. If the server closes it while the client still
sends, the connection is reset and the response is lost: https://www.rfc-editor.org/rfc/rfc9112#section-9.6"""

FAST_PATH_BYTES = 2048
"""Requests up to this size take the fast path."""

PARSE_BYTES = 4096
"""Maximum size of the input that is parsed at once outside the fast path."""

HEADERS_MAX = 100
"""Maximum number of header fields of a request, including trailers. Each takes over a hundred bytes of memory, however
short it is."""

RESPONSE_FACTOR = 30
"""Maximum time to read a whole response, as a multiple of the time to read a part of it."""

WRITE_BUFFER_BYTES = 16 * 1024
"""Size of the unread part of a response above which the application waits."""

BODY_FACTOR = 4
"""Maximum size of a request after its header, with chunk framing and trailers, as a multiple of the maximum body size.
The application checks the size of the body itself; this limit also applies after it has responded."""

_END_OF_HEADER = b"\r\n\r\n"

_uvicorn_data_received = HttpToolsProtocol.data_received
"""Twice as fast as ``super().data_received``."""


class Connection(HttpToolsProtocol):
    """One client connection; calls ``on_close`` when it is closed.

    Fast path: a small request that arrives as a whole, while no other is being answered, goes straight to uvicorn's
    parser. Nearly all requests do. All other input is buffered and parsed in pieces, none of which extends past the end
    of a header. While a request is being answered, the next one stays unparsed. So responses keep their order, and only
    bytes are queued.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        server_state: ServerState,
        settings: Settings,
        stats: Stats,
        on_close: Callable[["Connection"], None],
    ) -> None:
        super().__init__(config, server_state, app_state={})
        self._settings = settings
        self._stats = stats
        self._on_close = on_close
        self._max_rest_bytes = BODY_FACTOR * settings.max_body_bytes
        self._fast_path_bytes = min(FAST_PATH_BYTES, settings.max_header_bytes)
        self._between_requests = True
        """Whether the input so far consists of complete requests."""
        self._buffer = bytearray()
        """Input that is not parsed yet."""
        self._parsed_bytes = 0
        """Size of the parsed part of an incomplete header, or of the input parsed after the last header."""
        self._discarding = False
        """Whether further input is discarded."""
        self._lingering_close = False
        """Whether the last response is sent, and the client is expected to close the connection."""
        self._previous_cycle: RequestResponseCycle | None = None
        """The request being answered, if the next one is already parsed: both were in one piece, after a body."""
        self._checked_message: object = None
        """The scope of the last message at the time of the last check."""
        self._checked_message_since = 0.0
        """Time of the first check of that message."""
        self._waiting_since: float | None = None
        """Time of the first check that found the connection waiting for the client, if it is still waiting."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        """Limit the write buffer."""
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=WRITE_BUFFER_BYTES)

    def data_received(self, data: bytes) -> None:
        """Parse the input on the fast path, buffer it, or discard it."""
        cycle = self.cycle
        if self._between_requests and (cycle is None or cycle.response_complete):
            length = len(data)
            if length <= self._fast_path_bytes and 0 < data.find(_END_OF_HEADER) == length - 4:
                _uvicorn_data_received(self, data)
                return
        if not self._discarding:
            self._between_requests = False
            self._buffer += data
            self._parse()

    def connection_lost(self, exc: Exception | None) -> None:
        """Notify all requests being answered; uvicorn notifies the last one only."""
        self._buffer.clear()
        previous = self._previous_cycle
        if previous is not None and not previous.response_complete:
            previous.disconnected = True
            previous.message_event.set()
        super().connection_lost(exc)
        self._on_close(self)

    def resume_writing(self) -> None:
        """Restart the timeout: the client has read a part of the response."""
        super().resume_writing()
        self._waiting_since = None

    def send_400_response(self, msg: str) -> None:
        """Reply 400 in JSON to malformed HTTP."""
        self._reject("malformed", 400, "not a valid HTTP request")

    def check(self, now: float) -> None:
        """Close the connection if the client exceeds a timeout; ``now`` is the monotonic time in seconds."""
        unread = self.transport.get_write_buffer_size() > 0
        if self.scope is not self._checked_message:
            self._checked_message, self._checked_message_since, self._waiting_since = self.scope, now, None
        if self._response_pending() and not unread:
            self._waiting_since = None
        elif self._waiting_since is None:
            self._waiting_since = now
        elif now - self._waiting_since >= self._timeout(unread=unread):
            self._time_out(unread=unread)
            return
        response_timeout = RESPONSE_FACTOR * self._settings.client_timeout_seconds
        if unread and now - self._checked_message_since >= response_timeout:
            self._time_out(unread=True)

    def _timeout(self, *, unread: bool) -> float:
        """Return how long to wait for the client, in seconds."""
        if self._lingering_close:
            return LINGER_SECONDS
        if unread or self.transport.is_closing() or self.cycle is None or self._header_incomplete():
            return self._settings.client_timeout_seconds
        return self._settings.idle_timeout_seconds

    def _time_out(self, *, unread: bool) -> None:
        if unread:
            self._stats.connections_cut["unread"] += 1
        if unread or self._lingering_close or self.transport.is_closing():
            self.transport.abort()
        elif self._header_incomplete():
            seconds = self._settings.client_timeout_seconds
            self._reject("slow", 408, f"request did not come within {seconds:g} s")
        else:
            self.transport.close()

    def _parse(self) -> None:
        """Parse the buffered input, up to the next request if one is being answered."""
        buffer = self._buffer
        while buffer and not self.transport.is_closing():
            cycle, scope, in_header = self.cycle, self.scope, self._expects_header()
            if self._response_pending() and not cycle.more_body:
                self._limit_pipeline()
                self.flow.pause_reading()
                cycle.on_response = self._resume_parsing
                return
            room = (self._settings.max_header_bytes if in_header else self._max_rest_bytes) - self._parsed_bytes
            if room <= 0:
                self._reject_oversized(in_header=in_header)
                break
            size = min(PARSE_BYTES, room)
            end = buffer.find(_END_OF_HEADER, 0, size)
            piece = bytes(buffer[: end + len(_END_OF_HEADER) if end >= 0 else size])
            del buffer[: len(piece)]
            super().data_received(piece)
            if self.cycle is not cycle:
                self._parsed_bytes = 0
                if self.pipeline:
                    self._previous_cycle = cycle
            elif not self._message_incomplete():
                self._parsed_bytes = 0
            elif self.scope is not scope:
                self._parsed_bytes = len(piece) if in_header else 0
            else:
                self._parsed_bytes += len(piece)
            if len(self.headers or ()) > HEADERS_MAX:
                self._reject("oversized", 431, f"more than {HEADERS_MAX} header fields")
        self._between_requests = not (self._discarding or self._parsed_bytes)
        if self._discarding and not self._lingering_close:
            self.shutdown()

    def _resume_parsing(self) -> None:
        """Continue with the buffered requests when a response is complete."""
        self.on_response_complete()
        self._parse()

    def _response_pending(self) -> bool:
        """Return whether the application has not completed the response to the last request."""
        return self.cycle is not None and not self.cycle.response_complete

    def _header_incomplete(self) -> bool:
        """Return whether a part of a header was parsed."""
        # uvicorn creates a scope at the start of a message, and its cycle at the end of the header.
        return self.scope is not None and (self.cycle is None or self.cycle.scope is not self.scope)

    def _message_incomplete(self) -> bool:
        """Return whether a part of the last message is missing.

        This is unknown, and True, where the response was complete first: uvicorn does not follow the rest then.
        """
        return self._header_incomplete() or (self.cycle is not None and self.cycle.more_body)

    def _expects_header(self) -> bool:
        """Return whether the next input belongs to a header; False if unknown, as the limit of bodies is higher."""
        return self._header_incomplete() or not self._message_incomplete()

    def _limit_pipeline(self) -> None:
        """Discard all buffered requests above the limit, and close the connection after the others.

        The client repeats those without a response: https://www.rfc-editor.org/rfc/rfc9112#section-9.3.2
        """
        limit, buffer = self._settings.max_pipelined_requests, self._buffer
        if self._discarding or buffer.count(_END_OF_HEADER) <= limit:
            return
        self._stats.connections_cut["pipelined"] += 1
        self._discarding = True
        end = 0
        for _ in range(limit):
            end = buffer.index(_END_OF_HEADER, end) + len(_END_OF_HEADER)
        del buffer[end:]

    def _reject_oversized(self, *, in_header: bool) -> None:
        limit = self._settings.max_header_bytes
        if not in_header and self._response_pending():
            self._reject("oversized", 413, f"request is longer than {self._max_rest_bytes} bytes")
        elif not in_header:
            # The response is complete: the application did not need the rest.
            self._discard_input("oversized")
        elif self._header_incomplete() and 2 * len(self.url) > limit:
            self._reject("oversized", 414, f"request target is longer than {limit // 2} bytes")
        else:
            self._reject("oversized", 431, f"header is longer than {limit} bytes")

    def _reject(self, reason: str, status: int, message: str) -> None:
        """Discard further input, send an error unless another response has started, and close the connection."""
        if self._discarding:
            return
        self._discard_input(reason)
        if not self._response_pending():
            self.transport.write(error_response(status, message, self.server_state.default_headers))
            self._linger()
        elif self.cycle.more_body and not self.cycle.response_started:
            self.transport.write(error_response(status, message, self.server_state.default_headers))
            self.transport.close()
        else:
            self.shutdown()

    def _discard_input(self, reason: str) -> None:
        self._stats.connections_cut[reason] += 1
        self._discarding, self._between_requests = True, False
        self._buffer.clear()

    def _linger(self) -> None:
        """Let the client read the response before the connection is closed."""
        if self.transport.can_write_eof():
            self._lingering_close, self._waiting_since = True, None
            self.transport.write_eof()
        else:
            self.transport.close()


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
