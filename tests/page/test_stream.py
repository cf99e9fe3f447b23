"""The page follows by streams: what changes is shown as it happens."""

import re
from pathlib import Path
from typing import Any

import pytest
import trustme
from playwright.sync_api import Browser, Locator, Page, expect

from tests.apiserver import ApiServer, make_pod
from tests.conftest import StartOperator
from tests.page.conftest import Tab
from tests.support.certificates import MountedSecret
from tests.support.operator_process import OperatorProcess
from tests.support.polling import eventually

SHORT_STREAMS = {"WATCH_MAX_SECONDS": "2", "WATCH_HEARTBEAT_SECONDS": "0.5"}
BOOKMARK = '{"type":"BOOKMARK","resume":"token","initialEventsEnd":true,"age":0.1}\n'


@pytest.fixture
def web(server: ApiServer, operator: OperatorProcess) -> dict[str, Any]:
    """A pod that runs."""
    pod = server.pods.create(make_pod("web", "shop", node="node-1", ip="10.244.1.5", phase="Running"))
    eventually(lambda: operator.lookup(pod["metadata"]["uid"]))
    return pod


def rows(page: Page) -> Locator:
    return page.locator("tbody tr")


def title(page: Page) -> Locator:
    return page.get_by_role("heading", level=2)


def live(page: Page) -> None:
    """Wait until the page follows."""
    expect(page.locator("#status")).to_have_text(re.compile(r"^Live · data \d+ s old$"))


def set_phase(server: ApiServer, phase: str, name: str = "web") -> None:
    server.pods.update("shop", name, lambda pod: pod["status"].update(phase=phase))


def test_a_list_follows_what_happens(tab: Tab, server: ApiServer, web: dict[str, Any]) -> None:
    page = tab.open("?node=node-1&namespace=shop")
    expect(rows(page)).to_have_count(1)
    live(page)
    page.locator("tbody a").focus()
    server.pods.create(make_pod("cart", "shop", node="node-1"))
    set_phase(server, "Failed")
    expect(rows(page)).to_have_count(2)
    expect(page.locator(".note:visible")).to_have_text("2 pods")
    expect(rows(page).filter(has_text="shop/web")).to_contain_text("Failed")
    expect(page.get_by_role("link", name="shop/web")).to_be_focused()
    status = page.get_by_role("status")
    expect(status).to_have_text(
        re.compile("^Pods of node node-1, namespace shop: 1 (added, 1 changed|changed, 1 added)$")
    )
    server.pods.delete("shop", "web")
    expect(rows(page)).to_have_count(1)
    expect(page.get_by_role("link", name="shop/cart")).to_be_focused()
    server.pods.delete("shop", "cart")
    expect(page.locator("table")).to_be_hidden()
    assert tab.streams == [{"node": "node-1", "namespace": "shop"}]


def test_a_list_of_a_workload_follows_it(tab: Tab, server: ApiServer, web: dict[str, Any]) -> None:
    owner = {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "web", "uid": "1", "controller": True}
    page = tab.open("?workload=StatefulSet/web&namespace=shop")
    expect(page.locator("table")).to_be_hidden()
    server.pods.create(make_pod("other", "shop"))
    pod = make_pod("web-0", "shop")
    pod["metadata"]["ownerReferences"] = [owner]
    server.pods.create(pod)
    expect(page.locator("tbody a")).to_have_text(["shop/web-0"])


def test_rows_of_further_pages_move_up(tab: Tab, server: ApiServer, operator: OperatorProcess) -> None:
    server.pods.load(make_pod(f"web-{number}", "shop") for number in range(51))
    eventually(lambda: operator.pod_count() == 51)
    page = tab.open("?namespace=shop")
    expect(page.locator(".note:visible")).to_have_text("51 pods, 50 on this page")
    first = page.locator("tbody a").first.inner_text()
    server.pods.delete("shop", first.removeprefix("shop/"))
    expect(page.locator(".note:visible")).to_have_text("50 pods")
    expect(rows(page)).to_have_count(50)
    expect(page.get_by_role("link", name="Next page")).to_be_hidden()


