"""Everybody can use it: by keyboard, by ear, by day and by night, on a phone."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, ViewportSize, expect

from tests.apiserver import ApiServer, make_pod
from tests.page.conftest import Tab
from tests.support.operator_process import OperatorProcess
from tests.support.polling import eventually

RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
SCREENS: list[ViewportSize] = [
    {"width": 320, "height": 640},
    {"width": 1280, "height": 800},
    {"width": 2560, "height": 1440},
]
VIEWS = ["", "?id=shop/web", "?id=shop/none", "?id=???", "?node=node-1", "?namespace=none"]


@pytest.fixture(autouse=True)
def pods(server: ApiServer, operator: OperatorProcess) -> None:
    """A pod with all there is, and others beside it."""
    annotations = {f"example.com/{number}": "[1, 2]" * number for number in range(20)}
    node = "node-1"
    server.pods.create(make_pod("web", "shop", node=node, phase="Running", labels={"a": "b"}, annotations=annotations))
    for number, phase in enumerate(["Pending", "Failed", "Succeeded", "Unknown"]):
        server.pods.create(make_pod(f"web-{number}", "shop", node=node, ip=f"10.0.0.{number}", phase=phase))
    server.pods.create(make_pod("old", "shop", node=node))
    eventually(lambda: operator.pod_count() == 6)
    server.pods.delete("shop", "old")
    eventually(lambda: operator.pod_count() == 5)


def settled(page: Page) -> None:
    """Wait until an answer is shown."""
    expect(page.get_by_role("heading", level=2)).to_be_visible()
    expect(page.locator("#status")).to_contain_text("data")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("query", [*VIEWS, "?id=shop/old"])
def test_axe_finds_nothing_to_say(tab: Tab, query: str, scheme: str) -> None:
    tab.refusals = True
    tab.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light", reduced_motion="reduce")
    page = tab.open(query)
    settled(page)
    found = Axe().run(page, options=RULES)
    assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize("screen", SCREENS, ids=lambda screen: str(screen["width"]))
@pytest.mark.parametrize("query", VIEWS)
def test_nothing_is_wider_than_the_screen(tab: Tab, query: str) -> None:
    tab.refusals = True
    page = tab.open(query)
    settled(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= page.evaluate("innerWidth")


def test_light_and_dark_follow_the_system(tab: Tab) -> None:
    page = tab.open()
    grounds = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        grounds.append(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert grounds == ["rgb(246, 247, 249)", "rgb(20, 23, 27)"]


def test_nothing_moves_for_who_wants_no_motion(tab: Tab, server: ApiServer) -> None:
    tab.page.emulate_media(reduced_motion="reduce")
    page = tab.open("?id=shop/web")
    settled(page)
    server.pods.update("shop", "web", lambda pod: pod["status"].update(phase="Failed"))
    expect(page.locator(".phase")).to_have_class("phase changed")
    assert page.evaluate("document.getAnimations().length") == 0


def test_the_keyboard_alone_does_it_all(tab: Tab) -> None:
    page = tab.open()
    expect(page.get_by_role("textbox", name="Which pod is this?")).to_be_focused()
    page.keyboard.type("shop/web")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=2)).to_have_text("shop/web")
    expect(page.get_by_role("textbox", name="Which pod is this?")).to_be_focused()
    reached = []
    for _ in range(12):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.ariaLabel ?? document.activeElement.textContent"))
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    assert reached[:9] == [
        *("Find", "Pod/web", "shop", "node-1", "Copy Node", "Copy UID", "Copy kubectl", "Copy link", "JSON")
    ]
    page.get_by_role("link", name="node-1").focus()
    page.keyboard.press("Enter")
    heading = page.get_by_role("heading", level=2)
    expect(heading).to_have_text("Pods of node node-1")
    expect(heading).to_be_focused()
    page.keyboard.press("Tab")
    chosen = page.locator("tbody a").first
    expect(chosen).to_be_focused()
    name = chosen.inner_text()
    page.keyboard.press("Enter")
    expect(heading).to_have_text(name)
    expect(heading).to_be_focused()
    page.go_back()
    expect(heading).to_have_text("Pods of node node-1")
    expect(heading).to_be_focused()


def test_who_hears_it_finds_their_way(tab: Tab) -> None:
    page = tab.open("?id=shop/web-1")
    settled(page)
    expect(page.get_by_role("status")).to_have_text("Pod shop/web-1: Failed")
    expect(page.locator("body")).to_match_aria_snapshot("""
        - banner:
          - heading "pod-index" [level=1]:
            - link "pod-index"
          - paragraph: /Live · data \\d+ s old/
        - main:
          - search:
            - textbox "Which pod is this?": shop/web-1
            - button "Find"
            - paragraph
          - status: "Pod shop/web-1: Failed"
          - article:
            - heading "shop/web-1" [level=2]
            - text: Failed
            - term: Namespace
            - definition:
              - link "shop"
            - term: Node
            - definition:
              - link "node-1"
              - button "Copy Node"
            - term: IP
            - definition:
              - text: 10.0.0.1
              - button "Copy IP"
    """)
    tab.open("?namespace=shop")
    expect(page.get_by_role("status")).to_have_text("Pods of namespace shop: 5 pods")
    expect(page.get_by_role("columnheader")).to_have_text(["Pod", "Phase", "IP", "Node", "Created"])
