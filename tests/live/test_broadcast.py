"""Two servers and the doorbell between them, over each server that may carry it, and over none: from a mutation to a subscriber."""

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from uuid import UUID

import httpx
import pytest
from websockets import ConnectionClosed

from tests.access.effects import connected
from tests.ledger.drafts import last_sequence
from tests.live.brokers import Broker, brokers
from tests.support.clients import Client, Socket, open_socket
from tests.support.serving import RunningServer, running_server
from tests.support.world import World
from trailcast.access.tokens import parse_token
from trailcast.ledger.admin import revoke_token
from trailcast.ledger.cursor import encode_sequence
from trailcast.settings import Settings

__all__ = ["brokers"]

NEVER_MS = 60_000
FOLLOW = "subscription ($after: String!) { activityLogged(after: $after) { message } }"
LOG = "mutation ($input: LogActivityInput!) { logActivity(input: $input) { errors { code } } }"
MESSAGES = ["one", "two", "three"]


@asynccontextmanager
async def reading(server: RunningServer, world: World) -> AsyncIterator[Socket]:
    """A socket on which Acme's events arrive that are logged from now on."""
    async with connected(server) as connection:
        end = await last_sequence(connection, world.acme)
    async with open_socket(server.ws, world.token("owner")) as socket:
        await socket.subscribe(FOLLOW, {"after": encode_sequence(UUID(world.acme), end)})
        yield socket


async def say(server: RunningServer, world: World, message: str) -> None:
    async with Client(server.http) as client:
        given = {"eventType": "a.said", "message": message}
        data = await client.data(LOG, {"input": given}, token=world.token("service"))
    assert data == {"logActivity": {"errors": []}}


async def carried(here: RunningServer, there: RunningServer, world: World) -> list[str]:
    """What a subscriber there receives, message by message, of what is logged here: none is said before the last has come."""
    received = []
    async with reading(there, world) as socket:
        for message in MESSAGES:
            await say(here, world, message)
            received.append((await socket.next())["data"]["activityLogged"]["message"])
    return received


async def doorbell_of(server: RunningServer) -> tuple[int, str]:
    async with httpx.AsyncClient() as client:
        response = await client.get(server.http.removesuffix("/graphql") + "/readyz")
    return response.status_code, response.json()["checks"]["doorbell"]


@pytest.mark.parametrize("kind", ["postgresql", "redis", "nats"])
async def test_what_is_logged_at_one_server_reaches_the_readers_of_another_by_the_bell_alone(
    settings: Settings, world: World, brokers: dict[str, Broker], kind: str
) -> None:
    broker = brokers.get(kind)
    if broker is not None:
        await asyncio.to_thread(broker.start)
    ringing = settings.model_copy(update={"tick_ms": NEVER_MS, "broadcast_url": None if broker is None else broker.url})
    async with running_server(ringing) as here, running_server(ringing) as there:
        assert await doorbell_of(there) == (200, "ok")
        assert await carried(here, there, world) == MESSAGES


async def test_access_that_ends_is_heard_from_the_database_where_another_bell_carries_the_logs(
    settings: Settings, world: World, brokers: dict[str, Broker]
) -> None:
    await asyncio.to_thread(brokers["redis"].start)
    ringing = settings.model_copy(update={"tick_ms": NEVER_MS, "broadcast_url": brokers["redis"].url})
    async with running_server(ringing) as server, reading(server, world) as socket:
        await say(server, world, "before")
        assert (await socket.next())["data"]["activityLogged"]["message"] == "before"
        token = parse_token(world.token("owner"))
        assert token is not None
        async with server.database.operating() as connection:
            await revoke_token(connection, token.public_id)
        with contextlib.suppress(ConnectionClosed):
            assert "UNAUTHENTICATED" in str(await socket.receive())


@pytest.fixture
def nowhere() -> Iterator[str]:
    """A port that is taken, so that nobody else has it, and at which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{taken.getsockname()[1]}"


@pytest.mark.parametrize("bell", ["redis: Redis (ConnectionError)", "nats: NATS (ConnectionRefusedError)"])
async def test_with_the_bell_dead_the_tick_delivers_and_the_probe_and_one_line_say_so(
    settings: Settings, world: World, nowhere: str, caplog: pytest.LogCaptureFixture, bell: str
) -> None:
    scheme, name, error = bell.replace(":", "").split()
    caplog.set_level(logging.INFO, "trailcast.live")
    dead = settings.model_copy(update={"tick_ms": 200, "broadcast_url": f"{scheme}://{nowhere}"})
    async with running_server(dead) as here, running_server(dead) as there:
        assert await carried(here, there, world) == MESSAGES
        assert await doorbell_of(there) == (200, f"{name}'s is not connected; feeds go by the tick")
    said = [record.getMessage() for record in caplog.records if record.name.startswith("trailcast")]
    # Each of the two servers, once.
    assert said == [f"{name}'s doorbell is not connected {error}; feeds go by the tick until it is"] * 2
