"""What PostgreSQL's own catalogue says of every table, view, role and grant; where it says otherwise, nothing is served."""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from tests.acceptance.processes import ROOT, ServerProcess
from tests.support.world import World
from trailcast.ledger.database import Database, async_url
from trailcast.ledger.migrating import migrate
from trailcast.ledger.roles import ACCESS, OPERATOR, READER, READER_SCHEMA, VIEW_OWNER, WORKSPACES, WRITER, find_fault

WORKERS = (READER, WRITER, ACCESS, OPERATOR)
READ, WRITE = frozenset({"SELECT"}), frozenset({"SELECT", "INSERT", "UPDATE"})
NAMED = ("projects", "boards", "users", "agents", "tasks")
# Table by table, what each role may do. Whoever is not named may do nothing.
GRANTS: dict[str, dict[str, frozenset[str]]] = {
    "events": {WRITER: frozenset({"SELECT", "INSERT"}), VIEW_OWNER: READ},
    "heads": {READER: READ, WRITER: frozenset({"SELECT", "UPDATE"}), ACCESS: READ, OPERATOR: WRITE},
    "workspaces": {READER: READ, WRITER: READ, ACCESS: READ, OPERATOR: WRITE},
    "services": {READER: READ, WRITER: READ, ACCESS: READ, OPERATOR: WRITE},
    "credentials": {ACCESS: READ, OPERATOR: WRITE},
    "memberships": {WRITER: WRITE | {"DELETE"}, ACCESS: READ, OPERATOR: WRITE | {"DELETE"}},
    "board_grants": {WRITER: WRITE | {"DELETE"}, ACCESS: READ, OPERATOR: WRITE | {"DELETE"}},
    **{table: {READER: READ, WRITER: WRITE, OPERATOR: WRITE} for table in ("projects", "boards", "tasks")},
    **{table: {READER: READ, WRITER: WRITE, ACCESS: READ, OPERATOR: WRITE} for table in ("users", "agents")},
    "rollups": {READER: READ, WRITER: WRITE},
    "rollup_marks": {READER: READ, WRITER: WRITE, ACCESS: READ},
    "alembic_version": {ACCESS: READ},
    f"{READER_SCHEMA}.events": {READER: READ},
}
# What each policy lets pass, in the words of its expression: one workspace, those of the transaction, or all.
PASSES = {"reader": READER, "writer": WRITER, "access": ACCESS, "operator": OPERATOR, "view": VIEW_OWNER}


async def test_every_table_has_row_level_security_that_binds_its_owner_too(owner: asyncpg.Connection) -> None:
    rows = await owner.fetch(
        "SELECT oid::regclass::text AS name, relkind::text, relrowsecurity AND relforcerowsecurity AS bound FROM pg_class"
        " WHERE relkind IN ('r', 'p', 'v', 'm', 'f') AND relnamespace::regnamespace::text IN ('public', $1)",
        READER_SCHEMA,
    )
    assert {row["name"] for row in rows} == set(GRANTS)
    assert {row["name"] for row in rows if not row["bound"]} == {"alembic_version", f"{READER_SCHEMA}.events"}
    assert {row["name"] for row in rows if row["relkind"] != "r"} == {f"{READER_SCHEMA}.events"}


async def test_every_grant_is_one_of_those_listed(owner: asyncpg.Connection) -> None:
    rows = await owner.fetch(
        "SELECT oid::regclass::text AS name, pg_get_userbyid(grantee) AS role, privilege_type FROM pg_class,"
        " aclexplode(relacl) WHERE relnamespace::regnamespace::text IN ('public', $1) AND grantee <> relowner AND relkind <> 'i'",
        READER_SCHEMA,
    )
    found: dict[str, dict[str, set[str]]] = {table: {} for table in GRANTS}
    for row in rows:
        found[row["name"]].setdefault(row["role"], set()).add(row["privilege_type"])
    assert found == GRANTS
    columns = await owner.fetch(
        "SELECT attrelid::regclass::text, attname, pg_get_userbyid(grantee), privilege_type FROM pg_attribute,"
        " aclexplode(attacl) WHERE attrelid::regclass::text = ANY ($1)",
        list(GRANTS),
    )
    assert [tuple(row) for row in columns] == [("credentials", "last_used_at", ACCESS, "UPDATE")]
    functions = "SELECT proname FROM pg_proc WHERE prosecdef AND pronamespace = 'public'::regnamespace"
    assert await owner.fetch(functions) == []


