"""The short commands: workspaces, tokens, the schema; and the words of every mistake."""

import asyncio
import re
import socket
from pathlib import Path
from typing import Any

import asyncpg
import click
import pytest

from tests.cli.conftest import Call
from tests.layout.tree import ROOT
from tests.support.clients import Client
from tests.support.world import World
from trailcast.cli import database as cli_database
from trailcast.cli.commands import main
from trailcast.embedded import EmbeddedPostgres
from trailcast.ledger.database import driver_url
from trailcast.ledger.revisions import newest_revision

WHO = "{ viewer { actor { kind id name } workspace { name } } }"


def said(result: Any) -> tuple[int, str, str]:
    return result.exit_code, result.stdout, result.stderr


def test_schema_that_is_printed_is_the_committed_one(call: Call) -> None:
    assert said(call("print-schema")) == (0, (ROOT / "schema.graphql").read_text(), "")


def test_every_command_has_a_help_text(call: Call) -> None:
    context = click.Context(main)
    commands = {name: main.get_command(context, name) for name in main.list_commands(context)}
    groups = {name: group.list_commands(context) for name, group in commands.items() if isinstance(group, click.Group)}
    names = [[name] for name in commands] + [[group, name] for group, inner in groups.items() for name in inner]
    assert len(names) == 14
    for words in names:
        assert re.match(r"Usage: python -m trailcast .*\n\n  [A-Z]", call(*words, "--help").stdout, re.DOTALL), words


def test_workspaces_are_made_and_listed(call: Call, empty_database_url: str) -> None:
    made = [call("workspace", "create", name, TRAILCAST_DATABASE_URL=empty_database_url) for name in ("North", "South")]
    ids = [result.stdout.strip() for result in made]
    assert [said(result) for result in made] == [(0, f"{identity}\n", "") for identity in ids]
    listed = call("workspace", "list", TRAILCAST_DATABASE_URL=empty_database_url)
    assert said(listed) == (0, f"{ids[0]}  North\n{ids[1]}  South\n", "")


@pytest.mark.parametrize(
    ("option", "subject", "name"),
    [
        ("--user", "Olive", "Olive"),
        ("--user", "sub|owner", "Olive"),
        ("--agent", "Builder", "Builder"),
        ("--service", "importer", "importer"),
    ],
)
async def test_token_is_printed_alone_and_speaks_for_its_subject_until_it_is_revoked(
    *, call: Call, gql: Client, database_url: str, option: str, subject: str, name: str
) -> None:
    async def command(*words: str) -> Any:
        return await asyncio.to_thread(call, *words, TRAILCAST_DATABASE_URL=database_url)

    made = await command("token", "create", "--workspace", "Acme", option, subject, "--name", "laptop")
    token, kind = made.stdout.strip(), option.removeprefix("--").upper()
    assert said(made) == (
        0,
        f"{token}\n",
        f"A token for the {kind.lower()} {subject} of Acme, until it is revoked. It is not shown again.\n",
    )
    actor = (await gql.data(WHO, token=token))["viewer"]["actor"]
    assert (actor["kind"], actor["name"]) == (kind, name)

    public_id, secret = token.split("_")[1:]
    listed = (await command("token", "list", "--workspace", "Acme")).stdout
    assert secret[:-6] not in listed
    [row] = [line.split() for line in listed.splitlines() if line.startswith(public_id)]
    assert row[:3] == [public_id, kind, actor["id"]]
    scopes = "read,write,directory" if kind == "SERVICE" else "read,write"
    assert (row[3], row[5], row[7:]) == (scopes, "-", ["-", "laptop"])

    revoked = [await command("token", "revoke", public_id) for _ in range(2)]
    assert [said(result) for result in revoked] == [
        (0, "", f"The token {public_id} is revoked.\n"),
        (2, "", f"There is no token '{public_id}' that could be revoked: `token list` shows their ids.\n"),
    ]
    assert await gql.codes(WHO, token=token) == ["UNAUTHENTICATED"]


