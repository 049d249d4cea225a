"""Migrations: they lead to the models, go down and up on data, wait for each other, and know where they are."""

import ast
import asyncio
import re
import sys
from pathlib import Path

import asyncpg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine

from models import metadata
from tests.support.waiting import until
from tests.support.world import World, build_world
from trailcast.embedded import EmbeddedPostgres
from trailcast.ledger.database import async_url, driver_url
from trailcast.ledger.migrating import configuration, migrate
from trailcast.ledger.revisions import current_revision, newest_revision

SCRIPTS = ScriptDirectory.from_config(configuration())
REVISIONS = [script.revision for script in SCRIPTS.walk_revisions()][::-1]
ROOT = Path(SCRIPTS.dir).parent
[LOCK] = re.findall(r"^ADVISORY_LOCK = ([\d_]+)", (ROOT / "migrations/env.py").read_text(), re.MULTILINE)
ADVISORY_LOCK = int(LOCK.replace("_", ""))
CATALOGUE = """
    SELECT 'column ' || table_name || '.' || column_name || ' ' || data_type || ' ' || is_nullable || ' '
           || coalesce(column_default, '') || coalesce(collation_name, '')
    FROM information_schema.columns NATURAL JOIN information_schema.tables
    WHERE table_schema = 'public' AND table_type = 'BASE TABLE'
    UNION ALL SELECT 'index ' || indexdef FROM pg_indexes WHERE schemaname = 'public'
    UNION ALL SELECT 'constraint ' || conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid)
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace
    UNION ALL SELECT 'trigger ' || pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
    UNION ALL SELECT 'function ' || pg_get_functiondef(oid) FROM pg_proc
    WHERE pronamespace = 'public'::regnamespace AND prolang <> (SELECT oid FROM pg_language WHERE lanname = 'c')
    UNION ALL SELECT 'grant ' || table_name || ' ' || grantee || ' ' || privilege_type
    FROM information_schema.role_table_grants WHERE table_schema = 'public'
    UNION ALL SELECT 'grant ' || attrelid::regclass || '.' || attname || ' ' || attacl::text
    FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
    WHERE attacl IS NOT NULL AND relnamespace = 'public'::regnamespace
    UNION ALL SELECT 'view ' || schemaname || '.' || viewname || ' ' || viewowner || ' ' || definition FROM pg_views
    WHERE schemaname IN ('public', 'trailcast_read')
    UNION ALL SELECT 'policy ' || concat_ws(' ', tablename, policyname, permissive, roles, cmd, qual, with_check) FROM pg_policies
    UNION ALL SELECT 'row security ' || relname || ' ' || relforcerowsecurity FROM pg_class WHERE relrowsecurity
    UNION ALL SELECT 'option ' || relname || ' ' || unnest(reloptions) FROM pg_class WHERE relnamespace = 'public'::regnamespace
    ORDER BY 1
"""


async def catalogue(url: str) -> list[str]:
    """Everything that the migrations made in a database, as PostgreSQL describes it."""
    connection = await asyncpg.connect(driver_url(url))
    try:
        return [row[0] for row in await connection.fetch(CATALOGUE)]
    finally:
        await connection.close()


async def bare_database(postgres: EmbeddedPostgres, name: str) -> str:
    """A database in which nothing was migrated yet."""
    connection = await asyncpg.connect(driver_url(postgres.url()))
    try:
        await connection.execute(f'CREATE DATABASE "{name}"')
    finally:
        await connection.close()
    return postgres.url(name)


async def test_the_migrations_lead_to_the_models(empty_database_url: str) -> None:
    def differences(connection: Connection) -> list[object]:
        options = {"compare_type": True, "compare_server_default": True}
        found: list[object] = compare_metadata(MigrationContext.configure(connection, opts=options), metadata)
        return found

    engine = create_async_engine(async_url(empty_database_url))
    try:
        async with engine.connect() as connection:
            assert await connection.run_sync(differences) == []
    finally:
        await engine.dispose()


async def test_the_comparison_sees_what_it_should(empty_database_url: str) -> None:
    """The test above is worth what the comparison notices: a column, an index, a default that somebody changed."""
    connection = await asyncpg.connect(driver_url(empty_database_url))
    await connection.execute("ALTER TABLE boards ADD COLUMN colour text")
    await connection.execute("ALTER TABLE users ALTER COLUMN name DROP DEFAULT")
    await connection.execute("DROP INDEX events_comments_task_idx")
    await connection.close()
    with pytest.raises(AssertionError):
        await test_the_migrations_lead_to_the_models(empty_database_url)


async def test_constraints_of_models_and_migrations_are_the_same(
    empty_database_url: str, postgres: EmbeddedPostgres
) -> None:
    """What the comparison of Alembic does not see: checks and the exact text of indexes, made from the models and compared."""
    url = await bare_database(postgres, "made_from_models")
    engine = create_async_engine(async_url(url))
    try:
        async with engine.begin() as connection:
            for extension in ("pg_trgm", "btree_gin"):
                await connection.exec_driver_sql(f"CREATE EXTENSION {extension}")
            await connection.run_sync(metadata.create_all)
    finally:
        await engine.dispose()
    assert _tables(await catalogue(url)) == _tables(await catalogue(empty_database_url))


