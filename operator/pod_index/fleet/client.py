"""Requests to the pod-index of one other cluster. Each failure is a ``PeerError`` with one line for the log."""

import asyncio
import logging
import os
import ssl
import time
from collections.abc import Callable
from typing import NamedTuple, TypeVar

import aiohttp
import yarl

from pod_index.backoff import Backoff
from pod_index.clusters import MemoryShare
from pod_index.fleet.peers import Peer
from pod_index.peering import PENDING_MAX
from pod_index.settings import Settings
from pod_index.stats import Stats

BACKOFF_MAX_SECONDS = 30.0
"""The longest pause after a failure. During the pause, requests to the peer fail at once."""

BACKOFF_RESET_SECONDS = 60.0
"""After this time without a failure, the next pause is short again."""

BUSY = frozenset({"busy", "skipped"})
"""The results that are no failures of the peer."""

logger = logging.getLogger("pod_index.fleet")

T = TypeVar("T")


class PeerError(Exception):
    """A request to a peer has failed. ``result`` is its label in the metrics, the message the reason."""

    def __init__(self, result: str, message: str) -> None:
        super().__init__(message)
        self.result = result


class TooLarge(PeerError):
    """The request or the response of a batch is too large. A part of the batch may succeed."""


class PeerResponse(NamedTuple):
    """A response with one of the statuses of a lookup: 200, 400, 404 or 409."""

    status: int
    age: int
    matched_by: str
    body: bytes


class PeerRequest(NamedTuple):
    """A GET request, or with a body a POST request."""

    path: str
    query: bytes
    share: MemoryShare
    """Counts the body of the response."""
    seconds: float
    """The time for the whole request."""
    max_bytes: int
    """The longest accepted response."""
    body: bytes | None = None
    waits: bool = False
    """Whether the peer waits for the pod. The failure of such a request is no failure of the peer."""


