"""Connections of clients: uvicorn's HTTP/1.1, within limits for those that send too much, too slowly, or never read.

uvicorn 0.54 parses all that it has read at once, however many requests that are, keeps a head however long it is, and
waits for the rest of one for ever: https://github.com/Kludex/uvicorn/issues/157
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
"""How long a client may take to read its last answer and hang up. A connection that is closed while its client still
sends is reset, and the answer is lost: https://www.rfc-editor.org/rfc/rfc9112#section-9.6"""

WHOLE_MAX = 2048
"""How many bytes a request has at the most that is parsed without further ado."""

PIECE = 4096
"""How many bytes are parsed at once of everything else."""

HEADERS_MAX = 100
"""How many header fields a request may have, trailers included. Each takes more than a hundred bytes of memory, however
short it is."""

ANSWER_FACTOR = 30
"""How many times as long as for a part of an answer a client may take for all of it, however it spreads its reading."""

WRITE_BUFFER = 16 * 1024
"""How many bytes of an answer may wait for its client to read on before the application waits, too."""

BODY_FACTOR = 4
"""How much longer than the longest body a request may be after its head, with the framing of its chunks and its
trailers. What is too long for the application is its own affair; this bounds what comes after it has answered."""

_END_OF_HEAD = b"\r\n\r\n"

_take_in = HttpToolsProtocol.data_received
"""What super() would find, in half the time."""


