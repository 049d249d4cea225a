"""The log cannot be changed or shortened: not by the role that the server works under, and not by the tables' owner."""

from collections.abc import AsyncIterator
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy import text

from tests.ledger.drafts import read_log
from tests.support.world import World
from trailcast.errors import Unavailable
from trailcast.ledger.database import Database
from trailcast.ledger.roles import WRITER

CHANGES = ("UPDATE events SET message = 'forged'", "DELETE FROM events", "TRUNCATE events")
NAMED_TABLES = ("workspaces", "projects", "boards", "users", "agents", "services", "tasks")


@pytest.fixture
async def application(owner: asyncpg.Connection) -> AsyncIterator[asyncpg.Connection]:
    """The owner's connection, acting as the role of the server."""
    await owner.execute(f"SET ROLE {WRITER}")
    yield owner
    await owner.execute("RESET ROLE")


async def test_the_owner_is_refused_by_the_trigger(owner: asyncpg.Connection, world: World) -> None:
    assert await owner.fetchval("SELECT rolsuper FROM pg_roles WHERE rolname = current_user") is True
    before = await read_log(owner, world.acme)
    for change in CHANGES:
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="on events is refused: the log is append-only"):
            await owner.execute(change)
    assert await read_log(owner, world.acme) == before


async def test_the_servers_role_is_refused_by_its_grants(application: asyncpg.Connection, world: World) -> None:
    before = await read_log(application, world.acme)
    for change in CHANGES:
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="permission denied for table events"):
            await application.execute(change)
    assert await read_log(application, world.acme) == before


async def test_what_events_may_name_is_kept(owner: asyncpg.Connection) -> None:
    for table in NAMED_TABLES:
        rows = await owner.fetchval(f"SELECT count(*) FROM {table}")
        for statement in (f"DELETE FROM {table}", f"TRUNCATE {table} CASCADE"):
            refused = f"on {table} is refused: mark the row deleted instead"
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match=refused):
                await owner.execute(statement)
        assert await owner.fetchval(f"SELECT count(*) FROM {table}") == rows


async def test_a_table_may_not_be_emptied_through_another(owner: asyncpg.Connection, world: World) -> None:
    before = await read_log(owner, world.acme)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await owner.execute("TRUNCATE workspaces, heads, events CASCADE")
    assert await read_log(owner, world.acme) == before


async def test_a_reading_connection_refuses_to_write(database: Database, world: World) -> None:
    with pytest.raises(Unavailable):
        async with database.reading(UUID(world.acme)) as connection:
            await connection.execute(text("UPDATE heads SET last_sequence = 0"))


async def test_no_trigger_of_the_log_is_switched_off(owner: asyncpg.Connection) -> None:
    rows = await owner.fetch(
        "SELECT tgrelid::regclass::text AS place, tgname, tgenabled::text FROM pg_trigger WHERE NOT tgisinternal"
    )
    kept = {("events", "append_only")} | {(table, "keep_names") for table in NAMED_TABLES}
    assert kept <= {(row["place"], row["tgname"]) for row in rows}
    assert {row["tgenabled"] for row in rows} == {"O"}
