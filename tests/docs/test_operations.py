"""docs/operations.md is followed to the letter: a database is prepared, migrated, served, backed up and restored with its lines."""

import asyncio
import os
import re
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import click
import httpx
import pytest

from tests.docs.markdown import blocks, section, table
from tests.support.clients import Client
from tests.support.serving import running_server
from tests.support.world import World, build_world
from trailcast.cli import main
from trailcast.embedded import EmbeddedPostgres
from trailcast.embedded.binaries import find_binaries
from trailcast.ledger.database import driver_url
from trailcast.ledger.migrating import migrate
from trailcast.ledger.roles import ACCESS, OPERATOR, READER, VIEW_OWNER, WRITER
from trailcast.settings import Settings

PAGE = "docs/operations.md"
CHECKS = ("lifecycle", "database", "migrations", "roles", "writes", "doorbell")
READY = {"status": "ok", "checks": dict.fromkeys(CHECKS, "ok")}


@pytest.fixture
async def administrator(postgres: EmbeddedPostgres, templates: World) -> AsyncIterator[asyncpg.Connection]:
    """A superuser's connection to a cluster that already has the roles of the server (which outlive databases)."""
    connection = await asyncpg.connect(driver_url(postgres.url()))
    yield connection
    for name in ("trailcast", "restored"):
        await connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    await connection.execute("DROP ROLE IF EXISTS trailcast, trailcast_server")
    await connection.close()


def statements(number: int) -> list[str]:
    """Those of the page's first block of SQL, or of its second."""
    return blocks(PAGE, "sql")[number].text.strip().split("\n")


async def ready(url: str) -> object:
    async with running_server(Settings(database_url=url, port=0)) as server, httpx.AsyncClient() as client:
        return (await client.get(server.http.replace("/graphql", "/readyz"))).json()


async def prepare(administrator: asyncpg.Connection) -> None:
    """Run the documented statements, but for those whose roles this cluster has already."""
    made = [f"CREATE ROLE {role} NOLOGIN;" for role in (WRITER, READER, ACCESS, OPERATOR)]
    made.append(f"CREATE ROLE {VIEW_OWNER} NOLOGIN BYPASSRLS;")
    assert set(made) < set(statements(0))
    for statement in statements(0):
        if statement not in made:
            await administrator.execute(statement)


async def test_prepared_database_is_migrated_and_served_by_a_role_without_powers(
    administrator: asyncpg.Connection, postgres: EmbeddedPostgres
) -> None:
    await prepare(administrator)
    powers = "SELECT rolsuper OR rolcreaterole OR rolcreatedb OR rolbypassrls FROM pg_roles WHERE rolname = 'trailcast'"
    assert await administrator.fetchval(powers) is False
    url = postgres.url("trailcast", user="trailcast")
    await migrate(url)
    assert await ready(url) == READY


async def test_role_that_may_make_roles_needs_no_preparation_but_its_database(
    administrator: asyncpg.Connection, postgres: EmbeddedPostgres
) -> None:
    await administrator.execute("CREATE ROLE trailcast LOGIN CREATEROLE")
    roles = f"{WRITER}, {READER}, {ACCESS}, {OPERATOR}, {VIEW_OWNER}"
    await administrator.execute(f"GRANT {roles} TO trailcast WITH ADMIN TRUE, SET FALSE")
    await administrator.execute("CREATE DATABASE trailcast OWNER trailcast")
    url = postgres.url("trailcast", user="trailcast")
    await migrate(url)
    assert await ready(url) == READY


async def test_server_works_with_a_login_that_can_do_nothing_else(
    administrator: asyncpg.Connection, postgres: EmbeddedPostgres
) -> None:
    await prepare(administrator)
    await migrate(postgres.url("trailcast", user="trailcast"))
    world = await build_world(postgres.url("trailcast", user="trailcast"))
    for statement in statements(1):
        await administrator.execute(statement)
    url = postgres.url("trailcast", user="trailcast_server")
    assert await ready(url) == READY
    async with running_server(Settings(database_url=url, port=0)) as server, Client(server.http) as gql:
        logged = 'mutation { logActivity(input: {eventType: "a.b"}) { event { id } } }'
        event = (await gql.data(logged, token=world.token("owner")))["logActivity"]["event"]
        newest = await gql.data("{ activityEvents(first: 1) { nodes { id } } }", token=world.token("owner"))
        assert newest["activityEvents"]["nodes"] == [event]
    connection = await asyncpg.connect(driver_url(url))
    for beyond in ("SET ROLE trailcast_operator", "SET ROLE trailcast", "SELECT * FROM events", "DELETE FROM events"):
        if beyond.startswith("SELECT"):
            assert await connection.fetch(beyond) == []
            continue
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(beyond)
    await connection.close()


@pytest.mark.parametrize("word", ["sslmode", "ssl"])
async def test_url_says_how_to_use_tls_to_the_pools_and_to_the_doorbell(database_url: str, word: str) -> None:
    assert await ready(f"{database_url}&{word}=prefer") == READY


async def test_backup_is_restored_into_a_prepared_database(
    administrator: asyncpg.Connection, postgres: EmbeddedPostgres, tmp_path: Path
) -> None:
    await prepare(administrator)
    await administrator.execute("CREATE DATABASE restored OWNER trailcast")
    urls = [postgres.url(name, user="trailcast") for name in ("trailcast", "restored")]
    await migrate(urls[0])
    await build_world(urls[0])
    [dump] = [block.text for block in blocks(PAGE, "sh") if block.text.startswith("pg_dump")]
    [restore] = [block.text for block in blocks(PAGE, "sh") if block.text.startswith("pg_restore")]
    for line, url in zip((dump, restore), urls, strict=True):
        path = f"{find_binaries().directory}:{os.environ['PATH']}"
        environment = {**os.environ, "PATH": path, "TRAILCAST_DATABASE_URL": driver_url(url)}
        done = await asyncio.to_thread(
            subprocess.run,
            ["sh", "-c", line],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
    events = [await contents(url) for url in urls]
    assert events[0] == events[1] != []
    await migrate(urls[1])
    assert await ready(urls[1]) == READY


async def contents(url: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(driver_url(url))
    try:
        rows: list[asyncpg.Record] = await connection.fetch("SELECT * FROM events ORDER BY workspace_id, sequence")
        return rows
    finally:
        await connection.close()


def test_commands_are_those_that_there_are() -> None:
    listed = [
        re.findall(r"^`python -m trailcast ([a-z -]+[a-z])", row[0])[0] for row in table(section(PAGE, "Commands"))
    ]
    assert sorted(re.split(" --", command)[0] for command in listed) == sorted(_commands(main))


def test_options_that_are_named_exist() -> None:
    for row in table(section(PAGE, "Commands")):
        words = re.findall(r"^`python -m trailcast ([a-z -]+[a-z])", row[0])[0].split(" --")[0].split()
        command: click.Command = main
        for word in words:
            assert isinstance(command, click.Group)
            command = command.commands[word]
        known = {name for parameter in command.params for name in parameter.opts}
        assert set(re.findall(r"--[a-z-]+", " ".join(row))) - known == set()


def _commands(group: click.Group, *path: str) -> list[str]:
    found = []
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            found += _commands(command, *path, name)
        else:
            found.append(" ".join((*path, name)))
    return found
