"""Pods are named by strangers: nothing that they write is more than text."""

import pytest
from playwright.sync_api import ViewportSize, expect

from tests.apiserver import ApiServer, make_pod
from tests.page.conftest import Tab
from tests.support.operator_process import OperatorProcess
from tests.support.polling import eventually

MARKUP = [
    "<img src=x onerror=alert(1)>",
    "</script><script>alert(1)</script>",
    "\"'><svg onload=alert(1)>",
    "javascript:alert(1)",
    "<style>@import 'http://evil.example/'</style>",
    "{{constructor.constructor('alert(1)')()}}",
    '<iframe srcdoc="<script>parent.alert(1)</script>">',
    "<meta http-equiv=refresh content='0;url=http://evil.example/'>",
]
UNSEEN = "a\u202eb\u2066c\u0007d\u200be\ufefff\x00g"
HUGE = "<b>x" * 50_000


@pytest.fixture(params=[1280, 320])
def screen(request: pytest.FixtureRequest) -> ViewportSize:
    return {"width": request.param, "height": 800}


def test_what_strangers_write_is_text_and_nothing_else(tab: Tab, server: ApiServer, operator: OperatorProcess) -> None:
    values = {
        **{f"markup-{number}": text for number, text in enumerate(MARKUP)},
        **{text: text for text in MARKUP},
        "__proto__": "own",
        "constructor": "own",
        "huge": HUGE,
        "unseen": UNSEEN,
        UNSEEN: "name",
        "rtl": "שלום עולם",
        "lines": "\n" * 10_000,
        "codes": "\u202e" * 5_000,
        "w" * 300: "w" * 300,
    }
    hostile = make_pod(
        f"web{MARKUP[0]}{UNSEEN}",
        MARKUP[1],
        node=MARKUP[2],
        ip=MARKUP[0],
        phase=MARKUP[0],
        labels=values,
        annotations=values,
    )
    uid = server.pods.create(hostile)["metadata"]["uid"]
    eventually(lambda: operator.pod_count() == 1)

    page = tab.open(f"?id={uid}")
    shown = f"{MARKUP[1]}/web{MARKUP[0]}aU+202EbU+2066cU+0007dU+200BeU+FEFFfU+0000g"
    expect(page.get_by_role("heading", level=2)).to_have_text(shown)
    texts = dict(
        zip(
            page.locator(".pairs").last.locator("dt").all_inner_texts(),
            page.locator(".pairs").last.locator(".value").all_inner_texts(),
            strict=True,
        )
    )
    for text in MARKUP:
        assert texts[text] == text
    assert texts["unseen"] == "aU+202EbU+2066cU+0007dU+200BeU+FEFFfU+0000g"
    assert texts["__proto__"] == texts["constructor"] == "own"
    page.get_by_role("button", name="Show all").evaluate_all("buttons => buttons.forEach((button) => button.click())")
    assert HUGE in page.locator(".pairs").last.locator(".value").all_inner_texts()
    assert (
        page.evaluate("document.querySelectorAll('#result :is(img, svg, script, style, iframe, meta, b)').length") == 0
    )
    assert page.evaluate("document.documentElement.scrollWidth") <= page.evaluate("innerWidth")
    assert "U+" not in page.title()
    assert "\u202e" not in page.title()

    page.get_by_role("link", name=MARKUP[2]).click()
    expect(page.get_by_role("heading", level=2)).to_have_text(f"Pods of node {MARKUP[2]}")
    expect(page.locator("tbody a")).to_have_text(shown)
    expect(page.locator("tbody .phase")).to_have_text(MARKUP[0])
    assert page.evaluate("document.documentElement.scrollWidth") <= page.evaluate("innerWidth")
    page.locator("tbody a").click()
    expect(page.get_by_role("heading", level=2)).to_have_text(shown)


@pytest.mark.parametrize("text", [*MARKUP, "w" * 500])
def test_what_a_link_asks_for_is_text_and_nothing_else(tab: Tab, text: str) -> None:
    tab.refusals = True
    page = tab.open()
    address = page.evaluate("text => '?' + new URLSearchParams({id: text})", text)
    tab.open(address)
    expect(page.locator(".error h2")).to_be_visible()
    expect(page.get_by_role("textbox")).to_have_value(text)
    assert page.evaluate("document.querySelectorAll('#result :is(img, svg, script, style, iframe)').length") == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= page.evaluate("innerWidth")
    tab.open(address.replace("?id=", "?node="))
    expect(page.get_by_role("heading", level=2)).to_have_text(f"Pods of node {text}")
    assert page.evaluate("document.documentElement.scrollWidth") <= page.evaluate("innerWidth")


def test_the_policy_is_what_stops_a_script_that_got_in(tab: Tab) -> None:
    page = tab.open()
    assert (
        page.evaluate("""() => {
        try { document.body.innerHTML = "<b>x</b>"; } catch (problem) { return problem.name; }
    }""")
        == "TypeError"
    )
    tab.forget()
