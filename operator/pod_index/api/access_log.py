"""A line in the log for every request."""

import logging
import re
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

logger = logging.getLogger("pod_index.access")

SHOWN_CHARACTERS = 1000
"""How much of a path and its query a line shows."""

_TOKEN = re.compile(rb"(\baccess_token=)[^&]*", re.IGNORECASE)
"""Where some send a token, though it lets nobody in here: https://www.rfc-editor.org/rfc/rfc6750#section-2.3"""

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class AccessLog:
    """Middleware that logs what was asked and answered, by whom and how fast; where JSON is logged, each as a field.

    Of the headers nothing is logged: they may hold secrets, and queries only hold what names pods.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Log one request when its answer has been sent, or the client has gone."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status: int | None = None

        async def send_and_note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        began = time.perf_counter()
        try:
            await self._app(scope, receive, send_and_note)
        finally:
            milliseconds = (time.perf_counter() - began) * 1000
            _log(scope, status, milliseconds)


def _log(scope: Scope, status: int | None, milliseconds: float) -> None:
    client = _client(scope)
    target = _target(scope)
    logger.info(
        "%s %s %s in %.1f ms for %s",
        *(scope["method"], target, "without an answer" if status is None else status, milliseconds, client),
        extra={
            "method": scope["method"],
            "target": target,
            "status": status,
            "milliseconds": round(milliseconds, 1),
            "client": client,
        },
    )


def _target(scope: Scope) -> str:
    """The path and the query as they were sent, in characters that cannot break or forge a line."""
    sent: bytes = scope.get("raw_path") or scope["path"].encode("utf-8", "backslashreplace")
    if scope["query_string"]:
        sent += b"?" + _TOKEN.sub(rb"\1...", scope["query_string"])
    shown = sent[: SHOWN_CHARACTERS + 1].decode("ascii", "backslashreplace")
    shown = _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", shown)
    return shown if len(sent) <= SHOWN_CHARACTERS else f"{shown[:SHOWN_CHARACTERS]}..."


def _client(scope: Scope) -> str:
    """The address of the client; an IPv4 one as such, though it comes to a socket of IPv6."""
    client = scope.get("client")
    return client[0].removeprefix("::ffff:") if client else "-"
