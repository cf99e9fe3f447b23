"""The middleware in front of the API: it records requests, authenticates them, and injects faults."""

import asyncio
import time

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tests.apiserver.access import Access
from tests.apiserver.connections import Connections, disconnected
from tests.apiserver.faults import Fault, Faults
from tests.apiserver.listing import expired_continue
from tests.apiserver.protobuf import MEDIA_TYPE
from tests.apiserver.requests import RecordedRequest
from tests.apiserver.responses import encoded_response, error_response
from tests.apiserver.statuses import ApiError


class RequestMiddleware:
    """ASGI middleware. It puts ``user`` and ``fault`` into the state of the request."""

    def __init__(
        self,
        app: ASGIApp,
        access: Access,
        faults: Faults,
        requests: list[RecordedRequest],
        connections: Connections,
    ) -> None:
        self._app = app
        self._access = access
        self._faults = faults
        self._requests = requests
        self._connections = connections

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        request = Request(scope)
        user = self._access.user(request.headers.get("authorization"))
        refusal = ApiError(401, "Unauthorized") if user is None else None
        if user is not None and (impersonated := request.headers.get("impersonate-user")):
            try:
                self._access.check_impersonation(user, impersonated)
                user = impersonated
            except ApiError as error:
                refusal = error
        recorded = RecordedRequest(
            method=request.method,
            path=request.url.path,
            query=dict(request.query_params),
            user=user or "",
            user_agent=request.headers.get("user-agent", ""),
            headers=request.headers.items(),
            accept=request.headers.get("accept", ""),
            time=time.monotonic(),
        )
        self._requests.append(recorded)

        async def send_and_record(message: Message) -> None:
            if message["type"] == "http.response.start":
                recorded.status = message["status"]
            await send(message)

        accept = request.headers.get("accept", "")
        app = error_response(refusal, accept) if refusal else self._app
        fault = self._faults.take(recorded)
        request.state.user, request.state.fault = user, fault
        request.state.cut = lambda: self._connections.cut(scope)
        if fault is None:
            await app(scope, receive, send_and_record)
        else:
            await self._inject(fault, _replacement(fault, recorded, accept) or app, scope, receive, send_and_record)

    async def _inject(self, fault: Fault, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_half(message: Message) -> None:
            body = message.get("body", b"")
            if not body:
                await send(message)
                return
            await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
            self._connections.cut(scope)
            await disconnected(receive)

        if fault.delay:
            await asyncio.sleep(fault.delay)
        if fault.drop:
            self._connections.cut(scope)
            await disconnected(receive)
        elif fault.stall:
            headers = [(b"content-type", b"application/json")]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await disconnected(receive)
        else:
            await app(scope, receive, send_half if fault.truncate else send)


class JsonOnlyMiddleware:
    """ASGI middleware of a server that has no protobuf: it removes it from what the client accepts."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        headers = [
            (name, value.replace(MEDIA_TYPE.encode() + b",", b"") if name == b"accept" else value)
            for name, value in scope["headers"]
        ]
        await self._app({**scope, "headers": headers}, receive, send)


def _replacement(fault: Fault, recorded: RecordedRequest, accept: str) -> ASGIApp | None:
    """The response that a fault sends instead of the real one, if any."""
    if fault.expire_continue:
        return error_response(expired_continue(recorded.query["continue"]), accept)
    if fault.body is not None:
        response = encoded_response(fault.body, fault.status or 200, fault.media_type)
        if fault.retry_after is not None:
            response.headers["Retry-After"] = str(fault.retry_after)
        return response
    if fault.status is not None:
        message = fault.message or f"injected {fault.status}"
        return error_response(ApiError(fault.status, message, retry_after=fault.retry_after), accept)
    return None