def _tables(lines: list[str]) -> list[str]:
    """What of a catalogue the models speak of."""
    return [
        line
        for line in lines
        if line.startswith(("column ", "index ", "constraint ")) and "alembic_version" not in line
    ]


@pytest.mark.parametrize("revision", ["base", *REVISIONS[:-1]])
async def test_every_migration_goes_down_and_up_again_on_data(database_url: str, revision: str) -> None:
    before = await catalogue(database_url)
    await migrate(database_url, revision)
    assert await current_revision(database_url) == (None if revision == "base" else revision)
    await migrate(database_url)
    assert await current_revision(database_url) == newest_revision()
    assert await catalogue(database_url) == before


async def test_nothing_of_ours_is_left_at_the_base_and_the_world_can_be_built_again(
    database_url: str, world: World
) -> None:
    await migrate(database_url, "base")
    kept = {line for line in await catalogue(database_url) if "alembic_version" not in line}
    assert kept == set()
    await migrate(database_url)
    again = await build_world(database_url)
    assert (again.acme, again.globex, again.events.keys()) == (world.acme, world.globex, world.events.keys())


async def test_autovacuum_follows_the_log_in_steps_that_do_not_grow_with_it(empty_database_url: str) -> None:
    options = [line for line in await catalogue(empty_database_url) if line.startswith("option ")]
    assert options == [
        "option events autovacuum_vacuum_insert_scale_factor=0",
        "option events autovacuum_vacuum_insert_threshold=100000",
    ]


async def test_migrating_twice_changes_nothing(database_url: str) -> None:
    before = await catalogue(database_url)
    await migrate(database_url)
    assert await catalogue(database_url) == before


async def test_indexes_that_were_built_beforehand_are_kept(database_url: str) -> None:
    """As docs/operations.md shows it, with writers going on."""
    built = re.findall(r"^CREATE INDEX CONCURRENTLY .*;$", (ROOT / "docs/operations.md").read_text(), re.MULTILINE)
    assert len(built) == 3
    before = await catalogue(database_url)
    await migrate(database_url, "0006")
    connection = await asyncpg.connect(driver_url(database_url))
    try:
        for statement in built:
            await connection.execute(statement)
    finally:
        await connection.close()
    await migrate(database_url)
    assert await catalogue(database_url) == before


async def start_migrating(url: str) -> asyncio.subprocess.Process:
    """A process of its own that migrates, as each server does at its start."""
    program = "import asyncio, sys; from trailcast.ledger.migrating import migrate; asyncio.run(migrate(sys.argv[1]))"
    return await asyncio.create_subprocess_exec(sys.executable, "-c", program, url, cwd=ROOT)


async def test_processes_that_migrate_at_once_wait_for_each_other(postgres: EmbeddedPostgres) -> None:
    url = await bare_database(postgres, "migrated_at_once")
    connection = await asyncpg.connect(driver_url(url))
    waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = $1 AND NOT granted"

    async def both_wait() -> bool:
        return bool(await connection.fetchval(waiting, ADVISORY_LOCK % 2**32) == 2)

    try:
        async with connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock($1)", ADVISORY_LOCK)
            processes = [await start_migrating(url) for _ in range(2)]
            await until(both_wait)
            assert await catalogue(url) == []
        assert [await process.wait() for process in processes] == [0, 0]
    finally:
        await connection.close()
    assert await current_revision(url) == newest_revision()


async def test_a_database_that_was_never_migrated_has_no_revision(postgres: EmbeddedPostgres) -> None:
    url = await bare_database(postgres, "never_migrated")
    assert await current_revision(url) is None
    assert newest_revision() == REVISIONS[-1]


def test_revisions_are_one_line_numbered_in_their_order() -> None:
    assert [f"{number:04d}" for number in range(1, len(REVISIONS) + 1)] == REVISIONS
    files = sorted(Path(SCRIPTS.versions).glob("*.py"))
    assert [file.name[:4] for file in files] == REVISIONS
    assert all(ast.get_docstring(ast.parse(file.read_text())) for file in files)


async def test_tokens_from_before_scopes_may_do_what_they_could(database_url: str, world: World) -> None:
    await migrate(database_url, "0002")
    await migrate(database_url)
    connection = await asyncpg.connect(driver_url(database_url))
    try:
        found = await connection.fetch("SELECT DISTINCT kind, scopes FROM credentials ORDER BY kind")
    finally:
        await connection.close()
    assert [tuple(row) for row in found] == [
        ("AGENT", ["read", "write"]),
        ("SERVICE", ["read", "write", "directory"]),
        ("USER", ["read", "write"]),
    ]
