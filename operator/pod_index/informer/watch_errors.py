"""The end of a watch by an ERROR event."""

from typing import cast

from pod_index.informer.errors import ApiError, Expired, Throttled
from pod_index.informer.json_wire import Error, Status, WatchEvent


def split(events: list[WatchEvent | Error]) -> tuple[list[WatchEvent], ApiError | None]:
    """Return the events up to the first ERROR event, and the failure that it reports."""
    for position, event in enumerate(events if Error in map(type, events) else ()):
        if isinstance(event, Error):
            return cast(list[WatchEvent], events[:position]), _error_of(event.object)
    return cast(list[WatchEvent], events), None


def _error_of(status: Status) -> ApiError:
    failure = f"{status.code} {status.reason or ''}: {status.message or ''}".rstrip(": ")
    if status.code == 410 or status.reason in {"Expired", "Gone"}:
        return Expired(f"the API server no longer has the resourceVersion to watch from ({failure})")
    error_class = Throttled if status.code == 429 else ApiError
    return error_class(f"the API server ended the watch with an error ({failure})")
