"""What every request passes first: it is recorded, told who it comes from, and may meet a fault."""

from __future__ import annotations

import time

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tests.apiserver.access import Access
from tests.apiserver.answers import failure
from tests.apiserver.connection import Connection, connection_of
from tests.apiserver.faults import Fault, Faults
from tests.apiserver.listing import expired_continue
from tests.apiserver.requests import HEALTH_PATHS, RecordedRequest
from tests.apiserver.statuses import ApiError

_PIECES = 16
# the real server tells these to everyone (the ClusterRole system:public-info-viewer)
_PUBLIC_PATHS = HEALTH_PATHS | {"/version"}


class Gate:
    """ASGI middleware in front of the API."""

    def __init__(self, app: ASGIApp, access: Access, faults: Faults, requests: list[RecordedRequest]) -> None:
        self._app = app
        self._access = access
        self._faults = faults
        self._requests = requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or not."""
        request = Request(scope)
        authorization = request.headers.get("authorization")
        user = self._access.user(authorization)
        recorded = RecordedRequest(
            method=request.method,
            path=request.url.path,
            query=dict(request.query_params),
            user=user or "",
            user_agent=request.headers.get("user-agent", ""),
            time=time.monotonic(),
        )
        self._requests.append(recorded)

        async def send_and_record(message: Message) -> None:
            if message["type"] == "http.response.start":
                recorded.status = message["status"]
            await send(message)

        app: ASGIApp = self._app
        if user is None and not (authorization is None and recorded.path in _PUBLIC_PATHS):
            app = failure(ApiError(401, "Unauthorized"))
        scope["state"]["user"] = user or ""
        fault = self._faults.take(recorded)
        if fault is not None:
            scope["state"]["fault"] = fault
            app = _Faulty(app, fault, recorded)
        await app(scope, receive, send_and_record)


class _Faulty:
    """An application, or its answer, with a fault."""

    def __init__(self, app: ASGIApp, fault: Fault, recorded: RecordedRequest) -> None:
        self._fault = fault
        self._app = _replacement(fault, recorded) or app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        fault, connection = self._fault, connection_of(scope)
        if fault.delay and await connection.wait_gone(fault.delay):
            return
        if fault.drop:
            connection.abort()
            await connection.gone.wait()
        elif fault.stall:
            headers = MutableHeaders({"Content-Type": "application/json"}).raw
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await connection.gone.wait()
        elif fault.truncate or fault.pause:
            await self._app(scope, receive, _Piecemeal(send, fault, connection))
        else:
            await self._app(scope, receive, send)


def _replacement(fault: Fault, recorded: RecordedRequest) -> ASGIApp | None:
    """The answer that a fault gives instead of the real one, if it does."""
    if fault.expire_continue:
        return failure(expired_continue(recorded.query["continue"]))
    if fault.body is not None:
        response = Response(fault.body, fault.status or 200, media_type="application/json")
        if fault.retry_after is not None:
            response.headers["Retry-After"] = str(fault.retry_after)
        return response
    if fault.status is not None:
        message = fault.message or f"injected {fault.status}"
        return failure(ApiError(fault.status, message, reason=fault.reason, retry_after=fault.retry_after))
    return None


class _Piecemeal:
    """Sends the body slowly, or only half of its first part."""

    def __init__(self, send: Send, fault: Fault, connection: Connection) -> None:
        self._send = send
        self._fault = fault
        self._connection = connection

    async def __call__(self, message: Message) -> None:
        body: bytes = message.get("body", b"")
        if message["type"] != "http.response.body" or not body:
            await self._send(message)
            return
        size = max(1, -(-len(body) // _PIECES))
        pieces = [body[at : at + size] for at in range(0, len(body), size)]
        if self._fault.truncate:
            pieces = pieces[: len(pieces) // 2]
        for piece in pieces:
            await self._send({"type": "http.response.body", "body": piece, "more_body": True})
            if self._fault.pause and await self._connection.wait_gone(self._fault.pause):
                return
        if self._fault.truncate:
            await self._connection.close()
        else:
            await self._send({**message, "body": b""})
