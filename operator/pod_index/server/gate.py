"""A gate before uvicorn's HTTP/1.1 parser, which passes one message at a time.

uvicorn parses all input at once, and has no limit on the size of a header: https://github.com/Kludex/uvicorn/issues/157
"""

import contextlib
import functools
from typing import Any

import httptools
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from pod_index.server import heads
from pod_index.server.heads import END_OF_HEAD, RejectedRequest, check_head
from pod_index.server.lookups import PlainLookups
from pod_index.server.pool import ConnectionPool
from pod_index.settings import Settings
from pod_index.stats import Stats

BUFFER_BYTES = 16 * 1024
"""Size of the held input above which the connection is not read while a request is being answered."""

BODY_FACTOR = 4
"""Maximum size of a request after its head, with chunk framing and trailers, as a multiple of the maximum body size.
The application checks the size of the body itself."""


class Gate(HttpToolsProtocol):
    """The input of one connection.

    Input is collected until the end of a head, and the parser gets just that. It gets the body as the application reads
    it. What follows is held, and not parsed before the response is complete. So there is one request at a time.
    """

    # Not in the dictionary of uvicorn's attributes: with over 30 entries it would take 2 KB more.
    __slots__ = (
        *("_between", "_body_left", "_discarding", "_held", "_input_ended", "_last", "_lookups", "_message_begun"),
        *("_pool", "_reader", "_requests", "_searched", "_settings", "_stats"),
    )

    def __init__(
        self,
        config: uvicorn.Config,
        server_state: ServerState,
        settings: Settings,
        stats: Stats,
        pool: ConnectionPool,
        lookups: PlainLookups | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state={})
        self._settings, self._stats = settings, stats
        self._pool, self._lookups = pool, lookups
        self._between = True
        """Whether nothing is held or pending: the next input begins a request."""
        self._held = bytearray()
        """Input that is not parsed yet."""
        self._searched = 0
        """Size of the part of it that does not contain the end of a head."""
        self._body_left = 0
        """How much of the body is not parsed yet; if ``_last``, how long the rest may be."""
        self._last = False
        """Whether the connection is closed after this request, because the end of its body is unknown or far."""
        self._message_begun = False
        """Whether the parser has begun the present message."""
        self._reader: RequestResponseCycle | None = None
        """The request whose application waits for the body, or for the client to disconnect."""
        self._input_ended = False
        """Whether the client has closed its side of the connection."""
        self._discarding = False
        """Whether the last response is sent, and further input is discarded."""
        self._requests = 0
        """Number of requests so far."""

    def displace(self) -> None:
        """Close the connection at once: others need its place."""
        raise NotImplementedError

    def data_received(self, data: bytes) -> None:
        """Begin a request that arrives alone and as a whole, as nearly all do; hold or discard other input."""
        if self._between and self._answer_lookup(data):
            pass
        elif self._between and 0 < data.find(END_OF_HEAD) == len(data) - 4 <= self._settings.max_header_bytes - 4:
            self._begin_request(data)
        elif not self._discarding:
            self._held += data
            self._advance()
        else:
            self._body_left -= len(data)
            if self._body_left < 0:
                self.transport.abort()

    def eof_received(self) -> bool:  # type: ignore[override] # uvicorn always returns None
        """Return whether the connection stays open, because a request is being answered.

        An application that waits for input will get no more. asyncio cannot keep the other side of TLS open.
        """
        self._input_ended = True
        return self.scheme == "http" and self._response_pending() and self._reader is not self.cycle

    def on_message_begin(self) -> None:
        """Refuse a second message: it follows a chunked body, after which the connection is closed."""
        if self._message_begun:
            raise ValueError("the parser has input of two messages")
        self._message_begun = True
        super().on_message_begin()

    def on_response_complete(self) -> None:
        """Continue with the held input. uvicorn would set a timer too."""
        if self.transport.is_closing():
            return
        if self._last:
            self._linger()
            return
        self._pool.waiting[self] = None
        if self._held or self._body_left or self._input_ended:
            self._advance()
            if self._input_ended and not self._response_pending():
                self.transport.close()
        else:
            self._between = True

    def _answer_lookup(self, data: bytes) -> bool:
        """Answer a plain lookup at once; return False for other input.

        While a response is unwritten, the application answers: it waits until the client has read that.
        """
        if self._lookups is None or len(data) > self._settings.max_header_bytes:
            return False
        if self.transport.get_write_buffer_size() or self.flow.write_paused:
            return False
        if not self._lookups.answer(data, self.server_state.default_headers, self.transport):
            return False
        self._requests += 1
        self._pool.waiting.pop(self, None)
        self._between = not self.transport.is_closing()
        if self._between:
            self._pool.waiting[self] = None  # As the last.
        return True

    def _begin_request(self, head: bytes) -> None:
        """Begin a request with its head. All requests begin here, except plain lookups."""
        self._between = self._message_begun = False
        self._requests += 1
        self._pool.waiting.pop(self, None)
        try:
            self.parser.feed_data(check_head(head))
            if self.cycle.more_body:
                self._expect_body()
        except httptools.HttpParserUpgrade:
            # CONNECT: what follows would belong to the tunnel.
            self._end_after_response()
        except httptools.HttpParserError:
            self._reject(heads.malformed())
        except RejectedRequest as error:
            self._reject(error)

    def _advance(self) -> None:
        """Pass on the held input: the rest of a body that is read or no longer needed, and then the next head."""
        held = self._held
        while held and not self.transport.is_closing():
            if self._body_left:
                if self._response_pending() and self._reader is not self.cycle:
                    break
                self._feed_body()
            elif self._response_pending():
                break
            elif head := self._cut_head():
                self._begin_request(head)
            else:
                break
        self._between = not (held or self._body_left or self._discarding or self._response_pending())
        self._limit_reading()
        self._pool.hold(self, len(held))

    def _limit_reading(self) -> None:
        if len(self._held) >= BUFFER_BYTES and self._response_pending():
            self.flow.pause_reading()
        else:
            self.flow.resume_reading()

    def _cut_head(self) -> bytes:
        held = self._held
        try:
            head = heads.cut_head(held, self._searched, self._settings.max_header_bytes)
        except RejectedRequest as error:
            self._reject(error)
            return b""
        self._searched = 0 if head else max(0, len(held) - len(END_OF_HEAD) + 1)
        return head

    def _response_pending(self) -> bool:
        cycle = self.cycle
        return cycle is not None and not (cycle.response_complete or cycle.disconnected)

    def _expect_body(self) -> None:
        """Take the length of the body from the parsed header."""
        length = heads.body_length(self.headers)
        self._body_left = BODY_FACTOR * self._settings.max_body_bytes
        if length is None or length > self._body_left:
            self._end_after_response()
        else:
            self._body_left = length

    def _end_after_response(self) -> None:
        self._last, self.cycle.keep_alive = True, False
        # uvicorn would add trailers to the headers of the request.
        self.headers = []

    def _feed_body(self) -> None:
        """Parse the next part of the body."""
        part = bytes(self._held[: self._body_left])
        del self._held[: len(part)]
        malformed = False
        try:
            self.parser.feed_data(part)
        except httptools.HttpParserError:
            # What follows the end of the last body is discarded.
            malformed = self.cycle.more_body
        self._body_left -= len(part)
        if malformed:
            self._reject(heads.malformed())
        elif not self._last:
            return
        elif not self.cycle.more_body:
            self._body_left = 0
        elif len(self.headers) > heads.HEADERS_MAX:
            self._reject(heads.too_many_fields())
        elif not self._body_left:
            size = BODY_FACTOR * self._settings.max_body_bytes
            self._reject(RejectedRequest("oversized", 413, f"request is longer than {size} bytes"))

    async def _application(self, scope: Any, receive: Any, send: Any) -> Any:
        """Call the application with the gate between it and uvicorn, unless the client is gone or rejected."""
        cycle = self.cycle
        await self._pool.turns.wait()
        if self._discarding or cycle.disconnected:
            return
        if self._last:
            send = functools.partial(self._send_last, cycle)
        await self.config.loaded_app(scope, functools.partial(self._receive, cycle), send)

    async def _receive(self, cycle: RequestResponseCycle) -> Any:
        """Pass on the held body, and wait for more, or for the client to disconnect."""
        if cycle is not self.cycle or cycle.disconnected:
            return await cycle.receive()
        self._reader = cycle
        try:
            self._advance()
            if not cycle.message_event.is_set():
                if self._input_ended:
                    self.transport.close()
                if not cycle.more_body:
                    await cycle.message_event.wait()
            return await cycle.receive()
        finally:
            if self._reader is cycle:
                self._reader = None
                # uvicorn has resumed reading.
                self._limit_reading()

    async def _send_last(self, cycle: RequestResponseCycle, message: Any) -> None:
        """Send ``Connection: close``, but let the connection linger: uvicorn would close it at once."""
        if message["type"] == "http.response.start":
            # uvicorn adds it since 0.53.
            message = {**message, "headers": [*message.get("headers", ()), (b"connection", b"close")]}
        await cycle.send(message)
        cycle.keep_alive = True

    def _reject(self, error: RejectedRequest) -> None:
        """Send an error, unless a response has started, and close the connection."""
        self._stats.connections_cut[error.reason] += 1
        if self._response_pending():
            if self.cycle.response_started:
                self.transport.abort()
                return
            self._disconnect()
        self.transport.write(heads.error_response(error.status, str(error), self.server_state.default_headers))
        self._linger()

    def _disconnect(self) -> None:
        """Let the application know that its client is gone, and ignore what it still sends."""
        self.cycle.disconnected = True
        self.cycle.message_event.set()

    def _linger(self) -> None:
        """Discard further input, and let the client read the response before the connection is closed."""
        self._discarding, self._between = True, False
        self._body_left = BODY_FACTOR * self._settings.max_body_bytes
        self._held.clear()
        self._pool.hold(self, 0)
        self.flow.resume_reading()
        if self.transport.can_write_eof():
            with contextlib.suppress(OSError):  # The client has reset the connection.
                self.transport.write_eof()
        else:
            self.transport.close()