class Connection(HttpToolsProtocol):
    """One connection; ``on_close`` is called when it is gone.

    Nearly every request comes whole, in one piece, from a client that has its last answer: it goes straight to the
    parser. All else is held, and parsed in pieces that have the end of one head at most. While a request is answered,
    the next one stays unparsed, so that answers are in order, and nothing is ever queued but its bytes.
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
        self._longest_rest = BODY_FACTOR * settings.max_body_bytes
        self._longest_whole = min(WHOLE_MAX, settings.max_header_bytes)
        self._whole = True
        """Whether all that has come are whole requests."""
        self._held = bytearray()
        """What has come and is not parsed yet."""
        self._parsed = 0
        """How many bytes of the head that is not complete are parsed, or of what follows the last head."""
        self._discarding = False
        """Whether nothing that comes now is of any interest."""
        self._lingering_close = False
        """Whether the client has its last answer, and is to hang up."""
        self._previous_cycle: RequestResponseCycle | None = None
        """The request that is answered, if another one has been parsed meanwhile: behind a body, in one piece."""
        self._message: object = None
        """The last message that had begun when the client was looked at."""
        self._message_seen = 0.0
        """When it was seen first."""
        self._waited_since: float | None = None
        """Since when it is the client's turn, as far as was seen."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        """Begin."""
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=WRITE_BUFFER)

    def data_received(self, data: bytes) -> None:
        """Take what has come."""
        cycle = self.cycle
        if self._whole and (cycle is None or cycle.response_complete):
            length = len(data)
            if length <= self._longest_whole and 0 < data.find(_END_OF_HEAD) == length - 4:
                _take_in(self, data)
                return
        if not self._discarding:
            self._whole = False
            self._held += data
            self._parse()

    def connection_lost(self, exc: Exception | None) -> None:
        """Let those know who answer; uvicorn tells the last request only."""
        self._held.clear()
        overtaken = self._previous_cycle
        if overtaken is not None and not overtaken.response_complete:
            overtaken.disconnected = True
            overtaken.message_event.set()
        super().connection_lost(exc)
        self._on_close(self)

    def resume_writing(self) -> None:
        """Note that the client has read: the next part of the answer has the whole time again."""
        super().resume_writing()
        self._waited_since = None

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP, in JSON as all else."""
        self._refuse("malformed", 400, "not a valid HTTP request")

    def check(self, now: float) -> None:
        """End what the client has not gone on with for too long; ``now`` is in seconds, by a clock that never jumps."""
        unread = self.transport.get_write_buffer_size() > 0
        if self.scope is not self._message:
            self._message, self._message_seen, self._waited_since = self.scope, now, None
        if self._answers() and not unread:
            self._waited_since = None
        elif self._waited_since is None:
            self._waited_since = now
        elif now - self._waited_since >= self._patience(unread=unread):
            self._end(unread=unread)
            return
        longest = ANSWER_FACTOR * self._settings.client_timeout_seconds
        if unread and now - self._message_seen >= longest:
            self._end(unread=True)

    def _patience(self, *, unread: bool) -> float:
        """Return for how long the client may do nothing."""
        if self._lingering_close:
            return LINGER_SECONDS
        if unread or self.transport.is_closing() or self.cycle is None or self._head_is_open():
            return self._settings.client_timeout_seconds
        return self._settings.idle_timeout_seconds

    def _end(self, *, unread: bool) -> None:
        if unread:
            self._stats.connections_cut["unread"] += 1
        if unread or self._lingering_close or self.transport.is_closing():
            self.transport.abort()
        elif self._head_is_open():
            seconds = self._settings.client_timeout_seconds
            self._refuse("slow", 408, f"request did not come within {seconds:g} s")
        else:
            self.transport.close()

    def _parse(self) -> None:
        """Parse what is held, as far as that is possible now."""
        held = self._held
        while held and not self.transport.is_closing():
            cycle, scope, in_head = self.cycle, self.scope, self._expects_head()
            if self._answers() and not cycle.more_body:
                self._bound_pipeline()
                self.flow.pause_reading()
                cycle.on_response = self._go_on
                return
            room = (self._settings.max_header_bytes if in_head else self._longest_rest) - self._parsed
            if room <= 0:
                self._refuse_oversized(in_head=in_head)
                break
            size = min(PIECE, room)
            end = held.find(_END_OF_HEAD, 0, size)
            piece = bytes(held[: end + len(_END_OF_HEAD) if end >= 0 else size])
            del held[: len(piece)]
            super().data_received(piece)
            if self.cycle is not cycle:
                self._parsed = 0
                if self.pipeline:
                    self._previous_cycle = cycle
            elif not self._message_is_open():
                self._parsed = 0
            elif self.scope is not scope:
                self._parsed = len(piece) if in_head else 0
            else:
                self._parsed += len(piece)
            if len(self.headers or ()) > HEADERS_MAX:
                self._refuse("oversized", 431, f"more than {HEADERS_MAX} header fields")
        self._whole = not (self._discarding or self._parsed)
        if self._discarding and not self._lingering_close:
            self.shutdown()

    def _go_on(self) -> None:
        """Be told that a request has its answer, while the next one is held."""
        self.on_response_complete()
        self._parse()

    def _answers(self) -> bool:
        """Tell whether there is a request, be it whole or not, that has no complete answer yet."""
        return self.cycle is not None and not self.cycle.response_complete

    def _head_is_open(self) -> bool:
        """Tell whether a head has begun that is not complete."""
        # uvicorn makes a scope at the begin of a message, and a cycle for it at the end of its head.
        return self.scope is not None and (self.cycle is None or self.cycle.scope is not self.scope)

    def _message_is_open(self) -> bool:
        """Tell whether the last message misses something; of one that was answered too early for that, nobody knows."""
        return self._head_is_open() or (self.cycle is not None and self.cycle.more_body)

    def _expects_head(self) -> bool:
        """Tell whether what comes next belongs to a head; what nobody knows is a body, which may be longer."""
        return self._head_is_open() or not self._message_is_open()

    def _bound_pipeline(self) -> None:
        """Of too many requests that have come before their time answer the first ones only; then close.

        The client sends the others again: https://www.rfc-editor.org/rfc/rfc9112#section-9.3.2
        """
        most, held = self._settings.max_pipelined_requests, self._held
        if self._discarding or held.count(_END_OF_HEAD) <= most:
            return
        self._stats.connections_cut["pipelined"] += 1
        self._discarding = True
        end = 0
        for _ in range(most):
            end = held.index(_END_OF_HEAD, end) + len(_END_OF_HEAD)
        del held[end:]

    def _refuse_oversized(self, *, in_head: bool) -> None:
        limit = self._settings.max_header_bytes
        if not in_head and self._answers():
            self._refuse("oversized", 413, f"request is longer than {self._longest_rest} bytes")
        elif not in_head:
            # It has its answer, which did not need the rest.
            self._hear_no_more("oversized")
        elif self._head_is_open() and 2 * len(self.url) > limit:
            self._refuse("oversized", 414, f"request target is longer than {limit // 2} bytes")
        else:
            self._refuse("oversized", 431, f"header is longer than {limit} bytes")

    def _refuse(self, reason: str, status: int, message: str) -> None:
        """Say why there will be no other answer, if it is the time to say so, and hear nothing more."""
        if self._discarding:
            return
        self._hear_no_more(reason)
        if not self._answers():
            self.transport.write(answer(status, message, self.server_state.default_headers))
            self._linger()
        elif self.cycle.more_body and not self.cycle.response_started:
            self.transport.write(answer(status, message, self.server_state.default_headers))
            self.transport.close()
        else:
            self.shutdown()

    def _hear_no_more(self, reason: str) -> None:
        self._stats.connections_cut[reason] += 1
        self._discarding, self._whole = True, False
        self._held.clear()

    def _linger(self) -> None:
        """Let the client read what it was told before the connection is closed."""
        if self.transport.can_write_eof():
            self._lingering_close, self._waited_since = True, None
            self.transport.write_eof()
        else:
            self.transport.close()


def answer(status: int, message: str, headers: Iterable[tuple[bytes, bytes]] = ()) -> bytes:
    """Return an answer that no application gives, after which the connection is closed."""
    body = json.dumps({"error": message}, separators=(",", ":")).encode()
    lines = [
        b"HTTP/1.1 %d %b" % (status, http.HTTPStatus(status).phrase.encode()),
        *(b"%b: %b" % header for header in headers),
        b"content-type: application/json",
        b"content-length: %d" % len(body),
        b"connection: close",
    ]
    return b"\r\n".join([*lines, b"", body])
