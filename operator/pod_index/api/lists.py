"""The endpoint for lists of pods."""

from bisect import insort
from collections.abc import Sequence

from starlette.types import Receive, Scope, Send

from pod_index.api import queries
from pod_index.api.context import EndpointContext
from pod_index.api.detailed import DetailedBody
from pod_index.api.endpoints import LimitedEndpoint
from pod_index.api.follow import WatchEndpoint
from pod_index.api.queries import ListQuery
from pod_index.api.responses import Body, Header, encode
from pod_index.store.table import ListedPod

_START = b'{"pods":['


class ListEndpoint(LimitedEndpoint):
    """``GET /api/v1/pods``: the pods of a node, a namespace or a workload, or all, page by page, or as a stream.

    Pods are sorted by UID, which never changes and is the same in every replica. So a pod that exists from the first
    page to the last is in one of them, even if different replicas serve the pages.
    """

    def __init__(self, context: EndpointContext) -> None:
        super().__init__(context)
        self._watch = WatchEndpoint(context)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        query: bytes = scope["query_string"]
        is_watch = False
        if len(query) <= self._settings.max_query_bytes:
            async with self._step(len(query)):
                is_watch = queries.is_watch(query)
        if is_watch:
            await self._watch(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive) -> tuple[Body, tuple[Header, ...]]:
        result = "error"
        try:
            text = self._query(scope)
            async with self._step(len(text)):
                query = queries.parse_list(text, self._index.index_names)
                if query.view.details:
                    self._check_details()
            if not self._index.synced:
                raise self._not_found("")
            async with self._response_limiter.slot(scope):
                page, end = await self._page(query)
                body = await self._body(query, page, end)
            result = "hit" if page else "miss"
            return body, ()
        finally:
            self._stats.lookups["list", result] += 1

    async def _page(self, query: ListQuery) -> tuple[list[ListedPod], bytes]:
        """Return the pods, and the end of the response, with the JSON field ``continue`` if there are more."""
        page: list[ListedPod] = []
        view = query.view
        slices = self._index.select(node=view.node, namespace=view.namespace, workload=view.workload)
        pods: Sequence[ListedPod] | None = ()
        while pods is not None:
            async with self._response_limiter.step():
                pods = next(slices, None)
                for pod in pods or ():
                    # Most pods of a large namespace come after a full page. One more than the limit shows this.
                    if pod[0] > query.after and (len(page) <= query.limit or pod < page[-1]):
                        insort(page, pod)
                        del page[query.limit + 1 :]
        if len(page) <= query.limit:
            return page, b"]}"
        page.pop()
        return page, b'],"continue":%b}' % encode(page[-1][0])

    async def _body(self, query: ListQuery, page: list[ListedPod], end: bytes) -> Body:
        if query.view.details:
            async with self._response_limiter.step():
                records, details = [record for _, record, _ in page], [details for _, _, details in page]
                body = DetailedBody(self._response_limiter, _START, records, details, end)
            return await body.made()
        async with self._response_limiter.step():
            parts = [part for _, record, _ in page for part in (b",", record)][1:]
        return _START, *parts, end
