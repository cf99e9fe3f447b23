"""The access log: one line for each request."""

import logging
import re
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

logger = logging.getLogger("pod_index.access")

SHOWN_CHARACTERS = 1000
"""The longest path with query that is logged in full."""

_TOKEN = re.compile(rb"(\baccess_token=)[^&]*", re.IGNORECASE)
"""Some clients send a token in the query, though it is not accepted:
https://www.rfc-editor.org/rfc/rfc6750#section-2.3"""

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class AccessLog:
    """Middleware that logs each request with its status, duration and client; as separate fields in JSON logs.

    Headers are not logged: they may hold secrets. Queries hold only identifiers of pods.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Log a request when its response has been sent, or its client is gone."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status: int | None = None

        async def send_and_note_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        started = time.perf_counter()
        try:
            await self._app(scope, receive, send_and_note_status)
        finally:
            milliseconds = (time.perf_counter() - started) * 1000
            _log(scope, status, milliseconds)


def _log(scope: Scope, status: int | None, milliseconds: float) -> None:
    client = _client(scope)
    target = _target(scope)
    logger.info(
        "%s %s %s in %.1f ms for %s",
        *(scope["method"], target, "without a response" if status is None else status, milliseconds, client),
        extra={
            "method": scope["method"],
            "target": target,
            "status": status,
            "milliseconds": round(milliseconds, 1),
            "client": client,
        },
    )


def _target(scope: Scope) -> str:
    """Return the path and the query as they were sent, escaped so that they cannot break or forge a log line."""
    target: bytes = scope.get("raw_path") or scope["path"].encode("utf-8", "backslashreplace")
    if scope["query_string"]:
        target += b"?" + _TOKEN.sub(rb"\1...", scope["query_string"])
    shown = target[: SHOWN_CHARACTERS + 1].decode("ascii", "backslashreplace")
    shown = _CONTROL.sub(lambda match: f"\\x{ord(match[0]):02x}", shown)
    return shown if len(target) <= SHOWN_CHARACTERS else f"{shown[:SHOWN_CHARACTERS]}..."


def _client(scope: Scope) -> str:
    """Return the IP of the client; IPv4 clients of a dual-stack socket have an IPv4-mapped IPv6 address."""
    client = scope.get("client")
    return client[0].removeprefix("::ffff:") if client else "-"
