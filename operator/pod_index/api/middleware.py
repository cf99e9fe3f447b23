"""Middleware of the application: request metrics."""

import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pod_index.stats import CLIENT_GONE, OTHER_ROUTE, Stats


class RequestMetricsMiddleware:
    """Counts requests and their durations by route and status."""

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

        async def send_and_note_status(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        try:
            await self._app(scope, receive, send_and_note_status)
        except Exception:
            # Starlette's ServerErrorMiddleware, outside of this middleware, responds 500.
            status = 500
            raise
        finally:
            route = scope["path"] if scope["path"] in self._paths else OTHER_ROUTE
            self._stats.add_request(route, status, time.perf_counter() - started)