def test_a_pod_is_followed_by_its_workload(tab: Tab, server: ApiServer, web: dict[str, Any]) -> None:
    page = tab.open("?id=shop/web")
    live(page)
    set_phase(server, "Failed")
    expect(page.locator(".phase")).to_have_text("Failed")
    expect(page.get_by_role("status")).to_have_text("Pod shop/web is now: Failed")
    assert tab.streams == [{"workload": "Pod/web", "namespace": "shop", "details": "true"}]


@pytest.mark.parametrize(
    ("settings", "view"),
    [
        ({"LOOKUP_KEYS": "uid,name,node"}, {"node": "node-1", "namespace": "shop", "details": "true"}),
        ({"LOOKUP_KEYS": "uid,name"}, {"namespace": "shop", "details": "true"}),
        ({"DETAILS": "false"}, {"node": "node-1", "namespace": "shop"}),
    ],
)
def test_a_pod_is_followed_by_the_smallest_view_that_is_possible(
    tab: Tab, server: ApiServer, web: dict[str, Any], view: dict[str, str]
) -> None:
    tab.refusals = True
    page = tab.open("?id=shop/web")
    live(page)
    assert tab.streams[-1] == view
    set_phase(server, "Failed")
    expect(page.locator(".phase")).to_have_text("Failed")


def test_a_pod_that_replaces_the_one_that_is_shown_is_shown(tab: Tab, server: ApiServer, web: dict[str, Any]) -> None:
    page = tab.open("?id=shop/web")
    live(page)
    server.pods.delete("shop", "web")
    expect(page.locator(".phase")).to_have_text("Deleted")
    server.pods.create(make_pod("web", "shop", phase="Succeeded"))
    expect(page.locator(".phase")).to_have_text("Succeeded")
    live(page)
    set_phase(server, "Failed")
    expect(page.locator(".phase")).to_have_text("Failed")


def test_a_pod_that_was_found_by_its_uid_is_not_replaced(
    tab: Tab, server: ApiServer, operator: OperatorProcess, web: dict[str, Any]
) -> None:
    page = tab.page
    page.clock.install()
    lookups: list[str] = []
    page.on("request", lambda request: lookups.append(request.url) if "/api/v1/pod?" in request.url else None)
    tab.open(f"?id={web['metadata']['uid']}")
    live(page)
    server.pods.delete("shop", "web")
    created = server.pods.create(make_pod("web", "shop", node="node-1"))
    eventually(lambda: operator.lookup(created["metadata"]["uid"]))
    for _ in range(5):
        page.clock.run_for(6_000)
        live(page)
    expect(page.locator(".phase")).to_have_text("Deleted")
    assert len(lookups) == 2


@pytest.mark.parametrize("settings", [{"DELETED_RETENTION_SECONDS": "0"}])
def test_a_pod_that_is_forgotten_while_it_is_shown_stays_as_it_was(
    tab: Tab, server: ApiServer, web: dict[str, Any]
) -> None:
    tab.refusals = True
    page = tab.open("?id=shop/web")
    live(page)
    server.pods.delete("shop", "web")
    notice = page.locator(".notice")
    expect(notice).to_have_text("404: pod with ID shop/web not found. This is the last known state.")
    expect(page.locator(".facts")).to_contain_text("10.244.1.5")
    server.pods.create(make_pod("web", "shop"))
    expect(notice).to_be_hidden()
    expect(page.locator(".phase")).to_have_text("Pending")


