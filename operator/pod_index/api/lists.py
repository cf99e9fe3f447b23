"""The endpoint for lists of pods."""

from bisect import insort
from collections.abc import Sequence

from starlette.types import Receive, Scope

from pod_index.api import queries
from pod_index.api.endpoints import LimitedEndpoint
from pod_index.api.queries import ListQuery
from pod_index.api.responses import Header, encode


class ListEndpoint(LimitedEndpoint):
    """``GET /api/v1/pods``: the pods of a node, of a namespace, or of both, page by page.

    Pods are sorted by UID, which never changes and is the same in every replica. So a pod that exists from the first
    page to the last is in one of them, even if different replicas serve the pages.
    """

    async def _answer(self, scope: Scope, receive: Receive) -> tuple[tuple[bytes, ...], tuple[Header, ...]]:
        result = "error"
        try:
            text = self._query(scope)
            async with self._step(len(text)):
                query = queries.parse_list(text, self._index.index_names)
            if not self._index.synced:
                raise self._not_found("")
            async with self._response_limiter.slot(scope):
                records, continuation = await self._page(query)
            result = "hit" if records else "miss"
            return (b'{"pods":[', *records, b"]", continuation, b"}"), ()
        finally:
            self._stats.lookups["list", result] += 1

    async def _page(self, query: ListQuery) -> tuple[list[bytes], bytes]:
        """Return the records with commas between them, and the JSON field ``continue`` if there are more."""
        page: list[tuple[str, bytes]] = []
        slices = self._index.select(node=query.node, namespace=query.namespace)
        pods: Sequence[tuple[str, bytes]] | None = ()
        while pods is not None:
            async with self._response_limiter.step():
                pods = next(slices, None)
                for pod in pods or ():
                    # Most pods of a large namespace come after a full page. One more than the limit shows this.
                    if pod[0] > query.after and (len(page) <= query.limit or pod < page[-1]):
                        insort(page, pod)
                        del page[query.limit + 1 :]
        continuation = b""
        if len(page) > query.limit:
            page.pop()
            continuation = b',"continue":%b' % encode(page[-1][0])
        async with self._response_limiter.step():
            records = [part for _, record in page for part in (b",", record)][1:]
        return records, continuation
