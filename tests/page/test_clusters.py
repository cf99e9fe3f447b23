"""The page asks other clusters, too."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.apiserver import ApiServer, make_pod
from tests.conftest import StartOperator
from tests.page.conftest import Tab
from tests.support.operator_process import OperatorProcess
from tests.support.peers import write_peers
from tests.support.polling import eventually


@pytest.fixture
def other(start_operator: StartOperator) -> Iterator[tuple[ApiServer, OperatorProcess]]:
    """Another cluster, and its pod-index."""
    with ApiServer() as server:
        operator = start_operator(server)
        operator.wait_until_ready()
        yield server, operator


@pytest.fixture
def settings(other: tuple[ApiServer, OperatorProcess], tmp_path: Path) -> dict[str, str]:
    write_peers(tmp_path / "peers", {"eu-1": f"http://127.0.0.1:{other[1].port}"})
    return {"CLUSTER_NAME": "here", "PEERS_FILE": str(tmp_path / "peers"), "PEER_TIMEOUT_SECONDS": "10"}


def create(server: ApiServer, operator: OperatorProcess, name: str, ip: str = "") -> str:
    pod = server.pods.create(make_pod(name, "shop", node="node-1", ip=ip, phase="Running"))
    uid: str = pod["metadata"]["uid"]
    eventually(lambda: operator.lookup(uid))
    return uid


def fact(page: Page, name: str) -> str:
    row = page.locator(".facts > div", has=page.locator("dt", has_text=name))
    return row.locator("dd > :first-child").inner_text()


def test_the_pod_of_another_cluster_is_shown_with_its_cluster_and_a_link_to_share(
    tab: Tab, other: tuple[ApiServer, OperatorProcess]
) -> None:
    uid = create(*other, "theirs", "10.0.0.9")
    page = tab.open()
    tab.find("10.0.0.9")
    expect(page.get_by_role("heading", level=2)).to_have_text("shop/theirs")
    assert fact(page, "Cluster") == "eu-1"
    # Lists and streams are of this cluster.
    assert page.locator(".facts a[href]", has_text="shop").count() == 0
    assert tab.streams == []
    expect(page.locator("#result")).to_contain_text("Not live: the pod is in the cluster eu-1.")
    page.get_by_role("button", name="Copy link").click()
    link = page.evaluate("navigator.clipboard.readText()")
    assert link == f"{tab.url}/?id={uid}&cluster=eu-1"
    with page.expect_request(lambda request: "cluster=eu-1" in request.url):
        page.goto(link)
    expect(page.get_by_role("heading", level=2)).to_have_text("shop/theirs")


def test_the_pod_of_this_cluster_is_followed(tab: Tab, server: ApiServer, operator: OperatorProcess) -> None:
    uid = create(server, operator, "ours")
    page = tab.open(f"?id={uid}")
    expect(page.get_by_role("heading", level=2)).to_have_text("shop/ours")
    assert fact(page, "Cluster") == "here"
    expect(page.locator("#status")).to_contain_text("Live")
    assert page.locator(".facts a[href]", has_text="shop").count() == 1


def test_one_name_in_two_clusters_is_an_error_that_names_both(
    tab: Tab, server: ApiServer, operator: OperatorProcess, other: tuple[ApiServer, OperatorProcess]
) -> None:
    tab.refusals = True
    create(server, operator, "twin")
    create(*other, "twin")
    page = tab.open("?id=shop/twin")
    expect(page.locator("#result")).to_contain_text("is that of pods in clusters eu-1, here: ask one of them")
    tab.open("?id=shop/twin&cluster=eu-1")
    expect(page.get_by_role("heading", level=2)).to_have_text("shop/twin")
    assert fact(page, "Cluster") == "eu-1"
