"""The HTTP API as an ASGI application: which endpoint answers which path."""

import time
from collections.abc import Callable

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pod_index.api.authentication import Authentication, Authenticator
from pod_index.api.cluster_batches import ClustersBatchEndpoint
from pod_index.api.clusters import ClustersPodEndpoint
from pod_index.api.context import EndpointContext
from pod_index.api.endpoints import POD_PATH
from pod_index.api.lists import ListEndpoint
from pod_index.api.metrics import Metrics, metrics_endpoint
from pod_index.api.middleware import RequestMetricsMiddleware
from pod_index.api.openapi import openapi_route
from pod_index.api.page import page_routes
from pod_index.api.probes import health, ready_endpoint
from pod_index.api.response_limiter import ResponseLimiter
from pod_index.api.responses import error, json_response
from pod_index.api.waiting import LookupWaiters
from pod_index.api.watches import Watches
from pod_index.clusters import Clusters
from pod_index.settings import Settings
from pod_index.stats import OTHER_ROUTE, Stats
from pod_index.store.index import PodIndex


def create_app(
    index: PodIndex,
    age: Callable[[], float | None],
    settings: Settings | None = None,
    *,
    stats: Stats | None = None,
    authenticator: Authenticator | None = None,
    clusters: Clusters | None = None,
) -> Starlette:
    """Create the ASGI application that answers from ``index``.

    ``age`` returns how many seconds ago the API server last confirmed the data, or None before the first confirmation.
    Requests are counted in ``stats``, which ``/metrics`` exports. Without an ``authenticator`` all requests are
    allowed. Without ``clusters``, lookups are for this one only. The default ``settings`` are the defaults of Settings.
    """
    settings = settings or Settings()
    stats = stats or Stats()
    started = time.monotonic()

    def age_or_uptime() -> float:
        seconds = age()
        # Before the first confirmation: everything in the index is younger than the process.
        return time.monotonic() - started if seconds is None else seconds

    response_limiter = ResponseLimiter(settings.client_timeout_seconds)
    context = EndpointContext(
        index=index,
        age=age_or_uptime,
        stats=stats,
        settings=settings,
        lookup_waiters=LookupWaiters(index),
        response_limiter=response_limiter,
        watches=Watches(index, age_or_uptime, settings, stats, authenticator, response_limiter.step),
        clusters=clusters,
    )
    metrics = Metrics(stats, index, age, context.lookup_waiters, context.watches)
    routes = [
        Route(POD_PATH, ClustersPodEndpoint(context), methods=["GET"]),
        Route("/api/v1/pods", ListEndpoint(context), methods=["GET"]),
        Route("/api/v1/pods/lookup", ClustersBatchEndpoint(context), methods=["POST"]),
        Route("/health", health, methods=["GET"]),
        Route("/ready", ready_endpoint(context), methods=["GET"]),
        Route("/metrics", metrics_endpoint(metrics, context.response_limiter), methods=["GET"]),
        openapi_route(),
        *(page_routes(settings.cluster_name) if settings.page else ()),
    ]
    paths = frozenset(route.path for route in routes)
    middleware = [Middleware(RequestMetricsMiddleware, stats=stats, paths=paths)]
    if authenticator is not None:

        def count_refusal(path: str, seconds: float) -> None:
            stats.add_request(path if path in paths else OTHER_ROUTE, 401, seconds)

        middleware.insert(
            0, Middleware(Authentication, authenticator=authenticator, age=age_or_uptime, on_refusal=count_refusal)
        )
    app = Starlette(
        routes=routes,
        middleware=middleware,
        exception_handlers={HTTPException: _http_error, Exception: _internal_error},
    )
    # No redirects: /health/ is not /health.
    app.router.redirect_slashes = False
    app.state.context = context
    return app


def begin_shutdown(app: Starlette) -> None:
    """Turn ``/ready`` to 503, and end the waits of lookups and the streams; other requests are answered as before."""
    endpoint_context(app).begin_shutdown()


def endpoint_context(app: Starlette) -> EndpointContext:
    """Return what the endpoints share."""
    context: EndpointContext = app.state.context
    return context


async def _http_error(request: Request, exc: Exception) -> Response:
    """Answer in JSON the errors of the router: 405, or 404."""
    if isinstance(exc, HTTPException) and exc.status_code == 405:
        methods = (exc.headers or {})["Allow"].split(", ")
        return _error(request, 405, "Method not allowed", {"Allow": ", ".join(sorted(methods))})
    return _error(request, 404, "not found")


async def _internal_error(request: Request, exc: Exception) -> Response:
    """Answer without details: Starlette raises the exception again, and the server logs it."""
    return _error(request, 500, "internal error")


def _error(request: Request, status: int, message: str, headers: dict[str, str] | None = None) -> Response:
    headers = headers or {}
    if request.scope["path"].startswith("/api/v1/"):
        headers["Age"] = str(int(endpoint_context(request.app).age()))
    return json_response(status, error(message), headers)