async def test_every_policy_names_its_role_and_what_it_lets_pass(owner: asyncpg.Connection) -> None:
    for row in await owner.fetch("SELECT *, coalesce(qual, '') AS lets FROM pg_policies"):
        assert row["roles"] == [PASSES[row["policyname"]]]
        assert row["with_check"] is None, "what may be seen is what may be written"
        expected = {
            READER: "workspace_id = ( SELECT (NULLIF(current_setting('trailcast.workspaces'::text, true), ''::text))::uuid",
            WRITER: "workspace_id = ANY (( SELECT (string_to_array(NULLIF(current_setting('trailcast.workspaces'::text, true)",
        }.get(row["roles"][0], "true")
        column = "id" if row["tablename"] == "workspaces" else "workspace_id"
        assert row["lets"].lstrip("(").startswith(expected.replace("workspace_id", column, 1)), row


async def test_every_unique_key_starts_with_the_workspace(owner: asyncpg.Connection) -> None:
    """Else a value that is refused for being taken would tell that somebody of another workspace has it. Ids of tokens and of
    workspaces are random and are nobody's to choose."""
    rows = await owner.fetch(
        "SELECT indexrelid::regclass::text AS key, attname AS first FROM pg_index JOIN pg_attribute ON attrelid = indrelid"
        " AND attnum = indkey[0] WHERE indisunique AND indrelid::regclass::text = ANY ($1)",
        list(GRANTS),
    )
    others = {"credentials_pkey": "id", "workspaces_pkey": "id", "alembic_version_pkc": "version_num"}
    assert len(rows) > len(others) + 10
    assert {row["key"]: row["first"] for row in rows if row["first"] != "workspace_id"} == others


async def test_no_role_is_anything_special(owner: asyncpg.Connection) -> None:
    rows = await owner.fetch("SELECT * FROM pg_roles WHERE rolname = ANY ($1)", [*WORKERS, VIEW_OWNER])
    assert len(rows) == 5
    for row in rows:
        powers = ("rolsuper", "rolcreaterole", "rolcreatedb", "rolcanlogin", "rolreplication")
        assert {name: row[name] for name in powers} == dict.fromkeys(powers, False)
        assert row["rolbypassrls"] is (row["rolname"] == VIEW_OWNER)
    owned = "SELECT relname FROM pg_class WHERE pg_get_userbyid(relowner) = ANY ($1)"
    assert [row["relname"] for row in await owner.fetch(owned, [*WORKERS, VIEW_OWNER])] == ["events"]
    create = (
        "SELECT count(*) FROM unnest($1::text[]) AS r, pg_namespace AS n WHERE has_schema_privilege(r, n.oid, 'CREATE')"
    )
    assert await owner.fetchval(create, [*WORKERS, VIEW_OWNER]) == 0


@asynccontextmanager
async def acting(owner: asyncpg.Connection, role: str) -> AsyncIterator[None]:
    await owner.execute(f"SET ROLE {role}")
    if role == READER:
        await owner.execute(f"SET search_path = {READER_SCHEMA}, public")
    try:
        yield
    finally:
        await owner.execute("RESET ROLE; RESET search_path")


@pytest.mark.parametrize("role", [READER, WRITER])
async def test_a_transaction_that_names_no_workspace_sees_no_row(
    owner: asyncpg.Connection, world: World, role: str
) -> None:
    """Before any transaction has named one, and after one has: then the setting is empty, and not unset."""
    tables = [table for table, roles in GRANTS.items() if role in roles and "." not in table]
    tables += ["events"] * (role == READER)
    async with acting(owner, role):
        for _ in range(2):
            for table in tables:
                assert await owner.fetchval(f"SELECT count(*) FROM {table}") == 0, table
            async with owner.transaction():
                await owner.execute(f"SET LOCAL {WORKSPACES} = '{world.globex}'")
                for table in tables:
                    home = "id" if table == "workspaces" else "workspace_id"
                    homes = await owner.fetch(f"SELECT DISTINCT {home} FROM {table}")
                    assert [row[0] for row in homes] in ([UUID(world.globex)], []), table
            assert await owner.fetchval(f"SELECT current_setting('{WORKSPACES}', true)") == ""


async def test_a_writer_cannot_write_where_it_did_not_say_that_it_would(
    owner: asyncpg.Connection, world: World
) -> None:
    async with acting(owner, WRITER), owner.transaction():
        await owner.execute(f"SET LOCAL {WORKSPACES} = '{world.acme}'")
        for statement in (
            "INSERT INTO boards (workspace_id, id, name) VALUES ($1, gen_random_uuid(), 'B')",
            "UPDATE boards SET workspace_id = $1",
            "INSERT INTO heads (workspace_id) VALUES ($1)",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match=r"row-level security|permission denied"):
                async with owner.transaction():
                    await owner.execute(statement, UUID(world.globex))
        assert (
            await owner.execute("UPDATE heads SET last_sequence = 0 WHERE workspace_id = $1", UUID(world.globex))
            == "UPDATE 0"
        )


