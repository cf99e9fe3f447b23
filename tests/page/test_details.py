"""The page shows the workload of a pod, and its containers."""

from typing import Any

import pytest
from playwright.sync_api import Locator, Page, ViewportSize, expect

from tests.apiserver import ApiServer, container_status, make_pod
from tests.conftest import StartOperator
from tests.page.conftest import Tab
from tests.support.operator_process import OperatorProcess
from tests.support.polling import eventually

MAIN, PROXY, PREVIOUS = "b" * 64, "c" * 64, "a" * 64
NARROW: ViewportSize = {"width": 390, "height": 844}


def restarted() -> dict[str, Any]:
    """A pod of a Deployment whose main container was restarted."""
    pod = make_pod("web-7c9d-x2x4z", "shop", phase="Running", labels={"pod-template-hash": "7c9d"})
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-7c9d", "uid": "5678", "controller": True}
    pod["metadata"]["ownerReferences"] = [owner]
    pod["spec"] |= {
        "initContainers": [{"name": "proxy", "image": "r.example/proxy:2", "restartPolicy": "Always"}],
        "containers": [{"name": "main", "image": "r.example/web:1"}, {"name": "new", "image": "r.example/new:1"}],
    }
    main = container_status("main", f"containerd://{MAIN}", last_id=f"containerd://{PREVIOUS}")
    main["lastState"]["terminated"] |= {"exitCode": 137, "reason": "OOMKilled"}
    pod["status"]["containerStatuses"] = [main]
    pod["status"]["initContainerStatuses"] = [container_status("proxy", f"containerd://{PROXY}")]
    return pod


@pytest.fixture
def pod(server: ApiServer, operator: OperatorProcess) -> dict[str, Any]:
    created = server.pods.create(restarted())
    server.pods.create(make_pod("other", "shop"))
    eventually(lambda: operator.pod_count() == 2)
    return created


def containers(page: Page) -> Locator:
    return page.locator(".container")


def texts(container: Locator) -> dict[str, str]:
    rows = container.locator("dl > div:visible")
    return {row.locator("dt").inner_text(): row.locator("dd > :first-child").inner_text() for row in rows.all()}


def test_the_workload_is_a_link_to_its_pods(tab: Tab, pod: dict[str, Any]) -> None:
    page = tab.open("?id=shop/web-7c9d-x2x4z")
    page.get_by_role("link", name="Deployment/web", exact=True).click()
    expect(page.get_by_role("heading", level=2)).to_have_text("Pods of Deployment/web, namespace shop")
    expect(page).to_have_url(f"{tab.url}/?workload=Deployment%2Fweb&namespace=shop")
    expect(page.locator("tbody a")).to_have_text(["shop/web-7c9d-x2x4z"])


def test_a_workload_that_is_not_built_in_has_its_group(
    tab: Tab, server: ApiServer, operator: OperatorProcess, pod: dict[str, Any]
) -> None:
    owner = {"apiVersion": "batch.volcano.sh/v1", "kind": "Job", "name": "train", "uid": "1", "controller": True}
    server.pods.update("shop", "other", lambda pod: pod["metadata"].update(ownerReferences=[owner]))
    page = tab.open("?id=shop/other")
    page.get_by_role("link", name="Job.batch.volcano.sh/train").click()
    expect(page.locator("tbody a")).to_have_text(["shop/other"])


@pytest.mark.parametrize("screen", [NARROW, {"width": 1280, "height": 800}], ids=["narrow", "wide"])
def test_containers_have_their_state_image_restarts_and_last_state(
    tab: Tab, pod: dict[str, Any], screen: ViewportSize
) -> None:
    page = tab.open("?id=shop/web-7c9d-x2x4z")
    expect(page.get_by_role("heading", name="Containers")).to_have_text("Containers 3")
    expect(page.locator("h4")).to_have_text(["proxy", "main", "new"])
    proxy, main, new = containers(page).all()
    expect(proxy.locator(".head")).to_contain_text("sidecar")
    expect(main.locator(".head")).to_have_text("main", use_inner_text=True)
    shown = texts(main)
    assert shown["State"].startswith("Running, 2025-06-01 08:00:00 UTC (")
    assert shown["State"].endswith(" ago), ready")
    assert shown["Last state"].startswith("Terminated, OOMKilled, exit code 137, 2025-06-01 08:00:00 UTC (")
    assert (shown["Image"], shown["Restarts"]) == ("r.example/web:1", "1")
    assert texts(new) == {"State": "No state yet", "Image": "r.example/new:1", "Restarts": "0"}
    assert page.evaluate("document.documentElement.scrollWidth") <= screen["width"]


