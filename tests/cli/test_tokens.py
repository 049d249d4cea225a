"""`token create --scope` and `token rotate`: what a token may do, and one in place of another."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.cli.conftest import Call
from tests.support.clients import Client
from tests.support.world import World

WHO = "{ viewer { actor { name } } }"
WRITE = 'mutation { logActivity(input: { eventType: "custom.noted" }) { errors { code } } }'
Command = Callable[..., Awaitable[Any]]


@pytest.fixture
def command(call: Call, database_url: str) -> Command:
    return lambda *words: asyncio.to_thread(call, *words, TRAILCAST_DATABASE_URL=database_url)


async def listed(command: Command) -> dict[str, list[str]]:
    """What the list says of each token, by its id."""
    lines = (await command("token", "list", "--workspace", "Acme")).stdout.splitlines()
    assert lines[0].split() == [
        "ID",
        "KIND",
        "SUBJECT",
        "SCOPES",
        "CREATED",
        "EXPIRES",
        "LAST",
        "USE",
        "REVOKED",
        "NAME",
    ]
    return {words[0]: words[1:] for words in map(str.split, lines[1:])}


async def test_token_has_the_scopes_that_were_given(command: Command, gql: Client) -> None:
    words = ["token", "create", "--workspace", "Acme", "--service", "importer"]
    made = await command(*words, "--scope", "directory", "--scope", "read", "--scope", "read")
    token = made.stdout.strip()
    assert (await listed(command))[token.split("_")[1]][2] == "read,directory"
    [error] = (await gql(WRITE, token=token))["errors"]
    assert (error["message"], error["extensions"]) == (
        "This token lacks the scope write: use one that has it.",
        {"code": "FORBIDDEN"},
    )


@pytest.mark.parametrize(
    ("given", "overlap"), [([], timedelta(hours=24)), (["--overlap", "90s"], timedelta(seconds=90))]
)
async def test_rotated_token_is_printed_alone_beside_when_the_old_one_ends(
    command: Command, gql: Client, given: list[str], overlap: timedelta
) -> None:
    create = ["token", "create", "--workspace", "Acme", "--user", "Olive", "--name", "laptop", "--scope", "read"]
    old = (await command(*create)).stdout.strip()
    old_id = old.split("_")[1]
    began = datetime.now(UTC)
    made = await command("token", "rotate", old_id, *given)
    ended = datetime.now(UTC)
    new = made.stdout.strip()
    new_id = new.split("_")[1]
    said = re.fullmatch(
        f"The token {old_id} counts until (\\S+), the new one until it is revoked. It is not shown again.\n",
        made.stderr,
    )
    assert said, made.stderr
    until = datetime.fromisoformat(said[1])
    assert (began + overlap).replace(microsecond=0) <= until <= ended + overlap
    rows = await listed(command)
    subject = rows[old_id][1]
    assert (rows[old_id][:3], rows[old_id][4]) == (["USER", subject, "read"], said[1])
    assert (rows[new_id][:3], rows[new_id][4], rows[new_id][7]) == (["USER", subject, "read"], "-", "laptop")
    for token in (old, new):
        assert await gql.data(WHO, token=token) == {"viewer": {"actor": {"name": "Olive"}}}


@pytest.mark.parametrize("overlap", ["", "24", "1.5h", "-1h", "31d", "9999999999s", "1w", "٣h"])
async def test_overlap_that_is_none_is_refused(command: Command, world: World, overlap: str) -> None:
    public_id = world.token("owner").split("_")[1]
    result = await command("token", "rotate", public_id, "--overlap", overlap)
    assert (result.exit_code, result.stdout) == (2, "")
    sentence = f"{overlap!r} is no span of time up to 30 days, such as 90s, 30m, 24h or 7d."
    assert result.stderr.splitlines()[-1] == f"Error: Invalid value for '--overlap': {sentence}"
    assert (await listed(command))[public_id][4] == "-"


async def test_token_that_is_unknown_is_not_rotated(command: Command) -> None:
    result = await command("token", "rotate", "nobody")
    assert (result.exit_code, result.stdout, result.stderr) == (
        2, "", "There is no token 'nobody' that could be rotated: `token list` shows their ids.\n"
    )  # fmt: skip