async def test_each_pool_works_under_its_role(database: Database, world: World) -> None:
    acme = UUID(world.acme)
    asked = text(
        "SELECT current_user::text, current_setting('default_transaction_read_only'), current_setting(:name, true)"
    )
    seen = []
    for lending in (database.reading(acme), database.writing([acme]), database.looking_up(), database.operating()):
        async with lending as connection:
            seen.append(tuple((await connection.execute(asked, {"name": WORKSPACES})).one()))
    assert [(role, read_only) for role, read_only, _ in seen] == [
        (READER, "on"), (WRITER, "off"), (ACCESS, "off"), (OPERATOR, "off"),
    ]  # fmt: skip
    assert [workspaces for *_, workspaces in seen][:2] == [world.acme, world.acme]
    assert not any(workspaces for *_, workspaces in seen[2:])


# How a wall can be taken down by a careless statement, how it is put up again, and what the server says of it.
FAULTS = {
    "security switched off": ("ALTER TABLE boards DISABLE ROW LEVEL SECURITY", "row-level security of boards is off"),
    "not forced": ("ALTER TABLE events NO FORCE ROW LEVEL SECURITY", "row-level security of events is off"),
    "a new table": ("CREATE TABLE notes (workspace_id uuid)", "row-level security of notes is off"),
    "a policy for all": ("CREATE POLICY open ON tasks USING (true)", "policy open of tasks lets more pass"),
    "update granted": (f"GRANT UPDATE (message) ON events TO {WRITER}", f"role {WRITER} may change or remove events"),
    "truncate granted": (f"GRANT TRUNCATE ON events TO {WRITER}", f"role {WRITER} may change or remove events"),
    "a table owned": (f"ALTER TABLE tasks OWNER TO {WRITER}", f"role {WRITER} owns tasks"),
    "the view opened": (
        f"CREATE OR REPLACE VIEW {READER_SCHEMA}.events AS SELECT * FROM public.events",
        f"view {READER_SCHEMA}.events is missing, or another",
    ),
    "the view taken": (f"ALTER VIEW {READER_SCHEMA}.events OWNER TO postgres", f"{VIEW_OWNER} does not own it"),
    "superuser": (f"ALTER ROLE {READER} SUPERUSER", f"role {READER} is one that row-level security does not bind"),
    "bypass": (f"ALTER ROLE {WRITER} BYPASSRLS", f"role {WRITER} is one that row-level security does not bind"),
    "membership": (f"GRANT {ACCESS} TO {READER}", f"role {READER} is a member of {ACCESS}"),
}  # fmt: skip


@pytest.mark.parametrize("how", FAULTS)
async def test_every_way_to_take_a_wall_down_is_noticed(database_url: str, how: str) -> None:
    """In a transaction that is rolled back: roles are the whole cluster's, which other tests use."""
    statement, sentence = FAULTS[how]
    engine = create_async_engine(async_url(database_url))
    try:
        async with engine.connect() as connection:
            assert await find_fault(connection) is None
            await connection.execute(text(statement))
            assert sentence in str(await find_fault(connection))
            await connection.rollback()
    finally:
        await engine.dispose()


async def test_a_server_does_not_start_on_a_database_whose_walls_are_down(
    owner: asyncpg.Connection, database_url: str
) -> None:
    await owner.execute(f"ALTER VIEW {READER_SCHEMA}.events OWNER TO postgres")
    environment = {**os.environ, "TRAILCAST_DATABASE_URL": database_url, "PORT": "0"}
    server = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "trailcast", "serve", cwd=ROOT, env=environment, stdout=PIPE, stderr=PIPE
    )
    async with asyncio.timeout(30):
        said, complained = await server.communicate()
    assert (server.returncode, said) == (2, b"")
    [sentence] = complained.decode().splitlines()
    assert sentence.startswith(
        "The database does not keep workspaces apart (view trailcast_read.events is missing, or another, or"
    )
    assert "python -m trailcast migrate" in sentence
    # As after a restored dump, whose owner is whoever restored it: `migrate` gives it back.
    await migrate(database_url)
    healed = ServerProcess(database_url)
    await healed.start()
    await healed.kill()
