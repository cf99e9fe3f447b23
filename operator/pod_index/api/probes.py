"""The probes of Kubernetes and of load balancers: ``/health`` and ``/ready``."""

import math
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response

from pod_index.api.context import EndpointContext
from pod_index.api.responses import NOT_SYNCED, error, json_response


async def health(request: Request) -> Response:
    """Respond 200 as soon as the server listens."""
    return json_response(200, b'{"status":"healthy"}')


def ready_endpoint(context: EndpointContext) -> Callable[[Request], Awaitable[Response]]:
    """Return the endpoint that tells whether the service can take traffic."""
    max_staleness = context.settings.max_staleness_seconds

    async def ready(request: Request) -> Response:
        if context.shutting_down:
            return json_response(503, error("shutting down"))
        if not context.index.synced:
            return json_response(503, NOT_SYNCED)
        if max_staleness and (age := context.age()) > max_staleness:
            confirmed = f"the API server confirmed the data {math.ceil(age)} s ago"
            return json_response(503, error(f"stale: {confirmed}, and MAX_STALENESS_SECONDS is {max_staleness:g}"))
        return json_response(200, b'{"status":"ready","podCount":%d}' % len(context.index))

    return ready
