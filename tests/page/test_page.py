"""The page as people use it: they ask, look, follow links and share them."""

import json
import re
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.apiserver import ApiServer, make_pod
from tests.conftest import StartOperator
from tests.page.conftest import Tab, refuse
from tests.support.operator_process import OperatorProcess
from tests.support.polling import eventually

CONTAINER = "9d3f7c0a5e1b2d4f6a8c0e2b4d6f8a1c3e5b7d9f0a2c4e6b8d0f1a3c5e7b9d2f"


@pytest.fixture
def web(server: ApiServer, operator: OperatorProcess) -> dict[str, Any]:
    """A pod that runs."""
    pod = server.pods.create(
        make_pod(
            "web",
            "shop",
            node="node-1",
            ip="10.244.1.5",
            phase="Running",
            labels={"app": "web"},
            annotations={"example.com/owner": "team-a"},
            container_id=f"containerd://{CONTAINER}",
        )
    )
    eventually(lambda: operator.lookup(pod["metadata"]["uid"]))
    return pod


def facts(page: Page) -> dict[str, str]:
    """What the card says, by its names."""
    rows = page.locator(".facts > div:visible")
    return {row.locator("dt").inner_text(): row.locator("dd > :first-child").inner_text() for row in rows.all()}


def title(page: Page) -> Locator:
    """The heading of what is shown."""
    return page.get_by_role("heading", level=2)


@pytest.mark.parametrize(
    ("text", "by"),
    [
        ("{uid}", "uid"),
        ("  pod{uid}\n", "uid"),
        ("0::/kubepods/burstable/pod{uid}/" + CONTAINER, "uid"),
        ("/var/log/pods/shop_web_{uid}/main/0.log", "uid"),
        ("containerd://" + CONTAINER, "containerID"),
        (CONTAINER[:12], "containerID"),
        ("10.244.1.5", "ip"),
        ("10.244.1.5:8080", "ip"),
        ("shop/web", "name"),
    ],
)
def test_a_pod_is_found_by_whatever_is_at_hand(tab: Tab, web: dict[str, Any], text: str, by: str) -> None:
    tab.open()
    page = tab.find(text.format(uid=web["metadata"]["uid"]))
    expect(title(page)).to_have_text("shop/web")
    expect(page).to_have_title("shop/web · pod-index")
    expect(page.locator(".phase")).to_have_text("Running")
    shown = facts(page)
    assert shown.pop("Created").startswith(
        web["metadata"]["creationTimestamp"].replace("T", " ").replace("Z", " UTC (")
    )
    assert re.fullmatch(r"confirmed by the API server \d+ s ago", shown.pop("Data"))
    assert shown == {
        "Workload": "Pod/web",
        "Namespace": "shop",
        "Node": "node-1",
        "IP": "10.244.1.5",
        "UID": web["metadata"]["uid"],
        "kubectl": "kubectl -n shop describe pod web",
        "Matched by": by,
        "Share": "Copy link",
    }
    expect(page.locator(".pairs dt")).to_have_text(["app", "example.com/owner"])
    expect(page.locator(".pairs .value")).to_have_text(["web", "team-a"])


def test_a_whole_cgroup_file_can_be_pasted(tab: Tab, web: dict[str, Any]) -> None:
    page = tab.open()
    uid = web["metadata"]["uid"]
    text = f"12:cpu:/kubepods/pod{uid}/{CONTAINER}\n1:name=systemd:/kubepods/pod{uid}/{CONTAINER}\n"
    page.evaluate("text => navigator.clipboard.writeText(text)", text)
    page.keyboard.press("Control+V")
    expect(page.get_by_role("textbox")).to_have_value(text.strip().replace("\n", " "))
    page.keyboard.press("Enter")
    expect(title(page)).to_have_text("shop/web")


def test_a_lookup_has_an_address_and_back_and_forward_work(tab: Tab, web: dict[str, Any]) -> None:
    tab.refusals = True
    page = tab.open("?id=shop%2Fweb")
    expect(title(page)).to_have_text("shop/web")
    expect(page.get_by_role("textbox")).to_have_value("shop/web")
    tab.find("shop/none & more")
    expect(title(page)).to_have_text("Not understood")
    expect(page).to_have_url(f"{tab.url}/?id=shop%2Fnone+%26+more")
    page.get_by_role("link", name="pod-index").click()
    expect(title(page)).to_have_text("What it takes")
    expect(page).to_have_title("pod-index")
    page.go_back()
    expect(title(page)).to_have_text("Not understood")
    page.go_back()
    expect(title(page)).to_have_text("shop/web")
    expect(page.get_by_role("textbox")).to_have_value("shop/web")
    page.go_forward()
    expect(title(page)).to_have_text("Not understood")


