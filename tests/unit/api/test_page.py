"""The HTML page: its files and their headers."""

import contextlib
import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from pod_index.api import page
from pod_index.api.app import create_app
from pod_index.api.page import FILES, SCRIPTS
from pod_index.settings import Settings
from pod_index.store.index import PodIndex

PATHS = list(FILES)
SMALL = 40 * 1024


@contextlib.asynccontextmanager
async def browser(*, enabled: bool = True) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(create_app(PodIndex(), lambda: None, Settings(page=enabled)))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


@pytest.mark.parametrize(
    ("path", "media_type", "begins"),
    [
        ("/", "text/html; charset=utf-8", "<!doctype html>"),
        ("/?id=default/web", "text/html; charset=utf-8", "<!doctype html>"),
        ("/page.css", "text/css; charset=utf-8", ":root {"),
        ("/page.js", "text/javascript; charset=utf-8", '"use strict";'),
        ("/page.svg", "image/svg+xml", "<svg "),
    ],
)
async def test_every_file_is_served_with_its_type(path: str, media_type: str, begins: str) -> None:
    async with browser() as client:
        answer = await client.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (200, media_type)
    assert answer.headers["content-length"] == str(len(answer.content))
    assert answer.text.startswith(begins)


@pytest.mark.parametrize("name", ["", "eu-1"])
async def test_the_page_knows_whether_there_are_other_clusters(name: str) -> None:
    transport = httpx.ASGITransport(create_app(PodIndex(), lambda: None, Settings(cluster_name=name)))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        assert f'<html lang="en" data-cluster="{name}">' in (await client.get("/")).text


async def test_all_files_together_are_small() -> None:
    async with browser() as client:
        assert sum([len((await client.get(path)).content) for path in PATHS]) < SMALL


async def test_the_script_has_all_parts_and_none_of_their_comments() -> None:
    parts = {path.stem: path.read_text() for path in Path(page.__file__).parent.glob("*.js")}
    assert parts.keys() == set(SCRIPTS)
    async with browser() as client:
        script = (await client.get("/page.js")).text
    lines = script.splitlines()
    assert all(line == line.lstrip() and not re.search(r"(^|\s)//", line) for line in lines)
    for name in SCRIPTS:
        code = [re.sub(r"(^|\s+)// .*", "", line).strip() for line in parts[name].splitlines()]
        assert "\n".join(filter(None, code)) in script, name


@pytest.mark.parametrize("path", PATHS)
async def test_only_its_own_files_may_run_or_load(path: str) -> None:
    async with browser() as client:
        headers = (await client.get(path)).headers
    policy = dict(directive.split(" ", 1) for directive in headers["content-security-policy"].split("; "))
    own = {"script-src", "style-src", "img-src", "connect-src"}
    assert {name for name, allowed in policy.items() if allowed == "'self'"} == own
    assert {name for name, allowed in policy.items() if allowed == "'none'"} == {
        *("default-src", "base-uri", "form-action", "frame-ancestors", "trusted-types")
    }
    assert policy["require-trusted-types-for"] == "'script'"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-resource-policy"] == "same-origin"


async def test_the_page_obeys_its_policy() -> None:
    async with browser() as client:
        document, script = (await client.get("/")).text, (await client.get("/page.js")).text
    assert not re.search(r"<style|<script>|\s(style|on\w+)=|https?:(?!//HOST/)", document)
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write\b|\beval\b|https?:", script)
    named = {f"/{name}" for name in re.findall(r'(?:href|src)="(\w[^"]*)"', document)}
    assert named == set(PATHS) - {"/"}, "relative, so that a proxy may serve it below a path of its own"


@pytest.mark.parametrize("path", PATHS)
async def test_a_cached_file_is_304(path: str) -> None:
    async with browser() as client:
        first = await client.get(path)
        etag = first.headers["etag"]
        assert re.fullmatch(r'"[0-9a-f]{32}"', etag)
        assert first.headers["cache-control"] == "no-cache"
        for known in (etag, f"W/{etag}", f'"other", {etag}', "*"):
            answer = await client.get(path, headers={"If-None-Match": known})
            assert (answer.status_code, answer.content) == (304, b"")
            assert answer.headers["etag"] == etag
            assert answer.headers["cache-control"] == "no-cache"
            assert "content-type" not in answer.headers
        for other in ('"other"', etag[1:-1], ""):
            assert (await client.get(path, headers={"If-None-Match": other})).status_code == 200


async def test_every_file_has_its_own_etag() -> None:
    async with browser() as client:
        assert len({(await client.get(path)).headers["etag"] for path in PATHS}) == len(PATHS)


@pytest.mark.parametrize("path", PATHS)
async def test_head_has_the_headers_of_get_and_other_methods_are_405(path: str) -> None:
    async with browser() as client:
        get, head = await client.get(path), await client.head(path)
        assert (head.status_code, head.headers) == (200, get.headers)
        answer = await client.post(path)
    assert (answer.status_code, answer.json()) == (405, {"error": "Method not allowed"})
    assert answer.headers["allow"] == "GET, HEAD"


@pytest.mark.parametrize("path", PATHS)
async def test_a_disabled_page_is_404(path: str) -> None:
    async with browser(enabled=False) as client:
        answer = await client.get(path)
    assert (answer.status_code, answer.content) == (404, b'{"error":"not found"}')
    assert answer.headers["content-type"] == "application/json"