def test_token_may_end_by_itself(call: Call, database_url: str) -> None:
    words = ["token", "create", "--workspace", "Acme", "--user", "Olive", "--expires-days", "7"]
    made = call(*words, TRAILCAST_DATABASE_URL=database_url)
    until = re.search(r"until (\S+)\. It is not shown again", made.stderr)
    listed = call("token", "list", "--workspace", "Acme", TRAILCAST_DATABASE_URL=database_url).stdout
    [row] = [line.split() for line in listed.splitlines() if line.startswith(made.stdout.split("_")[1])]
    assert until is not None
    assert row[5] == until[1]
    assert row[-2:] == ["command", "line"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--workspace", "Nowhere", "--user", "Olive"], "0 workspaces are called 'Nowhere': give the id of one."),
        (
            ["--workspace", "Acme", "--user", "Nobody"],
            "No single user is meant by 'Nobody' (none is): give the id, or sync the directory first.",
        ),
        (["--workspace", "Acme"], "Error: Give exactly one of --agent, --user and --service."),
        (
            ["--workspace", "Acme", "--user", "a", "--agent", "b"],
            "Error: Give exactly one of --agent, --user and --service.",
        ),
        (
            ["--workspace", "Acme", "--service", " "],
            "Error: Invalid value for '--service': a name has 1 to 200 characters and is not blank.",
        ),
        (
            ["--workspace", "Acme", "--user", "Olive", "--expires-days", "0"],
            "Error: Invalid value for '--expires-days': 0 is not in the range 1<=x<=3650.",
        ),
        (
            ["--workspace", "Acme", "--user", "Olive", "--scope", "read", "--scope", "directory"],
            "Error: Only a service's token may have the scope directory.",
        ),
        (
            ["--workspace", "Acme", "--user", "Olive", "--scope", "admin"],
            "Error: Invalid value for '--scope': 'admin' is not one of 'read', 'write', 'directory'.",
        ),
    ],
)
def test_token_for_nobody_is_refused(call: Call, database_url: str, words: list[str], sentence: str) -> None:
    result = call("token", "create", *words, TRAILCAST_DATABASE_URL=database_url)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.splitlines()[-1] == sentence


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"PORT": "99999"}, "PORT is '99999': Input should be less than or equal to 65535."),
        (
            {"TRAILCAST_LOG_LEVEL": "loud"},
            "TRAILCAST_LOG_LEVEL is 'loud': Input should be 'debug', 'info', 'warning' or 'error'.",
        ),
        ({"TRAILCAST_WORKERS": "0"}, "TRAILCAST_WORKERS is '0': Input should be greater than or equal to 1."),
        (
            {"TRAILCAST_DATABASE_URL": "mysql://user:hidden@127.0.0.1/name"},
            (
                "TRAILCAST_DATABASE_URL has to look like postgresql://user:password@host:5432/name; unset it to use the embedded "
                "PostgreSQL."
            ),
        ),
        (
            {"TRAILCAST_DATABASE_URL": "postgresql://user:hidden@127.0.0.1:9/name"},
            (
                "The database cannot be reached ([Errno 111] Connect call failed ('127.0.0.1', 9)): start it, or mend "
                "TRAILCAST_DATABASE_URL."
            ),
        ),
        (
            {"HOST": "203.0.113.1"},
            (
                "Nothing can listen on 203.0.113.1, port 0 ([Errno 99] Cannot assign requested address (while attempting to bind on "
                "address ('203.0.113.1', 0))): choose others with HOST=… and PORT=…, for instance PORT=8001; PORT=0 takes a free one."
            ),
        ),
    ],
)
@pytest.mark.parametrize("command", ["serve", "run"])
def test_wrong_setting_is_one_sentence(
    call: Call, tmp_path: Path, command: str, given: dict[str, str], sentence: str
) -> None:
    assert said(call(command, **given)) == (2, "", f"{sentence}\n")
    assert not (tmp_path / "data").exists()


def test_option_is_bounded_like_its_setting(call: Call) -> None:
    sentence = "TRAILCAST_WORKERS is 65: Input should be less than or equal to 64.\n"
    assert said(call("serve", "--workers", "65")) == (2, "", sentence)


def test_database_that_does_not_answer_is_given_up(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli_database, "CONNECT_DEADLINE_S", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql://user@127.0.0.1:{silent.getsockname()[1]}/name"
        result = call("workspace", "list", TRAILCAST_DATABASE_URL=url)
    sentence = "The database cannot be reached (no answer within 0.1 s): start it, or mend TRAILCAST_DATABASE_URL.\n"
    assert said(result) == (2, "", sentence)


def test_migration_by_a_role_that_may_not_is_refused_and_changes_nothing(
    call: Call, postgres: EmbeddedPostgres
) -> None:
    async def prepare(*statements: str) -> None:
        connection = await asyncpg.connect(driver_url(postgres.url()))
        for statement in statements:
            await connection.execute(statement)
        await connection.close()

    asyncio.run(prepare("CREATE ROLE onlooker LOGIN", "CREATE DATABASE cli_foreign"))
    try:
        result = call("migrate", TRAILCAST_DATABASE_URL=postgres.url("cli_foreign", user="onlooker"))
        assert (result.exit_code, result.stdout) == (
            2,
            f"Migrating the database from revision none to {newest_revision()}\n",
        )
        assert result.stderr == (
            "The database cannot be migrated, and is as it was (permission denied for schema public): the role of "
            "TRAILCAST_DATABASE_URL has to own the tables, and may have to make the roles that docs/operations.md names.\n"
        )
    finally:
        asyncio.run(prepare("DROP DATABASE cli_foreign", "DROP ROLE onlooker"))


def test_ids_of_the_world_are_found_by_id_too(call: Call, world: World, database_url: str) -> None:
    words = ["token", "create", "--workspace", world.acme, "--agent", world.id("bot")]
    result = call(*words, TRAILCAST_DATABASE_URL=database_url)
    assert (result.exit_code, result.stdout[:4]) == (0, "tca_")
