"""The headers of every answer, by whichever part of the server it is given. What pages may load is in `test_pages.py`."""

import asyncio

import httpx
import pytest

from tests.doors.test_event_streams import streaming
from tests.live.sockets import FOLLOW
from tests.support.serving import RunningServer
from tests.support.world import World
from trailcast.settings import Settings

SEALED = {
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
}
FRONT_END = "https://board.example"
JSON = {"content-type": "application/json"}
PREFLIGHT = {"access-control-request-method": "POST", "access-control-request-headers": "authorization"}
UPGRADE = {"connection": "upgrade", "upgrade": "websocket", "sec-websocket-version": "13"}
KEY = {"sec-websocket-key": "x3JJHMbDL1EzLkh9GBhXDw=="}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"allowed_origins": FRONT_END, "request_bytes_max": 1024})


def sealed(headers: httpx.Headers) -> dict[str, str]:
    """Those headers of an answer that every answer has; each of them is there once."""
    assert "server" not in headers
    assert all(len(headers.get_list(name)) == 1 for name in SEALED if name in headers), headers
    return {name: headers[name] for name in SEALED if name in headers}


async def test_every_answer_has_them(server: RunningServer, world: World) -> None:
    ours = {"authorization": f"Bearer {world.token('owner')}"}
    asked: list[tuple[int, str, str, dict[str, str], bytes]] = [
        (200, "POST", "/graphql", {**ours, **JSON}, b'{"query": "{ viewer { role } }"}'),
        (200, "POST", "/graphql", {**ours, **JSON}, b'{"query": "{"}'),
        (200, "POST", "/graphql", {**ours, **JSON, "accept": "text/event-stream"}, b'{"query": "{ viewer { role } }"}'),
        (200, "POST", "/graphql", {**ours, **JSON, "origin": FRONT_END}, b'{"query": "{ viewer { role } }"}'),
        (400, "POST", "/graphql", {**ours, **JSON}, b"no JSON"),
        (401, "POST", "/graphql", {**JSON, "authorization": "Bearer nonsense"}, b'{"query": "{ viewer { role } }"}'),
        (403, "POST", "/graphql", {**ours, **JSON, "origin": "https://evil.example"}, b'{"query": "{ __typename }"}'),
        (405, "PUT", "/graphql", {**ours, **JSON}, b"{}"),
        (405, "GET", "/graphql?query={__typename}", ours, b""),
        (413, "POST", "/graphql", {**ours, **JSON}, b" " * 2000),
        (415, "POST", "/graphql", {**ours, "content-type": "text/plain"}, b"{}"),
        (200, "OPTIONS", "/graphql", {**PREFLIGHT, "origin": FRONT_END}, b""),
        (400, "OPTIONS", "/graphql", {**PREFLIGHT, "origin": "https://evil.example"}, b""),
        (404, "GET", "/nowhere", {}, b""),
        (307, "POST", "/graphql/", JSON, b"{}"),
        (404, "GET", "/assets/nothing-ABCDEFGH.js", {}, b""),
        (405, "POST", "/", {}, b""),
        (200, "GET", "/livez", {}, b""),
        (200, "HEAD", "/livez", {}, b""),
        (405, "POST", "/livez", {}, b""),
        (200, "GET", "/readyz", {}, b""),
        # Handshakes of sockets that open none: no key, no such path, a foreign page.
        (400, "GET", "/graphql", UPGRADE, b""),
        (403, "GET", "/nowhere", {**UPGRADE, **KEY}, b""),
        (403, "GET", "/graphql", {**UPGRADE, **KEY, "origin": "https://evil.example"}, b""),
    ]
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}") as client:
        for status, method, path, headers, content in asked:
            response = await client.request(method, path, headers=headers, content=content, follow_redirects=False)
            assert response.status_code == status, (method, path, headers, response.text)
            assert sealed(response.headers) == SEALED, (method, path, headers)
    async with streaming(server, world.token("owner"), FOLLOW) as stream:
        assert sealed(stream.response.headers) == SEALED
    server.services.lifecycle.is_leaving = True
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}") as client:
        for path, upgrade in (("/readyz", {}), ("/graphql", {**UPGRADE, **KEY})):
            response = await client.get(path, headers=upgrade)
            assert (response.status_code, sealed(response.headers)) == (503, SEALED), path


async def test_what_is_no_http_is_answered_with_them(server: RunningServer) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"nonsense\r\n\r\n")
    async with asyncio.timeout(20):
        status, *lines = (await reader.read()).decode().partition("\r\n\r\n")[0].split("\r\n")
    writer.close()
    assert status == "HTTP/1.1 400 Bad Request"
    assert (
        sealed(httpx.Headers([(name, value) for name, _, value in (line.partition(": ") for line in lines)])) == SEALED
    )
