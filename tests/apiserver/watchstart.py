"""The start of a watch: from which version, with which initial events, and the form of its events.

The rules are those of https://kubernetes.io/docs/reference/using-api/api-concepts/#semantics-for-watch and
#streaming-lists on the same page.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tests.apiserver.encodings import Encoding
from tests.apiserver.history import Change
from tests.apiserver.listing import number
from tests.apiserver.selection import Selection
from tests.apiserver.statuses import JSON, ApiError, InvalidListOptions, TooLargeResourceVersion, TooOld
from tests.apiserver.store import PodStore
from tests.apiserver.stored import StoredPod

INITIAL_EVENTS_END = "k8s.io/initial-events-end"


@dataclass(frozen=True)
class WatchStart:
    """The start of a watch.

    The watch goes on after the change ``position``, and skips changes up to the version ``above``. ``initial`` are the
    pods of the initial events, which a bookmark ends if ``end_mark`` is set. ``timeout`` is in seconds, 0 for none. If
    there is an ``error``, the watch consists of the ``ERROR`` event with its ``Status``.
    """

    selection: Selection
    encoding: Encoding
    position: Change
    above: int
    initial: list[StoredPod]
    end_mark: bool
    bookmarks: bool
    timeout: int
    error: ApiError | None = None

    def initial_events(self) -> Iterator[bytes]:
        """The events before the live ones."""
        if self.error:
            yield self.encoding.error(self.error.status())
        for pod in self.initial:
            yield self.encoding.pod_event("ADDED", pod)
        if self.end_mark:
            yield self.bookmark(self.position.version, initial_events_end=True)

    def event(self, change: Change) -> bytes:
        """The event of a change; empty if the change is not in the selection.

        A pod that enters the selection is ``ADDED``, a pod that leaves it is ``DELETED``.
        """
        if change.version <= self.above:
            return b""
        before, after = change.before in self.selection, change.after in self.selection
        if after and change.after is not None:
            return self.encoding.pod_event("MODIFIED" if before else "ADDED", change.after)
        return self.encoding.pod_event("DELETED", change.deleted_state()) if before else b""

    def bookmark(self, version: int, *, initial_events_end: bool = False) -> bytes:
        """A ``BOOKMARK``: all events up to ``version`` have been sent."""
        metadata: JSON = {"resourceVersion": str(version), "creationTimestamp": None}
        if initial_events_end:
            metadata["annotations"] = {INITIAL_EVENTS_END: "true"}
        pod = {
            "kind": "Pod",
            "apiVersion": "v1",
            "metadata": metadata,
            "spec": {"containers": None},
            "status": {},
        }
        return self.encoding.bookmark(pod)


def begin_watch(
    store: PodStore, selection: Selection, query: Mapping[str, str], *, streaming_list: bool, encoding: Encoding
) -> WatchStart:
    """The start of the watch with these query parameters. Raises ApiError if they are invalid."""
    version, timeout = number(query, "resourceVersion"), number(query, "timeoutSeconds")
    bookmarks = query.get("allowWatchBookmarks") in ("true", "1")
    initial_events = _initial_events(query, streaming_list=streaming_list)
    # The real server marks the end only for clients that ask for bookmarks (isListWatchRequest in its cacher).
    end_mark = bookmarks and query.get("sendInitialEvents") in ("true", "1")

    def start(position: Change, initial: list[StoredPod], error: ApiError | None = None) -> WatchStart:
        return WatchStart(
            selection=selection,
            encoding=encoding,
            position=position,
            # If the version is in the future, the client has seen the changes up to it.
            above=version if version > position.version else 0,
            initial=initial,
            end_mark=end_mark and error is None,
            bookmarks=bookmarks,
            timeout=timeout,
            error=error,
        )

    if initial_events:
        pods, position = store.snapshot(selection)
        if version > position.version:
            return start(position, [], TooLargeResourceVersion(version, position.version))
        return start(position, pods)
    if not version:
        return start(store.snapshot(selection)[1], [])
    try:
        return start(store.position(version), [])
    except TooOld as error:
        return start(Change(version), [], error)


def _initial_events(query: Mapping[str, str], *, streaming_list: bool) -> bool:
    wanted, match = query.get("sendInitialEvents", ""), query.get("resourceVersionMatch", "")
    if not wanted:
        if match:
            raise InvalidListOptions(
                "resourceVersionMatch",
                "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided",
            )
        return not number(query, "resourceVersion")
    if not streaming_list:
        raise InvalidListOptions(
            "sendInitialEvents",
            "sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled",
        )
    if match != "NotOlderThan":
        raise InvalidListOptions(
            "resourceVersionMatch",
            "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan",
        )
    return wanted in ("true", "1")