def test_what_can_be_copied_is_copied(tab: Tab, web: dict[str, Any]) -> None:
    page = tab.open("?id=shop/web")
    uid = web["metadata"]["uid"]
    for name, text in [
        ("Copy UID", uid),
        ("Copy IP", "10.244.1.5"),
        ("Copy Node", "node-1"),
        ("Copy kubectl", "kubectl -n shop describe pod web"),
        ("Copy link", f"{tab.url}/?id={uid}"),
    ]:
        page.get_by_role("button", name=name).click()
        expect(page.get_by_role("status")).to_have_text("Copied")
        assert page.evaluate("navigator.clipboard.readText()") == text
    page.evaluate("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
    page.get_by_role("button", name="Copy UID").click()
    expect(page.get_by_role("button", name="Copy UID")).to_be_focused()
    page.get_by_role("textbox").fill("")
    page.get_by_role("textbox").press("Control+V")
    expect(page.get_by_role("textbox")).to_have_value(uid)


@pytest.mark.parametrize(
    ("text", "heading", "error"),
    [
        ("shop/none", "Not found", "pod with ID shop/none not found"),
        ("10.0.0.1", "Not found", "pod with ID 10.0.0.1 not found"),
        ("???", "Not understood", "id '???' is not an identifier of a pod: give a UID"),
        ("x" * 9_000, "Error 414", "query string is longer than 8192 bytes"),
    ],
)
def test_errors_of_the_api_are_shown_as_they_are(tab: Tab, text: str, heading: str, error: str) -> None:
    tab.refusals = True
    tab.open()
    page = tab.find(text)
    expect(title(page)).to_have_text(heading)
    expect(page.locator("#result")).to_contain_text(error)
    expect(page.get_by_role("status")).to_contain_text(f"{heading}: {error}")


@pytest.mark.parametrize(
    ("text", "heading", "hint"),
    [
        ("web-1", "Not understood", "a name needs its namespace, for example shop/web-1"),
        ("containerd://9bca8d", "Not found", "give the whole UID, or at least 12 digits of the container ID"),
    ],
)
def test_a_near_miss_is_shown_with_its_remedy_once(tab: Tab, text: str, heading: str, hint: str) -> None:
    tab.refusals = True
    tab.open()
    page = tab.find(text)
    expect(title(page)).to_have_text(heading)
    expect(page.locator("#result").get_by_text(hint)).to_have_count(1)


def test_a_pod_that_comes_after_it_was_asked_for_is_shown(tab: Tab, server: ApiServer) -> None:
    tab.refusals = True
    page = tab.open("?id=shop/late")
    expect(title(page)).to_have_text("Not found")
    server.pods.create(make_pod("late", "shop"))
    expect(title(page)).to_have_text("shop/late")


def test_a_pod_that_was_deleted_is_found_and_said_to_be_gone(
    tab: Tab, server: ApiServer, operator: OperatorProcess, web: dict[str, Any]
) -> None:
    server.pods.delete("shop", "web")
    eventually(lambda: operator.pod_count() == 0)
    page = tab.open("?id=10.244.1.5")
    expect(title(page)).to_have_text("shop/web")
    expect(page.locator(".phase")).to_have_text("Deleted")
    assert facts(page)["Deleted"].endswith(", last phase Running")
    assert "kubectl" not in facts(page)


def test_a_pod_that_is_shown_follows_what_happens_to_it(tab: Tab, server: ApiServer, web: dict[str, Any]) -> None:
    page = tab.open("?id=shop/web")
    expect(page.locator("#status")).to_have_text(re.compile(r"^Live · data \d+ s old$"))
    copy = page.get_by_role("button", name="Copy UID")
    copy.focus()
    labels = {"app": "web", "aaa": "first", "zone": "b"}
    server.pods.update("shop", "web", lambda pod: pod["metadata"].update(labels=labels))
    expect(page.locator(".pairs").first.locator("dt")).to_have_text(["aaa", "app", "zone"])
    server.pods.update("shop", "web", lambda pod: pod["status"].update(phase="Failed"))
    expect(page.locator(".phase")).to_have_text("Failed")
    expect(page.get_by_role("status")).to_have_text("Pod shop/web is now: Failed")
    expect(copy).to_be_focused()
    server.pods.delete("shop", "web")
    expect(page.locator(".phase")).to_have_text("Deleted")
    expect(copy).to_be_focused()


def test_nothing_is_drawn_anew_while_nothing_changes(tab: Tab, web: dict[str, Any]) -> None:
    page = tab.open("?id=shop/web")
    expect(title(page)).to_have_text("shop/web")
    page.evaluate("""() => {
        window.changes = [];
        const watch = new MutationObserver((all) => changes.push(...all.map((change) => change.target.className)));
        watch.observe(document.querySelector(".card"), {childList: true, subtree: true});
    }""")
    age = page.locator(".facts > div").filter(has_text="Data")
    for _ in range(2):
        expect(age).not_to_have_text(age.inner_text())
    # The ages go on.
    assert set(page.evaluate("window.changes")) <= {"value"}
    assert page.evaluate("document.activeElement === document.body")


def test_the_pods_of_a_node_and_of_a_namespace_are_listed_page_by_page(
    tab: Tab, server: ApiServer, operator: OperatorProcess, web: dict[str, Any]
) -> None:
    for number in range(60):
        server.pods.create(make_pod(f"cart-{number}", "shop", node="node-1"))
    eventually(lambda: operator.pod_count() == 61)
    page = tab.open("?id=shop/web")
    page.get_by_role("link", name="node-1").click()
    expect(title(page)).to_have_text("Pods of node node-1")
    expect(title(page)).to_be_focused()
    expect(page.locator(".note:visible")).to_have_text("61 pods, 50 on this page")
    first = page.locator("tbody a").all_inner_texts()
    page.get_by_role("link", name="Next page").click()
    expect(page.locator(".note:visible")).to_have_text("61 pods, 11 on this page")
    expect(page.get_by_role("link", name="Next page")).to_be_hidden()
    assert sorted(first + page.locator("tbody a").all_inner_texts()) == sorted(
        ["shop/web", *(f"shop/cart-{number}" for number in range(60))]
    )
    page.get_by_role("link", name="First page").click()
    expect(page.locator(".note:visible")).to_have_text("61 pods, 50 on this page")
    assert page.locator("tbody a").all_inner_texts() == first
    page.locator("tbody a").first.click()
    expect(title(page)).to_have_text(first[0])
    page.get_by_role("link", name="shop", exact=True).click()
    expect(title(page)).to_have_text("Pods of namespace shop")


def test_hundreds_of_annotations_can_be_filtered(tab: Tab, server: ApiServer, operator: OperatorProcess) -> None:
    annotations = {f"example.com/setting-{number:03}": f"value {number}" for number in range(300)}
    server.pods.create(make_pod("many", annotations=annotations, labels={"app": "many"}))
    eventually(lambda: operator.pod_count() == 1)
    page = tab.open("?id=default/many")
    expect(page.locator(".pairs dt:visible")).to_have_count(301)
    page.get_by_role("searchbox", name="Filter labels and annotations").fill("VALUE 29")
    expect(page.locator(".pairs dt:visible")).to_have_count(11)
    expect(page.get_by_role("heading", name="Annotations")).to_have_text("Annotations 11 of 300")


def test_json_is_indented_without_a_change_to_what_it_says(
    tab: Tab, server: ApiServer, operator: OperatorProcess
) -> None:
    text = '{"big":12345678901234567890,"a":[1.50,{}, [ ],"x{,}\\"y"],"a":null}'
    lines = ["{", '  "big": 12345678901234567890,', '  "a": [', "    1.50,", "    {},", "    [],", '    "x{,}\\"y"']
    annotations = {
        "deep": "[" * 5_000 + "]" * 5_000,
        "json": text,
        "long": json.dumps([{"name": f"n{number}"} for number in range(100)]),
        "no-json": '{"a":',
    }
    server.pods.create(make_pod("json", annotations=annotations))
    eventually(lambda: operator.pod_count() == 1)
    page = tab.open("?id=default/json")
    values = page.locator(".pairs .value")
    expect(values).to_have_count(4)
    deep, own, long, other = values.all()
    expect(own).to_have_text("\n".join([*lines, "  ],", '  "a": null', "}"]), use_inner_text=True)
    expect(other).to_have_text('{"a":')
    assert len(long.inner_text().splitlines()) == 12
    page.get_by_role("button", name="Show all 302 lines").click()
    assert len(long.inner_text().splitlines()) == 302
    expect(page.get_by_role("button", name="Show less")).to_have_attribute("aria-expanded", "true")
    page.get_by_role("button", name="Show less").click()
    assert len(long.inner_text().splitlines()) == 12
    assert len(deep.inner_text()) == 402
    page.get_by_role("button", name="Copy json").click()
    expect(page.get_by_role("status")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == text


def test_a_service_that_is_away_is_said_to_be_and_comes_back(
    tab: Tab, operator: OperatorProcess, server: ApiServer, web: dict[str, Any], start_operator: StartOperator
) -> None:
    tab.refusals = True
    page = tab.open("?id=shop/web")
    status = page.locator("#status")
    expect(status).to_contain_text("Live")
    operator.stop()
    expect(status).to_have_text(re.compile("^Not reachable since .* · trying again$"))
    expect(page.get_by_role("status")).to_have_text("pod-index cannot be reached")
    assert facts(page)["IP"] == "10.244.1.5", "what was shown stays"
    server.pods.update("shop", "web", lambda pod: pod["status"].update(phase="Succeeded"))
    start_operator(server, PORT=str(operator.port)).wait_until_log_says("Listed ")
    expect(status).to_contain_text("Live")
    expect(page.locator(".phase")).to_have_text("Succeeded")


def test_what_is_asked_of_a_service_that_is_away_is_answered_when_it_is_back(tab: Tab, web: dict[str, Any]) -> None:
    tab.refusals = True
    page = tab.open("?node=node-1")
    expect(title(page)).to_have_text("Pods of node node-1")
    for path in ("**/ready", "**/api/**"):
        page.route(path, lambda route: route.abort())
    tab.find("shop/web")
    expect(title(page)).to_have_text("Not reachable")
    page.unroute_all()
    expect(title(page)).to_have_text("shop/web")
    expect(page.locator("#result")).to_have_attribute("aria-busy", "false")


def test_before_the_first_sync_it_says_so_and_goes_on(tab: Tab, web: dict[str, Any]) -> None:
    tab.refusals = True
    page = tab.page
    not_synced = {"error": "cache not synced"}
    page.route("**/ready", lambda route: route.fulfill(status=503, json=not_synced))
    page.route("**/api/v1/**", lambda route: route.fulfill(status=503, json=not_synced))
    tab.open("?id=shop/web")
    expect(title(page)).to_have_text("Not ready")
    expect(page.locator("#status")).to_have_text("Not ready: cache not synced")
    page.unroute_all()
    expect(title(page)).to_have_text("shop/web")
    expect(page.locator("#status")).to_contain_text("Live")


def test_without_credentials_the_error_is_shown_and_nobody_is_asked_again_and_again(
    tab: Tab, web: dict[str, Any]
) -> None:
    tab.refusals = True
    page = tab.page
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/api/" in request.url else None)
    page.route("**/api/v1/**", refuse)
    page.clock.install()
    tab.open("?id=shop/web")
    expect(title(page)).to_have_text("Not allowed")
    expect(page.locator("#result")).to_contain_text("Unauthorized")
    expect(page.locator("#status")).to_contain_text("lookups: Unauthorized")
    with page.expect_response("**/ready"):
        page.clock.run_for(60_000)
    assert len(asked) == 1
    page.unroute_all()
    page.get_by_role("button", name="Find").click()
    expect(title(page)).to_have_text("shop/web")


def test_an_answer_that_comes_too_late_is_not_shown(tab: Tab, web: dict[str, Any]) -> None:
    tab.refusals = True
    page = tab.open()
    late: list[Any] = []
    page.route("**/api/v1/pod?id=shop%2Fweb&**", lambda route: late.append(route))
    tab.find("shop/web")
    eventually(lambda: page.evaluate("0") == 0 and late)
    tab.find("shop/none")
    expect(title(page)).to_have_text("Not found")
    late[0].continue_()
    with page.expect_request("**/api/v1/pod?id=shop%2Fnone&**&wait=10s"):
        pass
    expect(title(page)).to_have_text("Not found")


def test_with_authentication_the_page_is_open_and_lookups_are_for_those_who_are_let_in(
    chromium: Browser, server: ApiServer, start_operator: StartOperator
) -> None:
    server.pods.create(make_pod("web", "shop"))
    operator = start_operator(server, BASIC_AUTH_USERNAME="ann", BASIC_AUTH_PASSWORD="s3cret")
    operator.wait_until_ready()
    url = f"http://127.0.0.1:{operator.port}/?id=shop/web"
    with chromium.new_context(http_credentials={"username": "ann", "password": "guess"}) as stranger:
        page = stranger.new_page()
        page.goto(url)
        expect(title(page)).to_have_text("Not allowed")
        expect(page.locator("#status")).to_have_text("1 pod · lookups: Unauthorized")
    with chromium.new_context(http_credentials={"username": "ann", "password": "s3cret"}) as known:
        page = known.new_page()
        page.goto(url)
        expect(title(page)).to_have_text("shop/web")
