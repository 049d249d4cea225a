"""Clients that keep the server waiting: a body or a head that never comes, a byte now and then. Each is ended, and nobody else is."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from tests.support.clients import open_socket
from tests.support.serving import RunningServer
from tests.support.waiting import PAUSE_S
from tests.support.world import World
from trailcast.settings import Settings

VIEWER = "{ viewer { role } }"
POST = b"POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
WHOLE = POST + b'content-length: 24\r\n\r\n{"query":"{__typename}"}'
DEADLINE_S = 20


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"request_timeout_s": 0.3, "request_head_bytes_max": 8192})


@asynccontextmanager
async def connected(server: RunningServer) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    try:
        yield reader, writer
    finally:
        writer.close()


async def ended(server: RunningServer, sent: bytes, drip: bytes = b"") -> bytes:
    """All that comes, up to the end of the connection, of a client that sends this and then, again and again, a little more."""
    async with connected(server) as (reader, writer), asyncio.timeout(DEADLINE_S):
        writer.write(sent)
        reading = asyncio.create_task(_read(reader))
        while not reading.done():
            if drip and not writer.transport.is_closing():
                writer.write(drip)
            await asyncio.wait([reading], timeout=PAUSE_S)
        return await reading


async def _read(reader: asyncio.StreamReader) -> bytes:
    """All that comes. A client that goes on sending may see the end as a reset."""
    received = b""
    try:
        while chunk := await reader.read(65_536):
            received += chunk
    except ConnectionError:
        pass
    return received


def status_of(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


async def test_a_body_that_does_not_come_in_time_is_408(server: RunningServer, world: World) -> None:
    begun = b"authorization: Bearer " + world.token("owner").encode() + b"\r\ncontent-length: 100000\r\n\r\n{"
    for drip in (b"", b" "):
        answer = await ended(server, POST + begun, drip)
        head, _, body = answer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
        assert b"\r\nconnection: close" in head
        assert b"The body of a request has to be there within 0.3 s." in body
        assert b'"code":"BAD_REQUEST"' in body
    # Nobody is counted as under way any more.
    assert [allowance._running for allowance in server.services.allowances._known.values()] == [0]


async def test_whoever_keeps_the_server_waiting_is_cut_off_and_a_socket_is_not(
    server: RunningServer, world: World
) -> None:
    async with open_socket(server.ws, world.token("owner")) as socket:
        silent, begun, dripping, blank, kept, unread = await asyncio.gather(
            ended(server, b""),
            ended(server, b"POST /graphql HTT"),
            ended(server, b"GET /livez HTTP/1.1\r\nx-slow: ", b"y"),
            ended(server, b"", b"\r\n"),
            # What was answered before may be kept alive, but not by this.
            ended(server, WHOLE, b"\r\n"),
            # Refused for its type before its body is there, which may go on for ever.
            ended(server, b"POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n\r\n", b"x"),
        )
        assert [silent, begun, dripping, blank] == [b""] * 4
        assert (status_of(kept), kept.endswith(b'{"data":{"__typename":"Query"}}')) == (200, True)
        assert status_of(unread) == 415
        await socket.subscribe(VIEWER)
        assert await socket.next() == {"data": {"viewer": {"role": "OWNER"}}}


async def test_a_head_that_is_too_large_is_431(server: RunningServer) -> None:
    async with (
        connected(server) as (reader, writer),
        httpx.AsyncClient() as http,
        asyncio.timeout(DEADLINE_S),
    ):
        # Those of a proper size are answered, however many come on one connection, and in however many parts.
        for _ in range(2):
            writer.write(b"GET /livez HTTP/1.1\r\nhost: x\r\nx-large: " + b"y" * 8000)
            # What was sent before is read before: then the server has seen the first part.
            assert (await http.get(server.http.replace("/graphql", "/livez"))).status_code == 200
            writer.write(b"\r\n\r\n")
            assert status_of(await reader.readuntil(b"\r\n")) == 200
            assert await reader.readuntil(b'{"status":"ok"}')
        writer.write(b"GET /livez HTTP/1.1\r\nhost: x\r\nx-large: " + b"y" * 9000)
        assert status_of(await reader.read()) == 431
