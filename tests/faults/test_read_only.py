"""A database that takes no writes: reads and feeds go on, writes are refused in plain words, /readyz says why, until it takes them."""

from pathlib import Path

import asyncpg
import pytest

from tests.faults.ailing import Scene, readiness
from tests.ledger.drafts import last_sequence
from tests.live.sockets import FOLLOW, cursor
from tests.support.clients import Client, open_socket
from tests.support.serving import running_server
from tests.support.waiting import until
from tests.support.world import World
from trailcast.ledger.database import driver_url

LOG = """
mutation { logActivity(input: {eventType: "a.said", message: "at last", idempotencyKey: "K"}) { event { sequence } replayed } }
"""
SYNC = 'mutation { syncDirectory(input: {boards: [{id: "%s", name: "New"}]}) { errors { code } } }'
READ = "{ activityEvents(first: 1) { nodes { sequence } } }"
REFUSED = "The log takes no writes at the moment; nothing was written: try again later, with the same idempotencyKey."


async def assert_reads_only(gql: Client, world: World, end: int) -> None:
    token = world.token("service")
    assert (await gql.data(READ, token=token))["activityEvents"]["nodes"] == [{"sequence": str(end)}]
    for document in (LOG, SYNC % world.id("new board")):
        answer = await gql(document, token=token)
        assert answer["data"] is None
        assert [(error["message"], error["extensions"]) for error in answer["errors"]] == [
            (REFUSED, {"code": "UNAVAILABLE"})
        ]
        assert gql.last.status_code == 503


async def test_a_standby_is_read_and_followed_and_written_as_soon_as_it_is_promoted(
    scene: Scene, tmp_path: Path
) -> None:
    settings, world, end = scene.settings, scene.world, scene.end
    async with scene.ailing.standby(tmp_path / "standby") as standby:
        there = settings.model_copy(update={"database_url": standby.url()})
        async with (
            running_server(settings) as primary,
            running_server(there) as server,
            Client(primary.http) as gql_primary,
            Client(server.http) as gql,
            open_socket(server.ws, world.token("owner")) as socket,
        ):
            await socket.subscribe(FOLLOW, {"after": cursor(world, end)})
            await assert_reads_only(gql, world, end)
            status, said, checks = await readiness(server)
            assert (status, said, checks["database"], checks["migrations"]) == (200, "degraded", "ok", "ok")
            assert checks["writes"] == "the database is read-only: it is a standby"
            # What the primary is told arrives here by its replication, and by the tick.
            await gql_primary.data('mutation { logActivity(input: {eventType: "a.said", message: "there"}) { replayed } }',
                                   token=world.token("service"))  # fmt: skip
            assert (await socket.next())["data"]["activityLogged"]["message"] == "there"
            connection = await asyncpg.connect(driver_url(standby.url()))
            assert await connection.fetchval("SELECT pg_promote()")
            await connection.close()

            async def takes_writes() -> bool:
                return "errors" not in await gql(LOG, token=world.token("service"))

            await until(takes_writes, deadline_s=5)
            assert (await gql.data(LOG, token=world.token("service")))["logActivity"] == {
                "event": {"sequence": str(end + 2)},
                "replayed": True,
            }
            assert (await socket.next())["data"]["activityLogged"]["message"] == "at last"

            async def is_ready() -> bool:
                return (await readiness(server))[:2] == (200, "ok")

            await until(is_ready)
    assert await last_sequence(scene.owner, world.acme) == end + 1


async def test_a_database_that_its_operator_made_read_only_is_not_written_to(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    ailing, world, owner, end = scene.ailing, scene.world, scene.owner, scene.end
    await ailing.execute("ALTER DATABASE postgres SET default_transaction_read_only = on")
    try:
        async with running_server(scene.settings) as server, Client(server.http) as gql:
            await assert_reads_only(gql, world, end)
            [line] = [message for message in caplog.messages if "25006" in message]
            assert line.startswith(
                "the database is read-only (25006): it is a standby (promote it, or name the primary"
            )
            status, said, checks = await readiness(server)
            assert (status, said, checks["writes"]) == (
                200, "degraded", "the database is read-only: default_transaction_read_only is on",
            )  # fmt: skip
    finally:
        await owner.execute("SET default_transaction_read_only = off")
        await owner.execute("ALTER DATABASE postgres RESET default_transaction_read_only")
    assert await last_sequence(owner, world.acme) == end
