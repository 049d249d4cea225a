"""The pages as a browser is answered: what each may load, how its files are kept, and what is said where there are none."""

import gzip
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from tests.support.serving import RunningServer, running_server
from trailcast.doors import pages
from trailcast.settings import Settings

BROWSER = {"accept": "text/html,application/xhtml+xml", "accept-encoding": "gzip, br"}
SEALED = "default-src 'none'; frame-ancestors 'none'"
CONSOLE_BYTES_MAX = 150 * 1024
COMMON = {
    "default-src": "'none'",
    "script-src": "'self'",
    "connect-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
}
CONSOLE = {
    **COMMON,
    "style-src": "'self'",
    "font-src": "'self'",
    "img-src": "'self'",
    "require-trusted-types-for": "'script'",
    "trusted-types": "'none'",
}
EXPLORER = {
    **COMMON,
    "style-src": "'self' 'unsafe-inline'",
    "img-src": "'self' data:",
    "font-src": "'self' data:",
    "worker-src": "'self'",
}


def address(server: RunningServer) -> str:
    return f"http://127.0.0.1:{server.port}"


@asynccontextmanager
async def browsing(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    async with running_server(settings) as server, httpx.AsyncClient(base_url=address(server), headers=BROWSER) as http:
        yield http


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"explorer": True})


@pytest.fixture
async def http(server: RunningServer) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=address(server), headers=BROWSER) as client:
        yield client


async def test_pages_may_load_what_this_server_has_and_nothing_else(http: httpx.AsyncClient) -> None:
    assert 'data-explorer="on"' in (await http.get("/")).text
    for path, allowed in (("/", CONSOLE), ("/explorer", EXPLORER), ("/graphql", EXPLORER)):
        page = await http.get(path)
        assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8"), path
        assert (page.headers["cache-control"], page.headers["x-content-type-options"]) == ("no-store", "nosniff")
        policy = page.headers["content-security-policy"]
        assert dict(part.split(" ", 1) for part in policy.split("; ")) == allowed, path
        # No script or style stands in the page itself, and whatever it names is here.
        assert re.findall(r"<script(?![^>]* src=)|<style|\bstyle=|\bon\w+=", page.text) == []
        named = re.findall(r'(?:src|href)="([^"]+)"', page.text)
        assert len(named) >= 3
        for name in named:
            assert (await http.get(name)).status_code == 200, name


async def test_files_are_kept_for_ever_and_come_gzipped(http: httpx.AsyncClient) -> None:
    page = (await http.get("/")).text
    for name, kind in re.findall(r'"(/assets/[\w.-]+\.(js|css))"', page):
        packed = await http.get(name)
        plain = await http.get(name, headers={"accept-encoding": "identity"})
        assert (packed.headers["content-encoding"], "content-encoding" in plain.headers) == ("gzip", False)
        assert packed.content == plain.content
        for answer in (packed, plain):
            assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
            assert answer.headers["vary"] == "accept-encoding"
            assert answer.headers["content-type"] == f"text/{'javascript' if kind == 'js' else 'css'}; charset=utf-8"
            assert answer.headers["content-security-policy"] == SEALED


async def test_console_loads_little_before_it_shows_something(http: httpx.AsyncClient) -> None:
    page = await http.get("/")
    sizes = [len(gzip.compress(page.content))]
    sizes += [
        int((await http.get(name)).headers["content-length"]) for name in re.findall(r'"(/assets/[^"]+)"', page.text)
    ]
    assert sum(sizes) <= CONSOLE_BYTES_MAX, sizes


@pytest.mark.parametrize(
    "name",
    ["nothing-ABCDEFGH.js", "..%2fconsole.html", "console.html", "%2e%2e/%2e%2e/pyproject.toml", ".built", "-"],
)
async def test_other_files_are_not_given(http: httpx.AsyncClient, name: str) -> None:
    answer = await http.get(f"/assets/{name}")
    assert (answer.status_code, answer.headers["cache-control"]) == (404, "no-store")
    assert "project" not in answer.text


async def test_explorer_is_there_only_where_it_was_switched_on(settings: Settings) -> None:
    assert Settings().explorer is False
    async with browsing(settings.model_copy(update={"explorer": False})) as http:
        for path in ("/explorer", "/graphql"):
            answer = await http.get(path)
            assert (answer.status_code, "TRAILCAST_EXPLORER=true" in answer.text) == (404, True), path
        assert 'data-explorer="off"' in (await http.get("/")).text


async def test_headless_server_says_so_and_answers_the_api(settings: Settings) -> None:
    async with browsing(settings.model_copy(update={"headless": True})) as http:
        for path in ("/", "/explorer", "/graphql"):
            answer = await http.get(path)
            assert (answer.status_code, "TRAILCAST_HEADLESS" in answer.text) == (404, True), path
            assert answer.headers["content-security-policy"] == SEALED
        assert (await http.get("/favicon.svg")).status_code == 404
        asked = await http.post("/graphql", json={"query": "{ __typename }"})
        assert asked.json() == {"data": {"__typename": "Query"}}


async def test_pages_that_were_not_built_say_how_to(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "BUILT", tmp_path)
    async with browsing(settings) as http:
        for path in ("/", "/explorer", "/graphql"):
            answer = await http.get(path)
            assert (answer.status_code, "scripts/build-web" in answer.text) == (503, True), path
        asked = await http.post("/graphql", json={"query": "{ __typename }"})
        assert asked.json() == {"data": {"__typename": "Query"}}
