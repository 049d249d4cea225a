"""Rings that say what is not so: whoever may speak on the channel can have a log looked at, and no more. The bell stays heard."""

import asyncpg
import pytest

from tests.ledger.drafts import last_sequence
from tests.live.parts import NEVER_MS
from tests.live.sockets import FOLLOW, say, until_waiting
from tests.support.clients import Client, open_socket
from tests.support.serving import RunningServer
from tests.support.world import World
from trailcast.settings import Settings


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """What comes, comes by the bell."""
    return settings.model_copy(update={"tick_ms": NEVER_MS})


async def test_a_ring_for_what_is_not_there_yet_silences_none_that_follows(
    gql: Client, server: RunningServer, world: World, owner: asyncpg.Connection
) -> None:
    end = await last_sequence(owner, world.acme)
    async with open_socket(server.ws, world.token("owner")) as socket:
        await socket.subscribe(FOLLOW)
        await until_waiting(server, 1)
        for ahead in (1, 1_000_000, 2**63 - 1, 10**30):
            await owner.execute("SELECT pg_notify('trailcast', $1)", f"log {world.acme} {end + ahead}")
            # Rings of this process and of others are heard in the order of their commits.
            for _ in range(2):
                await say(gql, world, "real")
                end += 1
                assert int((await socket.next())["data"]["activityLogged"]["sequence"]) == end


async def test_a_ring_that_nobody_understands_changes_nothing(
    gql: Client, server: RunningServer, world: World, owner: asyncpg.Connection
) -> None:
    async with open_socket(server.ws, world.token("owner")) as socket:
        await socket.subscribe(FOLLOW)
        await until_waiting(server, 1)
        for ring in (
            "",
            "log",
            "log x 1",
            f"log {world.acme} x",
            f"log {world.acme}",
            "access",
            "access x",
            "\n\n",
            "what",
        ):
            await owner.execute("SELECT pg_notify('trailcast', $1)", ring)
            await say(gql, world, ring)
            assert (await socket.next())["data"]["activityLogged"]["message"] == ring