def test_after_a_restart_the_page_goes_on(
    tab: Tab, server: ApiServer, operator: OperatorProcess, web: dict[str, Any], start_operator: StartOperator
) -> None:
    tab.refusals = True
    server.pods.create(make_pod("cart", "shop", node="node-1"))
    page = tab.open("?node=node-1")
    expect(rows(page)).to_have_count(2)
    live(page)
    operator.stop()
    expect(page.locator("#status")).to_contain_text("Not reachable")
    expect(rows(page)).to_have_count(2)
    server.pods.delete("shop", "cart")
    server.pods.create(make_pod("late", "shop", node="node-1"))
    start_operator(server, PORT=str(operator.port)).wait_until_log_says("Listed ")
    expect(rows(page).filter(has_text="shop/late")).to_have_count(1)
    expect(rows(page).filter(has_text="shop/cart")).to_have_count(0)
    live(page)
    assert "resume" in tab.streams[1]


@pytest.mark.parametrize("settings", [SHORT_STREAMS])
def test_a_stream_that_ends_is_resumed(tab: Tab, server: ApiServer, web: dict[str, Any]) -> None:
    page = tab.open("?namespace=shop")
    live(page)
    eventually(lambda: page.evaluate("0") == 0 and len(tab.streams) == 3)
    assert ["resume" in stream for stream in tab.streams] == [False, True, True]
    set_phase(server, "Failed")
    expect(rows(page)).to_contain_text("Failed")


@pytest.mark.parametrize("reply", ["410", "ERROR", "nothing"])
def test_a_token_that_is_of_no_use_is_dropped(tab: Tab, web: dict[str, Any], reply: str) -> None:
    tab.refusals = True
    page = tab.page
    gone = {"error": "the resume token is too old: begin without resume"}
    last = '{"type":"ERROR","error":"the history of the API server was reset","code":410}\n'
    page.route("**watch=true**", lambda route: route.fulfill(body=BOOKMARK + last * (reply == "ERROR")), times=1)
    if reply == "410":
        page.route("**resume=token**", lambda route: route.fulfill(status=410, json=gone))
    else:
        page.route("**resume=token**", lambda route: route.fulfill(body=""))
    tab.open("?namespace=shop")
    expect(rows(page)).to_contain_text(["shop/web"])
    live(page)
    resumed = [stream.get("resume") for stream in tab.streams]
    assert resumed == ([None, None] if reply == "ERROR" else [None, "token", None])


@pytest.mark.parametrize("settings", [{"MAX_WATCHES": "0"}])
@pytest.mark.parametrize("query", ["?namespace=shop", "?id=shop/web"])
def test_without_a_free_stream_the_page_is_refreshed_slowly(
    tab: Tab, server: ApiServer, operator: OperatorProcess, web: dict[str, Any], query: str
) -> None:
    tab.refusals = True
    page = tab.page
    page.clock.install()
    tab.open(query)
    line = page.locator("#result").get_by_text("Not live: 0 streams are already open. Refreshed every 30 s.")
    expect(line).to_be_visible()
    expect(page.locator("#status")).to_have_text(re.compile(r"^Not live · data \d+ s old$"))
    set_phase(server, "Failed")
    eventually(lambda: (operator.lookup(web["metadata"]["uid"]) or {})["phase"] == "Failed")
    page.get_by_role("button", name="Refresh").click()
    phase = page.locator("td .phase, .head > .phase").first
    expect(phase).to_have_text("Failed")
    set_phase(server, "Succeeded")
    eventually(lambda: (operator.lookup(web["metadata"]["uid"]) or {})["phase"] == "Succeeded")
    page.clock.run_for(45_000)
    expect(phase).to_have_text("Succeeded")
    assert page.evaluate("document.documentElement.scrollWidth") <= page.evaluate("innerWidth")


def test_a_view_with_too_many_pods_is_listed_page_by_page(
    tab: Tab, server: ApiServer, operator: OperatorProcess
) -> None:
    server.pods.load(make_pod(f"web-{number}", "shop") for number in range(2_001))
    eventually(lambda: operator.pod_count() == 2_001)
    page = tab.open("?namespace=shop")
    expect(page.locator("#result").get_by_text("Not live: more than 2,000 pods. Refreshed every 30 s.")).to_be_visible()
    expect(page.locator(".note:visible").first).to_have_text("50 pods, and there are more")
    eventually(lambda: b"pod_index_client_watches 0.0" in operator.get("/metrics")[2])


