"""The log cannot be changed or shortened: not by the role that the server works under, and not by the tables' owner."""

from collections.abc import AsyncIterator

import asyncpg
import pytest
from sqlalchemy import text

from tests.ledger.drafts import read_log
from tests.support.clients import Client
from tests.support.serving import RunningServer
from tests.support.world import World
from trailcast.errors import Unavailable
from trailcast.ledger.database import APPLICATION_ROLE, Database

CHANGES = ("UPDATE events SET message = 'forged'", "DELETE FROM events", "TRUNCATE events")
NAMED_TABLES = ("workspaces", "projects", "boards", "users", "agents", "services", "tasks")
PRIVILEGES = """
    SELECT privilege_type FROM information_schema.role_table_grants WHERE grantee = $1 AND table_name = $2
    UNION SELECT privilege FROM unnest(ARRAY['UPDATE', 'DELETE', 'TRUNCATE', 'TRIGGER', 'REFERENCES']) AS privilege
    WHERE has_table_privilege($1, $2, privilege)
"""


@pytest.fixture
async def application(owner: asyncpg.Connection) -> AsyncIterator[asyncpg.Connection]:
    """The owner's connection, acting as the role of the server."""
    await owner.execute(f"SET ROLE {APPLICATION_ROLE}")
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


async def test_the_servers_role_may_insert_and_read_events_and_nothing_more(owner: asyncpg.Connection) -> None:
    async def privileges(table: str) -> set[str]:
        return {row["privilege_type"] for row in await owner.fetch(PRIVILEGES, APPLICATION_ROLE, table)}

    assert await privileges("events") == {"SELECT", "INSERT"}
    for table in (*NAMED_TABLES, "heads", "credentials"):
        assert await privileges(table) == {"SELECT", "INSERT", "UPDATE"}, table
    for table in ("memberships", "board_grants"):
        assert await privileges(table) == {"SELECT", "INSERT", "UPDATE", "DELETE"}, table
    assert await privileges("alembic_version") == {"SELECT"}


async def test_the_servers_role_is_nothing_special(owner: asyncpg.Connection) -> None:
    row = await owner.fetchrow("SELECT * FROM pg_roles WHERE rolname = $1", APPLICATION_ROLE)
    assert row is not None
    powers = ("rolsuper", "rolcreaterole", "rolcreatedb", "rolcanlogin", "rolreplication", "rolbypassrls")
    assert {name: row[name] for name in powers} == dict.fromkeys(powers, False)
    owned = "SELECT count(*) FROM pg_class WHERE relowner = $1::regrole"
    assert await owner.fetchval(owned, APPLICATION_ROLE) == 0
    assert await owner.fetchval("SELECT has_schema_privilege($1, 'public', 'CREATE')", APPLICATION_ROLE) is False


async def test_every_connection_of_a_running_server_works_under_that_role(
    gql: Client, server: RunningServer, world: World
) -> None:
    await gql.data('mutation { logActivity(input: {eventType: "a.b"}) { event { id } } }', token=world.token("bot"))
    asked = text("SELECT current_user::text, session_user::text, current_setting('default_transaction_read_only')")
    async with server.database.reading() as reader, server.database.writing() as writer:
        assert tuple((await reader.execute(asked)).one()) == (APPLICATION_ROLE, "postgres", "on")
        assert tuple((await writer.execute(asked)).one()) == (APPLICATION_ROLE, "postgres", "off")


async def test_a_reading_connection_refuses_to_write(database: Database) -> None:
    with pytest.raises(Unavailable):
        async with database.reading() as connection:
            await connection.execute(text("UPDATE heads SET last_sequence = 0"))


async def test_no_trigger_of_the_log_is_switched_off(owner: asyncpg.Connection) -> None:
    rows = await owner.fetch(
        "SELECT tgrelid::regclass::text AS place, tgname, tgenabled::text FROM pg_trigger WHERE NOT tgisinternal"
    )
    kept = {("events", "append_only")} | {(table, "keep_names") for table in NAMED_TABLES}
    assert kept <= {(row["place"], row["tgname"]) for row in rows}
    assert {row["tgenabled"] for row in rows} == {"O"}
