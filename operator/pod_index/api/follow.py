"""The endpoint for streams: clients follow the pods of a node, a namespace or a workload, or all."""

import asyncio
import time

from starlette.types import Receive, Scope, Send

from pod_index.api import queries
from pod_index.api.context import EndpointContext
from pod_index.api.endpoints import Endpoint
from pod_index.api.middleware import STREAM
from pod_index.api.response_limiter import PROGRESS
from pod_index.api.responses import RequestError, ResponseProgress, error, respond
from pod_index.api.waiting import wait_for_disconnect
from pod_index.api.watches import Watch

_UNBUFFERED = (b"x-accel-buffering", b"no")
"""nginx would hold lines back until its buffer is full:
https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_buffering"""


class WatchEndpoint(Endpoint):
    """``GET /api/v1/pods?watch=true``: an endless response of JSON lines, as in a watch of Kubernetes."""

    def __init__(self, context: EndpointContext) -> None:
        super().__init__(context)
        self._watches = context.watches

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one stream."""
        try:
            watch = await self._open(scope)
        except RequestError as refusal:
            await respond(send, refusal.status, error(str(refusal)), *self._with_age(*refusal.headers))
            return
        gone = asyncio.create_task(wait_for_disconnect(receive))
        gone.add_done_callback(lambda _: watch.wakeup.set())
        try:
            await self._run(watch, scope, send, gone)
        finally:
            gone.cancel()
            self._watches.remove(watch)

    async def _open(self, scope: Scope) -> Watch:
        text = self._query(scope)
        async with self._step(len(text)):
            query = queries.parse_watch(text, self._index.index_names)
            if query.view.details:
                self._check_details()
        if not self._index.synced:
            raise self._not_found("")
        # The rest of a large header would be held for an hour.
        scope["headers"][:] = [header for header in scope["headers"] if header[0] == b"authorization"]
        return self._watches.add(query, scope["headers"])

    async def _run(self, watch: Watch, scope: Scope, send: Send, gone: asyncio.Task[None]) -> None:
        scope[STREAM] = True
        if exempt := scope.get("state", {}).get("endless"):
            exempt()
        headers = [(b"content-type", b"application/x-ndjson"), *self._with_age(_UNBUFFERED)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        while scope["method"] != "HEAD" and not watch.ended and not gone.done():
            await self._send_next(watch, send)
            if watch.follower.has_large and not watch.ended:
                await self._send_large(watch, scope, send)
            await watch.wait()
        await send({"type": "http.response.body"})

    async def _send_next(self, watch: Watch, send: Send, progress: ResponseProgress | None = None) -> None:
        """Send the next lines; with the ``progress`` of a large object, until it is aborted."""
        for chunk in await self._watches.next_chunks(watch, large=progress is not None):
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
            if progress is not None:
                progress.sent_bytes += len(chunk)
                if progress.aborted:
                    watch.ended = True
                    self._stats.watches_cut["slow"] += 1
                    return

    async def _send_large(self, watch: Watch, scope: Scope, send: Send) -> None:
        """Send a large object, when there are not too many: it stays in memory until the client has read it."""
        try:
            await self._response_limiter.acquire(scope)
        except RequestError as refusal:
            line = self._watches.give_up(watch, str(refusal))
            await send({"type": "http.response.body", "body": line, "more_body": True})
            return
        try:
            progress: ResponseProgress = scope[PROGRESS]
            progress.started = time.monotonic()
            await self._send_next(watch, send, progress)
        finally:
            self._response_limiter.release(scope)