def test_a_stream_that_a_proxy_holds_back_is_replaced_by_refreshes(tab: Tab, web: dict[str, Any]) -> None:
    page = tab.page
    page.route("**watch=true**", lambda route: route.fulfill(body=""))
    tab.open("?namespace=shop")
    expect(
        page.locator("#result").get_by_text("Not live: nothing comes by the stream. Refreshed every 30 s.")
    ).to_be_visible()
    expect(rows(page)).to_contain_text(["shop/web"])
    page.unroute_all()
    page.get_by_role("button", name="Refresh").click()
    live(page)
    expect(page.locator("#result").get_by_text("Not live")).to_be_hidden()


def test_a_hidden_tab_has_no_stream(
    tab: Tab, server: ApiServer, operator: OperatorProcess, web: dict[str, Any]
) -> None:
    page = tab.page
    page.add_init_script("""
        window.seen = "visible";
        Object.defineProperty(document, "visibilityState", {get: () => window.seen});
    """)
    page.clock.install()
    tab.open("?node=node-1")
    live(page)
    turn = "seen => { window.seen = seen; document.dispatchEvent(new Event('visibilitychange')); }"
    page.evaluate(turn, "hidden")
    eventually(lambda: b"pod_index_client_watches 0.0" in operator.get("/metrics")[2])
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    set_phase(server, "Failed")
    page.clock.run_for(120_000)
    assert asked == []
    page.evaluate(turn, "visible")
    expect(rows(page)).to_contain_text("Failed")
    assert ["resume" in stream for stream in tab.streams] == [False, True]


def test_a_tab_that_is_opened_in_the_background_shows_the_pod_and_follows_it_later(
    tab: Tab, web: dict[str, Any]
) -> None:
    tab.page.add_init_script("""
        window.seen = "hidden";
        Object.defineProperty(document, "visibilityState", {get: () => window.seen});
    """)
    for query, name in [("?id=shop/web", "shop/web · pod-index"), ("?namespace=shop", "namespace shop · pod-index")]:
        page = tab.open(query)
        expect(page).to_have_title(name)
    assert tab.streams == []
    page.evaluate("window.seen = 'visible'; document.dispatchEvent(new Event('visibilitychange'))")
    live(page)


def test_with_tls_and_a_token_the_page_follows_until_the_token_is_revoked(
    chromium: Browser, server: ApiServer, start_operator: StartOperator, tmp_path: Path
) -> None:
    (tmp_path / "secret").mkdir()
    secret = MountedSecret(tmp_path / "secret", trustme.CA())
    tokens = tmp_path / "tokens"
    tokens.write_text("first\n")
    server.pods.create(make_pod("web", "shop"))
    environ = {"AUTH_TOKEN_FILE": str(tokens), "WATCH_HEARTBEAT_SECONDS": "0.5", **secret.environ}
    operator = start_operator(server, **environ)
    operator.wait_until_log_says("Listed ")
    with chromium.new_context(ignore_https_errors=True) as context:
        page = context.new_page()
        page.goto(f"https://127.0.0.1:{operator.port}/?namespace=shop")
        field = page.get_by_label("Bearer token")
        expect(title(page)).to_have_text("Not allowed")
        field.fill("wrong")
        page.get_by_role("button", name="Use").click()
        expect(field).to_be_visible()
        field.fill("first")
        field.press("Enter")
        expect(rows(page)).to_contain_text(["shop/web"])
        expect(field).to_be_hidden()
        page.reload()
        live(page)
        tokens.write_text("second\n")
        expect(page.locator(".notice")).to_have_text("401: Unauthorized. This is the last known state.")
        expect(rows(page)).to_have_count(1)
        set_phase(server, "Failed")
        field.fill("second")
        field.press("Enter")
        expect(rows(page)).to_contain_text(["Failed"])
        live(page)