class PeerClient:
    """Sends requests to a peer, at most ``PEER_REQUESTS_MAX`` at a time.

    After a failure, it refuses requests at once for a while, and then lets one through to see whether the peer is back.
    """

    def __init__(self, peer: Peer, session: aiohttp.ClientSession, settings: Settings, stats: Stats) -> None:
        self.peer = peer
        self._session = session
        self._ssl: ssl.SSLContext | bool = peer.ssl_context()
        self._headers = {"Authorization": peer.authorization} if peer.authorization else {}
        self._slots = asyncio.Semaphore(settings.peer_requests_max)
        self.pending_max = PENDING_MAX
        """How many requests may be under way or wait for a slot."""
        self._pending = 0
        self._waits_max = settings.peer_requests_max // 2
        self._waits = 0
        """How many of them wait for a pod. They take seconds, so they get half of the slots at most."""
        self._stats = stats
        self._backoff = Backoff(BACKOFF_MAX_SECONDS)
        self._failure = ""
        """The reason of the last failure; empty while the peer is healthy."""
        self._retry_at = 0.0
        self._probing = False
        self.retired = False
        """Whether a reload has removed or replaced the peer. Its open requests no longer change its health."""
        self._healthy_since = time.monotonic()

    async def request(self, request: PeerRequest, parse: Callable[[PeerResponse], T]) -> T:
        """Send a request, and return its parsed response; raise PeerError if the request fails or times out."""
        try:
            probing = self._admit(request)
            self._pending += 1
            self._waits += request.waits
            try:
                answer = await self._within(request, parse)
            except PeerError as error:
                if not (request.waits or error.result in BUSY or isinstance(error, TooLarge)):
                    self._note_failure(error, probing=probing)
                raise
            else:
                self._note_success(probing=probing)
            finally:
                self._pending -= 1
                self._waits -= request.waits
                if probing:
                    self._probing = False
        except PeerError as error:
            self._stats.peer_requests[self._name, error.result] += 1
            raise
        self._stats.peer_requests[self._name, "answered"] += 1
        return answer

    def _admit(self, request: PeerRequest) -> bool:
        """Return whether the request probes a failed peer; raise PeerError if no request may be sent now."""
        if self._pending >= self.pending_max or (request.waits and self._waits >= self._waits_max):
            raise PeerError("busy", "too many requests to it are under way")
        if not self._failure:
            return False
        if request.waits or self._probing or time.monotonic() < self._retry_at:
            raise PeerError("skipped", self._failure)
        self._probing = True
        return True

    def _note_failure(self, error: PeerError, *, probing: bool) -> None:
        if self.retired or (self._failure and not probing):
            return  # The failures of concurrent requests count once.
        now = time.monotonic()
        if not self._failure:
            if now - self._healthy_since >= BACKOFF_RESET_SECONDS:
                self._backoff.reset()
            logger.warning("No answer from cluster %s: %s; it is asked less often until it answers", self._name, error)
        self._failure = str(error)
        self._retry_at = now + self._backoff.next_pause()
        self._stats.peers_up[self._name] = False

    def _note_success(self, *, probing: bool) -> None:
        if self._failure and probing and not self.retired:
            self._failure = ""
            self._healthy_since = time.monotonic()
            self._stats.peers_up[self._name] = True
            logger.info("Cluster %s answers again", self._name)

    @property
    def _name(self) -> str:
        return self.peer.name

    async def _within(self, request: PeerRequest, parse: Callable[[PeerResponse], T]) -> T:
        sent: float | None = None
        try:
            async with asyncio.timeout(request.seconds), self._slots:
                sent = time.perf_counter()
                try:
                    return parse(await self._send(request))
                except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as error:
                    # A kept connection may be closed at the moment of its use. aiohttp repeats only GET requests.
                    if request.body is None or isinstance(error, aiohttp.ClientConnectorError):
                        raise
                    return parse(await self._send(request))
        except TimeoutError:
            if sent is None:
                raise PeerError("busy", "too many requests to it are under way") from None
            raise PeerError("timeout", f"{self.peer.url} has not answered within {request.seconds:.3g} s") from None
        except (aiohttp.ClientConnectorCertificateError, aiohttp.ClientConnectorSSLError) as error:
            raise PeerError("untrusted", f"no secure connection to {self.peer.url} ({_reason(error)})") from None
        except aiohttp.ClientConnectorError as error:
            raise PeerError("unreachable", f"cannot connect to {self.peer.url} ({_reason(error)})") from None
        except (aiohttp.InvalidURL, UnicodeError) as error:
            raise PeerError("unreachable", f"{self.peer.url} is not a valid URL ({_reason(error)})") from None
        except aiohttp.ClientResponseError:
            raise PeerError("malformed", f"{self.peer.url} sends malformed HTTP, or too many responses") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise PeerError("unreachable", f"the connection to {self.peer.url} was lost ({_reason(error)})") from None
        finally:
            if sent is not None:
                self._stats.peer_durations[self._name].observe(time.perf_counter() - sent)

    async def _send(self, request: PeerRequest) -> PeerResponse:
        query = f"?{request.query.decode('latin-1')}" if request.query else ""
        is_post = request.body is not None
        async with self._session.request(
            "POST" if is_post else "GET",
            yarl.URL(f"{self.peer.url}{request.path}{query}", encoded=True),
            data=request.body,
            headers={**self._headers, "Content-Type": "application/json"} if is_post else self._headers,
            ssl=self._ssl,
            allow_redirects=False,
        ) as response:
            try:
                content = await self._read(response, request)
            except BaseException:
                response.close()  # Else it would be read to its end.
                raise
            return self._check(response, content)

    async def _read(self, response: aiohttp.ClientResponse, request: PeerRequest) -> bytes:
        content = bytearray()
        is_too_large = (response.content_length or 0) > request.max_bytes
        while not is_too_large and (chunk := await response.content.readany()):
            if not request.share.take(len(chunk)):
                raise PeerError("busy", "the memory for answers is used up")
            content += chunk
            is_too_large = len(content) > request.max_bytes
        if is_too_large:
            error = PeerError if request.body is None else TooLarge
            raise error("oversized", f"the response of {self.peer.url} is longer than {request.max_bytes} bytes")
        return bytes(content)

    def _check(self, response: aiohttp.ClientResponse, content: bytes) -> PeerResponse:
        """Return a valid response; raise PeerError for any other."""
        status, url = response.status, self.peer.url
        if status in (401, 403):
            raise PeerError("unauthorized", f"{url} refuses the credentials ({status}); check them in PEERS_FILE")
        if status in (413, 414, 431):
            raise TooLarge("rejected", f"{url} rejects the request as too large")
        if status == 503 and b'"cache not synced"' in content[:100]:
            raise PeerError("unsynced", f"{url} has not synced yet")
        if status >= 500 or status in (408, 429):
            raise PeerError("failing", f"{url} fails ({status})")
        is_json = response.headers.get("Content-Type", "").partition(";")[0].strip() == "application/json"
        if status not in (200, 400, 404, 409) or not is_json or "Content-Encoding" in response.headers:
            raise PeerError("malformed", f"the response of {url} ({status}) is not that of a pod-index")
        age, matched_by = response.headers.get("Age", ""), response.headers.get("Matched-By", "")
        if not (age.isascii() and age.isdigit() and len(age) < 10):
            raise PeerError("malformed", f"the response of {url} has no valid Age header")
        return PeerResponse(
            status,
            int(age),
            matched_by if matched_by.isascii() and matched_by.replace(".", "").isalpha() else "",
            content,
        )


def _reason(error: Exception) -> str:
    """Return the cause of an error in the words of the operating system or OpenSSL, as one line."""
    cause: BaseException = error
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        cause = error.certificate_error
    elif isinstance(error, aiohttp.ClientConnectorError):
        cause = error.os_error
    if isinstance(cause, ConnectionError) and cause.errno:
        return os.strerror(cause.errno)
    text = getattr(cause, "verify_message", "") or getattr(cause, "strerror", "") or str(cause)
    return " ".join(text.split())[:200] or type(cause).__name__
