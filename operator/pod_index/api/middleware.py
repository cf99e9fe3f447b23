"""Middleware of the application: request metrics."""

import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pod_index.stats import CLIENT_GONE, OTHER_ROUTE, Stats

STREAM = "pod_index.stream"
"""The key of the scope of a request whose response lasts until its client has enough."""


class RequestMetricsMiddleware:
    """Counts requests and their durations by route and status. The duration of a stream is that until its start."""

    def __init__(self, app: ASGIApp, stats: Stats, paths: frozenset[str]) -> None:
        self._app = app
        self._stats = stats
        self._paths = paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on every request, and count it when it is finished."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = CLIENT_GONE
        started = time.perf_counter()
        seconds: float | None = None

        async def send_and_note_status(message: Message) -> None:
            nonlocal status, seconds
            status = message.get("status", status)
            if seconds is None and STREAM in scope:
                seconds = time.perf_counter() - started
            await send(message)

        try:
            await self._app(scope, receive, send_and_note_status)
        except Exception:
            # Starlette's ServerErrorMiddleware, outside of this middleware, responds 500.
            status = 500
            raise
        finally:
            route = scope["path"] if scope["path"] in self._paths else OTHER_ROUTE
            self._stats.add_request(route, status, time.perf_counter() - started if seconds is None else seconds)