@pytest.mark.parametrize(
    ("text", "name", "mark"),
    [
        (MAIN, "main", "matched"),
        (PREVIOUS, "main", "matched, before its last restart"),
        (f"/kubepods/pod{{uid}}/{PROXY}", "proxy", "matched"),
        ("/var/log/pods/shop_web-7c9d-x2x4z_{uid}/new/0.log", "new", "matched"),
    ],
)
def test_the_container_that_was_asked_for_is_marked(
    tab: Tab, pod: dict[str, Any], text: str, name: str, mark: str
) -> None:
    tab.open()
    page = tab.find(text.format(uid=pod["metadata"]["uid"]))
    expect(page.locator(".mark:visible")).to_have_text([mark])
    expect(page.locator(".container.matched h4")).to_have_text([name])


def test_containers_follow_what_happens(tab: Tab, server: ApiServer, pod: dict[str, Any]) -> None:
    page = tab.open(f"?id={MAIN}")
    expect(containers(page)).to_have_count(3)

    def change(pod: dict[str, Any]) -> None:
        pod["spec"]["ephemeralContainers"] = [{"name": "debug", "image": "r.example/debug:1"}]
        (main,) = pod["status"]["containerStatuses"]
        main |= {"state": {"waiting": {"reason": "CrashLoopBackOff"}}, "ready": False, "restartCount": 2}

    server.pods.update("shop", "web-7c9d-x2x4z", change)
    expect(page.locator("h4")).to_have_text(["proxy", "main", "new", "debug"])
    assert texts(containers(page).nth(1))["State"] == "Waiting, CrashLoopBackOff, not ready"
    assert texts(containers(page).nth(1))["Restarts"] == "2"
    server.pods.delete("shop", "web-7c9d-x2x4z")
    expect(page.locator(".phase")).to_have_text("Deleted")
    expect(containers(page)).to_have_count(4)


def test_the_mark_follows_its_container_through_restarts(tab: Tab, server: ApiServer, pod: dict[str, Any]) -> None:
    page = tab.open(f"?id={MAIN}")
    mark = page.locator(".mark:visible")
    expect(mark).to_have_text(["matched"])
    expect(page.locator("#status")).to_contain_text("Live")

    def restart(container_id: str, last_id: str) -> None:
        statuses = [container_status("main", f"containerd://{container_id}", last_id=f"containerd://{last_id}")]
        server.pods.update("shop", "web-7c9d-x2x4z", lambda pod: pod["status"].update(containerStatuses=statuses))

    restart("d" * 64, MAIN)
    expect(mark).to_have_text(["matched, before its last restart"])
    restart("e" * 64, "d" * 64)
    expect(mark).to_have_count(0)


def test_hostile_names_and_images_are_shown_as_text(tab: Tab, server: ApiServer, operator: OperatorProcess) -> None:
    bad = "<img src=x onerror=alert(1)>\u202e"
    pod = make_pod("bad")
    pod["spec"]["containers"] = [{"name": bad, "image": bad}]
    owner = {"apiVersion": "example.com/v1", "kind": bad, "name": bad, "uid": "1", "controller": True}
    pod["metadata"]["ownerReferences"] = [owner]
    server.pods.create(pod)
    eventually(lambda: operator.pod_count() == 1)
    page = tab.open("?id=default/bad")
    shown = bad.replace("\u202e", "U+202E")
    expect(page.locator("h4")).to_have_text([shown])
    assert texts(containers(page).first)["Image"] == shown
    expect(page.locator(".facts a").first).to_have_text(f"{shown}.example.com/{shown}")


@pytest.mark.parametrize("path", ["?id=default/web", "?node=node-1"])
def test_without_details_the_page_shows_all_else(
    tab: Tab, server: ApiServer, start_operator: StartOperator, path: str
) -> None:
    tab.refusals = True
    server.pods.create(make_pod("web", node="node-1", labels={"app": "web"}))
    operator = start_operator(server, DETAILS="false")
    operator.wait_until_ready()
    page = tab.page
    page.goto(f"http://127.0.0.1:{operator.port}/{path}")
    if "node" in path:
        page.get_by_role("link", name="default/web").click()
    expect(page.get_by_role("heading", level=2)).to_have_text("default/web")
    expect(page.locator(".pairs dt")).to_have_text(["app"])
    expect(page.get_by_role("heading", name="Containers")).to_be_hidden()
    assert "Workload" not in page.locator(".facts").inner_text()
    tab.url = f"http://127.0.0.1:{operator.port}"
