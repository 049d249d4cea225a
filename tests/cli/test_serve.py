"""`serve`: with one process and with several, and how it ends, however it is ended."""

import asyncio
import json
import os
import signal
from pathlib import Path

import asyncpg
import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.cli.conftest import Call, Launch, Seed, ask, wait_until
from tests.support.clients import open_socket
from trailcast.cli import serving
from trailcast.cli.serving import endpoint, listening, serve
from trailcast.cli.stopping import until_stopped
from trailcast.embedded import EmbeddedPostgres
from trailcast.ledger.database import driver_url
from trailcast.ledger.revisions import newest_revision
from trailcast.settings import Settings

WHO = "{ viewer { actor { name } } }"
INT, TERM = signal.SIGINT, signal.SIGTERM


@pytest.mark.parametrize(
    ("signals", "group"),
    [((TERM,), False), ((INT, INT, TERM, INT), True)],
    ids=["SIGTERM", "an impatient Ctrl-C"],
)
def test_every_wish_to_stop_is_a_clean_end(
    launch: Launch, loaded: Path, signals: tuple[signal.Signals, ...], *, group: bool
) -> None:
    command = launch("serve", data_dir=loaded)
    command.wait_for("Application startup complete")
    for number in signals:
        command.signal(number, group=group)
    assert command.exit_code() == 0
    command.wait_until_nothing_is_left()
    assert "Traceback" not in command.messages


def test_stop_before_the_server_is_up_is_clean_too(launch: Launch, loaded: Path) -> None:
    command = launch("serve", "--workers", "2", data_dir=loaded)
    command.wait_for("Starting PostgreSQL")
    command.stop()


def test_two_workers_serve_and_stop_clean(launch: Launch, loaded: Path, seed: Seed) -> None:
    command = launch("serve", "--workers", "2", data_dir=loaded, TRAILCAST_LOG_LEVEL="debug")
    address = command.line("Serving ")
    wait_until(lambda: command.messages.count("Application startup complete") == 2)
    tokens = seed.handout["workspaces"][0]["tokens"]
    assert ask(address, tokens["owner"], WHO) == {"viewer": {"actor": {"name": "Ingrid Solheim"}}}

    async def connect() -> None:
        async with open_socket(address.replace("http:", "ws:"), tokens["owner"]):
            pass

    asyncio.run(connect())
    command.stop()
    for token in tokens.values():  # not even at the most talkative level
        assert token not in command.messages + command.output


def test_killed_supervisor_leaves_neither_workers_nor_postgres(launch: Launch, loaded: Path) -> None:
    command = launch("serve", "--workers", "2", data_dir=loaded)
    wait_until(lambda: command.messages.count("Application startup complete") == 2)
    os.kill(command.process.pid, signal.SIGKILL)
    assert command.exit_code() == -signal.SIGKILL
    command.wait_until_nothing_is_left()
    assert "Traceback" not in command.messages


def test_two_servers_share_one_embedded_postgres(launch: Launch, loaded: Path, seed: Seed) -> None:
    owner, other = (launch("serve", data_dir=loaded) for _ in range(2))
    token = seed.handout["workspaces"][0]["tokens"]["owner"]
    for command in (owner, other):
        assert ask(command.line("Serving "), token, WHO)["viewer"]["actor"]["name"] == "Ingrid Solheim"
    assert (owner.messages + other.messages).count("Starting PostgreSQL") == 1
    attached = next(command for command in (owner, other) if "Starting PostgreSQL" not in command.messages)
    attached.signal(INT)
    assert attached.exit_code() == 0
    remaining = other if attached is owner else owner
    assert ask(remaining.line("Serving "), token, WHO)["viewer"]["actor"]["name"] == "Ingrid Solheim"
    remaining.stop()


def test_external_database_is_migrated_only_when_somebody_says_so(call: Call, postgres: EmbeddedPostgres) -> None:
    async def create() -> None:
        connection = await asyncpg.connect(driver_url(postgres.url()))
        await connection.execute("DROP DATABASE IF EXISTS cli_unmigrated")
        await connection.execute("CREATE DATABASE cli_unmigrated")
        await connection.close()

    asyncio.run(create())
    url = postgres.url("cli_unmigrated")
    refused = call("serve", TRAILCAST_DATABASE_URL=url)
    needed = f"this version of Trailcast needs {newest_revision()}: run `python -m trailcast migrate` first."
    assert (refused.exit_code, refused.stderr) == (2, f"The database is at revision none, {needed}\n")
    done = f"The database is at revision {newest_revision()}.\n"
    migrated = [call("migrate", TRAILCAST_DATABASE_URL=url) for _ in range(2)]
    assert [(result.exit_code, result.stdout) for result in migrated] == [
        (0, f"Migrating the database from revision none to {newest_revision()}\n{done}"),
        (0, done),
    ]

    async def upgrade() -> None:
        connection = await asyncpg.connect(driver_url(url))
        await connection.execute("UPDATE alembic_version SET version_num = '9999'")
        await connection.close()

    asyncio.run(upgrade())
    newer = f"The database is at revision 9999, which is newer than this version of Trailcast ({newest_revision()})"
    for command in ("serve", "migrate", "run"):
        outdated = call(command, TRAILCAST_DATABASE_URL=url)
        assert (outdated.exit_code, outdated.stderr) == (
            2, f"{newer}: start the version that migrated it, or a later one.\n",
        )  # fmt: skip


async def out_of_order(_scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "lifespan.startup.failed", "message": "out of order"})


def broken_application() -> ASGIApp:
    return out_of_order


def test_application_that_does_not_start_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "APPLICATION", f"{__name__}:broken_application")
    monkeypatch.setenv("TRAILCAST_DATABASE_URL", "restored after the test")
    settings = Settings(port=0)
    with until_stopped(), listening(settings) as listener, pytest.raises(SystemExit) as exit_:
        serve(settings, listener, "postgresql://nobody@127.0.0.1:9/none", workers=1)
    assert exit_.value.code == 3


@pytest.mark.parametrize(
    ("host", "port", "http"),
    [
        ("127.0.0.1", 8000, "http://127.0.0.1:8000/graphql"),
        ("0.0.0.0", 80, "http://127.0.0.1:80/graphql"),
        ("::", 8000, "http://[::1]:8000/graphql"),
        ("activity.example", 8000, "http://activity.example:8000/graphql"),
    ],
)
def test_address_is_one_that_a_client_can_use(host: str, port: int, http: str) -> None:
    address = endpoint(Settings(host=host), port)
    assert (address.http, address.ws) == (http, http.replace("http:", "ws:"))
    assert json.loads(address.model_dump_json()) == {"http": address.http, "ws": address.ws}
