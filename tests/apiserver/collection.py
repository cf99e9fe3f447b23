"""The collection of pods: list and watch."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from tests.apiserver.access import Access
from tests.apiserver.answers import EncodedList, answer
from tests.apiserver.faults import Fault
from tests.apiserver.listing import list_metadata, read_page
from tests.apiserver.selection import Selection, parse_selection
from tests.apiserver.store import PodStore
from tests.apiserver.stored import StoredPod
from tests.apiserver.tables import render_table, table, wants_table
from tests.apiserver.watching import Watch, Watches
from tests.apiserver.watchstart import begin_watch


@dataclass(frozen=True)
class Collection:
    """The endpoint .../pods, of a namespace or of the cluster. `bookmark_interval` in seconds."""

    store: PodStore
    access: Access
    watches: Watches
    streaming_list: bool
    bookmark_interval: float

    async def read(self, request: Request) -> Response:
        """GET .../pods: a list, or a watch with watch=true."""
        query = request.query_params
        watching = query.get("watch") in ("true", "1")
        namespace = request.path_params.get("namespace", "")
        self.access.check(request.state.user, "watch" if watching else "list", "pods", namespace)
        selection = parse_selection(namespace, query.get("labelSelector", ""), query.get("fieldSelector", ""))
        as_table = wants_table(request.headers.get("accept", ""))
        if not watching:
            return self._list(request, selection, as_table=as_table)
        fault: Fault | None = request.scope["state"].get("fault")
        start = begin_watch(
            self.store,
            selection,
            query,
            streaming_list=self.streaming_list,
            render=render_table if as_table else StoredPod.typed,
        )
        return Watch(start, self.watches, self.bookmark_interval, fault)

    def _list(self, request: Request, selection: Selection, *, as_table: bool) -> Response:
        page = read_page(self.store, selection, request.query_params)
        metadata = list_metadata(page, selection)
        if as_table:
            return answer(table((pod.decode() for pod in page.pods), metadata))
        head = {"kind": "PodList", "apiVersion": "v1", "metadata": metadata}
        return EncodedList(head, (pod.encoded for pod in page.pods))
