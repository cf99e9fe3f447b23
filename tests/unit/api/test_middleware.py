"""The middleware of the application."""

import pytest
from starlette.types import Message, Receive, Scope, Send

from pod_index.api.middleware import RequestMetricsMiddleware
from pod_index.stats import Stats
from tests.support.served import http_scope


async def test_an_exception_counts_as_500_and_a_missing_response_as_499() -> None:
    stats = Stats()

    async def fail(scope: Scope, receive: Receive, send: Send) -> None:
        raise RuntimeError

    async def leave(scope: Scope, receive: Receive, send: Send) -> None:
        pass

    async def nothing(*_: Message) -> Message:
        raise AssertionError

    with pytest.raises(RuntimeError):
        await RequestMetricsMiddleware(fail, stats, frozenset({"/a"}))(http_scope("/a"), nothing, nothing)  # type: ignore[arg-type]
    await RequestMetricsMiddleware(leave, stats, frozenset())(http_scope("/a"), nothing, nothing)  # type: ignore[arg-type]
    await RequestMetricsMiddleware(leave, stats, frozenset())({"type": "lifespan"}, nothing, nothing)  # type: ignore[arg-type]
    counted = {key: histogram.count for key, histogram in stats.requests.items()}
    assert counted == {("/a", 500): 1, ("other", 499): 1}
