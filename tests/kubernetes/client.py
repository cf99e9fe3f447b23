"""A client of the API for the admin: JSON over persistent connections."""

import http.client
import json
import ssl
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from typing import NoReturn
from urllib.parse import urlencode

from tests.apiserver.statuses import JSON, AlreadyExists, ApiError, Conflict, NotFound

_HOST = "127.0.0.1"
_CHUNK = 1 << 16


class ApiClient:
    """Sends requests to one server. It may be used in any thread; each thread gets a connection of its own.

    A ``token`` is sent instead of the client certificate of the context.
    """

    def __init__(self, port: int, context: ssl.SSLContext, *, token: str = "", timeout: float = 60.0) -> None:
        self._port = port
        self._context = context
        self._timeout = timeout
        self._headers = {"User-Agent": "pod-index-tests", **({"Authorization": f"Bearer {token}"} if token else {})}
        # ``append()`` and ``pop()`` of a list are atomic.
        self._idle: list[http.client.HTTPSConnection] = []

    def request(
        self, method: str, path: str, body: JSON | None = None, *, query: Mapping[str, object] | None = None
    ) -> tuple[int, bytes]:
        """Send a request; return the status and the body of the response.

        If the server has closed an idle connection, the next one is tried. Raises OSError and HTTPException.
        """
        target = f"{path}?{urlencode(query)}" if query else path
        content = None if body is None else json.dumps(body).encode()
        headers = self._headers | ({"Content-Type": "application/json"} if content else {})
        while True:
            is_kept = bool(self._idle)
            connection = self._idle.pop() if is_kept else self._connection()
            try:
                connection.request(method, target, content, headers)
                response = connection.getresponse()
                result = response.status, response.read()
            except (OSError, http.client.HTTPException):
                connection.close()
                if not is_kept:
                    raise
            else:
                self._idle.append(connection)
                return result

    def call(
        self, method: str, path: str, body: JSON | None = None, *, query: Mapping[str, object] | None = None
    ) -> JSON:
        """Send a request; return the object in the response. Raises ApiError or a subclass for an error status."""
        status, content = self.request(method, path, body, query=query)
        received: JSON = json.loads(content)
        if status >= 300:
            _raise(received)
        return received

    @contextmanager
    def watch(self, path: str, *, query: Mapping[str, object] | None = None) -> Iterator[Iterator[JSON]]:
        """The events of a watch as they arrive, on a connection of its own.

        The iterator ends when the server ends the watch. Raises ApiError or a subclass if the watch is refused;
        while reading, IncompleteRead if the connection breaks, and TimeoutError after too long a silence.
        """
        with closing(self._connection()) as connection:
            connection.request("GET", f"{path}?{urlencode({'watch': 'true'} | dict(query or {}))}", None, self._headers)
            with connection.getresponse() as response:
                if response.status != 200:
                    _raise(json.loads(response.read()))
                yield map(json.loads, _lines(response))

    def close(self) -> None:
        """Close the idle connections."""
        while self._idle:
            self._idle.pop().close()

    def _connection(self) -> http.client.HTTPSConnection:
        return http.client.HTTPSConnection(_HOST, self._port, timeout=self._timeout, context=self._context)


def _lines(response: http.client.HTTPResponse) -> Iterator[bytes]:
    """The lines of a chunked response.

    ``read1()`` reads them, since ``readline()`` takes a broken connection for the end (``http.client``,
    ``_peek_chunked``).
    """
    started = b""
    while received := response.read1(_CHUNK):
        *complete, started = (started + received).split(b"\n")
        yield from complete


def _raise(status: JSON) -> NoReturn:
    reason, message, details = status.get("reason", ""), status.get("message", ""), status.get("details") or {}
    error: ApiError
    match reason:
        case "NotFound":
            error = NotFound(details.get("name", ""), details.get("kind", ""))
        case "AlreadyExists":
            error = AlreadyExists(details.get("name", ""))
        case "Conflict":
            error = Conflict(details.get("name", ""))
        case _:
            error = ApiError(status["code"], message, reason=reason, details=details)
    error.args, error.message = (message,), message
    raise error
