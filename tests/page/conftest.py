"""A headless Chromium, a small cluster, and pod-index between them."""

import shutil
import urllib.parse
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, Route, ViewportSize, expect, sync_playwright

from tests.apiserver import ApiServer
from tests.conftest import StartOperator
from tests.support.operator_process import OperatorProcess

CHROMIUMS = ("chromium", "chromium-browser", "google-chrome")
WITHIN_MS = 15_000
REPORT_VIOLATIONS = """
    window.violations = [];
    document.addEventListener("securitypolicyviolation", (event) => violations.push(event.violatedDirective));
"""

expect.set_options(timeout=WITHIN_MS)


class Tab:
    """A tab that shows the page, and what happens in it that must not."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url
        self.refusals = False
        """Whether the API refuses something in the test: Chromium says so in the console."""
        self._said: list[str] = []
        self._requested: set[str] = set()
        self.streams: list[dict[str, str]] = []
        """The queries of the streams that it has opened."""
        page.add_init_script(REPORT_VIOLATIONS)
        page.on("console", self._on_console)
        page.on("pageerror", lambda error: self._said.append(f"an error: {error}"))
        page.on("dialog", lambda dialog: self._said.append(f"a dialog: {dialog.message}"))
        page.on("request", self._on_request)

    def open(self, query: str = "") -> Page:
        """Go to the page with this query string."""
        self.page.goto(f"{self.url}/{query}")
        return self.page

    def find(self, text: str) -> Page:
        """Ask for this in the field."""
        self.page.get_by_role("textbox", name="Which pod is this?").fill(text)
        self.page.get_by_role("button", name="Find").click()
        return self.page

    def assert_calm(self) -> None:
        """Check that no script failed, nothing broke the policy, and nobody else was asked for anything."""
        assert self._said == []
        assert self.page.evaluate("window.violations") == []
        assert {url for url in self._requested if not url.startswith(f"{self.url}/")} == set()

    def forget(self) -> None:
        """Pass over what has happened so far."""
        self._said.clear()
        self.page.evaluate("window.violations = []")

    def _on_console(self, message: ConsoleMessage) -> None:
        if not (self.refusals and message.text.startswith("Failed to load resource: ")):
            self._said.append(f"{message.type}: {message.text}")

    def _on_request(self, request: Request) -> None:
        self._requested.add(request.url)
        query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(request.url).query))
        if query.pop("watch", "") == "true":
            self.streams.append(query)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    path = next(filter(None, map(shutil.which, CHROMIUMS)), None)
    if path is None:
        pytest.fail("there is no Chromium: apt-get install chromium", pytrace=False)
    with sync_playwright() as playwright:
        # Its sandbox is not for root, who runs the tests in containers; nothing but pod-index is visited.
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def server() -> Iterator[ApiServer]:
    with ApiServer() as server:
        yield server


@pytest.fixture
def settings() -> dict[str, str]:
    """The environment variables of the operator; a test may have other ones."""
    return {}


@pytest.fixture
def operator(server: ApiServer, start_operator: StartOperator, settings: dict[str, str]) -> OperatorProcess:
    """An operator that is ready."""
    operator = start_operator(server, **settings)
    operator.wait_until_ready()
    return operator


@pytest.fixture
def screen() -> ViewportSize:
    """The size of the screen; a test may have another one."""
    return {"width": 1280, "height": 800}


@pytest.fixture
def tab(chromium: Browser, operator: OperatorProcess, screen: ViewportSize) -> Iterator[Tab]:
    """An empty tab; when the test ends, all must have been calm in it."""
    context = chromium.new_context(viewport=screen, permissions=["clipboard-read", "clipboard-write"])
    tab = Tab(context.new_page(), f"http://127.0.0.1:{operator.port}")
    yield tab
    tab.assert_calm()
    context.close()


def refuse(route: Route) -> None:
    """Answer as a service that asks for credentials which the browser cannot ask the person for."""
    headers = {"WWW-Authenticate": "Bearer", "Age": "0"}
    route.fulfill(status=401, headers=headers, json={"error": "Unauthorized"})
