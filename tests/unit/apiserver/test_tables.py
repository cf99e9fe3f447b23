"""Tables for kubectl."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import httpx
import pytest

from tests.apiserver import ApiServer, make_pod
from tests.apiserver.tables import table

ACCEPT = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"}


def cells(age: timedelta, *, deleted: bool = False) -> list[object]:
    pod = make_pod("web", phase="Running")
    pod["metadata"]["creationTimestamp"] = (datetime.now(UTC) - age).isoformat()
    if deleted:
        pod["metadata"]["deletionTimestamp"] = "2025-01-01T00:00:00Z"
    row: list[object] = table([pod])["rows"][0]["cells"]
    return row


@pytest.mark.parametrize(
    ("age", "printed"),
    [
        (timedelta(seconds=-5), "0s"),
        (timedelta(minutes=5, seconds=1), "5m"),
        (timedelta(hours=5, seconds=1), "5h"),
        (timedelta(days=5, seconds=1), "5d"),
    ],
)
def test_an_age_is_printed_in_its_biggest_unit(age: timedelta, printed: str) -> None:
    assert cells(age) == ["web", "0/1", "Running", 0, printed]


def test_a_pod_that_is_being_deleted_is_terminating() -> None:
    assert cells(timedelta(), deleted=True)[2] == "Terminating"


def test_a_list_as_a_table_has_the_lists_metadata(server: ApiServer, http: httpx.Client) -> None:
    server.pods.create(make_pod("web"))
    server.pods.create(make_pod("api"))
    body = http.get("/api/v1/pods", params={"limit": 1}, headers=ACCEPT).json()
    assert body["kind"] == "Table"
    assert body["metadata"]["resourceVersion"] == str(server.pods.resource_version)
    assert body["metadata"]["continue"]
    assert [row["object"]["metadata"]["name"] for row in body["rows"]] == ["api"]
